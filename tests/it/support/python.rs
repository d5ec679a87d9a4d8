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
use super::tools::{finished, have_chromium, have_java, have_postgresql, install};

/// What a script needs to have installed.
#[derive(Clone, Copy)]
enum Packages {
    /// Readers of an export's files.
    Readers,
    /// Engines that run its queries: much larger, so apart.
    Engines,
    /// What stands in for warehouses: it wants versions of its own.
    Warehouses,
    /// What drives a browser.
    Browser,
    /// Parsers of what a job is started with, and of what it tells.
    Operations,
    /// Airflow, which is large and has its own wishes.
    Airflow,
}

impl Packages {
    /// What pip is to install.
    const fn requirements(self) -> &'static str {
        match self {
            Self::Readers => include_str!("requirements.txt"),
            Self::Engines => include_str!("requirements-engines.txt"),
            Self::Warehouses => include_str!("requirements-warehouses.txt"),
            Self::Browser => include_str!("requirements-browser.txt"),
            Self::Operations => include_str!("requirements-operations.txt"),
            Self::Airflow => include_str!("requirements-airflow.txt"),
        }
    }

    /// What proves that it is there.
    const fn imports(self) -> &'static str {
        match self {
            Self::Readers => "import duckdb, pyarrow",
            Self::Engines => "import duckdb, pytz, psycopg2, pyspark",
            Self::Warehouses => "import chdb, fakesnow, pyarrow, sqlglot",
            Self::Browser => "import playwright",
            Self::Operations => "import crontab, kubernetes_validate, prometheus_client, yamllint",
            Self::Airflow => "import airflow",
        }
    }
}

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
    serde_json::from_str(&run(Packages::Readers, "read_export.py", &[engine, dir.to_str().unwrap(), &types]))
        .unwrap()
}

/// The rows of a query by `DuckDB`, in the export's directory.
pub(crate) fn query(dir: &Path, sql: &str) -> Vec<Vec<Option<String>>> {
    serde_json::from_str(&run(Packages::Readers, "query.py", &[dir.to_str().unwrap(), sql])).unwrap()
}

/// What `DuckDB` says of an export that is loaded into the tables of some statements: table and rows.
pub(crate) fn load(dir: &Path, ddl: &str) -> BTreeMap<String, u64> {
    serde_json::from_str(&run(Packages::Readers, "load.py", &[dir.to_str().unwrap(), ddl])).unwrap()
}

/// What a list's export must hold, worked out from the sandbox's replies by other means.
pub(crate) fn oracle(server: &Server, list: &Path) -> BTreeMap<String, Vec<BTreeMap<String, Value>>> {
    let (url, token) = (server.base_url(), server.token());
    serde_json::from_str(&run(Packages::Readers, "oracle.py", &[&url, token, list.to_str().unwrap()]))
        .unwrap()
}

/// Rows of text.
pub(crate) type TextRows = Vec<Vec<Option<String>>>;

/// The rows of each query over each export, by `duckdb`, `postgresql` or `spark`, started for it. The task
/// is that of `engines.py`.
pub(crate) fn ask_engine(name: &str, task: &Path) -> BTreeMap<String, BTreeMap<String, TextRows>> {
    let needed = match name {
        "postgresql" => have_postgresql(),
        "spark" => have_java(),
        _ => Ok(()),
    };
    needed.unwrap_or_else(|problem| panic!("{problem}"));
    serde_json::from_str(&run(Packages::Engines, "engines.py", &[name, task.to_str().unwrap()])).unwrap()
}

/// What the tables hold after each script of a warehouse's statements: see `warehouses.py`.
pub(crate) fn ask_warehouse(name: &str, task: &Path) -> Vec<BTreeMap<String, TextRows>> {
    let packages = warehouse_packages(name);
    serde_json::from_str(&run(packages, "warehouses.py", &[name, task.to_str().unwrap()])).unwrap()
}

/// The command that runs a script of the shell where a warehouse's client is at hand.
pub(crate) fn with_client(name: &str, script: &Path) -> String {
    // DuckDB's is not among the engines' packages.
    let packages = if name == "duckdb" { Packages::Warehouses } else { warehouse_packages(name) };
    let (python, runner) = (python(packages).display(), support_file("warehouses.py"));
    format!("exec '{python}' -I -B '{}' page {name} '{}'", runner.display(), script.display())
}

/// The packages that a warehouse is in; what it needs beside them is there.
fn warehouse_packages(name: &str) -> Packages {
    let (packages, needed) = match name {
        "postgres" => (Packages::Engines, have_postgresql()),
        "spark" => (Packages::Engines, have_java()),
        "duckdb" => (Packages::Engines, Ok(())),
        _ => (Packages::Warehouses, Ok(())),
    };
    needed.unwrap_or_else(|problem| panic!("{problem}"));
    packages
}

/// What a headless Chromium makes of a page: see `browse.py`. Screenshots are left in the folder.
pub(crate) fn browse(page: &Path, screenshots: &Path) -> Value {
    let chromium = have_chromium().unwrap_or_else(|problem| panic!("{problem}"));
    let args = [chromium.to_str().unwrap(), page.to_str().unwrap(), screenshots.to_str().unwrap()];
    serde_json::from_str(&run(Packages::Browser, "browse.py", &args)).unwrap()
}

/// Name, labels and value of each point of a metric.
pub(crate) type Series = Vec<(String, BTreeMap<String, String>, String)>;

/// The series of a file of metrics, as Prometheus's own client reads them.
pub(crate) fn metrics(file: &Path) -> Series {
    let args = ["metrics", file.to_str().unwrap()];
    serde_json::from_str(&run(Packages::Operations, "operations.py", &args)).unwrap()
}

/// The series of a request to a collector, as OpenTelemetry's own messages read them.
pub(crate) fn otlp(file: &Path) -> Series {
    let args = ["otlp", file.to_str().unwrap()];
    serde_json::from_str(&run(Packages::Operations, "operations.py", &args)).unwrap()
}

/// A shell command of a sample, and the environment that the sample gives it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct SampleCommand {
    pub(crate) command: String,
    pub(crate) env: BTreeMap<String, String>,
}

/// The commands in each sample of a folder, after each was checked by its own parser.
pub(crate) fn operation_samples(folder: &Path) -> BTreeMap<String, Vec<SampleCommand>> {
    let args = ["samples", folder.to_str().unwrap()];
    let mut samples: BTreeMap<String, Vec<SampleCommand>> =
        serde_json::from_str(&run(Packages::Operations, "operations.py", &args)).unwrap();
    let dags = folder.join("airflow_dag.py");
    let commands = run(Packages::Airflow, "dags.py", &[dags.to_str().unwrap()]);
    samples.insert("airflow_dag.py".to_owned(), serde_json::from_str(&commands).unwrap());
    samples
}

/// Runs a script that is beside this file; what it prints.
fn run(packages: Packages, script: &str, args: &[&str]) -> String {
    let script = support_file(script);
    let mut command = Command::new(python(packages));
    // -I: nothing of the user's own Python; -B: no cache files beside the script.
    command.args(["-I", "-B"]).arg(&script).args(args).env("NO_PROXY", "*");
    finished(&mut command).unwrap_or_else(|problem| panic!("{problem}"))
}

/// A file beside this one.
fn support_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support").join(name)
}

/// The interpreter of an environment that has the packages.
fn python(packages: Packages) -> &'static Path {
    static READERS: OnceLock<PathBuf> = OnceLock::new();
    static ENGINES: OnceLock<PathBuf> = OnceLock::new();
    static WAREHOUSES: OnceLock<PathBuf> = OnceLock::new();
    static BROWSER: OnceLock<PathBuf> = OnceLock::new();
    static OPERATIONS: OnceLock<PathBuf> = OnceLock::new();
    static AIRFLOW: OnceLock<PathBuf> = OnceLock::new();
    let python = match packages {
        Packages::Readers => &READERS,
        Packages::Engines => &ENGINES,
        Packages::Warehouses => &WAREHOUSES,
        Packages::Browser => &BROWSER,
        Packages::Operations => &OPERATIONS,
        Packages::Airflow => &AIRFLOW,
    };
    python.get_or_init(|| made(packages).unwrap_or_else(|problem| panic!("{problem}")))
}

fn made(packages: Packages) -> Result<PathBuf, String> {
    let digest = Sha256::digest(packages.requirements());
    let name = format!("python-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    let cache = cache_folder().join("rtk-export");
    fs::create_dir_all(&cache).map_err(|error| format!("cannot create {}: {error}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (venv, ready) = (cache.join(&name), cache.join(&name).join("ready"));
    let python = venv.join("bin/python");
    // An upgrade of the system's Python leaves an environment that does not start.
    if ready.exists() && finished(Command::new(&python).args(["-c", packages.imports()])).is_ok() {
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
    fs::write(&requirements, packages.requirements()).map_err(|error| error.to_string())?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    // Jars in an archive that nobody has to compile.
    pip.args(["--no-binary=pyspark", "-r"]);
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
