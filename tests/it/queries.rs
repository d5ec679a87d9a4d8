//! `query`, and queries of a user's own.

use std::fs;

use crate::support::{Place, Server, manifest};

/// A place with an export of a hundred pairs in `out`.
fn exported() -> Place {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(100));
    place.rtk("run list.csv -o out --with-sessions").against(&server).ends(0);
    place
}

#[test]
fn sql_typed_from_a_file_from_stdin_and_by_name() {
    let place = exported();
    let sql =
        "SELECT COUNT(*) AS n, CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS minutes\nFROM participants\n";
    place.write("total.sql", sql);
    let total = manifest(&place.path("out"))["totals"]["duration_minutes"].as_str().unwrap().to_owned();
    let expected = format!("n,minutes\n100,{total}\n");
    let of_file = place.rtk("query out total.sql --format csv").ends(0);
    let of_stdin = place.rtk("query out - --format csv").stdin(sql).ends(0);
    let typed = place.rtk("query out").arg(sql).args("--format csv").ends(0);
    assert_eq!([of_file.stdout, of_stdin.stdout, typed.stdout], [(); 3].map(|()| expected.clone()));
    let named = place.rtk("query out rollups/minutes_by_day --format csv").ends(0);
    let view = place
        .rtk("query out")
        .arg("SELECT * FROM rollups.minutes_by_day ORDER BY day")
        .args("--format csv")
        .ends(0);
    assert!(
        named.stdout.starts_with("day,participants,connections,duration_minutes,minutes_consumed\n2026-")
    );
    assert_eq!(named.stdout, view.stdout);
    place.rtk("query out checks/events_without_participant --format jsonl").ends(0);
    let listed = place.rtk("query --list").ends(0).stdout;
    assert!(listed.lines().any(|line| line.starts_with("rollups/minutes_by_day  ")), "{listed}");
    for line in listed.lines() {
        let name = line.split_whitespace().next().unwrap();
        place.rtk(&format!("query out {name}")).ends(0);
    }
}

#[test]
fn an_answer_goes_to_a_file_in_the_form_of_its_ending() {
    let place = exported();
    for ending in ["csv", "jsonl", "parquet"] {
        place.rtk(&format!("query out rollups/attendance -o attendance.{ending}")).ends(0);
    }
    let csv = fs::read_to_string(place.path("attendance.csv")).unwrap();
    let jsonl = fs::read_to_string(place.path("attendance.jsonl")).unwrap();
    assert_eq!(csv.lines().count(), jsonl.lines().count() + 1);
    // Parquet is a list like any other: its rows are read again.
    let parquet = fs::read(place.path("attendance.parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    place
        .rtk("query out rollups/attendance --format parquet")
        .ends(2)
        .says(&["written to a file only", "-o FILE"]);
}

#[test]
fn parameters_are_bound() {
    let place = exported();
    let sql = "SELECT COUNT(*) AS n FROM participants WHERE display_name = $name OR joined_at >= $since";
    let run = |params: &[&str]| {
        let command = place.rtk("query out").arg(sql).args("--format csv");
        params.iter().fold(command, |command, param| command.args("--param").arg(param))
    };
    assert_eq!(run(&["name=' OR 1=1 --", "since=2100-01-01"]).ends(0).stdout, "n\n0\n");
    assert_eq!(run(&["name=x", "since=1970-01-01T00:00:00Z"]).ends(0).stdout, "n\n100\n");
    run(&["name=x"]).ends(2).says(&["it needs $since"]);
    run(&["name=x", "since=soon"]).ends(2).says(&["the parameter since: \"soon\""]);
    run(&["name"]).ends(2).says(&["--param: \"name\" is not NAME=VALUE"]);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let place = exported();
    for (sql, says) in [
        ("DROP TABLE labels", "the query does more than read: DROP"),
        ("COPY labels TO 'x.csv'", "does more than read: COPY"),
        ("SET datafusion.execution.time_zone = '+1'", "does more than read: SET"),
        ("SELECT nothing FROM participants", "the query, line 1, is not a query"),
        ("SELECT * FROM", "is not a query over the export's tables"),
    ] {
        place.rtk("query out").arg(sql).ends(2).says(&["error: ", says, "hint: "]);
    }
    assert!(!place.path("x.csv").exists());
    place.rtk("query out").arg("SELECT CAST(session_id AS BIGINT) FROM participants").ends(1);
    place.rtk("query out missing.sql").ends(2).says(&["there is no file and no query \"missing.sql\""]);
    place.rtk("query home rollups/attendance").ends(2).says(&["is not an export"]);
    place.rtk("query out").ends(2);
    fs::remove_file(place.path("out/participants/part-00000.parquet")).unwrap();
    place.rtk("query out rollups/attendance").ends(1).says(&["part-00000.parquet is missing"]);
}

#[test]
fn who_has_read_enough_is_no_error() {
    let place = exported();
    let script = "rtk-export query out 'SELECT * FROM generate_series(1, 3000000)' --format csv | head -n 2";
    let output = place.shell(script).ends(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("value\n1\n", ""));
}

/// Sorting all that five million rows hold takes the disk, not memory.
#[test]
fn a_query_larger_than_its_memory_spills() {
    let place = exported();
    let sql = "SELECT MAX(n) AS n FROM (SELECT a.value AS n, ROW_NUMBER() OVER (ORDER BY a.value % 1009, \
               CAST(a.value AS DECIMAL(38, 9))) AS place FROM generate_series(1, 3000000) AS a) WHERE place > 0";
    let output = place.rtk("query out").arg(sql).args("--format csv").ends(0);
    assert_eq!(output.stdout, "n\n3000000\n");
    assert!(output.peak_rss_kib < 512 * 1024, "{} KiB", output.peak_rss_kib);
}

#[test]
fn own_queries_become_rollups() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(20));
    fs::create_dir(place.path("own")).unwrap();
    place.write("own/longest.sql", "SELECT session_id, MAX(duration_minutes) AS longest\nFROM participants GROUP BY session_id ORDER BY session_id");
    place.rtk("run list.csv -o out --queries own --format csv").against(&server).ends(0);
    let made = fs::read_to_string(place.path("out/rollups/longest.csv")).unwrap();
    assert!(made.starts_with("session_id,longest\n") && made.lines().count() > 1, "{made}");
    let tables = manifest(&place.path("out"))["tables"].to_string();
    assert!(tables.contains("rollups/longest") && tables.contains("rollups/minutes_by_day"), "{tables}");
    // They are no part of what makes an export: another set is made without a request.
    place.write("own/longest.sql", "SELECT COUNT(*) AS n FROM participants");
    server.requests();
    let before = server.requests();
    place.rtk("rebuild out --queries own").ends(0);
    assert_eq!(fs::read_to_string(place.path("out/rollups/longest.csv")).unwrap(), "n\n20\n");
    place.rtk("rebuild out").ends(0);
    assert!(!place.path("out/rollups/longest.csv").exists());
    assert_eq!(server.requests(), before);
}

#[test]
fn own_queries_are_found_right_before_a_request_is_sent() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(20));
    fs::create_dir(place.path("own")).unwrap();
    for (name, sql, says) in [
        ("wrong.sql", "SELECT session_id\nFROM partcipants", "own/wrong.sql"),
        ("minutes_by_day.sql", "SELECT 1 AS n", "a rollup that comes with rtk-export has this name"),
        ("drop.sql", "DROP TABLE labels", "own/drop.sql does more than read: DROP"),
    ] {
        place.write(&format!("own/{name}"), sql);
        place.rtk("run list.csv -o out --queries own").against(&server).ends(2).says(&[says]);
        fs::remove_file(place.path(&format!("own/{name}"))).unwrap();
    }
    place.rtk("run list.csv -o out --queries own").against(&server).ends(2).says(&["own holds no .sql file"]);
    assert_eq!(server.requests(), 0);
    assert!(!place.path("out").exists());
}
