//! Stage 5: log entries -> record batches; pure.
//!
//! In: a complete [`Log`] and what was wanted. Out: batches of every table, in plan order, handed on as
//! they fill; then [`Made`], the sums.
//! Guarantees: a function of the log alone: the same log gives the same batches, whatever the order in
//! which replies came. Nothing that the API sent is dropped, but digits past the ninth and below the
//! microsecond; sums are exact. A row that cannot be made is a row of `failures`, never an error.
//! Memory: a few unpacked blocks of the log (a reply of 50 MB is one), a few open pages, the ids of the
//! session at hand, a batch per table, and what threads made ahead (`crew`).
//! Not here: files, formats, the network.

mod chunks;
mod columns;
mod crew;
mod export;
mod failures;
mod found;
mod id_list;
mod input;
mod known;
mod participants;
mod peer_events;
mod record;
pub mod schema;
mod session_pages;
mod sessions;
mod statistics;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

pub use participants::Totals;
pub use schema::{CallStatistics, Table};
pub use warnings::{Noted, Notice, Warnings};

use crate::error::Result;
use crate::log::{Log, Replies};
use crate::plan::Wants;
use chunks::Ends;
use input::Input;

/// Who takes the batches.
pub type Hand<'a> = &'a mut (dyn FnMut(Table, RecordBatch) -> Result<()> + 'a);

/// What was made beside the batches.
#[derive(Debug)]
pub struct Made {
    /// Sums over participants and events.
    pub totals: Totals,
    /// Rows of `failures`, by `reason`.
    pub failures: BTreeMap<&'static str, u64>,
    /// What was odd.
    pub warnings: Warnings,
    /// Where days are asked for: what was odd on each day, and what is of none.
    pub warnings_by_day: BTreeMap<Option<NaiveDate>, Warnings>,
    /// Details requests that pages made needless.
    pub saved_by_listing: u64,
}

/// Makes all tables of an export.
///
/// # Errors
/// The log cannot be read, or `hand` fails.
pub fn make(log: &Log, wants: &Wants, replies: &Replies, hand: Hand<'_>) -> Result<Made> {
    make_by(log, wants, replies, hand, Ends::USUAL, crew::usual_workers())
}

/// The same in chunks of a certain size, by so many threads beside this one.
fn make_by(
    log: &Log,
    wants: &Wants,
    replies: &Replies,
    hand: Hand<'_>,
    ends: Ends,
    workers: usize,
) -> Result<Made> {
    let input = Input::new(log, wants, replies)?;
    let sums = crew::make(&input, log.rows()?, hand, ends, workers)?;
    Ok(Made {
        totals: sums.totals,
        failures: sums.failures,
        warnings: sums.warnings,
        warnings_by_day: sums.by_day,
        saved_by_listing: sums.from_pages.saturating_sub(sums.pages_for_details),
    })
}
