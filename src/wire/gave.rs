//! What a participant's own reply gave: its call statistics, its record.
//!
//! Facts: API page, sections 5 to 7. The newest details endpoint carries no statistics; a peer report is
//! asked for without a session, and older contracts know no peer events there.

use super::object::{Object, each_element, is_null, text};
use super::raw::Raw;
use crate::model::SessionId;

/// The fields that hold call statistics: two of the old shape, one of the new.
pub(super) const STATISTICS: [&str; 3] = ["peer_stats", "quality_stats", "peer_report"];
/// Levels that are looked into for a value: `peer_report.quality.audio_producer[0]` has the deepest.
const LEVELS: u8 = 5;

/// What a reply about one participant gave, as far as it decides what else is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gave {
    /// Call statistics, with any value in them.
    pub statistics: bool,
    /// The participant's record, whole: of the session asked for, with its peer events where those are
    /// wanted.
    pub record: bool,
}

impl Gave {
    /// What a details reply gave: its record is the best there is.
    #[must_use]
    pub fn of_details(record: &Object<'_>) -> Self {
        Self { statistics: has_statistics(record), record: true }
    }

    /// What a peer report gave, with peer events or without as wanted.
    #[must_use]
    pub fn of_report(record: &Object<'_>, session: SessionId, peer_events: bool) -> Self {
        if !is_of_session(record, session) {
            return Self::default();
        }
        let has = |name| record.get(name).is_some_and(|value| !is_null(value));
        Self { statistics: has_statistics(record), record: has("id") && (!peer_events || has("peer_events")) }
    }
}

/// Whether a record is not one of another session: a peer report is of whichever session its peer was in.
#[must_use]
pub fn is_of_session(record: &Object<'_>, session: SessionId) -> bool {
    let named = record.get("session_id").and_then(text).and_then(|id| SessionId::parse(&id));
    named.is_none_or(|named| named == session)
}

/// Whether a record carries call statistics with any value in them.
#[must_use]
pub fn has_statistics(record: &Object<'_>) -> bool {
    STATISTICS.iter().any(|name| record.get(name).is_some_and(|value| has_value(value, LEVELS)))
}

/// Whether there is a value within: not only nulls, empty lists and empty objects.
fn has_value(value: Raw<'_>, levels: u8) -> bool {
    if is_null(value) {
        return false;
    }
    if levels == 0 {
        return true;
    }
    match value.get().as_bytes().first() {
        Some(b'{') => Object::parse(value)
            .is_some_and(|object| object.fields.iter().any(|field| has_value(field.value, levels - 1))),
        Some(b'[') => {
            let mut found = false;
            each_element(value, |element| found = found || has_value(element, levels - 1));
            found
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    #[test]
    fn statistics_are_there_where_a_value_is() {
        for (record, expected) in [
            (r"{}", false),
            (r#"{"peer_stats":null,"quality_stats":[],"peer_report":{"metadata":{},"quality":null}}"#, false),
            (
                r#"{"peer_stats":{"device_info":{},"events":[{}]},"quality_stats":[[],{"peer_id":null}]}"#,
                false,
            ),
            (r#"{"peer_stats":{"device_info":{"cpus":0}}}"#, true),
            (r#"{"quality_stats":[{"audio_stats":[]},{"start":""}]}"#, true),
            (r#"{"peer_report":{"quality":{"audio_producer":[{"mid":"0"}]}}}"#, true),
            (r#"{"peer_report":false}"#, true),
            (r#"{"peer_stats":[[[[[[[]]]]]]]}"#, true),
        ] {
            assert_eq!(has_statistics(&Object::parse_text(record).unwrap()), expected, "{record}");
        }
    }

    #[test]
    fn a_report_of_another_session_gave_nothing() {
        let session = SessionId::parse(SESSION).unwrap();
        let gave = |fields: &str, peer_events| {
            let record = format!(r#"{{"id":"p","peer_stats":{{"x":1}}{fields}}}"#);
            let gave = Gave::of_report(&Object::parse_text(&record).unwrap(), session, peer_events);
            (gave.statistics, gave.record)
        };
        let upper = format!(r#","session_id":"{{{}}}","peer_events":[]"#, SESSION.to_uppercase());
        assert_eq!(gave(&upper, true), (true, true));
        assert_eq!(gave("", true), (true, false));
        assert_eq!(gave(r#","peer_events":null"#, true), (true, false));
        assert_eq!(gave("", false), (true, true));
        assert_eq!(gave(r#","session_id":7"#, false), (true, true));
        let other = r#","session_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","peer_events":[]"#;
        assert_eq!(gave(other, true), (false, false));
    }
}
