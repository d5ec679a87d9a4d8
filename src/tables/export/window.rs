//! The window's part of the walk: after the list rows, every session that no list asked for as a whole;
//! and the records that discovery has of sessions.

use super::super::columns::Columns;
use super::super::failures::Failed;
use super::super::schema::Table;
use super::super::sessions;
use super::super::warnings::{Notice, excerpt};
use super::Export;
use crate::error::Result;
use crate::fetch::Reason;
use crate::log::{Location, Log, Replies, discovered};
use crate::model::Window;
use crate::plan::{Judgement, RecordPlace, SessionNo, Shortfall, Wants, judge};
use crate::wire::{Expected, ListedSession, text};

/// Where the records of the window's sessions are: 12 bytes each.
pub(super) struct WindowRecords {
    window: Option<Window>,
    /// The sessions list's pages, and whether what is odd about each was noted.
    pages: Vec<(Location, bool)>,
    /// By session: number of the page, number of the record on it.
    sessions: Vec<(SessionNo, u32, u32)>,
    /// Records without a usable id.
    nameless: Vec<(u32, u32)>,
    /// How far the sessions list falls short of its total, where it does.
    short: Option<Shortfall>,
}

impl WindowRecords {
    /// Finds the records of a log's window.
    pub(super) fn find(log: &Log, wants: &Wants, replies: &Replies) -> Result<Self> {
        let listed = replies.sessions_pages();
        let place = |place: RecordPlace| {
            let page = listed.binary_search_by_key(&place.page_no, |page| page.page_no).ok()?;
            Some((u32::try_from(page).ok()?, place.record))
        };
        let found = discovered(log, replies)?;
        let session = |(id, at): (_, RecordPlace)| {
            let (page, record) = place(at)?;
            Some((wants.session_number(id)?, page, record))
        };
        let mut sessions: Vec<_> = found.sessions.into_iter().filter_map(session).collect();
        sessions.sort_unstable();
        Ok(Self {
            window: log.head().window(),
            pages: listed.iter().map(|page| (page.reply.location, false)).collect(),
            sessions,
            nameless: found.nameless.into_iter().filter_map(place).collect(),
            short: found.short,
        })
    }

    fn of_session(&self, session: SessionNo) -> Option<(u32, u32)> {
        let place = self.sessions.binary_search_by_key(&session, |(number, ..)| *number).ok()?;
        let (_, page, record) = self.sessions[place];
        Some((page, record))
    }
}

impl Export<'_> {
    /// Adds everything that the window asks for beyond the lists.
    pub(in crate::tables) fn add_window(&mut self) -> Result<()> {
        if let Some(Shortfall { listed, total }) = self.window.short {
            // Sessions that nobody named: there is no id to fail.
            let example =
                || format!("the sessions list: {listed} sessions on all pages, {total} by its total");
            self.warnings.note(Notice::ShortListing, Table::Sessions, "total_count", example);
        }
        // All rows were added: the wants that are left are the window's.
        while (self.next_want as usize) < self.wants.len() {
            let want = self.next_want;
            self.next_want += 1;
            self.first_mention(want, None)?;
            self.hand_on(Columns::is_full)?;
        }
        for place in std::mem::take(&mut self.window.nameless) {
            self.fail_nameless_session(place)?;
            self.hand_on(Columns::is_full)?;
        }
        Ok(())
    }

    /// A session's own record, as discovery has it.
    pub(super) fn add_discovered(&mut self, session: SessionNo) -> Result<()> {
        let Some((page, record)) = self.window.of_session(session) else { return Ok(()) };
        let Some((location, noted)) = self.window.pages.get_mut(page as usize) else { return Ok(()) };
        let (location, noted) = (*location, std::mem::replace(noted, true));
        let Some(page) = self.cache.page_of(Expected::Sessions, location)? else { return Ok(()) };
        if !noted {
            for (notice, path, example) in &page.odd {
                self.warnings.note(*notice, Table::Sessions, path, || example.clone());
            }
        }
        let object = page.object(record as usize).unwrap_or_default();
        let session_id = self.wants.session_id(session).to_string();
        let listed = ListedSession::of(&object);
        if self.window.window.as_ref().is_some_and(|window| judge(window, &listed) == Judgement::Unclear) {
            self.warnings.note(Notice::UnclearSession, Table::Sessions, "", || session_id.clone());
        }
        sessions::add(&mut self.sessions, &session_id, object, &[], page.fetched_at, &mut self.warnings);
        Ok(())
    }

    /// A record of the sessions list that names no session: nobody can be asked for.
    fn fail_nameless_session(&mut self, (page, record): (u32, u32)) -> Result<()> {
        let Some((location, _)) = self.window.pages.get(page as usize) else { return Ok(()) };
        let Some(page) = self.cache.page_of(Expected::Sessions, *location)? else { return Ok(()) };
        let written = page.record(record as usize).map(excerpt).unwrap_or_default();
        let message = format!("a record of the sessions list has no usable id: {written}");
        let failed = Failed { message, ..Failed::unsent(Reason::BadResponse, page.fetched_at) };
        let id = page.object(record as usize).and_then(|object| object.get("id").and_then(text));
        self.failures.add(id.as_deref(), None, None, &failed);
        Ok(())
    }
}
