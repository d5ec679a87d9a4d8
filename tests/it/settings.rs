//! What is missing or malformed is said before anything is sent or written.

use std::fmt::Write as _;

use crate::support::{Place, Server};

#[test]
fn what_is_missing_is_named_with_what_sets_it() {
    let (place, server) = (Place::with_samples(), Server::start(|_| ()));
    let cases = [
        ("CLOUDFLARE_API_TOKEN", ["--api-token-file", "CLOUDFLARE_API_TOKEN"]),
        ("CLOUDFLARE_ACCOUNT_ID", ["--account-id", "CLOUDFLARE_ACCOUNT_ID"]),
        ("REALTIMEKIT_APP_ID", ["--app-id", "REALTIMEKIT_APP_ID"]),
    ];
    for (variable, names) in cases {
        let run = place.rtk("run samples/participants.csv -o export").against(&server);
        run.without_env(variable).ends(2).says(&names).says(&["--sandbox"]);
    }
    let run = place.rtk("run samples/participants.csv").against(&server);
    run.ends(2).says(&["--output", "RTK_EXPORT_OUTPUT", "-o DIR"]);
    let run = place.rtk("run -o export").against(&server);
    run.ends(2).says(&["no ID list was given"]);
    assert_eq!(server.requests(), 0);
    assert!(!place.path("export").exists());
}

#[test]
fn what_is_malformed_is_answered_with_an_example() {
    let (place, server) = (Place::with_samples(), Server::start(|_| ()));
    let cases = [
        "--rate fast",
        "--rate 1200",
        "--reserve 200%",
        "--concurrency 0",
        "--timeout 30",
        "--retries many",
        "--max-failures few",
        "--fetch everything",
        "--filters device_info,quality",
        "--filters all --fetch list",
        "--format xlsx",
        "--keep-log sometimes",
        "--base-url ftp://api.example",
        "--base-url http://api.example",
        "--excel",
        "--progress loud",
        "--log-format xml",
    ];
    let mut said = String::new();
    for flags in cases {
        let flag = format!("run samples/participants.csv -o export {flags}");
        let output = place.rtk(&flag).against(&server).ends(2);
        writeln!(said, "$ {flags}\n{}", output.stderr).unwrap();
    }
    insta::assert_snapshot!(said);
    let run =
        place.rtk("run samples/participants.csv -o export --sandbox").env("RTK_EXPORT_RATE", "4 a second");
    run.ends(2).says(&["RTK_EXPORT_RATE", "1200/5m"]);
    assert_eq!(server.requests(), 0);
    assert!(!place.path("export").exists());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let place = Place::with_samples();
    place.write("settings.toml", "output = \"from-file\"\nformat = \"csv\"\nsandbox = true\n");
    let run = |args: &str| place.rtk(&format!("run samples/participants.csv --config settings.toml {args}"));
    run("").ends(0);
    assert!(place.path("from-file/participants/part-00000.csv").exists());
    run("").env("RTK_EXPORT_OUTPUT", "from-environment").ends(0);
    assert!(place.path("from-environment/manifest.json").exists());
    run("-o from-flag --format parquet").env("RTK_EXPORT_OUTPUT", "from-environment").ends(0);
    assert!(place.path("from-flag/participants/part-00000.parquet").exists());
}

#[test]
fn usage_errors_end_with_2_and_help_with_0() {
    let place = Place::new();
    place.rtk("run --no-such-flag").ends(2);
    place.rtk("no-such-command").ends(2);
    assert!(place.rtk("--help").ends(0).stdout.contains("rebuild"));
    assert!(place.rtk("--version").ends(0).stdout.starts_with("rtk-export "));
}
