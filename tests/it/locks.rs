//! A dataset's lock in a store behind a socket: the store's own conditions and clock, replies that are lost, and
//! what a policy may leave out.

use std::fs::File;
use std::time::{Duration, SystemTime};

use rtk_export::clock;
use rtk_export::dataset::{Lock, Wait};
use rtk_export::error::{DatasetError, Error, Holder, StoreError};
use rtk_export::place::Place;

use crate::stores::{block_on, place};
use crate::support::{Effect, Fault, S3};

const LOCK: &str = "pre/fix/.rtk-export/lock.json";

async fn take(place: &Place) -> Result<Lock, Error> {
    Lock::take(place, "sync", Wait::No, &mut |_| ()).await
}

/// Who holds it; that it is free after so many seconds.
fn busy(taken: Result<Lock, Error>) -> (Holder, u64) {
    match taken {
        Err(Error::Dataset(DatasetError::Busy {
            holder: Some(holder), stale_after: Some(after), ..
        })) => (*holder, after.as_secs()),
        other => panic!("{other:?}"),
    }
}

/// Sets the store's time of the lock back.
fn age(s3: &S3, by: Duration) {
    let lock = File::options().write(true).open(s3.bucket().join(LOCK)).unwrap();
    lock.set_modified(SystemTime::from(clock::now()) - by).unwrap();
}

#[test]
fn one_at_a_time_has_it_and_nothing_is_listed_or_deleted_for_it() {
    let s3 = S3::start();
    let place = place(&s3);
    block_on(async {
        for _ in 0..2 {
            let lock = take(&place).await.unwrap();
            assert_eq!(lock.took_over(), None);
            let (holder, after) = busy(take(&place).await);
            assert_eq!((holder.pid, holder.command.as_str(), after), (std::process::id(), "sync", 120));
            assert!(holder.silent_for.unwrap() < Duration::from_mins(1), "by the store's clock: {holder}");
            lock.while_held(lock.confirm()).await.unwrap();
            lock.release().await.unwrap();
        }
    });
    let asked = s3.asked();
    assert!(asked.iter().all(|asked| asked.key == LOCK && ["GET", "PUT"].contains(&asked.method.as_str())));
    s3.assert_polite();
}

#[test]
fn one_that_was_not_renewed_for_two_minutes_is_taken_over() {
    let s3 = S3::start();
    let place = place(&s3);
    block_on(async {
        let silent = take(&place).await.unwrap();
        age(&s3, Duration::from_secs(110));
        let (holder, _) = busy(take(&place).await);
        assert!(holder.silent_for.unwrap() >= Duration::from_secs(109), "{holder}");
        age(&s3, Duration::from_secs(125));
        let lock = take(&place).await.unwrap();
        assert!(lock.took_over().unwrap().silent_for.unwrap() >= Duration::from_secs(124));
        let lost = silent.confirm().await.unwrap_err();
        assert_eq!(lost.class().exit_code(), 6);
        assert!(
            lost.to_string().contains("was lost: it was taken over while this process was silent"),
            "{lost}"
        );
        // It gives nothing back that is another's.
        silent.release().await.unwrap();
        lock.confirm().await.unwrap();
        lock.release().await.unwrap();
    });
}

/// The store does what it is asked, and its reply is lost: what is there tells.
#[test]
fn a_put_whose_reply_is_lost_is_decided_by_what_is_there() {
    for effect in [Effect::DoneThen(503), Effect::DoneThenReset] {
        let s3 = S3::start();
        let place = place(&s3);
        let lost = || s3.set_faults(vec![Fault::on("PUT", "lock.json", effect).times(1)]);
        block_on(async {
            lost();
            let lock = take(&place).await.unwrap();
            lock.confirm().await.unwrap();
            lost();
            lock.release().await.unwrap();
            // Released it was, so that it is taken by a swap, of which the reply is lost too.
            lost();
            let lock = take(&place).await.unwrap();
            assert_eq!(lock.took_over(), None);
            lock.confirm().await.unwrap();
        });
    }
}

/// Without the right to list a bucket, S3 says of what is not there that it may not be read.
#[test]
fn a_lock_that_may_not_be_read_is_made_where_there_is_none_and_else_refused() {
    let s3 = S3::with_faults(vec![Fault::on("GET", "lock.json", Effect::Refuse(403, "AccessDenied"))]);
    let place = place(&s3);
    block_on(async {
        let lock = take(&place).await.unwrap();
        let refused = take(&place).await.unwrap_err();
        assert!(matches!(&refused, Error::Store(_)), "{refused}");
        assert_eq!(refused.class().exit_code(), 2);
        lock.release().await.unwrap();
    });
    let written = String::from_utf8(s3.object(LOCK).unwrap()).unwrap();
    assert!(written.contains(r#""released":true"#), "{written}");
}

#[test]
fn without_its_bucket_there_is_no_lock() {
    let s3 = S3::with_faults(vec![Fault::on("GET", "lock.json", Effect::Refuse(404, "NoSuchBucket"))]);
    let refused = block_on(take(&place(&s3))).unwrap_err();
    assert!(
        matches!(&refused, Error::Store(error) if !matches!(**error, StoreError::Missing { .. })),
        "{refused}"
    );
}
