//! What the HTTP client can do where nothing is done with the replies: the limit of the fetch phase.
//!
//! `bare_loop URLS CONCURRENCY TASKS` asks for each URL of a file once, so many at a time, in so many equal tasks,
//! reads every reply to its end, throws it away, and prints what it took as JSON. Client and loop are those of
//! `src/fetch/client.rs` and `src/pipeline/fetching.rs` less all that they do with a reply; a setting that changes
//! there changes here. Without arguments it asks the simulated API a few times, to see that it runs.
//!
//! No divan: what is measured is one long run against another process, compared by `benches/peers`.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, redirect, retry};
use rtk_export::sandbox::{Sandbox, SandboxOptions};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// The timeout that a run has unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What the yardsticks are asked with: they take any token.
const TOKEN: &str = "benchmark";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    match args.as_slice() {
        [] => look().await,
        [urls, concurrency, tasks] => {
            let urls = fs::read_to_string(urls)?.lines().map(str::to_owned).collect();
            measure(urls, TOKEN, concurrency.parse()?, tasks.parse()?).await
        }
        _ => Err("bare_loop URLS CONCURRENCY TASKS".into()),
    }
}

/// A few requests, to see that it runs.
async fn look() -> Result<(), Failure> {
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    let url = format!("{}/accounts/sandbox/realtime/kit/sandbox/sessions", sandbox.base_url());
    measure(vec![url; 50], &sandbox.options().token, 8, 2).await
}

#[expect(clippy::print_stdout, reason = "the result of a program of its own")]
async fn measure(urls: Vec<String>, token: &str, concurrency: usize, tasks: usize) -> Result<(), Failure> {
    let client = client(token, concurrency)?;
    let (urls, next) = (Arc::new(urls), Arc::new(AtomicUsize::new(0)));
    let requests = urls.len();
    let begun = Instant::now();
    let mut looping = JoinSet::new();
    for task in 0..tasks {
        let at_once = concurrency / tasks + usize::from(task < concurrency % tasks);
        looping.spawn(ask(client.clone(), Arc::clone(&urls), Arc::clone(&next), at_once));
    }
    let mut bytes = 0;
    while let Some(read) = looping.join_next().await {
        bytes += read??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(r#"{{"requests": {requests}, "bytes": {bytes}, "seconds": {seconds}}}"#);
    Ok(())
}

/// One task: takes the next URL until there is none; the bytes of all bodies.
async fn ask(
    client: Client,
    urls: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
    at_once: usize,
) -> Result<u64, Failure> {
    let mine = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|next| *next < urls.len());
    stream::iter(std::iter::from_fn(mine))
        .map(|next| read(&client, &urls[next]))
        .buffer_unordered(at_once)
        .try_fold(0, async |bytes, read| Ok(bytes + read))
        .await
}

/// One reply, read to its end; its bytes.
async fn read(client: &Client, url: &str) -> Result<u64, Failure> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut bytes = 0;
    while let Some(piece) = response.chunk().await? {
        bytes += piece.len() as u64;
    }
    Ok(bytes)
}

fn client(token: &str, connections: usize) -> Result<Client, Failure> {
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let client = Client::builder()
        .default_headers(headers)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(TIMEOUT)
        .pool_max_idle_per_host(connections)
        .tcp_nodelay(true)
        .no_proxy();
    Ok(client.build()?)
}
