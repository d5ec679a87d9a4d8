//! The one error of the library: what failed, on what, what to do next, and the exit code.
//!
//! A failing id is data (a row of `failures`); an [`Error`] ends the command. Its `Display` is one
//! line without its own cause; the cause is its `source`. Only `ui.rs` prints.

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::RequestKey;

/// The result of everything that can end the command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of ending an error is: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something broke; nothing was published.
    Failed,
    /// Usage, configuration, a list that is none, or an output that is finished or another's.
    Usage,
    /// 401 or 403: stopped at once, resumable.
    CredentialsRefused,
    /// The API is unreachable, or `--max-failures` was passed: stopped, resumable.
    Unreachable,
    /// Another process holds the output.
    Busy,
    /// Stopped by a signal with the log made durable: resumable.
    Interrupted(Signal),
}

/// The signals that stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A polite kill.
    Terminate,
}

impl Class {
    /// The exit code, as the contract has it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CredentialsRefused => 4,
            Self::Unreachable => 5,
            Self::Busy => 6,
            Self::Interrupted(Signal::Interrupt) => 130,
            Self::Interrupted(Signal::Terminate) => 143,
        }
    }
}

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- any stage ----
    /// The operating system refused something on a file or directory.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The verb: `read`, `create`, `sync`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    // ---- lists ----

    // ---- configuration ----

    // ---- fetch ----
    /// The base URL is none that requests can be put below.
    #[error("cannot send requests to {url}: it is no http or https address")]
    BaseUrl {
        /// As configured.
        url: String,
    },
    /// The token cannot be sent.
    #[error("the API token holds a character that no HTTP header can carry")]
    UnusableToken,
    /// TLS or the proxy settings are unusable.
    #[error("cannot set up HTTPS")]
    HttpClient {
        /// What the HTTP client said.
        source: reqwest::Error,
    },
    /// 401 or 403.
    #[error("the API refused {key}: {status} {message}{}", api_code.map(|code| format!(" (code {code})")).unwrap_or_default())]
    CredentialsRefused {
        /// What was asked for.
        key: RequestKey,
        /// The reply's status.
        status: u16,
        /// The API's own code.
        api_code: Option<i64>,
        /// The API's own words.
        message: String,
    },
    /// Cloudflare's edge does not let this client through.
    #[error("the edge of the API blocks this client: {status} with error {edge_code} for {key}")]
    ClientBlocked {
        /// What was asked for.
        key: RequestKey,
        /// The reply's status.
        status: u16,
        /// Code of the error page.
        edge_code: u16,
    },
    /// Connection errors, timeouts and 5xx in a row.
    #[error(
        "the API is unreachable: {failures} failures in a row since {}, the last for {key}: {last}",
        since.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    ApiUnreachable {
        /// Tries since the last good one.
        failures: u32,
        /// When the first of them was sent.
        since: DateTime<Utc>,
        /// What the last of them asked for.
        key: RequestKey,
        /// How the last of them ended.
        last: String,
    },
    // ---- response log ----

    // ---- tables, files, publishing ----

    // ---- rollups ----

    // ---- sandbox ----
}

impl Error {
    /// An I/O error on a path, with the verb that failed.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// What kind of ending this is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Io { .. } | Self::HttpClient { .. } => Class::Failed,
            Self::BaseUrl { .. } | Self::UnusableToken => Class::Usage,
            Self::CredentialsRefused { .. } | Self::ClientBlocked { .. } => Class::CredentialsRefused,
            Self::ApiUnreachable { .. } => Class::Unreachable,
        }
    }

    /// What to do next, as a command where possible.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, then run the same command again: what was fetched is kept".to_owned())
            }
            Self::Io { .. } => None,
            Self::BaseUrl { .. } => Some(
                "set --base-url or CLOUDFLARE_BASE_URL, as in https://api.cloudflare.com/client/v4"
                    .to_owned(),
            ),
            Self::UnusableToken => Some(
                "set CLOUDFLARE_API_TOKEN, or the file of --api-token-file, to the token alone".to_owned(),
            ),
            Self::HttpClient { .. } => Some("check HTTPS_PROXY and the system's certificates".to_owned()),
            Self::CredentialsRefused { .. } => Some(
                "check CLOUDFLARE_API_TOKEN, that it has the permission Realtime, and the account id; \
                 then run the same command again: it resumes"
                    .to_owned(),
            ),
            Self::ClientBlocked { edge_code, .. } => Some(format!(
                "ask whoever runs the network or the proxy, and Cloudflare, about error {edge_code}; \
                 then run the same command again: it resumes"
            )),
            Self::ApiUnreachable { .. } => Some(
                "check the network, HTTPS_PROXY and https://www.cloudflarestatus.com; \
                 then run the same command again: it resumes"
                    .to_owned(),
            ),
        }
    }
}
