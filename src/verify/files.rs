//! The files of an export against its manifest.
//!
//! In: a directory and its manifest. Out: [`Files`], with every finding.
//! Guarantees: every byte is read, nothing is written; a file that is missing, torn or cannot be read is a
//! finding; memory is a buffer, a row and the findings.
//! Not here: what the rows say (`keys`).

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs;
use std::io;
use std::path::{Component, Path};

use serde::Serialize;

use super::{Finding, Verdict};
use crate::files::{Inspected, inspect};
use crate::manifest::{Manifest, TableFile, TableFiles};
use crate::tables::schema::Table;

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
}

impl Files {
    /// Whether they are what was exported.
    pub(super) const fn are_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Reads all files. Blocks.
pub(super) fn check(dir: &Path, manifest: &Manifest) -> Files {
    let mut findings = Vec::new();
    for table in &manifest.tables {
        check_table(dir, table, &mut findings);
    }
    findings.extend(strangers(dir, manifest));
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Files {
        verdict: if findings.is_empty() { Verdict::Agrees } else { Verdict::Differs },
        tables: count(manifest.tables.len()),
        count: count(manifest.files().count()),
        bytes: manifest.files().map(|file| file.bytes).sum(),
        findings,
    }
}

fn check_table(dir: &Path, table: &TableFiles, findings: &mut Vec<Finding>) {
    for file in &table.files {
        let found = |(problem, says)| Finding { about: file.path.clone(), problem, says };
        findings.extend(check_file(dir, file).into_iter().map(found));
    }
    let sum: u64 = table.files.iter().map(|file| file.rows).sum();
    if sum != table.rows {
        let says = format!("the manifest says {} rows, and its files' rows are {sum}", table.rows);
        findings.push(Finding { about: table.name.clone(), problem: "table_rows", says });
    }
}

/// What is wrong with a file, each as a word and a sentence.
fn check_file(dir: &Path, file: &TableFile) -> Vec<(&'static str, String)> {
    let is_inside = Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_inside {
        return vec![("outside", "its path leads out of the export".to_owned())];
    }
    let Inspected { bytes, sha256, rows } = match inspect(&dir.join(&file.path)) {
        Ok(inspected) => inspected,
        Err(error) => {
            let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            return vec![match cause {
                Some(cause) if cause.kind() == io::ErrorKind::NotFound => {
                    ("missing", "it is not there".to_owned())
                }
                Some(cause) => ("unreadable", format!("it cannot be read: {cause}")),
                None => ("unreadable", format!("it cannot be read: {error}")),
            }];
        }
    };
    let mut wrong = Vec::new();
    if bytes != file.bytes {
        wrong.push(("bytes", format!("it has {bytes} bytes, the manifest says {}", file.bytes)));
    }
    if sha256 != file.sha256 {
        wrong.push(("sha256", format!("its SHA-256 is {sha256}, the manifest says {}", file.sha256)));
    }
    match rows {
        Ok(rows) if rows != file.rows => {
            wrong.push(("rows", format!("it has {rows} rows, the manifest says {}", file.rows)));
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
fn strangers(dir: &Path, manifest: &Manifest) -> Vec<Finding> {
    let known: BTreeSet<_> = manifest.files().map(|file| dir.join(&file.path)).collect();
    let of_manifest = manifest.files().filter_map(|file| file.path.split_once('/')).map(|(folder, _)| folder);
    let mut folders: BTreeSet<&str> = of_manifest.filter(|folder| *folder != "..").collect();
    folders.extend(Table::ALL.map(Table::name));
    let mut waiting: Vec<_> = folders.into_iter().map(|folder| dir.join(folder)).collect();
    let mut found = BTreeSet::new();
    while let Some(folder) = waiting.pop() {
        // A folder that is not there has no files; one that cannot be read has none that others can.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // What readers of folders pass over too.
            let is_hidden = entry.file_name().to_string_lossy().starts_with(['.', '_']);
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden {
                waiting.push(path);
            } else if !is_hidden && !known.contains(&path) {
                found.insert(path);
            }
        }
    }
    let finding = |path: &Path| Finding {
        about: path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned(),
        problem: "not_in_manifest",
        says: "the manifest does not name it, and whoever reads the folder reads it too".to_owned(),
    };
    found.iter().map(|path| finding(path)).collect()
}
