//! The files of an export against its manifest.
//!
//! In: where they are and the manifest. Out: [`Files`], with every finding.
//! Guarantees: every byte is read, nothing is written; a file that is missing, torn or cannot be read is a
//! finding; memory is a buffer, a row, the findings, and the ids of a day's sessions. A file of an object store
//! is looked at in a copy, one at a time.
//! Not here: what the rows say (`keys`).

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::dataset::{Days, OfDataset, OfDay};
use super::{Finding, Subject, Verdict};
use crate::blocking::blocking;
use crate::error::{Error, Result, StoreError};
use crate::files::{Inspected, inspect};
use crate::manifest::{Manifest, TableFile, TableFiles};
use crate::place::{Key, Place};
use crate::tables::schema::Table;

/// What ends early where a thread of this module does.
const STAGE: &str = "verify";

/// What became of the files.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Files {
    pub(super) verdict: Verdict,
    /// Tables and rollups of the manifest.
    pub(super) tables: u64,
    /// Their files.
    #[serde(rename = "files")]
    pub(super) count: u64,
    /// The bytes that the manifest says they have.
    pub(super) bytes: u64,
    pub(super) findings: Vec<Finding>,
    /// What is told of a dataset beside.
    #[serde(skip)]
    pub(super) dataset: Option<OfDataset>,
}

impl Files {
    /// Whether they are what was exported.
    pub(super) const fn are_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Reads all files; of a dataset also which day each row is of.
///
/// # Errors
/// What a store refuses.
pub(super) async fn check(subject: &Subject) -> Result<Files> {
    let Subject { place, manifest, dataset, .. } = subject;
    let record = subject.record();
    let mut findings = Vec::new();
    let mut days = dataset.as_ref().map(Days::of);
    match &mut days {
        None => {
            for file in manifest.files() {
                check_file(subject, file, None, &mut findings).await?;
            }
        }
        Some(days) => {
            for (file, of_day) in days.files() {
                check_file(subject, &file, Some((days, of_day)), &mut findings).await?;
            }
        }
    }
    findings.extend(manifest.tables.iter().filter_map(|table| check_rows(table, record)));
    let strangers = strangers(place, manifest).await?;
    let not_in_manifest = strangers.into_iter().filter(|path| match &mut days {
        Some(days) => days.is_foreign(path),
        None => true,
    });
    findings.extend(not_in_manifest.map(|about| Finding {
        about,
        problem: "not_in_manifest",
        says: format!("the {record} does not name it, and whoever reads the folder reads it too"),
    }));
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(Files {
        verdict: if findings.is_empty() { Verdict::Agrees } else { Verdict::Differs },
        tables: count(manifest.tables.len()),
        count: count(manifest.files().count()),
        bytes: manifest.files().map(|file| file.bytes).sum(),
        findings,
        dataset: days.map(Days::end),
    })
}

/// Whether a table's rows are those of its files.
fn check_rows(table: &TableFiles, record: &str) -> Option<Finding> {
    let sum: u64 = table.files.iter().map(|file| file.rows).sum();
    let says = format!("the {record} says {} rows, and its files' rows are {sum}", table.rows);
    (sum != table.rows).then(|| Finding { about: table.name.clone(), problem: "table_rows", says })
}

/// Looks at a file, and where it is as it should be, at its rows' day.
async fn check_file(
    subject: &Subject,
    file: &TableFile,
    of_day: Option<(&mut Days, OfDay)>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut found = |problem, says| findings.push(Finding { about: file.path.clone(), problem, says });
    let copy = match Copy::of(&subject.place, file).await? {
        Ok(copy) => copy,
        Err((problem, says)) => {
            found(problem, says);
            return Ok(());
        }
    };
    let (expected, record) = (file.clone(), subject.record());
    let (copy, wrong) = blocking(STAGE, move || {
        let wrong = wrong_with(copy.path(), &expected, record);
        Ok((copy, wrong))
    })
    .await?;
    if let (true, Some((days, of_day))) = (wrong.is_empty(), of_day) {
        let mut sessions = days.take_sessions(&of_day);
        let (sessions, told) = blocking(STAGE, move || {
            let told = of_day.look(copy.path(), &mut sessions);
            Ok((sessions, told))
        })
        .await?;
        days.put_back(sessions, &file.path, told);
    }
    for (problem, says) in wrong {
        found(problem, says);
    }
    Ok(())
}

/// A file where it can be read.
enum Copy {
    /// Itself.
    There(PathBuf),
    /// A copy of it, which goes when this does.
    Fetched(NamedTempFile),
}

impl Copy {
    /// Of a file; what is wrong with it, where it cannot be had.
    async fn of(place: &Place, file: &TableFile) -> Result<Result<Self, (&'static str, String)>> {
        let outside = || ("outside", "its path leads out of the export".to_owned());
        let Ok(key) = Key::new(file.path.clone()) else { return Ok(Err(outside())) };
        if let Place::Local(local) = place {
            return Ok(Ok(Self::There(local.path(Some(&key)))));
        }
        let temporary = |source| Error::io("create", std::env::temp_dir())(source);
        let suffix = Path::new(&file.path).extension().map(|ending| format!(".{}", ending.display()));
        let mut builder = tempfile::Builder::new();
        let mut copy = builder.suffix(suffix.as_deref().unwrap_or_default()).tempfile().map_err(temporary)?;
        match place.download(&key, copy.as_file_mut()).await {
            Ok(_) => Ok(Ok(Self::Fetched(copy))),
            Err(Error::Store(error)) if matches!(*error, StoreError::Missing { .. }) => Ok(Err(missing())),
            Err(error) => Err(error),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Fetched(copy) => copy.path(),
        }
    }
}

fn missing() -> (&'static str, String) {
    ("missing", "it is not there".to_owned())
}

/// What is wrong with a file, each as a word and a sentence. Blocks.
fn wrong_with(path: &Path, file: &TableFile, record: &str) -> Vec<(&'static str, String)> {
    let Inspected { bytes, sha256, rows } = match inspect(path) {
        Ok(inspected) => inspected,
        Err(error) => {
            let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            return vec![match cause {
                Some(cause) if cause.kind() == io::ErrorKind::NotFound => missing(),
                Some(cause) => ("unreadable", format!("it cannot be read: {cause}")),
                None => ("unreadable", format!("it cannot be read: {error}")),
            }];
        }
    };
    let mut wrong = Vec::new();
    if bytes != file.bytes {
        wrong.push(("bytes", format!("it has {bytes} bytes, the {record} says {}", file.bytes)));
    }
    if sha256 != file.sha256 {
        wrong.push(("sha256", format!("its SHA-256 is {sha256}, the {record} says {}", file.sha256)));
    }
    match rows {
        Ok(rows) if rows != file.rows => {
            wrong.push(("rows", format!("it has {rows} rows, the {record} says {}", file.rows)));
        }
        Ok(_) => {}
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            wrong.push(("rows", format!("its rows cannot be counted{cause}")));
        }
    }
    wrong
}

/// Files among the tables' own that the manifest does not name: whoever reads a folder reads them too.
async fn strangers(place: &Place, manifest: &Manifest) -> Result<BTreeSet<String>> {
    let of_manifest = manifest.files().filter_map(|file| file.path.split_once('/')).map(|(folder, _)| folder);
    let mut folders: BTreeSet<&str> = of_manifest.filter(|folder| *folder != "..").collect();
    folders.extend(Table::ALL.map(Table::name));
    let mut found: BTreeSet<String> = match place {
        Place::Local(local) => {
            let dir = local.path(None);
            let folders: Vec<_> = folders.into_iter().map(|folder| dir.join(folder)).collect();
            blocking(STAGE, move || Ok(in_folders(&dir, folders))).await?
        }
        Place::Remote(_) => {
            let mut found = BTreeSet::new();
            for folder in folders {
                let listed: Vec<_> = place.list(Some(&Key::new(folder)?)).try_collect().await?;
                found.extend(listed.into_iter().map(|listed| listed.key.as_str().to_owned()));
            }
            found.retain(|path| !path.split('/').any(is_hidden));
            found
        }
    };
    manifest.files().for_each(|file| {
        found.remove(&file.path);
    });
    Ok(found)
}

/// What readers of folders pass over.
fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

/// The files in folders, named from a directory. Blocks.
fn in_folders(dir: &Path, mut waiting: Vec<PathBuf>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    while let Some(folder) = waiting.pop() {
        // A folder that is not there has no files; one that cannot be read has none that others can.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_hidden(&entry.file_name().to_string_lossy()) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned());
            }
        }
    }
    found
}
