//! One participant record -> a row of `participants` and its rows of `peer_events`.

use chrono::{DateTime, Utc};

use super::columns::Columns;
use super::peer_events::PeerEventRows;
use super::record::{Habits, Record};
use super::schema::Table;
use super::statistics::StatisticsRows;
use super::warnings::Warnings;
use crate::error::Result;
use crate::model::{IdKey, Minutes, ParticipantId, trim_id};
use crate::wire::{Object, Raw};

/// Where a record comes from and for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The session asked for.
    pub(super) session_id: &'a str,
    /// The participant asked for by id, if it was.
    pub(super) asked_for: Option<&'a str>,
    /// The list row that first asked for it.
    pub(super) origin: Option<(&'a str, u64)>,
    /// When the reply arrived.
    pub(super) fetched_at: DateTime<Utc>,
}

/// Sums over the rows made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows of `participants`.
    pub participants: u64,
    /// Rows of `peer_events`.
    pub peer_events: u64,
    /// Sum of `duration_minutes`, in 10⁻⁹ minute; `None` where no row has any.
    pub duration_minutes: Option<i128>,
    /// Sum of `minutes_consumed`, in 10⁻⁹ minute; `None` where no row has any.
    pub minutes_consumed: Option<i128>,
}

impl Totals {
    fn add(&mut self, duration: Option<Minutes>, consumed: Option<i128>) {
        self.participants += 1;
        add(&mut self.duration_minutes, duration.map(|minutes| i128::from(minutes.units())));
        add(&mut self.minutes_consumed, consumed);
    }

    /// Adds the sums of other rows.
    pub(super) fn add_all(&mut self, others: Self) {
        self.participants += others.participants;
        self.peer_events += others.peer_events;
        add(&mut self.duration_minutes, others.duration_minutes);
        add(&mut self.minutes_consumed, others.minutes_consumed);
    }
}

/// Adds to a sum that is null while nothing is known.
pub(super) fn add(sum: &mut Option<i128>, value: Option<i128>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0) + value);
    }
}

/// Rows of `participants` in the making.
pub(super) struct ParticipantRows {
    pub(super) columns: Columns,
    pub(super) habits: Habits,
    pub(super) totals: Totals,
}

impl ParticipantRows {
    pub(super) fn new() -> Self {
        Self {
            columns: Columns::new(Table::Participants),
            habits: Habits::default(),
            totals: Totals::default(),
        }
    }

    /// Adds a record; its events go to `events`, its call statistics to `statistics` where they were asked
    /// for. `others` are fields from around the record.
    pub(super) fn add(
        &mut self,
        context: &Context<'_>,
        object: Object<'_>,
        others: &[(String, Raw<'_>)],
        events: &mut PeerEventRows<'_>,
        statistics: Option<&mut StatisticsRows>,
        warnings: &mut Warnings,
    ) -> Result<()> {
        let mut record = Record::new(Table::Participants, object, &mut self.habits.places, warnings);
        let id = record.text("id", warnings);
        let named = id.as_deref().filter(|id| !trim_id(id).is_empty());
        if id.is_some() && named.is_none() {
            record.put_back("id", "an id", warnings);
        }
        let participant_id = named.map_or_else(
            || context.asked_for.unwrap_or_default().to_owned(),
            |id| ParticipantId::parse(id).map_or_else(|| id.to_owned(), |id| id.to_string()),
        );
        // Peer reports name their session; where it is another than was asked for, that stays in extra.
        if record
            .text("session_id", warnings)
            .is_some_and(|id| IdKey::of(&id) != IdKey::of(context.session_id))
        {
            record.put_back("session_id", "the session that was asked for", warnings);
        }
        let user_id = record.text("user_id", warnings);
        let custom_participant_id = record.text("custom_participant_id", warnings);
        let display_name = record.text("display_name", warnings);
        let preset_name = record.either_text("preset_name", "role", warnings);
        let joined_at = record.time("joined_at", warnings);
        let left_at = record.time("left_at", warnings);
        let duration = record.minutes("duration", warnings);
        let created_at = record.time("created_at", warnings);
        let updated_at = record.time("updated_at", warnings);
        let listed = match record.raw("peer_events") {
            None => None,
            Some(value) => {
                let listed = events.add_all(context, &participant_id, value, warnings)?;
                if listed.is_none() {
                    record.put_back("peer_events", "an array", warnings);
                }
                listed
            }
        };
        let consumed = listed.and_then(|listed| listed.minutes_consumed);
        if let Some(statistics) = statistics {
            statistics.add(context, &participant_id, &mut record, events.hand, warnings)?;
        }
        let extra = record.extra(others, warnings);
        self.totals.add(duration, consumed);
        self.totals.peer_events += listed.map_or(0, |listed| listed.events);
        self.columns
            .row()
            .text(Some(context.session_id))
            .text(Some(&participant_id))
            .text(user_id)
            .text(custom_participant_id)
            .text(display_name)
            .text(preset_name)
            .time(joined_at)
            .time(left_at)
            .minutes(duration)
            .sum(consumed)
            .int(listed.and_then(|listed| i64::try_from(listed.events).ok()))
            .time(created_at)
            .time(updated_at)
            .text(extra)
            .text(context.origin.map(|(file, _)| file))
            .int(context.origin.and_then(|(_, row)| i64::try_from(row).ok()))
            .time(Some(context.fetched_at));
        Ok(())
    }
}
