//! Rollups: minutes by session, participant and day, of the export's own files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Place, Seen, Server, oracle, query, read, repository_file};

/// A rollup's rows as key and figures.
fn figures(seen: &Seen, keys: usize) -> Vec<Vec<Option<String>>> {
    let names: Vec<_> = seen.columns.iter().skip(keys).map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["participants", "connections", "duration_minutes", "minutes_consumed"]);
    seen.rows.clone()
}

#[test]
fn they_are_the_sums_of_what_the_api_said() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let list = place.write("list.csv", server.sessions(12));
    place.rtk("run list.csv -o out").against(&server).ends(0);
    let expected = oracle(&server, &list);
    let seen = read("duckdb", &place.path("out"));
    let wanted = |table: &str| -> Vec<Vec<Option<String>>> {
        let names = ["key", "participants", "connections", "duration_minutes", "minutes_consumed"];
        let cells = |row: &BTreeMap<String, Value>| names.map(|name| row[name].as_str().map(str::to_owned));
        expected[table].iter().map(|row| cells(row).to_vec()).collect()
    };
    assert_eq!(figures(&seen["rollups/minutes_by_session"], 1), wanted("by_session"));
    assert_eq!(figures(&seen["rollups/minutes_by_day"], 1), wanted("by_day"));
    let participants = figures(&seen["rollups/minutes_by_participant"], 2);
    assert_eq!(participants.len(), expected["participants"].len());
}

/// The SQL is for more than one engine: `DuckDB` makes the same of it.
#[test]
fn duckdb_makes_the_same_of_the_same_sql() {
    let (place, server) = (Place::new(), Server::start(|options| options.world.messy = true));
    place.write("list.csv", server.sessions(12));
    place.rtk("run list.csv -o out").against(&server).ends(0);
    let seen = read("duckdb", &place.path("out"));
    for name in ["minutes_by_session", "minutes_by_participant", "minutes_by_day"] {
        let sql = repository_file(&format!("queries/rollups/{name}.sql"));
        let rollup = &seen[&format!("rollups/{name}")];
        assert!(!rollup.rows.is_empty());
        assert_eq!(query(&place.path("out"), &sql), rollup.rows, "{name}");
        let types: Vec<_> = rollup.columns.iter().rev().take(4).map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(types, ["DECIMAL(38,9)", "DECIMAL(38,9)", "BIGINT", "BIGINT"], "{name}");
    }
}
