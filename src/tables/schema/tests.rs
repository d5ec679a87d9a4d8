//! The schema is consistent in itself.

use std::collections::BTreeSet;

use super::{Kind, Source, Table};

#[test]
fn names_are_plain_and_unique() {
    let is_plain =
        |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let mut tables = BTreeSet::new();
    for table in Table::ALL {
        assert!(is_plain(table.name()) && tables.insert(table.name()), "{}", table.name());
        assert_eq!(Table::named(table.name()), Some(table));
        let names: BTreeSet<_> = table.columns().iter().map(|column| column.name).collect();
        assert_eq!(names.len(), table.columns().len(), "{}", table.name());
        assert!(names.iter().all(|name| is_plain(name)), "{names:?}");
    }
    assert!(Table::ALL.is_sorted());
}

#[test]
fn every_key_column_is_there_and_never_null() {
    for table in Table::ALL {
        for name in table.key() {
            let column = table.columns().iter().find(|column| column.name == *name).expect(name);
            assert!(!column.nullable, "{}.{name}", table.name());
        }
    }
}

#[test]
fn every_column_is_explained() {
    for table in Table::ALL {
        for column in table.columns() {
            let place = format!("{}.{}", table.name(), column.name);
            assert!(!column.meaning.is_empty() && !column.source.to_string().is_empty(), "{place}");
            let is_minutes = matches!(column.kind, Kind::Minutes | Kind::MinutesSum);
            assert_eq!(is_minutes, column.unit == "minutes", "{place}");
            assert!(!is_minutes || column.name.ends_with("minutes") || column.name == "minutes_consumed");
        }
    }
}

/// Rows of statistics are filled in this order: told columns, fed columns, `extra`, `fetched_at`.
#[test]
fn fed_columns_stand_together() {
    for table in Table::ALL {
        let is_fed: Vec<_> =
            table.columns().iter().map(|column| matches!(column.source, Source::Fields(_))).collect();
        let first = is_fed.iter().position(|fed| *fed).unwrap_or(0);
        let last = is_fed.iter().rposition(|fed| *fed).map_or(0, |last| last + 1);
        assert!(is_fed[first..last].iter().all(|fed| *fed), "{}", table.name());
        assert!(last == 0 || table.is_statistics() && last + 2 == is_fed.len(), "{}", table.name());
    }
}
