//! The reference as Markdown: an overview, then a section for each table.

use std::fmt::Write as _;

use super::written;
use crate::tables::Table;

/// The reference of some tables: their overview, then a section for each.
#[must_use]
pub fn markdown(tables: &[Table]) -> String {
    let mut text = format!("# Tables\n\n{}", overview(tables));
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
