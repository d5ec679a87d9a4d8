//! `report`: its figures are those that `DuckDB` finds, and each form says what they are.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use crate::support::{Place, Server, browse, query, repository_file, scratch, tree};

/// Participants with what a report can go by, in `DuckDB`'s words.
const FACTS: &str = "
    WITH of_events AS (
        SELECT session_id, participant_id,
            COUNT(*) FILTER (WHERE event_name = 'PEER_JOINING') AS connections,
            arg_max(preset_view_type, event_index) FILTER (WHERE preset_view_type <> '') AS view_type
        FROM peer_events GROUP BY ALL
    ), facts AS (
        SELECT p.*, e.view_type, coalesce(e.connections, 0) AS connections, s.meeting_id AS meeting,
            coalesce(nullif(custom_participant_id, ''), nullif(user_id, '')) AS person, preset_name AS preset,
            p.session_id AS session, l.value AS customer,
            CAST(coalesce(joined_at, p.created_at) AT TIME ZONE 'Asia/Kolkata' AS DATE) AS day,
            s.minutes_consumed AS session_minutes,
            CAST(coalesce(s.started_at, s.created_at) AT TIME ZONE 'Asia/Kolkata' AS DATE) AS session_day
        FROM participants AS p
        LEFT JOIN of_events AS e USING (session_id, participant_id)
        LEFT JOIN sessions AS s USING (session_id)
        LEFT JOIN labels AS l ON p.list_file = l.list_file AND p.row_number = l.row_number AND l.name = 'customer'
    )";

/// An export of sessions of several customers, one of them nobody's, from an API at its oddest.
fn export(place: &Place, server: &Server) {
    let sessions = server.sessions(12);
    let customers = ["Blue Heron", "", "=Übel, \"GmbH\"", "Blue Heron"];
    let rows = sessions.lines().skip(1).zip(customers.iter().cycle()).map(|(session, customer)| {
        let customer = customer.replace('"', "\"\"");
        format!("{session},\"{customer}\",all\n")
    });
    let list = format!("session_id,customer,day\n{}", rows.collect::<String>());
    place.write("list.csv", list);
    place.rtk("run list.csv -o out --with-sessions --no-rollups").against(server).ends(0);
}

fn messy_server() -> Server {
    Server::start(|options| options.world.messy = true)
}

/// The rows of a CSV without its header, in any order.
fn rows(csv: &str, columns: &[&str]) -> BTreeSet<Vec<String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let places: Vec<_> = {
        let headers = reader.headers().unwrap();
        columns.iter().map(|name| headers.iter().position(|header| header == *name).expect(name)).collect()
    };
    reader
        .records()
        .map(|row| places.iter().map(|place| row.as_ref().unwrap()[*place].to_owned()).collect())
        .collect()
}

fn found(place: &Place, sql: &str) -> BTreeSet<Vec<String>> {
    let rows = query(&place.path("out"), &format!("{FACTS} {sql}"));
    rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect()
}

#[test]
fn figures_are_those_that_duckdb_finds() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    let all = &["customer", "session", "person", "day", "preset", "view_type", "meeting", "customer,day"][..];
    for (minutes, column, keys) in
        [("duration", "duration_minutes", all), ("events", "minutes_consumed", &all[..2])]
    {
        for by in keys {
            let report = format!("report out --by {by} --minutes {minutes} --tz Asia/Kolkata --format csv");
            let report = place.rtk(&report).ends(0).stdout;
            let columns: Vec<_> =
                by.split(',').chain([column, "sessions", "participants", "connections"]).collect();
            let sql = format!(
                "SELECT {by}, CAST(SUM({column}) AS DECIMAL(38, 9)), COUNT(DISTINCT session_id), COUNT(*), \
                 CAST(SUM(connections) AS BIGINT) FROM facts GROUP BY {by}"
            );
            assert_eq!(rows(&report, &columns), found(&place, &sql), "{by}, {minutes}\n{report}");
        }
    }
}

#[test]
fn minutes_of_sessions_are_the_sessions_own() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    for (by, key) in
        [("session", "session"), ("meeting", "meeting"), ("day", "session_day"), ("customer", "customer")]
    {
        let report = format!("report out --by {by} --minutes session --tz Asia/Kolkata --format csv");
        let report = place.rtk(&report).ends(0).stdout;
        let sql = format!(
            ", of_session AS (SELECT session_id, any_value({key}) AS key, any_value(session_minutes) AS minutes \
             FROM facts GROUP BY session_id)
             SELECT key, CAST(SUM(minutes) AS DECIMAL(38, 9)), COUNT(*) FROM of_session GROUP BY key"
        );
        assert_eq!(
            rows(&report, &[by, "session_minutes", "sessions"]),
            found(&place, &sql),
            "{by}\n{report}"
        );
    }
    let refused = place.rtk("report out --minutes session --by person").ends(2);
    refused.says(&["the minutes of sessions cannot go by person", "hint:"]);
}

#[test]
fn rows_add_up_and_the_rest_is_one_row() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    // What is not known counts for nothing.
    let hundredths = |cell: &str| -> i64 {
        let digits = cell.replace([',', '*', '.', '%', ' ', '–'], "");
        if digits.is_empty() { 0 } else { digits.parse().unwrap() }
    };
    for top in ["1000", "3"] {
        let report =
            place.rtk(&format!("report out --by person --format markdown --top {top}")).ends(0).stdout;
        let table = report.split("\n\n").find(|part| part.starts_with("| person")).unwrap();
        let rows: Vec<Vec<&str>> = table
            .lines()
            .skip(2)
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect();
        let (total, rows) = rows.split_last().unwrap();
        assert_eq!(rows.len() == 4, top == "3", "{table}");
        // Minutes, share, what has no price, cost.
        for column in 1..=4 {
            let sum: i64 = rows.iter().map(|row| hundredths(row[column])).sum();
            assert_eq!(sum, hundredths(total[column]), "{column} of\n{table}");
        }
    }
}

#[test]
fn costs_are_exact() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    place.write(
        "prices.toml",
        "currency = 'EUR'\n[per-minute]\na = 0.123456789\n[view-types]\nother = 'a'\nnone = 'a'\n",
    );
    let report = place.rtk("report out --by customer --format csv --price-list prices.toml").ends(0).stdout;
    let units = |text: &str, places: usize| -> i128 {
        let (whole, rest) = text.split_once('.').unwrap();
        format!("{whole}{rest:0<places$}").parse().unwrap()
    };
    let rows = rows(&report, &["a_minutes", "unpriced_minutes", "cost", "currency"]);
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(units(&row[0], 9) * 123_456_789, units(&row[2], 18), "{row:?}");
        assert_eq!((row[1].as_str(), row[3].as_str()), ("0.000000000", "EUR"));
    }
}

#[test]
fn a_label_that_clashes_says_that_it_is_one() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    let report = place.rtk("report out --by label:day,CUSTOMER --format csv --excel").ends(0).stdout;
    assert!(report.starts_with("\u{feff}label:day,customer,duration_minutes,"), "{report}");
    assert!(report.contains("all,\"'=Übel, \"\"GmbH\"\"\","), "{report}");
    place.rtk("report out --by colour").ends(2).says(&[
        "no label \"colour\"",
        "\"customer\", \"day\"",
        "hint:",
    ]);
}

/// The form of each report; ids and times differ each time.
#[test]
fn forms() {
    let place = Place::with_samples();
    let run = "run samples/sessions.csv -o out --sandbox --with-sessions --no-rollups";
    place.rtk(run).ends(0);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "[export]");
    settings.add_filter(r"(of|as of) \d+ \w+ \d{4}, \d\d:\d\d (CES?T|UTC)", "$1 [time]");
    settings.add_filter(r#""export_finished_at":"[^"]*""#, r#""export_finished_at":"[time]""#);
    settings.add_filter(r"(?s)<(style|script|svg[^>]*)>.*?</(style|script|svg)>", "<$1/>");
    settings.add_filter(r"sha256-[A-Za-z0-9+/=]*", "sha256-[digest]");
    settings.bind(|| {
        for (form, flags) in [
            ("text", "--by customer --tz Europe/Paris"),
            ("markdown", "--by customer,view-type --top 3"),
            ("csv", "--by customer,day"),
            ("json", "--by customer"),
            ("html", "--by customer"),
        ] {
            let report = place.rtk(&format!("report out --format {form} {flags}")).ends(0).stdout;
            insta::assert_snapshot!(format!("report_{form}"), report);
        }
    });
}

/// What the README shows is what its command shows.
#[test]
fn the_readme_shows_a_report() {
    let place = Place::with_samples();
    let report = place.rtk("report --list samples/sessions.csv --by customer --sandbox").ends(0).stdout;
    let readme = repository_file("README.md");
    let table = readme.split("```text\ncustomer ").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(report.contains(&format!("customer {table}")), "{report}");
}

#[test]
fn json_has_what_csv_has() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    let json = place.rtk("report out --by person --format json").ends(0).stdout;
    let csv = place.rtk("report out --by person --format csv").ends(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let of_json = json["rows"].as_array().unwrap().iter().map(|row| {
        assert_eq!(row.as_object().unwrap().len(), columns.len());
        columns.iter().map(|column| text(&row[column])).collect::<Vec<_>>()
    });
    let of_csv = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>());
    assert!(of_json.eq(of_csv));
    assert_eq!(json["report"]["minutes"], "duration_minutes");
    assert_eq!(json["report"]["prices"]["per_minute"]["audio-only"], "0.0005");
}

#[test]
fn a_list_is_reported_in_one_go_and_its_export_goes_with_it() {
    let place = Place::with_samples();
    fs::create_dir(place.path("tmp")).unwrap();
    let tmp = place.path("tmp");
    let report = place
        .rtk("report --list samples/sessions.csv --by customer --sandbox -o report.csv")
        .env("TMPDIR", tmp.to_str().unwrap())
        .ends(0);
    assert!(report.stdout.is_empty() && !report.stderr.contains("complete"), "{report}");
    let text = fs::read_to_string(place.path("report.csv")).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(tree(&tmp).is_empty());

    let kept = "report kept --list samples/sessions.csv --by meeting --sandbox";
    place.rtk(kept).ends(0);
    let again = place.rtk("report kept --by meeting").ends(0).stdout;
    assert!(again.contains("Usage by meeting"), "{again}");
    place.rtk(kept).ends(2).says(&["kept is a finished export", "leave --list out"]);
}

/// What was paid for is not lost: the unfinished export stays, and the message says how to go on.
#[test]
fn an_unfinished_export_of_a_report_is_kept() {
    let (place, server) = (Place::new(), Server::with_faults(&["5: 401"]));
    place.write("list.csv", server.sessions(12));
    let report = "report --list list.csv --by session --format csv";
    let stopped = place.rtk(report).against(&server).env("TMPDIR", place.path("").to_str().unwrap()).ends(4);
    let said = stopped.says(&["the unfinished export is kept in", "to go on with it:"]).stderr;
    let command = said.split("to go on with it: ").nth(1).unwrap().lines().next().unwrap();
    let args = command.split_once(" report ").unwrap().1;
    let resumed = place.rtk(&format!("report {args}")).against(&server).ends(0);
    assert!(resumed.stdout.lines().count() > 1, "{resumed}");
}

/// What an export lacks changes what can be said of it, not what it adds up to; its format changes nothing.
#[test]
fn figures_do_not_depend_on_how_the_export_was_made() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    let flags = "list.csv --with-sessions --no-rollups";
    place.rtk(&format!("run {flags} -o csv --format csv")).against(&server).ends(0);
    place.rtk(&format!("run {flags} -o quiet --no-peer-events")).against(&server).ends(0);
    for by in ["customer", "customer,day", "person", "preset,view-type", "meeting,session"] {
        for minutes in ["duration", "events"] {
            let of = |export: &str| {
                place
                    .rtk(&format!("report {export} --by {by} --minutes {minutes} --format csv"))
                    .ends(0)
                    .stdout
            };
            assert_eq!(of("csv"), of("out"), "{by}, {minutes}");
        }
    }
    let [all, quiet] = ["out", "quiet"].map(|export| {
        let report = place.rtk(&format!("report {export} --by customer --format csv")).ends(0).stdout;
        rows(&report, &["customer", "duration_minutes", "sessions", "participants"])
    });
    assert_eq!(all, quiet);
    let said = place.rtk("report quiet --by customer --format markdown").ends(0).stdout;
    assert!(said.contains("the export has no peer events"), "{said}");
}

/// Also on the day on which the clocks change, which is one of the sandbox's.
#[test]
fn days_are_those_of_the_time_zone() {
    let (place, server) = (Place::new(), messy_server());
    export(&place, &server);
    for zone in ["Europe/Paris", "America/St_Johns", "Pacific/Apia"] {
        let report = place.rtk(&format!("report out --by day --tz {zone} --format csv")).ends(0).stdout;
        let sql = format!(
            "SELECT CAST(coalesce(joined_at, created_at) AT TIME ZONE '{zone}' AS DATE) AS day,
                CAST(SUM(duration_minutes) AS DECIMAL(38, 9)), COUNT(*) FROM facts GROUP BY 1"
        );
        assert_eq!(
            rows(&report, &["day", "duration_minutes", "participants"]),
            found(&place, &sql),
            "{zone}"
        );
    }
}

/// A session whose participants could not be had still has minutes of its own.
#[test]
fn sessions_without_participants_are_compared_too() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let (pairs, sessions) = (server.pairs(1), server.sessions(5));
    let other = sessions.lines().last().unwrap();
    place.write("list.csv", format!("{pairs}{other},0f8fad5b-d9cb-469f-a165-70867728950e\n"));
    place.rtk("run list.csv -o out --with-sessions").against(&server).ends(3);
    let json = place.rtk("report out --format json").ends(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let sql = "SELECT CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)), CAST(COUNT(*) AS VARCHAR) FROM sessions";
    let expected = query(&place.path("out"), sql);
    assert_eq!(json["differences"]["total"]["session_minutes"].as_str(), expected[0][0].as_deref());
    assert_eq!(expected[0][1].as_deref(), Some("2"));
    let by_session = place.rtk("report out --by session --minutes session --format csv").ends(0).stdout;
    assert_eq!(by_session.lines().count(), 3, "{by_session}");
}

#[test]
fn failures_are_told_and_end_with_3() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let list = server.sessions(2) + "0f8fad5b-d9cb-469f-a165-70867728950e\n";
    place.write("list.csv", list);
    let report = place.rtk("report out --list list.csv --by session").against(&server).ends(3);
    assert!(report.stdout.contains("1 ID could not be exported"), "{report}");
    place.rtk("report out").ends(0);
}

#[test]
fn an_export_without_rows_has_a_report() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", "session_id,customer\n");
    place.rtk("run list.csv -o out").against(&server).ends(0);
    for format in ["text", "csv", "json", "markdown", "html"] {
        let report = place.rtk(&format!("report out --format {format}")).ends(0);
        assert!(!report.stdout.is_empty(), "{format}");
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_done() {
    let (place, server) = (Place::with_samples(), Server::start(|_| ()));
    place.write("old.html", "old");
    place.write("prices.toml", "[per-minute]\nvideo = cheap\n");
    place.write("few.csv", server.pairs(3));
    place.rtk("run few.csv -o out").against(&server).ends(0);
    place.rtk("run few.csv -o quiet --no-peer-events --no-rollups").against(&server).ends(0);
    let requests = server.requests();
    let mut said = String::new();
    for flags in [
        "",
        "nowhere",
        "out --by day,,session",
        "out --minutes all",
        "out --minutes session --by session",
        "out --by meeting",
        "quiet --minutes events",
        "out --tz Europe/Atlantis",
        "out --top 0",
        "out --top 5 --format csv",
        "out --format pdf",
        "out --excel",
        "out --price-list prices.toml",
        "out --price-list nowhere.toml",
        "--list few.csv --price-list prices.toml -o old.html",
    ] {
        let output = place.rtk(&format!("report {flags}")).against(&server).ends(2);
        assert!(output.stdout.is_empty(), "{output}");
        writeln!(said, "$ report {flags}\n{}", output.stderr).unwrap();
    }
    insta::assert_snapshot!(said);
    assert_eq!(server.requests(), requests);
    assert_eq!(fs::read_to_string(place.path("old.html")).unwrap(), "old");
    // Nothing is left beside it either.
    assert!(tree(&place.path("")).keys().all(|name| !name.starts_with(".tmp")));
}

/// The page as a browser shows it, with names that would like to be more than names.
#[test]
fn the_page_holds_in_a_browser() {
    let (place, server) = (Place::new(), messy_server());
    let long = "x".repeat(3_000);
    let names = [
        "<script>alert(1)</script><img src=x onerror=alert(2)>",
        "</script></style></svg><h1>Big</h1>",
        "مرحبا \u{202e}evil\u{200f} عميل",
        &long,
        "\" onmouseover=\"alert(3)",
        "{{ 7 * 7 }} &lt;b&gt; &amp;",
        "顧客 👩‍👩‍👧",
        " \u{200f}\u{202e}",
        "",
    ];
    let rows = server.world().sessions().zip(names.iter().cycle()).take(27).map(|(session, name)| {
        let name = name.replace('"', "\"\"");
        format!("{},\"{name}\",\"{name}\"\n", session.id)
    });
    let list = format!("session_id,<b>customer</b>,other\n{}", rows.collect::<String>());
    place.write("list.csv", list);
    place.rtk("report out --list list.csv --by <b>customer</b> -o page.html").against(&server).ends(0);
    let screenshots = scratch("page");
    let seen = browse(&place.path("page.html"), &screenshots);
    assert_eq!(seen["odd"], serde_json::json!([]));
    assert_eq!(seen["foreign_elements"], 0);
    for (window, shown) in seen["widths"].as_object().unwrap() {
        let width: u64 = window.rsplit('-').next().unwrap().parse().unwrap();
        assert_eq!(shown["page"], width, "{window}: see {}", screenshots.display());
        // In hundredths; WCAG's AA asks for 4.5.
        let contrast = shown["contrast"][0].as_u64().unwrap();
        assert!(contrast >= 450, "{window}: {} has a contrast of {contrast}", shown["contrast"][1]);
    }
    let text = seen["text"].as_str().unwrap();
    for name in
        ["<script>alert(1)</script>", "<h1>Big</h1>", "{{ 7 * 7 }} &lt;b&gt; &amp;", "(blank)", "(none)"]
    {
        assert!(text.contains(name), "no {name} in\n{text}");
    }
    for (pressed, columns) in seen["sorted_by"].as_object().unwrap() {
        let (name, press) = pressed.split_once(", ").unwrap();
        let columns = columns.as_array().unwrap();
        let column = columns.iter().find(|column| column[0] == name).unwrap();
        let values: Vec<&str> =
            column[2].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
        assert!(values.len() >= 7, "{values:?}");
        let figures: Result<Vec<i128>, _> = values.iter().map(|value| value.parse::<i128>()).collect();
        let ascending = (press == "first") != figures.is_ok();
        assert_eq!(column[1], if ascending { "ascending" } else { "descending" }, "{pressed}");
        if let Ok(figures) = figures {
            assert!(
                figures.is_sorted_by(|a, b| if ascending { a <= b } else { a >= b }),
                "{pressed}: {figures:?}"
            );
        }
        let marked = columns.iter().filter(|column| !column[1].is_null()).count();
        assert_eq!(marked, 1, "{pressed}");
    }
    assert!(seen["sorted_by"].as_object().unwrap().len() >= 10);
}
