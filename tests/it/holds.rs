//! One process at a time has an output, whatever it does there and wherever its log is; nothing that was
//! begun there is lost to another, and nothing of the lock stays.

use std::fs;

use crate::support::{Export, Place, Server, faults, logged_details, whole_manifest};

const PAIRS: usize = 40;
/// Requests that are answered before all others hang.
const ANSWERED: u64 = 10;
const IN_FLIGHT: u64 = 4;
const RUN: &str = "run list.csv --format csv --fetch detail --no-rollups --concurrency 4";

/// A server that leaves a run hanging after some requests more, once.
fn hanging_after(requests: u64) -> (Place, Server) {
    let first = requests + ANSWERED + 1;
    let hang = format!("{first}-{}: hang", first + IN_FLIGHT - 1);
    let server = Server::start(|options| options.faults = faults(&[&hang]));
    let place = Place::new();
    place.write("list.csv", server.pairs(PAIRS));
    (place, server)
}

/// The names in a directory.
fn names(place: &Place, dir: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(dir)).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_rebuild_keeps_off_an_export_that_was_begun() {
    let (place, server) = hanging_after(PAIRS as u64);
    place.rtk(&format!("{RUN} -o first")).against(&server).ends(0);
    let run = format!("{RUN} --no-peer-events -o out");
    let running = place.rtk(&run).against(&server).start();
    let running = running
        .until("the hanging of all", || server.requests() >= PAIRS as u64 + ANSWERED + IN_FLIGHT)
        .until("the durable log", || logged_details(&place.path("out")) >= 10);
    place.rtk("rebuild first -o out").ends(6).says(&["another process"]);
    running.kill();
    // Not while it runs, and not while it is unfinished.
    place.rtk("rebuild first -o out").ends(2).says(&["out holds another export, which is not finished"]);
    assert_eq!(whole_manifest(&place.path("out")), None);
    place.rtk(&run).against(&server).ends(0);
    assert_eq!(server.requests(), (PAIRS + PAIRS) as u64 + IN_FLIGHT, "nothing durable was asked again");
    place.rtk("rebuild first -o out").ends(2).says(&["is a finished export"]);
}

#[test]
fn a_rebuild_in_place_and_a_refresh_exclude_each_other() {
    let (place, server) = hanging_after(PAIRS as u64);
    let run = format!("{RUN} -o out");
    place.rtk(&run).against(&server).ends(0);
    let refresh = format!("{run} --refresh");
    let running = place.rtk(&refresh).against(&server).start();
    let running =
        running.until("the hanging of all", || server.requests() >= PAIRS as u64 + ANSWERED + IN_FLIGHT);
    for command in ["rebuild out", "rebuild out -o ./out", "rebuild out -o again"] {
        place.rtk(command).ends(6).says(&["another process"]);
    }
    running.kill();
    for command in ["rebuild out --no-rollups", "rebuild out -o ./out --no-rollups"] {
        place.rtk(command).ends(0);
    }
    place.rtk(&refresh).against(&server).ends(0);
    assert_eq!(names(&place, "out/.rtk-export"), [rtk_export::log::FILE_NAME]);
}

#[test]
fn runs_with_logs_elsewhere_have_one_output_in_turn() {
    let (place, server) = hanging_after(0);
    let run = |state: &str| place.rtk(&format!("{RUN} -o out --state-dir {state}")).against(&server);
    let running = run("one").start();
    let running = running.until("the hanging of all", || server.requests() >= ANSWERED + IN_FLIGHT);
    run("other").ends(6).says(&["another process"]);
    assert!(!place.path("other").exists());
    running.kill();
    run("one").ends(0);
    assert!(!place.path("out/.rtk-export").exists());
    assert_eq!(Export::read(&place.path("out")).rows("participants").len(), PAIRS);
}

/// The operating system's word comes first: whoever is killed holds nothing, and is named by who comes next.
#[test]
fn who_holds_an_output_is_told_and_whose_lock_is_taken_over() {
    let (place, server) = hanging_after(0);
    let run = format!("{RUN} -o out");
    let running = place.rtk(&run).against(&server).start();
    let running = running
        .until("the hanging of all", || server.requests() >= ANSWERED + IN_FLIGHT)
        .until("the durable log", || logged_details(&place.path("out")) >= 10);
    let holder = format!("pid {} on ", running.id());
    let since = "(run), since 20";
    place.rtk(&run).against(&server).ends(6).says(&["another process", &holder, since, ", last seen "]);
    place.rtk("rebuild out").ends(6).says(&["another process", &holder, since, ", last seen "]);
    running.kill();
    let log = "took over the lock of ";
    place.rtk(&run).against(&server).ends(0).says(&[log, &holder, since]);
    // Who lets go is not taken over.
    let again = place.rtk("rebuild out").ends(0);
    assert!(!again.stderr.contains(log), "{}", again.stderr);
}

#[test]
fn nothing_of_the_lock_stays() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(PAIRS));
    let log = [rtk_export::log::FILE_NAME];
    for again in [0, 2] {
        place.rtk(&format!("{RUN} -o kept")).against(&server).ends(again);
        assert_eq!(names(&place, "kept/.rtk-export"), log);
        place.rtk(&format!("{RUN} -o gone --keep-log never")).against(&server).ends(again);
        assert!(!place.path("gone/.rtk-export").exists());
    }
    place.rtk("rebuild kept -o elsewhere").ends(0);
    place.rtk("rebuild kept").ends(0);
    assert_eq!(names(&place, "kept/.rtk-export"), log);
    assert!(!place.path("elsewhere/.rtk-export").exists());
    // What is refused makes nothing.
    place.write("none.csv", "customer\nBlue Heron\n");
    for refused in ["run none.csv -o new", "run none.csv -o new --refresh", "rebuild nowhere -o new"] {
        place.rtk(refused).against(&server).ends(2);
        assert!(!place.path("new").exists() && !place.path("nowhere").exists(), "{refused}");
    }
}

/// Its replies are paid for: a window that is refused begins nothing in their place.
#[test]
fn a_refused_window_costs_no_log() {
    let (place, server) = hanging_after(0);
    let run = format!("{RUN} -o out");
    let running = place.rtk(&run).against(&server).start();
    running
        .until("the hanging of all", || server.requests() >= ANSWERED + IN_FLIGHT)
        .until("the durable log", || logged_details(&place.path("out")) >= 10)
        .kill();
    let refused = "run --since 2127-01-01 -o out --format csv --refresh";
    place.rtk(refused).against(&server).ends(2);
    assert_eq!(logged_details(&place.path("out")), 10);
    place.rtk(&run).against(&server).ends(0);
    assert_eq!(server.requests(), PAIRS as u64 + IN_FLIGHT);
    // Where there was nothing, nothing is left.
    place.rtk(&refused.replace("-o out", "-o new")).against(&server).ends(2);
    assert!(!place.path("new").exists());
}
