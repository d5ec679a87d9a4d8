//! A report as people are shown it: figures rounded, texts tamed.
//!
//! In: a [`Report`]. Out: texts without markup, the same for text, Markdown and HTML.
//! Guarantees: the rows of a column add up to its total; a text of the API's is one line without control
//! characters or marks that turn the direction of what follows.
//! Not here: where these texts stand, escaping.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::foreign::one_line;
use super::model::{Differences, Group, KindLine, Measures, Report, SessionMinutes};
use super::prices::{Money, Price};
use super::rounding::{self, adding_up, grouped, half_even, trimmed};
use crate::config::MinutesKind;
use crate::error::Result;
use crate::manifest::MinutesTotal;

/// Places of minutes and of money, as shown.
const PLACES: u32 = 2;
/// Places of minutes that are rounded away.
const MINUTES_DROPPED: u32 = 9 - PLACES;
/// Places of money that are rounded away.
const MONEY_DROPPED: u32 = Money::SCALE - PLACES;
/// Stands for what is not known.
pub(super) const UNKNOWN: &str = "–";
/// Stands for a key that a row does not have.
pub(super) const NONE: &str = "(none)";
/// Stands for a key that is an empty text.
const BLANK: &str = "(blank)";

/// The rows of a report with their total.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// What the columns of the keys are called.
    pub(super) keys: Vec<String>,
    /// The rows in order; that of all others last.
    pub(super) rows: Vec<Row>,
    /// All of them.
    pub(super) total: Row,
    /// Whether some minutes have no price, so that they need a column.
    pub(super) has_unpriced: bool,
    /// Written after an amount.
    pub(super) currency: String,
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// The keys, as one-line texts.
    pub(super) keys: Vec<Key>,
    /// How many groups it stands for, where it stands for all that are not shown.
    pub(super) others: Option<u64>,
    pub(super) sessions: String,
    pub(super) participants: String,
    pub(super) minutes: String,
    /// Tenths of a percent of all minutes.
    pub(super) share: Option<u32>,
    /// Thousandths of the row with most minutes.
    pub(super) bar: u32,
    pub(super) unpriced: String,
    pub(super) cost: String,
    /// What the figures are sorted by: exact.
    pub(super) exact: Exact,
}

/// A key of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A text on one line.
    Text(String),
    /// The row has none.
    None,
}

impl Key {
    pub(super) fn of(value: Option<&str>) -> Self {
        value.map_or(Self::None, |text| Self::Text(one_line(text)))
    }

    /// Whether the text is the report's own, for there is none.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None) || matches!(self, Self::Text(text) if text.is_empty())
    }

    /// As a text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) if text.is_empty() => BLANK,
            Self::Text(text) => text,
            Self::None => NONE,
        }
    }
}

/// The figures of a row in their last place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exact {
    pub(super) sessions: Option<u64>,
    pub(super) participants: u64,
    pub(super) minutes: i128,
    pub(super) unpriced: i128,
    pub(super) cost: i128,
}

impl Row {
    /// `12.3 %`
    pub(super) fn share_text(&self) -> String {
        self.share.map_or_else(|| UNKNOWN.to_owned(), |tenths| format!("{}.{} %", tenths / 10, tenths % 10))
    }
}

impl Table {
    /// The table of a report.
    pub(super) fn of(report: &Report) -> Result<Self> {
        let others = report.groups.other.as_ref().map(|(_, measures)| measures);
        let measures: Vec<&Measures> =
            report.groups.shown.iter().map(|group| &group.measures).chain(others).collect();
        let exact = measures.iter().map(|row| exact(row, report)).collect::<Result<Vec<_>>>()?;
        let column = |of: fn(&Exact) -> i128| exact.iter().map(of).collect::<Vec<_>>();
        let minutes = adding_up(&column(|row| row.minutes), MINUTES_DROPPED);
        let unpriced = adding_up(&column(|row| row.unpriced), MINUTES_DROPPED);
        let cost = adding_up(&column(|row| row.cost), MONEY_DROPPED);
        let shares = rounding::shares(&column(|row| row.minutes), 1000);
        let most = exact[..report.groups.shown.len()].iter().map(|row| row.minutes).max().unwrap_or(0);
        let mut rows: Vec<Row> = measures
            .iter()
            .enumerate()
            .map(|(place, measures)| Row {
                sessions: measures.sessions.map_or_else(|| UNKNOWN.to_owned(), count),
                participants: count(measures.participants),
                minutes: known(measures, minutes[place]),
                share: shares.as_ref().and_then(|shares| u32::try_from(shares[place]).ok()),
                bar: bar(exact[place].minutes, most),
                unpriced: grouped(unpriced[place], PLACES),
                cost: grouped(cost[place], PLACES),
                exact: exact[place],
                ..Row::default()
            })
            .collect();
        for (row, Group { keys, .. }) in rows.iter_mut().zip(&report.groups.shown) {
            row.keys = keys.iter().map(|key| Key::of(key.as_deref())).collect();
        }
        if let (Some(row), Some((groups, _))) = (rows.last_mut(), &report.groups.other) {
            row.others = Some(*groups);
            // It is no group that could be the largest.
            row.bar = 0;
        }
        Ok(Self {
            keys: report.keys.iter().map(|key| one_line(key)).collect(),
            rows,
            total: total(report)?,
            has_unpriced: report.total.unpriced != MinutesTotal::default(),
            currency: one_line(&report.prices.currency),
        })
    }
}

/// The row of everything.
fn total(report: &Report) -> Result<Row> {
    let exact = exact(&report.total, report)?;
    Ok(Row {
        sessions: report.total.sessions.map_or_else(|| UNKNOWN.to_owned(), count),
        participants: count(report.total.participants),
        minutes: known(&report.total, half_even(exact.minutes, MINUTES_DROPPED)),
        share: (exact.minutes > 0).then_some(1000),
        unpriced: minutes(report.total.unpriced),
        cost: money(report.total.cost(&report.prices)?),
        exact,
        ..Row::default()
    })
}

fn exact(measures: &Measures, report: &Report) -> Result<Exact> {
    Ok(Exact {
        sessions: measures.sessions,
        participants: measures.participants,
        minutes: measures.counted().units(),
        unpriced: measures.unpriced.units(),
        cost: measures.cost(&report.prices)?.units(),
    })
}

fn known(measures: &Measures, rounded: i128) -> String {
    if measures.minutes.is_none() { UNKNOWN.to_owned() } else { grouped(rounded, PLACES) }
}

fn bar(minutes: i128, most: i128) -> u32 {
    let part = if most > 0 { minutes.saturating_mul(1000) / most } else { 0 };
    u32::try_from(part.clamp(0, 1000)).unwrap_or(0)
}

/// What minutes cost, by kind.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    pub(super) lines: Vec<CostLine>,
    pub(super) minutes: String,
    pub(super) cost: String,
}

/// Minutes that are paid for alike.
#[derive(Clone, Debug)]
pub(super) struct CostLine {
    /// The kind; `None` for what has no price.
    pub(super) kind: Option<String>,
    pub(super) view_types: String,
    pub(super) minutes: String,
    pub(super) per_minute: Option<String>,
    pub(super) cost: Option<String>,
}

impl Costs {
    /// Of a report. Minutes and amounts add up to the report's own totals.
    pub(super) fn of(report: &Report) -> Result<Self> {
        let rounded = adding_up(
            &report.kinds.iter().map(|line| line.minutes.units()).collect::<Vec<_>>(),
            MINUTES_DROPPED,
        );
        let cost_of = |line: &KindLine| {
            let kind = line.kind.and_then(|kind| report.prices.kinds.get(kind));
            kind.map_or(Ok(0), |kind| kind.per_minute.of(line.minutes).map(Money::units))
        };
        let costs = report.kinds.iter().map(cost_of).collect::<Result<Vec<_>>>()?;
        let costs = adding_up(&costs, MONEY_DROPPED);
        let lines = report.kinds.iter().zip(rounded).zip(costs).map(|((line, minutes), cost)| {
            let kind = line.kind.and_then(|kind| Some((kind, report.prices.kinds.get(kind)?)));
            CostLine {
                kind: kind.map(|(_, kind)| one_line(&kind.name)),
                view_types: match kind {
                    Some((place, _)) => one_line(&report.prices.view_types_of(place)),
                    None => view_type(line),
                },
                minutes: grouped(minutes, PLACES),
                per_minute: kind.map(|(_, kind)| price(kind.per_minute)),
                cost: kind.map(|_| grouped(cost, PLACES)),
            }
        });
        Ok(Self {
            lines: lines.collect(),
            minutes: minutes(report.total.counted()),
            cost: money(report.total.cost(&report.prices)?),
        })
    }
}

/// How many sessions have kinds of minutes that differ.
pub(super) fn differing(found: &Differences) -> String {
    let shown = u64::try_from(found.worst.len()).unwrap_or(u64::MAX);
    let says = match found.differing {
        0 => "No session differs, as far as its kinds of minutes are known.".to_owned(),
        1 => "One session differs.".to_owned(),
        differing if differing > shown => {
            format!("{} sessions differ; the {shown} that differ most are shown.", count(differing))
        }
        differing => format!("{} sessions differ.", count(differing)),
    };
    // Of a list of participants the others' minutes are in it, too.
    match found.total.session_minutes {
        Some(_) => says + " A session's own minutes are of everybody in it, exported or not.",
        None => says,
    }
}

/// What a report is called.
pub(super) fn title(report: &Report) -> String {
    format!("Usage by {}", keys(report))
}

/// What its rows are by.
pub(super) fn keys(report: &Report) -> String {
    let keys: Vec<_> = report.keys.iter().map(|key| one_line(key).replace('_', " ")).collect();
    keys.join(" and ")
}

/// What the minutes of a report are, in a few words.
pub(super) const fn minutes_name(kind: MinutesKind) -> &'static str {
    match kind {
        MinutesKind::Duration => "participant duration",
        MinutesKind::Events => "event minutes",
        MinutesKind::Session => "session minutes",
    }
}

/// The view type of a line without a price.
pub(super) fn view_type(line: &KindLine) -> String {
    line.view_type.as_deref().map_or_else(|| "no view type".to_owned(), one_line)
}

/// A time for people: `23 Nov 2026, 13:00 CET`.
pub(super) fn time(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%-d %b %Y, %H:%M %Z").to_string()
}

/// `1,234.50`
pub(super) fn minutes(sum: MinutesTotal) -> String {
    grouped(half_even(sum.units(), MINUTES_DROPPED), PLACES)
}

/// By how much the kinds of minutes differ; that they do is seen however little it is.
pub(super) fn difference(line: &SessionMinutes) -> String {
    let spread = line.spread();
    let shown = minutes(spread);
    if spread > MinutesTotal::default() && half_even(spread.units(), MINUTES_DROPPED) == 0 {
        return format!("< {}", grouped(1, PLACES));
    }
    shown
}

/// The same, or that it is not known.
pub(super) fn minutes_or_unknown(sum: Option<MinutesTotal>) -> String {
    sum.map_or_else(|| UNKNOWN.to_owned(), minutes)
}

fn money(amount: Money) -> String {
    grouped(half_even(amount.units(), MONEY_DROPPED), PLACES)
}

pub(super) fn price(price: Price) -> String {
    trimmed(i128::from(price.units()), Price::SCALE, 0)
}

/// `1,204`
pub(super) fn count(count: u64) -> String {
    grouped(i128::from(count), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_does_not_have_is_told() {
        assert_eq!(Key::of(Some("")).text(), "(blank)");
        assert_eq!(Key::of(None).text(), "(none)");
        assert_eq!(Key::of(Some(" a\nb")).text(), "a b");
    }
}
