//! Datasets as whoever reads by the commit has them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow::array::AsArray;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Export, hex, tree};

/// One state of a dataset: its pointer and its commit.
#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) pointer: Value,
    pub(crate) commit: Value,
    /// The current files, by path.
    files: BTreeMap<String, Vec<u8>>,
}

/// A file that a commit names.
#[derive(Clone, Debug)]
pub(crate) struct DayFile {
    pub(crate) table: String,
    pub(crate) day: String,
    pub(crate) path: String,
    pub(crate) rows: u64,
}

impl Dataset {
    /// The dataset in a directory, if there is one, as [`Self::read`].
    pub(crate) fn find(dir: &Path) -> Option<Self> {
        dir.join("dataset.json").exists().then(|| Self::read(dir))
    }

    /// Reads the dataset in a directory; every file that it names has to be there, whole.
    pub(crate) fn read(dir: &Path) -> Self {
        Self::by(|path| fs::read(dir.join(path)).ok())
    }

    /// The same wherever it is.
    pub(crate) fn by(get: impl Fn(&str) -> Option<Vec<u8>>) -> Self {
        let pointer: Value = serde_json::from_slice(&get("dataset.json").unwrap()).unwrap();
        let of_commit = &pointer["commit"];
        let bytes = get(text(&of_commit["path"])).unwrap();
        assert_eq!(of_commit["sha256"], hex(&Sha256::digest(&bytes)));
        assert_eq!(of_commit["bytes"], bytes.len());
        let commit: Value = serde_json::from_slice(&bytes).unwrap();
        let mut dataset = Self { pointer, commit, files: BTreeMap::new() };
        let mut files = BTreeMap::new();
        for file in dataset.listed() {
            let path = text(&file["path"]);
            let bytes = get(path).unwrap_or_else(|| panic!("{path} is not there"));
            assert_eq!(file["sha256"], hex(&Sha256::digest(&bytes)), "{path}");
            assert_eq!(file["bytes"], bytes.len(), "{path}");
            assert!(files.insert(path.to_owned(), bytes).is_none(), "{path} twice");
        }
        for retired in array(&dataset.commit["retired"]) {
            assert!(!files.contains_key(text(&retired["path"])), "{retired}");
        }
        dataset.files = files;
        dataset
    }

    pub(crate) fn generation(&self) -> u64 {
        self.pointer["generation"].as_u64().unwrap()
    }

    pub(crate) fn synced_until(&self) -> &str {
        text(&self.pointer["state"]["synced_until"])
    }

    /// The days to be looked at again, and why.
    pub(crate) fn pending(&self) -> Vec<(&str, &str)> {
        let pending = array(&self.pointer["state"]["pending"]);
        pending.iter().map(|pending| (text(&pending["day"]), text(&pending["why"]))).collect()
    }

    /// The days, and the export that each is of.
    pub(crate) fn days(&self) -> BTreeMap<&str, &str> {
        let days = array(&self.commit["days"]);
        days.iter().map(|day| (text(&day["day"]), text(&day["export_id"]))).collect()
    }

    /// The days that have sessions.
    pub(crate) fn days_with_sessions(&self) -> Vec<&str> {
        let days = array(&self.commit["days"]).iter().filter(|day| day["sessions"] != 0);
        days.map(|day| text(&day["day"])).collect()
    }

    /// The days of one export.
    pub(crate) fn days_of(&self, export_id: &str) -> Vec<&str> {
        self.days().into_iter().filter(|(_, of)| *of == export_id).map(|(day, _)| day).collect()
    }

    pub(crate) fn export_id(&self) -> &str {
        text(&self.pointer["export_id"])
    }

    /// All rows, a table's days one after the other, as a whole export would have them.
    pub(crate) fn rows(&self) -> Export {
        self.rows_of(|_| true)
    }

    /// The rows of some days.
    pub(crate) fn rows_of(&self, is_meant: impl Fn(&str) -> bool) -> Export {
        let dir = tempfile::tempdir().unwrap();
        let mut parts: BTreeMap<String, usize> = BTreeMap::new();
        for (path, bytes) in &self.files {
            let (table, rest) = path.split_once("/session_date=").unwrap();
            if !is_meant(rest.split('/').next().unwrap()) {
                continue;
            }
            let part = parts.entry(table.to_owned()).or_default();
            let folder = dir.path().join(table);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("part-{part:05}.parquet")), bytes).unwrap();
            *part += 1;
        }
        Export::read_any(dir.path())
    }

    /// The current files, day after day.
    pub(crate) fn files(&self) -> Vec<DayFile> {
        let files = array(&self.commit["days"]).iter().flat_map(|day| {
            array(&day["files"]).iter().map(|file| DayFile {
                table: text(&file["table"]).to_owned(),
                day: text(&day["day"]).to_owned(),
                path: text(&file["path"]).to_owned(),
                rows: file["rows"].as_u64().unwrap(),
            })
        });
        files.collect()
    }

    /// The names of the current files, sorted.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// Its files are still there, as they were.
    pub(crate) fn is_still_there(&self, get: impl Fn(&str) -> Option<Vec<u8>>) {
        for (path, bytes) in &self.files {
            assert!(get(path).as_ref() == Some(bytes), "{path} of generation {}", self.generation());
        }
    }

    /// Its rows go together, as its commit says: participants by day, and each of a session of its day.
    pub(crate) fn rows_go_together(&self) {
        let files = self.files();
        for day in array(&self.commit["days"]) {
            let name = text(&day["day"]);
            let ids = |table: &str| -> Vec<String> {
                let of_day = files.iter().filter(|file| file.table == table && file.day == name);
                of_day.flat_map(|file| session_ids(&self.files[&file.path])).collect()
            };
            let (participants, sessions) = (ids("participants"), ids("sessions"));
            assert_eq!(day["totals"]["participants"], participants.len(), "{name}");
            assert_eq!(day["sessions"], sessions.len(), "{name}");
            let stray = participants.iter().find(|id| !sessions.contains(id));
            assert_eq!(stray, None, "{name} of generation {}", self.generation());
        }
    }

    /// What a plain listing of the tables' folders finds, sorted.
    pub(crate) fn in_folders(dir: &Path) -> Vec<String> {
        let is_hidden = |path: &str| path.split('/').any(|part| part.starts_with(['_', '.']));
        tree(dir).into_keys().filter(|path| path.contains('/') && !is_hidden(path)).collect()
    }

    fn listed(&self) -> Vec<Value> {
        array(&self.commit["days"]).iter().flat_map(|day| array(&day["files"])).cloned().collect()
    }
}

/// The sessions of a file's rows.
fn session_ids(file: &[u8]) -> Vec<String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(file)).unwrap();
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["session_id"]);
    let mut ids = Vec::new();
    for batch in builder.with_projection(mask).build().unwrap() {
        let batch = batch.unwrap();
        ids.extend(batch.column(0).as_string::<i32>().iter().map(|id| id.unwrap().to_owned()));
    }
    ids
}

/// The rows that a Parquet file, whose name is told where it is none, says it has.
pub(crate) fn parquet_rows(name: &str, file: Vec<u8>) -> u64 {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file));
    let builder = builder.unwrap_or_else(|error| panic!("{name}: {error}"));
    u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}
