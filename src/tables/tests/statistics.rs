//! Call statistics, case by case.

use super::*;

/// The tables of one record.
fn one(record: &str) -> Output {
    make_statistics(&[pair(2, 1, 1)], vec![details(1, 1, record)])
}

#[test]
fn without_filters_statistics_are_fields_without_a_column() {
    let record = r#"{"peer_stats":{"status":"OK"}}"#;
    let output = make(&[pair(2, 1, 1)], vec![details(1, 1, record)]);
    assert_eq!(output.shown(Table::Participants, &["extra"]), [record]);
    assert!(output.batches.iter().all(|(table, _)| !table.is_statistics()));
}

/// What is told of a participant without any value of statistics.
const NONE_CAME: &str = "no_call_statistics call_stats  1";

#[test]
fn every_participant_has_a_row_also_without_statistics() {
    for record in ["{}", r#"{"peer_report":null,"peer_stats":null,"quality_stats":null}"#] {
        let output = one(record);
        assert_eq!(
            output.shown(Table::CallStats, &["participant_id", "source_shape", "extra"]),
            [id(1) + " - -"]
        );
        assert_eq!(output.warnings(), [NONE_CAME]);
    }
    for (record, shape) in [
        (r#"{"peer_report":{}}"#, "new"),
        (r#"{"peer_stats":{}}"#, "old"),
        (r#"{"quality_stats":[]}"#, "old"),
        (
            r#"{"quality_stats":{},"peer_report":{"quality":{"audio_producer":[],"audio_producer_cumulative":{}}}}"#,
            "both",
        ),
    ] {
        let output = one(record);
        assert_eq!(output.shown(Table::CallStats, &["source_shape", "extra"]), [format!("{shape} -")]);
        assert_eq!(output.shown(Table::Participants, &["extra"]), ["-"]);
        assert!(output.rows(Table::QualitySamples).is_empty());
        assert_eq!(output.warnings(), [NONE_CAME]);
    }
}

#[test]
fn what_has_no_column_is_in_extra_as_deep_as_it_came() {
    let output = one(
        r#"{"peer_stats":7,"peer_report":{"metadata":{"device_info":{"cpus":4.5,"gpu":"x"},"events":{"0":1},"pc_metadata":null},
        "quality":{"hologram_producer":[1],"audio_producer":"none"},"v":[]},"quality_stats":"none"}"#,
    );
    let extra = r#"{"peer_report":{"metadata":{"device_info":{"cpus":4.5,"gpu":"x"},"events":{"0":1}},"quality":{"hologram_producer":[1],"audio_producer":"none"},"v":[]},"peer_stats":7,"quality_stats":"none"}"#;
    assert_eq!(output.shown(Table::CallStats, &["device_cpus", "extra"]), [format!("- {extra}")]);
    let told = [
        "value_kept_in_extra call_stats peer_report.metadata.device_info.cpus 1",
        "value_kept_in_extra call_stats peer_report.metadata.events 1",
        "value_kept_in_extra call_stats peer_report.quality.audio_producer 1",
        "value_kept_in_extra call_stats peer_stats 1",
        "value_kept_in_extra call_stats quality_stats 1",
        "unknown_field call_stats peer_report.metadata.device_info.gpu 1",
        "unknown_field call_stats peer_report.quality.hologram_producer 1",
        "unknown_field call_stats peer_report.v 1",
    ];
    assert_eq!(output.warnings(), told);
}

#[test]
fn of_both_shapes_the_new_one_fills_the_columns() {
    let output = one(
        r#"{"peer_stats":{"device_info":{"os":"Linux","cpus":"8","browser":"Firefox"},"events":[{"type":"old"}]},
        "peer_report":{"metadata":{"device_info":{"os":"Linux","cpus":8},"browser_metadata":{"browser":"Chrome"},"events":[{"name":"new"}]}}}"#,
    );
    assert_eq!(
        output
            .shown(Table::CallStats, &["source_shape", "device_os", "device_cpus", "browser_name", "extra"]),
        [r#"both Linux 8 Chrome {"peer_stats":{"device_info":{"browser":"Firefox"}}}"#]
    );
    assert_eq!(
        output.shown(Table::CallEvents, &["source_array", "event_index", "name"]),
        ["peer_report.metadata.events 0 new", "peer_stats.events 0 old"]
    );
}

#[test]
fn measurements_are_doubles_and_no_digit_is_lost() {
    let sample = |field: &str| {
        let output = one(&format!(r#"{{"peer_report":{{"quality":{{"audio_producer":[{{{field}}}]}}}}}}"#));
        let shown = output.shown(Table::QualitySamples, &["rtt", "packets_lost", "timestamp", "extra"]);
        (shown[0].clone(), output.warnings())
    };
    let told = |notice: &str, field: &str| vec![format!("{notice} quality_samples {field} 1")];
    for (field, shown, warnings) in [
        (r#""rtt":0.1"#, "0.1 - - -", vec![]),
        (r#""rtt":1.1090000000"#, "1.109 - - -", vec![]),
        (r#""rtt":2.5e-3"#, "0.0025 - - -", vec![]),
        (r#""rtt":"0.5""#, "0.5 - - -", told("number_as_string", "rtt")),
        (
            r#""rtt":0.12345678901234567890"#,
            r#"0.12345678901234568 - - {"rtt":0.12345678901234567890}"#,
            told("digits_rounded", "rtt"),
        ),
        (r#""rtt":1e400"#, r#"- - - {"rtt":1e400}"#, told("value_kept_in_extra", "rtt")),
        (r#""rtt":"fast""#, r#"- - - {"rtt":"fast"}"#, told("value_kept_in_extra", "rtt")),
        (r#""packets_lost":3.0"#, "- 3 - -", vec![]),
        (r#""packets_lost":12e3"#, "- 12000 - -", vec![]),
        (
            r#""packets_lost":0.5"#,
            r#"- - - {"packets_lost":0.5}"#,
            told("value_kept_in_extra", "packets_lost"),
        ),
        (r#""timestamp":"2023-02-01T10:50:36.846Z""#, "- - 2023-02-01T10:50:36.846000Z -", vec![]),
        (
            r#""timestamp":1675248636846"#,
            r#"- - - {"timestamp":1675248636846}"#,
            told("value_kept_in_extra", "timestamp"),
        ),
        (r#""rtt":null"#, "- - - -", vec![NONE_CAME.to_owned()]),
    ] {
        assert_eq!(sample(field), (shown.to_owned(), warnings), "{field}");
    }
}

#[test]
fn booleans_as_text_and_times_as_numbers_are_taken_where_the_api_sends_them_so() {
    let output = one(
        r#"{"peer_report":{"metadata":{"browser_metadata":{"webgl_support":"false"},"device_info":{"is_mobile":"true"},
        "candidate_pairs":{"producing_transport":[{"nominated":1,"last_packet_sent_timestamp":1675248636846.1239,"last_packet_received_timestamp":"x"}]}}}}"#,
    );
    assert_eq!(
        output.shown(Table::CallStats, &["browser_webgl_support", "device_is_mobile"]),
        ["false true"]
    );
    assert_eq!(
        output.shown(
            Table::CandidatePairs,
            &["transport", "nominated", "last_packet_sent_at", "last_packet_received_at", "extra"]
        ),
        [r#"producing - 2023-02-01T10:50:36.846123Z - {"nominated":1,"last_packet_received_timestamp":"x"}"#]
    );
    let told = [
        "value_kept_in_extra candidate_pairs last_packet_received_timestamp 1",
        "value_kept_in_extra candidate_pairs nominated 1",
        "boolean_as_string call_stats peer_report.metadata.device_info.is_mobile 1",
    ];
    assert_eq!(output.warnings(), told);
}

#[test]
fn an_update_is_a_row_for_each_device_and_one_without_any() {
    let output = one(r#"{"peer_report":{"metadata":{"audio_devices_updates":[
        {"timestamp":"2023-02-01T10:50:36Z","n":1,"added":[{"device_id":"a","x":2},{"device_id":"b"}],"removed":[7,{"label":"c","x":3}]},
        {"timestamp":"2023-02-01T10:50:37Z","m":4},"odd"],
        "selected_device_updates":[{"device":{"label":"d","y":5},"added":[{"label":"e"}]},{"device":6}]}}}"#);
    let columns = ["change", "update_index", "device_index", "device_id", "label", "timestamp", "extra"];
    let (first, second) = ("2023-02-01T10:50:36.000000Z", "2023-02-01T10:50:37.000000Z");
    assert_eq!(
        output.shown(Table::DeviceUpdates, &columns),
        [
            format!(r#"added 0 0 a - {first} {{"n":1,"added":{{"x":2}}}}"#),
            format!("added 0 1 b - {first} -"),
            format!(r#"removed 0 2 - - {first} {{"removed":7}}"#),
            format!(r#"removed 0 3 - c {first} {{"removed":{{"x":3}}}}"#),
            format!(r#"- 1 0 - - {second} {{"m":4}}"#),
            r#"- 2 0 - - - {"audio_devices_updates":"odd"}"#.to_owned(),
            r#"selected 0 0 - d - {"device":{"y":5}}"#.to_owned(),
            "added 0 1 - e - -".to_owned(),
            r#"- 1 0 - - - {"device":6}"#.to_owned(),
        ]
    );
}

#[test]
fn old_reports_are_one_for_each_peer_or_one_of_all() {
    let output = one(r#"{"quality_stats":[
        {"peer_id":"p1","start":"2023-02-01T10:50:36Z","average_quality":4,"audio_packet_loss":"n/a","total_audio_packets":5,"audio_stats":[{"quality":1}]},
        {"peer_id":"p2","video_bandwidth":9,"total_audio_packets":6,"new":1,"video_stats":[{"quality":2,"peer_id":"p3"},3]},
        "odd"]}"#);
    assert_eq!(output.shown(Table::CallStats, &["total_audio_packets", "extra"]), ["5 -"]);
    assert_eq!(
        output.shown(
            Table::QualitySummary,
            &["source_object", "media", "measure", "statistic", "value", "peer_id", "started_at", "extra"]
        ),
        [
            "quality_stats[0] - average_quality value 4 p1 2023-02-01T10:50:36.000000Z -",
            r#"quality_stats[0] audio audio_packet_loss value - p1 2023-02-01T10:50:36.000000Z {"audio_packet_loss":"n/a"}"#,
            r#"quality_stats[1] - average_quality value - p2 - {"total_audio_packets":6,"new":1}"#,
            "quality_stats[1] video video_bandwidth value 9 p2 - -",
            r#"quality_stats[2] - average_quality value - - - {"quality_stats":"odd"}"#,
        ]
    );
    assert_eq!(
        output.shown(
            Table::QualitySamples,
            &["source_array", "media", "direction", "sample_index", "quality", "peer_id", "extra"]
        ),
        [
            "quality_stats[0].audio_stats audio - 0 1 p1 -",
            "quality_stats[1].video_stats video - 0 2 p3 -",
            r#"quality_stats[1].video_stats video - 1 - p2 {"video_stats":3}"#,
        ]
    );
}

#[test]
fn any_measure_and_statistic_of_a_whole_call_is_a_row() {
    let output = one(
        r#"{"peer_report":{"quality":{"video_producer_cumulative":{"rtt":{"avg":0.25,"p99":"x","p50":null},"new_fraction":1,
        "issues":{},"odd":[1],"rtt2":{"a":{"b":2}}},"screenshare_audio_consumer_cumulative":[]}}}"#,
    );
    assert_eq!(
        output
            .shown(Table::QualitySummary, &["media", "direction", "measure", "statistic", "value", "extra"]),
        [
            "video producer rtt avg 0.25 -",
            r#"video producer rtt p99 - {"p99":"x"}"#,
            "video producer rtt p50 - -",
            "video producer new_fraction value 1 -",
            r#"video producer odd value - {"odd":[1]}"#,
            r#"video producer rtt2 a - {"a":{"b":2}}"#,
        ]
    );
    let kept = r#"{"peer_report":{"quality":{"screenshare_audio_consumer_cumulative":[]}}}"#;
    assert_eq!(output.shown(Table::CallStats, &["extra"]), [kept]);
}

#[test]
fn a_peer_report_names_its_session() {
    let own = format!(r#"{{"session_id":"{}"}}"#, session(1).to_string().to_uppercase());
    assert_eq!(one(&own).shown(Table::Participants, &["session_id", "extra"]), [format!("{} -", session(1))]);
    let other = r#"{"session_id":"s"}"#;
    assert_eq!(one(other).shown(Table::Participants, &["extra"]), [other]);
}
