//! Resolving who is told how a run went.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::OperationArgs;
use crate::config::file::ConfigFile;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Environment, Origin, Sources};
use crate::config::{HealthUrl, OperationConfig, TellingFile};
use crate::error::{Error, Result};

/// Who is told how a run went.
pub(super) fn operation(args: &OperationArgs, sources: &mut Sources<'_>) -> Result<OperationConfig> {
    Ok(OperationConfig {
        summary_file: summary_file(args, sources)?,
        metrics_file: metrics_file(args, sources)?,
        health_url: health_url(args.health_url_file.as_deref(), sources)?,
    })
}

/// The same for a run whose settings are wrong: of that, too, somebody is to be told, by whatever was right.
pub(super) fn as_far_as_right(
    args: &OperationArgs,
    environment: &Environment<'_>,
    file: Option<&ConfigFile>,
) -> OperationConfig {
    let mut sources = Sources::new(environment, file.cloned().unwrap_or_default());
    OperationConfig {
        summary_file: summary_file(args, &mut sources).unwrap_or_default(),
        metrics_file: metrics_file(args, &mut sources).unwrap_or_default(),
        health_url: health_url(args.health_url_file.as_deref(), &mut sources).unwrap_or_default(),
    }
}

fn summary_file(args: &OperationArgs, sources: &mut Sources<'_>) -> Result<Option<TellingFile>> {
    file(&settings::SUMMARY_FILE, args.summary_file.as_deref(), "json", sources)
}

fn metrics_file(args: &OperationArgs, sources: &mut Sources<'_>) -> Result<Option<TellingFile>> {
    file(&settings::METRICS_FILE, args.metrics_file.as_deref(), "prom", sources)
}

/// A file that is replaced by each run: by its ending nothing else is, where the wrong one is named.
fn file(
    setting: &'static Setting,
    typed: Option<&Path>,
    ending: &str,
    sources: &mut Sources<'_>,
) -> Result<Option<TellingFile>> {
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    let (path, origin) = (PathBuf::from(given.value), given.origin);
    let shown = path.display().to_string();
    if path.extension().is_none_or(|found| found != ending) {
        return Err(Error::SettingMalformed { origin, value: shown, expected: setting.expected });
    }
    sources.show(setting, shown, &origin);
    Ok(Some(TellingFile { path, origin }))
}

/// The health URL: its variable holds the URL itself, the flag and the file's key a path.
fn health_url(typed: Option<&Path>, sources: &mut Sources<'_>) -> Result<Option<HealthUrl>> {
    let setting = &settings::HEALTH_URL_FILE;
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    let origin = given.origin;
    let text = if matches!(origin, Origin::Variable(_)) {
        given.value.to_string_lossy().into_owned()
    } else {
        match fs::read(given.value) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(source) => return Err(Error::HealthUrlUnreadable { origin, source }),
        }
    };
    match HealthUrl::parse(&text) {
        Some(url) => {
            sources.show(setting, format!("(a URL of {}, not shown)", url.host()), &origin);
            Ok(Some(url))
        }
        None => Err(Error::HealthUrlMalformed { origin }),
    }
}
