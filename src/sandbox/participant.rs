//! A participant of the world: when it was there, and what happened to its connections.
//!
//! In: numbers that `world.rs` draws, and how far `moving.rs` lets them be seen. Out: its events and minutes.
//! Guarantees: events are in order of time, and those of an earlier moment are the first of those of a later.
//! Not here: JSON (`record.rs`).

use uuid::Uuid;

use super::messy::Quirk;
use super::people::{FIRST_NAMES, LAST_NAMES, View, pick};
use crate::model::{ParticipantId, SessionId};

/// A participant of a session of the world.
#[derive(Clone, Debug)]
pub struct Participant {
    /// Its place in the world.
    pub index: u64,
    /// Its id.
    pub id: ParticipantId,
    /// Its session.
    pub session: SessionId,
    /// When it joined first.
    pub joined_ms: u64,
    /// When it left for good; of one that has not left, until when its minutes count.
    pub until_ms: u64,
    /// Whether it has left.
    pub left: bool,
    /// When it will have left for good.
    pub(super) leaves_ms: u64,
    /// When its record changed last.
    pub(super) updated_ms: u64,
    /// What comes later is not known yet.
    pub(super) seen_ms: u64,
    /// By so much its minutes are too few, for the time being.
    pub(super) short_ms: u64,
    /// What is odd about its record.
    pub quirk: Option<Quirk>,
    pub(super) user_id: Uuid,
    pub(super) person: u64,
    pub(super) preset: &'static str,
    pub(super) view: View,
    pub(super) events: u64,
}

/// What happened to a participant's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    Created,
    Joining,
    Leaving,
}

/// One peer event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Its number among the participant's events, before a quirk takes any away.
    pub(super) number: u64,
    pub(super) kind: EventKind,
    pub(super) at_ms: u64,
    /// The length of the connection that ends with this event.
    pub(super) lasted_ms: u64,
}

impl Participant {
    /// Its events in order of time, as an orderly server keeps them, as far as they have happened.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let connections = self.connections();
        let all = (0..self.events).filter_map(move |number| {
            if number == 0 {
                return Some(Event { number, kind: EventKind::Created, at_ms: self.joined_ms, lasted_ms: 0 });
            }
            let connection = (number - 1) / 2;
            let (from_ms, to_ms) = self.connection(connection, connections);
            if number % 2 == 1 {
                return Some(Event { number, kind: EventKind::Joining, at_ms: from_ms, lasted_ms: 0 });
            }
            let is_last = connection + 1 >= connections;
            let short_ms = if is_last { self.short_ms } else { 0 };
            (self.left || !is_last).then_some(Event {
                number,
                kind: EventKind::Leaving,
                at_ms: to_ms,
                lasted_ms: (to_ms - from_ms).saturating_sub(short_ms),
            })
        });
        all.take_while(|event| event.at_ms <= self.seen_ms)
    }

    /// The time of its ended connections.
    pub(super) fn consumed_ms(&self) -> u64 {
        self.events().map(|event| event.lasted_ms).sum()
    }

    /// The time of its ended connections that is within a range.
    pub(super) fn used_ms(&self, from_ms: u64, until_ms: u64) -> u64 {
        let within = |event: Event| {
            let began_ms = event.at_ms - event.lasted_ms;
            event.at_ms.min(until_ms).saturating_sub(began_ms.max(from_ms))
        };
        self.events().map(within).sum()
    }

    /// `duration` is all of its time in the session, absences included.
    pub(super) const fn duration_ms(&self) -> u64 {
        self.stayed_ms().saturating_sub(self.short_ms)
    }

    /// How long it has been in the session.
    pub(super) const fn stayed_ms(&self) -> u64 {
        self.until_ms - self.joined_ms
    }

    pub(super) fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.id.to_bytes())
    }

    pub(super) fn session_uuid(&self) -> Uuid {
        Uuid::from_bytes(self.session.to_bytes())
    }

    pub(super) fn first_name(&self) -> &'static str {
        pick(&FIRST_NAMES, self.person)
    }

    pub(super) fn last_name(&self) -> &'static str {
        pick(&LAST_NAMES, self.person / 7)
    }

    fn connections(&self) -> u64 {
        (self.events / 2).max(1)
    }

    /// When a connection began and ended: equal parts, each but the last an eighth shorter.
    fn connection(&self, connection: u64, connections: u64) -> (u64, u64) {
        let whole_ms = self.leaves_ms - self.joined_ms;
        let part = |n: u64| self.joined_ms + whole_ms * n / connections;
        let last = connection + 1 >= connections;
        let absence_ms = if last { 0 } else { whole_ms / connections / 8 };
        (part(connection), part(connection + 1) - absence_ms)
    }
}
