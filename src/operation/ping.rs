//! Pings to a health check, as healthchecks.io and its like have them.
//!
//! A success is posted to the URL, a failure to `URL/fail`, a beginning to `URL/start`. The body is a few lines
//! without ids, paths or messages: it leaves the machine.
//! Guarantees: those of `post`.

use reqwest::header::HeaderMap;

use super::Ended;
use super::post::{Poster, TRIES};
use crate::config::HealthUrl;
use crate::error::Result;

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
    poster: Poster,
}

impl<'a> Health<'a> {
    /// One that has told nothing yet.
    ///
    /// # Errors
    /// [`Error::HttpClient`](crate::error::Error::HttpClient) where TLS or the proxy settings are unusable.
    pub fn new(url: &'a HealthUrl, user_agent: &str) -> Result<Self> {
        Ok(Self { url, poster: Poster::to(url.expose(None).as_ref(), user_agent)? })
    }

    /// All of the URL that may be shown.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// Tells it. Dropped, it may have told it or not.
    ///
    /// # Errors
    /// [`Error::TellingUnreachable`](crate::error::Error::TellingUnreachable) or
    /// [`Error::TellingRefused`](crate::error::Error::TellingRefused).
    pub async fn tell(&self, moment: Moment<'_>) -> Result<()> {
        let (segment, body, tries) = match moment {
            Moment::Start => (Some("start"), String::new(), 1),
            Moment::End(ended) if ended.is_success() => (None, body(ended), TRIES),
            Moment::End(ended) => (Some("fail"), body(ended), TRIES),
        };
        let Some(url) = self.url.expose(segment) else { return Ok(()) };
        self.poster.post(&url, &HeaderMap::new(), &body, tries).await
    }
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
