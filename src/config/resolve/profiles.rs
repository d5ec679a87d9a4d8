//! The profiles of a configuration file: the one that is chosen, or every one after the other.
//!
//! In: what was typed, the file. Out: the file as the chosen profile has it; a run for each.
//! Guarantees: of several runs, none is begun unless the settings of all are right, no two share a place, and
//! each asks about what its own profile says.
//! Not here: what `config` tells of them (`check`).

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::sync::sync;
use super::{resolve_face, run};
use crate::cli::{Cli, Command, FaceArgs, RunArgs, SyncArgs};
use crate::config::checked::{Job, ProfileRun};
use crate::config::file::ConfigFile;
use crate::config::settings::{self, Setting};
use crate::config::sources::{Environment, Origin, Sources};
use crate::config::{Api, FaceConfig, HealthUrl, ShownSetting, values};
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
        apart(&runs.iter().map(Profiled::of).collect::<Vec<_>>())?;
        Ok(runs)
    }

    pub(super) fn names(&self) -> Result<Vec<&str>> {
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
        let run = ProfileRun { name: name.to_owned(), face, job };
        overridden(&Profiled::of(&run), &file)?;
        Ok(run)
    }

    fn resolve(
        &self,
        file: &ConfigFile,
        resolve: impl Fn(Sources<'_>) -> Result<Job>,
    ) -> Result<(FaceConfig, Job)> {
        let mut sources = Sources::new(self.environment, file.clone());
        let face = resolve_face(self.args, &mut sources, self.face)?;
        Ok((face, resolve(sources)?))
    }
}

/// What of one profile may go against it, or against another.
pub(super) struct Profiled<'a> {
    pub(super) name: &'a str,
    /// Whether it asks the simulated API.
    pub(super) is_sandbox: bool,
    pub(super) settings: &'a [ShownSetting],
    pub(super) health_url: Option<&'a HealthUrl>,
}

impl<'a> Profiled<'a> {
    fn of(run: &'a ProfileRun) -> Self {
        let ProfileRun { name, job, .. } = run;
        let health_url = job.operation().health_url.as_ref();
        Self { name, is_sandbox: matches!(job.api(), Api::Sandbox), settings: job.settings(), health_url }
    }

    /// A setting as resolved.
    fn shown(&self, setting: &Setting) -> Option<&'a ShownSetting> {
        self.settings.iter().find(|shown| shown.name == setting.name)
    }
}

/// Of several profiles, each says itself whom to ask: a variable that wins over them all would export one
/// account again and again, under the names of the others, or send each one's token to another host.
pub(super) fn overridden(profile: &Profiled<'_>, file: &ConfigFile) -> Result<()> {
    if profile.is_sandbox {
        return Ok(());
    }
    let guarded = [&settings::ACCOUNT_ID, &settings::APP_ID, &settings::API_TOKEN_FILE, &settings::BASE_URL];
    for setting in guarded {
        let Some((weaker, text)) = file.of_profile(setting) else { continue };
        let Some(shown) = profile.shown(setting) else { continue };
        if shown.origin.rank() > weaker.rank() && text.is_none_or(|text| text != shown.value) {
            let (stronger, weaker) = (Box::new(shown.origin.clone()), Box::new(weaker));
            return Err(Error::ProfileOverridden { profile: profile.name.to_owned(), stronger, weaker });
        }
    }
    Ok(())
}

/// No two profiles may have one output, one state directory, or one place to tell how they went: the later
/// run would tell over what the earlier one told.
pub(super) fn apart(profiles: &[Profiled<'_>]) -> Result<()> {
    let places: [(&Setting, &str); 4] = [
        (&settings::OUTPUT, "output"),
        (&settings::STATE_DIR, "state directory"),
        (&settings::SUMMARY_FILE, "summary file"),
        (&settings::METRICS_FILE, "file of metrics"),
    ];
    for (at, profile) in profiles.iter().enumerate() {
        for other in &profiles[..at] {
            let is_shared = |(setting, _): &&(&Setting, &str)| {
                let place =
                    |profile: &Profiled<'_>| profile.shown(setting).map(|shown| settled(&shown.value));
                place(profile).is_some_and(|path| place(other) == Some(path))
            };
            let checks = (profile.health_url, other.health_url);
            let shared = match (places.iter().find(is_shared), checks) {
                (Some(shared), _) => *shared,
                (None, (Some(one), Some(another))) if one.is(another) => {
                    (&settings::HEALTH_URL_FILE, "health URL")
                }
                _ => continue,
            };
            let (setting, what) = shared;
            let origin =
                |profile: &Profiled<'_>| profile.shown(setting).map(|shown| Box::new(shown.origin.clone()));
            if let (Some(origin), Some(other_origin)) = (origin(profile), origin(other)) {
                let (profile, other) = (profile.name.to_owned(), other.name.to_owned());
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
