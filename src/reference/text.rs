//! The reference for a terminal: a line for each column.

use std::fmt::Write as _;

use super::written;
use crate::tables::Table;
use crate::tables::schema::Column;

/// The reference of some tables.
#[must_use]
pub fn text(tables: &[Table]) -> String {
    tables.iter().map(|table| of_table(*table)).collect::<Vec<_>>().join("\n")
}

fn of_table(table: Table) -> String {
    let mut text = format!("{}: {}\n", table.name(), table.grain());
    let key = if table.key().is_empty() { "none".to_owned() } else { table.key().join(", ") };
    for (name, value) in [("written", written(table)), ("of", table.object()), ("key", key.as_str())] {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {name:<8} {value}");
    }
    let columns = table.columns();
    let longest = |of: fn(&Column) -> &'static str| columns.iter().map(|column| of(column).len()).max();
    let names = longest(|column| column.name).unwrap_or(0);
    let kinds = longest(|column| column.kind.name()).unwrap_or(0);
    text.push('\n');
    for column in columns {
        let null = if column.nullable { "null" } else { "" };
        let _ = write!(text, "  {:<names$}  {:<kinds$}  {null:<4}  ", column.name, column.kind.name());
        text.push_str(column.meaning);
        if !column.unit.is_empty() {
            let _ = write!(text, " [{}]", column.unit);
        }
        let _ = writeln!(text, " <- {}", column.source);
    }
    text
}
