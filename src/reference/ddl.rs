//! The statements that create the tables in a warehouse.
//!
//! Facts by engine: `BigQuery` and Snowflake take keys as promises, Spark has none, `ClickHouse` sorts by
//! them. `BigQuery` loads a Parquet string into STRING only, so JSON is text there as it is in the files;
//! elsewhere too, but in `PostgreSQL`, whose `json` keeps a text as it is.

use std::fmt::Write as _;

use crate::cli::Dialect;
use crate::tables::Table;
use crate::tables::schema::{Column, Kind};

/// The statements for some tables.
#[must_use]
pub fn ddl(tables: &[Table], dialect: Dialect) -> String {
    tables.iter().map(|table| create(*table, dialect)).collect::<Vec<_>>().join("\n")
}

fn create(table: Table, dialect: Dialect) -> String {
    let mut lines: Vec<_> = table.columns().iter().map(|column| definition(column, dialect)).collect();
    let key = table.key().join(", ");
    match dialect {
        Dialect::Duckdb | Dialect::Postgres | Dialect::Snowflake if !key.is_empty() => {
            lines.push(format!("  PRIMARY KEY ({key})"));
        }
        Dialect::Bigquery if !key.is_empty() => lines.push(format!("  PRIMARY KEY ({key}) NOT ENFORCED")),
        _ => {}
    }
    let comment = match dialect {
        // Its tables have no keys.
        Dialect::Spark if !key.is_empty() => quoted(&format!("{}; key: {key}", table.grain()), dialect),
        _ => quoted(table.grain(), dialect),
    };
    let end = match dialect {
        Dialect::Duckdb | Dialect::Postgres => String::new(),
        Dialect::Bigquery => format!("\nOPTIONS (description = {comment})"),
        Dialect::Snowflake => format!("\nCOMMENT = {comment}"),
        Dialect::Clickhouse if key.is_empty() => {
            format!("\nENGINE = MergeTree\nORDER BY tuple()\nCOMMENT {comment}")
        }
        Dialect::Clickhouse => format!("\nENGINE = MergeTree\nORDER BY ({key})\nCOMMENT {comment}"),
        Dialect::Spark => format!("\nUSING PARQUET\nCOMMENT {comment}"),
    };
    let mut text = format!("CREATE TABLE {} (\n{}\n){end};\n", table.name(), lines.join(",\n"));
    if matches!(dialect, Dialect::Duckdb | Dialect::Postgres) {
        // These two have comments as statements of their own. Writing into a string cannot fail.
        let _ = writeln!(text, "COMMENT ON TABLE {} IS {comment};", table.name());
        for column in table.columns() {
            let meaning = quoted(&meaning(column), dialect);
            let _ = writeln!(text, "COMMENT ON COLUMN {}.{} IS {meaning};", table.name(), column.name);
        }
    }
    text
}

/// A column's line.
fn definition(column: &Column, dialect: Dialect) -> String {
    let (name, kind) = (column.name, data_type(column.kind, dialect));
    let comment = quoted(&meaning(column), dialect);
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    match dialect {
        Dialect::Duckdb | Dialect::Postgres => format!("  {name} {kind}{not_null}"),
        Dialect::Bigquery => format!("  {name} {kind}{not_null} OPTIONS (description = {comment})"),
        Dialect::Snowflake | Dialect::Spark => format!("  {name} {kind}{not_null} COMMENT {comment}"),
        Dialect::Clickhouse if column.nullable => format!("  {name} Nullable({kind}) COMMENT {comment}"),
        Dialect::Clickhouse => format!("  {name} {kind} COMMENT {comment}"),
    }
}

/// The type that holds every value of a column.
const fn data_type(kind: Kind, dialect: Dialect) -> &'static str {
    match (dialect, kind) {
        (Dialect::Duckdb | Dialect::Snowflake, Kind::Text | Kind::Json) => "VARCHAR",
        (Dialect::Postgres, Kind::Text) => "text",
        (Dialect::Postgres, Kind::Json) => "json",
        (Dialect::Bigquery | Dialect::Spark, Kind::Text | Kind::Json) => "STRING",
        (Dialect::Clickhouse, Kind::Text | Kind::Json) => "String",
        (Dialect::Duckdb | Dialect::Snowflake | Dialect::Spark, Kind::Int) => "BIGINT",
        (Dialect::Postgres, Kind::Int) => "bigint",
        (Dialect::Bigquery, Kind::Int) => "INT64",
        (Dialect::Clickhouse, Kind::Int) => "Int64",
        (Dialect::Duckdb | Dialect::Spark, Kind::Float) => "DOUBLE",
        (Dialect::Postgres, Kind::Float) => "double precision",
        (Dialect::Bigquery, Kind::Float) => "FLOAT64",
        (Dialect::Snowflake, Kind::Float) => "FLOAT",
        (Dialect::Clickhouse, Kind::Float) => "Float64",
        (Dialect::Duckdb | Dialect::Snowflake | Dialect::Spark, Kind::Bool) => "BOOLEAN",
        (Dialect::Postgres, Kind::Bool) => "boolean",
        (Dialect::Bigquery, Kind::Bool) => "BOOL",
        (Dialect::Clickhouse, Kind::Bool) => "Bool",
        (Dialect::Duckdb, Kind::Time) => "TIMESTAMPTZ",
        (Dialect::Postgres, Kind::Time) => "timestamptz",
        (Dialect::Bigquery | Dialect::Spark, Kind::Time) => "TIMESTAMP",
        (Dialect::Snowflake, Kind::Time) => "TIMESTAMP_TZ(6)",
        (Dialect::Clickhouse, Kind::Time) => "DateTime64(6, 'UTC')",
        (Dialect::Duckdb | Dialect::Spark, Kind::Minutes) => "DECIMAL(18,9)",
        (Dialect::Duckdb | Dialect::Spark, Kind::MinutesSum) => "DECIMAL(38,9)",
        (Dialect::Postgres, Kind::Minutes) => "numeric(18,9)",
        (Dialect::Postgres, Kind::MinutesSum) => "numeric(38,9)",
        (Dialect::Bigquery, Kind::Minutes) => "NUMERIC(18,9)",
        (Dialect::Bigquery, Kind::MinutesSum) => "NUMERIC",
        (Dialect::Snowflake, Kind::Minutes) => "NUMBER(18,9)",
        (Dialect::Snowflake, Kind::MinutesSum) => "NUMBER(38,9)",
        (Dialect::Clickhouse, Kind::Minutes) => "Decimal(18,9)",
        (Dialect::Clickhouse, Kind::MinutesSum) => "Decimal(38,9)",
    }
}

/// What a column's comment says.
fn meaning(column: &Column) -> String {
    match column.unit {
        "" => column.meaning.to_owned(),
        unit => format!("{} [{unit}]", column.meaning),
    }
}

/// A text as the dialect quotes it.
fn quoted(text: &str, dialect: Dialect) -> String {
    let quoted = match dialect {
        Dialect::Duckdb | Dialect::Postgres => text.replace('\'', "''"),
        Dialect::Snowflake | Dialect::Bigquery | Dialect::Clickhouse | Dialect::Spark => {
            text.replace('\\', "\\\\").replace('\'', "\\'")
        }
    };
    format!("'{quoted}'")
}
