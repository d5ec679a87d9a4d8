//! The planner against a model of the API: complete, distinct, stable, and sparing.

mod expected;
mod forecast;
mod model;

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::expected::{asked_statistics, had, lost, owed};
use self::model::{
    Api, Logged, NEWEST, Statistics, custom, drive, drive_counted, enrolment, participant, session_id, wants,
};
use super::*;
use crate::config::{FetchMode, StatsSource};
use crate::lists::Asked;
use crate::model::{PageSize, ParticipantId, RequestKey, SessionId};
use crate::wire::Gave;

fn plan(api: &Api, rows: &[Asked], mode: FetchMode) -> Vec<RequestKey> {
    plan_statistics(api, rows, mode, None)
}

fn plan_statistics(
    api: &Api,
    rows: &[Asked],
    mode: FetchMode,
    statistics: Option<StatsSource>,
) -> Vec<RequestKey> {
    let options = PlannerOptions { mode, statistics, with_sessions: false };
    let log = Logged::default();
    let mut planner = Planner::new(wants(rows), options, Box::new(log.clone()));
    drive(api, &mut planner, 1, false, usize::MAX, &log)
}

fn api(people: &[u8]) -> Api {
    Api {
        sessions: people.to_vec(),
        page_limit: 100,
        page_default: 25,
        refuses_size: false,
        tells_total: true,
        broken_page: None,
        hidden: 0,
        zero_based: false,
        statistics: NEWEST,
    }
}

fn pair(session: u8, n: u8) -> Asked {
    Asked::Participant(session_id(session), participant(session, n))
}

/// `d` for details, `r` for a peer report, `p` for a page.
fn kinds(requests: &[RequestKey]) -> String {
    requests
        .iter()
        .map(|request| match request {
            RequestKey::Details { .. } => 'd',
            RequestKey::PeerReport { .. } => 'r',
            RequestKey::Page { .. } => 'p',
            RequestKey::Session { .. } => 's',
            RequestKey::Sessions { .. } => 'l',
        })
        .collect()
}

#[test]
fn auto_takes_the_fewest_requests() {
    let everyone = Asked::Everyone(session_id(0));
    let two_late = [pair(0, 0), pair(0, 240)];
    let many = (0..250).map(|n| pair(0, n)).collect::<Vec<_>>();
    let cases: [(&str, Vec<Asked>, &str); 6] = [
        ("one of a session", vec![pair(0, 7)], "d"),
        ("two on the first page", vec![pair(0, 7), pair(0, 8)], "p"),
        ("one left of two pages", two_late.to_vec(), "pd"),
        ("all of them, listed", many, "ppp"),
        ("a session", vec![everyone], "ppp"),
        ("an enrolment id", vec![Asked::Participant(session_id(0), enrolment(0, 120))], "dppp"),
    ];
    for (what, rows, expected) in cases {
        assert_eq!(kinds(&plan(&api(&[250]), &rows, FetchMode::Auto)), expected, "{what}");
    }
}

#[test]
fn the_other_modes_do_as_they_say() {
    let rows = [pair(0, 1), pair(0, 2), Asked::Everyone(session_id(1))];
    let api = api(&[3, 2]);
    assert_eq!(kinds(&plan(&api, &rows, FetchMode::Detail)), "ddpdd");
    assert_eq!(kinds(&plan(&api, &rows, FetchMode::List)), "pp");
}

#[test]
fn a_broken_page_is_made_up_for_by_details() {
    let rows: Vec<_> = (0..5).map(|n| pair(0, n)).collect();
    let broken = Api { broken_page: Some((1, 500)), ..api(&[150]) };
    assert_eq!(kinds(&plan(&broken, &rows, FetchMode::Auto)), "pddddd");
    assert_eq!(kinds(&plan(&broken, &rows, FetchMode::List)), "pddddd");
}

#[test]
fn pages_counted_from_zero_lose_nobody() {
    let zero_based = Api { zero_based: true, ..api(&[147]) };
    let requests = plan(&zero_based, &[Asked::Everyone(session_id(0))], FetchMode::Auto);
    let last = requests.last().copied();
    let page_0 = RequestKey::Page { session: session_id(0), page_no: 0, size: PageSize::Records(100) };
    assert_eq!(last, Some(page_0));
}

#[test]
fn a_refused_size_is_asked_without_and_remembered() {
    let rows = [Asked::Everyone(session_id(0)), Asked::Everyone(session_id(1))];
    let refusing = Api { refuses_size: true, ..api(&[30, 3]) };
    let requests = plan(&refusing, &rows, FetchMode::Auto);
    let sizes: Vec<_> = requests
        .iter()
        .map(|request| match request {
            RequestKey::Page { page_no, size, .. } => (*page_no, *size),
            other => panic!("{other}"),
        })
        .collect();
    let default = PageSize::ServerDefault;
    assert_eq!(sizes, [(1, PageSize::Records(100)), (1, default), (2, default), (1, default)]);
}

/// Once a page came, a refusal is none of the size: another size would be another place in the list.
#[test]
fn a_later_page_that_is_refused_is_no_page_of_another_size() {
    let page = |page_no| RequestKey::Page { session: session_id(0), page_no, size: PageSize::Records(100) };
    for status in [400, 422] {
        let refusing = Api { broken_page: Some((2, status)), ..api(&[250]) };
        let everyone = plan(&refusing, &[Asked::Everyone(session_id(0))], FetchMode::Auto);
        assert_eq!(everyone, [page(1), page(2)]);
        let rows: Vec<_> = (100..102).map(|n| pair(0, n)).collect();
        assert_eq!(kinds(&plan(&refusing, &rows, FetchMode::Auto)), "ppdd");
    }
}

#[test]
fn who_is_missing_from_a_list_that_is_short_is_asked_for() {
    let short = Api { hidden: 3, ..api(&[7]) };
    let page = |page_no| RequestKey::Page { session: session_id(0), page_no, size: PageSize::Records(100) };
    // With 100 asked for and 4 come, the rest may be on a page of 4; and pages may be counted from 0.
    let rows = [pair(0, 3), pair(0, 4), pair(0, 5), Asked::Everyone(session_id(0))];
    for mode in [FetchMode::Auto, FetchMode::List] {
        let requests = plan(&short, &rows, mode);
        assert_eq!(kinds(&requests), "pppdd");
        assert_eq!(requests[2], page(0));
    }
    let reports = plan_statistics(&short, &rows, FetchMode::Auto, Some(StatsSource::PeerReport));
    assert_eq!(kinds(&reports), "ppprrrrrr");
}

/// In a list that is sorted by the participant, a session's next pair may be a million rows away.
#[test]
fn a_session_that_waits_for_nothing_is_not_kept() {
    const SESSIONS: u32 = 5_000;
    let session = |n: u32| SessionId::from_bytes(u128::from(n).to_be_bytes());
    let participant = |n: u32| ParticipantId::from_bytes((u128::from(n) << 64).to_be_bytes());
    let rows: Vec<_> =
        (0..2 * SESSIONS).map(|n| Asked::Participant(session(n % SESSIONS), participant(n))).collect();
    let found = Outcome::Found(Gave { statistics: true, record: true });
    for (mode, statistics) in [
        (FetchMode::Detail, None),
        (FetchMode::Auto, None),
        (FetchMode::Detail, Some(StatsSource::Details)),
        (FetchMode::Auto, Some(StatsSource::Details)),
    ] {
        for details in [found.clone(), Outcome::NotFound, Outcome::Failed { http_status: Some(410) }] {
            let options = PlannerOptions { mode, statistics, with_sessions: false };
            let mut planner = Planner::new(wants(&rows), options, Box::new(NothingKnown));
            let (mut in_flight, mut most, mut lost_in_all) = (Vec::new(), 0, 0);
            loop {
                match planner.next_request().unwrap() {
                    Next::Request(request) if in_flight.len() < 32 => in_flight.push(request),
                    Next::Done => break,
                    next => {
                        in_flight.extend(if let Next::Request(request) = next {
                            Some(request)
                        } else {
                            None
                        });
                        let request = in_flight.remove(0);
                        let outcome = match request {
                            RequestKey::Details { .. } => &details,
                            _ => &Outcome::NotFound,
                        };
                        let Taken::GoesOn { lost } = planner.answered(&request, outcome) else { panic!() };
                        lost_in_all += lost;
                    }
                }
                most = most.max(planner.open_jobs());
            }
            assert!(most <= 34, "{mode:?}: {most} sessions are kept");
            let expected = if matches!(details, Outcome::Found(_)) { 0 } else { 2 * u64::from(SESSIONS) };
            assert_eq!(lost_in_all, expected, "{mode:?} {details:?}");
        }
    }
}

/// Its name, the settings, the server, the rows, and the requests by the letter of their kind.
type Case<'a> = (&'a str, FetchMode, StatsSource, Statistics, &'a [Asked], &'a str);

#[test]
fn statistics_are_asked_of_each_and_pages_only_name_ids() {
    use StatsSource::{Auto, Details, PeerReport};
    let old = Statistics { in_details: true, ..NEWEST };
    let eventless = Statistics { events_in_reports: false, ..NEWEST };
    let nobody = Statistics { none_of: 1, ..NEWEST };
    let unknown = Statistics { none_of: 2, ..NEWEST };
    let one = vec![pair(0, 0)];
    let three: Vec<_> = (0..3).map(|n| pair(0, n)).collect();
    let seven: Vec<_> = (0..7).map(|n| pair(0, n)).collect();
    let everyone = vec![Asked::Everyone(session_id(0))];
    let enrolled = vec![Asked::Participant(session_id(0), enrolment(0, 3))];
    let cases: [Case<'_>; 16] = [
        ("old: details", FetchMode::Auto, Auto, old, &three, "ddd"),
        ("new: one tells", FetchMode::Auto, Auto, NEWEST, &three, "drrr"),
        ("set", FetchMode::Auto, Details, NEWEST, &three, "ddd"),
        ("set to reports", FetchMode::Auto, PeerReport, old, &three, "rrr"),
        ("a session, old", FetchMode::Auto, Auto, old, &everyone, "pddddddd"),
        ("a session, new", FetchMode::Auto, Auto, NEWEST, &everyone, "pdrrrrrrr"),
        ("an enrolment id", FetchMode::Auto, Details, old, &enrolled, "dpd"),
        ("an enrolment id, by report", FetchMode::Auto, PeerReport, old, &enrolled, "rdpr"),
        ("detail asks both", FetchMode::Detail, PeerReport, NEWEST, &three, "drdrdr"),
        ("detail, old", FetchMode::Detail, Auto, old, &three, "ddd"),
        ("list", FetchMode::List, PeerReport, NEWEST, &three, "prrr"),
        ("no events in reports", FetchMode::Auto, PeerReport, eventless, &three, "rrrp"),
        ("the same, one", FetchMode::Auto, PeerReport, eventless, &one, "rd"),
        ("nobody has any", FetchMode::Auto, Auto, nobody, &seven, "drdrdrdrrrr"),
        ("every second is unknown", FetchMode::Auto, PeerReport, unknown, &three, "rrrd"),
        ("a session of those", FetchMode::Auto, PeerReport, unknown, &everyone, "prrrrrrr"),
    ];
    for (what, mode, source, statistics, rows, expected) in cases {
        let api = Api { statistics, ..api(&[7]) };
        assert_eq!(kinds(&plan_statistics(&api, rows, mode, Some(source))), expected, "{what}");
    }
}

fn any_statistics() -> impl Strategy<Value = Statistics> {
    let shares = (prop_oneof![Just(u8::MAX), 1..8_u8], prop_oneof![Just(u8::MAX), 2..8_u8]);
    (any::<[bool; 2]>(), shares).prop_map(|([in_details, events_in_reports], (none_of, lost_of))| {
        Statistics { in_details, events_in_reports, none_of, lost_of }
    })
}

fn any_api() -> impl Strategy<Value = Api> {
    let sessions = prop::collection::vec(0..40_u8, 1..5);
    let broken = prop::option::weighted(0.3, (1..4_u32, prop::sample::select(vec![500, 422, 400])));
    let pages = (3..20_u32, 2..20_u32, prop_oneof![4 => Just(0), 1 => 1..9_u8]);
    (sessions, pages, any::<[bool; 3]>(), broken, any_statistics()).prop_map(
        |(sessions, pages, [refuses_size, tells_total, zero_based], broken_page, statistics)| Api {
            sessions,
            page_limit: pages.0,
            page_default: pages.1,
            refuses_size,
            tells_total,
            broken_page,
            // Without a total nobody can tell that somebody is missing.
            hidden: if tells_total { pages.2 } else { 0 },
            // Without a total nobody can tell that page 0 was missed.
            zero_based: zero_based && tells_total,
            statistics,
        },
    )
}

/// Rows about sessions and people that exist, and some that do not.
fn any_rows() -> impl Strategy<Value = Vec<Asked>> {
    let row = (0..6_u8, 0..44_u8, 0..10_u8).prop_map(|(session, n, kind)| match kind {
        0 => Asked::Everyone(session_id(session)),
        1 => Asked::User(session_id(session), enrolment(session, n).to_string()),
        2 => Asked::Custom(session_id(session), custom(n)),
        3 => Asked::Participant(session_id(session), enrolment(session, n)),
        _ => pair(session, n),
    });
    prop::collection::vec(row, 0..40)
}

/// How participants are fetched, and from where their statistics.
fn any_mode() -> impl Strategy<Value = (FetchMode, Option<StatsSource>)> {
    use FetchMode::{Auto, Detail, List};
    use StatsSource::{Details, PeerReport};
    prop::sample::select(vec![
        (Auto, None),
        (Detail, None),
        (List, None),
        (Auto, Some(StatsSource::Auto)),
        (Auto, Some(Details)),
        (Auto, Some(PeerReport)),
        (Detail, Some(StatsSource::Auto)),
        (Detail, Some(Details)),
        (Detail, Some(PeerReport)),
        (List, Some(PeerReport)),
    ])
}

/// Whether everything owed was had: everybody's record, and everybody's statistics asked for.
fn is_complete(
    api: &Api,
    rows: &[Asked],
    log: &Logged,
    (mode, statistics): (FetchMode, Option<StatsSource>),
) -> std::result::Result<(), TestCaseError> {
    let had = had(log, mode);
    let asked = statistics.map(|source| asked_statistics(log, source));
    // Decided from other participants, a source need not be asked of one who has none.
    let may_have_none = statistics == Some(StatsSource::Auto);
    for (who, id) in owed(api, rows) {
        prop_assert!(had.contains(&id), "{} is missing", who);
        let n = id.1[1];
        if let Some(asked) = &asked
            && (!may_have_none || api.statistics.has(n))
        {
            prop_assert!(asked.contains(&id), "the statistics of {} are missing", who);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1200))]

    #[test]
    fn planning_is_complete_and_distinct(
        api in any_api(), rows in any_rows(), how in any_mode(), at_once in 1..7_usize, newest_first: bool
    ) {
        let options = PlannerOptions { mode: how.0, statistics: how.1, with_sessions: true };
        let log = Logged::default();
        let mut planner = Planner::new(wants(&rows), options, Box::new(Logged::default()));
        let (sent, all_lost) = drive_counted(&api, &mut planner, at_once, newest_first, usize::MAX, &log);
        prop_assert_eq!(all_lost, lost(&log, &rows, how.0) as u64);
        let distinct: BTreeSet<_> = sent.iter().copied().collect();
        prop_assert_eq!(distinct.len(), sent.len(), "a request was sent twice");
        is_complete(&api, &rows, &log, how)?;
        prop_assert_eq!(planner.open_jobs(), 0);
        prop_assert!(planner.is_done());
    }

    #[test]
    fn the_same_rows_give_the_same_requests_whatever_the_order_of_replies(
        api in any_api(), rows in any_rows(), how in any_mode(), at_once in 1..7_usize
    ) {
        // A refused size is remembered from the first refusal on, whichever session meets it; where
        // statistics come from is told by whoever is asked first.
        let how = (how.0, how.1.map(|source| if source == StatsSource::Auto { StatsSource::Details } else { source }));
        let broken_page = api.broken_page.filter(|(page_no, status)| *page_no > 1 || *status == 500);
        let api = Api { refuses_size: false, broken_page, ..api };
        let options = PlannerOptions { mode: how.0, statistics: how.1, with_sessions: false };
        let requests = |at_once, newest_first| {
            let log = Logged::default();
            let mut planner = Planner::new(wants(&rows), options, Box::new(Logged::default()));
            let mut sent = drive(&api, &mut planner, at_once, newest_first, usize::MAX, &log);
            sent.sort_unstable();
            sent
        };
        prop_assert_eq!(requests(at_once, true), requests(1, false));
    }

    #[test]
    fn a_resumed_plan_asks_for_the_rest_only(
        api in any_api(), rows in any_rows(), how in any_mode(), stop_after in 0..60_usize, at_once in 1..7_usize
    ) {
        let options = PlannerOptions { mode: how.0, statistics: how.1, with_sessions: true };
        let log = Logged::default();
        let mut planner = Planner::new(wants(&rows), options, Box::new(Logged::default()));
        let first = drive(&api, &mut planner, at_once, false, stop_after, &log);
        let before: BTreeSet<_> = log.0.lock().unwrap().values().map(|(request, _)| *request).collect();
        let mut resumed = Planner::new(wants(&rows), options, Box::new(log.clone()));
        let second = drive(&api, &mut resumed, at_once, false, usize::MAX, &log);
        for request in &second {
            prop_assert!(!before.contains(request), "{} was asked again", request);
        }
        let refuses_size = api.refuses_size || api.broken_page.is_some_and(|(_, status)| status != 500);
        if !refuses_size && how.1 != Some(StatsSource::Auto) {
            let whole = drive(
                &api,
                &mut Planner::new(wants(&rows), options, Box::new(Logged::default())),
                1, false, usize::MAX, &Logged::default(),
            );
            prop_assert_eq!(second.len() + before.len(), whole.len());
        }
        prop_assert!(first.len() >= before.len());
        is_complete(&api, &rows, &log, how)?;
    }

    /// Finding out where statistics come from costs a handful of requests, however often the run is
    /// stopped, and one where the first participant has some.
    #[test]
    fn telling_the_source_costs_little(
        statistics in any_statistics(), people in 1..40_u8, stops in prop::collection::vec(0..20_usize, 0..4),
        at_once in 1..7_usize,
    ) {
        let statistics = Statistics { lost_of: u8::MAX, events_in_reports: true, ..statistics };
        let api = Api { statistics, ..api(&[people]) };
        let rows: Vec<_> = (0..people).map(|n| pair(0, n)).collect();
        let options =
            PlannerOptions { mode: FetchMode::Auto, statistics: Some(StatsSource::Auto), with_sessions: false };
        let log = Logged::default();
        for stop_after in stops.into_iter().chain([usize::MAX]) {
            let mut planner = Planner::new(wants(&rows), options, Box::new(log.clone()));
            drive(&api, &mut planner, at_once, false, stop_after, &log);
        }
        let log = log.0.lock().unwrap();
        let count = |is: fn(&RequestKey) -> bool| log.values().filter(|(request, _)| is(request)).count();
        let details = count(|request| matches!(request, RequestKey::Details { .. }));
        let reports = count(|request| matches!(request, RequestKey::PeerReport { .. }));
        let people = usize::from(people);
        if statistics.has(0) && statistics.in_details {
            prop_assert_eq!((details, reports), (people, 0));
        } else if statistics.has(0) {
            let unknown = (0..people).filter(|n| !statistics.has(u8::try_from(*n).unwrap()));
            let unknown = if statistics.none_of.is_multiple_of(2) { unknown.count() } else { 0 };
            prop_assert_eq!(reports, people);
            prop_assert!(details <= 1 + unknown);
        }
        let pages = count(|request| matches!(request, RequestKey::Page { .. }));
        prop_assert!(details + reports + pages <= 2 * people.max(1));
    }
}
