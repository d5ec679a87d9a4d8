//! Requests about one participant each, where call statistics are asked for.
//!
//! Pages carry none, so every participant is asked: by its details where they answer filters, else by
//! its peer report ([`Source`](super::source::Source) tells which). Pages find the ids of those whom no
//! row names by id; with `--fetch list` they are the records too, and the reports give statistics only.
//!
//! A peer report is a record as well. Where it gives none (unknown, failed, another session's, or without
//! the peer events that are wanted), the participant is fetched as without statistics: by details, or by
//! a page where that is fewer. An id that the API does not know may be an enrolment id: the session is
//! listed, and whoever has it is asked.

use std::collections::HashSet;

use super::asks::Outcome;
use super::listing::{Listing, Progress};
use super::losses::Mark;
use super::planner::Planner;
use super::source::Endpoint;
use super::wants::{SessionNo, WantKind};
use crate::config::FetchMode;
use crate::model::{IdKey, ParticipantId, RequestKey};
use crate::wire::Listed;

impl Planner {
    /// Whether call statistics are asked for.
    pub(super) const fn has_statistics(&self) -> bool {
        self.source.is_some()
    }

    /// Asks about a participant once it is told where: at once, without statistics.
    pub(super) fn ask_participant(&mut self, session: SessionNo, participant: IdKey) {
        if self.has_statistics() {
            self.job(session).outstanding += 1;
            self.people.push_back((session, participant));
        } else {
            self.ask_details(session, participant);
        }
    }

    /// Turns the next participant into a request, if it is told where to ask; whether there was one.
    pub(super) fn ask_next_participant(&mut self) -> bool {
        if self.source.as_ref().is_some_and(super::source::Source::is_awaited) {
            return false;
        }
        let Some((session, participant)) = self.people.pop_front() else { return false };
        let details = self.details(session, participant);
        let report = self.report(session, participant);
        let Some(source) = &mut self.source else { return false };
        let by_report = match self.options.mode {
            FetchMode::Detail => false,
            FetchMode::List => true,
            // What an earlier run asked is not asked in another way.
            FetchMode::Auto => {
                self.known.has(&report)
                    || (!self.known.has(&details) && source.endpoint() == Some(Endpoint::PeerReport))
            }
        };
        source.ask(session, participant);
        self.ready.push_back(if by_report { report } else { details });
        true
    }

    /// After details came, or did not: a report where they carry no statistics and it may.
    pub(super) fn after_details(&mut self, session: SessionNo, participant: IdKey, outcome: &Outcome) {
        match outcome {
            Outcome::Found(gave) if gave.statistics => self.clear_unreported(session, participant),
            Outcome::Found(_) => {}
            Outcome::NotFound => {
                self.mark(session, participant, Mark::Unknown);
                self.lose_unknown(session, participant);
                self.list_early(session);
            }
            _ => self.lose(session, participant),
        }
        let Some(source) = &mut self.source else { return };
        let Some(job) = self.jobs.get_mut(&session) else { return };
        let lacks = matches!(outcome, Outcome::Found(gave) if !gave.statistics);
        let was_reported = job.unrecorded.contains(&participant);
        if !lacks || was_reported || source.endpoint() == Some(Endpoint::Details) {
            return source.answered(session, participant);
        }
        job.recorded.insert(participant);
        self.ask(session, self.report(session, participant));
    }

    /// After a report came, or did not: a listed pair may still want its record.
    pub(super) fn after_report(&mut self, session: SessionNo, participant: IdKey, outcome: &Outcome) {
        let Some(source) = &mut self.source else { return };
        source.answered(session, participant);
        let is_pair = self.wants.participant(session, participant).is_some();
        let gave_record = matches!(outcome, Outcome::Found(gave) if gave.record);
        let Some(job) = self.jobs.get_mut(&session) else { return };
        let was_recorded = job.recorded.remove(&participant);
        let is_unrecorded = self.options.mode == FetchMode::Auto && is_pair && !gave_record && !was_recorded;
        if is_unrecorded {
            job.unrecorded.insert(participant);
        }
        match outcome {
            Outcome::Failed { .. } if is_unrecorded => self.mark(session, participant, Mark::Unreported),
            Outcome::Failed { .. } => self.lose(session, participant),
            _ => {}
        }
    }

    /// With `auto`: everybody by a request of their own, pages where only they name ids.
    pub(super) fn step_people(&mut self, session: SessionNo) {
        let needs_list = self.wants.needs_list(session);
        let job = self.job(session);
        if !needs_list && !job.asked_people {
            job.asked_people = true;
            for pair in self.pairs(session) {
                self.ask_participant(session, pair);
            }
            return;
        }
        if needs_list || self.has_unknown(session) {
            match self.job(session).listing.as_ref().map(Listing::progress) {
                None | Some(Progress::Open) => return self.ask_page(session),
                Some(_) => self.ask_listed(session),
            }
        }
        if self.job(session).outstanding == 0 {
            self.ask_unrecorded(session);
        }
    }

    /// With `list`, once the pages are read: a report of everybody on them who is wanted.
    pub(super) fn step_reports(&mut self, session: SessionNo) {
        if self.job(session).outstanding == 0 {
            self.ask_listed(session);
        }
    }

    /// Asks everybody on the pages who is wanted and was not asked yet.
    fn ask_listed(&mut self, session: SessionNo) {
        if !std::mem::replace(&mut self.job(session).asked_people, true) {
            let mut absent = self.absent(session);
            for pair in self.pairs(session) {
                if self.is_listed(session, pair) {
                    self.ask_participant(session, pair);
                }
            }
            let listing = self.job(session).listing.as_ref().map(Listing::progress);
            if matches!(listing, Some(Progress::Broken | Progress::Short)) {
                // Who has such an id as an enrolment id is asked in its place.
                let (enrolled, others) =
                    absent.into_iter().partition(|pair| self.is_marked(session, *pair, Mark::Named));
                absent = enrolled;
                if self.options.mode == FetchMode::Auto {
                    for pair in others {
                        self.ask_participant(session, pair);
                    }
                }
            }
            for pair in absent {
                self.mark(session, pair, Mark::Unknown);
            }
        }
        for participant in self.matched_in_directory(session) {
            self.ask_participant(session, participant);
        }
    }

    /// Whom the directory gives for the wants that are no pairs, or pairs of enrolment ids; each once,
    /// in the API's order, without pairs, which were asked for already.
    pub(super) fn matched_in_directory(&mut self, session: SessionNo) -> Vec<IdKey> {
        let Some(job) = self.jobs.get_mut(&session) else { return Vec::new() };
        let mut everyone = false;
        let (mut users, mut customs) = (HashSet::new(), HashSet::new());
        for (number, want) in self.wants.of_session(session) {
            match want.kind {
                WantKind::Everyone => everyone = true,
                WantKind::User => _ = users.insert(want.key),
                WantKind::Custom => _ = customs.insert(want.key),
                WantKind::Participant if self.marks.has(number, Mark::Unknown) => _ = users.insert(want.key),
                WantKind::Participant => {}
            }
        }
        let is_wanted = |listed: &&Listed| {
            everyone
                || listed.user.is_some_and(|user| users.contains(&user))
                || listed.custom.is_some_and(|custom| customs.contains(&custom))
        };
        let directory = std::mem::take(&mut job.directory);
        let new = |id: &IdKey| self.wants.participant(session, *id).is_none() && job.matched.insert(*id);
        let listed = directory.iter().filter(is_wanted).filter_map(|listed| listed.participant);
        let found = listed.map(IdKey::from).filter(new).collect();
        if everyone {
            // Nobody is left to be found later.
            job.matched = HashSet::new();
        } else {
            job.directory = directory;
        }
        found
    }

    /// Fetches the records that no report gave, by details, or by pages where they are fewer.
    fn ask_unrecorded(&mut self, session: SessionNo) {
        let Some(job) = self.jobs.get(&session) else { return };
        if job.unrecorded.is_empty() || job.asked_details {
            return;
        }
        let mut lacking = self.absent(session);
        lacking.retain(|pair| job.unrecorded.contains(pair));
        let listing = job.listing.as_ref();
        let pages_left = listing.map_or(1, |listing| listing.pages_left().unwrap_or(1));
        let (first_page_pays, next_page_pays) = (lacking.len() > 1, pages_left <= lacking.len() as u64);
        match listing.map(Listing::progress) {
            _ if lacking.is_empty() => {}
            None if first_page_pays => self.ask_page(session),
            Some(Progress::Open) if next_page_pays => self.ask_page(session),
            // Nobody has such a participant id; perhaps someone has it as an enrolment id.
            Some(Progress::Complete) => {
                self.job(session).asked_details = true;
                for pair in lacking {
                    self.mark(session, pair, Mark::Unknown);
                }
                self.ask_listed(session);
            }
            _ => {
                self.job(session).asked_details = true;
                for pair in lacking {
                    self.ask_details(session, pair);
                }
            }
        }
    }

    /// The participants asked for by id.
    fn pairs(&self, session: SessionNo) -> Vec<IdKey> {
        let pairs = self.wants.of_session(session).filter(|(_, want)| want.kind == WantKind::Participant);
        pairs.map(|(_, want)| want.key).collect()
    }

    fn is_listed(&self, session: SessionNo, participant: IdKey) -> bool {
        let listing = self.jobs.get(&session).and_then(|job| job.listing.as_ref());
        listing.is_some_and(|listing| listing.has(participant))
    }

    /// The participants asked for by id that no page showed.
    pub(super) fn absent(&self, session: SessionNo) -> Vec<IdKey> {
        let mut pairs = self.pairs(session);
        pairs.retain(|pair| !self.is_listed(session, *pair));
        pairs
    }

    pub(super) fn details(&self, session: SessionNo, participant: IdKey) -> RequestKey {
        let participant = ParticipantId::from_bytes(participant.to_bytes());
        RequestKey::Details { session: self.wants.session_id(session), participant }
    }

    fn report(&self, session: SessionNo, participant: IdKey) -> RequestKey {
        let participant = ParticipantId::from_bytes(participant.to_bytes());
        RequestKey::PeerReport { session: self.wants.session_id(session), participant }
    }
}
