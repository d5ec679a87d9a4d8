//! Stage 6: record batches -> staged files: written, closed, synced, reopened and counted.
//!
//! In: the batches of one table, in row order. Out: [`StagedFile`]s below a [`Staging`] directory.
//! Guarantees: every table has at least one file, with zero rows if need be; the same batches give
//! the same bytes; a [`StagedFile`] is on disk and holds the rows that were written. Memory: one row
//! group (`parquet`) or one buffer (`csv`) a writer, and copies of the largest value.
//! Not here: where files end up and when readers see them (`publish`), what rows mean (`tables`).

mod claim;
pub(crate) mod csv;
mod hold;
mod parquet;
mod partitions;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use csv::{BOM, Cells, push_text};

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

pub use self::claim::Claim;
pub use self::hold::Hold;
pub use self::partitions::{DayOf, DayRows, PartitionFile, Partitioned, Partitions};
pub use self::whole::{Sink, WholeTables};

use crate::config::Format;
use crate::error::{Error, Result};
use crate::tables::Table;

/// A file is followed by the next part at this size: small enough to load in parallel and to upload
/// again, the middle of the 100 to 250 MB that Snowflake's and Redshift's loading guides ask for.
const PART_BYTES: u64 = 256 * 1024 * 1024;

/// The tool's own directory in an output.
pub(crate) const STATE_DIR: &str = ".rtk-export";

/// The directory in it where files are made.
const STAGING_DIR: &str = "staging";

/// What a writer writes: decides the name, the folder and the columns.
#[derive(Clone, Debug)]
pub enum Target {
    /// A table, in as many parts as it takes.
    Table(Table),
    /// The rows of a dataset's table that are of one day, in as many parts as it takes.
    Partition {
        /// The table.
        table: Table,
        /// The day of their sessions.
        day: NaiveDate,
        /// The export that made them: no other has files of these names.
        export_id: String,
    },
    /// A query's result, in one file.
    Rollup {
        /// The query's name.
        query: String,
        /// The result's columns.
        schema: SchemaRef,
    },
}

impl Target {
    /// The name in the manifest: `participants`, `rollups/minutes_by_day`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Table(table) | Self::Partition { table, .. } => table.name().to_owned(),
            Self::Rollup { query, .. } => format!("rollups/{query}"),
        }
    }

    /// The table whose rows they are; `None` of a query's result.
    #[must_use]
    pub const fn table(&self) -> Option<Table> {
        match self {
            Self::Table(table) | Self::Partition { table, .. } => Some(*table),
            Self::Rollup { .. } => None,
        }
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        match self {
            Self::Table(table) | Self::Partition { table, .. } => table.arrow_schema(),
            Self::Rollup { schema, .. } => SchemaRef::clone(schema),
        }
    }

    /// The path in the export of one part.
    fn path(&self, part: usize, format: Format) -> String {
        let extension = format.extension();
        match self {
            Self::Table(table) => format!("{}/part-{part:05}.{extension}", table.name()),
            Self::Partition { table, day, export_id } => {
                format!("{}/session_date={day}/part-{export_id}-{part:05}.{extension}", table.name())
            }
            Self::Rollup { query, .. } => format!("rollups/{query}.{extension}"),
        }
    }

    /// The size at which the next part begins.
    const fn part_bytes(&self) -> u64 {
        match self {
            Self::Table(_) | Self::Partition { .. } => PART_BYTES,
            Self::Rollup { .. } => u64::MAX,
        }
    }
}

/// A file that is complete and on disk, but not yet part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// The table's name in the manifest.
    pub table: String,
    /// Where it belongs in the export, with `/`: `participants/part-00000.parquet`.
    pub path: String,
    /// Where it is now.
    pub staged: PathBuf,
    /// Its rows, counted on reopening.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// The directory where files are made before they are published.
///
/// It is inside the output, so that publishing is a rename and never a copy.
#[derive(Clone, Debug)]
pub struct Staging {
    output: PathBuf,
    dir: PathBuf,
    /// The output is held as long as anybody may write here.
    _hold: Option<Arc<Hold>>,
}

impl Staging {
    /// The file that marks a swap as begun: see `publish`.
    pub(crate) const MANIFEST: &str = "manifest.json";
    /// The manifest of the export that a swap replaces, or of an older swap that was given up.
    pub(crate) const PREVIOUS_MANIFEST: &str = "previous-manifest.json";

    /// The staging directory of an output as it is, there or not.
    #[must_use]
    pub fn of(output: &Path) -> Self {
        Self { output: output.to_owned(), dir: output.join(STATE_DIR).join(STAGING_DIR), _hold: None }
    }

    /// Makes the staging directory of an output, empty: what an earlier try left there is removed.
    ///
    /// # Errors
    /// [`Error::Output`] where the output cannot be written.
    pub fn create(output: &Path) -> Result<Self> {
        Self::of(output).emptied()
    }

    /// The same in a directory of this machine's own, for an output that is elsewhere.
    ///
    /// # Errors
    /// [`Error::Output`] where it cannot be written.
    pub fn create_in(state: &Path) -> Result<Self> {
        Self { output: state.to_owned(), dir: state.join(STAGING_DIR), _hold: None }.emptied()
    }

    fn emptied(self) -> Result<Self> {
        let staging = self;
        fs::create_dir_all(&staging.dir).map_err(Error::output("create", &staging.dir))?;
        // First: without its files, a begun swap could not be finished and must not look so.
        let begun = staging.dir.join(Self::MANIFEST);
        if begun.exists() {
            let previous = staging.dir.join(Self::PREVIOUS_MANIFEST);
            let retired =
                if previous.exists() { fs::remove_file(&begun) } else { fs::rename(&begun, previous) };
            retired.map_err(Error::output("remove", begun))?;
            sync_dir(&staging.dir)?;
        }
        let listing = Error::output("list", &staging.dir);
        let entries = fs::read_dir(&staging.dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(listing)? {
            let path = entry.path();
            if entry.file_name() == Self::PREVIOUS_MANIFEST {
                continue;
            }
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(Error::output("remove", path))?;
        }
        Ok(staging)
    }

    /// The same, which shares the hold on its output.
    #[must_use]
    pub fn under(self, hold: Arc<Hold>) -> Self {
        Self { _hold: Some(hold), ..self }
    }

    /// Removes it with all that is in it: nothing will be published.
    ///
    /// # Errors
    /// [`Error::Output`] where the disk refuses.
    pub fn discard(&self) -> Result<()> {
        fs::remove_dir_all(&self.dir).map_err(Error::output("remove", &self.dir))
    }

    /// The output that the files are for.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// The directory itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// One file being written in one format.
trait Encoder: Send {
    /// Appends rows.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Bytes so far, in the file and waiting for it.
    fn size(&self) -> u64;
    /// Writes what is left and makes the file durable.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes the files of one table: batches in, [`StagedFile`]s out.
///
/// Blocking: belongs on a blocking thread. Dropped without [`close`](Self::close), it leaves torn
/// files in staging, which the next [`Staging::create`] removes.
pub struct TableWriter {
    target: Target,
    format: Format,
    dir: PathBuf,
    part_bytes: u64,
    first_part: usize,
    part: Part,
    staged: Vec<StagedFile>,
}

/// The file that a [`TableWriter`] is at.
struct Part {
    path: String,
    staged: PathBuf,
    encoder: Box<dyn Encoder>,
    rows: u64,
}

impl TableWriter {
    /// Opens the first file of a table, so that it is there even with zero rows.
    ///
    /// # Errors
    /// [`Error::Output`] where the file cannot be made.
    pub fn create(staging: &Staging, target: Target, format: Format) -> Result<Self> {
        Self::from_part(staging, target, format, 0)
    }

    /// The same, where parts of that table were written before: the number of the first file.
    fn from_part(staging: &Staging, target: Target, format: Format, first_part: usize) -> Result<Self> {
        let dir = staging.dir.clone();
        let part = Part::create(&dir, &target, first_part, format)?;
        let part_bytes = target.part_bytes();
        Ok(Self { target, format, dir, part_bytes, first_part, part, staged: Vec::new() })
    }

    /// Appends rows; the batch has the target's schema.
    ///
    /// # Errors
    /// [`Error::Output`] where the disk refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.part.encoder.size() >= self.part_bytes && batch.num_rows() > 0 {
            let number = self.first_part + self.staged.len() + 1;
            let next = Part::create(&self.dir, &self.target, number, self.format)?;
            let full = std::mem::replace(&mut self.part, next);
            self.staged.push(full.close(&self.target, self.format)?);
        }
        self.part.rows += batch.num_rows() as u64;
        self.part.encoder.write(batch)
    }

    /// Closes, syncs, reopens and counts the last file.
    ///
    /// # Errors
    /// [`Error::Output`] where the disk refuses, [`Error::RowsLost`] where it lies.
    pub fn close(mut self) -> Result<Vec<StagedFile>> {
        self.staged.push(self.part.close(&self.target, self.format)?);
        Ok(self.staged)
    }
}

impl Part {
    fn create(dir: &Path, target: &Target, index: usize, format: Format) -> Result<Self> {
        let path = target.path(index, format);
        let staged = dir.join(&path);
        if let Some(parent) = staged.parent() {
            fs::create_dir_all(parent).map_err(Error::output("create", parent))?;
        }
        let file = File::create(&staged).map_err(Error::output("create", &staged))?;
        let encoder: Box<dyn Encoder> = match format {
            Format::Parquet => Box::new(parquet::ParquetFile::create(file, &staged, target)?),
            Format::Csv => Box::new(csv::CsvFile::create(file, &staged, target, csv::Cells::Plain)?),
            Format::CsvExcel => Box::new(csv::CsvFile::create(file, &staged, target, csv::Cells::Excel)?),
        };
        Ok(Self { path, staged, encoder, rows: 0 })
    }

    fn close(self, target: &Target, format: Format) -> Result<StagedFile> {
        self.encoder.finish()?;
        let mut hashed = Hashed::open(&self.staged)?;
        let rows = match format {
            Format::Parquet => {
                hashed.read_all(&self.staged)?;
                parquet::count_rows(&self.staged)?
            }
            Format::Csv | Format::CsvExcel => csv::count_rows(&mut hashed, &self.staged)?,
        };
        if rows != self.rows {
            return Err(Error::RowsLost { path: self.staged, expected: self.rows, found: rows });
        }
        Ok(StagedFile {
            table: target.name(),
            path: self.path,
            staged: self.staged,
            rows,
            bytes: hashed.bytes,
            sha256: hex(&hashed.sha256.finalize()),
        })
    }
}

/// The size of a file and its SHA-256 in lower-case hexadecimal.
///
/// # Errors
/// [`Error::Output`] where it cannot be read.
pub fn sha256(path: &Path) -> Result<(u64, String)> {
    let mut hashed = Hashed::open(path)?;
    hashed.read_all(path)?;
    Ok((hashed.bytes, hex(&hashed.sha256.finalize())))
}

/// SHA-256 of bytes, in lower-case hexadecimal.
#[must_use]
pub fn sha256_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Some columns of a Parquet file, batch by batch, in the order that the file has them in. Blocks. The file has to
/// be known as this program's own: a damaged one can end the reader.
///
/// # Errors
/// What reading it gives.
pub(crate) fn read_columns(
    path: &Path,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    parquet::read_columns(path, columns)
}

/// A file as it is found.
#[derive(Debug)]
pub struct Inspected {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its rows, or why they cannot be counted.
    pub rows: Result<u64>,
}

/// Reads a whole file, of which nothing is taken for granted; memory is a buffer and a record. Blocks.
///
/// # Errors
/// [`Error::Output`] where it cannot be read.
pub fn inspect(path: &Path) -> Result<Inspected> {
    let mut hashed = Hashed::open(path)?;
    let is_csv = path.extension().is_some_and(|extension| extension == Format::Csv.extension());
    let of_csv = is_csv.then(|| csv::count_rows(&mut hashed, path));
    // What is no CSV any more has bytes nonetheless.
    hashed.read_all(path)?;
    let rows = of_csv.unwrap_or_else(|| parquet::count_rows(path));
    Ok(Inspected { bytes: hashed.bytes, sha256: hex(&hashed.sha256.finalize()), rows })
}

/// A file that is hashed while it is read.
struct Hashed {
    file: File,
    sha256: Sha256,
    bytes: u64,
}

impl Hashed {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::output("reopen", path))?;
        Ok(Self { file, sha256: Sha256::new(), bytes: 0 })
    }

    fn read_all(&mut self, path: &Path) -> Result<()> {
        io::copy(self, &mut io::sink()).map_err(Error::output("reopen", path))?;
        Ok(())
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Lower-case hexadecimal, as `sha256sum` prints it.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// Makes the names in a directory durable: a synced file whose directory is not can vanish.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::output("sync", dir))
}
