//! `rtk-export rebuild`: tables and rollups again from the response log; stages 5 to 8, no request.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Ending, summarise};
use crate::config::{Format, RebuildConfig};
use crate::error::{Error, Result};
use crate::log::{self, Log, Opened};
use crate::manifest::{self, Manifest};
use crate::output;
use crate::pipeline::{self, Making, Signals};
use crate::progress::Progress;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// Whatever ended it before the tables were complete.
pub(super) async fn run(config: RebuildConfig, ui: &Ui) -> Result<Ending> {
    let started = Instant::now();
    ui.settings(&config.settings);
    let rollups = super::rollups(config.rollups, config.queries.as_deref()).await?;
    let state = output::state_dir(&config.export, config.state_dir.as_deref());
    let path = state.join(log::FILE_NAME);
    if !path.exists() {
        return Err(Error::NoLog { dir: config.export, path });
    }
    // The lock keeps a run from appending meanwhile.
    let Opened::Begun(_lock, log) = log::open(&path)? else {
        return Err(Error::ExportUnfinished { dir: config.export });
    };
    if !log.is_fetched() {
        return Err(Error::ExportUnfinished { dir: config.export });
    }
    let destination = config.destination.unwrap_or_else(|| config.export.clone());
    if destination != config.export {
        refuse_other(&destination, &log)?;
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
        log: *log,
        wants: None,
        output: destination.clone(),
        format: config.format.unwrap_or(made_as),
        rollups,
        on_warning: config.on_warning,
    };
    let mut signals = Signals::listen()?;
    let manifest = pipeline::unless_stopped(&mut signals, pipeline::make(making, progress)).await?;
    drop(display);
    Ok(summarise(ui, &destination, Some(&path), 0, &manifest, None, started))
}

/// Refuses a destination that holds anything but this export.
fn refuse_other(destination: &Path, log: &Log) -> Result<()> {
    let path = destination.join(manifest::FILE_NAME);
    if path.exists() {
        let same = Manifest::read(&path)?.export_id == log.head().export_id;
        return if same { Ok(()) } else { Err(Error::OutputFinished { dir: destination.to_owned() }) };
    }
    output::refuse_foreign(destination)
}
