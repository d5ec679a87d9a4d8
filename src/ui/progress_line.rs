//! Progress in words: a pure function of the counters and the clock.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::errors::json_line;
use super::wording::{counted, duration, grouped};
use crate::progress::{Pause, Phase, Snapshot};

/// What is seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// The counters.
    pub(super) counts: Snapshot,
    /// The measured time between two replies.
    pub(super) measured_interval: Option<Duration>,
    /// The time of day.
    pub(super) now: DateTime<Utc>,
}

impl View {
    /// The pause that holds everybody now.
    pub(super) fn pause(&self) -> Option<Pause> {
        self.counts.pause_at(self.now).filter(|_| self.is_sending())
    }

    fn is_sending(&self) -> bool {
        self.counts.phase.sends()
    }

    /// The time left: what is planned, at the allowed rate or the measured one where that is
    /// slower (the rate may be allowed and the API slow), after the pause.
    fn time_left(&self) -> Option<Duration> {
        if !self.is_sending() {
            return None;
        }
        let pause = self.pause();
        // During a pause the measured rate tells nothing.
        let measured = self.measured_interval.filter(|_| pause.is_none());
        let interval = self.counts.allowed_interval.max(measured)?;
        let nanos = interval.as_nanos().saturating_mul(u128::from(self.counts.left()));
        let working = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let waiting = pause.and_then(|pause| (pause.until - self.now).to_std().ok()).unwrap_or_default();
        Some(working.saturating_add(waiting))
    }

    /// Replies per second, to a tenth.
    fn per_second(&self) -> Option<f64> {
        if !self.is_sending() || self.pause().is_some() {
            return None;
        }
        let tenths = 10_000_000_000_u128.checked_div(self.measured_interval?.as_nanos())?;
        Some(f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
    }

    /// One line without its end.
    pub(super) fn text(&self) -> String {
        if self.is_sending() {
            format!("{}: {}, {}", self.counts.phase.name(), self.headline(), self.details())
        } else {
            self.headline()
        }
    }

    /// What is looked at most: how far, how fast, how long. Fits beside a bar on 80 columns.
    pub(super) fn headline(&self) -> String {
        let counts = &self.counts;
        if !self.is_sending() {
            return counts.phase.name().to_owned();
        }
        let percent = counts.done().saturating_mul(100).checked_div(counts.planned).unwrap_or(0).min(100);
        let mut parts =
            vec![format!("{} of {} ({percent}%)", grouped(counts.done()), grouped(counts.planned))];
        parts.extend(self.per_second().map(|rate| format!("{rate:.1}/s")));
        if let Some(left) = self.time_left().filter(|_| counts.left() > 0) {
            let about = if left.as_secs() > 0 { "about " } else { "" };
            parts.push(format!("{about}{} left", duration(left)));
        }
        parts.join(", ")
    }

    /// What is wrong, and until when nothing is sent.
    pub(super) fn details(&self) -> String {
        let mut parts = vec![
            counted(self.counts.retried, "retry", "retries"),
            counted(self.counts.failed, "failure", "failures"),
        ];
        if let Some(pause) = self.pause() {
            parts.push(format!(
                "waiting until {} UTC: {}",
                pause.until.format("%H:%M:%S"),
                pause.reason.name()
            ));
        }
        parts.join(", ")
    }

    /// The same as one JSON object, with the line's end.
    pub(super) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Fields {
            level: &'static str,
            event: &'static str,
            phase: &'static str,
            done: u64,
            planned: u64,
            kept: u64,
            retries: u64,
            failures: u64,
            replies_per_second: Option<f64>,
            seconds_left: Option<u64>,
            paused_until: Option<String>,
            pause_reason: Option<&'static str>,
        }
        let (counts, pause) = (&self.counts, self.pause());
        json_line(
            self.now,
            &Fields {
                level: "info",
                event: "progress",
                phase: counts.phase.name(),
                done: counts.done(),
                planned: counts.planned,
                kept: counts.kept,
                retries: counts.retried,
                failures: counts.failed,
                replies_per_second: self.per_second(),
                seconds_left: self.time_left().map(|left| left.as_secs()),
                paused_until: pause.map(|pause| pause.until.to_rfc3339_opts(SecondsFormat::Secs, true)),
                pause_reason: pause.map(|pause| pause.reason.name()),
            },
        )
    }
}

/// Measures the time between replies over the last [`Meter::SPAN`].
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// (time since the start, replies by then), oldest first.
    samples: VecDeque<(Duration, u64)>,
}

impl Meter {
    /// Long enough to even out bursts, short enough to follow a change.
    const SPAN: Duration = Duration::from_secs(30);

    /// Notes the replies by a time; the mean interval since the oldest sample that still counts.
    pub(super) fn note(&mut self, at: Duration, replies: u64) -> Option<Duration> {
        self.samples.push_back((at, replies));
        while self.samples.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= Self::SPAN) {
            self.samples.pop_front();
        }
        let (since, before) = *self.samples.front()?;
        let replies = u128::from(replies.saturating_sub(before));
        let nanos = at.saturating_sub(since).as_nanos().checked_div(replies)?;
        u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    }
}

/// Says when a plain line is due: when something begins, and every ten seconds.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    last: Option<(Duration, Phase, Option<Pause>)>,
}

impl Schedule {
    const EVERY: Duration = Duration::from_secs(10);

    /// Whether a line is due at a time since the start; if so, the next one counts from here.
    pub(super) fn is_due(&mut self, at: Duration, view: &View) -> bool {
        let (phase, pause) = (view.counts.phase, view.pause());
        let due = self.last.is_none_or(|(shown, last_phase, last_pause)| {
            let begins = pause.is_some() && last_pause.is_none();
            phase != last_phase || begins || at.saturating_sub(shown) >= Self::EVERY
        });
        if due {
            self.last = Some((at, phase, pause));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::progress::{PauseReason, Progress};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_795_000_000_042).expect("a time")
    }

    /// 1,204 of 100,000 done at the default quota less its reserve.
    fn fetching() -> Progress {
        let progress = Progress::default();
        progress.enter(Phase::Fetching);
        progress.planned(100_000);
        progress.kept(1_200);
        (0..4).for_each(|_| progress.replied());
        progress.retried();
        progress.allowed(1080, Duration::from_mins(5));
        progress
    }

    fn view(progress: &Progress, measured_millis: Option<u64>) -> View {
        View {
            counts: progress.snapshot(),
            measured_interval: measured_millis.map(Duration::from_millis),
            now: now(),
        }
    }

    #[test]
    fn lines() {
        let progress = fetching();
        let mut lines = vec![
            view(&Progress::default(), None).text(),
            view(&progress, None).text(),
            // Faster than allowed for the moment: the allowed rate decides.
            view(&progress, Some(50)).text(),
            // Slower than allowed: the API decides.
            view(&progress, Some(2_000)).text(),
        ];
        let last = Progress::default();
        last.enter(Phase::Fetching);
        last.planned(2);
        last.replied();
        last.allowed(1080, Duration::from_mins(5));
        lines.push(view(&last, None).text());
        progress.paused_until(now() + TimeDelta::seconds(300), PauseReason::RateLimited);
        progress.failed(1);
        lines.push(view(&progress, Some(2_000)).text());
        progress.enter(Phase::Publishing);
        lines.push(view(&progress, None).text());
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn json_lines() {
        let progress = fetching();
        let free = view(&progress, Some(250)).json();
        progress.paused_until(now() + TimeDelta::seconds(300), PauseReason::QuotaShared);
        insta::assert_snapshot!([free, view(&progress, None).json()].concat());
    }

    #[test]
    fn the_meter_follows_the_last_half_minute() {
        let mut meter = Meter::default();
        let seconds = Duration::from_secs;
        assert_eq!(meter.note(seconds(0), 0), None);
        assert_eq!(meter.note(seconds(10), 0), None);
        assert_eq!(meter.note(seconds(20), 80), Some(Duration::from_millis(250)));
        // A minute without a reply is not hidden by what was before it.
        assert_eq!(meter.note(seconds(80), 80), None);
        assert_eq!(meter.note(seconds(90), 90), Some(seconds(7)));
        assert!(meter.samples.len() <= 3);
    }

    #[test]
    fn a_line_is_due_when_something_begins_and_every_ten_seconds() {
        let progress = fetching();
        let mut schedule = Schedule::default();
        let mut due = |millis: u64| schedule.is_due(Duration::from_millis(millis), &view(&progress, None));
        assert_eq!([0, 250, 9_999, 10_000, 10_250].map(&mut due), [true, false, false, true, false]);
        progress.paused_until(now() + TimeDelta::seconds(5), PauseReason::QuotaSpent);
        assert_eq!([10_500, 10_750].map(&mut due), [true, false]);
        progress.enter(Phase::MakingTables);
        assert_eq!([11_000, 11_250].map(&mut due), [true, false]);
    }
}
