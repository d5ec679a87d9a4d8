//! The judgements on what no variant of the sandbox says, and on anything at all.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::findings::Report as Details;
use super::findings::{Findings, Listing, Record, Refusal, SessionSeen, TokenSeen, Told};
use super::*;
use crate::error::Class;
use crate::fetch::{Left, Policy, QuotaTold};
use crate::wire::{self, Object};

const SESSION: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const PARTICIPANT: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// Reads a reply as the asker does.
fn read<T>(body: &Value, reader: fn(&Object<'_>, usize) -> Option<T>) -> Option<Told<T>> {
    let body = body.to_string();
    let root = wire::success(body.as_bytes()).ok()?;
    reader(&root, body.len()).map(Ok)
}

fn refused(status: u16) -> Refusal {
    Refusal { status: Some(status), api_code: None, message: "no".to_owned() }
}

fn subject() -> Subject {
    Subject {
        base_url: "https://api.example/client/v4".to_owned(),
        account_id: "acc".to_owned(),
        app_id: "app".to_owned(),
        session: None,
        participant: None,
        rate: None,
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn session(id: &str, times: [&str; 4], minutes: f64) -> Value {
    let [created, started, ended, updated] = times.map(|time| format!("2026-11-22T{time}Z"));
    json!({"id": id, "status": "ENDED", "created_at": created, "started_at": started, "ended_at": ended,
           "updated_at": updated, "minutes_consumed": minutes, "max_concurrent_participants": 2})
}

fn participant(id: &str, duration: f64, events: &[f64]) -> Value {
    let events: Vec<_> = events.iter().map(|minutes| json!({"minutes_consumed": minutes})).collect();
    json!({"id": id, "duration": duration, "display_name": "Ada", "peer_events": events})
}

/// An API that answers as the exporter expects it.
fn usual() -> Findings {
    let one = session(SESSION, ["10:00:00", "10:00:01", "11:00:00", "11:00:30"], 7.5);
    let sessions = json!({"success": true, "data": {"sessions": [one]}, "paging": {"total_count": 1}});
    let ada = participant(PARTICIPANT, 5.0, &[0.0, 5.0]);
    let others = participant("00000000-0000-4000-8000-000000000002", 2.5, &[2.5]);
    let page = |rows: &[&Value]| json!({"data": {"participants": rows, "paging": {"total_count": 2}}});
    let statistics = json!({"device_info": {"cpus": 4}, "events": []});
    let filtered = json!({"data": {"participant": {"id": PARTICIPANT, "peer_stats": statistics}}});
    let none = json!({"data": {"sessions": []}, "paging": {"total_count": 0}});
    let token = json!({"success": true, "result": {"status": "active"}});
    Findings {
        sent: 12,
        user_token: read(&token, TokenSeen::read),
        sessions: read(&sessions, Listing::sessions),
        apps: read(&json!({"data": [{"id": "app"}], "paging": {"total_count": 1}}), Listing::apps),
        session: read(&sessions, Listing::sessions).map(|told| told.map(|listing| listing.rows[0].clone())),
        participant: ParticipantId::parse(PARTICIPANT),
        first: read(&page(&[&ada, &others]), Listing::participants),
        page_one: read(&page(&[&ada, &others]), Listing::participants),
        page_two: read(&page(&[&others]), Listing::participants),
        details: read(&json!({"data": {"participant": ada}}), Details::read),
        details_filtered: read(&filtered, Details::read),
        report_of_two: read(&filtered, Details::read),
        report: read(&filtered, Details::read),
        around_the_end: read(&none, Listing::sessions),
        second_window: read(&sessions, Listing::sessions),
        ..Findings::default()
    }
}

/// The verdict and the answer to one question.
fn judged(findings: &Findings, name: &str) -> (&'static str, String) {
    let checks = checks::all(findings, &subject(), now());
    let check = checks.into_iter().find(|check| check.name == name).unwrap();
    (check.verdict.name(), check.answer)
}

fn is(findings: &Findings, name: &str, verdict: &str, answer: &str) {
    assert_eq!(judged(findings, name), (verdict, answer.to_owned()), "{name}");
}

#[test]
fn the_help_tells_how_many_requests_there_are_at_most() {
    assert_eq!(AT_MOST, 20);
}

#[test]
fn a_report_is_aligned_text() {
    let mut findings = usual();
    findings.hundred_participants = Some(refused(400));
    findings.details_filtered = Some(Err(refused(422)));
    findings.second_window = read(&json!({"data": {"sessions": []}}), Listing::sessions);
    findings.details = Some(Err(Refusal { message: "\u{1b}[31m red ".repeat(20), ..refused(500) }));
    let checks = checks::all(&findings, &subject(), now());
    let report = Report::new(subject(), &findings, checks);
    assert!(report.text().lines().all(|line| line.chars().count() <= 100 && line.trim_end() == line));
    insta::assert_snapshot!(report.text());
}

#[test]
fn the_first_of_the_worst_decides_how_it_ends() {
    let ended = |findings: &Findings| {
        Report::new(subject(), findings, checks::all(findings, &subject(), now())).verdict()
    };
    assert_eq!(ended(&usual()), Verdict::Open);
    let mut findings = usual();
    findings.apps = read(&json!({"data": [{"id": "other"}], "paging": {"total_count": 1}}), Listing::apps);
    assert_eq!(ended(&findings), Verdict::Open);
    findings.sessions = Some(Err(refused(404)));
    assert_eq!(ended(&findings), Verdict::Failed(Class::Usage));
    findings.sessions = Some(Err(Refusal { status: None, ..refused(0) }));
    assert_eq!(ended(&findings), Verdict::Failed(Class::Unreachable));
    findings.sessions = Some(Err(refused(403)));
    assert_eq!(ended(&findings), Verdict::Failed(Class::CredentialsRefused));
    findings.sessions = Some(Err(refused(418)));
    assert_eq!(ended(&findings), Verdict::Failed(Class::Failed));
}

#[test]
fn tokens_that_are_not_or_not_long_active() {
    let of = |result: Value| {
        let token = read(&json!({"success": true, "result": result}), TokenSeen::read);
        judged(&Findings { user_token: token, ..usual() }, "token")
    };
    assert_eq!(of(json!({"status": "disabled"})), ("failed", "inactive".to_owned()));
    assert_eq!(of(json!({"status": "active", "expires_on": "2026-11-25T00:00:00Z"})).0, "warning");
    assert_eq!(of(json!({"status": "active", "expires_on": "2027-11-25T00:00:00Z"})).0, "ok");
    assert_eq!(of(json!({"status": "active", "expires_on": null})).0, "ok");
}

#[test]
fn what_refuses_the_sessions_is_told_apart() {
    let of = |status, token_is_good: bool| {
        let token = if token_is_good { usual().user_token } else { Some(Err(refused(401))) };
        let findings = Findings { sessions: Some(Err(refused(status))), user_token: token, ..usual() };
        checks::all(&findings, &subject(), now())[1].clone()
    };
    assert!(of(403, true).follows.unwrap().contains("permission Realtime"));
    assert!(of(401, true).follows.unwrap().contains("permission Realtime"));
    assert_eq!(of(401, false).answer, "unauthorized");
    assert!(of(403, false).follows.unwrap().contains("--account-id"));
    assert!(of(404, true).follows.unwrap().contains("--app-id"));
    assert_eq!(of(429, true).answer, "throttled");
    assert_eq!(of(502, true).answer, "unavailable");
}

#[test]
fn an_app_that_is_not_on_the_first_page_of_apps() {
    let apps = read(&json!({"data": [{"id": "other"}], "paging": {"total_count": 40}}), Listing::apps);
    let findings = Findings { apps, sessions: Some(Err(refused(404))), ..usual() };
    is(&findings, "app", "open", "missing");
}

#[test]
fn pages_whose_number_or_size_is_ignored() {
    let mut findings = usual();
    findings.page_two = usual().page_one;
    is(&findings, "first_page", "warning", "ignored");
    let mut findings = usual();
    let Some(Ok(two)) = &mut findings.page_two else { panic!("a page") };
    two.rows.push(Record::default());
    is(&findings, "first_page", "warning", "unclear");
}

#[test]
fn a_list_that_says_less_than_details() {
    let mut findings = usual();
    let Some(Ok(first)) = &mut findings.first else { panic!("a page") };
    first.rows[0].fields.retain(|(name, _)| name != "peer_events");
    first.rows[0].fields.push(("role".to_owned(), "1".to_owned()));
    let check = checks::all(&findings, &subject(), now()).remove(12);
    assert_eq!((check.name, check.verdict), ("list_and_details", Verdict::Warning));
    assert_eq!(check.seen, "only in the list: role; only in details: peer_events");
    assert_eq!(check.setting.as_deref(), Some("--fetch detail"));

    let mut findings = usual();
    let Some(Ok(first)) = &mut findings.first else { panic!("a page") };
    first.rows[0].fields[1].1 = " 5.00".to_owned();
    is(&findings, "list_and_details", "ok", "equal");
    let Some(Ok(first)) = &mut findings.first else { panic!("a page") };
    first.rows[0].fields[1].1 = "5.01".to_owned();
    let check = checks::all(&findings, &subject(), now()).remove(12);
    assert!(!check.seen.contains("5.01") && check.seen.starts_with("other: "), "{}", check.seen);
}

#[test]
fn which_sum_the_sessions_minutes_are() {
    let with = |minutes: f64, events: &[f64]| {
        let mut findings = usual();
        let one = session(SESSION, ["10:00:00", "10:00:01", "11:00:00", "11:00:30"], minutes);
        let one = read(&json!({"data": one}), SessionSeen::read);
        let rows = [participant(PARTICIPANT, 5.0, events)];
        let page = json!({"data": {"participants": rows}, "paging": {"total_count": 1}});
        (findings.session, findings.first) = (one, read(&page, Listing::participants));
        judged(&findings, "minutes")
    };
    assert_eq!(with(5.0, &[4.0]), ("ok", "durations".to_owned()));
    assert_eq!(with(4.0, &[4.0]), ("ok", "events".to_owned()));
    assert_eq!(with(5.00004, &[5.0]), ("ok", "both".to_owned()), "durations have four decimals");
    assert_eq!(with(2.3434, &[4.0]), ("warning", "neither".to_owned()));
    assert_eq!(with(5.0, &[]), ("ok", "durations".to_owned()));
}

#[test]
fn which_time_a_window_tests() {
    let other = "00000000-0000-4000-8000-000000000009";
    let far = session(other, ["01:00:00", "01:00:01", "02:00:00", "02:00:30"], 1.0);
    let ours = session(SESSION, ["10:00:00", "10:00:01", "11:00:00", "11:00:30"], 7.5);
    let of = |around: &[&Value], second: &[&Value]| {
        let listing = |rows| read(&json!({"data": {"sessions": rows}}), Listing::sessions);
        let findings =
            Findings { around_the_end: listing(around), second_window: listing(second), ..usual() };
        judged(&findings, "session_window").1
    };
    assert_eq!(of(&[], &[&ours]), "created");
    assert_eq!(of(&[&ours], &[&ours]), "open");
    assert_eq!(of(&[&ours], &[]), "ended");
    assert_eq!(of(&[], &[]), "other");
    assert_eq!(of(&[&ours, &far], &[&ours]), "ignored");
}

#[test]
fn quotas() {
    let policy = |quota, secs| Policy {
        name: "default".to_owned(),
        quota,
        window: Some(std::time::Duration::from_secs(secs)),
    };
    let told = |policies: &[Policy], left: &[u64]| {
        let one = |&requests: &u64| QuotaTold {
            policy_field: (!policies.is_empty()).then(|| "p".to_owned()),
            policies: policies.to_vec(),
            left_field: Some("l".to_owned()),
            left: vec![Left { name: "default".to_owned(), requests, reset: None }],
        };
        let quota = left.iter().map(one).collect();
        judged(&Findings { quota, ..usual() }, "quota")
    };
    assert_eq!(told(&[policy(3500, 300)], &[9, 8, 7, 6, 6]), ("ok", "moving".to_owned()));
    assert_eq!(told(&[policy(1200, 300)], &[1199, 1199, 1199, 1198, 1199, 1199, 1199]).1, "frozen");
    assert_eq!(told(&[policy(1200, 300)], &[9, 8]).1, "policy");
    assert_eq!(told(&[], &[9, 8, 7, 6]).1, "no_policy");
    let only_policy = QuotaTold { policies: vec![policy(5, 1)], ..QuotaTold::default() };
    is(&Findings { quota: vec![only_policy], ..usual() }, "quota", "note", "policy_only");
}

#[test]
fn statistics_that_are_not_there() {
    let bare = json!({"data": {"participant": {"id": PARTICIPANT}}});
    let bare = || read(&bare, Details::read);
    let mut findings = usual();
    (findings.details_filtered, findings.report_of_two, findings.report) = (bare(), bare(), bare());
    is(&findings, "details_filters", "open", "unknown");
    is(&findings, "report_filters", "open", "unknown");
    is(&findings, "report_unfiltered", "open", "unknown");
    let some = json!({"data": {"id": PARTICIPANT, "peer_report": {"metadata": {"browser_metadata": {}}}}});
    let mut findings = usual();
    findings.details_filtered = read(&some, Details::read);
    findings.report_of_two = read(&some, Details::read);
    is(&findings, "details_filters", "warning", "partly");
    is(&findings, "report_filters", "warning", "partly");
    findings.details = read(&some, Details::read);
    is(&findings, "details_filters", "note", "always");
    let all = json!({"data": {"id": PARTICIPANT, "quality_stats": [], "peer_stats":
        {"device_info": {}, "events": [], "ip_information": {}, "precall_network_information": {}}}});
    findings.report_of_two = read(&all, Details::read);
    findings.report = read(&bare().and(Some(all)).unwrap(), Details::read);
    is(&findings, "report_filters", "note", "ignored");
    is(&findings, "report_unfiltered", "ok", "everything");
}

/// JSON that has the names of the API in it.
fn anything() -> impl Strategy<Value = Value> {
    let names = "data|participants?|sessions?|paging|total_count|id|status|result|peer_stats|peer_report|\
                 metadata|events|duration|minutes_consumed|peer_events|created_at|ended_at|x";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(SESSION)),
        Just(json!("ENDED")),
        Just(json!("2026-11-22T10:00:00Z")),
        Just(json!("-262143-01-01T00:00:00Z")),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names, inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_replies_are_judged(replies in prop::collection::vec(anything(), 14)) {
        let findings = Findings {
            user_token: read(&replies[0], TokenSeen::read),
            account_token: read(&replies[1], TokenSeen::read),
            sessions: read(&replies[2], Listing::sessions),
            apps: read(&replies[3], Listing::apps),
            session: read(&replies[4], SessionSeen::read),
            participant: ParticipantId::parse(SESSION),
            first: read(&replies[5], Listing::participants),
            page_one: read(&replies[6], Listing::participants),
            page_two: read(&replies[7], Listing::participants),
            details: read(&replies[8], Details::read),
            details_filtered: read(&replies[9], Details::read),
            report_of_two: read(&replies[10], Details::read),
            report: read(&replies[11], Details::read),
            around_the_end: read(&replies[12], Listing::sessions),
            second_window: read(&replies[13], Listing::sessions),
            ..Findings::default()
        };
        let report = Report::new(subject(), &findings, checks::all(&findings, &subject(), now()));
        let (text, json) = (report.text(), report.json());
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
    }
}
