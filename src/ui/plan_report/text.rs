//! A plan as a few lines for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::wording::{bytes, counted, duration, grouped, one_line};
use super::{
    AsksFor, CountedPlan, ExampleRow, Examples, Expected, MinutesPlan, PlanReport, QuotaPlan, Range,
    RequestPlan, RowCounts, WindowPlan,
};

impl PlanReport {
    /// A few lines for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![("rows", self.rows_line())];
        if self.lists.is_empty() {
            lines.clear();
        }
        lines.extend(self.window.as_ref().map(|window| ("window", window.line())));
        lines.push(("asks for", self.asks_for.line()));
        lines.push(("requests", self.requests.line()));
        lines.push(("alone", format!("{} by one request for each participant", range(self.detail_requests))));
        lines.push(("time", self.time_line()));
        lines.push(("gives", self.expected.rows_line()));
        lines.extend(self.expected.size_line().map(|size| ("size", size)));
        lines.extend(self.counted.as_ref().map(|counted| ("counted", counted.line())));
        lines.extend(self.minutes.as_ref().map(|minutes| ("minutes", minutes.line())));
        let mut text = String::from("plan\n");
        for (name, line) in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<9} {line}");
        }
        text.push_str(&self.examples.lines());
        text.push_str(
            "note: every id is taken to be a participant's own and known to the API; retries come on top\n",
        );
        if self.requests.total.max.is_none() && self.counted.is_none() {
            text.push_str(
                "hint: how many are in each session is not known; --count asks, a request per session\n",
            );
        }
        text
    }

    fn rows_line(&self) -> String {
        let files = match self.lists.as_slice() {
            [list] => one_line(&list.path),
            lists => counted(lists.len() as u64, "list", "lists"),
        };
        let RowCounts { read, invalid, duplicate } = self.rows;
        format!(
            "{} of {files}: {} invalid, {} listed before",
            counted(read, "row", "rows"),
            grouped(invalid),
            grouped(duplicate)
        )
    }

    fn time_line(&self) -> String {
        let time = |seconds| duration(Duration::from_secs(seconds));
        let Range { min, max } = self.seconds;
        let lasting = match max {
            Some(0) => "no time".to_owned(),
            Some(max) if max == min => format!("about {}", time(min)),
            Some(max) => format!("about {} to {}", time(min), time(max)),
            None => format!("at least about {}", time(min)),
        };
        let QuotaPlan { requests, window, reserve_percent, allowed } = self.quota;
        let window = humantime::format_duration(window);
        format!(
            "{lasting}, at {} requests in {window} ({} less {reserve_percent}%)",
            grouped(allowed),
            grouped(requests)
        )
    }
}

/// A range in words: `8`, `2 to 5`, `at least 3`.
fn range(range: Range) -> String {
    ranged(range, grouped)
}

fn ranged(range: Range, shown: impl Fn(u64) -> String) -> String {
    match range {
        Range { min, max: Some(max) } if min == max => shown(min),
        Range { min, max: Some(max) } => format!("{} to {}", shown(min), shown(max)),
        Range { min, max: None } => format!("at least {}", shown(min)),
    }
}

impl Range {
    /// Whether there can be any.
    fn is_zero(self) -> bool {
        self.max == Some(0)
    }

    /// Whether it can be anything.
    const fn is_unknown(self) -> bool {
        self.min == 0 && self.max.is_none()
    }

    /// With its noun: `1 page`, `2 to 5 pages`.
    fn of(self, one: &str, many: &str) -> String {
        let is_one = self.min == 1 && self.max.is_none_or(|max| max == 1);
        format!("{} {}", range(self), if is_one { one } else { many })
    }
}

impl WindowPlan {
    fn line(&self) -> String {
        let end = |time: &Option<String>| time.clone().unwrap_or_else(|| "...".to_owned());
        let meeting = self.meeting.as_deref().map(|meeting| format!(", meeting {}", one_line(meeting)));
        let mut line = format!(
            "{} from {} until before {}{}: {} live",
            counted(self.sessions, "session", "sessions"),
            end(&self.since),
            end(&self.until),
            meeting.unwrap_or_default(),
            grouped(self.live_sessions),
        );
        if self.live_left_out > 0 {
            let _ = write!(line, ", {} live left out", grouped(self.live_left_out));
        }
        if let Some(minutes) = &self.minutes_consumed {
            let _ = write!(line, ", {minutes} minutes consumed as they say");
        }
        line
    }
}

impl AsksFor {
    fn line(&self) -> String {
        let mut parts = Vec::new();
        if self.participants > 0 || self.by_other_id + self.whole_sessions == 0 {
            parts.push(counted(self.participants, "participant", "participants"));
        }
        if self.by_other_id > 0 {
            parts.push(counted(self.by_other_id, "user or custom id", "user or custom ids"));
        }
        if self.whole_sessions > 0 {
            parts.push(format!("everyone of {}", counted(self.whole_sessions, "session", "sessions")));
        }
        let others = if self.whole_sessions == self.sessions {
            String::new()
        } else {
            format!(", of {}", counted(self.sessions, "session", "sessions"))
        };
        format!("{}{others}", parts.join(", "))
    }
}

impl RequestPlan {
    fn line(&self) -> String {
        let kinds = [
            (self.session_pages, "page of sessions", "pages of sessions"),
            (self.participant_pages, "page of participants", "pages of participants"),
            (self.details, "participant's details", "participants' details"),
            (self.peer_reports, "peer report", "peer reports"),
            (self.sessions, "session's record", "sessions' records"),
        ];
        let kinds = kinds.into_iter().filter(|(count, ..)| !count.is_zero());
        let kinds = kinds.map(|(count, one, many)| count.of(one, many)).collect::<Vec<_>>().join(", ");
        let total = range(self.total);
        if kinds.is_empty() { total } else { format!("{total}: {kinds}") }
    }
}

impl Expected {
    fn rows_line(&self) -> String {
        if self.participants.is_unknown() {
            return "as many participants as there are in the sessions".to_owned();
        }
        let rows = self.participants.of("participant", "participants");
        if self.peer_events.is_zero() {
            return rows;
        }
        format!("{rows}; {} (estimate)", self.peer_events.of("peer event", "peer events"))
    }

    /// Nothing where nothing is known.
    fn size_line(&self) -> Option<String> {
        let size = |bytes_of: Range| ranged(bytes_of, bytes);
        (!self.reply_bytes.is_unknown()).then(|| {
            format!(
                "{} of replies; {} as Parquet or {} as CSV; {} of response log (estimates)",
                size(self.reply_bytes),
                size(self.parquet_bytes),
                size(self.csv_bytes),
                size(self.log_bytes)
            )
        })
    }
}

impl CountedPlan {
    fn line(&self) -> String {
        let mut line = format!(
            "{} by {}: {} live, {} seen",
            counted(self.sessions, "session", "sessions"),
            counted(self.requests_sent, "request", "requests"),
            grouped(self.live_sessions),
            counted(self.participants, "participant", "participants")
        );
        for (count, what) in [(self.not_found, "unknown to the API"), (self.failed, "not to be had")] {
            if count > 0 {
                let _ = write!(line, ", {} {what}", grouped(count));
            }
        }
        line
    }
}

impl MinutesPlan {
    fn line(&self) -> String {
        let of = counted(self.participants, "participant", "participants");
        let mut line =
            format!("{} consumed by {of}: {} USD by the price list", self.minutes_consumed, self.cost_usd);
        if self.minutes_without_price != NOTHING {
            let _ = write!(line, ", and {} minutes without a known price", self.minutes_without_price);
        }
        line
    }
}

/// No minutes, as decimals are written.
const NOTHING: &str = "0.000000000";

impl Examples {
    fn lines(&self) -> String {
        let place = |row: &ExampleRow| format!("{} row {}", one_line(&row.list_file), row.row_number);
        let invalid = self.invalid.iter().map(|row| {
            format!("  invalid   {}: {}\n", place(row), one_line(row.problem.as_deref().unwrap_or_default()))
        });
        let duplicate = self.duplicate.iter().map(|row| {
            let ids = [Some(row.session_id.as_str()), row.participant_id.as_deref()];
            let ids = ids.into_iter().flatten().collect::<Vec<_>>().join(" ");
            format!("  before    {}: {}\n", place(row), one_line(&ids))
        });
        invalid.chain(duplicate).collect()
    }
}
