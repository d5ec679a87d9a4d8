//! Every table and column once: name, type, nullability, unit, meaning and where it comes from.
//!
//! The names are the contract's; files, footers, docs and DDL are made from this page.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The version of the tables' shape: names, types and meanings. In the manifest and every footer.
pub const SCHEMA_VERSION: u32 = 1;

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
}

/// The type of a column, named by what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text: ids, names, enumerations.
    Text,
    /// Text that is a JSON object.
    Json,
    /// A count or index.
    Int,
    /// A time in UTC with microseconds.
    Time,
    /// Minutes as `decimal(18,9)`.
    Minutes,
    /// A sum of minutes as `decimal(38,9)`.
    MinutesSum,
}

impl Kind {
    /// The Arrow type.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Minutes => DataType::Decimal128(18, 9),
            Self::MinutesSum => DataType::Decimal128(38, 9),
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The contract's name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a value can be missing.
    pub nullable: bool,
    /// Whether values repeat, so that a dictionary pays.
    pub repeats: bool,
    /// What the value means, with its unit.
    pub meaning: &'static str,
    /// The API's field, or how the value comes about.
    pub source: &'static str,
}

/// A column that always has a value.
const fn required(name: &'static str, kind: Kind, source: &'static str, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, repeats: false, meaning, source }
}

/// A column whose value can be missing.
const fn optional(name: &'static str, kind: Kind, source: &'static str, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, repeats: false, meaning, source }
}

impl Column {
    /// The same column, its values repeating.
    const fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }
}

use Kind::{Int, Json, Minutes, MinutesSum, Text, Time};

const EXTRA: Column = optional(
    "extra",
    Json,
    "fields without a column, values that their column cannot take",
    "JSON object with the API's names and verbatim values; null when empty",
);
const FETCHED_AT: Column =
    required("fetched_at", Time, "clock of the exporter", "when the reply that gave this row arrived, UTC")
        .repeating();

const PARTICIPANTS: &[Column] = &[
    required("session_id", Text, "the request", "session that was attended").repeating(),
    required("participant_id", Text, "participant.id", "session participant, made anew for each join"),
    optional("user_id", Text, "participant.user_id", "permanent id from enrolling in the meeting"),
    optional("custom_participant_id", Text, "participant.custom_participant_id", "id passed by the client"),
    optional("display_name", Text, "participant.display_name", "name shown when joining"),
    optional("preset_name", Text, "participant.preset_name or .role", "preset of the participant")
        .repeating(),
    optional("joined_at", Time, "participant.joined_at", "when the participant joined, UTC"),
    optional("left_at", Time, "participant.left_at", "when the participant left, UTC; null while live"),
    optional("duration_minutes", Minutes, "participant.duration", "minutes in the session"),
    optional(
        "minutes_consumed",
        MinutesSum,
        "sum of peer_events.minutes_consumed",
        "minutes consumed; null where no event carries any",
    ),
    optional("peer_event_count", Int, "length of participant.peer_events", "null where the API sent no list")
        .repeating(),
    optional("created_at", Time, "participant.created_at", "when the record was created, UTC"),
    optional("updated_at", Time, "participant.updated_at", "when the record was last updated, UTC"),
    EXTRA,
    optional("list_file", Text, "the list", "list whose row first asked for it; null from a window")
        .repeating(),
    optional("row_number", Int, "the list", "that row, as a spreadsheet counts; null from a window"),
    FETCHED_AT,
];

const PEER_EVENTS: &[Column] = &[
    required("session_id", Text, "the request", "session that was asked for").repeating(),
    required("participant_id", Text, "participant.id", "participant that was asked for").repeating(),
    required("event_index", Int, "place in participant.peer_events", "0-based").repeating(),
    optional("event_id", Text, "peer_events[].id", "id of the event; seen to repeat between participants"),
    optional("event_name", Text, "peer_events[].event_name", "PEER_CREATED, PEER_JOINING, PEER_LEAVING, ...")
        .repeating(),
    optional(
        "minutes_consumed",
        Minutes,
        "peer_events[].minutes_consumed",
        "minutes attributed to the event",
    ),
    optional("peer_id", Text, "peer_events[].peer_id", "peer that the event belongs to").repeating(),
    optional(
        "preset_view_type",
        Text,
        "peer_events[].preset_view_type",
        "GROUP_CALL, WEBINAR, AUDIO_ROOM, ...",
    )
    .repeating(),
    optional("socket_session_id", Text, "peer_events[].socket_session_id", "socket session of the event")
        .repeating(),
    optional("reported_session_id", Text, "peer_events[].session_id", "session as the event itself says")
        .repeating(),
    optional(
        "reported_participant_id",
        Text,
        "peer_events[].participant_id",
        "participant as the event itself says",
    )
    .repeating(),
    optional("created_at", Time, "peer_events[].created_at", "when the event was created, UTC"),
    optional("updated_at", Time, "peer_events[].updated_at", "when the event was last updated, UTC"),
    EXTRA,
    FETCHED_AT,
];

const SESSIONS: &[Column] = &[
    required("session_id", Text, "the request", "session"),
    optional("meeting_id", Text, "associated_id", "meeting, or room name of a V1 meeting").repeating(),
    optional("meeting_display_name", Text, "meeting_display_name", "title of the meeting").repeating(),
    optional("type", Text, "type", "meeting, livestream or participant").repeating(),
    optional("status", Text, "status", "LIVE or ENDED").repeating(),
    optional("started_at", Time, "started_at", "when the session started, UTC"),
    optional("ended_at", Time, "ended_at", "when the session ended, UTC; null while live"),
    optional("created_at", Time, "created_at", "when the record was created, UTC"),
    optional("updated_at", Time, "updated_at", "when the record was last updated, UTC"),
    optional("minutes_consumed", Minutes, "minutes_consumed", "minutes as the session itself says"),
    optional("max_concurrent_participants", Int, "max_concurrent_participants", "most at one time")
        .repeating(),
    optional("live_participants", Int, "live_participants", "participants now in the session").repeating(),
    optional("organization_id", Text, "organization_id", "the app").repeating(),
    EXTRA,
    FETCHED_AT,
];

const ID_LIST: &[Column] = &[
    required("list_file", Text, "the list", "list file as named on the command line").repeating(),
    required(
        "row_number",
        Int,
        "the list",
        "as a spreadsheet counts: 1-based, header and blank lines counted",
    ),
    optional("session_id", Text, "the list", "session cell as given").repeating(),
    optional("participant_id", Text, "the list", "participant, user or custom id cell as given"),
    required("status", Text, "the export", "exported, failed, invalid, duplicate or expanded").repeating(),
    optional("matched_by", Text, "the export", "participant_id, user_id or custom_participant_id")
        .repeating(),
];

const LABELS: &[Column] = &[
    required("list_file", Text, "the list", "list file as named on the command line").repeating(),
    required(
        "row_number",
        Int,
        "the list",
        "as a spreadsheet counts: 1-based, header and blank lines counted",
    ),
    required("name", Text, "the list's header", "name of the column").repeating(),
    optional("value", Text, "the list", "the cell; null where there is none").repeating(),
];

const FAILURES: &[Column] = &[
    optional("session_id", Text, "the list", "session; as given where it is no id").repeating(),
    optional("participant_id", Text, "the list", "participant; null where a whole session failed"),
    optional("list_file", Text, "the list", "list whose row asked for it; null from a window").repeating(),
    optional("row_number", Int, "the list", "that row, as a spreadsheet counts; null from a window"),
    required(
        "reason",
        Text,
        "the export",
        "invalid_id, not_found, refused, bad_response, retries_exhausted, ...",
    )
    .repeating(),
    optional("http_status", Int, "the reply", "status of the last reply; null where none came").repeating(),
    optional("api_code", Int, "error.code or errors[0].code", "the API's own code").repeating(),
    required("message", Text, "the reply or the exporter", "what went wrong, for people").repeating(),
    required("attempts", Int, "the export", "requests sent for it").repeating(),
    optional("cf_ray", Text, "header cf-ray", "Cloudflare's id of the last reply, for its support"),
    required("failed_at", Time, "clock of the exporter", "when the last try ended, UTC"),
    optional("labels", Json, "the list", "the row's labels as a JSON object; null where it has none")
        .repeating(),
];

impl Table {
    /// All tables, in the order of the manifest.
    pub const ALL: [Self; 6] =
        [Self::Participants, Self::PeerEvents, Self::Sessions, Self::IdList, Self::Labels, Self::Failures];

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
        }
    }

    /// The columns in order.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Participants => PARTICIPANTS,
            Self::PeerEvents => PEER_EVENTS,
            Self::Sessions => SESSIONS,
            Self::IdList => ID_LIST,
            Self::Labels => LABELS,
            Self::Failures => FAILURES,
        }
    }

    /// The columns that together are unique; empty where the table has no key.
    #[must_use]
    pub const fn key(self) -> &'static [&'static str] {
        match self {
            Self::Participants => &["session_id", "participant_id"],
            Self::PeerEvents => &["session_id", "participant_id", "event_index"],
            Self::Sessions => &["session_id"],
            Self::IdList => &["list_file", "row_number"],
            Self::Labels => &["list_file", "row_number", "name"],
            Self::Failures => &[],
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
                        ("source".to_owned(), column.source.to_owned()),
                    ]),
                )
            })
            .collect();
        Arc::new(Schema::new(fields))
    }
}
