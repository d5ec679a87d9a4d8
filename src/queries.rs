//! The queries: those of `queries/`, which come with the tool, and those of a user's own directory.
//!
//! In: a directory of `.sql` files. Out: [`Query`]s by name.
//! Guarantees: the shipped ones are those of the repository; an own one is a query over the export's
//! tables, checked against their columns before anything is fetched, and takes no other's name.
//! Not here: running them (`rollups`, `sql`).

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sql::{Engine, Parameters};

/// One question, answered by one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The name: of its file, and of the table in the manifest after `rollups/`.
    pub name: Cow<'static, str>,
    /// The text, with its header comment.
    pub sql: Cow<'static, str>,
    /// The file of a user's own; none of one that comes with the tool.
    pub file: Option<PathBuf>,
}

/// What a shipped query is for: its folder in `queries/`, and its schema in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Minutes summed up, made with every export.
    Rollups,
    /// What does not fit together, asked when somebody wants to know.
    Checks,
}

/// A query of the repository.
macro_rules! shipped {
    ($folder:literal, $name:literal) => {
        Query {
            name: Cow::Borrowed($name),
            sql: Cow::Borrowed(include_str!(concat!("../queries/", $folder, "/", $name, ".sql"))),
            file: None,
        }
    };
}

/// `queries/rollups/`, by name.
static ROLLUPS: [Query; 10] = [
    shipped!("rollups", "attendance"),
    shipped!("rollups", "minutes_by_day"),
    shipped!("rollups", "minutes_by_label"),
    shipped!("rollups", "minutes_by_meeting"),
    shipped!("rollups", "minutes_by_participant"),
    shipped!("rollups", "minutes_by_person"),
    shipped!("rollups", "minutes_by_preset"),
    shipped!("rollups", "minutes_by_session"),
    shipped!("rollups", "minutes_by_view_type"),
    shipped!("rollups", "peak_concurrency"),
];

/// `queries/checks/`, by name.
static CHECKS: [Query; 4] = [
    shipped!("checks", "duration_and_events"),
    shipped!("checks", "events_without_participant"),
    shipped!("checks", "session_minutes"),
    shipped!("checks", "unpaired_events"),
];

impl Folder {
    /// Both, in the order of lists.
    pub const ALL: [Self; 2] = [Self::Rollups, Self::Checks];

    /// The folder's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollups => "rollups",
            Self::Checks => "checks",
        }
    }

    /// Its queries, by name.
    #[must_use]
    pub fn queries(self) -> &'static [Query] {
        match self {
            Self::Rollups => &ROLLUPS,
            Self::Checks => &CHECKS,
        }
    }
}

impl Query {
    /// What it answers: the first sentence of its header comment.
    #[must_use]
    pub fn title(&self) -> &str {
        let line = self.sql.lines().next().unwrap_or_default();
        line.trim_start_matches("--").trim().trim_end_matches('.')
    }

    /// How messages call it: a user's own by its file.
    #[must_use]
    pub fn called(&self) -> Cow<'_, str> {
        match &self.file {
            Some(file) => file.to_string_lossy(),
            None => Cow::Borrowed(&self.name),
        }
    }
}

/// The shipped query of a name such as `checks/session_minutes`.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static Query> {
    let (folder, name) = name.split_once('/')?;
    let folder = Folder::ALL.into_iter().find(|known| known.name() == folder)?;
    folder.queries().iter().find(|query| query.name == name)
}

/// The rollups of an export: the shipped ones, then those of a user's own directory, each by name.
///
/// # Errors
/// [`Error::QueriesUnreadable`] where the directory cannot be read, [`Error::NoQueries`] where it holds no
/// `.sql` file, [`Error::QueryFile`] where a file's name cannot be a rollup's; those of [`Engine::columns`].
pub async fn rollups(own: Option<&Path>) -> Result<Vec<Query>> {
    let mut queries = ROLLUPS.to_vec();
    if let Some(dir) = own {
        queries.extend(read(dir)?);
        check(&queries[ROLLUPS.len()..]).await?;
    }
    Ok(queries)
}

/// The queries of a directory; its other files and its folders are not looked at.
fn read(dir: &Path) -> Result<Vec<Query>> {
    let unreadable = |source| Error::QueriesUnreadable { path: dir.to_owned(), source };
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
    let files = entries.into_iter().map(|entry| entry.path());
    let files: BTreeSet<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "sql")).collect();
    if files.is_empty() {
        return Err(Error::NoQueries { dir: dir.to_owned() });
    }
    let mut queries: Vec<Query> = Vec::with_capacity(files.len());
    for file in files {
        let refuse = |problem| Err(Error::QueryFile { path: file.clone(), problem });
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if !is_name(stem) {
            return refuse("its name becomes a file's: up to 64 of a-z, 0-9 and _, a letter first");
        }
        if ROLLUPS.iter().any(|query| query.name == stem) {
            return refuse("a rollup that comes with rtk-export has this name");
        }
        let sql = fs::read_to_string(&file)
            .map_err(|source| Error::QueriesUnreadable { path: file.clone(), source })?;
        queries.push(Query { name: stem.to_owned().into(), sql: sql.into(), file: Some(file) });
    }
    Ok(queries)
}

/// Names that are a file's on every system and a table's without quotes in every engine.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Plans each query over tables without rows, which tells all that can be told without an export.
async fn check(queries: &[Query]) -> Result<()> {
    let engine = Engine::of_no_rows()?;
    for query in queries {
        let columns = engine.columns(&query.called(), &query.sql, &Parameters::none()).await?;
        let mut names = BTreeSet::new();
        if columns.fields().iter().any(|field| !names.insert(field.name().to_lowercase())) {
            let path = query.file.clone().unwrap_or_default();
            return Err(Error::QueryFile { path, problem: "two of its columns have the same name" });
        }
    }
    Ok(())
}
