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
use crate::model::Zone;
use crate::place::{Found, Key, Place, Tag};
use crate::tables::Table;

/// How often a pointer is read again whose commit is gone: somebody may have committed and cleaned up meanwhile.
const TRIES: usize = 5;

/// What is at a place.
#[derive(Debug)]
pub struct Current {
    /// Which state of the pointer was read; `None` where it is not there, or not read.
    pub tag: Option<Tag>,
    /// What it names, or why it cannot be believed; `None` where it is not there.
    found: Result<Option<Generation>, DatasetError>,
    /// The zone of the days, where the pointer itself can be read.
    zone: Option<Zone>,
    /// What the store said where it would not say whether the pointer is there.
    pub hidden: Option<StoreError>,
    /// Whether what is there is too large to be a pointer, and was not read for that.
    pub is_too_large: bool,
}

impl Current {
    const fn of(found: Result<Option<Generation>, DatasetError>) -> Self {
        Self { tag: None, found, zone: None, hidden: None, is_too_large: false }
    }

    /// Whether the place says that there is no pointer.
    const fn is_missing(&self) -> bool {
        matches!(self.found, Ok(None)) && self.hidden.is_none()
    }

    /// The zone whose days the dataset has, also where only its commit is damaged; `None` where there is none.
    ///
    /// # Errors
    /// [`DatasetError::ZoneUnknown`] where the pointer, which says it, is what is damaged.
    pub fn zone(&self, place: &Place) -> Result<Option<Zone>, DatasetError> {
        if self.zone.is_none() && self.found.is_err() {
            return Err(DatasetError::ZoneUnknown { place: place.show(None) });
        }
        Ok(self.zone)
    }

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

/// Reads the dataset of a place, which may be added to.
///
/// # Errors
/// [`DatasetError::IsExport`], what the store refuses, I/O errors.
pub async fn read(place: &Place) -> Result<Current> {
    let current = look(place).await?;
    if current.is_missing() && matches!(place.read(&Key::new(manifest::FILE_NAME)?).await?, Found::There(_)) {
        return Err(Error::Dataset(DatasetError::IsExport { place: place.show(None) }));
    }
    Ok(current)
}

/// Reads the dataset of a place, whatever else is there.
///
/// # Errors
/// What the store refuses, I/O errors.
pub(super) async fn look(place: &Place) -> Result<Current> {
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
    let object = match place.read(key).await {
        Ok(Found::There(object)) => object,
        Ok(Found::Missing) => return Ok(Current::of(Ok(None))),
        Ok(Found::Hidden(refusal)) => {
            return Ok(Current { hidden: Some(refusal), ..Current::of(Ok(None)) });
        }
        Err(error) => return Ok(Current { is_too_large: true, ..Current::of(Err(too_large(error)?)) }),
    };
    let (found, zone) = match Pointer::parse(&object.bytes, &place.show(Some(key))) {
        Ok(pointer) => {
            let zone = pointer.identity.time_zone;
            (generation(place, pointer).await?.map(Some), Some(zone))
        }
        Err(error) => (Err(error), None),
    };
    Ok(Current { tag: Some(object.tag), zone, ..Current::of(found) })
}

/// That a file is larger than any of a dataset, as the damage that it is; every other error is the place's.
fn too_large(error: Error) -> Result<DatasetError> {
    let Error::Store(refusal) = error else { return Err(error) };
    match *refusal {
        StoreError::TooLarge { url, bytes, limit } => {
            Ok(DatasetError::Damaged { path: url, source: Damage::TooLarge { bytes, limit } })
        }
        refusal => Err(refusal.into()),
    }
}

/// What a pointer names. The outer error is the place's, the inner one the dataset's.
async fn generation(place: &Place, pointer: Pointer) -> Result<Result<Generation, DatasetError>> {
    let key = Key::new(pointer.commit.path.as_str())?;
    let path = place.show(Some(&key));
    let read = match place.read(&key).await {
        Ok(found) => found.known()?,
        Err(error) => return too_large(error).map(Err),
    };
    let Some(commit) = read else {
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
