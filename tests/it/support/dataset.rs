//! Datasets as whoever reads them by their commit does.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::export::hex;
use super::{Export, Place};

/// A state of a dataset: its pointer, and the commit that it names.
pub(crate) struct Dataset {
    root: PathBuf,
    pub(crate) pointer: Value,
    pub(crate) commit: Value,
}

/// A file that a commit names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DayFile {
    pub(crate) table: String,
    pub(crate) day: String,
    pub(crate) path: String,
    pub(crate) rows: u64,
    bytes: u64,
    sha256: String,
}

impl Dataset {
    /// What is in a directory now; `None` where there is none. Files that are named are not looked at.
    pub(crate) fn read(root: &Path) -> Option<Self> {
        let bytes = match fs::read(root.join("dataset.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            bytes => bytes.unwrap(),
        };
        let pointer: Value = serde_json::from_slice(&bytes).unwrap();
        let path = root.join(pointer["commit"]["path"].as_str().unwrap());
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(pointer["commit"]["sha256"], hex(&Sha256::digest(&bytes)), "{}", path.display());
        let commit: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(commit["generation"], pointer["generation"]);
        Some(Self { root: root.to_owned(), pointer, commit })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.pointer["generation"].as_u64().unwrap()
    }

    /// Until when every session was looked for.
    pub(crate) fn synced_until(&self) -> &str {
        self.pointer["state"]["synced_until"].as_str().unwrap()
    }

    /// The days that are to be looked at again.
    pub(crate) fn pending(&self) -> Vec<&str> {
        let pending = self.pointer["state"]["pending"].as_array().unwrap();
        pending.iter().map(|pending| pending["day"].as_str().unwrap()).collect()
    }

    /// The current files, by day.
    pub(crate) fn files(&self) -> Vec<DayFile> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let days = self.commit["days"].as_array().unwrap();
        let files = days.iter().flat_map(|day| {
            day["files"].as_array().unwrap().iter().map(|file| DayFile {
                table: text(&file["table"]),
                day: text(&day["day"]),
                path: text(&file["path"]),
                rows: file["rows"].as_u64().unwrap(),
                bytes: file["bytes"].as_u64().unwrap(),
                sha256: text(&file["sha256"]),
            })
        });
        files.collect()
    }

    /// Every file is there, whole.
    pub(crate) fn check(&self) {
        for file in self.files() {
            let bytes = fs::read(self.root.join(&file.path))
                .unwrap_or_else(|error| panic!("{} of generation {}: {error}", file.path, self.generation()));
            assert_eq!(bytes.len() as u64, file.bytes, "{}", file.path);
            assert_eq!(hex(&Sha256::digest(&bytes)), file.sha256, "{}", file.path);
        }
    }

    /// Its rows go together, as its commit says: participants by day, and each of a session of its day.
    pub(crate) fn check_rows(&self) {
        let days = self.commit["days"].as_array().unwrap();
        let files = self.files();
        for day in days {
            let name = day["day"].as_str().unwrap();
            let ids = |table: &str| -> Vec<String> {
                let of_table = files.iter().filter(|file| file.table == table && file.day == name);
                of_table.flat_map(|file| session_ids(&self.root.join(&file.path))).collect()
            };
            let (participants, sessions) = (ids("participants"), ids("sessions"));
            assert_eq!(day["totals"]["participants"], participants.len(), "{name}");
            assert_eq!(day["sessions"], sessions.len(), "{name}");
            let stray = participants.iter().find(|id| !sessions.contains(id));
            assert_eq!(stray, None, "{name} of generation {}", self.generation());
        }
    }

    /// The rows of its tables as `PyArrow` reads them, day after day.
    pub(crate) fn rows(&self) -> Export {
        // In a folder for each table, under names in this order: as an export lies.
        let place = Place::new();
        let flat = place.path("flat");
        let mut parts: BTreeMap<String, usize> = BTreeMap::new();
        for file in self.files() {
            let part = parts.entry(file.table.clone()).or_default();
            let folder = flat.join(&file.table);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(self.root.join(&file.path), folder.join(format!("part-{part:05}.parquet"))).unwrap();
            *part += 1;
        }
        Export::read_any(&flat)
    }

    /// The files of its tables' folders, named by the commit or not.
    pub(crate) fn listed(&self) -> Vec<String> {
        let is_hidden = |path: &str| path.split('/').any(|part| part.starts_with(['_', '.']));
        let tree = super::tree(&self.root);
        tree.into_keys().filter(|path| path.contains('/') && !is_hidden(path)).collect()
    }
}

/// The sessions of a file's rows.
fn session_ids(path: &Path) -> Vec<String> {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["session_id"]);
    let mut ids = Vec::new();
    for batch in builder.with_projection(mask).build().unwrap() {
        let batch = batch.unwrap();
        let texts = batch.column(0).as_string::<i32>();
        ids.extend(texts.iter().map(|id| id.unwrap().to_owned()));
    }
    ids
}

/// The rows that a Parquet file says it has.
pub(crate) fn parquet_rows(path: &Path) -> u64 {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap()
}
