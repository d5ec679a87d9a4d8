//! Stages 2 and 3 before a run: each session's first page, and what it tells; the pages of a window, and
//! what they tell of its sessions.
//!
//! In: the wants. Out: [`Counted`]. Guarantees: as of all fetching, but that nothing is kept: a body is
//! read and dropped. Memory: the pool of bodies, and what is counted.

use std::collections::HashMap;
use std::sync::Arc;

use super::fetching::{Fetching, Keep, fetch};
use super::stop::Signals;
use crate::error::Result;
use crate::fetch::{Answer, Reason, Reply};
use crate::model::{Minutes, RequestKey, SessionId};
use crate::plan::{Bounds, Census, Count, Course, Discovered, Outlook, Size, Usage, Wants};
use crate::progress::Phase;
use crate::wire::{Expected, ListedSession, Object, SessionStatus, elements, text};

/// What a count of the sessions came to.
#[derive(Debug)]
pub struct Counted {
    /// The requests of a run, and its rows.
    pub outlook: Outlook,
    /// Sessions that were counted.
    pub sessions: u64,
    /// Sessions that the API does not know.
    pub not_found: u64,
    /// Sessions whose page could not be had: of them nothing is known.
    pub failed: u64,
    /// Sessions of which somebody has not left.
    pub live: u64,
    /// What is known of those asked for who are on the pages.
    pub usage: Usage,
    /// Requests sent, retries included.
    pub requests_sent: u64,
}

/// Counts each session's participants, by a request for each.
///
/// # Errors
/// What ended it before all were counted.
pub async fn count(
    wants: Arc<Wants>,
    course: Course,
    fetching: &Fetching,
    signals: &mut Signals,
) -> Result<Counted> {
    fetching.progress.enter(Phase::Fetching);
    let counter = Counter::new(Arc::clone(&wants), course);
    let fetched = fetch(Count::new(wants), counter, fetching, signals).await?;
    if let Some(error) = fetched.ended_early {
        return Err(error);
    }
    Ok(fetched.kept_in.finish(fetching.concurrency))
}

/// Reads first pages as they come.
struct Counter {
    wants: Arc<Wants>,
    counted: Counted,
    /// Pages that were refused for their size.
    refused: u64,
}

impl Counter {
    fn new(wants: Arc<Wants>, course: Course) -> Self {
        let counted = Counted {
            outlook: Outlook::new(course),
            sessions: 0,
            not_found: 0,
            failed: 0,
            live: 0,
            usage: Usage::default(),
            requests_sent: 0,
        };
        Self { wants, counted, refused: 0 }
    }

    fn finish(mut self, concurrency: usize) -> Counted {
        self.counted.outlook = self.counted.outlook.finish();
        let planned = &mut self.counted.outlook.planned;
        if self.refused > 0 && planned.pages.max != Some(0) {
            // A run learns it in the same way, from as many as are in flight then.
            let most = self.wants.sessions().min(concurrency) as u64;
            let refused = Bounds::between(1, most);
            planned.pages += refused;
            planned.requests += refused;
        }
        self.counted
    }
}

impl Keep for Counter {
    fn append(&mut self, reply: Reply) -> Result<()> {
        let RequestKey::Page { session, size, .. } = reply.key else { return Ok(()) };
        let Some(session) = self.wants.session_number(session) else { return Ok(()) };
        let Self { wants, counted, refused } = self;
        counted.requests_sent += u64::from(reply.attempts);
        let census = match &reply.answer {
            Answer::Found(body) => Census::read(body, wants, session).ok(),
            Answer::Failed(failure) if size.may_be_refused_with(failure.http_status) => {
                // It is asked for once more.
                *refused += 1;
                return Ok(());
            }
            Answer::Failed(failure) if failure.reason == Reason::NotFound => {
                counted.not_found += 1;
                counted.outlook.add(wants, session, &Size::Missing);
                return Ok(());
            }
            Answer::Failed(_) => None,
        };
        let Some(census) = census else {
            counted.failed += 1;
            counted.outlook.add(wants, session, &Size::Unknown);
            return Ok(());
        };
        counted.sessions += 1;
        counted.live += u64::from(census.live);
        counted.outlook.add(wants, session, &Size::Counted(&census));
        counted.usage.merge(census.usage);
        Ok(())
    }
}

/// What the records of the sessions list say, for the sessions of a window: a keeper of its pages.
#[derive(Debug, Default)]
pub struct SessionsSeen {
    /// By session, the later page's: minutes in 10⁻⁹ minute, whether it is live.
    records: HashMap<SessionId, (Option<i128>, bool)>,
    requests_sent: u64,
}

impl SessionsSeen {
    /// Requests sent, retries included.
    #[must_use]
    pub const fn requests_sent(&self) -> u64 {
        self.requests_sent
    }

    /// Of the window's sessions: the minutes consumed as they say, `None` where none of them does; and
    /// how many are live.
    #[must_use]
    pub fn of(&self, discovered: &Discovered) -> (Option<i128>, u64) {
        let records = discovered.sessions.iter().filter_map(|found| self.records.get(&found.id));
        records.fold((None, 0), |(sum, live), (minutes, is_live)| {
            let sum = minutes.map_or(sum, |minutes| Some(sum.unwrap_or(0) + minutes));
            (sum, live + u64::from(*is_live))
        })
    }

    fn read(&mut self, body: &[u8]) {
        let Ok(page) = Expected::Sessions.find(body) else { return };
        for object in elements(page.value).unwrap_or_default().into_iter().filter_map(Object::parse) {
            let listed = ListedSession::of(&object);
            let Some(session) = listed.session else { continue };
            let minutes = object.get("minutes_consumed").and_then(|value| {
                let quoted = text(value);
                Minutes::parse(quoted.as_deref().unwrap_or(value.get())).ok()
            });
            let minutes = minutes.map(|parsed| i128::from(parsed.minutes.units()));
            self.records.insert(session, (minutes, listed.status == SessionStatus::Live));
        }
    }
}

impl Keep for SessionsSeen {
    fn append(&mut self, reply: Reply) -> Result<()> {
        self.requests_sent += u64::from(reply.attempts);
        if let Answer::Found(body) = &reply.answer {
            self.read(body);
        }
        Ok(())
    }
}
