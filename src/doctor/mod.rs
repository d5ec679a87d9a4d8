//! Asks the live API what its documents leave open (API page, section 16), in a handful of requests.
//!
//! In: a [`Fetcher`], and the [`Subject`] to ask about. Out: a [`Report`] of checks, each with what was
//! seen and the setting that follows.
//! Guarantees: at most [`AT_MOST`] requests, retries included, one after the other and all through the
//! fetcher's gate; no name, address or other personal value is kept or shown, ids only.
//! Not here: HTTP and the budget (`fetch`); where the report goes (`commands`).
//!
//! `course` asks, `findings` reads each reply into the few facts that matter, `checks` are pure functions
//! of those, `report` shows them.

mod asker;
mod checks;
mod course;
mod findings;
mod report;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

pub use report::{Check, Report, Verdict};

use crate::config::RequestRate;
use crate::fetch::Fetcher;
use crate::model::{ParticipantId, SessionId};

/// Requests that have a question of their own; most runs need twelve of them.
const QUESTIONS: u32 = 17;
/// Tries after the first, over all requests.
const RETRIES: u32 = 3;
/// The most that is ever sent.
pub const AT_MOST: u32 = QUESTIONS + RETRIES;

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The API.
    pub base_url: String,
    /// The account, as typed.
    pub account_id: String,
    /// The app, as typed.
    pub app_id: String,
    /// The session to look at; one of the newest where not given.
    pub session: Option<SessionId>,
    /// The participant of it; the first where not given.
    pub participant: Option<ParticipantId>,
    /// The rate that was set, where one was.
    pub rate: Option<RequestRate>,
}

/// Asks, and judges what came back. Dropped, it loses the reply under way.
pub async fn examine(fetcher: &Fetcher, subject: Subject, now: DateTime<Utc>) -> Report {
    let findings = course::run(fetcher, &subject).await;
    let checks = checks::all(&findings, &subject, now);
    Report::new(subject, &findings, checks)
}
