//! How far a run is: counters that the stages advance and the display reads.
//!
//! In: one call for each event. Out: [`Snapshot`].
//! Guarantees: no lock and no allocation; a call costs one atomic addition; counts never go back.
//! Not here: what it looks like (`ui`), when it is shown.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Opening the response log, reading and checking the lists.
    #[default]
    ReadingLists,
    /// Reading what a dataset has.
    ReadingDataset,
    /// Asking the API which sessions the window has.
    FindingSessions,
    /// Asking the API who was in them.
    Fetching,
    /// Flattening replies and writing files.
    MakingTables,
    /// Running the rollups' queries.
    MakingRollups,
    /// Moving the files into place.
    Publishing,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::ReadingLists,
        Self::ReadingDataset,
        Self::FindingSessions,
        Self::Fetching,
        Self::MakingTables,
        Self::MakingRollups,
        Self::Publishing,
    ];

    /// Whether requests are sent in it.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::FindingSessions | Self::Fetching)
    }

    /// The phase as a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadingLists => "reading lists",
            Self::ReadingDataset => "reading the dataset",
            Self::FindingSessions => "finding sessions",
            Self::Fetching => "fetching",
            Self::MakingTables => "making tables",
            Self::MakingRollups => "making rollups",
            Self::Publishing => "publishing",
        }
    }
}

/// Why nobody sends anything for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseReason {
    /// Our own window is full.
    QuotaSpent,
    /// The server's headers leave nothing until its reset: others spend the quota too.
    QuotaShared,
    /// The server answered 429.
    RateLimited,
    /// The server asked for time with a `Retry-After`.
    ServerBusy,
}

impl PauseReason {
    const ALL: [Self; 4] = [Self::QuotaSpent, Self::QuotaShared, Self::RateLimited, Self::ServerBusy];

    /// The reason, to follow the time at which the pause ends.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuotaSpent => "the quota is spent",
            Self::QuotaShared => "the token's other users spent the quota",
            Self::RateLimited => "the API answered 429",
            Self::ServerBusy => "the API asked for time",
        }
    }
}

/// A pause that holds everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Why it is.
    pub reason: PauseReason,
}

/// The counters of one run, shared by its stages.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    planned: AtomicU64,
    kept: AtomicU64,
    settled: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    /// Nanoseconds between two requests at the allowed rate; 0 where there is none.
    allowed_interval_nanos: AtomicU64,
    /// Milliseconds since 1970 at which the pause ends, times [`PAUSE_REASONS`], plus the reason:
    /// one word, so that both are always of one pause.
    pause: AtomicU64,
}

/// Room for the reasons beside a time.
const PAUSE_REASONS: u64 = 8;

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What the run is doing.
    pub phase: Phase,
    /// Requests planned so far; grows while sessions turn out to have more pages.
    pub planned: u64,
    /// Planned requests that were over, by an earlier run or before, when this one began.
    pub kept: u64,
    /// Planned requests that are over, in this run.
    pub settled: u64,
    /// Tries after the first.
    pub retried: u64,
    /// Ids given up.
    pub failed: u64,
    /// Time between two requests at the allowed rate.
    pub allowed_interval: Option<Duration>,
    /// The latest pause; it may be over.
    pub pause: Option<Pause>,
}

impl Snapshot {
    /// Planned requests that are over.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.kept.saturating_add(self.settled)
    }

    /// Planned requests that are not over.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.planned.saturating_sub(self.done())
    }

    /// The pause, if it lasts beyond a moment.
    #[must_use]
    pub fn pause_at(&self, now: DateTime<Utc>) -> Option<Pause> {
        self.pause.filter(|pause| pause.until > now)
    }
}

impl Progress {
    /// The next phase begins.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// So many more requests are planned.
    pub fn planned(&self, requests: u64) {
        self.planned.fetch_add(requests, Relaxed);
    }

    /// So many planned requests need not be sent: the log has their replies.
    pub fn kept(&self, requests: u64) {
        self.kept.fetch_add(requests, Relaxed);
    }

    /// A planned request is over: with a reply, or given up.
    pub fn replied(&self) {
        self.settled.fetch_add(1, Relaxed);
    }

    /// A request is tried once more.
    pub fn retried(&self) {
        self.retried.fetch_add(1, Relaxed);
    }

    /// So many ids were given up.
    pub fn failed(&self, ids: u64) {
        self.failed.fetch_add(ids, Relaxed);
    }

    /// What is allowed from now on: the quota less the reserve.
    pub fn allowed(&self, requests: u32, window: Duration) {
        let interval = window.checked_div(requests).unwrap_or_default();
        self.allowed_interval_nanos.store(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Nobody sends anything until a time. Of two pauses the one that ends later is shown.
    pub fn paused_until(&self, until: DateTime<Utc>, reason: PauseReason) {
        let millis = u64::try_from(until.timestamp_millis()).unwrap_or(0);
        self.pause.fetch_max(millis.saturating_mul(PAUSE_REASONS).saturating_add(reason as u64), Relaxed);
    }

    /// The counters now; each is right, though not all of one instant.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let interval = self.allowed_interval_nanos.load(Relaxed);
        Snapshot {
            phase: Phase::ALL.get(usize::from(self.phase.load(Relaxed))).copied().unwrap_or_default(),
            planned: self.planned.load(Relaxed),
            kept: self.kept.load(Relaxed),
            settled: self.settled.load(Relaxed),
            retried: self.retried.load(Relaxed),
            failed: self.failed.load(Relaxed),
            allowed_interval: (interval > 0).then(|| Duration::from_nanos(interval)),
            pause: unpack(self.pause.load(Relaxed)),
        }
    }
}

fn unpack(pause: u64) -> Option<Pause> {
    let until = DateTime::from_timestamp_millis(i64::try_from(pause / PAUSE_REASONS).ok()?)?;
    let reason = PauseReason::ALL.get(usize::try_from(pause % PAUSE_REASONS).ok()?)?;
    (pause > 0).then_some(Pause { until, reason: *reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_and_reasons_are_read_back() {
        let progress = Progress::default();
        for phase in Phase::ALL {
            progress.enter(phase);
            assert_eq!(progress.snapshot().phase, phase);
        }
        let start = DateTime::from_timestamp_millis(1_800_000_000_123).expect("a time");
        assert_eq!(progress.snapshot().pause, None);
        for (seconds, reason) in (1..).zip(PauseReason::ALL) {
            let until = start + chrono::TimeDelta::seconds(seconds);
            progress.paused_until(until, reason);
            assert_eq!(progress.snapshot().pause, Some(Pause { until, reason }));
        }
        // An earlier end does not shorten a pause.
        progress.paused_until(start, PauseReason::QuotaSpent);
        assert_eq!(progress.snapshot().pause.map(|pause| pause.reason), Some(PauseReason::ServerBusy));
        assert_eq!(progress.snapshot().pause_at(start + chrono::TimeDelta::hours(1)), None);
    }

    #[test]
    fn counts_add_up() {
        let progress = Progress::default();
        progress.planned(10);
        progress.kept(3);
        progress.replied();
        progress.replied();
        progress.allowed(1080, Duration::from_mins(5));
        let snapshot = progress.snapshot();
        assert_eq!((snapshot.done(), snapshot.left()), (5, 5));
        assert_eq!(snapshot.allowed_interval, Some(Duration::from_nanos(277_777_777)));
        progress.allowed(0, Duration::from_mins(5));
        assert_eq!(progress.snapshot().allowed_interval, None);
    }
}
