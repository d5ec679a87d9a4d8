//! A log that is damaged in its middle, or is none: nothing of it is cut off, and it is said what to do.

use std::fs;
use std::path::PathBuf;

use rtk_export::log::FILE_NAME;

use crate::support::{Export, Output, Place, Server, logged_details};

const PAIRS: usize = 1_800;
const RUN: &str = "run list.csv -o out --format csv --fetch detail --no-rollups";

/// A place with a finished export, whose log has several blocks.
fn finished() -> (Place, Server) {
    let (place, server) = (Place::new(), Server::start(|options| options.world.participants = 2_000));
    place.write("list.csv", server.pairs(PAIRS));
    place.rtk(RUN).against(&server).ends(0);
    (place, server)
}

fn log(place: &Place) -> PathBuf {
    place.path("out/.rtk-export").join(FILE_NAME)
}

/// Flips a bit of the log; gives what it is then.
fn flip(place: &Place, byte: impl FnOnce(usize) -> usize) -> Vec<u8> {
    let mut bytes = fs::read(log(place)).unwrap();
    let byte = byte(bytes.len());
    bytes[byte] ^= 4;
    fs::write(log(place), &bytes).unwrap();
    bytes
}

/// The log is as it was.
fn is_still(place: &Place, bytes: &[u8]) {
    let now = fs::read(log(place)).unwrap();
    assert!(now == bytes, "{} bytes became {}", bytes.len(), now.len());
}

fn says_damaged(output: Output) {
    output.ended(1).says(&["the response log out/.rtk-export/", "is damaged at byte ", "--refresh"]);
}

#[test]
fn a_rebuild_of_a_damaged_log_cuts_nothing_off() {
    // In the opening, in replies, and in the mark at the end: of a finished export that was there, too.
    for byte in [|_| 100, |length| length / 3, |length| length - 1] {
        let (place, server) = finished();
        let whole = Export::read(&place.path("out"));
        let damaged = flip(&place, byte);
        for command in ["rebuild out", "rebuild out -o again --no-rollups"] {
            says_damaged(place.rtk(command).output());
        }
        is_still(&place, &damaged);
        Export::read(&place.path("out")).equals(&whole);
        assert!(!place.path("again").exists());
        place.rtk(&format!("{RUN} --refresh")).against(&server).ends(0);
        place.rtk("rebuild out --no-rollups").ends(0);
        Export::read(&place.path("out")).equals(&whole);
    }
}

#[test]
fn a_run_does_not_go_on_from_a_damaged_log() {
    let (place, server) = finished();
    let whole = Export::read(&place.path("out"));
    // Unfinished again: without the mark at its end.
    for name in fs::read_dir(place.path("out")).unwrap().map(|entry| entry.unwrap()) {
        match name.file_name().to_str().unwrap() {
            ".rtk-export" => {}
            "manifest.json" => fs::remove_file(name.path()).unwrap(),
            _ => fs::remove_dir_all(name.path()).unwrap(),
        }
    }
    let bytes = fs::read(log(&place)).unwrap();
    fs::write(log(&place), &bytes[..bytes.len() - 1]).unwrap();
    let damaged = flip(&place, |length| length / 3);
    let before = server.requests();
    says_damaged(place.rtk(RUN).against(&server).output());
    is_still(&place, &damaged);
    assert_eq!(server.requests(), before);
    // Put back, it goes on.
    fs::write(log(&place), &bytes[..bytes.len() - 1]).unwrap();
    place.rtk(RUN).against(&server).ends(0);
    assert_eq!(server.requests(), before);
    Export::read(&place.path("out")).equals(&whole);
}

#[test]
fn a_rebuild_changes_no_byte_of_a_torn_log() {
    let (place, _server) = finished();
    let mut torn = fs::read(log(&place)).unwrap();
    torn.extend_from_within(..1_000);
    fs::write(log(&place), &torn).unwrap();
    place.rtk("rebuild out -o again --no-rollups").ends(0);
    is_still(&place, &torn);
    Export::read(&place.path("again")).equals(&Export::read(&place.path("out")));
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    fs::create_dir_all(place.path("out/.rtk-export")).unwrap();
    fs::write(log(&place), "years of work").unwrap();
    for command in [RUN, "rebuild out"] {
        place.rtk(command).against(&server).ends(2).says(&["not a response log", "--refresh"]);
    }
    is_still(&place, b"years of work");
    assert_eq!(server.requests(), 0);
    place.rtk(&format!("{RUN} --refresh")).against(&server).ends(0);
    assert_eq!(logged_details(&place.path("out")), 10);
}
