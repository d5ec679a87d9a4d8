//! The requests, one at a time: what to ask next, given what was answered.
//!
//! Each session is a job of its own. While requests of a job are out, it waits; once all are answered,
//! [`Planner::step`] decides what the session still needs. So the requests are a function of the rows
//! and the answers, and a resumed run, which finds answers in the log, asks for the rest only.
//! Where call statistics are asked for, see `people`; when an id is lost, `losses`.
//! Memory: 300 bytes for each session that waits for an answer or was listed, and a byte a want.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::asks::{Asks, Known, Next, Outcome, Taken};
use super::listing::{Listing, PAGE_RECORDS, Progress};
use super::losses::Marks;
use super::source::Source;
use super::wants::{SessionNo, WantKind, WantNo, Wants};
use crate::config::{FetchMode, StatsSource};
use crate::error::Result;
use crate::model::{IdKey, PageSize, RequestKey};
use crate::wire::Listed;

/// What the planner is told beside the wants.
#[derive(Clone, Copy, Debug)]
pub struct PlannerOptions {
    /// How participants are fetched.
    pub mode: FetchMode,
    /// From which endpoint call statistics are asked for; `None` where they are not.
    pub statistics: Option<StatsSource>,
    /// Whether each session's own record is asked for, unless discovery has it.
    pub with_sessions: bool,
}

/// Decides what to ask next.
pub struct Planner {
    pub(super) wants: Arc<Wants>,
    pub(super) options: PlannerOptions,
    pub(super) known: Box<dyn Known>,
    /// Where call statistics come from, where they are asked for.
    pub(super) source: Option<Source>,
    /// Requests that need no answer to be known.
    first_requests: u64,
    /// The first want that was not looked at.
    cursor: WantNo,
    /// Sessions whose wants were all looked at together.
    taken: Vec<bool>,
    pub(super) jobs: HashMap<SessionNo, Job>,
    /// What is remembered of each want.
    pub(super) marks: Marks,
    /// Ids that cannot be had for good.
    pub(super) lost: u64,
    pub(super) ready: VecDeque<RequestKey>,
    /// Participants to ask about, once it is told where.
    pub(super) people: VecDeque<(SessionNo, IdKey)>,
    in_flight: usize,
    /// Requests whose answers were known.
    kept: u64,
    /// Requests that follow from answers, beyond each want's first.
    follow_ups: u64,
    /// The size that pages are asked for; left to the server once it refused one.
    page_size: PageSize,
}

/// One session's requests.
#[derive(Debug, Default)]
pub(super) struct Job {
    /// Requests to be made, ready or in flight.
    pub(super) outstanding: u32,
    pub(super) listing: Option<Listing>,
    /// Whether a page is among them.
    pub(super) awaits_page: bool,
    /// Who is on the pages, where requests of their own may follow.
    pub(super) directory: Vec<Listed>,
    /// Who of them was asked about.
    pub(super) matched: HashSet<IdKey>,
    /// Whether details were asked for where pages do not help.
    pub(super) asked_details: bool,
    /// Whether the participants asked for by id were asked about, each by itself.
    pub(super) asked_people: bool,
    /// Ids asked for whose report gave no record.
    pub(super) unrecorded: HashSet<IdKey>,
    /// Participants whose details came, while their report is out.
    pub(super) recorded: HashSet<IdKey>,
}

impl Job {
    /// Whether nothing of it needs to be remembered until the session's next want.
    fn is_spent(&self) -> bool {
        self.outstanding == 0 && self.listing.is_none() && self.unrecorded.is_empty()
    }
}

impl Planner {
    /// A planner at the first want.
    #[must_use]
    pub fn new(wants: Arc<Wants>, options: PlannerOptions, known: Box<dyn Known>) -> Self {
        Self {
            first_requests: first_requests(&wants, options),
            source: options.statistics.map(|setting| Source::new(setting, known.evidence())),
            taken: vec![false; wants.sessions()],
            marks: Marks::new(wants.len()),
            lost: 0,
            wants,
            options,
            known,
            cursor: 0,
            jobs: HashMap::new(),
            ready: VecDeque::new(),
            people: VecDeque::new(),
            in_flight: 0,
            kept: 0,
            follow_ups: 0,
            page_size: PageSize::Records(PAGE_RECORDS),
        }
    }

    /// Sessions that still wait for answers.
    #[cfg(test)]
    pub(super) fn open_jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Looks at the next want.
    fn advance(&mut self) {
        let number = self.cursor;
        self.cursor += 1;
        let want = self.wants.want(number);
        let session = want.session;
        let is_first = self.wants.first_of(session) == number;
        if is_first && self.options.with_sessions && !self.wants.is_discovered(session) {
            self.ready.push_back(RequestKey::Session { session: self.wants.session_id(session) });
        }
        match self.options.mode {
            FetchMode::Detail => {
                if want.kind == WantKind::Participant {
                    self.ask_participant(session, want.key);
                }
                self.taken[session as usize] = self.wants.last_of(session) == number;
                self.jobs.entry(session).or_default();
            }
            FetchMode::Auto | FetchMode::List if is_first => {
                self.taken[session as usize] = true;
                self.jobs.insert(session, Job::default());
            }
            FetchMode::Auto | FetchMode::List => return,
        }
        self.step(session);
    }

    /// Takes an answer in; what the session still needs are follow-ups.
    fn apply(&mut self, request: &RequestKey, outcome: &Outcome) {
        let before = self.ready.len() + self.people.len();
        self.take(request, outcome);
        self.follow_ups += (self.ready.len() + self.people.len() - before) as u64;
    }

    fn take(&mut self, request: &RequestKey, outcome: &Outcome) {
        let Some(session) = request.session().and_then(|id| self.wants.session_number(id)) else { return };
        match *request {
            RequestKey::Session { .. } => {
                // Its own record stands for no participant.
                self.lost += u64::from(!matches!(outcome, Outcome::Found(_)));
                return;
            }
            RequestKey::Sessions { .. } => return,
            RequestKey::Details { participant, .. } => {
                self.after_details(session, participant.into(), outcome);
            }
            RequestKey::PeerReport { participant, .. } => {
                self.after_report(session, participant.into(), outcome);
            }
            RequestKey::Page { size, .. } => self.take_page(session, request, size, outcome),
        }
        let Some(job) = self.jobs.get_mut(&session) else { return };
        job.outstanding -= 1;
        self.step(session);
    }

    fn take_page(&mut self, session: SessionNo, request: &RequestKey, size: PageSize, outcome: &Outcome) {
        let Some(job) = self.jobs.get_mut(&session) else { return };
        job.awaits_page = false;
        let Some(listing) = &mut job.listing else { return };
        match outcome {
            Outcome::Page(page) => {
                listing.add(size, page.listed.iter().map(|listed| listed.id), page.paging);
            }
            Outcome::Failed { http_status } if request.may_be_refused_for_its_size(*http_status) => {
                self.page_size = PageSize::ServerDefault;
                listing.leave_size_to_server();
            }
            _ => listing.fail(),
        }
        let is_open = listing.progress() == Progress::Open;
        if let Outcome::Page(page) = outcome {
            self.note_listed(session, &page.listed);
        }
        if is_open {
            return self.list_early(session);
        }
        self.lose_unlisted(session);
        if self.options.mode == FetchMode::Detail
            && let Some(listing) = &mut self.job(session).listing
        {
            // Pages only named ids there; and the session's next want may come much later.
            listing.forget_ids();
        }
    }

    /// Decides what a session still needs, once nothing of it is out.
    fn step(&mut self, session: SessionNo) {
        let Some(job) = self.jobs.get(&session).filter(|job| job.outstanding == 0) else { return };
        if !self.taken[session as usize] {
            // In a list that is sorted by something else, its next want may come much later.
            if job.is_spent() {
                self.jobs.remove(&session);
            }
            return;
        }
        match self.options.mode {
            FetchMode::Detail => self.step_detail(session),
            FetchMode::Auto if self.has_statistics() => self.step_people(session),
            FetchMode::Auto => self.step_list(session),
            FetchMode::List => {
                self.step_list(session);
                if self.has_statistics() {
                    self.step_reports(session);
                }
            }
        }
        if self.jobs.get(&session).is_some_and(|job| job.outstanding == 0) {
            self.lose_rest(session);
            self.jobs.remove(&session);
        }
    }

    /// Details were asked for every pair; pages find the ids of the rest.
    fn step_detail(&mut self, session: SessionNo) {
        if !self.wants.needs_list(session) && !self.has_unknown(session) {
            return;
        }
        let job = self.job(session);
        match job.listing.as_ref().map(Listing::progress) {
            None | Some(Progress::Open) => self.ask_page(session),
            Some(_) if job.asked_details => {}
            Some(_) => {
                job.asked_details = true;
                for id in self.matched_in_directory(session) {
                    self.ask_participant(session, id);
                }
            }
        }
    }

    /// Pages first, unless one participant is all that is wanted; details where they are fewer.
    fn step_list(&mut self, session: SessionNo) {
        let needs_list = self.wants.needs_list(session);
        let single = self.options.mode == FetchMode::Auto && !needs_list && self.wants.count_of(session) == 1;
        let job = self.jobs.entry(session).or_default();
        if single && !job.asked_details {
            job.asked_details = true;
            return self.ask_absent(session);
        }
        let asked_details = job.asked_details;
        if asked_details && !self.has_unknown(session) {
            return;
        }
        let Some(listing) = self.jobs.get(&session).and_then(|job| job.listing.as_ref()) else {
            return self.ask_page(session);
        };
        // Where no total is told, one page more is the least there can be.
        let pages_left = listing.pages_left().unwrap_or(1);
        match listing.progress() {
            Progress::Complete => {}
            Progress::Broken | Progress::Short if asked_details => {}
            // Somebody is on no page that came.
            Progress::Broken | Progress::Short => {
                self.job(session).asked_details = true;
                self.ask_absent(session);
            }
            // An id that the API does not know may be an enrolment id on any page.
            Progress::Open if needs_list || self.has_unknown(session) => self.ask_page(session),
            Progress::Open => {
                let absent = self.absent(session).len() as u64;
                if absent == 0 {
                    return;
                }
                if self.options.mode == FetchMode::List || pages_left <= absent {
                    self.ask_page(session);
                } else if let Some(job) = self.jobs.get_mut(&session) {
                    job.asked_details = true;
                    self.ask_absent(session);
                }
            }
        }
    }

    fn ask_absent(&mut self, session: SessionNo) {
        for id in self.absent(session) {
            self.ask_details(session, id);
        }
    }

    pub(super) fn ask_details(&mut self, session: SessionNo, participant: IdKey) {
        self.ask(session, self.details(session, participant));
    }

    pub(super) fn ask_page(&mut self, session: SessionNo) {
        let page_size = self.page_size;
        let job = self.jobs.entry(session).or_default();
        let listing = job.listing.get_or_insert_with(|| Listing::new(page_size));
        let (page_no, size) = listing.next_page();
        job.awaits_page = true;
        let request = RequestKey::Page { session: self.wants.session_id(session), page_no, size };
        self.ask(session, request);
    }

    pub(super) fn ask(&mut self, session: SessionNo, request: RequestKey) {
        self.job(session).outstanding += 1;
        self.ready.push_back(request);
    }

    pub(super) fn job(&mut self, session: SessionNo) -> &mut Job {
        self.jobs.entry(session).or_default()
    }
}

impl Asks for Planner {
    fn next_request(&mut self) -> Result<Next> {
        loop {
            if let Some(request) = self.ready.pop_front() {
                let Some((request, outcome)) = self.known.answer(&request)? else {
                    self.in_flight += 1;
                    return Ok(Next::Request(request));
                };
                self.kept += 1;
                self.apply(&request, &outcome);
            } else if !self.people.is_empty() {
                if !self.ask_next_participant() {
                    return Ok(Next::Wait);
                }
            } else if (self.cursor as usize) < self.wants.len() {
                self.advance();
            } else {
                return Ok(if self.in_flight == 0 { Next::Done } else { Next::Wait });
            }
        }
    }

    fn answered(&mut self, request: &RequestKey, outcome: &Outcome) -> Taken {
        self.in_flight -= 1;
        if let Some(source) = &mut self.source {
            source.learn(request, outcome);
        }
        let before = self.lost;
        self.apply(request, outcome);
        // A lost id is a row of `failures`.
        Taken::GoesOn { lost: self.lost - before }
    }

    fn is_done(&self) -> bool {
        let is_idle = self.ready.is_empty() && self.people.is_empty() && self.in_flight == 0;
        is_idle && self.cursor as usize == self.wants.len()
    }

    fn kept(&self) -> u64 {
        self.kept
    }

    fn requests(&self) -> u64 {
        self.first_requests + self.follow_ups
    }
}

/// The requests that are known before any answer.
fn first_requests(wants: &Wants, options: PlannerOptions) -> u64 {
    let sessions = wants.sessions() as u64;
    let for_participants = match options.mode {
        FetchMode::Detail => wants.len() as u64,
        FetchMode::Auto if options.statistics.is_some() => {
            let of_session = |session| if wants.needs_list(session) { 1 } else { wants.count_of(session) };
            (0..SessionNo::try_from(wants.sessions()).unwrap_or(SessionNo::MAX))
                .map(of_session)
                .map(u64::from)
                .sum()
        }
        FetchMode::Auto | FetchMode::List => sessions,
    };
    for_participants + if options.with_sessions { sessions - wants.discovered() } else { 0 }
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner")
            .field("options", &self.options)
            .field("cursor", &self.cursor)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}
