//! Wires the stages: owns their tasks, the channels between them, and the stop.
//!
//! Memory (contract, "Memory"): the pool of bodies (64 MiB, `fetch`), `REPLIES_AHEAD` replies and
//! `BATCHES_AHEAD` batches in channels, the blocks of the log that are kept unpacked (`log`), the chunks of the list
//! that threads made ahead (`tables`), and one row group for each open file; beside that, the wants' bytes per id
//! (`plan`). Fetching and making tables never run at once.
//! Not here: what any stage does.

mod counting;
mod discovering;
mod fetching;
mod gathering;
mod making;
mod partitioning;
mod stop;
mod surveying;

pub use counting::{Counted, SessionsSeen, count};
pub use discovering::discover;
pub use fetching::{Fetched, Fetching, Keep, fetch, settle};
pub use gathering::{Gathered, Spooled, add_discovered, gather};
pub use making::{Destination, Making, make};
pub use partitioning::{DayFacts, MadeDays, MakingDays, make_days};
pub use stop::{Deadline, Signals, Stop, unless_stopped};
pub use surveying::{OddRow, OddRows, Survey, SurveyedList, survey};

use crate::log::DURABLE_REPLIES;

/// Replies between the fetching tasks and the log: what the disk may lag behind by. Their bodies are in
/// the pool. With those that the log itself may hold back and with a hundred that wait to be
/// handed over, they are the thousand within which a reply is durable; a slow disk and more than a hundred requests
/// in flight may make it more.
const REPLIES_AHEAD: usize = 1_000 - DURABLE_REPLIES - 100;
/// Batches between making tables and writing files; each is at most 2 MiB of text or one large value.
const BATCHES_AHEAD: usize = 4;
