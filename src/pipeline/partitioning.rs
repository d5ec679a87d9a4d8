//! Stages 5 and 6 for a dataset: a complete log into files a day, staged.
//!
//! In: the log of an export of days, and where to. Out: [`MadeDays`]: the files, and what each day came to.
//! Guarantees: a function of the log alone: the same log gives the same files. Nothing is published.
//! Not here: which of the days win, and making them current (`dataset`).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::making::{into_files, refusal, wants_of};
use crate::blocking::blocking;
use crate::config::OnWarning;
use crate::error::{Error, Result};
use crate::files::{DayRows, PartitionFile, Partitioned, Partitions, Staging};
use crate::log::{Location, Log, Replies, RequestCounts, discovered};
use crate::manifest::Warning;
use crate::model::{DayRange, RequestKey, SessionId};
use crate::plan::{Discovered, SessionDays, Shortfall, Wants};
use crate::progress::{Phase, Progress};
use crate::tables::{self, CallStatistics, Hand, Made, Totals};

/// Days to be made of a complete log.
#[derive(Debug)]
pub struct MakingDays {
    /// The log.
    pub log: Arc<Log>,
    /// What its window asks for; read from it where `None`.
    pub wants: Option<Arc<Wants>>,
    /// Where the files are made, empty.
    pub staging: Staging,
    /// Whether a warning is an error.
    pub on_warning: OnWarning,
}

/// The files of a range of days, and what they came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeDays {
    /// All files, by table, day and part.
    pub files: Vec<PartitionFile>,
    /// The days of the range that have rows, or sessions that are live: the others have nothing.
    pub days: BTreeMap<NaiveDate, DayFacts>,
    /// Sessions left out because nothing says of which day they are.
    pub undated: Vec<SessionId>,
    /// Rows of `failures` that are of no day, by `reason`: records of the sessions list without a usable id. They
    /// are in no file.
    pub undated_failures: BTreeMap<String, u64>,
    /// How far the sessions list falls short of its total, where it does: sessions of any day may be missing.
    pub short: Option<Shortfall>,
    /// What the exchange with the API took, over all runs of the export.
    pub requests: RequestCounts,
    /// When the first page of sessions came, by the server's clock, where that is another than the machine's was.
    pub listed_at: Option<DateTime<Utc>>,
    /// Requests that pages of participants made unnecessary.
    pub saved_by_listing: u64,
    /// What was noticed and is of no day.
    pub warnings: Vec<Warning>,
}

/// What a day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayFacts {
    /// Rows of `sessions`.
    pub sessions: u64,
    /// Sessions left out because they are live.
    pub live_left_out: Vec<SessionId>,
    /// Sessions exported though they are live, by id.
    pub live: Vec<String>,
    /// When the last of its sessions ended, as far as is known.
    pub last_ended_at: Option<DateTime<Utc>>,
    /// Requests about the day's sessions, retries included; those of the sessions list are of no day.
    pub requests_sent: u64,
    /// Sums over participants and events.
    pub totals: Totals,
    /// Rows of `failures`, by `reason`.
    pub failures: BTreeMap<String, u64>,
    /// What was noticed.
    pub warnings: Vec<Warning>,
}

/// Makes the files of a dataset's days. Dropped, it leaves files in staging that the next one removes.
///
/// # Errors
/// [`Error::LogOfExport`] where the log is no dataset's. The log cannot be read, a file cannot be
/// written. [`Error::Warnings`] where there are any and they were asked to fail: then staging is removed.
pub async fn make_days(making: MakingDays, progress: &Progress) -> Result<MadeDays> {
    let MakingDays { log, wants, staging, on_warning } = making;
    progress.enter(Phase::MakingTables);
    let read = {
        let log = Arc::clone(&log);
        blocking("tables", move || Read::of(&log, wants)).await?
    };
    let read = Arc::new(read);
    let (partitioned, made) = {
        let settings = &log.head().settings;
        let statistics = CallStatistics::of(&settings.filters);
        let (staging, export_id) = (staging.clone(), log.head().export_id.clone());
        let (of_tables, of_files) = (Arc::clone(&read), Arc::clone(&read));
        let log = Arc::clone(&log);
        let tables = move |hand: Hand<'_>| tables::make(&log, &of_tables.wants, &of_tables.replies, hand);
        let day_of = move |session: &str| of_files.day(SessionId::parse(session)?);
        let sink = move || Ok(Partitions::new(staging, export_id, statistics, Box::new(day_of)));
        into_files(tables, sink).await?
    };
    if on_warning == OnWarning::Fail
        && let Some(error) = refusal(&made.warnings)
    {
        blocking("staging", move || staging.discard()).await?;
        return Err(error);
    }
    blocking("tables", move || {
        let (requests, first_page) = read.requests_by_day(&log)?;
        let listed_at = first_page.map(|page| by_server(&log, page)).transpose()?.flatten();
        Ok(MadeDays { listed_at, ..read.facts(partitioned, &made, &requests) })
    })
    .await
}

/// What is known of a log before its tables are made.
struct Read {
    wants: Arc<Wants>,
    replies: Replies,
    range: DayRange,
    found: Discovered,
    days: SessionDays,
}

impl Read {
    fn of(log: &Log, wants: Option<Arc<Wants>>) -> Result<Self> {
        let range = log
            .head()
            .window()
            .and_then(|window| window.days)
            .ok_or_else(|| Error::LogOfExport { path: log.path().to_owned() })?;
        let wants = wants_of(log, wants)?;
        let replies = Replies::load(log, &wants)?;
        let found = discovered(log, &replies)?;
        let days = SessionDays::of(&range, &found, &wants);
        // What is not asked again need not be kept: the tables find it for themselves.
        let found = Discovered { sessions: Vec::new(), nameless: Vec::new(), ..found };
        Ok(Self { wants, replies, range, found, days })
    }

    fn day(&self, session: SessionId) -> Option<NaiveDate> {
        self.days.day(self.wants.session_number(session)?)
    }

    /// Requests about the sessions of each day, and where the first page of sessions stands.
    fn requests_by_day(&self, log: &Log) -> Result<(BTreeMap<NaiveDate, u64>, Option<Location>)> {
        let (mut requests, mut first_page) = (BTreeMap::new(), None);
        log.each_reply(|reply| {
            if let RequestKey::Sessions { .. } = reply.key {
                first_page.get_or_insert(reply.location);
            }
            if let Some(day) = reply.key.session().and_then(|session| self.day(session)) {
                *requests.entry(day).or_default() += u64::from(reply.attempts);
            }
        })?;
        Ok((requests, first_page))
    }

    fn facts(&self, partitioned: Partitioned, made: &Made, requests: &BTreeMap<NaiveDate, u64>) -> MadeDays {
        let Partitioned { files, days: rows, undated: undated_failures } = partitioned;
        let mut days: BTreeMap<NaiveDate, DayFacts> = BTreeMap::new();
        for (day, DayRows { sessions, totals, failures, live, last_ended_at }) in rows {
            let requests_sent = requests.get(&day).copied().unwrap_or_default();
            let warnings = made.warnings_by_day.get(&Some(day)).map(Warning::all).unwrap_or_default();
            let last_ended_at = last_ended_at.and_then(DateTime::from_timestamp_micros);
            let live_left_out = Vec::new();
            let facts = DayFacts {
                sessions,
                live_left_out,
                live,
                last_ended_at,
                requests_sent,
                totals,
                failures,
                warnings,
            };
            days.insert(day, facts);
        }
        for live in &self.found.live {
            if let Some(day) = live.created_at().and_then(|at| self.range.day_of(at)) {
                days.entry(day).or_default().live_left_out.push(live.id);
            }
        }
        MadeDays {
            files,
            days,
            undated: self.found.undated.clone(),
            undated_failures,
            short: self.found.short,
            requests: self.replies.counts(),
            listed_at: None,
            saved_by_listing: made.saved_by_listing,
            warnings: made.warnings_by_day.get(&None).map(Warning::all).unwrap_or_default(),
        }
    }
}

/// When a reply came, by the server's clock, where that is another.
fn by_server(log: &Log, reply: Location) -> Result<Option<DateTime<Utc>>> {
    let mut entries = log.entries();
    let block = entries.block(reply)?;
    let entry = entries.parse(&block, reply)?;
    Ok(entry.server_ahead.and_then(|ahead| entry.arrived_at.checked_add_signed(ahead)))
}

#[cfg(test)]
mod tests;
