//! Columns of call quality, of all kinds of media and both directions: API page, sections 5 and 6.
//!
//! The API's documents name no unit for round-trip time, jitter and the buffer's delay (`WebRTC` itself
//! uses seconds), and do not say whether counters are running totals: such columns have no unit here.

use super::Kind::{Float, Int, Text, Time};
use super::statistics::{PARTICIPANT_ID, SESSION_ID, SOURCE_ARRAY, index};
use super::{Column, EXTRA, FETCHED_AT, fed, optional, required};

pub(super) const QUALITY_SAMPLES: &[Column] = &[
    SESSION_ID,
    PARTICIPANT_ID,
    SOURCE_ARRAY,
    required("media", Text, "the array", "audio, video, screenshare_audio or screenshare_video").repeating(),
    optional(
        "direction",
        Text,
        "the array",
        "producer (what the participant sends) or consumer; null in the old shape, which mixes both",
    )
    .repeating(),
    index("sample_index", "0-based"),
    fed("timestamp", Time, &["timestamp"], "when the sample was taken"),
    fed("producer_id", Text, &["producer_id"], "stream that is sent").repeating(),
    fed("consumer_id", Text, &["consumer_id"], "stream that is received").repeating(),
    fed("peer_id", Text, &["peer_id"], "peer that is received; in the old shape the peer of the report")
        .repeating(),
    fed("mid", Text, &["mid"], "media stream identification of the transport").repeating(),
    fed("ssrc", Int, &["ssrc"], "synchronisation source of RTP").repeating(),
    fed("mos_quality", Float, &["mos_quality"], "mean opinion score, 1 to 5").repeating(),
    fed("quality", Float, &["quality"], "quality as the old shape rates it").repeating(),
    fed("bytes_sent", Int, &["bytes_sent"], "bytes sent").in_unit("bytes"),
    fed("bytes_received", Int, &["bytes_received"], "bytes received").in_unit("bytes"),
    fed("packets_sent", Int, &["packets_sent"], "packets sent").in_unit("packets"),
    fed("packets_received", Int, &["packets_received"], "packets received").in_unit("packets"),
    fed("packets_lost", Int, &["packets_lost"], "packets lost").in_unit("packets").repeating(),
    fed("rtt", Float, &["rtt"], "round-trip time").repeating(),
    fed("jitter", Float, &["jitter"], "jitter").repeating(),
    fed("jitter_buffer_delay", Float, &["jitter_buffer_delay"], "time in the jitter buffer"),
    fed(
        "jitter_buffer_emitted_count",
        Int,
        &["jitter_buffer_emitted_count"],
        "audio samples or video frames that left the jitter buffer",
    ),
    fed("concealment_events", Int, &["concealment_events"], "gaps in audio that were concealed").repeating(),
    fed("frame_width", Int, &["frame_width"], "width of the picture").in_unit("pixels").repeating(),
    fed("frame_height", Int, &["frame_height"], "height of the picture").in_unit("pixels").repeating(),
    fed("frames_per_second", Float, &["frames_per_second"], "frame rate")
        .in_unit("frames per second")
        .repeating(),
    fed("frames_encoded", Int, &["frames_encoded"], "frames encoded").in_unit("frames"),
    fed("frames_decoded", Int, &["frames_decoded"], "frames decoded").in_unit("frames"),
    fed("frames_dropped", Int, &["frames_dropped"], "frames dropped").in_unit("frames").repeating(),
    fed("key_frames_encoded", Int, &["key_frames_encoded"], "key frames encoded")
        .in_unit("frames")
        .repeating(),
    fed("key_frames_decoded", Int, &["key_frames_decoded"], "key frames decoded")
        .in_unit("frames")
        .repeating(),
    fed("fir_count", Int, &["fir_count"], "full intra requests").repeating(),
    fed("pli_count", Int, &["pli_count"], "picture loss indications").repeating(),
    fed(
        "quality_limitation_reason",
        Text,
        &["quality_limitation_reason"],
        "why quality is limited: cpu, bandwidth, none, other",
    )
    .repeating(),
    fed(
        "quality_limitation_resolution_changes",
        Int,
        &["quality_limitation_resolution_changes"],
        "changes of resolution for limited quality",
    )
    .repeating(),
    fed(
        "quality_limitation_duration_bandwidth",
        Float,
        &["quality_limitation_durations.bandwidth"],
        "time limited by bandwidth",
    ),
    fed(
        "quality_limitation_duration_cpu",
        Float,
        &["quality_limitation_durations.cpu"],
        "time limited by the processor",
    ),
    fed(
        "quality_limitation_duration_none",
        Float,
        &["quality_limitation_durations.none"],
        "time not limited",
    ),
    fed(
        "quality_limitation_duration_other",
        Float,
        &["quality_limitation_durations.other"],
        "time limited for other reasons",
    ),
    EXTRA,
    FETCHED_AT,
];

pub(super) const QUALITY_SUMMARY: &[Column] = &[
    SESSION_ID,
    PARTICIPANT_ID,
    required("source_object", Text, "path of an object in the record", "object that the statistic stood in")
        .repeating(),
    optional(
        "media",
        Text,
        "the object, or the field",
        "audio, video, screenshare_audio or screenshare_video; null of all",
    )
    .repeating(),
    optional(
        "direction",
        Text,
        "the object",
        "producer or consumer; null in the old shape, which mixes both",
    )
    .repeating(),
    required("measure", Text, "the field", "what is measured, by the API's name").repeating(),
    required(
        "statistic",
        Text,
        "the field within",
        "avg, p50, ... by the API's name; value of a plain number",
    )
    .repeating(),
    optional(
        "value",
        Float,
        "the field",
        "its value; thresholds in the names of fractions are milliseconds (ms) or percent",
    ),
    optional("peer_id", Text, "quality_stats.peer_id", "peer that an old report is of").repeating(),
    optional("started_at", Time, "quality_stats.start", "when an old report begins"),
    optional("ended_at", Time, "quality_stats.end", "when an old report ends"),
    EXTRA,
    FETCHED_AT,
];
