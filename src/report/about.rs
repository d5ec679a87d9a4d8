//! What a report says of itself in words: where it comes from, what is not in it, how it counts.
//!
//! In: a [`Report`]. Out: texts without markup, the same for text, Markdown and HTML.
//! Guarantees: texts of the API's and of lists are one line without control characters.
//! Not here: figures.

use chrono::{DateTime, Utc};

use super::foreign::{cut, one_line};
use super::model::{Report, rows_of};
use super::rounding;
use super::shown::{count, minutes, minutes_name, price, time, view_type};
use crate::config::MinutesKind;
use crate::manifest::{MinutesTotal, Time};
use crate::tables::schema::Table;

/// Where a report comes from and what its figures are, as names and texts.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let export = &report.about.export;
    let (tool, zone) = (&export.tool, report.time_zone);
    let mut facts = vec![(
        "Export",
        one_line(&format!(
            "{} of {}, by {} {}, app {}",
            export.export_id,
            time(report.about.made_at(), zone),
            tool.name,
            tool.version,
            export.api.app_id
        )),
    )];
    facts.push(("Source", source(report)));
    if let Some(period) = period(report) {
        facts.push(("Period", format!("{period}, from the first joining to the last leaving")));
    }
    let kind = report.minutes;
    facts.push(("Minutes", format!("{}: {}", minutes_name(kind), minutes_meaning(kind))));
    facts.push((
        "Days",
        format!("in the time zone {}; a participant counts on the day of joining", zone.name()),
    ));
    let prices: Vec<_> = report
        .prices
        .kinds
        .iter()
        .enumerate()
        .map(|(place, kind)| {
            let view_types = report.prices.view_types_of(place);
            let view_types = if view_types.is_empty() { "no view type".to_owned() } else { view_types };
            format!("{} {} ({view_types})", kind.name, price(kind.per_minute))
        })
        .collect();
    let name = &report.prices.name;
    let currency = &report.prices.currency;
    facts.push(("Prices", one_line(&format!("{name}, {currency} per minute: {}", prices.join("; ")))));
    facts.push(("Missing", missing(report).unwrap_or_else(|| "nothing: every ID was exported".to_owned())));
    facts.push(("Rounding", rounding::RULE.to_owned()));
    facts
}

/// What could not be had and is in no figure.
pub(super) fn missing(report: &Report) -> Option<String> {
    let failures = &report.about.export.failures;
    if failures.total == 0 {
        return None;
    }
    let reasons =
        failures.by_reason.iter().map(|(reason, count)| format!("{} {reason}", self::count(*count)));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let ids = if failures.total == 1 { "ID" } else { "IDs" };
    Some(format!(
        "{} {ids} could not be exported and are in no figure here: {reasons}",
        count(failures.total)
    ))
}

/// Minutes that are in no cost, and why.
pub(super) fn unpriced(report: &Report) -> Option<String> {
    /// View types that are named; the cost's own table has all.
    const NAMED: usize = 4;
    if report.total.unpriced == MinutesTotal::default() {
        return None;
    }
    let view_types: Vec<_> = report.kinds.iter().filter(|line| line.kind.is_none()).map(view_type).collect();
    let mut named = view_types.iter().take(NAMED).map(|name| cut(name, 40)).collect::<Vec<_>>().join(", ");
    if view_types.len() > NAMED {
        named.push_str(", and others");
    }
    // Why nobody's view type is known.
    let no_events = rows_of(&report.about.export, Table::PeerEvents) == 0;
    let why = if no_events { "; the export has no peer events, which tell view types" } else { "" };
    Some(format!("{} minutes have no price and are in no cost: {named}{why}", minutes(report.total.unpriced)))
}

fn source(report: &Report) -> String {
    let source = &report.about.export.source;
    let lists = source.lists.iter().map(|list| {
        let rows = if list.rows == 1 { "row" } else { "rows" };
        format!("{} ({} {rows})", one_line(&list.path), count(list.rows))
    });
    let window = match (source.since, source.until) {
        (None, None) => None,
        (since, until) => {
            let bound = |word: &str, time_: Option<Time>| {
                time_.map_or_else(String::new, |at| format!(" {word} {}", time(at.0, report.time_zone)))
            };
            Some(format!("sessions created{}{}", bound("from", since), bound("until", until)))
        }
    };
    lists.chain(window).collect::<Vec<_>>().join("; ")
}

/// The time that the participants' stays span.
pub(super) fn period(report: &Report) -> Option<String> {
    let seen = &report.series.concurrency;
    let day = |at: DateTime<Utc>| at.with_timezone(&report.time_zone).format("%-d %b %Y").to_string();
    let (from, to) = (day(seen.from), day(seen.to));
    (!seen.steps.is_empty()).then(|| if from == to { from } else { format!("{from} to {to}") })
}

/// What the minutes of a report are.
const fn minutes_meaning(kind: MinutesKind) -> &'static str {
    match kind {
        MinutesKind::Duration => "from joining to leaving, as each participant's record says",
        MinutesKind::Events => "what the peer events of each participant carry, added up",
        MinutesKind::Session => "what each session's own record says",
    }
}
