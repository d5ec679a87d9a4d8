//! The rate limit, on paused clocks where time matters.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::Instant;

use super::super::limit::{Limiter, RateHeaders, RateLimit, RetryAfter, WindowKind};
use super::Client;

const WINDOW: Duration = Duration::from_secs(10);

fn limiter(change: impl FnOnce(&mut RateLimit)) -> Limiter {
    let mut limit = RateLimit::new(4, WINDOW);
    change(&mut limit);
    Limiter::new(limit)
}

/// Which of the arrivals, in milliseconds from the first, pass.
fn passes(limiter: &Limiter, arrivals_ms: &[u64]) -> Vec<bool> {
    let start = Instant::now();
    arrivals_ms.iter().map(|ms| limiter.arrive(start + Duration::from_millis(*ms)).allowed).collect()
}

#[test]
fn a_sliding_window_blocks_one_too_many() {
    let limiter = limiter(|_| ());
    let passed = passes(&limiter, &[0, 1000, 2000, 3000, 10_000, 10_500, 20_400, 20_500]);
    assert_eq!(passed, [true, true, true, true, true, false, false, true]);
    assert_eq!(limiter.seen().limited, 2);
    assert_eq!(limiter.seen().most_in_a_window, 5);
}

#[test]
fn a_fixed_window_starts_anew() {
    let limiter = limiter(|limit| limit.kind = WindowKind::Fixed);
    let passed = passes(&limiter, &[0, 9000, 9100, 9200, 10_000, 10_100, 10_200, 10_300, 10_400, 20_400]);
    assert_eq!(passed, [true, true, true, true, true, true, true, true, false, true]);
}

#[test]
fn others_spend_their_part() {
    let shared = limiter(|limit| limit.others_percent = 50);
    assert_eq!(passes(&shared, &[0, 1, 2]), [true, true, false]);
    let shared = limiter(|_| ());
    shared.spend(3, Instant::now());
    assert_eq!(passes(&shared, &[0, 1]), [true, false]);
}

#[test]
fn headers_in_every_style() {
    let first = |headers| {
        let verdict = limiter(|limit| limit.headers = headers).arrive(Instant::now());
        verdict.headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        first(RateHeaders::True),
        ["ratelimit-policy: \"default\";q=4;w=10", "ratelimit: \"default\";r=3;t=10"]
    );
    assert_eq!(first(RateHeaders::Absent), [""; 0]);
    assert_eq!(first(RateHeaders::Frozen)[1], "ratelimit: \"default\";r=3;t=1");
    assert_eq!(first(RateHeaders::Malformed).len(), 2);
    let items = first(RateHeaders::Items);
    assert!(items.len() == 2 && items[0].contains(", \"default\";q=4;w=10"), "{items:?}");
    assert_eq!(first(RateHeaders::Lines).len(), 4);
}

#[tokio::test]
async fn a_429_says_when_to_come_back() {
    for style in [RetryAfter::Seconds, RetryAfter::Date, RetryAfter::Absent] {
        let client = Client::small(|options| {
            options.rate_limit =
                Some(RateLimit { retry_after: style, ..RateLimit::new(2, Duration::from_mins(10)) });
        })
        .await;
        assert_eq!(client.status("sessions").await, StatusCode::OK);
        client.sandbox.spend(1);
        let reply = client.send("sessions").await.unwrap();
        assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(reply.headers()["ratelimit"].to_str().unwrap().starts_with("\"default\";r=0;t=600"));
        let retry_after = reply.headers().get("retry-after").map(|value| value.to_str().unwrap());
        match style {
            RetryAfter::Seconds => assert_eq!(retry_after, Some("600")),
            RetryAfter::Date => assert!(httpdate::parse_http_date(retry_after.unwrap()).is_ok()),
            RetryAfter::Absent => assert_eq!(retry_after, None),
        }
        let text = reply.text().await.unwrap();
        assert!(text.contains("More than 2 requests per 600 seconds reached"), "{text}");
        let stats = client.sandbox.stats();
        assert_eq!((stats.requests, stats.rate_limited, stats.most_in_a_window), (2, 1, 3));
    }
}

#[tokio::test]
async fn the_quota_can_be_spent_over_http() {
    let client = Client::small(|options| options.rate_limit = Some(RateLimit::new(100, WINDOW))).await;
    client.http.get(format!("{}/__sandbox/spend?n=60", client.sandbox.origin())).send().await.unwrap();
    let reply = client.send("sessions").await.unwrap();
    assert!(reply.headers()["ratelimit"].to_str().unwrap().starts_with("\"default\";r=39;t="));
}
