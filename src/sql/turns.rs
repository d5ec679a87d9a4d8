//! Work whose rows do not fit in memory, done in turns.
//!
//! In: a plan whose groups, joins and windows are worked out by [`PARTITIONS`] tasks, each of its share of the
//! keys. Out: the same plan, where a step that may not fit has its rows divided into more parts, on disk
//! (`parts.rs`), and each task works out its parts one after the other.
//! Guarantees: the same rows; the parts of a task are those of its share, so that later steps find the
//! distribution they were planned for. Without it, grouping would sort what it has whenever memory ends, and
//! merge it all at the end (about twice the time on 3,000,000 participants), and a join would begin anew, sorted.
//! Not here: who gets how much memory (`pool.rs`).

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, MutableArrayData, RecordBatch, RecordBatchOptions, make_array};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions, replace_children_if_necessary,
};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputOrderMode, Partitioning,
    PlanProperties, SendableRecordBatchStream, Statistics,
};
use futures::{StreamExt, TryStreamExt};

use super::PARTITIONS;
use super::parts::{Parts, of_the_input, without_order};
use super::running::RunningTotal;

/// Parts of rows whose number nobody knows (those of CSV files).
const PARTS_OF_UNKNOWN: usize = 16;
/// More would be many open files, and small ones.
const MOST_PARTS: usize = 64;
/// Rows that a session is taken to have: four people, of whom each joined twice.
const ROWS_OF_A_SESSION: usize = 12;
/// What a row is taken to need beside its values: its place in a hash table that is half full.
const PLACE_BYTES: usize = 40;
/// What a text is taken to need: an id and where it ends.
const TEXT_BYTES: usize = 40;

/// Divides the steps of a plan that may not fit, so that a part needs at most so many bytes. A plan with a step
/// that relies on what turns do not keep, an order of the rows, stays as it is.
pub(super) fn divide(
    plan: Arc<dyn ExecutionPlan>,
    part_bytes: usize,
    options: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let by_session = !plan.exists(|step| Ok(step.children().len() > 1 && !step.is::<UnionExec>()))?;
    let divided = Arc::clone(&plan).transform_up(|step| {
        if step.is::<SortMergeJoinExec>() {
            // One task reads the second side before another does, whose rows would wait in memory.
            let waiting = Spread { parts: PARTITIONS, by_session: false }.over(&step)?;
            return Ok(waiting.map_or_else(|| Transformed::no(step), Transformed::yes));
        }
        let Some(needed) = parts_needed(&step, part_bytes) else { return Ok(Transformed::no(step)) };
        let spread = Spread { parts: parts_below(&step, needed).unwrap_or(needed), by_session };
        let turns = spread.over(&step)?.map(|step| Turns::of(step, PARTITIONS));
        Ok(turns.map_or_else(|| Transformed::no(step), |turns| Transformed::yes(Arc::new(turns) as _)))
    });
    let kept = divided
        .map(|divided| divided.data)
        .and_then(|divided| SanityCheckPlan::new().optimize(divided, options));
    Ok(kept.unwrap_or(plan))
}

/// Into how many parts a step has to be divided, where it can and has to.
fn parts_needed(step: &Arc<dyn ExecutionPlan>, part_bytes: usize) -> Option<usize> {
    let input = *step.children().first()?;
    // What the step keeps: its rows as they are, or the groups of them.
    let (kept, rows_of_one) = if let Some(grouping) = step.downcast_ref::<AggregateExec>() {
        let is_hashed = *grouping.mode() == AggregateMode::FinalPartitioned
            && *grouping.input_order_mode() == InputOrderMode::Linear;
        let by_session = matches!(grouping.group_expr().expr(), [(key, _)] if is_session(key));
        is_hashed.then_some((step, if by_session { ROWS_OF_A_SESSION } else { 1 }))?
    } else if let Some(join) = step.downcast_ref::<HashJoinExec>() {
        (*join.partition_mode() == PartitionMode::Partitioned).then_some((input, 1))?
    } else if step.is::<RunningTotal>() || step.is::<BoundedWindowAggExec>() || step.is::<WindowAggExec>() {
        (input, 1)
    } else {
        return None;
    };
    let statistics = StatisticsContext::new().compute(input.as_ref(), &StatisticsArgs::new()).ok()?;
    let rows = match statistics.num_rows {
        Precision::Exact(rows) | Precision::Inexact(rows) => rows / rows_of_one,
        Precision::Absent => return Some(PARTS_OF_UNKNOWN),
    };
    let bytes = rows.saturating_mul(row_bytes(&kept.schema()) + PLACE_BYTES);
    let parts = bytes.div_ceil(part_bytes.max(1));
    (parts > PARTITIONS).then(|| parts.min(MOST_PARTS).next_power_of_two())
}

/// What the values of a row are taken to need.
fn row_bytes(schema: &Schema) -> usize {
    let width = |bytes: Option<usize>| bytes.unwrap_or(TEXT_BYTES);
    schema.fields().iter().map(|field| width(field.data_type().primitive_width())).sum()
}

/// The parts that a step's rows are in already, where that is enough of them or they cannot be divided anew.
fn parts_below(step: &Arc<dyn ExecutionPlan>, needed: usize) -> Option<usize> {
    step.children().into_iter().find_map(|input| match input.downcast_ref::<Turns>() {
        Some(turns) => Some(turns.parts()),
        None if input.is::<RepartitionExec>() => parts_below(input, needed).filter(|&parts| parts >= needed),
        None if is_of_each_part(input) => parts_below(input, needed),
        None => None,
    })
}

/// Whether a step works on each part by itself.
fn is_of_each_part(step: &Arc<dyn ExecutionPlan>) -> bool {
    let is_partial = |grouping: &AggregateExec| *grouping.mode() == AggregateMode::Partial;
    step.is::<ProjectionExec>()
        || step.downcast_ref::<SortExec>().is_some_and(SortExec::preserve_partitioning)
        || step.downcast_ref::<AggregateExec>().is_some_and(is_partial)
}

/// Whether a key is the id of a session.
fn is_session(key: &Arc<dyn PhysicalExpr>) -> bool {
    key.downcast_ref::<Column>().is_some_and(|column| column.name() == "session_id")
}

/// How rows are spread over parts.
#[derive(Clone, Copy)]
struct Spread {
    parts: usize,
    /// Whether all rows of a session go to one part where a step has its id among its keys: then a step that
    /// follows and has it too finds its rows together. A session that is larger than a part is sorted on disk.
    /// Not where a join relies on all of the keys.
    by_session: bool,
}

impl Spread {
    /// The step over rows in parts, where all its inputs are rows that are spread by a hash.
    fn over(self, step: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let inputs: Option<Vec<_>> = step.children().into_iter().map(|input| self.input(input)).collect();
        let Some(inputs) = inputs else { return Ok(None) };
        let inputs = inputs.into_iter().collect::<Result<Vec<_>>>()?;
        replace_children_if_necessary(Arc::clone(step), inputs).map(Some)
    }

    /// An input spread over the parts instead of [`PARTITIONS`]; `None` where it is no such input.
    fn input(self, input: &Arc<dyn ExecutionPlan>) -> Option<Result<Arc<dyn ExecutionPlan>>> {
        if let Some(repartition) = input.downcast_ref::<RepartitionExec>() {
            return self.repartitioned(repartition).map(Ok);
        }
        if let Some(turns) = input.downcast_ref::<Turns>() {
            let each = || Turns::of(Arc::clone(&turns.input), self.parts);
            return (turns.parts() == self.parts).then(|| Ok(Arc::new(each()) as _));
        }
        let below = is_of_each_part(input).then(|| input.children().into_iter().next())??;
        let spread = self.input(below)?;
        Some(spread.and_then(|below| replace_children_if_necessary(Arc::clone(input), vec![below])))
    }

    /// Rows that were to be spread here: where they are in their parts already they stay there.
    fn repartitioned(self, repartition: &RepartitionExec) -> Option<Arc<dyn ExecutionPlan>> {
        let Partitioning::Hash(keys, PARTITIONS) = repartition.partitioning() else { return None };
        if repartition.preserve_order() {
            return None;
        }
        let session = keys.iter().find(|key| self.by_session && is_session(key));
        let keys = session.map_or_else(|| keys.clone(), |key| vec![Arc::clone(key)]);
        let together = |input: &Arc<dyn ExecutionPlan>| {
            matches!(input.output_partitioning(), Partitioning::Hash(by, parts) if *parts == self.parts
                && by.iter().map(AsRef::as_ref).eq(keys.iter().map(AsRef::as_ref)))
        };
        let below = self.input(repartition.input()).and_then(Result::ok).filter(together);
        below.or_else(|| Some(Arc::new(Parts::of(Arc::clone(repartition.input()), keys, self.parts))))
    }
}

/// The parts of a step, one after the other: the first of `n` tasks has the parts 0, `n`, 2 `n`, ... As many tasks
/// as parts are below another step that is divided: then its turns are those of this one.
#[derive(Debug)]
struct Turns {
    input: Arc<dyn ExecutionPlan>,
    tasks: usize,
    properties: Arc<PlanProperties>,
}

impl Turns {
    fn of(input: Arc<dyn ExecutionPlan>, tasks: usize) -> Self {
        let partitioning = match input.output_partitioning() {
            // A row's part is the remainder of its hash, and so is its task.
            Partitioning::Hash(keys, parts) if parts.is_multiple_of(tasks) => {
                Partitioning::Hash(keys.clone(), tasks)
            }
            _ => Partitioning::UnknownPartitioning(tasks),
        };
        let properties = without_order(&input, partitioning);
        Self { input, tasks, properties }
    }

    fn parts(&self) -> usize {
        self.input.output_partitioning().partition_count()
    }
}

/// A copy that shares no memory with others. Groups come as slices of all groups of their part, and a sort counts
/// for each slice what it keeps alive: the part. It would spill at every second batch.
fn whole(batch: &RecordBatch) -> Result<RecordBatch> {
    let copied = |column: &ArrayRef| -> Result<ArrayRef, ArrowError> {
        let data = column.to_data();
        let mut copy = MutableArrayData::new(vec![&data], false, data.len());
        copy.try_extend(0, 0, data.len())?;
        Ok(make_array(copy.freeze()))
    };
    let columns = batch.columns().iter().map(copied).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

impl DisplayAs for Turns {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Turns: parts={}, tasks={}", self.parts(), self.tasks)
    }
}

impl ExecutionPlan for Turns {
    fn name(&self) -> &'static str {
        "Turns"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| DataFusionError::Internal("no input".to_owned()))?;
        Ok(Arc::new(Self::of(input, self.tasks)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, task: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = Arc::clone(&self.input);
        // A part's memory is free before the next one begins.
        let batches = futures::stream::iter((task..self.parts()).step_by(self.tasks))
            .map(move |part| input.execute(part, Arc::clone(&context)))
            .try_flatten()
            .and_then(|batch| std::future::ready(whole(&batch)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
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

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
