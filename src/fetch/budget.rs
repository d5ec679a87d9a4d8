//! The one gate that every request passes: pages, details, retries.
//!
//! In: the rate that the user allows; every reply's headers. Out: a [`Pass`] for each request, when its
//! time has come.
//! Guarantees: see `core`, and for several processes `ledger`; a pass that is dropped without a reply
//! counts as sent and timed out; a 429 closes the gate once, for everybody, the other processes included.
//! Passes are given in the order of asking.
//! Not here: retries, and what else a reply means.

mod core;
mod ledger;
mod pace;
mod permits;
pub(super) mod policy;
mod remaining;
mod window;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::sync::{Notify, watch};

use self::core::{Core, Sent, Verdict};
pub(super) use self::ledger::LedgerFile;
pub use self::policy::{Left, Policy};
use super::retry::retry_after;
use crate::clock;

/// What may be sent.
#[derive(Clone, Debug)]
pub struct BudgetConfig {
    /// Requests in any window.
    pub requests: u64,
    /// The window's length.
    pub window: Duration,
    /// Of the quota, left to the token's other users.
    pub reserve_percent: u8,
    /// Whether the user gave the rate: then the server's policy may only lower it.
    pub explicit: bool,
}

impl BudgetConfig {
    /// Requests in any window, the part left to others taken off.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        self.less_reserve(self.requests)
    }

    /// A quota without the part left to others; at least one request.
    fn less_reserve(&self, quota: u64) -> u64 {
        less_reserve(quota, self.reserve_percent)
    }
}

fn less_reserve(quota: u64, reserve_percent: u8) -> u64 {
    let reserve = u128::from(quota) * u128::from(reserve_percent.min(100));
    let reserve = u64::try_from(reserve.div_ceil(100)).unwrap_or(quota);
    quota.saturating_sub(reserve).max(1)
}

/// Waits longer than this are shown.
const SHOWN: Duration = Duration::from_secs(3);

/// When to ask for the ledger again that another process has; it has it for a tenth of that.
const AGAIN: Duration = Duration::from_millis(2);

/// How often to try to tell the ledger of a pause; a process that was not told meets the 429 itself.
const TELLINGS: u32 = 50;

/// What came of asking the ledger.
enum Asked {
    /// It was asked: until when to wait, where it gave nothing.
    Answered(Option<u64>),
    /// Another process has it for a moment; what was to be settled still is.
    InUse,
}

/// What the display shows of the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateState {
    /// Requests allowed in any window of [`GateState::window`], the reserve taken off.
    pub requests: u64,
    /// The window of the tightest policy.
    pub window: Duration,
    /// The wait that everybody is in, where it is a long one.
    pub wait: Option<Wait>,
}

/// What a run uses of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// Requests of this process that the window counts, those under way included.
    pub used: u64,
    /// Requests allowed in the window, the reserve taken off.
    pub allowed: u64,
    /// The window of the tightest policy.
    pub window: Duration,
}

/// A wait at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Whether a 429 caused it; else the budget is spent until then.
    pub throttled: bool,
}

/// The gate. One for each token. Public so that what it costs a request is measured without a request
/// (`benches/stages`); a run has its [`Fetcher`](super::Fetcher), which passes it for every try.
#[derive(Debug)]
pub struct Gate {
    core: Mutex<Core>,
    started: Instant,
    /// Tasks that queue; nobody overtakes them.
    queue: tokio::sync::Mutex<()>,
    queued: AtomicUsize,
    /// Something happened that the head of the queue may have waited for.
    changed: Notify,
    /// Whether it is closed for good.
    closed: watch::Sender<bool>,
    state: watch::Sender<GateState>,
    shared: Option<Shared>,
}

/// The window that this process shares with others.
#[derive(Debug)]
struct Shared {
    file: LedgerFile,
    /// This process, as the ledger knows it.
    holder: u64,
    /// Why it is not shared any more. Held while the ledger is asked, so that its answers are taken in
    /// their order.
    lost: Mutex<Option<io::Error>>,
}

impl Gate {
    /// A gate that shares its window with nobody.
    #[must_use]
    pub fn unshared(config: BudgetConfig) -> Arc<Self> {
        Self::new(config, None)
    }

    /// A gate; with a ledger it shares its window with other processes.
    pub(super) fn new(config: BudgetConfig, ledger: Option<LedgerFile>) -> Arc<Self> {
        let core = Core::new(config, ledger.is_some());
        let (requests, window) = core.tightest();
        Arc::new(Self {
            core: Mutex::new(core),
            started: Instant::now(),
            queue: tokio::sync::Mutex::default(),
            queued: AtomicUsize::new(0),
            changed: Notify::new(),
            closed: watch::Sender::new(false),
            state: watch::Sender::new(GateState { requests, window, wait: None }),
            shared: ledger.map(|file| Shared { file, holder: fastrand::u64(..), lost: Mutex::new(None) }),
        })
    }

    /// Waits for a request's turn; `None` once the gate is closed for good. Dropped, it leaves the queue.
    pub async fn acquire(self: &Arc<Self>) -> Option<Pass> {
        if self.queued.load(Ordering::Acquire) == 0
            && !self.is_closed()
            && let Verdict::Go(sent) = self.ask()
        {
            return Some(self.pass(sent));
        }
        let _queued = Queued::join(&self.queued);
        let _head = self.queue.lock().await;
        while !self.is_closed() {
            match self.ask() {
                Verdict::Go(sent) => {
                    self.show(None);
                    return Some(self.pass(sent));
                }
                Verdict::AfterReply => self.changed.notified().await,
                Verdict::At(at_ns) => self.wait(at_ns).await,
                Verdict::Lease => {
                    let gate = Arc::clone(self);
                    // Once begun it runs to its end, whatever becomes of this task.
                    match tokio::task::spawn_blocking(move || gate.lease()).await {
                        Ok(Some(at_ns)) => self.wait_for_others(at_ns).await,
                        Ok(None) => {}
                        Err(_) => self.core().lease_no_more(),
                    }
                }
            }
        }
        None
    }

    /// Lets nobody pass any more: whoever waits is sent away.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        self.changed.notify_one();
    }

    /// Waits until it is closed.
    pub(super) async fn closed(&self) {
        // The sender is this gate's own: waiting cannot fail.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Gives back what was leased and not used. Why the window was not shared to the end, if so. Blocks.
    pub(super) fn settle(&self) -> Option<io::Error> {
        let shared = self.shared.as_ref()?;
        let mut lost = shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ns = self.now_ns();
        let ask = self.core().ask_ledger(shared.holder, shared.file.longest_request(), now_ns);
        if let Some(ask) = ask {
            // Nobody is told of a failure here: what was not given back counts as spent.
            let _ = shared.file.give_back(&ask);
        }
        lost.take()
    }

    /// Leases from the ledger; until when to wait, where it has nothing to give. Blocks.
    fn lease(&self) -> Option<u64> {
        match self.ask_ledger()? {
            Asked::Answered(wait_ns) => wait_ns,
            Asked::InUse => Some(self.now_ns().saturating_add(window::nanos(AGAIN))),
        }
    }

    /// Asks the ledger, where there is one. Blocks.
    fn ask_ledger(&self) -> Option<Asked> {
        let shared = self.shared.as_ref()?;
        let mut lost = shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let asked_ns = self.now_ns();
        let ask = self.core().ask_ledger(shared.holder, shared.file.longest_request(), asked_ns)?;
        match shared.file.lease(&ask) {
            Ok(Some(leased)) => {
                Some(Asked::Answered(self.core().leased(&ask, leased, asked_ns, self.now_ns())))
            }
            Ok(None) => Some(Asked::InUse),
            Err(error) => {
                self.core().lease_no_more();
                *lost = Some(error);
                None
            }
        }
    }

    /// Lets the other processes know that the gate was closed by a 429, so that they do not meet one too.
    fn tell_of_pause(self: &Arc<Self>) {
        if self.shared.is_none() {
            return;
        }
        let gate = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            for _ in 0..TELLINGS {
                match gate.ask_ledger() {
                    Some(Asked::InUse) => std::thread::sleep(AGAIN),
                    Some(Asked::Answered(_)) | None => break,
                }
            }
        });
    }

    /// Waits for a time; a reply may bring it forward or put it off.
    async fn wait(&self, at_ns: u64) {
        let at = self.started + Duration::from_nanos(at_ns);
        self.show(Some(at));
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => {}
            () = self.changed.notified() => {}
        }
    }

    /// Waits for a time that no reply to this process brings forward.
    async fn wait_for_others(&self, at_ns: u64) {
        let at = self.started + Duration::from_nanos(at_ns);
        self.show(Some(at));
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => {}
            () = self.closed() => {}
        }
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// What the display shows.
    pub(super) fn state(&self) -> watch::Receiver<GateState> {
        self.state.subscribe()
    }

    /// What of the quota is in use now.
    pub(super) fn quota_use(&self) -> QuotaUse {
        let now_ns = self.now_ns();
        self.core().quota_use(now_ns)
    }

    /// A 401 or 403 was the answer to a question: what else there is to ask may still pass.
    pub(super) fn go_on(&self) {
        self.core().go_on();
        self.changed.notify_one();
    }

    /// A reply other than a 429 turned out to say that the quota is spent: closes the gate.
    pub(super) fn throttled(self: &Arc<Self>, ticket: Ticket, retry_after: Option<Duration>) {
        let now_ns = self.now_ns();
        let is_closed = self.core().throttled(ticket.0, retry_after, now_ns);
        self.changed.notify_one();
        if is_closed {
            self.tell_of_pause();
        }
    }

    fn ask(&self) -> Verdict {
        let now_ns = self.now_ns();
        self.core().ask(now_ns)
    }

    fn pass(self: &Arc<Self>, sent: Sent) -> Pass {
        Pass { gate: Arc::clone(self), sent, replied: false }
    }

    fn now_ns(&self) -> u64 {
        window::nanos(self.started.elapsed())
    }

    /// The counts stay whole if a task panics between two of them: each method ends what it began.
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the quota, and a wait if it is a long one.
    fn show(&self, waiting_until: Option<Instant>) {
        let (requests, window, throttled) = {
            let core = self.core();
            let (requests, window) = core.tightest();
            (requests, window, core.paused_until_ns().is_some())
        };
        let wait = waiting_until
            .map(|until| until.saturating_duration_since(Instant::now()))
            .filter(|&wait| wait > SHOWN)
            .and_then(|wait| clock::now().checked_add_signed(TimeDelta::from_std(wait).ok()?))
            .map(|until| Wait { until, throttled });
        let state = GateState { requests, window, wait };
        self.state.send_if_modified(|shown| {
            let modified = *shown != state;
            if modified {
                *shown = state;
            }
            modified
        });
    }
}

/// A place in the queue.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn join(queued: &'a AtomicUsize) -> Self {
        queued.fetch_add(1, Ordering::AcqRel);
        Self(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Leave to send one request.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    sent: Sent,
    replied: bool,
}

/// Which request a reply belongs to, once its pass is spent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(Sent);

impl Pass {
    /// The reply's head came. A 429 closes the gate here, before anybody else can pass.
    pub fn replied(mut self, status: StatusCode, headers: &HeaderMap) {
        self.replied = true;
        let now_ns = self.gate.now_ns();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = retry_after(headers, clock::now());
            let is_closed = self.gate.core().replied_429(self.sent, retry_after, headers, now_ns);
            if is_closed {
                self.gate.tell_of_pause();
            }
        } else if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.gate.core().replied_refusal(self.sent, headers, now_ns);
        } else {
            let changed = self.gate.core().replied(self.sent, headers, now_ns);
            if changed {
                self.gate.show(None);
            }
        }
    }

    /// To be named after the pass is spent.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.sent)
    }
}

impl Drop for Pass {
    /// Without a reply, the request counts from now on as one that timed out.
    fn drop(&mut self) {
        if !self.replied {
            let now_ns = self.gate.now_ns();
            self.gate.core().lost(now_ns);
        }
        if self.gate.queued.load(Ordering::Acquire) > 0 {
            self.gate.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
