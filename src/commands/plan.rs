//! `rtk-export plan`.
use super::Ending;
use crate::config::PlanConfig;
use crate::error::Result;
use crate::ui::Ui;
#[expect(clippy::unused_async, reason = "for now")]
pub(super) async fn run(_config: PlanConfig, _ui: &Ui) -> Result<Ending> {
    Ok(Ending::Complete)
}
