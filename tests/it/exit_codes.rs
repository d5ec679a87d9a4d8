//! Each exit code of the contract, from a run that ends with it, and what it promises: an export or
//! none, what to do next, and that the same command goes on where it says so.
//!
//! What each way of ending does in detail is tested where it belongs: `faults`, `resume`, `disk`, `lists`.

use std::collections::BTreeSet;

use crate::support::{Export, Output, Place, Server, faults};

const PAIRS: usize = 40;
/// Rows that nobody knows.
const UNKNOWN: &str = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e,0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e01\n\
                       0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e,0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e02\n";

/// What is done to a run.
enum Done {
    Nothing,
    /// It is stopped when its requests hang.
    Signal(&'static str),
    /// Another one hangs on the same output.
    Another,
    /// An export is there already.
    Finished,
    /// The disk takes no file of this many KiB.
    FullDisk(u32),
}

/// A way to end.
struct Ending {
    code: i32,
    why: &'static str,
    faults: &'static [&'static str],
    list: fn(&Server) -> String,
    flags: &'static str,
    done: Done,
    /// How the same command ends once what was in its way is gone, if it is to be run again.
    then: Option<i32>,
}

const PLAIN: Ending =
    Ending { code: 0, why: "", faults: &[], list: pairs, flags: "", done: Done::Nothing, then: None };

const ENDINGS: &[Ending] = &[
    Ending { code: 0, why: "complete", ..PLAIN },
    Ending { code: 0, why: "no row", list: |_| "session_id,participant_id\n".to_owned(), ..PLAIN },
    Ending { code: 1, why: "the disk is full", done: Done::FullDisk(4), then: Some(0), ..PLAIN },
    Ending { code: 2, why: "usage", flags: "--rate fast", ..PLAIN },
    Ending { code: 2, why: "a flag that is none", flags: "--no-such-flag", ..PLAIN },
    Ending { code: 2, why: "a list that is none", list: |_| "customer\nBlue Heron\n".to_owned(), ..PLAIN },
    Ending { code: 2, why: "finished", done: Done::Finished, ..PLAIN },
    Ending { code: 3, why: "some IDs failed", list: |server| pairs(server) + UNKNOWN, ..PLAIN },
    Ending { code: 3, why: "all IDs failed", list: |_| HEADER.to_owned() + UNKNOWN, ..PLAIN },
    Ending { code: 4, why: "401", faults: &["11: 401"], then: Some(0), ..PLAIN },
    Ending { code: 4, why: "403", faults: &["11: 403"], then: Some(0), ..PLAIN },
    Ending {
        code: 5,
        why: "unreachable",
        faults: &["11-50: 503"],
        flags: "--retries 3 --concurrency 8",
        then: Some(0),
        ..PLAIN
    },
    Ending {
        code: 5,
        why: "more failures than allowed",
        faults: &["5-7: 500"],
        flags: "--retries 0 --max-failures 2",
        then: Some(0),
        ..PLAIN
    },
    Ending { code: 6, why: "another process", faults: HANG, done: Done::Another, then: Some(0), ..PLAIN },
    Ending { code: 130, why: "SIGINT", faults: HANG, done: Done::Signal("-INT"), then: Some(0), ..PLAIN },
    Ending { code: 143, why: "SIGTERM", faults: HANG, done: Done::Signal("-TERM"), then: Some(0), ..PLAIN },
];

const HEADER: &str = "session_id,participant_id\n";
/// After so many requests a server is well again.
const TROUBLE: u64 = 50;
/// All of a run's requests.
const HANG: &[&str] = &["from 11: hang x4"];
const IN_FLIGHT: u64 = 4;

fn pairs(server: &Server) -> String {
    server.pairs(PAIRS)
}

impl Ending {
    fn comes_about(&self) {
        let Self { code, why, flags, then, .. } = self;
        let (place, server) = (Place::new(), Server::start(|options| options.faults = faults(self.faults)));
        place.write("list.csv", (self.list)(&server));
        let run =
            format!("run list.csv -o out --format csv --fetch detail --concurrency {IN_FLIGHT} {flags}");
        let run = if flags.contains("--concurrency") { run.replacen("--concurrency 4", "", 1) } else { run };
        let output = self.ended(&place, &server, &run);
        assert_eq!(output.code, Some(*code), "{why}: {output}");
        let is_complete = matches!(code, 0 | 3) || matches!(self.done, Done::Finished);
        assert_eq!(place.path("out/manifest.json").exists(), is_complete, "{why}: {output}");
        assert_eq!(output.stdout, "", "{why}");
        assert_eq!(output.stderr.contains("error: "), !matches!(code, 0 | 3), "{why}: {output}");
        if let Some(then) = then {
            assert!(output.stderr.lines().last().is_some_and(|last| last.starts_with("hint: ")), "{output}");
            server.pass(TROUBLE.saturating_sub(server.requests()));
            place.rtk(&run).against(&server).ends(*then);
            assert_eq!(Export::read(&place.path("out")).rows("participants").len(), PAIRS, "{why}");
        }
    }

    /// Runs it, and does what is to be done to it.
    fn ended(&self, place: &Place, server: &Server, run: &str) -> Output {
        let rtk = || place.rtk(run).against(server);
        let hanging = || rtk().start().until("the hanging of all", || server.requests() >= 10 + IN_FLIGHT);
        match self.done {
            Done::Nothing => rtk().output(),
            Done::Signal(name) => hanging().signal(name).output(),
            Done::Another => {
                let other = hanging();
                let output = rtk().output();
                other.kill();
                output
            }
            Done::Finished => {
                rtk().ends(0);
                rtk().output()
            }
            Done::FullDisk(kib) => {
                let script = format!("trap '' XFSZ; ulimit -f {kib}; exec rtk-export {run}");
                place.shell(&script).against(server).output()
            }
        }
    }
}

#[test]
fn each_exit_code_comes_about_and_keeps_its_promise() {
    for ending in ENDINGS {
        ending.comes_about();
    }
    let codes: BTreeSet<_> = ENDINGS.iter().map(|ending| ending.code).collect();
    assert_eq!(codes, BTreeSet::from([0, 1, 2, 3, 4, 5, 6, 130, 143]), "codes of the contract");
}

/// Machines read the code in the log as well.
#[test]
fn the_json_log_ends_with_the_exit_code() {
    let (place, server) = (Place::new(), Server::with_faults(&["1: 401"]));
    place.write("list.csv", server.pairs(1));
    let output = place.rtk("run list.csv -o out --log-format json").against(&server).ends(4);
    let last: serde_json::Value = serde_json::from_str(output.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&last["level"], &last["exit_code"]), (&"error".into(), &4.into()), "{last}");
}
