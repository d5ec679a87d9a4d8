//! What the first page of a session tells before a run: how many there are, and of those on it how long.
//!
//! In: the page's body, what is asked for of the session. Out: a [`Census`].
//! Guarantees: only who is asked for is counted; minutes are exact. What the page does not show is not
//! guessed.
//! Not here: asking for the page, what follows from it (`forecast`).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::wants::{SessionNo, Want, WantKind, Wants};
use crate::model::{IdKey, Minutes};
use crate::wire::{
    BadBody, Expected, Keys, Listed, Object, PageSummary, Raw, each_object, elements, is_null, text,
};

/// What the first page of a session's participants shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Participants of the session, as the page says.
    pub total: Option<u64>,
    /// Records on it.
    pub listed: u64,
    /// Of the participants asked for by id, those on it.
    pub asked: u64,
    /// Others on it that are asked for by another id of theirs.
    pub matched: u64,
    /// Whether anybody on it has not left.
    pub live: bool,
    /// What is known of those on it who are asked for.
    pub usage: Usage,
}

/// What is known of participants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many.
    pub participants: u64,
    /// Bytes of their records.
    pub bytes: u64,
    /// Of them those whose events came.
    pub with_events: u64,
    /// Their events.
    pub events: u64,
    /// Minutes consumed in 10⁻⁹ minute, by view type; the last that an event of the participant names, as
    /// in the rollups.
    pub minutes: BTreeMap<Option<String>, i128>,
}

impl Census {
    /// Reads a page.
    ///
    /// # Errors
    /// [`BadBody`] where the body is no page of participants.
    pub fn read(body: &[u8], wants: &Wants, session: SessionNo) -> Result<Self, BadBody> {
        let summary = PageSummary::parse(body)?;
        let mut census = Self::of(&summary, wants, session);
        let page = Expected::Participants.find(body)?;
        let records = elements(page.value).unwrap_or_default();
        let everyone = wants.of_session(session).any(|(_, want)| want.kind == WantKind::Everyone);
        for (record, listed) in records.into_iter().zip(&summary.listed) {
            let Some(object) = Object::parse(record) else { continue };
            census.live |= object.get("left_at").is_none_or(is_null);
            if everyone || is_asked(wants, session, listed) || is_matched(wants, session, listed) {
                census.usage.add(record, &object);
            }
        }
        Ok(census)
    }

    /// What the ids on a page tell.
    #[must_use]
    pub fn of(page: &PageSummary, wants: &Wants, session: SessionNo) -> Self {
        let mut census =
            Self { total: page.paging.total, listed: page.listed.len() as u64, ..Self::default() };
        let mut seen = HashSet::new();
        for listed in page.listed.iter().filter(|listed| listed.id.is_none_or(|id| seen.insert(id))) {
            if is_asked(wants, session, listed) {
                census.asked += 1;
            } else if is_matched(wants, session, listed) {
                census.matched += 1;
            }
        }
        census
    }

    /// Participants of the session that are not on the page; `None` where it does not tell.
    #[must_use]
    pub fn unseen(&self) -> Option<u64> {
        // Without a total, only a page of nobody is known to be the last.
        self.total.map(|total| total.saturating_sub(self.listed)).or((self.listed == 0).then_some(0))
    }
}

/// Whether a person is asked for by the participant's own id.
fn is_asked(wants: &Wants, session: SessionNo, listed: &Listed) -> bool {
    listed.id.is_some_and(|id| wants.participant(session, id).is_some())
}

/// Whether a person is asked for by another id; an enrolment id may stand where the participant's should.
fn is_matched(wants: &Wants, session: SessionNo, listed: &Listed) -> bool {
    let wanted =
        |kind, key: Option<IdKey>| key.is_some_and(|key| wants.number(Want { session, kind, key }).is_some());
    wanted(WantKind::User, listed.user)
        || wanted(WantKind::Participant, listed.user)
        || wanted(WantKind::Custom, listed.custom)
}

impl Usage {
    /// Adds what is known of others.
    pub fn merge(&mut self, other: Self) {
        self.participants += other.participants;
        self.bytes += other.bytes;
        self.with_events += other.with_events;
        self.events += other.events;
        for (view_type, minutes) in other.minutes {
            *self.minutes.entry(view_type).or_default() += minutes;
        }
    }

    fn add(&mut self, record: Raw<'_>, object: &Object<'_>) {
        self.participants += 1;
        self.bytes += record.get().len() as u64;
        let Some(list) = object.get("peer_events") else { return };
        let (mut events, mut minutes, mut view_type) = (0, None, None);
        let is_list = each_object(list, &mut Keys::default(), |event| {
            events += 1;
            let Ok(event) = event else { return };
            if let Some(consumed) = event.get("minutes_consumed").and_then(units) {
                *minutes.get_or_insert(0) += consumed;
            }
            view_type =
                event.get("preset_view_type").and_then(text).map(Cow::into_owned).or(view_type.take());
        });
        if !is_list {
            return;
        }
        self.with_events += 1;
        self.events += events;
        if let Some(minutes) = minutes {
            *self.minutes.entry(view_type).or_default() += minutes;
        }
    }
}

/// Minutes as written, in 10⁻⁹ minute.
fn units(value: Raw<'_>) -> Option<i128> {
    let quoted = text(value);
    let parsed = Minutes::parse(quoted.as_deref().unwrap_or(value.get())).ok()?;
    Some(i128::from(parsed.minutes.units()))
}
