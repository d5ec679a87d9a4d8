//! The fetcher over real sockets, against a server that does what it is told.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::*;
use crate::config::Filters;
use crate::error::Class;
use crate::model::{PageSize, ParticipantId, SessionId};

const TOKEN: &str = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY";
const GOOD: &str = r#"{"success":true,"data":{"participant":{"id":"p"}}}"#;

const WITH_EVENTS: Query = Query { filters: Filters::NONE, peer_events: true };

/// What the server does with one request.
enum Act {
    /// Writes this and keeps the connection.
    Write(Vec<u8>),
    /// Writes this and closes the connection.
    WriteAndClose(Vec<u8>),
    /// Writes this and then nothing, the connection open.
    WriteAndStall(Vec<u8>),
}

/// The heads of the requests that came.
type Heads = Arc<Mutex<Vec<String>>>;

fn reply(head: &str, body: &[u8]) -> Act {
    let mut bytes = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Act::Write(bytes)
}

fn good() -> Act {
    reply("200 OK\r\ncontent-type: application/json\r\ncf-ray: 8f2-LHR", GOOD.as_bytes())
}

/// A server that does these acts in turn, one for each request, whatever the connection.
#[expect(clippy::disallowed_methods, reason = "a server of a test, gone with its runtime")]
async fn serve(acts: Vec<Act>) -> (u16, Heads) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Heads::default();
    let (seen, acts) = (Arc::clone(&heads), Arc::new(Mutex::new(VecDeque::from(acts))));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&acts), Arc::clone(&seen)));
        }
    });
    (port, heads)
}

async fn converse(mut stream: TcpStream, acts: Arc<Mutex<VecDeque<Act>>>, heads: Heads) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        heads.lock().unwrap().push(String::from_utf8(std::mem::take(&mut head)).unwrap());
        let act = acts.lock().unwrap().pop_front();
        match act {
            Some(Act::Write(bytes)) => stream.write_all(&bytes).await.unwrap(),
            Some(Act::WriteAndClose(bytes)) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Some(Act::WriteAndStall(bytes)) => {
                stream.write_all(&bytes).await.unwrap();
                std::future::pending::<()>().await;
            }
            None => return,
        }
    }
}

fn config(port: u16) -> ClientConfig {
    ClientConfig {
        base_url: Url::parse(&format!("http://127.0.0.1:{port}/client/v4")).unwrap(),
        account_id: "account".to_owned(),
        app_id: "an app/1".to_owned(),
        token: SecretString::from(TOKEN),
        timeout: Duration::from_secs(10),
        queries: Queries { details: WITH_EVENTS, reports: WITH_EVENTS, pages: WITH_EVENTS },
        window: None,
        connections: 4,
        user_agent: "rtk-export/test".to_owned(),
    }
}

fn fetcher(config: &ClientConfig) -> Fetcher {
    let retry = RetryConfig {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(2),
        ..RetryConfig::default()
    };
    let budget = BudgetConfig {
        requests: 1_000_000_000,
        window: Duration::from_secs(1),
        reserve_percent: 10,
        explicit: true,
    };
    Fetcher::new(config, retry, budget, None).unwrap()
}

fn session() -> SessionId {
    SessionId::parse("0f8fad5b-d9cb-469f-a165-70867728950e").unwrap()
}

fn key() -> RequestKey {
    let participant = ParticipantId::parse("7c9e6679-7425-40de-944b-e07fc1f90ae7").unwrap();
    RequestKey::Details { session: session(), participant }
}

async fn fetch(acts: Vec<Act>) -> (Result<Reply>, Vec<String>) {
    let (port, heads) = serve(acts).await;
    let reply = fetcher(&config(port)).fetch(key()).await.map(|reply| reply.expect("not stopped"));
    let heads = heads.lock().unwrap().clone();
    (reply, heads)
}

fn found(reply: &Reply) -> &[u8] {
    match &reply.answer {
        Answer::Found(body) => body,
        Answer::Failed(failure) => panic!("{failure:?}"),
    }
}

fn failure(reply: Reply) -> Failure {
    match reply.answer {
        Answer::Found(body) => panic!("{body:?}"),
        Answer::Failed(failure) => failure,
    }
}

#[tokio::test]
async fn a_good_reply_is_the_answer() {
    let (reply, heads) = fetch(vec![good()]).await;
    let reply = reply.unwrap();
    assert_eq!(found(&reply), GOOD.as_bytes());
    assert_eq!((reply.key, reply.attempts, reply.rate_limited), (key(), 1, 0));
    assert_eq!(reply.cf_ray.as_deref(), Some("8f2-LHR"));
    let head = heads[0].to_lowercase();
    let path = "/client/v4/accounts/account/realtime/kit/an%20app%2f1/sessions/0f8fad5b-d9cb-469f-a165-70867728950e\
                /participants/7c9e6679-7425-40de-944b-e07fc1f90ae7?include_peer_events=true";
    assert!(head.starts_with(&format!("get {path} http/1.1\r\n")), "{head}");
    for line in [
        format!("authorization: bearer {}", TOKEN.to_lowercase()),
        "accept: application/json".to_owned(),
        "accept-encoding: gzip,br".to_owned(),
        "user-agent: rtk-export/test".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
}

#[tokio::test]
async fn each_fault_is_tried_again() {
    let cut = |bytes: &str| Act::WriteAndClose(bytes.as_bytes().to_vec());
    let faults = vec![
        reply("503 Service Unavailable\r\nretry-after: 0", b""),
        reply("520 What", b"<html>"),
        cut(""),
        cut("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"success\""),
        reply("200 OK", b"<html>"),
        reply("200 OK", br#"{"success":false}"#),
        reply("200 OK", br#"{"success":true,"data":{}}"#),
        reply("200 OK\r\ncontent-encoding: gzip", b"no gzip"),
        good(),
    ];
    let (reply, heads) = fetch(faults).await;
    let reply = reply.unwrap();
    assert_eq!(found(&reply), GOOD.as_bytes());
    assert_eq!((reply.attempts, heads.len()), (9, 9));
}

#[tokio::test]
async fn tries_are_bounded_and_the_last_outcome_is_the_reason() {
    let again = |act: fn() -> Act| (0..9).map(|_| act()).collect::<Vec<_>>();
    // A reply that shows the API up comes first: else it would be the API that is down.
    let trouble = std::iter::once(reply("200 OK", b"")).chain(again(|| reply("502 Bad Gateway", b"<html>")));
    let cases: [(Vec<Act>, Reason, Option<u16>, &str); 4] = [
        (trouble.take(9).collect(), Reason::RetriesExhausted, Some(502), "Bad Gateway"),
        (again(|| reply("200 OK", b"<p>Hi")), Reason::BadResponse, Some(200), "the body is not JSON: <p>Hi"),
        (again(|| reply("200 OK", b"")), Reason::BadResponse, Some(200), "the body is not JSON: it is empty"),
        (
            again(|| Act::WriteAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec())),
            Reason::BadResponse,
            Some(200),
            "the body was cut short",
        ),
    ];
    for (acts, reason, status, message) in cases {
        let reply = fetch(acts).await.0.unwrap();
        assert_eq!(reply.attempts, 9);
        let failure = failure(reply);
        assert_eq!((failure.reason, failure.http_status), (reason, status));
        assert!(failure.message.starts_with(message), "{}", failure.message);
    }
}

#[tokio::test]
async fn other_4xx_are_final() {
    let not_found = br#"{"success":false,"error":{"code":404,"message":"No user found with id 7"}}"#;
    let reply_404 = fetch(vec![reply("404 Not Found", not_found)]).await.0.unwrap();
    assert_eq!(
        failure(reply_404),
        Failure {
            reason: Reason::NotFound,
            http_status: Some(404),
            api_code: Some(404),
            message: "No user found with id 7".to_owned(),
            body: not_found.to_vec(),
        }
    );
    let (port, heads) = serve(vec![reply("400 Bad Request", b"")]).await;
    let page = RequestKey::Page { session: session(), page_no: 1, size: PageSize::Records(100) };
    let refused = failure(fetcher(&config(port)).fetch(page).await.unwrap().unwrap());
    assert_eq!((refused.reason, refused.message.as_str()), (Reason::Refused, "Bad Request"));
    assert!(
        heads.lock().unwrap()[0].contains("?page_no=1&per_page=100&sort_by=joinedAt&sort_order=ASC&incl")
    );
}

#[tokio::test]
async fn a_429_costs_a_wait_but_no_retry() {
    let (port, _) = serve(vec![reply("429 Too Many Requests\r\nretry-after: 1", b""), good()]).await;
    let none = RetryConfig { retries: 0, ..RetryConfig::default() };
    let fetcher = Fetcher { retry: none, ..fetcher(&config(port)) };
    let start = Instant::now();
    let reply = fetcher.fetch(key()).await.unwrap().unwrap();
    assert_eq!((reply.attempts, reply.rate_limited), (2, 1));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn what_waits_to_be_sent_is_given_up_at_the_stop_and_what_is_under_way_goes_on() {
    // In a backoff, in the pause after a 429, behind the first request: each would wait for minutes.
    let long = RetryConfig { first_wait: Duration::from_hours(1), ..RetryConfig::default() };
    for act in [
        reply("503 Service Unavailable\r\nretry-after: 300", b""),
        reply("429 Too Many Requests\r\nretry-after: 300", b""),
    ] {
        let (port, heads) = serve(vec![act]).await;
        let fetcher = Fetcher { retry: long.clone(), ..fetcher(&config(port)) };
        let fetching = fetcher.fetch(key());
        let closing = async {
            while heads.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            fetcher.stop();
        };
        let (given_up, ()) = tokio::join!(fetching, closing);
        assert_eq!(given_up.unwrap(), None);
    }
    let (port, heads) = serve(vec![good()]).await;
    let fetcher = fetcher(&config(port));
    let first = fetcher.fetch(key());
    let behind = futures::future::join_all((0..8).map(|_| fetcher.fetch(key())));
    let (first, behind, ()) = tokio::join!(first, behind, async { fetcher.stop() });
    // The first was under way when it was stopped, or stood before it.
    assert_eq!(heads.lock().unwrap().len(), usize::from(first.unwrap().is_some()));
    assert!(behind.into_iter().all(|given_up| given_up.unwrap().is_none()));
}

#[tokio::test]
async fn a_429_without_a_word_closes_the_gate_for_five_minutes() {
    for page in [reply("429 Too Many Requests", b""), reply("403 Forbidden", b"<b>error code: 1015</b>")] {
        let (port, _) = serve(vec![page]).await;
        let fetcher = fetcher(&config(port));
        let mut state = fetcher.gate_state();
        let fetching = fetcher.fetch(key());
        tokio::pin!(fetching);
        tokio::select! {
            _ = &mut fetching => panic!("the gate is closed"),
            wait = state.wait_for(|state| state.wait.is_some()) => {
                let wait = wait.unwrap().wait.unwrap();
                let seconds = (wait.until - crate::clock::now()).num_seconds();
                assert!(wait.throttled && (290..=300).contains(&seconds), "{seconds}");
            }
        }
    }
}

#[tokio::test]
async fn refused_credentials_end_the_run() {
    let body = br#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#;
    let (result, heads) = fetch(vec![reply("403 Forbidden\r\ncontent-type: application/json", body)]).await;
    let error = result.unwrap_err();
    assert_eq!(heads.len(), 1);
    assert_eq!((error.class(), error.class().exit_code()), (Class::CredentialsRefused, 4));
    assert_eq!(
        error.to_string(),
        "the API refused participant 7c9e6679-7425-40de-944b-e07fc1f90ae7 of session \
         0f8fad5b-d9cb-469f-a165-70867728950e: 403 Authentication error (code 10000)"
    );
    assert!(error.hint().unwrap().contains("CLOUDFLARE_API_TOKEN"));
    let (result, _) = fetch(vec![reply("403 Forbidden\r\ncontent-type: text/html", b"Error 1020")]).await;
    assert!(matches!(result, Err(Error::ClientBlocked { status: 403, edge_code: 1020, .. })));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, visits) = serve(vec![good()]).await;
    let head = format!("302 Found\r\nlocation: http://localhost:{elsewhere}/");
    let (result, _) = fetch(vec![reply(&head, b"")]).await;
    let failure = failure(result.unwrap());
    assert_eq!((failure.reason, failure.http_status), (Reason::Refused, Some(302)));
    assert_eq!(failure.message, "302 Found: a redirect to localhost, which is not followed");
    assert!(visits.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_stalls_is_given_up() {
    for stalled in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let (port, _) = serve(vec![Act::WriteAndStall(stalled.as_bytes().to_vec()), good()]).await;
        let config = ClientConfig { timeout: Duration::from_millis(200), ..config(port) };
        let reply = fetcher(&config).fetch(key()).await.unwrap().unwrap();
        assert_eq!(reply.attempts, 2, "{stalled}");
    }
}

#[tokio::test]
async fn no_server_is_no_failure_of_an_id() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = fetcher(&config(port)).fetch(key()).await.unwrap_err();
    let Error::ApiUnreachable { failures, last, .. } = error else { panic!("{error:?}") };
    assert_eq!(failures, 9);
    assert!(last.starts_with("no connection: "), "{last}");
}

/// A participant of about this many bytes.
fn participant(bytes: usize) -> Vec<u8> {
    let name = "x".repeat(bytes);
    format!(r#"{{"data":{{"participant":{{"id":"p","display_name":"{name}"}}}}}}"#).into_bytes()
}

fn gzip(body: &[u8]) -> Act {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    reply("200 OK\r\ncontent-encoding: gzip", &encoder.finish().unwrap())
}

#[tokio::test]
async fn bodies_of_any_size_are_read_plain_and_compressed_and_capped() {
    for bytes in [10, 300 << 10, 5 << 20] {
        let body = participant(bytes);
        for act in [reply("200 OK", &body), gzip(&body)] {
            let reply = fetch(vec![act]).await.0.unwrap();
            assert_eq!(found(&reply), body);
        }
    }
    let bomb = gzip(&participant(65 << 20));
    let long = Act::WriteAndStall(b"HTTP/1.1 200 OK\r\ncontent-length: 67108865\r\n\r\n".to_vec());
    for act in [bomb, long] {
        let failure = failure(fetch(vec![act]).await.0.unwrap());
        assert_eq!(failure.reason, Reason::TooLarge);
        assert_eq!(failure.message, "the body is larger than 64 MiB");
    }
}

#[tokio::test]
async fn many_large_bodies_at_once_come_one_after_another() {
    let body = participant(5 << 20);
    let acts = (0..8).map(|n| if n % 2 == 0 { gzip(&body) } else { reply("200 OK", &body) }).collect();
    let (port, _) = serve(acts).await;
    let fetcher = fetcher(&config(port));
    let sizes = futures::future::join_all((0..8).map(|_| async {
        let reply = fetcher.fetch(key()).await.unwrap().unwrap();
        found(&reply).len()
    }));
    assert_eq!(sizes.await, [body.len(); 8]);
}

#[tokio::test]
async fn the_token_is_in_no_text() {
    let (port, _) = serve(vec![reply("401 Unauthorized", b"")]).await;
    let config = config(port);
    let fetcher = fetcher(&config);
    let error = fetcher.fetch(key()).await.unwrap_err();
    let unusable = ClientConfig { token: SecretString::from(format!("{TOKEN}\n")), ..config.clone() };
    let refused = Client::new(&unusable).unwrap_err();
    for text in [
        format!("{config:?} {fetcher:?}"),
        format!("{error} {error:?} {:?}", error.hint()),
        format!("{refused} {refused:?} {:?}", refused.hint()),
    ] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

/// Names the proxy's port to the child process of the next test.
const CHILD: &str = "RTK_EXPORT_TEST_PROXIED";

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how the test tells its own child from itself")]
async fn https_proxy_is_honoured() {
    if std::env::var_os(CHILD).is_some() {
        let base_url = Url::parse("https://api.example.invalid/client/v4").unwrap();
        let failed = fetcher(&ClientConfig { base_url, ..config(0) }).fetch(key()).await;
        assert!(matches!(failed, Err(Error::ApiUnreachable { .. })), "{failed:?}");
        return;
    }
    let (port, heads) = serve((0..9).map(|_| reply("502 Bad Gateway", b"")).collect()).await;
    // The proxy is read from the environment, so the client runs in a process of its own.
    let child = tokio::task::spawn_blocking(move || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fetch::tests::https_proxy_is_honoured"])
            .env(CHILD, "1")
            .env("HTTPS_PROXY", format!("http://127.0.0.1:{port}"))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
    });
    let output = child.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("CONNECT api.example.invalid:443 HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains(TOKEN));
}
