//! What tables and columns mean: for people, for documents, for programs, for a warehouse.
//!
//! In: the schema, and which tables. Out: text, Markdown, JSON, or the statements that create the tables.
//! Guarantees: nothing is said here that the schema does not say; the README's overview and
//! `samples/tables/README.md` are this Markdown, word for word. In DDL the types hold every value, keys are named where the engine
//! has such a thing, and no identifier needs quotes.
//! Not here: the columns themselves (`tables::schema`).

mod ddl;
mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

pub use ddl::ddl;
pub use json::json;
pub use markdown::{markdown, overview};
pub use text::text;

use crate::tables::Table;

/// When a table is part of an export.
const fn written(table: Table) -> &'static str {
    if table.is_statistics() { "with --filters" } else { "always" }
}
