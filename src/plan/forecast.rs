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
use super::wants::{SessionNo, WantKind, Wants};
use crate::config::FetchMode;

/// How participants will be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A request for each; pages only to find their ids.
    Each,
    /// Pages only.
    Pages,
    /// Whichever is fewer.
    Fewest,
}

impl From<FetchMode> for Route {
    fn from(mode: FetchMode) -> Self {
        match mode {
            FetchMode::Auto => Self::Fewest,
            FetchMode::Detail => Self::Each,
            FetchMode::List => Self::Pages,
        }
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
    /// Requests for one participant each.
    pub each: Bounds,
    /// Both together: one may be more where the other is less.
    pub requests: Bounds,
    /// Rows of `participants`.
    pub participants: Bounds,
}

/// The forecasts of all sessions: by the route of the run, and by a request for each participant.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    route: Route,
    /// What the run takes.
    pub planned: Forecast,
    /// What it would take without pages in place of details.
    pub alone: Forecast,
}

impl Outlook {
    /// No session yet.
    #[must_use]
    pub fn new(route: Route) -> Self {
        Self { route, planned: Forecast::default(), alone: Forecast::default() }
    }

    /// Adds a session.
    pub fn add(&mut self, wants: &Wants, session: SessionNo, size: &Size<'_>) {
        let demand = Demand::of(wants, session);
        self.planned.add(Forecast::of(self.route, demand, size));
        self.alone.add(Forecast::of(Route::Each, demand, size));
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
    pub fn of(route: Route, demand: Demand, size: &Size<'_>) -> Self {
        let census = match size {
            Size::Missing => return Self::missing(demand),
            Size::Unknown => None,
            Size::Counted(census) => Some(*census),
        };
        let rest = Rest::of(demand, census);
        let participants = rows(demand, &rest, census.is_some());
        let one = Bounds::exactly(1);
        let (pages, each) = match route {
            Route::Each => {
                let listing = demand.needs_list() || rest.has_unknown();
                let pages = if listing { one + rest.pages } else { Bounds::ZERO };
                (pages, Bounds::exactly(demand.pairs) + found(demand, &rest))
            }
            _ if demand.needs_list() => (one + rest.pages, Bounds::ZERO),
            Route::Fewest if demand.pairs == 1 => {
                let pages = if rest.has_unknown() { one } else { Bounds::ZERO };
                (pages, one)
            }
            Route::Fewest => {
                let (pages, each, more) = fewest(&rest);
                return Self { pages: one + pages, each, requests: one + more, participants };
            }
            Route::Pages => (one + until_found(&rest), Bounds::ZERO),
        };
        Self { pages, each, requests: pages + each, participants }
    }

    /// What is asked of a session that is not there, by any route: its first page, and every pair, since
    /// a page that failed is made up for by details.
    fn missing(demand: Demand) -> Self {
        let (pages, each) = (Bounds::exactly(1), Bounds::exactly(demand.pairs));
        Self { pages, each, requests: pages + each, participants: Bounds::ZERO }
    }

    /// Adds another session's.
    pub fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.each += other.each;
        self.requests += other.requests;
        self.participants += other.participants;
    }
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

/// After the first page, whichever is fewer time and again: pages, requests for one each, both together.
fn fewest(rest: &Rest) -> (Bounds, Bounds, Bounds) {
    let none = (Bounds::ZERO, Bounds::ZERO, Bounds::ZERO);
    if rest.is_nothing() || rest.absent == Bounds::ZERO {
        return none;
    }
    match (rest.pages.exact(), rest.absent.exact()) {
        (Some(pages), Some(absent)) if pages > absent => {
            (Bounds::ZERO, Bounds::exactly(absent), Bounds::exactly(absent))
        }
        // A page is asked for while those left are no more than the absent: never more than all of them.
        (Some(pages), Some(_)) => {
            let each = Bounds::between(0, pages - 1);
            (Bounds::between(1, pages), each, Bounds::between(1, pages))
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
