//! A commit is stopped at every step, and another comes first: in a directory and in a store.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::config::Anew;
use crate::error::{Error, Result};
use crate::place::{Found, Key, LARGEST_READ, Local, Place};

/// What every file of an export has in it.
fn content(path: &str) -> String {
    format!("the bytes of {path}")
}

/// An export whose files are what [`content`] says.
fn staged(number: u64, as_of: i64, range: (Option<u64>, u64), found: &[u64]) -> Made {
    let mut made = made(number, as_of, range, found);
    for file in made.days.values_mut().flat_map(|entry| &mut entry.files) {
        let bytes = content(&file.path);
        (file.bytes, file.sha256) = (bytes.len() as u64, crate::files::sha256_of(bytes.as_bytes()));
    }
    made
}

fn stage(made: &Made, dir: &Path) {
    for file in made.days.values().flat_map(|entry| &entry.files) {
        let path = dir.join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content(&file.path)).unwrap();
    }
}

/// Commits with what it would be told.
fn commit_at(
    place: &Place,
    made: &Made,
    anew: Anew,
    observe: &mut (dyn FnMut(&Step) -> io::Result<()> + Send),
) -> Result<Committed> {
    // A thread and a runtime of its own, so that one can commit while another does.
    std::thread::scope(|scope| {
        let committing = scope.spawn(move || {
            let staging = tempfile::tempdir().unwrap();
            stage(made, staging.path());
            let committing = Committing {
                place,
                lock: None,
                made,
                staging: staging.path(),
                base_url: "https://api.example",
                empty: EmptyDays::Kept,
                anew,
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(super::super::commit(committing, observe))
        });
        committing.join().unwrap()
    })
}

#[expect(clippy::unnecessary_wraps, reason = "it is an observer")]
fn go_on(_: &Step) -> io::Result<()> {
    Ok(())
}

fn committed(place: &Place, made: &Made) -> Committed {
    commit_at(place, made, Anew::LeftOut, &mut go_on).unwrap()
}

fn read_bytes(place: &Place, key: &str) -> Option<Bytes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(place.read(&Key::new(key).unwrap())).unwrap() {
        Found::There(object) => Some(object.bytes),
        Found::Missing => None,
        Found::Hidden(refusal) => panic!("{refusal}"),
    }
}

fn put(place: &Place, key: &str, bytes: Bytes) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(place.put(&Key::new(key).unwrap(), bytes)).unwrap();
}

fn current(place: &Place) -> Result<Option<Generation>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(super::super::read(place))?.known(Anew::LeftOut).map_err(Error::Dataset)
}

/// The dataset as a reader has it: every file that it names is there, and whole.
fn seen(place: &Place) -> Option<String> {
    let generation = current(place).unwrap()?;
    for file in generation.commit.files() {
        assert_eq!(read_bytes(place, &file.path).unwrap(), content(&file.path), "{}", file.path);
    }
    Some(shown(&generation))
}

/// A directory and a store, each with nothing in it.
fn places() -> Vec<(Place, Option<tempfile::TempDir>)> {
    let dir = tempfile::tempdir().unwrap();
    vec![(Place::Local(Local::new(dir.path())), Some(dir)), (Place::in_memory(), None)]
}

#[test]
fn the_order_of_steps() {
    for (place, _dir) in places() {
        let made = staged(1, 30, (Some(0), 1), &[0]);
        let mut steps = Vec::new();
        let mut observe = |step: &Step| {
            steps.push(step.clone());
            Ok(())
        };
        commit_at(&place, &made, Anew::LeftOut, &mut observe).unwrap();
        let path = |table| partition_path(table, day(0), &id(1), 0);
        let commit = current(&place).unwrap().unwrap().pointer.commit.path;
        let expected = [
            Step::Read,
            Step::Upload(path("participants")),
            Step::Upload(path("sessions")),
            Step::PutCommit(commit),
            Step::SwapPointer,
        ];
        assert_eq!(steps, expected);
        assert_eq!(seen(&place).unwrap(), "01:1");
    }
}

#[test]
fn stopped_at_any_step_the_old_state_stands_and_the_same_again_ends_well() {
    for step in 0..8 {
        for (place, _dir) in places() {
            committed(&place, &staged(1, 30, (Some(0), 1), &[0, 1]));
            let made = staged(2, 60, (Some(1), 2), &[1, 2]);
            let mut count = 0;
            let mut observe = |_: &Step| {
                count += 1;
                if count > step { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            };
            let stopped = commit_at(&place, &made, Anew::LeftOut, &mut observe);
            if stopped.is_err() {
                assert_eq!(seen(&place).unwrap(), "01:1 02:1", "{step}");
            } else {
                assert_eq!(step, 7);
            }
            let again = committed(&place, &made);
            assert_eq!(again.is_new, stopped.is_err());
            assert_eq!(seen(&place).unwrap(), "01:1 02:2 03:2", "{step}");
            assert_eq!(again.generation.commit.generation, 2);
            let retired: Vec<_> =
                again.generation.commit.retired.iter().map(|retired| retired.path.clone()).collect();
            assert_eq!(
                retired,
                ["participants", "sessions"].map(|table| partition_path(table, day(1), &id(1), 0))
            );
        }
    }
}

#[test]
fn two_that_commit_at_once_both_do() {
    for is_first in [true, false] {
        for (place, _dir) in places() {
            if !is_first {
                committed(&place, &staged(1, 10, (Some(0), 3), &[0, 3]));
            }
            let one = staged(2, 30, (Some(0), 1), &[0, 1]);
            // Later at day 1, and first to commit.
            let other = staged(3, 31, (Some(1), 2), &[1, 2]);
            let mut has_come = false;
            let mut uploads = BTreeSet::new();
            let mut observe = |step: &Step| {
                if let Step::Upload(path) = step {
                    assert!(uploads.insert(path.clone()), "{path} twice");
                }
                if *step == Step::SwapPointer && !has_come {
                    has_come = true;
                    committed(&place, &other);
                }
                Ok(())
            };
            let both = commit_at(&place, &one, Anew::LeftOut, &mut observe).unwrap();
            let rest = if is_first { "" } else { " 04:1" };
            assert_eq!(seen(&place).unwrap(), format!("01:2 02:3 03:3{rest}"));
            assert_eq!(both.generation.commit.generation, if is_first { 2 } else { 3 });
        }
    }
}

#[test]
fn whoever_is_outrun_each_time_gives_up_with_nothing_lost() {
    for (place, _dir) in places() {
        let mut number = 100;
        let mut observe = |step: &Step| {
            if *step == Step::SwapPointer {
                number += 1;
                committed(&place, &staged(number, 40, (Some(5), 5), &[5]));
            }
            Ok(())
        };
        let made = staged(1, 30, (Some(0), 0), &[0]);
        let error = commit_at(&place, &made, Anew::LeftOut, &mut observe).unwrap_err();
        assert!(matches!(&error, Error::Dataset(DatasetError::Outrun { tries: 5, .. })), "{error}");
        assert_eq!(error.class().exit_code(), 6);
        committed(&place, &made);
        assert_eq!(seen(&place).unwrap(), "01:1 06:5");
    }
}

#[test]
fn nothing_new_is_no_commit() {
    for (place, _dir) in places() {
        committed(&place, &staged(1, 30, (Some(0), 1), &[0, 1]));
        let late = committed(&place, &staged(2, 20, (Some(0), 1), &[0, 1]));
        assert!(!late.is_new);
        assert_eq!(late.generation.pointer.generation, 1);
        let path = partition_path("participants", day(0), &id(2), 0);
        assert_eq!(read_bytes(&place, &path), None, "it was uploaded in vain");
    }
}

#[test]
fn another_identity_is_refused_unless_it_is_wanted_and_takes_no_day_away_unasked() {
    for (place, _dir) in places() {
        committed(&place, &staged(1, 30, (Some(0), 1), &[0, 1]));
        let paris = Identity { time_zone: "Europe/Paris".parse().unwrap(), ..identity() };
        let other = Made { identity: paris, ..staged(2, 60, (Some(0), 1), &[0, 1]) };
        let refused = commit_at(&place, &other, Anew::LeftOut, &mut go_on).unwrap_err();
        assert!(matches!(refused, Error::Dataset(DatasetError::OtherZone { .. })), "{refused}");

        let fewer = Made { identity: other.identity.clone(), ..staged(3, 60, (Some(1), 1), &[1]) };
        let lost = commit_at(&place, &fewer, Anew::Wanted, &mut go_on).unwrap_err();
        assert!(
            matches!(&lost, Error::Dataset(DatasetError::DaysLost { days: 1, first, .. }) if *first == day(0))
        );
        assert_eq!(seen(&place).unwrap(), "01:1 02:1");

        commit_at(&place, &other, Anew::Wanted, &mut go_on).unwrap();
        assert_eq!(seen(&place).unwrap(), "01:2 02:2");
        // Whoever still has the old settings is refused now, also while it commits.
        let old = commit_at(&place, &staged(4, 70, (Some(0), 1), &[0]), Anew::LeftOut, &mut go_on);
        assert!(matches!(old.unwrap_err(), Error::Dataset(DatasetError::OtherZone { .. })));
    }
}

#[test]
fn what_is_damaged_is_refused_and_made_anew() {
    for (place, _dir) in places() {
        let put = |key: &str, bytes: &'static str| put(&place, key, bytes.into());
        let first = committed(&place, &staged(1, 30, (Some(0), 0), &[0]));
        put(&first.generation.pointer.commit.path, "{}");
        assert!(matches!(current(&place), Err(Error::Dataset(DatasetError::Damaged { .. }))));
        put(POINTER, "{\"format\": ");
        assert!(matches!(current(&place), Err(Error::Dataset(DatasetError::Damaged { .. }))));
        let made = staged(2, 60, (Some(0), 0), &[0]);
        let refused = commit_at(&place, &made, Anew::LeftOut, &mut go_on).unwrap_err();
        assert_eq!(refused.class().exit_code(), 1);
        commit_at(&place, &made, Anew::Wanted, &mut go_on).unwrap();
        assert_eq!(seen(&place).unwrap(), "01:2");
    }
}

/// Nobody reads what is so large: neither a commit file nor a pointer.
#[test]
fn what_is_too_large_to_be_read_is_damaged_and_made_anew() {
    let large = || Bytes::from(vec![0; usize::try_from(LARGEST_READ).unwrap() + 1]);
    for (place, _dir) in places() {
        let first = committed(&place, &staged(1, 30, (Some(0), 0), &[0]));
        for (number, name) in [(2, first.generation.pointer.commit.path.as_str()), (3, POINTER)] {
            put(&place, name, large());
            let refused = current(&place).unwrap_err();
            let cause = std::error::Error::source(&refused).unwrap().to_string();
            assert!(cause.starts_with("it has 67108865 bytes, more than"), "{refused}: {cause}");
            assert_eq!(refused.class().exit_code(), 1);
            let made = staged(number, 60, (Some(0), 0), &[0]);
            let refused = commit_at(&place, &made, Anew::LeftOut, &mut go_on).unwrap_err();
            assert!(matches!(refused, Error::Dataset(DatasetError::Damaged { .. })), "{refused}");
            commit_at(&place, &made, Anew::Wanted, &mut go_on).unwrap();
            assert_eq!(seen(&place).unwrap(), format!("01:{number}"));
        }
    }
}

/// It would be the end of the dataset: `vacuum` and `--anew` read the commit too.
#[test]
fn a_commit_that_could_not_be_read_is_not_made() {
    let (place, _dir) = places().remove(0);
    committed(&place, &staged(1, 30, (Some(0), 1), &[0, 1]));
    let mut made = staged(2, 60, (Some(1), 1), &[1]);
    made.warnings[0].example = Some("x".repeat(usize::try_from(LARGEST_READ).unwrap()));
    let mut steps = Vec::new();
    let mut observe = |step: &Step| {
        steps.push(step.clone());
        Ok(())
    };
    let refused = commit_at(&place, &made, Anew::LeftOut, &mut observe).unwrap_err();
    assert!(matches!(&refused, Error::Dataset(DatasetError::CommitTooLarge { .. })), "{refused}");
    assert_eq!(refused.class().exit_code(), 1);
    assert!(!steps.iter().any(|step| matches!(step, Step::PutCommit(_) | Step::SwapPointer)), "{steps:?}");
    assert_eq!(seen(&place).unwrap(), "01:1 02:1");
    // With less in it, the same goes on.
    made.warnings.clear();
    committed(&place, &made);
    assert_eq!(seen(&place).unwrap(), "01:1 02:2");
}

#[test]
fn an_export_is_no_dataset() {
    for (place, _dir) in places() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(current(&place).unwrap(), None);
        runtime.block_on(place.put(&Key::new("manifest.json").unwrap(), Bytes::from("{}"))).unwrap();
        let refused = current(&place).unwrap_err();
        assert!(matches!(refused, Error::Dataset(DatasetError::IsExport { .. })), "{refused}");
    }
}

#[test]
fn a_directory_of_other_things_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    refuse_foreign(&dir.path().join("not there")).unwrap();
    for ours in [".rtk-export", "_commits", "participants", "call_stats"] {
        fs::create_dir(dir.path().join(ours)).unwrap();
    }
    refuse_foreign(dir.path()).unwrap();
    fs::write(dir.path().join("thesis.docx"), "mine").unwrap();
    assert!(
        matches!(refuse_foreign(dir.path()), Err(Error::OutputForeign { found, .. }) if found == "thesis.docx")
    );
    // Beside a dataset anything may lie.
    fs::write(dir.path().join(POINTER), "{}").unwrap();
    refuse_foreign(dir.path()).unwrap();
}
