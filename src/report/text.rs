//! A report for a terminal: aligned columns, bars, nothing wider than there is room for.
//!
//! In: a [`Report`] and a number of columns. Out: plain text.
//! Guarantees: columns line up whatever script their texts are in; where there is little room, shares go
//! first, which bars show too, then counts, then bars; minutes, money and keys stay.
//! Not here: colours.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::about;
use super::foreign::{cut, one_line};
use super::model::{Report, SessionMinutes};
use super::shown::{self, Costs, Row, Table};
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
    if let Some(period) = about::period(report) {
        let period = format!("{period}, {}", shown::minutes_name(report.minutes));
        text.push_str(&wrapped(&period, columns));
    }
    text.push('\n');
    text.push_str(&groups(&Table::of(report)?, columns));
    let notes: String = [about::missing(report), about::unpriced(report)]
        .into_iter()
        .flatten()
        .map(|note| named("!", &note, columns))
        .collect();
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    text.push('\n');
    text.push_str(&costs(&Costs::of(report)?, &one_line(&report.prices.currency), columns));
    text.push('\n');
    text.push_str(&differences(report, columns));
    text.push_str("\nAbout this report\n");
    for (name, fact) in about::facts(report) {
        text.push_str(&named(&name.to_lowercase(), &fact, columns));
    }
    Ok(text)
}

/// A column to be laid out.
struct Column {
    heading: String,
    cells: Cells,
    /// What it can be made narrower to.
    least: usize,
    spare: Spare,
}

/// What a column holds.
enum Cells {
    /// Texts, to the left.
    Texts(Vec<String>),
    /// Figures, to the right.
    Figures(Vec<String>),
    /// Bars of so many thousandths of a number of columns.
    Bars(Vec<u32>, usize),
}

/// What goes when there is little room, the first first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spare {
    Shares,
    Counts,
    Bars,
    /// Never.
    No,
}

impl Column {
    fn figures(heading: impl Into<String>, cells: Vec<String>, spare: Spare) -> Self {
        Self { heading: heading.into(), cells: Cells::Figures(cells), least: usize::MAX, spare }
    }

    fn texts(heading: impl Into<String>, cells: Vec<String>) -> Self {
        let (heading, cells) = (heading.into(), Cells::Texts(cells));
        Self { heading, cells, least: LEAST_KEY_COLUMNS, spare: Spare::No }
    }

    fn bars(thousandths: Vec<u32>) -> Self {
        let cells = Cells::Bars(thousandths, BAR_COLUMNS);
        Self { heading: String::new(), cells, least: LEAST_BAR_COLUMNS, spare: Spare::Bars }
    }

    fn width(&self) -> usize {
        let cells = match &self.cells {
            Cells::Texts(cells) | Cells::Figures(cells) => cells.iter().map(|cell| cell.width()).max(),
            Cells::Bars(_, columns) => Some(*columns),
        };
        cells.unwrap_or(0).max(self.heading.width())
    }

    fn rows(&self) -> usize {
        match &self.cells {
            Cells::Texts(cells) | Cells::Figures(cells) => cells.len(),
            Cells::Bars(thousandths, _) => thousandths.len(),
        }
    }

    /// A row's cell, as wide as the column.
    fn cell(&self, row: usize) -> String {
        match &self.cells {
            Cells::Texts(cells) | Cells::Figures(cells) => self.padded(&cells[row]),
            Cells::Bars(thousandths, columns) => self.padded(&bar(thousandths[row], *columns)),
        }
    }

    fn padded(&self, text: &str) -> String {
        let blanks = " ".repeat(self.width().saturating_sub(text.width()));
        if matches!(self.cells, Cells::Figures(_)) { blanks + text } else { text.to_owned() + &blanks }
    }

    /// Makes it a column of the terminal narrower.
    fn narrow(&mut self) {
        let target = self.width().saturating_sub(1);
        self.heading = cut(&self.heading, target);
        match &mut self.cells {
            Cells::Texts(cells) | Cells::Figures(cells) => {
                for cell in cells {
                    *cell = cut(cell, target);
                }
            }
            Cells::Bars(_, columns) => *columns = target,
        }
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
            let of_rows = table.rows.iter().map(|row| key(row, place));
            let of_total = [if place == 0 { "total".to_owned() } else { String::new() }];
            Column::texts(cut(heading, MOST_KEY_COLUMNS), of_rows.chain(of_total).collect())
        })
        .collect();
    let column = |heading: &str, of: fn(&Row) -> String, spare| {
        Column::figures(heading, rows().map(of).collect(), spare)
    };
    laid_out.push(column("minutes", |row| row.minutes.clone(), Spare::No));
    laid_out.push(column("share", Row::share_text, Spare::Shares));
    laid_out.push(Column::bars(rows().map(|row| row.bar).collect()));
    if table.has_unpriced {
        laid_out.push(column("no price", |row| row.unpriced.clone(), Spare::No));
    }
    laid_out.push(column(&table.currency, |row| row.cost.clone(), Spare::No));
    laid_out.push(column("sessions", |row| row.sessions.clone(), Spare::Counts));
    laid_out.push(column("participants", |row| row.participants.clone(), Spare::Counts));
    fit(&mut laid_out, columns);
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

/// Leaves columns out and makes others narrower until all fit, or there is nothing left to do.
fn fit(columns: &mut Vec<Column>, room: usize) {
    for spare in [Spare::Shares, Spare::Counts, Spare::Bars] {
        if narrowed(columns, room) {
            return;
        }
        columns.retain(|column| column.spare != spare);
    }
    narrowed(columns, room);
}

/// How wide columns are together.
fn width(columns: &[Column]) -> usize {
    columns.iter().map(Column::width).sum::<usize>() + GAP.len() * columns.len().saturating_sub(1)
}

/// Makes bars shorter, then cuts texts, the widest first, as long as that helps; tells whether all fit.
fn narrowed(columns: &mut [Column], room: usize) -> bool {
    let least: usize = columns.iter().map(|column| column.width().saturating_sub(column.least)).sum();
    if width(columns) > room + least && columns.iter().any(|column| column.spare != Spare::No) {
        return false;
    }
    while width(columns) > room {
        let can = columns.iter_mut().filter(|column| column.width() > column.least);
        let first = can.max_by_key(|column| (column.spare == Spare::Bars, column.width()));
        let Some(first) = first else { return false };
        first.narrow();
    }
    true
}

/// Columns as lines: a heading, a rule, the rows, and a rule before a total.
fn lines(columns: &[Column], total: bool) -> String {
    let rows = columns.first().map_or(0, Column::rows);
    let rule = "─".repeat(width(columns));
    let line = |cell: &dyn Fn(&Column) -> String| {
        let line = columns.iter().map(cell).collect::<Vec<_>>().join(GAP);
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line(&|column| column.padded(&column.heading));
    let _ = writeln!(text, "{rule}");
    for row in 0..rows {
        if total && row + 1 == rows {
            let _ = writeln!(text, "{rule}");
        }
        text.push_str(&line(&|column| column.cell(row)));
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
        Column {
            // The report's prices say the same.
            spare: Spare::Shares,
            ..Column::texts("view types", of(|line| line.view_types.clone()).chain(total("")).collect())
        },
        Column::figures(
            "minutes",
            of(|line| line.minutes.clone()).chain(total(&costs.minutes)).collect(),
            Spare::No,
        ),
        Column::figures(
            "per minute",
            of(|line| line.per_minute.clone().unwrap_or_default()).chain(total("")).collect(),
            Spare::Counts,
        ),
        Column::figures(
            currency,
            of(|line| line.cost.clone().unwrap_or_default()).chain(total(&costs.cost)).collect(),
            Spare::No,
        ),
    ];
    fit(&mut laid_out, columns);
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
            cell(|line| line.session.as_deref().map_or_else(|| "all sessions".to_owned(), one_line)),
        ),
        Column::figures("duration", cell(|line| shown::minutes_or_unknown(line.duration)), Spare::No),
        Column::figures("events", cell(|line| shown::minutes_or_unknown(line.events)), Spare::No),
        Column::figures("session", cell(|line| shown::minutes_or_unknown(line.session_minutes)), Spare::No),
        Column::figures("apart", cell(shown::difference), Spare::No),
    ];
    fit(&mut laid_out, columns);
    let mut text = lines(&laid_out, !found.worst.is_empty());
    text.push_str(&wrapped(&shown::differing(found), columns));
    text
}

/// A name and a text beside it, in as many lines as it takes.
fn named(name: &str, text: &str, columns: usize) -> String {
    const NAME_COLUMNS: usize = 10;
    let room = columns.saturating_sub(NAME_COLUMNS + 2).max(LEAST_KEY_COLUMNS);
    let mut lines = String::new();
    for (place, line) in wrapped(text, room).lines().enumerate() {
        let name = if place == 0 { name } else { "" };
        let _ = writeln!(lines, "  {name:<NAME_COLUMNS$}{line}");
    }
    lines
}

/// A text in as many lines as it takes.
fn wrapped(text: &str, room: usize) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        let word = cut(word, room);
        if !line.is_empty() && line.width() + 1 + word.width() > room {
            lines.push_str(&line);
            lines.push('\n');
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines + &line + "\n"
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
            named("name", "some words that do not fit", 30),
            "  name      some words that do\n            not fit\n"
        );
    }
}
