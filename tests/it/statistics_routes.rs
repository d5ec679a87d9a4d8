//! Call statistics by every route: equal rows, the fewest requests, nobody lost where a report is.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use rtk_export::model::Minutes;
use rtk_export::sandbox::{DetailsFilters, Kind, SandboxOptions, Sizes, StatsShape, WorldOptions, Wrapper};
use serde_json::Value;

use crate::support::{Export, Place, Server, faults, log_lines, manifest};

/// The issue's own sizes: all participants of 500 sessions, the nth of them having a nth of the largest.
const SESSIONS: u64 = 500;
const PARTICIPANTS: u64 = 50_000;

/// Requests of a kind that a server saw.
fn asked(server: &Server, kind: Kind) -> u64 {
    server.stats().by_kind.get(&kind).copied().unwrap_or(0)
}

/// Details, peer reports and pages that a server saw.
fn asked_each(server: &Server) -> [u64; 3] {
    [Kind::Details, Kind::PeerReport, Kind::Participants].map(|kind| asked(server, kind))
}

fn ignoring(options: &mut SandboxOptions) {
    options.details_filters = DetailsFilters::Ignored;
}

/// How many exported participants have no statistics, as the warnings tell.
fn without_statistics(manifest: &Value) -> Option<u64> {
    let mut warnings = manifest["warnings"].as_array().unwrap().iter();
    warnings.find(|warning| warning["code"] == "no_call_statistics")?["count"].as_u64()
}

/// Whether whoever starts the tests asked for the large ones.
#[expect(clippy::disallowed_methods, reason = "how long to test is for whoever starts the tests to say")]
fn is_long() -> bool {
    std::env::var_os("RTK_EXPORT_LONG_TESTS").is_some()
}

#[test]
fn every_route_gives_equal_rows() {
    let routes = [
        ("--stats-from details", DetailsFilters::Honoured, Wrapper::Wrapped),
        ("--stats-from auto", DetailsFilters::Honoured, Wrapper::Wrapped),
        ("--stats-from auto", DetailsFilters::Ignored, Wrapper::Flat),
        ("--stats-from peer-report", DetailsFilters::Ignored, Wrapper::Wrapped),
        ("--stats-from peer-report --fetch list", DetailsFilters::Ignored, Wrapper::Flat),
        ("--stats-from peer-report --fetch detail", DetailsFilters::Honoured, Wrapper::Wrapped),
        ("--stats-from auto --fetch detail", DetailsFilters::Ignored, Wrapper::Flat),
    ];
    for (messy, shape) in [(true, StatsShape::New), (false, StatsShape::Old)] {
        let place = Place::new();
        let mut exports = Vec::new();
        for (number, (flags, details_filters, report_wrapper)) in routes.into_iter().enumerate() {
            let server = Server::start(|options| {
                options.world = WorldOptions { participants: 80, per_session: 8, messy, ..options.world };
                (options.details_filters, options.report_wrapper) = (details_filters, report_wrapper);
                (options.stats_shape, options.page_size_limit, options.samples) = (shape, 5, 3);
            });
            // Pairs of some sessions, all of others.
            let pairs = server.pairs(60);
            let some = pairs.lines().enumerate().filter(|(n, _)| n % 3 != 2).map(|(_, line)| line);
            place.write("pairs.csv", some.collect::<Vec<_>>().join("\n"));
            let everyone = server.world().sessions().skip(5).map(|session| format!("{}\n", session.id));
            place.write("everyone.csv", format!("session_id\n{}", everyone.collect::<String>()));
            let run = format!("run pairs.csv everyone.csv -o {number} --format csv --filters all {flags}");
            place.rtk(&run).against(&server).ends(0);
            exports.push(Export::read(&place.path(&number.to_string())));
        }
        assert!(exports[0].rows("quality_samples").len() > 100);
        for other in &exports[1..] {
            exports[0].equals(other);
        }
    }
}

#[test]
fn each_participant_costs_one_request_and_finding_out_where_one_more() {
    use DetailsFilters::{Honoured, Ignored};
    let cases = [
        ("pairs", Honoured, "auto", [60, 0, 0]),
        ("pairs", Ignored, "auto", [1, 60, 0]),
        ("pairs", Ignored, "peer-report", [0, 60, 0]),
        ("sessions", Honoured, "auto", [60, 0, 4]),
        ("sessions", Ignored, "auto", [1, 60, 4]),
        ("sessions", Ignored, "peer-report --fetch list", [0, 60, 4]),
    ];
    for (list, details_filters, source, expected) in cases {
        let server = Server::start(|options| {
            options.world =
                WorldOptions { participants: 60, per_session: 15, sizes: Sizes::Fixed, ..options.world };
            options.details_filters = details_filters;
        });
        let place = Place::new();
        place.write("pairs.csv", server.pairs(60));
        place.write("sessions.csv", server.sessions(4));
        let run = format!("run {list}.csv -o out --filters all --stats-from {source}");
        place.rtk(&run).against(&server).ends(0);
        assert_eq!(asked_each(&server), expected, "{list} {source}");
        let manifest = manifest(&place.path("out"));
        assert_eq!(manifest["requests"]["sent"], expected.iter().sum::<u64>());
        let saved = if source.contains("list") { 60 } else { 0 };
        assert_eq!(manifest["requests"]["saved_by_listing"], saved, "{list} {source}");
        assert_eq!(without_statistics(&manifest), None);
    }
}

/// Without statistics, pages do what details would: the issue's own bound.
#[test]
fn fifty_thousand_participants_need_at_most_2_percent_of_their_details() {
    let skewed = |participants| {
        move |options: &mut SandboxOptions| {
            let per_session = PARTICIPANTS / SESSIONS;
            options.world = WorldOptions { participants, per_session, sizes: Sizes::Skewed, ..options.world };
        }
    };
    let place = Place::new();
    let server = Server::start(skewed(PARTICIPANTS));
    assert_eq!(server.world().session_count(), SESSIONS);
    place.write("all.csv", server.pairs(usize::MAX));
    place.rtk("run all.csv -o all --no-rollups --no-peer-events").against(&server).ends(0);
    let requests = &manifest(&place.path("all"))["requests"];
    let sent = requests["sent"].as_u64().unwrap();
    assert!(sent * 50 <= PARTICIPANTS, "{sent} requests");
    assert_eq!(requests["saved_by_listing"], PARTICIPANTS - sent);
    assert_eq!(manifest(&place.path("all"))["totals"]["participants"], PARTICIPANTS);

    let server = Server::start(skewed(if is_long() { PARTICIPANTS } else { PARTICIPANTS / 10 }));
    place.write("list.csv", server.pairs(usize::MAX));
    let [auto, detail] = ["auto", "detail"].map(|fetch| {
        let run = format!("run list.csv -o {fetch} --format csv --fetch {fetch}");
        place.rtk(&run).against(&server).ends(0);
        Export::read(&place.path(fetch))
    });
    auto.equals(&detail);
    let saved = |fetch| manifest(&place.path(fetch))["requests"]["saved_by_listing"].as_u64();
    assert_eq!(saved("detail"), Some(0));
    assert!(asked(&server, Kind::Details) == server.world().participant_count(), "detail asks for each");
}

/// Old participants have no statistics any more; they are exported by what else the API has of them.
#[test]
fn a_report_that_is_unknown_is_a_warning_and_its_participant_is_exported() {
    let start = |rules: &[&str]| {
        Server::start(|options| {
            options.world = WorldOptions { participants: 60, per_session: 15, ..options.world };
            ignoring(options);
            options.faults = faults(rules);
        })
    };
    let whole = start(&[]);
    // The first ones are the oldest, as in most lists.
    let server = start(&["match peer-report 1-20: 404"]);
    let place = Place::new();
    place.write("list.csv", server.pairs(60));
    let run = "run list.csv --format csv --filters all --concurrency 1";
    place.rtk(&format!("{run} -o whole")).against(&whole).ends(0);
    place.rtk(&format!("{run} -o out --max-failures 0")).against(&server).ends(0);
    let [expected, export] = ["whole", "out"].map(|name| Export::read(&place.path(name)));
    for table in ["participants", "peer_events", "id_list", "failures"] {
        assert_eq!(export.rows(table), expected.rows(table), "{table}");
    }
    let missing =
        export.values("call_stats", ["source_shape"]).iter().filter(|[shape]| shape.is_empty()).count();
    assert_eq!(missing, 20);
    assert_eq!(without_statistics(&manifest(&place.path("out"))), Some(20));
    // Four probes, then reports alone; pages instead of details for those whose report was unknown.
    let [details, reports, pages] = asked_each(&server);
    assert_eq!(reports, 60);
    assert!(details <= 8 && pages >= 1, "{details} details, {pages} pages");
}

#[test]
fn a_report_that_fails_is_a_failure_to_be_fed_back() {
    let server = Server::start(|options| {
        options.world = WorldOptions { participants: 30, ..options.world };
        ignoring(options);
        options.faults = faults(&["match peer-report 5-7: 503 x3"]);
    });
    let place = Place::new();
    place.write("list.csv", server.pairs(30));
    let run = "--format csv --filters all --stats-from peer-report --retries 0 --concurrency 1";
    let output = place.rtk(&format!("run list.csv -o out {run}")).against(&server).ends(3);
    assert!(output.stderr.contains("3 failures"), "{output}");
    let export = Export::read(&place.path("out"));
    assert_eq!(export.rows("participants").len(), 30);
    assert!(export.values("id_list", ["status"]).iter().all(|[status]| *status == "exported"));
    let failed: Vec<_> = export.values("failures", ["participant_id", "reason", "http_status"]);
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|row| row[1..] == ["retries_exhausted", "503"]), "{failed:?}");
    // The rows are a list of whom to ask again.
    place.rtk(&format!("run out/failures/part-00000.csv -o rest {run}")).against(&server).ends(0);
    let rest = Export::read(&place.path("rest"));
    let had: BTreeSet<_> = rest.values("call_stats", ["participant_id"]).into_iter().map(|[id]| id).collect();
    assert_eq!(had, failed.iter().map(|row| row[0]).collect());
    assert!(!rest.rows("quality_samples").is_empty());
}

#[test]
fn a_stopped_run_goes_on_where_statistics_come_from_and_asks_the_failed_again() {
    for change in [ignoring as fn(&mut SandboxOptions), |_| ()] {
        let start = |rules: &[&str]| {
            Server::start(|options| {
                options.world = WorldOptions { participants: 80, ..options.world };
                options.record_requests = true;
                change(options);
                options.faults = faults(rules);
            })
        };
        let server = start(&["match filters 21-23: 503 x3"]);
        let place = Place::new();
        place.write("list.csv", server.pairs(80));
        let run = "run list.csv --format csv --filters all --retries 0 --concurrency 2";
        place.rtk(&format!("{run} -o out --max-failures 2")).against(&server).ends(5);
        let other = run.replace("--filters all", "--filters events");
        place.rtk(&format!("{other} -o out")).against(&server).ends(2).says(&["--filters"]);
        place
            .rtk(&format!("{run} -o out --stats-from details"))
            .against(&server)
            .ends(2)
            .says(&["--stats-from"]);
        place.rtk(&format!("{run} -o out")).against(&server).ends(0);
        assert!(server.answered_paths().values().all(|times| *times == 1), "something was fetched twice");
        let unbroken = start(&[]);
        place.rtk(&format!("{run} -o unbroken")).against(&unbroken).ends(0);
        Export::read(&place.path("out")).equals(&Export::read(&place.path("unbroken")));
    }
}

/// A peer report is asked for without a session: one of another session is nobody of this one.
#[test]
fn a_participant_of_another_session_is_not_found_there() {
    let server = Server::start(|options| {
        ignoring(options);
        options.stats_shape = StatsShape::New;
    });
    let place = Place::new();
    let world = server.world();
    let (session, other) = (world.session_id(0), world.participants(1).next().unwrap());
    place.write("list.csv", format!("session_id,participant_id\n{session},{other}\n"));
    for source in ["peer-report", "auto"] {
        let run = format!("run list.csv -o {source} --format csv --filters all --stats-from {source}");
        place.rtk(&run).against(&server).ends(3);
        let export = Export::read(&place.path(source));
        assert!(export.rows("participants").is_empty());
        assert_eq!(export.values("failures", ["reason", "http_status"]), [["not_found", "404"]]);
    }
}

/// The fields of the vendor's page "Fetch details of a participant", and their columns.
const PARTICIPANT: [(&str, &str); 10] = [
    ("id", "participant_id"),
    ("created_at", "created_at"),
    ("custom_participant_id", "custom_participant_id"),
    ("display_name", "display_name"),
    ("duration", "duration_minutes"),
    ("joined_at", "joined_at"),
    ("left_at", "left_at"),
    ("preset_name", "preset_name"),
    ("updated_at", "updated_at"),
    ("user_id", "user_id"),
];
/// The same of `peer_events`, the eleventh field.
const PEER_EVENT: [(&str, &str); 10] = [
    ("id", "event_id"),
    ("created_at", "created_at"),
    ("event_name", "event_name"),
    ("minutes_consumed", "minutes_consumed"),
    ("participant_id", "reported_participant_id"),
    ("peer_id", "peer_id"),
    ("preset_view_type", "preset_view_type"),
    ("session_id", "reported_session_id"),
    ("socket_session_id", "socket_session_id"),
    ("updated_at", "updated_at"),
];

/// A value as CSV has it.
fn cell(column: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if column.ends_with("_at") => {
            let time = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            <DateTime<Utc>>::to_rfc3339_opts(&time, SecondsFormat::Micros, true)
        }
        Value::String(text) => text.clone(),
        Value::Number(minutes) => Minutes::parse(&minutes.to_string()).unwrap().minutes.to_string(),
        other => panic!("{other}"),
    }
}

/// Every parameter of the vendor's page is sent as it says, every field of its reply is in its column.
#[test]
fn the_vendors_page_is_followed_to_the_letter() {
    let server = Server::start(|options| options.record_requests = true);
    let place = Place::new();
    place.write("list.csv", server.pairs(8));
    let all = "device_info,ip_information,precall_network_information,events,quality_stats";
    let filters = ["none", "all"].into_iter().chain(all.split(','));
    let mut sent = 0;
    for (filters, events) in filters.flat_map(|filters| [(filters, true), (filters, false)]) {
        let output = format!("{filters}-{events}");
        let events_flag = format!("--no-peer-events={}", !events);
        let run = format!("run list.csv -o {output} --format csv --fetch detail {events_flag}");
        place.rtk(&format!("{run} --filters {filters}")).against(&server).ends(0);
        let parameters = [
            match filters {
                "none" => None,
                "all" => Some(format!("filters={all}")),
                one => Some(format!("filters={one}")),
            },
            events.then(|| "include_peer_events=true".to_owned()),
        ];
        let query = parameters.into_iter().flatten().collect::<Vec<_>>().join("&");
        let query = if query.is_empty() { query } else { format!("?{query}") };
        let mut expected: Vec<_> = server
            .world()
            .pairs()
            .take(8)
            .map(|(session, participant)| {
                let base = "/client/v4/accounts/account/realtime/kit/app/sessions";
                format!("{base}/{session}/participants/{participant}{query}")
            })
            .collect();
        let mut paths = server.paths().split_off(sent);
        sent += paths.len();
        paths.sort();
        expected.sort();
        assert_eq!(paths, expected);
        the_fields_are_in_their_columns(&place, &output, events);
        if filters != "none" {
            the_groups_are_in_their_columns(&place, &output, filters);
        }
    }
}

fn the_fields_are_in_their_columns(place: &Place, output: &str, with_events: bool) {
    let export = Export::read(&place.path(output));
    let lines = log_lines(&place.path(output)).into_iter().map(|line| serde_json::from_str(&line).unwrap());
    let bodies = lines.map(|line: Value| line["body"].clone()).filter(Value::is_object);
    let mut of_participants = BTreeSet::new();
    let mut events = Vec::new();
    let mut of_events = BTreeSet::new();
    for body in bodies {
        assert_eq!(body["success"], true);
        let record = &body["data"]["participant"];
        let id = record["id"].as_str().unwrap();
        let row = export.rows("participants").iter().find(|row| row["participant_id"] == id).unwrap();
        for (field, column) in PARTICIPANT {
            assert_eq!(row[column], cell(column, &record[field]), "{field}");
            of_participants.extend(record.get(field).map(|_| field));
        }
        assert_eq!(record.get("peer_events").is_some(), with_events);
        for (index, event) in record["peer_events"].as_array().into_iter().flatten().enumerate() {
            events.push((id.to_owned(), index));
            let rows = export.rows("peer_events").iter();
            let is = |row: &&std::collections::BTreeMap<String, String>| {
                row["participant_id"] == id && row["event_index"] == index.to_string()
            };
            let row = rows.clone().find(is).unwrap();
            for (field, column) in PEER_EVENT {
                assert_eq!(row[column], cell(column, &event[field]), "{field}");
                of_events.extend(event.get(field).map(|_| field));
            }
        }
    }
    assert_eq!(of_participants.len(), PARTICIPANT.len());
    assert_eq!(of_events.len(), if with_events { PEER_EVENT.len() } else { 0 });
    assert_eq!(export.rows("peer_events").len(), events.len());
    assert!(export.values("participants", ["extra"]).iter().all(|[extra]| extra.is_empty()));
}

/// Each filter brings its own group of statistics, and no other.
fn the_groups_are_in_their_columns(place: &Place, output: &str, filters: &str) {
    let export = Export::read(&place.path(output));
    let stats = export.rows("call_stats");
    assert_eq!(stats.len(), 8);
    let has = |prefix: &str| {
        let of_group = |(column, value): (&String, &String)| column.starts_with(prefix) && !value.is_empty();
        stats.iter().flatten().any(of_group)
    };
    let wanted = |filter| filters == filter || filters == "all";
    assert_eq!(has("device_"), wanted("device_info"), "{filters}");
    assert_eq!(has("ip_"), wanted("ip_information"), "{filters}");
    assert_eq!(has("precall_"), wanted("precall_network_information"), "{filters}");
    assert_eq!(!export.rows("call_events").is_empty(), wanted("events"), "{filters}");
    assert_eq!(!export.rows("quality_samples").is_empty(), wanted("quality_stats"), "{filters}");
}
