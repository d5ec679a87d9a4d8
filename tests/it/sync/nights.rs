//! Nights one after the other, in a world whose clock goes on.

use super::*;
use crate::support::faults;

/// A sync at a time, in a world at that time.
fn night(place: &Place, server: &Server, at: &str, flags: &str) -> Rtk {
    server.set_clock(time(at));
    sync(place, server, flags).at(time(at))
}

fn synced_at(place: &Place, server: &Server, at: &str, flags: &str) -> Dataset {
    night(place, server, at, flags).ends(0);
    Dataset::read(&place.path("ds"))
}

fn moving(change: impl FnOnce(&mut SandboxOptions)) -> Server {
    server(|options| {
        options.clock = Some(time("2026-10-20T00:00:00Z"));
        change(options);
    })
}

/// A whole export as of the world's time.
fn whole_at(place: &Place, server: &Server, at: &str) -> Export {
    server.set_clock(time(at));
    let export = "run --since 2000-01-01 -o whole --format csv --no-rollups --refresh";
    place.rtk(export).against(server).at(time(at)).ends(0);
    Export::read(&place.path("whole"))
}

#[test]
fn late_changes_within_the_lookback_are_found() {
    let late = "3:40h".parse().unwrap();
    let (place, server) = (Place::new(), moving(|options| options.world.late = Some(late)));
    let mut last = None;
    for at in ["2026-10-28T02:00:00Z", "2026-10-29T02:00:00Z", "2026-10-30T02:00:00Z", "2026-11-01T02:00:00Z"]
    {
        last = Some(synced_at(&place, &server, at, ""));
    }
    let (night, last) = ("2026-11-03T02:00:00Z", last.unwrap());
    let dataset = synced_at(&place, &server, night, "");
    // Three days before the first of November, at which the last one was.
    assert_eq!(dataset.days_of(dataset.export_id()).first(), Some(&"2026-10-29"));
    assert_eq!(dataset.days()["2026-10-28"], last.days()["2026-10-28"]);
    assert!(dataset.pending().is_empty());
    equals(&dataset, &whole_at(&place, &server, night));
}

#[test]
fn a_day_with_live_sessions_is_looked_at_again_once_one_of_them_has_ended() {
    let (place, server) = (Place::new(), moving(|options| options.world.long_every = 20));
    let first = synced_at(&place, &server, "2026-10-28T02:00:00Z", "--lookback 0d");
    let (day, why) = first.pending()[0];
    assert_eq!(why, "live");
    let id = first.days()[day].to_owned();

    // It goes on: one request asks for it.
    let next = synced_at(&place, &server, "2026-10-29T02:00:00Z", "--lookback 0d");
    assert!(next.pending().iter().any(|(pending, _)| *pending == day));
    assert_eq!(next.days()[day], id);

    // It has ended.
    let night = "2026-11-08T02:00:00Z";
    let last = synced_at(&place, &server, night, "--lookback 0d");
    assert!(last.pending().is_empty(), "{:?}", last.pending());
    assert_ne!(last.days()[day], id);
    equals(&last, &whole_at(&place, &server, night));
}

#[test]
fn a_day_that_is_live_for_too_long_is_given_up() {
    let (place, server) = (Place::new(), moving(|options| options.world.long_every = 20));
    synced_at(&place, &server, "2026-10-28T02:00:00Z", "--lookback 0d");
    // The world stands still while the calendar goes on: it has not ended.
    let later = sync(&place, &server, "--lookback 0d").at(time("2026-11-12T02:00:00Z")).ends(0);
    later.says(&["is not looked at again: after 14 days", "hint: to look once more: --from 2026-10-2"]);
    let dataset = Dataset::read(&place.path("ds"));
    assert!(dataset.pending().iter().all(|(day, _)| *day > "2026-10-28"), "{:?}", dataset.pending());
}

#[test]
fn a_day_with_failures_that_may_pass_is_fetched_again() {
    let (place, server) =
        (Place::new(), moving(|options| options.faults = faults(&["match /participants 3: 503"])));
    night(&place, &server, "2026-10-30T02:00:00Z", "--retries 0").ends(3).says(&["synced, with 1 failure"]);
    let failed = Dataset::read(&place.path("ds"));
    let (day, why) = failed.pending()[0];
    assert_eq!((failed.pending().len(), why), (1, "failed"));
    let night = "2026-11-05T02:00:00Z";
    let dataset = synced_at(&place, &server, night, "--lookback 0d");
    assert!(dataset.pending().is_empty());
    assert_ne!(dataset.days()[day], failed.days()[day]);
    equals(&dataset, &whole_at(&place, &server, night));
}

#[test]
fn a_sync_that_was_interrupted_at_night_goes_on_in_the_morning() {
    let (place, server) =
        (Place::new(), moving(|options| options.latency = std::time::Duration::from_millis(20)));
    synced_at(&place, &server, "2026-10-28T02:00:00Z", "");
    let before = server.requests();
    let running = night(&place, &server, "2026-10-30T02:00:00Z", "--concurrency 1").start();
    running.until("a few replies", || server.requests() > before + 12).signal("-TERM").output().ended(143);
    // With its own end, and nothing more to do so soon.
    let morning = synced_at(&place, &server, "2026-10-30T07:30:00Z", "");
    assert!(morning.synced_until().starts_with("2026-10-30T0"), "{}", morning.synced_until());
    assert!(morning.synced_until() < "2026-10-30T02:01:00Z", "{}", morning.synced_until());
    assert_eq!(morning.generation(), 2);
    // Later there is.
    let evening = "2026-10-30T20:00:00Z";
    let dataset = synced_at(&place, &server, evening, "");
    assert!(dataset.synced_until() > "2026-10-30T19:59:00Z");
    equals(&dataset, &whole_at(&place, &server, evening));
}

/// Two machines, the clock of one of which is an hour slow: who looked last has the day, for it had seen what the
/// other one committed.
#[test]
fn a_slow_clock_takes_nothing_back() {
    let (place, server) = (Place::new(), moving(|_| ()));
    let first = synced_at(&place, &server, "2026-10-30T02:00:00Z", "");
    server.set_clock(time("2026-10-30T02:30:00Z"));
    sync(&place, &server, "").at(time("2026-10-30T01:30:00Z")).ends(0);
    let second = Dataset::read(&place.path("ds"));
    assert_ne!(second.days()["2026-10-29"], first.days()["2026-10-29"]);
    equals(&second, &whole_at(&place, &server, "2026-10-30T02:30:00Z"));
}

/// The days that are another export's than before, as the summary has them.
fn counts_what_was_replaced(place: &Place, before: &Dataset) -> Dataset {
    let after = Dataset::read(&place.path("ds"));
    let rows = after.rows_of(|day| before.days().get(day) != after.days().get(day));
    let text = std::fs::read(place.path("told.json")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&text).unwrap();
    for table in ["sessions", "participants", "peer_events"] {
        assert_eq!(told["rows"][table], rows.rows(table).len(), "{table}: {told}");
    }
    after
}

#[test]
fn after_a_night_without_a_reply_the_next_one_begins_anew() {
    let (place, server) = (Place::new(), moving(|_| ()));
    let first = synced_at(&place, &server, "2026-10-28T02:00:00Z", "");
    night(&place, &server, "2026-10-29T02:00:00Z", "").env("CLOUDFLARE_API_TOKEN", "another").ends(4);
    let at = "2026-10-30T02:00:00Z";
    synced_at(&place, &server, at, "--summary-file told.json");
    let dataset = counts_what_was_replaced(&place, &first);
    assert_eq!(dataset.generation(), 2, "one commit, and so no day was asked for twice");
    equals(&dataset, &whole_at(&place, &server, at));
}

#[test]
fn a_day_that_is_replaced_twice_counts_once() {
    let slow = std::time::Duration::from_millis(20);
    let (place, server) = (Place::new(), moving(|options| options.latency = slow));
    let first = synced_at(&place, &server, "2026-10-28T02:00:00Z", "");
    let before = server.requests();
    let running = night(&place, &server, "2026-10-29T02:00:00Z", "--concurrency 1").start();
    running.until("a few replies", || server.requests() > before + 12).signal("-TERM").output().ended(143);
    let at = "2026-10-30T02:00:00Z";
    synced_at(&place, &server, at, "--summary-file told.json");
    let dataset = counts_what_was_replaced(&place, &first);
    assert_eq!(dataset.generation(), 3);
    equals(&dataset, &whole_at(&place, &server, at));
}
