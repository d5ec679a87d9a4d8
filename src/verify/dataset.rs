//! What is told of a dataset beside its files: whether each row is of its folder's day, and what lies about.
//!
//! In: a generation; files of it that are as they should be; names of files that it does not have. Out:
//! [`OfDataset`].
//! Guarantees: every row of every table is looked at; a file that was part of the dataset lately, or that a sync
//! left half-way, is no finding. Memory is the ids of a day's sessions.
//! Not here: the commit against the pointer's SHA-256, without which there is no generation (`dataset`).

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use chrono::{DateTime, NaiveDate};
use serde::Serialize;

use super::{Finding, Verdict};
use crate::dataset::{Generation, is_partition_path};
use crate::error::Result;
use crate::files::read_columns;
use crate::manifest::{TableFile, Time};
use crate::model::Zone;
use crate::tables::schema::Table;

/// What became of a dataset.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OfDataset {
    pub(super) verdict: Verdict,
    pub(super) generation: u64,
    pub(super) time_zone: &'static str,
    pub(super) synced_until: Time,
    /// Days with sessions.
    pub(super) days: u64,
    /// Days that the next syncs look at again.
    pub(super) pending_days: u64,
    /// Files that were replaced and are there still.
    pub(super) retired_files: u64,
    /// Files that no commit names: of a sync that was stopped, or that is under way.
    pub(super) uncommitted_files: u64,
    pub(super) findings: Vec<Finding>,
}

/// The days of a dataset while they are looked at, one after the other.
#[derive(Debug)]
pub(super) struct Days {
    files: Vec<(TableFile, OfDay)>,
    retired: BTreeSet<String>,
    /// The sessions of the day that is looked at.
    sessions: Sessions,
    told: OfDataset,
}

/// The ids of a day's sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    day: Option<NaiveDate>,
    ids: HashSet<String>,
}

/// Which rows a file should have.
#[derive(Clone, Debug)]
pub(super) struct OfDay {
    zone: Zone,
    day: NaiveDate,
    is_sessions: bool,
}

impl Days {
    pub(super) fn of(generation: &Generation) -> Self {
        let Generation { pointer, commit } = generation;
        let zone = pointer.identity.time_zone;
        let mut files = Vec::new();
        for entry in commit.days.values() {
            let is_sessions = |table: &str| table == Table::Sessions.name();
            // First the sessions: the others are held against them.
            let (first, rest): (Vec<_>, Vec<_>) =
                entry.files.iter().partition(|file| is_sessions(&file.table));
            files.extend(first.into_iter().chain(rest).map(|file| {
                let of_day = OfDay { zone, day: entry.day, is_sessions: is_sessions(&file.table) };
                let (path, sha256) = (file.path.clone(), file.sha256.clone());
                (TableFile { path, rows: file.rows, bytes: file.bytes, sha256 }, of_day)
            }));
        }
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let told = OfDataset {
            verdict: Verdict::Agrees,
            generation: pointer.generation,
            time_zone: zone.name(),
            synced_until: pointer.state.synced_until,
            days: count(commit.days.values().filter(|entry| entry.sessions > 0).count()),
            pending_days: count(pointer.state.pending.len()),
            retired_files: 0,
            uncommitted_files: 0,
            findings: Vec::new(),
        };
        let retired = commit.retired.iter().map(|retired| retired.path.clone()).collect();
        Self { files, retired, sessions: Sessions::default(), told }
    }

    /// All files, day by day, the sessions of each first.
    pub(super) fn files(&mut self) -> Vec<(TableFile, OfDay)> {
        std::mem::take(&mut self.files)
    }

    /// The sessions of a file's day as far as they were read, to be looked at elsewhere.
    pub(super) fn take_sessions(&mut self, of: &OfDay) -> Sessions {
        let sessions = std::mem::take(&mut self.sessions);
        if sessions.day == Some(of.day) {
            sessions
        } else {
            Sessions { day: Some(of.day), ..Sessions::default() }
        }
    }

    /// Gives them back, with what was wrong with a file's rows.
    pub(super) fn put_back(&mut self, sessions: Sessions, path: &str, wrong: Result<Option<Wrong>>) {
        self.sessions = sessions;
        let (problem, says) = match wrong {
            Ok(None) => return,
            Ok(Some((problem, says))) => (problem, says),
            Err(error) => ("rows", format!("its rows cannot be read: {error}")),
        };
        self.told.findings.push(Finding { about: path.to_owned(), problem, says });
    }

    /// Whether a file that the dataset does not have is none of this program's; else it is counted.
    pub(super) fn is_foreign(&mut self, path: &str) -> bool {
        if self.retired.contains(path) {
            self.told.retired_files += 1;
        } else if is_partition_path(path) {
            self.told.uncommitted_files += 1;
        } else {
            return true;
        }
        false
    }

    pub(super) fn end(self) -> OfDataset {
        let verdict = if self.told.findings.is_empty() { Verdict::Agrees } else { Verdict::Differs };
        OfDataset { verdict, ..self.told }
    }
}

/// What is wrong, as a word and as a sentence.
pub(super) type Wrong = (&'static str, String);

impl OfDay {
    /// Reads the rows of a file; gives what is wrong with them. Blocks.
    pub(super) fn look(&self, path: &Path, sessions: &mut Sessions) -> Result<Option<Wrong>> {
        let columns: &[&str] = if self.is_sessions { &["session_id", "created_at"] } else { &["session_id"] };
        let (mut wrong, mut example) = (0_u64, None);
        for batch in read_columns(path, columns)? {
            let batch = batch?;
            for (row, id) in ids(&batch).enumerate() {
                let is_right = if self.is_sessions {
                    sessions.ids.insert(id.unwrap_or_default().to_owned());
                    created(&batch, row).is_some_and(|at| self.zone.date(at.0) == self.day)
                } else {
                    id.is_some_and(|id| sessions.ids.contains(id))
                };
                if !is_right {
                    wrong += 1;
                    example.get_or_insert_with(|| id.unwrap_or("null").to_owned());
                }
            }
        }
        let Some(example) = example else { return Ok(None) };
        let rows = if wrong == 1 { "row is" } else { "rows are" };
        Ok(Some(if self.is_sessions {
            (
                "other_day",
                format!("{wrong} {rows} of another day than {}, such as session {example}", self.day),
            )
        } else {
            let says = format!("{wrong} {rows} of no session of {}, such as those of {example}", self.day);
            ("other_session", says)
        }))
    }
}

/// The ids of a batch whose first column they are.
fn ids(batch: &RecordBatch) -> impl Iterator<Item = Option<&str>> {
    batch.columns().first().and_then(|column| column.as_string_opt::<i32>()).into_iter().flatten()
}

/// When the session of a row was created, which the second column tells.
fn created(batch: &RecordBatch, row: usize) -> Option<Time> {
    let times = batch.columns().get(1)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let micros = times.is_valid(row).then(|| times.value(row))?;
    DateTime::from_timestamp_micros(micros).map(Time)
}
