//! What a vacuum leaves, in a directory.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::error::{DatasetError, Error};
use crate::place::{Key, Local, Place, Swapped};
use crate::tables::schema::SCHEMA_VERSION;
use vacuum::{Amount, Sweep};

const NOW: i64 = 24 * 60;

/// A dataset in a directory.
struct Dataset {
    dir: TempDir,
    place: Place,
}

impl Dataset {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Local(Local::new(dir.path()));
        Self { dir, place }
    }

    /// Commits an export, whose files hold their own paths.
    async fn commit(&self, made: &Made, at: i64) {
        let base = current(&self.place).await.unwrap();
        let merged = merge(base.as_ref().map(|base| &base.0), made, hour(at), EmptyDays::Kept);
        let next = merged.next.unwrap();
        for file in &next.files {
            self.put(&file.path).await;
        }
        let commit = next.commit.to_json().unwrap();
        let pointer = Pointer::to(&next, made.identity.clone(), "https://api".into(), commit.as_bytes());
        self.place.put(&key(&pointer.commit.path), commit.into()).await.unwrap();
        let json = pointer.to_json().unwrap().into();
        match base {
            Some(base) => {
                let swapped = self.place.swap(&key(POINTER), json, &base.1).await.unwrap();
                assert!(matches!(swapped, Swapped::Done(_)));
            }
            None => drop(self.place.create(&key(POINTER), json).await.unwrap()),
        }
    }

    async fn put(&self, path: &str) {
        self.place.put(&key(path), path.to_owned().into()).await.unwrap();
    }

    async fn generation(&self) -> Generation {
        current(&self.place).await.unwrap().unwrap().0
    }

    async fn find(&self, grace: TimeDelta) -> Sweep {
        Sweep::find(&self.place, &self.generation().await, grace).await.unwrap()
    }

    async fn vacuum(&self, grace: TimeDelta) -> Option<u64> {
        let sweep = self.find(grace).await;
        sweep.delete(&self.place).await.unwrap();
        sweep.commit(&self.place, &id(99), hour(NOW), async || Ok(())).await.unwrap()
    }

    /// Makes the files of a commit as old as they would be by the disk's clock.
    fn age_commit(&self, number: u64, at: i64) {
        let is_of = |path: &String| path.starts_with(&format!("{COMMITS}/{number:08}-"));
        for path in self.files().into_iter().filter(is_of) {
            let file = fs::File::options().append(true).open(self.dir.path().join(path)).unwrap();
            file.set_modified(hour(at).0.into()).unwrap();
        }
    }

    /// All files but those of the lock, by path.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(self.dir.path()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.retain(|path| !path.starts_with(".rtk-export/"));
        found.sort_unstable();
        found
    }

    /// The files that the current commit names, itself and the pointer.
    async fn current_files(&self) -> Vec<String> {
        let Generation { pointer, commit } = self.generation().await;
        let files = commit.files().map(|file| file.path.clone());
        let mut all: Vec<_> = files.chain([pointer.commit.path.clone(), POINTER.to_owned()]).collect();
        all.sort_unstable();
        all
    }
}

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

/// Three days, of which the second is made anew.
async fn two_commits() -> Dataset {
    let dataset = Dataset::new();
    dataset.commit(&made(1, 1, (Some(0), 2), &[0, 1, 2]), 1).await;
    dataset.commit(&made(2, 2, (Some(1), 1), &[1]), 2).await;
    dataset
}

#[tokio::test]
async fn what_is_left_is_what_the_commit_names() {
    let dataset = two_commits().await;
    let is_old = |path: &String| path.starts_with(&format!("{COMMITS}/00000001-"));
    let old_commit = dataset.files().into_iter().find(is_old).unwrap();
    let stray = partition_path("sessions", day(1), &id(7), 0);
    let lost_commit = format!("{COMMITS}/00000003-{}-0123456789abcdef.json", id(7));
    let foreign =
        ["participants/notes.txt", "sessions/session_date=2026-10-02/part-0.parquet", "_commits/readme"];
    for path in [stray.as_str(), &lost_commit].into_iter().chain(foreign) {
        dataset.put(path).await;
    }
    let before = dataset.files();

    // All of it is new, whatever the clock of whoever committed.
    let sweep = dataset.find(TimeDelta::hours(1)).await;
    assert!(sweep.retired.is_empty(), "{sweep:?}");
    assert_eq!(sweep.kept, Amount { files: 2, bytes: 202 });
    dataset.age_commit(2, 2);
    let sweep = dataset.find(TimeDelta::hours(1)).await;
    let retired: Vec<_> = ["participants", "sessions"].map(|t| partition_path(t, day(1), &id(1), 0)).into();
    assert_eq!(
        sweep.retired.keys().map(Key::as_str).collect::<Vec<_>>(),
        retired,
        "they were replaced in October"
    );
    assert!(sweep.uncommitted.is_empty() && sweep.commits.is_empty(), "{sweep:?}");
    assert_eq!(dataset.files(), before, "nothing is gone yet");

    let sweep = dataset.find(TimeDelta::zero()).await;
    assert_eq!(sweep.uncommitted.keys().map(Key::as_str).collect::<Vec<_>>(), [stray.as_str()]);
    assert_eq!(sweep.commits.keys().map(Key::as_str).collect::<Vec<_>>(), [&old_commit, &lost_commit]);
    assert_eq!(sweep.kept, Amount::default());
    assert_eq!(dataset.vacuum(TimeDelta::zero()).await, Some(3));
    let left = dataset.files();
    // The commit that this one is made on goes with the next.
    assert_eq!(dataset.vacuum(TimeDelta::zero()).await, None);
    assert_eq!(left.len(), dataset.files().len() + 1);
    let mut expected = dataset.current_files().await;
    expected.extend(foreign.map(str::to_owned));
    expected.sort_unstable();
    assert_eq!(dataset.files(), expected);
    let Generation { pointer, commit } = dataset.generation().await;
    assert_eq!((commit.generation, commit.parent, commit.retired.len()), (3, Some(2), 0));
    assert_eq!((pointer.export_id, pointer.state.synced_until), (id(99), hour(1)));
}

#[tokio::test]
async fn what_was_replaced_lately_stays() {
    let dataset = two_commits().await;
    dataset.age_commit(2, 2);
    let lately = crate::clock::now() - hour(0).0 - TimeDelta::hours(3);
    dataset.commit(&made(3, lately.num_hours(), (Some(2), 2), &[2]), lately.num_hours()).await;
    let sweep = dataset.find(TimeDelta::days(1)).await;
    assert_eq!(sweep.retired.len(), 2, "those of the second commit: {sweep:?}");
    assert_eq!(sweep.kept, Amount { files: 2, bytes: 202 });
    // The first commit was replaced a moment ago, by the clock of the disk.
    assert!(sweep.commits.is_empty());
    assert_eq!(dataset.vacuum(TimeDelta::days(1)).await, Some(4));
    let kept: Vec<_> = dataset.generation().await.commit.retired.into_iter().map(|of| of.path).collect();
    assert_eq!(kept, ["participants", "sessions"].map(|table| partition_path(table, day(2), &id(1), 0)));
}

/// Of a commit file that went with an earlier vacuum nobody asks how old it is.
#[tokio::test]
async fn what_was_replaced_by_a_commit_that_is_gone_goes() {
    let dataset = two_commits().await;
    dataset.commit(&made(3, 3, (Some(5), 5), &[5]), 3).await;
    let is_second = |path: &String| path.starts_with(&format!("{COMMITS}/00000002-"));
    let second = dataset.files().into_iter().find(is_second).unwrap();
    assert_eq!(dataset.find(TimeDelta::hours(1)).await.retired.len(), 0);
    fs::remove_file(dataset.dir.path().join(second)).unwrap();
    assert_eq!(dataset.find(TimeDelta::hours(1)).await.retired.len(), 2);
}

#[tokio::test]
async fn one_that_was_stopped_is_finished_by_the_next() {
    let dataset = two_commits().await;
    dataset.find(TimeDelta::zero()).await.delete(&dataset.place).await.unwrap();
    assert_eq!(dataset.generation().await.commit.retired.len(), 2, "their names are there still");
    assert_eq!(dataset.vacuum(TimeDelta::zero()).await, Some(3));
    assert_eq!(dataset.generation().await.commit.retired.len(), 0);
}

#[tokio::test]
async fn others_that_commit_meanwhile_lose_nothing() {
    let dataset = two_commits().await;
    let sweep = dataset.find(TimeDelta::zero()).await;
    let other = made(3, 3, (Some(2), 3), &[2, 3]);
    let held = async || {
        if dataset.generation().await.pointer.generation == 2 {
            dataset.commit(&other, 3).await;
        }
        Ok(())
    };
    assert_eq!(sweep.commit(&dataset.place, &id(99), hour(NOW), held).await.unwrap(), Some(4));
    let commit = dataset.generation().await.commit;
    assert_eq!(
        commit.days.values().map(|entry| &entry.export_id).collect::<Vec<_>>(),
        [&id(1), &id(2), &id(3), &id(3)]
    );
    let retired: Vec<_> = commit.retired.into_iter().map(|retired| retired.path).collect();
    assert_eq!(retired, ["participants", "sessions"].map(|table| partition_path(table, day(2), &id(1), 0)));
}

#[tokio::test]
async fn a_lock_that_is_lost_stops_it_before_the_commit() {
    let dataset = two_commits().await;
    let sweep = dataset.find(TimeDelta::zero()).await;
    let lost = async || Err(Error::StageEnded { stage: "lock" });
    sweep.commit(&dataset.place, &id(99), hour(NOW), lost).await.unwrap_err();
    assert_eq!(dataset.generation().await.pointer.generation, 2);
}

#[tokio::test]
async fn what_is_published_is_told() {
    let dataset = Dataset::new();
    let error = published(&dataset.place).await.unwrap_err();
    assert!(matches!(error, Error::NotAnExport { .. }), "{error}");
    let own =
        |made: Made| Made { identity: Identity { schema_version: SCHEMA_VERSION, ..identity() }, ..made };
    dataset.commit(&own(made(1, 1, (Some(0), 1), &[0, 1])), 1).await;
    let found = published(&dataset.place).await.unwrap();
    assert_eq!(found.manifest.totals.participants, 4);
    assert_eq!(found.dataset, Some(dataset.generation().await));

    let other = Dataset::new();
    let old = Identity { schema_version: SCHEMA_VERSION + 1, ..identity() };
    other.commit(&Made { identity: old, ..made(1, 1, (Some(0), 1), &[0]) }, 1).await;
    let error = published(&other.place).await.unwrap_err();
    assert!(matches!(error, Error::Dataset(DatasetError::OtherSchema { .. })), "{error}");

    // A pointer without its commit is no dataset.
    let commit = dataset.generation().await.pointer.commit.path;
    fs::remove_file(Path::new(dataset.dir.path()).join(&commit)).unwrap();
    let error = published(&dataset.place).await.unwrap_err().to_string();
    assert!(error.ends_with(&format!("{commit} is damaged")), "{error}");
}
