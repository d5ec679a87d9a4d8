//! `doctor` gives the right answers against the sandbox in each of its variants, in few requests.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use rtk_export::sandbox::{
    DetailsFilters, ErrorEnvelope, Oversize, PagingPlace, RateHeaders, RateLimit, ReportFilters,
    SandboxOptions, SessionWindow, Sizes, StatsShape, WindowKind, Wrapper,
};
use serde_json::Value;

use crate::support::{Output, Place, Server, UNLIMITED};

/// What is ever sent.
const AT_MOST: u64 = 20;

/// What a doctor said.
struct Diagnosis {
    output: Output,
    report: Value,
    checks: BTreeMap<String, (String, String)>,
}

impl Diagnosis {
    /// The answers to these questions must be these, each with its verdict.
    fn says(self, expected: &[(&str, &str, &str)]) -> Self {
        for (name, verdict, answer) in expected {
            let (said_verdict, said_answer) = &self.checks[*name];
            let said = (said_verdict.as_str(), said_answer.as_str());
            assert_eq!(said, (*verdict, *answer), "{name}\n{}", self.output);
        }
        self
    }

    fn settings(&self) -> Vec<&str> {
        let settings = self.report["settings"].as_array().unwrap();
        settings.iter().map(|setting| setting.as_str().unwrap()).collect()
    }

    /// The sentence of what was seen.
    fn seen(&self, name: &str) -> &str {
        let checks = self.report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["seen"].as_str().unwrap()
    }
}

/// Asks a sandbox; the exit code must be this one, also in the report.
fn examine(server: &Server, args: &str, code: i32) -> Diagnosis {
    let before = server.requests();
    let place = Place::new();
    let output = place.rtk(&format!("doctor --format json {args}")).against(server).ends(code);
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(report["exit_code"], code, "{output}");
    let sent = server.requests() - before;
    assert_eq!(report["requests"]["sent"], sent, "{output}");
    assert!(sent <= AT_MOST, "{output}");
    assert_eq!(report["requests"]["at_most"], AT_MOST);
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    let checks = checks
        .iter()
        .map(|check| (text(check, "name"), (text(check, "verdict"), text(check, "answer"))))
        .collect();
    Diagnosis { output, report, checks }
}

/// Asks a sandbox of a variant that exports well.
fn fine(change: impl FnOnce(&mut SandboxOptions)) -> Diagnosis {
    examine(&Server::start(change), "", 0)
}

#[test]
fn the_report_for_people() {
    let server = Server::start(|options| options.app = Some("app".to_owned()));
    let output = Place::new().rtk("doctor").against(&server).ends(0).says(&["at most 20 requests"]);
    let address = server.base_url();
    let shown = output.stdout.replace(&address, "http://SANDBOX/client/v4");
    let mut settings = insta::Settings::clone_current();
    // Where the line breaks depends on how long the time is.
    settings.add_filter(r"\([0-9a-z\s]+ ago\);\s+of\s+15", "(SOME TIME ago); of 15");
    settings.bind(|| insta::assert_snapshot!(shown));
}

#[test]
fn the_report_for_machines_has_its_fields() {
    let Diagnosis { report, checks, .. } = fine(|options| options.app = Some("app".to_owned()));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let fields =
        "account_id app_id base_url checks exit_code participant_id requests session_id settings verdict";
    let mut found = keys(&report);
    found.sort();
    assert_eq!(found.join(" "), fields);
    let mut found = keys(&report["checks"][0]);
    found.sort();
    assert_eq!(found.join(" "), "answer follows name seen setting verdict");
    assert_eq!(checks.len(), 16);
    assert_eq!(report["verdict"], "open");
}

#[test]
fn the_token_the_account_and_the_app() {
    let ours = |options: &mut SandboxOptions| options.app = Some("app".to_owned());
    fine(ours).says(&[("token", "ok", "user"), ("access", "ok", "allowed"), ("app", "ok", "found")]);
    // Any app is taken, but listed is another.
    fine(|_| ()).says(&[("access", "ok", "allowed"), ("app", "note", "missing")]);

    for errors in [ErrorEnvelope::Realtimekit, ErrorEnvelope::V4] {
        let server = Server::start(|options| options.errors = errors);
        let place = Place::new();
        let run = place.rtk("doctor").against(&server).env("CLOUDFLARE_API_TOKEN", "another");
        let output = run.ends(4);
        assert!(output.stdout.contains("Authentication error"), "{output}");
        assert_eq!(output.stdout.contains("code 10000"), errors == ErrorEnvelope::V4, "{output}");
        assert_eq!(server.requests(), 3, "nothing more is asked");
        let output =
            place.rtk("doctor --format json").against(&server).env("CLOUDFLARE_API_TOKEN", "another");
        assert!(output.ends(4).stdout.contains(r#""answer": "refused""#));
    }

    let server = Server::start(|options| options.account = Some("theirs".to_owned()));
    let diagnosis = examine(&server, "", 4);
    diagnosis.says(&[
        ("token", "ok", "user"),
        ("access", "failed", "forbidden"),
        ("sample", "open", "unknown"),
    ]);
    let server = Server::start(|options| options.app = Some("theirs".to_owned()));
    let diagnosis = examine(&server, "", 2);
    let diagnosis = diagnosis.says(&[("access", "failed", "not_found"), ("app", "failed", "missing")]);
    assert!(diagnosis.seen("app").contains("theirs"));
    assert!(diagnosis.settings().is_empty());
}

#[test]
fn a_token_that_the_account_owns_or_that_cannot_be_verified() {
    let with = |rules: &[&str]| examine(&Server::with_faults(rules), "", 0);
    with(&["match user/tokens: 401"]).says(&[("token", "ok", "account"), ("access", "ok", "allowed")]);
    with(&["match tokens/verify: 403"]).says(&[("token", "note", "unverified"), ("minutes", "ok", "events")]);
    with(&["match kit/apps: 403"]).says(&[("app", "open", "not_listed"), ("minutes", "ok", "events")]);
}

#[test]
fn an_api_that_does_not_answer() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(|_| ());
    let place = Place::new();
    let nobody = format!("http://{address}/client/v4");
    let output = place.rtk("doctor").against(&server).env("CLOUDFLARE_BASE_URL", &nobody).ends(5);
    assert!(output.stdout.contains("failed   access"), "{output}");

    let with = |rules: &[&str], code| examine(&Server::with_faults(rules), "", code);
    with(&["match sessions?: 503"], 5).says(&[("access", "failed", "unavailable")]);
    with(&["match sessions?: html 403"], 4).says(&[("access", "failed", "forbidden")]);
    with(&["match sessions?: shape"], 1).says(&[("access", "failed", "unreadable")]);
    with(&["match peer-report: 404"], 0)
        .says(&[("report_filters", "open", "not_found"), ("report_unfiltered", "open", "not_found")]);
    let diagnosis = with(&["match participants/: 500"], 3);
    diagnosis.says(&[("list_and_details", "warning", "no_answer"), ("minutes", "ok", "events")]);
    // A passing 429 is waited out.
    with(&["4: 429 retry-after 1"], 0).says(&[("minutes", "ok", "events")]);
}

#[test]
fn retries_are_bounded_over_all_requests() {
    let server = Server::with_faults(&["every 2: 503"]);
    let output = Place::new().rtk("doctor").against(&server).output();
    assert!(server.requests() <= AT_MOST, "{output}");
    assert!(output.stdout.contains("result"), "{output}");
}

#[test]
fn sizes_of_pages() {
    let large = |options: &mut SandboxOptions| {
        options.world.sizes = Sizes::Fixed;
        options.world.per_session = 150;
    };
    fine(large).says(&[
        ("page_size", "ok", "100"),
        ("default_page_size", "ok", "25"),
        ("minutes", "open", "unknown"),
    ]);
    fine(|options| options.page_size_limit = 10).says(&[
        ("page_size", "note", "10"),
        ("default_page_size", "ok", "10"),
        ("first_page", "ok", "1"),
    ]);
    fine(|options| options.page_size_default = 7).says(&[("default_page_size", "ok", "7")]);
    fine(|options| {
        options.page_size_limit = 30;
        options.oversize = Oversize::Refuse;
    })
    .says(&[
        ("access", "ok", "allowed"),
        ("page_size", "note", "refused"),
        ("default_page_size", "ok", "25"),
        ("first_page", "ok", "1"),
        ("session_window", "ok", "created"),
    ]);
}

#[test]
fn the_first_page() {
    fine(|_| ()).says(&[("first_page", "ok", "1")]);
    fine(|options| options.first_page = 0).says(&[
        ("first_page", "note", "0"),
        ("default_page_size", "ok", "25"),
        ("minutes", "ok", "events"),
    ]);
    // Sessions that one page of the default size holds.
    for (first_page, verdict, answer) in [(0, "note", "0"), (1, "ok", "1")] {
        for per_session in [1, 2, 3] {
            fine(|options| {
                options.first_page = first_page;
                options.world.sizes = Sizes::Fixed;
                options.world.per_session = per_session;
            })
            .says(&[("first_page", verdict, answer)]);
        }
    }
    let server = Server::start(|options| {
        options.first_page = 0;
        options.paging = PagingPlace::Absent;
    });
    let diagnosis =
        examine(&server, "", 3).says(&[("first_page", "warning", "0"), ("paging", "note", "absent")]);
    assert_eq!(diagnosis.settings(), ["--fetch detail"]);
}

#[test]
fn the_place_of_paging() {
    for (place, verdict, answer, sessions) in [
        (PagingPlace::Documented, "ok", "data", "at the top level for sessions"),
        (PagingPlace::Top, "ok", "top", "at the top level for sessions"),
        (PagingPlace::Data, "ok", "data", "in data for sessions"),
        (PagingPlace::Absent, "note", "absent", "nowhere for sessions"),
    ] {
        let diagnosis = fine(|options| options.paging = place).says(&[
            ("paging", verdict, answer),
            ("first_page", "ok", "1"),
            ("minutes", "ok", "events"),
        ]);
        assert!(diagnosis.seen("paging").contains(sessions), "{}", diagnosis.output);
    }
}

#[test]
fn where_statistics_come_from() {
    for (shape, name) in [(StatsShape::Old, "old"), (StatsShape::New, "new")] {
        for (filters, verdict, answer, settings) in [
            (DetailsFilters::Honoured, "ok", "honoured", &[][..]),
            (DetailsFilters::Ignored, "note", "ignored", &["--stats-from peer-report"]),
            (DetailsFilters::Refused, "note", "refused", &["--stats-from peer-report"]),
        ] {
            for (wrapper, place) in [(Wrapper::Flat, "in data"), (Wrapper::Wrapped, "in data.participant")] {
                let diagnosis = fine(|options| {
                    options.stats_shape = shape;
                    options.details_filters = filters;
                    options.report_wrapper = wrapper;
                });
                let diagnosis = diagnosis.says(&[
                    ("details_filters", verdict, answer),
                    ("report_filters", "ok", "list"),
                    ("report_unfiltered", "ok", "everything"),
                    ("list_and_details", "ok", "equal"),
                ]);
                assert_eq!(diagnosis.settings(), settings);
                let seen = diagnosis.seen("report_filters");
                assert!(seen.contains(&format!("{name} shape")) && seen.ends_with(place), "{seen}");
            }
        }
        let server = Server::start(|options| {
            options.stats_shape = shape;
            options.report_filters = ReportFilters::Single;
        });
        examine(&server, "", 3)
            .says(&[("report_filters", "warning", "single"), ("report_unfiltered", "ok", "everything")]);
    }
}

#[test]
fn what_the_headers_say_of_the_quota() {
    let quota = |headers, kind| {
        let limit = RateLimit { headers, kind, ..RateLimit::new(100_000, Duration::from_secs(10)) };
        fine(|options| options.rate_limit = Some(limit))
    };
    for kind in [WindowKind::Sliding, WindowKind::Fixed] {
        quota(RateHeaders::True, kind).says(&[("quota", "ok", "moving")]);
    }
    for (headers, verdict, answer) in [
        (RateHeaders::Absent, "note", "absent"),
        (RateHeaders::Frozen, "note", "frozen"),
        (RateHeaders::Malformed, "note", "unreadable"),
        (RateHeaders::Items, "ok", "moving"),
        (RateHeaders::Lines, "ok", "moving"),
    ] {
        let diagnosis = quota(headers, WindowKind::Sliding).says(&[("quota", verdict, answer)]);
        if verdict == "ok" || answer == "frozen" {
            assert!(diagnosis.seen("quota").contains("100000/10s (default)"), "{}", diagnosis.output);
        }
    }
    // A ceiling that was set is told beside it.
    let limit = RateLimit::new(100_000, Duration::from_secs(10));
    let server = Server::start(|options| options.rate_limit = Some(limit));
    let diagnosis = examine(&server, &format!("--rate {UNLIMITED}"), 0);
    let quota = diagnosis.report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "quota");
    assert!(quota.unwrap()["follows"].as_str().unwrap().contains("1000000/1s stays the ceiling"));
}

#[test]
fn what_a_window_selects() {
    fine(|options| options.session_window = SessionWindow::Created).says(&[(
        "session_window",
        "ok",
        "created",
    )]);
    fine(|options| options.session_window = SessionWindow::Open).says(&[("session_window", "note", "open")]);
}

#[test]
fn sessions_that_tell_less() {
    fine(|options| options.world.participants = 0).says(&[
        ("access", "note", "no_sessions"),
        ("sample", "open", "unknown"),
        ("page_size", "open", "unknown"),
        ("settling", "open", "unknown"),
    ]);
    fine(|options| options.world.live_sessions = 1_000_000).says(&[
        ("sample", "note", "live"),
        ("first_page", "ok", "1"),
        ("list_and_details", "open", "unknown"),
        ("minutes", "open", "unknown"),
        ("session_window", "open", "unknown"),
    ]);
    fine(|options| options.world.live_sessions = 1)
        .says(&[("sample", "ok", "ended"), ("settling", "note", "30")]);
    // Odd values make sums that do not add up, and nothing worse.
    let server = Server::start(|options| options.world.messy = true);
    examine(&server, "", 3).says(&[("list_and_details", "ok", "equal"), ("minutes", "warning", "neither")]);
}

#[test]
fn a_session_and_a_participant_of_ones_own_choice() {
    for wrapper in [Wrapper::Flat, Wrapper::Wrapped] {
        let server = Server::start(|options| {
            options.session_wrapper = wrapper;
            options.world.participants = 3000;
        });
        let (session, participant) = server.world().pairs().nth(2).unwrap();
        let diagnosis = examine(&server, &format!("--session {session} --participant {participant}"), 0);
        assert_eq!(diagnosis.report["session_id"], session.to_string());
        assert_eq!(diagnosis.report["participant_id"], participant.to_string());
        diagnosis.says(&[("sample", "ok", "ended"), ("list_and_details", "ok", "equal")]);
        let nobody = "00000000-0000-4000-8000-000000000000";
        examine(&server, &format!("--session {nobody}"), 2).says(&[("sample", "failed", "not_found")]);
        examine(&server, &format!("--session {session} --participant {nobody}"), 2)
            .says(&[("sample", "failed", "not_found"), ("paging", "ok", "data")]);
    }
    let place = Place::new();
    let server = Server::start(|_| ());
    place.rtk("doctor --session none").against(&server).ends(2).says(&["--session", "not a UUID"]);
    place.rtk("doctor --participant x").against(&server).ends(2);
    assert_eq!(server.requests(), 0);
}

#[test]
fn nothing_secret_or_personal_is_shown() {
    let server = Server::start(|options| options.token = "tok-4f1d-9b7e-secret".to_owned());
    for format in ["text", "json"] {
        let output = Place::new().rtk(&format!("doctor -v --format {format}")).against(&server).ends(0);
        let shown = format!("{}{}", output.stdout, output.stderr);
        for hidden in [server.token(), "203.0.113.", "Mozilla", "user-1"] {
            assert!(!shown.contains(hidden), "{hidden} in\n{output}");
        }
    }
}

#[test]
fn the_built_in_api_needs_no_account() {
    let output = Place::new().rtk("doctor --sandbox").ends(0);
    assert!(output.stdout.contains("ok       app                 among"), "{output}");
}
