//! The bytes of a list: digested as they are on disk, then unpacked and decoded.
//!
//! In: a path, or any reader in its place. Out: UTF-8 text, or a file to seek in for Parquet.
//! Guarantees: memory does not grow with the file; the digest is of every byte, or there is none.
//! Not here: what the text says.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Seek};
use std::sync::{Arc, OnceLock};

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::detect::{self, Foreign, Packing};
use super::text::Text;

/// Bytes read from the file at once.
const READ_BYTES: usize = 128 * 1024;
/// What detection of packing and encoding looks at.
const HEAD_BYTES: usize = 4096;

/// The SHA-256 of a file, there once it was read to its end.
pub(super) type Digest = Arc<OnceLock<[u8; 32]>>;

/// What a list file holds.
pub(super) enum Contents {
    /// Text in UTF-8, as far as it is text.
    Text(Text),
    /// A Parquet file, read and digested once already.
    Parquet(File),
    /// No list.
    Foreign(Foreign),
}

/// Opens what `raw` reads; `seekable` is the same file, where it is one.
pub(super) fn contents(
    raw: Box<dyn Read + Send>,
    seekable: Option<File>,
    digest: &Digest,
) -> io::Result<Contents> {
    let digesting = Digesting { inner: raw, hasher: Sha256::new(), digest: Arc::clone(digest) };
    let (head, raw) = peek(BufReader::with_capacity(READ_BYTES, digesting))?;
    let raw = BufReader::with_capacity(READ_BYTES, raw);
    let packing = detect::packing(&head);
    let unpacked: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(raw),
        Packing::Gzip => Box::new(MultiGzDecoder::new(raw)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(raw)?),
    };
    let (head, mut unpacked) = peek(unpacked)?;
    if detect::is_parquet(&head) {
        let plain = seekable.filter(|_| packing == Packing::Plain);
        return parquet(&mut unpacked, plain).map(Contents::Parquet);
    }
    if let Some(foreign) = detect::foreign(&head) {
        return Ok(Contents::Foreign(foreign));
    }
    let (encoding, mark_bytes) = detect::encoding(&head);
    io::copy(&mut unpacked.by_ref().take(mark_bytes as u64), &mut io::sink())?;
    Ok(Contents::Text(Text::new(match encoding {
        None => Box::new(unpacked),
        Some(_) => Box::new(DecodeReaderBytesBuilder::new().encoding(encoding).build(unpacked)),
    })))
}

/// Reads a Parquet file to its end for the digest, and into an unnamed file where it cannot be sought in.
fn parquet(unpacked: &mut impl Read, plain: Option<File>) -> io::Result<File> {
    if let Some(file) = plain {
        io::copy(unpacked, &mut io::sink())?;
        return Ok(file);
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(unpacked, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

/// A reader and the bytes that were taken from its beginning.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// Looks at the first bytes of a reader; the reader returned still has them.
fn peek<R: Read>(mut reader: R) -> io::Result<(Vec<u8>, Whole<R>)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

/// Digests what passes, and leaves the digest once the end was seen.
struct Digesting {
    inner: Box<dyn Read + Send>,
    hasher: Sha256,
    digest: Digest,
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read > 0 {
            self.hasher.update(&buffer[..read]);
        } else if !buffer.is_empty() {
            // Asked again at the end, a decoder changes nothing: the first digest stays.
            self.digest.get_or_init(|| self.hasher.clone().finalize().into());
        }
        Ok(read)
    }
}
