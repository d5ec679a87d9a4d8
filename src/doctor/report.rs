//! The report: each check with its verdict, for people as aligned text, for machines as JSON.
//!
//! In: checks. Out: text, JSON, and how the command ends.
//! Guarantees: the fields of the JSON and the names of checks and answers stay as they are; foreign text
//! cannot steer a terminal.
//! Not here: judging (`checks`), printing (`ui`).
//!
//! The JSON is one object: `base_url`, `account_id`, `app_id`, `session_id` and `participant_id` (null
//! where there was none to look at), `requests` {`sent`, `at_most`}, `verdict` (the worst of all),
//! `exit_code`, `settings` (what to add to a run's command line), and `checks`, a list of {`name`,
//! `verdict`, `answer`, `seen`, `follows`, `setting`}. A verdict is `ok`, `note` (worth knowing, nothing
//! to do), `open` (could not be told), `warning` (an export would be affected) or `failed`. `answer` is a
//! word for programs, `seen` and `follows` are sentences for people.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::findings::Findings;
use super::{AT_MOST, Subject};
use crate::error::Class;

/// Columns of the text.
const WIDTH: usize = 100;
/// Columns before a check's sentences: its verdict and its name.
const INDENT: usize = 29;
/// The exit code of a report with warnings; the contract has it for what is complete, but not all well.
const WARNED: u8 = 3;

/// What a check came to, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the exporter expects it.
    Ok,
    /// Worth knowing; nothing to do.
    Note,
    /// Could not be told.
    Open,
    /// An export would be affected.
    Warning,
    /// No export is possible; it would end in this class.
    Failed(Class),
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is asked, as a word.
    pub name: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// The answer, as a word.
    pub answer: String,
    /// What was seen, as a sentence.
    pub seen: String,
    /// What follows from it, as a sentence.
    pub follows: Option<String>,
    /// What to add to a run's command line.
    pub setting: Option<String>,
}

/// All checks of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    base_url: String,
    account_id: String,
    app_id: String,
    session_id: Option<String>,
    participant_id: Option<String>,
    requests: Requests,
    verdict: Verdict,
    exit_code: u8,
    settings: Vec<String>,
    checks: Vec<Check>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Requests {
    sent: u32,
    at_most: u32,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Open => "open",
            Self::Warning => "warning",
            Self::Failed(_) => "failed",
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Note => 1,
            Self::Open => 2,
            Self::Warning => 3,
            Self::Failed(_) => 4,
        }
    }

    const fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Note | Self::Open => 0,
            Self::Warning => WARNED,
            Self::Failed(class) => class.exit_code(),
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Check {
    pub(super) fn new(
        name: &'static str,
        verdict: Verdict,
        answer: impl Into<String>,
        seen: impl Into<String>,
    ) -> Self {
        Self { name, verdict, answer: answer.into(), seen: seen.into(), follows: None, setting: None }
    }

    pub(super) fn follows(self, follows: impl Into<String>) -> Self {
        Self { follows: Some(follows.into()), ..self }
    }

    pub(super) fn setting(self, setting: &str) -> Self {
        Self { setting: Some(setting.to_owned()), ..self }
    }

    /// The verdict, the name and the sentences, on as many lines as they need.
    fn text(&self) -> String {
        let mut text = format!("{:<8} {:<20}", self.verdict.name(), self.name.replace('_', " "));
        wrap(&mut text, &self.seen);
        if let Some(follows) = &self.follows {
            text.push_str(&" ".repeat(INDENT));
            wrap(&mut text, &format!("-> {follows}"));
        }
        text
    }
}

impl Report {
    pub(super) fn new(subject: Subject, findings: &Findings, checks: Vec<Check>) -> Self {
        // Of equally bad ones the first: the others follow from it.
        let worst = checks.iter().rev().map(|check| check.verdict).max_by_key(|verdict| verdict.rank());
        let verdict = worst.unwrap_or(Verdict::Ok);
        let mut settings: Vec<String> = Vec::new();
        for setting in checks.iter().filter_map(|check| check.setting.as_ref()) {
            if !settings.contains(setting) {
                settings.push(setting.clone());
            }
        }
        let session = findings.session.as_ref().and_then(|session| session.as_ref().ok());
        Self {
            base_url: subject.base_url,
            account_id: subject.account_id,
            app_id: subject.app_id,
            session_id: session.map(|session| session.id.to_string()),
            participant_id: findings.participant.map(|participant| participant.to_string()),
            requests: Requests { sent: findings.sent, at_most: AT_MOST },
            verdict,
            exit_code: verdict.exit_code(),
            settings,
            checks,
        }
    }

    /// The worst verdict of all.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let session = self.session_id.as_deref().unwrap_or("none");
        let participant = self.participant_id.as_deref().unwrap_or("none");
        let about = [
            ("API", self.base_url.as_str()),
            ("account", &self.account_id),
            ("app", &self.app_id),
            ("session", session),
            ("participant", participant),
        ];
        for (name, value) in about {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "{name:<11} {}", tame(value));
        }
        text.push('\n');
        for check in &self.checks {
            text.push_str(&check.text());
        }
        let settings = match (self.settings.is_empty(), self.verdict) {
            (false, _) => self.settings.join(" "),
            (true, Verdict::Failed(_)) => "see what failed".to_owned(),
            (true, _) => "none: the defaults fit".to_owned(),
        };
        let Requests { sent, at_most } = self.requests;
        let _ = write!(text, "\nsettings    {settings}\nrequests    {sent} sent, of at most {at_most}\n");
        let _ = writeln!(text, "result      {}", self.summary());
        text
    }

    /// What it comes to, and how many checks came to what.
    fn summary(&self) -> String {
        let sentence = match self.verdict {
            Verdict::Ok | Verdict::Note | Verdict::Open => "nothing stands in the way of an export",
            Verdict::Warning => "an export is possible; see the warnings",
            Verdict::Failed(_) => "no export is possible before what failed is right",
        };
        let named = [
            ("ok", "ok"),
            ("note", "notes"),
            ("open", "open"),
            ("warning", "warnings"),
            ("failed", "failed"),
        ];
        let counts = named.into_iter().filter_map(|(name, many)| {
            let count = self.checks.iter().filter(|check| check.verdict.name() == name).count();
            (count > 0).then(|| format!("{count} {}", if count == 1 { name } else { many }))
        });
        format!("{sentence} ({})", counts.collect::<Vec<_>>().join(", "))
    }

    /// For machines: one object, with the line's end.
    #[must_use]
    pub fn json(&self) -> String {
        // Structs of text and numbers always have a JSON form.
        serde_json::to_string_pretty(self).map(|json| json + "\n").unwrap_or_default()
    }
}

/// Appends words to a line that is `INDENT` long, and goes on below where they do not fit.
fn wrap(text: &mut String, words: &str) {
    let mut column = INDENT;
    for (number, word) in words.split_whitespace().enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(INDENT));
            column = INDENT;
        } else if number > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(&tame(word));
        column += length;
    }
    text.push('\n');
}

/// Foreign text that cannot steer a terminal.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
