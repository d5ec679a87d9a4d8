//! Several apps and accounts in one file: each is exported to its own place, asked with its own token.

use crate::support::{Export, Place, Server, log_lines};

/// A world of its own for a token of its own.
fn server(token: &str, faults: &[&str]) -> Server {
    Server::start(|options| {
        token.clone_into(&mut options.token);
        options.faults = crate::support::faults(faults);
        options.record_requests = true;
    })
}

/// A file with a profile for each server, named and told apart by their tokens.
fn place(servers: &[(&str, &Server)]) -> Place {
    let place = Place::new();
    let mut config = "concurrency = 4\nformat = 'csv'\nrate = '1000000/s'\n".to_owned();
    for (name, server) in servers {
        place.write(&format!("{name}.token"), server.token());
        let base_url = server.base_url();
        let profile = format!(
            "[profiles.{name}]\naccount-id = '{name}-account'\napp-id = '{name}-app'\nbase-url = '{base_url}'\n\
             api-token-command = ['cat', '{name}.token']\noutput = 'exports/{name}'\n"
        );
        config += &profile;
    }
    place.write("rtk.toml", config);
    place
}

const ALL: &str = "run list.csv --all-profiles --config rtk.toml";

#[test]
fn each_profile_is_exported_to_its_own_output() {
    let (acme, beta) = (server("token-of-acme-4711", &[]), server("token-of-beta-0815", &[]));
    let place = place(&[("beta", &beta), ("acme", &acme)]);
    place.write("list.csv", acme.pairs(5));
    let output = place.rtk(ALL).ends(0).says(&[
        "note: profile beta, 1 of 2",
        "note: profile acme, 2 of 2",
        "note: exit codes of the profiles: beta 0, acme 0",
    ]);
    for (name, server) in [("acme", &acme), ("beta", &beta)] {
        let export = Export::read(&place.path(&format!("exports/{name}")));
        assert_eq!(export.rows("participants").len(), 5);
        let own = format!("/accounts/{name}-account/realtime/kit/{name}-app/");
        let paths = server.paths();
        assert!(!paths.is_empty() && paths.iter().all(|path| path.contains(&own)), "{paths:?}");
        assert!(!format!("{output}").contains(server.token()));
        let log = log_lines(&place.path(&format!("exports/{name}")));
        assert!(!format!("{log:?}").contains(server.token()));
    }
    // What is finished is refused; that is a profile's own exit code, and the worst.
    place.rtk(ALL).ends(2).says(&[
        "error: the export of profile beta failed",
        "caused by: exports/beta is a finished export",
        "note: exit codes of the profiles: beta 2, acme 2",
    ]);
    place.rtk("run list.csv --profile acme --refresh --config rtk.toml").ends(0);
}

#[test]
fn one_that_fails_does_not_keep_the_others_and_the_worst_counts() {
    let (refuses, good, fails) =
        (server("r-token", &["3: 401"]), server("g-token", &[]), server("f-token", &["2: 404"]));
    let place = place(&[("refuses", &refuses), ("good", &good), ("fails", &fails)]);
    place.write("list.csv", good.pairs(20));
    place.rtk(&format!("{ALL} --fetch detail")).ends(4).says(&[
        "error: the export of profile refuses failed",
        "hint: check CLOUDFLARE_API_TOKEN",
        "note: exit codes of the profiles: refuses 4, good 0, fails 3",
    ]);
    assert!(!place.path("exports/refuses/manifest.json").exists());
    assert_eq!(Export::read(&place.path("exports/good")).rows("participants").len(), 20);
    assert_eq!(Export::read(&place.path("exports/fails")).rows("failures").len(), 1);
}

/// Before anything is sent: not one request, not one directory.
#[test]
fn what_does_not_go_together_is_refused_before_anything_is_sent() {
    let (acme, beta) = (server("a-token", &[]), server("b-token", &[]));
    let place = place(&[("acme", &acme), ("beta", &beta)]);
    place.write("list.csv", acme.pairs(5));
    place.rtk(&format!("{ALL} -o exports/one")).ends(2).says(&[
        "--output: profile beta has the same output as profile acme",
        "hint: give each profile its own output",
    ]);
    place
        .rtk(ALL)
        .env("CLOUDFLARE_ACCOUNT_ID", "another")
        .ends(2)
        .says(&["CLOUDFLARE_ACCOUNT_ID would win over rtk.toml:5: account-id of profile acme"]);
    place.rtk(&format!("{ALL} --profile acme")).ends(2).says(&["--all-profiles", "--profile"]);
    place.rtk("run - --all-profiles --config rtk.toml").stdin("x").ends(2).says(&["stdin"]);
    place.rtk("run list.csv --profile gamma --config rtk.toml").ends(2).says(&["acme, beta"]);
    place.write(
        "b.toml",
        format!("{}\nspeed = 1\n", std::fs::read_to_string(place.path("rtk.toml")).unwrap()),
    );
    place.rtk("run list.csv --all-profiles --config b.toml").ends(2).says(&["b.toml:17: \"speed\""]);
    assert_eq!((acme.requests(), beta.requests()), (0, 0));
    assert!(!place.path("exports").exists());
}

#[test]
fn a_signal_ends_them_all() {
    let (hangs, next) = (server("h-token", &["from 2: hang x4"]), server("n-token", &[]));
    let place = place(&[("hangs", &hangs), ("next", &next)]);
    place.write("list.csv", hangs.pairs(20));
    let run = format!("{ALL} --fetch detail");
    let running = place.rtk(&run).start().until("a request", || hangs.requests() > 1);
    let output = running.signal("-TERM").output().ended(143);
    output.says(&[
        "error: the export of profile hangs failed",
        "run the same command again",
        "--all-profiles",
    ]);
    assert_eq!(next.requests(), 0);
    hangs.pass(20);
    place.rtk(&run).ends(0);
    assert_eq!(Export::read(&place.path("exports/hangs")).rows("participants").len(), 20);
}

#[test]
fn other_commands_take_a_profile_too() {
    let (acme, beta) = (server("a-token", &[]), server("b-token", &[]));
    let place = place(&[("acme", &acme), ("beta", &beta)]);
    place.rtk("doctor --profile beta --config rtk.toml --rate 1000000/s").output();
    assert_eq!(acme.requests(), 0);
    assert!(beta.requests() > 0);
    let choose =
        |run: &str| place.rtk(run).env("RTK_EXPORT_CONFIG", "rtk.toml").env("RTK_EXPORT_PROFILE", "acme");
    choose("plan --since 2d").ends(0);
    assert!(acme.requests() > 0);
}

/// Each profile tells of its own run; what one tells is not told over by another.
#[test]
fn each_profile_tells_how_its_own_run_went() {
    let (acme, beta) = (server("token-of-acme-4711", &["1: 401"]), server("token-of-beta-0815", &[]));
    let place = place(&[("acme", &acme), ("beta", &beta)]);
    place.write("list.csv", beta.pairs(5));
    place.rtk(ALL).args("--summary-file told.json").ends(2).says(&["profile beta", "its own summary file"]);
    let one_check = "https://127.0.0.1:1/s3cr3t";
    let shared = place.rtk(ALL).env("RTK_EXPORT_HEALTH_URL", one_check).ends(2);
    assert!(!format!("{}", shared.says(&["its own health URL"])).contains("s3cr3t"));
    assert_eq!((acme.requests(), beta.requests()), (0, 0));

    let config = std::fs::read_to_string(place.path("rtk.toml")).unwrap();
    let config = ["acme", "beta"].iter().fold(config, |config, name| {
        let output = format!("output = 'exports/{name}'\n");
        config.replace(&output, &format!("{output}summary-file = '{name}.json'\ndeadline = '1h'\n"))
    });
    place.write("rtk.toml", config);
    place.rtk(ALL).ends(4).says(&["note: exit codes of the profiles: acme 4, beta 0"]);
    for (name, outcome) in [("acme", "credentials_refused"), ("beta", "complete")] {
        let told = std::fs::read_to_string(place.path(&format!("{name}.json"))).unwrap();
        assert!(told.contains(&format!("\"outcome\": \"{outcome}\"")), "{told}");
    }
}
