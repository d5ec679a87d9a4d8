//! What is told of runs that ended in each way.

use chrono::TimeDelta;

use super::*;
use crate::error::{Resume, Signal};
use crate::progress::Phase;

fn facts() -> Facts {
    let facts = Facts {
        output: Some("exports/2026-11-23".into()),
        export_id: Some("01900000-0000-7000-8000-000000000000".to_owned()),
        since: DateTime::from_timestamp(1_795_000_000, 0),
        until: DateTime::from_timestamp(1_795_086_400, 0),
        requests: Some(RequestsMade {
            sent: 1_100,
            retried: 7,
            rate_limited: 1,
            quota_used: 1_050,
            quota_allowed: 1_080,
            quota_window: Duration::from_mins(5),
        }),
        ..Facts::default()
    };
    facts.progress.enter(Phase::Fetching);
    facts.progress.planned(1_500);
    facts.progress.kept(3);
    facts.progress.replied();
    facts.progress.failed(2);
    facts
}

fn complete() -> Facts {
    let facts = facts();
    facts.progress.enter(Phase::Publishing);
    let published = Published {
        rows: vec![("participants", 40), ("peer_events", 132), ("failures", 0)],
        failures: 0,
        duration_minutes: Some("878.760833337".to_owned()),
        minutes_consumed: None,
    };
    Facts { published: Some(published), ..facts }
}

fn ended<'a>(facts: &'a Facts, error: Option<&'a Error>) -> Ended<'a> {
    let started_at = DateTime::from_timestamp_millis(1_795_100_000_042).unwrap();
    Ended {
        command: "run",
        facts,
        started_at,
        finished_at: started_at + TimeDelta::milliseconds(61_500),
        duration: Duration::from_millis(61_500),
        exit_code: error.map_or(0, |error| error.class().exit_code()),
        error,
    }
}

fn terminated() -> Error {
    Error::interrupted(Signal::Terminate)
        .resumable(Resume { replies: 4, command: "rtk-export run --since yesterday -o out".to_owned() })
}

fn metrics_of(ended: &Ended<'_>, file: &str, before: &str) -> String {
    String::from_utf8(metrics::text(ended, file.as_ref(), before).unwrap()).unwrap()
}

#[test]
fn summaries() {
    let version = |text: String| text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!("summary_complete", version(summary::text(&ended(&complete(), None))));
    insta::assert_snapshot!("summary_stopped", version(summary::text(&ended(&facts(), Some(&terminated())))));
    // The same keys, also where nothing is known.
    let keys = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let (nothing, complete) = (Facts::default(), complete());
    let nothing = summary::text(&ended(&nothing, Some(&Error::NoList)));
    assert_eq!(keys(&nothing), keys(&summary::text(&ended(&complete, None))));
}

#[test]
fn metrics_of_a_failure_keep_the_last_success() {
    let file = r#"odd "name"\ of
a job.prom"#;
    let first = metrics_of(&ended(&complete(), None), file, "");
    insta::assert_snapshot!("metrics_complete", first.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let failed = metrics_of(&ended(&facts(), Some(&terminated())), file, &first);
    let of_success = |text: &str| {
        let lines = text.lines().filter(|line| line.contains("rtk_export_last_success"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of_success(&failed), of_success(&first));
    assert!(
        failed.contains("rtk_export_run_exit_code{export=\"odd \\\"name\\\"\\\\ of\\na job\"} 143\n"),
        "{failed}"
    );
    let again = metrics_of(&ended(&Facts::default(), Some(&Error::NoList)), file, &failed);
    assert_eq!(of_success(&again), of_success(&first));
    // A file of somebody else's, or one cut short, tells of no success.
    let cut = first.get(..first.find(" 40").unwrap() + 1).unwrap();
    assert!(!metrics_of(&ended(&facts(), Some(&terminated())), file, cut).contains("\"peer_events\""));
}

#[test]
fn a_collector_is_sent_the_same_metrics() {
    let body = |ended: &Ended<'_>| serde_json::from_str::<serde_json::Value>(&otlp::document(ended)).unwrap();
    let complete = serde_json::to_string_pretty(&body(&ended(&complete(), None))).unwrap();
    insta::assert_snapshot!("otlp_complete", complete.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let names = |value: serde_json::Value| {
        let metrics = value["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap().clone();
        metrics.iter().map(|metric| metric["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // What the backend knows of the last success is not touched.
    let failed = names(body(&ended(&facts(), Some(&terminated()))));
    assert!(failed.len() > 10 && !failed.iter().any(|name| name.contains("last_success")), "{failed:?}");
    assert!(!names(body(&ended(&Facts::default(), Some(&Error::NoList)))).is_empty());
}

#[test]
fn a_class_of_error_is_a_word_and_an_outcome() {
    let failed = Facts { published: Some(Published { failures: 2, ..Published::default() }), ..facts() };
    assert_eq!(ended(&failed, None).outcome(), "complete_with_failures");
    let at = DateTime::from_timestamp(0, 0).unwrap();
    let passed = Error::DeadlinePassed { at, resume: None };
    assert_eq!((ended(&facts(), Some(&passed)).outcome(), passed.class().exit_code()), ("deadline", 143));
}

/// How far a dataset goes is told of a sync that failed, too: that it is late is why somebody looks.
#[test]
fn a_dataset_is_told_however_its_sync_ended() {
    let synced_until = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let dataset = DatasetFacts { generation: 42, synced_until, days: 30, pending: 1 };
    let facts = Facts { dataset: Some(dataset), ..facts() };
    let error = terminated();
    let ended = Ended { command: "sync", ..ended(&facts, Some(&error)) };
    let summary: serde_json::Value = serde_json::from_str(&summary::text(&ended)).unwrap();
    assert_eq!((&summary["command"], &summary["dataset"]["generation"]), (&"sync".into(), &42.into()));
    assert_eq!(summary["dataset"]["pending_days"], 1);
    let text = metrics_of(&ended, "sync.prom", "");
    let value = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(&format!("rtk_export_dataset_{name}{{"))).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let told =
        ["generation", "synced_until_timestamp_seconds", "days", "pending_days", "lag_seconds"].map(value);
    let expected = [42.0, 1_795_000_000.0, 30.0, 1.0, 100_061.542];
    for (told, expected) in told.into_iter().zip(expected) {
        assert!((told - expected).abs() < 0.001, "{told} {expected}");
    }
}
