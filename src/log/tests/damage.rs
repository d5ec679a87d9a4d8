//! Damage that no crash does: it is told, and costs nothing that stands behind it.

use super::*;
use crate::log::scan::scan;

/// A log of replies in blocks of their own, and where each of its blocks begins.
fn log_of(replies: u8) -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>, Vec<u64>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    write(&path, 2, (0..replies).map(found));
    let (blocks, _) = scan(&path, &fs::File::open(&path).unwrap(), true).unwrap();
    let bytes = fs::read(&path).unwrap();
    (dir, path, bytes, blocks.into_iter().map(|block| block.start).collect())
}

/// Opens a log that is refused; it must stay as it is.
fn refusal(path: &Path, bytes: &[u8]) -> Error {
    fs::write(path, bytes).unwrap();
    let error = open_unlocked_or_not(path).unwrap_err();
    assert!(fs::read(path).unwrap() == bytes, "something was cut: {error}");
    let read = Log::open(path, true).unwrap_err();
    assert_eq!(read.to_string(), error.to_string());
    error
}

#[test]
fn a_damaged_byte_before_a_whole_block_is_an_error_and_nothing_is_cut() {
    let (_dir, path, bytes, starts) = log_of(4);
    let (last, before) = starts.split_last().unwrap();
    for (byte, _) in bytes.iter().enumerate().take(usize::try_from(*last).unwrap()) {
        let mut damaged = bytes.clone();
        damaged[byte] ^= 0x10;
        let block = before.iter().rfind(|start| **start <= byte as u64).unwrap();
        let error = refusal(&path, &damaged);
        assert!(
            matches!(error, Error::LogDamaged { offset, .. } if offset == *block),
            "byte {byte}: {error}"
        );
    }
    // Whole pages too.
    let hole = usize::try_from(before[1]).unwrap()..usize::try_from(before[3]).unwrap();
    for with in [0, 0xA5] {
        let mut damaged = bytes.clone();
        damaged[hole.clone()].fill(with);
        let error = refusal(&path, &damaged);
        assert!(matches!(error, Error::LogDamaged { offset, .. } if offset == before[1]), "{error}");
    }
}

#[test]
fn damage_in_the_last_block_cannot_be_told_from_a_torn_tail() {
    let (_dir, path, bytes, starts) = log_of(3);
    let last = *starts.last().unwrap();
    for byte in usize::try_from(last).unwrap()..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[byte] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match open_unlocked_or_not(&path) {
            Ok(Opened::Begun(..)) => assert_eq!(fs::metadata(&path).unwrap().len(), last),
            // Its version says otherwise.
            Err(Error::LogOfAnotherVersion { .. }) => assert_eq!(byte as u64, last + 12),
            other => panic!("byte {byte}: {other:?}"),
        }
    }
}

/// What is searched for may lie across the edge of two windows.
#[test]
fn a_whole_block_is_found_at_any_distance() {
    let (_dir, path, bytes, starts) = log_of(1);
    let reply = usize::try_from(starts[1]).unwrap();
    for distance in (65_530..65_550).chain([1, 7, 200_000]) {
        // It holds what a block begins with, too.
        let mut garbage = b"[*M\x18[*M\x18\x60\0\0\0RTKX".repeat(distance / 20 + 1);
        garbage.truncate(distance);
        let damaged = [&bytes[..reply], &garbage, &bytes[reply..]].concat();
        let error = refusal(&path, &damaged);
        assert!(
            matches!(error, Error::LogDamaged { offset, .. } if offset == starts[1]),
            "{distance}: {error}"
        );
    }
}

#[test]
fn what_never_was_a_log_of_this_version_is_left_alone() {
    let (_dir, path, bytes, starts) = log_of(1);
    let opening = usize::try_from(starts[1]).unwrap();
    let mut newer = bytes[..opening].to_vec();
    newer[12] = 2;
    let mut newer_behind = bytes.clone();
    newer_behind[opening + 12] = 2;
    let foreign: [&[u8]; 6] = [
        &newer,
        &newer_behind,
        b"years of work\n",
        b"\x28\xb5\x2f\xfd\x04",
        b"x",
        // Replies without the opening that they answer.
        &bytes[opening..],
    ];
    for bytes in foreign {
        let error = refusal(&path, bytes);
        assert!(matches!(error, Error::LogOfAnotherVersion { .. }), "{error}");
    }
}

#[test]
fn an_opening_that_was_never_written_whole_is_begun_anew() {
    let (_dir, path, bytes, starts) = log_of(1);
    let opening = usize::try_from(starts[1]).unwrap();
    let garbage = vec![0xA5; 40_000];
    let torn: [&[u8]; 6] = [
        b"",
        &[0; 5],
        &[0; 10_000],
        &[&bytes[..2], &[0; 5_000][..]].concat(),
        &[&bytes[..opening / 2], &garbage[..]].concat(),
        &bytes[..opening - 1],
    ];
    for bytes in torn {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(open_unlocked(&path), Opened::Empty(_)), "{} bytes", bytes.len());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
}

#[test]
fn readers_lock_a_log_together_and_change_nothing() {
    let (_dir, path, bytes, _) = log_of(2);
    let torn = [&bytes[..], b"torn"].concat();
    fs::write(&path, &torn).unwrap();
    let readers = [ReadLock::take(&path).unwrap(), ReadLock::take(&path).unwrap()];
    assert_eq!(bodies(&Log::open(&path, true).unwrap().unwrap()).len(), 2);
    assert!(matches!(open(&path), Err(Error::OutputBusy { .. })));
    assert!(fs::read(&path).unwrap() == torn);
    drop(readers);
    let appending = open_unlocked(&path);
    assert!(matches!(ReadLock::take(&path), Err(Error::OutputBusy { .. })));
    drop(appending);
}
