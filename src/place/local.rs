//! Files in a directory: every write is a rename, and durable once it returns.
//!
//! In: keys, bytes, files. Out: what is at them. All of it blocks, so it runs on blocking threads.
//! Guarantees: a reader sees an old file or a new one; one of several that create or swap wins, since they take
//! turns by an operating system's lock (where the file system has none, whoever holds the output still does).
//! Not here: publishing an export of several files (`publish`), the hold on an output (`files`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::Stream;
use sha2::{Digest, Sha256};

use super::{Conditions, Created, Found, Key, LARGEST_READ, Listed, Object, STAGE, State, Swapped, Tag};
use crate::blocking::blocking;
use crate::clock;
use crate::error::{Error, Result, StoreError};

/// What is not of the export itself, beside which nothing is seen half written.
const STATE_DIR: &str = ".rtk-export";
/// Whoever writes locks this.
const TURN: &str = "put.lock";
/// What is being written; one at a time.
const TEMPORARY: &str = "put.tmp";

/// A directory.
#[derive(Clone, Debug)]
pub struct Local {
    dir: PathBuf,
}

impl Local {
    /// Of a directory, which need not be there.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The path of a key, or of the directory itself.
    #[must_use]
    pub fn path(&self, key: Option<&Key>) -> PathBuf {
        key.map_or_else(|| self.dir.clone(), |key| key.below(&self.dir))
    }

    pub(super) async fn read(&self, key: &Key) -> Result<Found> {
        let path = self.path(Some(key));
        blocking(STAGE, move || Ok(read(&path)?.map_or(Found::Missing, Found::There))).await
    }

    pub(super) async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        let (dir, path) = (self.dir.clone(), self.path(Some(key)));
        blocking(STAGE, move || write(&Turn::take(&dir)?, &path, &bytes)).await
    }

    pub(super) async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created> {
        let (dir, path) = (self.dir.clone(), self.path(Some(key)));
        blocking(STAGE, move || {
            let turn = Turn::take(&dir)?;
            match read(&path)? {
                Some(there) if there.bytes == bytes => Ok(Created::New(there.tag)),
                Some(_) => Ok(Created::Exists),
                None => write(&turn, &path, &bytes).map(|()| Created::New(tag(&bytes))),
            }
        })
        .await
    }

    pub(super) async fn swap(&self, key: &Key, bytes: Bytes, expected: &Tag) -> Result<Swapped> {
        let (dir, path, expected) = (self.dir.clone(), self.path(Some(key)), expected.clone());
        blocking(STAGE, move || {
            let turn = Turn::take(&dir)?;
            match read(&path)? {
                Some(there) if there.tag == expected => {
                    write(&turn, &path, &bytes).map(|()| Swapped::Done(tag(&bytes)))
                }
                Some(there) if there.bytes == bytes => Ok(Swapped::Done(there.tag)),
                Some(_) | None => Ok(Swapped::Moved),
            }
        })
        .await
    }

    pub(super) async fn upload(&self, key: &Key, file: &Path, bytes: u64) -> Result<()> {
        let (dir, path, file) = (self.dir.clone(), self.path(Some(key)), file.to_owned());
        blocking(STAGE, move || {
            let found = fs::metadata(&file).map_err(Error::output("read", &file))?.len();
            if found != bytes {
                return Err(Error::FileChanged { path: file, expected: bytes });
            }
            let made = make_folder(&path)?;
            match fs::rename(&file, &path) {
                Ok(()) => {}
                // From another file system, where the state directory is.
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    let turn = Turn::take(&dir)?;
                    let temporary = turn.temporary();
                    fs::copy(&file, &temporary).map_err(Error::output("write", &temporary))?;
                    sync(&temporary)?;
                    fs::rename(&temporary, &path).map_err(Error::output("rename", &path))?;
                    fs::remove_file(&file).map_err(Error::output("remove", &file))?;
                }
                Err(error) => return Err(Error::output("rename", path)(error)),
            }
            sync_folders(&path, &made)
        })
        .await
    }

    pub(super) async fn download(&self, key: &Key, to: &mut File) -> Result<u64> {
        let path = self.path(Some(key));
        let mut to = to.try_clone().map_err(Error::io("write", &path))?;
        blocking(STAGE, move || {
            let mut from = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(StoreError::Missing { url: path.display().to_string() }.into());
                }
                opened => opened.map_err(Error::io("read", &path))?,
            };
            io::copy(&mut from, &mut to).map_err(Error::io("read", path))
        })
        .await
    }

    pub(super) async fn remove(&self, keys: Vec<Key>) -> Result<Vec<Key>> {
        let dir = self.dir.clone();
        blocking(STAGE, move || {
            for key in &keys {
                let path = key.below(&dir);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::output("remove", path)(error));
                    }
                    _ => {}
                }
                remove_empty(&dir, &path);
            }
            Ok(keys)
        })
        .await
    }

    pub(super) fn list(&self, prefix: Option<&Key>) -> impl Stream<Item = Result<Listed>> + Send + use<> {
        let (dir, below) = (self.dir.clone(), prefix.map(|key| key.as_str().to_owned()));
        let listed = blocking(STAGE, move || {
            let mut listed = Vec::new();
            walk(&dir, below.as_deref().unwrap_or_default(), &mut listed)?;
            Ok(listed)
        });
        futures::StreamExt::flat_map(futures::stream::once(listed), |listed| {
            let items: Vec<_> = match listed {
                Ok(listed) => listed.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            futures::stream::iter(items)
        })
    }

    pub(super) async fn check(&self) -> Result<Conditions> {
        let dir = self.dir.clone();
        blocking(STAGE, move || {
            // Whoever can take a turn and write can put.
            let turn = Turn::take(&dir)?;
            let temporary = turn.temporary();
            fs::write(&temporary, b"write test").map_err(Error::output("write", &temporary))?;
            fs::remove_file(&temporary).map_err(Error::output("remove", &temporary))?;
            Ok(Conditions::Honoured)
        })
        .await
    }
}

/// A writer's turn: until dropped no other has one, where the file system has locks.
struct Turn {
    dir: PathBuf,
    _file: File,
}

impl Turn {
    fn take(root: &Path) -> Result<Self> {
        let dir = root.join(STATE_DIR);
        fs::create_dir_all(&dir).map_err(Error::output("create", &dir))?;
        let path = dir.join(TURN);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::output("open", &path))?;
        match file.lock() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(error) => return Err(Error::output("lock", path)(error)),
        }
        Ok(Self { dir, _file: file })
    }

    fn temporary(&self) -> PathBuf {
        self.dir.join(TEMPORARY)
    }
}

fn tag(bytes: &[u8]) -> Tag {
    Tag(State::Local(Sha256::digest(bytes).into()))
}

fn read(path: &Path) -> Result<Option<Object>> {
    let missing =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let file = match File::open(path) {
        Err(error) if missing(&error) => return Ok(None),
        opened => opened.map_err(Error::io("read", path))?,
    };
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if metadata.len() > LARGEST_READ {
        let (url, bytes) = (path.display().to_string(), metadata.len());
        return Err(StoreError::TooLarge { url, bytes, limit: LARGEST_READ }.into());
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, LARGEST_READ), &mut bytes)
        .map_err(Error::io("read", path))?;
    let bytes = Bytes::from(bytes);
    let modified = metadata.modified().map_err(Error::io("read", path))?;
    Ok(Some(Object { tag: tag(&bytes), bytes, modified: time(modified), read_at: clock::now() }))
}

fn time(time: SystemTime) -> DateTime<Utc> {
    time.into()
}

/// Writes a file whole, under its name only once it is.
fn write(turn: &Turn, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = turn.temporary();
    File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(Error::output("write", &temporary))?;
    let made = make_folder(path)?;
    fs::rename(&temporary, path).map_err(Error::output("rename", path))?;
    sync_folders(path, &made)
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::output("sync", path))
}

/// Makes the folder of a file; gives the folders in which something was made.
fn make_folder(path: &Path) -> Result<Vec<PathBuf>> {
    let Some(folder) = path.parent() else { return Ok(Vec::new()) };
    let missing: Vec<_> =
        folder.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    fs::create_dir_all(folder).map_err(Error::output("create", folder))?;
    Ok(missing.into_iter().filter_map(|dir| dir.parent().map(Path::to_owned)).collect())
}

/// Makes the name of a file durable, and those of the folders that were made for it.
fn sync_folders(path: &Path, made: &[PathBuf]) -> Result<()> {
    let here = Path::new(".");
    let folders = path.parent().into_iter().chain(made.iter().map(PathBuf::as_path));
    folders.map(|dir| if dir.as_os_str().is_empty() { here } else { dir }).try_for_each(sync)
}

/// Removes the folders of a file that hold nothing any more. Best effort: an empty folder is no harm.
fn remove_empty(root: &Path, path: &Path) {
    let folders = path.ancestors().skip(1).take_while(|dir| *dir != root);
    for folder in folders {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}

/// Lists the files below a folder that is named from the root.
fn walk(root: &Path, below: &str, listed: &mut Vec<Listed>) -> Result<()> {
    let folder = if below.is_empty() { root.to_owned() } else { root.join(below) };
    let missing =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let entries = match fs::read_dir(&folder) {
        Err(error) if missing(&error) => return Ok(()),
        entries => entries.map_err(Error::output("list", &folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::output("list", &folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = if below.is_empty() { name } else { format!("{below}/{name}") };
        let metadata = match entry.metadata() {
            Err(error) if missing(&error) => continue,
            metadata => metadata.map_err(Error::output("list", entry.path()))?,
        };
        if metadata.is_dir() {
            walk(root, &name, listed)?;
        } else if let Ok(key) = Key::new(name) {
            let modified = metadata.modified().map_err(Error::output("list", entry.path()))?;
            listed.push(Listed { key, bytes: metadata.len(), modified: time(modified) });
        }
    }
    Ok(())
}
