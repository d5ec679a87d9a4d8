//! The sandbox's rate limit: a quota in a window, a block for whoever exceeds it, and the headers.
//!
//! In: the arrival of a request. Out: whether it may pass, and what the rate-limit headers say.
//! Guarantees: counted when a request arrives; memory bounded by four times the quota.
//! Not here: what a 429 looks like (`reply.rs`).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use tokio::time::Instant;

/// A quota, and how the server tells of it.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// Requests in a window.
    pub quota: u64,
    /// The window's length.
    pub window: Duration,
    /// How requests are counted.
    pub kind: WindowKind,
    /// For how long everything is refused once the quota was exceeded.
    pub block: Duration,
    /// The part of the quota, in percent, that somebody else spends all the time.
    pub others_percent: u64,
    /// What the rate-limit headers say.
    pub headers: RateHeaders,
    /// What a 429 says about its end.
    pub retry_after: RetryAfter,
}

impl RateLimit {
    /// A sliding window with true headers, whose block lasts one window.
    #[must_use]
    pub const fn new(quota: u64, window: Duration) -> Self {
        Self {
            quota,
            window,
            kind: WindowKind::Sliding,
            block: window,
            others_percent: 0,
            headers: RateHeaders::True,
            retry_after: RetryAfter::Seconds,
        }
    }
}

/// How requests are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WindowKind {
    /// Those of the last window's length.
    #[default]
    Sliding,
    /// Those since the last multiple of the window's length, from the first request on.
    Fixed,
}

/// What the rate-limit headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RateHeaders {
    /// The quota and what is left of it.
    #[default]
    True,
    /// Nothing: there are none.
    Absent,
    /// The quota, and for ever one less than it with a second to go, as was seen.
    Frozen,
    /// What is no structured field.
    Malformed,
    /// A looser second policy in the same line.
    Items,
    /// The looser policy in a line of its own, before the true one.
    Lines,
}

/// What a 429 says about its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RetryAfter {
    /// Seconds, rounded up.
    #[default]
    Seconds,
    /// An HTTP date.
    Date,
    /// Nothing.
    Absent,
}

/// What the limiter says to one request.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// How often the limiter was asked and what it saw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) limited: u64,
    pub(super) most_in_a_window: u64,
}

#[derive(Debug)]
pub(super) struct Limiter {
    limit: RateLimit,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the requests of this window were let through.
    spent: VecDeque<Instant>,
    /// Where the fixed window begins.
    window_start: Option<Instant>,
    blocked_until: Option<Instant>,
    /// Every arrival within the last window, let through or not.
    arrivals: VecDeque<Instant>,
    seen: Seen,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        let state = State {
            spent: VecDeque::new(),
            window_start: None,
            blocked_until: None,
            arrivals: VecDeque::new(),
            seen: Seen::default(),
        };
        Self { limit, state: Mutex::new(state) }
    }

    /// Counts a request that arrives now.
    pub(super) fn arrive(&self, now: Instant) -> Verdict {
        let mut state = self.lock();
        let allowed = self.count(&mut state, now);
        let mut headers = self.state_headers(&state, now);
        if !allowed {
            state.seen.limited += 1;
            let left = state.blocked_until.map_or(Duration::ZERO, |until| until - now);
            match self.limit.retry_after {
                RetryAfter::Seconds => headers.push(("retry-after", ceil_secs(left).to_string())),
                RetryAfter::Date => headers.push(("retry-after", http_date_in(ceil_secs(left)))),
                RetryAfter::Absent => {}
            }
        }
        Verdict { allowed, headers }
    }

    /// Somebody else spends so many requests now.
    pub(super) fn spend(&self, requests: u64, now: Instant) {
        let mut state = self.lock();
        for _ in 0..requests {
            self.count(&mut state, now);
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().seen
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request passes; one too many starts the block.
    fn count(&self, state: &mut State, now: Instant) -> bool {
        self.count_arrival(state, now);
        if state.blocked_until.is_some_and(|until| until > now) {
            return false;
        }
        state.blocked_until = None;
        self.forget(state, now);
        if self.used(state, now) >= self.limit.quota {
            state.blocked_until = Some(now + self.limit.block);
            return false;
        }
        state.spent.push_back(now);
        true
    }

    fn count_arrival(&self, state: &mut State, now: Instant) {
        let most = usize::try_from(self.limit.quota.saturating_mul(4)).unwrap_or(usize::MAX);
        while state.arrivals.front().is_some_and(|at| now - *at >= self.limit.window)
            || state.arrivals.len() > most
        {
            state.arrivals.pop_front();
        }
        state.arrivals.push_back(now);
        let arrivals = u64::try_from(state.arrivals.len()).unwrap_or(u64::MAX);
        state.seen.most_in_a_window = state.seen.most_in_a_window.max(arrivals);
    }

    /// Drops what no longer counts.
    fn forget(&self, state: &mut State, now: Instant) {
        match self.limit.kind {
            WindowKind::Sliding => {
                while state.spent.front().is_some_and(|at| now - *at >= self.limit.window) {
                    state.spent.pop_front();
                }
            }
            WindowKind::Fixed => {
                let mut start = state.window_start.unwrap_or(now);
                let elapsed = now - start;
                if elapsed >= self.limit.window {
                    state.spent.clear();
                    start = now - remainder(elapsed, self.limit.window);
                }
                state.window_start = Some(start);
            }
        }
    }

    /// What is spent of the quota, by the client and by others.
    fn used(&self, state: &State, now: Instant) -> u64 {
        let others = self.limit.quota * self.limit.others_percent.min(100) / 100;
        let others = match (self.limit.kind, state.window_start) {
            (WindowKind::Fixed, Some(start)) => share(others, now - start, self.limit.window),
            _ => others,
        };
        u64::try_from(state.spent.len()).unwrap_or(u64::MAX).saturating_add(others)
    }

    /// How long until more of the quota is free.
    fn reset(&self, state: &State, now: Instant) -> Duration {
        if let Some(until) = state.blocked_until {
            return until.saturating_duration_since(now);
        }
        let start = match self.limit.kind {
            WindowKind::Sliding => state.spent.front().copied(),
            WindowKind::Fixed => state.window_start,
        };
        start.map_or(Duration::ZERO, |start| (start + self.limit.window).saturating_duration_since(now))
    }

    fn state_headers(&self, state: &State, now: Instant) -> Vec<(&'static str, String)> {
        let (quota, window) = (self.limit.quota, self.limit.window.as_secs().max(1));
        let left =
            if state.blocked_until.is_some() { 0 } else { quota.saturating_sub(self.used(state, now)) };
        let reset = ceil_secs(self.reset(state, now));
        let policy = format!("\"default\";q={quota};w={window}");
        let rate = format!("\"default\";r={left};t={reset}");
        let loose_policy = format!("\"daily\";q={};w=86400;qu=\"requests\"", quota * 1000);
        let loose_rate = format!("\"daily\";r={};t=40000;pk=:c2FuZGJveA==:", quota * 999);
        match self.limit.headers {
            RateHeaders::Absent => Vec::new(),
            RateHeaders::True => vec![("ratelimit-policy", policy), ("ratelimit", rate)],
            RateHeaders::Frozen => {
                let frozen = format!("\"default\";r={};t=1", quota.saturating_sub(1));
                vec![("ratelimit-policy", policy), ("ratelimit", frozen)]
            }
            RateHeaders::Malformed => vec![
                ("ratelimit-policy", format!("default;;q={quota},w=\"")),
                ("ratelimit", "r=none; t".to_owned()),
            ],
            RateHeaders::Items => vec![
                ("ratelimit-policy", format!("{loose_policy}, {policy}")),
                ("ratelimit", format!("{loose_rate}, {rate}")),
            ],
            RateHeaders::Lines => vec![
                ("ratelimit-policy", loose_policy),
                ("ratelimit-policy", policy),
                ("ratelimit", loose_rate),
                ("ratelimit", rate),
            ],
        }
    }
}

/// Part of a number, as the elapsed part of a whole.
fn share(number: u64, elapsed: Duration, whole: Duration) -> u64 {
    let part = u128::from(number) * elapsed.as_nanos() / whole.as_nanos().max(1);
    u64::try_from(part).unwrap_or(number)
}

fn remainder(elapsed: Duration, whole: Duration) -> Duration {
    let nanos = elapsed.as_nanos() % whole.as_nanos().max(1);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

fn ceil_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The HTTP date so many seconds from now.
pub(super) fn http_date_in(secs: u64) -> String {
    httpdate::fmt_http_date(SystemTime::from(crate::clock::now()) + Duration::from_secs(secs))
}
