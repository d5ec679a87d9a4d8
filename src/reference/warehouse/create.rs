//! The statements that create the tables: types, keys, comments, and how a large table is divided.
//!
//! Facts by engine: `BigQuery`, Snowflake, Redshift and Databricks take keys as promises, Spark and Trino have
//! none, `ClickHouse` sorts by them. `DuckDB`, Snowflake and `PostgreSQL` divide no table here: the first two
//! do it themselves, and a key of the last would have to hold what divides the table.

use std::fmt::Write as _;

use super::columns::{BUCKET, Partition, data_type, name, ordered, quoted, spark_partition};
use super::{time_of, unit};
use crate::cli::Dialect;
use crate::tables::Table;
use crate::tables::schema::Column;

/// The statements that create some tables where they are not there yet.
#[must_use]
pub fn create(tables: &[Table], dialect: Dialect) -> String {
    tables.iter().map(|table| of_table(*table, dialect)).collect::<Vec<_>>().join("\n")
}

fn of_table(table: Table, dialect: Dialect) -> String {
    let mut lines: Vec<_> =
        ordered(table, dialect).into_iter().map(|column| definition(column, dialect)).collect();
    if dialect == Dialect::Spark && spark_partition(table) == Partition::Bucket {
        let comment = quoted("first digit of session_id: what a load replaces together", dialect);
        lines.push(format!("  {BUCKET} STRING COMMENT {comment}"));
    }
    let key = table.key().join(", ");
    match dialect {
        Dialect::Duckdb
        | Dialect::Postgres
        | Dialect::Snowflake
        | Dialect::Redshift
        | Dialect::Databricks
            if !key.is_empty() =>
        {
            lines.push(format!("  PRIMARY KEY ({key})"));
        }
        Dialect::Bigquery if !key.is_empty() => lines.push(format!("  PRIMARY KEY ({key}) NOT ENFORCED")),
        _ => {}
    }
    let mut text = format!(
        "CREATE TABLE IF NOT EXISTS {} (\n{}\n){};\n",
        table.name(),
        lines.join(",\n"),
        end(table, dialect)
    );
    if matches!(dialect, Dialect::Duckdb | Dialect::Postgres | Dialect::Redshift) {
        // These have comments as statements of their own. Writing into a string cannot fail.
        let _ = writeln!(text, "COMMENT ON TABLE {} IS {};", table.name(), quoted(table.grain(), dialect));
        for column in table.columns() {
            let (name, meaning) = (name(column, dialect), quoted(&meaning(column), dialect));
            let _ = writeln!(text, "COMMENT ON COLUMN {}.{name} IS {meaning};", table.name());
        }
    }
    text
}

/// What follows a table's columns.
fn end(table: Table, dialect: Dialect) -> String {
    let (key, unit, time) = (table.key().join(", "), unit(table).join(", "), time_of(table));
    let comment = match dialect {
        // Their tables have no keys.
        Dialect::Spark | Dialect::Trino if !key.is_empty() => {
            quoted(&format!("{}; key: {key}", table.grain()), dialect)
        }
        _ => quoted(table.grain(), dialect),
    };
    match dialect {
        Dialect::Duckdb | Dialect::Postgres => String::new(),
        Dialect::Bigquery => {
            let by_day = time.map(|time| format!("\nPARTITION BY TIMESTAMP_TRUNC({time}, DAY)"));
            format!("{}\nCLUSTER BY {unit}\nOPTIONS (description = {comment})", by_day.unwrap_or_default())
        }
        Dialect::Snowflake => format!("\nCOMMENT = {comment}"),
        Dialect::Redshift => {
            // Rows that are joined lie on one node.
            let together = if unit.starts_with("session_id") { "session_id" } else { "list_file" };
            let sorted = time.unwrap_or("row_number");
            format!("\nDISTSTYLE KEY\nDISTKEY ({together})\nSORTKEY ({sorted})")
        }
        Dialect::Databricks => format!("\nUSING DELTA\nCOMMENT {comment}\nCLUSTER BY ({unit})"),
        Dialect::Trino => {
            // What lies in files of their own; keys are looked for in files that are sorted by them.
            let by_month = time.map(|time| format!("partitioning = ARRAY['month({time})'], "));
            let sorted: Vec<_> = unit.split(", ").map(|name| format!("'{name}'")).collect();
            let (by_month, sorted) = (by_month.unwrap_or_default(), sorted.join(", "));
            format!("\nCOMMENT {comment}\nWITH ({by_month}sorted_by = ARRAY[{sorted}])")
        }
        Dialect::Clickhouse => {
            // Two loads at a time could both insert a row: of those with one key, the later fetched stays.
            let has_time = table.columns().iter().any(|column| column.name == "fetched_at");
            let engine = match (key.is_empty(), has_time) {
                (true, _) => "MergeTree",
                (false, true) => "ReplacingMergeTree(fetched_at)",
                (false, false) => "ReplacingMergeTree",
            };
            let by_month = match time {
                Some("created_at") => "\nPARTITION BY toYYYYMM(coalesce(created_at, fetched_at))".to_owned(),
                Some(time) => format!("\nPARTITION BY toYYYYMM({time})"),
                None => String::new(),
            };
            let order = if key.is_empty() { "tuple()".to_owned() } else { format!("({key})") };
            format!("\nENGINE = {engine}{by_month}\nORDER BY {order}\nCOMMENT {comment}")
        }
        Dialect::Spark => {
            let divided = match spark_partition(table) {
                Partition::By(column) => column,
                Partition::Bucket => BUCKET,
            };
            format!("\nUSING PARQUET\nPARTITIONED BY ({divided})\nCOMMENT {comment}")
        }
    }
}

/// A column's line.
fn definition(column: &Column, dialect: Dialect) -> String {
    let (name, kind) = (name(column, dialect), data_type(column.kind, dialect));
    let comment = quoted(&meaning(column), dialect);
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    match dialect {
        Dialect::Duckdb | Dialect::Postgres | Dialect::Redshift => format!("  {name} {kind}{not_null}"),
        Dialect::Bigquery => format!("  {name} {kind}{not_null} OPTIONS (description = {comment})"),
        Dialect::Snowflake | Dialect::Spark | Dialect::Databricks | Dialect::Trino => {
            format!("  {name} {kind}{not_null} COMMENT {comment}")
        }
        Dialect::Clickhouse if column.nullable => format!("  {name} Nullable({kind}) COMMENT {comment}"),
        Dialect::Clickhouse => format!("  {name} {kind} COMMENT {comment}"),
    }
}

/// What a column's comment says.
fn meaning(column: &Column) -> String {
    match column.unit {
        "" => column.meaning.to_owned(),
        unit => format!("{} [{unit}]", column.meaning),
    }
}
