//! One session record -> a row of `sessions`.

use chrono::{DateTime, Utc};

use super::columns::Columns;
use super::known::{SESSION_STATUSES, SESSION_TYPES};
use super::record::{Places, Record};
use super::schema::Table;
use super::warnings::Warnings;
use crate::model::IdKey;
use crate::wire::{Object, Raw};

/// Adds a session's record. `others` are fields from around it.
pub(super) fn add(
    columns: &mut Columns,
    session_id: &str,
    object: Object<'_>,
    others: &[(String, Raw<'_>)],
    fetched_at: DateTime<Utc>,
    warnings: &mut Warnings,
) {
    let mut places = Places::default();
    let mut record = Record::new(Table::Sessions, object, &mut places, warnings);
    // The id is the one that was asked for; where the record says another, that stays in extra.
    if record.text("id", warnings).is_some_and(|id| IdKey::of(&id) != IdKey::of(session_id)) {
        record.put_back("id", "the id that was asked for", warnings);
    }
    let meeting_id = record.text("associated_id", warnings);
    let meeting_display_name = record.text("meeting_display_name", warnings);
    let kind = record.word("type", SESSION_TYPES, warnings);
    let status = record.word("status", SESSION_STATUSES, warnings);
    let started_at = record.time("started_at", warnings);
    let ended_at = record.time("ended_at", warnings);
    let created_at = record.time("created_at", warnings);
    let updated_at = record.time("updated_at", warnings);
    let minutes_consumed = record.minutes("minutes_consumed", warnings);
    let max_concurrent_participants = record.int("max_concurrent_participants", warnings);
    let live_participants = record.int("live_participants", warnings);
    let organization_id = record.text("organization_id", warnings);
    let extra = record.extra(others, warnings);
    columns
        .row()
        .text(Some(session_id))
        .text(meeting_id)
        .text(meeting_display_name)
        .text(kind)
        .text(status)
        .time(started_at)
        .time(ended_at)
        .time(created_at)
        .time(updated_at)
        .minutes(minutes_consumed)
        .int(max_concurrent_participants)
        .int(live_participants)
        .text(organization_id)
        .text(extra)
        .time(Some(fetched_at));
}
