//! Resolving who is told how a run went.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::header::HeaderMap;

use super::profiles::settled_path;
use crate::cli::{OperationArgs, OutputArgs, RunArgs, SyncArgs};
use crate::config::file::ConfigFile;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Environment, Origin, Sources};
use crate::config::{HealthUrl, OperationConfig, OtlpConfig, TellingFile, otlp, values};
use crate::error::{Error, Result};

/// What a run reads and makes, none of which may be told over.
pub(super) struct Taken<'a> {
    lists: &'a [String],
    output: Option<PathBuf>,
    state_dir: Option<PathBuf>,
}

impl<'a> Taken<'a> {
    /// By a run whose settings are right so far; an output in a store is no path.
    pub(super) fn by(lists: &'a [String], output: Option<&Path>, state_dir: Option<&Path>) -> Self {
        Self { lists, output: output.map(Path::to_owned), state_dir: state_dir.map(Path::to_owned) }
    }

    /// By one whose settings are wrong.
    fn by_wrong(typed: &Typed<'a>, sources: &Sources<'_>) -> Self {
        let directory = |setting, typed: Option<&Path>| {
            sources.text(setting, typed.map(Path::as_os_str)).map(|given| PathBuf::from(given.value))
        };
        Self {
            lists: typed.lists,
            output: directory(&settings::OUTPUT, typed.output),
            state_dir: directory(&settings::STATE_DIR, typed.state_dir),
        }
    }

    /// What is at a path, or around it.
    fn at(&self, path: &Path) -> Option<&'static str> {
        let path = settled_path(path);
        let is_list = |list: &String| list != "-" && settled_path(Path::new(list)) == path;
        let is_in =
            |dir: &Option<PathBuf>| dir.as_ref().is_some_and(|dir| path.starts_with(settled_path(dir)));
        if self.lists.iter().any(is_list) {
            Some("a list of the run")
        } else if is_in(&self.output) {
            Some("in the output directory")
        } else if is_in(&self.state_dir) {
            Some("in the state directory")
        } else {
            None
        }
    }
}

/// What was typed of it, whatever the command.
pub(super) struct Typed<'a> {
    lists: &'a [String],
    output: Option<&'a Path>,
    state_dir: Option<&'a Path>,
    operation: &'a OperationArgs,
}

impl<'a> Typed<'a> {
    /// After `run`.
    pub(super) fn by_run(args: &'a RunArgs) -> Self {
        let OutputArgs { output, state_dir, .. } = &args.output;
        let (output, state_dir) = (output.as_deref(), state_dir.as_deref());
        Self { lists: &args.ask.lists, output, state_dir, operation: &args.operation }
    }

    /// After `sync`.
    pub(super) fn by_sync(args: &'a SyncArgs) -> Self {
        let (output, state_dir) = (args.output.as_deref(), args.state_dir.as_deref());
        Self { lists: &[], output, state_dir, operation: &args.operation }
    }
}

/// Who is told how a run went.
pub(super) fn operation(
    args: &OperationArgs,
    taken: &Taken<'_>,
    sources: &mut Sources<'_>,
) -> Result<OperationConfig> {
    let summary_file =
        sources.unless_wrong(&settings::SUMMARY_FILE, |sources| summary_file(args, taken, sources))?;
    let metrics_file = sources.unless_wrong(&settings::METRICS_FILE, |sources| {
        metrics_file(args, taken, summary_file.as_ref(), sources)
    })?;
    let health_url = sources.unless_wrong(&settings::HEALTH_URL_FILE, |sources| {
        health_url(args.health_url_file.as_deref(), sources)
    })?;
    let otlp = otlp(args.otlp_endpoint.as_deref(), sources)?;
    Ok(OperationConfig { summary_file, metrics_file, health_url, otlp })
}

/// The same for a run whose settings are wrong: of that, too, somebody is to be told, by whatever was right.
pub(super) fn as_far_as_right(
    typed: &Typed<'_>,
    environment: &Environment<'_>,
    file: Option<&ConfigFile>,
) -> OperationConfig {
    let mut sources = Sources::new(environment, file.cloned().unwrap_or_default());
    let taken = Taken::by_wrong(typed, &sources);
    let args = typed.operation;
    let summary_file = summary_file(args, &taken, &mut sources).unwrap_or_default();
    let metrics_file = metrics_file(args, &taken, summary_file.as_ref(), &mut sources).unwrap_or_default();
    let health_url = health_url(args.health_url_file.as_deref(), &mut sources).unwrap_or_default();
    let otlp = otlp(args.otlp_endpoint.as_deref(), &mut sources).unwrap_or_default();
    OperationConfig { summary_file, metrics_file, health_url, otlp }
}

fn summary_file(
    args: &OperationArgs,
    taken: &Taken<'_>,
    sources: &mut Sources<'_>,
) -> Result<Option<TellingFile>> {
    file(&settings::SUMMARY_FILE, args.summary_file.as_deref(), "json", taken, sources)
}

fn metrics_file(
    args: &OperationArgs,
    taken: &Taken<'_>,
    summary: Option<&TellingFile>,
    sources: &mut Sources<'_>,
) -> Result<Option<TellingFile>> {
    let metrics = file(&settings::METRICS_FILE, args.metrics_file.as_deref(), "prom", taken, sources)?;
    if let (Some(TellingFile { path, origin }), Some(summary)) = (&metrics, summary)
        && settled_path(path) == settled_path(&summary.path)
    {
        let (origin, path) = (origin.clone(), path.clone());
        return Err(Error::TellingFileTaken { origin, path, what: "the summary file, too" });
    }
    Ok(metrics)
}

/// A file that is replaced by each run. Where the wrong one is named, its ending keeps most others; a list and
/// the export's own files may end in the same, and are looked for.
fn file(
    setting: &'static Setting,
    typed: Option<&Path>,
    ending: &str,
    taken: &Taken<'_>,
    sources: &mut Sources<'_>,
) -> Result<Option<TellingFile>> {
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    let (path, origin) = (PathBuf::from(given.value), given.origin);
    let shown = path.display().to_string();
    if path.extension().is_none_or(|found| found != ending) {
        return Err(Error::SettingMalformed { origin, value: shown, expected: setting.expected });
    }
    if let Some(what) = taken.at(&path) {
        return Err(Error::TellingFileTaken { origin, path, what });
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

/// The collector; its headers count only where its URL is set.
fn otlp(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Option<OtlpConfig>> {
    let Some(base) = sources.optional(&settings::OTLP_ENDPOINT, typed, otlp::base)? else { return Ok(None) };
    let Some(given) = sources.variable(settings::OTLP_HEADERS_VARIABLE) else {
        return Ok(OtlpConfig::new(&base.value, HeaderMap::default()));
    };
    let headers = given.value.to_str().and_then(otlp::headers);
    let headers = headers.ok_or(Error::OtlpHeadersMalformed { origin: given.origin.clone() })?;
    if !headers.is_empty() && values::is_clear_text(&base.value) {
        let host = base.value.host_str().unwrap_or_default().to_owned();
        return Err(Error::ClearTextHeaders { origin: base.origin, host });
    }
    Ok(OtlpConfig::new(&base.value, headers))
}
