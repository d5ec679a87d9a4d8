//! Record batches -> one CSV file, as the contract has it.
//!
//! In: batches of one schema. Out: a durable UTF-8 file, LF, RFC 4180, with a header.
//! Guarantees: null is nothing and the empty string is `""`, which the `csv` crate's writer cannot
//! tell apart, so fields are quoted here; decimals have all their places, times microseconds and `Z`.
//! Memory: one buffer, and the field being written.
//! Not here: reading lists, when a file is full, what its path is.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Encoder, Target};
use crate::error::{Error, Result};

/// Bytes collected before they go to the file.
const BUFFER_BYTES: usize = 256 * 1024;
/// Without it Excel takes UTF-8 for the system's code page.
pub(crate) const BOM: char = '\u{feff}';

/// What a spreadsheet runs as a formula, by OWASP's page on CSV injection, full-width forms included.
const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Whom text cells are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Programs: every value as it is.
    Plain,
    /// Spreadsheets: what they would run as a formula gets a leading apostrophe.
    Excel,
}

/// A CSV file being written.
pub(super) struct CsvFile {
    writer: BufWriter<File>,
    path: PathBuf,
    cells: Cells,
    bytes: u64,
    row: String,
}

/// The columns of a batch, ready to be rendered row by row.
pub(crate) struct Rows<'a> {
    columns: Vec<Fields<'a>>,
    cells: Cells,
}

/// A column of a batch.
enum Fields<'a> {
    /// May need quotes.
    Text(&'a StringArray),
    /// Numbers and times: never need quotes.
    Plain(ArrayFormatter<'a>),
}

/// The contract's forms; decimals and dates are as Arrow renders them.
pub(crate) const FORMS: FormatOptions<'static> = FormatOptions::new()
    .with_null("")
    .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.6f"))
    .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.6fZ"));

impl CsvFile {
    pub(super) fn create(file: File, path: &Path, target: &Target, cells: Cells) -> Result<Self> {
        let mut csv = Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, file),
            path: path.to_owned(),
            cells,
            bytes: 0,
            row: String::new(),
        };
        if cells == Cells::Excel {
            csv.row.push(BOM);
        }
        push_header(&mut csv.row, &target.schema());
        csv.end_row()?;
        Ok(csv)
    }

    fn end_row(&mut self) -> Result<()> {
        self.bytes += self.row.len() as u64;
        self.writer.write_all(self.row.as_bytes()).map_err(Error::output("write", &self.path))?;
        // A huge value must not stay in memory for as long as the file is open.
        self.row.clear();
        self.row.shrink_to(BUFFER_BYTES);
        Ok(())
    }
}

impl Encoder for CsvFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let path = self.path.clone();
        let failed = |source| Error::CsvValue { path: path.clone(), source };
        let rows = Rows::of(batch, self.cells).map_err(failed)?;
        for row in 0..batch.num_rows() {
            rows.push(row, &mut self.row).map_err(failed)?;
            self.end_row()?;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.bytes
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.flush().map_err(Error::output("write", &self.path))?;
        self.writer.get_ref().sync_all().map_err(Error::output("sync", self.path))
    }
}

/// Appends the header line.
pub(crate) fn push_header(text: &mut String, schema: &Schema) {
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_text(text, field.name(), Cells::Plain);
    }
    text.push('\n');
}

impl<'a> Rows<'a> {
    /// The rows of a batch of plain types: text is `Utf8`.
    pub(crate) fn of(batch: &'a RecordBatch, cells: Cells) -> Result<Self, ArrowError> {
        let columns = batch.columns().iter().map(|column| Fields::new(column.as_ref()));
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, cells })
    }

    /// Appends one row and its line end.
    pub(crate) fn push(&self, row: usize, text: &mut String) -> Result<(), ArrowError> {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            match column {
                Fields::Text(values) if values.is_null(row) => {}
                Fields::Text(values) => push_text(text, values.value(row), self.cells),
                Fields::Plain(values) => values.value(row).write(text)?,
            }
        }
        text.push('\n');
        Ok(())
    }
}

impl<'a> Fields<'a> {
    fn new(column: &'a dyn Array) -> Result<Self, ArrowError> {
        match column.as_string_opt::<i32>() {
            Some(text) => Ok(Self::Text(text)),
            None => ArrayFormatter::try_new(column, &FORMS).map(Self::Plain),
        }
    }
}

/// Appends a text field: quoted where RFC 4180 asks for it, and where it is empty but not null.
pub(crate) fn push_text(row: &mut String, text: &str, cells: Cells) {
    let defused = cells == Cells::Excel && text.starts_with(FORMULA_STARTS);
    if !text.is_empty() && !text.contains(['"', ',', '\n', '\r']) {
        if defused {
            row.push('\'');
        }
        row.push_str(text);
        return;
    }
    row.push('"');
    if defused {
        row.push('\'');
    }
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            row.push_str("\"\"");
        }
        row.push_str(part);
    }
    row.push('"');
}

/// The rows of a file as a CSV reader sees them, each with the header's number of fields.
pub(super) fn count_rows(file: impl Read, path: &Path) -> Result<u64> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER_BYTES).from_reader(file);
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader
        .read_byte_record(&mut record)
        .map_err(|source| Error::CsvCheck { path: path.to_owned(), source })?
    {
        rows += 1;
    }
    Ok(rows)
}
