//! Stage 4: the response log, an append-only and crash-safe file of everything that was paid for.
//!
//! In: the resolved list rows, then [`Reply`](crate::fetch::Reply)s in any order. Out: the same, found
//! again by request.
//! Guarantees: what [`LogWriter::make_durable`] returned from survives a power cut; a torn tail is
//! cut off at the next open, and nothing else ever is but by [`LogWriter::begin`]; `zstdcat` shows the
//! whole file as JSON lines; one process at a time.
//! Not here: the order of rows, what a reply means, the network.
//!
//! The file is a row of blocks. A block is a zstd *skippable* frame, which readers of zstd pass over,
//! holding lengths, checksums and an index of the block's replies, and a zstd frame of JSON lines.
//! So any reader sees plain JSON lines, and ours finds five million replies without unpacking one.
//!
//! Lines, told apart by `kind`: `export` (the settings), `row` (one per list row), `lists` (the end of
//! the rows), then `sessions`, `details`, `peer_report`, `page` and `session` replies, and `fetched` once
//! nothing is left to ask.

mod block;
mod discovered;
mod entries;
mod entry;
#[cfg(test)]
pub(crate) mod examples;
mod lines;
mod lock;
mod reader;
mod replies;
mod rows;
mod scan;
#[cfg(test)]
mod tests;
mod writer;

pub use block::{BlockKind, Location, State};
pub use discovered::discovered;
pub use entries::Entries;
pub use entry::{Entry, EntryAnswer};
pub use lines::{DatasetRange, Head, ListFile, Lists, Resolved, Settings, TypedWindow};
pub use lock::ReadLock;
pub use reader::{IndexEntry, Log};
pub use replies::{KnownReplies, PageRuling, Replies, RequestCounts, Ruling};
pub use rows::RowDigest;
pub(crate) use writer::DURABLE_REPLIES;
pub use writer::{LogWriter, Opened, open, open_anew};

/// The log's file name in the state directory.
pub const FILE_NAME: &str = "responses.jsonl.zst";
