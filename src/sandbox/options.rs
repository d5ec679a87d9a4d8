//! What the sandbox is to be like: every variation of the API that its documents leave open.
//!
//! In: nothing. Out: [`SandboxOptions`] and the modes it is made of, with the defaults' reasons.
//! Not here: flags (`args.rs`).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::ValueEnum;

use super::faults::Fault;
use super::limit::RateLimit;
use super::world::WorldOptions;

/// What the sandbox is to be like.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// A loopback address; anything else is refused, since the token is no secret.
    pub host: IpAddr,
    /// 0 for any free port.
    pub port: u16,
    /// Connections served at once; further ones wait.
    pub max_connections: usize,
    /// Who was in which session.
    pub world: WorldOptions,
    /// What time it is in the world, where it stands until it is set anew; without one, all has happened.
    pub clock: Option<DateTime<Utc>>,
    /// The bearer token to insist on.
    pub token: String,
    /// The only account there is; any where not given.
    pub account: Option<String>,
    /// The only app there is; any where not given.
    pub app: Option<String>,
    /// Time that every reply takes.
    pub latency: Duration,
    /// Up to so much more, so that replies overtake each other.
    pub jitter: Duration,
    /// The quota; none where not given.
    pub rate_limit: Option<RateLimit>,
    /// The largest `per_page`. The API's is not documented; 100 is what clients were seen to ask.
    pub page_size_limit: u64,
    /// Rows of a page where `per_page` is not given; the predecessor documented 25 for one list.
    pub page_size_default: u64,
    /// What a larger `per_page` gets.
    pub oversize: Oversize,
    /// The number of the first page: 0 or 1.
    pub first_page: u64,
    /// Where the `paging` object sits.
    pub paging: PagingPlace,
    /// Which sessions `start_time` and `end_time` select.
    pub session_window: SessionWindow,
    /// So many sessions are in the total of the sessions list and on none of its pages.
    pub unlisted_sessions: u64,
    /// Where session details are.
    pub session_wrapper: Wrapper,
    /// Where the peer report is.
    pub report_wrapper: Wrapper,
    /// The form of call statistics.
    pub stats_shape: StatsShape,
    /// What the details endpoint makes of `filters`.
    pub details_filters: DetailsFilters,
    /// How many of `filters` the peer report takes at once.
    pub report_filters: ReportFilters,
    /// Samples in each array of call statistics: some 200 bytes each, in eight arrays.
    pub samples: u64,
    /// What GraphQL tells of usage.
    pub usage: Usage,
    /// By so much the usage is off, in milliseconds.
    pub usage_off_ms: i64,
    /// The form of errors.
    pub errors: ErrorEnvelope,
    /// Faults on purpose; the first rule that applies wins.
    pub faults: Vec<Fault>,
    /// Keep a list of the requests seen.
    pub record_requests: bool,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            max_connections: 1024,
            world: WorldOptions::default(),
            clock: None,
            token: "sandbox".to_owned(),
            account: None,
            app: None,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            rate_limit: None,
            page_size_limit: 100,
            page_size_default: 25,
            oversize: Oversize::Clamp,
            first_page: 1,
            paging: PagingPlace::Documented,
            session_window: SessionWindow::Created,
            unlisted_sessions: 0,
            session_wrapper: Wrapper::Flat,
            report_wrapper: Wrapper::Wrapped,
            stats_shape: StatsShape::Old,
            details_filters: DetailsFilters::Honoured,
            report_filters: ReportFilters::List,
            samples: 12,
            usage: Usage::Told,
            usage_off_ms: 0,
            errors: ErrorEnvelope::Realtimekit,
            faults: Vec::new(),
            record_requests: false,
        }
    }
}

/// What a `per_page` above the limit gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Oversize {
    /// The largest page there is.
    #[default]
    Clamp,
    /// 400.
    Refuse,
}

/// Where the `paging` object of a list sits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PagingPlace {
    /// Inside `data` for participants, at the top level for sessions.
    #[default]
    Documented,
    /// At the top level.
    Top,
    /// Inside `data`.
    Data,
    /// Nowhere.
    Absent,
}

/// Which sessions a `[start_time, end_time]` selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SessionWindow {
    /// Those created in it.
    #[default]
    Created,
    /// Those that were open at any time in it.
    Open,
}

/// Where a single record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wrapper {
    /// Directly in `data`.
    Flat,
    /// Under its name in `data`.
    Wrapped,
}

/// The form of call statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StatsShape {
    /// `peer_stats` and `quality_stats` (API page, section 6).
    #[default]
    Old,
    /// `peer_report` (API page, section 5).
    New,
}

/// What the details endpoint makes of `filters`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DetailsFilters {
    /// It sends the statistics asked for, as contracts up to May 2026 say.
    #[default]
    Honoured,
    /// It ignores them, as the newest contract says.
    Ignored,
    /// 400, as to any parameter that it does not know.
    Refused,
}

/// How many `filters` the peer report takes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFilters {
    /// Several, with commas between them.
    #[default]
    List,
    /// One, as the newest contract types it; 400 for several.
    Single,
}

/// What GraphQL tells of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Usage {
    /// The minutes of connections that ended, when they were used.
    #[default]
    Told,
    /// Errors: the token may not read the dataset.
    Refused,
}

/// The form of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ErrorEnvelope {
    /// `{"success": false, "error": {...}}`.
    #[default]
    Realtimekit,
    /// `{"success": false, "errors": [...], "messages": [], "result": null}`.
    V4,
}
