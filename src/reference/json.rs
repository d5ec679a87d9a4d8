//! The reference as JSON.

use serde::Serialize;

use super::written;
use crate::tables::Table;
use crate::tables::schema::{Column, SCHEMA_VERSION};

#[derive(Serialize)]
struct Reference {
    schema_version: u32,
    tables: Vec<TableReference>,
}

#[derive(Serialize)]
struct TableReference {
    name: &'static str,
    grain: &'static str,
    written: &'static str,
    object: &'static str,
    key: &'static [&'static str],
    columns: Vec<ColumnReference>,
}

#[derive(Serialize)]
struct ColumnReference {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    nullable: bool,
    unit: Option<&'static str>,
    meaning: &'static str,
    source: String,
}

/// The reference of some tables, with a line break at its end.
#[must_use]
pub fn json(tables: &[Table]) -> String {
    let tables = tables.iter().map(|table| TableReference::of(*table)).collect();
    let reference = Reference { schema_version: SCHEMA_VERSION, tables };
    // Text, numbers and booleans under text keys: nothing that JSON cannot say.
    serde_json::to_string_pretty(&reference).unwrap_or_default() + "\n"
}

impl TableReference {
    fn of(table: Table) -> Self {
        Self {
            name: table.name(),
            grain: table.grain(),
            written: written(table),
            object: table.object(),
            key: table.key(),
            columns: table.columns().iter().map(ColumnReference::of).collect(),
        }
    }
}

impl ColumnReference {
    fn of(column: &Column) -> Self {
        Self {
            name: column.name,
            kind: column.kind.name(),
            nullable: column.nullable,
            unit: (!column.unit.is_empty()).then_some(column.unit),
            meaning: column.meaning,
            source: column.source.to_string(),
        }
    }
}
