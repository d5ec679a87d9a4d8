//! What the API says of a session, as far as it is compared.
//!
//! Guarantees: total on any JSON; minutes are read from their own digits, also where they are text.

use chrono::{DateTime, Utc};

use crate::model::{Minutes, SessionId};
use crate::wire::{ListedSession, Object, Paging, Raw, SessionStatus, elements, is_null, text};

use super::Units;

/// A session's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: SessionId,
    pub(super) minutes: Option<Units>,
    pub(super) created_at: Option<DateTime<Utc>>,
    /// When it had begun, by the first of its times.
    pub(super) begun: Option<DateTime<Utc>>,
    /// When it ended; `None` while it goes on.
    pub(super) ended: Option<DateTime<Utc>>,
    pub(super) is_live: bool,
}

/// A page of sessions.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Those that have an id.
    pub(super) records: Vec<Record>,
    pub(super) paging: Paging,
}

impl Record {
    fn of(object: &Object<'_>) -> Option<Self> {
        let ListedSession { session, created_at, status, .. } = ListedSession::of(object);
        let time = |name| {
            let text = object.get(name).and_then(text)?;
            let time = DateTime::parse_from_rfc3339(text.trim_matches(['"', ' '])).ok()?;
            Some(time.to_utc())
        };
        let begun = [created_at, time("started_at")].into_iter().flatten().min();
        Some(Self {
            id: session?,
            minutes: object.get("minutes_consumed").and_then(minutes),
            created_at,
            begun,
            ended: time("ended_at"),
            is_live: status == SessionStatus::Live,
        })
    }

    /// Reads a session's details, in `data` or `data.session`.
    pub(super) fn read(root: &Object<'_>) -> Option<Self> {
        let data = Object::parse(root.get("data")?)?;
        let wrapped = data.get("session").and_then(Object::parse);
        Self::of(wrapped.as_ref().unwrap_or(&data))
    }

    /// Whether it was going on at some time of a span.
    pub(super) fn overlaps(&self, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> bool {
        self.begun.is_none_or(|begun| begun <= to) && self.ended.is_none_or(|ended| ended >= from)
    }
}

impl Page {
    /// Reads a page of sessions, its paging in either place.
    pub(super) fn read(root: &Object<'_>) -> Option<Self> {
        let data = Object::parse(root.get("data")?)?;
        let rows = elements(data.get("sessions")?)?;
        let paging = [root.get("paging"), data.get("paging")].into_iter().flatten().find(|p| !is_null(*p));
        Some(Self {
            records: rows.into_iter().filter_map(|row| Record::of(&Object::parse(row)?)).collect(),
            paging: Paging::of(paging),
        })
    }
}

/// Minutes, as a number or as text.
pub(super) fn minutes(value: Raw<'_>) -> Option<Units> {
    let digits = text(value);
    let parsed = Minutes::parse(digits.as_deref().unwrap_or(value.get())).ok()?;
    Some(Units(i128::from(parsed.minutes.units())))
}
