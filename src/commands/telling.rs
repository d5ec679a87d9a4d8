//! A command that nobody watches: whatever comes of it, those are told who are to know.

use std::time::Instant;

use super::Ending;
use super::run::USER_AGENT;
use crate::clock;
use crate::config::{CommandConfig, OperationConfig};
use crate::error::Result;
use crate::operation::{self, Ended, Facts, Health, Moment};
use crate::pipeline::Signals;
use crate::ui::Ui;

/// Does the work of a command, if it could be resolved, and tells how it went: first to files, then to the health
/// check, which a signal gives up. What cannot be told is a warning.
///
/// # Errors
/// The command's own, those of the work; and where a file could not be written, which is found out before the work
/// begins.
pub(super) async fn told(
    name: &'static str,
    command: Result<CommandConfig>,
    config: &OperationConfig,
    ui: &Ui,
    work: impl AsyncFnOnce(CommandConfig, &mut Facts) -> Result<Ending>,
) -> Result<Ending> {
    let (started, started_at) = (Instant::now(), clock::now());
    let mut facts = Facts::default();
    let health = config.health_url.as_ref().map(|url| Health::new(url, USER_AGENT)).transpose();
    let health = health.inspect_err(|error| ui.warn_of(error)).ok().flatten();
    let ending = match command.and_then(|command| operation::check(config).map(|()| command)) {
        // It goes on while its beginning is told.
        Ok(command) => tokio::join!(work(command, &mut facts), tell_start(health.as_ref(), ui)).0,
        Err(error) => Err(error),
    };
    let error = ending.as_ref().err();
    let ended = Ended {
        command: name,
        facts: &facts,
        started_at,
        finished_at: clock::now(),
        duration: started.elapsed(),
        exit_code: match &ending {
            Ok(ending) => ending.exit_code(),
            Err(error) => error.class().exit_code(),
        },
        error,
    };
    for untold in operation::tell(&ended, config) {
        ui.warn_of(&untold);
    }
    if let Some(health) = &health {
        tell_end(health, &ended, ui).await;
    }
    ending
}

async fn tell_start(health: Option<&Health<'_>>, ui: &Ui) {
    if let Some(health) = health
        && let Err(untold) = health.tell(Moment::Start).await
    {
        ui.warn_of(&untold);
    }
}

/// A signal, the first or another one, gives it up: whoever sends it waits for this process.
async fn tell_end(health: &Health<'_>, ended: &Ended<'_>, ui: &Ui) {
    let told = match Signals::listen() {
        Ok(mut signals) => tokio::select! {
            told = health.tell(Moment::End(ended)) => told,
            signal = signals.next() => {
                let (signal, host) = (signal.name(), health.host());
                return ui.warn(&format!("stopped by {signal} while {host} was told how the run went"), None);
            }
        },
        Err(error) => Err(error),
    };
    if let Err(untold) = told {
        ui.warn_of(&untold);
    }
}
