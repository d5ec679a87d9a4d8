//! A disk that is full, on a real file system: what was durable stays, and the same command goes on
//! once there is space.

use std::collections::BTreeSet;

use crate::support::{
    Export, Output, Place, Server, SmallDisk, details_in, logged_details, manifest, tree, whole_manifest,
};

const PAGE_KIB: u64 = 4;

/// What a command says that found the disk full, but the path.
const FULL: [&str; 2] =
    ["caused by: No space left on device", "hint: free some space, then run the same command again"];

#[test]
fn a_disk_that_is_full_while_fetching_keeps_what_was_durable() {
    const PAIRS: usize = 2_000;
    let (place, server) = (Place::new(), Server::start(|options| options.world.participants = 2_000));
    let Some(disk) = SmallDisk::mount(&place, "disk", 4 * 1024) else { return };
    disk.fill_up_to(300);
    place.write("list.csv", server.pairs(PAIRS));
    let run = |output: &str| {
        let run = format!("run list.csv -o {output} --format csv --fetch detail --no-rollups");
        place.rtk(&run).against(&server)
    };
    let mut kept = 0;
    for _ in 0..2 {
        let before = server.requests();
        run("disk/out").ends(1).says(&FULL).says(&["error: cannot write disk/out/.rtk-export/responses"]);
        assert!(server.requests() - before <= (PAIRS - kept) as u64, "what was durable was asked again");
        let now = logged_details(&disk.path("out"));
        assert!((1.max(kept)..PAIRS).contains(&now), "{now} of {kept} replies kept");
        assert!(!disk.path("out/manifest.json").exists());
        kept = now;
    }
    disk.resize(64 * 1024);
    let before = server.requests();
    run("disk/out").ends(0);
    assert_eq!(server.requests() - before, (PAIRS - kept) as u64);
    run("unbroken").ends(0);
    Export::read(&disk.path("out")).equals(&Export::read(&place.path("unbroken")));
}

/// The disk grows page by page: every file in turn is the one that does not fit.
fn page_by_page(args: &str, old: Option<&str>) {
    const PAIRS: usize = 60;
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let Some(disk) = SmallDisk::mount(&place, "disk", 1024) else { return };
    place.write("list.csv", server.pairs(PAIRS));
    let run = |output: &str, args: &str| {
        place.rtk(&format!("run list.csv -o {output} --fetch detail {args}")).against(&server)
    };
    run("unbroken", args).ends(0);
    if let Some(old) = old {
        run("disk/out", old).ends(0);
    }
    // Beside an older export, the log has a name of its own until all is there.
    let log = if old.is_some() { "responses.next.jsonl.zst" } else { "responses.jsonl.zst" };
    let log = format!("out/.rtk-export/{log}");
    let old_files = tree(&disk.path(""));
    let mut refused = BTreeSet::new();
    let mut kib = disk.used_kib();
    loop {
        kib += PAGE_KIB;
        disk.resize(kib);
        let fetched = details_in(&disk.path(&log)) == PAIRS;
        let before = server.requests();
        let output = run("disk/out", args).output();
        assert!(!fetched || server.requests() == before, "it asked again\n{output}");
        if output.code == Some(0) {
            break;
        }
        refused.insert(without_full(&output.ended(1).says(&FULL)));
        // What readers saw before is what they see.
        assert_eq!(whole_manifest(&disk.path("out")).is_some(), old.is_some());
        assert_eq!(tree(&disk.path("")), old_files);
        assert!(kib < 1024, "the disk is large enough");
    }
    Export::read_any(&disk.path("out")).equals(&Export::read_any(&place.path("unbroken")));
    assert_eq!(manifest(&disk.path("out"))["totals"], manifest(&place.path("unbroken"))["totals"]);
    for part in ["responses.", "staging/participants/", "staging/rollups/", "staging/manifest.json"] {
        assert!(refused.iter().any(|refused| refused.contains(part)), "{part} always fitted: {refused:#?}");
    }
}

/// What could not be written.
fn without_full(output: &Output) -> String {
    output.stderr.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or_default().to_owned()
}

#[test]
fn whichever_file_does_not_fit_the_same_command_goes_on_once_it_does() {
    page_by_page("--format csv", None);
    page_by_page("--format parquet", None);
}

#[test]
fn an_older_export_stays_whole_until_the_new_one_fits() {
    page_by_page("--format csv --refresh", Some("--format parquet"));
}

#[test]
fn a_full_disk_under_the_budget_ends_no_run() {
    let (place, server) = (Place::new(), Server::start(|_| ()));
    let Some(disk) = SmallDisk::mount(&place, "disk", 64) else { return };
    disk.fill_up_to(0);
    place.write("list.csv", server.pairs(60));
    let run = place.rtk("run list.csv -o out").against(&server);
    let state = disk.path("");
    let output = run.env("XDG_STATE_HOME", state.to_str().unwrap()).ends(0);
    // Known before anything is sent: the budget is kept elsewhere rather than not at all.
    assert!(output.stderr.contains("warning: cannot keep the request budget in"), "{output}");
    assert!(output.stderr.contains("No space left on device"), "{output}");
}
