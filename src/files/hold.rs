//! The hold on an output: one process at a time makes files in it.
//!
//! In: the output's directory. Out: a [`Hold`] on it, as an operating system's lock on a file in it. Into that
//! file the holder writes who it is, and every [`BEAT`] that it lives: for messages, for the lock decides.
//! Guarantees: two processes never hold one output, wherever their logs are; whoever is killed holds
//! nothing; a hold that is let go leaves nothing behind. On a file system without locks, whoever is killed holds it
//! for two minutes more.
//! Not here: the lock on a log, which may be elsewhere (`log`).

mod watched;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chrono::{DateTime, Utc};

use self::watched::Watch;
use super::{Claim, STATE_DIR};
use crate::clock;
use crate::error::{Error, Holder, Result};

/// The locked file in [`STATE_DIR`].
const LOCK_FILE: &str = "lock";
/// The file in its place where the file system has no locks.
const WATCHED_FILE: &str = "lock.held";
/// Whoever lets go takes the lock file away: another may have to make it again, but hardly so often.
const TRIES: usize = 100;
/// How often a holder shows that it lives: a stopped process or a machine that sleeps is seen by it.
const BEAT: Duration = Duration::from_secs(15);

/// How a heart beats.
#[derive(Clone, Copy, Debug)]
struct Beats {
    every: Duration,
    /// Whether other machines are to see each beat soon, because nothing else keeps them off.
    far: bool,
}

/// An output held by this process, until dropped.
#[derive(Debug)]
pub struct Hold {
    dir: PathBuf,
    path: PathBuf,
    file: Arc<File>,
    took_over: Option<Holder>,
    /// Ends before the file is closed.
    _heart: Option<Heart>,
}

impl Hold {
    /// Holds an output for a command; its directory is made if need be.
    ///
    /// # Errors
    /// [`Error::OutputBusy`] where another process holds it, [`Error::Output`] where it cannot be written.
    pub fn take(output: &Path, command: &str) -> Result<Self> {
        let dir = output.join(STATE_DIR);
        let path = dir.join(LOCK_FILE);
        let mut tries = 1..TRIES;
        loop {
            match try_lock(&dir, &path) {
                Ok(Some(file)) => {
                    // Whoever lets go takes the file away: what is in it was left by a holder that was killed.
                    let took_over = holder(&path);
                    return Ok(Self::begin(
                        dir,
                        path,
                        file,
                        took_over,
                        Beats { every: BEAT, far: false },
                        command,
                    ));
                }
                Ok(None) if tries.next().is_some() => {}
                // Made by one and taken away by the other: it is not there, or not any more.
                Err(Error::Output { source, .. }) if is_passing(&source) && tries.next().is_some() => {}
                Ok(None) => return Err(busy(&path)),
                Err(Error::Output { source, .. }) if source.kind() == io::ErrorKind::Unsupported => {
                    // What could not be locked is of no use.
                    let _ = fs::remove_file(&path);
                    let path = dir.join(WATCHED_FILE);
                    let (file, took_over) = watched::take(&path, Watch::USUAL)?;
                    return Ok(Self::begin(
                        dir,
                        path,
                        file,
                        took_over,
                        Beats { every: BEAT, far: true },
                        command,
                    ));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Says in the locked file who holds it.
    fn begin(
        dir: PathBuf,
        path: PathBuf,
        file: File,
        took_over: Option<Holder>,
        beats: Beats,
        command: &str,
    ) -> Self {
        let file = Arc::new(file);
        let heart = Heart::begin(Arc::clone(&file), Claim::new(command, clock::now()), beats);
        Self { dir, path, file, took_over, _heart: heart }
    }

    /// Who held it last and was killed, as far as that is known.
    #[must_use]
    pub const fn took_over(&self) -> Option<&Holder> {
        self.took_over.as_ref()
    }

    /// Whether another took it over, which can only be where the file system has no locks.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        !is_at(&self.file, &self.path)
    }

    /// Takes the lock file away, and its directory where nothing else is in it: it is held no more.
    pub fn let_go(&self) {
        // Only who holds it takes it away: what is there now stays there. Best effort: an empty file may stay.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Opens and locks the lock file; `None` where whoever held it has just taken it away.
fn try_lock(dir: &Path, path: &Path) -> Result<Option<File>> {
    fs::create_dir_all(dir).map_err(Error::output("create", dir))?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(Error::output("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(is_at(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Err(busy(path)),
        Err(TryLockError::Error(error)) => Err(Error::output("lock", path)(error)),
    }
}

/// What to say of an output that another process holds.
fn busy(path: &Path) -> Error {
    Error::OutputBusy { path: path.to_owned(), holder: holder(path).map(Box::new) }
}

/// Who wrote a lock file last; `None` where nobody did, or is at it.
fn holder(path: &Path) -> Option<Holder> {
    let claim = Claim::parse(&fs::read(path).ok()?)?;
    let written: DateTime<Utc> = fs::metadata(path).ok()?.modified().ok()?.into();
    Some(claim.holder(Some((clock::now() - written).to_std().unwrap_or_default())))
}

/// The thread that writes into the locked file while it is held. Best effort, as on a full disk: without it
/// others are not told who holds it, and cannot take it all the same.
#[derive(Debug)]
struct Heart {
    /// Dropped to end the thread.
    alive: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heart {
    fn begin(file: Arc<File>, claim: Claim, beats: Beats) -> Option<Self> {
        write(&file, &claim).ok()?;
        let (alive, ended) = sync_channel(0);
        let beat = move || beat(&file, claim, beats, &ended);
        let thread = thread::Builder::new().name("hold".to_owned()).spawn(beat).ok()?;
        Some(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        drop(self.alive.take());
        // The lock lasts as long as anybody has the file open.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Beats until the other end is gone.
fn beat(file: &File, mut claim: Claim, beats: Beats, ended: &Receiver<()>) {
    while ended.recv_timeout(beats.every) == Err(RecvTimeoutError::Timeout) {
        claim = claim.next_beat();
        let _ = write(file, &claim);
        if beats.far {
            let _ = file.sync_data();
        }
    }
}

/// Writes a claim over whatever the file holds.
fn write(mut file: &File, claim: &Claim) -> io::Result<()> {
    let line = claim.line();
    file.seek(SeekFrom::Start(0))?;
    // In one piece: a reader that comes in between is rare, and sees no JSON.
    file.write_all(line.as_bytes())?;
    file.set_len(line.len() as u64)
}

/// What an open, or the making of a directory, fails with while another takes the directory away.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
}

/// Whether an open file is still the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Whether an open file is still the one at a path. Here no other can take its place while it is open.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A child process that another test starts has our files, and so their locks, for the moment before it
    /// runs its program.
    fn take(output: &Path) -> Hold {
        loop {
            match Hold::take(output, "run") {
                Err(Error::OutputBusy { .. }) => std::thread::yield_now(),
                taken => return taken.unwrap(),
            }
        }
    }

    #[test]
    fn one_at_a_time_holds_an_output_and_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let output = parent.path().join("a/b");
        let hold = take(&output);
        assert!(matches!(Hold::take(&output, "rebuild"), Err(Error::OutputBusy { .. })));
        // Another output is another matter.
        drop(take(parent.path()));
        drop(hold);
        assert_eq!(fs::read_dir(&output).unwrap().count(), 0);
        // What a killed process left holds nobody up, and what else is there stays.
        fs::create_dir(output.join(STATE_DIR)).unwrap();
        for name in [LOCK_FILE, "responses"] {
            fs::write(output.join(STATE_DIR).join(name), "").unwrap();
        }
        drop(take(&output));
        assert!(output.join(STATE_DIR).join("responses").exists());
        assert!(!output.join(STATE_DIR).join(LOCK_FILE).exists());
    }

    #[test]
    fn a_hold_that_was_let_go_takes_nothing_of_the_next_away() {
        let output = tempfile::tempdir().unwrap();
        let first = take(output.path());
        first.let_go();
        let second = take(output.path());
        drop(first);
        assert!(matches!(Hold::take(output.path(), "run"), Err(Error::OutputBusy { .. })));
        drop(second);
    }

    #[test]
    fn who_holds_it_is_told_and_who_was_killed_too() {
        let output = tempfile::tempdir().unwrap();
        let lock = output.path().join(STATE_DIR).join(LOCK_FILE);
        let told = || match Hold::take(output.path(), "rebuild") {
            Err(Error::OutputBusy { holder, path }) => {
                assert_eq!(path, lock);
                holder.map(|holder| *holder)
            }
            taken => panic!("{taken:?}"),
        };
        let hold = take(output.path());
        assert_eq!(hold.took_over(), None);
        let holder = told().unwrap();
        assert_eq!((holder.command.as_str(), holder.pid), ("run", std::process::id()));
        assert!(holder.silent_for.is_some_and(|silent_for| silent_for < BEAT * 2));
        // Its heart beats: another line of the same hold, and nothing of the one before.
        let first = Claim::parse(&fs::read(&lock).unwrap()).unwrap();
        fs::write(&lock, " ".repeat(1_000)).unwrap();
        assert_eq!(told(), None);
        write(&hold.file, &first.next_beat()).unwrap();
        assert_eq!(fs::read_to_string(&lock).unwrap(), first.next_beat().line());
        // As a killed process leaves it.
        let left = fs::read(&lock).unwrap();
        drop(hold);
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, left).unwrap();
        let next = take(output.path());
        assert_eq!(next.took_over().map(|holder| holder.command.as_str()), Some("run"));
        assert!(!Claim::parse(&fs::read(&lock).unwrap()).unwrap().is_of(&first));
        drop(next);
        assert_eq!(take(output.path()).took_over(), None, "who lets go was not killed");
    }

    #[test]
    fn a_heart_beats_until_it_is_dropped() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let claim = Claim::new("run", clock::now());
        let heart =
            Heart::begin(Arc::clone(&file), claim.clone(), Beats { every: BEAT, far: false }).unwrap();
        assert_eq!(file.metadata().unwrap().len(), claim.line().len() as u64);
        drop(heart);
        assert_eq!(Arc::strong_count(&file), 1, "nobody keeps it open");
    }

    /// Each takes the file away when it lets go, while the others try.
    #[test]
    fn many_that_come_and_go_never_hold_it_together() {
        let output = tempfile::tempdir().unwrap();
        let holders = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let hold = take(output.path());
                        assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        assert_eq!(holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst), 1);
                        drop(hold);
                    }
                });
            }
        });
    }
}
