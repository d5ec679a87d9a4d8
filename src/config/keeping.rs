//! What `vacuum` and `files` are to do. All of it is only typed, but for what opens an object store.

use std::path::PathBuf;
use std::time::Duration;

use super::PlaceConfig;
use crate::cli::{FilesForm, VacuumFormat};

/// Settings of `vacuum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VacuumConfig {
    /// Where the dataset is.
    pub place: PlaceConfig,
    /// For how long files stay after they were replaced.
    pub grace: Duration,
    /// What is done.
    pub doing: Doing,
    /// How long to wait for another process; `None` for not at all.
    pub wait: Option<WaitFor>,
    /// Where a sync of it keeps its state, if told.
    pub state_dir: Option<PathBuf>,
    /// Form of the result.
    pub format: VacuumFormat,
}

/// Whether something is done or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It is done.
    Really,
    /// It is shown.
    Dry,
}

/// How long a process waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// So long.
    Duration(Duration),
    /// As long as it takes.
    Ever,
}

/// Settings of `files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesConfig {
    /// Where the dataset or the export is.
    pub place: PlaceConfig,
    /// The only table; `None` for all.
    pub table: Option<String>,
    /// Form of the list.
    pub form: FilesForm,
}
