//! Where settings come from: flag over environment over file over default.
//!
//! In: what was typed, the environment as a function, the configuration file. Out: parsed values.
//! Guarantees: each value knows its [`Origin`], and so does each message about it; what was resolved
//! is kept for display; an empty variable counts as one that is not set.
//! Not here: which settings there are, what goes with what.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::file::ConfigFile;
use super::settings::Setting;
use super::token_command::TokenCommand;
use super::{PlaceConfig, RemoteConfig, StoredList};
use crate::error::{Error, Result};

/// The environment, as a function so that tests need no process.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An argument of the command line that is no flag.
    Argument(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable.
    Variable(&'static str),
    /// The configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The setting's name.
        key: &'static str,
    },
    /// Nobody set it.
    Default(&'static str),
}

impl Origin {
    /// How strong a source is: the stronger one wins.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Default(_) => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) | Self::Argument(_) => 3,
        }
    }

    /// How to set something else, where what is set is not plain to see.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Variable(name) => {
                Some(format!("set {name} to another value, or give the flag, which wins over it"))
            }
            Self::File { key, .. } => Some(format!("correct the file, or give --{key}, which wins over it")),
            Self::Argument(_) | Self::Flag(_) | Self::Default(_) => None,
        }
    }

    /// Whether somebody set it.
    #[must_use]
    pub const fn is_explicit(&self) -> bool {
        self.rank() > 0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Argument(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", path.display()),
            Self::Default(name) => write!(f, "the default of --{name}"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sourced<T> {
    /// The value.
    pub(super) value: T,
    /// Whence.
    pub(super) origin: Origin,
}

/// A setting as resolved, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSetting {
    /// The flag without dashes.
    pub name: &'static str,
    /// As text; never a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// All sources at once.
pub(super) struct Sources<'a> {
    environment: &'a Environment<'a>,
    file: ConfigFile,
    shown: Vec<ShownSetting>,
    /// Where all faults are wanted, and not the first: those that were found.
    faults: Option<Vec<Fault>>,
}

/// A setting that is set, and wrong.
pub(super) struct Fault {
    /// Which.
    pub(super) setting: &'static Setting,
    /// What is wrong with it.
    pub(super) error: Error,
}

impl<'a> Sources<'a> {
    /// Of an environment and a file (an empty one where there is none).
    pub(super) const fn new(environment: &'a Environment<'a>, file: ConfigFile) -> Self {
        Self { environment, file, shown: Vec::new(), faults: None }
    }

    /// The same, to find all that is wrong: a wrong setting is noted, and counts as one that is not set.
    pub(super) const fn forgiving(environment: &'a Environment<'a>, file: ConfigFile) -> Self {
        Self { environment, file, shown: Vec::new(), faults: Some(Vec::new()) }
    }

    /// The file's command that prints the token.
    pub(super) fn token_command(&self) -> Option<(Origin, TokenCommand)> {
        self.file.token_command().map(|(origin, command)| (origin, command.clone()))
    }

    /// What was resolved, in the order in which it was.
    pub(super) fn into_shown(self) -> Vec<ShownSetting> {
        self.shown
    }

    /// The same, and what is wrong where all of it was wanted.
    pub(super) fn into_found(self) -> (Vec<ShownSetting>, Vec<Fault>) {
        (self.shown, self.faults.unwrap_or_default())
    }

    /// A setting by a way of its own. Where all faults are wanted, it is not set where it is wrong.
    pub(super) fn unless_wrong<T: Default>(
        &mut self,
        setting: &'static Setting,
        resolve: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let resolved = resolve(self);
        match (resolved, &mut self.faults) {
            (Err(error), Some(faults)) => {
                faults.push(Fault { setting, error });
                Ok(T::default())
            }
            (resolved, _) => resolved,
        }
    }

    /// The text of a setting from the strongest source that has one.
    pub(super) fn text(&self, setting: &'static Setting, typed: Option<&OsStr>) -> Option<Sourced<OsString>> {
        let name = setting.name;
        if let Some(value) = typed {
            return Some(Sourced { value: value.to_owned(), origin: Origin::Flag(name) });
        }
        if let Some(found) = setting.variable.and_then(|variable| self.variable(variable)) {
            return Some(found);
        }
        if let Some((path, line, text)) = self.file.get(setting) {
            let origin = Origin::File { path: path.to_owned(), line, key: name };
            return Some(Sourced { value: text.into(), origin });
        }
        setting.default.map(|text| Sourced { value: text.into(), origin: Origin::Default(name) })
    }

    /// Where something is: a directory, or a place in an object store.
    pub(super) fn place(&self, given: &Sourced<OsString>) -> Result<PlaceConfig> {
        PlaceConfig::parse(&given.value, &given.origin, self.environment)
    }

    /// Those of some lists that are in object stores; notes what opens them for display.
    pub(super) fn stored(&mut self, lists: &[String]) -> Result<Vec<StoredList>> {
        let mut stored = Vec::new();
        for (number, list) in lists.iter().enumerate() {
            if let Some(list) = StoredList::parse(number, list, &Origin::Argument("LIST"), self.environment)?
            {
                self.show_store(&list.store);
                stored.push(list);
            }
        }
        Ok(stored)
    }

    /// Notes what opens a store for display: which variables are set, and the values that everybody may see.
    pub(super) fn show_store(&mut self, remote: &RemoteConfig) {
        for (name, value) in remote.variables.shown(remote.url.store) {
            if !self.shown.iter().any(|shown| shown.name == name) {
                self.shown.push(ShownSetting { name, value, origin: Origin::Variable(name) });
            }
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &'static str) -> Option<Sourced<OsString>> {
        let value = (self.environment)(name).filter(|value| !value.is_empty())?;
        Some(Sourced { value, origin: Origin::Variable(name) })
    }

    /// A setting that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        typed: Option<&str>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Sourced<T>>> {
        let Some(text) = self.text(setting, typed.map(OsStr::new)) else { return Ok(None) };
        let value = text.value.to_str().and_then(&parse);
        let shown = text.value.to_string_lossy().into_owned();
        let Some(value) = value else {
            let error = Error::SettingMalformed {
                origin: text.origin,
                value: super::values::without_credentials(&shown),
                expected: setting.expected,
            };
            let Some(faults) = &mut self.faults else { return Err(error) };
            faults.push(Fault { setting, error });
            let default = setting.default.and_then(|text| Some((setting.name, parse(text)?)));
            return Ok(default.map(|(name, value)| Sourced { value, origin: Origin::Default(name) }));
        };
        self.show(setting, shown, &text.origin);
        Ok(Some(Sourced { value, origin: text.origin }))
    }

    /// A setting that has a default, or is required.
    pub(super) fn sourced<T>(
        &mut self,
        setting: &'static Setting,
        typed: Option<&str>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Sourced<T>> {
        self.optional(setting, typed, parse)?.ok_or_else(|| Error::SettingsMissing { missing: vec![setting] })
    }

    /// The value of [`Self::sourced`].
    pub(super) fn value<T>(
        &mut self,
        setting: &'static Setting,
        typed: Option<&str>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        Ok(self.sourced(setting, typed, parse)?.value)
    }

    /// Notes a resolved setting for display.
    pub(super) fn show(&mut self, setting: &'static Setting, value: String, origin: &Origin) {
        self.shown.push(ShownSetting { name: setting.name, value, origin: origin.clone() });
    }
}
