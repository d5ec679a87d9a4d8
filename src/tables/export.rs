//! The walk over the list rows: finds each row's replies and fills all tables.
//!
//! Rows come in list order and wants are numbered in first-mention order, so a row is a first mention
//! exactly where its want is the next number. What a session-wide row exports is remembered while later
//! rows of the session may ask for the same people.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};

use super::columns::Columns;
use super::failures::{Failed, FailureRows};
use super::id_list::{self, Status};
use super::participants::{Context, ParticipantRows};
use super::peer_events::PeerEventRows;
use super::schema::Table;
use super::session_pages::{PageCache, Person, SessionPages};
use super::warnings::{Notice, Warnings};
use super::{Hand, Made, hand_on, sessions};
use crate::error::Result;
use crate::fetch::Reason;
use crate::lists::ListRow;
use crate::log::{Entries, EntryAnswer, Location, Log, Replies, Ruling, State};
use crate::model::{IdKey, ParticipantId};
use crate::plan::{SessionNo, Want, WantKind, WantNo, Wants};
use crate::wire::{Expected, Object, RawValue};

/// The tables being made.
pub(super) struct Export<'a> {
    wants: &'a Wants,
    replies: &'a Replies,
    hand: Hand<'a>,
    cache: PageCache,
    list_files: Vec<String>,
    /// When the export began: the time of failures for which nothing was sent.
    started_at: DateTime<Utc>,
    /// Whether pages hold the records; with `--fetch detail` they only name ids.
    pages_are_records: bool,
    participants: ParticipantRows,
    peer_events: Columns,
    sessions: Columns,
    id_list: Columns,
    labels: Columns,
    failures: FailureRows,
    warnings: Warnings,
    /// The next want to be mentioned for the first time.
    next_want: WantNo,
    /// A hash of the labels of each want's first row; empty while no list has any.
    label_hashes: Vec<u32>,
    /// Who was exported other than by a want of its own, for sessions with wants to come.
    exported: HashMap<SessionNo, HashSet<IdKey>>,
    from_pages: u64,
    /// Pages asked for in place of details.
    pages_for_details: u64,
}

/// A list row's file name and the row.
type Origin<'a> = (&'a str, &'a ListRow);

impl<'a> Export<'a> {
    pub(super) fn new(log: &Log, wants: &'a Wants, replies: &'a Replies, hand: Hand<'a>) -> Result<Self> {
        let head = log.head();
        let lists = log.lists().map(|lists| lists.lists.as_slice()).unwrap_or_default();
        Ok(Self {
            wants,
            replies,
            hand,
            cache: PageCache::new(log.entries()?),
            list_files: lists.iter().map(|list| list.path.clone()).collect(),
            started_at: DateTime::parse_from_rfc3339(&head.started_at)
                .map(|t| t.to_utc())
                .unwrap_or_default(),
            pages_are_records: head.settings.fetch != "detail",
            participants: ParticipantRows::new(),
            peer_events: Columns::new(Table::PeerEvents),
            sessions: Columns::new(Table::Sessions),
            id_list: Columns::new(Table::IdList),
            labels: Columns::new(Table::Labels),
            failures: FailureRows::new(),
            warnings: Warnings::default(),
            next_want: 0,
            label_hashes: Vec::new(),
            exported: HashMap::new(),
            from_pages: 0,
            pages_for_details: 0,
        })
    }

    /// Adds everything that a list row asks for.
    pub(super) fn add_row(&mut self, row: &ListRow) -> Result<()> {
        let list_file = self.list_files.get(row.file).cloned().unwrap_or_default();
        let origin = (list_file.as_str(), row);
        id_list::add_labels(&mut self.labels, &list_file, row);
        let want = row.asked.as_ref().ok().and_then(|asked| self.wants.find(asked));
        let (status, matched) = match want {
            None => {
                self.add_invalid(origin);
                (Status::Invalid, None)
            }
            Some(want) if want < self.next_want => {
                self.compare_labels(want, origin);
                (Status::Duplicate, None)
            }
            Some(want) => {
                self.next_want = want + 1;
                self.remember_labels(row);
                self.first_mention(want, origin)?
            }
        };
        id_list::add(&mut self.id_list, &list_file, row, status, matched);
        self.hand_on_full()
    }

    /// Ends the tables.
    pub(super) fn finish(mut self) -> Result<Made> {
        let rows = [
            (&mut self.participants.columns, Table::Participants),
            (&mut self.peer_events, Table::PeerEvents),
            (&mut self.sessions, Table::Sessions),
            (&mut self.id_list, Table::IdList),
            (&mut self.labels, Table::Labels),
            (&mut self.failures.columns, Table::Failures),
        ];
        for (columns, table) in rows {
            hand_on(columns, table, self.hand)?;
        }
        Ok(Made {
            totals: self.participants.totals,
            failures: self.failures.by_reason,
            warnings: self.warnings,
            saved_by_listing: self.from_pages.saturating_sub(self.pages_for_details),
        })
    }

    fn hand_on_full(&mut self) -> Result<()> {
        let rows = [
            (&mut self.participants.columns, Table::Participants),
            (&mut self.peer_events, Table::PeerEvents),
            (&mut self.sessions, Table::Sessions),
            (&mut self.id_list, Table::IdList),
            (&mut self.labels, Table::Labels),
            (&mut self.failures.columns, Table::Failures),
        ];
        for (columns, table) in rows {
            if columns.is_full() {
                hand_on(columns, table, self.hand)?;
            }
        }
        Ok(())
    }

    fn add_invalid(&mut self, origin: Origin<'_>) {
        let row = origin.1;
        let message = row.asked.as_ref().err().map_or_else(String::new, ToString::to_string);
        let failed = Failed { message, ..Failed::unsent(Reason::InvalidId, self.started_at) };
        let session = Some(row.session_text.as_str()).filter(|text| !text.is_empty());
        self.failures.add(session, row.participant_text.as_deref(), origin, &failed);
    }

    /// Keeps what tells a first row's labels apart from those of a repetition.
    fn remember_labels(&mut self, row: &ListRow) {
        if !row.labels.is_empty() && self.label_hashes.is_empty() {
            self.label_hashes = vec![labels_hash(&[]); self.wants.len()];
        }
        if let Some(hash) = self.label_hashes.get_mut(self.next_want as usize - 1) {
            *hash = labels_hash(&row.labels);
        }
    }

    fn compare_labels(&mut self, want: WantNo, (list_file, row): Origin<'_>) {
        let first = self.label_hashes.get(want as usize).copied().unwrap_or_else(|| labels_hash(&[]));
        if first != labels_hash(&row.labels) {
            let example = || format!("{list_file} row {}", row.row_number);
            self.warnings.note(Notice::OtherLabels, Table::IdList, "", example);
        }
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
                let status = self.add_matched(number, want, &pages, &people, origin)?;
                (status, (status != Status::Failed).then_some(want.kind))
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
        let Some(reply) = self.replies.session(session) else { return Ok(()) };
        let session_id = self.wants.session_id(session).to_string();
        let block = self.cache.entries.block(reply.location)?;
        let entry = self.cache.entries.parse(&block, reply.location)?;
        let fetched_at = entry.arrived_at;
        if let Some((object, others)) = found(&entry.answer, Expected::Session) {
            let warnings = &mut self.warnings;
            sessions::add(&mut self.sessions, &session_id, object, &others, fetched_at, warnings);
        } else {
            let failed = reply_failed(&mut self.cache.entries, reply.location)?;
            self.failures.add(Some(&session_id), None, origin, &failed);
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
            pages.last.is_none().then(|| Failed::unsent(Reason::RetriesExhausted, self.started_at))
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
        let details = self.replies.details(self.wants, want.session, want.participant());
        if self.is_exported(want.session, want.key) {
            return Ok((Status::Duplicate, None));
        }
        if let Some(Ruling { state: State::Found, location }) = details {
            let asked_for = want.participant();
            self.add_details(want.session, asked_for, location, origin)?;
            return Ok((Status::Exported, Some(WantKind::Participant)));
        }
        let pages = self.pages(want.session)?;
        if let Some(person) = pages.by_id(want.key).filter(|_| self.pages_are_records) {
            self.add_record(want.session, &pages, person, origin)?;
            return Ok((Status::Exported, Some(WantKind::Participant)));
        }
        let is_unknown = details.is_none_or(|reply| reply.state == State::NotFound);
        let enrolled =
            if is_unknown { pages.by_other(WantKind::User, want.key, &mut self.cache)? } else { Vec::new() };
        if !enrolled.is_empty() {
            let status = self.add_matched(number, want, &pages, &enrolled, origin)?;
            return Ok((status, (status != Status::Failed).then_some(WantKind::User)));
        }
        let failed = match details {
            Some(reply) => reply_failed(&mut self.cache.entries, reply.location)?,
            None => self.absent(&pages),
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
    ) -> Result<Status> {
        if people.is_empty() {
            let failed = self.absent(pages);
            self.fail(want, &failed, origin);
            return Ok(Status::Failed);
        }
        let mut exported = false;
        for person in people {
            exported |= self.add_person(number, want.session, pages, *person, origin)?;
        }
        Ok(if exported { Status::Exported } else { Status::Duplicate })
    }

    /// One person of the pages, unless an earlier row had it; whether a row or a failure came of it.
    fn add_person(
        &mut self,
        number: WantNo,
        session: SessionNo,
        pages: &SessionPages,
        person: Person,
        origin: Origin<'_>,
    ) -> Result<bool> {
        let Some(id) = person.id else {
            self.fail_nameless(session, pages, person, origin)?;
            return Ok(true);
        };
        let has_own_row = self.wants.participant(session, id).is_some_and(|own| own < number);
        if has_own_row || self.is_exported(session, id) {
            return Ok(false);
        }
        if self.wants.last_of(session) > number {
            self.exported.entry(session).or_default().insert(id);
        }
        if self.pages_are_records {
            self.add_record(session, pages, person, origin)?;
            return Ok(true);
        }
        let participant = ParticipantId::from_bytes(id.to_bytes());
        match self.replies.details(self.wants, session, participant) {
            Some(Ruling { state: State::Found, location }) => {
                self.add_details(session, participant, location, origin)?;
            }
            Some(reply) => {
                let failed = reply_failed(&mut self.cache.entries, reply.location)?;
                let session_id = self.wants.session_id(session).to_string();
                self.failures.add(Some(&session_id), Some(&participant.to_string()), origin, &failed);
            }
            // Only an id that is no UUID was not asked for.
            None => self.fail_nameless(session, pages, person, origin)?,
        }
        Ok(true)
    }

    /// A participant from its own reply.
    fn add_details(
        &mut self,
        session: SessionNo,
        participant: ParticipantId,
        location: Location,
        origin: Origin<'_>,
    ) -> Result<()> {
        let session_id = self.wants.session_id(session).to_string();
        let participant_id = participant.to_string();
        let block = self.cache.entries.block(location)?;
        let entry = self.cache.entries.parse(&block, location)?;
        let Some((object, others)) = found(&entry.answer, Expected::Participant) else {
            let message = "the logged reply holds no participant".to_owned();
            let failed = Failed { message, ..Failed::unsent(Reason::BadResponse, entry.arrived_at) };
            self.failures.add(Some(&session_id), Some(&participant_id), origin, &failed);
            return Ok(());
        };
        let context = Context {
            session_id: &session_id,
            asked_for: Some(&participant_id),
            origin: Some((origin.0, origin.1.row_number)),
            fetched_at: entry.arrived_at,
        };
        self.add_object(&context, object, &others)
    }

    /// A participant from a page.
    fn add_record(
        &mut self,
        session: SessionNo,
        pages: &SessionPages,
        person: Person,
        origin: Origin<'_>,
    ) -> Result<()> {
        self.from_pages += 1;
        let (location, place) = pages.place(person);
        let Some(page) = self.cache.page(location)? else { return Ok(()) };
        let session_id = self.wants.session_id(session).to_string();
        let context = Context {
            session_id: &session_id,
            asked_for: None,
            origin: Some((origin.0, origin.1.row_number)),
            fetched_at: page.fetched_at,
        };
        self.add_object(&context, page.object(place).unwrap_or_default(), &[])
    }

    fn add_object(
        &mut self,
        context: &Context<'_>,
        object: Object<'_>,
        others: &[(String, &RawValue)],
    ) -> Result<()> {
        let mut events = PeerEventRows { columns: &mut self.peer_events, hand: self.hand };
        self.participants.add(context, object, others, &mut events, &mut self.warnings)?;
        self.hand_on_full()
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
        let record = page.record(place).map(super::record::excerpt).unwrap_or_default();
        let message = format!("a record on a page has no usable id: {record}");
        let failed = Failed { message, ..Failed::unsent(Reason::BadResponse, page.fetched_at) };
        let session_id = self.wants.session_id(session).to_string();
        self.failures.add(Some(&session_id), None, origin, &failed);
        Ok(())
    }

    /// Why somebody is not on a session's pages: a page is missing, or nobody of that id is there.
    fn absent(&self, pages: &SessionPages) -> Failed {
        if let Some(broken) = &pages.broken {
            return broken.clone();
        }
        let last = pages.last.clone();
        let base = last.unwrap_or_else(|| Failed::unsent(Reason::NotFound, self.started_at));
        let message = format!("not among the {} participants of the session", pages.people.len());
        Failed { reason: Reason::NotFound, message, ..base }
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

    fn pages(&mut self, session: SessionNo) -> Result<std::rc::Rc<SessionPages>> {
        self.cache.session(session, self.replies)
    }
}

/// The promised object of a found reply, and what came around it, by its path.
fn found<'a>(
    answer: &EntryAnswer<'a>,
    expected: Expected,
) -> Option<(Object<'a>, Vec<(String, &'a RawValue)>)> {
    let EntryAnswer::Found(body) = answer else { return None };
    let reply = expected.find(body.get().as_bytes()).ok()?;
    let path = |place: &str, field: &crate::wire::Field<'_>| match &field.name {
        Some(name) => format!("{place}{name}"),
        None => format!("{place}{}", field.raw_name.get()),
    };
    let others = reply.others.iter().map(|(place, field)| (path(place, field), field.value)).collect();
    Some((Object::parse(reply.value)?, others))
}

/// What a logged reply says of its failure; of a reply that came, its tries and name.
pub(super) fn reply_failed(entries: &mut Entries, location: Location) -> Result<Failed> {
    let block = entries.block(location)?;
    let entry = entries.parse(&block, location)?;
    let base = Failed {
        attempts: entry.attempts,
        cf_ray: entry.cf_ray,
        ..Failed::unsent(Reason::NotFound, entry.arrived_at)
    };
    Ok(match entry.answer {
        EntryAnswer::Found(_) => Failed { http_status: Some(200), ..base },
        EntryAnswer::Failed { reason, http_status, api_code, message } => {
            Failed { reason, http_status, api_code, message, ..base }
        }
    })
}

fn labels_hash(labels: &[(std::sync::Arc<str>, String)]) -> u32 {
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    let hash = hasher.finish();
    (hash >> 32) as u32 ^ (hash & 0xFFFF_FFFF) as u32
}
