//! `rtk-export run`: lists in, an export out; all the way from stage 1 to stage 8.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Ending, summarise};
use crate::clock;
use crate::config::{
    Api, ApiConfig, ApiToken, FetchConfig, FetchMode, Format, KeepLog, PeerEvents, RateKind, RunConfig,
    Sessions, StartMode,
};
use crate::error::{Error, Result, Resume};
use crate::fetch::{BudgetConfig, ClientConfig, Fetcher, LedgerConfig, RetryConfig};
use crate::log::{Head, KnownReplies, Log, Settings};
use crate::output::{self, Output, Place};
use crate::pipeline::{self, Fetched, Gathered, Making};
use crate::plan::{Known, NothingKnown, Planner, PlannerOptions, Wants};
use crate::progress::{Phase, Progress};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::ui::Ui;
use chrono::SecondsFormat;

/// What the built-in sandbox is asked with: it takes any account and app.
const SANDBOX_NAME: &str = "sandbox";

/// Runs the command.
///
/// # Errors
/// Whatever ended it before the export was complete.
pub(super) async fn run(config: RunConfig, ui: &Ui) -> Result<Ending> {
    let started = Instant::now();
    ui.settings(&config.settings);
    let rollups = super::rollups(config.output.rollups, config.output.queries.as_deref()).await?;
    let (api, _sandbox) = reach(&config.api).await?;
    let settings = settings(&config, &api);
    let progress = Arc::new(Progress::default());
    let display = ui.display(Arc::clone(&progress));

    let opened = output::open(&config.output, &settings)?;
    let (log, place, earlier) = match opened {
        Output::New(log, place) => (log, place, None),
        Output::Begun(log, place, earlier) => (log, place, Some(earlier)),
        Output::Finished(place, manifest) => {
            drop(display);
            let log = kept_log(&place, config.output.keep_log)?;
            return Ok(summarise(
                ui,
                &config.output.dir,
                log,
                0,
                &manifest,
                Some(&manifest.requests),
                started,
            ));
        }
    };
    let Gathered { wants, log, earlier } = {
        let (lists, place, head) = (config.lists.clone(), place.clone(), head(settings, config.output.start));
        let gathered =
            tokio::task::spawn_blocking(move || pipeline::gather(&lists, log, &place, earlier, &head));
        let gathered = async { gathered.await.map_err(|_| Error::StageEnded { stage: "lists" })? };
        pipeline::unless_stopped(gathered).await?
    };
    let wants = Arc::new(wants);

    progress.enter(Phase::Fetching);
    let planner = planner(&wants, earlier.as_deref(), &config.fetch)?;
    let fetcher = fetcher(&api, &config)?;
    if let Some(warning) = fetcher.warning() {
        ui.warn(warning, None);
    }
    let (concurrency, max_failures) = (config.fetch.concurrency, config.fetch.max_failures);
    let shown = Arc::clone(&progress);
    let Fetched { mut log, kept, replies, warning, ended_early } =
        pipeline::fetch(planner, fetcher, log, concurrency, max_failures, shown).await?;
    if let Some(warning) = warning {
        ui.warn(&warning, None);
    }
    let resume = Resume { replies: kept.saturating_add(replies), command: config.command_line };
    if let Some(error) = ended_early {
        return Err(error.resumable(resume));
    }
    log.mark_fetched(clock::now())?;

    let complete = Log::open(place.log(), false)?.ok_or(Error::StageEnded { stage: "log" })?;
    let making = Making {
        log: complete,
        wants: Some(wants),
        output: config.output.dir.clone(),
        format: config.output.format,
        rollups,
    };
    let made = pipeline::unless_stopped(pipeline::make(making, Arc::clone(&progress))).await;
    let manifest = made.map_err(|error| error.resumable(resume))?;
    place.settle()?;
    drop(display);
    let kept_log = kept_log(&place, config.output.keep_log)?;
    // The lock on the log lasts to here.
    drop(log);
    Ok(summarise(ui, &config.output.dir, kept_log, kept, &manifest, Some(&manifest.requests), started))
}

/// Deletes the log where it is not to be kept; gives where it is.
fn kept_log(place: &Place, keep: KeepLog) -> Result<Option<&Path>> {
    match keep {
        KeepLog::Always => Ok(Some(place.final_log())),
        KeepLog::Never => place.delete_log().map(|()| None),
    }
}

/// Where the API is; the built-in one is started, and lives as long as what is given back.
async fn reach(api: &Api) -> Result<(ApiConfig, Option<Sandbox>)> {
    match api {
        Api::At(api) => Ok((api.clone(), None)),
        Api::Sandbox => {
            let sandbox = Sandbox::start(SandboxOptions::default()).await?;
            let (base_url, token) = (sandbox.base_url(), &sandbox.options().token);
            let api = ApiConfig {
                base_url: base_url.parse().map_err(|_| Error::BaseUrl { url: base_url })?,
                account_id: SANDBOX_NAME.to_owned(),
                app_id: SANDBOX_NAME.to_owned(),
                token: ApiToken::parse(token).map_err(|_| Error::UnusableToken)?,
            };
            Ok((api, Some(sandbox)))
        }
    }
}

/// What makes this command the same export as an earlier one.
fn settings(config: &RunConfig, api: &ApiConfig) -> Settings {
    let base_url = match config.api {
        // Its port is another each time.
        Api::Sandbox => SANDBOX_NAME.to_owned(),
        Api::At(_) => api.base_url.to_string(),
    };
    Settings {
        account_id: api.account_id.clone(),
        app_id: api.app_id.clone(),
        base_url,
        fetch: config.fetch.mode.name().to_owned(),
        peer_events: config.fetch.peer_events == PeerEvents::Included,
        format: config.output.format.extension().to_owned(),
        excel: config.output.format == Format::CsvExcel,
    }
}

fn head(settings: Settings, start: StartMode) -> Head {
    let now = clock::now();
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let mut random = [0; 10];
    random.fill_with(|| fastrand::u8(..));
    Head {
        export_id: uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now.to_rfc3339_opts(SecondsFormat::Micros, true),
        refresh: start == StartMode::Refresh,
        settings,
    }
}

fn planner(wants: &Arc<Wants>, earlier: Option<&Log>, config: &FetchConfig) -> Result<Planner> {
    let known: Box<dyn Known> = match earlier {
        Some(log) => Box::new(KnownReplies::load(log, Arc::clone(wants))?),
        None => Box::new(NothingKnown),
    };
    let options = PlannerOptions { mode: config.mode, with_sessions: config.sessions == Sessions::Fetched };
    Ok(Planner::new(Arc::clone(wants), options, known))
}

fn fetcher(api: &ApiConfig, run: &RunConfig) -> Result<Fetcher> {
    let config = &run.fetch;
    // The built-in API is this process's own: there is nobody to share its budget with.
    let ledger = matches!(run.api, Api::At(_)).then(|| LedgerConfig {
        dir: run.user_state_dir.clone(),
        fallback: output::state_dir(&run.output.dir, run.output.state_dir.as_deref()),
    });
    let peer_events = config.peer_events == PeerEvents::Included;
    let client = ClientConfig {
        base_url: api.base_url.clone(),
        account_id: api.account_id.clone(),
        app_id: api.app_id.clone(),
        token: api.token.secret(),
        timeout: config.timeout,
        peer_events,
        page_peer_events: config.mode != FetchMode::Detail,
        connections: config.concurrency,
        user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let budget = BudgetConfig {
        requests: u64::from(config.rate.limit.requests),
        window: config.rate.limit.window,
        reserve_percent: config.reserve_percent,
        explicit: config.rate.kind == RateKind::Ceiling,
    };
    let retry = RetryConfig { retries: config.retries, ..RetryConfig::default() };
    Fetcher::new(&client, retry, budget, ledger.as_ref())
}
