//! Which participants belong to which session, by arithmetic.
//!
//! In: a number of participants and how session sizes are spread. Out: the range of a session's
//! participant indices, and the session of a participant.
//! Guarantees: every participant is in exactly one session, no session is empty; constant time and
//! no memory, but for [`Sizes::Skewed`], which holds eight bytes per session.
//! Not here: ids, times.

use std::ops::Range;

use super::ids::hash;

/// How participants are spread over sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sizes {
    /// Each session has the same number.
    Fixed,
    /// Between one and twice the mean, less one.
    #[default]
    Varied,
    /// The nth largest session has a nth of the largest (Zipf): a few are very large.
    Skewed,
}

#[derive(Debug)]
pub(super) struct Layout {
    sizes: Sizes,
    seed: u64,
    participants: u64,
    mean: u64,
    sessions: u64,
    /// Skewed only: where each session starts, and the end.
    starts: Vec<u64>,
}

impl Layout {
    pub(super) fn new(sizes: Sizes, seed: u64, participants: u64, mean: u64) -> Self {
        let mean = mean.clamp(1, 1 << 32);
        let mut layout = Self { sizes, seed, participants, mean, sessions: 0, starts: Vec::new() };
        layout.sessions = match sizes {
            Sizes::Fixed | Sizes::Skewed => participants.div_ceil(mean),
            Sizes::Varied => participants.checked_sub(1).map_or(0, |last| layout.session_of(last) + 1),
        };
        if sizes == Sizes::Skewed {
            layout.starts = skewed_starts(participants, layout.sessions);
        }
        layout
    }

    pub(super) const fn sessions(&self) -> u64 {
        self.sessions
    }

    /// The participants of a session.
    pub(super) fn range(&self, session: u64) -> Range<u64> {
        let (start, end) = match self.sizes {
            Sizes::Fixed => (session * self.mean, (session + 1) * self.mean),
            Sizes::Varied => {
                let pair = session / 2;
                let middle = pair * 2 * self.mean + self.first_of_pair(pair);
                if session.is_multiple_of(2) {
                    (pair * 2 * self.mean, middle)
                } else {
                    (middle, (pair + 1) * 2 * self.mean)
                }
            }
            Sizes::Skewed => (self.start(session), self.start(session + 1)),
        };
        start.min(self.participants)..end.min(self.participants)
    }

    /// The session of a participant.
    pub(super) fn session_of(&self, participant: u64) -> u64 {
        match self.sizes {
            Sizes::Fixed => participant / self.mean,
            Sizes::Varied => {
                let pair = participant / (2 * self.mean);
                let within = participant % (2 * self.mean);
                2 * pair + u64::from(within >= self.first_of_pair(pair))
            }
            Sizes::Skewed => {
                let after = self.starts.partition_point(|start| *start <= participant);
                u64::try_from(after).unwrap_or(u64::MAX).saturating_sub(1)
            }
        }
    }

    /// Two neighbouring sessions have twice the mean together; this is the first one's part.
    fn first_of_pair(&self, pair: u64) -> u64 {
        let less = hash(self.seed, pair) % self.mean;
        if pair.is_multiple_of(2) { self.mean - less } else { self.mean + less }
    }

    fn start(&self, session: u64) -> u64 {
        usize::try_from(session).ok().and_then(|at| self.starts.get(at)).copied().unwrap_or(self.participants)
    }
}

/// Where each session starts when the session of rank n gets a nth of the largest: integers only,
/// with ranks spread over the sessions by a stride that shares no factor with their number.
fn skewed_starts(participants: u64, sessions: u64) -> Vec<u64> {
    let size = |largest: u64, rank: u64| (largest / rank).max(1);
    let total = |largest: u64| (1..=sessions).map(|rank| size(largest, rank)).sum::<u64>();
    let (mut low, mut high) = (1, participants.max(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if total(middle) <= participants {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let left_over = participants.saturating_sub(total(low));
    let mut stride = (sessions * 5 / 8).max(1);
    while greatest_common_divisor(stride, sessions) > 1 {
        stride += 1;
    }
    let mut starts = vec![0];
    let mut start = 0;
    for session in 0..sessions {
        let rank = (session + 1) * stride % sessions + 1;
        start += size(low, rank) + if rank == 1 { left_over } else { 0 };
        starts.push(start);
    }
    starts
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sizes() -> impl Strategy<Value = Sizes> {
        prop_oneof![Just(Sizes::Fixed), Just(Sizes::Varied), Just(Sizes::Skewed)]
    }

    proptest! {
        #[test]
        fn sessions_share_the_participants_out(
            sizes in sizes(), seed: u64, participants in 0..3000_u64, mean in 0..200_u64,
        ) {
            let layout = Layout::new(sizes, seed, participants, mean);
            let mut next = 0;
            for session in 0..layout.sessions() {
                let range = layout.range(session);
                prop_assert_eq!(range.start, next);
                prop_assert!(!range.is_empty());
                next = range.end;
                for participant in range {
                    prop_assert_eq!(layout.session_of(participant), session);
                }
            }
            prop_assert_eq!(next, participants);
        }
    }

    #[test]
    fn a_skewed_world_has_a_few_giants() {
        let layout = Layout::new(Sizes::Skewed, 1, 50_000, 100);
        assert_eq!(layout.sessions(), 500);
        let mut sizes: Vec<u64> =
            (0..500).map(|session| layout.range(session)).map(|r| r.end - r.start).collect();
        sizes.sort_unstable();
        assert!(sizes[499] > 7000, "{sizes:?}");
        assert!(sizes[250] < 50, "{sizes:?}");
    }
}
