//! The lock on a dataset: one process at a time works on it, wherever it is.
//!
//! In: a [`Place`] and a command. Out: a [`Lock`], kept while some work goes on.
//! A directory is held by an operating system's lock (`files`). In a store the lock is an object that says who
//! holds it, created and swapped on conditions, so that of two one gets it, and rewritten every 20 seconds. One that
//! was not rewritten for two minutes, by the store's own clock, is of a process that was killed: it is taken
//! over. It is released by writing so, since who may write need not be allowed to delete.
//! Guarantees: nobody takes over what its holder still believes to hold: that one stops by itself as early.
//! Nothing that is right depends on it, for commits are merged and their swap has a condition of its own: it saves
//! requests.
//! Not here: what is done under it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::blocking::blocking;
use crate::clock;
use crate::error::{DatasetError, Error, Holder, Result};
use crate::files::{Claim, Hold};
use crate::place::{Created, Found, Key, Place, Swapped, Tag};

/// The lock of a dataset in a store.
const LOCK: &str = ".rtk-export/lock.json";
/// The times of the tool; tests have shorter ones.
const TIMES: Times = Times {
    beat: Duration::from_secs(20),
    retry: Duration::from_secs(5),
    stale_after: Duration::from_mins(2),
    poll: Duration::from_secs(5),
};
/// How often a lock that changes while it is looked at is looked at again.
const TRIES: u32 = 10;

/// How often something is done about a lock in a store.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// How often it is renewed: of six times in a row, one has to succeed.
    beat: Duration,
    /// How soon again after a try that failed.
    retry: Duration,
    /// How old a lock is that nobody holds any more.
    stale_after: Duration,
    /// How often one that another holds is looked at.
    poll: Duration,
}

/// How long to wait for a lock that another process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until then.
    Until(Instant),
    /// As long as it takes.
    ForEver,
}

impl Wait {
    /// What `--wait-lock [DURATION]` says: a duration, else until the deadline, else for ever.
    #[must_use]
    pub fn of(typed: Option<Option<Duration>>, deadline: Option<Instant>) -> Self {
        let until = match typed {
            None => return Self::No,
            // Too long to be added is for ever.
            Some(Some(duration)) => Instant::now().checked_add(duration),
            Some(None) => None,
        };
        until.into_iter().chain(deadline).min().map_or(Self::ForEver, Self::Until)
    }

    fn is_over(self) -> bool {
        match self {
            Self::No => true,
            Self::Until(until) => until <= Instant::now(),
            Self::ForEver => false,
        }
    }

    /// Waits for the next look. Dropping this loses nothing.
    async fn pause(self, poll: Duration) {
        match self {
            Self::Until(until) => sleep_until(until.min(Instant::now() + poll)).await,
            Self::No | Self::ForEver => sleep(poll).await,
        }
    }
}

/// A dataset that this process works on.
#[derive(Debug)]
pub struct Lock {
    held: Held,
    took_over: Option<Holder>,
}

#[derive(Debug)]
enum Held {
    /// And the directory's name for messages.
    Local(Arc<Hold>, String),
    Remote(Box<Remote>),
}

/// A lock in a store.
#[derive(Debug)]
struct Remote {
    place: Place,
    key: Key,
    /// As it was taken.
    own: Claim,
    /// Whoever keeps it has this all the time.
    written: Mutex<Written>,
    times: Times,
    /// The file of this machine that it is noted in.
    noted: Option<PathBuf>,
}

/// The lock as it was last written.
#[derive(Debug)]
struct Written {
    claim: Claim,
    tag: Tag,
    /// Before it was sent: the store's time of it is no earlier.
    at: Instant,
}

/// What a try to get a lock came to.
#[derive(Debug)]
enum Try {
    Got(Box<Lock>),
    /// Another has it, who says who it is where that can be read.
    Busy(Option<Holder>),
}

impl Lock {
    /// Takes a dataset's lock for a command, `sync` or `vacuum`; `waits` is told once of whom it waits for.
    /// Dropped while it waits, it has taken nothing; dropped while it takes a lock in a store, that one is held by
    /// nobody until it is stale.
    ///
    /// # Errors
    /// [`DatasetError::Busy`] where another process has it for longer than to be waited for. What the place says.
    pub async fn take(
        place: &Place,
        command: &'static str,
        wait: Wait,
        waits: &mut (dyn FnMut(Option<&Holder>) + Send),
    ) -> Result<Self> {
        Self::take_in(place, command, None, wait, waits, TIMES).await
    }

    /// The same, with what it writes into a store noted in a file of this machine too: a lock that is in there was
    /// left by a process that was killed, and is taken over at once. Whoever gives the file has to hold it.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn take_noted(
        place: &Place,
        command: &'static str,
        noted: &Path,
        wait: Wait,
        waits: &mut (dyn FnMut(Option<&Holder>) + Send),
    ) -> Result<Self> {
        Self::take_in(place, command, Some(noted), wait, waits, TIMES).await
    }

    async fn take_in(
        place: &Place,
        command: &'static str,
        noted: Option<&Path>,
        wait: Wait,
        waits: &mut (dyn FnMut(Option<&Holder>) + Send),
        times: Times,
    ) -> Result<Self> {
        let mut is_told = false;
        loop {
            let holder = match Self::try_take(place, command, noted, times).await? {
                Try::Got(lock) => return Ok(*lock),
                Try::Busy(holder) => holder,
            };
            if wait.is_over() {
                let stale_after = matches!(place, Place::Remote(_)).then_some(times.stale_after);
                let (place, holder) = (place.show(None), holder.map(Box::new));
                return Err(Error::Dataset(DatasetError::Busy { place, holder, stale_after }));
            }
            if !is_told {
                is_told = true;
                waits(holder.as_ref());
            }
            wait.pause(times.poll).await;
        }
    }

    async fn try_take(
        place: &Place,
        command: &'static str,
        noted: Option<&Path>,
        times: Times,
    ) -> Result<Try> {
        let Place::Local(local) = place else { return Remote::try_take(place, command, noted, times).await };
        let dir = local.path(None);
        match blocking("lock", move || Hold::take(&dir, command)).await {
            Ok(hold) => {
                let took_over = hold.took_over().cloned();
                Ok(Try::Got(Box::new(Self {
                    held: Held::Local(Arc::new(hold), place.show(None)),
                    took_over,
                })))
            }
            Err(Error::OutputBusy { holder, .. }) => Ok(Try::Busy(holder.map(|holder| *holder))),
            Err(error) => Err(error),
        }
    }

    /// Whose lock was taken over: a process that was killed.
    #[must_use]
    pub const fn took_over(&self) -> Option<&Holder> {
        self.took_over.as_ref()
    }

    /// The hold on a directory; `None` where the dataset is in a store.
    #[must_use]
    pub fn hold(&self) -> Option<Arc<Hold>> {
        match &self.held {
            Held::Local(hold, _) => Some(Arc::clone(hold)),
            Held::Remote(_) => None,
        }
    }

    /// Does some work while the lock is kept. Where it is lost, the work is dropped: of fetching that loses the
    /// replies under way, for the log is made durable whatever happens.
    ///
    /// # Errors
    /// [`DatasetError::LockLost`], or the work's own error.
    pub async fn while_held<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.held {
            Held::Local(..) => work.await,
            Held::Remote(remote) => {
                tokio::select! {
                    // What is done is done, whatever became of the lock meanwhile.
                    biased;
                    done = work => done,
                    lost = remote.keep() => Err(lost),
                }
            }
        }
    }

    /// Makes sure that the lock is still this process's, before others see what was done under it.
    ///
    /// # Errors
    /// [`DatasetError::LockLost`] where it is not. What the place says.
    pub async fn confirm(&self) -> Result<()> {
        match &self.held {
            Held::Local(hold, shown) if hold.is_lost() => {
                let place = shown.clone();
                Err(Error::Dataset(DatasetError::LockLost { place, holder: None, source: None }))
            }
            Held::Local(..) => Ok(()),
            Held::Remote(remote) => remote.confirm().await,
        }
    }

    /// Gives the lock back. Dropped instead, one in a store is held by nobody until it is stale.
    ///
    /// # Errors
    /// What the place says; the lock is free in two minutes then.
    pub async fn release(self) -> Result<()> {
        match self.held {
            Held::Local(hold, _) => {
                // It lasts as long as anybody else works under it.
                drop(hold);
                Ok(())
            }
            Held::Remote(remote) => remote.release().await,
        }
    }
}

impl Remote {
    async fn try_take(
        place: &Place,
        command: &'static str,
        noted: Option<&Path>,
        times: Times,
    ) -> Result<Try> {
        let key = Key::new(LOCK)?;
        let claim = Claim::new(command, clock::now());
        let left = noted.map(left).unwrap_or_default();
        let line = || Bytes::from(claim.line());
        let mut holder = None;
        for _ in 0..TRIES {
            let at = Instant::now();
            let found = place.read(&key).await?;
            let (tag, took_over) = match found {
                Found::There(object) => {
                    let there = Claim::parse(&object.bytes);
                    let is_released = there.as_ref().is_some_and(Claim::is_released);
                    let is_left =
                        there.as_ref().is_some_and(|there| left.iter().any(|left| there.is_of(left)));
                    holder = there.map(|claim| claim.holder(Some(object.age())));
                    if !is_released && !is_left && object.age() < times.stale_after {
                        return Ok(Try::Busy(holder));
                    }
                    note(noted, &claim);
                    match place.swap(&key, line(), &object.tag).await? {
                        Swapped::Done(tag) => (tag, holder.filter(|_| !is_released)),
                        // Another was faster: who is it?
                        Swapped::Moved => continue,
                    }
                }
                found => {
                    note(noted, &claim);
                    match (place.create(&key, line()).await?, found) {
                        (Created::New(tag), _) => (tag, None),
                        // It is there, and may not be read.
                        (Created::Exists, Found::Hidden(refusal)) => return Err(refusal.into()),
                        (Created::Exists, _) => continue,
                    }
                }
            };
            let own = claim.clone();
            let written = Mutex::new(Written { claim, tag, at });
            let noted = noted.map(Path::to_owned);
            let remote = Self { place: place.clone(), key, own, written, times, noted };
            let held = Held::Remote(Box::new(remote));
            return Ok(Try::Got(Box::new(Lock { held, took_over })));
        }
        Ok(Try::Busy(holder))
    }

    /// Renews the lock for as long as it goes; gives why it did not go any more. Dropped, it may leave a renewal
    /// undecided: the next one finds out.
    async fn keep(&self) -> Error {
        let mut failed = None;
        let mut written = self.written.lock().await;
        let mut due = written.at + self.times.beat;
        loop {
            sleep_until(due).await;
            let (sent, next) = (Instant::now(), written.claim.next_beat());
            let end = written.at + self.times.stale_after;
            let swap = self.place.swap(&self.key, Bytes::from(next.line()), &written.tag);
            match timeout_at(end.min(sent + self.times.beat), swap).await {
                Ok(Ok(Swapped::Done(tag))) => {
                    *written = Written { claim: next, tag, at: sent };
                    (due, failed) = (sent + self.times.beat, None);
                    continue;
                }
                Ok(Ok(Swapped::Moved)) => match timeout_at(end, self.place.read(&self.key)).await {
                    Ok(Ok(Found::There(object))) => match Claim::parse(&object.bytes) {
                        // A renewal of ours that came late.
                        Some(there) if there.is_of(&self.own) => {
                            // It was sent after the last that is known of.
                            let at = written.at;
                            *written = Written { claim: there, tag: object.tag, at };
                            due = Instant::now();
                            continue;
                        }
                        there => {
                            return self.lost(there.map(|claim| claim.holder(Some(object.age()))), None);
                        }
                    },
                    Ok(Ok(Found::Missing)) => return self.lost(None, None),
                    Ok(Ok(Found::Hidden(refusal))) => failed = Some(refusal.into()),
                    Ok(Err(error)) => failed = Some(error),
                    Err(_) => {}
                },
                Ok(Err(error)) => failed = Some(error),
                Err(_) => {}
            }
            // From here on another may take it over.
            if Instant::now() >= end {
                return self.lost(None, failed);
            }
            due = end.min(Instant::now() + self.times.retry);
        }
    }

    async fn confirm(&self) -> Result<()> {
        let there = self.place.read(&self.key).await?.known()?;
        let there = there.and_then(|object| Some((Claim::parse(&object.bytes)?, object.age())));
        match there {
            Some((claim, _)) if claim.is_of(&self.own) => Ok(()),
            there => Err(self.lost(there.map(|(claim, age)| claim.holder(Some(age))), None)),
        }
    }

    async fn release(self) -> Result<()> {
        let written = self.written.into_inner();
        let end = |claim: &Claim| Bytes::from(claim.end().line());
        let released = self.place.swap(&self.key, end(&written.claim), &written.tag).await?;
        if matches!(released, Swapped::Moved)
            && let Found::There(object) = self.place.read(&self.key).await?
            && let Some(there) = Claim::parse(&object.bytes).filter(|there| there.is_of(&self.own))
        {
            // The last renewal was given up when the work ended, and done. Else it is another's.
            self.place.swap(&self.key, end(&there), &object.tag).await?;
        }
        // Best effort: what stays names locks that nobody holds.
        let _ = self.noted.map(fs::remove_file);
        Ok(())
    }

    fn lost(&self, holder: Option<Holder>, source: Option<Error>) -> Error {
        let (place, holder) = (self.place.show(None), holder.map(Box::new));
        Error::Dataset(DatasetError::LockLost { place, holder, source: source.map(Box::new) })
    }
}

/// The claims that are noted in a file. Best effort, as all of this: without it a lock is free in two minutes.
fn left(noted: &Path) -> Vec<Claim> {
    let text = fs::read(noted).unwrap_or_default();
    text.split(|byte| *byte == b'\n').filter_map(Claim::parse).collect()
}

/// Notes a claim before it is sent.
fn note(noted: Option<&Path>, claim: &Claim) {
    if let Some(noted) = noted
        && let Ok(mut file) = OpenOptions::new().append(true).create(true).open(noted)
    {
        let _ = file.write_all(claim.line().as_bytes()).and_then(|()| file.sync_all());
    }
}

#[cfg(test)]
mod tests;
