//! What does not belong to a dataset is refused by name, before the API is asked anything.

use std::fs;

use super::*;

#[test]
fn what_differs_is_named_with_both_sides() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    let (_, dataset) = synced(&place, &server, "");
    let before = server.requests();
    for (flags, texts) in [
        ("--tz Europe/Paris", ["days are of UTC, and --tz is Europe/Paris", "--anew --from 2026-10-2"]),
        ("--app-id other", ["is of app app, and --app-id says other", "sync -o OTHER --app-id other"]),
        (
            "--account-id other",
            ["of account account, and --account-id says other", "sync -o OTHER --account-id other"],
        ),
        ("--filters events", ["made with --filters none, and this command has events", "--anew"]),
        ("--no-peer-events", ["--no-peer-events=false, and this command has true", "--anew"]),
        ("--include-live", ["--include-live=false, and this command has true", "--anew"]),
    ] {
        let output = sync(&place, &server, flags).ends(2);
        assert_eq!(output.stderr.matches("error: ").count(), 1, "{output}");
        output.says(&texts);
    }
    assert_eq!(server.requests(), before);
    assert_eq!(Dataset::read(&place.path("ds")).pointer, dataset.pointer);
}

/// What says the other owner or zone is named as it was set: by a flag, a variable or a line of the file.
#[test]
fn what_differs_is_named_by_what_set_it() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    synced(&place, &server, "");
    let before = server.requests();
    let variable = |name: &str| sync(&place, &server, "").env(name, "other").ends(2);
    variable("REALTIMEKIT_APP_ID").says(&["and REALTIMEKIT_APP_ID says other", "-o OTHER --app-id other"]);
    variable("CLOUDFLARE_ACCOUNT_ID")
        .says(&["and CLOUDFLARE_ACCOUNT_ID says other", "-o OTHER --account-id other"]);

    place.write("app.toml", "# Theirs.\napp-id = \"other\"\n");
    place.write("account.toml", "account-id = \"other\"\n");
    place.write("zone.toml", "\n\ntz = \"Europe/Paris\"\n");
    let file = |name: &str, variable: &str| {
        sync(&place, &server, &format!("--config {name}")).without_env(variable).ends(2)
    };
    file("app.toml", "REALTIMEKIT_APP_ID")
        .says(&["is of app app, and app.toml:2: app-id says other", "-o OTHER --app-id other"]);
    file("account.toml", "CLOUDFLARE_ACCOUNT_ID")
        .says(&["is of account account, and account.toml:1: account-id says other", "--account-id other"]);
    file("zone.toml", "NO_COLOR").says(&[
        "days are of UTC, and zone.toml:3: tz is Europe/Paris",
        "hint: remove tz from zone.toml; for a dataset of its own: rtk-export sync -o OTHER --tz Europe/Paris",
    ]);
    sync(&place, &server, "--tz Europe/Paris").ends(2).says(&["hint: leave --tz out; "]);
    let sandbox = sync(&place, &server, "--sandbox").ends(2);
    sandbox.says(&["and --sandbox says sandbox", "sync -o OTHER --sandbox"]);
    assert_eq!(server.requests(), before);
}

#[test]
fn a_dataset_is_no_export_and_an_export_no_dataset() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    synced(&place, &server, "");
    let since = "--since 2026-10-30";
    for flags in ["", "--refresh"] {
        let run = place.rtk(&format!("run -o ds {since} {flags}")).against(&server);
        run.ends(2).says(&["ds has a dataset.json: it is a dataset, not an export"]);
    }
    place.rtk(&format!("run -o export {since}")).against(&server).ends(0);
    place.rtk("sync -o export").against(&server).ends(2).says(&["has a manifest.json: it is an export"]);

    fs::create_dir(place.path("thesis")).unwrap();
    place.write("thesis/chapter1.txt", "mine");
    place.rtk("sync -o thesis").against(&server).ends(2).says(&["is not empty", "chapter1.txt"]);
    assert_eq!(fs::read_dir(place.path("thesis")).unwrap().count(), 1);

    // Nor is what only one of the two has begun.
    let failing = Server::with_faults(&["match participants from 2: 401"]);
    place.rtk("sync -o begun").against(&failing).ends(4);
    place.rtk(&format!("run -o begun {since}")).against(&server).ends(2).says(&["run and sync"]);
    place.rtk(&format!("run -o begun2 {since}")).against(&failing).ends(4);
    place.rtk("sync -o begun2").against(&server).ends(2).says(&["is of a run"]);
}

#[test]
fn what_is_damaged_or_newer_is_left_alone_unless_it_is_to_be_made_anew() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    let (_, dataset) = synced(&place, &server, "");
    let (before, path) = (server.requests(), place.path("ds/dataset.json"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"format_version\": 1", "\"format_version\": 2")).unwrap();
    sync(&place, &server, "").ends(2).says(&["written by a newer rtk-export (format 2", "hint: update"]);
    sync(&place, &server, "--anew").ends(2);
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    sync(&place, &server, "").ends(1).says(&["ds/dataset.json is damaged", "caused by: EOF", "--anew"]);
    // It says by which days the dataset was cut.
    sync(&place, &server, "--anew").ends(2).says(&["time zone is not known any more", "add --tz ZONE"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text[..text.len() / 2]);
    fs::write(&path, &text).unwrap();
    let commit = place.path("ds").join(dataset.pointer["commit"]["path"].as_str().unwrap());
    fs::remove_file(commit).unwrap();
    sync(&place, &server, "").ends(1).says(&[
        "is damaged",
        "caused by: it is not there",
        "sync --anew: days",
    ]);
    assert_eq!(server.requests(), before);
    let (_, anew) = synced(&place, &server, "--anew");
    equals(&anew, &whole(&place, &server, ""));
}

/// Without its commit file, and then without its pointer, which says the zone.
#[test]
fn what_is_damaged_is_made_anew_by_the_days_that_it_had() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    let (_, paris) = synced(&place, &server, "--tz Europe/Paris");
    let commit = place.path("ds").join(paris.pointer["commit"]["path"].as_str().unwrap());
    // Larger than any that is read.
    fs::File::create(commit).unwrap().set_len((64 << 20) + 1).unwrap();
    sync(&place, &server, "").ends(1).says(&["is damaged", "it has 67108865 bytes", "--anew"]);
    let (_, anew) = synced(&place, &server, "--anew");
    assert_eq!(anew.pointer["identity"]["time_zone"], "Europe/Paris");
    days_are_right(&anew, Tz::Europe__Paris);

    place.write("ds/dataset.json", "{");
    let before = server.requests();
    sync(&place, &server, "--anew").ends(2).says(&["time zone is not known any more"]);
    assert_eq!(server.requests(), before);
    let (_, new_york) = synced(&place, &server, "--anew --tz America/New_York");
    assert_eq!(new_york.pointer["identity"]["time_zone"], "America/New_York");
    equals(&new_york, &whole(&place, &server, ""));
}

#[test]
fn a_commit_file_that_grows_is_told_of_before_it_is_refused() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    let (output, dataset) = synced(&place, &server, "");
    assert!(!output.stderr.contains("commit file"), "{output}");
    let text = fs::read_to_string(place.path("ds/dataset.json")).unwrap();
    let of = |bytes: u64| format!("\"bytes\": {bytes}");
    let bytes = of(dataset.pointer["commit"]["bytes"].as_u64().unwrap());
    assert_eq!(text.matches(&bytes).count(), 1, "{text}");
    place.write("ds/dataset.json", text.replace(&bytes, &of(20 << 20)));
    let output = sync(&place, &server, "--from 2099-01-01").ends(0);
    output.says(&["commit file has 20971520 bytes", "refused", "rtk-export vacuum ds"]);
}

#[test]
fn a_dataset_is_made_anew_by_one_commit_that_loses_no_day_unasked() {
    let (place, server) = (Place::new(), server(|_| ()));
    let (_, utc) = synced(&place, &server, "");
    let before = server.requests();
    let lost = sync(&place, &server, "--tz Europe/Paris --anew --from 2026-10-28").ends(2);
    assert_eq!(server.requests(), before);
    lost.says(&[
        "would lose 2 days",
        "the first of them 2026-10-26",
        "hint: begin earlier: --from 2026-10-26",
    ]);
    assert_eq!(Dataset::read(&place.path("ds")).pointer, utc.pointer);

    let (_, paris) = synced(&place, &server, "--tz Europe/Paris --anew --days-per-commit 1");
    assert_eq!((paris.generation(), paris.days_of(utc.export_id()).len()), (2, 0));
    days_are_right(&paris, Tz::Europe__Paris);
    equals(&paris, &whole(&place, &server, ""));
    holds_nothing_else(&place.path("ds"), &paris);

    let flags = "--tz UTC --anew --from 2026-10-28 --accept-empty-days";
    let (_, fewer) = synced(&place, &server, flags);
    assert_eq!(fewer.days_with_sessions().len(), 4);
}

#[test]
fn a_day_that_lost_all_sessions_stays_unless_it_may_be_emptied() {
    let (place, all) = (Place::new(), server(|_| ()));
    let (_, first) = synced(&place, &all, "");
    // The same app, of which the API has forgotten the first three days.
    let few = server(|options| options.world.days = 3);
    let flags = "--from 2026-10-27 --to 2026-10-30";
    let kept = sync(&place, &few, flags).ends(3);
    kept.says(&[
        "days that had some, which stay as they were: 2026-10-27, 2026-10-28",
        "--accept-empty-days",
    ]);
    let dataset = Dataset::read(&place.path("ds"));
    assert_eq!(dataset.days()["2026-10-27"], first.days()["2026-10-27"]);
    assert_ne!(dataset.days()["2026-10-29"], first.days()["2026-10-29"]);
    let (_, emptied) = synced(&place, &few, &format!("{flags} --accept-empty-days"));
    assert_eq!(emptied.days_with_sessions(), ["2026-10-26", "2026-10-29", "2026-10-30", "2026-10-31"]);
}

#[test]
fn what_an_interrupted_sync_fetched_is_not_dropped_by_one_of_other_settings() {
    let (place, failing) = (Place::new(), Server::with_faults(&["match participants from 5: 401"]));
    sync(&place, &failing, "").ends(4);
    let fine = Server::start(|_| ());
    sync(&place, &fine, "--filters events")
        .ends(2)
        .says(&["unfinished export of another command", "--filters"]);
    sync(&place, &fine, "--tz Europe/Paris").ends(2).says(&["--tz"]);
    let before = fine.requests();
    let other = failing.base_url();
    // Its replies are of another address only by the tests' doing: so much for the base URL.
    assert_ne!(other, fine.base_url());
    let (_, dataset) = synced(&place, &fine, "--refresh --filters none");
    assert!(fine.requests() > before && dataset.generation() == 1);
}

#[test]
fn a_dataset_of_another_schema_version_is_refused_by_whoever_reads_it_too() {
    let (place, server) = (Place::new(), server(|options| options.world.participants = 40));
    let (_, dataset) = synced(&place, &server, "");
    let path = place.path("ds/dataset.json");
    let of = |version: u64| format!("\"schema_version\": {version}");
    let version = dataset.pointer["identity"]["schema_version"].as_u64().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&of(version)), "{text}");
    fs::write(&path, text.replace(&of(version), &of(version + 1))).unwrap();
    let before = server.requests();
    let first = dataset.days_with_sessions()[0].to_owned();
    let says =
        [&format!("schema version {}", version + 1), &format!("rtk-export sync --anew --from {first}")];
    let says = says.map(String::as_str);
    sync(&place, &server, "").ends(2).says(&says);
    for command in ["verify ds --offline", "query ds 'SELECT 1'", "files ds"] {
        place.shell(&format!("rtk-export {command}")).ends(2).says(&says);
    }
    assert_eq!(server.requests(), before);
    let (_, anew) = synced(&place, &server, &format!("--anew --from {first}"));
    assert_eq!(anew.pointer["identity"]["schema_version"], version);
}
