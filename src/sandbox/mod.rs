//! A simulated `RealtimeKit` API on loopback: for trying the tool out, for tests and benchmarks.
//!
//! In: [`SandboxOptions`]. Out: a server at [`Sandbox::base_url`], and what it saw.
//! Guarantees: listens on loopback only; the same options give the same world, bodies and faults;
//! holds nothing per participant.
//! Not here: the exporter. No stage knows that the API it talks to is this one.
//!
//! A request passes `server` (limit, faults), `routes`, `handlers`, then `record` and `statistics`,
//! which write what `world` says, as far as it has happened by the clock of `moving`. Beside the API it
//! answers `/__sandbox/stats`, `/__sandbox/requests`, `/__sandbox/spend?n=10` and `/__sandbox/clock?at=TIME`.

mod args;
mod faults;
mod handlers;
mod ids;
mod json;
mod limit;
mod messy;
mod moving;
mod options;
mod participant;
mod people;
mod record;
mod reply;
mod routes;
mod server;
mod sizes;
mod statistics;
mod stats;
#[cfg(test)]
mod tests;
mod usage;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use args::{IdList, SandboxArgs};
pub use faults::Fault;
pub use limit::{RateHeaders, RateLimit, RetryAfter, WindowKind};
pub use messy::{Quirk, SessionQuirk};
pub use moving::{Late, Moment, SETTLED_MS};
pub use options::{
    DetailsFilters, ErrorEnvelope, Oversize, PagingPlace, ReportFilters, SandboxOptions, SessionWindow,
    StatsShape, Usage, Wrapper,
};
pub use participant::Participant;
pub use record::Expected;
pub use sizes::Sizes;
pub use stats::{Kind, RecordedRequest, SandboxStats};
pub use world::{MinutesOff, Session, World, WorldOptions};

use crate::error::{Error, Result};

/// A running sandbox. Dropping it closes the listener and all connections.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    shared: Arc<server::Shared>,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// Listens and serves, on the runtime that this is called on.
    ///
    /// # Errors
    /// [`Error::SandboxNotLoopback`] for an address that others could reach,
    /// [`Error::SandboxListen`] where the system refuses it.
    pub async fn start(options: SandboxOptions) -> Result<Self> {
        let wanted = SocketAddr::new(options.host, options.port);
        if !options.host.is_loopback() {
            return Err(Error::SandboxNotLoopback { host: options.host });
        }
        let listen = |source| Error::SandboxListen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let shared = Arc::new(server::Shared::new(options));
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, tasks })
    }

    /// What `--base-url` must say.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", self.origin(), routes::BASE_PATH)
    }

    /// `http://127.0.0.1:PORT`, where `/__sandbox/stats` is.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Who was in which session, once all has happened.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// Who was in which session until now, by its clock.
    #[must_use]
    pub fn moment(&self) -> Moment<'_> {
        self.shared.world.at(self.shared.clock())
    }

    /// Sets its clock, also back. Requests being answered keep the time that they began at.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.shared.set_clock(now);
    }

    /// What it is like.
    #[must_use]
    pub fn options(&self) -> &SandboxOptions {
        &self.shared.options
    }

    /// What it saw until now.
    #[must_use]
    pub fn stats(&self) -> SandboxStats {
        self.shared.stats()
    }

    /// The requests it saw, where [`SandboxOptions::record_requests`] is on.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.counters.kept()
    }

    /// Somebody else spends so many requests of the quota, now.
    pub fn spend(&self, requests: u64) {
        self.shared.spend(requests);
    }

    /// Stops serving: connections are closed when this returns.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
