//! The report: each comparison with its verdict, for people as aligned text, for machines as JSON.
//!
//! In: what was compared. Out: text, JSON, and how the command ends.
//! Guarantees: the fields of the JSON stay as they are, minutes in it are strings with nine places; foreign
//! text cannot steer a terminal.
//! Not here: comparing, printing (`ui`).
//!
//! The JSON is one object: `directory`, `export_id`, `account_id`, `app_id`, `minutes` (the compared kind, null
//! where nothing was asked), `requests_sent`, `verdict` (`agrees`, `differs`, or `stopped` where the API refused
//! the token or did not answer), `exit_code`, and the comparisons `files`, `dataset` (of a dataset only), `keys`, `totals`, `sessions`, `days`
//! and `usage`, each with a `verdict` of its own, null where it was not made.

use serde::Serialize;

use super::dataset::OfDataset;
use super::days::Days;
use super::files::Files;
use super::keys::{Keys, Tables, Totals};
use super::sessions::Sessions;
use super::usage::Usage;
use super::{Subject, Verdict, text};
use crate::config::MinutesKind;
use crate::error::Class;

/// The exit code of what differs; the contract has it.
const DIFFERS: u8 = 3;

/// All comparisons of one export.
#[derive(Debug)]
pub struct Report {
    pub(super) subject: Subject,
    pub(super) files: Files,
    pub(super) tables: Option<Tables>,
    pub(super) minutes: Option<MinutesKind>,
    pub(super) sessions: Option<Sessions>,
    pub(super) days: Option<Days>,
    pub(super) usage: Option<Usage>,
    pub(super) requests_sent: u64,
    pub(super) ended: Option<Class>,
}

/// How it all comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was compared agrees.
    Agrees,
    /// Something differs, or could not be told.
    Differs,
    /// The API refused the token, or did not answer: not all was compared.
    Stopped(Class),
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Stopped(_) => "stopped",
        }
    }

    const fn exit_code(self) -> u8 {
        match self {
            Self::Agrees => 0,
            Self::Differs => DIFFERS,
            Self::Stopped(class) => class.exit_code(),
        }
    }
}

impl Report {
    /// What was compared without a request.
    pub(super) fn new(subject: Subject, files: Files, tables: Option<Tables>) -> Self {
        Self {
            subject,
            files,
            tables,
            minutes: None,
            sessions: None,
            days: None,
            usage: None,
            requests_sent: 0,
            ended: None,
        }
    }

    /// How it all comes out.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if let Some(class) = self.ended {
            return Outcome::Stopped(class);
        }
        let of_tables = self.tables.as_ref().map(|tables| [tables.keys.verdict, tables.totals.verdict]);
        // Each session and day was to be told; usage is only shown where it cannot be read.
        let of_api = [
            self.sessions.as_ref().map(|sessions| sessions.verdict),
            self.days.as_ref().map(|days| days.verdict),
        ];
        let is_wrong = |verdict: Verdict| matches!(verdict, Verdict::Differs | Verdict::NotReadable);
        let of_dataset = self.files.dataset.as_ref().map(|dataset| dataset.verdict);
        let verdicts = of_tables.into_iter().flatten().chain(of_api.into_iter().flatten()).chain(of_dataset);
        let differs = self.files.verdict == Verdict::Differs
            || verdicts.into_iter().any(is_wrong)
            || self.usage.as_ref().is_some_and(|usage| usage.verdict == Verdict::Differs);
        if differs { Outcome::Differs } else { Outcome::Agrees }
    }

    /// Whether nothing of what was asked is there in part only, or could not be read.
    pub(super) fn is_all_judged(&self) -> bool {
        let in_part = self.sessions.as_ref().is_some_and(|sessions| sessions.partial > 0);
        let days = self.days.iter().flat_map(|days| &days.rows).map(|day| day.verdict);
        let of_days = self.days.as_ref().map(|days| days.verdict);
        let of_usage = self.usage.as_ref().map(|usage| usage.verdict);
        !in_part && days.chain(of_days).chain(of_usage).all(|verdict| verdict == Verdict::Agrees)
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        text::of(self)
    }

    /// For machines: one object, with the line's end.
    #[must_use]
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            directory: String,
            export_id: &'a str,
            account_id: &'a str,
            app_id: &'a str,
            minutes: Option<&'static str>,
            requests_sent: u64,
            verdict: &'static str,
            exit_code: u8,
            files: &'a Files,
            #[serde(skip_serializing_if = "Option::is_none")]
            dataset: Option<&'a OfDataset>,
            keys: Option<&'a Keys>,
            totals: Option<&'a Totals>,
            sessions: Option<&'a Sessions>,
            days: Option<&'a Days>,
            usage: Option<&'a Usage>,
        }
        let outcome = self.outcome();
        let whole = Whole {
            directory: self.subject.place.show(None),
            export_id: &self.subject.manifest.export_id,
            account_id: &self.subject.manifest.api.account_id,
            app_id: &self.subject.manifest.api.app_id,
            minutes: self.minutes.map(kind_name),
            requests_sent: self.requests_sent,
            verdict: outcome.name(),
            exit_code: outcome.exit_code(),
            files: &self.files,
            dataset: self.files.dataset.as_ref(),
            keys: self.tables.as_ref().map(|tables| &tables.keys),
            totals: self.tables.as_ref().map(|tables| &tables.totals),
            sessions: self.sessions.as_ref(),
            days: self.days.as_ref(),
            usage: self.usage.as_ref(),
        };
        // Structs of text and numbers always have a JSON form.
        serde_json::to_string_pretty(&whole).map(|json| json + "\n").unwrap_or_default()
    }
}

/// The word of the command line.
const fn kind_name(kind: MinutesKind) -> &'static str {
    match kind {
        MinutesKind::Duration => "duration",
        MinutesKind::Events => "events",
        MinutesKind::Session => "session",
    }
}
