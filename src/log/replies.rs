//! The log's replies by request: for each the one that rules.

use std::sync::Arc;

use super::block::{Location, State};
use super::entry::EntryAnswer;
use super::reader::{Entries, IndexEntry, Log};
use crate::error::Result;
use crate::model::{PageSize, ParticipantId, RequestKey};
use crate::plan::{Known, Outcome, SessionNo, Wants};

/// A reply that rules: how it ended and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// How it ended.
    pub state: State,
    /// Where its line stands.
    pub location: Location,
}

/// A page's ruling reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRuling {
    /// The page's number, from 1.
    pub page_no: u32,
    /// In which size it was asked for.
    pub size: PageSize,
    /// The reply.
    pub reply: Ruling,
}

/// What the exchange with the API took, over all runs of the export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests sent.
    pub sent: u64,
    /// Replies that were what was asked for.
    pub ok: u64,
    /// Requests sent again for another reason than a 429.
    pub retried: u64,
    /// Requests that met a 429.
    pub rate_limited: u64,
}

/// All replies of a log, by request. Details of listed pairs cost 8 bytes each; others are sorted.
#[derive(Debug)]
pub struct Replies {
    /// By want number.
    details: Vec<u64>,
    /// Details of participants that no row names.
    other_details: Vec<(SessionNo, [u8; 16], Ruling)>,
    pages: Vec<(SessionNo, PageRuling)>,
    sessions: Vec<(SessionNo, Ruling)>,
    /// Pages of the app's sessions.
    sessions_pages: Vec<PageRuling>,
    counts: RequestCounts,
}

/// No reply.
const NONE: u64 = u64::MAX;

impl Replies {
    /// No replies at all.
    #[must_use]
    pub fn none(wants: &Wants) -> Self {
        Self {
            details: vec![NONE; wants.len()],
            other_details: Vec::new(),
            pages: Vec::new(),
            sessions: Vec::new(),
            sessions_pages: Vec::new(),
            counts: RequestCounts::default(),
        }
    }

    /// Finds the replies of a log to what is wanted.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn load(log: &Log, wants: &Wants) -> Result<Self> {
        let mut replies = Self::none(wants);
        log.each_reply(|entry| replies.add(wants, entry))?;
        // Stable sorts: of one key the last logged is the last of its run, and rules.
        replies.other_details.sort_by_key(|(session, id, _)| (*session, *id));
        keep_last(&mut replies.other_details, |(session, id, _)| (*session, *id));
        replies.sessions.sort_by_key(|(session, _)| *session);
        keep_last(&mut replies.sessions, |(session, _)| *session);
        // A page that came rules over a refusal of another size.
        replies
            .pages
            .sort_by_key(|(session, page)| (*session, page.page_no, page.reply.state == State::Found));
        keep_last(&mut replies.pages, |(session, page)| (*session, page.page_no));
        replies.sessions_pages.sort_by_key(|page| (page.page_no, page.reply.state == State::Found));
        keep_last(&mut replies.sessions_pages, |page| page.page_no);
        Ok(replies)
    }

    fn add(&mut self, wants: &Wants, entry: IndexEntry) {
        let (attempts, rate_limited) = (u64::from(entry.attempts), u64::from(entry.rate_limited));
        self.counts.sent += attempts;
        self.counts.ok += u64::from(entry.state == State::Found);
        self.counts.retried += attempts.saturating_sub(1 + rate_limited);
        self.counts.rate_limited += rate_limited;
        let reply = Ruling { state: entry.state, location: entry.location };
        if let RequestKey::Sessions { page_no, size } = entry.key {
            self.sessions_pages.push(PageRuling { page_no, size, reply });
        }
        let Some(session) = entry.key.session().and_then(|id| wants.session_number(id)) else { return };
        match entry.key {
            RequestKey::Details { participant, .. } => match wants.participant(session, participant.into()) {
                Some(want) => self.details[want as usize] = pack(reply),
                None => self.other_details.push((session, participant.to_bytes(), reply)),
            },
            RequestKey::Page { page_no, size, .. } => {
                self.pages.push((session, PageRuling { page_no, size, reply }));
            }
            RequestKey::Session { .. } => self.sessions.push((session, reply)),
            RequestKey::Sessions { .. } => {}
        }
    }

    /// What the exchange took.
    #[must_use]
    pub const fn counts(&self) -> RequestCounts {
        self.counts
    }

    /// The reply to a details request.
    #[must_use]
    pub fn details(&self, wants: &Wants, session: SessionNo, participant: ParticipantId) -> Option<Ruling> {
        if let Some(want) = wants.participant(session, participant.into()) {
            return unpack(self.details[want as usize]);
        }
        let key = (session, participant.to_bytes());
        let place = self.other_details.binary_search_by_key(&key, |(session, id, _)| (*session, *id)).ok()?;
        Some(self.other_details[place].2)
    }

    /// The pages of a session, by number.
    pub fn pages(&self, session: SessionNo) -> impl Iterator<Item = PageRuling> + '_ {
        let from = self.pages.partition_point(|(number, _)| *number < session);
        self.pages[from..].iter().take_while(move |(number, _)| *number == session).map(|(_, page)| *page)
    }

    /// The pages of the app's sessions, by number.
    #[must_use]
    pub fn sessions_pages(&self) -> &[PageRuling] {
        &self.sessions_pages
    }

    /// The reply to a session request.
    #[must_use]
    pub fn session(&self, session: SessionNo) -> Option<Ruling> {
        let place = self.sessions.binary_search_by_key(&session, |(number, _)| *number).ok()?;
        Some(self.sessions[place].1)
    }
}

/// Keeps the last of each run of one key.
fn keep_last<T, K: PartialEq>(sorted: &mut Vec<T>, key: impl Fn(&T) -> K) {
    sorted.reverse();
    sorted.dedup_by(|later, kept| key(later) == key(kept));
    sorted.reverse();
}

/// A ruling in eight bytes: the state in the two highest bits, which no block number reaches.
const fn pack(reply: Ruling) -> u64 {
    let state = match reply.state {
        State::Found => 0,
        State::NotFound => 1,
        State::Failed => 2,
        State::AskAgain => 3,
    };
    (state << 62) | ((reply.location.block() as u64) << 32) | reply.location.offset() as u64
}

const fn unpack(packed: u64) -> Option<Ruling> {
    if packed == NONE {
        return None;
    }
    let state = match packed >> 62 {
        0 => State::Found,
        1 => State::NotFound,
        2 => State::Failed,
        _ => State::AskAgain,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a u64")]
    let location = Location::new((packed >> 32) as u32 & 0x3FFF_FFFF, packed as u32);
    Some(Ruling { state, location })
}

/// The log as the planner's memory of earlier runs.
#[derive(Debug)]
pub struct KnownReplies {
    wants: Arc<Wants>,
    replies: Replies,
    entries: Entries,
}

impl KnownReplies {
    /// The answers of a log to what is wanted.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn load(log: &Log, wants: Arc<Wants>) -> Result<Self> {
        Ok(Self { replies: Replies::load(log, &wants)?, entries: log.entries()?, wants })
    }

    /// The answer to a page's request, where its ruling reply is one.
    fn page(
        &mut self,
        ruling: Option<PageRuling>,
        asked: PageSize,
        request: impl FnOnce(PageSize) -> RequestKey,
    ) -> Result<Option<(RequestKey, Outcome)>> {
        let rules = |page: &PageRuling| match page.reply.state {
            State::Found => true,
            State::AskAgain => false,
            State::NotFound | State::Failed => page.size == asked,
        };
        let Some(page) = ruling.filter(rules) else { return Ok(None) };
        let request = request(page.size);
        let block = self.entries.block(page.reply.location)?;
        let outcome = match self.entries.parse(&block, page.reply.location)?.answer {
            EntryAnswer::Found(body) => Outcome::found(&request, body.get().as_bytes()),
            EntryAnswer::Failed { http_status, .. } => Outcome::Failed { http_status },
        };
        Ok(Some((request, outcome)))
    }
}

impl Known for KnownReplies {
    fn answer(&mut self, request: &RequestKey) -> Result<Option<(RequestKey, Outcome)>> {
        if let RequestKey::Sessions { page_no, size } = *request {
            let ruling = self.replies.sessions_pages().iter().find(|page| page.page_no == page_no).copied();
            return self.page(ruling, size, |size| RequestKey::Sessions { page_no, size });
        }
        let number = request.session().and_then(|session| self.wants.session_number(session));
        let Some(number) = number else { return Ok(None) };
        let reply = match *request {
            RequestKey::Details { participant, .. } => self.replies.details(&self.wants, number, participant),
            RequestKey::Session { .. } => self.replies.session(number),
            RequestKey::Page { session, page_no, size } => {
                let ruling = self.replies.pages(number).find(|page| page.page_no == page_no);
                return self.page(ruling, size, |size| RequestKey::Page { session, page_no, size });
            }
            RequestKey::Sessions { .. } => None,
        };
        Ok(reply.and_then(|reply| {
            let outcome = match reply.state {
                State::Found => Outcome::Found,
                State::NotFound => Outcome::NotFound,
                State::Failed => Outcome::Failed { http_status: None },
                State::AskAgain => return None,
            };
            Some((*request, outcome))
        }))
    }
}
