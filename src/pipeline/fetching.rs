//! Stages 2 to 4 at work: the planner's requests through `buffer_unordered` into the log.
//!
//! Guarantees: a reply reaches the log before the planner learns of it; the loops that drain the
//! requests await nothing else; the first real error stops the intake and whatever waits to be sent,
//! what is in flight has [`GRACE`] to end, and the log is made durable whatever happened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::REPLIES_AHEAD;
use super::stop::{Signals, Stop};
use crate::clock;
use crate::error::{Error, Result};
use crate::fetch::{Answer, Fetcher, Reason, Reply};
use crate::log::LogWriter;
use crate::model::RequestKey;
use crate::plan::{Next, Outcome, Planner};
use crate::progress::{PauseReason, Progress};
use crate::wire::PageSummary;

/// How long requests in flight may go on after a stop: their replies are paid for.
const GRACE: Duration = Duration::from_secs(5);
/// Requests in flight for which another fetching task pays: four equal tasks reached 47% of what the
/// network gives on two cores, one task 39% (contract, "Traps").
const REQUESTS_PER_TASK: usize = 16;
/// More tasks than this gave nothing on any machine measured.
const MOST_TASKS: usize = 4;

/// What fetching left behind.
#[derive(Debug)]
pub struct Fetched {
    /// The log, everything in it durable.
    pub log: LogWriter,
    /// Requests that an earlier run had answered.
    pub kept: u64,
    /// Requests that this run got an answer to.
    pub replies: u64,
    /// What the user is to know of how the requests were counted.
    pub warning: Option<String>,
    /// Why it ended before everything was fetched.
    pub ended_early: Option<Error>,
}

/// What the fetching tasks share.
struct Shared {
    fetcher: Fetcher,
    plan: Mutex<Plan>,
    progress: Arc<Progress>,
    replies: AtomicU64,
    failures: AtomicU64,
    max_failures: Option<u64>,
    stop: Stop,
    /// The first real error: the one to report.
    first_error: Mutex<Option<Error>>,
}

/// The planner, and who waits for it.
struct Plan {
    planner: Planner,
    waiting: Vec<Waker>,
    /// Requests that the display was told of, and of them those that were known.
    told: (u64, u64),
}

/// Fetches everything that the planner asks for.
///
/// # Errors
/// The log cannot be written: what was durable stays so. Any other reason to end is
/// [`Fetched::ended_early`].
pub async fn fetch(
    planner: Planner,
    fetcher: Fetcher,
    log: LogWriter,
    concurrency: usize,
    max_failures: Option<u64>,
    progress: Arc<Progress>,
    signals: &mut Signals,
) -> Result<Fetched> {
    let (replies, incoming) = mpsc::channel(REPLIES_AHEAD);
    let shared = Arc::new(Shared {
        fetcher,
        plan: Mutex::new(Plan { planner, waiting: Vec::new(), told: (0, 0) }),
        progress,
        replies: AtomicU64::new(0),
        failures: AtomicU64::new(0),
        max_failures,
        stop: Stop::default(),
        first_error: Mutex::new(None),
    });
    let keeper = tokio::task::spawn_blocking(move || keep(log, incoming, &Handle::current()));
    let mut tasks = JoinSet::new();
    let count = concurrency.div_ceil(REQUESTS_PER_TASK).clamp(1, MOST_TASKS);
    for task in 0..count {
        let at_once = concurrency / count + usize::from(task < concurrency % count);
        tasks.spawn(drain(Arc::clone(&shared), replies.clone(), at_once));
    }
    drop(replies);
    tasks.spawn(show_gate(Arc::clone(&shared)));
    let stopped = watch(tasks, count, &shared, signals).await;
    let warning = {
        let shared = Arc::clone(&shared);
        let settled = tokio::task::spawn_blocking(move || shared.fetcher.settle());
        settled.await.unwrap_or_default()
    };
    let log = keeper.await.map_err(|_| Error::StageEnded { stage: "log" })??;
    let (kept, is_done) = {
        let planner = &shared.plan().planner;
        (planner.kept(), planner.is_done())
    };
    let replies = shared.replies.load(Ordering::Relaxed);
    let incomplete = (!is_done).then_some(Error::StageEnded { stage: "fetch" });
    let ended_early = stopped.or_else(|| shared.take_error()).or(incomplete);
    Ok(Fetched { log, kept, replies, warning, ended_early })
}

/// Waits for the tasks; a signal, which is given back, or an error of theirs stops the intake, and the
/// grace begins.
async fn watch(
    mut tasks: JoinSet<()>,
    mut draining: usize,
    shared: &Shared,
    signals: &mut Signals,
) -> Option<Error> {
    let mut stopped = None;
    let mut deadline = None;
    while draining > 0 {
        let far = Instant::now() + Duration::from_hours(24);
        tokio::select! {
            _ = tasks.join_next() => draining -= 1,
            signal = signals.next() => {
                // A second signal quits at once, as the end of the grace time does.
                if stopped.is_some() {
                    break;
                }
                stopped = Some(Error::interrupted(signal));
                shared.stop();
            }
            () = shared.stop.pulled(), if deadline.is_none() => deadline = Some(Instant::now() + GRACE),
            () = tokio::time::sleep_until(deadline.unwrap_or(far)) => break,
        }
    }
    tasks.shutdown().await;
    stopped
}

/// One fetching task: takes requests until there are none or the stop is pulled. After an error the
/// requests in flight go on: their replies are paid for.
async fn drain(shared: Arc<Shared>, replies: mpsc::Sender<Reply>, at_once: usize) {
    let requests = stream::poll_fn(|context| shared.poll_request(context));
    let ended = requests
        .take_until(shared.stop.pulled())
        .map(|request| async { shared.answer(request?, &replies).await })
        .buffer_unordered(at_once);
    let mut ended = std::pin::pin!(ended);
    while let Some(ended) = ended.next().await {
        if let Err(error) = ended {
            shared.fail(error);
        }
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        // A panic while the plan is held cannot leave it half changed in a way that matters: the run
        // ends, and resumes from the log.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the intake; the first error is kept.
    fn fail(&self, error: Error) {
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop();
    }

    /// Stops the intake, and what was taken in and not sent yet.
    fn stop(&self) {
        self.stop.pull();
        self.fetcher.stop();
    }

    fn take_error(&self) -> Option<Error> {
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The next request, for a stream.
    fn poll_request(&self, context: &mut Context<'_>) -> Poll<Option<Result<RequestKey>>> {
        let mut plan = self.plan();
        let next = plan.planner.next_request();
        let (planned, kept) = (plan.planner.requests(), plan.planner.kept());
        self.progress.planned(planned - plan.told.0);
        self.progress.kept(kept - plan.told.1);
        plan.told = (planned, kept);
        match next {
            Ok(Next::Request(request)) => Poll::Ready(Some(Ok(request))),
            Ok(Next::Wait) => {
                if !plan.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    plan.waiting.push(context.waker().clone());
                }
                Poll::Pending
            }
            Ok(Next::Done) => {
                plan.wake();
                Poll::Ready(None)
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    /// Fetches one request and hands its reply to the log; then the planner may learn of it. After a stop
    /// there may be none. Dropped, it loses the reply under way.
    async fn answer(&self, request: RequestKey, replies: &mpsc::Sender<Reply>) -> Result<()> {
        let Some(reply) = self.fetcher.fetch(request).await? else { return Ok(()) };
        let outcome = outcome(&reply);
        for _ in 1..reply.attempts {
            self.progress.retried();
        }
        let failed = match &reply.answer {
            Answer::Failed(failure) => Some(format!("{request}: {}", failure.message)),
            Answer::Found(_) => None,
        };
        // The log's own error is the one to report.
        replies.send(reply).await.map_err(|_| Error::StageEnded { stage: "log" })?;
        self.progress.replied();
        self.replies.fetch_add(1, Ordering::Relaxed);
        {
            let mut plan = self.plan();
            plan.planner.answered(&request, &outcome);
            plan.wake();
        }
        failed.map_or(Ok(()), |last| self.count_failure(last))
    }

    fn count_failure(&self, last: String) -> Result<()> {
        self.progress.failed();
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        match self.max_failures {
            Some(limit) if failures > limit => Err(Error::TooManyFailures { failures, limit, last }),
            _ => Ok(()),
        }
    }
}

impl Plan {
    /// Lets everybody look again who found nothing to do.
    fn wake(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

/// What the planner needs to know of a reply.
fn outcome(reply: &Reply) -> Outcome {
    match (&reply.answer, reply.key) {
        (Answer::Found(body), RequestKey::Page { .. }) => {
            PageSummary::parse(body).map_or(Outcome::Failed { http_status: Some(200) }, Outcome::Page)
        }
        (Answer::Found(_), _) => Outcome::Found,
        (Answer::Failed(failure), _) if failure.reason == Reason::NotFound => Outcome::NotFound,
        (Answer::Failed(failure), _) => Outcome::Failed { http_status: failure.http_status },
    }
}

/// Appends replies to the log, and makes them durable in time, until nobody sends any more.
fn keep(mut log: LogWriter, mut incoming: mpsc::Receiver<Reply>, runtime: &Handle) -> Result<LogWriter> {
    loop {
        let reply = match (log.deadline(), incoming.try_recv()) {
            (_, Ok(reply)) => Some(reply),
            (None, Err(_)) => runtime.block_on(incoming.recv()),
            (Some(deadline), Err(_)) => {
                let waited = async { timeout_at(deadline.into(), incoming.recv()).await };
                let Ok(reply) = runtime.block_on(waited) else {
                    log.make_durable()?;
                    continue;
                };
                reply
            }
        };
        let Some(reply) = reply else {
            log.make_durable()?;
            return Ok(log);
        };
        log.append(reply)?;
        // Also where large replies come faster than they are packed, so that there is always another.
        if log.deadline().is_some_and(|deadline| deadline <= std::time::Instant::now()) {
            log.make_durable()?;
        }
    }
}

/// Shows the gate's rate and waits, until it is stopped: the other tasks decide when fetching ends.
async fn show_gate(shared: Arc<Shared>) {
    let mut state = shared.fetcher.gate_state();
    loop {
        {
            let state = state.borrow_and_update();
            shared.progress.allowed(u32::try_from(state.requests).unwrap_or(u32::MAX), state.window);
            if let Some(wait) = state.wait.filter(|wait| wait.until > clock::now()) {
                let reason = if wait.throttled { PauseReason::RateLimited } else { PauseReason::QuotaSpent };
                shared.progress.paused_until(wait.until, reason);
            }
        }
        if state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
