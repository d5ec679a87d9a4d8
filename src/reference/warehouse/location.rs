//! Where an export lies, as the statements of a dialect name it.
//!
//! Guarantees: it stands in one line and means itself, not a pattern of names.

use crate::cli::Dialect;
use crate::error::{Error, Result};

/// Where an export lies for the engine that loads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    dialect: Dialect,
    place: String,
    is_placeholder: bool,
}

/// What a dialect loads from.
struct Wanted {
    /// Stands in the script where nobody said.
    placeholder: &'static str,
    /// What a location starts with; nothing: it can be a path.
    starts: &'static [&'static str],
    words: &'static str,
}

const fn wanted(dialect: Dialect) -> Wanted {
    match dialect {
        Dialect::Duckdb => Wanted {
            placeholder: "EXPORT_DIRECTORY",
            starts: &[],
            words: "a directory, or s3://, gs:// or az:// with a bucket and path",
        },
        Dialect::Spark => Wanted {
            placeholder: "EXPORT_DIRECTORY",
            starts: &[],
            words: "a directory, or a URL that its file systems know, such as s3a://bucket/path",
        },
        Dialect::Postgres => Wanted {
            placeholder: "EXPORT_DIRECTORY",
            starts: &[],
            words: "a directory on the machine where psql runs, with an export in CSV",
        },
        Dialect::Clickhouse => Wanted {
            placeholder: "EXPORT_DIRECTORY",
            starts: &[],
            words: "a directory in the server's user_files, or s3://, gs:// or https:// with a bucket and path",
        },
        Dialect::Bigquery => {
            Wanted { placeholder: "gs://BUCKET/EXPORT", starts: &["gs://"], words: "gs://bucket/path" }
        }
        Dialect::Snowflake => Wanted {
            placeholder: "@STAGE/EXPORT",
            starts: &["@", "s3://", "gcs://", "azure://"],
            words: "@stage/path, or a URL that a storage integration allows",
        },
        Dialect::Redshift => {
            Wanted { placeholder: "s3://BUCKET/EXPORT", starts: &["s3://"], words: "s3://bucket/path" }
        }
        Dialect::Databricks => Wanted {
            placeholder: "/Volumes/CATALOG/SCHEMA/VOLUME/EXPORT",
            starts: &["/Volumes/", "dbfs:/", "s3://", "gs://", "abfss://"],
            words: "/Volumes/catalog/schema/volume/path, or the URL of an external location",
        },
        Dialect::Trino => Wanted {
            placeholder: "s3://BUCKET/EXPORT",
            starts: &["s3://", "gs://", "abfss://", "hdfs://", "file://"],
            words: "s3://bucket/path, or another URL that its Hive connector reads",
        },
    }
}

impl Location {
    /// The location as typed; without one, a placeholder.
    ///
    /// # Errors
    /// [`Error::LoadLocation`] for what the dialect cannot load from, and for characters that would be more
    /// than a name: line breaks, and those of patterns or, in Redshift, escapes.
    pub fn new(dialect: Dialect, typed: Option<&str>) -> Result<Self> {
        let Wanted { placeholder, starts, words } = wanted(dialect);
        let Some(typed) = typed else {
            return Ok(Self { dialect, place: placeholder.to_owned(), is_placeholder: true });
        };
        let refused = |why| Error::LoadLocation { location: typed.to_owned(), why, wanted: words };
        if typed.trim_end_matches('/').is_empty() {
            return Err(refused("it names no directory"));
        }
        // In a text of Redshift a backslash starts an escape.
        let special = if dialect == Dialect::Redshift { r"*?[]{}\" } else { "*?[]{}" };
        if typed.chars().any(|c| c.is_control() || special.contains(c)) {
            return Err(refused("it has a character that no location can have here"));
        }
        if !starts.is_empty() && !starts.iter().any(|start| typed.starts_with(start)) {
            return Err(refused("it is none of this dialect"));
        }
        Ok(Self { dialect, place: typed.trim_end_matches('/').to_owned(), is_placeholder: false })
    }

    /// Whose location it is.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The placeholder that is to be replaced, if it is one.
    pub(super) fn placeholder(&self) -> Option<&str> {
        self.is_placeholder.then_some(self.place.as_str())
    }

    /// Something below it.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.place)
    }
}
