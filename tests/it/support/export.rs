//! Exports as rows of text, for comparing them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::python;

/// What two runs on the same data may differ in, as the contract says.
const OF_THE_RUN: [&str; 4] = ["fetched_at", "failed_at", "attempts", "cf_ray"];

/// A table's rows, each a value by column.
pub(crate) type Rows = Vec<BTreeMap<String, String>>;

/// The tables of a CSV export.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Export {
    tables: BTreeMap<String, Rows>,
}

impl Export {
    /// Reads all tables and rollups, without the columns that a run may change.
    pub(crate) fn read(dir: &Path) -> Self {
        let mut export = Self::read_whole(dir);
        for row in export.tables.values_mut().flatten() {
            row.retain(|column, _| !OF_THE_RUN.contains(&column.as_str()));
        }
        export
    }

    /// Reads all columns of all tables and rollups.
    pub(crate) fn read_whole(dir: &Path) -> Self {
        let mut tables = BTreeMap::new();
        for (path, bytes) in tree(dir) {
            let Some((table, _)) = path.strip_suffix(".csv").and_then(|path| path.rsplit_once('/')) else {
                continue;
            };
            let table = if table == "rollups" { path.trim_end_matches(".csv") } else { table };
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            let rows = reader.deserialize().map(|row: Result<BTreeMap<String, String>, _>| row.unwrap());
            tables.entry(table.to_owned()).or_insert_with(Vec::new).extend(rows);
        }
        Self { tables }
    }

    /// Reads a CSV export itself, a Parquet export by `PyArrow`.
    pub(crate) fn read_any(dir: &Path) -> Self {
        if dir.join("participants/part-00000.csv").exists() {
            return Self::read(dir);
        }
        let rows = |seen: python::Seen| -> Rows {
            let columns: Vec<_> = seen.columns.iter().map(|(name, _)| name.as_str()).collect();
            let kept = |column: &&str| !OF_THE_RUN.contains(column);
            let row = |row: Vec<Option<String>>| {
                let values = row.into_iter().map(|value| value.unwrap_or_else(|| "null".to_owned()));
                let cells = columns.iter().zip(values).filter(|(column, _)| kept(column));
                cells.map(|(column, value)| ((*column).to_owned(), value)).collect()
            };
            seen.rows.into_iter().map(row).collect()
        };
        let tables = python::read("pyarrow", dir);
        Self { tables: tables.into_iter().map(|(name, seen)| (name, rows(seen))).collect() }
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, table: &str) -> &Rows {
        self.tables.get(table).unwrap_or_else(|| panic!("no {table} in {:?}", self.tables.keys()))
    }

    /// The values of a table's columns.
    pub(crate) fn values<const N: usize>(&self, table: &str, columns: [&str; N]) -> Vec<[&str; N]> {
        self.rows(table).iter().map(|row| columns.map(|column| row[column].as_str())).collect()
    }

    /// The tables that there are.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Must have equal rows in equal order.
    pub(crate) fn equals(&self, other: &Self) {
        for (table, rows) in &self.tables {
            let others = other.rows(table);
            assert_eq!(rows.len(), others.len(), "rows of {table}");
            for (n, (row, other)) in rows.iter().zip(others).enumerate() {
                assert_eq!(row, other, "row {n} of {table}");
            }
        }
        assert_eq!(self.tables.len(), other.tables.len());
    }
}

/// The manifest of an export.
pub(crate) fn manifest(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap()
}

/// The manifest of an export, if it has one: then every file that it names must be there, whole.
pub(crate) fn whole_manifest(dir: &Path) -> Option<Value> {
    dir.join("manifest.json").exists().then(|| {
        let manifest = manifest(dir);
        let tables = manifest["tables"].as_array().unwrap();
        for file in tables.iter().flat_map(|table| table["files"].as_array().unwrap()) {
            let bytes = fs::read(dir.join(file["path"].as_str().unwrap())).unwrap();
            assert_eq!(file["bytes"], bytes.len());
            assert_eq!(file["sha256"], hex(&Sha256::digest(&bytes)));
        }
        manifest
    })
}

/// Lower-case hexadecimal.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// All files below a directory that are no state, with their bytes.
pub(crate) fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name == ".rtk-export") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// The lines of an export's response log, as far as they can be read while somebody writes to it.
pub(crate) fn log_lines(export: &Path) -> Vec<String> {
    lines_in(&export.join(".rtk-export").join(rtk_export::log::FILE_NAME))
}

fn lines_in(log: &Path) -> Vec<String> {
    let Ok(log) = File::open(log) else {
        return Vec::new();
    };
    let mut text = Vec::new();
    // A torn tail is an error of the decoder; what came before it was read.
    let _ = zstd::Decoder::new(log).unwrap().read_to_end(&mut text);
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// How many replies of details a log holds.
pub(crate) fn logged_details(export: &Path) -> usize {
    details_in(&export.join(".rtk-export").join(rtk_export::log::FILE_NAME))
}

/// How many replies of details there are in a log.
pub(crate) fn details_in(log: &Path) -> usize {
    lines_in(log).iter().filter(|line| line.contains(r#""kind":"details""#)).count()
}
