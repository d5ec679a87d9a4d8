//! The configuration file: TOML, one key a flag; profiles are tables of the same keys.
//!
//! In: a path, and the name of a profile. Out: the text and line of each key, and all that is wrong.
//! Guarantees: a key that is no setting, is there twice or holds no value of its kind is refused with its line,
//! in every profile, chosen or not; a profile's keys win over those of the file itself.
//! Not here: what a value means; files that were not asked for are not looked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::settings::{self, Kind, Setting};
use super::sources::Origin;
use super::token_command::TokenCommand;
use crate::error::{Error, Result};

/// The table of profiles.
const PROFILES: &str = "profiles";
/// A profile's name stands in messages, and in commands that are typed.
const LONGEST_NAME: usize = 64;

/// What a configuration file sets.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    values: Values,
    /// In the file's order.
    profiles: Vec<Profile>,
    /// The profile whose keys are among the values.
    chosen: Option<usize>,
}

/// By the setting's name.
type Values = BTreeMap<&'static str, Value>;

/// A table of keys of its own.
#[derive(Clone, Debug)]
struct Profile {
    name: String,
    line: usize,
    values: Values,
}

/// One value of the file.
#[derive(Clone, Debug)]
struct Value {
    content: Content,
    line: usize,
}

/// What stands after the equals sign.
#[derive(Clone, Debug)]
enum Content {
    /// What could be typed after a flag.
    Text(String),
    /// What prints the token.
    Command(TokenCommand),
    /// What its setting cannot be.
    Wrong,
}

impl ConfigFile {
    /// Reads a file, and finds all that is wrong with it.
    ///
    /// # Errors
    /// It cannot be read, or is no TOML.
    pub(super) fn read(path: &Path) -> Result<(Self, Vec<Error>)> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::ConfigFileUnreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Where it was read from; `None` where there is no file.
    pub(super) fn path(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(&self.path)
    }

    /// The names of its profiles, in its order.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().map(|profile| profile.name.as_str())
    }

    /// The same file with a profile's keys, which win over its own; `None` where it has no such profile.
    pub(super) fn with_profile(&self, name: &str) -> Option<Self> {
        let chosen = self.profiles.iter().position(|profile| profile.name == name)?;
        let profile = &self.profiles[chosen].values;
        let mut file = Self { chosen: Some(chosen), ..self.clone() };
        let token = [settings::API_TOKEN_FILE.name, settings::API_TOKEN_COMMAND.name];
        if token.iter().any(|key| profile.contains_key(key)) {
            // Either is the token: a profile's takes the place of both.
            file.values.retain(|key, _| !token.contains(key));
        }
        file.values.extend(profile.iter().map(|(key, value)| (*key, value.clone())));
        Some(file)
    }

    /// The profile that was chosen.
    pub(super) fn profile(&self) -> Option<&str> {
        Some(self.profiles.get(self.chosen?)?.name.as_str())
    }

    /// The path, line and text of a setting.
    pub(super) fn get(&self, setting: &Setting) -> Option<(&Path, usize, &str)> {
        let value = self.values.get(setting.name)?;
        match &value.content {
            Content::Text(text) => Some((&self.path, value.line, text)),
            Content::Command(_) | Content::Wrong => None,
        }
    }

    /// Whether the file has a setting, as something that it cannot be.
    pub(super) fn is_wrong(&self, setting: &Setting) -> bool {
        self.values.get(setting.name).is_some_and(|value| matches!(value.content, Content::Wrong))
    }

    /// What prints the token, and its key.
    pub(super) fn token_command(&self) -> Option<(Origin, &TokenCommand)> {
        let setting = &settings::API_TOKEN_COMMAND;
        let value = self.values.get(setting.name)?;
        match &value.content {
            Content::Command(command) => Some((self.origin(setting, value.line), command)),
            Content::Text(_) | Content::Wrong => None,
        }
    }

    /// The key and text of a setting, where the chosen profile itself sets it. The token's text is none.
    pub(super) fn of_profile(&self, setting: &'static Setting) -> Option<(Origin, Option<&str>)> {
        let values = &self.profiles.get(self.chosen?)?.values;
        let of = |setting: &'static Setting| {
            let value = values.get(setting.name)?;
            Some((self.origin(setting, value.line), value))
        };
        if *setting == settings::API_TOKEN_FILE {
            let (origin, _) = of(setting).or_else(|| of(&settings::API_TOKEN_COMMAND))?;
            return Some((origin, None));
        }
        let (origin, value) = of(setting)?;
        match &value.content {
            Content::Text(text) => Some((origin, Some(text))),
            Content::Command(_) => Some((origin, None)),
            Content::Wrong => None,
        }
    }

    /// An error that tells in which file, and in which profile of it, something is missing.
    pub(super) fn located(&self, error: Error) -> Error {
        let Some(path) = self.path() else { return error };
        let missing = match error {
            Error::SettingsMissing { missing } => missing,
            Error::TokenMissing => vec![&settings::API_TOKEN_FILE],
            other => return other,
        };
        let profile = self.chosen.and_then(|chosen| self.profiles.get(chosen));
        Error::ConfigFileLacks {
            path: path.to_owned(),
            line: profile.map_or(1, |profile| profile.line),
            profile: profile.map(|profile| profile.name.clone()),
            others: if profile.is_some() { Vec::new() } else { self.profiles().map(str::to_owned).collect() },
            missing,
        }
    }

    fn origin(&self, setting: &Setting, line: usize) -> Origin {
        Origin::File { path: self.path.clone(), line, key: setting.name }
    }

    fn parse(path: &Path, text: &str) -> Result<(Self, Vec<Error>)> {
        let mut reader = Reader { path, text, faults: Vec::new() };
        let table = DeTable::parse(text).map_err(|fault| reader.not_toml(&fault))?;
        let mut profiles = Vec::new();
        let mut own = Vec::new();
        for (key, value) in in_order(table.get_ref()) {
            match (key.get_ref().as_ref(), value.get_ref()) {
                (PROFILES, DeValue::Table(tables)) => profiles = in_order(tables),
                (PROFILES, other) => {
                    let fault = reader.other_type(key, other, "tables of keys, such as [profiles.acme]");
                    reader.faults.push(fault);
                }
                _ => own.push((key, value)),
            }
        }
        let values = reader.values(&own);
        let profiles = profiles.into_iter().filter_map(|(name, value)| reader.profile(name, value)).collect();
        Ok((Self { path: path.to_owned(), values, profiles, chosen: None }, reader.faults))
    }
}

/// A key and its value, each with its place.
type Entry<'a, 'text> = (&'a Spanned<DeString<'text>>, &'a Spanned<DeValue<'text>>);

/// The entries of a table as they are written, so that the first wrong one is the one that is named.
fn in_order<'a, 'text>(table: &'a DeTable<'text>) -> Vec<Entry<'a, 'text>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A file being read.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    faults: Vec<Error>,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        line_of(self.text, at)
    }

    fn malformed(&self, at: usize, problem: String) -> Error {
        Error::ConfigFileMalformed { path: self.path.to_owned(), line: self.line(at), problem }
    }

    /// What TOML says, with the key of its line, if the line has one.
    fn not_toml(&self, fault: &toml::de::Error) -> Error {
        let at = fault.span().map_or(0, |span| span.start);
        let problem = fault.message().lines().next().unwrap_or("this is not TOML");
        let line = self.text.lines().nth(self.line(at) - 1).unwrap_or_default();
        let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| is_name(key));
        let key = key.map(|key| format!("{key}: ")).unwrap_or_default();
        self.malformed(at, format!("{key}{problem}"))
    }

    fn other_type(&self, key: &Spanned<DeString<'_>>, value: &DeValue<'_>, expected: &'static str) -> Error {
        Error::ConfigFileType {
            path: self.path.to_owned(),
            line: self.line(key.span().start),
            key: key.get_ref().to_string(),
            found: type_of(value),
            expected,
        }
    }

    fn profile(&mut self, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Option<Profile> {
        let at = name.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            let fault = self.other_type(name, value.get_ref(), "a table of keys, such as [profiles.acme]");
            self.faults.push(fault);
            return None;
        };
        if !is_name(name.get_ref()) {
            let problem = format!(
                "{:?} is not a profile's name: up to {LONGEST_NAME} letters, digits, hyphens, underscores and dots",
                name.get_ref()
            );
            self.faults.push(self.malformed(at, problem));
            return None;
        }
        let values = self.values(&in_order(table));
        Some(Profile { name: name.get_ref().to_string(), line: self.line(at), values })
    }

    /// The settings of one table.
    fn values(&mut self, entries: &[Entry<'_, '_>]) -> Values {
        let mut values = Values::new();
        for (key, value) in entries {
            let at = key.span().start;
            let line = self.line(at);
            let Some(setting) = known(key.get_ref()) else {
                let (path, key) = (self.path.to_owned(), key.get_ref().to_string());
                self.faults.push(Error::ConfigFileKey { path, line, key });
                continue;
            };
            let content = content(value.get_ref(), setting).unwrap_or_else(|| {
                self.faults.push(self.other_type(key, value.get_ref(), setting.expected));
                Content::Wrong
            });
            if values.insert(setting.name, Value { content, line }).is_some() {
                self.faults.push(self.malformed(at, format!("{} is set twice", setting.name)));
            }
        }
        let place = |setting: &Setting| {
            let line = values.get(setting.name)?.line;
            Some(Origin::File { path: self.path.to_owned(), line, key: setting.name })
        };
        let tokens = (place(&settings::API_TOKEN_FILE), place(&settings::API_TOKEN_COMMAND));
        if let (Some(first), Some(second)) = tokens {
            self.faults.push(Error::SettingsConflict { first, second });
        }
        values
    }
}

/// Whether a profile can be called so.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(plain)
}

/// The setting of a key, written with hyphens or underscores.
fn known(key: &str) -> Option<&'static Setting> {
    let name = key.replace('_', "-");
    let of_file = [&settings::API_TOKEN_COMMAND];
    settings::ALL.into_iter().chain(settings::SYNC).chain(of_file).find(|setting| setting.name == name)
}

/// A value of a setting: text as it would be typed after its flag, what its kind may be beside, or a command.
fn content(value: &DeValue<'_>, setting: &'static Setting) -> Option<Content> {
    if *setting == settings::API_TOKEN_COMMAND {
        return command(value).map(Content::Command);
    }
    let text = match (value, setting.kind) {
        (DeValue::String(text), _) => text.to_string(),
        (DeValue::Integer(number), Kind::Number) if number.radix() == 10 => number.as_str().to_owned(),
        (DeValue::Boolean(truth), Kind::Truth) => truth.to_string(),
        (DeValue::Datetime(time), Kind::Time) => time.to_string(),
        _ => return None,
    };
    Some(Content::Text(text))
}

/// A list of words, the first of them a program; or a line for the shell.
fn command(value: &DeValue<'_>) -> Option<TokenCommand> {
    match value {
        DeValue::String(line) => TokenCommand::of_line(line),
        DeValue::Array(words) => {
            let word = |word: &Spanned<DeValue<'_>>| match word.get_ref() {
                DeValue::String(word) => Some(word.to_string()),
                _ => None,
            };
            TokenCommand::of_words(words.iter().map(word).collect::<Option<_>>()?)
        }
        _ => None,
    }
}

/// What TOML calls a value, with its article.
const fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The line of a byte, counted from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ConfigFile> {
        let (file, faults) = ConfigFile::parse(Path::new("export.toml"), text)?;
        faults.into_iter().next().map_or(Ok(file), Err)
    }

    fn get(file: &ConfigFile, setting: &Setting) -> Option<(usize, String)> {
        file.get(setting).map(|(_, line, text)| (line, text.to_owned()))
    }

    #[test]
    fn keys_are_flags_with_hyphens_or_underscores() {
        let file = parse("# nightly\naccount_id = 'a'\napp-id = \"b\"\nconcurrency = 1_6\nexcel = true\n");
        let file = file.expect("a right file");
        assert_eq!(get(&file, &settings::ACCOUNT_ID), Some((2, "a".to_owned())));
        assert_eq!(get(&file, &settings::APP_ID), Some((3, "b".to_owned())));
        assert_eq!(get(&file, &settings::CONCURRENCY), Some((4, "16".to_owned())));
        assert_eq!(get(&file, &settings::EXCEL), Some((5, "true".to_owned())));
        assert_eq!(get(&file, &settings::RATE), None);
    }

    #[test]
    fn a_profiles_keys_win_over_the_files_own() {
        let text = "rate = '4/s'\napp-id = 'own'\napi-token-file = 'own'\n\n[profiles.b]\napp-id = 'b'\n\
                    api-token-command = ['pass', 'b']\n[profiles.a-1]\nsince = 2026-10-01\n";
        let file = parse(text).expect("a right file");
        assert_eq!(file.profiles().collect::<Vec<_>>(), ["b", "a-1"]);
        assert_eq!(get(&file, &settings::APP_ID), Some((2, "own".to_owned())));
        assert!(file.with_profile("c").is_none());

        let b = file.with_profile("b").expect("there is one");
        assert_eq!(get(&b, &settings::APP_ID), Some((6, "b".to_owned())));
        assert_eq!(get(&b, &settings::RATE), Some((1, "4/s".to_owned())));
        assert_eq!(get(&b, &settings::API_TOKEN_FILE), None);
        let (origin, command) = b.token_command().expect("a command");
        assert_eq!(origin.to_string(), "export.toml:7: api-token-command");
        assert_eq!(TokenCommand::of_words(vec!["pass".to_owned(), "b".to_owned()]).as_ref(), Some(command));

        let a = file.with_profile("a-1").expect("there is one");
        assert_eq!(get(&a, &settings::SINCE), Some((9, "2026-10-01".to_owned())));
        assert_eq!(get(&a, &settings::API_TOKEN_FILE), Some((3, "own".to_owned())));
        assert!(a.of_profile(&settings::API_TOKEN_FILE).is_none());
        assert!(b.of_profile(&settings::API_TOKEN_FILE).is_some());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let messages: Vec<String> = [
            "account-id = 'a'\nacount-id = 'b'\n",
            "api_token = 'secret'",
            "rate = 4.5",
            "[run]\nrate = '4/s'\n",
            "app_id = 'a'\napp-id = 'b'",
            "rate = '4/s'\nrate = '5/s'",
            "\n\nrate = ",
            "timeout = 30s",
            "timeout = 30",
            "output = true",
            "account-id = 42",
            "excel = 1",
            "since = [2026-10-01]",
            "zone = 1\nalso = 2\n",
            "profiles = 'acme'",
            "[profiles]\nacme = 'x'",
            "[profiles.'a b']",
            "[profiles.acme]\n\n[profiles.acme]",
            "[profiles.acme]\nrate = '4/s'\nacount-id = 'b'\n",
            "[profiles.acme]\nreserve = false\n",
            "[profiles.acme.more]\nrate = '4/s'\n",
            "api-token-command = ['pass', 1]",
            "api-token-command = []",
            "api-token-command = ' '",
            "api-token-file = 'token'\napi-token-command = 'pass'",
        ]
        .iter()
        .map(|text| parse(text).expect_err(text).to_string())
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "\\PC*|((\\[profiles\\.[a-z.']{0,3}\\]|[a-z_-]{1,9} ?= ?[a-z0-9'\"\\[\\]{}.]*)\n){0,4}"
        ) {
            if let Ok(file) = parse(&text) {
                for name in file.profiles() {
                    prop_assert!(file.with_profile(name).is_some());
                }
            }
        }
    }
}
