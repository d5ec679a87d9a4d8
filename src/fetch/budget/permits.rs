//! What this process was given by the ledger and has not used, and what it has to settle.
//!
//! In: grants, uses, replies. Out: whether another grant is due, and what to say when asking for it.
//! Guarantees: at most a second's worth at a time, and a hundredth of the window's unless more time has
//! passed since the last grant; none is used later than the ledger counts on.
//! Not here: the ledger.

use std::time::Duration;

use super::ledger::HELD;
use super::window::nanos;

/// The most that is worth asking for at a time.
const SPAN: Duration = Duration::from_secs(1);
/// What is leased counts before it is sent, and what was replied a little longer: with so many leases in
/// a window that costs about 1 % of the pace.
const LEASES: u32 = 100;
/// More often than this nobody asks, as long as what was granted is not used up sooner.
const SHORTEST_SPAN: Duration = Duration::from_millis(10);

/// Leave to send, in hand.
#[derive(Debug, Default)]
pub(super) struct Permits {
    left: u64,
    granted_ns: u64,
    /// Requests replied since the last settlement.
    ended: u64,
    last_ended_ns: u64,
}

impl Permits {
    /// How many to ask for at a rate: what the time since the last grant is worth, so that a busy machine,
    /// which asks late, need not stay behind.
    pub(super) fn wanted(&self, requests: u64, window: Duration, now_ns: u64) -> u64 {
        let usual = (window / LEASES).clamp(SHORTEST_SPAN, SPAN);
        let span_ns = now_ns.saturating_sub(self.granted_ns).clamp(nanos(usual), nanos(SPAN));
        let worth = (u128::from(requests) * u128::from(span_ns)).div_ceil(window.as_nanos().max(1));
        u64::try_from(worth).unwrap_or(u64::MAX).clamp(1, requests.max(1))
    }

    /// Whether there is one to use.
    pub(super) fn any(&self, now_ns: u64) -> bool {
        self.left > 0 && now_ns < self.granted_ns.saturating_add(nanos(HELD))
    }

    pub(super) fn use_one(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub(super) fn ended(&mut self, now_ns: u64) {
        self.ended += 1;
        self.last_ended_ns = now_ns;
    }

    /// What there is to settle: so many replies, the last of them so long ago. What is in hand goes back.
    pub(super) fn settle(&mut self, now_ns: u64) -> (u64, u64) {
        self.left = 0;
        (self.ended, now_ns.saturating_sub(self.last_ended_ns))
    }

    /// So many replies are settled: the ledger has them.
    pub(super) fn settled(&mut self, ended: u64) {
        self.ended = self.ended.saturating_sub(ended);
    }

    /// So many more, by an asking at that time.
    pub(super) fn grant(&mut self, requests: u64, asked_ns: u64) {
        self.left += requests;
        self.granted_ns = asked_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_a_seconds_worth_or_less() {
        for (requests, secs, usual, late) in [
            (1080, 300, 4, 4),
            (180, 10, 2, 18),
            (1800, 10, 18, 180),
            (1_000_000_000, 1, 10_000_000, 1_000_000_000),
            (1, 86_400, 1, 1),
        ] {
            let mut permits = Permits::default();
            let now_ns = nanos(Duration::from_hours(1));
            let wanted = |permits: &Permits| permits.wanted(requests, Duration::from_secs(secs), now_ns);
            assert_eq!(wanted(&permits), late, "{requests}/{secs}s after an hour");
            permits.grant(1, now_ns);
            assert_eq!(wanted(&permits), usual, "{requests}/{secs}s at once");
        }
    }
}
