//! Options of the commands that look at an export or a dataset, the tables or the API: `query`, `report`,
//! `verify`, `schema`, `doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AccountArgs, DATA, OUTPUT, PaceArgs};

/// What the help of `query` ends with.
const QUERY_NOTES: &str = "\
A query only reads: SELECT, EXPLAIN, SHOW TABLES, DESCRIBE participants. The queries of --list are tables \
too: SELECT * FROM rollups.minutes_by_day WHERE day >= $since. Past 256 MB of memory, work goes to the \
temporary directory. In jsonl, decimals are strings, with all their digits.";

/// Heading of what is for a warehouse.
const WAREHOUSE: &str = "Warehouse";

/// What the help of `schema` ends with.
const SCHEMA_NOTES: &str = "\
With --dialect, tables that are named are created and loaded. Without names, all are created, and those loaded \
that every export has. Statements can be run again: an export that is loaded twice is there once. With --dataset, \
sessions are replaced whole, in each table that the dataset has; sessions go along with tables that are named.";

/// What the help of `verify` ends with.
const VERIFY_NOTES: &str = "\
Nothing is written. The exit code is 0 where all agrees, 3 where something differs or could not be told.";

/// Options of `query`.
#[derive(Debug, Default, Args)]
#[command(after_help = QUERY_NOTES)]
pub struct QueryArgs {
    /// Directory of the export or dataset, or s3://, gs:// or az:// URL
    #[arg(value_name = "DIR|URL", required_unless_present = "list")]
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
    /// Directory of the export or dataset, or s3://, gs:// or az:// URL; with --list, the directory in
    /// which the list's export is to stay
    #[arg(value_name = "DIR|URL")]
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
    /// Directory of the export or dataset, or s3://, gs:// or az:// URL
    #[arg(value_name = "DIR|URL")]
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

    /// How fast to ask.
    #[command(flatten)]
    pub pace: PaceArgs,

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
#[command(after_help = SCHEMA_NOTES)]
pub struct SchemaArgs {
    /// Tables to show [default: all]
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Form of the reference on stdout
    #[arg(long, value_name = "FORM", value_enum, default_value_t, help_heading = OUTPUT)]
    pub format: SchemaFormat,
    /// Statements of this SQL dialect instead, which create the tables and load an export
    #[arg(long, value_enum, conflicts_with = "format", help_heading = WAREHOUSE)]
    pub dialect: Option<Dialect>,
    /// Load the current files of this dataset of sync, which is read now: a directory, or s3://, gs:// or az:// URL
    #[arg(
        long,
        value_name = "DIR|URL",
        requires = "dialect",
        conflicts_with = "call_statistics",
        help_heading = WAREHOUSE
    )]
    pub dataset: Option<PathBuf>,
    /// The dataset's days from this one on, such as 2026-10-01 [default: all]
    #[arg(long, value_name = "DATE", requires = "dataset", help_heading = WAREHOUSE)]
    pub since: Option<String>,
    /// Where the export lies for the warehouse: a directory, a URL, a stage [default: a placeholder, or where the
    /// dataset is]
    #[arg(long, value_name = "LOCATION", requires = "dialect", help_heading = WAREHOUSE)]
    pub from: Option<String>,
    /// Statements to print
    #[arg(long, value_name = "WHICH", value_enum, default_value_t, requires = "dialect", help_heading = WAREHOUSE)]
    pub statements: Statements,
    /// Load the tables of call statistics too, which an export with --filters has
    #[arg(long, requires = "dialect", help_heading = WAREHOUSE)]
    pub call_statistics: bool,
}

/// Which statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Statements {
    /// Both, in this order.
    #[default]
    All,
    /// Those that create the tables where they are not there.
    Create,
    /// Those that load an export.
    Load,
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
    /// Amazon Redshift
    Redshift,
    /// Databricks
    Databricks,
    /// Trino
    Trino,
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

    /// How fast to ask.
    #[command(flatten)]
    pub pace: PaceArgs,

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
