//! Rows on disk, divided into parts by a hash of their keys.
//!
//! In: the rows of a step, by the tasks that work them out. Out: a part at a time, as often as there are parts,
//! each once.
//! Guarantees: a row is in the part of its keys, equal keys in one; nobody reads before all is written, so that
//! no task waits for another; a part's file is gone when it was read.
//! Not the library's repartitioning, which may also spill: its readers follow several writers through one queue,
//! and where the file that a reader waits for is not the one that is written next, all wait for ever.
//! Not here: which steps read parts, and when (`turns.rs`).

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
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
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::turns::row_bytes;

/// The rows of a step, in parts.
#[derive(Debug)]
pub(super) struct Parts {
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    count: usize,
    properties: Arc<PlanProperties>,
    /// There once all are written.
    written: Arc<OnceCell<Vec<Written>>>,
}

/// A part on disk, until it is read.
struct Written(Mutex<Option<Arc<dyn SpillFile>>>);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl Parts {
    pub(super) fn of(input: Arc<dyn ExecutionPlan>, keys: Vec<Arc<dyn PhysicalExpr>>, count: usize) -> Self {
        let mut equivalence = input.equivalence_properties().clone();
        equivalence.clear_orderings();
        equivalence.clear_per_partition_constants();
        let partitioning = Partitioning::Hash(keys.clone(), count);
        let properties =
            PlanProperties::new(equivalence, partitioning, input.pipeline_behavior(), input.boundedness());
        Self { input, keys, count, properties: Arc::new(properties), written: Arc::default() }
    }
}

/// Writes all rows of a step into their parts, by as many tasks as the step has.
async fn write(
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    parts: usize,
    context: Arc<TaskContext>,
) -> Result<Vec<Written>> {
    let rows = context.session_config().batch_size();
    let gathered = MemoryConsumer::new("Parts").register(context.memory_pool());
    gathered.grow(parts * rows * row_bytes(&input.schema()));
    let writers = (0..parts).map(|_| Writer::create(input.schema(), rows, &context).map(Mutex::new));
    let writers: Arc<Vec<_>> = Arc::new(writers.collect::<Result<_>>()?);
    let mut tasks = JoinSet::new();
    for task in 0..input.output_partitioning().partition_count() {
        let mut rows = input.execute(task, Arc::clone(&context))?;
        let mut partitioner = BatchPartitioner::new_hash_partitioner(keys.clone(), parts, Time::new())?;
        let writers = Arc::clone(&writers);
        tasks.spawn(async move {
            while let Some(batch) = rows.next().await {
                partitioner.partition(batch?, |part, rows| {
                    let mut writer = writers[part].lock().unwrap_or_else(PoisonError::into_inner);
                    writer.push(rows)
                })?;
            }
            Ok::<_, DataFusionError>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
    }
    let writers = Arc::into_inner(writers)
        .ok_or_else(|| DataFusionError::Internal("a task that has ended writes".to_owned()))?;
    let written = writers
        .into_iter()
        .map(|writer| writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish());
    written.collect()
}

/// The file of a part.
struct Writer {
    /// What is too few rows to be written.
    gathered: BatchCoalescer,
    stream: StreamWriter<BufWriter<Box<dyn SpillWriter>>>,
    file: Arc<dyn SpillFile>,
}

impl Writer {
    fn create(schema: SchemaRef, rows: usize, context: &TaskContext) -> Result<Self> {
        let file = context.runtime_env().disk_manager.create_tmp_file("dividing rows into parts")?;
        let stream = StreamWriter::try_new(BufWriter::new(file.open_writer()?), &schema)?;
        Ok(Self { gathered: BatchCoalescer::new(schema, rows), stream, file })
    }

    fn push(&mut self, rows: RecordBatch) -> Result<()> {
        self.gathered.push_batch(rows)?;
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        while let Some(batch) = self.gathered.next_completed_batch() {
            self.stream.write(&batch)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Written> {
        self.gathered.finish_buffered_batch()?;
        self.write()?;
        self.stream.finish()?;
        let buffered = self.stream.into_inner()?;
        buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        Ok(Written(Mutex::new(Some(self.file))))
    }
}

/// The rows of a part.
fn read(written: &Written) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let file = written.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    let twice = || DataFusionError::Internal("a part is read once".to_owned());
    let file = file.ok_or_else(twice)?;
    let open = File::open(file.path().ok_or_else(twice)?)?;
    let batches = StreamReader::try_new_buffered(open, None)?;
    // The file is there for as long as its rows are read.
    Ok(batches.map(move |batch| {
        let _until_then = &file;
        batch.map_err(DataFusionError::from)
    }))
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
        let (input, keys, parts) = (Arc::clone(&self.input), self.keys.clone(), self.count);
        let written = Arc::clone(&self.written);
        let batches = futures::stream::once(async move {
            let written = written.get_or_try_init(|| write(input, keys, parts, context)).await?;
            // The tasks that waited for the last row all wake on one thread: each lets another thread have the next.
            tokio::task::yield_now().await;
            Ok::<_, DataFusionError>(futures::stream::iter(read(&written[part])?))
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
        let unknown = || Arc::new(Statistics::new_unknown(&self.schema()));
        Ok(inputs.first().map_or_else(unknown, Arc::clone))
    }
}
