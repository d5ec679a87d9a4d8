//! Reading the log: its blocks, its opening lines, what its replies were.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use super::block::{BlockKind, Header, IndexedReply, Location, PREFIX, State};
use super::entries::Entries;
use super::lines::{Head, LOG_VERSION, Lists, ReadLine};
use super::rows::row;
use super::scan::{Block, scan};
use crate::error::{Error, Result};
use crate::lists::ListRow;
use crate::model::RequestKey;
use crate::wire::{Gave, Keys};

/// A log as it lies on disk, without a torn tail.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    blocks: Vec<Block>,
    /// Where the last whole block ends.
    end: u64,
    head: Head,
    lists: Option<Lists>,
}

/// A reply in the log: what was asked, how it ended, where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The request.
    pub key: RequestKey,
    /// How it ended.
    pub state: State,
    /// What it gave.
    pub gave: Gave,
    /// Requests sent for it.
    pub attempts: u16,
    /// How many of them met a 429.
    pub rate_limited: u16,
    /// Where its line stands.
    pub location: Location,
}

impl Log {
    /// Opens a log for reading; `None` where there is none, or not even its opening is whole.
    ///
    /// `verified` reads every byte; otherwise only the blocks' own descriptions are checked. A torn tail is
    /// no part of the log.
    ///
    /// # Errors
    /// [`Error::LogDamaged`] where something is not whole before what is, [`Error::LogOfAnotherVersion`]
    /// where the file is no log of this version, I/O errors.
    pub fn open(path: &Path, verified: bool) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Error::io("read", path))?,
        };
        let (blocks, end) = scan(path, &file, verified)?;
        if blocks.is_empty() {
            return Ok(None);
        }
        let mut opening = Opening::new(path, &blocks)?;
        let another_version = || Error::LogOfAnotherVersion { path: path.to_owned() };
        let head = opening.head()?.ok_or_else(another_version)?;
        // The line behind all rows is in the last of the opening's blocks: a million rows need not be unpacked.
        let last =
            blocks.iter().rposition(|block| block.header.kind == BlockKind::Opening).unwrap_or_default();
        let lists = Opening::new(path, &blocks[last..])?.lists()?;
        // Nothing is asked before the lists have their end.
        if lists.is_none() && blocks.iter().any(|block| block.header.kind != BlockKind::Opening) {
            return Err(another_version());
        }
        Ok(Some(Self { path: path.to_owned(), blocks, end, head, lists }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings that the log opens with.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The end of the list rows; `None` where the log was torn before it, so that nothing was asked yet.
    #[must_use]
    pub const fn lists(&self) -> Option<&Lists> {
        self.lists.as_ref()
    }

    /// Whether anything was fetched.
    #[must_use]
    pub fn has_replies(&self) -> bool {
        self.blocks.iter().any(|block| block.header.kind == BlockKind::Replies)
    }

    /// Whether everything was fetched.
    #[must_use]
    pub fn is_fetched(&self) -> bool {
        self.blocks.last().is_some_and(|block| block.header.kind == BlockKind::Fetched)
    }

    /// Where the last whole block ends, in bytes from the start.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The list rows, in order. A thread of its own reads them, a little ahead.
    ///
    /// # Errors
    /// An I/O error, now or at any row.
    pub fn rows(&self) -> Result<impl Iterator<Item = Result<ListRow>> + Send + use<>> {
        let mut opening = Opening::new(&self.path, &self.blocks)?;
        opening.head()?;
        let (read, rows) = mpsc::sync_channel(ROWS_AHEAD);
        let read_all = move || {
            while let Some(rows) = opening.next_rows() {
                let is_over = rows.last().is_some_and(Result::is_err);
                if read.send(rows).is_err() || is_over {
                    break;
                }
            }
        };
        let reader = thread::Builder::new().name("rows".to_owned()).spawn(read_all);
        let mut reader = Some(reader.map_err(Error::io("read", &self.path))?);
        // Only a thread that ended well has come to the end of the rows.
        let end = move || reader.take()?.join().is_err().then_some(Err(Error::StageEnded { stage: "log" }));
        Ok(rows.into_iter().flatten().chain(std::iter::from_fn(end)))
    }

    /// Tells every reply, in the order in which they were logged. One request may have several; the
    /// last rules.
    ///
    /// # Errors
    /// An I/O error.
    pub fn each_reply(&self, mut tell: impl FnMut(IndexEntry)) -> Result<()> {
        let mut file = File::open(&self.path).map_err(Error::io("read", &self.path))?;
        for (block, number) in self.blocks.iter().zip(0_u32..) {
            if block.header.kind != BlockKind::Replies {
                continue;
            }
            for reply in read_index(&mut file, block).map_err(Error::io("read", &self.path))? {
                let location = Location::new(number, reply.offset);
                let IndexedReply { key, state, gave, attempts, rate_limited, .. } = reply;
                tell(IndexEntry { key, state, gave, attempts, rate_limited, location });
            }
        }
        Ok(())
    }

    /// The replies by location.
    #[must_use]
    pub fn entries(&self) -> Entries {
        Entries::new(self.path.clone(), self.blocks.clone())
    }

    /// Bytes of a reply's line, as the replies of its block have on average.
    #[must_use]
    pub fn usual_bytes(&self, location: Location) -> u64 {
        let block = self.blocks.get(location.block() as usize);
        block.map_or(0, |block| block.header.raw_bytes / block.replies().max(1))
    }
}

/// Reads a block's index again.
fn read_index(file: &mut File, block: &Block) -> io::Result<Vec<IndexedReply>> {
    let bytes = usize::try_from(block.data - block.start).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut frame = vec![0; bytes];
    file.seek(SeekFrom::Start(block.start))?;
    file.read_exact(&mut frame)?;
    let parsed = Header::parse(&frame[PREFIX..]);
    parsed.map(|(_, index)| index).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Bytes of rows that are handed on together.
const ROWS_BYTES: usize = 32 << 10;
/// How often so many are read ahead.
const ROWS_AHEAD: usize = 2;

/// The lines of the opening blocks, one after the other.
struct Opening {
    path: PathBuf,
    lines: Option<Box<dyn BufRead + Send>>,
    line: Vec<u8>,
    /// Of the row read last.
    keys: Keys,
}

impl Opening {
    /// The lines of these blocks up to the opening's end.
    fn new(path: &Path, blocks: &[Block]) -> Result<Self> {
        let opening = blocks.iter().take_while(|block| block.header.kind == BlockKind::Opening);
        let ends = blocks.first().zip(opening.last()).map(|(first, last)| (first.start, last.end()));
        let open = |(start, end)| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(start))?;
            // The zstd decoder passes over the describing frames by itself.
            let decoder = zstd::stream::read::Decoder::new(file.take(end - start))?;
            let lines: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(1 << 16, decoder));
            io::Result::Ok(lines)
        };
        let lines = ends.map(open).transpose().map_err(Error::io("read", path))?;
        Ok(Self { path: path.to_owned(), lines, line: Vec::new(), keys: Keys::default() })
    }

    /// Reads the next line; whether there was one.
    fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        let Some(lines) = &mut self.lines else { return Ok(false) };
        let read = lines.read_until(b'\n', &mut self.line).map_err(Error::io("read", &self.path))?;
        Ok(read > 0)
    }

    fn head(&mut self) -> Result<Option<Head>> {
        if !self.advance()? {
            return Ok(None);
        }
        match serde_json::from_slice(&self.line) {
            Ok(ReadLine::Export { log_version: LOG_VERSION, head }) => Ok(Some(*head)),
            _ => Err(Error::LogOfAnotherVersion { path: self.path.clone() }),
        }
    }

    /// The next row; `None` at the end of the rows.
    fn next_row(&mut self) -> Result<Option<ListRow>> {
        if !self.advance()? || !self.line.starts_with(b"{\"kind\":\"row\"") {
            return Ok(None);
        }
        let line = std::str::from_utf8(&self.line).ok();
        line.and_then(|line| row(line, &mut self.keys))
            .map(Some)
            .ok_or_else(|| Error::LogOfAnotherVersion { path: self.path.clone() })
    }

    /// The next few rows, the last of which may be an error; `None` at the end of the rows.
    fn next_rows(&mut self) -> Option<Vec<Result<ListRow>>> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < ROWS_BYTES
            && let Some(row) = self.next_row().transpose()
        {
            bytes += self.line.len();
            let is_last = row.is_err();
            rows.push(row);
            if is_last {
                break;
            }
        }
        (!rows.is_empty()).then_some(rows)
    }

    /// The end of the rows, which is the last opening line.
    fn lists(&mut self) -> Result<Option<Lists>> {
        while self.advance()? {
            if self.line.starts_with(b"{\"kind\":\"row\"") {
                continue;
            }
            if let Ok(ReadLine::Lists(lists)) = serde_json::from_slice(&self.line) {
                return Ok(Some(lists));
            }
        }
        Ok(None)
    }
}
