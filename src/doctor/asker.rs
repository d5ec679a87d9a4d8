//! Sends one question after the other, and counts.
//!
//! In: an endpoint, its parameters, and how its reply is read. Out: what was read, or why not.
//! Guarantees: never more than [`AT_MOST`](super::AT_MOST) requests; an API that twice gave no reply is
//! not asked again; a body is dropped before the next request is sent.
//! Not here: which questions there are (`course`).

use super::findings::Told;
use super::{AT_MOST, RETRIES};
use crate::fetch::{Answer, Endpoint, Fetcher, Probe, QuotaTold, Refusal};
use crate::wire::Object;

/// Retries of one question: one bad minute must not use them all up.
const RETRIES_OF_ONE: u32 = 2;
/// Questions without any reply after which the API counts as gone.
const UNANSWERED: u32 = 2;

/// Whoever asks.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    fetcher: &'a Fetcher,
    sent: u32,
    retries_left: u32,
    unanswered: u32,
    quota: Vec<QuotaTold>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(fetcher: &'a Fetcher) -> Self {
        Self { fetcher, sent: 0, retries_left: RETRIES, unanswered: 0, quota: Vec::new() }
    }

    /// Requests sent, and what their replies said of the quota.
    pub(super) fn into_account(self) -> (u32, Vec<QuotaTold>) {
        (self.sent, self.quota)
    }

    /// Asks one question. `read` gets the reply's root and the bytes of its body; nothing where the
    /// reply is not what was asked for.
    pub(super) async fn ask<T>(
        &mut self,
        endpoint: Endpoint,
        query: &[(&'static str, &str)],
        read: impl FnOnce(&Object<'_>, usize) -> Option<T>,
    ) -> Told<T> {
        if self.unanswered >= UNANSWERED || self.sent >= AT_MOST {
            return Err(not_asked());
        }
        let query = query.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        let retries = self.retries_left.min(RETRIES_OF_ONE).min(AT_MOST - self.sent - 1);
        let probed = self.fetcher.probe(&Probe::get(endpoint, query), retries).await;
        let Some(probed) = probed else { return Err(not_asked()) };
        self.sent += probed.attempts;
        self.retries_left = self.retries_left.saturating_sub(probed.attempts - 1);
        self.quota.push(probed.quota.clone());
        self.unanswered +=
            u32::from(matches!(&probed.answer, Answer::Failed(failure) if failure.http_status.is_none()));
        probed.read(read)
    }
}

/// Nobody was asked.
fn not_asked() -> Refusal {
    Refusal { message: "not asked: the API gave no reply before".to_owned(), ..Refusal::default() }
}
