//! What the commands that ask the API share: whom they ask, as which export, and the asking itself.
//!
//! In: resolved settings, and what is to be asked for. Out: a log with every reply.
//! Not here: where the log lies, and what is made of it.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::clock;
use crate::config::{
    Api, ApiConfig, ApiToken, Deadline, FetchConfig, FetchMode, Filters, Format, PeerEvents, PlaceConfig,
    RateKind, Sessions, StartMode, StatsSource, StoredList,
};
use crate::error::{Error, Result};
use crate::fetch::{BudgetConfig, ClientConfig, Fetcher, LedgerConfig, Queries, Query, RetryConfig, Traffic};
use crate::log::{Head, KnownReplies, Log, LogWriter, Resolved, Settings, TypedWindow};
use crate::model::Window;
use crate::operation::{Facts, RequestsMade};
use crate::pipeline::{self, Fetching, Gathered, Signals, Spooled};
use crate::place::{Key, Place};
use crate::plan::{Asks, Known, NothingKnown, Planner, PlannerOptions, Wants};
use crate::progress::{Phase, Progress};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::ui::Ui;

/// What the built-in sandbox is asked with: it takes any account and app.
const SANDBOX_NAME: &str = "sandbox";
/// What this program calls itself.
pub(super) const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

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

/// Copies of the lists that are in object stores, in files that have no names.
///
/// # Errors
/// A list that is not there, or that the store does not give; I/O errors.
pub(super) async fn stored_lists(lists: &[StoredList]) -> Result<Spooled> {
    let mut fetched = Spooled::new();
    for list in lists {
        let place = Place::open(&PlaceConfig::Remote(list.store.clone()))?;
        let mut copy = tempfile::tempfile().map_err(Error::io("create", std::env::temp_dir()))?;
        place.download(&Key::new(list.name.as_str())?, &mut copy).await?;
        fetched.insert(list.number, copy);
    }
    Ok(fetched)
}

/// What makes this command the same export as an earlier one.
pub(super) fn settings(
    api: &Api,
    reached: &ApiConfig,
    fetch: &FetchConfig,
    window: TypedWindow,
    format: Format,
) -> Settings {
    let base_url = match api {
        // Its port is another each time.
        Api::Sandbox => SANDBOX_NAME.to_owned(),
        Api::At(_) => reached.base_url.to_string(),
    };
    Settings {
        account_id: reached.account_id.clone(),
        app_id: reached.app_id.clone(),
        base_url,
        window,
        fetch: fetch.mode.name().to_owned(),
        filters: fetch.filters.iter().map(|filter| filter.name().to_owned()).collect(),
        stats_from: fetch.stats_from.name().to_owned(),
        peer_events: fetch.peer_events == PeerEvents::Included,
        format: format.extension().to_owned(),
        excel: format == Format::CsvExcel,
        dataset: None,
    }
}

/// An id that sorts by time: a UUID of version 7.
pub(super) fn new_id(now: DateTime<Utc>) -> String {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let mut random = [0; 10];
    random.fill_with(|| fastrand::u8(..));
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// Who and when: the first line of a log that begins now.
pub(super) fn head(
    settings: Settings,
    start: StartMode,
    now: DateTime<Utc>,
    window: Option<&Window>,
) -> Head {
    Head {
        export_id: new_id(now),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now.to_rfc3339_opts(SecondsFormat::Micros, true),
        refresh: start == StartMode::Refresh,
        after: None,
        asked_at: None,
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
pub(super) fn ledger(api: &Api, dir: Option<PathBuf>, fallback: PathBuf) -> Option<LedgerConfig> {
    matches!(api, Api::At(_)).then_some(LedgerConfig { dir, fallback: Some(fallback) })
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

/// What asking the API came to.
pub(super) struct Asked {
    /// What was to be asked for.
    pub(super) wants: Arc<Wants>,
    /// The log with every reply, durable.
    pub(super) log: LogWriter,
    /// Replies that the log had before.
    pub(super) kept: u64,
    /// Replies that came now.
    pub(super) replies: u64,
    /// Why it ended before all was asked for.
    pub(super) ended_early: Option<Error>,
}

/// When fetching stops: from now on, or at a time.
pub(super) fn deadline(set: Option<Deadline>) -> Option<pipeline::Deadline> {
    set.map(|deadline| {
        let (at, left) = deadline.from(clock::now());
        pipeline::Deadline { instant: tokio::time::Instant::now() + left, at }
    })
}

/// What the requests are sent with.
///
/// # Errors
/// An HTTP client that cannot be built.
pub(super) fn fetching(
    api: &ApiConfig,
    config: &FetchConfig,
    ledger: Option<&LedgerConfig>,
    window: Option<Window>,
    deadline: Option<pipeline::Deadline>,
    progress: &Arc<Progress>,
) -> Result<Fetching> {
    Ok(Fetching {
        fetcher: Arc::new(fetcher(api, config, ledger, window)?),
        concurrency: config.concurrency,
        max_failures: config.max_failures,
        deadline,
        progress: Arc::clone(progress),
    })
}

/// Stages 2 to 4: finds the window's sessions, then asks who was in them and in those of the lists.
///
/// # Errors
/// What ended it with the log unusable; what only ended it early is in [`Asked::ended_early`].
pub(super) async fn ask(
    fetching: Fetching,
    config: &FetchConfig,
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
    config: &FetchConfig,
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
    let planner = planner(&wants, earlier, config)?;
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
pub(super) const fn requests_made(traffic: Traffic) -> RequestsMade {
    RequestsMade {
        sent: traffic.sent,
        retried: traffic.retried,
        rate_limited: traffic.rate_limited,
        quota_used: traffic.quota.used,
        quota_allowed: traffic.quota.allowed,
        quota_window: traffic.quota.window,
    }
}
