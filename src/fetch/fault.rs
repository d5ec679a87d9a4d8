//! Why no reply came: reqwest's errors, mapped once, by kind and never by text.
//!
//! In: a [`reqwest::Error`], or a timer of our own. Out: a [`Fault`] for `retry` to decide on.
//! Guarantees: no URL in the message, since the caller names the request.

use std::error::Error as _;
use std::fmt;
use std::io;

use reqwest::StatusCode;

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// No connection: refused, unreachable, no such host, a proxy that will not.
    Connect,
    /// A connection, but no TLS.
    Tls,
    /// Too slow: to connect, to reply, or between two pieces of the body.
    Timeout,
    /// The connection was closed or reset before the reply's head.
    Closed,
    /// The reply's body is shorter than promised, or does not decompress.
    BodyCut,
    /// Anything else, HTTP that is none included.
    Other,
}

/// A try without a whole reply.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// Status of the reply whose body was not to be had.
    pub(super) status: Option<StatusCode>,
    /// Header `cf-ray` of that reply.
    pub(super) cf_ray: Option<String>,
    cause: Option<reqwest::Error>,
}

impl FaultKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Connect => "no connection",
            Self::Tls => "no TLS connection",
            Self::Timeout => "no reply in time",
            Self::Closed => "the connection was closed before the reply",
            Self::BodyCut => "the body was cut short",
            Self::Other => "no valid HTTP",
        }
    }
}

impl Fault {
    /// One of our timers ran out.
    pub(super) fn timeout() -> Self {
        Self { kind: FaultKind::Timeout, status: None, cf_ray: None, cause: None }
    }

    /// The fault of a body whose head had come.
    pub(super) fn after_head(self, status: StatusCode, cf_ray: Option<String>) -> Self {
        Self { status: Some(status), cf_ray, ..self }
    }
}

impl From<reqwest::Error> for Fault {
    fn from(cause: reqwest::Error) -> Self {
        let cause = cause.without_url();
        Self { kind: kind(&cause), status: None, cf_ray: None, cause: Some(cause) }
    }
}

fn kind(error: &reqwest::Error) -> FaultKind {
    let causes = || std::iter::successors(error.source(), |cause| (*cause).source());
    let io_kind = causes().filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind);
    if error.is_timeout() || io_kind == Some(io::ErrorKind::TimedOut) {
        FaultKind::Timeout
    } else if error.is_connect() {
        // rustls reports a failed handshake as invalid data.
        if io_kind == Some(io::ErrorKind::InvalidData) { FaultKind::Tls } else { FaultKind::Connect }
    } else if error.is_body() || error.is_decode() {
        FaultKind::BodyCut
    } else {
        let closed = causes()
            .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
            .any(|cause| cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed());
        let reset = matches!(
            io_kind,
            Some(
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            )
        );
        if closed || reset { FaultKind::Closed } else { FaultKind::Other }
    }
}

impl fmt::Display for Fault {
    /// The kind, and the innermost cause: the layers between only repeat that a request failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        let first = self.cause.as_ref().map(|cause| cause as &dyn std::error::Error);
        match std::iter::successors(first, |cause| (*cause).source()).last() {
            Some(innermost) => write!(f, ": {innermost}"),
            None => Ok(()),
        }
    }
}
