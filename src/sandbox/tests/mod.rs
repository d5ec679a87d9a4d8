//! The sandbox over real sockets.

mod api;
mod faults;
mod limit;
mod messy;
mod moving;
mod samples;
mod statistics;

use reqwest::StatusCode;
use serde_json::Value;

use super::{Sandbox, SandboxOptions, WorldOptions};

/// The path before the endpoints; the sandbox takes any account and app.
const PLACE: &str = "accounts/acc/realtime/kit/app";

/// A running sandbox and a client of it.
struct Client {
    sandbox: Sandbox,
    http: reqwest::Client,
}

impl Client {
    async fn of(options: SandboxOptions) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox: Sandbox::start(options).await.unwrap(), http }
    }

    /// A small world with default answers.
    async fn small(change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let world = WorldOptions { participants: 300, ..WorldOptions::default() };
        let mut options = SandboxOptions { world, ..SandboxOptions::default() };
        change(&mut options);
        Self::of(options).await
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/{PLACE}/{rest}", self.sandbox.base_url())
    }

    async fn send(&self, rest: &str) -> reqwest::Result<reqwest::Response> {
        self.http.get(self.url(rest)).bearer_auth("sandbox").send().await
    }

    async fn status(&self, rest: &str) -> StatusCode {
        self.send(rest).await.unwrap().status()
    }

    async fn text(&self, rest: &str) -> String {
        self.send(rest).await.unwrap().text().await.unwrap()
    }

    async fn json(&self, rest: &str) -> Value {
        serde_json::from_str(&self.text(rest).await).unwrap()
    }

    /// The path of a participant's details.
    fn details(&self, participant: u64) -> String {
        let world = self.sandbox.world();
        let session = world.session_id(world.session_of(participant));
        format!("sessions/{session}/participants/{}", world.participant_id(participant))
    }
}
