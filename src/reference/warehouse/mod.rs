//! The statements of a warehouse: they create the tables, and load an export or a dataset into them.
//!
//! In: tables, a dialect, and where the export lies; of a dataset, also which of its files are current. Out: a
//! script of that dialect.
//! Guarantees: every statement can be run again. An export that is loaded twice leaves each table as after
//! once; of an export that follows another, rows are replaced in [whole units](unit), and nothing is
//! deleted that the export does not have. Of a dataset, sessions are replaced whole. Nothing that was typed or read
//! stands in a script unescaped.
//! Not here: the columns themselves (`tables::schema`), running any of it.

mod columns;
mod create;
mod dataset;
mod load;
mod location;
mod replace;

pub use create::create;
pub use dataset::{CurrentFiles, load_dataset, takes_datasets};
pub use load::load;
pub use location::Location;

use crate::tables::Table;

/// The columns of what a load replaces whole: the rows of a participant, of a list, or a session.
///
/// More than one row where a table's key has more columns, so that an event that is no longer among a
/// participant's does not stay. Units are those of the table's own staged rows: a participant who comes
/// again with no row at all in a table keeps there what was loaded, and a request that failed deletes nothing.
const fn unit(table: Table) -> &'static [&'static str] {
    match table {
        Table::Sessions => &["session_id"],
        Table::IdList | Table::Labels => &["list_file"],
        // Without a key: rows that say of one id of one list row that it failed.
        Table::Failures => &["session_id", "participant_id", "list_file", "row_number"],
        Table::Participants
        | Table::PeerEvents
        | Table::CallStats
        | Table::CallEvents
        | Table::QualitySamples
        | Table::QualitySummary
        | Table::DeviceUpdates
        | Table::CandidatePairs
        | Table::ConnectionMetadata => &["session_id", "participant_id"],
    }
}

/// The time by whose month or day a table is divided; none where it has none.
fn time_of(table: Table) -> Option<&'static str> {
    let has = |name: &&str| table.columns().iter().any(|column| column.name == *name);
    ["created_at", "fetched_at", "failed_at"].into_iter().find(has)
}
