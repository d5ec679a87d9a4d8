//! The one place that asks the machine what time it is.
//!
//! In: nothing. Out: the time. Guarantees: none: a machine's clock may jump.
//! Not here: measuring how long something takes (`std::time::Instant`).

use chrono::{DateTime, Utc};

/// The time of day.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everything else takes its time from here, or as an argument")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
