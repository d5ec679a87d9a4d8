//! Who is told how a sync went: the health check, a collector, and the file of a summary.

use std::fs;

use serde_json::Value;

use super::*;
use crate::support::{HealthCheck, otlp};

/// Name to value, of the series without a label of their own.
fn series(place: &Place, body: &str) -> BTreeMap<String, f64> {
    let request = place.write("request.json", body);
    let found = otlp(&request).into_iter().filter(|(_, labels, _)| !labels.contains_key("table"));
    let found = found.map(|(name, labels, value)| {
        assert_eq!((labels["command"].as_str(), labels["output"].as_str()), ("sync", "ds"), "{name}");
        (name.trim_start_matches("rtk_export_").to_owned(), value.parse().unwrap())
    });
    found.collect()
}

#[test]
fn a_collector_and_a_health_check_are_told_of_a_sync() {
    let (place, server) = (Place::new(), server(|_| ()));
    let (collector, health) = (HealthCheck::answering(200), HealthCheck::answering(200));
    let told = |flags: &str| {
        sync(&place, &server, &format!("--summary-file told.json {flags}"))
            .env("RTK_EXPORT_OTLP_ENDPOINT", &collector.url("/otlp"))
            .env("RTK_EXPORT_HEALTH_URL", &health.url("/ping"))
    };
    let summary = || serde_json::from_slice::<Value>(&fs::read(place.path("told.json")).unwrap()).unwrap();
    let latest = || series(&place, &collector.told().last().unwrap().1);

    told("").ends(0);
    let dataset = Dataset::read(&place.path("ds"));
    let until = time(dataset.synced_until());
    let good = latest();
    assert_eq!((good["run_success"], good["run_exit_code"]), (1.0, 0.0));
    assert_eq!(
        (good["dataset_generation"], good["dataset_days"], good["dataset_pending_days"]),
        (1.0, 6.0, 0.0)
    );
    assert_eq!(as_ms(good["last_success_timestamp_seconds"]), as_ms(good["run_end_timestamp_seconds"]));
    assert_eq!(as_ms(good["dataset_synced_until_timestamp_seconds"]), until.timestamp_millis());
    assert_eq!(
        as_ms(good["dataset_lag_seconds"]),
        as_ms(good["run_end_timestamp_seconds"]) - until.timestamp_millis()
    );
    assert_eq!(health.lines(), ["POST /ping/start", "POST /ping"]);
    assert!(health.told()[1].1.starts_with("rtk-export sync: complete, exit code 0, after "));

    // One that the API refuses tells what the dataset still is, how far it lags behind, and no success.
    told("").env("CLOUDFLARE_API_TOKEN", "another").ends(4);
    let failed = latest();
    assert_eq!(
        (failed["run_success"], failed["run_exit_code"], failed["dataset_generation"]),
        (0.0, 4.0, 1.0)
    );
    let same = "dataset_synced_until_timestamp_seconds";
    assert_eq!(as_ms(failed[same]), as_ms(good[same]));
    assert!(failed["dataset_lag_seconds"] >= good["dataset_lag_seconds"]);
    assert!(!failed.contains_key("last_success_timestamp_seconds"), "{failed:?}");
    assert_eq!(health.lines()[2..], ["POST /ping/start", "POST /ping/fail"]);
    assert!(health.told()[3].1.starts_with("rtk-export sync: credentials_refused, exit code 4, after "));
    let of_failed = summary();
    assert_eq!((&of_failed["command"], &of_failed["exit_code"]), (&"sync".into(), &4.into()));
    assert_eq!((&of_failed["phase"], &of_failed["resumable"]), (&"finding sessions".into(), &true.into()));
    assert_eq!(
        (&of_failed["error"]["class"], &of_failed["rows"]),
        (&"credentials_refused".into(), &Value::Null)
    );
    assert_eq!(of_failed["dataset"]["generation"], 1);
    let told_until = time(of_failed["dataset"]["synced_until"].as_str().unwrap());
    assert_eq!(told_until.timestamp_millis(), until.timestamp_millis());

    // One of another zone is refused before it asks for anything.
    told("--tz Europe/Paris").ends(2);
    assert_eq!((latest()["run_exit_code"], summary()["exit_code"].as_u64()), (2.0, Some(2)));
    assert_eq!(health.lines()[4..], ["POST /ping/start", "POST /ping/fail"]);

    told("").ends(0);
    assert_eq!((latest()["dataset_generation"], summary()["dataset"]["generation"].as_u64()), (2.0, Some(2)));
    assert_eq!(health.lines()[6..], ["POST /ping/start", "POST /ping"]);
    assert_eq!(collector.told().len(), 4);
}

/// Seconds, as exactly as they are told.
#[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
fn as_ms(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}
