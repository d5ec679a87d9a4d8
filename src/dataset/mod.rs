//! A dataset: the tables of an app, cut by the day of their sessions, that grows from one `sync` to the next.
//!
//! In: what each export of a range of days came to ([`Made`]). Out: a row of commits, each of which is one state
//! of all tables. Three kinds of objects, seen from the reader:
//!
//! 1. `dataset.json` ([`Pointer`]): small, the only one that is ever replaced; names the commit and says how far
//!    the dataset goes
//! 2. `_commits/NNNNNNNN-<export_id>-<digest>.json` ([`Commit`]): which files hold which day; never changed
//! 3. `<table>/session_date=D/part-<export_id>-NNNNN.parquet`: never changed
//!
//! Guarantees: a commit is a [`merge`], in which each day belongs to whoever looked at it last: the order of
//! commits, double starts and a lock that failed change nothing; the same facts give the same bytes; what is read
//! is checked before it is believed.
//! Why no Delta Lake: its log commits one table at a time, and a dataset has up to eleven, of which a reader is to
//! see one state; its crate (`deltalake` 1.1) brings a second HTTP client and `aws-lc-sys` into the build.
//! Not here: asking the API (`pipeline`), making files (`files`), bytes in a directory or a store (`place`).

mod commit;
mod identity;
mod lock;
mod merge;
mod open;
mod pending;
mod pointer;
mod publish;
mod published;
mod ranges;
pub mod vacuum;
mod work;

pub(crate) use commit::is_partition_path;
pub use commit::{Commit, DayEntry, DayFile, Export, Retired, partition_path};
pub use identity::Identity;
pub use lock::{Lock, Wait};
pub use merge::{Made, Merged, Next, merge};
pub use open::{Current, read, refuse_foreign, refuse_loss, refuse_other};
pub use pending::{GIVEN_UP_AFTER, MOST_SESSIONS, Pending, Why, due};
pub use pointer::{Api, CommitRef, Pointer, State};
pub use publish::{Committed, Committing, Observer, Step, commit};
pub use published::{Published, current, published};
pub use ranges::{Asked, Reached, ranges};
pub use work::{Work, refuse_other_log};

/// The name of the pointer: a place that has it is a dataset.
pub const POINTER: &str = "dataset.json";
/// The folder of the commit files.
pub const COMMITS: &str = "_commits";
/// The shape of the pointer and of the commit files.
pub const FORMAT_VERSION: u32 = 1;

/// A dataset as one commit has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// What names the commit.
    pub pointer: Pointer,
    /// What the commit holds.
    pub commit: Commit,
}

#[cfg(test)]
mod tests;
