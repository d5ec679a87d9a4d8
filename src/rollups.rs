//! Stage 8: runs the rollups' queries over an export's own files.
//!
//! In: the files of the tables, Parquet or CSV. Out: one staged file for each query.
//! Guarantees: the same files give the same rows in the same order (every query orders by all its
//! keys); memory is 256 MB, past which `DataFusion` spills into the staging directory.
//! Not here: what a rollup means (the head of each query says it), publishing.

use std::fs;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::config::Format;
use crate::error::{Error, Result};
use crate::files::{StagedFile, Staging, TableWriter, Target};
use crate::queries::Query;
use crate::sql::{self, Engine, Parameters, Spill, TableSource};
use crate::tables::schema::Kind;

/// Batches between the query and the thread that writes its file.
const CHANNEL_BATCHES: usize = 2;

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

/// Runs every query, one after the other. Dropped, it leaves torn files in staging, nothing else.
///
/// # Errors
/// [`Error::Query`] where a query fails, [`Error::Output`] where the disk does.
pub async fn run(
    queries: &[Query],
    sources: &[TableSource],
    format: Format,
    staging: &Staging,
) -> Result<Vec<StagedFile>> {
    let spill = staging.dir().join("spill");
    fs::create_dir_all(&spill).map_err(Error::output("create", &spill))?;
    let engine = Engine::over(sources, format, Spill::Directory(spill.clone()))?;
    let mut files = Vec::with_capacity(queries.len());
    for query in queries {
        files.push(run_query(&engine, query, format, staging).await?);
    }
    drop(engine);
    fs::remove_dir_all(&spill).map_err(Error::output("remove", &spill))?;
    Ok(files)
}

/// Runs one query into its file, written by a blocking thread.
async fn run_query(engine: &Engine, query: &Query, format: Format, staging: &Staging) -> Result<StagedFile> {
    let mut answer = engine.query(&query.called(), &query.sql, &Parameters::none()).await?;
    let schema = match query.file {
        // The contract's columns are the shipped queries'.
        None => with_measures(&answer.schema()),
        Some(_) => answer.schema(),
    };

    let target = Target::Rollup { query: query.name.clone().into_owned(), schema: SchemaRef::clone(&schema) };
    let mut writer = TableWriter::create(staging, target, format)?;
    let (to_writer, mut from_query) = tokio::sync::mpsc::channel::<RecordBatch>(CHANNEL_BATCHES);
    let writing = tokio::task::spawn_blocking(move || {
        while let Some(batch) = from_query.blocking_recv() {
            writer.write(&batch)?;
        }
        writer.close()
    });
    while let Some(batch) = answer.next().await? {
        let batch = sql::retyped(&batch, &schema).map_err(|source| failed(query, source))?;
        if to_writer.send(batch).await.is_err() {
            // The writer has ended: its error is the one to tell.
            break;
        }
    }
    drop(to_writer);
    let files = writing.await.map_err(|_| Error::StageEnded { stage: "rollups" })??;
    files.into_iter().next().ok_or(Error::StageEnded { stage: "rollups" })
}

/// The columns of a shipped query: measures as the contract types them, keys as the engine gives them.
fn with_measures(answer: &Schema) -> SchemaRef {
    let fields = answer.fields().iter().map(|field| {
        let measure = MEASURES.iter().find(|(name, ..)| name == field.name());
        let Some((name, kind, nullable, meaning)) = measure else {
            return Field::new(field.name(), field.data_type().clone(), true);
        };
        let metadata = [("description".to_owned(), (*meaning).to_owned())].into();
        Field::new(*name, kind.data_type(), *nullable).with_metadata(metadata)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn failed(query: &Query, source: ArrowError) -> Error {
    Error::Query { query: query.called().into_owned(), source: Box::new(source.into()) }
}

#[cfg(test)]
mod tests;
