//! Call statistics in both shapes.

use serde_json::Value;

use super::super::{DetailsFilters, StatsShape, Wrapper};
use super::Client;

/// How many values that are neither objects nor arrays a value holds.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(fields) => fields.values().map(leaves).sum(),
        _ => 1,
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn details_honour_or_ignore_filters() {
    let client = Client::small(|_| ()).await;
    let record = async |query: &str| {
        client.json(&format!("{}?{query}", client.details(1))).await["data"]["participant"].clone()
    };
    assert_eq!(record("").await.get("peer_stats"), None);
    assert_eq!(record("filters=").await.get("peer_stats"), None);
    let device = record("filters=device_info").await;
    assert_eq!(keys(&device["peer_stats"]), ["config", "device_info", "status"]);
    assert_eq!(device.get("quality_stats"), None);
    let all =
        record("filters=device_info,ip_information,precall_network_information,events,quality_stats").await;
    assert_eq!(keys(&all["peer_stats"]).len(), 6);
    assert_eq!(keys(&all["peer_stats"]["device_info"]).len(), 12);
    assert_eq!(keys(&all["peer_stats"]["ip_information"]).len(), 8);
    assert_eq!(keys(&all["peer_stats"]["precall_network_information"]).len(), 9);
    assert_eq!(keys(&all["quality_stats"][0]).len(), 10);
    assert_eq!(all["quality_stats"][0]["video_stats"].as_array().unwrap().len(), 12);
    assert_eq!(client.status(&format!("{}?filters=everything", client.details(1))).await.as_u16(), 400);
    let newest = Client::small(|options| options.details_filters = DetailsFilters::Ignored).await;
    let plain = newest.text(&newest.details(1)).await;
    assert_eq!(newest.text(&format!("{}?filters=events", newest.details(1))).await, plain);
}

#[tokio::test]
async fn the_peer_report_flat_and_wrapped_in_both_shapes() {
    for shape in [StatsShape::Old, StatsShape::New] {
        let wrapped = Client::small(|options| options.stats_shape = shape).await;
        let events = wrapped.sandbox.world().expected(1).event_minutes.unwrap().len();
        let flat = Client::small(|options| {
            options.stats_shape = shape;
            options.report_wrapper = Wrapper::Flat;
        })
        .await;
        let peer = wrapped.sandbox.world().participant_id(1);
        let path = format!("sessions/peer-report/{peer}?include_peer_events=true");
        let record = wrapped.json(&path).await["data"]["participant"].clone();
        assert_eq!(record, flat.json(&path).await["data"]);
        assert_eq!(record["id"], peer.to_string());
        assert_eq!(record["peer_events"].as_array().unwrap().len(), events);
        let (preset, statistics) = match shape {
            StatsShape::Old => ("preset_name", "peer_stats"),
            StatsShape::New => ("role", "peer_report"),
        };
        assert!(record[preset].is_string() && record[statistics].is_object(), "{record}");
    }
}

#[tokio::test]
async fn the_new_shape_has_every_documented_field() {
    let client = Client::small(|options| {
        options.stats_shape = StatsShape::New;
        options.samples = 2;
    })
    .await;
    let report = async |participant: u64| {
        let peer = client.sandbox.world().participant_id(participant);
        let reply = client.json(&format!("sessions/peer-report/{peer}")).await;
        reply["data"]["participant"]["peer_report"].clone()
    };
    let mut screen_shares = 0;
    for participant in 0..12 {
        let report = report(participant).await;
        let metadata = &report["metadata"];
        assert_eq!(keys(metadata).len(), 15);
        assert_eq!(keys(&metadata["candidate_pairs"]["producing_transport"][0]).len(), 28);
        let quality = &report["quality"];
        for (name, fields, summaries) in [
            ("audio_producer", 10, 13),
            ("audio_consumer", 14, 13),
            ("video_producer", 20, 28),
            ("video_consumer", 20, 25),
        ] {
            assert_eq!(quality[name].as_array().unwrap().len(), 2);
            assert_eq!(keys(&quality[name][1]).len(), fields, "{name}");
            assert_eq!(leaves(&quality[format!("{name}_cumulative")]), summaries, "{name}");
        }
        screen_shares += usize::from(leaves(&quality["screenshare_video_producer"]) > 0);
    }
    assert!((1..12).contains(&screen_shares), "{screen_shares}");
}

#[tokio::test]
async fn a_report_of_many_samples() {
    let client = Client::small(|options| {
        options.stats_shape = StatsShape::New;
        options.samples = 2000;
    })
    .await;
    let text =
        client.text(&format!("sessions/peer-report/{}", client.sandbox.world().participant_id(0))).await;
    assert!(text.len() > 2_000_000, "{}", text.len());
}
