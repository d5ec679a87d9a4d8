//! Work that blocks: files, locks and long computations, on the threads that the runtime has for it.

use crate::error::{Error, Result};

/// Runs something that blocks, as a part of a stage. Dropped, it runs to its end all the same.
///
/// # Errors
/// Its own, and [`Error::StageEnded`] where it ended without one.
pub(crate) async fn blocking<T: Send + 'static>(
    stage: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::StageEnded { stage })?
}
