//! The dataset that is at a place now.
//!
//! In: a [`Place`]. Out: its pointer and the commit that it names, both checked, and which state of the pointer
//! that was; or what is published there, an export or a dataset, as one [`Manifest`].
//! Guarantees: pointer and commit belong together, also where others commit and vacuum meanwhile; nothing is
//! written, and nothing listed.
//! Not here: whether a command may add to the dataset (`open`), the files (`verify`, `sql`).

use super::{Commit, Generation, POINTER, Pointer};
use crate::error::{Damage, DatasetError, Error, Result};
use crate::manifest::{self, Manifest};
use crate::place::{Key, Place, Tag};
use crate::tables::schema::SCHEMA_VERSION;

/// How often a commit may be gone that the pointer named a moment ago.
const TRIES: u32 = 5;

/// A dataset as it is now.
#[derive(Clone, Debug)]
pub struct Current {
    /// What it holds.
    pub generation: Generation,
    /// Which state of the pointer said so: whoever swaps it can tell whether it is still the same.
    pub tag: Tag,
}

impl Current {
    /// Reads it; `None` where there is no dataset.
    ///
    /// # Errors
    /// [`DatasetError::Damaged`], [`DatasetError::Newer`], what the place refuses.
    pub async fn read(place: &Place) -> Result<Option<Self>> {
        let at = Key::new(POINTER)?;
        let mut missing = None;
        for _ in 0..TRIES {
            let Some(object) = place.read(&at).await?.known()? else { return Ok(None) };
            let pointer = Pointer::parse(&object.bytes, &place.show(Some(&at))).map_err(Error::Dataset)?;
            let named = Key::new(pointer.commit.path.clone())?;
            let path = place.show(Some(&named));
            if let Some(commit) = place.read(&named).await?.known()? {
                let commit = Commit::parse(&commit.bytes, &pointer, &path).map_err(Error::Dataset)?;
                return Ok(Some(Self { generation: Generation { pointer, commit }, tag: object.tag }));
            }
            // Replaced and vacuumed between the two, or not there at all.
            if missing.replace(path.clone()) == Some(path) {
                break;
            }
        }
        let path = missing.unwrap_or_default();
        Err(Error::Dataset(DatasetError::Damaged { path, source: Damage::Missing }))
    }
}

/// What is published at a place.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its tables, files and totals. A dataset is shown as if it were one export.
    pub manifest: Manifest,
    /// The dataset, where it is one.
    pub dataset: Option<Generation>,
}

/// What is published at a place: an export or a dataset.
///
/// # Errors
/// [`Error::NotAnExport`] where it is neither, [`Error::SchemaVersion`] where another version made it, else what
/// reading it gives.
pub async fn published(place: &Place) -> Result<Published> {
    let at = Key::new(manifest::FILE_NAME)?;
    if let Some(object) = place.read(&at).await?.known()? {
        let manifest = Manifest::parse(&object.bytes, place.show(Some(&at)).as_ref())?;
        return Ok(Published { manifest, dataset: None });
    }
    let Some(Current { generation, .. }) = Current::read(place).await? else {
        return Err(Error::NotAnExport { dir: place.show(None).into() });
    };
    let found = generation.pointer.identity.schema_version;
    if found != SCHEMA_VERSION {
        let path = place.show(Some(&Key::new(POINTER)?)).into();
        return Err(Error::SchemaVersion { path, found: found.into(), supported: SCHEMA_VERSION });
    }
    let manifest = generation.commit.as_manifest(&generation.pointer);
    Ok(Published { manifest, dataset: Some(generation) })
}
