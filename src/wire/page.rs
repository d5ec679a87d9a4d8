//! What a page of the participants list says of who is in the session and where the list ends.

use super::envelope::{BadBody, Expected};
use super::object::{Object, elements, text};
use super::raw::Raw;
use crate::model::{IdKey, ParticipantId, trim_id};

/// One record of a page, by the ids it can be found by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// `id`; `None` where the record has none.
    pub id: Option<IdKey>,
    /// `id` where it is a UUID, so that its details can be asked for.
    pub participant: Option<ParticipantId>,
    /// `user_id`.
    pub user: Option<IdKey>,
    /// `custom_participant_id`.
    pub custom: Option<IdKey>,
}

/// `paging`, as far as it was sent (API page, section 2: offsets are 1-based and inclusive).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// `total_count`: records over all pages.
    pub total: Option<u64>,
}

/// A page without its records' content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSummary {
    /// The records in the API's order.
    pub listed: Vec<Listed>,
    /// Where the page stands in the list.
    pub paging: Paging,
}

impl PageSummary {
    /// Reads a page's body.
    ///
    /// # Errors
    /// [`BadBody`] where the body is no page of participants.
    pub fn parse(body: &[u8]) -> Result<Self, BadBody> {
        let page = Expected::Participants.find(body)?;
        let records = elements(page.value).ok_or(BadBody::Missing("participants"))?;
        let listed = |record: Raw<'_>| Object::parse(record).as_ref().map(Listed::of).unwrap_or_default();
        Ok(Self { listed: records.into_iter().map(listed).collect(), paging: Paging::of(page.paging) })
    }
}

impl Paging {
    /// What a reply's `paging` says.
    #[must_use]
    pub fn of(paging: Option<Raw<'_>>) -> Self {
        let total = paging.and_then(Object::parse).and_then(|paging| count(paging.get("total_count")?));
        Self { total }
    }
}

impl Listed {
    /// The ids of a participant record.
    #[must_use]
    pub fn of(object: &Object<'_>) -> Self {
        let id = |name| object.get(name).and_then(text).filter(|text| !trim_id(text).is_empty());
        let key = |name| id(name).map(|text| IdKey::of(&text));
        Self {
            id: key("id"),
            participant: id("id").and_then(|text| ParticipantId::parse(&text)),
            user: key("user_id"),
            custom: key("custom_participant_id"),
        }
    }
}

/// A count written as a number or, by some servers, as a string.
fn count(value: Raw<'_>) -> Option<u64> {
    text(value).map_or_else(|| value.get().parse().ok(), |digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_total_are_read_from_either_place() {
        let records = r#"[{"id":"p1","user_id":"u1","custom_participant_id":""},{"user_id":5},7]"#;
        for body in [
            format!(r#"{{"data":{{"participants":{records},"paging":{{"total_count":123}}}}}}"#),
            format!(r#"{{"data":{{"participants":{records}}},"paging":{{"total_count":"123"}}}}"#),
        ] {
            let page = PageSummary::parse(body.as_bytes()).unwrap();
            assert_eq!(page.paging.total, Some(123));
            let ids: Vec<_> = page.listed.iter().map(|l| l.id).collect();
            assert_eq!(ids, [Some(IdKey::of("p1")), None, None]);
            assert_eq!((page.listed[0].user, page.listed[0].custom), (Some(IdKey::of("u1")), None));
        }
        let bare = PageSummary::parse(br#"{"data":{"participants":[]}}"#).unwrap();
        assert_eq!(bare, PageSummary::default());
    }
}
