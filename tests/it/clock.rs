//! The system's clock is set: back by a year, or forth, between two runs or under one of them. Nothing
//! waits for a time that does not come, and no request too many is sent.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rtk_export::sandbox::{RateHeaders, RateLimit};
use serde_json::Value;

use crate::support::{Export, Place, Rtk, Server};

const QUOTA: u64 = 60;
const WINDOW: Duration = Duration::from_secs(2);
const PAIRS: usize = 200;

fn limited(headers: RateHeaders) -> (Place, Server) {
    let server = Server::start(|options| {
        options.rate_limit = Some(RateLimit { headers, ..RateLimit::new(QUOTA, WINDOW) });
    });
    let place = Place::new();
    place.write("list.csv", server.pairs(PAIRS));
    (place, server)
}

fn run(place: &Place, server: &Server) -> Rtk {
    let run = "run list.csv -o out --format csv --fetch detail --no-rollups --timeout 1s";
    let rate = format!("--rate {QUOTA}/{}s", WINDOW.as_secs());
    place.rtk(run).args(&rate).against(server).without_env("RTK_EXPORT_RATE")
}

fn ended_well(place: &Place, server: &Server) {
    let stats = server.stats();
    assert_eq!((stats.rate_limited, stats.by_status.get(&429)), (0, None), "{stats:?}");
    assert!(stats.most_in_a_window <= QUOTA, "{stats:?}");
    let unlimited = Server::start(|_| ());
    let whole = "run list.csv -o whole --format csv --fetch detail --no-rollups";
    place.rtk(whole).against(&unlimited).ends(0);
    Export::read(&place.path("out")).equals(&Export::read(&place.path("whole")));
}

#[test]
fn set_back_by_a_year_between_two_runs() {
    for headers in [RateHeaders::True, RateHeaders::Absent] {
        let (place, server) = limited(headers);
        let ahead = place.write("clock", "+400d");
        let first = run(&place, &server).with_clock(&ahead).start();
        first.until("a part of the replies", || server.requests() >= QUOTA / 2).kill();
        run(&place, &server).ends(0);
        ended_well(&place, &server);
    }
}

#[test]
fn set_back_and_forth_under_a_run() {
    let (place, server) = limited(RateHeaders::True);
    let clock = place.write("clock", "+400d");
    let mut running = run(&place, &server).with_clock(&clock).start();
    for (requests, time) in [(20, "-400d"), (70, "+1h"), (110, "-1h")] {
        running = running.until("a part of the replies", || server.requests() >= requests);
        // Renamed into its place: a file cut short would show no time at all.
        fs::rename(place.write("next", time), &clock).unwrap();
    }
    running.output().ended(0);
    ended_well(&place, &server);
}

/// What an earlier run left lies in the future: written by another machine, or before the clock was set.
#[test]
fn what_an_earlier_run_left_lies_in_the_future() {
    let year_ns = 365 * 86_400 * 1_000_000_000_u64;
    for another_start in [true, false] {
        let (place, server) = limited(RateHeaders::Absent);
        let first = run(&place, &server).start();
        first.until("a part of the replies", || server.requests() >= QUOTA / 2).kill();
        let dir = place.path("home/.local/state/rtk-export");
        let ledger = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
        rewrite(&ledger, |written| {
            let later = |field: &Value| (field.as_u64().unwrap() + year_ns).into();
            written["wall_ns"] = later(&written["wall_ns"]);
            if another_start {
                written["boot"] = "another".into();
            } else {
                written["since_boot_ns"] = later(&written["since_boot_ns"]);
            }
        });
        for file in [ledger, place.path("out/.rtk-export/responses.jsonl.zst")] {
            let later = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 80);
            fs::File::options().append(true).open(file).unwrap().set_modified(later).unwrap();
        }
        run(&place, &server).ends(0);
        ended_well(&place, &server);
    }
}

/// Changes when a budget's file says that it was written.
fn rewrite(ledger: &Path, change: impl Fn(&mut Value)) {
    const NAME: &[u8] = b"rtk-export-budget 1 ";
    let bytes = fs::read(ledger).unwrap();
    let starts = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(NAME));
    let newest = starts.filter_map(|start| {
        let line_end = start + bytes[start..].iter().position(|&byte| byte == b'\n')?;
        let words = std::str::from_utf8(&bytes[start + NAME.len()..line_end]).ok()?;
        let numbers: Vec<u64> = words.split(' ').filter_map(|word| word.parse().ok()).collect();
        let text = bytes.get(line_end + 1..line_end + 1 + usize::try_from(numbers[1]).ok()?)?;
        Some((numbers[0], text))
    });
    let (turn, text) = newest.max_by_key(|(turn, _)| *turn).expect("a budget");
    let mut json: Value = serde_json::from_slice(text).unwrap();
    change(&mut json["written"]);
    let text = json.to_string();
    let crc = crc32fast::hash(text.as_bytes());
    fs::write(ledger, format!("rtk-export-budget 1 {turn} {} {crc}\n{text}", text.len())).unwrap();
}
