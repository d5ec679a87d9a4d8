//! An API that changes: what is new is kept, counted and named, and fails an export only where asked to.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{Export, Place, Server, manifest, tree};

/// A server of every oddity, and a list of its first participants.
fn messy() -> (Place, Server) {
    let (place, server) = (Place::new(), Server::start(|options| options.world.messy = true));
    place.write("list.csv", server.pairs(300));
    (place, server)
}

/// The manifest's warnings: the code and the place, how often and an example.
fn warnings(manifest: &Value) -> BTreeMap<(String, String), (u64, String)> {
    let warnings = manifest["warnings"].as_array().unwrap().iter().map(|warning| {
        let example = warning["example"].as_str().unwrap();
        let mut parts = example.splitn(3, ": ");
        let place = format!("{} {}", parts.next().unwrap(), parts.next().unwrap());
        let code = warning["code"].as_str().unwrap().to_owned();
        ((code, place), (warning["count"].as_u64().unwrap(), parts.next().unwrap_or_default().to_owned()))
    });
    warnings.collect()
}

#[test]
fn what_is_new_is_kept_counted_and_named() {
    let (place, server) = messy();
    place.rtk("run list.csv -o out --format csv --with-sessions").against(&server).ends(0);
    let told = warnings(&manifest(&place.path("out")));
    let export = Export::read(&place.path("out"));
    // Each is in the export as often as it is counted, in its column or in `extra`.
    for (code, of, column, example) in [
        ("unknown_field", "participants x_edge", "extra", "{\"colo\":\"AMS\""),
        ("unknown_field", "peer_events transport", "extra", "{\"kind\":\"quic\""),
        ("unknown_field", "sessions region", "extra", "\"weur\""),
        ("new_value", "peer_events event_name", "event_name", "PEER_TELEPORTED"),
        ("new_value", "peer_events preset_view_type", "preset_view_type", "HOLOGRAM"),
        ("new_value", "sessions type", "type", "seance"),
        (
            "value_kept_in_extra",
            "participants updated_at",
            "extra",
            "expected a time of RFC 3339, found \"2026",
        ),
        ("value_kept_in_extra", "participants peer_events", "extra", "expected an array, found {\"0\":{"),
    ] {
        let (count, shown) =
            told.get(&(code.to_owned(), of.to_owned())).unwrap_or_else(|| panic!("{told:?}"));
        assert!(shown.starts_with(example), "{code} {of}: {shown}");
        let (table, field) = of.split_once(' ').unwrap();
        let kept = |cell: &str| match column {
            "extra" => serde_json::from_str::<Value>(cell).is_ok_and(|extra| extra.get(field).is_some()),
            _ => cell == example,
        };
        let rows = export.values(table, [column]).into_iter().filter(|[cell]| kept(cell)).count();
        assert_eq!(rows as u64, *count, "{code} {of}");
    }
    for (code, of) in [
        ("unexpected_null", "participants duration"),
        ("unexpected_null", "participants user_id"),
        ("unexpected_null", "sessions meeting_display_name"),
        ("number_as_string", "participants duration"),
        ("number_as_string", "peer_events minutes_consumed"),
        ("number_as_string", "sessions minutes_consumed"),
        ("duplicate_key", "participants display_name"),
    ] {
        assert!(told.contains_key(&(code.to_owned(), of.to_owned())), "{code} {of}: {told:?}");
    }
    // Documented nulls are no news.
    assert!(!told.contains_key(&("unexpected_null".to_owned(), "peer_events preset_view_type".to_owned())));
}

#[test]
fn a_strict_export_of_odd_data_fails_and_goes_on_without_a_request() {
    let (place, server) = messy();
    let run = "run list.csv -o out --format csv";
    let failed = place.rtk(&format!("{run} --strict")).against(&server).ends(1);
    failed.says(&[
        "new_value",
        "unknown_field",
        "unexpected_null",
        "the first is participants",
        "without --strict",
    ]);
    assert!(tree(&place.path("out")).is_empty(), "something was published");
    assert!(!place.path("out/.rtk-export/staging").exists());
    let sent = server.requests();
    place.rtk(&format!("{run} --strict")).against(&server).ends(1);
    place.rtk(run).against(&server).ends(0);
    assert_eq!(server.requests(), sent, "something was asked for again");

    place.rtk("run list.csv -o plain --format csv").against(&server).ends(0);
    Export::read(&place.path("out")).equals(&Export::read(&place.path("plain")));
}

#[test]
fn a_strict_rebuild_of_odd_data_leaves_the_export_as_it_is() {
    let (place, server) = messy();
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let before = tree(&place.path("out"));
    place.rtk("rebuild out --format parquet --strict").ends(1).says(&["--strict", "new_value"]);
    assert!(tree(&place.path("out")) == before);
    place.rtk("rebuild out -o other --strict").ends(1);
    assert!(tree(&place.path("other")).is_empty());
    place.rtk("rebuild out -o other").ends(0);
}

/// More digits than nine are what the API always sends.
#[test]
fn a_strict_export_of_orderly_data_is_complete() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(100));
    place.rtk("run list.csv -o out --strict --with-sessions").against(&server).ends(0);
    let told = warnings(&manifest(&place.path("out")));
    assert!(!told.is_empty() && told.keys().all(|(code, _)| code == "digits_rounded"), "{told:?}");
    fs::remove_dir_all(place.path("out")).unwrap();
    // The settings of the file are as good.
    place.write("strict.toml", "strict = true\n");
    place.write(
        "twice.csv",
        format!(
            "{},a\n{},b\n",
            "session_id,label\n0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e"
        ),
    );
    place.rtk("run twice.csv -o out --config strict.toml").against(&server).ends(1).says(&["duplicate_row"]);
}
