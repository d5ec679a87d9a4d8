//! JSON lines: one object a row, its keys in the order of the columns.
//!
//! Guarantees: counts are numbers; decimals are strings, as in the manifest, for most readers make a
//! binary float of a number; times and days are strings; null is null, and so is a float that JSON lacks.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};
use arrow::error::ArrowError;
use arrow::util::display::ArrayFormatter;

use super::Rendering;
use crate::files::csv::FORMS;

/// JSON lines, with the keys as they are written.
#[derive(Default)]
pub(super) struct JsonLines {
    keys: Vec<String>,
}

impl Rendering for JsonLines {
    fn head(&mut self, schema: &Schema, _text: &mut String) {
        self.keys = schema.fields().iter().map(|field| quoted(field.name())).collect();
    }

    fn rows(&mut self, batch: &RecordBatch, text: &mut String) -> Result<(), ArrowError> {
        let columns = batch.columns().iter();
        let values = columns
            .map(|column| Ok((column, ArrayFormatter::try_new(column.as_ref(), &FORMS)?)))
            .collect::<Result<Vec<_>, ArrowError>>()?;
        for row in 0..batch.num_rows() {
            for (index, (key, (column, values))) in self.keys.iter().zip(&values).enumerate() {
                text.push(if index == 0 { '{' } else { ',' });
                text.push_str(key);
                text.push(':');
                if is_null(column.as_ref(), row) {
                    text.push_str("null");
                } else if is_bare(column.data_type()) {
                    values.value(row).write(text)?;
                } else {
                    text.push_str(&quoted(&values.value(row).try_to_string()?));
                }
            }
            text.push_str("}\n");
        }
        Ok(())
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a value is written as a number or a truth value.
fn is_bare(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || *data_type == DataType::Boolean
}

fn is_null(column: &dyn Array, row: usize) -> bool {
    let no_number = match column.data_type() {
        DataType::Float32 => !column.as_primitive::<Float32Type>().value(row).is_finite(),
        DataType::Float64 => !column.as_primitive::<Float64Type>().value(row).is_finite(),
        _ => false,
    };
    no_number || column.is_null(row)
}
