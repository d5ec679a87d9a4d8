//! Stage 7: staged files -> the output directory, so that readers see the old export or the new one.
//!
//! In: a [`Staging`] directory whose files are closed, synced and counted, and their [`Manifest`].
//! Out: the export. The order of steps:
//!
//! 1. the new manifest into staging, synced: from here on the swap can be finished by anyone
//! 2. the old manifest out of the output: from here on there is no export for readers
//! 3. each new file to its place, then each stale one removed, then the directories synced
//! 4. the new manifest to its place, synced: the export is complete
//!
//! Guarantees: killed at any step, the old export stands whole, or there is no manifest and either
//! [`finish`] or [`publish`] of a set made again ends well. A file that is not the tool's stays.
//! Not here: an output in an object store (`store`), making files, deciding whether an output may be replaced.

mod store;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub use store::{finish as finish_in_store, publish as to_store};

use crate::error::{Error, Result};
use crate::files::{Staging, sha256, sync_dir};
use crate::manifest::{self, Manifest, TableFile};
use crate::tables::schema::Table;

/// A step of publishing, announced before it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The new manifest goes to staging.
    Record,
    /// The old manifest goes.
    RetireManifest,
    /// A new file goes to its place.
    SwapIn(String),
    /// A file of the old export goes.
    RemoveStale(String),
    /// The names of a directory are made durable; empty for the output itself.
    SyncDirectory(String),
    /// The new manifest appears.
    PublishManifest,
    /// Staging goes.
    RemoveStaging,
}

/// Told of every step; its error stops publishing there, as a crash would.
pub type Observer<'a> = &'a mut dyn FnMut(&Step) -> io::Result<()>;

/// An export that readers can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it is made of.
    pub manifest: Manifest,
}

/// Publishes what is staged.
///
/// # Errors
/// [`Error::FileChanged`] where a staged file is not what the manifest says, [`Error::Output`] where the
/// disk refuses.
pub fn publish(staging: &Staging, manifest: Manifest, observe: Observer<'_>) -> Result<Published> {
    check_sizes(staging, &manifest)?;
    let mut swap = Swap { staging, manifest: &manifest, observe };
    swap.announce(&Step::Record)?;
    record(staging, &manifest)?;
    swap.run()?;
    Ok(Published { manifest })
}

/// Finishes a swap that was killed; `None` where none was begun, or not all of its files are left.
///
/// # Errors
/// [`Error::Output`] where the disk refuses.
pub fn finish(output: &Path, observe: Observer<'_>) -> Result<Option<Published>> {
    let staging = Staging::of(output);
    let Some(manifest) = recorded(&staging)? else { return Ok(None) };
    if !manifest.files().all(|file| is_whole(staging.dir(), file) || is_whole(output, file)) {
        return Ok(None);
    }
    Swap { staging: &staging, manifest: &manifest, observe }.run()?;
    Ok(Some(Published { manifest }))
}

/// The manifest that staging was recorded with, if it was.
fn recorded(staging: &Staging) -> Result<Option<Manifest>> {
    match Manifest::read(&staging.dir().join(Staging::MANIFEST)) {
        Ok(manifest) => Ok(Some(manifest)),
        // Another version's record: the set has to be made again.
        Err(Error::SchemaVersion { .. } | Error::Manifest { .. }) => Ok(None),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file is what its manifest says.
fn is_whole(dir: &Path, file: &TableFile) -> bool {
    sha256(&dir.join(&file.path)).is_ok_and(|(bytes, hash)| bytes == file.bytes && hash == file.sha256)
}

/// Whether the staged files have the sizes that the manifest says.
fn check_sizes(staging: &Staging, manifest: &Manifest) -> Result<()> {
    for file in manifest.files() {
        let path = staging.dir().join(&file.path);
        if fs::metadata(&path).ok().map(|metadata| metadata.len()) != Some(file.bytes) {
            return Err(Error::FileChanged { path, expected: file.bytes });
        }
    }
    Ok(())
}

/// Makes the swap finishable: the manifest in staging, under its name only once it is whole.
fn record(staging: &Staging, manifest: &Manifest) -> Result<()> {
    let dir = staging.dir();
    for folder in folders(manifest) {
        sync_dir(&dir.join(folder))?;
    }
    let record = dir.join(Staging::MANIFEST);
    let temporary = record.with_extension("json.tmp");
    let json = manifest.to_json().map_err(|source| Error::Manifest { path: record.clone(), source })?;
    File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(json.as_bytes())?;
            file.sync_all()
        })
        .map_err(Error::output("write", &temporary))?;
    rename(&temporary, &record)?;
    sync_dir(dir)
}

/// The folders of the files.
fn folders(manifest: &Manifest) -> BTreeSet<String> {
    manifest.files().filter_map(|file| folder(&file.path)).map(str::to_owned).collect()
}

/// A swap under way.
struct Swap<'a> {
    staging: &'a Staging,
    manifest: &'a Manifest,
    observe: Observer<'a>,
}

impl Swap<'_> {
    /// Every step can have been taken before: each is skipped where its work is done.
    fn run(&mut self) -> Result<()> {
        self.retire_manifest()?;
        let mut changed = folders(self.manifest);
        for file in self.manifest.files() {
            self.announce(&Step::SwapIn(file.path.clone()))?;
            self.swap_in(file)?;
        }
        for path in self.stale()? {
            self.announce(&Step::RemoveStale(path.clone()))?;
            remove(&self.staging.output().join(&path))?;
            changed.extend(folder(&path).map(str::to_owned));
        }
        for folder in changed {
            self.announce(&Step::SyncDirectory(folder.clone()))?;
            sync_dir(&self.staging.output().join(folder))?;
        }
        self.announce(&Step::SyncDirectory(String::new()))?;
        sync_dir(self.staging.output())?;
        self.announce(&Step::PublishManifest)?;
        rename(
            &self.staging.dir().join(Staging::MANIFEST),
            &self.staging.output().join(manifest::FILE_NAME),
        )?;
        sync_dir(self.staging.output())?;
        self.announce(&Step::RemoveStaging)?;
        fs::remove_dir_all(self.staging.dir()).map_err(Error::output("remove", self.staging.dir()))
    }

    /// Takes the old manifest away, but keeps it: it names the files that may be removed.
    fn retire_manifest(&mut self) -> Result<()> {
        let old = self.staging.output().join(manifest::FILE_NAME);
        if !old.exists() {
            return Ok(());
        }
        self.announce(&Step::RetireManifest)?;
        rename(&old, &self.staging.dir().join(Staging::PREVIOUS_MANIFEST))?;
        sync_dir(self.staging.output())?;
        sync_dir(self.staging.dir())
    }

    fn swap_in(&self, file: &TableFile) -> Result<()> {
        let staged = self.staging.dir().join(&file.path);
        if !staged.exists() {
            return Ok(());
        }
        let place = self.staging.output().join(&file.path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(Error::output("create", parent))?;
        }
        rename(&staged, &place)
    }

    /// The tool's own files in the output that are not part of the new export, sorted.
    fn stale(&self) -> Result<BTreeSet<String>> {
        let mut stale = BTreeSet::new();
        for table in Table::ALL {
            let dir = self.staging.output().join(table.name());
            let entries = match fs::read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
            };
            for entry in entries.map_err(Error::output("list", &dir))? {
                let name = entry.file_name();
                if let Some(name) = name.to_str().filter(|name| is_part(name)) {
                    stale.insert(format!("{}/{name}", table.name()));
                }
            }
        }
        // A rollup's file has no name that only the tool would give: the old manifest tells which are its.
        if let Ok(previous) = Manifest::read(&self.staging.dir().join(Staging::PREVIOUS_MANIFEST)) {
            let rollups = previous.files().filter(|file| is_rollup(&file.path));
            stale.extend(rollups.map(|file| file.path.clone()));
        }
        for file in self.manifest.files() {
            stale.remove(&file.path);
        }
        Ok(stale)
    }

    fn announce(&mut self, step: &Step) -> Result<()> {
        (self.observe)(step).map_err(Error::output("publish to", self.staging.output()))
    }
}

/// The folder of a path of the export.
fn folder(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

/// `part-00000.parquet` or `part-00000.csv`.
fn is_part(name: &str) -> bool {
    let number = name
        .strip_prefix("part-")
        .and_then(|rest| rest.strip_suffix(".parquet").or_else(|| rest.strip_suffix(".csv")));
    number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A file directly in `rollups/`: a manifest that somebody edited must not name others.
fn is_rollup(path: &str) -> bool {
    path.strip_prefix("rollups/").is_some_and(|name| !name.contains(['/', '\\']) && name != "..")
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::output("rename a staged file to", to))
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::output("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
