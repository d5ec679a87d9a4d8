//! A model of the API, small enough to reason about, and a planner driven against it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::super::*;
use crate::lists::Asked;
use crate::model::{IdKey, PageSize, ParticipantId, RequestKey, SessionId};
use crate::wire::{Gave, Listed, PageSummary, Paging};

/// A small API: who is in which session, how large a page may be, which page is broken.
#[derive(Clone, Debug)]
pub(super) struct Api {
    /// People of each session, by a small number.
    pub(super) sessions: Vec<u8>,
    pub(super) page_limit: u32,
    /// Records of a page that is asked for without a size.
    pub(super) page_default: u32,
    pub(super) refuses_size: bool,
    pub(super) tells_total: bool,
    /// A page that never comes, and with which status.
    pub(super) broken_page: Option<(u32, u16)>,
    /// People of each session whom no page shows, though its total counts them.
    pub(super) hidden: u8,
    /// Whether pages are counted from 0.
    pub(super) zero_based: bool,
    pub(super) statistics: Statistics,
}

/// Where the API has call statistics, and of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    /// Whether details carry them.
    pub(super) in_details: bool,
    /// Whether peer reports carry peer events.
    pub(super) events_in_reports: bool,
    /// Every so manyth participant has none; its report is unknown where that is even.
    pub(super) none_of: u8,
    /// Every so manyth participant's report fails.
    pub(super) lost_of: u8,
}

/// Everybody has statistics, in the report only.
pub(super) const NEWEST: Statistics =
    Statistics { in_details: false, events_in_reports: true, none_of: u8::MAX, lost_of: u8::MAX };

impl Statistics {
    /// Whether someone has any.
    pub(super) const fn has(self, n: u8) -> bool {
        n % self.none_of != self.none_of - 1
    }

    /// Whether someone's report fails.
    pub(super) const fn loses(self, n: u8) -> bool {
        n % self.lost_of == self.lost_of - 1
    }
}

pub(super) fn session_id(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

/// Participant `n` of a session; its enrolment id has another last byte.
pub(super) fn participant(session: u8, n: u8) -> ParticipantId {
    let mut bytes = [n; 16];
    bytes[0] = session;
    ParticipantId::from_bytes(bytes)
}

pub(super) fn enrolment(session: u8, n: u8) -> ParticipantId {
    let mut bytes = participant(session, n).to_bytes();
    bytes[15] = 0xEE;
    ParticipantId::from_bytes(bytes)
}

pub(super) fn custom(n: u8) -> String {
    format!("customer {n}")
}

impl Api {
    pub(super) fn answer(&self, request: &RequestKey) -> Outcome {
        let session = request.session().unwrap().to_bytes()[0];
        let Some(people) = self.sessions.get(usize::from(session)).copied() else { return Outcome::NotFound };
        match *request {
            RequestKey::Session { .. } => Outcome::Found(Gave::default()),
            RequestKey::Sessions { .. } => panic!("the planner lists no sessions"),
            RequestKey::Details { participant: id, .. } => {
                let Some(n) = (0..people).find(|n| participant(session, *n) == id) else {
                    return Outcome::NotFound;
                };
                let Statistics { in_details, .. } = self.statistics;
                Outcome::Found(Gave { statistics: in_details && self.statistics.has(n), record: true })
            }
            RequestKey::PeerReport { participant: id, .. } => {
                let Some(n) = (0..people).find(|n| participant(session, *n) == id) else {
                    return Outcome::NotFound;
                };
                let of = self.statistics;
                if of.loses(n) {
                    return Outcome::Failed { http_status: Some(503) };
                }
                if !of.has(n) && of.none_of.is_multiple_of(2) {
                    return Outcome::NotFound;
                }
                Outcome::Found(Gave { statistics: of.has(n), record: of.events_in_reports })
            }
            RequestKey::Page { page_no, size, .. } => {
                let asked = match (size, self.broken_page) {
                    // Of a refusal the server's default size is no part: it would come in that.
                    (PageSize::Records(_), Some((broken, status))) if broken == page_no => {
                        return Outcome::Failed { http_status: Some(status) };
                    }
                    (_, Some((broken, 500))) if broken == page_no => {
                        return Outcome::Failed { http_status: Some(500) };
                    }
                    (PageSize::Records(_), _) if self.refuses_size => {
                        return Outcome::Failed { http_status: Some(400) };
                    }
                    (PageSize::Records(records), _) => records.min(self.page_limit),
                    (PageSize::ServerDefault, _) => self.page_default,
                };
                let before = if self.zero_based { page_no } else { page_no.max(1) - 1 };
                let shown = u32::from(people.saturating_sub(self.hidden));
                let start = shown.min(before * asked);
                let end = shown.min(start + asked);
                let listed = (start..end).map(|n| {
                    let n = u8::try_from(n).unwrap();
                    Listed {
                        id: Some(participant(session, n).into()),
                        participant: Some(participant(session, n)),
                        user: Some(enrolment(session, n).into()),
                        custom: Some(IdKey::of(&custom(n % 3))),
                    }
                });
                let total = self.tells_total.then_some(u64::from(people));
                Outcome::Page(PageSummary { listed: listed.collect(), paging: Paging { total } })
            }
        }
    }
}

/// The answers of an earlier run.
#[derive(Clone, Default)]
pub(super) struct Logged(pub(super) Arc<Mutex<HashMap<String, (RequestKey, Outcome)>>>);

/// A page that came is known by its number, whatever its size; a refusal is one of its size only.
pub(super) fn log_key(request: &RequestKey, came: bool) -> String {
    match request {
        RequestKey::Page { session, page_no, .. } if came => format!("{session} {page_no}"),
        other => format!("{other:?}"),
    }
}

impl Known for Logged {
    fn answer(&mut self, request: &RequestKey) -> crate::error::Result<Option<(RequestKey, Outcome)>> {
        let log = self.0.lock().unwrap();
        let came = log.get(&log_key(request, true));
        Ok(came.or_else(|| log.get(&log_key(request, false))).cloned())
    }

    fn has(&self, request: &RequestKey) -> bool {
        self.0.lock().unwrap().contains_key(&log_key(request, false))
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::default();
        #[expect(clippy::iter_over_hash_type, reason = "the order does not matter")]
        for (request, outcome) in self.0.lock().unwrap().values() {
            let gave = if let Outcome::Found(gave) = outcome { *gave } else { Gave::default() };
            match request {
                RequestKey::Details { .. } => {
                    evidence.add_details(matches!(outcome, Outcome::Found(_)), gave);
                }
                RequestKey::PeerReport { .. } => evidence.add_report(gave),
                _ => {}
            }
        }
        evidence
    }
}

pub(super) fn wants(rows: &[Asked]) -> Arc<Wants> {
    let mut wants = Wants::new();
    for row in rows {
        wants.add(row);
    }
    Arc::new(wants)
}

/// Runs a planner against the API, up to `at_once` requests in flight, answering the oldest or the
/// newest first. Gives the requests in the order sent.
pub(super) fn drive(
    api: &Api,
    planner: &mut Planner,
    at_once: usize,
    newest_first: bool,
    stop_after: usize,
    log: &Logged,
) -> Vec<RequestKey> {
    drive_counted(api, planner, at_once, newest_first, stop_after, log).0
}

/// The same, with the number of ids that were lost.
pub(super) fn drive_counted(
    api: &Api,
    planner: &mut Planner,
    at_once: usize,
    newest_first: bool,
    stop_after: usize,
    log: &Logged,
) -> (Vec<RequestKey>, u64) {
    let (mut sent, mut all_lost) = (Vec::new(), 0);
    let mut in_flight: Vec<RequestKey> = Vec::new();
    loop {
        let next = if in_flight.len() < at_once { planner.next_request().unwrap() } else { Next::Wait };
        match next {
            Next::Request(request) => {
                if sent.len() == stop_after {
                    return (sent, all_lost);
                }
                sent.push(request);
                in_flight.push(request);
            }
            Next::Wait => {
                let request = if newest_first { in_flight.pop().unwrap() } else { in_flight.remove(0) };
                let outcome = api.answer(&request);
                let key = log_key(&request, matches!(outcome, Outcome::Page(_)));
                log.0.lock().unwrap().insert(key, (request, outcome.clone()));
                let Taken::GoesOn { lost } = planner.answered(&request, &outcome) else {
                    panic!("{request}")
                };
                all_lost += lost;
            }
            Next::Done => return (sent, all_lost),
        }
    }
}
