//! What came of a request: the hand-over from `fetch` to the response log.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Body;
use crate::model::RequestKey;
use crate::wire::Gave;

/// What came of one request, after its retries.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// What was asked for.
    pub key: RequestKey,
    /// When the last try ended, UTC.
    pub arrived_at: DateTime<Utc>,
    /// By how much the server's clock was ahead of this machine's then, within a second or two; `None` where they agree
    /// or it did not tell.
    pub server_ahead: Option<TimeDelta>,
    /// Requests sent for it, those that met a 429 included.
    pub attempts: u32,
    /// How many of them met a 429.
    pub rate_limited: u32,
    /// Header `cf-ray` of the last reply: Cloudflare's name for it.
    pub cf_ray: Option<String>,
    /// What it gave, where call statistics are asked for and one participant was.
    pub gave: Gave,
    /// The answer.
    pub answer: Answer,
}

/// The answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A 200 whose body is JSON and holds what was promised: the body as sent.
    Found(Body),
    /// No such answer to be had.
    Failed(Failure),
}

/// Why an id could not be had: a row of `failures` in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub reason: Reason,
    /// Status of the last reply; `None` where none came.
    pub http_status: Option<u16>,
    /// The API's own code.
    pub api_code: Option<i64>,
    /// What went wrong, for people.
    pub message: String,
    /// The first bytes of the last reply's body.
    pub body: Vec<u8>,
}

/// The kinds of failure: `failures.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The list's id is none; nothing was sent.
    InvalidId,
    /// The API does not know it: 404, or not among the session's participants.
    NotFound,
    /// Another 4xx: the API will not answer.
    Refused,
    /// A 200 that is not JSON, or JSON of another shape, to the last try.
    BadResponse,
    /// Connection errors, timeouts or 5xx to the last try.
    RetriesExhausted,
    /// The body is larger than the exporter can hold.
    TooLarge,
}

impl Reason {
    /// The contract's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidId => "invalid_id",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::BadResponse => "bad_response",
            Self::RetriesExhausted => "retries_exhausted",
            Self::TooLarge => "too_large",
        }
    }

    /// Whether a later run tries again: the answer was no answer.
    #[must_use]
    pub const fn is_retried_on_resume(self) -> bool {
        matches!(self, Self::BadResponse | Self::RetriesExhausted)
    }
}
