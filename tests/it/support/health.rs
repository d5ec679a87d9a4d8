//! A health check within the test process: writes down what it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A listening health check; its thread ends with the process.
pub(crate) struct HealthCheck {
    address: SocketAddr,
    told: Arc<Mutex<Vec<(String, String)>>>,
    headers: Arc<Mutex<Vec<String>>>,
}

impl HealthCheck {
    /// One that answers everything with this status; with 0 it hangs up instead.
    pub(crate) fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let headers = Arc::new(Mutex::new(Vec::new()));
        let (writes, notes) = (Arc::clone(&told), Arc::clone(&headers));
        thread::spawn(move || {
            for connection in listener.incoming() {
                // A client that hangs up has told nothing.
                if let Some((heard, headers)) =
                    connection.ok().and_then(|connection| hear(connection, status))
                {
                    notes.lock().unwrap().extend(headers);
                    writes.lock().unwrap().push(heard);
                }
            }
        });
        Self { address, told, headers }
    }

    /// A URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Request lines and bodies so far.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        self.told.lock().unwrap().clone()
    }

    /// Headers so far, their names in lower case.
    pub(crate) fn headers(&self) -> Vec<String> {
        self.headers.lock().unwrap().clone()
    }

    /// Request lines so far, without the protocol.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.told().into_iter().map(|(line, _)| line).collect()
    }
}

/// Reads one request and answers it.
fn hear(connection: TcpStream, status: u16) -> Option<((String, String), Vec<String>)> {
    let mut reader = BufReader::new(connection);
    let (mut first, mut length, mut headers) = (String::new(), 0, Vec::new());
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        headers.push(format!("{}:{value}", name.to_lowercase()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if status > 0 {
        let answer = format!("HTTP/1.1 {status} Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
    }
    let line = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Some(((line, String::from_utf8_lossy(&body).into_owned()), headers))
}
