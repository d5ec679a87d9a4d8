//! How a job that nobody watches is run: its deadline, and who is told how it went.
//!
//! In: texts. Out: [`OperationConfig`], [`Deadline`].
//! Guarantees: a health URL, which is a secret, has no `Display` and a masked `Debug`; only its host is shown.
//! Not here: telling (`operation`), stopping (`pipeline`).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::otlp::OtlpConfig;
use super::sources::Origin;
use super::values;

/// A job that is given longer than this has no deadline in any sense.
const LONGEST: Duration = Duration::from_hours(30 * 24);
/// Shorter than this is a unit mistaken for another.
const SHORTEST: Duration = Duration::from_secs(1);

/// Who is told how a run went.
#[derive(Clone, Debug, Default)]
pub struct OperationConfig {
    /// The run summary's file.
    pub summary_file: Option<TellingFile>,
    /// The metrics' file.
    pub metrics_file: Option<TellingFile>,
    /// Where a health check listens.
    pub health_url: Option<HealthUrl>,
    /// Where an OpenTelemetry collector does.
    pub otlp: Option<OtlpConfig>,
}

impl OperationConfig {
    /// Whether nobody is told.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.summary_file.is_none()
            && self.metrics_file.is_none()
            && self.health_url.is_none()
            && self.otlp.is_none()
    }

    /// The files that are to be written.
    pub fn files(&self) -> impl Iterator<Item = &TellingFile> {
        self.summary_file.iter().chain(&self.metrics_file)
    }
}

/// A file that tells how a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TellingFile {
    /// Its path, as set.
    pub path: PathBuf,
    /// Where it was set.
    pub origin: Origin,
}

/// When fetching stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// So long after the command began.
    After(Duration),
    /// At a time.
    At(DateTime<Utc>),
}

impl Deadline {
    /// Reads a duration or a time.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(long) = values::duration(text, LONGEST) {
            return (long >= SHORTEST).then_some(Self::After(long));
        }
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::At(time.to_utc()))
    }

    /// The time, and how long it is until then; nothing where it has passed.
    #[must_use]
    pub fn from(self, now: DateTime<Utc>) -> (DateTime<Utc>, Duration) {
        match self {
            Self::After(long) => {
                let at = TimeDelta::from_std(long).ok().and_then(|long| now.checked_add_signed(long));
                (at.unwrap_or(DateTime::<Utc>::MAX_UTC), long)
            }
            Self::At(at) => (at, (at - now).to_std().unwrap_or_default()),
        }
    }
}

/// The URL of a health check. Whoever has it can report for the job, so it is kept as a token is.
///
/// ```compile_fail,E0277
/// let url = rtk_export::config::HealthUrl::parse("https://hc.example/ping/uuid").expect("a URL");
/// println!("{url}");
/// ```
#[derive(Clone)]
pub struct HealthUrl {
    url: SecretString,
    host: String,
}

impl HealthUrl {
    /// Reads a URL; blanks around it (a file's line break) are not part of it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        let is_http = matches!(url.scheme(), "http" | "https");
        let host = url.host_str().filter(|_| is_http)?.to_owned();
        Some(Self { url: url.as_str().into(), host })
    }

    /// All of it that may be shown.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether both are the same health check.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.url.expose_secret() == other.url.expose_secret()
    }

    /// The URL with one more segment, or as it is; nothing but the HTTP client may see it.
    #[must_use]
    pub fn expose(&self, segment: Option<&str>) -> Option<Url> {
        let mut url = Url::parse(self.url.expose_secret()).ok()?;
        url.set_fragment(None);
        if let Some(segment) = segment {
            url.path_segments_mut().ok()?.pop_if_empty().push(segment);
        }
        Some(url)
    }
}

impl fmt::Debug for HealthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HealthUrl({}, ***)", self.host)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deadlines() {
        let now = DateTime::parse_from_rfc3339("2026-11-23T03:00:00Z").unwrap().to_utc();
        let left = |text: &str| {
            let (at, left) = Deadline::parse(text)?.from(now);
            Some((at.to_rfc3339(), left.as_secs()))
        };
        let at = |text: &str, left| Some((text.to_owned(), left));
        assert_eq!(left("45m"), at("2026-11-23T03:45:00+00:00", 2700));
        assert_eq!(left("2h 30m"), at("2026-11-23T05:30:00+00:00", 9000));
        assert_eq!(left("2026-11-23T06:30:00+01:00"), at("2026-11-23T05:30:00+00:00", 9000));
        // One that has passed stops at once.
        assert_eq!(left("2026-11-23T02:00:00Z"), at("2026-11-23T02:00:00+00:00", 0));
        for text in ["", "45", "0s", "500ms", "31days", "-2h", "tomorrow", "2026-11-23", "06:00"] {
            assert_eq!(Deadline::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_health_url_shows_its_host_only() {
        let url =
            HealthUrl::parse(" https://user:pass@hc.example:8443/ping/s3cr3t/?rid=s3cr3t#s3cr3t\n").unwrap();
        assert_eq!(format!("{url:?}"), "HealthUrl(hc.example, ***)");
        let exposed = |segment| url.expose(segment).unwrap().to_string();
        assert_eq!(exposed(None), "https://user:pass@hc.example:8443/ping/s3cr3t/?rid=s3cr3t");
        assert_eq!(exposed(Some("fail")), "https://user:pass@hc.example:8443/ping/s3cr3t/fail?rid=s3cr3t");
        for text in ["", "hc.example/ping", "ftp://hc.example/ping", "https://", "mailto:a@b.example"] {
            assert!(HealthUrl::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|https?://[a-z]{0,4}[:@/?#a-z0-9]{0,9}") {
            let _ = Deadline::parse(&text).map(|deadline| deadline.from(DateTime::<Utc>::MAX_UTC));
            let _ = HealthUrl::parse(&text).map(|url| url.expose(Some("fail")));
        }
    }
}
