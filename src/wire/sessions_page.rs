//! What a page of the sessions list says of each session, as far as it tells whether a window has it.

use chrono::{DateTime, Utc};

use super::envelope::{BadBody, Expected};
use super::object::{Object, elements, text};
use super::page::Paging;
use super::raw::Raw;
use crate::model::{IdKey, SessionId, trim_id};

/// One record of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListedSession {
    /// `id`; `None` where the record has none.
    pub id: Option<IdKey>,
    /// `id` where it is a UUID, so that its participants can be asked for.
    pub session: Option<SessionId>,
    /// `created_at`; `None` where it cannot be read.
    pub created_at: Option<DateTime<Utc>>,
    /// `associated_id`: the meeting.
    pub meeting: Option<IdKey>,
    /// `status`.
    pub status: SessionStatus,
}

/// Whether a session has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionStatus {
    /// `LIVE`.
    Live,
    /// `ENDED`.
    Ended,
    /// Another word, or none.
    #[default]
    Unknown,
}

/// A page without its records' content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionsPage {
    /// The records in the API's order.
    pub listed: Vec<ListedSession>,
    /// Where the page stands in the list.
    pub paging: Paging,
}

impl SessionsPage {
    /// Reads a page's body.
    ///
    /// # Errors
    /// [`BadBody`] where the body is no page of sessions.
    pub fn parse(body: &[u8]) -> Result<Self, BadBody> {
        let page = Expected::Sessions.find(body)?;
        let records = elements(page.value).ok_or(BadBody::Missing("sessions"))?;
        let listed =
            |record: Raw<'_>| Object::parse(record).as_ref().map(ListedSession::of).unwrap_or_default();
        Ok(Self { listed: records.into_iter().map(listed).collect(), paging: Paging::of(page.paging) })
    }
}

impl ListedSession {
    /// What a session record says.
    #[must_use]
    pub fn of(object: &Object<'_>) -> Self {
        let value = |name| object.get(name).and_then(text).filter(|text| !trim_id(text).is_empty());
        let key = |name| value(name).map(|text| IdKey::of(&text));
        // A stray quote at the end of a time was seen; it makes the time no less certain.
        let time = |text: &str| DateTime::parse_from_rfc3339(text.trim_matches(['"', ' '])).ok();
        Self {
            id: key("id"),
            session: value("id").and_then(|text| SessionId::parse(&text)),
            created_at: value("created_at").and_then(|text| time(&text)).map(|time| time.to_utc()),
            meeting: key("associated_id"),
            status: match value("status").as_deref() {
                Some("LIVE") => SessionStatus::Live,
                Some("ENDED") => SessionStatus::Ended,
                _ => SessionStatus::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_whether_a_window_has_a_session_is_read() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let body = format!(
            r#"{{"data":{{"sessions":[
                {{"id":"{id}","associated_id":"abcdef-ghijkl","status":"ENDED","created_at":"2026-11-22T00:00:00+05:30"}},
                {{"id":"s2","status":"LIVE","created_at":"2026-11-22T10:50:36.846Z\""}},
                {{"id":7,"status":"PAUSED","created_at":"yesterday"}},
                "no record"
            ]}},"paging":{{"total_count":"9"}}}}"#
        );
        let page = SessionsPage::parse(body.as_bytes()).unwrap();
        assert_eq!(page.paging.total, Some(9));
        let time = |text| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let listed = [
            ListedSession {
                id: Some(IdKey::of(id)),
                session: SessionId::parse(id),
                created_at: time("2026-11-21T18:30:00Z"),
                meeting: Some(IdKey::of("abcdef-ghijkl")),
                status: SessionStatus::Ended,
            },
            ListedSession {
                id: Some(IdKey::of("s2")),
                created_at: time("2026-11-22T10:50:36.846Z"),
                status: SessionStatus::Live,
                ..ListedSession::default()
            },
            ListedSession::default(),
            ListedSession::default(),
        ];
        assert_eq!(page.listed, listed);
        assert_eq!(SessionsPage::parse(br#"{"data":{"sessions":{}}}"#), Err(BadBody::Missing("sessions")));
    }
}
