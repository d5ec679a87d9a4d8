//! Who holds what a command wants, as a message tells it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// A process that holds an output or a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The command that it runs.
    pub command: String,
    /// The machine that it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Since when it holds it.
    pub since: DateTime<Utc>,
    /// How long ago it was last seen to be alive.
    pub silent_for: Option<Duration>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, host, pid, since, silent_for } = self;
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(f, "pid {pid} on {host} ({command}), since {since}")?;
        match silent_for {
            Some(silent_for) => write!(f, ", last seen {} s ago", silent_for.as_secs()),
            None => Ok(()),
        }
    }
}

/// The end of a message on something that is held.
pub(super) fn told(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(": {holder}")).unwrap_or_default()
}
