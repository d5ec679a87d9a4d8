//! `rtk-export schema`: the tables' reference, or the statements that create and load them; reads nothing.

use super::Ending;
use crate::cli::{Dialect, SchemaArgs, SchemaFormat, Statements};
use crate::error::{Error, Result};
use crate::reference::{self, Location};
use crate::tables::Table;
use crate::tables::schema::CallStatistics;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// [`Error::UnknownTable`] for a name that no table has, [`Error::LoadLocation`] for a `--from` that the
/// dialect cannot load from; what it prints cannot be written.
pub(super) fn run(args: &SchemaArgs, ui: &Ui) -> Result<Ending> {
    let tables = tables(&args.tables)?;
    let text = match (args.dialect, args.format) {
        (Some(dialect), _) => script(args, &tables, dialect)?,
        (None, SchemaFormat::Text) => reference::text(&tables),
        (None, SchemaFormat::Markdown) => reference::markdown(&tables),
        (None, SchemaFormat::Json) => reference::json(&tables),
    };
    ui.result(&text)?;
    Ok(Ending::Complete)
}

/// The statements of a dialect.
fn script(args: &SchemaArgs, tables: &[Table], dialect: Dialect) -> Result<String> {
    let location = Location::new(dialect, args.from.as_deref())?;
    // Every table can be created, but an export without call statistics has no files of theirs.
    let in_every_export: Vec<_> = Table::of(CallStatistics::LeftOut).collect();
    let loaded = if args.call_statistics || !args.tables.is_empty() { tables } else { &in_every_export };
    let load = || reference::load(loaded, &location);
    Ok(match args.statements {
        Statements::Create => reference::create(tables, dialect),
        Statements::Load => load(),
        Statements::All => format!("{}\n{}", reference::create(tables, dialect), load()),
    })
}

/// The tables named, in their own order; all where none is.
fn tables(names: &[String]) -> Result<Vec<Table>> {
    if let Some(unknown) = names.iter().find(|name| Table::named(name).is_none()) {
        return Err(Error::UnknownTable { name: unknown.clone() });
    }
    let is_wanted = |table: &Table| names.is_empty() || names.iter().any(|name| name == table.name());
    Ok(Table::ALL.into_iter().filter(is_wanted).collect())
}
