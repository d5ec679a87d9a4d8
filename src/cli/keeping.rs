//! Options of the commands that keep a dataset in order and hand it on: `vacuum`, `files`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::OUTPUT;

/// What the help of `vacuum` ends with.
const VACUUM_NOTES: &str = "\
Deleted are files of days that were replaced, files that a sync left when it was stopped, and old commit files; \
never a file of the current commit, nor one that rtk-export did not write. Whoever reads by a commit has the \
grace to finish.";

/// What the help of `files` ends with.
const FILES_NOTES: &str = "\
In DuckDB: SELECT * FROM read_parquet([...]). BigQuery takes the paths as NEW_LINE_DELIMITED_MANIFEST, Redshift's \
COPY the manifest of one table.";

/// Options of `vacuum`.
#[derive(Debug, Default, Args)]
#[command(after_help = VACUUM_NOTES)]
pub struct VacuumArgs {
    /// Directory of the dataset, or s3://, gs:// or az:// URL
    #[arg(value_name = "DIR|URL")]
    pub place: PathBuf,
    /// For how long files stay after they were replaced; 0s for not at all, then whoever reads them
    /// meanwhile fails [default: 1d]
    #[arg(long, value_name = "DURATION")]
    pub grace: Option<String>,
    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait for another process that works on the dataset, for so long [without a DURATION: for as long
    /// as it takes]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    pub wait_lock: Option<Option<String>>,
    /// Directory of a sync's state: uploads that it did not finish are given up
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Form of the result on stdout
    #[arg(long, value_name = "text|json", value_enum, default_value_t, hide_possible_values = true, help_heading = OUTPUT)]
    pub format: VacuumFormat,
}

/// Form of `vacuum`'s result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VacuumFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Options of `files`.
#[derive(Debug, Default, Args)]
#[command(after_help = FILES_NOTES)]
pub struct FilesArgs {
    /// Directory of the dataset or export, or s3://, gs:// or az:// URL
    #[arg(value_name = "DIR|URL")]
    pub place: PathBuf,
    /// Files of this table only
    #[arg(long, value_name = "TABLE", required_if_eq("form", "redshift"))]
    pub table: Option<String>,
    /// Form of the list on stdout: a path or URL a line, JSON with rows, bytes and SHA-256, or the
    /// manifest that Redshift's COPY takes
    #[arg(
        id = "form",
        long = "as",
        value_name = "paths|json|redshift",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = OUTPUT
    )]
    pub form: FilesForm,
}

/// Form of `files`' list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FilesForm {
    /// A path or URL a line.
    #[default]
    Paths,
    /// One object.
    Json,
    /// Amazon Redshift's manifest.
    Redshift,
}
