//! Where in the API's objects the columns of a table, and the rows of other tables, stand.
//!
//! Made of the schema's own paths, so that what the reference says of a column's source is what fills it.

use hashbrown::HashMap;

use super::reading::Reading;
use crate::tables::schema::{Source, Table};
use crate::wire::Raw;

/// The known fields of an object.
#[derive(Debug, Default)]
pub(super) struct Shape {
    fields: HashMap<String, Node>,
}

/// What a field is.
#[derive(Debug)]
pub(super) enum Node {
    /// A column's value: which of the fed columns, and how it is read.
    Column(usize, Reading),
    /// An object of further fields.
    Group(Shape),
    /// Rows of another table.
    Part(Part),
}

/// What a field that is no column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Rows of `call_events`.
    Events { source: &'static str },
    /// Rows of `connection_metadata`.
    Connections,
    /// Rows of `candidate_pairs`.
    CandidatePairs { transport: &'static str },
    /// Rows of `device_updates`.
    DeviceUpdates { name: &'static str },
    /// Devices of one update.
    Devices { change: &'static str },
    /// Rows of `quality_samples`.
    Samples { media: &'static str, direction: &'static str },
    /// Rows of `quality_summary`.
    Summary { media: &'static str, direction: &'static str },
    /// Rows of `quality_samples` in an old report.
    OldSamples { media: &'static str },
    /// A measure of an old report.
    OldMeasure { media: Option<&'static str> },
    /// The peer that an old report is of.
    OldPeer,
    /// When an old report begins.
    OldStart,
    /// When it ends.
    OldEnd,
}

/// What can be seen and heard.
const MEDIA: [&str; 4] = ["audio", "video", "screenshare_audio", "screenshare_video"];
/// Which way it goes.
const DIRECTIONS: [&str; 2] = ["producer", "consumer"];
/// The measures of an old report, and of which medium they are.
const OLD_MEASURES: [(&str, Option<&str>); 5] = [
    (AVERAGE_QUALITY, None),
    ("audio_bandwidth", Some("audio")),
    ("video_bandwidth", Some("video")),
    ("audio_packet_loss", Some("audio")),
    ("video_packet_loss", Some("video")),
];
/// The measure that every old report has a row of.
pub(super) const AVERAGE_QUALITY: &str = "average_quality";

impl Part {
    /// What is asked for where the value is not of the part's form.
    pub(super) fn misfit(self, value: Raw<'_>) -> Option<&'static str> {
        let (first, expected) = match self {
            Self::Summary { .. } => ('{', "an object"),
            Self::OldMeasure { .. } | Self::OldPeer | Self::OldStart | Self::OldEnd => return None,
            _ => ('[', "an array"),
        };
        (!value.get().starts_with(first)).then_some(expected)
    }
}

impl Shape {
    /// The fields that feed a table's columns.
    pub(super) fn of(table: Table) -> Self {
        let mut shape = Self::default();
        let fed = table.columns().iter().filter_map(|column| match column.source {
            Source::Fields(paths) => Some((column, paths)),
            Source::Told(_) => None,
        });
        for (slot, (column, paths)) in fed.enumerate() {
            for path in paths {
                shape.put(path, Node::Column(slot, Reading::of(column)));
            }
        }
        shape
    }

    /// The fields of a participant record that are call statistics.
    pub(super) fn of_record() -> Self {
        let mut shape = Self::of(Table::CallStats);
        let mut put = |path: &str, part| shape.put(path, Node::Part(part));
        for source in ["peer_report.metadata.events", "peer_stats.events"] {
            put(source, Part::Events { source });
        }
        put("peer_report.metadata.pc_metadata", Part::Connections);
        for transport in ["producing", "consuming"] {
            let path = format!("peer_report.metadata.candidate_pairs.{transport}_transport");
            put(&path, Part::CandidatePairs { transport });
        }
        for name in ["selected_device", "audio_devices", "video_devices", "speaker_devices"] {
            put(&format!("peer_report.metadata.{name}_updates"), Part::DeviceUpdates { name });
        }
        for (media, direction) in MEDIA.into_iter().flat_map(|media| DIRECTIONS.map(|way| (media, way))) {
            let path = format!("peer_report.quality.{media}_{direction}");
            put(&path, Part::Samples { media, direction });
            put(&format!("{path}_cumulative"), Part::Summary { media, direction });
        }
        for (name, media) in OLD_MEASURES {
            put(&format!("quality_stats.{name}"), Part::OldMeasure { media });
        }
        for media in ["audio", "video"] {
            put(&format!("quality_stats.{media}_stats"), Part::OldSamples { media });
        }
        put("quality_stats.peer_id", Part::OldPeer);
        put("quality_stats.start", Part::OldStart);
        put("quality_stats.end", Part::OldEnd);
        shape
    }

    /// The fields of a device update.
    pub(super) fn of_device_update() -> Self {
        let mut shape = Self::of(Table::DeviceUpdates);
        for change in ["added", "removed"] {
            shape.put(change, Node::Part(Part::Devices { change }));
        }
        shape
    }

    /// Adds a field by its path.
    fn put(&mut self, path: &str, node: Node) {
        match path.split_once('.') {
            None => {
                self.fields.insert(path.to_owned(), node);
            }
            Some((group, rest)) => {
                let group =
                    self.fields.entry(group.to_owned()).or_insert_with(|| Node::Group(Self::default()));
                if let Node::Group(shape) = group {
                    shape.put(rest, node);
                }
            }
        }
    }

    /// A field by its name.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.fields.get(name)
    }

    /// The fields of a group by its name.
    pub(super) fn group(&self, name: &str) -> Option<&Self> {
        match self.get(name) {
            Some(Node::Group(shape)) => Some(shape),
            _ => None,
        }
    }

    /// The place of a column that a field feeds.
    pub(super) fn slot(&self, name: &str) -> Option<usize> {
        match self.get(name) {
            Some(Node::Column(slot, _)) => Some(*slot),
            _ => None,
        }
    }
}
