//! Publishing is stopped at every step, and must end well whoever goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::files::{StagedFile, sha256};
use crate::manifest::{Api, Failures, Requests, Source, TableFiles, Time, Tool, Totals};
use crate::tables::schema::SCHEMA_VERSION;

/// A file's path and text.
type Files = &'static [(&'static str, &'static str)];

const OLD: Files = &[
    ("participants/part-00000.parquet", "old 0"),
    ("participants/part-00001.parquet", "old 1"),
    ("labels/part-00000.parquet", "old labels"),
    ("rollups/minutes_by_day.parquet", "old day"),
    ("rollups/of_a_user_query.parquet", "old query"),
];
const NEW: Files = &[
    ("participants/part-00000.parquet", "new 0"),
    ("labels/part-00000.csv", "new labels"),
    ("rollups/minutes_by_day.csv", "new day"),
];
/// What is not the tool's.
const FOREIGN: Files = &[
    ("notes.txt", "mine"),
    ("participants/part-0.parquet", "mine"),
    ("participants/part-00000.parquet.bak", "mine"),
    ("rollups/mine.csv", "mine"),
    ("mine/part-00000.parquet", "mine"),
];

fn write(dir: &Path, files: Files) {
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn stage(output: &Path, files: Files) -> (Staging, Manifest) {
    let staging = Staging::create(output).unwrap();
    write(staging.dir(), files);
    let staged: Vec<StagedFile> = files
        .iter()
        .map(|(path, _)| {
            let staged = staging.dir().join(path);
            let (bytes, sha256) = sha256(&staged).unwrap();
            let table = folder(path).unwrap().to_owned();
            StagedFile { table, path: (*path).to_owned(), staged, rows: 1, bytes, sha256 }
        })
        .collect();
    let time = Time::try_from("2026-11-22T10:51:28Z".to_owned()).unwrap();
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        export_id: files[0].1.to_owned(),
        started_at: time,
        finished_at: time,
        source: Source::default(),
        api: Api::default(),
        requests: Requests::default(),
        tables: TableFiles::of(&staged),
        totals: Totals::default(),
        failures: Failures::default(),
        warnings: Vec::new(),
    };
    (staging, manifest)
}

#[expect(clippy::unnecessary_wraps, reason = "it is an observer")]
fn go_on(_: &Step) -> io::Result<()> {
    Ok(())
}

/// An output with the old export and what is not the tool's.
fn old_export() -> tempfile::TempDir {
    let output = tempfile::tempdir().unwrap();
    write(output.path(), FOREIGN);
    let (staging, manifest) = stage(output.path(), OLD);
    publish(&staging, manifest, &mut go_on).unwrap();
    output
}

/// Every file of the output outside the tool's own directory, but the manifest.
fn visible(output: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut dirs: Vec<PathBuf> = vec![output.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(output).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                if name != ".rtk-export" {
                    dirs.push(path);
                }
            } else if name != manifest::FILE_NAME {
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

fn expected(files: Files) -> BTreeMap<String, String> {
    files.iter().chain(FOREIGN).map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// The export id of the manifest that readers see; its files are all there and whole.
fn seen(output: &Path) -> Option<String> {
    let path = output.join(manifest::FILE_NAME);
    path.exists().then(|| {
        let manifest = Manifest::read(&path).unwrap();
        for file in manifest.files() {
            assert_eq!(sha256(&output.join(&file.path)).unwrap(), (file.bytes, file.sha256.clone()));
        }
        manifest.export_id
    })
}

/// Publishes the new export over the old one and stops before the given step.
fn stopped_at(step: usize) -> (tempfile::TempDir, Option<Step>) {
    let output = old_export();
    let (staging, manifest) = stage(output.path(), NEW);
    let mut count = 0;
    let mut stopped = None;
    let result = publish(&staging, manifest, &mut |at| {
        count += 1;
        if count > step {
            stopped = Some(at.clone());
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
    assert_eq!(result.is_err(), stopped.is_some());
    (output, stopped)
}

/// All steps of publishing the new export over the old one.
fn steps() -> Vec<Step> {
    (0..).map_while(|step| stopped_at(step).1).collect()
}

#[test]
fn the_order_of_steps() {
    let path = |path: &str| path.to_owned();
    assert_eq!(
        steps(),
        [
            Step::Record,
            Step::RetireManifest,
            Step::SwapIn(path("participants/part-00000.parquet")),
            Step::SwapIn(path("labels/part-00000.csv")),
            Step::SwapIn(path("rollups/minutes_by_day.csv")),
            Step::RemoveStale(path("labels/part-00000.parquet")),
            Step::RemoveStale(path("participants/part-00001.parquet")),
            Step::RemoveStale(path("rollups/minutes_by_day.parquet")),
            Step::RemoveStale(path("rollups/of_a_user_query.parquet")),
            Step::SyncDirectory(path("labels")),
            Step::SyncDirectory(path("participants")),
            Step::SyncDirectory(path("rollups")),
            Step::SyncDirectory(path("")),
            Step::PublishManifest,
            Step::RemoveStaging,
        ]
    );
}

#[test]
fn stopped_anywhere_readers_see_one_export_or_none() {
    for (step, at) in steps().into_iter().enumerate() {
        let (output, _) = stopped_at(step);
        let id = seen(output.path());
        match at {
            Step::Record | Step::RetireManifest => {
                assert_eq!(id.as_deref(), Some("old 0"));
                assert_eq!(visible(output.path()), expected(OLD));
            }
            Step::RemoveStaging => assert_eq!(id.as_deref(), Some("new 0")),
            _ => assert_eq!(id, None, "{at:?}"),
        }
    }
}

#[test]
fn stopped_anywhere_the_next_start_finishes() {
    for (step, at) in steps().into_iter().enumerate() {
        let (output, _) = stopped_at(step);
        let finished = finish(output.path(), &mut go_on).unwrap();
        if matches!(at, Step::Record | Step::RemoveStaging) {
            assert_eq!(finished, None);
        } else {
            assert_eq!(finished.unwrap().manifest.export_id, "new 0");
        }
        let wanted = if at == Step::Record { OLD } else { NEW };
        assert_eq!(seen(output.path()).as_deref(), Some(wanted[0].1));
        assert_eq!(visible(output.path()), expected(wanted));
    }
}

#[test]
fn stopped_twice_the_third_start_finishes() {
    for step in 0..steps().len() {
        for again in (step % 3..12).step_by(3) {
            let (output, _) = stopped_at(step);
            let mut count = 0;
            let _ = finish(output.path(), &mut |_| {
                count += 1;
                if count > again { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
            });
            finish(output.path(), &mut go_on).unwrap();
            let wanted = if step == 0 { OLD } else { NEW };
            assert_eq!(seen(output.path()).as_deref(), Some(wanted[0].1));
            assert_eq!(visible(output.path()), expected(wanted));
        }
    }
}

#[test]
fn stopped_anywhere_a_set_made_again_is_published() {
    for step in 0..steps().len() {
        let (output, _) = stopped_at(step);
        let (staging, manifest) = stage(output.path(), NEW);
        publish(&staging, manifest, &mut go_on).unwrap();
        assert_eq!(seen(output.path()).as_deref(), Some("new 0"));
        assert_eq!(visible(output.path()), expected(NEW));
        assert!(!staging.dir().exists());
    }
}

#[test]
fn a_swap_with_a_lost_file_is_made_again() {
    let (output, _) = stopped_at(2);
    fs::remove_file(Staging::of(output.path()).dir().join("labels/part-00000.csv")).unwrap();
    assert_eq!(finish(output.path(), &mut go_on).unwrap(), None);
    assert_eq!(seen(output.path()), None);
}

#[test]
fn a_staged_file_of_another_size_is_refused() {
    let output = old_export();
    let (staging, manifest) = stage(output.path(), NEW);
    fs::write(staging.dir().join(NEW[1].0), "torn").unwrap();
    let error = publish(&staging, manifest, &mut go_on).unwrap_err();
    assert!(matches!(error, Error::FileChanged { .. }), "{error}");
    assert_eq!(visible(output.path()), expected(OLD));
}

#[test]
fn a_manifest_that_names_foreign_files_removes_none() {
    for path in ["../victim", "rollups/../victim", "rollups/..", "victim", "rollups/a/b", "/etc/passwd"] {
        assert!(!is_rollup(path), "{path}");
    }
    assert!(is_rollup("rollups/minutes_by_day.csv"));
}
