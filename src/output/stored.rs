//! An output in an object store before anything is fetched: written to, read, and found new, begun or finished.
//!
//! In: the store, the directory of its log on this machine, and what makes it this export. Out: as for a
//! directory. That directory also has the staged files (they stay until the export is published), the uploads
//! that are under way, the URL it is for, and which export was published last.
//! Guarantees: what the store refuses is known before anything is fetched; what an earlier process left half
//! uploaded is given up; an export that it left unpublished is published, without a request to the API; a log
//! whose export was published and then deleted by somebody begins anew. One process of this machine at a time.
//! Not here: whether another machine is at it, uploading (`publish`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{COMMAND, Logs, Output, Work, begun, is_of, make_dirs, remove_made};
use crate::config::OutputConfig;
use crate::error::{DatasetError, Error, Result, Resume};
use crate::files::Hold;
use crate::log::{self, Opened, Settings};
use crate::manifest::{self, Manifest};
use crate::place::{Found, Key, Place};
use crate::publish;

/// The journal of uploads, beside the log.
const UPLOADS: &str = "uploads.jsonl";
/// For whoever looks at the directory: its name is a digest.
const URL: &str = "url";
/// Which export was published last.
const PUBLISHED: &str = "published";

/// Opens an output in a store; `state` is the directory of its log, and `command` goes on where a run was stopped.
///
/// # Errors
/// As [`super::open`], and what the store refuses.
pub async fn open(
    place: Place,
    state: &Path,
    config: &OutputConfig,
    settings: &Settings,
    command: &str,
) -> Result<Output> {
    let made = make_dirs(&[state])?;
    let opened = open_in(place, state, config, settings, command, &made).await;
    opened.inspect_err(|_| {
        forget_new(state);
        remove_made(&made);
    })
}

async fn open_in(
    place: Place,
    state: &Path,
    config: &OutputConfig,
    settings: &Settings,
    command: &str,
    made: &[PathBuf],
) -> Result<Output> {
    let hold = Arc::new(Hold::take(state, COMMAND)?);
    let url = place.show(None);
    let note = state.join(URL);
    fs::write(&note, format!("{url}\n")).map_err(Error::io("write", note))?;
    let place = place.with_journal(&state.join(UPLOADS))?;
    let conditions = place.check().await?;
    place.give_up_uploads().await?;
    let finished = published(&place).await?;
    let shown = Path::new(&url);
    let logs = Logs::of(state);
    if let Some(manifest) = &finished {
        logs.refuse_finished(manifest, shown, config)?;
    }
    let (path, mut opened) = logs.open(finished.is_some(), config.start)?;
    let store = Some((place.clone(), conditions));
    let work = |log: &Path| Work {
        shown: shown.to_owned(),
        dir: state.to_owned(),
        log: log.to_owned(),
        final_log: logs.main.clone(),
        made: made.to_owned(),
        hold,
        store,
    };
    if finished.is_none() {
        let finished = publish::finish_in_store(state, &place, conditions).await;
        let left = || Resume { replies: 0, command: command.to_owned() };
        if let Some(published) = finished.map_err(|error| error.resumable(left()))? {
            logs.settle_next(&published.manifest)?;
            if !is_of(&opened, settings) {
                return Err(Error::OutputFinished { dir: shown.to_owned() });
            }
            return Ok(Output::Finished(work(&logs.main), Box::new(published.manifest)));
        }
        if was_published(state, &opened) {
            // Somebody deleted what came of it: it is not for a log of then to say what is there now.
            drop(opened);
            opened = Opened::Empty(log::open_anew(path)?);
        }
    }
    begun(opened, work(path), config.start, settings)
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
    let path = state.join(PUBLISHED);
    fs::write(&path, format!("{export_id}\n")).map_err(Error::io("write", path))
}

/// Removes what is noted beside a log that goes. Best effort: what stays is a URL.
pub(super) fn forget(state: &Path) {
    for name in [URL, PUBLISHED] {
        let _ = fs::remove_file(state.join(name));
    }
}

/// The same where no log ever was.
fn forget_new(state: &Path) {
    if !state.join(log::FILE_NAME).exists() {
        forget(state);
    }
}
