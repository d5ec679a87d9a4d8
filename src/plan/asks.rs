//! What every planner is to whoever sends its requests: one request after the other, as answers come.

use super::source::Evidence;
use crate::error::Result;
use crate::model::RequestKey;
use crate::wire::{Gave, PageSummary, SessionsPage};

/// What came of a request, as far as planning needs to know.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Details, a peer report or a session record.
    Found(Gave),
    /// A page of participants.
    Page(PageSummary),
    /// A page of the app's sessions.
    Sessions(SessionsPage),
    /// The API does not know what was asked for.
    NotFound,
    /// No answer to be had.
    Failed {
        /// Status of the last reply, if one came.
        http_status: Option<u16>,
    },
}

impl Outcome {
    /// What a reply that came is to planning.
    #[must_use]
    pub fn found(request: &RequestKey, body: &[u8], gave: Gave) -> Self {
        const NO_PAGE: Outcome = Outcome::Failed { http_status: Some(200) };
        match request {
            RequestKey::Details { .. } | RequestKey::PeerReport { .. } | RequestKey::Session { .. } => {
                Self::Found(gave)
            }
            RequestKey::Page { .. } => PageSummary::parse(body).map_or(NO_PAGE, Self::Page),
            RequestKey::Sessions { .. } => SessionsPage::parse(body).map_or(NO_PAGE, Self::Sessions),
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this.
    Request(RequestKey),
    /// Nothing, until an answer comes.
    Wait,
    /// Nothing any more.
    Done,
}

/// What an answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Taken {
    /// It goes on.
    GoesOn {
        /// Ids that, as is known from this answer on, cannot be had for good.
        lost: u64,
    },
    /// It cannot go on without what was asked for: the request's failure is the end.
    Ends,
}

/// Asks one request after the other.
pub trait Asks: Send {
    /// What to do next.
    ///
    /// # Errors
    /// A known answer cannot be read.
    fn next_request(&mut self) -> Result<Next>;

    /// Takes the answer to a request that [`next_request`](Self::next_request) gave.
    fn answered(&mut self, request: &RequestKey, outcome: &Outcome) -> Taken;

    /// Whether everything was asked for and answered.
    fn is_done(&self) -> bool;

    /// How many requests an earlier run had answered.
    fn kept(&self) -> u64;

    /// How many requests there are, as far as the answers so far tell. Never shrinks.
    fn requests(&self) -> u64;
}

/// Answers that an earlier run already paid for.
pub trait Known: Send {
    /// The answer to a request, if it is known, and the request as it was sent then. A page that came
    /// is the answer whatever the size it was asked for in; a refused page answers its own size only.
    ///
    /// # Errors
    /// The log cannot be read.
    fn answer(&mut self, request: &RequestKey) -> Result<Option<(RequestKey, Outcome)>>;

    /// Whether there is an answer that need not be asked for again.
    fn has(&self, request: &RequestKey) -> bool;

    /// What all answers tell of where call statistics come from.
    fn evidence(&self) -> Evidence;
}

/// No earlier run.
#[derive(Clone, Copy, Debug)]
pub struct NothingKnown;

impl Known for NothingKnown {
    fn answer(&mut self, _: &RequestKey) -> Result<Option<(RequestKey, Outcome)>> {
        Ok(None)
    }

    fn has(&self, _: &RequestKey) -> bool {
        false
    }

    fn evidence(&self) -> Evidence {
        Evidence::default()
    }
}
