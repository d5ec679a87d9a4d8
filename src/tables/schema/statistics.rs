//! Columns of the call statistics but for quality: API page, sections 5 (new shape) and 6 (old shape).

use super::Kind::{Bool, Float, Int, Json, Text, Time};
use super::{Column, EXTRA, FETCHED_AT, fed, optional, required};

pub(super) const SESSION_ID: Column =
    required("session_id", Text, "the request", "session that was asked for").repeating();
pub(super) const PARTICIPANT_ID: Column =
    required("participant_id", Text, "the record's id", "participant that the statistics are of").repeating();
pub(super) const SOURCE_ARRAY: Column =
    required("source_array", Text, "path of an array in the record", "array that the row's object stood in")
        .repeating();

/// A place in [`SOURCE_ARRAY`].
pub(super) const fn index(name: &'static str, meaning: &'static str) -> Column {
    required(name, Int, "place in the array", meaning)
}

pub(super) const CALL_STATS: &[Column] = &[
    SESSION_ID,
    required("participant_id", Text, "the record's id", "participant that the statistics are of"),
    optional(
        "source_shape",
        Text,
        "which of the fields came",
        "old (peer_stats, quality_stats), new (peer_report), both; null where no statistics came",
    )
    .repeating(),
    fed(
        "sdk_name",
        Text,
        &["peer_report.metadata.sdk_name", "peer_stats.device_info.sdk_name"],
        "client SDK",
    )
    .repeating(),
    fed("sdk_type", Text, &["peer_report.metadata.sdk_type"], "kind of client SDK").repeating(),
    fed(
        "sdk_version",
        Text,
        &["peer_report.metadata.sdk_version", "peer_stats.device_info.sdk_version"],
        "its version",
    )
    .repeating(),
    fed("room_view_type", Text, &["peer_report.metadata.room_view_type"], "view type of the room")
        .repeating(),
    fed("stats_config", Text, &["peer_stats.config"], "as the API says it").repeating(),
    fed("stats_status", Text, &["peer_stats.status"], "as the API says it").repeating(),
    fed(
        "device_cpus",
        Int,
        &["peer_report.metadata.device_info.cpus", "peer_stats.device_info.cpus"],
        "processors that the browser tells",
    )
    .repeating(),
    fed(
        "device_is_mobile",
        Bool,
        &["peer_report.metadata.device_info.is_mobile", "peer_stats.device_info.is_mobile"],
        "whether it is a phone or tablet",
    ),
    fed(
        "device_os",
        Text,
        &["peer_report.metadata.device_info.os", "peer_stats.device_info.os"],
        "operating system",
    )
    .repeating(),
    fed(
        "device_os_version",
        Text,
        &["peer_report.metadata.device_info.os_version", "peer_stats.device_info.os_version"],
        "its version",
    )
    .repeating(),
    fed(
        "device_memory",
        Float,
        &["peer_stats.device_info.memory"],
        "memory that the browser tells; browsers round it, in GiB",
    )
    .repeating(),
    fed(
        "browser_name",
        Text,
        &["peer_report.metadata.browser_metadata.browser", "peer_stats.device_info.browser"],
        "browser",
    )
    .repeating(),
    fed(
        "browser_version",
        Text,
        &["peer_report.metadata.browser_metadata.browser_version", "peer_stats.device_info.browser_version"],
        "its version",
    )
    .repeating(),
    fed(
        "browser_engine",
        Text,
        &["peer_report.metadata.browser_metadata.engine", "peer_stats.device_info.engine"],
        "its engine",
    )
    .repeating(),
    fed(
        "browser_user_agent",
        Text,
        &["peer_report.metadata.browser_metadata.user_agent", "peer_stats.device_info.user_agent"],
        "its User-Agent header",
    )
    .repeating(),
    fed(
        "browser_webgl_support",
        Bool,
        &["peer_report.metadata.browser_metadata.webgl_support", "peer_stats.device_info.webgl_support"],
        "whether it draws with WebGL; sent as a boolean, or as text before 2026",
    ),
    fed(
        "native_audio_encoder",
        Text,
        &["peer_report.metadata.native_metadata.audio_encoder"],
        "audio encoder of a native client",
    )
    .repeating(),
    fed(
        "native_video_encoder",
        Text,
        &["peer_report.metadata.native_metadata.video_encoder"],
        "video encoder of a native client",
    )
    .repeating(),
    fed(
        "ip_ipv4",
        Text,
        &["peer_report.metadata.ip_information.ipv4", "peer_stats.ip_information.ipv4"],
        "public address; personal data",
    ),
    fed(
        "ip_city",
        Text,
        &["peer_report.metadata.ip_information.city", "peer_stats.ip_information.city"],
        "city of the address",
    )
    .repeating(),
    fed(
        "ip_region",
        Text,
        &["peer_report.metadata.ip_information.region", "peer_stats.ip_information.region"],
        "region of the address",
    )
    .repeating(),
    fed(
        "ip_country",
        Text,
        &["peer_report.metadata.ip_information.country", "peer_stats.ip_information.country"],
        "country of the address",
    )
    .repeating(),
    fed(
        "ip_timezone",
        Text,
        &["peer_report.metadata.ip_information.timezone", "peer_stats.ip_information.timezone"],
        "time zone of the address",
    )
    .repeating(),
    fed(
        "ip_location",
        Text,
        &["peer_stats.ip_information.ip_location"],
        "latitude and longitude of the address, as sent",
    )
    .repeating(),
    fed(
        "ip_postal",
        Text,
        &["peer_stats.ip_information.portal"],
        "postal code of the address, as far as is known: the API calls it portal",
    )
    .repeating(),
    fed(
        "ip_org",
        Text,
        &["peer_report.metadata.ip_information.org", "peer_stats.ip_information.org"],
        "organisation of the address",
    )
    .repeating(),
    fed(
        "asn_number",
        Text,
        &["peer_report.metadata.ip_information.asn.asn", "peer_stats.ip_information.asn.asn"],
        "autonomous system of the address, such as AS64496",
    )
    .repeating(),
    fed("asn_domain", Text, &["peer_report.metadata.ip_information.asn.domain"], "its domain").repeating(),
    fed("asn_name", Text, &["peer_report.metadata.ip_information.asn.name"], "its name").repeating(),
    fed("asn_route", Text, &["peer_report.metadata.ip_information.asn.route"], "its route").repeating(),
    fed("asn_type", Text, &["peer_report.metadata.ip_information.asn.type"], "its kind, such as isp")
        .repeating(),
    fed(
        "precall_effective_network_type",
        Text,
        &["peer_stats.precall_network_information.effective_networktype"],
        "network before the call, such as 4g",
    )
    .repeating(),
    fed(
        "precall_rtt",
        Float,
        &["peer_stats.precall_network_information.rtt"],
        "round-trip time before the call",
    ),
    fed(
        "precall_backend_rtt",
        Float,
        &["peer_stats.precall_network_information.backend_rtt"],
        "round-trip time to the backend before the call",
    ),
    fed(
        "precall_jitter",
        Float,
        &["peer_stats.precall_network_information.jitter"],
        "jitter before the call",
    ),
    fed(
        "precall_fractional_loss",
        Float,
        &["peer_stats.precall_network_information.fractional_loss"],
        "part of packets lost before the call",
    ),
    fed(
        "precall_throughput",
        Float,
        &[
            "peer_stats.precall_network_information.throughput",
            "peer_stats.precall_network_information.throughtput",
        ],
        "throughput before the call; one endpoint spells it throughtput",
    ),
    fed(
        "connectivity_reflexive",
        Bool,
        &["peer_stats.precall_network_information.reflexive_connectivity"],
        "whether a reflexive address could be had before the call; of the new shape see connection_metadata",
    ),
    fed(
        "connectivity_relay",
        Bool,
        &["peer_stats.precall_network_information.relay_connectivity"],
        "whether a relay could be reached before the call",
    ),
    fed(
        "connectivity_turn",
        Bool,
        &["peer_stats.precall_network_information.turn_connectivity"],
        "whether a TURN server could be reached before the call",
    ),
    fed(
        "quality_peer_ids",
        Json,
        &["quality_stats.peer_ids"],
        "JSON array of the peers that the totals are of",
    ),
    fed("total_audio_packets", Int, &["quality_stats.total_audio_packets"], "audio packets of the call")
        .in_unit("packets"),
    fed(
        "total_audio_packets_lost",
        Int,
        &["quality_stats.total_audio_packets_lost"],
        "audio packets lost in the call",
    )
    .in_unit("packets"),
    fed("total_video_packets", Int, &["quality_stats.total_video_packets"], "video packets of the call")
        .in_unit("packets"),
    fed(
        "total_video_packets_lost",
        Int,
        &["quality_stats.total_video_packets_lost"],
        "video packets lost in the call",
    )
    .in_unit("packets"),
    fed(
        "first_audio_packet_received_at",
        Time,
        &["quality_stats.first_audio_packet_received"],
        "when the first audio packet came",
    ),
    fed(
        "last_audio_packet_received_at",
        Time,
        &["quality_stats.last_audio_packet_received"],
        "when the last audio packet came",
    ),
    fed(
        "first_video_packet_received_at",
        Time,
        &["quality_stats.first_video_packet_received"],
        "when the first video packet came",
    ),
    fed(
        "last_video_packet_received_at",
        Time,
        &["quality_stats.last_video_packet_received"],
        "when the last video packet came",
    ),
    EXTRA,
    FETCHED_AT,
];

pub(super) const CALL_EVENTS: &[Column] = &[
    SESSION_ID,
    PARTICIPANT_ID,
    SOURCE_ARRAY,
    index("event_index", "0-based"),
    fed("name", Text, &["name", "type"], "what happened").repeating(),
    fed("timestamp", Time, &["timestamp"], "when it happened"),
    fed("metadata", Json, &["metadata"], "JSON object of what else is said of it"),
    EXTRA,
    FETCHED_AT,
];

pub(super) const DEVICE_UPDATES: &[Column] = &[
    SESSION_ID,
    PARTICIPANT_ID,
    SOURCE_ARRAY,
    optional(
        "change",
        Text,
        "the field that the device stood in",
        "selected, added or removed; null where the update names no device",
    )
    .repeating(),
    index("update_index", "0-based").repeating(),
    required("device_index", Int, "place among the update's devices", "0-based").repeating(),
    fed("timestamp", Time, &["timestamp"], "when it changed"),
    fed("device_id", Text, &["device.device_id"], "id that the browser gives the device").repeating(),
    fed("kind", Text, &["device.kind"], "audioinput, audiooutput, videoinput, ...").repeating(),
    fed("label", Text, &["device.label"], "name of the device; personal data").repeating(),
    EXTRA,
    FETCHED_AT,
];

pub(super) const CANDIDATE_PAIRS: &[Column] = &[
    SESSION_ID,
    PARTICIPANT_ID,
    SOURCE_ARRAY,
    required("transport", Text, "the array", "producing (what the participant sends) or consuming")
        .repeating(),
    index("pair_index", "0-based").repeating(),
    fed("nominated", Bool, &["nominated"], "whether the pair was chosen to carry media"),
    fed(
        "available_incoming_bitrate",
        Float,
        &["available_incoming_bitrate"],
        "estimate of what could be received",
    )
    .in_unit("bits per second"),
    fed(
        "available_outgoing_bitrate",
        Float,
        &["available_outgoing_bitrate"],
        "estimate of what could be sent",
    )
    .in_unit("bits per second"),
    fed("bytes_sent", Int, &["bytes_sent"], "bytes sent").in_unit("bytes"),
    fed("bytes_received", Int, &["bytes_received"], "bytes received").in_unit("bytes"),
    fed("bytes_discarded_on_send", Int, &["bytes_discarded_on_send"], "bytes not sent for socket errors")
        .in_unit("bytes"),
    fed("packets_sent", Int, &["packets_sent"], "packets sent").in_unit("packets"),
    fed("packets_received", Int, &["packets_received"], "packets received").in_unit("packets"),
    fed(
        "packets_discarded_on_send",
        Int,
        &["packets_discarded_on_send"],
        "packets not sent for socket errors",
    )
    .in_unit("packets"),
    fed("current_round_trip_time", Float, &["current_round_trip_time"], "latest round-trip time"),
    fed("total_round_trip_time", Float, &["total_round_trip_time"], "sum of all round-trip times measured"),
    fed(
        "last_packet_sent_at",
        Time,
        &["last_packet_sent_timestamp"],
        "when the last packet was sent; sent as milliseconds since 1970",
    ),
    fed(
        "last_packet_received_at",
        Time,
        &["last_packet_received_timestamp"],
        "when the last packet came; sent as milliseconds since 1970",
    ),
    fed("local_candidate_id", Text, &["local_candidate_id"], "id of the own address"),
    fed("local_candidate_type", Text, &["local_candidate_type"], "host, srflx, prflx or relay").repeating(),
    fed("local_candidate_protocol", Text, &["local_candidate_protocol"], "udp or tcp").repeating(),
    fed("local_candidate_address", Text, &["local_candidate_address"], "own address; personal data")
        .repeating(),
    fed("local_candidate_port", Int, &["local_candidate_port"], "own port"),
    fed(
        "local_candidate_network_type",
        Text,
        &["local_candidate_network_type"],
        "wifi, ethernet, cellular, ...",
    )
    .repeating(),
    fed(
        "local_candidate_related_address",
        Text,
        &["local_candidate_related_address"],
        "address behind a reflexive or relayed one; personal data",
    )
    .repeating(),
    fed("local_candidate_related_port", Int, &["local_candidate_related_port"], "its port"),
    fed("local_candidate_url", Text, &["local_candidate_url"], "STUN or TURN server that gave the address")
        .repeating(),
    fed("remote_candidate_id", Text, &["remote_candidate_id"], "id of the other side's address"),
    fed("remote_candidate_type", Text, &["remote_candidate_type"], "host, srflx, prflx or relay").repeating(),
    fed("remote_candidate_protocol", Text, &["remote_candidate_protocol"], "udp or tcp").repeating(),
    fed("remote_candidate_address", Text, &["remote_candidate_address"], "the other side's address")
        .repeating(),
    fed("remote_candidate_port", Int, &["remote_candidate_port"], "its port"),
    fed("remote_candidate_url", Text, &["remote_candidate_url"], "STUN or TURN server that gave the address")
        .repeating(),
    EXTRA,
    FETCHED_AT,
];

pub(super) const CONNECTION_METADATA: &[Column] = &[
    SESSION_ID,
    PARTICIPANT_ID,
    SOURCE_ARRAY,
    index("connection_index", "0-based; of an event's connection_info, the event's").repeating(),
    fed("timestamp", Time, &["timestamp"], "when it was looked at; of an event, when that happened"),
    fed("effective_network_type", Text, &["effective_network_type"], "such as 4g").repeating(),
    fed(
        "reflexive_connectivity",
        Bool,
        &["reflexive_connectivity", "connectivity.reflexive"],
        "whether a reflexive address could be had",
    ),
    fed(
        "relay_connectivity",
        Bool,
        &["relay_connectivity", "connectivity.relay"],
        "whether a relay could be reached",
    ),
    fed("host_connectivity", Bool, &["connectivity.host"], "whether a host address could be had"),
    fed("turn_connectivity", Bool, &["turn_connectivity"], "whether a TURN server could be reached"),
    fed("rtt", Float, &["r_t_t"], "round-trip time"),
    fed("backend_rtt", Float, &["backend_r_t_t"], "round-trip time to the backend"),
    fed("jitter", Float, &["jitter"], "jitter"),
    fed("fractional_loss", Float, &["fractional_loss"], "part of packets lost"),
    fed("throughput", Float, &["throughput"], "throughput"),
    fed("latitude", Float, &["location.coords.latitude"], "where the participant was; personal data")
        .in_unit("degrees"),
    fed("longitude", Float, &["location.coords.longitude"], "where the participant was; personal data")
        .in_unit("degrees"),
    fed("ip", Text, &["ip_details.ip"], "public address; personal data").repeating(),
    fed("ip_city", Text, &["ip_details.city"], "city of the address").repeating(),
    fed("ip_region", Text, &["ip_details.region"], "region of the address").repeating(),
    fed("ip_country", Text, &["ip_details.country"], "country of the address").repeating(),
    fed("ip_timezone", Text, &["ip_details.timezone"], "time zone of the address").repeating(),
    fed("ip_location", Text, &["ip_details.loc"], "latitude and longitude of the address, as sent")
        .repeating(),
    fed("ip_postal", Text, &["ip_details.postal"], "postal code of the address").repeating(),
    fed("asn_number", Text, &["ip_details.asn.asn"], "autonomous system of the address").repeating(),
    fed("sdp", Json, &["sdp"], "JSON array of session descriptions; personal data"),
    EXTRA,
    FETCHED_AT,
];
