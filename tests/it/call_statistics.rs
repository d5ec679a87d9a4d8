//! Call statistics of either shape, from the wire to what readers see.
//!
//! The replies are taken from the response log and read with `serde_json`; the schema says which field is
//! whose column, and each value must be there, in the reader's own text of it.

use std::collections::BTreeSet;

use chrono::DateTime;
use rtk_export::reference;
use rtk_export::sandbox::StatsShape;
use rtk_export::tables::schema::{CallStatistics, Kind, Source, Table};
use serde_json::Value;

use crate::support::{Place, Seen, Server, load, log_lines, read};

const PARTICIPANTS: usize = 12;
/// Bytes of one peer report, and what its export may take: the issue's own figures.
const REPORT_BYTES: usize = 50_000_000;
const MOST_BYTES: u64 = 400 * 1024 * 1024;

/// An export of some participants with all statistics, and their records.
fn export(shape: StatsShape) -> (Place, Vec<Value>) {
    let server = Server::start(|options| options.stats_shape = shape);
    let place = Place::new();
    place.write("list.csv", server.pairs(PARTICIPANTS));
    place.rtk("run list.csv -o out --filters all").against(&server).ends(0);
    let replies = log_lines(&place.path("out")).into_iter().map(|line| serde_json::from_str(&line).unwrap());
    let records: Vec<Value> = replies.filter_map(|reply: Value| record(&reply["body"]["data"])).collect();
    assert_eq!(records.len(), PARTICIPANTS);
    (place, records)
}

/// A participant's record, wrapped or not.
fn record(data: &Value) -> Option<Value> {
    let record = data.get("participant").unwrap_or(data);
    record.get("id").is_some().then(|| record.clone())
}

/// The objects that a table's rows are of.
fn objects<'v>(table: Table, record: &'v Value) -> Vec<&'v Value> {
    let (metadata, quality) = (&record["peer_report"]["metadata"], &record["peer_report"]["quality"]);
    let items = |value: &'v Value| value.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    match table {
        Table::CallStats => vec![record],
        Table::CallEvents => {
            items(&metadata["events"]).chain(items(&record["peer_stats"]["events"])).collect()
        }
        Table::QualitySamples => {
            let new = quality.as_object().into_iter().flatten().flat_map(|(_, value)| items(value));
            let reports = items(&record["quality_stats"]);
            let old =
                reports.flat_map(|report| items(&report["audio_stats"]).chain(items(&report["video_stats"])));
            new.chain(old).collect()
        }
        Table::CandidatePairs => {
            let pairs = &metadata["candidate_pairs"];
            items(&pairs["producing_transport"]).chain(items(&pairs["consuming_transport"])).collect()
        }
        Table::ConnectionMetadata => items(&metadata["pc_metadata"]).collect(),
        _ => Vec::new(),
    }
}

/// A value as the reader shows it.
fn shown(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Time, Value::String(text)) => {
            DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros().to_string()
        }
        (Kind::Time, milliseconds) => format!("{milliseconds}000"),
        (Kind::Float, number) => as_double(&number.to_string()),
        (Kind::Json, json) => json.to_string(),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// One text of a double.
fn as_double(text: &str) -> String {
    text.parse::<f64>().unwrap().to_string()
}

/// What the reader shows in a column, without nulls.
fn column(seen: &Seen, name: &str, kind: Kind) -> Vec<String> {
    let place = seen.columns.iter().position(|(column, _)| column == name).unwrap();
    let cells = seen.rows.iter().filter_map(|row| row[place].clone());
    let same = |cell: String| match kind {
        Kind::Float => as_double(&cell),
        Kind::Json => serde_json::from_str::<Value>(&cell).unwrap().to_string(),
        _ => cell,
    };
    cells.map(same).collect()
}

#[test]
fn every_value_of_a_reply_is_in_the_column_that_the_schema_names() {
    let mut fed = BTreeSet::new();
    for shape in [StatsShape::Old, StatsShape::New] {
        let (place, records) = export(shape);
        for engine in ["duckdb", "pyarrow"] {
            let seen = read(engine, &place.path("out"));
            for table in Table::of(CallStatistics::Included).filter(|table| table.is_statistics()) {
                let seen = &seen[table.name()];
                assert!(column(seen, "extra", Kind::Text).is_empty(), "{}", table.name());
                let objects: Vec<_> = records.iter().flat_map(|record| objects(table, record)).collect();
                for spec in table.columns() {
                    let Source::Fields(paths) = spec.source else { continue };
                    if objects.is_empty() {
                        continue;
                    }
                    let field = |object: &Value| {
                        let at =
                            |path: &&str| object.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
                        paths.iter().find_map(at).filter(|value| !value.is_null())
                    };
                    let mut sent: Vec<_> = objects
                        .iter()
                        .filter_map(|object| field(object))
                        .map(|value| shown(spec.kind, &value))
                        .collect();
                    let mut found = column(seen, spec.name, spec.kind);
                    if spec.name == "peer_id" && shape == StatsShape::Old {
                        // The report's own.
                        assert_eq!(found.len(), objects.len());
                        found.clear();
                    }
                    if spec.name == "browser_webgl_support" {
                        found.retain(|cell| ["true", "false"].contains(&cell.as_str()));
                    }
                    sent.sort();
                    found.sort();
                    assert_eq!(found, sent, "{engine}, {}.{}", table.name(), spec.name);
                    if !found.is_empty() {
                        fed.insert((table, spec.name));
                    }
                }
            }
        }
    }
    // Of each table, the columns that the sandbox's replies have no field for.
    let count = |table| fed.iter().filter(|(of, _)| *of == table).count();
    assert_eq!(count(Table::CandidatePairs), 28);
    assert_eq!(count(Table::CallEvents), 3);
    assert!(count(Table::QualitySamples) >= 33, "{}", count(Table::QualitySamples));
    assert!(count(Table::CallStats) >= 40, "{}", count(Table::CallStats));
}

#[test]
fn every_statistic_over_a_call_is_a_row() {
    let (place, records) = export(StatsShape::New);
    let seen = read("duckdb", &place.path("out"));
    let mut sent = Vec::new();
    for (name, object) in
        records.iter().flat_map(|record| record["peer_report"]["quality"].as_object().unwrap())
    {
        let Some(kind) = name.strip_suffix("_cumulative") else { continue };
        for (measure, value) in object.as_object().unwrap() {
            let plain = Value::Object([("value".to_owned(), value.clone())].into_iter().collect());
            for (statistic, value) in value.as_object().or(plain.as_object()).unwrap() {
                sent.push(format!("{kind} {measure} {statistic} {}", as_double(&value.to_string())));
            }
        }
    }
    let summary = &seen["quality_summary"];
    let columns = ["media", "direction", "measure", "statistic", "value"]
        .map(|name| summary.columns.iter().position(|(column, _)| column == name).unwrap());
    let found = summary.rows.iter().map(|row| {
        let [media, direction, measure, statistic, value] =
            columns.map(|place| row[place].as_deref().unwrap());
        format!("{media}_{direction} {measure} {statistic} {}", as_double(value))
    });
    let mut found: Vec<_> = found.collect();
    found.sort();
    sent.sort();
    assert_eq!(found, sent);
}

#[test]
fn duckdb_loads_an_export_into_the_tables_of_its_ddl() {
    for shape in [StatsShape::Old, StatsShape::New] {
        let (place, _) = export(shape);
        let ddl = place.rtk("schema --dialect duckdb --statements create").ends(0).stdout;
        let rows = load(&place.path("out"), &ddl);
        assert_eq!(rows.len(), Table::ALL.len());
        assert_eq!(rows["call_stats"], PARTICIPANTS as u64);
        assert!(rows["quality_samples"] > 100, "{rows:?}");
        assert!(reference::create(&Table::ALL, rtk_export::cli::Dialect::Duckdb) == ddl);
    }
}

/// What is counted is the whole process, fetching and writing Parquet included.
#[test]
fn one_peer_report_of_50_mb_is_flattened_within_400_mb() {
    let server = Server::start(|options| {
        options.stats_shape = StatsShape::New;
        // The first participant shares a screen: eight arrays.
        options.samples = 15_500;
    });
    let place = Place::new();
    place.write("list.csv", server.pairs(1));
    let run = place.rtk("run list.csv -o out --filters all --timeout 10m").against(&server).ends(0);
    let sent = log_lines(&place.path("out")).iter().map(String::len).max().unwrap();
    assert!(sent >= REPORT_BYTES, "{sent}");
    let peak = run.peak_rss_kib * 1024;
    assert!(0 < peak && peak < MOST_BYTES, "{peak} bytes for a reply of {sent}");
}
