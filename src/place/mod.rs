//! Where files are kept: a directory, or a bucket's prefix, with one set of verbs for both.
//!
//! In: a [`PlaceConfig`]. Out: [`Place`], which reads, puts, creates, swaps, uploads, downloads, removes and lists.
//! Guarantees: nothing is ever seen half written; what is put is durable once that is said; `create` and `swap`
//! are won by one of any number of writers, also where the store's answer is lost; whatever a store refuses is
//! told by the permission that is missing. But for [`Place::remove`] and [`Place::list`], single objects are
//! read and written and nothing else: no bucket is asked about.
//! Memory: an object of at most [`LARGEST_READ`] for each `read`; for each `upload` four parts of 8 MiB.
//! Not here: what the files are, which of them are to be there.

mod build;
mod key;
mod local;
#[cfg(test)]
mod memory;
mod refusal;
mod remote;
#[cfg(test)]
mod tests;
mod upload;
mod wire;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{ObjectStore, UpdateVersion};
use url::Url;

pub use key::Key;
pub use local::Local;
pub use remote::Remote;
pub use upload::Left;

use crate::config::PlaceConfig;
use crate::error::{Error, Result, StoreError};

/// What ends early where a thread of this module does.
const STAGE: &str = "place";
/// The file of a state directory that names unfinished uploads.
const JOURNAL: &str = "uploads.jsonl";

/// The most that is read whole: a pointer, a commit, a manifest, a lock. A commit that would be larger is not made.
pub const LARGEST_READ: u64 = 64 << 20;

/// Where files are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a directory of this machine.
    Local(Local),
    /// In an object store.
    Remote(Remote),
}

/// Which state of an object was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(State);

#[derive(Clone, Debug)]
enum State {
    /// SHA-256 of its bytes.
    Local([u8; 32]),
    /// What the store calls it.
    Remote(UpdateVersion),
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(one), Self::Local(other)) => one == other,
            (Self::Remote(one), Self::Remote(other)) => {
                one.e_tag == other.e_tag && one.version == other.version
            }
            _ => false,
        }
    }
}

impl Eq for State {}

/// An object that was read.
#[derive(Clone, Debug)]
pub struct Object {
    /// All of it.
    pub bytes: Bytes,
    /// Which state of it this is.
    pub tag: Tag,
    /// When it was written, by the store's clock.
    pub modified: DateTime<Utc>,
    /// When it was read, by the same clock.
    pub read_at: DateTime<Utc>,
}

impl Object {
    /// How long ago it was written, by one clock: that of whoever keeps it.
    #[must_use]
    pub fn age(&self) -> std::time::Duration {
        (self.read_at - self.modified).to_std().unwrap_or_default()
    }
}

/// What reading came to.
#[derive(Debug)]
pub enum Found {
    /// It is there.
    There(Object),
    /// It is not.
    Missing,
    /// The store says neither: so do S3 and its like of an object that is not there, to who may not list the
    /// bucket. Creating it tells.
    Hidden(StoreError),
}

impl Found {
    /// The object, if it is there; that it cannot be known is an error.
    ///
    /// # Errors
    /// What the store said.
    pub fn known(self) -> Result<Option<Object>> {
        match self {
            Self::There(object) => Ok(Some(object)),
            Self::Missing => Ok(None),
            Self::Hidden(refusal) => Err(refusal.into()),
        }
    }

    /// The object, if it is there. One of which it cannot be known is taken for one that is not: only for who
    /// then creates it and does not overwrite it.
    #[must_use]
    pub fn there(self) -> Option<Object> {
        match self {
            Self::There(object) => Some(object),
            Self::Missing | Self::Hidden(_) => None,
        }
    }
}

/// What creating came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was not there and is now.
    New(Tag),
    /// Something else is there.
    Exists,
}

/// What swapping came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The new state is there.
    Done(Tag),
    /// Another state than the expected one is there, or none.
    Moved,
}

/// Whether a place keeps two writers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// It does: of two that create one object, one is told.
    Honoured,
    /// It takes whatever comes last.
    Ignored,
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name below the place.
    pub key: Key,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified: DateTime<Utc>,
}

impl Place {
    /// Opens a place. Nothing is sent or written.
    ///
    /// # Errors
    /// [`StoreError::Setup`] and its like, where the settings make no store.
    pub fn open(config: &PlaceConfig) -> Result<Self> {
        match config {
            PlaceConfig::Local(dir) => Ok(Self::Local(Local::new(dir))),
            PlaceConfig::Remote(remote) => build::remote(remote).map(Self::Remote),
        }
    }

    /// A place in this process's memory, which behaves as a store does.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self::in_memory_that_fails(&std::sync::Arc::default())
    }

    /// The same, which no object can be read from or written to while the switch is set.
    #[cfg(test)]
    pub(crate) fn in_memory_that_fails(is_down: &std::sync::Arc<std::sync::atomic::AtomicBool>) -> Self {
        let url = crate::config::StoreUrl::parse("s3://bucket/pre/fix").expect("a URL");
        let memory = memory::Memory::that_fails(std::sync::Arc::clone(is_down));
        Self::Remote(Remote::over(url, memory, wire::ServerClock::default()))
    }

    /// The same place, whose unfinished uploads are written down in a directory, so that a later process can give
    /// them up. It takes over those that are written down there.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn with_journal(self, state: &Path) -> Result<Self> {
        match self {
            Self::Local(_) => Ok(self),
            Self::Remote(remote) => remote.with_journal(&state.join(JOURNAL)).map(Self::Remote),
        }
    }

    /// The place, or an object in it, as a path or URL for messages.
    #[must_use]
    pub fn show(&self, key: Option<&Key>) -> String {
        match self {
            Self::Local(local) => local.path(key).display().to_string(),
            Self::Remote(remote) => remote.show(key),
        }
    }

    /// The store and its own URL, for an engine that reads objects by itself; `None` of a directory.
    #[must_use]
    pub fn store(&self) -> Option<(Url, Arc<dyn ObjectStore>)> {
        match self {
            Self::Local(_) => None,
            Self::Remote(remote) => remote.store(),
        }
    }

    /// Where an engine finds an object: the URL of a file, or below that of [`Self::store`].
    ///
    /// # Errors
    /// I/O errors: a file has to be there.
    pub fn engine_url(&self, key: &Key) -> Result<Url> {
        let none = || StoreError::Key { key: key.as_str().to_owned() };
        match self {
            Self::Local(local) => {
                let path = local.path(Some(key));
                let whole = path.canonicalize().map_err(Error::io("read", path))?;
                Url::from_file_path(whole).map_err(|()| none().into())
            }
            Self::Remote(remote) => remote.engine_url(key).ok_or_else(|| none().into()),
        }
    }

    /// Reads an object whole.
    ///
    /// # Errors
    /// What the store refuses, [`StoreError::TooLarge`], I/O errors.
    pub async fn read(&self, key: &Key) -> Result<Found> {
        match self {
            Self::Local(local) => local.read(key).await,
            Self::Remote(remote) => remote.read(key).await,
        }
    }

    /// Writes an object, whatever is there.
    ///
    /// # Errors
    /// What the store refuses, I/O errors.
    pub async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        match self {
            Self::Local(local) => local.put(key, bytes).await,
            Self::Remote(remote) => remote.put(key, bytes).await,
        }
    }

    /// Writes an object where none is. The bytes have to be this writer's alone (a token is in them): an object
    /// of the same bytes is taken for its own, after a reply that was lost.
    ///
    /// # Errors
    /// What the store refuses, [`StoreError::Contended`], I/O errors.
    pub async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created> {
        match self {
            Self::Local(local) => local.create(key, bytes).await,
            Self::Remote(remote) => remote.create(key, bytes).await,
        }
    }

    /// Writes an object in the place of one state of it. The bytes have to be this writer's alone, as for
    /// [`Self::create`].
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn swap(&self, key: &Key, bytes: Bytes, tag: &Tag) -> Result<Swapped> {
        match self {
            Self::Local(local) => local.swap(key, bytes, tag).await,
            Self::Remote(remote) => remote.swap(key, bytes, tag).await,
        }
    }

    /// Brings a file of a known size here, under a name, whatever is there. Of a directory it becomes a part: it
    /// is moved. Dropped half-way, an upload stays unfinished: [`Self::give_up_uploads`].
    ///
    /// # Errors
    /// What the store refuses, [`StoreError::OtherSize`], I/O errors.
    pub async fn upload(&self, key: &Key, file: &Path, bytes: u64) -> Result<()> {
        match self {
            Self::Local(local) => local.upload(key, file, bytes).await,
            Self::Remote(remote) => remote.upload(key, file, bytes).await,
        }
    }

    /// Writes an object into a file, from where that is at; gives its size.
    ///
    /// # Errors
    /// [`StoreError::Missing`], what the store refuses, I/O errors.
    pub async fn download(&self, key: &Key, to: &mut File) -> Result<u64> {
        match self {
            Self::Local(local) => local.download(key, to).await,
            Self::Remote(remote) => remote.download(key, to).await,
        }
    }

    /// Deletes objects; gives those that are not there any more. One that was not there is no error.
    ///
    /// # Errors
    /// What the store refuses, I/O errors.
    pub async fn remove(&self, keys: Vec<Key>) -> Result<Vec<Key>> {
        match self {
            Self::Local(local) => local.remove(keys).await,
            Self::Remote(remote) => remote.remove(keys).await,
        }
    }

    /// Names what is below a name; `None` for all there is. In no particular order.
    #[must_use]
    pub fn list(&self, prefix: Option<&Key>) -> BoxStream<'_, Result<Listed>> {
        match self {
            Self::Local(local) => local.list(prefix).boxed(),
            Self::Remote(remote) => remote.list(prefix),
        }
    }

    /// Tries whether this place can be written and read, before anything depends on it.
    ///
    /// # Errors
    /// What the store refuses, [`StoreError::OtherBytes`], I/O errors.
    pub async fn check(&self) -> Result<Conditions> {
        match self {
            Self::Local(local) => local.check().await,
            Self::Remote(remote) => remote.check().await,
        }
    }

    /// Gives up every upload that was begun and not finished, by this process or as the journal has it; at most
    /// ten seconds for each.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub async fn give_up_uploads(&self) -> Result<Left> {
        match self {
            Self::Local(_) => Ok(Left::default()),
            Self::Remote(remote) => remote.give_up_uploads().await,
        }
    }

    /// The time of the last reply by the clock of whoever keeps this place.
    #[must_use]
    pub fn server_now(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Local(_) => Some(crate::clock::now()),
            Self::Remote(remote) => remote.server_now(),
        }
    }
}
