//! Stage 7 into an object store: staged files -> objects, so that an export with a manifest is whole.
//!
//! In: a [`Staging`] directory whose files are closed, synced and counted, and their [`Manifest`]; it stays on
//! this machine. Out: the export. The order of steps:
//!
//! 1. the new manifest into staging, synced: from here on the same command finishes what follows
//! 2. of an export that is replaced, the manifest goes into staging and out of the store: now there is none
//! 3. each file under its final name, [`FILES_AT_ONCE`] at a time
//! 4. what the old manifest names and the new one does not is deleted
//! 5. the new manifest: the export is complete
//!
//! Guarantees: whatever stops it, the old export stands whole, or there is no manifest and [`finish`] or
//! [`publish`] of a set made again ends well. Of two that publish to one new place, one is refused at its end.
//! While 2 to 5 are under way, whoever lists names instead of reading the manifest sees old and new files mixed.
//! Nothing is listed, and where nothing is replaced nothing is deleted.
//! Not here: making files, giving up what was half uploaded (`place`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use futures::stream::{StreamExt, TryStreamExt};

use super::{Published, check_sizes, is_whole, record, recorded};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::files::{Staging, sync_dir};
use crate::manifest::{self, Manifest, TableFile};
use crate::place::{Conditions, Created, Key, Place};

/// Files under way; `place` bounds what each of them takes.
const FILES_AT_ONCE: usize = 2;

/// Publishes what is staged; `replaces` says whether there may be an export that this one is to replace. Dropped
/// half-way, it is to be finished by the next run.
///
/// # Errors
/// [`Error::FileChanged`] where a staged file is not what the manifest says, [`Error::OutputFinished`] where
/// another export was published there meanwhile, what the store refuses.
pub async fn publish(
    staging: &Staging,
    manifest: Manifest,
    place: &Place,
    conditions: Conditions,
    replaces: bool,
) -> Result<Published> {
    let (here, recorded) = (staging.clone(), manifest.clone());
    blocking("publish", move || {
        check_sizes(&here, &recorded)?;
        record(&here, &recorded)
    })
    .await?;
    if replaces {
        retire(staging, place).await?;
    }
    swap(staging, manifest, place, conditions).await
}

/// Finishes what was stopped; `None` where nothing was begun, or not all of its files are left.
///
/// # Errors
/// As [`publish`].
pub async fn finish(work: &Path, place: &Place, conditions: Conditions) -> Result<Option<Published>> {
    let staging = Staging::of(work);
    let here = staging.clone();
    let whole = blocking("publish", move || {
        let manifest = recorded(&here)?;
        Ok(manifest.filter(|manifest| manifest.files().all(|file| is_whole(here.dir(), file))))
    });
    match whole.await? {
        Some(manifest) => swap(&staging, manifest, place, conditions).await.map(Some),
        None => Ok(None),
    }
}

/// Every step can have been taken before: taken again, it comes to the same.
async fn swap(
    staging: &Staging,
    manifest: Manifest,
    place: &Place,
    conditions: Conditions,
) -> Result<Published> {
    upload(staging, &manifest, place).await?;
    let stale = stale(staging, &manifest)?;
    if !stale.is_empty() {
        place.remove(stale).await?;
    }
    let at = Key::new(manifest::FILE_NAME)?;
    let departs = |source| Error::Manifest { path: place.show(Some(&at)).into(), source };
    let json = Bytes::from(manifest.to_json().map_err(departs)?);
    match conditions {
        Conditions::Honoured => {
            if place.create(&at, json).await? == Created::Exists {
                return Err(Error::OutputFinished { dir: place.show(None).into() });
            }
        }
        Conditions::Ignored => place.put(&at, json).await?,
    }
    fs::remove_dir_all(staging.dir()).map_err(Error::output("remove", staging.dir()))?;
    Ok(Published { manifest })
}

/// Takes the old manifest away, but keeps it: it names the files that may be removed.
async fn retire(staging: &Staging, place: &Place) -> Result<()> {
    let at = Key::new(manifest::FILE_NAME)?;
    let Some(old) = place.read(&at).await?.known()? else { return Ok(()) };
    let previous = staging.dir().join(Staging::PREVIOUS_MANIFEST);
    let written = File::create(&previous).and_then(|mut file| {
        file.write_all(&old.bytes)?;
        file.sync_all()
    });
    written.map_err(Error::output("write", &previous))?;
    sync_dir(staging.dir())?;
    place.remove(vec![at]).await.map(|_| ())
}

async fn upload(staging: &Staging, manifest: &Manifest, place: &Place) -> Result<()> {
    let uploads = manifest.files().map(|file| {
        let (path, bytes) = (staging.dir().join(&file.path), file.bytes);
        let key = Key::new(file.path.as_str());
        async move { place.upload(&key?, &path, bytes).await }
    });
    let uploads: Vec<_> = uploads.collect();
    futures::stream::iter(uploads).buffer_unordered(FILES_AT_ONCE).try_collect().await
}

/// The files of the old export that are not part of the new one, sorted.
fn stale(staging: &Staging, manifest: &Manifest) -> Result<Vec<Key>> {
    let Ok(previous) = Manifest::read(&staging.dir().join(Staging::PREVIOUS_MANIFEST)) else {
        return Ok(Vec::new());
    };
    let new: BTreeSet<_> = manifest.files().map(|file| &file.path).collect();
    let stale: BTreeSet<_> = previous.files().map(path).filter(|path| !new.contains(path)).collect();
    stale.into_iter().map(|path| Key::new(path.as_str())).collect()
}

const fn path(file: &TableFile) -> &String {
    &file.path
}
