//! Discovery against a model of the API: exact, whatever the server's paging and its own idea of a window.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::super::asks::NothingKnown;
use super::super::source::Evidence;
use super::*;
use crate::model::DayRange;
use crate::wire::Paging;

/// What the server compares with the range that it is asked for.
#[derive(Clone, Copy, Debug)]
enum Compares {
    Created,
    Ended,
    Open,
    Nothing,
}

/// A session of the model, its times in hours since the window's start.
#[derive(Clone, Copy, Debug)]
struct Session {
    n: u8,
    created: i64,
    lasts: i64,
    status: SessionStatus,
    meeting: u8,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that is not documented")]
struct Api {
    /// In the order of their creation.
    sessions: Vec<Session>,
    compares: Compares,
    page_limit: u32,
    refuses_size: bool,
    tells_total: bool,
    zero_based: bool,
    /// Whether each page begins with the last record of the one before.
    overlaps: bool,
}

const HOURS: i64 = 24;
const GOES_ON: Taken = Taken::GoesOn { lost: 0 };

fn start() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-22T00:00:00Z").unwrap().to_utc()
}

fn at(hours: i64) -> DateTime<Utc> {
    start() + TimeDelta::hours(hours)
}

fn window(meeting: Option<u8>, live: bool) -> Window {
    let meeting = meeting.map(|n| format!("meeting {n}"));
    Window { since: Some(start()), until: Some(at(HOURS)), meeting, live, days: None }
}

fn id(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

impl Session {
    fn listed(&self) -> ListedSession {
        ListedSession {
            id: Some(IdKey::from_bytes([self.n; 16])),
            session: Some(id(self.n)),
            created_at: Some(at(self.created)),
            meeting: Some(IdKey::of(&format!("meeting {}", self.meeting))),
            status: self.status,
        }
    }
}

impl Api {
    fn answer(&self, window: &Window, page_no: u32, size: PageSize) -> Outcome {
        let size = match size {
            PageSize::Records(_) if self.refuses_size => return Outcome::Failed { http_status: Some(400) },
            PageSize::Records(asked) => asked.min(self.page_limit),
            PageSize::ServerDefault => self.page_limit,
        } as usize;
        let (Some(from), Some(to)) = window.asked_for() else { panic!("both ends are set") };
        let selected = self.sessions.iter().filter(|session| {
            let (created, ended) = (at(session.created), at(session.created + session.lasts));
            match self.compares {
                Compares::Created => (from..=to).contains(&created),
                Compares::Ended => (from..=to).contains(&ended),
                Compares::Open => created <= to && from <= ended,
                Compares::Nothing => true,
            }
        });
        let selected: Vec<_> = selected.map(Session::listed).collect();
        let page = page_no.saturating_sub(u32::from(!self.zero_based)) as usize;
        let skipped = page * (size - usize::from(self.overlaps && size > 1));
        let total = self.tells_total.then_some(selected.len() as u64);
        let listed = selected.into_iter().skip(skipped).take(size).collect();
        Outcome::Sessions(SessionsPage { listed, paging: Paging { total } })
    }

    fn expected(&self, window: &Window, meeting: Option<u8>) -> Vec<SessionId> {
        let meant = |session: &&Session| {
            (0..HOURS).contains(&session.created)
                && meeting.is_none_or(|meeting| meeting == session.meeting)
                && (window.live || session.status != SessionStatus::Live)
        };
        let mut meant: Vec<_> = self.sessions.iter().filter(meant).map(|s| (s.created, id(s.n))).collect();
        meant.sort_unstable();
        meant.into_iter().map(|(_, id)| id).collect()
    }
}

fn api() -> impl Strategy<Value = Api> {
    let status =
        prop_oneof![Just(SessionStatus::Live), Just(SessionStatus::Ended), Just(SessionStatus::Unknown)];
    // A session of a day at most, created within two days of the window.
    let session = (-48..HOURS + 48, 0..=24_i64, status, 0..3_u8);
    let compares = prop_oneof![
        Just(Compares::Created),
        Just(Compares::Ended),
        Just(Compares::Open),
        Just(Compares::Nothing)
    ];
    let sessions = prop::collection::vec(session, 0..40).prop_map(|mut sessions| {
        sessions.sort_unstable_by_key(|(created, ..)| *created);
        let numbered = sessions.into_iter().zip(0..);
        let session = |((created, lasts, status, meeting), n)| Session { n, created, lasts, status, meeting };
        numbered.map(session).collect::<Vec<_>>()
    });
    (sessions, compares, 1..12_u32, any::<[bool; 4]>()).prop_map(
        |(sessions, compares, page_limit, [refuses_size, tells_total, zero_based, overlaps])| Api {
            sessions,
            compares,
            page_limit,
            refuses_size,
            // Of pages counted from 0, the one before the first is only looked for where some are missing.
            tells_total: tells_total || zero_based,
            zero_based,
            overlaps,
        },
    )
}

/// The answers of an earlier run, by number of the page.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<HashMap<u32, (RequestKey, Outcome)>>>);

impl Known for Logged {
    fn answer(&mut self, request: &RequestKey) -> Result<Option<(RequestKey, Outcome)>> {
        let RequestKey::Sessions { page_no, .. } = request else { panic!("{request}") };
        Ok(self.0.lock().unwrap().get(page_no).cloned())
    }

    fn has(&self, request: &RequestKey) -> bool {
        panic!("only people's planner wonders: {request}")
    }

    fn evidence(&self) -> Evidence {
        Evidence::default()
    }
}

/// Runs a discovery up to so many requests; the pages that came are logged.
fn run(api: &Api, window: &Window, log: &Logged, most: usize) -> (Discovery, usize) {
    let mut discovery = Discovery::new(window.clone(), Box::new(log.clone()));
    for sent in 0..most {
        let planned = discovery.requests();
        match discovery.next_request().unwrap() {
            Next::Done => return (discovery, sent),
            Next::Wait => panic!("nothing is in flight"),
            Next::Request(request) => {
                assert_eq!(discovery.next_request().unwrap(), Next::Wait);
                let RequestKey::Sessions { page_no, size } = request else { panic!("{request}") };
                let outcome = api.answer(window, page_no, size);
                assert_eq!(discovery.answered(&request, &outcome), GOES_ON);
                assert!(discovery.requests() >= planned && discovery.requests() > sent as u64);
                if matches!(outcome, Outcome::Sessions(_)) {
                    log.0.lock().unwrap().insert(page_no, (request, outcome));
                }
            }
        }
    }
    (discovery, most)
}

fn found(discovery: Discovery) -> Vec<SessionId> {
    discovery.finish().sessions.into_iter().map(|found| found.id).collect()
}

proptest! {
    #[test]
    fn exactly_the_sessions_of_the_window_are_found_in_their_order(
        api in api(),
        meeting in prop::option::of(0..3_u8),
        live in any::<bool>(),
        first in 0..6_usize,
    ) {
        let window = window(meeting, live);
        let (whole, sent) = run(&api, &window, &Logged::default(), 10_000);
        prop_assert!(whole.is_done());
        let found_whole = found(whole);
        prop_assert_eq!(&found_whole, &api.expected(&window, meeting));

        // Broken off and gone on with: the same, and no page that came is asked for again.
        let log = Logged::default();
        let (broken_off, before) = run(&api, &window, &log, first);
        let was_done = broken_off.is_done();
        let logged = log.0.lock().unwrap().len();
        let (resumed, after) = run(&api, &window, &log, 10_000);
        prop_assert!(resumed.is_done() && resumed.kept() == logged as u64);
        prop_assert_eq!(found(resumed), found_whole);
        // But for a refusal of the size, which is not logged here.
        prop_assert!(before + after <= sent + 1, "{} + {} of {}", before, after, sent);
        prop_assert!(!was_done || after <= 1);
    }
}

#[test]
fn of_a_session_on_two_pages_the_later_record_rules() {
    let session = Session { n: 1, created: 1, lasts: 1, status: SessionStatus::Live, meeting: 0 };
    let page = |status| SessionsPage {
        listed: vec![ListedSession { status, ..session.listed() }],
        paging: Paging::default(),
    };
    // In whatever order they are added.
    for order in [[1, 2], [2, 1]] {
        for (statuses, expected) in [
            ([SessionStatus::Live, SessionStatus::Ended], 1),
            ([SessionStatus::Ended, SessionStatus::Live], 0),
        ] {
            let mut findings = Findings::new(window(None, false));
            for page_no in order {
                findings.add(page_no, &page(statuses[page_no as usize - 1]));
            }
            let discovered = findings.finish();
            assert_eq!(discovered.sessions.len(), expected);
            assert_eq!(discovered.live.len(), 1 - expected);
            let places = discovered.sessions.iter().map(|found| found.place.page_no);
            assert!(places.eq(std::iter::repeat_n(2, expected)));
        }
    }
}

#[test]
fn a_record_that_does_not_tell_is_exported() {
    let sure = Session { n: 1, created: 1, lasts: 1, status: SessionStatus::Ended, meeting: 0 }.listed();
    let judged = |change: fn(&mut ListedSession), window: &Window| {
        let mut listed = sure;
        change(&mut listed);
        judge(window, &listed)
    };
    let of_meeting = window(Some(0), false);
    assert_eq!(judged(|_| (), &of_meeting), Judgement::Meant);
    assert_eq!(judged(|listed| listed.created_at = None, &of_meeting), Judgement::Unclear);
    assert_eq!(judged(|listed| listed.meeting = None, &of_meeting), Judgement::Unclear);
    assert_eq!(judged(|listed| listed.meeting = None, &window(None, false)), Judgement::Meant);
    let unknown = |listed: &mut ListedSession| listed.status = SessionStatus::Unknown;
    assert_eq!(judged(unknown, &of_meeting), Judgement::Unclear);
    assert_eq!(judged(unknown, &window(None, true)), Judgement::Meant);
    // A meeting alone has no times to compare.
    let whenever = Window { since: None, until: None, ..of_meeting.clone() };
    assert_eq!(judged(|listed| listed.created_at = None, &whenever), Judgement::Meant);
    // What it does tell counts.
    let live = |listed: &mut ListedSession| (listed.status, listed.created_at) = (SessionStatus::Live, None);
    assert_eq!(judged(live, &of_meeting), Judgement::Live);
    let other =
        |listed: &mut ListedSession| (listed.meeting, listed.created_at) = (Some(IdKey::of("x")), None);
    assert_eq!(judged(other, &of_meeting), Judgement::Outside);

    // Without a time it stands at the end; without an id nobody can be asked for.
    let listed = vec![
        ListedSession { created_at: None, ..sure },
        ListedSession { session: SessionId::parse(&id(9).to_string()), ..sure },
        ListedSession { id: None, session: None, ..sure },
        ListedSession { id: None, session: None, created_at: Some(at(HOURS)), ..sure },
    ];
    let mut findings = Findings::new(of_meeting);
    findings.add(3, &SessionsPage { listed, paging: Paging::default() });
    let Discovered { sessions, nameless, live, .. } = findings.finish();
    let place = |record| RecordPlace { page_no: 3, record };
    let sessions: Vec<_> = sessions.into_iter().map(|found| (found.id, found.place)).collect();
    assert_eq!(sessions, [(id(9), place(1)), (id(1), place(0))]);
    assert_eq!((nameless, live), (vec![place(2)], Vec::new()));
}

#[test]
fn a_page_that_fails_for_good_is_the_end() {
    let request = |page_no, size| RequestKey::Sessions { page_no, size };
    let size = PageSize::Records(PAGE_RECORDS);
    let page = |ids: std::ops::Range<u8>, total| {
        let session = |n| Session { n, created: 1, lasts: 1, status: SessionStatus::Ended, meeting: 0 };
        let listed = ids.map(|n| session(n).listed()).collect();
        Outcome::Sessions(SessionsPage { listed, paging: Paging { total: Some(total) } })
    };
    for failed in
        [Outcome::NotFound, Outcome::Failed { http_status: None }, Outcome::Failed { http_status: Some(400) }]
    {
        let mut discovery = Discovery::new(window(None, false), Box::new(NothingKnown));
        assert_eq!(discovery.next_request().unwrap(), Next::Request(request(1, size)));
        let goes_on = discovery.answered(&request(1, size), &failed) == GOES_ON;
        // A refused size is asked for without one, once.
        assert_eq!(goes_on, matches!(failed, Outcome::Failed { http_status: Some(400) }));
        if goes_on {
            let bare = request(1, PageSize::ServerDefault);
            assert_eq!(discovery.next_request().unwrap(), Next::Request(bare));
            assert_eq!(discovery.answered(&bare, &failed), Taken::Ends);
        }
        assert!(!discovery.is_done());
        assert_eq!(discovery.next_request().unwrap(), Next::Done);
    }
    // Once a page came a refusal is none of the size.
    let mut discovery = Discovery::new(window(None, false), Box::new(NothingKnown));
    assert_eq!(discovery.next_request().unwrap(), Next::Request(request(1, size)));
    assert_eq!(discovery.answered(&request(1, size), &page(0..100, 101)), GOES_ON);
    assert_eq!(discovery.next_request().unwrap(), Next::Request(request(2, size)));
    let refused = Outcome::Failed { http_status: Some(400) };
    assert_eq!(discovery.answered(&request(2, size), &refused), Taken::Ends);
    assert_eq!(discovery.next_request().unwrap(), Next::Done);
    assert!(!discovery.is_done());
    // Page 0 need not be there.
    let mut discovery = Discovery::new(window(None, false), Box::new(NothingKnown));
    for (page_no, outcome) in [(1, page(0..100, 101)), (2, page(0..100, 101)), (0, Outcome::NotFound)] {
        assert_eq!(discovery.next_request().unwrap(), Next::Request(request(page_no, size)));
        assert_eq!(discovery.answered(&request(page_no, size), &outcome), GOES_ON);
    }
    assert!(discovery.is_done());
    assert_eq!(discovery.finish().short, Some(Shortfall { listed: 100, total: 101 }));
}

#[test]
fn where_days_are_asked_for_each_sessions_own_day_decides() {
    let days = |zone: &str, first: &str, last: &str| {
        let (zone, first) = (zone.parse().unwrap(), Some(first.parse().unwrap()));
        DayRange { zone, first, last: last.parse().unwrap() }
    };
    // The 28th ends twice: the clock goes back from a minute past midnight.
    let st_johns = days("America/St_Johns", "2006-10-29", "2006-10-29");
    let (since, until) = st_johns.hull();
    let window = Window { since, until: Some(until), days: Some(st_johns), ..window(None, false) };
    let time = |text| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
    let listed = |n, created_at, status| ListedSession {
        created_at,
        status,
        ..Session { n, created: 0, lasts: 0, status, meeting: 0 }.listed()
    };
    let page = SessionsPage {
        listed: vec![
            listed(1, time("2006-10-29T02:30:59Z"), SessionStatus::Ended),
            listed(2, time("2006-10-29T02:45:00Z"), SessionStatus::Ended),
            listed(3, time("2006-10-29T03:30:00Z"), SessionStatus::Live),
            listed(4, None, SessionStatus::Ended),
            listed(5, None, SessionStatus::Live),
            listed(6, time("2006-10-30T03:29:59Z"), SessionStatus::Ended),
            listed(7, time("2006-10-30T03:30:00Z"), SessionStatus::Ended),
        ],
        paging: Paging::default(),
    };
    let mut findings = Findings::new(window.clone());
    findings.add(1, &page);
    let found = findings.finish();
    assert!(found.sessions.iter().map(|found| found.id).eq([id(1), id(6)]));
    assert_eq!(found.sessions[0].created_at(), time("2006-10-29T02:30:59Z"));
    assert!(
        found
            .live
            .iter()
            .map(|live| (live.id, live.created_at()))
            .eq([(id(3), time("2006-10-29T03:30:00Z"))])
    );
    assert_eq!(found.undated, [id(4), id(5)]);

    // Without days they are exported, at the end.
    let mut findings = Findings::new(Window { days: None, ..window });
    findings.add(1, &page);
    let found = findings.finish();
    assert!(found.sessions.iter().map(|found| found.id).eq([id(1), id(2), id(6), id(4)]));
    assert_eq!((found.live.len(), found.undated.len()), (2, 0));
}

#[test]
fn nothing_is_asked_for_where_no_session_can_be() {
    let empty = Window { until: Some(start()), ..window(None, false) };
    let mut discovery = Discovery::new(empty, Box::new(NothingKnown));
    assert_eq!((discovery.next_request().unwrap(), discovery.requests()), (Next::Done, 0));
    assert!(discovery.is_done() && discovery.finish().sessions.is_empty());
}
