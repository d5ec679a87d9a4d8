//! What the vendor's documents say of values: the words of each enumeration, the fields that may be null.
//!
//! In: nothing. Out: constants. Guarantees: nothing here refuses or changes a value; what is not here is
//! told as a warning and kept as it came.
//! Facts: API page, section 4.

use super::schema::Table;

/// `peer_events[].event_name`.
pub(super) const EVENT_NAMES: &[&str] = &["PEER_CREATED", "PEER_JOINING", "PEER_LEAVING"];
/// `peer_events[].preset_view_type`.
pub(super) const VIEW_TYPES: &[&str] = &["GROUP_CALL", "WEBINAR", "AUDIO_ROOM", "LIVESTREAM", "CHAT"];
/// A session's `type`.
pub(super) const SESSION_TYPES: &[&str] = &["meeting", "livestream", "participant"];
/// A session's `status`.
pub(super) const SESSION_STATUSES: &[&str] = &["LIVE", "ENDED"];

/// The fields of a table's record in which a null is no news: documented as nullable, or not known
/// before a participant has left or a session has ended. `None` where the documents do not tell.
pub(super) const fn nullable(table: Table) -> Option<&'static [&'static str]> {
    match table {
        // Either name of the preset stands for the other; statistics need not have been kept.
        Table::Participants => Some(&["left_at", "role", "peer_stats", "quality_stats", "peer_report"]),
        Table::PeerEvents => Some(&["participant_id", "session_id", "socket_session_id", "preset_view_type"]),
        Table::Sessions => Some(&["ended_at"]),
        _ => None,
    }
}
