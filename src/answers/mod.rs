//! A query's answer, written down: one file per form.
//!
//! In: an [`Answer`], batch by batch. Out: text piece by piece, or a file.
//! Guarantees: every value exact in every form: decimals with all their digits, times in RFC 3339;
//! a file appears under its name only once it is whole; memory is a batch and what a form holds back.
//! Not here: asking, printing.

mod csv;
mod json;
mod parquet;
mod table;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use tempfile::NamedTempFile;

use crate::config::{AnswerForm, TextForm};
use crate::error::{Error, Result};
use crate::files::sync_dir;
use crate::sql::Answer;

/// A form that is text, written piece by piece.
trait Rendering {
    /// Appends what stands before the rows.
    fn head(&mut self, schema: &Schema, text: &mut String);

    /// Appends rows.
    fn rows(&mut self, batch: &RecordBatch, text: &mut String) -> Result<(), ArrowError>;

    /// Appends what was held back.
    fn end(&mut self, _text: &mut String) {}
}

/// Writes an answer as text, of which each piece is handed on as it is ready.
///
/// # Errors
/// The answer's own, or that of whoever takes the pieces.
pub async fn write_text(
    mut answer: Answer,
    form: TextForm,
    take: &mut (dyn FnMut(&str) -> Result<()> + Send),
) -> Result<()> {
    let mut form: Box<dyn Rendering + Send> = match form {
        TextForm::Table => Box::new(table::Table::default()),
        TextForm::Csv => Box::new(csv::Csv),
        TextForm::JsonLines => Box::new(json::JsonLines::default()),
    };
    let mut text = String::new();
    form.head(&answer.schema(), &mut text);
    while let Some(batch) = answer.next().await? {
        form.rows(&batch, &mut text).map_err(|source| answer.failed(source))?;
        take(&text)?;
        text.clear();
    }
    form.end(&mut text);
    take(&text)
}

/// Writes an answer to a file, which has its name only once it is whole.
///
/// # Errors
/// The answer's own, [`Error::AnswerFile`] where the disk refuses.
pub async fn write_file(mut answer: Answer, form: AnswerForm, path: &Path) -> Result<()> {
    let file = Unfinished::create(path)?;
    let AnswerForm::Text(form) = form else {
        let mut writer = parquet::ParquetAnswer::create(file, &answer)?;
        while let Some(batch) = answer.next().await? {
            writer.write(&batch)?;
        }
        return writer.close()?.finish();
    };
    let mut writer = BufWriter::new(file);
    let failed = |source| Error::AnswerFile { path: path.to_owned(), source };
    write_text(answer, form, &mut |text| writer.write_all(text.as_bytes()).map_err(failed)).await?;
    writer.into_inner().map_err(|error| failed(error.into_error()))?.finish()
}

/// A file beside the one that it is to be; gone when dropped.
#[derive(Debug)]
pub struct Unfinished {
    file: NamedTempFile,
    path: PathBuf,
}

impl Unfinished {
    /// Begins a file, as readable as any that the user makes.
    ///
    /// # Errors
    /// [`Error::AnswerNoFile`] where something else has the name, [`Error::AnswerFile`] where the disk
    /// refuses.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |source| Error::AnswerFile { path: path.to_owned(), source };
        // A rename would replace a device or a pipe.
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(Error::AnswerNoFile { path: path.to_owned() });
        }
        let mut builder = tempfile::Builder::new();
        // As any program's file, subject to the umask: a temporary file is its owner's alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.prefix(".rtk-export-").tempfile_in(folder(path)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Gives it its name: it is whole.
    ///
    /// # Errors
    /// [`Error::AnswerFile`] where the disk refuses.
    pub fn finish(self) -> Result<()> {
        let Self { file, path } = self;
        let failed = |source| Error::AnswerFile { path: path.clone(), source };
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        sync_dir(folder(&path))
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        File::flush(self.file.as_file_mut())
    }
}

/// The folder of a path.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
