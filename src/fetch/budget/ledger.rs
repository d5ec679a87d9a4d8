//! What all processes that share a token have spent of its windows, and what each holds.
//!
//! In: what a process sent since it last asked, and how much it wants. Out: leave for a few requests.
//! Guarantees: in no window are more requests leased, under way or replied than its limit, whatever
//! happens to a process between two calls: what it held counts as spent. The time of day may jump:
//! within one start of the machine it is not looked at. A ledger that cannot be read blocks for a window
//! after what may be under way, and not longer.
//! Not here: files and locks (`file`); times are nanoseconds since the machine started.

mod file;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(in crate::fetch) use file::LedgerFile;

use super::less_reserve;
use super::window::{Window, nanos};

/// How long a process may use what it was given.
pub(super) const HELD: Duration = Duration::from_secs(1);
/// The clock counts hundredths of a second: what happened is written down as this much later.
const LATE: Duration = Duration::from_millis(10);
/// By so much a clock may be late against the one that wrote the ledger.
const SKEW: Duration = Duration::from_secs(2);
/// Until a process that holds all the rest gives some back, others look this often.
const LOOK: Duration = Duration::from_millis(100);
/// Requests leased at most: ten times what a second can bring.
const MOST_AT_ONCE: u64 = 1 << 20;
/// Windows kept at most: one of a process, and those of its server's policies.
const WINDOWS: usize = 9;

/// When something is asked of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// Which start of the machine.
    pub(super) boot: String,
    pub(super) since_boot_ns: u64,
    /// The time of day: looked at only where the start is another.
    pub(super) wall_ns: u64,
}

/// One limit of a process: so many requests in any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) length_ns: u64,
    /// The reserve taken off.
    pub(super) requests: u64,
    /// The quota itself, where the server told it.
    pub(super) told: Option<u64>,
}

/// What a process says of itself, and wants.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// The process.
    pub(super) holder: u64,
    pub(super) limits: Vec<Limit>,
    pub(super) reserve_percent: u8,
    /// For how long at most a request occupies the window before its reply.
    pub(super) longest_request: Duration,
    /// Requests sent and not replied.
    pub(super) under_way: u64,
    /// Requests replied since it last asked ...
    pub(super) ended: u64,
    /// ... and how long ago the last of them was.
    pub(super) ended_ago_ns: u64,
    /// Requests it wants to send.
    pub(super) wanted: u64,
    /// For how long the server lets nobody in, as far as it was told.
    pub(super) blocked_for: Duration,
}

/// What a process gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leased {
    /// So many requests may be sent within [`HELD`].
    Granted(u64),
    /// None before this time has passed.
    After(Duration),
    /// None before this time has passed: the server lets nobody in, as it told a process.
    Blocked(Duration),
}

/// The state of the windows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    written: Moment,
    /// What was sent before this is not known: it may have been everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_before_ns: Option<u64>,
    /// Until when the server lets nobody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked_until_ns: Option<u64>,
    windows: Vec<Spent>,
    holders: Vec<Holder>,
}

/// One window's replied requests.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Spent {
    /// The quota, where a server told it to any process.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<u64>,
    #[serde(flatten)]
    window: Window,
}

/// A process and the requests that may be under way from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Holder {
    id: u64,
    requests: u32,
    /// By then they have all ended, whatever became of the process.
    ended_ns: u64,
}

impl Ledger {
    /// A ledger of which nothing is known but that it was written before now: what was leased may be
    /// under way for so long.
    pub(super) fn unknown(now: &Moment, longest_request: Duration) -> Self {
        let ended_ns = now.since_boot_ns.saturating_add(lasting_ns(longest_request));
        Self { unknown_before_ns: Some(ended_ns), ..Self::default() }
    }

    /// Settles what a process sent, and leases what there is, up to what it wants.
    pub(super) fn lease(&mut self, ask: &Ask, now: &Moment) -> Leased {
        let now_ns = self.arrive(ask, now);
        self.settle(ask, now_ns);
        let limits = self.limits(ask, now_ns);
        if let Some(until_ns) = self.blocked_until_ns {
            return Leased::Blocked(Duration::from_nanos(until_ns - now_ns));
        }
        let held = self.holders.iter().fold(0_u64, |held, holder| held + u64::from(holder.requests));
        let mut room = ask.wanted.min(MOST_AT_ONCE);
        let mut wait_ns = 0;
        for (length_ns, requests) in limits {
            let unknown_until_ns = self.unknown_before_ns.map_or(0, |at_ns| at_ns.saturating_add(length_ns));
            if unknown_until_ns > now_ns {
                (room, wait_ns) = (0, wait_ns.max(unknown_until_ns - now_ns));
                continue;
            }
            let Some(spent) = self.windows.iter_mut().find(|spent| spent.window.length_ns() == length_ns)
            else {
                // There are too many windows to keep; some are soon forgotten.
                (room, wait_ns) = (0, wait_ns.max(nanos(LOOK)));
                continue;
            };
            let free = requests.saturating_sub(spent.window.counted(now_ns).saturating_add(held));
            if free == 0 {
                let next_ns = spent.window.next_expiry_ns().unwrap_or_else(|| now_ns + nanos(LOOK));
                wait_ns = wait_ns.max(next_ns.saturating_sub(now_ns));
            }
            room = room.min(free);
        }
        if room == 0 {
            return Leased::After(Duration::from_nanos(wait_ns).max(LATE));
        }
        if let Some(holder) = self.holders.iter_mut().find(|holder| holder.id == ask.holder) {
            holder.requests = holder.requests.saturating_add(u32::try_from(room).unwrap_or(u32::MAX));
            holder.ended_ns = now_ns.saturating_add(lasting_ns(ask.longest_request));
        }
        Leased::Granted(room)
    }

    /// Settles what a process sent; what it did not send goes back.
    pub(super) fn give_back(&mut self, ask: &Ask, now: &Moment) {
        let now_ns = self.arrive(ask, now);
        self.settle(ask, now_ns);
        self.holders.retain(|holder| holder.id != ask.holder || holder.requests > 0);
        self.limits(ask, now_ns);
    }

    /// Brings the ledger to now: processes not heard of in time are taken for dead.
    fn arrive(&mut self, ask: &Ask, now: &Moment) -> u64 {
        let (boot, written_ns) = (&self.written.boot, self.written.since_boot_ns);
        let is_new = self.written == Moment::default();
        let mut now_ns = now.since_boot_ns;
        if !is_new && *boot != now.boot {
            // Another start, or another machine. Since this one started is surely long enough ago for the
            // first, and the time of day tells for the second: the shorter of both is on the safe side.
            let age_ns = now.wall_ns.saturating_sub(self.written.wall_ns).min(now_ns);
            *self = Self { unknown_before_ns: Some(now_ns - age_ns), ..Self::default() };
        } else if written_ns > now_ns.saturating_add(nanos(SKEW)) {
            *self = Self::unknown(now, ask.longest_request);
        } else {
            now_ns = now_ns.max(written_ns);
        }
        self.written = Moment { since_boot_ns: now_ns, ..now.clone() };
        let (dead, alive) = self.holders.drain(..).partition(|holder: &Holder| holder.ended_ns <= now_ns);
        self.holders = alive;
        for holder in dead {
            self.count(u64::from(holder.requests), holder.ended_ns);
        }
        let blocked_until_ns = now_ns.saturating_add(nanos(ask.blocked_for));
        self.blocked_until_ns =
            self.blocked_until_ns.max(Some(blocked_until_ns)).filter(|&until_ns| until_ns > now_ns);
        now_ns
    }

    fn count(&mut self, requests: u64, at_ns: u64) {
        if requests > 0 {
            for spent in &mut self.windows {
                spent.window.add(requests, at_ns);
            }
        }
    }

    /// What the process sent counts from its replies on.
    fn settle(&mut self, ask: &Ask, now_ns: u64) {
        for limit in &ask.limits {
            self.know(limit, now_ns);
        }
        let under_way = u32::try_from(ask.under_way).unwrap_or(u32::MAX);
        if let Some(holder) = self.holders.iter_mut().find(|holder| holder.id == ask.holder) {
            holder.requests = under_way;
            let at_ns = now_ns.saturating_add(nanos(LATE)).saturating_sub(ask.ended_ago_ns);
            self.count(ask.ended, at_ns);
        } else {
            // New; or taken for dead, and then all that it held was counted.
            let ended_ns = now_ns.saturating_add(nanos(ask.longest_request));
            self.holders.push(Holder { id: ask.holder, requests: under_way, ended_ns });
        }
    }

    /// Keeps a window for a limit from now on.
    fn know(&mut self, limit: &Limit, now_ns: u64) {
        if let Some(spent) = self.windows.iter_mut().find(|spent| spent.window.length_ns() == limit.length_ns)
        {
            spent.told = limit.told.or(spent.told);
        } else if self.windows.len() < WINDOWS {
            let length = Duration::from_nanos(limit.length_ns);
            let known = self.windows.iter().map(|spent| &spent.window);
            let window = Window::with_history(length, known, 0, now_ns);
            self.windows.push(Spent { told: limit.told, window });
        }
    }

    /// The limits for a process: its own, and until the server told it any, those it told others. Windows
    /// of which neither is left are forgotten once nothing counts in them.
    fn limits(&mut self, ask: &Ask, now_ns: u64) -> Vec<(u64, u64)> {
        let mut limits: Vec<_> = ask.limits.iter().map(|limit| (limit.length_ns, limit.requests)).collect();
        let own = |length_ns| ask.limits.iter().any(|limit| limit.length_ns == length_ns);
        self.windows.retain_mut(|spent| own(spent.window.length_ns()) || spent.window.counted(now_ns) > 0);
        if ask.limits.iter().all(|limit| limit.told.is_none()) {
            let told = self.windows.iter().filter_map(|spent| Some((spent.window.length_ns(), spent.told?)));
            limits
                .extend(told.map(|(length_ns, quota)| (length_ns, less_reserve(quota, ask.reserve_percent))));
        }
        limits
    }
}

/// How long what is leased now may be used and replied.
fn lasting_ns(longest_request: Duration) -> u64 {
    nanos(LATE + HELD).saturating_add(nanos(longest_request))
}

#[cfg(test)]
mod tests;
