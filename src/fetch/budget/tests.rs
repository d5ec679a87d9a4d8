//! The gate's core against a simulated server, without real time; then the gate itself, by its queue.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A server's quota.
#[derive(Clone, Copy, Debug)]
struct Quota {
    requests: u64,
    window_ns: u64,
}

/// How the simulated server tells its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Nothing,
    Policy,
    PolicyAndLeft,
    /// `r=1199;t=1` for ever.
    Frozen,
    Garbage,
    /// A day's quota first, which is looser for an hour and tighter on the average.
    Items,
}

/// How the simulated server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// From a window's start to its end.
    Fixed,
    /// What came within a window's length.
    Sliding,
}

/// A server with a quota, which others use too.
struct Server {
    quota: Quota,
    counting: Counting,
    telling: Telling,
    others_per_window: u64,
    /// When our requests came.
    arrivals: Vec<u64>,
    refused: u64,
}

impl Server {
    fn new(quota: Quota, counting: Counting, telling: Telling, others_per_window: u64) -> Self {
        Self { quota, counting, telling, others_per_window, arrivals: Vec::new(), refused: 0 }
    }

    /// Counts a request of ours and writes the reply's headers.
    fn take(&mut self, at_ns: u64) -> HeaderMap {
        self.arrivals.push(at_ns);
        let Quota { requests, window_ns } = self.quota;
        let (start_ns, others) = match self.counting {
            Counting::Fixed => {
                let start_ns = at_ns / window_ns * window_ns;
                (start_ns, self.others_per_window * (at_ns - start_ns) / window_ns)
            }
            Counting::Sliding => ((at_ns + 1).saturating_sub(window_ns), self.others_per_window),
        };
        let in_window = || self.arrivals.iter().rev().take_while(|&&at| at >= start_ns);
        let ours = in_window().count() as u64;
        let left = requests.saturating_sub(ours + others);
        self.refused += u64::from(ours + others > requests);
        let policy = format!(r#""default";q={requests};w={}"#, window_ns / SECOND);
        let reset = match self.counting {
            Counting::Fixed => (start_ns + window_ns - at_ns) / SECOND,
            // When the oldest stops counting.
            Counting::Sliding => (in_window().last().unwrap_or(&at_ns) + window_ns - at_ns).div_ceil(SECOND),
        };
        let (policy, left) = match self.telling {
            Telling::Nothing => (None, None),
            Telling::Policy => (Some(policy), None),
            Telling::PolicyAndLeft => (Some(policy), Some(format!(r#""default";r={left};t={reset}"#))),
            Telling::Frozen => (Some(policy), Some(r#""default";r=1199;t=1"#.to_owned())),
            Telling::Items => (
                Some(format!(r#""daily";q={};w=86400, {policy}"#, requests * 1000)),
                Some(format!(r#""daily";r={};t=40000, "default";r={left};t={reset}"#, requests * 999)),
            ),
            Telling::Garbage => (Some("q=1;;".to_owned()), Some(r#""default";r=;t=1"#.to_owned())),
        };
        let mut headers = HeaderMap::new();
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Some(text) = text {
                headers.insert(name, text.parse().expect("ASCII"));
            }
        }
        headers
    }

    /// The most requests of ours in any window, wherever it starts.
    fn most_in_a_window(&self) -> usize {
        let mut arrivals = self.arrivals.clone();
        arrivals.sort_unstable();
        let mut first = 0;
        let mut most = 0;
        for (n, &at) in arrivals.iter().enumerate() {
            while arrivals[first] + self.quota.window_ns <= at {
                first += 1;
            }
            most = most.max(n - first + 1);
        }
        most
    }
}

/// What happens to one request on its way.
#[derive(Clone, Copy, Debug)]
struct Way {
    there_ns: u64,
    back_ns: u64,
    /// Whether the reply is lost, and the request times out after `there_ns + back_ns`.
    lost: bool,
    /// By how much our clock is set back before it is sent.
    clock_back_ns: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// At the server: the number of the request.
    Arrival(usize),
    /// Back at the gate.
    End(usize),
}

/// Sends requests as the gate allows, at most `concurrency` under way; the time it all took.
fn drive(core: &mut Core, server: &mut Server, concurrency: usize, ways: &[Way]) -> u64 {
    let mut events: BinaryHeap<Reverse<(u64, Event)>> = BinaryHeap::new();
    let mut sent: Vec<(Sent, Option<HeaderMap>)> = Vec::new();
    let (mut true_ns, mut set_back_ns, mut under_way) = (0_u64, 0_u64, 0);
    // Our clock is late by as much as it was set back; it can be set back before it starts, too.
    let clock = |true_ns: u64, set_back_ns: u64| (true_ns + SECOND).saturating_sub(set_back_ns);
    loop {
        let mut ask_again_ns = None;
        if under_way < concurrency
            && let Some(way) = ways.get(sent.len())
        {
            match core.ask(clock(true_ns, set_back_ns)) {
                Verdict::Go(go) => {
                    set_back_ns += way.clock_back_ns;
                    let at_server = true_ns + way.there_ns;
                    events.push(Reverse((at_server, Event::Arrival(sent.len()))));
                    events.push(Reverse((at_server + way.back_ns, Event::End(sent.len()))));
                    sent.push((go, None));
                    under_way += 1;
                    continue;
                }
                Verdict::At(at_ns) => {
                    let wait_ns = at_ns.saturating_sub(clock(true_ns, set_back_ns));
                    ask_again_ns = Some(true_ns + wait_ns.max(1));
                }
                Verdict::AfterReply => assert!(under_way > 0, "nothing is left to wait for"),
                Verdict::Lease => panic!("there is no ledger"),
            }
        }
        let next_ns = events.peek().map(|Reverse((at_ns, _))| *at_ns);
        true_ns = match (next_ns, ask_again_ns) {
            (Some(next_ns), Some(ask_ns)) if ask_ns < next_ns => {
                true_ns = ask_ns;
                continue;
            }
            (Some(next_ns), _) => next_ns,
            (None, Some(ask_ns)) => {
                true_ns = ask_ns;
                continue;
            }
            (None, None) => return true_ns,
        };
        match events.pop() {
            Some(Reverse((_, Event::Arrival(n)))) => sent[n].1 = Some(server.take(true_ns)),
            Some(Reverse((_, Event::End(n)))) => {
                under_way -= 1;
                let now_ns = clock(true_ns, set_back_ns);
                match &sent[n] {
                    // The first reply always comes: until then nothing of the server is known.
                    (go, Some(headers)) if !ways[n].lost || n == 0 => {
                        core.replied(*go, headers, now_ns);
                    }
                    _ => core.lost(now_ns),
                }
            }
            None => {}
        }
    }
}

fn budget(requests: u64, secs: u64, reserve_percent: u8, explicit: bool) -> BudgetConfig {
    BudgetConfig { requests, window: Duration::from_secs(secs), reserve_percent, explicit }
}

fn way() -> impl Strategy<Value = Way> {
    let lost = prop::bool::weighted(0.05);
    let back = prop_oneof![9 => Just(0), 1 => 0..2 * SECOND];
    (0..SECOND, 0..SECOND, lost, back).prop_map(|(there_ns, back_ns, lost, clock_back_ns)| Way {
        there_ns,
        back_ns,
        lost,
        clock_back_ns,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_window_holds_more_than_the_quota(
        requests in 1_u64..60,
        secs in 1_u64..20,
        reserve in 0_u8..50,
        explicit: bool,
        telling in prop::sample::select(vec![
            Telling::Nothing, Telling::Policy, Telling::PolicyAndLeft, Telling::Frozen, Telling::Garbage, Telling::Items,
        ]),
        counting in prop::sample::select(vec![Counting::Fixed, Counting::Sliding]),
        others in 0_u64..60,
        concurrency in 1_usize..40,
        ways in prop::collection::vec(way(), 1..200),
    ) {
        let told = !matches!(telling, Telling::Nothing | Telling::Garbage);
        // A server that says nothing can only be obeyed by what the user says of it.
        let ours = if told { budget(1200, 300, reserve, explicit) } else { budget(requests, secs, reserve, explicit) };
        let allowed = ours.less_reserve(requests);
        let quota = Quota { requests, window_ns: secs * SECOND };
        let mut server = Server::new(quota, counting, telling, others);
        drive(&mut Core::new(ours, false), &mut server, concurrency, &ways);
        prop_assert_eq!(server.arrivals.len(), ways.len());
        prop_assert!(server.most_in_a_window() as u64 <= allowed);
    }

    #[test]
    fn any_headers_and_any_429_are_survived(
        fields in prop::collection::vec(("[ -~]{0,40}", any::<u64>(), any::<u64>(), 0..SECOND << 12), 1..30),
    ) {
        let mut core = Core::new(budget(1200, 300, 10, false), false);
        let mut now_ns = 0;
        for (junk, q, w, step) in fields {
            let mut headers = HeaderMap::new();
            for (name, text) in [
                ("ratelimit-policy", format!(r#""a";q={};w={}, "b";q=3;{junk}"#, q >> 15, w >> 15)),
                ("ratelimit", format!(r#""a";r={};t={}"#, q >> 20, w >> 15)),
            ] {
                headers.insert(name, text.parse().unwrap());
            }
            loop {
                match core.ask(now_ns) {
                    Verdict::Go(sent) if step % 3 == 0 => {
                        let retry_after = Some(Duration::from_secs(step));
                        core.replied_429(sent, retry_after, &headers, now_ns.saturating_add(step));
                        break;
                    }
                    Verdict::Go(sent) => {
                        core.replied(sent, &headers, now_ns.saturating_add(step));
                        break;
                    }
                    Verdict::At(at_ns) => {
                        prop_assert!(at_ns > now_ns);
                        // A wait for centuries is a wait, but the clock need not show its end.
                        if at_ns > 1 << 62 {
                            return Ok(());
                        }
                        now_ns = at_ns;
                    }
                    Verdict::AfterReply | Verdict::Lease => prop_assert!(false, "nothing is under way"),
                }
            }
        }
    }
}

/// Requests that all take 50 ms.
fn quick(n: usize) -> Vec<Way> {
    let leg = SECOND / 40;
    vec![Way { there_ns: leg, back_ns: leg, lost: false, clock_back_ns: 0 }; n]
}

/// Drives 2,000 requests against 200 per 10 s: the time over the ideal time, and the 429s.
fn against_200_per_10s(counting: Counting, telling: Telling, others: u64, ours: BudgetConfig) -> (f64, u64) {
    let quota = Quota { requests: 200, window_ns: 10 * SECOND };
    let mut server = Server::new(quota, counting, telling, others);
    let took_ns = drive(&mut Core::new(ours, false), &mut server, 32, &quick(2000));
    let ideal_ns = 2000 * 10 * SECOND / (180 - others);
    #[expect(clippy::cast_precision_loss, reason = "a ratio to two places")]
    let ratio = took_ns as f64 / ideal_ns as f64;
    (ratio, server.refused)
}

#[test]
fn the_quota_is_spent_almost_fully_and_never_exceeded() {
    use Counting::{Fixed, Sliding};
    let told = || budget(1200, 300, 10, false);
    let own = || budget(200, 10, 10, true);
    for (counting, telling, others, ours, most) in [
        (Fixed, Telling::Policy, 0, told(), 1.02),
        (Fixed, Telling::PolicyAndLeft, 0, told(), 1.02),
        (Fixed, Telling::PolicyAndLeft, 100, told(), 1.1),
        (Fixed, Telling::Frozen, 0, told(), 1.02),
        (Fixed, Telling::Items, 0, told(), 1.02),
        (Fixed, Telling::Nothing, 0, own(), 1.02),
        (Fixed, Telling::Garbage, 0, own(), 1.02),
        (Sliding, Telling::Policy, 0, told(), 1.02),
        (Sliding, Telling::PolicyAndLeft, 0, told(), 1.02),
        (Sliding, Telling::PolicyAndLeft, 100, told(), 1.02),
        (Sliding, Telling::Items, 50, told(), 1.02),
    ] {
        let (ratio, refused) = against_200_per_10s(counting, telling, others, ours);
        assert_eq!(refused, 0, "{counting:?}, {telling:?}, others {others}");
        assert!(ratio <= most, "{counting:?}, {telling:?}, others {others}: {ratio:.3} times the ideal time");
    }
}

fn headers(policy: &str, left: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ratelimit-policy", policy.parse().unwrap());
    headers.insert("ratelimit", left.parse().unwrap());
    headers
}

fn go(core: &mut Core, now_ns: u64) -> Sent {
    match core.ask(now_ns) {
        Verdict::Go(sent) => sent,
        wait => panic!("{wait:?} at {now_ns}"),
    }
}

#[test]
fn the_server_may_raise_the_default_but_only_lower_a_rate_that_was_given() {
    let higher = headers(r#""default";q=3500;w=300"#, "");
    let lower = headers(r#""burst";q=10;w=1, "default";q=600;w=300"#, "");
    for (explicit, headers, requests) in
        [(false, &higher, 3150), (true, &higher, 1080), (false, &lower, 540), (true, &lower, 540)]
    {
        let mut core = Core::new(budget(1200, 300, 10, explicit), false);
        let sent = go(&mut core, 0);
        core.replied(sent, headers, 1);
        assert_eq!(core.tightest(), (requests, Duration::from_mins(5)));
    }
}

#[test]
fn one_request_at_a_time_until_the_first_reply() {
    let mut core = Core::new(budget(1_000_000, 1, 0, true), false);
    let first = go(&mut core, 0);
    assert_eq!(core.ask(SECOND), Verdict::AfterReply);
    core.lost(2 * SECOND);
    let second = go(&mut core, 2 * SECOND);
    assert_eq!(core.ask(2 * SECOND), Verdict::AfterReply);
    core.replied(second, &HeaderMap::new(), 3 * SECOND);
    for _ in 0..100 {
        go(&mut core, 3 * SECOND);
    }
    assert_ne!(first, second);
}

#[test]
fn a_429_closes_the_gate_once_for_everybody() {
    let none = HeaderMap::new();
    let mut core = Core::new(budget(1_000_000, 1, 0, true), false);
    let first = go(&mut core, 0);
    core.replied(first, &none, 0);
    let under_way: Vec<_> = (0..4).map(|_| go(&mut core, SECOND)).collect();
    core.replied_429(under_way[0], None, &none, 2 * SECOND);
    assert_eq!(core.ask(3 * SECOND), Verdict::At(302 * SECOND));
    core.replied_429(under_way[1], None, &none, 20 * SECOND);
    assert_eq!(core.ask(20 * SECOND), Verdict::At(302 * SECOND), "closed once");
    core.replied_429(under_way[2], Some(Duration::from_secs(290)), &none, 20 * SECOND);
    assert_eq!(core.ask(20 * SECOND), Verdict::At(310 * SECOND), "but a later end that is told is obeyed");
    core.replied(under_way[3], &none, 21 * SECOND);
    assert_eq!(core.ask(309 * SECOND), Verdict::At(310 * SECOND));
    let Verdict::At(gentle_ns) = core.ask(310 * SECOND) else { panic!("nothing was saved up") };
    let again = go(&mut core, gentle_ns.max(311 * SECOND));
    assert_eq!(core.ask(311 * SECOND), Verdict::AfterReply, "one at a time after the pause");
    core.replied(again, &none, 312 * SECOND);
    go(&mut core, 313 * SECOND);
}

#[test]
fn a_429_waits_for_the_longer_of_what_is_told() {
    let told = |retry_after: Option<u64>, left: &str| {
        let mut core = Core::new(budget(1200, 300, 10, false), false);
        let sent = go(&mut core, 0);
        core.replied_429(sent, retry_after.map(Duration::from_secs), &headers("", left), 0);
        core.paused_until_ns().map(|until_ns| until_ns / SECOND)
    };
    assert_eq!(told(Some(7), r#""d";r=0;t=5"#), Some(7));
    assert_eq!(told(Some(5), r#""d";r=0;t=7"#), Some(7));
    assert_eq!(told(None, r#""burst";r=0;t=7, "daily";r=100;t=80000"#), Some(7));
    assert_eq!(told(Some(0), ""), Some(1), "not at once");
    assert_eq!(told(None, "garbage;;"), Some(300));
}

#[tokio::test]
async fn the_queue_is_left_in_order_and_a_dropped_pass_lets_the_next_one_in() {
    let gate = Gate::new(budget(u64::MAX, 1, 0, true), None);
    let first = gate.acquire().await.unwrap();
    let order = Mutex::new(Vec::new());
    let waiting = (0..5).map(|n| {
        let (gate, order) = (&gate, &order);
        async move {
            let pass = gate.acquire().await.unwrap();
            order.lock().unwrap().push(n);
            drop(pass);
        }
    });
    let waiting = futures::future::join_all(waiting);
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending(), "nothing passes before the first reply");
    drop(first);
    waiting.await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn the_display_sees_a_long_wait_and_its_end() {
    let gate = Gate::new(budget(1200, 300, 10, false), None);
    let mut state = gate.state();
    assert_eq!(
        *state.borrow_and_update(),
        GateState { requests: 1080, window: Duration::from_mins(5), wait: None }
    );
    let pass = gate.acquire().await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "60".parse().unwrap());
    pass.replied(StatusCode::TOO_MANY_REQUESTS, &headers);
    let waiting = gate.acquire();
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    let wait = state.borrow_and_update().wait.expect("a wait");
    assert!(wait.throttled);
    let seconds = (wait.until - crate::clock::now()).num_seconds();
    assert!((55..=60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_429_closes_the_gates_of_other_processes_too() {
    let dir = tempfile::tempdir().unwrap();
    let open = || LedgerFile::open(dir.path(), "https://a", "token", Duration::from_secs(1)).unwrap();
    let ours = || budget(1200, 300, 10, false);
    let gate = Gate::new(ours(), Some(open()));
    let pass = gate.acquire().await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "60".parse().unwrap());
    pass.replied(StatusCode::TOO_MANY_REQUESTS, &headers);

    let other = Gate::new(ours(), Some(open()));
    let mut state = other.state();
    let shown = async {
        let wait = state.wait_for(|state| state.wait.is_some_and(|wait| wait.throttled)).await;
        wait.unwrap().wait
    };
    let waits = async {
        // Until it is told, it may pass: then a request of its own is not replied.
        loop {
            drop(other.acquire().await);
        }
    };
    let wait = tokio::select! {
        wait = shown => wait.unwrap(),
        () = waits => unreachable!("it never ends"),
    };
    let seconds = (wait.until - crate::clock::now()).num_seconds();
    assert!((50..=61).contains(&seconds), "{seconds}");
}
