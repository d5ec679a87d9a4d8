//! Pings to a health check, as healthchecks.io and its like have them.
//!
//! A success is posted to the URL, a failure to `URL/fail`, a beginning to `URL/start`. The body is a few lines
//! without ids, paths or messages: it leaves the machine.
//! Guarantees: bounded in time, [`TRIES`] times [`PATIENCE`] and the pauses between; no redirect is followed; the
//! URL is in no error.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect};
use url::Url;

use super::Ended;
use crate::config::{HealthUrl, is_loopback};
use crate::error::{Error, Result};

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried.
const TRIES: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// What there is to tell.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// The run begins. Tried once: its end matters more.
    Start,
    /// The run is over.
    End(&'a Ended<'a>),
}

/// Tells a health check.
#[derive(Debug)]
pub struct Health<'a> {
    url: &'a HealthUrl,
    client: Client,
}

impl<'a> Health<'a> {
    /// One that has told nothing yet.
    ///
    /// # Errors
    /// [`Error::HttpClient`] where TLS or the proxy settings are unusable.
    pub fn new(url: &'a HealthUrl, user_agent: &str) -> Result<Self> {
        let builder =
            Client::builder().user_agent(user_agent).timeout(PATIENCE).redirect(redirect::Policy::none());
        let builder =
            if url.expose(None).is_some_and(|url| is_loopback(&url)) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|source| Error::HttpClient { source })?;
        Ok(Self { url, client })
    }

    /// All of the URL that may be shown.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// Tells it. Dropped, it may have told it or not.
    ///
    /// # Errors
    /// [`Error::HealthUnreachable`] or [`Error::HealthRefused`].
    pub async fn tell(&self, moment: Moment<'_>) -> Result<()> {
        let (segment, body, tries) = match moment {
            Moment::Start => (Some("start"), String::new(), 1),
            Moment::End(ended) if ended.is_success() => (None, body(ended), TRIES),
            Moment::End(ended) => (Some("fail"), body(ended), TRIES),
        };
        let Some(url) = self.url.expose(segment) else { return Ok(()) };
        let mut told = self.post(&url, &body).await;
        for _ in 1..tries {
            match told {
                Err(Error::HealthRefused { status, .. }) if !is_passing(status) => break,
                Err(_) => {}
                Ok(()) => break,
            }
            tokio::time::sleep(PAUSE).await;
            told = self.post(&url, &body).await;
        }
        told
    }

    async fn post(&self, url: &Url, body: &str) -> Result<()> {
        let host = || self.url.host().to_owned();
        let sent = self.client.post(url.clone()).body(body.to_owned()).send().await;
        let reply =
            sent.map_err(|error| Error::HealthUnreachable { host: host(), source: error.without_url() })?;
        if reply.status().is_success() {
            return Ok(());
        }
        Err(Error::HealthRefused { host: host(), status: reply.status().as_u16() })
    }
}

/// Whether a refusal may be another one soon.
fn is_passing(status: u16) -> bool {
    status >= 500 || status == StatusCode::TOO_MANY_REQUESTS.as_u16()
}

/// What is posted of an end.
fn body(ended: &Ended<'_>) -> String {
    let made = ended.facts.requests.unwrap_or_default();
    let rows = ended.facts.published.as_ref().map_or_else(String::new, |published| {
        let rows = published.rows.iter().filter(|(_, rows)| *rows > 0);
        let rows = rows.map(|(table, rows)| format!("{rows} {table}")).collect::<Vec<_>>().join(", ");
        format!("rows: {rows}\n")
    });
    format!(
        "{program} {command}: {outcome}, exit code {code}, after {seconds} s\n\
         requests: {sent} sent, {retried} retried, {limited} rate-limited; {failures} ids failed\n{rows}",
        program = env!("CARGO_PKG_NAME"),
        command = ended.command,
        outcome = ended.outcome(),
        code = ended.exit_code,
        seconds = ended.duration.as_secs(),
        sent = made.sent,
        retried = made.retried,
        limited = made.rate_limited,
        failures = ended.failures(),
    )
}
