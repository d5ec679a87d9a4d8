//! The log's replies by request: for each the one that rules.
//!
//! A listed pair has one reply, to its details or its peer report, in eight bytes by its number; only
//! where both were asked for the second one costs twelve bytes more.

use std::sync::Arc;

use super::block::{Location, State};
use super::entries::Entries;
use super::entry::EntryAnswer;
use super::reader::{IndexEntry, Log};
use crate::error::Result;
use crate::model::{PageSize, ParticipantId, RequestKey};
use crate::plan::{Evidence, Known, Outcome, SessionNo, WantNo, Wants};
use crate::wire::Gave;

/// A reply that rules: how it ended and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// How it ended.
    pub state: State,
    /// What it gave.
    pub gave: Gave,
    /// Where its line stands.
    pub location: Location,
}

/// A page's ruling reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRuling {
    /// The page's number, from 1; 0 where the server may count from 0 (`plan::listing`).
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

/// The two kinds of requests about one participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Details,
    PeerReport,
}

/// All replies of a log, by request.
#[derive(Debug)]
pub struct Replies {
    /// Of listed pairs, by want number: the kind of reply that came first.
    first: Vec<u64>,
    /// Of listed pairs that have both kinds: the other one, in halves.
    second: Vec<(WantNo, [u32; 2])>,
    /// Of participants that no row names.
    others: Vec<(SessionNo, [u8; 16], Kind, Ruling)>,
    evidence: Evidence,
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
            first: vec![NONE; wants.len()],
            second: Vec::new(),
            others: Vec::new(),
            evidence: Evidence::default(),
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
        replies.others.sort_by_key(|(session, id, kind, _)| (*session, *id, *kind));
        keep_last(&mut replies.others, |(session, id, kind, _)| (*session, *id, *kind));
        replies.second.sort_by_key(|(want, _)| *want);
        keep_last(&mut replies.second, |(want, _)| *want);
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
        let reply = Ruling { state: entry.state, gave: entry.gave, location: entry.location };
        if let RequestKey::Sessions { page_no, size } = entry.key {
            self.sessions_pages.push(PageRuling { page_no, size, reply });
        }
        let Some(session) = entry.key.session().and_then(|id| wants.session_number(id)) else { return };
        match entry.key {
            RequestKey::Details { participant, .. } => {
                self.evidence.add_details(reply.state == State::Found, reply.gave);
                self.add_own(wants, session, participant, Kind::Details, reply);
            }
            RequestKey::PeerReport { participant, .. } => {
                self.evidence.add_report(reply.gave);
                self.add_own(wants, session, participant, Kind::PeerReport, reply);
            }
            RequestKey::Page { page_no, size, .. } => {
                self.pages.push((session, PageRuling { page_no, size, reply }));
            }
            RequestKey::Session { .. } => self.sessions.push((session, reply)),
            RequestKey::Sessions { .. } => {}
        }
    }

    fn add_own(
        &mut self,
        wants: &Wants,
        session: SessionNo,
        participant: ParticipantId,
        kind: Kind,
        reply: Ruling,
    ) {
        let Some(want) = wants.participant(session, participant.into()) else {
            return self.others.push((session, participant.to_bytes(), kind, reply));
        };
        let first = &mut self.first[want as usize];
        if unpack(*first).is_none_or(|(known, _)| known == kind) {
            *first = pack(kind, reply);
        } else {
            let packed = pack(kind, reply);
            #[expect(clippy::cast_possible_truncation, reason = "the halves of a u64")]
            self.second.push((want, [(packed >> 32) as u32, packed as u32]));
        }
    }

    /// What the exchange took.
    #[must_use]
    pub const fn counts(&self) -> RequestCounts {
        self.counts
    }

    /// What the replies tell of where call statistics come from.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// The reply to a details request.
    #[must_use]
    pub fn details(&self, wants: &Wants, session: SessionNo, participant: ParticipantId) -> Option<Ruling> {
        self.own(wants, session, participant, Kind::Details)
    }

    /// The reply to a peer-report request.
    #[must_use]
    pub fn report(&self, wants: &Wants, session: SessionNo, participant: ParticipantId) -> Option<Ruling> {
        self.own(wants, session, participant, Kind::PeerReport)
    }

    /// The reply to the details request of a want for one participant.
    #[must_use]
    pub fn details_of(&self, want: WantNo) -> Option<Ruling> {
        self.of_want(want, Kind::Details)
    }

    /// The reply to the peer-report request of such a want.
    #[must_use]
    pub fn report_of(&self, want: WantNo) -> Option<Ruling> {
        self.of_want(want, Kind::PeerReport)
    }

    fn own(
        &self,
        wants: &Wants,
        session: SessionNo,
        participant: ParticipantId,
        kind: Kind,
    ) -> Option<Ruling> {
        let Some(want) = wants.participant(session, participant.into()) else {
            let key = (session, participant.to_bytes(), kind);
            let place =
                self.others.binary_search_by_key(&key, |(session, id, kind, _)| (*session, *id, *kind));
            return Some(self.others[place.ok()?].3);
        };
        self.of_want(want, kind)
    }

    fn of_want(&self, want: WantNo, kind: Kind) -> Option<Ruling> {
        let (known, reply) = unpack(self.first[want as usize])?;
        if known == kind {
            return Some(reply);
        }
        let place = self.second.binary_search_by_key(&want, |(want, _)| *want).ok()?;
        let [high, low] = self.second[place].1;
        unpack(u64::from(high) << 32 | u64::from(low)).map(|(_, reply)| reply)
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

/// A ruling and its kind in eight bytes: from the highest bit two for the state, one each for the kind
/// and what it gave; 27 for the block, of which there is one in five seconds or a thousand replies.
const fn pack(kind: Kind, reply: Ruling) -> u64 {
    let state = match reply.state {
        State::Found => 0,
        State::NotFound => 1,
        State::Failed => 2,
        State::AskAgain => 3,
    };
    let kind = matches!(kind, Kind::PeerReport) as u64;
    let gave = (reply.gave.statistics as u64) << 60 | (reply.gave.record as u64) << 59;
    state << 62 | kind << 61 | gave | (reply.location.block() as u64) << 32 | reply.location.offset() as u64
}

const fn unpack(packed: u64) -> Option<(Kind, Ruling)> {
    if packed == NONE {
        return None;
    }
    let state = match packed >> 62 {
        0 => State::Found,
        1 => State::NotFound,
        2 => State::Failed,
        _ => State::AskAgain,
    };
    let kind = if packed >> 61 & 1 == 1 { Kind::PeerReport } else { Kind::Details };
    let gave = Gave { statistics: packed >> 60 & 1 == 1, record: packed >> 59 & 1 == 1 };
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a u64")]
    let location = Location::new((packed >> 32) as u32 & 0x07FF_FFFF, packed as u32);
    Some((kind, Ruling { state, gave, location }))
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
        Ok(Self { replies: Replies::load(log, &wants)?, entries: log.entries(), wants })
    }

    /// The reply to a request that is no page's.
    fn ruling(&self, request: &RequestKey) -> Option<Ruling> {
        let number = self.wants.session_number(request.session()?)?;
        match *request {
            RequestKey::Details { participant, .. } => self.replies.details(&self.wants, number, participant),
            RequestKey::PeerReport { participant, .. } => {
                self.replies.report(&self.wants, number, participant)
            }
            RequestKey::Session { .. } => self.replies.session(number),
            RequestKey::Page { .. } | RequestKey::Sessions { .. } => None,
        }
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
            EntryAnswer::Found(body) => Outcome::found(&request, body.get().as_bytes(), page.reply.gave),
            EntryAnswer::Failed { http_status, .. } => Outcome::Failed { http_status },
        };
        Ok(Some((request, outcome)))
    }
}

impl Known for KnownReplies {
    fn has(&self, request: &RequestKey) -> bool {
        self.ruling(request).is_some_and(|reply| reply.state != State::AskAgain)
    }

    fn evidence(&self) -> Evidence {
        self.replies.evidence()
    }

    fn answer(&mut self, request: &RequestKey) -> Result<Option<(RequestKey, Outcome)>> {
        match *request {
            RequestKey::Sessions { page_no, size } => {
                let page = self.replies.sessions_pages().iter().find(|page| page.page_no == page_no).copied();
                self.page(page, size, |size| RequestKey::Sessions { page_no, size })
            }
            RequestKey::Page { session, page_no, size } => {
                let number = self.wants.session_number(session);
                let page =
                    number.and_then(|number| self.replies.pages(number).find(|page| page.page_no == page_no));
                self.page(page, size, |size| RequestKey::Page { session, page_no, size })
            }
            RequestKey::Details { .. } | RequestKey::PeerReport { .. } | RequestKey::Session { .. } => {
                Ok(self.ruling(request).and_then(|reply| {
                    let outcome = match reply.state {
                        State::Found => Outcome::Found(reply.gave),
                        State::NotFound => Outcome::NotFound,
                        State::Failed => Outcome::Failed { http_status: None },
                        State::AskAgain => return None,
                    };
                    Some((*request, outcome))
                }))
            }
        }
    }
}
