//! Moments of an export's life, told from outside by what it has done so far.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Place, Server};

/// When an export is struck. One that does not come about is over when the next stage begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// So long after its start.
    Start(Duration),
    /// After so many requests of its own.
    Fetching(u64),
    /// When its log has grown so many times.
    Flush(u64),
    /// When so many bytes of its tables are staged.
    Tables(u64),
    /// When so many files were swapped in; one more than there are: once the manifest is there.
    Publishing(usize),
}

impl Moment {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Fetching(_) => "fetching",
            Self::Flush(_) => "flush",
            Self::Tables(_) => "tables",
            Self::Publishing(_) => "publishing",
        }
    }

    /// Tells, asked again and again, whether it has come.
    pub(super) fn watch<'a>(
        self,
        place: &'a Place,
        server: &'a Server,
        log: &str,
    ) -> Box<dyn FnMut() -> bool + 'a> {
        let start = Instant::now();
        let before = server.requests();
        let log = place.path(log);
        let length = move || fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let (mut last, mut grown) = (length(), 0);
        let record = staging(place).join("manifest.json");
        let was_begun = record.exists();
        match self {
            Self::Start(delay) => Box::new(move || start.elapsed() >= delay),
            Self::Fetching(requests) => {
                Box::new(move || server.requests() - before >= requests || is_staging(place))
            }
            Self::Flush(times) => Box::new(move || {
                let now = length();
                grown += u64::from(now > last);
                last = now;
                grown >= times || is_staging(place)
            }),
            Self::Tables(bytes) => {
                // What an earlier process left there goes first.
                let mut is_old = staged_bytes(place) >= bytes;
                Box::new(move || {
                    let is_there = staged_bytes(place) >= bytes;
                    is_old &= is_there;
                    is_there && !is_old || record.exists() && !was_begun
                })
            }
            Self::Publishing(files) => {
                // An earlier process began: this one is to get on with it.
                let files = files.max(usize::from(was_begun));
                let (mut staged, mut begun) = (None, false);
                Box::new(move || {
                    if !record.exists() {
                        return begun;
                    }
                    begun = true;
                    let left = staged_files(place).len();
                    staged.get_or_insert(left).saturating_sub(left) >= files
                })
            }
        }
    }
}

/// Where an export's files are made.
fn staging(place: &Place) -> PathBuf {
    place.path("out/.rtk-export/staging")
}

/// Whether making files was begun.
fn is_staging(place: &Place) -> bool {
    staging(place).exists()
}

/// The files of tables in staging, as far as they can be seen while somebody moves them.
pub(super) fn staged_files(place: &Place) -> Vec<PathBuf> {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = entries(&staging(place)).filter(|folder| folder.is_dir());
    folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>()).collect()
}

fn staged_bytes(place: &Place) -> u64 {
    staged_files(place).iter().map(|file| fs::metadata(file).map_or(0, |metadata| metadata.len())).sum()
}
