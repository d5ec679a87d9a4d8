//! What a run will send, told before it is: the planner's own decisions as counts.
//!
//! In: the wants of each session, what is known of its size. Out: a [`Forecast`].
//! Guarantees: a run sends what the forecast says, where every id is known to the API and a
//! participant's own, no request has to be tried again, and pages of the size asked for are granted and tell
//! the total. Exact where the wants alone decide it, bounds where the sizes of sessions do (a property
//! test holds it against the [`Planner`](super::Planner)).
//! Not here: how long it takes, what it costs.

use super::bounds::Bounds;
use super::census::Census;
use super::source::PROBES;
use super::wants::{SessionNo, WantKind, Wants};
use crate::config::{FetchMode, StatsSource};

/// How a run asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// How participants are fetched.
    pub mode: FetchMode,
    /// From which endpoint call statistics are asked for; `None` where they are not.
    pub statistics: Option<StatsSource>,
}

impl Course {
    /// The same by one request for each participant.
    const fn alone(self) -> Self {
        Self { mode: FetchMode::Detail, ..self }
    }
}

/// What is known of a session's size before a run.
#[derive(Clone, Debug)]
pub enum Size<'a> {
    /// Nothing.
    Unknown,
    /// The API does not know the session.
    Missing,
    /// What its first page shows.
    Counted(&'a Census),
}

/// Requests and rows to expect, of one session or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Pages of participants.
    pub pages: Bounds,
    /// Details of one participant each.
    pub details: Bounds,
    /// Call statistics of one participant each.
    pub reports: Bounds,
    /// All together: one kind may be more where another is less.
    pub requests: Bounds,
    /// Rows of `participants`.
    pub participants: Bounds,
}

/// The forecasts of all sessions: as the run asks, and by a request for each participant.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    course: Course,
    /// What the run takes.
    pub planned: Forecast,
    /// What it would take without pages in place of details.
    pub alone: Forecast,
}

impl Outlook {
    /// No session yet.
    #[must_use]
    pub fn new(course: Course) -> Self {
        Self { course, planned: Forecast::default(), alone: Forecast::default() }
    }

    /// Adds a session.
    pub fn add(&mut self, wants: &Wants, session: SessionNo, size: &Size<'_>) {
        let demand = Demand::of(wants, session);
        self.planned.add(Forecast::of(self.course, demand, size));
        self.alone.add(Forecast::of(self.course.alone(), demand, size));
    }

    /// Both forecasts, once all sessions are added.
    #[must_use]
    pub fn finish(mut self) -> Self {
        let probes = Course { mode: FetchMode::Auto, statistics: Some(StatsSource::Auto) };
        if self.course == probes {
            let most = self.planned.details.max.unwrap_or(u64::MAX).min(u64::from(PROBES));
            self.planned.requests += Bounds::between(0, most);
        }
        self
    }

    /// Adds all sessions, of which nothing is known.
    pub fn add_all(&mut self, wants: &Wants) {
        // Numbers of sessions are 32 bits wide.
        (0..).take(wants.sessions()).for_each(|session| self.add(wants, session, &Size::Unknown));
    }
}

/// What is asked for of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Participants by id.
    pub pairs: u64,
    /// Wants by another id.
    pub matches: u64,
    /// Whether all of them are.
    pub everyone: bool,
}

impl Demand {
    /// What the wants ask for of a session.
    #[must_use]
    pub fn of(wants: &Wants, session: SessionNo) -> Self {
        let mut demand = Self::default();
        for (_, want) in wants.of_session(session) {
            match want.kind {
                WantKind::Everyone => demand.everyone = true,
                WantKind::Participant => demand.pairs += 1,
                WantKind::User | WantKind::Custom => demand.matches += 1,
            }
        }
        demand
    }

    /// Whether only pages can tell who is meant.
    const fn needs_list(self) -> bool {
        self.everyone || self.matches > 0
    }
}

/// What is known after the first page.
#[derive(Clone, Copy, Debug)]
struct Rest {
    /// Further pages.
    pages: Bounds,
    /// People who are not on the first one.
    unseen: Bounds,
    /// Pairs that are not on the first one.
    absent: Bounds,
    /// People on the first one, of them pairs, and others who are asked for.
    listed: u64,
    asked: u64,
    matched: u64,
}

impl Rest {
    fn of(demand: Demand, census: Option<&Census>) -> Self {
        let Some(census) = census else {
            let absent = Bounds::between(0, demand.pairs);
            let all = Bounds::at_least(0);
            return Self { pages: all, unseen: all, absent, listed: 0, asked: 0, matched: 0 };
        };
        let (unseen, pages) = match census.unseen() {
            // Pages may be counted from 0: then the first one is yet to come.
            Some(unseen) if unseen > 0 && census.listed == 0 => {
                (Bounds::exactly(unseen), Bounds::at_least(1))
            }
            Some(unseen) => (Bounds::exactly(unseen), Bounds::exactly(unseen.div_ceil(census.listed.max(1)))),
            None => (Bounds::at_least(0), Bounds::at_least(1)),
        };
        let Census { listed, asked, matched, .. } = *census;
        let absent = Bounds::exactly(demand.pairs.saturating_sub(asked));
        Self { pages, unseen, absent, listed, asked, matched }
    }

    /// Whether everybody is known to be on the first page.
    fn is_nothing(&self) -> bool {
        self.pages == Bounds::ZERO
    }

    /// Whether a pair is known not to be the id of a participant of the session.
    fn has_unknown(&self) -> bool {
        self.is_nothing() && self.absent.min > 0
    }
}

impl Forecast {
    /// What a session takes.
    #[must_use]
    pub fn of(course: Course, demand: Demand, size: &Size<'_>) -> Self {
        let census = match size {
            Size::Missing => return Self::missing(course, demand),
            Size::Unknown => None,
            Size::Counted(census) => Some(*census),
        };
        let rest = Rest::of(demand, census);
        let participants = rows(demand, &rest, census.is_some());
        let (pages, people) = match course.mode {
            FetchMode::Auto if course.statistics.is_none() => {
                let (pages, people, requests) = fewest(demand, &rest);
                return Self { pages, details: people, reports: Bounds::ZERO, requests, participants };
            }
            FetchMode::Auto | FetchMode::Detail => each(course.mode, demand, &rest),
            FetchMode::List => (listed(demand, &rest), participants),
        };
        let (details, reports, requests) = by_endpoint(course, people);
        let mut forecast = Self { pages, details, reports, requests: pages + requests, participants };
        if course.statistics.is_some() && rest.has_unknown() {
            forecast.loosen(rest.absent);
        }
        forecast
    }

    /// What is asked of a session that is not there: its first page, and every pair, since a page that
    /// failed is made up for by details. Of statistics, more ways may be tried.
    fn missing(course: Course, demand: Demand) -> Self {
        let (page, pairs) = (Bounds::exactly(1), Bounds::exactly(demand.pairs));
        let Some(_) = course.statistics else {
            let requests = page + pairs;
            return Self { pages: page, details: pairs, requests, ..Self::default() };
        };
        let some = Bounds::between(0, demand.pairs);
        let requests = page + pairs + some;
        Self { pages: page, details: some, reports: some, requests, ..Self::default() }
    }

    /// Of ids that are none of the session's it depends on the endpoint how often they are asked about.
    fn loosen(&mut self, unknown: Bounds) {
        let fewer = |count: Bounds| Bounds { min: count.min.saturating_sub(unknown.min), ..count };
        let others = Bounds { min: 0, max: unknown.max };
        self.details = fewer(self.details) + others;
        self.reports = fewer(self.reports);
        self.requests = fewer(self.requests) + others;
    }

    /// Adds another session's.
    pub fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.details += other.details;
        self.reports += other.reports;
        self.requests += other.requests;
        self.participants += other.participants;
    }
}

/// So many people as details, reports, and both together.
fn by_endpoint(course: Course, people: Bounds) -> (Bounds, Bounds, Bounds) {
    let none = Bounds::ZERO;
    let some = Bounds { min: 0, max: people.max };
    match (course.mode, course.statistics) {
        (FetchMode::List, None) => (none, none, none),
        (FetchMode::Auto, Some(StatsSource::PeerReport)) | (FetchMode::List, Some(_)) => {
            (none, people, people)
        }
        (_, None | Some(StatsSource::Details)) => (people, none, people),
        // The details are the records, the reports are beside them.
        (FetchMode::Detail, Some(StatsSource::PeerReport)) => (people, people, people + people),
        (FetchMode::Detail, Some(StatsSource::Auto)) => (people, some, people + some),
        // Which of both is told by the first few, of whom both are asked: see `Outlook`.
        (FetchMode::Auto, Some(StatsSource::Auto)) => (some, some, people),
    }
}

/// A request for each, pages to find those whom no row names by id: pages, people.
fn each(mode: FetchMode, demand: Demand, rest: &Rest) -> (Bounds, Bounds) {
    let lists = demand.needs_list() || rest.has_unknown();
    let pages = if lists { Bounds::exactly(1) + rest.pages } else { Bounds::ZERO };
    let mut asked = Bounds::exactly(demand.pairs);
    if mode == FetchMode::Auto && demand.needs_list() && rest.has_unknown() {
        // The pages come first: who is not on them is not asked.
        asked = Bounds::exactly(rest.asked);
    }
    (pages, asked + found(demand, rest))
}

/// Pages alone.
fn listed(demand: Demand, rest: &Rest) -> Bounds {
    let more = if demand.needs_list() { rest.pages } else { until_found(rest) };
    Bounds::exactly(1) + more
}

/// Details for those that the pages name, beyond the pairs.
fn found(demand: Demand, rest: &Rest) -> Bounds {
    if demand.everyone {
        // Those unseen who are pairs were asked for already.
        let here = rest.listed - rest.asked.min(rest.listed);
        let elsewhere = if rest.is_nothing() {
            Bounds::ZERO
        } else {
            let min = rest.absent.max.map_or(0, |absent| rest.unseen.min.saturating_sub(absent));
            Bounds { min, max: rest.unseen.max.map(|unseen| unseen.saturating_sub(rest.absent.min)) }
        };
        return Bounds::exactly(here) + elsewhere;
    }
    let here = Bounds::exactly(rest.matched);
    if demand.matches > 0 {
        here + Bounds { min: 0, max: rest.unseen.max }
    } else if rest.has_unknown() {
        here
    } else {
        Bounds::ZERO
    }
}

/// Whichever is fewer: pages, details, both together.
fn fewest(demand: Demand, rest: &Rest) -> (Bounds, Bounds, Bounds) {
    let (one, none) = (Bounds::exactly(1), Bounds::ZERO);
    if demand.needs_list() {
        let pages = one + rest.pages;
        return (pages, none, pages);
    }
    if demand.pairs == 1 {
        let pages = if rest.has_unknown() { one } else { none };
        return (pages, one, one + pages);
    }
    let (pages, details, more) = after_first_page(rest);
    (one + pages, details, one + more)
}

/// After the first page, whichever is fewer time and again: pages, details, both together.
fn after_first_page(rest: &Rest) -> (Bounds, Bounds, Bounds) {
    if rest.is_nothing() || rest.absent == Bounds::ZERO {
        return (Bounds::ZERO, Bounds::ZERO, Bounds::ZERO);
    }
    match (rest.pages.exact(), rest.absent.exact()) {
        (Some(pages), Some(absent)) if pages > absent => {
            (Bounds::ZERO, Bounds::exactly(absent), Bounds::exactly(absent))
        }
        // A page is asked for while those left are no more than the absent: never more than all of them.
        (Some(pages), Some(_)) => {
            let details = Bounds::between(0, pages - 1);
            (Bounds::between(1, pages), details, Bounds::between(1, pages))
        }
        // Without a total one page more is the least there can be.
        (None, Some(absent)) => (Bounds::at_least(0), Bounds::between(0, absent), Bounds::at_least(1)),
        // Pages are chosen only where they are no more than the absent.
        (_, None) => (rest.absent, rest.absent, rest.absent),
    }
}

/// Pages after the first, until all pairs were seen.
fn until_found(rest: &Rest) -> Bounds {
    if rest.absent == Bounds::ZERO {
        return Bounds::ZERO;
    }
    let some = rest.absent.min > 0 && rest.pages.min > 0;
    Bounds { min: u64::from(some), max: rest.pages.max }
}

/// Rows of `participants`.
fn rows(demand: Demand, rest: &Rest, is_counted: bool) -> Bounds {
    if demand.everyone {
        let least = if is_counted { 0 } else { demand.pairs };
        return Bounds {
            min: (rest.listed + rest.unseen.min).max(least),
            max: rest.unseen.max.map(|unseen| rest.listed + unseen),
        };
    }
    let others = if demand.matches > 0 { Bounds { min: 0, max: rest.unseen.max } } else { Bounds::ZERO };
    let pairs = if !is_counted {
        Bounds::exactly(demand.pairs)
    } else if rest.is_nothing() {
        Bounds::exactly(rest.asked + rest.matched)
    } else {
        Bounds::between(rest.asked + rest.matched, demand.pairs + rest.matched)
    };
    pairs + others
}
