//! Tells what a list file is from its first bytes.
//!
//! In: the beginning of a file, or of its text. Out: compression, encoding, format, delimiter and columns.
//! Guarantees: names decide nothing, contents do; the same bytes give the same answer.
//! Not here: reading rows, messages.

use std::io::{self, Cursor};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::columns::{Columns, is_blank, is_uuid};
use super::csv::Records;
use super::json::first_fields;
use super::text::Text;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Tells the packing from magic bytes (RFC 1952, section 2.3.1; RFC 8878, sections 3.1.1 and 3.1.2).
pub(super) fn packing(head: &[u8]) -> Packing {
    match head {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Packing::Zstd,
        _ => Packing::Plain,
    }
}

/// Whether this is the beginning of a Parquet file.
pub(super) fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
}

/// The encoding of a text and the length of its byte order mark; `None` for UTF-8.
///
/// Without a mark it is UTF-16 if every other byte of the sample, and hardly one between, tends to be zero:
/// ids and delimiters are ASCII.
pub(super) fn encoding(sample: &[u8]) -> (Option<&'static Encoding>, usize) {
    if let Some((encoding, length)) = Encoding::for_bom(sample) {
        return (Some(encoding).filter(|&encoding| encoding != encoding_rs::UTF_8), length);
    }
    let zeros = |first: usize| sample.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let most = sample.len() / 4;
    if sample.len() >= 4 && odd > most && even < odd / 8 {
        (Some(UTF_16LE), 0)
    } else if sample.len() >= 4 && even > most && odd < even / 8 {
        (Some(UTF_16BE), 0)
    } else {
        (None, 0)
    }
}

/// What a file is that is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// What it is, with its article.
    pub(super) found: &'static str,
    /// How to make a list of it.
    pub(super) advice: &'static str,
}

const AS_CSV: &str = "save the sheet with the IDs as CSV (UTF-8) and give that file";
const UNPACK: &str = "unpack it, or pack it with gzip or zstd";
const NO_LIST: &str = "check the path; the list is the file with the IDs";

/// First bytes of files that people take for lists.
const FOREIGN: [(&[u8], Foreign); 9] = [
    (b"PK\x03\x04", Foreign { found: "a ZIP archive or an Excel workbook", advice: AS_CSV }),
    (b"\xd0\xcf\x11\xe0", Foreign { found: "an old Excel workbook", advice: AS_CSV }),
    (b"BZh", Foreign { found: "a bzip2 archive", advice: UNPACK }),
    (b"\xfd7zXZ\x00", Foreign { found: "an xz archive", advice: UNPACK }),
    (b"7z\xbc\xaf", Foreign { found: "a 7-Zip archive", advice: UNPACK }),
    (b"%PDF-", Foreign { found: "a PDF document", advice: NO_LIST }),
    (b"SQLite format 3\0", Foreign { found: "an SQLite database", advice: "export the IDs as CSV" }),
    (b"ARROW1", Foreign { found: "an Arrow file", advice: "write it as Parquet or CSV" }),
    (b"Obj\x01", Foreign { found: "an Avro file", advice: "write it as Parquet or CSV" }),
];
const BINARY: Foreign = Foreign { found: "binary data", advice: NO_LIST };
const JSON_ARRAY: Foreign =
    Foreign { found: "one JSON array", advice: "make an object a line of it: jq -c '.[]' FILE > list.jsonl" };

/// Tells a file that is no list from its first bytes, before they are decoded.
pub(super) fn foreign(head: &[u8]) -> Option<Foreign> {
    FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, foreign)| foreign)
}

/// Tells decoded text that is no list: binary data, or JSON that is not by lines.
pub(super) fn foreign_text(sample: &[u8]) -> Option<Foreign> {
    let control = |&&byte: &&u8| matches!(byte, 0x01..=0x08 | 0x0e..=0x1f | 0x7f);
    if sample.contains(&0) || sample.iter().filter(control).count() > sample.len() / 20 {
        return Some(BINARY);
    }
    sample.trim_ascii_start().starts_with(b"[").then_some(JSON_ARRAY)
}

/// How the text of a list is laid out.
pub(super) enum Layout {
    /// An object a line.
    JsonLines,
    /// Records of cells.
    Delimited {
        /// Between the cells.
        delimiter: u8,
        /// What the cells are.
        columns: Columns,
        /// Whether the first record is a header.
        has_header: bool,
    },
}

/// Tells the layout from the beginning of the text, or gives the columns of which none is a session's.
/// `whole` says that the sample is all of the text.
pub(super) fn layout(sample: &[u8], whole: bool) -> io::Result<Result<Layout, Vec<String>>> {
    if sample.trim_ascii_start().starts_with(b"{") {
        let named = first_fields(sample);
        let without =
            named.filter(|fields| !Columns::of_header(fields.iter().map(String::as_str)).has_session());
        return Ok(without.map_or(Ok(Layout::JsonLines), Err));
    }
    // The first wins a tie, as for a file with one column.
    let mut best = Sample::read(sample, whole, b',')?;
    for delimiter in [b';', b'\t', b'|'] {
        let other = Sample::read(sample, whole, delimiter)?;
        if other.merit() > best.merit() {
            best = other;
        }
    }
    Ok(best.layout())
}

/// Enough records to tell columns by.
const SAMPLED_RECORDS: usize = 100;
/// Enough bytes for them.
const SAMPLED_BYTES: usize = 64 * 1024;

/// The first records of a text, cut at one delimiter.
struct Sample {
    delimiter: u8,
    records: Vec<Vec<String>>,
}

impl Sample {
    fn read(sample: &[u8], whole: bool, delimiter: u8) -> io::Result<Self> {
        let cut = sample.len().min(SAMPLED_BYTES);
        let whole = whole && cut == sample.len();
        let text = Text::new(Box::new(Cursor::new(sample[..cut].to_vec())));
        let mut reader = Records::new(text, delimiter, SAMPLED_BYTES);
        let mut records = Vec::new();
        let mut ended = false;
        while records.len() < SAMPLED_RECORDS && !ended {
            match reader.next()? {
                Some(Ok(())) if reader.is_blank() => {}
                Some(Ok(())) => records.push(reader.lossy_cells()),
                Some(Err(_)) | None => ended = true,
            }
        }
        // The last record is cut short where the sample is.
        if ended && !whole && records.len() > 1 {
            records.pop();
        }
        Ok(Self { delimiter, records })
    }

    fn first(&self) -> &[String] {
        self.records.first().map_or(&[], Vec::as_slice)
    }

    /// How well the delimiter fits: id columns named, cells that are UUIDs, rows as wide as the first.
    fn merit(&self) -> (usize, usize, usize, usize) {
        let first = self.first();
        let uuids = self.records.iter().flatten().filter(|cell| is_uuid(cell)).count();
        let alike =
            self.records.iter().filter(|record| first.len() > 1 && record.len() == first.len()).count();
        (self.header().kinds_of_ids(), uuids, alike, first.len())
    }

    fn header(&self) -> Columns {
        Columns::of_header(self.first().iter().map(String::as_str))
    }

    fn layout(self) -> Result<Layout, Vec<String>> {
        let delimiter = self.delimiter;
        let header = self.header();
        if header.has_session() {
            return Ok(Layout::Delimited { delimiter, columns: header, has_header: true });
        }
        match self.by_place() {
            Some(columns) => Ok(Layout::Delimited { delimiter, columns, has_header: false }),
            None => Err(self.first().iter().map(|name| name.trim().to_owned()).collect()),
        }
    }

    /// The columns where there is no header: the first row holds a UUID, or in the place of the session
    /// at least a digit, as a damaged id does and a column's name does not.
    fn by_place(&self) -> Option<Columns> {
        let first = self.first();
        let width = self.usual_width();
        let mut of_uuids = (0..width).filter(|&column| self.mostly_uuids(column));
        let (session, participant) = match of_uuids.next() {
            Some(session) => (session, of_uuids.next()),
            None => (first.iter().position(|cell| is_uuid(cell))?, None),
        };
        let damaged = || first.get(session).is_some_and(|cell| cell.contains(|c: char| c.is_ascii_digit()));
        (first.iter().any(|cell| is_uuid(cell)) || damaged())
            .then(|| Columns::by_place(width.max(session + 1), session, participant))
    }

    /// How many cells most records have; of equals the fewest.
    fn usual_width(&self) -> usize {
        let mut widths: Vec<usize> = self.records.iter().map(Vec::len).collect();
        widths.sort_unstable();
        let runs = widths.chunk_by(|one, other| one == other);
        // `max_by_key` keeps the last of equals, and the widest come first.
        runs.rev().max_by_key(|run| run.len()).map_or(0, |run| run[0])
    }

    /// Whether at least half of a column's cells that are not blank are UUIDs.
    fn mostly_uuids(&self, column: usize) -> bool {
        let cells =
            || self.records.iter().filter_map(|record| record.get(column)).filter(|cell| !is_blank(cell));
        let uuids = cells().filter(|cell| is_uuid(cell)).count();
        uuids > 0 && uuids * 2 >= cells().count()
    }
}
