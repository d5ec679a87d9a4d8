//! Finding a window's sessions: which pages of the sessions list to ask for, and which of their
//! records are meant.
//!
//! The API is asked for more than the window ([`Window::asked_for`]), whatever the status: a session that
//! ends meanwhile then changes no other's place. What is meant is decided here, by each record's own
//! `created_at`, `status` and meeting. A record that does not tell is meant: too much is exported rather
//! than too little. Only where days are asked for, a session that is of none is left out and named.

use chrono::{DateTime, Utc};

use super::asks::{Asks, Known, Next, Outcome, Taken};
use super::listing::{Listing, PAGE_RECORDS, Progress, Shortfall};
use crate::error::Result;
use crate::model::{IdKey, PageSize, RequestKey, SessionId, Window};
use crate::wire::{ListedSession, SessionStatus, SessionsPage};

/// Asks for the pages of the sessions list, one after the other.
pub struct Discovery {
    known: Box<dyn Known>,
    listing: Listing,
    findings: Findings,
    /// Whether there can be any session at all.
    is_empty: bool,
    in_flight: bool,
    answered: u64,
    kept: u64,
    /// The most requests that there ever seemed to be.
    requests: u64,
}

impl Discovery {
    /// A discovery of which no page was asked for.
    #[must_use]
    pub fn new(window: Window, known: Box<dyn Known>) -> Self {
        let is_empty = window.is_empty();
        Self {
            known,
            listing: Listing::new(PageSize::Records(PAGE_RECORDS)),
            is_empty,
            findings: Findings::new(window),
            in_flight: false,
            answered: 0,
            kept: 0,
            requests: u64::from(!is_empty),
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Discovered {
        Discovered { short: self.listing.shortfall(), ..self.findings.finish() }
    }

    /// Takes a page in.
    fn apply(&mut self, request: &RequestKey, outcome: &Outcome) {
        let RequestKey::Sessions { page_no, size } = *request else { return };
        match outcome {
            Outcome::Sessions(page) => {
                self.listing.add(size, page.listed.iter().map(|listed| listed.id), page.paging);
                self.findings.add(page_no, page);
            }
            Outcome::Failed { http_status } if request.may_be_refused_for_its_size(*http_status) => {
                self.listing.leave_size_to_server();
            }
            _ => self.listing.fail(),
        }
        self.answered += 1;
        let left = if self.listing.progress() == Progress::Open {
            // Where no total is told, one page more is the least there can be.
            self.listing.pages_left().unwrap_or(1).max(1)
        } else {
            0
        };
        self.requests = self.requests.max(self.answered + left);
    }
}

impl Asks for Discovery {
    fn next_request(&mut self) -> Result<Next> {
        loop {
            if self.in_flight {
                return Ok(Next::Wait);
            }
            if self.is_empty || self.listing.progress() != Progress::Open {
                return Ok(Next::Done);
            }
            let (page_no, size) = self.listing.next_page();
            let request = RequestKey::Sessions { page_no, size };
            let Some((request, outcome)) = self.known.answer(&request)? else {
                self.in_flight = true;
                return Ok(Next::Request(request));
            };
            self.kept += 1;
            self.apply(&request, &outcome);
        }
    }

    fn answered(&mut self, request: &RequestKey, outcome: &Outcome) -> Taken {
        self.in_flight = false;
        self.apply(request, outcome);
        // A page is no id that is lost: without it, nobody knows what the window holds.
        if self.listing.progress() == Progress::Broken { Taken::Ends } else { Taken::GoesOn { lost: 0 } }
    }

    fn is_done(&self) -> bool {
        !self.in_flight
            && (self.is_empty || matches!(self.listing.progress(), Progress::Complete | Progress::Short))
    }

    fn kept(&self) -> u64 {
        self.kept
    }

    fn requests(&self) -> u64 {
        self.requests
    }
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery")
            .field("listing", &self.listing.progress())
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

/// What a session's record says of whether it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is.
    Meant,
    /// It does not say: it is, and the user is told.
    Unclear,
    /// It would be, were it not still live.
    Live,
    /// It is not.
    Outside,
}

/// Judges a session by its record.
#[must_use]
pub fn judge(window: &Window, session: &ListedSession) -> Judgement {
    let meeting = window.meeting.as_deref().map(IdKey::of);
    let other_meeting = session.meeting.is_some_and(|of| meeting.is_some_and(|meant| meant != of));
    let other_time = session.created_at.is_some_and(|created_at| !window.has(created_at));
    if other_meeting || other_time {
        return Judgement::Outside;
    }
    if session.status == SessionStatus::Live && !window.live {
        return Judgement::Live;
    }
    let bounded = window.since.is_some() || window.until.is_some();
    let unclear = (session.created_at.is_none() && bounded)
        || (session.meeting.is_none() && meeting.is_some())
        || (session.status == SessionStatus::Unknown && !window.live);
    if unclear { Judgement::Unclear } else { Judgement::Meant }
}

/// What pages of the sessions list held, in whatever order they came.
#[derive(Debug)]
pub struct Findings {
    window: Window,
    /// All that are not outside, live ones too: a later page may say that they have ended.
    sessions: Vec<Finding>,
    nameless: Vec<RecordPlace>,
}

/// Where a record stands in the sessions list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// Number of the page.
    pub page_no: u32,
    /// Number of the record on it, from 0.
    pub record: u32,
}

/// One record of a session, in 40 bytes.
#[derive(Clone, Copy, Debug)]
struct Finding {
    session: SessionId,
    /// Microseconds since 1970; [`UNDATED`] where it cannot be read.
    created_at: i64,
    place: RecordPlace,
    is_live: bool,
}

/// No time of creation: after all that there are.
const UNDATED: i64 = i64::MAX;

impl Finding {
    fn created_at(&self) -> Option<i64> {
        (self.created_at != UNDATED).then_some(self.created_at)
    }

    fn found(self) -> FoundSession {
        FoundSession { id: self.session, place: self.place, created_at: self.created_at() }
    }

    fn live(self) -> LiveSession {
        LiveSession { id: self.session, created_at: self.created_at() }
    }
}

/// A session of a window, in 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// Which.
    pub id: SessionId,
    /// Where its record stands.
    pub place: RecordPlace,
    /// Microseconds since 1970; `None` where it cannot be read.
    pub created_at: Option<i64>,
}

/// A session that is left out because it is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Microseconds since 1970; `None` where it cannot be read.
    pub created_at: Option<i64>,
}

impl FoundSession {
    /// When it was created; `None` where that cannot be read.
    #[must_use]
    pub fn created_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.created_at?)
    }
}

impl LiveSession {
    /// When it was created; `None` where that cannot be read.
    #[must_use]
    pub fn created_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.created_at?)
    }
}

/// The sessions of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// By (`created_at`, `session_id`); without a time, at the end.
    pub sessions: Vec<FoundSession>,
    /// Records without a usable id that are not outside.
    pub nameless: Vec<RecordPlace>,
    /// Sessions left out because they are live, in the same order.
    pub live: Vec<LiveSession>,
    /// Where days are asked for: sessions left out because nothing says of which day they are, live or not, in
    /// the order of their ids.
    pub undated: Vec<SessionId>,
    /// How far the pages fall short of their total, where they do: sessions may be missing.
    pub short: Option<Shortfall>,
}

impl Findings {
    /// Nothing found yet.
    #[must_use]
    pub const fn new(window: Window) -> Self {
        Self { window, sessions: Vec::new(), nameless: Vec::new() }
    }

    /// Adds a page.
    pub fn add(&mut self, page_no: u32, page: &SessionsPage) {
        for (listed, record) in page.listed.iter().zip(0..) {
            let place = RecordPlace { page_no, record };
            let judgement = judge(&self.window, listed);
            match listed.session {
                _ if judgement == Judgement::Outside => {}
                Some(session) => self.sessions.push(Finding {
                    session,
                    created_at: listed
                        .created_at
                        .filter(|time| self.is_dated(*time))
                        .map_or(UNDATED, |time| time.timestamp_micros()),
                    place,
                    is_live: judgement == Judgement::Live,
                }),
                None => self.nameless.push(place),
            }
        }
    }

    /// Whether a time of creation says of which day a session is, where days are asked for.
    fn is_dated(&self, created_at: DateTime<Utc>) -> bool {
        self.window.days.is_none_or(|days| days.day_of(created_at).is_some())
    }

    /// The sessions that are meant. Of a session seen on two pages, the later page's record rules.
    #[must_use]
    pub fn finish(self) -> Discovered {
        let Self { window, mut sessions, mut nameless } = self;
        sessions.sort_unstable_by_key(|finding| (finding.session, std::cmp::Reverse(finding.place)));
        sessions.dedup_by_key(|finding| finding.session);
        let mut undated = Vec::new();
        if window.days.is_some() {
            undated.extend(
                sessions
                    .extract_if(.., |finding| finding.created_at == UNDATED)
                    .map(|finding| finding.session),
            );
        }
        sessions.sort_unstable_by_key(|finding| (finding.created_at, finding.session));
        let live = sessions.extract_if(.., |finding| finding.is_live).map(Finding::live).collect();
        nameless.sort_unstable();
        let sessions = sessions.into_iter().map(Finding::found).collect();
        Discovered { sessions, nameless, live, undated, short: None }
    }
}

#[cfg(test)]
mod tests;
