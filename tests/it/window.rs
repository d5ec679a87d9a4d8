//! Sessions of a window: exactly the right ones, each once, from requests that are made once.

use std::fs;

use chrono::{DateTime, SecondsFormat, Utc};
use rtk_export::log::FILE_NAME;
use rtk_export::sandbox::{Kind, Oversize, PagingPlace, SandboxOptions, Session, SessionWindow};

use crate::support::{Export, Output, Place, Server, faults, log_lines, manifest, tree};

/// About 60 sessions in six days: several in any few hours, a few across any time.
fn server(change: impl FnOnce(&mut SandboxOptions)) -> Server {
    Server::start(|options| {
        options.world.participants = 1_200;
        options.world.days = 6;
        options.page_size_limit = 7;
        change(options);
    })
}

fn time(epoch_ms: u64) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(i64::try_from(epoch_ms).unwrap()).unwrap();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn listed(server: &Server) -> u64 {
    server.stats().by_kind.get(&Kind::Sessions).copied().unwrap_or_default()
}

fn ids<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> Vec<String> {
    sessions.into_iter().map(|session| session.id.to_string()).collect()
}

/// The sessions of an export's table, in its order.
fn sessions(export: &Export) -> Vec<String> {
    export.values("sessions", ["session_id"]).iter().map(|[id]| (*id).to_owned()).collect()
}

/// Every participant of these sessions, in plan order.
fn everyone(server: &Server, sessions: &[Session]) -> Vec<[String; 2]> {
    let of_session = |session: &Session| {
        let (id, world) = (session.id.to_string(), server.world());
        world.participants(session.index).map(move |participant| [id.clone(), participant.to_string()])
    };
    sessions.iter().flat_map(of_session).collect()
}

fn participants(export: &Export) -> Vec<[String; 2]> {
    let rows = export.values("participants", ["session_id", "participant_id"]);
    rows.into_iter().map(|row| row.map(str::to_owned)).collect()
}

/// Runs a window to its end, which must be a complete export.
fn run(place: &Place, server: &Server, output: &str, flags: &str) -> (Output, Export) {
    let ended = place.rtk(&format!("run -o {output} --format csv {flags}")).against(server).ends(0);
    (ended, Export::read(&place.path(output)))
}

#[test]
fn exactly_the_sessions_of_a_window_are_exported_whatever_the_server_compares_and_however_it_pages() {
    let forms: [fn(&mut SandboxOptions); 6] = [
        |_| (),
        |options| options.session_window = SessionWindow::Open,
        |options| options.paging = PagingPlace::Absent,
        |options| options.paging = PagingPlace::Data,
        |options| options.first_page = 0,
        |options| options.oversize = Oversize::Refuse,
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let (place, server) = (Place::new(), server(form));
        let all: Vec<_> = server.world().sessions().collect();
        // Just at a session's creation, while another one goes on: the first belongs to the window, the
        // last does not.
        let goes_on = |time: u64| all.iter().any(|s| s.created_ms < time && time < s.ended_ms);
        let mut ends = (15..).filter(|n| goes_on(all[*n].created_ms));
        let (from, to) = (ends.next().unwrap(), ends.find(|n| *n > 30).unwrap());
        let (since, until) = (all[from].created_ms, all[to].created_ms);
        let flags = format!("--since {} --until {}", time(since), time(until));
        let (output, export) = run(&place, &server, "out", &flags);
        assert_eq!(sessions(&export), ids(&all[from..to]), "form {number}");
        assert_eq!(participants(&export), everyone(&server, &all[from..to]), "form {number}");
        for table in ["participants", "failures"] {
            let origins = export.values(table, ["list_file", "row_number"]);
            assert!(origins.into_iter().all(|origin| origin == ["", ""]));
        }
        assert!(export.rows("id_list").is_empty() && export.rows("labels").is_empty());
        let said = format!("created from {} and before {}", time(since), time(until));
        output.says(&[&said, &format!("found: {} sessions", to - from)]);
        // A millisecond later, both ends move by one.
        let flags = format!("--since {} --until {}", time(since + 1), time(until + 1));
        let (_, export) = run(&place, &server, "later", &flags);
        assert_eq!(sessions(&export), ids(&all[from + 1..=to]), "form {number}");
        let source = &manifest(&place.path("later"))["source"];
        let until = DateTime::parse_from_rfc3339(source["until"].as_str().unwrap()).unwrap();
        assert_eq!(until.timestamp_millis(), i64::try_from(all[to].created_ms + 1).unwrap());
    }
}

#[test]
fn ends_are_midnights_of_utc_or_of_the_zone_that_is_named() {
    let (place, server) = (Place::new(), server(|_| ()));
    let found = |output: &str, since: &str, until: &str| {
        let (output, export) = run(&place, &server, output, &format!("--since {since} --until {until}"));
        (output, sessions(&export))
    };
    let created = |from: &str, to: &str| {
        let ms = |text: &str| u64::try_from(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
        let (from, to) = (ms(from).unwrap(), ms(to).unwrap());
        let all: Vec<_> = server.world().sessions().collect();
        ids(all.iter().filter(|session| (from..to).contains(&session.created_ms)))
    };
    let (_, utc) = found("utc", "2026-10-28", "2026-10-29");
    assert_eq!(utc, created("2026-10-28T00:00:00Z", "2026-10-29T00:00:00Z"));
    let (output, india) = found("india", "2026-10-28T00:00:00+05:30", "2026-10-29T00:00:00+05:30");
    assert_eq!(india, created("2026-10-27T18:30:00Z", "2026-10-28T18:30:00Z"));
    assert!(!utc.is_empty() && !india.is_empty() && utc != india);
    output.says(&["from 2026-10-27T18:30:00Z and before 2026-10-28T18:30:00Z"]);
    // Before a time, from the beginning.
    let (_, export) = run(&place, &server, "first", "--until 2026-10-28");
    assert_eq!(sessions(&export), created("2000-01-01T00:00:00Z", "2026-10-28T00:00:00Z"));
    assert_eq!(manifest(&place.path("first"))["source"]["since"], serde_json::Value::Null);
}

#[test]
fn discovery_gives_the_sessions_that_their_own_requests_give() {
    let (place, server) = (
        Place::new(),
        server(|options| {
            options.world.messy = true;
            options.world.live_sessions = 3;
        }),
    );
    let (_, window) = run(&place, &server, "window", "--since 2026-10-01 --until 2026-11-02 --include-live");
    place.write("list.csv", server.sessions(usize::MAX));
    let list = place.rtk("run list.csv -o list --with-sessions --format csv").against(&server);
    list.ends(0);
    let list = Export::read(&place.path("list"));
    assert_eq!(window.rows("sessions"), list.rows("sessions"));
    assert!(window.rows("sessions").iter().any(|row| row["status"] == "LIVE" && row["ended_at"].is_empty()));
    assert_eq!(participants(&window), participants(&list));
    assert_eq!(window.rows("peer_events"), list.rows("peer_events"));
    // No request for any of them.
    let all = server.world().session_count();
    assert_eq!(server.stats().by_kind[&Kind::Session], all, "those of the list");
}

#[test]
fn live_sessions_are_left_out_and_told_of_unless_they_are_asked_for() {
    let (place, server) = (Place::new(), server(|options| options.world.live_sessions = 3));
    let all: Vec<_> = server.world().sessions().collect();
    let (ended, live) = all.split_at(all.len() - 3);
    let (output, export) = run(&place, &server, "ended", "--since 2026-10-01");
    assert_eq!(sessions(&export), ids(ended));
    output.says(&["3 live ones are left out (--include-live)"]);
    let (output, export) = run(&place, &server, "all", "--since 2026-10-01 --include-live");
    assert_eq!(sessions(&export), ids(ended.iter().chain(live)));
    assert!(!output.stderr.contains("left out"), "{output}");
}

#[test]
fn a_meeting_is_all_its_sessions_or_those_of_a_window() {
    let (place, server) = (Place::new(), server(|options| options.page_size_limit = 100));
    let (_, everything) = run(&place, &server, "everything", "--until now");
    let rows = everything.values("sessions", ["meeting_id", "session_id"]);
    let meeting = rows[30][0];
    let of_meeting: Vec<_> =
        rows.iter().filter(|row| row[0] == meeting).map(|row| row[1].to_owned()).collect();
    assert!((2..5).contains(&of_meeting.len()));
    let (output, export) = run(&place, &server, "meeting", &format!("--meeting {}", meeting.to_uppercase()));
    assert_eq!(sessions(&export), of_meeting);
    assert_eq!(server.requests() - listed(&server), (rows.len() + of_meeting.len()) as u64);
    output.says(&[&format!("window: sessions of meeting {}", meeting.to_uppercase())]);
    let created = everything.values("sessions", ["session_id", "created_at"]);
    let [_, last] = created.iter().find(|[id, _]| id == of_meeting.last().unwrap()).unwrap();
    let (_, export) = run(&place, &server, "both", &format!("--meeting {meeting} --until {last}"));
    assert_eq!(sessions(&export), of_meeting[..of_meeting.len() - 1]);
    let (_, export) = run(&place, &server, "none", "--meeting abcdef-ghijkl");
    assert!(export.rows("sessions").is_empty());
}

#[test]
fn lists_come_first_and_nobody_comes_twice() {
    for (number, fetch) in ["auto", "detail", "list"].into_iter().enumerate() {
        let (place, server) = (Place::new(), server(|options| options.page_size_limit = 4));
        let all: Vec<_> = server.world().sessions().collect();
        let window = &all[20..25];
        let pair = |session: &Session, n: usize| {
            let participant = server.world().participants(session.index).nth(n).unwrap();
            format!("{},{participant}", session.id)
        };
        // Of the window: one of a session twice, a whole session. Not of the window: one, and a whole session.
        let rows = [
            pair(&all[22], 1),
            pair(&all[22], 1),
            format!("{},", all[24].id),
            pair(&all[3], 0),
            format!("{},", all[40].id),
        ];
        place.write("list.csv", format!("session_id,participant_id\n{}\n", rows.join("\n")));
        let ends = format!("--since {} --until {}", time(window[0].created_ms), time(all[25].created_ms));
        let flags = format!("list.csv {ends} --with-sessions --fetch {fetch}");
        let (_, export) = run(&place, &server, "out", &flags);
        let first = everyone(&server, &all[22..23])[1].clone();
        let mut expected = vec![first.clone()];
        expected.extend(everyone(&server, &all[24..25]));
        expected.push(everyone(&server, &all[3..4])[0].clone());
        expected.extend(everyone(&server, &all[40..41]));
        let of_lists = expected.len();
        expected.extend(everyone(&server, &all[20..24]).into_iter().filter(|row| *row != first));
        assert_eq!(participants(&export), expected, "{fetch}");
        let files = export.values("participants", ["list_file"]);
        assert!(files[..of_lists].iter().all(|[file]| *file == "list.csv"));
        assert!(files[of_lists..].iter().all(|[file]| file.is_empty()));
        let order = [22, 24, 3, 40, 20, 21, 23].map(|index| all[index].clone());
        assert_eq!(sessions(&export), ids(&order));
        // The window's come with their records; the list's other two are asked for.
        assert_eq!(server.stats().by_kind[&Kind::Session], 2);
        let statuses = export.values("id_list", ["status"]);
        assert_eq!(statuses, [["exported"], ["duplicate"], ["expanded"], ["exported"], ["expanded"]]);
        // Without, only the window's have a row.
        let (_, export) = run(&place, &server, "without", &format!("list.csv {ends} --fetch {fetch}"));
        assert_eq!(sessions(&export), ids(&[22, 24, 20, 21, 23].map(|index: usize| all[index].clone())));
        assert_eq!(server.stats().by_kind[&Kind::Session], 2, "form {number}");
    }
}

#[test]
fn killed_while_it_lists_it_goes_on_with_the_same_window() {
    // The ninth page hangs once: eight are durable, and nothing else is in flight.
    let (place, server) =
        (Place::new(), server(|options| options.faults = faults(&["match page_no=9& 1: hang"])));
    let command = "run --since 2026-10-01 -o out --format csv";
    let logged =
        || log_lines(&place.path("out")).iter().filter(|line| line.contains(r#""kind":"sessions""#)).count();
    let running = place.rtk(command).against(&server).start();
    running
        .until("the hanging page", || server.stats().faults == 1)
        .until("the durable log", || logged() == 8)
        .kill();
    let head = log_lines(&place.path("out"))[0].clone();
    let head: serde_json::Value = serde_json::from_str(&head).unwrap();
    let until = DateTime::parse_from_rfc3339(head["window"]["until"].as_str().unwrap()).unwrap();
    let before = listed(&server);
    // Another window is another export.
    let other = command.replace("10-01", "10-02");
    place.rtk(&other).against(&server).ends(2).says(&["--since differ", "--refresh"]);
    place.rtk(&format!("{command} --include-live")).against(&server).ends(2).says(&["--include-live"]);
    // "now" is later now; the window is what it was.
    place.rtk(command).against(&server).ends(0).says(&["8 replies kept from before"]);
    let pages = server.world().session_count().div_ceil(7);
    assert_eq!(listed(&server) - before, pages - 8);
    let source = &manifest(&place.path("out"))["source"];
    assert_eq!(DateTime::parse_from_rfc3339(source["until"].as_str().unwrap()).unwrap(), until);
    let (_, unbroken) = run(&place, &server, "unbroken", "--since 2026-10-01");
    Export::read(&place.path("out")).equals(&unbroken);
}

#[test]
fn killed_while_it_fetches_it_lists_nothing_again() {
    let rule = "match participants 11-18: hang";
    let (place, server) = (Place::new(), server(|options| options.faults = faults(&[rule])));
    let command = "run --since 2026-10-01 -o out --format csv --concurrency 8";
    let logged =
        || log_lines(&place.path("out")).iter().filter(|line| line.contains(r#""kind":"page""#)).count();
    let running = place.rtk(command).against(&server).start();
    running
        .until("the hanging of all requests", || server.stats().faults == 8)
        .until("the durable log", || logged() == 10)
        .kill();
    let before = listed(&server);
    place.rtk(command).against(&server).ends(0);
    assert_eq!(listed(&server), before);
    let (_, unbroken) = run(&place, &server, "unbroken", "--since 2026-10-01");
    Export::read(&place.path("out")).equals(&unbroken);
}

#[test]
fn a_rebuild_needs_no_request_and_is_the_same_to_the_byte() {
    let (place, server) = (Place::new(), server(|options| options.world.messy = true));
    place.write("list.csv", server.pairs(30));
    run(&place, &server, "out", "list.csv --since 2026-10-27 --until 2026-10-29T12:00:00Z");
    let before = server.requests();
    place.rtk("rebuild out -o again").ends(0);
    assert_eq!(server.requests(), before);
    let files = |name: &str| {
        let mut files = tree(&place.path(name));
        files.remove("manifest.json");
        files
    };
    assert_eq!(files("out"), files("again"));
    assert_eq!(manifest(&place.path("out"))["source"], manifest(&place.path("again"))["source"]);
}

#[test]
fn a_page_of_sessions_that_fails_for_good_ends_the_run_and_is_asked_for_again() {
    let cases = [
        ("match page_no=3& 1: 404", 1, "404"),
        // Of a later page no refusal is for the size: in another it would be another part of the list.
        ("match page_no=3& 1: 400", 1, "400"),
        ("match page_no=3& 1: 422", 1, "422"),
        ("match page_no=1& 1: 400", 0, "400"),
        ("match page_no=3& 1-2: refuse", 1, "a scripted refusal"),
        ("match page_no=3& 1-2: 503", 5, "503"),
    ];
    for (rule, code, said) in cases {
        let (place, server) = (Place::new(), server(|options| options.faults = faults(&[rule])));
        let run = || place.rtk("run --since 2026-10-01 -o out --format csv --retries 1").against(&server);
        if code == 0 {
            // The first one may be for the size alone: asked for without one, it comes.
            run().ends(0);
        } else {
            let failed = run().ends(code);
            let failed = failed.says(&["page 3 of the app's sessions", said, "same command again"]);
            assert!(!place.path("out/manifest.json").exists(), "{failed}");
            let (before, pages) = (listed(&server), server.world().session_count().div_ceil(7));
            run().ends(0);
            assert_eq!(listed(&server) - before, pages - 2, "{rule}");
        }
        let export = Export::read(&place.path("out"));
        assert_eq!(sessions(&export), ids(&server.world().sessions().collect::<Vec<_>>()), "{rule}");
    }
}

#[test]
fn a_session_of_a_window_that_fails_is_a_failure_of_no_list() {
    let (place, server) = (Place::new(), server(|_| ()));
    let all: Vec<_> = server.world().sessions().collect();
    let lost = all[30].id.to_string();
    let rule = format!("match sessions/{lost}/participants: 404 x1");
    let server = Server::start(|options| {
        options.world = *server.world().options();
        options.faults = faults(&[&rule]);
    });
    place.rtk("run --until now -o out --format csv").against(&server).ends(3);
    let export = Export::read(&place.path("out"));
    let failed =
        export.values("failures", ["session_id", "participant_id", "list_file", "row_number", "reason"]);
    assert_eq!(failed, [[lost.as_str(), "", "", "", "not_found"]]);
    assert_eq!(sessions(&export).len(), all.len(), "its own record is there");
    assert!(!export.values("participants", ["session_id"]).contains(&[&lost]));
    // The failures are a list.
    run(&place, &server, "again", "out/failures/part-00000.csv");
    let again = Export::read(&place.path("again"));
    assert_eq!(participants(&again), everyone(&server, &all[30..31]));
}

#[test]
fn a_window_without_a_session_is_a_complete_export_of_nothing() {
    let (place, server) = (Place::new(), server(|_| ()));
    for (output, ends) in [
        ("before", "--since 2020-01-01 --until 2020-01-02"),
        ("no-time", "--since 2026-10-28 --until 2026-10-28"),
        ("nightly", "--since yesterday --until today"),
    ] {
        let (_, export) = run(&place, &server, output, ends);
        for table in ["participants", "peer_events", "sessions", "id_list", "failures"] {
            assert!(export.rows(table).is_empty(), "{table}");
        }
        assert_eq!(manifest(&place.path(output))["totals"]["participants"], 0);
    }
    assert_eq!(server.requests(), 2, "for a window of no length nothing is asked");
}

#[test]
fn a_window_that_is_none_is_refused_before_anything_is_sent() {
    let (place, server) = (Place::new(), server(|_| ()));
    place.write("list.csv", server.pairs(3));
    for (flags, said) in [
        ("--since today --until yesterday", "--since (2"),
        ("--since 2999-01-01", "is after the default of --until"),
        ("--since soon", "7d or 12h"),
        ("--since 2026-11-22T00:00:00", "such as 2026-11-22T00:00:00Z"),
        ("--until 2026-02-30", "is not a time"),
        ("list.csv --include-live", "--include-live is only for sessions that are found"),
        ("--meeting=", "--meeting"),
        ("", "--since"),
    ] {
        let run = place.rtk(&format!("run {flags} -o out")).against(&server);
        run.ends(2).says(&[said]);
        assert!(!place.path("out").exists(), "{flags}");
    }
    assert_eq!(server.requests(), 0);
    // In a file a date needs no quotes, and a flag wins over it.
    place.write("night.toml", "since = 2026-10-28\nuntil = \"2026-10-29\"\nformat = \"csv\"\n");
    let run = place.rtk("run --config night.toml -o out -v").against(&server).ends(0);
    run.says(&["since", "2026-10-28", "night.toml:1: since"]);
    assert!(!Export::read(&place.path("out")).rows("sessions").is_empty());
    assert!(fs::metadata(place.path("out/.rtk-export").join(FILE_NAME)).is_ok());
}

#[test]
fn progress_and_json_name_the_window() {
    let (place, server) = (Place::new(), server(|_| ()));
    let output =
        place.rtk("run --since 2026-10-28 --until 2026-10-29 -o out --log-format json").against(&server);
    let output = output.ends(0);
    let events: Vec<serde_json::Value> =
        output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event =
        |name: &str| events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("{output}"));
    assert_eq!(event("window")["since"], "2026-10-28T00:00:00Z");
    assert_eq!(event("discovered")["live_left_out"], 0);
    assert_eq!(event("summary")["since"], "2026-10-28T00:00:00.000000Z");
    let quiet = place.rtk("run --since 2026-10-28 --until 2026-10-29 -o quiet -q").against(&server).ends(0);
    assert_eq!(quiet.stderr, "");
}
