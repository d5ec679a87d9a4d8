//! The budget gate: what each request pays to pass it and to tell of its reply, where nobody ever waits. On two
//! threads, because all fetching tasks pass the one gate.

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use futures::FutureExt;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use rtk_export::fetch::{BudgetConfig, Gate};

/// More requests a second than can be asked for.
const NEVER_BINDS: BudgetConfig = BudgetConfig {
    requests: 1_000_000_000,
    window: Duration::from_secs(1),
    reserve_percent: 0,
    explicit: true,
};

#[divan::bench(threads = [1, 2])]
fn request(bencher: Bencher) {
    measure(bencher, &HeaderMap::new());
}

/// The API tells its quota with every reply: that is read, too.
#[divan::bench(threads = [1, 2])]
fn request_with_quota_told(bencher: Bencher) {
    let quota = [
        ("ratelimit-policy", r#""default";q=1000000000;w=1"#),
        ("ratelimit", r#""default";r=999999999;t=1"#),
    ];
    let headers = quota.map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
    measure(bencher, &HeaderMap::from_iter(headers));
}

fn measure(bencher: Bencher, headers: &HeaderMap) {
    let gate = Gate::unshared(NEVER_BINDS);
    // The first reply lets the others go side by side.
    pass(&gate, headers);
    bencher.counter(ItemsCount::new(1_usize)).bench(|| pass(&gate, headers));
}

fn pass(gate: &Arc<Gate>, headers: &HeaderMap) {
    let pass = gate.acquire().now_or_never().flatten().expect("nobody waits");
    pass.replied(StatusCode::OK, headers);
}
