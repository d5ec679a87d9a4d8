//! Asking the API in single requests: what `doctor` and `verify` have in common.
//!
//! In: whom to ask and how fast. Out: a [`Fetcher`], and what came of the work with it.
//! Guarantees: waits are told; what was leased of the budget is given back, whatever the work came to.

use std::pin::pin;
use std::time::Duration;

use super::fetching::USER_AGENT;
use crate::config::{ApiConfig, Filters, Rate, RateKind};
use crate::error::Result;
use crate::fetch::{BudgetConfig, ClientConfig, Fetcher, LedgerConfig, Queries, Query, RetryConfig};
use crate::pipeline::{self, Signals};
use crate::ui::Ui;

/// How fast to ask, and whom to share the budget with.
pub(super) struct Pace {
    pub(super) rate: Rate,
    pub(super) reserve_percent: u8,
    pub(super) timeout: Duration,
    /// Requests in flight.
    pub(super) at_once: usize,
    /// Where the budget is shared; the built-in API is this process's own.
    pub(super) ledger: Option<LedgerConfig>,
}

/// A fetcher that has sent nothing yet.
pub(super) fn fetcher(api: &ApiConfig, pace: &Pace, ui: &Ui) -> Result<Fetcher> {
    let whole = Query { filters: Filters::NONE, peer_events: true };
    let client = ClientConfig {
        base_url: api.base_url.clone(),
        account_id: api.account_id.clone(),
        app_id: api.app_id.clone(),
        token: api.token.secret(),
        timeout: pace.timeout,
        queries: Queries { details: whole, reports: whole, pages: whole },
        window: None,
        connections: pace.at_once,
        user_agent: USER_AGENT.to_owned(),
    };
    let budget = BudgetConfig {
        requests: u64::from(pace.rate.limit.requests),
        window: pace.rate.limit.window,
        reserve_percent: pace.reserve_percent,
        explicit: pace.rate.kind == RateKind::Ceiling,
    };
    let fetcher = Fetcher::new(&client, RetryConfig::default(), budget, pace.ledger.as_ref())?;
    if let Some(warning) = fetcher.warning() {
        ui.warn(warning, None);
    }
    Ok(fetcher)
}

/// Does some work with a fetcher unless a signal comes first, and tells of waits meanwhile: a quota that is
/// spent can take minutes.
pub(super) async fn unless_stopped<T>(
    fetcher: Fetcher,
    signals: &mut Signals,
    ui: &Ui,
    work: impl AsyncFnOnce(&Fetcher) -> T,
) -> Result<T> {
    let done =
        pipeline::unless_stopped(signals, async { Ok(telling(&fetcher, ui, work(&fetcher)).await) }).await;
    let settled = tokio::task::spawn_blocking(move || fetcher.settle()).await;
    if let Some(warning) = settled.unwrap_or_default() {
        ui.warn(&warning, None);
    }
    done
}

async fn telling<T>(fetcher: &Fetcher, ui: &Ui, work: impl Future<Output = T>) -> T {
    let mut gate = fetcher.gate_state();
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Ok(()) = gate.changed() => {
                if let Some(wait) = gate.borrow_and_update().wait {
                    let why = if wait.throttled { "the API answered 429" } else { "the quota is spent" };
                    ui.note(&format!("waiting until {} UTC: {why}", wait.until.format("%H:%M:%S")));
                }
            }
        }
    }
}
