//! The bodies in flight, and the one pool of memory that they share.
//!
//! In: what a body will take, as far as it is known. Out: a [`Body`] that gives its share back when it
//! is dropped, that is, once its reply was handed over.
//! Guarantees: shares never exceed the pool; a body over [`LARGE`] bytes has the pool to itself; no
//! deadlock, because nobody waits for a share while holding one.
//! Not here: reading from a socket (`client`).

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// All bodies in flight together, and the largest single one (contract, "Memory").
pub(super) const POOL: u32 = 64 << 20;
/// A body over this many bytes is alone in the pool.
pub(super) const LARGE: usize = 4 << 20;
/// First share of a body whose length was not told (compressed or chunked): most end within it.
const FIRST: u32 = 256 << 10;
/// Second share of such a body: [`LARGE`], and the same again for the copy when its buffer grows.
const GROWN: u32 = 8 << 20;
/// Bodies of untold length that may have grown past [`FIRST`] at once. They keep what they have read
/// while they wait to be alone in the pool, so this bounds what lies outside it: 4 times [`LARGE`].
const GROWING: usize = 4;

/// The body of a reply: its bytes, and its share of the pool until it is dropped.
#[derive(Default)]
pub struct Body {
    bytes: Vec<u8>,
    _share: Option<Share>,
}

impl Body {
    /// A body with its share.
    pub(super) fn with_share(bytes: Vec<u8>, share: Share) -> Self {
        Self { bytes, _share: Some(share) }
    }
}

/// A body outside the pool: replayed from the log, or made by a test.
impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, _share: None }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Body {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.bytes).fmt(f)
    }
}

/// The memory that bodies share.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    bytes: Arc<Semaphore>,
    growing: Arc<Semaphore>,
    large: Arc<Mutex<()>>,
}

/// What one body holds of the pool.
#[derive(Debug)]
pub(super) struct Share {
    permit: OwnedSemaphorePermit,
    /// Held by a body of untold length that has grown.
    growing: Option<OwnedSemaphorePermit>,
    /// Held by the one large body.
    large: Option<OwnedMutexGuard<()>>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(POOL as usize)),
            growing: Arc::new(Semaphore::new(GROWING)),
            large: Arc::default(),
        }
    }

    /// The share to start reading with: all that is needed where the length is known.
    pub(super) async fn reserve(&self, length: Option<usize>) -> Share {
        match length {
            Some(length) if length > LARGE => self.alone(None).await,
            Some(length) => self.of(u32::try_from(length).unwrap_or(POOL), None).await,
            None => self.of(FIRST, None).await,
        }
    }

    /// The next larger share, for a body of untold length that has filled its own.
    pub(super) async fn grow(&self, mut share: Share) -> Share {
        let growing = share.growing.take();
        drop(share);
        match growing {
            None => {
                let growing = acquire(&self.growing, 1).await;
                self.of(GROWN, Some(growing)).await
            }
            growing @ Some(_) => self.alone(growing).await,
        }
    }

    async fn alone(&self, growing: Option<OwnedSemaphorePermit>) -> Share {
        let large = Arc::clone(&self.large).lock_owned().await;
        Share { large: Some(large), ..self.of(POOL, growing).await }
    }

    async fn of(&self, bytes: u32, growing: Option<OwnedSemaphorePermit>) -> Share {
        Share { permit: acquire(&self.bytes, bytes).await, growing, large: None }
    }
}

impl Share {
    /// How many bytes may be read under this share.
    pub(super) fn room(&self) -> usize {
        if self.growing.is_some() && self.large.is_none() { LARGE } else { self.permit.num_permits() }
    }

    /// Gives back what a body that was read to its end does not need. A large body stays alone.
    pub(super) fn shrink(&mut self, bytes: usize) {
        if self.large.is_none() {
            self.growing = None;
            let spare = self.permit.num_permits().saturating_sub(bytes);
            drop(self.permit.split(spare));
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, permits: u32) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_many_owned(permits).await;
    permit.expect("the pool's semaphores are never closed")
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_share_comes_back_with_its_body() {
        let pool = Pool::new();
        let mut share = pool.reserve(None).await;
        assert_eq!(share.room(), FIRST as usize);
        share.shrink(10);
        assert_eq!(pool.bytes.available_permits(), POOL as usize - 10);
        drop(Body::with_share(vec![0; 10], share));
        assert_eq!(pool.bytes.available_permits(), POOL as usize);
    }

    #[tokio::test]
    async fn a_large_body_is_alone() {
        let pool = Pool::new();
        let mut large = pool.reserve(Some(LARGE + 1)).await;
        large.shrink(LARGE + 1);
        assert_eq!(pool.bytes.available_permits(), 0);
        drop(large);
        let small = pool.reserve(Some(LARGE)).await;
        assert_eq!(small.room(), LARGE);
    }

    #[tokio::test]
    async fn many_bodies_that_grow_at_once_all_end() {
        let pool = Pool::new();
        let bodies = (0..200).map(|n| {
            let pool = pool.clone();
            async move {
                let mut share = pool.reserve((n % 3 == 0).then_some(LARGE)).await;
                tokio::task::yield_now().await;
                for _ in 0..n % 3 {
                    share = pool.grow(share).await;
                    tokio::task::yield_now().await;
                }
                share.room()
            }
        });
        let rooms = join_all(bodies).await;
        assert_eq!(rooms[..3], [LARGE, LARGE, POOL as usize]);
        assert_eq!(pool.bytes.available_permits(), POOL as usize);
        assert_eq!(pool.growing.available_permits(), GROWING);
    }
}
