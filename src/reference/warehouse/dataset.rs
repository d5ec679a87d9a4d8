//! The statements that load a dataset: the files that its commit names, none beside them.
//!
//! In: [`CurrentFiles`], and where the engine sees them. Out: a script, in which sessions are replaced whole: in each
//! table all rows of the sessions that are staged.
//! Guarantees: a file that is not there any more (a later sync replaced it, and a vacuum removed it) ends a load
//! before it changes anything: where an engine passes over such a file, the staged rows are counted.
//! Not here: reading the commit (`dataset`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;

use super::columns::{quoted, wrapped};
use super::load::{definitions, head, script, staged_columns};
use super::location::Location;
use super::replace::{Units, staged};
use crate::cli::Dialect;
use crate::error::{Error, Result};
use crate::tables::Table;

/// As many files as a statement names. Snowflake takes 1000, `ClickHouse` as many from a pattern and 256 KiB.
const PIECE: usize = 500;

/// The files of a dataset's tables, as one commit names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentFiles {
    /// The number of the commit.
    pub generation: u64,
    /// The first day whose files are meant; `None` for all.
    pub since: Option<NaiveDate>,
    /// Paths in the dataset.
    paths: BTreeMap<Table, Vec<String>>,
    rows: BTreeMap<Table, u64>,
}

impl CurrentFiles {
    /// No file yet.
    #[must_use]
    pub const fn new(generation: u64, since: Option<NaiveDate>) -> Self {
        Self { generation, since, paths: BTreeMap::new(), rows: BTreeMap::new() }
    }

    /// Adds a file of a table, by its path in the dataset.
    pub fn add(&mut self, table: Table, path: &str, rows: u64) {
        self.paths.entry(table).or_default().push(path.to_owned());
        *self.rows.entry(table).or_default() += rows;
    }

    fn of(&self, table: Table) -> &[String] {
        self.paths.get(&table).map_or(&[], Vec::as_slice)
    }

    fn rows(&self, table: Table) -> u64 {
        self.rows.get(&table).copied().unwrap_or_default()
    }
}

/// Whether a dialect's statements can load a dataset.
///
/// # Errors
/// [`Error::LoadDataset`] where they cannot, with what does instead.
pub const fn takes_datasets(dialect: Dialect) -> Result<()> {
    let (dialect, why, instead) = match dialect {
        Dialect::Postgres => (
            "PostgreSQL",
            "psql reads CSV, and a dataset is Parquet",
            "rtk-export query DIR \"SELECT * FROM participants\" -o participants.csv makes a table's CSV for \\copy; or \
             load it with --dialect duckdb and copy it from there with DuckDB's postgres extension",
        ),
        Dialect::Spark => (
            "Spark",
            "a Parquet table cannot lose the last row of a partition, and retired files lie in the same folders",
            "Spark reads the dataset where it is: rtk-export files DIR names the files; or take --dialect databricks \
             for Delta tables there",
        ),
        Dialect::Trino => (
            "Trino",
            "its Hive connector reads whole folders, in which retired files lie too",
            "after rtk-export vacuum DIR --grace 0s the folders hold what is current, with session_date as a partition; \
             or load an export of rtk-export run with --from",
        ),
        Dialect::Duckdb
        | Dialect::Bigquery
        | Dialect::Snowflake
        | Dialect::Clickhouse
        | Dialect::Redshift
        | Dialect::Databricks => return Ok(()),
    };
    Err(Error::LoadDataset { dialect, why, instead })
}

/// The statements that load some tables of a dataset, [`Table::Sessions`] among them.
///
/// # Errors
/// As [`takes_datasets`].
pub fn load_dataset(tables: &[Table], location: &Location, files: &CurrentFiles) -> Result<String> {
    takes_datasets(location.dialect())?;
    let mut said = format!("-- Loads generation {} of a dataset", files.generation);
    if let Some(since) = files.since {
        // Writing into a string cannot fail.
        let _ = write!(said, ", days from {since} on");
    }
    said.push_str(
        "; loading it again changes nothing.\n\
         -- All rows of the sessions of these days are replaced. Make a script anew for each load: its files stay\n\
         -- only until a vacuum after a later sync.\n",
    );
    if files.of(Table::Sessions).is_empty() {
        // A script without a statement is an error to some clients.
        return Ok(said + "-- These days have no session.\nSELECT 'nothing to load' AS loaded;\n");
    }
    let staging = tables.iter().map(|table| stage(*table, location, files));
    Ok(script(tables, Units::Sessions, head(&said, location), staging, location.dialect()))
}

/// The statements that make a table's current files readable under its staging name.
fn stage(table: Table, location: &Location, files: &CurrentFiles) -> String {
    let dialect = location.dialect();
    let staged = staged(table, dialect);
    let paths = files.of(table);
    let names = wrapped(table.columns().iter().map(|column| column.name), 2);
    let whole = |path: &String| quoted(&location.join(path), dialect);
    // A statement for each piece of the files.
    let pieces =
        |statement: &dyn Fn(&[String]) -> String| paths.chunks(PIECE).map(statement).collect::<String>();
    match dialect {
        Dialect::Clickhouse => {
            let function = if location.join("").contains("://") { "s3" } else { "file" };
            let inserts = pieces(&|paths| {
                format!(
                    "INSERT INTO {staged} ({names})\nSELECT {names}\nFROM {function}({}, 'Parquet');\n",
                    quoted(&location.join(&alternatives(paths)), dialect)
                )
            });
            format!(
                "DROP TABLE IF EXISTS {staged};\nCREATE TABLE {staged} AS {0};\n{inserts}\
                 SELECT throwIf(count() != {1}, 'files of {0} are not there any more') FROM {staged} FORMAT Null;\n",
                table.name(),
                files.rows(table)
            )
        }
        Dialect::Bigquery => {
            let loads = pieces(&|paths| {
                format!(
                    "LOAD DATA INTO TEMP TABLE {staged}\nFROM FILES (format = 'PARQUET', uris = [{}]);\n",
                    lines(paths.iter().map(whole))
                )
            });
            format!(
                "CREATE OR REPLACE TEMP TABLE {staged} (\n  {}\n);\n{loads}",
                staged_columns(table, dialect)
            )
        }
        Dialect::Snowflake => {
            let copies = pieces(&|paths| {
                format!(
                    "COPY INTO {staged}\nFROM {}\nFILES = ({})\n\
                     FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)\n\
                     MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE\nFORCE = TRUE;\n",
                    quoted(&location.join(""), dialect),
                    lines(paths.iter().map(|path| quoted(path, dialect)))
                )
            });
            format!("CREATE OR REPLACE TEMPORARY TABLE {staged} LIKE {};\n{copies}", table.name())
        }
        Dialect::Redshift => {
            // A file's whole name is a prefix of one file. A manifest would be a file of its own in the bucket.
            let copy =
                |path| format!("COPY {staged}\nFROM {}\nIAM_ROLE default\nFORMAT AS PARQUET;\n", whole(path));
            let copies = paths.iter().map(copy).collect::<Vec<_>>().concat();
            format!(
                "DROP TABLE IF EXISTS {staged};\nCREATE TEMPORARY TABLE {staged} (\n  {}\n);\n{copies}",
                staged_columns(table, dialect)
            )
        }
        Dialect::Databricks => {
            let in_table = format!("{}/", table.name());
            let in_folder = paths.iter().map(|path| path.strip_prefix(&in_table).unwrap_or(path));
            format!(
                "CREATE OR REPLACE TEMPORARY VIEW {staged} AS\nSELECT {names}\n\
                 FROM read_files({}, format => 'parquet', schema => {})\n\
                 WHERE substring_index(_metadata.file_path, '/', -2) IN ({});\n\
                 SELECT assert_true(count(*) = {}, 'files of {} are not there any more') FROM {staged};\n",
                quoted(&location.join(&in_table), dialect),
                quoted(&definitions(table, dialect), dialect),
                lines(in_folder.map(|path| quoted(path, dialect))),
                files.rows(table),
                table.name()
            )
        }
        // The other three take no dataset: they do not come here.
        Dialect::Duckdb | Dialect::Postgres | Dialect::Spark | Dialect::Trino => format!(
            "CREATE OR REPLACE TEMPORARY TABLE {staged} AS\nSELECT {names}\n\
             FROM read_parquet([{}], hive_partitioning = false);\n",
            lines(paths.iter().map(whole))
        ),
    }
}

/// The paths as a pattern that has them and no other: dates and ids are no patterns themselves.
fn alternatives(paths: &[String]) -> String {
    match paths {
        [path] => path.clone(),
        _ => format!("{{{}}}", paths.join(",")),
    }
}

/// Each in a line of its own.
fn lines(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    format!("\n  {}\n", items.join(",\n  "))
}
