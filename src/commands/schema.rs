//! `rtk-export schema`: the tables' reference, or the statements that create them; reads nothing.

use super::Ending;
use crate::cli::{SchemaArgs, SchemaFormat};
use crate::error::{Error, Result};
use crate::reference;
use crate::tables::Table;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// [`Error::UnknownTable`] for a name that no table has; what it prints cannot be written.
pub(super) fn run(args: &SchemaArgs, ui: &Ui) -> Result<Ending> {
    let tables = tables(&args.tables)?;
    let text = match (args.dialect, args.format) {
        (Some(dialect), _) => reference::ddl(&tables, dialect),
        (None, SchemaFormat::Text) => reference::text(&tables),
        (None, SchemaFormat::Markdown) => reference::markdown(&tables),
        (None, SchemaFormat::Json) => reference::json(&tables),
    };
    ui.result(&text)?;
    Ok(Ending::Complete)
}

/// The tables named, in their own order; all where none is.
fn tables(names: &[String]) -> Result<Vec<Table>> {
    if let Some(unknown) = names.iter().find(|name| Table::named(name).is_none()) {
        return Err(Error::UnknownTable { name: unknown.clone() });
    }
    let is_wanted = |table: &Table| names.is_empty() || names.iter().any(|name| name == table.name());
    Ok(Table::ALL.into_iter().filter(is_wanted).collect())
}
