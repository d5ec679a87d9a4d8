//! One try over HTTP: connections, headers, timeouts, and the body under its share of the pool.
//!
//! In: a URL and a place at the gate. Out: a whole reply, or the [`Fault`] that prevented it.
//! Guarantees: the token travels in one sensitive header, only to the base URL's host, since no
//! redirect is followed; a decoded body is capped; waiting for the pool stops the clock.
//! Not here: what a reply means (`retry`), how many at once (`budget`).

use std::future::Future;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{IntoUrl, RequestBuilder, Response, StatusCode, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::body::{Body, POOL, Pool};
use super::budget::Pass;
use super::fault::Fault;
use super::retry::server_time;
use super::target::Queries;
use crate::clock;
use crate::config::is_loopback;
use crate::error::{Error, Result};
use crate::model::Window;

/// Of a reply that is not a success only this much is read: enough for any error envelope.
const ERROR_BODY: usize = 64 << 10;
/// A whole reply may take this many times the timeout for its head, as long as it keeps moving.
const TOTAL: u32 = 10;

/// Where and as whom to ask.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Everything before `/accounts`.
    pub base_url: Url,
    /// The account, as typed.
    pub account_id: String,
    /// The app, as typed.
    pub app_id: String,
    /// The API token.
    pub token: SecretString,
    /// For a reply's head, and between two pieces of its body; connecting is part of the first.
    pub timeout: Duration,
    /// What each kind of request asks for beside the record.
    pub queries: Queries,
    /// Which of the app's sessions are listed, where any are.
    pub window: Option<Window>,
    /// Connections kept open: the concurrency.
    pub connections: usize,
    /// `rtk-export/0.1.0`.
    pub user_agent: String,
}

/// Sends requests and reads replies.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    pool: Pool,
    timeout: Duration,
    /// Milliseconds by which the server's clock is ahead of this machine's; [`UNKNOWN`] before it told.
    ahead_ms: AtomicI64,
}

/// No server's clock is so far behind.
const UNKNOWN: i64 = i64::MIN;
/// Clocks this near are the same: the server tells its own to the second.
const SAME_CLOCK: TimeDelta = TimeDelta::seconds(2);

/// A whole reply.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// `None` where it is larger than the pool.
    pub(super) body: Option<Body>,
    /// Of a refusal: whether more was promised than came.
    pub(super) is_cut: bool,
}

impl Received {
    /// Whether the body calls itself JSON: an edge error page does not.
    pub(super) fn is_json(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        kind.windows(4).any(|word| word.eq_ignore_ascii_case(b"json"))
    }

    /// Cloudflare's name for the reply.
    pub(super) fn cf_ray(&self) -> Option<String> {
        cf_ray(&self.headers)
    }
}

fn cf_ray(headers: &HeaderMap) -> Option<String> {
    headers.get("cf-ray").and_then(|ray| ray.to_str().ok()).map(str::to_owned)
}

impl Client {
    /// # Errors
    /// [`Error::UnusableToken`], or [`Error::HttpClient`] where TLS or the proxy settings are unusable.
    pub(super) fn new(config: &ClientConfig) -> Result<Self> {
        let bearer = format!("Bearer {}", config.token.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| Error::UnusableToken)?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(&config.user_agent)
            .redirect(redirect::Policy::none())
            // Every try passes the gate; one made by the client itself would not be counted.
            .retry(retry::never())
            .connect_timeout(config.timeout)
            .pool_max_idle_per_host(config.connections)
            .tcp_nodelay(true);
        if is_loopback(&config.base_url) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|source| Error::HttpClient { source })?;
        let ahead_ms = AtomicI64::new(UNKNOWN);
        Ok(Self { http, pool: Pool::new(), timeout: config.timeout, ahead_ms })
    }

    /// Sends one request, a GET, and reads its reply. Dropped, it gives up the reply, and the place at the
    /// gate counts as one that timed out.
    pub(super) async fn send(&self, url: impl IntoUrl, pass: Pass) -> Result<Received, Fault> {
        self.reply_to(self.http.get(url), pass).await
    }

    /// The same with a JSON document, which is posted.
    pub(super) async fn post(&self, url: &str, json: String, pass: Pass) -> Result<Received, Fault> {
        self.reply_to(self.http.post(url).header(CONTENT_TYPE, "application/json").body(json), pass).await
    }

    async fn reply_to(&self, request: RequestBuilder, pass: Pass) -> Result<Received, Fault> {
        let mut end = Instant::now() + self.timeout;
        let mut response = before(end, request.send()).await?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        pass.replied(status, &headers);
        self.note_time(&headers);
        end += self.timeout * (TOTAL - 1);
        let (body, is_cut) = if status.is_success() {
            let body = self.body(response, end).await;
            (body.map_err(|fault| fault.after_head(status, cf_ray(&headers)))?, false)
        } else {
            let (body, is_cut) = self.error_body(response, end).await;
            (Some(body), is_cut)
        };
        Ok(Received { status, headers, body, is_cut })
    }

    /// By how much the server's clock is ahead of this machine's, within a second or two; `None` where they are the
    /// same, and as long as it has not told.
    pub(super) fn server_ahead(&self) -> Option<TimeDelta> {
        let told = Some(self.ahead_ms.load(Relaxed)).filter(|ms| *ms != UNKNOWN);
        told.map(TimeDelta::milliseconds).filter(|ahead| ahead.abs() >= SAME_CLOCK)
    }

    fn note_time(&self, headers: &HeaderMap) {
        if let Some(told) = server_time(headers) {
            let ahead = DateTime::<Utc>::from(told) - clock::now();
            self.ahead_ms.store(ahead.num_milliseconds(), Relaxed);
        }
    }

    /// The decoded body under its share of the pool; `None` where it is too large.
    async fn body(&self, mut response: Response, mut end: Instant) -> Result<Option<Body>, Fault> {
        let length = response.content_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > POOL as usize) {
            return Ok(None);
        }
        let mut share = off_the_clock(&mut end, self.pool.reserve(length)).await;
        let mut bytes = Vec::with_capacity(length.unwrap_or_default());
        while let Some(piece) = self.piece(&mut response, end).await? {
            let needed = bytes.len() + piece.len();
            if needed > POOL as usize {
                return Ok(None);
            }
            while needed > share.room() {
                share = off_the_clock(&mut end, self.pool.grow(share)).await;
            }
            bytes.extend_from_slice(&piece);
        }
        if length.is_none() {
            bytes.shrink_to_fit();
        }
        share.shrink(bytes.len());
        Ok(Some(Body::with_share(bytes, share)))
    }

    /// The first bytes of a refusal, and whether they were cut short.
    async fn error_body(&self, mut response: Response, end: Instant) -> (Body, bool) {
        let mut bytes = Vec::new();
        let is_cut = loop {
            if bytes.len() >= ERROR_BODY {
                break false;
            }
            match self.piece(&mut response, end).await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        bytes.truncate(ERROR_BODY);
        (Body::from(bytes), is_cut)
    }

    async fn piece(&self, response: &mut Response, end: Instant) -> Result<Option<bytes::Bytes>, Fault> {
        before(end.min(Instant::now() + self.timeout), response.chunk()).await
    }
}

async fn before<T>(end: Instant, work: impl Future<Output = Result<T, reqwest::Error>>) -> Result<T, Fault> {
    match tokio::time::timeout_at(end, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Fault::timeout()),
    }
}

/// Waits without the deadline coming nearer: the server is not to blame for our memory.
async fn off_the_clock<T>(end: &mut Instant, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    *end += start.elapsed();
    result
}
