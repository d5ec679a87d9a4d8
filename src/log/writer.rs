//! Appending to the log, and making what was appended durable.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};

use super::block::{BlockKind, BlockWriter};
use super::lines::{FetchedLine, Head, LOG_VERSION, Lists, OpeningLine, to_line};
use super::reader::Log;
use super::{entry, lock, rows};
use crate::error::{Error, Result};
use crate::fetch::Reply;
use crate::lists::ListRow;

/// A reply is durable within 5 seconds of its arrival (contract, "Response log"); a second of them is
/// left for the disk.
const DURABLE_WITHIN: Duration = Duration::from_secs(4);
/// And within 1,000 replies, of which this many are held back here; the others may be on their way: so many
/// that at 30,000 replies a second a sync may take 13 ms before fetching waits for it.
pub(crate) const DURABLE_REPLIES: usize = 500;
/// Unpacked bytes after which a block is closed: large enough to compress well, small enough to be
/// unpacked for one reply.
const BLOCK_BYTES: u64 = 1 << 20;

/// The log open for appending, locked against other processes until dropped.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: File,
    /// Where the next block goes.
    end: u64,
    block: Option<BlockWriter>,
    /// When the oldest reply in `block` came.
    oldest: Option<Instant>,
    /// Whether this process wrote all that is in it.
    is_begun: bool,
}

/// What [`open`] found.
#[derive(Debug)]
pub enum Opened {
    /// Nothing to continue: an empty, locked log.
    Empty(LogWriter),
    /// A log with its list rows and perhaps replies, and a writer at its end.
    Begun(LogWriter, Box<Log>),
}

/// Opens and locks the log of a state directory, cutting off a torn tail, and nothing else.
///
/// # Errors
/// [`Error::OutputBusy`] where another process holds it, [`Error::LogDamaged`], [`Error::LogOfAnotherVersion`],
/// I/O errors.
pub fn open(path: &Path) -> Result<Opened> {
    let file = lock::to_append(path)?;
    let log = Log::open(path, true)?.filter(|log| log.lists().is_some());
    let end = log.as_ref().map_or(0, Log::end);
    file.set_len(end).map_err(Error::io("write", path))?;
    if log.is_some() {
        // A process that was killed may have left blocks that are not durable: see `close_block`.
        file.sync_data().map_err(Error::io("sync", path))?;
    }
    let writer = LogWriter { path: path.to_owned(), file, end, block: None, oldest: None, is_begun: false };
    Ok(match log {
        Some(log) => Opened::Begun(writer, Box::new(log)),
        None => Opened::Empty(writer),
    })
}

/// Opens and locks the log of a state directory to begin anew, whatever it holds; that stays until
/// [`LogWriter::begin`].
///
/// # Errors
/// [`Error::OutputBusy`] where another process holds it, I/O errors.
pub fn open_anew(path: &Path) -> Result<LogWriter> {
    let file = lock::to_append(path)?;
    Ok(LogWriter { path: path.to_owned(), file, end: 0, block: None, oldest: None, is_begun: false })
}

impl LogWriter {
    /// Begins a new export, dropping what the log holds.
    ///
    /// # Errors
    /// An I/O error.
    pub fn begin(&mut self, head: &Head) -> Result<()> {
        self.file.set_len(0).map_err(Error::io("write", &self.path))?;
        self.is_begun = true;
        self.end = 0;
        self.block = None;
        let line = to_line(&OpeningLine::Export { log_version: LOG_VERSION, head });
        self.write_opening(&line)
    }

    /// Adds a list row.
    ///
    /// # Errors
    /// An I/O error.
    pub fn append_row(&mut self, row: &ListRow) -> Result<()> {
        self.write_opening(&rows::line(row))
    }

    /// Ends the list rows and makes them durable, with the directory entries that lead to them.
    ///
    /// # Errors
    /// An I/O error.
    pub fn end_rows(&mut self, lists: &Lists) -> Result<()> {
        let line = to_line(&OpeningLine::Lists(lists));
        self.write_opening(&line)?;
        self.make_durable()?;
        let parents = self.path.ancestors().skip(1).take(2).filter(|parent| parent.is_dir());
        for parent in parents {
            File::open(parent).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", parent))?;
        }
        Ok(())
    }

    /// Whether nothing of an earlier process's is in it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.is_begun || self.file.metadata().is_ok_and(|metadata| metadata.len() == 0)
    }

    fn write_opening(&mut self, line: &[u8]) -> Result<()> {
        let result = (|| {
            let block = self.block_of(BlockKind::Opening)?;
            block.write(line)?;
            if block.raw_bytes() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
        })();
        result.map_err(Error::io("write", &self.path))
    }

    /// Adds a reply. It is durable once [`make_durable`](Self::make_durable) returned.
    ///
    /// # Errors
    /// An I/O error: the log then ends at its last whole block.
    pub fn append(&mut self, reply: Reply) -> Result<()> {
        self.oldest.get_or_insert_with(Instant::now);
        let result = self.block_of(BlockKind::Replies).and_then(|block| {
            entry::write(reply, block)?;
            Ok(block.raw_bytes() >= BLOCK_BYTES || block.replies() >= DURABLE_REPLIES)
        });
        let is_full = result.map_err(Error::io("write", &self.path))?;
        if is_full { self.make_durable() } else { Ok(()) }
    }

    /// When the oldest reply that is not yet durable must be.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + DURABLE_WITHIN)
    }

    /// Writes and syncs everything appended so far.
    ///
    /// # Errors
    /// An I/O error.
    pub fn make_durable(&mut self) -> Result<()> {
        self.close_block().map_err(Error::io("write", &self.path))?;
        self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        self.oldest = None;
        Ok(())
    }

    /// Marks that nothing is left to ask, durably.
    ///
    /// # Errors
    /// An I/O error.
    pub fn mark_fetched(&mut self, at: DateTime<Utc>) -> Result<()> {
        let line = to_line(&FetchedLine { at: at.to_rfc3339_opts(SecondsFormat::Micros, true) });
        if self.block.is_some() {
            self.make_durable()?;
        }
        let marked = self.block_of(BlockKind::Fetched).and_then(|block| block.write(&line));
        marked.map_err(Error::io("write", &self.path))?;
        self.make_durable()
    }

    /// The block being filled.
    fn block_of(&mut self, kind: BlockKind) -> io::Result<&mut BlockWriter> {
        match &mut self.block {
            Some(block) => Ok(block),
            empty => Ok(empty.insert(BlockWriter::new(kind)?)),
        }
    }

    /// Writes the block being filled. What a failed write left is cut off, so that the file ends at a
    /// whole block. Behind the opening, blocks are made durable one by one: only so is a block that is not
    /// whole, before one that is, known to be damaged and not torn.
    fn close_block(&mut self) -> io::Result<()> {
        let Some(block) = self.block.take() else { return Ok(()) };
        let (frame, packed) = block.finish()?;
        let written = {
            use std::io::Seek;
            self.file
                .seek(io::SeekFrom::Start(self.end))
                .and_then(|_| self.file.write_all(&frame))
                .and_then(|()| self.file.write_all(&packed))
        };
        if let Err(error) = written {
            // Best effort: a tail that stays is cut off at the next open.
            let _ = self.file.set_len(self.end);
            return Err(error);
        }
        self.end += (frame.len() + packed.len()) as u64;
        Ok(())
    }
}
