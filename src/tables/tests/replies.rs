//! Arbitrary replies: nothing panics, nothing is lost, sums are exact, warnings are counted.
//!
//! The expected row is worked out from the generated text by other means than the code under test: numbers
//! by moving digits as text, times from a list of known ones, keys and strings by `serde_json`.

use proptest::prelude::*;

use super::*;

/// A field: its key and value as written.
type Written = (String, String);

/// Times with what their column shows; everything else that is generated is no time.
const TIMES: &[(&str, &str)] = &[
    (r#""2023-02-01T10:50:36.846Z""#, "2023-02-01T10:50:36.846000Z"),
    (r#""2023-02-01t10:50:36.1234567899z""#, "2023-02-01T10:50:36.123456Z"),
    (r#""2023-02-01T00:30:00\u002b05:30""#, "2023-01-31T19:00:00.000000Z"),
];

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => number(),
        1 => number().prop_map(|number| format!("\"{number}\"")),
        2 => (0..TIMES.len()).prop_map(|place| TIMES[place].0.to_owned()),
        1 => prop::sample::select(vec!["null", "true", "false", r#""null""#, r#""""#, r#"" ""#]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![r#""\ud800""#, r#""\udc00x\ud800""#, r#""2023-02-01T10:50:36.846Z\"""#, r#""\u0000\ud83d\ude00""#])
            .prop_map(str::to_owned),
        2 => "[a-zé\"\\\\/\u{1F600}\t ]{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,9})?",
        "-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?",
        prop::sample::select(vec![
            "1e400",
            "2.5e-3",
            "-0",
            "-0.0e5",
            "1e-400",
            "0.0000000005",
            "0.0000000015",
            "999999999.9999999999"
        ])
        .prop_map(str::to_owned),
    ]
}

fn deep() -> impl Strategy<Value = String> {
    (1..600_usize, any::<bool>()).prop_map(|(levels, arrays)| {
        let (open, close) = if arrays { ("[", "]") } else { ("{\"k\": ", "}") };
        format!("{}1.50{}", open.repeat(levels), close.repeat(levels))
    })
}

fn json() -> impl Strategy<Value = String> {
    let tree = leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key(&["a", "id"]), inner), 0..4).prop_map(|fields| object(&fields)),
        ]
    });
    prop_oneof![8 => leaf(), 2 => tree, 1 => deep()]
}

/// Keys: known ones, plain or escaped, and unknown ones.
fn key(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(known).prop_map(|name| format!("\"{name}\"")),
        1 => prop::sample::select(known).prop_map(|name| {
            let (first, rest) = name.split_at(1);
            format!("\"\\u{:04x}{rest}\"", u32::from(first.as_bytes()[0]))
        }),
        2 => prop::sample::select(vec![r#""new""#, r#""n\u0065w""#, r#""\ud800""#, r#""a \"b\" c""#, r#""""#]).prop_map(str::to_owned),
    ]
}

fn object(fields: &[Written]) -> String {
    let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key} : {value}")).collect();
    format!("{{ {} }}", fields.join(" , "))
}

const EVENT: &[(&str, &str)] = &[
    ("id", "event_id"),
    ("event_name", "event_name"),
    ("minutes_consumed", "minutes_consumed"),
    ("peer_id", "peer_id"),
    ("preset_view_type", "preset_view_type"),
    ("socket_session_id", "socket_session_id"),
    ("session_id", "reported_session_id"),
    ("participant_id", "reported_participant_id"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];
const EVENT_KEYS: &[&str] = &[
    "id",
    "event_name",
    "minutes_consumed",
    "peer_id",
    "preset_view_type",
    "socket_session_id",
    "session_id",
    "participant_id",
    "created_at",
    "updated_at",
    "minutes_consumed",
    "minutes_consumed",
];
const RECORD: &[(&str, &str)] = &[
    ("user_id", "user_id"),
    ("custom_participant_id", "custom_participant_id"),
    ("display_name", "display_name"),
    ("joined_at", "joined_at"),
    ("left_at", "left_at"),
    ("duration", "duration_minutes"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];
const RECORD_KEYS: &[&str] = &[
    "user_id",
    "custom_participant_id",
    "display_name",
    "preset_name",
    "role",
    "joined_at",
    "left_at",
    "duration",
    "created_at",
    "updated_at",
    "duration",
    "peer_events",
];

/// One event: mostly an object of fields.
#[derive(Clone, Debug)]
enum Event {
    Object(Vec<Written>),
    Other(String),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        9 => prop::collection::vec((key(EVENT_KEYS), json()), 0..14).prop_map(Event::Object),
        1 => json().prop_filter("no object", |json| !json.starts_with('{')).prop_map(Event::Other),
    ]
}

/// A participant record: its fields, and the events with their place among the fields.
#[derive(Clone, Debug)]
struct Record {
    fields: Vec<Written>,
    events: Option<Vec<Event>>,
}

fn record() -> impl Strategy<Value = Record> {
    let fields = prop::collection::vec((key(RECORD_KEYS), json()), 0..16);
    (fields, prop::option::weighted(0.8, prop::collection::vec(event(), 0..6)))
        .prop_map(|(fields, events)| Record { fields, events })
}

impl Record {
    /// All fields as written; the id and the events come last, so that they rule.
    fn written(&self, participant_no: u8) -> Vec<Written> {
        let mut fields = self.fields.clone();
        fields.push(("\"id\"".into(), format!("\"{}\"", id(participant_no))));
        if let Some(events) = &self.events {
            let events = events.iter().map(|event| match event {
                Event::Object(fields) => object(fields),
                Event::Other(json) => json.clone(),
            });
            fields.push(("\"peer_events\"".into(), format!("[{}]", events.collect::<Vec<_>>().join(","))));
        }
        fields
    }
}

/// What is expected of one export.
#[derive(Debug, Default)]
struct Told {
    misfit: u64,
    /// Fields in `extra`, misfits among them.
    left: u64,
    /// Misfits that stand in `extra` by another name: events that are no objects.
    whole: u64,
    as_text: u64,
    rounded: u64,
    duplicate: u64,
    null: u64,
}

fn decoded(written: &str) -> Option<String> {
    serde_json::from_str(written).ok()
}

/// The fields that rule: of one key the last, in the place of the first.
fn ruling(fields: &[Written], told: &mut Told) -> Vec<(Option<String>, Written)> {
    let mut ruling: Vec<(Option<String>, Written)> = Vec::new();
    for field in fields {
        let name = decoded(&field.0);
        let same = |(known, (key, _)): &&mut (Option<String>, Written)| {
            if name.is_some() || known.is_some() { *known == name } else { *key == field.0 }
        };
        if let Some(known) = ruling.iter_mut().find(same) {
            known.1 = field.clone();
            told.duplicate += 1;
        } else {
            ruling.push((name, field.clone()));
        }
    }
    ruling
}

/// A number's units of 10⁻⁹ and whether digits were rounded away, by moving its digits as text.
fn units(text: &str) -> Option<(i128, bool)> {
    serde_json::from_str::<&serde_json::value::RawValue>(text).ok()?;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    text.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let digits = format!("{whole}{fraction}");
    let digits = format!("{}{digits}{}", "0".repeat(500), "0".repeat(500));
    let cut = usize::try_from(500 + i64::try_from(whole.len()).unwrap() + exponent + 9).unwrap();
    let (kept, rest) = digits.split_at(cut);
    let kept = kept.trim_start_matches('0');
    if kept.len() > 30 {
        return None;
    }
    let mut units: i128 = if kept.is_empty() { 0 } else { kept.parse().unwrap() };
    let rest = rest.trim_end_matches('0');
    units += i128::from(rest > "5" || (rest == "5" && units % 2 == 1));
    (units < 10_i128.pow(18)).then_some((if negative { -units } else { units }, !rest.is_empty()))
}

/// What a column makes of a value; `None` where it cannot take it.
fn column(name: &str, value: &str, told: &mut Told) -> Option<String> {
    match name {
        "duration" | "minutes_consumed" => {
            let text = decoded(value);
            let (units, rounded) = units(text.as_deref().unwrap_or(value))?;
            told.as_text += u64::from(text.is_some());
            told.rounded += u64::from(rounded);
            Some(decimal(units))
        }
        "joined_at" | "left_at" | "created_at" | "updated_at" => {
            TIMES.iter().find(|(written, _)| *written == value).map(|(_, time)| (*time).to_owned())
        }
        _ => decoded(value),
    }
}

/// Takes one field out of `left`; what its column cannot take stays.
fn take(left: &mut Vec<(Option<String>, Written)>, name: &str, told: &mut Told) -> Option<String> {
    let place = left.iter().position(|(known, _)| known.as_deref() == Some(name))?;
    let value = left[place].1.1.clone();
    if value == "null" {
        let usual =
            ["left_at", "role", "participant_id", "session_id", "socket_session_id", "preset_view_type"];
        told.null += u64::from(!usual.contains(&name));
        left.remove(place);
        return None;
    }
    let taken = column(name, &value, told);
    if taken.is_some() {
        left.remove(place);
    } else {
        told.misfit += 1;
    }
    taken
}

fn extra(left: &[(Option<String>, Written)], told: &mut Told) -> Option<String> {
    told.left += left.len() as u64;
    let members: Vec<_> = left.iter().map(|(_, (key, value))| format!("{key}:{value}")).collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

/// The units of a decimal with nine places.
fn units_of(decimal: &str) -> i128 {
    decimal.replace('.', "").parse().unwrap()
}

fn check_event(row: &Row, event: &Event, told: &mut Told) -> Result<Option<i128>, TestCaseError> {
    let Event::Object(fields) = event else {
        let Event::Other(json) = event else { unreachable!() };
        told.misfit += 1;
        told.whole += 1;
        prop_assert_eq!(row.get("extra"), Some(&*format!(r#"{{"peer_events":{json}}}"#)));
        return Ok(None);
    };
    let mut left = ruling(fields, told);
    let mut minutes = None;
    for (name, shown) in EVENT {
        let value = take(&mut left, name, told);
        prop_assert_eq!(row.get(shown), value.as_deref(), "{}", name);
        if *name == "minutes_consumed" {
            minutes = value.map(|value| units_of(&value));
        }
    }
    let extra = extra(&left, told);
    prop_assert_eq!(row.get("extra"), extra.as_deref());
    Ok(minutes)
}

fn check_record(
    row: &Row,
    events: &[Row],
    record: &Record,
    number: u8,
    told: &mut Told,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(row.get("participant_id"), Some(&*id(number)));
    let mut left = ruling(&record.written(number), told);
    left.retain(|(name, _)| name.as_deref() != Some("id"));
    for (name, shown) in RECORD {
        let value = take(&mut left, name, told);
        prop_assert_eq!(row.get(shown), value.as_deref(), "{}", name);
    }
    let preset = take(&mut left, "preset_name", told);
    if preset.is_some() {
        // The other name of the same thing goes where it says the same.
        left.retain(|(name, (_, value))| {
            name.as_deref() != Some("role") || (value != "null" && decoded(value) != preset)
        });
    }
    let preset = if preset.is_some() { preset } else { take(&mut left, "role", told) };
    prop_assert_eq!(row.get("preset_name"), preset.as_deref());

    let listed = left.iter().position(|(name, _)| name.as_deref() == Some("peer_events"));
    let mut sum = None;
    let mut count = None;
    if let Some(listed) = &record.events {
        left.retain(|(name, _)| name.as_deref() != Some("peer_events"));
        prop_assert_eq!(events.len(), listed.len());
        for (index, (row, event)) in events.iter().zip(listed).enumerate() {
            prop_assert_eq!(row.get("event_index"), Some(&*index.to_string()));
            if let Some(units) = check_event(row, event, told)? {
                sum = Some(sum.unwrap_or(0) + units);
            }
        }
        count = Some(listed.len().to_string());
    } else if let Some(place) = listed {
        // Written by chance among the other fields.
        let value = left[place].1.1.clone();
        if value.starts_with('[') || value == "null" {
            return Err(TestCaseError::reject("events without a model"));
        }
        told.misfit += 1;
    }
    prop_assert_eq!(row.get("peer_event_count"), count.as_deref());
    let sum = sum.map(decimal);
    prop_assert_eq!(row.get("minutes_consumed"), sum.as_deref());
    let extra = extra(&left, told);
    prop_assert_eq!(row.get("extra"), extra.as_deref());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_global_rejects: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_sums_are_exact(records in prop::collection::vec(record(), 1..4)) {
        let numbered = || records.iter().zip(1_u8..);
        let rows: Vec<_> = numbered().map(|(_, n)| pair(u64::from(n) + 1, 1, n)).collect();
        let written = |(record, n): (&Record, u8)| object(&record.written(n));
        let replies = numbered().map(|(record, n)| details(1, n, &written((record, n)))).collect();
        let output = make(&rows, replies);
        let participants = output.rows(Table::Participants);
        let events = output.rows(Table::PeerEvents);
        prop_assert_eq!(participants.len(), records.len());

        let mut told = Told::default();
        for ((record, n), row) in numbered().zip(&participants) {
            let own = |event: &&Row| event.get("participant_id") == row.get("participant_id");
            let own: Vec<_> = events.iter().filter(own).cloned().collect();
            check_record(row, &own, record, n, &mut told)?;
        }
        let counts = [
            (Notice::Misfit, told.misfit),
            (Notice::UnknownField, told.left + told.whole - told.misfit),
            (Notice::NumberAsText, told.as_text),
            (Notice::Rounded, told.rounded),
            (Notice::DuplicateKey, told.duplicate),
            (Notice::Null, told.null),
        ];
        for (notice, count) in counts {
            prop_assert_eq!(output.noted(notice), count, "{:?}", notice);
        }
        let sum = |column: &str| {
            let known = participants.iter().filter_map(|row| row.get(column).map(units_of));
            known.reduce(|sum, units| sum + units)
        };
        let totals = output.made.totals;
        prop_assert_eq!(totals.participants, participants.len() as u64);
        prop_assert_eq!(totals.peer_events, events.len() as u64);
        prop_assert_eq!(totals.minutes_consumed, sum("minutes_consumed"));
        prop_assert_eq!(totals.duration_minutes, sum("duration_minutes"));

        // The other way to the same records gives the same rows and tells the same.
        let pages = vec![page(1, 1, &numbered().map(written).collect::<Vec<_>>())];
        let listed = make(&rows, pages);
        prop_assert_eq!(listed.rows(Table::Participants), participants);
        prop_assert_eq!(listed.rows(Table::PeerEvents), events);
        prop_assert_eq!(listed.rows(Table::IdList), output.rows(Table::IdList));
        prop_assert_eq!(listed.warnings(), output.warnings());
    }

    #[test]
    fn whatever_is_sent_is_a_row_or_a_failure(records in prop::collection::vec(json(), 0..4), around in json()) {
        let list = records.join(",");
        let body = format!(r#"{{"success":true,"x":{around},"data":{{"participants":[{list}],"paging":{around}}}}}"#);
        let output = make(&[everyone(2, 1)], vec![found(page_key(1, 1), body)]);
        let rows = output.rows(Table::Participants).len() + output.rows(Table::Failures).len();
        prop_assert!(rows <= records.len());
        prop_assert!(records.is_empty() || rows > 0);
        // As the session's record and as details, wrapped or bare, anything is one row.
        for body in [format!(r#"{{"data":{around}}}"#), format!(r#"{{"data":{{"participant":{around},"session":{around}}}}}"#)] {
            let key = RequestKey::Session { session: session(1) };
            let output = make(&[pair(2, 1, 1)], vec![found(key, &*body), found(details_key(1, 1), body)]);
            let rows = |table| output.rows(table).len();
            prop_assert_eq!(rows(Table::Participants) + rows(Table::Sessions) + rows(Table::Failures), 2);
        }
    }
}
