//! `rtk-export sandbox`: serves the simulated API until it is stopped, or prints a list of its ids.

use super::Ending;
use crate::error::Result;
use crate::pipeline::Signals;
use crate::sandbox::{Sandbox, SandboxArgs, World};
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// The sandbox cannot listen, or what it prints cannot be written.
pub(super) async fn run(args: SandboxArgs, ui: &Ui) -> Result<Ending> {
    let options = args.options();
    if let Some(ids) = args.ids {
        let world = World::new(options.world);
        ui.write_result(|out| ids.write(world.at(options.clock), out))?;
        return Ok(Ending::Complete);
    }
    let mut signals = Signals::listen()?;
    let sandbox = Sandbox::start(options).await?;
    ui.result(&format!("{}\n", sandbox.base_url()))?;
    signals.next().await;
    sandbox.stop().await;
    Ok(Ending::Complete)
}
