//! What a report is, before it has a form.
//!
//! Guarantees: every figure is exact; minutes are of the one kind that the report names, but in
//! [`Differences`], which is there to set the three kinds side by side.
//! Not here: rounding, words, markup.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::prices::{Money, PriceList};
use super::series::Series;
use crate::config::{MinutesKind, ReportKey};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, MinutesTotal};
use crate::tables::schema::Table;

/// A usage report.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it comes from.
    pub about: About,
    /// What its rows are by: the names of their columns.
    pub keys: Vec<String>,
    /// Which minutes it counts.
    pub minutes: MinutesKind,
    /// What they cost.
    pub prices: PriceList,
    /// Where a day begins.
    pub time_zone: Tz,
    /// Everything together.
    pub total: Measures,
    /// By the keys.
    pub groups: Groups,
    /// By what is paid for them.
    pub kinds: Vec<KindLine>,
    /// What the charts show.
    pub series: Series,
    /// The three kinds of minutes side by side.
    pub differences: Differences,
}

impl Report {
    /// Whether its rows are in the order of time rather than of minutes.
    #[must_use]
    pub fn is_in_time(&self) -> bool {
        self.keys.first().is_some_and(|key| *key == ReportKey::Day.to_string())
    }
}

/// Where a report comes from.
#[derive(Clone, Debug)]
pub struct About {
    /// The export's manifest.
    pub export: Manifest,
}

impl About {
    /// When the export was complete.
    #[must_use]
    pub const fn made_at(&self) -> DateTime<Utc> {
        self.export.finished_at.0
    }
}

/// The rows of a table of an export.
pub(super) fn rows_of(export: &Manifest, table: Table) -> u64 {
    let of_table = export.tables.iter().find(|files| files.name == table.name());
    of_table.map_or(0, |files| files.rows)
}

/// What is summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Distinct sessions; `None` where they cannot be told.
    pub sessions: Option<u64>,
    /// Rows of `participants`.
    pub participants: u64,
    /// `PEER_JOINING` events.
    pub connections: u64,
    /// Minutes; `None` where nothing is known.
    pub minutes: Option<MinutesTotal>,
    /// Those of each kind of the price list, in its order.
    pub by_kind: Vec<MinutesTotal>,
    /// Those without a price.
    pub unpriced: MinutesTotal,
}

impl Measures {
    /// Minutes, none where nothing is known.
    #[must_use]
    pub fn counted(&self) -> MinutesTotal {
        self.minutes.unwrap_or_default()
    }

    /// What the minutes that have a price cost.
    ///
    /// # Errors
    /// [`Error::SumTooLarge`]
    pub fn cost(&self, prices: &PriceList) -> Result<Money> {
        prices.cost(&self.by_kind)
    }

    /// What is left of a total without these groups; of which sessions it is cannot be told.
    pub(super) fn without(&self, groups: &[Group]) -> Result<Self> {
        let mut rest = Self { sessions: None, ..self.clone() };
        for Group { measures, .. } in groups {
            rest.participants = rest.participants.saturating_sub(measures.participants);
            rest.connections = rest.connections.saturating_sub(measures.connections);
            rest.minutes = rest.minutes.map(|sum| less(sum, measures.counted())).transpose()?;
            rest.unpriced = less(rest.unpriced, measures.unpriced)?;
            for (sum, part) in rest.by_kind.iter_mut().zip(&measures.by_kind) {
                *sum = less(*sum, *part)?;
            }
        }
        Ok(rest)
    }
}

fn less(sum: MinutesTotal, part: MinutesTotal) -> Result<MinutesTotal> {
    sum.units().checked_sub(part.units()).map(MinutesTotal::from_units).ok_or(Error::SumTooLarge)
}

/// The rows of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Those that are shown, in order.
    pub shown: Vec<Group>,
    /// How many are not, and what they sum up to.
    pub other: Option<(u64, Measures)>,
}

impl Groups {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        let other = self.other.as_ref().map_or(0, |(count, _)| *count);
        other.saturating_add(u64::try_from(self.shown.len()).unwrap_or(u64::MAX))
    }
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// A value for each key; `None` where there is none.
    pub keys: Vec<Option<String>>,
    /// Its figures.
    pub measures: Measures,
}

/// Minutes that are paid for alike, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindLine {
    /// The place of the kind in the price list; `None` for what has no price.
    pub kind: Option<usize>,
    /// The view type, of a line without a price; `None` for participants that have none.
    pub view_type: Option<String>,
    /// How many.
    pub minutes: MinutesTotal,
}

/// The three kinds of minutes side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// All sessions together.
    pub total: SessionMinutes,
    /// Sessions whose kinds of minutes differ, as far as they are known.
    pub differing: u64,
    /// The sessions that differ most, the most first.
    pub worst: Vec<SessionMinutes>,
}

/// The minutes of one session in the three kinds, or of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionMinutes {
    /// Which; `None` for all.
    pub session: Option<String>,
    /// The sum of its participants' durations.
    pub duration: Option<MinutesTotal>,
    /// The sum of what their peer events carry.
    pub events: Option<MinutesTotal>,
    /// What the session's own record says.
    pub session_minutes: Option<MinutesTotal>,
}

impl SessionMinutes {
    /// By how much the largest is above the smallest, of those that are known.
    #[must_use]
    pub fn spread(&self) -> MinutesTotal {
        let known = || [self.duration, self.events, self.session_minutes].into_iter().flatten();
        let (most, least) = (known().max().unwrap_or_default(), known().min().unwrap_or_default());
        MinutesTotal::from_units(most.units().saturating_sub(least.units()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(units: i128) -> MinutesTotal {
        MinutesTotal::from_units(units)
    }

    fn measures(participants: u64, units: i128) -> Measures {
        Measures {
            sessions: Some(1),
            participants,
            connections: participants,
            minutes: Some(minutes(units)),
            by_kind: vec![minutes(units)],
            unpriced: minutes(0),
        }
    }

    #[test]
    fn the_rest_is_the_total_less_what_is_shown() {
        let group = Group { keys: vec![None], measures: measures(2, 70) };
        let rest = measures(3, 100).without(&[group]).unwrap();
        assert_eq!(rest, Measures { sessions: None, ..measures(1, 30) });
    }

    #[test]
    fn a_spread_is_of_what_is_known() {
        let session = SessionMinutes {
            session: None,
            duration: Some(minutes(5)),
            events: None,
            session_minutes: Some(minutes(3)),
        };
        assert_eq!(session.spread(), minutes(2));
        assert_eq!(SessionMinutes::default().spread(), minutes(0));
    }
}
