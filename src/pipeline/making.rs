//! Stages 5 to 8 at work: a complete log into published files.
//!
//! Making tables and writing files run on a blocking thread each, with [`BATCHES_AHEAD`] batches between
//! them; the former has helpers (`tables`). Guarantees: nothing is published unless everything was made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::BATCHES_AHEAD;
use crate::blocking::blocking;
use crate::clock;
use crate::config::{Format, OnWarning};
use crate::error::{Error, Result};
use crate::files::{Hold, Sink, StagedFile, Staging, WholeTables};
use crate::log::{Log, Replies, RequestCounts};
use crate::manifest::{
    Api, Failures, Manifest, MinutesTotal, Requests, Source, SourceList, TableFiles, Time, Tool, Totals,
    Warning,
};
use crate::model::{Window, parse_time};
use crate::place::{Conditions, Place};
use crate::plan::Wants;
use crate::progress::{Phase, Progress};
use crate::publish;
use crate::queries::Query;
use crate::rollups;
use crate::sql::TableSource;
use crate::tables::schema::SCHEMA_VERSION;
use crate::tables::{self, CallStatistics, Hand, Made, Table};

/// Where an export goes from the directory in which it is made.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Nowhere: that is the output.
    Here,
    /// Into a store.
    Store {
        /// The output.
        place: Place,
        /// Whether it keeps two writers apart.
        conditions: Conditions,
        /// Whether an export that is there is to be replaced.
        replaces: bool,
    },
}

/// An export to be made of a complete log.
#[derive(Debug)]
pub struct Making {
    /// The log.
    pub log: Log,
    /// What its rows and its window ask for; read from it where `None`.
    pub wants: Option<Arc<Wants>>,
    /// The directory in which the files are made: the output's, or that of the log where the output is elsewhere.
    pub work: PathBuf,
    /// Where they go.
    pub to: Destination,
    /// The hold on it, which lasts as long as anything is written there, also where making is given up.
    pub hold: Arc<Hold>,
    /// In which form.
    pub format: Format,
    /// The rollups' queries; none for no rollups.
    pub rollups: Vec<Query>,
    /// Whether a warning is an error.
    pub on_warning: OnWarning,
}

/// Makes and publishes an export.
///
/// # Errors
/// The log cannot be read, a file cannot be written, a query fails: nothing is published then, and the
/// log stays. [`Error::Warnings`] where there are any and they were asked to fail.
pub async fn make(making: Making, progress: Arc<Progress>) -> Result<Manifest> {
    let Making { log, wants, work, to, hold, format, rollups, on_warning } = making;
    progress.enter(Phase::MakingTables);
    let log = Arc::new(log);
    let staging = blocking("staging", move || Ok(Staging::create(&work)?.under(hold))).await?;
    let (mut staged, made, counts) = make_tables(Arc::clone(&log), wants, &staging, format).await?;
    if on_warning == OnWarning::Fail
        && let Some(error) = refusal(&made.warnings)
    {
        blocking("staging", move || staging.discard()).await?;
        return Err(error);
    }
    if !rollups.is_empty() {
        progress.enter(Phase::MakingRollups);
        staged.extend(rollups::run(&rollups, &sources(&staged), format, &staging).await?);
    }
    progress.enter(Phase::Publishing);
    let manifest = manifest(&log, &made, counts, &staged, clock::now());
    let published = match to {
        Destination::Here => {
            blocking("publish", move || publish::publish(&staging, manifest, &mut |_| Ok(()))).await?
        }
        Destination::Store { place, conditions, replaces } => {
            publish::to_store(&staging, manifest, &place, conditions, replaces).await?
        }
    };
    Ok(published.manifest)
}

/// Makes the tables' files.
async fn make_tables(
    log: Arc<Log>,
    wants: Option<Arc<Wants>>,
    staging: &Staging,
    format: Format,
) -> Result<(Vec<StagedFile>, Made, RequestCounts)> {
    let statistics = CallStatistics::of(&log.head().settings.filters);
    let staging = staging.clone();
    let sink = move || WholeTables::create(&staging, statistics, format);
    let tables = move |hand: Hand<'_>| {
        let wants = wants_of(&log, wants)?;
        let replies = Replies::load(&log, &wants)?;
        let made = tables::make(&log, &wants, &replies, hand)?;
        Ok((made, replies.counts()))
    };
    let (files, (made, counts)) = into_files(tables, sink).await?;
    Ok((files, made, counts))
}

/// What a log asks for: as it is known already, or else as it has it.
pub(super) fn wants_of(log: &Log, known: Option<Arc<Wants>>) -> Result<Arc<Wants>> {
    known.map_or_else(|| super::gathering::read_complete(log).map(Arc::new), Ok)
}

/// Makes tables on one thread and their files on another; gives what came of the files and of the tables.
pub(super) async fn into_files<S: Sink, T: Send + 'static>(
    tables: impl FnOnce(Hand<'_>) -> Result<T> + Send + 'static,
    sink: impl FnOnce() -> Result<S> + Send + 'static,
) -> Result<(S::Staged, T)>
where
    S::Staged: Send + 'static,
{
    let (batches, mut incoming) = mpsc::channel::<(Table, RecordBatch)>(BATCHES_AHEAD);
    let made = blocking("tables", move || {
        // Where the files' thread is gone, its own error is the one to report.
        let mut hand = |table, batch| {
            batches.blocking_send((table, batch)).map_err(|_| Error::StageEnded { stage: "files" })
        };
        tables(&mut hand)
    });
    let files = blocking("files", move || {
        let mut sink = sink()?;
        while let Some((table, batch)) = incoming.blocking_recv() {
            sink.write(table, &batch)?;
        }
        sink.close()
    });
    let (made, files) = tokio::join!(made, files);
    let files = files?;
    Ok((files, made?))
}

/// The staged files as the rollups' tables.
fn sources(staged: &[StagedFile]) -> Vec<TableSource> {
    let files = |table: Table| {
        let of_table = staged.iter().filter(|file| file.table == table.name());
        of_table.map(|file| file.staged.clone()).collect()
    };
    let with_files = |table| TableSource { table, files: files(table) };
    Table::ALL.into_iter().map(with_files).filter(|source| !source.files.is_empty()).collect()
}

fn manifest(
    log: &Log,
    made: &Made,
    counts: RequestCounts,
    staged: &[StagedFile],
    finished_at: DateTime<Utc>,
) -> Manifest {
    let head = log.head();
    let settings = &head.settings;
    let started_at = parse_time(&head.started_at).unwrap_or(finished_at);
    let lists = log.lists().map(|lists| lists.lists.as_slice()).unwrap_or_default();
    let list = |list: &crate::log::ListFile| SourceList {
        path: list.path.clone(),
        rows: list.rows,
        sha256: list.sha256.clone(),
    };
    let window = head.window();
    let end = |end: fn(&Window) -> Option<DateTime<Utc>>| window.as_ref().and_then(end).map(Time);
    let (since, until) = (end(|window| window.since), end(|window| window.until));
    let by_reason = made.failures.iter().map(|(reason, count)| ((*reason).to_owned(), *count));
    Manifest {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        export_id: head.export_id.clone(),
        started_at: Time(started_at),
        finished_at: Time(finished_at),
        source: Source { lists: lists.iter().map(list).collect(), since, until },
        api: Api {
            base_url: settings.base_url.clone(),
            account_id: settings.account_id.clone(),
            app_id: settings.app_id.clone(),
            filters: settings.filters.clone(),
        },
        requests: Requests {
            sent: counts.sent,
            ok: counts.ok,
            retried: counts.retried,
            rate_limited: counts.rate_limited,
            saved_by_listing: made.saved_by_listing,
        },
        tables: TableFiles::of(staged),
        totals: Totals {
            participants: made.totals.participants,
            peer_events: made.totals.peer_events,
            duration_minutes: made.totals.duration_minutes.map(MinutesTotal::from_units),
            minutes_consumed: made.totals.minutes_consumed.map(MinutesTotal::from_units),
        },
        failures: Failures { total: made.failures.values().sum(), by_reason: by_reason.collect() },
        warnings: Warning::all(&made.warnings),
    }
}

/// Why an export with these warnings fails, where warnings do; `None` where none of them is news.
pub(super) fn refusal(warnings: &tables::Warnings) -> Option<Error> {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut first = None;
    for told in warnings.iter().filter(|(notice, ..)| notice.is_news()) {
        *counts.entry(told.0.code()).or_default() += told.3.count;
        first.get_or_insert(told);
    }
    let example = Warning::of(first?).example.unwrap_or_default();
    let counts = counts.into_iter().map(|(code, count)| format!("{count} {code}"));
    Some(Error::Warnings { counts: counts.collect::<Vec<_>>().join(", "), example })
}
