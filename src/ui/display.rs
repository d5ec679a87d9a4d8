//! The thread that looks at the counters and draws them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Ui;
use super::progress_line::{Meter, Schedule, View};
use crate::clock;
use crate::progress::{Phase, Progress};

/// How often the counters are looked at: smooth for an eye, nothing for a processor.
const TICK: Duration = Duration::from_millis(250);

/// Shows progress until it is dropped.
#[derive(Debug)]
pub struct ProgressDisplay {
    /// Dropped to stop the thread.
    running: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressDisplay {
    /// A display of nothing.
    pub(super) const fn none() -> Self {
        Self { running: None, thread: None }
    }

    /// Starts the thread; without one there is no display, which is no reason to stop a run.
    pub(super) fn start(ui: Ui, progress: Arc<Progress>) -> Self {
        let (running, stopped) = sync_channel(1);
        let thread =
            thread::Builder::new().name("progress".to_owned()).spawn(move || watch(&ui, &progress, &stopped));
        Self { running: Some(running), thread: thread.ok() }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // A display that panicked takes nothing with it.
            let _ = thread.join();
        }
    }
}

/// Draws at every tick until the other end of the channel is gone.
fn watch(ui: &Ui, progress: &Progress, stopped: &Receiver<()>) {
    let start = Instant::now();
    let mut meter = Meter::default();
    let mut pen = if ui.draws_bars() { Pen::Bar(Bar::new(ui)) } else { Pen::Lines(Schedule::default()) };
    loop {
        let counts = progress.snapshot();
        let measured_interval = meter.note(start.elapsed(), counts.settled);
        pen.draw(ui, start.elapsed(), &View { counts, measured_interval, now: clock::now() });
        if stopped.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    if let Pen::Bar(bar) = pen {
        bar.bar.finish_and_clear();
    }
}

/// What a display draws with.
enum Pen {
    /// On a terminal.
    Bar(Bar),
    /// Elsewhere.
    Lines(Schedule),
}

impl Pen {
    fn draw(&mut self, ui: &Ui, at: Duration, view: &View) {
        match self {
            Self::Bar(bar) => bar.draw(view),
            Self::Lines(schedule) => {
                if schedule.is_due(at, view) {
                    ui.progress_line(view);
                }
            }
        }
    }
}

/// A bar while requests are sent, a spinner before and after.
struct Bar {
    bar: ProgressBar,
    phase: Option<Phase>,
}

impl Bar {
    fn new(ui: &Ui) -> Self {
        Self { bar: ui.terminal_bar(), phase: None }
    }

    fn draw(&mut self, view: &View) {
        let counts = &view.counts;
        self.bar.update(|state| {
            state.set_len(counts.planned);
            state.set_pos(counts.done());
        });
        self.bar.set_prefix(view.details());
        // The bar alone says that something is fetched.
        self.bar.set_message(match counts.phase {
            Phase::FindingSessions => format!("{}: {}", counts.phase.name(), view.headline()),
            _ => view.headline(),
        });
        if self.phase != Some(counts.phase) {
            self.phase = Some(counts.phase);
            let sending = counts.phase.sends();
            let template = if sending { "[{bar:24}] {wide_msg}\n{prefix}" } else { "{spinner} {wide_msg}" };
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.tick();
    }
}
