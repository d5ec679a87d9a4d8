//! JSON lines: an object a line.
//!
//! In: the text of a list. Out: rows; the fields of an object are its columns, in its own order.
//! Guarantees: a line that is no object is an invalid row and the rest goes on; a number keeps its digits.
//! Not here: one JSON array over the whole file, which detection refuses.

use std::borrow::Cow;
use std::fmt;
use std::io;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::ListRow;
use super::columns::{Columns, malformed};
use super::text::{LineEnd, Text};

/// The rows of a JSON-lines list.
pub(super) struct JsonRows {
    text: Text,
    file: usize,
    row_number: u64,
    max_line: usize,
    /// The columns of the last object, kept while the next has the same fields.
    fields: Vec<String>,
    columns: Columns,
}

impl JsonRows {
    pub(super) fn new(text: Text, file: usize, max_line: usize) -> Self {
        Self { text, file, row_number: 0, max_line, fields: Vec::new(), columns: Columns::of_header([]) }
    }

    /// The next row; blank lines are counted and passed over.
    pub(super) fn next_row(&mut self) -> io::Result<Option<ListRow>> {
        loop {
            let Some(empty) = self.text.skip_empty_lines()? else { return Ok(None) };
            self.row_number += empty + 1;
            let LineEnd::At(end) = self.text.line_end(self.max_line)? else {
                self.text.skip_line()?;
                let why = format!("the row is longer than {} bytes", self.max_line);
                return Ok(Some(malformed(self.file, self.row_number, why)));
            };
            let line = &self.text.ahead()[..end];
            if line.trim_ascii().is_empty() {
                self.text.consume_line(end);
                continue;
            }
            let row = match object(line) {
                Ok(members) => {
                    if !members.iter().map(|(name, _)| name).eq(&self.fields) {
                        self.fields = members.iter().map(|(name, _)| name.clone().into_owned()).collect();
                        self.columns = Columns::of_header(self.fields.iter().map(String::as_str));
                    }
                    let cell = |column: usize| members[column].1.as_deref();
                    self.columns.row(self.file, self.row_number, members.len(), cell)
                }
                Err(why) => malformed(self.file, self.row_number, why),
            };
            self.text.consume_line(end);
            return Ok(Some(row));
        }
    }
}

/// The field names of the first line that is an object, if one is; the text is only looked at.
pub(super) fn first_fields(text: &[u8]) -> Option<Vec<String>> {
    let members = text.split(|&byte| byte == b'\n').find_map(|line| object(line).ok())?;
    Some(members.into_iter().map(|(name, _)| name.into_owned()).collect())
}

/// A field and its value as text; `None` for null.
type Member<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

/// Reads one object: a string as its characters, null as nothing, any other value as its JSON text.
pub(super) fn object(json: &[u8]) -> Result<Vec<Member<'_>>, String> {
    let json = std::str::from_utf8(json).map_err(|_| "the line is not UTF-8 text".to_owned())?;
    let Members(members) = serde_json::from_str(json).map_err(|error| {
        if error.is_data() {
            "the line is JSON, but not an object".to_owned()
        } else {
            format!("the line is not a JSON object: an error at column {}", error.column())
        }
    })?;
    Ok(members.into_iter().map(|(name, value)| (name, as_text(value.get()))).collect())
}

/// The text of a JSON value.
fn as_text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first() {
        Some(b'n') => None,
        // A lone surrogate is valid JSON, but no text: it stays as it is written.
        Some(b'"') => Some(serde_json::from_str(json).map_or(Cow::Borrowed(json), |Str(text)| text)),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object in their own order, duplicates and all.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Str(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
