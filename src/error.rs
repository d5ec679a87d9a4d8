//! The one error of the library: what failed, on what, what to do next, and the exit code.
//!
//! A failing id is data (a row of `failures`); an [`Error`] ends the command. Its `Display` is one
//! line without its own cause; the cause is its `source`. Only `ui.rs` prints.

use std::io;
use std::path::PathBuf;

use crate::config::settings::{self, Setting};
use crate::config::{Origin, TokenFault};

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
    /// A list that cannot be opened, or not be read to its end.
    #[error("cannot read {list}")]
    ListUnreadable {
        /// The file as typed, or standard input.
        list: String,
        /// What the system or the decoder said.
        source: io::Error,
    },
    /// A list of no bytes, or of blanks only.
    #[error("{list} is empty: expected a header with a session_id column, or a session ID a line")]
    ListEmpty {
        /// The file as typed, or standard input.
        list: String,
    },
    /// A file that is no list at all.
    #[error("{list} is {found}: expected CSV, TSV, JSON lines, Parquet or an ID a line")]
    ListUnsupported {
        /// The file as typed, or standard input.
        list: String,
        /// What the file seems to be, with its article.
        found: &'static str,
        /// How to make a list of it.
        advice: &'static str,
    },
    /// A list of which no column holds session IDs.
    #[error("{list} has no column of session IDs: found {}, expected session_id", columns(found))]
    ListWithoutIds {
        /// The file as typed, or standard input.
        list: String,
        /// The columns, or cells of the first row, that are there.
        found: Vec<String>,
    },
    // ---- configuration ----
    /// Settings without a default that nobody set.
    #[error("missing or empty: {}", settings::listed(missing))]
    SettingsMissing {
        /// All of them.
        missing: Vec<&'static Setting>,
    },
    /// A value that is none of its kind.
    #[error("{origin}: {value:?} is not {expected}")]
    SettingMalformed {
        /// Where it was set.
        origin: Origin,
        /// As it was set.
        value: String,
        /// What would be right, with an example.
        expected: &'static str,
    },
    /// Two settings that exclude each other.
    #[error("{first} cannot go with {second}")]
    SettingsConflict {
        /// Where the one was set.
        first: Origin,
        /// Where the other was.
        second: Origin,
    },
    /// `--excel` with a format that is not CSV.
    #[error("{origin} is only for the csv format")]
    ExcelWithoutCsv {
        /// Where it was set.
        origin: Origin,
    },
    /// A base URL that would send the token unencrypted.
    #[error("{origin}: plain http would send the token in clear text to {host}")]
    ClearTextBaseUrl {
        /// Where it was set.
        origin: Origin,
        /// A host that is not this one.
        host: String,
    },
    /// An output or state directory that is a URL.
    #[error("{origin}: only directories of this machine are supported, not {scheme}://")]
    RemoteDirectory {
        /// Where it was set.
        origin: Origin,
        /// `s3`, `gs`, `az`, ...
        scheme: String,
    },
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    ConfigFileUnreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration file has a line that is not right.
    #[error("{}:{line}: {problem}", path.display())]
    ConfigFileMalformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The configuration file has a key that is no setting.
    #[error("{}:{line}: {key:?} is not a setting", path.display())]
    ConfigFileKey {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As written.
        key: String,
    },
    /// The file of `--api-token-file` cannot be read.
    #[error("cannot read the API token's file {}", path.display())]
    TokenFileUnreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What should be a token cannot be one.
    #[error("{origin}: this is not an API token")]
    TokenMalformed {
        /// Where it was set.
        origin: Origin,
        /// Why not; says nothing of its text.
        source: TokenFault,
    },
    /// `run` without a list.
    #[error("no ID list was given")]
    NoList,
    /// `-` among the lists more than once.
    #[error("- was given twice among the lists, but stdin can be read only once")]
    StdinTwice,

    // ---- face ----
    /// A result could not be written to stdout.
    #[error("cannot write to stdout")]
    Stdout {
        /// What the system said; a broken pipe is no failure.
        source: io::Error,
    },
    /// The runtime could not be started.
    #[error("cannot start the worker threads")]
    Runtime {
        /// What the system said.
        source: io::Error,
    },
    // ---- fetch ----

    // ---- response log ----
    /// Another process holds the output.
    #[error("another process is exporting to this output; it holds {}", path.display())]
    OutputBusy {
        /// The locked log.
        path: PathBuf,
    },
    /// The log's lines are not of the shape that this version reads.
    #[error("{} is not a response log that this version can read", path.display())]
    LogOfAnotherVersion {
        /// The log.
        path: PathBuf,
    },
    /// A block that was whole when the log was opened cannot be read.
    #[error("{} is damaged", path.display())]
    LogDamaged {
        /// The log.
        path: PathBuf,
    },
    // ---- tables, files, publishing ----

    // ---- rollups ----

    // ---- sandbox ----
    /// The sandbox was to listen where others could reach it.
    #[error("the sandbox does not listen on {host}, which is no loopback address")]
    SandboxNotLoopback {
        /// The address asked for.
        host: std::net::IpAddr,
    },
    /// The sandbox cannot listen.
    #[error("the sandbox cannot listen on {address}")]
    SandboxListen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A fault rule that is none.
    #[error("the sandbox does not understand the fault '{rule}': {problem}")]
    SandboxFault {
        /// The rule as typed.
        rule: String,
        /// Which part of it.
        problem: String,
    },
    /// A rate limit of the sandbox that is none.
    #[error("the sandbox does not understand the rate limit '{text}'")]
    SandboxRateLimit {
        /// The limit as typed.
        text: String,
    },
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
            Self::Io { .. }
            | Self::LogDamaged { .. }
            | Self::Stdout { .. }
            | Self::Runtime { .. }
            | Self::SandboxListen { .. } => Class::Failed,
            Self::OutputBusy { .. } => Class::Busy,
            Self::ListUnreadable { .. }
            | Self::ListEmpty { .. }
            | Self::ListUnsupported { .. }
            | Self::ListWithoutIds { .. }
            | Self::SettingsMissing { .. }
            | Self::SettingMalformed { .. }
            | Self::SettingsConflict { .. }
            | Self::ExcelWithoutCsv { .. }
            | Self::ClearTextBaseUrl { .. }
            | Self::RemoteDirectory { .. }
            | Self::ConfigFileUnreadable { .. }
            | Self::ConfigFileMalformed { .. }
            | Self::ConfigFileKey { .. }
            | Self::TokenFileUnreadable { .. }
            | Self::TokenMalformed { .. }
            | Self::NoList
            | Self::StdinTwice
            | Self::SandboxNotLoopback { .. }
            | Self::SandboxFault { .. }
            | Self::SandboxRateLimit { .. }
            | Self::LogOfAnotherVersion { .. } => Class::Usage,
        }
    }

    /// What to do next, as a command where possible.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SandboxNotLoopback { .. } => Some("leave --host out: it listens on 127.0.0.1".to_owned()),
            Self::SandboxListen { .. } => Some("choose another --port, or 0 for any free one".to_owned()),
            Self::SandboxFault { .. } => {
                Some("write it like 'every 10: 500', '7: reset' or 'match participants/: 503 x2'".to_owned())
            }
            Self::SandboxRateLimit { .. } => Some("write it like 1200/5m or 200/10s".to_owned()),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, then run the same command again: what was fetched is kept".to_owned())
            }
            Self::OutputBusy { .. } => {
                Some("wait for it to end, or export to another directory with --output".to_owned())
            }
            Self::LogOfAnotherVersion { .. } | Self::LogDamaged { .. } => {
                Some("run again with --refresh to start anew, or with the version that wrote it".to_owned())
            }
            Self::ListUnreadable { source, .. } => Some(unreadable_list_hint(source.kind()).to_owned()),
            Self::ListEmpty { .. } => Some(
                "check what writes the list; a header alone is a valid list without rows: \
                 session_id,participant_id"
                    .to_owned(),
            ),
            Self::ListUnsupported { advice, .. } => Some((*advice).to_owned()),
            Self::ListWithoutIds { .. } => Some(
                "name the column session_id (Session ID and sessionId do as well), and the participants' \
                 participant_id; without a header the first column of UUIDs is the session"
                    .to_owned(),
            ),
            Self::Io { .. } | Self::Stdout { .. } | Self::Runtime { .. } => None,
            Self::SettingsMissing { missing } if missing.contains(&&settings::OUTPUT) => {
                Some("say where the export goes: -o DIR".to_owned())
            }
            Self::SettingsMissing { .. } => Some(
                "set what is missing, or try it without an account: rtk-export run LIST -o DIR --sandbox"
                    .to_owned(),
            ),
            Self::SettingMalformed { origin, .. }
            | Self::RemoteDirectory { origin, .. }
            | Self::ClearTextBaseUrl { origin, .. } => origin.remedy(),
            Self::SettingsConflict { second, .. } => Some(format!("leave {second} out")),
            Self::ExcelWithoutCsv { .. } => Some("add --format csv".to_owned()),
            Self::ConfigFileUnreadable { .. } => Some(format!(
                "give the right file with --config or {}, or leave both out",
                settings::CONFIG_VARIABLE
            )),
            Self::ConfigFileMalformed { .. } => {
                Some("write it as key = value, for example rate = \"1200/5m\"".to_owned())
            }
            Self::ConfigFileKey { .. } => Some(
                "the keys are the names of the flags: rtk-export run --help; a token is never one".to_owned(),
            ),
            Self::TokenFileUnreadable { .. } => Some(format!(
                "give a readable file with --api-token-file, or the token itself in {}",
                settings::API_TOKEN_VARIABLE
            )),
            Self::TokenMalformed { .. } => {
                Some("the token is one word, as Cloudflare showed it when it was made".to_owned())
            }
            Self::NoList => Some(
                "give files of session and participant ids: rtk-export run LIST -o DIR (- for stdin)"
                    .to_owned(),
            ),
            Self::StdinTwice => Some("leave one of the two out".to_owned()),
        }
    }
}

/// What to do about a list that cannot be read.
const fn unreadable_list_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "check the path; - reads the list from standard input",
        io::ErrorKind::PermissionDenied => {
            "let this user read the file, or pipe it in and give - as the list"
        }
        io::ErrorKind::StorageFull => {
            "free some space for temporary files, or give the Parquet file by its path"
        }
        io::ErrorKind::IsADirectory => "name the files in it: DIR/*.csv",
        _ => "the file seems damaged or cut short; make it again",
    }
}

/// Names columns in a message: quoted, the first few of many.
fn columns(found: &[String]) -> String {
    const SHOWN: usize = 8;
    if found.is_empty() {
        return "no columns".to_owned();
    }
    let shown: Vec<_> = found.iter().take(SHOWN).map(|name| format!("{:?}", excerpt(name))).collect();
    let more = if found.len() > SHOWN { format!(" and {} more", found.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The start of a text that may be long.
fn excerpt(text: &str) -> &str {
    const CHARS: usize = 40;
    text.char_indices().nth(CHARS).map_or(text, |(end, _)| &text[..end])
}
