//! The configuration file: TOML, one key a flag.
//!
//! In: a path. Out: the text and line of each key.
//! Guarantees: a key that is no setting, is there twice or holds no plain value is refused with its line.
//! Not here: what a value means; files that were not asked for are not looked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::{self, Setting};
use crate::error::{Error, Result};

/// What a configuration file sets.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// By the setting's name.
    values: BTreeMap<&'static str, Value>,
}

/// One value of the file.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    line: usize,
}

impl ConfigFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::ConfigFileUnreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// The path, line and text of a setting.
    pub(super) fn get(&self, setting: &Setting) -> Option<(&Path, usize, &str)> {
        let value = self.values.get(setting.name)?;
        Some((&self.path, value.line, &value.text))
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let malformed = |at: usize, problem: String| Error::ConfigFileMalformed {
            path: path.to_owned(),
            line: line_of(text, at),
            problem,
        };
        let table = DeTable::parse(text).map_err(|fault| {
            let first_line = fault.message().lines().next().unwrap_or("this is not TOML").to_owned();
            malformed(fault.span().map_or(0, |span| span.start), first_line)
        })?;
        let mut file = Self { path: path.to_owned(), values: BTreeMap::new() };
        for (key, value) in table.get_ref() {
            let at = key.span().start;
            let setting = known(key.get_ref()).ok_or_else(|| Error::ConfigFileKey {
                path: path.to_owned(),
                line: line_of(text, at),
                key: key.get_ref().to_string(),
            })?;
            let value = Value {
                text: plain(value).ok_or_else(|| {
                    malformed(at, format!("{key} is not {}", setting.expected, key = key.get_ref()))
                })?,
                line: line_of(text, at),
            };
            if file.values.insert(setting.name, value).is_some() {
                return Err(malformed(at, format!("{} is set twice", setting.name)));
            }
        }
        Ok(file)
    }
}

/// The setting of a key, written with hyphens or underscores.
fn known(key: &str) -> Option<&'static Setting> {
    let name = key.replace('_', "-");
    settings::ALL.into_iter().find(|setting| setting.name == name)
}

/// A value as it would be typed after a flag; tables, lists and fractions never are.
fn plain(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        _ => None,
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
        ConfigFile::parse(Path::new("export.toml"), text)
    }

    #[test]
    fn keys_are_flags_with_hyphens_or_underscores() {
        let file = parse("# nightly\naccount_id = 'a'\napp-id = \"b\"\nconcurrency = 1_6\nexcel = true\n");
        let file = file.expect("a right file");
        let get = |setting| file.get(setting).map(|(_, line, text)| (line, text.to_owned()));
        assert_eq!(get(&settings::ACCOUNT_ID), Some((2, "a".to_owned())));
        assert_eq!(get(&settings::APP_ID), Some((3, "b".to_owned())));
        assert_eq!(get(&settings::CONCURRENCY), Some((4, "16".to_owned())));
        assert_eq!(get(&settings::EXCEL), Some((5, "true".to_owned())));
        assert_eq!(get(&settings::RATE), None);
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
        ]
        .iter()
        .map(|text| parse(text).expect_err(text).to_string())
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|([a-z_-]{1,9} ?= ?[a-z0-9'\"\\[\\]{}.]*\n){0,4}") {
            let _ = parse(&text);
        }
    }
}
