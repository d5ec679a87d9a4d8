//! Commits as others make and read them; what merging keeps is in `merging`, how commits are made in `committing`.

mod committing;
mod merging;
mod vacuuming;

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta};

use super::*;
use crate::config::EmptyDays;
use crate::error::{Damage, DatasetError};
use crate::manifest::{MinutesTotal, Requests, Time, Totals, Warning};
use crate::model::{DayRange, Zone};

/// A day of October 2026, counted from 0.
fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 10, 1).unwrap() + Days::new(number)
}

/// A moment so many hours after October 2026 began.
fn hour(number: i64) -> Time {
    Time(DateTime::parse_from_rfc3339("2026-10-01T00:00:00Z").unwrap().to_utc() + TimeDelta::hours(number))
}

fn identity() -> Identity {
    Identity {
        schema_version: 1,
        time_zone: Zone::UTC,
        account_id: "account".into(),
        app_id: "app".into(),
        filters: Vec::new(),
        peer_events: true,
        include_live: false,
    }
}

fn id(number: u64) -> String {
    format!("0193a5f0-0000-7000-8000-{number:012}")
}

/// An export that looked at a range at an hour, and found a session of each of these days.
fn made(number: u64, as_of: i64, range: (Option<u64>, u64), found: &[u64]) -> Made {
    let (export_id, as_of) = (id(number), hour(as_of));
    let file = |table: &str, of: NaiveDate| DayFile {
        table: table.to_owned(),
        path: partition_path(table, of, &export_id, 0),
        rows: 2,
        bytes: 100 + number,
        sha256: "0".repeat(64),
    };
    let entry = |of: NaiveDate| DayEntry {
        day: of,
        export_id: export_id.clone(),
        as_of,
        sessions: 1,
        live_left_out: 0,
        requests_sent: 2,
        totals: Totals {
            participants: 2,
            peer_events: 2,
            duration_minutes: Some(MinutesTotal::from_units(1_500_000_000)),
            minutes_consumed: None,
        },
        failures: BTreeMap::from([("not_found".to_owned(), 1)]),
        warnings: vec![Warning { code: "digits_rounded".into(), count: 2, example: None }],
        files: vec![file("participants", of), file("sessions", of)],
    };
    Made {
        export_id: export_id.clone(),
        as_of,
        range: DayRange { zone: Zone::UTC, first: range.0.map(day), last: day(range.1) },
        until: as_of,
        identity: identity(),
        tables: vec!["participants".into(), "sessions".into()],
        days: found.iter().map(|number| (day(*number), entry(day(*number)))).collect(),
        pending: Vec::new(),
        lookback: 0,
        requests: Requests { sent: 3, ok: 2, ..Requests::default() },
        warnings: vec![Warning {
            code: "number_as_text".into(),
            count: 1,
            example: Some("an example".into()),
        }],
    }
}

/// The texts of a commit's two files.
fn texts(next: &Next) -> (String, String) {
    let commit = next.commit.to_json().unwrap();
    let pointer = Pointer::to(next, identity(), "https://api.example".into(), commit.as_bytes());
    (pointer.to_json().unwrap(), commit)
}

/// Reads them as whoever comes next does.
fn read(pointer: &str, commit: &str) -> Result<Generation, DatasetError> {
    let pointer = Pointer::parse(pointer.as_bytes(), "out/dataset.json")?;
    let commit = Commit::parse(commit.as_bytes(), &pointer, "out/the commit")?;
    Ok(Generation { pointer, commit })
}

/// Commits an export, if there is anything to commit.
fn commit(base: Option<Generation>, made: &Made, empty: EmptyDays) -> Option<Generation> {
    match merge(base.as_ref(), made, hour(10_000), empty).next {
        Some(next) => {
            let (pointer, commit) = texts(&next);
            let read = read(&pointer, &commit).unwrap();
            assert_eq!(read.commit, next.commit);
            Some(read)
        }
        None => base,
    }
}

/// The days and whose they are; `-` where there is no file.
fn shown(generation: &Generation) -> String {
    let entries = generation.commit.days.values().map(|entry| {
        let of = if entry.files.is_empty() { "-" } else { &entry.export_id[35..] };
        format!("{}:{of}", entry.day.format("%d"))
    });
    entries.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_commit_and_its_pointer_as_they_are_written() {
    let next = merge(None, &made(1, 30, (Some(0), 1), &[1]), hour(31), EmptyDays::Kept).next.unwrap();
    let (pointer, commit) = texts(&next);
    insta::with_settings!({ filters => vec![(r#""version": "[^"]+""#, r#""version": "V""#)] }, {
        insta::assert_snapshot!("pointer", pointer);
    });
    insta::assert_snapshot!("commit", commit);
    assert_eq!(texts(&next), (pointer, commit));
}

#[test]
fn what_is_no_dataset_is_refused_with_what_is_wrong() {
    let next = merge(None, &made(1, 30, (Some(0), 1), &[0, 1]), hour(31), EmptyDays::Kept).next.unwrap();
    let (pointer, commit) = texts(&next);
    let told = |error: DatasetError| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{} {error}{cause}", error.class().exit_code())
    };
    let refused = |pointer: &str| told(Pointer::parse(pointer.as_bytes(), "out/dataset.json").unwrap_err());
    let mut lines = vec![
        refused(""),
        refused(&pointer[..pointer.len() / 2]),
        refused("{}"),
        refused(&pointer.replace("rtk-export dataset", "another's")),
        refused(&pointer.replace("\"format_version\": 1", "\"format_version\": 2")),
        refused(&pointer.replace("\"format_version\": 1", "\"format_version\": 0")),
        refused(&pointer.replace("_commits/", "../")),
        refused(&pointer.replace("\"UTC\"", "\"Mars/Olympus\"")),
    ];
    // A commit file that somebody changed, with a pointer that means it.
    let refused = |from: &str, to: &str| {
        let changed = commit.replace(from, to);
        assert_ne!(changed, commit);
        let mut pointer = Pointer::parse(pointer.as_bytes(), "out/dataset.json").unwrap();
        pointer.commit.sha256 = crate::files::sha256_of(changed.as_bytes());
        told(Commit::parse(changed.as_bytes(), &pointer, "out/the commit").unwrap_err())
    };
    lines.extend([
        refused("\"format_version\":1", "\"format_version\":2"),
        refused("\"generation\":1", "\"generation\":2"),
        refused(&format!("\"dataset_id\":\"{}\"", id(1)), &format!("\"dataset_id\":\"{}\"", id(2))),
        refused("participants/session", "../participants/session"),
        refused("/session_date=2026-10-02/", "/session_date=2026-10-03/"),
        refused("\"table\":\"sessions\"", "\"table\":\"participants\""),
        refused("sessions/session_date", "participants/session_date"),
        refused("\"day\":\"2026-10-01\"", "\"day\":\"2026-10-02\""),
    ]);
    lines.push(told(read(&pointer, &(commit + " ")).unwrap_err()));
    let hashes = vec![("[0-9a-f]{64}", "(a hash)")];
    insta::with_settings!({ filters => hashes }, { insta::assert_snapshot!("refused", lines.join("\n")) });
}

#[test]
fn a_damaged_file_says_why() {
    let error = DatasetError::Damaged { path: "out/dataset.json".into(), source: Damage::Missing };
    assert_eq!(error.to_string(), "out/dataset.json is damaged");
}

#[test]
fn a_dataset_is_what_all_its_days_are_together() {
    let first = commit(None, &made(1, 30, (None, 3), &[0, 1, 3]), EmptyDays::Kept);
    let both = commit(first, &made(2, 60, (Some(3), 4), &[3, 4]), EmptyDays::Kept).unwrap();
    let manifest = both.commit.as_manifest(&both.pointer);
    let json = manifest.to_json().unwrap();
    insta::with_settings!({ filters => vec![(r#""version": "[^"]+""#, r#""version": "V""#)] }, {
        insta::assert_snapshot!("as_manifest", json);
    });
}
