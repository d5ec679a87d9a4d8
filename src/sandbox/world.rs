//! The simulated app: who was in which session, as a pure function of a seed and sizes.
//!
//! In: [`WorldOptions`]. Out: sessions, participants and their events by index or id, and the exact
//! figures that an export of them must show.
//! Guarantees: deterministic on every machine (integers only); nothing is held per participant, so a
//! world of many millions costs no memory; sessions are in order of `created_at`, participants of a
//! session in order of `joined_at`. All of it has happened: nothing here moves.
//! Not here: what of it a clock shows (`moving.rs`), JSON (`record.rs`, `session.rs`), HTTP.

use std::ops::Range;

use uuid::Uuid;

use super::ids::{IdSpace, hash};
use super::messy::{Quirk, SessionQuirk};
use super::moving::{Late, SETTLED_MS, first_of};
use super::participant::Participant;
use super::people::{TITLES, VIEWS, View, pick};
use super::sizes::{Layout, Sizes};
use crate::model::{ParticipantId, SessionId};

/// 2026-11-01T00:00:00Z: no session is created later. Fixed, so that the world never changes.
const LAST_CREATED_MS: u64 = 1_793_491_200_000;
const MS_PER_DAY: u64 = 86_400_000;
const MS_PER_MINUTE: u64 = 60_000;
/// The longest session. With the others between five minutes and this, about one in 20 crosses midnight.
const LONGEST_MS: u64 = 130 * MS_PER_MINUTE;
/// How long a session of [`WorldOptions::long_every`] lasts: longer than anybody looks back.
const LONG_MS: u64 = 5 * MS_PER_DAY;
/// Room for what a session's beginning takes, beside its length.
const BEGINNING_MS: u64 = 1000;
/// Room for the numbers of one participant's events within the event ids.
const EVENTS_PER_PARTICIPANT: u64 = 1024;

/// What the world is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldOptions {
    /// Other seeds give other ids, times and names.
    pub seed: u64,
    /// Participants of all sessions together.
    pub participants: u64,
    /// Their mean number per session.
    pub per_session: u64,
    /// How session sizes are spread.
    pub sizes: Sizes,
    /// Days over which sessions are spread, ending on 2026-10-31.
    pub days: u64,
    /// Events per participant: CREATED, JOINING, LEAVING, then JOINING and LEAVING again; at most 1000.
    pub peer_events: u64,
    /// One in so many participants joins once more; 0 for none.
    pub rejoin_every: u64,
    /// So many of the newest sessions are still LIVE.
    pub live_sessions: u64,
    /// Every other participant has one of the oddities of [`Quirk`].
    pub messy: bool,
    /// Sessions whose own minutes are not what their participants' events add up to; none where not given.
    pub minutes_off: Option<MinutesOff>,
    /// Sessions whose records change once more after their end; none where not given.
    pub late: Option<Late>,
    /// Every so many'th session lasts five days; 0 for none.
    pub long_every: u64,
    /// The `created_at` of every so many'th session is no time; 0 for none.
    pub undated_every: u64,
}

/// Sessions whose own minutes are off, wherever the API tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinutesOff {
    /// Every so many'th session, in order of `created_at`.
    pub every: u64,
    /// By so much; no session's minutes get below zero.
    pub by_ms: i64,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            participants: 10_000,
            per_session: 20,
            sizes: Sizes::Varied,
            days: 30,
            peer_events: 3,
            rejoin_every: 8,
            live_sessions: 0,
            messy: false,
            minutes_off: None,
            late: None,
            long_every: 0,
            undated_every: 0,
        }
    }
}

/// The simulated app.
#[derive(Debug)]
pub struct World {
    options: WorldOptions,
    layout: Layout,
    session_ids: IdSpace,
    participant_ids: IdSpace,
    meeting_ids: IdSpace,
    user_ids: IdSpace,
    event_ids: IdSpace,
    socket_ids: IdSpace,
}

/// A session of the world.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its place in the order of `created_at`.
    pub index: u64,
    /// Its id.
    pub id: SessionId,
    /// The indices of its participants, as far as they have joined.
    pub participants: Range<u64>,
    /// When it was created, in milliseconds since 1970, as all times here.
    pub created_ms: u64,
    /// When the first participant could join.
    pub started_ms: u64,
    /// When it ended, or would have if it were not live.
    pub ended_ms: u64,
    /// Whether it is still LIVE.
    pub live: bool,
    /// When its record changed last.
    pub(super) updated_ms: u64,
    /// When its records change for the last time, if that is later than its end.
    pub(super) late_ms: Option<u64>,
    /// How many join until its end.
    pub(super) capacity: u64,
    pub(super) meeting: u64,
    pub(super) view: View,
    pub(super) quirk: Option<SessionQuirk>,
}

impl World {
    /// The world of these options.
    #[must_use]
    pub fn new(options: WorldOptions) -> Self {
        let WorldOptions { seed, participants, .. } = options;
        let layout = Layout::new(options.sizes, seed, participants, options.per_session);
        let sessions = layout.sessions();
        Self {
            session_ids: IdSpace::new(seed, 1, sessions),
            participant_ids: IdSpace::new(seed, 2, participants),
            meeting_ids: IdSpace::new(seed, 3, sessions),
            user_ids: IdSpace::new(seed, 4, u64::MAX),
            event_ids: IdSpace::new(seed, 5, u64::MAX),
            socket_ids: IdSpace::new(seed, 6, u64::MAX),
            options,
            layout,
        }
    }

    /// What the world is made of.
    #[must_use]
    pub const fn options(&self) -> &WorldOptions {
        &self.options
    }

    /// How many sessions there are.
    #[must_use]
    pub const fn session_count(&self) -> u64 {
        self.layout.sessions()
    }

    /// How many participants there are.
    #[must_use]
    pub const fn participant_count(&self) -> u64 {
        self.options.participants
    }

    /// The id of a session.
    #[must_use]
    pub fn session_id(&self, index: u64) -> SessionId {
        SessionId::from_bytes(self.session_ids.encode(index).into_bytes())
    }

    /// The id of a participant.
    #[must_use]
    pub fn participant_id(&self, index: u64) -> ParticipantId {
        ParticipantId::from_bytes(self.participant_ids.encode(index).into_bytes())
    }

    /// Which session an id is, if it is one of this world.
    #[must_use]
    pub fn session_index(&self, id: SessionId) -> Option<u64> {
        self.session_ids.decode(Uuid::from_bytes(id.to_bytes()))
    }

    /// Which participant an id is, if it is one of this world.
    #[must_use]
    pub fn participant_index(&self, id: ParticipantId) -> Option<u64> {
        self.participant_ids.decode(Uuid::from_bytes(id.to_bytes()))
    }

    /// The session of a participant.
    #[must_use]
    pub fn session_of(&self, participant: u64) -> u64 {
        self.layout.session_of(participant)
    }

    /// Whether a session's `created_at` is no time.
    pub(super) const fn is_undated(&self, index: u64) -> bool {
        let every = self.options.undated_every;
        every > 0 && (index + 1).is_multiple_of(every)
    }

    /// All sessions, in order of `created_at`.
    pub fn sessions(&self) -> impl Iterator<Item = Session> + '_ {
        (0..self.session_count()).map(|index| self.session(index))
    }

    /// The ids of a session's participants, in the API's order.
    pub fn participants(&self, session: u64) -> impl Iterator<Item = ParticipantId> + '_ {
        self.layout.range(session).map(|index| self.participant_id(index))
    }

    /// All pairs of session and participant, session by session.
    pub fn pairs(&self) -> impl Iterator<Item = (SessionId, ParticipantId)> + '_ {
        (0..self.session_count()).flat_map(move |session| {
            let id = self.session_id(session);
            self.participants(session).map(move |participant| (id, participant))
        })
    }

    /// The session of an index.
    #[must_use]
    pub fn session(&self, index: u64) -> Session {
        self.session_that(index, index >= self.first_live())
    }

    /// The session of an index, which is or is not still live.
    pub(super) fn session_that(&self, index: u64, live: bool) -> Session {
        let random = self.random(1, index);
        let created_ms = self.created_ms(index);
        let started_ms = created_ms + random % 900;
        let WorldOptions { long_every, late, messy, .. } = self.options;
        let is_long = long_every > 0 && (index + 1).is_multiple_of(long_every);
        let usual_ms = 5 * MS_PER_MINUTE + (random >> 10) % (LONGEST_MS - 10 * MS_PER_MINUTE);
        let ended_ms = started_ms + if is_long { LONG_MS } else { usual_ms };
        let late_ms = late.and_then(|late| late.after_ms(index, self.random(5, index)));
        let late_ms = late_ms.filter(|_| !live).map(|after_ms| ended_ms + after_ms);
        let participants = self.layout.range(index);
        Session {
            index,
            id: self.session_id(index),
            capacity: participants.end - participants.start,
            participants,
            created_ms,
            started_ms,
            ended_ms,
            live,
            updated_ms: if live { started_ms } else { late_ms.unwrap_or(ended_ms + SETTLED_MS) },
            late_ms,
            meeting: index % self.meeting_count(),
            view: VIEWS[usize::try_from((random >> 40) % 16).unwrap_or_default()],
            quirk: messy.then(|| SessionQuirk::of_session(index)).flatten(),
        }
    }

    /// The participant of an index.
    #[must_use]
    pub fn participant(&self, index: u64) -> Participant {
        self.participant_of(&self.session(self.session_of(index)), index)
    }

    /// The participant of an index, whose session is known already.
    pub(super) fn participant_of(&self, session: &Session, index: u64) -> Participant {
        let random = self.random(2, index);
        let length_ms = session.ended_ms - session.started_ms;
        let ordinal = index - session.participants.start;
        let count = session.capacity;
        // Joins are spread over the first half, each in its own slot: ordered by joined_at.
        let slot_ms = length_ms / 2 / count;
        let offset_ms = length_ms / 2 * ordinal / count + if slot_ms > 0 { random % slot_ms } else { 0 };
        let rest_ms = length_ms - offset_ms;
        let left = !(session.live && random >> 63 == 1);
        let stayed_ms = if left { 1 + (random >> 20) % rest_ms } else { rest_ms };
        // A second device: the same person as the participant before.
        let second_device = ordinal > 0 && (random >> 44).is_multiple_of(16);
        let person = self.random(3, index - u64::from(second_device)) % self.population();
        let again = self.options.rejoin_every > 0 && (random >> 8).is_multiple_of(self.options.rejoin_every);
        let joined_ms = session.started_ms + offset_ms;
        let leaves_ms = joined_ms + stayed_ms;
        Participant {
            index,
            id: self.participant_id(index),
            session: session.id,
            joined_ms,
            until_ms: leaves_ms,
            left,
            leaves_ms,
            updated_ms: session.late_ms.unwrap_or(leaves_ms + 1000),
            seen_ms: u64::MAX,
            short_ms: 0,
            quirk: self.options.messy.then(|| Quirk::of_participant(index)).flatten(),
            user_id: self.user_ids.encode(session.meeting * self.population() + person),
            person,
            preset: session.view.preset(ordinal),
            view: session.view,
            events: (self.options.peer_events + if again { 2 } else { 0 }).min(1000),
        }
    }

    /// The sessions created in `[from, to)`.
    pub(super) fn sessions_created(&self, from_ms: u64, to_ms: u64) -> Range<u64> {
        let first_at =
            |time_ms: u64| first_of(0..self.session_count(), |index| self.created_ms(index) >= time_ms);
        first_at(from_ms)..first_at(to_ms)
    }

    /// The longest that any session lasts, its beginning included.
    pub(super) const fn longest_ms(&self) -> u64 {
        BEGINNING_MS + if self.options.long_every > 0 { LONG_MS } else { LONGEST_MS }
    }

    /// How many meetings there are: every one is used about three times.
    pub(super) fn meeting_count(&self) -> u64 {
        self.session_count().div_ceil(3).max(1)
    }

    pub(super) fn meeting_id(&self, meeting: u64) -> Uuid {
        self.meeting_ids.encode(meeting)
    }

    pub(super) fn meeting_index(&self, id: Uuid) -> Option<u64> {
        self.meeting_ids.decode(id).filter(|meeting| *meeting < self.meeting_count())
    }

    pub(super) fn event_id(&self, participant: u64, number: u64) -> Uuid {
        self.event_ids.encode(participant * EVENTS_PER_PARTICIPANT + number)
    }

    pub(super) fn socket_id(&self, participant: u64, event: u64) -> Uuid {
        self.socket_ids.encode(participant * EVENTS_PER_PARTICIPANT + event.saturating_sub(1) / 2)
    }

    /// A number that looks random, one per purpose and index.
    pub(super) fn random(&self, purpose: u64, index: u64) -> u64 {
        hash(self.options.seed ^ (purpose << 56), index)
    }

    fn created_ms(&self, index: u64) -> u64 {
        let span_ms = self.options.days.clamp(1, 10_000) * MS_PER_DAY;
        let count = u128::from(self.session_count().max(1));
        let slot = |index: u64| {
            let offset = u128::from(span_ms) * u128::from(index) / count;
            u64::try_from(offset).unwrap_or(span_ms)
        };
        let (start, end) = (slot(index), slot(index + 1));
        LAST_CREATED_MS - span_ms + start + self.random(4, index) % (end - start).max(1)
    }

    /// The first of the sessions that stay live.
    pub(super) fn first_live(&self) -> u64 {
        self.session_count().saturating_sub(self.options.live_sessions)
    }

    /// People who take part, a fourth of the participants: most come again.
    fn population(&self) -> u64 {
        self.options.participants / 4 + 1
    }
}

impl Session {
    /// The title of its meeting.
    pub(super) fn title(&self) -> &'static str {
        pick(&TITLES, self.meeting)
    }
}
