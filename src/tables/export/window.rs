//! The window's part of the walk: the records that discovery has of sessions.

use chrono::NaiveDate;

use super::super::columns::Columns;
use super::super::failures::Failed;
use super::super::schema::Table;
use super::super::sessions;
use super::super::warnings::{Notice, excerpt};
use super::Export;
use crate::error::Result;
use crate::fetch::Reason;
use crate::log::{Location, Log, Replies, discovered};
use crate::model::{SessionId, Window};
use crate::plan::{FoundSession, Judgement, RecordPlace, SessionDays, SessionNo, Shortfall, Wants, judge};
use crate::wire::{Expected, ListedSession, text};

/// Where the records of the window's sessions are: 12 bytes each.
pub(in crate::tables) struct WindowRecords {
    window: Option<Window>,
    /// The sessions list's pages, and the first session of each: with it, what is odd about the page is told.
    pages: Vec<(Location, Option<SessionNo>)>,
    /// By session: number of the page, number of the record on it.
    sessions: Vec<(SessionNo, u32, u32)>,
    /// Records without a usable id.
    nameless: Vec<(u32, u32)>,
    /// Sessions that are of no day, where days are asked for.
    undated: Vec<SessionId>,
    /// Where days are asked for.
    days: Option<SessionDays>,
    /// How far the sessions list falls short of its total, where it does.
    short: Option<Shortfall>,
}

impl WindowRecords {
    /// Finds the records of a log's window.
    pub(in crate::tables) fn find(log: &Log, wants: &Wants, replies: &Replies) -> Result<Self> {
        let listed = replies.sessions_pages();
        let place = |place: RecordPlace| {
            let page = listed.binary_search_by_key(&place.page_no, |page| page.page_no).ok()?;
            Some((u32::try_from(page).ok()?, place.record))
        };
        let found = discovered(log, replies)?;
        let session = |found: FoundSession| {
            let (page, record) = place(found.place)?;
            Some((wants.session_number(found.id)?, page, record))
        };
        let window = log.head().window();
        let range = window.as_ref().and_then(|window| window.days);
        let days = range.map(|range| SessionDays::of(&range, &found, wants));
        let mut sessions: Vec<_> = found.sessions.into_iter().filter_map(session).collect();
        sessions.sort_unstable();
        let mut pages: Vec<_> = listed.iter().map(|page| (page.reply.location, None)).collect();
        for (session, page, _) in &sessions {
            pages[*page as usize].1.get_or_insert(*session);
        }
        Ok(Self {
            window,
            pages,
            sessions,
            days,
            undated: found.undated,
            nameless: found.nameless.into_iter().filter_map(place).collect(),
            short: found.short,
        })
    }

    /// Whether days are asked for.
    pub(in crate::tables) const fn has_days(&self) -> bool {
        self.days.is_some()
    }

    /// The day of a session, where days are asked for.
    pub(in crate::tables) fn day(&self, session: SessionNo) -> Option<NaiveDate> {
        self.days.as_ref()?.day(session)
    }

    fn of_session(&self, session: SessionNo) -> Option<(u32, u32)> {
        let place = self.sessions.binary_search_by_key(&session, |(number, ..)| *number).ok()?;
        let (_, page, record) = self.sessions[place];
        Some((page, record))
    }
}

impl Export<'_> {
    /// Adds what the window has beside sessions.
    pub(super) fn end_window(&mut self) -> Result<()> {
        if let Some(Shortfall { listed, total }) = self.input.window.short {
            // Sessions that nobody named: there is no id to fail.
            let example =
                || format!("the sessions list: {listed} sessions on all pages, {total} by its total");
            self.sums.warnings.note(Notice::ShortListing, Table::Sessions, "total_count", example);
        }
        for session in &self.input.window.undated {
            self.sums.warnings.note(Notice::Undated, Table::Sessions, "created_at", || session.to_string());
        }
        for place in &self.input.window.nameless {
            self.fail_nameless_session(*place)?;
            self.hand_on(Columns::is_full)?;
        }
        Ok(())
    }

    /// A session's own record, as discovery has it.
    pub(super) fn add_discovered(&mut self, session: SessionNo) -> Result<()> {
        let Some((page, record)) = self.input.window.of_session(session) else { return Ok(()) };
        let Some((location, first)) = self.input.window.pages.get(page as usize) else { return Ok(()) };
        let Some(page) = self.cache.page_of(Expected::Sessions, *location)? else { return Ok(()) };
        if *first == Some(session) {
            for (notice, path, example) in &page.odd {
                self.sums.warnings.note(*notice, Table::Sessions, path, || example.clone());
            }
        }
        let object = page.object(record as usize).unwrap_or_default();
        let session_id = self.input.wants.session_id(session).to_string();
        let listed = ListedSession::of(&object);
        if self
            .input
            .window
            .window
            .as_ref()
            .is_some_and(|window| judge(window, &listed) == Judgement::Unclear)
        {
            self.sums.warnings.note(Notice::UnclearSession, Table::Sessions, "", || session_id.clone());
        }
        sessions::add(&mut self.sessions, &session_id, object, &[], page.fetched_at, &mut self.sums.warnings);
        Ok(())
    }

    /// A record of the sessions list that names no session: nobody can be asked for.
    fn fail_nameless_session(&mut self, (page, record): (u32, u32)) -> Result<()> {
        let Some((location, _)) = self.input.window.pages.get(page as usize) else { return Ok(()) };
        let Some(page) = self.cache.page_of(Expected::Sessions, *location)? else { return Ok(()) };
        let written = page.record(record as usize).map(excerpt).unwrap_or_default();
        let message = format!("a record of the sessions list has no usable id: {written}");
        let failed = Failed { message, ..Failed::unsent(Reason::BadResponse, page.fetched_at) };
        let id = page.object(record as usize).and_then(|object| object.get("id").and_then(text));
        self.failures.add(id.as_deref(), None, None, &failed);
        Ok(())
    }
}
