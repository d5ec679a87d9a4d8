//! Finding a log's blocks, and telling a tail that a crash tore from damage.
//!
//! In: the log's file. Out: its whole blocks, in order.
//! Guarantees: a tail counts as torn only where nothing that was paid for stands whole behind it. Every block
//! behind the opening was durable before the next was written, so a crash tears the last one only; what is
//! not whole before a whole one was damaged later, and is an error. So is what never was a log of this
//! version. Memory: one describing frame and a window; time: linear in the file.
//! Not here: cutting a tail (`writer`), what the lines mean (`reader`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::block::{BlockKind, Header, PREFIX, Start};
use crate::error::{Error, Result};

/// Bytes read at once.
const WINDOW: usize = 1 << 16;

/// One whole block of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) header: Header,
    /// Where its describing frame begins.
    pub(super) start: u64,
    /// Where its zstd frame begins.
    pub(super) data: u64,
}

impl Block {
    /// How many replies it holds.
    pub(super) const fn replies(&self) -> u64 {
        Header::indexed(self.data - self.start)
    }

    /// Where the next block begins.
    pub(super) const fn end(&self) -> u64 {
        self.data + self.header.packed_bytes
    }
}

/// The blocks up to the end of the file or a torn tail, and where the last of them ends.
///
/// `verified` reads every byte; otherwise only the blocks' own descriptions are checked.
pub(super) fn scan(path: &Path, file: &File, verified: bool) -> Result<(Vec<Block>, u64)> {
    let scan = || {
        let length = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(WINDOW, file);
        let mut blocks = Vec::new();
        let mut end = 0;
        while let Some(block) = next_block(&mut reader, end, length, verified)? {
            end = block.end();
            blocks.push(block);
        }
        let tail = if end < length { Tail::of(&mut reader, end, length)? } else { Tail::Torn };
        Ok((blocks, end, tail))
    };
    match scan().map_err(Error::io("read", path))? {
        (blocks, end, Tail::Torn) => Ok((blocks, end)),
        (_, offset, Tail::Damaged) => Err(Error::LogDamaged { path: path.to_owned(), offset }),
        (_, _, Tail::NotOurs) => Err(Error::LogOfAnotherVersion { path: path.to_owned() }),
    }
}

/// What stands where no whole block does.
#[derive(Clone, Copy, Debug)]
enum Tail {
    /// What a crash left of a block, or nothing.
    Torn,
    /// A block that was whole once: others were written behind it.
    Damaged,
    /// Another version's, or never a log.
    NotOurs,
}

impl Tail {
    fn of(reader: &mut BufReader<&File>, at: u64, length: u64) -> io::Result<Self> {
        if is_followed(reader, at, length)? {
            return Ok(Self::Damaged);
        }
        reader.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        reader.take(Start::BYTES).read_to_end(&mut bytes)?;
        Ok(match Start::of(&bytes) {
            Start::AnotherVersion => Self::NotOurs,
            // Behind whole blocks a crash may have left anything.
            Start::Foreign if at == 0 => Self::NotOurs,
            Start::Foreign | Start::OfABlock => Self::Torn,
        })
    }
}

/// Whether a whole block of what was paid for begins anywhere behind a place. Opening blocks tell nothing:
/// they are made durable all at once.
fn is_followed(reader: &mut BufReader<&File>, place: u64, length: u64) -> io::Result<bool> {
    let mut from = place + 1;
    while let Some(start) = find_magic(reader, from)? {
        reader.seek(SeekFrom::Start(start))?;
        from = match next_block(reader, start, length, true)? {
            Some(block) if block.header.kind != BlockKind::Opening => return Ok(true),
            Some(block) => block.end(),
            None => start + 1,
        };
    }
    Ok(false)
}

/// Where the next frame that may describe a block begins.
fn find_magic(reader: &mut BufReader<&File>, from: u64) -> io::Result<Option<u64>> {
    let mut start = reader.seek(SeekFrom::Start(from))?;
    let mut window = Vec::with_capacity(2 * WINDOW);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(None);
        }
        window.extend_from_slice(chunk);
        let read = chunk.len();
        reader.consume(read);
        if let Some(place) = memchr::memmem::find(&window, &Header::MAGIC) {
            return Ok(Some(start + place as u64));
        }
        // It may begin in this window and end in the next.
        let passed = window.len() - window.len().min(Header::MAGIC.len() - 1);
        window.drain(..passed);
        start += passed as u64;
    }
}

/// Reads the block at `start`, where the reader stands; `None` where it is not whole, or the file ends.
fn next_block(
    reader: &mut BufReader<&File>,
    start: u64,
    length: u64,
    verified: bool,
) -> io::Result<Option<Block>> {
    let mut prefix = [0; PREFIX];
    if start + PREFIX as u64 > length {
        return Ok(None);
    }
    reader.read_exact(&mut prefix)?;
    let Some(payload_bytes) = Header::payload_bytes(&prefix) else { return Ok(None) };
    let data = start + (PREFIX + payload_bytes) as u64;
    if data > length {
        return Ok(None);
    }
    let mut payload = vec![0; payload_bytes];
    reader.read_exact(&mut payload)?;
    let Some((header, _)) = Header::parse(&payload) else { return Ok(None) };
    let whole = data.checked_add(header.packed_bytes).is_some_and(|end| end <= length);
    if !whole {
        return Ok(None);
    }
    if verified {
        let mut crc = crc32fast::Hasher::new();
        let mut left = header.packed_bytes;
        while left > 0 {
            let chunk = reader.fill_buf()?;
            let used = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if used == 0 {
                return Ok(None);
            }
            crc.update(&chunk[..used]);
            reader.consume(used);
            left -= used as u64;
        }
        if crc.finalize() != header.crc {
            return Ok(None);
        }
    } else {
        let skip = i64::try_from(header.packed_bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        reader.seek_relative(skip)?;
    }
    Ok(Some(Block { header, start, data }))
}
