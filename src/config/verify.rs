//! What `verify` is to hold an export against.
//!
//! In: texts, as typed. Out: [`VerifyConfig`] and the values it is made of.
//! Guarantees: an account or app that is set knows what set it, for it may be another than the export's.
//! Not here: the export (`verify`).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::{ApiToken, MinutesKind, Origin, PlaceConfig, Rate, ShownSetting};
use crate::cli::VerifyFormat;

/// Settings of `verify`.
#[derive(Clone, Debug)]
pub struct VerifyConfig {
    /// Where the export or the dataset is.
    pub export: PlaceConfig,
    /// Whom to ask; `None` where nothing is sent.
    pub api: Option<VerifyApi>,
    /// Which of the exported minutes are held against the API's.
    pub minutes: MinutesKind,
    /// What they are held against.
    pub against: Against,
    /// The quota as far as it is known here.
    pub rate: Rate,
    /// The share of the quota left to others, 0 to 99.
    pub reserve_percent: u8,
    /// Time allowed to one try.
    pub timeout: Duration,
    /// Form of the report.
    pub format: VerifyFormat,
    /// Where this user's runs keep what they share; `None` where no such directory is known.
    pub user_state_dir: Option<PathBuf>,
    /// The settings as resolved, to be shown with `-v`.
    pub settings: Vec<ShownSetting>,
}

/// Whom to ask about an export that says itself whose it is.
#[derive(Clone, Debug)]
pub enum VerifyApi {
    /// The simulated API, started in-process.
    Sandbox,
    /// An API that is there.
    At(Box<VerifyAt>),
}

/// Where an API is, who asks, and as far as it is set, about whom.
#[derive(Clone, Debug)]
pub struct VerifyAt {
    /// Without a slash at its end, unless its path is empty.
    pub base_url: Url,
    /// The account, and what set it.
    pub account_id: Option<(String, Origin)>,
    /// The app, and what set it.
    pub app_id: Option<(String, Origin)>,
    /// Sent as `Authorization: Bearer`.
    pub token: ApiToken,
}

/// What minutes are held against; at least one of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Against {
    /// Each session's own record.
    pub sessions: bool,
    /// The app's totals by day.
    pub daywise: bool,
    /// The usage that GraphQL tells.
    pub usage: bool,
}

impl Against {
    /// Reads words with commas between them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut against = Self { sessions: false, daywise: false, usage: false };
        for word in text.split(',') {
            let place = match word.trim() {
                "sessions" => &mut against.sessions,
                "daywise" => &mut against.daywise,
                "usage" => &mut against.usage,
                _ => return None,
            };
            *place = true;
        }
        Some(against)
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [("sessions", self.sessions), ("daywise", self.daywise), ("usage", self.usage)];
        let words: Vec<_> = words.into_iter().filter(|(_, is_set)| *is_set).map(|(word, _)| word).collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_held_against_is_read_back() {
        for (text, shown) in [
            ("sessions", Some("sessions")),
            ("usage, sessions,usage", Some("sessions,usage")),
            ("sessions,daywise,usage", Some("sessions,daywise,usage")),
            ("", None),
            ("sessions,", None),
            ("days", None),
        ] {
            let against = Against::parse(text);
            assert_eq!(against.map(|against| against.to_string()).as_deref(), shown, "{text}");
        }
    }
}
