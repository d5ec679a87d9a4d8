//! Options of the commands that set the program up: `config`, `completions`, `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::{OUTPUT, RunArgs};

/// What the help of `config` ends with.
const CONFIG_NOTES: &str = "\
Without --profile, a file with profiles is checked and shown as run and sync take it with --all-profiles. With it, \
that profile is shown, and the others are checked too. Files and commands of tokens are read and run; tokens are \
never shown. Lists, a window and an output need not be given. The exit code is 0, or 2 where something is wrong: all \
of it is told.";

/// Options of `config`: those of `run`, to see what they would make of the file. What only `sync` has is not typed.
#[derive(Debug, Default, Args)]
#[command(after_help = CONFIG_NOTES)]
pub struct ConfigArgs {
    /// As for `run`.
    #[command(flatten)]
    pub run: RunArgs,
    /// Print JSON
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
}

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Directory for a page of each command, created if need be [default: the first page, to stdout]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
