//! Stage 3: planned requests -> [`Reply`], one for each.
//!
//! In: a [`RequestKey`]. Out: its [`Reply`], after as many tries as the contract grants, or the
//! [`Error`] that ends the run: credentials refused, this client blocked, the API unreachable.
//! Guarantees: every try passes the one gate (`budget`), which other runs with the same token
//! share; a failing id is a reply, not an error; bodies in flight share one pool of memory, and a reply
//! holds its share until it is dropped.
//! Not here: which requests, how many at once, what to do with a reply.

mod body;
mod breaker;
mod budget;
mod client;
mod fault;
mod outcome;
mod probe;
mod refusal;
mod reply;
mod retry;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use url::Url;

pub use body::Body;
pub use budget::{BudgetConfig, Gate, GateState, Left, Pass, Policy, QuotaUse, Wait};
pub use client::ClientConfig;
pub use probe::{Endpoint, Probe, Probed, QuotaTold};
pub use refusal::Refusal;
pub use reply::{Answer, Failure, Reason, Reply};
pub use retry::RetryConfig;
pub use target::{Queries, Query};

use self::breaker::{Breaker, Down};
use self::budget::{LedgerFile, Ticket};
use self::client::Client;
use self::outcome::{Tried, reason_phrase};
use self::retry::{Decision, Spent, decide};
use self::target::Target;
use crate::clock;
use crate::error::{Error, Result};
use crate::model::RequestKey;

/// Fetches: one for a run, shared by its tasks.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    queries: Queries,
    target: Target,
    gate: Arc<Gate>,
    breaker: Breaker,
    retry: RetryConfig,
    warning: Option<String>,
    sent: AtomicU64,
    retried: AtomicU64,
    rate_limited: AtomicU64,
}

/// What a fetcher sent so far, whatever became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, each try counted.
    pub sent: u64,
    /// Tries after the first, other than those after a 429.
    pub retried: u64,
    /// Replies that said that the quota is spent.
    pub rate_limited: u64,
    /// What of the quota is in use.
    pub quota: QuotaUse,
}

/// Where the window is kept that outlives a run.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    /// The user's own directory for state, which all runs share; `None` where there is none.
    pub dir: Option<PathBuf>,
    /// Where else, if it cannot be there; `None` where a command has no output to keep it with.
    pub fallback: Option<PathBuf>,
}

/// What one request has been through.
#[derive(Debug, Default)]
struct Course {
    attempts: u32,
    rate_limited: u32,
    spent: Spent,
}

impl Fetcher {
    /// A fetcher that has sent nothing yet; without a ledger it shares its window with nobody.
    ///
    /// # Errors
    /// [`Error::BaseUrl`], [`Error::UnusableToken`] or [`Error::HttpClient`] where nothing could be sent.
    pub fn new(
        client: &ClientConfig,
        retry: RetryConfig,
        budget: BudgetConfig,
        ledger: Option<&LedgerConfig>,
    ) -> Result<Self> {
        let window = client.window.as_ref();
        let target =
            Target::new(&client.base_url, &client.account_id, &client.app_id, client.queries, window)?;
        let (ledger, warning) = ledger.map_or((None, None), |ledger| open_ledger(ledger, client));
        Ok(Self {
            client: Client::new(client)?,
            queries: client.queries,
            target,
            gate: Gate::new(budget, ledger),
            breaker: Breaker::default(),
            retry,
            warning,
            sent: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
        })
    }

    /// What the user is to know before anything is sent.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Sends nothing from now on: a request that waits for its turn, or to be tried again, is given up.
    /// What is in flight goes on: its reply is paid for.
    pub fn stop(&self) {
        self.gate.close();
    }

    /// Gives back to other runs what this one leased and did not send; what the user is to know of how
    /// the window was shared. Blocks.
    #[must_use]
    pub fn settle(&self) -> Option<String> {
        let error = self.gate.settle()?;
        Some(format!("{UNSHARED}: the file that they share failed: {error}"))
    }

    /// The gate's state for the display: the allowed rate, and the wait that all are in.
    #[must_use]
    pub fn gate_state(&self) -> watch::Receiver<GateState> {
        self.gate.state()
    }

    /// What was sent so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Relaxed),
            retried: self.retried.load(Relaxed),
            rate_limited: self.rate_limited.load(Relaxed),
            quota: self.gate.quota_use(),
        }
    }

    /// Fetches one planned request: waits its turn, sends, and tries again as the contract has it. `None`
    /// where the fetcher was stopped before there was an answer.
    ///
    /// Dropped, it loses the reply under way; its request stays counted in the budget.
    ///
    /// # Errors
    /// What ends the run: [`Error::CredentialsRefused`], [`Error::ClientBlocked`],
    /// [`Error::ApiUnreachable`].
    pub async fn fetch(&self, key: RequestKey) -> Result<Option<Reply>> {
        let url = self.target.url(&key)?;
        let mut course = Course::default();
        loop {
            let Some((tried, ticket)) = self.try_once(&key, &url, &mut course).await? else {
                return Ok(None);
            };
            let decision = decide(tried.outcome, tried.retry_after, course.spent, &self.retry, fastrand::f64);
            match decision {
                Decision::Keep => return Ok(Some(self.reply(&course, key, tried, None))),
                Decision::Fail(reason) => {
                    if tried.is_up() == Some(false)
                        && let Some(down) = self.breaker.gives_up(tried.status.is_some(), Instant::now())
                    {
                        return Err(unreachable(key, &tried, down));
                    }
                    return Ok(Some(self.reply(&course, key, tried, Some(reason))));
                }
                Decision::Again(wait) => {
                    course.spent.retries += 1;
                    course.spent.time += wait;
                    // The body's share of the pool is not kept over a wait.
                    drop(tried);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.gate.closed() => return Ok(None),
                    }
                    self.retried.fetch_add(1, Relaxed);
                }
                Decision::Throttled => {
                    course.rate_limited += 1;
                    self.rate_limited.fetch_add(1, Relaxed);
                    self.throttled(&tried, ticket);
                }
                Decision::CredentialsRefused => return Err(credentials_refused(key, &tried)),
                Decision::Blocked(edge_code) => {
                    let status = tried.status.map_or(0, |status| status.as_u16());
                    return Err(Error::ClientBlocked { key, status, edge_code });
                }
            }
        }
    }

    /// One try, at its turn, if that comes; an error when it was one too many that failed.
    async fn try_once(
        &self,
        key: &RequestKey,
        url: &Url,
        course: &mut Course,
    ) -> Result<Option<(Tried, Ticket)>> {
        let Some(pass) = self.gate.acquire().await else { return Ok(None) };
        let ticket = pass.ticket();
        let sent = Instant::now();
        course.attempts += 1;
        self.sent.fetch_add(1, Relaxed);
        let asked = Some((key, self.queries));
        let tried = Tried::of(asked, self.client.send(url.clone(), pass).await);
        course.spent.time += sent.elapsed();
        match tried.is_up() {
            Some(true) => self.breaker.up(),
            Some(false) => {
                if let Some(down) = self.breaker.failed(sent, Instant::now()) {
                    return Err(unreachable(*key, &tried, down));
                }
            }
            None => {}
        }
        Ok(Some((tried, ticket)))
    }

    /// A plain 429 has closed the gate at its head; an error page of another status only now told.
    fn throttled(&self, tried: &Tried, ticket: Ticket) {
        if tried.status != Some(reqwest::StatusCode::TOO_MANY_REQUESTS) {
            self.gate.throttled(ticket, tried.retry_after);
        }
    }

    fn reply(&self, course: &Course, key: RequestKey, mut tried: Tried, failed: Option<Reason>) -> Reply {
        let cf_ray = tried.cf_ray.take();
        let gave = tried.gave;
        let answer = match failed {
            None => Answer::Found(tried.body),
            Some(reason) => Answer::Failed(tried.into_failure(reason)),
        };
        Reply {
            key,
            arrived_at: clock::now(),
            server_ahead: self.client.server_ahead(),
            attempts: course.attempts,
            rate_limited: course.rate_limited,
            cf_ray,
            gave,
            answer,
        }
    }
}

const UNSHARED: &str = "the request budget does not take other runs into account any more";

/// The ledger in the first directory that takes it, and a warning where that is not the user's.
fn open_ledger(config: &LedgerConfig, client: &ClientConfig) -> (Option<LedgerFile>, Option<String>) {
    let open = |dir: &Path| {
        LedgerFile::open(dir, client.base_url.as_str(), client.token.expose_secret(), client.timeout)
            .map_err(|error| format!("cannot keep the request budget in {}: {error}", dir.display()))
    };
    let user = config
        .dir
        .as_deref()
        .map_or_else(|| Err("no home directory is known to keep the request budget in".to_owned()), open);
    let why = match user {
        Ok(ledger) => return (Some(ledger), None),
        Err(why) => why,
    };
    match config.fallback.as_deref().map(open) {
        Some(Ok(ledger)) => {
            let warning = format!(
                "{why}; it is kept with the output, and runs to other outputs at the same time do not see it"
            );
            (Some(ledger), Some(warning))
        }
        Some(Err(_)) | None => (None, Some(format!("{why}; other runs at the same time do not see it"))),
    }
}

fn credentials_refused(key: RequestKey, tried: &Tried) -> Error {
    let said = tried.api_error();
    let status = tried.status.map_or(0, |status| status.as_u16());
    Error::CredentialsRefused { key, status, api_code: said.code, message: tried.message(&said) }
}

fn unreachable(key: RequestKey, tried: &Tried, down: Down) -> Error {
    let Down { failures, lasting } = down;
    let now = clock::now();
    let since = TimeDelta::from_std(lasting).ok().and_then(|lasting| now.checked_sub_signed(lasting));
    let last = match tried.status {
        Some(status) => format!("{} {}", status.as_u16(), reason_phrase(status)),
        None => tried.message(&tried.api_error()),
    };
    Error::ApiUnreachable { failures, since: since.unwrap_or(now), key, last }
}

#[cfg(test)]
mod tests;
