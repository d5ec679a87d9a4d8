//! The log of a range of days: opened, gone on with, or begun.
//!
//! In: the state directory, the dataset as it is, a range. Out: a log with its first lines, ready for replies.
//! Guarantees: a log that an earlier process left is gone on with only where it is good for the same (`left`).
//! Not here: the log's format (`log`), asking (`fetching`).

use std::path::Path;

use chrono::{NaiveDate, SubsecRound};

use super::{Sync, left};
use crate::blocking::blocking;
use crate::clock;
use crate::commands::fetching;
use crate::config::{Anew, Format, StartMode};
use crate::dataset::{self, Generation};
use crate::error::Result;
use crate::log::{DatasetRange, Head, Lists, Log, LogWriter, Opened, RowDigest, Settings, TypedWindow};
use crate::manifest::Time;
use crate::model::{DayRange, Window};
use crate::operation::Facts;
use crate::pipeline::{Gathered, Signals};
use crate::plan::Wants;

/// A log that is to be filled.
pub(super) enum Begun {
    /// With the replies about these days.
    New(LogWriter, DayRange),
    /// An earlier process began it.
    Earlier(LogWriter, Box<Log>),
}

/// A log with its first lines.
pub(super) struct Opening {
    pub(super) head: Head,
    pub(super) was_fetched: bool,
    pub(super) gathered: Gathered,
}

impl Sync<'_> {
    /// Opens the log. One that an earlier process left, and that is no good any more, is dropped.
    pub(super) async fn open(
        &mut self,
        base: Option<&Generation>,
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<Opened> {
        let (log, begun) = match self.work.open(self.config.start, base, self.config.keep_log)? {
            Opened::Begun(log, begun) => (log, begun),
            empty @ Opened::Empty(_) => return Ok(empty),
        };
        if self.is_plain() && !begun.has_replies() {
            // Its days would be asked for now, and again with those that came since.
            drop((log, begun));
            return self.work.open(StartMode::Refresh, base, self.config.keep_log);
        }
        let begins = base.is_none() || self.config.anew == Anew::Wanted;
        let wanted = if begins { self.ranges(base, facts, signals).await? } else { Vec::new() };
        if left::is_good(begun.head(), base, self.config.anew, &wanted) {
            dataset::refuse_other_log(&begun, &self.settings(None), Path::new(&self.place.show(None)))?;
            return Ok(Opened::Begun(log, begun));
        }
        self.ui.warn(
            "what an earlier sync had fetched is of other days than those that this dataset begins with: it is dropped",
            None,
        );
        drop((log, begun));
        self.work.open(StartMode::Refresh, base, self.config.keep_log)
    }

    /// What makes a log one of this command.
    fn settings(&self, range: Option<&DayRange>) -> Settings {
        let window = TypedWindow { live: self.config.live, ..TypedWindow::default() };
        let settings =
            fetching::settings(&self.config.api, self.api, &self.config.fetch, window, Format::Parquet);
        let none = DayRange { zone: self.identity.time_zone, first: None, last: NaiveDate::MIN };
        Settings { dataset: Some(DatasetRange::of(range.unwrap_or(&none))), ..settings }
    }

    /// Writes the first lines of a log, or takes them from an earlier process's.
    pub(super) async fn begin(&self, begun: Begun, base: Option<&Generation>) -> Result<Opening> {
        match begun {
            Begun::Earlier(log, earlier) => Ok(Opening {
                head: earlier.head().clone(),
                was_fetched: earlier.is_fetched(),
                gathered: Gathered { wants: Wants::new(), log, earlier: Some(earlier) },
            }),
            Begun::New(mut log, range) => {
                let now = clock::now().trunc_subsecs(6);
                let (since, end) = range.hull();
                let (until, live) = (Some(end.min(now)), self.config.live);
                let window = Window { since, until, meeting: None, live, days: Some(range) };
                let settings = self.settings(Some(&range));
                let after = base.and_then(|base| base.commit.last_look()).map(String::from);
                let head = fetching::head(settings, self.config.start, now, Some(&window));
                let asked_at = Some(String::from(Time(self.asked_at.trunc_subsecs(6))));
                let head = Head { after, asked_at, ..head };
                let first = head.clone();
                let written = blocking("log", move || {
                    log.begin(&first)?;
                    // There are no lists.
                    let lists = Lists { lists: Vec::new(), digest: RowDigest::default().finish() };
                    log.end_rows(&lists).map(|()| log)
                });
                let log = written.await?;
                let gathered = Gathered { wants: Wants::new(), log, earlier: None };
                Ok(Opening { head, was_fetched: false, gathered })
            }
        }
    }
}
