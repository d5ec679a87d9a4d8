//! What the lists and the window ask for: distinct, numbered in first-mention order, in few bytes.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::lists::Asked;
use crate::model::{IdKey, ParticipantId, SessionId};

/// Number of a want, counted from 0 in first-mention order.
pub type WantNo = u32;
/// Number of a session, counted from 0 in first-mention order.
pub type SessionNo = u32;

/// By what a row asks for participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WantKind {
    /// All of the session.
    Everyone,
    /// The participant with this id; failing that, those with this enrolment id.
    Participant,
    /// Those with this `user_id`.
    User,
    /// Those with this `custom_participant_id`.
    Custom,
}

/// One distinct thing asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// In which session.
    pub session: SessionNo,
    /// By what.
    pub kind: WantKind,
    /// The id asked for; zeros for [`WantKind::Everyone`].
    pub key: IdKey,
}

/// What became of a row that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// Its first mention.
    First(WantNo),
    /// An earlier row asked for the same.
    Again(WantNo),
}

/// One session's wants: a chain through [`Wants::next`].
#[derive(Clone, Copy, Debug)]
struct Session {
    id: SessionId,
    first: WantNo,
    last: WantNo,
    wants: u32,
    /// Whether any want needs the participants list by its nature.
    needs_list: bool,
    /// Whether the window has it.
    discovered: bool,
}

/// The end of a chain.
const NONE: WantNo = WantNo::MAX;

/// Everything that the lists and the window ask for. Columns instead of rows, and tables of numbers instead of maps of
/// ids: 25 bytes a want and its share of the hash tables.
#[derive(Default)]
pub struct Wants {
    sessions: Vec<Session>,
    session_table: HashTable<SessionNo>,
    session_of: Vec<SessionNo>,
    kinds: Vec<WantKind>,
    keys: Vec<[u8; 16]>,
    next: Vec<WantNo>,
    want_table: HashTable<WantNo>,
    discovered: u64,
    hasher: DefaultHashBuilder,
}

impl Wants {
    /// Nothing asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a row asks for; `None` past four billion wants.
    pub fn add(&mut self, asked: &Asked) -> Option<Added> {
        let (session, kind, key) = split(asked);
        let session = self.add_session(session)?;
        let want = Want { session, kind, key };
        if let Some(known) = self.number(want) {
            return Some(Added::Again(known));
        }
        let number = WantNo::try_from(self.kinds.len()).ok().filter(|number| *number != NONE)?;
        self.session_of.push(session);
        self.kinds.push(kind);
        self.keys.push(key.to_bytes());
        self.next.push(NONE);
        let Self { hasher, want_table, session_of, kinds, keys, .. } = self;
        want_table.insert_unique(hash(hasher, want), number, |number| {
            hash(hasher, want_at(session_of, kinds, keys, *number))
        });
        let chain = &mut self.sessions[session as usize];
        if chain.wants == 0 {
            chain.first = number;
        } else {
            self.next[chain.last as usize] = number;
        }
        chain.last = number;
        chain.wants += 1;
        chain.needs_list |= kind != WantKind::Participant;
        Some(Added::First(number))
    }

    /// Adds a session of the window, whose own record discovery has; `None` past four billion wants. Each
    /// once, after everything that rows ask for.
    pub fn add_discovered(&mut self, session: SessionId) -> Option<Added> {
        let added = self.add(&Asked::Everyone(session))?;
        let number = self.session_number(session)?;
        self.sessions[number as usize].discovered = true;
        self.discovered += 1;
        Some(added)
    }

    fn add_session(&mut self, id: SessionId) -> Option<SessionNo> {
        if let Some(known) = self.session_number(id) {
            return Some(known);
        }
        let number = SessionNo::try_from(self.sessions.len()).ok()?;
        self.sessions.push(Session {
            id,
            first: NONE,
            last: NONE,
            wants: 0,
            needs_list: false,
            discovered: false,
        });
        let Self { hasher, session_table, sessions, .. } = self;
        session_table.insert_unique(hasher.hash_one(id), number, |number| {
            hasher.hash_one(sessions[*number as usize].id)
        });
        Some(number)
    }

    /// The number of what a row asks for, which is looked up only where it is not the likely one: of a million
    /// wants, each look costs what it takes to fetch the table from memory.
    #[must_use]
    pub fn find(&self, asked: &Asked, likely: WantNo) -> Option<WantNo> {
        let (session, kind, key) = split(asked);
        if (likely as usize) < self.len() {
            let want = self.want(likely);
            if (self.session_id(want.session), want.kind, want.key) == (session, kind, key) {
                return Some(likely);
            }
        }
        self.number(Want { session: self.session_number(session)?, kind, key })
    }

    /// The number of a want.
    #[must_use]
    pub fn number(&self, want: Want) -> Option<WantNo> {
        self.want_table.find(hash(&self.hasher, want), |number| self.want(*number) == want).copied()
    }

    /// The number of a session.
    #[must_use]
    pub fn session_number(&self, id: SessionId) -> Option<SessionNo> {
        let is = |number: &SessionNo| self.sessions[*number as usize].id == id;
        self.session_table.find(self.hasher.hash_one(id), is).copied()
    }

    /// A participant's want, if a row asks for it by id.
    #[must_use]
    pub fn participant(&self, session: SessionNo, participant: IdKey) -> Option<WantNo> {
        self.number(Want { session, kind: WantKind::Participant, key: participant })
    }

    /// How many wants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// A want by its number.
    ///
    /// # Panics
    /// Where the number is not one of these wants.
    #[must_use]
    pub fn want(&self, number: WantNo) -> Want {
        want_at(&self.session_of, &self.kinds, &self.keys, number)
    }

    /// The id of a session.
    ///
    /// # Panics
    /// Where the number is not one of these sessions.
    #[must_use]
    pub fn session_id(&self, session: SessionNo) -> SessionId {
        self.sessions[session as usize].id
    }

    /// How many wants a session has.
    #[must_use]
    pub fn count_of(&self, session: SessionNo) -> u32 {
        self.sessions[session as usize].wants
    }

    /// The session's first want.
    #[must_use]
    pub fn first_of(&self, session: SessionNo) -> WantNo {
        self.sessions[session as usize].first
    }

    /// The session's last want.
    #[must_use]
    pub fn last_of(&self, session: SessionNo) -> WantNo {
        self.sessions[session as usize].last
    }

    /// Whether a want of the session can only be answered from the participants list.
    #[must_use]
    pub fn needs_list(&self, session: SessionNo) -> bool {
        self.sessions[session as usize].needs_list
    }

    /// Whether the window has the session.
    #[must_use]
    pub fn is_discovered(&self, session: SessionNo) -> bool {
        self.sessions[session as usize].discovered
    }

    /// How many sessions the window has.
    #[must_use]
    pub const fn discovered(&self) -> u64 {
        self.discovered
    }

    /// The session's wants in first-mention order.
    pub fn of_session(&self, session: SessionNo) -> impl Iterator<Item = (WantNo, Want)> + '_ {
        let first = self.sessions[session as usize].first;
        let chain = std::iter::successors((first != NONE).then_some(first), |number| {
            let next = self.next[*number as usize];
            (next != NONE).then_some(next)
        });
        chain.map(|number| (number, self.want(number)))
    }
}

impl std::fmt::Debug for Wants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wants")
            .field("wants", &self.len())
            .field("sessions", &self.sessions())
            .finish_non_exhaustive()
    }
}

fn hash(hasher: &DefaultHashBuilder, want: Want) -> u64 {
    hasher.hash_one((want.session, want.kind, want.key))
}

fn want_at(sessions: &[SessionNo], kinds: &[WantKind], keys: &[[u8; 16]], number: WantNo) -> Want {
    let place = number as usize;
    Want { session: sessions[place], kind: kinds[place], key: IdKey::from_bytes(keys[place]) }
}

/// A row's session, and by what it asks.
fn split(asked: &Asked) -> (SessionId, WantKind, IdKey) {
    match asked {
        Asked::Everyone(session) => (*session, WantKind::Everyone, IdKey::from_bytes([0; 16])),
        Asked::Participant(session, participant) => {
            (*session, WantKind::Participant, IdKey::from(*participant))
        }
        Asked::User(session, user) => (*session, WantKind::User, IdKey::of(user)),
        Asked::Custom(session, custom) => (*session, WantKind::Custom, IdKey::of(custom)),
    }
}

impl Want {
    /// The participant asked for by id.
    #[must_use]
    pub const fn participant(&self) -> ParticipantId {
        ParticipantId::from_bytes(self.key.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn any_asked() -> impl Strategy<Value = Asked> {
        (0..4_u8, 0..6_u8, 0..4_u8).prop_map(|(session, id, kind)| {
            let session = SessionId::from_bytes([session; 16]);
            match kind {
                0 => Asked::Everyone(session),
                1 => Asked::Participant(session, ParticipantId::from_bytes([id; 16])),
                2 => Asked::User(session, format!("id {id}")),
                _ => Asked::Custom(session, format!("id {id}")),
            }
        })
    }

    proptest! {
        #[test]
        fn wants_are_distinct_complete_and_in_first_mention_order(
            rows in prop::collection::vec(any_asked(), 0..80)
        ) {
            let mut wants = Wants::new();
            let mut first = HashMap::new();
            for asked in &rows {
                let expected = u32::try_from(first.len()).unwrap();
                match wants.add(asked).unwrap() {
                    Added::First(number) => {
                        prop_assert_eq!(number, expected);
                        let before = first.insert(format!("{asked:?}"), number);
                        prop_assert_eq!(before, None);
                    }
                    Added::Again(number) => prop_assert_eq!(first.get(&format!("{asked:?}")), Some(&number)),
                }
                let right = first.get(&format!("{asked:?}")).copied();
                for likely in [0, right.unwrap_or(1), WantNo::MAX] {
                    prop_assert_eq!(wants.find(asked, likely), right);
                }
            }
            prop_assert_eq!(wants.len(), first.len());
            // The chains of the sessions hold every want once, in order.
            let mut chained = Vec::new();
            for session in 0..u32::try_from(wants.sessions()).unwrap() {
                let chain: Vec<_> = wants.of_session(session).map(|(number, _)| number).collect();
                prop_assert!(chain.is_sorted());
                prop_assert_eq!(chain.len(), wants.count_of(session) as usize);
                prop_assert_eq!(chain.first().copied(), Some(wants.first_of(session)));
                prop_assert_eq!(chain.last().copied(), Some(wants.last_of(session)));
                chained.extend(chain);
            }
            chained.sort_unstable();
            prop_assert_eq!(chained, (0..u32::try_from(wants.len()).unwrap()).collect::<Vec<_>>());
        }
    }
}
