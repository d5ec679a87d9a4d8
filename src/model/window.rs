//! Which of the app's sessions an export is about, beside its lists.

use chrono::{DateTime, TimeDelta, Utc};

use super::day::DayRange;

/// The sessions to be found: those created in `[since, until)`, of a meeting, that have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment; `None` for the beginning.
    pub since: Option<DateTime<Utc>>,
    /// The first moment past the end; `None` for no end.
    pub until: Option<DateTime<Utc>>,
    /// The meeting that they are sessions of; `None` for any.
    pub meeting: Option<String>,
    /// Whether sessions that are still live are meant too.
    pub live: bool,
    /// The days that they are of, where a day's sessions belong together: of a moment in the window, its day
    /// decides. `None` where days do not matter.
    pub days: Option<DayRange>,
}

/// How much further than the window the API is asked, on both sides. Which time of a session it compares
/// (created, started, ended) and whether the ends belong to the range is not documented (API page,
/// section 3): so a session that lasts up to a day is found whichever it is. What is too much is
/// left out here.
const MARGIN: TimeDelta = TimeDelta::days(1);

impl Window {
    /// Whether no session can be in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!((self.since, self.until), (Some(since), Some(until)) if since >= until)
    }

    /// Whether a session of this time of creation is in it.
    #[must_use]
    pub fn has(&self, created_at: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| since <= created_at)
            && self.until.is_none_or(|until| created_at < until)
            && self.days.is_none_or(|days| days.has(created_at))
    }

    /// The range that the API is asked for: wider, and within the years that it can be told.
    #[must_use]
    pub fn asked_for(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let earliest = DateTime::UNIX_EPOCH;
        // 9999-12-31T23:59:59Z: past it RFC 3339 has no year.
        let latest = DateTime::from_timestamp_secs(253_402_300_799).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let earlier = |since: DateTime<Utc>| since.checked_sub_signed(MARGIN).unwrap_or(earliest);
        let later = |until: DateTime<Utc>| until.checked_add_signed(MARGIN).unwrap_or(latest);
        let told = |time: DateTime<Utc>| time.clamp(earliest, latest);
        (self.since.map(earlier).map(told), self.until.map(later).map(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn window(since: Option<&str>, until: Option<&str>) -> Window {
        Window { since: since.map(time), until: until.map(time), meeting: None, live: false, days: None }
    }

    #[test]
    fn it_is_half_open() {
        let day = window(Some("2026-11-22T00:00:00+05:30"), Some("2026-11-23T00:00:00+05:30"));
        for (at, inside) in [
            ("2026-11-21T18:29:59.999999999Z", false),
            ("2026-11-21T18:30:00Z", true),
            ("2026-11-22T18:29:59.999999999Z", true),
            ("2026-11-22T18:30:00Z", false),
        ] {
            assert_eq!(day.has(time(at)), inside, "{at}");
        }
        assert!(window(None, None).has(time("0001-01-01T00:00:00Z")));
        assert!(!window(None, Some("2026-01-01T00:00:00Z")).has(time("2026-01-01T00:00:00Z")));
        let noon = "2026-11-22T12:00:00Z";
        assert!(window(Some(noon), Some(noon)).is_empty() && !day.is_empty());
        assert!(!window(Some(noon), None).is_empty());
    }

    #[test]
    fn more_is_asked_for_within_what_can_be_told() {
        let asked = |since, until| {
            let (from, to) = window(Some(since), Some(until)).asked_for();
            [from, to].map(|time| time.unwrap().to_rfc3339())
        };
        assert_eq!(
            asked("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            ["2026-11-21T00:00:00+00:00", "2026-11-24T00:00:00+00:00"]
        );
        assert_eq!(
            asked("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
            ["1970-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"]
        );
        assert_eq!(window(None, None).asked_for(), (None, None));
    }
}
