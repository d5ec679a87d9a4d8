//! Which days one `sync` exports.
//!
//! In: what was asked for, how far the dataset goes, which earlier days are to be looked at again. Out: ranges of
//! days, oldest first, each of which becomes one export and one commit.
//! Guarantees: the ranges do not overlap; without `--from` they reach to today, so that nothing lies between them
//! and what the next `sync` covers; only the last may be long: one that begins with the first session there is,
//! and one that the lookback asks for, are not cut.
//! Not here: what a day is in time (`model`), what is fetched (`pipeline`).

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use crate::model::{DayRange, Zone};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `--from`.
    pub from: Option<NaiveDate>,
    /// `--to`: the first day that is not meant.
    pub to: Option<NaiveDate>,
    /// `--lookback`, in days.
    pub lookback: u32,
    /// `--days-per-commit`.
    pub days_per_commit: u32,
}

/// How far a dataset goes, as far as the next `sync` cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The day up to which it goes; `None` where it does not exist yet.
    pub synced: Option<NaiveDate>,
    /// The day that it is.
    pub today: NaiveDate,
}

impl Asked {
    /// The first day of the range that goes on from a dataset; `None` for the beginning.
    #[must_use]
    pub fn begins(&self, reached: Reached) -> Option<NaiveDate> {
        let back = |day: NaiveDate| day.checked_sub_days(Days::new(self.lookback.into())).unwrap_or(day);
        // A clock that went back, now or before, must not leave a range without its days.
        reached.synced.map(|synced| back(synced.min(reached.today)))
    }
}

/// The ranges of one `sync`; `again` are the earlier days that are to be looked at again.
#[must_use]
pub fn ranges(asked: &Asked, zone: Zone, reached: Reached, again: &BTreeSet<NaiveDate>) -> Vec<DayRange> {
    let range = |(first, last)| DayRange { zone, first: Some(first), last };
    let cut = |first, last| cut(first, last, asked.days_per_commit).into_iter().map(range);
    let today = reached.today;
    if let Some(from) = asked.from {
        let last = asked.to.map_or(Some(today), |to| to.pred_opt());
        // Of the future nothing is known.
        return last.into_iter().flat_map(|last| cut(from, last.min(today))).collect();
    }
    let main = DayRange { zone, first: asked.begins(reached), last: today };
    let mut runs: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for day in again.iter().copied().filter(|day| !main.contains(*day) && *day < today) {
        match runs.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(day) => *last = day,
            _ => runs.push((day, day)),
        }
    }
    runs.into_iter().flat_map(|(first, last)| cut(first, last)).chain([main]).collect()
}

/// Cuts days into pieces of at most so many; none where the last is before the first.
fn cut(first: NaiveDate, last: NaiveDate, days: u32) -> Vec<(NaiveDate, NaiveDate)> {
    let more = Days::new(u64::from(days.max(1)) - 1);
    let mut pieces = Vec::new();
    let mut next = Some(first);
    while let Some(first) = next.filter(|next| *next <= last) {
        let end = first.checked_add_days(more).unwrap_or(last).min(last);
        pieces.push((first, end));
        next = end.succ_opt();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASKED: Asked = Asked { from: None, to: None, lookback: 3, days_per_commit: 31 };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn told(asked: &Asked, synced: Option<&str>, again: &[&str]) -> String {
        let again = again.iter().map(|text| day(text)).collect();
        let reached = Reached { synced: synced.map(day), today: day("2026-11-23") };
        let ranges = ranges(asked, Zone::UTC, reached, &again);
        let told = ranges.iter().map(|range| {
            let first = range.first.map_or("..".to_owned(), |first| first.to_string());
            format!("{first}/{}", range.last)
        });
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_sync_takes_everything_or_begins_where_it_is_told() {
        assert_eq!(told(&ASKED, None, &[]), "../2026-11-23");
        let from = Asked { from: Some(day("2026-10-01")), ..ASKED };
        assert_eq!(told(&from, None, &[]), "2026-10-01/2026-10-31 2026-11-01/2026-11-23");
    }

    #[test]
    fn the_next_looks_back_from_where_the_last_one_came_to() {
        assert_eq!(told(&ASKED, Some("2026-11-22"), &[]), "2026-11-19/2026-11-23");
        // Nights that were skipped.
        assert_eq!(told(&ASKED, Some("2026-09-01"), &[]), "2026-08-29/2026-11-23");
        let none = Asked { lookback: 0, ..ASKED };
        assert_eq!(told(&none, Some("2026-11-22"), &[]), "2026-11-22/2026-11-23");
        // The clock went back.
        assert_eq!(told(&none, Some("2026-12-24"), &[]), "2026-11-23/2026-11-23");
    }

    #[test]
    fn days_that_are_pending_come_before_it_where_it_does_not_hold_them() {
        let again = ["2026-11-05", "2026-11-06", "2026-11-08", "2026-11-20"];
        assert_eq!(
            told(&ASKED, Some("2026-11-22"), &again),
            "2026-11-05/2026-11-06 2026-11-08/2026-11-08 2026-11-19/2026-11-23"
        );
    }

    #[test]
    fn a_backfill_is_what_was_asked_for_and_nothing_of_the_future() {
        let between = |from, to: Option<&str>| Asked { from: Some(day(from)), to: to.map(day), ..ASKED };
        let synced = Some("2026-11-22");
        let told = |asked: Asked| told(&asked, synced, &["2026-11-05"]);
        assert_eq!(told(between("2026-10-01", Some("2026-10-03"))), "2026-10-01/2026-10-02");
        assert_eq!(told(between("2026-10-01", Some("2026-10-01"))), "");
        assert_eq!(told(between("2026-11-23", Some("2027-10-01"))), "2026-11-23/2026-11-23");
        assert_eq!(told(between("2026-11-24", None)), "");
        let short = Asked { days_per_commit: 2, ..between("2026-10-01", Some("2026-10-06")) };
        assert_eq!(told(short), "2026-10-01/2026-10-02 2026-10-03/2026-10-04 2026-10-05/2026-10-05");
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_do_not_overlap_and_hold_what_was_asked_for(
            from in proptest::option::of(0_u64..80),
            to in proptest::option::of(0_u64..80),
            synced in proptest::option::of(0_u64..80),
            again in proptest::collection::btree_set(0_u64..80, 0..9),
            lookback in 0_u32..9,
            days_per_commit in 0_u32..9,
        ) {
            let at = |number: u64| day("2026-10-01") + Days::new(number);
            let today = at(60);
            let (from, to, synced) = (from.map(at), to.map(at).filter(|_| from.is_some()), synced.map(at));
            let again: BTreeSet<_> = again.into_iter().map(at).collect();
            let asked = Asked { from, to, lookback, days_per_commit };
            let ranges = ranges(&asked, Zone::UTC, Reached { synced, today }, &again);
            for pair in ranges.windows(2) {
                prop_assert!(pair[1].first.is_some_and(|first| pair[0].last < first));
            }
            for range in &ranges {
                prop_assert!(range.first.is_none_or(|first| first <= range.last) && range.last <= today);
            }
            let has = |day| ranges.iter().any(|range| range.contains(day));
            for number in 0..80 {
                let day = at(number);
                let wanted = match (from, synced) {
                    _ if day > today => false,
                    (Some(from), _) => from <= day && to.is_none_or(|to| day < to),
                    (None, None) => true,
                    (None, Some(synced)) => {
                        let reached = synced.min(today);
                        again.contains(&day) || reached <= day + Days::new(lookback.into())
                    }
                };
                prop_assert_eq!(has(day), wanted, "{}", day);
            }
        }
    }
}
