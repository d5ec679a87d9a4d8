//! Every query over a small data set: the same result from Parquet and CSV.

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};

use super::*;
use crate::queries::shipped;
use crate::tables::schema::Table;
use std::path::PathBuf;

/// A column of a table by its values; those not named are null or filled with anything.
fn table(table: Table, rows: usize, given: &[(&str, ArrayRef)]) -> RecordBatch {
    let columns = table.columns().iter().map(|spec| -> ArrayRef {
        if let Some((_, values)) = given.iter().find(|(name, _)| *name == spec.name) {
            return Arc::clone(values);
        }
        match spec.kind {
            _ if spec.nullable => arrow::array::new_null_array(&spec.kind.data_type(), rows),
            Kind::Text | Kind::Json => Arc::new(StringArray::from(vec![""; rows])),
            Kind::Int => Arc::new(Int64Array::from(vec![0; rows])),
            _ => Arc::new(TimestampMicrosecondArray::from(vec![0; rows]).with_timezone("UTC")),
        }
    });
    RecordBatch::try_new(table.arrow_schema(), columns.collect()).unwrap()
}

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn times(values: &[Option<&str>]) -> ArrayRef {
    let micros = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
    let values: TimestampMicrosecondArray = values.iter().map(|value| value.map(micros)).collect();
    Arc::new(values.with_timezone("UTC"))
}

fn minutes(values: &[Option<i128>], precision: u8) -> ArrayRef {
    Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, 9).unwrap())
}

/// Session a: p1 joins twice, p2 never and nothing is known of it; b: p3; c: nobody knows when p4 was.
fn sources(staging: &Staging, format: Format) -> Vec<TableSource> {
    let participants = table(
        Table::Participants,
        4,
        &[
            ("session_id", text(&["b", "a", "a", "c"])),
            ("participant_id", text(&["p3", "p2", "p1", "p4"])),
            ("display_name", text(&["a\nline", "", "\"q\"", "=1"])),
            (
                "joined_at",
                times(&[Some("2026-11-22T23:59:59.999999Z"), None, Some("2026-11-23T00:00:00Z"), None]),
            ),
            ("created_at", times(&[None, Some("2026-11-22T00:00:00Z"), Some("2020-01-01T00:00:00Z"), None])),
            ("duration_minutes", minutes(&[Some(41_266_666_667), None, Some(1), Some(0)], 18)),
            ("minutes_consumed", minutes(&[Some(10_i128.pow(20) + 1), None, Some(-2_500_000), None], 38)),
        ],
    );
    let names = ["PEER_CREATED", "PEER_JOINING", "PEER_JOINING", "PEER_LEAVING", "PEER_JOINING"];
    let peer_events = table(
        Table::PeerEvents,
        5,
        &[
            ("session_id", text(&["a", "a", "a", "a", "b"])),
            ("participant_id", text(&["p1", "p1", "p1", "p1", "p3"])),
            ("event_index", Arc::new(Int64Array::from(vec![0, 1, 2, 3, 0]))),
            ("event_name", text(&names)),
        ],
    );
    [(Table::Participants, participants), (Table::PeerEvents, peer_events)]
        .into_iter()
        .map(|(table, batch)| {
            let mut writer = TableWriter::create(staging, Target::Table(table), format).unwrap();
            writer.write(&batch).unwrap();
            let files = writer.close().unwrap().into_iter().map(|file| file.staged).collect();
            TableSource { table, files }
        })
        .collect()
}

/// The three whose results are below.
fn queries() -> Vec<Query> {
    ["day", "participant", "session"]
        .map(|key| shipped(&format!("rollups/minutes_by_{key}")).unwrap().clone())
        .to_vec()
}

/// An output whose path has all that is special in URLs and patterns.
fn output() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("a b*[c]%20é?#");
    (dir, output)
}

async fn results(format: Format) -> Vec<(StagedFile, Vec<u8>)> {
    let (_dir, output) = output();
    let staging = Staging::create(&output).unwrap();
    let sources = sources(&staging, format);
    let files = run(&queries(), &sources, format, &staging).await.unwrap();
    assert!(!staging.dir().join("spill").exists());
    files.into_iter().map(|file| (file.clone(), fs::read(file.staged).unwrap())).collect()
}

const BY_DAY: &str = "\
day,participants,connections,duration_minutes,minutes_consumed
2026-11-22,2,1,41.266666667,100000000000.000000001
2026-11-23,1,2,0.000000001,-0.002500000
,1,0,0.000000000,
";
const BY_PARTICIPANT: &str = "\
session_id,participant_id,participants,connections,duration_minutes,minutes_consumed
a,p1,1,2,0.000000001,-0.002500000
a,p2,1,0,,
b,p3,1,1,41.266666667,100000000000.000000001
c,p4,1,0,0.000000000,
";
const BY_SESSION: &str = "\
session_id,participants,connections,duration_minutes,minutes_consumed
a,2,2,0.000000001,-0.002500000
b,1,1,41.266666667,100000000000.000000001
c,1,0,0.000000000,
";

#[tokio::test]
async fn csv() {
    for (format, bom) in [(Format::Csv, ""), (Format::CsvExcel, "\u{feff}")] {
        let results = results(format).await;
        for ((file, text), wanted) in results.iter().zip([BY_DAY, BY_PARTICIPANT, BY_SESSION]) {
            assert_eq!(String::from_utf8_lossy(text), format!("{bom}{wanted}"), "{}", file.path);
        }
        assert_eq!(results[0].0.table, "rollups/minutes_by_day");
        assert_eq!(results[0].0.path, "rollups/minutes_by_day.csv");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet() {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let results = results(Format::Parquet).await;
    let (_dir, output) = output();
    let staging = Staging::create(&output).unwrap();
    for ((file, bytes), wanted) in results.into_iter().zip([BY_DAY, BY_PARTICIPANT, BY_SESSION]) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let schema = SchemaRef::clone(reader.schema());
        for (name, kind, nullable, _) in MEASURES {
            let field = schema.field_with_name(name).unwrap();
            assert_eq!((field.data_type(), field.is_nullable()), (&kind.data_type(), nullable));
        }
        // As CSV, to compare with the other format's result.
        let query = file.table.replace("rollups/", "");
        let mut writer =
            TableWriter::create(&staging, Target::Rollup { query, schema }, Format::Csv).unwrap();
        for batch in reader.build().unwrap() {
            writer.write(&batch.unwrap()).unwrap();
        }
        let csv = writer.close().unwrap().remove(0);
        assert_eq!(fs::read_to_string(csv.staged).unwrap(), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_the_same_bytes() {
    for format in [Format::Parquet, Format::Csv] {
        let bytes = |results: Vec<(StagedFile, Vec<u8>)>| -> Vec<Vec<u8>> {
            results.into_iter().map(|(_, bytes)| bytes).collect()
        };
        assert!(bytes(results(format).await) == bytes(results(format).await));
    }
}

#[tokio::test]
async fn a_missing_file_is_an_error_with_the_querys_name() {
    let (_dir, output) = output();
    let staging = Staging::create(&output).unwrap();
    let mut sources = sources(&staging, Format::Parquet);
    fs::write(&sources[1].files[0], "no Parquet").unwrap();
    let error = run(&queries(), &sources, Format::Parquet, &staging).await.unwrap_err();
    assert!(matches!(&error, Error::Query { query, .. } if query == "minutes_by_day"), "{error}");
    sources[0].files[0] = output.join("missing");
    let error = run(&queries(), &sources, Format::Parquet, &staging).await.unwrap_err();
    assert!(matches!(error, Error::Engine { .. }), "{error}");
}
