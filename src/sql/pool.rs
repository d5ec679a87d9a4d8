//! Who gets how much of the memory that queries share.
//!
//! In: what the engine's steps ask for. Out: whether they may have it, or have to spill.
//! Guarantees: what is granted on asking is never more than the pool, but for rows that are on their way from one
//! task to another. A little is kept for each step that has begun, and of the rest none that can spill has more
//! than about an eighth, so that the steps of one query that hold much at one time (two tasks that group, and two
//! that sort what those give) leave each other room, and the merging of what was sorted.
//! Not the library's fair pool: that divides by all steps of a query, of which most hold next to nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// Part of the pool that is kept for each step: some batches.
const KEPT_PART: usize = 128;
/// Of what is shared, what a step that can spill may take, in percent.
const LARGE_PERCENT: usize = 12;
/// Steps of that size that there may be: what they leave is for those that cannot spill.
const LARGE_STEPS: usize = 4;
/// What the merging of a sort may take, in percent, and how much has to be in use for that to be a limit. To merge
/// what a step has sorted takes up to three times that; to merge files it takes all that it gets, to read more of
/// them at once, and other sorts have to begin to merge too.
const MERGING_PERCENT: usize = 22;
const FREE_UP_TO_PERCENT: usize = 60;
/// How the library names a step that hands rows from task to task. It could spill, but may then wait for itself
/// for ever (see `parts.rs`); and it holds little where nobody makes it wait.
const HANDING_ON: &str = "RepartitionExec";
/// How it names the merging of a sort.
const MERGING: &str = "ExternalSorterMerge";

/// A pool of so many bytes.
#[derive(Debug)]
pub(super) struct SharesPool {
    bytes: usize,
    held: Mutex<Held>,
}

/// What steps hold, in bytes.
#[derive(Debug, Default)]
struct Held {
    /// Of each step but those that hand on, by the number of its consumer.
    steps: HashMap<usize, usize>,
    /// Of all those, what they have above what is kept for them.
    above_kept: usize,
    /// Of that, what those have which can spill.
    spilling: usize,
    /// Of all those.
    total: usize,
    /// Of those that hand on.
    on_their_way: usize,
}

impl SharesPool {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of so many bytes is above what is kept for a step.
    fn above_kept(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.bytes / KEPT_PART)
    }

    /// Whether a consumer may have so much more.
    fn grants(&self, held: &Held, consumer: &MemoryConsumer, more: usize) -> bool {
        if hands_on(consumer) {
            return true;
        }
        if held.total + more > self.bytes {
            return false;
        }
        let has = held.steps.get(&consumer.id()).copied().unwrap_or_default();
        let (above_before, above) = (self.above_kept(has), self.above_kept(has + more));
        let kept = held.steps.len() * (self.bytes / KEPT_PART);
        let shared = self.bytes.saturating_sub(kept);
        let large = shared / 100 * LARGE_PERCENT;
        let in_use = held.above_kept - above_before + above;
        let is_its_part = if consumer.can_spill() {
            above <= large && held.spilling - above_before + above <= LARGE_STEPS * large
        } else if consumer.name().starts_with(MERGING) {
            above <= shared / 100 * MERGING_PERCENT || in_use <= shared / 100 * FREE_UP_TO_PERCENT
        } else {
            true
        };
        above == 0 || (is_its_part && in_use <= shared)
    }

    /// Writes down what a consumer has from now on.
    fn change(&self, held: &mut Held, consumer: &MemoryConsumer, change: impl Fn(usize) -> usize) {
        if hands_on(consumer) {
            held.on_their_way = change(held.on_their_way);
        } else {
            held.total = change(held.total);
            let has = held.steps.entry(consumer.id()).or_default();
            let before = self.above_kept(*has);
            *has = change(*has);
            let after = self.above_kept(*has);
            held.above_kept = held.above_kept - before + after;
            if consumer.can_spill() {
                held.spilling = held.spilling - before + after;
            }
        }
    }
}

/// Whether what a consumer holds are rows on their way.
fn hands_on(consumer: &MemoryConsumer) -> bool {
    consumer.can_spill() && consumer.name().starts_with(HANDING_ON)
}

impl MemoryPool for SharesPool {
    fn name(&self) -> &'static str {
        "shares"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if !hands_on(consumer) {
            self.held().steps.insert(consumer.id(), 0);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.held().steps.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, more: usize) {
        self.change(&mut self.held(), reservation.consumer(), |bytes| bytes + more);
    }

    fn shrink(&self, reservation: &MemoryReservation, less: usize) {
        self.change(&mut self.held(), reservation.consumer(), |bytes| bytes.saturating_sub(less));
    }

    fn try_grow(&self, reservation: &MemoryReservation, more: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut held = self.held();
        if !self.grants(&held, consumer, more) {
            return Err(resources_datafusion_err!(
                "{} has {} bytes of {self} and cannot have {more} more: {} are in use",
                consumer.name(),
                reservation.size(),
                held.total
            ));
        }
        self.change(&mut held, consumer, |bytes| bytes + more);
        Ok(())
    }

    fn reserved(&self) -> usize {
        let held = self.held();
        held.total + held.on_their_way
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

impl fmt::Display for SharesPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pool of {} bytes", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const BYTES: usize = 1 << 20;

    fn step(pool: &Arc<dyn MemoryPool>, name: &str, can_spill: bool) -> MemoryReservation {
        MemoryConsumer::new(name).with_can_spill(can_spill).register(pool)
    }

    fn pool() -> Arc<dyn MemoryPool> {
        Arc::new(SharesPool::new(BYTES))
    }

    /// The most that a step gets, in steps of a kilobyte.
    fn fill(step: &MemoryReservation) -> usize {
        while step.try_grow(1024).is_ok() {}
        step.size()
    }

    #[test]
    fn a_step_gets_its_part_however_many_there_are() {
        let pool = pool();
        let many: Vec<_> = (0..20).map(|n| step(&pool, &format!("Sort[{n}]"), true)).collect();
        let kept = BYTES / KEPT_PART;
        let shared = BYTES - many.len() * kept;
        for large in &many[..LARGE_STEPS] {
            assert!(fill(large).abs_diff(kept + shared / 100 * LARGE_PERCENT) <= 1024);
        }
        // The others still have what is kept for them.
        for small in &many[LARGE_STEPS..] {
            assert!(fill(small).abs_diff(kept) <= 1024 * LARGE_STEPS);
        }
    }

    #[test]
    fn rows_on_their_way_are_never_told_to_spill() {
        let pool = pool();
        let (fixed, sort) = (step(&pool, "HashJoinInput[0]", false), step(&pool, "Sort[0]", true));
        let on_their_way = step(&pool, "RepartitionExec[1]", true);
        assert!(fill(&fixed) > BYTES / 2);
        assert!(on_their_way.try_grow(BYTES).is_ok());
        // Nor does anybody else pay for them.
        assert!(sort.try_grow(1024).is_ok());
    }

    #[test]
    fn what_cannot_spill_has_what_is_left() {
        let pool = pool();
        let spilling = step(&pool, "Sort[0]", true);
        let taken = fill(&spilling);
        let fixed = step(&pool, "SortMerge[0]", false);
        assert!(fill(&fixed) > BYTES / 2);
        let merging = step(&pool, "ExternalSorterMerge[0]", false);
        assert!(fill(&merging) < BYTES / 4);
        assert!(fixed.size() + taken <= BYTES);
        let error = fixed.try_grow(1024).unwrap_err().to_string();
        assert!(error.contains("SortMerge[0] has ") && error.contains("cannot have 1024 more"), "{error}");
        fixed.free();
        assert!((BYTES / 3..BYTES * 2 / 3).contains(&fill(&merging)));
    }

    proptest! {
        #[test]
        fn no_more_is_granted_than_there_is_and_all_comes_back(
            asked in prop::collection::vec((0..12_usize, any::<bool>(), 1..BYTES / 2), 1..200),
        ) {
            let pool = pool();
            let names = ["SingleHashAggregateStream", "ExternalSorter", "ExternalSorterMerge"];
            let steps: Vec<_> =
                (0..12).map(|n| step(&pool, &format!("{}[{n}]", names[n % 3]), n % 3 < 2)).collect();
            for (of, back, bytes) in asked {
                let step = &steps[of];
                if back {
                    step.shrink(bytes.min(step.size()));
                } else {
                    let _ = step.try_grow(bytes);
                }
                prop_assert_eq!(pool.reserved(), steps.iter().map(MemoryReservation::size).sum::<usize>());
                prop_assert!(pool.reserved() <= BYTES);
            }
            drop(steps);
            prop_assert_eq!(pool.reserved(), 0);
        }
    }
}
