//! What to do after a try: the contract's table of what is retried, and the arithmetic of waiting.
//!
//! In: the outcome of a try, how many retries and how much time its request has had. Out: a
//! [`Decision`].
//! Guarantees: pure; the random numbers are an argument; tries and time are bounded, except that a
//! 429 costs neither.
//! Not here: sending, sleeping, the pause that a 429 causes (`budget`).

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::Reason;
use super::fault::FaultKind;

/// How often and how long one request is tried.
#[derive(Clone, Debug)]
pub struct RetryConfig {
    /// Tries after the first.
    pub retries: u32,
    /// Upper end of the first wait; it doubles with each retry. Cloudflare's own SDKs use half a second.
    pub first_wait: Duration,
    /// Upper end of any wait that the server did not ask for.
    pub longest_wait: Duration,
    /// Time in tries and waits, after which the last outcome is final. Waiting at the gate is not in it.
    pub give_up_after: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            retries: 8,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
            give_up_after: Duration::from_mins(10),
        }
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A success whose body holds what was promised.
    Good,
    /// A success whose body does not, or was cut short.
    Bad,
    /// A success whose body is larger than the pool.
    TooLarge,
    /// Another status, with the code of an edge error page where it was one.
    Status(StatusCode, Option<u16>),
    /// Another status, with a body that was cut short.
    StatusCut(StatusCode),
    /// No reply.
    Fault(FaultKind),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The reply is the answer.
    Keep,
    /// Try again after this wait.
    Again(Duration),
    /// The budget is spent: close the gate, then try again. Costs no retry.
    Throttled,
    /// The id is a failure.
    Fail(Reason),
    /// The token is refused: end the run.
    CredentialsRefused,
    /// The edge blocks this client: end the run.
    Blocked(u16),
}

/// What the outcome alone says, before tries and time are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing to count: the decision stands.
    Final(Decision),
    /// To be tried again; a failure of this kind when there are no tries left.
    Retry(Reason),
}

/// What one request has used up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// Retries so far.
    pub(super) retries: u32,
    /// Time in tries and waits.
    pub(super) time: Duration,
}

/// The table. `random` is uniform in `[0, 1)`.
pub(super) fn decide(
    outcome: Outcome,
    retry_after: Option<Duration>,
    spent: Spent,
    config: &RetryConfig,
    random: impl FnOnce() -> f64,
) -> Decision {
    let reason = match verdict(outcome) {
        Verdict::Final(decision) => return decision,
        Verdict::Retry(reason) => reason,
    };
    if spent.retries >= config.retries {
        return Decision::Fail(reason);
    }
    // Full jitter: the whole range, so that requests which failed together do not return together.
    let wait = backoff(spent.retries, config).mul_f64(random()).max(retry_after.unwrap_or_default());
    if spent.time.saturating_add(wait) > config.give_up_after {
        return Decision::Fail(reason);
    }
    Decision::Again(wait)
}

fn verdict(outcome: Outcome) -> Verdict {
    use Verdict::{Final, Retry};
    match outcome {
        Outcome::Good => Final(Decision::Keep),
        Outcome::Bad | Outcome::Fault(FaultKind::BodyCut) => Retry(Reason::BadResponse),
        Outcome::TooLarge => Final(Decision::Fail(Reason::TooLarge)),
        Outcome::Fault(_) => Retry(Reason::RetriesExhausted),
        // What the API says of an id stands in `failures`, the same in every run.
        Outcome::StatusCut(status) => match verdict(Outcome::Status(status, None)) {
            Final(Decision::Fail(reason)) => Retry(reason),
            other => other,
        },
        Outcome::Status(status, edge_code) => match (status.as_u16(), edge_code) {
            (403 | 409 | 429, Some(code @ (1006..=1008 | 1020))) => Final(Decision::Blocked(code)),
            (429, _) | (403 | 409, Some(1015)) => Final(Decision::Throttled),
            (401 | 403, _) => Final(Decision::CredentialsRefused),
            (404, _) => Final(Decision::Fail(Reason::NotFound)),
            (408 | 409 | 425 | 500 | 502 | 503 | 504 | 520..=527 | 530, _) => Retry(Reason::RetriesExhausted),
            _ => Final(Decision::Fail(Reason::Refused)),
        },
    }
}

/// Upper end of the wait after this many retries.
fn backoff(retries: u32, config: &RetryConfig) -> Duration {
    let doubled = config.first_wait.saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX));
    doubled.min(config.longest_wait)
}

/// `Retry-After`: seconds, or a date, which is measured against the server's own clock where it told it.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let now = server_time(headers).unwrap_or_else(|| now.into());
    Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
}

/// What time it is by the server's clock, to the second.
pub(super) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// The code of Cloudflare's error page: `error code: 1015` as text, or spread over HTML.
///
/// The page is the only place where it is told. The code follows the word, with markup between.
pub(super) fn edge_error_code(body: &[u8]) -> Option<u16> {
    const WORD: &[u8] = b"error";
    const BETWEEN: usize = 64;
    const PAGE: usize = 16 << 10;
    let page = &body[..body.len().min(PAGE)];
    page.windows(WORD.len()).enumerate().filter(|(_, word)| word.eq_ignore_ascii_case(WORD)).find_map(
        |(at, _)| {
            let after = &page[at + WORD.len()..];
            let after = &after[..after.len().min(BETWEEN)];
            let start = after.iter().position(u8::is_ascii_digit)?;
            let digits = after[start..].split(|byte| !byte.is_ascii_digit()).next()?;
            let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (1000..2000).contains(&code).then_some(code)
        },
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn first(outcome: Outcome) -> Decision {
        decide(outcome, None, Spent::default(), &RetryConfig::default(), || 0.5)
    }

    /// Statuses of one decision as ranges.
    fn table() -> String {
        let mut lines: Vec<(u16, u16, Decision)> = Vec::new();
        for (code, decision) in decisions(None) {
            match lines.last_mut() {
                Some((_, last, same)) if *same == decision => *last = code,
                _ => lines.push((code, code, decision)),
            }
        }
        lines.into_iter().fold(String::new(), |mut text, (from, to, decision)| {
            writeln!(text, "{from}-{to} {decision:?}").unwrap();
            text
        })
    }

    /// What is done about every status that is no success, with the code of an edge page.
    fn decisions(edge_code: Option<u16>) -> Vec<(u16, Decision)> {
        let codes = (100..=599).filter(|code| !(200..300).contains(code));
        codes
            .map(|code| (code, first(Outcome::Status(StatusCode::from_u16(code).unwrap(), edge_code))))
            .collect()
    }

    /// The statuses of which an edge page changes the decision.
    fn changed_by(edge_code: u16) -> Vec<(u16, Decision)> {
        let plain = decisions(None);
        decisions(Some(edge_code)).into_iter().filter(|decided| !plain.contains(decided)).collect()
    }

    #[test]
    fn every_status_has_its_decision() {
        insta::assert_snapshot!(table(), @r"
        100-400 Fail(Refused)
        401-401 CredentialsRefused
        402-402 Fail(Refused)
        403-403 CredentialsRefused
        404-404 Fail(NotFound)
        405-407 Fail(Refused)
        408-409 Again(250ms)
        410-424 Fail(Refused)
        425-425 Again(250ms)
        426-428 Fail(Refused)
        429-429 Throttled
        430-499 Fail(Refused)
        500-500 Again(250ms)
        501-501 Fail(Refused)
        502-504 Again(250ms)
        505-519 Fail(Refused)
        520-527 Again(250ms)
        528-529 Fail(Refused)
        530-530 Again(250ms)
        531-599 Fail(Refused)
        ");
    }

    #[test]
    fn an_edge_page_can_mean_throttled_or_blocked() {
        let of = |decision| vec![(403, decision), (409, decision), (429, decision)];
        // A plain 429 is throttled anyway.
        assert_eq!(changed_by(1015), of(Decision::Throttled)[..2]);
        for code in [1006, 1007, 1008, 1020] {
            assert_eq!(changed_by(code), of(Decision::Blocked(code)));
        }
        assert_eq!(changed_by(1001), []);
    }

    #[test]
    fn every_other_outcome_has_its_decision() {
        use FaultKind::{BodyCut, Closed, Connect, Other, Timeout, Tls};
        let again = Decision::Again(Duration::from_millis(250));
        assert_eq!(first(Outcome::Good), Decision::Keep);
        assert_eq!(first(Outcome::Bad), again);
        assert_eq!(first(Outcome::TooLarge), Decision::Fail(Reason::TooLarge));
        let out = Spent { retries: 8, ..Spent::default() };
        for kind in [Connect, Tls, Timeout, Closed, BodyCut, Other] {
            assert_eq!(first(Outcome::Fault(kind)), again);
            let reason = if kind == BodyCut { Reason::BadResponse } else { Reason::RetriesExhausted };
            let last = decide(Outcome::Fault(kind), None, out, &RetryConfig::default(), || 0.5);
            assert_eq!(last, Decision::Fail(reason));
        }
    }

    #[test]
    fn a_refusal_without_its_explanation_is_asked_for_again_and_stays_one() {
        let again = Decision::Again(Duration::from_millis(250));
        let out = Spent { retries: 8, ..Spent::default() };
        for (code, decision, last) in [
            (404, again, Decision::Fail(Reason::NotFound)),
            (422, again, Decision::Fail(Reason::Refused)),
            (503, again, Decision::Fail(Reason::RetriesExhausted)),
            (401, Decision::CredentialsRefused, Decision::CredentialsRefused),
            (429, Decision::Throttled, Decision::Throttled),
        ] {
            let outcome = Outcome::StatusCut(StatusCode::from_u16(code).unwrap());
            assert_eq!(first(outcome), decision);
            assert_eq!(decide(outcome, None, out, &RetryConfig::default(), || 0.5), last);
        }
    }

    #[test]
    fn waits_double_up_to_a_bound_and_obey_the_server() {
        let config = RetryConfig::default();
        let wait = |retries, time, after: Option<u64>| {
            let after = after.map(Duration::from_secs);
            let spent = Spent { retries, time: Duration::from_secs(time) };
            let outcome = Outcome::Status(StatusCode::SERVICE_UNAVAILABLE, None);
            match decide(outcome, after, spent, &config, || 1.0) {
                Decision::Again(wait) => Some(wait.as_millis()),
                _ => None,
            }
        };
        let waits: Vec<_> = (0..9).map(|retries| wait(retries, 0, None)).collect();
        let expected = [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000].map(Some);
        assert_eq!(waits[..8], expected);
        assert_eq!(waits[8], None);
        assert_eq!(wait(0, 0, Some(30)), Some(30_000));
        assert_eq!(wait(0, 580, Some(30)), None, "time is bounded too");
        assert_eq!(backoff(u32::MAX, &config), config.longest_wait);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let of = |value: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            date.map(|date| headers.insert(DATE, date.parse().unwrap()));
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(of("17", None), Some(17));
        assert_eq!(of("Mon, 23 Nov 2026 12:01:00 GMT", None), Some(60));
        let server_is_late = Some("Mon, 23 Nov 2026 11:59:00 GMT");
        assert_eq!(of("Mon, 23 Nov 2026 12:01:00 GMT", server_is_late), Some(120));
        assert_eq!(of("Mon, 23 Nov 2026 11:01:00 GMT", None), Some(0));
        assert_eq!(of("soon", None), None);
        assert_eq!(of("-1", None), None);
    }

    #[test]
    fn an_edge_code_is_read_from_text_and_html() {
        for (page, code) in [
            ("error code: 1015", Some(1015)),
            (
                "<span class=\"cf-error-type\">Error</span>\n<span class=\"cf-error-code\">1020</span>",
                Some(1020),
            ),
            ("<title>Access denied | Error 1006</title>", Some(1006)),
            ("error 404", None),
            ("error", None),
            ("Errors: 10150", None),
            ("", None),
        ] {
            assert_eq!(edge_error_code(page.as_bytes()), code, "{page}");
        }
    }
}
