//! A plan: the numbers as one JSON object, whose names are stable and documented in the README.
//!
//! In: what `plan` found out. Out: JSON; by `text`, lines for people.
//! Not here: where the numbers come from (`plan`).

#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use serde::{Serialize, Serializer};

/// A count that may not be known: at least, and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The least that it can be.
    pub min: u64,
    /// The most; null where nothing is known that bounds it.
    pub max: Option<u64>,
}

/// What a run would send and what would come of it.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// The shape of this object.
    pub plan_version: u32,
    /// The lists, in order.
    pub lists: Vec<ListRows>,
    /// The window, where one was asked for.
    pub window: Option<WindowPlan>,
    /// Rows of all lists.
    pub rows: RowCounts,
    /// The first few of the rows that are odd.
    pub examples: Examples,
    /// What is asked for, each once.
    pub asks_for: AsksFor,
    /// Requests by kind.
    pub requests: RequestPlan,
    /// What the same would cost by one request for each participant.
    pub detail_requests: Range,
    /// The pace.
    pub quota: QuotaPlan,
    /// How long the requests take at that pace.
    pub seconds: Range,
    /// What would come of it.
    pub expected: Expected,
    /// What was counted, where that was asked for.
    pub counted: Option<CountedPlan>,
    /// The minutes that are known, and their cost.
    pub minutes: Option<MinutesPlan>,
}

/// A list file and its rows.
#[derive(Clone, Debug, Serialize)]
pub struct ListRows {
    /// As typed.
    pub path: String,
    /// Its rows.
    pub rows: u64,
}

/// The sessions of a window.
#[derive(Clone, Debug, Serialize)]
pub struct WindowPlan {
    /// Its first moment.
    pub since: Option<String>,
    /// The first moment past its end.
    pub until: Option<String>,
    /// The meeting asked for.
    pub meeting: Option<String>,
    /// Sessions in it.
    pub sessions: u64,
    /// Of them, those that are live.
    pub live_sessions: u64,
    /// Live ones that are left out.
    pub live_left_out: u64,
    /// Minutes consumed, as the sessions say; null where none says.
    pub minutes_consumed: Option<String>,
}

/// Rows of lists.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RowCounts {
    /// All of them.
    pub read: u64,
    /// Those whose ids are none.
    pub invalid: u64,
    /// Those that repeat an earlier one.
    pub duplicate: u64,
}

/// The first few odd rows.
#[derive(Clone, Debug, Serialize)]
pub struct Examples {
    /// Of the invalid ones.
    pub invalid: Vec<ExampleRow>,
    /// Of the repeated ones.
    pub duplicate: Vec<ExampleRow>,
}

/// A row of a list.
#[derive(Clone, Debug, Serialize)]
pub struct ExampleRow {
    /// Its list.
    pub list_file: String,
    /// As a spreadsheet counts.
    pub row_number: u64,
    /// The session cell as given.
    pub session_id: String,
    /// The participant cell as given.
    pub participant_id: Option<String>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// What is asked for, each once.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct AsksFor {
    /// Sessions.
    pub sessions: u64,
    /// Of them, those of which everyone is asked for.
    pub whole_sessions: u64,
    /// Participants by their own id.
    pub participants: u64,
    /// People by user id or custom participant id.
    pub by_other_id: u64,
}

/// Requests by kind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RequestPlan {
    /// Pages of the app's sessions.
    pub session_pages: Range,
    /// Pages of a session's participants.
    pub participant_pages: Range,
    /// One participant each.
    pub details: Range,
    /// One participant's call statistics each.
    pub peer_reports: Range,
    /// One session each.
    pub sessions: Range,
    /// All together: one kind may be more where another is less.
    pub total: Range,
}

/// The pace that is kept to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QuotaPlan {
    /// Requests of the quota.
    pub requests: u64,
    /// In which time.
    #[serde(rename = "window_seconds", serialize_with = "seconds")]
    pub window: Duration,
    /// The share that is left to others.
    pub reserve_percent: u8,
    /// What remains.
    pub allowed: u64,
}

/// A window may be shorter than a second.
fn seconds<S: Serializer>(window: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(window.as_secs_f64())
}

/// What would come of it; bytes and events are estimates.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Expected {
    /// Rows of `participants`.
    pub participants: Range,
    /// Rows of `peer_events`.
    pub peer_events: Range,
    /// Bytes of the replies, unpacked.
    pub reply_bytes: Range,
    /// Bytes of the export as Parquet.
    pub parquet_bytes: Range,
    /// Bytes of the export as CSV.
    pub csv_bytes: Range,
    /// Bytes of the response log.
    pub log_bytes: Range,
}

/// What a count found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CountedPlan {
    /// Sessions that were counted.
    pub sessions: u64,
    /// Sessions that the API does not know.
    pub not_found: u64,
    /// Sessions whose page could not be had.
    pub failed: u64,
    /// Sessions of which somebody has not left.
    pub live_sessions: u64,
    /// Participants that were seen and asked for.
    pub participants: u64,
    /// Requests that counting took.
    pub requests_sent: u64,
}

/// Minutes that are known, and what they cost by the price list.
#[derive(Clone, Debug, Serialize)]
pub struct MinutesPlan {
    /// Of how many participants they are.
    pub participants: u64,
    /// All of them.
    pub minutes_consumed: String,
    /// The cost of those whose price is known.
    pub cost_usd: String,
    /// The minutes whose price is not known.
    pub minutes_without_price: String,
    /// By view type.
    pub by_view_type: Vec<ViewTypeMinutes>,
}

/// The minutes of a view type.
#[derive(Clone, Debug, Serialize)]
pub struct ViewTypeMinutes {
    /// The view type; null where none was named.
    pub view_type: Option<String>,
    /// Its minutes.
    pub minutes_consumed: String,
    /// What one of them costs; null where that is not known.
    pub usd_per_minute: Option<String>,
    /// What they cost.
    pub cost_usd: Option<String>,
}

impl PlanReport {
    /// One JSON object, indented.
    #[must_use]
    pub fn json(&self) -> String {
        // Structs of text and numbers always have a JSON form.
        serde_json::to_string_pretty(self).map(|json| json + "\n").unwrap_or_default()
    }
}
