//! What can be typed: the commands and their options, as text.
//!
//! In: the command line. Out: [`Cli`], holding only what was typed.
//! Guarantees: no I/O and no default that depends on the machine; the help names every default and
//! environment variable (a test compares it with the settings' own table).
//! Not here: what a value means, where else it may come from, whether it is right: see `config`.

#![expect(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "the docs of fields are help texts, shown as they are written"
)]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::sandbox::SandboxArgs;

/// Heading of the options that say whose data is exported.
const ACCOUNT: &str = "Account";
/// Heading of the options that choose what is fetched.
const DATA: &str = "Data";
/// Heading of the options that pace the requests.
const PACE: &str = "Pace";
/// Heading of the options that shape a plan.
const PLAN: &str = "Plan";
/// Heading of the options that say where the export goes.
const OUTPUT: &str = "Output";
/// Heading of the options that shape what is displayed.
const DISPLAY: &str = "Display";

/// What the help of `query` ends with.
const QUERY_NOTES: &str = "\
An export is only read: SELECT, EXPLAIN, SHOW TABLES, DESCRIBE participants. The queries of --list are tables \
too: SELECT * FROM rollups.minutes_by_day WHERE day >= $since. Past 256 MB of memory, work goes to the \
temporary directory. In jsonl, decimals are strings, with all their digits.";

/// What the help of `verify` ends with.
const VERIFY_NOTES: &str = "\
Nothing is written. The exit code is 0 where all agrees, 3 where something differs or could not be told.";

/// Exports Cloudflare RealtimeKit participants, peer events and minutes to Parquet or CSV.
#[derive(Debug, Parser)]
#[command(name = "rtk-export", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How it is displayed.
    #[command(flatten)]
    pub face: FaceArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Export the sessions and participants of ID lists, or of a time
    Run(Box<RunArgs>),
    /// Tell what `run` would send, how long it would take and what would come of it
    Plan(Box<PlanArgs>),
    /// Make tables and rollups again from the response log, without a request
    Rebuild(RebuildArgs),
    /// Sum up an export's minutes and what they cost: text, CSV, JSON, Markdown or a web page
    Report(Box<ReportArgs>),
    /// Ask an export anything in SQL: its tables are there under their names
    Query(QueryArgs),
    /// Check the files of an export, and its minutes against what the API itself says
    Verify(VerifyArgs),
    /// Show the tables and their columns, or the statements that create them in a warehouse
    Schema(SchemaArgs),
    /// Ask the API, in at most 20 requests, what its documents leave open, and say what to set
    Doctor(DoctorArgs),
    /// Serve a simulated RealtimeKit API on loopback
    Sandbox(SandboxArgs),
}

/// Options of every command.
#[derive(Debug, Default, Args)]
pub struct FaceArgs {
    /// Progress: bars on a terminal and plain lines elsewhere (auto), also with -q (always),
    /// not at all (never) [default: auto]
    #[arg(long, global = true, value_name = "auto|always|never", help_heading = DISPLAY)]
    pub progress: Option<String>,
    /// Show nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = DISPLAY)]
    pub quiet: bool,
    /// Show the resolved settings and more detail
    #[arg(short, long, global = true, help_heading = DISPLAY)]
    pub verbose: bool,
    /// Form of progress, warnings and errors on stderr [default: text]
    #[arg(long, global = true, value_name = "text|json", help_heading = DISPLAY)]
    pub log_format: Option<String>,
    /// TOML file of options, keys named as the flags; flags and environment win over it
    /// [env: RTK_EXPORT_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = DISPLAY)]
    pub config: Option<PathBuf>,
}

/// Options that say whose data it is, and where.
#[derive(Debug, Default, Args)]
pub struct AccountArgs {
    /// Cloudflare account [env: CLOUDFLARE_ACCOUNT_ID]
    #[arg(long, value_name = "ID", help_heading = ACCOUNT)]
    pub account_id: Option<String>,
    /// RealtimeKit app [env: REALTIMEKIT_APP_ID]
    #[arg(long, value_name = "ID", help_heading = ACCOUNT)]
    pub app_id: Option<String>,
    /// File that holds the API token; no flag takes the token itself [env, the token:
    /// CLOUDFLARE_API_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = ACCOUNT)]
    pub api_token_file: Option<PathBuf>,
    /// Base of the API; https, or http on loopback [env: CLOUDFLARE_BASE_URL] [default:
    /// https://api.cloudflare.com/client/v4]
    #[arg(long, value_name = "URL", help_heading = ACCOUNT)]
    pub base_url: Option<String>,
    /// Use a built-in simulated API; needs no account
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = ACCOUNT)]
    pub sandbox: Option<String>,
}

/// Options of `run`.
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    /// What is asked for.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Where it goes.
    #[command(flatten)]
    pub output: OutputArgs,
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

    /// Requests per duration: the API's quota for the token, or the ceiling to keep to [env:
    /// RTK_EXPORT_RATE] [default: 1200/5m]
    #[arg(long, value_name = "N/DURATION", help_heading = PACE)]
    pub rate: Option<String>,
    /// Share of the quota left to the token's other users [default: 10%]
    #[arg(long, value_name = "PERCENT", help_heading = PACE)]
    pub reserve: Option<String>,
    /// Requests in flight at once, 1 to 4096 [default: 32]
    #[arg(long, value_name = "N", help_heading = PACE)]
    pub concurrency: Option<String>,
    /// Time allowed to one try of a request, such as 500ms, 30s, 5m [default: 30s]
    #[arg(long, value_name = "DURATION", help_heading = PACE)]
    pub timeout: Option<String>,
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
    /// Directory of the export, created if need be; required [env: RTK_EXPORT_OUTPUT]
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Directory of the response log [default: .rtk-export in the output]
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

/// Options of `query`.
#[derive(Debug, Default, Args)]
#[command(after_help = QUERY_NOTES)]
pub struct QueryArgs {
    /// Directory of the export
    #[arg(value_name = "DIR", required_unless_present = "list")]
    pub export: Option<PathBuf>,
    /// SQL, a file of it, - for stdin, or a query that comes with rtk-export, such as
    /// checks/session_minutes
    #[arg(value_name = "SQL|FILE", required_unless_present = "list")]
    pub query: Option<String>,
    /// Value for $NAME in the query, as often as need be: never part of the SQL, it has the type of
    /// what it is compared with
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Show the queries that come with rtk-export
    #[arg(long, conflicts_with_all = ["export", "query", "param", "format", "output"])]
    pub list: bool,
    /// Form of the answer: for people (table), or with every digit and character (the others)
    /// [default: by the ending of FILE, else table]
    #[arg(long, value_name = "table|csv|jsonl|parquet", help_heading = OUTPUT)]
    pub format: Option<String>,
    /// File of the answer, there only once it is whole [default: stdout]
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
}

/// Options of `report`.
#[derive(Debug, Default, Args)]
pub struct ReportArgs {
    /// Directory of the export; with --list, where the list's export is to stay
    #[arg(value_name = "DIR")]
    pub export: Option<PathBuf>,
    /// Export this ID list first, then report on it; may be given more than once
    #[arg(long = "list", value_name = "LIST")]
    pub lists: Vec<String>,

    /// What to sum up by: a column of the lists, session, person, day, preset, view-type or meeting;
    /// several with commas; label:day is a column named day [default: day]
    #[arg(long, value_name = "KEY,...", help_heading = DATA)]
    pub by: Vec<String>,
    /// Minutes that count: from joining to leaving (duration), of the peer events (events), of the
    /// sessions' own records (session) [default: duration]
    #[arg(long, value_name = "duration|events|session", help_heading = DATA)]
    pub minutes: Option<String>,
    /// Time zone in which days begin and times are shown [default: UTC]
    #[arg(long = "tz", value_name = "ZONE", help_heading = DATA)]
    pub time_zone: Option<String>,
    /// TOML file of prices and of the view types that they are for [default: the prices that
    /// Cloudflare has published]
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub price_list: Option<PathBuf>,

    /// File to write, at once and whole [default: stdout]
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Form of the report; csv and json are exact and have every row [default: what FILE's name ends
    /// in, else text]
    #[arg(long, value_name = "text|csv|json|markdown|html", help_heading = OUTPUT)]
    pub format: Option<String>,
    /// CSV for spreadsheets: with a BOM, and formula-like text cells defused
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = OUTPUT)]
    pub excel: Option<String>,
    /// Rows shown; the rest is summed into one row [default: 1000]
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub top: Option<String>,

    /// Whose data the list names.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// Options of `verify`.
#[derive(Debug, Default, Args)]
#[command(after_help = VERIFY_NOTES)]
pub struct VerifyArgs {
    /// Directory of the export
    #[arg(value_name = "DIR")]
    pub export: PathBuf,
    /// Check files, keys and totals only: send nothing, need no token
    #[arg(long)]
    pub offline: bool,

    /// Minutes that are held against the API's: of the peer events (events), from joining to leaving
    /// (duration), of the sessions' own records (session) [default: events]
    #[arg(long, value_name = "duration|events|session", conflicts_with = "offline", help_heading = DATA)]
    pub minutes: Option<String>,
    /// What they are held against: each session's own record, the app's totals by day, the usage that
    /// GraphQL tells [default: sessions,daywise,usage]
    #[arg(long, value_name = "WHAT,...", conflicts_with = "offline", help_heading = DATA)]
    pub against: Option<String>,

    /// Whose data; the account and the app are those of the export where they are not set.
    #[command(flatten)]
    pub account: AccountArgs,

    /// Requests per duration: the API's quota for the token, or the ceiling to keep to [env:
    /// RTK_EXPORT_RATE] [default: 1200/5m]
    #[arg(long, value_name = "N/DURATION", help_heading = PACE)]
    pub rate: Option<String>,
    /// Share of the quota left to the token's other users [default: 10%]
    #[arg(long, value_name = "PERCENT", help_heading = PACE)]
    pub reserve: Option<String>,
    /// Time allowed to one try of a request, such as 500ms, 30s, 5m [default: 30s]
    #[arg(long, value_name = "DURATION", help_heading = PACE)]
    pub timeout: Option<String>,

    /// Form of the report on stdout
    #[arg(long, value_name = "text|json", value_enum, default_value_t, hide_possible_values = true, help_heading = OUTPUT)]
    pub format: VerifyFormat,
}

/// Form of `verify`'s report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Options of `schema`.
#[derive(Debug, Default, Args)]
pub struct SchemaArgs {
    /// Tables to show [default: all]
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Form of the reference on stdout
    #[arg(long, value_name = "FORM", value_enum, default_value_t, help_heading = OUTPUT)]
    pub format: SchemaFormat,
    /// CREATE TABLE statements of this SQL dialect instead
    #[arg(long, value_enum, conflicts_with = "format", help_heading = OUTPUT)]
    pub dialect: Option<Dialect>,
}

/// Form of the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For documents.
    Markdown,
    /// For programs.
    Json,
}

/// A warehouse's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// DuckDB
    Duckdb,
    /// PostgreSQL
    Postgres,
    /// Google BigQuery
    Bigquery,
    /// Snowflake
    Snowflake,
    /// ClickHouse
    Clickhouse,
    /// Apache Spark
    Spark,
}

/// Options of `doctor`.
#[derive(Debug, Default, Args)]
pub struct DoctorArgs {
    /// Whose data.
    #[command(flatten)]
    pub account: AccountArgs,

    /// Session to look at [default: one of the newest]
    #[arg(long, value_name = "ID", help_heading = DATA)]
    pub session: Option<String>,
    /// Participant of that session to look at [default: the first]
    #[arg(long, value_name = "ID", requires = "session", help_heading = DATA)]
    pub participant: Option<String>,

    /// Requests per duration: the API's quota for the token, or the ceiling to keep to [env:
    /// RTK_EXPORT_RATE] [default: 1200/5m]
    #[arg(long, value_name = "N/DURATION", help_heading = PACE)]
    pub rate: Option<String>,
    /// Share of the quota left to the token's other users [default: 10%]
    #[arg(long, value_name = "PERCENT", help_heading = PACE)]
    pub reserve: Option<String>,
    /// Time allowed to one try of a request, such as 500ms, 30s, 5m [default: 30s]
    #[arg(long, value_name = "DURATION", help_heading = PACE)]
    pub timeout: Option<String>,

    /// Form of the report on stdout
    #[arg(long, value_name = "text|json", value_enum, default_value_t, hide_possible_values = true, help_heading = OUTPUT)]
    pub format: DoctorFormat,
}

/// Form of `doctor`'s report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The help of a command as a terminal of 100 columns shows it.
    fn help(command: &[&str]) -> String {
        let typed = ["rtk-export"].iter().chain(command).chain(&["--help"]);
        let shown = Cli::command().term_width(100).try_get_matches_from(typed);
        shown.err().map(|help| help.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_parser_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_texts() {
        insta::assert_snapshot!("help", help(&[]));
        insta::assert_snapshot!("help_run", help(&["run"]));
        insta::assert_snapshot!("help_plan", help(&["plan"]));
        insta::assert_snapshot!("help_rebuild", help(&["rebuild"]));
        insta::assert_snapshot!("help_report", help(&["report"]));
        insta::assert_snapshot!("help_query", help(&["query"]));
        insta::assert_snapshot!("help_verify", help(&["verify"]));
        insta::assert_snapshot!("help_schema", help(&["schema"]));
        insta::assert_snapshot!("help_doctor", help(&["doctor"]));
    }

    /// Docs that list behaviour are tested: each default and variable of the settings' table.
    #[test]
    fn help_names_every_default_and_variable() {
        let help = help(&["run"]).split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in crate::config::settings::ALL {
            assert!(help.contains(&format!("--{}", setting.name)), "{}", setting.name);
            if let Some(default) = setting.default.filter(|default| *default != "false") {
                assert!(help.contains(&format!("[default: {default}]")), "{}", setting.name);
            }
            if let Some(variable) = setting.variable {
                assert!(help.contains(variable), "{variable}");
            }
        }
    }
}
