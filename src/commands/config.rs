//! `rtk-export config`: what the settings of a run are, what set each, and what is wrong; sends nothing.

use super::Ending;
use crate::config::ConfigReport;
use crate::error::{Class, Result};
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// What it prints cannot be written, and nothing else is wrong.
pub(super) fn run(report: &ConfigReport, ui: &Ui) -> Result<Ending> {
    let written = ui.config(report);
    // What is wrong counts also where nobody reads the settings to their end.
    if report.faults.is_empty() {
        written.map(|()| Ending::Complete)
    } else {
        Ok(Ending::Found(Class::Usage))
    }
}
