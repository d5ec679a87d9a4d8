//! What was written is what readers made by others read: the parquet crate's row reader, the csv crate.

use std::fs;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    Decimal128Type, Field as ArrowField, Float64Type, Int64Type, Schema, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Staging, TableWriter, Target};
use crate::config::Format;
use crate::tables::schema::{Kind, SCHEMA_VERSION, Table};

/// 0000-01-01 and 9999-12-31T23:59:59.999999Z: what RFC 3339 can say.
const TIMES: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;
const MINUTES: i128 = 999_999_999_999_999_999;
const MINUTES_SUM: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// `rows` values, about a third of them null where that is allowed.
fn values<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
    nullable: bool,
    rows: usize,
) -> BoxedStrategy<Vec<Option<T>>> {
    if nullable {
        vec(proptest::option::weighted(0.7, value), rows).boxed()
    } else {
        vec(value.prop_map(Some), rows).boxed()
    }
}

/// A column of `rows` arbitrary values.
fn column(kind: Kind, nullable: bool, rows: usize) -> BoxedStrategy<ArrayRef> {
    match kind {
        Kind::Text | Kind::Json => {
            let text = prop_oneof![
                Just(String::new()),
                "[\"',;\r\n\t =+@#-]{0,5}",
                any::<String>(),
                "[a-z]{1,6}",
                Just("\u{feff}\u{ff1d}\0é💬".to_owned()),
            ];
            values(text, nullable, rows)
                .prop_map(|values| Arc::new(StringArray::from(values)) as ArrayRef)
                .boxed()
        }
        Kind::Int => values(any::<i64>(), nullable, rows)
            .prop_map(|values| Arc::new(Int64Array::from(values)) as ArrayRef)
            .boxed(),
        Kind::Float => {
            values(any::<f64>().prop_filter("JSON has no other", |v| v.is_finite()), nullable, rows)
                .prop_map(|values| Arc::new(Float64Array::from(values)) as ArrayRef)
                .boxed()
        }
        Kind::Bool => values(any::<bool>(), nullable, rows)
            .prop_map(|values| Arc::new(BooleanArray::from(values)) as ArrayRef)
            .boxed(),
        Kind::Time => values(prop_oneof![TIMES, Just(-1)], nullable, rows)
            .prop_map(|values| {
                Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) as ArrayRef
            })
            .boxed(),
        Kind::Minutes | Kind::MinutesSum => {
            let (most, precision) = if kind == Kind::Minutes { (MINUTES, 18) } else { (MINUTES_SUM, 38) };
            values(prop_oneof![-most..=most, Just(0), Just(-1), Just(most), Just(-most)], nullable, rows)
                .prop_map(move |values| {
                    let array = Decimal128Array::from(values).with_precision_and_scale(precision, 9);
                    Arc::new(array.expect("nine places")) as ArrayRef
                })
                .boxed()
        }
    }
}

/// Arbitrary rows of an arbitrary table.
fn rows() -> impl Strategy<Value = (Table, RecordBatch)> {
    (proptest::sample::select(&Table::ALL[..]), 0_usize..12).prop_flat_map(|(table, rows)| {
        let columns: Vec<_> =
            table.columns().iter().map(|spec| column(spec.kind, spec.nullable, rows)).collect();
        columns.prop_map(move |columns| {
            (table, RecordBatch::try_new(table.arrow_schema(), columns).expect("columns of the table"))
        })
    })
}

/// Rows of `participants` with the given session ids and extras; the rest as empty as it may be.
fn participants(session_ids: &[&str], extras: &[Option<&str>]) -> RecordBatch {
    let rows = session_ids.len();
    let columns = Table::Participants.columns().iter().map(|spec| -> ArrayRef {
        match (spec.name, spec.kind) {
            ("session_id", _) => Arc::new(StringArray::from(session_ids.to_vec())),
            ("extra", _) => Arc::new(StringArray::from(extras.to_vec())),
            ("participant_id", _) => Arc::new(StringArray::from(vec!["p"; rows])),
            ("fetched_at", _) => Arc::new(
                TimestampMicrosecondArray::from(vec![1_795_344_688_102_000; rows]).with_timezone("UTC"),
            ),
            (_, kind) => arrow::array::new_null_array(&kind.data_type(), rows),
        }
    });
    RecordBatch::try_new(Table::Participants.arrow_schema(), columns.collect()).expect("columns of the table")
}

fn write(
    table: Table,
    format: Format,
    batches: &[RecordBatch],
    part_bytes: u64,
) -> (tempfile::TempDir, Vec<super::StagedFile>) {
    let output = tempfile::tempdir().unwrap();
    let staging = Staging::create(output.path()).unwrap();
    let mut writer = TableWriter::create(&staging, Target::Table(table), format).unwrap();
    writer.part_bytes = part_bytes;
    for batch in batches {
        writer.write(batch).unwrap();
    }
    let files = writer.close().unwrap();
    (output, files)
}

fn read_parquet(file: &super::StagedFile) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&file.staged).unwrap()).unwrap();
    let schema = Arc::clone(builder.schema());
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// A field as it stands in the file: `None` where nothing stands there.
type Field = Option<String>;

/// A reader of RFC 4180 that, unlike the csv crate's, tells nothing from `""`.
fn read_csv(text: &str) -> Vec<Vec<Field>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let field = if let Some(quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            rest = quoted;
            loop {
                let (before, after) = rest.split_once('"').expect("a closing quote");
                value.push_str(before);
                rest = after;
                match rest.strip_prefix('"') {
                    Some(after) => {
                        value.push('"');
                        rest = after;
                    }
                    None => break Some(value),
                }
            }
        } else {
            let end = rest.find([',', '\n']).expect("an end of line");
            let (value, after) = rest.split_at(end);
            rest = after;
            (!value.is_empty()).then(|| value.to_owned())
        };
        record.push(field);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else {
            rest = rest.strip_prefix('\n').expect("a comma or the end of the line");
            records.push(std::mem::take(&mut record));
        }
    }
    records
}

/// A value as the contract writes it in CSV, by other means than the writer's.
fn expected(batch: &RecordBatch, column: usize, row: usize, kind: Kind) -> Field {
    let array = batch.column(column);
    if array.is_null(row) {
        return None;
    }
    Some(match kind {
        Kind::Text | Kind::Json => array.as_string::<i32>().value(row).to_owned(),
        Kind::Int => array.as_primitive::<Int64Type>().value(row).to_string(),
        Kind::Float => array.as_primitive::<Float64Type>().value(row).to_string(),
        Kind::Bool => array.as_boolean().value(row).to_string(),
        Kind::Time => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
            time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        }
        Kind::Minutes | Kind::MinutesSum => {
            let units = array.as_primitive::<Decimal128Type>().value(row);
            let digits = format!("{:010}", units.unsigned_abs());
            let (whole, places) = digits.split_at(digits.len() - 9);
            format!("{}{whole}.{places}", if units < 0 { "-" } else { "" })
        }
    })
}

proptest! {
    #[test]
    fn parquet_round_trips((table, batch) in rows()) {
        let (_output, files) = write(table, Format::Parquet, std::slice::from_ref(&batch), u64::MAX);
        let read = read_parquet(&files[0]);
        prop_assert_eq!(files[0].rows, batch.num_rows() as u64);
        prop_assert!(read.schema().fields() == batch.schema().fields());
        prop_assert_eq!(read.columns(), batch.columns());
    }

    #[test]
    fn csv_round_trips((table, batch) in rows()) {
        let (_output, files) = write(table, Format::Csv, std::slice::from_ref(&batch), u64::MAX);
        let text = fs::read_to_string(&files[0].staged).unwrap();
        let mut records = read_csv(&text).into_iter();
        let names: Vec<Field> = table.columns().iter().map(|spec| Some(spec.name.to_owned())).collect();
        prop_assert_eq!(records.next(), Some(names));
        let mut csv_crate = csv::Reader::from_reader(text.as_bytes());
        for row in 0..batch.num_rows() {
            let wanted: Vec<Field> = table
                .columns()
                .iter()
                .enumerate()
                .map(|(column, spec)| expected(&batch, column, row, spec.kind))
                .collect();
            let seen = csv_crate.records().next().unwrap().unwrap();
            let mut fields = records.next().unwrap();
            prop_assert!(seen.iter().eq(fields.iter().map(|field| field.as_deref().unwrap_or(""))));
            for (field, spec) in fields.iter_mut().zip(table.columns()) {
                if spec.kind == Kind::Float {
                    // Of the many texts of a double any will do that reads as the same one.
                    *field = field.as_ref().map(|text| text.parse::<f64>().unwrap().to_string());
                }
            }
            prop_assert_eq!(fields, wanted);
        }
        prop_assert_eq!(records.next(), None);
    }
}

#[test]
fn csv_text() {
    let batch = participants(&["s,1", "s\"2", ""], &[None, Some(""), Some("{\"a\":\n1}")]);
    let (_output, files) = write(Table::Participants, Format::Csv, &[batch], u64::MAX);
    let wanted = "session_id,participant_id,user_id,custom_participant_id,display_name,preset_name,\
        joined_at,left_at,duration_minutes,minutes_consumed,peer_event_count,created_at,updated_at,\
        extra,list_file,row_number,fetched_at\n\
        \"s,1\",p,,,,,,,,,,,,,,,2026-11-22T10:51:28.102000Z\n\
        \"s\"\"2\",p,,,,,,,,,,,,\"\",,,2026-11-22T10:51:28.102000Z\n\
        \"\",p,,,,,,,,,,,,\"{\"\"a\"\":\n1}\",,,2026-11-22T10:51:28.102000Z\n";
    assert_eq!(fs::read_to_string(&files[0].staged).unwrap(), wanted);
    assert_eq!(files[0].path, "participants/part-00000.csv");
    assert_eq!(files[0].bytes, fs::metadata(&files[0].staged).unwrap().len());
}

#[test]
fn excel_gets_a_bom_and_no_formula() {
    let cells = ["=1+1", "+1", "-1", "@a", "\t1", "\r1", "＝1", "＋1", "－1", "＠1", "a=1", " =1", "=\"a\""];
    let extras = vec![None; cells.len()];
    let (_output, files) =
        write(Table::Participants, Format::CsvExcel, &[participants(&cells, &extras)], u64::MAX);
    let text = fs::read_to_string(&files[0].staged).unwrap();
    let text = text.strip_prefix('\u{feff}').expect("a BOM");
    let defused: Vec<_> = read_csv(text).into_iter().skip(1).map(|row| row[0].clone().unwrap()).collect();
    let (formulas, harmless) = defused.split_at(10);
    for (cell, text) in formulas.iter().zip(cells) {
        assert_eq!(cell, &format!("'{text}"));
    }
    assert_eq!(harmless, ["a=1", " =1", "'=\"a\""]);
}

#[test]
fn excel_leaves_numbers_alone() {
    let field = |name| ArrowField::new(name, Kind::Minutes.data_type(), true);
    let schema = Arc::new(Schema::new(vec![field("a"), field("b")]));
    let minutes = |values: Vec<Option<i128>>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(18, 9).unwrap())
    };
    let columns = vec![minutes(vec![Some(-1_500_000_000), None]), minutes(vec![Some(1), None])];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let output = tempfile::tempdir().unwrap();
    let staging = Staging::create(output.path()).unwrap();
    let target = Target::Rollup { query: "q".to_owned(), schema };
    let mut writer = TableWriter::create(&staging, target, Format::CsvExcel).unwrap();
    writer.write(&batch).unwrap();
    let file = writer.close().unwrap().remove(0);
    assert_eq!((file.table.as_str(), file.path.as_str()), ("rollups/q", "rollups/q.csv"));
    assert_eq!(fs::read_to_string(&file.staged).unwrap(), "\u{feff}a,b\n-1.500000000,0.000000001\n,\n");
}

#[test]
fn a_table_without_rows_has_its_columns() {
    for table in Table::ALL {
        let (_output, files) = write(table, Format::Parquet, &[], u64::MAX);
        assert_eq!((files.len(), files[0].rows), (1, 0));
        assert_eq!(read_parquet(&files[0]).schema().fields(), table.arrow_schema().fields());
        let (_output, files) = write(table, Format::Csv, &[], u64::MAX);
        let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
        assert_eq!(fs::read_to_string(&files[0].staged).unwrap(), names.join(",") + "\n");
    }
}

#[test]
fn parts_begin_at_the_byte_limit() {
    let batches: Vec<_> = (0..5).map(|_| participants(&["s"; 10], &[Some("{}"); 10])).collect();
    for format in [Format::Parquet, Format::Csv] {
        let (_output, files) = write(Table::Participants, format, &batches, 300);
        let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
        let wanted: Vec<_> = (0..paths.len())
            .map(|part| format!("participants/part-{part:05}.{}", format.extension()))
            .collect();
        assert_eq!(paths, wanted);
        assert!(files.len() > 1 && files.iter().all(|file| file.rows > 0), "{files:?}");
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 50);
    }
}

#[test]
fn the_same_batches_give_the_same_bytes() {
    let batches: Vec<_> = (0..5).map(|_| participants(&["s"; 1000], &[Some("{\"k\":1}"); 1000])).collect();
    for format in [Format::Parquet, Format::Csv, Format::CsvExcel] {
        let (_first, first) = write(Table::Participants, format, &batches, u64::MAX);
        let (_second, second) = write(Table::Participants, format, &batches, u64::MAX);
        assert_eq!(first[0].sha256, second[0].sha256);
        assert_eq!(fs::read(&first[0].staged).unwrap(), fs::read(&second[0].staged).unwrap());
    }
}

#[test]
fn the_footer_names_versions_and_meanings() {
    let batch = participants(&["s"], &[Some("{}")]);
    let (_output, files) = write(Table::Participants, Format::Parquet, &[batch], u64::MAX);
    let reader = SerializedFileReader::new(fs::File::open(&files[0].staged).unwrap()).unwrap();
    let footer = reader.metadata().file_metadata();
    assert!(footer.created_by().unwrap().starts_with("rtk-export version "));
    let pairs = footer.key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    assert_eq!(value("schema_version"), Some(SCHEMA_VERSION.to_string()));
    assert_eq!(value("tool_version"), Some(env!("CARGO_PKG_VERSION").to_owned()));
    let schema = read_parquet(&files[0]).schema();
    let field = schema.field_with_name("duration_minutes").unwrap();
    assert_eq!(field.metadata()["description"], "minutes in the session");
    let columns = reader.metadata().row_group(0).columns();
    assert!(columns[0].dictionary_page_offset().is_some() && columns[0].column_index_offset().is_some());
    assert!(columns[1].dictionary_page_offset().is_none() && columns[1].statistics().is_some());
}

#[test]
fn row_groups_are_bounded_by_bytes() {
    let value = "x".repeat(3 * 1024 * 1024);
    let mut random = fastrand::Rng::with_seed(1);
    // Random text, so that compression does not hide it.
    let values: Vec<String> =
        (0..8).map(|_| value.chars().map(|_| char::from(random.u8(33..126))).collect()).collect();
    let batches: Vec<_> = values.iter().map(|value| participants(&["s"], &[Some(value)])).collect();
    let (_output, files) = write(Table::Participants, Format::Parquet, &batches, u64::MAX);
    let reader = SerializedFileReader::new(fs::File::open(&files[0].staged).unwrap()).unwrap();
    let groups = reader.metadata().row_groups();
    assert!(groups.len() >= 2 && groups.iter().all(|group| group.compressed_size() < 12 << 20));
}

#[test]
fn a_torn_file_is_not_staged() {
    let (_output, files) = write(Table::Labels, Format::Parquet, &[], u64::MAX);
    let bytes = fs::read(&files[0].staged).unwrap();
    fs::write(&files[0].staged, &bytes[..bytes.len() - 1]).unwrap();
    assert!(super::parquet::count_rows(&files[0].staged).is_err());
    let torn = "a,b\n1,2\n3".as_bytes();
    assert!(super::csv::count_rows(torn, &files[0].staged).is_err());
}

#[test]
fn staging_starts_empty_but_keeps_what_a_swap_replaces() {
    let output = tempfile::tempdir().unwrap();
    let staging = Staging::create(output.path()).unwrap();
    fs::create_dir(staging.dir().join("participants")).unwrap();
    for name in ["participants/part-00000.csv", Staging::MANIFEST, Staging::PREVIOUS_MANIFEST] {
        fs::write(staging.dir().join(name), "x").unwrap();
    }
    Staging::create(output.path()).unwrap();
    let left: Vec<_> = fs::read_dir(staging.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [Staging::PREVIOUS_MANIFEST]);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let output = tempfile::NamedTempFile::new().unwrap();
    let error = Staging::create(output.path()).unwrap_err();
    assert!(error.to_string().contains(&*output.path().to_string_lossy()), "{error}");
    assert!(error.hint().is_some());
}
