//! The log's promises: what was durable comes back, a torn tail is no error, one process at a time.

mod damage;

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::examples::{head, settings};
use super::*;
use crate::error::Error;
use crate::fetch::{Answer, Failure, Reason, Reply};
use crate::lists::{Asked, InvalidRow, ListRow};
use crate::model::{PageSize, ParticipantId, RequestKey, SessionId};
use crate::wire::Gave;

fn session(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

fn row(n: u8) -> ListRow {
    let participant = ParticipantId::from_bytes([n; 16]);
    ListRow {
        file: 0,
        row_number: u64::from(n) + 1,
        session_text: session(n).to_string(),
        participant_text: Some(participant.to_string()),
        asked: Ok(Asked::Participant(session(n), participant)),
        labels: vec![("customer".into(), format!("c{n}"))],
    }
}

fn reply(n: u8, answer: Answer) -> Reply {
    Reply {
        key: RequestKey::Details { session: session(n), participant: ParticipantId::from_bytes([n; 16]) },
        arrived_at: DateTime::<Utc>::from_timestamp_millis(1_700_000_000_000 + i64::from(n)).unwrap(),
        server_ahead: None,
        attempts: 1 + u32::from(n),
        rate_limited: 0,
        cf_ray: Some("8f-FRA".into()),
        gave: Gave::default(),
        answer,
    }
}

fn found(n: u8) -> Reply {
    reply(n, Answer::Found(format!("{{\"n\": {n},\r\n \"s\": \"\\ud800\"}}").into_bytes().into()))
}

/// A log of `rows` rows and a reply in a block of its own for each of `replies`.
fn write(path: &Path, rows: u8, replies: impl IntoIterator<Item = Reply>) {
    let Opened::Empty(mut log) = open(path).unwrap() else { panic!("not empty") };
    log.begin(&head()).unwrap();
    let mut digest = RowDigest::default();
    for n in 0..rows {
        log.append_row(&row(n)).unwrap();
        digest.add(&row(n));
    }
    log.end_rows(&Lists { lists: Vec::new(), digest: digest.finish() }).unwrap();
    for reply in replies {
        log.append(reply).unwrap();
        log.make_durable().unwrap();
    }
}

/// Opens a log that nobody holds any more. A child process that another test starts has our files, and so
/// their locks, for the moment before it runs its program.
fn open_unlocked(path: &Path) -> Opened {
    open_unlocked_or_not(path).unwrap()
}

fn open_unlocked_or_not(path: &Path) -> Result<Opened, Error> {
    loop {
        match open(path) {
            Err(Error::OutputBusy { .. }) => std::thread::yield_now(),
            opened => return opened,
        }
    }
}

/// The bodies found in a log, in order.
fn bodies(log: &Log) -> Vec<String> {
    let mut locations = Vec::new();
    log.each_reply(|entry| locations.push(entry.location)).unwrap();
    let mut entries = log.entries();
    let text = |location| {
        let block = entries.block(location).unwrap();
        match entries.parse(&block, location).unwrap().answer {
            EntryAnswer::Found(body) => body.get().to_owned(),
            EntryAnswer::Failed { message, .. } => message,
        }
    };
    locations.into_iter().map(text).collect()
}

#[test]
fn everything_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let failure = Failure {
        reason: Reason::BadResponse,
        http_status: Some(200),
        api_code: None,
        message: "no JSON".into(),
        body: b"<html>\n\xff".to_vec(),
    };
    write(&path, 3, [found(1), reply(2, Answer::Failed(failure)), found(3)]);
    let Opened::Begun(mut writer, log) = open_unlocked(&path) else { panic!("empty") };
    assert_eq!(log.head(), &head());
    assert_eq!(log.rows().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), [row(0), row(1), row(2)]);
    // Line breaks between tokens became blanks; the rest is the API's own text.
    assert_eq!(bodies(&log), [r#"{"n": 1,   "s": "\ud800"}"#, "no JSON", r#"{"n": 3,   "s": "\ud800"}"#]);
    let mut states = Vec::new();
    log.each_reply(|entry| states.push((entry.key, entry.state))).unwrap();
    assert_eq!(states[1], (found(2).key, State::AskAgain));
    assert!(!log.is_fetched());
    writer.mark_fetched(crate::clock::now()).unwrap();
    assert!(Log::open(&path, false).unwrap().unwrap().is_fetched());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    write(&path, 0, []);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(Error::OutputBusy { .. })));
    drop(first);
    assert!(matches!(open_unlocked(&path), Opened::Empty(_)));
}

#[test]
fn a_request_key_survives_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let keys = [
        RequestKey::Session { session: session(1) },
        RequestKey::Page { session: session(2), page_no: 7, size: PageSize::Records(100) },
        RequestKey::Page { session: session(2), page_no: 8, size: PageSize::ServerDefault },
        RequestKey::Sessions { page_no: 3, size: PageSize::Records(100) },
        RequestKey::Sessions { page_no: 0, size: PageSize::ServerDefault },
        RequestKey::PeerReport { session: session(3), participant: ParticipantId::from_bytes([4; 16]) },
    ];
    let gave = [(false, false), (true, false), (false, true), (true, true)]
        .map(|(statistics, record)| Gave { statistics, record });
    write(
        &path,
        0,
        keys.into_iter().zip(gave.into_iter().cycle()).map(|(key, gave)| Reply { key, gave, ..found(0) }),
    );
    let mut read = Vec::new();
    let log = Log::open(&path, true).unwrap().unwrap();
    log.each_reply(|entry| read.push((entry.key, entry.gave, entry.state))).unwrap();
    let written = keys.into_iter().zip(gave.into_iter().cycle()).map(|(key, gave)| (key, gave, State::Found));
    assert_eq!(read, written.collect::<Vec<_>>());
}

fn any_row() -> impl Strategy<Value = ListRow> {
    let uuid = any::<[u8; 16]>();
    let labels = prop::collection::vec((".{0,8}", ".{0,12}"), 0..3);
    let asked = (uuid, any::<[u8; 16]>(), "\\PC{1,9}", 0..5_u8);
    (0..3_usize, any::<u64>(), asked, labels).prop_map(|(file, row_number, (s, p, text, kind), labels)| {
        let (session, participant) = (SessionId::from_bytes(s), ParticipantId::from_bytes(p));
        let (participant_text, asked) = match kind {
            0 => (None, Ok(Asked::Everyone(session))),
            1 => (Some(participant.to_string()), Ok(Asked::Participant(session, participant))),
            2 => (Some(text.clone()), Ok(Asked::User(session, text))),
            3 => (Some(text.clone()), Ok(Asked::Custom(session, text))),
            _ => (Some(text.clone()), Err(InvalidRow::Malformed(text))),
        };
        let labels = labels.into_iter().map(|(name, value)| (name.into(), value)).collect();
        ListRow { file, row_number, session_text: session.to_string(), participant_text, asked, labels }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_come_back_as_they_were(rows in prop::collection::vec(any_row(), 0..20)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let Opened::Empty(mut log) = open(&path).unwrap() else { panic!("not empty") };
        log.begin(&head()).unwrap();
        let mut digest = RowDigest::default();
        for row in &rows {
            log.append_row(row).unwrap();
            digest.add(row);
        }
        log.end_rows(&Lists { lists: Vec::new(), digest: digest.finish() }).unwrap();
        let log = Log::open(&path, true).unwrap().unwrap();
        let read = log.rows().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(read, rows);
    }
}

#[test]
fn the_log_cut_at_any_byte_replays_a_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    write(&whole, 2, (0..6).map(found));
    let all = bodies(&Log::open(&whole, true).unwrap().unwrap());
    let bytes = fs::read(&whole).unwrap();
    let mut most = 0;
    for cut in 0..=bytes.len() {
        let path = dir.path().join("cut");
        fs::write(&path, &bytes[..cut]).unwrap();
        match open_unlocked(&path) {
            Opened::Empty(_) => assert_eq!(most, 0, "rows lost at {cut}"),
            Opened::Begun(mut writer, log) => {
                let kept = bodies(&log);
                assert_eq!(kept, all[..kept.len()], "cut at {cut}");
                assert!(kept.len() >= most, "a longer file kept less at {cut}");
                most = kept.len();
                // What is appended after a cut is found again.
                writer.append(found(9)).unwrap();
                writer.make_durable().unwrap();
                drop(writer);
                assert_eq!(bodies(&Log::open(&path, true).unwrap().unwrap()).len(), kept.len() + 1);
            }
        }
    }
    assert_eq!(most, all.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_byte_never_panics_and_keeps_what_stands_before(place in 0.0..1.0_f64, value: u8) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        write(&path, 1, (0..4).map(found));
        let all = bodies(&Log::open(&path, true).unwrap().unwrap());
        let mut bytes = fs::read(&path).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place in a small file")]
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] = value;
        fs::write(&path, &bytes).unwrap();
        if let Ok(Some(log)) = Log::open(&path, true) {
            let kept = bodies(&log);
            prop_assert_eq!(&kept[..], &all[..kept.len()]);
        }
    }
}

#[test]
fn a_log_of_another_version_is_refused_and_can_be_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let mut block = super::block::BlockWriter::new(BlockKind::Opening).unwrap();
    block.write(b"{\"kind\":\"export\",\"log_version\":99}\n").unwrap();
    let (frame, packed) = block.finish().unwrap();
    fs::write(&path, [frame, packed].concat()).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(open(&path), Err(Error::LogOfAnotherVersion { .. })));
    let mut writer = open_anew(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    writer.begin(&head()).unwrap();
    writer.end_rows(&Lists { lists: Vec::new(), digest: String::new() }).unwrap();
    assert_eq!(Log::open(&path, true).unwrap().unwrap().head(), &head());
}

#[test]
fn the_days_of_a_dataset_come_back_and_tell_two_syncs_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let days = |zone: &str, first: Option<&str>, last: &str| DatasetRange {
        time_zone: zone.parse().unwrap(),
        first: first.map(|day| day.parse().unwrap()),
        last: last.parse().unwrap(),
    };
    let of = |dataset: Option<DatasetRange>| Settings { dataset, ..settings() };
    let range = days("America/St_Johns", Some("2026-10-01"), "2026-10-31");
    let resolved = Resolved { since: None, until: Some("2026-11-01T02:30:00Z".into()) };
    let head_of_days = Head { window: Some(resolved), settings: of(Some(range.clone())), ..head() };
    let Opened::Empty(mut log) = open(&path).unwrap() else { panic!("not empty") };
    log.begin(&head_of_days).unwrap();
    log.end_rows(&Lists { lists: Vec::new(), digest: String::new() }).unwrap();
    drop(log);
    let log = Log::open(&path, true).unwrap().unwrap();
    assert_eq!(*log.head(), head_of_days);
    assert_eq!(log.head().window().unwrap().days, Some(range.days()));

    let whole = days("UTC", None, "2026-10-31");
    let differ = |one: Option<&DatasetRange>, other: Option<&DatasetRange>| {
        of(one.cloned()).differences(&of(other.cloned()))
    };
    assert_eq!(differ(Some(&range), Some(&range)), [""; 0]);
    assert_eq!(differ(Some(&range), None), ["run and sync"]);
    assert_eq!(differ(Some(&range), Some(&whole)), ["--tz", "--from"]);
    assert_eq!(differ(Some(&whole), Some(&days("UTC", None, "2026-11-01"))), ["--to"]);

    // A zone that this version does not know is no reason to guess.
    let text = serde_json::to_string(&of(Some(range))).unwrap();
    let unknown = text.replace("America/St_Johns", "Luna/Tranquility");
    assert!(serde_json::from_str::<Settings>(&text).is_ok());
    let error = serde_json::from_str::<Settings>(&unknown).unwrap_err().to_string();
    assert!(error.starts_with("Luna/Tranquility: not a time zone"), "{error}");
    assert!(!serde_json::to_string(&settings()).unwrap().contains("dataset"));
}
