//! `rtk-export man`: man pages, made of the same definitions as the help.

use std::fs;
use std::io;
use std::iter;

use clap::CommandFactory;
use clap_mangen::Man;

use super::Ending;
use crate::cli::{Cli, ManArgs};
use crate::error::{Error, Result};
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// The directory or a page cannot be written.
pub(super) fn run(args: &ManArgs, ui: &Ui) -> Result<Ending> {
    let mut command = Cli::command();
    // Names its subcommands as they are typed.
    command.build();
    let Some(dir) = &args.dir else {
        ui.write_result(|stdout| page(command).render(stdout))?;
        return Ok(Ending::Complete);
    };
    fs::create_dir_all(dir).map_err(Error::io("create", dir.clone()))?;
    let subcommands: Vec<_> = command.get_subcommands().cloned().collect();
    for page in iter::once(command).chain(subcommands).map(page) {
        let path = dir.join(page.get_filename());
        write(&page).and_then(|text| fs::write(&path, text)).map_err(Error::io("write", path))?;
    }
    Ok(Ending::Complete)
}

/// A page; of every command, the program's own version is its source.
fn page(command: clap::Command) -> Man {
    Man::new(command).source(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")))
}

fn write(page: &Man) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render(&mut text)?;
    Ok(text)
}
