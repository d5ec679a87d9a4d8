//! The stop: a signal, the deadline, or an error anywhere, ends the intake of requests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::{Error, Result, Signal};

/// A stop that many can wait for and anyone can pull.
#[derive(Clone, Debug)]
pub struct Stop {
    pulled: Arc<watch::Sender<bool>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { pulled: Arc::new(watch::Sender::new(false)) }
    }
}

impl Stop {
    /// Ends the intake.
    pub fn pull(&self) {
        self.pulled.send_replace(true);
    }

    /// Waits until it is pulled. Dropping this loses nothing.
    pub async fn pulled(&self) {
        let mut pulled = self.pulled.subscribe();
        // The sender lives as long as this stop: waiting cannot fail.
        let _ = pulled.wait_for(|pulled| *pulled).await;
    }
}

/// The signals that end a run. One that comes while nobody waits is told to who waits next.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on, in the place of what the system does by itself.
    ///
    /// # Errors
    /// The runtime cannot listen to signals.
    pub fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let runtime = |source| Error::Runtime { source };
            Ok(Self {
                interrupt: signal(SignalKind::interrupt()).map_err(runtime)?,
                terminate: signal(SignalKind::terminate()).map_err(runtime)?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next signal. Dropping this loses none.
    pub async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
        #[cfg(not(unix))]
        {
            let _ = tokio::signal::ctrl_c().await;
            Signal::Interrupt
        }
    }
}

/// When fetching stops, whether it is done or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// By a clock that does not jump.
    pub instant: Instant,
    /// As it is told.
    pub at: DateTime<Utc>,
}

impl Deadline {
    /// Whether it is over.
    pub(super) fn has_passed(&self) -> bool {
        self.instant <= Instant::now()
    }

    /// What it ends a run with.
    pub(super) const fn error(self) -> Error {
        Error::DeadlinePassed { at: self.at, resume: None }
    }

    /// Waits for it; for one that is not there, for ever. Dropping this loses nothing.
    pub(super) async fn passed(deadline: Option<Self>) -> Error {
        match deadline {
            Some(deadline) => {
                tokio::time::sleep_until(deadline.instant).await;
                deadline.error()
            }
            None => std::future::pending().await,
        }
    }
}

/// Does some work, unless a signal comes first: then the work is given up where it stands.
///
/// # Errors
/// [`Error::Interrupted`], or the work's own error.
pub async fn unless_stopped<T>(signals: &mut Signals, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        signal = signals.next() => Err(Error::interrupted(signal)),
    }
}
