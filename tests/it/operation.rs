//! A job that nobody watches: its deadline, whom it tells how it went, and the samples that start it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{
    Export, HealthCheck, Output, Place, Rtk, S3, SampleCommand, Server, finished, have_systemd_analyze,
    metrics, operation_samples, otlp, repository, repository_file, tree,
};

/// What a health URL has that nobody else may know.
const SECRET: &str = "5e7c1b9a-health-secret";
/// A run's files.
const FILES: &str = "--summary-file told.json --metrics-file told.prom";

fn summary(place: &Place) -> Value {
    serde_json::from_str(&fs::read_to_string(place.path("told.json")).unwrap()).unwrap()
}

/// The value of a series without a label of its own.
fn metric(place: &Place, name: &str) -> Option<String> {
    let series = metrics(&place.path("told.prom"));
    let found = series.into_iter().find(|(found, labels, _)| found == name && labels["export"] == "told");
    found.map(|(_, _, value)| value)
}

fn told(rtk: Rtk, health: &HealthCheck) -> Rtk {
    rtk.args(FILES).env("RTK_EXPORT_HEALTH_URL", &health.url(&format!("/ping/{SECRET}")))
}

fn hidden(output: &Output) {
    assert!(!output.stderr.contains(SECRET) && !output.stdout.contains(SECRET), "{output}");
}

#[test]
fn a_run_is_told_to_files_and_to_the_health_check() {
    let (server, health, place) =
        (Server::with_faults(&["4: 500"]), HealthCheck::answering(200), Place::new());
    place.write("list.csv", server.pairs(20));
    let run = place.rtk("run list.csv -o out -v --fetch detail").against(&server);
    let output = told(run, &health).ends(0);
    hidden(&output.says(&["(a URL of 127.0.0.1, not shown)"]));

    let summary = summary(&place);
    assert_eq!((&summary["exit_code"], &summary["outcome"]), (&0.into(), &"complete".into()));
    assert_eq!((&summary["error"], &summary["resumable"]), (&Value::Null, &false.into()));
    assert_eq!(summary["requests"]["sent"], server.requests());
    assert_eq!((&summary["requests"]["retried"], &summary["replies"]["received"]), (&1.into(), &20.into()));
    assert_eq!(summary["rows"]["participants"], 20);
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(place.path("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(summary["export_id"], manifest["export_id"]);
    assert_eq!(summary["minutes_consumed"], manifest["totals"]["minutes_consumed"]);

    let series: BTreeMap<_, _> = metrics(&place.path("told.prom"))
        .into_iter()
        .map(|(name, labels, value)| ((name, labels.get("table").cloned()), value))
        .collect();
    let value = |name: &str, table: Option<&str>| {
        series[&(format!("rtk_export_{name}"), table.map(str::to_owned))].clone()
    };
    assert_eq!(value("run_exit_code", None), "0.0");
    assert_eq!(value("run_requests", None), "21.0");
    assert_eq!(value("quota_used_requests", None), "21.0");
    assert_eq!(value("last_success_rows", Some("participants")), "20.0");
    assert_eq!(value("last_success_timestamp_seconds", None), value("run_end_timestamp_seconds", None));

    let start = (format!("POST /ping/{SECRET}/start"), String::new());
    let told = health.told();
    assert_eq!(told[0], start);
    assert_eq!(told[1].0, format!("POST /ping/{SECRET}"));
    assert!(told[1].1.starts_with("rtk-export run: complete, exit code 0, after "), "{}", told[1].1);
    assert!(
        told[1].1.contains("21 sent, 1 retried") && told[1].1.contains("20 participants"),
        "{}",
        told[1].1
    );
    assert_eq!(told.len(), 2);
    for (name, bytes) in tree(&place.path("")) {
        let bytes = zstd::decode_all(&bytes[..]).unwrap_or(bytes);
        for secret in [SECRET, server.token()] {
            assert!(!bytes.windows(secret.len()).any(|found| found == secret.as_bytes()), "in {name}");
        }
    }
    // A collector is another user; what is not whole is gone.
    assert_eq!(fs::metadata(place.path("told.prom")).unwrap().permissions().mode() & 0o444, 0o444);
    let left: Vec<_> =
        tree(&place.path("")).into_keys().filter(|name| name.starts_with(".rtk-export-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_failure_is_told_and_the_last_success_stays() {
    let (server, health, place) = (Server::start(|_| ()), HealthCheck::answering(200), Place::new());
    place.write("list.csv", server.pairs(5));
    let run = |output: &str| told(place.rtk(&format!("run list.csv -o {output}")).against(&server), &health);
    run("first").ends(0);
    let success = metric(&place, "rtk_export_last_success_timestamp_seconds").unwrap();
    hidden(&run("second").env("CLOUDFLARE_API_TOKEN", "another").ends(4));

    let refused = summary(&place);
    assert_eq!((&refused["exit_code"], &refused["outcome"]), (&4.into(), &"credentials_refused".into()));
    assert_eq!((&refused["resumable"], &refused["requests"]["sent"]), (&true.into(), &1.into()));
    assert_eq!(refused["error"]["class"], "credentials_refused");
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("the API refused"), "{refused}");
    assert_eq!((&refused["rows"], &refused["phase"]), (&Value::Null, &"fetching".into()));
    assert_eq!(metric(&place, "rtk_export_run_exit_code").as_deref(), Some("4.0"));
    assert_eq!(metric(&place, "rtk_export_run_success").as_deref(), Some("0.0"));
    assert_eq!(metric(&place, "rtk_export_last_success_timestamp_seconds"), Some(success.clone()));
    assert_eq!(health.lines().last().unwrap(), &format!("POST /ping/{SECRET}/fail"));
    assert!(health.told().last().unwrap().1.contains("credentials_refused, exit code 4"));

    // Also where the settings are wrong, or their file is none.
    let incomplete = run("third").without_env("CLOUDFLARE_API_TOKEN").ends(2);
    assert!(incomplete.stderr.contains("--api-token-file"), "{incomplete}");
    assert_eq!((&summary(&place)["outcome"], &summary(&place)["output"]), (&"usage".into(), &Value::Null));
    place.write("bad.toml", "rate = \n");
    run("third").args("--config bad.toml").ends(2);
    assert!(summary(&place)["error"]["message"].as_str().unwrap().starts_with("bad.toml:1"));
    assert_eq!(metric(&place, "rtk_export_last_success_timestamp_seconds"), Some(success));
    assert_eq!(health.lines().iter().filter(|line| line.ends_with("/fail")).count(), 3);
}

/// The exit code is that of the run, whatever becomes of telling it.
#[test]
fn a_collector_is_sent_what_the_file_of_metrics_says() {
    let (server, collector, place) = (Server::start(|_| ()), HealthCheck::answering(200), Place::new());
    place.write("list.csv", server.pairs(5));
    let run = |list: &str| {
        let rtk =
            place.rtk(&format!("run {list} -o out -v --summary-file told.json --metrics-file told.prom"));
        rtk.against(&server)
            .env("RTK_EXPORT_OTLP_ENDPOINT", &collector.url("/otlp"))
            .env("OTEL_EXPORTER_OTLP_HEADERS", &format!("authorization=Bearer%20{SECRET},x-team=data"))
    };
    hidden(&run("list.csv").ends(0));
    let file = metrics(&place.path("told.prom"));
    hidden(&run("missing.csv").ends(2));
    let told = collector.told();
    let lines: Vec<_> = told.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(lines, ["POST /otlp/v1/metrics"; 2]);
    for wanted in
        ["content-type: application/json", &format!("authorization: Bearer {SECRET}"), "x-team: data"]
    {
        assert_eq!(collector.headers().iter().filter(|header| *header == wanted).count(), 2, "{wanted}");
    }
    let series = |(_, body): &(String, String)| {
        place.write("request.json", body);
        otlp(&place.path("request.json"))
    };
    let (complete, failed) = (series(&told[0]), series(&told[1]));
    let value = |series: &[(String, BTreeMap<String, String>, String)], name: &str| {
        let found = series.iter().find(|(found, ..)| found == name);
        found.map(|(_, labels, value)| (labels["command"].clone(), labels["output"].clone(), value.clone()))
    };
    let is = |value: &str| Some(("run".to_owned(), "out".to_owned(), value.to_owned()));
    assert_eq!(value(&complete, "rtk_export_run_success"), is("1.0"));
    assert_eq!(value(&complete, "rtk_export_run_requests"), is(&format!("{}.0", server.requests())));
    let rows = complete.iter().find(|(name, labels, _)| {
        name == "rtk_export_last_success_rows"
            && labels.get("table").is_some_and(|table| table == "participants")
    });
    assert_eq!(rows.map(|(.., value)| value.as_str()), Some("5.0"));
    assert_eq!(value(&failed, "rtk_export_run_exit_code"), is("2.0"));
    assert!(!failed.iter().any(|(name, ..)| name.contains("last_success")), "{failed:?}");
    let names = |series: &[(String, BTreeMap<String, String>, String)]| {
        series.iter().map(|(name, ..)| name.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&complete), names(&file));

    let refused = |url: &str, headers: &str, says: &[&str]| {
        let rtk = place.rtk("run list.csv -o other --otlp-endpoint").args(url).against(&server);
        hidden(&rtk.env("OTEL_EXPORTER_OTLP_HEADERS", headers).ends(2).says(says));
    };
    let requests = server.requests();
    refused("collector:4318", "", &["is not an http or https URL"]);
    refused("http://otel.example", &format!("authorization={SECRET}"), &["in clear text to otel.example"]);
    refused("https://otel.example", SECRET, &["OTEL_EXPORTER_OTLP_HEADERS", "these are not headers"]);
    assert_eq!(server.requests(), requests);
}

#[test]
fn what_cannot_be_told_is_a_warning() {
    let (server, place) = (Server::start(|_| ()), Place::new());
    place.write("list.csv", server.pairs(5));
    let run = |output: &str| place.rtk(&format!("run list.csv -o {output}")).against(&server);
    let unknown = HealthCheck::answering(404);
    let output = told(run("unknown"), &unknown)
        .ends(0)
        .says(&["warning: 127.0.0.1 answered 404", "--health-url-file"]);
    hidden(&output);
    assert_eq!(unknown.lines().len(), 2, "what is refused for good is not tried again");
    let hanging_up = HealthCheck::answering(0);
    let output =
        told(run("hanging-up"), &hanging_up).env("RTK_EXPORT_LOG_FORMAT", "json").args("--log-format json");
    let output = output.ends(0);
    hidden(&output);
    let warnings: Vec<Value> = output
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .filter(|line: &Value| line["level"] == "warning")
        .collect();
    assert!(
        warnings.iter().any(|warning| warning["message"] == "cannot tell 127.0.0.1 how the run goes"),
        "{output}"
    );
    assert!(warnings.iter().all(|warning| warning["time"].is_string() && warning["exit_code"].is_null()));
    // The URL in a file; a run that nobody is told of is one as ever.
    let health = HealthCheck::answering(200);
    place.write("health-url", health.url(&format!("/{SECRET}?rid=1\n")));
    run("file").args("--health-url-file health-url").ends(0);
    assert_eq!(health.lines(), [format!("POST /{SECRET}/start?rid=1"), format!("POST /{SECRET}?rid=1")]);
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_sent() {
    let (server, health, place) = (Server::start(|_| ()), HealthCheck::answering(200), Place::new());
    place.write("list.csv", server.pairs(5));
    place.write("notes.txt", "mine");
    place.write("url", "hc.example/no-scheme");
    fs::create_dir(place.path("folder.json")).unwrap();
    let url = health.url(&format!("/{SECRET}"));
    for (args, says) in [
        ("--summary-file nowhere/told.json", "--summary-file: cannot write nowhere/told.json"),
        ("--metrics-file notes.txt", "--metrics-file: \"notes.txt\" is not a file whose name ends in .prom"),
        ("--summary-file folder.json", "is no regular file"),
        ("--deadline soon", "--deadline: \"soon\" is not a duration"),
    ] {
        let run = place.rtk(&format!("run list.csv -o out {args}")).against(&server);
        run.env("RTK_EXPORT_HEALTH_URL", &url).ends(2).says(&[says]);
    }
    let run = place.rtk("run list.csv -o out --health-url-file url").against(&server);
    let output = run.ends(2).says(&["this is not an http or https URL"]);
    assert!(!output.stderr.contains("no-scheme"), "{output}");
    // The URL in the place of a path to it.
    let typed = place.rtk(&format!("run list.csv -o out --health-url-file {url} --summary-file told.json"));
    let output = typed.against(&server).ends(2);
    hidden(&output.says(&["--health-url-file: cannot read the health URL's file", "No such file"]));
    place.write("rtk.toml", format!("health-url-file = {url:?}\nsummary-file = 'told.json'\n"));
    let output = place.rtk("run list.csv -o out --config rtk.toml").against(&server).ends(2);
    hidden(&output.says(&["rtk.toml:1: health-url-file: cannot read the health URL's file"]));
    let summary = fs::read_to_string(place.path("told.json")).unwrap();
    assert!(summary.contains("cannot read the health URL's file") && !summary.contains(SECRET), "{summary}");
    assert_eq!(server.requests(), 0);
    assert!(!place.path("out").exists());
    assert_eq!(fs::read_to_string(place.path("notes.txt")).unwrap(), "mine");
    assert_eq!(health.lines(), vec![format!("POST /{SECRET}/fail"); 4]);
}

/// A list may end in .json as well, and so does an export's manifest.
#[test]
fn what_the_run_reads_or_makes_is_not_told_over() {
    let (server, place) = (Server::start(|_| ()), Place::new());
    place.write("list.csv", server.pairs(5));
    place.rtk("run list.csv -o out --state-dir state").against(&server).ends(0);
    place.write("ids.json", "[]");
    place.write("told.prom", "");
    std::os::unix::fs::symlink("ids.json", place.path("other.json")).unwrap();
    std::os::unix::fs::symlink("told.prom", place.path("same.json")).unwrap();
    let (before, sent) = (tree(&place.path("")), server.requests());
    for (args, says) in [
        ("--summary-file ids.json", "--summary-file: ids.json is a list of the run"),
        ("--summary-file ./other.json", "--summary-file: ./other.json is a list of the run"),
        ("--summary-file out/manifest.json", "out/manifest.json is in the output directory"),
        ("--summary-file new.json/../out/new.json", "is in the output directory"),
        ("--metrics-file state/told.prom", "--metrics-file: state/told.prom is in the state directory"),
    ] {
        // Nor is it where something else is wrong, too.
        for more in ["", "--retries many"] {
            let run = format!("run list.csv ids.json -o out --state-dir state --refresh {args} {more}");
            let output = place.rtk(&run).against(&server).ends(2);
            if more.is_empty() {
                output.says(&[says, "hint: it is replaced by each run"]);
            }
            assert!(tree(&place.path("")) == before, "{args} {more}");
        }
    }
    let run = place.rtk("run list.csv -o new --summary-file same.json --metrics-file told.prom");
    run.against(&server).ends(2).says(&["--metrics-file: told.prom is the summary file, too"]);
    assert_eq!((server.requests(), place.path("new").exists()), (sent, false));
}

/// At one request an hour a list of twenty does not end in time, on any machine.
#[test]
fn a_deadline_stops_a_run_that_the_same_command_goes_on_with() {
    let (server, health, place) = (Server::start(|_| ()), HealthCheck::answering(200), Place::new());
    place.write("list.csv", server.pairs(20));
    let run = |deadline: &str| {
        let run = place
            .rtk(&format!("run list.csv -o out --format csv --fetch detail --deadline {deadline}"))
            .against(&server);
        told(run, &health)
    };
    // One that has passed: nothing is sent any more.
    run("2026-01-01T00:00:00Z").ends(143).says(&[
        "stopped by --deadline at 2026-01-01T00:00:00Z",
        "nothing was fetched yet",
        "a later --deadline",
    ]);
    assert_eq!(server.requests(), 0);
    let slow = run("2s").args("--rate 2/2h --reserve 50%");
    let output = slow.ends(143).says(&["error: stopped by --deadline at 20", "it resumes: "]);
    assert!(output.stderr.contains("--deadline 2s"), "{output}");
    let stopped = summary(&place);
    assert_eq!((&stopped["exit_code"], &stopped["outcome"]), (&143.into(), &"deadline".into()));
    assert_eq!(stopped["resumable"], true);
    assert!(!place.path("out/manifest.json").exists());
    let received = stopped["replies"]["received"].as_u64().unwrap();
    assert_eq!(received, server.requests());
    run("1h").ends(0);
    assert_eq!(
        summary(&place)["replies"],
        serde_json::json!({ "received": 20 - received, "kept": received })
    );
    assert_eq!(server.requests(), 20);
    assert_eq!(Export::read(&place.path("out")).rows("participants").len(), 20);
    let fails = health.lines().iter().filter(|line| line.ends_with("/fail")).count();
    assert_eq!((fails, health.lines().len()), (2, 6));
}

#[test]
fn a_run_that_is_told_to_end_tells_so() {
    let (server, health, place) = (Server::start(|_| ()), HealthCheck::answering(200), Place::new());
    place.write("list.csv", server.pairs(20));
    let run = place.rtk("run list.csv -o out --fetch detail --rate 2/2h --reserve 50%").against(&server);
    let running = told(run, &health).start().until("a request", || server.requests() > 0);
    running.signal("-TERM").output().ended(143);
    assert_eq!(
        (&summary(&place)["outcome"], &summary(&place)["exit_code"]),
        (&"interrupted".into(), &143.into())
    );
    assert_eq!(metric(&place, "rtk_export_run_exit_code").as_deref(), Some("143.0"));
    assert_eq!(health.lines().last().unwrap(), &format!("POST /ping/{SECRET}/fail"));
}

/// What a job tells is a contract with whoever reads it.
#[test]
fn every_key_and_metric_is_explained() {
    let (server, place) = (Server::start(|_| ()), Place::new());
    place.write("list.csv", server.pairs(5));
    place.rtk("run list.csv --since 2020-01-01 --until now -o out").args(FILES).against(&server).ends(0);
    let page = repository_file("samples/operations/README.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let explained = |name: &str| rows.iter().copied().find(|row| row.contains(&format!("`{name}`")));
    for (key, value) in summary(&place).as_object().unwrap() {
        let row = explained(key).unwrap_or_else(|| panic!("{key} is not explained"));
        let inner = value.as_object().filter(|_| key != "rows").into_iter().flatten();
        for (name, _) in inner {
            let words = row.split(|c: char| !c.is_alphanumeric() && c != '_').collect::<Vec<_>>();
            assert!(words.contains(&name.as_str()), "{key}: {name}");
        }
    }
    let names =
        || metrics(&place.path("told.prom")).into_iter().map(|(name, ..)| name).collect::<BTreeSet<_>>();
    let mut all = names();
    assert_eq!(all.len(), 18, "{all:?}");
    place.rtk("sync -o dataset").args(FILES).against(&server).ends(0);
    let row = explained("dataset").unwrap();
    assert!(summary(&place)["dataset"].as_object().unwrap().keys().all(|key| row.contains(key)), "{row}");
    all.extend(names());
    assert_eq!(all.len(), 23, "{all:?}");
    for name in all {
        assert!(explained(&name).is_some(), "{name} is not explained");
    }
}

/// The commands of the samples, each run to its end by the built binary.
#[test]
fn the_samples_are_right_to_their_own_checkers_and_run() {
    for (name, sample) in sample_commands(&repository().join("samples/operations")) {
        sample_runs(&name, &sample, None);
    }
}

/// The same samples, changed as their comments say.
#[test]
fn the_samples_are_right_for_a_bucket_as_their_comments_say() {
    let (samples, changed) = (repository().join("samples/operations"), Place::new());
    fs::create_dir(changed.path("systemd")).unwrap();
    for (name, bytes) in tree(&samples) {
        let text = String::from_utf8(bytes).unwrap();
        let is_no_job = ["README.md", "Dockerfile", "systemd/rtk-export.timer"].contains(&name.as_str());
        changed.write(&name, if is_no_job { text } else { for_a_bucket(&name, &text) });
    }
    for (name, sample) in
        sample_commands(&changed.path("")).into_iter().filter(|(name, _)| name != "Dockerfile")
    {
        assert!(sample.command.contains("sync -o s3://bucket/minutes --state-dir"), "{name}: {sample:?}");
        let s3 = S3::start();
        sample_runs(&name, &sample, Some(&s3));
        assert!(s3.object("minutes/dataset.json").is_some(), "{name}");
    }
}

/// What a line says that is a comment.
fn comment(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('#').map(str::trim)
}

/// A sample with what its comments say in the place of what they name, and with the variables that they have.
fn for_a_bucket(name: &str, text: &str) -> String {
    let said = text.lines().filter_map(comment).collect::<Vec<_>>().join(" ");
    let instead = said
        .split_once("For a dataset in a bucket: ")
        .and_then(|(_, said)| said.split_once(" in the place of "))
        .and_then(|(new, said)| Some((new, said.split_once(", and ")?.0)));
    let (new, old) = instead.unwrap_or_else(|| panic!("{name} says nothing of a bucket"));
    let is_code =
        |code: &str| code.trim_start_matches("- {name: ").trim_start_matches('"').starts_with("AWS_");
    let mut changed = String::new();
    let (mut variables, mut replaced) = (0, 0);
    for line in text.lines() {
        let line = match comment(line) {
            // A service's are lines of another file.
            Some(code) if name.ends_with(".service") && is_code(code) => {
                variables += 1;
                line.to_owned()
            }
            Some(code) if is_code(code) || code == "env={" || code == "}," => {
                variables += usize::from(is_code(code));
                line.replacen("# ", "", 1).replacen("#AWS", "AWS", 1)
            }
            Some(_) => line.to_owned(),
            None => {
                replaced += line.matches(old).count();
                line.replace(old, new)
            }
        };
        changed.push_str(&line);
        changed.push('\n');
    }
    assert_eq!((variables, replaced), (4, 1), "{name}: {old} by {new} in\n{changed}");
    changed
}

/// The commands of a folder of samples, each of which is right to its own checker.
fn sample_commands(folder: &Path) -> Vec<(String, SampleCommand)> {
    let samples = operation_samples(folder);
    assert_eq!(samples.len(), 5);
    let mut commands: Vec<_> = samples
        .into_iter()
        .flat_map(|(name, found)| found.into_iter().map(move |one| (name.clone(), one)))
        .collect();
    assert!(commands.len() >= 5, "{commands:?}");
    commands.push(("systemd".to_owned(), unit_command(folder)));
    commands
}

/// In a machine of its own: every directory that a command names is below the test's.
fn sample_runs(name: &str, sample: &SampleCommand, s3: Option<&S3>) {
    let (server, health, place) = (Server::start(|_| ()), HealthCheck::answering(200), Place::new());
    let root = place.path("root").display().to_string();
    for dir in
        ["etc/rtk-export", "var/lib/rtk-export", "var/lib/prometheus/node-exporter", "var/log/rtk-export"]
    {
        fs::create_dir_all(place.path("root").join(dir)).unwrap();
    }
    for dir in ["root/secrets", "root/exports", "exports"] {
        fs::create_dir_all(place.path(dir)).unwrap();
    }
    for token in ["root/etc/rtk-export/token", "root/secrets/token"] {
        place.write(token, server.token());
    }
    place.write("root/etc/rtk-export/health-url", health.url("/ping"));
    let below = |text: &str| {
        ["/etc/", "/var/", "/secrets", "/exports"].iter().fold(text.to_owned(), |text, dir| {
            [" ", "=", ">", "-", "\""].iter().fold(text, |text, before| {
                text.replace(&format!("{before}{dir}"), &format!("{before}{root}{dir}"))
            })
        })
    };
    let mut run = place
        .shell(&below(&sample.command))
        .against(&server)
        .env("RTK_EXPORT_HEALTH_URL", &health.url("/ping"));
    // Where programs are is the test's.
    for (variable, value) in sample.env.iter().filter(|(name, _)| *name != "PATH") {
        let value = if value.starts_with('/') { format!("{root}{value}") } else { value.clone() };
        run = run.env(variable, &value);
    }
    // So is where the bucket is.
    let output = s3.into_iter().fold(run, Rtk::storing_in).ends(0);
    if name == "Dockerfile" {
        assert!(output.stdout.contains("Usage: rtk-export"), "{output}");
        return;
    }
    let is_made = |path: &String| ["/manifest.json", "/dataset.json"].iter().any(|name| path.ends_with(name));
    let made = tree(&place.path("")).into_keys().filter(is_made).count() + usize::from(s3.is_some());
    assert_eq!(made, 1, "{name}: {output}");
    assert_eq!(health.lines().len(), 2, "{name}");
    let summaries = tree(&place.path(""))
        .into_iter()
        .filter(|(path, _)| path.ends_with("last-run.json") || path == "summary.json");
    let summaries: Vec<Value> = summaries.map(|(_, text)| serde_json::from_slice(&text).unwrap()).collect();
    assert_eq!(summaries.len(), 1, "{name}");
    assert_eq!(summaries[0]["exit_code"], 0, "{name}");
}

/// The service's command, after systemd has checked the units, with what systemd puts in the place of its
/// specifiers.
fn unit_command(folder: &Path) -> SampleCommand {
    have_systemd_analyze().unwrap_or_else(|problem| panic!("{problem}"));
    let (units, place) = (folder.join("systemd"), Place::new());
    let service = fs::read_to_string(units.join("rtk-export.service")).unwrap();
    // It wants the program to be there.
    place.write("rtk-export.service", service.replace("/usr/local/bin/rtk-export ", "/bin/true "));
    place.write("rtk-export.timer", fs::read(units.join("rtk-export.timer")).unwrap());
    let mut verify = Command::new("systemd-analyze");
    verify
        .args(["verify", "--man=no"])
        .args([place.path("rtk-export.service"), place.path("rtk-export.timer")]);
    finished(&mut verify).unwrap_or_else(|problem| panic!("{problem}"));
    let value = |key: &str| {
        let lines = service.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines
            .map(|value| value.replace("%S", "/var/lib").replace("%d", "/etc/rtk-export"))
            .collect::<Vec<_>>()
    };
    let command = value("ExecStart").remove(0).replace("/usr/local/bin/", "");
    let env = value("Environment").into_iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    SampleCommand { command, env: env.collect() }
}
