//! What a log that an earlier `sync` left is good for, and what it leaves to be done.
//!
//! In: the log's head, the dataset as it is, what was asked for. Out: whether the log is gone on with, and which of the
//! ranges after it have been looked at already.
//! Guarantees: a log of a few days never becomes a whole dataset; a range is passed over only where each of its days was
//! looked at since the command began that is gone on with, whoever did it.
//! Not here: whether its settings fit (`dataset`).

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Anew;
use crate::dataset::{Commit, Generation};
use crate::log::Head;
use crate::model::{DayRange, Window, parse_time};

/// A dataset that goes so far has nothing new, for a command that went on with an earlier one's log.
const RECENT: TimeDelta = TimeDelta::hours(6);
/// Clocks may differ; what was looked at so long before a command began is as good as what it looked at itself.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// A command that began longer ago is not gone on with, but for its log.
const LONGEST: TimeDelta = TimeDelta::days(7);

/// Whether a log is gone on with. Where it would begin a dataset it has to begin with the day that is asked for, else its
/// days would be taken for all that there is. With `--anew` it has to be of all the days that are asked for.
pub(super) fn is_good(head: &Head, base: Option<&Generation>, anew: Anew, wanted: &[DayRange]) -> bool {
    let Some(days) = head.window().and_then(|window| window.days) else { return false };
    match (anew, base) {
        (Anew::Wanted, _) => wanted == [days],
        (Anew::LeftOut, None) => wanted.first().is_some_and(|wanted| wanted.first == days.first),
        (Anew::LeftOut, Some(_)) => true,
    }
}

/// Whether a log brought a dataset so far that a command without days of its own has nothing more to do: one of a
/// backfill says nothing of what came since, and one that does not join on brings it nowhere.
pub(super) fn is_current(base: &Generation, of_log: &Window, now: DateTime<Utc>) -> bool {
    let is_recent = |until: DateTime<Utc>| until >= now - RECENT;
    of_log.until.is_some_and(is_recent) && is_recent(base.pointer.state.synced_until.0)
}

/// When the command began whose log is gone on with, where that is not too long ago.
pub(super) fn asked_at(head: &Head, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let began = head.asked_at.as_deref().and_then(parse_time)?;
    (began >= now - LONGEST).then_some(began)
}

/// How many ranges, from the first on and at most to that of the log, were looked at since a command began.
pub(super) fn done(commit: &Commit, ranges: &[DayRange], of_log: &Window, asked_at: DateTime<Utc>) -> usize {
    let up_to = ranges.iter().position(|range| of_log.days == Some(*range)).map_or(0, |place| place + 1);
    let ranges = ranges.iter().take(up_to);
    ranges.take_while(|range| is_seen(commit, range, asked_at - MARGIN)).count()
}

/// Whether each day of a range was looked at since then.
fn is_seen(commit: &Commit, range: &DayRange, since: DateTime<Utc>) -> bool {
    let mut lately = commit.exports.iter().filter(|export| export.as_of.0 >= since);
    match range.first {
        None => lately.any(|export| export.first.is_none() && range.last <= export.last),
        // One without sessions is not listed.
        Some(_) => range.days().all(|day| match commit.days.get(&day) {
            Some(entry) => entry.as_of.0 >= since,
            None => lately.clone().any(|export| export.covers(day)),
        }),
    }
}
