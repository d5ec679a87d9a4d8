//! The documents say what is so: every command of the README is run, every table of it compared.

use std::collections::BTreeSet;
use std::fs;

use rtk_export::error::{Class, Signal};
use rtk_export::queries::Folder;
use rtk_export::reference;
use rtk_export::sandbox::WorldOptions;
use rtk_export::tables::schema::Table;
use serde_json::Value;

use crate::support::{Dataset, DayFile, Place, S3, Server, query, repository_file, with_client};

/// A fenced block of a page.
#[derive(Debug)]
struct Block {
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    blocks_of("README.md")
}

fn blocks_of(page: &str) -> Vec<Block> {
    let text = repository_file(page);
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n"));
            blocks.push(Block { language: language.to_owned(), text: text.collect() });
        }
    }
    blocks
}

/// In order, in one directory, as a reader would; `toml` blocks are files named in their first line.
/// Where an account is needed, the sandbox is it.
#[test]
fn every_command_of_the_readme_runs() {
    let server = Server::start(|options| options.world = WorldOptions::default());
    let (place, s3) = (Place::with_samples(), S3::start());
    place.write("token", server.token());
    // The reader's own lists.
    for list in ["sessions.csv", "participants.csv"] {
        place.write(list, repository_file(&format!("samples/{list}")));
    }
    let mut ran = 0;
    for block in blocks() {
        match block.language.as_str() {
            "sh" => {
                let run =
                    place.shell(&block.text).env("CLOUDFLARE_BASE_URL", &server.base_url()).storing_in(&s3);
                let output = run.output();
                assert_eq!(output.code, Some(0), "{}\n{output}", block.text);
                ran += 1;
            }
            "toml" => {
                let name =
                    block.text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a name");
                place.write(name, &block.text);
            }
            // A further word names the export, if it is not the first command's.
            sql if sql.starts_with("sql") => {
                let export = sql.strip_prefix("sql ").unwrap_or("export");
                assert!(!query(&place.path(export), &block.text).is_empty(), "{}", block.text);
            }
            "text" => (),
            other => panic!("a block of {other:?} is not tested"),
        }
    }
    assert!(ran >= 5, "{ran} blocks ran");
}

/// The commands of a warehouse's page, in order, in one directory; a `console` block needs an account.
fn page_runs(warehouse: &str) -> String {
    let page = format!("samples/warehouses/{warehouse}.md");
    let blocks = blocks_of(&page);
    assert!(blocks.iter().all(|block| ["sh", "console"].contains(&block.language.as_str())), "{blocks:?}");
    let commands: String =
        blocks.into_iter().filter(|block| block.language == "sh").map(|block| block.text).collect();
    assert!(repository_file("README.md").contains(&format!("({page})")), "the README leads to {page}");
    let place = Place::with_samples();
    let script = place.write("page.sh", &commands);
    let command = match warehouse {
        "bigquery" | "snowflake" => commands,
        _ => with_client(warehouse, &script),
    };
    place.shell(&command).ends(0).stdout
}

/// A page whose commands end with the sessions of most minutes.
fn page_answers(warehouse: &str) {
    let shown = page_runs(warehouse);
    assert_eq!(shown.matches("fb23d1cf-36ec-4f0d-8e87-917bb7d12aa4").count(), 1, "{warehouse}: {shown}");
    assert!(shown.contains("887.290799999"), "{warehouse}: {shown}");
}

#[test]
fn every_command_of_the_warehouses_pages_runs() {
    for warehouse in ["bigquery", "snowflake"] {
        page_runs(warehouse);
    }
    for warehouse in ["postgres", "duckdb", "clickhouse"] {
        page_answers(warehouse);
    }
}

#[test]
fn every_command_of_the_page_of_spark_runs() {
    page_answers("spark");
}

/// The night, the readers and the vacuum of the page, on another S3 server, but for what names the account. DuckDB
/// would have to download its client of S3: to it the bucket is the directory that the server keeps it in.
#[test]
fn every_command_of_the_page_of_r2_runs() {
    let page = "samples/nightly-r2.md";
    assert!(repository_file("README.md").contains(&format!("({page})")), "the README leads to {page}");
    let (server, s3, place) = (Server::start(|_| ()), S3::start(), Place::new());
    let (mut ran, mut asked) = (0, 0);
    for block in blocks_of(page) {
        let typed = block.text.replace("$ ", "");
        match block.language.as_str() {
            "sh" => {
                place.shell(&block.text).against(&server).storing_in(&s3).ends(0);
                ran += 1;
            }
            "console" if typed.starts_with("export ") => (),
            "console" => {
                let bucket = s3.bucket().display().to_string();
                let script = place.write("duckdb.sh", typed.replace("s3://bucket", &bucket));
                let answer = place.shell(&with_client("duckdb", &script)).ends(0).stdout;
                let of_participants = |file: &DayFile| {
                    (file.table == "participants" && file.rows > 0).then(|| file.day.clone())
                };
                let files = Dataset::read(&s3.bucket().join("minutes")).files();
                let days: BTreeSet<_> = files.iter().filter_map(of_participants).collect();
                let missing = days.iter().find(|day| answer.matches(day.as_str()).count() != 1);
                assert!(days.len() > 10 && missing.is_none(), "{missing:?} in\n{answer}");
                asked += 1;
            }
            other => panic!("a block of {other:?} is not tested"),
        }
    }
    assert_eq!((ran, asked), (4, 1));
    assert!(place.path("sync.json").exists() && s3.object("minutes/dataset.json").is_some());
}

/// The first command, as it is typed, shows what the README shows.
#[test]
fn the_first_command_shows_what_the_readme_shows() {
    let blocks = blocks();
    assert_eq!((blocks[0].language.as_str(), blocks[1].language.as_str()), ("sh", "text"));
    let command = blocks[0].text.trim();
    assert_eq!(command, "cargo run -- run samples/participants.csv -o export --sandbox");
    let place = Place::with_samples();
    let output = place.shell(command).without_env("RTK_EXPORT_RATE").ends(0);
    let shown = output.stdout + &output.stderr;
    // What comes before shows how far it is, which differs each time.
    let summary = shown.find("complete").map_or("", |start| &shown[start..]);
    assert_eq!(without_elapsed(summary), without_elapsed(&blocks[1].text), "it shows\n{shown}");
}

fn without_elapsed(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once("elapsed").map_or(line, |(before, _)| before)).collect()
}

#[test]
fn the_test_command_is_the_one_that_ci_calls() {
    let command = blocks().into_iter().filter(|block| block.language == "sh").map(|block| block.text).nth(1);
    assert_eq!(command.as_deref(), Some("cargo test\n"));
    assert!(repository_file(".ci/run").lines().any(|line| line.trim_start().starts_with("cargo test")));
}

/// The README has the overview, `samples/tables.md` everything: both are what the command prints.
#[test]
fn the_table_reference_is_the_schema() {
    let printed = Place::new().rtk("schema --format markdown").ends(0).stdout;
    let advice = "if that is meant: cargo run -- schema --format markdown > samples/tables.md";
    assert!(repository_file("samples/tables.md") == printed, "samples/tables.md is another; {advice}");
    let overview = reference::overview(&Table::ALL);
    assert!(printed.contains(&overview));
    assert!(repository_file("README.md").contains(&overview), "the README's overview is not\n{overview}");
}

#[test]
fn a_table_is_shown_by_its_name() {
    let place = Place::new();
    let shown = place.rtk("schema failures labels").ends(0).stdout;
    let heads: Vec<_> = shown.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    assert_eq!(
        heads,
        [
            "labels: one row per label cell of the input lists",
            "failures: one row per id that could not be had; itself a valid list"
        ]
    );
    let json: serde_json::Value =
        serde_json::from_str(&place.rtk("schema --format json").ends(0).stdout).unwrap();
    assert_eq!(json["tables"].as_array().unwrap().len(), Table::ALL.len());
    place
        .rtk("schema participant")
        .ends(2)
        .says(&["no table is called \"participant\"", "rtk-export schema"]);
    place.rtk("schema --dialect duckdb --format json").ends(2);
}

/// The names of a plan's JSON are a contract with whoever reads it.
#[test]
fn every_name_of_a_plan_is_in_the_readme() {
    let place = Place::with_samples();
    let session = "0f8fad5b-d9cb-469f-a165-70867728950e";
    place.write("odd.csv", format!("session_id\n42\n{session}\n{session}\n"));
    let plan = "plan odd.csv --since 2026-10-30 --until 2026-10-31 --count --sandbox --format json";
    let plan: Value = serde_json::from_str(&place.rtk(plan).ends(0).stdout).unwrap();
    let readme = repository_file("README.md");
    for (name, value) in plan.as_object().unwrap() {
        let start = format!("| `{name}` |");
        let row =
            readme.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no {start}"));
        let words: Vec<_> = row.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let mut inner = Vec::new();
        names(value, &mut inner);
        assert!(inner.iter().all(|inner| words.contains(&inner.as_str())), "{inner:?} in {row}");
    }
}

/// The names in a value, but for those of a range.
fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if fields.contains_key("min") => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                found.push(name.clone());
                names(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

/// Each shipped query has a row, and a rollup's row its columns.
#[test]
fn the_query_reference_is_the_queries() {
    let readme = repository_file("README.md");
    let place = Place::with_samples();
    place.rtk("run samples/participants.csv -o export --sandbox").ends(0);
    for folder in Folder::ALL {
        for query in folder.queries() {
            let start = format!("| `{}` |", query.name);
            let row = readme.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no row of {}", query.name));
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [_, keys, more] = cells[..] else { continue };
            let answer = place.rtk(&format!("query export rollups/{} --format csv", query.name)).ends(0);
            let columns: Vec<_> = answer.stdout.lines().next().unwrap().split(',').collect();
            let measures = ["participants", "connections", "duration_minutes", "minutes_consumed"];
            let named = keys.split(", ").chain(more.split(", ")).filter(|name| !name.is_empty());
            assert_eq!(columns, named.chain(measures).collect::<Vec<_>>(), "{}", query.name);
        }
    }
}

#[test]
fn every_exit_code_is_explained() {
    let readme = repository_file("README.md");
    let classes = [
        Class::Failed,
        Class::Usage,
        Class::CredentialsRefused,
        Class::Unreachable,
        Class::Busy,
        Class::Interrupted(Signal::Interrupt),
        Class::Interrupted(Signal::Terminate),
    ];
    for code in classes.map(Class::exit_code).into_iter().chain([0, 3]) {
        let explained = readme.lines().any(|line| line.starts_with(&format!("| {code} |")));
        assert!(explained, "exit code {code}");
    }
}

#[test]
fn the_changelog_says_what_is_coming() {
    let changelog = repository_file("CHANGELOG.md");
    let unreleased = changelog.split("## [Unreleased]").nth(1).expect("a section for what is coming");
    assert!(unreleased.contains("rtk-export run"));
}

/// What is checked in works on any machine: no path of one, no host of a registry.
#[test]
fn nothing_is_tied_to_a_machine() {
    let pages = ["postgres", "duckdb", "clickhouse", "spark", "bigquery", "snowflake"];
    let pages = pages.map(|name| format!("samples/warehouses/{name}.md"));
    let files = [
        "README.md",
        "samples/tables.md",
        "samples/operations/README.md",
        "CHANGELOG.md",
        ".ci/run",
        "Cargo.toml",
    ];
    for file in files.into_iter().chain(pages.iter().map(String::as_str)) {
        let text = repository_file(file);
        for tied in ["/home/", "/root", "/work/", "/tmp/", "/Users/", "crates.io", "pypi.org"] {
            assert!(!text.contains(tied), "{tied} in {file}");
        }
    }
    assert!(fs::exists(crate::support::repository().join("LICENSE")).unwrap());
}
