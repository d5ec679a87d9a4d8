//! The settings of what is asked and how fast.

use std::ffi::OsStr;
use std::time::Duration;

use crate::cli::{AskArgs, FetchArgs, PaceArgs};
use crate::config::settings;
use crate::config::sources::{Sourced, Sources};
use crate::config::values;
use crate::config::{
    FetchConfig, FetchMode, Filters, Moment, PeerEvents, Rate, RateKind, Sessions, SetTime, StatsSource,
    WindowConfig,
};
use crate::error::{Error, Result};

/// The rate, the reserve in percent and the timeout.
pub(super) fn pace(args: &PaceArgs, sources: &mut Sources<'_>) -> Result<(Rate, u8, Duration)> {
    let rate = rate(args.rate.as_deref(), sources)?;
    let reserve_percent = sources.value(&settings::RESERVE, args.reserve.as_deref(), values::percent)?;
    let timeout = sources.value(&settings::TIMEOUT, args.timeout.as_deref(), values::timeout)?;
    Ok((rate, reserve_percent, timeout))
}

/// Which sessions are discovered, if any are.
pub(super) fn window(args: &AskArgs, sources: &mut Sources<'_>) -> Result<Option<WindowConfig>> {
    let mut time = |setting, typed: Option<&str>| {
        let parse = |text: &str| Some((text.to_owned(), Moment::parse(text)?));
        let set = sources.optional(setting, typed, parse)?;
        Ok::<_, Error>(set.map(|Sourced { value: (text, moment), origin }| SetTime { text, origin, moment }))
    };
    let since = time(&settings::SINCE, args.since.as_deref())?;
    let until = time(&settings::UNTIL, args.until.as_deref())?;
    let meeting = sources.optional(&settings::MEETING, args.meeting.as_deref(), values::id)?;
    let live = sources.sourced(&settings::INCLUDE_LIVE, args.include_live.as_deref(), values::truth)?;
    if since.is_some() || until.is_some() || meeting.is_some() {
        let meeting = meeting.map(|meeting| meeting.value);
        return Ok(Some(WindowConfig { since, until, meeting, live: live.value }));
    }
    if live.value { Err(Error::LiveWithoutWindow { origin: live.origin }) } else { Ok(None) }
}

/// The lists; without a window there must be one. `-` is stdin, which can be read once.
pub(super) fn lists(typed: &[String], has_window: bool) -> Result<Vec<String>> {
    if typed.is_empty() && !has_window {
        return Err(Error::NoList);
    }
    if typed.iter().filter(|list| *list == "-").count() > 1 {
        return Err(Error::StdinTwice);
    }
    Ok(typed.to_vec())
}

/// Whether the lists' sessions are fetched too.
pub(super) fn with_sessions(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Sessions> {
    let wanted = sources.value(&settings::WITH_SESSIONS, typed, values::truth)?;
    Ok(if wanted { Sessions::Fetched } else { Sessions::LeftOut })
}

pub(super) fn fetch(args: &FetchArgs, sessions: Sessions, sources: &mut Sources<'_>) -> Result<FetchConfig> {
    let filters =
        sources.unless_wrong(&settings::FILTERS, |sources| filters(args.filters.as_deref(), sources))?;
    let stats_from = sources.value(&settings::STATS_FROM, args.stats_from.as_deref(), values::choice)?;
    let no_peer_events =
        sources.value(&settings::NO_PEER_EVENTS, args.no_peer_events.as_deref(), values::truth)?;
    let mode = sources.sourced(&settings::FETCH, args.fetch.as_deref(), values::choice)?;
    let (rate, reserve_percent, timeout) = pace(&args.pace, sources)?;
    let concurrency = sources.value(&settings::CONCURRENCY, args.concurrency.as_deref(), |text| {
        values::number(text, &(1..=4096))
    })?;
    let retries = sources
        .value(&settings::RETRIES, args.retries.as_deref(), |text| values::number(text, &(0..=100)))?;
    let max_failures = sources.optional(&settings::MAX_FAILURES, args.max_failures.as_deref(), |text| {
        values::number(text, &(0..=u64::MAX))
    })?;
    if mode.value == FetchMode::List && !filters.is_empty() && stats_from != StatsSource::PeerReport {
        return Err(Error::StatisticsFromPages { origin: mode.origin });
    }
    Ok(FetchConfig {
        mode: mode.value,
        sessions,
        filters,
        stats_from,
        peer_events: if no_peer_events { PeerEvents::LeftOut } else { PeerEvents::Included },
        rate,
        reserve_percent,
        concurrency,
        timeout,
        retries,
        max_failures: max_failures.map(|given| given.value),
    })
}

pub(super) fn rate(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Rate> {
    let rate = sources.sourced(&settings::RATE, typed, values::rate)?;
    let kind = if rate.origin.is_explicit() { RateKind::Ceiling } else { RateKind::Default };
    Ok(Rate { limit: rate.value, kind })
}

/// The filters; of a list, the name that is none is what the message shows.
pub(super) fn filters(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Filters> {
    let setting = &settings::FILTERS;
    let Some(given) = sources.text(setting, typed.map(OsStr::new)) else { return Ok(Filters::NONE) };
    let text = given.value.to_string_lossy();
    match Filters::parse(&text) {
        Ok(filters) => {
            let shown = if filters.is_empty() { "none".to_owned() } else { filters.to_string() };
            sources.show(setting, shown, &given.origin);
            Ok(filters)
        }
        Err(name) => Err(Error::SettingMalformed {
            origin: given.origin,
            value: name.to_owned(),
            expected: setting.expected,
        }),
    }
}
