//! The walk over a chunk of list rows, or of the window: finds each one's replies and fills all tables.
//!
//! What a session-wide row exports is remembered while later rows of the session may ask for the same people,
//! from chunk to chunk. A chunk can also be made alone, as if there were no others; it is told then where one
//! of them could have a say.

mod records;
mod window;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use self::records::{Own, Who};
pub(super) use self::window::WindowRecords;
use super::Hand;
use super::chunks::{Chunk, Mention};
use super::columns::Columns;
use super::failures::{Failed, FailureRows};
use super::found::{Found, found};
use super::id_list::{self, Status};
use super::input::Input;
use super::participants::{ParticipantRows, Totals};
use super::record::Habits;
use super::schema::Table;
use super::session_pages::{PageCache, Person, SessionPages};
use super::sessions;
use super::statistics::StatisticsRows;
use super::warnings::{Notice, Warnings, excerpt};
use crate::error::Result;
use crate::fetch::Reason;
use crate::lists::ListRow;
use crate::log::State;
use crate::model::{IdKey, ParticipantId};
use crate::plan::{SessionNo, Want, WantKind, WantNo};
use crate::wire::{Expected, Keys};

/// The tables being made.
pub(super) struct Export<'a> {
    input: &'a Input<'a>,
    hand: Hand<'a>,
    cache: PageCache,
    participants: ParticipantRows,
    peer_events: Columns,
    peer_event_habits: Habits,
    sessions: Columns,
    id_list: Columns,
    labels: Columns,
    failures: FailureRows,
    /// Where call statistics were asked for.
    statistics: Option<StatisticsRows>,
    sums: Sums,
    carried: Carried,
    /// The wants of the chunk that is made alone.
    alone: Option<Range<WantNo>>,
    /// Whether another chunk could have a say in this one, which is made alone.
    is_beyond: bool,
}

/// What is made beside the batches.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) totals: Totals,
    /// Rows of `failures`, by `reason`.
    pub(super) failures: BTreeMap<&'static str, u64>,
    pub(super) warnings: Warnings,
    /// Participants whose records are those on pages.
    pub(super) from_pages: u64,
    /// Pages asked for in place of details.
    pub(super) pages_for_details: u64,
    /// Where days are asked for: the warnings once more, of each day and of none.
    pub(super) by_day: BTreeMap<Option<NaiveDate>, Warnings>,
}

impl Sums {
    /// The same of a chunk of one day, or of what is of none.
    pub(super) fn of_day(mut self, input: &Input<'_>, day: Option<NaiveDate>) -> Self {
        if input.window.has_days() {
            self.by_day.insert(day, self.warnings.clone());
        }
        self
    }

    /// Adds those of what comes later in the list.
    pub(super) fn add(&mut self, later: Self) {
        self.totals.add_all(later.totals);
        for (reason, count) in later.failures {
            *self.failures.entry(reason).or_default() += count;
        }
        self.warnings.add(later.warnings);
        for (day, warnings) in later.by_day {
            self.by_day.entry(day).or_default().add(warnings);
        }
        self.from_pages += later.from_pages;
        self.pages_for_details += later.pages_for_details;
    }
}

/// What is kept of sessions with wants to come.
#[derive(Default)]
struct Carried {
    /// Who was exported other than by a want of its own.
    exported: HashMap<SessionNo, HashSet<IdKey>>,
    /// Sessions whose pages' oddities were noted.
    noted_pages: HashSet<SessionNo>,
}

impl Carried {
    fn is_empty(&self) -> bool {
        self.exported.is_empty() && self.noted_pages.is_empty()
    }

    fn has(&self, session: SessionNo) -> bool {
        self.exported.contains_key(&session) || self.noted_pages.contains(&session)
    }

    fn drop(&mut self, session: SessionNo) {
        self.exported.remove(&session);
        self.noted_pages.remove(&session);
    }
}

/// A list row's file name and the row; `None` for the window.
type Origin<'a> = Option<(&'a str, &'a ListRow)>;

impl<'a> Export<'a> {
    pub(super) fn new(input: &'a Input<'a>, hand: Hand<'a>) -> Self {
        Self {
            input,
            hand,
            cache: PageCache::new(input.entries.clone()),
            participants: ParticipantRows::new(),
            peer_events: Columns::new(Table::PeerEvents),
            peer_event_habits: Habits::default(),
            sessions: Columns::new(Table::Sessions),
            id_list: Columns::new(Table::IdList),
            labels: Columns::new(Table::Labels),
            failures: FailureRows::new(),
            statistics: input.has_statistics.then(StatisticsRows::new),
            sums: Sums::default(),
            carried: Carried::default(),
            alone: None,
            is_beyond: false,
        }
    }

    /// Makes a chunk, after all before it.
    pub(super) fn add_chunk(&mut self, chunk: &Chunk) -> Result<Sums> {
        if chunk.rows.is_empty() {
            for want in chunk.wants.clone() {
                self.first_mention(want, None)?;
                self.hand_on(Columns::is_full)?;
            }
        }
        for (row, mention) in &chunk.rows {
            self.add_row(row, *mention)?;
            self.hand_on(Columns::is_full)?;
        }
        self.end()
    }

    /// Makes a chunk as if there were no others; `None` where one could have a say in it. What was handed on is
    /// worth nothing then.
    pub(super) fn add_alone(&mut self, chunk: &Chunk) -> Result<Option<Sums>> {
        self.carried = Carried::default();
        // What it read for the last chunk is of no use for this one, which is not the next.
        self.cache = PageCache::new(self.input.entries.clone());
        self.alone = Some(chunk.wants.clone());
        self.is_beyond = false;
        let sums = self.add_chunk(chunk)?;
        Ok((!self.is_beyond).then_some(sums))
    }

    /// Whether nothing that chunks before it left behind matters to a chunk.
    pub(super) fn has_no_say_in(&self, chunk: &Chunk) -> bool {
        let session = |want: WantNo| self.input.wants.want(want).session;
        self.carried.is_empty() || chunk.wants.clone().all(|want| !self.carried.has(session(want)))
    }

    /// Ends the tables, after the last chunk.
    pub(super) fn finish(mut self) -> Result<Sums> {
        self.end_window()?;
        self.end()
    }

    /// Hands on what is left, and the sums with it.
    fn end(&mut self) -> Result<Sums> {
        self.hand_on(|_| true)?;
        let totals = std::mem::take(&mut self.participants.totals);
        let failures = std::mem::take(&mut self.failures.by_reason);
        Ok(Sums { totals, failures, ..std::mem::take(&mut self.sums) })
    }

    /// Hands a batch on that was made elsewhere.
    pub(super) fn hand(&mut self, table: Table, batch: RecordBatch) -> Result<()> {
        (self.hand)(table, batch)
    }

    /// Adds everything that a list row asks for.
    fn add_row(&mut self, row: &ListRow, mention: Mention) -> Result<()> {
        let input = self.input;
        let list_file = input.list_files.get(row.file).map_or("", |name| &**name);
        id_list::add_labels(&mut self.labels, list_file, row);
        let (status, matched) = match mention {
            Mention::Nothing => {
                self.add_invalid(list_file, row);
                (Status::Invalid, None)
            }
            Mention::Again { other_labels } => {
                if other_labels {
                    let example = || format!("{list_file} row {}", row.row_number);
                    self.sums.warnings.note(Notice::OtherLabels, Table::IdList, "", example);
                }
                (Status::Duplicate, None)
            }
            Mention::First(want) => self.first_mention(want, Some((list_file, row)))?,
        };
        id_list::add(&mut self.id_list, list_file, row, status, matched);
        Ok(())
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

    /// Whether all wants of a session are at hand. Where they are not, a chunk that is made alone cannot be used.
    fn knows_all_of(&mut self, session: SessionNo) -> bool {
        let knows = self.alone.as_ref().is_none_or(|chunk| self.input.is_within(session, chunk));
        self.is_beyond |= !knows;
        knows
    }

    fn add_invalid(&mut self, list_file: &str, row: &ListRow) {
        let message = row.asked.as_ref().err().map_or_else(String::new, ToString::to_string);
        let failed = Failed { message, ..Failed::unsent(Reason::InvalidId, self.input.started_at) };
        let session = Some(row.session_text.as_str()).filter(|text| !text.is_empty());
        self.failures.add(session, row.participant_text.as_deref(), Some((list_file, row)), &failed);
    }

    /// Exports what a want asks for.
    fn first_mention(&mut self, number: WantNo, origin: Origin<'_>) -> Result<(Status, Option<WantKind>)> {
        let want = self.input.wants.want(number);
        if self.input.wants.first_of(want.session) == number {
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
        if self.input.wants.last_of(want.session) == number {
            self.carried.drop(want.session);
        }
        Ok((status, matched))
    }

    /// The session's own record, and what its pages cost.
    fn begin_session(&mut self, session: SessionNo, origin: Origin<'_>) -> Result<()> {
        if self.input.pages_are_records && !self.input.wants.needs_list(session) {
            self.sums.pages_for_details += self.input.replies.pages(session).count() as u64;
        }
        if self.input.wants.is_discovered(session) {
            return self.add_discovered(session);
        }
        let Some(reply) = self.input.replies.session(session) else { return Ok(()) };
        let session_id = self.input.wants.session_id(session).to_string();
        let block = self.cache.entries.block(reply.location)?;
        let entry = self.cache.entries.parse(&block, reply.location)?;
        let fetched_at = entry.arrived_at;
        let warnings = &mut self.sums.warnings;
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
            pages.last().is_none().then(|| Failed::unsent(Reason::RetriesExhausted, self.input.started_at))
        });
        let Some(failed) = missing else { return Ok(Status::Expanded) };
        let session_id = self.input.wants.session_id(want.session).to_string();
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
        let page = pages.as_deref().filter(|_| self.input.pages_are_records);
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
        let page = self.input.pages_are_records.then_some((pages, person));
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
        let own = self.input.wants.participant(session, id);
        if own.is_some_and(|own| own < number) || !self.knows_all_of(session) || self.is_exported(session, id)
        {
            return false;
        }
        if own != Some(number) && self.input.wants.last_of(session) > number {
            self.carried.exported.entry(session).or_default().insert(id);
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
        let session_id = self.input.wants.session_id(session).to_string();
        self.failures.add(Some(&session_id), None, origin, &failed);
        Ok(())
    }

    /// Why somebody is not on a session's pages: not all was shown, or nobody of that id is there.
    fn absent(&mut self, pages: &SessionPages) -> Result<Failed> {
        if let Some(broken) = &pages.broken {
            return Ok(broken.clone());
        }
        let last = pages.last().map(|location| self.cache.failed(location)).transpose()?;
        let base = last.unwrap_or_else(|| Failed::unsent(Reason::NotFound, self.input.started_at));
        let message = format!("not among the {} participants of the session", pages.people.len());
        Ok(Failed { reason: Reason::NotFound, message, ..base })
    }

    fn fail(&mut self, want: Want, failed: &Failed, origin: Origin<'_>) {
        let session_id = self.input.wants.session_id(want.session).to_string();
        // A user or custom id has no column of its own: it stands among the labels.
        let participant = (want.kind == WantKind::Participant).then(|| want.participant().to_string());
        self.failures.add(Some(&session_id), participant.as_deref(), origin, failed);
    }

    fn is_exported(&self, session: SessionNo, id: IdKey) -> bool {
        self.carried.exported.get(&session).is_some_and(|exported| exported.contains(&id))
    }

    fn pages(&mut self, session: SessionNo) -> Result<Rc<SessionPages>> {
        let pages = self.cache.session(session, self.input.wants, self.input.replies)?;
        // A session may be read again for later rows; what is odd about its pages counts once.
        if self.knows_all_of(session) && self.carried.noted_pages.insert(session) {
            for (notice, path, example) in &pages.odd {
                self.sums.warnings.note(*notice, Table::Participants, path, || example.clone());
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
