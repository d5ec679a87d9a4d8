//! The fault soak: whatever befalls an export, the same command ends with the unbroken run's rows.
//!
//! Each round is one export against a sandbox with a storm of faults of its own. It is killed or
//! stopped at random [`Moment`]s of its life, the same command is started again each time, and at its
//! end every table is compared to that of a run that met no fault and was never stopped.
//!
//! `RTK_SOAK_KILLS=1000 cargo test --test it soak` for more kills than the 40 of every test run;
//! `RTK_SOAK_SEED` repeats the storms and moments of an earlier soak, which tells its own at its start.
//! Where in a moment a kill strikes is still the machine's: no assertion depends on it.

mod moments;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rtk_export::log::Log;
use rtk_export::sandbox::{SandboxOptions, WorldOptions};
use serde_json::Value;

use self::moments::{Moment, staged_files};
use crate::support::{Export, Place, Rtk, Server, faults, say, tree, whole_manifest};

/// Kills of an ordinary test run: some four exports.
const KILLS: u64 = 40;
/// Pairs that a list asks for, beside other rows.
const PAIRS: usize = 1_200;
const CONCURRENCY: u64 = 16;
/// What was not durable: a thousand replies (contract, "Response log").
const NOT_DURABLE: u64 = 1_000;
/// A kill is counted before the sandbox has sent the last replies to it.
const IN_FLIGHT: u64 = 2 * CONCURRENCY;

/// One way to export, and where its log is.
struct Way {
    run: &'static str,
    log: &'static str,
    /// Over an older export of another format.
    refresh: bool,
}

const WAYS: [Way; 4] = [
    Way {
        run: "run list.csv -o out --format csv --fetch detail --with-sessions",
        log: "out/.rtk-export/responses.jsonl.zst",
        refresh: false,
    },
    Way {
        run: "run list.csv -o out --format csv --with-sessions --refresh",
        log: "out/.rtk-export/responses.next.jsonl.zst",
        refresh: true,
    },
    Way {
        run: "run list.csv -o out --fetch detail",
        log: "out/.rtk-export/responses.jsonl.zst",
        refresh: false,
    },
    Way {
        run: "run - -o out --fetch list --format csv --excel --state-dir state --keep-log never",
        log: "state/responses.jsonl.zst",
        refresh: false,
    },
];

impl Way {
    fn command(&self, place: &Place, server: &Server, list: &str) -> Rtk {
        let rtk = place.rtk(self.run).against(server).stdin(list);
        rtk.args(&format!("--concurrency {CONCURRENCY} --timeout 2s --retries 12"))
    }
}

/// What an export holds, but for what two runs may differ in.
struct Held {
    export: Export,
    manifest: Vec<Value>,
    /// Its files and their bytes, the manifest not counted.
    files: usize,
    bytes: u64,
}

impl Held {
    fn by(place: &Place) -> Self {
        let dir = place.path("out");
        let manifest = whole_manifest(&dir).expect("a manifest");
        let files: Vec<_> = manifest["tables"].as_array().unwrap().iter().flat_map(files_of).collect();
        let rows = manifest["tables"].as_array().unwrap().iter().map(|table| table["rows"].clone());
        Self {
            export: Export::read_any(&dir),
            bytes: files.iter().map(|file| file["bytes"].as_u64().unwrap()).sum(),
            files: files.len(),
            manifest: ["source", "totals", "failures", "warnings"]
                .map(|part| manifest[part].clone())
                .into_iter()
                .chain(rows)
                .collect(),
        }
    }
}

fn files_of(table: &Value) -> Vec<Value> {
    table["files"].as_array().unwrap().clone()
}

/// What came of it all.
#[derive(Default)]
struct Tally {
    exports: u64,
    kills: u64,
    by_moment: BTreeMap<(&'static str, &'static str), u64>,
    answered: u64,
    twice: u64,
    most_lost: u64,
}

#[test]
fn whatever_befalls_an_export_its_rows_are_those_of_an_unbroken_run() {
    let (wanted, seed) = (number("RTK_SOAK_KILLS").unwrap_or(KILLS), number("RTK_SOAK_SEED"));
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!("soak: {wanted} kills, RTK_SOAK_SEED={seed}"));
    let start = Instant::now();
    let mut rng = Rng::with_seed(seed);
    let mut unbroken: [Option<Held>; 4] = [const { None }; 4];
    let mut tally = Tally::default();
    while tally.kills < wanted {
        let number = usize::try_from(tally.exports).unwrap() % WAYS.len();
        let expected = unbroken[number].get_or_insert_with(|| undisturbed(&WAYS[number]));
        round(&WAYS[number], expected, wanted - tally.kills, &mut rng, &mut tally);
        tally.exports += 1;
    }
    let Tally { exports, kills, by_moment, answered, twice, most_lost } = tally;
    let moments: Vec<_> =
        by_moment.iter().map(|((moment, signal), count)| format!("{moment} {signal} {count}")).collect();
    say(&format!(
        "soak: {exports} exports ended with the unbroken run's rows after {kills} kills ({}); {twice} of \
         {answered} replies were fetched twice, at most {most_lost} for one kill; took {:.0?}",
        moments.join(", "),
        start.elapsed()
    ));
}

#[expect(clippy::disallowed_methods, reason = "how long to soak is for whoever starts the tests to say")]
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

fn world(options: &mut SandboxOptions) {
    options.world = WorldOptions { participants: 2_000, messy: true, ..WorldOptions::default() };
    options.page_size_limit = 5;
}

/// Rows of every kind: pairs, unknown ones, such as are none, duplicates, and whole sessions.
fn list(server: &Server) -> String {
    let rows =
        server.world().pairs().take(PAIRS).enumerate().map(|(n, (session, participant))| match n % 60 {
            7 => format!("{session},{n:08x}-0e0e-4e0e-8e0e-0e0e0e0e0e0e,nobody\n"),
            17 => format!("{session},P-{n},invalid\n"),
            27 => format!("{session},{participant},one\n{session},{participant},other\n"),
            37 => format!("{session},,everyone\n"),
            _ => format!("{session},{participant},C{}\n", n % 9),
        });
    std::iter::once("session_id,participant_id,customer\n".to_owned()).chain(rows).collect()
}

fn undisturbed(way: &Way) -> Held {
    let (place, server) = (Place::new(), Server::start(world));
    let list = list(&server);
    place.write("list.csv", &list);
    way.command(&place, &server, &list).ends(3);
    Held::by(&place)
}

/// One export through its storm and kills.
fn round(way: &Way, expected: &Held, most_kills: u64, rng: &mut Rng, tally: &mut Tally) {
    let place = Place::new();
    let rules = storm(rng);
    let rules: Vec<_> = rules.iter().map(String::as_str).collect();
    let server = Server::start(|options| {
        world(options);
        options.faults = faults(&rules);
        options.jitter = Duration::from_millis(4);
        options.record_requests = true;
    });
    let list = list(&server);
    place.write("list.csv", &list);
    let old = way.refresh.then(|| older_export(&place));
    let is_published = || {
        let manifest = whole_manifest(&place.path("out"));
        manifest.is_some_and(|manifest| Some(&manifest["export_id"]) != old.as_ref())
    };
    let mut missing = 0;
    for moment in moments(rng, expected).into_iter().take(usize::try_from(most_kills).unwrap()) {
        let signal = if rng.u8(..4) == 0 { "-TERM" } else { "-KILL" };
        let watch = moment.watch(&place, &server, way.log);
        let running = way.command(&place, &server, &list).start().until_or_ended(watch);
        let output = running.signal(signal).output();
        let context = || format!("{} at {moment:?} of {}: {rules:?}\n{output}", signal, way.run);
        match output.code {
            // Killed; or stopped, before it listened to signals or after.
            None | Some(143) => {
                tally.kills += 1;
                *tally.by_moment.entry((moment.name(), signal)).or_default() += 1;
            }
            Some(0 | 3) => {}
            _ => panic!("{}", context()),
        }
        if is_published() {
            break;
        }
        let missing_before = missing;
        missing = answered(&server).saturating_sub(logged(&place, way));
        let dropped = missing.saturating_sub(missing_before);
        let most = IN_FLIGHT + if output.code == Some(143) { 0 } else { NOT_DURABLE };
        assert!(dropped <= most, "{dropped} replies were lost by {}", context());
        tally.most_lost = tally.most_lost.max(dropped);
    }
    if !is_published() {
        let output = way.command(&place, &server, &list).output();
        assert_eq!(output.code, Some(3), "the end of {}: {rules:?}\n{output}", way.run);
    }
    ended(way, &place, &server, &list, expected);
    let paths = server.answered_paths();
    tally.answered += paths.values().sum::<u64>();
    tally.twice += paths.values().map(|times| times - 1).sum::<u64>();
}

/// The export is there, equal to the unbroken one, and nothing else.
fn ended(way: &Way, place: &Place, server: &Server, list: &str, expected: &Held) {
    let before = server.requests();
    let again = place.rtk(&way.run.replace(" --refresh", "")).against(server).stdin(list);
    let finished = again.ends(2).says(&["is a finished export"]);
    assert_eq!(server.requests(), before, "{finished}");
    let held = Held::by(place);
    held.export.equals(&expected.export);
    assert_eq!(held.manifest, expected.manifest);
    assert_eq!(tree(&place.path("out")).len(), expected.files + 1, "something was left behind");
    // Of a process that was killed after the manifest was there, empty folders may be.
    assert!(staged_files(place).is_empty(), "staged files were left behind");
    let log = place.path(way.log);
    let kept = log.with_file_name(rtk_export::log::FILE_NAME);
    assert_eq!(kept.exists(), !way.run.contains("--keep-log never"));
    assert!(log == kept || !log.exists(), "the log was not settled");
}

/// A finished export of another format, list and server.
fn older_export(place: &Place) -> Value {
    let server = Server::start(|_| ());
    place.write("older.csv", server.pairs(100));
    place.rtk("run older.csv -o out").against(&server).ends(0);
    whole_manifest(&place.path("out")).unwrap()["export_id"].clone()
}

/// Some rules of each kind of trouble, a burst, and a pause.
fn storm(rng: &mut Rng) -> Vec<String> {
    let mut rules: Vec<_> = [
        "2%: 500",
        "1%: 503 retry-after 0",
        "1%: html 502",
        "1%: html 200",
        "1%: reset",
        "1%: cut",
        "0.2%: stall",
        "0.2%: hang",
        "1%: garbage",
        "1%: refuse",
        "0.5%: shape",
        "0.5%: 408",
        "1%: slow 20ms",
    ]
    .map(str::to_owned)
    .into();
    rng.shuffle(&mut rules);
    rules.truncate(rng.usize(6..=13));
    rules.push(format!("from {}: 503 x{}", rng.u32(1..1_000), rng.u32(10..60)));
    rules.push(format!("{}: 429 retry-after 1", rng.u32(1..1_000)));
    rng.shuffle(&mut rules);
    rules
}

/// When an export is to be struck, one process after the other: while it fetches, then while its tables
/// are made and swapped in.
fn moments(rng: &mut Rng, expected: &Held) -> Vec<Moment> {
    let mut fetching = vec![
        Moment::Start(Duration::from_micros(rng.u64(..40_000))),
        Moment::Fetching(rng.u64(1..200)),
        Moment::Fetching(rng.u64(1..900)),
        Moment::Fetching(rng.u64(1..900)),
        Moment::Flush(rng.u64(1..3)),
    ];
    rng.shuffle(&mut fetching);
    let mut swapped = [0; 3].map(|_| rng.usize(..=expected.files + 1));
    swapped.sort_unstable();
    let making = [0; 2].map(|_| Moment::Tables(rng.u64(1..=expected.bytes)));
    fetching.into_iter().chain(making).chain(swapped.map(Moment::Publishing)).collect()
}

/// Replies of the API's own that were sent.
fn answered(server: &Server) -> u64 {
    server.answered_paths().values().sum()
}

/// Replies that the log holds.
fn logged(place: &Place, way: &Way) -> u64 {
    let mut replies = 0;
    if let Some(log) = Log::open(&place.path(way.log), true).unwrap() {
        log.each_reply(|_| replies += 1).unwrap();
    }
    replies
}
