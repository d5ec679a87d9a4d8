//! A simulated month: what a nightly `sync` has made of it is what one export of the whole month is.
//!
//! A world of 30 days in which sessions straddle midnight, go on for five days and change up to 60 hours after
//! their end. Every night at two the clock of the exporter and that of the API are set. The nights are dealt like
//! cards: one at least of each kind, whatever the seed (plain, by another machine, skipped, killed while it fetches
//! and while it publishes, two syncs of which the second finds the first at work, backfills of past days before and
//! after the sync), then any, shuffled. In a directory by days of UTC, and in a bucket, whose store fails now and
//! then, by days of New York. In the end all rows are those of one export over all, in the same order, each in the
//! folder of its day; and it is asserted that all of this came about.
//!
//! `RTK_MONTH_SEED` repeats a month, `RTK_MONTH_NIGHTS` leaves nights out: the last is always after all change.

mod nights;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use fastrand::Rng;
use rtk_export::sandbox::{Late, SandboxOptions, WorldOptions};

use crate::support::{Dataset, Effect, Export, Fault, Nightly, Output, Rtk, S3, query, say, strace};
use nights::{Moment, NIGHTS, Night};

/// What renames files, as everything does that publishes in a directory.
const RENAMES: &str = "?rename,?renameat,renameat2";
/// How far `sync` looks back.
const LOOKBACK: TimeDelta = TimeDelta::days(3);
/// The tables that a dataset has.
const TABLES: [&str; 4] = ["participants", "peer_events", "sessions", "failures"];

fn first_night() -> DateTime<Utc> {
    "2026-10-03T02:00:00Z".parse().unwrap()
}

/// Sessions that are late change within the lookback after their end; those that last long do so beyond it, and are late.
fn world(options: &mut SandboxOptions) {
    options.world = WorldOptions {
        participants: 600,
        per_session: 4,
        days: 30,
        late: Some(Late { every: 7, by_ms: 60 * 3_600_000 }),
        long_every: 42,
        ..WorldOptions::default()
    };
}

/// What came about in a month.
#[derive(Debug, Default)]
struct Happened {
    /// The times of the nights that were not skipped.
    nights: Vec<DateTime<Utc>>,
    skipped: usize,
    backfills: usize,
    by_another: usize,
    astray: usize,
    killed: usize,
    killed_fetching: usize,
    killed_publishing: usize,
    /// Killed by a rename is no process here, which was said.
    cannot_trace: bool,
    ended_before_killed: usize,
    met: usize,
    with_live: usize,
    with_settling: usize,
}

/// A dataset and all that it depends on.
struct Month {
    nightly: Nightly,
    /// When tonight began, and what time it is.
    begun: DateTime<Utc>,
    now: DateTime<Utc>,
    rng: Rng,
    happened: Happened,
    told: String,
}

impl Month {
    fn new(name: &str, s3: Option<S3>) -> Self {
        let seed = number("RTK_MONTH_SEED").unwrap_or_else(|| fastrand::u64(..));
        say(&format!("month in {name}: RTK_MONTH_SEED={seed}"));
        let told = format!("in {name}, RTK_MONTH_SEED={seed}");
        let (nightly, rng) = (Nightly::new(s3, world), Rng::with_seed(seed));
        Self { nightly, begun: first_night(), now: first_night(), rng, happened: Happened::default(), told }
    }

    fn root(&self) -> PathBuf {
        self.nightly.root()
    }

    fn zone(&self) -> Tz {
        if self.nightly.s3.is_some() { Tz::America__New_York } else { Tz::UTC }
    }

    /// A sync by one of several machines.
    fn sync(&self, machine: &str, more: &str) -> Rtk {
        self.nightly.command(&self.arguments(machine, more))
    }

    fn arguments(&self, machine: &str, more: &str) -> String {
        let state = match (&self.nightly.s3, machine) {
            (None, "one") => String::new(),
            _ => format!("--state-dir state-{machine}"),
        };
        format!("sync -o AT --tz {} {state} {more}", self.zone())
    }

    /// The time goes on, for everybody.
    fn set(&mut self, now: DateTime<Utc>) {
        self.now = now;
        self.nightly.set(now);
    }

    fn go_on(&mut self) {
        self.set(self.now + TimeDelta::minutes(7));
    }

    fn night(&mut self, night: Night) {
        self.storm();
        match night {
            Night::Skipped => {
                self.happened.skipped += 1;
                return;
            }
            Night::Plain { machine } => {
                self.happened.by_another += usize::from(machine != "one");
                self.ended(&self.sync(machine, "").output(), night, &[0]);
            }
            Night::Killed { at, more } => {
                self.kill(at);
                for _ in 0..more {
                    self.go_on();
                    let moment = Moment::any(&mut self.rng);
                    self.kill(moment);
                }
                self.go_on();
                self.ended(&self.sync("one", "").output(), night, &[0]);
            }
            Night::Two { meet } => self.two(night, meet),
            Night::Astray { hours } => {
                let clock = self.now + TimeDelta::hours(hours);
                self.ended(&self.sync("one", "").at(clock).output(), night, &[0]);
                self.go_on();
                self.ended(&self.sync("one", "").output(), night, &[0]);
                self.happened.astray += 1;
            }
            Night::Backfill { first } => {
                let is_there = Dataset::find(&self.root()).is_some();
                if !first || !is_there {
                    self.ended(&self.sync("one", "").output(), night, &[0]);
                }
                for _ in 0..5 {
                    self.backfill(night);
                }
                if first && is_there {
                    self.ended(&self.sync("one", "").output(), night, &[0]);
                }
                self.happened.backfills += 5;
            }
        }
        self.is_current(night);
    }

    /// The dataset is that of tonight; it is noted of which days a session had not ended.
    fn is_current(&mut self, night: Night) {
        let dataset = self.nightly.dataset();
        let until: DateTime<Utc> = dataset.synced_until().parse().unwrap();
        assert!(until >= self.now - TimeDelta::hours(1), "{until} {night:?} {}", self.told);
        // What a killed one had listed is gone on with: as of then or as of now.
        let (begun, now) = (self.begun, self.now);
        let pending: BTreeSet<_> =
            dataset.pending().into_iter().map(|(day, why)| (day.to_owned(), why)).collect();
        let (all, some) = (self.days_with_live(begun, now), self.days_with_live(now, begun));
        let told = format!("{pending:?}, {night:?} at {now} {}", self.told);
        let days: BTreeSet<_> = pending.iter().map(|(day, _)| day).collect();
        let live: BTreeSet<_> = pending.iter().filter(|(_, why)| *why == "live").cloned().collect();
        assert!(
            all.iter().all(|(day, _)| days.contains(day)) && live.is_subset(&some),
            "{all:?} to {some:?}: {told}"
        );
        let settling = self.days_with_ended(begun - LOOKBACK - TimeDelta::hours(1), now);
        assert!(
            pending.difference(&live).all(|(day, why)| *why == "settling" && settling.contains(day)),
            "{settling:?}: {told}"
        );
        self.happened.with_live += usize::from(!live.is_empty());
        self.happened.with_settling += usize::from(live.len() < pending.len());
        self.happened.nights.push(self.now);
    }

    /// The days of the sessions that had begun by a time and not ended by another.
    fn days_with_live(&self, begun: DateTime<Utc>, ended: DateTime<Utc>) -> BTreeSet<(String, &'static str)> {
        let [begun, ended] = [begun, ended].map(|time| u64::try_from(time.timestamp_millis()).unwrap());
        let sessions = self.nightly.server.world().sessions();
        let live = sessions.filter(|session| session.created_ms <= begun && ended < session.ended_ms);
        live.map(|session| (self.day(session.created_ms).to_string(), "live")).collect()
    }

    /// The days of the sessions that ended between two times.
    fn days_with_ended(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<String> {
        let [from, to] = [from, to].map(|time| u64::try_from(time.timestamp_millis()).unwrap());
        let sessions = self.nightly.server.world().sessions();
        let ended = sessions.filter(|session| (from..=to).contains(&session.ended_ms));
        ended.map(|session| self.day(session.created_ms).to_string()).collect()
    }

    fn day(&self, ms: u64) -> NaiveDate {
        let time = DateTime::from_timestamp_millis(i64::try_from(ms).unwrap()).unwrap();
        time.with_timezone(&self.zone()).date_naive()
    }

    /// Two syncs, by two machines: the second comes while the first is at it, for certain, or as it happens.
    fn two(&mut self, night: Night, meet: bool) {
        if meet {
            self.nightly.gate.lets(0);
            let one = self.sync("one", "").start().until("a request", || self.nightly.gate.waiting() > 0);
            self.ended(&self.sync("other", "").output(), night, &[6]);
            let other = self.sync("other", "--wait-lock").start();
            self.nightly.gate.open();
            self.ended(&one.output(), night, &[0]);
            self.ended(&other.output(), night, &[0]);
            self.happened.met += 1;
        } else {
            let one = self.sync("one", "").start();
            let other = self.sync("other", "--wait-lock").start();
            let (one, other) = (one.output(), other.output());
            self.ended(&one, night, &[0, 6]);
            self.ended(&other, night, &[0]);
        }
    }

    /// A sync that is killed at some moment, or is over before.
    fn kill(&mut self, moment: Moment) {
        let output = match moment {
            Moment::After(delay) => {
                let start = Instant::now();
                self.sync("one", "").start().until_or_ended(|| start.elapsed() >= delay).kill()
            }
            Moment::Files(more) => {
                let root = self.root();
                let files = count(&root);
                self.sync("one", "").start().until_or_ended(|| count(&root) >= files + more).kill()
            }
            Moment::Fetching(requests) => self.kill_fetching(requests),
            Moment::Publishing(nth) => self.kill_publishing(nth),
        };
        assert!(matches!(output.code, None | Some(0)), "{moment:?} {}\n{output}", self.told);
        let counts = &mut self.happened;
        match output.code {
            Some(_) => counts.ended_before_killed += 1,
            None => counts.killed += 1,
        }
        match moment {
            Moment::Fetching(_) => counts.killed_fetching += usize::from(output.code.is_none()),
            Moment::Publishing(_) => {
                counts.killed_publishing += usize::from(output.code.is_none() && !counts.cannot_trace);
            }
            Moment::After(_) | Moment::Files(_) => {}
        }
        self.nightly.age_lock();
        // What is read is checked, whole.
        let _ = Dataset::find(&self.root());
    }

    /// Killed while a request waits that comes after so many.
    fn kill_fetching(&self, requests: usize) -> Output {
        let gate = &self.nightly.gate;
        gate.lets(requests);
        let output = self.sync("one", "").start().until_or_ended(|| gate.waiting() > 0).kill();
        gate.open();
        output
    }

    /// Killed by the nth rename; in a bucket, while the store has not answered the nth put of a file of rows.
    fn kill_publishing(&mut self, nth: u64) -> Output {
        let Some(s3) = &self.nightly.s3 else {
            let kill = format!("-e trace={RENAMES} -e inject={RENAMES}:signal=SIGKILL:when={nth}");
            let Some(traced) = strace(&kill) else {
                self.happened.cannot_trace = true;
                return self.kill_fetching(0);
            };
            let sync = self.arguments("one", "");
            return self.nightly.shell(&format!("exec {traced} rtk-export {sync}")).output();
        };
        s3.forget();
        // As long as nobody would wait.
        let never = Effect::Slow(Duration::from_hours(1));
        s3.set_faults(vec![Fault::on("PUT", "/part-", never).from(nth)]);
        let arrived = || {
            let arrived = s3.arrived();
            arrived.iter().filter(|(method, path)| method == "PUT" && path.contains("/part-")).count() as u64
        };
        let output = self.sync("one", "").start().until_or_ended(|| arrived() >= nth).kill();
        s3.set_faults(Vec::new());
        output
    }

    /// One of the days that are over or have begun, once more.
    fn backfill(&mut self, night: Night) {
        let first = NaiveDate::from_ymd_opt(2026, 10, 2).unwrap();
        let days = u64::try_from((self.now.date_naive() - first).num_days()).unwrap();
        let from = first + chrono::Days::new(self.rng.u64(..=days));
        let to = from + chrono::Days::new(1);
        self.ended(&self.sync("one", &format!("--from {from} --to {to}")).output(), night, &[0]);
    }

    /// Tonight's troubles of the store.
    fn storm(&mut self) {
        let Some(s3) = &self.nightly.s3 else { return };
        let rng = &mut self.rng;
        let effects = [
            Effect::Refuse(503, "SlowDown"),
            Effect::Refuse(500, "InternalError"),
            Effect::Reset,
            Effect::DoneThenReset,
            Effect::DoneThen(500),
            Effect::Slow(Duration::from_millis(30)),
        ];
        let faults = (0..rng.usize(..4)).map(|_| {
            let effect = effects[rng.usize(..effects.len())];
            let of = ["dataset.json", "_commits", "part-", "lock.json", ""][rng.usize(..5)];
            let method = if rng.u32(..3) == 0 { "GET" } else { "PUT" };
            Fault::on(method, of, effect).from(rng.u64(1..12)).times(rng.u64(1..3))
        });
        s3.set_faults(faults.collect());
    }

    fn ended(&self, output: &Output, night: Night, codes: &[i32]) {
        let is_right = output.code.is_some_and(|code| codes.contains(&code));
        assert!(is_right, "{night:?} at {} {}\n{output}", self.now, self.told);
    }

    /// All nights.
    fn pass(&mut self, nights: &[Night]) {
        for (number, night) in (NIGHTS - nights.len()..).zip(nights) {
            self.begun = first_night() + TimeDelta::days(i64::try_from(number).unwrap());
            self.set(self.begun);
            self.night(*night);
        }
    }

    /// The world and the nights had all that the month is to stand.
    fn had_everything(&self, nights: usize) {
        let Happened { skipped, backfills, by_another, astray, met, .. } = self.happened;
        let Happened { killed, killed_fetching, killed_publishing, cannot_trace, .. } = self.happened;
        let Happened { with_live, with_settling, .. } = self.happened;
        let happened = [skipped, backfills, by_another, astray, met, killed, killed_fetching];
        assert!(!happened.contains(&0), "{:?} {}", self.happened, self.told);
        assert!(killed_publishing > 0 || cannot_trace, "{:?} {}", self.happened, self.told);
        let rows = self.nightly.dataset().rows();
        let time = |row: &str| row.parse::<i64>().unwrap();
        let (mut changed, mut straddle, mut long) = (0, 0, 0);
        for session in rows.rows("sessions") {
            let [created, ended, updated] =
                ["created_at", "ended_at", "updated_at"].map(|column| time(&session[column]));
            // Exported as it was at first, and once more when it had changed.
            let seen = |night: &&DateTime<Utc>| (ended..updated).contains(&night.timestamp_micros());
            changed += usize::from(self.happened.nights.iter().any(|night| seen(&night)));
            let ms = |micros: i64| u64::try_from(micros / 1000).unwrap();
            let days = (self.day(ms(ended)) - self.day(ms(created))).num_days();
            straddle += usize::from(days == 1);
            long += usize::from(days > 3);
        }
        say(&format!(
            "month {}: killed {killed} times, {changed} sessions seen before a late change, {with_live} nights with live ones",
            self.told
        ));
        if nights == NIGHTS {
            assert!(![with_live, with_settling, changed, straddle, long].contains(&0), "{}", self.told);
        }
    }

    /// The dataset holds what one export of all that there is holds.
    fn equals_one_export(&self) {
        let now = self.now.to_rfc3339();
        let run = "run --since 2026-10-01 -o whole --no-rollups";
        self.nightly.command(run).args("--until").arg(&now).ends(0);
        let expected = Export::read_any(&self.nightly.place.path("whole"));
        let dataset = self.nightly.dataset();
        let rows = dataset.rows();
        for table in TABLES {
            let (rows, expected) = (rows.rows(table), expected.rows(table));
            assert_eq!(rows.len(), expected.len(), "{table} {}", self.told);
            for (n, (row, expected)) in rows.iter().zip(expected).enumerate() {
                assert_eq!(row, expected, "row {n} of {table} {}", self.told);
            }
        }
        assert_eq!(rows.rows("sessions").len() as u64, self.nightly.server.world().session_count());
        assert_eq!(rows.rows("participants").len(), 600);
        assert_eq!(dataset.pending(), [], "{}", self.told);
    }

    /// What is left after a vacuum is what the commit names, each row in the folder of its day.
    fn is_in_order(&self) {
        self.nightly.command("verify AT --offline").ends(0);
        self.nightly.command("vacuum AT --grace 0s").ends(0);
        let dataset = self.nightly.dataset();
        dataset.rows_go_together();
        assert_eq!(Dataset::in_folders(&self.root()), dataset.paths(), "{}", self.told);
        let count = |sql: &str| query(&self.root(), sql).swap_remove(0).swap_remove(0).unwrap();
        let read = |table| format!("read_parquet('{table}/**/*.parquet', hive_partitioning = true)");
        let other_day = format!(
            "SELECT COUNT(*) FROM {} WHERE session_date IS DISTINCT FROM \
             CAST(created_at AT TIME ZONE '{}' AS DATE)",
            read("sessions"),
            self.zone()
        );
        assert_eq!(count(&other_day), "0");
        for table in TABLES {
            let rows: u64 =
                dataset.files().iter().filter(|file| file.table == table).map(|file| file.rows).sum();
            assert_eq!(count(&format!("SELECT COUNT(*) FROM {}", read(table))), rows.to_string());
            let apart = format!(
                "SELECT COUNT(*) FROM {} AS one LEFT JOIN {} AS session USING (session_id) \
                 WHERE one.session_date IS DISTINCT FROM session.session_date",
                read(table),
                read("sessions")
            );
            assert_eq!(count(&apart), "0", "{table}");
        }
        if let Some(s3) = &self.nightly.s3 {
            assert_eq!(s3.unfinished_uploads(), 0);
        }
    }
}

/// How many files there are below a directory.
fn count(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

#[expect(clippy::disallowed_methods, reason = "which month it is, is for whoever starts the tests to say")]
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

fn month(name: &str, s3: Option<S3>) {
    let start = Instant::now();
    let mut month = Month::new(name, s3);
    let nights = number("RTK_MONTH_NIGHTS").map(|nights| usize::try_from(nights).unwrap());
    let nights = Night::deal(nights, &mut month.rng);
    month.pass(&nights);
    month.equals_one_export();
    month.is_in_order();
    month.had_everything(nights.len());
    say(&format!("month {}: {} nights took {:.0?}", month.told, nights.len(), start.elapsed()));
}

#[test]
fn nights_in_a_directory_come_to_one_export_of_all() {
    month("a directory", None);
}

#[test]
fn nights_in_a_bucket_come_to_one_export_of_all() {
    month("a bucket", Some(S3::start()));
}
