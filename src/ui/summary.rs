//! The end of a run in a few lines: what came of it and where it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::errors::json_line;
use super::wording::{counted, duration, grouped, table_rows};

/// What came of a run or a rebuild.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The export's directory.
    #[serde(serialize_with = "path")]
    pub output: PathBuf,
    /// The window's start, as the manifest writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Rows by table, in the order of the manifest.
    pub rows: Vec<TableRows>,
    /// Rows of `failures`.
    pub failures: u64,
    /// Their files, as a command takes them.
    #[serde(skip)]
    pub failed: String,
    /// The sum of the participants' durations, as the manifest writes it.
    pub duration_minutes: Option<String>,
    /// The sum of the minutes consumed, as the manifest writes it.
    pub minutes_consumed: Option<String>,
    /// What was odd in the data: the codes of the manifest's warnings, and how often each.
    pub warnings: BTreeMap<String, u64>,
    /// Requests sent by all runs of the export, retries included; `None` where none could be.
    pub requests_sent: Option<u64>,
    /// Requests that pages of participants made unnecessary.
    pub requests_saved: u64,
    /// Replies that an earlier run had left in the log.
    pub replies_kept: u64,
    /// The response log; `None` where it was deleted.
    #[serde(serialize_with = "optional_path")]
    pub log: Option<PathBuf>,
    /// How long it took.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// A table and how many rows it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// The table's name.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
}

/// Whole seconds: a log line is no stopwatch.
pub(super) fn seconds<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(elapsed.as_secs())
}

/// A path as text, whatever its bytes: serde refuses one that is not Unicode.
fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The same for one that may be absent.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn optional_path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.display().to_string()).serialize(serializer)
}

impl Summary {
    /// A few lines for people.
    pub(super) fn text(&self) -> String {
        let rows = self.rows.iter().map(|table| table_rows(table.table, table.rows));
        let mut lines = Vec::new();
        if let Some(until) = &self.until {
            lines
                .push(("window", format!("{} to {until}", self.since.as_deref().unwrap_or("the beginning"))));
        }
        lines.push(("rows", rows.collect::<Vec<_>>().join(", ")));
        let minutes = [(&self.minutes_consumed, "consumed"), (&self.duration_minutes, "of presence")];
        let known = minutes.into_iter().filter_map(|(sum, noun)| Some(format!("{} {noun}", sum.as_ref()?)));
        let known = known.collect::<Vec<_>>().join(", ");
        lines.push(("minutes", if known.is_empty() { "none known".to_owned() } else { known }));
        if let Some(sent) = self.requests_sent {
            let kept = counted(self.replies_kept, "reply", "replies");
            let saved = grouped(self.requests_saved);
            lines.push((
                "requests",
                format!("{} sent, {saved} saved by listing, {kept} kept from before", grouped(sent)),
            ));
        }
        if !self.warnings.is_empty() {
            let codes = self.warnings.iter().map(|(code, count)| format!("{} {code}", grouped(*count)));
            let codes = codes.collect::<Vec<_>>().join(", ");
            lines.push(("warnings", format!("{codes} (examples are in the manifest)")));
        }
        lines.push(("files", self.output.display().to_string()));
        if let Some(log) = &self.log {
            lines.push(("log", format!("{} (personal data: --keep-log never)", log.display())));
        }
        lines.push(("elapsed", duration(self.elapsed)));
        let mut text = match self.failures {
            0 => "complete\n".to_owned(),
            failures => format!("complete, with {}\n", counted(failures, "failure", "failures")),
        };
        for (name, line) in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<9} {line}");
        }
        if self.failures > 0 {
            let failures = self.output.join("failures");
            let _ = writeln!(
                text,
                "hint: {} says why; to fetch just those again: rtk-export run {} -o OTHER_DIR",
                failures.display(),
                self.failed
            );
        }
        text
    }

    /// One JSON object, with the line's end.
    pub(super) fn json(&self, now: DateTime<Utc>) -> String {
        #[derive(Serialize)]
        struct Fields<'a> {
            level: &'static str,
            event: &'static str,
            #[serde(flatten)]
            summary: &'a Summary,
        }
        json_line(now, &Fields { level: "info", event: "summary", summary: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            output: "out".into(),
            since: None,
            until: None,
            rows: vec![
                TableRows { table: "participants", rows: 100_000 },
                TableRows { table: "peer_events", rows: 300_000 },
                TableRows { table: "id_list", rows: 1 },
            ],
            failures: 0,
            failed: "out/failures/*".into(),
            duration_minutes: Some("4126666.666700000".to_owned()),
            minutes_consumed: Some("3926123.500000000".to_owned()),
            warnings: BTreeMap::new(),
            requests_sent: Some(1_043),
            requests_saved: 98_957,
            replies_kept: 1,
            log: Some("out/.rtk-export".into()),
            elapsed: Duration::from_secs(289),
        }
    }

    #[test]
    fn texts() {
        let complete = summary();
        let warnings =
            BTreeMap::from([("digits_rounded".to_owned(), 12_000), ("unknown_field".to_owned(), 1)]);
        let failed = Summary { failures: 1_204, warnings, minutes_consumed: None, log: None, ..summary() };
        let (since, until) =
            (Some("2026-11-22T00:00:00.000000Z".into()), Some("2026-11-23T00:00:00.000000Z".into()));
        let window = Summary { since, until, ..summary() };
        let rebuilt =
            Summary { requests_sent: None, duration_minutes: None, minutes_consumed: None, ..summary() };
        insta::assert_snapshot!([complete.text(), failed.text(), rebuilt.text(), window.text()].join("\n"));
    }

    #[test]
    fn json_is_one_object() {
        let now = DateTime::from_timestamp_millis(1_795_000_000_042).expect("a time");
        insta::assert_snapshot!(summary().json(now));
    }
}
