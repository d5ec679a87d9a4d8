//! Stage 5: log entries -> record batches; pure.
//!
//! In: a complete [`Log`] and what was wanted. Out: batches of every table, in plan order, handed on as
//! they fill; then [`Made`], the sums.
//! Guarantees: a function of the log alone: the same log gives the same batches, whatever the order in
//! which replies came. Nothing that the API sent is dropped, but digits past the ninth and below the
//! microsecond; sums are exact. A row that cannot be made is a row of `failures`, never an error.
//! Memory: one unpacked block of the log (a reply of 50 MB is one), a few open pages, the ids of the
//! session at hand, and a batch per table.
//! Not here: files, formats, the network.

mod columns;
mod export;
mod failures;
mod found;
mod id_list;
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

pub use participants::Totals;
pub use schema::{CallStatistics, Table};
pub use warnings::{Noted, Notice, Warnings};

use crate::error::Result;
use crate::log::{Log, Replies};
use crate::plan::Wants;
use export::Export;

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
    /// Details requests that pages made needless.
    pub saved_by_listing: u64,
}

/// Makes all tables of an export.
///
/// # Errors
/// The log cannot be read, or `hand` fails.
pub fn make(log: &Log, wants: &Wants, replies: &Replies, hand: Hand<'_>) -> Result<Made> {
    let mut export = Export::new(log, wants, replies, hand)?;
    for row in log.rows()? {
        export.add_row(&row?)?;
    }
    export.add_window()?;
    export.finish()
}
