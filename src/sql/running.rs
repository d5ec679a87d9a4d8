//! Running totals, a batch at a time.
//!
//! In: a plan. Out: the same plan, where `SUM(x) OVER (PARTITION BY ... ORDER BY ... ROWS BETWEEN UNBOUNDED
//! PRECEDING AND CURRENT ROW)` over whole numbers is worked out in one pass over the sorted rows.
//! Guarantees: the same rows in the same order. The library's own step asks its accumulator for each row: 2.1
//! seconds of CPU for 3,000,000 rows of peak concurrency.
//! Not here: any other window, which stays the library's.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Builder, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::PlainAggregateWindowExpr;
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, InputOrderMode,
    PlanProperties, SendableRecordBatchStream, Statistics,
};
use futures::TryStreamExt;

/// Replaces the library's step wherever it sums whole numbers up to each row.
pub(super) fn totals(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.transform_up(|step| {
        Ok(match RunningTotal::of(&step) {
            Some(total) => Transformed::yes(Arc::new(total) as _),
            None => Transformed::no(step),
        })
    });
    replaced.map(|replaced| replaced.data)
}

/// A running total over sorted rows: a column more.
#[derive(Debug)]
pub(super) struct RunningTotal {
    /// The library's step, which knows what this one promises and needs.
    window: Arc<dyn ExecutionPlan>,
    value: Arc<dyn PhysicalExpr>,
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
}

impl RunningTotal {
    fn of(step: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let window = step.downcast_ref::<BoundedWindowAggExec>()?;
        let [total] = window.window_expr() else { return None };
        let sum = total.as_any().downcast_ref::<PlainAggregateWindowExpr>()?.get_aggregate_expr();
        let frame = total.get_window_frame();
        let is_up_to_the_row = frame.units == WindowFrameUnits::Rows
            && frame.start_bound.is_unbounded()
            && matches!(frame.start_bound, WindowFrameBound::Preceding(_))
            && matches!(frame.end_bound, WindowFrameBound::CurrentRow);
        // A filter shows in the name only.
        let is_plain = sum.fun().name() == "sum" && !sum.is_distinct() && !total.name().contains("FILTER");
        let [value] = <[_; 1]>::try_from(total.expressions()).ok()?;
        let is_whole = value.data_type(&window.input().schema()).ok()? == DataType::Int64;
        (is_up_to_the_row
            && is_plain
            && is_whole
            && !total.partition_by().is_empty()
            && window.input_order_mode == InputOrderMode::Sorted)
            .then(|| Self { window: Arc::clone(step), value, partition_by: total.partition_by().to_vec() })
    }
}

/// The total so far, and of whom.
struct SoFar {
    /// The last row's keys; none before the first row.
    keys: Option<Vec<ScalarValue>>,
    /// Null until a value was not.
    total: Option<i64>,
}

impl SoFar {
    /// The totals at each row of a batch that follows on the last one.
    fn add(
        &mut self,
        batch: &RecordBatch,
        value: &dyn PhysicalExpr,
        by: &[Arc<dyn PhysicalExpr>],
    ) -> Result<ArrayRef> {
        let rows = batch.num_rows();
        let values = value.evaluate(batch)?.into_array(rows)?;
        let values = values.as_primitive_opt::<Int64Type>();
        let values = values.ok_or_else(|| DataFusionError::Internal("not a whole number".to_owned()))?;
        let keys = by.iter().map(|key| key.evaluate(batch)?.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let keys_at =
            |row| keys.iter().map(|key| ScalarValue::try_from_array(key, row)).collect::<Result<_>>();
        let ranges = partition(&keys)?.ranges();
        let mut totals = Int64Builder::with_capacity(rows);
        for (n, range) in ranges.into_iter().enumerate() {
            if n > 0 || self.keys.as_ref() != Some(&keys_at(range.start)?) {
                self.total = None;
            }
            for row in range {
                if values.is_valid(row) {
                    // Wraps, as the engine's sums do.
                    self.total = Some(self.total.unwrap_or_default().wrapping_add(values.value(row)));
                }
                totals.append_option(self.total);
            }
        }
        if rows > 0 {
            self.keys = Some(keys_at(rows - 1)?);
        }
        Ok(Arc::new(totals.finish()))
    }
}

impl DisplayAs for RunningTotal {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningTotal: {}", self.value)
    }
}

impl ExecutionPlan for RunningTotal {
    fn name(&self) -> &'static str {
        "RunningTotal"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.window.children()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.window.input_distribution_requirements()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.window.required_input_ordering()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.window.maintains_input_order()
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.window.apply_expressions(apply)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let window = Arc::clone(&self.window).replace_children(children, options)?;
        // Over rows that are sorted in another way it is the library's again.
        Ok(Self::of(&window).map_or(window, |total| Arc::new(total) as _))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.children().into_iter().next().map(|input| input.execute(partition, context));
        let input = input.unwrap_or_else(|| Err(DataFusionError::Internal("no input".to_owned())))?;
        let (schema, value, by) = (self.schema(), Arc::clone(&self.value), self.partition_by.clone());
        let mut so_far = SoFar { keys: None, total: None };
        let batches = input.and_then(move |batch| {
            let batch = so_far.add(&batch, value.as_ref(), &by).and_then(|totals| {
                let columns = batch.columns().iter().cloned().chain([totals]).collect();
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            });
            std::future::ready(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.window.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.window.statistics_from_inputs(inputs, args)
    }
}
