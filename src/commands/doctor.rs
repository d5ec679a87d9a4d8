//! `rtk-export doctor`: asks the API what its documents leave open, and prints a report.

use std::pin::pin;

use super::Ending;
use super::run::{USER_AGENT, reach};
use crate::cli::DoctorFormat;
use crate::clock;
use crate::config::{Api, DoctorConfig, Filters, RateKind};
use crate::doctor::{self, Report, Subject, Verdict};
use crate::error::Result;
use crate::fetch::{BudgetConfig, ClientConfig, Fetcher, LedgerConfig, Queries, Query, RetryConfig};
use crate::pipeline::{self, Signals};
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// Nothing could be asked at all, or the report not be written.
pub(super) async fn run(config: DoctorConfig, ui: &Ui) -> Result<Ending> {
    ui.settings(&config.settings);
    let (api, _sandbox) = reach(&config.api).await?;
    // The built-in API is this process's own: there is nobody to share its budget with.
    let ledger = matches!(config.api, Api::At(_))
        .then(|| LedgerConfig { dir: config.user_state_dir.clone(), fallback: None });
    let whole = Query { filters: Filters::NONE, peer_events: true };
    let client = ClientConfig {
        base_url: api.base_url.clone(),
        account_id: api.account_id.clone(),
        app_id: api.app_id.clone(),
        token: api.token.secret(),
        timeout: config.timeout,
        queries: Queries { details: whole, reports: whole, pages: whole },
        window: None,
        connections: 1,
        user_agent: USER_AGENT.to_owned(),
    };
    let is_ceiling = config.rate.kind == RateKind::Ceiling;
    let budget = BudgetConfig {
        requests: u64::from(config.rate.limit.requests),
        window: config.rate.limit.window,
        reserve_percent: config.reserve_percent,
        explicit: is_ceiling,
    };
    let fetcher = Fetcher::new(&client, RetryConfig::default(), budget, ledger.as_ref())?;
    if let Some(warning) = fetcher.warning() {
        ui.warn(warning, None);
    }
    let subject = Subject {
        base_url: api.base_url.to_string(),
        account_id: api.account_id,
        app_id: api.app_id,
        session: config.session,
        participant: config.participant,
        rate: is_ceiling.then_some(config.rate.limit),
    };
    ui.note(&format!("asking {} in at most {} requests", subject.base_url, doctor::AT_MOST));
    let mut signals = Signals::listen()?;
    let work = async { Ok(examine(&fetcher, subject, ui).await) };
    let examined = pipeline::unless_stopped(&mut signals, work).await;
    let settled = tokio::task::spawn_blocking(move || fetcher.settle()).await;
    if let Some(warning) = settled.unwrap_or_default() {
        ui.warn(&warning, None);
    }
    let report = examined?;
    ui.result(&match config.format {
        DoctorFormat::Text => report.text(),
        DoctorFormat::Json => report.json(),
    })?;
    Ok(match report.verdict() {
        Verdict::Ok | Verdict::Note | Verdict::Open => Ending::Complete,
        Verdict::Warning => Ending::WithFailures,
        Verdict::Failed(class) => Ending::Found(class),
    })
}

/// Asks, and tells of waits meanwhile: a quota that is spent can take minutes.
async fn examine(fetcher: &Fetcher, subject: Subject, ui: &Ui) -> Report {
    let mut gate = fetcher.gate_state();
    let mut report = pin!(doctor::examine(fetcher, subject, clock::now()));
    loop {
        tokio::select! {
            report = &mut report => return report,
            Ok(()) = gate.changed() => {
                if let Some(wait) = gate.borrow_and_update().wait {
                    let why = if wait.throttled { "the API answered 429" } else { "the quota is spent" };
                    ui.note(&format!("waiting until {} UTC: {why}", wait.until.format("%H:%M:%S")));
                }
            }
        }
    }
}
