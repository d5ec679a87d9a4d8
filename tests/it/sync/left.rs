//! The log that a stopped `sync` leaves, and commands that are not the one it is of.

use std::fs;

use super::*;
use crate::support::faults;

/// A sync that is stopped at its first request: its log is left.
fn stopped(place: &Place, server: &Server, flags: &str) {
    sync(place, server, flags).env("CLOUDFLARE_API_TOKEN", "of-somebody-else-0123456789abcdef").ends(4);
    assert!(place.path("ds/.rtk-export/responses.jsonl.zst").exists());
}

/// A server of six sessions that refuses the token once, at a page of participants: a log with replies is left.
fn refusing_at(page: usize) -> Server {
    server(|options| {
        options.world.participants = 60;
        options.faults = faults(&[&format!("match participants {page}: 401")]);
    })
}

/// The days of a night are not all that a dataset has.
#[test]
fn a_log_of_a_dataset_that_is_gone_begins_no_other() {
    let (place, server) = (Place::new(), refusing_at(8));
    let (_, dataset) = synced(&place, &server, "");
    sync(&place, &server, "--lookback 30d --concurrency 1").ends(4);
    for name in ["dataset.json", "_commits", "participants", "peer_events", "sessions", "failures"] {
        let path = place.path("ds").join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    let (output, again) = synced(&place, &server, "");
    assert!(output.stderr.contains("of other days than those that this dataset begins with"), "{output}");
    assert_ne!(again.pointer["dataset_id"], dataset.pointer["dataset_id"]);
    equals(&again, &whole(&place, &server, ""));
}

/// What was asked for first was never begun.
#[test]
fn a_log_of_later_days_begins_no_dataset_of_all() {
    let (place, server) = (Place::new(), refusing_at(2));
    sync(&place, &server, "--from 2026-10-28 --concurrency 1").ends(4);
    let (output, dataset) = synced(&place, &server, "");
    output.says(&["of other days than those that this dataset begins with"]);
    equals(&dataset, &whole(&place, &server, ""));
}

#[test]
fn a_dataset_that_is_made_anew_is_made_of_all_days() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 60));
    synced(&place, &server, "");
    stopped(&place, &server, "");
    let requests = server.requests();
    let (_, anew) = synced(&place, &server, "--anew");
    assert!(server.requests() > requests + 5);
    equals(&anew, &whole(&place, &server, ""));
    // The same where it is damaged, which is what its message says to do.
    stopped(&place, &server, "");
    fs::write(place.path("ds/dataset.json"), "{").unwrap();
    sync(&place, &server, "").ends(1).says(&["rtk-export sync --anew --tz ZONE"]);
    let (_, anew) = synced(&place, &server, "--anew --tz UTC");
    equals(&anew, &whole(&place, &server, ""));
}

/// One of its pieces is what a shorter one left: the others are asked for all the same.
#[test]
fn a_longer_backfill_is_not_done_with_what_a_shorter_one_left() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 60));
    let pieces = "--days-per-commit 2 --from";
    synced(&place, &server, "--from 2026-10-30 --to 2026-10-31");
    stopped(&place, &server, &format!("{pieces} 2026-10-28 --to 2026-10-30"));
    let (_, dataset) = synced(&place, &server, &format!("{pieces} 2026-10-26 --to 2026-10-30"));
    // The one that was left, and both pieces: nothing says that the first was ever looked at.
    assert_eq!(dataset.generation(), 4);
    let days = |dataset: &Dataset| dataset.commit["days"].as_array().unwrap().len();
    assert_eq!(days(&dataset), 5);
}

#[test]
fn a_state_directory_is_of_one_dataset() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    synced(&place, &server, "--state-dir state");
    let other = place.rtk("sync -o other --state-dir state").against(&server);
    other.ends(2).says(&["state has the state of", "--state-dir"]);
    assert!(!place.path("other/dataset.json").exists());
}
