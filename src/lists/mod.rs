//! Stage 1: any list file -> [`ListRow`]s.

use std::sync::Arc;

use crate::model::{ParticipantId, SessionId};

/// One row of a list file, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Index of the file among the lists of the command, in the order given.
    pub file: usize,
    /// What a spreadsheet shows: 1-based, header and blank lines counted.
    pub row_number: u64,
    /// The session cell as given.
    pub session_text: String,
    /// The participant (or user, or custom id) cell as given; `None` where blank or without a column.
    pub participant_text: Option<String>,
    /// What the row asks for, or why it cannot be asked for.
    pub asked: Result<Asked, InvalidRow>,
    /// The columns that are not ids: (header name as written, value), in file order.
    pub labels: Vec<(Arc<str>, String)>,
}

/// What a valid row asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All participants of the session.
    Everyone(SessionId),
    /// One participant; may turn out to be an enrolment id.
    Participant(SessionId, ParticipantId),
    /// Whoever has this `user_id` in the session.
    User(SessionId, String),
    /// Whoever has this `custom_participant_id` in the session.
    Custom(SessionId, String),
}

/// Why a row names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRow {
    /// The session cell is not a UUID.
    #[error("session id {0:?} is not a UUID")]
    Session(String),
    /// The participant cell is not a UUID.
    #[error("participant id {0:?} is not a UUID")]
    Participant(String),
    /// The session cell is blank.
    #[error("the session id is missing")]
    NoSession,
    /// The row has fewer fields than the header.
    #[error("the row has {found} of {expected} fields")]
    TooFewFields {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// The row is not in the file's format.
    #[error("{0}")]
    Malformed(String),
}
