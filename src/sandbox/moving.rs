//! The world as a clock shows it: what of it has happened, and what its records say of it.
//!
//! In: the [`World`], in which all has happened, and a time; without one, nothing moves. Out: the same
//! sessions and participants, as far as they are there at that time.
//! Guarantees: a pure function of the world and the time. As the clock goes on, sessions, participants and
//! events are only ever added, a session goes from LIVE to ENDED, nobody who left comes back, and minutes
//! never become fewer. A session's records are final once its end is [`SETTLED_MS`], and where it is late
//! [`Late::by_ms`], ago: then they are those of the world without a clock.
//! Not here: the clock itself (`server.rs`), JSON (`record.rs`).

use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::participant::Participant;
use super::world::{Session, World};
use crate::error::{Error, Result};
use crate::model::{ParticipantId, SessionId};

/// After this long a session's end is written down everywhere.
pub const SETTLED_MS: u64 = 30_000;
/// By so much the minutes of a connection are too few before a late change.
const SHORT_MS: u64 = 1000;

/// Sessions whose records change once more, a while after their end: until then the session's minutes, its
/// participants' and those of their last connections are short by up to a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// Every so many'th session, in order of `created_at`.
    pub every: u64,
    /// At most so long after its end; each session has a time of its own.
    pub by_ms: u64,
}

impl Late {
    /// How long after the end of a session its records change; none where they do not.
    pub(super) fn after_ms(self, index: u64, random: u64) -> Option<u64> {
        let is_late = self.every > 0 && (index + 1).is_multiple_of(self.every);
        // The first of them uses all the time there is.
        let is_last = index + 1 == self.every;
        is_late.then(|| if is_last { self.by_ms } else { random % self.by_ms.saturating_add(1) })
    }
}

impl FromStr for Late {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (every, by) = text.split_once(':')?;
            let by_ms = u64::try_from(humantime::parse_duration(by).ok()?.as_millis()).ok()?;
            Some(Self { every: every.parse().ok().filter(|every| *every > 0)?, by_ms })
        };
        parse().ok_or_else(|| Error::SandboxLate { text: text.to_owned() })
    }
}

/// The world at a time.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    world: &'a World,
    now_ms: Option<u64>,
}

impl World {
    /// The world at a time. Without one it stands as its options say: all has happened, and the newest sessions
    /// of [`live_sessions`](super::WorldOptions::live_sessions) stay live; with one, that number means nothing.
    #[must_use]
    pub fn at(&self, now: Option<DateTime<Utc>>) -> Moment<'_> {
        // Before 1970 nothing has happened.
        let now_ms = now.map(|now| u64::try_from(now.timestamp_millis()).unwrap_or_default());
        Moment { world: self, now_ms }
    }
}

impl<'a> Moment<'a> {
    /// The whole world.
    #[must_use]
    pub const fn world(&self) -> &'a World {
        self.world
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> u64 {
        self.sessions_created(0, u64::MAX).end
    }

    /// All sessions, in order of `created_at`.
    pub fn sessions(&self) -> impl Iterator<Item = Session> + use<'a> {
        let moment = *self;
        (0..self.session_count()).map(move |index| moment.session(index))
    }

    /// The session of an id, if it is there.
    #[must_use]
    pub fn find_session(&self, id: SessionId) -> Option<Session> {
        let index = self.world.session_index(id).filter(|index| *index < self.session_count())?;
        Some(self.session(index))
    }

    /// The participant of an id, if it has joined.
    #[must_use]
    pub fn find_participant(&self, id: ParticipantId) -> Option<Participant> {
        let index = self.world.participant_index(id)?;
        let session = self.find_session(self.world.session_id(self.world.session_of(index)))?;
        session.participants.contains(&index).then(|| self.participant_of(&session, index))
    }

    /// Those of a session who have joined, in the API's order.
    pub fn participants(&self, session: &Session) -> impl Iterator<Item = Participant> {
        let (moment, session) = (*self, session.clone());
        session.participants.clone().map(move |index| moment.participant_of(&session, index))
    }

    /// The session of an index.
    pub(super) fn session(&self, index: u64) -> Session {
        let Some(now_ms) = self.now_ms else { return self.world.session(index) };
        let session = self.world.session_that(index, false);
        let live = session.ended_ms > now_ms;
        let updated_ms = match session.late_ms {
            _ if live => session.started_ms,
            Some(late_ms) if late_ms > now_ms => session.ended_ms,
            _ => session.updated_ms,
        };
        let joined = first_of(session.participants.clone(), |index| {
            self.world.participant_of(&session, index).joined_ms > now_ms
        });
        Session {
            live,
            updated_ms: updated_ms.min(now_ms),
            participants: session.participants.start..joined,
            ..session
        }
    }

    /// The participant of an index, whose session is known.
    pub(super) fn participant_of(&self, session: &Session, index: u64) -> Participant {
        let Some(now_ms) = self.now_ms else { return self.world.participant_of(session, index) };
        let participant = self.world.participant_of(&Session { live: false, ..session.clone() }, index);
        let left = participant.leaves_ms <= now_ms;
        let is_short = session.late_ms.is_some_and(|late_ms| late_ms > now_ms);
        let updated_ms = match left {
            true if is_short => participant.leaves_ms,
            true => participant.updated_ms,
            false => now_ms,
        };
        Participant {
            until_ms: participant.leaves_ms.min(now_ms),
            left,
            updated_ms: updated_ms.min(now_ms),
            seen_ms: now_ms,
            short_ms: if is_short { SHORT_MS } else { 0 },
            ..participant
        }
    }

    /// The sessions created in `[from, to)`.
    pub(super) fn sessions_created(&self, from_ms: u64, to_ms: u64) -> Range<u64> {
        let range = self.world.sessions_created(from_ms, to_ms);
        let Some(now_ms) = self.now_ms else { return range };
        let there = self.world.sessions_created(0, now_ms.saturating_add(1)).end;
        range.start.min(there)..range.end.min(there)
    }

    /// The sessions of a LIVE or ENDED status, where that is known of all at once: the newest are live.
    pub(super) fn sessions_of_status(&self, live: bool) -> Option<Range<u64>> {
        let (first, count) = (self.world.first_live(), self.world.session_count());
        self.now_ms.is_none().then_some(if live { first..count } else { 0..first })
    }

    /// The time all minutes of a session add up to, as far as connections have ended; off where it is to be.
    pub(super) fn session_minutes_ms(&self, session: &Session) -> u64 {
        let consumed = |index| self.participant_of(session, index).consumed_ms();
        let sum = session.participants.clone().map(consumed).sum();
        let off = self.world.options().minutes_off;
        let off = off.filter(|off| (session.index + 1).is_multiple_of(off.every.max(1)));
        off.map_or(sum, |off| sum.saturating_add_signed(off.by_ms))
    }
}

/// The first of a range for which something holds, as it does for all after it; the end where for none.
pub(super) fn first_of(range: Range<u64>, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
