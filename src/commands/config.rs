//! `rtk-export config`: what the settings of a run are, what set each, and what is wrong; sends nothing.

use super::Ending;
use crate::config::ConfigReport;
use crate::error::{Class, Result};
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// What it prints cannot be written.
pub(super) fn run(report: &ConfigReport, ui: &Ui) -> Result<Ending> {
    ui.config(report)?;
    Ok(if report.faults.is_empty() { Ending::Complete } else { Ending::Found(Class::Usage) })
}
