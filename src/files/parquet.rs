//! Record batches -> one Parquet file.
//!
//! In: batches of one schema. Out: a durable file that warehouses load without options.
//! Guarantees: no clock and no random in the bytes; a row group is at most [`ROW_GROUP_BYTES`] and
//! one batch; the footer names the versions of schema and tool, the Arrow schema in it the meaning of
//! each column. Memory: an [`ArrowWriter`] holds its row group encoded until it is complete. While
//! its page is made, a single huge value costs 2.7 times its size again (encoded, with levels,
//! compressed), with statistics 4.7 times: measured with 50 MB of text that hardly compresses.
//! Not here: when a file is full, what its path is.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnPath;

use super::{Encoder, Target};
use crate::error::{Error, Result};
use crate::tables::schema::{Kind, SCHEMA_VERSION};

/// Encoded bytes of a row group. Six tables are open at once within the contract's 150 MB: over a
/// million participants a process with six busy writers peaks at 133 MB with 4 MiB, 180 MB with 8 MiB.
const ROW_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// A dictionary past this size is given up. Columns that repeat too little pay sooner without one: files of
/// peer events are 15% smaller than with the library's 1 MiB, 8% than with 256 KiB.
const DICTIONARY_BYTES: usize = 64 * 1024;

/// Pages of call statistics, of which a table has 40 columns that are open at once, against the library's
/// 1 MiB and 20,000 rows: until its page is made, a value in a dictionary takes eight bytes, however few
/// there are.
const STATISTICS_PAGE_BYTES: usize = 128 * 1024;
const STATISTICS_PAGE_ROWS: usize = 5_000;

/// Random UUIDs, most of the bytes here, are smallest and fastest at level 1; 3, 6 and 9 give larger
/// files. They stay plain: `DELTA_LENGTH_BYTE_ARRAY` would save 7%, but not every loader reads it.
const ZSTD_LEVEL: i32 = 1;

/// A Parquet file being written.
pub(super) struct ParquetFile {
    writer: ArrowWriter<File>,
    path: PathBuf,
}

impl ParquetFile {
    pub(super) fn create(file: File, path: &Path, target: &Target) -> Result<Self> {
        let writer = ArrowWriter::try_new(file, target.schema(), Some(properties(target)))
            .map_err(|source| failed("write", path, source))?;
        Ok(Self { writer, path: path.to_owned() })
    }
}

impl Encoder for ParquetFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|source| failed("write", &self.path, source))
    }

    fn size(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        // Not `into_inner`: it tells of a full disk in words only.
        self.writer.finish().map_err(|source| failed("write", &self.path, source))?;
        self.writer.inner().sync_all().map_err(Error::output("sync", self.path))
    }
}

/// The rows of a file by its footer, which also proves that it is complete.
pub(super) fn count_rows(path: &Path) -> Result<u64> {
    let file = File::open(path).map_err(Error::output("reopen", path))?;
    let reader = SerializedFileReader::new(file).map_err(|source| failed("reopen", path, source))?;
    Ok(reader.metadata().row_groups().iter().map(|group| group.num_rows().unsigned_abs()).sum())
}

/// Some columns of a file that is known to be whole, in this order.
pub(super) fn read_columns(
    path: &Path,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let file = File::open(path).map_err(Error::output("reopen", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|source| failed("reopen", path, source))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let batches = builder.with_projection(mask).build().map_err(|source| failed("reopen", path, source))?;
    let path = path.to_owned();
    Ok(batches.map(move |batch| batch.map_err(|source| failed("reopen", &path, source.into()))))
}

/// How a target's columns are encoded.
fn properties(target: &Target) -> WriterProperties {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("{} version {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![
            KeyValue::new("schema_version".to_owned(), SCHEMA_VERSION.to_string()),
            KeyValue::new("tool".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
            KeyValue::new("tool_version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]))
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_dictionary_enabled(false);
    if let Some(table) = target.table() {
        if table.is_statistics() {
            properties = properties
                .set_data_page_size_limit(STATISTICS_PAGE_BYTES)
                .set_data_page_row_count_limit(STATISTICS_PAGE_ROWS);
        }
        for column in table.columns() {
            let path = ColumnPath::from(column.name);
            properties = properties.set_column_dictionary_enabled(path.clone(), column.repeats);
            if column.kind == Kind::Json {
                // Nobody filters by the least JSON text, and a bound is a copy of a value of any size.
                properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
            }
        }
    }
    properties.build()
}

/// The library wraps the disk's errors: a full disk must be named as one.
fn failed(action: &'static str, path: &Path, source: ParquetError) -> Error {
    match source {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::Output { action, path: path.to_owned(), source: *source },
            Err(source) => {
                Error::Parquet { action, path: path.to_owned(), source: ParquetError::External(source) }
            }
        },
        source => Error::Parquet { action, path: path.to_owned(), source },
    }
}
