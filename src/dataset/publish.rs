//! One commit: files to their place, a commit file that names them, and the pointer swapped.
//!
//! In: what an export came to, with its files staged. Out: the dataset as it is then. The order of steps, each of
//! which leaves the dataset as it was, or as it is to be:
//!
//! 1. the dataset is read as it is now, and merged with ([`merge`])
//! 2. the files of the days that won go to their place: nobody names them yet
//! 3. the commit file: nobody names it yet
//! 4. the pointer is swapped for one that names it: this is the commit
//!
//! Where another committed between 1 and 4, all but the files is done again on what they made of it.
//! Guarantees: of any number of processes that commit, each is on what the one before it made; a reply that was
//! lost is not taken for a refusal (`place`). Killed at any step, the same again ends well: files and commit file
//! have names of their own.
//! Not here: the lock, which saves work and is no part of this; deleting what is retired.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::open::{self, Current};
use super::{DayFile, Generation, Identity, Lock, Made, Merged, Next, POINTER, Pending, Pointer, merge};
use crate::clock;
use crate::config::{Anew, EmptyDays};
use crate::error::{DatasetError, Error, Result};
use crate::manifest::Time;
use crate::place::{Created, Key, LARGEST_READ, Place, Swapped};

/// How often a commit is made again because another came first.
pub(super) const TRIES: u32 = 5;
/// Files that are uploaded at once, each in several parts (`place`).
const AT_ONCE: usize = 2;

/// A step of a commit, announced before it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The dataset is read.
    Read,
    /// A file goes to its place.
    Upload(String),
    /// The commit file is written.
    PutCommit(String),
    /// The pointer is swapped.
    SwapPointer,
}

/// Told of every step; its error stops the commit there, as a crash would.
pub type Observer<'a> = &'a mut (dyn FnMut(&Step) -> io::Result<()> + Send);

/// A commit to be made.
#[derive(Clone, Copy, Debug)]
pub struct Committing<'a> {
    /// Where the dataset is.
    pub place: &'a Place,
    /// The lock under which it is made.
    pub lock: Option<&'a Lock>,
    /// What the export came to.
    pub made: &'a Made,
    /// Where its files are, each below it as it will be below the dataset.
    pub staging: &'a Path,
    /// Who was asked.
    pub base_url: &'a str,
    /// What to do with days that lost all sessions.
    pub empty: EmptyDays,
    /// Whether a dataset of another identity is replaced.
    pub anew: Anew,
}

/// What a commit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The dataset as it is now.
    pub generation: Generation,
    /// Days that stay as they were though none of their sessions was found any more.
    pub emptied: Vec<chrono::NaiveDate>,
    /// Days that are not looked at again, because it took too long.
    pub given_up: Vec<Pending>,
    /// Whether anything changed.
    pub is_new: bool,
}

/// Commits what an export came to.
///
/// # Errors
/// What [`open::refuse_other`] refuses, [`DatasetError::DaysLost`], [`DatasetError::CommitTooLarge`],
/// [`DatasetError::Outrun`], what the place refuses.
pub async fn commit(committing: Committing<'_>, observe: Observer<'_>) -> Result<Committed> {
    let Committing { place, lock, made, empty, .. } = committing;
    let mut there = BTreeSet::new();
    for _ in 0..TRIES {
        announce(place, observe, &Step::Read)?;
        let mut current = open::read(place).await?;
        let (tag, hidden, is_too_large) = (current.tag.take(), current.hidden.take(), current.is_too_large);
        let base = allowed(current, &committing)?;
        let merged = merge(base.as_ref(), made, now(), empty);
        let Merged { next, emptied } = merged;
        let next = match (next, base) {
            (Some(next), _) => next,
            (None, Some(generation)) => {
                return Ok(Committed { generation, emptied, given_up: Vec::new(), is_new: false });
            }
            (None, None) => return Err(Error::StageEnded { stage: "dataset" }),
        };
        upload(&committing, &next.files, &mut there, observe).await?;
        let (identity, base_url) = (made.identity.clone(), committing.base_url.to_owned());
        let (pointer, bytes) = write_commit(place, &next, identity, base_url, observe).await?;
        if let Some(lock) = lock {
            lock.confirm().await?;
        }
        announce(place, observe, &Step::SwapPointer)?;
        let key = Key::new(POINTER)?;
        let is_done = match &tag {
            Some(tag) => matches!(place.swap(&key, bytes, tag).await?, Swapped::Done(_)),
            // It is no state of a dataset, and made anew: the lock alone keeps two apart.
            None if is_too_large => place.put(&key, bytes).await.map(|()| true)?,
            None => matches!(place.create(&key, bytes).await?, Created::New(_)),
        };
        if is_done {
            let generation = Generation { pointer, commit: next.commit };
            return Ok(Committed { generation, emptied, given_up: next.given_up, is_new: true });
        }
        if let Some(refusal) = hidden {
            // There is one after all, which may not be read.
            return Err(refusal.into());
        }
    }
    Err(Error::Dataset(DatasetError::Outrun { place: place.show(None), tries: TRIES }))
}

/// The dataset that is committed to, if the export may be.
fn allowed(current: Current, committing: &Committing<'_>) -> Result<Option<Generation>> {
    let Committing { place, made, empty, anew, .. } = *committing;
    let base = current.known(anew).map_err(Error::Dataset)?;
    let Some(base) = base else { return Ok(None) };
    let other = open::refuse_other(&base, &made.identity, &place.show(None), |_| None);
    if anew == Anew::LeftOut {
        other.map_err(Error::Dataset)?;
    } else if other.is_err() && empty == EmptyDays::Kept {
        let has = |day| made.days.get(&day).is_some_and(|entry| !entry.files.is_empty());
        open::refuse_loss(&base, has, &place.show(None)).map_err(Error::Dataset)?;
    }
    Ok(Some(base))
}

/// Brings files to their place that are not there yet.
async fn upload(
    committing: &Committing<'_>,
    files: &[DayFile],
    there: &mut BTreeSet<String>,
    observe: Observer<'_>,
) -> Result<()> {
    let Committing { place, staging, .. } = *committing;
    let missing: Vec<_> = files.iter().filter(|file| !there.contains(&file.path)).collect();
    let uploads = missing.into_iter().map(|file| {
        let announced = announce(place, observe, &Step::Upload(file.path.clone()));
        async move {
            announced?;
            let key = Key::new(file.path.as_str())?;
            place.upload(&key, &key.below(staging), file.bytes).await.map(|()| file.path.clone())
        }
    });
    let mut uploads = stream::iter(uploads).buffered(AT_ONCE);
    while let Some(path) = uploads.try_next().await? {
        there.insert(path);
    }
    Ok(())
}

/// Writes the file of a commit, which whoever comes next can read; gives the pointer to it, and its bytes.
pub(super) async fn write_commit(
    place: &Place,
    next: &Next,
    identity: Identity,
    base_url: String,
    observe: Observer<'_>,
) -> Result<(Pointer, Bytes)> {
    let damaged = |source: serde_json::Error| {
        Error::Dataset(DatasetError::Damaged { path: place.show(None), source: source.into() })
    };
    let commit = next.commit.to_json().map_err(damaged)?;
    let bytes = commit.len() as u64;
    if bytes > LARGEST_READ {
        // Once the pointer named it, nobody could read the dataset any more.
        let place = place.show(None);
        return Err(Error::Dataset(DatasetError::CommitTooLarge { place, bytes, limit: LARGEST_READ }));
    }
    let pointer = Pointer::to(next, identity, base_url, commit.as_bytes());
    announce(place, observe, &Step::PutCommit(pointer.commit.path.clone()))?;
    // Whatever is there under this name is the same.
    place.put(&Key::new(pointer.commit.path.as_str())?, commit.into()).await?;
    let bytes = pointer.to_json().map_err(damaged)?;
    Ok((pointer, bytes.into()))
}

fn announce(place: &Place, observe: Observer<'_>, step: &Step) -> Result<()> {
    observe(step).map_err(|source| Error::output("commit to", place.show(None))(source))
}

/// Now, as it is written.
fn now() -> Time {
    Time(chrono::SubsecRound::trunc_subsecs(clock::now(), 6))
}
