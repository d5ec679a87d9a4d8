//! The run summary: one JSON object, the same keys however a run ended.

use std::collections::BTreeMap;
use std::error::Error as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::Ended;
use crate::error::Error;

/// The shape of the object; another number where a key changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    summary_version: u32,
    tool: Tool,
    command: &'static str,
    started_at: String,
    finished_at: String,
    duration_ms: u64,
    exit_code: u8,
    outcome: &'static str,
    resumable: bool,
    error: Option<Failure>,
    phase: &'static str,
    output: Option<String>,
    export_id: Option<&'a str>,
    since: Option<String>,
    until: Option<String>,
    requests: Requests,
    replies: Replies,
    failures: u64,
    quota: Option<Quota>,
    rows: Option<BTreeMap<&'static str, u64>>,
    duration_minutes: Option<&'a str>,
    minutes_consumed: Option<&'a str>,
    dataset: Option<Dataset>,
}

#[derive(Serialize)]
struct Dataset {
    generation: u64,
    synced_until: String,
    days: u64,
    pending_days: u64,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Failure {
    class: &'static str,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Requests {
    sent: u64,
    retried: u64,
    rate_limited: u64,
}

#[derive(Serialize)]
struct Replies {
    received: u64,
    kept: u64,
}

#[derive(Serialize)]
struct Quota {
    used: u64,
    allowed: u64,
    window_seconds: u64,
}

impl Failure {
    fn of(error: &Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(source) = cause {
            causes.push(source.to_string());
            cause = source.source();
        }
        Self { class: error.class().name(), message: error.to_string(), causes, hint: error.hint() }
    }
}

/// The summary's text.
pub(super) fn text(ended: &Ended<'_>) -> String {
    let Ended { facts, .. } = ended;
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let progress = facts.progress.snapshot();
    let made = facts.requests.unwrap_or_default();
    let published = facts.published.as_ref();
    let summary = Document {
        summary_version: VERSION,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        command: ended.command,
        started_at: time(ended.started_at),
        finished_at: time(ended.finished_at),
        duration_ms: u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
        exit_code: ended.exit_code,
        outcome: ended.outcome(),
        resumable: ended.is_resumable(),
        error: ended.error.map(Failure::of),
        phase: progress.phase.name(),
        output: facts.output.as_ref().map(|output| output.display().to_string()),
        export_id: facts.export_id.as_deref(),
        since: facts.since.map(time),
        until: facts.until.map(time),
        requests: Requests { sent: made.sent, retried: made.retried, rate_limited: made.rate_limited },
        replies: Replies { received: progress.settled, kept: progress.kept },
        failures: ended.failures(),
        quota: facts.requests.map(|made| Quota {
            used: made.quota_used,
            allowed: made.quota_allowed,
            window_seconds: made.quota_window.as_secs(),
        }),
        rows: published.map(|published| published.rows.iter().copied().collect()),
        duration_minutes: published.and_then(|published| published.duration_minutes.as_deref()),
        minutes_consumed: published.and_then(|published| published.minutes_consumed.as_deref()),
        dataset: facts.dataset.as_ref().map(|dataset| Dataset {
            generation: dataset.generation,
            synced_until: time(dataset.synced_until),
            days: dataset.days,
            pending_days: dataset.pending,
        }),
    };
    // A struct of text and numbers always has a JSON form.
    serde_json::to_string_pretty(&summary).map(|text| text + "\n").unwrap_or_default()
}
