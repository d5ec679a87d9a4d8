//! The hold on an output: one process at a time makes files in it.
//!
//! In: the output's directory. Out: a [`Hold`] on it, as an operating system's lock on a file in it.
//! Guarantees: two processes never hold one output, wherever their logs are; whoever is killed holds
//! nothing; a hold that is let go leaves nothing behind.
//! Not here: the lock on a log, which may be elsewhere (`log`).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::STATE_DIR;
use crate::error::{Error, Result};

/// The locked file in [`STATE_DIR`].
const LOCK_FILE: &str = "lock";
/// Whoever lets go takes the lock file away: another may have to make it again, but hardly so often.
const TRIES: usize = 100;

/// An output held by this process, until dropped.
#[derive(Debug)]
pub struct Hold {
    dir: PathBuf,
    path: PathBuf,
    file: File,
}

impl Hold {
    /// Holds an output; its directory is made if need be.
    ///
    /// # Errors
    /// [`Error::OutputBusy`] where another process holds it, [`Error::Output`] where it cannot be written.
    pub fn take(output: &Path) -> Result<Self> {
        let dir = output.join(STATE_DIR);
        let path = dir.join(LOCK_FILE);
        let mut tries = 1..TRIES;
        loop {
            match try_lock(&dir, &path) {
                Ok(Some(file)) => return Ok(Self { dir, path, file }),
                Ok(None) if tries.next().is_some() => {}
                // Made by one and taken away by the other: it is not there, or not any more.
                Err(Error::Output { source, .. }) if is_passing(&source) && tries.next().is_some() => {}
                Ok(None) => return Err(Error::OutputBusy { path }),
                Err(error) => return Err(error),
            }
        }
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
        Err(TryLockError::WouldBlock) => Err(Error::OutputBusy { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::output("lock", path)(error)),
    }
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
            match Hold::take(output) {
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
        assert!(matches!(Hold::take(&output), Err(Error::OutputBusy { .. })));
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
        assert!(matches!(Hold::take(output.path()), Err(Error::OutputBusy { .. })));
        drop(second);
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
