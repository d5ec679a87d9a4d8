//! The token appears nowhere: not in files, not in the log, not in what is shown.

use std::fs;

use crate::support::{Output, Place, Server, faults, log_lines};

const TOKEN: &str = "tok-4f1d-9b7e-secret";

#[test]
fn the_token_is_in_no_file_and_no_message() {
    let server = Server::start(|options| {
        options.token = TOKEN.to_owned();
        options.faults = faults(&["7: 500", "9: garbage"]);
    });
    let ill = Server::with_faults(&["3: 401"]);
    let place = Place::new();
    place.write("list.csv", server.pairs(20));
    let run = |output: &str, server: &Server| {
        place.rtk(&format!("run list.csv -o {output} -v")).against(server).env("CLOUDFLARE_API_TOKEN", TOKEN)
    };
    hidden(&run("good", &server).ends(0));
    hidden(&run("json", &server).args("--log-format json").ends(0));
    // The wrong token for this one: the server's refusal is shown, the token is not.
    hidden(&run("refused", &ill).ends(4));
    hidden(&run("conflict", &server).args("--rate wrong").ends(2));
    let spaced = format!("{TOKEN} {TOKEN}");
    hidden(&run("malformed", &server).env("CLOUDFLARE_API_TOKEN", &spaced).ends(2));
    assert!(!log_lines(&place.path("good")).is_empty());
    let mut folders = vec![place.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            // Logs are zstd; anything else is looked at as it is.
            let bytes = zstd::decode_all(&bytes[..]).unwrap_or(bytes);
            let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
            assert!(!found, "the token is in {}", path.display());
        }
    }
}

fn hidden(output: &Output) {
    assert!(
        !output.stdout.contains(TOKEN) && !output.stderr.contains(TOKEN),
        "the token was shown: {output}"
    );
}

/// The token where a path to it belongs.
#[test]
fn a_token_in_the_place_of_its_path_is_not_shown() {
    let (server, place) = (Server::start(|_| ()), Place::new());
    place.write("list.csv", server.pairs(5));
    place.write("rtk.toml", format!("api-token-file = '{TOKEN}'\n"));
    for (set, origin) in [
        (format!("--api-token-file {TOKEN}"), "--api-token-file"),
        ("--config rtk.toml".to_owned(), "rtk.toml:1: api-token-file"),
    ] {
        let run = place.rtk(&format!("run list.csv -o out --summary-file told.json {set}")).against(&server);
        let output = run.without_env("CLOUDFLARE_API_TOKEN").ends(2);
        hidden(&output.says(&[origin, "cannot read the API token's file", "No such file"]));
        assert!(!fs::read_to_string(place.path("told.json")).unwrap().contains(TOKEN));
    }
}

#[test]
fn the_token_is_read_from_a_file() {
    let server = Server::start(|options| options.token = TOKEN.to_owned());
    let place = Place::new();
    place.write("list.csv", server.pairs(5));
    place.write("token", format!("{TOKEN}\n"));
    let run = place.rtk("run list.csv -o out -v --api-token-file token").against(&server);
    hidden(&run.without_env("CLOUDFLARE_API_TOKEN").ends(0));
}
