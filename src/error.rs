//! The one error of the library: what failed, on what, what to do next, and the exit code.
//!
//! A failing id is data (a row of `failures`); an [`Error`] ends the command. Its `Display` is one
//! line without its own cause; the cause is its `source`. Only `ui.rs` prints.

mod class;
mod dataset;
mod hint;
mod holder;
mod store;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

pub use class::{Class, Signal};
pub use dataset::{Damage, DatasetError, Difference, Named};
#[cfg(test)]
pub(crate) use hint::TYPED_ONLY;
pub use holder::Holder;
pub use store::{StoreAction, StoreError, StoreFault};

use self::holder::told;
use crate::config::settings::{self, Setting};
use crate::config::{Origin, TokenCommandFault, TokenFault};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::RequestKey;

/// The result of everything that can end the command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- any stage ----
    /// The operating system refused something on a file or directory.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The verb: `read`, `create`, `sync`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    // ---- object stores ----
    /// Something in an object store, or with its settings.
    #[error(transparent)]
    Store(Box<StoreError>),
    // ---- lists ----
    /// A list that cannot be opened, or not be read to its end.
    #[error("cannot read {list}")]
    ListUnreadable {
        /// The file as typed, or standard input.
        list: String,
        /// What the system or the decoder said.
        source: io::Error,
    },
    /// A list of no bytes, or of blanks only.
    #[error("{list} is empty: expected a header with a session_id column, or a session ID a line")]
    ListEmpty {
        /// The file as typed, or standard input.
        list: String,
    },
    /// A file that is no list at all.
    #[error("{list} is {found}: expected CSV, TSV, JSON lines, Parquet or an ID a line")]
    ListUnsupported {
        /// The file as typed, or standard input.
        list: String,
        /// What the file seems to be, with its article.
        found: &'static str,
        /// How to make a list of it.
        advice: &'static str,
    },
    /// A list of which no column holds session IDs.
    #[error("{list} has no column of session IDs: found {}, expected session_id", columns(found))]
    ListWithoutIds {
        /// The file as typed, or standard input.
        list: String,
        /// The columns, or cells of the first row, that are there.
        found: Vec<String>,
    },
    // ---- configuration ----
    /// Settings without a default that nobody set.
    #[error("missing or empty: {}", settings::listed(missing))]
    SettingsMissing {
        /// All of them.
        missing: Vec<&'static Setting>,
    },
    /// A value that is none of its kind.
    #[error("{origin}: {value:?} is not {expected}")]
    SettingMalformed {
        /// Where it was set.
        origin: Origin,
        /// As it was set.
        value: String,
        /// What would be right, with an example.
        expected: &'static str,
    },
    /// Two settings that exclude each other.
    #[error("{first} cannot go with {second}")]
    SettingsConflict {
        /// Where the one was set.
        first: Origin,
        /// Where the other was.
        second: Origin,
    },
    /// A table that no export has.
    #[error("no table is called {name:?}")]
    UnknownTable {
        /// As it was typed.
        name: String,
    },
    /// What a warehouse cannot load from.
    #[error("cannot load from {location:?}: {why}")]
    LoadLocation {
        /// As it was typed.
        location: String,
        /// What is wrong with it.
        why: &'static str,
        /// What would do.
        wanted: &'static str,
    },
    /// A dataset that a warehouse cannot load.
    #[error("the statements of {dialect} cannot load a dataset: {why}")]
    LoadDataset {
        /// Whose statements.
        dialect: &'static str,
        /// What it cannot do.
        why: &'static str,
        /// What does instead.
        instead: &'static str,
    },
    /// A table that a dataset does not have.
    #[error("{place}: the dataset has no table {table}")]
    NoTableOfDataset {
        /// The dataset.
        place: String,
        /// The table.
        table: &'static str,
        /// Those that it has.
        there: Vec<String>,
    },
    /// `--excel` with a format that is not CSV.
    #[error("{origin} is only for the csv format")]
    ExcelWithoutCsv {
        /// Where it was set.
        origin: Origin,
    },
    /// Call statistics from pages, which have none.
    #[error("{origin}: pages of participants carry no call statistics")]
    StatisticsFromPages {
        /// Where `list` was set.
        origin: Origin,
    },
    /// A base URL that would send the token unencrypted.
    #[error("{origin}: plain http would send the token in clear text to {host}")]
    ClearTextBaseUrl {
        /// Where it was set.
        origin: Origin,
        /// A host that is not this one.
        host: String,
    },
    /// A collector that its headers would be sent to unencrypted.
    #[error(
        "{origin}: plain http would send the headers of OTEL_EXPORTER_OTLP_HEADERS in clear text to {host}"
    )]
    ClearTextHeaders {
        /// Where the collector was set.
        origin: Origin,
        /// A host that is not this one.
        host: String,
    },
    /// A collector's headers that are none; they are not shown, for there may be secrets in them.
    #[error("{origin}: these are not headers")]
    OtlpHeadersMalformed {
        /// Where they were set.
        origin: Origin,
    },
    /// An output or state directory that is a URL.
    #[error("{origin}: only directories of this machine are supported, not {scheme}://")]
    RemoteDirectory {
        /// Where it was set.
        origin: Origin,
        /// `s3`, `gs`, `az`, ...
        scheme: String,
    },
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    ConfigFileUnreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration file has a line that is not right.
    #[error("{}:{line}: {problem}", path.display())]
    ConfigFileMalformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The configuration file has a key that is no setting.
    #[error("{}:{line}: {key:?} is not a setting", path.display())]
    ConfigFileKey {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As written.
        key: String,
    },
    /// The configuration file holds a value of another type.
    #[error("{}:{line}: {key} is {found}, not {expected}", path.display())]
    ConfigFileType {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As written.
        key: String,
        /// What it is, with its article.
        found: &'static str,
        /// What would be right, with an example.
        expected: &'static str,
    },
    /// Settings without a default that neither the configuration file nor anything else sets.
    #[error(
        "{}:{line}: {}missing or empty: {}",
        path.display(),
        profile.as_ref().map(|name| format!("profile {name}: ")).unwrap_or_default(),
        settings::listed_keys(missing)
    )]
    ConfigFileLacks {
        /// Which file.
        path: PathBuf,
        /// Of the profile, or the first.
        line: usize,
        /// The profile that was chosen.
        profile: Option<String>,
        /// Those that there are, where none was chosen.
        others: Vec<String>,
        /// All that is missing.
        missing: Vec<&'static Setting>,
    },
    /// A profile that the configuration file does not have.
    #[error("{origin}: {} has no profile {name:?}", path.display())]
    NoSuchProfile {
        /// What chose it.
        origin: Box<Origin>,
        /// The configuration file.
        path: PathBuf,
        /// As it was given.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Profiles are asked for, and there are none.
    #[error(
        "{origin}: {}",
        path.as_ref().map_or_else(
            || "without a configuration file there are no profiles".to_owned(),
            |path| format!("{} has no profiles", path.display())
        )
    )]
    NoProfiles {
        /// What asked for them.
        origin: Origin,
        /// The configuration file, if there is one.
        path: Option<PathBuf>,
    },
    /// Two profiles would write to one place.
    #[error("{origin}: profile {profile} has the same {what} as profile {other} ({other_origin})")]
    ProfilesShare {
        /// Output or state directory.
        what: &'static str,
        /// The one.
        profile: String,
        /// What set its place.
        origin: Box<Origin>,
        /// The other.
        other: String,
        /// What set its place.
        other_origin: Box<Origin>,
    },
    /// What one of several profiles says of whom to ask would not count.
    #[error("{stronger} would win over {weaker} of profile {profile}")]
    ProfileOverridden {
        /// The profile.
        profile: String,
        /// A flag or a variable.
        stronger: Box<Origin>,
        /// The profile's key.
        weaker: Box<Origin>,
    },
    /// One stdin for several profiles.
    #[error("- (stdin) can be read once, not for each of {profiles} profiles")]
    StdinForProfiles {
        /// How many.
        profiles: usize,
    },
    /// One of several profiles was not exported.
    #[error("the export of profile {name} failed")]
    Profile {
        /// Which.
        name: String,
        /// Why.
        source: Box<Error>,
    },
    /// The command that prints the token did not.
    #[error("{origin} gave no API token")]
    TokenCommand {
        /// Where it was set.
        origin: Origin,
        /// Why not; says nothing of what it printed.
        source: TokenCommandFault,
    },
    /// The file of `--api-token-file` cannot be read. Its path is not shown: it may be the token itself, put in
    /// the place of a path.
    #[error("{origin}: cannot read the API token's file")]
    TokenFileUnreadable {
        /// Where it was set.
        origin: Origin,
        /// What the system said.
        source: io::Error,
    },
    /// What should be a token cannot be one.
    #[error("{origin}: this is not an API token")]
    TokenMalformed {
        /// Where it was set.
        origin: Origin,
        /// Why not; says nothing of its text.
        source: TokenFault,
    },
    /// The file of `--health-url-file` cannot be read. Its path is not shown: it may be the URL itself, put in
    /// the place of a path.
    #[error("{origin}: cannot read the health URL's file")]
    HealthUrlUnreadable {
        /// Where it was set.
        origin: Origin,
        /// What the system said.
        source: io::Error,
    },
    /// What should be a health URL is none; it is not shown, for it may hold a secret.
    #[error("{origin}: this is not an http or https URL")]
    HealthUrlMalformed {
        /// Where it was set.
        origin: Origin,
    },
    /// `run` with neither a list nor a window.
    #[error("no ID list was given, and none of --since, --until and --meeting")]
    NoList,
    /// A window that ends before it begins.
    #[error(
        "{since} ({}) is after {until} ({})",
        since_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        until_at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    )]
    WindowReversed {
        /// What set its beginning.
        since: Origin,
        /// Its beginning.
        since_at: DateTime<Utc>,
        /// What set its end.
        until: Origin,
        /// Its end.
        until_at: DateTime<Utc>,
    },
    /// `--include-live` with nothing to be discovered.
    #[error("{origin} is only for sessions that are found by --since, --until or --meeting")]
    LiveWithoutWindow {
        /// Where it was set.
        origin: Origin,
    },
    /// `-` among the lists more than once.
    #[error("- was given twice among the lists, but stdin can be read only once")]
    StdinTwice,

    // ---- face ----
    /// A result could not be written to stdout.
    #[error("cannot write to stdout")]
    Stdout {
        /// What the system said; a broken pipe is no failure.
        source: io::Error,
    },
    /// The runtime could not be started.
    #[error("cannot start the worker threads")]
    Runtime {
        /// What the system said.
        source: io::Error,
    },
    // ---- fetch ----
    /// The base URL is none that requests can be put below.
    #[error("cannot send requests to {url}: it is no http or https address")]
    BaseUrl {
        /// As configured.
        url: String,
    },
    /// The token cannot be sent.
    #[error("the API token holds a character that no HTTP header can carry")]
    UnusableToken,
    /// TLS or the proxy settings are unusable.
    #[error("cannot set up HTTPS")]
    HttpClient {
        /// What the HTTP client said.
        source: reqwest::Error,
    },
    /// 401 or 403.
    #[error("the API refused {key}: {status} {message}{}", api_code.map(|code| format!(" (code {code})")).unwrap_or_default())]
    CredentialsRefused {
        /// What was asked for.
        key: RequestKey,
        /// The reply's status.
        status: u16,
        /// The API's own code.
        api_code: Option<i64>,
        /// The API's own words.
        message: String,
    },
    /// Cloudflare's edge does not let this client through.
    #[error("the edge of the API blocks this client: {status} with error {edge_code} for {key}")]
    ClientBlocked {
        /// What was asked for.
        key: RequestKey,
        /// The reply's status.
        status: u16,
        /// Code of the error page.
        edge_code: u16,
    },
    /// Connection errors, timeouts and 5xx in a row.
    #[error(
        "the API is unreachable: {failures} failures in a row since {}, the last for {key}: {last}",
        since.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    ApiUnreachable {
        /// Tries since the last good one.
        failures: u32,
        /// When the first of them was sent.
        since: DateTime<Utc>,
        /// What the last of them asked for.
        key: RequestKey,
        /// How the last of them ended.
        last: String,
    },
    /// More ids failed than `--max-failures` allows.
    #[error("{failures} ids failed, more than the {limit} of --max-failures; the last was {last}")]
    TooManyFailures {
        /// How many.
        failures: u64,
        /// How many are allowed.
        limit: u64,
        /// What the last one was and why.
        last: String,
    },
    /// A page of the app's sessions failed for good: what the window holds is not known.
    #[error("cannot get {page}: {}{message}", status.map(|status| format!("{status} ")).unwrap_or_default())]
    SessionsUnlisted {
        /// Which page.
        page: RequestKey,
        /// Status of the last reply, if one came.
        status: Option<u16>,
        /// Whether the API answers at all.
        reachable: bool,
        /// What went wrong.
        message: String,
    },
    /// A signal stopped the run.
    #[error("stopped by {}", signal.name())]
    Interrupted {
        /// Which.
        signal: Signal,
        /// What there is to go on from, where the run had come so far.
        resume: Option<Resume>,
    },
    /// The time of `--deadline` came before everything was fetched.
    #[error("stopped by --deadline at {}", at.to_rfc3339_opts(SecondsFormat::Secs, true))]
    DeadlinePassed {
        /// The time.
        at: DateTime<Utc>,
        /// What there is to go on from, where the run had come so far.
        resume: Option<Resume>,
    },
    // ---- operation ----
    /// A file that is to tell how the run went cannot be written.
    #[error("{origin}: cannot write {}", path.display())]
    TellingFileRefused {
        /// Where it was set.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is to tell how the run went would take the place of what the run reads or makes.
    #[error("{origin}: {} is {what}", path.display())]
    TellingFileTaken {
        /// Where it was set.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// What it is, or what it is in.
        what: &'static str,
    },
    /// A health check or a collector was not told.
    #[error("cannot tell {host} how the run goes")]
    TellingUnreachable {
        /// All of its URL that may be shown.
        host: String,
        /// What the HTTP client said, without the URL.
        source: reqwest::Error,
    },
    /// A health check or a collector does not want to be told.
    #[error("{host} answered {status} when it was told how the run goes")]
    TellingRefused {
        /// All of its URL that may be shown.
        host: String,
        /// The reply's status.
        status: u16,
    },
    // ---- output and response log ----
    /// The output is a complete export.
    #[error("{} is a finished export", dir.display())]
    OutputFinished {
        /// The output.
        dir: PathBuf,
    },
    /// The output holds something, but no export.
    #[error("{} is not empty and no export: it holds {found:?}", dir.display())]
    OutputForeign {
        /// The output.
        dir: PathBuf,
        /// One of its entries.
        found: String,
    },
    /// The output is an export that another command began.
    #[error("{} holds an unfinished export of another command: {} differ", dir.display(), differences.join(", "))]
    OutputOfAnotherExport {
        /// The output.
        dir: PathBuf,
        /// What differs, as the command line spells it.
        differences: Vec<&'static str>,
    },
    /// No row of any list names a session.
    #[error("no row of {lists} has a valid id: {examples}")]
    NoValidRow {
        /// The lists.
        lists: String,
        /// The first rows and what is wrong with each.
        examples: String,
    },
    /// More distinct ids than can be numbered.
    #[error("the lists and the window hold more than four billion distinct ids")]
    TooManyIds,
    /// There is no response log to make tables from.
    #[error("{} has no response log: there is no {}", dir.display(), path.display())]
    NoLog {
        /// The export.
        dir: PathBuf,
        /// Where its log would be.
        path: PathBuf,
    },
    /// Another export was begun in a rebuild's destination.
    #[error("{} holds another export, which is not finished", dir.display())]
    OutputUnfinished {
        /// The destination.
        dir: PathBuf,
    },
    /// The log lacks replies that are still to be fetched.
    #[error("the export in {} is not finished", dir.display())]
    ExportUnfinished {
        /// The export.
        dir: PathBuf,
    },
    /// Another process holds the output.
    #[error("another process is exporting to this output{}; it holds {}", told(holder.as_deref()), path.display())]
    OutputBusy {
        /// What it locked: the log, or the output's own lock file.
        path: PathBuf,
        /// Who it is, where it says so.
        holder: Option<Box<Holder>>,
    },
    /// The log's lines are not of the shape that this version reads.
    #[error("{} is not a response log that this version can read", path.display())]
    LogOfAnotherVersion {
        /// The log.
        path: PathBuf,
    },
    /// A block that was whole once is not: no crash tears a log there.
    #[error("the response log {} is damaged at byte {offset}", path.display())]
    LogDamaged {
        /// The log.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
    },
    /// The log is of a sync: what it holds are days of a dataset, and no export.
    #[error("the response log {} is of a sync: it holds days of a dataset, not an export", path.display())]
    LogOfDataset {
        /// The log.
        path: PathBuf,
    },
    /// The log is of a run: what it holds is one export, and no days of a dataset.
    #[error("the response log {} is of a run: it holds an export, not days of a dataset", path.display())]
    LogOfExport {
        /// The log.
        path: PathBuf,
    },
    // ---- datasets ----
    /// A dataset is not what it has to be, or not for this command.
    #[error(transparent)]
    Dataset(DatasetError),
    // ---- tables, files, publishing ----
    /// A part of the pipeline ended without saying why: another part's error tells.
    #[error("the {stage} stage ended early")]
    StageEnded {
        /// Which.
        stage: &'static str,
    },
    /// Rows that were made do not fit the table's own columns.
    #[error("cannot make a batch of the table {table}")]
    Batch {
        /// The table.
        table: &'static str,
        /// What Arrow said.
        source: arrow::error::ArrowError,
    },
    /// The data gave warnings, and `--strict` has them fail the export.
    #[error("the data gave warnings, and --strict allows none: {counts}; the first is {example}")]
    Warnings {
        /// How often each kind came.
        counts: String,
        /// The first of them.
        example: String,
    },
    /// The operating system refused something on a file or directory of the export.
    #[error("cannot {action} {}", path.display())]
    Output {
        /// The verb: `create`, `write`, `sync`, `rename`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The Parquet library refused a file that this process wrote.
    #[error("cannot {action} the Parquet file {}", path.display())]
    Parquet {
        /// The verb: `write`, `reopen`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the library said.
        source: parquet::errors::ParquetError,
    },
    /// A value could not be rendered as a CSV field.
    #[error("cannot write a value to the CSV file {}", path.display())]
    CsvValue {
        /// On what.
        path: PathBuf,
        /// What the library said.
        source: arrow::error::ArrowError,
    },
    /// A CSV file that this process wrote does not read as CSV.
    #[error("cannot reopen the CSV file {}", path.display())]
    CsvCheck {
        /// On what.
        path: PathBuf,
        /// What the library said.
        source: csv::Error,
    },
    /// A file holds other rows than were written to it.
    #[error("{} holds {found} rows after {expected} were written", path.display())]
    RowsLost {
        /// The file.
        path: PathBuf,
        /// Rows written.
        expected: u64,
        /// Rows found on reopening.
        found: u64,
    },
    /// A file of the export has another size than the manifest says.
    #[error("{} is missing or not {expected} bytes long", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// Bytes that the manifest names.
        expected: u64,
    },
    /// A manifest that does not read as one.
    #[error("cannot read {} as a manifest", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Where it departs from the form.
        source: serde_json::Error,
    },
    /// A manifest of another schema version.
    #[error("{} has schema version {found}, this program knows {supported}", path.display())]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The version of this program.
        supported: u32,
    },
    // ---- rollups ----
    /// What is to be read as an export or a dataset is neither.
    #[error("{} is not an export or a dataset: it has no manifest.json and no dataset.json", dir.display())]
    NotAnExport {
        /// The directory, or the URL.
        dir: PathBuf,
    },
    /// An export where only a dataset has files that nobody needs.
    #[error("{place} has a manifest.json: it is an export, not a dataset")]
    NothingToVacuum {
        /// The directory, or the URL.
        place: String,
    },
    /// The engine cannot have the export's files as its tables.
    #[error("cannot read the export's files as tables")]
    Engine {
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// A text that is no query over the export's tables.
    #[error("{query}{} is not a query over the export's tables", line.map(|line| format!(", line {line},")).unwrap_or_default())]
    Sql {
        /// The query's name, or its file.
        query: String,
        /// Counted from 1, where it is known.
        line: Option<u64>,
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// A statement that would change something.
    #[error("{query} does more than read: {statement}")]
    SqlNotReading {
        /// The query's name, or its file.
        query: String,
        /// The statement's first word.
        statement: String,
    },
    /// Parameters that are not those of the query.
    #[error("the parameters are not those of {query}: {}", parameters(missing, unused))]
    SqlParameters {
        /// The query's name, or its file.
        query: String,
        /// Used in the query, not given.
        missing: Vec<String>,
        /// Given, not used.
        unused: Vec<String>,
    },
    /// A parameter's value is not of the type of what it is compared with.
    #[error("the parameter {name}: {:?} is not a value of the type {kind}", excerpt(value))]
    SqlParameterValue {
        /// The parameter.
        name: String,
        /// As given.
        value: String,
        /// The engine's name of the type.
        kind: String,
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// A user's directory of queries, or a file of it, cannot be read.
    #[error("cannot read {}", path.display())]
    QueriesUnreadable {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A user's directory of queries without any.
    #[error("{} holds no .sql file", dir.display())]
    NoQueries {
        /// The directory.
        dir: PathBuf,
    },
    /// A user's query that cannot be a rollup.
    #[error("{} cannot be a rollup: {problem}", path.display())]
    QueryFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: &'static str,
    },
    /// A query that is neither SQL, nor a file, nor one that comes with the tool.
    #[error("there is no file and no query {text:?}")]
    NoSuchQuery {
        /// As typed.
        text: String,
    },
    /// A file of SQL cannot be read.
    #[error("cannot read the query {}", path.display())]
    SqlFileUnreadable {
        /// The file, or `-` for stdin.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file that an answer goes to.
    #[error("cannot write {}", path.display())]
    AnswerFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What an answer is to be written to is a directory, a device or a pipe.
    #[error("{} is there, and is no regular file", path.display())]
    AnswerNoFile {
        /// As typed.
        path: PathBuf,
    },
    /// A form that no terminal shows.
    #[error("{origin}: parquet is written to a file only")]
    ParquetWithoutFile {
        /// Where it was set.
        origin: Origin,
    },
    /// A signal stopped a command that leaves nothing behind.
    #[error("stopped by {}", signal.name())]
    Stopped {
        /// Which.
        signal: Signal,
    },
    /// The engine could not answer a query over the export's files.
    #[error("cannot run {query} over the export")]
    Query {
        /// The query's name.
        query: String,
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// A query whose work does not fit in memory and cannot be put on disk.
    #[error("{query} needs more memory than the 256 MB of the engine")]
    QueryTooLarge {
        /// The query's name.
        query: String,
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
    // ---- report ----
    /// Neither an export nor a list.
    #[error("no export was given")]
    NothingToReport,
    /// The list's export is there, whole.
    #[error("{} is a finished export already", dir.display())]
    ReportedAlready {
        /// The export.
        dir: PathBuf,
    },
    /// The session's own minutes cannot be told apart by what differs within a session.
    #[error("the minutes of sessions cannot go by {key}: a session has them as a whole")]
    SessionMinutesBy {
        /// As the column would be called.
        key: String,
    },
    /// A key that is no word of the report's and no column of the lists.
    #[error("the export has no label {:?}: its lists have {}", excerpt(label), columns(found))]
    NoSuchLabel {
        /// As typed.
        label: String,
        /// Those that there are.
        found: Vec<String>,
    },
    /// What is asked for is in a table that the export was made without.
    #[error("{wanted} is about the sessions' own records, which {} was made without", dir.display())]
    NoSessions {
        /// The export.
        dir: PathBuf,
        /// What is asked for.
        wanted: &'static str,
    },
    /// The minutes of peer events are wanted of an export without any.
    #[error("--minutes events adds up what peer events carry, and {} has none", dir.display())]
    NoPeerEvents {
        /// The export.
        dir: PathBuf,
    },
    /// The price list cannot be read.
    #[error("cannot read the price list {}", path.display())]
    PriceListUnreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The price list has a line that is not right.
    #[error("{}:{line}: {problem}", path.display())]
    PriceListMalformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// Sums that no exact decimal of this program can hold.
    #[error("the report's sums have more than 38 digits")]
    SumTooLarge,
    /// What the engine answered is not what was asked for.
    #[error("cannot make {part} of the report")]
    ReportPart {
        /// Which part.
        part: &'static str,
        /// What the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    // ---- verify ----
    /// The API is to be asked, and nobody said with which token.
    #[error("missing or empty: {}", settings::listed(&[&settings::API_TOKEN_FILE]))]
    TokenMissing,
    /// The account or the app that is set is not that of the export.
    #[error("{origin} is {:?}, and the export is of {:?}", excerpt(given), excerpt(exported))]
    OtherExport {
        /// Where it was set.
        origin: Origin,
        /// As it was set.
        given: String,
        /// The export's.
        exported: String,
    },
    // ---- sandbox ----
    /// The sandbox was to listen where others could reach it.
    #[error("the sandbox does not listen on {host}, which is no loopback address")]
    SandboxNotLoopback {
        /// The address asked for.
        host: std::net::IpAddr,
    },
    /// The sandbox cannot listen.
    #[error("the sandbox cannot listen on {address}")]
    SandboxListen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A fault rule that is none.
    #[error("the sandbox does not understand the fault '{rule}': {problem}")]
    SandboxFault {
        /// The rule as typed.
        rule: String,
        /// Which part of it.
        problem: String,
    },
    /// Late sessions of the sandbox that are none.
    #[error("the sandbox does not understand the late sessions '{text}'")]
    SandboxLate {
        /// As typed.
        text: String,
    },
    /// Minutes of the sandbox that are none.
    #[error("the sandbox does not understand the minutes '{text}'")]
    SandboxMinutes {
        /// As typed.
        text: String,
    },
    /// A rate limit of the sandbox that is none.
    #[error("the sandbox does not understand the rate limit '{text}'")]
    SandboxRateLimit {
        /// The limit as typed.
        text: String,
    },
}

/// What a stopped run left, and how to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Replies in the log, durable.
    pub replies: u64,
    /// The command line, quoted for a shell.
    pub command: String,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl Error {
    /// A signal stopped the run; what was kept is still to be told.
    #[must_use]
    pub const fn interrupted(signal: Signal) -> Self {
        Self::Interrupted { signal, resume: None }
    }

    /// The same error, which tells how to go on where that is all there is to do.
    #[must_use]
    pub fn resumable(self, resume: Resume) -> Self {
        match self {
            Self::Interrupted { signal, .. } => Self::Interrupted { signal, resume: Some(resume) },
            Self::DeadlinePassed { at, .. } => Self::DeadlinePassed { at, resume: Some(resume) },
            Self::Store(error) => Self::Store(Box::new(error.resumable(resume))),
            other => other,
        }
    }

    /// An I/O error on a path, with the verb that failed.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// An I/O error on a path of the export, with the verb that failed.
    pub fn output(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Output { action, path, source }
    }
}

/// Names columns in a message: quoted, the first few of many.
fn columns(found: &[String]) -> String {
    const SHOWN: usize = 8;
    if found.is_empty() {
        return "no columns".to_owned();
    }
    let shown: Vec<_> = found.iter().take(SHOWN).map(|name| format!("{:?}", excerpt(name))).collect();
    let more = if found.len() > SHOWN { format!(" and {} more", found.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Names the parameters that are missing and those that are too many.
fn parameters(missing: &[String], unused: &[String]) -> String {
    let named = |what: &str, names: &[String]| {
        let names: Vec<_> = names.iter().map(|name| format!("${name}")).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    [named("it needs", missing), named("it has no", unused)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

/// The start of a text that may be long.
fn excerpt(text: &str) -> &str {
    const CHARS: usize = 40;
    text.char_indices().nth(CHARS).map_or(text, |(end, _)| &text[..end])
}
