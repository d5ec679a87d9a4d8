//! What the sandbox saw: counts for tests and benchmarks.
//!
//! In: each request's kind and the status of its reply. Out: [`SandboxStats`], and the list of
//! requests where it is kept.
//! Guarantees: counts are exact; the list keeps the first million requests.
//! Not here: serving them (`handlers.rs`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Requests kept in the list: some 200 MB.
const MOST_REQUESTS_KEPT: usize = 1_000_000;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A participant of a session.
    Details,
    /// A page of a session's participants.
    Participants,
    /// A session.
    Session,
    /// A page of sessions.
    Sessions,
    /// A peer's report.
    PeerReport,
    /// Totals by day.
    Daywise,
    /// The account's apps.
    Apps,
    /// The token's check.
    TokenVerify,
    /// A query posted to GraphQL.
    GraphQl,
    /// No known path.
    Unknown,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Details,
        Self::Participants,
        Self::Session,
        Self::Sessions,
        Self::PeerReport,
        Self::Daywise,
        Self::Apps,
        Self::TokenVerify,
        Self::GraphQl,
        Self::Unknown,
    ];
}

/// What the sandbox saw until now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SandboxStats {
    /// Requests that arrived, whatever became of them.
    pub requests: u64,
    /// The same by what they asked for.
    pub by_kind: BTreeMap<Kind, u64>,
    /// Replies by status. A request that was reset or never answered has none.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests that the rate limit refused; a scripted 429 is not among them.
    pub rate_limited: u64,
    /// The most arrivals within any window of the rate limit's length, others' included; 0 without one.
    pub most_in_a_window: u64,
    /// Faults that struck.
    pub faults: u64,
}

/// A request that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedRequest {
    /// When it arrived, in microseconds since the sandbox started.
    pub at_us: u64,
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Whether the API's own reply was sent to it, whole.
    pub answered: bool,
}

#[derive(Debug)]
pub(super) struct Counters {
    requests: AtomicU64,
    by_kind: [AtomicU64; Kind::ALL.len()],
    by_status: [AtomicU64; 600],
    faults: AtomicU64,
    kept: Option<Mutex<Vec<RecordedRequest>>>,
}

impl Counters {
    pub(super) fn new(keep_requests: bool) -> Self {
        Self {
            requests: AtomicU64::new(0),
            by_kind: [const { AtomicU64::new(0) }; Kind::ALL.len()],
            by_status: [const { AtomicU64::new(0) }; 600],
            faults: AtomicU64::new(0),
            kept: keep_requests.then(Mutex::default),
        }
    }

    /// Counts a request; its number, from 1.
    pub(super) fn request(&self, kind: Kind) -> u64 {
        if let Some(count) = Kind::ALL.iter().position(|k| *k == kind).and_then(|at| self.by_kind.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reply(&self, status: u16) {
        if let Some(count) = self.by_status.get(usize::from(status)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps a request, where requests are kept; its place among them.
    pub(super) fn keep(&self, request: impl FnOnce() -> RecordedRequest) -> Option<usize> {
        let mut kept = lock(self.kept.as_ref()?);
        (kept.len() < MOST_REQUESTS_KEPT).then(|| {
            kept.push(request());
            kept.len() - 1
        })
    }

    /// The API's own reply goes to a request that was kept.
    pub(super) fn answered(&self, place: Option<usize>) {
        if let (Some(kept), Some(place)) = (&self.kept, place)
            && let Some(request) = lock(kept).get_mut(place)
        {
            request.answered = true;
        }
    }

    pub(super) fn kept(&self) -> Vec<RecordedRequest> {
        self.kept.as_ref().map(|kept| lock(kept).clone()).unwrap_or_default()
    }

    /// The counts; those of the rate limit are the limiter's.
    pub(super) fn snapshot(&self) -> SandboxStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let statuses = (0..).zip(&self.by_status).map(|(status, count)| (status, read(count)));
        SandboxStats {
            requests: read(&self.requests),
            by_kind: Kind::ALL
                .into_iter()
                .zip(self.by_kind.iter().map(read))
                .filter(|(_, n)| *n > 0)
                .collect(),
            by_status: statuses.filter(|(_, n)| *n > 0).collect(),
            rate_limited: 0,
            most_in_a_window: 0,
            faults: read(&self.faults),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
