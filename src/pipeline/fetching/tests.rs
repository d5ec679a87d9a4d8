//! A fetching task that fails takes none of the others with it, and ends the run.

use super::*;
use crate::config::Filters;
use crate::fetch::{BudgetConfig, ClientConfig, Queries, Query, RetryConfig};
use crate::plan::Taken;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Asks for the participants of a world, and panics at one of the answers, which it does not take.
#[derive(Debug)]
struct Panics {
    requests: Vec<RequestKey>,
    asked: usize,
    answered: usize,
    /// The answer to panic at.
    too_much: Option<usize>,
}

impl Asks for Panics {
    fn next_request(&mut self) -> Result<Next> {
        let Some(request) = self.requests.get(self.asked) else {
            return Ok(if self.is_done() { Next::Done } else { Next::Wait });
        };
        self.asked += 1;
        Ok(Next::Request(*request))
    }

    fn answered(&mut self, _: &RequestKey, _: &Outcome) -> Taken {
        let is_too_much = self.too_much.take_if(|answer| *answer == self.answered).is_some();
        assert!(!is_too_much, "one answer too much");
        self.answered += 1;
        Taken::GoesOn { lost: 0 }
    }

    fn is_done(&self) -> bool {
        self.answered == self.requests.len()
    }

    fn kept(&self) -> u64 {
        0
    }

    fn requests(&self) -> u64 {
        self.requests.len() as u64
    }
}

/// Counts the replies that came.
#[derive(Debug, Default)]
struct Kept(usize);

impl Keep for Kept {
    fn append(&mut self, _: Reply) -> Result<()> {
        self.0 += 1;
        Ok(())
    }
}

fn fetching(sandbox: &Sandbox) -> Fetching {
    let query = Query { filters: Filters::NONE, peer_events: true };
    let client = ClientConfig {
        base_url: sandbox.base_url().parse().unwrap(),
        account_id: "account".into(),
        app_id: "app".into(),
        token: sandbox.options().token.clone().into(),
        timeout: Duration::from_secs(30),
        queries: Queries { details: query, reports: query, pages: query },
        window: None,
        connections: 64,
        user_agent: "rtk-export/test".into(),
    };
    let budget = BudgetConfig {
        requests: 1_000_000_000,
        window: Duration::from_secs(1),
        reserve_percent: 10,
        explicit: true,
    };
    let fetcher = Fetcher::new(&client, RetryConfig::default(), budget, None).unwrap();
    let progress = Arc::new(Progress::default());
    Fetching { fetcher: Arc::new(fetcher), concurrency: 64, max_failures: None, deadline: None, progress }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_task_ends_the_run_and_keeps_what_came() {
    /// Only what hangs takes so long.
    const PATIENCE: Duration = Duration::from_mins(2);
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let pairs = sandbox.world().pairs().take(200);
    let details = |(session, participant)| RequestKey::Details { session, participant };
    let panics = Panics { requests: pairs.map(details).collect(), asked: 0, answered: 0, too_much: Some(40) };
    let (fetching, mut signals) = (fetching(&sandbox), Signals::listen().unwrap());
    let fetched = fetch(panics, Kept::default(), &fetching, &mut signals);
    let fetched = tokio::time::timeout(PATIENCE, fetched).await.expect("it hangs").unwrap();
    assert!(matches!(fetched.ended_early, Some(Error::StageEnded { stage: "fetch" })), "{fetched:?}");
    assert!(fetched.kept_in.0 > 40, "what came is kept: {fetched:?}");
}

/// However fast the machine is: what came is kept, and only what is missing is a reason to stop.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_stops_what_is_not_done() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let pairs: Vec<_> = sandbox.world().pairs().take(200).collect();
    let details = |&(session, participant): &(_, _)| RequestKey::Details { session, participant };
    let at = clock::now();
    for millis in [0, 1, 5, 20, 80, 1_000_000] {
        let asks =
            Panics { requests: pairs.iter().map(details).collect(), asked: 0, answered: 0, too_much: None };
        let (requests, instant) = (sandbox.stats().requests, Instant::now() + Duration::from_millis(millis));
        let fetching = Fetching { deadline: Some(Deadline { instant, at }), ..fetching(&sandbox) };
        let fetched = fetch(asks, Kept::default(), &fetching, &mut Signals::listen().unwrap()).await.unwrap();
        assert_eq!(fetched.kept_in.0, fetched.asks.answered);
        match fetched.ended_early {
            None => assert!(fetched.asks.is_done() && millis > 0),
            Some(Error::DeadlinePassed { at: told, .. }) => assert!(!fetched.asks.is_done() && told == at),
            Some(other) => panic!("{other}"),
        }
        if millis == 0 {
            assert_eq!(sandbox.stats().requests, requests, "nothing is sent any more");
        }
    }
}
