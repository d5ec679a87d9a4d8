//! The walk over the list rows, and then the window: finds each one's replies and fills all tables.
//!
//! Rows come in list order and wants are numbered in first-mention order, so a row is a first mention
//! exactly where its want is the next number. What a session-wide row exports is remembered while later
//! rows of the session may ask for the same people.

mod records;
mod window;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use chrono::{DateTime, Utc};

use self::records::{Own, Who};
use self::window::WindowRecords;
use super::columns::Columns;
use super::failures::{Failed, FailureRows};
use super::found::{Found, found};
use super::id_list::{self, FirstLabels, Status};
use super::participants::ParticipantRows;
use super::record::Habits;
use super::schema::{CallStatistics, Table};
use super::session_pages::{PageCache, Person, SessionPages};
use super::statistics::StatisticsRows;
use super::warnings::{Notice, Warnings, excerpt};
use super::{Hand, Made, sessions};
use crate::error::Result;
use crate::fetch::Reason;
use crate::lists::ListRow;
use crate::log::{Log, Replies, State};
use crate::model::{IdKey, ParticipantId, parse_time};
use crate::plan::{SessionNo, Want, WantKind, WantNo, Wants};
use crate::wire::{Expected, Keys};

/// The tables being made.
pub(super) struct Export<'a> {
    wants: &'a Wants,
    replies: &'a Replies,
    hand: Hand<'a>,
    cache: PageCache,
    list_files: Vec<Rc<str>>,
    /// When the export began: the time of failures for which nothing was sent.
    started_at: DateTime<Utc>,
    /// Whether pages hold the records; with `--fetch detail` they only name ids.
    pages_are_records: bool,
    /// Whether peer reports are asked for with peer events.
    reports_are_records: bool,
    participants: ParticipantRows,
    peer_events: Columns,
    peer_event_habits: Habits,
    sessions: Columns,
    id_list: Columns,
    labels: Columns,
    failures: FailureRows,
    /// Where call statistics were asked for.
    statistics: Option<StatisticsRows>,
    warnings: Warnings,
    window: WindowRecords,
    /// The next want to be mentioned for the first time.
    next_want: WantNo,
    /// Of each want's first row.
    first_labels: FirstLabels,
    /// Who was exported other than by a want of its own, for sessions with wants to come.
    exported: HashMap<SessionNo, HashSet<IdKey>>,
    /// Sessions whose pages' oddities were noted; empty while no pages were needed.
    noted_pages: Vec<bool>,
    from_pages: u64,
    /// Pages asked for in place of details.
    pages_for_details: u64,
}

/// A list row's file name and the row; `None` for the window.
type Origin<'a> = Option<(&'a str, &'a ListRow)>;

impl<'a> Export<'a> {
    pub(super) fn new(log: &Log, wants: &'a Wants, replies: &'a Replies, hand: Hand<'a>) -> Result<Self> {
        let head = log.head();
        let lists = log.lists().map(|lists| lists.lists.as_slice()).unwrap_or_default();
        Ok(Self {
            wants,
            replies,
            hand,
            cache: PageCache::new(log.entries()?),
            list_files: lists.iter().map(|list| Rc::from(list.path.as_str())).collect(),
            started_at: parse_time(&head.started_at).unwrap_or_default(),
            pages_are_records: head.settings.fetch != "detail",
            reports_are_records: head.settings.fetch == "auto",
            participants: ParticipantRows::new(),
            peer_events: Columns::new(Table::PeerEvents),
            peer_event_habits: Habits::default(),
            sessions: Columns::new(Table::Sessions),
            id_list: Columns::new(Table::IdList),
            labels: Columns::new(Table::Labels),
            failures: FailureRows::new(),
            statistics: (CallStatistics::of(&head.settings.filters) == CallStatistics::Included)
                .then(StatisticsRows::new),
            warnings: Warnings::default(),
            window: WindowRecords::find(log, wants, replies)?,
            next_want: 0,
            first_labels: FirstLabels::default(),
            exported: HashMap::new(),
            noted_pages: Vec::new(),
            from_pages: 0,
            pages_for_details: 0,
        })
    }

    /// Adds everything that a list row asks for.
    pub(super) fn add_row(&mut self, row: &ListRow) -> Result<()> {
        let list_file = self.list_files.get(row.file).cloned().unwrap_or_default();
        let origin = Some((&*list_file, row));
        id_list::add_labels(&mut self.labels, &list_file, row);
        let want = row.asked.as_ref().ok().and_then(|asked| self.wants.find(asked, self.next_want));
        let (status, matched) = match want {
            None => {
                self.add_invalid(&list_file, row);
                (Status::Invalid, None)
            }
            Some(want) if want < self.next_want => {
                if !self.first_labels.are(want, &row.labels) {
                    let example = || format!("{list_file} row {}", row.row_number);
                    self.warnings.note(Notice::OtherLabels, Table::IdList, "", example);
                }
                (Status::Duplicate, None)
            }
            Some(want) => {
                self.next_want = want + 1;
                self.first_labels.keep(want, self.wants.len(), &row.labels);
                self.first_mention(want, origin)?
            }
        };
        id_list::add(&mut self.id_list, &list_file, row, status, matched);
        self.hand_on(Columns::is_full)
    }

    /// Ends the tables.
    pub(super) fn finish(mut self) -> Result<Made> {
        self.hand_on(|_| true)?;
        Ok(Made {
            totals: self.participants.totals,
            failures: self.failures.by_reason,
            warnings: self.warnings,
            saved_by_listing: self.from_pages.saturating_sub(self.pages_for_details),
        })
    }

    /// Hands the rows of those tables on that are due.
    fn hand_on(&mut self, is_due: impl Fn(&Columns) -> bool) -> Result<()> {
        let tables = [
            &mut self.participants.columns,
            &mut self.peer_events,
            &mut self.sessions,
            &mut self.id_list,
            &mut self.labels,
            &mut self.failures.columns,
        ];
        let statistics = self.statistics.as_mut().map(StatisticsRows::columns);
        for columns in tables.into_iter().chain(statistics.into_iter().flatten()) {
            if is_due(columns) {
                columns.hand_on(self.hand)?;
            }
        }
        Ok(())
    }

    fn add_invalid(&mut self, list_file: &str, row: &ListRow) {
        let message = row.asked.as_ref().err().map_or_else(String::new, ToString::to_string);
        let failed = Failed { message, ..Failed::unsent(Reason::InvalidId, self.started_at) };
        let session = Some(row.session_text.as_str()).filter(|text| !text.is_empty());
        self.failures.add(session, row.participant_text.as_deref(), Some((list_file, row)), &failed);
    }

    /// Exports what a want asks for.
    fn first_mention(&mut self, number: WantNo, origin: Origin<'_>) -> Result<(Status, Option<WantKind>)> {
        let want = self.wants.want(number);
        if self.wants.first_of(want.session) == number {
            self.begin_session(want.session, origin)?;
        }
        let (status, matched) = match want.kind {
            WantKind::Everyone => (self.add_everyone(number, want, origin)?, None),
            WantKind::Participant => self.add_participant(number, want, origin)?,
            WantKind::User | WantKind::Custom => {
                let pages = self.pages(want.session)?;
                let people = pages.by_other(want.kind, want.key, &mut self.cache)?;
                self.add_matched(number, want, &pages, &people, origin)?.ends(want.kind)
            }
        };
        if self.wants.last_of(want.session) == number {
            self.exported.remove(&want.session);
        }
        Ok((status, matched))
    }

    /// The session's own record, and what its pages cost.
    fn begin_session(&mut self, session: SessionNo, origin: Origin<'_>) -> Result<()> {
        if self.pages_are_records && !self.wants.needs_list(session) {
            self.pages_for_details += self.replies.pages(session).count() as u64;
        }
        if self.wants.is_discovered(session) {
            return self.add_discovered(session);
        }
        let Some(reply) = self.replies.session(session) else { return Ok(()) };
        let session_id = self.wants.session_id(session).to_string();
        let block = self.cache.entries.block(reply.location)?;
        let entry = self.cache.entries.parse(&block, reply.location)?;
        let fetched_at = entry.arrived_at;
        let warnings = &mut self.warnings;
        if let Some(Found { object, others }) =
            found(&entry.answer, Expected::Session, &mut Keys::default(), warnings)
        {
            sessions::add(&mut self.sessions, &session_id, object, &others, fetched_at, warnings);
        } else {
            self.failures.add(Some(&session_id), None, origin, &Failed::of(entry));
        }
        Ok(())
    }

    /// All participants of a session.
    fn add_everyone(&mut self, number: WantNo, want: Want, origin: Origin<'_>) -> Result<Status> {
        let pages = self.pages(want.session)?;
        for person in &pages.people {
            self.add_person(number, want.session, &pages, *person, origin)?;
        }
        let missing = pages.broken.clone().or_else(|| {
            // Not even a first page: the log ends before it, which a finished export's cannot.
            pages.last().is_none().then(|| Failed::unsent(Reason::RetriesExhausted, self.started_at))
        });
        let Some(failed) = missing else { return Ok(Status::Expanded) };
        let session_id = self.wants.session_id(want.session).to_string();
        self.failures.add(Some(&session_id), None, origin, &failed);
        Ok(Status::Failed)
    }

    /// One participant, by its id or, failing that, as an enrolment id.
    fn add_participant(
        &mut self,
        number: WantNo,
        want: Want,
        origin: Origin<'_>,
    ) -> Result<(Status, Option<WantKind>)> {
        if self.is_exported(want.session, want.key) {
            return Ok((Status::Duplicate, None));
        }
        let Want { session, key, .. } = want;
        let own = self.own_of(number);
        let Own { details, report } = own;
        let is_found = details.is_some_and(|reply| reply.state == State::Found);
        // Pages are not even read for those whose details came.
        let pages = if is_found { None } else { Some(self.pages(session)?) };
        let page = pages.as_deref().filter(|_| self.pages_are_records);
        let page = page.and_then(|pages| Some((pages, pages.by_id(key)?)));
        let who = Who { number, session, participant: want.participant(), own, page };
        if let Some((fate, matched)) = self.add_whole(&who, origin)? {
            return Ok(fate.ends(matched));
        }
        let pages = pages.map_or_else(|| self.pages(session), Ok)?;
        let is_unknown = details.is_none_or(|reply| reply.state == State::NotFound);
        let enrolled =
            if is_unknown { pages.by_other(WantKind::User, want.key, &mut self.cache)? } else { Vec::new() };
        if !enrolled.is_empty() {
            let came = self.add_matched(number, want, &pages, &enrolled, origin)?;
            return Ok(came.ends(WantKind::User));
        }
        let failed = match (details, report) {
            (Some(reply), _) => self.cache.failed(reply.location)?,
            (None, Some(reply)) if pages.last().is_none() => self.cache.failed(reply.location)?,
            _ => self.absent(&pages)?,
        };
        self.fail(want, &failed, origin);
        Ok((Status::Failed, None))
    }

    /// The people that a want matched on the pages.
    fn add_matched(
        &mut self,
        number: WantNo,
        want: Want,
        pages: &SessionPages,
        people: &[Person],
        origin: Origin<'_>,
    ) -> Result<Fate> {
        if people.is_empty() {
            let failed = self.absent(pages)?;
            self.fail(want, &failed, origin);
            return Ok(Fate::Failure);
        }
        let mut came = Fate::Nothing;
        for person in people {
            came = came.max(self.add_person(number, want.session, pages, *person, origin)?);
        }
        Ok(came)
    }

    /// One person of the pages, unless an earlier row had it.
    fn add_person(
        &mut self,
        number: WantNo,
        session: SessionNo,
        pages: &SessionPages,
        person: Person,
        origin: Origin<'_>,
    ) -> Result<Fate> {
        let Some(id) = person.id else {
            self.fail_nameless(session, pages, person, origin)?;
            return Ok(Fate::Failure);
        };
        if !self.claim(number, session, id) {
            return Ok(Fate::Nothing);
        }
        let participant = ParticipantId::from_bytes(id.to_bytes());
        let page = self.pages_are_records.then_some((pages, person));
        let own = self.own(session, participant);
        let who = Who { number, session, participant, own, page };
        if let Some((fate, _)) = self.add_whole(&who, origin)? {
            return Ok(fate);
        }
        match own.details {
            Some(reply) => {
                let failed = self.cache.failed(reply.location)?;
                self.fail_participant(&who, &failed, origin);
            }
            // Only an id that is no UUID was not asked for.
            None => self.fail_nameless(session, pages, person, origin)?,
        }
        Ok(Fate::Failure)
    }

    /// Whether a participant is this want's to export: no earlier row had it. No later one has it then.
    fn claim(&mut self, number: WantNo, session: SessionNo, id: IdKey) -> bool {
        let own = self.wants.participant(session, id);
        if own.is_some_and(|own| own < number) || self.is_exported(session, id) {
            return false;
        }
        if own != Some(number) && self.wants.last_of(session) > number {
            self.exported.entry(session).or_default().insert(id);
        }
        true
    }

    /// A record on a page that names nobody: it can be no row, since its key is missing.
    fn fail_nameless(
        &mut self,
        session: SessionNo,
        pages: &SessionPages,
        person: Person,
        origin: Origin<'_>,
    ) -> Result<()> {
        let (location, place) = pages.place(person);
        let Some(page) = self.cache.page(location)? else { return Ok(()) };
        let record = page.record(place).map(excerpt).unwrap_or_default();
        let message = format!("a record on a page has no usable id: {record}");
        let failed = Failed { message, ..Failed::unsent(Reason::BadResponse, page.fetched_at) };
        let session_id = self.wants.session_id(session).to_string();
        self.failures.add(Some(&session_id), None, origin, &failed);
        Ok(())
    }

    /// Why somebody is not on a session's pages: not all was shown, or nobody of that id is there.
    fn absent(&mut self, pages: &SessionPages) -> Result<Failed> {
        if let Some(broken) = &pages.broken {
            return Ok(broken.clone());
        }
        let last = pages.last().map(|location| self.cache.failed(location)).transpose()?;
        let base = last.unwrap_or_else(|| Failed::unsent(Reason::NotFound, self.started_at));
        let message = format!("not among the {} participants of the session", pages.people.len());
        Ok(Failed { reason: Reason::NotFound, message, ..base })
    }

    fn fail(&mut self, want: Want, failed: &Failed, origin: Origin<'_>) {
        let session_id = self.wants.session_id(want.session).to_string();
        // A user or custom id has no column of its own: it stands among the labels.
        let participant = (want.kind == WantKind::Participant).then(|| want.participant().to_string());
        self.failures.add(Some(&session_id), participant.as_deref(), origin, failed);
    }

    fn is_exported(&self, session: SessionNo, id: IdKey) -> bool {
        self.exported.get(&session).is_some_and(|exported| exported.contains(&id))
    }

    fn pages(&mut self, session: SessionNo) -> Result<Rc<SessionPages>> {
        let pages = self.cache.session(session, self.wants, self.replies)?;
        if self.noted_pages.is_empty() {
            self.noted_pages = vec![false; self.wants.sessions()];
        }
        // A session may be read again for later rows; what is odd about its pages counts once.
        if !std::mem::replace(&mut self.noted_pages[session as usize], true) {
            for (notice, path, example) in &pages.odd {
                self.warnings.note(*notice, Table::Participants, path, || example.clone());
            }
        }
        Ok(pages)
    }
}

/// What came of a want for one participant; of several, the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// An earlier row had it.
    Nothing,
    /// A row of `failures`.
    Failure,
    /// A row of `participants`.
    Row,
}

impl Fate {
    /// What it makes of the list row, where a participant was found by `kind`.
    const fn ends(self, kind: WantKind) -> (Status, Option<WantKind>) {
        match self {
            Self::Nothing => (Status::Duplicate, None),
            Self::Failure => (Status::Failed, None),
            Self::Row => (Status::Exported, Some(kind)),
        }
    }
}
