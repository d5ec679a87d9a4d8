//! A report for a terminal: aligned columns, bars, nothing wider than there is room for.
//!
//! In: a [`Report`] and a number of columns. Out: plain text.
//! Guarantees: columns line up whatever script their texts are in; where there is little room, bars go
//! first, then shares, then counts; figures and keys stay.
//! Not here: colours.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::model::{Report, SessionMinutes};
use super::shown::{self, Costs, Row, Table, cut};
use crate::error::Result;

/// Narrower than this no table is of use; a terminal that says so wraps it.
const LEAST_COLUMNS: usize = 40;
/// A bar's width where there is room.
const BAR_COLUMNS: usize = 24;
/// Less says nothing.
const LEAST_BAR_COLUMNS: usize = 8;
/// What a key keeps however little room there is.
const LEAST_KEY_COLUMNS: usize = 12;
/// What a key never needs more than.
const MOST_KEY_COLUMNS: usize = 48;
/// Between two columns.
const GAP: &str = "  ";

/// Renders a report.
pub(super) fn render(report: &Report, columns: usize) -> Result<String> {
    let columns = columns.max(LEAST_COLUMNS);
    let mut text = format!("{}\n", cut(&shown::title(report), columns));
    if let Some(period) = shown::period(report) {
        let _ = writeln!(text, "{period}, {}", shown::minutes_name(report.minutes));
    }
    text.push('\n');
    text.push_str(&groups(&Table::of(report)?, columns));
    if let Some(missing) = shown::missing(report) {
        let _ = write!(text, "\n{}", wrapped("!", &missing, columns));
    }
    text.push('\n');
    text.push_str(&costs(&Costs::of(report)?, &shown::one_line(&report.prices.currency), columns));
    text.push('\n');
    text.push_str(&differences(report, columns));
    text.push_str("\nAbout this report\n");
    for (name, fact) in shown::facts(report) {
        text.push_str(&wrapped(&name.to_lowercase(), &fact, columns));
    }
    Ok(text)
}

/// A column to be laid out.
struct Column {
    heading: String,
    cells: Vec<String>,
    align: Align,
    /// What it can be made narrower to.
    least: usize,
    /// Goes before a column of a lower number when there is little room; `0` never goes.
    spare: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

impl Column {
    fn figures(heading: impl Into<String>, cells: Vec<String>, spare: u8) -> Self {
        Self { heading: heading.into(), cells, align: Align::Right, least: usize::MAX, spare }
    }

    fn texts(heading: impl Into<String>, cells: Vec<String>) -> Self {
        Self { heading: heading.into(), cells, align: Align::Left, least: LEAST_KEY_COLUMNS, spare: 0 }
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.width());
        cells.chain([self.heading.width()]).max().unwrap_or(0)
    }
}

/// The rows of the report, their total, and bars.
fn groups(table: &Table, columns: usize) -> String {
    let rows = || table.rows.iter().chain([&table.total]);
    let mut laid_out: Vec<Column> = table
        .keys
        .iter()
        .enumerate()
        .map(|(place, heading)| {
            let cells = rows().map(|row| key(row, place)).collect();
            Column::texts(cut(heading, MOST_KEY_COLUMNS), cells)
        })
        .collect();
    if let Some(last) = laid_out[0].cells.last_mut() {
        "total".clone_into(last);
    }
    let column = |heading: &str, of: fn(&Row) -> String, spare| {
        Column::figures(heading, rows().map(of).collect(), spare)
    };
    laid_out.push(column("minutes", |row| row.minutes.clone(), 0));
    laid_out.push(column("share", Row::share_text, 3));
    let bars = laid_out.len();
    laid_out.push(Column {
        cells: rows().map(|row| bar(row.bar, BAR_COLUMNS)).collect(),
        align: Align::Left,
        ..Column::figures("", Vec::new(), 4)
    });
    if table.has_unpriced {
        laid_out.push(column("no price", |row| row.unpriced.clone(), 1));
    }
    laid_out.push(column(&table.currency, |row| row.cost.clone(), 0));
    laid_out.push(column("sessions", |row| row.sessions.clone(), 2));
    laid_out.push(column("participants", |row| row.participants.clone(), 2));
    let bar_columns = fit(&mut laid_out, bars, columns);
    if bar_columns > 0 {
        laid_out[bars].cells = rows().map(|row| bar(row.bar, bar_columns)).collect();
    }
    let mut text = lines(&laid_out, true);
    if let Some(groups) = table.rows.last().and_then(|row| row.others) {
        let shown = table.rows.len() - 1;
        let _ = writeln!(text, "{shown} of {} groups; --top N shows more", groups + shown as u64);
    }
    text
}

/// What stands in a key's column.
fn key(row: &Row, place: usize) -> String {
    match (row.others, row.keys.get(place)) {
        (Some(groups), _) if place == 0 => format!("({} other)", shown::count(groups)),
        (_, Some(key)) => cut(key.text(), MOST_KEY_COLUMNS),
        (_, None) => String::new(),
    }
}

/// Leaves columns out, narrower and shorter until they fit; gives the width of the bars, 0 without.
fn fit(columns: &mut Vec<Column>, bars: usize, room: usize) -> usize {
    let mut bar_columns = BAR_COLUMNS;
    let width = |columns: &[Column], bar_columns: usize| {
        let widths: usize =
            columns.iter().map(Column::width).sum::<usize>() + GAP.len() * (columns.len() - 1);
        if bar_columns == 0 { widths } else { widths - BAR_COLUMNS + bar_columns }
    };
    // Bars first give what they can spare.
    let over = width(columns, bar_columns).saturating_sub(room);
    bar_columns = bar_columns.saturating_sub(over).max(LEAST_BAR_COLUMNS);
    for spare in [4, 3, 2] {
        if narrowed(columns, bar_columns, room, &width) {
            return bar_columns;
        }
        if spare == 4 {
            columns.remove(bars);
            bar_columns = 0;
        } else {
            columns.retain(|column| column.spare != spare);
        }
    }
    narrowed(columns, bar_columns, room, &width);
    bar_columns
}

/// Cuts texts, the widest column first, if that makes all columns fit.
fn narrowed(
    columns: &mut [Column],
    bar_columns: usize,
    room: usize,
    width: &impl Fn(&[Column], usize) -> usize,
) -> bool {
    let over = |columns: &[Column]| width(columns, bar_columns).saturating_sub(room);
    let spare: usize = columns.iter().map(|column| column.width().saturating_sub(column.least)).sum();
    if over(columns) > spare {
        return false;
    }
    while over(columns) > 0 {
        let widest = columns.iter_mut().filter(|column| column.width() > column.least);
        let Some(widest) = widest.max_by_key(|column| column.width()) else { return false };
        let target = widest.width() - 1;
        widest.heading = cut(&widest.heading, target);
        for cell in &mut widest.cells {
            *cell = cut(cell, target);
        }
    }
    true
}

/// Columns as lines: a heading, a rule, the rows, and a rule before a total.
fn lines(columns: &[Column], total: bool) -> String {
    let widths: Vec<_> = columns.iter().map(Column::width).collect();
    let rows = columns.first().map_or(0, |column| column.cells.len());
    let rule = "─".repeat(widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1));
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, width)| {
            let cell = cell(column);
            let blanks = " ".repeat(width.saturating_sub(cell.width()));
            if column.align == Align::Left { cell + &blanks } else { blanks + &cell }
        });
        let line = cells.collect::<Vec<_>>().join(GAP);
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line(&|column| column.heading.clone());
    let _ = writeln!(text, "{rule}");
    for row in 0..rows {
        if total && row + 1 == rows {
            let _ = writeln!(text, "{rule}");
        }
        text.push_str(&line(&|column| column.cells[row].clone()));
    }
    text
}

/// A bar of so many thousandths of a width, to an eighth of a column.
fn bar(thousandths: u32, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = usize::try_from(thousandths).unwrap_or(0) * columns * 8 / 1000;
    // Something is not nothing.
    let eighths = if thousandths > 0 { eighths.max(1) } else { eighths };
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// What it costs, by kind of minutes.
fn costs(costs: &Costs, currency: &str, columns: usize) -> String {
    let of = |of: fn(&super::shown::CostLine) -> String| costs.lines.iter().map(of);
    let total = |text: &str| [text.to_owned()];
    let mut laid_out = vec![
        Column::texts(
            "cost",
            of(|line| line.kind.clone().unwrap_or_else(|| "(no price)".to_owned()))
                .chain(total("total"))
                .collect(),
        ),
        Column::texts("view types", of(|line| line.view_types.clone()).chain(total("")).collect()),
        Column::figures("minutes", of(|line| line.minutes.clone()).chain(total(&costs.minutes)).collect(), 0),
        Column::figures(
            "per minute",
            of(|line| line.per_minute.clone().unwrap_or_default()).chain(total("")).collect(),
            0,
        ),
        Column::figures(
            currency,
            of(|line| line.cost.clone().unwrap_or_default()).chain(total(&costs.cost)).collect(),
            0,
        ),
    ];
    let width = |columns: &[Column], _| {
        columns.iter().map(Column::width).sum::<usize>() + GAP.len() * (columns.len() - 1)
    };
    narrowed(&mut laid_out, 0, columns, &width);
    lines(&laid_out, true)
}

/// The three kinds of minutes side by side.
fn differences(report: &Report, columns: usize) -> String {
    let found = &report.differences;
    let lines_of: Vec<&SessionMinutes> = found.worst.iter().chain([&found.total]).collect();
    let cell = |of: fn(&SessionMinutes) -> String| lines_of.iter().map(|line| of(line)).collect::<Vec<_>>();
    let mut laid_out = vec![
        Column::texts(
            "the three kinds of minutes",
            cell(|line| line.session.as_deref().map_or_else(|| "all sessions".to_owned(), shown::one_line)),
        ),
        Column::figures("duration", cell(|line| shown::minutes_or_unknown(line.duration)), 0),
        Column::figures("events", cell(|line| shown::minutes_or_unknown(line.events)), 0),
        Column::figures("session", cell(|line| shown::minutes_or_unknown(line.session_minutes)), 0),
        Column::figures("difference", cell(shown::difference), 0),
    ];
    let width = |columns: &[Column], _| {
        columns.iter().map(Column::width).sum::<usize>() + GAP.len() * (columns.len() - 1)
    };
    narrowed(&mut laid_out, 0, columns, &width);
    let mut text = lines(&laid_out, !found.worst.is_empty());
    text.push_str(&shown::differing(found));
    text.push('\n');
    text
}

/// A name and a text beside it, in as many lines as it takes.
fn wrapped(name: &str, text: &str, columns: usize) -> String {
    const NAME_COLUMNS: usize = 10;
    let room = columns.saturating_sub(NAME_COLUMNS + 2).max(LEAST_KEY_COLUMNS);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let word = cut(word, room);
        if !line.is_empty() && line.width() + 1 + word.width() > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let name = if place == 0 { name } else { "" };
        let _ = writeln!(text, "  {name:<NAME_COLUMNS$}{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_to_an_eighth() {
        assert_eq!(bar(1000, 4), "████");
        assert_eq!(bar(500, 3), "█▌");
        assert_eq!((bar(1, 4).as_str(), bar(0, 4).as_str()), ("▏", ""));
    }

    #[test]
    fn texts_are_wrapped_at_words() {
        assert_eq!(
            wrapped("name", "some words that do not fit", 30),
            "  name      some words that do\n            not fit\n"
        );
    }
}
