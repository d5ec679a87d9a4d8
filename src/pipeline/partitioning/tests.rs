//! A log of a few days, made into files a day.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::*;
use crate::fetch::{Answer, Failure, Reason, Reply};
use crate::log::{DatasetRange, FILE_NAME, Head, Lists, Opened, Resolved, Settings, examples, open};
use crate::model::{PageSize, RequestKey, Window, Zone};
use crate::tables::Table;
use crate::wire::Gave;

const EXPORT: &str = "01935c6a-0000-7000-8000-000000000000";

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn session(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn reply(key: RequestKey, attempts: u32, answer: Answer) -> Reply {
    let arrived_at = time("2026-11-24T01:00:00Z");
    Reply {
        key,
        arrived_at,
        server_ahead: None,
        attempts,
        rate_limited: 0,
        cf_ray: None,
        gave: Gave::default(),
        answer,
    }
}

fn found(key: RequestKey, attempts: u32, body: String) -> Reply {
    reply(key, attempts, Answer::Found(body.into_bytes().into()))
}

fn page(n: u8) -> RequestKey {
    RequestKey::Page { session: session(n), page_no: 1, size: PageSize::Records(100) }
}

fn record(n: u8, status: &str, created_at: &str) -> String {
    format!(r#"{{"id":"{}","status":"{status}","created_at":"{created_at}"}}"#, session(n))
}

/// A session of some participants, each of a minute and a half.
fn people(n: u8, count: u8, attempts: u32) -> Reply {
    let person = |p: u8| {
        let id = crate::model::ParticipantId::from_bytes([0xA0 | p; 16]);
        format!(
            r#"{{"id":"{id}","duration":1.5,"peer_events":[{{"id":"e","minutes_consumed":0.000000001}},{{"id":"f"}}]}}"#
        )
    };
    let people: Vec<_> = (0..count).map(person).collect();
    found(page(n), attempts, format!(r#"{{"data":{{"participants":[{}]}}}}"#, people.join(",")))
}

/// Writes the log of an export of days, its replies in some order.
fn write_log(path: &Path, dataset: Option<DatasetRange>, replies: Vec<Reply>) -> Arc<Log> {
    let Opened::Empty(mut log) = open(path).unwrap() else { panic!("not empty") };
    let window = Window { since: None, until: None, meeting: None, live: false, days: None };
    log.begin(&Head {
        export_id: EXPORT.into(),
        started_at: "2026-11-24T00:00:00Z".into(),
        window: Some(Resolved::of(&window)),
        settings: Settings { dataset, ..examples::settings() },
        ..examples::head()
    })
    .unwrap();
    log.end_rows(&Lists { lists: Vec::new(), digest: String::new() }).unwrap();
    for reply in replies {
        log.append(reply).unwrap();
    }
    log.mark_fetched(time("2026-11-24T02:00:00Z")).unwrap();
    drop(log);
    Arc::new(Log::open(path, true).unwrap().unwrap())
}

fn replies() -> Vec<Reply> {
    let records = [
        record(2, "ENDED", "2026-11-22T10:00:00Z"),
        record(1, "ENDED", "2026-11-21T23:59:59.999999Z"),
        record(3, "LIVE", "2026-11-22T11:00:00Z"),
        record(4, "LIVE", "2026-11-23T11:00:00Z"),
        record(5, "ENDED", "some day"),
        record(6, "ENDED", "2026-11-22T12:00:00Z"),
        // Of no day of the range.
        record(7, "ENDED", "2026-11-20T23:59:59Z"),
        r#"{"id":"room-7","created_at":"2026-11-22T10:00:00Z"}"#.to_owned(),
    ];
    let sessions = RequestKey::Sessions { page_no: 1, size: PageSize::Records(100) };
    let failure = Failure {
        reason: Reason::Refused,
        http_status: Some(410),
        api_code: None,
        message: "gone".to_owned(),
        body: Vec::new(),
    };
    vec![
        found(
            sessions,
            3,
            format!(r#"{{"data":{{"sessions":[{}],"paging":{{"total_count":9}}}}}}"#, records.join(",")),
        ),
        people(1, 2, 1),
        people(2, 1, 2),
        reply(page(6), 4, Answer::Failed(failure)),
    ]
}

fn range() -> DatasetRange {
    DatasetRange { time_zone: Zone::UTC, first: Some(day("2026-11-21")), last: day("2026-11-23") }
}

fn make(dir: &Path, log: Arc<Log>, on_warning: OnWarning) -> Result<MadeDays> {
    let staging = Staging::create_in(dir).unwrap();
    let making = MakingDays { log, wants: None, staging, on_warning };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(make_days(making, &Progress::default()))
}

#[test]
fn a_log_of_days_becomes_files_a_day_and_what_each_day_came_to() {
    let dir = tempfile::tempdir().unwrap();
    let log = write_log(&dir.path().join(FILE_NAME), Some(range()), replies());
    let made = make(dir.path(), log, OnWarning::Publish).unwrap();

    let rows: Vec<_> = made.files.iter().map(|file| (file.table, file.day.to_string(), file.rows)).collect();
    let of_day = |day: &str, rows: [u64; 4]| {
        let tables = [Table::Participants, Table::PeerEvents, Table::Sessions, Table::Failures];
        tables.into_iter().zip(rows).map(|(table, rows)| (table, day.to_owned(), rows)).collect::<Vec<_>>()
    };
    let (first, second) = (of_day("2026-11-21", [2, 4, 1, 0]), of_day("2026-11-22", [1, 2, 2, 1]));
    let expected: Vec<_> =
        first.into_iter().zip(second).flat_map(|(first, second)| [first, second]).collect();
    assert_eq!(rows, expected);
    assert_eq!(
        made.files[0].path,
        format!("participants/session_date=2026-11-21/part-{EXPORT}-00000.parquet")
    );

    let days: Vec<_> = made.days.keys().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-11-21", "2026-11-22", "2026-11-23"]);
    let facts = |text: &str| &made.days[&day(text)];
    let first = facts("2026-11-21");
    assert_eq!((first.sessions, first.requests_sent), (1, 1));
    assert_eq!(first.totals.duration_minutes, Some(3_000_000_000));
    assert_eq!(first.totals.minutes_consumed, Some(2));
    assert!(first.failures.is_empty() && first.live_left_out.is_empty());
    let second = facts("2026-11-22");
    assert_eq!((second.sessions, second.requests_sent), (2, 6));
    assert_eq!((second.totals.participants, second.totals.peer_events), (1, 2));
    assert_eq!(second.failures, BTreeMap::from([("refused".to_owned(), 1)]));
    assert_eq!(second.live_left_out, [session(3)]);
    // Nothing is made of a day that has live sessions only.
    assert_eq!(*facts("2026-11-23"), DayFacts { live_left_out: vec![session(4)], ..DayFacts::default() });

    assert_eq!(made.undated, [session(5)]);
    assert_eq!(made.undated_failures, BTreeMap::from([("bad_response".to_owned(), 1)]));
    assert_eq!(made.requests.sent, 10);
    let codes: Vec<_> = made.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["undated"]);
}

#[test]
fn the_same_replies_in_another_order_give_the_same_files() {
    let of_order = |backward: bool| {
        let dir = tempfile::tempdir().unwrap();
        let mut replies = replies();
        if backward {
            replies.reverse();
        }
        let log = write_log(&dir.path().join(FILE_NAME), Some(range()), replies);
        let mut made = make(dir.path(), log, OnWarning::Publish).unwrap();
        made.files.iter_mut().for_each(|file| file.staged = file.path.clone().into());
        made
    };
    assert_eq!(of_order(false), of_order(true));
}

#[test]
fn with_strict_nothing_is_left_in_staging() {
    let dir = tempfile::tempdir().unwrap();
    let log = write_log(&dir.path().join(FILE_NAME), Some(range()), replies());
    assert!(matches!(make(dir.path(), log, OnWarning::Fail), Err(Error::Warnings { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_export_without_days_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = write_log(&dir.path().join(FILE_NAME), None, replies());
    assert!(matches!(make(dir.path(), log, OnWarning::Publish), Err(Error::LogOfExport { .. })));
}
