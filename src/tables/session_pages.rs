//! Who is on a session's pages, and each one's record.
//!
//! A participant seen on two pages is one: the later page's record in the earlier place (contract,
//! "Plan").

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::failures::Failed;
use super::warnings::{Notice, excerpt};
use crate::error::Result;
use crate::fetch::Reason;
use crate::log::{Entries, EntryAnswer, Location, Replies, State};
use crate::model::IdKey;
use crate::plan::{SessionNo, Shortfall, WantKind, Wants};
use crate::wire::{Expected, Field, Listed, Object, Paging, each_element};

/// A page whose records can be found without reading it again.
pub(super) struct OpenPage {
    /// The unpacked block in which the page stands.
    block: Arc<Vec<u8>>,
    /// The records' places in the block.
    records: Vec<Range<usize>>,
    /// What is odd around the records.
    pub(super) odd: Vec<Odd>,
    /// Records over all pages, as this one says.
    total: Option<u64>,
    pub(super) fetched_at: DateTime<Utc>,
}

/// Something odd about a page: what, in which field, and an example.
pub(super) type Odd = (Notice, String, String);

impl OpenPage {
    /// Reads a page; `None` where the reply is none.
    fn read(entries: &mut Entries, location: Location, expected: Expected) -> Result<Option<Self>> {
        let block = entries.block(location)?;
        let entry = entries.parse(&block, location)?;
        let EntryAnswer::Found(body) = entry.answer else { return Ok(None) };
        let fetched_at = entry.arrived_at;
        let Ok(page) = expected.find(body.get().as_bytes()) else { return Ok(None) };
        let base = block.as_ptr() as usize;
        let mut records = Vec::new();
        each_element(page.value, |record| {
            let start = record.get().as_ptr() as usize - base;
            records.push(start..start + record.get().len());
        });
        let odd = |notice: Notice, (place, field): &(&str, Field<'_>)| {
            (notice, format!("{place}{}", field.shown_name()), excerpt(field.value.get()).into_owned())
        };
        // A page's own fields belong to no record, hence to no `extra`: they are told and stay in the log.
        let unknown = page.around.others.iter().map(|field| odd(Notice::UnknownField, field));
        let overwritten = page.around.overwritten.iter().map(|field| odd(Notice::DuplicateKey, field));
        let odd = unknown.chain(overwritten).collect();
        let total = Paging::of(page.paging).total;
        Ok(Some(Self { block, records, odd, total, fetched_at }))
    }

    /// The text of a record.
    pub(super) fn record(&self, place: usize) -> Option<&str> {
        std::str::from_utf8(self.block.get(self.records.get(place)?.clone())?).ok()
    }

    fn listed(&self, place: usize) -> Listed {
        self.object(place).as_ref().map(Listed::of).unwrap_or_default()
    }

    /// A record as an object; `None` where it is none.
    pub(super) fn object(&self, place: usize) -> Option<Object<'_>> {
        Object::parse_text(self.record(place)?)
    }
}

/// Someone on a session's pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    /// `id`; `None` where the record has none.
    pub(super) id: Option<IdKey>,
    /// Number of the record, counted over all pages.
    record: u32,
}

/// A person's number by `user_id` and `custom_participant_id`, sorted.
type ByOther = Vec<(WantKind, IdKey, u32)>;

/// A session's pages together. A million people cost about 35 bytes each.
pub(super) struct SessionPages {
    /// The pages that came, by number, each with the number of its first record.
    pages: Vec<(u32, Location)>,
    /// Everybody, each once, in the API's order.
    pub(super) people: Vec<Person>,
    /// Numbers of `people`, by their id.
    by_id: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Made where a want asks by another id than the participant's.
    by_other: OnceCell<ByOther>,
    /// Why somebody is missing, where a page is or the pages show fewer than their total.
    pub(super) broken: Option<Failed>,
    /// The reply to the last page.
    last: Option<Location>,
    /// What is odd about the pages.
    pub(super) odd: Vec<Odd>,
}

impl SessionPages {
    /// Reads a session's pages.
    fn read(session: SessionNo, wants: &Wants, replies: &Replies, cache: &mut PageCache) -> Result<Self> {
        let mut this = Self {
            pages: Vec::new(),
            people: Vec::new(),
            by_id: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            by_other: OnceCell::new(),
            broken: None,
            last: None,
            odd: Vec::new(),
        };
        let (mut records, mut least_total, mut ended) = (0, None, false);
        for page in replies.pages(session) {
            let location = page.reply.location;
            this.last = Some(location);
            // Page 0 is asked for last, and only where the others fall short of their total.
            ended |= page.page_no == 0;
            if page.reply.state != State::Found {
                if page.page_no == 0 {
                    continue;
                }
                this.broken = Some(cache.failed(location)?);
            } else if let Some(open) = cache.page(location)? {
                least_total = least_total.into_iter().chain(open.total).min();
                this.pages.push((records, location));
                this.add_page(&open, &mut records);
                // A hostile listing may have a million pages; what is odd about its first ones will do.
                this.odd.extend(open.odd.iter().take(MOST_ODD.saturating_sub(this.odd.len())).cloned());
            }
        }
        let short = Shortfall::of(this.people.len() as u64, least_total).filter(|_| ended);
        if let Some(Shortfall { listed, total }) = short {
            let message = format!("{listed} participants on all pages, {total} by its total");
            let example = format!("session {}: {message}", wants.session_id(session));
            this.odd.push((Notice::ShortListing, "total_count".to_owned(), example));
            if let (None, Some(last)) = (&this.broken, this.last) {
                this.broken = Some(Failed { reason: Reason::BadResponse, message, ..cache.failed(last)? });
            }
        }
        Ok(this)
    }

    fn add_page(&mut self, open: &OpenPage, records: &mut u32) {
        for place in 0..open.records.len() {
            let person = Person { id: open.listed(place).id, record: *records };
            *records = records.saturating_add(1);
            match person.id.and_then(|id| self.number(id)) {
                Some(known) => self.people[known as usize] = person,
                None => self.add_person(person),
            }
        }
    }

    fn add_person(&mut self, person: Person) {
        let number = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        self.people.push(person);
        let Self { by_id, people, hasher, .. } = self;
        if let Some(id) = person.id {
            let hash = |number: &u32| hasher.hash_one(people[*number as usize].id);
            by_id.insert_unique(hasher.hash_one(Some(id)), number, hash);
        }
    }

    fn number(&self, id: IdKey) -> Option<u32> {
        let is = |number: &u32| self.people[*number as usize].id == Some(id);
        self.by_id.find(self.hasher.hash_one(Some(id)), is).copied()
    }

    /// The participant with this id.
    pub(super) fn by_id(&self, id: IdKey) -> Option<Person> {
        self.number(id).map(|number| self.people[number as usize])
    }

    /// Everybody with this `user_id` or `custom_participant_id`, in the API's order.
    pub(super) fn by_other(&self, kind: WantKind, key: IdKey, cache: &mut PageCache) -> Result<Vec<Person>> {
        let by_other = match self.by_other.get() {
            Some(by_other) => by_other,
            None => self.by_other.get_or_init({
                let read = self.read_others(cache)?;
                || read
            }),
        };
        let order = |(other_kind, other, _): &(WantKind, IdKey, u32)| (*other_kind, *other) < (kind, key);
        let matching = by_other[by_other.partition_point(order)..].iter();
        let matching = matching.take_while(|(other_kind, other, _)| (*other_kind, *other) == (kind, key));
        Ok(matching.map(|(_, _, number)| self.people[*number as usize]).collect())
    }

    fn read_others(&self, cache: &mut PageCache) -> Result<ByOther> {
        let mut by_other = ByOther::new();
        for (person, number) in self.people.iter().zip(0_u32..) {
            let (location, place) = self.place(*person);
            let Some(page) = cache.page(location)? else { continue };
            let listed = page.listed(place);
            for (kind, key) in [(WantKind::User, listed.user), (WantKind::Custom, listed.custom)] {
                by_other.extend(key.map(|key| (kind, key, number)));
            }
        }
        by_other.sort_unstable();
        Ok(by_other)
    }

    /// The page and place of a person's record.
    pub(super) fn place(&self, person: Person) -> (Location, usize) {
        let page = self.pages.partition_point(|(first, _)| *first <= person.record) - 1;
        let (first, location) = self.pages[page];
        (location, (person.record - first) as usize)
    }

    /// The reply to the last page; `None` where none was asked for.
    pub(super) const fn last(&self) -> Option<Location> {
        self.last
    }
}

/// Oddities that are told of one session's pages.
const MOST_ODD: usize = 1_000;
/// Pages kept open: rows of one session mostly follow each other.
const OPEN_PAGES: usize = 4;
/// Bytes of open pages beyond which they are closed before another is opened.
const OPEN_BYTES: usize = 8 << 20;
/// Sessions kept open: a list that is sorted by something else comes back to a session much later.
const OPEN_SESSIONS: usize = 256;
/// People of all open sessions; a session of more is kept alone. 80 bytes each, with their other ids: 24 MB.
const OPEN_PEOPLE: usize = 300_000;

/// The pages and sessions read last, and the log's entries behind them.
pub(super) struct PageCache {
    pub(super) entries: Entries,
    pages: VecDeque<(Location, Rc<OpenPage>)>,
    sessions: VecDeque<(SessionNo, Rc<SessionPages>)>,
}

impl PageCache {
    pub(super) const fn new(entries: Entries) -> Self {
        Self { entries, pages: VecDeque::new(), sessions: VecDeque::new() }
    }

    /// Why a reply is a failure.
    pub(super) fn failed(&mut self, location: Location) -> Result<Failed> {
        let block = self.entries.block(location)?;
        Ok(Failed::of(self.entries.parse(&block, location)?))
    }

    /// A page of participants; `None` where the reply at this place is none.
    pub(super) fn page(&mut self, location: Location) -> Result<Option<Rc<OpenPage>>> {
        self.page_of(Expected::Participants, location)
    }

    /// A page of what is expected there; `None` where the reply at this place is none.
    pub(super) fn page_of(&mut self, expected: Expected, location: Location) -> Result<Option<Rc<OpenPage>>> {
        let cached = self.pages.iter().position(|(place, _)| *place == location);
        let open = if let Some((_, open)) = cached.and_then(|place| self.pages.remove(place)) {
            open
        } else {
            let bytes: usize = self.pages.iter().map(|(_, page)| page.block.len()).sum();
            if bytes > OPEN_BYTES {
                self.pages.clear();
            } else if self.pages.len() >= OPEN_PAGES {
                self.pages.pop_front();
            }
            let Some(open) = OpenPage::read(&mut self.entries, location, expected)? else { return Ok(None) };
            Rc::new(open)
        };
        self.pages.push_back((location, Rc::clone(&open)));
        Ok(Some(open))
    }

    /// A session's pages.
    pub(super) fn session(
        &mut self,
        session: SessionNo,
        wants: &Wants,
        replies: &Replies,
    ) -> Result<Rc<SessionPages>> {
        let cached = self.sessions.iter().position(|(number, _)| *number == session);
        let pages = if let Some((_, pages)) = cached.and_then(|place| self.sessions.remove(place)) {
            pages
        } else {
            let pages = Rc::new(SessionPages::read(session, wants, replies, self)?);
            self.make_room(pages.people.len());
            pages
        };
        self.sessions.push_back((session, Rc::clone(&pages)));
        Ok(pages)
    }

    fn make_room(&mut self, coming: usize) {
        let mut people = coming + self.sessions.iter().map(|(_, pages)| pages.people.len()).sum::<usize>();
        while self.sessions.len() >= OPEN_SESSIONS || people > OPEN_PEOPLE {
            let Some((_, dropped)) = self.sessions.pop_front() else { return };
            people -= dropped.people.len();
        }
    }
}
