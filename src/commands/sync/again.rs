//! Which of the pending days are worth another look: of those with live sessions, the ones of which a session
//! has ended.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::dataset::{Pending, Why};
use crate::error::{Error, Result};
use crate::fetch::{Endpoint, Fetcher, Probe};
use crate::model::SessionId;
use crate::wire::{ListedSession, Object, SessionStatus};

/// Tries after the first: what cannot be known today is asked tomorrow.
const RETRIES: u32 = 2;

/// The days to look at again. The fetcher's stop ends the asking.
///
/// # Errors
/// The token was refused.
pub(super) async fn worth_a_look(pending: &[Pending], fetcher: &Fetcher) -> Result<BTreeSet<NaiveDate>> {
    let mut days = BTreeSet::new();
    for pending in pending {
        if pending.why != Why::Live || has_ended(pending, fetcher).await? {
            days.insert(pending.day);
        }
    }
    Ok(days)
}

/// Whether any of a day's live sessions has ended, or is gone.
async fn has_ended(pending: &Pending, fetcher: &Fetcher) -> Result<bool> {
    for session in pending.sessions.iter().filter_map(|id| SessionId::parse(id)) {
        let probe = Probe::get(Endpoint::Session(session), Vec::new());
        let Some(probed) = fetcher.probe(&probe, RETRIES).await else { return Ok(false) };
        match probed.read(|root, _| status(root)) {
            Ok(SessionStatus::Live) => {}
            Ok(SessionStatus::Ended | SessionStatus::Unknown) => return Ok(true),
            Err(refusal) if refusal.is_of_token() => {
                return Err(Error::CredentialsRefused {
                    key: crate::model::RequestKey::Session { session },
                    status: refusal.status.unwrap_or_default(),
                    api_code: refusal.api_code,
                    message: refusal.message,
                });
            }
            Err(refusal) if refusal.status == Some(404) => return Ok(true),
            // What is not known leaves the day alone this time.
            Err(_) => {}
        }
    }
    Ok(false)
}

/// The status in a session's details, in `data` or `data.session`.
fn status(root: &Object<'_>) -> Option<SessionStatus> {
    let data = Object::parse(root.get("data")?)?;
    let wrapped = data.get("session").and_then(Object::parse);
    Some(ListedSession::of(wrapped.as_ref().unwrap_or(&data)).status)
}
