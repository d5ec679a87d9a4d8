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

mod exporting;
mod installing;
mod keeping;
mod looking;
mod syncing;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use exporting::{
    AskArgs, FetchArgs, OperationArgs, OutputArgs, PlanArgs, PlanFormat, RebuildArgs, RunArgs,
};
pub use installing::{CompletionsArgs, ConfigArgs, ManArgs};
pub use keeping::{FilesArgs, FilesForm, VacuumArgs, VacuumFormat};
pub use looking::{
    Dialect, DoctorArgs, DoctorFormat, QueryArgs, ReportArgs, SchemaArgs, SchemaFormat, Statements,
    VerifyArgs, VerifyFormat,
};

pub use syncing::SyncArgs;

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
/// Heading of the options for jobs that nobody watches.
const OPERATION: &str = "Operation";
/// Heading of the options that shape what is displayed.
const DISPLAY: &str = "Display";

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
    /// Bring a dataset up to date: its days since the last sync, or since a day, each replaced whole
    Sync(Box<SyncArgs>),
    /// Tell what `run` would send, how long it would take and what would come of it
    Plan(Box<PlanArgs>),
    /// Make tables and rollups again from the response log, without a request
    Rebuild(RebuildArgs),
    /// Sum up the minutes of an export or a dataset and what they cost: text, CSV, JSON, Markdown or a web
    /// page
    Report(Box<ReportArgs>),
    /// Ask an export or a dataset anything in SQL: its tables are there under their names
    Query(QueryArgs),
    /// Check the files of an export or a dataset, and its minutes against what the API itself says
    Verify(VerifyArgs),
    /// List the files of a dataset or an export, for whatever loads them
    Files(FilesArgs),
    /// Delete what of a dataset nobody needs any more: files of days that were replaced
    Vacuum(VacuumArgs),
    /// Show the tables and their columns, or the statements that create them in a warehouse
    Schema(SchemaArgs),
    /// Ask the API, in at most 20 requests, what its documents leave open, and say what to set
    Doctor(DoctorArgs),
    /// Serve a simulated RealtimeKit API on loopback
    Sandbox(SandboxArgs),
    /// Check the configuration, and show each setting of `run` and `sync` and what set it; sends nothing
    Config(Box<ConfigArgs>),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the man page, or write those of all commands to a directory
    Man(ManArgs),
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
    /// Profile of the file, a table [profiles.NAME] of keys that win over the file's own
    /// [env: RTK_EXPORT_PROFILE]
    #[arg(long, global = true, value_name = "NAME", help_heading = DISPLAY)]
    pub profile: Option<String>,
}

/// Options that say how fast requests are sent.
#[derive(Clone, Debug, Default, Args)]
pub struct PaceArgs {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::config::settings::{self, Setting};

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
        insta::assert_snapshot!("help_sync", help(&["sync"]));
        insta::assert_snapshot!("help_plan", help(&["plan"]));
        insta::assert_snapshot!("help_rebuild", help(&["rebuild"]));
        insta::assert_snapshot!("help_report", help(&["report"]));
        insta::assert_snapshot!("help_query", help(&["query"]));
        insta::assert_snapshot!("help_verify", help(&["verify"]));
        insta::assert_snapshot!("help_files", help(&["files"]));
        insta::assert_snapshot!("help_vacuum", help(&["vacuum"]));
        insta::assert_snapshot!("help_schema", help(&["schema"]));
        insta::assert_snapshot!("help_doctor", help(&["doctor"]));
        insta::assert_snapshot!("help_config", help(&["config"]));
        insta::assert_snapshot!("help_completions", help(&["completions"]));
        insta::assert_snapshot!("help_man", help(&["man"]));
    }

    /// Docs that list behaviour are tested: each default and variable of the settings' table.
    #[test]
    fn help_names_every_default_and_variable() {
        names_all("run", &settings::ALL);
        names_all("sync", &settings::SYNC);
        names_all("sync", &[&settings::FROM, &settings::TO]);
    }

    /// As the README and a hint say: a configuration file takes every flag of `run` and `sync` but for a few.
    #[test]
    fn what_is_no_key_of_a_file_is_only_typed() {
        let command = Cli::command();
        let is_key =
            |name: &str| settings::ALL.iter().chain(&settings::SYNC).any(|setting| setting.name == name);
        let flags = ["run", "sync"].into_iter().filter_map(|name| command.find_subcommand(name));
        let flags = flags.chain([&command]).flat_map(clap::Command::get_arguments);
        let flags: BTreeSet<_> = flags.filter_map(clap::Arg::get_long).filter(|name| !is_key(name)).collect();
        assert_eq!(flags, BTreeSet::from(crate::error::TYPED_ONLY));
    }

    fn names_all(command: &str, settings: &[&Setting]) {
        let help = help(&[command]).split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in settings {
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
