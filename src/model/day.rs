//! Days of a time zone: which one a moment belongs to, and when it begins.
//!
//! In: moments, and dates as they are written. Out: dates, and moments.
//! Guarantees: a moment has one date, whatever the zone's clock does; between the ends of a range's hull lie
//! all moments of its days (and, where a clock goes back over midnight, a few of other days: so a moment's day
//! is always asked for itself).
//! Not here: the zone of whoever runs the program: nothing depends on it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub Tz);

/// Why a text is no [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the IANA database, such as Europe/Paris")]
pub struct NotAZone;

/// How far a clock can be from UTC, and more: Manila was nearly 16 hours behind.
const FARTHEST: TimeDelta = TimeDelta::hours(26);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone's name: `Europe/Paris`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The date that a clock in the zone shows at a moment.
    #[must_use]
    pub fn date(self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.0).date_naive()
    }

    /// The first moment of a day; of one that the zone left out, the moment at which it was left out.
    #[must_use]
    pub fn first_instant(self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        self.0
            .from_local_datetime(&midnight)
            .earliest()
            .map_or_else(|| self.over_midnight(day), |at| at.to_utc())
    }

    /// The first moment after all of a day. Where the clock goes back over midnight, the day after it has
    /// begun once before.
    #[must_use]
    pub fn end(self, day: NaiveDate) -> DateTime<Utc> {
        let Some(next) = day.checked_add_days(Days::new(1)) else { return DateTime::<Utc>::MAX_UTC };
        let midnight = next.and_time(NaiveTime::MIN);
        match self.0.from_local_datetime(&midnight) {
            LocalResult::None => self.over_midnight(next),
            LocalResult::Single(at) => at.to_utc(),
            LocalResult::Ambiguous(first, again) => {
                let (first, again) = (first.to_utc(), again.to_utc());
                // It may go back to midnight and no further: then the day did not begin once more.
                if self.date(again - TimeDelta::seconds(1)) < next { again } else { first }
            }
        }
    }

    /// When the clock went past a day's midnight without showing it.
    fn over_midnight(self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        let is_past = |at: DateTime<Utc>| at.with_timezone(&self.0).naive_local() >= midnight;
        let around = midnight.and_utc();
        let mut before = around.checked_sub_signed(FARTHEST).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut past = around.checked_add_signed(FARTHEST).unwrap_or(DateTime::<Utc>::MAX_UTC);
        while (past - before) > TimeDelta::seconds(1) {
            let between = before + TimeDelta::seconds((past - before).num_seconds() / 2);
            if is_past(between) {
                past = between;
            } else {
                before = between;
            }
        }
        past
    }
}

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(name: &str) -> Result<Self, NotAZone> {
        name.parse().map(Self).map_err(|_| NotAZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a date as folders and flags have it, `2026-10-01`, and no other way.
#[must_use]
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    let is_dated = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let is_date = text.len() == 10 && text.bytes().enumerate().all(is_dated);
    is_date.then(|| text.parse().ok()).flatten().filter(|day| is_writable(*day))
}

/// Whether a date has a year of four digits that engines can read.
fn is_writable(day: NaiveDate) -> bool {
    matches!(day.year(), 1..=9999)
}

/// Days of a zone, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// The zone whose days they are.
    pub zone: Zone,
    /// The first day; `None` for the beginning.
    pub first: Option<NaiveDate>,
    /// The last day.
    pub last: NaiveDate,
}

impl DayRange {
    /// Whether a day is one of them.
    #[must_use]
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.first.is_none_or(|first| first <= day) && day <= self.last
    }

    /// Whether a moment is in one of them.
    #[must_use]
    pub fn has(&self, at: DateTime<Utc>) -> bool {
        self.contains(self.zone.date(at))
    }

    /// The day of a moment, where it is one of them; `None` too where it has no year of four digits.
    #[must_use]
    pub fn day_of(&self, at: DateTime<Utc>) -> Option<NaiveDate> {
        Some(self.zone.date(at)).filter(|day| self.contains(*day) && is_writable(*day))
    }

    /// The first moment of all, and the first after all; the first is `None` for the beginning.
    #[must_use]
    pub fn hull(&self) -> (Option<DateTime<Utc>>, DateTime<Utc>) {
        (self.first.map(|first| self.zone.first_instant(first)), self.zone.end(self.last))
    }

    /// The days in order; none where the first is not known.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = self.last;
        self.first.into_iter().flat_map(|first| first.iter_days()).take_while(move |day| *day <= last)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        parse_day(text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn begins(name: &str, text: &str) -> String {
        zone(name).first_instant(day(text)).to_rfc3339()
    }

    #[test]
    fn a_day_begins_when_the_zones_clock_says_so() {
        assert_eq!(begins("UTC", "2026-10-01"), "2026-10-01T00:00:00+00:00");
        assert_eq!(begins("Asia/Kolkata", "2026-10-01"), "2026-09-30T18:30:00+00:00");
        // The clock goes on at midnight: the day begins at one.
        assert_eq!(begins("America/Havana", "2026-03-08"), "2026-03-08T05:00:00+00:00");
        // The clock goes back over midnight: the day begins twice, and the day before it ends twice.
        let st_johns = zone("America/St_Johns");
        assert_eq!(begins("America/St_Johns", "2006-10-29"), "2006-10-29T02:30:00+00:00");
        assert_eq!(st_johns.end(day("2006-10-28")).to_rfc3339(), "2006-10-29T03:30:00+00:00");
        let again = DateTime::parse_from_rfc3339("2006-10-29T02:45:00Z").unwrap().to_utc();
        assert_eq!(st_johns.date(again), day("2006-10-28"));
        // The clock goes back to midnight, not over it.
        let havana = zone("America/Havana");
        assert_eq!(havana.end(day("2025-11-01")).to_rfc3339(), "2025-11-02T04:00:00+00:00");
        // A day that was left out.
        let apia = zone("Pacific/Apia");
        assert_eq!(begins("Pacific/Apia", "2011-12-30"), begins("Pacific/Apia", "2011-12-31"));
        assert_eq!(apia.date(apia.first_instant(day("2011-12-30"))), day("2011-12-31"));
    }

    #[test]
    fn a_date_is_written_in_one_way() {
        assert_eq!(day("2026-10-01").to_string(), "2026-10-01");
        for text in
            ["", "2026-10-1", "2026-10-01T00:00:00Z", "20261001", "+2026-10-01", "2026-02-29", "0000-01-01"]
        {
            assert_eq!(parse_day(text), None, "{text}");
        }
        assert_eq!("Mars/Olympus".parse::<Zone>(), Err(NotAZone));
    }

    #[test]
    fn a_range_knows_its_days() {
        let range = DayRange { zone: Zone::UTC, first: Some(day("2026-02-27")), last: day("2026-03-01") };
        let days: Vec<_> = range.days().map(|day| day.to_string()).collect();
        assert_eq!(days, ["2026-02-27", "2026-02-28", "2026-03-01"]);
        let all = DayRange { first: None, ..range };
        assert_eq!(all.days().count(), 0);
        assert_eq!(all.hull().0, None);
        let at = |text| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        assert!(all.has(at("1970-01-01T00:00:00Z")) && !range.has(at("1970-01-01T00:00:00Z")));
        assert_eq!(range.day_of(at("2026-03-01T23:59:59.999999Z")), Some(range.last));
        assert_eq!(range.day_of(at("2026-03-02T00:00:00Z")), None);
        // It is in the range, but no folder can be named after it.
        assert!(all.has(at("0000-06-01T00:00:00Z")));
        assert_eq!(all.day_of(at("0000-06-01T00:00:00Z")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Every zone that there is, on days of two centuries.
        #[test]
        fn a_day_begins_with_its_first_moment_and_ends_after_its_last(
            number in prop_oneof![-40_000..40_000_i32, 7_000..25_000_i32],
            seconds in -90_000..180_000_i64,
            length in 0..400_u64,
        ) {
            let day = NaiveDate::from_epoch_days(number).unwrap();
            for zone in TZ_VARIANTS.into_iter().map(Zone) {
                let (first, end) = (zone.first_instant(day), zone.end(day));
                let is_left_out = first >= end;
                prop_assert!(zone.date(first) == day || is_left_out, "{zone} {day}");
                let second = TimeDelta::seconds(1);
                prop_assert!(zone.date(first - second) < day, "{zone} {day}");
                prop_assert!(zone.date(end) > day, "{zone} {day}");
                prop_assert!(is_left_out || zone.date(end - second) == day, "{zone} {day}");

                let last = day.checked_add_days(Days::new(length)).unwrap();
                let range = DayRange { zone, first: Some(day), last };
                let (since, until) = range.hull();
                let at = first + TimeDelta::seconds(seconds);
                let is_inside = since.unwrap() <= at && at < until;
                prop_assert!(!range.has(at) || is_inside, "{zone} {day} {at}");
                prop_assert_eq!(range.has(at), range.day_of(at).is_some());
            }
        }
    }
}
