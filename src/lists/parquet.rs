//! Parquet: rows of any columns, each cell as text.
//!
//! In: a file to seek in. Out: rows; a 16-byte binary is a UUID, other binary is text where it is UTF-8,
//! and any other type is as Arrow displays it. A null is a blank id, and no label.
//! Guarantees: a row's number is its place and one for the header that a spreadsheet would show; memory is
//! a batch of rows and the pages that they are on.
//! Not here: digests, which the bytes went through before.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::panic::{self, AssertUnwindSafe};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use uuid::Uuid;

use super::ListRow;
use super::columns::Columns;

/// Rows read at once: labels may be long.
const BATCH_ROWS: usize = 1024;

/// The rows of a Parquet list.
pub(super) struct ParquetRows {
    batches: ParquetRecordBatchReader,
    file: usize,
    row_number: u64,
    columns: Columns,
    /// The rows of the batch last read that were not handed out.
    ready: VecDeque<ListRow>,
}

impl ParquetRows {
    /// Reads the footer; the inner error is the columns, where none is a session's.
    pub(super) fn new(input: File, file: usize) -> io::Result<Result<Self, Vec<String>>> {
        let builder = unpanicked(|| ParquetRecordBatchReaderBuilder::try_new(input).map_err(damaged))?;
        let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let columns = Columns::of_header(names.iter().map(String::as_str));
        if !columns.has_session() {
            return Ok(Err(names));
        }
        let batches = unpanicked(|| builder.with_batch_size(BATCH_ROWS).build().map_err(damaged))?;
        // The header would be row 1.
        Ok(Ok(Self { batches, file, row_number: 1, columns, ready: VecDeque::new() }))
    }

    /// The next row.
    pub(super) fn next_row(&mut self) -> io::Result<Option<ListRow>> {
        while self.ready.is_empty() {
            match unpanicked(|| self.batches.next().transpose().map_err(damaged))? {
                Some(batch) => unpanicked(|| self.take(&batch).map_err(damaged))?,
                None => return Ok(None),
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Makes rows of a batch.
    fn take(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = batch.columns().iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
        let mut cells = Vec::with_capacity(columns.len());
        for row in 0..batch.num_rows() {
            self.row_number += 1;
            cells.clear();
            for column in &columns {
                cells.push(column.text(row)?);
            }
            let cell = |column: usize| cells[column].as_deref();
            self.ready.push_back(self.columns.row(self.file, self.row_number, cells.len(), cell));
        }
        Ok(())
    }
}

/// A column of a batch and how its cells become text.
struct Cells<'a> {
    array: &'a ArrayRef,
    /// Arrow's own way.
    display: ArrayFormatter<'a>,
}

impl<'a> Cells<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        Ok(Self { array, display: ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new())? })
    }

    /// A cell as text; `None` for null.
    fn text(&self, row: usize) -> Result<Option<Cow<'a, str>>, ArrowError> {
        let array = self.array;
        if array.is_null(row) {
            return Ok(None);
        }
        let text = match array.data_type() {
            DataType::Utf8 => Some(Cow::Borrowed(array.as_string::<i32>().value(row))),
            DataType::LargeUtf8 => Some(Cow::Borrowed(array.as_string::<i64>().value(row))),
            DataType::Utf8View => Some(Cow::Borrowed(array.as_string_view().value(row))),
            DataType::FixedSizeBinary(16) => Uuid::from_slice(array.as_fixed_size_binary().value(row))
                .ok()
                .map(|uuid| Cow::Owned(uuid.hyphenated().to_string())),
            DataType::Binary => utf8(array.as_binary::<i32>().value(row)),
            DataType::LargeBinary => utf8(array.as_binary::<i64>().value(row)),
            DataType::BinaryView => utf8(array.as_binary_view().value(row)),
            _ => None,
        };
        match text {
            Some(text) => Ok(Some(text)),
            None => self.display.value(row).try_to_string().map(|text| Some(Cow::Owned(text))),
        }
    }
}

/// Text that some writers leave unmarked.
fn utf8(bytes: &[u8]) -> Option<Cow<'_, str>> {
    std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

/// Calls into the Parquet reader, which panics on some damaged files; such a panic is an error of the file.
/// What panicked is not used again: a list ends at its first error.
fn unpanicked<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::InvalidData, "the Parquet reader cannot make sense of the file"))
    })
}

/// The file is not what its first bytes promise.
fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, FixedSizeBinaryArray, Int64Array, ListBuilder, StringArray, StringBuilder,
        StringDictionaryBuilder, TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int32Type;
    use parquet::arrow::ArrowWriter;
    use proptest::prelude::*;

    use super::super::tests::{P1, P2, S1, S2, gzip, read};
    use super::super::{Asked, InvalidRow, ListSource};
    use super::*;
    use crate::error::Result;
    use crate::model::{ParticipantId, SessionId};

    fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .expect("a batch");
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("in memory");
        writer.close().expect("in memory");
        bytes
    }

    fn text(cells: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(cells.to_vec()))
    }

    #[test]
    fn ids_are_text_or_bytes_and_labels_of_any_type() {
        let uuid = |text: &str| Uuid::parse_str(text).expect("a UUID").into_bytes();
        let mut kinds = StringDictionaryBuilder::<Int32Type>::new();
        kinds.append_value("a");
        kinds.append_null();
        let mut tags = ListBuilder::new(StringBuilder::new());
        tags.append_value([Some("x"), Some("y")]);
        tags.append_null();
        let bytes = parquet(vec![
            (
                "Session ID",
                Arc::new(
                    FixedSizeBinaryArray::try_from_iter([uuid(S1), uuid(S2)].into_iter()).expect("16 bytes"),
                ),
            ),
            ("participant_id", Arc::new(BinaryArray::from_opt_vec(vec![Some(P1.as_bytes()), None]))),
            ("n", Arc::new(Int64Array::from(vec![7, -1]))),
            ("kind", Arc::new(kinds.finish())),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC"))),
            ("tags", Arc::new(tags.finish())),
        ]);
        let all = read(bytes).expect("a list");
        let labels = |row: usize| -> Vec<_> {
            all[row].labels.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect()
        };
        let (s1, s2) = (SessionId::parse(S1).expect(S1), SessionId::parse(S2).expect(S2));
        assert_eq!(all[0].asked, Ok(Asked::Participant(s1, ParticipantId::parse(P1).expect(P1))));
        assert_eq!((all[0].row_number, all[0].session_text.as_str()), (2, S1));
        assert_eq!(
            labels(0),
            [("n", "7"), ("kind", "a"), ("at", "1970-01-01T00:00:00Z"), ("tags", "[x, y]")]
        );
        assert_eq!(all[1].asked, Ok(Asked::Everyone(s2)));
        assert_eq!((all[1].row_number, all[1].participant_text.as_ref()), (3, None));
        assert_eq!(labels(1), [("n", "-1"), ("at", "1970-01-01T00:00:00.000001Z")]);
    }

    #[test]
    fn our_own_failures_are_a_list() {
        let mut columns = vec![
            ("session_id", text(&[Some(S1), Some("bad"), None])),
            ("participant_id", text(&[None, Some(P2), None])),
            ("labels", text(&[Some(r#"{"custom_participant_id":"c","team":null,"x":"1"}"#), None, None])),
        ];
        columns.extend(
            ["list_file", "row_number", "reason", "attempts", "failed_at"]
                .map(|name| (name, text(&[None, Some("x"), None]))),
        );
        let all = read(parquet(columns)).expect("a list");
        let session = SessionId::parse(S1).expect(S1);
        assert_eq!(all[0].asked, Ok(Asked::Custom(session, "c".to_owned())));
        assert_eq!(all[0].labels, [(Arc::from("x"), "1".to_owned())]);
        assert_eq!(all[1].asked, Err(InvalidRow::Session("bad".to_owned())));
        assert_eq!(all[1].labels, []);
        assert_eq!(all[2].asked, Err(InvalidRow::NoSession));
    }

    #[test]
    fn a_parquet_list_may_be_a_file_a_pipe_or_packed() {
        let bytes = parquet(vec![("session_id", text(&[Some(S1); 3000]))]);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("list.csv").to_string_lossy().into_owned();
        std::fs::write(&path, &bytes).expect("written");
        let digest =
            |bytes: &[u8]| -> Option<[u8; 32]> { Some(<sha2::Sha256 as sha2::Digest>::digest(bytes).into()) };
        let packed = gzip(&bytes);
        let stdin = ListSource::new("-");
        for (reader, expected) in [
            (ListSource::new(path).open(0), digest(&bytes)),
            (stdin.read(0, Box::new(Cursor::new(bytes.clone()))), digest(&bytes)),
            (stdin.read(0, Box::new(Cursor::new(packed.clone()))), digest(&packed)),
        ] {
            let mut reader = reader.expect("a list");
            let rows = reader.by_ref().collect::<Result<Vec<_>>>().expect("rows");
            assert_eq!((rows.len(), rows.last().map(|row| row.row_number)), (3000, Some(3001)));
            assert_eq!(reader.digest(), expected);
        }
    }

    #[test]
    fn a_damaged_file_or_one_without_ids_ends_the_command() {
        let bytes = parquet(vec![("id", text(&[Some(S1)])), ("name", text(&[None]))]);
        let error = read(bytes.clone()).expect_err("no session column");
        assert_eq!(
            error.to_string(),
            "list has no column of session IDs: found \"id\", \"name\", expected session_id"
        );
        for cut in 4..bytes.len() {
            assert_eq!(read(&bytes[..cut]).expect_err("cut short").class().exit_code(), 2);
        }
        assert_eq!(read(parquet(vec![("session_id", text(&[]))])).expect("a list"), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn damage_anywhere_ends_in_rows_or_an_error(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = parquet(vec![
                ("session_id", text(&[Some(S1), Some(S2), None])),
                ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ]);
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let _ = read(bytes);
        }
    }
}
