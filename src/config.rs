//! What the commands are to do, resolved once and frozen: flag over environment over file over default.
//!
//! In: what was typed, the environment, the configuration file, the token's file. Out: [`Resolved`],
//! of which each stage takes its own small struct.
//! Guarantees: the only reader of environment variables; everything is checked before anything is
//! sent or written; the token can only be exposed on purpose ([`ApiToken::expose`]).
//! Not here: reading lists, creating directories.

mod checked;
mod file;
mod filters;
mod keeping;
mod operation;
mod otlp;
mod places;
mod report;
mod resolve;
pub mod settings;
mod sources;
mod store_url;
mod sync;
#[cfg(test)]
mod tests;
mod token;
mod token_command;
mod values;
mod verify;
mod window;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use checked::{CheckedProfile, CheckedSetting, Commands, ConfigReport, Job, ProfileRun};
pub(crate) use file::line_of;
pub use filters::{Filter, Filters};
pub use keeping::{DatasetConfig, Doing, FilesConfig, SchemaConfig, VacuumConfig, WaitFor};
pub use operation::{Deadline, HealthUrl, OperationConfig, TellingFile};
pub use otlp::OtlpConfig;
pub use places::{PlaceConfig, RemoteConfig, StoreVariables, StoredList, credential_variables};
pub use report::{ListsConfig, MinutesKind, ReportConfig, ReportFormat, ReportKey, ReportSource};
pub use resolve::resolve;
pub use sources::{Environment, Origin, ShownSetting};
pub use store_url::{StoreKind, StoreUrl, UrlFault};
pub use sync::{Anew, EmptyDays, SyncConfig, SyncDays, WaitLock};
pub use token::{ApiToken, TokenFault};
pub use token_command::TokenCommandFault;
pub(crate) use values::is_loopback;
pub use values::{FetchMode, KeepLog, LogFormat, ProgressMode, RequestRate, StatsSource};
pub use verify::{Against, VerifyApi, VerifyAt, VerifyConfig};
pub use window::{Moment, SetTime, WindowConfig};

use crate::cli::{CompletionsArgs, DoctorFormat, ManArgs, PlanFormat};
use crate::error::Result;
use crate::model::{ParticipantId, SessionId};
use crate::sandbox::SandboxArgs;

/// What was typed, resolved. The face is there even where the rest is wrong, to show the error with.
#[derive(Debug)]
pub struct Resolved {
    /// How it is displayed.
    pub face: FaceConfig,
    /// The command, as those are told of it who are told how a job went.
    pub name: &'static str,
    /// Who is told where a run's settings are wrong: as many as could be resolved.
    pub operation: OperationConfig,
    /// What to do, or what is wrong with it.
    pub command: Result<CommandConfig>,
}

/// A command and its settings.
#[derive(Debug)]
pub enum CommandConfig {
    /// `run`, `sync`
    Job(Job),
    /// The same with `--all-profiles`
    Profiles(Vec<ProfileRun>),
    /// `plan`
    Plan(Box<PlanConfig>),
    /// `rebuild`
    Rebuild(RebuildConfig),
    /// `report`
    Report(Box<ReportConfig>),
    /// `query`
    Query(QueryConfig),
    /// `verify`
    Verify(Box<VerifyConfig>),
    /// `files`
    Files(FilesConfig),
    /// `vacuum`
    Vacuum(VacuumConfig),
    /// `schema`
    Schema(Box<SchemaConfig>),
    /// `doctor`
    Doctor(DoctorConfig),
    /// `sandbox`
    Sandbox(SandboxArgs),
    /// `config`
    Config(ConfigReport),
    /// `completions`
    Completions(CompletionsArgs),
    /// `man`
    Man(ManArgs),
}

/// Settings of `run`.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The lists as typed, in the order given; `-` (stdin) at most once.
    pub lists: Vec<String>,
    /// Which of them are in object stores.
    pub stored_lists: Vec<StoredList>,
    /// Which sessions are discovered; there where there is no list.
    pub window: Option<WindowConfig>,
    /// Whom to ask.
    pub api: Api,
    /// What and how fast.
    pub fetch: FetchConfig,
    /// Where to and in which form.
    pub output: OutputConfig,
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

/// Settings of `plan`.
#[derive(Clone, Debug)]
pub struct PlanConfig {
    /// The lists as typed, as for `run`.
    pub lists: Vec<String>,
    /// Which of them are in object stores.
    pub stored_lists: Vec<StoredList>,
    /// Which sessions are discovered, as for `run`.
    pub window: Option<WindowConfig>,
    /// Whom to ask; `None` where nothing is sent.
    pub api: Option<Api>,
    /// What and how fast.
    pub fetch: FetchConfig,
    /// Whether sessions are counted.
    pub counting: Counting,
    /// For people or for programs.
    pub format: PlanFormat,
    /// Where this user's runs keep what they share; `None` where no such directory is known.
    pub user_state_dir: Option<PathBuf>,
    /// The settings as resolved, to be shown with `-v`.
    pub settings: Vec<ShownSetting>,
}

/// Whether a plan counts each session's participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// A request per session.
    Each,
    /// None.
    Nothing,
}

/// Settings of `rebuild`.
#[derive(Clone, Debug)]
pub struct RebuildConfig {
    /// Directory of the export whose log is read.
    pub export: PathBuf,
    /// Directory to write to; `None` for in place.
    pub destination: Option<PathBuf>,
    /// Directory of the response log; `None` for `.rtk-export` in the export.
    pub state_dir: Option<PathBuf>,
    /// The form; `None` for that in which the export was made.
    pub format: Option<Format>,
    /// Whether rollups are made.
    pub rollups: Rollups,
    /// Directory of a user's own queries, made into rollups too.
    pub queries: Option<PathBuf>,
    /// What a warning does.
    pub on_warning: OnWarning,
    /// The settings as resolved, to be shown with `-v`.
    pub settings: Vec<ShownSetting>,
}

/// Settings of `doctor`.
#[derive(Clone, Debug)]
pub struct DoctorConfig {
    /// Whom to ask.
    pub api: Api,
    /// The session to look at.
    pub session: Option<SessionId>,
    /// The participant of it to look at.
    pub participant: Option<ParticipantId>,
    /// The quota as far as it is known here.
    pub rate: Rate,
    /// The share of the quota left to others, 0 to 99.
    pub reserve_percent: u8,
    /// Time allowed to one try.
    pub timeout: Duration,
    /// Form of the report.
    pub format: DoctorFormat,
    /// Where this user's runs keep what they share; `None` where no such directory is known.
    pub user_state_dir: Option<PathBuf>,
    /// The settings as resolved, to be shown with `-v`.
    pub settings: Vec<ShownSetting>,
}

/// Settings of `query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryConfig {
    /// Show the queries that come with the tool.
    List,
    /// Ask a query.
    Ask {
        /// Where the export or the dataset is.
        export: PlaceConfig,
        /// SQL, a file of it, `-` for stdin, or the name of a shipped query.
        query: String,
        /// Values by their names.
        parameters: Vec<(String, String)>,
        /// Where the answer goes, and in which form.
        answer: AnswerTo,
    },
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerTo {
    /// To stdout, as text.
    Stdout(TextForm),
    /// To a file.
    File(PathBuf, AnswerForm),
}

/// The form of an answer in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// Text.
    Text(TextForm),
    /// Apache Parquet.
    Parquet,
}

/// The form of an answer as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Aligned columns, for people.
    Table,
    /// RFC 4180, as an export's files.
    Csv,
    /// An object a line.
    JsonLines,
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub enum Api {
    /// The simulated API, started in-process: its address and token are known once it runs.
    Sandbox,
    /// An API that is there.
    At(ApiConfig),
}

/// Where an API is and who asks.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Without a slash at its end, unless its path is empty.
    pub base_url: Url,
    /// Not percent-encoded.
    pub account_id: String,
    /// Not percent-encoded.
    pub app_id: String,
    /// Sent as `Authorization: Bearer`.
    pub token: ApiToken,
}

/// What is fetched and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchConfig {
    /// Details, pages or the fewest requests.
    pub mode: FetchMode,
    /// Whether sessions are fetched too.
    pub sessions: Sessions,
    /// Which call statistics are asked for.
    pub filters: Filters,
    /// Which endpoint gives them.
    pub stats_from: StatsSource,
    /// Whether peer events are asked for.
    pub peer_events: PeerEvents,
    /// The quota as far as it is known here.
    pub rate: Rate,
    /// The share of the quota left to others, 0 to 99.
    pub reserve_percent: u8,
    /// Requests in flight, 1 to 4096.
    pub concurrency: usize,
    /// Time allowed to one try.
    pub timeout: Duration,
    /// Tries after the first, 0 to 100.
    pub retries: u32,
    /// Failed IDs past which the run stops; `None` for no limit.
    pub max_failures: Option<u64>,
}

/// The quota as set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in which time.
    pub limit: RequestRate,
    /// Whether the server's policy may lift it.
    pub kind: RateKind,
}

/// Whether a rate was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKind {
    /// Nobody set it: the server's policy replaces it.
    Default,
    /// Set explicitly: a higher policy of the server's does not lift it.
    Ceiling,
}

/// Whether sessions are fetched beside participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// A request per session.
    Fetched,
    /// None.
    LeftOut,
}

/// Whether participants come with their peer events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEvents {
    /// They do.
    Included,
    /// They do not, nor do the minutes that events carry.
    LeftOut,
}

/// Whether rollups are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollups {
    /// They are.
    Made,
    /// They are not.
    LeftOut,
}

/// What a warning about the data does to an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnWarning {
    /// It is counted in the manifest.
    Publish,
    /// The export fails.
    Fail,
}

/// Whether an unfinished or finished export is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartMode {
    /// An unfinished export of the same fingerprint goes on; a finished or other one is refused.
    Resume,
    /// Everything is fetched anew.
    Refresh,
}

/// Where the export goes and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConfig {
    /// The export's place.
    pub place: PlaceConfig,
    /// Directory of the response log; `None` for `.rtk-export` in the export, which then is a directory.
    pub state_dir: Option<PathBuf>,
    /// Go on, or anew.
    pub start: StartMode,
    /// Whether the log outlives success.
    pub keep_log: KeepLog,
    /// Form of the tables.
    pub format: Format,
    /// Whether rollups are made.
    pub rollups: Rollups,
    /// Directory of a user's own queries, made into rollups too.
    pub queries: Option<PathBuf>,
    /// What a warning does.
    pub on_warning: OnWarning,
}

/// Form of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// RFC 4180.
    Csv,
    /// CSV with a BOM and with formula-like text cells defused, for spreadsheets.
    CsvExcel,
}

impl Format {
    /// The extension of its files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv | Self::CsvExcel => "csv",
        }
    }
}

/// How it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaceConfig {
    /// When progress is.
    pub progress: ProgressMode,
    /// How much else is.
    pub verbosity: Verbosity,
    /// Text or JSON.
    pub log_format: LogFormat,
    /// Whether a terminal gets colours.
    pub colour: Colour,
}

/// How much is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// Warnings, progress and the summary too.
    Normal,
    /// The resolved settings and details too.
    Verbose,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// `NO_COLOR` or `TERM=dumb` is set.
    Never,
}

/// This process's command line, quoted so that a shell reads it as it was read. No secret is in it: no
/// flag takes one.
#[must_use]
pub fn process_command_line() -> String {
    quoted(std::env::args_os())
}

fn quoted(words: impl Iterator<Item = OsString>) -> String {
    let quote = |word: OsString| {
        let word = word.to_string_lossy();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.map(quote).collect::<Vec<_>>().join(" ")
}

/// The environment of this process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
