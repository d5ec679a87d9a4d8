//! Days that must be looked at again though the lookback does not reach them any more.
//!
//! In: the reasons that a commit noted. Out: which of them are worth a look now.
//! Guarantees: a day whose only reason is a live session costs one request a night, not a whole day's; no day is
//! looked at for ever.
//! Not here: asking whether a live session has ended (`commands`).

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::manifest::Time;

/// How long a day is looked at again: a session that never ends must not cost a request a night for ever.
pub const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(14);
/// Live sessions that are remembered of a day, each of which costs a request a night.
pub const MOST_SESSIONS: usize = 100;

/// Why a day must be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Sessions had not ended.
    Live,
    /// Sessions have ended so lately that their records may change, and the next `sync` would not look for that.
    Settling,
    /// Requests failed that may succeed another time.
    Failed,
    /// The pages of the sessions list held fewer sessions than they told.
    Short,
}

impl Why {
    /// The reason as it is told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Live => "sessions that had not ended",
            Self::Settling => "sessions that ended lately, whose records may still change",
            Self::Failed => "requests that failed",
            Self::Short => "pages with fewer sessions than they told",
        }
    }
}

/// A day that must be looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Which.
    pub day: NaiveDate,
    /// Why; of several reasons the last of [`Why`].
    pub why: Why,
    /// When it was first noted.
    pub since: Time,
    /// The live sessions, at most [`MOST_SESSIONS`]; for the other reasons none.
    pub sessions: Vec<String>,
}

impl Pending {
    /// Whether it has been looked at long enough. That records settle ends by itself.
    #[must_use]
    pub fn is_given_up(&self, at: Time) -> bool {
        self.why != Why::Settling && at.0.signed_duration_since(self.since.0) > GIVEN_UP_AFTER
    }
}

/// The pending days before a day. Which of them are given up is for the commit to say.
pub fn due(pending: &[Pending], before: Option<NaiveDate>) -> impl Iterator<Item = &Pending> {
    pending.iter().filter(move |pending| before.is_some_and(|before| pending.day < before))
}
