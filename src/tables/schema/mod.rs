//! Every table and column once: name, type, nullability, unit, meaning and where it comes from.
//!
//! The names are the contract's; files, footers, docs and DDL are made from these pages. The columns of
//! call statistics are also filled by them: a column made by `fed` takes the fields that it names.

mod connections;
mod lists;
mod quality;
mod records;
mod statistics;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use arrow::datatypes::{DataType, TimeUnit};

pub use table::{CallStatistics, Table};

/// The version of the tables' shape: names, types and meanings. In the manifest and every footer.
pub const SCHEMA_VERSION: u32 = 1;

/// The type of a column, named by what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text: ids, names, enumerations.
    Text,
    /// Text that is a JSON object or array.
    Json,
    /// A count or index.
    Int,
    /// A measurement. JSON's numbers have no size: one with more digits than a double holds is there as
    /// the nearest double, and verbatim in `extra`.
    Float,
    /// Yes or no.
    Bool,
    /// A time in UTC with microseconds.
    Time,
    /// Minutes as `decimal(18,9)`.
    Minutes,
    /// A sum of minutes as `decimal(38,9)`.
    MinutesSum,
}

impl Kind {
    /// The Arrow type.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Minutes => DataType::Decimal128(18, 9),
            Self::MinutesSum => DataType::Decimal128(38, 9),
        }
    }

    /// The type as the contract writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Json => "string (JSON)",
            Self::Int => "int64",
            Self::Float => "double",
            Self::Bool => "boolean",
            Self::Time => "timestamp[us, UTC]",
            Self::Minutes => "decimal(18,9)",
            Self::MinutesSum => "decimal(38,9)",
        }
    }
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In words.
    Told(&'static str),
    /// Fields of the object that a row is of, by their paths in it: of two that a reply has both, the
    /// first met fills the column, and the other stays in `extra` where it says something else.
    Fields(&'static [&'static str]),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(words) => f.write_str(words),
            Self::Fields(paths) => f.write_str(&paths.join(" or ")),
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The contract's name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a value can be missing.
    pub nullable: bool,
    /// Whether values repeat, so that a dictionary pays.
    pub repeats: bool,
    /// The unit of a number; empty where it has none, or the API's documents name none.
    pub unit: &'static str,
    /// What the value means.
    pub meaning: &'static str,
    /// The API's field, or how the value comes about.
    pub source: Source,
}

/// A column that always has a value.
const fn required(name: &'static str, kind: Kind, source: &'static str, meaning: &'static str) -> Column {
    let source = Source::Told(source);
    Column { name, kind, nullable: false, repeats: false, unit: usual_unit(kind), meaning, source }
}

/// A column whose value can be missing.
const fn optional(name: &'static str, kind: Kind, source: &'static str, meaning: &'static str) -> Column {
    let column = required(name, kind, source, meaning);
    Column { nullable: true, ..column }
}

/// A column that is filled from the fields it names.
const fn fed(
    name: &'static str,
    kind: Kind,
    fields: &'static [&'static str],
    meaning: &'static str,
) -> Column {
    let column = optional(name, kind, "", meaning);
    Column { source: Source::Fields(fields), ..column }
}

/// The unit that goes without saying.
const fn usual_unit(kind: Kind) -> &'static str {
    match kind {
        Kind::Minutes | Kind::MinutesSum => "minutes",
        Kind::Text | Kind::Json | Kind::Int | Kind::Float | Kind::Bool | Kind::Time => "",
    }
}

impl Column {
    /// The same column, its values repeating.
    const fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// The same column, its values in a unit.
    const fn in_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
}

const EXTRA: Column = optional(
    "extra",
    Kind::Json,
    "fields without a column, values that their column cannot take",
    "JSON object with the API's names and verbatim values; null when empty",
);
const FETCHED_AT: Column =
    required("fetched_at", Kind::Time, "clock of the exporter", "when the reply that gave this row arrived")
        .repeating();
