//! What a commit makes of a dataset: each day belongs to whoever looked at it last.
//!
//! In: the dataset as it is, and what an export of a range of days came to. Out: the next commit, and which of
//! the export's files it needs.
//! Guarantees: pure. Of two looks at a day the greater (`as_of`, `export_id`) stays, so that the days do not depend
//! on the order of commits, and one committed twice is there once. A file of a commit is current in the next one
//! or retired, never both, never neither.
//! Not here: whether the export may be committed at all (`open`), bytes (`publish`).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::{Commit, DayEntry, DayFile, Export, Generation, Identity, Pending, Retired, State};
use crate::config::EmptyDays;
use crate::manifest::{Requests, Time, Totals, Warning};
use crate::model::DayRange;

/// What an export of a range of days came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id, a UUID that sorts by time.
    pub export_id: String,
    /// When it began to look.
    pub as_of: Time,
    /// The days that it looked at.
    pub range: DayRange,
    /// Every session of these days that was created before this was looked for.
    pub until: Time,
    /// What makes it part of a dataset.
    pub identity: Identity,
    /// The tables that it has.
    pub tables: Vec<String>,
    /// The days that it found something of.
    pub days: BTreeMap<NaiveDate, DayEntry>,
    /// Those to be looked at again, by day.
    pub pending: Vec<Pending>,
    /// How many days a `sync` like it looks back.
    pub lookback: u32,
    /// What it cost.
    pub requests: Requests,
    /// What it noticed that is of no day.
    pub warnings: Vec<Warning>,
}

/// What a merge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The next commit; `None` where it would be as the one before.
    pub next: Option<Next>,
    /// Days that stay as they were though the export found none of their sessions any more.
    pub emptied: Vec<NaiveDate>,
}

/// The next commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// What it holds.
    pub commit: Commit,
    /// How far the dataset goes with it.
    pub state: State,
    /// The export that it is of.
    pub export_id: String,
    /// The files of that export that it names: those that must be there first.
    pub files: Vec<DayFile>,
    /// Days that were to be looked at again, and are not any more because it took too long.
    pub given_up: Vec<Pending>,
}

/// Merges an export into a dataset. One of another identity takes the place of the whole.
#[must_use]
pub fn merge(base: Option<&Generation>, made: &Made, at: Time, empty: EmptyDays) -> Merged {
    let generation = base.map_or(1, |base| base.pointer.generation + 1);
    let retire =
        |file: &DayFile| Retired { path: file.path.clone(), bytes: file.bytes, retired_at: at, generation };
    let same = base.filter(|base| base.pointer.identity == made.identity);
    let looked = Looked::at(same.map(|base| &base.commit), made, empty);
    let (state, given_up) = state(same, made, &looked);
    let is_known = |base: &Generation| base.pointer.state == state && base.commit.exports == looked.exports;
    if looked.won.is_empty() && same.is_some_and(is_known) {
        return Merged { next: None, emptied: looked.emptied };
    }
    let mut commit = Commit::empty(
        base.map_or_else(|| made.export_id.clone(), |base| base.pointer.dataset_id.clone()),
        generation,
        base.map(|base| base.pointer.generation),
        at,
        made.tables.clone(),
    );
    let current: BTreeSet<&str> =
        looked.days.values().flat_map(|entry| &entry.files).map(|file| file.path.as_str()).collect();
    if let Some(base) = base {
        let gone = base.commit.files().filter(|file| !current.contains(file.path.as_str()));
        commit.retired = base.commit.retired.iter().cloned().chain(gone.map(retire)).collect();
        commit.retired.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    }
    let won = looked.won.iter().filter_map(|day| looked.days.get(day));
    let files = won.filter(|entry| entry.export_id == made.export_id).flat_map(|entry| entry.files.clone());
    let files = files.collect();
    commit.exports = looked.exports;
    commit.days = looked.days;
    let next = Next { commit, state, export_id: made.export_id.clone(), files, given_up };
    Merged { next: Some(next), emptied: looked.emptied }
}

/// The days of two looks.
struct Looked {
    days: BTreeMap<NaiveDate, DayEntry>,
    exports: Vec<Export>,
    /// Those that are another's than before.
    won: BTreeSet<NaiveDate>,
    emptied: Vec<NaiveDate>,
}

impl Looked {
    fn at(base: Option<&Commit>, made: &Made, empty: EmptyDays) -> Self {
        let ours = Export {
            export_id: made.export_id.clone(),
            as_of: made.as_of,
            first: made.range.first,
            last: made.range.last,
            requests: made.requests,
            warnings: made.warnings.clone(),
        };
        let earlier = base.map(|base| base.exports.as_slice()).unwrap_or_default();
        let (mut days, mut won, mut emptied) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        for day in all_days(base, made) {
            let old =
                base.and_then(|base| base.days.get(&day).cloned().or_else(|| unlisted(&base.exports, day)));
            let new = made
                .range
                .contains(day)
                .then(|| made.days.get(&day).cloned().unwrap_or_else(|| nothing(&ours, day)));
            let entry = match (old, new) {
                (Some(old), Some(new)) if look(&old) >= look(&new) => old,
                (Some(old), Some(new))
                    if empty == EmptyDays::Kept && !old.files.is_empty() && new.files.is_empty() =>
                {
                    emptied.push(day);
                    old
                }
                (_, Some(new)) => {
                    won.insert(day);
                    new
                }
                (Some(old), None) => old,
                (None, None) => continue,
            };
            days.insert(day, entry);
        }
        let exports = named(earlier.iter().chain([&ours]), &days);
        days.retain(|day, entry| unlisted(&exports, *day).as_ref() != Some(entry));
        Self { days, exports, won, emptied }
    }

    /// Whether anybody looked at a day after a time.
    fn since(&self, time: Time, day: NaiveDate) -> bool {
        let entry = self.days.get(&day).cloned().or_else(|| unlisted(&self.exports, day));
        entry.is_some_and(|entry| entry.as_of > time)
    }

    /// The first day that anybody looked at; `None` where somebody did at all that there are.
    fn first(&self) -> Option<NaiveDate> {
        let firsts: Option<Vec<_>> = self.exports.iter().map(|export| export.first).collect();
        firsts?.into_iter().min()
    }
}

/// The days that are listed, and those that a range has which begins with a day.
fn all_days(base: Option<&Commit>, made: &Made) -> BTreeSet<NaiveDate> {
    let listed = base.into_iter().flat_map(|base| base.days.keys().copied());
    let looked_at = base.into_iter().flat_map(|base| base.exports.iter().flat_map(Export::days));
    listed.chain(looked_at).chain(made.range.days()).chain(made.days.keys().copied()).collect()
}

/// What rules between two looks at one day.
fn look(entry: &DayEntry) -> (Time, &str) {
    (entry.as_of, &entry.export_id)
}

/// A day of which an export found nothing.
fn nothing(export: &Export, day: NaiveDate) -> DayEntry {
    DayEntry {
        day,
        export_id: export.export_id.clone(),
        as_of: export.as_of,
        sessions: 0,
        live_left_out: 0,
        requests_sent: 0,
        totals: Totals::default(),
        failures: BTreeMap::new(),
        warnings: Vec::new(),
        files: Vec::new(),
    }
}

/// A day that is not listed, for the last export that looked at it found nothing.
pub(super) fn unlisted(exports: &[Export], day: NaiveDate) -> Option<DayEntry> {
    let covering = exports.iter().filter(|export| export.covers(day));
    let last =
        covering.max_by(|one, other| (one.as_of, &one.export_id).cmp(&(other.as_of, &other.export_id)));
    last.map(|export| nothing(export, day))
}

/// The exports that a day is of, by id, and of those that began with the first session there is the ones that no
/// later one outdoes: the days before it are without number.
fn named<'a>(exports: impl Iterator<Item = &'a Export>, days: &BTreeMap<NaiveDate, DayEntry>) -> Vec<Export> {
    let exports: BTreeMap<_, _> = exports.map(|export| (export.export_id.as_str(), export)).collect();
    let of_days: BTreeSet<_> = days.values().map(|entry| entry.export_id.as_str()).collect();
    let is_outdone = |export: &Export| {
        let by = |other: &Export| {
            let later = (other.as_of, &other.export_id) > (export.as_of, &export.export_id);
            later && other.first.is_none() && export.last <= other.last
        };
        exports.values().any(|other| by(other))
    };
    let named = exports.values().filter(|export| {
        of_days.contains(export.export_id.as_str()) || (export.first.is_none() && !is_outdone(export))
    });
    named.map(|export| Export::clone(export)).collect()
}

/// How far the dataset goes, and the days that are given up.
fn state(base: Option<&Generation>, made: &Made, looked: &Looked) -> (State, Vec<Pending>) {
    let before = base.map(|base| &base.pointer.state);
    let synced_until = before.map_or(made.until, |before| {
        // Only what joins on: nobody may have to look at a day before it, as a sync that looks back would.
        let reached = made.identity.time_zone.date(before.synced_until.0);
        let back = reached.checked_sub_days(Days::new(made.lookback.into())).unwrap_or(reached);
        // Before its first day a dataset has nothing to look at.
        let begins = looked.first().map_or(back, |first| back.max(first));
        let joins = made.range.first.is_none_or(|first| {
            let mut earlier = begins.iter_days().take_while(|day| *day < first);
            first <= reached && earlier.all(|day| looked.since(before.synced_until, day))
        });
        if joins { before.synced_until.max(made.until) } else { before.synced_until }
    });
    let mut days: BTreeMap<_, _> = BTreeMap::new();
    let earlier = before.map(|before| before.pending.as_slice()).unwrap_or_default();
    days.extend(earlier.iter().map(|pending| (pending.day, pending.clone())));
    days.retain(|day, _| !looked.won.contains(day));
    for pending in made.pending.iter().filter(|pending| looked.won.contains(&pending.day)) {
        // Another reason is another matter.
        let known = earlier.iter().find(|earlier| earlier.day == pending.day && earlier.why == pending.why);
        let since = known.map_or(pending.since, |known| known.since.min(pending.since));
        days.insert(pending.day, Pending { since, ..pending.clone() });
    }
    let (given_up, pending) = days.into_values().partition(|pending| pending.is_given_up(made.as_of));
    (State { synced_until, pending }, given_up)
}
