//! The one error of the library: what failed, on what, what to do next, and the exit code.
//!
//! A failing id is data (a row of `failures`); an [`Error`] ends the command. Its `Display` is one
//! line without its own cause; the cause is its `source`. Only `ui.rs` prints.

use std::io;
use std::path::PathBuf;

/// The result of everything that can end the command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of ending an error is: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something broke; nothing was published.
    Failed,
    /// Usage, configuration, a list that is none, or an output that is finished or another's.
    Usage,
    /// 401 or 403: stopped at once, resumable.
    CredentialsRefused,
    /// The API is unreachable, or `--max-failures` was passed: stopped, resumable.
    Unreachable,
    /// Another process holds the output.
    Busy,
    /// Stopped by a signal with the log made durable: resumable.
    Interrupted(Signal),
}

/// The signals that stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A polite kill.
    Terminate,
}

impl Class {
    /// The exit code, as the contract has it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CredentialsRefused => 4,
            Self::Unreachable => 5,
            Self::Busy => 6,
            Self::Interrupted(Signal::Interrupt) => 130,
            Self::Interrupted(Signal::Terminate) => 143,
        }
    }
}

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- any stage ----
    /// The operating system refused something on a file or directory.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The verb: `read`, `create`, `sync`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    // ---- lists ----

    // ---- configuration ----

    // ---- fetch ----

    // ---- response log ----

    // ---- tables, files, publishing ----
    /// The operating system refused something on a file or directory of the export.
    #[error("cannot {action} {}", path.display())]
    Output {
        /// The verb: `create`, `write`, `sync`, `rename`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The Parquet library refused a file that this process wrote.
    #[error("cannot {action} the Parquet file {}", path.display())]
    Parquet {
        /// The verb: `write`, `reopen`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the library said.
        source: parquet::errors::ParquetError,
    },
    /// A value could not be rendered as a CSV field.
    #[error("cannot write a value to the CSV file {}", path.display())]
    CsvValue {
        /// On what.
        path: PathBuf,
        /// What the library said.
        source: arrow::error::ArrowError,
    },
    /// A CSV file that this process wrote does not read as CSV.
    #[error("cannot reopen the CSV file {}", path.display())]
    CsvCheck {
        /// On what.
        path: PathBuf,
        /// What the library said.
        source: csv::Error,
    },
    /// A file holds other rows than were written to it.
    #[error("{} holds {found} rows after {expected} were written", path.display())]
    RowsLost {
        /// The file.
        path: PathBuf,
        /// Rows written.
        expected: u64,
        /// Rows found on reopening.
        found: u64,
    },
    /// A file of the export has another size than the manifest says.
    #[error("{} is missing or not {expected} bytes long", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// Bytes that the manifest names.
        expected: u64,
    },
    /// A manifest that does not read as one.
    #[error("cannot read {} as a manifest", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Where it departs from the form.
        source: serde_json::Error,
    },
    /// A manifest of another schema version.
    #[error("{} has schema version {found}, this program knows {supported}", path.display())]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The version of this program.
        supported: u32,
    },
    // ---- rollups ----
    /// The engine could not answer a query over the export's files.
    #[error("cannot run the query {query} over the export")]
    Query {
        /// The query's name.
        query: String,
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
    // ---- sandbox ----
}

impl Error {
    /// An I/O error on a path, with the verb that failed.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// An I/O error on a path of the export, with the verb that failed.
    pub fn output(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Output { action, path, source }
    }

    /// What kind of ending this is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Io { .. }
            | Self::Output { .. }
            | Self::Parquet { .. }
            | Self::CsvValue { .. }
            | Self::CsvCheck { .. }
            | Self::RowsLost { .. }
            | Self::FileChanged { .. }
            | Self::Manifest { .. }
            | Self::SchemaVersion { .. }
            | Self::Query { .. } => Class::Failed,
        }
    }

    /// What to do next, as a command where possible.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, then run the same command again: what was fetched is kept".to_owned())
            }
            Self::Io { .. } => None,
            Self::Output { source, path, .. } => Some(match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space, then run the same command again: what was fetched is kept".to_owned()
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    format!("make {} writable, or choose another directory with --output", path.display())
                }
                _ => "run the same command again: what was fetched is kept".to_owned(),
            }),
            Self::RowsLost { .. } | Self::FileChanged { .. } | Self::CsvCheck { .. } => {
                Some("check the disk, then run the same command again: what was fetched is kept".to_owned())
            }
            Self::Parquet { .. } | Self::CsvValue { .. } => {
                Some("rtk-export rebuild makes the files again without a request".to_owned())
            }
            Self::Manifest { .. } => {
                Some("rtk-export rebuild writes the manifest again from the response log".to_owned())
            }
            Self::Query { .. } => {
                Some("run the same command again, or with --no-rollups: what was fetched is kept".to_owned())
            }
            Self::SchemaVersion { .. } => Some(
                "rtk-export rebuild with this version writes the files again from the response log"
                    .to_owned(),
            ),
        }
    }
}
