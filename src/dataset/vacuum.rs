//! What of a dataset nobody needs any more, and the dataset without it.
//!
//! In: a place, its current generation, for how long replaced files stay. Out: a [`Sweep`], carried out on demand.
//! Guarantees: no file of the current commit goes; none that a commit named within the grace, and no commit file
//! that was current within it, so that whoever reads by a commit has that long, also where the clock of whoever
//! committed is slow; nothing whose name this program does not give. Files go first, then a commit without them: stopped between the two, the next vacuum finds them
//! gone already and goes on.
//! Not here: keeping a sync from running meanwhile (`lock`): its files are named by no commit yet.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;

use super::commit::{commit_number, is_partition_path};
use super::publish::{TRIES, write_commit};
use super::{COMMITS, Commit, Generation, Next, POINTER, current};
use crate::clock;
use crate::error::{DatasetError, Error, Result};
use crate::manifest::Time;
use crate::place::{Key, Listed, Place, Swapped};
use crate::tables::schema::Table;

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

impl Amount {
    /// Of files of these sizes.
    pub fn of(sizes: impl Iterator<Item = u64>) -> Self {
        sizes.fold(Self::default(), |sum, bytes| Self { files: sum.files + 1, bytes: sum.bytes + bytes })
    }
}

/// What can go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Files of days that were replaced, with their sizes.
    pub retired: BTreeMap<Key, u64>,
    /// Files that no commit names: what a sync that was stopped had uploaded.
    pub uncommitted: BTreeMap<Key, u64>,
    /// Commit files that are not current.
    pub commits: BTreeMap<Key, u64>,
    /// What was replaced and stays for now.
    pub kept: Amount,
}

impl Sweep {
    /// Finds what can go after a grace. Lists the folders of the tables and that of the commits.
    ///
    /// # Errors
    /// What the place refuses.
    pub async fn find(place: &Place, of: &Generation, grace: TimeDelta) -> Result<Self> {
        let commit = &of.commit;
        let mut sweep = Self::default();
        // By the clock of whoever committed, and by that of whoever keeps the files.
        let (now, now_there) = (clock::now(), place.server_now().unwrap_or_else(clock::now));
        let is_due =
            |since: DateTime<Utc>, now: DateTime<Utc>| grace <= TimeDelta::zero() || now - since >= grace;
        let commits: Vec<_> = place.list(Some(&Key::new(COMMITS)?)).try_collect().await?;
        let written = written_at(&commits);
        let (due, kept): (Vec<_>, Vec<_>) = commit.retired.iter().partition(|retired| {
            // By one clock too: that of the commit that replaced it. Where that is gone, it was due before.
            let replaced = written.get(&retired.generation);
            is_due(retired.retired_at.0, now) && replaced.is_none_or(|at| is_due(*at, now_there))
        });
        sweep.kept = Amount::of(kept.iter().map(|retired| retired.bytes));
        for retired in due {
            sweep.retired.insert(Key::new(retired.path.clone())?, retired.bytes);
        }
        let named: BTreeSet<&str> = commit
            .files()
            .map(|file| file.path.as_str())
            .chain(commit.retired.iter().map(|retired| retired.path.as_str()))
            .collect();
        let tables = Table::ALL.map(Table::name).into_iter().chain(commit.tables.iter().map(String::as_str));
        for table in tables.collect::<BTreeSet<_>>() {
            let listed: Vec<_> = place.list(Some(&Key::new(table)?)).try_collect().await?;
            let strays = listed.into_iter().filter(|listed| {
                let path = listed.key.as_str();
                is_partition_path(path) && !named.contains(path) && is_due(listed.modified, now_there)
            });
            sweep.uncommitted.extend(strays.map(|listed| (listed.key, listed.bytes)));
        }
        // A commit was replaced when the next was written. One that a pointer named until then was read by somebody
        // at that moment.
        let replaced: BTreeMap<_, _> = written.keys().zip(written.values().skip(1)).collect();
        for listed in commits {
            let Some(number) = commit_number(listed.key.as_str()) else { continue };
            let is_current = listed.key.as_str() == of.pointer.commit.path;
            let since = replaced.get(&number).map_or(listed.modified, |at| listed.modified.max(**at));
            if !is_current && is_due(since, now_there) {
                sweep.commits.insert(listed.key, listed.bytes);
            }
        }
        Ok(sweep)
    }

    /// Deletes it.
    ///
    /// # Errors
    /// What the place refuses; then a part of it may be gone.
    pub async fn delete(&self, place: &Place) -> Result<()> {
        for files in [&self.retired, &self.uncommitted, &self.commits] {
            place.remove(files.keys().cloned().collect()).await?;
        }
        Ok(())
    }

    /// Commits the dataset without the retired files that were deleted, under an id of its own; gives the number
    /// of the commit, `None` where there was nothing to commit. `held` tells whether this process still holds the
    /// lock, before the pointer is swapped.
    ///
    /// # Errors
    /// [`DatasetError::Outrun`] where others committed each time, what `held` says, what the place refuses.
    pub async fn commit<H>(&self, place: &Place, id: &str, at: Time, held: H) -> Result<Option<u64>>
    where
        H: AsyncFn() -> Result<()>,
    {
        let pointer_key = Key::new(POINTER)?;
        for _ in 0..TRIES {
            let Some((generation, tag)) = current(place).await? else {
                return Err(Error::Dataset(DatasetError::Missing { place: place.show(None) }));
            };
            let Some(commit) = self.without(&generation, at) else { return Ok(None) };
            let number = commit.generation;
            let Generation { pointer, .. } = generation;
            let next = Next {
                commit,
                state: pointer.state,
                export_id: id.to_owned(),
                files: Vec::new(),
                given_up: Vec::new(),
            };
            let base_url = pointer.api.base_url;
            let (_, bytes) = write_commit(place, &next, pointer.identity, base_url, &mut |_| Ok(())).await?;
            held().await?;
            if let Swapped::Done(_) = place.swap(&pointer_key, bytes, &tag).await? {
                return Ok(Some(number));
            }
        }
        Err(Error::Dataset(DatasetError::Outrun { place: place.show(None), tries: TRIES }))
    }

    /// The next commit: the same without what was deleted; `None` where it names nothing of it.
    fn without(&self, of: &Generation, at: Time) -> Option<Commit> {
        let gone: BTreeSet<&str> = self.retired.keys().map(Key::as_str).collect();
        let mut commit = of.commit.clone();
        commit.retired.retain(|retired| !gone.contains(retired.path.as_str()));
        if commit.retired.len() == of.commit.retired.len() {
            return None;
        }
        commit.parent = Some(commit.generation);
        commit.generation += 1;
        commit.committed_at = at;
        Some(commit)
    }
}

/// When the last file of each number was written, by the clock of whoever keeps them.
fn written_at(commits: &[Listed]) -> BTreeMap<u64, DateTime<Utc>> {
    let mut written: BTreeMap<u64, DateTime<Utc>> = BTreeMap::new();
    for listed in commits {
        let Some(number) = commit_number(listed.key.as_str()) else { continue };
        let last = written.entry(number).or_insert(listed.modified);
        *last = listed.modified.max(*last);
    }
    written
}
