//! `rtk-export schema`: the tables' reference, or the statements that create and load them. Reads nothing, but of a
//! dataset its commit.

use super::Ending;
use crate::cli::{Dialect, SchemaArgs, SchemaFormat, Statements};
use crate::config::{DatasetConfig, SchemaConfig};
use crate::dataset::published;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::reference::{self, CurrentFiles, Location};
use crate::tables::Table;
use crate::tables::schema::CallStatistics;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// [`Error::UnknownTable`] for a name that no table has, [`Error::LoadLocation`] for a `--from` that the
/// dialect cannot load from, [`Error::LoadDataset`] where it loads no dataset; what the dataset's place refuses; what
/// it prints cannot be written.
pub(super) async fn run(config: SchemaConfig, ui: &Ui) -> Result<Ending> {
    let SchemaConfig { args, dataset } = config;
    let tables = tables(&args.tables)?;
    let text = match (args.dialect, dataset, args.format) {
        (Some(dialect), Some(dataset), _) => script_of_dataset(&args, tables, dialect, &dataset).await?,
        (Some(dialect), None, _) => script(&args, &tables, dialect)?,
        (None, _, SchemaFormat::Text) => reference::text(&tables),
        (None, _, SchemaFormat::Markdown) => reference::markdown(&tables),
        (None, _, SchemaFormat::Json) => reference::json(&tables),
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
    all(args.statements, tables, dialect, || Ok(reference::load(loaded, &location)))
}

/// The statements of a dialect for the current files of a dataset.
async fn script_of_dataset(
    args: &SchemaArgs,
    mut tables: Vec<Table>,
    dialect: Dialect,
    config: &DatasetConfig,
) -> Result<String> {
    reference::takes_datasets(dialect)?;
    let place = Place::open(&config.place)?;
    let shown = place.show(None);
    let location = Location::new(dialect, Some(args.from.as_ref().unwrap_or(&shown)))?;
    let Some(dataset) = published(&place).await?.dataset else {
        return Err(Error::LoadLocation {
            location: shown,
            why: "it is an export, not a dataset",
            wanted: "an export's place, without --dataset",
        });
    };
    // What is replaced is a session.
    if !tables.contains(&Table::Sessions) {
        tables.push(Table::Sessions);
        tables.sort_unstable();
    }
    let there = dataset.commit.tables;
    let (loaded, missing): (Vec<_>, Vec<_>) =
        tables.iter().copied().partition(|table| there.iter().any(|name| name == table.name()));
    let is_wanted = |table: &&Table| !args.tables.is_empty() || **table == Table::Sessions;
    if let Some(table) = missing.iter().find(is_wanted) {
        return Err(Error::NoTableOfDataset { place: shown, table: table.name(), there });
    }
    let mut files = CurrentFiles::new(dataset.pointer.generation, config.since);
    let days = dataset.commit.days.values().filter(|day| config.since.is_none_or(|since| day.day >= since));
    for file in days.flat_map(|day| &day.files) {
        if let Some(table) = Table::named(&file.table) {
            files.add(table, &file.path, file.rows);
        }
    }
    all(args.statements, &tables, dialect, || reference::load_dataset(&loaded, &location, &files))
}

/// Those of the statements that are wanted.
fn all(
    wanted: Statements,
    created: &[Table],
    dialect: Dialect,
    load: impl FnOnce() -> Result<String>,
) -> Result<String> {
    let create = || reference::create(created, dialect);
    match wanted {
        Statements::Create => Ok(create()),
        Statements::Load => load(),
        Statements::All => Ok(format!("{}\n{}", create(), load()?)),
    }
}

/// The tables named, in their own order; all where none is.
fn tables(names: &[String]) -> Result<Vec<Table>> {
    if let Some(unknown) = names.iter().find(|name| Table::named(name).is_none()) {
        return Err(Error::UnknownTable { name: unknown.clone() });
    }
    let is_wanted = |table: &Table| names.is_empty() || names.iter().any(|name| name == table.name());
    Ok(Table::ALL.into_iter().filter(is_wanted).collect())
}
