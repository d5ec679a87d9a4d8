//! What was paid for is kept: killed, stopped and refused runs go on where they were.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use rtk_export::log::FILE_NAME;

use crate::support::{
    Export, Output, Place, Server, faults, finished, log_lines, logged_details, manifest, tree, zstdcat,
};

/// Requests in flight in these tests, all of which a sandbox leaves without an answer at some point.
const IN_FLIGHT: u64 = 8;
const RUN: &str = "run list.csv -o out --format csv --fetch detail --with-sessions --concurrency 8";

/// A sandbox that leaves a whole set of requests hanging after so many details.
fn hanging_after(details: u64, participants: usize) -> (Place, Server) {
    let rule = format!("match participants/ {}-{}: hang", details + 1, details + IN_FLIGHT);
    let (place, server) = (
        Place::new(),
        Server::start(|options| {
            options.world.participants = 2_000;
            options.faults = faults(&[&rule]);
        }),
    );
    place.write("list.csv", server.pairs(participants));
    (place, server)
}

fn details(server: &Server) -> u64 {
    server.stats().by_kind.get(&rtk_export::sandbox::Kind::Details).copied().unwrap_or_default()
}

/// Starts a run and kills it once nothing but hanging requests is left and so many replies are durable.
fn killed(place: &Place, server: &Server, after: u64, durable: usize) -> Output {
    let running = place.rtk(RUN).against(server).start();
    let running = running.until("the hanging of all requests", || details(server) >= after + IN_FLIGHT);
    running.until("the durable log", || logged_details(&place.path("out")) >= durable).kill()
}

/// The export of an unbroken run of the same.
fn unbroken(place: &Place, server: &Server) -> Export {
    place.rtk(&RUN.replace("-o out", "-o unbroken")).against(server).ends(0);
    Export::read(&place.path("unbroken"))
}

#[test]
fn killed_at_any_point_the_same_command_ends_with_the_same_rows() {
    for after in [0, 1, 100, 192] {
        let (place, server) = hanging_after(after, 200);
        killed(&place, &server, after, 0);
        assert!(!place.path("out/manifest.json").exists(), "half a result was published");
        place.rtk(RUN).against(&server).ends(0);
        let resumed = Export::read(&place.path("out"));
        // Nothing is asked twice but what was not durable yet.
        assert!(details(&server) <= after + IN_FLIGHT + 200);
        resumed.equals(&unbroken(&place, &server));
    }
}

#[test]
fn what_is_durable_is_never_asked_again() {
    let (place, server) = hanging_after(100, 200);
    // Within 5 seconds, as nothing else arrives.
    killed(&place, &server, 100, 100);
    place.rtk(RUN).against(&server).ends(0);
    assert_eq!(details(&server), 100 + IN_FLIGHT + 100);
    let requests = &manifest(&place.path("out"))["requests"];
    assert_eq!(requests["ok"].as_u64().unwrap(), server.stats().by_status[&200]);
    Export::read(&place.path("out")).equals(&unbroken(&place, &server));
}

#[test]
fn a_thousand_replies_are_durable_at_once() {
    let (place, server) = hanging_after(1_100, 1_300);
    killed(&place, &server, 1_100, 1_000);
    place.rtk(RUN).against(&server).ends(0);
    assert!(details(&server) <= 1_100 + IN_FLIGHT + 300, "{}", details(&server));
}

#[test]
fn a_signal_makes_the_log_durable_and_names_itself() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (place, server) = hanging_after(100, 200);
        let running = place.rtk(RUN).against(&server).start();
        let running = running.until("the hanging of all requests", || details(&server) >= 100 + IN_FLIGHT);
        running.signal(signal).output().ended(code).says(&["same command"]);
        assert_eq!(logged_details(&place.path("out")), 100);
        place.rtk(RUN).against(&server).ends(0);
        assert_eq!(details(&server), 200 + IN_FLIGHT);
    }
}

#[test]
fn killed_while_publishing_it_is_finished_at_the_next_start() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(300));
    let run = |output: &str| {
        place.rtk(&format!("run list.csv -o {output} --format csv --refresh")).against(&server)
    };
    run("whole").ends(0);
    let whole = Export::read(&place.path("whole"));
    for changes in [1, 3, 5, 8, 10, 13] {
        // An old export stands there; the new one replaces it.
        run("out").ends(0);
        let (mut last, mut changed) = (listing(&place, "out"), 0);
        let running = run("out").start();
        let running = running.until_or_ended(|| {
            let now = listing(&place, "out");
            if now != last {
                last = now;
                changed += 1;
            }
            changed >= changes
        });
        let killed = running.kill();
        if place.path("out/manifest.json").exists() {
            whole.equals(&Export::read(&place.path("out")));
        }
        let again = place.rtk("run list.csv -o out --format csv").against(&server).output();
        // Where the swap was begun or the old export stands, it is finished or refused as such.
        assert!(matches!(again.code, Some(0 | 2)), "after {changes} changes, {killed}\nthen {again}");
        if again.code == Some(2) {
            run("out").ends(0);
        }
        whole.equals(&Export::read(&place.path("out")));
        assert_eq!(listing(&place, "out").len(), listing(&place, "whole").len(), "something was left behind");
    }
}

/// The names below a directory, state included.
fn listing(place: &Place, dir: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![place.path(dir)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            names.push(entry.path().display().to_string());
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    names.sort();
    names
}

#[test]
fn a_second_process_on_the_same_output_is_refused() {
    let (place, server) = hanging_after(10, 200);
    let first = place.rtk(RUN).against(&server).start();
    let first = first.until("the hanging of all requests", || details(&server) >= 10 + IN_FLIGHT);
    let before = server.requests();
    place.rtk(RUN).against(&server).ends(6).says(&["another process"]);
    assert_eq!(server.requests(), before);
    first.kill();
    place.rtk(RUN).against(&server).ends(0);
}

#[test]
fn a_finished_or_foreign_output_is_refused_until_refresh() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(20));
    place.write("other.csv", server.pairs(10));
    let run = |args: &str| place.rtk(&format!("run {args} -o out --format csv")).against(&server);
    run("list.csv").ends(0);
    let (files, requests) = (tree(&place.path("out")), server.requests());
    run("list.csv").ends(2).says(&["out", "--refresh"]);
    run("other.csv").ends(2).says(&["out", "--refresh"]);
    assert_eq!((tree(&place.path("out")), server.requests()), (files, requests), "nothing changed");
    run("other.csv --refresh").ends(0);
    assert_eq!(Export::read(&place.path("out")).rows("participants").len(), 10);
    // A directory of somebody else's files is no output.
    fs::create_dir(place.path("theirs")).unwrap();
    place.write("theirs/thesis.tex", "\\documentclass{article}");
    place.rtk("run list.csv -o theirs").against(&server).ends(2).says(&["theirs", "thesis.tex"]);
    assert!(place.path("theirs/thesis.tex").exists());
}

#[test]
fn an_unfinished_output_goes_on_only_with_the_same_settings() {
    let (place, server) = hanging_after(50, 200);
    place.write("other.csv", server.pairs(100));
    killed(&place, &server, 50, 0);
    let before = server.requests();
    let cases = [
        (RUN.replace("--format csv", "--format parquet"), "format"),
        (RUN.replace("--fetch detail", "--fetch list"), "fetch"),
        (RUN.replace("list.csv", "other.csv"), "list"),
        (format!("{RUN} --no-peer-events"), "peer"),
        (format!("{RUN} --app-id other"), "app"),
    ];
    for (command, named) in cases {
        place.rtk(&command).against(&server).ends(2).says(&[named, "--refresh"]);
    }
    assert_eq!(server.requests(), before);
    // Pace and face may change.
    let paced = RUN.replace("--concurrency 8", "--concurrency 3 --retries 2 --timeout 10s --rate 5000/1s -q");
    place.rtk(&paced).against(&server).ends(0);
    Export::read(&place.path("out")).equals(&unbroken(&place, &server));
}

#[test]
fn refresh_keeps_the_old_export_until_the_new_one_is_complete() {
    let (place, server) = hanging_after(300, 200);
    place.rtk(RUN).against(&server).ends(0);
    let old = tree(&place.path("out"));
    let running = place.rtk(&format!("{RUN} --refresh")).against(&server).start();
    running.until("the hanging of all requests", || details(&server) >= 300 + IN_FLIGHT).kill();
    assert_eq!(tree(&place.path("out")), old);
    place.rtk(&format!("{RUN} --refresh")).against(&server).ends(0);
    let first = Place::new();
    for (name, bytes) in old {
        let path = first.path(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    Export::read(&place.path("out")).equals(&Export::read(&first.path("")));
}

#[test]
fn a_torn_tail_is_cut_off() {
    for damage in [-7, 5] {
        let (place, server) = hanging_after(100, 200);
        killed(&place, &server, 100, 100);
        let log = place.path("out/.rtk-export").join(FILE_NAME);
        let length = fs::metadata(&log).unwrap().len();
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        if damage < 0 {
            file.set_len(length - 7).unwrap();
        } else {
            file.write_all(b"\x28\xb5\x2f\xfd\x04").unwrap();
        }
        drop(file);
        place.rtk(RUN).against(&server).ends(0);
        Export::read(&place.path("out")).equals(&unbroken(&place, &server));
    }
}

#[test]
fn a_list_from_stdin_is_resumed_with_the_same_stdin() {
    let (place, server) = hanging_after(100, 200);
    let list = server.pairs(200);
    let command = RUN.replace("list.csv", "-");
    let running = place.rtk(&command).against(&server).stdin(list.clone()).start();
    running
        .until("the hanging of all requests", || details(&server) >= 100 + IN_FLIGHT)
        .until("the durable log", || logged_details(&place.path("out")) >= 100)
        .kill();
    place.rtk(&command).against(&server).stdin(list).ends(0);
    assert_eq!(details(&server), 200 + IN_FLIGHT);
    // A rebuild needs no list at all.
    place.rtk("rebuild out -o again").ends(0);
    Export::read(&place.path("again")).equals(&Export::read(&place.path("out")));
}

#[test]
fn the_log_is_deleted_only_where_that_was_asked_for() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    place.rtk("run list.csv -o kept").against(&server).ends(0);
    assert!(place.path("kept/.rtk-export").join(FILE_NAME).exists());
    place.rtk("run list.csv -o gone --keep-log never").against(&server).ends(0);
    assert!(!place.path("gone/.rtk-export").join(FILE_NAME).exists());
    assert!(place.path("gone/manifest.json").exists());
    // Still finished, and a rebuild says what it lacks.
    place.rtk("run list.csv -o gone --keep-log never").against(&server).ends(2);
    place.rtk("rebuild gone").output().says(&["log"]);
    assert!(place.path("gone/manifest.json").exists());
}

#[test]
fn the_log_can_be_elsewhere() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    place.rtk("run list.csv -o out --state-dir state --format csv").against(&server).ends(0);
    assert!(place.path("state").join(FILE_NAME).exists() && logged_details(&place.path("out")) == 0);
    place.rtk("rebuild out -o again --state-dir state").ends(0);
    Export::read(&place.path("again")).equals(&Export::read(&place.path("out")));
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    place.rtk("run list.csv -o out").against(&server).ends(0);
    let log = place.path("out/.rtk-export").join(FILE_NAME);
    assert_eq!(fs::metadata(log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn zstdcat_shows_json_lines() {
    let (place, server) = (Place::new(), Server::start(|options| options.world.messy = true));
    place.write("list.csv", server.pairs(60));
    place.rtk("run list.csv -o out --fetch detail").against(&server).ends(0);
    let log = place.path("out/.rtk-export").join(FILE_NAME);
    let shown = finished(zstdcat().arg(log)).unwrap_or_else(|problem| panic!("{problem}"));
    let kind = |line: &str| {
        // Python's json, jq and serde's Value differ on lone surrogates; a raw value takes all.
        let line: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        line["kind"].get().to_owned()
    };
    let kinds: Vec<_> = shown.lines().map(kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "\"details\"").count(), 60);
    assert_eq!(kinds[0], "\"export\"");
    assert_eq!(log_lines(&place.path("out")).len(), kinds.len());
}

#[test]
fn the_built_in_sandbox_is_resumed_too() {
    let place = Place::with_samples();
    let run = "run samples/participants.csv -o out --sandbox --format csv --fetch detail";
    let running = place.rtk(&format!("{run} --rate 5/1s")).start();
    running.until("the durable log", || logged_details(&place.path("out")) > 0).kill();
    place.rtk(run).ends(0);
    assert_eq!(Export::read(&place.path("out")).rows("participants").len(), 40);
}

#[test]
fn an_output_that_cannot_be_written_is_named_before_anything_is_sent() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    place.write("a-file", "");
    place.rtk("run list.csv -o a-file/export").against(&server).ends(1).says(&["a-file/export", "cannot"]);
    place.rtk("run list.csv -o a-file").against(&server).ends(1).says(&["a-file", "cannot"]);
    assert_eq!(server.requests(), 0);
}

/// The size that a file may have stands for a full disk: either ends a write in its middle.
#[test]
fn a_disk_full_midway_keeps_what_was_fetched() {
    let (place, server) = (Place::new(), Server::start(|options| options.world.participants = 4_000));
    place.write("list.csv", server.pairs(4_000));
    let run = "run list.csv -o out --format csv --fetch detail --no-rollups";
    let limited = format!("trap '' XFSZ; ulimit -f 320; exec rtk-export {run}");
    let output = place.shell(&limited).against(&server).ends(1).says(&["cannot", "out/"]);
    let kept = logged_details(&place.path("out"));
    assert!((1..4_000).contains(&kept), "{kept} replies kept\n{output}");
    assert!(!place.path("out/manifest.json").exists());
    let before = details(&server);
    place.rtk(run).against(&server).ends(0);
    assert_eq!(details(&server) - before, 4_000 - kept as u64);
    assert_eq!(Export::read(&place.path("out")).rows("participants").len(), 4_000);
}
