//! What is shown of a `sync`: which days it exports, and what the dataset is after it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};

use super::errors::json_line;
use super::summary::{TableRows, seconds};
use super::wording::{counted, duration, grouped, table_rows};
use crate::model::DayRange;

/// What came of a `sync`.
#[derive(Clone, Debug, Serialize)]
pub struct Synced {
    /// The dataset, as it was named.
    pub output: String,
    /// The number of its commit; `None` where there is no dataset.
    pub generation: Option<u64>,
    /// Whether this `sync` made that commit.
    pub is_new: bool,
    /// How far the dataset goes, as the pointer writes it.
    pub synced_until: Option<String>,
    /// The zone of its days.
    pub time_zone: Option<String>,
    /// The days that this `sync` replaced.
    #[serde(serialize_with = "days")]
    pub days: Vec<NaiveDate>,
    /// Rows of those days by table.
    pub rows: Vec<TableRows>,
    /// Rows of `failures` of those days.
    pub failures: u64,
    /// The sum of their participants' durations.
    pub duration_minutes: Option<String>,
    /// The sum of their minutes consumed.
    pub minutes_consumed: Option<String>,
    /// What was odd in the data: the codes of the warnings, and how often each.
    pub warnings: BTreeMap<String, u64>,
    /// Days that the next `sync` looks at again.
    pub pending: Vec<PendingDay>,
    /// Days that stay as they were though none of their sessions was found any more.
    #[serde(serialize_with = "days")]
    pub emptied: Vec<NaiveDate>,
    /// Sessions left out because they are of no day.
    pub undated: u64,
    /// Requests that this process sent, retries included.
    pub requests_sent: u64,
    /// Replies that an earlier process had left in the log.
    pub replies_kept: u64,
    /// Whether the response log is kept.
    pub keeps_log: bool,
    /// How long it took.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// A day that is looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingDay {
    /// Which.
    #[serde(serialize_with = "day")]
    pub day: NaiveDate,
    /// Why.
    pub why: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn day<S: Serializer>(day: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

fn days<S: Serializer>(days: &[NaiveDate], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(days.iter().map(ToString::to_string))
}

/// The days of one commit in words.
pub(super) fn days_text(range: &DayRange, number: usize, count: usize) -> String {
    let first = range.first.map_or("the beginning".to_owned(), |first| first.to_string());
    let which = if count > 1 { format!(", {number} of {count}") } else { String::new() };
    format!("days: {first} to {} ({}){which}\n", range.last, range.zone)
}

/// The same as one JSON object.
pub(super) fn days_json(range: &DayRange, number: usize, count: usize, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Fields {
        level: &'static str,
        event: &'static str,
        first: Option<String>,
        last: String,
        time_zone: &'static str,
        number: usize,
        count: usize,
    }
    json_line(
        now,
        &Fields {
            level: "info",
            event: "days",
            first: range.first.map(|first| first.to_string()),
            last: range.last.to_string(),
            time_zone: range.zone.name(),
            number,
            count,
        },
    )
}

impl Synced {
    /// A few lines for people.
    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        let generation = self.generation.map(|number| format!(", generation {number}")).unwrap_or_default();
        lines.push(("dataset", format!("{}{generation}", self.output)));
        if let Some(until) = &self.synced_until {
            lines.push(("until", until.clone()));
        }
        if let (Some(first), Some(last)) = (self.days.first(), self.days.last()) {
            let count = counted(self.days.len() as u64, "day", "days");
            let zone = self.time_zone.as_deref().unwrap_or_default();
            lines.push(("replaced", format!("{count}, {first} to {last} ({zone})")));
            let rows = self.rows.iter().map(|table| table_rows(table.table, table.rows));
            let rows = rows.collect::<Vec<_>>().join(", ");
            lines.push(("rows", if rows.is_empty() { "none".to_owned() } else { rows }));
            let minutes = [(&self.minutes_consumed, "consumed"), (&self.duration_minutes, "of presence")];
            let known =
                minutes.into_iter().filter_map(|(sum, noun)| Some(format!("{} {noun}", sum.as_ref()?)));
            let known = known.collect::<Vec<_>>().join(", ");
            lines.push(("minutes", if known.is_empty() { "none known".to_owned() } else { known }));
        }
        let kept = counted(self.replies_kept, "reply", "replies");
        lines.push(("requests", format!("{} sent, {kept} kept from before", grouped(self.requests_sent))));
        if !self.warnings.is_empty() {
            let codes = self.warnings.iter().map(|(code, count)| format!("{} {code}", grouped(*count)));
            let codes = codes.collect::<Vec<_>>().join(", ");
            lines.push(("warnings", format!("{codes} (examples are in the commit file)")));
        }
        let go_together =
            |one: &PendingDay, next: &PendingDay| one.why == next.why && one.day.succ_opt() == Some(next.day);
        for days in self.pending.chunk_by(go_together) {
            if let [first, .., last] = days {
                lines.push(("again", format!("{} to {}: {}", first.day, last.day, first.why)));
            } else if let [only] = days {
                lines.push(("again", format!("{}: {}", only.day, only.why)));
            }
        }
        lines.push(("elapsed", duration(self.elapsed)));
        let ending = match (self.is_new, self.failures) {
            (false, _) => "nothing new".to_owned(),
            (true, 0) => "synced".to_owned(),
            (true, failures) => format!("synced, with {}", counted(failures, "failure", "failures")),
        };
        let mut text = ending + "\n";
        for (name, line) in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<9} {line}");
        }
        if self.failures > 0 {
            let _ = writeln!(
                text,
                "hint: the table failures says why; what may pass is fetched again with the next sync"
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
            synced: &'a Synced,
        }
        json_line(now, &Fields { level: "info", event: "summary", synced: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Zone;

    fn at(day: &str) -> NaiveDate {
        day.parse().unwrap()
    }

    fn synced() -> Synced {
        Synced {
            output: "s3://bucket/rtk".to_owned(),
            generation: Some(42),
            is_new: true,
            synced_until: Some("2026-11-23T02:00:03.000000Z".to_owned()),
            time_zone: Some("UTC".to_owned()),
            days: ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"].map(at).to_vec(),
            rows: vec![
                TableRows { table: "participants", rows: 1_240 },
                TableRows { table: "failures", rows: 0 },
            ],
            failures: 0,
            duration_minutes: Some("4126666.666700000".to_owned()),
            minutes_consumed: None,
            warnings: BTreeMap::new(),
            pending: Vec::new(),
            emptied: Vec::new(),
            undated: 0,
            requests_sent: 1_043,
            replies_kept: 1,
            keeps_log: true,
            elapsed: Duration::from_secs(289),
        }
    }

    #[test]
    fn texts() {
        let range = DayRange { zone: Zone::UTC, first: Some(at("2026-11-20")), last: at("2026-11-23") };
        let first = DayRange { first: None, ..range };
        let failed = Synced {
            failures: 3,
            warnings: BTreeMap::from([("unknown_field".to_owned(), 1)]),
            pending: vec![PendingDay { day: at("2026-11-22"), why: "requests that failed" }],
            days: vec![at("2026-11-22")],
            ..synced()
        };
        let empty = Synced { rows: Vec::new(), duration_minutes: None, ..synced() };
        let nothing = Synced { is_new: false, days: Vec::new(), requests_sent: 0, ..synced() };
        let none = Synced { generation: None, synced_until: None, ..nothing.clone() };
        let now = DateTime::from_timestamp_millis(1_795_000_000_042).expect("a time");
        insta::assert_snapshot!(
            [
                days_text(&range, 1, 1),
                days_text(&first, 1, 2),
                days_json(&range, 2, 3, now),
                synced().text(),
                failed.text(),
                empty.text(),
                nothing.text(),
                none.text(),
                failed.json(now),
            ]
            .join("\n")
        );
    }
}
