//! Call statistics of arbitrary JSON of roughly the right shape: no leaf is lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::samples::PREDECESSOR;
use super::*;
use crate::tables::CallStatistics;
use crate::tables::schema::Kind;
use crate::wire::{Object, Raw, elements, text};

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
                items.push(items[n % items.len()].clone());
            }
            (Self::Repeat(n), Json::Object(fields)) if !fields.is_empty() => {
                fields.push(fields[n % fields.len()].clone());
            }
            (Self::Remove(n), Json::Array(items)) if !items.is_empty() => drop(items.remove(n % items.len())),
            (Self::Remove(n), Json::Object(fields)) if !fields.is_empty() => {
                drop(fields.remove(n % fields.len()));
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
    Raw::parse(text)?;
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    rest.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let length = |text: &str| i64::try_from(text.len()).unwrap();
    let point = length(whole) - length(&all) + length(significant) + exponent.parse::<i64>().ok()?;
    let significant = significant.trim_end_matches('0');
    Some(if significant.is_empty() { "0".into() } else { format!("{sign}{significant}e{point}") })
}

/// The microseconds of milliseconds without an exponent.
fn micros(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(format!("{whole}{fraction}").parse::<i64>().ok()?.to_string())
}

/// Every way in which a leaf may be found again.
fn forms(leaf: Raw<'_>) -> Vec<String> {
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
        forms.extend(micros(plain).map(|micros| format!("time {micros}")));
    }
    if ["true", "false"].contains(&plain) {
        forms.push(format!("bool {plain}"));
    }
    forms
}

/// Tells every leaf; of a key that comes twice the last.
fn each_leaf<'a>(value: Raw<'a>, tell: &mut dyn FnMut(Raw<'a>)) {
    if let Some(object) = Object::parse(value) {
        for field in object.fields {
            each_leaf(field.value, tell);
        }
    } else if let Some(items) = elements(value) {
        for item in items {
            each_leaf(item, tell);
        }
    } else {
        tell(value);
    }
}

/// All that the rows of a participant say, in every form.
fn said(output: &Output) -> BTreeMap<String, BTreeSet<String>> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in Table::of(CallStatistics::Included) {
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
                        let json = Raw::parse(cell).expect(cell);
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
            each_leaf(Raw::parse(record).unwrap(), &mut |leaf| {
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
