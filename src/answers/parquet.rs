//! A Parquet file with the answer's columns.

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use arrow::array::RecordBatch;

use super::Unfinished;
use crate::error::{Error, Result};
use crate::sql::Answer;

/// Encoded bytes of a row group: what the writer holds in memory.
const ROW_GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A Parquet file being written.
pub(super) struct ParquetAnswer {
    writer: ArrowWriter<Unfinished>,
    path: std::path::PathBuf,
}

impl ParquetAnswer {
    pub(super) fn create(file: Unfinished, answer: &Answer) -> Result<Self> {
        let path = file.path.clone();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        let writer = ArrowWriter::try_new(file, answer.schema(), Some(properties));
        Ok(Self { writer: writer.map_err(|source| failed(&path, source))?, path })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|source| failed(&self.path, source))
    }

    /// Writes the footer; the file is still to be finished.
    pub(super) fn close(self) -> Result<Unfinished> {
        let Self { writer, path } = self;
        writer.into_inner().map_err(|source| failed(&path, source))
    }
}

fn failed(path: &std::path::Path, source: ParquetError) -> Error {
    Error::AnswerFile { path: path.to_owned(), source: std::io::Error::other(source) }
}
