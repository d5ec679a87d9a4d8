//! What tables and columns mean: for people, for documents, for programs, for a warehouse.
//!
//! In: the schema, and which tables. Out: text, Markdown, JSON, or the statements that create the tables
//! in a warehouse and load them.
//! Guarantees: nothing is said here that the schema does not say; the README's overview and
//! `samples/tables.md` are this Markdown, word for word. In DDL the types hold every value, and keys are named where the
//! engine has such a thing.
//! Not here: the columns themselves (`tables::schema`).

mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod text;
mod warehouse;

pub use json::json;
pub use markdown::{markdown, overview};
pub use text::text;
pub use warehouse::{CurrentFiles, Location, create, load, load_dataset, takes_datasets};

use crate::tables::Table;

/// When a table is part of an export.
const fn written(table: Table) -> &'static str {
    if table.is_statistics() { "with --filters" } else { "always" }
}
