//! An id that could not be had -> a row of `failures`, which is itself a valid list.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::columns::Columns;
use super::record::{close, push_member};
use crate::fetch::Reason;
use crate::lists::{Asked, ListRow};
use crate::log::{Entry, EntryAnswer};

/// Why an id could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) reason: Reason,
    pub(super) http_status: Option<u16>,
    pub(super) api_code: Option<i64>,
    pub(super) message: String,
    pub(super) attempts: u32,
    pub(super) cf_ray: Option<String>,
    pub(super) at: DateTime<Utc>,
}

impl Failed {
    /// A failure for which nothing was sent.
    pub(super) const fn unsent(reason: Reason, at: DateTime<Utc>) -> Self {
        Self {
            reason,
            http_status: None,
            api_code: None,
            message: String::new(),
            attempts: 0,
            cf_ray: None,
            at,
        }
    }

    /// What a logged reply says of its failure. Of a reply that came: its tries and name, for a failure
    /// to be told from what it lacks.
    pub(super) fn of(entry: Entry<'_>) -> Self {
        let base = Self {
            attempts: entry.attempts,
            cf_ray: entry.cf_ray,
            ..Self::unsent(Reason::BadResponse, entry.arrived_at)
        };
        match entry.answer {
            EntryAnswer::Found(_) => {
                let message = "the logged reply does not hold what was asked for".to_owned();
                Self { http_status: Some(200), message, ..base }
            }
            EntryAnswer::Failed { reason, http_status, api_code, message } => {
                Self { reason, http_status, api_code, message, ..base }
            }
        }
    }
}

/// Rows of `failures` in the making.
pub(super) struct FailureRows {
    pub(super) columns: Columns,
    pub(super) by_reason: BTreeMap<&'static str, u64>,
}

impl FailureRows {
    pub(super) fn new() -> Self {
        Self { columns: Columns::new(super::schema::Table::Failures), by_reason: BTreeMap::new() }
    }

    /// Adds a failure of what a list row, or else the window, asked for.
    pub(super) fn add(
        &mut self,
        session_id: Option<&str>,
        participant_id: Option<&str>,
        origin: Option<(&str, &ListRow)>,
        failed: &Failed,
    ) {
        *self.by_reason.entry(failed.reason.name()).or_default() += 1;
        self.columns
            .row()
            .text(session_id)
            .text(participant_id)
            .text(origin.map(|(list_file, _)| list_file))
            .int(origin.and_then(|(_, row)| i64::try_from(row.row_number).ok()))
            .text(Some(failed.reason.name()))
            .int(failed.http_status.map(i64::from))
            .int(failed.api_code)
            .text(Some(&failed.message))
            .count(u64::from(failed.attempts))
            .text(failed.cf_ray.as_ref())
            .time(Some(failed.at))
            .text(origin.and_then(|(_, row)| labels(row)));
    }
}

/// A row's labels as a JSON object. An id that has no column in `failures` stands among them, under the
/// name by which a list would have it: so the file asks for the same again.
fn labels(row: &ListRow) -> Option<String> {
    let mut object = String::new();
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match &row.asked {
        Ok(Asked::User(_, user)) => push_member(&mut object, "\"user_id\"", &text(user)),
        Ok(Asked::Custom(_, custom)) => push_member(&mut object, "\"custom_participant_id\"", &text(custom)),
        _ => {}
    }
    for (name, value) in &row.labels {
        push_member(&mut object, &text(name), &text(value));
    }
    close(object)
}
