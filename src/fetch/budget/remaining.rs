//! What the server says is left of its quota.
//!
//! In: the items of `Ratelimit`, and of our own count what bears on them. Out: when the next request may
//! go, if not now.
//! Guarantees: can only slow down; what the server says is left is never exceeded. Less the reserve, it
//! is spread over the time to the reset, so that others who spend the same quota are made room for.
//! Not here: parsing (`policy`), our own count (`window`).
//!
//! Of a fixed window everything comes back at the reset. Of a sliding one a little comes back all the
//! time: `t` is small and `r` low for as long as the quota is used well, and spreading only `r` would
//! leave a `t`-th of the window unused. So what of our own requests is known to come back by the reset is
//! spread too, at most to what the server says is left.

use std::time::Duration;

use super::policy;
use super::window::nanos;

/// Policies kept at most. One or two are usual; a server that names ever new ones must not cost memory.
pub(super) const POLICIES: usize = 8;
/// Longer windows are not spread evenly: a day's quota is there for the hours in which it is needed.
pub(super) const SPREAD: Duration = Duration::from_hours(1);
/// `t` counts whole seconds, so the reset may be up to one earlier or later than it says.
const ROUNDING: Duration = Duration::from_secs(1);

/// What a reply that tells what is left was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    /// When its request was sent.
    pub(super) sent_ns: u64,
    /// When it came.
    pub(super) now_ns: u64,
    /// Requests of ours that the server may not have counted when it wrote it.
    pub(super) uncounted: u64,
}

/// What is known here of the policy of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<F> {
    pub(super) length_ns: u64,
    /// What of its quota is left to others.
    pub(super) reserve: u64,
    /// How many of our own requests stop counting by a time.
    pub(super) back_by: F,
}

/// What is left of each policy.
#[derive(Debug, Default)]
pub(super) struct Remaining(Vec<Item>);

#[derive(Debug)]
struct Item {
    name: String,
    /// Less what was sent since.
    requests: u64,
    /// When what is spent comes back at the latest.
    until_ns: u64,
    reset: Reset,
}

impl Remaining {
    /// A reply says what is left of a policy.
    pub(super) fn told(
        &mut self,
        left: &policy::Left,
        by: Telling,
        known: Option<Known<impl FnOnce(u64) -> u64>>,
    ) {
        // Where the reset is not told: at the latest when the whole window has passed.
        let length_ns = known.as_ref().map(|known| known.length_ns);
        let Some(wait_ns) = left.reset.map(nanos).or(length_ns) else { return };
        let until_ns = by.now_ns.saturating_add(wait_ns);
        let place = self.0.iter().position(|item| item.name == left.name);
        let before = place.map(|place| self.0[place].reset);
        let earliest_ns = by.sent_ns.saturating_add(wait_ns).saturating_sub(nanos(ROUNDING));
        let latest_ns = until_ns.saturating_add(nanos(ROUNDING));
        let reset = Reset::told(before, earliest_ns, latest_ns, length_ns);
        let (reserve, back) = known.map_or((0, 0), |known| {
            let soon_ns = until_ns.min(by.now_ns.saturating_add(nanos(ROUNDING)));
            (known.reserve, if reset.slides { (known.back_by)(soon_ns) } else { 0 })
        });
        let of_ours = left.requests.saturating_add(back).saturating_sub(reserve);
        let requests = of_ours.min(left.requests).saturating_sub(by.uncounted);
        let item = Item { name: left.name.clone(), requests, until_ns, reset };
        match place {
            Some(place) => self.0[place] = item,
            None if self.0.len() < POLICIES => self.0.push(item),
            None => {}
        }
    }

    /// A request was sent.
    pub(super) fn take_one(&mut self) {
        for item in &mut self.0 {
            item.requests = item.requests.saturating_sub(1);
        }
    }

    /// When a request may go, if not now.
    pub(super) fn allows_at(&mut self, last_sent_ns: u64, now_ns: u64) -> Option<u64> {
        let rounding_ns = nanos(ROUNDING);
        self.0.retain(|item| item.until_ns.saturating_add(rounding_ns) > now_ns);
        let allowed_at = |item: &Item| match item.requests {
            0 => item.until_ns.saturating_add(rounding_ns),
            _ if item.until_ns.saturating_sub(now_ns) > nanos(SPREAD) => 0,
            requests => {
                let spread_ns = item.until_ns.saturating_sub(last_sent_ns.min(now_ns));
                last_sent_ns.saturating_add(spread_ns / (requests + 1)).min(item.until_ns)
            }
        };
        self.0.iter().map(allowed_at).max().filter(|&at_ns| at_ns > now_ns)
    }
}

/// Between which times a policy's reset is, and how it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reset {
    earliest_ns: u64,
    latest_ns: u64,
    /// Whether it was seen to move by less than a window: that of a fixed one never does.
    slides: bool,
}

impl Reset {
    /// What a reply tells of it, by what was known before.
    fn told(before: Option<Self>, earliest_ns: u64, latest_ns: u64, length_ns: Option<u64>) -> Self {
        match before {
            None => Self { earliest_ns, latest_ns, slides: false },
            // A reply that was long on its way: later ones have come.
            Some(before) if latest_ns < before.earliest_ns => before,
            // It may be where it was.
            Some(before) if earliest_ns <= before.latest_ns => Self {
                earliest_ns: earliest_ns.max(before.earliest_ns),
                latest_ns: latest_ns.min(before.latest_ns),
                ..before
            },
            Some(before) => {
                let turned_ns = length_ns.map(|length_ns| before.earliest_ns.saturating_add(length_ns));
                let slides = turned_ns.is_some_and(|turned_ns| latest_ns < turned_ns);
                Self { earliest_ns, latest_ns, slides }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const WINDOW: u64 = 10 * SECOND;

    /// Resets as replies tell them of requests sent at these times, whose way there and back took so long.
    fn slides(
        reset_of: impl Fn(u64) -> u64,
        rounded_up: bool,
        times: impl IntoIterator<Item = (u64, u64, u64)>,
    ) -> Vec<bool> {
        let mut reset = None;
        let told = times.into_iter().map(|(sent_ns, there_ns, back_ns)| {
            let at_ns = sent_ns + there_ns;
            let wait_ns =
                (reset_of(at_ns) - at_ns + if rounded_up { SECOND - 1 } else { 0 }) / SECOND * SECOND;
            let now_ns = at_ns + back_ns;
            let (earliest_ns, latest_ns) = (sent_ns + wait_ns - SECOND, now_ns + wait_ns + SECOND);
            let known = Reset::told(reset, earliest_ns, latest_ns, Some(WINDOW));
            reset = Some(known);
            known.slides
        });
        told.collect()
    }

    proptest! {
        #[test]
        fn a_fixed_window_is_never_taken_for_a_sliding_one(
            rounded_up: bool,
            steps in prop::collection::vec((0..3 * SECOND, 0..2 * SECOND, 0..2 * SECOND), 1..200),
        ) {
            let mut now = SECOND;
            let times = steps.into_iter().map(|(step, there, back)| { now += step; (now, there, back) });
            let fixed = |at_ns: u64| (at_ns / WINDOW + 1) * WINDOW;
            prop_assert!(slides(fixed, rounded_up, times).iter().all(|slides| !slides));
        }
    }

    #[test]
    fn a_sliding_window_is_known_once_its_reset_has_moved() {
        let times = (0..100).map(|n| (SECOND + n * SECOND / 18, 0, 0));
        let slides = slides(|at_ns| at_ns + SECOND / 18, true, times);
        assert_eq!((slides[0], slides[60], slides[99]), (false, true, true));
    }

    #[test]
    fn what_is_left_is_never_exceeded_by_what_comes_back() {
        let mut remaining = Remaining::default();
        let reset = Some(Duration::from_secs(1));
        let mut allowed = Vec::new();
        for n in 0..100_u64 {
            let now_ns = SECOND + n * SECOND / 18;
            let left = policy::Left { name: "a".to_owned(), requests: 5, reset };
            let by = Telling { sent_ns: now_ns, now_ns, uncounted: 0 };
            let known = Known { length_ns: WINDOW, reserve: 20, back_by: |_| 18 };
            remaining.told(&left, by, Some(known));
            allowed.push(remaining.0[0].requests);
        }
        // As a fixed window all of it is the reserve's; as a sliding one three come back and are spent.
        assert_eq!((allowed[0], allowed[99]), (0, 3));
        let left = policy::Left { name: "a".to_owned(), requests: 2, reset };
        let now_ns = 7 * SECOND;
        let by = Telling { sent_ns: now_ns, now_ns, uncounted: 1 };
        remaining.told(&left, by, Some(Known { length_ns: WINDOW, reserve: 20, back_by: |_| 100 }));
        assert_eq!(remaining.0[0].requests, 1);
    }
}
