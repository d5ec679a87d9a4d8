//! One request by itself, of which the reply is looked at rather than kept: what `doctor` and `verify` send.
//!
//! In: a [`Probe`], and how often it may be tried again. Out: [`Probed`]: the answer, and what the
//! headers say of the quota.
//! Guarantees: passes the one gate and obeys its pauses like any other request; the number of tries is
//! bounded, those that meet a 429 included; a 401 or 403 is an answer here, and ends nothing.
//! Not here: what an answer means (`doctor`, `verify`).

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, utf8_percent_encode};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::budget::policy::{self, Left, Policy};
use super::outcome::Tried;
use super::reply::{Answer, Failure, Reason};
use super::retry::{Decision, RetryConfig, decide};
use super::target::{SEGMENT, Target};
use super::{Course, Fetcher};
use crate::model::{ParticipantId, SessionId};

/// What a query's value may hold as it is: the API's lists are joined by commas.
const VALUE: &AsciiSet = &SEGMENT.remove(b',');

/// What a probe asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `user/tokens/verify`
    UserToken,
    /// `accounts/{account}/tokens/verify`
    AccountToken,
    /// `accounts/{account}/realtime/kit/apps`
    Apps,
    /// `sessions`
    Sessions,
    /// `sessions/{session}`
    Session(SessionId),
    /// `sessions/{session}/participants`
    Participants(SessionId),
    /// `sessions/{session}/participants/{participant}`
    Details(SessionId, ParticipantId),
    /// `sessions/peer-report/{participant}`
    PeerReport(ParticipantId),
    /// `analytics/daywise`
    Daywise,
    /// `graphql`: the only one that a document is posted to.
    GraphQl,
}

/// A request by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// The query's parameters, not percent-encoded.
    pub query: Vec<(&'static str, String)>,
    /// A JSON document to be posted; without one it is a GET.
    pub json: Option<String>,
}

impl Probe {
    /// A GET.
    #[must_use]
    pub const fn get(endpoint: Endpoint, query: Vec<(&'static str, String)>) -> Self {
        Self { endpoint, query, json: None }
    }

    /// A POST.
    #[must_use]
    pub const fn post(endpoint: Endpoint, json: String) -> Self {
        Self { endpoint, query: Vec::new(), json: Some(json) }
    }
}

/// What came of a probe.
#[derive(Debug)]
pub struct Probed {
    /// Requests sent for it.
    pub attempts: u32,
    /// The body of a success that is a JSON object, or why there is none.
    pub answer: Answer,
    /// What the last reply said of the quota.
    pub quota: QuotaTold,
}

/// The rate-limit headers of a reply (API page, section 9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaTold {
    /// `Ratelimit-Policy` as sent.
    pub policy_field: Option<String>,
    /// What could be read of it.
    pub policies: Vec<Policy>,
    /// `Ratelimit` as sent.
    pub left_field: Option<String>,
    /// What could be read of it.
    pub left: Vec<Left>,
}

impl QuotaTold {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let field = |name| policy::field(headers, name);
        let shown = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        let (policy, left) = (field("ratelimit-policy"), field("ratelimit"));
        Self {
            policies: policy.as_deref().map(policy::policies).unwrap_or_default(),
            policy_field: policy.as_deref().map(shown),
            left: left.as_deref().map(policy::left).unwrap_or_default(),
            left_field: left.as_deref().map(shown),
        }
    }
}

impl Target {
    /// The URL of a probe.
    fn probe_url(&self, probe: &Probe) -> String {
        let (root, account, sessions) = (self.root(), self.account(), self.sessions());
        let mut url = match probe.endpoint {
            Endpoint::UserToken => format!("{root}/user/tokens/verify"),
            Endpoint::AccountToken => format!("{account}/tokens/verify"),
            Endpoint::Apps => format!("{account}/realtime/kit/apps"),
            Endpoint::Sessions => sessions.to_owned(),
            Endpoint::Session(session) => format!("{sessions}/{session}"),
            Endpoint::Participants(session) => format!("{sessions}/{session}/participants"),
            Endpoint::Details(session, participant) => {
                format!("{sessions}/{session}/participants/{participant}")
            }
            Endpoint::PeerReport(participant) => format!("{sessions}/peer-report/{participant}"),
            Endpoint::Daywise => format!("{}/analytics/daywise", self.app()),
            Endpoint::GraphQl => format!("{root}/graphql"),
        };
        for (number, (name, value)) in probe.query.iter().enumerate() {
            let before = if number == 0 { '?' } else { '&' };
            write!(url, "{before}{name}={}", utf8_percent_encode(value, VALUE))
                .expect("a String takes any text");
        }
        url
    }
}

impl Fetcher {
    /// Sends a request by itself, at its turn, and again where it failed for a passing reason: at most
    /// `retries` times more, whatever the reason. `None` where the fetcher was stopped.
    ///
    /// Dropped, it loses the reply under way; its request stays counted in the budget.
    pub async fn probe(&self, probe: &Probe, retries: u32) -> Option<Probed> {
        let url = self.target.probe_url(probe);
        let retry = RetryConfig { retries, ..self.retry.clone() };
        let mut course = Course::default();
        loop {
            let pass = self.gate.acquire().await?;
            let ticket = pass.ticket();
            course.attempts += 1;
            let received = match &probe.json {
                Some(json) => self.client.post(&url, json.clone(), pass).await,
                None => self.client.send(&url, pass).await,
            };
            let quota =
                received.as_ref().map(|received| QuotaTold::of(&received.headers)).unwrap_or_default();
            let tried = Tried::of(None, received);
            let decision = decide(tried.outcome, tried.retry_after, course.spent, &retry, fastrand::f64);
            let answer = match decision {
                Decision::Keep => Answer::Found(tried.body),
                Decision::Fail(reason) => Answer::Failed(tried.into_failure(reason)),
                Decision::CredentialsRefused => {
                    self.gate.go_on();
                    Answer::Failed(tried.into_failure(Reason::Refused))
                }
                Decision::Blocked(edge_code) => {
                    self.gate.go_on();
                    Answer::Failed(blocked(tried, edge_code))
                }
                Decision::Throttled => {
                    self.throttled(&tried, ticket);
                    if course.spent.retries < retries {
                        course.spent.retries += 1;
                        continue;
                    }
                    Answer::Failed(tried.into_failure(Reason::RetriesExhausted))
                }
                Decision::Again(wait) => {
                    course.spent.retries += 1;
                    course.spent.time += wait;
                    drop(tried);
                    tokio::time::sleep(wait).await;
                    continue;
                }
            };
            return Some(Probed { attempts: course.attempts, answer, quota });
        }
    }
}

/// The edge's own refusal as one 403, whatever status it came under, with its code.
fn blocked(tried: Tried, edge_code: u16) -> Failure {
    let message = format!("the edge of the API blocks this client with error {edge_code}");
    let http_status = Some(StatusCode::FORBIDDEN.as_u16());
    Failure { http_status, message, ..tried.into_failure(Reason::Refused) }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::fetch::Queries;

    #[test]
    fn every_endpoint_has_its_url() {
        let base = Url::parse("https://api.example/client/v4/").unwrap();
        let target = Target::new(&base, "a/b", "app", Queries::default(), None).unwrap();
        let session = SessionId::from_bytes([1; 16]);
        let participant = ParticipantId::from_bytes([2; 16]);
        let urls: Vec<_> = [
            Endpoint::UserToken,
            Endpoint::AccountToken,
            Endpoint::Apps,
            Endpoint::Sessions,
            Endpoint::Session(session),
            Endpoint::Participants(session),
            Endpoint::Details(session, participant),
            Endpoint::PeerReport(participant),
            Endpoint::Daywise,
            Endpoint::GraphQl,
        ]
        .into_iter()
        .map(|endpoint| target.probe_url(&Probe::get(endpoint, Vec::new())))
        .map(|url| url.replace(&session.to_string(), "S").replace(&participant.to_string(), "P"))
        .collect();
        insta::assert_snapshot!(urls.join("\n"), @r"
        https://api.example/client/v4/user/tokens/verify
        https://api.example/client/v4/accounts/a%2Fb/tokens/verify
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/apps
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/app/sessions
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/app/sessions/S
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/app/sessions/S/participants
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/app/sessions/S/participants/P
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/app/sessions/peer-report/P
        https://api.example/client/v4/accounts/a%2Fb/realtime/kit/app/analytics/daywise
        https://api.example/client/v4/graphql
        ");
        let query =
            vec![("start_time", "2026-10-01T00:00:00+02:00".to_owned()), ("filters", "a,b".to_owned())];
        let url = target.probe_url(&Probe::get(Endpoint::UserToken, query));
        assert!(url.ends_with("verify?start_time=2026-10-01T00%3A00%3A00%2B02%3A00&filters=a,b"), "{url}");
    }
}
