//! Where an OpenTelemetry collector listens, and what it wants to be sent in headers.
//!
//! In: texts. Out: [`OtlpConfig`].
//! Guarantees: a header's value, which may be a secret, is not printed by `Debug` and has no `Display`.
//! Not here: what is sent (`operation`).

use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// What a collector's path ends in (OTLP specification, OTLP/HTTP request).
const SIGNAL: [&str; 2] = ["v1", "metrics"];

/// Where metrics are sent, and with which headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    endpoint: Url,
    headers: HeaderMap,
}

impl OtlpConfig {
    /// Of a base URL, to which `/v1/metrics` is added as OpenTelemetry's own programs do.
    pub(super) fn new(base: &Url, headers: HeaderMap) -> Option<Self> {
        let mut endpoint = base.clone();
        endpoint.path_segments_mut().ok()?.pop_if_empty().extend(SIGNAL);
        Some(Self { endpoint, headers })
    }

    /// Where the metrics go.
    #[must_use]
    pub const fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// What is sent beside the metrics.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// Reads a base URL, which is shown: one with a password, a query or a fragment is none.
pub(super) fn base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_plain.then_some(url)
}

/// Reads headers as OpenTelemetry's variable has them: `name=value`, with commas between, values percent-encoded
/// (OTLP exporter configuration, "Specifying headers via environment variables").
pub(super) fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::try_from(name.trim()).ok()?;
        let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn metrics_go_below_the_base() {
        let endpoint =
            |text: &str| Some(OtlpConfig::new(&base(text)?, HeaderMap::new())?.endpoint().to_string());
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(endpoint("http://127.0.0.1:4318"), at("http://127.0.0.1:4318/v1/metrics"));
        assert_eq!(endpoint("https://otlp.example/otlp/"), at("https://otlp.example/otlp/v1/metrics"));
        for text in [
            "",
            "collector:4318",
            "grpc://a",
            "https://u:p@a",
            "https://u@a",
            "https://a/?k=s",
            "https://a/#f",
        ] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }

    #[test]
    fn headers_are_read_and_not_shown() {
        let read = headers(" Authorization=Basic%20c2VjcmV0 , x-team=a=b,,").unwrap();
        assert_eq!(read["authorization"], "Basic c2VjcmV0");
        assert_eq!(read["x-team"], "a=b");
        let shown = format!("{:?}", OtlpConfig::new(&base("https://a").unwrap(), read));
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
        for text in ["authorization", "a b=c", "a=%0A"] {
            assert_eq!(headers(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[a-z]{0,3}[=,%0-9a-f ]{0,9}") {
            let _ = headers(&text);
            let _ = base(&text).and_then(|base| OtlpConfig::new(&base, HeaderMap::new()));
        }
    }
}
