//! Even spacing within the quota, by governor on a clock that the gate sets.
//!
//! In: a number of requests in a window, and the time. Out: go, or when.
//! Guarantees: what was saved up in idle time is at most a second's worth.
//! Not here: the count itself (`window`).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::window::nanos;

/// The slowest pace: a server may name a window of millions of years.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

/// The time as the gate was told it.
#[derive(Clone, Debug, Default)]
struct GateClock(Arc<AtomicU64>);

impl Clock for GateClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

/// Spaces requests evenly.
#[derive(Debug)]
pub(super) struct Pace {
    clock: GateClock,
    limiter: RateLimiter<NotKeyed, InMemoryState, GateClock, NoOpMiddleware<Nanos>>,
    second: NonZeroU32,
}

impl Pace {
    /// So many requests in so long a time, with a second's worth in hand.
    pub(super) fn new(requests: u64, window: Duration, now_ns: u64) -> Self {
        let requests = requests.max(1);
        let interval_ns = nanos(window).div_ceil(requests).clamp(1, nanos(LONGEST_INTERVAL));
        let second = u32::try_from(nanos(Duration::from_secs(1)) / interval_ns).unwrap_or(u32::MAX);
        let second = NonZeroU32::new(second).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_nanos(interval_ns))
            .expect("the interval is at least a nanosecond")
            .allow_burst(second);
        let clock = GateClock(Arc::new(AtomicU64::new(now_ns)));
        Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock, second }
    }

    /// Gives away what is in hand: the next requests come at the even pace from the first.
    pub(super) fn start_gently(&self) {
        // All is in hand in a new limiter, so this cannot be refused.
        let _all_in_hand = self.limiter.check_n(self.second);
    }

    /// Takes one request's place, or says when there will be one.
    pub(super) fn take(&self, now_ns: u64) -> Result<(), u64> {
        self.clock.0.store(now_ns, Ordering::Relaxed);
        self.limiter.check().map_err(|refusal| {
            let wait = refusal.wait_time_from(self.clock.now());
            now_ns.saturating_add(nanos(wait).max(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the first `n` requests may go.
    fn times(pace: &Pace, n: usize) -> Vec<u64> {
        let mut now_ns = 0;
        let mut times = Vec::new();
        while times.len() < n {
            match pace.take(now_ns) {
                Ok(()) => times.push(now_ns / 1_000_000),
                Err(at_ns) => now_ns = at_ns,
            }
        }
        times
    }

    #[test]
    fn a_second_is_in_hand_and_then_requests_come_evenly() {
        let pace = Pace::new(1080, Duration::from_mins(5), 0);
        assert_eq!(times(&pace, 6), [0, 0, 0, 277, 555, 833]);
        let gentle = Pace::new(1080, Duration::from_mins(5), 0);
        gentle.start_gently();
        assert_eq!(times(&gentle, 3), [277, 555, 833]);
    }

    #[test]
    fn any_rate_is_a_pace() {
        let slow = Pace::new(1, Duration::from_hours(24), 0);
        assert_eq!(times(&slow, 2), [0, 86_400_000]);
        let fast = Pace::new(u64::MAX, Duration::from_secs(1), 0);
        assert_eq!(times(&fast, 100_000).last(), Some(&0));
    }
}
