//! An export's output before anything is fetched: new, to be gone on with, or refused.
//!
//! In: where the export goes, and what makes it this export. Out: the output held, and a locked log to append
//! to, with what an earlier run left in it.
//! Guarantees: a finished export, another's files and another export's log are never touched unless
//! `--refresh` says so, and then only once the new export is complete; a process that was killed while
//! swapping files in is made up for; one process at a time has the output, wherever its log is.
//! Not here: outputs in object stores (`stored`), reading the log (`log`), moving files (`publish`).

mod stored;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use stored::{Stored, claim_state, hold as hold_stored, name_of, refuse_other_state};

use crate::config::{KeepLog, OutputConfig, StartMode};
use crate::dataset;
use crate::error::{DatasetError, Error, Holder, Result};
use crate::files::{Hold, STATE_DIR};
use crate::log::{self, Log, LogWriter, Opened, Settings};
use crate::manifest::{self, Manifest};
use crate::place::{Conditions, Place};
use crate::publish;

/// The command that opens outputs, as others are told that find one held.
const COMMAND: &str = "run";

/// The log of an export that is to replace a finished one.
const NEXT_LOG: &str = "responses.next.jsonl.zst";

/// What there is to do for an output.
#[derive(Debug)]
pub enum Output {
    /// An empty log, to begin with.
    New(LogWriter, Work),
    /// An export that an earlier run began; its settings are the same, its lists are still to be
    /// compared.
    Begun(LogWriter, Work, Box<Log>),
    /// An earlier run of the same settings was killed while its files were swapped in; now they are.
    Finished(Work, Box<Manifest>),
}

/// Where an export is worked at.
#[derive(Clone, Debug)]
pub struct Work {
    /// The output, as messages name it.
    shown: PathBuf,
    /// The directory in which files are made: the output, or that of the log where the output is in a store.
    dir: PathBuf,
    /// The log while the export is made.
    log: PathBuf,
    /// Where the log goes once the export is complete, where that is elsewhere.
    final_log: PathBuf,
    /// Directories made for it, the innermost first: removed again if nothing comes of it.
    made: Vec<PathBuf>,
    hold: Arc<Hold>,
    /// The store, and whether it keeps two writers apart.
    store: Option<(Place, Conditions)>,
}

impl Work {
    /// Takes back what this process made, for nothing came of it. What an earlier one left in the log stays.
    pub fn abandon(&self, log: &LogWriter) {
        if log.is_own() {
            // Best effort: what stays is an empty log.
            let _ = fs::remove_file(&self.log);
        }
        if self.store.is_some() {
            stored::forget(&self.dir);
        }
        self.hold.let_go();
        remove_made(&self.made);
    }

    /// The hold on the output.
    #[must_use]
    pub fn hold(&self) -> Arc<Hold> {
        Arc::clone(&self.hold)
    }

    /// Whose lock was taken over: a process that was killed here.
    #[must_use]
    pub fn took_over(&self) -> Option<&Holder> {
        self.hold.took_over()
    }

    /// Deletes the settled log: it holds personal data that nobody asked to keep.
    ///
    /// # Errors
    /// An I/O error.
    pub fn delete_log(&self) -> Result<()> {
        if self.store.is_some() {
            // The hold is on this very directory, of which nothing stays.
            stored::forget(&self.dir);
            self.hold.let_go();
        }
        delete_log(&self.final_log)
    }

    /// The output, as messages name it: its directory, or its URL.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// The directory in which files are made.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store that the output is in, and whether it keeps two writers apart.
    #[must_use]
    pub const fn store(&self) -> Option<&(Place, Conditions)> {
        self.store.as_ref()
    }

    /// The log while the export is made.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The export is complete: its log takes the place of the one that it replaces.
    ///
    /// # Errors
    /// An I/O error.
    pub fn settle(&self, export_id: &str) -> Result<()> {
        settle(&self.log, &self.final_log)?;
        if self.store.is_some() { stored::mark_published(&self.dir, export_id) } else { Ok(()) }
    }

    /// The log's path once settled.
    #[must_use]
    pub fn final_log(&self) -> &Path {
        &self.final_log
    }
}

fn delete_log(log: &Path) -> Result<()> {
    fs::remove_file(log).map_err(Error::io("delete", log))?;
    // Best effort: a state directory with something else in it stays.
    let _ = log.parent().map(fs::remove_dir);
    Ok(())
}

fn settle(from: &Path, to: &Path) -> Result<()> {
    if from == to {
        return Ok(());
    }
    fs::rename(from, to).map_err(Error::io("rename", from))
}

/// The directory of an output's log.
#[must_use]
pub fn state_dir(output: &Path, state_dir: Option<&Path>) -> PathBuf {
    state_dir.map_or_else(|| output.join(STATE_DIR), Path::to_owned)
}

/// Opens an output in a directory.
///
/// # Errors
/// [`Error::OutputFinished`], [`Error::OutputForeign`], [`Error::OutputOfAnotherExport`] where it is
/// refused, [`Error::OutputBusy`] where another process holds it, I/O errors.
pub fn open(dir: &Path, config: &OutputConfig, settings: &Settings) -> Result<Output> {
    let state = state_dir(dir, config.state_dir.as_deref());
    if dir.join(dataset::POINTER).exists() {
        let place = dir.display().to_string();
        return Err(Error::Dataset(DatasetError::IsDataset { place }));
    }
    if !is_begun(dir) {
        refuse_unknown(dir, config.start, &state)?;
    }
    let made = make_dirs(&[dir, &state])?;
    open_in(dir, &state, config, settings, &made).inspect_err(|_| remove_made(&made))
}

fn open_in(
    dir: &Path,
    state: &Path,
    config: &OutputConfig,
    settings: &Settings,
    made: &[PathBuf],
) -> Result<Output> {
    let hold = Arc::new(Hold::take(dir, COMMAND)?);
    refuse_unknown(dir, config.start, state)?;
    let logs = Logs::of(state);
    let finished = read_manifest(dir)?;
    if let Some(manifest) = &finished {
        logs.refuse_finished(manifest, dir, config)?;
    }
    let (path, opened) = logs.open(finished.is_some(), config.start)?;
    let work = |log: &Path| Work {
        shown: dir.to_owned(),
        dir: dir.to_owned(),
        log: log.to_owned(),
        final_log: logs.main.clone(),
        made: made.to_owned(),
        hold,
        store: None,
    };
    if finished.is_none()
        && let Some(published) = publish::finish(dir, &mut |_| Ok(()))?
    {
        logs.settle_next(&published.manifest)?;
        if !is_of(&opened, settings) {
            return Err(Error::OutputFinished { dir: dir.to_owned() });
        }
        return Ok(Output::Finished(work(&logs.main), Box::new(published.manifest)));
    }
    begun(opened, work(path), config.start, settings)
}

/// Whether a log is of an export of the same settings.
fn is_of(opened: &Opened, settings: &Settings) -> bool {
    matches!(opened, Opened::Begun(_, log) if log.head().settings == *settings)
}

/// What there is to do with a log.
fn begun(opened: Opened, work: Work, start: StartMode, settings: &Settings) -> Result<Output> {
    match opened {
        Opened::Empty(log) => Ok(Output::New(log, work)),
        Opened::Begun(log, begun) => match start {
            StartMode::Resume => {
                let differences = begun.head().settings.differences(settings);
                if !differences.is_empty() {
                    return Err(Error::OutputOfAnotherExport { dir: work.shown, differences });
                }
                Ok(Output::Begun(log, work, begun))
            }
            StartMode::Refresh if begun.head().refresh && begun.head().settings == *settings => {
                Ok(Output::Begun(log, work, begun))
            }
            StartMode::Refresh => Ok(Output::New(log, work)),
        },
    }
}

/// The logs of an output: that of its export, and that of one which is to replace it.
struct Logs {
    main: PathBuf,
    next: PathBuf,
}

impl Logs {
    fn of(state: &Path) -> Self {
        Self { main: state.join(log::FILE_NAME), next: state.join(NEXT_LOG) }
    }

    /// Refuses an output that has an export which is not to be replaced.
    fn refuse_finished(&self, manifest: &Manifest, shown: &Path, config: &OutputConfig) -> Result<()> {
        self.settle_next(manifest)?;
        if config.start == StartMode::Refresh {
            return Ok(());
        }
        if config.keep_log == KeepLog::Never && is_log_of(&self.main, manifest)? {
            // A run was killed between publishing and deleting its log.
            let _lock = log::open_anew(&self.main)?;
            delete_log(&self.main)?;
        }
        Err(Error::OutputFinished { dir: shown.to_owned() })
    }

    /// A refresh was killed after its manifest was there and before its log was in place.
    fn settle_next(&self, manifest: &Manifest) -> Result<()> {
        if is_log_of(&self.next, manifest)? { settle(&self.next, &self.main) } else { Ok(()) }
    }

    /// Opens the log to append to. Without a manifest, that of a refresh is there only while its files are being
    /// swapped in.
    fn open(&self, is_finished: bool, start: StartMode) -> Result<(&Path, Opened)> {
        let path = if is_finished || self.next.exists() { &self.next } else { &self.main };
        let opened = match log::open(path) {
            Err(error) if is_unreadable(&error) && start == StartMode::Refresh => {
                Opened::Empty(log::open_anew(path)?)
            }
            opened => opened?,
        };
        Ok((path, opened))
    }
}

/// Refuses a directory that holds something, but no export and no log of one.
fn refuse_unknown(dir: &Path, start: StartMode, state: &Path) -> Result<()> {
    let is_known = start == StartMode::Refresh || state.join(log::FILE_NAME).exists();
    if is_known { Ok(()) } else { refuse_foreign(dir) }
}

/// Whether a process may be at work in a directory: it is to be held before it is judged. In any other nothing
/// is made before that.
#[must_use]
pub fn is_begun(dir: &Path) -> bool {
    dir.join(STATE_DIR).exists()
}

/// Whether there is a log that a manifest was made of. One that cannot be read is not.
fn is_log_of(log: &Path, manifest: &Manifest) -> Result<bool> {
    match Log::open(log, false) {
        Ok(log) => Ok(log.is_some_and(|log| log.head().export_id == manifest.export_id)),
        Err(error) if is_unreadable(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a log is there that this version cannot go on with.
const fn is_unreadable(error: &Error) -> bool {
    matches!(error, Error::LogOfAnotherVersion { .. } | Error::LogDamaged { .. })
}

/// Refuses a directory in which another export than this one was begun: its replies are paid for.
///
/// # Errors
/// [`Error::OutputUnfinished`], or an I/O error.
pub fn refuse_unfinished(dir: &Path, export_id: &str) -> Result<()> {
    for name in [log::FILE_NAME, NEXT_LOG] {
        let is_other = match Log::open(&dir.join(STATE_DIR).join(name), false) {
            Ok(log) => log.is_some_and(|log| log.head().export_id != export_id),
            Err(error) if is_unreadable(&error) => true,
            Err(error) => return Err(error),
        };
        if is_other {
            return Err(Error::OutputUnfinished { dir: dir.to_owned() });
        }
    }
    Ok(())
}

/// Refuses a directory that holds something, but no export.
///
/// # Errors
/// [`Error::OutputForeign`], or an I/O error.
pub fn refuse_foreign(dir: &Path) -> Result<()> {
    let mut entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::output("read", dir))?,
    };
    if dir.join(manifest::FILE_NAME).exists() {
        return Ok(());
    }
    let foreign = entries.find_map(|entry| {
        let name = entry.ok()?.file_name();
        (name != STATE_DIR).then_some(name)
    });
    match foreign {
        Some(name) => {
            Err(Error::OutputForeign { dir: dir.to_owned(), found: name.to_string_lossy().into_owned() })
        }
        None => Ok(()),
    }
}

/// The manifest of a directory, if it is there.
///
/// # Errors
/// It cannot be read.
pub fn read_manifest(dir: &Path) -> Result<Option<Manifest>> {
    let path = dir.join(manifest::FILE_NAME);
    if path.exists() { Manifest::read(&path).map(Some) } else { Ok(None) }
}

/// Makes directories that are not there; gives those it made, the innermost first.
fn make_dirs(dirs: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    for dir in dirs {
        let missing: Vec<_> =
            dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
        for dir in missing.into_iter().rev() {
            fs::create_dir(dir).map_err(Error::output("create", dir))?;
            made.insert(0, dir.to_owned());
        }
    }
    Ok(made)
}

/// Removes directories that were made, the innermost first. Best effort: one that is not empty stays.
fn remove_made(made: &[PathBuf]) {
    for dir in made {
        let _ = fs::remove_dir(dir);
    }
}

#[cfg(test)]
mod tests;
