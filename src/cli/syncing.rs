//! Options of `sync`.

use std::path::PathBuf;

use clap::Args;

use super::{AccountArgs, DATA, DISPLAY, FetchArgs, OUTPUT, OperationArgs};

/// Options of `sync`.
#[derive(Debug, Default, Args)]
pub struct SyncArgs {
    /// Whose data.
    #[command(flatten)]
    pub account: AccountArgs,

    /// First day to export again, such as 2026-10-01, in the dataset's zone: replaces the days from it
    /// to --to; of a new dataset the first day [default: --lookback before the last sync; of a new
    /// dataset the beginning]
    #[arg(long, value_name = "DATE", help_heading = DATA)]
    pub from: Option<String>,
    /// First day not to export again [default: tomorrow]
    #[arg(long, value_name = "DATE", requires = "from", help_heading = DATA)]
    pub to: Option<String>,
    /// How long before the last sync to look again, in whole days: records change a while after a
    /// session [default: 3d]
    #[arg(long, value_name = "DAYS", help_heading = DATA)]
    pub lookback: Option<String>,
    /// Time zone whose days the dataset is cut by, such as Europe/Paris; a dataset keeps its own
    /// [default: UTC]
    #[arg(long, value_name = "ZONE", help_heading = DATA)]
    pub tz: Option<String>,
    /// Also sessions that have not ended; without it, a day with such sessions is looked at again
    /// later
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = DATA)]
    pub include_live: Option<String>,
    /// What is asked about each of them, and how fast.
    #[command(flatten)]
    pub fetch: FetchArgs,

    /// Directory of the dataset, created if need be, or s3://, gs:// or az:// with a bucket and a path;
    /// required [env: RTK_EXPORT_OUTPUT]
    #[arg(short, long, value_name = "DIR|URL", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Directory of the response log; required where the output is a URL [default: .rtk-export in the
    /// output]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub state_dir: Option<PathBuf>,
    /// Drop what an interrupted sync has fetched, and fetch it anew
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub refresh: Option<String>,
    /// Keep the last response log (it holds personal data) after success [default: always]
    #[arg(long, value_name = "always|never", help_heading = OUTPUT)]
    pub keep_log: Option<String>,
    /// The most days that a backfill commits at once, 1 to 366 [default: 31]
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub days_per_commit: Option<String>,
    /// Wait while another process syncs to the output, at most so long; without a value until
    /// --deadline
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub wait_lock: Option<String>,
    /// Replace a dataset that was made with other settings, or is damaged, by one commit
    #[arg(long, help_heading = OUTPUT)]
    pub anew: bool,
    /// Empty days of which the API has no session any more; without it they stay as they were
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub accept_empty_days: Option<String>,
    /// Fail, and commit nothing, where the data gives a warning (other than digits_rounded)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub strict: Option<String>,

    /// How it is watched.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// Once for each profile of the file, one after the other, each to its own output; ends with the
    /// worst exit code
    #[arg(long, conflicts_with = "profile", help_heading = DISPLAY)]
    pub all_profiles: bool,
}
