//! The log's replies by location, through a small cache of unpacked blocks.
//!
//! In: where a reply stands. Out: its block, unpacked, and the reply in it.
//! Guarantees: clones share the cache, so that threads that read neighbouring replies unpack each block once.
//! Memory: the cache's bounds, and the block that each clone read last.
//! Not here: which reply rules (`replies`), what a line means (`entry`).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::Location;
use super::entry::Entry;
use super::scan::Block;
use crate::error::{Error, Result};
use crate::wire::Keys;

/// Unpacked blocks that are kept: rows in plan order mostly come from the block just read, but retried and
/// resumed requests stand elsewhere, and each of four threads may be between two blocks.
const CACHED_BLOCKS: usize = 8;
/// Blocks larger than this are not kept beside others.
const CACHED_BYTES: u64 = 16 << 20;

/// A block's lines.
type Unpacked = Arc<Vec<u8>>;

/// Replies by location.
#[derive(Clone, Debug)]
pub struct Entries {
    packed: Arc<Packed>,
    /// The block asked for last, which is mostly asked for again.
    last: Option<(u32, Unpacked)>,
    /// Of the line read last.
    keys: Keys,
}

/// The blocks as they lie on disk, and those that were unpacked.
#[derive(Debug)]
struct Packed {
    path: PathBuf,
    blocks: Vec<Block>,
    /// Most recently used last.
    cache: Mutex<VecDeque<(u32, Slot)>>,
}

/// A cached block: nothing until the thread that holds it has unpacked it.
type Slot = Arc<Mutex<Option<Unpacked>>>;

impl Entries {
    pub(super) fn new(path: PathBuf, blocks: Vec<Block>) -> Self {
        Self {
            packed: Arc::new(Packed { path, blocks, cache: Mutex::default() }),
            last: None,
            keys: Keys::default(),
        }
    }

    /// The unpacked block in which a reply stands. [`Entries::parse`] finds the reply in it.
    ///
    /// # Errors
    /// An I/O error, or a damaged block.
    pub fn block(&mut self, location: Location) -> Result<Unpacked> {
        let wanted = location.block();
        if let Some((number, block)) = &self.last
            && *number == wanted
        {
            return Ok(Arc::clone(block));
        }
        let slot = self.packed.slot(wanted);
        let mut unpacked = lock(&slot);
        let block = match &*unpacked {
            Some(block) => Arc::clone(block),
            None => Arc::clone(unpacked.insert(Arc::new(self.packed.unpack(wanted)?))),
        };
        self.last = Some((wanted, Arc::clone(&block)));
        Ok(block)
    }

    /// The reply at a location of an unpacked block.
    ///
    /// # Errors
    /// A damaged line.
    pub fn parse<'a>(&mut self, block: &'a [u8], location: Location) -> Result<Entry<'a>> {
        let line = block.get(location.offset() as usize..).unwrap_or_default();
        let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
        Entry::parse(&line[..end], &mut self.keys).ok_or_else(|| self.packed.damaged(location.block()))
    }
}

impl Packed {
    /// The place of a block in the cache, which is made where it has none.
    fn slot(&self, number: u32) -> Slot {
        let mut cache = lock(&self.cache);
        let cached = cache.iter().position(|(cached, _)| *cached == number);
        let slot = if let Some((_, slot)) = cached.and_then(|place| cache.remove(place)) {
            slot
        } else {
            self.make_room(&mut cache, number);
            Slot::default()
        };
        cache.push_back((number, Arc::clone(&slot)));
        slot
    }

    /// Drops cached blocks, so that the next one fits within the bounds.
    fn make_room(&self, cache: &mut VecDeque<(u32, Slot)>, coming: u32) {
        let bytes = |number: u32| self.blocks.get(number as usize).map_or(0, |block| block.header.raw_bytes);
        let mut sum = cache.iter().fold(bytes(coming), |sum, (number, _)| sum.saturating_add(bytes(*number)));
        while cache.len() >= CACHED_BLOCKS || sum > CACHED_BYTES {
            let Some((dropped, _)) = cache.pop_front() else { return };
            sum = sum.saturating_sub(bytes(dropped));
        }
    }

    fn unpack(&self, number: u32) -> Result<Vec<u8>> {
        let damaged = || self.damaged(number);
        let block = self.blocks.get(number as usize).ok_or_else(damaged)?;
        let bytes = |bytes: u64| usize::try_from(bytes).map_err(|_| damaged());
        let (raw_bytes, packed_bytes) = (bytes(block.header.raw_bytes)?, bytes(block.header.packed_bytes)?);
        let refused = Error::io("read", &self.path);
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(block.data))?;
            let mut packed = Vec::with_capacity(packed_bytes);
            file.take(block.header.packed_bytes).read_to_end(&mut packed)?;
            io::Result::Ok(packed)
        };
        let packed = read().map_err(refused)?;
        let unpacked = zstd::bulk::decompress(&packed, raw_bytes).map_err(|_| damaged())?;
        if unpacked.len() == raw_bytes { Ok(unpacked) } else { Err(damaged()) }
    }

    fn damaged(&self, block: u32) -> Error {
        let offset = self.blocks.get(block as usize).map_or(0, |block| block.start);
        Error::LogDamaged { path: self.path.clone(), offset }
    }
}

/// Waits for a lock. What it guards is whole also where its holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
