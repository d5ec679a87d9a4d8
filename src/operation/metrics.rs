//! Metrics in Prometheus's text format, for the textfile collector of its node exporter.
//!
//! All are gauges: a file tells of its latest run, and counts of a run start anew with each. What tells of the
//! last success is taken over from the file of the run before, so that an alert can go by its age.
//! The label `export` is the file's name: the collector refuses two files with the same series.

use std::collections::HashMap;
use std::path::Path;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Gauge, GaugeVec, Opts, Registry, TextEncoder};

use super::Ended;

/// The time of the last success, of this or of an earlier run.
const LAST_SUCCESS: &str = "rtk_export_last_success_timestamp_seconds";
/// The end of what it exported.
const LAST_UNTIL: &str = "rtk_export_last_success_until_timestamp_seconds";
/// Its rows by table.
const LAST_ROWS: &str = "rtk_export_last_success_rows";
/// The label of a table.
const TABLE: &str = "table";

/// What a file tells of the last success.
#[derive(Debug, Default)]
struct Success {
    at: Option<f64>,
    until: Option<f64>,
    rows: Vec<(String, f64)>,
}

impl Success {
    fn of(ended: &Ended<'_>) -> Self {
        let published = ended.facts.published.as_ref();
        let rows = published.map(|published| published.rows.as_slice()).unwrap_or_default();
        Self {
            at: Some(seconds(ended.finished_at)),
            until: ended.facts.until.map(seconds),
            rows: rows.iter().map(|(table, rows)| ((*table).to_owned(), number(*rows))).collect(),
        }
    }

    /// Reads what an earlier run wrote; a line that is none of ours tells nothing.
    fn read(text: &str) -> Self {
        let mut success = Self::default();
        for line in text.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (Some(name), Ok(value)) = (series.split('{').next(), value.parse::<f64>()) else { continue };
            match name {
                LAST_SUCCESS => success.at = Some(value),
                LAST_UNTIL => success.until = Some(value),
                LAST_ROWS => {
                    // The label's value is a table's name: nothing in it is escaped.
                    let table = series.rsplit_once("table=\"").and_then(|(_, rest)| rest.split('"').next());
                    success.rows.extend(table.map(|table| (table.to_owned(), value)));
                }
                _ => {}
            }
        }
        success
    }
}

/// The metrics' text; `before` is that of the run before.
pub(super) fn text(ended: &Ended<'_>, path: &Path, before: &str) -> Result<Vec<u8>, prometheus::Error> {
    let success = if ended.is_success() { Success::of(ended) } else { Success::read(before) };
    let export = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let labels = [("export".to_owned(), export)].into();
    let mut text = Vec::new();
    TextEncoder::new().encode(&gathered(ended, &success, Some(labels))?, &mut text)?;
    Ok(text)
}

/// The metrics themselves, those of the last success only where this run is it.
pub(super) fn families(ended: &Ended<'_>) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let success = if ended.is_success() { Success::of(ended) } else { Success::default() };
    gathered(ended, &success, None)
}

fn gathered(
    ended: &Ended<'_>,
    success: &Success,
    labels: Option<HashMap<String, String>>,
) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let metrics = Metrics { registry: Registry::new_custom(None, labels)? };
    metrics.of_the_run(ended)?;
    metrics.of_the_dataset(ended)?;
    metrics.of_the_last_success(success)?;
    Ok(metrics.registry.gather())
}

/// Metrics as they are gathered.
struct Metrics {
    registry: Registry,
}

impl Metrics {
    fn register(&self, metric: impl Collector + 'static) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(metric))
    }

    fn gauge(&self, name: &str, help: &str, value: f64) -> Result<(), prometheus::Error> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        self.register(gauge)
    }

    fn of_the_run(&self, ended: &Ended<'_>) -> Result<(), prometheus::Error> {
        let progress = ended.facts.progress.snapshot();
        let made = ended.facts.requests.unwrap_or_default();
        let version = Opts::new("rtk_export_build_info", "The program that ran, always 1.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let build = Gauge::with_opts(version)?;
        build.set(1.0);
        self.register(build)?;
        let gauges = [
            ("start_timestamp_seconds", "When the last run began.", seconds(ended.started_at)),
            ("end_timestamp_seconds", "When the last run ended.", seconds(ended.finished_at)),
            ("duration_seconds", "How long the last run took.", ended.duration.as_secs_f64()),
            ("exit_code", "Exit code of the last run.", f64::from(ended.exit_code)),
            (
                "success",
                "1 where the last run made a complete export, also one in which ids failed.",
                f64::from(u8::from(ended.is_success())),
            ),
            ("requests", "Requests that the last run sent, each try counted.", number(made.sent)),
            ("retries", "Tries after the first, other than those after a 429.", number(made.retried)),
            ("rate_limited", "Replies that said that the quota is spent.", number(made.rate_limited)),
            ("replies", "Planned requests that the last run got an answer to.", number(progress.settled)),
            (
                "replies_kept",
                "Planned requests whose answers an earlier run had left.",
                number(progress.kept),
            ),
            ("failures", "Ids that failed.", number(ended.failures())),
        ];
        for (name, help, value) in gauges {
            self.gauge(&format!("rtk_export_run_{name}"), help, value)?;
        }
        if let Some(made) = ended.facts.requests {
            let window = made.quota_window.as_secs_f64();
            let gauges = [
                (
                    "used_requests",
                    "Requests of the last run that counted at its end.",
                    number(made.quota_used),
                ),
                ("allowed_requests", "Requests allowed, less the reserve.", number(made.quota_allowed)),
                ("window_seconds", "The time in which so many are allowed.", window),
            ];
            for (name, help, value) in gauges {
                self.gauge(&format!("rtk_export_quota_{name}"), help, value)?;
            }
        }
        Ok(())
    }

    /// Of a sync, however it ended: what is late is late also where it failed.
    fn of_the_dataset(&self, ended: &Ended<'_>) -> Result<(), prometheus::Error> {
        let Some(dataset) = &ended.facts.dataset else { return Ok(()) };
        let until = seconds(dataset.synced_until);
        let gauges = [
            ("generation", "Number of the dataset's commit.", number(dataset.generation)),
            (
                "synced_until_timestamp_seconds",
                "Sessions created before this time are in the dataset.",
                until,
            ),
            (
                "lag_seconds",
                "Time between that and the end of the last run.",
                (seconds(ended.finished_at) - until).max(0.0),
            ),
            ("days", "Days of the dataset that have sessions.", number(dataset.days)),
            ("pending_days", "Days that are to be looked at again.", number(dataset.pending)),
        ];
        for (name, help, value) in gauges {
            self.gauge(&format!("rtk_export_dataset_{name}"), help, value)?;
        }
        Ok(())
    }

    fn of_the_last_success(&self, success: &Success) -> Result<(), prometheus::Error> {
        if let Some(at) = success.at {
            self.gauge(LAST_SUCCESS, "When the last run ended that made a complete export.", at)?;
        }
        if let Some(until) = success.until {
            self.gauge(
                LAST_UNTIL,
                "Sessions created before this time are in the last complete export.",
                until,
            )?;
        }
        let help = "Rows of the last complete export by table.";
        let rows = GaugeVec::new(Opts::new(LAST_ROWS, help), &[TABLE])?;
        for (table, count) in &success.rows {
            rows.with_label_values(&[table]).set(*count);
        }
        self.register(rows)
    }
}

/// A time as Prometheus has it: seconds since 1970, here to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit in 53 bits for as long as matters"
)]
fn seconds(time: chrono::DateTime<chrono::Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

/// A count as Prometheus has it.
#[expect(clippy::cast_precision_loss, reason = "a metric is a float; counts beyond 2^53 do not occur")]
const fn number(count: u64) -> f64 {
    count as f64
}
