//! A table for people: aligned columns, numbers to the right.
//!
//! Guarantees: a row is a line, whatever its text; text cannot steer the terminal. Widths are those of the
//! first rows, which are held back until they are known; a value longer than a column is wide is cut there.
//! Whoever needs every character takes another form.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::util::display::ArrayFormatter;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Rendering;
use crate::files::csv::FORMS;

/// Rows whose widths decide.
const ROWS_HELD: usize = 1_000;
/// Columns of the terminal that one column may take: a UUID or a decimal fits, a long title does not.
const WIDEST: usize = 48;

/// A table whose widths are found as its first rows come.
#[derive(Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// Rows whose widths are not decided yet.
    held: Vec<Vec<String>>,
    begun: bool,
}

struct Column {
    name: String,
    to_the_right: bool,
    width: usize,
}

impl Rendering for Table {
    fn head(&mut self, schema: &Schema, _text: &mut String) {
        self.columns = schema
            .fields()
            .iter()
            .map(|field| {
                let name = tame(field.name());
                Column { width: name.width(), name, to_the_right: is_number(field.data_type()) }
            })
            .collect();
    }

    fn rows(&mut self, batch: &RecordBatch, text: &mut String) -> Result<(), ArrowError> {
        let columns = batch.columns().iter();
        let values = columns
            .map(|column| Ok((column, ArrayFormatter::try_new(column.as_ref(), &FORMS)?)))
            .collect::<Result<Vec<_>, ArrowError>>()?;
        for row in 0..batch.num_rows() {
            let mut cells = Vec::with_capacity(values.len());
            for (column, values) in &values {
                let null = column.is_null(row);
                cells.push(if null { "null".to_owned() } else { tame(&values.value(row).try_to_string()?) });
            }
            if self.begun {
                self.push_row(&cells, text);
                continue;
            }
            self.held.push(cells);
            if self.held.len() == ROWS_HELD {
                self.begin(text);
            }
        }
        Ok(())
    }

    fn end(&mut self, text: &mut String) {
        if !self.begun {
            self.begin(text);
        }
    }
}

impl Table {
    /// Decides the widths and appends header and held rows.
    fn begin(&mut self, text: &mut String) {
        self.begun = true;
        for row in &self.held {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(cell.width());
            }
        }
        for column in &mut self.columns {
            column.width = column.width.min(WIDEST.max(column.name.width()));
        }
        let names: Vec<_> = self.columns.iter().map(|column| column.name.clone()).collect();
        let lines: Vec<_> = self.columns.iter().map(|column| "-".repeat(column.width)).collect();
        self.push_row(&names, text);
        self.push_row(&lines, text);
        for row in std::mem::take(&mut self.held) {
            self.push_row(&row, text);
        }
    }

    fn push_row(&self, cells: &[String], text: &mut String) {
        let start = text.len();
        let mut blanks = 0;
        for (column, cell) in self.columns.iter().zip(cells) {
            let (cell, width) = cut(cell, column.width);
            let missing = column.width - width;
            let (before, after) = if column.to_the_right { (missing, 0) } else { (0, missing) };
            text.extend(std::iter::repeat_n(' ', blanks + before));
            text.push_str(&cell);
            blanks = after + 2;
        }
        text.truncate(start + text[start..].trim_end_matches(' ').len());
        text.push('\n');
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Text without what would end the line or steer the terminal or the direction of writing.
fn tame(text: &str) -> String {
    let marks =
        |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || marks(c) { '\u{fffd}' } else { c }).collect()
}

/// At most so many columns of a text, and how many they are.
fn cut(text: &str, width: usize) -> (String, usize) {
    let whole = text.width();
    if whole <= width {
        return (text.to_owned(), whole);
    }
    let mut kept = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let next = taken + c.width().unwrap_or(0);
        if next + 1 > width {
            break;
        }
        kept.push(c);
        taken = next;
    }
    kept.push('…');
    (kept, taken + 1)
}
