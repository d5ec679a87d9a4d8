//! What the charts of a report show: days, concurrency over time, durations.
//!
//! In: days with minutes, changes in how many are there, counts of durations. Out: as many buckets as a
//! chart has room for.
//! Guarantees: what is summed over days keeps its exact sum; a peak is never lost in a bucket.
//! Not here: drawing.

use chrono::{DateTime, Datelike, Days as Span, Months, NaiveDate, Utc};

use crate::manifest::MinutesTotal;

/// More days than this are summed up by week, more weeks by month, and more than so many months by year.
const MOST_BARS: usize = 92;
/// Steps of the chart of concurrency: about one for every three pixels of its width.
const STEPS: usize = 240;
/// Where durations are told apart, in minutes.
pub(super) const DURATION_BOUNDS: [u32; 8] = [1, 5, 15, 30, 60, 120, 240, 480];

/// All that is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Minutes over time.
    pub days: Days,
    /// How many were there at once.
    pub concurrency: Concurrency,
    /// How long participants stayed.
    pub durations: Durations,
}

/// Minutes by day, week, month or year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// What a bar stands for.
    pub bucket: Bucket,
    /// First day of each and its minutes, without gaps.
    pub bars: Vec<(NaiveDate, MinutesTotal)>,
    /// Minutes of which no day is known.
    pub undated: Option<MinutesTotal>,
}

/// What one bar over time stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bucket {
    /// A day.
    #[default]
    Day,
    /// A week from Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Bucket {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The first day of the bucket of a day.
    fn start(self, day: NaiveDate) -> NaiveDate {
        let back = match self {
            Self::Day => 0,
            Self::Week => day.weekday().num_days_from_monday(),
            Self::Month => day.day0(),
            Self::Year => day.ordinal0(),
        };
        day.checked_sub_days(Span::new(u64::from(back))).unwrap_or(day)
    }

    /// The first day of the next bucket.
    fn next(self, start: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => start.checked_add_days(Span::new(1)),
            Self::Week => start.checked_add_days(Span::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Year => start.checked_add_months(Months::new(12)),
        }
    }
}

impl Days {
    /// Of days in their order, those without any minutes left out.
    #[must_use]
    pub fn of(days: &[(NaiveDate, MinutesTotal)], undated: Option<MinutesTotal>) -> Self {
        let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else {
            return Self { undated, ..Self::default() };
        };
        let length = |bucket| Self::starts(bucket, *first, *last).take(MOST_BARS + 1).count();
        let finer = [Bucket::Day, Bucket::Week, Bucket::Month];
        let bucket = finer.into_iter().find(|bucket| length(*bucket) <= MOST_BARS).unwrap_or(Bucket::Year);
        let mut bars: Vec<_> =
            Self::starts(bucket, *first, *last).map(|start| (start, MinutesTotal::default())).collect();
        for (day, minutes) in days {
            let start = bucket.start(*day);
            if let Ok(place) = bars.binary_search_by_key(&start, |(start, _)| *start) {
                let sum = bars[place].1.units().saturating_add(minutes.units());
                bars[place].1 = MinutesTotal::from_units(sum);
            }
        }
        Self { bucket, bars, undated }
    }

    fn starts(bucket: Bucket, first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let first = bucket.start(first);
        std::iter::successors(Some(first), move |start| bucket.next(*start))
            .take_while(move |day| *day <= last)
    }
}

/// How many participants were there at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// The most in each step of time, all steps equally long.
    pub steps: Vec<u64>,
    /// Where the first step begins.
    pub from: DateTime<Utc>,
    /// Where the last one ends.
    pub to: DateTime<Utc>,
    /// The most at any time.
    pub peak: u64,
    /// When that was first so.
    pub peak_at: Option<DateTime<Utc>>,
    /// Participants whose joining or leaving is not known: not counted.
    pub left_out: u64,
}

/// Follows comings and goings in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    seen: Concurrency,
    level: i64,
    /// The step that the level was last written to.
    step: usize,
}

impl Follower {
    /// Of a span of time.
    #[must_use]
    pub(super) fn new(from: DateTime<Utc>, to: DateTime<Utc>, left_out: u64) -> Self {
        let steps = vec![0; STEPS];
        Self { seen: Concurrency { steps, from, to, left_out, ..Concurrency::default() }, level: 0, step: 0 }
    }

    /// So many more, or fewer, from this time on.
    pub(super) fn note(&mut self, at: DateTime<Utc>, change: i64) {
        let step = self.step_of(at);
        self.lasts_to(step);
        self.level = self.level.saturating_add(change);
        let level = u64::try_from(self.level).unwrap_or(0);
        self.seen.steps[step] = self.seen.steps[step].max(level);
        if level > self.seen.peak {
            self.seen.peak = level;
            self.seen.peak_at = Some(at);
        }
    }

    /// What was seen.
    #[must_use]
    pub(super) fn finish(mut self) -> Concurrency {
        self.lasts_to(STEPS - 1);
        self.seen
    }

    /// The level has been the same up to the beginning of a step.
    fn lasts_to(&mut self, step: usize) {
        let level = u64::try_from(self.level).unwrap_or(0);
        for passed in self.step + 1..=step {
            self.seen.steps[passed] = self.seen.steps[passed].max(level);
        }
        self.step = self.step.max(step);
    }

    fn step_of(&self, at: DateTime<Utc>) -> usize {
        let micros = |from: DateTime<Utc>, to: DateTime<Utc>| {
            i128::from(to.timestamp_micros()) - i128::from(from.timestamp_micros())
        };
        let (span, passed) = (micros(self.seen.from, self.seen.to).max(1), micros(self.seen.from, at));
        let step = passed * i128::try_from(STEPS).unwrap_or(1) / span;
        usize::try_from(step).unwrap_or(0).min(STEPS - 1)
    }
}

/// How many participants stayed how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Those below each of `DURATION_BOUNDS` and not below the one before, then those of the last bound
    /// and above.
    pub counts: Vec<u64>,
    /// Participants whose duration is not known: not counted.
    pub left_out: u64,
}

impl Durations {
    /// What each count is of: `under 1`, `1 to 5`, `480 and more`.
    #[must_use]
    pub fn names() -> Vec<String> {
        let bounds = DURATION_BOUNDS.map(length);
        let first = [format!("under {}", bounds[0])];
        let pairs = DURATION_BOUNDS.windows(2).map(|pair| {
            let same_unit = (pair[0] < 60) == (pair[1] < 60);
            let low = if same_unit {
                length(pair[0]).replace(" min", "").replace(" h", "")
            } else {
                length(pair[0])
            };
            format!("{low} to {}", length(pair[1]))
        });
        let last = [format!("{} and more", bounds[bounds.len() - 1])];
        first.into_iter().chain(pairs).chain(last).collect()
    }
}

/// Minutes as people say them.
fn length(minutes: u32) -> String {
    if minutes < 60 { format!("{minutes} min") } else { format!("{} h", minutes / 60) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn days_have_no_gaps() {
        let minutes = MinutesTotal::from_units;
        let days = Days::of(&[(day("2026-02-27"), minutes(5)), (day("2026-03-02"), minutes(7))], None);
        let bars: Vec<_> = days.bars.iter().map(|(day, sum)| (day.to_string(), sum.units())).collect();
        let expected = [("2026-02-27", 5), ("2026-02-28", 0), ("2026-03-01", 0), ("2026-03-02", 7)];
        assert_eq!(bars, expected.map(|(day, sum)| (day.to_owned(), sum)));
        assert_eq!(Days::of(&[], Some(minutes(1))).bars, []);
    }

    #[test]
    fn many_days_are_weeks_and_many_weeks_months() {
        let of = |last| {
            Days::of(
                &[(day("2026-01-01"), MinutesTotal::default()), (day(last), MinutesTotal::default())],
                None,
            )
        };
        for (last, bucket, bars, first) in [
            ("2026-04-02", Bucket::Day, 92, "2026-01-01"),
            ("2026-04-03", Bucket::Week, 14, "2025-12-29"),
            ("2027-12-31", Bucket::Month, 24, "2026-01-01"),
            ("2033-09-01", Bucket::Year, 8, "2026-01-01"),
        ] {
            let days = of(last);
            assert_eq!((days.bucket, days.bars.len(), days.bars[0].0), (bucket, bars, day(first)), "{last}");
        }
    }

    #[test]
    fn a_peak_is_kept_and_a_level_lasts() {
        let mut follower = Follower::new(at(0), at(240), 0);
        for (second, change) in [(0, 2), (10, 3), (10, -4), (239, -1)] {
            follower.note(at(second), change);
        }
        let seen = follower.finish();
        assert_eq!((seen.steps[0], seen.steps[9], seen.steps[10], seen.steps[11]), (2, 2, 5, 1));
        assert_eq!((seen.steps[239], seen.peak, seen.peak_at), (1, 5, Some(at(10))));
    }

    #[test]
    fn durations_are_named() {
        insta::assert_snapshot!(
            Durations::names().join(", "),
            @"under 1 min, 1 to 5 min, 5 to 15 min, 15 to 30 min, 30 min to 1 h, 1 to 2 h, 2 to 4 h, 4 to 8 h, 8 h and more"
        );
    }

    proptest! {
        #[test]
        fn the_sum_over_days_is_kept(days in proptest::collection::btree_map(0_u64..3000, 0_i128..1000, 0..50)) {
            let first = day("2020-02-29");
            let days: Vec<_> = days
                .into_iter()
                .map(|(offset, units)| (first + Span::new(offset), MinutesTotal::from_units(units)))
                .collect();
            let sum = |days: &[(NaiveDate, MinutesTotal)]| days.iter().map(|(_, sum)| sum.units()).sum::<i128>();
            let made = Days::of(&days, None);
            prop_assert_eq!(sum(&made.bars), sum(&days));
            prop_assert!(made.bucket == Bucket::Year || made.bars.len() <= MOST_BARS);
        }

        #[test]
        fn the_highest_step_is_the_peak(changes in proptest::collection::vec((0_i64..1000, -2_i64..3), 0..100)) {
            let mut changes = changes;
            changes.sort_unstable();
            let mut follower = Follower::new(at(0), at(1000), 0);
            for (second, change) in changes {
                follower.note(at(second), change);
            }
            let seen = follower.finish();
            prop_assert_eq!(seen.steps.iter().copied().max(), Some(seen.peak));
        }
    }
}
