//! Stage 9: the usage report: an export's minutes and what they cost, summed up for a reader.
//!
//! In: a published export, by what to sum up, prices. Out: one file or text, in one of five forms.
//! Guarantees: sums are exact and of one kind of minutes; only what is shown is rounded ([`rounding`]);
//! no text of the API's is taken for markup, a formula or a command to a terminal; memory is the
//! engine's pool and the rows that are shown, however large the export is.
//! Not here: making an export, the SQL engine.
//!
//! Read in this order: `model` (what a report is), `asking` and `figures` (where it comes from), then a
//! form each: `text`, `markdown`, `exact` (CSV and JSON), `html` with `charts`.

mod about;
mod asking;
mod charts;
mod exact;
mod facts;
mod figures;
mod foreign;
mod html;
mod markdown;
mod model;
mod prices;
pub mod rounding;
mod series;
mod shown;
#[cfg(test)]
mod tests;
mod text;

use std::io::Write;
use std::path::PathBuf;

use chrono_tz::Tz;

use crate::config::{MinutesKind, ReportConfig, ReportFormat, ReportKey};
use crate::error::{Error, Result};
use crate::files::Cells;
use crate::place::Place;
use figures::Figures;
pub use model::{About, Differences, Group, Groups, KindLine, Measures, Report, SessionMinutes};
pub use prices::{Money, Price, PriceList, PricedKind};
pub use series::{Bucket, Concurrency, Days, Durations, Series};

/// What a report is to show.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the minutes are summed up by.
    pub by: Vec<ReportKey>,
    /// Where a day begins.
    pub time_zone: Tz,
    /// Rows shown; `None` for all.
    pub top: Option<usize>,
    /// Which minutes.
    pub minutes: MinutesKind,
    /// What they cost.
    pub prices: PriceList,
    /// The form.
    pub format: ReportFormat,
}

impl Question {
    /// The question of a command; reads its price list.
    ///
    /// # Errors
    /// Those of [`PriceList::read`].
    pub fn of(config: &ReportConfig) -> Result<Self> {
        let prices = config.price_list.as_deref().map_or_else(PriceList::published, PriceList::read)?;
        Ok(Self {
            by: config.by.clone(),
            time_zone: config.time_zone,
            top: config.top,
            minutes: config.minutes,
            prices,
            format: config.format,
        })
    }
}

/// Whom a report is written for, where its form depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Columns of the terminal, or as many as a text may have.
    pub columns: usize,
}

/// Writes the report on an export.
///
/// # Errors
/// Whatever reading the export or writing gives; what was written until then is no report.
pub async fn write(
    export: &Place,
    question: Question,
    reader: Reader,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let format = question.format;
    let figures = Figures::of(export, question).await?;
    let page = match format {
        ReportFormat::Csv => return exact::csv(&figures, Cells::Plain, out).await,
        ReportFormat::CsvExcel => return exact::csv(&figures, Cells::Excel, out).await,
        ReportFormat::Json => return exact::json(&figures, out).await,
        ReportFormat::Text => text::render(&figures.report().await?, reader.columns)?,
        ReportFormat::Markdown => markdown::render(&figures.report().await?)?,
        ReportFormat::Html => html::render(&figures.report().await?)?,
    };
    out.write_all(page.as_bytes()).map_err(written())
}

/// What keeps a report from being written.
fn written() -> impl FnOnce(std::io::Error) -> Error {
    Error::output("write", PathBuf::from("the report"))
}
