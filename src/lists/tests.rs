//! Lists as users have them: each sentence of the contract's "ID lists", a test.

use std::io::{Cursor, Write};

use super::*;

pub(super) const S1: &str = "11111111-1111-4111-8111-111111111111";
pub(super) const S2: &str = "22222222-2222-4222-8222-222222222222";
pub(super) const P1: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
pub(super) const P2: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

/// Reads a list from memory.
pub(super) fn read(bytes: impl Into<Vec<u8>>) -> Result<Vec<ListRow>> {
    ListSource::new("list").read(0, Box::new(Cursor::new(bytes.into())))?.collect()
}

/// A row on one line: `4: 1/a customer=Acme`, ids by their first digit.
fn brief(row: &ListRow) -> String {
    let digit = |id: String| id.chars().next().unwrap_or_default();
    let asked = match &row.asked {
        Ok(Asked::Everyone(session)) => format!("{}", digit(session.to_string())),
        Ok(Asked::Participant(session, participant)) => {
            format!("{}/{}", digit(session.to_string()), digit(participant.to_string()))
        }
        Ok(Asked::User(session, user)) => format!("{}/user {user}", digit(session.to_string())),
        Ok(Asked::Custom(session, custom)) => format!("{}/custom {custom}", digit(session.to_string())),
        Err(why) => why.to_string(),
    };
    let mut brief = format!("{}: {asked}", row.row_number);
    for (name, value) in &row.labels {
        brief.extend([" ", name.as_ref(), "=", value]);
    }
    brief
}

/// What a list gives, `S1` and the like standing for the ids.
fn rows(list: impl Into<Vec<u8>>) -> Vec<String> {
    read(list).expect("a list").iter().map(brief).collect()
}

fn ids(template: &str) -> String {
    template.replace("S1", S1).replace("S2", S2).replace("P1", P1).replace("P2", P2)
}

#[track_caller]
fn check(template: &str, expected: &[&str]) {
    assert_eq!(rows(ids(template)), expected, "{:?}", template.get(..300).unwrap_or(template));
}

#[test]
fn header_names_are_matched_whatever_their_case_and_punctuation() {
    for (session, participant) in [
        ("session_id", "participant_id"),
        ("Session ID", "Participant ID"),
        ("sessionId", "participantId"),
        ("SESSION-ID", "PARTICIPANT-ID"),
        ("session", "participant"),
        ("meeting.sessionId", "participant.peerId"),
        (" \"session_id\"", " peer_id "),
    ] {
        check(&format!("{participant},{session}\nP1,S1\n"), &["2: 1/a"]);
        check(&format!("{session}\nS1\n"), &["2: 1"]);
    }
}

#[test]
fn the_best_name_is_the_id_and_the_others_are_labels() {
    check("session,session_id\nstand-up,S1", &["2: 1 session=stand-up"]);
    check(
        "session_id,session_id,x,x,,\nS1,S2,1,2,3,4",
        &[&ids("2: 1 session_id (2)=S2 x=1 x (2)=2 column_5=3 column_6=4")],
    );
}

#[test]
fn a_participant_is_asked_for_by_the_first_id_that_is_not_blank() {
    check(
        "session_id,participant_id,user_id,Custom Participant ID\nS1,P1,u,c\nS1, ,\tu,c\nS1,,,c \nS1,,,\n",
        &["2: 1/a", "3: 1/user u", "4: 1/custom c", "5: 1"],
    );
    check("session_id,userId\nS1,ada@example.com\n", &["2: 1/user ada@example.com"]);
}

#[test]
fn without_a_header_the_first_uuids_are_the_session_and_the_second_the_participant() {
    check("S1\nS2\n", &["1: 1", "2: 2"]);
    check("S1,P1\nS2,P2", &["1: 1/a", "2: 2/b"]);
    check("Acme;S1;7;P1;P2\n", &[&ids("1: 1/a column_1=Acme column_3=7 column_5=P2")]);
    check("S1,\nS2,P2", &["1: 1", "2: 2/b"]);
    check("not-1\nS1\nS2", &["1: session id \"not-1\" is not a UUID", "2: 1", "3: 2"]);
}

#[test]
fn any_of_four_delimiters_is_found() {
    for delimiter in [",", ";", "\t", "|"] {
        let list = "session_id,participant_id,note\nS1,P1,\"a,;\t|b\"\nS2,,x\n".replace(',', delimiter);
        let note = "a,;\t|b".replace(',', delimiter);
        check(&list, &[&format!("2: 1/a note={note}"), "3: 2 note=x"]);
        check(&"S1,P1\nS2,P2\n".replace(',', delimiter), &["1: 1/a", "2: 2/b"]);
    }
}

#[test]
fn row_numbers_are_those_of_a_spreadsheet() {
    check(
        "\n\nsession_id,note\n\nS1,\"two\nlines\"\r\n\r\n,\nS2,\n",
        &["5: 1 note=two\nlines", "8: 2 note="],
    );
    check("session_id\rS1\r\rS2\r", &["2: 1", "4: 2"]);
    check("S1\r\n\r\nS2\r\n", &["1: 1", "3: 2"]);
    check("\n{\"session_id\":\"S1\"}\n  \n{\"session_id\":\"S2\"}", &["2: 1", "4: 2"]);
}

#[test]
fn an_id_is_accepted_as_people_write_it_and_kept_as_given() {
    let braced = format!(" {{{}}} ", S1.to_uppercase());
    let all = read(format!("session_id,participant_id\n{braced},nobody\n")).expect("a list");
    assert_eq!(all[0].session_text, braced);
    assert_eq!(all[0].participant_text.as_deref(), Some("nobody"));
    assert_eq!(all[0].asked, Err(InvalidRow::Participant("nobody".to_owned())));
    check(&format!("session_id\n{braced}"), &["2: 1"]);
}

#[test]
fn a_row_that_names_nobody_is_invalid_and_the_rest_goes_on() {
    check(
        "session_id,participant_id,note\nx,P1,n\n,P1,n\nS1,P1\nS1,y,n\nS1,P1,n,extra,\n",
        &[
            "2: session id \"x\" is not a UUID note=n",
            "3: the session id is missing note=n",
            "4: the row has 2 of 3 fields",
            "5: participant id \"y\" is not a UUID note=n",
            "6: 1/a note=n column_4=extra",
        ],
    );
}

#[test]
fn a_damaged_row_costs_itself_only() {
    check(
        "session_id,note\nS1,\"open\nS2,fine\nS1,\"quoted, too\"\n",
        &["2: a quote is opened in this row and never closed", "3: 2 note=fine", "4: 1 note=quoted, too"],
    );
    let mut latin = ids("session_id,name\nS1,").into_bytes();
    latin.extend(b"M\xfcller\n");
    latin.extend(ids("S2,Ada\n").into_bytes());
    assert_eq!(rows(latin), ["2: the row is not UTF-8 text name=M\u{fffd}ller", "3: 2 name=Ada"]);
    check(
        "{\"session_id\":\"S1\"}\n{\"session_id\":\n[1]\n{\"session_id\":\"S2\"}\n",
        &[
            "1: 1",
            "2: the line is not a JSON object: an error at column 14",
            "3: the line is JSON, but not an object",
            "4: 2",
        ],
    );
}

#[test]
fn a_record_is_held_to_a_bound() {
    let long = "x".repeat(MAX_RECORD_BYTES);
    let too_long = format!("3: the row is longer than {MAX_RECORD_BYTES} bytes");
    check(&format!("session_id,a\nS1,1\nS1,{long}\nS2,2\n"), &["2: 1 a=1", &too_long, "4: 2 a=2"]);
    check(&format!("session_id,a\nS1,1\nS1,\"{long}\nS2,2\n"), &["2: 1 a=1", &too_long, "4: 2 a=2"]);
    check(
        &format!("session_id,a\n\nS1,\"open\nS2,2\nS1,{long}\n"),
        &["3: a quote is opened in this row and never closed", "4: 2 a=2", &too_long.replace("3:", "5:")],
    );
    let json = "{\"session_id\":\"S1\"}\n".repeat(2);
    check(&format!("{json}{{\"a\":\"{long}\"}}\n{json}"), &["1: 1", "2: 1", &too_long, "4: 1", "5: 1"]);
}

#[test]
fn json_fields_are_columns() {
    check(
        concat!(
            r#"{"note":"a\"b","Session ID":"S1","tags":[1, {"x":2.50}],"n":1e400,"gone":null,"t":true}"#,
            "\n",
            r#"{"sessionId":"S2","participant":"P1","x":"\ud800","x":"2"}"#,
            "\n",
            r#"{"participant_id":"P1"}"#,
        ),
        &[
            "1: 1 note=a\"b tags=[1, {\"x\":2.50}] n=1e400 t=true",
            r#"2: 2/a x="\ud800" x (2)=2"#,
            "3: the session id is missing",
        ],
    );
}

const FAILURES: &str = "session_id,participant_id,list_file,row_number,reason,http_status,api_code,message,\
                        attempts,cf_ray,failed_at,labels\n";

#[test]
fn our_own_failures_are_a_list() {
    let list = format!(
        "{FAILURES}S1,P1,l.csv,7,not_found,404,,gone,1,,2026-11-22T10:51:28.102000Z,\"{{\"\"customer\"\":\"\"Acme\"\"}}\"\n\
         S1,,l.csv,8,refused,400,,no,1,,2026-11-22T10:51:28.102000Z,\"{{\"\"user_id\"\":\"\"u\"\",\"\"n\"\":1}}\"\n\
         S2,,l.csv,9,refused,400,,no,1,,2026-11-22T10:51:28.102000Z,\n"
    );
    check(&list, &["2: 1/a customer=Acme", "3: 1/user u n=1", "4: 2"]);
}

#[test]
fn encodings_are_found() {
    let list = ids("session_id,name\nS1,Zoë 日本\n");
    let expected = ["2: 1 name=Zoë 日本"];
    let utf16 = |unit: fn(u16) -> [u8; 2]| list.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    for (name, bytes) in [
        ("UTF-8", list.clone().into_bytes()),
        ("UTF-8 marked", marked(b"\xef\xbb\xbf", list.as_bytes())),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
        ("UTF-16LE marked", marked(b"\xff\xfe", &utf16(u16::to_le_bytes))),
        ("UTF-16BE marked", marked(b"\xfe\xff", &utf16(u16::to_be_bytes))),
    ] {
        assert_eq!(rows(bytes), expected, "{name}");
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).expect("in memory")
}

#[test]
fn packed_lists_may_have_several_members() {
    for pack in [gzip, zstd] {
        let list = [pack(b"session_id\n"), pack(S1.as_bytes()), pack(b"\n"), pack(S2.as_bytes())].concat();
        assert_eq!(rows(list), ["2: 1", "3: 2"]);
        let whole = pack(ids("session_id\nS1\n").as_bytes());
        let error = read(&whole[..whole.len() - 4]).expect_err("cut short");
        assert_eq!(error.to_string(), "cannot read list");
        assert_eq!(error.hint().as_deref(), Some("the file seems damaged or cut short; make it again"));
    }
}

#[test]
fn a_header_alone_is_a_list_without_rows() {
    for list in ["session_id", "session_id,participant_id\r\n", "session_id\n\n\n"] {
        check(list, &[]);
    }
}

#[test]
fn what_is_no_list_is_refused_by_name() {
    for (bytes, message) in [
        (&b""[..], "list is empty: expected a header with a session_id column, or a session ID a line"),
        (b" \n\r\n\t\n", "list is empty: expected a header with a session_id column, or a session ID a line"),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "list is binary data: expected CSV, TSV, JSON lines, Parquet or an ID a line",
        ),
        (
            b"PK\x03\x04....",
            "list is a ZIP archive or an Excel workbook: expected CSV, TSV, JSON lines, Parquet or an ID a line",
        ),
        (b"[{}]", "list is one JSON array: expected CSV, TSV, JSON lines, Parquet or an ID a line"),
        (
            b"name;Customer \nAda;Acme\n",
            "list has no column of session IDs: found \"name\", \"Customer\", expected session_id",
        ),
        (
            b"participant_id\naaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa\n",
            "list has no column of session IDs: found \"participant_id\", expected session_id",
        ),
        (
            b"{\"participant\":\"x\"}\n",
            "list has no column of session IDs: found \"participant\", expected session_id",
        ),
        (b"{}\n", "list has no column of session IDs: found no columns, expected session_id"),
        (b"PAR1", "cannot read list"),
    ] {
        let error = read(bytes).expect_err(message);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.class().exit_code(), 2, "{message}");
        assert!(error.hint().is_some(), "{message}");
    }
}

#[test]
fn a_file_is_named_as_typed_and_digested_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let bytes = gzip(ids("session_id\nS1\n").as_bytes());
    std::fs::write(path("a.txt"), &bytes).expect("written");

    let mut reader = ListSource::new(path("a.txt")).open(3).expect("a list");
    assert_eq!(reader.digest(), None);
    assert_eq!(reader.by_ref().map(|row| row.expect("a row").file).collect::<Vec<_>>(), [3]);
    let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&bytes).into();
    assert_eq!(reader.digest(), Some(expected));

    for (name, hint) in [
        (path("none.csv"), "check the path; - reads the list from standard input"),
        (path(""), "name the files in it: DIR/*.csv"),
    ] {
        let error = ListSource::new(name.clone()).open(0).map(|_| ()).expect_err("no file");
        assert_eq!(error.to_string(), format!("cannot read {name}"));
        assert_eq!((error.class().exit_code(), error.hint().as_deref()), (2, Some(hint)));
    }
    assert_eq!(ListSource::new("-").to_string(), "standard input");
}

#[test]
fn a_reader_can_move_to_a_blocking_thread() {
    fn is_send<T: Send>() {}
    is_send::<ListReader>();
}
