//! Files a day: whatever the batches, a row is in the folder of its session's day, and sums are exact.

use std::fs;
use std::sync::Arc;

use arrow::array::{Decimal128Array, Int64Array, TimestampMicrosecondArray, new_null_array};
use arrow::compute::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::*;
use crate::tables::schema::Kind;

const EXPORT: &str = "01935c6a-0000-7000-8000-000000000000";

/// The day of this number, from a day in February on.
fn day(number: u8) -> NaiveDate {
    NaiveDate::from_epoch_days(20_512 + i32::from(number)).unwrap()
}

/// A session, its day and how many participants it had.
#[derive(Clone, Debug)]
struct Session {
    day: Option<u8>,
    participants: Vec<Option<i64>>,
    failures: u8,
}

fn id(number: usize) -> String {
    format!("session-{number}")
}

/// Rows of a table: some columns as given, the others as empty as they may be.
fn batch(table: Table, rows: usize, given: &[(&str, ArrayRef)]) -> RecordBatch {
    let columns = table.columns().iter().map(|spec| -> ArrayRef {
        if let Some((_, values)) = given.iter().find(|(name, _)| *name == spec.name) {
            return Arc::clone(values);
        }
        match spec.kind {
            kind if spec.nullable => new_null_array(&kind.data_type(), rows),
            Kind::Text => Arc::new(StringArray::from(vec!["x"; rows])),
            Kind::Int => Arc::new(Int64Array::from(vec![0; rows])),
            Kind::Time => Arc::new(TimestampMicrosecondArray::from(vec![0; rows]).with_timezone("UTC")),
            kind => panic!("{}: {kind:?}", spec.name),
        }
    });
    RecordBatch::try_new(table.arrow_schema(), columns.collect()).unwrap()
}

fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn minutes(values: Vec<Option<i128>>, precision: u8) -> ArrayRef {
    Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, 9).unwrap())
}

/// The rows of sessions, one batch a table.
fn rows_of(sessions: &[Session]) -> Vec<(Table, RecordBatch)> {
    let ids: Vec<_> = (0..sessions.len()).map(id).collect();
    let of_each = |count: fn(&Session) -> usize| {
        let numbered = sessions.iter().zip(&ids);
        numbered.flat_map(move |(session, id)| std::iter::repeat_n(Some(id.as_str()), count(session)))
    };
    let people = || sessions.iter().flat_map(|session| session.participants.iter().copied());
    let duration = people().map(|units| units.map(i128::from)).collect();
    let consumed = people().map(|units| units.map(|units| -i128::from(units) * 1_000_000_000_000)).collect();
    let failed = of_each(|session| usize::from(session.failures)).chain([None, Some("nobody's")]);
    let failed: Vec<_> = failed.collect();
    let reasons = (0..failed.len()).map(|number| Some(if number % 2 == 0 { "refused" } else { "not_found" }));
    vec![
        (Table::Sessions, batch(Table::Sessions, ids.len(), &[("session_id", text(of_each(|_| 1)))])),
        (
            Table::Participants,
            batch(
                Table::Participants,
                people().count(),
                &[
                    ("session_id", text(of_each(|session| session.participants.len()))),
                    ("duration_minutes", minutes(duration, 18)),
                    ("minutes_consumed", minutes(consumed, 38)),
                ],
            ),
        ),
        (
            Table::PeerEvents,
            batch(
                Table::PeerEvents,
                2 * people().count(),
                &[("session_id", text(of_each(|session| 2 * session.participants.len())))],
            ),
        ),
        (
            Table::Failures,
            batch(
                Table::Failures,
                failed.len(),
                &[("session_id", text(failed.iter().copied())), ("reason", text(reasons))],
            ),
        ),
    ]
}

/// What is made of batches; each is cut after every so many rows.
fn make(sessions: &[Session], cut: usize) -> (tempfile::TempDir, Partitioned) {
    let dir = tempfile::tempdir().unwrap();
    let staging = Staging::create_in(dir.path()).unwrap();
    let days: BTreeMap<_, _> =
        sessions.iter().enumerate().map(|(number, session)| (id(number), session.day.map(day))).collect();
    let day_of: DayOf = Box::new(move |session| days.get(session).copied().flatten());
    let mut partitions = Partitions::new(staging, EXPORT.to_owned(), CallStatistics::LeftOut, day_of);
    for (table, rows) in rows_of(sessions) {
        for first in (0..rows.num_rows()).step_by(cut) {
            partitions.write(table, &rows.slice(first, cut.min(rows.num_rows() - first))).unwrap();
        }
    }
    (dir, partitions.close().unwrap())
}

fn read(file: &PartitionFile) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&file.staged).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// The rows of a table on each day, as its files have them.
fn by_day(made: &Partitioned, table: Table) -> BTreeMap<NaiveDate, Vec<RecordBatch>> {
    let mut days: BTreeMap<NaiveDate, Vec<RecordBatch>> = BTreeMap::new();
    for file in made.files.iter().filter(|file| file.table == table) {
        assert_eq!(read(file).num_rows() as u64, file.rows);
        days.entry(file.day).or_default().push(read(file));
    }
    days
}

fn sum(batches: &[RecordBatch], name: &str) -> Option<i128> {
    let units = batches
        .iter()
        .flat_map(|batch| batch[name].as_primitive::<Decimal128Type>().iter().flatten().collect::<Vec<_>>());
    units.fold(None, |sum, units| Some(sum.unwrap_or(0) + units))
}

fn session() -> impl Strategy<Value = Session> {
    let minutes = proptest::option::of(-999_999_999_999_999_999..=999_999_999_999_999_999_i64);
    (proptest::option::weighted(0.9, 0..4_u8), prop::collection::vec(minutes, 0..3), 0..3_u8)
        .prop_map(|(day, participants, failures)| Session { day, participants, failures })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_row_is_in_the_folder_of_its_day_however_the_batches_were_cut(
        mut sessions in prop::collection::vec(session(), 0..12),
        in_order in any::<bool>(),
        cut in 1..20_usize,
    ) {
        if in_order {
            sessions.sort_by_key(|session| session.day);
        }
        let (_dir, made) = make(&sessions, cut);
        let (_other_dir, whole) = make(&sessions, usize::MAX);
        let told = |made: &Partitioned| {
            let files = made.files.iter().map(|file| (file.path.clone(), file.rows, file.sha256.clone()));
            (files.collect::<Vec<_>>(), made.days.clone(), made.undated.clone())
        };
        prop_assert_eq!(told(&made), told(&whole));

        let days: BTreeMap<_, Vec<_>> = sessions.iter().enumerate().fold(
            BTreeMap::new(),
            |mut days, (number, session)| {
                if let Some(number_of_day) = session.day {
                    let of_day: &mut Vec<_> = days.entry(day(number_of_day)).or_default();
                    of_day.push((id(number), session));
                }
                days
            },
        );
        prop_assert!(made.days.keys().eq(days.keys()));
        for table in Table::of_dataset(CallStatistics::LeftOut) {
            let files = by_day(&made, table);
            prop_assert!(files.keys().eq(days.keys()), "{table:?} has a file for each day with a session");
            for (day, batches) in &files {
                let found: Vec<_> = batches.iter().flat_map(|batch| {
                    batch["session_id"].as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
                }).collect();
                let expected = days[day].iter().flat_map(|(id, session)| {
                    let rows = match table {
                        Table::Sessions => 1,
                        Table::Participants => session.participants.len(),
                        Table::PeerEvents => 2 * session.participants.len(),
                        _ => usize::from(session.failures),
                    };
                    std::iter::repeat_n(id.clone(), rows)
                });
                prop_assert_eq!(found, expected.collect::<Vec<_>>());
            }
        }
        for (day, facts) in &made.days {
            let participants = &by_day(&made, Table::Participants)[day];
            prop_assert_eq!(facts.sessions, days[day].len() as u64);
            prop_assert_eq!(facts.totals.duration_minutes, sum(participants, "duration_minutes"));
            prop_assert_eq!(facts.totals.minutes_consumed, sum(participants, "minutes_consumed"));
            let people: usize = days[day].iter().map(|(_, session)| session.participants.len()).sum();
            prop_assert_eq!(facts.totals.participants, people as u64);
            prop_assert_eq!(facts.totals.peer_events, 2 * people as u64);
            let failures: u64 = days[day].iter().map(|(_, session)| u64::from(session.failures)).sum();
            prop_assert_eq!(facts.failures.values().sum::<u64>(), failures);
        }
        let undated = sessions.iter().filter(|session| session.day.is_none());
        let undated: u64 = undated.map(|session| u64::from(session.failures)).sum();
        prop_assert_eq!(made.undated.values().sum::<u64>(), undated + 2);
    }
}

#[test]
fn a_day_that_comes_back_goes_on_in_the_next_part_and_every_table_has_every_day() {
    let on = |day| Session { day: Some(day), participants: vec![Some(1)], failures: 0 };
    let (dir, made) = make(&[on(0), on(1), on(0)], usize::MAX);
    let rows: Vec<_> = made.files.iter().map(|file| (file.path.replace(EXPORT, "ID"), file.rows)).collect();
    let first = |table: &str| format!("{table}/session_date=2026-02-28/part-ID-00000.parquet");
    let again = |table: &str| format!("{table}/session_date=2026-02-28/part-ID-00001.parquet");
    let second = |table: &str| format!("{table}/session_date=2026-03-01/part-ID-00000.parquet");
    let written = |table, rows| [(first(table), rows), (again(table), rows), (second(table), rows)];
    let expected = [written("participants", 1), written("peer_events", 2), written("sessions", 1)];
    let expected: Vec<_> =
        expected.into_iter().flatten().chain([(first("failures"), 0), (second("failures"), 0)]).collect();
    assert_eq!(rows, expected);
    let file = &made.files[0];
    assert_eq!(file.staged, dir.path().join("staging").join(&file.path));
    assert_eq!(super::super::sha256(&file.staged).unwrap(), (file.bytes, file.sha256.clone()));
    assert_eq!(made.undated, BTreeMap::from([("not_found".to_owned(), 1), ("refused".to_owned(), 1)]));
}

#[test]
fn without_a_session_there_is_no_file() {
    let (_dir, made) = make(&[], usize::MAX);
    assert!(made.files.is_empty() && made.days.is_empty());
}
