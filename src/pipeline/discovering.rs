//! Stage 2 for a window, at work: its sessions, from the pages of the sessions list.
//!
//! In: the window, and the log of an earlier run. Out: [`Discovery`], complete unless it ended early.
//! Guarantees: as of all fetching; a page that an earlier run got is not asked for again; a page that
//! fails for good ends it, since what the window holds is not known then.
//! Memory: 40 bytes for each session of the window, and the ids of all that are listed.

use std::sync::Arc;

use super::fetching::{Fetched, Fetching, Keep, fetch};
use super::stop::Signals;
use crate::error::Result;
use crate::log::{KnownReplies, Log};
use crate::model::Window;
use crate::plan::{Discovery, Known, NothingKnown, Wants};
use crate::progress::Phase;

/// Finds a window's sessions. The fetcher must be one for this window.
///
/// # Errors
/// The log cannot be read or written. Any other reason to end is [`Fetched::ended_early`].
pub async fn discover<K: Keep>(
    window: Window,
    earlier: Option<&Log>,
    keep: K,
    fetching: &Fetching,
    signals: &mut Signals,
) -> Result<Fetched<Discovery, K>> {
    fetching.progress.enter(Phase::FindingSessions);
    let known: Box<dyn Known> = match earlier {
        Some(log) => Box::new(KnownReplies::load(log, Arc::new(Wants::new()))?),
        None => Box::new(NothingKnown),
    };
    fetch(Discovery::new(window, known), keep, fetching, signals).await
}
