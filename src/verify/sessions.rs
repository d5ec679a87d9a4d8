//! Each session of an export against what the API says of it.
//!
//! In: the export's sessions. Out: what the API said of each, then [`Sessions`] with all that differ.
//! Guarantees: sessions are listed, a hundred a request, where that takes no more requests than one for each;
//! what the list did not have is asked for by itself. A session is judged on exact figures: equal but for
//! rounding at the ninth place.
//! Not here: totals of many sessions (`days`, `usage`).

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use futures::StreamExt;
use serde::Serialize;

use super::asker::{Asker, Told};
use super::exported::{Exported, Session};
use super::record::{Page, Record};
use super::{Units, Verdict, is_rounding};
use crate::config::MinutesKind;
use crate::fetch::{Endpoint, Probe, Refusal};
use crate::model::{IdKey, PageSize, RequestKey};
use crate::plan::{Listing, ListingProgress};

/// Sessions of a page.
const PAGE: u64 = 100;
/// How much further than the export's own times is listed: which of a session's times the API compares is not
/// documented.
const MARGIN: TimeDelta = TimeDelta::days(1);
/// Sessions asked for at once: enough that the quota, not the way to the API and back, sets the pace.
pub(super) const REQUESTS_AT_ONCE: usize = 8;

/// What the API says of a session.
#[derive(Clone, Debug, Default)]
pub(crate) enum Reply {
    /// It was not asked.
    #[default]
    NotAsked,
    /// Its minutes, where it tells them, and whether it goes on.
    Told { minutes: Option<Units>, is_live: bool },
    /// It knows of no such session.
    Unknown,
    /// Anything else.
    Refused(Box<Refusal>),
}

/// What was learnt on the way of sessions that the export does not have.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// Whether all sessions were listed that were there in the export's time.
    pub(super) is_known: bool,
    /// How many of those the export lacks.
    pub(super) others: u64,
    /// How many live ones the export lacks, by the day of their creation.
    pub(super) live: BTreeMap<NaiveDate, u64>,
}

/// Asks for all sessions. `expected` is how many there are to be listed, where that is known;
/// `wants_others` has the list go on to its end, so that nobody is missed.
pub(super) async fn ask(
    asker: &Asker<'_>,
    exported: &mut Exported,
    expected: Option<u64>,
    wants_others: bool,
) -> Around {
    let mut missing = u64::try_from(exported.sessions.len()).unwrap_or(u64::MAX);
    let mut around = Around::default();
    // Where that is not known, the first page tells; of two sessions it might be one request too many.
    let is_worth_it = expected.map_or(missing > 2, |sessions| sessions.div_ceil(PAGE).max(1) <= missing);
    if let (Some(span), true) = (exported.span, is_worth_it && missing > 0) {
        around = list(asker, exported, span, &mut missing, wants_others).await;
    }
    let waiting: Vec<usize> = (0..exported.sessions.len())
        .filter(|place| matches!(exported.sessions[*place].reply, Reply::NotAsked))
        .collect();
    let ids: Vec<_> = waiting.iter().map(|place| (*place, exported.sessions[*place].id)).collect();
    let replies = futures::stream::iter(ids).map(|(place, id)| async move {
        (place, asker.ask(Probe::get(Endpoint::Session(id), Vec::new()), Record::read).await)
    });
    let mut replies = std::pin::pin!(replies.buffer_unordered(REQUESTS_AT_ONCE));
    while let Some((place, told)) = replies.next().await {
        exported.sessions[place].take(told);
    }
    around
}

/// Lists the sessions that were there in the export's time, whosever they are.
pub(super) async fn look_around(asker: &Asker<'_>, exported: &mut Exported) -> Around {
    match exported.span {
        Some(span) => list(asker, exported, span, &mut 0, true).await,
        None => Around::default(),
    }
}

/// Lists the sessions around a span, as long as that is worth its requests.
async fn list(
    asker: &Asker<'_>,
    exported: &mut Exported,
    span: (DateTime<Utc>, DateTime<Utc>),
    missing: &mut u64,
    wants_others: bool,
) -> Around {
    let text = |time: Option<DateTime<Utc>>| {
        time.unwrap_or(DateTime::UNIX_EPOCH).to_rfc3339_opts(SecondsFormat::Millis, true)
    };
    let from = text(span.0.checked_sub_signed(MARGIN));
    let to = text(span.1.checked_add_signed(MARGIN));
    let mut listing = Listing::new(PageSize::Records(u32::try_from(PAGE).unwrap_or(100)));
    let mut around = Around::default();
    while listing.progress() == ListingProgress::Open {
        let (number, size) = listing.next_page();
        let mut query = vec![("page_no", number.to_string())];
        if let PageSize::Records(records) = size {
            query.push(("per_page", records.to_string()));
        }
        query.extend([("sort_by", "createdAt".to_owned()), ("sort_order", "ASC".to_owned())]);
        query.extend([("start_time", from.clone()), ("end_time", to.clone())]);
        let page = match asker.ask(Probe::get(Endpoint::Sessions, query), Page::read).await {
            Ok(page) => page,
            Err(refusal)
                if (RequestKey::Sessions { page_no: number, size })
                    .may_be_refused_for_its_size(refusal.status) =>
            {
                listing.leave_size_to_server();
                continue;
            }
            Err(_) => {
                listing.fail();
                continue;
            }
        };
        let mut found = 0;
        for record in &page.records {
            if listing.has(IdKey::from_bytes(record.id.to_bytes())) {
                continue;
            }
            match exported.place_of(record.id) {
                Some(place) => {
                    exported.sessions[place].take(Ok(*record));
                    found += 1;
                }
                None => around.note(record, span),
            }
        }
        let ids = page.records.iter().map(|record| Some(IdKey::from_bytes(record.id.to_bytes())));
        listing.add(size, ids, page.paging);
        *missing = missing.saturating_sub(found);
        // Without a total, a page that brings none is reason enough to stop.
        let is_worth_it = listing.pages_left().map_or(found > 0, |pages| pages <= *missing);
        let goes_on = if *missing == 0 { wants_others } else { is_worth_it };
        if !goes_on {
            break;
        }
    }
    around.is_known = listing.progress() == ListingProgress::Complete;
    around
}

impl Around {
    fn note(&mut self, record: &Record, span: (DateTime<Utc>, DateTime<Utc>)) {
        self.others += u64::from(record.overlaps(span));
        if let (true, Some(created_at)) = (record.is_live, record.created_at) {
            *self.live.entry(created_at.date_naive()).or_default() += 1;
        }
    }
}

impl Session {
    /// Takes what the API says.
    fn take(&mut self, told: Told<Record>) {
        self.reply = match told {
            Ok(record) => {
                self.created_at = record.created_at.or(self.created_at);
                Reply::Told { minutes: record.minutes, is_live: record.is_live }
            }
            Err(refusal) if refusal.status == Some(404) => Reply::Unknown,
            Err(refusal) => Reply::Refused(Box::new(refusal)),
        };
    }

    /// What the comparison of one kind of minutes comes to.
    fn outcome(&self, kind: MinutesKind) -> Outcome {
        match &self.reply {
            Reply::Told { minutes: Some(api), .. } => {
                let (exported, figures) = self.minutes(kind);
                judge(exported, *api, figures, self.is_whole)
            }
            Reply::Unknown => Outcome::Unknown,
            Reply::NotAsked | Reply::Told { minutes: None, .. } | Reply::Refused(_) => Outcome::Unanswered,
        }
    }

    /// Why the API's minutes are not there.
    fn why(&self) -> Option<String> {
        match &self.reply {
            Reply::NotAsked => Some("not asked".to_owned()),
            Reply::Told { minutes: None, .. } => Some("its record tells no minutes".to_owned()),
            Reply::Refused(refusal) => Some(refusal.text()),
            Reply::Told { minutes: Some(_), .. } | Reply::Unknown => None,
        }
    }
}

/// What a session's comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Equal, but for rounding.
    Agrees,
    /// Not equal.
    Differs,
    /// Less, and not everybody in it was asked for.
    Partial,
    /// The API knows of no such session.
    Unknown,
    /// The API did not say.
    Unanswered,
}

/// Holds exported minutes, a sum of so many figures, against the API's. Nothing counts as none.
pub(super) fn judge(exported: Option<Units>, api: Units, figures: u64, is_whole: bool) -> Outcome {
    let difference = exported.unwrap_or_default().above(api);
    if is_rounding(difference, figures) {
        Outcome::Agrees
    } else if !is_whole && difference < Units::default() {
        Outcome::Partial
    } else {
        Outcome::Differs
    }
}

/// All sessions compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sessions {
    pub(super) verdict: Verdict,
    pub(super) compared: u64,
    pub(super) agree: u64,
    pub(super) differ: u64,
    pub(super) partial: u64,
    pub(super) unknown: u64,
    pub(super) unanswered: u64,
    /// All that do not agree, the largest difference first, those without one last.
    pub(super) differences: Vec<Row>,
}

/// A session that does not agree.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(super) session_id: String,
    pub(super) verdict: Outcome,
    /// Of the kind that is compared.
    pub(super) exported_minutes: Option<Units>,
    pub(super) api_minutes: Option<Units>,
    /// Exported less the API's; nothing exported counts as none.
    pub(super) difference: Option<Units>,
    pub(super) duration_minutes: Option<Units>,
    pub(super) event_minutes: Option<Units>,
    pub(super) session_minutes: Option<Units>,
    pub(super) participants: u64,
    /// Ids of it that are in `failures`.
    pub(super) failed_ids: u64,
    /// Whether it goes on, so that its minutes still grow.
    pub(super) live: bool,
    /// Why the API's minutes are not known.
    pub(super) why: Option<String>,
}

impl Sessions {
    /// Compares.
    pub(super) fn of(exported: &Exported) -> Self {
        let mut all = Self {
            verdict: Verdict::Agrees,
            compared: u64::try_from(exported.sessions.len()).unwrap_or(u64::MAX),
            agree: 0,
            differ: 0,
            partial: 0,
            unknown: 0,
            unanswered: 0,
            differences: Vec::new(),
        };
        for session in &exported.sessions {
            let outcome = session.outcome(exported.kind);
            let count = match outcome {
                Outcome::Agrees => &mut all.agree,
                Outcome::Differs => &mut all.differ,
                Outcome::Partial => &mut all.partial,
                Outcome::Unknown => &mut all.unknown,
                Outcome::Unanswered => &mut all.unanswered,
            };
            *count += 1;
            if outcome != Outcome::Agrees {
                all.differences.push(Row::of(session, outcome, exported.kind));
            }
        }
        let size = |row: &Row| row.difference.map(Units::magnitude);
        // Stable: equal ones stay in the order of their ids.
        all.differences.sort_by_key(|row| std::cmp::Reverse(size(row)));
        all.verdict = if all.differ + all.unknown > 0 {
            Verdict::Differs
        } else if all.unanswered > 0 {
            Verdict::NotReadable
        } else if all.partial > 0 && all.agree == 0 {
            Verdict::Partial
        } else {
            Verdict::Agrees
        };
        all
    }
}

impl Row {
    fn of(session: &Session, verdict: Outcome, kind: MinutesKind) -> Self {
        let (exported, _) = session.minutes(kind);
        let (api, live) = match session.reply {
            Reply::Told { minutes, is_live } => (minutes, is_live),
            Reply::NotAsked | Reply::Unknown | Reply::Refused(_) => (None, false),
        };
        Self {
            session_id: session.id.to_string(),
            verdict,
            exported_minutes: exported,
            api_minutes: api,
            difference: api.map(|api| exported.unwrap_or_default().above(api)),
            duration_minutes: session.duration,
            event_minutes: session.events,
            session_minutes: session.own,
            participants: session.participants,
            failed_ids: session.failed,
            live,
            why: session.why(),
        }
    }
}
