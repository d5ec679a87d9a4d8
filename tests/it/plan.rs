//! `plan`: what it tells before a run is what the run then does.

use std::fs;

use rtk_export::sandbox::{Oversize, SandboxOptions, WorldOptions};
use serde_json::Value;

use crate::support::{Export, Place, Rtk, Server, manifest, query, tree};

/// The plan as JSON.
fn planned(rtk: Rtk) -> Value {
    let output = rtk.args("--format json").ends(0);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn exactly(range: &Value) -> u64 {
    assert_eq!(range["min"], range["max"], "{range}");
    range["min"].as_u64().unwrap()
}

fn has(range: &Value, count: u64) -> bool {
    range["min"].as_u64().unwrap() <= count && range["max"].as_u64().is_none_or(|max| count <= max)
}

/// Requests that a run of the same command line took.
fn sent(place: &Place, server: &Server, args: &str, output: &str) -> u64 {
    place.rtk(&format!("run {args} -o {output} --format csv --no-rollups")).against(server).ends(0);
    manifest(&place.path(output))["requests"]["sent"].as_u64().unwrap()
}

/// Sessions of a few to a few hundred people.
fn server(change: impl FnOnce(&mut SandboxOptions)) -> Server {
    Server::start(|options| {
        options.world = WorldOptions { participants: 2_000, per_session: 80, ..WorldOptions::default() };
        change(options);
    })
}

#[test]
fn a_list_is_planned_without_a_token_a_request_or_a_trace() {
    let (place, server) = (Place::new(), server(|_| ()));
    place.write("list.csv", server.pairs(300));
    let before = tree(&place.path("."));
    let plan = planned(place.rtk("plan list.csv"));
    assert_eq!(tree(&place.path(".")), before, "something was written");
    assert_eq!(server.requests(), 0);
    assert_eq!((exactly(&plan["expected"]["participants"]), exactly(&plan["detail_requests"])), (300, 300));
    assert_eq!(plan["counted"], Value::Null);
    for fetch in ["detail", "auto", "list"] {
        let args = format!("list.csv --fetch {fetch}");
        let plan = planned(place.rtk(&format!("plan {args}")));
        let sent = sent(&place, &server, &args, fetch);
        assert!(has(&plan["requests"]["total"], sent), "{fetch}: {sent}, {}", plan["requests"]);
        if fetch == "detail" {
            assert_eq!(exactly(&plan["requests"]["details"]), sent);
        }
    }
}

#[test]
fn a_counted_plan_is_what_the_run_sends() {
    let (place, server) = (Place::new(), server(|_| ()));
    // Some of many sessions, everyone of others.
    let pairs = server.pairs(1_200);
    let some = pairs.lines().enumerate().filter(|(n, _)| *n == 0 || n % 3 == 1).map(|(_, line)| line);
    place.write("some.csv", some.collect::<Vec<_>>().join("\n"));
    place.write("everyone.csv", server.sessions(8));
    for (number, flags) in ["", "--fetch detail", "--with-sessions", "--fetch list"].into_iter().enumerate() {
        for lists in ["everyone.csv", "some.csv everyone.csv"] {
            let args = format!("{lists} {flags}");
            let before = server.requests();
            let plan = planned(place.rtk(&format!("plan {args} --count")).against(&server));
            let counting = server.requests() - before;
            assert_eq!(plan["counted"]["requests_sent"], counting);
            assert_eq!(plan["asks_for"]["sessions"], counting, "a request for each session");
            let output = format!("out-{number}-{}", lists.len());
            let sent = sent(&place, &server, &args, &output);
            assert!(has(&plan["requests"]["total"], sent), "{args}: {sent}, {}", plan["requests"]);
            let export = Export::read(&place.path(&output));
            let rows = export.rows("participants").len() as u64;
            assert!(has(&plan["expected"]["participants"], rows), "{args}: {rows}, {}", plan["expected"]);
            if lists == "everyone.csv" {
                assert_eq!(exactly(&plan["requests"]["total"]), sent, "{args}");
                assert_eq!(exactly(&plan["expected"]["participants"]), rows, "{args}");
            }
        }
    }
}

/// Where a page shows all of a session, its minutes are the export's, by view type as in the rollups.
#[test]
fn counted_minutes_are_those_of_the_export() {
    for messy in [false, true] {
        let (place, server) = (
            Place::new(),
            Server::start(|options| {
                options.world = WorldOptions { participants: 300, messy, ..options.world }
            }),
        );
        place.write("list.csv", server.sessions(10));
        let plan = planned(place.rtk("plan list.csv --count").against(&server));
        place.rtk("run list.csv -o out").against(&server).ends(0);
        let manifest = manifest(&place.path("out"));
        assert_eq!(plan["minutes"]["minutes_consumed"], manifest["totals"]["minutes_consumed"]);
        assert_eq!(plan["counted"]["participants"], manifest["totals"]["participants"]);
        if !messy {
            assert_eq!(exactly(&plan["expected"]["peer_events"]), manifest["totals"]["peer_events"]);
        }
        // Each participant by the last view type that an event names.
        let by_view = "WITH views AS (
                SELECT session_id, participant_id, arg_max(preset_view_type, event_index) AS view_type
                FROM 'peer_events/*.parquet' WHERE preset_view_type IS NOT NULL GROUP BY ALL)
            SELECT view_type, CAST(SUM(minutes_consumed) AS VARCHAR) AS minutes
            FROM 'participants/*.parquet' LEFT JOIN views USING (session_id, participant_id)
            WHERE minutes_consumed IS NOT NULL GROUP BY view_type ORDER BY view_type NULLS FIRST";
        let told = plan["minutes"]["by_view_type"].as_array().unwrap().iter().map(|of| {
            let text = |name: &str| of[name].as_str().map(str::to_owned);
            vec![text("view_type"), text("minutes_consumed")]
        });
        assert_eq!(query(&place.path("out"), by_view), told.collect::<Vec<_>>());
        let unpriced = plan["minutes"]["minutes_without_price"].as_str().unwrap();
        assert_eq!(unpriced != "0.000000000", messy, "only an odd view type has no price");
    }
}

#[test]
fn live_and_unknown_sessions_are_told() {
    let (place, server) = (Place::new(), server(|options| options.world.live_sessions = 2));
    let count = usize::try_from(server.world().session_count()).unwrap();
    let known = server.sessions(count);
    place.write("list.csv", format!("{known}0f8fad5b-d9cb-469f-a165-70867728950e\n"));
    let plan = planned(place.rtk("plan list.csv --count").against(&server));
    assert_eq!((&plan["counted"]["live_sessions"], &plan["counted"]["not_found"]), (&2.into(), &1.into()));
    place.rtk("run list.csv -o out --format csv").against(&server).ends(3);
    assert_eq!(exactly(&plan["requests"]["total"]), manifest(&place.path("out"))["requests"]["sent"]);
}

#[test]
fn a_window_is_listed_and_what_it_holds_is_planned() {
    let (place, server) = (Place::new(), server(|options| options.world.days = 3));
    let window = "--since 2026-10-29T12:00:00Z --until 2026-10-30T12:00:00Z";
    let plan = planned(place.rtk(&format!("plan {window}")).against(&server));
    let listing = server.requests();
    assert_eq!(exactly(&plan["requests"]["session_pages"]), listing);
    let counted = planned(place.rtk(&format!("plan {window} --count")).against(&server));
    let sent = sent(&place, &server, window, "out");
    assert!(has(&plan["requests"]["total"], sent), "{sent}, {}", plan["requests"]);
    assert_eq!(exactly(&counted["requests"]["total"]), sent);
    let export = Export::read(&place.path("out"));
    let sessions = export.rows("sessions").len();
    assert!(sessions > 3, "{sessions}");
    assert_eq!(
        (&plan["window"]["sessions"], &plan["asks_for"]["sessions"]),
        (&sessions.into(), &sessions.into())
    );
    let minutes = "SELECT CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) FROM 'sessions/*.csv'";
    assert_eq!(
        query(&place.path("out"), minutes),
        [[plan["window"]["minutes_consumed"].as_str().map(str::to_owned)]]
    );
}

#[test]
fn a_refused_page_size_is_counted_in() {
    let (place, server) = (
        Place::new(),
        server(|options| (options.page_size_limit, options.oversize) = (50, Oversize::Refuse)),
    );
    place.write("list.csv", server.sessions(8));
    let plan = planned(place.rtk("plan list.csv --count --concurrency 4").against(&server));
    let sent = sent(&place, &server, "list.csv --concurrency 4", "out");
    assert!(has(&plan["requests"]["total"], sent), "{sent}, {}", plan["requests"]);
    assert!(plan["requests"]["total"]["max"].is_u64());
}

#[test]
fn odd_rows_are_named_by_file_and_row() {
    let (place, server) = (Place::new(), server(|_| ()));
    let list = server.pairs(2);
    let rows: Vec<_> = list.lines().collect();
    place.write("list.csv", [rows[0], rows[1], "42,43", "", rows[2], rows[1]].join("\n"));
    let plan = planned(place.rtk("plan list.csv"));
    let (invalid, duplicate) = (&plan["examples"]["invalid"], &plan["examples"]["duplicate"]);
    assert_eq!((&invalid[0]["list_file"], &invalid[0]["row_number"]), (&"list.csv".into(), &3.into()));
    assert_eq!((&invalid[0]["session_id"], &duplicate[0]["row_number"]), (&"42".into(), &6.into()));
    assert_eq!(plan["rows"], serde_json::json!({"read": 4, "invalid": 1, "duplicate": 1}));
    let text = place.rtk("plan list.csv").ends(0);
    assert!(text.stdout.contains("list.csv row 3: session id \"42\" is not a UUID"), "{text}");
    assert_eq!(text.stderr, "");
    // What a run refuses, a plan refuses.
    place.write("none.csv", "session_id\n42\n");
    for (list, code) in [("none.csv", 2), ("missing.csv", 2)] {
        place.rtk(&format!("plan {list}")).ends(code);
    }
    place.rtk("plan list.csv --count").ends(2).says(&["CLOUDFLARE_API_TOKEN"]);
    place.rtk("plan --since yesterday").ends(2).says(&["CLOUDFLARE_API_TOKEN"]);
}

/// The ways in that a run has; the sandbox of a plan is its own.
#[test]
fn stdin_and_the_built_in_sandbox_do_as_well() {
    let place = Place::with_samples();
    let list = fs::read(place.path("samples/participants.csv")).unwrap();
    let plan = planned(place.rtk("plan - --count --sandbox").stdin(list));
    assert_eq!((exactly(&plan["requests"]["total"]), &plan["lists"][0]["path"]), (8, &"-".into()));
    let quota =
        serde_json::json!({"requests": 1000, "window_seconds": 300.0, "reserve_percent": 20, "allowed": 800});
    let plan =
        planned(place.rtk("plan samples/participants.csv --fetch detail --rate 1000/5m --reserve 20%"));
    assert_eq!(plan["quota"], quota);
    assert_eq!(exactly(&plan["seconds"]), 15);
}
