//! What `report` is to show: of which export, by what, of which minutes, at which prices, in which form.
//!
//! In: texts, as typed. Out: [`ReportConfig`] and the values it is made of.
//! Guarantees: a word that is a key is never a label unless it says so (`label:day`).
//! Not here: whether an export has the labels; what a price list says (`report`).

use std::fmt;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;

use super::{Api, FetchConfig, PlaceConfig, ShownSetting, StoredList};

/// What makes a label of a word that is also a key.
const LABEL_PREFIX: &str = "label:";

/// Settings of `report`.
#[derive(Clone, Debug)]
pub struct ReportConfig {
    /// What is reported on.
    pub source: ReportSource,
    /// What the minutes are summed up by; at least one, none twice.
    pub by: Vec<ReportKey>,
    /// Where a day begins.
    pub time_zone: Tz,
    /// Rows shown before the rest is summed into one; `None` for all, where the form is for programs.
    pub top: Option<usize>,
    /// Which minutes.
    pub minutes: MinutesKind,
    /// The price list's file; `None` for the published prices.
    pub price_list: Option<PathBuf>,
    /// The form.
    pub format: ReportFormat,
    /// The file to write; `None` for stdout.
    pub output: Option<PathBuf>,
    /// The settings as resolved, to be shown with `-v`.
    pub settings: Vec<ShownSetting>,
}

/// What a report is made of.
#[derive(Clone, Debug)]
pub enum ReportSource {
    /// An export or a dataset that is there.
    Export(PlaceConfig),
    /// Lists, of which an export is made first.
    Lists(Box<ListsConfig>),
}

/// How the export of a report is made.
#[derive(Clone, Debug)]
pub struct ListsConfig {
    /// The lists as typed; at least one.
    pub lists: Vec<String>,
    /// Which of them are in object stores.
    pub stored_lists: Vec<StoredList>,
    /// Whom to ask.
    pub api: Api,
    /// What and how fast.
    pub fetch: FetchConfig,
    /// Where the export stays; `None` for a directory that goes with the report.
    pub dir: Option<PathBuf>,
    /// Where this user's runs keep what they share.
    pub user_state_dir: Option<PathBuf>,
    /// The command line, quoted for a shell.
    pub command_line: String,
}

/// Something to sum up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportKey {
    /// `session_id`.
    Session,
    /// Who somebody is across sessions: `custom_participant_id`, the caller's own id, else `user_id`.
    Person,
    /// The day on which a participant joined.
    Day,
    /// `preset_name`.
    Preset,
    /// The last `preset_view_type` of a participant's events.
    ViewType,
    /// `meeting_id` of the session.
    Meeting,
    /// A column of the lists.
    Label(String),
}

impl ReportKey {
    /// The words that are keys.
    const WORDS: [(&'static str, Self); 6] = [
        ("session", Self::Session),
        ("person", Self::Person),
        ("day", Self::Day),
        ("preset", Self::Preset),
        ("view_type", Self::ViewType),
        ("meeting", Self::Meeting),
    ];

    /// Reads one key: `day`, `view-type`, `customer`, `label:day`.
    fn parse(text: &str) -> Option<Self> {
        if let Some(label) = text.strip_prefix(LABEL_PREFIX) {
            return (!label.is_empty()).then(|| Self::Label(label.to_owned()));
        }
        let word = text.to_lowercase().replace(['-', ' '], "_");
        let known = Self::WORDS.into_iter().find(|(name, _)| *name == word);
        let label = || (!text.is_empty()).then(|| Self::Label(text.to_owned()));
        known.map(|(_, key)| key).or_else(label)
    }

    /// Reads keys with commas between them; one that has a comma itself stands in double quotes.
    pub(super) fn parse_all(text: &str) -> Option<Vec<Self>> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
        let record = reader.records().next()?.ok()?;
        record.iter().map(Self::parse).collect()
    }

    /// Whether it is one value for a whole session, so that the session's own minutes can go by it.
    #[must_use]
    pub const fn is_of_session(&self) -> bool {
        matches!(self, Self::Session | Self::Day | Self::Meeting | Self::Label(_))
    }
}

impl fmt::Display for ReportKey {
    /// As the column is called: read back as the same key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.into_iter().find(|(_, key)| key == self).map(|(word, _)| word);
        match (word, self) {
            (Some(word), _) => f.write_str(word),
            (None, Self::Label(name)) if Self::parse(name).as_ref() == Some(self) => f.write_str(name),
            (None, Self::Label(name)) => write!(f, "{LABEL_PREFIX}{name}"),
            (None, _) => Ok(()),
        }
    }
}

/// The three kinds of minutes, which are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum MinutesKind {
    /// From joining to leaving, as each participant's record says.
    Duration,
    /// What the peer events of each participant carry, added up.
    Events,
    /// What each session's own record says.
    Session,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// A table for a terminal.
    Text,
    /// Exact, a row for each group.
    Csv,
    /// The same with a BOM and with formula-like text cells defused, for spreadsheets.
    #[value(skip)]
    CsvExcel,
    /// Exact, one object.
    Json,
    /// A table for a text that is rendered later.
    Markdown,
    /// A page that needs nothing else.
    Html,
}

impl ReportFormat {
    /// Whether it is read by programs: exact, and with every row.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Csv | Self::CsvExcel | Self::Json)
    }

    /// What a file's name says about its form.
    pub(super) fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "txt" => Some(Self::Text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(name: &str) -> ReportKey {
        ReportKey::Label(name.to_owned())
    }

    #[test]
    fn keys_are_words_or_labels() {
        for (text, expected) in [
            ("day", Some(vec![ReportKey::Day])),
            ("Customer, view-type", Some(vec![label("Customer"), ReportKey::ViewType])),
            ("label:day,DAY", Some(vec![label("day"), ReportKey::Day])),
            ("\"a, b\",cost centre", Some(vec![label("a, b"), label("cost centre")])),
            ("label:label:x", Some(vec![label("label:x")])),
            ("", None),
            ("day,,session", None),
            ("label:", None),
        ] {
            assert_eq!(ReportKey::parse_all(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_files_name_tells_its_form() {
        for (path, expected) in [
            ("usage.HTML", Some(ReportFormat::Html)),
            ("a/b.md", Some(ReportFormat::Markdown)),
            ("usage", None),
            ("usage.pdf", None),
        ] {
            assert_eq!(ReportFormat::of_file(Path::new(path)), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_read_back(name in "[a-z _:-]{0,6}(day|view type|label:|)[a-zA-Z:]{0,3}") {
            if let Some(key) = ReportKey::parse(&name) {
                prop_assert_eq!(ReportKey::parse(&key.to_string()), Some(key));
            }
        }
    }
}
