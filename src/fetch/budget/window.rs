//! How many requests a window of time holds, counted in buckets.
//!
//! In: requests, as their replies come. Out: how many still count.
//! Guarantees: a request counts from its sending until at least a window after its reply, at most one
//! bucket longer; memory is bounded by the number of buckets, whatever the rate.
//! Not here: clocks; times are nanoseconds since the gate was made, and never go back.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets in a window: what rounding up to whole buckets may cost is 0.4 % of the pace.
const BUCKETS: u64 = 256;

/// A duration in nanoseconds; longer than 584 years is as good as 584.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Replied requests by the time of their reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub(super) struct Window {
    length_ns: u64,
    bucket_ns: u64,
    /// Number of the bucket and requests in it, oldest first.
    buckets: VecDeque<(u64, u64)>,
    sum: u64,
}

/// A window as it is written down.
#[derive(Serialize, Deserialize)]
struct Stored {
    length_ns: u64,
    buckets: Vec<(u64, u64)>,
}

impl From<Window> for Stored {
    fn from(window: Window) -> Self {
        Self { length_ns: window.length_ns, buckets: window.buckets.into() }
    }
}

impl TryFrom<Stored> for Window {
    type Error = &'static str;

    /// What was not written by [`Window`] is refused, so that no sum can overflow later.
    fn try_from(stored: Stored) -> Result<Self, &'static str> {
        const MOST: u64 = 1 << 48;
        let mut window = Self::new(Duration::from_nanos(stored.length_ns));
        let in_order = stored.buckets.is_sorted_by(|(earlier, _), (later, _)| earlier < later);
        let last = stored.buckets.last().map_or(0, |&(bucket, _)| bucket);
        if !in_order || stored.buckets.len() as u64 > 2 * BUCKETS || last > u64::MAX / window.bucket_ns - 1 {
            return Err("no window");
        }
        if stored.buckets.iter().any(|&(_, requests)| requests > MOST) {
            return Err("no count");
        }
        window.sum = stored.buckets.iter().map(|(_, requests)| requests).sum();
        window.buckets = stored.buckets.into();
        Ok(window)
    }
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let length_ns = nanos(length).max(1);
        Self { length_ns, bucket_ns: length_ns.div_ceil(BUCKETS), buckets: VecDeque::new(), sum: 0 }
    }

    /// A window of another length over the same requests as those known. `replied` is how many there ever
    /// were: those that are forgotten may still count in a longer window, so they are put as late as they
    /// can have been.
    pub(super) fn with_history<'a>(
        length: Duration,
        known: impl Iterator<Item = &'a Self>,
        replied: u64,
        now_ns: u64,
    ) -> Self {
        // Of those that remember enough the finest, else the one that remembers most.
        let length_ns = nanos(length);
        let fitness = |window: &&Self| (window.length_ns < length_ns, window.length_ns.abs_diff(length_ns));
        let Some(other) = known.min_by_key(fitness) else { return Self::new(length) };
        let mut window = Self::new(length);
        let forgotten = replied.saturating_sub(other.sum);
        if forgotten > 0 && window.length_ns > other.length_ns {
            window.add(forgotten, now_ns.saturating_sub(other.length_ns));
        }
        for &(bucket, requests) in &other.buckets {
            let last_ns = (bucket + 1).saturating_mul(other.bucket_ns) - 1;
            window.add(requests, last_ns.min(now_ns));
        }
        window.expire(now_ns);
        window
    }

    pub(super) fn length_ns(&self) -> u64 {
        self.length_ns
    }

    /// Counts requests whose replies came now.
    pub(super) fn add(&mut self, requests: u64, now_ns: u64) {
        let bucket = now_ns / self.bucket_ns;
        match self.buckets.back_mut() {
            Some((last, sum)) if *last >= bucket => *sum += requests,
            _ => self.buckets.push_back((bucket, requests)),
        }
        self.sum += requests;
    }

    /// How many still count now.
    pub(super) fn counted(&mut self, now_ns: u64) -> u64 {
        self.expire(now_ns);
        self.sum
    }

    /// When the oldest bucket stops counting.
    pub(super) fn next_expiry_ns(&self) -> Option<u64> {
        self.buckets.front().map(|&(bucket, _)| self.expiry_ns(bucket))
    }

    /// How many of those that count now will have stopped by a time.
    pub(super) fn expired_by(&self, at_ns: u64) -> u64 {
        let expired = self.buckets.iter().take_while(|&&(bucket, _)| self.expiry_ns(bucket) <= at_ns);
        expired.map(|&(_, requests)| requests).sum()
    }

    fn expiry_ns(&self, bucket: u64) -> u64 {
        (bucket + 1).saturating_mul(self.bucket_ns).saturating_add(self.length_ns)
    }

    fn expire(&mut self, now_ns: u64) {
        while let Some(&(bucket, requests)) = self.buckets.front() {
            if self.expiry_ns(bucket) > now_ns {
                break;
            }
            self.sum -= requests;
            self.buckets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_request_counts_for_a_window_and_at_most_a_bucket_more(
            length_ns in 1_u64..100_000,
            steps in prop::collection::vec(0_u64..3_000, 1..200),
        ) {
            let mut window = Window::new(Duration::from_nanos(length_ns));
            let mut replies = Vec::new();
            let mut now_ns = 0;
            for step in steps {
                now_ns += step;
                replies.push(now_ns);
                window.add(1, now_ns);
                let within = |length: u64| {
                    replies.iter().filter(|&&reply| now_ns - reply <= length).count() as u64
                };
                let counted = window.counted(now_ns);
                prop_assert!(counted >= within(length_ns - 1));
                prop_assert!(counted <= within(length_ns + length_ns.div_ceil(BUCKETS)));
                prop_assert!(window.buckets.len() as u64 <= BUCKETS + 2);
            }
        }

        #[test]
        fn another_length_forgets_nothing(
            from_ns in 1_u64..10_000,
            to_ns in 1_u64..10_000,
            steps in prop::collection::vec(0_u64..3_000, 1..100),
        ) {
            let mut window = Window::new(Duration::from_nanos(from_ns));
            let mut now_ns = 0;
            let mut replies = Vec::new();
            for step in steps {
                now_ns += step;
                replies.push(now_ns);
                window.add(1, now_ns);
                window.expire(now_ns);
            }
            let mut other =
                Window::with_history(Duration::from_nanos(to_ns), [&window].into_iter(), replies.len() as u64, now_ns);
            for later_ns in [now_ns, now_ns + to_ns / 2, now_ns + to_ns] {
                let counting = replies.iter().filter(|&&reply| later_ns - reply < to_ns).count() as u64;
                prop_assert!(other.counted(later_ns) >= counting);
            }
        }
    }
}
