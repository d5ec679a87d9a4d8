//! One file per command: where on the way from lists to files it starts and stops.
//!
//! In: a resolved command. Out: its [`Ending`], or the error that ended it.
//! Not here: anything that a stage does.

use crate::config::CommandConfig;
use crate::error::Result;
use crate::ui::Ui;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Complete, also with no row.
    Complete,
    /// Complete, but some or all ids failed: they are in `failures`.
    WithFailures,
}

impl Ending {
    /// The exit code, as the contract has it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::WithFailures => 3,
        }
    }
}

/// Runs a command.
///
/// # Errors
/// Whatever ended it without its result.
#[expect(clippy::unused_async, reason = "placeholder: the commands await")]
pub async fn run(command: CommandConfig, ui: &Ui) -> Result<Ending> {
    match command {
        CommandConfig::Run(config) => {
            ui.settings(&config.settings);
            Ok(Ending::Complete)
        }
        CommandConfig::Rebuild(config) => {
            ui.settings(&config.settings);
            Ok(Ending::Complete)
        }
        CommandConfig::Sandbox(_) => Ok(Ending::Complete),
    }
}
