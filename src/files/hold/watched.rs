//! The hold on an output whose file system has no locks: a file that is created by one, and whose holder beats.
//!
//! Guarantees: of two that come at once one gets it. One that was not written to while it was watched, for
//! [`Watch::stale_after`] by this machine's own clock, is of a process that was killed, and is taken over; a process
//! that was only stopped for so long finds that it was ([`Hold::is_lost`](super::Hold::is_lost)).
//! Not here: beating (`hold`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{TRIES, busy, holder};
use crate::error::{Error, Holder, Result};

/// How a file is watched that another may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// How often it is looked at.
    pub(super) poll: Duration,
    /// How long it stays as it is where nobody holds it.
    pub(super) stale_after: Duration,
}

impl Watch {
    /// A holder that beats every 15 seconds misses eight of them.
    pub(super) const USUAL: Self = Self { poll: Duration::from_secs(1), stale_after: Duration::from_mins(2) };
}

/// What watching came to.
enum Seen {
    /// Somebody holds it.
    Beat,
    /// It is gone.
    Gone,
    /// Nobody wrote to it, and this is what it says.
    Silent(Vec<u8>),
}

/// Creates the file, in the place of one that is silent. Blocks: as long as it takes to see it beat, or not.
pub(super) fn take(path: &Path, watch: Watch) -> Result<(File, Option<Holder>)> {
    let mut took_over = None;
    for _ in 0..TRIES {
        match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Ok(file) => return Ok((file, took_over)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::output("create", path)(error)),
        }
        let killed = holder(path);
        match seen(path, watch)? {
            Seen::Gone => {}
            Seen::Silent(text) if clear(path, &text)? => took_over = killed,
            Seen::Beat | Seen::Silent(_) => return Err(busy(path)),
        }
    }
    Err(busy(path))
}

/// Watches a file until it changes, or long enough.
fn seen(path: &Path, watch: Watch) -> Result<Seen> {
    let read = || match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::output("read", path)(error)),
    };
    let Some(first) = read()? else { return Ok(Seen::Gone) };
    let since = Instant::now();
    loop {
        thread::sleep(watch.poll);
        // Before it is read: what changed meanwhile was silent for less.
        let is_over = since.elapsed() >= watch.stale_after;
        match read()? {
            None => return Ok(Seen::Gone),
            Some(text) if text != first => return Ok(Seen::Beat),
            Some(text) if is_over => return Ok(Seen::Silent(text)),
            Some(_) => {}
        }
    }
}

/// Takes a silent file away, unless it became another's meanwhile; gives whether it was the silent one. Renamed, it
/// is nobody's but this process's, so that only one of several takes it away.
fn clear(path: &Path, silent: &[u8]) -> Result<bool> {
    let aside = aside(path);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        renamed => renamed.map_err(Error::output("rename", path))?,
    }
    let is_silent = fs::read(&aside).map_err(Error::output("read", &aside))? == silent;
    if !is_silent {
        // Another was faster, and what it made has to be there again. Where a third was faster still, it is lost.
        let _ = fs::hard_link(&aside, path);
    }
    fs::remove_file(&aside).map_err(Error::output("remove", aside))?;
    Ok(is_silent)
}

/// A name of this process's own.
fn aside(path: &Path) -> PathBuf {
    path.with_extension(format!("{}-{}", std::process::id(), fastrand::u64(..)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Beats, Heart};
    use super::*;
    use crate::clock;
    use crate::files::Claim;

    const BEAT: Duration = Duration::from_millis(1);
    /// Whatever is there is watched until it beats.
    const PATIENT: Watch = Watch { poll: BEAT, stale_after: Duration::from_hours(1) };
    /// Nobody beats so rarely.
    const HASTY: Watch = Watch { poll: BEAT, stale_after: Duration::from_millis(10) };

    fn beating(file: File) -> (Arc<File>, Heart) {
        let file = Arc::new(file);
        let heart = Heart::begin(
            Arc::clone(&file),
            Claim::new("run", clock::now()),
            Beats { every: BEAT, far: true },
        )
        .unwrap();
        (file, heart)
    }

    #[test]
    fn who_beats_holds_it_and_who_is_silent_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock.held");
        let (file, took_over) = take(&path, PATIENT).unwrap();
        assert_eq!(took_over, None);
        let (_file, heart) = beating(file);
        match take(&path, PATIENT) {
            Err(Error::OutputBusy { holder, .. }) => assert_eq!(holder.unwrap().command, "run"),
            other => panic!("{other:?}"),
        }
        drop(heart);
        let (_, took_over) = take(&path, HASTY).unwrap();
        assert_eq!(took_over.unwrap().pid, std::process::id());
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["lock.held"], "nothing else stays");
    }

    #[test]
    fn what_became_anothers_meanwhile_is_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock.held");
        fs::write(&path, "the next holder's").unwrap();
        assert!(!clear(&path, b"the killed one's").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"the next holder's");
        assert!(clear(&path, b"the next holder's").unwrap());
        assert!(!path.exists() && clear(&path, b"").unwrap());
    }

    #[test]
    fn of_many_that_come_at_once_one_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock.held");
        let taken: Vec<_> = thread::scope(|scope| {
            let take = || take(&path, PATIENT).map(|(file, _)| beating(file));
            let takers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            // Whoever has it goes on beating until all others have seen it.
            takers.into_iter().map(|taker| taker.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
    }
}
