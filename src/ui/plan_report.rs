//! A plan: the numbers as one JSON object, and as lines for people.
//!
//! The names of the JSON are stable, and documented in the README.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::wording::{bytes, counted, duration, grouped, one_line};

/// A count that may not be known: at least, and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The least that it can be.
    pub min: u64,
    /// The most; null where nothing is known that bounds it.
    pub max: Option<u64>,
}

/// What a run would send and what would come of it.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// The shape of this object.
    pub plan_version: u32,
    /// The lists, in order.
    pub lists: Vec<ListRows>,
    /// The window, where one was asked for.
    pub window: Option<WindowPlan>,
    /// Rows of all lists.
    pub rows: RowCounts,
    /// The first few of the rows that are odd.
    pub examples: Examples,
    /// What is asked for, each once.
    pub asks_for: AsksFor,
    /// Requests by kind.
    pub requests: RequestPlan,
    /// What the same would cost by one request for each participant.
    pub detail_requests: Range,
    /// The pace.
    pub quota: QuotaPlan,
    /// How long the requests take at that pace.
    pub seconds: Range,
    /// What would come of it.
    pub expected: Expected,
    /// What was counted, where that was asked for.
    pub counted: Option<CountedPlan>,
    /// The minutes that are known, and their cost.
    pub minutes: Option<MinutesPlan>,
}

/// A list file and its rows.
#[derive(Clone, Debug, Serialize)]
pub struct ListRows {
    /// As typed.
    pub path: String,
    /// Its rows.
    pub rows: u64,
}

/// The sessions of a window.
#[derive(Clone, Debug, Serialize)]
pub struct WindowPlan {
    /// Its first moment.
    pub since: Option<String>,
    /// The first moment past its end.
    pub until: Option<String>,
    /// The meeting asked for.
    pub meeting: Option<String>,
    /// Sessions in it.
    pub sessions: u64,
    /// Of them, those that are live.
    pub live_sessions: u64,
    /// Live ones that are left out.
    pub live_left_out: u64,
    /// Minutes consumed, as the sessions say; null where none says.
    pub minutes_consumed: Option<String>,
}

/// Rows of lists.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RowCounts {
    /// All of them.
    pub read: u64,
    /// Those whose ids are none.
    pub invalid: u64,
    /// Those that repeat an earlier one.
    pub duplicate: u64,
}

/// The first few odd rows.
#[derive(Clone, Debug, Serialize)]
pub struct Examples {
    /// Of the invalid ones.
    pub invalid: Vec<ExampleRow>,
    /// Of the repeated ones.
    pub duplicate: Vec<ExampleRow>,
}

/// A row of a list.
#[derive(Clone, Debug, Serialize)]
pub struct ExampleRow {
    /// Its list.
    pub list_file: String,
    /// As a spreadsheet counts.
    pub row_number: u64,
    /// The session cell as given.
    pub session_id: String,
    /// The participant cell as given.
    pub participant_id: Option<String>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// What is asked for, each once.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct AsksFor {
    /// Sessions.
    pub sessions: u64,
    /// Of them, those of which everyone is asked for.
    pub whole_sessions: u64,
    /// Participants by their own id.
    pub participants: u64,
    /// People by user id or custom participant id.
    pub by_other_id: u64,
}

/// Requests by kind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RequestPlan {
    /// Pages of the app's sessions.
    pub session_pages: Range,
    /// Pages of a session's participants.
    pub participant_pages: Range,
    /// One participant each.
    pub details: Range,
    /// One participant's call statistics each.
    pub peer_reports: Range,
    /// One session each.
    pub sessions: Range,
    /// All together: one kind may be more where another is less.
    pub total: Range,
}

/// The pace that is kept to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QuotaPlan {
    /// Requests of the quota.
    pub requests: u64,
    /// In which time.
    #[serde(rename = "window_seconds", serialize_with = "seconds")]
    pub window: Duration,
    /// The share that is left to others.
    pub reserve_percent: u8,
    /// What remains.
    pub allowed: u64,
}

/// A window may be shorter than a second.
fn seconds<S: Serializer>(window: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(window.as_secs_f64())
}

/// What would come of it; bytes and events are estimates.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Expected {
    /// Rows of `participants`.
    pub participants: Range,
    /// Rows of `peer_events`.
    pub peer_events: Range,
    /// Bytes of the replies, unpacked.
    pub reply_bytes: Range,
    /// Bytes of the export as Parquet.
    pub parquet_bytes: Range,
    /// Bytes of the export as CSV.
    pub csv_bytes: Range,
    /// Bytes of the response log.
    pub log_bytes: Range,
}

/// What a count found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CountedPlan {
    /// Sessions that were counted.
    pub sessions: u64,
    /// Sessions that the API does not know.
    pub not_found: u64,
    /// Sessions whose page could not be had.
    pub failed: u64,
    /// Sessions of which somebody has not left.
    pub live_sessions: u64,
    /// Participants that were seen and asked for.
    pub participants: u64,
    /// Requests that counting took.
    pub requests_sent: u64,
}

/// Minutes that are known, and what they cost by the price list.
#[derive(Clone, Debug, Serialize)]
pub struct MinutesPlan {
    /// Of how many participants they are.
    pub participants: u64,
    /// All of them.
    pub minutes_consumed: String,
    /// The cost of those whose price is known.
    pub cost_usd: String,
    /// The minutes whose price is not known.
    pub minutes_without_price: String,
    /// By view type.
    pub by_view_type: Vec<ViewTypeMinutes>,
}

/// The minutes of a view type.
#[derive(Clone, Debug, Serialize)]
pub struct ViewTypeMinutes {
    /// The view type; null where none was named.
    pub view_type: Option<String>,
    /// Its minutes.
    pub minutes_consumed: String,
    /// What one of them costs; null where that is not known.
    pub usd_per_minute: Option<String>,
    /// What they cost.
    pub cost_usd: Option<String>,
}

impl PlanReport {
    /// One JSON object, indented.
    #[must_use]
    pub fn json(&self) -> String {
        // Structs of text and numbers always have a JSON form.
        serde_json::to_string_pretty(self).map(|json| json + "\n").unwrap_or_default()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    const fn exactly(count: u64) -> Range {
        Range { min: count, max: Some(count) }
    }

    const fn at_least(min: u64) -> Range {
        Range { min, max: None }
    }

    /// Sessions of which nothing is known.
    fn unknown() -> PlanReport {
        PlanReport {
            plan_version: 1,
            lists: vec![ListRows { path: "sessions.csv".into(), rows: 1_204 }],
            window: None,
            rows: RowCounts { read: 1_204, invalid: 1, duplicate: 2 },
            examples: Examples {
                invalid: vec![ExampleRow {
                    list_file: "sessions.csv".into(),
                    row_number: 7,
                    session_id: "42".into(),
                    participant_id: None,
                    problem: Some("session id \"42\" is not a UUID".into()),
                }],
                duplicate: vec![ExampleRow {
                    list_file: "sessions.csv".into(),
                    row_number: 9,
                    session_id: "0f8fad5b-d9cb-469f-a165-70867728950e".into(),
                    participant_id: None,
                    problem: None,
                }],
            },
            asks_for: AsksFor { sessions: 1_201, whole_sessions: 1_201, participants: 0, by_other_id: 0 },
            requests: RequestPlan {
                session_pages: exactly(0),
                participant_pages: at_least(1_201),
                details: exactly(0),
                peer_reports: exactly(0),
                sessions: exactly(0),
                total: at_least(1_201),
            },
            detail_requests: at_least(1_201),
            quota: QuotaPlan {
                requests: 1_200,
                window: Duration::from_mins(5),
                reserve_percent: 10,
                allowed: 1_080,
            },
            seconds: at_least(334),
            expected: Expected {
                participants: at_least(0),
                peer_events: at_least(0),
                reply_bytes: at_least(0),
                parquet_bytes: at_least(0),
                csv_bytes: at_least(0),
                log_bytes: at_least(0),
            },
            counted: None,
            minutes: None,
        }
    }

    /// A window and a list, counted.
    fn counted_plan() -> PlanReport {
        let minutes = |units: &str| units.to_owned();
        PlanReport {
            window: Some(WindowPlan {
                since: Some("2026-11-22T00:00:00Z".into()),
                until: Some("2026-11-23T00:00:00Z".into()),
                meeting: Some("abcdef-ghijkl".into()),
                sessions: 57,
                live_sessions: 0,
                live_left_out: 2,
                minutes_consumed: Some(minutes("812.500000000")),
            }),
            examples: Examples { invalid: Vec::new(), duplicate: Vec::new() },
            asks_for: AsksFor { sessions: 60, whole_sessions: 57, participants: 9, by_other_id: 1 },
            requests: RequestPlan {
                session_pages: exactly(1),
                participant_pages: Range { min: 59, max: Some(61) },
                details: Range { min: 1, max: Some(3) },
                peer_reports: exactly(0),
                sessions: exactly(3),
                total: Range { min: 64, max: Some(66) },
            },
            detail_requests: exactly(1_043),
            seconds: Range { min: 18, max: Some(19) },
            expected: Expected {
                participants: exactly(920),
                peer_events: exactly(2_760),
                reply_bytes: exactly(1_546_520),
                parquet_bytes: exactly(294_400),
                csv_bytes: exactly(1_574_120),
                log_bytes: exactly(220_800),
            },
            counted: Some(CountedPlan {
                sessions: 59,
                not_found: 1,
                failed: 0,
                live_sessions: 3,
                participants: 900,
                requests_sent: 61,
            }),
            minutes: Some(MinutesPlan {
                participants: 900,
                minutes_consumed: minutes("873.611833335"),
                cost_usd: minutes("1.559020017"),
                minutes_without_price: minutes("94.101516667"),
                by_view_type: vec![
                    ViewTypeMinutes {
                        view_type: None,
                        minutes_consumed: minutes("94.101516667"),
                        usd_per_minute: None,
                        cost_usd: None,
                    },
                    ViewTypeMinutes {
                        view_type: Some("GROUP_CALL".into()),
                        minutes_consumed: minutes("779.510316668"),
                        usd_per_minute: Some(minutes("0.002000000")),
                        cost_usd: Some(minutes("1.559020633")),
                    },
                ],
            }),
            ..unknown()
        }
    }

    #[test]
    fn texts() {
        insta::assert_snapshot!([unknown().text(), counted_plan().text()].join("\n"));
    }

    #[test]
    fn json_is_one_object() {
        insta::assert_snapshot!(counted_plan().json());
    }
}
