//! Stage 1: any list file -> [`ListRow`]s.
//!
//! In: files as the user named them, or standard input: CSV, TSV, JSON lines, plain text or Parquet; UTF-8 or
//! UTF-16; plain, gzip or zstd. What a file is, is told from its contents. Out: a [`ListRow`] for each row
//! that is not blank, valid or not, in file order; and the file's SHA-256.
//! Guarantees: no bytes make it panic; a damaged row is a row; memory is bounded by the longest record,
//! itself bounded, whatever the length of the file.
//! Not here: duplicates, what is asked of the API.

mod columns;
mod csv;
mod detect;
mod json;
mod parquet;
#[cfg(test)]
mod properties;
mod source;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Arc, OnceLock};

use self::csv::{CsvRows, Records};
use self::detect::Layout;
use self::json::JsonRows;
use self::parquet::ParquetRows;
use self::source::{Contents, Digest};
use self::text::Text;
use crate::error::{Error, Result};
use crate::model::{ParticipantId, SessionId};

/// How many bytes a record may have: far more than a spreadsheet's row, far less than memory.
const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// A list as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSource {
    name: String,
}

impl ListSource {
    /// A list by its path; `-` is standard input.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The list as typed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the list comes from standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.name == "-"
    }

    /// Opens the list and tells its format and columns; `file` is its place among the lists. Blocks.
    ///
    /// # Errors
    /// Where the file cannot be read, is empty, is no list, or has no column of session IDs.
    pub fn open(&self, file: usize) -> Result<ListReader> {
        if self.is_stdin() {
            return self.read(file, Box::new(io::stdin()));
        }
        let opened = File::open(&self.name).and_then(|input| {
            // A pipe such as bash's <(...) has a path and yet cannot be sought in.
            let seekable = input.metadata()?.is_file().then(|| input.try_clone()).transpose()?;
            Ok((input, seekable))
        });
        let (input, seekable) = opened.map_err(|source| self.unreadable(source))?;
        self.reader(file, Box::new(input), seekable)
    }

    /// Reads the list from `input` instead: standard input, or what stands in for it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(&self, file: usize, input: Box<dyn Read + Send>) -> Result<ListReader> {
        self.reader(file, input, None)
    }

    /// Reads the list from a file that stands in for it, and can be sought in.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read_file(&self, file: usize, mut input: File) -> Result<ListReader> {
        let seekable = input.rewind().and_then(|()| input.try_clone());
        let seekable = seekable.map_err(|source| self.unreadable(source))?;
        self.reader(file, Box::new(input), Some(seekable))
    }

    fn reader(&self, file: usize, raw: Box<dyn Read + Send>, seekable: Option<File>) -> Result<ListReader> {
        let digest = Arc::new(OnceLock::new());
        let contents = source::contents(raw, seekable, &digest).map_err(|source| self.unreadable(source))?;
        let rows = match contents {
            Contents::Text(text) => self.text_rows(file, text)?,
            Contents::Parquet(input) => {
                let rows = ParquetRows::new(input, file).map_err(|source| self.unreadable(source))?;
                Rows::Parquet(Box::new(rows.map_err(|found| self.without_ids(found))?))
            }
            Contents::Foreign(foreign) => return Err(self.unsupported(foreign)),
        };
        Ok(ListReader { source: self.clone(), rows, digest })
    }

    fn text_rows(&self, file: usize, mut text: Text) -> Result<Rows> {
        let whole = text.fill_window().map_err(|source| self.unreadable(source))?;
        let sample = text.ahead();
        if sample.trim_ascii().is_empty() {
            return Err(Error::ListEmpty { list: self.to_string() });
        }
        if let Some(foreign) = detect::foreign_text(sample) {
            return Err(self.unsupported(foreign));
        }
        let layout = detect::layout(sample, whole).map_err(|source| self.unreadable(source))?;
        match layout.map_err(|found| self.without_ids(found))? {
            Layout::JsonLines => Ok(Rows::Json(Box::new(JsonRows::new(text, file, MAX_RECORD_BYTES)))),
            Layout::Delimited { delimiter, columns, has_header } => {
                let records = Records::new(text, delimiter, MAX_RECORD_BYTES);
                let rows = CsvRows::new(records, file, columns, has_header);
                Ok(Rows::Csv(Box::new(rows.map_err(|source| self.unreadable(source))?)))
            }
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::ListUnreadable { list: self.to_string(), source }
    }

    fn unsupported(&self, foreign: detect::Foreign) -> Error {
        Error::ListUnsupported { list: self.to_string(), found: foreign.found, advice: foreign.advice }
    }

    fn without_ids(&self, found: Vec<String>) -> Error {
        Error::ListWithoutIds { list: self.to_string(), found }
    }
}

impl fmt::Display for ListSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_stdin() { "standard input" } else { &self.name })
    }
}

/// The rows of one list, as they are read. Blocks; ends after the first error.
pub struct ListReader {
    source: ListSource,
    rows: Rows,
    digest: Digest,
}

enum Rows {
    Csv(Box<CsvRows>),
    Json(Box<JsonRows>),
    Parquet(Box<ParquetRows>),
    /// Nothing more to read.
    Ended,
}

impl ListReader {
    /// The SHA-256 of the file as it is on disk, once all rows were read.
    #[must_use]
    pub fn digest(&self) -> Option<[u8; 32]> {
        match self.rows {
            Rows::Ended => self.digest.get().copied(),
            Rows::Csv(_) | Rows::Json(_) | Rows::Parquet(_) => None,
        }
    }
}

impl Iterator for ListReader {
    type Item = Result<ListRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match &mut self.rows {
            Rows::Csv(rows) => rows.next_row(),
            Rows::Json(rows) => rows.next_row(),
            Rows::Parquet(rows) => rows.next_row(),
            Rows::Ended => return None,
        };
        if !matches!(row, Ok(Some(_))) {
            self.rows = Rows::Ended;
        }
        row.map_err(|source| self.source.unreadable(source)).transpose()
    }
}

/// One row of a list file, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Index of the file among the lists of the command, in the order given.
    pub file: usize,
    /// What a spreadsheet shows: 1-based, header and blank lines counted.
    pub row_number: u64,
    /// The session cell as given.
    pub session_text: String,
    /// The participant (or user, or custom id) cell as given; `None` where blank or without a column.
    pub participant_text: Option<String>,
    /// What the row asks for, or why it cannot be asked for.
    pub asked: Result<Asked, InvalidRow>,
    /// The columns that are not ids: (header name as written, value), in file order.
    pub labels: Vec<(Arc<str>, String)>,
}

/// What a valid row asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All participants of the session.
    Everyone(SessionId),
    /// One participant; may turn out to be an enrolment id.
    Participant(SessionId, ParticipantId),
    /// Whoever has this `user_id` in the session.
    User(SessionId, String),
    /// Whoever has this `custom_participant_id` in the session.
    Custom(SessionId, String),
}

/// Why a row names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRow {
    /// The session cell is not a UUID.
    #[error("session id {0:?} is not a UUID")]
    Session(String),
    /// The participant cell is not a UUID.
    #[error("participant id {0:?} is not a UUID")]
    Participant(String),
    /// The session cell is blank.
    #[error("the session id is missing")]
    NoSession,
    /// The row has fewer fields than the header.
    #[error("the row has {found} of {expected} fields")]
    TooFewFields {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// The row is not in the file's format.
    #[error("{0}")]
    Malformed(String),
}
