//! A participant put together from its details, its page and its peer report.

use super::*;

const STATISTICS: &str = r#""peer_report":{"metadata":{"sdk_name":"web"}}"#;

fn report_key(session_no: u8, participant_no: u8) -> RequestKey {
    RequestKey::PeerReport { session: session(session_no), participant: participant(participant_no) }
}

/// A peer report of a participant of session 1, with these fields.
fn report(participant_no: u8, fields: &str) -> Reply {
    let record = format!(r#"{{"id":"{}",{fields}}}"#, id(participant_no));
    found(report_key(1, participant_no), format!(r#"{{"success":true,"data":{{"participant":{record}}}}}"#))
}

/// A record of a page or of details.
fn record(participant_no: u8, fields: &str) -> String {
    format!(r#"{{"id":"{}",{fields}}}"#, id(participant_no))
}

/// What both routes must agree on.
fn shown(output: &Output) -> (Vec<String>, Vec<String>, Vec<String>) {
    let columns = ["participant_id", "user_id", "preset_name", "minutes_consumed", "extra"];
    (
        output.shown(Table::Participants, &columns),
        output.shown(Table::PeerEvents, &["participant_id", "event_index", "minutes_consumed"]),
        output.shown(Table::CallStats, &["participant_id", "sdk_name", "source_shape", "extra"]),
    )
}

#[test]
fn rows_are_equal_whichever_replies_they_come_from() {
    let plain = r#""user_id":"u","new":1,"peer_events":[{"minutes_consumed":1.5}]"#;
    let session_id = session(1);
    let details_alone = details(1, 1, &record(1, &format!(r#"{plain},"preset_name":"host",{STATISTICS}"#)));
    let reported = format!(r#"{plain},"role":"host","session_id":"{session_id}",{STATISTICS}"#);
    let on_page = record(1, &format!(r#"{plain},"preset_name":"host""#));
    let alone = make_statistics(&[pair(2, 1, 1)], vec![details_alone]);
    assert_eq!(shown(&alone).0, [format!("{} u host 1.500000000 {{\"new\":1}}", id(1))]);
    assert_eq!(shown(&alone).2, [format!("{} web new -", id(1))]);
    let by_report = make_statistics(&[pair(2, 1, 1)], vec![report(1, &reported)]);
    let by_page = make_statistics(&[everyone(2, 1)], vec![page(1, 1, &[on_page]), report(1, &reported)]);
    let bare = format!(r#""peer_events":[],{STATISTICS}"#);
    let plain_details = details(1, 1, &record(1, &format!(r#"{plain},"preset_name":"host""#)));
    let by_both = make_statistics(&[pair(2, 1, 1)], vec![report(1, &bare), plain_details]);
    for other in [&by_report, &by_page, &by_both] {
        assert_eq!(shown(other), shown(&alone));
        assert_eq!(other.warnings(), alone.warnings());
        assert_eq!(other.made.failures.values().sum::<u64>(), 0);
    }
}

#[test]
fn a_report_that_failed_is_a_failure_of_an_exported_participant() {
    let rows = [labelled(pair(2, 1, 1), &[("customer", "c")])];
    let lost = failed(report_key(1, 1), Reason::RetriesExhausted, 503);
    let output = make_statistics(&rows, vec![lost, details(1, 1, &record(1, r#""user_id":"u""#))]);
    assert_eq!(output.shown(Table::IdList, &["status", "matched_by"]), ["exported participant_id"]);
    assert_eq!(output.shown(Table::Participants, &["user_id"]), ["u"]);
    assert_eq!(
        output.shown(Table::Failures, &["participant_id", "reason", "http_status", "message", "labels"]),
        [format!(
            "{} retries_exhausted 503 no call statistics: retries_exhausted by the test {{\"customer\":\"c\"}}",
            id(1)
        )]
    );
    assert_eq!(output.noted(Notice::NoStatistics), 0);
}

#[test]
fn a_participant_without_statistics_is_a_warning() {
    let on_page = |n| record(n, r#""user_id":"u""#);
    let session_id = session(9);
    let replies = vec![
        page(1, 1, &[on_page(1), on_page(2), on_page(3)]),
        failed(report_key(1, 1), Reason::NotFound, 404),
        report(2, r#""peer_report":{"metadata":{},"quality":null}"#),
        // A peer of this id was in another session.
        report(3, &format!(r#""session_id":"{session_id}",{STATISTICS}"#)),
    ];
    let output = make_statistics(&[everyone(2, 1)], replies);
    assert_eq!(output.shown(Table::IdList, &["status"]), ["expanded"]);
    assert_eq!(output.rows(Table::Participants).len(), 3);
    assert_eq!(output.shown(Table::CallStats, &["sdk_name"]), ["-", "-", "-"]);
    assert_eq!(output.noted(Notice::NoStatistics), 3);
    assert!(output.rows(Table::Failures).is_empty());
    let example = output.made.warnings.iter().find(|(notice, ..)| *notice == Notice::NoStatistics).unwrap().3;
    assert!(example.example.ends_with("the API knows no peer report of it"), "{}", example.example);
}

#[test]
fn a_report_of_another_session_is_no_record() {
    let session_id = session(9);
    let other = report(1, &format!(r#""session_id":"{session_id}","peer_events":[],{STATISTICS}"#));
    let unknown = failed(details_key(1, 1), Reason::NotFound, 404);
    let output = make_statistics(&[pair(2, 1, 1)], vec![other, unknown]);
    assert!(output.rows(Table::Participants).is_empty());
    assert_eq!(output.shown(Table::Failures, &["reason", "http_status"]), ["not_found 404"]);
}

/// Pages save details requests only where they are records that nobody else gave.
#[test]
fn what_pages_saved_is_counted_without_what_was_asked_all_the_same() {
    let reported = format!(r#""peer_events":[],{STATISTICS}"#);
    let records: Vec<_> = (1..=3).map(|n| record(n, r#""peer_events":[]"#)).collect();
    let run = |fetch: &str, replies: Vec<Reply>| {
        let replies = replies.into_iter().chain([page(1, 1, &records)]).collect();
        make_of(fetch, &["events"], &[everyone(2, 1)], replies).made.saved_by_listing
    };
    let reports = || (1..=3).map(|n| report(n, &reported)).collect::<Vec<_>>();
    assert_eq!(run("list", reports()), 3);
    assert_eq!(run("auto", reports()), 0);
    assert_eq!(run("auto", (1..=3).map(|n| details(1, n, &record(n, STATISTICS))).collect()), 0);
    let unknown = (1..=3).map(|n| failed(report_key(1, n), Reason::NotFound, 404)).collect();
    assert_eq!(run("auto", unknown), 3);
}

#[test]
fn a_listing_that_ends_before_its_total_is_told() {
    let listed = |page_no, total: u64| {
        let records = [1, 2].map(|n| record(n, r#""user_id":"u""#)).join(",");
        found(
            page_key(1, page_no),
            format!(r#"{{"data":{{"participants":[{records}],"paging":{{"total_count":{total}}}}}}}"#),
        )
    };
    let noted = |replies| make(&[everyone(2, 1)], replies).noted(Notice::ShortListing);
    assert_eq!(noted(vec![listed(1, 2)]), 0);
    // Where pairs were all seen, the listing did not go on.
    assert_eq!(noted(vec![listed(1, 5)]), 0);
    assert_eq!(noted(vec![listed(1, 5), listed(2, 5), listed(0, 5)]), 1);
    let no_page_0 = failed(page_key(1, 0), Reason::Refused, 400);
    assert_eq!(noted(vec![listed(1, 5), listed(2, 5), no_page_0]), 1);
    assert_eq!(noted(vec![listed(1, 5), listed(2, 2), listed(0, 2)]), 0);
    // A live session: who came while its pages were read is no loss.
    assert_eq!(noted(vec![listed(1, 2), listed(2, 5), listed(0, 5)]), 0);
}

/// Somebody is there whom no page shows: nobody is `not_found` for that.
#[test]
fn whoever_a_short_listing_does_not_show_is_a_failure() {
    let listed = |page_no| {
        let records = [1, 2].map(|n| record(n, r#""user_id":"u""#)).join(",");
        let body = format!(r#"{{"data":{{"participants":[{records}],"paging":{{"total_count":5}}}}}}"#);
        found(page_key(1, page_no), body)
    };
    let pages = || vec![listed(1), listed(2), failed(page_key(1, 0), Reason::Refused, 400)];
    let shown = |rows: &[ListRow], more: Vec<Reply>| {
        let output = make(rows, pages().into_iter().chain(more).collect());
        let failures = output.shown(Table::Failures, &["row_number", "participant_id", "reason", "message"]);
        (output.rows(Table::Participants).len(), failures, output.shown(Table::IdList, &["status"]))
    };
    let why = "bad_response 2 participants on all pages, 5 by its total";
    let expected = (2, vec![format!("2 - {why}")], vec!["failed".to_owned()]);
    assert_eq!(shown(&[everyone(2, 1)], Vec::new()), expected);
    // A pair was asked for by details; what these say rules.
    let unknown = failed(details_key(1, 7), Reason::NotFound, 404);
    let (rows, failures, _) = shown(&[pair(2, 1, 7)], vec![unknown]);
    assert_eq!((rows, failures.len()), (0, 1));
    assert!(failures[0].starts_with(&format!("2 {} not_found", id(7))), "{failures:?}");
    let user = list_row(2, Asked::User(session(1), "nobody".to_owned()));
    assert_eq!(shown(&[user], Vec::new()).1, [format!("2 - {why}")]);
}
