//! The table that everything else of a report is asked of, made once.
//!
//! In: an engine over an export. Out: the same engine with the table `facts`, a row for each participant.
//! Guarantees: nothing of it stays: it is a file in a directory that goes with the report.
//! Not here: what its columns mean (`asking`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::asking::{Asking, FACTS};
use crate::error::{Error, Result};
use crate::sql::{self, Answer, Engine};

/// Rows that are kept until they are written: a few megabytes of ids.
const ROW_GROUP_ROWS: usize = 64 * 1024;
/// Batches between the query and the thread that writes.
const CHANNEL_BATCHES: usize = 2;

/// Makes the table; it is gone once what is given back is dropped.
pub(super) async fn make(engine: &Engine, asking: &Asking<'_>) -> Result<TempDir> {
    let scratch = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let path = scratch.path().join("facts.parquet");
    let query = asking.facts();
    let answer = engine.query("the report's facts", &query.sql, &query.parameters).await?;
    let schema = schema(asking.keys.len());
    write(answer, SchemaRef::clone(&schema), path.clone()).await?;
    engine.add_parquet(FACTS, &path, schema)?;
    Ok(scratch)
}

/// The columns of `facts`.
fn schema(keys: usize) -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let minutes = || DataType::Decimal128(38, 9);
    let keys = (0..keys).map(|place| (format!("k{place}"), DataType::Utf8));
    let named = |(name, kind): (&str, DataType)| (name.to_owned(), kind);
    let columns = [named(("session_id", DataType::Utf8))].into_iter().chain(keys).chain(
        [
            ("day", DataType::Date32),
            ("joined_at", time()),
            ("left_at", time()),
            ("connections", DataType::Int64),
            ("duration_minutes", minutes()),
            ("minutes_consumed", minutes()),
            ("view_type", DataType::Utf8),
        ]
        .map(named),
    );
    let fields = columns.map(|(name, kind)| Field::new(name, kind, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Writes an answer to a file, by a blocking thread.
async fn write(mut answer: Answer, schema: SchemaRef, path: PathBuf) -> Result<()> {
    let (to_writer, mut from_query) = tokio::sync::mpsc::channel::<RecordBatch>(CHANNEL_BATCHES);
    let writing = tokio::task::spawn_blocking(move || {
        let mut writer = Writer::create(&path, schema)?;
        while let Some(batch) = from_query.blocking_recv() {
            writer.write(&batch)?;
        }
        writer.close()
    });
    while let Some(batch) = answer.next().await? {
        if to_writer.send(batch).await.is_err() {
            // The writer has ended: its error is the one to tell.
            break;
        }
    }
    drop(to_writer);
    writing.await.map_err(|_| Error::StageEnded { stage: "report" })?
}

/// The file of `facts` being written.
struct Writer {
    parquet: ArrowWriter<File>,
    schema: SchemaRef,
    path: PathBuf,
}

impl Writer {
    fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        let file = File::create(path).map_err(Error::output("create", path))?;
        // It is read a few times and thrown away: fast to write before small.
        let properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let parquet = ArrowWriter::try_new(file, SchemaRef::clone(&schema), Some(properties));
        let parquet = parquet.map_err(|source| failed(path, source))?;
        Ok(Self { parquet, schema, path: path.to_owned() })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = sql::retyped(batch, &self.schema).map_err(|source| failed(&self.path, source.into()))?;
        self.parquet.write(&batch).map_err(|source| failed(&self.path, source))
    }

    fn close(self) -> Result<()> {
        self.parquet.close().map(drop).map_err(|source| failed(&self.path, source))
    }
}

fn failed(path: &Path, source: ParquetError) -> Error {
    Error::Parquet { action: "write", path: path.to_owned(), source }
}
