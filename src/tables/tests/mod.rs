//! The tables of real log files: list rows and replies in, rows out.

mod large;
mod leaves;
mod order;
mod parts;
mod replies;
mod rows;
mod samples;
mod statistics;
mod values;
mod window;

use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::array::{Array, RecordBatch};
use chrono::{DateTime, SecondsFormat, Utc};

use super::chunks::Ends;
use super::{Made, Notice, Table};
use crate::fetch::{Answer, Failure, Reason, Reply};
use crate::lists::{Asked, InvalidRow, ListRow};
use crate::log::{
    DatasetRange, FILE_NAME, Head, ListFile, Lists, Log, Opened, Replies, Resolved, Settings, TypedWindow,
    discovered, examples, open,
};
use crate::model::{PageSize, ParticipantId, RequestKey, SessionId, Window};
use crate::plan::Wants;
use crate::wire::{Expected, Gave, Keys, Raw};

/// When the export began, and replies arrived.
const STARTED: &str = "2026-11-23T00:00:00Z";
const ARRIVED: &str = "2026-11-23T01:02:03.004000Z";

fn session(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

/// A participant's id; its text is [`id`].
fn participant(n: u8) -> ParticipantId {
    ParticipantId::from_bytes([0xA0 | n; 16])
}

fn id(n: u8) -> String {
    participant(n).to_string()
}

fn list_row(row_number: u64, asked: Asked) -> ListRow {
    let (session, participant) = match &asked {
        Asked::Everyone(session) => (session, None),
        Asked::Participant(session, participant) => (session, Some(participant.to_string())),
        Asked::User(session, other) | Asked::Custom(session, other) => (session, Some(other.clone())),
    };
    let session_text = session.to_string();
    ListRow {
        file: 0,
        row_number,
        session_text,
        participant_text: participant,
        asked: Ok(asked),
        labels: Vec::new(),
    }
}

fn pair(row_number: u64, session_no: u8, participant_no: u8) -> ListRow {
    list_row(row_number, Asked::Participant(session(session_no), participant(participant_no)))
}

fn everyone(row_number: u64, session_no: u8) -> ListRow {
    list_row(row_number, Asked::Everyone(session(session_no)))
}

fn invalid(row_number: u64) -> ListRow {
    let asked = Err(InvalidRow::Participant("x1".into()));
    let participant_text = Some("x1".to_owned());
    ListRow {
        file: 0,
        row_number,
        session_text: session(1).to_string(),
        participant_text,
        asked,
        labels: Vec::new(),
    }
}

fn labelled(mut row: ListRow, labels: &[(&str, &str)]) -> ListRow {
    row.labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())).collect();
    row
}

fn reply(key: RequestKey, answer: Answer) -> Reply {
    let arrived_at = DateTime::parse_from_rfc3339(ARRIVED).unwrap().to_utc();
    Reply {
        key,
        arrived_at,
        server_ahead: None,
        attempts: 1,
        rate_limited: 0,
        cf_ray: Some("8f-FRA".into()),
        gave: Gave::default(),
        answer,
    }
}

fn found(key: RequestKey, body: impl Into<String>) -> Reply {
    let body = body.into();
    let gave = match key {
        RequestKey::Details { .. } => Expected::Participant
            .find_record(Raw::parse(&body).unwrap(), &mut Keys::default())
            .map_or_else(Gave::default, |found| Gave::of_details(&found.object)),
        RequestKey::PeerReport { session, .. } => Expected::PeerReport
            .find_record(Raw::parse(&body).unwrap(), &mut Keys::default())
            .map_or_else(Gave::default, |found| Gave::of_report(&found.object, session, true)),
        RequestKey::Page { .. } | RequestKey::Session { .. } | RequestKey::Sessions { .. } => Gave::default(),
    };
    Reply { gave, ..reply(key, Answer::Found(body.into_bytes().into())) }
}

fn failed(key: RequestKey, reason: Reason, http_status: u16) -> Reply {
    let message = format!("{} by the test", reason.name());
    let body = b"<html>".to_vec();
    reply(
        key,
        Answer::Failed(Failure { reason, http_status: Some(http_status), api_code: Some(7), message, body }),
    )
}

fn details_key(session_no: u8, participant_no: u8) -> RequestKey {
    RequestKey::Details { session: session(session_no), participant: participant(participant_no) }
}

fn page_key(session_no: u8, page_no: u32) -> RequestKey {
    RequestKey::Page { session: session(session_no), page_no, size: PageSize::Records(100) }
}

/// A details reply with a record as it stands in the body.
fn details(session_no: u8, participant_no: u8, record: &str) -> Reply {
    found(
        details_key(session_no, participant_no),
        format!(r#"{{"success":true,"data":{{"participant":{record}}}}}"#),
    )
}

fn page(session_no: u8, page_no: u32, records: &[String]) -> Reply {
    let records = records.join(",");
    found(
        page_key(session_no, page_no),
        format!(r#"{{"success":true,"data":{{"participants":[{records}]}}}}"#),
    )
}

/// Everything that [`super::make`] gave.
struct Output {
    batches: Vec<(Table, RecordBatch)>,
    made: Made,
}

/// A row as text by column: times and decimals as CSV has them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row(Vec<(&'static str, Option<String>)>);

impl Row {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(column, _)| *column == name).expect(name).1.as_deref()
    }

    /// The values of some columns, null as `-`.
    fn show(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.get(name).unwrap_or("-")).collect::<Vec<_>>().join(" ")
    }
}

impl Output {
    fn rows(&self, table: Table) -> Vec<Row> {
        let of_table = || self.batches.iter().filter(|(of, _)| *of == table);
        assert!(of_table().all(|(_, batch)| batch.schema() == table.arrow_schema()));
        of_table()
            .flat_map(|(_, batch)| (0..batch.num_rows()).map(|row| Row::of(table, batch, row)))
            .collect()
    }

    fn shown(&self, table: Table, columns: &[&str]) -> Vec<String> {
        self.rows(table).iter().map(|row| row.show(columns)).collect()
    }

    /// How often a notice was given, over all fields.
    fn noted(&self, notice: Notice) -> u64 {
        self.made.warnings.iter().filter(|(of, ..)| *of == notice).map(|(.., noted)| noted.count).sum()
    }

    /// Every warning as `code table field count`.
    fn warnings(&self) -> Vec<String> {
        let show = |(notice, table, field, noted): (Notice, Table, &str, &super::Noted)| {
            format!("{} {} {field} {}", notice.code(), table.name(), noted.count)
        };
        self.made.warnings.iter().map(show).collect()
    }
}

impl Row {
    fn of(table: Table, batch: &RecordBatch, row: usize) -> Self {
        let value = |array: &dyn Array| {
            use arrow::datatypes::DataType;
            array.is_valid(row).then(|| match array.data_type() {
                DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
                DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
                DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
                DataType::Boolean => array.as_boolean().value(row).to_string(),
                DataType::Timestamp(..) => {
                    let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                    let time = DateTime::<Utc>::from_timestamp_micros(micros).unwrap();
                    time.to_rfc3339_opts(SecondsFormat::Micros, true)
                }
                _ => decimal(array.as_primitive::<Decimal128Type>().value(row)),
            })
        };
        Self(table.columns().iter().zip(batch.columns()).map(|(c, array)| (c.name, value(array))).collect())
    }
}

/// Units of 10⁻⁹ as a decimal.
fn decimal(units: i128) -> String {
    const ONE: u128 = 1_000_000_000;
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", units.unsigned_abs() / ONE, units.unsigned_abs() % ONE)
}

/// A log of these rows and replies, with `--fetch` and `--filters` as given, of a window where one is.
fn write_log(
    path: &Path,
    rows: &[ListRow],
    replies: Vec<Reply>,
    fetch: &str,
    filters: &[&str],
    window: Option<&Window>,
) {
    let Opened::Empty(mut log) = open(path).unwrap() else { panic!("not empty") };
    let settings = Settings {
        window: TypedWindow {
            meeting: window.and_then(|window| window.meeting.clone()),
            live: window.is_some_and(|window| window.live),
            ..TypedWindow::default()
        },
        fetch: fetch.into(),
        filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
        dataset: window.and_then(|window| window.days).map(|days| DatasetRange::of(&days)),
        ..examples::settings()
    };
    log.begin(&Head {
        started_at: STARTED.into(),
        window: window.map(Resolved::of),
        settings,
        ..examples::head()
    })
    .unwrap();
    for row in rows {
        log.append_row(row).unwrap();
    }
    let list = ListFile { path: "a.csv".into(), rows: rows.len() as u64, sha256: String::new() };
    log.end_rows(&Lists { lists: vec![list], digest: String::new() }).unwrap();
    for reply in replies {
        log.append(reply).unwrap();
    }
    log.mark_fetched(DateTime::parse_from_rfc3339(ARRIVED).unwrap().to_utc()).unwrap();
}

fn wants_of(rows: &[ListRow]) -> Wants {
    let mut wants = Wants::new();
    for asked in rows.iter().filter_map(|row| row.asked.as_ref().ok()) {
        wants.add(asked).unwrap();
    }
    wants
}

/// The tables of a log of these rows and replies.
fn make_of(fetch: &str, filters: &[&str], rows: &[ListRow], replies: Vec<Reply>) -> Output {
    make_all(fetch, filters, rows, replies, None)
}

/// The same, of a window too.
fn make_all(
    fetch: &str,
    filters: &[&str],
    rows: &[ListRow],
    replies: Vec<Reply>,
    window: Option<&Window>,
) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    write_log(&path, rows, replies, fetch, filters, window);
    make_log(&path, rows, Ends::USUAL, 2)
}

/// The tables of a log that these rows were written to, in chunks that end so, by so many threads.
fn make_log(path: &Path, rows: &[ListRow], ends: Ends, workers: usize) -> Output {
    let log = Log::open(path, true).unwrap().unwrap();
    let mut wants = wants_of(rows);
    let found = discovered(&log, &Replies::load(&log, &wants).unwrap()).unwrap();
    for found in found.sessions {
        wants.add_discovered(found.id).unwrap();
    }
    let replies = Replies::load(&log, &wants).unwrap();
    let mut batches = Vec::new();
    let mut take = |table, batch| {
        batches.push((table, batch));
        Ok(())
    };
    let made = super::make_by(&log, &wants, &replies, &mut take, ends, workers);
    Output { batches, made: made.unwrap() }
}

fn make_with(fetch: &str, rows: &[ListRow], replies: Vec<Reply>) -> Output {
    make_of(fetch, &[], rows, replies)
}

fn make(rows: &[ListRow], replies: Vec<Reply>) -> Output {
    make_with("auto", rows, replies)
}

/// The tables of an export with `--filters all`.
fn make_statistics(rows: &[ListRow], replies: Vec<Reply>) -> Output {
    let filters = ["device_info", "ip_information", "precall_network_information", "events", "quality_stats"];
    make_of("auto", &filters, rows, replies)
}
