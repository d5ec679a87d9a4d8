//! Reports of made-up figures: each form holds, whatever the names and however little room there is.

use chrono::DateTime;
use chrono_tz::Tz;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::model::{About, Differences, Group, Groups, KindLine, Measures, Report, SessionMinutes};
use super::prices::PriceList;
use super::series::{Days, Durations, Follower, Series};
use super::shown::Table;
use super::{html, markdown, text};
use crate::config::MinutesKind;
use crate::manifest::{Api, Failures, Manifest, MinutesTotal, Requests, Source, Time, Tool, Totals};

fn minutes(units: i128) -> MinutesTotal {
    MinutesTotal::from_units(units)
}

fn measures(units: i128, sessions: Option<u64>) -> Measures {
    Measures {
        sessions,
        participants: 1,
        connections: 2,
        minutes: Some(minutes(units)),
        by_kind: vec![minutes(units / 2), minutes(units / 4)],
        unpriced: minutes(units - units / 2 - units / 4),
    }
}

/// A report with these rows, and one for others.
fn report(rows: &[(Option<String>, i128)]) -> Report {
    let at = |second: i64| DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap();
    let export = Manifest {
        schema_version: 1,
        tool: Tool::this(),
        export_id: "01a2078e".to_owned(),
        started_at: Time(at(0)),
        finished_at: Time(at(60)),
        source: Source { since: Some(Time(at(0))), ..Source::default() },
        api: Api::default(),
        requests: Requests::default(),
        tables: Vec::new(),
        totals: Totals::default(),
        failures: Failures { total: 3, by_reason: [("not_found".to_owned(), 3)].into() },
        warnings: Vec::new(),
    };
    let shown = |(key, units): &(Option<String>, i128)| Group {
        keys: vec![key.clone(), Some("second".to_owned())],
        measures: measures(*units, Some(1)),
    };
    let other = measures(123_456_789_012, None);
    let sum = rows.iter().map(|(_, units)| units).sum::<i128>() + 123_456_789_012;
    let sum_of = |of: fn(&Measures) -> MinutesTotal| {
        let rows = rows.iter().map(|(_, units)| of(&measures(*units, None)).units());
        minutes(rows.sum::<i128>() + of(&other).units())
    };
    let total = Measures {
        minutes: Some(minutes(sum)),
        by_kind: vec![sum_of(|row| row.by_kind[0]), sum_of(|row| row.by_kind[1])],
        unpriced: sum_of(|row| row.unpriced),
        ..measures(0, Some(7))
    };
    let mut follower = Follower::new(at(0), at(3600), 1);
    follower.note(at(0), 2);
    follower.note(at(1800), -2);
    let session = SessionMinutes {
        session: Some("a-session".to_owned()),
        duration: Some(minutes(2_000_000_000)),
        events: Some(minutes(2_000_000_001)),
        session_minutes: None,
    };
    let total_of_sessions =
        SessionMinutes { session: None, session_minutes: session.duration, ..session.clone() };
    let kinds = [(Some(0), total.by_kind[0]), (Some(1), total.by_kind[1]), (None, total.unpriced)];
    Report {
        about: About { export },
        keys: vec!["customer".to_owned(), "view_type".to_owned()],
        minutes: MinutesKind::Duration,
        prices: PriceList::published().unwrap(),
        time_zone: Tz::Europe__Paris,
        kinds: kinds.map(|(kind, minutes)| KindLine { kind, view_type: None, minutes }).into(),
        groups: Groups { shown: rows.iter().map(shown).collect(), other: Some((9, other)) },
        series: Series {
            days: Days::of(&[("2026-11-22".parse().unwrap(), minutes(sum))], None),
            concurrency: follower.finish(),
            durations: Durations { counts: vec![1; Durations::names().len()], left_out: 0 },
        },
        differences: Differences { total: total_of_sessions, differing: 12, worst: vec![session] },
        total,
    }
}

fn row(name: &str, units: i128) -> (Option<String>, i128) {
    (Some(name.to_owned()), units)
}

#[test]
fn what_is_missing_or_has_no_price_is_told() {
    let report = report(&[row("Blue Heron", 90_000_000_000), (None, 5_000_000_000)]);
    insta::assert_snapshot!(text::render(&report, 80).unwrap());
}

#[test]
fn a_difference_is_seen_however_little_it_is() {
    let text = text::render(&report(&[]), 100).unwrap();
    assert!(text.contains("< 0.01"), "{text}");
}

#[test]
fn markup_in_names_is_none_in_the_page() {
    let report = report(&[row("</title><script>x</script><b title=\"'", 1)]);
    let page = html::render(&report).unwrap();
    assert!(!page.contains("<script>x") && !page.contains("<b title"), "{page}");
    assert_eq!(page.matches("<script>").count(), 1);
}

proptest! {
    /// Nothing is wider than there is room for, but for figures in very little of it.
    #[test]
    fn a_text_fits_its_terminal(
        rows in proptest::collection::vec((proptest::option::of("\\PC{0,60}"), 0_i128..10_i128.pow(16)), 0..6),
        columns in 72_usize..200,
    ) {
        let text = text::render(&report(&rows), columns).unwrap();
        for line in text.lines() {
            prop_assert!(line.width() <= columns, "{} > {columns}: {line}", line.width());
        }
    }

    #[test]
    fn rows_add_up_in_each_column(rows in proptest::collection::vec(0_i128..10_i128.pow(16), 0..20)) {
        let named: Vec<_> = rows.iter().map(|units| row("name", *units)).collect();
        let table = Table::of(&report(&named)).unwrap();
        let digits = |cell: &str| cell.replace([',', '.'], "").parse::<i128>().unwrap();
        let columns: [fn(&super::shown::Row) -> &String; 3] = [|row| &row.minutes, |row| &row.unpriced, |row| &row.cost];
        for column in columns {
            let sum: i128 = table.rows.iter().map(|row| digits(column(row))).sum();
            prop_assert_eq!(sum, digits(column(&table.total)));
        }
    }

    /// Every line of a table has as many cells as its heading, whatever is in them.
    #[test]
    fn markdown_keeps_its_cells(names in proptest::collection::vec("[|\\\\`<>a\n ]{0,12}", 1..4)) {
        let rows: Vec<_> = names.iter().map(|name| row(name, 1)).collect();
        let text = markdown::render(&report(&rows)).unwrap();
        let table = text.lines().filter(|line| line.starts_with('|')).take(names.len() + 4);
        let cells = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        let counts: Vec<_> = table.map(cells).collect();
        prop_assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}\n{text}");
    }
}
