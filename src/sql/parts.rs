//! Rows on disk, divided into parts by a hash of their keys.
//!
//! In: the rows of a step, by the tasks that work them out. Out: a part at a time, as often as there are parts,
//! each once.
//! Guarantees: a row is in the part of its keys, equal keys in one; nobody reads before all is written, so that
//! no task waits for another's reading; what waits to be written is an eighth of the pool, and a part that is
//! small enough to wait, and less than a batch, is never written; a part's file is gone when it was read; an
//! error is the same for all tasks.
//! Not the library's repartitioning, which may also spill: its readers follow several writers through one queue,
//! and where the file that a reader waits for is not the one that is written next, all wait for ever.
//! Not here: which steps read parts, and when (`turns.rs`).

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, RecordBatch, StringViewArray};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SpillFile, SpillWriter, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::BatchPartitioner;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream, Statistics,
};
use futures::future::{BoxFuture, FutureExt, Shared};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use tokio::task::JoinSet;

/// What may wait to be written, of the pool.
const WAITING_PART_OF_POOL: usize = 8;

/// The rows of a step, in parts. It is executed once.
pub(super) struct Parts {
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    count: usize,
    properties: Arc<PlanProperties>,
    /// Begun by the first task that reads; each of them may go on with it.
    written: OnceLock<Writing>,
}

/// The parts once all are written, or why they could not be.
type Writing = Shared<BoxFuture<'static, Result<Arc<AllParts>, Arc<DataFusionError>>>>;

/// All parts, and what those in memory take.
struct AllParts(
    Vec<Mutex<Option<Written>>>,
    #[expect(dead_code, reason = "held until it is dropped")] Arc<MemoryReservation>,
);

/// A part until it is read.
enum Written {
    /// Few rows.
    InMemory(RecordBatch),
    OnDisk(Arc<dyn SpillFile>),
}

impl Parts {
    pub(super) fn of(input: Arc<dyn ExecutionPlan>, keys: Vec<Arc<dyn PhysicalExpr>>, count: usize) -> Self {
        let properties = without_order(&input, Partitioning::Hash(keys.clone(), count));
        Self { input, keys, count, properties, written: OnceLock::new() }
    }
}

/// What a step promises that gives its input's rows, in no order.
pub(super) fn without_order(
    input: &Arc<dyn ExecutionPlan>,
    partitioning: Partitioning,
) -> Arc<PlanProperties> {
    let mut equivalence = input.equivalence_properties().clone();
    equivalence.clear_orderings();
    equivalence.clear_per_partition_constants();
    let (behavior, boundedness) = (input.pipeline_behavior(), input.boundedness());
    Arc::new(PlanProperties::new(equivalence, partitioning, behavior, boundedness))
}

/// What is known of a step that gives its input's rows.
pub(super) fn of_the_input(inputs: &[Arc<Statistics>], schema: &Schema) -> Arc<Statistics> {
    inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(schema)), Arc::clone)
}

/// Writes all rows of a step into their parts, by as many tasks as the step has.
async fn write(
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    parts: usize,
    context: Arc<TaskContext>,
) -> Result<AllParts> {
    let reservation = MemoryConsumer::new("Parts").register(context.memory_pool());
    let waiting_bytes = match context.memory_pool().memory_limit() {
        MemoryLimit::Finite(bytes) => bytes / WAITING_PART_OF_POOL,
        // Nobody counts: so little that it is written at once.
        MemoryLimit::Infinite | MemoryLimit::Unknown => 0,
    };
    let reservation = Arc::new(reservation);
    // Not before there are rows: those may come from parts that are written first.
    let reserved = Arc::new(Once::new());
    let writers = (0..parts).map(|_| Writer::new(&input.schema(), waiting_bytes / parts, &context));
    let writers: Arc<Vec<_>> = Arc::new(writers.collect());
    let mut tasks = JoinSet::new();
    for task in 0..input.output_partitioning().partition_count() {
        let mut rows = input.execute(task, Arc::clone(&context))?;
        let mut partitioner = BatchPartitioner::new_hash_partitioner(keys.clone(), parts, Time::new())?;
        let writers = Arc::clone(&writers);
        let (reservation, reserved) = (Arc::clone(&reservation), Arc::clone(&reserved));
        tasks.spawn(async move {
            while let Some(batch) = rows.next().await {
                reserved.call_once(|| reservation.grow(waiting_bytes));
                partitioner.partition(batch?, |part, rows| writers[part].push(rows))?;
            }
            Ok::<_, DataFusionError>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
    }
    let writers = Arc::into_inner(writers)
        .ok_or_else(|| DataFusionError::Internal("a task that has ended writes".to_owned()))?;
    let written = writers.into_iter().map(Writer::finish).collect::<Result<Vec<_>>>()?;
    let in_memory = written.iter().map(|part| match part {
        Written::InMemory(rows) => rows.get_array_memory_size(),
        Written::OnDisk(_) => 0,
    });
    reservation.resize(in_memory.sum());
    Ok(AllParts(written.into_iter().map(|part| Mutex::new(Some(part))).collect(), reservation))
}

/// A part that is being written, by all tasks. Each has a lock for what waits and one for the file: all parts are
/// full at about the same time, and a task that adds to one does not wait until another has written it.
struct Writer {
    waiting: Mutex<Waiting>,
    most_bytes: usize,
    /// There once something was written.
    file: Mutex<Option<PartFile>>,
    context: Arc<TaskContext>,
}

/// What is too few rows to be written.
struct Waiting {
    rows: BatchCoalescer,
    bytes: usize,
}

struct PartFile {
    stream: StreamWriter<BufWriter<Box<dyn SpillWriter>>>,
    file: Arc<dyn SpillFile>,
}

impl Writer {
    fn new(schema: &SchemaRef, most_bytes: usize, context: &Arc<TaskContext>) -> Self {
        let rows = BatchCoalescer::new(Arc::clone(schema), context.session_config().batch_size());
        let waiting = Mutex::new(Waiting { rows, bytes: 0 });
        Self { waiting, most_bytes, file: Mutex::default(), context: Arc::clone(context) }
    }

    fn push(&self, rows: RecordBatch) -> Result<()> {
        let full = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.bytes += bytes_of(&rows)?;
            waiting.rows.push_batch(rows)?;
            if waiting.bytes > self.most_bytes {
                waiting.rows.finish_buffered_batch()?;
            }
            let full: Vec<_> = std::iter::from_fn(|| waiting.rows.next_completed_batch()).collect();
            if !full.is_empty() {
                waiting.bytes = 0;
            }
            full
        };
        full.iter().try_for_each(|batch| self.write(batch))
    }

    fn write(&self, batch: &RecordBatch) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let PartFile { stream, .. } = match &mut *file {
            Some(file) => file,
            none => none.insert(PartFile::create(batch.schema_ref(), &self.context)?),
        };
        Ok(stream.write(batch)?)
    }

    fn finish(self) -> Result<Written> {
        let mut waiting = self.waiting.into_inner().unwrap_or_else(PoisonError::into_inner).rows;
        let mut file = self.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        waiting.finish_buffered_batch()?;
        let last = waiting.next_completed_batch();
        let Some(PartFile { mut stream, file }) = file.take() else {
            return Ok(Written::InMemory(last.unwrap_or_else(|| RecordBatch::new_empty(waiting.schema()))));
        };
        if let Some(last) = last {
            stream.write(&last)?;
        }
        stream.finish()?;
        let buffered = stream.into_inner()?;
        buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        Ok(Written::OnDisk(file))
    }
}

/// What rows take that are copied: the partitioner gives slices of one batch, each of which holds all of it.
fn bytes_of(rows: &RecordBatch) -> Result<usize> {
    let of_column = |column: &ArrayRef| {
        let texts = column.as_string_view_opt().map(StringViewArray::views);
        let bytes = column.as_binary_view_opt().map(BinaryViewArray::views);
        // What is beside a view counts, too: the low half of its first word is the length.
        let views = texts.or(bytes).map_or(&[][..], |views| views);
        let beside = views.iter().map(|view| (view & u128::from(u32::MAX)) as usize).sum::<usize>();
        column.to_data().get_slice_memory_size().map(|bytes| bytes + beside)
    };
    Ok(rows.columns().iter().map(of_column).sum::<std::result::Result<usize, _>>()?)
}

impl PartFile {
    fn create(schema: &Schema, context: &TaskContext) -> Result<Self> {
        let file = context.runtime_env().disk_manager.create_tmp_file("dividing rows into parts")?;
        let stream = StreamWriter::try_new(BufWriter::new(file.open_writer()?), schema)?;
        Ok(Self { stream, file })
    }
}

/// The rows of a part.
fn read(part: &Mutex<Option<Written>>) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
    let file = match part {
        Some(Written::InMemory(rows)) => return Ok(futures::stream::iter([Ok(rows)]).boxed()),
        Some(Written::OnDisk(file)) => file,
        // Who begins anew (the library's join without keys does) has not had the memory to keep its rows.
        None => return Err(DataFusionError::ResourcesExhausted("a part is read once".to_owned())),
    };
    let path = file.path().ok_or_else(|| DataFusionError::Internal("a file without a path".to_owned()))?;
    let batches = StreamReader::try_new_buffered(File::open(path)?, None)?;
    // The file is there for as long as its rows are read.
    let batches = batches.map(move |batch| {
        let _until_then = &file;
        batch.map_err(DataFusionError::from)
    });
    Ok(futures::stream::iter(batches).boxed())
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts {{ {} }}", self.properties.output_partitioning())
    }
}

impl DisplayAs for Parts {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts: {}", self.properties.output_partitioning())
    }
}

impl ExecutionPlan for Parts {
    fn name(&self) -> &'static str {
        "Parts"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for key in &self.keys {
            recursion = recursion.visit_sibling(|| apply(key))?;
        }
        Ok(recursion)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| DataFusionError::Internal("no input".to_owned()))?;
        Ok(Arc::new(Self::of(input, self.keys.clone(), self.count)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, part: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let write = || {
            let writing = write(Arc::clone(&self.input), self.keys.clone(), self.count, context);
            writing.map(|written| written.map(Arc::new).map_err(Arc::new)).boxed().shared()
        };
        let written = self.written.get_or_init(write).clone();
        let batches = futures::stream::once(async move {
            let AllParts(parts, _) = &*written.await.map_err(DataFusionError::Shared)?;
            // The tasks that waited for the last row all wake on one thread: each lets another thread have the next.
            tokio::task::yield_now().await;
            read(&parts[part])
        });
        let batches = RecordBatchStreamAdapter::new(self.schema(), batches.try_flatten().boxed());
        Ok(Box::pin(cooperative(batches)))
    }

    fn child_stats_requests(&self, _: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(of_the_input(inputs, &self.schema()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    #[test]
    fn rows_count_for_what_they_take_not_for_the_batch_they_are_a_slice_of() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4096));
        let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..4096).map(|n| format!("{n:010}"))));
        let batch = RecordBatch::try_from_iter([("numbers", numbers), ("words", words)]).unwrap();
        assert_eq!(64 * (8 + 10 + 4) + 4, bytes_of(&batch.slice(100, 64)).unwrap());
        let views: ArrayRef =
            Arc::new(StringViewArray::from_iter_values((0..4096).map(|n| format!("{n:050}"))));
        let batch = RecordBatch::try_from_iter([("views", views)]).unwrap();
        assert_eq!(64 * (16 + 50), bytes_of(&batch.slice(100, 64)).unwrap());
    }
}
