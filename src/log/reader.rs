//! Reading the log: its blocks, its opening lines, its replies by location.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::block::{BlockKind, Header, IndexedReply, Location, PREFIX, State};
use super::entry::Entry;
use super::lines::{Head, LOG_VERSION, Lists, OpeningLine};
use super::rows::RowLine;
use super::scan::{Block, scan};
use crate::error::{Error, Result};
use crate::lists::ListRow;
use crate::model::RequestKey;
use crate::wire::Gave;

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
        let lists = opening.lists()?;
        // Nothing is asked before the lists have their end.
        if lists.is_none() && blocks.iter().any(|block| block.header.kind != BlockKind::Opening) {
            return Err(another_version());
        }
        Ok(Some(Self { path: path.to_owned(), blocks, end, head, lists }))
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
    ///
    /// # Errors
    /// An I/O error.
    pub fn entries(&self) -> Result<Entries> {
        let packed = Packed { path: self.path.clone(), blocks: self.blocks.clone() };
        Ok(Entries { packed: Arc::new(packed), cache: VecDeque::new(), last: None, ahead: None })
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
}

impl Opening {
    fn new(path: &Path, blocks: &[Block]) -> Result<Self> {
        let opening = blocks.iter().take_while(|block| block.header.kind == BlockKind::Opening);
        let end = opening.last().map_or(0, |block| block.data + block.header.packed_bytes);
        let file = File::open(path).map_err(Error::io("read", path))?;
        // The zstd decoder passes over the describing frames by itself.
        let decoder = zstd::stream::read::Decoder::new(file.take(end)).map_err(Error::io("read", path))?;
        let lines: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(1 << 16, decoder));
        Ok(Self { path: path.to_owned(), lines: (end > 0).then_some(lines), line: Vec::new() })
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
            Ok(OpeningLine::Export { log_version: LOG_VERSION, head }) => Ok(Some(*head)),
            _ => Err(Error::LogOfAnotherVersion { path: self.path.clone() }),
        }
    }

    /// The next row; `None` at the end of the rows.
    fn next_row(&mut self) -> Result<Option<ListRow>> {
        if !self.advance()? || !self.line.starts_with(b"{\"kind\":\"row\"") {
            return Ok(None);
        }
        let row = serde_json::from_slice::<RowLine<'_>>(&self.line).ok().and_then(RowLine::into_row);
        row.map(Some).ok_or_else(|| Error::LogOfAnotherVersion { path: self.path.clone() })
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
            if let Ok(OpeningLine::Lists(lists)) = serde_json::from_slice(&self.line) {
                return Ok(Some(lists));
            }
        }
        Ok(None)
    }
}

/// Unpacked blocks that are kept: rows in plan order mostly come from the block just read, but retried
/// and resumed requests stand elsewhere.
const CACHED_BLOCKS: usize = 6;
/// Blocks larger than this are not kept beside others.
const CACHED_BYTES: usize = 16 << 20;

/// Only blocks up to this size are unpacked ahead: most are a quarter of it, and it is memory beside the cache.
const AHEAD_BYTES: u64 = 4 << 20;

/// Replies by location, through a small cache of unpacked blocks. Where blocks are asked for in their order, the
/// next one is unpacked meanwhile by a thread of its own.
#[derive(Debug)]
pub struct Entries {
    packed: Arc<Packed>,
    /// Most recently used last.
    cache: VecDeque<(u32, Arc<Vec<u8>>)>,
    /// The block that was unpacked last.
    last: Option<u32>,
    /// The block that is being unpacked, and by whom.
    ahead: Option<(u32, JoinHandle<Result<Vec<u8>>>)>,
}

/// The blocks as they lie on disk.
#[derive(Debug)]
struct Packed {
    path: PathBuf,
    blocks: Vec<Block>,
}

impl Entries {
    /// The unpacked block in which a reply stands. [`Entries::parse`] finds the reply in it.
    ///
    /// # Errors
    /// An I/O error, or a damaged block.
    pub fn block(&mut self, location: Location) -> Result<Arc<Vec<u8>>> {
        let number = location.block();
        let cached = self.cache.iter().position(|(cached, _)| *cached == number);
        let block = if let Some((_, block)) = cached.and_then(|place| self.cache.remove(place)) {
            block
        } else {
            self.make_room(number);
            Arc::new(self.unpacked(number)?)
        };
        self.cache.push_back((number, Arc::clone(&block)));
        Ok(block)
    }

    /// Drops cached blocks, so that the next one fits within the bound.
    fn make_room(&mut self, number: u32) {
        let coming = self.packed.blocks.get(number as usize).map_or(0, |block| block.header.raw_bytes);
        let coming = usize::try_from(coming).unwrap_or(usize::MAX);
        let mut bytes = self.cache.iter().map(|(_, block)| block.len()).sum::<usize>();
        while self.cache.len() >= CACHED_BLOCKS || bytes.saturating_add(coming) > CACHED_BYTES {
            let Some((_, dropped)) = self.cache.pop_front() else { return };
            bytes -= dropped.len();
        }
    }

    /// Unpacks a block, unless it was unpacked ahead; begins with the next one.
    fn unpacked(&mut self, number: u32) -> Result<Vec<u8>> {
        let is_next = self.last.replace(number).is_some_and(|last| last.checked_add(1) == Some(number));
        let ahead = self.ahead.take_if(|(ahead, _)| *ahead == number);
        let begun = |(_, unpacking): (u32, JoinHandle<_>)| unpacking.join().ok();
        let block = ahead.and_then(begun).unwrap_or_else(|| self.packed.unpack(number))?;
        if is_next {
            self.ahead = number.checked_add(1).and_then(|next| self.begin(next));
        }
        Ok(block)
    }

    /// Begins to unpack a block; nothing, where that has no use or no thread can be had.
    fn begin(&self, number: u32) -> Option<(u32, JoinHandle<Result<Vec<u8>>>)> {
        let header = self.packed.blocks.get(number as usize)?.header;
        if header.kind != BlockKind::Replies || header.raw_bytes > AHEAD_BYTES {
            return None;
        }
        let packed = Arc::clone(&self.packed);
        let unpacking = thread::Builder::new().name("unpack".to_owned()).spawn(move || packed.unpack(number));
        Some((number, unpacking.ok()?))
    }

    /// The reply at a location of an unpacked block.
    ///
    /// # Errors
    /// A damaged line.
    pub fn parse<'a>(&self, block: &'a [u8], location: Location) -> Result<Entry<'a>> {
        let line = block.get(location.offset() as usize..).unwrap_or_default();
        let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
        Entry::parse(&line[..end]).ok_or_else(|| self.packed.damaged(location.block()))
    }
}

impl Packed {
    fn unpack(&self, number: u32) -> Result<Vec<u8>> {
        let damaged = || self.damaged(number);
        let block = *self.blocks.get(number as usize).ok_or_else(damaged)?;
        let raw_bytes = usize::try_from(block.header.raw_bytes).map_err(|_| damaged())?;
        // What is not the system's is the decoder's, which does not know the bytes.
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(_) => Error::io("read", &self.path)(error),
            None => damaged(),
        };
        let mut file = File::open(&self.path).map_err(refused)?;
        file.seek(SeekFrom::Start(block.data)).map_err(refused)?;
        let packed = file.take(block.header.packed_bytes);
        let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(refused)?;
        let mut unpacked = Vec::with_capacity(raw_bytes);
        decoder.read_to_end(&mut unpacked).map_err(refused)?;
        if unpacked.len() == raw_bytes { Ok(unpacked) } else { Err(damaged()) }
    }

    fn damaged(&self, block: u32) -> Error {
        let offset = self.blocks.get(block as usize).map_or(0, |block| block.start);
        Error::LogDamaged { path: self.path.clone(), offset }
    }
}
