//! A file into a store: whole, or in equal parts that are given up together.
//!
//! In: a file of a known size. Out: an object of that size.
//! Guarantees: an object appears once all of it is there; parts are of one size but the last, as R2 wants them;
//! an upload that fails is given up; one whose process was killed is written down, and given up by the next.
//! Memory: [`PARTS_AT_ONCE`] parts.
//! Not here: which files (`publish`).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{StreamExt, TryStreamExt};
use object_store::multipart::PartId;
use object_store::path::Path as Name;
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};

use super::refusal::{Verdict, uploads_have_names};
use super::{Key, Remote, STAGE};
use crate::blocking::blocking;
use crate::config::StoreUrl;
use crate::error::{Error, Result, StoreAction, StoreError};

/// Up to here a file goes in one request; above, this is a part's size.
pub(super) const PART: u64 = 8 << 20;
/// S3 takes 10,000 parts.
const MOST_PARTS: u64 = 9_000;
/// What sizes of parts are rounded to.
const MIB: u64 = 1 << 20;
/// Parts of one file that are under way.
const PARTS_AT_ONCE: usize = 4;
/// How often a part is sent, beyond what the crate tries by itself: sent twice, it is there once.
const TRIES: u32 = 3;
/// For giving up an upload, when all else waits for it.
const GIVE_UP: Duration = Duration::from_secs(10);

/// What was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Uploads that are gone.
    pub given_up: usize,
    /// Uploads that could not be given up: a rule of the bucket's has to.
    pub left: usize,
}

/// The uploads that are under way, in memory and, where a file is given, in it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    path: Option<PathBuf>,
    /// Names by id. Whoever changes the file holds it: what is in the file is what is here.
    open: Arc<Mutex<BTreeMap<String, String>>>,
}

/// A line of the journal.
#[derive(Deserialize, Serialize)]
struct Line {
    /// The bucket, as a URL.
    bucket: String,
    /// The object's whole name.
    name: String,
    /// What the store calls the upload.
    id: String,
    /// Whether it is over.
    over: bool,
}

impl Journal {
    /// Reads the journal of an earlier process; torn lines are passed over.
    pub(super) fn open(path: &Path, url: &StoreUrl) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(Error::io("read", path))?,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            // What comes next is not to be part of a torn line.
            append(path, "\n")?;
        }
        let mut open = BTreeMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            if line.bucket != bucket(url) {
                continue;
            }
            if line.over {
                open.remove(&line.id);
            } else {
                open.insert(line.id, line.name);
            }
        }
        Ok(Self { path: Some(path.to_owned()), open: Arc::new(Mutex::new(open)) })
    }

    /// Writes down an upload before its first part, or that it is over.
    async fn note(&self, url: &StoreUrl, name: &str, id: &str, over: bool) -> Result<()> {
        let line = Line { bucket: bucket(url), name: name.to_owned(), id: id.to_owned(), over };
        let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
        let (open, path) = (Arc::clone(&self.open), self.path.clone());
        blocking(STAGE, move || {
            // Until the file says so too: another upload's line must not come between what is decided and what is done.
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            if over {
                open.remove(&line.id);
            } else {
                open.insert(line.id, line.name);
            }
            let Some(path) = path else { return Ok(()) };
            // Of a journal of uploads that are all over nothing is needed; others' buckets are the exception.
            if over && open.is_empty() && !has_others(&path, &line.bucket) {
                return match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(Error::io("delete", path)(error))
                    }
                    _ => Ok(()),
                };
            }
            append(&path, &text)
        })
        .await
    }

    fn all(&self) -> Vec<(String, String)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(id, name)| (id.clone(), name.clone())).collect()
    }
}

/// Appends to a journal, durably.
fn append(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(Error::io("write", path))
}

/// Whether a journal has lines of another bucket than this.
fn has_others(path: &Path, bucket: &str) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.any(|line| line.bucket != bucket)
}

fn bucket(url: &StoreUrl) -> String {
    StoreUrl { prefix: String::new(), ..url.clone() }.to_string()
}

/// How large the parts of a file are.
fn part_size(bytes: u64) -> u64 {
    PART.max(bytes.div_ceil(MOST_PARTS).next_multiple_of(MIB))
}

impl Remote {
    pub(super) async fn upload(&self, key: &Key, file: &Path, bytes: u64) -> Result<()> {
        let name = self.name(key)?;
        if bytes <= PART {
            let whole = read_part(file.to_owned(), 0, bytes).await?;
            self.put(key, whole).await?;
        } else {
            self.upload_parts(key, &name, file, bytes).await?;
        }
        let head = self.ask(self.objects.head(&name)).await;
        let found = head.map_err(|failure| self.error(key, StoreAction::Get, failure))?.size;
        if found == bytes {
            return Ok(());
        }
        Err(StoreError::OtherSize { url: self.show(Some(key)), expected: bytes, found }.into())
    }

    async fn upload_parts(&self, key: &Key, name: &Name, file: &Path, bytes: u64) -> Result<()> {
        let failed = |failure| self.error(key, StoreAction::Put, failure);
        let id = self.ask(self.parts.create_multipart(name)).await.map_err(failed)?;
        let begun = self.server_now();
        if uploads_have_names(self.url.store) {
            self.journal.note(&self.url, name.as_ref(), &id, false).await?;
        }
        let sent = self.send_parts(key, name, &id, file, bytes).await;
        let done = match sent {
            Ok(parts) => self.complete(key, name, &id, parts, bytes, begun).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => self.journal.note(&self.url, name.as_ref(), &id, true).await,
            Err(error) => {
                // The error is what is told; what is left of the upload is in the journal.
                let _ = self.abort(name, &id).await;
                Err(error)
            }
        }
    }

    async fn send_parts(
        &self,
        key: &Key,
        name: &Name,
        id: &String,
        file: &Path,
        bytes: u64,
    ) -> Result<Vec<PartId>> {
        let size = part_size(bytes);
        let parts = (0..bytes.div_ceil(size)).map(|part| async move {
            let from = part * size;
            let piece = read_part(file.to_owned(), from, size.min(bytes - from)).await?;
            let number = usize::try_from(part).unwrap_or(usize::MAX);
            let mut tries = 1..TRIES;
            loop {
                let put = self.parts.put_part(name, id, number, PutPayload::from(piece.clone()));
                match self.ask(put).await {
                    Ok(part) => return Ok(part),
                    Err(failure) if failure.verdict() == Verdict::Undecided && tries.next().is_some() => {}
                    Err(failure) => return Err(self.error(key, StoreAction::Put, failure)),
                }
            }
        });
        futures::stream::iter(parts).buffered(PARTS_AT_ONCE).try_collect().await
    }

    async fn complete(
        &self,
        key: &Key,
        name: &Name,
        id: &String,
        parts: Vec<PartId>,
        bytes: u64,
        begun: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let Err(failure) = self.ask(self.parts.complete_multipart(name, id, parts)).await else {
            return Ok(());
        };
        if let Ok(head) = self.ask(self.objects.head(name)).await
            && head.size == bytes
            && begun.is_some_and(|begun| head.last_modified >= begun)
        {
            // It was done, the reply was lost, and asking again found no such upload: stores have many words for that.
            return Ok(());
        }
        Err(self.error(key, StoreAction::Put, failure))
    }

    /// Gives up one upload; whether it is gone.
    async fn abort(&self, name: &Name, id: &String) -> Result<bool> {
        let aborted = tokio::time::timeout(GIVE_UP, self.ask(self.parts.abort_multipart(name, id))).await;
        let is_gone = match aborted {
            Ok(Ok(())) => true,
            Ok(Err(failure)) => failure.verdict() == Verdict::Missing,
            Err(_) => false,
        };
        if is_gone && uploads_have_names(self.url.store) {
            self.journal.note(&self.url, name.as_ref(), id, true).await?;
        }
        Ok(is_gone)
    }
}

/// Gives up all that was begun and is not over.
pub(super) async fn give_up(remote: &Remote) -> Result<Left> {
    let mut left = Left::default();
    for (id, name) in remote.journal.all() {
        let Ok(name) = Name::parse(&name) else { continue };
        if remote.abort(&name, &id).await? {
            left.given_up += 1;
        } else {
            left.left += 1;
        }
    }
    Ok(left)
}

/// Reads a part of a file.
async fn read_part(file: PathBuf, from: u64, bytes: u64) -> Result<Bytes> {
    blocking(STAGE, move || {
        let mut part = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        let read = File::open(&file).and_then(|mut open| {
            open.seek(SeekFrom::Start(from))?;
            open.take(bytes).read_to_end(&mut part)
        });
        let read = read.map_err(Error::output("read", &file))?;
        if read as u64 == bytes {
            Ok(part.into())
        } else {
            Err(Error::FileChanged { path: file, expected: bytes })
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_whole_mebibytes_and_not_too_many(bytes in 1..u64::MAX >> 4) {
            let size = part_size(bytes);
            prop_assert!(size >= PART && size.is_multiple_of(MIB));
            prop_assert!(bytes.div_ceil(size) <= MOST_PARTS);
        }
    }

    #[test]
    fn a_part_is_eight_mebibytes_as_long_as_that_does() {
        assert_eq!(part_size(PART * MOST_PARTS), PART);
        assert_eq!(part_size(PART * MOST_PARTS + 1), PART + MIB);
    }

    #[tokio::test]
    async fn a_journal_names_what_is_not_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uploads.jsonl");
        let url = StoreUrl::parse("s3://bucket/prefix").unwrap();
        let journal = Journal::open(&path, &url).unwrap();
        journal.note(&url, "prefix/a", "1", false).await.unwrap();
        journal.note(&url, "prefix/b", "2", false).await.unwrap();
        journal.note(&url, "prefix/a", "1", true).await.unwrap();
        // A torn line, as of a process that was killed.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"bucket\":\"s3").unwrap();
        let again = Journal::open(&path, &url).unwrap();
        assert_eq!(again.all(), [("2".to_owned(), "prefix/b".to_owned())]);
        let elsewhere = StoreUrl::parse("s3://other").unwrap();
        assert!(Journal::open(&path, &elsewhere).unwrap().all().is_empty());
        again.note(&url, "prefix/b", "2", true).await.unwrap();
        assert!(Journal::open(&path, &url).unwrap().all().is_empty());
    }

    /// An upload that ends as another begins takes away its own line only.
    #[tokio::test]
    async fn a_journal_has_what_begins_while_the_last_one_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uploads.jsonl");
        let url = StoreUrl::parse("s3://bucket/prefix").unwrap();
        let journal = Journal::open(&path, &url).unwrap();
        journal.note(&url, "prefix/0", "0", false).await.unwrap();
        for (ends, begins) in
            (0..100).zip(1..).map(|(ends, begins): (u32, u32)| (ends.to_string(), begins.to_string()))
        {
            let (ended, began) = tokio::join!(
                journal.note(&url, "prefix/a", &ends, true),
                journal.note(&url, "prefix/a", &begins, false)
            );
            ended.and(began).unwrap();
            let noted = Journal::open(&path, &url).unwrap().all();
            assert_eq!(noted, [(begins, "prefix/a".to_owned())]);
        }
    }
}
