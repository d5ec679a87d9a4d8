//! `rtk-export sync`: a dataset is brought up to date, one range of days after the other, each an export and a
//! commit of its own.

mod again;
mod left;
mod made;
mod tally;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};

use super::Ending;
use super::fetching::{self, Asked as Fetched, reach};
use crate::clock;
use crate::config::{Anew, ApiConfig, EmptyDays, Format, PeerEvents, StartMode, SyncConfig, WaitLock};
use crate::dataset::{
    self, Asked, Committed, Committing, Current, Generation, Identity, Lock, Reached, Wait, Work, due, ranges,
};
use crate::error::{Error, Holder, Result, Resume, StoreError};
use crate::files::Staging;
use crate::log::{DatasetRange, Head, Lists, Log, LogWriter, Opened, RowDigest, Settings, TypedWindow};
use crate::manifest::Time;
use crate::model::{DayRange, Window, Zone, parse_time};
use crate::operation::{DatasetFacts, Facts, RequestsMade};
use crate::output;
use crate::pipeline::{self, Gathered, MakingDays, Signals};
use crate::place::{Conditions, Local, Place};
use crate::plan::Wants;
use crate::progress::Phase;
use crate::tables::schema::SCHEMA_VERSION;
use crate::ui::Ui;
use made::{Export, made};
use tally::Tally;

/// What others are told who holds the dataset.
const COMMAND: &str = "sync";
/// Uploads that this machine began, in the state directory.
const UPLOADS: &str = "uploads.jsonl";
/// The lock of a dataset in a store, as this machine took it, in the state directory.
const OWN_LOCK: &str = "lock.jsonl";
/// Clocks this near are the same: the server tells its own to the second.
const SAME_CLOCK: TimeDelta = TimeDelta::seconds(2);

/// Runs the command; the facts are those that are known when it ends, however it does.
///
/// # Errors
/// Whatever ended it before all days were committed; those that were stay.
pub(super) async fn run(config: SyncConfig, ui: &Ui, facts: &mut Facts) -> Result<Ending> {
    let (started, begun_at) = (Instant::now(), clock::now());
    let deadline = fetching::deadline(config.deadline);
    ui.settings(&config.settings);
    facts.output = Some(PathBuf::from(config.place.to_string()));
    let (api, _sandbox) = reach(&config.api).await?;
    let mut signals = Signals::listen()?;
    facts.progress.enter(Phase::ReadingDataset);
    let display = ui.display(Arc::clone(&facts.progress));
    let place = Place::open(&config.place)?;
    // Where the log of a dataset in a store is was found out with its settings.
    let dir = config.place.local().unwrap_or(Path::new(""));
    let state = output::state_dir(dir, config.state_dir.as_deref());
    if config.place.local().is_some() {
        // Before anything is made there.
        dataset::refuse_foreign(dir)?;
        let current = dataset::read(&place).await?;
        Sync::new(&config, &api, &place, Work::at(&state), ui, deadline).accept(current)?;
    }
    let work = Work::create(&state)?;
    if let (Some(dir), Some(_)) = (config.place.local(), &config.state_dir) {
        let dir = std::path::absolute(dir).map_err(Error::output("find", dir))?;
        output::claim_state(&state, &dir.display().to_string())?;
    }
    let mut has_waited = false;
    let mut waits = |holder: Option<&Holder>| {
        has_waited = true;
        ui.waits_for(holder);
    };
    let wait = wait(&config, deadline);
    // Of a dataset in a store, this machine's part is held first: what is noted there is of this process then.
    let of_state = match config.place.remote() {
        Some(remote) => {
            let here = Place::Local(Local::new(&state));
            let taking = Lock::take(&here, COMMAND, wait, &mut waits);
            let held = pipeline::unless_stopped(&mut signals, taking).await?;
            output::claim_state(&state, &remote.url.to_string())?;
            Some(held)
        }
        None => None,
    };
    let place = place.with_journal(&state.join(UPLOADS))?;
    check(&place).await?;
    let noted = state.join(OWN_LOCK);
    let taking = async {
        match of_state {
            Some(_) => Lock::take_noted(&place, COMMAND, &noted, wait, &mut waits).await,
            None => Lock::take(&place, COMMAND, wait, &mut waits).await,
        }
    };
    let lock = pipeline::unless_stopped(&mut signals, taking).await?;
    if let Some(holder) = lock.took_over() {
        ui.took_over(holder);
    }
    // Those that a killed process left. Best effort: what stays is given up the next time.
    let _ = place.give_up_uploads().await;
    let mut sync = Sync::new(&config, &api, &place, work, ui, deadline);
    let after_another = has_waited.then_some(begun_at);
    let ended = lock.while_held(Box::pin(sync.run(&lock, after_another, facts, &mut signals))).await;
    // Best effort, both: what stays of an upload is given up by the next one, and a lock goes stale.
    if ended.is_err() {
        let _ = place.give_up_uploads().await;
    }
    let _ = lock.release().await;
    drop(of_state);
    drop(display);
    ended?;
    Ok(sync.tally.summarise(&config, ui, facts, started.elapsed()))
}

/// How long to wait for another process.
fn wait(config: &SyncConfig, deadline: Option<pipeline::Deadline>) -> Wait {
    let typed = match config.wait_lock {
        WaitLock::No => None,
        WaitLock::UpTo(longest) => Some(longest),
    };
    Wait::of(typed, deadline.map(|deadline| deadline.instant))
}

/// Tries whether the place can be written, and keeps two writers apart.
async fn check(place: &Place) -> Result<()> {
    match place.check().await? {
        Conditions::Honoured => Ok(()),
        Conditions::Ignored => Err(StoreError::Unconditional { url: place.show(None) }.into()),
    }
}

/// One `sync` under way.
struct Sync<'a> {
    config: &'a SyncConfig,
    api: &'a ApiConfig,
    place: &'a Place,
    work: Work,
    ui: &'a Ui,
    deadline: Option<pipeline::Deadline>,
    identity: Identity,
    /// When it began, or the one began that it goes on for.
    asked_at: DateTime<Utc>,
    tally: Tally,
}

/// A log that is to be filled.
enum Begun {
    /// With the replies about these days.
    New(LogWriter, DayRange),
    /// An earlier process began it.
    Earlier(LogWriter, Box<Log>),
}

impl<'a> Sync<'a> {
    fn new(
        config: &'a SyncConfig,
        api: &'a ApiConfig,
        place: &'a Place,
        work: Work,
        ui: &'a Ui,
        deadline: Option<pipeline::Deadline>,
    ) -> Self {
        let identity = Identity {
            schema_version: SCHEMA_VERSION,
            time_zone: config.zone.unwrap_or(Zone::UTC),
            account_id: api.account_id.clone(),
            app_id: api.app_id.clone(),
            filters: config.fetch.filters.iter().map(|filter| filter.name().to_owned()).collect(),
            peer_events: config.fetch.peer_events == PeerEvents::Included,
            include_live: config.live,
        };
        let (asked_at, tally) = (clock::now(), Tally::default());
        Self { config, api, place, work, ui, deadline, identity, asked_at, tally }
    }

    /// The dataset, if there is one and it may be added to. It keeps its zone.
    fn accept(&mut self, current: Current) -> Result<Option<Generation>> {
        let anew = self.config.anew;
        let Some(base) = current.known(anew).map_err(Error::Dataset)? else { return Ok(None) };
        if self.config.zone.is_none() {
            self.identity.time_zone = base.pointer.identity.time_zone;
        }
        if anew == Anew::LeftOut {
            let place = self.place.show(None);
            dataset::refuse_other(&base, &self.identity, &place).map_err(Error::Dataset)?;
        }
        Ok(Some(base))
    }

    /// Everything that is done under the lock; the time is that at which this one began, if it had to wait for
    /// another.
    async fn run(
        &mut self,
        lock: &Lock,
        after_another: Option<DateTime<Utc>>,
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<()> {
        let mut base = self.accept(dataset::read(self.place).await?)?;
        if let Some(base) = &base {
            know(base, facts);
        }
        self.tally.before = base.as_ref().map(|base| base.pointer.generation);
        let is_done =
            |base: &Generation| after_another.is_some_and(|begun| base.pointer.state.synced_until.0 >= begun);
        let is_plain = self.config.days.from.is_none() && self.config.anew == Anew::LeftOut;
        if is_plain && base.as_ref().is_some_and(is_done) {
            // The other one did it.
            self.tally.after = base;
            return Ok(());
        }
        let mut gone_on_with = None;
        let mut unused = match self.open(base.as_ref(), facts, signals).await? {
            Opened::Empty(log) => Some(log),
            Opened::Begun(log, begun) => {
                // What is begun after it goes on for the same command.
                let since = left::asked_at(begun.head(), self.asked_at).unwrap_or(self.asked_at);
                let window = begun.head().window();
                let now =
                    Box::pin(self.export(lock, Begun::Earlier(log, begun), base.as_ref(), facts, signals))
                        .await?;
                (base, gone_on_with) = (Some(now), window.map(|window| (window, since)));
                None
            }
        };
        let now = clock::now();
        let gone_on = base.as_ref().zip(gone_on_with.as_ref());
        let ranges =
            if is_plain && gone_on.is_some_and(|(base, (window, _))| left::is_current(base, window, now)) {
                Vec::new()
            } else {
                self.ranges(base.as_ref(), facts, signals).await?
            };
        // A backfill that was stopped goes on behind what it had come to.
        let gone_on = base.as_ref().zip(gone_on_with.as_ref());
        let done =
            gone_on.map_or(0, |(base, (window, since))| left::done(&base.commit, &ranges, window, *since));
        if let Some((_, since)) = gone_on_with.filter(|_| done > 0) {
            self.asked_at = since;
        }
        let count = ranges.len();
        for (number, range) in (1..).zip(ranges).skip(done) {
            let log = match unused.take() {
                Some(log) => log,
                None => match self.work.open(StartMode::Resume, base.as_ref(), self.config.keep_log)? {
                    Opened::Empty(log) => log,
                    Opened::Begun(..) => return Err(Error::StageEnded { stage: "log" }),
                },
            };
            self.ui.days(&range, number, count);
            base = Some(
                Box::pin(self.export(lock, Begun::New(log, range), base.as_ref(), facts, signals)).await?,
            );
        }
        if let Some(log) = unused {
            // Nothing to do: nothing was begun.
            self.work.abandon(&log);
        }
        self.tally.after = base;
        Ok(())
    }

    /// Opens the log. One that an earlier process left, and that is no good any more, is dropped.
    async fn open(
        &mut self,
        base: Option<&Generation>,
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<Opened> {
        let (log, begun) = match self.work.open(self.config.start, base, self.config.keep_log)? {
            Opened::Begun(log, begun) => (log, begun),
            empty @ Opened::Empty(_) => return Ok(empty),
        };
        let wanted = match self.config.anew {
            Anew::Wanted => self.ranges(base, facts, signals).await?,
            Anew::LeftOut => Vec::new(),
        };
        if left::is_good(begun.head(), base, self.config.anew, &wanted) {
            dataset::refuse_other_log(&begun, &self.settings(None), Path::new(&self.place.show(None)))?;
            return Ok(Opened::Begun(log, begun));
        }
        self.ui.warn(
            "what an earlier sync had fetched is of a dataset that is gone, or of other days: it is dropped",
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

    /// The days to be exported.
    async fn ranges(
        &mut self,
        base: Option<&Generation>,
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<Vec<DayRange>> {
        let days = self.config.days;
        let is_anew = self.config.anew == Anew::Wanted;
        let replaced = base.filter(|base| is_anew && base.pointer.identity != self.identity);
        let base = base.filter(|_| !is_anew);
        let asked = Asked {
            from: days.from,
            to: days.to,
            lookback: days.lookback,
            // One commit takes the place of everything.
            days_per_commit: if is_anew { u32::MAX } else { days.per_commit },
        };
        let now = clock::now();
        let zone = self.identity.time_zone;
        let synced = base.map(|base| zone.date(base.pointer.state.synced_until.0));
        let reached = Reached { synced, today: zone.date(now) };
        let again = match base {
            Some(base) if asked.from.is_none() => {
                let pending = &base.pointer.state.pending;
                let due: Vec<_> = due(pending, asked.begins(reached), Time(now)).cloned().collect();
                self.worth_a_look(&due, facts, signals).await?
            }
            _ => BTreeSet::new(),
        };
        let ranges = ranges(&asked, zone, reached, &again);
        if let Some(replaced) = replaced.filter(|_| self.config.empty_days == EmptyDays::Kept) {
            let has = |day| ranges.iter().any(|range| range.contains(day));
            dataset::refuse_loss(replaced, has, &self.place.show(None)).map_err(Error::Dataset)?;
        }
        Ok(ranges)
    }

    /// Of days that are due, those that have changed since.
    async fn worth_a_look(
        &mut self,
        due: &[dataset::Pending],
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<BTreeSet<NaiveDate>> {
        if due.is_empty() {
            return Ok(BTreeSet::new());
        }
        let fetching = self.fetching(None, facts)?;
        facts.progress.enter(Phase::FindingSessions);
        let worth = again::worth_a_look(due, &fetching.fetcher);
        let worth = pipeline::unless_stopped(signals, worth).await;
        let made = fetching::requests_made(fetching.fetcher.traffic());
        facts.requests = Some(facts.requests.unwrap_or_default().and(made));
        if let Some(warning) = pipeline::settle(fetching).await {
            self.ui.warn(&warning, None);
        }
        worth
    }

    fn fetching(&self, window: Option<Window>, facts: &Facts) -> Result<pipeline::Fetching> {
        let user = self.config.user_state_dir.clone();
        let ledger = fetching::ledger(&self.config.api, user, self.work.state().to_owned());
        let fetch = &self.config.fetch;
        fetching::fetching(self.api, fetch, ledger.as_ref(), window, self.deadline, &facts.progress)
    }

    /// One range: fetched, made into files, committed.
    async fn export(
        &mut self,
        lock: &Lock,
        begun: Begun,
        base: Option<&Generation>,
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<Generation> {
        let Opening { head, was_fetched, gathered } = self.begin(begun, base).await?;
        let window = head.window().ok_or(Error::StageEnded { stage: "log" })?;
        let range = window.days.ok_or_else(|| Error::LogOfExport { path: self.work.log() })?;
        facts.export_id = Some(head.export_id.clone());
        (facts.since, facts.until) = (window.since, window.until);

        let asking = self.fetching(Some(window.clone()), facts)?;
        let fetcher = Arc::clone(&asking.fetcher);
        let before = facts.requests.take();
        let meant = Some(window.clone());
        let asked = fetching::ask(asking, &self.config.fetch, meant, gathered, self.ui, facts, signals).await;
        facts.requests = before
            .map_or(facts.requests, |before| Some(facts.requests.map_or(before, |made| before.and(made))));
        let Fetched { wants, mut log, kept, replies, ended_early } = asked?;
        let resume =
            Resume { replies: kept.saturating_add(replies), command: self.config.command_line.clone() };
        if let Some(error) = ended_early {
            return Err(error.resumable(resume));
        }
        if replies > 0 || !was_fetched {
            log.mark_fetched(clock::now())?;
        }
        let as_of = looked_at(&head, fetcher.server_ahead());
        drop(fetcher);
        let export = Export { head: &head, as_of, range, window: &window, identity: &self.identity };
        let committing = self.commit(lock, &export, wants, facts);
        let (committed, days) =
            pipeline::unless_stopped(signals, committing).await.map_err(|error| error.resumable(resume))?;
        self.work.settle(log, self.config.keep_log)?;
        know(&committed.generation, facts);
        self.tally.add(&committed, &days, kept, self.ui);
        Ok(committed.generation)
    }

    /// Makes the files of a complete log, and commits them.
    async fn commit(
        &self,
        lock: &Lock,
        export: &Export<'_>,
        wants: Arc<Wants>,
        facts: &Facts,
    ) -> Result<(Committed, pipeline::MadeDays)> {
        let path = self.work.log();
        let log = Arc::new(Log::open(&path, false)?.ok_or(Error::StageEnded { stage: "log" })?);
        let staging = match (self.config.place.local(), lock.hold()) {
            // There, so that publishing is a rename.
            (Some(dir), Some(hold)) => Staging::create(dir)?.under(hold),
            _ => Staging::create_in(self.work.state())?,
        };
        let on_warning = self.config.on_warning;
        let making = MakingDays { log, wants: Some(wants), staging: staging.clone(), on_warning };
        let days = pipeline::make_days(making, &facts.progress).await?;
        facts.progress.enter(Phase::Publishing);
        let made = made(export, &days);
        let committing = Committing {
            place: self.place,
            lock: Some(lock),
            made: &made,
            staging: staging.dir(),
            base_url: &export.head.settings.base_url,
            empty: self.config.empty_days,
            anew: self.config.anew,
        };
        let committed = dataset::commit(committing, &mut |_| Ok(())).await?;
        staging.discard()?;
        Ok((committed, days))
    }

    /// Writes the first lines of a log, or takes them from an earlier process's.
    async fn begin(&self, begun: Begun, base: Option<&Generation>) -> Result<Opening> {
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
                let written = tokio::task::spawn_blocking(move || {
                    log.begin(&first)?;
                    // There are no lists.
                    let lists = Lists { lists: Vec::new(), digest: RowDigest::default().finish() };
                    log.end_rows(&lists).map(|()| log)
                });
                let log = written.await.map_err(|_| Error::StageEnded { stage: "log" })??;
                let gathered = Gathered { wants: Wants::new(), log, earlier: None };
                Ok(Opening { head, was_fetched: false, gathered })
            }
        }
    }
}

/// A log with its first lines.
struct Opening {
    head: Head,
    was_fetched: bool,
    gathered: Gathered,
}

/// When an export began to look: by the server's clock where this machine's is another, and after every look that
/// the dataset had then.
fn looked_at(head: &Head, server_ahead: Option<TimeDelta>) -> DateTime<Utc> {
    let begun = parse_time(&head.started_at).unwrap_or_else(clock::now);
    let ahead = server_ahead.filter(|ahead| ahead.abs() >= SAME_CLOCK).unwrap_or_default();
    let corrected = begun.checked_add_signed(ahead).unwrap_or(begun).trunc_subsecs(6);
    let before = head.after.as_deref().and_then(parse_time);
    before.map_or(corrected, |before| corrected.max(before + TimeDelta::microseconds(1)))
}

/// What is known of a dataset, for machines.
fn know(dataset: &Generation, facts: &mut Facts) {
    let state = &dataset.pointer.state;
    let with_sessions = dataset.commit.days.values().filter(|entry| !entry.files.is_empty());
    facts.dataset = Some(DatasetFacts {
        generation: dataset.pointer.generation,
        synced_until: state.synced_until.0,
        days: with_sessions.count() as u64,
        pending: state.pending.len() as u64,
    });
}

impl RequestsMade {
    /// Those of two fetchers, one after the other: the quota is that of the later.
    fn and(self, later: Self) -> Self {
        Self {
            sent: self.sent + later.sent,
            retried: self.retried + later.retried,
            rate_limited: self.rate_limited + later.rate_limited,
            ..later
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_as_late_as_the_server_says_and_later_than_all_before() {
        let settings = Settings {
            account_id: String::new(),
            app_id: String::new(),
            base_url: String::new(),
            window: TypedWindow::default(),
            fetch: "auto".to_owned(),
            filters: Vec::new(),
            stats_from: "auto".to_owned(),
            peer_events: true,
            format: "parquet".to_owned(),
            excel: false,
            dataset: None,
        };
        let begun = parse_time("2026-11-23T02:00:00.123456Z").unwrap();
        let head = fetching::head(settings, StartMode::Resume, begun, None);
        let after = |text: &str| Head { after: Some(text.to_owned()), ..head.clone() };
        let at = |head: &Head, ahead: Option<i64>| {
            String::from(Time(looked_at(head, ahead.map(TimeDelta::milliseconds))))
        };
        assert_eq!(at(&head, None), "2026-11-23T02:00:00.123456Z");
        // The server tells whole seconds, of a moment ago.
        assert_eq!(at(&head, Some(-1_900)), "2026-11-23T02:00:00.123456Z");
        assert_eq!(at(&head, Some(-3_600_000)), "2026-11-23T01:00:00.123456Z");
        assert_eq!(at(&after("2026-11-22T02:00:00Z"), Some(60_000)), "2026-11-23T02:01:00.123456Z");
        assert_eq!(at(&after("2026-11-23T05:00:00Z"), None), "2026-11-23T05:00:00.000001Z");
    }
}
