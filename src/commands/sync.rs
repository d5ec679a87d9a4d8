//! `rtk-export sync`: a dataset is brought up to date, one range of days after the other, each an export and a
//! commit of its own.

mod again;
mod days;
mod left;
mod logs;
mod made;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::Ending;
use super::fetching::{self, Asked as Fetched, reach};
use crate::clock;
use crate::config::{Anew, ApiConfig, PeerEvents, StartMode, SyncConfig, WaitLock};
use crate::dataset::{self, Committed, Committing, Current, Generation, Identity, Lock, Wait, Work};
use crate::error::{Error, Holder, Result, Resume, StoreError};
use crate::files::Staging;
use crate::log::{Log, Opened};
use crate::model::{Window, Zone};
use crate::operation::{DatasetFacts, Facts, RequestsMade};
use crate::output;
use crate::pipeline::{self, MakingDays, Signals};
use crate::place::{Conditions, Local, Place};
use crate::plan::Wants;
use crate::progress::Phase;
use crate::tables::schema::SCHEMA_VERSION;
use crate::ui::Ui;
use logs::{Begun, Opening};
use made::{Export, made};
use tally::Tally;

/// What others are told who holds the dataset.
const COMMAND: &str = "sync";
/// The lock of a dataset in a store, as this machine took it, in the state directory.
const OWN_LOCK: &str = "lock.jsonl";

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
    // A state directory of its own is of one place.
    let has_own = config.state_dir.is_some() || config.place.remote().is_some();
    let claimed = if has_own { Some(output::name_of(&place)?) } else { None };
    let mut has_waited = false;
    let mut waits = |holder: Option<&Holder>| {
        has_waited = true;
        ui.waits_for(holder);
    };
    let wait = wait(&config, deadline);
    // Of a dataset in a store, this machine's part is held first: what is noted there is of this process then.
    let of_state = match config.place.remote() {
        Some(_) => {
            let here = Place::Local(Local::new(&state));
            let taking = Lock::take(&here, COMMAND, wait, &mut waits);
            Some(pipeline::unless_stopped(&mut signals, taking).await?)
        }
        None => None,
    };
    if let Some(url) = &claimed {
        output::refuse_other_state(&state, url)?;
    }
    let place = place.with_journal(&state)?;
    check(&place).await?;
    if let Some(url) = &claimed {
        // Not before the place was found to be one: a name that was mistyped claims nothing.
        output::claim_state(&state, url)?;
    }
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
        let zone = current.zone(self.place);
        let base = current.known(anew).map_err(Error::Dataset)?;
        if self.config.zone.is_none() {
            // Of one that is damaged and made anew too: its days were cut by it.
            self.identity.time_zone = zone.map_err(Error::Dataset)?.unwrap_or(self.identity.time_zone);
        }
        let Some(base) = base else { return Ok(None) };
        if anew == Anew::LeftOut {
            let place = self.place.show(None);
            let set_by = |named| self.config.set_by(named);
            dataset::refuse_other(&base, &self.identity, &place, set_by).map_err(Error::Dataset)?;
        }
        Ok(Some(base))
    }

    /// Whether it is to bring the dataset up to date, whatever days that takes.
    const fn is_plain(&self) -> bool {
        self.config.days.from.is_none() && matches!(self.config.anew, Anew::LeftOut)
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
        if self.is_plain() && base.as_ref().is_some_and(is_done) {
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
        let ranges = if self.is_plain()
            && gone_on.is_some_and(|(base, (window, _))| left::is_current(base, window, now))
        {
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
        let (identity, lookback) = (&self.identity, self.config.days.lookback);
        let export = Export { head: &head, range, window: &window, identity, lookback };
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
