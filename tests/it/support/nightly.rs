//! A dataset that is synced night after night, in a directory or in a bucket: its exporter, its API and its store.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use rtk_export::sandbox::SandboxOptions;

use super::{Dataset, Gate, Place, Rtk, S3, Server};

/// A dataset and all that it depends on.
pub(crate) struct Nightly {
    pub(crate) place: Place,
    pub(crate) server: Server,
    /// What every request to the API goes through; open, if nobody holds it.
    pub(crate) gate: Gate,
    pub(crate) s3: Option<S3>,
    clock: PathBuf,
}

impl Nightly {
    /// With a bucket, or in a directory.
    pub(crate) fn new(s3: Option<S3>, options: impl FnOnce(&mut SandboxOptions)) -> Self {
        let (place, server) = (Place::new(), Server::start(options));
        let (gate, clock) = (Gate::before(&server), place.path("clock"));
        Self { place, server, gate, s3, clock }
    }

    /// Where the dataset's files are. A bucket is a directory too, in which files appear whole.
    pub(crate) fn root(&self) -> PathBuf {
        self.s3.as_ref().map_or_else(|| self.place.path("ds"), |s3| s3.bucket().join("rtk"))
    }

    /// The dataset, read by its commit.
    pub(crate) fn dataset(&self) -> Dataset {
        Dataset::read(&self.root())
    }

    /// Sets the exporter's clock and the API's.
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        self.server.set_clock(now);
        let next = self.place.write("next", now.format("@%Y-%m-%d %H:%M:%S").to_string());
        fs::rename(next, &self.clock).unwrap();
    }

    /// Any command, whose arguments name the dataset as `AT`.
    pub(crate) fn command(&self, args: &str) -> Rtk {
        self.equipped(self.place.rtk(&self.arguments(args)))
    }

    /// The same as a part of a shell's command.
    pub(crate) fn shell(&self, script: &str) -> Rtk {
        self.equipped(self.place.shell(&self.arguments(script)))
    }

    fn arguments(&self, args: &str) -> String {
        args.replace("AT", if self.s3.is_some() { "s3://bucket/rtk" } else { "ds" })
    }

    fn equipped(&self, rtk: Rtk) -> Rtk {
        let rtk = rtk.against(&self.server).through(&self.gate).with_clock(&self.clock);
        self.s3.iter().fold(rtk, Rtk::storing_in)
    }

    /// Makes the lock in a bucket, which its killed holder left, as old as it has to be to be taken over.
    pub(crate) fn age_lock(&self) {
        let lock = self.root().join(".rtk-export/lock.json");
        if let (Some(_), Ok(lock)) = (&self.s3, File::options().append(true).open(lock)) {
            lock.set_modified(SystemTime::from(rtk_export::clock::now()) - Duration::from_mins(5)).unwrap();
        }
    }
}
