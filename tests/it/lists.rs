//! ID lists as people have them: what is taken, what is said of those that are none.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Export, Place, Server, manifest};

#[test]
fn a_list_that_is_none_is_named_with_what_was_found() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("empty.csv", "");
    place.write("blank.csv", "\n \n");
    place.write("no-ids.csv", "customer,cost_centre\nBlue Heron,CC-1\n");
    place.write("binary.csv", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0>\0");
    place.write("sheet.xlsx", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0");
    place.write("report.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
    place.write("cut.csv.gz", &gzip(b"session_id\n")[..8]);
    place.write("bad-ids.csv", "session_id,participant_id\nS-1,P-1\nS-2,P-2\nS-3,P-3\nS-4,P-4\n");
    let mut said = String::new();
    for list in [
        "missing.csv",
        "empty.csv",
        "blank.csv",
        "no-ids.csv",
        "binary.csv",
        "sheet.xlsx",
        "report.pdf",
        "cut.csv.gz",
        ".",
        "bad-ids.csv",
    ] {
        let output = place.rtk(&format!("run {list} -o export")).against(&server).ends(2);
        assert!(output.stderr.contains(list), "{output}");
        writeln!(said, "$ run {list}\n{}", output.stderr).unwrap();
    }
    insta::with_settings!({ filters => [(r"(?m)^(  \S.*|settings)\n", "")] }, {
        insta::assert_snapshot!(said);
    });
    assert_eq!(server.requests(), 0, "nothing is sent for a list that is none");
    assert!(!place.path("export/manifest.json").exists());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

#[test]
fn one_list_in_any_form_gives_the_same_rows() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let pairs: Vec<_> = server.world().pairs().take(3).map(|(s, p)| (s.to_string(), p.to_string())).collect();
    let with = |separator: &str, header: &str, end: &str| {
        let rows = pairs.iter().map(|(s, p)| format!("{s}{separator}{p}{end}"));
        format!("{header}{}", rows.collect::<String>())
    };
    let utf16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let csv = with(",", "session_id,participant_id\n", "\n");
    let json = pairs.iter().map(|(s, p)| format!("{{\"sessionId\":\"{s}\",\"participantId\":\"{p}\"}}\n"));
    let shouted = with(";", "Session ID;Participant ID\r\n", "\r\n").to_uppercase();
    let forms: [(&str, Vec<u8>); 9] = [
        ("plain.csv", csv.clone().into()),
        ("semicolon.csv", format!("\u{feff}{shouted}").into()),
        ("tabs.tsv", with("\t", "sessionId\tparticipantId\n", "\n").into()),
        ("pipes.txt", with("|", "SESSION-ID|PARTICIPANT-ID\n", "\n").into()),
        ("headerless.csv", with(",", "", "\n").into()),
        ("utf16.csv", utf16(&csv)),
        ("lines.jsonl", json.collect::<String>().into()),
        ("packed.csv.gz", gzip(csv.as_bytes())),
        ("packed.csv.zst", zstd::encode_all(csv.as_bytes(), 1).unwrap()),
    ];
    let expected: Vec<_> = pairs.iter().map(|(s, p)| [s.as_str(), p.as_str()]).collect();
    for (name, bytes) in forms {
        place.write(name, bytes);
        let output = format!("out-{name}");
        place.rtk(&format!("run {name} -o {output} --format csv")).against(&server).ends(0);
        let export = Export::read(&place.path(&output));
        assert_eq!(export.values("participants", ["session_id", "participant_id"]), expected, "{name}");
        let files = export.values("participants", ["list_file"]);
        assert!(files.iter().all(|file| *file == [name]), "{files:?}");
    }
    // Standard input, and a plain text of sessions.
    let run = place.rtk("run - -o out-stdin --format csv").against(&server).stdin(csv);
    run.ends(0);
    let export = Export::read(&place.path("out-stdin"));
    assert_eq!(export.values("participants", ["session_id", "participant_id"]), expected);
    place.write("ids.txt", format!("{}\n", pairs[0].0));
    place.rtk("run ids.txt -o out-text --format csv").against(&server).ends(0);
    let export = Export::read(&place.path("out-text"));
    assert_eq!(export.values("id_list", ["status"]), [["expanded"]]);
}

#[test]
fn rows_that_are_no_ids_fail_with_file_and_row_and_the_rest_goes_on() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let (session, participant) = server.world().pairs().next().unwrap();
    let list = format!(
        "session_id,participant_id,customer\n\
         {session},{participant},first\n\
         \n\
         not-a-uuid,{participant},second\n\
         {session},42,third\n\
         {session}\n\
         ,{participant},fifth\n"
    );
    place.write("list.csv", list);
    place.rtk("run list.csv -o out --format csv").against(&server).ends(3).says(&["4 failures"]);
    let export = Export::read(&place.path("out"));
    assert_eq!(export.rows("participants").len(), 1);
    let failures =
        export.values("failures", ["list_file", "row_number", "reason", "session_id", "participant_id"]);
    let (session, participant) = (session.to_string(), participant.to_string());
    let expected = [
        ["list.csv", "4", "invalid_id", "not-a-uuid", participant.as_str()],
        ["list.csv", "5", "invalid_id", session.as_str(), "42"],
        ["list.csv", "6", "invalid_id", session.as_str(), ""],
        ["list.csv", "7", "invalid_id", "", participant.as_str()],
    ];
    assert_eq!(failures, expected);
    let statuses = export.values("id_list", ["row_number", "status"]);
    let expected =
        [["2", "exported"], ["4", "invalid"], ["5", "invalid"], ["6", "invalid"], ["7", "invalid"]];
    assert_eq!(statuses, expected);
    assert_eq!(export.values("failures", ["labels"])[0], [r#"{"customer":"second"}"#]);
}

#[test]
fn an_unknown_id_is_not_found_and_asked_for_once() {
    let (place, server) = (Place::new(), Server::start(|options| options.record_requests = true));
    let (session, _) = server.world().pairs().next().unwrap();
    let unknown = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e";
    place.write(
        "list.csv",
        format!("session_id,participant_id\n{session},{unknown}\n{unknown},{unknown}\n{unknown},\n"),
    );
    place.rtk("run list.csv -o out --format csv").against(&server).ends(3).says(&["3 failures"]);
    let export = Export::read(&place.path("out"));
    assert!(export.rows("participants").is_empty());
    let failures = export.values("failures", ["row_number", "reason", "http_status"]);
    assert_eq!(failures, [["2", "not_found", "404"], ["3", "not_found", "404"], ["4", "not_found", "404"]]);
    let mut paths = server.paths();
    let all = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), all, "something was asked for twice");
}

#[test]
fn duplicates_are_fetched_once_and_belong_to_their_first_row() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let (session, participant) = server.world().pairs().next().unwrap();
    let shouted = format!("{{{}}}", participant.to_string().to_uppercase());
    let list = format!(
        "session_id,participant_id,customer\n{session},{participant},a\n{session},{shouted},b\n{session},{participant},a\n"
    );
    place.write("list.csv", list);
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let warnings = manifest(&place.path("out"))["warnings"].to_string();
    assert!(warnings.contains("duplicate_row_with_other_labels"), "{warnings}");
    let export = Export::read(&place.path("out"));
    assert_eq!(export.values("participants", ["row_number"]), [["2"]]);
    assert_eq!(export.values("id_list", ["status"]), [["exported"], ["duplicate"], ["duplicate"]]);
    assert_eq!(export.values("labels", ["row_number", "value"]), [["2", "a"], ["3", "b"], ["4", "a"]]);
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_session_row_gives_everyone_in_the_apis_order() {
    let (place, server) = (Place::new(), Server::start(|options| options.page_size_limit = 7));
    let world = server.world();
    let sessions: Vec<_> = world.sessions().take(4).collect();
    let expected: Vec<[String; 2]> = sessions
        .iter()
        .flat_map(|session| {
            world
                .participants(session.index)
                .map(|participant| [session.id.to_string(), participant.to_string()])
        })
        .collect();
    place.write("list.csv", server.sessions(4));
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    assert_eq!(export.values("participants", ["session_id", "participant_id"]), expected);
    assert_eq!(export.values("id_list", ["status"]), [["expanded"]; 4]);
}

#[test]
fn a_participant_is_found_by_its_user_or_custom_id_too() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("all.csv", server.sessions(1));
    place.rtk("run all.csv -o all --format csv").against(&server).ends(0);
    let all = Export::read(&place.path("all"));
    let people =
        all.values("participants", ["session_id", "participant_id", "user_id", "custom_participant_id"]);
    let [session, _, user, _] = people[0];
    // Every participant of that user: a second device is another participant.
    let of = |matches: &dyn Fn(&[&str; 4]) -> bool| -> Vec<_> {
        people.iter().filter(|person| matches(person)).map(|person| [person[1]]).collect()
    };
    let custom = people[0][3];
    let cases = [
        (
            "enrolment.csv",
            format!("session_id,participant_id\n{session},{user}\n"),
            of(&|p| p[2] == user),
            "user_id",
        ),
        ("user.csv", format!("session_id,user_id\n{session},{user}\n"), of(&|p| p[2] == user), "user_id"),
        (
            "custom.csv",
            format!("session_id,custom_participant_id\n{session},{custom}\n"),
            of(&|p| p[3] == custom),
            "custom_participant_id",
        ),
    ];
    for (name, list, expected, matched_by) in cases {
        place.write(name, list);
        let output = format!("out-{name}");
        place.rtk(&format!("run {name} -o {output} --format csv")).against(&server).ends(0);
        let export = Export::read(&place.path(&output));
        assert_eq!(export.values("participants", ["participant_id"]), expected, "{name}");
        assert_eq!(export.values("id_list", ["status", "matched_by"]), [["exported", matched_by]], "{name}");
    }
}

#[test]
fn an_empty_list_with_an_id_column_is_a_complete_export_of_no_rows() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", "session_id,participant_id\n");
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    for table in ["participants", "peer_events", "sessions", "id_list", "labels", "failures"] {
        assert!(export.rows(table).is_empty(), "{table}");
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn the_failures_are_a_list_that_fetches_just_those_again() {
    let place = Place::new();
    let server = Server::start(|_| ());
    place.write("list.csv", {
        let rows = server.world().pairs().take(5).map(|(s, p)| format!("{s},{p},Blue Heron\n"));
        format!("session_id,participant_id,customer\n{}", rows.collect::<String>())
    });
    let ill = Server::with_faults(&["match participants/: 400", "match participants?: 400"]);
    place.rtk("run list.csv -o first --format csv").against(&ill).ends(3);
    let first = Export::read(&place.path("first"));
    assert_eq!(first.values("failures", ["reason"]), [["refused"]; 5]);
    place.rtk("run first/failures/part-00000.csv -o second --format csv").against(&server).ends(0);
    let second = Export::read(&place.path("second"));
    assert_eq!(second.rows("participants").len(), 5);
    // Its own columns are no labels, those of the first list are.
    assert_eq!(second.values("labels", ["name", "value"]), [["customer", "Blue Heron"]; 5]);
}

#[test]
fn several_lists_are_one_export_in_their_order() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let pairs: Vec<_> = server.world().pairs().take(4).collect();
    let list = |pairs: &[_]| {
        let rows = pairs.iter().map(|(s, p): &(_, _)| format!("{s},{p}\n"));
        format!("session_id,participant_id\n{}", rows.collect::<String>())
    };
    place.write("b.csv", list(&pairs[2..]));
    place.write("a.csv", list(&pairs[..3]));
    place.rtk("run b.csv a.csv -o out --format csv").against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    let found = export.values("participants", ["participant_id", "list_file", "row_number"]);
    let ids: Vec<_> = pairs.iter().map(|(_, participant)| participant.to_string()).collect();
    let expected = [
        [ids[2].as_str(), "b.csv", "2"],
        [ids[3].as_str(), "b.csv", "3"],
        [ids[0].as_str(), "a.csv", "2"],
        [ids[1].as_str(), "a.csv", "3"],
    ];
    assert_eq!(found, expected);
    assert_eq!(export.values("id_list", ["list_file", "status"])[4], ["a.csv", "duplicate"]);
}
