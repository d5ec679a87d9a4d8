//! The files: checked before a run, replaced after it.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Ended, metrics, summary};
use crate::config::{OperationConfig, TellingFile};
use crate::error::{Error, Result};

/// Finds out whether the files can be written, before anything is sent.
///
/// # Errors
/// [`Error::TellingFileRefused`] where one cannot.
pub fn check(config: &OperationConfig) -> Result<()> {
    for TellingFile { path, origin } in config.files() {
        unnamed(path).map_err(|source| Error::TellingFileRefused {
            origin: origin.clone(),
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// Writes the files; gives what could not be written, each file by itself.
#[must_use]
pub fn tell(ended: &Ended<'_>, config: &OperationConfig) -> Vec<Error> {
    let mut untold = Vec::new();
    if let Some(TellingFile { path, .. }) = &config.summary_file {
        untold.extend(replace(path, summary::text(ended).as_bytes()).err().map(Error::io("write", path)));
    }
    if let Some(TellingFile { path, .. }) = &config.metrics_file {
        // Without it there is no earlier success that we know of.
        let before = fs::read_to_string(path).unwrap_or_default();
        let text = metrics::text(ended, path, &before).map_err(io::Error::other);
        let written = text.and_then(|text| replace(path, &text));
        untold.extend(written.err().map(Error::io("write", path)));
    }
    untold
}

/// Gives a file new content, whole or not at all.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = unnamed(path)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// A file beside another one, under a name that no collector looks for; gone when dropped.
fn unnamed(path: &Path) -> io::Result<NamedTempFile> {
    // A rename would replace a device or a pipe.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is there, and is no regular file"));
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any program's file, subject to the umask: a collector is another user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".rtk-export-").tempfile_in(folder)
}
