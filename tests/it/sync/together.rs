//! More than one process, processes that are killed, and those who are told.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::*;

/// A sync that takes a while, once it has begun to fetch.
fn slow(server: &Server, place: &Place) -> crate::support::Running {
    let before = server.requests();
    sync(place, server, "--concurrency 1").start().until("a few replies", || server.requests() > before + 5)
}

fn slow_server() -> Server {
    server(|options| options.latency = Duration::from_millis(20))
}

#[test]
fn a_second_one_is_told_who_is_first_or_waits_for_it() {
    let (place, server) = (Place::new(), slow_server());
    let before = server.requests();
    let first = sync(&place, &server, "--concurrency 1 --from 2026-10-26 --days-per-commit 2").start();
    let first = first.until("a few replies", || server.requests() > before + 5);
    let pid = format!("pid {}", first.id());
    let busy = sync(&place, &server, "").ends(6);
    busy.says(&["another process", &pid, "(sync), since ", "hint: wait for it: add --wait-lock"]);
    sync(&place, &server, "--wait-lock=10ms").ends(6);
    let waiting = sync(&place, &server, "--wait-lock").start();
    first.output().ended(0);
    let (asked, generation) = (server.requests(), Dataset::read(&place.path("ds")).generation());
    // The last of its commits was begun after this one was.
    waiting.output().ended(0).says(&["waiting for the lock of ", &pid, "nothing new", "0 sent"]);
    assert_eq!(server.requests(), asked);
    let dataset = Dataset::read(&place.path("ds"));
    assert_eq!(dataset.generation(), generation);
    equals(&dataset, &whole(&place, &server, ""));
}

#[test]
fn killed_while_it_fetches_it_goes_on() {
    let (place, server) = (Place::new(), slow_server());
    let running = slow(&server, &place);
    // A reply is durable within five seconds.
    let log = place.path("ds/.rtk-export/responses.jsonl.zst");
    let length = || fs::metadata(&log).map(|metadata| metadata.len()).unwrap_or_default();
    let begun = length();
    running.until("replies on disk", || length() > begun).kill();
    let (output, dataset) = synced(&place, &server, "");
    let kept = output.stderr.split(" sent, ").nth(1).unwrap();
    assert!(!kept.starts_with("0 replies"), "{output}");
    equals(&dataset, &whole(&place, &server, ""));
    holds_nothing_else(&place.path("ds"), &dataset);
}

/// Of three commits' days the second are being fetched: neither they nor the first are asked for again.
#[test]
fn a_backfill_that_was_killed_goes_on_behind_what_it_had_committed() {
    let (place, server) = (Place::new(), slow_server());
    let first = synced(&place, &server, "").1.generation();
    let flags = "--from 2026-10-26 --to 2026-11-01 --days-per-commit 2 --concurrency 1";
    let generation = || Dataset::read(&place.path("ds")).generation();
    let committed_at = std::cell::Cell::new(None);
    let running = sync(&place, &server, flags).start().until("a commit, and requests after it", || {
        if committed_at.get().is_none() && generation() > first {
            committed_at.set(Some(server.requests()));
        }
        committed_at.get().is_some_and(|requests| server.requests() > requests + 5)
    });
    running.kill();
    let dataset = synced(&place, &server, flags).1;
    assert_eq!(dataset.generation(), first + 3);
    equals(&dataset, &whole(&place, &server, ""));
    // Once all is done, the same days are asked for anew.
    assert_eq!(synced(&place, &server, flags).1.generation(), first + 6);
}

/// Whenever it is killed, the dataset is one state or the next, and the same again ends well.
#[test]
fn killed_at_any_moment_the_dataset_is_whole() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 200));
    let (_, first) = synced(&place, &server, "");
    let expected = whole(&place, &server, "");
    let backfill = "--from 2026-10-26 --to 2026-11-01";
    let mut generation = first.generation();
    for step in 0..24_u64 {
        let mut looks = 0;
        let running = sync(&place, &server, backfill).start();
        // A little later each time: while it reads, fetches, makes files, commits.
        let mut running = running.until_or_ended(|| {
            looks += 1;
            std::thread::sleep(Duration::from_millis(4));
            looks > step * 4
        });
        if !running.has_ended() {
            running.kill();
        }
        let dataset = Dataset::read(&place.path("ds"));
        assert!(dataset.generation() >= generation);
        generation = dataset.generation();
    }
    let (_, last) = synced(&place, &server, backfill);
    equals(&last, &expected);
}

#[test]
fn a_deadline_stops_it_and_the_same_command_goes_on() {
    let (place, server) = (Place::new(), slow_server());
    let stopped = sync(&place, &server, "--concurrency 1 --deadline 1s").ends(143);
    stopped.says(&["deadline", "resume"]);
    assert!(!place.path("ds/dataset.json").exists());
    let (_, dataset) = synced(&place, &server, "");
    equals(&dataset, &whole(&place, &server, ""));
}

#[test]
fn those_who_are_to_know_are_told() {
    let (place, server) = (Place::new(), server(|_| ()));
    let told = "--summary-file told.json --metrics-file told.prom";
    synced(&place, &server, told);
    let summary = || serde_json::from_slice::<Value>(&fs::read(place.path("told.json")).unwrap()).unwrap();
    let first = summary();
    assert_eq!((&first["command"], &first["outcome"]), (&"sync".into(), &"complete".into()));
    assert_eq!(first["dataset"]["generation"], 1);
    assert_eq!(first["dataset"]["days"], 6);
    assert_eq!(first["rows"]["sessions"], 60);
    let metrics = fs::read_to_string(place.path("told.prom")).unwrap();
    for name in ["generation", "synced_until_timestamp_seconds", "lag_seconds", "pending_days"] {
        assert!(metrics.contains(&format!("rtk_export_dataset_{name}{{")), "{name} in\n{metrics}");
    }
    // What is late is told of a run that failed, too.
    let refused = Server::start(|options| options.token = "another".to_owned());
    let failing = sync(&place, &server, told).env("CLOUDFLARE_BASE_URL", &refused.base_url());
    failing.ends(4);
    let failed = summary();
    assert_eq!(
        (&failed["outcome"], &failed["dataset"]["generation"]),
        (&"credentials_refused".into(), &1.into())
    );
    assert!(fs::read_to_string(place.path("told.prom")).unwrap().contains("rtk_export_dataset_lag_seconds{"));
    // And of one that did not begin.
    sync(&place, &server, told).args("--lookback 90m").ends(2);
    assert_eq!((&summary()["command"], &summary()["outcome"]), (&"sync".into(), &"usage".into()));
}

#[test]
fn every_profile_has_a_dataset_of_its_own() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 60));
    let text = "tz = 'Europe/Paris'\n[profiles.a]\napp-id = 'a'\noutput = 'ds/a'\n[profiles.b]\napp-id = 'b'\noutput = 'ds/b'\n";
    place.write("rtk.toml", text);
    let all =
        place.rtk("sync --all-profiles --config rtk.toml").against(&server).without_env("REALTIMEKIT_APP_ID");
    all.ends(0).says(&["profile a, 1 of 2", "profile b, 2 of 2", "exit codes of the profiles: a 0, b 0"]);
    for app in ["a", "b"] {
        let dataset = Dataset::read(&place.path("ds").join(app));
        assert_eq!(dataset.pointer["identity"]["app_id"], app);
        assert_eq!(dataset.pointer["identity"]["time_zone"], "Europe/Paris");
    }
}
