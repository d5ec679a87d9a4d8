//! The batches of all tables -> the files of an export, or of anything else that takes them.
//!
//! Guarantees: see [`Sink`]; of [`WholeTables`], that every table has a file, in the order of the manifest.
//! Memory: an open file a table.

use arrow::array::RecordBatch;

use super::{StagedFile, Staging, TableWriter, Target};
use crate::config::Format;
use crate::error::Result;
use crate::tables::{CallStatistics, Table};

/// Takes the batches of all tables.
pub trait Sink: Send {
    /// What comes of them.
    type Staged;

    /// Appends rows of a table; they have its schema.
    ///
    /// # Errors
    /// [`Error::Output`](crate::error::Error::Output) where the disk refuses.
    fn write(&mut self, table: Table, batch: &RecordBatch) -> Result<()>;

    /// Closes, syncs, reopens and counts what is open.
    ///
    /// # Errors
    /// [`Error::Output`](crate::error::Error::Output) where the disk refuses, [`Error::RowsLost`](crate::error::Error::RowsLost) where it lies.
    fn close(self) -> Result<Self::Staged>;
}

/// The files of an export: each table whole.
pub struct WholeTables {
    writers: Vec<(Table, TableWriter)>,
}

impl WholeTables {
    /// Opens the first file of every table.
    ///
    /// # Errors
    /// [`Error::Output`](crate::error::Error::Output) where one cannot be made.
    pub fn create(staging: &Staging, statistics: CallStatistics, format: Format) -> Result<Self> {
        let create = |table| Ok((table, TableWriter::create(staging, Target::Table(table), format)?));
        Ok(Self { writers: Table::of(statistics).map(create).collect::<Result<_>>()? })
    }
}

impl Sink for WholeTables {
    type Staged = Vec<StagedFile>;

    fn write(&mut self, table: Table, batch: &RecordBatch) -> Result<()> {
        let mut written = self.writers.iter_mut().filter(|(written, _)| *written == table);
        written.try_for_each(|(_, writer)| writer.write(batch))
    }

    fn close(self) -> Result<Vec<StagedFile>> {
        let mut staged = Vec::new();
        for (_, writer) in self.writers {
            staged.extend(writer.close()?);
        }
        Ok(staged)
    }
}
