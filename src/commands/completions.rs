//! `rtk-export completions`: what a shell needs to complete a command line.

use clap::CommandFactory;
use clap::builder::{PossibleValuesParser, ValueHint};
use clap_complete::Shell;

use super::Ending;
use crate::cli::{Cli, CompletionsArgs};
use crate::error::Result;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// What it prints cannot be written.
pub(super) fn run(args: &CompletionsArgs, ui: &Ui) -> Result<Ending> {
    let mut command = with_words(Cli::command());
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, &name, &mut script);
    let script = String::from_utf8_lossy(&script);
    ui.result(&match args.shell {
        Shell::Bash => with_one_name(&script, &name),
        _ => script.into_owned(),
    })?;
    Ok(Ending::Complete)
}

/// The hyphen of a program's name is written in two ways in a script for bash, which then completes nothing
/// after a command (<https://github.com/clap-rs/clap/issues/6421>): here it is written in one.
fn with_one_name(script: &str, name: &str) -> String {
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

/// The same commands, whose options have the words that they take, as their help names them. The parser itself
/// has none: a word may also come from the environment or a file, and is checked with those (`config`).
fn with_words(mut command: clap::Command) -> clap::Command {
    let options = command.get_arguments().map(|option| option.get_id().clone()).collect::<Vec<_>>();
    for id in options {
        command = command.mut_arg(id, |option| match words(&option) {
            Some(words) => option.value_parser(PossibleValuesParser::new(words)).value_hint(ValueHint::Other),
            None => option,
        });
    }
    let commands = command.get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>();
    commands.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_words))
}

/// The words that an option takes, where it takes no others.
fn words(option: &clap::Arg) -> Option<Vec<String>> {
    let is_plain = option.get_possible_values().is_empty() && option.get_action().takes_values();
    let [value] = option.get_value_names().filter(|_| is_plain)? else { return None };
    if value == "BOOL" {
        return Some(vec!["true".to_owned(), "false".to_owned()]);
    }
    // A name in capitals stands for something; one without is the words themselves.
    let is_word = |word: &String| !word.is_empty() && !word.contains(|c: char| c.is_ascii_uppercase());
    let words: Vec<_> = value.split('|').map(str::to_owned).collect();
    (words.len() > 1 && words.iter().all(is_word)).then_some(words)
}
