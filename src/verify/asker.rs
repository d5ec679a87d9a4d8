//! Asks the API one question after the other, or several at once, and counts.
//!
//! In: a probe, and how its reply is read. Out: what was read, or why not.
//! Guarantees: after a refused token, or an API that does not answer, nothing more is sent; a body is dropped
//! once it is read.
//! Not here: which questions there are (`sessions`, `days`, `usage`).

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Class;
use crate::fetch::{Endpoint, Fetcher, Probe, Refusal};
use crate::wire::Object;

/// Tries after the first: an API that is slow for a while costs seconds, one that is down not minutes.
const RETRIES: u32 = 4;
/// Questions in a row without an answer, each tried so often, after which the API counts as gone.
const UNANSWERED: u32 = 3;

/// What came of one question.
pub(super) type Told<T> = Result<T, Refusal>;

/// Whoever asks.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    fetcher: &'a Fetcher,
    course: Mutex<Course>,
}

/// How the asking has gone.
#[derive(Debug, Default)]
struct Course {
    sent: u64,
    has_answered: bool,
    unanswered: u32,
    ended: Option<Class>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(fetcher: &'a Fetcher) -> Self {
        Self { fetcher, course: Mutex::default() }
    }

    /// Requests sent, retries included.
    pub(super) fn sent(&self) -> u64 {
        self.course().sent
    }

    /// Why nothing more is sent, where that is so.
    pub(super) fn ended(&self) -> Option<Class> {
        self.course().ended
    }

    /// Asks one question.
    pub(super) async fn ask<T>(&self, probe: Probe, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Told<T> {
        if self.ended().is_some() {
            return Err(not_asked());
        }
        let Some(probed) = self.fetcher.probe(&probe, RETRIES).await else { return Err(not_asked()) };
        let attempts = probed.attempts;
        let told = probed.read(|root, _| read(root));
        self.course().note(probe.endpoint, attempts, told.as_ref().err());
        told
    }

    /// Nothing is awaited while it is held.
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    fn note(&mut self, endpoint: Endpoint, attempts: u32, refusal: Option<&Refusal>) {
        self.sent += u64::from(attempts);
        match refusal {
            // What a token may read of GraphQL has a permission of its own.
            Some(refusal) if refusal.is_of_token() && endpoint != Endpoint::GraphQl => {
                self.ended = self.ended.or(Some(Class::CredentialsRefused));
            }
            Some(refusal) if refusal.status.is_none_or(|status| status >= 500) => {
                self.unanswered += 1;
                let nobody_is_there = refusal.status.is_none() && !self.has_answered;
                if nobody_is_there || self.unanswered >= UNANSWERED {
                    self.ended = self.ended.or(Some(Class::Unreachable));
                }
            }
            Some(_) | None => {
                self.has_answered = true;
                self.unanswered = 0;
            }
        }
    }
}

/// Nobody was asked.
fn not_asked() -> Refusal {
    Refusal { message: "not asked".to_owned(), ..Refusal::default() }
}
