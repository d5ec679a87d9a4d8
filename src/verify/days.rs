//! Days of an export against the app's totals by day (API page, section 12).
//!
//! In: `analytics/daywise`, one request for all days. Out: [`Days`], a row for each.
//! Guarantees: a day is judged only where the export has all that the API counts: as many sessions as that, or
//! the whole day by its window.
//! Not here: sessions one by one (`sessions`).

use std::collections::BTreeMap;

use chrono::{DateTime, Days as Span, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

use super::asker::{Asker, Told as Answer};
use super::exported::{Exported, Session};
use super::record::minutes;
use super::sessions::Around;
use super::{Subject, Units, Verdict, is_rounding};
use crate::fetch::{Endpoint, Probe};
use crate::wire::{Object, Raw, elements, text};

/// What the API tells of days; those without a session are left out by it.
#[derive(Debug, Default)]
pub(super) struct Told {
    days: BTreeMap<NaiveDate, (u64, Units)>,
}

impl Told {
    /// Sessions of all days.
    pub(super) fn sessions(&self) -> u64 {
        self.days.values().map(|(sessions, _)| sessions).sum()
    }

    fn read(root: &Object<'_>) -> Option<Self> {
        let data = Object::parse(root.get("data")?)?;
        let stats = Object::parse(data.get("session_stats")?)?;
        let mut days = BTreeMap::new();
        for day in elements(stats.get("day_stats")?)? {
            let day = Object::parse(day)?;
            let key = text(day.get("day")?)?.get(..10)?.parse().ok()?;
            let sessions = count(day.get("total_sessions")?)?;
            days.insert(key, (sessions, minutes(day.get("total_session_minutes")?)?));
        }
        Some(Self { days })
    }
}

fn count(value: Raw<'_>) -> Option<u64> {
    text(value).map_or_else(|| value.get().parse().ok(), |digits| digits.parse().ok())
}

/// Asks for the days of an export, and one more on either side: a session is created before anybody joins it.
/// `None` where the export has no time at all.
pub(super) async fn ask(asker: &Asker<'_>, exported: &Exported) -> Answer<Option<Told>> {
    let Some((first, last)) = exported.span else { return Ok(None) };
    let (first, last) = (first.date_naive(), last.date_naive());
    let from = first.checked_sub_days(Span::new(1)).unwrap_or(first);
    let to = last.checked_add_days(Span::new(1)).unwrap_or(last);
    let query = vec![("start_date", from.to_string()), ("end_date", to.to_string())];
    asker.ask(Probe::get(Endpoint::Daywise, query), Told::read).await.map(Some)
}

/// All days compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Days {
    pub(super) verdict: Verdict,
    /// Why there is none.
    pub(super) why: Option<String>,
    /// Exported sessions of which no time of creation is known.
    pub(super) undated_sessions: u64,
    #[serde(rename = "days")]
    pub(super) rows: Vec<Day>,
}

/// One day.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Day {
    #[serde(rename = "day")]
    pub(super) date: String,
    pub(super) verdict: Verdict,
    pub(super) exported_sessions: u64,
    pub(super) api_sessions: u64,
    pub(super) exported_minutes: Units,
    pub(super) api_minutes: Units,
    /// Exported less the API's.
    pub(super) difference: Units,
}

/// What an export has of a day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfDay {
    pub(super) sessions: u64,
    pub(super) minutes: Units,
    pub(super) figures: u64,
    /// Whether only some were asked for of one of its sessions.
    pub(super) is_some: bool,
}

impl Days {
    /// Compares.
    pub(super) fn of(
        told: Answer<Option<Told>>,
        exported: &Exported,
        around: &Around,
        subject: &Subject,
    ) -> Self {
        let nothing =
            |verdict, why: String| Self { verdict, why: Some(why), undated_sessions: 0, rows: Vec::new() };
        let told = match told {
            Ok(Some(told)) => told,
            Ok(None) => return nothing(Verdict::NotAsked, "the export has no session".to_owned()),
            Err(refusal) => return nothing(Verdict::NotReadable, refusal.text()),
        };
        let (mut sums, undated_sessions) = by_day(&exported.sessions, exported);
        for day in told.days.keys().filter(|day| covers(subject, around, **day)) {
            sums.entry(*day).or_default();
        }
        let rows: Vec<_> = sums
            .into_iter()
            .map(|(day, of_day)| {
                let (sessions, minutes) = told.days.get(&day).copied().unwrap_or_default();
                Day::of(day, of_day, sessions, minutes, covers(subject, around, day))
            })
            .collect();
        let has = |verdict| rows.iter().any(|day| day.verdict == verdict);
        let verdict = if has(Verdict::Differs) {
            Verdict::Differs
        } else if has(Verdict::Agrees) {
            Verdict::Agrees
        } else {
            Verdict::Partial
        };
        Self { verdict, why: None, undated_sessions, rows }
    }
}

/// Sums by the UTC day of creation, and how many sessions have none.
fn by_day(sessions: &[Session], exported: &Exported) -> (BTreeMap<NaiveDate, OfDay>, u64) {
    let (mut days, mut undated) = (BTreeMap::<_, OfDay>::new(), 0);
    for session in sessions {
        let Some(created_at) = session.created_at else {
            undated += 1;
            continue;
        };
        let day = days.entry(created_at.date_naive()).or_default();
        let (minutes, figures) = session.minutes(exported.kind);
        day.sessions += 1;
        day.minutes = day.minutes.plus(minutes.unwrap_or_default());
        day.figures += figures;
        day.is_some |= !session.is_whole;
    }
    (days, undated)
}

/// Whether the export has all sessions that the API counts in a day: its window has the whole day, and leaves
/// none out for its meeting, or because it goes on.
fn covers(subject: &Subject, around: &Around, day: NaiveDate) -> bool {
    let Some(window) = subject.window.as_ref().filter(|_| subject.is_of_window()) else { return false };
    let start: DateTime<Utc> = day.and_time(NaiveTime::MIN).and_utc();
    let Some(end) = start.checked_add_days(Span::new(1)) else { return false };
    let has_all = window.live || (around.is_known && !around.live.contains_key(&day));
    let is_within =
        window.since.is_none_or(|since| since <= start) && window.until.is_none_or(|until| until >= end);
    window.meeting.is_none() && has_all && is_within
}

impl Day {
    /// Judges a day.
    pub(super) fn of(
        day: NaiveDate,
        exported: OfDay,
        api_sessions: u64,
        api_minutes: Units,
        is_covered: bool,
    ) -> Self {
        let difference = exported.minutes.above(api_minutes);
        let is_judged = !exported.is_some && (exported.sessions >= api_sessions || is_covered);
        let is_equal = exported.sessions == api_sessions && is_rounding(difference, exported.figures);
        let verdict = match (is_judged, is_equal) {
            (false, _) => Verdict::Partial,
            (true, true) => Verdict::Agrees,
            (true, false) => Verdict::Differs,
        };
        Self {
            date: day.to_string(),
            verdict,
            exported_sessions: exported.sessions,
            api_sessions,
            exported_minutes: exported.minutes,
            api_minutes,
            difference,
        }
    }
}
