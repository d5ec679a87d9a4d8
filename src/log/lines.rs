//! The log's own lines: the settings it opens with and the end of the lists.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{DayRange, Window, Zone, parse_day, parse_time};

/// Version of the lines' shape.
pub(super) const LOG_VERSION: u32 = 1;

/// The first line: which export this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The export's id, a UUID that sorts by time.
    pub export_id: String,
    /// Version of the tool that began it.
    pub tool_version: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// Whether `--refresh` began it: then `--refresh` goes on with it.
    pub refresh: bool,
    /// The window's ends as they were first resolved; `None` where only lists are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Resolved>,
    /// Of a sync, the latest look at any day that the dataset had when it began: this one is later, whatever the
    /// machines' clocks say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// When the command began of which this is one of several ranges, or the first that it goes on for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<String>,
    /// What must stay the same for the log to be continued.
    pub settings: Settings,
}

impl Head {
    /// The window whose sessions are exported, if there is one.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        let resolved = self.window.as_ref()?;
        Some(Window {
            since: resolved.since.as_deref().and_then(parse_time),
            until: resolved.until.as_deref().and_then(parse_time),
            meeting: self.settings.window.meeting.clone(),
            live: self.settings.window.live,
            days: self.settings.dataset.as_ref().map(DatasetRange::days),
        })
    }
}

/// A window's ends, RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The first moment; `None` for the beginning.
    pub since: Option<String>,
    /// The first moment past the end; `None` for no end.
    pub until: Option<String>,
}

impl Resolved {
    /// The ends of a window.
    #[must_use]
    pub fn of(window: &Window) -> Self {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Self { since: window.since.map(text), until: window.until.map(text) }
    }
}

/// A window as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedWindow {
    /// `--since`.
    pub since: Option<String>,
    /// `--until`.
    pub until: Option<String>,
    /// `--meeting`.
    pub meeting: Option<String>,
    /// `--include-live`.
    pub live: bool,
}

/// The days of a dataset that an export replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RangeText", into = "RangeText")]
pub struct DatasetRange {
    /// The zone whose days they are.
    pub time_zone: Zone,
    /// The first day; `None` for the beginning.
    pub first: Option<NaiveDate>,
    /// The last day.
    pub last: NaiveDate,
}

impl DatasetRange {
    /// Those of a range.
    #[must_use]
    pub const fn of(days: &DayRange) -> Self {
        Self { time_zone: days.zone, first: days.first, last: days.last }
    }

    /// The range.
    #[must_use]
    pub const fn days(&self) -> DayRange {
        DayRange { zone: self.time_zone, first: self.first, last: self.last }
    }
}

/// The same as the log has it.
#[derive(Serialize, Deserialize)]
struct RangeText {
    time_zone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    last: String,
}

impl From<DatasetRange> for RangeText {
    fn from(range: DatasetRange) -> Self {
        let DatasetRange { time_zone, first, last } = range;
        Self {
            time_zone: time_zone.to_string(),
            first: first.map(|day| day.to_string()),
            last: last.to_string(),
        }
    }
}

impl TryFrom<RangeText> for DatasetRange {
    type Error = String;

    fn try_from(text: RangeText) -> Result<Self, String> {
        let day = |day: &str| parse_day(day).ok_or_else(|| format!("not a date: {day}"));
        let time_zone = text.time_zone.parse().map_err(|error| format!("{}: {error}", text.time_zone))?;
        let first = text.first.as_deref().map(day).transpose()?;
        Ok(Self { time_zone, first, last: day(&text.last)? })
    }
}

/// What makes two commands the same export, beside the list rows. Rate, concurrency, retries and the
/// face may change between runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Cloudflare account.
    pub account_id: String,
    /// `RealtimeKit` app.
    pub app_id: String,
    /// Base URL of the API.
    pub base_url: String,
    /// Which sessions are discovered.
    #[serde(default)]
    pub window: TypedWindow,
    /// `auto`, `detail` or `list`.
    pub fetch: String,
    /// Names of the call statistics asked for; none in logs of versions that knew none.
    #[serde(default)]
    pub filters: Vec<String>,
    /// `auto`, `details` or `peer-report`.
    #[serde(default = "auto")]
    pub stats_from: String,
    /// Whether peer events are asked for.
    pub peer_events: bool,
    /// `parquet` or `csv`.
    pub format: String,
    /// Whether CSV is made for spreadsheets.
    pub excel: bool,
    /// The days of a dataset that are replaced; `None` where an export is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRange>,
}

fn auto() -> String {
    "auto".to_owned()
}

impl Settings {
    /// The names of the settings that differ, as the command line spells them.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let ranges = self.dataset.as_ref().zip(other.dataset.as_ref());
        [
            ("--account-id", self.account_id != other.account_id),
            ("--app-id", self.app_id != other.app_id),
            ("--base-url", self.base_url != other.base_url),
            ("--since", self.window.since != other.window.since),
            ("--until", self.window.until != other.window.until),
            ("--meeting", self.window.meeting != other.window.meeting),
            ("--include-live", self.window.live != other.window.live),
            ("--fetch", self.fetch != other.fetch),
            ("--filters", self.filters != other.filters),
            ("--stats-from", self.stats_from != other.stats_from),
            ("--no-peer-events", self.peer_events != other.peer_events),
            ("--format", self.format != other.format),
            ("--excel", self.excel != other.excel),
            ("run and sync", self.dataset.is_some() != other.dataset.is_some()),
            ("--tz", ranges.is_some_and(|(own, others)| own.time_zone != others.time_zone)),
            ("--from", ranges.is_some_and(|(own, others)| own.first != others.first)),
            ("--to", ranges.is_some_and(|(own, others)| own.last != others.last)),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// One list file, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFile {
    /// As typed; `-` for standard input.
    pub path: String,
    /// Rows, invalid ones included.
    pub rows: u64,
    /// SHA-256 of the file as it lies on disk, in hex.
    pub sha256: String,
}

/// The line that ends the list rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    /// The files, in order.
    pub lists: Vec<ListFile>,
    /// SHA-256 over all row lines, in hex: two lists of the same digest ask for the same.
    pub digest: String,
}

/// An opening line, told apart by `kind`.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum OpeningLine<'a> {
    Export {
        log_version: u32,
        #[serde(flatten)]
        head: &'a Head,
    },
    Row(super::rows::RowLine<'a>),
    Lists(&'a Lists),
}

/// The lines around the rows, as they are read.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum ReadLine {
    Export {
        log_version: u32,
        #[serde(flatten)]
        head: Box<Head>,
    },
    Lists(Lists),
}

/// The line that says that nothing is left to ask.
#[derive(Serialize)]
#[serde(tag = "kind", rename = "fetched")]
pub(super) struct FetchedLine {
    pub(super) at: String,
}

/// A value as one line of JSON.
pub(super) fn to_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::new();
    add_line(value, &mut line);
    line
}

/// Adds a value as one line of JSON.
pub(super) fn add_line(value: &impl Serialize, lines: &mut Vec<u8>) {
    serde_json::to_writer(&mut *lines, value).expect("the log's lines have string keys only");
    lines.push(b'\n');
}
