//! How errors read, and that each exit code of the contract has one.

use std::collections::BTreeSet;
use std::io;

use std::time::Duration;

use chrono::DateTime;

use super::*;
use crate::model::{PageSize, ParticipantId, SessionId};

fn key() -> RequestKey {
    RequestKey::Details {
        session: SessionId::from_bytes([0x5e; 16]),
        participant: ParticipantId::from_bytes([0x9a; 16]),
    }
}

fn holder() -> Holder {
    Holder {
        command: "sync".into(),
        host: "nightly-1".into(),
        pid: 4711,
        since: DateTime::from_timestamp_secs(1_795_399_200).unwrap(),
        silent_for: Some(Duration::from_secs(4)),
    }
}

/// One error of each kind that a dataset gives.
fn of_datasets() -> Vec<Error> {
    let place = || "s3://b/rtk".to_owned();
    let path = || "s3://b/rtk/dataset.json".to_owned();
    let day = |day: &str| day.parse().unwrap();
    let first = Some(day("2026-09-01"));
    let difference = |named, dataset: &str, command: &str| Difference {
        named,
        dataset: dataset.to_owned(),
        command: command.to_owned(),
    };
    let set_by = |origin| Some(Box::new(origin));
    let file = |line, key| Origin::File { path: "app.toml".into(), line, key };
    let errors = [
        DatasetError::OtherZone {
            place: place(),
            dataset: "UTC".into(),
            set_by: set_by(Origin::Flag("tz")),
            command: "Europe/Paris".into(),
            first,
        },
        DatasetError::OtherZone {
            place: place(),
            dataset: "UTC".into(),
            set_by: set_by(file(3, "tz")),
            command: "Europe/Paris".into(),
            first,
        },
        DatasetError::OtherOwner {
            place: place(),
            what: "app",
            dataset: "a".into(),
            set_by: set_by(Origin::Variable("REALTIMEKIT_APP_ID")),
            command: "b".into(),
        },
        DatasetError::OtherOwner {
            place: place(),
            what: "account",
            dataset: "a".into(),
            set_by: set_by(file(2, "account-id")),
            command: "b".into(),
        },
        DatasetError::OtherOwner {
            place: place(),
            what: "app",
            dataset: "a".into(),
            set_by: set_by(Origin::Flag("sandbox")),
            command: "sandbox".into(),
        },
        DatasetError::OtherOwner {
            place: place(),
            what: "app",
            dataset: "a".into(),
            set_by: None,
            command: "b".into(),
        },
        DatasetError::OtherSchema { place: place(), found: "1".into(), supported: "2".into(), first },
        DatasetError::OtherContent {
            place: place(),
            differences: vec![
                difference(Named::Filters, "none", "events,quality_stats"),
                difference(Named::PeerEvents, "false", "true"),
            ],
            first: None,
        },
        DatasetError::Newer { path: path(), found: 2, supported: 1 },
        DatasetError::Damaged { path: path(), source: Damage::Missing },
        DatasetError::CommitTooLarge { place: place(), bytes: 70_000_000, limit: 67_108_864 },
        DatasetError::ZoneUnknown { place: place() },
        DatasetError::IsExport { place: place() },
        DatasetError::IsDataset { place: place() },
        DatasetError::Missing { place: place() },
        DatasetError::DaysReversed { from: day("2026-10-02"), to: day("2026-10-01") },
        DatasetError::DaysLost { place: place(), days: 30, first: day("2026-09-01") },
        DatasetError::DaysLost { place: place(), days: 1, first: day("2026-09-01") },
        DatasetError::Outrun { place: place(), tries: 5 },
        DatasetError::Busy {
            place: place(),
            holder: Some(Box::new(holder())),
            stale_after: Some(Duration::from_mins(2)),
        },
        DatasetError::Busy { place: place(), holder: None, stale_after: None },
        DatasetError::LockLost { place: place(), holder: Some(Box::new(holder())), source: None },
        DatasetError::LockLost { place: place(), holder: None, source: None },
    ];
    errors.into_iter().map(Error::Dataset).collect()
}

/// One error of each kind that ends a run after its settings were found right.
fn errors() -> Vec<Error> {
    let dir = || PathBuf::from("export");
    let log = || PathBuf::from("export/.rtk-export/responses.jsonl.zst");
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    vec![
        Error::io("write", log())(full()),
        Error::io("read", log())(io::ErrorKind::PermissionDenied.into()),
        Error::output("create", dir())(io::ErrorKind::PermissionDenied.into()),
        Error::output("write", dir().join(".rtk-export/staging/peer_events/part-00000.parquet"))(full()),
        Error::OutputBusy { path: log(), holder: None },
        Error::OutputBusy { path: log(), holder: Some(Box::new(holder())) },
        Error::LogOfDataset { path: log() },
        Error::LogOfExport { path: log() },
        Error::LogOfAnotherVersion { path: log() },
        Error::LogDamaged { path: log(), offset: 40_960 },
        Error::LoadDataset {
            dialect: "Trino",
            why: "its Hive connector reads whole folders",
            instead: "load another",
        },
        Error::NotAnExport { dir: "s3://b/rtk".into() },
        Error::NothingToVacuum { place: "s3://b/october".into() },
        Error::ConfigFileKey { path: "rtk.toml".into(), line: 3, key: "acount-id".into() },
        Error::ConfigFileKey { path: "rtk.toml".into(), line: 4, key: "all_profiles".into() },
        Error::NoTableOfDataset {
            place: "s3://b/rtk".into(),
            table: "labels",
            there: vec!["participants".into(), "sessions".into()],
        },
        Error::OutputFinished { dir: dir() },
        Error::OutputForeign { dir: dir(), found: "thesis.docx".into() },
        Error::OutputOfAnotherExport { dir: dir(), differences: vec!["--app-id", "--fetch"] },
        Error::OutputUnfinished { dir: dir() },
        Error::NoValidRow {
            lists: "ids.csv".into(),
            examples: "ids.csv row 2: session id \"42\" is not a UUID".into(),
        },
        Error::TooManyIds,
        Error::NoLog { dir: dir(), path: log() },
        Error::ExportUnfinished { dir: dir() },
        Error::TooManyFailures { failures: 11, limit: 10, last: format!("{}: 404 Not Found", key()) },
        Error::interrupted(Signal::Interrupt),
        Error::interrupted(Signal::Terminate)
            .resumable(Resume { replies: 4210, command: "rtk-export run list.csv -o out".to_owned() }),
        Error::DeadlinePassed { at: DateTime::from_timestamp(1_795_000_000, 0).unwrap(), resume: None }
            .resumable(Resume {
                replies: 4210,
                command: "rtk-export run list.csv -o out --deadline 45m".to_owned(),
            }),
        Error::TellingFileRefused {
            origin: Origin::Flag("summary-file"),
            path: "nowhere/nightly.json".into(),
            source: io::ErrorKind::NotFound.into(),
        },
        Error::TellingRefused { host: "hc-ping.com".into(), status: 404 },
        Error::ClearTextHeaders { origin: Origin::Flag("otlp-endpoint"), host: "otel.example".into() },
        Error::OtlpHeadersMalformed { origin: Origin::Variable(settings::OTLP_HEADERS_VARIABLE) },
        Error::CredentialsRefused {
            key: key(),
            status: 403,
            api_code: Some(10_000),
            message: "Authentication error".into(),
        },
        Error::ClientBlocked { key: key(), status: 403, edge_code: 1020 },
        Error::ApiUnreachable {
            failures: 27,
            since: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
            key: key(),
            last: "503 Service Unavailable".into(),
        },
        Error::StageEnded { stage: "log" },
        Error::SessionsUnlisted {
            page: RequestKey::Sessions { page_no: 3, size: PageSize::Records(100) },
            status: Some(404),
            reachable: true,
            message: "No app found with this id".into(),
        },
        Error::SessionsUnlisted {
            page: RequestKey::Sessions { page_no: 3, size: PageSize::ServerDefault },
            status: None,
            reachable: false,
            message: "no reply within 30s".into(),
        },
        Error::Warnings {
            counts: "2 new_value, 40 unknown_field".into(),
            example: "participants: x_edge: {\"colo\":\"AMS\"}".into(),
        },
    ]
}

/// The errors as they are told.
fn told(errors: Vec<Error>) -> String {
    let lines = errors.into_iter().map(|error| {
        let hint = error.hint().unwrap_or_else(|| "-".into());
        format!("{} {error}\n    hint: {hint}\n", error.class().exit_code())
    });
    lines.collect()
}

#[test]
fn errors_say_what_failed_on_what_and_what_to_do() {
    insta::assert_snapshot!(told(errors()));
}

#[test]
fn errors_of_datasets_say_it_too() {
    insta::assert_snapshot!(told(of_datasets()));
}

#[test]
fn a_message_is_one_line_without_a_full_stop_or_its_cause() {
    for error in errors().into_iter().chain(of_datasets()) {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
        if let Some(cause) = std::error::Error::source(&error) {
            assert!(!text.contains(&cause.to_string()), "{text}");
        }
    }
}

#[test]
fn every_exit_code_of_an_error_occurs() {
    let codes: BTreeSet<u8> = errors().iter().map(|error| error.class().exit_code()).collect();
    assert_eq!(codes, BTreeSet::from([1, 2, 4, 5, 6, 130, 143]));
}
