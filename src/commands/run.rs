//! `rtk-export run`: lists or a window in, an export out; all the way from stage 1 to stage 8.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::fetching::{self, Asked, reach};
use super::{Ending, summarise};
use crate::blocking::blocking;
use crate::clock;
use crate::config::{KeepLog, OutputConfig, PlaceConfig, RunConfig, SetTime, StartMode, WindowConfig};
use crate::error::{Error, Result, Resume};
use crate::log::{Log, TypedWindow};
use crate::manifest::Manifest;
use crate::model::Window;
use crate::operation::{Facts, Published};
use crate::output::{self, Output, Stored, Work};
use crate::pipeline::{self, Destination, Making, Signals};
use crate::place::{Conditions, Place};
use crate::queries::Query;
use crate::tables::Table;
use crate::ui::Ui;
use chrono::{DateTime, Utc};

/// What a store is that takes a put whose condition is not met.
const UNCONDITIONAL: &str =
    "the store takes whatever is written last: another run to the same place would not be noticed";

/// Runs the command; the facts are those that are known when it ends, however it does.
///
/// # Errors
/// Whatever ended it before the export was complete.
pub(super) async fn run(config: RunConfig, ui: &Ui, facts: &mut Facts) -> Result<Ending> {
    let started = Instant::now();
    let deadline = fetching::deadline(config.deadline);
    ui.settings(&config.settings);
    facts.output = Some(config.output.place.shown());
    let rollups = super::rollups(config.output.rollups, config.output.queries.as_deref()).await?;
    let mut signals = Signals::listen()?;
    let mut begun = Begun { started, deadline, rollups, stored: None };
    let PlaceConfig::Remote(_) = &config.output.place else {
        return Box::pin(export(config, begun, ui, facts, &mut signals)).await;
    };
    let held = Box::pin(hold(&config.output, ui));
    let mut stored = pipeline::unless_stopped(&mut signals, held).await?;
    let lock = stored.take_lock();
    begun.stored = Some(stored);
    let exported = Box::pin(export(config, begun, ui, facts, &mut signals));
    let Some(lock) = lock else { return exported.await };
    let ended = lock.while_held(exported).await;
    // Best effort: otherwise it is free in two minutes.
    let _ = lock.release().await;
    ended
}

/// Holds an output in a store, and says what is odd about that.
async fn hold(output: &OutputConfig, ui: &Ui) -> Result<Stored> {
    let place = Place::open(&output.place)?;
    // Where the log of such an output is was found out with its settings.
    let state = output.state_dir.clone().unwrap_or_default();
    let stored = output::hold_stored(place, &state).await?;
    if let Some(holder) = stored.took_over() {
        ui.took_over(holder);
    }
    if stored.conditions() == Conditions::Ignored {
        ui.warn(UNCONDITIONAL, None);
    }
    Ok(stored)
}

/// What was found right before the export is begun.
struct Begun {
    started: Instant,
    deadline: Option<pipeline::Deadline>,
    rollups: Vec<Query>,
    /// The output, where it is in a store.
    stored: Option<Stored>,
}

/// Makes the export, in an output that nobody else is at.
async fn export(
    config: RunConfig,
    begun: Begun,
    ui: &Ui,
    facts: &mut Facts,
    signals: &mut Signals,
) -> Result<Ending> {
    let Begun { started, deadline, rollups, stored } = begun;
    let (api, _sandbox) = reach(&config.api).await?;
    let window = config.window.as_ref().map(typed).unwrap_or_default();
    let settings = fetching::settings(&config.api, &api, &config.fetch, window, config.output.format);
    let progress = Arc::clone(&facts.progress);
    let display = ui.display(Arc::clone(&progress));

    let opened = match stored {
        Some(stored) => {
            let opened = Box::pin(stored.open(&config.output, &settings, &config.command_line));
            pipeline::unless_stopped(signals, opened).await?
        }
        None => output::open(&config.output.place.shown(), &config.output, &settings)?,
    };
    let (log, work, earlier) = match opened {
        Output::New(log, work) => (log, work, None),
        Output::Begun(log, work, earlier) => (log, work, Some(earlier)),
        Output::Finished(work, manifest) => {
            drop(display);
            work.settle(&manifest.export_id)?;
            let log = kept_log(&work, config.output.keep_log)?;
            let requests = Some(&manifest.requests);
            facts.export_id = Some(manifest.export_id.clone());
            let source = &manifest.source;
            (facts.since, facts.until) =
                (source.since.as_ref().map(|time| time.0), source.until.as_ref().map(|time| time.0));
            facts.published = Some(published(&manifest));
            return Ok(summarise(ui, work.shown(), log, 0, &manifest, requests, started));
        }
    };
    if let Some(holder) = work.took_over() {
        ui.took_over(holder);
    }
    let now = clock::now();
    let window = resolve(&config, now, earlier.as_deref()).inspect_err(|_| {
        if earlier.is_none() {
            work.abandon(&log);
        }
    })?;
    let head = fetching::head(settings, config.output.start, now, window.as_ref());
    let begun_as = head.export_id.clone();
    let gathered = {
        let fetched = pipeline::unless_stopped(signals, fetching::stored_lists(&config.stored_lists)).await;
        let fetched = fetched.inspect_err(|_| {
            if earlier.is_none() {
                work.abandon(&log);
            }
        })?;
        let (lists, work) = (config.lists.clone(), work.clone());
        let gathered =
            blocking("lists", move || pipeline::gather(&lists, fetched, log, &work, earlier, &head));
        pipeline::unless_stopped(signals, gathered).await?
    };
    // A relative window keeps its first resolution.
    let window = gathered.earlier.as_deref().map_or(window, |log| log.head().window());
    let earlier_id = gathered.earlier.as_deref().map(|log| log.head().export_id.clone());
    facts.export_id = Some(earlier_id.unwrap_or(begun_as));
    (facts.since, facts.until) = window.as_ref().map_or((None, None), |window| (window.since, window.until));
    let was_fetched = gathered.earlier.as_ref().is_some_and(|log| log.is_fetched());

    let fallback = output::state_dir(work.dir(), config.output.state_dir.as_deref());
    let ledger = fetching::ledger(&config.api, config.user_state_dir, fallback);
    let fetching =
        fetching::fetching(&api, &config.fetch, ledger.as_ref(), window.clone(), deadline, &progress)?;
    let asked = fetching::ask(fetching, &config.fetch, window, gathered, ui, facts, signals).await?;
    let Asked { wants, mut log, kept, replies, ended_early } = asked;
    let resume = Resume { replies: kept.saturating_add(replies), command: config.command_line };
    if let Some(error) = ended_early {
        return Err(error.resumable(resume));
    }
    if replies > 0 || !was_fetched {
        log.mark_fetched(clock::now())?;
    }

    let complete = Log::open(work.log(), false)?.ok_or(Error::StageEnded { stage: "log" })?;
    let making = Making {
        log: complete,
        wants: Some(wants),
        work: work.dir().to_owned(),
        to: destination(&work, config.output.start),
        hold: work.hold(),
        format: config.output.format,
        rollups,
        on_warning: config.output.on_warning,
    };
    let made = pipeline::make(making, Arc::clone(&progress));
    let made = pipeline::unless_stopped(signals, made).await;
    if let (Err(_), Some((store, _))) = (&made, work.store()) {
        // Best effort: what is left is written down, for the next run to give up.
        let _ = store.give_up_uploads().await;
    }
    let manifest = made.map_err(|error| error.resumable(resume))?;
    facts.published = Some(published(&manifest));
    work.settle(&manifest.export_id)?;
    drop(display);
    let kept_log = kept_log(&work, config.output.keep_log)?;
    // The lock on the log lasts to here.
    drop(log);
    Ok(summarise(ui, work.shown(), kept_log, kept, &manifest, Some(&manifest.requests), started))
}

/// Where the export goes from where it is made.
fn destination(work: &Work, start: StartMode) -> Destination {
    match work.store() {
        None => Destination::Here,
        Some((place, conditions)) => Destination::Store {
            place: place.clone(),
            conditions: *conditions,
            replaces: start == StartMode::Refresh,
        },
    }
}

/// The window of an export that begins now; of one that goes on, the log's where the command's makes no
/// sense any more.
fn resolve(config: &RunConfig, now: DateTime<Utc>, earlier: Option<&Log>) -> Result<Option<Window>> {
    let window = config.window.as_ref().map(|window| window.resolve(now)).transpose();
    match earlier {
        Some(log) => window.or_else(|_| Ok(log.head().window())),
        None => window,
    }
}

/// What came of it, for machines to know.
fn published(manifest: &Manifest) -> Published {
    let rows = |table: Table| {
        let files = manifest.tables.iter().find(|files| files.name == table.name())?;
        Some((table.name(), files.rows))
    };
    Published {
        rows: Table::ALL.into_iter().filter_map(rows).collect(),
        failures: manifest.failures.total,
        duration_minutes: manifest.totals.duration_minutes.map(|minutes| minutes.to_string()),
        minutes_consumed: manifest.totals.minutes_consumed.map(|minutes| minutes.to_string()),
    }
}

/// Deletes the log where it is not to be kept; gives where it is.
fn kept_log(work: &Work, keep: KeepLog) -> Result<Option<&Path>> {
    match keep {
        KeepLog::Always => Ok(Some(work.final_log())),
        KeepLog::Never => work.delete_log().map(|()| None),
    }
}

/// A window as it was typed.
fn typed(window: &WindowConfig) -> TypedWindow {
    let text = |time: &Option<SetTime>| time.as_ref().map(|time| time.text.clone());
    TypedWindow {
        since: text(&window.since),
        until: text(&window.until),
        meeting: window.meeting.clone(),
        live: window.live,
    }
}
