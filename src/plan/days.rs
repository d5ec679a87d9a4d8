//! Which day each session of a window is of, where days are asked for.
//!
//! Memory: four bytes a session.

use chrono::NaiveDate;

use super::discovery::Discovered;
use super::wants::{SessionNo, Wants};
use crate::model::DayRange;

/// The days of a window's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionDays(Vec<Option<NaiveDate>>);

impl SessionDays {
    /// Those of sessions that are among the wants.
    #[must_use]
    pub fn of(range: &DayRange, discovered: &Discovered, wants: &Wants) -> Self {
        let mut days = vec![None; wants.sessions()];
        for found in &discovered.sessions {
            if let Some(number) = wants.session_number(found.id) {
                days[number as usize] = found.created_at().and_then(|at| range.day_of(at));
            }
        }
        Self(days)
    }

    /// The day of a session; `None` where it is no session of the window.
    #[must_use]
    pub fn day(&self, session: SessionNo) -> Option<NaiveDate> {
        self.0.get(session as usize).copied().flatten()
    }
}
