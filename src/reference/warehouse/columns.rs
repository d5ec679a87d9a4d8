//! How a dialect writes names, types, texts, and values as they lie in its staging tables.

use crate::cli::Dialect;
use crate::tables::Table;
use crate::tables::schema::{Column, Kind};

/// A column's name as the dialect takes it.
pub(super) const fn name(column: &Column, dialect: Dialect) -> &'static str {
    // The only one of all columns that is a reserved word of any dialect, by Redshift's list.
    match (dialect, column.name.as_bytes()) {
        (Dialect::Redshift, b"timestamp") => "\"timestamp\"",
        _ => column.name,
    }
}

/// The type that holds every value of a column.
///
/// `BigQuery` loads a Parquet string into STRING only, so JSON is text there as it is in the files; elsewhere
/// too, but in `PostgreSQL`, whose `json` keeps a text as it is. Redshift's longest text has 65535 bytes.
pub(super) const fn data_type(kind: Kind, dialect: Dialect) -> &'static str {
    use Dialect::{Bigquery, Clickhouse, Databricks, Duckdb, Postgres, Redshift, Snowflake, Spark, Trino};
    match (dialect, kind) {
        (Duckdb | Snowflake | Trino, Kind::Text | Kind::Json) => "VARCHAR",
        (Postgres, Kind::Text) => "text",
        (Postgres, Kind::Json) => "json",
        (Redshift, Kind::Text | Kind::Json) => "VARCHAR(65535)",
        (Bigquery | Spark | Databricks, Kind::Text | Kind::Json) => "STRING",
        (Clickhouse, Kind::Text | Kind::Json) => "String",
        (Duckdb | Snowflake | Spark | Databricks | Redshift | Trino, Kind::Int) => "BIGINT",
        (Postgres, Kind::Int) => "bigint",
        (Bigquery, Kind::Int) => "INT64",
        (Clickhouse, Kind::Int) => "Int64",
        (Duckdb | Spark | Databricks | Trino, Kind::Float) => "DOUBLE",
        (Postgres, Kind::Float) => "double precision",
        (Redshift, Kind::Float) => "DOUBLE PRECISION",
        (Bigquery, Kind::Float) => "FLOAT64",
        (Snowflake, Kind::Float) => "FLOAT",
        (Clickhouse, Kind::Float) => "Float64",
        (Duckdb | Snowflake | Spark | Databricks | Redshift | Trino, Kind::Bool) => "BOOLEAN",
        (Postgres, Kind::Bool) => "boolean",
        (Bigquery, Kind::Bool) => "BOOL",
        (Clickhouse, Kind::Bool) => "Bool",
        (Duckdb | Redshift, Kind::Time) => "TIMESTAMPTZ",
        (Postgres, Kind::Time) => "timestamptz",
        (Bigquery | Spark | Databricks, Kind::Time) => "TIMESTAMP",
        (Snowflake, Kind::Time) => "TIMESTAMP_TZ(6)",
        (Clickhouse, Kind::Time) => "DateTime64(6, 'UTC')",
        (Trino, Kind::Time) => "TIMESTAMP(6) WITH TIME ZONE",
        (Duckdb | Spark | Databricks | Redshift | Trino, Kind::Minutes) => "DECIMAL(18,9)",
        (Duckdb | Spark | Databricks | Redshift | Trino, Kind::MinutesSum) => "DECIMAL(38,9)",
        (Postgres, Kind::Minutes) => "numeric(18,9)",
        (Postgres, Kind::MinutesSum) => "numeric(38,9)",
        (Bigquery, Kind::Minutes) => "NUMERIC(18,9)",
        (Bigquery, Kind::MinutesSum) => "NUMERIC",
        (Snowflake, Kind::Minutes) => "NUMBER(18,9)",
        (Snowflake, Kind::MinutesSum) => "NUMBER(38,9)",
        (Clickhouse, Kind::Minutes) => "Decimal(18,9)",
        (Clickhouse, Kind::MinutesSum) => "Decimal(38,9)",
    }
}

/// The type of a column where the dialect reads Parquet into it.
pub(super) const fn staged_type(kind: Kind, dialect: Dialect) -> &'static str {
    match (dialect, kind) {
        // Both read a Parquet time in UTC as one without a zone.
        (Dialect::Redshift, Kind::Time) => "TIMESTAMP",
        (Dialect::Trino, Kind::Time) => "TIMESTAMP(6)",
        _ => data_type(kind, dialect),
    }
}

/// A staged column's value, of the table's type.
pub(super) fn staged_value(column: &Column, dialect: Dialect) -> String {
    let name = name(column, dialect);
    match (dialect, column.kind) {
        (Dialect::Redshift, Kind::Time) => format!("{name} AT TIME ZONE 'UTC'"),
        (Dialect::Trino, Kind::Time) => format!("with_timezone({name}, 'UTC')"),
        _ => name.to_owned(),
    }
}

/// A table's columns in the order in which the dialect has them.
pub(super) fn ordered(table: Table, dialect: Dialect) -> Vec<&'static Column> {
    let mut columns: Vec<_> = table.columns().iter().collect();
    if dialect == Dialect::Spark {
        // Its tables have the columns that they are divided by at the end.
        columns.sort_by_key(|column| spark_partition(table) == Partition::By(column.name));
    }
    columns
}

/// What a table of Spark is divided by: a part of it is replaced whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Partition {
    /// One of its columns.
    By(&'static str),
    /// A column that only Spark's table has, which follows from the session's id and so never changes.
    Bucket,
}

/// The name of [`Partition::Bucket`].
pub(super) const BUCKET: &str = "session_bucket";

pub(super) const fn spark_partition(table: Table) -> Partition {
    match table {
        Table::IdList | Table::Labels | Table::Failures => Partition::By("list_file"),
        _ => Partition::Bucket,
    }
}

/// A text as the dialect quotes it.
pub(super) fn quoted(text: &str, dialect: Dialect) -> String {
    let quoted = match dialect {
        Dialect::Duckdb | Dialect::Postgres | Dialect::Redshift | Dialect::Trino => text.replace('\'', "''"),
        Dialect::Snowflake
        | Dialect::Bigquery
        | Dialect::Clickhouse
        | Dialect::Spark
        | Dialect::Databricks => text.replace('\\', "\\\\").replace('\'', "\\'"),
    };
    format!("'{quoted}'")
}

/// Names or values in lines that can be read.
pub(super) fn wrapped(items: impl IntoIterator<Item = impl AsRef<str>>, indent: usize) -> String {
    const WIDTH: usize = 110;
    // Some words stand before the first.
    let mut width = indent + 30;
    let mut text = String::new();
    for item in items {
        let item = item.as_ref();
        if !text.is_empty() {
            text.push(',');
            if width + item.len() + 2 > WIDTH {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', indent));
                width = indent;
            } else {
                text.push(' ');
                width += 2;
            }
        }
        text.push_str(item);
        width += item.len();
    }
    text
}
