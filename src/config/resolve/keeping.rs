//! The settings of `vacuum` and `files`.

use std::time::Duration;

use super::{Sources, local, published};
use crate::cli::{FilesArgs, VacuumArgs};
use crate::config::keeping::{Doing, FilesConfig, VacuumConfig, WaitFor};
use crate::config::settings;
use crate::config::sources::{Origin, Sourced};
use crate::error::{Error, Result};

/// What a duration is.
const A_DURATION: &str = "a duration such as 1d or 12h";
/// For how long replaced files stay: longer than anybody reads one state of a dataset.
const GRACE: Duration = Duration::from_hours(24);
/// Nobody means more.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 10);

/// Resolves what was typed after `vacuum`.
pub(super) fn vacuum(args: VacuumArgs, sources: &Sources<'_>) -> Result<VacuumConfig> {
    let place = published(args.place, sources)?;
    let grace = args.grace.as_deref().map(|text| duration("grace", text)).transpose()?.unwrap_or(GRACE);
    let wait = match args.wait_lock {
        None => None,
        Some(None) => Some(WaitFor::Ever),
        Some(Some(text)) => Some(WaitFor::Duration(duration("wait-lock", &text)?)),
    };
    let directory = |path: std::path::PathBuf| {
        let origin = Origin::Flag(settings::STATE_DIR.name);
        local(Sourced { value: path.into_os_string(), origin }, &settings::STATE_DIR)
    };
    Ok(VacuumConfig {
        place,
        grace,
        doing: if args.dry_run { Doing::Dry } else { Doing::Really },
        wait,
        state_dir: args.state_dir.map(directory).transpose()?,
        format: args.format,
    })
}

/// Resolves what was typed after `files`.
pub(super) fn files(args: FilesArgs, sources: &Sources<'_>) -> Result<FilesConfig> {
    Ok(FilesConfig { place: published(args.place, sources)?, table: args.table, form: args.form })
}

fn duration(flag: &'static str, text: &str) -> Result<Duration> {
    // Unlike those of a run, one of these can be nothing.
    let read = humantime::parse_duration(text).ok().filter(|duration| *duration <= LONGEST);
    read.ok_or_else(|| Error::SettingMalformed {
        origin: Origin::Flag(flag),
        value: text.to_owned(),
        expected: A_DURATION,
    })
}
