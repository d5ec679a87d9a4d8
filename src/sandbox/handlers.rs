//! What the sandbox answers: one function per endpoint.
//!
//! In: a [`Route`] and its [`Query`]. Out: the [`Reply`].
//! Guarantees: the list, details and peer-report routes write a participant by the same code.
//! Not here: rate limits, faults, connections (`server.rs`).

use std::ops::Range;

use hyper::StatusCode;
use uuid::Uuid;

use super::json::{Json, push_day};
use super::moving::Moment;
use super::options::{
    DetailsFilters, Oversize, PagingPlace, ReportFilters, SandboxOptions, SessionWindow, StatsShape, Wrapper,
};
use super::participant::Participant;
use super::record::{PresetKey, write_fields, write_session_fields};
use super::reply::Reply;
use super::routes::{Filters, Place, Query, Route, SortBy};
use super::statistics;
use super::world::Session;
use crate::model::{ParticipantId, SessionId};

const MS_PER_DAY: u64 = 86_400_000;

/// An answer that is none: status and message.
pub(super) type Refusal = (StatusCode, String);

/// The world at a moment and what is asked of it.
#[derive(Debug)]
pub(super) struct Api<'a> {
    pub(super) moment: Moment<'a>,
    pub(super) options: &'a SandboxOptions,
}

/// One page of a list.
#[derive(Debug)]
struct Page {
    rows: Range<u64>,
    total: u64,
}

impl Api<'_> {
    /// Answers a document that was posted.
    pub(super) fn answer_post(&self, place: &Place<'_>, body: &[u8], authorization: Option<&str>) -> Reply {
        let only_get = || (StatusCode::METHOD_NOT_ALLOWED, "the sandbox only answers GET".to_owned());
        self.authorize(place, authorization)
            .and_then(|()| if place.route == Route::GraphQl { Ok(()) } else { Err(only_get()) })
            .and_then(|()| self.usage(body))
            .unwrap_or_else(|(status, message)| Reply::error(self.options.errors, status, &message))
    }

    /// Answers a request whose `Authorization` header is given.
    pub(super) fn answer(&self, place: &Place<'_>, query: &str, authorization: Option<&str>) -> Reply {
        self.authorize(place, authorization)
            .and_then(|()| Query::parse(query).map_err(|problem| (StatusCode::BAD_REQUEST, problem)))
            .and_then(|query| self.route(place, &query))
            .unwrap_or_else(|(status, message)| Reply::error(self.options.errors, status, &message))
    }

    fn authorize(&self, place: &Place<'_>, authorization: Option<&str>) -> Result<(), Refusal> {
        let token = authorization.and_then(|header| header.strip_prefix("Bearer "));
        if token != Some(self.options.token.as_str()) {
            return Err((StatusCode::UNAUTHORIZED, "Authentication error".to_owned()));
        }
        let other =
            |given: Option<&str>, only: Option<&str>| only.is_some() && given.is_some() && given != only;
        if other(place.account.as_deref(), self.options.account.as_deref()) {
            return Err((StatusCode::FORBIDDEN, "The token has no access to this account".to_owned()));
        }
        if other(place.app.as_deref(), self.options.app.as_deref()) {
            return Err((StatusCode::NOT_FOUND, "No app found with this id".to_owned()));
        }
        Ok(())
    }

    fn route(&self, place: &Place<'_>, query: &Query) -> Result<Reply, Refusal> {
        let app = place.app.as_deref().unwrap_or_default();
        match place.route {
            Route::Details { session, participant } => self.details(session, participant, query),
            Route::Participants { session } => self.participants(session, query),
            Route::Session { session } => self.session(session, app),
            Route::Sessions => self.sessions(query, app),
            Route::PeerReport { peer } => self.peer_report(peer, query),
            Route::Daywise => Ok(self.daywise(query)),
            Route::Apps => self.apps(query),
            Route::TokenVerify => Ok(token_verify()),
            Route::GraphQl => Err((StatusCode::METHOD_NOT_ALLOWED, "a query is posted".to_owned())),
            Route::Unknown => Err((StatusCode::NOT_FOUND, "No route for that URI".to_owned())),
        }
    }

    fn find_session(&self, id: &str) -> Result<Session, Refusal> {
        SessionId::parse(id)
            .and_then(|id| self.moment.find_session(id))
            .ok_or_else(|| (StatusCode::NOT_FOUND, format!("No session found with id {id}")))
    }

    fn details(&self, session: &str, participant: &str, query: &Query) -> Result<Reply, Refusal> {
        let session = self.find_session(session)?;
        let participant = ParticipantId::parse(participant)
            .and_then(|id| self.moment.world().participant_index(id))
            .filter(|index| session.participants.contains(index))
            .map(|index| self.moment.participant_of(&session, index))
            .ok_or_else(|| unknown_participant(participant))?;
        let filters = match self.options.details_filters {
            DetailsFilters::Honoured => query.filters,
            DetailsFilters::Refused if !query.filters.is_empty() => {
                return Err((StatusCode::BAD_REQUEST, "filters is not a parameter".to_owned()));
            }
            DetailsFilters::Ignored | DetailsFilters::Refused => Filters::default(),
        };
        let mut json = Json::with_capacity(2048);
        success(&mut json, |json| {
            json.key("data").object(|json| {
                json.key("participant").object(|json| {
                    write_fields(
                        json,
                        self.moment.world(),
                        &participant,
                        query.peer_events,
                        PresetKey::PresetName,
                    );
                    self.statistics(json, &participant, filters);
                });
            });
        });
        Ok(Reply::json(json.into_bytes()))
    }

    fn peer_report(&self, peer: &str, query: &Query) -> Result<Reply, Refusal> {
        let participant = ParticipantId::parse(peer)
            .and_then(|id| self.moment.find_participant(id))
            .ok_or_else(|| unknown_participant(peer))?;
        if self.options.report_filters == ReportFilters::Single && query.filters.are_several() {
            return Err((StatusCode::BAD_REQUEST, "filters must be one of the five".to_owned()));
        }
        let filters = if query.filters.is_empty() { Filters::ALL } else { query.filters };
        let preset_key = match self.options.stats_shape {
            StatsShape::Old => PresetKey::PresetName,
            StatsShape::New => PresetKey::Role,
        };
        let fields = |json: &mut Json| {
            write_fields(json, self.moment.world(), &participant, query.peer_events, preset_key);
            json.key("session_id").uuid(participant.session_uuid());
            self.statistics(json, &participant, filters);
        };
        let mut json = Json::with_capacity(16_384);
        success(&mut json, |json| {
            json.key("data").object(|json| match self.options.report_wrapper {
                Wrapper::Flat => fields(json),
                Wrapper::Wrapped => json.key("participant").object(fields),
            });
        });
        Ok(Reply::json(json.into_bytes()))
    }

    fn statistics(&self, json: &mut Json, participant: &Participant, filters: Filters) {
        if filters.is_empty() {
            return;
        }
        let random = self.moment.world().random(9, participant.index);
        let call = statistics::Call { participant, filters, samples: self.options.samples, random };
        match self.options.stats_shape {
            StatsShape::Old => statistics::old::write(json, &call),
            StatsShape::New => statistics::new::write(json, &call),
        }
    }

    /// The account's one app: the only one that is known, or one by the sandbox's own name.
    fn apps(&self, query: &Query) -> Result<Reply, Refusal> {
        let page = self.page(query, 1)?;
        let mut json = Json::with_capacity(256);
        success(&mut json, |json| {
            json.key("data").array(|json| {
                for _ in page.rows.clone() {
                    json.object(|json| {
                        json.key("id").string(self.options.app.as_deref().unwrap_or("sandbox"));
                        json.key("name").string("Sandbox");
                        json.key("created_at").string("2025-04-01T00:00:00.000Z");
                    });
                }
            });
            self.paging(json, &page, PagingPlace::Top, PagingPlace::Top);
        });
        Ok(Reply::json(json.into_bytes()))
    }

    fn participants(&self, session: &str, query: &Query) -> Result<Reply, Refusal> {
        let session = self.find_session(session)?;
        let first = session.participants.start;
        let page = self.page(query, session.participants.end - first)?;
        let minutes = |index: &u64| self.moment.participant_of(&session, first + index).duration_ms();
        let rows = in_order(&page, query, minutes);
        let mut json = Json::with_capacity(rows.len() * 2048 + 128);
        success(&mut json, |json| {
            json.key("data").object(|json| {
                json.key("participants").array(|json| {
                    for row in rows {
                        let participant = self.moment.participant_of(&session, first + row);
                        json.object(|json| {
                            let preset_key = PresetKey::PresetName;
                            write_fields(
                                json,
                                self.moment.world(),
                                &participant,
                                query.peer_events,
                                preset_key,
                            );
                        });
                    }
                });
                self.paging(json, &page, PagingPlace::Data, PagingPlace::Data);
            });
            self.paging(json, &page, PagingPlace::Top, PagingPlace::Data);
        });
        Ok(Reply::json(json.into_bytes()))
    }

    fn session(&self, session: &str, app: &str) -> Result<Reply, Refusal> {
        let session = self.find_session(session)?;
        let fields = |json: &mut Json| write_session_fields(json, self.moment, &session, app);
        let mut json = Json::with_capacity(1024);
        success(&mut json, |json| {
            json.key("data").object(|json| match self.options.session_wrapper {
                Wrapper::Flat => fields(json),
                Wrapper::Wrapped => json.key("session").object(fields),
            });
        });
        Ok(Reply::json(json.into_bytes()))
    }

    fn sessions(&self, query: &Query, app: &str) -> Result<Reply, Refusal> {
        let selected = self.selected_sessions(query);
        let mut page = self.page(query, selected.len())?;
        page.total = page.total.saturating_add(self.options.unlisted_sessions);
        let at = |row: &u64| self.moment.session(selected.get(*row));
        let rows = in_order(&page, query, |row| self.moment.session_minutes_ms(&at(row)));
        let mut json = Json::with_capacity(rows.len() * 700 + 128);
        success(&mut json, |json| {
            json.key("data").object(|json| {
                json.key("sessions").array(|json| {
                    for row in rows {
                        json.object(|json| write_session_fields(json, self.moment, &at(&row), app));
                    }
                });
                self.paging(json, &page, PagingPlace::Data, PagingPlace::Top);
            });
            self.paging(json, &page, PagingPlace::Top, PagingPlace::Top);
        });
        Ok(Reply::json(json.into_bytes()))
    }

    /// Sessions of a window, a status and a meeting; without a meeting, and without a clock, by arithmetic only.
    fn selected_sessions(&self, query: &Query) -> Selected {
        let (from, to) =
            (query.start_ms.unwrap_or(0), query.end_ms.map_or(u64::MAX, |end| end.saturating_add(1)));
        let range = match self.options.session_window {
            SessionWindow::Created => self.moment.sessions_created(from, to),
            SessionWindow::Open => {
                self.moment.sessions_created(from.saturating_sub(self.moment.world().longest_ms()), to)
            }
        };
        let of_status = query.live.and_then(|live| self.moment.sessions_of_status(live));
        let live = query.live.filter(|_| of_status.is_none());
        let range = of_status
            .map_or(range.clone(), |status| range.start.max(status.start)..range.end.min(status.end));
        let meeting = query
            .associated_id
            .as_deref()
            .map(|id| Uuid::try_parse(id).ok().and_then(|id| self.moment.world().meeting_index(id)));
        let open = self.options.session_window == SessionWindow::Open;
        if meeting.is_none() && live.is_none() && !open {
            return Selected::Range(range);
        }
        let wanted = |index: &u64| {
            let session = self.moment.session(*index);
            meeting.is_none_or(|meeting| Some(session.meeting) == meeting && session.quirk.is_none())
                && live.is_none_or(|live| session.live == live)
                && (!open || session.live || session.ended_ms >= from)
        };
        Selected::Some(range.filter(wanted).collect())
    }

    fn page(&self, query: &Query, total: u64) -> Result<Page, Refusal> {
        let limit = self.options.page_size_limit.max(1);
        let asked =
            query.per_page.filter(|size| *size > 0).unwrap_or(self.options.page_size_default.min(limit));
        if asked > limit && self.options.oversize == Oversize::Refuse {
            return Err((StatusCode::BAD_REQUEST, format!("per_page must not be greater than {limit}")));
        }
        let size = asked.min(limit);
        let first = self.options.first_page;
        let number = query.page_no.unwrap_or(first).saturating_sub(first);
        let start = number.saturating_mul(size).min(total);
        Ok(Page { rows: start..start.saturating_add(size).min(total), total })
    }

    /// Writes the paging object where it belongs: `here` is where the writer is.
    fn paging(&self, json: &mut Json, page: &Page, here: PagingPlace, documented: PagingPlace) {
        let place = match self.options.paging {
            PagingPlace::Documented => documented,
            place => place,
        };
        if place == here {
            json.key("paging").object(|json| {
                json.key("total_count").number(page.total);
                // 1-based and inclusive, as in the API's example.
                json.key("start_offset").number(if page.rows.is_empty() { 0 } else { page.rows.start + 1 });
                json.key("end_offset").number(if page.rows.is_empty() { 0 } else { page.rows.end });
            });
        }
    }

    /// Totals by the UTC day on which sessions were created; days without any are left out.
    fn daywise(&self, query: &Query) -> Reply {
        let last_30_days = || {
            self.moment
                .session_count()
                .checked_sub(1)
                .map_or(0, |last| self.moment.session(last).created_ms.saturating_sub(30 * MS_PER_DAY))
        };
        let from = query.start_ms.unwrap_or_else(last_30_days);
        let to = query.end_ms.map_or(u64::MAX, |day| day + MS_PER_DAY);
        let mut days: Vec<(u64, u64, u64)> = Vec::new();
        for index in self.moment.sessions_created(from, to) {
            let session = self.moment.session(index);
            let (day, minutes) = (session.created_ms / MS_PER_DAY, self.moment.session_minutes_ms(&session));
            match days.last_mut() {
                Some(last) if last.0 == day => {
                    last.1 += 1;
                    last.2 += minutes;
                }
                _ => days.push((day, 1, minutes)),
            }
        }
        let mut json = Json::with_capacity(4096);
        success(&mut json, |json| {
            json.key("data").object(|json| {
                json.key("session_stats").object(|json| {
                    json.key("sessions_count").number(days.iter().map(|day| day.1).sum());
                    json.key("sessions_minutes_consumed").minutes(days.iter().map(|day| day.2).sum());
                    json.key("day_stats").array(|json| {
                        for (day, sessions, minutes) in &days {
                            json.object(|json| {
                                json.key("day").quoted(|out| {
                                    push_day(out, day * MS_PER_DAY);
                                    out.extend_from_slice(b"T00:00:00.000Z");
                                });
                                json.key("total_sessions").number(*sessions);
                                json.key("total_session_minutes").minutes(*minutes);
                            });
                        }
                    });
                });
                json.key("recording_stats")
                    .raw(r#"{"recording_count":0,"recording_minutes_consumed":0,"day_stats":[]}"#);
            });
        });
        Reply::json(json.into_bytes())
    }
}

/// Sessions that a query selects.
#[derive(Debug)]
enum Selected {
    Range(Range<u64>),
    Some(Vec<u64>),
}

impl Selected {
    fn len(&self) -> u64 {
        match self {
            Self::Range(range) => range.end.saturating_sub(range.start),
            Self::Some(indices) => u64::try_from(indices.len()).unwrap_or(u64::MAX),
        }
    }

    fn get(&self, row: u64) -> u64 {
        match self {
            Self::Range(range) => range.start + row,
            Self::Some(indices) => {
                usize::try_from(row).ok().and_then(|row| indices.get(row)).copied().unwrap_or_default()
            }
        }
    }
}

/// A page's rows in the order asked for. Rows are in order of time; by minutes, all are sorted.
fn in_order(page: &Page, query: &Query, minutes: impl Fn(&u64) -> u64) -> Vec<u64> {
    let last = page.total.saturating_sub(1);
    match query.sort_by {
        SortBy::Time if query.descending => page.rows.clone().map(|row| last - row).collect(),
        SortBy::Time => page.rows.clone().collect(),
        SortBy::Minutes => {
            let mut rows: Vec<u64> = (0..page.total).collect();
            rows.sort_by_cached_key(|row| (minutes(row), *row));
            if query.descending {
                rows.reverse();
            }
            let at = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
            rows.get(at(page.rows.start)..at(page.rows.end)).unwrap_or_default().to_vec()
        }
    }
}

/// The envelope of success: `success` last, as on the vendor's page.
fn success(json: &mut Json, content: impl FnOnce(&mut Json)) {
    json.object(|json| {
        content(json);
        json.key("success").bool(true);
    });
}

fn unknown_participant(id: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("No user found with id {id}"))
}

fn token_verify() -> Reply {
    Reply::json(
        concat!(
            r#"{"result":{"id":"ed17574386854bf78a67040be0a770b0","status":"active"},"success":true,"#,
            r#""errors":[],"messages":[{"code":10000,"message":"This API Token is valid and active","type":null}]}"#
        )
        .into(),
    )
}
