//! A gate before a sandbox: a request goes through while a condition holds, and else waits for it.
//!
//! In: the condition. Out: the address in the sandbox's place, and how many requests wait.
//! Guarantees: nothing of a request that waits reaches the sandbox, nor does one whose sender has gone meanwhile;
//! replies never wait. Threads end with their connections, the one that listens with the process.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Rtk, Server};

/// How often a waiting request looks again.
const LOOK: Duration = Duration::from_millis(1);

type Condition = Arc<dyn Fn() -> bool + Send + Sync>;

struct Shared {
    sandbox: String,
    opens: Mutex<Condition>,
    waiting: AtomicUsize,
}

/// A gate, open at first.
pub(crate) struct Gate {
    url: String,
    shared: Arc<Shared>,
}

impl Gate {
    /// One before this sandbox.
    pub(crate) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let url = server.base_url();
        let sandbox = url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let url = url.replace(&sandbox, &address.to_string());
        let shared = Arc::new(Shared {
            sandbox,
            opens: Mutex::new(Arc::new(|| true)),
            waiting: AtomicUsize::default(),
        });
        let gate = Self { url, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A connection that breaks is the exporter's to see.
                thread::spawn(move || drop(shared.join(client)));
            }
        });
        gate
    }

    /// Open while something holds.
    pub(crate) fn opens_while(&self, holds: impl Fn() -> bool + Send + Sync + 'static) {
        *self.shared.opens.lock().unwrap() = Arc::new(holds);
    }

    /// Lets so many more requests through, and then none.
    pub(crate) fn lets(&self, requests: usize) {
        let left = AtomicUsize::new(requests);
        self.opens_while(move || {
            left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
        });
    }

    pub(crate) fn open(&self) {
        self.opens_while(|| true);
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Acquire)
    }
}

impl Shared {
    fn is_open(&self) -> bool {
        let opens = Arc::clone(&self.opens.lock().unwrap());
        opens()
    }

    /// Passes on what each side sends, until one of them ends.
    fn join(&self, mut client: TcpStream) -> io::Result<()> {
        let mut sandbox = TcpStream::connect(&self.sandbox)?;
        let (mut replies, mut back) = (sandbox.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut replies, &mut back);
            let _ = back.shutdown(Shutdown::Both);
        });
        let mut bytes = vec![0; 64 << 10];
        loop {
            client.set_read_timeout(None)?;
            let length = match client.read(&mut bytes) {
                Ok(length) if length > 0 && self.has_passed(&client)? => length,
                _ => break,
            };
            sandbox.write_all(&bytes[..length])?;
        }
        sandbox.shutdown(Shutdown::Both)
    }

    /// Waits until the gate is open; whether the client is still there then.
    fn has_passed(&self, client: &TcpStream) -> io::Result<bool> {
        if self.is_open() {
            return Ok(true);
        }
        client.set_read_timeout(Some(LOOK))?;
        let _waits = Waits::begin(&self.waiting);
        loop {
            match client.peek(&mut [0]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(more) if more > 0 => thread::sleep(LOOK),
                _ => return Ok(false),
            }
            if self.is_open() {
                return Ok(true);
            }
        }
    }
}

/// Counted as long as it waits.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Rtk {
    /// To the sandbox behind a gate.
    pub(crate) fn through(self, gate: &Gate) -> Self {
        self.env("CLOUDFLARE_BASE_URL", &gate.url)
    }
}
