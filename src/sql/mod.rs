//! The SQL engine: `DataFusion` over the tables of one export, as it is staged or published.
//!
//! In: an export's files, Parquet or CSV, and SQL with its parameters. Out: an [`Answer`], batch by batch.
//! Guarantees: tables have the schema's names and types, never guessed ones; SQL only reads, and nothing
//! but the export; parameters are bound as values, never pasted into the text; the session's time zone
//! is UTC; answers have plain types (`plain.rs`); memory is one pool of 256 MB for all queries of an engine
//! (`pool.rs` says what is not counted), past which it spills to disk.
//! Not here: what is asked (`rollups`, `queries/`), how an answer is written down.

pub(crate) mod columns;
mod parameters;
mod parts;
mod plain;
mod pool;
mod reading;
mod running;
mod tables;
#[cfg(test)]
mod tests;
mod turns;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::StreamExt;
use object_store::ObjectStore;
use url::Url;

pub use parameters::Parameters;
pub(crate) use plain::batch as retyped;
pub use tables::TableSource;

use crate::config::Format;
use crate::dataset;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::place::Place;
use crate::tables::schema::Table;
use pool::SharesPool;
use tables::Listed;

/// The contract's pool for rollups and SQL.
const POOL_BYTES: usize = 256 * 1024 * 1024;
/// More would divide the pool further; the machine's other cores gain little on one export.
const PARTITIONS: usize = 2;
/// Rows of a batch: small, for what operators hold outside the pool counts in batches.
const BATCH_ROWS: usize = 4096;

/// A part of what is done in turns is planned to take this part of the pool, which is about what a step gets
/// (`pool.rs`); one that turns out larger is sorted on disk.
const PARTS_OF_POOL: usize = 8;

/// What is kept for each sort to merge with, once it has spilled.
const MERGE_PART_OF_POOL: usize = 32;

/// Groups for each row of a part of the rows, above which parts are not grouped by themselves. With the
/// library's 0.8 the minutes of 300,000 sessions, of which each part had most, took twice the time.
const MOST_GROUPS_OF_A_PART: f64 = 0.3;

/// Where an engine puts what does not fit in its memory.
#[derive(Clone, Debug)]
pub enum Spill {
    /// A directory that is there and that somebody else removes.
    Directory(PathBuf),
    /// The system's directory for temporary files; removed with the engine.
    Temporary,
}

/// How rows that belong together are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joins {
    /// By a table of one side, in memory.
    Hashed,
    /// By sorting both sides, on disk if need be.
    Sorted,
}

/// A query ready to be begun.
struct Physical {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    /// Its columns in plain types.
    schema: SchemaRef,
}

/// SQL over the tables of one export or dataset.
#[derive(Clone)]
pub struct Engine {
    session: SessionContext,
    memory: Memory,
}

/// The bound of a query's memory.
#[derive(Clone)]
struct Memory {
    spill: Spill,
    pool_bytes: usize,
    /// Where the files are, unless on this machine's disks.
    store: Option<(Url, Arc<dyn ObjectStore>)>,
}

impl Memory {
    /// A pool of its own, all of it free.
    fn runtime(&self) -> Result<Arc<RuntimeEnv>, DataFusionError> {
        let mode = match &self.spill {
            Spill::Directory(dir) => DiskManagerMode::Directories(vec![dir.clone()]),
            Spill::Temporary => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(SharesPool::new(self.pool_bytes)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
            .build_arc()?;
        if let Some((url, store)) = &self.store {
            runtime.register_object_store(url, Arc::clone(store));
        }
        Ok(runtime)
    }
}

impl Engine {
    /// An engine whose tables are the given files; those that an export does not have (statistics that
    /// nobody asked for) have no rows.
    ///
    /// # Errors
    /// [`Error::Engine`] where a file is missing, or there is nowhere to spill to.
    pub fn over(sources: &[TableSource], format: Format, spill: Spill) -> Result<Self> {
        let listed = sources.iter().map(Listed::of).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Self::over_listed(listed, format, Memory { spill, pool_bytes: POOL_BYTES, store: None })
    }

    fn over_listed(mut listed: Vec<Listed>, format: Format, memory: Memory) -> Result<Self> {
        let engine = Self::without_tables(memory).map_err(failed)?;
        for table in Table::ALL {
            let place = listed.iter().position(|listed| listed.table == table && !listed.files.is_empty());
            let provider: Arc<dyn TableProvider> = match place {
                Some(place) => Arc::new(tables::listing(listed.swap_remove(place), format).map_err(failed)?),
                None => Arc::new(tables::empty(table)),
            };
            engine.session.register_table(table.name(), provider).map_err(failed)?;
        }
        Ok(engine)
    }

    /// An engine over what is published at a place, an export or a dataset, and the manifest of its files.
    ///
    /// # Errors
    /// [`Error::NotAnExport`] where nothing is, [`Error::FileChanged`] where a file is not as the manifest
    /// says; whatever reading it gives.
    pub async fn open(place: &Place) -> Result<(Self, Manifest)> {
        let manifest = dataset::published(place).await?.manifest;
        Ok((Self::of(place, &manifest)?, manifest))
    }

    /// An engine over the files that a manifest names.
    ///
    /// # Errors
    /// [`Error::FileChanged`] where a file is not as it says; the engine's own.
    pub fn of(place: &Place, manifest: &Manifest) -> Result<Self> {
        let (listed, format) = tables::published(place, manifest)?;
        let memory = Memory { spill: Spill::Temporary, pool_bytes: POOL_BYTES, store: place.store() };
        Self::over_listed(listed, format, memory)
    }

    /// An engine whose tables have all their columns and no rows: tells what a query would be.
    ///
    /// # Errors
    /// None in practice; the engine's own signatures have one.
    pub fn of_no_rows() -> Result<Self> {
        Self::over(&[], Format::Parquet, Spill::Temporary)
    }

    /// Adds a table of one Parquet file, which this process wrote.
    ///
    /// # Errors
    /// [`Error::Engine`] where the file is missing.
    pub fn add_parquet(&self, name: &str, file: &Path, schema: SchemaRef) -> Result<()> {
        let table = tables::parquet(file, schema).map_err(failed)?;
        self.session.register_table(name, Arc::new(table)).map(drop).map_err(failed)
    }

    fn without_tables(memory: Memory) -> Result<Self, DataFusionError> {
        let pool_bytes = memory.pool_bytes;
        let mut config = SessionConfig::new()
            .with_target_partitions(PARTITIONS)
            .with_batch_size(BATCH_ROWS)
            .with_information_schema(true);
        let options = config.options_mut();
        options.execution.time_zone = Some("UTC".to_owned());
        // Rows of a group are spread over the files: grouping parts of them first makes few groups of many
        // rows, and its tables take the memory that the groups themselves need.
        options.execution.skip_partial_aggregation_probe_ratio_threshold = MOST_GROUPS_OF_A_PART;
        options.execution.sort_spill_reservation_bytes = pool_bytes / MERGE_PART_OF_POOL;
        // Views keep whole decoded pages alive that the pool does not count.
        options.execution.parquet.schema_force_view_types = false;
        // A side that is done in turns cannot wait for what all parts of the other tell.
        options.optimizer.enable_join_dynamic_filter_pushdown = false;
        // So that a message can name the line.
        options.sql_parser.collect_spans = true;
        let session = SessionContext::new_with_config_rt(config, memory.runtime()?);
        Ok(Self { session, memory })
    }

    /// Makes a query's answer a table of a schema of its own, worked out whenever it is read.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn define(&self, schema: &str, name: &str, sql: &str) -> Result<()> {
        let plan = self.plan(name, sql, &Parameters::none()).await?;
        let view = Arc::new(ViewTable::new(plan, None));
        let catalogs = self.session.catalog_names();
        let catalog = catalogs.first().and_then(|catalog| self.session.catalog(catalog));
        let catalog = catalog.ok_or_else(|| failed(DataFusionError::Internal("no catalog".to_owned())))?;
        if catalog.schema(schema).is_none() {
            let empty = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(schema, empty).map_err(failed)?;
        }
        self.session.register_table(TableReference::partial(schema, name), view).map_err(failed)?;
        Ok(())
    }

    /// The columns that a query would answer with; nothing is read.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn columns(&self, name: &str, sql: &str, parameters: &Parameters) -> Result<SchemaRef> {
        let plan = self.plan(name, sql, parameters).await?;
        Ok(plain::schema(plan.schema().as_arrow()))
    }

    /// Asks a query, which messages call by its name, and waits for its first rows. Dropping the answer
    /// ends its work.
    ///
    /// # Errors
    /// [`Error::Sql`] where the text is no query over these tables, [`Error::SqlNotReading`] where it
    /// would do more than read, an error of the parameters where they do not fit, [`Error::Query`] and
    /// [`Error::QueryTooLarge`] where its work ends before its first rows.
    pub async fn query(&self, name: &str, sql: &str, parameters: &Parameters) -> Result<Answer> {
        let plan = self.plan(name, sql, parameters).await?;
        let hashed = self.physical(name, plan.clone(), Joins::Hashed).await?;
        match Self::begin(name, hashed).await {
            Err(Error::QueryTooLarge { .. }) => {}
            begun => return begun,
        }
        // Slower, but both sides of a join that is sorted go to disk.
        Self::begin(name, self.physical(name, plan, Joins::Sorted).await?).await
    }

    async fn physical(&self, name: &str, plan: LogicalPlan, joins: Joins) -> Result<Physical> {
        let schema = plain::schema(plan.schema().as_arrow());
        let mut state = self.session.state();
        if joins == Joins::Sorted {
            // Each partition sorts both sides, and what a sort merges with counts in batches.
            *state.config_mut() = state.config().clone().with_batch_size(BATCH_ROWS / 4);
            state.config_mut().options_mut().optimizer.prefer_hash_join = false;
            // What was tried before gives its memory back when its tasks see that they are no longer wanted.
            let runtime = self.memory.runtime().map_err(failed)?;
            state = SessionStateBuilder::new_from_existing(state).with_runtime_env(runtime).build();
        }
        let context = state.task_ctx();
        let plan = DataFrame::new(state, plan).create_physical_plan().await;
        let part_bytes = self.memory.pool_bytes / PARTS_OF_POOL;
        let plan = plan.and_then(running::totals);
        let plan = plan.and_then(|plan| turns::divide(plan, part_bytes, context.session_config().options()));
        Ok(Physical { plan: plan.map_err(|source| asked(name, source))?, context, schema })
    }

    async fn begin(name: &str, physical: Physical) -> Result<Answer> {
        let Physical { plan, context, schema } = physical;
        let batches = execute_stream(plan, context).map_err(|source| asked(name, source))?;
        let mut answer = Answer { name: name.to_owned(), schema, batches, first: None };
        answer.first = answer.next().await?;
        Ok(answer)
    }

    async fn plan(&self, name: &str, sql: &str, parameters: &Parameters) -> Result<LogicalPlan> {
        let plan = reading::plan(&self.session.state(), name, sql).await?;
        parameters.bind(name, plan)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("session", &self.session.session_id()).finish_non_exhaustive()
    }
}

/// The rows that answer a query, in its order.
pub struct Answer {
    name: String,
    schema: SchemaRef,
    batches: SendableRecordBatchStream,
    /// The rows that came while the query was begun.
    first: Option<RecordBatch>,
}

impl Answer {
    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Query`] where a row cannot be worked out, [`Error::QueryTooLarge`] where memory ends.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some(batch) = self.batches.next().await else { return Ok(None) };
        let batch = batch.and_then(|batch| Ok(plain::batch(&batch, &self.schema)?));
        batch.map(Some).map_err(|source| asked(&self.name, source))
    }

    /// An error of one of its rows, found while it is written down.
    pub(crate) fn failed(&self, source: ArrowError) -> Error {
        Error::Query { query: self.name.clone(), source: Box::new(source.into()) }
    }

    /// All rows at once, for an answer that is known to be small.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(batches)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("name", &self.name)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// What ended a query that was under way.
fn asked(query: &str, source: DataFusionError) -> Error {
    let (query, source) = (query.to_owned(), Box::new(source));
    if matches!(source.find_root(), DataFusionError::ResourcesExhausted(_)) {
        return Error::QueryTooLarge { query, source };
    }
    Error::Query { query, source }
}

/// What kept the engine from having its tables.
fn failed(source: DataFusionError) -> Error {
    Error::Engine { source: Box::new(source) }
}
