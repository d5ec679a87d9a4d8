//! The session that is looked at; what a window selects; how fresh and how settled sessions are.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::Subject;
use super::super::course::{AROUND_THE_CREATION, span};
use super::super::findings::{Findings, Listing, SessionSeen};
use super::super::report::{Check, Verdict};
use super::{counted, found, open, shown, unanswered};
use crate::error::Class;

/// Which session and participant the rest was asked of.
pub(super) fn sample(findings: &Findings, subject: &Subject) -> Check {
    let name = "sample";
    let session = match &findings.session {
        Some(Ok(session)) => session,
        Some(Err(refusal)) if refusal.status == Some(404) => {
            return Check::new(name, Verdict::Failed(Class::Usage), "not_found", refusal.text())
                .follows("check --session: it is the id of a session of this app");
        }
        Some(Err(refusal)) => return unanswered(name, refusal),
        None => return open(name, "there is no session to look at"),
    };
    if let (Some(wanted), Some(Err(refusal))) = (subject.participant, &findings.details)
        && refusal.status == Some(404)
    {
        let seen = format!("participant {wanted}: {}", refusal.text());
        return Check::new(name, Verdict::Failed(Class::Usage), "not_found", seen).follows(
            "check --participant: it is the id of a participant of that session, made for each join",
        );
    }
    let size = session.most_at_once.map(|most| format!(" with up to {most} at once")).unwrap_or_default();
    match session.ended_at.filter(|_| session.is_ended) {
        Some(ended) => {
            Check::new(name, Verdict::Ok, "ended", format!("a session{size}, which ended {}", shown(ended)))
        }
        None if session.is_ended => Check::new(name, Verdict::Ok, "ended", format!("an ended session{size}")),
        None => Check::new(name, Verdict::Note, "live", format!("a live session{size}"))
            .follows("what needs an ended one stays open; --session ID of one would tell"),
    }
}

/// Which of a session's times `start_time` and `end_time` test.
pub(super) fn window(findings: &Findings) -> Check {
    let name = "session_window";
    let session = match found(findings.session.as_ref(), name) {
        Ok(session) => session,
        Err(check) => return *check,
    };
    let Some((_, ended)) = span(session) else {
        return open(name, "it takes an ended session of some length that tells its times");
    };
    let around = match found(findings.around_the_end.as_ref(), name) {
        Ok(around) => around,
        Err(check) => return *check,
    };
    let is_far = |row: &SessionSeen| {
        let minute = TimeDelta::minutes(1);
        row.created_at.is_some_and(|created| created > ended + minute)
            || row.ended_at.is_some_and(|other| row.is_ended && other < ended - minute)
    };
    if around.rows.iter().any(is_far) {
        return Check::new(
            name,
            Verdict::Warning,
            "ignored",
            "sessions far from the window came: start_time and end_time select nothing",
        )
        .follows("discovery by window lists all sessions, and leaves out here those that are not in it");
    }
    let second = match found(findings.second_window.as_ref(), name) {
        Ok(second) => second,
        Err(check) => return *check,
    };
    tested(session, around, second)
}

/// What the two windows together say.
fn tested(session: &SessionSeen, around: &Listing<SessionSeen>, second: &Listing<SessionSeen>) -> Check {
    let name = "session_window";
    let note = |answer, seen: &str| {
        Check::new(name, Verdict::Note, answer, seen)
            .follows("nothing to set: a run lists a wider window and selects by created_at here")
    };
    let starts_apart = session.created_at.zip(session.started_at).is_some_and(|(created, started)| {
        (started - created).abs().to_std().unwrap_or_default() > 2 * AROUND_THE_CREATION
    });
    match (around.has(session), second.has(session)) {
        (true, true) => note("open", "a window has the sessions that were open at any time in it"),
        (true, false) => note("ended", "a window has the sessions that ended in it"),
        (false, true) if starts_apart => {
            Check::new(name, Verdict::Ok, "created", "a window has the sessions created in it")
        }
        (false, true) => note("created_or_started", "a window has the sessions created or started in it"),
        (false, false) if second.is_all() == Some(false) => {
            open(name, "the window around its creation has more sessions than a page")
        }
        (false, false) => note(
            "other",
            "a window has neither the sessions created, nor ended, nor open in it; perhaps those started",
        ),
    }
}

/// How new the newest session is, and how long after their end sessions were seen to change.
pub(super) fn settling(findings: &Findings, now: DateTime<Utc>) -> Check {
    let name = "settling";
    let sessions = match found(findings.sessions.as_ref(), name) {
        Ok(sessions) => sessions,
        Err(check) => return *check,
    };
    let Some(newest) = sessions.rows.iter().filter_map(|session| session.created_at).max() else {
        return open(name, "there is no session to tell");
    };
    let lags: Vec<_> = sessions
        .rows
        .iter()
        .filter(|session| session.is_ended)
        .filter_map(|session| Some(session.updated_at? - session.ended_at?))
        .map(|lag| lag.to_std().unwrap_or_default())
        .collect();
    let age = humantime::format_duration(whole(now - newest)).to_string();
    let fresh = format!("the newest session was created {} ({age} ago)", shown(newest));
    let Some(lag) = lags.iter().max() else {
        return open(name, format!("{fresh}; no ended session tells when it changed last"));
    };
    let seen = format!(
        "{fresh}; of {}, none changed later than {} after its end",
        counted(u64::try_from(lags.len()).unwrap_or(u64::MAX), "ended session", "ended sessions"),
        humantime::format_duration(Duration::from_secs(lag.as_secs()))
    );
    Check::new(name, Verdict::Note, lag.as_secs().to_string(), seen)
        .follows("sessions that ended longer ago than that are safe to export once, as far as this shows")
}

/// A time that passed, to the precision that helps.
fn whole(delta: TimeDelta) -> Duration {
    let seconds = delta.num_seconds().max(0).unsigned_abs();
    let precision = if seconds >= 86_400 {
        3_600
    } else if seconds >= 3_600 {
        60
    } else {
        1
    };
    Duration::from_secs(seconds - seconds % precision)
}
