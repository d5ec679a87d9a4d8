//! Object stores: what is asked of one, what happens where it refuses or fails, and whole runs into one.

#[path = "../../src/place/tests/contract.rs"]
mod contract;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use rtk_export::config::{Origin, PlaceConfig};
use rtk_export::error::{Error, StoreError};
use rtk_export::place::{Conditions, Created, Found, Key, Left, Place, Swapped};
use tokio::runtime;

use crate::support::{self, Effect, Fault, S3, Server};
use contract::{bytes, key, text};

/// Two parts and a bit.
const LARGE: u64 = (16 << 20) + 99;

/// A place in a test's bucket.
pub(crate) fn place(s3: &S3) -> Place {
    let variables = s3.variables();
    let environment =
        |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value));
    let url = OsStr::new("s3://bucket/pre/fix");
    let config = PlaceConfig::parse(url, &Origin::Flag("output"), &environment).unwrap();
    Place::open(&config).unwrap()
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A file to upload.
fn large_file(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("large");
    std::fs::File::create(&path).unwrap().set_len(LARGE).unwrap();
    path
}

/// What went wrong, and the hint, on one line.
fn told<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(" | {cause}")).unwrap_or_default();
    format!("{} {error}{cause} | {}\n", error.class().exit_code(), error.hint().unwrap_or_default())
}

#[test]
fn a_store_behind_a_socket_keeps_the_contract() {
    let s3 = S3::start();
    block_on(contract::hold(&place(&s3)));
    // Listing and deleting are about the bucket; all else is about single objects.
    let others: Vec<_> = s3.asked().into_iter().filter(|asked| asked.key.is_empty()).collect();
    assert!(
        others.iter().all(|asked| asked.query.contains("list-type=2") || asked.query == "delete"),
        "{others:?}"
    );
    assert_eq!(s3.unfinished_uploads(), 0);
}

#[test]
fn a_file_goes_in_equal_parts_which_are_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = large_file(dir.path());
    let s3 = S3::with_faults(vec![
        Fault::on("PUT", "partNumber=1", Effect::Reset).times(2),
        Fault::on("PUT", "partNumber=2", Effect::Refuse(503, "SlowDown")).times(2),
        Fault::on("PUT", "partNumber=3", Effect::DoneThenReset).times(1),
        Fault::on("POST", "uploads", Effect::Refuse(500, "InternalError")).times(1),
        Fault::on("HEAD", "large", Effect::Slow(Duration::from_millis(200))),
    ]);
    block_on(place(&s3).upload(&key("large"), &file, LARGE)).unwrap();
    assert_eq!(s3.object("pre/fix/large").unwrap().len() as u64, LARGE);
    assert_eq!(s3.unfinished_uploads(), 0);
    s3.assert_polite();
}

/// Completed, and the reply lost: asked again, the store knows no such upload.
#[test]
fn an_upload_that_was_completed_unseen_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let file = large_file(dir.path());
    let s3 = S3::with_faults(vec![Fault::on("POST", "uploadId=", Effect::DoneThenReset).times(1)]);
    block_on(place(&s3).upload(&key("large"), &file, LARGE)).unwrap();
    assert_eq!(s3.object("pre/fix/large").unwrap().len() as u64, LARGE);
}

#[test]
fn an_upload_that_fails_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let file = large_file(dir.path());
    for (effect, code) in
        [(Effect::Refuse(403, "AccessDenied"), 2), (Effect::Refuse(400, "EntityTooSmall"), 2)]
    {
        let s3 = S3::with_faults(vec![Fault::on("PUT", "partNumber=3", effect)]);
        let journal = dir.path().join("uploads.jsonl");
        let place = place(&s3).with_journal(dir.path()).unwrap();
        let error = block_on(place.upload(&key("large"), &file, LARGE)).unwrap_err();
        assert_eq!(error.class().exit_code(), code, "{error}");
        assert_eq!((s3.unfinished_uploads(), s3.object("pre/fix/large")), (0, None));
        assert!(!journal.exists());
        s3.assert_polite();
    }
}

/// Leaves an upload as a killed process does, written down in a directory.
fn leave_upload(s3: &S3, state: &Path) {
    let file = large_file(state);
    s3.set_faults(vec![Fault::on("PUT", "partNumber=3", Effect::Slow(Duration::from_mins(10)))]);
    let killed = place(s3).with_journal(state).unwrap();
    block_on(async {
        let at = key("large");
        let upload = killed.upload(&at, &file, LARGE);
        let two_parts_there = async {
            while s3.asked().iter().filter(|asked| asked.query.contains("partNumber")).count() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            done = upload => panic!("{done:?}"),
            () = two_parts_there => {}
        }
    });
    assert_eq!(s3.unfinished_uploads(), 1);
    s3.set_faults(Vec::new());
}

/// A process that is killed, or stops waiting, leaves an upload; the next one with its journal gives it up.
#[test]
fn an_upload_that_was_left_is_given_up_by_the_next_process() {
    let (dir, s3) = (tempfile::tempdir().unwrap(), S3::start());
    leave_upload(&s3, dir.path());
    s3.set_faults(vec![Fault::on("DELETE", "uploadId", Effect::Refuse(403, "AccessDenied")).times(1)]);
    let next = place(&s3).with_journal(dir.path()).unwrap();
    assert_eq!(block_on(next.give_up_uploads()).unwrap(), Left { given_up: 0, left: 1 });
    let next = place(&s3).with_journal(dir.path()).unwrap();
    assert_eq!(block_on(next.give_up_uploads()).unwrap(), Left { given_up: 1, left: 0 });
    assert_eq!((s3.unfinished_uploads(), dir.path().join("uploads.jsonl").exists()), (0, false));
}

/// Also by a sync that ends well.
#[test]
fn an_upload_that_a_killed_sync_left_is_given_up_by_the_next_sync() {
    let (at, s3) = (support::Place::new(), S3::start());
    let server = Server::start(|options| options.world.participants = 20);
    std::fs::create_dir(at.path("state")).unwrap();
    leave_upload(&s3, &at.path("state"));
    at.rtk("sync -o s3://bucket/pre/fix --state-dir state").against(&server).storing_in(&s3).ends(0);
    assert_eq!(s3.unfinished_uploads(), 0);
    // Nobody gives up what another dataset's may still be at.
    let other = at.rtk("vacuum s3://bucket/other --state-dir state").storing_in(&s3).ends(2);
    other.says(&["state has the state of s3://bucket/pre/fix"]);
}

/// Replies to puts with a condition that are lost, or that say less than there is to know.
#[test]
fn puts_of_which_nobody_knows_are_read_back() {
    for lost in [
        Effect::DoneThenReset,
        Effect::DoneThen(500),
        Effect::DoneThen(503),
        Effect::Refuse(409, "ConditionalRequestConflict"),
    ] {
        let s3 = S3::with_faults(vec![Fault::on("PUT", "pointer", lost).times(1)]);
        let place = place(&s3);
        block_on(async {
            let Created::New(tag) = place.create(&key("pointer"), bytes("1")).await.unwrap() else {
                panic!("{lost:?}")
            };
            s3.set_faults(vec![Fault::on("PUT", "pointer", lost).times(1)]);
            let swapped = place.swap(&key("pointer"), bytes("2"), &tag).await.unwrap();
            assert!(matches!(swapped, Swapped::Done(_)), "{lost:?}");
            assert_eq!(text(&place, "pointer").await.as_deref(), Some("2"));
            assert_eq!(place.swap(&key("pointer"), bytes("3"), &tag).await.unwrap(), Swapped::Moved);
            // Another's is there, and nobody said so.
            s3.set_faults(vec![Fault::on("PUT", "pointer", Effect::Reset).times(20)]);
            let swapped = place.swap(&key("pointer"), bytes("3"), &tag).await.unwrap();
            assert_eq!(swapped, Swapped::Moved, "{lost:?}");
        });
    }
}

#[test]
fn a_store_that_ignores_conditions_is_found_out() {
    for ignored in [Effect::Unconditional, Effect::Refuse(501, "NotImplemented")] {
        let faults = vec![Fault::on("PUT", "write-test", ignored).from(2)];
        assert_eq!(block_on(place(&S3::with_faults(faults)).check()).unwrap(), Conditions::Ignored);
    }
    let s3 = S3::with_faults(vec![Fault::on("GET", "write-test", Effect::Refuse(404, "NoSuchKey"))]);
    let Err(Error::Store(lost)) = block_on(place(&s3).check()) else { panic!("it was there") };
    assert!(matches!(*lost, StoreError::OtherBytes { .. }), "{lost}");
}

/// S3 says 403 of what is not there to who may not list.
#[test]
fn an_object_that_may_not_be_there_is_hidden() {
    let s3 = S3::with_faults(vec![Fault::on("GET", "dataset.json", Effect::Refuse(403, "AccessDenied"))]);
    let place = place(&s3);
    block_on(async {
        let found = place.read(&key("dataset.json")).await.unwrap();
        assert!(matches!(found, Found::Hidden(_)), "{found:?}");
        assert!(matches!(place.create(&key("dataset.json"), bytes("1")).await.unwrap(), Created::New(_)));
        assert_eq!(place.create(&key("dataset.json"), bytes("2")).await.unwrap(), Created::Exists);
    });
}

/// Each refusal in words: the permission that is missing, or what else there is to do.
#[test]
fn refusals_are_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let small = dir.path().join("small");
    std::fs::write(&small, "small").unwrap();
    let large = large_file(dir.path());
    let refuse = |method, contains, status, code| Fault::on(method, contains, Effect::Refuse(status, code));
    let mut all = String::new();
    let mut tell = |case: &str, said: String| {
        assert!(S3::secrets().iter().all(|secret| !said.contains(secret)), "{said}");
        all.extend([case, ": ", &said]);
    };
    for (status, code) in [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (403, "ExpiredToken"),
        (403, "AllAccessDisabled"),
        (301, "PermanentRedirect"),
        (400, "AuthorizationHeaderMalformed"),
        (404, "NoSuchBucket"),
        (401, "Unauthorized"),
        (400, "KMS.DisabledException"),
    ] {
        let s3 = S3::with_faults(vec![refuse("PUT", "write-test", status, code)]);
        tell(&format!("write test, {code}"), told(block_on(place(&s3).check())));
    }
    let s3 = S3::with_faults(vec![refuse("GET", "write-test", 403, "AccessDenied")]);
    tell("reading", told(block_on(place(&s3).check())));
    let s3 = S3::with_faults(vec![refuse("PUT", "small", 403, "AccessDenied")]);
    tell("a small file", told(block_on(place(&s3).upload(&key("small"), &small, 5))));
    let s3 = S3::with_faults(vec![refuse("POST", "uploads", 403, "AccessDenied")]);
    tell("a large file", told(block_on(place(&s3).upload(&key("large"), &large, LARGE))));
    let s3 = S3::with_faults(vec![refuse("POST", "delete", 403, "AccessDenied")]);
    tell("deleting", told(block_on(place(&s3).remove(vec![key("a")]))));
    let s3 = S3::with_faults(vec![refuse("GET", "list-type", 403, "AccessDenied")]);
    let of = place(&s3);
    let listed = block_on(futures::TryStreamExt::try_collect::<Vec<_>>(of.list(None)));
    tell("listing", told(listed));
    let s3 = S3::with_faults(vec![refuse("PUT", "pointer", 403, "AccessDenied")]);
    tell("creating", told(block_on(place(&s3).create(&key("pointer"), bytes("1")))));
    let s3 = S3::start();
    let mut copy = tempfile::tempfile().unwrap();
    tell("missing", told(block_on(place(&s3).download(&key("list.csv"), &mut copy))));
    insta::assert_snapshot!(all);
}
