//! The report as text, for a terminal.
//!
//! Guarantees: every figure exact; foreign text is one line that cannot steer a terminal.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use super::dataset::OfDataset;
use super::days::{Day, Days};
use super::keys::Tables;
use super::report::{Outcome, Report};
use super::sessions::{Outcome as OfSession, Row, Sessions};
use super::usage::Usage;
use super::{Finding, Units, Verdict};
use crate::config::MinutesKind;
use crate::error::Class;

/// Sessions shown of each verdict; the JSON has all.
const SHOWN: usize = 20;
/// Columns before a line's sentence: what is compared, and the verdict.
const INDENT: usize = 23;

/// The text of a report.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    let api = &report.subject.manifest.api;
    let whose =
        format!("{}: app {} of account {}", report.subject.place.show(None), api.app_id, api.account_id);
    let what = if report.files.dataset.is_some() { "dataset" } else { "export" };
    let record = report.subject.record();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "{what:<9} {}", tame(&whose));
    let files = &report.files;
    let says = match files.findings.len() {
        0 => format!(
            "{} of {}, {} bytes: size, SHA-256 and rows are the {record}'s",
            counted(files.count, "file"),
            counted(files.tables, "table"),
            files.bytes
        ),
        _ => format!("not as the {record} says, so nothing else was compared"),
    };
    line(&mut text, "files", files.verdict, &says);
    findings(&mut text, &files.findings);
    if let Some(dataset) = &files.dataset {
        of_dataset(&mut text, dataset);
    }
    if let Some(tables) = &report.tables {
        of_tables(&mut text, tables);
    }
    if let Some(sessions) = &report.sessions {
        of_sessions(&mut text, sessions, report.minutes);
    }
    if let Some(days) = &report.days {
        of_days(&mut text, days);
    }
    if let Some(usage) = &report.usage {
        of_usage(&mut text, usage);
    }
    let _ = writeln!(text, "requests  {} sent", report.requests_sent);
    let _ = writeln!(text, "result    {}", result(report));
    text
}

fn result(report: &Report) -> &'static str {
    match report.outcome() {
        Outcome::Agrees if !report.is_all_judged() => "agrees, as far as it can be judged",
        Outcome::Agrees => "agrees",
        Outcome::Differs => "differs",
        Outcome::Stopped(Class::CredentialsRefused) => {
            "the API refuses the token: check CLOUDFLARE_API_TOKEN and its permission; --offline needs none"
        }
        Outcome::Stopped(_) => "the API does not answer: not all was compared",
    }
}

fn of_dataset(text: &mut String, dataset: &OfDataset) {
    let says = match dataset.findings.len() {
        0 => "each row is of its day".to_owned(),
        _ => "rows that are not of their day".to_owned(),
    };
    line(text, "by day", dataset.verdict, &says);
    findings(text, &dataset.findings);
    let until = dataset.synced_until.0.to_rfc3339_opts(SecondsFormat::Secs, true);
    let _ = writeln!(
        text,
        "  generation {}, {} of {} until {until}, {} to be looked at again",
        dataset.generation,
        counted(dataset.days, "day"),
        dataset.time_zone,
        dataset.pending_days
    );
    if dataset.retired_files + dataset.uncommitted_files > 0 {
        let _ = writeln!(
            text,
            "  beside it {} replaced and {} not committed: rtk-export vacuum",
            counted(dataset.retired_files, "file"),
            dataset.uncommitted_files
        );
    }
}

fn of_tables(text: &mut String, tables: &Tables) {
    let (keys, totals) = (&tables.keys, &tables.totals);
    let says = match keys.findings.len() {
        0 => format!(
            "{}: no key is there twice, no event without its participant",
            counted(keys.tables, "table")
        ),
        _ => "rows that do not go together".to_owned(),
    };
    line(text, "keys", keys.verdict, &says);
    findings(text, &keys.findings);
    let minutes = |units: Option<Units>| units.map_or_else(|| "no".to_owned(), Units::text);
    let says = match totals.findings.len() {
        0 => format!(
            "{}, {}, {} minutes of presence, {} consumed",
            counted(totals.participants, "participant"),
            counted(totals.peer_events, "peer event"),
            minutes(totals.duration_minutes),
            minutes(totals.minutes_consumed)
        ),
        _ => "not what the tables sum up to".to_owned(),
    };
    line(text, "totals", totals.verdict, &says);
    findings(text, &totals.findings);
}

fn of_sessions(text: &mut String, sessions: &Sessions, minutes: Option<MinutesKind>) {
    let kind = match minutes {
        Some(MinutesKind::Duration) => "minutes of presence",
        Some(MinutesKind::Session) => "exported session minutes",
        Some(MinutesKind::Events) | None => "minutes of events",
    };
    let mut parts = vec![format!("{} agree", sessions.agree)];
    let others = [
        (sessions.differ, "differ"),
        (sessions.partial, "exported in part, not judged"),
        (sessions.unknown, "unknown to the API"),
        (sessions.unanswered, "not answered"),
    ];
    parts.extend(others.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    let says =
        format!("{kind} against the API's, {}: {}", counted(sessions.compared, "session"), parts.join(", "));
    line(text, "sessions", sessions.verdict, &says);
    let of = |outcome| sessions.differences.iter().filter(move |difference| difference.verdict == outcome);
    if sessions.differ > 0 {
        worst(text, of(OfSession::Differs));
        more(text, sessions.differ);
    }
    for (outcome, count) in
        [(OfSession::Unknown, sessions.unknown), (OfSession::Unanswered, sessions.unanswered)]
    {
        for difference in of(outcome).take(SHOWN) {
            let why = difference.why.as_deref().unwrap_or("the API knows of no such session");
            let _ = writeln!(text, "  {}  {}", difference.session_id, tame(why));
        }
        more(text, count);
    }
}

/// The sessions that differ, with all three kinds of minutes.
fn worst<'a>(text: &mut String, differences: impl Iterator<Item = &'a Row>) {
    let minutes = |units: Option<Units>| units.map_or_else(|| "-".to_owned(), Units::text);
    let head = ["session", "difference", "exported", "the API's", "presence", "events", "session's own", ""];
    let rows = differences.take(SHOWN).map(|of| {
        let mut notes = Vec::new();
        if of.failed_ids > 0 {
            notes.push(format!("{} failed", counted(of.failed_ids, "id")));
        }
        if of.live {
            notes.push("live: its minutes still grow".to_owned());
        }
        [
            of.session_id.clone(),
            minutes(of.difference),
            minutes(of.exported_minutes),
            minutes(of.api_minutes),
            minutes(of.duration_minutes),
            minutes(of.event_minutes),
            minutes(of.session_minutes),
            notes.join("; "),
        ]
    });
    table(text, &head.map(str::to_owned), &rows.collect::<Vec<_>>());
}

fn of_days(text: &mut String, days: &Days) {
    let judged = days.rows.iter().filter(|day| day.verdict != Verdict::Partial).count();
    let says = match &days.why {
        Some(why) => why.clone(),
        None => format!(
            "minutes by UTC day of creation against the app's own: {judged} of {} judged{}",
            counted(u64::try_from(days.rows.len()).unwrap_or(u64::MAX), "day"),
            if judged < days.rows.len() { "; of the others the app has more sessions" } else { "" }
        ),
    };
    line(text, "days", days.verdict, &says);
    if days.undated_sessions > 0 {
        let _ = writeln!(
            text,
            "  {} left out: when they were created is not known",
            counted(days.undated_sessions, "session")
        );
    }
    let head = ["day", "sessions", "the API's", "minutes", "the API's", "difference", ""].map(str::to_owned);
    let row = |day: &Day| {
        [
            day.date.clone(),
            day.exported_sessions.to_string(),
            day.api_sessions.to_string(),
            day.exported_minutes.text(),
            day.api_minutes.text(),
            day.difference.text(),
            word(day.verdict).to_owned(),
        ]
    };
    let rows: Vec<_> = days.rows.iter().map(row).collect();
    if !rows.is_empty() {
        table(text, &head, &rows);
    }
}

fn of_usage(text: &mut String, usage: &Usage) {
    let figures = usage.audio_minutes.zip(usage.media_minutes).zip(usage.difference);
    let says = match (&figures, &usage.why) {
        (None, why) => why.clone().unwrap_or_default(),
        (Some(((audio, media), difference)), why) => format!(
            "{} audio and {} media minutes, {} exported, difference {}{}",
            audio.text(),
            media.text(),
            usage.exported_minutes.text(),
            difference.text(),
            why.as_ref().map(|why| format!("; not judged: {why}")).unwrap_or_default()
        ),
    };
    line(text, "usage", usage.verdict, &says);
    let _ = writeln!(
        text,
        "  usage counts minutes when they are used and may be sampled; --against sessions,daywise leaves it out"
    );
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Differs => "differs",
        Verdict::Partial => "partial",
        Verdict::NotReadable => "not readable",
        Verdict::NotAsked => "not asked",
    }
}

fn line(text: &mut String, name: &str, verdict: Verdict, says: &str) {
    let start = format!("{name:<9} {}", word(verdict));
    let _ = writeln!(text, "{start:<INDENT$} {}", tame(says));
}

fn findings(text: &mut String, findings: &[Finding]) {
    for Finding { about, says, .. } in findings {
        let _ = writeln!(text, "  {}: {}", tame(about), tame(says));
    }
}

/// How many are not shown.
fn more(text: &mut String, count: u64) {
    let left = count.saturating_sub(u64::try_from(SHOWN).unwrap_or(u64::MAX));
    if left > 0 {
        let _ = writeln!(text, "  and {left} more, all of them with --format json");
    }
}

/// Rows under their heads; all but the first and the last column are numbers.
fn table<const N: usize>(text: &mut String, head: &[String; N], rows: &[[String; N]]) {
    let all = || std::iter::once(head).chain(rows);
    let widths: Vec<_> =
        (0..N).map(|place| all().map(|row| row[place].chars().count()).max().unwrap_or(0)).collect();
    for row in all() {
        let cells = row.iter().zip(&widths).enumerate().map(|(place, (cell, width))| match place {
            0 => format!("{cell:<width$}"),
            last if last + 1 == N => cell.clone(),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "  {}", line.trim_end());
    }
}

/// `1 file`, `2 files`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Foreign text as one line that cannot steer a terminal.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
