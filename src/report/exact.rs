//! A report for programs, CSV or JSON: exact, every row, no row of totals.
//!
//! In: [`Figures`]. Out: bytes, one batch of rows after the other.
//! Guarantees: a column for each key, then the minutes, called by their kind; decimals keep all their
//! digits, as text in JSON; null is nothing in CSV and the empty text is `""`; a label whose column would
//! be called like another one is `label:NAME`.
//! Not here: rounding: there is none.

use std::io::Write;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::figures::Figures;
use super::model::{Group, KindLine, Report, SessionMinutes};
use super::prices::{Money, Price, PriceList, PricedKind};
use super::rounding::trimmed;
use super::series::Durations;
use super::written;
use crate::config::MinutesKind;
use crate::error::{Error, Result};
use crate::files::{BOM, Cells, push_text};
use crate::manifest::Time;

/// Columns that every report has.
const FIXED: [&str; 5] = ["sessions", "participants", "connections", "cost", "currency"];

/// What the column of minutes is called: by their kind, as the export's own columns are.
const fn minutes_column(kind: MinutesKind) -> &'static str {
    match kind {
        MinutesKind::Duration => "duration_minutes",
        MinutesKind::Events => "minutes_consumed",
        MinutesKind::Session => "session_minutes",
    }
}

/// The columns after the keys.
fn columns(minutes: MinutesKind, prices: &PriceList) -> Vec<String> {
    let kinds = prices.kinds.iter().map(PricedKind::column);
    let [sessions, participants, connections, cost, currency] = FIXED.map(str::to_owned);
    [minutes_column(minutes).to_owned(), sessions, participants, connections]
        .into_iter()
        .chain(kinds)
        .chain(["unpriced_minutes".to_owned(), cost, currency])
        .collect()
}

/// The columns of the keys: none is called like another column.
fn key_columns(names: &[String], columns: &[String]) -> Vec<String> {
    let clashes = |name: &String| columns.contains(name);
    names.iter().map(|name| if clashes(name) { format!("label:{name}") } else { name.clone() }).collect()
}

/// Writes CSV.
pub(super) async fn csv(figures: &Figures, cells: Cells, out: &mut (dyn Write + Send)) -> Result<()> {
    let question = figures.question();
    let columns = columns(question.minutes, &question.prices);
    let mut line = if cells == Cells::Excel { BOM.to_string() } else { String::new() };
    let names = key_columns(figures.names(), &columns);
    // A label's name is a text of a list's, like its values.
    let names = names.iter().map(|name| Some((name.as_str(), cells)));
    push_row(&mut line, names.chain(columns.iter().map(|name| Some((name.as_str(), Cells::Plain)))));
    let mut rows = figures.all_groups().await?;
    loop {
        out.write_all(line.as_bytes()).map_err(written())?;
        line.clear();
        let Some(groups) = rows.next().await? else { return Ok(()) };
        for group in groups {
            let figures = figures_of(&group, &question.prices)?;
            let keys = group.keys.iter().map(|key| Some((key.as_deref()?, cells)));
            // A negative figure is no formula.
            let figures = figures.iter().map(|figure| Some((figure.as_deref()?, Cells::Plain)));
            push_row(&mut line, keys.chain(figures));
        }
    }
}

fn push_row<'a>(line: &mut String, fields: impl Iterator<Item = Option<(&'a str, Cells)>>) {
    for (place, field) in fields.enumerate() {
        if place > 0 {
            line.push(',');
        }
        if let Some((text, cells)) = field {
            push_text(line, text, cells);
        }
    }
    line.push('\n');
}

/// A group's figures, in the order of the columns.
fn figures_of(group: &Group, prices: &PriceList) -> Result<Vec<Option<String>>> {
    let measures = &group.measures;
    let mut figures = vec![measures.minutes.map(|minutes| minutes.to_string())];
    figures.push(measures.sessions.map(|sessions| sessions.to_string()));
    figures.extend([measures.participants, measures.connections].map(|count| Some(count.to_string())));
    let minutes = measures.by_kind.iter().chain([&measures.unpriced]);
    figures.extend(minutes.map(|minutes| Some(minutes.to_string())));
    figures.push(Some(money(measures.cost(prices)?)));
    figures.push(Some(prices.currency.clone()));
    Ok(figures)
}

fn money(amount: Money) -> String {
    trimmed(amount.units(), Money::SCALE, 2)
}

/// Writes one JSON object: what the report is, its rows, what its charts show.
pub(super) async fn json(figures: &Figures, out: &mut (dyn Write + Send)) -> Result<()> {
    let question = figures.question();
    let columns = columns(question.minutes, &question.prices);
    let names = key_columns(figures.names(), &columns);
    let total = figures.total().await?;
    let report = figures.without_groups(total).await?;
    let mut put = |text: &str| out.write_all(text.as_bytes()).map_err(written());
    put("{\n\"report\": ")?;
    put(&object(&Head { report: &report, by: &names, columns: &columns })?)?;
    put(",\n\"rows\": [")?;
    let mut rows = figures.all_groups().await?;
    let mut separator = "\n";
    while let Some(groups) = rows.next().await? {
        for group in groups {
            put(separator)?;
            separator = ",\n";
            let figures = figures_of(&group, &question.prices)?;
            put(&object(&Row { names: &names, columns: &columns, group: &group, figures: &figures })?)?;
        }
    }
    put("\n]")?;
    for (name, part) in parts(&report)? {
        put(&format!(",\n\"{name}\": {part}"))?;
    }
    put("\n}\n")
}

fn object(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|source| Error::ReportPart { part: "the JSON", source: Box::new(source) })
}

/// A row as an object, its members in the order of the columns.
struct Row<'a> {
    names: &'a [String],
    columns: &'a [String],
    group: &'a Group,
    figures: &'a [Option<String>],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, key) in self.names.iter().zip(&self.group.keys) {
            map.serialize_entry(name, key)?;
        }
        for (name, figure) in self.columns.iter().zip(self.figures) {
            // Counts are numbers in JSON; decimals are not, for a reader would make floats of them.
            let count = FIXED[..3].contains(&name.as_str()).then(|| figure.as_deref()?.parse::<u64>().ok());
            match count {
                Some(count) => map.serialize_entry(name, &count)?,
                None => map.serialize_entry(name, figure)?,
            }
        }
        map.end()
    }
}

/// What a report is, so that its rows can be understood.
struct Head<'a> {
    report: &'a Report,
    by: &'a [String],
    columns: &'a [String],
}

impl Serialize for Head<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { about, minutes, prices, time_zone, .. } = self.report;
        let export = &about.export;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("by", self.by)?;
        map.serialize_entry("minutes", minutes_column(*minutes))?;
        map.serialize_entry("columns", self.columns)?;
        map.serialize_entry("time_zone", time_zone.name())?;
        map.serialize_entry("export_id", &export.export_id)?;
        map.serialize_entry("export_finished_at", &export.finished_at)?;
        map.serialize_entry("tool", &export.tool)?;
        map.serialize_entry("api", &export.api)?;
        map.serialize_entry("source", &export.source)?;
        map.serialize_entry("failures", &export.failures)?;
        map.serialize_entry("prices", &Prices(prices))?;
        map.end()
    }
}

/// A price list as its file has it.
struct Prices<'a>(&'a PriceList);

impl Serialize for Prices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(list) = self;
        let price = |price: Price| trimmed(i128::from(price.units()), Price::SCALE, 0);
        let per_minute: Pairs<_> =
            Pairs(list.kinds.iter().map(|kind| (kind.name.as_str(), price(kind.per_minute))));
        let named = list.view_types.iter().map(|(name, kind)| (name.as_str(), *kind));
        let rest = [("none", list.none), ("other", list.other)];
        let rest = rest.into_iter().filter_map(|(name, kind)| Some((name, kind?)));
        let kind = |kind: usize| list.kinds.get(kind).map(|kind| kind.name.as_str());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &list.name)?;
        map.serialize_entry("currency", &list.currency)?;
        map.serialize_entry("per_minute", &per_minute)?;
        map.serialize_entry(
            "view_types",
            &Pairs(named.chain(rest).map(|(name, place)| (name, kind(place)))),
        )?;
        map.end()
    }
}

/// Pairs as an object.
struct Pairs<I>(I);

impl<'a, V: Serialize, I: Iterator<Item = (&'a str, V)> + Clone> Serialize for Pairs<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// What the charts show, and how the kinds of minutes differ.
fn parts(report: &Report) -> Result<[(&'static str, String); 5]> {
    let series = &report.series;
    let without_price = report.kinds.iter().filter(|line| line.kind.is_none());
    let unpriced: Vec<_> = without_price
        .map(|KindLine { view_type, minutes, .. }| json!({ "view_type": view_type, "minutes": minutes }))
        .collect();
    let days = series
        .days
        .bars
        .iter()
        .map(|(from, minutes)| json!({ "from": from.to_string(), "minutes": minutes }));
    let over_time = json!({
        "bucket": series.days.bucket.name(),
        "bars": days.collect::<Vec<_>>(),
        "undated": series.days.undated,
    });
    let names = Durations::names();
    let counts = names.iter().zip(&series.durations.counts);
    let counts = counts.map(|(name, participants)| json!({ "duration": name, "participants": participants }));
    let durations = json!({ "counts": counts.collect::<Vec<_>>(), "unknown": series.durations.left_out });
    let seen = &series.concurrency;
    let peak = json!({ "participants": seen.peak, "at": seen.peak_at.map(Time), "unknown": seen.left_out });
    let found = &report.differences;
    let differences = json!({
        "sessions_differing": found.differing,
        "total": kinds_of(&found.total),
        "sessions": found.worst.iter().map(kinds_of).collect::<Vec<_>>(),
    });
    Ok([
        ("unpriced", object(&unpriced)?),
        ("over_time", object(&over_time)?),
        ("durations", object(&durations)?),
        ("peak", object(&peak)?),
        ("differences", object(&differences)?),
    ])
}

/// The three kinds of minutes of a session, or of all.
fn kinds_of(line: &SessionMinutes) -> Value {
    json!({
        "session_id": line.session,
        "duration_minutes": line.duration,
        "minutes_consumed": line.events,
        "session_minutes": line.session_minutes,
        "difference": line.spread(),
    })
}
