//! The reference as Markdown: an overview, then a section for each table.

use std::fmt::Write as _;

use super::written;
use crate::tables::Table;

/// What a table of a dataset has more.
const DATASET: &str = "\
In a dataset (`rtk-export sync`) each table is a folder for each day, `participants/session_date=2026-11-22/`: the day on which the
session was created, in the dataset's zone (`--tz`), for the rows of every table. No file has it as a column. Engines that read
such folders make one of their names: DuckDB with `hive_partitioning`, Spark by itself, Trino with `partitioned_by`. `rtk-export query`
does not have it; `rtk-export files --as json` tells it of each file.

The statements of `rtk-export schema --dialect` have no `session_date`. Where they divide a table by time, it is by the day or month in UTC of
the row's own `created_at` (`fetched_at` or `failed_at` where it has none), whatever the dataset's zone.
";

/// The reference of some tables: their overview, what a dataset has more, then a section for each.
#[must_use]
pub fn markdown(tables: &[Table]) -> String {
    let mut text = format!("# Tables\n\n{}\n{DATASET}", overview(tables));
    for table in tables {
        text.push('\n');
        text.push_str(&section(*table));
    }
    text
}

/// A row for each table: what a row of it is, its key, its columns.
#[must_use]
pub fn overview(tables: &[Table]) -> String {
    let mut text = "| table | a row is | key | columns |\n| --- | --- | --- | --- |\n".to_owned();
    for table in tables {
        let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
        let grain = table.grain().trim_start_matches("one row per ");
        let cells = [&format!("`{}`", table.name()), grain, &table.key().join(", "), &names.join(", ")];
        push_row(&mut text, &cells);
    }
    text
}

fn section(table: Table) -> String {
    let mut text = format!("## {}\n\n", table.name());
    let grain = table.grain();
    let (first, rest) = grain.split_at(grain.len().min(1));
    // Writing into a string cannot fail.
    let _ =
        write!(text, "{}{rest}. Written {}. Of {}.", first.to_uppercase(), written(table), table.object());
    let key: Vec<_> = table.key().iter().map(|name| format!("`{name}`")).collect();
    if key.is_empty() {
        text.push_str(" No key.\n\n");
    } else {
        let _ = write!(text, " Key: {}.\n\n", key.join(", "));
    }
    text.push_str(
        "| column | type | null | unit | meaning | source |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for column in table.columns() {
        let null = if column.nullable { "yes" } else { "no" };
        let (name, source) = (format!("`{}`", column.name), column.source.to_string());
        let cells = [name.as_str(), column.kind.name(), null, column.unit, column.meaning, &source];
        push_row(&mut text, &cells);
    }
    text
}

/// Adds a row of a table; a bar in a cell is no border.
fn push_row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        let space = if cell.is_empty() { "" } else { " " };
        let _ = write!(text, "|{space}{} ", cell.replace('|', "\\|"));
    }
    text.push_str("|\n");
}
