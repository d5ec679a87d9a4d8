//! Completions and man pages say what the help says.

use std::fs;

use crate::support::Place;

/// Bash completes commands, options, and the words that an option takes.
#[test]
fn bash_completes_a_command_line() {
    let place = Place::new();
    let script = "\
rtk-export completions bash >complete.sh
. ./complete.sh
function=$(complete -p rtk-export | sed 's/.*-F \\([^ ]*\\).*/\\1/')
# Of no use outside of a prompt.
compopt() { :; }
completed() {
    COMP_WORDS=(\"$@\")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    $function rtk-export \"${COMP_WORDS[$COMP_CWORD]}\" \"${COMP_WORDS[$((COMP_CWORD - 1))]}\"
    echo \"${COMPREPLY[@]}\"
}
completed rtk-export re
completed rtk-export run --api
completed rtk-export run --keep-log ''
completed rtk-export plan --format ''
completed rtk-export completions fi
";
    let output = place.shell(script).ends(0);
    let completed: Vec<_> = output.stdout.lines().collect();
    assert_eq!(completed, ["rebuild report", "--api-token-file", "always never", "text json", "fish"]);
}

#[test]
fn there_are_completions_for_each_shell() {
    let place = Place::new();
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef rtk-export"),
        ("fish", "complete -c rtk-export"),
        ("elvish", "edit:completion:arg-completer[rtk-export]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = place.rtk(&format!("completions {shell}")).ends(0);
        assert!(output.stdout.contains(sign) && output.stdout.contains("all-profiles"), "{shell}");
        assert_eq!(output.stderr, "");
    }
    place.rtk("completions csh").ends(2);
    place.rtk("completions").ends(2);
}

#[test]
fn each_command_has_a_man_page() {
    let place = Place::new();
    let first = place.rtk("man").ends(0).stdout;
    assert_eq!(place.rtk("man share/man1").ends(0).stdout, "");
    let page = |name: &str| fs::read_to_string(place.path("share/man1").join(name)).unwrap();
    assert_eq!(page("rtk-export.1"), first);
    let help = place.rtk("--help").ends(0).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(commands.contains(&"run") && commands.contains(&"man"), "{commands:?}");
    for command in &commands {
        let name = format!("rtk-export-{command}.1");
        let text = page(&name);
        assert!(text.contains(&format!(".TH rtk-export-{command} 1")), "{name}: {text}");
        // Roff would take a hyphen for one that a line may be broken at.
        assert!(first.contains(&format!("rtk\\-export\\-{}", command.replace('-', "\\-"))), "{name}");
    }
    assert_eq!(fs::read_dir(place.path("share/man1")).unwrap().count(), commands.len() + 1);
    let run = page("rtk-export-run.1");
    for flag in ["\\-\\-account\\-id", "\\-\\-all\\-profiles", "\\-\\-since"] {
        assert!(run.contains(flag), "{flag}");
    }
    place.write("file", "");
    place.rtk("man file/below").ends(1).says(&["cannot create file/below"]);
}
