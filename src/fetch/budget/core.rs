//! The gate's decisions, without a clock of their own.
//!
//! In: the time, and what happens: a request wants to go, a reply came with these headers, a 429.
//! Out: go, or until when to wait.
//! Guarantees: in no window of a policy's length are more than its quota less the reserve under way or
//! replied; what the server says is left is never exceeded either; until the first reply, and again
//! after a pause, one request at a time. Time that goes back counts as standing still.
//! Not here: tasks, sleeping, the display (`budget`).

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::ledger::{Ask, Leased, Limit};
use super::pace::Pace;
use super::permits::Permits;
use super::policy::{self, Policy};
use super::remaining::{Known, POLICIES, Remaining, SPREAD, Telling};
use super::window::{Window, nanos};
use super::{BudgetConfig, QuotaUse};

/// How long a 429 closes the gate where the server does not say: the API's own block (API page,
/// section 0).
const BLOCK: Duration = Duration::from_mins(5);

/// What came of asking to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Go(Sent),
    /// Not before this time.
    At(u64),
    /// Not before a reply.
    AfterReply,
    /// Not before the ledger was asked.
    Lease,
}

/// What is remembered of a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    at_ns: u64,
    /// Requests that had ended before it was sent: the server has surely counted these.
    ended_before: u64,
}

/// One limit: so many requests in any window of this length.
#[derive(Debug)]
struct Rule {
    /// `None`: our own `--rate`.
    name: Option<String>,
    quota: u64,
    window: Window,
}

#[derive(Debug)]
struct Pause {
    since_ns: u64,
    until_ns: u64,
    /// Pauses in a row with no success between.
    in_row: u32,
}

#[derive(Debug)]
pub(super) struct Core {
    config: BudgetConfig,
    /// Never empty.
    rules: Vec<Rule>,
    pace: Pace,
    remaining: Remaining,
    pause: Option<Pause>,
    /// What the ledger gave, where there is one.
    permits: Option<Permits>,
    /// Whether a reply has come since the start or the last pause.
    proven: bool,
    /// Whether the credentials were refused: the run is about to end, and nothing more goes.
    refused: bool,
    now_ns: u64,
    last_sent_ns: u64,
    under_way: u64,
    ended: u64,
    /// The last `Ratelimit-Policy` as sent, to be parsed once.
    policy_field: Vec<u8>,
}

impl Core {
    /// A core; one that leases where it is one of several that share a ledger.
    pub(super) fn new(config: BudgetConfig, leasing: bool) -> Self {
        let own = Rule { name: None, quota: config.requests.max(1), window: Window::new(config.window) };
        let pace = Pace::new(config.less_reserve(own.quota), config.window, 0);
        Self {
            config,
            rules: vec![own],
            pace,
            remaining: Remaining::default(),
            pause: None,
            permits: leasing.then(Permits::default),
            proven: false,
            refused: false,
            now_ns: 0,
            last_sent_ns: 0,
            under_way: 0,
            ended: 0,
            policy_field: Vec::new(),
        }
    }

    /// A request wants to go.
    pub(super) fn ask(&mut self, now_ns: u64) -> Verdict {
        let now_ns = self.tick(now_ns);
        if let Some(until_ns) = self.paused_until_ns() {
            return Verdict::At(until_ns);
        }
        if self.refused || (!self.proven && self.under_way > 0) {
            return Verdict::AfterReply;
        }
        for rule in &mut self.rules {
            if rule.window.counted(now_ns) + self.under_way >= self.config.less_reserve(rule.quota) {
                return rule.window.next_expiry_ns().map_or(Verdict::AfterReply, Verdict::At);
            }
        }
        if let Some(at_ns) = self.remaining.allows_at(self.last_sent_ns, now_ns) {
            return Verdict::At(at_ns);
        }
        if self.permits.as_ref().is_some_and(|permits| !permits.any(now_ns)) {
            return Verdict::Lease;
        }
        if let Err(at_ns) = self.pace.take(now_ns) {
            return Verdict::At(at_ns);
        }
        if let Some(permits) = &mut self.permits {
            permits.use_one();
        }
        self.remaining.take_one();
        self.under_way += 1;
        self.last_sent_ns = now_ns;
        Verdict::Go(Sent { at_ns: now_ns, ended_before: self.ended })
    }

    /// What to ask of the ledger; `None` where it is not asked any more.
    pub(super) fn ask_ledger(&mut self, holder: u64, longest_request: Duration, now_ns: u64) -> Option<Ask> {
        let now_ns = self.tick(now_ns);
        let (requests, window) = self.tightest();
        let permits = self.permits.as_mut()?;
        let blocked_ns = self.pause.as_ref().map_or(0, |pause| pause.until_ns.saturating_sub(now_ns));
        let wanted = if blocked_ns > 0 { 0 } else { permits.wanted(requests, window, now_ns) };
        let (ended, ended_ago_ns) = permits.settle(now_ns);
        let limits = self.rules.iter().map(|rule| Limit {
            length_ns: rule.window.length_ns(),
            requests: self.config.less_reserve(rule.quota),
            told: rule.name.as_ref().map(|_| rule.quota),
        });
        Some(Ask {
            holder,
            limits: limits.collect(),
            reserve_percent: self.config.reserve_percent,
            longest_request,
            under_way: self.under_way,
            ended,
            ended_ago_ns,
            wanted,
            blocked_for: Duration::from_nanos(blocked_ns),
        })
    }

    /// The ledger's answer to what was asked at that time, which is settled with it. Until when to wait,
    /// where it gave nothing.
    pub(super) fn leased(&mut self, ask: &Ask, leased: Leased, asked_ns: u64, now_ns: u64) -> Option<u64> {
        if let Some(permits) = &mut self.permits {
            permits.settled(ask.ended);
        }
        match leased {
            Leased::Granted(requests) => {
                if let Some(permits) = &mut self.permits {
                    permits.grant(requests, asked_ns);
                }
                None
            }
            Leased::After(wait) => Some(self.tick(now_ns).saturating_add(nanos(wait).max(1))),
            Leased::Blocked(wait) => {
                let since_ns = self.tick(now_ns);
                let until_ns = since_ns.saturating_add(nanos(wait).max(1));
                let in_row = self.pause.as_ref().map_or(1, |pause| pause.in_row);
                self.close(Pause { since_ns, until_ns, in_row });
                Some(until_ns)
            }
        }
    }

    /// The ledger is lost: this process counts for itself.
    pub(super) fn lease_no_more(&mut self) {
        self.permits = None;
    }

    /// A reply came, other than a 429. Whether it changed the allowed rate.
    pub(super) fn replied(&mut self, sent: Sent, headers: &HeaderMap, now_ns: u64) -> bool {
        let changed = self.heard(sent, headers, now_ns);
        match &mut self.pause {
            Some(pause) if sent.at_ns <= pause.since_ns => {}
            Some(pause) => {
                pause.in_row = 0;
                self.proven = true;
            }
            None => self.proven = true,
        }
        changed
    }

    /// A 429 came. Whether the gate is closed now, or for longer than before.
    pub(super) fn replied_429(
        &mut self,
        sent: Sent,
        retry_after: Option<Duration>,
        headers: &HeaderMap,
        now_ns: u64,
    ) -> bool {
        self.heard(sent, headers, now_ns);
        self.throttled(sent, retry_after.max(reset_of_the_exhausted(headers)), now_ns)
    }

    /// A 401 or 403 came: unless its body turns out to be a throttling page, the run ends.
    pub(super) fn replied_refusal(&mut self, sent: Sent, headers: &HeaderMap, now_ns: u64) {
        self.heard(sent, headers, now_ns);
        self.refused = true;
    }

    /// A 401 or 403 that does not end the run.
    pub(super) fn go_on(&mut self) {
        self.refused = false;
    }

    /// A request ended without a reply.
    pub(super) fn lost(&mut self, now_ns: u64) {
        self.end(now_ns);
    }

    /// The server says that the quota is spent: closes the gate, once for all under way. Whether it is
    /// closed now, or for longer than before.
    pub(super) fn throttled(&mut self, sent: Sent, told: Option<Duration>, now_ns: u64) -> bool {
        let now_ns = self.tick(now_ns);
        self.refused = false;
        let known = self.pause.as_ref().filter(|pause| sent.at_ns <= pause.since_ns);
        let (since_ns, until_ns, in_row) = match (known, told) {
            // Requests sent before the gate closed meet the same block: it closes once.
            (Some(_), None) => return false,
            (Some(pause), Some(_)) => (pause.since_ns, pause.until_ns, pause.in_row),
            (None, _) => (now_ns, now_ns, self.pause.as_ref().map_or(1, |pause| pause.in_row + 1)),
        };
        // A server that says "at once" again and again is not asked at once again and again.
        let least = Duration::from_secs(1_u64 << (in_row.clamp(1, 9) - 1)).min(BLOCK);
        let wait = told.unwrap_or(BLOCK).max(least);
        let wait_ns = nanos(wait);
        let is_longer = now_ns.saturating_add(wait_ns) > until_ns;
        self.close(Pause { since_ns, until_ns: until_ns.max(now_ns.saturating_add(wait_ns)), in_row });
        is_longer
    }

    fn close(&mut self, pause: Pause) {
        self.proven = false;
        self.set_pace(pause.until_ns);
        self.pause = Some(pause);
    }

    /// Until when the gate is closed by a 429.
    pub(super) fn paused_until_ns(&self) -> Option<u64> {
        self.pause.as_ref().map(|pause| pause.until_ns).filter(|&until_ns| until_ns > self.now_ns)
    }

    /// The requests and the window of the tightest rule among those that are spread evenly.
    pub(super) fn tightest(&self) -> (u64, Duration) {
        let shortest_ns = self.rules.iter().map(|rule| rule.window.length_ns()).min().unwrap_or_default();
        let spread_ns = nanos(SPREAD).max(shortest_ns);
        let rules = self.rules.iter().filter(|rule| rule.window.length_ns() <= spread_ns).map(|rule| {
            (self.config.less_reserve(rule.quota), Duration::from_nanos(rule.window.length_ns()))
        });
        let slowest = rules.min_by(|(a, a_window), (b, b_window)| {
            // a / a_window against b / b_window, without a division.
            let product = |requests: u64, window: Duration| u128::from(requests) * window.as_nanos();
            product(*a, *b_window).cmp(&product(*b, *a_window))
        });
        slowest.unwrap_or((1, self.config.window))
    }

    /// What of the tightest rule's quota is in use.
    pub(super) fn quota_use(&mut self, now_ns: u64) -> QuotaUse {
        let now_ns = self.tick(now_ns);
        let (allowed, window) = self.tightest();
        let length_ns = nanos(window);
        let rule = self.rules.iter_mut().find(|rule| rule.window.length_ns() == length_ns);
        let counted = rule.map_or(0, |rule| rule.window.counted(now_ns));
        QuotaUse { used: counted + self.under_way, allowed, window }
    }

    /// The time, which never goes back.
    fn tick(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.now_ns
    }

    fn end(&mut self, now_ns: u64) -> u64 {
        let now_ns = self.tick(now_ns);
        self.under_way -= 1;
        self.ended += 1;
        for rule in &mut self.rules {
            rule.window.add(1, now_ns);
            rule.window.counted(now_ns);
        }
        if let Some(permits) = &mut self.permits {
            permits.ended(now_ns);
        }
        now_ns
    }

    /// What every reply's headers say. Whether it changed the allowed rate.
    fn heard(&mut self, sent: Sent, headers: &HeaderMap, now_ns: u64) -> bool {
        // Others still under way may not have been counted when the server wrote this reply.
        let uncounted = self.under_way + self.ended - sent.ended_before - 1;
        let now_ns = self.end(now_ns);
        let before = self.tightest();
        if let Some(field) = policy::field(headers, "ratelimit-policy")
            && *field != *self.policy_field
        {
            self.policy_field = field.to_vec();
            self.believe(&policy::policies(&field), now_ns);
        }
        if let Some(field) = policy::field(headers, "ratelimit") {
            self.remember(&policy::left(&field), Telling { sent_ns: sent.at_ns, now_ns, uncounted });
        }
        let changed = self.tightest() != before;
        if changed {
            self.set_pace(self.paused_until_ns().unwrap_or(now_ns));
        }
        changed
    }

    /// The server's policies: they replace the default rate; a rate given by the user stays as a ceiling.
    fn believe(&mut self, policies: &[Policy], now_ns: u64) {
        for told in policies {
            let window = told.window.unwrap_or(self.config.window);
            let known = self.rules.iter_mut().find(|rule| rule.name.as_deref() == Some(&told.name));
            match known {
                Some(rule) if rule.window.length_ns() == nanos(window) => rule.quota = told.quota,
                Some(_) | None => {
                    let window = self.window_with_history(window, now_ns);
                    self.rules.retain(|rule| rule.name.as_deref() != Some(&told.name));
                    let name = Some(told.name.clone());
                    self.rules.push(Rule { name, quota: told.quota, window });
                }
            }
            if self.rules.len() > POLICIES {
                self.forget_the_loosest();
            }
        }
        if !self.config.explicit && self.rules.iter().any(|rule| rule.name.is_some()) {
            self.rules.retain(|rule| rule.name.is_some());
        }
    }

    /// Of those that the server told, the one that allows most in any time.
    fn forget_the_loosest(&mut self) {
        let told = self.rules.iter().enumerate().filter(|(_, rule)| rule.name.is_some());
        let loosest = told.max_by(|(_, a), (_, b)| {
            // a / a's window against b / b's window, without a division.
            let product =
                |rule: &Rule, other: &Rule| u128::from(rule.quota) * u128::from(other.window.length_ns());
            product(a, b).cmp(&product(b, a))
        });
        if let Some((place, _)) = loosest {
            self.rules.remove(place);
        }
    }

    /// A new window over what the others remember.
    fn window_with_history(&self, length: Duration, now_ns: u64) -> Window {
        let known = self.rules.iter().map(|rule| &rule.window);
        Window::with_history(length, known, self.ended, now_ns)
    }

    /// Starts the pace of the tightest rule at that time, with nothing saved up.
    fn set_pace(&mut self, from_ns: u64) {
        let (requests, window) = self.tightest();
        self.pace = Pace::new(requests, window, from_ns);
        self.pace.start_gently();
    }

    fn remember(&mut self, told: &[policy::Left], by: Telling) {
        for left in told {
            let rule = self.rules.iter().find(|rule| rule.name.as_ref() == Some(&left.name));
            let known = rule.map(|rule| Known {
                length_ns: rule.window.length_ns(),
                reserve: rule.quota - self.config.less_reserve(rule.quota),
                back_by: |at_ns| rule.window.expired_by(at_ns),
            });
            self.remaining.told(left, by, known);
        }
    }
}

/// `t` of the policies that have nothing left; where none says so, the shortest.
fn reset_of_the_exhausted(headers: &HeaderMap) -> Option<Duration> {
    let told = policy::left(&policy::field(headers, "ratelimit")?);
    let exhausted = told.iter().filter(|item| item.requests == 0).filter_map(|item| item.reset).max();
    exhausted.or_else(|| told.iter().filter_map(|item| item.reset).min())
}
