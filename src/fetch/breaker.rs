//! Tells an API that is down from ids that fail.
//!
//! In: how every try of the run ended. Out: the moment at which to stop.
//! Guarantees: replies other than 5xx reset it, failing ids among them, so a list of unknown ids never
//! trips it; a 429 neither counts nor resets; no id is a failure because the API is down.
//! Not here: `--max-failures`, which counts ids.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that are many, whatever one bad id can cause with its retries.
const MANY: u32 = 27;
/// ... over at least this time: a restart of a server behind a load balancer is shorter.
const LASTING: Duration = Duration::from_secs(30);
/// Where nothing ever came, requests go one at a time, so that fewer are enough.
const FEW: u32 = 2;
/// ... over at least this time.
const LASTING_FROM_THE_START: Duration = Duration::from_secs(45);

/// Failures in a row, over all requests.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Nothing to reset: spares every good reply the lock.
    clear: AtomicBool,
    row: Mutex<Row>,
}

#[derive(Debug, Default)]
struct Row {
    ever_up: bool,
    failures: u32,
    since: Option<Instant>,
}

/// The API is down: so many failures in so long a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down {
    pub(super) failures: u32,
    pub(super) lasting: Duration,
}

impl Breaker {
    /// A reply came that shows the API up.
    pub(super) fn up(&self) {
        if !self.clear.load(Ordering::Relaxed) {
            let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
            *row = Row { ever_up: true, failures: 0, since: None };
            self.clear.store(true, Ordering::Relaxed);
        }
    }

    /// A connection error, a timeout or a 5xx, to a request sent at `sent`.
    pub(super) fn failed(&self, sent: Instant, now: Instant) -> Option<Down> {
        let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        self.clear.store(false, Ordering::Relaxed);
        row.failures = row.failures.saturating_add(1);
        let since = *row.since.get_or_insert(sent);
        let lasting = now.saturating_duration_since(since);
        let tripped = if row.ever_up {
            row.failures >= MANY && lasting >= LASTING
        } else {
            row.failures >= FEW && lasting >= LASTING_FROM_THE_START
        };
        tripped.then_some(Down { failures: row.failures, lasting })
    }

    /// Whether an id that failed now, its tries used up, tells of the API rather than of itself: not even
    /// an error came and never anything better, or many failed in a row. With few retries, or a port that
    /// refuses at once, that is so long before an outage lasts.
    pub(super) fn gives_up(&self, replied: bool, now: Instant) -> Option<Down> {
        let row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        let since = row.since?;
        let down = Down { failures: row.failures, lasting: now.saturating_duration_since(since) };
        (!(row.ever_up || replied) || row.failures >= MANY).then_some(down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_over_some_time_are_an_api_that_is_down() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let breaker = Breaker::default();
        breaker.up();
        for _ in 0..1000 {
            assert_eq!(breaker.failed(start, at(29)), None, "too short");
        }
        assert!(breaker.failed(start, at(30)).is_some());
        breaker.up();
        for n in 1..MANY {
            assert_eq!(breaker.failed(at(40), at(40 + 2 * u64::from(n))), None, "too few");
        }
        let down = Down { failures: MANY, lasting: Duration::from_secs(54) };
        assert_eq!(breaker.failed(at(93), at(94)), Some(down));
    }

    #[test]
    fn an_id_is_given_up_only_while_the_api_is_up() {
        let start = Instant::now();
        let breaker = Breaker::default();
        assert_eq!(breaker.gives_up(false, start), None);
        let _ = breaker.failed(start, start);
        assert_eq!(breaker.gives_up(false, start), Some(Down { failures: 1, lasting: Duration::ZERO }));
        assert_eq!(breaker.gives_up(true, start), None, "a 500 may be this id's own");
        breaker.up();
        assert_eq!(breaker.gives_up(false, start), None);
        for _ in 1..MANY {
            let _ = breaker.failed(start, start);
        }
        assert_eq!(breaker.gives_up(false, start), None, "one bad id can cause so many");
        let _ = breaker.failed(start, start);
        assert!(breaker.gives_up(true, start).is_some());
    }

    #[test]
    fn an_api_that_never_replied_needs_two_timeouts() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let breaker = Breaker::default();
        assert_eq!(breaker.failed(start, at(30)), None);
        assert!(breaker.failed(at(30), at(60)).is_some());
    }
}
