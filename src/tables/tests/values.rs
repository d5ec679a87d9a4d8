//! Single values: what a column takes, what goes to `extra`, what is told.

use super::*;

/// The participant row and event rows of one details reply.
fn one(record: &str) -> (Row, Vec<Row>, Output) {
    let output = make(&[pair(2, 1, 1)], vec![details(1, 1, record)]);
    let rows = output.rows(Table::Participants);
    let [row] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    (row.clone(), output.rows(Table::PeerEvents), output)
}

/// Reads one field of a record: column, `extra`.
fn field(name: &str, value: &str, column: &str) -> (Option<String>, Option<String>) {
    let (row, ..) = one(&format!(r#"{{"id":"{}","{name}":{value}}}"#, id(1)));
    (row.get(column).map(str::to_owned), row.get("extra").map(str::to_owned))
}

#[test]
fn every_field_has_its_column() {
    let record = format!(
        r#"{{"id":"{}","user_id":"u","custom_participant_id":"c","display_name":"Ada \"é\\","preset_name":"p",
        "joined_at":"2026-11-22T10:51:28.102Z","left_at":"2026-11-22T11:00:00Z","duration":8.5,
        "created_at":"2026-11-22T10:51:28Z","updated_at":"2026-11-22T12:00:00Z","peer_events":[{{
        "id":"e","event_name":"PEER_LEAVING","minutes_consumed":1.1090000000,"peer_id":"pe",
        "preset_view_type":"GROUP_CALL","socket_session_id":"so","session_id":"se","participant_id":"pa",
        "created_at":"2026-11-22T10:51:29Z","updated_at":"2026-11-22T10:51:30Z"}}]}}"#,
        id(1).to_uppercase()
    );
    let (row, events, output) = one(&record.replace("\n        ", " "));
    let Row(cells) = row;
    let cells: Vec<_> = cells.into_iter().map(|(_, cell)| cell.unwrap_or_else(|| "-".into())).collect();
    let session = session(1).to_string();
    assert_eq!(
        cells,
        [
            &*session,
            &id(1),
            "u",
            "c",
            "Ada \"é\\",
            "p",
            "2026-11-22T10:51:28.102000Z",
            "2026-11-22T11:00:00.000000Z",
            "8.500000000",
            "1.109000000",
            "1",
            "2026-11-22T10:51:28.000000Z",
            "2026-11-22T12:00:00.000000Z",
            "-",
            "a.csv",
            "2",
            "2026-11-23T01:02:03.004000Z"
        ]
    );
    let cells: Vec<_> = events[0].0.iter().map(|(_, cell)| cell.as_deref().unwrap_or("-")).collect();
    assert_eq!(
        cells,
        [
            &*session,
            &id(1),
            "0",
            "e",
            "PEER_LEAVING",
            "1.109000000",
            "pe",
            "GROUP_CALL",
            "so",
            "se",
            "pa",
            "2026-11-22T10:51:29.000000Z",
            "2026-11-22T10:51:30.000000Z",
            "-",
            "2026-11-23T01:02:03.004000Z"
        ]
    );
    assert_eq!(output.warnings(), Vec::<String>::new());
    assert_eq!(output.made.totals.minutes_consumed, Some(1_109_000_000));
}

#[test]
fn times_are_any_rfc_3339_text_cut_to_microseconds() {
    for (text, micros) in [
        ("2023-02-01T10:50:36.846Z", "2023-02-01T10:50:36.846000Z"),
        ("2023-02-01t10:50:36z", "2023-02-01T10:50:36.000000Z"),
        ("2023-02-01T10:50:36.123456789012Z", "2023-02-01T10:50:36.123456Z"),
        ("2023-02-01T10:50:36.9999999Z", "2023-02-01T10:50:36.999999Z"),
        ("2023-02-01T00:30:00.5+05:30", "2023-01-31T19:00:00.500000Z"),
        ("2023-02-01T23:59:59-00:00", "2023-02-01T23:59:59.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00.25Z", "0001-01-01T00:00:00.250000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(
            field("left_at", &format!("\"{text}\""), "left_at"),
            (Some(micros.into()), None),
            "{text}"
        );
    }
    for value in [
        r#""2023-02-01T10:50:36.846Z\"""#,
        r#""null""#,
        r#""""#,
        "1675248636846",
        r#""2023-02-30T00:00:00Z""#,
        r#""2023-02-01T10:50:36""#,
        r#""2023-02-01""#,
        r#"{"t":"2023-02-01T10:50:36Z"}"#,
        "true",
    ] {
        assert_eq!(
            field("left_at", value, "left_at"),
            (None, Some(format!(r#"{{"left_at":{value}}}"#))),
            "{value}"
        );
    }
    assert_eq!(field("left_at", "null", "left_at"), (None, None));
}

#[test]
fn minutes_keep_their_own_digits() {
    for (value, minutes) in [
        ("1.1090000000", "1.109000000"),
        ("116.11599994199997", "116.115999942"),
        ("2.5e-3", "0.002500000"),
        ("-0", "0.000000000"),
        ("-5.8097", "-5.809700000"),
        ("0.1234567890123456789012345678901234567890", "0.123456789"),
        ("\"41.27\"", "41.270000000"),
        ("999999999.999999999", "999999999.999999999"),
    ] {
        assert_eq!(field("duration", value, "duration_minutes"), (Some(minutes.into()), None), "{value}");
    }
    for value in ["1e400", "1000000000", "\"1,5\"", "\"\"", "true", "[1]", "\" 1\"", "\"NaN\""] {
        let extra = Some(format!(r#"{{"duration":{value}}}"#));
        assert_eq!(field("duration", value, "duration_minutes"), (None, extra), "{value}");
    }
    let (.., output) = one(r#"{"duration":"116.11599994199997"}"#);
    let told = ["number_as_string participants duration 1", "digits_rounded participants duration 1"];
    assert_eq!(output.warnings(), told);
}

#[test]
fn role_stands_in_for_preset_name() {
    for (fields, preset, extra) in [
        (r#""role":"host""#, Some("host"), None),
        (r#""preset_name":null,"role":"host""#, Some("host"), None),
        (r#""preset_name":"host","role":"host""#, Some("host"), None),
        (r#""preset_name":"host","role":null"#, Some("host"), None),
        (r#""role":"guest","preset_name":"host""#, Some("host"), Some(r#"{"role":"guest"}"#)),
        (r#""preset_name":7,"role":"host""#, Some("host"), Some(r#"{"preset_name":7}"#)),
        (r#""preset_name":7,"role":8"#, None, Some(r#"{"preset_name":7,"role":8}"#)),
    ] {
        let (row, ..) = one(&format!("{{{fields}}}"));
        assert_eq!((row.get("preset_name"), row.get("extra")), (preset, extra), "{fields}");
    }
}

#[test]
fn the_record_is_found_with_and_without_its_wrapper_and_nothing_around_it_is_lost() {
    let wrapped = found(
        details_key(1, 1),
        r#"{"success":true,"messages":["old"],"request_id":"r","data":{"participant":{"display_name":"A","x":1},"y":[2]},"data2":{}}"#,
    );
    let output = make(&[pair(2, 1, 1)], vec![wrapped]);
    let shown = output.shown(Table::Participants, &["participant_id", "display_name", "extra"]);
    let extra = r#"{"x":1,"/messages":["old"],"/request_id":"r","/data2":{},"/data/y":[2]}"#;
    assert_eq!(shown, [format!("{} A {extra}", id(1))]);
    assert_eq!(output.noted(Notice::UnknownField), 5);

    let bare =
        found(details_key(1, 1), format!(r#"{{"data":{{"id":"{}","display_name":"A","x":1}}}}"#, id(1)));
    let output = make(&[pair(2, 1, 1)], vec![bare]);
    assert_eq!(output.shown(Table::Participants, &["display_name", "extra"]), [r#"A {"x":1}"#]);
}

#[test]
fn what_a_page_carries_beside_its_records_is_told_once() {
    let body = |n| {
        let record = format!(r#"{{"id":"{}"}}"#, id(n));
        format!(r#"{{"success":true,"v":1,"data":{{"participants":[{record}],"z":2,"z":3}}}}"#)
    };
    let pages = vec![found(page_key(1, 1), body(1)), found(page_key(1, 2), body(2))];
    let output = make(&[everyone(2, 1), pair(3, 1, 2)], pages);
    assert_eq!(output.shown(Table::Participants, &["participant_id", "extra"]), [id(1) + " -", id(2) + " -"]);
    let told = [
        "unknown_field participants /data/z 2",
        "unknown_field participants /v 2",
        "duplicate_key participants /data/z 2",
    ];
    assert_eq!(output.warnings(), told);
}

#[test]
fn peer_events_that_are_no_list_and_events_that_are_no_objects_are_kept() {
    let (row, events, _) = one(r#"{"peer_events":{"0":1}}"#);
    assert_eq!(
        row.show(&["peer_event_count", "minutes_consumed", "extra"]),
        r#"- - {"peer_events":{"0":1}}"#
    );
    assert!(events.is_empty());

    let (row, events, output) = one(r#"{"peer_events":[null,{"minutes_consumed":2},[3],"x",{}]}"#);
    assert_eq!(row.show(&["peer_event_count", "minutes_consumed", "extra"]), "5 2.000000000 -");
    let shown: Vec<_> =
        events.iter().map(|row| row.show(&["event_index", "minutes_consumed", "extra"])).collect();
    assert_eq!(
        shown,
        [
            r#"0 - {"peer_events":null}"#,
            "1 2.000000000 -",
            r#"2 - {"peer_events":[3]}"#,
            r#"3 - {"peer_events":"x"}"#,
            "4 - -"
        ]
    );
    assert_eq!(output.warnings(), ["value_kept_in_extra peer_events peer_events 3"]);

    for (list, count) in [("null", None), ("[]", Some("0"))] {
        let (row, ..) = one(&format!(r#"{{"peer_events":{list}}}"#));
        assert_eq!((row.get("peer_event_count"), row.get("minutes_consumed")), (count, None), "{list}");
    }
}

#[test]
fn duplicate_keys_are_told_by_name_and_the_last_rules() {
    let (row, _, output) =
        one(r#"{"display_name":"A","new":1,"display\u005fname":"B","new":2,"new":3,"\ud800":4,"\ud800":5}"#);
    assert_eq!(row.show(&["display_name", "extra"]), r#"B {"new":3,"\ud800":5}"#);
    let told = [
        "unknown_field participants \"\\ud800\" 1",
        "unknown_field participants new 1",
        "duplicate_key participants \"\\ud800\" 1",
        "duplicate_key participants display_name 1",
        "duplicate_key participants new 2",
    ];
    assert_eq!(output.warnings(), told);
}

#[test]
fn a_blank_id_is_none() {
    let (row, ..) = one(r#"{"id":" ","display_name":"A"}"#);
    assert_eq!(row.show(&["participant_id", "extra"]), format!(r#"{} {{"id":" "}}"#, id(1)));
}

#[test]
fn a_session_is_known_by_the_id_that_was_asked_for() {
    let key = RequestKey::Session { session: session(1) };
    let record = |id: &str| {
        format!(
            r#"{{"id":"{id}","associated_id":"abcdef-ghijkl","live_participants":"3","max_concurrent_participants":4.0,"ended_at":"null","minutes_consumed":2.3434}}"#
        )
    };
    let columns = [
        "session_id",
        "meeting_id",
        "live_participants",
        "max_concurrent_participants",
        "minutes_consumed",
        "extra",
    ];
    let values = format!("{} abcdef-ghijkl 3 4 2.343400000", session(1));
    for (body, extra) in [
        (format!(r#"{{"data":{}}}"#, record(&session(1).to_string())), r#"{"ended_at":"null"}"#),
        (
            format!(r#"{{"data":{{"session":{}}}}}"#, record(&format!("{{{}}}", session(1)))),
            r#"{"ended_at":"null"}"#,
        ),
        (format!(r#"{{"data":{}}}"#, record("other")), r#"{"id":"other","ended_at":"null"}"#),
    ] {
        let output = make(&[pair(2, 1, 1)], vec![found(key, body), details(1, 1, "{}")]);
        assert_eq!(output.shown(Table::Sessions, &columns), [format!("{values} {extra}")]);
    }
}

#[test]
fn new_words_are_data_and_told() {
    let (_, events, output) =
        one(r#"{"peer_events":[{"event_name":"PEER_TELEPORTED","preset_view_type":"HOLOGRAM"},
        {"event_name":"peer_joining","preset_view_type":"CHAT"},{"event_name":"PEER_LEAVING"}]}"#);
    let shown: Vec<_> =
        events.iter().map(|row| row.show(&["event_name", "preset_view_type", "extra"])).collect();
    assert_eq!(shown, ["PEER_TELEPORTED HOLOGRAM -", "peer_joining CHAT -", "PEER_LEAVING - -"]);
    let told = ["new_value peer_events event_name 2", "new_value peer_events preset_view_type 1"];
    assert_eq!(output.warnings(), told);

    let key = RequestKey::Session { session: session(1) };
    let body = format!(r#"{{"data":{{"id":"{}","type":"seance","status":"PAUSED"}}}}"#, session(1));
    let output = make(&[pair(2, 1, 1)], vec![found(key, body), details(1, 1, "{}")]);
    assert_eq!(output.shown(Table::Sessions, &["type", "status", "extra"]), ["seance PAUSED -"]);
    assert_eq!(output.warnings(), ["new_value sessions status 1", "new_value sessions type 1"]);
    let examples: Vec<_> = output.made.warnings.iter().map(|(.., noted)| noted.example.as_str()).collect();
    assert_eq!(examples, ["PAUSED", "seance"]);
}

#[test]
fn a_null_is_told_where_the_documents_know_none() {
    let (row, _, output) = one(
        r#"{"duration":null,"left_at":null,"role":null,"peer_events":[{"event_name":null,"session_id":null,
        "participant_id":null,"socket_session_id":null,"preset_view_type":null}],"later":null}"#,
    );
    assert_eq!(row.show(&["duration_minutes", "left_at", "extra"]), r#"- - {"later":null}"#);
    let told = [
        "unknown_field participants later 1",
        "unexpected_null participants duration 1",
        "unexpected_null peer_events event_name 1",
    ];
    assert_eq!(output.warnings(), told);

    let key = RequestKey::Session { session: session(1) };
    let body = format!(r#"{{"data":{{"id":"{}","started_at":null,"ended_at":null}}}}"#, session(1));
    let output = make(&[pair(2, 1, 1)], vec![found(key, body), details(1, 1, "{}")]);
    assert_eq!(output.warnings(), ["unexpected_null sessions started_at 1"]);
}
