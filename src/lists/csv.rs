//! CSV, TSV and plain text: delimited records, with or without a header.
//!
//! In: the text of a list, its delimiter and its columns. Out: rows; a record whose cells are all blank is
//! what a spreadsheet writes for a blank row, and is none.
//! Guarantees: `row_number` counts records and empty lines, as a spreadsheet does, so that a line break
//! within quotes counts nothing; a damaged record costs itself only; a record is held to a bound.
//! Not here: which delimiter it is, which column is which.

use std::io;
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr2};

use super::columns::{Columns, is_blank, malformed};
use super::text::{LineEnd, Text};
use super::{InvalidRow, ListRow};

/// The rows of a delimited list.
pub(super) struct CsvRows {
    records: Records,
    file: usize,
    columns: Columns,
}

impl CsvRows {
    /// Rows of all records but the header, which is passed over where there is one.
    pub(super) fn new(
        mut records: Records,
        file: usize,
        columns: Columns,
        has_header: bool,
    ) -> io::Result<Self> {
        while has_header && matches!(records.next()?, Some(Ok(()))) && records.is_blank() {}
        Ok(Self { records, file, columns })
    }

    /// The next row.
    pub(super) fn next_row(&mut self) -> io::Result<Option<ListRow>> {
        loop {
            let Some(outcome) = self.records.next()? else { return Ok(None) };
            let records = &self.records;
            if let Err(why) = outcome {
                return Ok(Some(malformed(self.file, records.row_number, why)));
            }
            let Some(text) = records.text() else {
                return Ok(Some(self.undecoded_row()));
            };
            if is_blank(text) {
                continue;
            }
            let cell = |column| text.get(records.span(column));
            return Ok(Some(self.columns.row(self.file, records.row_number, records.fields, cell)));
        }
    }

    /// The row of a record that is not UTF-8: invalid, with what can be read of it.
    fn undecoded_row(&mut self) -> ListRow {
        let cells = self.records.lossy_cells();
        let cell = |column: usize| cells.get(column).map(String::as_str);
        let mut row = self.columns.row(self.file, self.records.row_number, cells.len(), cell);
        row.asked = Err(InvalidRow::Malformed("the row is not UTF-8 text".to_owned()));
        row
    }
}

/// Delimited records, one at a time.
pub(super) struct Records {
    text: Text,
    parser: Reader,
    delimiter: u8,
    /// How many bytes a record may have.
    max_record: usize,
    /// The spreadsheet row of the record last read.
    row_number: u64,
    /// The cells of that record, one after the other, in the first `filled` bytes.
    cells: Vec<u8>,
    filled: usize,
    /// Where each cell ends, in the first `fields` places.
    ends: Vec<usize>,
    fields: usize,
    /// Up to here the text was searched in vain for the end of a quote. Records before it are single lines,
    /// so that no byte is searched again and again.
    single_lines_until: u64,
}

impl Records {
    pub(super) fn new(text: Text, delimiter: u8, max_record: usize) -> Self {
        Self {
            text,
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            max_record,
            row_number: 0,
            cells: vec![0; 1024],
            filled: 0,
            ends: vec![0; 32],
            fields: 0,
            single_lines_until: 0,
        }
    }

    /// Reads the next record, or says why a line is none; `None` at the end of the text.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<(), String>>> {
        let Some(empty) = self.text.skip_empty_lines()? else { return Ok(None) };
        self.row_number += empty + 1;
        self.clear();
        if self.text.position() < self.single_lines_until {
            self.next_line().map(Some)
        } else {
            self.next_record().map(Some)
        }
    }

    /// Whether there is nothing in the record last read.
    pub(super) fn is_blank(&self) -> bool {
        self.text().is_some_and(is_blank)
    }

    /// The cells of the record last read, as text as far as they are.
    pub(super) fn lossy_cells(&self) -> Vec<String> {
        (0..self.fields)
            .map(|column| String::from_utf8_lossy(&self.cells[self.span(column)]).into_owned())
            .collect()
    }

    /// All cells in one, if each is UTF-8.
    fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.cells[..self.filled]).ok()?;
        self.ends[..self.fields].iter().all(|&end| text.is_char_boundary(end)).then_some(text)
    }

    /// Where in `cells` a cell of the record is.
    fn span(&self, column: usize) -> Range<usize> {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[column]
    }

    /// Reads a record that may span lines.
    fn next_record(&mut self) -> io::Result<Result<(), String>> {
        let mut searched = 0;
        loop {
            let (read, complete) = self.parse(searched..self.text.ahead().len());
            searched += read;
            let length = if complete {
                // The last byte is the line break.
                searched - 1
            } else if searched > self.max_record {
                return self.give_up(searched);
            } else if self.text.more()? {
                continue;
            } else if self.end_of_line() {
                searched
            } else {
                return self.give_up(searched);
            };
            let record = &self.text.ahead()[..length];
            let spans_lines = memchr2(b'\n', b'\r', record).is_some();
            if length > self.max_record || (spans_lines && !is_well_quoted(record, self.delimiter)) {
                return self.give_up(length);
            }
            self.text.consume(searched);
            return Ok(Ok(()));
        }
    }

    /// Reads a record that is one line.
    fn next_line(&mut self) -> io::Result<Result<(), String>> {
        let LineEnd::At(end) = self.text.line_end(self.max_record)? else {
            return self.give_up(0);
        };
        self.parse(0..end);
        if !self.end_of_line() {
            return self.give_up(end);
        }
        self.text.consume_line(end);
        Ok(Ok(()))
    }

    /// Parses bytes ahead, up to the end of the record or of the range; says how many, and which it was.
    fn parse(&mut self, range: Range<usize>) -> (usize, bool) {
        let mut input = &self.text.ahead()[range];
        let length = input.len();
        // To the parser no input at all means the end of the text.
        while !input.is_empty() {
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.cells[self.filled..], &mut self.ends[self.fields..]);
            input = &input[read..];
            self.filled += written;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty => break,
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return (length - input.len(), true),
            }
        }
        (length, false)
    }

    /// Ends the record as a line break would; false where it stands within quotes.
    fn end_of_line(&mut self) -> bool {
        loop {
            let (result, _, written, ended) =
                self.parser.read_record(b"\n", &mut self.cells[self.filled..], &mut self.ends[self.fields..]);
            self.filled += written;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty => return false,
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return true,
            }
        }
    }

    /// Passes over the line at which a record began that has no end within `searched` bytes.
    fn give_up(&mut self, searched: usize) -> io::Result<Result<(), String>> {
        self.parser.reset();
        self.clear();
        let first_line = memchr2(b'\n', b'\r', &self.text.ahead()[..searched]).unwrap_or(searched);
        let too_long = searched == 0 || first_line > self.max_record;
        self.single_lines_until = self.single_lines_until.max(self.text.position() + searched as u64);
        self.text.skip_line()?;
        Ok(Err(if too_long {
            format!("the row is longer than {} bytes", self.max_record)
        } else {
            "a quote is opened in this row and never closed".to_owned()
        }))
    }

    /// Forgets the record last read.
    fn clear(&mut self) {
        self.filled = 0;
        self.fields = 0;
    }
}

/// Whether every quoted cell of a record ends where its quote does.
///
/// The parser takes text after a closing quote for a part of the cell. Across lines that would hide a quote
/// left open: the next quoted cell would end it, and the rows between would be lost in a label.
fn is_well_quoted(record: &[u8], delimiter: u8) -> bool {
    let mut rest = record;
    loop {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            rest = quoted;
            loop {
                let Some(quote) = memchr(b'"', rest) else { return false };
                rest = &rest[quote + 1..];
                match rest.strip_prefix(b"\"") {
                    Some(doubled) => rest = doubled,
                    None => break,
                }
            }
            match rest.split_first() {
                None => return true,
                Some((&byte, after)) if byte == delimiter => rest = after,
                Some(_) => return false,
            }
        } else {
            let Some(end) = memchr(delimiter, rest) else { return true };
            rest = &rest[end + 1..];
        }
    }
}
