//! `rtk-export rebuild`: tables and rollups again from the response log; stages 5 to 8, no request.
//!
//! Guarantees: the log is read and never changed; the export and the destination are held meanwhile; what
//! another export left in the destination is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{Ending, summarise};
use crate::config::{Format, RebuildConfig};
use crate::error::{Error, Result};
use crate::files::Hold;
use crate::log::{self, Log, ReadLock};
use crate::output;
use crate::pipeline::{self, Destination, Making, Signals};
use crate::progress::Progress;
use crate::ui::Ui;

/// The command, as others are told that find what it holds.
const COMMAND: &str = "rebuild";

/// Runs the command.
///
/// # Errors
/// Whatever ended it before the tables were complete.
pub(super) async fn run(config: RebuildConfig, ui: &Ui) -> Result<Ending> {
    let started = Instant::now();
    ui.settings(&config.settings);
    let rollups = super::rollups(config.rollups, config.queries.as_deref()).await?;
    let export = &config.export;
    let state = output::state_dir(export, config.state_dir.as_deref());
    let path = state.join(log::FILE_NAME);
    if !path.exists() {
        return Err(Error::NoLog { dir: export.clone(), path });
    }
    let elsewhere = config.destination.as_ref().filter(|destination| !is_same(destination, export));
    // Held first: a run that ends would put another log in the place of this one.
    let (hold, destination, log, _lock, _export_hold);
    if let Some(elsewhere) = elsewhere {
        _export_hold = hold_to_read(export)?;
        (_lock, log) = open(&path, export)?;
        hold = hold_other(elsewhere, &log)?;
        destination = elsewhere.clone();
    } else {
        _export_hold = None;
        hold = Hold::take(export, COMMAND)?;
        (_lock, log) = open(&path, export)?;
        destination = export.clone();
    }
    if let Some(holder) = hold.took_over() {
        ui.took_over(holder);
    }
    let settings = &log.head().settings;
    let made_as = match settings.format.as_str() {
        "csv" if settings.excel => Format::CsvExcel,
        "csv" => Format::Csv,
        _ => Format::Parquet,
    };
    let progress = Arc::new(Progress::default());
    let display = ui.display(Arc::clone(&progress));
    let making = Making {
        log,
        wants: None,
        work: destination.clone(),
        to: Destination::Here,
        hold: Arc::new(hold),
        format: config.format.unwrap_or(made_as),
        rollups,
        on_warning: config.on_warning,
    };
    let mut signals = Signals::listen()?;
    let manifest = pipeline::unless_stopped(&mut signals, pipeline::make(making, progress)).await?;
    drop(display);
    Ok(summarise(ui, &destination, Some(&path), 0, &manifest, None, started))
}

/// Opens a complete log to read, locked against whoever would append to it.
fn open(path: &Path, export: &Path) -> Result<(ReadLock, Log)> {
    let lock = ReadLock::take(path)?;
    let unfinished = || Error::ExportUnfinished { dir: export.to_owned() };
    let log = Log::open(path, true)?.ok_or_else(unfinished)?;
    if log.head().settings.dataset.is_some() {
        return Err(Error::LogOfDataset { path: path.to_owned() });
    }
    if log.is_fetched() {
        return Ok((lock, log));
    }
    // Of a finished export nothing is missing: it was there once.
    let was_fetched = output::read_manifest(export)
        .is_ok_and(|manifest| manifest.is_some_and(|manifest| manifest.export_id == log.head().export_id));
    let damaged = Error::LogDamaged { path: path.to_owned(), offset: log.end() };
    Err(if was_fetched { damaged } else { unfinished() })
}

/// Holds an export that is only read; `None` where this process may not write, so that it runs nothing there.
fn hold_to_read(export: &Path) -> Result<Option<Hold>> {
    if !export.is_dir() {
        return Ok(None);
    }
    match Hold::take(export, COMMAND) {
        Err(Error::Output { .. }) => Ok(None),
        taken => taken.map(Some),
    }
}

/// Holds a destination elsewhere, unless it has anything but this export.
fn hold_other(destination: &Path, log: &Log) -> Result<Hold> {
    if !output::is_begun(destination) {
        refuse_other(destination, log)?;
    }
    let hold = Hold::take(destination, COMMAND)?;
    refuse_other(destination, log)?;
    Ok(hold)
}

/// Refuses a destination that holds anything but this export.
fn refuse_other(destination: &Path, log: &Log) -> Result<()> {
    let export_id = &log.head().export_id;
    match output::read_manifest(destination)? {
        Some(manifest) if manifest.export_id != *export_id => {
            return Err(Error::OutputFinished { dir: destination.to_owned() });
        }
        Some(_) => {}
        None => output::refuse_foreign(destination)?,
    }
    output::refuse_unfinished(destination, export_id)
}

/// Whether two paths lead to one directory.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    real(one) == real(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{DatasetRange, Head, Lists, Opened, Settings, examples};
    use crate::model::Zone;

    #[test]
    fn the_log_of_a_sync_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(log::FILE_NAME);
        let Opened::Empty(mut writer) = log::open(&path).unwrap() else { panic!("not empty") };
        let last = "2026-11-22".parse().unwrap();
        let dataset = Some(DatasetRange { time_zone: Zone::UTC, first: None, last });
        writer
            .begin(&Head { settings: Settings { dataset, ..examples::settings() }, ..examples::head() })
            .unwrap();
        writer.end_rows(&Lists { lists: Vec::new(), digest: String::new() }).unwrap();
        drop(writer);
        let refused = loop {
            match open(&path, dir.path()) {
                // A child process that another test starts has our files, and so their locks, for a moment.
                Err(Error::OutputBusy { .. }) => std::thread::yield_now(),
                opened => break opened,
            }
        };
        assert!(matches!(refused, Err(Error::LogOfDataset { .. })));
    }
}
