//! The settings of where files go, and of what they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::OutputArgs;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Sourced, Sources};
use crate::config::values::{self, TypedFormat};
use crate::config::{Format, OnWarning, OutputConfig, PlaceConfig, Rollups, StartMode};
use crate::error::{Error, Result, StoreError};

pub(super) fn output(args: &OutputArgs, sources: &mut Sources<'_>) -> Result<OutputConfig> {
    let rollups = rollups(args.no_rollups.as_deref(), sources)?;
    let queries = directory(&settings::QUERIES, args.queries.as_deref(), sources)?;
    let place = place(&settings::OUTPUT, args.output.as_deref(), sources)?
        .ok_or_else(|| Error::SettingsMissing { missing: vec![&settings::OUTPUT] })?;
    let state_dir = state_dir(args.state_dir.as_deref(), &place, sources)?;
    let refresh = sources.value(&settings::REFRESH, args.refresh.as_deref(), values::truth)?;
    let keep_log = sources.value(&settings::KEEP_LOG, args.keep_log.as_deref(), values::choice)?;
    let format = format(args.format.as_deref(), args.excel.as_deref(), sources)?;
    let on_warning = on_warning(args.strict.as_deref(), sources)?;
    let start = if refresh { StartMode::Refresh } else { StartMode::Resume };
    Ok(OutputConfig { place, state_dir, start, keep_log, format, rollups, queries, on_warning })
}

pub(super) fn on_warning(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<OnWarning> {
    let strict = sources.value(&settings::STRICT, typed, values::truth)?;
    Ok(if strict { OnWarning::Fail } else { OnWarning::Publish })
}

pub(super) fn rollups(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Rollups> {
    let left_out = sources.value(&settings::NO_ROLLUPS, typed, values::truth)?;
    Ok(if left_out { Rollups::LeftOut } else { Rollups::Made })
}

pub(super) fn format(typed: Option<&str>, excel: Option<&str>, sources: &mut Sources<'_>) -> Result<Format> {
    let format = sources.sourced(&settings::FORMAT, typed, values::choice)?;
    let excel = sources.sourced(&settings::EXCEL, excel, values::truth)?;
    match (format.value, excel.value) {
        (TypedFormat::Parquet, false) => Ok(Format::Parquet),
        (TypedFormat::Csv, false) => Ok(Format::Csv),
        (TypedFormat::Csv, true) => Ok(Format::CsvExcel),
        (TypedFormat::Parquet, true) => Err(Error::ExcelWithoutCsv { origin: excel.origin }),
    }
}

/// Where files go, where it is set: a directory of this machine, or a place in an object store.
pub(super) fn place(
    setting: &'static Setting,
    typed: Option<&Path>,
    sources: &mut Sources<'_>,
) -> Result<Option<PlaceConfig>> {
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    if given.value.is_empty() {
        let (origin, expected) = (given.origin, setting.expected);
        return Err(Error::SettingMalformed { origin, value: String::new(), expected });
    }
    let place = sources.place(&given)?;
    match place.remote() {
        Some(remote) => {
            sources.show(setting, remote.url.to_string(), &given.origin);
            sources.show_store(remote);
        }
        None => sources.show(setting, given.value.to_string_lossy().into_owned(), &given.origin),
    }
    Ok(Some(place))
}

/// The directory of an export's log. A store keeps none, and whoever exports into it says what lasts as long as it is
/// needed: what was fetched is lost with it.
pub(super) fn state_dir(
    typed: Option<&Path>,
    place: &PlaceConfig,
    sources: &mut Sources<'_>,
) -> Result<Option<PathBuf>> {
    let set = directory(&settings::STATE_DIR, typed, sources)?;
    match (&set, place.remote()) {
        (None, Some(remote)) => Err(StoreError::NoStateDir { url: remote.url.to_string() }.into()),
        _ => Ok(set),
    }
}

/// A directory of this machine, where one is given.
pub(super) fn directory(
    setting: &'static Setting,
    typed: Option<&Path>,
    sources: &mut Sources<'_>,
) -> Result<Option<PathBuf>> {
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    let (shown, origin) = (given.value.to_string_lossy().into_owned(), given.origin.clone());
    let path = local(given, setting)?;
    sources.show(setting, shown, &origin);
    Ok(Some(path))
}

/// A path, unless it is empty or a URL.
pub(super) fn local(given: Sourced<OsString>, setting: &'static Setting) -> Result<PathBuf> {
    let Sourced { value, origin } = given;
    let text = value.to_string_lossy();
    if text.is_empty() {
        return Err(Error::SettingMalformed { origin, value: text.into_owned(), expected: setting.expected });
    }
    match values::scheme(&text) {
        Some(scheme) => Err(Error::RemoteDirectory { origin, scheme: scheme.to_owned() }),
        None => Ok(PathBuf::from(value)),
    }
}
