//! `rtk-export config`: what is set and by what, what is wrong and where, and never the token.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::support::{Place, Server};

const TOKEN: &str = "tok-4f1d-9b7e-secret-of-profiles";

const TWO: &str = "\
# Two customers.
rate = \"4/s\"
account-id = \"0123456789abcdef\"

[profiles.acme]
app-id = \"acme-app\"
api-token-file = \"token\"
output = \"exports/acme\"

[profiles.beta]
app-id = \"beta-app\"
api-token-command = [\"cat\", \"token\"]
output = \"exports/beta\"
concurrency = 4
";

fn place(config: &str) -> Place {
    let place = Place::new();
    place.write("token", format!("{TOKEN}\n"));
    place.write("rtk.toml", config);
    place
}

/// Whoever read the settings has had enough of them; what is wrong is to be known all the same.
#[test]
fn what_is_wrong_is_told_where_nobody_reads_the_settings() {
    let place = place("rate = 'fast'\n");
    let config = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rtk-export"));
        let command = command.arg("config").args(args).current_dir(place.path("")).env_clear();
        command.stdout(writer).output().unwrap()
    };
    let output = config(&["--config", "rtk.toml"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("rtk.toml:1: missing"), "{stderr}");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(config(&["--sandbox"]).status.code(), Some(0));
}

#[test]
fn each_setting_is_shown_with_what_set_it() {
    let place = place(TWO);
    let config = |args: &str| {
        let run = place.rtk(&format!("config --config rtk.toml {args}")).without_env("RTK_EXPORT_RATE");
        run.env("CLOUDFLARE_BASE_URL", "https://proxy.example/v4")
    };
    let acme = config("--profile acme --timeout 10s").ends(0);
    assert_eq!(acme.stderr, "");
    insta::assert_snapshot!(acme.stdout);
    let both = config("").ends(0);
    let heads: Vec<_> = both.stdout.lines().filter(|line| line.starts_with("profile")).collect();
    assert_eq!(heads, ["profile acme of rtk.toml", "profile beta of rtk.toml"]);
    assert!(both.stdout.contains("api-token-command (a token, not shown)"), "{both}");
    assert!(!format!("{acme}{both}").contains(TOKEN));

    let json: Value = serde_json::from_str(&config("--json --all-profiles").ends(0).stdout).unwrap();
    let names: Vec<_> =
        json["profiles"].as_array().unwrap().iter().map(|profile| &profile["profile"]).collect();
    assert_eq!(names, ["acme", "beta"]);
    let settings = json["profiles"][1]["settings"].as_array().unwrap();
    let concurrency = settings.iter().find(|setting| setting["name"] == "concurrency").unwrap();
    assert_eq!(
        (&concurrency["value"], &concurrency["origin"]),
        (&"4".into(), &"rtk.toml:14: concurrency".into())
    );
    assert!(!json.to_string().contains(TOKEN));
}

#[test]
fn without_a_file_there_are_flags_and_variables() {
    let (place, server) = (Place::new(), Server::start(|options| options.token = TOKEN.to_owned()));
    let shown = place.rtk("config -o out").against(&server).ends(0).stdout;
    assert!(shown.starts_with("settings, without a configuration file\n"), "{shown}");
    assert!(shown.lines().any(|line| line.contains("output") && line.ends_with("--output")), "{shown}");
    assert!(!shown.contains(TOKEN));
    assert_eq!(server.requests(), 0);
    place.rtk("config").ends(2).says(&[
        "CLOUDFLARE_API_TOKEN",
        "CLOUDFLARE_ACCOUNT_ID",
        "REALTIMEKIT_APP_ID",
    ]);
}

/// Exit code 2, the file, the line and the key; the token in none of it.
#[test]
fn what_is_wrong_is_named_with_file_line_and_key() {
    let account = "account-id = \"a\"\napp-id = \"b\"\n";
    let cases = [
        ("an unknown key", format!("{account}acount-id = \"c\"\n")),
        ("an unknown key of a profile", TWO.replace("concurrency", "concurency")),
        ("a wrong type", format!("{account}output = 7\n")),
        ("a wrong type in a profile", TWO.replace("concurrency = 4", "concurrency = \"many\"")),
        ("no TOML", format!("{account}rate = 4/s\n")),
        ("no secret", account.to_owned()),
        ("no secret in a profile", TWO.replace("api-token-file = \"token\"\n", "")),
        ("a secret's file that is not there", format!("{account}api-token-file = \"nowhere\"\n")),
        (
            "a secret's command that fails",
            format!("{account}api-token-command = \"cat token; echo no key for $(cat token) >&2; false\"\n"),
        ),
        ("a secret that is none", format!("{account}api-token-command = [\"cat\", \"token\", \"token\"]\n")),
        ("two secrets", format!("{account}api-token-file = \"token\"\napi-token-command = \"cat token\"\n")),
        ("the token itself", format!("{account}api-token = \"{TOKEN}\"\n")),
        ("one output", TWO.replace("exports/beta", "exports/../exports/acme")),
    ];
    let mut said = String::new();
    for (what, text) in cases {
        let place = place(&text);
        let output = place.rtk("config --config rtk.toml").ends(2).says(&["rtk.toml:"]);
        assert!(!format!("{output}").contains(TOKEN), "{output}");
        writeln!(said, "# {what}\n{}", output.stderr).unwrap();
        // A run says the first of it before it sends or writes anything; to which of two it goes is for `config`.
        if !text.contains("[profiles") {
            let run = place.rtk("run --since 1d -o out --config rtk.toml").ends(2);
            assert!(output.stderr.contains(&run.stderr), "{what}: {run}");
            assert!(!place.path("out").exists());
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn all_profiles_are_checked_whichever_is_shown() {
    let place = place(&TWO.replace("concurrency = 4", "concurrency = 0"));
    let output = place.rtk("config --profile acme --config rtk.toml --json").ends(2);
    output.says(&["rtk.toml:14: concurrency: \"0\" is not a number from 1 to 4096"]);
    let output = place.rtk("config --profile acme --config rtk.toml --json").ends(2);
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["profiles"].as_array().unwrap().len(), 1);
    assert_eq!(json["faults"].as_array().unwrap().len(), 1);
}

/// A file serves `run` and `sync`: what only one of them has is checked and shown, too.
#[test]
fn what_only_sync_has_is_checked_and_shown() {
    let account = "account-id = \"a\"\napp-id = \"b\"\napi-token-file = \"token\"\noutput = \"ds\"\n";
    let right = "tz = \"Europe/Paris\"\nlookback = \"2w\"\nwait-lock = true\ndays-per-commit = 7\ninclude-live = true\n";
    let shown = place(&format!("{account}{right}")).rtk("config --config rtk.toml").ends(0);
    insta::assert_snapshot!(shown.stdout);
    let json = place(&format!("{account}{right}")).rtk("config --config rtk.toml --json").ends(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let settings = json["profiles"][0]["settings"].as_array().unwrap();
    let of = |name: &str| {
        let mut found = settings.iter().filter(|setting| setting["name"] == name);
        let setting = found.next().unwrap();
        assert!(found.next().is_none(), "{name} twice");
        (setting["value"].as_str(), setting["origin"].as_str(), setting["commands"].to_string())
    };
    let of_both = r#"["run","sync"]"#.to_owned();
    assert_eq!(of("tz"), (Some("Europe/Paris"), Some("rtk.toml:5: tz"), r#"["sync"]"#.to_owned()));
    assert_eq!(of("accept-empty-days"), (Some("false"), Some("default"), r#"["sync"]"#.to_owned()));
    assert_eq!(of("since"), (None, None, r#"["run"]"#.to_owned()));
    assert_eq!(of("include-live"), (Some("true"), Some("rtk.toml:9: include-live"), of_both));

    for (key, value, expected) in [
        ("tz", "\"Mars/X\"", "\"Mars/X\" is not a time zone"),
        ("lookback", "\"3 fortnights\"", "\"3 fortnights\" is not a number of whole days"),
        ("lookback", "\"90m\"", "\"90m\" is not a number of whole days"),
        ("wait-lock", "\"soon\"", "\"soon\" is not true, false or a duration"),
        ("wait-lock", "30", "wait-lock is a whole number, not true"),
        ("days-per-commit", "0", "\"0\" is not a number of days from 1 to 366"),
        ("accept-empty-days", "\"maybe\"", "\"maybe\" is not true or false"),
    ] {
        let place = place(&format!("{account}{key} = {value}\n"));
        let config = place.rtk("config --config rtk.toml").ends(2);
        // The same words as those of the command that would have used it.
        assert_eq!(place.rtk("sync --config rtk.toml").ends(2).stderr, config.stderr);
        config.says(&[&format!("rtk.toml:5: {key}"), expected]);
    }
    // In a profile, the same; it is the profile that counts.
    let wrong = TWO.replace("concurrency = 4", "tz = \"Mars/X\"");
    let place = place(&wrong);
    let config = place.rtk("config --config rtk.toml").ends(2);
    assert!(config.stdout.starts_with("profile acme of rtk.toml\n"), "{config}");
    assert_eq!(config.stdout.matches("profile ").count(), 1, "{config}");
    assert_eq!(place.rtk("sync --all-profiles --config rtk.toml").ends(2).stderr, config.stderr);
    config.says(&["rtk.toml:14: tz: \"Mars/X\" is not a time zone"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let place = place("rate = 4.5\nlookback = \"soon\"\napp-id = \"b\"\naccount-id = 7\ntimeout = \"30\"\n");
    let output = place.rtk("config --config rtk.toml --json").ends(2);
    insta::assert_snapshot!(output.stderr);
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["faults"].as_array().unwrap().len(), output.stderr.matches("error: ").count());
    assert_eq!(json["profiles"].as_array().unwrap().len(), 0);
}
