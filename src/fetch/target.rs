//! The URL of a request.
//!
//! In: the base URL, account, app and [`Queries`] as configured; a [`RequestKey`]. Out: its URL.
//! Guarantees: every segment is percent-encoded, whatever text account and app are; pages are asked
//! for in the order in which participants joined, or sessions were created, so that they do not shift
//! while they are read.
//! Not here: the token, which travels in a header only.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::config::Filters;
use crate::error::{Error, Result};
use crate::model::{PageSize, RequestKey, Window};

/// What a path segment may hold as it is: RFC 3986's unreserved characters.
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes URLs; the part that all have in common is made once.
#[derive(Debug)]
pub(super) struct Target {
    /// Up to `sessions`.
    prefix: String,
    /// Where the base, the account and the app end in it.
    ends: [usize; 3],
    /// The prefix's directory: what a request's URL is told relative to.
    dir: Url,
    details: String,
    reports: String,
    pages: String,
    /// What a page of the app's sessions is asked for beside its place.
    window: String,
}

/// What each kind of request asks for beside the record itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queries {
    /// Details.
    pub details: Query,
    /// Peer reports.
    pub reports: Query,
    /// Pages, which know no filters.
    pub pages: Query,
}

impl Queries {
    /// Whether any kind of request asks for call statistics.
    pub(super) const fn ask_statistics(self) -> bool {
        !self.details.filters.is_empty() || !self.reports.filters.is_empty()
    }
}

/// What one kind of request asks for beside the record itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Which call statistics.
    pub filters: Filters,
    /// Whether peer events.
    pub peer_events: bool,
}

impl Query {
    /// The parameters, the first after `mark`.
    fn text(self, mark: char) -> String {
        let mut text = String::new();
        if !self.filters.is_empty() {
            // The API takes the commas as they are, and RFC 3986 has them in a query.
            write!(text, "{mark}filters={}", self.filters).expect("a String takes any text");
        }
        if self.peer_events {
            let mark = if text.is_empty() { mark } else { '&' };
            text.push(mark);
            text.push_str("include_peer_events=true");
        }
        text
    }
}

impl Target {
    /// # Errors
    /// [`Error::BaseUrl`] where nothing can be put below the base.
    pub(super) fn new(
        base: &Url,
        account_id: &str,
        app_id: &str,
        queries: Queries,
        window: Option<&Window>,
    ) -> Result<Self> {
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(Error::BaseUrl { url: base.to_string() });
        }
        let mut base = base.clone();
        base.set_query(None);
        base.set_fragment(None);
        let segment = |text| utf8_percent_encode(text, SEGMENT);
        let root = base.as_str().trim_end_matches('/');
        let account = format!("{root}/accounts/{}", segment(account_id));
        let app = format!("{account}/realtime/kit/{}", segment(app_id));
        let dir = format!("{app}/");
        Ok(Self {
            prefix: format!("{app}/sessions"),
            dir: Url::parse(&dir).map_err(|_| Error::BaseUrl { url: dir })?,
            ends: [root.len(), account.len(), app.len()],
            details: queries.details.text('?'),
            reports: queries.reports.text('?'),
            pages: queries.pages.text('&'),
            window: window.map(window_query).unwrap_or_default(),
        })
    }

    /// The base, without a slash at its end.
    pub(super) fn root(&self) -> &str {
        &self.prefix[..self.ends[0]]
    }

    /// What is below `accounts/{account}`, without a slash at its end.
    pub(super) fn account(&self) -> &str {
        &self.prefix[..self.ends[1]]
    }

    /// What is below the app, without a slash at its end.
    pub(super) fn app(&self) -> &str {
        &self.prefix[..self.ends[2]]
    }

    /// The list of sessions, without a slash at its end.
    pub(super) fn sessions(&self) -> &str {
        &self.prefix
    }

    /// The URL of a request. Only its own part is parsed: the rest is the same for all.
    ///
    /// # Errors
    /// [`Error::BaseUrl`] where nothing can be put below the base, which [`new`](Self::new) has seen to.
    pub(super) fn url(&self, key: &RequestKey) -> Result<Url> {
        let path = self.path(key);
        self.dir.join(&path).map_err(|_| Error::BaseUrl { url: format!("{}{path}", self.dir) })
    }

    /// What stands below the app.
    fn path(&self, key: &RequestKey) -> String {
        let mut path = String::with_capacity(160);
        path.push_str("sessions");
        let written = match key {
            RequestKey::Details { session, participant } => {
                write!(path, "/{session}/participants/{participant}{}", self.details)
            }
            RequestKey::PeerReport { participant, .. } => {
                write!(path, "/peer-report/{participant}{}", self.reports)
            }
            RequestKey::Page { session, page_no, size } => {
                let (per_page, more) = (per_page(*size), &self.pages);
                write!(
                    path,
                    "/{session}/participants?page_no={page_no}{per_page}&sort_by=joinedAt&sort_order=ASC{more}"
                )
            }
            RequestKey::Session { session } => write!(path, "/{session}"),
            RequestKey::Sessions { page_no, size } => {
                let (per_page, window) = (per_page(*size), &self.window);
                write!(path, "?page_no={page_no}{per_page}&sort_by=createdAt&sort_order=ASC{window}")
            }
        };
        written.expect("a String takes any text");
        path
    }
}

fn per_page(size: PageSize) -> String {
    match size {
        PageSize::Records(records) => format!("&per_page={records}"),
        PageSize::ServerDefault => String::new(),
    }
}

/// Which sessions are asked for: more than the window, and of any status (see `plan::Discovery`).
fn window_query(window: &Window) -> String {
    let (since, until) = window.asked_for();
    let time = |name, time: Option<DateTime<Utc>>| {
        time.map(|time| format!("&{name}={}", time.to_rfc3339_opts(SecondsFormat::Millis, true)))
    };
    let meeting = window.meeting.as_deref();
    let meeting = meeting.map(|id| format!("&associated_id={}", utf8_percent_encode(id, SEGMENT)));
    [time("start_time", since), time("end_time", until), meeting].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Filter;
    use crate::model::{ParticipantId, SessionId};

    const SESSION: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    const PARTICIPANT: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    const ALL: &str = "device_info,ip_information,precall_network_information,events,quality_stats";

    fn url(base: &str, app: &str, queries: Queries, key: RequestKey) -> String {
        let base = Url::parse(base).unwrap();
        let url = Target::new(&base, "acc", app, queries, None).unwrap().url(&key).unwrap();
        assert_eq!(Url::parse(url.as_str()).unwrap(), url, "nothing is left to normalise");
        url.into()
    }

    #[test]
    fn every_kind_of_request_has_its_url() {
        let session = SessionId::parse(SESSION).unwrap();
        let participant = ParticipantId::parse(PARTICIPANT).unwrap();
        let details = RequestKey::Details { session, participant };
        let report = RequestKey::PeerReport { session, participant };
        let page = |size| RequestKey::Page { session, page_no: 3, size };
        let of = |filters: &[Filter], peer_events, key| {
            let query = Query { filters: filters.iter().copied().collect(), peer_events };
            let queries =
                Queries { details: query, reports: query, pages: Query { peer_events, ..Query::default() } };
            let url = url("https://api.cloudflare.com/client/v4/", "app", queries, key);
            let start = "https://api.cloudflare.com/client/v4/accounts/acc/realtime/kit/app/sessions/";
            url.strip_prefix(start).unwrap().replace(SESSION, "S").replace(PARTICIPANT, "P")
        };
        let sorted = "sort_by=joinedAt&sort_order=ASC";
        let some = &[Filter::QualityStats, Filter::Events][..];
        assert_eq!(of(&[], true, details), "S/participants/P?include_peer_events=true");
        assert_eq!(of(&[], false, details), "S/participants/P");
        assert_eq!(
            of(some, true, details),
            "S/participants/P?filters=events,quality_stats&include_peer_events=true"
        );
        assert_eq!(
            of(some, true, report),
            "peer-report/P?filters=events,quality_stats&include_peer_events=true"
        );
        assert_eq!(of(&Filter::ALL, false, report), format!("peer-report/P?filters={ALL}"));
        assert_eq!(
            of(some, true, page(PageSize::Records(100))),
            format!("S/participants?page_no=3&per_page=100&{sorted}&include_peer_events=true")
        );
        assert_eq!(
            of(some, false, page(PageSize::ServerDefault)),
            format!("S/participants?page_no=3&{sorted}")
        );
        assert_eq!(of(some, true, RequestKey::Session { session }), "S");
    }

    #[test]
    fn sessions_are_asked_for_a_day_around_the_window_in_the_order_of_their_creation() {
        let base = Url::parse("https://api.cloudflare.com/client/v4").unwrap();
        let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let of = |since: Option<&str>, until: Option<&str>, meeting: Option<&str>, size| {
            let (since, until) = (since.map(time), until.map(time));
            let window =
                Window { since, until, meeting: meeting.map(str::to_owned), live: false, days: None };
            let target = Target::new(&base, "acc", "app", Queries::default(), Some(&window)).unwrap();
            let url = target.url(&RequestKey::Sessions { page_no: 2, size }).unwrap();
            assert_eq!(Url::parse(url.as_str()).unwrap(), url, "nothing is left to normalise");
            url.as_str().rsplit_once("/app/").unwrap().1.to_owned()
        };
        let sorted = "sort_by=createdAt&sort_order=ASC";
        assert_eq!(
            of(Some("2026-11-22T00:00:00+05:30"), Some("2026-11-23T00:00:00Z"), None, PageSize::Records(100)),
            format!(
                "sessions?page_no=2&per_page=100&{sorted}\
                 &start_time=2026-11-20T18:30:00.000Z&end_time=2026-11-24T00:00:00.000Z"
            )
        );
        assert_eq!(
            of(None, None, Some("a&b=ü"), PageSize::ServerDefault),
            format!("sessions?page_no=2&{sorted}&associated_id=a%26b%3D%C3%BC")
        );
    }

    #[test]
    fn account_and_app_may_be_any_text() {
        let key = RequestKey::Session { session: SessionId::parse(SESSION).unwrap() };
        let url = url("http://[::1]:80/v4?x=1#f", "a/b ?#%ü;", Queries::default(), key);
        assert_eq!(
            url,
            format!(
                "http://[::1]/v4/accounts/acc/realtime/kit/a%2Fb%20%3F%23%25%C3%BC%3B/sessions/{SESSION}"
            )
        );
        assert!(Target::new(&Url::parse("data:x").unwrap(), "a", "b", Queries::default(), None).is_err());
        assert!(Target::new(&Url::parse("ftp://x/").unwrap(), "a", "b", Queries::default(), None).is_err());
    }
}
