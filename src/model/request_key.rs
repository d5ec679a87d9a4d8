//! What one request asks for: the name of a reply in the plan, in the log and in messages.

use std::fmt;

use super::{ParticipantId, SessionId};

/// How many records a list page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageSize {
    /// Named in the query as `per_page`.
    Records(u32),
    /// Left to the server, where it refused a number.
    ServerDefault,
}

impl PageSize {
    /// Whether a status may be for the size alone, so that a first page is worth asking for without one.
    #[must_use]
    pub const fn may_be_refused_with(self, http_status: Option<u16>) -> bool {
        matches!((self, http_status), (Self::Records(_), Some(400 | 422)))
    }
}

/// What one request asks for. Two requests of one key are the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestKey {
    /// `sessions/{session}/participants/{participant}`.
    Details {
        /// Whose session.
        session: SessionId,
        /// The participant as listed.
        participant: ParticipantId,
    },
    /// `sessions/peer-report/{participant}`: the session is that in which it was listed; the API asks
    /// for none.
    PeerReport {
        /// Whose session.
        session: SessionId,
        /// The participant as listed.
        participant: ParticipantId,
    },
    /// One page of `sessions/{session}/participants`.
    Page {
        /// Whose participants.
        session: SessionId,
        /// From 1; 0 where the server may count from 0 (`plan::listing`).
        page_no: u32,
        /// Records asked for.
        size: PageSize,
    },
    /// `sessions/{session}`.
    Session {
        /// The session itself.
        session: SessionId,
    },
    /// One page of `sessions`: the app's sessions of the export's window.
    Sessions {
        /// From 1; 0 where the server may count from 0 (`plan::listing`).
        page_no: u32,
        /// Records asked for.
        size: PageSize,
    },
}

impl RequestKey {
    /// The session that the request is about; `None` where it is about many.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Details { session, .. }
            | Self::PeerReport { session, .. }
            | Self::Page { session, .. }
            | Self::Session { session } => Some(*session),
            Self::Sessions { .. } => None,
        }
    }

    /// Whether a status may be for the page's size alone, so that it is worth asking for without one. Only
    /// the first page's may: once one came the size is granted, and a later page of another size would be
    /// another part of the list.
    #[must_use]
    pub const fn may_be_refused_for_its_size(&self, http_status: Option<u16>) -> bool {
        match self {
            Self::Page { page_no: 1, size, .. } | Self::Sessions { page_no: 1, size } => {
                size.may_be_refused_with(http_status)
            }
            _ => false,
        }
    }
}

impl fmt::Display for RequestKey {
    /// For people: `participant 7f3c… of session 91ab…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Details { session, participant } => {
                write!(f, "participant {participant} of session {session}")
            }
            Self::PeerReport { session, participant } => {
                write!(f, "peer report of participant {participant} of session {session}")
            }
            Self::Page { session, page_no, .. } => {
                write!(f, "page {page_no} of the participants of session {session}")
            }
            Self::Session { session } => write!(f, "session {session}"),
            Self::Sessions { page_no, .. } => write!(f, "page {page_no} of the app's sessions"),
        }
    }
}
