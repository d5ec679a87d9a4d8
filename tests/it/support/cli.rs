//! The built binary, run in a directory of its own with an environment of its own.
//!
//! Guarantees: nothing of the developer's settings reaches it; a run that does not end is killed and
//! fails the test that waits for it.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Server, UNLIMITED, repository};

/// How long a run may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_mins(6);
/// How often a running process is looked at.
const LOOK: Duration = Duration::from_millis(4);

/// A directory in which commands run; gone when dropped.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir }
    }

    /// A place with the repository's samples, as a fresh clone has them.
    pub(crate) fn with_samples() -> Self {
        let place = Self::new();
        fs::create_dir(place.path("samples")).unwrap();
        for name in ["participants.csv", "sessions.csv"] {
            fs::copy(repository().join("samples").join(name), place.path("samples").join(name)).unwrap();
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// `rtk-export` with these arguments, split at blanks.
    pub(crate) fn rtk(&self, args: &str) -> Rtk {
        Rtk::new(self.dir.path(), Command::new(env!("CARGO_BIN_EXE_rtk-export"))).args(args)
    }

    /// A script of the shell, in which `cargo run --` is the built binary.
    pub(crate) fn shell(&self, script: &str) -> Rtk {
        let shims = self.path("shims");
        fs::create_dir_all(&shims).unwrap();
        let binary = env!("CARGO_BIN_EXE_rtk-export");
        let cargo = format!(
            "#!/bin/sh\n# cargo run -- runs the built binary; all else was done by whoever runs the tests.\n\
             [ \"$1\" = run ] || exit 0\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec '{binary}' \"$@\"\n"
        );
        for (name, text) in [("cargo", cargo), ("rtk-export", format!("#!/bin/sh\nexec '{binary}' \"$@\"\n"))]
        {
            let shim = shims.join(name);
            fs::write(&shim, text).unwrap();
            let mut permissions = fs::metadata(&shim).unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
            fs::set_permissions(&shim, permissions).unwrap();
        }
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]);
        let mut path = OsString::from(&shims);
        path.push(":");
        path.push(search_path());
        let mut rtk = Rtk::new(self.dir.path(), command);
        rtk.command.env("PATH", path);
        rtk
    }
}

/// Where programs are.
#[expect(clippy::disallowed_methods, reason = "the only thing that a test takes from the environment")]
fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// A command about to run.
pub(crate) struct Rtk {
    command: Command,
    stdin: Vec<u8>,
}

impl Rtk {
    fn new(dir: &Path, mut command: Command) -> Self {
        command
            .current_dir(dir)
            .env_clear()
            .env("PATH", search_path())
            .env("HOME", dir.join("home"))
            .env("NO_COLOR", "1")
            .env("RTK_EXPORT_RATE", UNLIMITED)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command, stdin: Vec::new() }
    }

    /// Further arguments, split at blanks.
    pub(crate) fn args(mut self, args: &str) -> Self {
        self.command.args(args.split_whitespace());
        self
    }

    /// One further argument, as it is.
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// An account whose API is this sandbox.
    pub(crate) fn against(self, server: &Server) -> Self {
        self.env("CLOUDFLARE_ACCOUNT_ID", "account")
            .env("REALTIMEKIT_APP_ID", "app")
            .env("CLOUDFLARE_API_TOKEN", server.token())
            .env("CLOUDFLARE_BASE_URL", &server.base_url())
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let mut child = self.command.spawn().expect("the command starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = self.stdin;
        Running {
            shown,
            // A process that ends without reading its stdin is no failure.
            feeder: thread::spawn(move || drop(stdin.write_all(&input))),
            stdout: reader(child.stdout.take().expect("piped")),
            stderr: reader(child.stderr.take().expect("piped")),
            child,
            peak_rss_kib: 0,
            deadline: Instant::now() + PATIENCE,
        }
    }

    /// Runs it to its end.
    pub(crate) fn output(self) -> Output {
        self.start().output()
    }

    /// Runs it to its end, which must be this exit code.
    pub(crate) fn ends(self, code: i32) -> Output {
        self.output().ended(code)
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A command that runs.
pub(crate) struct Running {
    shown: String,
    child: Child,
    feeder: JoinHandle<()>,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    peak_rss_kib: u64,
    deadline: Instant,
}

impl Running {
    /// Waits until something holds while the process runs.
    pub(crate) fn until(mut self, what: &str, holds: impl Fn() -> bool) -> Self {
        while !holds() {
            if self.child.try_wait().unwrap().is_some() || Instant::now() > self.deadline {
                let output = self.kill();
                panic!("{what} did not come about\n{output}");
            }
            thread::sleep(LOOK);
        }
        self
    }

    /// Waits until something holds or the process has ended; looks as often as it can.
    pub(crate) fn until_or_ended(mut self, mut holds: impl FnMut() -> bool) -> Self {
        while !holds() && !self.has_ended() && Instant::now() < self.deadline {
            thread::yield_now();
        }
        self
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Output {
        let _ = self.child.kill();
        self.output()
    }

    /// `kill -NAME` for the processes that it started.
    pub(crate) fn signal_children(self, name: &str) -> Self {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        for child in children.split_whitespace() {
            assert!(Command::new("kill").args([name, child]).status().unwrap().success());
        }
        self
    }

    /// `kill -NAME`, unless it has ended.
    pub(crate) fn signal(mut self, name: &str) -> Self {
        if !self.has_ended() {
            let pid = self.child.id().to_string();
            assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        }
        self
    }

    /// Waits for its end.
    pub(crate) fn output(mut self) -> Output {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            if let Some(kib) = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok()) {
                self.peak_rss_kib = kib;
            }
            if Instant::now() > self.deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!(
                    "{} is stuck\nstdout:\n{}\nstderr:\n{}",
                    self.shown,
                    self.stdout.join().unwrap(),
                    self.stderr.join().unwrap()
                );
            }
            thread::sleep(LOOK);
        };
        self.feeder.join().unwrap();
        Output {
            command: self.shown,
            code: status.code(),
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
            peak_rss_kib: self.peak_rss_kib,
        }
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    command: String,
    /// None where a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The most memory it was seen to hold, in KiB; 0 where the system does not tell.
    pub(crate) peak_rss_kib: u64,
}

impl Output {
    /// Must have ended with this exit code.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// stderr must have all of this.
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, stdout, stderr, .. } = self;
        write!(f, "{command} ended with {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}
