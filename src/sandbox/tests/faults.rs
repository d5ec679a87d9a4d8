//! Each fault, as a client meets it.

use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::super::SandboxOptions;
use super::Client;

async fn with(rule: &str) -> Client {
    Client::small(|options: &mut SandboxOptions| options.faults = vec![rule.parse().unwrap()]).await
}

/// Whether an I/O error of this kind is at the root of an error.
fn is_caused_by(error: &reqwest::Error, kind: io::ErrorKind) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[tokio::test]
async fn statuses_with_retry_after() {
    let client = with("every 2: 503 retry-after 7").await;
    assert_eq!(client.status("sessions").await, StatusCode::OK);
    let reply = client.send("sessions").await.unwrap();
    assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.headers()["retry-after"], "7");
    let body: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], 503);
    assert_eq!(client.sandbox.stats().faults, 1);
    let reply = with("1: 429 retry-after date 7").await.send("sessions").await.unwrap();
    assert!(httpdate::parse_http_date(reply.headers()["retry-after"].to_str().unwrap()).is_ok());
}

#[tokio::test]
async fn html_pages() {
    for (rule, status, title) in [("1: html 502", 502, "unknown error"), ("1: 1015", 429, "rate limited")] {
        let reply = with(rule).await.send("sessions").await.unwrap();
        assert_eq!(reply.status().as_u16(), status);
        assert_eq!(reply.headers()["content-type"], "text/html; charset=UTF-8");
        assert!(reply.headers().contains_key("cf-ray"));
        assert!(reply.text().await.unwrap().contains(title));
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let client = with("2: reset").await;
    assert_eq!(client.status("sessions").await, StatusCode::OK);
    let error = client.send("sessions").await.unwrap_err();
    assert!(is_caused_by(&error, io::ErrorKind::ConnectionReset), "{error:?}");
    assert_eq!(client.status("sessions").await, StatusCode::OK);
}

#[tokio::test]
async fn a_body_cut_short() {
    let reply = with("1: cut").await.send("sessions").await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    let error = reply.bytes().await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
}

#[tokio::test]
async fn a_stall_and_a_hang_last_until_the_client_gives_up() {
    let patience = Duration::from_millis(80);
    let client = with("1: stall").await;
    let reply = client.send("sessions").await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(tokio::time::timeout(patience, reply.bytes()).await.is_err());
    let client = with("1: hang").await;
    assert!(tokio::time::timeout(patience, client.send("sessions")).await.is_err());
    assert_eq!(client.sandbox.stats().by_status.values().sum::<u64>(), 0);
    client.sandbox.stop().await;
}

#[tokio::test]
async fn bodies_that_are_not_what_was_promised() {
    let body = with("1: garbage").await.text("sessions").await;
    assert!(serde_json::from_str::<Value>(&body).is_err());
    let client = with("1: refuse").await;
    let reply = client.send("sessions").await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(reply.text().await.unwrap().starts_with(r#"{"success":false"#));
    let body = with("1: shape").await.json("sessions").await;
    assert!(body["success"] == true && body["data"].is_array());
}

#[tokio::test]
async fn a_large_body_is_the_reply_with_more_in_it() {
    let client = with("1: body 3 MB").await;
    let mut large = client.json("sessions").await;
    let padding = large.as_object_mut().unwrap().remove("padding").unwrap();
    assert_eq!(padding.as_str().unwrap().len(), 3_000_000);
    assert_eq!(large, client.json("sessions").await);
}

#[tokio::test]
async fn a_match_strikes_its_path_only() {
    let client = Client::small(|_| ()).await;
    let wanted = client.details(3);
    let client = with(&format!("match {}: 503 x2", &wanted["sessions/".len()..])).await;
    assert_eq!(client.status("sessions").await, StatusCode::OK);
    assert_eq!(client.status(&wanted).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(client.status(&client.details(4)).await, StatusCode::OK);
    assert_eq!(client.status(&wanted).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(client.status(&wanted).await, StatusCode::OK);
}

#[tokio::test]
async fn latency_jitter_and_slow_faults_delay() {
    let client = Client::small(|options| {
        options.latency = Duration::from_millis(20);
        options.jitter = Duration::from_millis(10);
        options.faults = vec!["1: slow 30ms".parse().unwrap()];
    })
    .await;
    let started = std::time::Instant::now();
    assert_eq!(client.status("sessions").await, StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(50));
}
