//! What makes two exports parts of one dataset.
//!
//! In: the settings of a command, or those that a pointer holds. Out: whether they agree, and where not.
//! Guarantees: rows of a dataset mean the same on all its days.
//! Not here: what is done about it where they differ (`open`).

use serde::{Deserialize, Serialize};

use crate::error::{Difference, Named};
use crate::model::Zone;

/// What must be the same for every commit of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The shape of the tables.
    pub schema_version: u32,
    /// The zone whose days the dataset is cut by.
    #[serde(with = "zone")]
    pub time_zone: Zone,
    /// Cloudflare account.
    pub account_id: String,
    /// `RealtimeKit` app.
    pub app_id: String,
    /// Names of the call statistics, in their own order.
    pub filters: Vec<String>,
    /// Whether peer events are exported.
    pub peer_events: bool,
    /// Whether sessions are exported that have not ended.
    pub include_live: bool,
}

impl Identity {
    /// In what a command's identity differs from this one, the gravest first.
    #[must_use]
    pub fn differences(&self, command: &Self) -> Vec<Difference> {
        let filters = |of: &Self| {
            if of.filters.is_empty() { "none".to_owned() } else { of.filters.join(",") }
        };
        let texts = |of: &Self| {
            [
                (Named::Account, of.account_id.clone()),
                (Named::App, of.app_id.clone()),
                (Named::SchemaVersion, of.schema_version.to_string()),
                (Named::TimeZone, of.time_zone.name().to_owned()),
                (Named::Filters, filters(of)),
                // As the flag has it: it leaves them out.
                (Named::PeerEvents, (!of.peer_events).to_string()),
                (Named::IncludeLive, of.include_live.to_string()),
            ]
        };
        let pairs = texts(self).into_iter().zip(texts(command));
        pairs
            .filter(|((_, dataset), (_, command))| dataset != command)
            .map(|((named, dataset), (_, command))| Difference { named, dataset, command })
            .collect()
    }
}

/// A zone by its name.
mod zone {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::model::Zone;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(zone: &Zone, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zone, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| de::Error::custom(format_args!("{name:?} is not a time zone")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            schema_version: 1,
            time_zone: Zone::UTC,
            account_id: "account".into(),
            app_id: "app".into(),
            filters: Vec::new(),
            peer_events: true,
            include_live: false,
        }
    }

    #[test]
    fn each_difference_is_named_with_both_sides() {
        assert_eq!(identity().differences(&identity()), []);
        let other = Identity {
            schema_version: 2,
            time_zone: "Europe/Paris".parse().unwrap(),
            account_id: "b".into(),
            app_id: "c".into(),
            filters: vec!["events".into(), "quality_stats".into()],
            peer_events: false,
            include_live: true,
        };
        let told = identity().differences(&other).into_iter().map(|difference| {
            format!("{} {} {}", difference.named.setting(), difference.dataset, difference.command)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "CLOUDFLARE_ACCOUNT_ID account b",
                "REALTIMEKIT_APP_ID app c",
                "the schema version 1 2",
                "--tz UTC Europe/Paris",
                "--filters none events,quality_stats",
                "--no-peer-events false true",
                "--include-live false true",
            ]
        );
    }

    #[test]
    fn a_zone_is_written_by_its_name_and_an_unknown_one_refused() {
        let json = serde_json::to_string(&identity()).unwrap();
        assert!(json.contains(r#""time_zone":"UTC""#), "{json}");
        assert_eq!(serde_json::from_str::<Identity>(&json).unwrap(), identity());
        let other = json.replace("UTC", "Mars/Olympus");
        let refused = serde_json::from_str::<Identity>(&other).unwrap_err().to_string();
        assert!(refused.starts_with("\"Mars/Olympus\" is not a time zone"), "{refused}");
    }
}
