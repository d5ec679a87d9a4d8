//! Record batches of a dataset's tables -> files a day: the folders that warehouses replace one by one.
//!
//! In: the batches of all tables, each table's sessions by (`created_at`, `session_id`), and each session's day.
//! Out: [`Partitioned`]: for each day with a session a file of every table, and what its rows came to.
//! Guarantees: a row is in the folder of its session's day; the same batches give the same files, however they
//! were cut; sums are exact. A day that came back (a clock that goes back over midnight) goes on in a file of its
//! own.
//! Memory: one open file a table, as in a whole export: by their order, a table's days come one after the other.
//! Not here: which sessions are of a day (`plan`), when readers see the files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::NaiveDate;

use super::{Sink, StagedFile, Staging, TableWriter, Target};
use crate::config::Format;
use crate::error::{Error, Result};
use crate::tables::{CallStatistics, Table, Totals};

/// The status of a session that goes on, as the API has it.
const LIVE: &str = "LIVE";

/// The day of a session, by its id as text.
pub type DayOf = Box<dyn Fn(&str) -> Option<NaiveDate> + Send>;

/// A file of one table and one day, on disk and not yet part of the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFile {
    /// The table.
    pub table: Table,
    /// The day of all its sessions.
    pub day: NaiveDate,
    /// Where it belongs in the dataset, with `/`.
    pub path: String,
    /// Where it is now.
    pub staged: PathBuf,
    /// Its rows, counted on reopening.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// What the rows of a day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRows {
    /// Rows of `sessions`.
    pub sessions: u64,
    /// Sums over participants and events.
    pub totals: Totals,
    /// Rows of `failures`, by `reason`.
    pub failures: BTreeMap<String, u64>,
    /// Those of the sessions that are live, by id.
    pub live: Vec<String>,
    /// When the last of its sessions ended, in microseconds since 1970; `None` where none has.
    pub last_ended_at: Option<i64>,
}

/// All files of a range of days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitioned {
    /// By table, day and part.
    pub files: Vec<PartitionFile>,
    /// The days that have rows.
    pub days: BTreeMap<NaiveDate, DayRows>,
    /// Rows of `failures` that are of no day, by `reason`: they are in no file.
    pub undated: BTreeMap<String, u64>,
}

/// Writes the files of a range of days.
///
/// Blocking: belongs on a blocking thread.
pub struct Partitions {
    staging: Staging,
    export_id: String,
    day_of: DayOf,
    tables: Vec<TableParts>,
    made: Partitioned,
}

/// The files of one table.
struct TableParts {
    table: Table,
    open: Option<(NaiveDate, TableWriter)>,
    /// Parts that are complete, by day.
    parts: BTreeMap<NaiveDate, usize>,
}

impl Partitions {
    /// Nothing written yet. The names of the files have the export's id.
    #[must_use]
    pub fn new(staging: Staging, export_id: String, statistics: CallStatistics, day_of: DayOf) -> Self {
        let parts = |table| TableParts { table, open: None, parts: BTreeMap::new() };
        let tables = Table::of_dataset(statistics).map(parts).collect();
        Self { staging, export_id, day_of, tables, made: Partitioned::default() }
    }

    /// Rows of one day, of a table that is here by its place.
    fn write_day(&mut self, place: usize, day: NaiveDate, rows: &RecordBatch) -> Result<()> {
        let parts = &mut self.tables[place];
        self.made.days.entry(day).or_default().add(parts.table, rows)?;
        let mut writer = match parts.open.take() {
            Some((open, writer)) if open == day => writer,
            other => {
                self.made.files.extend(parts.closed(other)?);
                parts.begin(day, &self.staging, &self.export_id)?
            }
        };
        writer.write(rows)?;
        parts.open = Some((day, writer));
        Ok(())
    }
}

impl Sink for Partitions {
    type Staged = Partitioned;

    fn write(&mut self, table: Table, batch: &RecordBatch) -> Result<()> {
        let Some(place) = self.tables.iter().position(|parts| parts.table == table) else { return Ok(()) };
        let sessions = column(table, batch, "session_id", |column| column.as_string_opt::<i32>())?;
        for Run { day, first, rows } in runs(sessions, &self.day_of) {
            // Copies nothing.
            let rows = batch.slice(first, rows);
            match day {
                Some(day) => self.write_day(place, day, &rows)?,
                None => count_reasons(table, &rows, &mut self.made.undated)?,
            }
        }
        Ok(())
    }

    fn close(mut self) -> Result<Partitioned> {
        for parts in &mut self.tables {
            let open = parts.open.take();
            self.made.files.extend(parts.closed(open)?);
            for day in self.made.days.keys() {
                if parts.parts.contains_key(day) {
                    continue;
                }
                let writer = parts.begin(*day, &self.staging, &self.export_id)?;
                self.made.files.extend(parts.closed(Some((*day, writer)))?);
            }
        }
        let order = |table: Table| Table::ALL.iter().position(|other| *other == table);
        self.made.files.sort_by(|a, b| (order(a.table), &a.path).cmp(&(order(b.table), &b.path)));
        Ok(self.made)
    }
}

impl TableParts {
    /// Begins the next file of a day.
    fn begin(&self, day: NaiveDate, staging: &Staging, export_id: &str) -> Result<TableWriter> {
        let target = Target::Partition { table: self.table, day, export_id: export_id.to_owned() };
        let first_part = self.parts.get(&day).copied().unwrap_or_default();
        TableWriter::from_part(staging, target, Format::Parquet, first_part)
    }

    /// Closes the files of a day, where any is open.
    fn closed(&mut self, open: Option<(NaiveDate, TableWriter)>) -> Result<Vec<PartitionFile>> {
        let Some((day, writer)) = open else { return Ok(Vec::new()) };
        let staged = writer.close()?;
        *self.parts.entry(day).or_default() += staged.len();
        Ok(staged.into_iter().map(|file| PartitionFile::of(self.table, day, file)).collect())
    }
}

impl PartitionFile {
    fn of(table: Table, day: NaiveDate, file: StagedFile) -> Self {
        let StagedFile { path, staged, rows, bytes, sha256, .. } = file;
        Self { table, day, path, staged, rows, bytes, sha256 }
    }
}

impl DayRows {
    /// Adds rows of a table.
    fn add(&mut self, table: Table, rows: &RecordBatch) -> Result<()> {
        let count = rows.num_rows() as u64;
        match table {
            Table::Sessions => {
                self.sessions += count;
                let ids = column(table, rows, "session_id", |column| column.as_string_opt::<i32>())?;
                let status = column(table, rows, "status", |column| column.as_string_opt::<i32>())?;
                let live = ids.iter().zip(status).filter(|(_, status)| *status == Some(LIVE));
                self.live.extend(live.filter_map(|(id, _)| id).map(str::to_owned));
                let ended = column(table, rows, "ended_at", |column| {
                    column.as_primitive_opt::<TimestampMicrosecondType>()
                })?;
                self.last_ended_at = self.last_ended_at.into_iter().chain(ended.iter().flatten()).max();
            }
            Table::Participants => {
                self.totals.participants += count;
                add_sum(&mut self.totals.duration_minutes, table, rows, "duration_minutes")?;
                add_sum(&mut self.totals.minutes_consumed, table, rows, "minutes_consumed")?;
            }
            Table::PeerEvents => self.totals.peer_events += count,
            Table::Failures => count_reasons(table, rows, &mut self.failures)?,
            _ => {}
        }
        Ok(())
    }
}

/// Adds a column of minutes to a sum that is null while nothing is known.
fn add_sum(sum: &mut Option<i128>, table: Table, rows: &RecordBatch, name: &str) -> Result<()> {
    let minutes = column(table, rows, name, |column| column.as_primitive_opt::<Decimal128Type>())?;
    for units in minutes.iter().flatten() {
        // No column holds so much that it comes to an end here.
        *sum = Some(sum.unwrap_or(0).saturating_add(units));
    }
    Ok(())
}

/// Counts rows of `failures` by their reason; those of other tables are none.
fn count_reasons(table: Table, rows: &RecordBatch, reasons: &mut BTreeMap<String, u64>) -> Result<()> {
    if table == Table::Failures {
        let column = column(table, rows, "reason", |column| column.as_string_opt::<i32>())?;
        for reason in column.iter().flatten() {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }
    Ok(())
}

/// A column of a batch, which its table's schema has.
fn column<'a, A>(
    table: Table,
    batch: &'a RecordBatch,
    name: &str,
    typed: impl FnOnce(&'a ArrayRef) -> Option<&'a A>,
) -> Result<&'a A> {
    batch.column_by_name(name).and_then(typed).ok_or_else(|| Error::Batch {
        table: table.name(),
        source: ArrowError::SchemaError(format!("no column {name} of its type")),
    })
}

/// Rows of one day that stand together.
struct Run {
    day: Option<NaiveDate>,
    first: usize,
    rows: usize,
}

/// Cuts rows where the day changes; a session is looked up once for all of its rows that stand together.
fn runs(sessions: &StringArray, day_of: &DayOf) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut last = None;
    for (place, session) in sessions.iter().enumerate() {
        let day = match last {
            Some((known, day)) if known == session => day,
            _ => session.and_then(day_of),
        };
        last = Some((session, day));
        match runs.last_mut() {
            Some(run) if run.day == day => run.rows += 1,
            _ => runs.push(Run { day, first: place, rows: 1 }),
        }
    }
    runs
}

#[cfg(test)]
mod tests;
