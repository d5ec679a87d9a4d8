//! The tables of an export as the engine reads them.
//!
//! Guarantees: a table has the schema's columns and types, whatever a file's own say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use url::Url;

use crate::config::Format;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::place::{Key, Place};
use crate::tables::schema::Table;

/// The files of one table, in order.
#[derive(Clone, Debug)]
pub struct TableSource {
    /// The table.
    pub table: Table,
    /// Its parts, staged or published.
    pub files: Vec<PathBuf>,
}

/// A table's files as the engine finds them.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) table: Table,
    pub(super) files: Vec<ListingTableUrl>,
}

impl Listed {
    /// Files that this process wrote.
    pub(super) fn of(source: &TableSource) -> Result<Self, DataFusionError> {
        let files = source.files.iter().map(|file| url(file)).collect::<Result<_, _>>()?;
        Ok(Self { table: source.table, files })
    }
}

/// The tables that a manifest names, and the format of their files.
pub(super) fn published(place: &Place, manifest: &Manifest) -> Result<(Vec<Listed>, Format)> {
    let mut format = Format::Parquet;
    let mut tables = Vec::new();
    for table in Table::ALL {
        let of_table = manifest.tables.iter().filter(|files| files.name == table.name());
        let mut files = Vec::new();
        for file in of_table.flat_map(|of_table| &of_table.files) {
            let key = Key::new(file.path.clone())?;
            if let Place::Local(local) = place {
                let path = local.path(Some(&key));
                if fs::metadata(&path).ok().map(|metadata| metadata.len()) != Some(file.bytes) {
                    return Err(Error::FileChanged { path, expected: file.bytes });
                }
            }
            // A spreadsheet's CSV differs in its header line's mark and in text cells, which stay as they are.
            let ending = Path::new(&file.path).extension();
            if ending.is_some_and(|ending| ending == Format::Csv.extension()) {
                format = Format::Csv;
            }
            let url = ListingTableUrl::try_new(place.engine_url(&key)?, None).map_err(super::failed)?;
            files.push(url);
        }
        tables.push(Listed { table, files });
    }
    Ok((tables, format))
}

/// A table without rows.
pub(super) fn empty(table: Table) -> EmptyTable {
    EmptyTable::new(columns(table, Format::Parquet))
}

/// A table of files, with the schema's types.
pub(super) fn listing(listed: Listed, format: Format) -> Result<ListingTable, DataFusionError> {
    let reader: Arc<dyn FileFormat> = match format {
        Format::Parquet => Arc::new(ParquetFormat::default()),
        Format::Csv | Format::CsvExcel => {
            Arc::new(CsvFormat::default().with_has_header(true).with_newlines_in_values(true))
        }
    };
    let schema = columns(listed.table, format);
    let options = ListingOptions::new(reader).with_file_extension(format.extension());
    let config = ListingTableConfig::new_with_multi_paths(listed.files);
    let config = config.with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config)
}

/// A table of one Parquet file.
pub(super) fn parquet(file: &Path, schema: SchemaRef) -> Result<ListingTable, DataFusionError> {
    let reader = Arc::new(ParquetFormat::default());
    let options = ListingOptions::new(reader).with_file_extension(Format::Parquet.extension());
    let config = ListingTableConfig::new(url(file)?).with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config)
}

/// A table's columns for the engine: without their meanings, of which it finds that those of a union's
/// branches differ, and gives up.
fn columns(table: Table, format: Format) -> SchemaRef {
    let fields = table.columns().iter().map(|column| {
        // The engine reads CSV's empty string as null, also where a table has it in a required column.
        Field::new(column.name, column.kind.data_type(), column.nullable || format != Format::Parquet)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A file's URL: a path's own `*` and `[` are no pattern in it.
fn url(file: &Path) -> Result<ListingTableUrl, DataFusionError> {
    let url = fs::canonicalize(file).map(Url::from_file_path)?;
    let url = url.map_err(|()| DataFusionError::External(format!("no URL for {}", file.display()).into()))?;
    ListingTableUrl::try_new(url, None)
}
