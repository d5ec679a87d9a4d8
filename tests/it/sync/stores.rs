//! The same in an object store.

use super::*;
use crate::support::{Effect, Fault, S3};

fn to_store(place: &Place, server: &Server, s3: &S3, flags: &str) -> Rtk {
    place.rtk(&format!("sync -o s3://bucket/rtk --state-dir state {flags}")).against(server).storing_in(s3)
}

fn dataset(s3: &S3) -> Dataset {
    Dataset::by(|path| s3.object(&format!("rtk/{path}")))
}

/// What `sync` promises: single objects are read and written, and nothing else.
fn is_polite(s3: &S3) {
    s3.assert_polite();
    let others: Vec<_> = s3.asked().into_iter().filter(|asked| asked.method == "DELETE").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_dataset_in_a_store_grows_as_one_in_a_directory_does() {
    let (place, server, s3) = (Place::new(), server(|_| ()), S3::start());
    to_store(&place, &server, &s3, "").ends(0).says(&["dataset   s3://bucket/rtk, generation 1"]);
    equals(&dataset(&s3), &whole(&place, &server, ""));
    to_store(&place, &server, &s3, "--from 2026-10-27 --to 2026-10-29").ends(0);
    let second = dataset(&s3);
    assert_eq!(second.days_of(second.export_id()), ["2026-10-27", "2026-10-28"]);
    equals(&second, &whole(&place, &server, ""));
    is_polite(&s3);
    assert_eq!(s3.unfinished_uploads(), 0);
    // Another machine, which knows nothing but the place.
    let other = Place::new();
    to_store(&other, &server, &s3, "").ends(0);
    assert_eq!(dataset(&s3).generation(), 3);
    to_store(&other, &server, &s3, "--tz Europe/Paris")
        .ends(2)
        .says(&["s3://bucket/rtk: the dataset's days are of UTC"]);
}

#[test]
fn a_reply_of_the_pointer_that_is_lost_is_no_failure() {
    let effects =
        [Effect::DoneThenReset, Effect::DoneThen(503), Effect::Refuse(503, "SlowDown"), Effect::Reset];
    for effect in effects {
        let (place, server, s3) =
            (Place::new(), server(|options| options.world.participants = 60), S3::start());
        for generation in 1..=2 {
            s3.set_faults(vec![Fault::on("PUT", "dataset.json", effect).times(1)]);
            to_store(&place, &server, &s3, "--from 2026-10-26 --to 2026-11-01").ends(0);
            assert_eq!(dataset(&s3).generation(), generation, "{effect:?}");
        }
        equals(&dataset(&s3), &whole(&place, &server, ""));
    }
}

#[test]
fn what_the_store_refuses_is_told_before_the_api_is_asked_or_leaves_the_dataset_as_it_was() {
    let (place, server, s3) = (Place::new(), server(|options| options.world.participants = 60), S3::start());
    s3.set_faults(vec![Fault::on("PUT", "write-test", Effect::Refuse(403, "AccessDenied"))]);
    to_store(&place, &server, &s3, "").ends(2).says(&["s3:PutObject was refused: 403 AccessDenied"]);
    s3.set_faults(vec![Fault::on("PUT", "write-test", Effect::Unconditional)]);
    to_store(&place, &server, &s3, "").ends(2).says(&["conditional writes"]);
    assert_eq!(server.requests(), 0);
    s3.set_faults(Vec::new());
    to_store(&place, &server, &s3, "").ends(0);
    let (before, requests) = (dataset(&s3), server.requests());
    s3.set_faults(vec![Fault::on("PUT", "participants/", Effect::Refuse(403, "AccessDenied")).from(3)]);
    let backfill = "--from 2026-10-26 --to 2026-11-01";
    to_store(&place, &server, &s3, backfill).ends(2).says(&["the replies are kept"]);
    assert_eq!(dataset(&s3).pointer, before.pointer);
    let asked = server.requests();
    assert!(asked > requests);
    // It goes on with what it has: no reply is paid for twice.
    s3.set_faults(Vec::new());
    to_store(&place, &server, &s3, "").ends(0);
    let after = dataset(&s3);
    assert!(after.days_of(after.export_id()).len() > 3 || after.generation() == 3);
    equals(&after, &whole(&place, &server, ""));
    assert_eq!(after.generation(), 3);
    is_polite(&s3);
}

#[test]
fn killed_on_this_machine_its_lock_holds_nobody_up() {
    let slow = server(|options| options.latency = std::time::Duration::from_millis(20));
    let (place, s3) = (Place::new(), S3::start());
    let running = to_store(&place, &slow, &s3, "--concurrency 1").start();
    let running = running.until("a few replies", || slow.requests() > 5);
    to_store(&place, &slow, &s3, "").ends(6).says(&["(sync), since ", "--wait-lock"]);
    // From elsewhere, too.
    to_store(&Place::new(), &slow, &s3, "").ends(6).says(&["s3://bucket/rtk", "(sync), since "]);
    running.kill();
    to_store(&place, &slow, &s3, "").ends(0).says(&["took over the lock of "]);
    equals(&dataset(&s3), &whole(&place, &slow, ""));
    // The directory is this dataset's.
    let other = place.rtk("sync -o s3://bucket/other --state-dir state").against(&slow).storing_in(&s3);
    other.ends(2).says(&["s3://bucket/rtk"]);
}

#[test]
fn a_swap_that_lost_is_made_again() {
    let (place, server, s3) = (Place::new(), server(|_| ()), S3::start());
    to_store(&place, &server, &s3, "--from 2026-10-29 --to 2026-11-01").ends(0);
    // The store says once that another came first.
    s3.set_faults(vec![Fault::on("PUT", "dataset.json", Effect::Refuse(412, "PreconditionFailed")).times(1)]);
    to_store(&place, &server, &s3, "--from 2026-10-26 --to 2026-10-29").ends(0);
    let both = dataset(&s3);
    assert_eq!(both.days_with_sessions().len(), 6);
    equals(&both, &whole(&place, &server, ""));
}

#[test]
fn a_name_that_was_mistyped_claims_no_state_directory() {
    let (place, server, s3) = (Place::new(), server(|options| options.world.participants = 40), S3::start());
    // The server here makes buckets as they come.
    s3.set_faults(vec![Fault::on("PUT", "bukket", Effect::Refuse(404, "NoSuchBucket"))]);
    let mistyped = place.rtk("sync -o s3://bukket/rtk --state-dir state").against(&server).storing_in(&s3);
    mistyped.ends(2).says(&["there is no bucket of that name"]);
    to_store(&place, &server, &s3, "").ends(0);
    equals(&dataset(&s3), &whole(&place, &server, ""));
}
