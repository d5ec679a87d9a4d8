//! Profiles: which one, all of them, and what `config` tells.

use std::fs;

use tempfile::TempDir;

use super::super::*;
use super::{COMPLETE, refused, resolved, run};

/// A directory with a configuration file and a token.
struct Written {
    dir: TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("token"), "t0ken-of-file").expect("written");
        fs::write(dir.path().join("export.toml"), text.replace("DIR", dir.path().to_str().expect("unicode")))
            .expect("written");
        Self { dir }
    }

    fn file(&self) -> String {
        self.dir.path().join("export.toml").to_str().expect("unicode").to_owned()
    }

    /// Typed with the file.
    fn typed<'a>(&self, file: &'a str, typed: &[&'a str]) -> Vec<&'a str> {
        assert_eq!(file, self.file());
        [typed, &["--config", file]].concat()
    }

    fn refused(&self, typed: &[&str], environment: &[(&str, &str)]) -> String {
        let file = self.file();
        refused(&self.typed(&file, typed), environment)
            .replace(self.dir.path().to_str().expect("unicode"), "DIR")
    }

    fn run(&self, typed: &[&str], environment: &[(&str, &str)]) -> RunConfig {
        let file = self.file();
        run(&self.typed(&file, typed), environment).expect("complete")
    }

    fn runs(&self, typed: &[&str], environment: &[(&str, &str)]) -> Vec<ProfileRun> {
        let file = self.file();
        match resolved(&self.typed(&file, typed), environment).command {
            Ok(CommandConfig::Profiles(runs)) => runs,
            other => panic!("no runs: {other:?}"),
        }
    }

    fn report(&self, typed: &[&str], environment: &[(&str, &str)]) -> ConfigReport {
        let file = self.file();
        match resolved(&self.typed(&file, typed), environment).command {
            Ok(CommandConfig::Config(report)) => report,
            other => panic!("no report: {other:?}"),
        }
    }
}

const TWO: &str = "\
account-id = 'acc'
api-token-file = 'DIR/token'
rate = '4/s'

[profiles.beta]
app-id = 'b'
api-token-command = ['printf', 't0ken-of-command']
output = 'out/b'
log-format = 'json'

[profiles.acme]
app-id = 'a'
rate = '2/s'
output = 'out/a'
";

fn token(run: &RunConfig) -> &str {
    match &run.api {
        Api::At(api) => api.token.expose(),
        Api::Sandbox => panic!("no token"),
    }
}

#[test]
fn a_profile_is_chosen_by_flag_or_variable() {
    let written = Written::new(TWO);
    let beta = written.run(&["run", "l", "--profile", "beta"], &[("RTK_EXPORT_PROFILE", "acme")]);
    assert_eq!((token(&beta), beta.fetch.rate.limit.requests), ("t0ken-of-command", 4));
    assert_eq!(beta.output.place.shown(), PathBuf::from("out/b"));
    let acme = written.run(&["run", "l", "--rate", "1/s"], &[("RTK_EXPORT_PROFILE", "acme")]);
    assert_eq!((token(&acme), acme.fetch.rate.limit.requests), ("t0ken-of-file", 1));
    // The environment wins over the file, profiles included.
    let acme = written.run(&["run", "l", "--profile", "acme"], &COMPLETE);
    assert_eq!(token(&acme), "s3cr3t");
    assert_eq!(acme.output.place.shown(), PathBuf::from("out"));
    assert!(!format!("{beta:?}").contains("t0ken"));
}

#[test]
fn every_profile_has_its_own_run() {
    let written = Written::new(TWO);
    let runs = written.runs(&["run", "--since", "1d", "--all-profiles"], &[("RTK_EXPORT_PROFILE", "acme")]);
    let told: Vec<_> = runs
        .iter()
        .map(|ProfileRun { name, face, job }| {
            let Job::Run(run) = job else { panic!("{job:?}") };
            (name.as_str(), face.log_format, token(run), run.fetch.rate.limit.requests)
        })
        .collect();
    let expected =
        [("beta", LogFormat::Json, "t0ken-of-command", 4), ("acme", LogFormat::Text, "t0ken-of-file", 2)];
    assert_eq!(told, expected);
    // The same account in the environment is no other.
    written.runs(&["run", "l", "--all-profiles"], &[("CLOUDFLARE_ACCOUNT_ID", "acc")]);
}

/// One file serves `run` and `sync`: neither refuses what only the other has.
#[test]
fn every_profile_has_its_own_sync() {
    let written = Written::new(&format!("tz = 'Europe/Paris'\nlookback = '5d'\nformat = 'csv'\n{TWO}"));
    let runs = written.runs(&["sync", "--all-profiles"], &[]);
    let told: Vec<_> = runs
        .iter()
        .map(|ProfileRun { name, job, .. }| {
            let Job::Sync(sync) = job else { panic!("{job:?}") };
            (
                name.as_str(),
                sync.place.to_string(),
                sync.zone.map(crate::model::Zone::name),
                sync.days.lookback,
            )
        })
        .collect();
    let paris = Some("Europe/Paris");
    assert_eq!(told, [("beta", "out/b".to_owned(), paris, 5), ("acme", "out/a".to_owned(), paris, 5)]);
    assert_eq!(written.runs(&["run", "l", "--all-profiles"], &[]).len(), 2);
    let shared = written.refused(&["sync", "--all-profiles", "-o", "one"], &[]);
    assert!(shared.contains("has the same output"), "{shared}");
}

#[test]
fn what_no_profile_can_be_is_refused() {
    let written = Written::new(TWO);
    let one = Written::new("[profiles.acme]\nsandbox = true\noutput = 'x'\n");
    let none = Written::new("account-id = 'acc'\n");
    let at_home =
        Written::new(&TWO.replace("app-id = 'a'\n", "app-id = 'a'\nbase-url = 'https://home.example'\n"));
    let all = |more: &[&'static str]| [&["run", "l", "--all-profiles"], more].concat();
    let messages = [
        written.refused(&["run", "l", "--profile", "gamma"], &[]),
        none.refused(&["run", "l", "--profile", "gamma"], &[]),
        none.refused(&all(&[]), &[]),
        refused(&["run", "l", "--all-profiles"], &COMPLETE),
        refused(&["doctor"], &[&COMPLETE[..], &[("RTK_EXPORT_PROFILE", "acme")]].concat()),
        written.refused(&["--profile", "acme", "run", "l", "--all-profiles"], &[]),
        written.refused(&["run", "-", "--all-profiles"], &[]),
        // One place for both.
        written.refused(&all(&["-o", "out"]), &[]),
        written.refused(&all(&["--state-dir", "state"]), &[]),
        Written::new(&TWO.replace("'out/b'", "'./out/x/../a/'")).refused(&all(&[]), &[]),
        // Another account than theirs.
        written.refused(&all(&[]), &[("REALTIMEKIT_APP_ID", "other")]),
        written.refused(&all(&[]), &[("CLOUDFLARE_API_TOKEN", "other")]),
        at_home.refused(&all(&[]), &[("CLOUDFLARE_BASE_URL", "https://other.example")]),
        at_home.refused(&all(&["--base-url", "https://other.example"]), &[]),
        // What is missing, where it would be.
        written.refused(&["run", "l", "-o", "x"], &[]),
        Written::new(&TWO.replace("app-id = 'a'\n", "")).refused(&all(&[]), &[]),
        none.refused(&["run", "l", "-o", "x"], &[]),
        none.refused(&["verify", "x"], &[]),
        Written::new("[profiles.acme]\nsandbox = true").refused(&["run", "l", "--profile", "acme"], &[]),
    ];
    insta::assert_snapshot!(messages.join("\n"));
    assert_eq!(one.runs(&["run", "-", "--all-profiles"], &[]).len(), 1);
}

#[test]
fn a_command_that_gives_no_token_is_told_with_its_line() {
    let message = |command: &str| {
        let written =
            Written::new(&format!("account-id = 'a'\napp-id = 'b'\napi-token-command = {command}\n"));
        written.refused(&["run", "l", "-o", "x"], &[])
    };
    let messages = [
        message("['rtk-no-such-program', 's3cr3t']"),
        message("'echo s3cr3t; echo no key for s3cr3t >&2; exit 2'"),
        message("'echo s3cr3t s3cr3t'"),
        message("['true']"),
    ];
    assert!(!messages.join("\n").contains("s3cr3t"), "{}", messages.join("\n"));
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_report_has_every_setting_and_no_token() {
    let written = Written::new(TWO);
    let report = written.report(&["config"], &[]);
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert!(!format!("{report:?}").contains("t0ken-of"));
    assert_eq!(report.profiles.len(), 2);
    for profile in &report.profiles {
        assert_eq!(profile.settings.len(), settings::ALL.len() + settings::SYNC.len() + 1);
    }
    let of = |typed: &[&str], environment: &[(&str, &str)], name: &str| {
        let report = written.report(typed, environment);
        let names: Vec<_> = report.profiles.iter().map(|profile| profile.name.clone()).collect();
        let setting = report.profiles[0].settings.iter().find(|setting| setting.name == name);
        let set = setting.expect("is there").set.clone();
        let set = set.map(|(value, origin)| format!("{value} by {origin}").replace(&written.file(), "FILE"));
        (names.into_iter().flatten().collect::<Vec<_>>().join(","), set, report.faults.len())
    };
    assert_eq!(
        of(&["config", "--profile", "acme"], &[], "rate"),
        ("acme".to_owned(), Some("2/s by FILE:13: rate".to_owned()), 0)
    );
    assert_eq!(
        of(&["config", "--profile", "acme", "-q"], &[("RTK_EXPORT_OUTPUT", "x")], "quiet"),
        ("acme".to_owned(), Some("true by --quiet".to_owned()), 0)
    );
    assert_eq!(of(&["config"], &[], "since"), ("beta,acme".to_owned(), None, 0));
    // Two profiles, one output.
    assert_eq!(of(&["config", "-o", "x"], &[], "output").2, 1);
}

#[test]
fn a_report_has_all_that_is_wrong_once() {
    let text = TWO.replace("'2/s'", "'fast'").replace("output = 'out/b'", "timeout = '30'");
    let written = Written::new(&text);
    let faults = |typed: &[&str], environment: &[(&str, &str)]| {
        let faults = written.report(typed, environment).faults;
        faults.iter().map(|fault| fault.to_string().replace(&written.file(), "FILE")).collect::<Vec<_>>()
    };
    let rate = "FILE:13: rate: \"fast\" is not a number of requests per duration of at most a day, such as 1200/5m \
                or 4/s";
    let timeout =
        "FILE:8: timeout: \"30\" is not a duration from 1ms to 1h with its unit, such as 500ms, 30s or 5m";
    assert_eq!(faults(&["config"], &[]), [timeout, rate]);
    assert_eq!(faults(&["config", "--profile", "beta"], &[]), [timeout, rate]);
    let everywhere = faults(&["config"], &[("CLOUDFLARE_BASE_URL", "ftp://x")]);
    assert_eq!(everywhere.len(), 3, "{everywhere:?}");
    assert_eq!(everywhere[..2], [timeout, rate]);
    assert!(everywhere[2].starts_with("CLOUDFLARE_BASE_URL: "), "{everywhere:?}");
    // An output may be typed for each run; whom to ask cannot be left open.
    let missing = Written::new("sandbox = true").report(&["config"], &[]);
    assert!(missing.faults.is_empty());
    let missing = Written::new("account-id = 'acc'").report(&["config"], &[]);
    assert_eq!((missing.profiles.len(), missing.faults.len()), (0, 1));
}

/// What `config` says of who has a setting, and what it comes to, is what the commands themselves resolve.
#[test]
fn a_report_is_what_run_and_sync_make_of_the_file() {
    let mut text = "account-id = 'acc'\napp-id = 'b'\napi-token-file = 'DIR/token'\n".to_owned();
    text.push_str(
        "since = '7d'\nuntil = 'now'\nmeeting = 'm'\nqueries = 'q'\nmax-failures = 7\noutput = 'out'\n",
    );
    text.push_str("state-dir = 'state'\ndeadline = '2h'\nsummary-file = 's.json'\nmetrics-file = 's.prom'\n");
    text.push_str("otlp-endpoint = 'http://127.0.0.1:4318'\ntz = 'Europe/Paris'\nwait-lock = '30m'\n");
    let written = Written::new(&text);
    let health = [("RTK_EXPORT_HEALTH_URL", "https://hc-ping.com/x")];
    let report = written.report(&["config"], &health);
    let file = written.file();
    let run = written.run(&["run", "list.csv"], &health).settings;
    let sync = super::sync(&written.typed(&file, &["sync"]), &health).expect("complete").settings;
    for setting in &report.profiles[0].settings {
        let by = |shown: &[ShownSetting]| {
            let found = shown.iter().find(|shown| shown.name == setting.name);
            found.map(|shown| (shown.value.clone(), shown.origin.clone()))
        };
        let (run, sync) = (by(&run), by(&sync));
        let name = setting.name;
        match setting.of {
            Commands::Both => assert_eq!((&run, &sync), (&setting.set, &setting.set), "{name}"),
            Commands::Run => assert_eq!((&run, &sync), (&setting.set, &None), "{name}"),
            Commands::Sync => assert_eq!((&run, &sync), (&None, &setting.set), "{name}"),
        }
        assert!(setting.set.is_some() || name == settings::API_TOKEN_COMMAND.name, "{name}");
    }
}

/// What is there, and wrong, is not told as missing, too.
#[test]
fn all_that_is_wrong_is_told_in_the_order_of_the_file() {
    let text = "rate = 'fast'\napp-id = 7\nacount-id = 'a'\nlookback = '90m'\n\n[profiles.beta]\ntimeout = 30\n\
                excel = true\n\n[profiles.acme]\napi-token-command = []\nwait-lock = 'soon'\nqueries = 's3://q'\n";
    let written = Written::new(text);
    let report = written.report(&["config"], &[]);
    let told: Vec<_> =
        report.faults.iter().map(|fault| fault.to_string().replace(&written.file(), "FILE")).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(report.profiles.is_empty());
    // The others name the first, as they always did.
    let first = written.refused(&["run", "list.csv"], &[]);
    assert!(first.contains("export.toml:2: app-id is a whole number"), "{first}");
}

/// A window, a list and an output may be typed for each run, and `sync` needs none of the first two.
#[test]
fn a_file_for_sync_alone_is_right() {
    let text = "account-id = 'acc'\napp-id = 'b'\napi-token-file = 'DIR/token'\ninclude-live = true\n";
    for more in ["", "tz = 'Europe/Paris'\nlookback = '2w'\n", "since = '7d'\n", "with-sessions = true\n"] {
        let report = Written::new(&format!("{text}{more}")).report(&["config"], &[]);
        assert!(report.faults.is_empty(), "{more}: {:?}", report.faults);
        assert_eq!(report.profiles.len(), 1);
    }
}
