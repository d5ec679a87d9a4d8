//! Rows of a window: what pages of the sessions list say, and what they leave open.

use super::super::Noted;
use super::*;
use crate::model::DayRange;

fn window() -> Window {
    let time = |text| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
    let (since, until) = (time("2026-11-22T00:00:00Z"), time("2026-11-23T00:00:00Z"));
    Window { since, until, meeting: None, live: false, days: None }
}

fn sessions_page(page_no: u32, records: &[String], around: &str) -> Reply {
    let key = RequestKey::Sessions { page_no, size: PageSize::Records(100) };
    found(key, format!(r#"{{"data":{{"sessions":[{}]{around}}}}}"#, records.join(",")))
}

fn record(n: u8, created_at: &str, fields: &str) -> String {
    format!(r#"{{"id":"{}","status":"ENDED","created_at":{created_at}{fields}}}"#, session(n))
}

/// A session of one participant, whose number is the session's.
fn people(n: u8) -> Reply {
    page(n, 1, &[format!(r#"{{"id":"{}"}}"#, id(n))])
}

#[test]
fn sessions_stand_in_the_order_of_their_creation_after_the_lists() {
    let replies = vec![
        // The later page's record rules: session 2 has ended meanwhile.
        sessions_page(
            1,
            &[
                record(3, r#""2026-11-22T08:00:00Z""#, r#","meeting_display_name":"three""#),
                record(2, r#""2026-11-22T07:00:00Z""#, "").replace("ENDED", "LIVE"),
                record(4, r#""2026-11-21T23:59:59.999Z""#, ""),
            ],
            "",
        ),
        sessions_page(
            2,
            &[
                record(2, r#""2026-11-22T07:00:00Z""#, r#","ended_at":"null","meeting_display_name":"two""#),
                record(1, r#""2026-11-22T08:00:00Z""#, r#","n":1"#),
            ],
            "",
        ),
        people(1),
        people(2),
        people(3),
        people(5),
    ];
    let output = make_all("auto", &[], &[everyone(1, 5), everyone(2, 3)], replies, Some(&window()));
    assert_eq!(
        output.shown(Table::Sessions, &["session_id", "meeting_display_name", "ended_at", "extra"]),
        [
            format!("{} three - -", session(3)),
            format!("{} two - {{\"ended_at\":\"null\"}}", session(2)),
            format!("{} - - {{\"n\":1}}", session(1)),
        ]
    );
    assert_eq!(
        output.shown(Table::Participants, &["participant_id", "list_file", "row_number"]),
        [
            format!("{} a.csv 1", id(5)),
            format!("{} a.csv 2", id(3)),
            format!("{} - -", id(2)),
            format!("{} - -", id(1)),
        ]
    );
    assert!(output.rows(Table::Failures).is_empty());
    assert_eq!(output.noted(Notice::UnclearSession), 0);
}

#[test]
fn what_a_record_does_not_tell_is_exported_with_a_warning_and_without_an_id_it_is_a_failure() {
    let nameless = |id: &str, created_at: &str| format!(r#"{{"id":{id},"created_at":"{created_at}"}}"#);
    let replies = vec![
        sessions_page(
            1,
            &[
                record(1, r#""some day""#, ""),
                record(2, r#""2026-11-22T23:59:59.999Z\"""#, ""),
                nameless(r#""room-7""#, "2026-11-22T01:00:00Z"),
                nameless("null", "2026-11-22T01:00:00Z"),
                // Outside whatever it is called.
                nameless("null", "2026-11-23T00:00:00Z"),
                record(3, r#""2026-11-22T00:00:00Z""#, "").replace("ENDED", "PAUSED"),
            ],
            r#","next":"more""#,
        ),
        people(1),
        people(2),
        people(3),
    ];
    let output = make_all("auto", &[], &[], replies, Some(&window()));
    assert_eq!(
        output.shown(Table::Sessions, &["session_id", "created_at", "status", "extra"]),
        [
            format!("{} 2026-11-22T00:00:00.000000Z PAUSED -", session(3)),
            // A stray quote leaves no doubt of the time, but is no time.
            format!(r#"{} - ENDED {{"created_at":"2026-11-22T23:59:59.999Z\""}}"#, session(2)),
            format!(r#"{} - ENDED {{"created_at":"some day"}}"#, session(1)),
        ]
    );
    assert_eq!(output.rows(Table::Participants).len(), 3);
    let failures =
        output.shown(Table::Failures, &["session_id", "list_file", "row_number", "reason", "labels"]);
    assert_eq!(failures, ["room-7 - - bad_response -", "- - - bad_response -"]);
    assert_eq!(
        output.warnings(),
        [
            "value_kept_in_extra sessions created_at 2",
            "unknown_field sessions /data/next 1",
            "new_value sessions status 1",
            "session_perhaps_outside_window sessions  2",
        ]
    );
}

#[test]
fn a_sessions_list_that_ends_before_its_total_is_told() {
    let page = |page_no, ids: std::ops::RangeInclusive<u8>, total| {
        let records: Vec<_> = ids.map(|n| record(n, r#""2026-11-22T01:00:00Z""#, "")).collect();
        sessions_page(page_no, &records, &format!(r#","paging":{{"total_count":{total}}}"#))
    };
    let no_page_0 =
        || failed(RequestKey::Sessions { page_no: 0, size: PageSize::Records(100) }, Reason::NotFound, 404);
    let noted = |pages: Vec<Reply>| {
        let replies = pages.into_iter().chain((1..=3).map(people)).collect();
        let output = make_all("auto", &[], &[], replies, Some(&window()));
        assert!(output.rows(Table::Failures).is_empty());
        (output.rows(Table::Sessions).len(), output.noted(Notice::ShortListing))
    };
    assert_eq!(noted(vec![page(1, 1..=2, 3), page(2, 3..=3, 3)]), (3, 0));
    assert_eq!(noted(vec![page(1, 1..=2, 4), page(2, 3..=3, 4), page(3, 3..=3, 4), no_page_0()]), (3, 1));
    assert_eq!(noted(vec![page(1, 2..=3, 3), page(2, 3..=3, 3), page(0, 1..=2, 3)]), (3, 0));
}

#[test]
fn a_session_whose_pages_failed_is_a_failure_of_no_list() {
    let replies = vec![
        sessions_page(1, &[record(1, r#""2026-11-22T01:00:00Z""#, "")], ""),
        failed(page_key(1, 1), Reason::Refused, 410),
    ];
    let output = make_all("auto", &[], &[], replies, Some(&window()));
    assert_eq!(
        output.shown(Table::Failures, &["session_id", "participant_id", "list_file", "row_number", "reason"]),
        [format!("{} - - - refused", session(1))]
    );
    assert_eq!(output.rows(Table::Sessions).len(), 1);
}

/// Days of New York, where one begins at five.
#[test]
fn where_days_are_asked_for_a_session_without_one_is_left_out_and_what_is_odd_is_told_of_its_day() {
    let day = |text: &str| text.parse().unwrap();
    let zone = "America/New_York".parse().unwrap();
    let days = DayRange { zone, first: Some(day("2026-11-21")), last: day("2026-11-22") };
    let window = Window { since: None, until: None, days: Some(days), ..window() };
    let replies = vec![
        sessions_page(
            1,
            &[
                record(1, r#""some day""#, ""),
                record(2, r#""2026-11-22T04:59:59Z""#, r#","odd":1"#),
                record(3, r#""2026-11-22T05:00:00Z""#, r#","odd":1"#),
                record(4, r#""2026-11-22T06:00:00Z""#, r#","odd":1"#),
                record(5, r#""2026-11-23T05:00:00Z""#, ""),
                record(6, r#""2026-11-21T04:59:59Z""#, ""),
                r#"{"id":"room-7","created_at":"2026-11-22T01:00:00Z"}"#.to_owned(),
            ],
            "",
        ),
        people(2),
        people(3),
        people(4),
    ];
    let output = make_all("auto", &[], &[], replies, Some(&window));
    let expected = [session(2), session(3), session(4)].map(|session| session.to_string());
    assert_eq!(output.shown(Table::Sessions, &["session_id"]), expected);
    // A day's rows are batches of their own.
    let batches = output.batches.iter().filter(|(table, _)| *table == Table::Sessions);
    assert!(batches.map(|(_, batch)| batch.num_rows()).eq([1, 2]));
    let told = |day: Option<&str>| {
        let warnings = &output.made.warnings_by_day[&day.map(|day| day.parse().unwrap())];
        let shown = |(notice, _, field, noted): (Notice, _, &str, &Noted)| {
            format!("{} {field} {} {}", notice.code(), noted.count, noted.example)
        };
        warnings.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(told(None), [format!("undated created_at 1 {}", session(1))]);
    assert_eq!(told(Some("2026-11-21")), ["unknown_field odd 1 1"]);
    assert_eq!(told(Some("2026-11-22")), ["unknown_field odd 2 1"]);
    assert_eq!(output.warnings(), ["unknown_field sessions odd 3", "undated sessions created_at 1"]);
    assert_eq!(output.shown(Table::Failures, &["session_id", "reason"]), ["room-7 bad_response"]);
}

#[test]
fn without_a_window_pages_of_sessions_mean_nothing() {
    let replies = vec![sessions_page(1, &[record(1, r#""2026-11-22T01:00:00Z""#, "")], ""), people(1)];
    let output = make(&[], replies);
    assert!(output.rows(Table::Sessions).is_empty() && output.rows(Table::Participants).is_empty());
}
