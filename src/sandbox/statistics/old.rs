//! Statistics of the predecessor and of contracts up to May 2026: `peer_stats`, `quality_stats`.
//!
//! In: a [`Call`]. Out: fields of the participant object.
//! Guarantees: every field of section 6's details shape; `webgl_support` is a string, `portal` and
//! `throughtput` are spelt as they were.
//! Not here: the new shape (`new.rs`).

use super::super::json::Json;
use super::super::routes::Filters;
use super::Call;

/// Writes `peer_stats` and `quality_stats`, as far as asked for.
pub(in super::super) fn write(json: &mut Json, call: &Call<'_>) {
    json.key("peer_stats").object(|json| {
        json.key("config").string("production");
        json.key("status").string("OK");
        if call.filters.has(Filters::DEVICE_INFO) {
            json.key("device_info").object(|json| device_info(json, call));
        }
        if call.filters.has(Filters::EVENTS) {
            json.key("events").array(|json| events(json, call));
        }
        if call.filters.has(Filters::IP_INFORMATION) {
            json.key("ip_information").object(|json| ip_information(json, call));
        }
        if call.filters.has(Filters::PRECALL) {
            json.key("precall_network_information").object(|json| precall(json, call));
        }
    });
    if call.filters.has(Filters::QUALITY_STATS) {
        json.key("quality_stats").array(|json| json.object(|json| quality_stats(json, call)));
    }
}

fn device_info(json: &mut Json, call: &Call<'_>) {
    json.key("browser").string(call.word(10, &["Chrome", "Firefox", "Safari"]));
    json.key("browser_version").string("129.0.0.0");
    json.key("cpus").number(2 + 2 * call.below(11, 8));
    json.key("engine").string("Blink");
    json.key("is_mobile").bool(call.below(12, 3) == 0);
    json.key("memory").number(8);
    json.key("os").string(call.word(13, &["Windows", "macOS", "Android"]));
    json.key("os_version").string("10.15.7");
    json.key("sdk_name").string("web-core");
    json.key("sdk_version").string("1.4.2");
    json.key("user_agent").string("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36");
    json.key("webgl_support").string(call.word(14, &["true", "false"]));
}

fn events(json: &mut Json, call: &Call<'_>) {
    for (n, name) in (0..).zip(["precall_begin", "precall_end", "transport_connected", "disconnect"]) {
        json.object(|json| {
            json.key("timestamp").time(call.participant.joined_ms + call.participant.stayed_ms() * n / 3);
            json.key("type").string(name);
        });
    }
}

fn ip_information(json: &mut Json, call: &Call<'_>) {
    let [city, region, country, timezone, location, postal] = call.place();
    json.key("city").string(city);
    json.key("country").string(country);
    json.key("ip_location").string(location);
    call.write_ipv4(json.key("ipv4"));
    json.key("org").string("AS64496 Example Networks");
    json.key("portal").string(postal);
    json.key("region").string(region);
    json.key("timezone").string(timezone);
}

fn precall(json: &mut Json, call: &Call<'_>) {
    json.key("backend_rtt").thousandths(call.below(20, 90_000));
    json.key("effective_networktype").string(call.word(21, &["4g", "3g", "wifi"]));
    json.key("fractional_loss").thousandths(call.below(22, 50));
    json.key("jitter").thousandths(call.below(23, 30_000));
    json.key("reflexive_connectivity").bool(true);
    json.key("relay_connectivity").bool(call.below(24, 2) == 0);
    json.key("rtt").thousandths(call.below(25, 150_000));
    json.key("throughtput").thousandths(call.below(26, 9_000_000));
    json.key("turn_connectivity").bool(true);
}

fn quality_stats(json: &mut Json, call: &Call<'_>) {
    json.key("peer_id").uuid(call.participant.uuid());
    json.key("start").time(call.participant.joined_ms);
    json.key("end").time(call.participant.until_ms);
    json.key("average_quality").thousandths(3000 + call.below(30, 2000));
    json.key("audio_bandwidth").number(call.below(31, 64_000));
    json.key("video_bandwidth").number(call.below(32, 2_500_000));
    json.key("audio_packet_loss").thousandths(call.below(33, 9_000));
    json.key("video_packet_loss").thousandths(call.below(34, 9_000));
    json.key("audio_stats").array(|json| {
        for n in 0..call.samples {
            json.object(|json| {
                json.key("timestamp").time(call.sample_ms(n));
                json.key("concealment_events").number(call.below(100 + 16 * n, 20));
                common_sample(json, call, 100 + 16 * n);
            });
        }
    });
    json.key("video_stats").array(|json| {
        for n in 0..call.samples {
            let place = (1 << 40) + 16 * n;
            json.object(|json| {
                json.key("timestamp").time(call.sample_ms(n));
                json.key("frame_height").number(720);
                json.key("frame_width").number(1280);
                json.key("frames_dropped").number(call.below(place, 5));
                json.key("frames_per_second").number(20 + call.below(place + 4, 11));
                common_sample(json, call, place);
            });
        }
    });
}

fn common_sample(json: &mut Json, call: &Call<'_>, place: u64) {
    json.key("jitter").thousandths(call.below(place + 1, 40));
    json.key("packets_lost").number(call.below(place + 2, 12));
    json.key("quality").thousandths(3000 + call.below(place + 3, 2000));
}
