//! Objects in a store: S3, Google Cloud Storage, Azure, or memory in the tests.
//!
//! In: keys, bytes, files. Out: what is at them.
//! Guarantees: a reply that is lost is made up for by reading back what is there; every error says which
//! permission it is about, or how the last try ended.
//! Not here: large files (`upload`), how a store is reached (`build`, `wire`).

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::multipart::MultipartStore;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use tokio::sync::mpsc;
use url::Url;

use super::refusal::{At, Failure, Verdict};
use super::upload::{Journal, Left};
use super::wire::{ServerClock, noted};
use super::{Conditions, Created, Found, Key, LARGEST_READ, Listed, Object, STAGE, State, Swapped, Tag};
use crate::blocking::blocking;
use crate::clock;
use crate::config::StoreUrl;
use crate::error::{Error, Result, StoreAction, StoreError};

/// What a write test writes; nobody else writes it.
const WRITE_TEST: &str = ".rtk-export/write-test";
/// What every write test begins with.
const WRITE_TEST_BYTES: &str = "rtk-export tries whether it can write here: ";
/// Stores tell two writers at once that both were in the way of the other.
const TRIES_AT_ONCE: u32 = 3;
/// Pieces of a download that wait for the disk.
const PIECES_AHEAD: usize = 4;

/// A bucket's prefix.
#[derive(Clone)]
pub struct Remote {
    pub(super) url: StoreUrl,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Arc<dyn MultipartStore>,
    pub(super) clock: ServerClock,
    pub(super) journal: Arc<Journal>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Remote {
    /// A place in any store.
    pub(super) fn over<S: ObjectStore + MultipartStore>(url: StoreUrl, store: S, clock: ServerClock) -> Self {
        let store = Arc::new(store);
        let objects: Arc<dyn ObjectStore> = Arc::<S>::clone(&store);
        Self { url, objects, parts: store, clock, journal: Arc::default() }
    }

    pub(super) fn with_journal(self, path: &Path) -> Result<Self> {
        let journal = Arc::new(Journal::open(path, &self.url)?);
        Ok(Self { journal, ..self })
    }

    pub(super) fn show(&self, key: Option<&Key>) -> String {
        key.map_or_else(|| self.url.to_string(), |key| self.url.object(key.as_str()))
    }

    pub(super) fn store(&self) -> Option<(Url, Arc<dyn ObjectStore>)> {
        let url = format!("{}://{}", self.url.store.scheme(), self.url.bucket);
        Some((Url::parse(&url).ok()?, Arc::clone(&self.objects)))
    }

    /// The URL of a key for an engine, in which no letter has a meaning of its own.
    pub(super) fn engine_url(&self, key: &Key) -> Option<Url> {
        let (mut url, _) = self.store()?;
        url.path_segments_mut().ok()?.extend(self.url.name_of(key.as_str()).split('/'));
        Some(url)
    }

    pub(super) fn server_now(&self) -> Option<DateTime<Utc>> {
        self.clock.now()
    }

    /// The name that the store has for a key.
    pub(super) fn name(&self, key: &Key) -> Result<Name> {
        let name = self.url.name_of(key.as_str());
        Name::parse(&name).map_err(|_| StoreError::Key { key: name }.into())
    }

    /// Does something with one object.
    pub(super) async fn ask<T>(
        &self,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failure> {
        let (result, note) = noted(work).await;
        result.map_err(|error| Failure { error, note })
    }

    /// The error that a failure comes to.
    pub(super) fn error(&self, key: &Key, action: StoreAction, failure: Failure) -> Error {
        self.error_at(Some(key), action, failure)
    }

    fn error_at(&self, key: Option<&Key>, action: StoreAction, failure: Failure) -> Error {
        let at = At { place: &self.url, key: key.map(Key::as_str), server_now: self.server_now() };
        failure.into_error(&at, action).into()
    }

    pub(super) async fn read(&self, key: &Key) -> Result<Found> {
        let name = self.name(key)?;
        let got = self
            .ask(async {
                let got = self.objects.get(&name).await?;
                let meta = got.meta.clone();
                let bytes = if meta.size > LARGEST_READ { None } else { Some(got.bytes().await?) };
                Ok((meta, bytes))
            })
            .await;
        let (meta, bytes) = match got {
            Ok(got) => got,
            Err(failure) if failure.verdict() == Verdict::Missing => return Ok(Found::Missing),
            Err(failure) => {
                let is_denied = failure.is_denied();
                return match self.error(key, StoreAction::Get, failure) {
                    Error::Store(refusal) if is_denied => Ok(Found::Hidden(*refusal)),
                    error => Err(error),
                };
            }
        };
        let Some(bytes) = bytes else {
            let url = self.url.object(key.as_str());
            return Err(StoreError::TooLarge { url, bytes: meta.size, limit: LARGEST_READ }.into());
        };
        let tag = Tag(State::Remote(UpdateVersion { e_tag: meta.e_tag, version: meta.version }));
        let read_at = self.server_now().unwrap_or_else(clock::now);
        Ok(Found::There(Object { bytes, tag, modified: meta.last_modified, read_at }))
    }

    pub(super) async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        let put = self.put_as(key, bytes, PutMode::Overwrite).await?;
        put.map(|_| ()).map_err(|failure| self.error(key, StoreAction::Put, failure))
    }

    /// A put and how it went; the outer error is of the name.
    async fn put_as(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<Result<Tag, Failure>> {
        let name = self.name(key)?;
        let put = self.ask(self.objects.put_opts(&name, PutPayload::from(bytes), mode.into())).await;
        Ok(put.map(|put| Tag(State::Remote(put.into()))))
    }

    pub(super) async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created> {
        for _ in 0..TRIES_AT_ONCE {
            let failure = match self.put_as(key, bytes.clone(), PutMode::Create).await? {
                Ok(tag) => return Ok(Created::New(tag)),
                Err(failure) => failure,
            };
            let verdict = failure.verdict();
            if verdict == Verdict::Refused {
                return Err(self.error(key, StoreAction::Put, failure));
            }
            // The condition was not met, or nobody knows: what is there tells, for these bytes are ours alone.
            match self.read(key).await? {
                Found::There(object) if object.bytes == bytes => return Ok(Created::New(object.tag)),
                Found::There(_) => return Ok(Created::Exists),
                Found::Hidden(_) if verdict == Verdict::Unmet => return Ok(Created::Exists),
                // Two at once: neither was taken.
                Found::Missing if verdict == Verdict::Unmet => {}
                Found::Missing | Found::Hidden(_) => return Err(self.error(key, StoreAction::Put, failure)),
            }
        }
        Err(StoreError::Contended { url: self.url.object(key.as_str()), tries: TRIES_AT_ONCE }.into())
    }

    pub(super) async fn swap(&self, key: &Key, bytes: Bytes, tag: &Tag) -> Result<Swapped> {
        let Tag(State::Remote(version)) = tag else { return Ok(Swapped::Moved) };
        for _ in 0..TRIES_AT_ONCE {
            let failure = match self.put_as(key, bytes.clone(), PutMode::Update(version.clone())).await? {
                Ok(tag) => return Ok(Swapped::Done(tag)),
                Err(failure) => failure,
            };
            if failure.verdict() == Verdict::Refused {
                return Err(self.error(key, StoreAction::Put, failure));
            }
            match self.read(key).await?.known()? {
                Some(object) if object.bytes == bytes => return Ok(Swapped::Done(object.tag)),
                // Still the expected one: two at once, or a put that never arrived.
                Some(object) if object.tag == *tag => {
                    if failure.verdict() == Verdict::Undecided {
                        return Err(self.error(key, StoreAction::Put, failure));
                    }
                }
                Some(_) | None => return Ok(Swapped::Moved),
            }
        }
        Err(StoreError::Contended { url: self.url.object(key.as_str()), tries: TRIES_AT_ONCE }.into())
    }

    pub(super) async fn download(&self, key: &Key, to: &mut File) -> Result<u64> {
        let name = self.name(key)?;
        let shown = self.url.object(key.as_str());
        let mut to = to.try_clone().map_err(Error::io("write a copy of", &shown))?;
        let (pieces, mut incoming) = mpsc::channel::<Bytes>(PIECES_AHEAD);
        let writing = blocking(STAGE, move || {
            let mut bytes = 0;
            while let Some(piece) = incoming.blocking_recv() {
                to.write_all(&piece).map_err(Error::io("write a copy of", &shown))?;
                bytes += piece.len() as u64;
            }
            Ok(bytes)
        });
        let reading = self.ask(async move {
            let mut body = self.objects.get(&name).await?.into_stream();
            while let Some(piece) = body.try_next().await? {
                // Where the file's thread is gone, its own error is the one to report.
                if pieces.send(piece).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        let (written, read) = tokio::join!(writing, reading);
        read.map_err(|failure| self.error(key, StoreAction::Get, failure))?;
        written
    }

    pub(super) async fn remove(&self, keys: Vec<Key>) -> Result<Vec<Key>> {
        let Some(first) = keys.first() else { return Ok(keys) };
        let names = keys.iter().map(|key| self.name(key)).collect::<Result<Vec<_>>>()?;
        let names = futures::stream::iter(names).map(Ok).boxed();
        let gone = |deleted: object_store::Result<Name>| match deleted {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            deleted => deleted.map(|_| ()),
        };
        let mut deleted = self.objects.delete_stream(names).map(gone);
        let work = async {
            while let Some(()) = deleted.try_next().await? {}
            Ok(())
        };
        match self.ask(work).await {
            Ok(()) => Ok(keys),
            Err(failure) => Err(self.error(first, StoreAction::Delete, failure)),
        }
    }

    pub(super) fn list(&self, prefix: Option<&Key>) -> BoxStream<'_, Result<Listed>> {
        let below = match prefix {
            Some(key) => self.url.name_of(key.as_str()),
            None => self.url.prefix.clone(),
        };
        let Ok(below) = Name::parse(&below) else {
            let error = Error::from(StoreError::Key { key: below });
            return futures::stream::once(async { Err(error) }).boxed();
        };
        let objects = self.objects.list(if below.is_root() { None } else { Some(&below) });
        futures::stream::try_unfold(objects, async |mut objects| {
            loop {
                let next = self.ask(objects.try_next()).await;
                let next = next.map_err(|failure| self.error_at(None, StoreAction::List, failure))?;
                let Some(meta) = next else { return Ok(None) };
                let Some(key) = self.key_of(&meta.location) else { continue };
                let listed = Listed { key, bytes: meta.size, modified: meta.last_modified };
                return Ok(Some((listed, objects)));
            }
        })
        .boxed()
    }

    /// The key of an object; `None` where it is none that this tool could have written.
    fn key_of(&self, name: &Name) -> Option<Key> {
        let name = name.as_ref();
        let key = if self.url.prefix.is_empty() {
            name
        } else {
            name.strip_prefix(self.url.prefix.as_str())?.strip_prefix('/')?
        };
        Key::new(key).ok()
    }

    pub(super) async fn check(&self) -> Result<Conditions> {
        let key = Key::new(WRITE_TEST)?;
        let token: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
        let bytes = Bytes::from(format!("{WRITE_TEST_BYTES}{token}\n"));
        self.put(&key, bytes.clone()).await?;
        let conditions = match self.put_as(&key, bytes, PutMode::Create).await? {
            Ok(_) => Conditions::Ignored,
            Err(failure) if failure.is_unknown_there() => Conditions::Ignored,
            Err(failure) if failure.verdict() == Verdict::Unmet => Conditions::Honoured,
            Err(failure) => return Err(self.error(&key, StoreAction::Put, failure)),
        };
        // Another's test may have come in between.
        match self.read(&key).await?.known()? {
            Some(object) if object.bytes.starts_with(WRITE_TEST_BYTES.as_bytes()) => Ok(conditions),
            _ => Err(StoreError::OtherBytes { url: self.url.object(WRITE_TEST) }.into()),
        }
    }

    pub(super) async fn give_up_uploads(&self) -> Result<Left> {
        super::upload::give_up(self).await
    }
}
