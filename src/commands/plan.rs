//! `rtk-export plan`: what a run would send and what would come of it; stages 1 and 2, no output.
//!
//! For a list nothing is sent unless sessions are to be counted; a window's sessions must be listed to
//! be known. Nothing is written but the plan.

use std::sync::Arc;

use chrono::SecondsFormat;

use super::Ending;
use super::fetching::{self, budget, fetcher, reach};
use crate::blocking::blocking;
use crate::cli::PlanFormat;
use crate::clock;
use crate::config::{Api, Counting, FetchConfig, FetchMode, PeerEvents, PlanConfig, Sessions};
use crate::error::Result;
use crate::fetch::LedgerConfig;
use crate::manifest::MinutesTotal;
use crate::model::{Dollars, Price, Window};
use crate::pipeline::{self, Counted, Fetching, OddRows, SessionsSeen, Signals, Survey};
use crate::plan::{self, Bounds, Course, Demand, Discovered, Estimate, Outlook, Usage, Wants};
use crate::progress::Progress;
use crate::ui::{
    AsksFor, CountedPlan, ExampleRow, Examples, Expected, ListRows, MinutesPlan, PlanReport, QuotaPlan,
    Range, RequestPlan, RowCounts, Ui, ViewTypeMinutes, WindowPlan,
};

/// The shape of a plan's JSON.
const PLAN_VERSION: u32 = 1;

/// What the API told.
#[derive(Default)]
struct Told {
    window: Option<Found>,
    counted: Option<Counted>,
}

/// What a window holds.
struct Found {
    window: Window,
    discovered: Discovered,
    seen: SessionsSeen,
    /// Pages that the sessions took.
    pages: u64,
}

/// Runs the command.
///
/// # Errors
/// Whatever ended it before everything was known.
pub(super) async fn run(config: PlanConfig, ui: &Ui) -> Result<Ending> {
    ui.settings(&config.settings);
    let mut signals = Signals::listen()?;
    let window = config.window.as_ref().map(|window| window.resolve(clock::now())).transpose()?;
    let mut survey = {
        let fetched = fetching::stored_lists(&config.stored_lists);
        let fetched = pipeline::unless_stopped(&mut signals, fetched).await?;
        let lists = config.lists.clone();
        let surveyed = blocking("lists", move || pipeline::survey(&lists, fetched));
        pipeline::unless_stopped(&mut signals, surveyed).await?
    };
    let (wants, told) = match &config.api {
        Some(api) => {
            let wants = std::mem::take(&mut survey.wants);
            ask(&config, api, window, wants, ui, &mut signals).await?
        }
        None => (Arc::new(std::mem::take(&mut survey.wants)), Told::default()),
    };
    let report = report(&config, &survey, &wants, told);
    ui.result(&match config.format {
        PlanFormat::Text => report.text(),
        PlanFormat::Json => report.json(),
    })?;
    Ok(Ending::Complete)
}

/// Finds the window's sessions, and counts where that is asked for.
async fn ask(
    config: &PlanConfig,
    api: &Api,
    window: Option<Window>,
    wants: Wants,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<(Arc<Wants>, Told)> {
    let (at, _sandbox) = reach(api).await?;
    let ledger = matches!(api, Api::At(_))
        .then(|| LedgerConfig { dir: config.user_state_dir.clone(), fallback: None });
    let progress = Arc::new(Progress::default());
    // Whatever a run would do with pages: here they are to tell the minutes too.
    let of_pages = FetchConfig { mode: FetchMode::Auto, ..config.fetch.clone() };
    let fetching = Fetching {
        fetcher: Arc::new(fetcher(&at, &of_pages, ledger.as_ref(), window.clone())?),
        concurrency: config.fetch.concurrency,
        max_failures: None,
        deadline: None,
        progress: Arc::clone(&progress),
    };
    if let Some(warning) = fetching.fetcher.warning() {
        ui.warn(warning, None);
    }
    let display = ui.display(progress);
    let asked = ask_with(&fetching, config, window, wants, ui, signals).await;
    drop(display);
    if let Some(warning) = pipeline::settle(fetching).await {
        ui.warn(&warning, None);
    }
    asked
}

async fn ask_with(
    fetching: &Fetching,
    config: &PlanConfig,
    window: Option<Window>,
    mut wants: Wants,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<(Arc<Wants>, Told)> {
    let mut told = Told::default();
    if let Some(window) = window {
        ui.window(&window);
        let listed =
            pipeline::discover(window.clone(), None, SessionsSeen::default(), fetching, signals).await?;
        if let Some(error) = listed.ended_early {
            return Err(error);
        }
        let (discovered, pages) = (listed.asks.finish(), listed.replies);
        pipeline::add_discovered(&mut wants, &discovered)?;
        told.window = Some(Found { window, discovered, seen: listed.kept_in, pages });
    }
    let wants = Arc::new(wants);
    if config.counting == Counting::Each {
        told.counted =
            Some(pipeline::count(Arc::clone(&wants), course(&config.fetch), fetching, signals).await?);
    }
    Ok((wants, told))
}

/// How the run will ask.
fn course(config: &FetchConfig) -> Course {
    let statistics = (!config.filters.is_empty()).then_some(config.stats_from);
    Course { mode: config.mode, statistics }
}

/// Puts everything together.
fn report(config: &PlanConfig, survey: &Survey, wants: &Wants, told: Told) -> PlanReport {
    let Told { window, counted } = told;
    let outlook = counted.as_ref().map_or_else(
        || {
            let mut outlook = Outlook::new(course(&config.fetch));
            outlook.add_all(wants);
            outlook.finish()
        },
        |counted| counted.outlook,
    );
    let pages_of_sessions = Bounds::exactly(window.as_ref().map_or(0, |found| found.pages));
    let with_sessions = config.fetch.sessions == Sessions::Fetched;
    let records = if with_sessions { wants.sessions() as u64 - wants.discovered() } else { 0 };
    let others = pages_of_sessions + Bounds::exactly(records);
    let total = outlook.planned.requests + others;
    let budget = budget(&config.fetch);
    let seconds = |requests| plan::seconds(requests, budget.allowed(), budget.window);
    let usage = counted.as_ref().map(|counted| counted.usage.clone()).unwrap_or_default();
    PlanReport {
        plan_version: PLAN_VERSION,
        lists: survey
            .lists
            .iter()
            .map(|list| ListRows { path: list.path.clone(), rows: list.rows })
            .collect(),
        window: window.map(window_plan),
        rows: RowCounts {
            read: survey.lists.iter().map(|list| list.rows).sum(),
            invalid: survey.invalid.count,
            duplicate: survey.duplicate.count,
        },
        examples: Examples { invalid: examples(&survey.invalid), duplicate: examples(&survey.duplicate) },
        asks_for: asks_for(wants),
        requests: RequestPlan {
            session_pages: range(pages_of_sessions),
            participant_pages: range(outlook.planned.pages),
            details: range(outlook.planned.details),
            peer_reports: range(outlook.planned.reports),
            sessions: range(Bounds::exactly(records)),
            total: range(total),
        },
        detail_requests: range(outlook.alone.requests + others),
        quota: QuotaPlan {
            requests: budget.requests,
            window: budget.window,
            reserve_percent: budget.reserve_percent,
            allowed: budget.allowed(),
        },
        seconds: range(total.map(seconds)),
        expected: expected(config, outlook.planned.participants, &usage),
        minutes: (usage.with_events > 0).then(|| minutes(&usage)),
        counted: counted.map(|counted| CountedPlan {
            sessions: counted.sessions,
            not_found: counted.not_found,
            failed: counted.failed,
            live_sessions: counted.live,
            participants: counted.usage.participants,
            requests_sent: counted.requests_sent,
        }),
    }
}

const fn range(bounds: Bounds) -> Range {
    Range { min: bounds.min, max: bounds.max }
}

fn asks_for(wants: &Wants) -> AsksFor {
    let mut asks_for = AsksFor { sessions: wants.sessions() as u64, ..AsksFor::default() };
    // Numbers of sessions are 32 bits wide.
    for demand in (0..).take(wants.sessions()).map(|session| Demand::of(wants, session)) {
        asks_for.whole_sessions += u64::from(demand.everyone);
        asks_for.participants += demand.pairs;
        asks_for.by_other_id += demand.matches;
    }
    asks_for
}

fn expected(config: &PlanConfig, participants: Bounds, usage: &Usage) -> Expected {
    let with_events = config.fetch.peer_events == PeerEvents::Included;
    let mut estimate = Estimate::of(participants, usage, with_events);
    if !config.fetch.filters.is_empty() {
        // Nobody says how large statistics are: they grow with the time in the call.
        estimate = estimate.at_least();
    }
    Expected {
        participants: range(participants),
        peer_events: range(estimate.peer_events),
        reply_bytes: range(estimate.reply_bytes),
        parquet_bytes: range(estimate.parquet_bytes),
        csv_bytes: range(estimate.csv_bytes),
        log_bytes: range(estimate.log_bytes),
    }
}

fn examples(rows: &OddRows) -> Vec<ExampleRow> {
    let example = |row: &pipeline::OddRow| ExampleRow {
        list_file: row.list_file.clone(),
        row_number: row.row_number,
        session_id: row.session_id.clone(),
        participant_id: row.participant_id.clone(),
        problem: row.problem.clone(),
    };
    rows.examples.iter().map(example).collect()
}

fn window_plan(found: Found) -> WindowPlan {
    let Found { window, discovered, seen, .. } = found;
    let time = |time: Option<chrono::DateTime<chrono::Utc>>| {
        time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    };
    let (minutes, live) = seen.of(&discovered);
    WindowPlan {
        since: time(window.since),
        until: time(window.until),
        meeting: window.meeting,
        sessions: discovered.sessions.len() as u64,
        live_sessions: live,
        live_left_out: discovered.live.len() as u64,
        minutes_consumed: minutes.map(decimal),
    }
}

/// Minutes in 10⁻⁹ minute as the manifest writes them.
fn decimal(units: i128) -> String {
    MinutesTotal::from_units(units).to_string()
}

fn minutes(usage: &Usage) -> MinutesPlan {
    let price = |view_type: &Option<String>| view_type.as_deref().and_then(Price::of_view_type);
    let cost =
        |(view_type, units): (&Option<String>, &i128)| price(view_type).map(|price| price.of_minutes(*units));
    let unpriced = usage.minutes.iter().filter(|(view_type, _)| price(view_type).is_none());
    MinutesPlan {
        participants: usage.with_events,
        minutes_consumed: decimal(usage.minutes.values().sum()),
        cost_usd: usage.minutes.iter().filter_map(cost).sum::<Dollars>().to_string(),
        minutes_without_price: decimal(unpriced.map(|(_, units)| units).sum()),
        by_view_type: usage
            .minutes
            .iter()
            .map(|(view_type, units)| ViewTypeMinutes {
                view_type: view_type.clone(),
                minutes_consumed: decimal(*units),
                usd_per_minute: price(view_type).map(|price| price.per_minute().to_string()),
                cost_usd: cost((view_type, units)).map(|cost| cost.to_string()),
            })
            .collect(),
    }
}
