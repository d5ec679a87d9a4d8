//! Stages 2 to 4 at work: a planner's requests through `buffer_unordered` into the log.
//!
//! Guarantees: a reply reaches the log before the planner learns of it; the loops that drain the
//! requests await nothing else; the first real error stops the intake and whatever waits to be sent,
//! what is in flight has [`GRACE`] to end, and the log is made durable whatever happened.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::REPLIES_AHEAD;
use super::stop::{Deadline, Signals, Stop};
use crate::clock;
use crate::error::{Error, Result};
use crate::fetch::{Answer, Failure, Fetcher, Reason, Reply};
use crate::log::LogWriter;
use crate::model::RequestKey;
use crate::plan::{Asks, Next, Outcome, Taken};
use crate::progress::{PauseReason, Progress};

/// How long requests in flight may go on after a stop: their replies are paid for.
const GRACE: Duration = Duration::from_secs(5);
/// Requests in flight for which another fetching task pays: four equal tasks reached 47% of what the
/// network gives on two cores, one task 39% (contract, "Traps").
const REQUESTS_PER_TASK: usize = 16;
/// More tasks than this gave nothing on any machine measured.
const MOST_TASKS: usize = 4;

/// How long the thread that keeps replies lets more of them come after one has woken it. Woken for each, it
/// takes a core from a fetching task every time: that was nearly a fifth of a run's CPU on two cores.
/// `REPLIES_AHEAD` of them still fit between, and a reply has seconds to become durable.
const GATHERING: Duration = Duration::from_millis(2);

/// What fetching is done with: one for a run, whatever it asks for in turn.
#[derive(Clone, Debug)]
pub struct Fetching {
    /// Who sends.
    pub fetcher: Arc<Fetcher>,
    /// Requests in flight.
    pub concurrency: usize,
    /// Failed ids past which it stops.
    pub max_failures: Option<u64>,
    /// When it stops, done or not.
    pub deadline: Option<Deadline>,
    /// Who is told how far it is.
    pub progress: Arc<Progress>,
}

/// What fetching left behind.
#[derive(Debug)]
pub struct Fetched<A, K> {
    /// What asked.
    pub asks: A,
    /// What kept the replies, everything in it durable.
    pub kept_in: K,
    /// Requests that this run got an answer to.
    pub replies: u64,
    /// Why it ended before everything was fetched.
    pub ended_early: Option<Error>,
}

/// Keeps replies: the log, or what counts them. What keeps nothing on disk has nothing to make durable.
pub trait Keep: Send + 'static {
    /// Adds a reply.
    ///
    /// # Errors
    /// An I/O error.
    fn append(&mut self, reply: Reply) -> Result<()>;

    /// When the oldest reply that is not yet durable must be.
    fn deadline(&self) -> Option<std::time::Instant> {
        None
    }

    /// Makes everything added so far durable.
    ///
    /// # Errors
    /// An I/O error.
    fn make_durable(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Keep for LogWriter {
    fn append(&mut self, reply: Reply) -> Result<()> {
        Self::append(self, reply)
    }

    fn deadline(&self) -> Option<std::time::Instant> {
        Self::deadline(self)
    }

    fn make_durable(&mut self) -> Result<()> {
        Self::make_durable(self)
    }
}

/// What the fetching tasks share.
struct Shared<A> {
    fetcher: Arc<Fetcher>,
    plan: Mutex<Plan<A>>,
    progress: Arc<Progress>,
    replies: AtomicU64,
    failures: AtomicU64,
    max_failures: Option<u64>,
    stop: Stop,
    /// The first real error: the one to report.
    first_error: Mutex<Option<Error>>,
}

/// What asks, and who waits for it.
struct Plan<A> {
    asks: A,
    waiting: Vec<Waker>,
    /// Requests that the display was told of, and of them those that were known.
    told: (u64, u64),
}

/// Fetches everything that a planner asks for.
///
/// # Errors
/// The log cannot be written: what was durable stays so. Any other reason to end is
/// [`Fetched::ended_early`].
pub async fn fetch<A: Asks + 'static, K: Keep>(
    asks: A,
    keep: K,
    fetching: &Fetching,
    signals: &mut Signals,
) -> Result<Fetched<A, K>> {
    let (replies, incoming) = mpsc::channel(REPLIES_AHEAD);
    let shared = Arc::new(Shared {
        fetcher: Arc::clone(&fetching.fetcher),
        plan: Mutex::new(Plan { asks, waiting: Vec::new(), told: (0, 0) }),
        progress: Arc::clone(&fetching.progress),
        replies: AtomicU64::new(0),
        failures: AtomicU64::new(0),
        max_failures: fetching.max_failures,
        stop: Stop::default(),
        first_error: Mutex::new(None),
    });
    // Where it has passed before anything was sent, nothing is.
    let too_late = fetching.deadline.filter(Deadline::has_passed).map(Deadline::error);
    if too_late.is_some() {
        shared.stop();
    }
    let keeper = tokio::task::spawn_blocking(move || keep_all(keep, incoming, &Handle::current()));
    let mut tasks = JoinSet::new();
    let concurrency = fetching.concurrency;
    let count = concurrency.div_ceil(REQUESTS_PER_TASK).clamp(1, MOST_TASKS);
    for task in 0..count {
        let at_once = concurrency / count + usize::from(task < concurrency % count);
        tasks.spawn(drain(Arc::clone(&shared), replies.clone(), at_once));
    }
    drop(replies);
    tasks.spawn(show_gate(Arc::clone(&shared)));
    let stopped = watch(tasks, count, &shared, fetching.deadline, too_late, signals).await;
    let kept_in = keeper.await.map_err(|_| Error::StageEnded { stage: "log" })??;
    // All tasks have ended: nobody else shares it.
    let shared = Arc::into_inner(shared).ok_or(Error::StageEnded { stage: "fetch" })?;
    let replies = shared.replies.load(Ordering::Relaxed);
    let first_error = shared.take_error();
    let asks = shared.plan.into_inner().unwrap_or_else(PoisonError::into_inner).asks;
    // What came with the last replies is no reason to stop.
    let in_vain = asks.is_done() && matches!(stopped, Some(Error::DeadlinePassed { .. }));
    let ended_early = stopped.filter(|_| !in_vain).or(first_error);
    let incomplete = (!asks.is_done()).then_some(Error::StageEnded { stage: "fetch" });
    Ok(Fetched { asks, kept_in, replies, ended_early: ended_early.or(incomplete) })
}

/// Ends all fetching of a run; what the user is to know of how its requests were counted.
pub async fn settle(fetching: Fetching) -> Option<String> {
    let settled = tokio::task::spawn_blocking(move || fetching.fetcher.settle());
    settled.await.unwrap_or_default()
}

/// Waits for the tasks; a signal or the deadline, which is given back, or an error of theirs stops the
/// intake, and the grace begins.
async fn watch<A: Asks>(
    mut tasks: JoinSet<()>,
    mut draining: usize,
    shared: &Shared<A>,
    deadline: Option<Deadline>,
    mut stopped: Option<Error>,
    signals: &mut Signals,
) -> Option<Error> {
    let mut grace_ends = None;
    let mut passed = pin!(Deadline::passed(deadline));
    while draining > 0 {
        let far = Instant::now() + Duration::from_hours(24);
        tokio::select! {
            joined = tasks.join_next() => {
                draining -= 1;
                // Requests that it had taken are never answered: the others would wait for them for ever.
                if let Some(Err(_)) = joined {
                    shared.fail(Error::StageEnded { stage: "fetch" });
                }
            }
            signal = signals.next() => {
                // A second signal quits at once, as the end of the grace time does.
                if stopped.is_some() {
                    break;
                }
                stopped = Some(Error::interrupted(signal));
                shared.stop();
            }
            error = &mut passed, if stopped.is_none() && grace_ends.is_none() => {
                stopped = Some(error);
                shared.stop();
            }
            () = shared.stop.pulled(), if grace_ends.is_none() => grace_ends = Some(Instant::now() + GRACE),
            () = tokio::time::sleep_until(grace_ends.unwrap_or(far)) => break,
        }
    }
    tasks.shutdown().await;
    stopped
}

/// One fetching task: takes requests until there are none or the stop is pulled. After an error the
/// requests in flight go on: their replies are paid for.
async fn drain<A: Asks>(shared: Arc<Shared<A>>, replies: mpsc::Sender<Reply>, at_once: usize) {
    let requests = stream::poll_fn(|context| shared.poll_request(context));
    let ended = requests
        .take_until(shared.stop.pulled())
        .map(|request| async { shared.answer(request?, &replies).await })
        .buffer_unordered(at_once);
    let mut ended = pin!(ended);
    while let Some(ended) = ended.next().await {
        if let Err(error) = ended {
            shared.fail(error);
        }
    }
}

impl<A: Asks> Shared<A> {
    fn plan(&self) -> MutexGuard<'_, Plan<A>> {
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
        let next = plan.asks.next_request();
        let (planned, kept) = (plan.asks.requests(), plan.asks.kept());
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
        let failure = match &reply.answer {
            Answer::Failed(failure) => Some(failure.clone()),
            Answer::Found(_) => None,
        };
        // The log's own error is the one to report.
        replies.send(reply).await.map_err(|_| Error::StageEnded { stage: "log" })?;
        self.progress.replied();
        self.replies.fetch_add(1, Ordering::Relaxed);
        let taken = {
            let mut plan = self.plan();
            let taken = plan.asks.answered(&request, &outcome);
            plan.wake();
            taken
        };
        match (taken, failure) {
            (Taken::GoesOn { lost: 0 }, _) => Ok(()),
            (Taken::GoesOn { lost }, failure) => self.count_failures(lost, || {
                let message = failure.map_or("it does not have who was asked for".into(), |f| f.message);
                format!("{request}: {message}")
            }),
            (Taken::Ends, Some(failure)) => Err(unlisted(request, failure)),
            (Taken::Ends, None) => Err(Error::StageEnded { stage: "fetch" }),
        }
    }

    fn count_failures(&self, ids: u64, last: impl FnOnce() -> String) -> Result<()> {
        self.progress.failed(ids);
        let failures = self.failures.fetch_add(ids, Ordering::Relaxed) + ids;
        match self.max_failures {
            Some(limit) if failures > limit => Err(Error::TooManyFailures { failures, limit, last: last() }),
            _ => Ok(()),
        }
    }
}

impl<A> Plan<A> {
    /// Lets everybody look again who found nothing to do.
    fn wake(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

/// What the planner needs to know of a reply.
fn outcome(reply: &Reply) -> Outcome {
    match &reply.answer {
        Answer::Found(body) => Outcome::found(&reply.key, body, reply.gave),
        Answer::Failed(failure) if failure.reason == Reason::NotFound => Outcome::NotFound,
        Answer::Failed(failure) => Outcome::Failed { http_status: failure.http_status },
    }
}

/// The end of a listing that cannot go on.
fn unlisted(page: RequestKey, failure: Failure) -> Error {
    let reachable = failure.reason != Reason::RetriesExhausted;
    Error::SessionsUnlisted { page, status: failure.http_status, reachable, message: failure.message }
}

/// Appends replies to the log, and makes them durable in time, until nobody sends any more.
fn keep_all<K: Keep>(mut log: K, mut incoming: mpsc::Receiver<Reply>, runtime: &Handle) -> Result<K> {
    loop {
        let reply = if let Ok(reply) = incoming.try_recv() {
            Some(reply)
        } else if let Ok(reply) = runtime.block_on(before(log.deadline(), incoming.recv())) {
            std::thread::sleep(GATHERING);
            reply
        } else {
            log.make_durable()?;
            continue;
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

/// Waits until a time, if there is one, at most.
async fn before<T>(
    deadline: Option<std::time::Instant>,
    work: impl Future<Output = T>,
) -> std::result::Result<T, Elapsed> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), work).await,
        None => Ok(work.await),
    }
}

/// Shows the gate's rate and waits, until it is stopped: the other tasks decide when fetching ends.
async fn show_gate<A: Asks>(shared: Arc<Shared<A>>) {
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

#[cfg(test)]
mod tests;
