//! Everything that is printed: results on stdout, the rest on stderr.
//!
//! In: errors, warnings, progress counters, the summary. Out: lines, bars, the exit code.
//! Guarantees: nothing else prints; lines and bars do not mix; a broken pipe ends quietly with 0;
//! foreign text cannot steer the terminal; what is drawn costs the stages nothing.
//! Not here: what an error says (`error`), what is counted (`progress`).

mod config_report;
mod dataset;
mod display;
mod errors;
mod plan_report;
mod progress_line;
mod summary;
mod window;
mod wording;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use serde::Serialize;

pub use dataset::{PendingDay, Synced};
pub use display::ProgressDisplay;
pub use plan_report::{
    AsksFor, CountedPlan, ExampleRow, Examples, Expected, ListRows, MinutesPlan, PlanReport, QuotaPlan,
    Range, RequestPlan, RowCounts, ViewTypeMinutes, WindowPlan,
};
pub use summary::{Summary, TableRows};

use crate::clock;
use crate::config::{
    Colour, ConfigReport, FaceConfig, LogFormat, Origin, ProgressMode, ShownSetting, Verbosity,
};
use crate::error::{Error, Holder, Result};
use crate::model::{DayRange, Window};
use crate::progress::Progress;
use errors::{Notice, json_line};
use progress_line::View;

/// Columns of a text that no terminal shows: as many as the help has at most.
const READABLE_COLUMNS: usize = 100;

/// What ends with what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The command.
    Command,
    /// A step of it.
    Step,
}

/// The face of one command.
#[derive(Clone, Debug)]
pub struct Ui {
    face: FaceConfig,
    stderr_is_terminal: bool,
    ends: Ends,
    /// What keeps bars and lines apart; draws nothing where there is no terminal.
    bars: MultiProgress,
}

impl Ui {
    /// A face as configured, on this process's stderr.
    #[must_use]
    pub fn new(face: FaceConfig) -> Self {
        let stderr_is_terminal = io::stderr().is_terminal();
        let target =
            if stderr_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        Self { face, stderr_is_terminal, ends: Ends::Command, bars }
    }

    /// The same face for what is a step of this command, though it is one by itself: its end is not shown.
    #[must_use]
    pub fn of_a_step(&self) -> Self {
        Self { ends: Ends::Step, ..self.clone() }
    }

    /// The same for a step that has a face of its own.
    #[must_use]
    pub fn with_face(&self, face: FaceConfig) -> Self {
        Self { face, ..self.clone() }
    }

    /// How many columns a result may have: those of stdout's terminal, or what is good to read.
    #[must_use]
    pub fn columns(&self) -> usize {
        let size = terminal_size::terminal_size_of(io::stdout()).filter(|_| io::stdout().is_terminal());
        size.map_or(READABLE_COLUMNS, |(width, _)| usize::from(width.0))
    }

    /// Shows how a command ended and turns it into the exit code.
    #[must_use]
    pub fn exit(&self, ending: Result<u8>) -> ExitCode {
        match ending {
            Ok(code) => ExitCode::from(code),
            // Whoever read our results has had enough of them.
            Err(Error::Stdout { source }) if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                self.error(&error);
                ExitCode::from(error.class().exit_code())
            }
        }
    }

    /// Shows what ended the command, or a step of it that others follow.
    pub fn error(&self, error: &Error) {
        self.notice(&Notice::of_error(error));
    }

    /// Shows something that is wrong but ends nothing.
    pub fn warn(&self, message: &str, hint: Option<&str>) {
        if self.face.verbosity > Verbosity::Quiet {
            self.notice(&Notice::of_warning(message, hint));
        }
    }

    /// Shows an error that ends nothing, with its causes.
    pub fn warn_of(&self, error: &Error) {
        if self.face.verbosity > Verbosity::Quiet {
            self.notice(&Notice::of_passing_error(error));
        }
    }

    /// Shows something worth knowing.
    pub fn note(&self, message: &str) {
        if self.face.verbosity > Verbosity::Quiet {
            self.notice(&Notice::of_note(message));
        }
    }

    /// Shows whose lock was taken over: that process was killed.
    pub fn took_over(&self, holder: &Holder) {
        self.note(&format!("took over the lock of {holder}"));
    }

    /// Shows the resolved settings, where `-v` asks for them.
    pub fn settings(&self, settings: &[ShownSetting]) {
        if self.face.verbosity < Verbosity::Verbose {
            return;
        }
        self.stderr(&match self.face.log_format {
            LogFormat::Text => settings_text(settings),
            LogFormat::Json => settings_json(settings),
        });
    }

    /// Shows which sessions are looked for.
    pub fn window(&self, window: &Window) {
        if self.face.verbosity > Verbosity::Quiet {
            self.stderr(&match self.face.log_format {
                LogFormat::Text => window::window_text(window),
                LogFormat::Json => window::window_json(window, clock::now()),
            });
        }
    }

    /// Shows how many there are, and how many more were it not that they are live.
    pub fn discovered(&self, sessions: u64, live_left_out: u64) {
        if self.face.verbosity > Verbosity::Quiet {
            self.stderr(&match self.face.log_format {
                LogFormat::Text => window::discovered_text(sessions, live_left_out),
                LogFormat::Json => window::discovered_json(sessions, live_left_out, clock::now()),
            });
        }
    }

    /// Shows for whom the command waits.
    pub fn waits_for(&self, holder: Option<&Holder>) {
        let holder = holder.map_or("another process".to_owned(), ToString::to_string);
        self.note(&format!("waiting for the lock of {holder}"));
    }

    /// Shows which days of a dataset are exported next.
    pub fn days(&self, range: &DayRange, number: usize, count: usize) {
        if self.face.verbosity > Verbosity::Quiet {
            self.stderr(&match self.face.log_format {
                LogFormat::Text => dataset::days_text(range, number, count),
                LogFormat::Json => dataset::days_json(range, number, count, clock::now()),
            });
        }
    }

    /// Shows what came of a `sync`.
    pub fn synced(&self, synced: &Synced) {
        if self.face.verbosity > Verbosity::Quiet && self.ends == Ends::Command {
            self.stderr(&match self.face.log_format {
                LogFormat::Text => synced.text(),
                LogFormat::Json => synced.json(clock::now()),
            });
        }
    }

    /// Shows what came of the command.
    pub fn summary(&self, summary: &Summary) {
        if self.face.verbosity > Verbosity::Quiet && self.ends == Ends::Command {
            self.stderr(&match self.face.log_format {
                LogFormat::Text => summary.text(),
                LogFormat::Json => summary.json(clock::now()),
            });
        }
    }

    /// Writes what `config` found: what is wrong, then the settings as a result, which may not be taken.
    ///
    /// # Errors
    /// [`Error::Stdout`] where stdout takes nothing (any more).
    pub fn config(&self, report: &ConfigReport) -> Result<()> {
        let shown = if report.as_json { config_report::json(report) } else { config_report::text(report) };
        report.faults.iter().for_each(|fault| self.error(fault));
        self.result(&shown)
    }

    /// Writes a result.
    ///
    /// # Errors
    /// [`Error::Stdout`] where stdout takes nothing (any more).
    pub fn result(&self, text: &str) -> Result<()> {
        self.write_result(|stdout| stdout.write_all(text.as_bytes()))
    }

    /// Writes a result that may be long.
    ///
    /// # Errors
    /// [`Error::Stdout`] where stdout takes nothing (any more).
    pub fn write_result(&self, write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<()> {
        let write = || {
            let mut stdout = io::BufWriter::new(io::stdout().lock());
            write(&mut stdout)?;
            stdout.flush()
        };
        self.bars.suspend(write).map_err(|source| Error::Stdout { source })
    }

    /// Shows progress until what is returned is dropped.
    #[must_use]
    pub fn display(&self, progress: Arc<Progress>) -> ProgressDisplay {
        let shown = match self.face.progress {
            ProgressMode::Auto => self.face.verbosity > Verbosity::Quiet,
            ProgressMode::Always => true,
            ProgressMode::Never => false,
        };
        if shown { ProgressDisplay::start(self.clone(), progress) } else { ProgressDisplay::none() }
    }

    /// Whether progress is a bar rather than lines.
    fn draws_bars(&self) -> bool {
        self.stderr_is_terminal && self.face.log_format == LogFormat::Text
    }

    /// A bar that does not mix with the lines.
    fn terminal_bar(&self) -> ProgressBar {
        self.bars.add(ProgressBar::new(0))
    }

    fn progress_line(&self, view: &View) {
        self.stderr(&match self.face.log_format {
            LogFormat::Text => view.text() + "\n",
            LogFormat::Json => view.json(),
        });
    }

    fn notice(&self, notice: &Notice) {
        let coloured = self.stderr_is_terminal && self.face.colour == Colour::Auto;
        self.stderr(&match self.face.log_format {
            LogFormat::Text => notice.text(coloured),
            LogFormat::Json => notice.json(clock::now()),
        });
    }

    /// Lines for stderr. Where it is closed there is nobody left to tell.
    fn stderr(&self, lines: &str) {
        let _ = self.bars.suspend(|| io::stderr().lock().write_all(lines.as_bytes()));
    }
}

/// Prints what clap answers to a command line: help, the version, or what is wrong with it.
#[must_use]
pub fn answer(answer: &clap::Error) -> ExitCode {
    // As above: a closed stream has no reader.
    let _ = answer.print();
    u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// `default`, or what set it.
fn origin_text(origin: &Origin) -> String {
    if origin.is_explicit() { origin.to_string() } else { "default".to_owned() }
}

fn settings_text(settings: &[ShownSetting]) -> String {
    let lines = settings
        .iter()
        .map(|setting| setting_line(setting.name, &setting.value, &origin_text(&setting.origin)));
    ["settings\n".to_owned()].into_iter().chain(lines).collect()
}

/// Name, value and origin, one below the other.
fn setting_line(name: &str, value: &str, origin: &str) -> String {
    format!("  {name:<17} {:<37} {origin}\n", wording::one_line(value))
}

fn settings_json(settings: &[ShownSetting]) -> String {
    #[derive(Serialize)]
    struct Setting<'a> {
        name: &'a str,
        value: &'a str,
        origin: String,
    }
    #[derive(Serialize)]
    struct Fields<'a> {
        level: &'static str,
        event: &'static str,
        settings: Vec<Setting<'a>>,
    }
    let settings = settings.iter().map(|setting| Setting {
        name: setting.name,
        value: &setting.value,
        origin: origin_text(&setting.origin),
    });
    json_line(clock::now(), &Fields { level: "info", event: "settings", settings: settings.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_with_what_set_them() {
        let shown = |name, value: &str, origin| ShownSetting { name, value: value.to_owned(), origin };
        let line = Origin::File { path: "export.toml".into(), line: 3, key: "reserve" };
        let settings = [
            shown("rate", "4/s", Origin::Flag("rate")),
            shown("account-id", "acc", Origin::Variable("CLOUDFLARE_ACCOUNT_ID")),
            shown("reserve", "20%", line),
            shown("fetch", "auto", Origin::Default("fetch")),
        ];
        insta::assert_snapshot!(settings_text(&settings));
    }

    #[test]
    fn a_broken_pipe_ends_quietly() {
        let face = FaceConfig {
            progress: ProgressMode::Auto,
            verbosity: Verbosity::Normal,
            log_format: LogFormat::Text,
            colour: Colour::Never,
        };
        let ending = Err(Error::Stdout { source: io::ErrorKind::BrokenPipe.into() });
        assert_eq!(Ui::new(face).exit(ending), ExitCode::SUCCESS);
    }
}
