//! What the files of a range of days came to, as a commit has it; from when on they count.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};

use crate::clock;
use crate::dataset::{DayEntry, DayFile, Identity, MOST_SESSIONS, Made, Pending, Why};
use crate::log::Head;
use crate::manifest::{MinutesTotal, Requests, Time, Totals};
use crate::model::{DayRange, Window, parse_time};
use crate::pipeline::{DayFacts, MadeDays};
use crate::tables::{self, CallStatistics, Table};

/// Clocks this near are the same: the server tells its own to the second.
const SAME_CLOCK: TimeDelta = TimeDelta::seconds(2);
/// Failures that may be none another time.
const PASSING: [&str; 2] = ["retries_exhausted", "bad_response"];

/// An export of days, once its log is complete.
pub(super) struct Export<'a> {
    /// The log's first line.
    pub(super) head: &'a Head,
    /// When it began to look, by the best clock there is.
    pub(super) as_of: DateTime<Utc>,
    /// The days.
    pub(super) range: DayRange,
    /// The same as it was asked for.
    pub(super) window: &'a Window,
    /// What makes it part of a dataset.
    pub(super) identity: &'a Identity,
}

/// What an export and its files come to.
pub(super) fn made(export: &Export<'_>, days: &MadeDays) -> Made {
    let Export { head, range, window, identity, .. } = *export;
    let as_of = Time(export.as_of);
    let id = &head.export_id;
    let mut files: BTreeMap<NaiveDate, Vec<DayFile>> = BTreeMap::new();
    for file in &days.files {
        files.entry(file.day).or_default().push(DayFile {
            table: file.table.name().to_owned(),
            path: file.path.clone(),
            rows: file.rows,
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        });
    }
    let entry = |(day, facts): (&NaiveDate, &DayFacts)| {
        let entry = DayEntry {
            day: *day,
            export_id: id.clone(),
            as_of,
            sessions: facts.sessions,
            live_left_out: facts.live_left_out.len() as u64,
            requests_sent: facts.requests_sent,
            totals: totals(&facts.totals),
            failures: facts.failures.clone(),
            warnings: facts.warnings.clone(),
            files: files.get(day).cloned().unwrap_or_default(),
        };
        (*day, entry)
    };
    let counts = &days.requests;
    // Nothing is known of what was created after it began to look.
    let until = window.until.map_or(as_of, |until| Time(until).min(as_of));
    Made {
        export_id: id.clone(),
        as_of,
        range,
        until,
        identity: identity.clone(),
        tables: Table::of_dataset(CallStatistics::of(&head.settings.filters))
            .map(|table| table.name().to_owned())
            .collect(),
        days: days.days.iter().map(entry).collect(),
        pending: pending(days, range, as_of),
        requests: Requests {
            sent: counts.sent,
            ok: counts.ok,
            retried: counts.retried,
            rate_limited: counts.rate_limited,
            saved_by_listing: days.saved_by_listing,
        },
        warnings: days.warnings.clone(),
    }
}

fn totals(totals: &tables::Totals) -> Totals {
    Totals {
        participants: totals.participants,
        peer_events: totals.peer_events,
        duration_minutes: totals.duration_minutes.map(MinutesTotal::from_units),
        minutes_consumed: totals.minutes_consumed.map(MinutesTotal::from_units),
    }
}

/// The days to be looked at again. Of a short listing these are all, for any of them may lack sessions.
fn pending(days: &MadeDays, range: DayRange, since: Time) -> Vec<Pending> {
    let mut pending = BTreeMap::new();
    for (day, facts) in &days.days {
        let day = *day;
        let is_passing = |(reason, count): (&String, &u64)| *count > 0 && PASSING.contains(&reason.as_str());
        let sessions = facts.live_left_out.iter().take(MOST_SESSIONS).map(ToString::to_string).collect();
        if facts.failures.iter().any(is_passing) {
            pending.insert(day, Pending { day, why: Why::Failed, since, sessions: Vec::new() });
        } else if !facts.live_left_out.is_empty() {
            pending.insert(day, Pending { day, why: Why::Live, since, sessions });
        }
    }
    if days.short.is_some() {
        // Before the first that was found, days are without number.
        let first = range.first.or_else(|| days.days.keys().next().copied()).unwrap_or(range.last);
        for day in (DayRange { first: Some(first), ..range }).days() {
            pending.insert(day, Pending { day, why: Why::Short, since, sessions: Vec::new() });
        }
    }
    pending.into_values().collect()
}

/// When an export began to look: by the server's clock where this machine's is another, and after every look that
/// the dataset had then.
pub(super) fn looked_at(head: &Head, server_ahead: Option<TimeDelta>) -> DateTime<Utc> {
    let begun = parse_time(&head.started_at).unwrap_or_else(clock::now);
    let ahead = server_ahead.filter(|ahead| ahead.abs() >= SAME_CLOCK).unwrap_or_default();
    let corrected = begun.checked_add_signed(ahead).unwrap_or(begun).trunc_subsecs(6);
    let before = head.after.as_deref().and_then(parse_time);
    before.map_or(corrected, |before| corrected.max(before + TimeDelta::microseconds(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::examples;

    #[test]
    fn a_look_is_as_late_as_the_server_says_and_later_than_all_before() {
        let head = Head { started_at: "2026-11-23T02:00:00.123456Z".to_owned(), ..examples::head() };
        let after = |text: &str| Head { after: Some(text.to_owned()), ..head.clone() };
        let at = |head: &Head, ahead: Option<i64>| {
            String::from(Time(looked_at(head, ahead.map(TimeDelta::milliseconds))))
        };
        assert_eq!(at(&head, None), "2026-11-23T02:00:00.123456Z");
        // The server tells whole seconds, of a moment ago.
        assert_eq!(at(&head, Some(-1_900)), "2026-11-23T02:00:00.123456Z");
        assert_eq!(at(&head, Some(-3_600_000)), "2026-11-23T01:00:00.123456Z");
        assert_eq!(at(&after("2026-11-22T02:00:00Z"), Some(60_000)), "2026-11-23T02:01:00.123456Z");
        assert_eq!(at(&after("2026-11-23T05:00:00Z"), None), "2026-11-23T05:00:00.000001Z");
    }
}
