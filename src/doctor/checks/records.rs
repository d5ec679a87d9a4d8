//! Whether lists and details say the same, and whether the minutes add up.

use super::super::findings::{Findings, Listing, Record, SessionSeen};
use super::super::report::{Check, Verdict};
use super::{counted, found, open};
use crate::model::Minutes;

/// Durations have four decimals (API page, section 14): sums of them may be off by half of the last
/// place for each participant, in units of 10⁻⁹ minutes.
const ROUNDING: i128 = 50_000;

/// Whether the list gives the same record as the details.
pub(super) fn list_and_details(findings: &Findings) -> Check {
    let name = "list_and_details";
    let (first, details) =
        match (found(findings.first.as_ref(), name), found(findings.details.as_ref(), name)) {
            (Ok(first), Ok(details)) => (first, &details.record),
            (Err(check), _) | (_, Err(check)) => return *check,
        };
    let listed = first.rows.iter().find(|record| record.id() == findings.participant);
    let Some(listed) = listed else {
        return open(name, "the participant is not on the first page of the list");
    };
    if !is_ended(findings) {
        return open(name, "the session is live: its records still change");
    }
    let names = |of: &Record, other: &Record| {
        let missing = of.fields.iter().filter(|(name, _)| other.get(name).is_none());
        missing.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let (only_listed, only_detailed) = (names(listed, details), names(details, listed));
    let differing: Vec<_> = listed
        .fields
        .iter()
        .filter(|(name, value)| details.get(name).is_some_and(|other| !is_same(value, other)))
        .map(|(name, _)| name.clone())
        .collect();
    let count = u64::try_from(listed.fields.len()).unwrap_or(u64::MAX);
    let parts = [("only in the list", only_listed), ("only in details", only_detailed), ("other", differing)];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", names.join(", ")))
        .collect();
    if parts.is_empty() {
        let seen = format!("equal in {}, peer events included", counted(count, "field", "fields"));
        return Check::new(name, Verdict::Ok, "equal", seen)
            .follows("one page of participants does for as many details");
    }
    Check::new(name, Verdict::Warning, "different", parts.join("; "))
        .follows("fetch participants one by one, or live with the list's word")
        .setting("--fetch detail")
}

/// Whether two values are the same JSON, however written.
fn is_same(a: &str, b: &str) -> bool {
    let value = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    a == b || value(a).is_some_and(|a| Some(a) == value(b))
}

fn is_ended(findings: &Findings) -> bool {
    matches!(&findings.session, Some(Ok(session)) if session.is_ended)
}

/// The three sums of one session, in units of 10⁻⁹ minutes.
struct Sums {
    events: Option<i128>,
    durations: Option<i128>,
    session: i128,
    /// Participants whose events add up to their duration.
    equal: u64,
}

/// Which of the sums over a session's participants the session's own minutes are.
pub(super) fn minutes(findings: &Findings) -> Check {
    let name = "minutes";
    let (session, page) = match (found(findings.session.as_ref(), name), found(findings.first.as_ref(), name))
    {
        (Ok(session), Ok(page)) => (session, page),
        (Err(check), _) | (_, Err(check)) => return *check,
    };
    let sums = match sums(session, page) {
        Ok(sums) => sums,
        Err(why) => return open(name, why),
    };
    let tolerance = ROUNDING * i128::from(page.count());
    let is_session = |sum: Option<i128>| sum.is_some_and(|sum| (sum - sums.session).abs() <= tolerance);
    let shown = |sum: Option<i128>| sum.map_or_else(|| "none".to_owned(), text);
    let seen = format!(
        "session {}, peer events {}, durations {}; of {}, {} have events that add up to the duration",
        text(sums.session),
        shown(sums.events),
        shown(sums.durations),
        counted(page.count(), "participant", "participants"),
        sums.equal
    );
    let of_session = |answer, what| {
        Check::new(name, Verdict::Ok, answer, seen.clone())
            .follows(format!("{what} add up to the session's minutes"))
    };
    match (is_session(sums.events), is_session(sums.durations)) {
        (true, true) => of_session("both", "minutes_consumed and duration_minutes both"),
        (true, false) => of_session("events", "minutes_consumed, not duration_minutes,"),
        (false, true) => of_session("durations", "duration_minutes, not minutes_consumed,"),
        // Without a total nobody knows whether these are all participants.
        (false, false) if page.total.is_none() => {
            open(name, format!("{seen}; the list does not tell whether these are all"))
        }
        (false, false) => Check::new(name, Verdict::Warning, "neither", seen)
            .follows("compare with Cloudflare's own usage figures before billing by either"),
    }
}

/// The sums, or why there are none.
fn sums(session: &SessionSeen, page: &Listing<Record>) -> Result<Sums, &'static str> {
    if !session.is_ended {
        return Err("the session is live: its minutes still grow");
    }
    if page.is_all() == Some(false) {
        return Err(
            "the session has more participants than one page; --session ID of a smaller one would tell",
        );
    }
    let session = session.minutes.ok_or("the session does not tell its minutes")?;
    let units = |minutes: Minutes| i128::from(minutes.units());
    let sum = |of: &dyn Fn(&Record) -> Option<i128>| {
        let known: Vec<_> = page.rows.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    };
    let duration = |record: &Record| record.duration().map(units);
    let equal = page.rows.iter().filter(|record| {
        let both = record.event_minutes().zip(duration(record));
        both.is_some_and(|(events, duration)| (events - duration).abs() <= ROUNDING)
    });
    Ok(Sums {
        events: sum(&Record::event_minutes),
        durations: sum(&duration),
        session: units(session),
        equal: u64::try_from(equal.count()).unwrap_or(u64::MAX),
    })
}

/// Units of 10⁻⁹ minutes with the four decimals that durations have.
fn text(units: i128) -> String {
    let rounded = (units.abs() + ROUNDING) / (2 * ROUNDING);
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:04}", rounded / 10_000, rounded % 10_000)
}
