//! `rtk-export`: parse, resolve, run, render, exit code.

use std::process::ExitCode;

use clap::Parser;
use rtk_export::cli::Cli;
use rtk_export::commands::{self, Ending};
use rtk_export::config::{self, Resolved};
use rtk_export::error::{Error, Result};
use rtk_export::ui::{self, Ui};
use tokio::runtime::{self, Runtime};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return ui::answer(&answer),
    };
    let Resolved { face, name, operation, command } =
        config::resolve(cli, config::process_command_line(), &config::process_environment);
    let ui = Ui::new(face);
    let ending = runtime().and_then(|runtime| {
        let ending = runtime.block_on(commands::run(command, name, &operation, &ui));
        // A stopped command's blocking work is given up where it stands: nothing depends on its end.
        runtime.shutdown_background();
        ending
    });
    ui.exit(ending.map(Ending::exit_code))
}

/// A worker per core; the stages' blocking work has its own threads.
fn runtime() -> Result<Runtime> {
    runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| Error::Runtime { source })
}
