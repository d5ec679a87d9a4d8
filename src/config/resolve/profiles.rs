//! The profiles of a configuration file: the one that is chosen, or every one after the other.
//!
//! In: what was typed, the file. Out: the file as the chosen profile has it; a run for each; what `config`
//! tells.
//! Guarantees: of several runs, none is begun unless the settings of all are right, no two share a place, and
//! each asks about what its own profile says. `config` resolves as `run` does, by the same code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::sync::sync;
use super::{resolve_face, run};
use crate::cli::{Cli, Command, ConfigArgs, FaceArgs, RunArgs, SyncArgs};
use crate::config::checked::{CheckedProfile, CheckedSetting, ConfigReport, Job, ProfileRun};
use crate::config::file::ConfigFile;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Environment, Origin, Sources};
use crate::config::{Api, FaceConfig, RunConfig, ShownSetting, values};
use crate::error::{Error, Result};

/// What `--all-profiles` is called in messages.
const ALL_PROFILES: Origin = Origin::Flag("all-profiles");

/// The file as the chosen profile has it, or as it is where none is chosen.
pub(super) fn chosen(cli: &Cli, environment: &Environment<'_>, file: &ConfigFile) -> Result<ConfigFile> {
    let takes_all = match &cli.command {
        Command::Run(args) => args.all_profiles,
        Command::Sync(args) => args.all_profiles,
        Command::Config(args) => args.run.all_profiles,
        _ => false,
    };
    let typed = cli.face.profile.clone().map(|name| (name, Origin::Flag("profile")));
    if takes_all {
        // clap sees this only where both stand on the same side of the command.
        return match typed {
            Some((_, origin)) => Err(Error::SettingsConflict { first: ALL_PROFILES, second: origin }),
            None => Ok(file.clone()),
        };
    }
    let variable = settings::PROFILE_VARIABLE;
    let from_variable = || environment(variable).filter(|name| !name.is_empty());
    let chosen = typed.or_else(|| {
        from_variable().map(|name| (name.to_string_lossy().into_owned(), Origin::Variable(variable)))
    });
    let Some((name, origin)) = chosen else { return Ok(file.clone()) };
    let Some(path) = file.path() else { return Err(Error::NoProfiles { origin, path: None }) };
    file.with_profile(&name).ok_or_else(|| Error::NoSuchProfile {
        origin: Box::new(origin),
        path: path.to_owned(),
        name,
        known: file.profiles().map(str::to_owned).collect(),
    })
}

/// What every profile's settings are resolved from.
pub(super) struct Every<'a> {
    /// What was typed of the face.
    pub(super) args: &'a FaceArgs,
    /// The face of the command itself.
    pub(super) face: FaceConfig,
    /// All variables.
    pub(super) environment: &'a Environment<'a>,
    /// The file, with none of its profiles chosen.
    pub(super) whole: &'a ConfigFile,
    /// The file as it is chosen.
    pub(super) chosen: &'a ConfigFile,
}

impl Every<'_> {
    /// A run for each profile, in the file's order.
    pub(super) fn run(&self, args: &RunArgs, command_line: &str) -> Result<Vec<ProfileRun>> {
        let profiles = self.names()?.len();
        if profiles > 1 && args.ask.lists.iter().any(|list| list == "-") {
            return Err(Error::StdinForProfiles { profiles });
        }
        self.each(|sources| Ok(Job::Run(Box::new(run(args, command_line.to_owned(), sources)?))))
    }

    /// A sync for each profile, in the file's order.
    pub(super) fn sync(&self, args: &SyncArgs, command_line: &str) -> Result<Vec<ProfileRun>> {
        self.each(|sources| Ok(Job::Sync(Box::new(sync(args, command_line.to_owned(), sources)?))))
    }

    fn each(&self, resolve: impl Fn(Sources<'_>) -> Result<Job>) -> Result<Vec<ProfileRun>> {
        let runs = self.names()?.into_iter().map(|name| self.profile(name, &resolve));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        apart(&runs)?;
        Ok(runs)
    }

    /// What a run, or those of all profiles, would make of the settings.
    pub(super) fn check(&self, mut args: ConfigArgs, command_line: &str) -> Result<ConfigReport> {
        if args.run.all_profiles {
            self.names()?;
        }
        if args.run.ask.lists.is_empty() {
            // Lists are no settings: all else is checked as if one were given.
            args.run.ask.lists.push("list.csv".to_owned());
        }
        let mut report = ConfigReport {
            file: self.whole.path().map(Path::to_owned),
            profiles: Vec::new(),
            faults: Vec::new(),
            as_json: args.json,
        };
        let chosen = self.chosen.profile();
        if self.whole.profiles().next().is_none() {
            let settings = self.settings(&mut args.run, self.chosen, command_line);
            match settings {
                Ok((settings, _)) => report.profiles.push(CheckedProfile { name: None, settings }),
                Err(error) => report.faults.push(error),
            }
            return Ok(report);
        }
        let mut runs = Vec::new();
        for name in self.whole.profiles() {
            let Some(file) = self.whole.with_profile(name) else { continue };
            match self.settings(&mut args.run, &file, command_line) {
                Ok((settings, run)) => {
                    if chosen.is_none_or(|chosen| chosen == name) {
                        report.profiles.push(CheckedProfile { name: Some(name.to_owned()), settings });
                    }
                    if chosen.is_none() {
                        let job = Job::Run(Box::new(run));
                        report.faults.extend(overridden(name, &file, &job).err());
                        runs.push(ProfileRun { name: name.to_owned(), face: self.face, job });
                    }
                }
                Err(error) => report.faults.push(error),
            }
        }
        report.faults.extend(apart(&runs).err());
        // What is typed, or in the environment, is wrong for all profiles alike.
        let mut told = BTreeSet::new();
        report.faults.retain(|fault| told.insert(fault.to_string()));
        Ok(report)
    }

    fn names(&self) -> Result<Vec<&str>> {
        let names: Vec<_> = self.whole.profiles().collect();
        if names.is_empty() {
            let path = self.whole.path().map(Path::to_owned);
            return Err(Error::NoProfiles { origin: ALL_PROFILES, path });
        }
        Ok(names)
    }

    fn profile(&self, name: &str, resolve: impl Fn(Sources<'_>) -> Result<Job>) -> Result<ProfileRun> {
        let file = self.whole.with_profile(name).unwrap_or_default();
        let (face, job) = self.resolve(&file, resolve).map_err(|error| file.located(error))?;
        overridden(name, &file, &job)?;
        Ok(ProfileRun { name: name.to_owned(), face, job })
    }

    fn resolve<T>(
        &self,
        file: &ConfigFile,
        resolve: impl Fn(Sources<'_>) -> Result<T>,
    ) -> Result<(FaceConfig, T)> {
        let mut sources = Sources::new(self.environment, file.clone());
        let face = resolve_face(self.args, &mut sources, self.face)?;
        Ok((face, resolve(sources)?))
    }

    /// Every setting of a run, and the run. An output that is not set is none of its settings' faults: it may be
    /// typed for each run.
    fn settings(
        &self,
        args: &mut RunArgs,
        file: &ConfigFile,
        command_line: &str,
    ) -> Result<(Vec<CheckedSetting>, RunConfig)> {
        let output = &settings::OUTPUT;
        let sources = Sources::new(self.environment, file.clone());
        let is_set = sources.text(output, args.output.output.as_deref().map(Path::as_os_str)).is_some();
        if !is_set {
            // No other path is in it.
            args.output.output = Some(PathBuf::from("(not set)"));
        }
        let resolve = |sources: Sources<'_>| run(args, command_line.to_owned(), sources);
        let resolved = self.resolve(file, resolve).map_err(|error| file.located(error));
        if !is_set {
            args.output.output = None;
        }
        let (_, mut run) = resolved?;
        if !is_set {
            run.settings.retain(|setting| setting.name != output.name);
        }
        Ok((all(&run.settings), run))
    }
}

/// Every setting of `run`, set or not.
fn all(shown: &[ShownSetting]) -> Vec<CheckedSetting> {
    let mut settings: Vec<&'static Setting> = settings::ALL.to_vec();
    let after = settings.iter().position(|setting| **setting == settings::API_TOKEN_FILE);
    settings.insert(after.map_or(0, |at| at + 1), &settings::API_TOKEN_COMMAND);
    let checked = settings.into_iter().map(|setting| {
        let found = shown.iter().find(|shown| shown.name == setting.name);
        let set = found.map(|shown| (shown.value.clone(), shown.origin.clone()));
        CheckedSetting { name: setting.name, set }
    });
    // What opens a store is set by variables only.
    let is_of_store = |shown: &&ShownSetting| shown.origin == Origin::Variable(shown.name);
    let of_stores = shown.iter().filter(is_of_store).map(|shown| CheckedSetting {
        name: shown.name,
        set: Some((shown.value.clone(), shown.origin.clone())),
    });
    checked.chain(of_stores).collect()
}

/// Of several profiles, each says itself whom to ask: a variable that wins over them all would export one
/// account again and again, under the names of the others, or send each one's token to another host.
fn overridden(name: &str, file: &ConfigFile, job: &Job) -> Result<()> {
    if matches!(job.api(), Api::Sandbox) {
        return Ok(());
    }
    let guarded = [&settings::ACCOUNT_ID, &settings::APP_ID, &settings::API_TOKEN_FILE, &settings::BASE_URL];
    for setting in guarded {
        let Some((weaker, text)) = file.of_profile(setting) else { continue };
        let Some(shown) = job.settings().iter().find(|shown| shown.name == setting.name) else { continue };
        if shown.origin.rank() > weaker.rank() && text.is_none_or(|text| text != shown.value) {
            let (stronger, weaker) = (Box::new(shown.origin.clone()), Box::new(weaker));
            return Err(Error::ProfileOverridden { profile: name.to_owned(), stronger, weaker });
        }
    }
    Ok(())
}

/// No two profiles may have one output, one state directory, or one place to tell how they went: the later
/// run would tell over what the earlier one told.
fn apart(runs: &[ProfileRun]) -> Result<()> {
    let shown = |profile: &ProfileRun, setting: &Setting| {
        profile.job.settings().iter().find(|shown| shown.name == setting.name).cloned()
    };
    let places: [(&Setting, &str); 4] = [
        (&settings::OUTPUT, "output"),
        (&settings::STATE_DIR, "state directory"),
        (&settings::SUMMARY_FILE, "summary file"),
        (&settings::METRICS_FILE, "file of metrics"),
    ];
    for (at, profile) in runs.iter().enumerate() {
        for other in &runs[..at] {
            let is_shared = |(setting, _): &&(&Setting, &str)| {
                let place = |profile| shown(profile, setting).map(|shown| settled(&shown.value));
                place(profile).is_some_and(|path| place(other) == Some(path))
            };
            let checks = (&profile.job.operation().health_url, &other.job.operation().health_url);
            let shared = match (places.iter().find(is_shared), checks) {
                (Some(shared), _) => *shared,
                (None, (Some(one), Some(another))) if one.is(another) => {
                    (&settings::HEALTH_URL_FILE, "health URL")
                }
                _ => continue,
            };
            let (setting, what) = shared;
            let origin = |profile| shown(profile, setting).map(|shown| Box::new(shown.origin));
            if let (Some(origin), Some(other_origin)) = (origin(profile), origin(other)) {
                let (profile, other) = (profile.name.clone(), other.name.clone());
                return Err(Error::ProfilesShare { what, profile, origin, other, other_origin });
            }
        }
    }
    Ok(())
}

/// Where a setting leads: a URL, or a path.
fn settled(text: &str) -> PathBuf {
    if values::scheme(text).is_some() {
        return PathBuf::from(text.trim_end_matches('/'));
    }
    settled_path(Path::new(text))
}

/// Where a path leads, as far as it exists: one place has many names.
pub(super) fn settled_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in path.ancestors() {
        let Ok(mut settled) = fs::canonicalize(ancestor) else { continue };
        let rest = path.strip_prefix(ancestor).unwrap_or_else(|_| Path::new(""));
        for component in rest.components() {
            match component {
                Component::ParentDir => {
                    settled.pop();
                }
                Component::Normal(name) => settled.push(name),
                _ => {}
            }
        }
        return settled;
    }
    path
}
