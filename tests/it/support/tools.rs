//! Programs that the tests need and a machine with nothing but Rust may lack.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::say;

/// Installs a package where `apt-get` can; fails with what to do where it cannot.
pub(crate) fn install(package: &str) -> Result<(), String> {
    // One at a time: apt-get gives up where another holds its lock.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let apt =
        format!("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq {package}");
    let script = format!(
        "command -v apt-get >/dev/null || exit 1\n\
         if [ \"$(id -u)\" = 0 ]; then {apt}; else sudo -n sh -c '{apt}'; fi"
    );
    finished(Command::new("sh").args(["-c", &script])).map(drop).map_err(|problem| {
        format!("the tests need {package}, or what your system calls it: install it\n{problem}")
    })
}

/// Runs a command to its success; what it printed.
pub(crate) fn finished(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{command:?}: {}\n{stdout}{stderr}", output.status))
}

/// `zstdcat`, installed if need be.
pub(crate) fn zstdcat() -> Command {
    if Command::new("zstdcat").arg("--version").output().is_err() {
        install("zstd").unwrap_or_else(|problem| panic!("{problem}"));
    }
    Command::new("zstdcat")
}

/// A Java for Spark, installed if need be.
pub(crate) fn have_java() -> Result<(), String> {
    match Command::new("java").arg("-version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => install("default-jre-headless"),
    }
}

/// The programs of a `PostgreSQL` server, installed if need be.
pub(crate) fn have_postgresql() -> Result<(), String> {
    // Debian keeps them out of the search path.
    let is_there = Path::new("/usr/lib/postgresql").exists()
        || Command::new("initdb").arg("--version").output().is_ok_and(|output| output.status.success());
    if is_there { Ok(()) } else { install("postgresql") }
}

/// npm and the Node.js that it is of, installed if need be.
pub(crate) fn have_npm() -> Result<(), String> {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    // Debian's brings the Node.js that it needs.
    if is_there("node") && is_there("npm") { Ok(()) } else { install("npm") }
}

/// A Chromium, installed if need be.
pub(crate) fn have_chromium() -> Result<PathBuf, String> {
    let found = || {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let which =
            |name: &&str| finished(Command::new("sh").args(["-c", &format!("command -v {name}")])).ok();
        names.iter().find_map(which).map(|path| PathBuf::from(path.trim()))
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    install("chromium")?;
    found().ok_or_else(|| "chromium was installed and is not there".to_owned())
}

/// What checks systemd's units, installed if need be.
pub(crate) fn have_systemd_analyze() -> Result<(), String> {
    let is_there = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if is_there { Ok(()) } else { install("systemd") }
}

/// `strace` with these arguments, as the start of a command line, installed if need be. `None`, which is
/// said, where this user may not trace.
pub(crate) fn strace(arguments: &str) -> Option<String> {
    let tried = || Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    if tried().is_err() {
        install("strace").unwrap_or_else(|problem| panic!("{problem}"));
    }
    let output = tried().unwrap();
    if output.status.success() {
        return Some(format!("strace -f -qq -o /dev/null {arguments}"));
    }
    let problem = String::from_utf8_lossy(&output.stderr);
    say(&format!("NOT TESTED, a process killed at a certain system call: it cannot be traced: {problem}"));
    None
}
