//! Statistics of the newest contract: `peer_report { metadata, quality }`.
//!
//! In: a [`Call`]. Out: one field of the participant object.
//! Guarantees: every field of section 5. Of the eight kinds of samples, a participant whose random
//! number is even has no screen share: empty arrays and objects in one half of them, no such fields
//! in the other, as typings differ.
//! Not here: the old shape (`old.rs`).

use super::super::json::Json;
use super::super::routes::Filters;
use super::Call;
use super::new_fields::{
    AUDIO_CONSUMER, AUDIO_CONSUMER_SUMMARY, AUDIO_PRODUCER, AUDIO_PRODUCER_SUMMARY, CANDIDATE_PAIR, Field,
    Made, Measured, Summary, VIDEO_CONSUMER, VIDEO_CONSUMER_SUMMARY, VIDEO_PRODUCER, VIDEO_PRODUCER_SUMMARY,
};

/// The sample arrays: name, name of the cumulative object, fields, measures.
const QUALITY: [(&str, &str, &[Field], &[Measured]); 8] = [
    ("audio_producer", "audio_producer_cumulative", AUDIO_PRODUCER, AUDIO_PRODUCER_SUMMARY),
    ("audio_consumer", "audio_consumer_cumulative", AUDIO_CONSUMER, AUDIO_CONSUMER_SUMMARY),
    ("video_producer", "video_producer_cumulative", VIDEO_PRODUCER, VIDEO_PRODUCER_SUMMARY),
    ("video_consumer", "video_consumer_cumulative", VIDEO_CONSUMER, VIDEO_CONSUMER_SUMMARY),
    (
        "screenshare_audio_producer",
        "screenshare_audio_producer_cumulative",
        AUDIO_PRODUCER,
        AUDIO_PRODUCER_SUMMARY,
    ),
    (
        "screenshare_audio_consumer",
        "screenshare_audio_consumer_cumulative",
        AUDIO_CONSUMER,
        AUDIO_CONSUMER_SUMMARY,
    ),
    (
        "screenshare_video_producer",
        "screenshare_video_producer_cumulative",
        VIDEO_PRODUCER,
        VIDEO_PRODUCER_SUMMARY,
    ),
    (
        "screenshare_video_consumer",
        "screenshare_video_consumer_cumulative",
        VIDEO_CONSUMER,
        VIDEO_CONSUMER_SUMMARY,
    ),
];

/// Writes `peer_report`, as far as asked for.
pub(in super::super) fn write(json: &mut Json, call: &Call<'_>) {
    json.key("peer_report").object(|json| {
        json.key("metadata").object(|json| metadata(json, call));
        if call.filters.has(Filters::QUALITY_STATS) {
            json.key("quality").object(|json| quality(json, call));
        }
    });
}

fn metadata(json: &mut Json, call: &Call<'_>) {
    json.key("sdk_name").string("realtimekit-web");
    json.key("sdk_type").string("core");
    json.key("sdk_version").string("1.2.0");
    json.key("room_view_type").string(call.participant.view.name());
    if call.filters.has(Filters::DEVICE_INFO) {
        device_info(json, call);
        device_updates(json, call);
    }
    if call.filters.has(Filters::IP_INFORMATION) {
        json.key("ip_information").object(|json| ip_information(json, call));
    }
    if call.filters.has(Filters::PRECALL) {
        json.key("pc_metadata").array(|json| json.object(|json| pc_metadata(json, call)));
        json.key("candidate_pairs").object(|json| {
            for (place, name) in [(1 << 32, "producing_transport"), (1 << 33, "consuming_transport")] {
                let pair = |json: &mut Json| fields(json, call, CANDIDATE_PAIR, place, 0);
                json.key(name).array(|json| json.object(pair));
            }
        });
    }
    if call.filters.has(Filters::EVENTS) {
        json.key("events").array(|json| events(json, call));
    }
}

fn device_info(json: &mut Json, call: &Call<'_>) {
    json.key("device_info").object(|json| {
        json.key("cpus").number(2 + 2 * call.below(11, 8));
        json.key("is_mobile").bool(call.below(12, 3) == 0);
        json.key("os").string(call.word(13, &["Windows", "macOS", "Android"]));
        json.key("os_version").string("10.15.7");
    });
    json.key("browser_metadata").object(|json| {
        json.key("browser").string(call.word(10, &["Chrome", "Firefox", "Safari"]));
        json.key("browser_version").string("129.0.0.0");
        json.key("engine").string("Blink");
        json.key("user_agent").string("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36");
        json.key("webgl_support").raw(call.word(14, &["true", "false", "null"]));
    });
    json.key("native_metadata").object(|json| {
        json.key("audio_encoder").string("opus");
        json.key("video_encoder").string("vp8");
    });
}

fn device_updates(json: &mut Json, call: &Call<'_>) {
    let joined_ms = call.participant.joined_ms;
    let device = |json: &mut Json, kind: &str, label: &str, place: u64| {
        json.object(|json| {
            json.key("device_id").string(&format!("{:016x}", call.below(place, u64::MAX)));
            json.key("kind").string(kind);
            json.key("label").string(label);
        });
    };
    json.key("selected_device_updates").array(|json| {
        json.object(|json| {
            json.key("timestamp").time(joined_ms + 400);
            device(json.key("device"), "audioinput", "Anna's AirPods", 15);
        });
    });
    for (name, kind, place) in [
        ("audio_devices_updates", "audioinput", 16),
        ("video_devices_updates", "videoinput", 18),
        ("speaker_devices_updates", "audiooutput", 20),
    ] {
        json.key(name).array(|json| {
            json.object(|json| {
                json.key("timestamp").time(joined_ms + 500);
                json.key("added").array(|json| device(json, kind, "Built-in", place));
                json.key("removed").array(|json| device(json, kind, "USB Ünit", place + 1));
            });
        });
    }
}

fn ip_information(json: &mut Json, call: &Call<'_>) {
    let [city, region, country, timezone, ..] = call.place();
    call.write_ipv4(json.key("ipv4"));
    json.key("city").string(city);
    json.key("region").string(region);
    json.key("country").string(country);
    json.key("timezone").string(timezone);
    json.key("org").string("Example Networks");
    json.key("asn").object(|json| {
        json.key("asn").string("AS64496");
        json.key("domain").string("example.net");
        json.key("name").string("Example Networks");
        json.key("route").string("203.0.113.0/24");
        json.key("type").string("isp");
    });
}

fn pc_metadata(json: &mut Json, call: &Call<'_>) {
    json.key("timestamp").time(call.participant.joined_ms + 300);
    json.key("effective_network_type").string(call.word(21, &["4g", "3g"]));
    json.key("reflexive_connectivity").bool(true);
    json.key("relay_connectivity").bool(call.below(24, 2) == 0);
    json.key("turn_connectivity").bool(true);
    json.key("sdp").array(|json| {
        json.string("v=0\r\no=- 46117317 2 IN IP4 127.0.0.1\r\ns=-\r\n");
        json.string("a=candidate:1 1 udp 2130706431 192.0.2.17 54321 typ host\r\n");
    });
}

fn events(json: &mut Json, call: &Call<'_>) {
    let events = [
        ("call_joined", r#"{"attempt":1,"region":"weur","first":true}"#),
        ("ice_state", r#"{"state":"connected","previous":null,"after_s":1.25}"#),
        ("call_left", "{}"),
    ];
    for (n, (name, metadata)) in (0..).zip(events) {
        json.object(|json| {
            json.key("name").string(name);
            json.key("timestamp").time(call.participant.joined_ms + call.participant.stayed_ms() * n / 2);
            json.key("metadata").raw(metadata);
        });
    }
}

fn quality(json: &mut Json, call: &Call<'_>) {
    for (kind, (name, cumulative, sample, summary)) in (1..).zip(QUALITY) {
        let place = kind << 48;
        let happened = kind <= 4 || call.random % 2 == 1;
        if happened {
            json.key(name).array(|json| {
                for n in 0..call.samples {
                    json.object(|json| fields(json, call, sample, place + 64 * n, n));
                }
            });
            json.key(cumulative).object(|json| measures(json, call, summary, place + (1 << 47)));
        } else if call.random.is_multiple_of(4) {
            json.key(name).array(|_| ());
            json.key(cumulative).object(|_| ());
        }
    }
}

fn fields(json: &mut Json, call: &Call<'_>, fields: &[Field], place: u64, n: u64) {
    for (place, (name, made)) in (place..).zip(fields) {
        json.key(name);
        match made {
            Made::Count(limit) => json.number(call.below(place, *limit)),
            Made::Measure(limit) => json.thousandths(call.below(place, *limit)),
            Made::Word(words) => json.string(call.word(place, words)),
            Made::Bool => json.bool(call.below(place, 2) == 1),
            Made::Time => json.time(call.sample_ms(n)),
            Made::EpochMs => json.number(call.sample_ms(n)),
            Made::Id => {
                let high = call.below(place, u64::MAX);
                json.uuid(uuid::Uuid::from_u64_pair(high, high.rotate_left(17)));
            }
            Made::PeerId => json.uuid(call.participant.uuid()),
            Made::Durations => json.object(|json| {
                for (place, reason) in (place..).zip(["bandwidth", "cpu", "none", "other"]) {
                    json.key(reason).thousandths(call.below(place + 32, 60_000));
                }
            }),
        }
    }
}

fn measures(json: &mut Json, call: &Call<'_>, measures: &[Measured], place: u64) {
    for (n, (name, summary)) in (0..).zip(measures) {
        let place = place + 8 * n;
        json.key(name);
        match summary {
            Summary::Distribution => parts(json, call, &["avg", "p50", "p75", "p90"], place, 5000),
            Summary::Latency => {
                let names = [
                    "avg",
                    "100ms_or_greater_event_fraction",
                    "250ms_or_greater_event_fraction",
                    "500ms_or_greater_event_fraction",
                ];
                parts(json, call, &names, place, 1000);
            }
            Summary::Loss => {
                let names = [
                    "avg",
                    "5_or_greater_event_fraction",
                    "10_or_greater_event_fraction",
                    "25_or_greater_event_fraction",
                    "50_or_greater_event_fraction",
                ];
                parts(json, call, &names, place, 1000);
            }
            Summary::Fraction => json.thousandths(call.below(place, 1000)),
            Summary::Issues(names) => parts(json, call, names, place, 1000),
        }
    }
}

fn parts(json: &mut Json, call: &Call<'_>, names: &[&str], place: u64, limit: u64) {
    json.object(|json| {
        for (place, name) in (place..).zip(names) {
            json.key(name).thousandths(call.below(place, limit));
        }
    });
}
