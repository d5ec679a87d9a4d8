//! What `sync` is set to.

use super::*;
use crate::model::Zone;

/// Whatever may be typed, beside what has to be.
fn typed<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["sync", "-o", "out"], more].concat()
}

#[test]
fn settings_and_their_defaults() {
    let sync = sync(&typed(&[]), &COMPLETE).expect("complete");
    let shown = sync
        .settings
        .iter()
        .map(|setting| format!("{} = {} ({})", setting.name, setting.value, setting.origin));
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
    assert_eq!((sync.anew, sync.empty_days, sync.wait_lock), (Anew::LeftOut, EmptyDays::Kept, WaitLock::No));
}

#[test]
fn what_is_typed() {
    let more = ["--from", "2026-10-01", "--to", "2026-10-03", "--lookback", "2w", "--tz", "America/St_Johns"];
    let more =
        [&more[..], &["--wait-lock=30m", "--anew", "--accept-empty-days", "--days-per-commit", "7"]].concat();
    let sync = sync(&typed(&more), &COMPLETE).expect("complete");
    let day = |text: &str| Some(text.parse().expect("a date"));
    let days = SyncDays { from: day("2026-10-01"), to: day("2026-10-03"), lookback: 14, per_commit: 7 };
    assert_eq!(sync.days, days);
    assert_eq!(sync.zone.map(Zone::name), Some("America/St_Johns"));
    assert_eq!(sync.wait_lock, WaitLock::UpTo(Some(std::time::Duration::from_mins(30))));
    assert_eq!((sync.anew, sync.empty_days), (Anew::Wanted, EmptyDays::Accepted));
}

#[test]
fn a_dataset_may_be_in_a_store() {
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-store")];
    let environment = [&COMPLETE[..], &keys].concat();
    let nowhere = refused(&["sync", "-o", "s3://bucket/rtk"], &environment);
    assert!(nowhere.contains("--state-dir"), "{nowhere}");
    let sync =
        sync(&["sync", "-o", "s3://bucket/rtk/", "--state-dir", "state"], &environment).expect("complete");
    assert_eq!(sync.place.to_string(), "s3://bucket/rtk");
    assert!(!format!("{sync:?}").contains("s3cr3t-of-store"));
}

#[test]
fn what_is_wrong_is_refused_with_an_example() {
    let cases: [&[&str]; 9] = [
        &["--from", "2026-10-01T05:00:00Z"],
        &["--from", "yesterday"],
        &["--from", "2026-10-02", "--to", "2026-10-01"],
        &["--lookback", "90m"],
        &["--lookback", "367d"],
        &["--tz", "Mars/Olympus"],
        &["--days-per-commit", "0"],
        &["--wait-lock=soon"],
        &["-o", "ftp://host/x"],
    ];
    let told = cases.map(|more| {
        let typed = if more[0] == "-o" { [&["sync"], more].concat() } else { typed(more) };
        refused(&typed, &COMPLETE)
    });
    insta::assert_snapshot!(told.join("\n"));
    let nowhere: Vec<_> = COMPLETE.iter().copied().filter(|(name, _)| *name != "RTK_EXPORT_OUTPUT").collect();
    assert!(refused(&["sync"], &nowhere).contains("--output"));
}
