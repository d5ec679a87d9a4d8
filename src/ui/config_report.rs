//! What `config` found, for people and for programs.
//!
//! In: a [`ConfigReport`]. Out: text or JSON for stdout.
//! Guarantees: every setting is there, set or not; no secret, for a report has none.
//! Not here: what is wrong, as text, which goes to stderr as every error does.

use std::path::Path;

use serde::Serialize;

use super::{origin_text, setting_line};
use crate::config::{CheckedProfile, Commands, ConfigReport};
use crate::error::Error;

/// The shape of the JSON.
const CONFIG_VERSION: u32 = 1;

/// A block of lines for each profile.
pub(super) fn text(report: &ConfigReport) -> String {
    let file = report.file.as_deref().map(Path::display);
    let block = |profile: &CheckedProfile| {
        let head = match (&profile.name, &file) {
            (Some(name), Some(file)) => format!("profile {name} of {file}\n"),
            (None, Some(file)) => format!("settings of {file}\n"),
            (_, None) => "settings, without a configuration file\n".to_owned(),
        };
        let lines = profile.settings.iter().map(|setting| match &setting.set {
            Some((value, origin)) => {
                setting_line(setting.name, value, &format!("{}{}", origin_text(origin), only(setting.of)))
            }
            None if setting.of == Commands::Both => format!("  {:<17} (not set)\n", setting.name),
            None => setting_line(setting.name, "(not set)", only(setting.of).trim_start()),
        });
        [head].into_iter().chain(lines).collect::<String>()
    };
    report.profiles.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// What is said of a setting that only one of the commands has.
const fn only(of: Commands) -> &'static str {
    match of {
        Commands::Both => "",
        Commands::Run => "  [run only]",
        Commands::Sync => "  [sync only]",
    }
}

#[derive(Serialize)]
struct Report<'a> {
    config_version: u32,
    file: Option<String>,
    profiles: Vec<Profile<'a>>,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Profile<'a> {
    profile: Option<&'a str>,
    settings: Vec<Setting<'a>>,
}

#[derive(Serialize)]
struct Setting<'a> {
    name: &'static str,
    value: Option<&'a str>,
    origin: Option<String>,
    commands: &'static [&'static str],
}

#[derive(Serialize)]
struct Fault {
    message: String,
    hint: Option<String>,
}

/// One object.
pub(super) fn json(report: &ConfigReport) -> String {
    let report = Report {
        config_version: CONFIG_VERSION,
        file: report.file.as_deref().map(|path| path.display().to_string()),
        profiles: report.profiles.iter().map(of_profile).collect(),
        faults: report.faults.iter().map(of_fault).collect(),
    };
    // Text and nothing else: this cannot fail.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

fn of_profile(profile: &CheckedProfile) -> Profile<'_> {
    let settings = profile.settings.iter().map(|setting| Setting {
        name: setting.name,
        value: setting.set.as_ref().map(|(value, _)| value.as_str()),
        origin: setting.set.as_ref().map(|(_, origin)| origin_text(origin)),
        commands: setting.of.names(),
    });
    Profile { profile: profile.name.as_deref(), settings: settings.collect() }
}

fn of_fault(fault: &Error) -> Fault {
    Fault { message: fault.to_string(), hint: fault.hint() }
}
