//! The tables: their names, columns, keys and what a row of each is.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use super::{Column, connections, lists, quality, records, statistics};

/// A table of the export, in the order of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row per exported participant.
    Participants,
    /// One row per connection event of an exported participant.
    PeerEvents,
    /// One row per session of a window, and with `--with-sessions` of a list.
    Sessions,
    /// One row per row of the input lists.
    IdList,
    /// One row per label cell of the input lists.
    Labels,
    /// One row per id that could not be had.
    Failures,
    /// One row per exported participant: call statistics that are single values.
    CallStats,
    /// One row per event of a call.
    CallEvents,
    /// One row per sample of call quality.
    QualitySamples,
    /// One row per statistic over a whole call.
    QualitySummary,
    /// One row per device that was selected, added or removed during a call.
    DeviceUpdates,
    /// One row per pair of transport addresses.
    CandidatePairs,
    /// One row per look at how a participant was connected.
    ConnectionMetadata,
}

/// Whether an export has call statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStatistics {
    /// Nobody asked for them: what of them comes all the same is a field without a column.
    LeftOut,
    /// Some were asked for: their tables are written, with zero rows if need be.
    Included,
}

impl CallStatistics {
    /// Those of an export with these filters.
    #[must_use]
    pub const fn of(filters: &[String]) -> Self {
        if filters.is_empty() { Self::LeftOut } else { Self::Included }
    }
}

impl Table {
    /// All tables, in the order of the manifest.
    pub const ALL: [Self; 13] = [
        Self::Participants,
        Self::PeerEvents,
        Self::Sessions,
        Self::IdList,
        Self::Labels,
        Self::Failures,
        Self::CallStats,
        Self::CallEvents,
        Self::QualitySamples,
        Self::QualitySummary,
        Self::DeviceUpdates,
        Self::CandidatePairs,
        Self::ConnectionMetadata,
    ];

    /// The tables of an export, in the order of the manifest.
    pub fn of(statistics: CallStatistics) -> impl Iterator<Item = Self> {
        let is_written = move |table: &Self| match statistics {
            CallStatistics::LeftOut => !table.is_statistics(),
            CallStatistics::Included => true,
        };
        Self::ALL.into_iter().filter(is_written)
    }

    /// The tables of a dataset: what is said of lists is not in it.
    pub fn of_dataset(statistics: CallStatistics) -> impl Iterator<Item = Self> {
        Self::of(statistics).filter(|table| !matches!(table, Self::IdList | Self::Labels))
    }

    /// Whether the table is written only where call statistics are asked for.
    #[must_use]
    pub const fn is_statistics(self) -> bool {
        match self {
            Self::Participants
            | Self::PeerEvents
            | Self::Sessions
            | Self::IdList
            | Self::Labels
            | Self::Failures => false,
            Self::CallStats
            | Self::CallEvents
            | Self::QualitySamples
            | Self::QualitySummary
            | Self::DeviceUpdates
            | Self::CandidatePairs
            | Self::ConnectionMetadata => true,
        }
    }

    /// The table of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The table's name: its folder in the export and its name in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Participants => "participants",
            Self::PeerEvents => "peer_events",
            Self::Sessions => "sessions",
            Self::IdList => "id_list",
            Self::Labels => "labels",
            Self::Failures => "failures",
            Self::CallStats => "call_stats",
            Self::CallEvents => "call_events",
            Self::QualitySamples => "quality_samples",
            Self::QualitySummary => "quality_summary",
            Self::DeviceUpdates => "device_updates",
            Self::CandidatePairs => "candidate_pairs",
            Self::ConnectionMetadata => "connection_metadata",
        }
    }

    /// What a row is.
    #[must_use]
    pub const fn grain(self) -> &'static str {
        match self {
            Self::Participants => "one row per exported participant of a session",
            Self::PeerEvents => "one row per connection event of an exported participant",
            Self::Sessions => "one row per session",
            Self::IdList => "one row per row of the input lists",
            Self::Labels => "one row per label cell of the input lists",
            Self::Failures => "one row per id that could not be had; itself a valid list",
            Self::CallStats => "one row per exported participant: what is said once of a call",
            Self::CallEvents => "one row per event of a call",
            Self::QualitySamples => "one row per sample of call quality",
            Self::QualitySummary => "one row per statistic over a whole call",
            Self::DeviceUpdates => "one row per device selected, added or removed during a call",
            Self::CandidatePairs => "one row per pair of transport addresses of a call",
            Self::ConnectionMetadata => "one row per look at how a participant was connected",
        }
    }

    /// The API's object that a row is of: paths of fed columns start there.
    #[must_use]
    pub const fn object(self) -> &'static str {
        match self {
            Self::Participants | Self::CallStats => "the participant record",
            Self::PeerEvents => "participant.peer_events[]",
            Self::Sessions => "the session record",
            Self::IdList | Self::Labels | Self::Failures => "the lists, and what came of their rows",
            Self::CallEvents => "peer_report.metadata.events[], peer_stats.events[]",
            Self::QualitySamples => {
                "peer_report.quality.{audio|video|screenshare_audio|screenshare_video}_{producer|consumer}[], \
                 quality_stats.{audio|video}_stats[]"
            }
            Self::QualitySummary => {
                "peer_report.quality.{audio|video|screenshare_audio|screenshare_video}_{producer|consumer}\
                 _cumulative, quality_stats"
            }
            Self::DeviceUpdates => {
                "peer_report.metadata.{selected_device|audio_devices|video_devices|speaker_devices}_updates[]"
            }
            Self::CandidatePairs => "peer_report.metadata.candidate_pairs.{producing|consuming}_transport[]",
            Self::ConnectionMetadata => {
                "peer_report.metadata.pc_metadata[], metadata.connection_info of call events"
            }
        }
    }

    /// The columns in order.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Participants => records::PARTICIPANTS,
            Self::PeerEvents => records::PEER_EVENTS,
            Self::Sessions => records::SESSIONS,
            Self::IdList => lists::ID_LIST,
            Self::Labels => lists::LABELS,
            Self::Failures => lists::FAILURES,
            Self::CallStats => statistics::CALL_STATS,
            Self::CallEvents => statistics::CALL_EVENTS,
            Self::QualitySamples => quality::QUALITY_SAMPLES,
            Self::QualitySummary => quality::QUALITY_SUMMARY,
            Self::DeviceUpdates => statistics::DEVICE_UPDATES,
            Self::CandidatePairs => connections::CANDIDATE_PAIRS,
            Self::ConnectionMetadata => connections::CONNECTION_METADATA,
        }
    }

    /// The columns that together are unique; empty where the table has no key.
    #[must_use]
    pub const fn key(self) -> &'static [&'static str] {
        match self {
            Self::Participants | Self::CallStats => &["session_id", "participant_id"],
            Self::PeerEvents => &["session_id", "participant_id", "event_index"],
            Self::Sessions => &["session_id"],
            Self::IdList => &["list_file", "row_number"],
            Self::Labels => &["list_file", "row_number", "name"],
            Self::Failures => &[],
            Self::CallEvents => &["session_id", "participant_id", "source_array", "event_index"],
            Self::QualitySamples => &["session_id", "participant_id", "source_array", "sample_index"],
            Self::QualitySummary => {
                &["session_id", "participant_id", "source_object", "measure", "statistic"]
            }
            Self::DeviceUpdates => {
                &["session_id", "participant_id", "source_array", "update_index", "device_index"]
            }
            Self::CandidatePairs => &["session_id", "participant_id", "source_array", "pair_index"],
            Self::ConnectionMetadata => &["session_id", "participant_id", "source_array", "connection_index"],
        }
    }

    /// The Arrow schema; each field carries its meaning and source as metadata.
    #[must_use]
    pub fn arrow_schema(self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns()
            .iter()
            .map(|column| {
                Field::new(column.name, column.kind.data_type(), column.nullable).with_metadata(
                    HashMap::from([
                        ("description".to_owned(), column.meaning.to_owned()),
                        ("source".to_owned(), column.source.to_string()),
                    ]),
                )
            })
            .collect();
        Arc::new(Schema::new(fields))
    }
}
