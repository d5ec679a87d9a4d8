//! `rtk-export run`: lists or a window in, an export out; all the way from stage 1 to stage 8.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::fetching::{self, Asked, reach};
use super::{Ending, summarise};
use crate::clock;
use crate::config::{KeepLog, RunConfig, SetTime, WindowConfig};
use crate::error::{Error, Result, Resume};
use crate::log::{Log, TypedWindow};
use crate::manifest::Manifest;
use crate::model::Window;
use crate::operation::{Facts, Published};
use crate::output::{self, Output, Place};
use crate::pipeline::{self, Making, Signals};
use crate::tables::Table;
use crate::ui::Ui;
use chrono::{DateTime, Utc};

/// Runs the command; the facts are those that are known when it ends, however it does.
///
/// # Errors
/// Whatever ended it before the export was complete.
pub(super) async fn run(config: RunConfig, ui: &Ui, facts: &mut Facts) -> Result<Ending> {
    let started = Instant::now();
    let deadline = fetching::deadline(config.deadline);
    ui.settings(&config.settings);
    facts.output = Some(config.output.dir.clone());
    let rollups = super::rollups(config.output.rollups, config.output.queries.as_deref()).await?;
    let (api, _sandbox) = reach(&config.api).await?;
    let window = config.window.as_ref().map(typed).unwrap_or_default();
    let settings = fetching::settings(&config.api, &api, &config.fetch, window, config.output.format);
    let progress = Arc::clone(&facts.progress);
    let display = ui.display(Arc::clone(&progress));

    let opened = output::open(&config.output, &settings)?;
    let (log, place, earlier) = match opened {
        Output::New(log, place) => (log, place, None),
        Output::Begun(log, place, earlier) => (log, place, Some(earlier)),
        Output::Finished(place, manifest) => {
            drop(display);
            let log = kept_log(&place, config.output.keep_log)?;
            let requests = Some(&manifest.requests);
            facts.export_id = Some(manifest.export_id.clone());
            let source = &manifest.source;
            (facts.since, facts.until) =
                (source.since.as_ref().map(|time| time.0), source.until.as_ref().map(|time| time.0));
            facts.published = Some(published(&manifest));
            return Ok(summarise(ui, &config.output.dir, log, 0, &manifest, requests, started));
        }
    };
    if let Some(holder) = place.took_over() {
        ui.took_over(holder);
    }
    let mut signals = Signals::listen()?;
    let now = clock::now();
    let window = resolve(&config, now, earlier.as_deref()).inspect_err(|_| {
        if earlier.is_none() {
            place.abandon(&log);
        }
    })?;
    let head = fetching::head(settings, config.output.start, now, window.as_ref());
    let begun_as = head.export_id.clone();
    let gathered = {
        let (lists, place) = (config.lists.clone(), place.clone());
        let gathered =
            tokio::task::spawn_blocking(move || pipeline::gather(&lists, log, &place, earlier, &head));
        let gathered = async { gathered.await.map_err(|_| Error::StageEnded { stage: "lists" })? };
        pipeline::unless_stopped(&mut signals, gathered).await?
    };
    // A relative window keeps its first resolution.
    let window = gathered.earlier.as_deref().map_or(window, |log| log.head().window());
    let earlier_id = gathered.earlier.as_deref().map(|log| log.head().export_id.clone());
    facts.export_id = Some(earlier_id.unwrap_or(begun_as));
    (facts.since, facts.until) = window.as_ref().map_or((None, None), |window| (window.since, window.until));
    let was_fetched = gathered.earlier.as_ref().is_some_and(|log| log.is_fetched());

    let fallback = output::state_dir(&config.output.dir, config.output.state_dir.as_deref());
    let ledger = fetching::ledger(&config.api, config.user_state_dir, fallback);
    let fetching =
        fetching::fetching(&api, &config.fetch, ledger.as_ref(), window.clone(), deadline, &progress)?;
    let asked = fetching::ask(fetching, &config.fetch, window, gathered, ui, facts, &mut signals).await?;
    let Asked { wants, mut log, kept, replies, ended_early } = asked;
    let resume = Resume { replies: kept.saturating_add(replies), command: config.command_line };
    if let Some(error) = ended_early {
        return Err(error.resumable(resume));
    }
    if replies > 0 || !was_fetched {
        log.mark_fetched(clock::now())?;
    }

    let complete = Log::open(place.log(), false)?.ok_or(Error::StageEnded { stage: "log" })?;
    let making = Making {
        log: complete,
        wants: Some(wants),
        output: config.output.dir.clone(),
        hold: place.hold(),
        format: config.output.format,
        rollups,
        on_warning: config.output.on_warning,
    };
    let made = pipeline::make(making, Arc::clone(&progress));
    let made = pipeline::unless_stopped(&mut signals, made).await;
    let manifest = made.map_err(|error| error.resumable(resume))?;
    facts.published = Some(published(&manifest));
    place.settle()?;
    drop(display);
    let kept_log = kept_log(&place, config.output.keep_log)?;
    // The lock on the log lasts to here.
    drop(log);
    Ok(summarise(ui, &config.output.dir, kept_log, kept, &manifest, Some(&manifest.requests), started))
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
fn kept_log(place: &Place, keep: KeepLog) -> Result<Option<&Path>> {
    match keep {
        KeepLog::Always => Ok(Some(place.final_log())),
        KeepLog::Never => place.delete_log().map(|()| None),
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
