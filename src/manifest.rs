//! `manifest.json`: what an export is made of, and its totals.
//!
//! In: what the pipeline knows at the end of an export. Out: JSON text, the same for the same facts.
//! Guarantees: decimals and times are strings, exact; a manifest of another schema version is refused
//! by name; the token has no place in it.
//! Not here: when the manifest appears (`publish`), counting (`pipeline`).

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::StagedFile;
use crate::tables::schema::SCHEMA_VERSION;
use crate::tables::{Noted, Notice, Table, Warnings};

/// The name of the file: a directory that has it is a complete export.
pub const FILE_NAME: &str = "manifest.json";

/// What an export is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The shape of the tables.
    pub schema_version: u32,
    /// What wrote the export.
    pub tool: Tool,
    /// Unique to the export.
    pub export_id: String,
    /// When the export began; of a resumed one, its first start.
    pub started_at: Time,
    /// When its last file was staged.
    pub finished_at: Time,
    /// What was asked for.
    pub source: Source,
    /// Who was asked.
    pub api: Api,
    /// What it cost.
    pub requests: Requests,
    /// The tables and rollups with their files.
    pub tables: Vec<TableFiles>,
    /// Sums over the whole export.
    pub totals: Totals,
    /// The ids that could not be had.
    pub failures: Failures,
    /// What was noticed and did not stop the export.
    pub warnings: Vec<Warning>,
}

/// The program that wrote an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `rtk-export`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// What was asked for: lists, a window, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The lists in their order.
    pub lists: Vec<SourceList>,
    /// The window's start, resolved.
    pub since: Option<Time>,
    /// The window's end, resolved.
    pub until: Option<Time>,
}

/// One list file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceList {
    /// As named on the command line.
    pub path: String,
    /// Rows with an id or an invalid one; header and blank lines not counted.
    pub rows: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Who was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// The base URL, without credentials.
    pub base_url: String,
    /// The account.
    pub account_id: String,
    /// The app.
    pub app_id: String,
    /// The call statistics that were asked for.
    pub filters: Vec<String>,
}

/// Requests over all tries and processes of the export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Sent, retries included.
    pub sent: u64,
    /// Answered with what was asked for.
    pub ok: u64,
    /// Sent again after a failure.
    pub retried: u64,
    /// Answered with 429.
    pub rate_limited: u64,
    /// Details that a page made unnecessary.
    pub saved_by_listing: u64,
}

/// A table and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFiles {
    /// `participants`, or `rollups/minutes_by_day`.
    pub name: String,
    /// Rows of all its files.
    pub rows: u64,
    /// Its files in row order.
    pub files: Vec<TableFile>,
}

/// A file of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// Relative to the manifest, with `/`.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

impl TableFiles {
    /// The tables of staged files, in the order in which they are first met.
    #[must_use]
    pub fn of(staged: &[StagedFile]) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        for file in staged {
            let index = tables.iter().position(|table| table.name == file.table).unwrap_or_else(|| {
                tables.push(Self { name: file.table.clone(), rows: 0, files: Vec::new() });
                tables.len() - 1
            });
            tables[index].rows += file.rows;
            tables[index].files.push(TableFile {
                path: file.path.clone(),
                rows: file.rows,
                bytes: file.bytes,
                sha256: file.sha256.clone(),
            });
        }
        tables
    }
}

/// Sums over the whole export; minutes are null where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows of `participants`.
    pub participants: u64,
    /// Rows of `peer_events`.
    pub peer_events: u64,
    /// Sum of `participants.duration_minutes`.
    pub duration_minutes: Option<MinutesTotal>,
    /// Sum of `participants.minutes_consumed`.
    pub minutes_consumed: Option<MinutesTotal>,
}

/// The ids that could not be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Rows of `failures`.
    pub total: u64,
    /// The same by `failures.reason`.
    pub by_reason: BTreeMap<String, u64>,
}

/// Something noticed that did not stop the export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is, for programs: `minutes_rounded`, `number_as_text`.
    pub code: String,
    /// How often.
    pub count: u64,
    /// The first of them, for people.
    pub example: Option<String>,
}

impl Warning {
    /// The oddities that the tables were made with.
    #[must_use]
    pub fn all(warnings: &Warnings) -> Vec<Self> {
        warnings.iter().map(Self::of).collect()
    }

    /// One oddity.
    pub(crate) fn of((notice, table, field, noted): (Notice, Table, &str, &Noted)) -> Self {
        let place =
            if field.is_empty() { table.name().to_owned() } else { format!("{}: {field}", table.name()) };
        Self {
            code: notice.code().to_owned(),
            count: noted.count,
            example: Some(format!("{place}: {}", noted.example)),
        }
    }
}

/// A time in UTC, written with microseconds and `Z` as in the CSV files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(pub DateTime<Utc>);

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

impl TryFrom<String> for Time {
    type Error = chrono::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        DateTime::parse_from_rfc3339(&text).map(|time| Self(time.with_timezone(&Utc)))
    }
}

/// A sum of minutes in units of 10⁻⁹ minute: a `decimal(38,9)`, written as a string with nine places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MinutesTotal(i128);

/// Why a text is not a sum of minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal with nine places")]
pub struct NotMinutes;

impl MinutesTotal {
    /// Minutes of a count of 10⁻⁹ minutes.
    #[must_use]
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The count of 10⁻⁹ minutes.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }
}

impl fmt::Display for MinutesTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:09}", units / 1_000_000_000, units % 1_000_000_000)
    }
}

impl FromStr for MinutesTotal {
    type Err = NotMinutes;

    fn from_str(text: &str) -> Result<Self, NotMinutes> {
        let (whole, places) = text.split_once('.').ok_or(NotMinutes)?;
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if places.len() != 9 || !all_digits(digits) || !all_digits(places) {
            return Err(NotMinutes);
        }
        format!("{whole}{places}").parse().map(Self).map_err(|_| NotMinutes)
    }
}

impl From<MinutesTotal> for String {
    fn from(minutes: MinutesTotal) -> Self {
        minutes.to_string()
    }
}

impl TryFrom<String> for MinutesTotal {
    type Error = NotMinutes;

    fn try_from(text: String) -> Result<Self, NotMinutes> {
        text.parse()
    }
}

impl Manifest {
    /// The text of the file: indented, one line end at its end.
    ///
    /// # Errors
    /// None in practice; the serializer's signature has one.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// Reads a manifest file.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::SchemaVersion`] where it is another version's,
    /// [`Error::Manifest`] where it is none.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&fs::read(path).map_err(Error::io("read", path))?, path)
    }

    /// Reads the bytes of a manifest file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`Error::SchemaVersion`] where it is another version's, [`Error::Manifest`] where it is none.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u64,
        }
        let departs = |source| Error::Manifest { path: path.to_owned(), source };
        // First: of another version nothing else can be relied on.
        let found = serde_json::from_slice::<Version>(text).map_err(departs)?.schema_version;
        if found != u64::from(SCHEMA_VERSION) {
            return Err(Error::SchemaVersion { path: path.to_owned(), found, supported: SCHEMA_VERSION });
        }
        serde_json::from_slice(text).map_err(departs)
    }

    /// All files of all tables, in order.
    pub fn files(&self) -> impl Iterator<Item = &TableFile> {
        self.tables.iter().flat_map(|table| &table.files)
    }
}

#[cfg(test)]
mod tests;
