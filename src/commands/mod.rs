//! One file per command: where on the way from lists to files it starts and stops.
//!
//! In: a resolved command. Out: its [`Ending`], or the error that ended it.
//! Not here: anything that a stage does.

mod asking;
mod completions;
mod config;
mod doctor;
mod fetching;
mod files;
mod man;
mod plan;
mod profiles;
mod query;
mod rebuild;
mod report;
mod run;
mod sandbox;
mod schema;
mod sync;
mod telling;
mod vacuum;
mod verify;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crate::config::{CommandConfig, OperationConfig, Rollups};
use crate::error::{Class, Result};
use crate::manifest::{Manifest, Requests};
use crate::queries::{self, Query};
use crate::tables::{Notice, Table};
use crate::ui::{Summary, TableRows, Ui};

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Complete, also with no row.
    Complete,
    /// Complete, but some or all ids failed: they are in `failures`. Of `doctor`: with warnings. Of `verify`:
    /// something differs.
    WithFailures,
    /// `doctor` found what would end a run in this class, `verify` what ended its asking, `config` what is wrong;
    /// or it is the worst ending of the runs of several profiles.
    Found(Class),
}

impl Ending {
    /// The exit code, as the contract has it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::WithFailures => 3,
            Self::Found(class) => class.exit_code(),
        }
    }
}

/// Runs a command, if it could be resolved; where it could not, those are told who are to know of a run.
///
/// # Errors
/// Whatever ended it without its result.
pub async fn run(
    command: Result<CommandConfig>,
    name: &'static str,
    operation: &OperationConfig,
    ui: &Ui,
) -> Result<Ending> {
    let command = match command {
        Ok(command) => command,
        Err(error) => return Err(telling::of_unresolved(error, name, operation, ui).await),
    };
    match command {
        CommandConfig::Job(job) => Box::pin(telling::run(job, ui)).await,
        CommandConfig::Profiles(runs) => Box::pin(profiles::run(runs, ui)).await,
        CommandConfig::Plan(config) => plan::run(*config, ui).await,
        CommandConfig::Rebuild(config) => rebuild::run(config, ui).await,
        CommandConfig::Report(config) => Box::pin(report::run(*config, ui)).await,
        CommandConfig::Query(config) => query::run(config, ui).await,
        CommandConfig::Verify(config) => Box::pin(verify::run(*config, ui)).await,
        CommandConfig::Files(config) => files::run(config, ui).await,
        CommandConfig::Vacuum(config) => Box::pin(vacuum::run(config, ui)).await,
        CommandConfig::Schema(config) => schema::run(*config, ui).await,
        CommandConfig::Doctor(config) => doctor::run(config, ui).await,
        CommandConfig::Sandbox(args) => sandbox::run(args, ui).await,
        CommandConfig::Config(report) => config::run(&report, ui),
        CommandConfig::Completions(args) => completions::run(&args, ui),
        CommandConfig::Man(args) => man::run(&args, ui),
    }
}

/// The rollups' queries of an export; own ones are found right before anything is sent or written.
async fn rollups(rollups: Rollups, own: Option<&Path>) -> Result<Vec<Query>> {
    match rollups {
        Rollups::Made => queries::rollups(own).await,
        Rollups::LeftOut => Ok(Vec::new()),
    }
}

/// The files of an export's failures, as a command takes them: a shell expands a pattern, a store does not.
fn failed(output: &Path, manifest: &Manifest) -> String {
    let table = Table::Failures.name();
    if !output.to_str().is_some_and(|output| output.contains("://")) {
        return output.join(table).join("*").display().to_string();
    }
    let of_table = manifest.tables.iter().filter(|files| files.name == table);
    let files = of_table.flat_map(|files| &files.files).map(|file| output.join(&file.path));
    files.map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
}

/// Shows what came of an export, and tells how it ended.
fn summarise(
    ui: &Ui,
    output: &Path,
    log: Option<&Path>,
    replies_kept: u64,
    manifest: &Manifest,
    requests: Option<&Requests>,
    started: Instant,
) -> Ending {
    let rows = |table: Table| {
        let of_table = manifest.tables.iter().find(|files| files.name == table.name())?;
        Some(TableRows { table: table.name(), rows: of_table.rows })
    };
    let mut warnings = BTreeMap::new();
    // The API itself sends fourteen places: that they are rounded to nine is no news.
    let unusual = manifest.warnings.iter().filter(|warning| warning.code != Notice::Rounded.code());
    for warning in unusual {
        *warnings.entry(warning.code.clone()).or_default() += warning.count;
    }
    ui.summary(&Summary {
        warnings,
        output: output.to_owned(),
        since: manifest.source.since.map(String::from),
        until: manifest.source.until.map(String::from),
        rows: Table::ALL.into_iter().filter_map(rows).collect(),
        failures: manifest.failures.total,
        failed: failed(output, manifest),
        duration_minutes: manifest.totals.duration_minutes.map(|minutes| minutes.to_string()),
        minutes_consumed: manifest.totals.minutes_consumed.map(|minutes| minutes.to_string()),
        requests_sent: requests.map(|requests| requests.sent),
        requests_saved: manifest.requests.saved_by_listing,
        replies_kept,
        log: log.map(Path::to_owned),
        elapsed: started.elapsed(),
    });
    if manifest.failures.total > 0 { Ending::WithFailures } else { Ending::Complete }
}
