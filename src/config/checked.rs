//! What a configuration comes to: the runs of its profiles, or what `config` tells of it.
//!
//! In: settings as resolved. Out: [`ProfileRun`], [`ConfigReport`].
//! Not here: resolving them (`resolve`), showing them (`ui`).

use std::path::PathBuf;

use super::{Api, FaceConfig, OperationConfig, Origin, RunConfig, ShownSetting, SyncConfig};
use crate::error::Error;

/// A job that nobody watches.
#[derive(Clone, Debug)]
pub enum Job {
    /// `run`
    Run(Box<RunConfig>),
    /// `sync`
    Sync(Box<SyncConfig>),
}

impl Job {
    /// The command's name.
    #[must_use]
    pub const fn command(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Sync(_) => "sync",
        }
    }

    /// Whom it asks.
    #[must_use]
    pub const fn api(&self) -> &Api {
        match self {
            Self::Run(run) => &run.api,
            Self::Sync(sync) => &sync.api,
        }
    }

    /// Who is told how it went.
    #[must_use]
    pub const fn operation(&self) -> &OperationConfig {
        match self {
            Self::Run(run) => &run.operation,
            Self::Sync(sync) => &sync.operation,
        }
    }

    /// The settings as resolved.
    #[must_use]
    pub fn settings(&self) -> &[ShownSetting] {
        match self {
            Self::Run(run) => &run.settings,
            Self::Sync(sync) => &sync.settings,
        }
    }
}

/// One of several profiles that are exported one after the other.
#[derive(Debug)]
pub struct ProfileRun {
    /// The profile.
    pub name: String,
    /// How its run is displayed.
    pub face: FaceConfig,
    /// What is to be done.
    pub job: Job,
}

/// What `config` found.
#[derive(Debug)]
pub struct ConfigReport {
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// What is to be shown, in the file's order.
    pub profiles: Vec<CheckedProfile>,
    /// All that is wrong, each once.
    pub faults: Vec<Error>,
    /// Whether it is for programs.
    pub as_json: bool,
}

/// The settings of a run and of a sync.
#[derive(Debug)]
pub struct CheckedProfile {
    /// The profile; `None` where there is none, or none was chosen.
    pub name: Option<String>,
    /// Every setting of `run` and of `sync`, in the order of their help.
    pub settings: Vec<CheckedSetting>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedSetting {
    /// The flag without dashes.
    pub name: &'static str,
    /// As text, never a secret, and what set it; `None` where it is not set and has no default.
    pub set: Option<(String, Origin)>,
    /// Which of the commands have it.
    pub of: Commands,
}

/// Which of the commands that a configuration file describes have a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commands {
    /// `run` and `sync`.
    Both,
    /// Only `run`.
    Run,
    /// Only `sync`.
    Sync,
}

impl Commands {
    /// Their names.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["run", "sync"],
            Self::Run => &["run"],
            Self::Sync => &["sync"],
        }
    }
}
