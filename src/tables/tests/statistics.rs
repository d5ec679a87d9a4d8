//! Call statistics: case by case, and of arbitrary JSON of roughly the right shape, where no leaf is lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::samples::PREDECESSOR;
use super::*;
use crate::tables::schema::Kind;
use crate::wire::{Object, elements, text};

/// The tables of one record.
fn one(record: &str) -> Output {
    make_statistics(&[pair(2, 1, 1)], vec![details(1, 1, record)])
}

#[test]
fn without_filters_statistics_are_fields_without_a_column() {
    let record = r#"{"peer_stats":{"status":"OK"}}"#;
    let output = make(&[pair(2, 1, 1)], vec![details(1, 1, record)]);
    assert_eq!(output.shown(Table::Participants, &["extra"]), [record]);
    assert!(output.batches.iter().all(|(table, _)| !table.is_statistics()));
}

#[test]
fn every_participant_has_a_row_also_without_statistics() {
    for record in ["{}", r#"{"peer_report":null,"peer_stats":null,"quality_stats":null}"#] {
        let output = one(record);
        assert_eq!(
            output.shown(Table::CallStats, &["participant_id", "source_shape", "extra"]),
            [id(1) + " - -"]
        );
        assert_eq!(output.warnings(), Vec::<String>::new());
    }
    for (record, shape) in [
        (r#"{"peer_report":{}}"#, "new"),
        (r#"{"peer_stats":{}}"#, "old"),
        (r#"{"quality_stats":[]}"#, "old"),
        (
            r#"{"quality_stats":{},"peer_report":{"quality":{"audio_producer":[],"audio_producer_cumulative":{}}}}"#,
            "both",
        ),
    ] {
        let output = one(record);
        assert_eq!(output.shown(Table::CallStats, &["source_shape", "extra"]), [format!("{shape} -")]);
        assert_eq!(output.shown(Table::Participants, &["extra"]), ["-"]);
        assert!(output.rows(Table::QualitySamples).is_empty());
        assert_eq!(output.warnings(), Vec::<String>::new());
    }
}

#[test]
fn what_has_no_column_is_in_extra_as_deep_as_it_came() {
    let output = one(
        r#"{"peer_stats":7,"peer_report":{"metadata":{"device_info":{"cpus":4.5,"gpu":"x"},"events":{"0":1},"pc_metadata":null},
        "quality":{"hologram_producer":[1],"audio_producer":"none"},"v":[]},"quality_stats":"none"}"#,
    );
    let extra = r#"{"peer_report":{"metadata":{"device_info":{"cpus":4.5,"gpu":"x"},"events":{"0":1}},"quality":{"hologram_producer":[1],"audio_producer":"none"},"v":[]},"peer_stats":7,"quality_stats":"none"}"#;
    assert_eq!(output.shown(Table::CallStats, &["device_cpus", "extra"]), [format!("- {extra}")]);
    let told = [
        "value_kept_in_extra call_stats peer_report.metadata.device_info.cpus 1",
        "value_kept_in_extra call_stats peer_report.metadata.events 1",
        "value_kept_in_extra call_stats peer_report.quality.audio_producer 1",
        "value_kept_in_extra call_stats peer_stats 1",
        "value_kept_in_extra call_stats quality_stats 1",
        "unknown_field call_stats peer_report.metadata.device_info.gpu 1",
        "unknown_field call_stats peer_report.quality.hologram_producer 1",
        "unknown_field call_stats peer_report.v 1",
    ];
    assert_eq!(output.warnings(), told);
}

#[test]
fn of_both_shapes_the_new_one_fills_the_columns() {
    let output = one(
        r#"{"peer_stats":{"device_info":{"os":"Linux","cpus":"8","browser":"Firefox"},"events":[{"type":"old"}]},
        "peer_report":{"metadata":{"device_info":{"os":"Linux","cpus":8},"browser_metadata":{"browser":"Chrome"},"events":[{"name":"new"}]}}}"#,
    );
    assert_eq!(
        output
            .shown(Table::CallStats, &["source_shape", "device_os", "device_cpus", "browser_name", "extra"]),
        [r#"both Linux 8 Chrome {"peer_stats":{"device_info":{"browser":"Firefox"}}}"#]
    );
    assert_eq!(
        output.shown(Table::CallEvents, &["source_array", "event_index", "name"]),
        ["peer_report.metadata.events 0 new", "peer_stats.events 0 old"]
    );
}

#[test]
fn measurements_are_doubles_and_no_digit_is_lost() {
    let sample = |field: &str| {
        let output = one(&format!(r#"{{"peer_report":{{"quality":{{"audio_producer":[{{{field}}}]}}}}}}"#));
        let shown = output.shown(Table::QualitySamples, &["rtt", "packets_lost", "timestamp", "extra"]);
        (shown[0].clone(), output.warnings())
    };
    let told = |notice: &str, field: &str| vec![format!("{notice} quality_samples {field} 1")];
    for (field, shown, warnings) in [
        (r#""rtt":0.1"#, "0.1 - - -", vec![]),
        (r#""rtt":1.1090000000"#, "1.109 - - -", vec![]),
        (r#""rtt":2.5e-3"#, "0.0025 - - -", vec![]),
        (r#""rtt":"0.5""#, "0.5 - - -", told("number_as_string", "rtt")),
        (
            r#""rtt":0.12345678901234567890"#,
            r#"0.12345678901234568 - - {"rtt":0.12345678901234567890}"#,
            told("digits_rounded", "rtt"),
        ),
        (r#""rtt":1e400"#, r#"- - - {"rtt":1e400}"#, told("value_kept_in_extra", "rtt")),
        (r#""rtt":"fast""#, r#"- - - {"rtt":"fast"}"#, told("value_kept_in_extra", "rtt")),
        (r#""packets_lost":3.0"#, "- 3 - -", vec![]),
        (r#""packets_lost":12e3"#, "- 12000 - -", vec![]),
        (
            r#""packets_lost":0.5"#,
            r#"- - - {"packets_lost":0.5}"#,
            told("value_kept_in_extra", "packets_lost"),
        ),
        (r#""timestamp":"2023-02-01T10:50:36.846Z""#, "- - 2023-02-01T10:50:36.846000Z -", vec![]),
        (
            r#""timestamp":1675248636846"#,
            r#"- - - {"timestamp":1675248636846}"#,
            told("value_kept_in_extra", "timestamp"),
        ),
        (r#""rtt":null"#, "- - - -", vec![]),
    ] {
        assert_eq!(sample(field), (shown.to_owned(), warnings), "{field}");
    }
}

#[test]
fn booleans_as_text_and_times_as_numbers_are_taken_where_the_api_sends_them_so() {
    let output = one(
        r#"{"peer_report":{"metadata":{"browser_metadata":{"webgl_support":"false"},"device_info":{"is_mobile":"true"},
        "candidate_pairs":{"producing_transport":[{"nominated":1,"last_packet_sent_timestamp":1675248636846.1239,"last_packet_received_timestamp":"x"}]}}}}"#,
    );
    assert_eq!(
        output.shown(Table::CallStats, &["browser_webgl_support", "device_is_mobile"]),
        ["false true"]
    );
    assert_eq!(
        output.shown(
            Table::CandidatePairs,
            &["transport", "nominated", "last_packet_sent_at", "last_packet_received_at", "extra"]
        ),
        [r#"producing - 2023-02-01T10:50:36.846123Z - {"nominated":1,"last_packet_received_timestamp":"x"}"#]
    );
    let told = [
        "value_kept_in_extra candidate_pairs last_packet_received_timestamp 1",
        "value_kept_in_extra candidate_pairs nominated 1",
        "boolean_as_string call_stats peer_report.metadata.device_info.is_mobile 1",
    ];
    assert_eq!(output.warnings(), told);
}

#[test]
fn an_update_is_a_row_for_each_device_and_one_without_any() {
    let output = one(r#"{"peer_report":{"metadata":{"audio_devices_updates":[
        {"timestamp":"2023-02-01T10:50:36Z","n":1,"added":[{"device_id":"a","x":2},{"device_id":"b"}],"removed":[7,{"label":"c","x":3}]},
        {"timestamp":"2023-02-01T10:50:37Z","m":4},"odd"],
        "selected_device_updates":[{"device":{"label":"d","y":5},"added":[{"label":"e"}]},{"device":6}]}}}"#);
    let columns = ["change", "update_index", "device_index", "device_id", "label", "timestamp", "extra"];
    let (first, second) = ("2023-02-01T10:50:36.000000Z", "2023-02-01T10:50:37.000000Z");
    assert_eq!(
        output.shown(Table::DeviceUpdates, &columns),
        [
            format!(r#"added 0 0 a - {first} {{"n":1,"added":{{"x":2}}}}"#),
            format!("added 0 1 b - {first} -"),
            format!(r#"removed 0 2 - - {first} {{"removed":7}}"#),
            format!(r#"removed 0 3 - c {first} {{"removed":{{"x":3}}}}"#),
            format!(r#"- 1 0 - - {second} {{"m":4}}"#),
            r#"- 2 0 - - - {"audio_devices_updates":"odd"}"#.to_owned(),
            r#"selected 0 0 - d - {"device":{"y":5}}"#.to_owned(),
            "added 0 1 - e - -".to_owned(),
            r#"- 1 0 - - - {"device":6}"#.to_owned(),
        ]
    );
}

#[test]
fn old_reports_are_one_for_each_peer_or_one_of_all() {
    let output = one(r#"{"quality_stats":[
        {"peer_id":"p1","start":"2023-02-01T10:50:36Z","average_quality":4,"audio_packet_loss":"n/a","total_audio_packets":5,"audio_stats":[{"quality":1}]},
        {"peer_id":"p2","video_bandwidth":9,"total_audio_packets":6,"new":1,"video_stats":[{"quality":2,"peer_id":"p3"},3]},
        "odd"]}"#);
    assert_eq!(output.shown(Table::CallStats, &["total_audio_packets", "extra"]), ["5 -"]);
    assert_eq!(
        output.shown(
            Table::QualitySummary,
            &["source_object", "media", "measure", "statistic", "value", "peer_id", "started_at", "extra"]
        ),
        [
            "quality_stats[0] - average_quality value 4 p1 2023-02-01T10:50:36.000000Z -",
            r#"quality_stats[0] audio audio_packet_loss value - p1 2023-02-01T10:50:36.000000Z {"audio_packet_loss":"n/a"}"#,
            r#"quality_stats[1] - average_quality value - p2 - {"total_audio_packets":6,"new":1}"#,
            "quality_stats[1] video video_bandwidth value 9 p2 - -",
            r#"quality_stats[2] - average_quality value - - - {"quality_stats":"odd"}"#,
        ]
    );
    assert_eq!(
        output.shown(
            Table::QualitySamples,
            &["source_array", "media", "direction", "sample_index", "quality", "peer_id", "extra"]
        ),
        [
            "quality_stats[0].audio_stats audio - 0 1 p1 -",
            "quality_stats[1].video_stats video - 0 2 p3 -",
            r#"quality_stats[1].video_stats video - 1 - p2 {"video_stats":3}"#,
        ]
    );
}

#[test]
fn any_measure_and_statistic_of_a_whole_call_is_a_row() {
    let output = one(
        r#"{"peer_report":{"quality":{"video_producer_cumulative":{"rtt":{"avg":0.25,"p99":"x","p50":null},"new_fraction":1,
        "issues":{},"odd":[1],"rtt2":{"a":{"b":2}}},"screenshare_audio_consumer_cumulative":[]}}}"#,
    );
    assert_eq!(
        output
            .shown(Table::QualitySummary, &["media", "direction", "measure", "statistic", "value", "extra"]),
        [
            "video producer rtt avg 0.25 -",
            r#"video producer rtt p99 - {"p99":"x"}"#,
            "video producer rtt p50 - -",
            "video producer new_fraction value 1 -",
            r#"video producer odd value - {"odd":[1]}"#,
            r#"video producer rtt2 a - {"a":{"b":2}}"#,
        ]
    );
    let kept = r#"{"peer_report":{"quality":{"screenshare_audio_consumer_cumulative":[]}}}"#;
    assert_eq!(output.shown(Table::CallStats, &["extra"]), [kept]);
}

#[test]
fn a_peer_report_names_its_session() {
    let own = format!(r#"{{"session_id":"{}"}}"#, session(1).to_string().to_uppercase());
    assert_eq!(one(&own).shown(Table::Participants, &["session_id", "extra"]), [format!("{} -", session(1))]);
    let other = r#"{"session_id":"s"}"#;
    assert_eq!(one(other).shown(Table::Participants, &["extra"]), [other]);
}

/// JSON that is not written yet: leaves are told apart by a number when they are.
#[derive(Clone, Debug)]
enum Json {
    Leaf(Leaf),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The form of a leaf.
#[derive(Clone, Copy, Debug)]
enum Leaf {
    Whole,
    Fraction,
    ManyDigits,
    Huge,
    Quoted,
    Text,
    Escaped,
    Surrogate,
    Time,
    EpochMs,
    Bool,
    QuotedBool,
    Null,
}

const LEAVES: [Leaf; 13] = [
    Leaf::Whole,
    Leaf::Fraction,
    Leaf::ManyDigits,
    Leaf::Huge,
    Leaf::Quoted,
    Leaf::Text,
    Leaf::Escaped,
    Leaf::Surrogate,
    Leaf::Time,
    Leaf::EpochMs,
    Leaf::Bool,
    Leaf::QuotedBool,
    Leaf::Null,
];

impl Leaf {
    /// The leaf that a documented value is.
    fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Number(number) if number.as_u64().is_some_and(|n| n > 1_000_000_000_000) => {
                Self::EpochMs
            }
            serde_json::Value::Number(number) if number.is_f64() => Self::Fraction,
            serde_json::Value::Number(_) => Self::Whole,
            serde_json::Value::String(text) if text.ends_with('Z') => Self::Time,
            serde_json::Value::String(_) => Self::Text,
            serde_json::Value::Bool(_) => Self::Bool,
            _ => Self::Null,
        }
    }

    /// The leaf of a number, as JSON; no two numbers give the same, but for booleans and nulls.
    fn write(self, n: u32) -> String {
        match self {
            Self::Whole => format!("{}", 1000 + n),
            Self::Fraction => format!("{n}.5"),
            Self::ManyDigits => format!("0.{n}12345678901234567890"),
            Self::Huge => format!("{n}1e400"),
            Self::Quoted => format!("\"{n}.25\""),
            Self::Text => format!("\"t{n}\""),
            Self::Escaped => format!("\"\\u0074\\\"{n}\""),
            Self::Surrogate => format!("\"\\ud800{n}\""),
            Self::Time => format!("\"2026-11-22T10:51:{:02}.{:06}Z\"", n % 60, n),
            Self::EpochMs => format!("{}", 1_675_000_000_000_u64 + u64::from(n)),
            Self::Bool => format!("{}", n.is_multiple_of(2)),
            Self::QuotedBool => format!("\"{}\"", n.is_multiple_of(2)),
            Self::Null => "null".to_owned(),
        }
    }
}

impl Json {
    fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::of).collect()),
            serde_json::Value::Object(fields) => {
                let field = |(name, value): (&String, _)| (format!("\"{name}\""), Self::of(value));
                Self::Object(fields.iter().map(field).collect())
            }
            leaf => Self::Leaf(Leaf::of(leaf)),
        }
    }

    fn write(&self, n: &mut u32) -> String {
        match self {
            Self::Leaf(leaf) => {
                *n += 1;
                leaf.write(*n)
            }
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| item.write(n)).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| format!("{name}:{}", value.write(n))).collect();
                format!("{{{}}}", fields.join(","))
            }
        }
    }

    fn nodes(&self) -> usize {
        1 + match self {
            Self::Leaf(_) => 0,
            Self::Array(items) => items.iter().map(Self::nodes).sum(),
            Self::Object(fields) => fields.iter().map(|(_, value)| value.nodes()).sum(),
        }
    }

    /// The nth value, in the order in which they are written.
    fn node(&mut self, n: &mut usize) -> Option<&mut Self> {
        if *n == 0 {
            return Some(self);
        }
        *n -= 1;
        match self {
            Self::Leaf(_) => None,
            Self::Array(items) => items.iter_mut().find_map(|item| item.node(n)),
            Self::Object(fields) => fields.iter_mut().find_map(|(_, value)| value.node(n)),
        }
    }
}

/// A change of one value.
#[derive(Clone, Debug)]
enum Change {
    Replace(Json),
    Wrap(bool),
    Put(String, Json),
    Repeat(usize),
    Remove(usize),
}

impl Change {
    fn make(self, json: &mut Json) {
        match (self, json) {
            (Self::Replace(other), json) => *json = other,
            (Self::Wrap(in_array), json) => {
                let inner = std::mem::replace(json, Json::Array(Vec::new()));
                *json = if in_array {
                    Json::Array(vec![inner])
                } else {
                    Json::Object(vec![("\"w\"".into(), inner)])
                };
            }
            (Self::Put(name, value), Json::Object(fields)) => fields.push((name, value)),
            (Self::Put(_, value), Json::Array(items)) => items.push(value),
            (Self::Repeat(n), Json::Array(items)) if !items.is_empty() => {
                items.push(items[n % items.len()].clone())
            }
            (Self::Repeat(n), Json::Object(fields)) if !fields.is_empty() => {
                fields.push(fields[n % fields.len()].clone())
            }
            (Self::Remove(n), Json::Array(items)) if !items.is_empty() => drop(items.remove(n % items.len())),
            (Self::Remove(n), Json::Object(fields)) if !fields.is_empty() => {
                drop(fields.remove(n % fields.len()))
            }
            _ => {}
        }
    }
}

/// Names that mean something somewhere, and names that mean nothing.
const NAMES: [&str; 24] = [
    "peer_report",
    "metadata",
    "quality",
    "quality_stats",
    "peer_stats",
    "events",
    "device",
    "added",
    "timestamp",
    "rtt",
    "asn",
    "audio_stats",
    "connection_info",
    "peer_id",
    "average_quality",
    "video_bandwidth",
    "name",
    "type",
    "jitter",
    "new",
    "n/w",
    "x.y",
    "\\ud800",
    "n\\u0065w",
];

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop::sample::select(&LEAVES[..]).prop_map(Json::Leaf);
    leaf.prop_recursive(3, 10, 4, |inner| {
        let field = (name(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::Array),
            prop::collection::vec(field, 0..4).prop_map(Json::Object),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(|name| format!("\"{name}\""))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => prop::sample::select(&LEAVES[..]).prop_map(|leaf| Change::Replace(Json::Leaf(leaf))),
        1 => any_json().prop_map(Change::Replace),
        1 => any::<bool>().prop_map(Change::Wrap),
        2 => (name(), any_json()).prop_map(|(name, json)| Change::Put(name, json)),
        2 => any::<usize>().prop_map(Change::Repeat),
        1 => any::<usize>().prop_map(Change::Remove),
    ]
}

/// The documented records, each shape.
fn documented() -> Vec<Json> {
    let record = |json: &str| {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let value = value.get("data").map_or(&value, |data| data.get("participant").unwrap_or(data)).clone();
        let Json::Object(mut fields) = Json::of(&value) else { panic!("{json}") };
        fields.retain(|(name, _)| {
            ["\"peer_report\"", "\"peer_stats\"", "\"quality_stats\""].contains(&&**name)
        });
        assert!(!fields.is_empty());
        fields
    };
    let sample = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/replies").join(name);
        record(&std::fs::read_to_string(path).unwrap())
    };
    let [old, new] = [sample("details-statistics.json"), sample("peer-report-new.json")];
    let both = [new.clone(), old.clone()].concat();
    [old, new, record(PREDECESSOR), both].map(Json::Object).to_vec()
}

fn record() -> impl Strategy<Value = Json> {
    let changes = prop::collection::vec((any::<usize>(), change()), 0..12);
    (prop::sample::select(documented()), changes).prop_map(|(mut record, changes)| {
        for (place, change) in changes {
            let mut place = place % record.nodes();
            if let Some(node) = record.node(&mut place) {
                change.make(node);
            }
        }
        // A record is an object that names its participant, which the test's own reply does.
        if let Json::Object(_) = record {
            record
        } else {
            Json::Object(vec![("\"peer_report\"".into(), record)])
        }
    })
}

/// A number by its digits, whatever its spelling.
fn digits(text: &str) -> Option<String> {
    serde_json::from_str::<&RawValue>(text).ok()?;
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    rest.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let point = whole.len() as i64 - (all.len() - significant.len()) as i64 + exponent.parse::<i64>().ok()?;
    let significant = significant.trim_end_matches('0');
    Some(if significant.is_empty() { "0".into() } else { format!("{sign}{significant}e{point}") })
}

/// Every way in which a leaf may be found again.
fn forms(leaf: &RawValue) -> Vec<String> {
    let mut forms = vec![leaf.get().to_owned()];
    let text = text(leaf);
    if let Some(text) = &text {
        forms.push(format!("text {text}"));
        let time = DateTime::parse_from_rfc3339(text).ok();
        forms.extend(time.map(|time| format!("time {}", time.timestamp_micros())));
    }
    let plain = text.as_deref().unwrap_or(leaf.get());
    if let Some(digits) = digits(plain) {
        forms.push(format!("number {digits}"));
        forms.extend(
            plain.parse::<i64>().ok().and_then(|ms| ms.checked_mul(1000)).map(|us| format!("time {us}")),
        );
    }
    if ["true", "false"].contains(&plain) {
        forms.push(format!("bool {plain}"));
    }
    forms
}

/// Tells every leaf; of a key that comes twice the last.
fn each_leaf<'a>(value: &'a RawValue, tell: &mut dyn FnMut(&'a RawValue)) {
    if let Some(object) = Object::parse(value) {
        object.fields.iter().for_each(|field| each_leaf(field.value, tell));
    } else if let Some(items) = elements(value) {
        items.into_iter().for_each(|item| each_leaf(item, tell));
    } else {
        tell(value);
    }
}

/// All that the rows of a participant say, in every form.
fn said(output: &Output) -> BTreeMap<String, BTreeSet<String>> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in Table::of(crate::tables::CallStatistics::Included) {
        if table.columns().iter().all(|column| column.name != "participant_id") {
            continue;
        }
        for row in output.rows(table) {
            let said = said.entry(row.get("participant_id").unwrap().to_owned()).or_default();
            for (column, (_, cell)) in table.columns().iter().zip(&row.0) {
                let Some(cell) = cell else { continue };
                match column.kind {
                    Kind::Text => drop(said.insert(format!("text {cell}"))),
                    Kind::Bool => drop(said.insert(format!("bool {cell}"))),
                    Kind::Int | Kind::Float => drop(said.insert(format!("number {}", digits(cell).unwrap()))),
                    Kind::Time => {
                        let time = DateTime::parse_from_rfc3339(cell).unwrap();
                        said.insert(format!("time {}", time.timestamp_micros()));
                    }
                    Kind::Json => {
                        let json: &RawValue = serde_json::from_str(cell).expect(cell);
                        each_leaf(json, &mut |leaf| said.extend(forms(leaf)));
                    }
                    Kind::Minutes | Kind::MinutesSum => {}
                }
            }
        }
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Two thousand records: whatever their shape, each leaf is in a column or in `extra`, and keys are keys.
    #[test]
    fn no_leaf_of_statistics_is_lost(records in prop::collection::vec(record(), 8)) {
        let numbered = || records.iter().zip(1_u8..);
        let rows: Vec<_> = numbered().map(|(_, n)| pair(u64::from(n) + 1, 1, n)).collect();
        let written: Vec<_> = records.iter().map(|record| record.write(&mut 0)).collect();
        let replies = written.iter().zip(1_u8..).map(|(record, n)| details(1, n, record)).collect();
        let output = make_statistics(&rows, replies);
        prop_assert_eq!(output.rows(Table::CallStats).len(), records.len());
        let said = said(&output);
        for (record, n) in written.iter().zip(1_u8..) {
            let said = &said[&id(n)];
            let mut lost = Vec::new();
            each_leaf(serde_json::from_str(record).unwrap(), &mut |leaf| {
                let is_found = leaf.get() == "null" || forms(leaf).iter().any(|form| said.contains(form));
                if !is_found {
                    lost.push(leaf.get());
                }
            });
            prop_assert!(lost.is_empty(), "{:?} of {}", lost, record);
        }
        for table in Table::ALL.into_iter().filter(|table| table.is_statistics()) {
            let rows = output.rows(table);
            let keys: BTreeSet<_> = rows.iter().map(|row| row.show(table.key())).collect();
            prop_assert_eq!(keys.len(), rows.len(), "{}", table.name());
        }
    }
}
