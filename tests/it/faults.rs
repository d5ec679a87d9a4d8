//! A server in trouble: what passes is retried, what does not is a row, what ends the run says so.

use rtk_export::sandbox::{Oversize, Sizes};

use crate::support::{Export, Place, Server, faults};

const RUN: &str = "run list.csv -o out --format csv --fetch detail";

/// A place with a list of the first pairs of a server.
fn place(server: &Server, pairs: usize) -> Place {
    let place = Place::new();
    place.write("list.csv", server.pairs(pairs));
    place
}

/// The export of the same list by a server without faults.
fn healthy(pairs: usize) -> Export {
    let server = Server::start(|_| ());
    let place = place(&server, pairs);
    place.rtk(RUN).against(&server).ends(0);
    Export::read(&place.path("out"))
}

#[test]
fn trouble_that_passes_changes_no_row() {
    let server = Server::with_faults(&[
        "3: 500",
        "5: 503 retry-after 1",
        "7: reset",
        "9: cut",
        "11: garbage",
        "13: html 502",
        "15: refuse",
        "17: shape",
        "19: 408",
        "21: 530",
        "23: html 200",
        "25: 429 retry-after 1",
    ]);
    let place = place(&server, 60);
    place.rtk(&format!("{RUN} --timeout 2m")).against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    assert!(export.rows("failures").is_empty());
    export.equals(&healthy(60));
    let stats = server.stats();
    assert_eq!((stats.faults, stats.requests), (12, 60 + 12));
    let requests = &crate::support::manifest(&place.path("out"))["requests"];
    assert_eq!((&requests["sent"], &requests["retried"]), (&72.into(), &11.into()));
    assert_eq!((&requests["ok"], &requests["rate_limited"]), (&60.into(), &1.into()));
}

/// Here the time that a reply may take is short: any other may take too long as well, and is retried.
#[test]
fn replies_that_do_not_come_are_asked_for_again() {
    let server = Server::with_faults(&["3: stall", "5: hang"]);
    let place = place(&server, 60);
    place.rtk(&format!("{RUN} --timeout 1s")).against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    assert!(export.rows("failures").is_empty());
    export.equals(&healthy(60));
    let stats = server.stats();
    assert!(stats.faults == 2 && stats.requests >= 60 + 2, "{stats:?}");
}

#[test]
fn pages_are_retried_like_details() {
    let server = Server::with_faults(&["1: 500", "3: cut", "5: garbage", "7: shape"]);
    let place = Place::new();
    place.write("list.csv", server.sessions(5));
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let healthy = Server::start(|_| ());
    place.rtk("run list.csv -o healthy --format csv").against(&healthy).ends(0);
    Export::read(&place.path("out")).equals(&Export::read(&place.path("healthy")));
}

#[test]
fn a_429_pauses_and_costs_no_item_a_retry() {
    let server = Server::with_faults(&["5-8: 429 retry-after 1"]);
    let place = place(&server, 20);
    // Each reply that fails is final: only what costs no retry can pass.
    place.rtk(&format!("{RUN} --retries 0 --concurrency 1")).against(&server).ends(0);
    Export::read(&place.path("out")).equals(&healthy(20));
}

#[test]
fn a_reply_that_stays_unreadable_is_a_failure_with_its_first_bytes() {
    for (fault, shown) in [("garbage", ""), ("html 200", "<"), ("shape", "{"), ("refuse", "")] {
        let id = Server::start(|_| ()).world().participant_id(4).to_string();
        let rule = format!("match participants/{id}: {fault}");
        let server = Server::with_faults(&[&rule]);
        let place = place(&server, 10);
        place.rtk(&format!("{RUN} --retries 2")).against(&server).ends(3).says(&["1 failure"]);
        let export = Export::read(&place.path("out"));
        let failures = export.values("failures", ["participant_id", "reason", "http_status", "row_number"]);
        assert_eq!(failures, [[id.as_str(), "bad_response", "200", "6"]], "{fault}");
        let [message] = export.values("failures", ["message"])[0];
        assert!(!message.is_empty() && message.contains(shown), "{fault}: {message}");
        assert_eq!(export.rows("participants").len(), 9);
        assert_eq!(server.requests(), 9 + 3);
        // Tried again by the same list once the server is well; only that one is asked for.
        let well = Server::start(|_| ());
        place.rtk("run out/failures/part-00000.csv -o again --format csv").against(&well).ends(0);
        assert_eq!(well.requests(), 1);
    }
}

#[test]
fn what_fails_for_good_is_a_row_with_the_servers_words() {
    let server = Server::with_faults(&["2: 500", "3: 400"]);
    let place = place(&server, 5);
    place.rtk(&format!("{RUN} --retries 0 --concurrency 1")).against(&server).ends(3);
    let export = Export::read(&place.path("out"));
    let failures = export.values("failures", ["row_number", "reason", "http_status"]);
    assert_eq!(failures, [["3", "retries_exhausted", "500"], ["4", "refused", "400"]]);
    assert!(export.values("failures", ["message"]).iter().all(|[message]| !message.is_empty()));
}

#[test]
fn refused_credentials_end_the_run_at_once_and_it_goes_on_later() {
    for status in ["401", "403"] {
        let rule = format!("51: {status}");
        let server = Server::with_faults(&[&rule]);
        let place = place(&server, 100);
        let run = format!("{RUN} --concurrency 1");
        place.rtk(&run).against(&server).ends(4).says(&[status, "CLOUDFLARE_API_TOKEN", "same command"]);
        assert_eq!(server.requests(), 51);
        assert!(!place.path("out/manifest.json").exists());
        place.rtk(&run).against(&server).ends(0);
        assert_eq!(server.requests(), 101);
        Export::read(&place.path("out")).equals(&healthy(100));
    }
}

#[test]
fn a_wrong_token_account_or_app() {
    let server = Server::start(|options| {
        options.account = Some("account".to_owned());
        options.app = Some("app".to_owned());
    });
    let place = place(&server, 10);
    let run = |output| place.rtk(&RUN.replace("out", output)).against(&server);
    run("a").env("CLOUDFLARE_API_TOKEN", "wrong").ends(4).says(&["401"]);
    run("b").env("CLOUDFLARE_ACCOUNT_ID", "b").ends(4).says(&["403"]);
    assert_eq!(server.requests(), 2, "it stopped at once");
}

#[test]
fn an_api_that_cannot_be_reached_ends_the_run_and_keeps_what_it_has() {
    let gone = Server::start(|_| ());
    let place = place(&gone, 100);
    let run = place.rtk(&format!("{RUN} --retries 2")).against(&gone);
    drop(gone);
    run.ends(5).says(&["same command"]);
    // Down midway, then up again.
    let server = Server::with_faults(&["from 51: 503 x400"]);
    let run = || place.rtk(&format!("{} --concurrency 8", RUN.replace("out", "mid"))).against(&server);
    run().ends(5);
    let before = server.requests();
    assert!(before < 450, "it marched on: {before}");
    server.pass(450 - before);
    run().ends(0);
    Export::read(&place.path("mid")).equals(&healthy(100));
}

#[test]
fn too_many_failures_stop_the_run_where_a_limit_was_set() {
    let server = Server::start(|_| ());
    let place = Place::new();
    let unknown = (0..100)
        .map(|n| format!("0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e,{n:08}-0e0e-4e0e-8e0e-0e0e0e0e0e0e\n"));
    place.write("list.csv", format!("session_id,participant_id\n{}", unknown.collect::<String>()));
    let run = format!("{RUN} --max-failures 10 --concurrency 1");
    place.rtk(&run).against(&server).ends(5).says(&["max-failures", "10"]);
    assert!(server.requests() < 20);
    place.rtk(RUN).against(&server).ends(3);
    assert_eq!(Export::read(&place.path("out")).rows("failures").len(), 100);
}

/// A reply that failed is no failed ID while there is another way to it.
#[test]
fn a_failed_reply_that_is_made_up_for_counts_as_no_failure() {
    let complete = |server: &Server, list: &str, flags: &str| {
        let place = Place::new();
        place.write("list.csv", list);
        let run = format!("run list.csv -o out --format csv --max-failures 0 {flags}");
        let output = place.rtk(&run).against(server).ends(0);
        assert!(Export::read(&place.path("out")).rows("failures").is_empty(), "{output}");
    };
    // Pages that are refused for their size are asked for without one.
    let refusing = Server::start(|options| {
        options.page_size_limit = 7;
        options.oversize = Oversize::Refuse;
    });
    complete(&refusing, &refusing.sessions(5), "");
    // An id that the API does not know may be an enrolment id, on any page.
    let server = Server::start(|_| ());
    let place = Place::new();
    place.write("all.csv", server.sessions(2));
    place.rtk("run all.csv -o all --format csv").against(&server).ends(0);
    let all = Export::read(&place.path("all"));
    let users = all.values("participants", ["session_id", "user_id"]);
    let users = users.iter().map(|[session, user]| format!("{session},{user}\n"));
    let users = format!("session_id,participant_id\n{}", users.collect::<String>());
    complete(&server, &users, "");
    complete(&server, &users, "--fetch detail");
    // A page that is missing is made up for by details.
    let faulty = Server::with_faults(&["match page_no=1& 1: 410"]);
    complete(&faulty, &faulty.pairs(5), "");
}

/// Who is on none of a session's pages failed as well, though every reply came.
#[test]
fn who_is_nowhere_counts_as_a_failure() {
    let server = Server::start(|_| ());
    let (session, _) = server.world().pairs().next().unwrap();
    let unknown = (0..3).map(|n| format!("{session},0000000{n}-0e0e-4e0e-8e0e-0e0e0e0e0e0e\n"));
    let place = Place::new();
    place.write("list.csv", format!("session_id,participant_id\n{}", unknown.collect::<String>()));
    let run = "run list.csv -o out --format csv --max-failures";
    place.rtk(&format!("{run} 2")).against(&server).ends(5).says(&["3 ids failed", "same command"]);
    place.rtk(&format!("{run} 3")).against(&server).ends(3).says(&["3 failures"]);
}

#[test]
fn both_error_envelopes_give_the_same_rows() {
    let rows = [rtk_export::sandbox::ErrorEnvelope::Realtimekit, rtk_export::sandbox::ErrorEnvelope::V4].map(
        |errors| {
            let server = Server::start(|options| options.errors = errors);
            let place = Place::new();
            let id = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e";
            place.write("list.csv", format!("session_id,participant_id\n{id},{id}\n"));
            place.rtk(RUN).against(&server).ends(3);
            let export = Export::read(&place.path("out"));
            let failure = export.rows("failures")[0].clone();
            assert!(!failure["message"].is_empty() && !failure["api_code"].is_empty(), "{failure:?}");
            (failure["reason"].clone(), failure["http_status"].clone())
        },
    );
    assert_eq!(rows[0], rows[1]);
}

/// A participant of many hours in a large room: its reply is alone in memory, and whole.
#[test]
fn a_reply_of_50_mb_is_exported() {
    let server = Server::with_faults(&["5: body 50"]);
    let place = place(&server, 20);
    let output = place.rtk(&format!("{RUN} --timeout 2m")).against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    let largest = export.rows("participants").iter().map(|row| row["extra"].len()).max().unwrap();
    assert!(largest >= 50_000_000, "{largest}");
    assert_eq!(export.rows("participants").len(), 20);
    assert!(output.peak_rss_kib < 600 * 1024, "{} KiB", output.peak_rss_kib);
}

/// A page after the first that is refused once: everybody on it is missing, and that is told. Asked for
/// without a size it would be another part of the list.
#[test]
fn a_later_page_that_is_refused_loses_nobody_in_silence() {
    let start = |rules: &[&str]| {
        Server::start(|options| {
            options.world.participants = 450;
            options.world.sizes = Sizes::Fixed;
            options.world.per_session = 450;
            options.faults = faults(rules);
        })
    };
    for status in [400, 422] {
        let rule = format!("match page_no=3& 1: {status}");
        let (place, server) = (Place::new(), start(&[&rule]));
        place.write("list.csv", server.sessions(1));
        place.rtk("run list.csv -o out --format csv").against(&server).ends(3).says(&["1 failure"]);
        let export = Export::read(&place.path("out"));
        assert_eq!((export.rows("participants").len(), server.requests()), (200, 3));
        let failures = export.values("failures", ["participant_id", "reason", "http_status"]);
        assert_eq!(failures, [["", "refused", status.to_string().as_str()]]);
        // Pairs are had by details all the same.
        let (place, server) = (Place::new(), start(&[&rule]));
        place.write("list.csv", server.pairs(450));
        place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
        assert_eq!(Export::read(&place.path("out")).rows("participants").len(), 450);
    }
}
