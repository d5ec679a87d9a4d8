//! The planner against a model of the API: complete, distinct, stable, and sparing.

mod forecast;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::config::FetchMode;
use crate::lists::Asked;
use crate::model::{IdKey, PageSize, ParticipantId, RequestKey, SessionId};
use crate::wire::{Listed, PageSummary, Paging};

/// A small API: who is in which session, how large a page may be, which page is broken.
#[derive(Clone, Debug)]
struct Api {
    /// People of each session, by a small number.
    sessions: Vec<u8>,
    page_limit: u32,
    refuses_size: bool,
    tells_total: bool,
    broken_page: Option<u32>,
    /// Whether pages are counted from 0.
    zero_based: bool,
}

fn session_id(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

/// Participant `n` of a session; its enrolment id has another last byte.
fn participant(session: u8, n: u8) -> ParticipantId {
    let mut bytes = [n; 16];
    bytes[0] = session;
    ParticipantId::from_bytes(bytes)
}

fn enrolment(session: u8, n: u8) -> ParticipantId {
    let mut bytes = participant(session, n).to_bytes();
    bytes[15] = 0xEE;
    ParticipantId::from_bytes(bytes)
}

fn custom(n: u8) -> String {
    format!("customer {n}")
}

impl Api {
    fn answer(&self, request: &RequestKey) -> Outcome {
        let session = request.session().unwrap().to_bytes()[0];
        let Some(people) = self.sessions.get(usize::from(session)).copied() else { return Outcome::NotFound };
        match *request {
            RequestKey::Session { .. } => Outcome::Found,
            RequestKey::Sessions { .. } => panic!("the planner lists no sessions"),
            RequestKey::Details { participant: id, .. } => {
                if (0..people).any(|n| participant(session, n) == id) {
                    Outcome::Found
                } else {
                    Outcome::NotFound
                }
            }
            RequestKey::Page { page_no, size, .. } => {
                if self.broken_page == Some(page_no) {
                    return Outcome::Failed { http_status: Some(500) };
                }
                let asked = match size {
                    PageSize::Records(_) if self.refuses_size => {
                        return Outcome::Failed { http_status: Some(400) };
                    }
                    PageSize::Records(records) => records.min(self.page_limit),
                    PageSize::ServerDefault => self.page_limit,
                };
                let before = if self.zero_based { page_no } else { page_no.max(1) - 1 };
                let start = u32::from(people).min(before * asked);
                let end = u32::from(people).min(start + asked);
                let listed = (start..end).map(|n| {
                    let n = u8::try_from(n).unwrap();
                    Listed {
                        id: Some(participant(session, n).into()),
                        participant: Some(participant(session, n)),
                        user: Some(enrolment(session, n).into()),
                        custom: Some(IdKey::of(&custom(n % 3))),
                    }
                });
                let total = self.tells_total.then_some(u64::from(people));
                Outcome::Page(PageSummary { listed: listed.collect(), paging: Paging { total } })
            }
        }
    }
}

/// The answers of an earlier run.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<HashMap<String, (RequestKey, Outcome)>>>);

/// A page that came is known by its number, whatever its size; a refusal is one of its size only.
fn log_key(request: &RequestKey, came: bool) -> String {
    match request {
        RequestKey::Page { session, page_no, .. } if came => format!("{session} {page_no}"),
        other => format!("{other:?}"),
    }
}

impl Known for Logged {
    fn answer(&mut self, request: &RequestKey) -> crate::error::Result<Option<(RequestKey, Outcome)>> {
        let log = self.0.lock().unwrap();
        let came = log.get(&log_key(request, true));
        Ok(came.or_else(|| log.get(&log_key(request, false))).cloned())
    }
}

fn wants(rows: &[Asked]) -> Arc<Wants> {
    let mut wants = Wants::new();
    for row in rows {
        wants.add(row);
    }
    Arc::new(wants)
}

/// Runs a planner against the API, up to `at_once` requests in flight, answering the oldest or the
/// newest first. Gives the requests in the order sent.
fn drive(
    api: &Api,
    planner: &mut Planner,
    at_once: usize,
    newest_first: bool,
    stop_after: usize,
    log: &Logged,
) -> Vec<RequestKey> {
    let mut sent = Vec::new();
    let mut in_flight: Vec<RequestKey> = Vec::new();
    loop {
        let next = if in_flight.len() < at_once { planner.next_request().unwrap() } else { Next::Wait };
        match next {
            Next::Request(request) => {
                if sent.len() == stop_after {
                    return sent;
                }
                sent.push(request);
                in_flight.push(request);
            }
            Next::Wait => {
                let request = if newest_first { in_flight.pop().unwrap() } else { in_flight.remove(0) };
                let outcome = api.answer(&request);
                let key = log_key(&request, matches!(outcome, Outcome::Page(_)));
                log.0.lock().unwrap().insert(key, (request, outcome.clone()));
                planner.answered(&request, &outcome);
            }
            Next::Done => return sent,
        }
    }
}

fn plan(api: &Api, rows: &[Asked], mode: FetchMode) -> Vec<RequestKey> {
    let options = PlannerOptions { mode, with_sessions: false };
    let log = Logged::default();
    let mut planner = Planner::new(wants(rows), options, Box::new(log.clone()));
    drive(api, &mut planner, 1, false, usize::MAX, &log)
}

fn api(people: &[u8]) -> Api {
    Api {
        sessions: people.to_vec(),
        page_limit: 100,
        refuses_size: false,
        tells_total: true,
        broken_page: None,
        zero_based: false,
    }
}

fn pair(session: u8, n: u8) -> Asked {
    Asked::Participant(session_id(session), participant(session, n))
}

/// `d` for details, `p` for a page.
fn kinds(requests: &[RequestKey]) -> String {
    requests
        .iter()
        .map(|request| match request {
            RequestKey::Details { .. } => 'd',
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
    let broken = Api { broken_page: Some(1), ..api(&[150]) };
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
    let refusing = Api { refuses_size: true, page_limit: 25, ..api(&[30, 3]) };
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

fn any_api() -> impl Strategy<Value = Api> {
    let sessions = prop::collection::vec(0..40_u8, 1..5);
    let broken = prop::option::weighted(0.3, 1..4_u32);
    (sessions, 3..20_u32, any::<[bool; 3]>(), broken).prop_map(
        |(sessions, page_limit, [refuses_size, tells_total, zero_based], broken_page)| Api {
            sessions,
            page_limit,
            refuses_size,
            tells_total,
            broken_page,
            // Without a total nobody can tell that page 0 was missed.
            zero_based: zero_based && tells_total,
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

fn any_mode() -> impl Strategy<Value = FetchMode> {
    prop_oneof![Just(FetchMode::Auto), Just(FetchMode::Detail), Just(FetchMode::List)]
}

/// Which participants the answers gave, in the mode's sense: a page is a record but where it only
/// served to find ids.
fn had(log: &Logged, mode: FetchMode) -> BTreeSet<(u8, [u8; 16])> {
    let mut had = BTreeSet::new();
    #[expect(clippy::iter_over_hash_type, reason = "the order does not matter")]
    for (request, outcome) in log.0.lock().unwrap().values() {
        let session = request.session().unwrap().to_bytes()[0];
        match (request, outcome) {
            (RequestKey::Details { participant, .. }, Outcome::Found) => {
                had.insert((session, participant.to_bytes()));
            }
            (_, Outcome::Page(page)) if mode != FetchMode::Detail => {
                had.extend(page.listed.iter().map(|listed| (session, listed.id.unwrap().to_bytes())));
            }
            _ => {}
        }
    }
    had
}

/// Which participants a complete export must have: those that the API has and a row asks for, where no
/// broken page keeps them from being found.
fn owed(api: &Api, rows: &[Asked]) -> BTreeMap<String, (u8, [u8; 16])> {
    let mut owed = BTreeMap::new();
    for row in rows {
        let (session, is_wanted): (SessionId, Box<dyn Fn(u8, u8) -> bool>) = match row.clone() {
            Asked::Everyone(session) => (session, Box::new(|_, _| true)),
            Asked::Participant(session, id) => {
                (session, Box::new(move |s, n| participant(s, n) == id || enrolment(s, n) == id))
            }
            Asked::User(session, user) => {
                (session, Box::new(move |s, n| enrolment(s, n).to_string() == user))
            }
            Asked::Custom(session, id) => (session, Box::new(move |_, n| custom(n % 3) == id)),
        };
        let number = session.to_bytes()[0];
        let people = api.sessions.get(usize::from(number)).copied().unwrap_or(0);
        for n in (0..people).filter(|n| is_wanted(number, *n)) {
            let id = participant(number, n).to_bytes();
            let direct = matches!(row, Asked::Participant(_, asked) if asked.to_bytes() == id);
            if direct || api.broken_page.is_none() {
                owed.insert(format!("{number} {n}"), (number, id));
            }
        }
    }
    owed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn planning_is_complete_and_distinct(
        api in any_api(), rows in any_rows(), mode in any_mode(), at_once in 1..7_usize, newest_first: bool
    ) {
        let options = PlannerOptions { mode, with_sessions: true };
        let log = Logged::default();
        let mut planner = Planner::new(wants(&rows), options, Box::new(Logged::default()));
        let sent = drive(&api, &mut planner, at_once, newest_first, usize::MAX, &log);
        let distinct: BTreeSet<_> = sent.iter().copied().collect();
        prop_assert_eq!(distinct.len(), sent.len(), "a request was sent twice");
        let had = had(&log, mode);
        for (who, id) in owed(&api, &rows) {
            prop_assert!(had.contains(&id), "{} is missing", who);
        }
        prop_assert_eq!(planner.open_jobs(), 0);
    }

    #[test]
    fn the_same_rows_give_the_same_requests_whatever_the_order_of_replies(
        api in any_api(), rows in any_rows(), mode in any_mode(), at_once in 1..7_usize
    ) {
        // A refused size is remembered from the first refusal on, whichever session meets it.
        let api = Api { refuses_size: false, ..api };
        let options = PlannerOptions { mode, with_sessions: false };
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
        api in any_api(), rows in any_rows(), mode in any_mode(), stop_after in 0..30_usize, at_once in 1..7_usize
    ) {
        let options = PlannerOptions { mode, with_sessions: true };
        let log = Logged::default();
        let mut planner = Planner::new(wants(&rows), options, Box::new(Logged::default()));
        let first = drive(&api, &mut planner, at_once, false, stop_after, &log);
        let answered = log.0.lock().unwrap().len();
        let mut resumed = Planner::new(wants(&rows), options, Box::new(log.clone()));
        let second = drive(&api, &mut resumed, at_once, false, usize::MAX, &log);
        if !api.refuses_size {
            let whole = drive(
                &api,
                &mut Planner::new(wants(&rows), options, Box::new(Logged::default())),
                1, false, usize::MAX, &Logged::default(),
            );
            prop_assert_eq!(second.len() + answered, whole.len());
        }
        prop_assert!(first.len() >= answered);
        let had = had(&log, mode);
        for (who, id) in owed(&api, &rows) {
            prop_assert!(had.contains(&id), "{} is missing", who);
        }
    }
}
