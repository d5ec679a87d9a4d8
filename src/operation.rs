//! How a run went, told to machines: a summary as JSON, metrics for Prometheus and for an
//! OpenTelemetry collector, a ping to a health check.
//!
//! In: [`Facts`], gathered while the run goes on, and how it ended. Out: two files and a few requests.
//! Guarantees: told however the run ended, as long as the process lives, but for settings that `--all-profiles` finds
//! wrong; each file is replaced whole or not at all; what cannot be told is a warning and changes no exit code; no
//! token, no health URL, no header of the collector's in any of it.
//! Not here: what people are shown (`ui`), what an export is made of (`manifest`).

mod metrics;
mod otlp;
mod ping;
mod post;
mod summary;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use otlp::Collector;
pub use ping::{Health, Moment};
pub use writing::{check, tell};

use crate::error::{Class, Error};
use crate::progress::Progress;

/// What is known of a run, as far as it came.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How far it is.
    pub progress: Arc<Progress>,
    /// Where the export goes, once the settings were found right.
    pub output: Option<PathBuf>,
    /// Which export it is, once it began.
    pub export_id: Option<String>,
    /// The window's start, once it is resolved.
    pub since: Option<DateTime<Utc>>,
    /// The window's end.
    pub until: Option<DateTime<Utc>>,
    /// What was sent, once anything could be.
    pub requests: Option<RequestsMade>,
    /// What was published.
    pub published: Option<Published>,
    /// The dataset, of a sync, as far as it is known.
    pub dataset: Option<DatasetFacts>,
}

/// A dataset as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFacts {
    /// The number of its commit.
    pub generation: u64,
    /// How far it goes.
    pub synced_until: DateTime<Utc>,
    /// Its days that have sessions.
    pub days: u64,
    /// Days that are to be looked at again.
    pub pending: u64,
}

/// What this process sent, whatever became of it; an earlier one's requests are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestsMade {
    /// Requests sent, each try counted.
    pub sent: u64,
    /// Tries after the first, other than those after a 429.
    pub retried: u64,
    /// Replies that said that the quota is spent.
    pub rate_limited: u64,
    /// Requests of this process that the quota's window still counts.
    pub quota_used: u64,
    /// Requests that the window allows, the reserve taken off.
    pub quota_allowed: u64,
    /// How long the window is.
    pub quota_window: Duration,
}

/// An export that is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The tables and their rows, in the order of the manifest.
    pub rows: Vec<(&'static str, u64)>,
    /// Rows of `failures`.
    pub failures: u64,
    /// The sum of the participants' durations, as the manifest writes it.
    pub duration_minutes: Option<String>,
    /// The sum of the minutes consumed, as the manifest writes it.
    pub minutes_consumed: Option<String>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The command's name.
    pub command: &'static str,
    /// What is known of it.
    pub facts: &'a Facts,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How long it took, by a clock that does not jump.
    pub duration: Duration,
    /// Its exit code.
    pub exit_code: u8,
    /// What ended it, where it is not complete.
    pub error: Option<&'a Error>,
}

impl Ended<'_> {
    /// Whether there is a complete export now, also one in which ids failed.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.error.is_none()
    }

    /// How it ended, as a word.
    fn outcome(&self) -> &'static str {
        match (self.error.map(Error::class), self.failures()) {
            (None, 0) => "complete",
            (None, _) => "complete_with_failures",
            (Some(class), _) => class.name(),
        }
    }

    /// Whether the same command goes on where this one stopped.
    fn is_resumable(&self) -> bool {
        self.error.map(Error::class).is_some_and(Class::is_resumable)
    }

    /// Ids that failed: of the export where it is complete, else of this process.
    fn failures(&self) -> u64 {
        let published = self.facts.published.as_ref();
        published.map_or_else(|| self.facts.progress.snapshot().failed, |published| published.failures)
    }
}

#[cfg(test)]
mod tests;
