//! What was found: of each reply the few facts that a check needs.
//!
//! In: the root of a reply. Out: plain data, without personal values but for a record's own fields, of
//! which only the names are ever shown.
//! Guarantees: total on any JSON; a list without the field that makes it one is none.
//! Not here: what follows from it (`checks`).

use chrono::{DateTime, Utc};

use super::SessionId;
use crate::fetch::QuotaTold;
pub(super) use crate::fetch::Refusal;
use crate::model::{Minutes, ParticipantId, parse_time};
use crate::wire::{Object, Raw, elements, is_null, text};

/// What came of one question.
pub(super) type Told<T> = Result<T, Refusal>;

/// Everything that was asked. `None` where there was no reason to ask.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) sent: u32,
    pub(super) quota: Vec<QuotaTold>,
    pub(super) user_token: Option<Told<TokenSeen>>,
    pub(super) account_token: Option<Told<TokenSeen>>,
    /// Why a page of a hundred sessions was refused; `sessions` is then one of the API's own size.
    pub(super) hundred_sessions: Option<Refusal>,
    pub(super) sessions: Option<Told<Listing<SessionSeen>>>,
    pub(super) apps: Option<Told<Listing<String>>>,
    /// The session that all else is asked of.
    pub(super) session: Option<Told<SessionSeen>>,
    /// The participant that is asked for alone.
    pub(super) participant: Option<ParticipantId>,
    /// Why a page of a hundred participants was refused; `first` is then one of the API's own size.
    pub(super) hundred_participants: Option<Refusal>,
    /// Participants with their events, without a page number.
    pub(super) first: Option<Told<Listing<Record>>>,
    /// `page_no=1` in the API's own size.
    pub(super) page_one: Option<Told<Listing<Record>>>,
    /// `page_no=2` of one record each.
    pub(super) page_two: Option<Told<Listing<Record>>>,
    pub(super) details: Option<Told<Report>>,
    /// Details with two filters.
    pub(super) details_filtered: Option<Told<Report>>,
    /// The peer report with the same two filters.
    pub(super) report_of_two: Option<Told<Report>>,
    /// ... with one of them, where two were refused.
    pub(super) report_of_one: Option<Told<Report>>,
    /// ... with none.
    pub(super) report: Option<Told<Report>>,
    /// The sessions of the window around the session's end.
    pub(super) around_the_end: Option<Told<Listing<SessionSeen>>>,
    /// Those of a window within it where that had it, else of one around its creation.
    pub(super) second_window: Option<Told<Listing<SessionSeen>>>,
}

/// What a token's check says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenSeen {
    pub(super) status: String,
    pub(super) expires_on: Option<DateTime<Utc>>,
}

/// Where the `paging` object sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PagingPlace {
    Top,
    Data,
    Absent,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing<T> {
    pub(super) rows: Vec<T>,
    /// `total_count`.
    pub(super) total: Option<u64>,
    pub(super) paging: PagingPlace,
}

/// A session's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionSeen {
    pub(super) id: SessionId,
    pub(super) is_ended: bool,
    pub(super) created_at: Option<DateTime<Utc>>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) updated_at: Option<DateTime<Utc>>,
    pub(super) minutes: Option<Minutes>,
    pub(super) most_at_once: Option<u64>,
}

/// A participant's record: names and values as written, its statistics left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) fields: Vec<(String, String)>,
}

/// The groups of call statistics, by the names of their filters.
pub(super) const GROUPS: [&str; 5] =
    ["device_info", "ip_information", "precall_network_information", "events", "quality_stats"];

/// The two groups that are asked for: the smallest, so that a trial costs little.
pub(super) const ASKED: [&str; 2] = [GROUPS[0], GROUPS[3]];

/// The fields of a record that hold statistics (API page, sections 5 and 6).
const STATISTICS: [&str; 3] = ["peer_stats", "quality_stats", "peer_report"];

/// Details or a peer report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) record: Record,
    /// The groups of statistics in it, in the order of [`GROUPS`].
    pub(super) groups: Vec<&'static str>,
    /// Whether they are under `peer_report`, as the newest contract has it.
    pub(super) is_new_shape: bool,
    /// Whether the record is under `data.participant`, rather than `data` itself.
    pub(super) is_wrapped: bool,
    pub(super) body_bytes: usize,
}

impl TokenSeen {
    /// Reads the reply of either check; it is in Cloudflare's own envelope.
    pub(super) fn read(root: &Object<'_>, _bytes: usize) -> Option<Self> {
        let result = Object::parse(root.get("result")?)?;
        let status = result.get("status").and_then(text)?.into_owned();
        Some(Self { status, expires_on: time(&result, "expires_on") })
    }
}

impl<T> Listing<T> {
    /// Whether it is all there is; nothing where the API does not tell.
    pub(super) fn is_all(&self) -> Option<bool> {
        Some(self.total? <= self.count())
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    /// Reads a list under a name in `data`, or `data` itself.
    fn read(root: &Object<'_>, name: Option<&str>, row: impl Fn(&Object<'_>) -> Option<T>) -> Option<Self> {
        let data_value = root.get("data")?;
        let data = Object::parse(data_value).unwrap_or_default();
        let list = match name {
            Some(name) => data.get(name)?,
            None => data_value,
        };
        let rows = elements(list)?;
        let paging = |object: &Object<'_>| {
            let paging = object.get("paging").filter(|paging| !is_null(*paging))?;
            let total = Object::parse(paging).and_then(|paging| number(paging.get("total_count")?));
            Some(total)
        };
        let (place, total) = match (paging(root), paging(&data)) {
            (Some(total), _) => (PagingPlace::Top, total),
            (None, Some(total)) => (PagingPlace::Data, total),
            (None, None) => (PagingPlace::Absent, None),
        };
        let rows = rows.into_iter().filter_map(|element| row(&Object::parse(element)?)).collect();
        Some(Self { rows, total, paging: place })
    }
}

impl Listing<SessionSeen> {
    /// Reads a page of sessions.
    pub(super) fn sessions(root: &Object<'_>, _bytes: usize) -> Option<Self> {
        Self::read(root, Some("sessions"), SessionSeen::of)
    }

    pub(super) fn has(&self, session: &SessionSeen) -> bool {
        self.rows.iter().any(|row| row.id == session.id)
    }
}

impl Listing<Record> {
    /// Reads a page of participants.
    pub(super) fn participants(root: &Object<'_>, _bytes: usize) -> Option<Self> {
        Self::read(root, Some("participants"), |record| Some(Record::of(record)))
    }

    /// The place of another page's first record in this one.
    pub(super) fn place_of(&self, record: &Record) -> Option<usize> {
        let id = record.get("id")?;
        self.rows.iter().position(|row| row.get("id") == Some(id))
    }
}

impl Listing<String> {
    /// Reads a page of apps: their ids.
    pub(super) fn apps(root: &Object<'_>, _bytes: usize) -> Option<Self> {
        Self::read(root, None, |app| Some(text(app.get("id")?)?.into_owned()))
    }
}

impl SessionSeen {
    fn of(object: &Object<'_>) -> Option<Self> {
        Some(Self {
            id: SessionId::parse(&text(object.get("id")?)?)?,
            is_ended: object.get("status").and_then(text).as_deref() == Some("ENDED"),
            created_at: time(object, "created_at"),
            started_at: time(object, "started_at"),
            ended_at: time(object, "ended_at"),
            updated_at: time(object, "updated_at"),
            minutes: object.get("minutes_consumed").and_then(minutes),
            most_at_once: object.get("max_concurrent_participants").and_then(number),
        })
    }

    /// Reads a session's details, in `data` or `data.session`.
    pub(super) fn read(root: &Object<'_>, _bytes: usize) -> Option<Self> {
        let data = Object::parse(root.get("data")?)?;
        Self::of(&data).or_else(|| Self::of(&Object::parse(data.get("session")?)?))
    }
}

impl Record {
    fn of(object: &Object<'_>) -> Self {
        let named = object.fields.iter().map(|field| (field.shown_name(), field.value.get()));
        let own = named.filter(|(name, _)| !STATISTICS.contains(name));
        Self { fields: own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// A field's value as written.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A field's value as JSON.
    fn value(&self, name: &str) -> Option<Raw<'_>> {
        Raw::parse(self.get(name)?)
    }

    pub(super) fn id(&self) -> Option<ParticipantId> {
        ParticipantId::parse(&self.value("id").and_then(text)?)
    }

    pub(super) fn duration(&self) -> Option<Minutes> {
        self.value("duration").and_then(minutes)
    }

    /// The sum of its events' minutes; `None` where no event carries any.
    pub(super) fn event_minutes(&self) -> Option<i128> {
        let events = elements(self.value("peer_events")?)?;
        let of_event = |event: Raw<'_>| minutes(Object::parse(event)?.get("minutes_consumed")?);
        let units: Vec<_> = events.into_iter().filter_map(of_event).map(|m| i128::from(m.units())).collect();
        (!units.is_empty()).then(|| units.iter().sum())
    }
}

impl Report {
    /// Reads details or a peer report.
    pub(super) fn read(root: &Object<'_>, body_bytes: usize) -> Option<Self> {
        let data = Object::parse(root.get("data")?)?;
        let wrapped = data.get("participant").and_then(Object::parse);
        let is_wrapped = wrapped.is_some();
        let object = match wrapped {
            Some(object) => object,
            None if data.get("id").is_some() => data,
            None => return None,
        };
        let old = object.get("peer_stats").and_then(Object::parse).unwrap_or_default();
        let new = object.get("peer_report").and_then(Object::parse);
        let metadata = new.as_ref().and_then(|new| Object::parse(new.get("metadata")?)).unwrap_or_default();
        let is_new_shape = new.is_some();
        let new = new.unwrap_or_default();
        let is_there = |group: &str| match group {
            "device_info" => {
                part(&old, group) || part(&metadata, group) || part(&metadata, "browser_metadata")
            }
            "precall_network_information" => part(&old, group) || part(&metadata, "pc_metadata"),
            "quality_stats" => part(&object, group) || part(&new, "quality"),
            _ => part(&old, group) || part(&metadata, group),
        };
        let groups = GROUPS.into_iter().filter(|group| is_there(group)).collect();
        Some(Self { record: Record::of(&object), groups, is_new_shape, is_wrapped, body_bytes })
    }

    /// Whether it holds both groups that were asked for.
    pub(super) fn has_both(&self) -> bool {
        ASKED.iter().all(|group| self.groups.contains(group))
    }
}

/// Whether a field is there and not null.
fn part(object: &Object<'_>, name: &str) -> bool {
    object.get(name).is_some_and(|value| !is_null(value))
}

/// A time, where the field is one.
fn time(object: &Object<'_>, name: &str) -> Option<DateTime<Utc>> {
    parse_time(&text(object.get(name)?)?)
}

/// A count, also where it is written as a string.
fn number(value: Raw<'_>) -> Option<u64> {
    text(value).map_or_else(|| value.get().parse().ok(), |digits| digits.parse().ok())
}

/// Minutes, also where they are written as a string.
fn minutes(value: Raw<'_>) -> Option<Minutes> {
    let digits = text(value).map_or_else(|| value.get().to_owned(), std::borrow::Cow::into_owned);
    Minutes::parse(&digits).ok().map(|parsed| parsed.minutes)
}
