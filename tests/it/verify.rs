//! `verify` names each kind of damage, and of minutes reports exactly what is off.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use rtk_export::sandbox::{Kind, MinutesOff, PagingPlace, SandboxOptions, Usage, WorldOptions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Export, Output, Place, Rtk, Server, hex, manifest, tree};

/// A window that has the whole simulated world.
const ALL: &str = "--since 2026-09-30 --until 2026-11-02";

/// Everything that is looked at without a request.
const OFFLINE: [&str; 3] = ["files", "keys", "totals"];

/// Ends with this code, and says the same in its report.
fn report(verify: Rtk, code: i32) -> Value {
    let output = verify.args("--format json").ends(code);
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(report["exit_code"], code, "{output}");
    report
}

fn verify(place: &Place, server: &Server, args: &str, code: i32) -> Value {
    let before = server.requests();
    let report = report(place.rtk(&format!("verify {args}")).against(server), code);
    assert_eq!(report["requests_sent"], server.requests() - before);
    report
}

/// What was found of files, keys and totals: about what, which problem.
fn findings(report: &Value) -> Vec<(String, String)> {
    let of = |name: &str| report[name]["findings"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    OFFLINE
        .iter()
        .flat_map(|name| of(name))
        .map(|finding| (text(&finding["about"]), text(&finding["problem"])))
        .collect()
}

/// An export of the first sessions, of everybody in them.
fn export(place: &Place, server: &Server, flags: &str) {
    place.write("list.csv", server.sessions(6));
    place.rtk(&format!("run list.csv -o out {flags}")).against(server).ends(0);
}

/// Rewrites the manifest.
fn edit_manifest(dir: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest = manifest(dir);
    edit(&mut manifest);
    fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
}

/// Units of 10⁻⁹ minute.
fn units(minutes: &Value) -> i128 {
    minutes.as_str().unwrap().replace('.', "").parse().unwrap()
}

#[test]
fn a_good_export_agrees_and_nothing_is_sent_offline() {
    let server = Server::start(|options| options.world.messy = true);
    for flags in
        ["", "--format csv --excel", "--filters all --with-sessions", "--no-peer-events --no-rollups"]
    {
        let place = Place::new();
        export(&place, &server, flags);
        let (before, files) = (server.requests(), tree(&place.path("out")));
        let report = report(place.rtk("verify out --offline"), 0);
        assert_eq!(findings(&report), []);
        for name in OFFLINE {
            assert_eq!(report[name]["verdict"], "agrees");
        }
        assert_eq!((&report["sessions"], &report["minutes"]), (&Value::Null, &Value::Null));
        assert_eq!(server.requests(), before);
        assert_eq!(tree(&place.path("out")), files, "nothing is written");
    }
}

#[test]
fn each_kind_of_damage_is_named() {
    let server = Server::start(|_| ());
    for (form, flags) in [("parquet", ""), ("csv", "--format csv")] {
        let place = Place::new();
        export(&place, &server, flags);
        let out = place.path("out");
        let part = |table: &str| format!("{table}/part-00000.{form}");
        let participants = part("participants");
        let whole = fs::read(out.join(&participants)).unwrap();
        let told = manifest(&out);
        let look = |expected: &[(&str, &str)]| {
            let report = verify(&place, &server, "out", 3);
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(findings(&report), expected, "{report}");
            assert_eq!((&report["sessions"], &report["requests_sent"]), (&Value::Null, &json!(0)));
            // As it was.
            fs::write(out.join(&participants), &whole).unwrap();
            edit_manifest(&out, |manifest| *manifest = told.clone());
        };
        let of = |problem| (participants.as_str(), problem);

        fs::write(out.join(&participants), &whole[..whole.len() - 10]).unwrap();
        let cut = [of("bytes"), of("sha256"), of("rows")];
        // The last row of a CSV that ends in its middle is there, or is a row of too few cells.
        look(&cut[..if form == "csv" { 2 } else { 3 }]);

        let mut flipped = whole.clone();
        let digit = whole.len() / 2 + whole[whole.len() / 2..].iter().position(u8::is_ascii_digit).unwrap();
        flipped[digit] = if flipped[digit] == b'7' { b'8' } else { b'7' };
        fs::write(out.join(&participants), flipped).unwrap();
        look(&[of("sha256")]);

        fs::remove_file(out.join(&participants)).unwrap();
        look(&[of("missing")]);

        let stranger = format!("participants/part-00001.{form}");
        fs::write(out.join(&stranger), &whole).unwrap();
        fs::write(out.join("participants/.hidden"), "").unwrap();
        look(&[(&stranger, "not_in_manifest")]);
        fs::remove_file(out.join(&stranger)).unwrap();

        let place_of = |manifest: &Value, name: &str| {
            manifest["tables"].as_array().unwrap().iter().position(|table| table["name"] == name).unwrap()
        };
        edit_manifest(&out, |manifest| {
            let table = place_of(manifest, "participants");
            manifest["tables"][table]["files"][0]["rows"] = json!(1);
        });
        look(&[of("rows"), ("participants", "table_rows")]);

        edit_manifest(&out, |manifest| {
            let table = place_of(manifest, "participants");
            manifest["tables"][table]["files"][0]["path"] = json!("../out/manifest.json");
        });
        look(&[("../out/manifest.json", "outside"), of("not_in_manifest")]);

        // Two kinds at once are both told.
        fs::remove_file(out.join(part("labels"))).unwrap();
        fs::write(out.join(&participants), b"").unwrap();
        let report = verify(&place, &server, "out", 3);
        let labels = (part("labels"), "missing".to_owned());
        assert!(findings(&report).contains(&labels) && findings(&report).len() >= 3, "{report}");
    }
}

#[test]
fn totals_and_keys_are_those_of_the_tables() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    export(&place, &server, "--format csv --no-rollups");
    let out = place.path("out");
    let told = manifest(&out);
    edit_manifest(&out, |manifest| {
        manifest["totals"]["minutes_consumed"] = json!("1.000000001");
        manifest["totals"]["participants"] = json!(1);
    });
    let offline = |code| report(place.rtk("verify out --offline"), code);
    let total = |name: &str| (name.to_owned(), "total".to_owned());
    // Neither the participants nor their events add up to it.
    assert_eq!(
        findings(&offline(3)),
        [total("participants"), total("minutes_consumed"), total("minutes_consumed")]
    );

    // The first participant twice, and all events of another's id.
    edit_manifest(&out, |manifest| *manifest = told.clone());
    let first = |text: &str| text.split_inclusive('\n').nth(1).unwrap().to_owned();
    rewrite(&out, "participants", |text| text.to_owned() + &first(text));
    let id = Export::read(&out).values("peer_events", ["participant_id"])[0][0].to_owned();
    rewrite(&out, "peer_events", |text| text.replace(&id, "00000000-0000-4000-8000-000000000000"));
    let report = offline(3);
    let found = findings(&report);
    let expected = [("participants", "duplicate_key"), ("peer_events", "events_without_participant")];
    assert_eq!(found[..2], expected.map(|(about, problem)| (about.to_owned(), problem.to_owned())));
    let says = report["keys"]["findings"][0]["says"].as_str().unwrap();
    assert!(says.starts_with("1 key is in 2 rows, such as session_id "), "{says}");
    assert!(found[2..].contains(&total("participants")), "{found:?}");
}

/// Changes a table's only file, and what the manifest says of the file.
fn rewrite(out: &Path, table: &str, change: impl FnOnce(&str) -> String) {
    let path = format!("{table}/part-00000.csv");
    let text = change(&fs::read_to_string(out.join(&path)).unwrap());
    fs::write(out.join(&path), &text).unwrap();
    let rows = csv::Reader::from_reader(text.as_bytes()).records().count();
    let sha256 = hex(&Sha256::digest(&text));
    edit_manifest(out, |manifest| {
        let tables = manifest["tables"].as_array_mut().unwrap();
        let of_table = tables.iter_mut().find(|of_table| of_table["name"] == table).unwrap();
        of_table["rows"] = json!(rows);
        of_table["files"] = json!([{ "path": path, "rows": rows, "bytes": text.len(), "sha256": sha256 }]);
    });
}

/// A world in which every third session's own minutes are off by a minute and a half.
fn off(options: &mut SandboxOptions) {
    options.world.minutes_off = Some(MinutesOff { every: 3, by_ms: 90_000 });
}

#[test]
fn sessions_that_are_off_are_exactly_those_reported() {
    let server = Server::start(off);
    for form in ["csv", "parquet"] {
        let place = Place::new();
        place.rtk(&format!("run {ALL} -o out --no-rollups --format {form}")).against(&server).ends(0);
        let export = Export::read_any(&place.path("out"));
        let report = verify(&place, &server, "out --against sessions", 3);
        let differences = report["sessions"]["differences"].as_array().unwrap();
        let mut expected: Vec<_> = server.world().sessions().collect();
        expected.retain(|session| session.index % 3 == 2);
        let mut ids: Vec<_> = expected.iter().map(|session| session.id.to_string()).collect();
        let mut found: Vec<_> = differences.iter().map(|of| of["session_id"].as_str().unwrap()).collect();
        ids.sort();
        found.sort_unstable();
        assert!(ids.len() > 3);
        assert_eq!(found, ids);
        assert_eq!(report["sessions"]["differ"], ids.len());
        assert_eq!(report["sessions"]["agree"], server.world().session_count() - ids.len() as u64);
        for of in differences {
            let id = of["session_id"].as_str().unwrap();
            assert_eq!(of["verdict"], "differs");
            let sum = |table: &str| -> i128 {
                let minutes = export.values(table, ["session_id", "minutes_consumed"]);
                let units = |[session, minutes]: &[&str; 2]| {
                    (*session == id && !matches!(*minutes, "" | "null")).then(|| units(&json!(minutes)))
                };
                minutes.iter().filter_map(units).sum()
            };
            assert_eq!(units(&of["exported_minutes"]), sum("participants"));
            assert_eq!(of["exported_minutes"], of["event_minutes"]);
            // The export's own record of the session is the API's.
            assert_eq!(units(&of["api_minutes"]), sum("sessions"));
            assert_eq!(of["api_minutes"], of["session_minutes"]);
            assert_eq!(units(&of["difference"]), units(&of["exported_minutes"]) - units(&of["api_minutes"]));
            assert!((units(&of["difference"]) + 1_500_000_000).abs() < 100, "{of}");
        }
        // Their own minutes are what they were when they were exported.
        verify(&place, &server, "out --against sessions --minutes session", 0);
        let presence = verify(&place, &server, "out --against sessions --minutes duration", 3);
        assert!(presence["sessions"]["differ"].as_u64().unwrap() >= ids.len() as u64);
    }
}

#[test]
fn the_report_for_people() {
    let (place, server) = (Place::new(), Server::start(off));
    place.rtk(&format!("run {ALL} -o out --no-rollups --format csv")).against(&server).ends(0);
    let shown = |args: &str| {
        let output = place.rtk(&format!("verify {args}")).against(&server).ends(3);
        output.stdout.replace(&server.base_url(), "http://SANDBOX")
    };
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9]+ bytes", "SOME bytes");
    settings.bind(|| insta::assert_snapshot!(shown("out")));
    fs::remove_file(place.path("out/labels/part-00000.csv")).unwrap();
    settings.bind(|| insta::assert_snapshot!(shown("out")));
}

#[test]
fn what_was_asked_for_in_part_is_no_difference() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    // The first half of the pairs of four sessions, then everybody of one of them.
    let pairs = server.pairs(60);
    let some = pairs.lines().enumerate().filter(|(n, _)| *n == 0 || n % 2 == 1);
    let mut some: Vec<_> = some.map(|(_, line)| line.to_owned()).collect();
    // And somebody whom nobody knows.
    some.push(format!("{},{}", server.world().session_id(0), "00000000-0000-4000-8000-000000000000"));
    place.write("some.csv", some.join("\n"));
    place.rtk("run some.csv -o out").against(&server).ends(3);
    let report = verify(&place, &server, "out", 0);
    let sessions = &report["sessions"];
    assert_eq!(sessions["verdict"], "partial");
    assert_eq!((&sessions["partial"], &sessions["differ"]), (&sessions["compared"], &json!(0)));
    let differences = sessions["differences"].as_array().unwrap();
    assert!(differences.iter().all(|of| of["verdict"] == "partial" && units(&of["difference"]) < 0));
    let failed: Vec<_> = differences.iter().filter(|of| of["failed_ids"] == 1).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["session_id"], server.world().session_id(0).to_string());
    assert_eq!(report["days"]["verdict"], "partial");
    assert_eq!(report["usage"]["verdict"], "partial");

    // All pairs of the sessions are all there is, however it was asked for.
    let world = server.world();
    let all: usize = (0..3).map(|session| world.participants(session).count()).sum();
    place.write("pairs.csv", server.pairs(all));
    place.rtk("run pairs.csv -o whole").against(&server).ends(0);
    let report = verify(&place, &server, "whole --against sessions", 0);
    assert_eq!((&report["sessions"]["agree"], &report["sessions"]["verdict"]), (&json!(3), &json!("agrees")));
}

#[test]
fn days_are_held_against_the_apps_own() {
    let server = Server::start(|options| {
        options.world = WorldOptions { participants: 600, days: 6, ..WorldOptions::default() };
    });
    let place = Place::new();
    let window = "--since 2026-10-27T12:00:00Z --until 2026-10-30";
    place.rtk(&format!("run {window} -o out --no-rollups")).against(&server).ends(0);
    let report = verify(&place, &server, "out --against sessions,daywise", 0);
    let days = report["days"]["days"].as_array().unwrap();
    let verdicts: Vec<_> =
        days.iter().map(|day| (day["day"].as_str().unwrap(), day["verdict"].as_str().unwrap())).collect();
    // Of the first day the window has half.
    assert_eq!(verdicts, [("2026-10-27", "partial"), ("2026-10-28", "agrees"), ("2026-10-29", "agrees")]);
    let sum = |name: &str| days.iter().map(|day| units(&day[name])).sum::<i128>();
    let total = manifest(&place.path("out"))["totals"]["minutes_consumed"].clone();
    assert_eq!(sum("exported_minutes"), units(&total));
    assert!(days[1]["exported_sessions"] == days[1]["api_sessions"]);

    // The same export against an app whose sessions are off.
    let other = Server::start(|options| {
        options.world = WorldOptions {
            minutes_off: Some(MinutesOff { every: 1, by_ms: -60_000 }),
            ..*server.world().options()
        };
    });
    let report = verify(&place, &other, "out --against daywise", 3);
    for day in &report["days"]["days"].as_array().unwrap()[1..] {
        assert_eq!(day["verdict"], "differs");
        let sessions = i128::from(day["api_sessions"].as_u64().unwrap());
        assert!((units(&day["difference"]) - sessions * 1_000_000_000).abs() < 200, "{day}");
    }
}

#[test]
fn sessions_that_a_window_left_out_are_told_from_missing_ones() {
    let world = WorldOptions { participants: 600, days: 6, live_sessions: 3, ..WorldOptions::default() };
    let (place, server) = (Place::new(), Server::start(|options| options.world = world));
    place.rtk(&format!("run {ALL} -o out --no-rollups")).against(&server).ends(0);
    // The live ones are of the last day.
    let report = verify(&place, &server, "out", 0);
    let days = report["days"]["days"].as_array().unwrap();
    assert_eq!(days.last().unwrap()["verdict"], "partial");
    assert!(days[..days.len() - 1].iter().all(|day| day["verdict"] == "agrees"), "{report}");
    // What is live began when all that was exported had ended.
    assert_eq!(report["usage"]["verdict"], "agrees");
    // Of a meeting, the app has other sessions every day.
    let meeting = Export::read_any(&place.path("out")).values("sessions", ["meeting_id"])[0][0].to_owned();
    place.rtk(&format!("run {ALL} --meeting {meeting} -o meeting --no-rollups")).against(&server).ends(0);
    let report = verify(&place, &server, "meeting --against sessions,daywise", 0);
    assert_eq!(report["sessions"]["verdict"], "agrees");
    let days = report["days"]["days"].as_array().unwrap();
    let is_partial = |day: &&Value| day["exported_sessions"] != day["api_sessions"];
    assert!(days.iter().filter(is_partial).count() > 0, "{report}");
    assert!(days.iter().filter(is_partial).all(|day| day["verdict"] == "partial"), "{report}");
}

#[test]
fn usage_is_compared_where_it_can_be() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.rtk(&format!("run {ALL} -o out --no-rollups")).against(&server).ends(0);
    let usage = |server: &Server, code| verify(&place, server, "out", code)["usage"].clone();
    let agreed = usage(&server, 0);
    assert_eq!((&agreed["verdict"], &agreed["why"]), (&json!("agrees"), &Value::Null));
    let used = units(&agreed["audio_minutes"]) + units(&agreed["media_minutes"]);
    assert_eq!(units(&agreed["difference"]), units(&agreed["exported_minutes"]) - used);
    assert!(units(&agreed["audio_minutes"]) > 0);

    let refused = usage(&Server::start(|options| options.usage = Usage::Refused), 0);
    assert_eq!((&refused["verdict"], &refused["audio_minutes"]), (&json!("not_readable"), &Value::Null));
    assert!(refused["why"].as_str().unwrap().contains("not authorized"));
    for rule in ["match graphql: 403", "match graphql: 404"] {
        assert_eq!(usage(&Server::with_faults(&[rule]), 0)["verdict"], "not_readable");
    }
    let off = usage(&Server::start(|options| options.usage_off_ms = 60_000), 3);
    assert_eq!(off["verdict"], "differs");
    assert_eq!(units(&off["difference"]), units(&agreed["difference"]) - 1_000_000_000);
    let left_out = verify(
        &place,
        &Server::start(|options| options.usage_off_ms = 60_000),
        "out --against sessions,daywise",
        0,
    );
    assert_eq!(left_out["usage"], Value::Null);

    // A day of the app has others' minutes, too.
    place.rtk("run --since 2026-10-20 --until 2026-10-26 -o some --no-rollups").against(&server).ends(0);
    let usage = verify(&place, &server, "some --against usage", 0)["usage"].clone();
    assert!(usage["verdict"] == "agrees" || usage["why"].as_str().unwrap().contains("sessions"), "{usage}");
    // Of a list, nobody knows whose they are.
    export(&place, &server, "--no-rollups --refresh");
    assert_eq!(verify(&place, &server, "out --against usage", 0)["usage"]["verdict"], "partial");
}

#[test]
fn sessions_are_listed_where_that_takes_fewer_requests() {
    let world = WorldOptions { participants: 2_000, per_session: 4, ..WorldOptions::default() };
    let sent = |server: &Server, kind| server.stats().by_kind.get(&kind).copied().unwrap_or(0);
    for paging in [PagingPlace::Documented, PagingPlace::Absent] {
        let (place, server) = (
            Place::new(),
            Server::start(|options| {
                options.world = world;
                options.paging = paging;
            }),
        );
        let pages = server.world().session_count().div_ceil(100);
        place.rtk(&format!("run {ALL} -o all --no-rollups")).against(&server).ends(0);
        let (listed, one) = (sent(&server, Kind::Sessions), sent(&server, Kind::Session));
        verify(&place, &server, "all --against sessions", 0);
        let more = u64::from(paging == PagingPlace::Absent);
        assert!(sent(&server, Kind::Sessions) - listed <= pages + more);
        assert_eq!(sent(&server, Kind::Session), one);

        // Two of so many are asked for by themselves; the days tell that before anything is listed.
        let ids = server.sessions(400);
        let ids: Vec<_> = [0, 1, 399].iter().map(|n| ids.lines().nth(*n).unwrap()).collect();
        place.write("two.csv", ids.join("\n"));
        place.rtk("run two.csv -o two --no-rollups").against(&server).ends(0);
        let (listed, one) = (sent(&server, Kind::Sessions), sent(&server, Kind::Session));
        let report = verify(&place, &server, "two --against sessions,daywise", 0);
        assert_eq!(report["requests_sent"], 3);
        assert_eq!((sent(&server, Kind::Sessions), sent(&server, Kind::Session)), (listed, one + 2));
    }
}

#[test]
fn an_odd_api_is_compared_all_the_same() {
    let server = Server::start(|options| {
        options.page_size_limit = 7;
        options.first_page = 0;
        options.faults = crate::support::faults(&["every 4: 500"]);
    });
    let place = Place::new();
    place.rtk(&format!("run {ALL} -o out --no-rollups")).against(&server).ends(0);
    let report = verify(&place, &server, "out", 0);
    assert_eq!(report["sessions"]["agree"], server.world().session_count());
}

#[test]
fn whose_export_it_is_comes_from_the_export() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    export(&place, &server, "--no-rollups");
    let verify = || place.rtk("verify out --against sessions").against(&server);
    verify().without_env("CLOUDFLARE_ACCOUNT_ID").without_env("REALTIMEKIT_APP_ID").ends(0);
    let before = server.requests();
    let other = verify().env("REALTIMEKIT_APP_ID", "another").ends(2);
    other.says(&["REALTIMEKIT_APP_ID", "\"another\"", "the export is of \"app\""]);
    verify().args("--account-id theirs").ends(2).says(&["--account-id is \"theirs\"", "\"account\""]);
    place.rtk("verify out --sandbox").ends(2).says(&["--sandbox", "the export is of \"app\""]);
    verify().without_env("CLOUDFLARE_API_TOKEN").ends(2).says(&["CLOUDFLARE_API_TOKEN", "--offline"]);
    place.rtk("verify home").ends(2);
    place.rtk("verify home --offline").ends(2).says(&["is not an export"]);
    verify().args("--minutes seconds").ends(2).says(&["duration, events or session"]);
    let days = place.rtk("verify out --against days").against(&server);
    days.ends(2).says(&["sessions, daywise and usage"]);
    verify().args("--minutes session").ends(2).says(&["--with-sessions"]);
    assert_eq!(server.requests(), before);
}

fn ended(output: &Output, result: &str) {
    assert!(output.stdout.contains(result), "{output}");
    assert!(output.stdout.contains("files     agrees"), "{output}");
}

#[test]
fn a_refused_token_and_an_api_that_is_gone() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    export(&place, &server, "--no-rollups");
    let verify = |server: &Server| place.rtk("verify out --timeout 1s").against(server);
    let before = server.requests();
    ended(&verify(&server).env("CLOUDFLARE_API_TOKEN", "another").ends(4), "refuses the token");
    assert_eq!(server.requests() - before, 1, "nothing more is asked");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{address}/client/v4");
    ended(&verify(&server).env("CLOUDFLARE_BASE_URL", &nobody).ends(5), "does not answer");
}

#[test]
fn a_signal_stops_it() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    export(&place, &server, "--no-rollups");
    let silent = Server::with_faults(&["match daywise: hang"]);
    let running = place.rtk("verify out").against(&silent).start();
    let running = running.until("a request", || silent.requests() > 0).signal("-INT");
    let output = running.output().ended(130).says(&["stopped by SIGINT"]);
    assert_eq!(output.stdout, "");
}

#[test]
fn sessions_that_cannot_be_compared_are_no_agreement() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    export(&place, &server, "--no-rollups");
    // The same ids, in a world that does not know them.
    let strangers = Server::start(|options| options.world.seed = 2);
    let report = verify(&place, &strangers, "out --against sessions", 3);
    assert_eq!(
        (&report["sessions"]["unknown"], &report["sessions"]["verdict"]),
        (&json!(6), &json!("differs"))
    );
    let refusing = Server::with_faults(&["match sessions: 400"]);
    let report = verify(&place, &refusing, "out --against sessions", 3);
    assert_eq!(
        (&report["sessions"]["unanswered"], &report["sessions"]["verdict"]),
        (&json!(6), &json!("not_readable"))
    );
    assert!(report["sessions"]["differences"][0]["why"].as_str().unwrap().starts_with("400"));
}

/// The names of the JSON are a contract with whoever reads it.
#[test]
fn every_name_of_the_report_is_in_the_readme() {
    let (place, server) = (Place::new(), Server::start(off));
    place.rtk(&format!("run {ALL} -o out --no-rollups")).against(&server).ends(0);
    let report = verify(&place, &server, "out", 3);
    let readme = crate::support::repository_file("README.md");
    let section = readme.split("### Does it agree").nth(1).unwrap().split("\n### ").next().unwrap();
    let words: Vec<_> = section.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut names = Vec::new();
    collect(&report, &mut names);
    names.retain(|name| !words.contains(&name.as_str()));
    assert!(names.is_empty(), "{names:?}");
}

fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                names.push(name.clone());
                collect(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}
