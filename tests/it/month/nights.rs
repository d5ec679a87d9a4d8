//! The nights of a month, dealt like cards.

use std::time::Duration;

use fastrand::Rng;

/// Nights of a month and a few, so that the last one is past every change.
pub(super) const NIGHTS: usize = 34;
/// Nights skipped at most: fewer than a long session sees, so that one is met while it is live.
const MOST_SKIPPED: usize = 4;

/// What happens in a night.
#[derive(Clone, Copy, Debug)]
pub(super) enum Night {
    Plain {
        machine: &'static str,
    },
    Skipped,
    /// Killed at a moment, and perhaps more often.
    Killed {
        at: Moment,
        more: u32,
    },
    /// One that comes while the other is at it, or two at once.
    Two {
        meet: bool,
    },
    Backfill {
        first: bool,
    },
    /// By a clock that is ahead by so many hours, or behind, and once more when it was set right.
    Astray {
        hours: i64,
    },
}

impl Night {
    fn any(rng: &mut Rng) -> Self {
        match rng.u32(..100) {
            // Mostly the same machine.
            0..60 => Self::Plain { machine: if rng.u32(..10) == 0 { "other" } else { "one" } },
            60..70 => Self::Skipped,
            70..85 => Self::Killed { at: Moment::any(rng), more: rng.u32(..3) },
            85..92 => Self::Two { meet: rng.bool() },
            92..95 => Self::Astray { hours: rng.i64(-300..300) },
            _ => Self::Backfill { first: rng.bool() },
        }
    }

    /// What a month has at least.
    fn each(rng: &mut Rng) -> Vec<Self> {
        vec![
            Self::Plain { machine: "one" },
            Self::Plain { machine: "other" },
            Self::Skipped,
            Self::Killed { at: Moment::Fetching(rng.usize(..4)), more: rng.u32(..3) },
            Self::Killed { at: Moment::Publishing(rng.u64(1..4)), more: rng.u32(..3) },
            Self::Two { meet: true },
            Self::Backfill { first: true },
            Self::Backfill { first: false },
            Self::Astray { hours: rng.i64(24..300) },
            Self::Astray { hours: -rng.i64(24..300) },
        ]
    }

    /// So many nights; the last is plain.
    pub(super) fn deal(nights: Option<usize>, rng: &mut Rng) -> Vec<Self> {
        let mut dealt = Self::each(rng);
        let nights = nights.unwrap_or(NIGHTS).clamp(dealt.len() + 1, NIGHTS);
        while dealt.len() + 1 < nights {
            let skipped = dealt.iter().filter(|night| matches!(night, Self::Skipped)).count();
            let night = Self::any(rng);
            let is_left = !matches!(night, Self::Skipped) || skipped < MOST_SKIPPED;
            dealt.extend(is_left.then_some(night));
        }
        rng.shuffle(&mut dealt);
        dealt.push(Self::Plain { machine: "one" });
        dealt
    }
}

/// When a sync is killed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    After(Duration),
    /// When it waits for the reply to a request, after so many others. Every night asks for some.
    Fetching(usize),
    /// When so many files were added to the dataset.
    Files(usize),
    /// While it puts the nth of the files of rows where they belong. Every night makes some.
    Publishing(u64),
}

impl Moment {
    pub(super) fn any(rng: &mut Rng) -> Self {
        match rng.u32(..5) {
            0 => Self::After(Duration::from_micros(rng.u64(..300_000))),
            1 => Self::Fetching(rng.usize(..40)),
            2 => Self::Publishing(rng.u64(1..24)),
            _ => Self::Files(rng.usize(1..24)),
        }
    }
}
