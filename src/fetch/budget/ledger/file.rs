//! The ledger as a small file, read and written under its lock.
//!
//! In: an [`Ask`]. Out: what the ledger gives, once that is written down.
//! Guarantees: mode 0600; the token is in neither its name nor its text. A process killed while it
//! writes leaves the ledger as it was before: there are two places, written in turn. A ledger that
//! cannot be read counts as spent. The lock is held for one reading and writing, and nobody waits for it
//! longer than that.
//! Not here: what the ledger says (`ledger`). Blocks.
//!
//! A place is a line `rtk-export-budget 1 TURN BYTES CRC` and so many bytes of JSON. It is not synced:
//! what a power cut takes with it, the next start of the machine makes up for.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::super::AGAIN;
use super::{Ask, Leased, Ledger, Moment, nanos};
use crate::clock;

/// First word of a place, and the version of what follows.
const NAME: &str = "rtk-export-budget";
const VERSION: &str = "1";
/// Where the second place begins. A window takes up to 5 KB, and there are one or two.
const PLACE: usize = 48 << 10;

/// The ledger of one token.
#[derive(Debug)]
pub(in crate::fetch) struct LedgerFile {
    path: PathBuf,
    boot: String,
    longest_request: Duration,
}

impl LedgerFile {
    /// The ledger in a directory, which is made where it is not there. A request has a reply, or is given
    /// up, within that time.
    ///
    /// # Errors
    /// It cannot be read and written there.
    pub(in crate::fetch) fn open(
        dir: &Path,
        base_url: &str,
        token: &str,
        longest_request: Duration,
    ) -> io::Result<Self> {
        let digest = Sha256::new().chain_update(base_url).chain_update([0]).chain_update(token).finalize();
        let name =
            digest[..16].iter().fold(String::from("budget-"), |name, byte| format!("{name}{byte:02x}"));
        make_dir(dir)?;
        let ledger = Self { path: dir.join(name), boot: clock::boot_id(), longest_request };
        // A file system without locks, or a full one, is known before anything is sent.
        ledger.locked(|_, _| ())?;
        Ok(ledger)
    }

    pub(in crate::fetch::budget) fn longest_request(&self) -> Duration {
        self.longest_request
    }

    /// Leases; what is granted here is written down. `None` where another process has the lock.
    pub(in crate::fetch::budget) fn lease(&self, ask: &Ask) -> io::Result<Option<Leased>> {
        self.locked(|ledger, now| ledger.lease(ask, now))
    }

    /// Settles and gives back. Where the lock is taken that is left to time: it is only an economy.
    pub(in crate::fetch::budget) fn give_back(&self, ask: &Ask) -> io::Result<()> {
        for _ in 0..10 {
            if self.locked(|ledger, now| ledger.give_back(ask, now))?.is_some() {
                break;
            }
            std::thread::sleep(AGAIN);
        }
        Ok(())
    }

    /// Changes the ledger under its lock; `None` where another process has it.
    fn locked<T>(&self, change: impl FnOnce(&mut Ledger, &Moment) -> T) -> io::Result<Option<T>> {
        // Opened each time: whoever deletes the file deletes the ledger, and does not split it in two.
        let mut file = self.file()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let now = self.now();
        let mut bytes = Vec::with_capacity(2 * PLACE);
        file.read_to_end(&mut bytes)?;
        let (turn, mut ledger) =
            read(&bytes).unwrap_or_else(|| (0, Ledger::unknown(&now, self.longest_request)));
        let changed = change(&mut ledger, &now);
        let place = if turn % 2 == 0 { PLACE as u64 } else { 0 };
        file.seek(SeekFrom::Start(place))?;
        file.write_all(&written(turn + 1, &ledger)?)?;
        // The lock goes with the file.
        Ok(Some(changed))
    }

    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)
    }

    fn now(&self) -> Moment {
        let wall_ns = clock::now().timestamp_nanos_opt().and_then(|wall_ns| u64::try_from(wall_ns).ok());
        Moment {
            boot: self.boot.clone(),
            since_boot_ns: nanos(clock::since_boot()),
            wall_ns: wall_ns.unwrap_or_default(),
        }
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The newer place that is whole, and its turn. An empty file is a ledger that was never written.
fn read(bytes: &[u8]) -> Option<(u64, Ledger)> {
    if bytes.is_empty() {
        return Some((0, Ledger::default()));
    }
    let places = [Some(bytes), bytes.get(PLACE..)];
    let whole = places.into_iter().flatten().filter_map(place);
    whole.max_by_key(|(turn, _)| *turn)
}

fn place(bytes: &[u8]) -> Option<(u64, Ledger)> {
    let end = bytes.iter().take(100).position(|&byte| byte == b'\n')?;
    let mut words = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
    let (name, version) = (words.next()?, words.next()?);
    let turn = words.next()?.parse::<u64>().ok().filter(|&turn| turn < u64::MAX)?;
    let length: usize = words.next()?.parse().ok()?;
    let crc: u32 = words.next()?.parse().ok()?;
    let text = bytes.get(end + 1..)?.get(..length)?;
    let whole = name == NAME && version == VERSION && checksum(turn, text) == crc;
    whole.then(|| serde_json::from_slice(text).ok().map(|ledger| (turn, ledger))).flatten()
}

fn written(turn: u64, ledger: &Ledger) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(ledger)?;
    let crc = checksum(turn, &text);
    let mut bytes = format!("{NAME} {VERSION} {turn} {} {crc}\n", text.len()).into_bytes();
    bytes.extend_from_slice(&text);
    if bytes.len() > PLACE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "more windows than the budget's file can hold",
        ));
    }
    Ok(bytes)
}

/// Of the turn too: a torn write must not make an old place the newer one.
fn checksum(turn: u64, text: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&turn.to_le_bytes());
    hasher.update(text);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn ask(holder: u64, wanted: u64) -> Ask {
        Ask {
            holder,
            limits: vec![Limit { length_ns: 300_000_000_000, requests: 10, told: None }],
            reserve_percent: 0,
            longest_request: TIMEOUT,
            under_way: 0,
            ended: 0,
            ended_ago_ns: 0,
            wanted,
            blocked_for: Duration::ZERO,
        }
    }

    #[test]
    fn processes_share_a_file_that_hides_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let nested = dir.path().join("a/b");
        let one = LedgerFile::open(&nested, "https://api", "s3cr3t", TIMEOUT).unwrap();
        let other = LedgerFile::open(&nested, "https://api", "s3cr3t", TIMEOUT).unwrap();
        assert_eq!(one.lease(&ask(1, 7)).unwrap(), Some(Leased::Granted(7)));
        assert_eq!(other.lease(&ask(2, 7)).unwrap(), Some(Leased::Granted(3)));
        assert!(matches!(other.lease(&ask(3, 7)).unwrap(), Some(Leased::After(_))));
        one.give_back(&ask(1, 0)).unwrap();
        assert_eq!(other.lease(&ask(3, 9)).unwrap(), Some(Leased::Granted(7)));
        let another = LedgerFile::open(&nested, "https://api", "other", TIMEOUT).unwrap();
        assert_eq!(another.lease(&ask(1, 99)).unwrap(), Some(Leased::Granted(10)));
        assert_ne!(one.path, another.path);
        let text = std::fs::read(&one.path).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("s3cr3t"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&one.path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::metadata(&nested).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_write_cut_short_leaves_the_ledger_as_it_was_before() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = LedgerFile::open(dir.path(), "https://api", "t", TIMEOUT).unwrap();
        // Opening it wrote the second place, this writes the first.
        ledger.give_back(&ask(1, 0)).unwrap();
        assert_eq!(ledger.lease(&ask(1, 4)).unwrap(), Some(Leased::Granted(4)));
        let before = std::fs::read(&ledger.path).unwrap();
        assert_eq!(ledger.lease(&ask(2, 4)).unwrap(), Some(Leased::Granted(4)));
        let after = std::fs::read(&ledger.path).unwrap();
        let changed = after.iter().zip(&before).filter(|(after, before)| after != before).count();
        assert!(changed > 100 && after[PLACE..] == before[PLACE..]);
        let bytes = written(4, &place(&after).unwrap().1).unwrap().len();
        for cut in 0..bytes {
            let torn = [&after[..cut], &before[cut..]].concat();
            std::fs::write(&ledger.path, &torn).unwrap();
            assert_eq!(ledger.lease(&ask(3, 99)).unwrap(), Some(Leased::Granted(6)), "cut at {cut}");
        }
    }

    #[test]
    fn garbage_counts_as_spent_for_a_window_after_what_may_be_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = LedgerFile::open(dir.path(), "https://api", "t", TIMEOUT).unwrap();
        for garbage in
            ["x", "rtk-export-budget 1 18446744073709551615 0 0\n", "rtk-export-budget 2 1 2 3\n{}"]
        {
            std::fs::write(&ledger.path, garbage).unwrap();
            let Some(Leased::After(wait)) = ledger.lease(&ask(1, 1)).unwrap() else { panic!("{garbage}") };
            assert!((331..=332).contains(&wait.as_secs()), "{wait:?}");
        }
    }

    #[test]
    fn whoever_has_the_lock_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = LedgerFile::open(dir.path(), "https://api", "t", TIMEOUT).unwrap();
        let file = ledger.file().unwrap();
        file.lock().unwrap();
        assert_eq!(ledger.lease(&ask(1, 1)).unwrap(), None);
        file.unlock().unwrap();
        assert_eq!(ledger.lease(&ask(1, 1)).unwrap(), Some(Leased::Granted(1)));
    }
}
