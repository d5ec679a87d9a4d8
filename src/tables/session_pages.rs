//! Who is on a session's pages, and each one's record.
//!
//! A participant seen on two pages is one: the later page's record in the earlier place (contract,
//! "Plan").

use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::export::reply_failed;
use super::failures::Failed;
use crate::error::Result;
use crate::log::{Entries, EntryAnswer, Location, Replies, State};
use crate::model::IdKey;
use crate::plan::{SessionNo, WantKind};
use crate::wire::{Expected, Listed, Object, RawValue, elements};

/// A page whose records can be found without reading it again.
pub(super) struct OpenPage {
    /// The unpacked block in which the page stands.
    block: Arc<Vec<u8>>,
    /// The records' places in the block.
    records: Vec<Range<usize>>,
    pub(super) fetched_at: DateTime<Utc>,
}

impl OpenPage {
    /// Reads a page; `None` where the reply is none.
    fn read(entries: &mut Entries, location: Location) -> Result<Option<Self>> {
        let block = entries.block(location)?;
        let entry = entries.parse(&block, location)?;
        let EntryAnswer::Found(body) = entry.answer else { return Ok(None) };
        let fetched_at = entry.arrived_at;
        let Ok(page) = Expected::Participants.find(body.get().as_bytes()) else { return Ok(None) };
        let base = block.as_ptr() as usize;
        let place = |record: &RawValue| {
            let start = record.get().as_ptr() as usize - base;
            start..start + record.get().len()
        };
        let records = elements(page.value).unwrap_or_default().into_iter().map(place).collect();
        Ok(Some(Self { block, records, fetched_at }))
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
    /// The page that holds the record.
    page: u32,
    /// Its place on the page.
    place: u32,
}

/// Numbers of people by `user_id` and `custom_participant_id`.
type ByOther = HashMap<(WantKind, IdKey), Vec<u32>>;

/// A session's pages together.
pub(super) struct SessionPages {
    /// The pages that came, by number.
    pages: Vec<Location>,
    /// Everybody, each once, in the API's order.
    pub(super) people: Vec<Person>,
    by_id: HashMap<IdKey, u32>,
    /// Made where a want asks by another id than the participant's.
    by_other: OnceCell<ByOther>,
    /// Why a page is missing, where one is.
    pub(super) broken: Option<Failed>,
    /// When the last page arrived, and its tries and name.
    pub(super) last: Option<Failed>,
}

impl SessionPages {
    /// Reads a session's pages.
    fn read(session: SessionNo, replies: &Replies, cache: &mut PageCache) -> Result<Self> {
        let mut this = Self {
            pages: Vec::new(),
            people: Vec::new(),
            by_id: HashMap::new(),
            by_other: OnceCell::new(),
            broken: None,
            last: None,
        };
        for page in replies.pages(session) {
            let location = page.reply.location;
            let failed = reply_failed(&mut cache.entries, location)?;
            if page.reply.state != State::Found {
                this.broken = Some(failed.clone());
            }
            this.last = Some(failed);
            if let Some(open) = cache.page(location)? {
                this.add_page(location, &open);
            }
        }
        Ok(this)
    }

    fn add_page(&mut self, location: Location, open: &OpenPage) {
        let page = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        self.pages.push(location);
        for (index, place) in (0..open.records.len()).zip(0_u32..) {
            let listed = open.listed(index);
            let person = Person { id: listed.id, page, place };
            let known = listed.id.and_then(|id| self.by_id.get(&id).copied());
            let number = known.unwrap_or_else(|| u32::try_from(self.people.len()).unwrap_or(u32::MAX));
            if known.is_some() {
                self.people[number as usize] = person;
                continue;
            }
            self.people.push(person);
            if let Some(id) = listed.id {
                self.by_id.insert(id, number);
            }
        }
    }

    /// The participant with this id.
    pub(super) fn by_id(&self, id: IdKey) -> Option<Person> {
        self.by_id.get(&id).map(|number| self.people[*number as usize])
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
        let numbers = by_other.get(&(kind, key)).map(Vec::as_slice).unwrap_or_default();
        Ok(numbers.iter().map(|number| self.people[*number as usize]).collect())
    }

    fn read_others(&self, cache: &mut PageCache) -> Result<ByOther> {
        let mut by_other = ByOther::new();
        for (person, number) in self.people.iter().zip(0_u32..) {
            let (location, place) = self.place(*person);
            let Some(page) = cache.page(location)? else { continue };
            let listed = page.listed(place);
            for (kind, key) in [(WantKind::User, listed.user), (WantKind::Custom, listed.custom)] {
                if let Some(key) = key {
                    by_other.entry((kind, key)).or_default().push(number);
                }
            }
        }
        Ok(by_other)
    }

    /// The page and place of a person's record.
    pub(super) fn place(&self, person: Person) -> (Location, usize) {
        (self.pages[person.page as usize], person.place as usize)
    }
}

/// Pages kept open: rows of one session mostly follow each other.
const OPEN_PAGES: usize = 4;
/// Bytes of open pages beyond which they are closed before another is opened.
const OPEN_BYTES: usize = 8 << 20;
/// Sessions kept open: lists that are sorted by something else come back to a session soon or never.
const OPEN_SESSIONS: usize = 16;
/// People of open sessions beyond which only the last session is kept.
const OPEN_PEOPLE: usize = 20_000;

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

    /// A page; `None` where the reply at this place is none.
    pub(super) fn page(&mut self, location: Location) -> Result<Option<Rc<OpenPage>>> {
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
            let Some(open) = OpenPage::read(&mut self.entries, location)? else { return Ok(None) };
            Rc::new(open)
        };
        self.pages.push_back((location, Rc::clone(&open)));
        Ok(Some(open))
    }

    /// A session's pages.
    pub(super) fn session(&mut self, session: SessionNo, replies: &Replies) -> Result<Rc<SessionPages>> {
        let cached = self.sessions.iter().position(|(number, _)| *number == session);
        let pages = if let Some((_, pages)) = cached.and_then(|place| self.sessions.remove(place)) {
            pages
        } else {
            let pages = Rc::new(SessionPages::read(session, replies, self)?);
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
