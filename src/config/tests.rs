//! The sources in their order, what is refused and with which words.

mod profiles;
mod syncing;

use std::fs;

use clap::Parser;

use super::*;
use crate::cli::Cli;
use crate::error::{Class, Error};

/// Resolves a command line in an environment.
fn resolved(typed: &[&str], environment: &[(&str, &str)]) -> Resolved {
    let cli = Cli::try_parse_from(["rtk-export"].iter().chain(typed)).expect("can be typed");
    let variable = |name: &str| {
        environment.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(*value))
    };
    resolve(cli, "rtk-export ...".to_owned(), &variable)
}

fn run(typed: &[&str], environment: &[(&str, &str)]) -> Result<RunConfig> {
    match resolved(typed, environment).command? {
        CommandConfig::Job(Job::Run(run)) => Ok(*run),
        other => panic!("not run: {other:?}"),
    }
}

fn sync(typed: &[&str], environment: &[(&str, &str)]) -> Result<SyncConfig> {
    match resolved(typed, environment).command? {
        CommandConfig::Job(Job::Sync(sync)) => Ok(*sync),
        other => panic!("not sync: {other:?}"),
    }
}

fn refused(typed: &[&str], environment: &[(&str, &str)]) -> String {
    let error = resolved(typed, environment).command.expect_err("refused");
    assert_eq!(error.class(), Class::Usage, "{error}");
    let cause = std::error::Error::source(&error).map(|cause| format!("\n  caused by: {cause}"));
    let hint = error.hint().map(|hint| format!("\n  hint: {hint}"));
    format!("{error}{}{}", cause.unwrap_or_default(), hint.unwrap_or_default())
}

/// Everything that a run needs, from the environment.
const COMPLETE: [(&str, &str); 4] = [
    ("CLOUDFLARE_ACCOUNT_ID", "acc"),
    ("REALTIMEKIT_APP_ID", "app"),
    ("CLOUDFLARE_API_TOKEN", "s3cr3t"),
    ("RTK_EXPORT_OUTPUT", "out"),
];

fn shown(settings: &[ShownSetting]) -> String {
    let lines = settings.iter().map(|s| format!("{:<15} {:<37} {}", s.name, s.value, s.origin));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let mut config = run(&["run", "list.csv"], &COMPLETE).expect("complete");
    insta::assert_snapshot!("defaults", shown(&config.settings));
    config.settings.clear();
    insta::assert_debug_snapshot!("defaults_resolved", config);
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("export.toml");
    fs::write(&file, "rate = '1/s'\nconcurrency = 3\nbase_url = 'https://file.example'\nformat = 'csv'\n")
        .expect("written");
    let file = file.to_str().expect("unicode");
    let environment = [&COMPLETE[..], &[("RTK_EXPORT_RATE", "2/s"), ("RTK_EXPORT_CONFIG", file)]].concat();

    let config = run(&["run", "-", "--concurrency", "4"], &environment).expect("complete");
    assert_eq!(config.lists, ["-"]);
    assert_eq!(config.fetch.concurrency, 4);
    assert_eq!(config.fetch.rate.limit, RequestRate { requests: 2, window: Duration::from_secs(1) });
    assert_eq!(config.fetch.rate.kind, RateKind::Ceiling);
    assert_eq!(config.output.format, Format::Csv);
    assert_eq!(config.fetch.retries, 8);
    let Api::At(api) = config.api else { panic!("not an API: {:?}", config.api) };
    assert_eq!(api.base_url.as_str(), "https://file.example/");

    let config = run(&["run", "-", "--rate=3/s", "--format=parquet"], &environment).expect("complete");
    assert_eq!(config.fetch.rate.limit.requests, 3);
    assert_eq!(config.output.format, Format::Parquet);
}

#[test]
fn a_flag_can_switch_off_what_the_file_switches_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("export.toml");
    fs::write(&path, "with-sessions = true\nverbose = true\nlog-format = 'json'\n").expect("written");
    let file = path.to_str().expect("unicode");
    let typed = ["run", "l", "--config", file];
    let config = run(&typed, &COMPLETE).expect("complete");
    assert_eq!(config.fetch.sessions, Sessions::Fetched);
    let typed = ["run", "l", "--config", file, "--with-sessions=false", "-q"];
    let config = run(&typed, &COMPLETE).expect("complete");
    assert_eq!(config.fetch.sessions, Sessions::LeftOut);
    assert_eq!(resolved(&typed, &COMPLETE).face.verbosity, Verbosity::Quiet);

    // The face is the file's also where the rest is wrong.
    let face = resolved(&["run", "--config", file], &[]).face;
    assert_eq!((face.verbosity, face.log_format), (Verbosity::Verbose, LogFormat::Json));
}

#[test]
fn the_sandbox_needs_no_account() {
    let config = run(&["run", "l", "-o", "out", "--sandbox"], &[]).expect("complete");
    assert!(matches!(config.api, Api::Sandbox));
    // A variable meant for other tools does not stand in its way; a typed URL does.
    let environment = [("CLOUDFLARE_BASE_URL", "https://proxy.example")];
    assert!(run(&["run", "l", "-o", "out", "--sandbox"], &environment).is_ok());
    insta::assert_snapshot!(refused(
        &["run", "l", "-o", "out", "--sandbox", "--base-url", "https://proxy.example"],
        &[]
    ));
}

#[test]
fn the_token_comes_from_its_variable_or_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    fs::write(&path, "from-file\n").expect("written");
    let file = path.to_str().expect("unicode");
    let token = |config: RunConfig| match config.api {
        Api::At(api) => api.token.expose().to_owned(),
        Api::Sandbox => panic!("no token"),
    };
    assert_eq!(token(run(&["run", "l"], &COMPLETE).expect("complete")), "s3cr3t");
    let config = run(&["run", "l", "--api-token-file", file], &COMPLETE).expect("complete");
    assert!(!shown(&config.settings).contains("from-file"));
    assert!(!format!("{config:?}").contains("from-file"));
    assert_eq!(token(config), "from-file");

    fs::write(&path, "two words").expect("written");
    let message = refused(&["run", "l", "--api-token-file", file], &COMPLETE);
    insta::assert_snapshot!(message);
    fs::remove_file(&path).expect("removed");
    let message = refused(&["run", "l", "--api-token-file", file], &COMPLETE);
    insta::assert_snapshot!(message);
}

#[test]
fn what_is_missing_is_named_with_all_that_sets_it() {
    let missing = [
        refused(&["run", "l", "-o", "out"], &[]),
        refused(&["run", "l", "-o", "out"], &[&COMPLETE[..2], &[("CLOUDFLARE_API_TOKEN", "")]].concat()),
        refused(&["run", "l"], &COMPLETE[..3]),
        refused(&["run", "-o", "out"], &COMPLETE),
        refused(&["run", "-", "a", "-"], &COMPLETE),
    ];
    insta::assert_snapshot!(missing.join("\n"));
}

#[test]
fn what_is_malformed_is_refused_with_an_example() {
    let flags: [&[&str]; 25] = [
        &["--rate", "fast"],
        &["--rate", "1200"],
        &["--reserve", "100%"],
        &["--concurrency", "0"],
        &["--timeout", "30"],
        &["--retries", "-1"],
        &["--max-failures", "many"],
        &["--fetch", "Detail"],
        &["--format", "xlsx"],
        &["--keep-log", "sometimes"],
        &["--progress", "yes"],
        &["--log-format", "xml"],
        &["--refresh=maybe"],
        &["--excel"],
        &["--account-id", ""],
        &["--app-id", "my app"],
        &["--base-url", "api.cloudflare.com"],
        &["--base-url", "https://me:hunter2@example.com"],
        &["--base-url", "http://example.com/client/v4"],
        &["--filters", "device_info,quality"],
        &["--filters", "events,"],
        &["--stats-from", "peer_report"],
        &["--fetch", "list", "--filters", "events"],
        &["-o", "s3a://bucket/export"],
        &["--state-dir", "az://container"],
    ];
    let messages = flags.map(|flag| {
        let flag: Vec<&str> = match flag {
            // As clap wants a value that looks like a flag.
            ["--retries", value] => return refused(&["run", "l", &format!("--retries={value}")], &COMPLETE),
            other => other.to_vec(),
        };
        refused(&[&["run", "l"], &flag[..]].concat(), &COMPLETE)
    });
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_message_names_the_variable_or_the_line() {
    let environment = [&COMPLETE[..], &[("RTK_EXPORT_RATE", "4 per second")]].concat();
    insta::assert_snapshot!(refused(&["run", "l"], &environment));

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("export.toml");
    let file = path.to_str().expect("unicode");
    let with_file = |text: &str| {
        fs::write(&path, text).expect("written");
        refused(&["run", "l", "--config", file], &COMPLETE).replace(file, "export.toml")
    };
    let messages = [
        with_file("# nightly\n\ntimeout = 30\n"),
        with_file("concurency = 3\n"),
        with_file("rate = \n"),
        with_file("quiet = true\nverbose = true\n"),
        refused(&["run", "l", "--config", "no/such.toml"], &COMPLETE),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn rebuild_takes_only_what_is_typed() {
    let rebuild = |typed: &[&str]| match resolved(typed, &COMPLETE).command {
        Ok(CommandConfig::Rebuild(rebuild)) => rebuild,
        other => panic!("not rebuild: {other:?}"),
    };
    let config = rebuild(&["rebuild", "out"]);
    assert_eq!((config.destination, config.format, config.rollups), (None, None, Rollups::Made));
    let config = rebuild(&["rebuild", "out", "-o", "other", "--format", "csv", "--excel", "--no-rollups"]);
    assert_eq!(config.destination, Some(PathBuf::from("other")));
    assert_eq!((config.format, config.rollups), (Some(Format::CsvExcel), Rollups::LeftOut));
    insta::assert_snapshot!(refused(&["rebuild", "s3://bucket/x"], &[]));
}

#[test]
fn verify_needs_a_token_only_and_nothing_offline() {
    let verify = |typed: &[&str], environment: &[(&str, &str)]| match resolved(typed, environment).command {
        Ok(CommandConfig::Verify(verify)) => *verify,
        other => panic!("not verify: {other:?}"),
    };
    let offline = verify(&["verify", "out", "--offline"], &[]);
    assert!(offline.api.is_none());
    assert_eq!(
        (offline.minutes, offline.against.to_string().as_str()),
        (MinutesKind::Events, "sessions,daywise,usage")
    );
    let token = ("CLOUDFLARE_API_TOKEN", "s3cr3t");
    let asks = |environment: &[(&str, &str)]| match verify(&["verify", "out"], environment).api {
        Some(VerifyApi::At(at)) => *at,
        other => panic!("not an API: {other:?}"),
    };
    let at = asks(&[token]);
    assert_eq!((at.account_id, at.app_id), (None, None));
    let at = asks(&COMPLETE);
    assert_eq!(at.app_id, Some(("app".to_owned(), Origin::Variable("REALTIMEKIT_APP_ID"))));
    let sandbox =
        verify(&["verify", "out", "--sandbox", "--minutes", "duration", "--against", "usage"], &COMPLETE);
    assert!(matches!(sandbox.api, Some(VerifyApi::Sandbox)));
    assert_eq!((sandbox.minutes, sandbox.against.to_string().as_str()), (MinutesKind::Duration, "usage"));
    insta::assert_snapshot!(refused(&["verify", "out"], &COMPLETE[..2]), @r"
    missing or empty: --api-token-file or CLOUDFLARE_API_TOKEN
      hint: set it, or check files, keys and totals without the API: rtk-export verify DIR --offline
    ");
}

#[test]
fn call_statistics_come_from_the_endpoint_that_is_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("export.toml");
    fs::write(&path, "filters = 'events, device_info'\nstats_from = 'peer-report'\nfetch = 'list'\n")
        .expect("written");
    let file = path.to_str().expect("unicode");
    let typed = ["run", "l", "--config", file];
    let config = run(&typed, &COMPLETE).expect("complete");
    let FetchConfig { filters, stats_from, .. } = config.fetch;
    assert_eq!((filters.to_string().as_str(), stats_from), ("device_info,events", StatsSource::PeerReport));
    let config = run(&[&typed[..], &["--filters", "none", "--stats-from", "auto"]].concat(), &COMPLETE);
    assert!(config.expect("complete").fetch.filters.is_empty());
}

#[test]
fn no_colour_is_honoured() {
    let colour = |environment: &[(&str, &str)]| resolved(&["sandbox"], environment).face.colour;
    assert_eq!(colour(&[]), Colour::Auto);
    assert_eq!(colour(&[("NO_COLOR", "")]), Colour::Auto);
    assert_eq!(colour(&[("NO_COLOR", "1")]), Colour::Never);
    assert_eq!(colour(&[("TERM", "dumb")]), Colour::Never);
}

#[test]
fn the_command_line_is_quoted_for_a_shell() {
    let words = ["rtk-export", "run", "my list.csv", "it's", "--rate=4/s", "", "$HOME", "-o", "out"];
    assert_eq!(
        quoted(words.into_iter().map(OsString::from)),
        r"rtk-export run 'my list.csv' 'it'\''s' --rate=4/s '' '$HOME' -o out"
    );
}

#[test]
fn what_runs_share_is_in_the_users_state_directory() {
    let dir = |more: &[(&str, &str)]| {
        run(&["run", "l"], &[&COMPLETE[..], more].concat()).expect("complete").user_state_dir
    };
    assert_eq!(dir(&[("HOME", "/home/u")]), Some("/home/u/.local/state/rtk-export".into()));
    assert_eq!(dir(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "/s")]), Some("/s/rtk-export".into()));
    assert_eq!(dir(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]), Some("/h/.local/state/rtk-export".into()));
    assert_eq!(dir(&[("HOME", "")]), None);
}

/// Whom to tell is resolved as all else; its secret is in nothing that can be shown.
#[test]
fn who_is_told_is_known_where_nothing_else_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, url) = (directory.path().join("export.toml"), directory.path().join("url"));
    fs::write(&url, "https://hc.example/s3cr3t\n").expect("written");
    let text = format!(
        "deadline = 2026-11-23T05:30:00Z\nsummary-file = 'a.json'\nmetrics_file = 'a.prom'\nhealth-url-file = {url:?}\n"
    );
    fs::write(&file, text).expect("written");
    let file = file.to_str().expect("unicode");
    let run = ["run", "list.csv", "--config", file, "--summary-file", "b.json"];
    let told = resolved(&run, &COMPLETE);
    let Ok(CommandConfig::Job(Job::Run(config))) = &told.command else { panic!("{told:?}") };
    assert!(matches!(config.deadline, Some(Deadline::At(_))), "{config:?}");
    let origin = Origin::Flag("summary-file");
    assert_eq!(config.operation.summary_file, Some(TellingFile { path: "b.json".into(), origin }));
    assert!(config.operation.metrics_file.is_some() && told.operation.metrics_file.is_some());
    assert!(format!("{told:?}").contains("(a URL of hc.example, not shown)"));
    assert!(!format!("{told:?}").contains("s3cr3t/") && !format!("{told:?}").contains("example/s3cr3t"));

    // Nothing else is right; or the file itself is none.
    let wrong = resolved(&run, &[]);
    assert!(wrong.command.is_err() && wrong.operation.health_url.is_some());
    let environment =
        [("RTK_EXPORT_HEALTH_URL", "https://hc.example/s3cr3t"), ("RTK_EXPORT_CONFIG", "nowhere.toml")];
    let unread = resolved(&["run", "list.csv"], &environment);
    assert!(matches!(unread.command, Err(Error::ConfigFileUnreadable { .. })), "{unread:?}");
    assert!(unread.operation.health_url.is_some());
    let malformed = [&COMPLETE[..], &[("RTK_EXPORT_HEALTH_URL", "hc.example/s3cr3t")]].concat();
    let malformed = refused(&["run", "list.csv"], &malformed);
    assert!(malformed.starts_with("RTK_EXPORT_HEALTH_URL: this is not") && !malformed.contains("s3cr3t"));
    for other in [["plan", "list.csv"], ["rebuild", "out"]] {
        assert!(resolved(&other, &environment[..1]).operation.is_empty());
    }
}
