//! The reference in each form, as it is shown.

use super::{Location, create, json, load, markdown, text};
use crate::cli::Dialect;
use crate::tables::Table;

/// Tables with every type of column.
const SOME: [Table; 4] = [Table::Participants, Table::PeerEvents, Table::Failures, Table::CandidatePairs];

#[test]
fn forms() {
    insta::assert_snapshot!("text", text(&SOME));
    insta::assert_snapshot!("markdown", markdown(&SOME));
    insta::assert_snapshot!("json", json(&SOME));
}

#[test]
fn dialects() {
    let all = [
        ("duckdb", Dialect::Duckdb),
        ("postgres", Dialect::Postgres),
        ("bigquery", Dialect::Bigquery),
        ("snowflake", Dialect::Snowflake),
        ("clickhouse", Dialect::Clickhouse),
        ("spark", Dialect::Spark),
        ("redshift", Dialect::Redshift),
        ("databricks", Dialect::Databricks),
        ("trino", Dialect::Trino),
    ];
    for (name, dialect) in all {
        insta::assert_snapshot!(format!("ddl_{name}"), create(&SOME, dialect));
        // A key of one column, of more than what is replaced together, and none.
        let tables = [Table::Sessions, Table::CallEvents, Table::Failures];
        insta::assert_snapshot!(
            format!("load_{name}"),
            load(&tables, &Location::new(dialect, None).unwrap())
        );
    }
}

#[test]
fn every_column_of_every_table_is_there() {
    let forms = [
        text(&Table::ALL),
        markdown(&Table::ALL),
        json(&Table::ALL),
        create(&Table::ALL, Dialect::Clickhouse),
    ];
    for form in forms {
        let mut rest = form.as_str();
        for name in Table::ALL.into_iter().flat_map(Table::columns).map(|column| column.name) {
            let place = rest.find(name).expect(name);
            rest = &rest[place + name.len()..];
        }
    }
}
