//! The ledger against processes that come and go: the gate's own cores, without real time.

use proptest::prelude::*;

use super::super::BudgetConfig;
use super::super::core::{Core, Sent, Verdict};
use super::*;

const SECOND: u64 = 1_000_000_000;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes.
    Pass(u64),
    /// A process sends all it can, at most so many; or finds the file locked when it asks.
    Send { process: usize, requests: usize, locked: bool },
    /// A process's oldest requests are replied.
    Reply { process: usize, requests: usize },
    /// A process is killed; another takes its place.
    Kill { process: usize },
    /// A process ends by itself, its requests replied; another takes its place.
    End { process: usize },
    /// The time of day is set.
    SetClock(u64),
    /// The machine starts anew, and all its processes.
    Reboot { lasting_ns: u64 },
    /// The file is damaged.
    Damage,
}

const PROCESSES: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(3);

struct Process {
    core: Core,
    holder: u64,
    started_ns: u64,
    /// Sent and not replied: when, and which arrival it is.
    under_way: Vec<(u64, Sent)>,
}

struct World {
    config: BudgetConfig,
    true_ns: u64,
    booted_ns: u64,
    boots: u32,
    wall_ns: u64,
    ledger: String,
    processes: Vec<Process>,
    born: u64,
    /// When the server may have counted each request.
    arrivals: Vec<(u64, u64)>,
    /// The longest that anybody was told to wait for the ledger.
    longest_wait: Duration,
}

impl World {
    fn new(config: BudgetConfig) -> Self {
        let mut world = Self {
            config,
            // The machine runs for a while: what is older than a window is of no interest.
            true_ns: 1000 * SECOND,
            booted_ns: 0,
            boots: 0,
            wall_ns: 1 << 60,
            ledger: serde_json::to_string(&Ledger::default()).unwrap(),
            processes: Vec::new(),
            born: 0,
            arrivals: Vec::new(),
            longest_wait: Duration::ZERO,
        };
        world.processes = (0..PROCESSES).map(|_| world.process()).collect();
        world
    }

    fn process(&mut self) -> Process {
        self.born += 1;
        Process {
            core: Core::new(self.config.clone(), true),
            holder: self.born,
            started_ns: self.true_ns,
            under_way: Vec::new(),
        }
    }

    /// The ledger as a process finds it, which sees the time in hundredths of a second.
    fn with_ledger<T>(&mut self, change: impl FnOnce(&mut Ledger, &Moment) -> T) -> T {
        let since_boot_ns = (self.true_ns - self.booted_ns) / (SECOND / 100) * (SECOND / 100);
        let now = Moment { boot: self.boots.to_string(), since_boot_ns, wall_ns: self.wall_ns };
        let mut ledger =
            serde_json::from_str(&self.ledger).unwrap_or_else(|_| Ledger::unknown(&now, TIMEOUT));
        let result = change(&mut ledger, &now);
        self.ledger = serde_json::to_string(&ledger).unwrap();
        result
    }

    fn pass(&mut self, nanos: u64) {
        self.true_ns += nanos;
        self.wall_ns += nanos;
        // Whoever waits longer than the timeout gives up.
        for n in 0..PROCESSES {
            let overdue = |&&(sent_ns, _): &&(u64, Sent)| sent_ns + super::nanos(TIMEOUT) <= self.true_ns;
            let overdue = self.processes[n].under_way.iter().filter(overdue).count();
            self.reply(n, overdue);
        }
    }

    fn send(&mut self, n: usize, requests: usize, locked: bool) {
        for _ in 0..requests {
            let now_ns = self.true_ns - self.processes[n].started_ns;
            match self.processes[n].core.ask(now_ns) {
                Verdict::Go(sent) => {
                    self.processes[n].under_way.push((self.true_ns, sent));
                    self.arrivals.push((self.true_ns, self.true_ns + super::nanos(TIMEOUT)));
                }
                Verdict::Lease => {
                    let process = &mut self.processes[n];
                    let ask = process.core.ask_ledger(process.holder, TIMEOUT, now_ns).unwrap();
                    if locked {
                        return;
                    }
                    let leased = self.with_ledger(|ledger, now| ledger.lease(&ask, now));
                    let waits = self.processes[n].core.leased(&ask, leased, now_ns, now_ns).is_some();
                    if let Leased::After(wait) = leased {
                        self.longest_wait = self.longest_wait.max(wait);
                    }
                    if waits {
                        return;
                    }
                }
                Verdict::At(_) | Verdict::AfterReply => return,
            }
        }
    }

    /// The oldest requests of a process end: they had arrived by now.
    fn reply(&mut self, n: usize, requests: usize) {
        let now_ns = self.true_ns - self.processes[n].started_ns;
        let requests = requests.min(self.processes[n].under_way.len());
        let replied: Vec<_> = self.processes[n].under_way.drain(..requests).collect();
        for (sent_ns, sent) in replied {
            self.processes[n].core.replied(sent, &reqwest::header::HeaderMap::new(), now_ns);
            self.arrived_by_now(sent_ns, 1);
        }
    }

    /// So many requests sent at that time arrived by now, and not later.
    fn arrived_by_now(&mut self, sent_ns: u64, requests: usize) {
        let now_ns = self.true_ns;
        let later = |(sent, by): &&mut (u64, u64)| *sent == sent_ns && *by > now_ns;
        self.arrivals.iter_mut().filter(later).take(requests).for_each(|(_, by)| *by = now_ns);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Pass(nanos) => self.pass(nanos),
            Step::Send { process, requests, locked } => self.send(process, requests, locked),
            Step::Reply { process, requests } => self.reply(process, requests),
            Step::Kill { process } => self.processes[process] = self.process(),
            Step::End { process } => {
                self.reply(process, usize::MAX);
                let now_ns = self.true_ns - self.processes[process].started_ns;
                let ending = &mut self.processes[process];
                let ask = ending.core.ask_ledger(ending.holder, TIMEOUT, now_ns).unwrap();
                self.with_ledger(|ledger, now| ledger.give_back(&ask, now));
                self.processes[process] = self.process();
            }
            Step::SetClock(wall_ns) => self.wall_ns = wall_ns,
            Step::Reboot { lasting_ns } => {
                // What was sent has arrived by then: no machine starts within its timeout.
                self.true_ns += super::nanos(TIMEOUT);
                self.wall_ns += super::nanos(TIMEOUT);
                self.booted_ns = self.true_ns;
                self.boots += 1;
                self.pass(lasting_ns);
                self.processes = (0..PROCESSES).map(|_| self.process()).collect();
            }
            Step::Damage => self.ledger.truncate(self.ledger.len() / 2),
        }
    }

    /// The most requests that a server can have counted in one window: it counts each when it is worst.
    fn most_in_a_window(&self) -> usize {
        let window_ns = super::nanos(self.config.window);
        let starts = self.arrivals.iter().map(|&(_, by_ns)| by_ns);
        starts
            .map(|start_ns| {
                let counted = |&&(sent_ns, by_ns): &&(u64, u64)| {
                    by_ns >= start_ns && sent_ns < start_ns.saturating_add(window_ns)
                };
                self.arrivals.iter().filter(counted).count()
            })
            .max()
            .unwrap_or(0)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let process = 0..PROCESSES;
    prop_oneof![
        20 => (0..SECOND).prop_map(Step::Pass),
        4 => (0..20 * SECOND).prop_map(Step::Pass),
        30 => (process.clone(), 1_usize..20, prop::bool::weighted(0.2))
            .prop_map(|(process, requests, locked)| Step::Send { process, requests, locked }),
        20 => (process.clone(), 1_usize..20).prop_map(|(process, requests)| Step::Reply { process, requests }),
        3 => process.clone().prop_map(|process| Step::Kill { process }),
        2 => process.prop_map(|process| Step::End { process }),
        2 => (0_u64..1 << 61).prop_map(Step::SetClock),
        1 => (0..20 * SECOND).prop_map(|lasting_ns| Step::Reboot { lasting_ns }),
        1 => Just(Step::Damage),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_window_holds_more_than_the_quota_whatever_happens_to_the_processes(
        requests in 1_u64..80,
        secs in 1_u64..20,
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let window = Duration::from_secs(secs);
        let config = BudgetConfig { requests, window, reserve_percent: 0, explicit: true };
        let mut world = World::new(config);
        for step in &steps {
            world.step(step);
        }
        prop_assert!(world.most_in_a_window() as u64 <= requests);
        // A bucket more than a window, and what may be under way at its beginning.
        prop_assert!(world.longest_wait <= window + window / 100 + LATE + LATE + HELD + TIMEOUT);
    }

    #[test]
    fn any_text_is_no_ledger_or_one_that_can_be_asked(
        mut text in "\\{\"written\":\\{\"boot\":\"\",\"since_boot_ns\":[0-9]{1,20},\"wall_ns\":0\\},\"windows\":\\[\\{\"length_ns\":[0-9]{1,20},\"buckets\":\\[\\[[0-9]{1,20},[0-9]{1,20}\\]\\]\\}\\],\"holders\":\\[\\{\"id\":1,\"requests\":[0-9]{1,10},\"ended_ns\":[0-9]{1,20}\\}\\]\\}",
        since_boot_ns: u64,
        wall_ns: u64,
    ) {
        for _ in 0..2 {
            if let Ok(mut ledger) = serde_json::from_str::<Ledger>(&text) {
                let limits = vec![Limit { length_ns: 10 * SECOND, requests: 5, told: None }];
                let ask = Ask {
                    holder: 1, limits, reserve_percent: 0, longest_request: TIMEOUT,
                    under_way: u64::MAX, ended: 3, ended_ago_ns: wall_ns, wanted: wall_ns,
                    blocked_for: Duration::from_nanos(wall_ns),
                };
                let now = Moment { boot: String::new(), since_boot_ns, wall_ns };
                ledger.lease(&ask, &now);
                ledger.give_back(&ask, &now);
                text = serde_json::to_string(&ledger).unwrap();
            }
        }
    }
}

fn ask(holder: u64, wanted: u64) -> Ask {
    Ask {
        holder,
        limits: vec![Limit { length_ns: 10 * SECOND, requests: 100, told: None }],
        reserve_percent: 10,
        longest_request: TIMEOUT,
        under_way: 0,
        ended: 0,
        ended_ago_ns: 0,
        wanted,
        blocked_for: Duration::ZERO,
    }
}

fn at(secs: u64) -> Moment {
    Moment { boot: "a".to_owned(), since_boot_ns: secs * SECOND, wall_ns: secs * SECOND }
}

#[test]
fn what_a_dead_process_held_counts_until_a_window_after_its_timeout() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.lease(&ask(1, 60), &at(100)), Leased::Granted(60));
    assert_eq!(ledger.lease(&ask(2, 60), &at(101)), Leased::Granted(40));
    ledger.give_back(&ask(2, 0), &at(101));
    // It may have used its lease for a second, and waited for replies for three.
    assert_eq!(ledger.lease(&ask(3, 100), &at(113)), Leased::Granted(40));
    ledger.give_back(&ask(3, 0), &at(113));
    assert_eq!(ledger.lease(&ask(4, 100), &at(115)), Leased::Granted(100));
}

#[test]
fn another_start_of_the_machine_takes_all_before_it_for_spent() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.lease(&ask(1, 1), &at(100)), Leased::Granted(1));
    let reboot = |since_boot: u64, wall: u64| Moment {
        boot: "b".to_owned(),
        since_boot_ns: since_boot * SECOND,
        wall_ns: wall * SECOND,
    };
    for (since_boot, wall, leased) in [
        (4, 500, Leased::After(Duration::from_secs(6))),
        (11, 500, Leased::Granted(1)),
        // Another machine, or a clock set back: the time of day is all there is.
        (9999, 103, Leased::After(Duration::from_secs(7))),
        (9999, 50, Leased::After(Duration::from_secs(10))),
        (9999, 111, Leased::Granted(1)),
    ] {
        assert_eq!(
            ledger.clone().lease(&ask(2, 1), &reboot(since_boot, wall)),
            leased,
            "{since_boot} {wall}"
        );
    }
}

#[test]
fn what_the_server_told_one_process_holds_for_the_next() {
    let mut ledger = Ledger::default();
    let mut told = ask(1, 9);
    told.limits[0].told = Some(20);
    told.limits[0].requests = 18;
    assert_eq!(ledger.lease(&told, &at(100)), Leased::Granted(9));
    // Its own limit is higher, but it has not heard the server yet: 20 less the reserve.
    assert_eq!(ledger.lease(&ask(2, 50), &at(100)), Leased::Granted(9));
    // Once nothing counts any more nobody need remember.
    let mut other = ask(3, 50);
    other.limits[0].length_ns = 5 * SECOND;
    assert_eq!(ledger.lease(&other, &at(200)), Leased::Granted(50));
}

#[test]
fn a_429_that_one_process_met_closes_the_gate_for_all() {
    let mut ledger = Ledger::default();
    let met = |secs| Ask { blocked_for: Duration::from_secs(secs), ..ask(1, 0) };
    assert_eq!(ledger.lease(&met(60), &at(100)), Leased::Blocked(Duration::from_mins(1)));
    // Whoever heard of a shorter one changes nothing.
    ledger.give_back(&Ask { holder: 2, ..met(20) }, &at(110));
    assert_eq!(ledger.lease(&ask(3, 9), &at(130)), Leased::Blocked(Duration::from_secs(30)));
    assert_eq!(ledger.lease(&ask(3, 9), &at(160)), Leased::Granted(9));
}

#[test]
fn a_limit_without_a_window_to_count_in_gives_nothing() {
    let mut ledger = Ledger::default();
    let mut crowded = ask(1, 1);
    crowded.limits =
        (1..=10).map(|secs| Limit { length_ns: secs * SECOND, requests: 100, told: None }).collect();
    assert_eq!(ledger.lease(&crowded, &at(100)), Leased::After(LOOK));
}

/// Requests take 20 ms here, and a process that is killed leaves what it held to time.
#[test]
fn processes_that_share_a_quota_spend_it_almost_fully() {
    let window = Duration::from_secs(10);
    let config = BudgetConfig { requests: 200, window, reserve_percent: 10, explicit: true };
    for kills in [0, 1, 5] {
        let mut world = World::new(config.clone());
        let start_ns = world.true_ns;
        let mut killed = 0;
        while world.arrivals.len() < 2000 {
            for process in 0..PROCESSES {
                world.reply(process, usize::MAX);
                world.send(process, 10, false);
            }
            world.pass(SECOND / 50);
            if killed < kills && world.arrivals.len() > 300 * (killed + 1) {
                world.step(&Step::Kill { process: 0 });
                killed += 1;
            }
        }
        assert_eq!(killed, kills);
        assert!(world.most_in_a_window() <= 180);
        let ideal_ns = 2000 * nanos(window) / 180;
        let percent = (world.true_ns - start_ns) * 100 / ideal_ns;
        assert!(percent <= 103 + kills as u64, "{kills} kills: {percent} % of the ideal time");
    }
}
