//! The sessions of the export's window, as the log's pages of the sessions list have them.

use super::State;
use super::entry::EntryAnswer;
use super::reader::Log;
use super::replies::Replies;
use crate::error::Result;
use crate::plan::{Discovered, Findings};
use crate::wire::SessionsPage;

/// Finds the window's sessions again; none where the export has no window.
///
/// # Errors
/// The log cannot be read.
pub fn discovered(log: &Log, replies: &Replies) -> Result<Discovered> {
    let Some(window) = log.head().window() else { return Ok(Discovered::default()) };
    let mut findings = Findings::new(window);
    let mut entries = log.entries()?;
    for page in replies.sessions_pages().iter().filter(|page| page.reply.state == State::Found) {
        let block = entries.block(page.reply.location)?;
        // What is no page was refused as one before it was logged.
        if let EntryAnswer::Found(body) = entries.parse(&block, page.reply.location)?.answer
            && let Ok(read) = SessionsPage::parse(body.get().as_bytes())
        {
            findings.add(page.page_no, &read);
        }
    }
    Ok(findings.finish())
}
