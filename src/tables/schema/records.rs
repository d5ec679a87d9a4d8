//! Columns of the tables whose rows are records of the API: participants, their events, sessions.

use super::Kind::{Int, Minutes, MinutesSum, Text, Time};
use super::{Column, EXTRA, FETCHED_AT, optional, required};

pub(super) const PARTICIPANTS: &[Column] = &[
    required("session_id", Text, "the request", "session that was attended").repeating(),
    required("participant_id", Text, "participant.id", "session participant, made anew for each join"),
    optional("user_id", Text, "participant.user_id", "permanent id from enrolling in the meeting"),
    optional("custom_participant_id", Text, "participant.custom_participant_id", "id passed by the client"),
    optional("display_name", Text, "participant.display_name", "name shown when joining"),
    optional("preset_name", Text, "participant.preset_name or .role", "preset of the participant")
        .repeating(),
    optional("joined_at", Time, "participant.joined_at", "when the participant joined"),
    optional("left_at", Time, "participant.left_at", "when the participant left; null while live"),
    optional("duration_minutes", Minutes, "participant.duration", "minutes in the session"),
    optional(
        "minutes_consumed",
        MinutesSum,
        "sum of peer_events.minutes_consumed",
        "minutes consumed; null where no event carries any",
    ),
    optional("peer_event_count", Int, "length of participant.peer_events", "null where the API sent no list")
        .repeating(),
    optional("created_at", Time, "participant.created_at", "when the record was created"),
    optional("updated_at", Time, "participant.updated_at", "when the record was last updated"),
    EXTRA,
    optional("list_file", Text, "the list", "list whose row first asked for it; null from a window")
        .repeating(),
    optional("row_number", Int, "the list", "that row, as a spreadsheet counts; null from a window"),
    FETCHED_AT,
];

pub(super) const PEER_EVENTS: &[Column] = &[
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
    optional("created_at", Time, "peer_events[].created_at", "when the event was created"),
    optional("updated_at", Time, "peer_events[].updated_at", "when the event was last updated"),
    EXTRA,
    FETCHED_AT,
];

pub(super) const SESSIONS: &[Column] = &[
    required("session_id", Text, "the request", "session"),
    optional("meeting_id", Text, "associated_id", "meeting, or room name of a V1 meeting").repeating(),
    optional("meeting_display_name", Text, "meeting_display_name", "title of the meeting").repeating(),
    optional("type", Text, "type", "meeting, livestream or participant").repeating(),
    optional("status", Text, "status", "LIVE or ENDED").repeating(),
    optional("started_at", Time, "started_at", "when the session started"),
    optional("ended_at", Time, "ended_at", "when the session ended; null while live"),
    optional("created_at", Time, "created_at", "when the record was created"),
    optional("updated_at", Time, "updated_at", "when the record was last updated"),
    optional("minutes_consumed", Minutes, "minutes_consumed", "minutes as the session itself says"),
    optional("max_concurrent_participants", Int, "max_concurrent_participants", "most at one time")
        .repeating(),
    optional("live_participants", Int, "live_participants", "participants now in the session").repeating(),
    optional("organization_id", Text, "organization_id", "the app").repeating(),
    EXTRA,
    FETCHED_AT,
];
