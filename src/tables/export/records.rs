//! One participant's record, put together from its replies.
//!
//! The record is that of its details, else that on its page, else that of its peer report; the first
//! two are completed by the fields of the report that they lack, its call statistics among them. So the
//! rows are equal whichever way the participant was asked about.
//!
//! Where call statistics were asked for and none came, the participant is exported all the same. A
//! reply that failed may be had on another try: it is a row of `failures`, which fed back as a list
//! asks for this participant again. A participant that has none, or whose report the API does not know, is a
//! warning.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::columns::Columns;
use super::super::failures::Failed;
use super::super::found::{Found, found};
use super::super::participants::Context;
use super::super::peer_events::PeerEventRows;
use super::super::schema::Table;
use super::super::session_pages::{Person, SessionPages};
use super::super::warnings::Notice;
use super::{Export, Fate, Origin};
use crate::error::Result;
use crate::log::{Entry, Location, Ruling, State};
use crate::model::ParticipantId;
use crate::plan::{SessionNo, WantKind, WantNo};
use crate::wire::{Expected, Keys, has_statistics, is_of_session, text};

/// Somebody to be added.
pub(super) struct Who<'p> {
    /// For which want.
    pub(super) number: WantNo,
    pub(super) session: SessionNo,
    pub(super) participant: ParticipantId,
    /// The replies to its own requests.
    pub(super) own: Own,
    /// Where its record is on a page, if pages hold records.
    pub(super) page: Option<(&'p SessionPages, Person)>,
}

/// The replies to requests about one participant alone.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) details: Option<Ruling>,
    pub(super) report: Option<Ruling>,
}

/// A record, and when it came.
struct Came<'a> {
    found: Found<'a>,
    at: DateTime<Utc>,
}

impl Export<'_> {
    /// The replies to a participant's own requests.
    pub(super) fn own(&self, session: SessionNo, participant: ParticipantId) -> Own {
        let report = || self.input.replies.report(self.input.wants, session, participant);
        Own {
            details: self.input.replies.details(self.input.wants, session, participant),
            report: if self.statistics.is_some() { report() } else { None },
        }
    }

    /// The same of a want for one participant.
    pub(super) fn own_of(&self, want: WantNo) -> Own {
        Own {
            details: self.input.replies.details_of(want),
            report: if self.statistics.is_some() { self.input.replies.report_of(want) } else { None },
        }
    }

    /// Adds a participant; gives by which id the API found it, and `None` where no reply has its record.
    pub(super) fn add_whole(
        &mut self,
        who: &Who<'_>,
        origin: Origin<'_>,
    ) -> Result<Option<(Fate, WantKind)>> {
        let own = who.own;
        let details = self.open(own.details)?;
        let report = self.open(own.report)?;
        let report = match &report {
            Some((block, at)) => {
                let entry = self.cache.entries.parse(block, *at)?;
                self.report(who, &entry)
            }
            None => None,
        };
        if let Some((block, at)) = &details {
            let entry = self.cache.entries.parse(block, *at)?;
            let keys = &mut self.participants.habits.keys;
            let Some(found) = found(&entry.answer, Expected::Participant, keys, &mut self.sums.warnings)
            else {
                self.fail_participant(who, &Failed::of(entry), origin);
                return Ok(Some((Fate::Failure, WantKind::Participant)));
            };
            let details = Came { found, at: entry.arrived_at };
            return self.add_own(who, own, details, report, origin).map(Some);
        }
        if let Some((pages, person)) = who.page {
            let (location, place) = pages.place(person);
            let Some(page) = self.cache.page(location)? else { return Ok(None) };
            self.sums.from_pages += u64::from(self.saves_details(own));
            let found = Found { object: page.object(place).unwrap_or_default(), others: Vec::new() };
            let record = Came { found, at: page.fetched_at };
            self.add_record(who, own, None, record, report, origin)?;
            return Ok(Some((Fate::Row, WantKind::Participant)));
        }
        match report {
            Some(report) => self.add_own(who, own, report, None, origin).map(Some),
            None => Ok(None),
        }
    }

    /// The block in which a reply stands that came.
    fn open(&mut self, reply: Option<Ruling>) -> Result<Option<(Arc<Vec<u8>>, Location)>> {
        match reply {
            Some(Ruling { state: State::Found, location, .. }) => {
                Ok(Some((self.cache.entries.block(location)?, location)))
            }
            _ => Ok(None),
        }
    }

    /// The record of a peer report, unless it is one of another session.
    fn report<'a>(&mut self, who: &Who<'_>, entry: &Entry<'a>) -> Option<Came<'a>> {
        let found =
            found(&entry.answer, Expected::PeerReport, &mut Keys::default(), &mut self.sums.warnings)?;
        let is_right = is_of_session(&found.object, self.input.wants.session_id(who.session));
        is_right.then_some(Came { found, at: entry.arrived_at })
    }

    /// Whether a page made a details request needless.
    const fn saves_details(&self, own: Own) -> bool {
        let reported = match own.report {
            Some(report) => report.gave.record && self.input.reports_are_records,
            None => false,
        };
        own.details.is_none() && !reported
    }

    /// Adds a participant from a reply of its own.
    fn add_own(
        &mut self,
        who: &Who<'_>,
        own: Own,
        record: Came<'_>,
        report: Option<Came<'_>>,
        origin: Origin<'_>,
    ) -> Result<(Fate, WantKind)> {
        let mut matched = WantKind::Participant;
        let participant_id = who.participant.to_string();
        if let Some(other) = record.found.other_id(who.participant) {
            self.note_other(&participant_id, &record.found);
            if !self.claim(who.number, who.session, other) {
                return Ok((Fate::Nothing, matched));
            }
            matched = record.found.matched(who.participant);
        }
        self.add_record(who, own, Some(&participant_id), record, report, origin)?;
        Ok((Fate::Row, matched))
    }

    fn note_other(&mut self, participant_id: &str, found: &Found<'_>) {
        let example = || format!("asked for {participant_id}, got {}", found.shown_id());
        self.sums.warnings.note(Notice::OtherParticipant, Table::Participants, "id", example);
    }

    /// Adds a record, completed by a report.
    fn add_record(
        &mut self,
        who: &Who<'_>,
        own: Own,
        asked_for: Option<&str>,
        record: Came<'_>,
        report: Option<Came<'_>>,
        origin: Origin<'_>,
    ) -> Result<()> {
        let Came { mut found, at } = record;
        if let Some(Came { found: report, .. }) = report {
            if report.other_id(who.participant).is_some() {
                self.note_other(&who.participant.to_string(), &report);
            }
            found.object.complete(report.object);
            for (path, value) in report.others {
                if found.others.iter().all(|(known, _)| *known != path) {
                    found.others.push((path, value));
                }
            }
        }
        if self.statistics.is_some() && !has_statistics(&found.object) {
            let id = found.object.get("id").and_then(text).unwrap_or_default().into_owned();
            self.tell_missing(who, &id, own, origin)?;
        }
        let session_id = self.input.wants.session_id(who.session).to_string();
        let context = Context {
            session_id: &session_id,
            asked_for,
            origin: origin.map(|(file, row)| (file, row.row_number)),
            fetched_at: at,
        };
        let habits = &mut self.peer_event_habits;
        let mut events = PeerEventRows { columns: &mut self.peer_events, habits, hand: self.hand };
        let (statistics, warnings) = (self.statistics.as_mut(), &mut self.sums.warnings);
        self.participants.add(&context, found.object, &found.others, &mut events, statistics, warnings)?;
        self.hand_on(Columns::is_full)
    }

    /// Tells why an exported participant has no call statistics.
    fn tell_missing(&mut self, who: &Who<'_>, id: &str, own: Own, origin: Origin<'_>) -> Result<()> {
        let failed = |reply: &Ruling| matches!(reply.state, State::Failed | State::AskAgain);
        if let Some(reply) = [own.report, own.details].into_iter().flatten().find(failed) {
            let failed = self.cache.failed(reply.location)?;
            let message = format!("no call statistics: {}", failed.message);
            self.fail_participant(who, &Failed { message, ..failed }, origin);
            return Ok(());
        }
        let why = match (own.report.map(|report| report.state), own.details) {
            (Some(State::NotFound), _) => "the API knows no peer report of it",
            (Some(_), _) => "its peer report holds none",
            (None, Some(_)) => "its details hold none",
            (None, None) => "its id is none to ask for",
        };
        let session = self.input.wants.session_id(who.session);
        let example = || format!("participant {id} of session {session}: {why}");
        self.sums.warnings.note(Notice::NoStatistics, Table::CallStats, "", example);
        Ok(())
    }

    /// A failure of one participant.
    pub(super) fn fail_participant(&mut self, who: &Who<'_>, failed: &Failed, origin: Origin<'_>) {
        let session_id = self.input.wants.session_id(who.session).to_string();
        self.failures.add(Some(&session_id), Some(&who.participant.to_string()), origin, failed);
    }
}
