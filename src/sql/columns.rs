//! An answer's columns as this program's own values.
//!
//! In: a batch of an answer, and a column's place. Out: its values, one for each row.
//! Guarantees: a value that does not fit is an error, never null.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, Utc};

use crate::error::{Error, Result};
use crate::manifest::MinutesTotal;

/// A column as it is expected.
fn column(batch: &RecordBatch, place: usize, kind: &DataType) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(batch.column(place), kind, &strict)
        .map_err(|source| Error::ReportPart { part: "the figures", source: Box::new(source) })
}

/// Texts.
pub(crate) fn texts(batch: &RecordBatch, place: usize) -> Result<Vec<Option<String>>> {
    let column = column(batch, place, &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

/// Counts, which may be of another type than they are stored in.
pub(crate) fn counts(batch: &RecordBatch, place: usize) -> Result<Vec<Option<i64>>> {
    Ok(column(batch, place, &DataType::Int64)?.as_primitive::<Int64Type>().iter().collect())
}

/// Sums of minutes.
pub(crate) fn sums(batch: &RecordBatch, place: usize) -> Result<Vec<Option<MinutesTotal>>> {
    let column = column(batch, place, &DataType::Decimal128(38, 9))?;
    Ok(column
        .as_primitive::<Decimal128Type>()
        .iter()
        .map(|units| units.map(MinutesTotal::from_units))
        .collect())
}

/// Days.
pub(crate) fn dates(batch: &RecordBatch, place: usize) -> Result<Vec<Option<NaiveDate>>> {
    let column = column(batch, place, &DataType::Date32)?;
    let days = column.as_primitive::<Date32Type>();
    Ok((0..days.len()).map(|row| if days.is_null(row) { None } else { days.value_as_date(row) }).collect())
}

/// Times in UTC.
pub(crate) fn times(batch: &RecordBatch, place: usize) -> Result<Vec<Option<DateTime<Utc>>>> {
    let column = column(batch, place, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    let micros = column.as_primitive::<TimestampMicrosecondType>().iter();
    Ok(micros.map(|micros| micros.and_then(DateTime::from_timestamp_micros)).collect())
}
