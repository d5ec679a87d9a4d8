//! A participant's connection events -> rows of `peer_events`.

use super::Hand;
use super::columns::Columns;
use super::known::{EVENT_NAMES, VIEW_TYPES};
use super::participants::{Context, add};
use super::record::{Habits, Record, close, push_member};
use super::schema::Table;
use super::warnings::{Notice, Warnings, excerpt};
use crate::error::Result;
use crate::wire::{Object, Raw, each_object};

/// What a list of events came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its length.
    pub(super) events: u64,
    /// Sum of its minutes, in 10⁻⁹ minute; `None` where no event carries any.
    pub(super) minutes_consumed: Option<i128>,
}

/// Rows of `peer_events` in the making, handed on as they fill: one participant may have a hundred
/// thousand.
pub(super) struct PeerEventRows<'a> {
    pub(super) columns: &'a mut Columns,
    pub(super) habits: &'a mut Habits,
    pub(super) hand: Hand<'a>,
}

impl PeerEventRows<'_> {
    /// Adds the events of a participant; `None`, and no row, where the value is no array.
    pub(super) fn add_all(
        &mut self,
        context: &Context<'_>,
        participant_id: &str,
        value: Raw<'_>,
        warnings: &mut Warnings,
    ) -> Result<Option<Listed>> {
        let mut listed = Listed::default();
        // Taken, so that rows can be added meanwhile.
        let mut habits = std::mem::take(self.habits);
        let Habits { keys, places } = &mut habits;
        let mut record = Record::empty(Table::PeerEvents, places);
        let mut failed = None;
        let is_array = each_object(value, keys, |event| {
            if failed.is_some() {
                return;
            }
            let consumed = self.add(context, participant_id, listed.events, event, &mut record, warnings);
            add(&mut listed.minutes_consumed, consumed);
            listed.events += 1;
            if self.columns.is_full() {
                failed = self.columns.hand_on(self.hand).err();
            }
        });
        *self.habits = habits;
        match failed {
            Some(error) => Err(error),
            None => Ok(is_array.then_some(listed)),
        }
    }

    /// Adds an event; gives its minutes.
    fn add<'a>(
        &mut self,
        context: &Context<'_>,
        participant_id: &str,
        index: u64,
        event: std::result::Result<&mut Object<'a>, Raw<'a>>,
        record: &mut Record<'a, '_>,
        warnings: &mut Warnings,
    ) -> Option<i128> {
        let mut none = Object::default();
        let (object, other) = match event {
            Ok(object) => (object, None),
            Err(other) => (&mut none, Some(other)),
        };
        record.exchange(object, warnings);
        let event_id = record.text("id", warnings);
        let event_name = record.word("event_name", EVENT_NAMES, warnings);
        let consumed = record.minutes("minutes_consumed", warnings);
        let peer_id = record.text("peer_id", warnings);
        let preset_view_type = record.word("preset_view_type", VIEW_TYPES, warnings);
        let socket_session_id = record.text("socket_session_id", warnings);
        let reported_session_id = record.text("session_id", warnings);
        let reported_participant_id = record.text("participant_id", warnings);
        let created_at = record.time("created_at", warnings);
        let updated_at = record.time("updated_at", warnings);
        let mut extra = record.extra(&[], warnings);
        if let Some(event) = other {
            // Kept whole under the name of the list it stood in.
            let example = || format!("expected an object, found {}", excerpt(event.get()));
            warnings.note(Notice::Misfit, Table::PeerEvents, "peer_events", example);
            let mut kept = String::new();
            push_member(&mut kept, "\"peer_events\"", event.get());
            extra = close(kept);
        }
        self.columns
            .row()
            .text(Some(context.session_id))
            .text(Some(participant_id))
            .count(index)
            .text(event_id)
            .text(event_name)
            .minutes(consumed)
            .text(peer_id)
            .text(preset_view_type)
            .text(socket_session_id)
            .text(reported_session_id)
            .text(reported_participant_id)
            .time(created_at)
            .time(updated_at)
            .text(extra)
            .time(Some(context.fetched_at));
        consumed.map(|minutes| i128::from(minutes.units()))
    }
}
