//! Stage 8: runs `queries/rollups/*.sql` over an export's own files.
//!
//! In: the files of the tables, Parquet or CSV. Out: one staged file for each query.
//! Guarantees: the same files give the same rows in the same order (every query orders by all its
//! keys); memory is 256 MB, past which `DataFusion` spills into the staging directory.
//! Not here: what a rollup means (the head of each query says it), publishing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use url::Url;

use crate::config::Format;
use crate::error::{Error, Result};
use crate::files::{StagedFile, Staging, TableWriter, Target};
use crate::tables::schema::{Kind, Table};

/// The contract's pool for rollups.
const POOL_BYTES: usize = 256 * 1024 * 1024;
/// More would divide the pool further; the machine's other cores gain little on one export.
const PARTITIONS: usize = 2;
/// Rows of a batch: small, for what operators hold outside the pool counts in batches.
const BATCH_ROWS: usize = 4096;
/// Batches between the query and the thread that writes its file.
const CHANNEL_BATCHES: usize = 2;

/// One question, answered by one file.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// The name: of its file, and of the table in the manifest after `rollups/`.
    pub name: &'static str,
    /// The text, with its header comment.
    pub sql: &'static str,
}

/// The queries of `queries/rollups/`, by name.
pub const QUERIES: [Query; 3] = [
    Query { name: "minutes_by_day", sql: include_str!("../queries/rollups/minutes_by_day.sql") },
    Query {
        name: "minutes_by_participant",
        sql: include_str!("../queries/rollups/minutes_by_participant.sql"),
    },
    Query { name: "minutes_by_session", sql: include_str!("../queries/rollups/minutes_by_session.sql") },
];

/// The columns that every rollup has after its keys: name, type, whether null can stand, meaning.
const MEASURES: [(&str, Kind, bool, &str); 4] = [
    ("participants", Kind::Int, false, "rows of participants"),
    ("connections", Kind::Int, false, "PEER_JOINING events"),
    (
        "duration_minutes",
        Kind::MinutesSum,
        true,
        "sum of participants.duration_minutes; null where none is known",
    ),
    (
        "minutes_consumed",
        Kind::MinutesSum,
        true,
        "sum of participants.minutes_consumed; null where none is known",
    ),
];

/// The files of one table, in order.
#[derive(Clone, Debug)]
pub struct TableSource {
    /// The table.
    pub table: Table,
    /// Its parts, staged or published.
    pub files: Vec<PathBuf>,
}

/// Runs every query, one after the other. Dropped, it leaves torn files in staging, nothing else.
///
/// # Errors
/// [`Error::Query`] where a query fails, [`Error::Output`] where the disk does.
pub async fn run(sources: &[TableSource], format: Format, staging: &Staging) -> Result<Vec<StagedFile>> {
    let spill = staging.dir().join("spill");
    fs::create_dir_all(&spill).map_err(Error::output("create", &spill))?;
    let session = session(sources, format, &spill).map_err(|source| failed("tables", source))?;
    let mut files = Vec::with_capacity(QUERIES.len());
    for query in QUERIES {
        files.push(run_query(&session, query, format, staging).await?);
    }
    drop(session);
    fs::remove_dir_all(&spill).map_err(Error::output("remove", &spill))?;
    Ok(files)
}

/// A session whose tables are the given files.
fn session(sources: &[TableSource], format: Format, spill: &Path) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new().with_target_partitions(PARTITIONS).with_batch_size(BATCH_ROWS);
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".to_owned());
    // Views keep whole decoded pages alive that the pool does not count.
    options.execution.parquet.schema_force_view_types = false;
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill.to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(POOL_BYTES)))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let session = SessionContext::new_with_config_rt(config, runtime);
    for source in sources {
        session.register_table(source.table.name(), Arc::new(listing(source, format)?))?;
    }
    Ok(session)
}

/// A table of the export as the engine reads it: with the schema's types, never with guessed ones.
fn listing(source: &TableSource, format: Format) -> Result<ListingTable, DataFusionError> {
    let urls = source
        .files
        .iter()
        .map(|file| {
            // By way of a URL: a path's own `*` and `[` are no pattern here.
            let url = fs::canonicalize(file).map(Url::from_file_path)?;
            let url =
                url.map_err(|()| DataFusionError::External(format!("no URL for {}", file.display()).into()))?;
            ListingTableUrl::try_new(url, None)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (reader, schema): (Arc<dyn FileFormat>, SchemaRef) = match format {
        Format::Parquet => (Arc::new(ParquetFormat::default()), source.table.arrow_schema()),
        Format::Csv | Format::CsvExcel => {
            let reader = CsvFormat::default().with_has_header(true).with_newlines_in_values(true);
            // The engine reads the empty string as null, also where a table has it in a required column.
            let fields: Vec<Field> = source
                .table
                .arrow_schema()
                .fields()
                .iter()
                .map(|field| field.as_ref().clone().with_nullable(true))
                .collect();
            (Arc::new(reader), Arc::new(Schema::new(fields)))
        }
    };
    let options = ListingOptions::new(reader).with_file_extension(format.extension());
    let config =
        ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config)
}

/// Runs one query into its file, written by a blocking thread.
async fn run_query(
    session: &SessionContext,
    query: Query,
    format: Format,
    staging: &Staging,
) -> Result<StagedFile> {
    let fail = |source| failed(query.name, source);
    let frame = session.sql(query.sql).await.map_err(fail)?;
    let schema = result_schema(frame.schema().as_arrow());
    let mut batches = frame.execute_stream().await.map_err(fail)?;

    let target = Target::Rollup { query: query.name.to_owned(), schema: SchemaRef::clone(&schema) };
    let mut writer = TableWriter::create(staging, target, format)?;
    let (to_writer, mut from_query) = tokio::sync::mpsc::channel::<RecordBatch>(CHANNEL_BATCHES);
    let writing = tokio::task::spawn_blocking(move || {
        while let Some(batch) = from_query.blocking_recv() {
            writer.write(&batch)?;
        }
        writer.close()
    });
    while let Some(batch) = batches.next().await {
        let batch = shaped(&batch.map_err(fail)?, &schema).map_err(|source| fail(source.into()))?;
        if to_writer.send(batch).await.is_err() {
            // The writer has ended: its error is the one to tell.
            break;
        }
    }
    drop(to_writer);
    let files = writing.await.map_err(|source| fail(DataFusionError::External(source.into())))??;
    let missing = || fail(DataFusionError::Internal("a rollup is one file".to_owned()));
    files.into_iter().next().ok_or_else(missing)
}

/// The columns of a query's result: measures as the contract types them, keys as the engine gives them.
fn result_schema(result: &Schema) -> SchemaRef {
    let fields = result.fields().iter().map(|field| {
        let measure = MEASURES.iter().find(|(name, ..)| name == field.name());
        let Some((name, kind, nullable, meaning)) = measure else {
            let data_type = match field.data_type() {
                DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
                other => other.clone(),
            };
            return Field::new(field.name(), data_type, true);
        };
        let metadata = [("description".to_owned(), (*meaning).to_owned())].into();
        Field::new(*name, kind.data_type(), *nullable).with_metadata(metadata)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch with the result's types; a value that does not fit is an error, never null.
fn shaped(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast_with_options(column, field.data_type(), &strict))
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(SchemaRef::clone(schema), columns)
}

fn failed(query: &str, source: DataFusionError) -> Error {
    Error::Query { query: query.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests;
