//! `rtk-export doctor`: asks the API what its documents leave open, and prints a report.

use super::Ending;
use super::asking::{self, Pace};
use super::fetching::reach;
use crate::cli::DoctorFormat;
use crate::clock;
use crate::config::{Api, DoctorConfig, RateKind};
use crate::doctor::{self, Subject, Verdict};
use crate::error::Result;
use crate::fetch::{Fetcher, LedgerConfig};
use crate::pipeline::Signals;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// Nothing could be asked at all, or the report not be written.
pub(super) async fn run(config: DoctorConfig, ui: &Ui) -> Result<Ending> {
    ui.settings(&config.settings);
    let (api, _sandbox) = reach(&config.api).await?;
    let pace = Pace {
        rate: config.rate,
        reserve_percent: config.reserve_percent,
        timeout: config.timeout,
        at_once: 1,
        ledger: matches!(config.api, Api::At(_))
            .then_some(LedgerConfig { dir: config.user_state_dir, fallback: None }),
    };
    let fetcher = asking::fetcher(&api, &pace, ui)?;
    let subject = Subject {
        base_url: api.base_url.to_string(),
        account_id: api.account_id,
        app_id: api.app_id,
        session: config.session,
        participant: config.participant,
        rate: (config.rate.kind == RateKind::Ceiling).then_some(config.rate.limit),
    };
    ui.note(&format!("asking {} in at most {} requests", subject.base_url, doctor::AT_MOST));
    let examine = async move |fetcher: &Fetcher| doctor::examine(fetcher, subject, clock::now()).await;
    let mut signals = Signals::listen()?;
    let report = Box::pin(asking::unless_stopped(fetcher, &mut signals, ui, examine)).await?;
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
