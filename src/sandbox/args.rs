//! The flags of `rtk-export sandbox`, and its lists of ids.
//!
//! In: what was typed. Out: [`SandboxOptions`]; with `--ids`, a CSV list.
//! Guarantees: the defaults are those of [`SandboxOptions`].
//! Not here: starting the server.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use clap::{Args, ValueEnum};

use super::faults::Fault;
use super::limit::{RateHeaders, RateLimit, RetryAfter, WindowKind};
use super::moving::{Late, Moment};
use super::options::{
    DetailsFilters, ErrorEnvelope, Oversize, PagingPlace, ReportFilters, SandboxOptions, SessionWindow,
    StatsShape, Usage, Wrapper,
};
use super::sizes::Sizes;
use super::world::{MinutesOff, WorldOptions};
use crate::error::{Error, Result};
use crate::model::Minutes;

/// What kind of list `--ids` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IdList {
    /// Every session and participant.
    Pairs,
    /// Every session.
    Sessions,
}

/// Flags of `rtk-export sandbox`.
#[derive(Args, Clone, Debug)]
pub struct SandboxArgs {
    /// Port to listen on; 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 8787)]
    pub port: u16,
    /// Loopback address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,
    /// Print a list of the world's ids as CSV, and exit
    #[arg(long, value_name = "KIND")]
    pub ids: Option<IdList>,

    /// Other seeds give other ids, times and names
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "World")]
    pub seed: u64,
    /// Participants of all sessions together
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = "World")]
    pub participants: u64,
    /// Mean number of participants in a session
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "World")]
    pub per_session: u64,
    /// How session sizes are spread
    #[arg(long, value_name = "HOW", default_value = "varied", help_heading = "World")]
    pub sizes: Sizes,
    /// Days over which sessions are spread, the last being 2026-10-31
    #[arg(long, value_name = "N", default_value_t = 30, help_heading = "World")]
    pub days: u64,
    /// Peer events per participant: CREATED, JOINING, LEAVING, then JOINING and LEAVING again
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "World")]
    pub peer_events: u64,
    /// One in N participants joins once more; 0 for none
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "World")]
    pub rejoin_every: u64,
    /// So many of the newest sessions are still LIVE, where there is no --clock
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "World")]
    pub live_sessions: u64,
    /// Every second participant has one of the odd values that the API was seen to send
    #[arg(long, help_heading = "World")]
    pub messy: bool,
    /// The minutes of every Nth session are off by so much, in details, lists and daywise totals, such as 3:1.5
    /// or 3:-0.25
    #[arg(long, value_name = "N:MINUTES", help_heading = "World")]
    pub session_minutes_off: Option<MinutesOff>,
    /// What time it is in the world, such as 2026-10-15T02:00:00Z: sessions appear, go on and end by it. It stands
    /// until /__sandbox/clock?at=TIME sets it [default: none, all has happened]
    #[arg(long, value_name = "TIME", value_parser = DateTime::parse_from_rfc3339, help_heading = "World")]
    pub clock: Option<DateTime<FixedOffset>>,
    /// The records of every Nth session change once more, up to so long after its end, such as 7:60h
    #[arg(long, value_name = "N:DURATION", help_heading = "World")]
    pub late: Option<Late>,
    /// Every Nth session lasts five days; 0 for none
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "World")]
    pub long_every: u64,
    /// The record of every Nth session does not tell when it was created; 0 for none
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "World")]
    pub undated_every: u64,

    /// The bearer token to insist on; it is no secret
    #[arg(long, value_name = "TOKEN", default_value = "sandbox", help_heading = "Access")]
    pub token: String,
    /// Know only this account; 403 for others
    #[arg(long, value_name = "ID", help_heading = "Access")]
    pub only_account: Option<String>,
    /// Know only this app; 404 for others
    #[arg(long, value_name = "ID", help_heading = "Access")]
    pub only_app: Option<String>,

    /// Quota, as N/DURATION; one request too many blocks all
    #[arg(long, value_name = "N/DURATION", help_heading = "Rate limit")]
    pub rate_limit: Option<Quota>,
    /// How requests are counted
    #[arg(long, value_name = "KIND", default_value = "sliding", help_heading = "Rate limit")]
    pub rate_window: WindowKind,
    /// How long the block lasts [default: one window]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Rate limit")]
    pub block: Option<Duration>,
    /// Part of the quota that somebody else spends, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0, help_heading = "Rate limit")]
    pub others: u64,
    /// What the Ratelimit headers say
    #[arg(long, value_name = "WHAT", default_value = "true", help_heading = "Rate limit")]
    pub rate_headers: RateHeaders,
    /// What Retry-After of a 429 says
    #[arg(long, value_name = "WHAT", default_value = "seconds", help_heading = "Rate limit")]
    pub retry_after: RetryAfter,

    /// Largest page
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Variants of the API")]
    pub page_size_limit: u64,
    /// Answer 400 to a larger page size, instead of the largest page
    #[arg(long, help_heading = "Variants of the API")]
    pub refuse_page_size: bool,
    /// Number of the first page
    #[arg(long, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1), help_heading = "Variants of the API")]
    pub first_page: u64,
    /// Where the paging object sits
    #[arg(long, value_name = "WHERE", default_value = "documented", help_heading = "Variants of the API")]
    pub paging: PagingPlace,
    /// Which sessions a window of time selects
    #[arg(long, value_name = "WHICH", default_value = "created", help_heading = "Variants of the API")]
    pub session_window: SessionWindow,
    /// So many sessions are in the total of the sessions list and on none of its pages
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Variants of the API")]
    pub unlisted_sessions: u64,
    /// Where session details are
    #[arg(long, value_name = "HOW", default_value = "flat", help_heading = "Variants of the API")]
    pub session_wrapper: Wrapper,
    /// Where the peer report is
    #[arg(long, value_name = "HOW", default_value = "wrapped", help_heading = "Variants of the API")]
    pub report_wrapper: Wrapper,
    /// Form of call statistics
    #[arg(long, value_name = "SHAPE", default_value = "old", help_heading = "Variants of the API")]
    pub stats_shape: StatsShape,
    /// What the details endpoint makes of filters
    #[arg(long, value_name = "WHAT", default_value = "honoured", help_heading = "Variants of the API")]
    pub details_filters: DetailsFilters,
    /// How many filters the peer report takes at once
    #[arg(long, value_name = "HOW", default_value = "list", help_heading = "Variants of the API")]
    pub report_filters: ReportFilters,
    /// Samples in each array of call statistics
    #[arg(long, value_name = "N", default_value_t = 12, help_heading = "Variants of the API")]
    pub samples: u64,
    /// What GraphQL tells of usage
    #[arg(long, value_name = "WHAT", default_value = "told", help_heading = "Variants of the API")]
    pub usage: Usage,
    /// The usage that GraphQL tells is off by so many minutes
    #[arg(
        long,
        value_name = "MINUTES",
        default_value = "0",
        allow_negative_numbers = true,
        help_heading = "Variants of the API"
    )]
    pub usage_minutes_off: Off,
    /// Form of errors
    #[arg(long, value_name = "FORM", default_value = "realtimekit", help_heading = "Variants of the API")]
    pub errors: ErrorEnvelope,

    /// Time that every reply takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration, help_heading = "Trouble")]
    pub latency: Duration,
    /// Up to so much more, so that replies overtake each other
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration, help_heading = "Trouble")]
    pub jitter: Duration,
    /// A fault on purpose, such as 'every 10: 500', '7: reset', 'from 100: 401', 'match participants/: 503 x2', '5%: cut'
    #[arg(long = "fault", value_name = "RULE", help_heading = "Trouble")]
    pub faults: Vec<Fault>,
    /// Keep a list of the requests, to be had at /__sandbox/requests
    #[arg(long, help_heading = "Trouble")]
    pub record_requests: bool,
}

/// A quota as typed: `1200/5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests.
    pub requests: u64,
    /// In how long.
    pub window: Duration,
}

impl FromStr for Quota {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (requests, window) = text.split_once('/')?;
            let window = humantime::parse_duration(window).ok().filter(|window| !window.is_zero())?;
            Some(Self { requests: requests.parse().ok().filter(|n| *n > 0)?, window })
        };
        parse().ok_or_else(|| Error::SandboxRateLimit { text: text.to_owned() })
    }
}

/// Minutes to the millisecond, as typed: `1.5`, `-0.25`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Off {
    /// In milliseconds.
    pub ms: i64,
}

impl FromStr for Off {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let units =
            Minutes::parse(text).ok().filter(|parsed| !parsed.rounded).map(|read| read.minutes.units());
        // 60,000 milliseconds are 10⁹ units; half a millisecond is none that the world knows.
        let ms = units.filter(|units| units * 3 % 50_000 == 0).map(|units| units * 3 / 50_000);
        ms.map(|ms| Self { ms }).ok_or_else(|| Error::SandboxMinutes { text: text.to_owned() })
    }
}

impl FromStr for MinutesOff {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::SandboxMinutes { text: text.to_owned() };
        let (every, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let every = every.parse().ok().filter(|every| *every > 0).ok_or_else(wrong)?;
        Ok(Self { every, by_ms: minutes.parse::<Off>().map_err(|_| wrong())?.ms })
    }
}

impl SandboxArgs {
    /// What the sandbox is to be like.
    #[must_use]
    pub fn options(&self) -> SandboxOptions {
        SandboxOptions {
            host: self.host,
            port: self.port,
            max_connections: SandboxOptions::default().max_connections,
            world: self.world(),
            clock: self.clock.map(|clock| clock.to_utc()),
            token: self.token.clone(),
            account: self.only_account.clone(),
            app: self.only_app.clone(),
            latency: self.latency,
            jitter: self.jitter,
            rate_limit: self.rate_limit.map(|quota| RateLimit {
                kind: self.rate_window,
                block: self.block.unwrap_or(quota.window),
                others_percent: self.others,
                headers: self.rate_headers,
                retry_after: self.retry_after,
                ..RateLimit::new(quota.requests, quota.window)
            }),
            page_size_limit: self.page_size_limit,
            page_size_default: SandboxOptions::default().page_size_default,
            oversize: if self.refuse_page_size { Oversize::Refuse } else { Oversize::Clamp },
            first_page: self.first_page,
            paging: self.paging,
            session_window: self.session_window,
            unlisted_sessions: self.unlisted_sessions,
            session_wrapper: self.session_wrapper,
            report_wrapper: self.report_wrapper,
            stats_shape: self.stats_shape,
            details_filters: self.details_filters,
            report_filters: self.report_filters,
            samples: self.samples,
            usage: self.usage,
            usage_off_ms: self.usage_minutes_off.ms,
            errors: self.errors,
            faults: self.faults.clone(),
            record_requests: self.record_requests,
        }
    }

    fn world(&self) -> WorldOptions {
        WorldOptions {
            seed: self.seed,
            participants: self.participants,
            per_session: self.per_session,
            sizes: self.sizes,
            days: self.days,
            peer_events: self.peer_events,
            rejoin_every: self.rejoin_every,
            live_sessions: self.live_sessions,
            messy: self.messy,
            minutes_off: self.session_minutes_off,
            late: self.late,
            long_every: self.long_every,
            undated_every: self.undated_every,
        }
    }
}

impl IdList {
    /// Writes the list as CSV with a header.
    ///
    /// # Errors
    /// What writing met.
    pub fn write(self, moment: Moment<'_>, out: &mut dyn Write) -> io::Result<()> {
        let world = moment.world();
        match self {
            Self::Pairs => {
                writeln!(out, "session_id,participant_id")?;
                moment.sessions().try_for_each(|session| {
                    let mut ids = session.participants.map(|index| world.participant_id(index));
                    ids.try_for_each(|participant| writeln!(out, "{},{participant}", session.id))
                })
            }
            Self::Sessions => {
                writeln!(out, "session_id")?;
                (0..moment.session_count()).try_for_each(|index| writeln!(out, "{}", world.session_id(index)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::World;
    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SandboxArgs,
    }

    fn parse(args: &[&str]) -> SandboxArgs {
        Cli::try_parse_from(std::iter::once("sandbox").chain(args.iter().copied())).unwrap().args
    }

    #[test]
    fn flags_default_to_the_options_defaults() {
        let options = SandboxOptions { port: 0, ..parse(&[]).options() };
        assert_eq!(format!("{options:?}"), format!("{:?}", SandboxOptions::default()));
    }

    #[test]
    fn flags_are_taken() {
        let options = parse(&[
            "--rate-limit",
            "200/10s",
            "--others",
            "50",
            "--fault",
            "every 3: 500",
            "--fault",
            "7: reset",
            "--refuse-page-size",
            "--sizes",
            "skewed",
            "--latency",
            "20ms",
            "--paging",
            "absent",
            "--session-minutes-off",
            "3:-0.25",
            "--usage-minutes-off",
            "1.5",
            "--clock",
            "2026-10-15T02:00:00+02:00",
            "--late",
            "7:60h",
            "--long-every",
            "40",
        ])
        .options();
        assert_eq!(options.world.minutes_off, Some(MinutesOff { every: 3, by_ms: -15_000 }));
        assert_eq!(options.usage_off_ms, 90_000);
        assert_eq!(options.clock.unwrap().to_rfc3339(), "2026-10-15T00:00:00+00:00");
        assert_eq!(options.world.late, Some(Late { every: 7, by_ms: 60 * 3_600_000 }));
        assert_eq!(options.world.long_every, 40);
        let limit = options.rate_limit.unwrap();
        assert_eq!(
            (limit.quota, limit.window, limit.block),
            (200, Duration::from_secs(10), Duration::from_secs(10))
        );
        assert_eq!(options.faults.len(), 2);
        assert_eq!(options.oversize, Oversize::Refuse);
        assert_eq!(options.world.sizes, Sizes::Skewed);
    }

    #[test]
    fn a_quota_that_is_none_is_named() {
        for text in ["200", "0/10s", "200/0s", "x/1m"] {
            let error = text.parse::<Quota>().unwrap_err();
            assert_eq!(error.to_string(), format!("the sandbox does not understand the rate limit '{text}'"));
        }
    }

    #[test]
    fn minutes_that_are_none_are_named() {
        for text in ["3", "0:1", "3:", "3:x", "3:0.000001", ":1"] {
            let error = text.parse::<MinutesOff>().unwrap_err();
            let message = format!("the sandbox does not understand the minutes '{text}'");
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_lateness_that_is_none_is_named() {
        for text in ["7", "0:1h", "7:", "7:x", "7:-1h", ":1h"] {
            let error = text.parse::<Late>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the sandbox does not understand the late sessions '{text}'")
            );
        }
    }

    #[test]
    fn lists_of_ids() {
        let world = World::new(WorldOptions { participants: 45, ..WorldOptions::default() });
        let lines = |list: IdList| {
            let mut out = Vec::new();
            list.write(world.at(None), &mut out).unwrap();
            String::from_utf8(out).unwrap().lines().count()
        };
        assert_eq!(lines(IdList::Pairs), 46);
        assert_eq!(u64::try_from(lines(IdList::Sessions)).unwrap(), 1 + world.session_count());
    }
}
