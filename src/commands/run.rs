//! `rtk-export run`: lists or a window in, an export out; all the way from stage 1 to stage 8.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Ending, summarise};
use crate::clock;
use crate::config::{
    Api, ApiConfig, ApiToken, FetchConfig, FetchMode, Filters, Format, KeepLog, PeerEvents, RateKind,
    RunConfig, Sessions, SetTime, StartMode, StatsSource, WindowConfig,
};
use crate::error::{Error, Result, Resume};
use crate::fetch::{BudgetConfig, ClientConfig, Fetcher, LedgerConfig, Queries, Query, RetryConfig, Traffic};
use crate::log::{Head, KnownReplies, Log, LogWriter, Resolved, Settings, TypedWindow};
use crate::manifest::Manifest;
use crate::model::Window;
use crate::operation::{Facts, Published, RequestsMade};
use crate::output::{self, Output, Place};
use crate::pipeline::{self, Fetching, Gathered, Making, Signals};
use crate::plan::{Asks, Known, NothingKnown, Planner, PlannerOptions, Wants};
use crate::progress::{Phase, Progress};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::tables::Table;
use crate::ui::Ui;
use chrono::{DateTime, SecondsFormat, Utc};

/// What the built-in sandbox is asked with: it takes any account and app.
const SANDBOX_NAME: &str = "sandbox";
/// What this program calls itself.
pub(super) const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Runs the command; the facts are those that are known when it ends, however it does.
///
/// # Errors
/// Whatever ended it before the export was complete.
pub(super) async fn run(config: RunConfig, ui: &Ui, facts: &mut Facts) -> Result<Ending> {
    let started = Instant::now();
    let deadline = config.deadline.map(|deadline| {
        let (at, left) = deadline.from(clock::now());
        pipeline::Deadline { instant: tokio::time::Instant::now() + left, at }
    });
    ui.settings(&config.settings);
    facts.output = Some(config.output.dir.clone());
    let rollups = super::rollups(config.output.rollups, config.output.queries.as_deref()).await?;
    let (api, _sandbox) = reach(&config.api).await?;
    let settings = settings(&config, &api);
    let progress = Arc::clone(&facts.progress);
    let display = ui.display(Arc::clone(&progress));

    let opened = output::open(&config.output, &settings)?;
    let (log, place, earlier) = match opened {
        Output::New(log, place) => (log, place, None),
        Output::Begun(log, place, earlier) => (log, place, Some(earlier)),
        Output::Finished(place, manifest) => {
            drop(display);
            let log = kept_log(&place, config.output.keep_log)?;
            let requests = Some(&manifest.requests);
            facts.export_id = Some(manifest.export_id.clone());
            let source = &manifest.source;
            (facts.since, facts.until) =
                (source.since.as_ref().map(|time| time.0), source.until.as_ref().map(|time| time.0));
            facts.published = Some(published(&manifest));
            return Ok(summarise(ui, &config.output.dir, log, 0, &manifest, requests, started));
        }
    };
    let mut signals = Signals::listen()?;
    let now = clock::now();
    let window = resolve(&config, now, earlier.as_deref()).inspect_err(|_| {
        if earlier.is_none() {
            place.abandon(&log);
        }
    })?;
    let head = head(settings, config.output.start, now, window.as_ref());
    let begun_as = head.export_id.clone();
    let gathered = {
        let (lists, place) = (config.lists.clone(), place.clone());
        let gathered =
            tokio::task::spawn_blocking(move || pipeline::gather(&lists, log, &place, earlier, &head));
        let gathered = async { gathered.await.map_err(|_| Error::StageEnded { stage: "lists" })? };
        pipeline::unless_stopped(&mut signals, gathered).await?
    };
    // A relative window keeps its first resolution.
    let window = gathered.earlier.as_deref().map_or(window, |log| log.head().window());
    let earlier_id = gathered.earlier.as_deref().map(|log| log.head().export_id.clone());
    facts.export_id = Some(earlier_id.unwrap_or(begun_as));
    (facts.since, facts.until) = window.as_ref().map_or((None, None), |window| (window.since, window.until));
    let was_fetched = gathered.earlier.as_ref().is_some_and(|log| log.is_fetched());

    let fetching = fetching(&config, &api, window.clone(), deadline, &progress)?;
    let asked = ask(fetching, &config, window, gathered, ui, facts, &mut signals).await?;
    let Asked { wants, mut log, kept, replies, ended_early } = asked;
    let resume = Resume { replies: kept.saturating_add(replies), command: config.command_line };
    if let Some(error) = ended_early {
        return Err(error.resumable(resume));
    }
    if replies > 0 || !was_fetched {
        log.mark_fetched(clock::now())?;
    }

    let complete = Log::open(place.log(), false)?.ok_or(Error::StageEnded { stage: "log" })?;
    let making = Making {
        log: complete,
        wants: Some(wants),
        output: config.output.dir.clone(),
        hold: place.hold(),
        format: config.output.format,
        rollups,
        on_warning: config.output.on_warning,
    };
    let made = pipeline::make(making, Arc::clone(&progress));
    let made = pipeline::unless_stopped(&mut signals, made).await;
    let manifest = made.map_err(|error| error.resumable(resume))?;
    facts.published = Some(published(&manifest));
    place.settle()?;
    drop(display);
    let kept_log = kept_log(&place, config.output.keep_log)?;
    // The lock on the log lasts to here.
    drop(log);
    Ok(summarise(ui, &config.output.dir, kept_log, kept, &manifest, Some(&manifest.requests), started))
}

/// The window of an export that begins now; of one that goes on, the log's where the command's makes no
/// sense any more.
fn resolve(config: &RunConfig, now: DateTime<Utc>, earlier: Option<&Log>) -> Result<Option<Window>> {
    let window = config.window.as_ref().map(|window| window.resolve(now)).transpose();
    match earlier {
        Some(log) => window.or_else(|_| Ok(log.head().window())),
        None => window,
    }
}

/// What asking the API came to.
struct Asked {
    wants: Arc<Wants>,
    log: LogWriter,
    kept: u64,
    replies: u64,
    ended_early: Option<Error>,
}

/// What the requests are sent with.
fn fetching(
    config: &RunConfig,
    api: &ApiConfig,
    window: Option<Window>,
    deadline: Option<pipeline::Deadline>,
    progress: &Arc<Progress>,
) -> Result<Fetching> {
    Ok(Fetching {
        fetcher: Arc::new(fetcher(api, &config.fetch, ledger(config).as_ref(), window)?),
        concurrency: config.fetch.concurrency,
        max_failures: config.fetch.max_failures,
        deadline,
        progress: Arc::clone(progress),
    })
}

/// Stages 2 to 4: finds the window's sessions, then asks who was in them and in those of the lists.
async fn ask(
    fetching: Fetching,
    config: &RunConfig,
    window: Option<Window>,
    gathered: Gathered,
    ui: &Ui,
    facts: &mut Facts,
    signals: &mut Signals,
) -> Result<Asked> {
    if let Some(warning) = fetching.fetcher.warning() {
        ui.warn(warning, None);
    }
    let asked = ask_with(&fetching, config, window, gathered, ui, signals).await;
    facts.requests = Some(requests_made(fetching.fetcher.traffic()));
    if let Some(warning) = pipeline::settle(fetching).await {
        ui.warn(&warning, None);
    }
    asked
}

async fn ask_with(
    fetching: &Fetching,
    config: &RunConfig,
    window: Option<Window>,
    gathered: Gathered,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<Asked> {
    let Gathered { mut wants, mut log, earlier } = gathered;
    let earlier = earlier.as_deref();
    let (mut kept, mut replies) = (0, 0);
    if let Some(window) = window {
        ui.window(&window);
        let listed = pipeline::discover(window, earlier, log, fetching, signals).await?;
        (kept, replies, log) = (listed.asks.kept(), listed.replies, listed.kept_in);
        if listed.ended_early.is_some() {
            let wants = Arc::new(wants);
            return Ok(Asked { wants, log, kept, replies, ended_early: listed.ended_early });
        }
        let discovered = listed.asks.finish();
        ui.discovered(discovered.sessions.len() as u64, discovered.live.len() as u64);
        pipeline::add_discovered(&mut wants, &discovered)?;
    }
    fetching.progress.enter(Phase::Fetching);
    let wants = Arc::new(wants);
    let planner = planner(&wants, earlier, &config.fetch)?;
    let fetched = pipeline::fetch(planner, log, fetching, signals).await?;
    Ok(Asked {
        wants,
        kept: kept.saturating_add(fetched.asks.kept()),
        replies: replies.saturating_add(fetched.replies),
        log: fetched.kept_in,
        ended_early: fetched.ended_early,
    })
}

/// What was sent, for machines to know.
const fn requests_made(traffic: Traffic) -> RequestsMade {
    RequestsMade {
        sent: traffic.sent,
        retried: traffic.retried,
        rate_limited: traffic.rate_limited,
        quota_used: traffic.quota.used,
        quota_allowed: traffic.quota.allowed,
        quota_window: traffic.quota.window,
    }
}

/// What came of it, for machines to know.
fn published(manifest: &Manifest) -> Published {
    let rows = |table: Table| {
        let files = manifest.tables.iter().find(|files| files.name == table.name())?;
        Some((table.name(), files.rows))
    };
    Published {
        rows: Table::ALL.into_iter().filter_map(rows).collect(),
        failures: manifest.failures.total,
        duration_minutes: manifest.totals.duration_minutes.map(|minutes| minutes.to_string()),
        minutes_consumed: manifest.totals.minutes_consumed.map(|minutes| minutes.to_string()),
    }
}

/// Deletes the log where it is not to be kept; gives where it is.
fn kept_log(place: &Place, keep: KeepLog) -> Result<Option<&Path>> {
    match keep {
        KeepLog::Always => Ok(Some(place.final_log())),
        KeepLog::Never => place.delete_log().map(|()| None),
    }
}

/// Where the API is; the built-in one is started, and lives as long as what is given back.
pub(super) async fn reach(api: &Api) -> Result<(ApiConfig, Option<Sandbox>)> {
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
        window: config.window.as_ref().map(typed).unwrap_or_default(),
        fetch: config.fetch.mode.name().to_owned(),
        filters: config.fetch.filters.iter().map(|filter| filter.name().to_owned()).collect(),
        stats_from: config.fetch.stats_from.name().to_owned(),
        peer_events: config.fetch.peer_events == PeerEvents::Included,
        format: config.output.format.extension().to_owned(),
        excel: config.output.format == Format::CsvExcel,
        dataset: None,
    }
}

/// A window as it was typed.
fn typed(window: &WindowConfig) -> TypedWindow {
    let text = |time: &Option<SetTime>| time.as_ref().map(|time| time.text.clone());
    TypedWindow {
        since: text(&window.since),
        until: text(&window.until),
        meeting: window.meeting.clone(),
        live: window.live,
    }
}

fn head(settings: Settings, start: StartMode, now: DateTime<Utc>, window: Option<&Window>) -> Head {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let mut random = [0; 10];
    random.fill_with(|| fastrand::u8(..));
    Head {
        export_id: uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now.to_rfc3339_opts(SecondsFormat::Micros, true),
        refresh: start == StartMode::Refresh,
        window: window.map(Resolved::of),
        settings,
    }
}

fn planner(wants: &Arc<Wants>, earlier: Option<&Log>, config: &FetchConfig) -> Result<Planner> {
    let known: Box<dyn Known> = match earlier {
        Some(log) => Box::new(KnownReplies::load(log, Arc::clone(wants))?),
        None => Box::new(NothingKnown),
    };
    let options = PlannerOptions {
        mode: config.mode,
        statistics: (!config.filters.is_empty()).then_some(config.stats_from),
        with_sessions: config.sessions == Sessions::Fetched,
    };
    Ok(Planner::new(Arc::clone(wants), options, known))
}

/// What each kind of request asks for: nothing that another one gives.
fn queries(config: &FetchConfig) -> Queries {
    let FetchConfig { mode, filters, stats_from, .. } = *config;
    let peer_events = config.peer_events == PeerEvents::Included;
    let of_details = if stats_from == StatsSource::PeerReport { Filters::NONE } else { filters };
    Queries {
        details: Query { filters: of_details, peer_events },
        // Only there a report may be all that is asked of a participant.
        reports: Query { filters, peer_events: peer_events && mode == FetchMode::Auto },
        // There pages only name ids.
        pages: Query { filters: Filters::NONE, peer_events: peer_events && mode != FetchMode::Detail },
    }
}

/// Where the budget is shared. The built-in API is this process's own: there is nobody to share it with.
fn ledger(run: &RunConfig) -> Option<LedgerConfig> {
    matches!(run.api, Api::At(_)).then(|| LedgerConfig {
        dir: run.user_state_dir.clone(),
        fallback: Some(output::state_dir(&run.output.dir, run.output.state_dir.as_deref())),
    })
}

/// Who sends, for a window where there is one.
pub(super) fn fetcher(
    api: &ApiConfig,
    config: &FetchConfig,
    ledger: Option<&LedgerConfig>,
    window: Option<Window>,
) -> Result<Fetcher> {
    let client = ClientConfig {
        base_url: api.base_url.clone(),
        account_id: api.account_id.clone(),
        app_id: api.app_id.clone(),
        token: api.token.secret(),
        timeout: config.timeout,
        queries: queries(config),
        window,
        connections: config.concurrency,
        user_agent: USER_AGENT.to_owned(),
    };
    let retry = RetryConfig { retries: config.retries, ..RetryConfig::default() };
    Fetcher::new(&client, retry, budget(config), ledger)
}

/// What may be sent.
pub(super) fn budget(config: &FetchConfig) -> BudgetConfig {
    BudgetConfig {
        requests: u64::from(config.rate.limit.requests),
        window: config.rate.limit.window,
        reserve_percent: config.reserve_percent,
        explicit: config.rate.kind == RateKind::Ceiling,
    }
}
