//! What a log and the model's API give and owe, told without a planner.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::model::{Api, Logged, custom, enrolment, log_key, participant};
use crate::config::{FetchMode, StatsSource};
use crate::lists::Asked;
use crate::model::{IdKey, ParticipantId, RequestKey, SessionId};
use crate::wire::{Gave, Listed};

/// Which participants the answers gave, in the mode's sense: a page is a record but where it only
/// served to find ids.
pub(super) fn had(log: &Logged, mode: FetchMode) -> BTreeSet<(u8, [u8; 16])> {
    let mut had = BTreeSet::new();
    #[expect(clippy::iter_over_hash_type, reason = "the order does not matter")]
    for (request, outcome) in log.0.lock().unwrap().values() {
        let session = request.session().unwrap().to_bytes()[0];
        match (request, outcome) {
            (RequestKey::Details { participant, .. }, Outcome::Found(_))
            | (RequestKey::PeerReport { participant, .. }, Outcome::Found(Gave { record: true, .. })) => {
                had.insert((session, participant.to_bytes()));
            }
            (_, Outcome::Page(page)) if mode != FetchMode::Detail => {
                had.extend(page.listed.iter().map(|listed| (session, listed.id.unwrap().to_bytes())));
            }
            _ => {}
        }
    }
    had
}

/// Whose statistics were asked for where they can be.
pub(super) fn asked_statistics(log: &Logged, source: StatsSource) -> BTreeSet<(u8, [u8; 16])> {
    let mut asked = BTreeSet::new();
    #[expect(clippy::iter_over_hash_type, reason = "the order does not matter")]
    for (request, outcome) in log.0.lock().unwrap().values() {
        let session = request.session().unwrap().to_bytes()[0];
        let gave = if let Outcome::Found(gave) = outcome { *gave } else { Gave::default() };
        match request {
            RequestKey::Details { participant, .. } if gave.statistics || source == StatsSource::Details => {
                asked.insert((session, participant.to_bytes()));
            }
            RequestKey::PeerReport { participant, .. } => {
                asked.insert((session, participant.to_bytes()));
            }
            _ => {}
        }
    }
    asked
}

/// What a log leaves out of what rows ask for, as rows of `failures`: read from the replies alone, as the
/// tables do.
pub(super) fn lost(log: &Logged, rows: &[Asked], mode: FetchMode) -> usize {
    let log = log.0.lock().unwrap();
    let mut lost = BTreeSet::new();
    let had = |session: SessionId, id: &[u8; 16], is: fn(&Outcome) -> bool| {
        let participant = ParticipantId::from_bytes(*id);
        let key = log_key(&RequestKey::Details { session, participant }, false);
        log.get(&key).is_some_and(|(_, outcome)| is(outcome))
    };
    let reported = |session: SessionId, id: &[u8; 16]| {
        let participant = ParticipantId::from_bytes(*id);
        log.get(&log_key(&RequestKey::PeerReport { session, participant }, false))
    };
    #[expect(clippy::iter_over_hash_type, reason = "the order does not matter")]
    for (request, outcome) in log.values() {
        match request {
            RequestKey::Session { session } if !matches!(outcome, Outcome::Found(_)) => {
                lost.insert(format!("{session}"));
            }
            // An exported participant without the statistics that a further try may give, or none at all.
            RequestKey::PeerReport { session, participant } if matches!(outcome, Outcome::Failed { .. }) => {
                let id = participant.to_bytes();
                let is_listed = |is: &dyn Fn(&Listed) -> bool| {
                    log.values().any(|(request, outcome)| match outcome {
                        Outcome::Page(page) if request.session() == Some(*session) => {
                            page.listed.iter().any(is)
                        }
                        _ => false,
                    })
                };
                // Of an enrolment id nobody's report is wanted: those who have it were asked themselves.
                let is_other = !had(*session, &id, |outcome| matches!(outcome, Outcome::Found(_)))
                    && !is_listed(&|listed| listed.participant == Some(*participant))
                    && is_listed(&|listed| listed.user == Some((*participant).into()));
                let has_statistics =
                    |outcome: &Outcome| matches!(outcome, Outcome::Found(gave) if gave.statistics);
                if !is_other && !had(*session, &id, has_statistics) {
                    lost.insert(format!("{session} {participant}"));
                }
            }
            _ => {}
        }
    }
    for row in rows {
        let session = match row {
            Asked::Everyone(session)
            | Asked::Participant(session, _)
            | Asked::User(session, _)
            | Asked::Custom(session, _) => *session,
        };
        let (mut listed, mut total, mut is_broken, mut is_over) = (Vec::new(), None, false, false);
        #[expect(clippy::iter_over_hash_type, reason = "the order does not matter")]
        for (request, outcome) in log.values() {
            let RequestKey::Page { session: of, page_no, .. } = *request else { continue };
            if of != session {
                continue;
            }
            is_over |= page_no == 0;
            match outcome {
                Outcome::Page(page) => {
                    listed.extend(page.listed.iter().copied());
                    total = page.paging.total;
                }
                _ => is_broken |= page_no > 0 && !request.may_be_refused_for_its_size(Some(400)),
            }
        }
        let came = |page_no| log.contains_key(&format!("{session} {page_no}"));
        // A first page that was refused, and did not come without a size either.
        is_broken |= !came(1)
            && log.values().any(
                |(request, _)| matches!(request, RequestKey::Page { session: of, .. } if *of == session),
            );
        let ids: BTreeSet<_> = listed.iter().map(|listed| listed.id.unwrap().to_bytes()).collect();
        let is_short = is_over && total.is_some_and(|total| (ids.len() as u64) < total);
        let is_lost = match row {
            Asked::Everyone(_) => is_broken || is_short,
            Asked::User(_, user) => !listed.iter().any(|listed| listed.user == Some(IdKey::of(user))),
            Asked::Custom(_, id) => !listed.iter().any(|listed| listed.custom == Some(IdKey::of(id))),
            Asked::Participant(_, id) => {
                let own = had(session, &id.to_bytes(), |outcome| matches!(outcome, Outcome::Found(_)))
                    || matches!(reported(session, &id.to_bytes()), Some((_, Outcome::Found(_))));
                let is_listed = mode != FetchMode::Detail && ids.contains(&id.to_bytes());
                let is_enrolled = listed.iter().any(|listed| listed.user == Some((*id).into()));
                if !own && !is_listed && !is_enrolled {
                    lost.insert(format!("{session} {id}"));
                }
                false
            }
        };
        if is_lost {
            lost.insert(format!("{row:?}"));
        }
    }
    lost.len()
}

/// Which participants a complete export must have: those that the API has and a row asks for, where no
/// broken page keeps them from being found.
pub(super) fn owed(api: &Api, rows: &[Asked]) -> BTreeMap<String, (u8, [u8; 16])> {
    let mut owed = BTreeMap::new();
    for row in rows {
        let (session, is_wanted): (SessionId, Box<dyn Fn(u8, u8) -> bool>) = match row.clone() {
            Asked::Everyone(session) => (session, Box::new(|_, _| true)),
            Asked::Participant(session, id) => {
                (session, Box::new(move |s, n| participant(s, n) == id || enrolment(s, n) == id))
            }
            Asked::User(session, user) => {
                (session, Box::new(move |s, n| enrolment(s, n).to_string() == user))
            }
            Asked::Custom(session, id) => (session, Box::new(move |_, n| custom(n % 3) == id)),
        };
        let number = session.to_bytes()[0];
        let people = api.sessions.get(usize::from(number)).copied().unwrap_or(0);
        for n in (0..people).filter(|n| is_wanted(number, *n)) {
            let id = participant(number, n).to_bytes();
            let direct = matches!(row, Asked::Participant(_, asked) if asked.to_bytes() == id);
            if direct || (api.broken_page.is_none() && n < people - api.hidden.min(people)) {
                owed.insert(format!("{number} {n}"), (number, id));
            }
        }
    }
    owed
}
