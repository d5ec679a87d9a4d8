//! The response log of a `sync` on this machine: begun, gone on with, settled.
//!
//! In: a state directory, and the dataset as it is. Out: a locked log to append to, and what is in it.
//! Guarantees: what was fetched and not committed is never dropped but by `--refresh`; a log of a commit that was
//! made is not gone on with; at most one settled log is kept.
//! Not here: what is in a log (`log`), which days it is of (`ranges`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Generation;
use crate::config::{KeepLog, PlaceConfig, StartMode, settings};
use crate::error::{Error, Result};
use crate::files::{STATE_DIR, sha256_of};
use crate::log::{self, Log, LogWriter, Opened, Settings};

/// The log of the last commit, where it is kept.
const SETTLED_LOG: &str = "responses.last.jsonl.zst";

/// Where the logs of datasets in stores are, in the user's own directory for state.
const OUTPUTS: &str = "outputs";

/// The directory of the log: in the dataset, or what was set, or for a dataset in a store one of the user's own
/// that is named after it.
///
/// # Errors
/// [`Error::SettingsMissing`] where there is no such directory.
pub fn state_dir(place: &PlaceConfig, set: Option<&Path>, user: Option<&Path>) -> Result<PathBuf> {
    if let Some(set) = set {
        return Ok(set.to_owned());
    }
    match place {
        PlaceConfig::Local(dir) => Ok(dir.join(STATE_DIR)),
        PlaceConfig::Remote(_) => {
            let user = user.ok_or_else(|| Error::SettingsMissing { missing: vec![&settings::STATE_DIR] })?;
            let name = sha256_of(place.to_string().as_bytes());
            Ok(user.join(OUTPUTS).join(&name[..32]))
        }
    }
}

/// The directory in which a `sync` has its log.
#[derive(Clone, Debug)]
pub struct Work {
    state: PathBuf,
}

impl Work {
    /// Of a directory that is only looked at.
    #[must_use]
    pub fn at(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Of a directory, which is made if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(state: &Path) -> Result<Self> {
        fs::create_dir_all(state).map_err(Error::output("create", state))?;
        Ok(Self::at(state))
    }

    /// The directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The log that is being written.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.state.join(log::FILE_NAME)
    }

    /// The log of the last commit.
    #[must_use]
    pub fn settled_log(&self) -> PathBuf {
        self.state.join(SETTLED_LOG)
    }

    /// Opens the log. One of a commit that was made is settled first.
    ///
    /// # Errors
    /// [`Error::OutputBusy`] where another process has it, [`Error::LogOfExport`], [`Error::LogDamaged`],
    /// [`Error::LogOfAnotherVersion`], I/O errors.
    pub fn open(&self, start: StartMode, base: Option<&Generation>, keep: KeepLog) -> Result<Opened> {
        let path = self.log();
        if start == StartMode::Refresh {
            return log::open_anew(&path).map(Opened::Empty);
        }
        match log::open(&path)? {
            Opened::Begun(writer, begun) if base.is_some_and(|base| has(base, &begun)) => {
                self.settle(writer, keep)?;
                log::open(&path)
            }
            Opened::Begun(_, begun) if begun.head().settings.dataset.is_none() => {
                Err(Error::LogOfExport { path })
            }
            opened => Ok(opened),
        }
    }

    /// Takes an empty log back, for nothing came of it.
    pub fn abandon(&self, log: &LogWriter) {
        if log.is_own() {
            // Best effort: what stays is an empty log.
            let _ = fs::remove_file(self.log());
        }
    }

    /// A commit was made of the log: it is kept as the last one, or deleted, for it holds personal data.
    ///
    /// # Errors
    /// An I/O error.
    pub fn settle(&self, log: LogWriter, keep: KeepLog) -> Result<()> {
        let (path, settled) = (self.log(), self.settled_log());
        match keep {
            KeepLog::Always => fs::rename(&path, &settled).map_err(Error::io("rename", path))?,
            KeepLog::Never => {
                fs::remove_file(&path).map_err(Error::io("delete", path))?;
                match fs::remove_file(&settled) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::io("delete", settled)(error));
                    }
                    _ => {}
                }
            }
        }
        // The lock on the log lasts to here.
        drop(log);
        Ok(())
    }
}

/// Whether a dataset has what a log came to.
fn has(base: &Generation, log: &Log) -> bool {
    let id = &log.head().export_id;
    base.pointer.export_id == *id || base.commit.exports.iter().any(|export| export.export_id == *id)
}

/// Refuses to go on with a log of other settings; the days may be others.
///
/// # Errors
/// [`Error::OutputOfAnotherExport`] with what differs.
pub fn refuse_other_log(log: &Log, settings: &Settings, place: &Path) -> Result<()> {
    let begun = &log.head().settings;
    let zone = |settings: &Settings| settings.dataset.as_ref().map(|range| range.time_zone);
    let mut differences = begun.differences(&Settings { dataset: begun.dataset.clone(), ..settings.clone() });
    if zone(begun) != zone(settings) {
        differences.push("--tz");
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::OutputOfAnotherExport { dir: place.to_owned(), differences })
}
