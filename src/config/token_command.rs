//! A command that prints the API token, such as a password manager's.
//!
//! In: a list of words, or a line for the shell. Out: what it printed.
//! Guarantees: a list is started as it is, without a shell; its time and its output are bounded; stdin is
//! empty, for lists come from there; what is quoted of its stderr is one short line without anything that it
//! printed to stdout or that looks like a token.
//! Not here: whether what it printed is a token (`token`). What it started itself may outlive it.

use std::borrow::Cow;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a vault over a slow network, short enough for a nightly job to fail the same night.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Tokens have some dozens of characters; what prints more than this prints no token.
const MOST_OUTPUT: usize = 16 * 1024;
/// What is read of stderr, to be quoted; the rest is passed over.
const MOST_STDERR: usize = 4 * 1024;
/// What is quoted of stderr.
const EXCERPT_CHARS: usize = 200;
/// How long a failed command's stderr is waited for, where something that it started still holds it.
const STDERR_GRACE: Duration = Duration::from_secs(1);
/// How often it is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(5);
/// A word of fewer characters that was printed to stdout is no secret, and may well be in a message.
const SHORTEST_SECRET: usize = 4;
/// A word of this many characters with a letter and a digit may be a token; Cloudflare's have 40 or more.
const TOKEN_LIKE: usize = 24;
/// What stands for a secret.
const MASK: &str = "***";

/// What prints the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenCommand {
    /// A program and its arguments.
    Words {
        /// Looked for as `PATH` says.
        program: String,
        /// As they are.
        arguments: Vec<String>,
    },
    /// A line for `sh`.
    Line(String),
}

/// Why a command gave no token; says nothing of what it printed to stdout.
#[derive(Debug, thiserror::Error)]
pub enum TokenCommandFault {
    /// There is no such program, or it may not be started.
    #[error("cannot start {program}")]
    NotStarted {
        /// The first word.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It was ended for taking too long.
    #[error("it had not ended after {}{stderr}", humantime::format_duration(*limit))]
    TimedOut {
        /// How long it was waited for.
        limit: Duration,
        /// A quote, or nothing.
        stderr: String,
    },
    /// It was ended for printing too much.
    #[error("it printed more than {limit} bytes, which no token has")]
    TooLong {
        /// How much it may print.
        limit: usize,
    },
    /// It says itself that it failed, or was killed.
    #[error("it ended with {status}{stderr}")]
    Failed {
        /// Its exit code or signal.
        status: ExitStatus,
        /// A quote, or nothing.
        stderr: String,
    },
    /// The system could not tell what became of it.
    #[error("it could not be waited for")]
    Unwatched {
        /// What the system said.
        source: io::Error,
    },
}

impl TokenCommand {
    /// Of a line, unless it is blank.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        (!line.trim().is_empty()).then(|| Self::Line(line.to_owned()))
    }

    /// Of words, unless there is no program.
    pub(super) fn of_words(words: Vec<String>) -> Option<Self> {
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.trim().is_empty())?;
        Some(Self::Words { program, arguments: words.collect() })
    }

    /// Runs it and gives what it printed.
    pub(super) fn output(&self, limit: Duration) -> Result<String, TokenCommandFault> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| TokenCommandFault::NotStarted {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let heard = Heard::of(child.stdout.take(), MOST_OUTPUT)
            .and_then(|stdout| Ok((stdout, Heard::of(child.stderr.take(), MOST_STDERR)?)));
        let (stdout, stderr) = match heard {
            Ok(heard) => heard,
            Err(source) => {
                // Nobody would hear it. One that has ended already cannot be killed, and need not be.
                let _ = child.kill();
                let _ = child.wait();
                return Err(TokenCommandFault::Unwatched { source });
            }
        };
        let quote = || quoted(&excerpt(&stderr.text(), &stdout.text()));
        let Some(status) = wait(&mut child, &stdout, limit)? else {
            return Err(TokenCommandFault::TimedOut { limit, stderr: quote() });
        };
        if stdout.overflows() {
            return Err(TokenCommandFault::TooLong { limit: MOST_OUTPUT });
        }
        if status.success() {
            return Ok(stdout.text());
        }
        let ended = Instant::now();
        while !stderr.ended() && ended.elapsed() < STDERR_GRACE {
            thread::sleep(LOOK);
        }
        Err(TokenCommandFault::Failed { status, stderr: quote() })
    }

    fn command(&self) -> Command {
        match self {
            Self::Words { program, arguments } => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
            Self::Line(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", line]);
                command
            }
        }
    }
}

/// Waits until the command has ended and all that it printed has come, or it printed too much; one that takes
/// longer than it may is killed, and its status is none.
fn wait(child: &mut Child, stdout: &Heard, limit: Duration) -> Result<Option<ExitStatus>, TokenCommandFault> {
    let started = Instant::now();
    let unwatched = |source| TokenCommandFault::Unwatched { source };
    loop {
        let status = child.try_wait().map_err(unwatched)?;
        if let Some(status) = status.filter(|_| stdout.ended()) {
            return Ok(Some(status));
        }
        let is_late = started.elapsed() >= limit;
        if is_late || stdout.overflows() {
            // One that has ended in the meantime cannot be killed, and need not be.
            let _ = child.kill();
            let status = child.wait().map_err(unwatched)?;
            return Ok((!is_late).then_some(status));
        }
        thread::sleep(LOOK);
    }
}

/// What came through a pipe so far. Its thread ends with the pipe, which the command's own children may hold.
#[derive(Clone)]
struct Heard {
    so_far: Arc<Mutex<SoFar>>,
    most: usize,
}

#[derive(Default)]
struct SoFar {
    bytes: Vec<u8>,
    overflows: bool,
    ended: bool,
}

impl Heard {
    /// Listens to a pipe to its end, and keeps so many bytes of it; fails where the system has no thread left.
    fn of(pipe: Option<impl Read + Send + 'static>, most: usize) -> io::Result<Self> {
        let heard = Self { so_far: Arc::default(), most };
        let listener = heard.clone();
        thread::Builder::new().name("token".to_owned()).spawn(move || {
            let mut block = [0; 1024];
            if let Some(mut pipe) = pipe {
                loop {
                    match pipe.read(&mut block) {
                        Ok(read) if read > 0 => listener.add(&block[..read]),
                        Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                        // A pipe that breaks has ended.
                        Ok(_) | Err(_) => break,
                    }
                }
            }
            listener.with(|so_far| so_far.ended = true);
        })?;
        Ok(heard)
    }

    fn with<T>(&self, look: impl FnOnce(&mut SoFar) -> T) -> T {
        look(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, bytes: &[u8]) {
        self.with(|so_far| {
            let room = self.most.saturating_sub(so_far.bytes.len());
            so_far.overflows |= bytes.len() > room;
            so_far.bytes.extend(bytes.iter().take(room));
        });
    }

    fn text(&self) -> String {
        self.with(|so_far| String::from_utf8_lossy(&so_far.bytes).into_owned())
    }

    fn overflows(&self) -> bool {
        self.with(|so_far| so_far.overflows)
    }

    fn ended(&self) -> bool {
        self.with(|so_far| so_far.ended)
    }
}

/// A quote to go after a message, where there is any.
fn quoted(excerpt: &str) -> String {
    if excerpt.is_empty() { String::new() } else { format!("; it said: {excerpt}") }
}

/// What a message may show of stderr: its beginning, on one line, without what may be a secret.
fn excerpt(stderr: &str, stdout: &str) -> String {
    let mut text: Cow<'_, str> = stderr.into();
    let mut secrets: Vec<_> =
        stdout.split_whitespace().filter(|word| word.len() >= SHORTEST_SECRET).collect();
    // The longest first: one may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret, MASK).into();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = without_tokens(&text);
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A text without its words that look like a token.
fn without_tokens(text: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !of_token(c)).unwrap_or(rest.len()));
        let has = |wanted: fn(&u8) -> bool| word.as_bytes().iter().any(wanted);
        let is_token = word.len() >= TOKEN_LIKE && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        shown.push_str(if is_token { MASK } else { word });
        let (between, next) = after.split_at(after.find(of_token).unwrap_or(after.len()));
        shown.push_str(between);
        rest = next;
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(words: &[&str]) -> TokenCommand {
        TokenCommand::of_words(words.iter().map(|word| (*word).to_owned()).collect()).unwrap()
    }

    fn line(line: &str) -> TokenCommand {
        TokenCommand::of_line(line).unwrap()
    }

    fn fault(command: &TokenCommand) -> String {
        command.output(TIME_LIMIT).unwrap_err().to_string()
    }

    #[test]
    fn words_are_started_without_a_shell_and_a_line_with_one() {
        let output = |command: TokenCommand| command.output(TIME_LIMIT).unwrap();
        assert_eq!(output(words(&["echo", "$HOME; echo x", "|"])), "$HOME; echo x |\n");
        assert_eq!(output(line("printf s3cr; printf '%s' 3t")), "s3cr3t");
        // Nothing is taken from this process's stdin.
        assert_eq!(output(line("cat; echo end")), "end\n");
    }

    #[test]
    fn what_went_wrong_is_told_without_the_secret() {
        assert_eq!(fault(&words(&["rtk-no-such-program"])), "cannot start rtk-no-such-program");
        assert_eq!(fault(&words(&["false"])), "it ended with exit status: 1");
        let speaks = line("echo s3cr3t; echo 'gpg: no key' >&2; echo \"  in  s3cr3t.gpg\" >&2; exit 3");
        assert_eq!(fault(&speaks), "it ended with exit status: 3; it said: gpg: no key in ***.gpg");
        let traced = line("echo 'curl -H Bearer cf7-4a1b9c8d7e6f5a4b3c2d1e0f9a8b' >&2; exit 1");
        assert_eq!(fault(&traced), "it ended with exit status: 1; it said: curl -H Bearer ***");
        assert_eq!(fault(&line("yes s3cr3t")), "it printed more than 16384 bytes, which no token has");
    }

    #[test]
    fn what_never_ends_is_ended() {
        let limit = Duration::from_millis(100);
        let waits = line("echo s3cr3t; echo 'waiting for s3cr3t' >&2; exec sleep 1000");
        let fault = waits.output(limit).unwrap_err();
        assert!(matches!(fault, TokenCommandFault::TimedOut { .. }), "{fault}");
        assert!(!fault.to_string().contains("s3cr3t"), "{fault}");
    }

    #[test]
    fn a_quote_is_short() {
        let excerpt = excerpt(&"ünable to ".repeat(1000), "");
        assert_eq!(excerpt.chars().count(), EXCERPT_CHARS + 1);
    }

    proptest! {
        #[test]
        fn what_was_printed_is_in_no_quote(
            secret in "[!-~]{4,60}",
            before in "\\PC{0,300}",
            after in "\\PC{0,300}",
        ) {
            prop_assume!(!secret.contains('*'));
            let quote = excerpt(&format!("{before}{secret}{after}"), &format!("{secret}\n"));
            prop_assert!(!quote.contains(&secret), "{}", quote);
        }

        #[test]
        fn what_looks_like_a_token_is_in_no_quote(
            token in "[a-zA-Z0-9_-]{30,60}[a-z][0-9]",
            before in "([a-z ]{0,30}[ :'/=])?",
            after in "([ .'/][a-z ]{0,30})?",
        ) {
            let quote = excerpt(&format!("{before}{token}{after}"), "");
            prop_assert!(!quote.contains(&token) && quote.contains(MASK), "{}", quote);
        }
    }
}
