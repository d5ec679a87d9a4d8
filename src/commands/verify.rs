//! `rtk-export verify`: an export against its manifest and against the API, a report on stdout.

use std::path::Path;

use super::Ending;
use super::asking::{self, Pace};
use super::fetching::reach;
use crate::cli::VerifyFormat;
use crate::config::{Api, ApiConfig, Origin, VerifyApi, VerifyConfig};
use crate::error::{Error, Result};
use crate::fetch::{Fetcher, LedgerConfig};
use crate::log::{self, Log};
use crate::manifest::Manifest;
use crate::model::Window;
use crate::output;
use crate::pipeline::{self, Signals};
use crate::place::Place;
use crate::ui::Ui;
use crate::verify::{self, Outcome, Question, Report, Subject};

/// Runs the command.
///
/// # Errors
/// There is no export, or it is another's than is to be asked; the report cannot be written.
pub(super) async fn run(config: VerifyConfig, ui: &Ui) -> Result<Ending> {
    ui.settings(&config.settings);
    let mut signals = Signals::listen()?;
    let report = match Box::pin(compare(&config, &mut signals, ui)).await {
        // There is nothing to resume.
        Err(Error::Interrupted { signal, .. }) => return Err(Error::Stopped { signal }),
        compared => compared?,
    };
    ui.result(&match config.format {
        VerifyFormat::Text => report.text(),
        VerifyFormat::Json => report.json(),
    })?;
    Ok(match report.outcome() {
        Outcome::Agrees => Ending::Complete,
        Outcome::Differs => Ending::WithFailures,
        Outcome::Stopped(class) => Ending::Found(class),
    })
}

async fn compare(config: &VerifyConfig, signals: &mut Signals, ui: &Ui) -> Result<Report> {
    let mut subject = Subject::open(Place::open(&config.export)?).await?;
    if let Some(dir) = config.export.local() {
        subject.window = window(dir, &subject.manifest);
    }
    // Before every byte is read: whom to ask is known now.
    let (api, sandbox) = match &config.api {
        Some(api) => {
            let (api, sandbox) = reach(&api_of(api, &subject.manifest)?).await?;
            refuse_other(&api, &subject.manifest)?;
            (Some(api), sandbox)
        }
        None => (None, None),
    };
    let checked = pipeline::unless_stopped(signals, verify::check(subject)).await?;
    let Some(api) = api else { return Ok(checked.offline()) };
    let question = Question { minutes: config.minutes, against: config.against };
    let summed = pipeline::unless_stopped(signals, checked.sum_up(question)).await?;
    let pace = Pace {
        rate: config.rate,
        reserve_percent: config.reserve_percent,
        timeout: config.timeout,
        at_once: verify::REQUESTS_AT_ONCE,
        ledger: sandbox
            .is_none()
            .then(|| LedgerConfig { dir: config.user_state_dir.clone(), fallback: None }),
    };
    let fetcher = asking::fetcher(&api, &pace, ui)?;
    if let Some(sessions) = summed.sessions() {
        let noun = if sessions == 1 { "session" } else { "sessions" };
        ui.note(&format!("asking {} about {sessions} {noun}", api.base_url));
    }
    let compare = async move |fetcher: &Fetcher| summed.compare(fetcher).await;
    Box::pin(asking::unless_stopped(fetcher, signals, ui, compare)).await
}

/// The window as the export's log tells it, where the log is there: the manifest does not know of a meeting.
fn window(dir: &Path, manifest: &Manifest) -> Option<Window> {
    let path = output::state_dir(dir, None).join(log::FILE_NAME);
    let log = Log::open(&path, false).ok()??;
    (log.head().export_id == manifest.export_id).then(|| log.head().window()).flatten()
}

/// Whom to ask: what is not set is the export's.
fn api_of(api: &VerifyApi, manifest: &Manifest) -> Result<Api> {
    let VerifyApi::At(at) = api else { return Ok(Api::Sandbox) };
    let the_exports = |set: &Option<(String, Origin)>, exported: &String| match set {
        Some((given, origin)) if given != exported => Err(Error::OtherExport {
            origin: origin.clone(),
            given: given.clone(),
            exported: exported.clone(),
        }),
        _ => Ok(exported.clone()),
    };
    Ok(Api::At(ApiConfig {
        base_url: at.base_url.clone(),
        account_id: the_exports(&at.account_id, &manifest.api.account_id)?,
        app_id: the_exports(&at.app_id, &manifest.api.app_id)?,
        token: at.token.clone(),
    }))
}

/// The built-in API knows one app, whose exports are its own.
fn refuse_other(api: &ApiConfig, manifest: &Manifest) -> Result<()> {
    if (&api.account_id, &api.app_id) == (&manifest.api.account_id, &manifest.api.app_id) {
        return Ok(());
    }
    Err(Error::OtherExport {
        origin: Origin::Flag("sandbox"),
        given: api.app_id.clone(),
        exported: manifest.api.app_id.clone(),
    })
}
