//! Reading a dataset, and whether a command may add to it.
//!
//! In: a place. Out: the pointer and the commit that it names, both checked.
//! Guarantees: what is read is one state, whatever is committed meanwhile; an export and a directory of other
//! things are never taken for a dataset.
//! Not here: changing it (`publish`).

use std::fs;
use std::io;
use std::path::Path;

use chrono::NaiveDate;

use super::{COMMITS, Commit, Generation, Identity, POINTER, Pointer};
use crate::config::{Anew, Origin};
use crate::error::{Damage, DatasetError, Error, Named, Result, StoreError};
use crate::files::STATE_DIR;
use crate::manifest;
use crate::place::{Found, Key, Object, Place, Tag};
use crate::tables::Table;

/// How often a pointer is read again whose commit is gone: somebody may have committed and cleaned up meanwhile.
const TRIES: usize = 5;

/// What is at a place.
#[derive(Debug)]
pub struct Current {
    /// Which state of the pointer was read; `None` where it is not there.
    pub tag: Option<Tag>,
    /// What it names, or why it cannot be believed; `None` where it is not there.
    found: Result<Option<Generation>, DatasetError>,
    /// What the store said where it would not say whether the pointer is there.
    pub hidden: Option<StoreError>,
}

impl Current {
    /// The dataset, if there is one. A damaged one is none where it is to be made anew.
    ///
    /// # Errors
    /// [`DatasetError::Damaged`], [`DatasetError::Newer`].
    pub fn known(self, anew: Anew) -> Result<Option<Generation>, DatasetError> {
        match self.found {
            Err(DatasetError::Damaged { .. }) if anew == Anew::Wanted => Ok(None),
            found => found,
        }
    }
}

/// Reads the dataset of a place.
///
/// # Errors
/// [`DatasetError::IsExport`], what the store refuses, I/O errors.
pub async fn read(place: &Place) -> Result<Current> {
    let key = Key::new(POINTER)?;
    let mut current = read_once(place, &key).await?;
    for _ in 1..TRIES {
        let is_gone = matches!(current.found, Err(DatasetError::Damaged { source: Damage::Missing, .. }));
        if !is_gone {
            break;
        }
        // Only where the pointer is another by now was the commit one that somebody cleaned up.
        let again = read_once(place, &key).await?;
        if again.tag == current.tag {
            break;
        }
        current = again;
    }
    Ok(current)
}

async fn read_once(place: &Place, key: &Key) -> Result<Current> {
    let none = |hidden| Current { tag: None, found: Ok(None), hidden };
    match place.read(key).await? {
        Found::There(pointer) => {
            let found = generation(place, key, &pointer).await?;
            Ok(Current { tag: Some(pointer.tag), found: found.map(Some), hidden: None })
        }
        Found::Missing => {
            let is_export = matches!(place.read(&Key::new(manifest::FILE_NAME)?).await?, Found::There(_));
            if is_export {
                return Err(Error::Dataset(DatasetError::IsExport { place: place.show(None) }));
            }
            Ok(none(None))
        }
        Found::Hidden(refusal) => Ok(none(Some(refusal))),
    }
}

/// What a pointer names. The outer error is the place's, the inner one the dataset's.
async fn generation(place: &Place, key: &Key, pointer: &Object) -> Result<Result<Generation, DatasetError>> {
    let pointer = match Pointer::parse(&pointer.bytes, &place.show(Some(key))) {
        Ok(pointer) => pointer,
        Err(error) => return Ok(Err(error)),
    };
    let key = Key::new(pointer.commit.path.as_str())?;
    let path = place.show(Some(&key));
    let Some(commit) = place.read(&key).await?.known()? else {
        return Ok(Err(DatasetError::Damaged { path, source: Damage::Missing }));
    };
    let commit = Commit::parse(&commit.bytes, &pointer, &path);
    Ok(commit.map(|commit| Generation { pointer, commit }))
}

/// Refuses a command that would add what does not belong to a dataset. What set each part of the command's
/// identity is asked for only where it is told.
///
/// # Errors
/// What differs, the gravest first.
pub fn refuse_other(
    dataset: &Generation,
    command: &Identity,
    place: &str,
    set_by: impl Fn(Named) -> Option<Origin>,
) -> Result<(), DatasetError> {
    let differences = dataset.pointer.identity.differences(command);
    let Some(gravest) = differences.first() else { return Ok(()) };
    let (place, of, by) = (place.to_owned(), gravest.dataset.clone(), gravest.command.clone());
    let first = dataset.commit.first_day();
    let set_by = |named| set_by(named).map(Box::new);
    Err(match gravest.named {
        named @ (Named::Account | Named::App) => DatasetError::OtherOwner {
            place,
            what: if named == Named::Account { "account" } else { "app" },
            dataset: of,
            set_by: set_by(named),
            command: by,
        },
        Named::SchemaVersion => DatasetError::OtherSchema { place, found: of, supported: by, first },
        Named::TimeZone => {
            let set_by = set_by(Named::TimeZone);
            DatasetError::OtherZone { place, dataset: of, set_by, command: by, first }
        }
        Named::Filters | Named::PeerEvents | Named::IncludeLive => {
            DatasetError::OtherContent { place, differences, first }
        }
    })
}

/// Refuses to replace a dataset by one that has not all of its days.
///
/// # Errors
/// [`DatasetError::DaysLost`].
pub fn refuse_loss(
    dataset: &Generation,
    has: impl Fn(NaiveDate) -> bool,
    place: &str,
) -> Result<(), DatasetError> {
    let days = dataset.commit.days.values().filter(|entry| !entry.files.is_empty()).map(|entry| entry.day);
    let lost: Vec<_> = days.filter(|day| !has(*day)).collect();
    match lost.first() {
        Some(first) => {
            Err(DatasetError::DaysLost { place: place.to_owned(), days: lost.len(), first: *first })
        }
        None => Ok(()),
    }
}

/// Refuses a directory that holds other things than what a dataset is made of. One in which a dataset was only
/// begun has no pointer yet.
///
/// # Errors
/// [`Error::OutputForeign`], or an I/O error.
pub fn refuse_foreign(dir: &Path) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::output("read", dir))?,
    };
    let is_ours = |name: &str| {
        [STATE_DIR, COMMITS].contains(&name) || Table::ALL.iter().any(|table| table.name() == name)
    };
    for entry in entries {
        let name = entry.map_err(Error::output("read", dir))?.file_name();
        // An export is refused by its own name.
        if [POINTER, manifest::FILE_NAME].iter().any(|name| dir.join(name).exists()) {
            return Ok(());
        }
        if !name.to_str().is_some_and(is_ours) {
            let found = name.to_string_lossy().into_owned();
            return Err(Error::OutputForeign { dir: dir.to_owned(), found });
        }
    }
    Ok(())
}
