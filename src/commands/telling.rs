//! A run that nobody watches: whatever comes of it, those are told who are to know.

use std::time::Instant;

use chrono::{DateTime, Utc};

use super::Ending;
use super::fetching::USER_AGENT;
use super::run as exporting;
use crate::clock;
use crate::config::{Job, OperationConfig};
use crate::error::{Error, Result};
use crate::operation::{self, Collector, Ended, Facts, Health, Moment};
use crate::pipeline::Signals;
use crate::ui::Ui;

/// Runs the command, and tells how it went: first to files, then to the collector and the health check, which a
/// signal gives up.
/// What cannot be told is a warning.
///
/// # Errors
/// Those of the run; and where a file could not be written, which is found out before it begins.
pub(super) async fn run(job: Job, ui: &Ui) -> Result<Ending> {
    let mut facts = Facts::default();
    if job.operation().is_empty() {
        return exported(job, ui, &mut facts).await;
    }
    let operation = job.operation().clone();
    let telling = Telling::new(job.command(), &operation, ui);
    let ending = match operation::check(&operation) {
        // It goes on while its beginning is told.
        Ok(()) => tokio::join!(exported(job, ui, &mut facts), telling.of_start()).0,
        Err(error) => Err(error),
    };
    let exit_code = match &ending {
        Ok(ending) => ending.exit_code(),
        Err(error) => error.class().exit_code(),
    };
    telling.of_end(&facts, exit_code, ending.as_ref().err()).await;
    ending
}

async fn exported(job: Job, ui: &Ui, facts: &mut Facts) -> Result<Ending> {
    match job {
        Job::Run(config) => Box::pin(exporting::run(*config, ui, facts)).await,
        Job::Sync(config) => Box::pin(super::sync::run(*config, ui, facts)).await,
    }
}

/// Tells of a run that did not even begin; gives back why.
pub(super) async fn of_unresolved(
    error: Error,
    command: &'static str,
    operation: &OperationConfig,
    ui: &Ui,
) -> Error {
    if !operation.is_empty() {
        let exit_code = error.class().exit_code();
        Telling::new(command, operation, ui).of_end(&Facts::default(), exit_code, Some(&error)).await;
    }
    error
}

/// One run's telling.
struct Telling<'a> {
    command: &'static str,
    config: &'a OperationConfig,
    health: Option<Health<'a>>,
    collector: Option<Collector<'a>>,
    ui: &'a Ui,
    started: Instant,
    started_at: DateTime<Utc>,
}

impl<'a> Telling<'a> {
    fn new(command: &'static str, config: &'a OperationConfig, ui: &'a Ui) -> Self {
        let health = config.health_url.as_ref().map(|url| Health::new(url, USER_AGENT)).transpose();
        let health = health.inspect_err(|error| ui.warn_of(error)).ok().flatten();
        let collector = config.otlp.as_ref().map(|otlp| Collector::new(otlp, USER_AGENT)).transpose();
        let collector = collector.inspect_err(|error| ui.warn_of(error)).ok().flatten();
        Self { command, config, health, collector, ui, started: Instant::now(), started_at: clock::now() }
    }

    async fn of_start(&self) {
        if let Some(health) = &self.health
            && let Err(untold) = health.tell(Moment::Start).await
        {
            self.ui.warn_of(&untold);
        }
    }

    async fn of_end(&self, facts: &Facts, exit_code: u8, error: Option<&Error>) {
        let ended = Ended {
            command: self.command,
            facts,
            started_at: self.started_at,
            finished_at: clock::now(),
            duration: self.started.elapsed(),
            exit_code,
            error,
        };
        for untold in operation::tell(&ended, self.config) {
            self.ui.warn_of(&untold);
        }
        if self.health.is_some() || self.collector.is_some() {
            self.post_of_end(&ended).await;
        }
    }

    /// A signal, the first or another one, gives it up: whoever sends it waits for this process.
    async fn post_of_end(&self, ended: &Ended<'_>) {
        let health = async {
            match &self.health {
                Some(health) => health.tell(Moment::End(ended)).await,
                None => Ok(()),
            }
        };
        let collector = async {
            match &self.collector {
                Some(collector) => collector.tell(ended).await,
                None => Ok(()),
            }
        };
        let told = async { tokio::join!(collector, health) };
        let (collector, health) = match Signals::listen() {
            Ok(mut signals) => tokio::select! {
                told = told => told,
                signal = signals.next() => {
                    let hosts = [self.collector.as_ref().map(Collector::host), self.health.as_ref().map(Health::host)];
                    let hosts = hosts.into_iter().flatten().collect::<Vec<_>>().join(" and ");
                    let stopped = format!("stopped by {} while {hosts} was told how the run went", signal.name());
                    return self.ui.warn(&stopped, None);
                }
            },
            Err(error) => (Err(error), Ok(())),
        };
        for untold in [collector.err(), health.err()].into_iter().flatten() {
            self.ui.warn_of(&untold);
        }
    }
}
