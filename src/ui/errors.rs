//! The one rendering of errors and warnings: what, why, what to do next.

use std::error::Error as _;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use super::wording::one_line;
use crate::error::Error;

/// What is shown of an error or a warning.
#[derive(Debug, Serialize)]
pub(super) struct Notice {
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
    Info,
}

impl Notice {
    /// Of what ended the command.
    pub(super) fn of_error(error: &Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(source) = cause {
            causes.push(one_line(&source.to_string()));
            cause = source.source();
        }
        Self {
            level: Level::Error,
            message: one_line(&error.to_string()),
            causes,
            hint: error.hint().map(|hint| one_line(&hint)),
            class: Some(error.class().name()),
            exit_code: Some(error.class().exit_code()),
        }
    }

    /// Of an error that ends nothing.
    pub(super) fn of_passing_error(error: &Error) -> Self {
        Self { level: Level::Warning, class: None, exit_code: None, ..Self::of_error(error) }
    }

    /// Of something worth knowing.
    pub(super) fn of_note(message: &str) -> Self {
        Self {
            level: Level::Info,
            message: one_line(message),
            causes: Vec::new(),
            hint: None,
            class: None,
            exit_code: None,
        }
    }

    /// Of something that ends nothing.
    pub(super) fn of_warning(message: &str, hint: Option<&str>) -> Self {
        Self {
            level: Level::Warning,
            message: one_line(message),
            causes: Vec::new(),
            hint: hint.map(one_line),
            class: None,
            exit_code: None,
        }
    }

    /// A line each for the message, its causes and the hint.
    pub(super) fn text(&self, coloured: bool) -> String {
        let style = |style: Style| if coloured { style } else { Style::new() };
        let (word, colour) = match self.level {
            Level::Error => ("error", style(AnsiColor::Red.on_default().bold())),
            Level::Warning => ("warning", style(AnsiColor::Yellow.on_default().bold())),
            Level::Info => ("note", style(Style::new().bold())),
        };
        let (cause_style, hint_style) =
            (style(Style::new().bold()), style(AnsiColor::Cyan.on_default().bold()));
        let mut text = format!("{colour}{word}:{colour:#} {}\n", self.message);
        let causes = self.causes.iter().map(|cause| ("caused by", cause_style, cause));
        let hint = self.hint.iter().map(|hint| ("hint", hint_style, hint));
        for (word, style, line) in causes.chain(hint) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{style}{word}:{style:#} {line}");
        }
        text
    }

    /// One JSON object.
    pub(super) fn json(&self, now: DateTime<Utc>) -> String {
        json_line(now, self)
    }
}

/// A line of `--log-format json`: the time, then the fields of an object.
pub(super) fn json_line<T: Serialize>(now: DateTime<Utc>, fields: &T) -> String {
    #[derive(Serialize)]
    struct Line<'a, T> {
        time: String,
        #[serde(flatten)]
        fields: &'a T,
    }
    let line = Line { time: now.to_rfc3339_opts(SecondsFormat::Millis, true), fields };
    // Structs of text and numbers always have a JSON form.
    serde_json::to_string(&line).map(|line| line + "\n").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn failing() -> Error {
        Error::io("create", "out/.rtk-export/log")(io::Error::other("no space left\nfor\u{1b}[2J you"))
    }

    #[test]
    fn an_error_is_its_message_its_causes_and_a_hint() {
        let refused = Error::NoList;
        let texts = [
            Notice::of_error(&failing()).text(false),
            Notice::of_error(&refused).text(false),
            Notice::of_warning("2 rows are listed twice with other labels", Some("see id_list")).text(false),
        ];
        insta::assert_snapshot!(texts.join("\n"));
        insta::assert_snapshot!("coloured", Notice::of_error(&refused).text(true).replace('\u{1b}', "<esc>"));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let now = DateTime::from_timestamp_millis(1_795_000_000_042).expect("a time");
        let lines = [Notice::of_error(&failing()).json(now), Notice::of_warning("careful", None).json(now)];
        insta::assert_snapshot!(lines.concat());
    }
}
