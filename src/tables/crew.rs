//! Making chunks by several threads, and putting them together in list order.
//!
//! In: chunks. Out: their batches and sums, as if one thread had made them one after the other.
//! Guarantees: each batch comes once, in order, whoever made it. A chunk in which others have a say after all (a
//! reply names another participant than was asked for, who may be on a later row) is made again here, after all
//! before it. Memory: [`IN_FLIGHT`] chunks a thread, of [`ALONE_BYTES`] each; what comes to more is made here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use arrow::array::{Array, ArrayRef, RecordBatch};

use super::chunks::{Chunk, Chunks, Ends};
use super::export::{Export, Sums};
use super::input::Input;
use super::{Hand, Table};
use crate::error::{Error, Result};
use crate::lists::ListRow;

/// More threads than this do not help: one writes the files, and takes a third of the time.
const MOST_WORKERS: usize = 4;
/// Chunks that a thread is given: one to make and one to go on with.
const IN_FLIGHT: usize = 2;
/// Bytes of batches up to which a chunk is kept until it is its turn.
const ALONE_BYTES: usize = 16 << 20;

/// A thread a core, as far as they help.
pub(super) fn usual_workers() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS)
}

/// Makes everything that the rows and the window ask for.
pub(super) fn make(
    input: &Input<'_>,
    rows: impl Iterator<Item = Result<ListRow>>,
    hand: Hand<'_>,
    ends: Ends,
    workers: usize,
) -> Result<Sums> {
    thread::scope(|scope| {
        // Where no thread can be had, everything is made here.
        let crew: Vec<_> = (0..workers).filter_map(|_| Worker::begin(scope, input)).collect();
        let mut export = Export::new(input, hand);
        let mut sums = Sums::default();
        let mut chunks = Chunks::new(input, rows, ends);
        let mut on_their_way = VecDeque::new();
        let mut turns = (0..crew.len()).cycle();
        loop {
            while on_their_way.len() < (crew.len() * IN_FLIGHT).max(1)
                && let Some(chunk) = chunks.next()?
            {
                let worker = if chunk.is_alone { turns.next().map(|turn| &crew[turn]) } else { None };
                on_their_way.push_back(match worker {
                    Some(worker) => worker.give(chunk)?,
                    None => OnItsWay::Here(chunk),
                });
            }
            let Some(next) = on_their_way.pop_front() else { break };
            let chunk = match next {
                OnItsWay::Here(chunk) => chunk,
                OnItsWay::With(worker) => {
                    let Done { chunk, made } = worker.take()?;
                    match made {
                        Some((batches, made)) if export.has_no_say_in(&chunk) => {
                            batches.into_iter().try_for_each(|(table, batch)| export.hand(table, batch))?;
                            sums.add(made.of_day(input, chunk.day));
                            continue;
                        }
                        _ => chunk,
                    }
                }
            };
            sums.add(export.add_chunk(&chunk)?.of_day(input, chunk.day));
        }
        sums.add(export.finish()?.of_day(input, None));
        Ok(sums)
    })
}

/// Where a chunk is.
enum OnItsWay<'c> {
    /// Not begun: it will be made here.
    Here(Chunk),
    /// The next that this worker will give back.
    With(&'c Worker),
}

/// A thread that makes chunks, each as if there were no others.
struct Worker {
    chunks: SyncSender<Chunk>,
    done: Receiver<Result<Done>>,
}

/// A chunk that a worker gives back.
struct Done {
    chunk: Chunk,
    /// What came of it; `None` where others have a say in that, or it is too much to be kept.
    made: Option<(Vec<(Table, RecordBatch)>, Sums)>,
}

impl Worker {
    /// Begins a thread; `None` where the system has none to give.
    fn begin<'scope>(scope: &'scope Scope<'scope, '_>, input: &'scope Input<'_>) -> Option<Self> {
        let (chunks, given) = sync_channel(IN_FLIGHT);
        let (give_back, done) = sync_channel(IN_FLIGHT);
        let work = move || work(input, given, &give_back);
        thread::Builder::new().name("tables".to_owned()).spawn_scoped(scope, work).ok()?;
        Some(Self { chunks, done })
    }

    fn give(&self, chunk: Chunk) -> Result<OnItsWay<'_>> {
        self.chunks.send(chunk).map_err(|_| Error::StageEnded { stage: "tables" })?;
        Ok(OnItsWay::With(self))
    }

    fn take(&self) -> Result<Done> {
        self.done.recv().map_err(|_| Error::StageEnded { stage: "tables" })?
    }
}

/// Makes chunks as they are given.
fn work(input: &Input<'_>, given: Receiver<Chunk>, give_back: &SyncSender<Result<Done>>) {
    let kept = RefCell::new(Kept::default());
    let mut keep = |table, batch| {
        kept.borrow_mut().add(table, batch);
        Ok(())
    };
    let mut export = Export::new(input, &mut keep);
    for chunk in given {
        let sums = export.add_alone(&chunk);
        let batches = kept.take().batches();
        if give_back.send(sums.map(|sums| Done { chunk, made: batches.zip(sums) })).is_err() {
            return;
        }
    }
}

/// The batches of a chunk, unless they are too many.
#[derive(Default)]
struct Kept {
    batches: Vec<(Table, RecordBatch)>,
    bytes: usize,
}

impl Kept {
    fn add(&mut self, table: Table, batch: RecordBatch) {
        let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(usize::MAX);
        self.bytes = batch.columns().iter().map(bytes).fold(self.bytes, usize::saturating_add);
        if self.bytes <= ALONE_BYTES {
            self.batches.push((table, batch));
        } else {
            self.batches.clear();
        }
    }

    fn batches(self) -> Option<Vec<(Table, RecordBatch)>> {
        (self.bytes <= ALONE_BYTES).then_some(self.batches)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn a_chunk_that_came_to_too_much_is_not_kept() {
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(ALONE_BYTES / 2 - 100)]));
        let batch = RecordBatch::try_new(schema, vec![text]).unwrap();
        let mut kept = Kept::default();
        kept.add(Table::Labels, batch.clone());
        kept.add(Table::Labels, batch.clone());
        assert_eq!(kept.batches.len(), 2);
        kept.add(Table::Labels, batch.slice(0, 1));
        kept.add(Table::Labels, batch.slice(0, 0));
        assert!(kept.batches.is_empty());
        assert!(kept.batches().is_none());
    }
}
