//! Columns of how a participant was connected: API page, sections 5 (new shape) and 6 (old shape).

use super::Kind::{Bool, Float, Int, Json, Text, Time};
use super::statistics::{PARTICIPANT_ID, SESSION_ID, SOURCE_ARRAY, index};
use super::{Column, EXTRA, FETCHED_AT, fed, required};

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
