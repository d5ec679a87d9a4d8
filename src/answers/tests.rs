//! Every form of an answer whose values are awkward.

use std::sync::{Arc, Mutex};

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{ArrayRef, Int64Array, StringArray};

use super::*;
use crate::config::Format;
use crate::files::{Staging, TableWriter, Target};
use crate::sql::{Engine, Parameters, Spill, TableSource};
use crate::tables::schema::Table;

/// Labels with awkward names and values.
fn engine() -> (tempfile::TempDir, Engine) {
    let long = "long ".repeat(30);
    let names = ["plain", "a \"b\", c", "two\nlines\u{1b}[31m", "", long.as_str(), "客户\u{202e}"];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["list.csv"; names.len()])),
        Arc::new(Int64Array::from_iter_values(2..8)),
        Arc::new(StringArray::from(names.to_vec())),
        Arc::new(StringArray::from(vec![
            Some("x"),
            None,
            Some(""),
            Some("null"),
            Some("=1"),
            Some("\u{1f600}"),
        ])),
    ];
    let dir = tempfile::tempdir().unwrap();
    let staging = Staging::create(dir.path()).unwrap();
    let mut writer = TableWriter::create(&staging, Target::Table(Table::Labels), Format::Parquet).unwrap();
    writer.write(&RecordBatch::try_new(Table::Labels.arrow_schema(), columns).unwrap()).unwrap();
    let files = writer.close().unwrap().into_iter().map(|file| file.staged).collect();
    let engine =
        Engine::over(&[TableSource { table: Table::Labels, files }], Format::Parquet, Spill::Temporary)
            .unwrap();
    (dir, engine)
}

/// One row of every type, one of nulls.
const TYPES: &str = "\
SELECT
    CAST('12345678901234567890123456789.012345678' AS DECIMAL(38, 9)) AS minutes,
    CAST('-0.000000001' AS DECIMAL(18, 9)) AS least,
    CAST('2026-11-22' AS DATE) AS day,
    CAST('2026-11-22T10:51:28.102Z' AS TIMESTAMP WITH TIME ZONE) AS seen_at,
    CAST('2026-11-22T10:51:28' AS TIMESTAMP) AS at_the_clock,
    CAST(9223372036854775807 AS BIGINT) AS count,
    CAST(1.5 AS DOUBLE) AS ratio,
    CAST('NaN' AS DOUBLE) AS no_ratio,
    true AS truth,
    X'00ff' AS bytes
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
ORDER BY minutes NULLS LAST";

/// Rows that are right, then one that is none.
const TORN: &str = "SELECT CAST(CASE WHEN value > 20000 THEN 'many' ELSE '1' END AS BIGINT) AS n \
                    FROM generate_series(1, 30000)";

async fn text(engine: &Engine, sql: &str, form: TextForm) -> String {
    let answer = engine.query("the query", sql, &Parameters::none()).await.unwrap();
    let written = Arc::new(Mutex::new(String::new()));
    let mut take = |piece: &str| {
        written.lock().unwrap().push_str(piece);
        Ok(())
    };
    write_text(answer, form, &mut take).await.unwrap();
    Arc::into_inner(written).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn every_type_in_every_form() {
    let (_dir, engine) = engine();
    insta::assert_snapshot!("types_csv", text(&engine, TYPES, TextForm::Csv).await);
    insta::assert_snapshot!("types_jsonl", text(&engine, TYPES, TextForm::JsonLines).await);
    insta::assert_snapshot!("types_table", text(&engine, TYPES, TextForm::Table).await);
}

#[tokio::test]
async fn awkward_text_in_every_form() {
    let (_dir, engine) = engine();
    let sql = "SELECT row_number AS \"row \"\"n\"\"\", name, value FROM labels ORDER BY row_number";
    let csv = text(&engine, sql, TextForm::Csv).await;
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap().get(0), Some("row \"n\""));
    assert_eq!(reader.records().count(), 6);
    assert!(csv.contains(",\"\"\n") && csv.contains("\"a \"\"b\"\", c\",\n"), "{csv}");
    let lines = text(&engine, sql, TextForm::JsonLines).await;
    let rows: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (rows.len(), &rows[0]["row \"n\""], &rows[1]["value"]),
        (6, &2.into(), &serde_json::Value::Null)
    );
    assert_eq!((&rows[2]["name"], &rows[2]["value"]), (&"two\nlines\u{1b}[31m".into(), &"".into()));
    let table = text(&engine, sql, TextForm::Table).await;
    assert_eq!(table.lines().count(), 8, "{table}");
    assert!(!table.contains('\u{1b}') && !table.contains('\u{202e}'), "{table}");
    insta::assert_snapshot!("awkward_table", table);
}

#[tokio::test]
async fn an_answer_without_rows_has_its_columns() {
    let (_dir, engine) = engine();
    let sql = "SELECT name, row_number FROM labels WHERE false";
    assert_eq!(text(&engine, sql, TextForm::Csv).await, "name,row_number\n");
    assert_eq!(text(&engine, sql, TextForm::JsonLines).await, "");
    assert_eq!(text(&engine, sql, TextForm::Table).await, "name  row_number\n----  ----------\n");
}

#[tokio::test]
async fn a_table_goes_on_after_the_rows_that_decide_its_widths() {
    let (_dir, engine) = engine();
    let sql = "SELECT value AS n FROM generate_series(1, 30000) ORDER BY n";
    let table = text(&engine, sql, TextForm::Table).await;
    assert_eq!(table.lines().count(), 30_002);
    assert!(table.starts_with("   n\n----\n   1\n"), "{}", &table[..40]);
}

#[tokio::test]
async fn a_file_appears_whole_or_not_at_all() {
    let (dir, engine) = engine();
    let ask = async |sql: &'static str| engine.query("the query", sql, &Parameters::none()).await.unwrap();
    for (name, form) in [
        ("a.csv", AnswerForm::Text(TextForm::Csv)),
        ("a.jsonl", AnswerForm::Text(TextForm::JsonLines)),
        ("a.parquet", AnswerForm::Parquet),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, "old").unwrap();
        let torn = ask(TORN).await;
        assert!(write_file(torn, form, &path).await.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write_file(ask(TYPES).await, form, &path).await.unwrap();
        assert_ne!(fs::read(&path).unwrap(), b"old");
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".rtk-export-")), "{left:?}");
    }
    let file = File::open(dir.path().join("a.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
    let minutes = ::arrow::util::display::array_value_to_string(batches[0].column(0), 0).unwrap();
    assert_eq!(minutes, "12345678901234567890123456789.012345678");
}

#[tokio::test]
async fn what_is_no_file_is_not_replaced() {
    let (dir, engine) = engine();
    let device = Path::new("/dev/null");
    for path in [dir.path(), device] {
        let answer = engine.query("the query", "SELECT 1 AS n", &Parameters::none()).await.unwrap();
        let error = write_file(answer, AnswerForm::Parquet, path).await.unwrap_err();
        assert!(matches!(error, Error::AnswerNoFile { .. }), "{error}");
    }
    let answer = engine.query("the query", "SELECT 1 AS n", &Parameters::none()).await.unwrap();
    let missing = dir.path().join("missing/a.csv");
    let error = write_file(answer, AnswerForm::Text(TextForm::Csv), &missing).await.unwrap_err();
    assert!(matches!(error, Error::AnswerFile { .. }), "{error}");
}
