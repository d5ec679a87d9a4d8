//! The settings of `sync`. Those that it shares with `run` have the same names, variables and keys, so that one
//! file serves both; what `run` has beside them (`since`, `format`, ...) means nothing here.

use std::time::Duration;

use chrono::NaiveDate;

use super::operation::{self, Taken};
use super::{api, fetch, on_warning, place, state_dir, user_state_dir};
use crate::cli::SyncArgs;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Origin, Sources};
use crate::config::{Anew, Deadline, EmptyDays, Sessions, StartMode, SyncConfig, SyncDays, WaitLock, values};
use crate::error::{DatasetError, Error, Result};
use crate::model::{Zone, parse_day};

/// Nobody waits longer.
const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);
/// A lookback is so many days at most, and so is a commit.
const MOST_DAYS: u32 = 366;
const A_DAY: Duration = Duration::from_hours(24);

/// Resolves what was typed after `sync`.
pub(super) fn sync(args: &SyncArgs, command_line: String, mut sources: Sources<'_>) -> Result<SyncConfig> {
    let days = days(args, &mut sources)?;
    let zone = zone(args, &mut sources)?;
    let live = sources.value(&settings::INCLUDE_LIVE, args.include_live.as_deref(), values::truth)?;
    let api = api(&args.account, &mut sources)?;
    // Discovery has the sessions already.
    let fetch = fetch(&args.fetch, Sessions::LeftOut, &mut sources)?;
    let place = place(&settings::OUTPUT, args.output.as_deref(), &mut sources)?
        .ok_or_else(|| Error::SettingsMissing { missing: vec![&settings::OUTPUT] })?;
    let state_dir = state_dir(args.state_dir.as_deref(), &place, &mut sources)?;
    let refresh = sources.value(&settings::REFRESH, args.refresh.as_deref(), values::truth)?;
    let keep_log = sources.value(&settings::KEEP_LOG, args.keep_log.as_deref(), values::choice)?;
    let wait_lock = waiting(args, &mut sources)?;
    let empty_days = empty_days(args, &mut sources)?;
    let on_warning = on_warning(args.strict.as_deref(), &mut sources)?;
    let deadline = args.operation.deadline.as_deref();
    let deadline = sources.optional(&settings::DEADLINE, deadline, Deadline::parse)?.map(|given| given.value);
    let taken = Taken::by(&[], place.local(), state_dir.as_deref());
    let operation = operation::operation(&args.operation, &taken, &mut sources)?;
    Ok(SyncConfig {
        api,
        fetch,
        live,
        days,
        zone,
        place,
        state_dir,
        start: if refresh { StartMode::Refresh } else { StartMode::Resume },
        keep_log,
        on_warning,
        wait_lock,
        anew: if args.anew { Anew::Wanted } else { Anew::LeftOut },
        empty_days,
        deadline,
        operation,
        user_state_dir: user_state_dir(&sources),
        command_line,
        settings: sources.into_shown(),
    })
}

/// What `sync` has beside what it shares with `run`, checked as it would be.
pub(super) fn check_own(sources: &mut Sources<'_>) -> Result<()> {
    let untyped = SyncArgs::default();
    days(&untyped, sources)?;
    zone(&untyped, sources)?;
    waiting(&untyped, sources)?;
    empty_days(&untyped, sources)?;
    Ok(())
}

/// Whose days they are, where it is said.
fn zone(args: &SyncArgs, sources: &mut Sources<'_>) -> Result<Option<Zone>> {
    let zone = sources.optional(&settings::DATASET_ZONE, args.tz.as_deref(), |text| text.parse().ok())?;
    Ok(zone.map(|given| given.value))
}

/// Whether to wait for another process.
fn waiting(args: &SyncArgs, sources: &mut Sources<'_>) -> Result<WaitLock> {
    let wait = sources.optional(&settings::WAIT_LOCK, args.wait_lock.as_deref(), wait_lock)?;
    Ok(wait.map_or(WaitLock::No, |given| given.value))
}

/// What to do with days that lost all sessions.
fn empty_days(args: &SyncArgs, sources: &mut Sources<'_>) -> Result<EmptyDays> {
    let typed = args.accept_empty_days.as_deref();
    let accepts = sources.value(&settings::ACCEPT_EMPTY_DAYS, typed, values::truth)?;
    Ok(if accepts { EmptyDays::Accepted } else { EmptyDays::Kept })
}

/// Which days. The first and the last are only typed: a file describes every night.
fn days(args: &SyncArgs, sources: &mut Sources<'_>) -> Result<SyncDays> {
    let mut day = |setting: &'static Setting, typed: Option<&str>| {
        let Some(text) = typed else { return Ok(None) };
        let origin = Origin::Flag(setting.name);
        let Some(day) = parse_day(text) else {
            return Err(Error::SettingMalformed {
                origin,
                value: text.to_owned(),
                expected: setting.expected,
            });
        };
        sources.show(setting, text.to_owned(), &origin);
        Ok(Some(day))
    };
    let from: Option<NaiveDate> = day(&settings::FROM, args.from.as_deref())?;
    let to = day(&settings::TO, args.to.as_deref())?;
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        return Err(Error::Dataset(DatasetError::DaysReversed { from, to }));
    }
    let lookback = sources.value(&settings::LOOKBACK, args.lookback.as_deref(), whole_days)?;
    let per_commit = sources.value(&settings::DAYS_PER_COMMIT, args.days_per_commit.as_deref(), |text| {
        values::number(text, &(1..=MOST_DAYS))
    })?;
    Ok(SyncDays { from, to, lookback, per_commit })
}

/// `3d`, `0d`, `2weeks`: a duration of whole days.
fn whole_days(text: &str) -> Option<u32> {
    let duration = humantime::parse_duration(text).ok()?;
    let days = u32::try_from(duration.as_secs() / A_DAY.as_secs()).ok()?;
    (days <= MOST_DAYS && A_DAY * days == duration).then_some(days)
}

fn wait_lock(text: &str) -> Option<WaitLock> {
    match text.parse() {
        Ok(true) => Some(WaitLock::UpTo(None)),
        Ok(false) => Some(WaitLock::No),
        Err(_) => values::duration(text, LONGEST_WAIT).map(|longest| WaitLock::UpTo(Some(longest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookback_is_of_whole_days() {
        for (text, days) in [
            ("3d", Some(3)),
            ("0d", Some(0)),
            ("0s", Some(0)),
            ("366d", Some(366)),
            ("48h", Some(2)),
            ("2w", Some(14)),
        ] {
            assert_eq!(whole_days(text), days, "{text}");
        }
        for text in ["", "3", "90m", "367d", "1d 1ns", "-1d", "584942417355y"] {
            assert_eq!(whole_days(text), None, "{text}");
        }
    }

    #[test]
    fn whether_to_wait() {
        for (text, wait) in [
            ("true", Some(WaitLock::UpTo(None))),
            ("false", Some(WaitLock::No)),
            ("30m", Some(WaitLock::UpTo(Some(Duration::from_mins(30))))),
            ("soon", None),
            ("0s", None),
            ("31days", None),
        ] {
            assert_eq!(wait_lock(text), wait, "{text}");
        }
    }
}
