//! An export's directory before anything is fetched: new, to be gone on with, or refused.
//!
//! In: where the export goes, and what makes it this export. Out: a locked log to append to, with what
//! an earlier run left in it.
//! Guarantees: a finished export, another's files and another export's log are never touched unless
//! `--refresh` says so, and then only once the new export is complete; a process that was killed while
//! swapping files in is made up for.
//! Not here: reading the log (`log`), moving files (`publish`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{KeepLog, OutputConfig, StartMode};
use crate::error::{Error, Result};
use crate::files::STATE_DIR;
use crate::log::{self, Log, LogWriter, Opened, Settings};
use crate::manifest::{self, Manifest};
use crate::publish;

/// The log of an export that is to replace a finished one.
const NEXT_LOG: &str = "responses.next.jsonl.zst";

/// What there is to do for an output.
#[derive(Debug)]
pub enum Output {
    /// An empty log, to begin with.
    New(LogWriter, Place),
    /// An export that an earlier run began; its settings are the same, its lists are still to be
    /// compared.
    Begun(LogWriter, Place, Box<Log>),
    /// An earlier run of the same settings was killed while its files were swapped in; now they are.
    Finished(Place, Box<Manifest>),
}

/// Where an export's log is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The export's directory.
    output: PathBuf,
    /// The log while the export is made.
    log: PathBuf,
    /// Where the log goes once the export is complete, where that is elsewhere.
    final_log: PathBuf,
    /// Directories made for it, the innermost first: removed again if nothing comes of it.
    made: Vec<PathBuf>,
}

impl Place {
    /// Takes back what opening made, for nothing came of it. The lock on the log is still held.
    pub fn abandon(&self) {
        // Best effort: what stays is an empty directory.
        let _ = fs::remove_file(&self.log);
        for dir in &self.made {
            let _ = fs::remove_dir(dir);
        }
    }

    /// Deletes the settled log: it holds personal data that nobody asked to keep.
    ///
    /// # Errors
    /// An I/O error.
    pub fn delete_log(&self) -> Result<()> {
        delete_log(&self.final_log)
    }

    /// The export's directory.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
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
    pub fn settle(&self) -> Result<()> {
        settle(&self.log, &self.final_log)?;
        // Best effort: staging was here, where the log is elsewhere.
        let _ = fs::remove_dir(self.output.join(STATE_DIR));
        Ok(())
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

/// Opens an output.
///
/// # Errors
/// [`Error::OutputFinished`], [`Error::OutputForeign`], [`Error::OutputOfAnotherExport`] where it is
/// refused, [`Error::OutputBusy`] where another process holds it, I/O errors.
pub fn open(config: &OutputConfig, settings: &Settings) -> Result<Output> {
    let state = state_dir(&config.dir, config.state_dir.as_deref());
    let main_log = state.join(log::FILE_NAME);
    if config.start == StartMode::Resume && !main_log.exists() {
        refuse_foreign(&config.dir)?;
    }
    let made = make_dirs(&[&config.dir, &state])?;
    let next_log = state.join(NEXT_LOG);
    let finished = read_manifest(&config.dir)?;
    if let Some(manifest) = &finished {
        settle_next(&next_log, &main_log, manifest)?;
        if config.start == StartMode::Resume {
            if config.keep_log == KeepLog::Never && main_log.exists() {
                // A run was killed between publishing and deleting its log.
                log::open(&main_log)?;
                delete_log(&main_log)?;
            }
            return Err(Error::OutputFinished { dir: config.dir.clone() });
        }
    }
    // Without a manifest, the log of a refresh is there only while its files are being swapped in.
    let path = if finished.is_some() || next_log.exists() { &next_log } else { &main_log };
    let opened = match log::open(path) {
        Err(Error::LogOfAnotherVersion { .. }) if config.start == StartMode::Refresh => {
            Opened::Empty(log::open_anew(path)?)
        }
        opened => opened?,
    };
    if finished.is_none()
        && let Some(published) = publish::finish(&config.dir, &mut |_| Ok(()))?
    {
        settle_next(&next_log, &main_log, &published.manifest)?;
        let place = Place { output: config.dir.clone(), log: main_log.clone(), final_log: main_log, made };
        let same = matches!(&opened, Opened::Begun(_, log) if log.head().settings == *settings);
        if !same {
            return Err(Error::OutputFinished { dir: config.dir.clone() });
        }
        return Ok(Output::Finished(place, Box::new(published.manifest)));
    }
    let place = Place { output: config.dir.clone(), log: path.clone(), final_log: main_log.clone(), made };
    match opened {
        Opened::Empty(log) => Ok(Output::New(log, place)),
        Opened::Begun(log, begun) => match config.start {
            StartMode::Resume => {
                let differences = begun.head().settings.differences(settings);
                if !differences.is_empty() {
                    return Err(Error::OutputOfAnotherExport { dir: config.dir.clone(), differences });
                }
                Ok(Output::Begun(log, place, begun))
            }
            StartMode::Refresh if begun.head().refresh && begun.head().settings == *settings => {
                Ok(Output::Begun(log, place, begun))
            }
            StartMode::Refresh => Ok(Output::New(log, place)),
        },
    }
}

/// A refresh was killed after its manifest was there and before its log was in place.
fn settle_next(next_log: &Path, main_log: &Path, manifest: &Manifest) -> Result<()> {
    match Log::open(next_log, false)? {
        Some(next) if next.head().export_id == manifest.export_id => settle(next_log, main_log),
        _ => Ok(()),
    }
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

fn read_manifest(dir: &Path) -> Result<Option<Manifest>> {
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

#[cfg(test)]
mod tests;
