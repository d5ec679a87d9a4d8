//! The sessions of the export's window, as the log's pages of the sessions list have them.

use super::State;
use super::entry::EntryAnswer;
use super::reader::Log;
use super::replies::Replies;
use crate::error::Result;
use crate::model::PageSize;
use crate::plan::{Discovered, Findings, Listing};
use crate::wire::SessionsPage;

/// Finds the window's sessions again; none where the export has no window.
///
/// # Errors
/// The log cannot be read.
pub fn discovered(log: &Log, replies: &Replies) -> Result<Discovered> {
    let Some(window) = log.head().window() else { return Ok(Discovered::default()) };
    let mut findings = Findings::new(window);
    let mut entries = log.entries();
    let pages = replies.sessions_pages();
    // Page 0 was asked for last.
    let (zero, others) = pages.split_at(pages.partition_point(|page| page.page_no == 0));
    let mut listing = Listing::new(others.first().map_or(PageSize::ServerDefault, |page| page.size));
    for page in others.iter().chain(zero) {
        if page.reply.state != State::Found {
            listing.fail();
            continue;
        }
        let block = entries.block(page.reply.location)?;
        // What is no page was refused as one before it was logged.
        if let EntryAnswer::Found(body) = entries.parse(&block, page.reply.location)?.answer
            && let Ok(read) = SessionsPage::parse(body.get().as_bytes())
        {
            listing.add(page.size, read.listed.iter().map(|listed| listed.id), read.paging);
            findings.add(page.page_no, &read);
        }
    }
    Ok(Discovered { short: listing.shortfall(), ..findings.finish() })
}
