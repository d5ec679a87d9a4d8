//! How requests to a store go out, and what is noted of the replies.
//!
//! In: `object_store`'s requests. Out: its replies, byte for byte, and a [`Note`] of the last of them.
//! Guarantees: the code and the request id of a refusal are known, which the crate's errors have as text only; the
//! time by the server's clock too; whoever is asked for an instance's credentials has two seconds, twice; no
//! redirect is followed; a note is of the operation in which the request was sent, whatever else goes on.
//! Not here: signing, retrying (`object_store`), what a refusal means (`refusal`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use reqwest::header::{DATE, HeaderMap};

/// To a store that is there, a connection is made in less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For a reply's head, the sending of up to 8 MiB included, and then between two pieces of its body: half a
/// megabit a second is enough.
const READ_TIMEOUT: Duration = Duration::from_mins(2);
/// An instance answers within milliseconds; elsewhere nobody does.
const INSTANCE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often an instance is asked.
const INSTANCE_TRIES: u32 = 2;
/// Of a reply that is no success this much is read: more than any store's error has.
const ERROR_BODY: usize = 64 << 10;
/// Of one that answers for a thousand objects.
const BULK_BODY: usize = 4 << 20;
/// Longer than any code or id of a store.
const LONGEST_WORD: usize = 128;

/// What is known of the last reply to an operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Note {
    /// Its status, where one came.
    pub(super) status: Option<u16>,
    /// The store's own code.
    pub(super) code: Option<String>,
    /// The store's own name for the request.
    pub(super) request_id: Option<String>,
    /// Whether it was an instance that was asked for credentials, in vain.
    pub(super) no_instance: bool,
}

tokio::task_local! {
    /// The note of the operation that is being done.
    static NOTE: Arc<Mutex<Note>>;
}

/// Does something, and tells what was noted of it.
pub(super) async fn noted<T>(work: impl Future<Output = T>) -> (T, Note) {
    let note = Arc::new(Mutex::new(Note::default()));
    let result = NOTE.scope(Arc::clone(&note), work).await;
    let note = note.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (result, note)
}

/// Notes something; without an operation, nothing.
fn note(change: impl FnOnce(&mut Note)) {
    let _ = NOTE.try_with(|note| change(&mut note.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// The store's time, as of its last reply.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<DateTime<Utc>>>>);

impl ServerClock {
    pub(super) fn now(&self) -> Option<DateTime<Utc>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.into());
        }
    }
}

/// Makes the client that a store's requests go through.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    /// What it hears of the time.
    pub(super) clock: ServerClock,
    /// Whether the store is on this machine, which no proxy could reach.
    pub(super) loopback: bool,
}

/// The options of a store's client, which the crate hands to [`Connector`], changed for whoever else is asked.
pub(super) fn options() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT)
}

impl HttpConnector for Connector {
    fn connect(&self, asked: &ClientOptions) -> object_store::Result<HttpClient> {
        let value = |key| asked.get_config_value(&key);
        // Only for instances does the crate want a connection sooner.
        let is_instance = value(ClientConfigKey::ConnectTimeout)
            != options().get_config_value(&ClientConfigKey::ConnectTimeout);
        let allows_http = value(ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let mut http = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!allows_http)
            .http1_only()
            // Sizes and ranges are of the bytes as they are kept.
            .no_gzip()
            .no_brotli();
        if self.loopback || is_instance {
            http = http.no_proxy();
        }
        http = if is_instance {
            http.connect_timeout(INSTANCE_TIMEOUT).timeout(INSTANCE_TIMEOUT)
        } else {
            http.connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT)
        };
        let failed = |error| object_store::Error::Generic { store: "HTTP client", source: Box::new(error) };
        let http = http.build().map_err(failed)?;
        Ok(if is_instance {
            HttpClient::new(Instance { http })
        } else {
            HttpClient::new(Wire { http, clock: self.clock.clone() })
        })
    }
}

/// Sends a store's requests.
#[derive(Debug)]
struct Wire {
    http: reqwest::Client,
    clock: ServerClock,
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // One reply for many objects is a success also where it refuses some.
        let is_bulk = request.method().as_str() == "POST" && request.uri().query().is_some_and(is_delete);
        let reply = match HttpService::call(&self.http, request).await {
            Ok(reply) => reply,
            Err(error) => {
                note(|note| *note = Note::default());
                return Err(error);
            }
        };
        self.clock.hear(reply.headers());
        let status = reply.status();
        let is_success = status.is_success();
        if is_success && !is_bulk {
            note(|note| *note = Note { status: Some(status.as_u16()), ..Note::default() });
            return Ok(reply);
        }
        let (parts, body) = reply.into_parts();
        let body = beginning(body, if is_bulk { BULK_BODY } else { ERROR_BODY }).await?;
        let code = header(&parts.headers, &["x-ms-error-code"]).or_else(|| code(&body));
        let request_id = header(
            &parts.headers,
            &["x-amz-request-id", "x-ms-request-id", "x-guploader-uploadid", "cf-ray"],
        );
        note(|note| {
            *note = Note { status: Some(status.as_u16()), code, request_id, no_instance: false };
        });
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body)))
    }
}

fn is_delete(query: &str) -> bool {
    query.split('&').any(|pair| pair == "delete" || pair.starts_with("delete="))
}

/// Asks an instance for its credentials: twice, and then never again in this operation.
#[derive(Debug)]
struct Instance {
    http: reqwest::Client,
}

#[async_trait]
impl HttpService for Instance {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        for _ in 1..INSTANCE_TRIES {
            if let Ok(reply) = HttpService::call(&self.http, request.clone()).await {
                return Ok(answered(reply));
            }
        }
        match HttpService::call(&self.http, request).await {
            Ok(reply) => Ok(answered(reply)),
            Err(error) => {
                note(|note| note.no_instance = true);
                // Of this kind the crate sends nothing again.
                Err(HttpError::new(HttpErrorKind::Unknown, error))
            }
        }
    }
}

/// An instance that answers need not have credentials.
fn answered(reply: HttpResponse) -> HttpResponse {
    note(|note| note.no_instance = !reply.status().is_success());
    reply
}

/// The first bytes of a body.
async fn beginning(body: HttpResponseBody, most: usize) -> Result<Bytes, HttpError> {
    let mut pieces = body.bytes_stream();
    let mut bytes = BytesMut::new();
    while bytes.len() < most
        && let Some(piece) = pieces.next().await
    {
        bytes.extend_from_slice(&piece?);
    }
    bytes.truncate(most);
    Ok(bytes.freeze())
}

/// The first of some headers that is there, as a word.
fn header(headers: &HeaderMap, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| word(headers.get(*name)?.to_str().ok()?))
}

/// The code in an error's body: XML as S3, Google and Azure write it, JSON as those who give tokens do.
fn code(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if let Some((_, rest)) = text.split_once("<Code>") {
        return word(rest.split_once("</Code>")?.0);
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).ok()?;
    word(object.get("error")?.as_str()?)
}

/// A text that is one word of a store's own, fit for a message.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=LONGEST_WORD).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_errors() {
        let s3 = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        assert_eq!(code(s3.as_bytes()).as_deref(), Some("AccessDenied"));
        assert_eq!(code(b"{\"error\": \"invalid_grant\"}").as_deref(), Some("invalid_grant"));
        for none in [
            &b""[..],
            b"<html>",
            b"<Code>",
            b"<Code></Code>",
            b"<Code>two words</Code>",
            b"{\"error\": {}}",
            b"[1]",
            b"\xff\xfe",
        ] {
            assert_eq!(code(none), None);
        }
    }

    #[test]
    fn only_a_bulk_delete_is_one() {
        assert!(is_delete("delete") && is_delete("delete=") && is_delete("a=b&delete"));
        assert!(!is_delete("uploads") && !is_delete("deleted=1"));
    }
}
