//! Settings of `sync`.

use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;

use super::settings::{self, Setting};
use super::{
    Api, Deadline, FetchConfig, KeepLog, OnWarning, OperationConfig, Origin, PlaceConfig, ShownSetting,
    StartMode,
};
use crate::error::Named;
use crate::model::Zone;

/// Settings of `sync`.
#[derive(Clone, Debug)]
pub struct SyncConfig {
    /// Whom to ask.
    pub api: Api,
    /// What and how fast.
    pub fetch: FetchConfig,
    /// Whether sessions are exported that have not ended.
    pub live: bool,
    /// Which days.
    pub days: SyncDays,
    /// The zone whose days they are; `None` for the dataset's own, or UTC where it is new.
    pub zone: Option<Zone>,
    /// Where the dataset is.
    pub place: PlaceConfig,
    /// Directory of the response log; `None` for `.rtk-export` in a directory.
    pub state_dir: Option<PathBuf>,
    /// Whether what an earlier process fetched is kept.
    pub start: StartMode,
    /// Whether the log outlives success.
    pub keep_log: KeepLog,
    /// What a warning does.
    pub on_warning: OnWarning,
    /// Whether to wait for another process.
    pub wait_lock: WaitLock,
    /// Whether the dataset may be replaced by one of other settings.
    pub anew: Anew,
    /// What to do with days that lost all sessions.
    pub empty_days: EmptyDays,
    /// When fetching stops, if it is not done by then.
    pub deadline: Option<Deadline>,
    /// Who is told how it went.
    pub operation: OperationConfig,
    /// Where this user's runs keep what they share; `None` where no such directory is known.
    pub user_state_dir: Option<PathBuf>,
    /// The command line, quoted for a shell.
    pub command_line: String,
    /// The settings as resolved, to be shown with `-v`.
    pub settings: Vec<ShownSetting>,
}

impl SyncConfig {
    /// What set a part of the identity that its dataset has, as far as one setting says it.
    #[must_use]
    pub fn set_by(&self, named: Named) -> Option<Origin> {
        let setting = match named {
            Named::Account => &settings::ACCOUNT_ID,
            Named::App => &settings::APP_ID,
            Named::TimeZone => &settings::DATASET_ZONE,
            Named::SchemaVersion | Named::Filters | Named::PeerEvents | Named::IncludeLive => return None,
        };
        let of = |setting: &Setting| self.settings.iter().find(|shown| shown.name == setting.name);
        // The simulated API has an account and an app of its own.
        let found = match (&self.api, named) {
            (Api::Sandbox, Named::Account | Named::App) => of(&settings::SANDBOX),
            _ => of(setting),
        };
        found.map(|shown| shown.origin.clone())
    }
}

/// Which days a `sync` exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncDays {
    /// The first; `None` to go on where the last `sync` came to.
    pub from: Option<NaiveDate>,
    /// The first that is not meant any more; only with a first one.
    pub to: Option<NaiveDate>,
    /// How many days before that it begins.
    pub lookback: u32,
    /// The most days of one commit, but for what the lookback asks for.
    pub per_commit: u32,
}

/// Whether to wait for another process that holds the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitLock {
    /// No: end with 6.
    No,
    /// At most so long; `None` until `--deadline`, or else for ever.
    UpTo(Option<Duration>),
}

/// Whether a dataset may be replaced by one of other settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// It is, by one commit.
    Wanted,
    /// What differs is refused.
    LeftOut,
}

/// What to do with a day that had sessions and has none now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyDays {
    /// It stays as it was: an API that lost a day is likelier than an app that did.
    Kept,
    /// It is emptied.
    Accepted,
}
