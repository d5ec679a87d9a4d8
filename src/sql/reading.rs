//! SQL -> a plan that reads, and nothing else.
//!
//! Guarantees: one statement, of a kind named here; its plan is looked through too, for a statement of
//! reading can have another within it.

use datafusion::error::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;

use crate::error::{Error, Result};

/// The plan of a query.
pub(super) async fn plan(state: &SessionState, name: &str, sql: &str) -> Result<LogicalPlan> {
    let invalid = |source: DataFusionError| Error::Sql {
        query: name.to_owned(),
        line: line(&source),
        source: Box::new(source),
    };
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(invalid)?;
    if let Some(kind) = writing(&statement) {
        return Err(Error::SqlNotReading { query: name.to_owned(), statement: kind });
    }
    let plan = state.statement_to_plan(statement).await.map_err(invalid)?;
    let only_reads =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_reads.verify_plan(&plan).map_err(|_| Error::SqlNotReading {
        query: name.to_owned(),
        statement: plan.display().to_string(),
    })?;
    Ok(plan)
}

/// The first word of a statement that does more than read.
fn writing(statement: &Statement) -> Option<String> {
    let reads = match statement {
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            ast::Statement::Query(_)
                | ast::Statement::Explain { .. }
                | ast::Statement::ExplainTable { .. }
                | ast::Statement::ShowTables { .. }
                | ast::Statement::ShowColumns { .. }
        ),
        Statement::Explain(explain) => return writing(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    };
    if reads {
        return None;
    }
    let text = statement.to_string();
    Some(text.split_whitespace().next().unwrap_or_default().to_owned())
}

/// The line of the text that an error is about, where the engine knows it.
fn line(error: &DataFusionError) -> Option<u64> {
    error.diagnostic()?.span.map(|span| span.start.line)
}
