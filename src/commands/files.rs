//! `rtk-export files`: the files of a dataset or an export, for whatever reads them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::Ending;
use crate::cli::FilesForm;
use crate::config::FilesConfig;
use crate::dataset::{Published, published};
use crate::error::{Error, Result};
use crate::manifest::Time;
use crate::place::{Key, Place};
use crate::ui::Ui;

/// A file, as JSON has it.
#[derive(Debug, Serialize)]
struct File<'a> {
    table: &'a str,
    /// Of a dataset.
    session_date: Option<NaiveDate>,
    path: String,
    rows: u64,
    bytes: u64,
    sha256: &'a str,
}

/// All of them; the first two are null for an export.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    generation: Option<u64>,
    synced_until: Option<Time>,
    export_id: &'a str,
    files: Vec<File<'a>>,
}

/// What Redshift's COPY takes.
#[derive(Debug, Serialize)]
struct RedshiftManifest {
    entries: Vec<RedshiftEntry>,
}

#[derive(Debug, Serialize)]
struct RedshiftEntry {
    url: String,
    /// The load fails where it is not there, rather than leave it out.
    mandatory: bool,
    meta: RedshiftMeta,
}

/// Required for Parquet.
#[derive(Debug, Serialize)]
struct RedshiftMeta {
    content_length: u64,
}

/// Runs the command.
///
/// # Errors
/// Nothing is published at the place, it has no such table, what the place refuses.
pub(super) async fn run(config: FilesConfig, ui: &Ui) -> Result<Ending> {
    let place = Place::open(&config.place)?;
    let published = published(&place).await?;
    let files = files(&place, &published, config.table.as_deref())?;
    let json = |json: serde_json::Result<String>| {
        json.map(|json| json + "\n").map_err(|source| Error::Stdout { source: source.into() })
    };
    let text = match config.form {
        FilesForm::Paths => files.into_iter().map(|file| file.path + "\n").collect(),
        FilesForm::Json => {
            let pointer = published.dataset.as_ref().map(|dataset| &dataset.pointer);
            json(serde_json::to_string_pretty(&Listing {
                generation: pointer.map(|pointer| pointer.generation),
                synced_until: pointer.map(|pointer| pointer.state.synced_until),
                export_id: &published.manifest.export_id,
                files,
            }))?
        }
        FilesForm::Redshift => {
            let entries = files.into_iter().map(|file| RedshiftEntry {
                url: file.path,
                mandatory: true,
                meta: RedshiftMeta { content_length: file.bytes },
            });
            json(serde_json::to_string_pretty(&RedshiftManifest { entries: entries.collect() }))?
        }
    };
    ui.result(&text)?;
    Ok(Ending::Complete)
}

/// The files in the manifest's order: table by table, and in a dataset day by day.
fn files<'a>(place: &Place, published: &'a Published, only: Option<&str>) -> Result<Vec<File<'a>>> {
    let Published { manifest, dataset } = published;
    let tables: Vec<_> =
        manifest.tables.iter().filter(|table| only.is_none_or(|only| table.name == only)).collect();
    if let (Some(only), true) = (only, tables.is_empty()) {
        return Err(Error::UnknownTable { name: only.to_owned() });
    }
    let days = dataset.iter().flat_map(|dataset| dataset.commit.days.values());
    let days: BTreeMap<&str, NaiveDate> =
        days.flat_map(|day| day.files.iter().map(|file| (file.path.as_str(), day.day))).collect();
    let mut files = Vec::new();
    for table in tables {
        for file in &table.files {
            files.push(File {
                table: &table.name,
                session_date: days.get(file.path.as_str()).copied(),
                path: place.show(Some(&Key::new(file.path.clone())?)),
                rows: file.rows,
                bytes: file.bytes,
                sha256: &file.sha256,
            });
        }
    }
    Ok(files)
}
