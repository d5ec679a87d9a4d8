//! Publishing under `kill -9`, at each system call that changes files: readers see the older export or
//! the new one, whole, and the next start ends with the new one.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Export, Place, Server, finished, log_lines, strace, tree, whole_manifest};

/// Calls that change names or make changes durable. Not every machine has each of them, hence the `?`.
const CALLS: &str = "?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir,?mkdir,mkdirat,fsync";
const RUN: &str = "run list.csv --format csv --fetch detail --refresh -o";

/// An older export, and beside it the complete log of the one that is to replace it: only its tables are
/// still to be made.
fn about_to_publish(place: &Place, server: &Server) {
    place.write("older.csv", server.pairs(40));
    place.write("list.csv", server.pairs(30));
    place.rtk("run older.csv -o begun").against(server).ends(0);
    // Where files are made nothing can be made.
    let staging = place.write("begun/.rtk-export/staging", "");
    place.rtk(&format!("{RUN} begun")).against(server).ends(1).says(&["staging"]);
    fs::remove_file(staging).unwrap();
}

#[test]
fn killed_at_any_call_readers_see_one_export_or_none_and_the_next_start_finishes() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    about_to_publish(&place, &server);
    let older = whole_manifest(&place.path("begun")).unwrap()["export_id"].clone();
    place.rtk(&format!("{RUN} unbroken")).against(&server).ends(0);
    let (expected, files) = (Export::read(&place.path("unbroken")), names(&place, "unbroken"));
    let before = server.requests();
    let mut seen = BTreeSet::new();
    for call in 1.. {
        let Some(strace) = strace(&format!("-e trace={CALLS} -e inject={CALLS}:signal=SIGKILL:when={call}"))
        else {
            return;
        };
        finished(std::process::Command::new("cp").arg("-a").args([place.path("begun"), place.path("out")]))
            .unwrap();
        let killed = place.shell(&format!("exec {strace} rtk-export {RUN} out")).against(&server).output();
        let visible = whole_manifest(&place.path("out"));
        let is_new = visible.as_ref().is_some_and(|manifest| manifest["export_id"] != older);
        seen.insert((visible.is_some(), is_new));
        if killed.code == Some(0) {
            break;
        }
        assert_eq!(killed.code, None, "at call {call}: {killed}");
        let again = if is_new { RUN.replace(" --refresh", "") } else { RUN.to_owned() };
        let code = if is_new { 2 } else { 0 };
        place.rtk(&format!("{again} out --summary-file told.json")).against(&server).ends(code);
        let export_id = whole_manifest(&place.path("out")).unwrap()["export_id"].clone();
        assert!(export_id != older);
        let told: serde_json::Value =
            serde_json::from_slice(&fs::read(place.path("told.json")).unwrap()).unwrap();
        assert!(code != 0 || told["export_id"] == export_id, "at call {call}: {told}");
        Export::read(&place.path("out")).equals(&expected);
        assert_eq!(names(&place, "out"), files, "something was left behind at call {call}: {killed}");
        fs::remove_dir_all(place.path("out")).unwrap();
    }
    assert_eq!(server.requests(), before, "it asked again");
    assert_eq!(seen, BTreeSet::from([(true, false), (false, false), (true, true)]), "a state was not met");
}

/// The files that readers see.
fn names(place: &Place, output: &str) -> Vec<String> {
    tree(&place.path(output)).into_keys().collect()
}

/// A file torn by a power cut, in a swap that was begun: it is made again.
#[test]
fn a_torn_file_is_never_swapped_in() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    about_to_publish(&place, &server);
    // The first file that goes to its place does not get there.
    let calls = "?rename,?renameat,renameat2";
    let Some(strace) = strace(&format!("-e trace={calls} -e inject={calls}:signal=SIGKILL:when=3")) else {
        return;
    };
    let killed = place.shell(&format!("exec {strace} rtk-export {RUN} begun")).against(&server).output();
    assert_eq!((killed.code, whole_manifest(&place.path("begun"))), (None, None), "{killed}");
    let torn = place.path("begun/.rtk-export/staging/participants/part-00000.csv");
    let length = fs::metadata(&torn).unwrap().len();
    fs::File::options().write(true).open(&torn).unwrap().set_len(length / 2).unwrap();
    place.rtk(&format!("{RUN} begun")).against(&server).ends(0);
    place.rtk(&format!("{RUN} unbroken")).against(&server).ends(0);
    Export::read(&place.path("begun")).equals(&Export::read(&place.path("unbroken")));
}

/// Between two stages nobody waits for a signal: it is told to the next that does.
#[test]
fn a_signal_between_fetching_and_making_tables_is_not_lost() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(30));
    // Long enough to be seen; the test waits for what it sees, not for time to pass.
    let calls = "fdatasync,fsync";
    let Some(strace) = strace(&format!("-e trace={calls} -e inject={calls}:delay_enter=1500000:when=1"))
    else {
        return;
    };
    let run = "run list.csv -o out --format csv --fetch detail --no-rollups";
    let running = place.shell(&format!("exec {strace} rtk-export {run}")).against(&server).start();
    let is_fetched =
        || log_lines(&place.path("out")).last().is_some_and(|line| line.contains(r#""kind":"fetched""#));
    let output = running.until("the end of fetching", is_fetched).signal_children("-TERM").output();
    output.ended(143).says(&["30 replies are kept"]);
    assert!(!place.path("out/manifest.json").exists());
    place.rtk(run).against(&server).ends(0);
    assert_eq!(server.requests(), 30);
}
