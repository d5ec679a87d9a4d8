//! Judgements on figures, and replies as they are read.

use chrono::NaiveDate;
use proptest::prelude::*;

use super::days::{Day, OfDay};
use super::record::{Page, Record};
use super::sessions::{Outcome, judge};
use super::*;
use crate::model::Minutes;
use crate::wire::Object;

fn units(text: &str) -> Units {
    Units(i128::from(Minutes::parse(text).unwrap().minutes.units()))
}

#[test]
fn figures_are_shown_exactly() {
    for (text, shown) in
        [("41.25", "41.25"), ("-0.000000004", "-0.000000004"), ("7", "7.00"), ("0.1", "0.10")]
    {
        assert_eq!(units(text).text(), shown);
    }
    assert_eq!(serde_json::to_string(&units("41.25")).unwrap(), "\"41.250000000\"");
}

#[test]
fn a_session_is_judged_by_what_was_asked_for() {
    let judged = |exported: Option<&str>, api, figures, is_whole| {
        judge(exported.map(units), units(api), figures, is_whole)
    };
    assert_eq!(judged(Some("3.5"), "3.5", 2, true), Outcome::Agrees);
    assert_eq!(judged(Some("3.500000001"), "3.5", 2, true), Outcome::Agrees);
    assert_eq!(judged(Some("3.500000002"), "3.5", 2, true), Outcome::Differs);
    assert_eq!(judged(Some("3.4"), "3.5", 2, true), Outcome::Differs);
    assert_eq!(judged(Some("3.4"), "3.5", 2, false), Outcome::Partial);
    // More than the API has is no part of it.
    assert_eq!(judged(Some("3.6"), "3.5", 2, false), Outcome::Differs);
    assert_eq!(judged(None, "0", 0, true), Outcome::Agrees);
    assert_eq!(judged(None, "0.5", 0, true), Outcome::Differs);
    assert_eq!(judged(None, "0.5", 0, false), Outcome::Partial);
}

#[test]
fn a_day_is_judged_where_the_export_has_all_of_it() {
    let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
    let of = |sessions, is_some| OfDay { sessions, minutes: units("10"), figures: 4, is_some };
    let judged = |exported, sessions, minutes, is_covered| {
        Day::of(day, exported, sessions, units(minutes), is_covered).verdict
    };
    assert_eq!(judged(of(2, false), 2, "10", false), Verdict::Agrees);
    assert_eq!(judged(of(2, false), 2, "11", false), Verdict::Differs);
    assert_eq!(judged(of(2, false), 3, "11", false), Verdict::Partial);
    assert_eq!(judged(of(2, false), 3, "11", true), Verdict::Differs);
    // The minutes agree, but not whose they are.
    assert_eq!(judged(of(2, false), 1, "10", false), Verdict::Differs);
    assert_eq!(judged(of(2, true), 2, "11", true), Verdict::Partial);
}

fn read<T>(json: &str, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Option<T> {
    read(&Object::parse_text(json).unwrap())
}

#[test]
fn records_are_read_wherever_they_sit_and_however_they_are_written() {
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let fields = format!(
        r#""id":"{id}","minutes_consumed":"2.3434","status":"LIVE","created_at":"2026-11-22T10:50:36.846Z\"",
        "started_at":"2026-11-22T10:50:30Z","ended_at":"null""#
    );
    for body in [format!(r#"{{"data":{{{fields}}}}}"#), format!(r#"{{"data":{{"session":{{{fields}}}}}}}"#)] {
        let record = read(&body, Record::read).unwrap();
        assert_eq!((record.id.to_string().as_str(), record.minutes), (id, Some(units("2.3434"))));
        assert!(record.is_live && record.ended.is_none());
        let begun = record.begun.unwrap();
        assert!(begun < record.created_at.unwrap());
        assert!(record.overlaps((begun, begun)));
        assert!(
            !record.overlaps((begun - chrono::TimeDelta::hours(1), begun - chrono::TimeDelta::seconds(1)))
        );
    }
    assert_eq!(read(r#"{"data":{"id":"x"}}"#, Record::read), None);
    let page =
        format!(r#"{{"data":{{"sessions":[{{{fields}}},7,{{"id":"x"}}],"paging":{{"total_count":9}}}}}}"#);
    let page = read(&page, Page::read).unwrap();
    assert_eq!((page.records.len(), page.paging.total), (1, Some(9)));
}

proptest! {
    /// Exported minutes are rounded one by one, the API's once: that is no difference, and a thousandth of a
    /// minute always is one.
    #[test]
    fn rounding_is_told_from_a_difference(
        parts in prop::collection::vec(0_u64..10_000_000, 0..60),
        off in prop_oneof![Just(0_i64), -50_000_i64..-60, 60_i64..50_000],
    ) {
        let minutes = |ms: u64| units(&format!("{}.{:014}", ms / 60_000, (ms % 60_000) * 10_000_000_000 / 6));
        let sum = parts.iter().fold(Units::default(), |sum, ms| sum.plus(minutes(*ms)));
        let whole_ms: u64 = parts.iter().sum();
        prop_assume!(whole_ms.checked_add_signed(off).is_some());
        let api = minutes(whole_ms.saturating_add_signed(off));
        let figures = u64::try_from(parts.len()).unwrap();
        let expected = if off == 0 { Outcome::Agrees } else { Outcome::Differs };
        prop_assert_eq!(judge(Some(sum), api, figures, true), expected);
    }
}
