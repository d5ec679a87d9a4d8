//! A table's columns being filled, row by row, in schema order.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};

use super::Hand;
use super::schema::{Kind, Table};
use super::statistics::Value;
use crate::error::{Error, Result};
use crate::model::Minutes;

/// Rows after which a batch is handed on.
const BATCH_ROWS: usize = 8_192;
/// Cells after which it is: a table of quality has three times the columns of the others.
const BATCH_CELLS: usize = 16 * BATCH_ROWS;
/// Bytes of text after which it is, whatever its rows: one reply may be 50 MB.
const BATCH_BYTES: usize = 2 << 20;

/// One column.
enum Builder {
    Text(StringBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Decimal(Decimal128Builder),
}

/// A table's rows that were not handed on yet.
pub(super) struct Columns {
    table: Table,
    schema: SchemaRef,
    builders: Vec<Builder>,
    rows: usize,
    text_bytes: usize,
}

impl Columns {
    pub(super) fn new(table: Table) -> Self {
        let builder = |kind: Kind| match (kind, kind.data_type()) {
            (Kind::Text | Kind::Json, _) => Builder::Text(StringBuilder::new()),
            (Kind::Int, _) => Builder::Int(Int64Builder::new()),
            (Kind::Float, _) => Builder::Float(Float64Builder::new()),
            (Kind::Bool, _) => Builder::Bool(BooleanBuilder::new()),
            (Kind::Time, data_type) => {
                Builder::Time(TimestampMicrosecondBuilder::new().with_data_type(data_type))
            }
            (Kind::Minutes | Kind::MinutesSum, data_type) => {
                Builder::Decimal(Decimal128Builder::new().with_data_type(data_type))
            }
        };
        Self {
            table,
            schema: table.arrow_schema(),
            builders: table.columns().iter().map(|column| builder(column.kind)).collect(),
            rows: 0,
            text_bytes: 0,
        }
    }

    /// A new row: one call of the right kind for each column, in schema order.
    pub(super) fn row(&mut self) -> Row<'_> {
        self.rows += 1;
        Row { builders: self.builders.iter_mut(), text_bytes: &mut self.text_bytes }
    }

    /// Whether the rows should be handed on.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS
            || self.rows * self.builders.len() >= BATCH_CELLS
            || self.text_bytes >= BATCH_BYTES
    }

    /// Hands the rows on as a batch, if there are any.
    pub(super) fn hand_on(&mut self, hand: Hand<'_>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        (self.rows, self.text_bytes) = (0, 0);
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|source| Error::Batch { table: self.table.name(), source })?;
        hand(self.table, batch)
    }
}

impl Builder {
    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => {
                // The next batch is about as large: without this it would grow from nothing, copying.
                let (rows, bytes) = (builder.len(), builder.values_slice().len());
                let array = builder.finish();
                *builder = StringBuilder::with_capacity(rows, bytes.min(BATCH_BYTES));
                Arc::new(array)
            }
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A row being filled.
pub(super) struct Row<'a> {
    builders: std::slice::IterMut<'a, Builder>,
    text_bytes: &'a mut usize,
}

impl Row<'_> {
    pub(super) fn text(mut self, value: Option<impl AsRef<str>>) -> Self {
        let Some(Builder::Text(builder)) = self.builders.next() else { wrong_kind() };
        if let Some(value) = &value {
            *self.text_bytes += value.as_ref().len();
        }
        builder.append_option(value);
        self
    }

    pub(super) fn int(mut self, value: Option<i64>) -> Self {
        let Some(Builder::Int(builder)) = self.builders.next() else { wrong_kind() };
        builder.append_option(value);
        self
    }

    /// A value of the column's own type, or null.
    pub(super) fn value(mut self, value: Option<Value<'_>>) -> Self {
        match value {
            Some(Value::Text(text)) => return self.text(Some(text)),
            Some(Value::Int(number)) => return self.int(Some(number)),
            Some(Value::Time(time)) => return self.time(Some(time)),
            Some(Value::Float(number)) => {
                let Some(Builder::Float(builder)) = self.builders.next() else { wrong_kind() };
                builder.append_value(number);
            }
            Some(Value::Bool(is_so)) => {
                let Some(Builder::Bool(builder)) = self.builders.next() else { wrong_kind() };
                builder.append_value(is_so);
            }
            None => match self.builders.next() {
                Some(builder) => builder.append_null(),
                None => wrong_kind(),
            },
        }
        self
    }

    pub(super) fn count(self, value: u64) -> Self {
        self.int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    pub(super) fn time(mut self, value: Option<DateTime<Utc>>) -> Self {
        let Some(Builder::Time(builder)) = self.builders.next() else { wrong_kind() };
        builder.append_option(value.map(|time| time.timestamp_micros()));
        self
    }

    pub(super) fn minutes(self, value: Option<Minutes>) -> Self {
        self.sum(value.map(|minutes| i128::from(minutes.units())))
    }

    /// A sum of minutes in units of 10⁻⁹ minute.
    pub(super) fn sum(mut self, units: Option<i128>) -> Self {
        let Some(Builder::Decimal(builder)) = self.builders.next() else { wrong_kind() };
        builder.append_option(units);
        self
    }
}

/// The calls on a row are written beside the schema they follow; every table's test fills a row.
fn wrong_kind() -> ! {
    unreachable!("a row is filled in schema order")
}
