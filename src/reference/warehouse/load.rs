//! The statements that load an export: its files into staging tables, then the tables' rows from these.
//!
//! Engines with transactions replace all tables in one, so that readers see the export whole or not at
//! all. `BigQuery`, Databricks and Trino replace each table with one MERGE. `ClickHouse` and Spark have
//! neither: there a reader can see a table between its old rows and its new ones, and a load that broke
//! off is started again.

use super::columns::{data_type, name, ordered, quoted, staged_type, wrapped};
use super::location::Location;
use super::replace::{self, Units, staged};
use crate::cli::Dialect;
use crate::tables::Table;

/// The statements that load some tables of an export.
#[must_use]
pub fn load(tables: &[Table], location: &Location) -> String {
    let staging = tables.iter().map(|table| stage(*table, location));
    let said = "-- Loads an export; loading it again changes nothing.\n";
    script(tables, Units::OfRows, head(said, location), staging, location.dialect())
}

/// The statements that put tables in the place of what they replace, once they are staged.
pub(super) fn script(
    tables: &[Table],
    units: Units,
    head: String,
    staging: impl Iterator<Item = String>,
    dialect: Dialect,
) -> String {
    let mut parts = vec![head];
    parts.extend(staging);
    let replacing = tables.iter().map(|table| replace::replace(*table, units, dialect));
    match dialect {
        Dialect::Postgres | Dialect::Duckdb | Dialect::Redshift | Dialect::Snowflake => {
            parts.push("BEGIN;\n".to_owned());
            parts.extend(replacing);
            parts.push("COMMIT;\n".to_owned());
        }
        Dialect::Bigquery | Dialect::Databricks | Dialect::Trino | Dialect::Clickhouse | Dialect::Spark => {
            parts.extend(replacing);
        }
    }
    if matches!(dialect, Dialect::Clickhouse | Dialect::Trino) {
        // Theirs are tables that all can see; the others' end with the session.
        let drops: Vec<_> =
            tables.iter().map(|table| format!("DROP TABLE {};\n", staged(*table, dialect))).collect();
        parts.push(drops.concat());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What is said and set before anything is loaded.
pub(super) fn head(said: &str, location: &Location) -> String {
    let dialect = location.dialect();
    let mut text = said.to_owned();
    if let Some(placeholder) = location.placeholder() {
        text.push_str("-- Replace ");
        text.push_str(placeholder);
        text.push_str(", or let --from write it.\n");
    }
    text.push_str(match dialect {
        Dialect::Postgres => {
            "-- For psql, which reads the files of a CSV export where it runs. No text of PostgreSQL has the\n\
             -- character of code 0: it is left out.\n\\set ON_ERROR_STOP on\n"
        }
        // Whatever the session's own zone, a time in UTC is taken as one.
        Dialect::Snowflake => "ALTER SESSION SET TIMEZONE = 'UTC';\n",
        Dialect::Spark => "SET spark.sql.sources.partitionOverwriteMode = dynamic;\n",
        Dialect::Trino => {
            "-- Replace hive.default by a schema of your Hive connector: it reads the files. The tables themselves\n\
             -- are Iceberg's, in the schema of your session.\n\
             -- Tables named rtk_export_staged_... there are this script's own: it drops them.\n\
             SET SESSION hive.timestamp_precision = 'MICROSECONDS';\n"
        }
        Dialect::Redshift => {
            "-- IAM_ROLE default is the cluster's own; name another if that may not read the files.\n\
             -- Tables named rtk_export_staged_... are this script's own: it drops them.\n"
        }
        Dialect::Clickhouse => {
            "-- Tables named rtk_export_staged_... are this script's own: it drops them.\n\
             -- Replicated tables skip an insert that they had before, even where its rows were deleted since.\n\
             SET insert_deduplicate = 0;\n"
        }
        Dialect::Duckdb | Dialect::Bigquery | Dialect::Databricks => "",
    });
    text
}

/// The statements that make a table's files readable under its staging name.
fn stage(table: Table, location: &Location) -> String {
    let dialect = location.dialect();
    let (staged, folder) = (staged(table, dialect), location.join(table.name()));
    let quoted = |path: String| quoted(&path, dialect);
    let columns = || staged_columns(table, dialect);
    match dialect {
        Dialect::Postgres => {
            // A line of headers in each file. The shell gets the folder as one word. A pipe ends as its last
            // command does, so that files which cannot be read have to fail before it.
            let files = format!("'{}'/part-*.csv", folder.replace('\'', r"'\''"));
            let program = quoted(format!(
                r"head -n 1 -- {files} >/dev/null && tail -q -n +2 -- {files} | tr -d '\000'"
            ));
            format!(
                "DROP TABLE IF EXISTS pg_temp.{staged};\n\
                 CREATE TEMPORARY TABLE {staged} (LIKE {});\n\
                 \\copy pg_temp.{staged} FROM PROGRAM {program} WITH (FORMAT csv, ENCODING 'UTF8')\n",
                table.name()
            )
        }
        Dialect::Duckdb => format!(
            "CREATE OR REPLACE TEMPORARY TABLE {staged} AS\n\
             SELECT {}\nFROM read_parquet({});\n",
            wrapped(table.columns().iter().map(|column| column.name), 2),
            quoted(format!("{folder}/*.parquet"))
        ),
        Dialect::Clickhouse => {
            let function = if folder.contains("://") { "s3" } else { "file" };
            let names = wrapped(table.columns().iter().map(|column| column.name), 2);
            format!(
                "DROP TABLE IF EXISTS {staged};\n\
                 CREATE TABLE {staged} AS {};\n\
                 INSERT INTO {staged} ({names})\n\
                 SELECT {names}\nFROM {function}({}, 'Parquet');\n",
                table.name(),
                quoted(format!("{folder}/*.parquet"))
            )
        }
        Dialect::Bigquery => format!(
            "CREATE OR REPLACE TEMP TABLE {staged} (\n  {}\n);\n\
             LOAD DATA INTO TEMP TABLE {staged}\n\
             FROM FILES (format = 'PARQUET', uris = [{}]);\n",
            columns(),
            quoted(format!("{folder}/*.parquet"))
        ),
        Dialect::Snowflake => format!(
            "CREATE OR REPLACE TEMPORARY TABLE {staged} LIKE {};\n\
             COPY INTO {staged}\nFROM {}\n\
             FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)\n\
             MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE\nFORCE = TRUE;\n",
            table.name(),
            quoted(format!("{folder}/"))
        ),
        Dialect::Redshift => format!(
            "DROP TABLE IF EXISTS {staged};\n\
             CREATE TEMPORARY TABLE {staged} (\n  {}\n);\n\
             COPY {staged}\nFROM {}\nIAM_ROLE default\nFORMAT AS PARQUET;\n",
            columns(),
            quoted(format!("{folder}/"))
        ),
        Dialect::Databricks => format!(
            "CREATE OR REPLACE TEMPORARY VIEW {staged} AS\nSELECT *\n\
             FROM read_files({}, format => 'parquet', schema => {});\n",
            quoted(format!("{folder}/")),
            quoted(definitions(table, dialect))
        ),
        Dialect::Spark => format!(
            "CREATE OR REPLACE TEMPORARY VIEW {staged} (\n  {}\n)\nUSING PARQUET\nOPTIONS (path = {});\n",
            columns(),
            quoted(folder)
        ),
        Dialect::Trino => format!(
            "DROP TABLE IF EXISTS {staged};\n\
             CREATE TABLE {staged} (\n  {}\n)\n\
             WITH (external_location = {}, format = 'PARQUET');\n",
            columns(),
            quoted(format!("{folder}/"))
        ),
    }
}

/// The columns of a staging table.
pub(super) fn staged_columns(table: Table, dialect: Dialect) -> String {
    let definitions = ordered(table, dialect)
        .into_iter()
        .map(|column| format!("{} {}", name(column, dialect), staged_type(column.kind, dialect)));
    wrapped(definitions, 2)
}

/// Columns in a text of one line.
pub(super) fn definitions(table: Table, dialect: Dialect) -> String {
    let each =
        table.columns().iter().map(|column| format!("{} {}", column.name, data_type(column.kind, dialect)));
    each.collect::<Vec<_>>().join(", ")
}
