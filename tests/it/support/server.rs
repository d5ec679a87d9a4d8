//! A sandbox within the test process: another process than the exporter, with its counters at hand.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use chrono::{DateTime, Utc};
use rtk_export::sandbox::{Fault, Sandbox, SandboxOptions, SandboxStats, World, WorldOptions};
use tokio::runtime::{self, Runtime};

/// A running sandbox.
pub(crate) struct Server {
    // Dropped before the runtime that it runs on.
    sandbox: Sandbox,
    _runtime: Runtime,
}

impl Server {
    /// A world of 300 participants, changed as the test likes.
    pub(crate) fn start(change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let world = WorldOptions { participants: 300, ..WorldOptions::default() };
        let mut options = SandboxOptions { world, ..SandboxOptions::default() };
        change(&mut options);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        Self { sandbox, _runtime: runtime }
    }

    /// The same with faults.
    pub(crate) fn with_faults(rules: &[&str]) -> Self {
        Self::start(|options| options.faults = faults(rules))
    }

    pub(crate) fn base_url(&self) -> String {
        self.sandbox.base_url()
    }

    pub(crate) fn token(&self) -> &str {
        &self.sandbox.options().token
    }

    pub(crate) fn world(&self) -> &World {
        self.sandbox.world()
    }

    pub(crate) fn stats(&self) -> SandboxStats {
        self.sandbox.stats()
    }

    /// What time it is in its world.
    pub(crate) fn set_clock(&self, now: DateTime<Utc>) {
        self.sandbox.set_clock(now);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.stats().requests
    }

    /// Sends so many requests that nobody needs, to let scripted faults pass.
    pub(crate) fn pass(&self, requests: u64) {
        let address = self.base_url();
        let address = address.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        for _ in 0..requests {
            let mut connection = TcpStream::connect(&address).unwrap();
            connection
                .write_all(b"GET /client/v4/nothing HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
                .unwrap();
            connection.read_to_end(&mut Vec::new()).unwrap();
        }
    }

    /// The paths asked for since the start, where they are recorded.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.sandbox.requests().into_iter().map(|request| request.path).collect()
    }

    /// How often each path was answered by the API's own reply, where requests are recorded.
    pub(crate) fn answered_paths(&self) -> BTreeMap<String, u64> {
        let mut paths = BTreeMap::new();
        for request in self.sandbox.requests().into_iter().filter(|request| request.answered) {
            *paths.entry(request.path).or_default() += 1;
        }
        paths
    }

    /// A list of the first pairs.
    pub(crate) fn pairs(&self, count: usize) -> String {
        let rows = self.world().pairs().take(count);
        list(
            "session_id,participant_id",
            rows.map(|(session, participant)| format!("{session},{participant}")),
        )
    }

    /// A list of the first sessions.
    pub(crate) fn sessions(&self, count: usize) -> String {
        list("session_id", self.world().sessions().take(count).map(|session| session.id.to_string()))
    }
}

/// Rules of faults as typed.
pub(crate) fn faults(rules: &[&str]) -> Vec<Fault> {
    rules.iter().map(|rule| rule.parse().unwrap()).collect()
}

fn list(header: &str, rows: impl Iterator<Item = String>) -> String {
    std::iter::once(header.to_owned()).chain(rows).map(|row| row + "\n").collect()
}
