//! What the files of a range of days came to, as a commit has it; from when on they count.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, SubsecRound, TimeDelta, Utc};

use crate::clock;
use crate::dataset::{DayEntry, DayFile, Identity, MOST_SESSIONS, Made, Pending, Why};
use crate::log::Head;
use crate::manifest::{MinutesTotal, Requests, Time, Totals};
use crate::model::{DayRange, Window, Zone, parse_time};
use crate::pipeline::{DayFacts, MadeDays};
use crate::tables::{self, CallStatistics, Table};

/// Failures that may be none another time.
const PASSING: [&str; 2] = ["retries_exhausted", "bad_response"];

/// An export of days, once its log is complete.
pub(super) struct Export<'a> {
    /// The log's first line.
    pub(super) head: &'a Head,
    /// The days.
    pub(super) range: DayRange,
    /// The same as it was asked for.
    pub(super) window: &'a Window,
    /// What makes it part of a dataset.
    pub(super) identity: &'a Identity,
    /// How many days the next one looks back.
    pub(super) lookback: u32,
}

/// What an export and its files come to.
pub(super) fn made(export: &Export<'_>, days: &MadeDays) -> Made {
    let Export { head, range, window, identity, lookback } = *export;
    let as_of = Time(looked_at(head, days.listed_at));
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
        pending: pending(days, range, as_of, &Regular::of(identity.time_zone, as_of, lookback)),
        lookback,
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

/// How long records may change after their session has ended, and which days the next sync looks at for that.
struct Regular {
    /// For so long they may.
    lookback: TimeDelta,
    /// It begins with this day, or before it.
    begins: NaiveDate,
}

impl Regular {
    fn of(zone: Zone, as_of: Time, lookback: u32) -> Self {
        let reached = zone.date(as_of.0);
        let begins = reached.checked_sub_days(Days::new(lookback.into())).unwrap_or(NaiveDate::MIN);
        Self { lookback: TimeDelta::days(lookback.into()), begins }
    }
}

/// The days to be looked at again. Of a short listing these are all, for any of them may lack sessions.
fn pending(days: &MadeDays, range: DayRange, since: Time, regular: &Regular) -> Vec<Pending> {
    let mut pending = BTreeMap::new();
    for (day, facts) in &days.days {
        let day = *day;
        let is_passing = |(reason, count): (&String, &u64)| *count > 0 && PASSING.contains(&reason.as_str());
        let live = facts.live_left_out.iter().map(ToString::to_string).chain(facts.live.iter().cloned());
        let sessions: Vec<_> = live.take(MOST_SESSIONS).collect();
        // A session that outlived the lookback has it from its end on.
        let settled = |ended: DateTime<Utc>| ended.checked_add_signed(regular.lookback);
        let may_change =
            facts.last_ended_at.is_some_and(|ended| settled(ended).is_none_or(|settled| since.0 < settled));
        if facts.failures.iter().any(is_passing) {
            pending.insert(day, Pending { day, why: Why::Failed, since, sessions: Vec::new() });
        } else if may_change && day < regular.begins {
            pending.insert(day, Pending { day, why: Why::Settling, since, sessions: Vec::new() });
        } else if !sessions.is_empty() {
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
fn looked_at(head: &Head, listed_at: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let begun =
        listed_at.or_else(|| parse_time(&head.started_at)).unwrap_or_else(clock::now).trunc_subsecs(6);
    let before = head.after.as_deref().and_then(parse_time);
    before.map_or(begun, |before| begun.max(before + TimeDelta::microseconds(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::examples;

    #[test]
    fn a_look_is_as_late_as_the_server_says_and_later_than_all_before() {
        let head = Head { started_at: "2026-11-23T02:00:00.123456Z".to_owned(), ..examples::head() };
        let after = |text: &str| Head { after: Some(text.to_owned()), ..head.clone() };
        let at = |head: &Head, listed_at: Option<&str>| {
            String::from(Time(looked_at(head, listed_at.map(|at| parse_time(at).unwrap()))))
        };
        assert_eq!(at(&head, None), "2026-11-23T02:00:00.123456Z");
        assert_eq!(at(&head, Some("2026-11-23T01:00:00.5Z")), "2026-11-23T01:00:00.500000Z");
        let after_a_day = after("2026-11-22T02:00:00Z");
        assert_eq!(at(&after_a_day, Some("2026-11-23T02:01:00Z")), "2026-11-23T02:01:00.000000Z");
        assert_eq!(at(&after("2026-11-23T05:00:00Z"), None), "2026-11-23T05:00:00.000001Z");
    }
}
