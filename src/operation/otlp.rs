//! Metrics for an OpenTelemetry collector: one OTLP/HTTP request with the run's gauges as JSON.
//!
//! The document is `ExportMetricsServiceRequest` in the JSON encoding of OTLP 1.x
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): names in lowerCamelCase, 64-bit integers as
//! text. The SDK would bring eleven crates, gRPC's among them, for these few lines.
//! Names and meanings are those of the Prometheus file. A backend keeps the last value of a gauge, so a run that
//! failed sends none of the last success.

use prometheus::proto::MetricFamily;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;

use super::post::{Poster, TRIES};
use super::{Ended, metrics};
use crate::config::OtlpConfig;
use crate::error::Result;

/// Sends metrics to a collector.
#[derive(Debug)]
pub struct Collector<'a> {
    config: &'a OtlpConfig,
    poster: Poster,
}

impl<'a> Collector<'a> {
    /// One that was sent nothing yet.
    ///
    /// # Errors
    /// [`Error::HttpClient`](crate::error::Error::HttpClient) where TLS or the proxy settings are unusable.
    pub fn new(config: &'a OtlpConfig, user_agent: &str) -> Result<Self> {
        Ok(Self { config, poster: Poster::to(Some(config.endpoint()), user_agent)? })
    }

    /// All of its URL that may be shown.
    #[must_use]
    pub fn host(&self) -> &str {
        self.config.endpoint().host_str().unwrap_or_default()
    }

    /// Sends what a run that is over came to. Dropped, it may have arrived or not.
    ///
    /// # Errors
    /// [`Error::TellingUnreachable`](crate::error::Error::TellingUnreachable) or
    /// [`Error::TellingRefused`](crate::error::Error::TellingRefused).
    pub async fn tell(&self, ended: &Ended<'_>) -> Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.config.headers() {
            headers.insert(name, value.clone());
        }
        self.poster.post(self.config.endpoint(), &headers, &document(ended), TRIES).await
    }
}

/// The request's body.
pub(super) fn document(ended: &Ended<'_>) -> String {
    let time = ended.finished_at.timestamp_nanos_opt().unwrap_or_default().to_string();
    // A name given twice is all that can be wrong: our own names are not.
    let families = metrics::families(ended).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut of_run = vec![Attribute::text("command", ended.command)];
    let output = ended.facts.output.as_ref();
    of_run.extend(output.map(|output| Attribute::text("output", &output.display().to_string())));
    let document = Document {
        resource_metrics: [ResourceMetrics {
            resource: Resource {
                attributes: vec![
                    Attribute::text("service.name", env!("CARGO_PKG_NAME")),
                    Attribute::text("service.version", version),
                ],
            },
            scope_metrics: [ScopeMetrics {
                scope: Scope { name: env!("CARGO_PKG_NAME"), version },
                metrics: families.iter().map(|family| Metric::of(family, &of_run, &time)).collect(),
            }],
        }],
    };
    // Texts and finite numbers: there is nothing that JSON cannot write.
    serde_json::to_string(&document).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    resource_metrics: [ResourceMetrics; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceMetrics {
    resource: Resource,
    scope_metrics: [ScopeMetrics; 1],
}

#[derive(Serialize)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Serialize)]
struct ScopeMetrics {
    scope: Scope,
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Metric {
    name: String,
    description: String,
    gauge: Gauge,
}

impl Metric {
    fn of(family: &MetricFamily, of_run: &[Attribute], time: &str) -> Self {
        let points = family.get_metric().iter().map(|metric| {
            let labels = metric.get_label().iter().map(|label| Attribute::text(label.name(), label.value()));
            Point {
                attributes: of_run.iter().cloned().chain(labels).collect(),
                time_unix_nano: time.to_owned(),
                as_double: metric.get_gauge().get_value(),
            }
        });
        Self {
            name: family.name().to_owned(),
            description: family.help().to_owned(),
            gauge: Gauge { data_points: points.collect() },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gauge {
    data_points: Vec<Point>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    attributes: Vec<Attribute>,
    time_unix_nano: String,
    as_double: f64,
}

#[derive(Clone, Serialize)]
struct Attribute {
    key: String,
    value: Value,
}

impl Attribute {
    fn text(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: Value { string_value: value.to_owned() } }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    string_value: String,
}
