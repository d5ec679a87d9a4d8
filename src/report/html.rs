//! A report as one page that needs nothing else: no network, no file beside it.
//!
//! In: a [`Report`]. Out: HTML.
//! Guarantees: every text is escaped by the template, which is checked when it is compiled; a content
//! security policy lets nothing but the page's own style and script through, named by their digests, so
//! that a text that got past the escaping could still do nothing.
//! Not here: the page itself (`page/`), drawing.

use std::fmt::Write as _;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::foreign::{cut, one_line};
use super::model::{Differences, Report, SessionMinutes};
use super::rounding::grouped;
use super::series::{Bucket, Durations};
use super::shown::{self, Costs, Row, Table};
use super::{about, charts};
use crate::error::{Error, Result};

const STYLE: &str = include_str!("page/report.css");
const SCRIPT: &str = include_str!("page/report.js");
/// What a cell shows of a long text; all of it is in the cell's title.
const CELL_COLUMNS: usize = 90;
/// Groups in the chart of the largest.
const CHARTED: usize = 10;
/// Lines of the table beside the chart of concurrency.
const PEAKS: usize = 12;

/// What the template shows.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/page/askama.toml")]
struct Page<'a> {
    policy: String,
    style: &'a str,
    script: &'a str,
    title: String,
    period: Option<String>,
    minutes_name: &'static str,
    made: String,
    cards: Vec<Card>,
    missing: Option<String>,
    unpriced: Option<String>,
    table: Table,
    /// What the rows are by, in words.
    by: String,
    /// Whether they are in the order of time rather than of minutes.
    in_time: bool,
    groups: u64,
    figures: Vec<Figure>,
    costs: Costs,
    currency: String,
    differences: DifferencesShown,
    facts: Vec<(&'static str, String)>,
}

/// A figure at the head of the page.
struct Card {
    name: String,
    value: String,
    unit: String,
}

/// A chart, and the same in words and as a table.
struct Figure {
    id: &'static str,
    title: String,
    summary: String,
    svg: String,
    headings: [String; 2],
    rows: Vec<(String, String)>,
}

/// The three kinds of minutes.
struct DifferencesShown {
    sessions: Vec<DifferenceRow>,
    total: DifferenceRow,
    says: String,
}

struct DifferenceRow {
    session: String,
    duration: String,
    events: String,
    session_minutes: String,
    difference: String,
}

impl DifferenceRow {
    fn of(line: &SessionMinutes) -> Self {
        Self {
            session: line.session.as_deref().map_or_else(|| "all sessions".to_owned(), one_line),
            duration: shown::minutes_or_unknown(line.duration),
            events: shown::minutes_or_unknown(line.events),
            session_minutes: shown::minutes_or_unknown(line.session_minutes),
            difference: shown::difference(line),
        }
    }
}

/// Renders a report.
pub(super) fn render(report: &Report) -> Result<String> {
    let (table, costs) = (Table::of(report)?, Costs::of(report)?);
    let currency = table.currency.clone();
    let page = Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        title: shown::title(report),
        period: about::period(report),
        minutes_name: shown::minutes_name(report.minutes),
        made: shown::time(report.about.made_at(), report.time_zone),
        cards: cards(report, &table),
        missing: about::missing(report),
        unpriced: about::unpriced(report),
        figures: figures(report, &table)?,
        groups: report.groups.count(),
        by: shown::keys(report),
        in_time: report.is_in_time(),
        table,
        costs,
        currency,
        differences: differences(&report.differences),
        facts: about::facts(report),
    };
    page.render().map_err(|source| Error::ReportPart { part: "the page", source: Box::new(source) })
}

/// What the page may do: show its own style and run its own script.
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn cards(report: &Report, table: &Table) -> Vec<Card> {
    let card = |name: &str, value: &str, unit: &str| Card {
        name: name.to_owned(),
        value: value.to_owned(),
        unit: unit.to_owned(),
    };
    let peak = grouped(i128::from(report.series.concurrency.peak), 0);
    vec![
        card("Minutes", &table.total.minutes, shown::minutes_name(report.minutes)),
        card("Cost", &table.total.cost, &table.currency),
        card("Sessions", &table.total.sessions, ""),
        card("Participants", &table.total.participants, ""),
        card("Most at once", &peak, "participants"),
    ]
}

/// The charts that there is something to show in.
fn figures(report: &Report, table: &Table) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    figures.extend(days(report)?);
    figures.extend(largest(report, table)?);
    figures.extend(concurrency(report)?);
    figures.extend(durations(report)?);
    Ok(figures)
}

fn days(report: &Report) -> Result<Option<Figure>> {
    let days = &report.series.days;
    let Some((most_on, most)) =
        days.bars.iter().max_by_key(|(day, minutes)| (*minutes, std::cmp::Reverse(*day)))
    else {
        return Ok(None);
    };
    let bucket = days.bucket.name();
    let when = most_on.format(match days.bucket {
        Bucket::Day => "on %-d %b %Y",
        Bucket::Week => "in the week from %-d %b %Y",
        Bucket::Month => "in %B %Y",
        Bucket::Year => "in %Y",
    });
    let heading = if days.bucket == Bucket::Day { "day".to_owned() } else { format!("{bucket} from") };
    let mut summary = format!("Most {when}: {} minutes.", shown::minutes(*most));
    if let Some(undated) = days.undated {
        let _ = write!(summary, " {} minutes have no date.", shown::minutes(undated));
    }
    Ok(Some(Figure {
        id: "days",
        title: format!("Minutes per {bucket}"),
        summary,
        svg: charts::days(days)?,
        headings: [heading, "minutes".to_owned()],
        rows: days.bars.iter().map(|(day, minutes)| (day.to_string(), shown::minutes(*minutes))).collect(),
    }))
}

fn largest(report: &Report, table: &Table) -> Result<Option<Figure>> {
    let name =
        |row: &Row| row.keys.iter().map(|key| cut(key.text(), CELL_COLUMNS)).collect::<Vec<_>>().join(" · ");
    let mut rows: Vec<&Row> = table.rows.iter().filter(|row| row.others.is_none()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.exact.minutes));
    rows.truncate(CHARTED);
    let Some(first) = rows.first().filter(|row| row.bar > 0) else { return Ok(None) };
    let share = first.share.map(|_| format!(", {} of all", first.share_text())).unwrap_or_default();
    let summary = format!("{} has most: {} minutes{share}.", name(first), first.minutes);
    let bars: Vec<_> = rows.iter().map(|row| (name(row), row.bar, row.minutes.clone())).collect();
    let keys = shown::keys(report);
    Ok(Some(Figure {
        id: "largest",
        title: format!("Most minutes by {keys}"),
        summary,
        svg: charts::groups(&bars)?,
        headings: [keys, "minutes".to_owned()],
        rows: bars.into_iter().map(|(name, _, minutes)| (name, minutes)).collect(),
    }))
}

fn concurrency(report: &Report) -> Result<Option<Figure>> {
    let seen = &report.series.concurrency;
    let Some(peak_at) = seen.peak_at else { return Ok(None) };
    let zone = report.time_zone;
    let mut summary = format!(
        "At most {} at once, first on {}.",
        grouped(i128::from(seen.peak), 0),
        shown::time(peak_at, zone)
    );
    if seen.left_out > 0 {
        let _ = write!(summary, " {} without a time of joining or leaving are not in it.", seen.left_out);
    }
    let chunk = seen.steps.len().div_ceil(PEAKS).max(1);
    let span = seen.to - seen.from;
    let steps = i32::try_from(seen.steps.len()).unwrap_or(i32::MAX).max(1);
    let rows = seen.steps.chunks(chunk).enumerate().map(|(place, levels)| {
        let offset = span / steps * i32::try_from(place * chunk).unwrap_or(0);
        let most = levels.iter().copied().max().unwrap_or(0);
        (shown::time(seen.from + offset, zone), grouped(i128::from(most), 0))
    });
    Ok(Some(Figure {
        id: "concurrency",
        title: "Participants at once".to_owned(),
        summary,
        svg: charts::concurrency(seen, zone)?,
        headings: ["from".to_owned(), "at most".to_owned()],
        rows: rows.collect(),
    }))
}

fn durations(report: &Report) -> Result<Option<Figure>> {
    let durations = &report.series.durations;
    let names = Durations::names();
    let rows: Vec<_> = names
        .into_iter()
        .zip(&durations.counts)
        .map(|(name, count)| (name, grouped(i128::from(*count), 0)))
        .collect();
    let most =
        durations.counts.iter().enumerate().max_by_key(|(place, count)| (**count, std::cmp::Reverse(*place)));
    let Some((most, _)) = most.filter(|(_, count)| **count > 0) else { return Ok(None) };
    let mut summary = format!("Most often {}: {} participants.", rows[most].0, rows[most].1);
    if durations.left_out > 0 {
        let _ = write!(summary, " {} have no duration.", durations.left_out);
    }
    Ok(Some(Figure {
        id: "durations",
        title: "How long participants stayed".to_owned(),
        summary,
        svg: charts::durations(durations)?,
        headings: ["duration".to_owned(), "participants".to_owned()],
        rows,
    }))
}

fn differences(found: &Differences) -> DifferencesShown {
    DifferencesShown {
        sessions: found.worst.iter().map(DifferenceRow::of).collect(),
        total: DifferenceRow::of(&found.total),
        says: shown::differing(found),
    }
}
