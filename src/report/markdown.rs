//! A report as Markdown: tables as GitHub, GitLab and most others render them.
//!
//! Guarantees: a text of the API's is never markup: everything that could be is escaped.
//! Not here: what the figures are.

use std::fmt::Write as _;

use super::about;
use super::foreign::{cut, one_line};
use super::model::Report;
use super::shown::{self, Costs, Row, Table};
use crate::error::Result;

/// What a key's cell has room for.
const KEY_COLUMNS: usize = 120;

/// Renders a report.
pub(super) fn render(report: &Report) -> Result<String> {
    let mut text = format!("# {}\n\n", escaped(&shown::title(report)));
    if let Some(period) = about::period(report) {
        let _ = writeln!(text, "{period}, {}.\n", shown::minutes_name(report.minutes));
    }
    for note in [about::missing(report), about::unpriced(report)].into_iter().flatten() {
        let _ = writeln!(text, "**{}**\n", escaped(&note));
    }
    groups(&mut text, &Table::of(report)?);
    text.push_str("\n## Cost\n\n");
    costs(&mut text, &Costs::of(report)?, &escaped(&one_line(&report.prices.currency)));
    text.push_str("\n## The three kinds of minutes\n\n");
    differences(&mut text, report);
    text.push_str("\n## About this report\n\n");
    for (name, fact) in about::facts(report) {
        let _ = writeln!(text, "- **{name}**: {}", escaped(&fact));
    }
    Ok(text)
}

fn groups(text: &mut String, table: &Table) {
    let unpriced = |cell: &str| table.has_unpriced.then(|| cell.to_owned());
    let figures = |row: &Row| {
        let minutes = [row.minutes.clone(), row.share_text()].into_iter().chain(unpriced(&row.unpriced));
        minutes.chain([&row.cost, &row.sessions, &row.participants].map(Clone::clone)).collect::<Vec<_>>()
    };
    let headings = ["minutes", "share"].map(str::to_owned).into_iter().chain(unpriced("no price"));
    let counts = ["sessions", "participants"].map(str::to_owned);
    let headings: Vec<_> = headings.chain([escaped(&table.currency)]).chain(counts).collect();
    let names = table.keys.iter().map(|name| escaped(&cut(name, KEY_COLUMNS)));
    line(text, names.chain(headings.iter().cloned()));
    let keys = table.keys.len();
    line(text, vec![":--".to_owned(); keys].into_iter().chain(vec!["--:".to_owned(); headings.len()]));
    for row in &table.rows {
        let cells: Vec<_> = match row.others {
            Some(groups) => of_all(keys, &format!("*{} other*", shown::count(groups))),
            None => row.keys.iter().map(|key| escaped(&cut(key.text(), KEY_COLUMNS))).collect(),
        };
        line(text, cells.into_iter().chain(figures(row)));
    }
    let bold = figures(&table.total).into_iter().map(|cell| format!("**{cell}**"));
    line(text, of_all(keys, "**total**").into_iter().chain(bold));
}

/// The cells of keys, of which only the first says something.
fn of_all(keys: usize, name: &str) -> Vec<String> {
    let mut cells = vec![String::new(); keys];
    if let Some(first) = cells.first_mut() {
        name.clone_into(first);
    }
    cells
}

fn costs(text: &mut String, costs: &Costs, currency: &str) {
    line(text, ["kind", "view types", "minutes", "per minute", currency].map(str::to_owned));
    line(text, [":--", ":--", "--:", "--:", "--:"].map(str::to_owned));
    for cost in &costs.lines {
        let kind = cost.kind.as_deref().map_or_else(|| "*no price*".to_owned(), escaped);
        let per_minute = cost.per_minute.clone().unwrap_or_default();
        let amount = cost.cost.clone().unwrap_or_default();
        let view_types = escaped(&cut(&cost.view_types, KEY_COLUMNS));
        line(text, [kind, view_types, cost.minutes.clone(), per_minute, amount]);
    }
    let bold = |cell: &str| format!("**{cell}**");
    line(text, [bold("total"), String::new(), bold(&costs.minutes), String::new(), bold(&costs.cost)]);
}

fn differences(text: &mut String, report: &Report) {
    let found = &report.differences;
    line(text, ["session", "duration", "events", "session's own", "difference"].map(str::to_owned));
    line(text, [":--", "--:", "--:", "--:", "--:"].map(str::to_owned));
    for session in found.worst.iter().chain([&found.total]) {
        let name = session.session.as_deref();
        let cells =
            [session.duration, session.events, session.session_minutes].map(shown::minutes_or_unknown);
        let name = name.map_or_else(|| "all sessions".to_owned(), |name| escaped(&one_line(name)));
        line(text, [name].into_iter().chain(cells).chain([shown::difference(session)]));
    }
    let _ = writeln!(text, "\n{}", shown::differing(found));
}

fn line(text: &mut String, cells: impl IntoIterator<Item = String>) {
    text.push('|');
    for cell in cells {
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

/// A one-line text of which no character is markup: those that GitHub's specification gives a meaning within
/// a line, and those that make a link of an address.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    // Without these, addresses become links.
    escaped.replace("://", "\\://").replace("www.", "www\\.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        assert_eq!(
            escaped("a|b <script> *x* [l](https://h) www.h a@b view_type"),
            r"a\|b &lt;script&gt; \*x\* \[l\](https\://h) www\.h a\@b view\_type"
        );
    }
}
