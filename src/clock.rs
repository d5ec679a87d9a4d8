//! The one place that asks the machine what time it is.
//!
//! In: nothing. Out: the time. Guarantees: none of the time of day: a machine's clock may jump.
//! Not here: measuring how long something takes (`std::time::Instant`).

use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// The time of day.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everything else takes its time from here, or as an argument")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Which start of this machine this is; empty where the system does not tell.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// How long ago the machine started, to a hundredth of a second: the same for all processes, suspension
/// included, and set by nobody. Where the system does not tell, the time of day since 1970.
#[must_use]
pub fn since_boot() -> Duration {
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let secs = uptime.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    secs.and_then(|secs| Duration::try_from_secs_f64(secs).ok())
        .unwrap_or_else(|| Duration::from_millis(u64::try_from(now().timestamp_millis()).unwrap_or_default()))
}
