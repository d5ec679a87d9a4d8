//! The lock on a log: one process appends to it, and while others read it nobody does.
//!
//! An operating system's lock on the log itself: whoever is killed holds nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// A log locked against whoever would append to it, until dropped.
#[derive(Debug)]
pub struct ReadLock {
    _file: File,
}

impl ReadLock {
    /// Locks a log that is there. It need not be writable.
    ///
    /// # Errors
    /// [`Error::OutputBusy`] where a process appends to it, I/O errors.
    pub fn take(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let locked = file.try_lock_shared();
        checked(locked, path).map(|()| Self { _file: file })
    }
}

/// Opens a log, made if need be, and locks it to append to it.
pub(super) fn to_append(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(Error::io("open", path))?;
    let locked = file.try_lock();
    checked(locked, path).map(|()| file)
}

fn checked(locked: Result<(), TryLockError>, path: &Path) -> Result<()> {
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::OutputBusy { path: path.to_owned(), holder: None }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}
