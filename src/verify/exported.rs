//! What an export says of each of its sessions, and what the API then said of it.
//!
//! In: an engine over the export. Out: [`Exported`], a row of fixed size for each session, by id.
//! Guarantees: minutes are exact sums, and so is the number of figures that they were summed from.
//! Not here: asking the API (`sessions`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};

use super::sessions::Reply;
use super::{Subject, Units};
use crate::config::MinutesKind;
use crate::error::{Error, Result};
use crate::model::SessionId;
use crate::sql::columns::{self, counts, texts, times};
use crate::sql::{Engine, Parameters};
use crate::tables::schema::Table;

/// A row for each session: of its participants, its own record, the list rows that asked for all of it, and
/// its failures.
const BY_SESSION: &str = "
SELECT session_id,
    SUM(is_there) AS is_there, SUM(participants) AS participants,
    SUM(duration) AS duration, SUM(durations) AS durations,
    SUM(events) AS events, SUM(event_count) AS event_count,
    SUM(session_minutes) AS session_minutes,
    SUM(unlisted) AS unlisted, SUM(expanded) AS expanded, SUM(failed) AS failed,
    MIN(created_at) AS created_at, MIN(first_at) AS first_at, MAX(last_at) AS last_at
FROM (
    SELECT session_id, 1 AS is_there, 1 AS participants,
        duration_minutes AS duration, CASE WHEN duration_minutes IS NULL THEN 0 ELSE 1 END AS durations,
        minutes_consumed AS events, COALESCE(peer_event_count, 0) AS event_count,
        CAST(NULL AS DECIMAL(18, 9)) AS session_minutes,
        CASE WHEN row_number IS NULL THEN 1 ELSE 0 END AS unlisted, 0 AS expanded, 0 AS failed,
        NULL AS created_at, COALESCE(joined_at, created_at) AS first_at,
        COALESCE(left_at, joined_at, created_at) AS last_at
    FROM participants
    UNION ALL
    SELECT session_id, 1, 0, NULL, 0, NULL, 0, minutes_consumed, 0, 0, 0,
        created_at, COALESCE(started_at, created_at), ended_at
    FROM sessions
    UNION ALL
    SELECT session_id, 1, 0, NULL, 0, NULL, 0, NULL, 0, 1, 0, NULL, NULL, NULL
    FROM id_list
    WHERE status = 'expanded'
    UNION ALL
    SELECT session_id, 0, 0, NULL, 0, NULL, 0, NULL, 0, 0, 1, NULL, NULL, NULL
    FROM failures
    WHERE reason <> 'invalid_id'
) AS facts
WHERE session_id IS NOT NULL
GROUP BY session_id";

/// The sessions of an export.
#[derive(Debug)]
pub(crate) struct Exported {
    /// By id.
    pub(super) sessions: Vec<Session>,
    /// Which of their minutes are compared.
    pub(super) kind: MinutesKind,
    /// From the first of all times to the last; `None` where there is none.
    pub(super) span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What is known of a session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(super) id: SessionId,
    pub(super) participants: u64,
    pub(super) duration: Option<Units>,
    pub(super) events: Option<Units>,
    /// What its own record said when it was exported.
    pub(super) own: Option<Units>,
    /// How many figures `duration` and `events` are sums of.
    pub(super) figures: [u64; 2],
    /// Whether everybody in it was asked for.
    pub(super) is_whole: bool,
    /// Ids of it that could not be had.
    pub(super) failed: u64,
    /// As its exported record says, or the API's.
    pub(super) created_at: Option<DateTime<Utc>>,
    /// What the API says of it.
    pub(super) reply: Reply,
}

impl Session {
    /// Its minutes of a kind, and how many figures they are a sum of.
    pub(super) const fn minutes(&self, kind: MinutesKind) -> (Option<Units>, u64) {
        match kind {
            MinutesKind::Duration => (self.duration, self.figures[0]),
            MinutesKind::Events => (self.events, self.figures[1]),
            MinutesKind::Session => (self.own, 1),
        }
    }
}

impl Exported {
    /// Sums an export up.
    pub(super) async fn read(engine: &Engine, subject: &Subject, kind: MinutesKind) -> Result<Self> {
        refuse_missing(subject, kind)?;
        let mut merged = Merged::default();
        let mut answer = engine.query("the sessions", BY_SESSION, &Parameters::none()).await?;
        while let Some(batch) = answer.next().await? {
            merged.add(&batch, subject.is_of_window())?;
        }
        let Merged { sessions, first, last } = merged;
        Ok(Self { sessions: sessions.into_values().collect(), kind, span: first.zip(last) })
    }

    /// The place of a session.
    pub(super) fn place_of(&self, id: SessionId) -> Option<usize> {
        self.sessions.binary_search_by_key(&id, |session| session.id).ok()
    }

    /// All minutes of the compared kind, and how many figures they are a sum of.
    pub(super) fn total(&self) -> (Units, u64) {
        self.sessions.iter().fold((Units::default(), 0), |(sum, figures), session| {
            let (minutes, more) = session.minutes(self.kind);
            (sum.plus(minutes.unwrap_or_default()), figures + more)
        })
    }
}

/// Rows of one session, whose id may stand in a list in another spelling.
#[derive(Default)]
struct Merged {
    sessions: BTreeMap<SessionId, Session>,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

impl Merged {
    fn add(&mut self, batch: &RecordBatch, is_of_window: bool) -> Result<()> {
        let ids = texts(batch, 0)?;
        let numbers = [1, 2, 4, 6, 8, 9, 10].map(|place| counts(batch, place));
        let [is_there, participants, durations, event_count, unlisted, expanded, failed] = numbers;
        let (is_there, participants, failed) = (is_there?, participants?, failed?);
        let (durations, event_count, unlisted, expanded) = (durations?, event_count?, unlisted?, expanded?);
        let (duration, events, own) = (sums(batch, 3)?, sums(batch, 5)?, sums(batch, 7)?);
        let (created_at, first, last) = (times(batch, 11)?, times(batch, 12)?, times(batch, 13)?);
        let count = |counts: &[Option<i64>], row: usize| {
            counts[row].and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
        };
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id.as_deref().and_then(SessionId::parse) else { continue };
            if count(&is_there, row) == 0 && !self.sessions.contains_key(&id) {
                // All of it failed: `failures` says so, and there is nothing to compare.
                continue;
            }
            let session = self.sessions.entry(id).or_insert_with(|| Session {
                id,
                participants: 0,
                duration: None,
                events: None,
                own: None,
                figures: [0, 0],
                is_whole: is_of_window,
                failed: 0,
                created_at: None,
                reply: Reply::NotAsked,
            });
            session.participants += count(&participants, row);
            session.duration = added(session.duration, duration[row]);
            session.events = added(session.events, events[row]);
            session.own = added(session.own, own[row]);
            session.figures[0] += count(&durations, row);
            session.figures[1] += count(&event_count, row);
            session.is_whole |= count(&unlisted, row) + count(&expanded, row) > 0;
            session.failed += count(&failed, row);
            session.created_at = session.created_at.or(created_at[row]);
            let times = [created_at[row], first[row], last[row]];
            for time in times.into_iter().flatten() {
                self.first = Some(self.first.map_or(time, |first| first.min(time)));
                self.last = Some(self.last.map_or(time, |last| last.max(time)));
            }
        }
        Ok(())
    }
}

fn added(sum: Option<Units>, more: Option<Units>) -> Option<Units> {
    match (sum, more) {
        (Some(sum), Some(more)) => Some(sum.plus(more)),
        (one, other) => one.or(other),
    }
}

/// Refuses minutes that the export was made without.
fn refuse_missing(subject: &Subject, kind: MinutesKind) -> Result<()> {
    let rows = |table: Table| {
        let files = subject.manifest.tables.iter().find(|files| files.name == table.name());
        files.map_or(0, |files| files.rows)
    };
    let lacks = |table| rows(Table::Participants) > 0 && rows(table) == 0;
    let dir = || PathBuf::from(subject.place.show(None));
    match kind {
        MinutesKind::Events if lacks(Table::PeerEvents) => Err(Error::NoPeerEvents { dir: dir() }),
        MinutesKind::Session if lacks(Table::Sessions) => {
            Err(Error::NoSessions { dir: dir(), wanted: "--minutes session" })
        }
        MinutesKind::Duration | MinutesKind::Events | MinutesKind::Session => Ok(()),
    }
}

/// Sums of minutes.
pub(super) fn sums(batch: &RecordBatch, place: usize) -> Result<Vec<Option<Units>>> {
    let sums = columns::sums(batch, place)?;
    Ok(sums.into_iter().map(|sum| sum.map(|sum| Units(sum.units()))).collect())
}
