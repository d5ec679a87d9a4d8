//! Whether the joins of a plan can be hashed in memory.
//!
//! In: a plan and the pool's size. Out: whether it is worth trying.
//! Guarantees: none, for the planner only estimates rows: a join that turns out too large is sorted after
//! all. What is known to be too large is not tried, for all the work before the join would be done twice.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// What a row of an id, a number and their place in the table takes at least.
const ROW_BYTES: usize = 64;

/// Whether the side that each hash join keeps in memory may fit, as far as its rows are known.
pub(super) fn fit(plan: &Arc<dyn ExecutionPlan>, pool_bytes: usize) -> bool {
    let kept = plan.downcast_ref::<HashJoinExec>().and_then(|join| {
        let statistics =
            StatisticsContext::new().compute(join.left().as_ref(), &StatisticsArgs::new()).ok()?;
        statistics.num_rows.get_value().copied()
    });
    kept.is_none_or(|rows| rows.saturating_mul(ROW_BYTES) <= pool_bytes)
        && plan.children().into_iter().all(|child| fit(child, pool_bytes))
}
