//! What `config` tells: every setting of `run` and `sync`, and all that is wrong with them.
//!
//! In: what was typed, the file and what is wrong with it. Out: a [`ConfigReport`].
//! Guarantees: each setting is checked by the code of `run` and `sync`, and told once. What may be typed for each
//! command need not be there: a list or a window, an output.
//! Not here: showing it (`ui`).

use std::collections::BTreeSet;
use std::path::Path;

use super::operation::{Taken, operation};
use super::profiles::{Every, Profiled, apart, overridden};
use super::{
    api, directory, fetch, format, lists, on_warning, place, resolve_face, rollups, state_dir, sync, window,
    with_sessions,
};
use crate::cli::{ConfigArgs, RunArgs};
use crate::config::checked::{CheckedProfile, CheckedSetting, Commands, ConfigReport};
use crate::config::file::ConfigFile;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Fault, Origin, Sources};
use crate::config::{Api, Deadline, HealthUrl, KeepLog, Sessions, ShownSetting, values};
use crate::error::{Error, Result, StoreError};

/// What one profile, or a file without any, comes to.
struct Checked {
    settings: Vec<ShownSetting>,
    is_sandbox: bool,
    health_url: Option<HealthUrl>,
}

impl Every<'_> {
    /// What the commands, or those of all profiles, would make of the settings.
    pub(super) fn check(&self, args: ConfigArgs, mut faults: Vec<Error>) -> ConfigReport {
        let ConfigArgs { run: args, json } = args;
        let chosen = self.chosen;
        if args.all_profiles {
            faults.extend(self.names().err());
        }
        // What cannot be read is not set: what is shown beside it might not be what was meant.
        let is_shown = faults.is_empty();
        let mut profiles = Vec::new();
        let mut checked = Vec::new();
        if self.whole.profiles().next().is_none() {
            match self.settings(&args, chosen, &mut faults) {
                Some(found) if is_shown => {
                    profiles.push(CheckedProfile { name: None, settings: all(&found.settings) });
                }
                _ => {}
            }
        }
        for name in self.whole.profiles() {
            let Some(file) = self.whole.with_profile(name) else { continue };
            let Some(found) = self.settings(&args, &file, &mut faults) else { continue };
            if is_shown && chosen.profile().is_none_or(|chosen| chosen == name) {
                profiles.push(CheckedProfile { name: Some(name.to_owned()), settings: all(&found.settings) });
            }
            checked.push((name, file, found));
        }
        if chosen.profile().is_none() {
            let all: Vec<_> = checked.iter().map(|(name, _, found)| found.of(name)).collect();
            let overridden =
                all.iter().zip(&checked).filter_map(|(of, (_, file, _))| overridden(of, file).err());
            faults.extend(overridden);
            faults.extend(apart(&all).err());
        }
        // What is typed, in the environment or in the file itself is wrong for all profiles alike.
        let mut told = BTreeSet::new();
        faults.retain(|fault| told.insert(fault.to_string()));
        faults.sort_by_key(|fault| line(fault).unwrap_or(usize::MAX));
        ConfigReport { file: self.whole.path().map(Path::to_owned), profiles, faults, as_json: json }
    }

    /// What the commands would make of one file, unless something is wrong with it.
    fn settings(&self, args: &RunArgs, file: &ConfigFile, faults: &mut Vec<Error>) -> Option<Checked> {
        let mut sources = Sources::forgiving(self.environment, file.clone());
        let mut wrong = Vec::new();
        let (is_sandbox, health_url) = self.parts(args, &mut sources, &mut wrong);
        let (settings, of_settings) = sources.into_found();
        let is_told = |setting: &Setting| {
            file.is_wrong(setting) || of_settings.iter().any(|fault| *fault.setting == *setting)
        };
        let is_told = |setting: &&'static Setting| {
            let of_token = *setting == &settings::API_TOKEN_FILE && is_told(&settings::API_TOKEN_COMMAND);
            of_token || is_told(setting)
        };
        let wrong: Vec<_> = wrong
            .into_iter()
            .filter_map(|error| match error {
                // What is there, and wrong, is not missing.
                Error::SettingsMissing { mut missing } => {
                    missing.retain(|setting| !is_told(setting));
                    (!missing.is_empty()).then(|| file.located(Error::SettingsMissing { missing }))
                }
                error => Some(error),
            })
            .collect();
        let is_right = wrong.is_empty() && of_settings.is_empty();
        faults.extend(of_settings.into_iter().map(|Fault { error, .. }| error).chain(wrong));
        is_right.then_some(Checked { settings, is_sandbox, health_url })
    }

    /// Resolves each part of `run` and of `sync`, whatever is wrong with the others.
    fn parts(
        &self,
        args: &RunArgs,
        sources: &mut Sources<'_>,
        wrong: &mut Vec<Error>,
    ) -> (bool, Option<HealthUrl>) {
        let mut parts = Parts { wrong };
        parts.of(resolve_face(self.args, sources, self.face));
        match window(&args.ask, sources) {
            // Right for sync, and for a run whose window is typed.
            Err(Error::LiveWithoutWindow { .. }) => {}
            window => drop(parts.of(window)),
        }
        parts.of(sync::check_own(sources));
        let lists = parts.of(lists(&args.ask.lists, true)).unwrap_or_default();
        parts.of(sources.stored(&lists));
        let api = parts.of(api(&args.ask.account, sources));
        parts.of(with_sessions(args.ask.with_sessions.as_deref(), sources));
        parts.of(fetch(&args.ask.fetch, Sessions::LeftOut, sources));
        let typed = &args.output;
        parts.of(rollups(typed.no_rollups.as_deref(), sources));
        parts.of(directory(&settings::QUERIES, typed.queries.as_deref(), sources));
        let place = parts.of(place(&settings::OUTPUT, typed.output.as_deref(), sources)).flatten();
        let state_dir = match &place {
            Some(place) => state_dir(typed.state_dir.as_deref(), place, sources),
            None => directory(&settings::STATE_DIR, typed.state_dir.as_deref(), sources),
        };
        let state_dir = parts.of(state_dir).flatten();
        parts.of(sources.value(&settings::REFRESH, typed.refresh.as_deref(), values::truth));
        parts.of(sources.value(&settings::KEEP_LOG, typed.keep_log.as_deref(), values::choice::<KeepLog>));
        parts.of(format(typed.format.as_deref(), typed.excel.as_deref(), sources));
        parts.of(on_warning(typed.strict.as_deref(), sources));
        parts.of(sources.optional(&settings::DEADLINE, args.operation.deadline.as_deref(), Deadline::parse));
        let local = place.as_ref().and_then(|place| place.local());
        let taken = Taken::by(&lists, local, state_dir.as_deref());
        let operation = parts.of(operation(&args.operation, &taken, sources));
        (matches!(api, Some(Api::Sandbox)), operation.and_then(|operation| operation.health_url))
    }
}

impl Checked {
    fn of<'a>(&'a self, name: &'a str) -> Profiled<'a> {
        let Self { settings, is_sandbox, health_url } = self;
        Profiled { name, is_sandbox: *is_sandbox, settings, health_url: health_url.as_ref() }
    }
}

/// What is wrong with the parts.
struct Parts<'a> {
    wrong: &'a mut Vec<Error>,
}

impl Parts<'_> {
    /// One part, or a note of what is wrong with it.
    fn of<T>(&mut self, part: Result<T>) -> Option<T> {
        part.map_err(|error| self.wrong.push(error)).ok()
    }
}

/// Every setting, set or not: those of the file in the order of the help, each beside its like.
fn all(shown: &[ShownSetting]) -> Vec<CheckedSetting> {
    let mut every: Vec<&'static Setting> = settings::ALL.to_vec();
    let beside: [(&Setting, &[&'static Setting]); 3] = [
        (&settings::API_TOKEN_FILE, &[&settings::API_TOKEN_COMMAND]),
        (&settings::MEETING, &[&settings::LOOKBACK, &settings::DATASET_ZONE]),
        (
            &settings::KEEP_LOG,
            &[&settings::DAYS_PER_COMMIT, &settings::WAIT_LOCK, &settings::ACCEPT_EMPTY_DAYS],
        ),
    ];
    for (like, more) in beside {
        let after = every.iter().position(|setting| *setting == like).map_or(every.len(), |at| at + 1);
        every.splice(after..after, more.iter().copied());
    }
    let checked = every.into_iter().map(|setting| {
        let found = shown.iter().find(|shown| shown.name == setting.name);
        let set = found.map(|shown| (shown.value.clone(), shown.origin.clone()));
        CheckedSetting { name: setting.name, set, of: of(setting) }
    });
    // What opens a store is set by variables only.
    let is_of_store = |shown: &&ShownSetting| shown.origin == Origin::Variable(shown.name);
    let of_stores = shown.iter().filter(is_of_store).map(|shown| CheckedSetting {
        name: shown.name,
        set: Some((shown.value.clone(), shown.origin.clone())),
        of: Commands::Both,
    });
    checked.chain(of_stores).collect()
}

/// Which commands have a setting.
fn of(setting: &'static Setting) -> Commands {
    if settings::SYNC.contains(&setting) {
        Commands::Sync
    } else if settings::RUN_ONLY.contains(&setting) {
        Commands::Run
    } else {
        Commands::Both
    }
}

/// The line of the configuration file in which something is wrong, if it is there.
fn line(fault: &Error) -> Option<usize> {
    let origin = match fault {
        Error::ConfigFileMalformed { line, .. }
        | Error::ConfigFileKey { line, .. }
        | Error::ConfigFileType { line, .. }
        | Error::ConfigFileLacks { line, .. } => return Some(*line),
        Error::SettingMalformed { origin, .. }
        | Error::SettingsConflict { first: origin, .. }
        | Error::ExcelWithoutCsv { origin }
        | Error::StatisticsFromPages { origin }
        | Error::ClearTextBaseUrl { origin, .. }
        | Error::ClearTextHeaders { origin, .. }
        | Error::RemoteDirectory { origin, .. }
        | Error::TokenCommand { origin, .. }
        | Error::TokenFileUnreadable { origin, .. }
        | Error::TokenMalformed { origin, .. }
        | Error::HealthUrlUnreadable { origin, .. }
        | Error::HealthUrlMalformed { origin }
        | Error::TellingFileTaken { origin, .. } => origin,
        Error::ProfilesShare { origin, .. } => origin,
        Error::ProfileOverridden { weaker, .. } => weaker,
        Error::Store(error) => match &**error {
            StoreError::Url { origin, .. } => origin,
            _ => return None,
        },
        _ => return None,
    };
    match origin {
        Origin::File { line, .. } => Some(*line),
        _ => None,
    }
}
