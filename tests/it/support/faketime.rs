//! Commands whose clock shows another time, by libfaketime.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::{Rtk, install};

impl Rtk {
    /// Its clock shows another time, which the file tells as libfaketime has it, like `+400d`.
    pub(crate) fn with_clock(self, file: &Path) -> Self {
        self.faked().env("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()).env("FAKETIME_NO_CACHE", "1")
    }

    /// Its clock goes on from a time.
    pub(crate) fn at(self, time: DateTime<Utc>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the time that the faked one is measured from")]
        let ahead = time - Utc::now();
        self.faked().env("FAKETIME", &format!("{:+}", ahead.num_seconds()))
    }

    fn faked(self) -> Self {
        self.env("LD_PRELOAD", library().to_str().unwrap()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

/// libfaketime, installed if need be.
fn library() -> PathBuf {
    let found = || {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
        let files = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
        files.into_iter().find(|file| file.exists())
    };
    found().unwrap_or_else(|| {
        install("faketime").unwrap_or_else(|problem| panic!("{problem}"));
        found().expect("faketime has its library where Debian puts it")
    })
}
