//! What the settings' texts mean: rates, durations, percentages, choices, the base URL.
//!
//! In: one text. Out: the value, or nothing where the text is none.
//! Guarantees: total on any text; a value's `Display` is read back as the same value.
//! Not here: where a text came from, defaults, messages.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use url::{Host, Url};

use super::{AnswerForm, TextForm};

/// Longer windows would make the budget's record of them large for no known quota.
const LONGEST_WINDOW: Duration = Duration::from_hours(24);
/// Beyond this a request that hangs would look like a run that hangs.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(1);
/// The API documents 32 characters for account and app; apps were seen with 36-character UUIDs.
const LONGEST_ID: usize = 64;

/// A number of requests in any window of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// At least one.
    pub requests: u32,
    /// Longer than nothing, at most a day.
    pub window: Duration,
}

/// How participants are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum FetchMode {
    /// The fewest requests.
    Auto,
    /// Details for each pair; pages only to find a session's participants.
    Detail,
    /// Pages of a session's participants only.
    List,
}

impl FetchMode {
    /// The word that the command line has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Detail => "detail",
            Self::List => "list",
        }
    }
}

/// Which endpoint gives call statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum StatsSource {
    /// The details endpoint where it still answers filters, else the peer report.
    Auto,
    /// The details endpoint, as the vendor's page has it.
    Details,
    /// The peer-report endpoint.
    PeerReport,
}

impl StatsSource {
    /// The word that the command line has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Details => "details",
            Self::PeerReport => "peer-report",
        }
    }
}

/// Whether the response log outlives a successful run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeepLog {
    /// Kept, so that tables can be rebuilt.
    Always,
    /// Deleted after success: it holds personal data.
    Never,
}

/// The two file formats as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TypedFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
}

/// When progress is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressMode {
    /// Unless the display is quiet.
    Auto,
    /// Also on a quiet display.
    Always,
    /// Not at all.
    Never,
}

/// The form of lines on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl fmt::Display for RequestRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, humantime::format_duration(self.window))
    }
}

/// `true` or `false`.
pub(super) fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// One of the names of an enum's values.
pub(super) fn choice<T: clap::ValueEnum>(text: &str) -> Option<T> {
    T::from_str(text, false).ok()
}

/// The form of a query's answer, by its name, which is a file's ending too.
pub(super) fn answer_form(text: &str) -> Option<AnswerForm> {
    match text {
        "table" => Some(AnswerForm::Text(TextForm::Table)),
        "csv" => Some(AnswerForm::Text(TextForm::Csv)),
        "jsonl" => Some(AnswerForm::Text(TextForm::JsonLines)),
        "parquet" => Some(AnswerForm::Parquet),
        _ => None,
    }
}

/// A number within bounds, digits only.
pub(super) fn number<T: FromStr + PartialOrd>(text: &str, bounds: &RangeInclusive<T>) -> Option<T> {
    // `u32::from_str` would also take `+8`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| digits && bounds.contains(value))
}

/// `1200/5m`, `4/s`: requests per duration, the unit alone meaning one of it.
pub(super) fn rate(text: &str) -> Option<RequestRate> {
    let (requests, window) = text.split_once('/')?;
    let window = window.trim();
    let bare_unit = window.starts_with(|c: char| c.is_ascii_alphabetic());
    let window = if bare_unit { format!("1{window}") } else { window.to_owned() };
    Some(RequestRate {
        requests: number(requests.trim(), &(1..=u32::MAX))?,
        window: duration(&window, LONGEST_WINDOW)?,
    })
}

/// `500ms`, `30s`: how long one try may take.
pub(super) fn timeout(text: &str) -> Option<Duration> {
    duration(text, LONGEST_TIMEOUT)
}

/// A duration with its unit, at least a millisecond.
pub(super) fn duration(text: &str, longest: Duration) -> Option<Duration> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| (Duration::from_millis(1)..=longest).contains(duration))
}

/// `10%` or `10`; all of the quota cannot be reserved.
pub(super) fn percent(text: &str) -> Option<u8> {
    number(text.strip_suffix('%').unwrap_or(text), &(0..=99))
}

/// An account or app id: the API fixes no alphabet, and paths are percent-encoded.
pub(super) fn id(text: &str) -> Option<String> {
    let fits = (1..=LONGEST_ID).contains(&text.chars().count());
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    (fits && clean).then(|| text.to_owned())
}

/// A base to append paths to: http or https, nothing after the path, no slash at its end.
pub(super) fn base_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain || !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty();
    Some(url)
}

/// Whether a URL is of this machine (RFC 6761, section 6.3, for the names): what is sent there is read by nobody on
/// the way, and no proxy could reach it.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether what is sent to a URL can be read on the way.
pub(super) fn is_clear_text(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// A value fit for a message: what stands before the `@` of a URL may be a password.
pub(super) fn without_credentials(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://***@{rest}"),
        _ => text.to_owned(),
    }
}

/// The scheme of a path that is a URL.
pub(super) fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once("://")?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    named.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(text: &str) -> Option<(u32, u64)> {
        let rate = rate(text)?;
        Some((rate.requests, u64::try_from(rate.window.as_millis()).ok()?))
    }

    #[test]
    fn rates() {
        for (text, expected) in [
            ("1200/5m", Some((1200, 300_000))),
            ("4/s", Some((4, 1000))),
            ("200/10s", Some((200, 10_000))),
            (" 3500 / 5min ", Some((3500, 300_000))),
            ("1/500ms", Some((1, 500))),
            ("1000000/s", Some((1_000_000, 1000))),
            ("1/1h 30m", Some((1, 5_400_000))),
            ("1/day", Some((1, 86_400_000))),
            ("", None),
            ("1200", None),
            ("1200/", None),
            ("/5m", None),
            ("0/5m", None),
            ("-4/s", None),
            ("+4/s", None),
            ("4.5/s", None),
            ("1200/5", None),
            ("1200/0s", None),
            ("1200/0", None),
            ("1/2days", None),
            ("1200/5m/2", None),
            ("4294967296/s", None),
            ("fast", None),
        ] {
            assert_eq!(window(text), expected, "{text:?}");
        }
    }

    #[test]
    fn timeouts() {
        for (text, expected_millis) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("500ms", Some(500)),
            ("30", None),
            ("0s", None),
            ("999us", None),
            ("61m", None),
            ("-1s", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(timeout(text), expected_millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn percentages_and_numbers() {
        for (text, expected) in [
            ("10%", Some(10)),
            ("10", Some(10)),
            ("0%", Some(0)),
            ("99%", Some(99)),
            ("100%", None),
            ("-1%", None),
            ("12.5%", None),
            ("ten", None),
            ("%", None),
        ] {
            assert_eq!(percent(text), expected, "{text:?}");
        }
        assert_eq!(number("4096", &(1..=4096_u32)), Some(4096));
        assert_eq!(number("4097", &(1..=4096_u32)), None);
        assert_eq!(number("+8", &(1..=4096_u32)), None);
    }

    #[test]
    fn base_urls() {
        for (text, expected) in [
            ("https://api.cloudflare.com/client/v4", Some("https://api.cloudflare.com/client/v4")),
            ("https://api.cloudflare.com/client/v4/", Some("https://api.cloudflare.com/client/v4")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("api.cloudflare.com", None),
            ("ftp://example.com", None),
            ("https://user:secret@example.com/", None),
            ("https://example.com/?a=b", None),
            ("https://example.com/#a", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(base_url(text).as_ref().map(Url::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn clear_text_is_http_to_another_machine() {
        for (text, clear) in [
            ("http://example.com", true),
            ("http://192.168.0.7:8080", true),
            ("http://localhost.example.com", true),
            ("https://example.com", false),
            ("http://localhost:1", false),
            ("http://api.localhost", false),
            ("http://127.8.0.1", false),
            ("http://[::1]:80", false),
        ] {
            assert_eq!(base_url(text).map(|url| is_clear_text(&url)), Some(clear), "{text}");
        }
    }

    #[test]
    fn credentials_stay_out_of_messages() {
        assert_eq!(without_credentials("https://u:p@ss@example.com/"), "https://***@example.com/");
        assert_eq!(without_credentials("example.com"), "example.com");
    }

    #[test]
    fn schemes() {
        assert_eq!(scheme("s3://bucket/x"), Some("s3"));
        assert_eq!(scheme("./out"), None);
        assert_eq!(scheme("://"), None);
        assert_eq!(scheme("a b://c"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_none(text in ".*") {
            let _ = (rate(&text), timeout(&text), percent(&text), id(&text), base_url(&text), scheme(&text));
            let _ = without_credentials(&text);
        }

        #[test]
        fn a_rate_is_read_back(requests in 1..=u32::MAX, millis in 1..=86_400_000_u64) {
            let written = RequestRate { requests, window: Duration::from_millis(millis) };
            prop_assert_eq!(rate(&written.to_string()), Some(written));
        }
    }
}
