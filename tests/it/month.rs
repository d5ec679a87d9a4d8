//! A simulated month: what a nightly `sync` has made of it is what one export of the whole month is.
//!
//! A world of 30 days in which sessions straddle midnight, go on for five days and change up to 60 hours after
//! their end. Every night at two the clock of the exporter and that of the API are set, and as a seed says the
//! night is plain, skipped, one in which the sync is killed again and again, one of two syncs at once, or one with
//! backfills of past days; now and then by another machine. In a directory by days of UTC, and in a bucket, whose
//! store fails now and then, by days of New York. In the end all rows are those of one export over all, in the
//! same order, each in the folder of its day.
//!
//! `RTK_MONTH_SEED` repeats a month, `RTK_MONTH_NIGHTS` leaves nights out: the last is always after all change.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use fastrand::Rng;
use rtk_export::sandbox::{Late, SandboxOptions, WorldOptions};

use crate::support::{Dataset, Effect, Export, Fault, Nightly, Output, Rtk, S3, query, say};

/// Nights of a month and a few, so that the last one is past every change.
const NIGHTS: u64 = 34;
/// The tables that a dataset has.
const TABLES: [&str; 4] = ["participants", "peer_events", "sessions", "failures"];

fn first_night() -> DateTime<Utc> {
    "2026-10-03T02:00:00Z".parse().unwrap()
}

/// Sessions that are late end within the lookback; those that last long do so beyond it, and are never late.
fn world(options: &mut SandboxOptions) {
    options.world = WorldOptions {
        participants: 600,
        per_session: 4,
        days: 30,
        late: Some(Late { every: 7, by_ms: 60 * 3_600_000 }),
        long_every: 40,
        ..WorldOptions::default()
    };
}

/// What happens in a night.
#[derive(Clone, Copy, Debug)]
enum Night {
    Plain,
    Skipped,
    Killed { times: u32 },
    TwoAtOnce,
    Backfill { first: bool },
}

impl Night {
    fn any(rng: &mut Rng) -> Self {
        match rng.u32(..100) {
            0..60 => Self::Plain,
            60..70 => Self::Skipped,
            70..85 => Self::Killed { times: rng.u32(1..=3) },
            85..95 => Self::TwoAtOnce,
            _ => Self::Backfill { first: rng.bool() },
        }
    }
}

/// When a sync is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    After(Duration),
    /// When it has sent so many requests.
    Requests(u64),
    /// When so many files were added to the dataset.
    Files(usize),
}

impl Moment {
    fn any(rng: &mut Rng) -> Self {
        match rng.u32(..4) {
            0 => Self::After(Duration::from_micros(rng.u64(..300_000))),
            1 => Self::Requests(rng.u64(1..40)),
            _ => Self::Files(rng.usize(1..24)),
        }
    }
}

/// A dataset and all that it depends on.
struct Month {
    nightly: Nightly,
    now: DateTime<Utc>,
    rng: Rng,
    told: String,
}

impl Month {
    fn new(name: &str, s3: Option<S3>) -> Self {
        let seed = number("RTK_MONTH_SEED").unwrap_or_else(|| fastrand::u64(..));
        say(&format!("month in {name}: RTK_MONTH_SEED={seed}"));
        let told = format!("in {name}, RTK_MONTH_SEED={seed}");
        Self { nightly: Nightly::new(s3, world), now: first_night(), rng: Rng::with_seed(seed), told }
    }

    fn root(&self) -> PathBuf {
        self.nightly.root()
    }

    fn zone(&self) -> &'static str {
        if self.nightly.s3.is_some() { "America/New_York" } else { "UTC" }
    }

    /// A sync by one of several machines.
    fn sync(&self, machine: &str, more: &str) -> Rtk {
        let state = match (&self.nightly.s3, machine) {
            (None, "one") => String::new(),
            _ => format!("--state-dir state-{machine}"),
        };
        self.nightly.command(&format!("sync -o AT --tz {} {state} {more}", self.zone()))
    }

    /// Which machine it is tonight: mostly the same.
    fn machine(&mut self) -> &'static str {
        if self.rng.u32(..10) == 0 { "other" } else { "one" }
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
            Night::Skipped => return,
            Night::Plain => {
                let machine = self.machine();
                self.ended(&self.sync(machine, "").output(), night, &[0]);
            }
            Night::Killed { times } => {
                for _ in 0..times {
                    self.kill();
                    self.go_on();
                }
                self.ended(&self.sync("one", "").output(), night, &[0]);
            }
            Night::TwoAtOnce => {
                let one = self.sync("one", "").start();
                let other = self.sync("other", "--wait-lock").start();
                let (one, other) = (one.output(), other.output());
                self.ended(&one, night, &[0, 6]);
                self.ended(&other, night, &[0]);
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
            }
        }
        let dataset = self.nightly.dataset();
        let until: DateTime<Utc> = dataset.synced_until().parse().unwrap();
        assert!(until >= self.now - TimeDelta::hours(1), "{until} {night:?} {}", self.told);
    }

    /// A sync that is killed at some moment, or is over before.
    fn kill(&mut self) {
        let moment = Moment::any(&mut self.rng);
        let (start, root, server) = (Instant::now(), self.root(), &self.nightly.server);
        let (requests, files) = (server.requests(), count(&root));
        let watch: Box<dyn FnMut() -> bool> = match moment {
            Moment::After(delay) => Box::new(move || start.elapsed() >= delay),
            Moment::Requests(more) => Box::new(move || server.requests() >= requests + more),
            Moment::Files(more) => Box::new(move || count(&root) >= files + more),
        };
        let output = self.sync("one", "").start().until_or_ended(watch).kill();
        assert!(matches!(output.code, None | Some(0)), "{moment:?} {}\n{output}", self.told);
        self.nightly.age_lock();
        // What is read is checked, whole.
        let _ = Dataset::find(&self.root());
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

    /// All nights; the last is plain.
    fn pass(&mut self, nights: u64) {
        for night in NIGHTS.saturating_sub(nights)..NIGHTS {
            self.set(first_night() + TimeDelta::days(i64::try_from(night).unwrap()));
            let kind = if night + 1 == NIGHTS { Night::Plain } else { Night::any(&mut self.rng) };
            self.night(kind);
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
    let nights = number("RTK_MONTH_NIGHTS").unwrap_or(NIGHTS).clamp(1, NIGHTS);
    month.pass(nights);
    month.equals_one_export();
    month.is_in_order();
    say(&format!("month {}: {nights} nights took {:.0?}", month.told, start.elapsed()));
}

#[test]
fn nights_in_a_directory_come_to_one_export_of_all() {
    month("a directory", None);
}

#[test]
fn nights_in_a_bucket_come_to_one_export_of_all() {
    month("a bucket", Some(S3::start()));
}
