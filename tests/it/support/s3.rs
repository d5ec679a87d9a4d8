//! An S3 server within the test process: `s3s` over a socket, on a directory, with faults.
//!
//! In: [`Fault`]s. Out: an endpoint, what was asked of it, and what is in its bucket.
//! Guarantees: signatures are checked; a put with a condition is decided and done as one, as S3 does and the
//! server by itself does not; every request is recorded, also one that a fault answers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::Rtk;

/// The only bucket.
pub(crate) const BUCKET: &str = "bucket";
const KEY_ID: &str = "AKIDOFTHETESTS";
const SECRET: &str = "SECRETOFTHETESTS";
/// S3 takes no smaller part but the last of an upload.
const SMALLEST_PART: u64 = 5 << 20;

/// What happens instead of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// An error of this status and code.
    Refuse(u16, &'static str),
    /// The connection ends without a reply.
    Reset,
    /// The reply, so much later.
    Slow(Duration),
    /// What was asked for is done, and then the connection ends.
    DoneThenReset,
    /// What was asked for is done, and then this status is the reply.
    DoneThen(u16),
    /// A put that is to create does so whatever is there.
    Unconditional,
}

/// Which requests meet what.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    method: &'static str,
    contains: String,
    skip: u64,
    times: u64,
    effect: Effect,
}

impl Fault {
    /// All requests of a method whose path and query contain a text.
    pub(crate) fn on(method: &'static str, contains: &str, effect: Effect) -> Self {
        Self { method, contains: contains.to_owned(), skip: 0, times: u64::MAX, effect }
    }

    /// Only the nth of them, counted from 1, and those after it.
    pub(crate) fn from(self, nth: u64) -> Self {
        Self { skip: nth - 1, ..self }
    }

    /// Only so many.
    pub(crate) fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    fn meets(&mut self, method: &str, path: &str) -> Option<Effect> {
        if self.method != method || !path.contains(&self.contains) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        Some(self.effect)
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Without the bucket; empty for a request to the bucket itself.
    pub(crate) key: String,
    pub(crate) query: String,
    pub(crate) bytes: u64,
    pub(crate) status: u16,
}

impl Asked {
    fn upload(&self) -> Option<&str> {
        let is_part = self.query.contains("partNumber=");
        self.query.split('&').find_map(|pair| pair.strip_prefix("uploadId=")).filter(|_| is_part)
    }
}

struct Shared {
    s3: S3Service,
    bucket: PathBuf,
    faults: Mutex<Vec<Fault>>,
    asked: Mutex<Vec<Asked>>,
    arrived: Mutex<Vec<(String, String)>>,
    /// Held to write by whoever writes an object.
    turn: RwLock<()>,
}

/// A running S3 server with one bucket.
pub(crate) struct S3 {
    root: TempDir,
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

impl S3 {
    pub(crate) fn start() -> Self {
        Self::with_faults(Vec::new())
    }

    pub(crate) fn with_faults(faults: Vec<Fault>) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let mut config = S3Config::default();
        // A test may run the exporter on another day.
        config.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        let shared = Arc::new(Shared {
            s3: builder.build(),
            bucket: root.path().join(BUCKET),
            faults: Mutex::new(faults),
            asked: Mutex::default(),
            arrived: Mutex::default(),
            turn: RwLock::default(),
        });
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, Arc::clone(&shared)));
        Self { root, address, shared, _runtime: runtime }
    }

    /// Other faults from now on.
    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        *self.shared.faults.lock().unwrap() = faults;
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables that lead here.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint()),
        ]
    }

    /// The values that no output may hold.
    pub(crate) fn secrets() -> [&'static str; 2] {
        [KEY_ID, SECRET]
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The methods and paths of all requests that came so far, answered or not.
    pub(crate) fn arrived(&self) -> Vec<(String, String)> {
        self.shared.arrived.lock().unwrap().clone()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        self.shared.asked.lock().unwrap().clear();
        self.shared.arrived.lock().unwrap().clear();
    }

    /// The bytes of an object.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        match fs::read(self.root.path().join(BUCKET).join(key)) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => panic!("{key}: {error}"),
        }
    }

    /// Puts an object there without asking the server.
    pub(crate) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root.path().join(BUCKET).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The names of all objects, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let bucket = self.root.path().join(BUCKET);
        let mut keys = Vec::new();
        walk(&bucket, &bucket, &mut keys);
        keys.sort();
        keys
    }

    /// The bucket's directory, to read it as a file tree.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }

    /// Uploads that were begun and neither completed nor given up.
    pub(crate) fn unfinished_uploads(&self) -> usize {
        let entries = fs::read_dir(self.root.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(".upload-")).count()
    }

    /// What stores hold everybody to: equal parts but the last, none too small; and what this tool promises: no
    /// request about the bucket itself.
    pub(crate) fn assert_polite(&self) {
        let asked = self.asked();
        let of_bucket: Vec<_> = asked.iter().filter(|asked| asked.key.is_empty()).collect();
        assert!(of_bucket.is_empty(), "{of_bucket:?}");
        let mut uploads: Vec<&str> = asked.iter().filter_map(Asked::upload).collect();
        uploads.sort_unstable();
        uploads.dedup();
        for upload in uploads {
            let parts = asked.iter().filter(|asked| asked.upload() == Some(upload) && asked.status < 300);
            // A part may be sent twice.
            let parts: BTreeMap<_, _> = parts.map(|part| (part.query.clone(), part.bytes)).collect();
            let mut sizes: Vec<_> = parts.into_values().collect();
            sizes.sort_unstable_by(|one, other| other.cmp(one));
            let Some((last, whole)) = sizes.split_last() else { continue };
            assert!(whole.iter().all(|size| size == &whole[0] && *size >= SMALLEST_PART), "{sizes:?}");
            assert!(whole.first().is_none_or(|size| last <= size), "{sizes:?}");
        }
    }
}

impl Rtk {
    /// With what leads to this server.
    pub(crate) fn storing_in(self, s3: &S3) -> Self {
        s3.variables().into_iter().fold(self, |rtk, (name, value)| rtk.env(name, &value))
    }
}

fn walk(root: &Path, dir: &Path, keys: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, keys);
        } else {
            keys.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // A client that goes away is no matter, nor is a reply that a fault keeps back.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The end of a connection.
type Reset = io::Error;

fn reset() -> Reset {
    io::ErrorKind::ConnectionReset.into()
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<s3s::Body>, Reset> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    // It comes whole before anything is decided: a refusal in between would be a broken connection.
    let bytes: Bytes = body.collect().await.map_err(|_| reset())?.to_bytes();
    shared.arrived.lock().unwrap().push((parts.method.to_string(), path.clone()));
    let (whole, query) = path.split_once('?').unwrap_or((&path, ""));
    let key = whole.trim_start_matches('/').strip_prefix(BUCKET).unwrap_or(whole).trim_matches('/');
    let mut asked = Asked {
        method: parts.method.to_string(),
        key: percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned(),
        query: query.to_owned(),
        bytes: bytes.len() as u64,
        status: 0,
    };
    let object = shared.bucket.join(&asked.key);
    let effect = {
        let mut faults = shared.faults.lock().unwrap();
        let met: Vec<_> = faults.iter_mut().filter_map(|fault| fault.meets(&asked.method, &path)).collect();
        met.into_iter().next()
    };
    let mut record = |status: u16| {
        asked.status = status;
        shared.asked.lock().unwrap().push(asked.clone());
    };
    match effect {
        Some(Effect::Refuse(status, code)) => {
            record(status);
            return Ok(refusal(status, code, &parts.method == "HEAD"));
        }
        Some(Effect::Reset) => {
            record(0);
            return Err(reset());
        }
        Some(Effect::Slow(long)) => tokio::time::sleep(long).await,
        Some(Effect::Unconditional | Effect::DoneThen(_) | Effect::DoneThenReset) | None => {}
    }
    let is_object = !asked_part(query);
    let is_write = matches!(parts.method.as_str(), "PUT" | "POST" | "DELETE");
    let request = Request::from_parts(parts, s3s::Body::from(bytes));
    let reply = if is_write && is_object {
        let _turn = shared.turn.write().await;
        if matches!(effect, Some(Effect::Unconditional)) {
            // The headers are signed: what they are about goes.
            let _ = fs::remove_file(&object);
        }
        shared.s3.call(request).await
    } else {
        let _turn = shared.turn.read().await;
        shared.s3.call(request).await
    };
    let reply = reply.map_err(|_| reset())?;
    record(reply.status().as_u16());
    match effect {
        Some(Effect::DoneThenReset) => Err(reset()),
        Some(Effect::DoneThen(status)) => Ok(refusal(status, "InternalError", false)),
        _ => Ok(reply),
    }
}

fn asked_part(query: &str) -> bool {
    query.contains("partNumber=")
}

/// A reply as S3 has it.
fn refusal(status: u16, code: &str, is_head: bool) -> Response<s3s::Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>"
    );
    let body = if is_head { s3s::Body::empty() } else { s3s::Body::from(body) };
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap();
    reply.headers_mut().insert("x-amz-request-id", "REQUEST7".parse().unwrap());
    reply
}
