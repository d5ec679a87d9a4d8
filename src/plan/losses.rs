//! Which ids are lost: what `--max-failures` counts and the display shows.
//!
//! A request that failed need not be an id that is lost. A page is asked for again in another size; who is
//! missing from the pages may have details; an id that the API does not know may be an enrolment id on a
//! page to come. So an id is lost once nothing is left to ask about it.
//! Guarantees: each id once, as one row of `failures` stands for it. What is marked of a want is a byte.
//! Not here: why it is lost, and records that name nobody (`tables`).

use super::listing::{Listing, Progress};
use super::planner::Planner;
use super::wants::{SessionNo, Want, WantKind, WantNo};
use crate::config::FetchMode;
use crate::model::IdKey;
use crate::wire::Listed;

/// Ids of a session that the API does not know after which its pages are read at once, so that a list of
/// wrong ids ends early. Fewer wait for the session's other wants: pages take memory.
const MANY_UNKNOWN: usize = 4;

/// What is to be remembered of a want.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// The API does not know this id: perhaps an enrolment id.
    Unknown = 1,
    /// Someone on a page has it as an enrolment id, or as the id that is asked for.
    Named = 2,
    /// It was counted.
    Lost = 4,
    /// The report of this pair failed; its details may have the statistics.
    Unreported = 8,
}

/// What is remembered of each want.
#[derive(Debug)]
pub(super) struct Marks(Vec<u8>);

impl Marks {
    pub(super) fn new(wants: usize) -> Self {
        Self(vec![0; wants])
    }

    /// Sets a mark; whether it is new.
    pub(super) fn set(&mut self, want: WantNo, mark: Mark) -> bool {
        let is_new = !self.has(want, mark);
        self.0[want as usize] |= mark as u8;
        is_new
    }

    fn clear(&mut self, want: WantNo, mark: Mark) {
        self.0[want as usize] &= !(mark as u8);
    }

    pub(super) fn has(&self, want: WantNo, mark: Mark) -> bool {
        self.0[want as usize] & mark as u8 != 0
    }
}

impl Planner {
    /// Takes in who is on a page: which wants it names, and whom a request of their own may follow for.
    pub(super) fn note_listed(&mut self, session: SessionNo, listed: &[Listed]) {
        let needs_list = self.wants.needs_list(session);
        let keeps_directory = self.options.mode == FetchMode::Detail || self.has_statistics();
        let number = |kind, key| self.wants.number(Want { session, kind, key });
        let everyone = needs_list && number(WantKind::Everyone, IdKey::from_bytes([0; 16])).is_some();
        let Some(job) = self.jobs.get_mut(&session) else { return };
        for person in listed {
            let ids = [
                (WantKind::Participant, person.user),
                (WantKind::User, person.user),
                (WantKind::Custom, person.custom),
            ];
            let mut is_named = false;
            for (kind, key) in ids.into_iter().take(if needs_list { 3 } else { 1 }) {
                if let Some(want) = key.and_then(|key| number(kind, key)) {
                    self.marks.set(want, Mark::Named);
                    is_named = true;
                }
            }
            if keeps_directory && (everyone || is_named) {
                job.directory.push(*person);
            }
        }
    }

    /// Whether a pair has this mark.
    pub(super) fn is_marked(&self, session: SessionNo, participant: IdKey, mark: Mark) -> bool {
        self.wants.participant(session, participant).is_some_and(|want| self.marks.has(want, mark))
    }

    /// Marks a pair.
    pub(super) fn mark(&mut self, session: SessionNo, participant: IdKey, mark: Mark) {
        if let Some(want) = self.wants.participant(session, participant) {
            self.marks.set(want, mark);
        }
    }

    /// Statistics of a pair came after all.
    pub(super) fn clear_unreported(&mut self, session: SessionNo, participant: IdKey) {
        if let Some(want) = self.wants.participant(session, participant) {
            self.marks.clear(want, Mark::Unreported);
        }
    }

    /// The session's pairs whose ids the API does not know.
    fn unknown(&self, session: SessionNo) -> impl Iterator<Item = WantNo> + '_ {
        let wants = self.wants.of_session(session).map(|(want, _)| want);
        wants.filter(|want| self.marks.has(*want, Mark::Unknown))
    }

    pub(super) fn has_unknown(&self, session: SessionNo) -> bool {
        self.unknown(session).next().is_some()
    }

    /// Asks for the next page without waiting for anything else, where so many ids are unknown that only
    /// pages can tell whether they are lost.
    pub(super) fn list_early(&mut self, session: SessionNo) {
        let Some(job) = self.jobs.get(&session) else { return };
        let is_open = job.listing.as_ref().is_none_or(|listing| listing.progress() == Progress::Open);
        if is_open && !job.awaits_page && self.unknown(session).nth(MANY_UNKNOWN - 1).is_some() {
            self.ask_page(session);
        }
    }

    /// A request about a participant failed for good.
    pub(super) fn lose(&mut self, session: SessionNo, participant: IdKey) {
        let want = self.wants.participant(session, participant);
        self.lost += u64::from(want.is_none_or(|want| self.marks.set(want, Mark::Lost)));
    }

    /// The API does not know a participant. Where the pages were read it is lost, unless they have it.
    pub(super) fn lose_unknown(&mut self, session: SessionNo, participant: IdKey) {
        let is_pair = self.wants.participant(session, participant).is_some();
        let is_read = self.listing(session).is_some_and(|listing| listing.progress() != Progress::Open);
        // Who is no pair was found on a page, which is its record unless details are.
        let is_lost = if is_pair {
            is_read && !self.is_had(session, participant)
        } else {
            self.options.mode == FetchMode::Detail
        };
        if is_lost {
            self.lose(session, participant);
        }
    }

    /// The pages were read: what can only be had from them, and is not there, is lost.
    pub(super) fn lose_unlisted(&mut self, session: SessionNo) {
        let listing = self.listing(session).map(Listing::progress);
        self.lose_wants(session, |this, number, want| match want.kind {
            WantKind::Everyone => matches!(listing, Some(Progress::Broken | Progress::Short)),
            WantKind::User | WantKind::Custom => !this.marks.has(number, Mark::Named),
            WantKind::Participant => this.marks.has(number, Mark::Unknown) && !this.is_had(session, want.key),
        });
    }

    /// Nothing is left to ask about a session: pairs that it lacks are lost.
    pub(super) fn lose_rest(&mut self, session: SessionNo) {
        let by_pages = self.options.mode != FetchMode::Detail && !self.has_statistics();
        let job = self.jobs.get(&session);
        let pages_decide = by_pages && job.is_some_and(|job| job.listing.is_some() && !job.asked_details);
        self.lose_wants(session, |this, number, want| {
            let has = |mark| this.marks.has(number, mark);
            let lacks_record = (pages_decide || has(Mark::Unknown)) && !this.is_had(session, want.key);
            // An enrolment id stands for others, who were asked in its place.
            let lacks_report = has(Mark::Unreported) && !(has(Mark::Unknown) && has(Mark::Named));
            want.kind == WantKind::Participant && (lacks_record || lacks_report)
        });
    }

    fn lose_wants(&mut self, session: SessionNo, is_lost: impl Fn(&Self, WantNo, Want) -> bool) {
        let wants = self.wants.of_session(session);
        let lost = wants.filter(|(number, want)| is_lost(self, *number, *want)).map(|(number, _)| number);
        for number in lost.collect::<Vec<_>>() {
            self.lost += u64::from(self.marks.set(number, Mark::Lost));
        }
    }

    /// Whether a pair is on the pages read so far: by its own id where pages are records, or as an
    /// enrolment id.
    fn is_had(&self, session: SessionNo, participant: IdKey) -> bool {
        let is_record = self.options.mode != FetchMode::Detail
            && self.listing(session).is_some_and(|listing| listing.has(participant));
        is_record || self.is_marked(session, participant, Mark::Named)
    }

    fn listing(&self, session: SessionNo) -> Option<&Listing> {
        self.jobs.get(&session).and_then(|job| job.listing.as_ref())
    }
}
