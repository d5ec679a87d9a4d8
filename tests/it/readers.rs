//! `DuckDB` and `PyArrow` read every table with the contract's names, types and values.

use std::collections::BTreeMap;

use rtk_export::sandbox::StatsShape;
use rtk_export::tables::schema::{CallStatistics, Kind, Table};

use crate::support::{Place, Seen, Server, oracle, read};

const ENGINES: [&str; 2] = ["duckdb", "pyarrow"];
/// The lists, as the sandbox of the samples answers them.
const LISTS: [&str; 2] = ["samples/participants.csv", "samples/sessions.csv"];
const OF_THE_RUN: [&str; 1] = ["fetched_at"];

fn type_name(engine: &str, kind: Kind) -> &'static str {
    let (duckdb, pyarrow) = match kind {
        Kind::Text | Kind::Json => ("VARCHAR", "string"),
        Kind::Int => ("BIGINT", "int64"),
        Kind::Float => ("DOUBLE", "double"),
        Kind::Bool => ("BOOLEAN", "bool"),
        Kind::Time => ("TIMESTAMP WITH TIME ZONE", "timestamp[us, tz=UTC]"),
        Kind::Minutes => ("DECIMAL(18,9)", "decimal128(18, 9)"),
        Kind::MinutesSum => ("DECIMAL(38,9)", "decimal128(38, 9)"),
    };
    if engine == "duckdb" { duckdb } else { pyarrow }
}

/// The sandbox that the samples are of.
fn sample_server() -> Server {
    Server::start(|options| options.world = rtk_export::sandbox::WorldOptions::default())
}

#[test]
fn every_table_has_the_contracts_types_and_the_apis_values() {
    let (place, server) = (Place::with_samples(), sample_server());
    for (number, list) in LISTS.into_iter().enumerate() {
        let output = format!("out-{number}");
        place.rtk(&format!("run {list} -o {output} --with-sessions")).against(&server).ends(0);
        let mut expected = oracle(&server, &place.path(list));
        for rows in expected.values_mut() {
            for row in rows {
                // The oracle read the file by its path, the run by its name.
                row.entry("list_file".to_owned()).and_modify(|file| *file = list.into());
            }
        }
        for engine in ENGINES {
            let seen = read(engine, &place.path(&output));
            for table in Table::of(CallStatistics::LeftOut) {
                let found = &seen[table.name()];
                let columns: Vec<_> = table
                    .columns()
                    .iter()
                    .map(|column| (column.name.to_owned(), type_name(engine, column.kind).to_owned()))
                    .collect();
                assert_eq!(found.columns, columns, "{engine}, {}", table.name());
                equal(found, &expected[table.name()], &format!("{engine}, {}", table.name()));
            }
        }
    }
}

/// The rows of a table are those expected, but for the columns of the run.
fn equal(found: &Seen, expected: &[BTreeMap<String, serde_json::Value>], what: &str) {
    assert_eq!(found.rows.len(), expected.len(), "{what}");
    for (row, expected) in found.rows.iter().zip(expected) {
        for ((name, _), value) in found.columns.iter().zip(row) {
            if !OF_THE_RUN.contains(&name.as_str()) {
                assert_eq!(value.as_deref(), expected[name].as_str(), "{what}, {name}");
            }
        }
    }
}

#[test]
fn csv_and_parquet_carry_the_same_rows() {
    let server = Server::start(|options| {
        options.world.messy = true;
        options.stats_shape = StatsShape::New;
    });
    let place = Place::new();
    let unknown = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e";
    place.write("pairs.csv", format!("{}{unknown},{unknown}\nnot an id,\n", server.pairs(120)));
    place.write("sessions.csv", server.sessions(9));
    place.rtk("run pairs.csv sessions.csv -o parquet --with-sessions --filters all").against(&server).ends(3);
    // One log, two formats: nothing differs, not even what is of the run.
    place.rtk("rebuild parquet -o csv --format csv").ends(3);
    let parquet = ENGINES.map(|engine| read(engine, &place.path("parquet")));
    let csv = ENGINES.map(|engine| read(engine, &place.path("csv")));
    assert!(parquet[0].len() >= 16, "{:?}", parquet[0].keys());
    for (name, table) in &parquet[0] {
        assert!(name == "labels" || !table.rows.is_empty(), "{name} has nothing to compare");
        for (seen, what) in
            [(&parquet[1], "pyarrow"), (&csv[0], "csv by duckdb"), (&csv[1], "csv by pyarrow")]
        {
            assert_eq!(table.rows, seen[name].rows, "{name}, {what}");
        }
        // A CSV is read with the types of the Parquet columns without a loss.
        assert_eq!(table.columns, csv[0][name].columns, "{name}");
        assert_eq!(parquet[1][name].columns, csv[1][name].columns, "{name}");
    }
}

#[test]
fn a_table_without_rows_still_has_its_columns() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", "session_id\n");
    place.rtk("run list.csv -o out").against(&server).ends(0);
    for engine in ENGINES {
        let seen = read(engine, &place.path("out"));
        for table in Table::of(CallStatistics::LeftOut) {
            let found = &seen[table.name()];
            assert_eq!((found.columns.len(), found.rows.len()), (table.columns().len(), 0), "{engine}");
        }
    }
}
