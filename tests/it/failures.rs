//! A failing ID is data: each reason is a row with all that is known of it, and the rows are a list.

use std::collections::BTreeMap;

use crate::support::{Export, Place, Server, manifest};

/// What fails, in the list's order: reason, status, the API's code, attempts.
const EXPECTED: [[&str; 4]; 8] = [
    ["refused", "422", "422", "1"],
    ["bad_response", "200", "", "2"],
    ["bad_response", "200", "200", "2"],
    ["retries_exhausted", "502", "502", "2"],
    ["retries_exhausted", "", "", "2"],
    ["too_large", "200", "", "1"],
    ["not_found", "404", "404", "1"],
    ["invalid_id", "", "", "0"],
];
/// In the order of [`EXPECTED`]; the last two need none.
const FAULTS: [&str; 6] = ["422", "garbage", "refuse", "502", "reset", "body 70"];

/// A server on which some IDs fail for good, and a list of them among others that do not.
fn failing() -> (Server, String) {
    let ids: Vec<_> =
        Server::start(|_| ()).world().pairs().take(10).map(|(s, p)| (s.to_string(), p.to_string())).collect();
    let rules: Vec<_> =
        FAULTS.iter().zip(&ids).map(|(fault, (_, id))| format!("match participants/{id}: {fault}")).collect();
    let rules: Vec<_> = rules.iter().map(String::as_str).collect();
    let rows = ids.iter().enumerate().map(|(n, (session, id))| format!("{session},{id},C{n}\n"));
    let (session, unknown) = (&ids[0].0, "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e");
    let list = format!(
        "session_id,participant_id,customer\n{}{session},{unknown},nobody\n{session},P-1,invalid\n",
        rows.collect::<String>()
    );
    (Server::with_faults(&rules), list)
}

#[test]
fn every_reason_is_a_row_and_the_rows_are_a_list_of_what_failed() {
    for format in ["csv", "parquet"] {
        let (server, list) = failing();
        let place = Place::new();
        place.write("list.csv", &list);
        let run = format!("run list.csv -o out --format {format} --fetch detail --retries 1");
        place.rtk(&run).against(&server).ends(3).says(&["8 failures"]);
        place.rtk("rebuild out -o out-csv --format csv").ends(3);
        let export = Export::read_whole(&place.path("out-csv"));

        let failures = export.values("failures", ["reason", "http_status", "api_code", "attempts"]);
        assert_eq!(failures, EXPECTED, "{format}");
        let of = |column| export.values("failures", [column]).into_iter().map(|[value]| value);
        // Of what a reply came, Cloudflare's name for it; of what was sent, what went wrong.
        let rays: Vec<_> = of("cf_ray").map(|ray| !ray.is_empty()).collect();
        let statuses: Vec<_> = of("http_status").map(|status| !status.is_empty()).collect();
        assert_eq!(rays, statuses);
        assert!(of("message").all(|message| !message.is_empty()) && of("failed_at").all(|at| !at.is_empty()));
        assert!(of("list_file").all(|file| file == "list.csv"));
        assert_eq!(of("row_number").collect::<Vec<_>>(), ["2", "3", "4", "5", "6", "7", "12", "13"]);
        assert_eq!(of("labels").next(), Some(r#"{"customer":"C0"}"#));

        let mut by_reason = BTreeMap::new();
        for [reason, ..] in EXPECTED {
            *by_reason.entry(reason.to_owned()).or_insert(0) += 1;
        }
        let counted = serde_json::json!({ "total": EXPECTED.len(), "by_reason": by_reason });
        assert_eq!(manifest(&place.path("out"))["failures"], counted);

        // As the manual has it, once the server is well: only what failed is asked for.
        let well = Server::start(|_| ());
        let again = "rtk-export run out/failures/*.EXT -o out2 --format csv --fetch detail";
        place.shell(&again.replace("EXT", format)).against(&well).ends(3).says(&["2 failures"]);
        // Those that are IDs, once each; and the page in which the unknown one may be an enrolment.
        assert_eq!(well.requests(), 7 + 1);
        let second = Export::read(&place.path("out2"));
        let failed = export.values("failures", ["session_id", "participant_id"]);
        assert_eq!(second.values("participants", ["session_id", "participant_id"]), failed[..6]);
        assert_eq!(second.values("failures", ["reason"]), [["not_found"], ["invalid_id"]]);
        let labels: Vec<_> = list.lines().skip(1).filter_map(|row| row.rsplit(',').next()).collect();
        let kept = second.values("labels", ["name", "value"]);
        let expected: Vec<_> =
            labels[..6].iter().chain(&labels[10..]).map(|value| ["customer", value]).collect();
        assert_eq!(kept, expected);
    }
}

/// What did not depend on the ID is tried again by the same command; what did is final.
#[test]
fn the_same_command_tries_again_what_was_no_answer() {
    let (server, list) = failing();
    let place = Place::new();
    place.write("list.csv", &list);
    let run = "run list.csv -o out --format csv --fetch detail --retries 0 --concurrency 1";
    place.rtk(&format!("{run} --max-failures 6")).against(&server).ends(5);
    let before = server.requests();
    place.rtk(run).against(&server).ends(3);
    // The unknown one is the seventh only after the page in which it may be an enrolment. Then twice a bad
    // response, twice no reply.
    assert_eq!((before, server.requests() - before), (11 + 1, 4));
    let export = Export::read(&place.path("out"));
    assert_eq!(export.rows("failures").len(), EXPECTED.len());
}

/// A refusal whose explanation did not come through is asked for again: it stands in `failures`.
#[test]
fn a_refusal_that_is_cut_short_is_told_in_full() {
    for fault in ["1: cut", "1: stall"] {
        let server = Server::with_faults(&[fault]);
        let place = Place::new();
        let unknown = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e";
        place.write("list.csv", format!("session_id,participant_id\n{unknown},{unknown}\n"));
        place.rtk("run list.csv -o out --format csv --timeout 1s").against(&server).ends(3);
        let export = Export::read_whole(&place.path("out"));
        let failure = export.values("failures", ["reason", "http_status", "api_code", "attempts"]);
        assert_eq!(failure, [["not_found", "404", "404", "2"]], "{fault}");
    }
}
