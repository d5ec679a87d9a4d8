//! Options of the commands that make an export, or tell what one would be: `run`, `plan`, `rebuild`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AccountArgs, DATA, DISPLAY, OPERATION, OUTPUT, PACE, PLAN, PaceArgs};

/// Options of `run`.
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    /// What is asked for.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Where it goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How it is watched.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// Once for each profile of the file, one after the other, each to its own output; ends with the
    /// worst exit code
    #[arg(long, conflicts_with = "profile", help_heading = DISPLAY)]
    pub all_profiles: bool,
}

/// Options of `plan`: those of `run` without an output, which it does not make.
#[derive(Debug, Default, Args)]
pub struct PlanArgs {
    /// What is asked for.
    #[command(flatten)]
    pub ask: AskArgs,
    /// List each session once, which is a request per session: for exact counts, live sessions and
    /// minutes
    #[arg(long, help_heading = PLAN)]
    pub count: bool,
    /// Form of the plan on stdout
    #[arg(long, value_name = "FORM", value_enum, default_value_t, help_heading = PLAN)]
    pub format: PlanFormat,
}

/// Form of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// What is asked for, of whom and how fast: options of `run` and `plan`.
#[derive(Debug, Default, Args)]
pub struct AskArgs {
    /// ID lists: CSV, TSV, JSON lines, plain text or Parquet, plain or .gz or .zst; - for stdin
    #[arg(value_name = "LIST")]
    pub lists: Vec<String>,

    /// Whose data.
    #[command(flatten)]
    pub account: AccountArgs,

    /// Export the sessions created at this time or later, with everybody in them, beside what lists
    /// ask for: RFC 3339, a date (UTC), now, today, yesterday, or 7d, 12h, 30m ago
    #[arg(long, value_name = "TIME", help_heading = DATA)]
    pub since: Option<String>,
    /// Only the sessions created before this time; alone, all of them [default: now]
    #[arg(long, value_name = "TIME", help_heading = DATA)]
    pub until: Option<String>,
    /// Only the sessions of this meeting; alone, whenever they were
    #[arg(long, value_name = "ID", help_heading = DATA)]
    pub meeting: Option<String>,
    /// Of the sessions found by --since, --until or --meeting, also those that have not ended
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = DATA)]
    pub include_live: Option<String>,
    /// Fetch the details of the lists' sessions too, one request per session; those found by
    /// --since, --until or --meeting come with theirs
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = DATA)]
    pub with_sessions: Option<String>,
    /// What is asked about each of them, and how fast.
    #[command(flatten)]
    pub fetch: FetchArgs,
}

/// What is asked about each session and participant, and how fast: options of all that ask.
#[derive(Clone, Debug, Default, Args)]
pub struct FetchArgs {
    /// Call statistics to fetch as well, a request per participant: device_info, ip_information,
    /// precall_network_information, events, quality_stats, several with commas, or all [default:
    /// none]
    #[arg(long, value_name = "A,B", help_heading = DATA)]
    pub filters: Option<String>,
    /// Endpoint of call statistics: details, peer-report, or details as long as the server answers
    /// filters there and else peer-report (auto) [default: auto]
    #[arg(long, value_name = "SOURCE", help_heading = DATA)]
    pub stats_from: Option<String>,
    /// Leave peer events out (and the minutes they carry)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = DATA)]
    pub no_peer_events: Option<String>,
    /// Requests used: whichever are fewest (auto), one per participant (detail), pages of a
    /// session's participants (list) [default: auto]
    #[arg(long, value_name = "auto|detail|list", help_heading = DATA)]
    pub fetch: Option<String>,

    /// How fast to ask.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Requests in flight at once, 1 to 4096 [default: 32]
    #[arg(long, value_name = "N", help_heading = PACE)]
    pub concurrency: Option<String>,
    /// Tries after the first, for failures that pass, 0 to 100 [default: 8]
    #[arg(long, value_name = "N", help_heading = PACE)]
    pub retries: Option<String>,
    /// Stop, resumable, once more IDs than this have failed [default: no limit]
    #[arg(long, value_name = "N", help_heading = PACE)]
    pub max_failures: Option<String>,
}

/// Where an export goes and in which form: options of `run`.
#[derive(Debug, Default, Args)]
pub struct OutputArgs {
    /// Make no rollups
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = DATA)]
    pub no_rollups: Option<String>,
    /// Make rollups of the .sql files in this directory too, each named as its file
    #[arg(long, value_name = "DIR", help_heading = DATA)]
    pub queries: Option<PathBuf>,
    /// Directory of the export, created if need be, or s3://, gs:// or az:// with bucket and prefix;
    /// required [env: RTK_EXPORT_OUTPUT]
    #[arg(short, long, value_name = "DIR|URL", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Directory of the response log; required where the output is a URL [default: .rtk-export in the
    /// output]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub state_dir: Option<PathBuf>,
    /// Fetch everything anew, replacing a finished or other export once the new one is complete
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub refresh: Option<String>,
    /// Keep the response log (it holds personal data) after success [default: always]
    #[arg(long, value_name = "always|never", help_heading = OUTPUT)]
    pub keep_log: Option<String>,
    /// Format of the tables [default: parquet]
    #[arg(long, value_name = "parquet|csv", help_heading = OUTPUT)]
    pub format: Option<String>,
    /// CSV for spreadsheets: with a BOM, and formula-like text cells defused
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub excel: Option<String>,
    /// Fail, and publish nothing, where the data gives a warning (other than digits_rounded)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub strict: Option<String>,
}

/// How long a job may take and whom it tells how it went: options of commands that nobody watches.
#[derive(Debug, Default, Args)]
pub struct OperationArgs {
    /// Stop fetching, resumable, after this long (45m, 2h) or at this time (RFC 3339) [env:
    /// RTK_EXPORT_DEADLINE]
    #[arg(long, value_name = "DURATION|TIME", help_heading = OPERATION)]
    pub deadline: Option<String>,
    /// Write how the run went, also where it failed, as JSON to this .json file [env:
    /// RTK_EXPORT_SUMMARY_FILE]
    #[arg(long, value_name = "FILE", help_heading = OPERATION)]
    pub summary_file: Option<PathBuf>,
    /// Write it as metrics to this .prom file, for the textfile collector of Prometheus's node_exporter
    /// [env: RTK_EXPORT_METRICS_FILE]
    #[arg(long, value_name = "FILE", help_heading = OPERATION)]
    pub metrics_file: Option<PathBuf>,
    /// File that holds the URL of a health check, posted to when the run succeeds; URL/fail when it
    /// fails, URL/start when it begins [env, the URL: RTK_EXPORT_HEALTH_URL]
    #[arg(long, value_name = "FILE", help_heading = OPERATION)]
    pub health_url_file: Option<PathBuf>,
    /// Send it as metrics to the OpenTelemetry collector at this URL (OTLP/HTTP, JSON) [env:
    /// RTK_EXPORT_OTLP_ENDPOINT; headers: OTEL_EXPORTER_OTLP_HEADERS]
    #[arg(long, value_name = "URL", help_heading = OPERATION)]
    pub otlp_endpoint: Option<String>,
}

/// Options of `rebuild`.
#[derive(Debug, Default, Args)]
pub struct RebuildArgs {
    /// Directory of the export
    #[arg(value_name = "DIR")]
    pub export: PathBuf,
    /// Directory to write to [default: DIR, in place]
    #[arg(short, long, value_name = "OUT", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Directory of the response log [default: .rtk-export in DIR]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub state_dir: Option<PathBuf>,
    /// Format of the tables [default: as the export was made]
    #[arg(long, value_name = "parquet|csv", help_heading = OUTPUT)]
    pub format: Option<String>,
    /// CSV for spreadsheets: with a BOM, and formula-like text cells defused
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub excel: Option<String>,
    /// Make no rollups
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub no_rollups: Option<String>,
    /// Fail, and publish nothing, where the data gives a warning (other than digits_rounded)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub strict: Option<String>,
    /// Make rollups of the .sql files in this directory too, each named as its file
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub queries: Option<PathBuf>,
}
