//! A dataset is kept in order and handed on: `vacuum`, `files`, and what `verify`, `query` and `report` make of it,
//! in a directory and in a bucket.

use std::fs;

use chrono::{DateTime, Utc};
use rtk_export::sandbox::{Late, WorldOptions};
use serde_json::Value;

use crate::support::{Dataset, Effect, Fault, Nightly, Output, S3};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A dataset of ten days, of which the last were made a second time.
fn synced_twice(s3: Option<S3>) -> Nightly {
    let nightly = Nightly::new(s3, |options| {
        options.world = WorldOptions {
            participants: 200,
            per_session: 4,
            late: Some(Late { every: 3, by_ms: 60 * 3_600_000 }),
            ..WorldOptions::default()
        };
    });
    for night in ["2026-10-12T02:00:00Z", "2026-10-13T02:00:00Z"] {
        nightly.set(time(night));
        nightly.command("sync -o AT --state-dir state").ends(0);
    }
    nightly
}

fn both(test: impl Fn(&Nightly)) {
    test(&synced_twice(None));
    test(&synced_twice(Some(S3::start())));
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn a_vacuum_takes_what_was_replaced_and_leaves_the_rest() {
    both(|nightly| {
        let (root, before) = (nightly.root(), nightly.dataset());
        let replaced = before.commit["retired"].as_array().unwrap().len();
        assert!(replaced >= 12, "{replaced}: three days of four tables");
        let in_folders = || Dataset::in_folders(&root);
        let listed = in_folders();
        // Nothing is old enough; what would go is shown, and stays.
        let told = json(&nightly.command("vacuum AT --format json").ends(0));
        assert_eq!((&told["retired"]["files"], &told["kept"]["files"]), (&0.into(), &replaced.into()));
        let told = json(&nightly.command("vacuum AT --grace 0s --dry-run --format json").ends(0));
        assert_eq!((&told["retired"]["files"], &told["dry_run"]), (&replaced.into(), &true.into()));
        assert_eq!((in_folders(), nightly.dataset().generation()), (listed, before.generation()));

        let foreign = root.join("participants/session_date=2026-10-05/notes.txt");
        fs::write(&foreign, "not of rtk-export").unwrap();
        let told = nightly.command("vacuum AT --grace 0s").ends(0).says(&["loses its files"]);
        assert!(told.stdout.contains(&format!("deleted       {replaced} files, ")), "{told}");
        let after = nightly.dataset();
        assert_eq!(after.generation(), before.generation() + 1);
        assert_eq!(after.commit["days"], before.commit["days"]);
        assert_eq!(after.commit["retired"], Value::Array(Vec::new()));
        assert_eq!(after.pointer["state"], before.pointer["state"]);
        fs::remove_file(foreign).unwrap();
        assert_eq!(in_folders(), after.paths());
        // The next sync goes on from it.
        nightly.set(time("2026-10-14T02:00:00Z"));
        nightly.command("sync -o AT --state-dir state").ends(0);
        assert_eq!(nightly.dataset().generation(), after.generation() + 1);
    });
}

#[test]
fn a_vacuum_takes_the_state_of_its_own_dataset_and_of_no_other() {
    both(|nightly| {
        nightly.command("vacuum AT --state-dir state").ends(0);
        nightly.command("vacuum AT2 --state-dir state").ends(2).says(&["state has the state of "]);
    });
    let nightly = synced_twice(None);
    for same in ["ds/", "./ds"] {
        nightly.command(&format!("vacuum {same} --state-dir state")).ends(0);
        nightly.command(&format!("sync -o {same} --state-dir state")).ends(0);
    }
}

#[test]
fn a_vacuum_of_what_is_no_dataset_is_refused() {
    let nightly = Nightly::new(None, |_| ());
    nightly.set(time("2026-10-12T02:00:00Z"));
    nightly.command("vacuum AT").ends(2).says(&["ds has no dataset.json", "rtk-export sync begins one"]);
    assert!(!nightly.root().exists(), "nothing was made there");
    nightly.command("run --since 2026-10-05 -o AT").ends(0);
    nightly
        .command("vacuum AT")
        .ends(2)
        .says(&["it is an export, not a dataset", "of an export every file is"]);
    nightly.command("vacuum AT --grace soon").ends(2).says(&["--grace", "a duration such as 1d"]);
}

/// A policy without the right to delete.
#[test]
fn a_vacuum_that_may_not_delete_says_so_and_leaves_the_dataset() {
    let nightly = synced_twice(Some(S3::start()));
    let s3 = nightly.s3.as_ref().unwrap();
    let before = nightly.dataset();
    s3.set_faults(vec![Fault::on("POST", "delete", Effect::Refuse(403, "AccessDenied"))]);
    nightly.command("vacuum AT --grace 0s").ends(2).says(&["s3:DeleteObject was refused: 403 AccessDenied"]);
    let after = nightly.dataset();
    assert_eq!(after.pointer, before.pointer);
    s3.set_faults(Vec::new());
    nightly.command("vacuum AT --grace 0s").ends(0);
    nightly.command("verify AT --offline").ends(0);
}

#[test]
fn files_are_those_of_the_commit() {
    both(|nightly| {
        let dataset = nightly.dataset();
        let at = if nightly.s3.is_some() { "s3://bucket/rtk/" } else { "ds/" };
        let paths = |args: &str| -> Vec<String> {
            let told = nightly.command(&format!("files AT {args}")).ends(0).stdout;
            told.lines().map(|line| line.strip_prefix(at).unwrap().to_owned()).collect()
        };
        let mut all = paths("");
        all.sort_unstable();
        assert_eq!(all, dataset.paths());
        let sessions = paths("--table sessions");
        assert!(sessions.is_sorted() && sessions.iter().all(|path| path.starts_with("sessions/")));
        assert_eq!(sessions.len(), dataset.days_with_sessions().len());

        let told = json(&nightly.command("files AT --as json --table participants").ends(0));
        assert_eq!(
            (told["generation"].as_u64(), told["files"][0]["table"].as_str()),
            (Some(dataset.generation()), Some("participants"))
        );
        let rows: u64 = told["files"].as_array().unwrap().iter().map(|f| f["rows"].as_u64().unwrap()).sum();
        let expected = dataset.files().into_iter().filter(|file| file.table == "participants");
        assert_eq!(rows, expected.map(|file| file.rows).sum::<u64>());
        assert_eq!(told["files"][0]["session_date"], dataset.days_with_sessions()[0]);

        let told = json(&nightly.command("files AT --as redshift --table sessions").ends(0));
        let entry = &told["entries"][0];
        assert_eq!(entry["url"], format!("{at}{}", sessions[0]));
        assert_eq!(entry["mandatory"], true);
        let bytes = fs::metadata(nightly.root().join(&sessions[0])).unwrap().len();
        assert_eq!(entry["meta"]["content_length"], bytes);
        nightly.command("files AT --as redshift").ends(2).says(&["--table"]);
        nightly.command("files AT --table nothing").ends(2).says(&["no table is called \"nothing\""]);
    });
}

#[test]
fn a_dataset_is_asked_and_reported_on_as_an_export_is() {
    both(|nightly| {
        let now = "2026-10-13T02:00:00Z";
        nightly.command(&format!("run --since 2026-10-01 --until {now} -o whole --no-rollups")).ends(0);
        for ask in [
            "query PLACE checks/session_minutes --format csv",
            "query PLACE rollups/minutes_by_day --format csv",
            "report PLACE --by day --format csv",
        ] {
            let answer = |place: &str| nightly.command(&ask.replace("PLACE", place)).ends(0).stdout;
            let (of_dataset, of_export) = (answer("AT"), answer("whole"));
            assert!(of_export.lines().count() > 1 || ask.contains("checks"), "{of_export}");
            assert_eq!(of_dataset, of_export, "{ask}");
        }
    });
}

/// Of what is not there, S3 says 403 to who may get and not list.
#[test]
fn who_may_not_list_reads_a_dataset_and_an_export() {
    let nightly = synced_twice(Some(S3::start()));
    nightly.command("run --since 2026-10-05 -o AT-export --state-dir export").ends(0);
    let s3 = nightly.s3.as_ref().unwrap();
    let denied = |method, contains| Fault::on(method, contains, Effect::Refuse(403, "AccessDenied"));
    s3.set_faults(vec![
        denied("GET", "list-type"),
        denied("GET", "rtk/manifest.json"),
        denied("GET", "rtk-export/dataset.json"),
        denied("GET", "rtk-none"),
    ]);
    nightly.command("files AT").ends(0);
    for place in ["AT", "AT-export"] {
        nightly.command(&format!("query {place} rollups/minutes_by_day --format csv")).ends(0);
        nightly.command(&format!("report {place} --by day --format csv")).ends(0);
        // To tell files that do not belong there it lists.
        nightly.command(&format!("verify {place} --offline")).ends(2).says(&["s3:ListBucket was refused"]);
    }
    let neither = ["does not say whether anything is there: 403 AccessDenied", "with s3:ListBucket"];
    for command in
        ["files AT-none", "query AT-none rollups/minutes_by_day", "report AT-none", "vacuum AT-none"]
    {
        let output = nightly.command(command).ends(2).says(&neither);
        assert!(!output.stderr.contains("the policy of these credentials needs"), "{output}");
    }
    // One of the two alone is refused for itself.
    s3.set_faults(vec![denied("GET", "rtk/dataset.json")]);
    nightly.command("files AT").ends(2).says(&["rtk/dataset.json: s3:GetObject was refused"]);
    s3.set_faults(vec![denied("GET", "rtk/manifest.json")]);
    nightly.command("verify AT --offline").ends(0);
}

#[test]
fn a_dataset_is_verified_against_the_api() {
    let nightly = synced_twice(None);
    let told = json(&nightly.command("verify AT --format json").output());
    assert_eq!(told["sessions"]["verdict"], "agrees", "{told}");
    assert_eq!(told["dataset"]["verdict"], "agrees");
    assert!(told["requests_sent"].as_u64().unwrap() > 0);
}

#[test]
fn verify_tells_what_is_wrong_with_a_dataset() {
    both(|nightly| {
        let verify = |code| nightly.command("verify AT --offline --format json").ends(code);
        let told = json(&verify(0));
        let replaced = nightly.dataset().commit["retired"].as_array().unwrap().len();
        assert_eq!(told["dataset"]["retired_files"], replaced);
        assert_eq!(told["dataset"]["generation"], nightly.dataset().generation());
        assert_eq!(told["files"]["verdict"], "agrees", "replaced files are no finding");
        let text = nightly.command("verify AT --offline").ends(0).stdout;
        assert!(text.starts_with("dataset   ") && text.contains("each row is of its day"), "{text}");
        assert!(text.contains("size, SHA-256 and rows are the commit's"), "{text}");

        let root = nightly.root();
        // A sync that was stopped left one, somebody else the other.
        let sessions = nightly.dataset().paths().into_iter().find(|path| path.starts_with("sessions/"));
        let sessions = sessions.unwrap();
        let stray = sessions.replace("-00000.parquet", "-00007.parquet");
        fs::copy(root.join(&sessions), root.join(&stray)).unwrap();
        assert_eq!(json(&verify(0))["dataset"]["uncommitted_files"], 1);
        let foreign = root.join("sessions/other.parquet");
        fs::copy(root.join(&sessions), &foreign).unwrap();
        let told = json(&verify(3));
        assert_eq!(told["files"]["findings"][0]["problem"], "not_in_manifest");
        assert_eq!(told["files"]["findings"].as_array().unwrap().len(), 1);
        fs::remove_file(foreign).unwrap();
        fs::remove_file(root.join(stray)).unwrap();

        // Rows in the folder of another day, as whoever edits a dataset would leave them.
        let before = [fs::read(root.join("dataset.json")).unwrap(), fs::read(commit_file(nightly)).unwrap()];
        swap_days(nightly);
        let told = json(&verify(3));
        let problems: Vec<_> = told["dataset"]["findings"].as_array().unwrap().iter().collect();
        assert!(problems.iter().any(|finding| finding["problem"] == "other_day"), "{told}");
        assert_eq!(told["files"]["verdict"], "agrees", "{told}");

        fs::write(commit_file(nightly), &before[1][..before[1].len() / 2]).unwrap();
        nightly.command("verify AT --offline").ends(1).says(&["is damaged", "SHA-256"]);
    });
}

fn commit_file(nightly: &Nightly) -> std::path::PathBuf {
    let pointer: Value =
        serde_json::from_slice(&fs::read(nightly.root().join("dataset.json")).unwrap()).unwrap();
    nightly.root().join(pointer["commit"]["path"].as_str().unwrap())
}

/// Exchanges the files of sessions of two days, and has commit and pointer say so.
fn swap_days(nightly: &Nightly) {
    use sha2::{Digest, Sha256};

    let root = nightly.root();
    let mut commit: Value = serde_json::from_slice(&fs::read(commit_file(nightly)).unwrap()).unwrap();
    let days = commit["days"].as_array_mut().unwrap();
    days.retain(|day| day["sessions"] != 0);
    let place = |day: &Value| {
        let files = day["files"].as_array().unwrap();
        files.iter().position(|file| file["table"] == "sessions").unwrap()
    };
    let places = [place(&days[0]), place(&days[1])];
    let files = [0, 1].map(|day| days[day]["files"][places[day]].clone());
    let bytes = files.clone().map(|file| fs::read(root.join(file["path"].as_str().unwrap())).unwrap());
    for day in [0, 1] {
        let other = &files[1 - day];
        let file = &mut days[day]["files"][places[day]];
        for field in ["rows", "bytes", "sha256"] {
            file[field] = other[field].clone();
        }
        fs::write(root.join(file["path"].as_str().unwrap()), &bytes[1 - day]).unwrap();
    }
    let text = commit.to_string();
    let digest = crate::support::hex(&Sha256::digest(text.as_bytes()));
    let pointer = root.join("dataset.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&pointer).unwrap()).unwrap();
    // Its name has the beginning of the digest.
    let named = json["commit"]["path"].as_str().unwrap();
    let named = format!("{}-{}.json", named.rsplit_once('-').unwrap().0, &digest[..16]);
    fs::write(root.join(&named), &text).unwrap();
    json["commit"] = serde_json::json!({"path": named, "bytes": text.len(), "sha256": digest});
    fs::write(pointer, json.to_string()).unwrap();
}
