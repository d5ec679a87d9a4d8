//! `run` and `rebuild`: what an export holds, whichever way it was made.

use std::fs;

use rtk_export::model::Minutes;
use rtk_export::sandbox::{Oversize, PagingPlace, WorldOptions};
use rtk_export::tables::schema::{CallStatistics, Table};

use crate::support::{Export, Place, Server, manifest, tree, whole_manifest};

#[test]
fn concurrency_changes_no_row_and_no_order() {
    let (place, server) = (
        Place::new(),
        Server::start(|options| {
            options.jitter = std::time::Duration::from_millis(3);
            options.world.messy = true;
        }),
    );
    place.write("list.csv", server.pairs(300));
    for fetch in ["auto", "detail"] {
        let exports = ["1", "64"].map(|concurrency| {
            let output = format!("{fetch}-{concurrency}");
            let flags = format!("--format csv --with-sessions --fetch {fetch} --concurrency {concurrency}");
            place.rtk(&format!("run list.csv -o {output} {flags}")).against(&server).ends(0);
            Export::read(&place.path(&output))
        });
        exports[0].equals(&exports[1]);
        assert_eq!(exports[0].rows("participants").len(), 300);
    }
}

#[test]
fn every_route_gives_the_same_tables() {
    for messy in [false, true] {
        let (place, server) = (
            Place::new(),
            Server::start(|options| {
                options.world = WorldOptions { participants: 240, messy, ..WorldOptions::default() };
                options.page_size_limit = 10;
            }),
        );
        // Pairs of some sessions, all of others: pages and details both pay somewhere.
        let all = server.pairs(120);
        let pairs: Vec<_> =
            all.lines().enumerate().filter(|(n, _)| n % 3 != 2).map(|(_, line)| line).collect();
        place.write("pairs.csv", pairs.join("\n"));
        let everyone = server.world().sessions().skip(4).take(4).map(|session| format!("{}\n", session.id));
        place.write("everyone.csv", format!("session_id\n{}", everyone.collect::<String>()));
        let exports = ["auto", "detail", "list"].map(|fetch| {
            let flags = format!("-o {fetch} --format csv --with-sessions --fetch {fetch}");
            place.rtk(&format!("run pairs.csv everyone.csv {flags}")).against(&server).ends(0);
            Export::read(&place.path(fetch))
        });
        exports[0].equals(&exports[1]);
        exports[0].equals(&exports[2]);
    }
}

#[test]
fn auto_asks_no_more_than_either_route_and_counts_what_it_saved() {
    let server = Server::start(|options| options.page_size_limit = 10);
    let place = Place::new();
    place.write("list.csv", server.pairs(100));
    let requests = ["auto", "detail", "list"].map(|fetch| {
        let before = server.requests();
        place.rtk(&format!("run list.csv -o {fetch} --fetch {fetch}")).against(&server).ends(0);
        let sent = server.requests() - before;
        assert_eq!(manifest(&place.path(fetch))["requests"]["sent"], sent);
        sent
    });
    let [auto, detail, list] = requests;
    assert_eq!(detail, 100);
    assert!(auto <= detail && auto <= list, "{requests:?}");
    assert_eq!(manifest(&place.path("auto"))["requests"]["saved_by_listing"], 100 - auto);
}

/// However the API turns out to page, everyone is found once.
#[test]
fn paging_is_survived_in_every_form() {
    let forms: [fn(&mut rtk_export::sandbox::SandboxOptions); 5] = [
        |options| options.paging = PagingPlace::Top,
        |options| options.paging = PagingPlace::Absent,
        |options| options.oversize = Oversize::Refuse,
        |options| options.page_size_limit = 1,
        |options| options.first_page = 0,
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let (place, server) = (
            Place::new(),
            Server::start(|options| {
                options.page_size_limit = 8;
                form(options);
            }),
        );
        place.write("list.csv", server.sessions(3));
        place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
        let expected: Vec<_> = server
            .world()
            .sessions()
            .take(3)
            .flat_map(|session| server.world().participants(session.index).map(|id| [id.to_string()]))
            .collect();
        let export = Export::read(&place.path("out"));
        assert_eq!(export.values("participants", ["participant_id"]), expected, "form {number}");
    }
}

/// Messy values change no digit: what the sandbox says it sent is what the tables show.
#[test]
fn minutes_are_the_apis_own_digits() {
    let (place, server) = (Place::new(), Server::start(|options| options.world.messy = true));
    place.write("list.csv", server.pairs(300));
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    let minutes = |digits: &str| Minutes::parse(digits).unwrap().minutes.to_string();
    let mut expected_events = Vec::new();
    let expected: Vec<_> = (0..300)
        .map(|index| {
            let expected = server.world().expected(index);
            let id = server.world().participant_id(index).to_string();
            for digits in expected.event_minutes.into_iter().flatten() {
                expected_events.push([id.clone(), digits.as_deref().map(minutes).unwrap_or_default()]);
            }
            [id, expected.duration.as_deref().map(minutes).unwrap_or_default()]
        })
        .collect();
    assert_eq!(export.values("participants", ["participant_id", "duration_minutes"]), expected);
    assert_eq!(export.values("peer_events", ["participant_id", "minutes_consumed"]), expected_events);
}

#[test]
fn two_rebuilds_of_one_log_are_byte_identical() {
    let (place, server) = (Place::new(), Server::start(|options| options.world.messy = true));
    place.write("list.csv", server.pairs(300));
    for format in ["parquet", "csv"] {
        let run = format!("run list.csv -o {format} --with-sessions --format {format}");
        place.rtk(&run).against(&server).ends(0);
        let before = server.requests();
        let rebuilds = ["first", "second"].map(|name| {
            let output = format!("{format}-{name}");
            place.rtk(&format!("rebuild {format} -o {output}")).ends(0);
            tree(&place.path(&output))
        });
        assert_eq!(server.requests(), before, "a rebuild asks for nothing");
        let tables = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
            let mut files = files.clone();
            files.remove("manifest.json");
            files
        };
        assert!(tables(&rebuilds[0]).len() >= 9, "{:?}", rebuilds[0].keys());
        for (name, bytes) in tables(&rebuilds[0]) {
            assert!(bytes == rebuilds[1][&name], "{name} differs");
            assert!(
                bytes == fs::read(place.path(format).join(&name)).unwrap(),
                "{name} differs from the run's"
            );
        }
    }
}

#[test]
fn a_rebuild_makes_another_format_in_another_place_or_its_own() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(50));
    place.rtk("run list.csv -o out --format csv").against(&server).ends(0);
    let as_run = Export::read(&place.path("out"));
    place.rtk("rebuild out -o parquet --format parquet").ends(0);
    assert!(place.path("parquet/participants/part-00000.parquet").exists());
    place.rtk("rebuild out --format parquet --no-rollups").ends(0);
    let files = tree(&place.path("out"));
    assert!(!files.keys().any(|name| name.contains(".csv")), "{:?}", files.keys());
    place.rtk("rebuild out --format csv").ends(0);
    as_run.equals(&Export::read(&place.path("out")));
}

#[test]
fn excel_gets_a_bom_and_no_formulas() {
    let (place, server) = (Place::new(), Server::start(|options| options.world.messy = true));
    place.write("list.csv", server.pairs(300));
    place.rtk("run list.csv -o plain --format csv").against(&server).ends(0);
    place.rtk("run list.csv -o excel --format csv --excel").against(&server).ends(0);
    let plain = fs::read_to_string(place.path("plain/participants/part-00000.csv")).unwrap();
    let excel = fs::read_to_string(place.path("excel/participants/part-00000.csv")).unwrap();
    assert!(excel.starts_with('\u{feff}') && !plain.starts_with('\u{feff}'));
    let names = |text: &str| -> Vec<String> {
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let column = reader.headers().unwrap().iter().position(|name| name == "display_name").unwrap();
        reader.records().map(|row| row.unwrap()[column].to_owned()).collect()
    };
    let (plain, excel) = (names(&plain), names(&excel));
    let formula = |name: &String| name.starts_with(['=', '+', '-', '@']);
    assert!(plain.iter().any(formula), "the messy world has formulas");
    assert!(!excel.iter().any(formula));
}

#[test]
fn every_table_is_written_and_the_manifest_counts_it() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(40));
    let output = place.rtk("run list.csv -o out").against(&server).ends(0);
    let manifest = whole_manifest(&place.path("out")).unwrap();
    let tables = manifest["tables"].as_array().unwrap();
    let names: Vec<_> = tables.iter().map(|table| table["name"].as_str().unwrap()).collect();
    for table in Table::of(CallStatistics::LeftOut) {
        assert!(names.contains(&table.name()), "{names:?}");
        assert!(place.path("out").join(table.name()).join("part-00000.parquet").exists());
    }
    let rows = |name: &str| tables.iter().find(|table| table["name"] == name).unwrap()["rows"].clone();
    assert_eq!((rows("participants"), rows("id_list"), rows("sessions")), (40.into(), 40.into(), 0.into()));
    assert_eq!(manifest["totals"]["participants"], 40);
    assert_eq!(manifest["failures"]["total"], 0);
    assert_eq!(manifest["source"]["lists"][0]["rows"], 40);
    assert_eq!(manifest["api"]["base_url"], server.base_url().as_str());
    assert!(manifest["totals"]["minutes_consumed"].is_string(), "decimals are strings");
    // A short summary says where the files are.
    assert!(output.stderr.contains("40 participants") && output.stderr.contains("out"), "{output}");
}

#[test]
fn without_peer_events_there_are_none_and_no_minutes_of_theirs() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    place.rtk("run list.csv -o out --format csv --no-peer-events --no-rollups").against(&server).ends(0);
    let export = Export::read(&place.path("out"));
    assert!(export.rows("peer_events").is_empty());
    assert_eq!(export.values("participants", ["minutes_consumed", "peer_event_count"]), [["", ""]; 10]);
    assert!(
        !place.path("out/rollups").exists() || fs::read_dir(place.path("out/rollups")).unwrap().count() == 0
    );
}

#[test]
fn progress_is_a_line_or_a_json_object_and_stdout_is_for_results() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(10));
    let quiet = place.rtk("run list.csv -o quiet -q").against(&server).ends(0);
    assert_eq!(quiet.stderr, "");
    let json = place.rtk("run list.csv -o json --log-format json").against(&server).ends(0);
    for line in json.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(json.stderr.lines().any(|line| line.contains("\"event\":\"summary\"")), "{json}");
    let verbose = place.rtk("run list.csv -o verbose -v").against(&server).ends(0);
    assert!(verbose.stderr.contains("concurrency") && verbose.stderr.contains("32"), "{verbose}");
}
