//! The course of the questions: what is asked next depends on what was answered.
//!
//! In: an asker's fetcher, the subject. Out: [`Findings`].
//! Guarantees: what would be pointless is not asked: nothing after a refused token or an unknown app.
//! Not here: what the answers mean (`checks`).

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::Subject;
use super::asker::Asker;
use super::findings::{ASKED, Findings, Listing, Record, Refusal, Report, SessionSeen, TokenSeen, Told};
use crate::fetch::{Endpoint, Fetcher};
use crate::model::{ParticipantId, SessionId};

/// What a run asks a page to hold.
pub(super) const HUNDRED: u64 = 100;
const PER_PAGE: (&str, &str) = ("per_page", "100");
const NEWEST_FIRST: [(&str, &str); 2] = [("sort_by", "createdAt"), ("sort_order", "DESC")];
const AS_JOINED: [(&str, &str); 2] = [("sort_by", "joinedAt"), ("sort_order", "ASC")];
const WITH_EVENTS: (&str, &str) = ("include_peer_events", "true");

/// Half of a window around a session's end.
const AROUND_THE_END: Duration = Duration::from_secs(1);
/// Half of a window around its creation: times have milliseconds.
pub(super) const AROUND_THE_CREATION: Duration = Duration::from_millis(1);
/// A session that lasted less than this is too short to tell its end from its start.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// Asks everything there is reason to ask.
pub(super) async fn run(fetcher: &Fetcher, subject: &Subject) -> Findings {
    let mut asker = Asker::new(fetcher);
    let mut findings = Findings::default();
    if token_and_access(&mut asker, &mut findings).await {
        session(&mut asker, &mut findings, subject).await;
    }
    (findings.sent, findings.quota) = asker.into_account();
    findings
}

/// The token, the sessions, the apps; whether there is reason to ask on.
async fn token_and_access(asker: &mut Asker<'_>, findings: &mut Findings) -> bool {
    let user = asker.ask(Endpoint::UserToken, &[], TokenSeen::read).await;
    // A token that an account owns is unknown to the user's check.
    if user.as_ref().is_err_and(|refusal| refusal.status.is_some()) {
        findings.account_token = Some(asker.ask(Endpoint::AccountToken, &[], TokenSeen::read).await);
    }
    findings.user_token = Some(user);

    let query = [&[PER_PAGE], &NEWEST_FIRST[..]].concat();
    let mut sessions = asker.ask(Endpoint::Sessions, &query, Listing::sessions).await;
    if let Err(refusal) = &sessions
        && refusal.is_of_parameters()
    {
        findings.hundred_sessions = Some(refusal.clone());
        sessions = asker.ask(Endpoint::Sessions, &[], Listing::sessions).await;
    }
    let (is_listed, is_refused) = (sessions.is_ok(), sessions.as_ref().is_err_and(Refusal::is_of_token));
    findings.sessions = Some(sessions);
    if !is_refused {
        findings.apps = Some(asker.ask(Endpoint::Apps, &[], Listing::apps).await);
    }
    is_listed
}

/// All that is asked of one session.
async fn session(asker: &mut Asker<'_>, findings: &mut Findings, subject: &Subject) {
    let listed = findings.sessions.as_ref().and_then(|sessions| sessions.as_ref().ok());
    let listed = listed.map(|sessions| &sessions.rows[..]).unwrap_or_default();
    let sample = match subject.session {
        Some(wanted) => match listed.iter().find(|session| session.id == wanted) {
            Some(session) => Ok(session.clone()),
            None => asker.ask(Endpoint::Session(wanted), &[], SessionSeen::read).await,
        },
        None => match sample(listed) {
            Some(session) => Ok(session.clone()),
            None => return,
        },
    };
    findings.session = Some(sample.clone());
    let Ok(session) = sample else { return };
    pages(asker, findings, session.id).await;
    let first = findings.first.as_ref().and_then(|first| first.as_ref().ok());
    let first = first.map(|first| &first.rows[..]).unwrap_or_default();
    findings.participant = subject.participant.or_else(|| participant(first));
    if let Some(participant) = findings.participant {
        statistics(asker, findings, session.id, participant).await;
    }
    windows(asker, findings, &session).await;
}

/// The session to look at: ended, and with as many participants as one page is sure to hold.
fn sample(listed: &[SessionSeen]) -> Option<&SessionSeen> {
    listed.iter().max_by_key(|session| {
        let most = session.most_at_once.unwrap_or_default();
        let rank = if most > HUNDRED { 1 } else { 2 * u8::from(most > 0) };
        // Of those that are too large, the least so; of equal ones, the newest.
        let size = if most > HUNDRED { u64::MAX - most } else { most };
        (session.is_ended, rank, size, session.created_at)
    })
}

/// The participant to look at: one that can be asked for and has events.
fn participant(listed: &[Record]) -> Option<ParticipantId> {
    let with_events = listed.iter().find(|record| record.event_minutes().is_some() && record.id().is_some());
    with_events.and_then(Record::id).or_else(|| listed.iter().find_map(Record::id))
}

/// Size, base and place of paging.
async fn pages(asker: &mut Asker<'_>, findings: &mut Findings, session: SessionId) {
    let endpoint = Endpoint::Participants(session);
    let sized = [&[PER_PAGE], &AS_JOINED[..], &[WITH_EVENTS]].concat();
    let mut first = asker.ask(endpoint, &sized, Listing::participants).await;
    if let Err(refusal) = &first
        && refusal.is_of_parameters()
    {
        findings.hundred_participants = Some(refusal.clone());
        let unsized_page = [&AS_JOINED[..], &[WITH_EVENTS]].concat();
        first = asker.ask(endpoint, &unsized_page, Listing::participants).await;
    }
    let count = first.as_ref().map_or(0, Listing::count);
    findings.first = Some(first);
    if count > 0 {
        let query = [&[("page_no", "1")], &AS_JOINED[..]].concat();
        findings.page_one = Some(asker.ask(endpoint, &query, Listing::participants).await);
    }
    if count > 1 {
        let query = [&[("page_no", "2"), ("per_page", "1")], &AS_JOINED[..]].concat();
        findings.page_two = Some(asker.ask(endpoint, &query, Listing::participants).await);
    }
}

/// Details and peer reports of one participant.
async fn statistics(
    asker: &mut Asker<'_>,
    findings: &mut Findings,
    session: SessionId,
    participant: ParticipantId,
) {
    let details = Endpoint::Details(session, participant);
    let two = ASKED.join(",");
    findings.details = Some(asker.ask(details, &[WITH_EVENTS], Report::read).await);
    findings.details_filtered = Some(asker.ask(details, &[("filters", &two)], Report::read).await);
    let report = Endpoint::PeerReport(participant);
    let of_two = asker.ask(report, &[("filters", &two)], Report::read).await;
    if of_two.as_ref().is_err_and(Refusal::is_of_parameters) {
        findings.report_of_one = Some(asker.ask(report, &[("filters", ASKED[0])], Report::read).await);
    }
    findings.report_of_two = Some(of_two);
    findings.report = Some(asker.ask(report, &[], Report::read).await);
}

/// Which of a session's times a window tests: one around its end, then one that tells the rest.
async fn windows(asker: &mut Asker<'_>, findings: &mut Findings, session: &SessionSeen) {
    let Some((begun, ended)) = span(session) else { return };
    let sized = findings.hundred_sessions.is_none();
    let around = list_window(asker, sized, ended - AROUND_THE_END, ended + AROUND_THE_END).await;
    let second = match &around {
        Ok(listing) if listing.has(session) => {
            let middle = begun + (ended - begun) / 2;
            Some((middle, middle + AROUND_THE_CREATION))
        }
        Ok(listing) if listing.is_all() != Some(false) => {
            session.created_at.map(|created| (created - AROUND_THE_CREATION, created + AROUND_THE_CREATION))
        }
        _ => None,
    };
    findings.around_the_end = Some(around);
    if let Some((from, to)) = second {
        findings.second_window = Some(list_window(asker, sized, from, to).await);
    }
}

async fn list_window(
    asker: &mut Asker<'_>,
    sized: bool,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Told<Listing<SessionSeen>> {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (from, to) = (text(from), text(to));
    let mut query = vec![("start_time", from.as_str()), ("end_time", to.as_str())];
    query.extend(sized.then_some(PER_PAGE));
    asker.ask(Endpoint::Sessions, &query, Listing::sessions).await
}

/// When a session had begun by all its times, and when it ended; `None` where it is live, or too short.
pub(super) fn span(session: &SessionSeen) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let begun = session.created_at?.max(session.started_at?);
    let ended = session.ended_at.filter(|_| session.is_ended)?;
    ((ended - begun).to_std().ok()? >= LONG_ENOUGH).then_some((begun, ended))
}
