//! The contract's CSV, the same as an export's files.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

use super::Rendering;
use crate::files::csv::{Cells, Rows, push_header};

/// CSV for programs.
pub(super) struct Csv;

impl Rendering for Csv {
    fn head(&mut self, schema: &Schema, text: &mut String) {
        push_header(text, schema);
    }

    fn rows(&mut self, batch: &RecordBatch, text: &mut String) -> Result<(), ArrowError> {
        let rows = Rows::of(batch, Cells::Plain)?;
        (0..batch.num_rows()).try_for_each(|row| rows.push(row, text))
    }
}
