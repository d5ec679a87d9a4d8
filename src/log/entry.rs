//! A reply as a line of the log, and the line as a reply again.

use std::borrow::Cow;
use std::io;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;

use super::block::{BlockWriter, State};
use super::lines;
use crate::fetch::{Answer, Reason, Reply};
use crate::model::{PageSize, RequestKey, parse_time};
use crate::wire::{Keys, Object, Raw, text};

/// The key of the body, the last of a line's fields.
const BODY: &str = "\"body\"";

/// Everything of a reply's line before its body.
#[derive(Serialize)]
struct Meta<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_no: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_page: Option<u32>,
    /// To the millisecond, as the API writes its own times: with microseconds, `fetched_at` was 7% of the files.
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_ahead_ms: Option<i64>,
    attempts: u32,
    rate_limited: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_ray: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureMeta<'a>>,
}

/// What a failed reply has beside its body.
#[derive(Serialize)]
struct FailureMeta<'a> {
    reason: Reason,
    http_status: Option<u16>,
    api_code: Option<i64>,
    message: &'a str,
}

/// Adds a reply's line and its place in the index to a block.
///
/// Line breaks of the body become blanks: JSON has them between tokens only. A body that is no JSON is
/// kept as a string.
pub(super) fn write(reply: Reply, block: &mut BlockWriter) -> io::Result<()> {
    let (mut meta, state) = describe(&reply);
    // The closing brace and line break make way for the body.
    meta.truncate(meta.len() - 2);
    block.index(&reply, state)?;
    block.write(&meta)?;
    block.write(b",")?;
    block.write(BODY.as_bytes())?;
    block.write(b":")?;
    match reply.answer {
        Answer::Found(mut body) => {
            blank_line_breaks(&mut body);
            block.write(&body)?;
        }
        Answer::Failed(failure) => {
            let mut body = failure.body;
            if std::str::from_utf8(&body).is_ok_and(|body| Raw::parse(body).is_some()) {
                blank_line_breaks(&mut body);
                block.write(&body)?;
            } else {
                block.write(&serde_json::to_vec(&String::from_utf8_lossy(&body))?)?;
            }
        }
    }
    block.write(b"}\n")
}

fn describe(reply: &Reply) -> (Vec<u8>, State) {
    let per_page = |size| match size {
        PageSize::Records(records) => Some(records),
        PageSize::ServerDefault => None,
    };
    let (kind, participant, page_no, per_page) = match reply.key {
        RequestKey::Details { participant, .. } => ("details", Some(participant.to_string()), None, None),
        RequestKey::PeerReport { participant, .. } => {
            ("peer_report", Some(participant.to_string()), None, None)
        }
        RequestKey::Page { page_no, size, .. } => ("page", None, Some(page_no), per_page(size)),
        RequestKey::Session { .. } => ("session", None, None, None),
        RequestKey::Sessions { page_no, size } => ("sessions", None, Some(page_no), per_page(size)),
    };
    let (failure, state) = match &reply.answer {
        Answer::Found(_) => (None, State::Found),
        Answer::Failed(failure) => {
            let state = match failure.reason {
                reason if reason.is_retried_on_resume() => State::AskAgain,
                _ if is_needed(reply.key, failure.http_status) => State::AskAgain,
                Reason::NotFound => State::NotFound,
                _ => State::Failed,
            };
            let meta = FailureMeta {
                reason: failure.reason,
                http_status: failure.http_status,
                api_code: failure.api_code,
                message: &failure.message,
            };
            (Some(meta), state)
        }
    };
    let meta = Meta {
        kind,
        session: reply.key.session().map(|session| session.to_string()),
        participant,
        page_no,
        per_page,
        at: reply.arrived_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        server_ahead_ms: reply.server_ahead.map(|ahead| ahead.num_milliseconds()),
        attempts: reply.attempts,
        rate_limited: reply.rate_limited,
        cf_ray: reply.cf_ray.as_deref(),
        failure,
    };
    (lines::to_line(&meta), state)
}

/// Whether no export comes about without this answer: a page of the app's sessions, unless it was only its
/// size that was refused. A later run asks for it again, whatever the refusal.
const fn is_needed(key: RequestKey, http_status: Option<u16>) -> bool {
    matches!(key, RequestKey::Sessions { .. }) && !key.may_be_refused_for_its_size(http_status)
}

fn blank_line_breaks(json: &mut [u8]) {
    for byte in json {
        // Written back always: then many bytes are done at once.
        *byte = if matches!(*byte, b'\n' | b'\r') { b' ' } else { *byte };
    }
}

/// A reply as the log gives it back.
#[derive(Debug)]
pub struct Entry<'a> {
    /// When it arrived, UTC.
    pub arrived_at: DateTime<Utc>,
    /// By how much the server's clock was ahead of the machine's; `None` where they agreed or it did not tell.
    pub server_ahead: Option<TimeDelta>,
    /// Requests sent for it.
    pub attempts: u32,
    /// How many of them met a 429.
    pub rate_limited: u32,
    /// Header `cf-ray`.
    pub cf_ray: Option<String>,
    /// The answer.
    pub answer: EntryAnswer<'a>,
}

/// The answer of an [`Entry`].
#[derive(Debug)]
pub enum EntryAnswer<'a> {
    /// The body as sent, but for line breaks.
    Found(Raw<'a>),
    /// A failure, without its body.
    Failed {
        /// The kind.
        reason: Reason,
        /// Status of the last reply.
        http_status: Option<u16>,
        /// The API's own code.
        api_code: Option<i64>,
        /// For people.
        message: String,
    },
}

impl<'a> Entry<'a> {
    /// Reads a line, whose keys are expected to be those of the last; `None` where it is not one that the log
    /// wrote. The body was checked before it was written, and its zstd frame has a checksum.
    pub(super) fn parse(line: &'a [u8], keys: &mut Keys) -> Option<Self> {
        let line = Raw::checked_before(std::str::from_utf8(line).ok()?);
        let (meta, body) = Object::parse_before(line, BODY, keys)?;
        let body = body.strip_suffix('}')?;
        let number = |name| meta.get(name)?.get().parse().ok();
        let owned = |name| meta.get(name).and_then(text).map(Cow::into_owned);
        let answer = match meta.get("reason") {
            None => EntryAnswer::Found(Raw::checked_before(body)),
            Some(reason) => EntryAnswer::Failed {
                reason: serde_json::from_str(reason.get()).ok()?,
                http_status: meta.get("http_status").and_then(|status| status.get().parse().ok()),
                api_code: meta.get("api_code").and_then(|code| code.get().parse().ok()),
                message: owned("message").unwrap_or_default(),
            },
        };
        Some(Self {
            arrived_at: meta.get("at").and_then(text).and_then(|at| parse_time(&at))?,
            server_ahead: meta
                .get("server_ahead_ms")
                .and_then(|ms| TimeDelta::try_milliseconds(ms.get().parse().ok()?)),
            attempts: number("attempts")?,
            rate_limited: number("rate_limited")?,
            cf_ray: owned("cf_ray"),
            answer,
        })
    }
}
