//! One block of the log: a skippable frame that describes, and the zstd frame it describes.
//!
//! Layout of the skippable frame (little endian): magic `0x184D2A5B` (RFC 8878, section 3.1.2), payload
//! length; payload: tag, version, kind, lengths and CRC-32 of the zstd frame, the index entries, and a
//! CRC-32 of the payload itself. It stands first, so that a reader can pass over the data.

use std::io::{self, Write};

use zstd::stream::write::Encoder;

use crate::fetch::Reply;
use crate::model::{PageSize, ParticipantId, RequestKey, SessionId};
use crate::wire::Gave;

/// Magic of the skippable frame; its low nibble is ours to choose.
const MAGIC: u32 = 0x184D_2A5B;
/// First bytes of the payload.
const TAG: [u8; 4] = *b"RTKX";
/// Version of this layout.
const VERSION: u8 = 1;
/// Bytes of the payload before the index.
const FIXED: usize = 32;
/// Bytes of an index entry.
const ENTRY: usize = 42;
/// The most replies in a block.
const MOST_REPLIES: usize = 1_000;
const _: () = assert!(super::DURABLE_REPLIES <= MOST_REPLIES, "a block holds what is not durable yet");
/// A payload that says to be longer is none: nobody has to believe in its length.
const MOST_PAYLOAD: usize = FIXED + MOST_REPLIES * ENTRY + 4;
/// Magic, payload length.
pub(super) const PREFIX: usize = 8;
/// Level 1: the fastest that still shrinks replies about sevenfold; the log must keep up with the
/// network on one thread.
const LEVEL: i32 = 1;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// The opening lines: settings, list rows, end of the lists.
    Opening,
    /// Replies.
    Replies,
    /// The mark that everything was fetched.
    Fetched,
}

/// Where a reply stands: its block and the offset of its line in the unpacked block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location(u64);

impl Location {
    /// A line at `offset` of block number `block`.
    #[must_use]
    pub const fn new(block: u32, offset: u32) -> Self {
        Self((block as u64) << 32 | offset as u64)
    }

    /// Number of the block.
    #[must_use]
    pub const fn block(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Offset of the line.
    #[must_use]
    pub const fn offset(self) -> u32 {
        (self.0 & 0xFFFF_FFFF) as u32
    }
}

/// How a reply ended, as far as planning needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What was asked for.
    Found,
    /// 404.
    NotFound,
    /// Another answer that is final.
    Failed,
    /// No answer: a resumed run asks again.
    AskAgain,
}

/// One reply in a block's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexedReply {
    pub(super) key: RequestKey,
    pub(super) state: State,
    pub(super) gave: Gave,
    /// Requests sent for it, at most 65,535.
    pub(super) attempts: u16,
    /// How many of them met a 429.
    pub(super) rate_limited: u16,
    pub(super) offset: u32,
}

/// What the skippable frame says of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: BlockKind,
    /// Bytes of the zstd frame.
    pub(super) packed_bytes: u64,
    /// Bytes of the lines.
    pub(super) raw_bytes: u64,
    /// CRC-32 of the zstd frame.
    pub(super) crc: u32,
}

/// A block being filled.
pub(super) struct BlockWriter {
    kind: BlockKind,
    encoder: Encoder<'static, Vec<u8>>,
    raw_bytes: u64,
    index: Vec<IndexedReply>,
}

impl BlockWriter {
    pub(super) fn new(kind: BlockKind) -> io::Result<Self> {
        let mut encoder = Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self { kind, encoder, raw_bytes: 0, index: Vec::new() })
    }

    /// Adds bytes of lines.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.encoder.write_all(bytes)?;
        self.raw_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Names the reply whose line begins here.
    pub(super) fn index(&mut self, reply: &Reply, state: State) -> io::Result<()> {
        let count = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        self.index.push(IndexedReply {
            key: reply.key,
            state,
            gave: reply.gave,
            attempts: count(reply.attempts),
            rate_limited: count(reply.rate_limited),
            offset: u32::try_from(self.raw_bytes).map_err(|_| io::ErrorKind::FileTooLarge)?,
        });
        Ok(())
    }

    pub(super) const fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    pub(super) const fn replies(&self) -> usize {
        self.index.len()
    }

    /// The block's bytes: the describing frame, then the zstd frame.
    pub(super) fn finish(self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let packed = self.encoder.finish()?;
        let header = Header {
            kind: self.kind,
            packed_bytes: packed.len() as u64,
            raw_bytes: self.raw_bytes,
            crc: crc32fast::hash(&packed),
        };
        Ok((header.to_frame(&self.index)?, packed))
    }
}

impl Header {
    /// The first bytes of every block.
    pub(super) const MAGIC: [u8; 4] = MAGIC.to_le_bytes();

    fn to_frame(self, index: &[IndexedReply]) -> io::Result<Vec<u8>> {
        let payload = FIXED + index.len() * ENTRY + 4;
        let length = u32::try_from(payload).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let count = u32::try_from(index.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut frame = Vec::with_capacity(PREFIX + payload);
        frame.extend(Self::MAGIC);
        frame.extend(length.to_le_bytes());
        frame.extend(TAG);
        frame.extend([VERSION, self.kind.to_byte(), 0, 0]);
        frame.extend(self.packed_bytes.to_le_bytes());
        frame.extend(self.raw_bytes.to_le_bytes());
        frame.extend(self.crc.to_le_bytes());
        frame.extend(count.to_le_bytes());
        for reply in index {
            reply.to_bytes(&mut frame);
        }
        let crc = crc32fast::hash(&frame[PREFIX..]);
        frame.extend(crc.to_le_bytes());
        Ok(frame)
    }

    /// How many replies a describing frame of so many bytes indexes.
    pub(super) const fn indexed(frame_bytes: u64) -> u64 {
        frame_bytes.saturating_sub((PREFIX + FIXED + 4) as u64) / ENTRY as u64
    }

    /// The payload's length, from the frame's first bytes; `None` where they are not ours.
    pub(super) fn payload_bytes(prefix: &[u8]) -> Option<usize> {
        let mut fields = Fields(prefix);
        (fields.take()? == Self::MAGIC).then_some(())?;
        let length = usize::try_from(fields.u32()?).ok()?;
        (FIXED + 4..=MOST_PAYLOAD).contains(&length).then_some(length)
    }

    /// Reads a payload; `None` where it is torn or not ours.
    pub(super) fn parse(payload: &[u8]) -> Option<(Self, Vec<IndexedReply>)> {
        let (content, crc) = payload.split_at_checked(payload.len().checked_sub(4)?)?;
        (crc32fast::hash(content) == Fields(crc).u32()?).then_some(())?;
        let mut fields = Fields(content);
        (fields.take::<4>()? == TAG).then_some(())?;
        let [version, kind, _, _] = fields.take::<4>()?;
        (version == VERSION).then_some(())?;
        let header = Self {
            kind: BlockKind::of_byte(kind)?,
            packed_bytes: fields.u64()?,
            raw_bytes: fields.u64()?,
            crc: fields.u32()?,
        };
        let count = fields.u32()?;
        let index = (0..count).map(|_| IndexedReply::of_bytes(&mut fields)).collect::<Option<_>>()?;
        fields.0.is_empty().then_some((header, index))
    }
}

/// What bytes that are no whole block may be the start of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A block of this version of which not all was written.
    OfABlock,
    /// A block of another version.
    AnotherVersion,
    /// Nothing that a log begins with.
    Foreign,
}

impl Start {
    /// How much of the start tells: a page, which is what a crash leaves unwritten.
    pub(super) const BYTES: u64 = 4096;

    /// What these first bytes are the start of.
    pub(super) fn of(bytes: &[u8]) -> Self {
        const VERSION_AT: usize = PREFIX + TAG.len();
        let written = Header::MAGIC.iter().zip(bytes).take_while(|(magic, byte)| magic == byte).count();
        if written < Header::MAGIC.len() {
            // Zeros were never written.
            let unwritten = bytes[written..].iter().all(|byte| *byte == 0);
            return if unwritten { Self::OfABlock } else { Self::Foreign };
        }
        match bytes.get(VERSION_AT) {
            Some(version) if bytes[PREFIX..VERSION_AT] == TAG && *version != VERSION => Self::AnotherVersion,
            _ => Self::OfABlock,
        }
    }
}

impl BlockKind {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Opening => 0,
            Self::Replies => 1,
            Self::Fetched => 2,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Opening),
            1 => Some(Self::Replies),
            2 => Some(Self::Fetched),
            _ => None,
        }
    }
}

impl State {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Found => 0,
            Self::NotFound => 1,
            Self::Failed => 2,
            Self::AskAgain => 3,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Found),
            1 => Some(Self::NotFound),
            2 => Some(Self::Failed),
            3 => Some(Self::AskAgain),
            _ => None,
        }
    }
}

/// Bits of an index entry's second byte: how the reply ended, and what it gave.
const STATE: u8 = 0b11;
const STATISTICS: u8 = 0b100;
const RECORD: u8 = 0b1000;

const fn gave_to_byte(gave: Gave) -> u8 {
    (if gave.statistics { STATISTICS } else { 0 }) | (if gave.record { RECORD } else { 0 })
}

const fn gave_of_byte(byte: u8) -> Gave {
    Gave { statistics: byte & STATISTICS != 0, record: byte & RECORD != 0 }
}

impl IndexedReply {
    fn to_bytes(self, out: &mut Vec<u8>) {
        let (kind, rest) = match self.key {
            RequestKey::Details { participant, .. } => (0, participant.to_bytes()),
            RequestKey::Page { page_no, size, .. } => (1, page_to_bytes(page_no, size)),
            RequestKey::Session { .. } => (2, [0; 16]),
            RequestKey::Sessions { page_no, size } => (3, page_to_bytes(page_no, size)),
            RequestKey::PeerReport { participant, .. } => (4, participant.to_bytes()),
        };
        out.extend([kind, self.state.to_byte() | gave_to_byte(self.gave)]);
        out.extend(self.key.session().map_or([0; 16], SessionId::to_bytes));
        out.extend(rest);
        out.extend(self.attempts.to_le_bytes());
        out.extend(self.rate_limited.to_le_bytes());
        out.extend(self.offset.to_le_bytes());
    }

    fn of_bytes(fields: &mut Fields<'_>) -> Option<Self> {
        let [kind, ending] = fields.take::<2>()?;
        let (state, gave) = (State::of_byte(ending & STATE)?, gave_of_byte(ending));
        let session = SessionId::from_bytes(fields.take::<16>()?);
        let rest = fields.take::<16>()?;
        let attempts = fields.take().map(u16::from_le_bytes)?;
        let rate_limited = fields.take().map(u16::from_le_bytes)?;
        let offset = fields.u32()?;
        let key = match kind {
            0 => RequestKey::Details { session, participant: ParticipantId::from_bytes(rest) },
            1 => {
                let (page_no, size) = page_of_bytes(rest)?;
                RequestKey::Page { session, page_no, size }
            }
            2 => RequestKey::Session { session },
            3 => {
                let (page_no, size) = page_of_bytes(rest)?;
                RequestKey::Sessions { page_no, size }
            }
            4 => RequestKey::PeerReport { session, participant: ParticipantId::from_bytes(rest) },
            _ => return None,
        };
        Some(Self { key, state, gave, attempts, rate_limited, offset })
    }
}

/// A page's number and size in the place of a participant's id.
fn page_to_bytes(page_no: u32, size: PageSize) -> [u8; 16] {
    let size = match size {
        PageSize::Records(records) => records,
        PageSize::ServerDefault => 0,
    };
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&page_no.to_le_bytes());
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes
}

fn page_of_bytes(bytes: [u8; 16]) -> Option<(u32, PageSize)> {
    let mut numbers = Fields(&bytes);
    let page_no = numbers.u32()?;
    let size = match numbers.u32()? {
        0 => PageSize::ServerDefault,
        records => PageSize::Records(records),
    };
    Some((page_no, size))
}

/// Bytes read from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

impl std::fmt::Debug for BlockWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockWriter")
            .field("kind", &self.kind)
            .field("raw_bytes", &self.raw_bytes)
            .finish_non_exhaustive()
    }
}
