//! What a holder writes into its lock, for others to read who it is: one line of JSON.
//!
//! In: the command. Out: the line, and a [`Holder`] for messages. Guarantees: two claims of two processes, and
//! two beats of one, are never the same bytes.
//! Not here: who has the lock: an operating system (`hold`) or a store (`dataset`) decides that.

use std::fs;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::error::Holder;
use crate::model::parse_time;

/// The version of the line's shape.
const FORMAT_VERSION: u32 = 1;

/// One process's hold, as its lock has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    format_version: u32,
    /// Of this hold alone.
    token: String,
    command: String,
    host: String,
    pid: u32,
    /// Which start of the machine it is.
    boot_id: String,
    since: String,
    /// Goes up while the process lives.
    beat: u64,
    /// Whether it was let go.
    released: bool,
}

impl Claim {
    /// A hold of this process that begins now.
    #[must_use]
    pub fn new(command: &str, now: DateTime<Utc>) -> Self {
        let mut random = [0; 16];
        random.fill_with(|| fastrand::u8(..));
        Self {
            format_version: FORMAT_VERSION,
            token: uuid::Builder::from_random_bytes(random).into_uuid().to_string(),
            command: command.to_owned(),
            host: host(),
            pid: std::process::id(),
            boot_id: clock::boot_id(),
            since: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            beat: 0,
            released: false,
        }
    }

    /// Reads a line; `None` where it is torn, or another version's.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|claim: &Self| claim.format_version == FORMAT_VERSION)
    }

    /// The line.
    #[must_use]
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("a struct of strings and numbers") + "\n"
    }

    /// The next sign of life.
    #[must_use]
    pub fn next_beat(&self) -> Self {
        Self { beat: self.beat + 1, ..self.clone() }
    }

    /// The end of the hold.
    #[must_use]
    pub fn end(&self) -> Self {
        Self { released: true, ..self.next_beat() }
    }

    /// Whether it was let go.
    #[must_use]
    pub const fn is_released(&self) -> bool {
        self.released
    }

    /// Whether it is the same hold, whatever the beat.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        self.token == other.token
    }

    /// Who it is, for messages.
    #[must_use]
    pub fn holder(&self, silent_for: Option<Duration>) -> Holder {
        Holder {
            command: self.command.clone(),
            host: self.host.clone(),
            pid: self.pid,
            since: parse_time(&self.since).unwrap_or_default(),
            silent_for,
        }
    }
}

/// The machine's name, where the system tells.
fn host() -> String {
    let read = |path| fs::read_to_string(path).ok().map(|name| name.trim().to_owned());
    let names = ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter().filter_map(read);
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "this machine".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_read_back_and_says_who_it_is() {
        let since = parse_time("2026-11-23T02:00:00Z").unwrap();
        let first = Claim::new("sync", since);
        assert_eq!(Claim::parse(first.line().as_bytes()), Some(first.clone()));
        let later = first.next_beat();
        assert_ne!(first.line(), later.line());
        assert!(first.is_of(&later) && !first.is_of(&Claim::new("sync", since)));
        assert!(first.end().is_released() && !later.is_released());
        let holder = Holder {
            host: "nightly-1".into(),
            pid: 4711,
            ..first.holder(Some(Duration::from_millis(4_900)))
        };
        assert_eq!(
            holder.to_string(),
            "pid 4711 on nightly-1 (sync), since 2026-11-23T02:00:00Z, last seen 4 s ago"
        );
        for torn in [&b""[..], b"{", b"null", &first.line().as_bytes()[..30]] {
            assert_eq!(Claim::parse(torn), None);
        }
        let newer = first.line().replace("\"format_version\":1", "\"format_version\":2");
        assert_eq!(Claim::parse(newer.as_bytes()), None);
    }
}
