//! The window of discovery: its ends as they can be written, and as times.
//!
//! In: texts, and what time it is. Out: a [`Window`].
//! Guarantees: total on any text; a day is one of UTC; a text means the same whatever the machine's
//! time zone.
//! Not here: which sessions are in a window.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::sources::Origin;
use super::values::number;
use crate::error::{Error, Result};
use crate::model::Window;

/// The window as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowConfig {
    /// `--since`.
    pub since: Option<SetTime>,
    /// `--until`.
    pub until: Option<SetTime>,
    /// `--meeting`.
    pub meeting: Option<String>,
    /// `--include-live`.
    pub live: bool,
}

/// A time as it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetTime {
    /// As written.
    pub text: String,
    /// Where.
    pub origin: Origin,
    /// What it means.
    pub moment: Moment,
}

/// A time, or when it is in relation to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A time of its own.
    At(DateTime<Utc>),
    /// So long ago.
    Ago(TimeDelta),
    /// The midnight, UTC, with which a day so many days ago began.
    Midnight {
        /// 0 for today's.
        days_ago: u8,
    },
}

/// The furthest that `7d` and its like reach back, in days: no app is older.
const FURTHEST_DAYS: i64 = 36_525;

impl WindowConfig {
    /// The window, where it is now `now`. Without an end it ends now, unless it has no beginning either.
    ///
    /// # Errors
    /// [`Error::WindowReversed`] where it ends before it begins.
    pub fn resolve(&self, now: DateTime<Utc>) -> Result<Window> {
        let at = |time: &SetTime| (time.moment.at(now), time.origin.clone());
        let since = self.since.as_ref().map(at);
        let default_until = || (Moment::NOW.at(now), Origin::Default("until"));
        let until = self.until.as_ref().map(at).or_else(|| since.is_some().then(default_until));
        if let (Some((since_at, since)), Some((until_at, until))) = (&since, &until)
            && since_at > until_at
        {
            let (since, until) = (since.clone(), until.clone());
            return Err(Error::WindowReversed { since, since_at: *since_at, until, until_at: *until_at });
        }
        Ok(Window {
            since: since.map(|(at, _)| at),
            until: until.map(|(at, _)| at),
            meeting: self.meeting.clone(),
            live: self.live,
            days: None,
        })
    }
}

impl Moment {
    /// This moment.
    pub const NOW: Self = Self::Ago(TimeDelta::zero());

    /// Reads a time.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "now" => Some(Self::NOW),
            "today" => Some(Self::Midnight { days_ago: 0 }),
            "yesterday" => Some(Self::Midnight { days_ago: 1 }),
            _ => ago(text).map(Self::Ago).or_else(|| {
                // A date is its first moment.
                let time = DateTime::parse_from_rfc3339(text)
                    .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")));
                Some(Self::At(time.ok()?.to_utc()))
            }),
        }
    }

    /// The time, where it is now `now`. What depends on that is to the second.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let cut = |unit| now.duration_trunc(unit).unwrap_or(now);
        let (from, back) = match self {
            Self::At(time) => return time,
            Self::Ago(long) => (cut(TimeDelta::seconds(1)), long),
            Self::Midnight { days_ago } => (cut(TimeDelta::days(1)), TimeDelta::days(days_ago.into())),
        };
        from.checked_sub_signed(back).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// `7d`, `12h`: a whole number of units of a fixed length.
fn ago(text: &str) -> Option<TimeDelta> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => TimeDelta::seconds(1),
        "m" => TimeDelta::minutes(1),
        "h" => TimeDelta::hours(1),
        "d" => TimeDelta::days(1),
        "w" => TimeDelta::weeks(1),
        _ => return None,
    };
    let ago = unit.checked_mul(number(count, &(0..=i32::MAX))?)?;
    (ago <= TimeDelta::days(FURTHEST_DAYS)).then_some(ago)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn now() -> DateTime<Utc> {
        time("2026-11-23T08:09:26.123456Z")
    }

    fn shown(text: &str) -> String {
        let time = Moment::parse(text).map(|moment| moment.at(now()));
        time.map_or_else(
            || "none".to_owned(),
            |time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        )
    }

    #[test]
    fn times() {
        let texts = [
            "2026-11-22T00:00:00Z",
            "2026-11-22T00:00:00+05:30",
            "2026-11-22T00:00:00-08:00",
            "2026-11-22T10:51:28.102Z",
            "2026-11-22 10:51:28Z",
            "2026-11-22",
            "2024-02-29",
            "now",
            "today",
            "yesterday",
            "7d",
            "12h",
            "90m",
            "30s",
            "2w",
            "0d",
            "36525d",
            // None of these is a time, or it is not plain which.
            "",
            "d",
            "7",
            "7 d",
            "-7d",
            "+7d",
            "1.5d",
            "1M",
            "1y",
            "36526d",
            "99999999999999999999d",
            "7d ago",
            "Yesterday",
            "tomorrow",
            "2026-11-22T00:00:00",
            "2026-11-22T00:00Z",
            "2026-11",
            "2026-02-30",
            "2026-11-22T24:00:00Z",
            "22.11.2026",
            "11/22/2026",
            "20261122",
            "1795000000",
            "é",
        ];
        let lines = texts.map(|text| format!("{text:<28} {}", shown(text)));
        insta::assert_snapshot!(lines.join("\n"));
    }

    fn set(name: &'static str, text: &str) -> SetTime {
        let moment = Moment::parse(text).expect(text);
        SetTime { text: text.to_owned(), origin: Origin::Flag(name), moment }
    }

    fn window(since: Option<&str>, until: Option<&str>) -> WindowConfig {
        WindowConfig {
            since: since.map(|text| set("since", text)),
            until: until.map(|text| set("until", text)),
            meeting: None,
            live: false,
        }
    }

    #[test]
    fn a_window_without_an_end_ends_now() {
        let ends = |since, until| {
            let window = window(since, until).resolve(now()).unwrap();
            (window.since, window.until)
        };
        let (yesterday, today) = (Some(time("2026-11-22T00:00:00Z")), Some(time("2026-11-23T00:00:00Z")));
        assert_eq!(ends(Some("yesterday"), Some("today")), (yesterday, today));
        assert_eq!(ends(Some("yesterday"), None), (yesterday, Some(time("2026-11-23T08:09:26Z"))));
        assert_eq!(ends(None, Some("today")), (None, today));
        assert_eq!(ends(None, None), (None, None));
        // Of no length, which is no mistake: a scheduler may ask for it.
        assert_eq!(ends(Some("today"), Some("today")), (today, today));
    }

    #[test]
    fn a_window_does_not_end_before_it_begins() {
        for (since, until, message) in [
            (
                "2026-11-22T00:00:01Z",
                Some("2026-11-22"),
                "--since (2026-11-22T00:00:01Z) is after --until (2026-11-22T00:00:00Z)",
            ),
            (
                "2027-01-01",
                None,
                "--since (2027-01-01T00:00:00Z) is after the default of --until (2026-11-23T08:09:26Z)",
            ),
        ] {
            let error = window(Some(since), until).resolve(now()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "\\PC*|[0-9]{1,25}[smhdwMy]|[0-9TZ:+. -]{1,30}") {
            if let Some(moment) = Moment::parse(&text) {
                prop_assert!(moment.at(now()) <= now() || matches!(moment, Moment::At(_)));
            }
        }

        #[test]
        fn a_time_is_read_back_whatever_its_zone(seconds in 0..253_402_300_800_i64, offset in -1439..=1439_i32) {
            let time = DateTime::from_timestamp_secs(seconds).unwrap();
            let zone = chrono::FixedOffset::east_opt(offset * 60).unwrap();
            let text = time.with_timezone(&zone).to_rfc3339();
            // Near the ends, the year of the zone may have five digits or a sign.
            prop_assume!(text.as_bytes()[4] == b'-' && text.as_bytes()[0] != b'-');
            prop_assert_eq!(Moment::parse(&text), Some(Moment::At(time)));
        }

        #[test]
        fn so_long_ago_is_so_long_ago(count in 0..30_000_i64) {
            prop_assert_eq!(Moment::parse(&format!("{count}d")), Some(Moment::Ago(TimeDelta::days(count))));
            let moment = Moment::parse(&format!("{count}h")).unwrap();
            prop_assert_eq!(moment.at(now()), time("2026-11-23T08:09:26Z") - TimeDelta::hours(count));
        }
    }
}
