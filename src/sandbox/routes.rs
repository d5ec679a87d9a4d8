//! From a request's path and query to what is asked for.
//!
//! In: path and query as sent. Out: [`Route`] with its account and app, and [`Query`].
//! Guarantees: a parameter that cannot be understood is named, as the API's 400 would.
//! Not here: answers (`handlers.rs`).

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate};
use percent_encoding::percent_decode_str;

use super::stats::Kind;

/// What the API's paths start with.
pub(super) const BASE_PATH: &str = "/client/v4";

/// What is asked for; ids as they stand in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Details { session: &'a str, participant: &'a str },
    Participants { session: &'a str },
    Session { session: &'a str },
    Sessions,
    PeerReport { peer: &'a str },
    Daywise,
    Apps,
    TokenVerify,
    GraphQl,
    Unknown,
}

/// A request's place: whose data, and what of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) account: Option<Cow<'a, str>>,
    pub(super) app: Option<Cow<'a, str>>,
    pub(super) route: Route<'a>,
}

impl<'a> Place<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        let segments: Vec<&str> =
            path.strip_prefix(BASE_PATH).unwrap_or_default().trim_start_matches('/').split('/').collect();
        let (account, app, route) = match segments.as_slice() {
            ["user", "tokens", "verify"] => (None, None, Route::TokenVerify),
            ["graphql"] => (None, None, Route::GraphQl),
            ["accounts", account, "tokens", "verify"] => (Some(*account), None, Route::TokenVerify),
            ["accounts", account, "realtime", "kit", "apps"] => (Some(*account), None, Route::Apps),
            ["accounts", account, "realtime", "kit", app, rest @ ..] => {
                (Some(*account), Some(*app), Route::of(rest))
            }
            _ => (None, None, Route::Unknown),
        };
        let decode = |segment: &'a str| percent_decode_str(segment).decode_utf8_lossy();
        Self { account: account.map(decode), app: app.map(decode), route }
    }
}

impl<'a> Route<'a> {
    fn of(segments: &[&'a str]) -> Self {
        match *segments {
            ["sessions"] => Self::Sessions,
            ["sessions", "peer-report", peer] => Self::PeerReport { peer },
            ["sessions", session] => Self::Session { session },
            ["sessions", session, "participants"] => Self::Participants { session },
            ["sessions", session, "participants", participant] => Self::Details { session, participant },
            ["analytics", "daywise"] => Self::Daywise,
            _ => Self::Unknown,
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Details { .. } => Kind::Details,
            Self::Participants { .. } => Kind::Participants,
            Self::Session { .. } => Kind::Session,
            Self::Sessions => Kind::Sessions,
            Self::PeerReport { .. } => Kind::PeerReport,
            Self::Daywise => Kind::Daywise,
            Self::Apps => Kind::Apps,
            Self::TokenVerify => Kind::TokenVerify,
            Self::GraphQl => Kind::GraphQl,
            Self::Unknown => Kind::Unknown,
        }
    }
}

/// Which call statistics are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters(u8);

impl Filters {
    pub(super) const DEVICE_INFO: u8 = 1;
    pub(super) const IP_INFORMATION: u8 = 2;
    pub(super) const PRECALL: u8 = 4;
    pub(super) const EVENTS: u8 = 8;
    pub(super) const QUALITY_STATS: u8 = 16;
    pub(super) const ALL: Self = Self(31);

    fn parse(text: &str) -> Option<Self> {
        let mut filters = 0;
        for name in text.split(',').filter(|name| !name.is_empty()) {
            filters |= match name {
                "device_info" => Self::DEVICE_INFO,
                "ip_information" => Self::IP_INFORMATION,
                "precall_network_information" => Self::PRECALL,
                "events" => Self::EVENTS,
                "quality_stats" => Self::QUALITY_STATS,
                _ => return None,
            };
        }
        Some(Self(filters))
    }

    pub(super) const fn has(self, filter: u8) -> bool {
        self.0 & filter != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn are_several(self) -> bool {
        self.0.count_ones() > 1
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SortBy {
    /// `createdAt` of sessions, `joinedAt` of participants.
    #[default]
    Time,
    /// `minutesConsumed` of sessions, `duration` of participants.
    Minutes,
}

/// The query's parameters; those not listed here are ignored, as `search` and `view` are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) page_no: Option<u64>,
    pub(super) per_page: Option<u64>,
    pub(super) peer_events: bool,
    pub(super) filters: Filters,
    pub(super) sort_by: SortBy,
    pub(super) descending: bool,
    pub(super) start_ms: Option<u64>,
    pub(super) end_ms: Option<u64>,
    pub(super) live: Option<bool>,
    pub(super) associated_id: Option<String>,
}

impl Query {
    /// Reads a query; what is wrong with it, in the API's words.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            parsed.set(&name, &value).ok_or_else(|| format!("{name} must not be '{value}'"))?;
        }
        Ok(parsed)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "page_no" => self.page_no = Some(value.parse().ok()?),
            "per_page" => self.per_page = Some(value.parse().ok()?),
            "include_peer_events" => {
                self.peer_events = match value {
                    "true" => true,
                    "false" | "" => false,
                    _ => return None,
                }
            }
            "filters" => self.filters = Filters::parse(value)?,
            "sort_by" => {
                self.sort_by = match value {
                    "createdAt" | "joinedAt" => SortBy::Time,
                    "minutesConsumed" | "duration" => SortBy::Minutes,
                    _ => return None,
                }
            }
            "sort_order" => {
                self.descending = match value {
                    "ASC" => false,
                    "DESC" => true,
                    _ => return None,
                }
            }
            "start_time" => self.start_ms = Some(time_ms(value)?),
            "end_time" => self.end_ms = Some(time_ms(value)?),
            "start_date" => self.start_ms = Some(day_ms(value)?),
            "end_date" => self.end_ms = Some(day_ms(value)?),
            "status" => {
                self.live = match value {
                    "LIVE" => Some(true),
                    "ENDED" => Some(false),
                    _ => return None,
                }
            }
            "associated_id" => self.associated_id = Some(value.to_owned()),
            _ => {}
        }
        Some(())
    }
}

pub(super) fn time_ms(text: &str) -> Option<u64> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(time.timestamp_millis()).ok()
}

fn day_ms(text: &str) -> Option<u64> {
    let day: NaiveDate = text.parse().ok()?;
    u64::try_from(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let route =
            |rest: &str| Place::of(&format!("/client/v4/accounts/a/realtime/kit/b{rest}")).route.kind();
        assert_eq!(route("/sessions"), Kind::Sessions);
        assert_eq!(route("/sessions/1"), Kind::Session);
        assert_eq!(route("/sessions/1/participants"), Kind::Participants);
        assert_eq!(route("/sessions/1/participants/2"), Kind::Details);
        assert_eq!(route("/sessions/peer-report/2"), Kind::PeerReport);
        assert_eq!(route("/analytics/daywise"), Kind::Daywise);
        assert_eq!(route("/sessions/1/participants/2/3"), Kind::Unknown);
        assert_eq!(Place::of("/client/v4/user/tokens/verify").route, Route::TokenVerify);
        assert_eq!(Place::of("/client/v4/accounts/a/realtime/kit/apps").route, Route::Apps);
        assert_eq!(Place::of("/client/v4/graphql").route, Route::GraphQl);
        assert_eq!(Place::of("/").route, Route::Unknown);
        let place = Place::of("/client/v4/accounts/my%20account/realtime/kit/app/sessions");
        assert_eq!(place.account.as_deref(), Some("my account"));
    }

    #[test]
    fn queries() {
        let query =
            Query::parse("page_no=2&per_page=50&include_peer_events=true&sort_order=DESC&search=x").unwrap();
        assert_eq!((query.page_no, query.per_page), (Some(2), Some(50)));
        assert!(query.peer_events && query.descending);
        let query =
            Query::parse("start_time=2026-10-01T00%3A00%3A00%2B02%3A00&filters=events,device_info").unwrap();
        assert_eq!(query.start_ms, Some(1_790_805_600_000));
        assert!(query.filters.has(Filters::EVENTS) && !query.filters.has(Filters::QUALITY_STATS));
        assert_eq!(Query::parse("per_page=ten").unwrap_err(), "per_page must not be 'ten'");
        assert_eq!(Query::parse("filters=all").unwrap_err(), "filters must not be 'all'");
    }
}
