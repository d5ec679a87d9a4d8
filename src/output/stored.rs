//! An output in an object store before anything is fetched: written to, read, and found new, begun or finished.
//!
//! In: the store, the directory of its log on this machine, and what makes it this export. Out: as for a
//! directory. That directory also has the staged files (they stay until the export is published), the uploads
//! that are under way, the URL it is for, and which export was published last.
//! Guarantees: what the store refuses is known before anything is fetched; what an earlier process left half
//! uploaded is given up; an export that it left unpublished is published, without a request to the API; a log
//! whose export was published and then deleted by somebody begins anew. One process at a time, of any machine,
//! where the store keeps two apart.
//! Not here: uploading (`publish`).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{COMMAND, Logs, Output, Work, begun, is_of, make_dirs, remove_made};
use crate::config::OutputConfig;
use crate::dataset::{Lock, Wait};
use crate::error::{DatasetError, Error, Holder, Result, Resume, StoreError};
use crate::files::Hold;
use crate::log::{self, Opened, Settings};
use crate::manifest::{self, Manifest};
use crate::place::{Conditions, Found, Key, Place};
use crate::publish;

/// The place that the directory is of.
const URL: &str = "url";
/// Which export was published last.
const PUBLISHED: &str = "published";
/// The lock on the output, as this machine took it.
const LOCK: &str = "lock.jsonl";

/// An output in a store that is held and can be written to.
#[derive(Debug)]
pub struct Stored {
    place: Place,
    conditions: Conditions,
    /// The directory of its log.
    state: PathBuf,
    made: Vec<PathBuf>,
    hold: Arc<Hold>,
    lock: Option<Lock>,
}

/// Holds an output in a store for this process, and tries whether it can be written to; `state` is the directory
/// of its log.
///
/// # Errors
/// [`Error::OutputBusy`] or [`DatasetError::Busy`] where another process is at work on it,
/// [`StoreError::OtherState`] where the directory is another output's, what the store refuses, I/O errors.
pub async fn hold(place: Place, state: &Path) -> Result<Stored> {
    let made = make_dirs(&[state])?;
    let held = hold_in(place, state, &made).await;
    held.inspect_err(|_| take_back(state, &made))
}

async fn hold_in(place: Place, state: &Path, made: &[PathBuf]) -> Result<Stored> {
    let hold = Arc::new(Hold::take(state, COMMAND)?);
    // An export that was left to publish must not be published elsewhere.
    claim_state(state, &name_of(&place)?)?;
    let place = place.with_journal(state)?;
    let conditions = place.check().await?;
    let lock = match conditions {
        Conditions::Honoured => {
            let noted = state.join(LOCK);
            Some(Lock::take_noted(&place, COMMAND, &noted, Wait::No, &mut |_| {}).await?)
        }
        Conditions::Ignored => None,
    };
    let (state, made) = (state.to_owned(), made.to_owned());
    Ok(Stored { place, conditions, state, made, hold, lock })
}

/// A place as it is written down in the directory of its log: the same from wherever it is named.
///
/// # Errors
/// There is no working directory.
pub fn name_of(place: &Place) -> Result<String> {
    match place {
        Place::Local(local) => {
            let dir = local.path(None);
            let whole = std::path::absolute(&dir).map_err(Error::output("find", dir))?;
            // Without a slash at its end.
            Ok(whole.components().collect::<PathBuf>().display().to_string())
        }
        Place::Remote(_) => Ok(place.show(None)),
    }
}

/// Writes down which place the log in a directory is of. Whoever does holds the directory.
///
/// # Errors
/// [`StoreError::OtherState`] where it is another's, an I/O error.
pub fn claim_state(state: &Path, url: &str) -> Result<()> {
    refuse_other_state(state, url)?;
    note(&state.join(URL), url)
}

/// Writes a line of its own file, whole or not at all: a process may be killed at any moment.
fn note(path: &Path, line: &str) -> Result<()> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        writeln!(file, "{line}")?;
        file.sync_all()
    });
    written.map_err(Error::io("write", &new))?;
    fs::rename(&new, path).map_err(Error::io("write", path))
}

/// Makes sure that a directory has no log, no staged file and no upload of another place.
///
/// # Errors
/// [`StoreError::OtherState`] where it has.
pub fn refuse_other_state(state: &Path, url: &str) -> Result<()> {
    match fs::read_to_string(state.join(URL)) {
        Ok(noted) if noted.trim_end() != url => {
            Err(StoreError::OtherState { dir: state.to_owned(), url: noted.trim_end().to_owned() }.into())
        }
        _ => Ok(()),
    }
}

impl Stored {
    /// Whether the store keeps two writers apart.
    #[must_use]
    pub const fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// Who held it last and was killed, as far as that is known.
    #[must_use]
    pub fn took_over(&self) -> Option<&Holder> {
        self.lock.as_ref().and_then(Lock::took_over)
    }

    /// The lock on the output, which has to be kept while anything is done; `None` where the store has none.
    pub const fn take_lock(&mut self) -> Option<Lock> {
        self.lock.take()
    }

    /// Opens the output; `command` goes on where a run was stopped.
    ///
    /// # Errors
    /// As [`super::open`], and what the store refuses.
    pub async fn open(self, config: &OutputConfig, settings: &Settings, command: &str) -> Result<Output> {
        let (state, made) = (self.state.clone(), self.made.clone());
        let opened = self.open_held(config, settings, command).await;
        opened.inspect_err(|_| take_back(&state, &made))
    }

    async fn open_held(self, config: &OutputConfig, settings: &Settings, command: &str) -> Result<Output> {
        let Self { place, conditions, state, made, hold, lock: _ } = self;
        place.give_up_uploads().await?;
        let finished = published(&place).await?;
        let shown = PathBuf::from(place.show(None));
        let logs = Logs::of(&state);
        if let Some(manifest) = &finished {
            logs.refuse_finished(manifest, &shown, config)?;
        }
        let (path, mut opened) = logs.open(finished.is_some(), config.start)?;
        let work = |log: &Path| Work {
            shown: shown.clone(),
            dir: state.clone(),
            log: log.to_owned(),
            final_log: logs.main.clone(),
            made,
            hold,
            store: Some((place.clone(), conditions)),
        };
        if finished.is_none() {
            let finished = publish::finish_in_store(&state, &place, conditions).await;
            let left = || Resume { replies: 0, command: command.to_owned() };
            if let Some(published) = finished.map_err(|error| error.resumable(left()))? {
                logs.settle_next(&published.manifest)?;
                if !is_of(&opened, settings) {
                    return Err(Error::OutputFinished { dir: shown });
                }
                return Ok(Output::Finished(work(&logs.main), Box::new(published.manifest)));
            }
            if was_published(&state, &opened) {
                // Somebody deleted what came of it: it is not for a log of then to say what is there now.
                drop(opened);
                opened = Opened::Empty(log::open_anew(path)?);
            }
        }
        begun(opened, work(path), config.start, settings)
    }
}

/// The manifest of what is published; `None` where nothing is, or where the store does not say: creating the
/// manifest will tell.
async fn published(place: &Place) -> Result<Option<Manifest>> {
    let at = Key::new(manifest::FILE_NAME)?;
    match place.read(&at).await? {
        Found::There(object) => Manifest::parse(&object.bytes, place.show(Some(&at)).as_ref()).map(Some),
        Found::Missing | Found::Hidden(_) => {
            let dataset = Key::new(crate::dataset::POINTER)?;
            match place.read(&dataset).await? {
                Found::There(_) => Err(Error::Dataset(DatasetError::IsDataset { place: place.show(None) })),
                Found::Missing | Found::Hidden(_) => Ok(None),
            }
        }
    }
}

/// Whether a log's export was published.
fn was_published(state: &Path, opened: &Opened) -> bool {
    let Opened::Begun(_, log) = opened else { return false };
    fs::read_to_string(state.join(PUBLISHED)).is_ok_and(|id| id.trim() == log.head().export_id)
}

/// Notes which export was published.
pub(super) fn mark_published(state: &Path, export_id: &str) -> Result<()> {
    note(&state.join(PUBLISHED), export_id)
}

/// Removes what is noted beside a log that goes. Best effort: what stays is a URL.
pub(super) fn forget(state: &Path) {
    for name in [URL, PUBLISHED, LOCK] {
        let _ = fs::remove_file(state.join(name));
    }
}

/// Takes back what a process made for which nothing came of it.
fn take_back(state: &Path, made: &[PathBuf]) {
    if !state.join(log::FILE_NAME).exists() {
        forget(state);
    }
    remove_made(made);
}
