//! What holds for every list: any bytes end in rows or an error, and rows written are rows read.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::tests::{gzip, read, zstd};
use super::*;

/// Bytes that look like parts of lists, so that damage falls where it matters.
fn list_like() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"session_id,participant_id,note\n".to_vec()),
        Just(b"11111111-1111-4111-8111-111111111111".to_vec()),
        Just(b"{\"session_id\":\"11111111-1111-4111-8111-111111111111\"".to_vec()),
        Just(b"reason,attempts,failed_at,list_file,row_number,labels,session_id\n".to_vec()),
        Just(vec![0x1f, 0x8b, 8, 0]),
        Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
        Just(vec![0xff, 0xfe]),
        Just(vec![0xef, 0xbb, 0xbf]),
        Just(b"PAR1".to_vec()),
        "[,;\t|\"\r\n{}:\\[\\]0a ]{1,4}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..4),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

/// Cells of a row as given: ids that are there, blank or none, and a label of any text.
type Given = (String, String, String);

fn given() -> impl Strategy<Value = Given> {
    let uuid = || any::<[u8; 16]>().prop_map(|bytes| SessionId::from_bytes(bytes).to_string());
    let session = prop_oneof![8 => uuid(), 1 => "[a-z]{1,6}"];
    let participant = prop_oneof![6 => uuid(), 2 => Just(String::new()), 1 => "[a-z \",;]{1,6}"];
    let label = prop_oneof!["[a-zA-Zé日😀 ]{0,12}", "[,;|\t\"\r\n x]{0,6}"];
    (session, participant, label)
}

type Encoding = fn(&str) -> Vec<u8>;
type Packing = fn(&[u8]) -> Vec<u8>;

/// How a list is written.
#[derive(Clone, Copy, Debug)]
struct Form {
    delimiter: char,
    line_break: &'static str,
    always_quoted: bool,
    encoding: Encoding,
    packing: Packing,
}

fn form() -> impl Strategy<Value = Form> {
    let encodings: Vec<Encoding> = vec![
        |text| text.as_bytes().to_vec(),
        |text| format!("\u{feff}{text}").into_bytes(),
        |text| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        |text| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    let packings: Vec<Packing> = vec![<[u8]>::to_vec, gzip, zstd];
    (
        prop::sample::select(vec![',', ';', '\t', '|']),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
        any::<bool>(),
        prop::sample::select(encodings),
        prop::sample::select(packings),
    )
        .prop_map(|(delimiter, line_break, always_quoted, encoding, packing)| Form {
            delimiter,
            line_break,
            always_quoted,
            encoding,
            packing,
        })
}

impl Form {
    fn cell(self, text: &str) -> String {
        let special = |c| matches!(c, '"' | '\r' | '\n') || c == self.delimiter;
        if self.always_quoted || text.contains(special) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    }

    /// Writes rows, each after so many empty lines, and says on which rows they are.
    fn write(self, rows: &[(Given, u8)]) -> (Vec<u8>, Vec<u64>) {
        let mut text = format!("Session ID{0}participantId{0}note{1}", self.delimiter, self.line_break);
        let mut row_number = 1;
        let mut row_numbers = Vec::new();
        for ((session, participant, label), empty) in rows {
            text.push_str(&self.line_break.repeat(usize::from(*empty)));
            row_number += u64::from(*empty) + 1;
            row_numbers.push(row_number);
            let cells = [session, participant, label].map(|cell| self.cell(cell));
            let _ = write!(text, "{}{}", cells.join(&self.delimiter.to_string()), self.line_break);
        }
        ((self.packing)(&(self.encoding)(&text)), row_numbers)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_end_in_rows_or_an_error(bytes in list_like()) {
        if let Ok(rows) = read(bytes.clone()) {
            prop_assert!(rows.is_sorted_by(|one, next| one.row_number < next.row_number));
        }
        // After a header whatever follows is rows, packed or not.
        let list = [b"session_id,note\n".as_slice(), &bytes].concat();
        if !list.contains(&0) {
            let plain = read(list.clone());
            let packed = read(gzip(&list));
            prop_assert_eq!(plain.ok(), packed.ok());
        }
    }

    #[test]
    fn rows_written_are_rows_read(
        rows in proptest::collection::vec((given(), 0_u8..3), 1..20),
        form in form(),
    ) {
        let (bytes, row_numbers) = form.write(&rows);
        let all = read(bytes).expect("a list");
        prop_assert_eq!(all.iter().map(|row| row.row_number).collect::<Vec<_>>(), row_numbers);
        for (row, ((session, participant, label), _)) in all.iter().zip(&rows) {
            prop_assert_eq!(&row.session_text, session);
            let given = Some(participant.clone()).filter(|text| !text.trim().is_empty());
            prop_assert_eq!(&row.participant_text, &given);
            prop_assert_eq!(&row.labels, &[(Arc::from("note"), label.clone())]);
            let asked = match (SessionId::parse(session), &given) {
                (None, _) => Err(InvalidRow::Session(session.clone())),
                (Some(id), None) => Ok(Asked::Everyone(id)),
                (Some(id), Some(text)) => match ParticipantId::parse(text) {
                    Some(participant) => Ok(Asked::Participant(id, participant)),
                    None => Err(InvalidRow::Participant(text.clone())),
                },
            };
            prop_assert_eq!(&row.asked, &asked);
        }
    }

    #[test]
    fn json_lines_written_are_rows_read(rows in proptest::collection::vec(given(), 1..20)) {
        let mut text = String::new();
        for (session, participant, label) in &rows {
            let line = serde_json::json!({"note": label, "sessionId": session, "participant": participant});
            let _ = writeln!(text, "{line}");
        }
        let all = read(text).expect("a list");
        prop_assert_eq!(all.len(), rows.len());
        for ((number, row), (session, _, label)) in (1..).zip(&all).zip(&rows) {
            prop_assert_eq!((row.row_number, &row.session_text), (number, session));
            prop_assert_eq!(&row.labels, &[(Arc::from("note"), label.clone())]);
        }
    }

    #[test]
    fn an_unclosed_quote_is_told_apart_at_any_bound(lines in proptest::collection::vec("[ab\",]{0,9}", 0..40)) {
        let text = lines.join("\n");
        for max_record in [8, 64, MAX_RECORD_BYTES] {
            let text = Text::new(Box::new(io::Cursor::new(text.clone().into_bytes())));
            let records = Records::new(text, b',', max_record);
            let mut rows = CsvRows::new(records, 0, columns::Columns::of_header(["session_id"]), false)
                .expect("in memory");
            let mut read = 0;
            while rows.next_row().expect("in memory").is_some() {
                read += 1;
            }
            prop_assert!(read <= lines.len());
        }
    }
}
