//! Python's readers of Parquet and CSV, as second opinions on what an export holds.
//!
//! Guarantees: made once, in the user's cache folder, whatever number of tests ask at once; another
//! set of requirements is another folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rtk_export::reference;
use rtk_export::tables::Table;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Server;
use super::tools::{finished, install};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// A table as a reader sees it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Names and types, in order.
    pub(crate) columns: Vec<(String, String)>,
    /// Values as text; times in microseconds since 1970.
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// The tables and rollups of an export, read by `duckdb` or `pyarrow`.
pub(crate) fn read(engine: &str, dir: &Path) -> BTreeMap<String, Seen> {
    let types = reference::json(&Table::ALL);
    serde_json::from_str(&run("read_export.py", &[engine, dir.to_str().unwrap(), &types])).unwrap()
}

/// The rows of a query by `DuckDB`, in the export's directory.
pub(crate) fn query(dir: &Path, sql: &str) -> Vec<Vec<Option<String>>> {
    serde_json::from_str(&run("query.py", &[dir.to_str().unwrap(), sql])).unwrap()
}

/// What `DuckDB` says of an export that is loaded into the tables of some statements: table and rows.
pub(crate) fn load(dir: &Path, ddl: &str) -> BTreeMap<String, u64> {
    serde_json::from_str(&run("load.py", &[dir.to_str().unwrap(), ddl])).unwrap()
}

/// What a list's export must hold, worked out from the sandbox's replies by other means.
pub(crate) fn oracle(server: &Server, list: &Path) -> BTreeMap<String, Vec<BTreeMap<String, Value>>> {
    let (url, token) = (server.base_url(), server.token());
    serde_json::from_str(&run("oracle.py", &[&url, token, list.to_str().unwrap()])).unwrap()
}

/// Runs a script that is beside this file; what it prints.
fn run(script: &str, args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support").join(script);
    let mut command = Command::new(python());
    // -I: nothing of the user's own Python; -B: no cache files beside the script.
    command.args(["-I", "-B"]).arg(&script).args(args).env("NO_PROXY", "*");
    finished(&mut command).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The interpreter of an environment that has the readers.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| made().unwrap_or_else(|problem| panic!("{problem}")))
}

fn made() -> Result<PathBuf, String> {
    let digest = Sha256::digest(REQUIREMENTS);
    let name = format!("python-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    let cache = cache_folder().join("rtk-export");
    fs::create_dir_all(&cache).map_err(|error| format!("cannot create {}: {error}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (venv, ready) = (cache.join(&name), cache.join(&name).join("ready"));
    let python = venv.join("bin/python");
    // An upgrade of the system's Python leaves an environment that does not start.
    if ready.exists() && finished(Command::new(&python).args(["-c", "import duckdb, pyarrow"])).is_ok() {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&venv);
    let make = || finished(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    if make().is_err() {
        // No Python at all, or Debian's without its venv module.
        install("python3-venv")?;
        make()?;
    }
    let requirements = venv.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(|error| error.to_string())?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r"]);
    finished(pip.arg(&requirements))?;
    fs::write(&ready, "").map_err(|error| error.to_string())?;
    Ok(python)
}

/// The user's cache folder.
#[expect(clippy::disallowed_methods, reason = "tests keep what is slow to make, as cargo does")]
fn cache_folder() -> PathBuf {
    let of = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache"))).unwrap_or_else(std::env::temp_dir)
}
