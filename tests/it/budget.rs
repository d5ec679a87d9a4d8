//! The budget against a server with a real window: spent fully, never exceeded, shared by runs.

use std::time::{Duration, Instant};

use rtk_export::sandbox::{RateHeaders, RateLimit, WindowKind};

use crate::support::{Export, Place, Rtk, Server};

/// A server's quota, of which a tenth is left to others, and how many requests a run sends.
#[derive(Clone, Copy)]
struct Scale {
    quota: u64,
    window: Duration,
    requests: usize,
    /// The most time that it may take, over the ideal; only where nothing else decides it.
    ratio: Option<f64>,
    /// How often a run is killed: each time what was not durable yet is asked again.
    kills: u64,
    /// What a killed process had under way counts for as long as it might have waited.
    timeout: &'static str,
}

/// Four windows: what is wrong between two of them shows. The time is not judged: with windows of three
/// seconds it is start, tables and the machine's other work that decide it.
const SMALL: Scale =
    Scale { quota: 100, window: Duration::from_secs(3), requests: 360, ratio: None, kills: 3, timeout: "1s" };
/// Eleven windows, for minutes each: what the gate promises.
const LARGE: Scale = Scale {
    quota: 200,
    window: Duration::from_secs(10),
    requests: 2_000,
    ratio: Some(1.1),
    kills: 1,
    timeout: "30s",
};

/// [`SMALL`], or [`LARGE`] where `RTK_EXPORT_LONG_TESTS` is set: twenty minutes on an idle machine.
#[expect(clippy::disallowed_methods, reason = "how long to test is for whoever starts the tests to say")]
fn scale() -> Scale {
    if std::env::var_os("RTK_EXPORT_LONG_TESTS").is_some() { LARGE } else { SMALL }
}

fn limited(scale: Scale, change: impl FnOnce(&mut RateLimit)) -> Server {
    let mut limit = RateLimit::new(scale.quota, scale.window);
    change(&mut limit);
    Server::start(|options| {
        options.world.participants = 5_000;
        options.rate_limit = Some(limit);
    })
}

/// A run that hears of the quota from the server, as users' runs do.
fn run(place: &Place, server: &Server, args: &str) -> Rtk {
    let timeout = scale().timeout;
    let run = format!("run list.csv --format csv --fetch detail --no-rollups --timeout {timeout} {args}");
    place.rtk(&run).against(server).without_env("RTK_EXPORT_RATE")
}

fn place(server: &Server, requests: usize) -> Place {
    let place = Place::new();
    place.write("list.csv", server.pairs(requests));
    place
}

/// The server refused nothing, and the time was near the best possible where that is judged.
#[expect(clippy::print_stdout, reason = "the figures are what these tests are run for by hand")]
fn spent_well(name: &str, server: &Server, scale: Scale, others_percent: u64, took: Duration) {
    let stats = server.stats();
    assert_eq!((stats.rate_limited, stats.by_status.get(&429)), (0, None), "{name}: {stats:?}");
    let less_reserve = scale.quota - scale.quota / 10;
    assert!(stats.most_in_a_window <= less_reserve, "{name}: the reserve was spent: {stats:?}");
    let allowed = less_reserve - scale.quota * others_percent / 100;
    let ideal = scale.window * u32::try_from(stats.requests).unwrap() / u32::try_from(allowed).unwrap();
    let ratio = took.as_secs_f64() / ideal.as_secs_f64();
    println!("{name}: {} requests took {ratio:.3} times the ideal {ideal:?}", stats.requests);
    let most = scale.ratio.unwrap_or(f64::INFINITY);
    assert!(ratio <= most, "{name}: {took:?} where {ideal:?} would do");
}

#[test]
fn one_run_spends_the_quota_and_no_more() {
    let scale = scale();
    let Scale { quota, window, .. } = scale;
    let rate = format!("--rate {quota}/{}s", window.as_secs());
    for (kind, headers, others_percent, args) in [
        (WindowKind::Sliding, RateHeaders::True, 0, ""),
        (WindowKind::Fixed, RateHeaders::Lines, 0, ""),
        (WindowKind::Sliding, RateHeaders::Frozen, 0, ""),
        (WindowKind::Sliding, RateHeaders::Absent, 0, rate.as_str()),
        (WindowKind::Fixed, RateHeaders::Malformed, 0, rate.as_str()),
        (WindowKind::Fixed, RateHeaders::Items, 50, ""),
    ] {
        let server = limited(scale, |limit| {
            (limit.kind, limit.headers, limit.others_percent) = (kind, headers, others_percent);
        });
        let place = place(&server, scale.requests);
        let start = Instant::now();
        run(&place, &server, &format!("-o out {args}")).ends(0);
        let name = format!("{kind:?} {headers:?} others {others_percent}%");
        spent_well(&name, &server, scale, others_percent, start.elapsed());
    }
}

#[test]
fn two_runs_at_once_stay_within_one_quota() {
    let scale = scale();
    for headers in [RateHeaders::True, RateHeaders::Frozen] {
        let server = limited(scale, |limit| limit.headers = headers);
        let place = place(&server, scale.requests / 2);
        let start = Instant::now();
        let one = run(&place, &server, "-o one").start();
        let other = run(&place, &server, "-o other").start();
        one.output().ended(0);
        other.output().ended(0);
        spent_well(&format!("two runs, {headers:?}"), &server, scale, 0, start.elapsed());
        Export::read(&place.path("one")).equals(&Export::read(&place.path("other")));
    }
}

#[test]
fn a_run_after_one_that_was_killed_stays_within_its_window() {
    let scale = scale();
    for headers in [RateHeaders::True, RateHeaders::Frozen] {
        let server = limited(scale, |limit| limit.headers = headers);
        let place = place(&server, scale.requests);
        let start = Instant::now();
        for part in 1..=scale.kills {
            let running = run(&place, &server, "-o out").start();
            running
                .until("a part of the replies", || server.requests() >= part * scale.quota * 6 / 10)
                .kill();
        }
        run(&place, &server, "-o out").ends(0);
        spent_well(&format!("killed, {headers:?}"), &server, scale, 0, start.elapsed());
    }
}

#[test]
fn where_the_users_directory_cannot_be_written_the_outputs_is_used_with_a_warning() {
    let server = Server::start(|_| ());
    let place = place(&server, 360);
    place.write("no-directory", "");
    let unusable = place.path("no-directory");
    let output = run(&place, &server, "-o out --rate 100000/1s")
        .env("XDG_STATE_HOME", unusable.to_str().unwrap())
        .ends(0)
        .says(&["warning: cannot keep the request budget in", "with the output"]);
    assert!(!output.stderr.contains(server.token()), "{output}");
    let budgets = |dir: &str| {
        let entries = std::fs::read_dir(place.path(dir)).into_iter().flatten();
        entries
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("budget-"))
            .count()
    };
    assert_eq!((budgets("out/.rtk-export"), budgets("home/.local/state/rtk-export")), (1, 0));
    run(&place, &server, "-o again --rate 100000/1s").ends(0);
    assert_eq!((budgets("again/.rtk-export"), budgets("home/.local/state/rtk-export")), (0, 1));
}

#[test]
fn a_stopped_run_does_not_wait_for_its_turn_and_says_how_to_go_on() {
    let server = Server::start(|_| ());
    let place = place(&server, 360);
    let args = "-o out --rate 1/1m --reserve 0%";
    let running = run(&place, &server, args).start();
    let running = running.until("the first request", || server.requests() > 0);
    let output = running.signal("-INT").output().ended(130);
    assert_eq!(server.requests(), 1, "it waited for its turn");
    output.says(&["kept in the log", "run list.csv --format csv", args]);
}
