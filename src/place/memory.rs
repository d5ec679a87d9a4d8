//! A store in memory, for tests: the crate's, with parts that may come in any order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// The parts of the uploads that are under way.
type Uploads = BTreeMap<MultipartId, BTreeMap<usize, Bytes>>;

/// A store in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    objects: InMemory,
    uploads: Mutex<Uploads>,
    /// While it is set, no object can be read or written.
    is_down: Arc<AtomicBool>,
}

impl Memory {
    /// An empty store and its switch.
    pub(super) fn that_fails(is_down: Arc<AtomicBool>) -> Self {
        Self { is_down, ..Self::default() }
    }

    fn is_up(&self) -> Result<()> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(Error::Generic { store: "memory", source: "it is down".into() });
        }
        Ok(())
    }

    fn uploads<T>(&self, work: impl FnOnce(&mut Uploads) -> T) -> T {
        work(&mut self.uploads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.objects.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Memory {
    async fn put_opts(&self, to: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.is_up()?;
        self.objects.put_opts(to, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, of: &Path, options: GetOptions) -> Result<GetResult> {
        self.is_up()?;
        self.objects.get_opts(of, options).await
    }

    fn delete_stream(&self, names: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(names)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

fn no_upload(to: &Path) -> Error {
    Error::NotFound { path: to.to_string(), source: "no such upload".into() }
}

#[async_trait]
impl MultipartStore for Memory {
    async fn create_multipart(&self, _: &Path) -> Result<MultipartId> {
        Ok(self.uploads(|uploads| {
            let id = uploads.len().to_string();
            uploads.insert(id.clone(), BTreeMap::new());
            id
        }))
    }

    async fn put_part(&self, to: &Path, id: &MultipartId, part: usize, data: PutPayload) -> Result<PartId> {
        self.uploads(|uploads| {
            let parts = uploads.get_mut(id).ok_or_else(|| no_upload(to))?;
            parts.insert(part, data.into());
            Ok(PartId { content_id: part.to_string() })
        })
    }

    async fn complete_multipart(&self, to: &Path, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
        let sent = self.uploads(|uploads| uploads.remove(id)).ok_or_else(|| no_upload(to))?;
        let named = parts.iter().map(|part| part.content_id.clone());
        assert!(sent.keys().map(ToString::to_string).eq(named), "parts are named in their order");
        self.objects.put(to, sent.into_values().collect()).await
    }

    async fn abort_multipart(&self, to: &Path, id: &MultipartId) -> Result<()> {
        self.uploads(|uploads| uploads.remove(id)).map(|_| ()).ok_or_else(|| no_upload(to))
    }
}
