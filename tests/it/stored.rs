//! Runs into an object store, and lists out of one: as into a directory and out of a file, whatever the store does.

use std::io::Write as _;
use std::time::Duration;

use crate::support::{Azurite, Effect, Export, Fault, Place, Rtk, S3, Server, manifest, whole_manifest};

const RUN: &str = "run list.csv -o s3://bucket/exports/one --state-dir state --format csv --with-sessions";
/// The same into a directory.
const HERE: &str = "run list.csv -o here --format csv --with-sessions";

/// An API of some participants, a list of them, and a bucket.
fn begin() -> (Place, Server, S3) {
    let (place, server, s3) = (Place::new(), Server::start(|_| ()), S3::start());
    place.write("list.csv", server.pairs(40));
    (place, server, s3)
}

fn rtk(args: &str, place: &Place, server: &Server, s3: &S3) -> Rtk {
    place.rtk(args).against(server).storing_in(s3)
}

fn refuse(method: &'static str, contains: &str, status: u16, code: &'static str) -> Fault {
    Fault::on(method, contains, Effect::Refuse(status, code))
}

/// The export in the bucket is the one that a run into a directory makes.
fn assert_exported(place: &Place, server: &Server, s3: &S3) {
    if !place.path("here/manifest.json").exists() {
        place.rtk(HERE).against(server).ends(0);
    }
    let there = s3.bucket().join("exports/one");
    Export::read(&there).equals(&Export::read(&place.path("here")));
    whole_manifest(&there);
    assert_eq!(s3.unfinished_uploads(), 0);
}

fn state_dirs(place: &Place) -> Vec<std::path::PathBuf> {
    Some(place.path("state")).filter(|state| state.exists()).into_iter().collect()
}

#[test]
fn a_run_into_a_store_makes_the_export_of_one_into_a_directory() {
    let (place, server, s3) = begin();
    let run = rtk(RUN, &place, &server, &s3).ends(0).says(&["s3://bucket/exports/one"]);
    assert_exported(&place, &server, &s3);
    s3.assert_polite();
    // Single objects are read and written, nothing else.
    assert!(s3.asked().iter().all(|asked| asked.method != "DELETE" && asked.method != "POST"));
    let foreign = |key: &String| !key.starts_with("exports/one/");
    assert_eq!(s3.keys().into_iter().find(foreign), None);
    // The log is this user's, and the staged files are gone.
    let [state] = &state_dirs(&place)[..] else { panic!("{run}") };
    assert_eq!(std::fs::read_to_string(state.join("url")).unwrap(), "s3://bucket/exports/one\n");
    let mut left: Vec<_> =
        std::fs::read_dir(state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["published", "responses.jsonl.zst", "url"]);
    // It is of this output only.
    let elsewhere = RUN.replace("exports/one", "exports/two");
    rtk(&elsewhere, &place, &server, &s3).ends(2).says(&["state has the state of s3://bucket/exports/one"]);
    // It is finished, and that is found out without a request to the API.
    let requests = server.requests();
    rtk(RUN, &place, &server, &s3).ends(2).says(&["s3://bucket/exports/one", "--refresh"]);
    assert_eq!(server.requests(), requests);
}

#[test]
fn a_refresh_replaces_what_the_old_manifest_names_and_nothing_else() {
    let (place, server, s3) = begin();
    rtk(RUN, &place, &server, &s3).ends(0);
    s3.put("exports/one/notes.txt", "mine");
    let parquet = RUN.replace("csv --with", "parquet --with");
    rtk(&format!("{parquet} --refresh"), &place, &server, &s3).ends(0);
    let there = s3.bucket().join("exports/one");
    whole_manifest(&there);
    assert_eq!(s3.object("exports/one/participants/part-00000.csv"), None);
    assert_eq!(s3.object("exports/one/notes.txt").as_deref(), Some(&b"mine"[..]));
    // Listed is nothing also now.
    assert!(s3.asked().iter().all(|asked| !asked.query.contains("list-type")));
    // Where it may not delete, the old export stands.
    s3.set_faults(vec![refuse("POST", "delete", 403, "AccessDenied")]);
    rtk(&format!("{RUN} --refresh"), &place, &server, &s3)
        .ends(2)
        .says(&["s3:DeleteObject", "replies are kept"]);
    whole_manifest(&there);
    s3.set_faults(Vec::new());
    rtk(&format!("{RUN} --refresh"), &place, &server, &s3).ends(0);
    assert_exported(&place, &server, &s3);
}

/// What was made of the log is made whole by the same command, wherever the store said no; the API is asked
/// nothing again.
#[test]
fn an_export_that_a_store_refused_goes_on_without_a_request() {
    let (place, server, s3) = begin();
    for at in ["participants/", "peer_events/", "id_list/", "rollups/", "manifest.json"] {
        s3.set_faults(vec![refuse("PUT", at, 403, "AccessDenied")]);
        let run = rtk(RUN, &place, &server, &s3).ends(2);
        run.says(&["s3:PutObject was refused: 403 AccessDenied", "the replies are kept"]);
        assert_eq!(s3.object("exports/one/manifest.json"), None, "{at}");
    }
    // A store that fails is no store that refuses.
    s3.set_faults(vec![Fault::on("PUT", "manifest.json", Effect::Reset)]);
    rtk(RUN, &place, &server, &s3).ends(5).says(&["cannot write s3://bucket/exports/one/manifest.json"]);
    s3.set_faults(Vec::new());
    let requests = server.requests();
    rtk(RUN, &place, &server, &s3).ends(0);
    assert_eq!(server.requests(), requests);
    assert_exported(&place, &server, &s3);
}

#[test]
fn a_run_that_is_killed_while_it_uploads_goes_on() {
    let (place, server, s3) = begin();
    for at in ["participants/", "failures/", "manifest.json"] {
        // As long as nobody would wait.
        s3.set_faults(vec![Fault::on("PUT", at, Effect::Slow(Duration::from_hours(1)))]);
        let running = rtk(RUN, &place, &server, &s3).start();
        running
            .until("the upload", || {
                s3.arrived().iter().any(|(method, path)| method == "PUT" && path.contains(at))
            })
            .kill();
        assert_eq!(s3.object("exports/one/manifest.json"), None);
        s3.forget();
    }
    // A signal leaves it in the same state, and says so.
    let running = rtk(RUN, &place, &server, &s3).start();
    let arrived =
        || s3.arrived().iter().any(|(method, path)| method == "PUT" && path.contains("manifest.json"));
    running
        .until("the upload", arrived)
        .signal("-TERM")
        .output()
        .ended(143)
        .says(&["run the same command again"]);
    s3.set_faults(Vec::new());
    let requests = server.requests();
    rtk(RUN, &place, &server, &s3).ends(0);
    assert_eq!(server.requests(), requests);
    assert_exported(&place, &server, &s3);
}

/// Whatever is wrong with the store is found out before the API is asked anything.
#[test]
fn a_store_that_cannot_be_used_costs_no_request() {
    let (place, server, s3) = begin();
    let ends = |rtk: Rtk, says: &str| {
        let output = rtk.args("-v").ends(2).says(&[says, "hint: "]);
        assert!(S3::secrets().iter().all(|secret| !output.stderr.contains(secret)), "{output}");
    };
    let run = || rtk(RUN, &place, &server, &s3);
    for (fault, says) in [
        (refuse("PUT", "write-test", 403, "AccessDenied"), "s3:PutObject was refused: 403 AccessDenied"),
        (refuse("GET", "write-test", 403, "AccessDenied"), "s3:GetObject was refused: 403 AccessDenied"),
        (refuse("PUT", "write-test", 403, "InvalidAccessKeyId"), "403 InvalidAccessKeyId"),
        (refuse("PUT", "write-test", 404, "NoSuchBucket"), "there is no bucket of that name"),
        (refuse("PUT", "write-test", 301, "PermanentRedirect"), "301 PermanentRedirect"),
    ] {
        s3.set_faults(vec![fault]);
        ends(run(), says);
    }
    s3.set_faults(Vec::new());
    ends(run().env("AWS_SECRET_ACCESS_KEY", "another"), "403 SignatureDoesNotMatch");
    ends(
        run().without_env("AWS_SECRET_ACCESS_KEY"),
        "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not",
    );
    let nobody = || run().without_env("AWS_SECRET_ACCESS_KEY").without_env("AWS_ACCESS_KEY_ID");
    ends(nobody().env("AWS_EC2_METADATA_DISABLED", "true"), "no credentials for s3://bucket/exports/one");
    ends(run().env("AWS_ENDPOINT_URL", "http://store.example"), "in clear text to store.example");
    ends(rtk("run list.csv -o s3://bucket/exports/one", &place, &server, &s3), "--state-dir is needed");
    ends(rtk("run list.csv -o s3a://bucket/x", &place, &server, &s3), "s3://BUCKET/PREFIX");
    let config = rtk("config -o s3://bucket/exports/one --state-dir state", &place, &server, &s3).output();
    assert!(
        config.stdout.contains("AWS_SECRET_ACCESS_KEY") && config.stdout.contains("(set, not shown)"),
        "{config}"
    );
    assert!(S3::secrets().iter().all(|secret| !config.stdout.contains(secret)), "{config}");
    assert_eq!((server.requests(), state_dirs(&place)), (0, Vec::new()));
}

/// Another machine is at it: nothing is asked of the API, and nothing of the other's is touched.
#[test]
fn two_runs_to_one_place_are_not_at_it_together() {
    let (place, server, s3) = begin();
    s3.set_faults(vec![Fault::on("PUT", "participants/", Effect::Slow(Duration::from_hours(1)))]);
    let arrived =
        || s3.arrived().iter().any(|(method, path)| method == "PUT" && path.contains("participants/"));
    let first = rtk(RUN, &place, &server, &s3).start().until("the upload", arrived);
    let requests = server.requests();
    let other = Place::new();
    other.write("list.csv", server.pairs(40));
    rtk(RUN, &other, &server, &s3).ends(6).says(&["another process is at work on s3://bucket/exports/one"]);
    // On the first one's machine its own directory says so.
    rtk(RUN, &place, &server, &s3).ends(6);
    assert_eq!((server.requests(), state_dirs(&other)), (requests, Vec::new()));
    first.kill();
    s3.set_faults(Vec::new());
    // Killed, it does not stand in its own way; the other's has to wait for it to be stale.
    rtk(RUN, &other, &server, &s3).ends(6);
    rtk(RUN, &place, &server, &s3).ends(0).says(&["took over"]);
    assert_eq!(server.requests(), requests);
    assert_exported(&place, &server, &s3);
}

/// Of two runs to one place that did not see each other, the later one is refused.
#[test]
fn a_manifest_that_came_meanwhile_stays() {
    let (place, server, s3) = begin();
    rtk(RUN, &place, &server, &s3).ends(0);
    let of_another = s3.object("exports/one/manifest.json");
    let other = Place::new();
    other.write("list.csv", server.pairs(40));
    s3.set_faults(vec![refuse("GET", "manifest.json", 404, "NoSuchKey").times(1)]);
    rtk(RUN, &other, &server, &s3).ends(2).says(&["s3://bucket/exports/one", "--refresh"]);
    assert_eq!(s3.object("exports/one/manifest.json"), of_another);
}

#[test]
fn a_store_without_conditions_is_warned_of_and_written_to() {
    let (place, server, s3) = begin();
    s3.set_faults(vec![
        Fault::on("PUT", "write-test", Effect::Unconditional).from(2),
        // S3 says so of what is not there to who may not list.
        refuse("GET", "dataset.json", 403, "AccessDenied"),
        refuse("GET", "manifest.json", 403, "AccessDenied"),
    ]);
    rtk(RUN, &place, &server, &s3).ends(0).says(&["another run to the same place would not be noticed"]);
    assert_exported(&place, &server, &s3);
}

/// Nothing stays of a log that nobody asked to keep, and a deleted export is made anew.
#[test]
fn a_log_goes_or_is_of_what_is_published() {
    let (place, server, s3) = begin();
    rtk(RUN, &place, &server, &s3).args("--keep-log never").ends(0);
    assert_eq!(state_dirs(&place), [""; 0].map(std::path::PathBuf::from));
    let again = RUN.replace("/one", "/two");
    rtk(&again, &place, &server, &s3).ends(0);
    let requests = server.requests();
    std::fs::remove_dir_all(s3.bucket().join("exports/two")).unwrap();
    rtk(&again, &place, &server, &s3).ends(0);
    assert!(server.requests() > requests);
    assert!(place.path("state/responses.jsonl.zst").exists());
}

/// Lists are read from where they are; they are not expanded, and not looked for by name.
#[test]
fn lists_are_read_from_a_store() {
    let (place, server, s3) = begin();
    let list = std::fs::read(place.path("list.csv")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&list).unwrap();
    s3.put("lists/of a day/ids.csv.gz", packed.finish().unwrap());
    let url = "s3://bucket/lists/of a day/ids.csv.gz";
    let run = || rtk("run -o out --format csv --with-sessions", &place, &server, &s3).arg(url);
    run().ends(0);
    assert_eq!(manifest(&place.path("out"))["source"]["lists"][0]["path"], url);
    place.rtk(HERE).against(&server).ends(0);
    let requests = server.requests();
    let plan = rtk("plan", &place, &server, &s3).arg(url).ends(0);
    let here = place.rtk("plan list.csv").against(&server).ends(0);
    assert_eq!(plan.stdout.lines().count(), here.stdout.lines().count(), "{plan}");
    let missing = rtk("run s3://bucket/lists/none.csv -o elsewhere", &place, &server, &s3).ends(2);
    missing.says(&["there is no s3://bucket/lists/none.csv"]);
    s3.set_faults(vec![refuse("GET", "ids.csv.gz", 403, "AccessDenied")]);
    rtk("run -o elsewhere", &place, &server, &s3).arg(url).ends(2).says(&["s3:GetObject was refused"]);
    assert_eq!((server.requests(), place.path("elsewhere").exists()), (requests, false));
    s3.assert_polite();
}

/// What failed is a list, in a store as in a directory.
#[test]
fn failures_in_a_store_are_a_list() {
    let (place, server, s3) = begin();
    let unknown = "00000000-0000-4000-8000-000000000000";
    place.write("list.csv", format!("session_id,participant_id\n{unknown},{unknown}\n"));
    let failures = "s3://bucket/exports/one/failures/part-00000.csv";
    rtk(RUN, &place, &server, &s3).ends(3).says(&[&format!("rtk-export run {failures} -o OTHER_DIR")]);
    rtk(&format!("run {failures} -o again"), &place, &server, &s3).ends(3);
    assert_eq!(manifest(&place.path("again"))["source"]["lists"][0]["path"], failures);
}

/// The same words to another kind of store: what is written can be read, is not overwritten, and is replaced.
#[test]
fn a_run_into_azure_does_what_one_into_s3_does() {
    let Some(azurite) = Azurite::start() else { return };
    let (place, server) = (Place::new(), Server::start(|_| ()));
    place.write("list.csv", server.pairs(40));
    let run = RUN.replace("s3://", "az://");
    let rtk = |args: &str| place.rtk(args).against(&server).storing_in_azure(&azurite);
    rtk(&run).ends(0).says(&["az://bucket/exports/one"]);
    rtk(&run).ends(2).says(&["--refresh"]);
    rtk("run az://bucket/exports/one/id_list/part-00000.csv -o again").ends(0);
    assert_eq!(manifest(&place.path("again"))["totals"]["participants"], 40);
    rtk(&format!("{run} --refresh")).ends(0);
    rtk(&run.replace("az://bucket", "az://nowhere").replace("--state-dir state", "--state-dir nowhere"))
        .ends(2)
        .says(&["there is no container of that name"]);
    let refused = rtk(&run).env("AZURE_STORAGE_ACCOUNT_KEY", "bm9ib2R5").ends(2);
    refused.says(&["was refused: 403", "hint: "]);
}
