//! Every query gives the same rows, to the digit, on `DataFusion`, `DuckDB`, `PostgreSQL` and Spark.
//!
//! Over three exports: one of messy replies, one without rows, and one made by hand of what is easy to
//! get wrong: ties, nulls, negative and tiny minutes, events without a participant, odd labels.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use rtk_export::config::Format;
use rtk_export::files::{Staging, TableWriter, Target};
use rtk_export::manifest::{Manifest, TableFiles};
use rtk_export::publish::publish;
use rtk_export::queries::Folder;
use rtk_export::tables::schema::{CallStatistics, Kind, Table};
use serde_json::json;

use crate::support::{Place, Server, TextRows, ask_engine};

/// What `rtk-export` itself answers, and where the others find the same files.
struct Answers {
    place: Place,
    task: PathBuf,
    /// By export and query.
    rows: BTreeMap<String, BTreeMap<String, TextRows>>,
}

/// All shipped queries, as `query` knows them.
fn queries() -> BTreeMap<String, &'static str> {
    let named = |folder: Folder| {
        folder
            .queries()
            .iter()
            .map(move |query| (format!("{}/{}", folder.name(), query.name), query.sql.as_ref()))
    };
    Folder::ALL.into_iter().flat_map(named).collect()
}

fn answers() -> &'static Answers {
    static ANSWERS: OnceLock<Answers> = OnceLock::new();
    ANSWERS.get_or_init(|| {
        let place = Place::new();
        let server = Server::start(|options| options.world.messy = true);
        place.write("pairs.csv", labelled(&server.pairs(100)));
        place.write("sessions.csv", server.sessions(9));
        place.rtk("run pairs.csv sessions.csv -o messy-parquet --with-sessions").against(&server).ends(0);
        place.write("empty.csv", "session_id\n");
        place.rtk("run empty.csv -o empty-parquet").against(&server).ends(0);
        for export in ["messy", "empty"] {
            place.rtk(&format!("rebuild {export}-parquet -o {export}-csv --format csv")).ends(0);
        }
        for (format, name) in [(Format::Parquet, "parquet"), (Format::Csv, "csv")] {
            let output = place.path(&format!("crafted-{name}"));
            publish_by_hand(&place.path("empty-parquet"), &output, format);
        }
        let mut rows = BTreeMap::new();
        let mut exports = BTreeMap::new();
        for export in ["messy", "empty", "crafted"] {
            let folder = |form: &str| place.path(&format!("{export}-{form}"));
            exports.insert(export, json!({ "parquet": folder("parquet"), "csv": folder("csv") }));
            let of_export: BTreeMap<_, _> =
                queries().into_keys().map(|query| (query.clone(), ours(&place, export, &query))).collect();
            rows.insert(export.to_owned(), of_export);
        }
        let kind = |kind: Kind| match kind {
            Kind::Text | Kind::Json => "text",
            Kind::Int => "count",
            Kind::Time => "time",
            Kind::Minutes => "minutes",
            Kind::MinutesSum => "sum",
            Kind::Float | Kind::Bool => panic!("no query reads it"),
        };
        let columns: BTreeMap<_, Vec<_>> = Table::of(CallStatistics::LeftOut)
            .map(|table| (table.name(), table.columns().iter().map(|c| (c.name, kind(c.kind))).collect()))
            .collect();
        let task = json!({ "exports": exports, "columns": columns, "queries": queries() });
        let task = place.write("task.json", task.to_string());
        Answers { place, task, rows }
    })
}

/// Labels whose names and values are odd, on a list of pairs.
fn labelled(pairs: &str) -> String {
    let mut lines = pairs.lines();
    let header = format!("{},Customer,\"say \"\"hi\"\", you\",客户,'; --\n", lines.next().unwrap());
    let values = [
        "Acme,1,是,x",
        "\"A, \"\"B\"\"\",,,",
        "acme,NULL,null,'",
        ",\"two\nlines\",=1+1,\\N",
        "Émile,🙂,ß,\u{202e}x",
    ];
    lines.zip(values.iter().cycle()).fold(header, |text, (line, value)| text + line + "," + value + "\n")
}

/// The same from both formats, by way of the binary.
fn ours(place: &Place, export: &str, query: &str) -> TextRows {
    let [parquet, csv] = ["parquet", "csv"].map(|form| {
        let output = place.rtk(&format!("query {export}-{form} {query} --format csv")).ends(0);
        let mut reader = rows_of(&output.stdout);
        reader.remove(0);
        reader
    });
    assert_eq!(parquet, csv, "{query} over {export}");
    parquet
}

/// CSV as the contract has it: null is nothing, the empty string `""`.
fn rows_of(csv: &str) -> TextRows {
    let mut rows = vec![Vec::new()];
    let (mut cell, mut quoted, mut inside) = (String::new(), false, false);
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => (inside, quoted) = (!inside, true),
            ',' | '\n' if !inside => {
                let text = std::mem::take(&mut cell);
                let value = (quoted || !text.is_empty()).then_some(text);
                quoted = false;
                rows.last_mut().unwrap().push(value);
                if c == '\n' {
                    rows.push(Vec::new());
                }
            }
            c => cell.push(c),
        }
    }
    rows.pop();
    rows
}

/// The others' rows are ours.
fn agrees(engine: &str) {
    let answers = answers();
    let theirs = ask_engine(engine, &answers.task);
    assert_eq!(theirs.keys().collect::<Vec<_>>(), answers.rows.keys().collect::<Vec<_>>());
    for (export, queries) in &answers.rows {
        for (query, rows) in queries {
            assert_eq!(&theirs[export][query], rows, "{query} over {export}, by {engine}");
        }
    }
}

#[test]
fn duckdb() {
    agrees("duckdb");
}

#[test]
fn postgresql() {
    agrees("postgresql");
}

#[test]
fn spark() {
    agrees("spark");
}

/// What is compared is worth comparing: the results of the export made by hand, to be read.
#[test]
fn what_the_queries_say_of_the_export_made_by_hand() {
    let answers = answers();
    let mut shown = String::new();
    for query in queries().keys() {
        let answer = answers.place.rtk(&format!("query crafted-parquet {query}")).ends(0);
        shown.extend(["== ", query, "\n", &answer.stdout, "\n"]);
        assert!(!answers.rows["crafted"][query].is_empty(), "{query} has nothing to compare");
    }
    insta::assert_snapshot!(shown);
    for (query, rows) in &answers.rows["messy"] {
        let is_empty = rows.is_empty();
        assert!(!is_empty || query.starts_with("checks/"), "{query} has nothing to compare");
    }
    assert!(answers.rows["empty"].values().all(Vec::is_empty));
}

/// A run's rollups are the answers of its queries.
#[test]
fn the_rollups_of_a_run_are_what_their_queries_answer() {
    let answers = answers();
    for (query, rows) in &answers.rows["messy"] {
        if query.starts_with("rollups/") {
            let file = answers.place.path(&format!("messy-csv/{query}.csv"));
            let mut made = rows_of(&fs::read_to_string(file).unwrap());
            made.remove(0);
            assert_eq!(&made, rows, "{query}");
        }
    }
}

/// A row by its columns; those not named are null, or nothing in particular.
type Row = &'static [(&'static str, &'static str)];

const PARTICIPANTS: &[Row] = &[
    // Ties: equal times, one leaving in the microsecond in which another joins.
    &[
        ("session_id", "s1"),
        ("participant_id", "p1"),
        ("user_id", "u1"),
        ("custom_participant_id", "ann"),
        ("preset_name", "host"),
        ("joined_at", "2026-11-22T23:00:00Z"),
        ("left_at", "2026-11-22T23:30:00Z"),
        ("duration_minutes", "30"),
        ("minutes_consumed", "30"),
        ("list_file", "a.csv"),
        ("row_number", "2"),
    ],
    &[
        ("session_id", "s1"),
        ("participant_id", "p2"),
        ("user_id", "u2"),
        ("custom_participant_id", "ann"),
        ("preset_name", "host"),
        ("joined_at", "2026-11-22T23:30:00Z"),
        ("left_at", "2026-11-23T00:10:00.000001Z"),
        ("duration_minutes", "40.000000001"),
        ("minutes_consumed", "39.999999999"),
        ("list_file", "a.csv"),
        ("row_number", "2"),
    ],
    &[
        ("session_id", "s1"),
        ("participant_id", "p3"),
        ("user_id", "ann"),
        ("joined_at", "2026-11-22T23:00:00Z"),
        ("left_at", "2026-11-22T23:00:00Z"),
        ("duration_minutes", "0"),
        ("list_file", "a.csv"),
        ("row_number", "3"),
    ],
    // Left before joining; still there; nobody knows when, who or how long.
    &[
        ("session_id", "s1"),
        ("participant_id", "p4"),
        ("preset_name", ""),
        ("custom_participant_id", ""),
        ("joined_at", "2026-11-22T23:20:00Z"),
        ("left_at", "2026-11-22T23:10:00Z"),
        ("duration_minutes", "-10"),
        ("minutes_consumed", "-0.000000001"),
        ("list_file", "b.csv"),
        ("row_number", "2"),
    ],
    &[
        ("session_id", "s2"),
        ("participant_id", "p1"),
        ("custom_participant_id", "ann"),
        ("joined_at", "2026-11-23T00:00:00Z"),
        ("duration_minutes", "999999999.999999999"),
        ("minutes_consumed", "12345678901234567890.123456789"),
        ("list_file", "b.csv"),
        ("row_number", "2"),
    ],
    &[
        ("session_id", "s2"),
        ("participant_id", "p2"),
        ("created_at", "2026-11-21T12:00:00Z"),
        ("list_file", "b.csv"),
        ("row_number", "3"),
    ],
    &[
        ("session_id", "s2"),
        ("participant_id", "p3"),
        ("custom_participant_id", "Ann"),
        ("preset_name", "Host"),
        ("list_file", "a.csv"),
        ("row_number", "4"),
        ("minutes_consumed", "0.1"),
    ],
    &[
        ("session_id", "s3"),
        ("participant_id", "p1"),
        ("custom_participant_id", "\u{e9}mile"),
        ("preset_name", "h\u{f6}st"),
        ("joined_at", "1969-12-31T23:59:59.999999Z"),
        ("left_at", "1970-01-01T00:00:00Z"),
        ("duration_minutes", "0.000000017"),
        ("minutes_consumed", "0.000000017"),
    ],
    &[
        ("session_id", "s3"),
        ("participant_id", "p2"),
        ("custom_participant_id", "\u{1f642}"),
        ("preset_name", "a\nb, \"c\""),
        ("joined_at", "1969-12-31T00:00:00Z"),
    ],
];

const PEER_EVENTS: &[Row] = &[
    &[
        ("session_id", "s1"),
        ("participant_id", "p1"),
        ("event_index", "0"),
        ("event_name", "PEER_CREATED"),
        ("peer_id", "x"),
        ("preset_view_type", "WEBINAR"),
    ],
    &[
        ("session_id", "s1"),
        ("participant_id", "p1"),
        ("event_index", "1"),
        ("event_name", "PEER_JOINING"),
        ("peer_id", "x"),
        ("preset_view_type", "GROUP_CALL"),
        ("created_at", "2026-11-22T23:00:00Z"),
    ],
    &[
        ("session_id", "s1"),
        ("participant_id", "p1"),
        ("event_index", "2"),
        ("event_name", "PEER_LEAVING"),
        ("peer_id", "x"),
        ("created_at", "2026-11-22T23:30:00Z"),
        ("minutes_consumed", "30"),
    ],
    // Two joins at one time, and no leave.
    &[
        ("session_id", "s1"),
        ("participant_id", "p2"),
        ("event_index", "10"),
        ("event_name", "PEER_JOINING"),
        ("peer_id", "y"),
        ("preset_view_type", "AUDIO_ROOM"),
        ("created_at", "2026-11-22T23:30:00Z"),
    ],
    &[
        ("session_id", "s1"),
        ("participant_id", "p2"),
        ("event_index", "9"),
        ("event_name", "PEER_JOINING"),
        ("peer_id", "y"),
        ("preset_view_type", "WEBINAR"),
        ("created_at", "2026-11-22T23:30:00Z"),
        ("minutes_consumed", "39.999999999"),
    ],
    // A leave without a join, twice; of no peer; at no time.
    &[
        ("session_id", "s1"),
        ("participant_id", "p3"),
        ("event_index", "0"),
        ("event_name", "PEER_LEAVING"),
        ("preset_view_type", ""),
    ],
    &[("session_id", "s1"), ("participant_id", "p3"), ("event_index", "1"), ("event_name", "PEER_LEAVING")],
    &[
        ("session_id", "s2"),
        ("participant_id", "p1"),
        ("event_index", "0"),
        ("event_name", "PEER_JOINING"),
        ("peer_id", "z"),
        ("preset_view_type", "NEW_TYPE"),
    ],
    // A join that nothing ends, of somebody who has left.
    &[
        ("session_id", "s3"),
        ("participant_id", "p1"),
        ("event_index", "0"),
        ("event_name", "PEER_JOINING"),
        ("peer_id", "v"),
    ],
    // Of nobody.
    &[
        ("session_id", "s9"),
        ("participant_id", "p1"),
        ("event_index", "0"),
        ("event_name", "PEER_JOINING"),
        ("minutes_consumed", "0.5"),
        ("preset_view_type", "CHAT"),
    ],
    &[
        ("session_id", "s9"),
        ("participant_id", "p1"),
        ("event_index", "1"),
        ("event_name", "SOMETHING_NEW"),
        ("minutes_consumed", "-0.25"),
    ],
    &[("session_id", "s2"), ("participant_id", "p8"), ("event_index", "0")],
];

const SESSIONS: &[Row] = &[
    &[("session_id", "s1"), ("meeting_id", "m1"), ("minutes_consumed", "69.999999998")],
    &[("session_id", "s2"), ("meeting_id", "m1"), ("minutes_consumed", "1")],
    &[("session_id", "s3"), ("meeting_id", ""), ("minutes_consumed", "0.000000017")],
    &[("session_id", "s4"), ("meeting_id", "m2"), ("minutes_consumed", "5")],
    &[("session_id", "s9")],
];

const LABELS: &[Row] = &[
    &[("list_file", "a.csv"), ("row_number", "2"), ("name", "customer"), ("value", "Acme")],
    &[("list_file", "a.csv"), ("row_number", "2"), ("name", "say \"hi\", you"), ("value", "a\nb")],
    &[("list_file", "a.csv"), ("row_number", "3"), ("name", "customer"), ("value", "acme")],
    &[("list_file", "a.csv"), ("row_number", "4"), ("name", "customer"), ("value", "")],
    &[("list_file", "b.csv"), ("row_number", "2"), ("name", "customer"), ("value", "\u{c4}cme")],
    &[("list_file", "b.csv"), ("row_number", "2"), ("name", "")],
    &[("list_file", "b.csv"), ("row_number", "2"), ("name", "day"), ("value", "null")],
    &[("list_file", "c.csv"), ("row_number", "2"), ("name", "customer"), ("value", "of nobody")],
];

/// Publishes the rows above as an export of their own; all else is that of an export without rows.
fn publish_by_hand(like: &Path, output: &Path, format: Format) {
    let staging = Staging::create(output).unwrap();
    let mut files = Vec::new();
    for table in Table::of(CallStatistics::LeftOut) {
        let rows = match table {
            Table::Participants => PARTICIPANTS,
            Table::PeerEvents => PEER_EVENTS,
            Table::Sessions => SESSIONS,
            Table::Labels => LABELS,
            _ => &[],
        };
        let mut writer = TableWriter::create(&staging, Target::Table(table), format).unwrap();
        if !rows.is_empty() {
            writer.write(&batch(table, rows)).unwrap();
        }
        files.extend(writer.close().unwrap());
    }
    let mut manifest = Manifest::read(&like.join("manifest.json")).unwrap();
    manifest.tables = TableFiles::of(&files);
    publish(&staging, manifest, &mut |_| Ok(())).unwrap();
}

fn batch(table: Table, rows: &[Row]) -> RecordBatch {
    let columns = table.columns().iter().map(|column| -> ArrayRef {
        let value = |row: &Row| row.iter().find(|(name, _)| *name == column.name).map(|(_, value)| *value);
        let texts = || rows.iter().map(value);
        // What a required column has where no row says.
        let micros = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
        match column.kind {
            Kind::Text | Kind::Json => {
                let values = texts().map(|text| if column.nullable { text } else { text.or(Some("")) });
                Arc::new(values.collect::<StringArray>())
            }
            Kind::Int => Arc::new(
                texts().map(|text| text.map(|text| text.parse::<i64>().unwrap())).collect::<Int64Array>(),
            ),
            Kind::Time => {
                let values =
                    texts().map(|text| if column.nullable { text } else { Some("2026-11-23T00:00:00Z") });
                let times: TimestampMicrosecondArray = values.map(|text| text.map(micros)).collect();
                Arc::new(times.with_timezone("UTC"))
            }
            Kind::Float | Kind::Bool => panic!("no query reads it"),
            Kind::Minutes | Kind::MinutesSum => {
                let decimals: Decimal128Array = texts().map(|text| text.map(units)).collect();
                let decimals = decimals.with_precision_and_scale(38, 9).unwrap();
                cast(&decimals, &column.kind.data_type()).unwrap()
            }
        }
    });
    RecordBatch::try_new(table.arrow_schema(), columns.collect()).unwrap()
}

/// Minutes in units of the ninth place.
fn units(text: &str) -> i128 {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{places:0<9}").parse().unwrap()
}
