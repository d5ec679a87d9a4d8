//! What the ranges of one `sync` came to, all together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveDate;

use crate::commands::Ending;
use crate::config::{KeepLog, SyncConfig};
use crate::dataset::{Committed, GIVEN_UP_AFTER, Generation};
use crate::manifest::{MinutesTotal, Warning};
use crate::model::SessionId;
use crate::operation::{Facts, Published};
use crate::pipeline::{DayFacts, MadeDays};
use crate::place::LARGEST_READ;
use crate::plan::Shortfall;
use crate::tables::{Notice, Table};
use crate::ui::{PendingDay, Synced, TableRows, Ui};

/// From here on whoever syncs is told how large a commit file is: a quarter of what can be read.
const LARGE_COMMIT: u64 = LARGEST_READ / 4;

/// What was committed, and what somebody has to be told of.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The number of the commit before; `None` where there was none.
    pub(super) before: Option<u64>,
    /// The dataset after all; `None` where there is none, for there was nothing to do.
    pub(super) after: Option<Generation>,
    /// What each day came to that was replaced. One that was replaced twice counts as it is now.
    days: BTreeMap<NaiveDate, Day>,
    /// What was noticed and is of no day.
    warnings: BTreeMap<String, u64>,
    undated: BTreeSet<SessionId>,
    nameless: u64,
    emptied: BTreeSet<NaiveDate>,
    is_short: bool,
    kept: u64,
}

/// A day that was replaced.
#[derive(Debug, Default)]
struct Day {
    rows: BTreeMap<Table, u64>,
    failures: u64,
    duration_minutes: Option<i128>,
    minutes_consumed: Option<i128>,
    warnings: BTreeMap<String, u64>,
}

impl Day {
    /// A day that has no row yet.
    fn of(facts: &DayFacts) -> Self {
        let mut warnings = BTreeMap::new();
        note(&mut warnings, &facts.warnings);
        Self {
            rows: BTreeMap::new(),
            failures: facts.failures.values().sum(),
            duration_minutes: facts.totals.duration_minutes,
            minutes_consumed: facts.totals.minutes_consumed,
            warnings,
        }
    }
}

impl Tally {
    /// Adds a commit, and tells what is wrong with it.
    pub(super) fn add(&mut self, committed: &Committed, made: &MadeDays, kept: u64, ui: &Ui) {
        self.kept = self.kept.saturating_add(kept);
        let id = &committed.generation.pointer.export_id;
        let of_day = |day| (day, made.days.get(&day).map(Day::of).unwrap_or_default());
        let mut replaced: BTreeMap<_, _> = committed.generation.commit.days_of(id).map(of_day).collect();
        for file in &made.files {
            if let Some(day) = replaced.get_mut(&file.day) {
                *day.rows.entry(file.table).or_default() += file.rows;
            }
        }
        self.emptied.retain(|day| !replaced.contains_key(day));
        self.days.append(&mut replaced);
        note(&mut self.warnings, &made.warnings);
        self.tell_short(made, ui);
        self.tell_undated(made, ui);
        self.tell_emptied(committed, ui);
        for given_up in &committed.given_up {
            let (day, days) = (given_up.day, GIVEN_UP_AFTER.num_days());
            let next = day.succ_opt().unwrap_or(day);
            ui.warn(
                &format!(
                    "{day} is not looked at again: after {days} days it still has {}",
                    given_up.why.text()
                ),
                Some(&format!("to look once more: --from {day} --to {next}")),
            );
        }
    }

    fn tell_short(&mut self, made: &MadeDays, ui: &Ui) {
        let Some(Shortfall { listed, total }) = made.short else { return };
        self.is_short = true;
        ui.warn(
            &format!(
                "the API's list of sessions has {listed} of the {total} that it counts: any of these days may lack some"
            ),
            Some("the next sync looks at them again"),
        );
    }

    fn tell_undated(&mut self, made: &MadeDays, ui: &Ui) {
        let nameless: u64 = made.undated_failures.values().sum();
        let undated = made.undated.len() as u64 + nameless;
        self.undated.extend(&made.undated);
        self.nameless = self.nameless.max(nameless);
        if undated > 0 {
            let example =
                made.undated.first().map(|id: &SessionId| format!(", such as {id}")).unwrap_or_default();
            let (sessions, are, they) =
                if undated == 1 { ("session", "is", "it has") } else { ("sessions", "are", "they have") };
            ui.warn(
                &format!(
                    "{undated} {sessions} of the API's list {are} of no day{example}, and left out: {they} no id or no \
                     readable created_at"
                ),
                Some("rtk-export run --since exports them too"),
            );
        }
    }

    fn tell_emptied(&mut self, committed: &Committed, ui: &Ui) {
        if committed.emptied.is_empty() {
            return;
        }
        self.emptied.extend(&committed.emptied);
        let days = committed.emptied.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        ui.warn(
            &format!(
                "the API has no session any more of days that had some, which stay as they were: {days}"
            ),
            Some("to empty them: --accept-empty-days"),
        );
    }

    /// Shows what came of it, for people and for machines, and tells how it ended.
    pub(super) fn summarise(
        self,
        config: &SyncConfig,
        ui: &Ui,
        facts: &mut Facts,
        elapsed: Duration,
    ) -> Ending {
        let (mut of_tables, mut warnings, mut failures) = (BTreeMap::new(), self.warnings, 0_u64);
        let (mut duration_minutes, mut minutes_consumed) = (None, None);
        for day in self.days.values() {
            failures += day.failures;
            add(&mut duration_minutes, day.duration_minutes);
            add(&mut minutes_consumed, day.minutes_consumed);
            for (table, rows) in &day.rows {
                *of_tables.entry(*table).or_insert(0_u64) += rows;
            }
            for (code, count) in &day.warnings {
                *warnings.entry(code.clone()).or_default() += count;
            }
        }
        let undated = self.undated.len() as u64 + self.nameless;
        let minutes = |units: Option<i128>| units.map(|units| MinutesTotal::from_units(units).to_string());
        let (duration, consumed) = (minutes(duration_minutes), minutes(minutes_consumed));
        let rows: Vec<_> = of_tables.iter().map(|(table, rows)| (table.name(), *rows)).collect();
        facts.published = Some(Published {
            rows: rows.clone(),
            failures: failures + undated,
            duration_minutes: duration.clone(),
            minutes_consumed: consumed.clone(),
        });
        let pointer = self.after.as_ref().map(|after| &after.pointer);
        if let Some(pointer) = pointer.filter(|pointer| pointer.commit.bytes > LARGE_COMMIT) {
            ui.warn(
                &format!(
                    "the dataset's commit file has {} bytes; one of more than {LARGEST_READ} is refused",
                    pointer.commit.bytes
                ),
                Some(&format!("rtk-export vacuum {} takes what was replaced out of it", config.place)),
            );
        }
        let pending = pointer.map(|pointer| pointer.state.pending.as_slice()).unwrap_or_default();
        ui.synced(&Synced {
            output: config.place.to_string(),
            generation: pointer.map(|pointer| pointer.generation),
            is_new: pointer.map(|pointer| pointer.generation) != self.before,
            synced_until: pointer.map(|pointer| String::from(pointer.state.synced_until)),
            time_zone: pointer.map(|pointer| pointer.identity.time_zone.to_string()),
            days: self.days.into_keys().collect(),
            rows: rows.into_iter().map(|(table, rows)| TableRows { table, rows }).collect(),
            failures,
            duration_minutes: duration,
            minutes_consumed: consumed,
            warnings,
            pending: pending.iter().map(|day| PendingDay { day: day.day, why: day.why.text() }).collect(),
            emptied: self.emptied.iter().copied().collect(),
            undated,
            requests_sent: facts.requests.map(|requests| requests.sent).unwrap_or_default(),
            replies_kept: self.kept,
            keeps_log: config.keep_log == KeepLog::Always,
            elapsed,
        });
        let has_failures = failures > 0 || undated > 0 || !self.emptied.is_empty() || self.is_short;
        if has_failures { Ending::WithFailures } else { Ending::Complete }
    }
}

/// Counts what was noticed. The API itself sends fourteen places: that they are rounded to nine is no news.
fn note(codes: &mut BTreeMap<String, u64>, warnings: &[Warning]) {
    for warning in warnings.iter().filter(|warning| warning.code != Notice::Rounded.code()) {
        *codes.entry(warning.code.clone()).or_default() += warning.count;
    }
}

/// Adds to a sum that is null while nothing is known.
fn add(sum: &mut Option<i128>, more: Option<i128>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}
