//! What is shown of discovery: the window that is asked for, and what came of it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::errors::json_line;
use super::wording::{counted, one_line};
use crate::model::Window;

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The window in words, its ends resolved.
pub(super) fn window_text(window: &Window) -> String {
    let since = window.since.map(|since| format!("from {}", text(since)));
    let until = window.until.map(|until| format!("before {}", text(until)));
    let ends: Vec<_> = [since, until].into_iter().flatten().collect();
    let created = if ends.is_empty() { String::new() } else { format!(" created {}", ends.join(" and ")) };
    let of = window.meeting.as_ref().map(|meeting| format!(" of meeting {meeting}")).unwrap_or_default();
    let live = if window.live { ", live ones too" } else { "" };
    one_line(&format!("window: sessions{of}{created}{live}")) + "\n"
}

/// The same as one JSON object.
pub(super) fn window_json(window: &Window, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        level: &'static str,
        event: &'static str,
        since: Option<String>,
        until: Option<String>,
        meeting: Option<&'a str>,
        include_live: bool,
    }
    json_line(
        now,
        &Fields {
            level: "info",
            event: "window",
            since: window.since.map(text),
            until: window.until.map(text),
            meeting: window.meeting.as_deref(),
            include_live: window.live,
        },
    )
}

/// What the window holds.
pub(super) fn discovered_text(sessions: u64, live_left_out: u64) -> String {
    let found = counted(sessions, "session", "sessions");
    let live = match live_left_out {
        0 => String::new(),
        live => format!("; {} left out (--include-live)", counted(live, "live one is", "live ones are")),
    };
    format!("found: {found}{live}\n")
}

/// The same as one JSON object.
pub(super) fn discovered_json(sessions: u64, live_left_out: u64, now: DateTime<Utc>) -> String {
    #[derive(Serialize)]
    struct Fields {
        level: &'static str,
        event: &'static str,
        sessions: u64,
        live_left_out: u64,
    }
    json_line(now, &Fields { level: "info", event: "discovered", sessions, live_left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let time = |text| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let (since, until) = (time("2026-11-22T00:00:00+05:30"), time("2026-11-23T08:09:26.5Z"));
        let night = Window { since, until, meeting: None, live: false, days: None };
        let meeting = Window {
            since: None,
            until: None,
            meeting: Some("abcdef-ghijkl".into()),
            live: true,
            days: None,
        };
        let first = Window { since: None, ..night.clone() };
        let now = DateTime::from_timestamp_millis(1_795_000_000_042).unwrap();
        insta::assert_snapshot!(
            [
                window_text(&night),
                window_text(&first),
                window_text(&meeting),
                window_json(&night, now),
                discovered_text(1, 0),
                discovered_text(0, 1),
                discovered_text(10_000, 1_204),
                discovered_json(57, 2, now),
            ]
            .concat()
        );
    }
}
