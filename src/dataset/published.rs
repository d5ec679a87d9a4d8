//! What is published at a place, for whoever only reads: an export or a dataset, as one [`Manifest`].
//!
//! In: a [`Place`]. Out: [`Published`].
//! Guarantees: nothing is written, and nothing listed; what a newer version made is refused by name.
//! Not here: whether a command may add to a dataset (`open`), the files (`verify`, `sql`).

use super::{Generation, open};
use crate::config::Anew;
use crate::error::{DatasetError, Error, Result, StoreError};
use crate::manifest::{self, Manifest};
use crate::place::{Found, Key, Place, Tag};
use crate::tables::schema::SCHEMA_VERSION;

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
/// [`Error::NotAnExport`] where it is neither, [`Error::SchemaVersion`] or [`DatasetError::OtherSchema`] where another
/// version made it, else what reading it gives.
pub async fn published(place: &Place) -> Result<Published> {
    let mut current = open::look(place).await?;
    let hidden = current.hidden.take();
    let Some(generation) = current.known(Anew::LeftOut).map_err(Error::Dataset)? else {
        return export(place, hidden).await;
    };
    let found = generation.pointer.identity.schema_version;
    if found != SCHEMA_VERSION {
        let (place, found, supported) = (place.show(None), found.to_string(), SCHEMA_VERSION.to_string());
        let first = generation.commit.first_day();
        return Err(Error::Dataset(DatasetError::OtherSchema { place, found, supported, first }));
    }
    let manifest = generation.commit.as_manifest(&generation.pointer);
    Ok(Published { manifest, dataset: Some(generation) })
}

/// The export at a place of which the store says that no dataset is there, or does not say it. Who may not list is
/// refused both files where neither is there; one that is refused alone is.
async fn export(place: &Place, hidden: Option<StoreError>) -> Result<Published> {
    let at = Key::new(manifest::FILE_NAME)?;
    match (place.read(&at).await?, hidden) {
        (Found::There(object), _) => {
            let manifest = Manifest::parse(&object.bytes, place.show(Some(&at)).as_ref())?;
            Ok(Published { manifest, dataset: None })
        }
        (Found::Missing, None) => Err(Error::NotAnExport { dir: place.show(None).into() }),
        (Found::Hidden(_), Some(refusal)) => Err(refusal.untold(place.show(None)).into()),
        (Found::Missing, Some(refusal)) | (Found::Hidden(refusal), None) => Err(refusal.into()),
    }
}

/// The dataset at a place and which state of its pointer says so; `None` where there is none.
///
/// # Errors
/// That it is damaged, an export, or of a newer version; what the place refuses.
pub async fn current(place: &Place) -> Result<Option<(Generation, Tag)>> {
    let mut current = open::read(place).await?;
    if let Some(refusal) = current.hidden.take() {
        return Err(refusal.untold(place.show(None)).into());
    }
    let tag = current.tag.take();
    Ok(current.known(Anew::LeftOut).map_err(Error::Dataset)?.zip(tag))
}
