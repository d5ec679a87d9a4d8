//! What the tests share.

mod azurite;
mod cli;
mod dataset;
mod disk;
mod export;
mod faketime;
mod files;
mod gate;
mod health;
mod nightly;
mod python;
mod s3;
mod server;
mod tools;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(crate) use azurite::Azurite;
pub(crate) use cli::{Output, Place, Rtk, Running};
pub(crate) use dataset::{Dataset, DayFile, parquet_rows};
pub(crate) use disk::SmallDisk;
pub(crate) use export::{Export, details_in, hex, log_lines, logged_details, manifest, tree, whole_manifest};
pub(crate) use files::Files;
pub(crate) use gate::Gate;
pub(crate) use health::HealthCheck;
pub(crate) use nightly::Nightly;
pub(crate) use python::{
    SampleCommand, Seen, TextRows, ask_engine, ask_warehouse, browse, load, metrics, operation_samples,
    oracle, otlp, query, read, with_client,
};
pub(crate) use s3::{Effect, Fault, S3};
pub(crate) use server::{Server, faults};
pub(crate) use tools::{finished, have_systemd_analyze, install, strace, zstdcat};

/// A rate that never makes a run wait.
pub(crate) const UNLIMITED: &str = "1000000/1s";

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository, as text.
pub(crate) fn repository_file(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Shown also where the output of tests that pass is not.
pub(crate) fn say(line: &str) {
    // Not `eprintln`: that is what tests that pass keep to themselves.
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A directory for what a test writes and a person may want to look at.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
