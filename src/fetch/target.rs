//! The URL of a request.
//!
//! In: the base URL, account and app as configured; a [`RequestKey`]. Out: its URL.
//! Guarantees: every segment is percent-encoded, whatever text account and app are; pages are asked
//! for in the order in which participants joined, so that they do not shift while they are read.
//! Not here: the token, which travels in a header only.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::error::{Error, Result};
use crate::model::{PageSize, RequestKey};

/// What a path segment may hold as it is: RFC 3986's unreserved characters.
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes URLs; the part that all have in common is made once.
#[derive(Debug)]
pub(super) struct Target {
    prefix: String,
    /// Where the base and the account end in it.
    ends: [usize; 2],
    details: &'static str,
    page_events: &'static str,
}

/// `&str` of the parameter, or of nothing.
const fn events(wanted: bool, text: &'static str) -> &'static str {
    if wanted { text } else { "" }
}

impl Target {
    /// # Errors
    /// [`Error::BaseUrl`] where nothing can be put below the base.
    pub(super) fn new(
        base: &Url,
        account_id: &str,
        app_id: &str,
        details_with_events: bool,
        pages_with_events: bool,
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
        let prefix = format!("{account}/realtime/kit/{}/sessions/", segment(app_id));
        Ok(Self {
            prefix,
            ends: [root.len(), account.len()],
            details: events(details_with_events, "?include_peer_events=true"),
            page_events: events(pages_with_events, "&include_peer_events=true"),
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

    /// What a session's path starts with, up to its id.
    pub(super) fn sessions(&self) -> &str {
        &self.prefix
    }

    /// The URL of a request.
    pub(super) fn url(&self, key: &RequestKey) -> String {
        let mut url = String::with_capacity(self.prefix.len() + 160);
        url.push_str(&self.prefix);
        let written = match key {
            RequestKey::Details { session, participant } => {
                write!(url, "{session}/participants/{participant}{}", self.details)
            }
            RequestKey::Page { session, page_no, size } => {
                let per_page = match size {
                    PageSize::Records(records) => format!("&per_page={records}"),
                    PageSize::ServerDefault => String::new(),
                };
                let events = self.page_events;
                write!(
                    url,
                    "{session}/participants?page_no={page_no}{per_page}&sort_by=joinedAt&sort_order=ASC{events}"
                )
            }
            RequestKey::Session { session } => write!(url, "{session}"),
        };
        written.expect("a String takes any text");
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ParticipantId, SessionId};

    const SESSION: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    const PARTICIPANT: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

    fn url(base: &str, app: &str, events: (bool, bool), key: RequestKey) -> String {
        let base = Url::parse(base).unwrap();
        let url = Target::new(&base, "acc", app, events.0, events.1).unwrap().url(&key);
        assert_eq!(Url::parse(&url).unwrap().as_str(), url, "nothing is left to normalise");
        url
    }

    #[test]
    fn every_kind_of_request_has_its_url() {
        let session = SessionId::parse(SESSION).unwrap();
        let details =
            RequestKey::Details { session, participant: ParticipantId::parse(PARTICIPANT).unwrap() };
        let page = |size| RequestKey::Page { session, page_no: 3, size };
        let of = |events, key| {
            let url = url("https://api.cloudflare.com/client/v4/", "app", events, key);
            let start = "https://api.cloudflare.com/client/v4/accounts/acc/realtime/kit/app/sessions/";
            url.strip_prefix(start).unwrap().replace(SESSION, "S").replace(PARTICIPANT, "P")
        };
        let sorted = "sort_by=joinedAt&sort_order=ASC";
        assert_eq!(of((true, true), details), "S/participants/P?include_peer_events=true");
        assert_eq!(of((false, true), details), "S/participants/P");
        assert_eq!(
            of((true, true), page(PageSize::Records(100))),
            format!("S/participants?page_no=3&per_page=100&{sorted}&include_peer_events=true")
        );
        assert_eq!(
            of((true, false), page(PageSize::ServerDefault)),
            format!("S/participants?page_no=3&{sorted}")
        );
        assert_eq!(of((true, true), RequestKey::Session { session }), "S");
    }

    #[test]
    fn account_and_app_may_be_any_text() {
        let key = RequestKey::Session { session: SessionId::parse(SESSION).unwrap() };
        let url = url("http://[::1]:80/v4?x=1#f", "a/b ?#%ü;", (true, true), key);
        assert_eq!(
            url,
            format!(
                "http://[::1]/v4/accounts/acc/realtime/kit/a%2Fb%20%3F%23%25%C3%BC%3B/sessions/{SESSION}"
            )
        );
        assert!(Target::new(&Url::parse("data:x").unwrap(), "a", "b", true, true).is_err());
        assert!(Target::new(&Url::parse("ftp://x/").unwrap(), "a", "b", true, true).is_err());
    }
}
