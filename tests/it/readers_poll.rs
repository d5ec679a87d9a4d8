//! Readers that poll while a dataset is synced: by the commit they see one state, always; a plain listing sees
//! what is documented, and no file torn.
//!
//! A bucket is read by the protocol of S3. Between two commits the sync waits for the readers, at the gate of the
//! API: each of them sees every commit, however fast it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rtk_export::sandbox::{Late, WorldOptions};
use serde_json::Value;

use crate::support::{Dataset, DayFile, Files, Nightly, S3, finished, parquet_rows, strace};

/// What opens, renames or removes files that others see.
const CALLS: &str = "?rename,?renameat,renameat2";

/// How often a reader that knows the latest state looks for another.
const LOOK: Duration = Duration::from_millis(4);

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A dataset of two weeks, of which some sessions change later.
fn two_weeks(s3: Option<S3>) -> Nightly {
    let nightly = Nightly::new(s3, |options| {
        options.world = WorldOptions {
            participants: 600,
            per_session: 4,
            days: 30,
            late: Some(Late { every: 2, by_ms: 60 * 3_600_000 }),
            ..WorldOptions::default()
        };
    });
    nightly.set(time("2026-10-15T02:00:00Z"));
    nightly.command("sync -o AT --state-dir state").ends(0);
    nightly
}

/// Three days later all of it is replaced, and three days are added, in so many commits.
const COMMITS: u64 = 6;
const AGAIN: &str = "sync -o AT --state-dir state --from 2026-10-01 --days-per-commit 3";

fn again(nightly: &Nightly) {
    nightly.set(time("2026-10-15T02:00:00Z") + TimeDelta::days(3));
}

/// Files of participants by day.
fn participants(files: &[DayFile]) -> BTreeMap<String, BTreeSet<String>> {
    let mut days: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.table == "participants") {
        days.entry(file.day.clone()).or_default().insert(file.path.clone());
    }
    days
}

/// The id of the export in a file's name.
fn export_id(path: &str) -> &str {
    let (_, name) = path.rsplit_once("/part-").unwrap();
    &name[..36]
}

/// Files of participants that a plain listing finds, by day, with the rows that they say they have.
fn listing(files: &Files) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut days: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for path in files.list("participants") {
        let day =
            path.strip_prefix("participants/session_date=").unwrap().split('/').next().unwrap().to_owned();
        let rows = parquet_rows(&path, files.get(&path).unwrap());
        days.entry(day).or_default().insert(path, rows);
    }
    days
}

/// The generation that a pointer tells.
fn generation(pointer: Option<Vec<u8>>) -> u64 {
    let pointer: Value = serde_json::from_slice(&pointer.unwrap()).unwrap();
    pointer["generation"].as_u64().unwrap()
}

/// The latest generation that a reader is known to have seen; any, once it reads no more.
#[derive(Clone, Default)]
struct Seen(Arc<AtomicU64>);

impl Seen {
    fn note(&self, generation: u64) {
        self.0.store(generation, Ordering::Release);
    }

    fn is_at(&self, generation: u64) -> bool {
        self.0.load(Ordering::Acquire) >= generation
    }
}

/// Whoever waits for a reader is let go when it ends, as it does if what it saw is wrong.
struct Reading<'a>(&'a Seen);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.note(u64::MAX);
    }
}

/// Reads by the commit, whenever there is another; gives the states that it saw.
fn read_by_commit(files: &Files, stop: &AtomicBool, at: &Seen) -> Vec<Dataset> {
    let _reading = Reading(at);
    let mut seen: Vec<Dataset> = Vec::new();
    while !stop.load(Ordering::Acquire) {
        if at.is_at(generation(files.get("dataset.json"))) {
            thread::sleep(LOOK);
            continue;
        }
        let dataset = Dataset::by(|path| files.get(path));
        let (last, now) = (seen.last().map_or(0, Dataset::generation), dataset.generation());
        assert!(now >= last, "{now} after {last}");
        dataset.rows_go_together();
        if now > last {
            seen.push(dataset);
        }
        at.note(now);
    }
    seen
}

/// Lists as fast as it can: no file that was seen goes, none is torn.
fn list(files: &Files, stop: &AtomicBool, at: &Seen) -> Vec<BTreeMap<String, BTreeMap<String, u64>>> {
    let _reading = Reading(at);
    let mut seen: Vec<BTreeMap<String, BTreeMap<String, u64>>> = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let generation = generation(files.get("dataset.json"));
        let now = listing(files);
        if let Some(before) = seen.last() {
            for (day, files) in before {
                let gone = files.keys().find(|file| !now[day].contains_key(*file));
                assert_eq!(gone, None, "it was part of the dataset lately");
            }
        }
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        at.note(generation);
    }
    seen
}

fn readers_meanwhile(nightly: &Nightly) {
    let files = Files::of(nightly);
    let first = nightly.dataset().generation();
    let before = participants(&nightly.dataset().files());
    let rows_before = listing(&files);
    again(nightly);
    let (stop, readers) = (AtomicBool::new(false), [Seen::default(), Seen::default()]);
    let have_seen = {
        let (root, readers) = (nightly.root(), readers.clone());
        move || {
            let now = generation(fs::read(root.join("dataset.json")).ok());
            readers.iter().all(|reader| reader.is_at(now))
        }
    };
    // The days of a commit are asked for when those of the one before are committed.
    nightly.gate.opens_while(have_seen.clone());
    let (seen, listings) = thread::scope(|scope| {
        let reader = scope.spawn(|| read_by_commit(&Files::of(nightly), &stop, &readers[0]));
        let lister = scope.spawn(|| list(&Files::of(nightly), &stop, &readers[1]));
        let synced =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| nightly.command(AGAIN).output()));
        while !have_seen() {
            thread::sleep(LOOK);
        }
        stop.store(true, Ordering::Release);
        let (seen, listings) = (reader.join().unwrap(), lister.join().unwrap());
        synced.unwrap().ended(0);
        (seen, listings)
    });
    nightly.gate.open();
    let generations: Vec<_> = seen.iter().map(Dataset::generation).collect();
    assert_eq!(generations, (first..=first + COMMITS).collect::<Vec<_>>(), "every state was seen");
    assert!(listings.len() as u64 > COMMITS, "each commit adds files: {}", listings.len());
    // Whoever began to read an earlier state can end it.
    for state in &seen {
        state.is_still_there(|path| files.get(path));
    }
    let after = participants(&nightly.dataset().files());
    assert!(after.len() > before.len(), "{after:?}");
    for day in after.keys() {
        let none = BTreeSet::new();
        let (old, new) = (before.get(day).unwrap_or(&none), &after[day]);
        assert!(old.is_disjoint(new), "{day} was made anew");
        for listing in &listings {
            let files: BTreeSet<_> = listing.get(day).into_iter().flat_map(BTreeMap::keys).cloned().collect();
            assert!(files.is_superset(old) && files.is_subset(&(old | new)), "{day}: {files:?}");
            let rows = |files: &BTreeMap<String, u64>| files.values().sum::<u64>();
            let least = rows_before.get(day).map_or(0, rows);
            assert!(listing.get(day).map_or(0, rows) >= least, "{day} has fewer rows than before");
        }
        // All of both are there now; the current ones are those of the greatest export.
        let listed = listing(&files).remove(day).unwrap();
        assert_eq!(listed.keys().cloned().collect::<BTreeSet<_>>(), old | new);
        let greatest = listed.keys().map(|path| export_id(path)).max().unwrap();
        let of_greatest = listed.keys().filter(|path| export_id(path) == greatest).cloned();
        assert_eq!(&of_greatest.collect::<BTreeSet<_>>(), new);
    }
    nightly.command("vacuum AT --grace 0s").ends(0);
    let left: BTreeMap<_, BTreeSet<_>> =
        listing(&files).into_iter().map(|(day, files)| (day, files.into_keys().collect())).collect();
    assert_eq!(left, after);
    nightly.dataset().rows_go_together();
}

#[test]
fn readers_of_a_directory_see_one_state_at_a_time() {
    readers_meanwhile(&two_weeks(None));
}

#[test]
fn readers_of_a_bucket_see_one_state_at_a_time() {
    readers_meanwhile(&two_weeks(Some(S3::start())));
}

/// A sync of three days that is killed at any rename: each file, the commit, the pointer, the log.
#[test]
fn killed_at_any_rename_readers_see_the_old_state_or_the_new() {
    let nightly = two_weeks(None);
    let (old, begun) = (nightly.dataset().generation(), nightly.place.path("begun"));
    again(&nightly);
    fs::rename(nightly.root(), &begun).unwrap();
    let sync = "sync -o AT --from 2026-10-13 --to 2026-10-16";
    let mut seen = BTreeSet::new();
    for call in 1.. {
        let Some(strace) = strace(&format!("-e trace={CALLS} -e inject={CALLS}:signal=SIGKILL:when={call}"))
        else {
            return;
        };
        let copy = |from, to| finished(std::process::Command::new("cp").arg("-a").args([from, to])).unwrap();
        copy(&begun, &nightly.root());
        let killed = nightly.shell(&format!("exec {strace} rtk-export {sync}")).output();
        let dataset = nightly.dataset();
        dataset.rows_go_together();
        seen.insert(dataset.generation() - old);
        if killed.code == Some(0) {
            break;
        }
        assert_eq!(killed.code, None, "at rename {call}: {killed}");
        nightly.command(sync).ends(0);
        let ended = nightly.dataset();
        assert_eq!(ended.generation(), old + 1, "at rename {call}");
        ended.rows_go_together();
        fs::remove_dir_all(nightly.root()).unwrap();
    }
    assert_eq!(seen, BTreeSet::from([0, 1]), "both were seen");
}

/// The same in a bucket: killed when so many objects were written.
#[test]
fn killed_after_any_put_readers_see_the_old_state_or_the_new() {
    let nightly = two_weeks(Some(S3::start()));
    let s3 = nightly.s3.as_ref().unwrap();
    let mut now = time("2026-10-18T02:00:00Z");
    let sync = "sync -o AT --state-dir state --from 2026-10-13 --to 2026-10-15";
    let puts = || s3.asked().iter().filter(|asked| asked.method == "PUT").count();
    let mut killed = 0;
    for put in 1.. {
        now += TimeDelta::hours(1);
        nightly.set(now);
        let (before, old) = (puts(), nightly.dataset().generation());
        let output = nightly.command(sync).start().until_or_ended(|| puts() >= before + put).kill();
        let dataset = nightly.dataset();
        dataset.rows_go_together();
        assert!((old..=old + 1).contains(&dataset.generation()));
        if output.code == Some(0) {
            break;
        }
        killed += 1;
        nightly.age_lock();
        nightly.command(sync).ends(0);
        nightly.dataset().rows_go_together();
    }
    assert!(killed > 8, "{killed}: two days have eight files");
    nightly.command("vacuum AT --grace 0s").ends(0);
    assert_eq!(Dataset::in_folders(&nightly.root()), nightly.dataset().paths());
    nightly.command("verify AT --offline").ends(0);
}
