//! The reference in each form, as it is shown.

use super::{CurrentFiles, Location, create, json, load, load_dataset, markdown, takes_datasets, text};
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
        if takes_datasets(dialect).is_ok() {
            let files = files(&tables, 2);
            let script = load_dataset(&tables, &Location::new(dialect, None).unwrap(), &files).unwrap();
            insta::assert_snapshot!(format!("load_dataset_{name}"), script);
        }
    }
}

/// Of each table so many files, of a row each.
fn files(tables: &[Table], count: usize) -> CurrentFiles {
    let mut files = CurrentFiles::new(2, Some("2026-10-01".parse().unwrap()));
    for table in tables {
        for part in 0..count {
            let path = format!("{}/session_date=2026-10-01/part-0193-{part:05}.parquet", table.name());
            files.add(*table, &path, 1);
        }
    }
    files
}

/// No statement names more files than Snowflake takes, and each is named once.
#[test]
fn many_files_are_loaded_in_pieces() {
    for (dialect, statement) in [
        (Dialect::Snowflake, "COPY INTO"),
        (Dialect::Bigquery, "LOAD DATA"),
        (Dialect::Clickhouse, "FROM file("),
    ] {
        let location = Location::new(dialect, None).unwrap();
        let script = load_dataset(&[Table::Sessions], &location, &files(&[Table::Sessions], 2501)).unwrap();
        let pieces: Vec<_> =
            script.split(statement).skip(1).map(|piece| piece.matches(".parquet").count()).collect();
        assert_eq!(pieces.iter().sum::<usize>(), 2501, "{dialect:?}");
        assert!(pieces.iter().all(|files| (1..=1000).contains(files)), "{pieces:?}");
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
