//! Queries over a small export: what is read, what is refused, what parameters are.

use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::displayable;

use super::*;
use crate::error::Class;
use crate::files::{Staging, TableWriter, Target};

/// A bound of its own.
fn memory(spill: Spill, pool_bytes: usize) -> Memory {
    Memory { spill, pool_bytes, store: None }
}

/// The labels of two rows.
fn labels() -> RecordBatch {
    let text = |values: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let columns = vec![
        text(["list.csv", "list.csv", "list.csv"]),
        Arc::new(Int64Array::from(vec![2, 2, 3])) as ArrayRef,
        text(["customer", "a \"b\"; --", "customer"]),
        Arc::new(StringArray::from(vec![Some("Acme"), Some("'; DROP TABLE labels"), None])),
    ];
    RecordBatch::try_new(Table::Labels.arrow_schema(), columns).unwrap()
}

fn failures() -> RecordBatch {
    let rows = 2;
    let columns = Table::Failures.columns().iter().map(|column| -> ArrayRef {
        match column.name {
            "failed_at" => Arc::new(
                TimestampMicrosecondArray::from(vec![1_795_000_000_000_000, 1_795_100_000_000_001])
                    .with_timezone("UTC"),
            ),
            "attempts" => Arc::new(Int64Array::from(vec![1, 9])),
            _ if column.nullable => arrow::array::new_null_array(&column.kind.data_type(), rows),
            _ => Arc::new(StringArray::from(vec!["not_found"; rows])),
        }
    });
    RecordBatch::try_new(Table::Failures.arrow_schema(), columns.collect()).unwrap()
}

fn engine(format: Format) -> (tempfile::TempDir, Engine) {
    let dir = tempfile::tempdir().unwrap();
    let staging = Staging::create(&dir.path().join("a b*[c]%20é?#")).unwrap();
    let sources = Table::ALL.map(|table| {
        let mut writer = TableWriter::create(&staging, Target::Table(table), format).unwrap();
        match table {
            Table::Labels => writer.write(&labels()).unwrap(),
            Table::Failures => writer.write(&failures()).unwrap(),
            _ => (),
        }
        TableSource { table, files: writer.close().unwrap().into_iter().map(|file| file.staged).collect() }
    });
    let engine = Engine::over(&sources, format, Spill::Temporary).unwrap();
    (dir, engine)
}

async fn rows(engine: &Engine, sql: &str, parameters: &Parameters) -> Result<String> {
    let batches = engine.query("the query", sql, parameters).await?.collect().await?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

async fn error(engine: &Engine, sql: &str, parameters: &Parameters) -> Error {
    rows(engine, sql, parameters).await.unwrap_err()
}

#[tokio::test]
async fn tables_have_the_schemas_types_in_both_formats() {
    for format in [Format::Parquet, Format::Csv, Format::CsvExcel] {
        let (_dir, engine) = engine(format);
        for table in Table::ALL {
            let sql = format!("SELECT * FROM {}", table.name());
            let columns = engine.columns("the query", &sql, &Parameters::none()).await.unwrap();
            let types: Vec<&DataType> = columns.fields().iter().map(|field| field.data_type()).collect();
            let schema = table.arrow_schema();
            assert_eq!(types, schema.fields().iter().map(|field| field.data_type()).collect::<Vec<_>>());
        }
        let sql = "SELECT COUNT(*) AS rows, MAX(row_number) AS last FROM labels WHERE value IS NOT NULL";
        let answer = rows(&engine, sql, &Parameters::none()).await.unwrap();
        assert!(answer.contains("| 2    | 2    |"), "{answer}");
    }
}

/// Columns of two tables in one, below a filter: their meanings differ.
#[tokio::test]
async fn a_union_of_tables_is_a_table() {
    for format in [Format::Parquet, Format::Csv] {
        let (_dir, engine) = engine(format);
        let union = "SELECT list_file, COUNT(*) AS n FROM (SELECT list_file FROM labels UNION ALL SELECT \
                     list_file FROM failures) AS both_tables GROUP BY list_file ORDER BY list_file";
        engine.define("mine", "files", union).await.unwrap();
        let sql = "SELECT n FROM mine.files WHERE list_file = 'list.csv' ORDER BY n DESC";
        let answer = rows(&engine, sql, &Parameters::none()).await.unwrap();
        assert!(answer.contains("| 3 |"), "{answer}");
    }
}

#[tokio::test]
async fn what_does_more_than_read_is_refused() {
    let (dir, engine) = engine(Format::Parquet);
    let file = dir.path().join("out.csv");
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE labels",
        "INSERT INTO labels VALUES ('a', 1, 'b', 'c')",
        "DELETE FROM labels",
        "UPDATE labels SET value = 'x'",
        "TRUNCATE TABLE labels",
        "SET datafusion.execution.time_zone = '+01:00'",
        "RESET datafusion.execution.time_zone",
        &format!("COPY labels TO '{}'", file.display()),
        &format!("EXPLAIN ANALYZE COPY labels TO '{}'", file.display()),
        &format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}'", file.display()),
        "EXPLAIN ANALYZE INSERT INTO labels VALUES ('a', 1, 'b', 'c')",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "WITH w AS (SELECT 1) INSERT INTO labels SELECT 'a', 1, 'b', 'c' FROM w",
        "SELECT * INTO t FROM labels",
    ] {
        let error = error(&engine, sql, &Parameters::none()).await;
        assert_eq!(error.class(), Class::Usage, "{sql}: {error}");
        assert!(!matches!(error, Error::SqlParameters { .. }), "{sql}: {error}");
    }
    assert!(!file.exists());
    let all = rows(&engine, "SELECT COUNT(*) AS rows FROM labels", &Parameters::none()).await.unwrap();
    assert!(all.contains("| 3    |"), "{all}");
    // No other file is a table, nor are two statements one.
    for sql in ["SELECT * FROM 'Cargo.toml'", "SELECT * FROM labels; SELECT 1", "", "-- nothing", "SELEC 1"] {
        let error = error(&engine, sql, &Parameters::none()).await;
        assert!(matches!(error, Error::Sql { .. }), "{sql}: {error}");
    }
}

#[tokio::test]
async fn reading_is_more_than_select() {
    let (_dir, engine) = engine(Format::Parquet);
    for sql in [
        "SELECT 1;",
        "VALUES (1), (2)",
        "WITH w AS (SELECT 1 AS one) SELECT one FROM w",
        "EXPLAIN SELECT * FROM labels",
        "EXPLAIN ANALYZE SELECT * FROM labels",
        "DESCRIBE labels",
        "SHOW TABLES",
        "SHOW COLUMNS FROM labels",
    ] {
        let answer = rows(&engine, sql, &Parameters::none()).await;
        assert!(answer.is_ok(), "{sql}: {answer:?}");
    }
}

#[tokio::test]
async fn an_error_names_the_line() {
    let (_dir, engine) = engine(Format::Parquet);
    let error = error(&engine, "SELECT\n  name,\n  valeu\nFROM labels", &Parameters::none()).await;
    assert!(matches!(error, Error::Sql { line: Some(3), .. }), "{error:?}");
    assert_eq!(error.to_string(), "the query, line 3, is not a query over the export's tables");
}

#[tokio::test]
async fn a_parameter_is_a_value_whatever_its_text() {
    let (_dir, engine) = engine(Format::Parquet);
    let hostile = "'; DROP TABLE labels";
    let sql = "SELECT name FROM labels WHERE value = $value";
    let answer = rows(&engine, sql, &Parameters::none().with("value", hostile)).await.unwrap();
    assert!(answer.contains("a \"b\"; --") && !answer.contains("customer"), "{answer}");
    let answer = rows(&engine, "SELECT $x AS x", &Parameters::none().with("x", hostile)).await.unwrap();
    assert!(answer.contains(hostile), "{answer}");
}

#[tokio::test]
async fn a_parameter_has_the_type_of_what_it_is_compared_with() {
    let (_dir, engine) = engine(Format::Parquet);
    for (condition, value, wanted) in [
        ("attempts = $x", "9", "1"),
        ("attempts < $x", "10", "2"),
        ("failed_at >= $x", "2026-11-19", "1"),
        ("failed_at = $x", "2026-11-18T11:06:40Z", "1"),
        ("failed_at < $x", "2026-11-18T12:06:41+01:00", "1"),
        ("CAST(failed_at AS DATE) = $x", "2026-11-18", "1"),
        ("CAST(failed_at AS DATE) = CAST($x AS DATE)", "2026-11-18", "1"),
        ("attempts * 1.5 > $x", "13.4999", "1"),
        ("reason = $x", "not_found", "2"),
        ("reason LIKE $x", "not%", "2"),
        ("attempts IN ($x, 5)", "9", "1"),
        ("attempts BETWEEN 2 AND $x", "9", "1"),
        ("message = $x AND attempts = CAST($x AS BIGINT)", "9", "0"),
    ] {
        let sql = format!("SELECT COUNT(*) AS n FROM failures WHERE {condition}");
        let answer = rows(&engine, &sql, &Parameters::none().with("x", value)).await.unwrap();
        assert!(answer.contains(&format!("| {wanted} ")), "{condition}: {answer}");
    }
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_named() {
    let (_dir, engine) = engine(Format::Parquet);
    let sql = "SELECT * FROM failures WHERE attempts = $tries AND failed_at > $since";
    let error = async |parameters: Parameters| error(&engine, sql, &parameters).await;
    let none = error(Parameters::none().with("day", "1").with("tries", "2")).await;
    assert_eq!(
        none.to_string(),
        "the parameters are not those of the query: it needs $since; it has no $day"
    );
    let wrong = error(Parameters::none().with("tries", "many").with("since", "2026-11-22")).await;
    assert_eq!(wrong.to_string(), "the parameter tries: \"many\" is not a value of the type Int64");
    assert_eq!((none.class(), wrong.class()), (Class::Usage, Class::Usage));
}

#[tokio::test]
async fn an_error_of_a_row_is_no_error_of_usage() {
    let (_dir, engine) = engine(Format::Parquet);
    let error = error(&engine, "SELECT CAST(name AS BIGINT) FROM labels", &Parameters::none()).await;
    assert!(matches!(error, Error::Query { .. }), "{error}");
    assert_eq!(error.class(), Class::Failed);
}

#[tokio::test]
async fn an_engine_of_no_rows_knows_all_columns() {
    let engine = Engine::of_no_rows().unwrap();
    for table in Table::ALL {
        let sql = format!("SELECT * FROM {}", table.name());
        let columns = engine.columns("the query", &sql, &Parameters::none()).await.unwrap();
        assert_eq!(columns.fields().len(), table.columns().len());
    }
}

/// The steps that are taken, a line each; `EXPLAIN` shows those that were planned first.
async fn steps(engine: &Engine, sql: &str, joins: Joins) -> String {
    let plan = engine.plan("the query", sql, &Parameters::none()).await.unwrap();
    let physical = engine.physical("the query", plan, joins).await.unwrap();
    displayable(physical.plan.as_ref()).indent(false).to_string()
}

/// Eight megabytes of memory give the same rows as two gigabytes.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_done_in_turns() {
    let small = Engine::without_tables(memory(Spill::Temporary, 8 << 20)).unwrap();
    let large = Engine::without_tables(memory(Spill::Temporary, 2 << 30)).unwrap();
    let numbers = "SELECT value, CONCAT('key ', CAST(value % 50021 AS VARCHAR)) AS key, value % 7 AS small \
                   FROM generate_series(1, 200000)";
    for sql in [
        format!("SELECT key, COUNT(*) AS n, SUM(value) AS sum FROM ({numbers}) GROUP BY key ORDER BY key"),
        format!(
            "SELECT small, COUNT(*) AS n FROM (SELECT small, key FROM ({numbers}) GROUP BY small, key) \
                 GROUP BY small ORDER BY small"
        ),
        format!(
            "SELECT MAX(a.value) AS most, COUNT(*) AS n FROM ({numbers}) AS a \
                 JOIN ({numbers}) AS b ON a.key = b.key AND a.small = b.small"
        ),
        format!(
            "SELECT a.key, b.n FROM (SELECT key, COUNT(*) AS n FROM ({numbers}) GROUP BY key) AS a \
                 LEFT JOIN (SELECT key, SUM(small) AS n FROM ({numbers}) WHERE small > 2 GROUP BY key) AS b \
                 ON a.key = b.key ORDER BY a.key, b.n"
        ),
        format!(
            "SELECT small, MAX(before) AS most FROM (SELECT small, SUM(small) OVER (PARTITION BY key \
                 ORDER BY value ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before FROM ({numbers})) \
                 GROUP BY small ORDER BY small"
        ),
    ] {
        let in_turns = steps(&small, &sql, Joins::Hashed).await;
        assert!(in_turns.contains("Turns: parts="), "{in_turns}");
        let given = rows(&small, &sql, &Parameters::none()).await.unwrap();
        assert_eq!(given, rows(&large, &sql, &Parameters::none()).await.unwrap(), "{sql}");
    }
}

/// Where no two rows are at one place, the library's sum up to the place is the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_total_is_the_sum_of_the_rows_so_far() {
    let engine = Engine::without_tables(memory(Spill::Temporary, 64 << 20)).unwrap();
    let numbers = "SELECT value, value * value % 1013 AS key, NULLIF(value % 5 - 2, 0) AS change \
                   FROM generate_series(1, 30000)";
    let total = |sum: &str, frame: &str| {
        format!(
            "SELECT key, value, {sum} OVER (PARTITION BY key ORDER BY value {frame}) AS total FROM ({numbers})"
        )
    };
    let rows_so_far = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
    let plan = steps(&engine, &total("SUM(change)", rows_so_far), Joins::Hashed).await;
    assert!(plan.contains("RunningTotal") && !plan.contains("WindowAgg"), "{plan}");
    let differ = format!(
        "SELECT COUNT(*) AS rows, COUNT(ours.total) AS known, \
             SUM(CASE WHEN ours.total IS DISTINCT FROM theirs.total THEN 1 ELSE 0 END) AS differ \
         FROM ({}) AS ours JOIN ({}) AS theirs ON ours.key = theirs.key AND ours.value = theirs.value",
        total("SUM(change)", rows_so_far),
        total("SUM(change)", ""),
    );
    let answer = rows(&engine, &differ, &Parameters::none()).await.unwrap();
    assert!(answer.contains("| 30000 |") && answer.contains("| 0      |"), "{answer}");
    assert!(!answer.contains("| 30000 | 30000 |"), "a total of nulls is null: {answer}");
    for (sum, frame) in [
        ("SUM(change) FILTER (WHERE value > 9)", rows_so_far),
        ("SUM(change)", "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        ("COUNT(change)", rows_so_far),
        ("SUM(change * 1.5)", rows_so_far),
    ] {
        let plan = steps(&engine, &total(sum, frame), Joins::Hashed).await;
        assert!(!plan.contains("RunningTotal"), "{sum} {frame}: {plan}");
    }
}

/// Two tasks read what cannot be written: whichever ends first, the error is that of the rows.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_below_the_parts_is_the_querys() {
    let engine = Engine::without_tables(memory(Spill::Temporary, 8 << 20)).unwrap();
    let sql = "SELECT key, COUNT(*) AS n FROM (SELECT CAST(CONCAT('x', CAST(value AS VARCHAR)) AS BIGINT) AS key \
               FROM generate_series(1, 300000)) GROUP BY key ORDER BY key";
    assert!(steps(&engine, sql, Joins::Hashed).await.contains("Turns: "));
    for _ in 0..20 {
        let error = error(&engine, sql, &Parameters::none()).await;
        let Error::Query { source, .. } = error else { panic!("{error}") };
        assert!(source.find_root().to_string().contains("Cannot cast string 'x"), "{source}");
    }
}

/// Who has read enough leaves no file behind.
#[tokio::test(flavor = "multi_thread")]
async fn parts_are_gone_with_the_query() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::without_tables(memory(Spill::Directory(dir.path().to_owned()), 4 << 20)).unwrap();
    let sql = "SELECT key, COUNT(*) AS n FROM (SELECT CONCAT('key ', CAST(value AS VARCHAR)) AS key \
               FROM generate_series(1, 300000)) GROUP BY key LIMIT 5";
    let mut answer = engine.query("the query", sql, &Parameters::none()).await.unwrap();
    assert!(answer.next().await.unwrap().is_some());
    drop(answer);
    drop(engine);
    // Its tasks end when they next look up from their work.
    let gone = async {
        while walk(dir.path()) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.unwrap();
}

/// Files in a directory and below.
fn walk(dir: &Path) -> usize {
    // A directory may go while it is looked at.
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}

/// Turns would lose it.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_later_steps_rely_on_is_kept() {
    let engine = Engine::without_tables(memory(Spill::Temporary, 8 << 20)).unwrap();
    let sql = "SELECT key, value, SUM(1) OVER (PARTITION BY key ORDER BY value) AS place \
               FROM (SELECT value, value % 1009 AS key FROM generate_series(1, 50000)) ORDER BY key, value";
    let batches = engine.query("the query", sql, &Parameters::none()).await.unwrap().collect().await.unwrap();
    let mut last = None;
    for batch in &batches {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values().iter().copied();
        for row in column(0).zip(column(1)) {
            assert!(last < Some(row), "{last:?} before {row:?}");
            last = Some(row);
        }
    }
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 50_000);
}

/// All rows of one side have one key, so that parts do not help: both are sorted instead, on disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_join_larger_than_memory_is_sorted() {
    let engine = Engine::without_tables(memory(Spill::Temporary, 32 << 20)).unwrap();
    let side = "SELECT value, CONCAT(REPEAT('x', 500), CAST(value AS VARCHAR)) AS text \
                FROM generate_series(1, 90000)";
    let sql = format!(
        "SELECT COUNT(*) AS n, MAX(a.text) = MAX(b.text) AS equal FROM (SELECT value * 0 AS key, text FROM ({side})) \
         AS a JOIN (SELECT value - 90000 AS key, text FROM ({side})) AS b ON a.key = b.key"
    );
    let hashed = engine.plan("the query", &sql, &Parameters::none()).await.unwrap();
    let hashed = engine.physical("the query", hashed, Joins::Hashed).await.unwrap();
    let hashed = Engine::begin("the query", hashed).await.unwrap_err();
    assert!(matches!(hashed, Error::QueryTooLarge { .. }), "{hashed}");
    let sorted = steps(&engine, &sql, Joins::Sorted).await;
    let (_, below) = sorted.split_once("SortMergeJoin").unwrap();
    assert!(
        below.contains("Parts: ") && !below.contains("RepartitionExec: partitioning=Hash"),
        "rows wait in memory: {sorted}"
    );
    let answer = rows(&engine, &sql, &Parameters::none()).await.unwrap();
    assert!(answer.contains("| 90000 | false |"), "{answer}");
}
