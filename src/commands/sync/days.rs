//! Which days a `sync` exports.
//!
//! In: what was typed, the dataset as it is. Out: the ranges, in order, each an export and a commit of its own.
//! Guarantees: of the days behind the lookback that are due for another look, only those are asked for that have changed.
//! Not here: how days become ranges (`dataset::ranges`), what becomes of a log that was left (`left`).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{Sync, again};
use crate::clock;
use crate::commands::fetching;
use crate::config::{Anew, EmptyDays};
use crate::dataset::{self, Asked, Generation, Reached, due, ranges};
use crate::error::{Error, Result};
use crate::model::DayRange;
use crate::operation::Facts;
use crate::pipeline::{self, Signals};
use crate::progress::Phase;

impl Sync<'_> {
    /// The days to be exported.
    pub(super) async fn ranges(
        &mut self,
        base: Option<&Generation>,
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<Vec<DayRange>> {
        let days = self.config.days;
        let is_anew = self.config.anew == Anew::Wanted;
        let replaced = base.filter(|base| is_anew && base.pointer.identity != self.identity);
        let base = base.filter(|_| !is_anew);
        let asked = Asked {
            from: days.from,
            to: days.to,
            lookback: days.lookback,
            // One commit takes the place of everything.
            days_per_commit: if is_anew { u32::MAX } else { days.per_commit },
        };
        let now = clock::now();
        let zone = self.identity.time_zone;
        let synced = base.map(|base| zone.date(base.pointer.state.synced_until.0));
        let reached = Reached { synced, today: zone.date(now) };
        let again = match base {
            Some(base) if asked.from.is_none() => {
                let pending = &base.pointer.state.pending;
                let due: Vec<_> = due(pending, asked.begins(reached)).cloned().collect();
                self.worth_a_look(&due, facts, signals).await?
            }
            _ => BTreeSet::new(),
        };
        let ranges = ranges(&asked, zone, reached, &again);
        if let Some(replaced) = replaced.filter(|_| self.config.empty_days == EmptyDays::Kept) {
            let has = |day| ranges.iter().any(|range| range.contains(day));
            dataset::refuse_loss(replaced, has, &self.place.show(None)).map_err(Error::Dataset)?;
        }
        Ok(ranges)
    }

    /// Of days that are due, those that have changed since.
    async fn worth_a_look(
        &mut self,
        due: &[dataset::Pending],
        facts: &mut Facts,
        signals: &mut Signals,
    ) -> Result<BTreeSet<NaiveDate>> {
        if due.is_empty() {
            return Ok(BTreeSet::new());
        }
        let fetching = self.fetching(None, facts)?;
        facts.progress.enter(Phase::FindingSessions);
        let worth = again::worth_a_look(due, &fetching.fetcher);
        let worth = pipeline::unless_stopped(signals, worth).await;
        let made = fetching::requests_made(fetching.fetcher.traffic());
        facts.requests = Some(facts.requests.unwrap_or_default().and(made));
        if let Some(warning) = pipeline::settle(fetching).await {
            self.ui.warn(&warning, None);
        }
        worth
    }
}
