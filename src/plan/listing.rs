//! Listing a session's participants, or the app's sessions, page by page, where little is documented.
//!
//! Facts: API page, section 2. Neither the largest page nor the place of `paging` is documented, and
//! `paging` may be missing. So: ask 100; where that is refused for the first page, ask without a size; where
//! fewer come on it than asked while the total says more, go on with that size. From then on the size
//! stays: another one would be another place in the list. Stop when all of the total were seen, a
//! page is empty, or a page brings nothing new. Where something is missing then, pages may be counted from
//! 0: ask for that one too. What is missing after that is missing: the listing is short.
//!
//! The list of a live session changes while it is read. Short is what shows fewer than the smallest total
//! that a page told: who came meanwhile may be on no page that is still to be read.

use std::collections::HashSet;

use crate::model::{IdKey, PageSize};
use crate::wire::Paging;

/// Records asked for on a page: the largest number that published clients use with success.
pub(super) const PAGE_RECORDS: u32 = 100;

/// Whether there is more to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another page may bring more.
    Open,
    /// Everything was seen.
    Complete,
    /// There is no page more, yet fewer were seen than there are by the list's own total.
    Short,
    /// A page failed for good.
    Broken,
}

/// How far a listing falls short of its own total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Records on all pages, each once.
    pub listed: u64,
    /// How many there are.
    pub total: u64,
}

impl Shortfall {
    /// Whether pages that are all there are fall short of the smallest total that one of them told.
    #[must_use]
    pub fn of(listed: u64, least_total: Option<u64>) -> Option<Self> {
        least_total.filter(|total| *total > listed).map(|total| Self { listed, total })
    }
}

/// The state of one listing.
#[derive(Debug)]
pub struct Listing {
    /// The page to ask for next, from 1; 0 at last, where the server may count from 0.
    next_page: u32,
    size: PageSize,
    seen: HashSet<IdKey>,
    /// Records without an id: nobody can tell whether they are new.
    nameless: u64,
    /// Records of the largest page so far.
    granted: u64,
    /// The total, as the last page has it.
    total: Option<u64>,
    /// The smallest total that a page told.
    least_total: Option<u64>,
    progress: Progress,
    /// The size that page 1 was asked for.
    first_size: PageSize,
}

impl Listing {
    /// A listing of which no page was asked for.
    #[must_use]
    pub fn new(size: PageSize) -> Self {
        Self {
            next_page: 1,
            size,
            seen: HashSet::new(),
            nameless: 0,
            granted: 0,
            total: None,
            least_total: None,
            progress: Progress::Open,
            first_size: size,
        }
    }

    /// The next page's number and size.
    #[must_use]
    pub const fn next_page(&self) -> (u32, PageSize) {
        (self.next_page, self.size)
    }

    /// Whether there is more to list.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether a record of this id was seen.
    #[must_use]
    pub fn has(&self, id: IdKey) -> bool {
        self.seen.contains(&id)
    }

    /// Adds a page of records with these ids that was asked for with `size`.
    pub fn add(&mut self, size: PageSize, ids: impl Iterator<Item = Option<IdKey>>, paging: Paging) {
        let before = self.count();
        let mut records = 0;
        for id in ids {
            records += 1;
            match id {
                Some(id) => _ = self.seen.insert(id),
                None => self.nameless += 1,
            }
        }
        self.granted = self.granted.max(records);
        self.total = paging.total.or(self.total);
        self.least_total = self.least_total.into_iter().chain(paging.total).min();
        if self.next_page == 0 {
            self.end();
        } else if self.total.is_some_and(|total| total <= self.count()) {
            self.progress = Progress::Complete;
        } else if self.count() == before {
            self.end_of_pages(size);
        } else {
            if self.next_page == 1 {
                self.settle_size(size, records);
            }
            self.next_page += 1;
        }
    }

    /// The size of all pages, from what came of the first.
    fn settle_size(&mut self, size: PageSize, records: u64) {
        (self.size, self.first_size) = (size, size);
        if let (PageSize::Records(asked), Ok(granted)) = (size, u32::try_from(records))
            && granted < asked
            && self.total.is_some()
        {
            self.size = PageSize::Records(granted);
        }
    }

    /// No page brings anything new. Where the total says that something is missing, pages may be counted
    /// from 0: page 0, in the size of page 1, holds just those before it.
    const fn end_of_pages(&mut self, size: PageSize) {
        if self.total.is_some() {
            if self.next_page == 1 {
                self.first_size = size;
            }
            self.next_page = 0;
            self.size = self.first_size;
        } else {
            self.progress = Progress::Complete;
        }
    }

    /// There is no page more.
    fn end(&mut self) {
        let shortfall = Shortfall::of(self.count(), self.least_total);
        self.progress = if shortfall.is_some() { Progress::Short } else { Progress::Complete };
    }

    /// The server refuses pages of this size: ask for the first one without.
    pub const fn leave_size_to_server(&mut self) {
        self.size = PageSize::ServerDefault;
    }

    /// A page failed for good. Page 0 need not be there.
    pub fn fail(&mut self) {
        if self.next_page == 0 {
            self.end();
        } else {
            self.progress = Progress::Broken;
        }
    }

    /// Gives the memory of a listing back that has ended: how it ended stays.
    pub(super) fn forget_ids(&mut self) {
        self.seen = HashSet::new();
    }

    /// How far it falls short of its own total, once there is no page more.
    #[must_use]
    pub fn shortfall(&self) -> Option<Shortfall> {
        (self.progress == Progress::Short).then(|| Shortfall::of(self.count(), self.least_total)).flatten()
    }

    /// How many pages are left, as far as the total tells; `None` where it does not.
    #[must_use]
    pub fn pages_left(&self) -> Option<u64> {
        let left = self.total?.saturating_sub(self.count());
        Some(left.div_ceil(self.granted.max(1)))
    }

    fn count(&self) -> u64 {
        self.seen.len() as u64 + self.nameless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(listing: &mut Listing, size: PageSize, ids: std::ops::Range<u32>, total: Option<u64>) {
        listing.add(size, ids.map(|n| Some(IdKey::of(&n.to_string()))), Paging { total });
    }

    /// Lists a session of `people` on a server that grants at most `limit`; gives the pages asked for.
    fn list(people: u32, limit: u32, tells_total: bool) -> Vec<(u32, PageSize)> {
        let mut listing = Listing::new(PageSize::Records(PAGE_RECORDS));
        let mut asked = Vec::new();
        while listing.progress() == Progress::Open {
            let (number, size) = listing.next_page();
            asked.push((number, size));
            let PageSize::Records(records) = size else { panic!("size left to the server") };
            let granted = records.min(limit);
            let start = ((number - 1) * granted).min(people);
            let end = (start + granted).min(people);
            add(&mut listing, size, start..end, tells_total.then_some(u64::from(people)));
        }
        assert_eq!(listing.seen.len(), people as usize);
        asked
    }

    #[test]
    fn pages_end_with_the_total() {
        assert_eq!(list(0, 100, true).len(), 1);
        assert_eq!(list(100, 100, true).len(), 1);
        assert_eq!(list(101, 100, true).len(), 2);
        assert_eq!(list(250, 100, true).len(), 3);
    }

    #[test]
    fn without_a_total_they_end_with_an_empty_page() {
        assert_eq!(list(0, 100, false).len(), 1);
        assert_eq!(list(7, 100, false).len(), 2);
        assert_eq!(list(100, 100, false).len(), 2);
        // Clamped to 25 and nobody says so.
        assert_eq!(list(60, 25, false).len(), 4);
    }

    #[test]
    fn a_clamped_size_is_gone_on_with() {
        let asked = list(60, 25, true);
        assert_eq!(
            asked,
            [(1, PageSize::Records(100)), (2, PageSize::Records(25)), (3, PageSize::Records(25))]
        );
    }

    #[test]
    fn a_page_that_repeats_ends_the_listing() {
        let mut listing = Listing::new(PageSize::Records(100));
        add(&mut listing, PageSize::Records(100), 0..100, Some(500));
        assert_eq!(listing.pages_left(), Some(4));
        add(&mut listing, PageSize::Records(100), 0..100, Some(500));
        // 400 are missing: perhaps pages are counted from 0.
        assert_eq!((listing.progress(), listing.next_page()), (Progress::Open, (0, PageSize::Records(100))));
        add(&mut listing, PageSize::Records(100), 0..100, Some(500));
        assert_eq!(listing.progress(), Progress::Short);
        assert_eq!(listing.shortfall(), Some(Shortfall { listed: 100, total: 500 }));
    }

    #[test]
    fn a_later_page_of_fewer_changes_no_size() {
        let mut listing = Listing::new(PageSize::Records(100));
        add(&mut listing, PageSize::Records(100), 0..100, Some(250));
        add(&mut listing, PageSize::Records(100), 100..110, Some(250));
        assert_eq!(listing.next_page(), (3, PageSize::Records(100)));
        add(&mut listing, PageSize::Records(100), 200..250, Some(250));
        // 90 of page 2 were never shown.
        let mut pages = vec![listing.next_page()];
        add(&mut listing, PageSize::Records(100), 0..0, Some(250));
        pages.push(listing.next_page());
        listing.fail();
        assert_eq!(pages, [(4, PageSize::Records(100)), (0, PageSize::Records(100))]);
        assert_eq!(listing.shortfall(), Some(Shortfall { listed: 160, total: 250 }));
    }

    #[test]
    fn a_live_session_is_not_short_of_who_came_or_went_meanwhile() {
        let list = |pages: [(std::ops::Range<u32>, u64); 3]| {
            let mut listing = Listing::new(PageSize::Records(100));
            for (ids, total) in pages {
                if listing.progress() == Progress::Open {
                    add(&mut listing, PageSize::Records(100), ids, Some(total));
                }
            }
            // Page 0, which is none.
            if listing.progress() == Progress::Open {
                listing.fail();
            }
            (listing.progress(), listing.shortfall())
        };
        let complete = (Progress::Complete, None);
        // Who came stands before page 2, who was there on page 1 is pushed onto it.
        assert_eq!(list([(0..100, 150), (99..150, 151), (0..0, 151)]), complete);
        // Who went is counted no more.
        assert_eq!(list([(0..100, 151), (100..150, 150), (0..0, 150)]), complete);
        assert_eq!(list([(0..100, 151), (100..150, 151), (0..0, 150)]), complete);
        let short = Some(Shortfall { listed: 149, total: 150 });
        assert_eq!(list([(0..100, 150), (100..149, 151), (0..0, 151)]), (Progress::Short, short));
    }
}
