//! Posting to whoever listens to how a run goes.
//!
//! Guarantees: bounded in time, so many tries times [`PATIENCE`] and the pauses between; no redirect is followed;
//! the URL is in no error.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode, redirect};
use url::Url;

use crate::config::is_loopback;
use crate::error::{Error, Result};

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the end of a run is told.
pub(super) const TRIES: u32 = 3;

/// Posts to one host.
#[derive(Debug)]
pub(super) struct Poster {
    client: Client,
}

impl Poster {
    /// One for a host: a proxy is not asked for this machine.
    pub(super) fn to(url: Option<&Url>, user_agent: &str) -> Result<Self> {
        let builder =
            Client::builder().user_agent(user_agent).timeout(PATIENCE).redirect(redirect::Policy::none());
        let builder = if url.is_some_and(is_loopback) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|source| Error::HttpClient { source })?;
        Ok(Self { client })
    }

    /// Posts a body; what may pass is tried again.
    pub(super) async fn post(&self, url: &Url, headers: &HeaderMap, body: &str, tries: u32) -> Result<()> {
        let mut told = self.once(url, headers, body).await;
        for _ in 1..tries {
            match told {
                Err(Error::TellingRefused { status, .. }) if !is_passing(status) => break,
                Err(_) => {}
                Ok(()) => break,
            }
            tokio::time::sleep(PAUSE).await;
            told = self.once(url, headers, body).await;
        }
        told
    }

    async fn once(&self, url: &Url, headers: &HeaderMap, body: &str) -> Result<()> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        let request = self.client.post(url.clone()).headers(headers.clone()).body(body.to_owned());
        let reply = request.send().await;
        let reply =
            reply.map_err(|error| Error::TellingUnreachable { host: host(), source: error.without_url() })?;
        if reply.status().is_success() {
            return Ok(());
        }
        Err(Error::TellingRefused { host: host(), status: reply.status().as_u16() })
    }
}

/// Whether a refusal may be another one soon.
fn is_passing(status: u16) -> bool {
    status >= 500 || status == StatusCode::TOO_MANY_REQUESTS.as_u16()
}
