//! What an export will hold and how long it will take, as far as that can be told before.
//!
//! In: requests and rows to expect, what a count saw. Out: seconds, events, bytes.
//! Not here: which requests (`forecast`).

use std::time::Duration;

use super::bounds::Bounds;
use super::census::Usage;

/// Events of a participant, where none were seen: created, joining, leaving.
const EVENTS: u64 = 3;

/// Bytes for each participant and for each of its events. Measured on an export of 10,000 participants of
/// the sandbox with 32,512 events; names and ids of other lengths change them by some tens of percent.
struct PerRecord {
    participant: u64,
    event: u64,
}

/// JSON on the wire, unpacked.
const REPLY: PerRecord = PerRecord { participant: 400, event: 427 };
/// Parquet tables and rollups.
const PARQUET: PerRecord = PerRecord { participant: 140, event: 60 };
/// CSV tables and rollups.
const CSV: PerRecord = PerRecord { participant: 565, event: 382 };
/// The response log.
const LOG: PerRecord = PerRecord { participant: 60, event: 60 };

/// What an export will hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Rows of `peer_events`.
    pub peer_events: Bounds,
    /// Bytes of the replies, unpacked.
    pub reply_bytes: Bounds,
    /// Bytes of the export as Parquet.
    pub parquet_bytes: Bounds,
    /// Bytes of the export as CSV.
    pub csv_bytes: Bounds,
    /// Bytes of the response log.
    pub log_bytes: Bounds,
}

impl Estimate {
    /// Of so many participants, like those that a count saw; without events where none are asked for.
    #[must_use]
    pub fn of(participants: Bounds, seen: &Usage, with_events: bool) -> Self {
        let events = |participants: u64| match seen {
            _ if !with_events => 0,
            Usage { with_events: 0, .. } => participants.saturating_mul(EVENTS),
            seen => scaled(participants, seen.events, seen.with_events),
        };
        let bytes = |of: PerRecord| {
            participants.map(move |count| {
                let events = events(count).saturating_mul(of.event);
                count.saturating_mul(of.participant).saturating_add(events)
            })
        };
        let reply_bytes = match seen.participants {
            0 => bytes(REPLY),
            // A record and what parts it from the next.
            some => participants.map(|count| scaled(count, seen.bytes + some, some)),
        };
        Self {
            peer_events: participants.map(events),
            reply_bytes,
            parquet_bytes: bytes(PARQUET),
            csv_bytes: bytes(CSV),
            log_bytes: bytes(LOG),
        }
    }
}

impl Estimate {
    /// The same with more bytes of unknown number: call statistics.
    #[must_use]
    pub fn at_least(self) -> Self {
        let more = |bytes: Bounds| Bounds::at_least(bytes.min);
        let Self { peer_events, reply_bytes, parquet_bytes, csv_bytes, log_bytes } = self;
        Self {
            peer_events,
            reply_bytes: more(reply_bytes),
            parquet_bytes: more(parquet_bytes),
            csv_bytes: more(csv_bytes),
            log_bytes: more(log_bytes),
        }
    }
}

/// The seconds that so many requests take at an even pace of so many in a window.
#[must_use]
pub fn seconds(requests: u64, allowed: u64, window: Duration) -> u64 {
    let nanos = u128::from(requests).saturating_mul(window.as_nanos()) / u128::from(allowed.max(1));
    u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
}

/// A count times a ratio, rounded up.
fn scaled(count: u64, numerator: u64, denominator: u64) -> u64 {
    let scaled = (u128::from(count) * u128::from(numerator)).div_ceil(u128::from(denominator.max(1)));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_take_their_share_of_the_window() {
        let five_minutes = Duration::from_mins(5);
        assert_eq!(seconds(1080, 1080, five_minutes), 300);
        assert_eq!(seconds(100_000, 1080, five_minutes), 27_778);
        assert_eq!(seconds(1, 1080, five_minutes), 1);
        assert_eq!(seconds(0, 1080, five_minutes), 0);
        assert_eq!(seconds(u64::MAX, 1, Duration::MAX), u64::MAX);
    }

    #[test]
    fn what_was_seen_decides_and_else_the_usual() {
        let unseen = Estimate::of(Bounds::at_least(100), &Usage::default(), true);
        assert_eq!(unseen.peer_events, Bounds::at_least(300));
        assert_eq!(unseen.reply_bytes, Bounds::at_least(100 * (400 + 3 * 427)));
        let seen = Usage { participants: 4, bytes: 4_000, with_events: 2, events: 10, ..Usage::default() };
        let told = Estimate::of(Bounds::exactly(100), &seen, true);
        assert_eq!(told.peer_events, Bounds::exactly(500));
        assert_eq!(told.reply_bytes, Bounds::exactly(100_100));
        assert_eq!(told.parquet_bytes, Bounds::exactly(100 * 140 + 500 * 60));
        let without = Estimate::of(Bounds::exactly(100), &Usage::default(), false);
        assert_eq!((without.peer_events, without.csv_bytes), (Bounds::ZERO, Bounds::exactly(56_500)));
    }
}
