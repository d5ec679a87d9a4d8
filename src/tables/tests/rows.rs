//! Rows of the list and what became of them, case by case.

use super::*;

const KEY: [&str; 3] = ["row_number", "session_id", "participant_id"];
const FAILURE: [&str; 6] = ["row_number", "participant_id", "reason", "http_status", "attempts", "message"];

fn record(n: u8) -> String {
    format!(r#"{{"id":"{}","display_name":"p{n}"}}"#, id(n))
}

fn statuses(output: &Output) -> Vec<String> {
    output.shown(Table::IdList, &["row_number", "status", "matched_by"])
}

#[test]
fn a_later_record_stands_in_the_earlier_place() {
    let later = format!(r#"{{"id":"{}","display_name":"later"}}"#, id(2));
    // The second page was logged first.
    let pages = vec![page(1, 2, &[later, record(3)]), page(1, 1, &[record(2), record(1)])];
    let output = make(&[everyone(2, 1)], pages);
    let shown = output.shown(Table::Participants, &["participant_id", "display_name"]);
    assert_eq!(shown, [id(2) + " later", id(1) + " p1", id(3) + " p3"]);
    assert_eq!(statuses(&output), ["2 expanded -"]);
}

#[test]
fn one_participant_belongs_to_its_first_row() {
    let people = page(1, 1, &[record(1), record(2), record(3)]);
    let output =
        make(&[pair(2, 1, 2), everyone(3, 1), pair(4, 1, 1), pair(5, 1, 2), everyone(6, 1)], vec![people]);
    let s = session(1);
    assert_eq!(
        output.shown(Table::Participants, &KEY),
        [format!("2 {s} {}", id(2)), format!("3 {s} {}", id(1)), format!("3 {s} {}", id(3))]
    );
    assert_eq!(
        statuses(&output),
        ["2 exported participant_id", "3 expanded -", "4 duplicate -", "5 duplicate -", "6 duplicate -"]
    );
    assert!(output.rows(Table::Failures).is_empty());
}

#[test]
fn ids_of_other_kinds_are_looked_for_on_the_pages() {
    let record = |n: u8, user: &str, custom: &str| {
        format!(r#"{{"id":"{}","user_id":"{user}","custom_participant_id":"{custom}"}}"#, id(n))
    };
    let people = page(1, 1, &[record(1, &id(9), "ada"), record(2, "u2", "bob"), record(3, &id(9), "bob")]);
    let rows = [
        pair(2, 1, 9),
        list_row(3, Asked::Custom(session(1), "bob".into())),
        list_row(4, Asked::User(session(1), id(9))),
        list_row(5, Asked::User(session(1), "nobody".into())),
        pair(6, 1, 8),
    ];
    let unknown = failed(details_key(1, 9), Reason::NotFound, 404);
    let output = make(&rows, vec![unknown, people]);
    assert_eq!(
        statuses(&output),
        [
            "2 exported user_id",
            "3 exported custom_participant_id",
            "4 duplicate -",
            "5 failed -",
            "6 failed -"
        ]
    );
    let shown = output.shown(Table::Participants, &["row_number", "participant_id"]);
    assert_eq!(shown, ["2 ".to_owned() + &id(1), "2 ".to_owned() + &id(3), "3 ".to_owned() + &id(2)]);
    let absent = "not among the 3 participants of the session";
    assert_eq!(
        output.shown(Table::Failures, &FAILURE),
        [format!("5 - not_found 200 1 {absent}"), format!("6 {} not_found 200 1 {absent}", id(8))]
    );
    assert_eq!(output.rows(Table::Failures)[0].get("labels"), Some(r#"{"user_id":"nobody"}"#));
}

#[test]
fn a_reply_that_names_another_participant_never_makes_a_row_twice() {
    let other = |n: u8, user: u8| format!(r#"{{"id":"{}","user_id":"{}"}}"#, id(n), id(user));
    let rows = [pair(2, 1, 1), pair(3, 1, 2), pair(4, 1, 4), pair(5, 1, 3)];
    let replies = vec![
        details(1, 1, &other(2, 1)),
        details(1, 2, &record(2)),
        details(1, 3, &record(3)),
        details(1, 4, &other(5, 5)),
    ];
    let output = make(&rows, replies);
    let shown = output.shown(Table::Participants, &["row_number", "participant_id"]);
    assert_eq!(shown, ["2 ".to_owned() + &id(2), "4 ".to_owned() + &id(5), "5 ".to_owned() + &id(3)]);
    assert_eq!(
        statuses(&output),
        ["2 exported user_id", "3 duplicate -", "4 exported participant_id", "5 exported participant_id"]
    );
    assert_eq!(output.noted(Notice::OtherParticipant), 2);
    // The other way round: its own row came first.
    let output =
        make(&[pair(2, 1, 2), pair(3, 1, 1)], vec![details(1, 1, &other(2, 1)), details(1, 2, &record(2))]);
    assert_eq!(statuses(&output), ["2 exported participant_id", "3 duplicate -"]);
}

#[test]
fn records_without_an_id_are_failures() {
    let nameless = r#"{"id":null,"user_id":"u","display_name":"Ada"}"#.to_owned();
    let user = || list_row(3, Asked::User(session(2), "u".into()));
    let replies = vec![page(1, 1, &[record(1), nameless.clone(), "7".into()]), page(2, 1, &[nameless])];
    let output = make(&[everyone(2, 1), user()], replies);
    assert_eq!(output.shown(Table::Participants, &["participant_id"]), [id(1)]);
    assert_eq!(statuses(&output), ["2 expanded -", "3 failed -"]);
    let ada = r#"a record on a page has no usable id: {"id":null,"user_id":"u","display_name":"Ada"}"#;
    assert_eq!(
        output.shown(Table::Failures, &["row_number", "participant_id", "reason", "message"]),
        [
            format!("2 - bad_response {ada}"),
            "2 - bad_response a record on a page has no usable id: 7".into(),
            format!("3 - bad_response {ada}")
        ]
    );
}

#[test]
fn a_page_that_fails_keeps_who_was_had() {
    let broken = || failed(page_key(1, 2), Reason::RetriesExhausted, 503);
    let rows = [everyone(2, 1), pair(3, 1, 1), pair(4, 1, 2), pair(5, 1, 3)];
    let replies = vec![
        page(1, 1, &[record(1)]),
        broken(),
        details(1, 2, &record(2)),
        failed(details_key(1, 3), Reason::Refused, 400),
    ];
    let output = make(&rows, replies);
    let shown = output.shown(Table::Participants, &["row_number", "participant_id"]);
    assert_eq!(shown, ["2 ".to_owned() + &id(1), "4 ".to_owned() + &id(2)]);
    assert_eq!(statuses(&output), ["2 failed -", "3 duplicate -", "4 exported participant_id", "5 failed -"]);
    assert_eq!(
        output.shown(Table::Failures, &FAILURE),
        [
            "2 - retries_exhausted 503 1 retries_exhausted by the test".to_owned(),
            format!("5 {} refused 400 1 refused by the test", id(3))
        ]
    );
    assert_eq!(output.made.failures.values().sum::<u64>(), 2);
}

#[test]
fn pages_only_name_ids_with_fetch_detail() {
    let rows = [pair(2, 1, 2), everyone(3, 1)];
    let replies = vec![
        details(1, 2, r#"{"display_name":"own"}"#),
        page(1, 1, &[record(1), record(2), record(3), r#"{"id":"no uuid"}"#.into()]),
        details(1, 1, r#"{"display_name":"own"}"#),
        failed(details_key(1, 3), Reason::Refused, 422),
    ];
    let output = make_with("detail", &rows, replies);
    let shown = output.shown(Table::Participants, &["row_number", "participant_id", "display_name"]);
    assert_eq!(shown, [format!("2 {} own", id(2)), format!("3 {} own", id(1))]);
    assert_eq!(statuses(&output), ["2 exported participant_id", "3 expanded -"]);
    let failures = output.shown(Table::Failures, &["row_number", "participant_id", "reason"]);
    assert_eq!(failures, [format!("3 {} refused", id(3)), "3 - bad_response".to_owned()]);
}

#[test]
fn failures_carry_the_rows_labels() {
    let labels = [("customer", "Ada \"x\"\n"), ("cost", "")];
    let custom = list_row(3, Asked::Custom(session(1), "c\\".into()));
    let rows = [labelled(invalid(2), &labels), labelled(custom, &labels), pair(4, 1, 1)];
    let output = make(&rows, vec![page(1, 1, &[]), failed(details_key(1, 1), Reason::NotFound, 404)]);
    let all = r#""customer":"Ada \"x\"\n","cost":"""#;
    assert_eq!(
        output.shown(Table::Failures, &["row_number", "participant_id", "reason", "labels", "failed_at"]),
        [
            format!("2 x1 invalid_id {{{all}}} 2026-11-23T00:00:00.000000Z"),
            format!(r#"3 - not_found {{"custom_participant_id":"c\\",{all}}} 2026-11-23T01:02:03.004000Z"#),
            format!("4 {} not_found - 2026-11-23T01:02:03.004000Z", id(1)),
        ]
    );
    let labels = output.shown(Table::Labels, &["list_file", "row_number", "name", "value"]);
    assert_eq!(labels[..2], ["a.csv 2 customer Ada \"x\"\n", "a.csv 2 cost "]);
    assert_eq!(statuses(&output), ["2 invalid -", "3 failed -", "4 failed -"]);
}

#[test]
fn other_labels_on_a_repetition_are_told() {
    let row = |number, labels: &[(&str, &str)]| labelled(pair(number, 1, 1), labels);
    let rows = [
        row(2, &[("a", "1"), ("b", "2")]),
        row(3, &[("b", "2"), ("a", "1")]),
        row(4, &[("a", "1"), ("b", "3")]),
        row(5, &[]),
    ];
    let output = make(&rows, vec![details(1, 1, &record(1))]);
    assert_eq!(output.warnings(), ["duplicate_row_with_other_labels id_list  2"]);
}

#[test]
fn sessions_come_once_at_their_first_mention() {
    let key = |n| RequestKey::Session { session: session(n) };
    let replies = vec![
        failed(key(1), Reason::Refused, 400),
        found(key(2), r#"{"data":{"session":{"status":"ENDED"}}}"#),
        details(1, 1, &record(1)),
        details(2, 1, &record(1)),
        details(2, 2, &record(2)),
    ];
    let output = make(&[pair(2, 2, 1), pair(3, 1, 1), pair(4, 2, 2)], replies);
    assert_eq!(output.shown(Table::Sessions, &["session_id", "status"]), [format!("{} ENDED", session(2))]);
    let failures = output.shown(Table::Failures, &["row_number", "session_id", "participant_id", "reason"]);
    assert_eq!(failures, [format!("3 {} - refused", session(1))]);
    assert_eq!(output.rows(Table::Participants).len(), 3);
}

#[test]
fn the_last_reply_to_one_request_rules() {
    let key = details_key(1, 1);
    let tried = vec![failed(key, Reason::RetriesExhausted, 503), details(1, 1, &record(1))];
    let output = make(&[pair(2, 1, 1)], tried);
    assert_eq!(statuses(&output), ["2 exported participant_id"]);
    assert!(output.rows(Table::Failures).is_empty());
}
