//! `sync`: a dataset that grows from night to night holds what one export would.

mod incomplete;
mod left;
mod nights;
mod refusals;
mod stores;
mod together;
mod told;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rtk_export::sandbox::SandboxOptions;

use crate::support::{Dataset, Export, Output, Place, Rtk, Server, tree};

/// About 60 sessions in six days, from 2026-10-26 to 2026-10-31.
fn server(change: impl FnOnce(&mut SandboxOptions)) -> Server {
    Server::start(|options| {
        options.world.participants = 600;
        options.world.per_session = 10;
        options.world.days = 6;
        change(options);
    })
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// `sync` to the directory `ds`.
fn sync(place: &Place, server: &Server, flags: &str) -> Rtk {
    place.rtk(&format!("sync -o ds {flags}")).against(server)
}

fn synced(place: &Place, server: &Server, flags: &str) -> (Output, Dataset) {
    let output = sync(place, server, flags).ends(0);
    (output, Dataset::read(&place.path("ds")))
}

/// A whole export of everything there is, as rows.
fn whole(place: &Place, server: &Server, flags: &str) -> Export {
    let export = "run --since 2000-01-01 -o whole --format csv --no-rollups --refresh";
    place.rtk(export).args(flags).against(server).output();
    Export::read(&place.path("whole"))
}

/// The dataset has the rows of a whole export, in the same order.
fn equals(dataset: &Dataset, whole: &Export) {
    let rows = dataset.rows();
    let tables: Vec<_> = rows.tables().collect();
    assert!(tables.contains(&"participants") && tables.contains(&"failures"), "{tables:?}");
    for table in tables {
        let (of_dataset, of_whole) = (rows.rows(table), texts(whole.rows(table)));
        assert_eq!(of_dataset.len(), of_whole.len(), "{table}");
        for (number, (row, expected)) in texts(of_dataset).into_iter().zip(of_whole).enumerate() {
            assert_eq!(row, expected, "{table} {number}");
        }
    }
}

/// CSV has one text for null and for nothing; and times as they are written, for which others have a number.
fn texts(rows: &[BTreeMap<String, String>]) -> Vec<BTreeMap<String, String>> {
    let value = |value: &str| match value {
        "null" => String::new(),
        text => match text.parse::<i64>() {
            Ok(micros) if micros > 1_000_000_000_000_000 => DateTime::from_timestamp_micros(micros)
                .unwrap()
                .to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            _ => text.to_owned(),
        },
    };
    rows.iter().map(|row| row.iter().map(|(column, text)| (column.clone(), value(text))).collect()).collect()
}

/// Every file of a day has rows of that day's sessions only.
fn days_are_right(dataset: &Dataset, zone: Tz) {
    let mut sessions = 0;
    for day in dataset.days_with_sessions() {
        let rows = dataset.rows_of(|other| other == day);
        let mut of_day = Vec::new();
        for row in texts(rows.rows("sessions")) {
            let created = time(&row["created_at"]).with_timezone(&zone).date_naive();
            assert_eq!(created, day.parse::<NaiveDate>().unwrap());
            of_day.push(row["session_id"].clone());
        }
        for table in ["participants", "peer_events"] {
            assert!(
                rows.rows(table).iter().all(|row| of_day.contains(&row["session_id"])),
                "{table} of {day}"
            );
        }
        sessions += of_day.len();
    }
    assert!(sessions > 0);
}

/// No file in a directory but those of the dataset, and those that were.
fn holds_nothing_else(dir: &Path, dataset: &Dataset) {
    let retired = dataset.commit["retired"].as_array().unwrap();
    let retired = retired.iter().map(|retired| retired["path"].as_str().unwrap());
    let current =
        dataset.commit["days"].as_array().unwrap().iter().flat_map(|day| day["files"].as_array().unwrap());
    let mut known: Vec<_> = current.map(|file| file["path"].as_str().unwrap()).chain(retired).collect();
    known.sort_unstable();
    let there: Vec<_> = tree(dir)
        .into_keys()
        .filter(|path| path != "dataset.json" && !path.starts_with("_commits/"))
        .collect();
    assert_eq!(there, known);
}

#[test]
fn the_first_sync_takes_everything_and_the_second_what_may_have_changed() {
    let (place, server) = (Place::new(), server(|_| ()));
    let (output, first) = synced(&place, &server, "");
    output.says(&["days: the beginning to ", "found: 60 sessions", "synced\n  dataset   ds, generation 1"]);
    assert_eq!(first.days_with_sessions().len(), 6);
    equals(&first, &whole(&place, &server, ""));
    days_are_right(&first, Tz::UTC);
    holds_nothing_else(&place.path("ds"), &first);

    // The last days have no session: one page says so.
    let before = server.requests();
    let (output, second) = synced(&place, &server, "");
    output.says(&["generation 2", "replaced  4 days", "rows      none", "1 sent"]);
    assert_eq!((second.generation(), server.requests() - before), (2, 1));
    assert!(second.synced_until() > first.synced_until());
    assert_eq!(second.days_of(first.export_id()).len(), 6);
    equals(&second, &whole(&place, &server, ""));

    // The log of the last commit is kept, and only that one.
    let state = |name: &str| place.path("ds/.rtk-export").join(name).exists();
    assert!(state("responses.last.jsonl.zst") && !state("responses.jsonl.zst") && !state("staging"));
    synced(&place, &server, "--keep-log never");
    assert!(!state("responses.last.jsonl.zst") && !state("responses.jsonl.zst"));
}

#[test]
fn a_backfill_replaces_its_days_and_no_other() {
    let (place, server) = (Place::new(), server(|_| ()));
    let (output, first) = synced(&place, &server, "--from 2026-10-28 --days-per-commit 2");
    output.says(&[
        "days: 2026-10-28 to 2026-10-29 (UTC), 1 of 14",
        "days: 2026-10-30 to 2026-10-31 (UTC), 2 of 14",
    ]);
    assert_eq!(first.generation(), 14);
    assert_eq!(first.days_with_sessions(), ["2026-10-28", "2026-10-29", "2026-10-30", "2026-10-31"]);

    let (_, before) = synced(&place, &server, "--from 2026-10-26 --to 2026-10-28");
    assert_eq!(before.days_with_sessions().len(), 6);
    assert_eq!(before.days_of(before.export_id()), ["2026-10-26", "2026-10-27"]);
    assert_eq!(before.synced_until(), first.synced_until());
    equals(&before, &whole(&place, &server, ""));

    let (_, again) = synced(&place, &server, "--from 2026-10-27 --to 2026-10-28");
    assert_eq!(again.days_of(again.export_id()), ["2026-10-27"]);
    equals(&again, &whole(&place, &server, ""));
    holds_nothing_else(&place.path("ds"), &again);

    // Nothing is asked of days that are still to come.
    let (requests, generation) = (server.requests(), again.generation());
    let (output, future) = synced(&place, &server, "--from 2099-01-01");
    output.says(&["nothing new", "0 sent"]);
    assert_eq!((server.requests(), future.generation()), (requests, generation));
}

/// The clock of Paris went back on 2026-10-25, that of Lord Howe by half an hour on 2026-10-04.
#[test]
fn days_are_those_of_the_zone() {
    let whole = {
        let (place, server) = (Place::new(), month());
        whole(&place, &server, "")
    };
    for name in ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"] {
        let (place, server) = (Place::new(), month());
        let (_, dataset) = synced(&place, &server, &format!("--tz {name}"));
        days_are_right(&dataset, name.parse().unwrap());
        equals(&dataset, &whole);
        // It keeps its zone.
        let (_, again) = synced(&place, &server, "--from 2026-10-24 --to 2026-10-27");
        assert_eq!(again.days_of(again.export_id()).len(), 3);
        days_are_right(&again, name.parse().unwrap());
        equals(&again, &whole);
    }
}

/// Sessions on every day of a month.
fn month() -> Server {
    server(|options| options.world.days = 30)
}

#[test]
fn what_is_odd_is_told_and_with_strict_nothing_is_committed() {
    let (place, server) = (Place::new(), server(|options| options.world.messy = true));
    sync(&place, &server, "--strict").ends(1).says(&["--strict allows none"]);
    assert!(!place.path("ds/dataset.json").exists());
    let (output, dataset) = synced(&place, &server, "");
    output.says(&["warnings ", "0 sent"]);
    equals(&dataset, &whole(&place, &server, ""));
}

#[test]
fn call_statistics_are_tables_too() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 60));
    let (_, dataset) = synced(&place, &server, "--filters all");
    assert!(dataset.rows().tables().any(|table| table == "call_stats"));
    equals(&dataset, &whole(&place, &server, "--filters all"));
}
