//! A count that may not be known before it is made: at least, and at most.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::Serialize;

/// At least `min`, at most `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// The least that it can be.
    pub min: u64,
    /// The most; `None` where nothing is known that bounds it.
    pub max: Option<u64>,
}

impl Bounds {
    /// Nothing at all.
    pub const ZERO: Self = Self::exactly(0);

    /// A known count.
    #[must_use]
    pub const fn exactly(count: u64) -> Self {
        Self { min: count, max: Some(count) }
    }

    /// Anything from a count on.
    #[must_use]
    pub const fn at_least(min: u64) -> Self {
        Self { min, max: None }
    }

    /// Anything between two counts.
    #[must_use]
    pub const fn between(min: u64, max: u64) -> Self {
        Self { min, max: Some(max) }
    }

    /// The count, where it is known.
    #[must_use]
    pub fn exact(self) -> Option<u64> {
        self.max.filter(|max| *max == self.min)
    }

    /// Whether a count is within.
    #[must_use]
    pub fn has(self, count: u64) -> bool {
        self.min <= count && self.max.is_none_or(|max| count <= max)
    }

    /// Both ends changed by a function that grows with them.
    #[must_use]
    pub fn map(self, change: impl Fn(u64) -> u64) -> Self {
        Self { min: change(self.min), max: self.max.map(change) }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Add for Bounds {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let max = self.max.zip(other.max).map(|(one, two)| one.saturating_add(two));
        Self { min: self.min.saturating_add(other.min), max }
    }
}

impl AddAssign for Bounds {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Bounds {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Add::add)
    }
}
