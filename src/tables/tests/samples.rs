//! The samples' call statistics, of each shape, as rows.

use std::fmt::Write;

use super::*;

/// A peer report as the predecessor's documents have it: `quality_stats` is one object, events tell of the
/// connection (API page, section 6).
pub(super) const PREDECESSOR: &str = r#"{
    "id": "4b4d9a3a-0000-4000-8000-000000000001", "role": "host", "session_id": "4b4d9a3a-0000-4000-8000-000000000002",
    "peer_stats": {
        "config": "production", "status": "OK",
        "device_info": {"browser": "Chrome", "cpus": 8, "is_mobile": false, "memory": 0.5, "webgl_support": "true"},
        "events": [
            {"timestamp": "2023-02-01T10:50:36.846Z", "type": "precall_end", "metadata": {"connection_info": {
                "ip_details": {"city": "Pune", "country": "IN", "region": "Maharashtra", "loc": "18.5196,73.8554",
                    "timezone": "Asia/Kolkata", "ip": "203.0.113.9", "postal": "411001", "asn": {"asn": "AS64496"}},
                "effective_network_type": "4g",
                "location": {"coords": {"latitude": 18.5196, "longitude": 73.8554}},
                "turn_connectivity": true,
                "connectivity": {"host": true, "relay": false, "reflexive": true},
                "throughput": 4200, "fractional_loss": 0, "r_t_t": 61.5, "jitter": 3, "backend_r_t_t": 92.25}}},
            {"timestamp": "2023-02-01T10:50:37.100Z", "type": "disconnect"}
        ],
        "ip_information": {"city": "Pune", "ipv4": "203.0.113.9", "asn": {"asn": "AS64496"}},
        "precall_network_information": {"backend_rtt": 92.25, "effective_networktype": "4g", "throughput": 4200,
            "turn_connectivity": true}
    },
    "quality_stats": {
        "audio_stats": [{"timestamp": "2023-02-01T10:50:40Z", "concealment_events": 1, "jitter": 0.003,
            "packets_lost": 2, "quality": 4.25}],
        "video_stats": [{"timestamp": "2023-02-01T10:50:40Z", "frame_height": 720, "frame_width": 1280,
            "frames_dropped": 1, "frames_per_second": 29.5, "jitter": 0, "packets_lost": 0, "quality": 4.5}],
        "peer_ids": ["p1", "p2"], "start": "2023-02-01T10:50:36Z", "end": "2023-02-01T10:55:36Z",
        "total_audio_packets": 15000, "total_audio_packets_lost": 12,
        "total_video_packets": 90000, "total_video_packets_lost": 31,
        "first_audio_packet_received": "2023-02-01T10:50:38Z", "first_video_packet_received": "2023-02-01T10:50:39Z",
        "last_audio_packet_received": "2023-02-01T10:55:36Z", "last_video_packet_received": "2023-02-01T10:55:35Z",
        "average_quality": 4.31, "audio_bandwidth": 48000, "video_bandwidth": 1200000
    }
}"#;

/// The tables of statistics of one reply's body, each row with what it has.
fn shown(body: &str) -> String {
    let body = as_of_the_log(body);
    let output = make_statistics(&[pair(2, 1, 1)], vec![found(details_key(1, 1), body)]);
    let mut shown = String::new();
    for table in Table::ALL.into_iter().filter(|table| table.is_statistics()) {
        writeln!(shown, "{}", table.name()).unwrap();
        for Row(cells) in output.rows(table) {
            let of_all = ["session_id", "participant_id", "fetched_at"];
            let there = cells.iter().filter(|(name, _)| !of_all.contains(name));
            let there = there.filter_map(|(name, cell)| Some(format!("{name}={}", cell.as_ref()?)));
            writeln!(shown, "  {}", there.collect::<Vec<_>>().join(" ")).unwrap();
        }
    }
    let warnings = output.warnings();
    shown + &format!("warnings {warnings:?}\n")
}

/// The body with the ids that the test asks for.
fn as_of_the_log(body: &str) -> String {
    let reply: serde_json::Value = serde_json::from_str(body).unwrap();
    let record = reply["data"].get("participant").unwrap_or(&reply["data"]);
    let ids = [("id", id(1)), ("session_id", session(1).to_string())];
    ids.into_iter().fold(body.to_owned(), |body, (name, own)| match record[name].as_str() {
        Some(sent) => body.replace(sent, &own),
        None => body,
    })
}

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/replies").join(format!("{name}.json"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_old_shape_of_details() {
    insta::assert_snapshot!("details_statistics", shown(&sample("details-statistics")));
}

#[test]
fn the_old_shape_of_a_peer_report_is_that_of_details() {
    let report = sample("peer-report-old");

    let without_ids = |body: &str| {
        shown(body)
            .lines()
            .filter(|line| !line.starts_with("warnings"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(without_ids(&report), without_ids(&sample("details-statistics")));
}

#[test]
fn the_new_shape() {
    insta::assert_snapshot!("peer_report", shown(&sample("peer-report-new")));
}

#[test]
fn the_predecessors_shape() {
    insta::assert_snapshot!("predecessor", shown(&format!(r#"{{"data":{PREDECESSOR}}}"#)));
}
