//! `rtk-export report`: an export, or a list of which one is made first, to a usage report; stage 9.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Ending;
use super::run as run_command;
use crate::answers::Unfinished;
use crate::config::{
    Format, KeepLog, ListsConfig, OnWarning, OperationConfig, OutputConfig, PlaceConfig, ReportConfig,
    ReportSource, Rollups, RunConfig, StartMode,
};
use crate::error::{Error, Result};
use crate::operation::Facts;
use crate::pipeline::{self, Signals};
use crate::place::{Local, Place};
use crate::report::{self, Question, Reader};
use crate::ui::Ui;
use crate::{log, manifest, output};

/// Runs the command.
///
/// # Errors
/// Whatever ended it before the report was written as a whole.
pub(super) async fn run(config: ReportConfig, ui: &Ui) -> Result<Ending> {
    ui.settings(&config.settings);
    // Before anything is asked for: what is wrong with either is known now.
    let question = Question::of(&config)?;
    let mut sheet = Sheet::open(config.output.as_deref())?;
    // One that is temporary is gone once it is dropped.
    let (place, _export, ending) = match config.source {
        ReportSource::Export(place) => (Place::open(&place)?, None, Ending::Complete),
        ReportSource::Lists(lists) => {
            let (export, ending) = export(*lists, ui).await?;
            (Place::Local(Local::new(export.dir())), Some(export), ending)
        }
    };
    let reader = Reader { columns: ui.columns() };
    let writing = report::write(&place, question, reader, sheet.writer());
    match pipeline::unless_stopped(&mut Signals::listen()?, writing).await {
        // There is nothing to resume.
        Err(Error::Interrupted { signal, .. }) => return Err(Error::Stopped { signal }),
        written => written?,
    }
    sheet.publish(ui)?;
    Ok(ending)
}

/// The export that was made to be reported on.
enum Export {
    /// It stays.
    Kept(PathBuf),
    /// It goes with the report.
    Temporary(TempDir),
}

impl Export {
    fn dir(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

/// Exports the lists. What was fetched of an export that was to go is kept, where it was not finished.
async fn export(lists: ListsConfig, ui: &Ui) -> Result<(Export, Ending)> {
    let (export, command_line) = match lists.dir {
        Some(dir) if dir.join(manifest::FILE_NAME).exists() => return Err(Error::ReportedAlready { dir }),
        Some(dir) => (Export::Kept(dir), lists.command_line),
        None => {
            let dir = tempfile::Builder::new().prefix("rtk-export-").tempdir();
            let dir = dir.map_err(Error::io("create", std::env::temp_dir()))?;
            let command_line = format!("{} {}", lists.command_line, dir.path().display());
            (Export::Temporary(dir), command_line)
        }
    };
    let config = RunConfig {
        lists: lists.lists,
        stored_lists: lists.stored_lists,
        window: None,
        api: lists.api,
        fetch: lists.fetch,
        output: OutputConfig {
            place: PlaceConfig::Local(export.dir().to_owned()),
            state_dir: None,
            start: StartMode::Resume,
            keep_log: KeepLog::Always,
            format: Format::Parquet,
            rollups: Rollups::LeftOut,
            queries: None,
            on_warning: OnWarning::Publish,
        },
        deadline: None,
        operation: OperationConfig::default(),
        user_state_dir: lists.user_state_dir,
        command_line: command_line.clone(),
        settings: Vec::new(),
    };
    match run_command::run(config, &ui.of_a_step(), &mut Facts::default()).await {
        Ok(ending) => Ok((export, ending)),
        Err(error) => {
            keep(export, &command_line, ui);
            Err(error)
        }
    }
}

/// Replies that were paid for stay, also where their export was to go.
fn keep(export: Export, command_line: &str, ui: &Ui) {
    if let Export::Temporary(dir) = export
        && output::state_dir(dir.path(), None).join(log::FILE_NAME).exists()
    {
        let kept = dir.keep();
        let message = format!("the unfinished export is kept in {}", kept.display());
        ui.warn(&message, Some(&format!("to go on with it: {command_line}")));
    }
}

/// Where a report is written before anybody sees it.
enum Sheet {
    /// Beside the file that it is to be.
    File(Box<Unfinished>),
    /// For stdout.
    Spool(File),
}

impl Sheet {
    fn open(path: Option<&Path>) -> Result<Self> {
        let spool = || tempfile::tempfile().map_err(Error::io("create", std::env::temp_dir()));
        path.map_or_else(
            || spool().map(Self::Spool),
            |path| Unfinished::create(path).map(|file| Self::File(Box::new(file))),
        )
    }

    fn writer(&mut self) -> &mut (dyn Write + Send) {
        match self {
            Self::File(file) => file.as_mut(),
            Self::Spool(file) => file,
        }
    }

    /// Lets it be seen, whole.
    fn publish(self, ui: &Ui) -> Result<()> {
        match self {
            Self::File(file) => file.finish(),
            Self::Spool(mut file) => ui.write_result(|stdout| {
                file.rewind()?;
                io::copy(&mut file, stdout).map(drop)
            }),
        }
    }
}
