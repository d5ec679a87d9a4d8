//! Connections and the way of a request through the sandbox.
//!
//! In: a listener and [`SandboxOptions`]. Out: replies.
//! Guarantees: a request is counted, delayed, held against the rate limit, struck by its fault, then
//! answered, in this order; connections are bounded; dropping [`serve`]'s future closes them all.
//! Not here: what is answered (`handlers.rs`).

use std::convert::Infallible;
use std::error::Error;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use url::form_urlencoded;

use super::faults::{Effect, Script};
use super::handlers::Api;
use super::ids::hash;
use super::limit::Limiter;
use super::options::SandboxOptions;
use super::reply::{Reply, ReplyBody, Reset};
use super::routes::Place;
use super::stats::{Counters, RecordedRequest, SandboxStats};
use super::world::World;

/// Paths of the sandbox itself, which no API has.
const CONTROL_PATH: &str = "/__sandbox/";
/// A posted document is no longer.
const MOST_POSTED: usize = 64 << 10;
/// A refused `accept` (no file descriptor left) is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: SandboxOptions,
    pub(super) world: World,
    pub(super) counters: Counters,
    clock: Mutex<Option<DateTime<Utc>>>,
    limiter: Option<Limiter>,
    script: Script,
    started: Instant,
}

impl Shared {
    pub(super) fn new(options: SandboxOptions) -> Self {
        Self {
            world: World::new(options.world),
            counters: Counters::new(options.record_requests),
            clock: Mutex::new(options.clock),
            limiter: options.rate_limit.clone().map(Limiter::new),
            script: Script::new(options.faults.clone(), options.world.seed),
            started: Instant::now(),
            options,
        }
    }

    /// What time it is in the world, where it has a clock.
    pub(super) fn clock(&self) -> Option<DateTime<Utc>> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_clock(&self, now: DateTime<Utc>) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(super) fn stats(&self) -> SandboxStats {
        let seen = self.limiter.as_ref().map(Limiter::seen).unwrap_or_default();
        SandboxStats {
            rate_limited: seen.limited,
            most_in_a_window: seen.most_in_a_window,
            ..self.counters.snapshot()
        }
    }

    /// Somebody else spends so many requests of the quota.
    pub(super) fn spend(&self, requests: u64) {
        if let Some(limiter) = &self.limiter {
            limiter.spend(requests, Instant::now());
        }
    }
}

/// Accepts connections until dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(shared.options.max_connections.max(1)));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    serve_connection(stream, shared).await;
                    drop(slot);
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    // Replies are whole when written: waiting for more would only delay them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        // Boxed, so that the stream can be had back from the connection.
        Box::pin(async move { respond(&shared, request).await })
    });
    let mut connection =
        http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    let reset = ended.err().is_some_and(|error| error.source().is_some_and(<dyn Error>::is::<Reset>));
    if reset {
        // With nothing to linger for, closing sends RST. Where it fails, FIN is as good a fault.
        let _ = stream.set_zero_linger();
    }
}

/// One request through the sandbox.
async fn respond(shared: &Shared, mut request: Request<Incoming>) -> Result<Response<ReplyBody>, Reset> {
    let uri = request.uri().clone();
    let path = uri.path();
    let query = uri.query().unwrap_or_default();
    if let Some(command) = path.strip_prefix(CONTROL_PATH) {
        let reply = control(shared, command, query);
        return Ok(reply.into_response(0, shared.clock(), Vec::new()));
    }
    let arrived = Instant::now();
    let place = Place::of(path);
    let number = shared.counters.request(place.route.kind());
    let path_and_query = uri.path_and_query().map_or(path, |both| both.as_str());
    let kept = shared.counters.keep(|| RecordedRequest {
        at_us: u64::try_from((arrived - shared.started).as_micros()).unwrap_or(u64::MAX),
        method: request.method().to_string(),
        path: path_and_query.to_owned(),
        answered: false,
    });
    let verdict = shared.limiter.as_ref().map(|limiter| limiter.arrive(arrived));
    delay(&shared.options, number).await;
    let ray = hash(shared.options.world.seed, number);
    let (allowed, rate_headers) =
        verdict.map_or((true, Vec::new()), |verdict| (verdict.allowed, verdict.headers));
    let now = shared.clock();
    let reply =
        if allowed { reply(shared, &mut request, &place, query, now, kept).await? } else { too_many(shared) };
    shared.counters.reply(reply.status.as_u16());
    Ok(reply.into_response(ray, now, rate_headers))
}

/// The reply to a request within the quota, or what a fault makes of it.
async fn reply(
    shared: &Shared,
    request: &mut Request<Incoming>,
    place: &Place<'_>,
    query: &str,
    now: Option<DateTime<Utc>>,
    kept: Option<usize>,
) -> Result<Reply, Reset> {
    let Shared { options, world, .. } = shared;
    let uri = request.uri();
    let effect = shared.script.next(uri.path_and_query().map_or(uri.path(), |both| both.as_str()));
    match effect {
        Some(Effect::Reset) => {
            shared.counters.fault();
            return Err(Reset);
        }
        Some(Effect::Hang) => {
            shared.counters.fault();
            pending::<Infallible>().await;
        }
        Some(Effect::Slow(duration)) => sleep(*duration).await,
        _ => {}
    }
    let api = Api { moment: world.at(now), options };
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let reply = match *request.method() {
        Method::GET => api.answer(place, query, authorization),
        Method::POST => {
            let authorization = authorization.map(str::to_owned);
            let body = Limited::new(request.body_mut(), MOST_POSTED).collect().await;
            let body = body.map(Collected::to_bytes).unwrap_or_default();
            api.answer_post(place, &body, authorization.as_deref())
        }
        _ => Reply::error(options.errors, StatusCode::METHOD_NOT_ALLOWED, "the sandbox only answers GET"),
    };
    if matches!(effect, None | Some(Effect::Slow(_) | Effect::Body { .. })) {
        shared.counters.answered(kept);
    }
    Ok(match effect {
        Some(effect) => {
            shared.counters.fault();
            reply.struck(effect, options.errors)
        }
        None => reply,
    })
}

fn too_many(shared: &Shared) -> Reply {
    let message = shared.options.rate_limit.as_ref().map_or_else(String::new, |limit| {
        format!("More than {} requests per {} seconds reached", limit.quota, limit.window.as_secs())
    });
    Reply::error(shared.options.errors, StatusCode::TOO_MANY_REQUESTS, &message)
}

/// The latency, with a jitter that depends on the request's number only.
async fn delay(options: &SandboxOptions, number: u64) {
    let jitter_us = u64::try_from(options.jitter.as_micros()).unwrap_or(u64::MAX);
    let jitter =
        if jitter_us > 0 { Duration::from_micros(hash(7, number) % jitter_us) } else { Duration::ZERO };
    let latency = options.latency + jitter;
    if !latency.is_zero() {
        sleep(latency).await;
    }
}

/// The sandbox's own paths: `stats`, `requests`, `spend?n=10`, `clock?at=2026-10-01T02:00:00Z`.
fn control(shared: &Shared, command: &str, query: &str) -> Reply {
    let json = match command {
        "stats" => serde_json::to_vec(&shared.stats()),
        "requests" => serde_json::to_vec(&shared.counters.kept()),
        "spend" => {
            let requests = query.strip_prefix("n=").and_then(|n| n.parse().ok()).unwrap_or(0);
            shared.spend(requests);
            serde_json::to_vec(&requests)
        }
        "clock" => {
            let at = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "at");
            match at.map(|(_, text)| DateTime::parse_from_rfc3339(&text)) {
                Some(Ok(now)) => shared.set_clock(now.to_utc()),
                None => {}
                Some(Err(_)) => {
                    let message = "at is a time such as 2026-10-01T02:00:00Z";
                    return Reply::error(shared.options.errors, StatusCode::BAD_REQUEST, message);
                }
            }
            serde_json::to_vec(&shared.clock().map(|now| now.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
        }
        _ => {
            let message = "the sandbox itself knows stats, requests, spend?n=10 and clock?at=TIME";
            return Reply::error(shared.options.errors, StatusCode::NOT_FOUND, message);
        }
    };
    json.map_or_else(
        |error| Reply::error(shared.options.errors, StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Reply::json,
    )
}
