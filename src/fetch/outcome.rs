//! What a try came to: its outcome for `retry`, and what is said of it in `failures` and messages.
//!
//! In: a reply or a fault, and what was asked for. Out: a [`Tried`].
//! Guarantees: a success is [`Outcome::Good`] only if its body holds what was promised; texts are
//! bounded and on one line.
//! Not here: what to do next (`retry`).

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::LOCATION;
use url::Url;

use super::body::{Body, POOL};
use super::client::Received;
use super::fault::{Fault, FaultKind};
use super::retry::{Outcome, edge_error_code, retry_after};
use super::target::Queries;
use super::{Failure, Reason};
use crate::clock;
use crate::model::RequestKey;
use crate::wire::{ApiError, BadBody, Expected, Gave, Object, Raw, api_error, success};

/// Of a body that is no answer, this much is kept in `failures` and the log.
const KEPT: usize = 512;
/// ... and this many characters are shown in a message.
const SHOWN: usize = 120;

/// One try and its end.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) outcome: Outcome,
    pub(super) status: Option<StatusCode>,
    pub(super) cf_ray: Option<String>,
    /// How long the server asked to be left alone.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Body,
    pub(super) gave: Gave,
    why: Why,
}

/// What the outcome does not tell.
#[derive(Debug)]
enum Why {
    Nothing,
    Bad(BadBody),
    /// Host of a redirect's `Location`.
    Redirect(Option<String>),
    Fault(Fault),
}

/// What a request's reply must hold.
const fn expected(key: &RequestKey) -> Expected {
    match key {
        RequestKey::Details { .. } => Expected::Participant,
        RequestKey::PeerReport { .. } => Expected::PeerReport,
        RequestKey::Page { .. } => Expected::Participants,
        RequestKey::Session { .. } => Expected::Session,
        RequestKey::Sessions { .. } => Expected::Sessions,
    }
}

/// What a reply about one participant gave.
fn what_it_gave(key: &RequestKey, record: Raw<'_>, queries: Queries) -> Gave {
    let Some(record) = Object::parse(record) else { return Gave::default() };
    match key {
        RequestKey::Details { .. } => Gave::of_details(&record),
        RequestKey::PeerReport { session, .. } => {
            Gave::of_report(&record, *session, queries.reports.peer_events)
        }
        RequestKey::Page { .. } | RequestKey::Session { .. } | RequestKey::Sessions { .. } => Gave::default(),
    }
}

impl Tried {
    /// A success must hold what was asked for; where that is nothing known, an object that is no refusal.
    pub(super) fn of(asked: Option<(&RequestKey, Queries)>, result: Result<Received, Fault>) -> Self {
        match result {
            Ok(received) => Self::received(asked, received),
            Err(mut fault) => Self {
                outcome: Outcome::Fault(fault.kind),
                status: fault.status,
                cf_ray: fault.cf_ray.take(),
                retry_after: None,
                body: Body::default(),
                gave: Gave::default(),
                why: Why::Fault(fault),
            },
        }
    }

    fn received(asked: Option<(&RequestKey, Queries)>, received: Received) -> Self {
        let (status, cf_ray) = (received.status, received.cf_ray());
        let is_json = received.is_json();
        let retry_after = retry_after(&received.headers, clock::now());
        let mut gave = Gave::default();
        let tried = |gave, outcome, why, body| Self {
            outcome,
            status: Some(status),
            cf_ray,
            retry_after,
            body,
            gave,
            why,
        };
        let Some(body) = received.body else {
            return tried(gave, Outcome::TooLarge, Why::Nothing, Body::default());
        };
        if !status.is_success() {
            let edge_code = if is_json { None } else { edge_error_code(&body) };
            let location = received.headers.get(LOCATION).filter(|_| status.is_redirection());
            let why = location.map_or(Why::Nothing, |location| {
                let url = location.to_str().ok().and_then(|text| Url::parse(text).ok());
                Why::Redirect(url.and_then(|url| Some(url.host_str()?.to_owned())))
            });
            let outcome = match edge_code {
                None if received.is_cut => Outcome::StatusCut(status),
                code => Outcome::Status(status, code),
            };
            return tried(gave, outcome, why, body);
        }
        let held = match asked {
            Some((key, queries)) => expected(key).find(&body).map(|reply| {
                if queries.ask_statistics() {
                    gave = what_it_gave(key, reply.value, queries);
                }
            }),
            None => success(&body).map(drop),
        };
        match held.err() {
            None => tried(gave, Outcome::Good, Why::Nothing, body),
            Some(bad) => tried(gave, Outcome::Bad, Why::Bad(bad), body),
        }
    }

    /// Whether the reply shows that the API is up; `None` where it says nothing of that.
    pub(super) fn is_up(&self) -> Option<bool> {
        match self.outcome {
            Outcome::Fault(FaultKind::BodyCut)
            | Outcome::Status(StatusCode::TOO_MANY_REQUESTS, _)
            | Outcome::StatusCut(StatusCode::TOO_MANY_REQUESTS) => None,
            Outcome::Fault(_) => Some(false),
            Outcome::Status(status, _) | Outcome::StatusCut(status) => Some(!status.is_server_error()),
            Outcome::Good | Outcome::Bad | Outcome::TooLarge => Some(true),
        }
    }

    /// What the API says of it.
    pub(super) fn api_error(&self) -> ApiError {
        api_error(&self.body)
    }

    /// What went wrong, on one line.
    pub(super) fn message(&self, said: &ApiError) -> String {
        let said = said.message.as_deref().map(|text| one_line(text.as_bytes()));
        match (&self.why, self.status) {
            (Why::Fault(fault), _) => fault.to_string(),
            (Why::Bad(BadBody::Refused), _) if said.is_some() => said.unwrap_or_default(),
            (Why::Bad(bad), _) if self.body.is_empty() => format!("{bad}: it is empty"),
            (Why::Bad(bad), _) => format!("{bad}: {}", one_line(&self.body)),
            (Why::Redirect(host), Some(status)) => {
                let host = host.as_deref().unwrap_or("another path");
                format!("{status}: a redirect to {host}, which is not followed")
            }
            (_, Some(_)) if self.outcome == Outcome::TooLarge => {
                format!("the body is larger than {} MiB", POOL >> 20)
            }
            (_, Some(status)) => said.unwrap_or_else(|| reason_phrase(status)),
            (_, None) => String::new(),
        }
    }

    /// The failure that this try makes of its request.
    pub(super) fn into_failure(self, reason: Reason) -> Failure {
        let said = self.api_error();
        Failure {
            reason,
            http_status: self.status.map(|status| status.as_u16()),
            api_code: said.code,
            message: self.message(&said),
            body: self.body[..self.body.len().min(KEPT)].to_vec(),
        }
    }
}

/// The status's usual words.
pub(super) fn reason_phrase(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(|| format!("status {}", status.as_u16()), str::to_owned)
}

/// The start of a text from the network, fit for a terminal and a table's cell.
fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_the_network_become_one_short_line() {
        assert_eq!(one_line(b"<html>\r\n <b>\x1b[31mNo\x00w</b>"), "<html> <b> [31mNo w</b>");
        assert_eq!(one_line("ü".repeat(1000).as_bytes()).chars().count(), SHOWN + 1);
        assert_eq!(one_line(b""), "");
    }
}
