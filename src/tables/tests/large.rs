//! Large replies: batches stay small, and people on pages cost few bytes.

use std::fmt::Write;

use super::*;
use crate::error::Result;

/// The largest batch that a table hands on, but for a single huge value.
const BATCH_BYTES: usize = 8 << 20;

/// Makes tables of one details reply; tells the size of each batch as it comes, keeping none.
fn sizes_of(record: &str, filters: &[&str]) -> (Vec<(Table, usize, usize)>, Made) {
    let rows = [pair(2, 1, 1)];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    write_log(&path, &rows, vec![details(1, 1, record)], "auto", filters, None);
    let log = Log::open(&path, true).unwrap().unwrap();
    let wants = wants_of(&rows);
    let replies = Replies::load(&log, &wants).unwrap();
    let mut sizes = Vec::new();
    let made = super::super::make(&log, &wants, &replies, &mut |table, batch: RecordBatch| -> Result<()> {
        sizes.push((table, batch.num_rows(), batch.get_array_memory_size()));
        Ok(())
    });
    (sizes, made.unwrap())
}

#[test]
fn a_reply_of_50_mb_is_handed_on_in_small_batches() {
    const EVENTS: usize = 150_000;
    let mut record = r#"{"peer_events":["#.to_owned();
    for event in 0..EVENTS {
        let comma = if event == 0 { "" } else { "," };
        let n = u8::try_from(event % 16).unwrap();
        write!(
            record,
            r#"{comma}{{"id":"{event:036}","event_name":"PEER_LEAVING","minutes_consumed":0.{event:09},"peer_id":"{0}","socket_session_id":"{0}","session_id":"{0}","participant_id":"{0}","created_at":"2026-11-22T10:51:28.102Z"}}"#,
            id(n)
        )
        .unwrap();
    }
    record.push_str("]}");
    assert!(record.len() > 49_000_000, "{}", record.len());
    let (sizes, made) = sizes_of(&record, &[]);
    let events = sizes.iter().filter(|(table, ..)| *table == Table::PeerEvents);
    assert_eq!(events.clone().map(|(_, rows, _)| rows).sum::<usize>(), EVENTS);
    assert!(events.map(|(.., bytes)| *bytes).max() < Some(BATCH_BYTES), "{sizes:?}");
    let sum = (0..EVENTS as i128).sum();
    assert_eq!((made.totals.peer_events, made.totals.minutes_consumed), (EVENTS as u64, Some(sum)));
}

#[test]
fn a_huge_value_stands_in_one_batch() {
    const HUGE: usize = 20 << 20;
    let event = format!(r#"{{"event_name":"{}"}}"#, "x".repeat(1000));
    let events = vec![event; 20_000].join(",");
    let record = format!(r#"{{"display_name":"{}","peer_events":[{events}]}}"#, "y".repeat(HUGE));
    let (sizes, _) = sizes_of(&record, &[]);
    let huge: Vec<_> = sizes.iter().filter(|(.., bytes)| *bytes >= BATCH_BYTES).collect();
    let [(Table::Participants, 1, bytes)] = huge.as_slice() else { panic!("{sizes:?}") };
    assert!(*bytes < 3 * HUGE, "{bytes}");
}

#[test]
fn a_peer_report_of_50_mb_is_handed_on_in_small_batches() {
    const SAMPLES: usize = 220_000;
    let mut record =
        r#"{"peer_report":{"metadata":{},"quality":{"audio_producer":[],"video_consumer":["#.to_owned();
    for sample in 0..SAMPLES {
        let comma = if sample == 0 { "" } else { "," };
        let n = u8::try_from(sample % 16).unwrap();
        write!(
            record,
            r#"{comma}{{"bytes_received":{sample},"consumer_id":"{0}","frames_per_second":29.97,"jitter":0.0{sample},"mos_quality":4.1,"packets_lost":3,"peer_id":"{0}","producer_id":"{0}","timestamp":"2026-11-22T10:51:28.102Z"}}"#,
            id(n)
        )
        .unwrap();
    }
    record.push_str(r#"],"video_consumer_cumulative":{"rtt":{"avg":1.5}}}}}"#);
    assert!(record.len() > 49_000_000, "{}", record.len());
    let (sizes, made) = sizes_of(&record, &["quality_stats"]);
    let rows =
        |wanted: Table| sizes.iter().filter(move |(table, ..)| *table == wanted).map(|(_, rows, _)| rows);
    assert_eq!(rows(Table::QualitySamples).sum::<usize>(), SAMPLES);
    assert_eq!(rows(Table::CallStats).chain(rows(Table::QualitySummary)).sum::<usize>(), 2);
    assert!(sizes.iter().map(|(.., bytes)| *bytes).max() < Some(BATCH_BYTES), "{sizes:?}");
    assert_eq!(made.warnings.iter().count(), 0);
}
