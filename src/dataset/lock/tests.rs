//! Two processes and one lock: taken, kept, stale, taken over, lost, released. What is waited for here is an event
//! and never a time: the times are short, and any of them may be as long as it likes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Renewed all the time, and never stale.
const BUSY: Times = Times {
    beat: Duration::from_millis(1),
    retry: Duration::from_millis(1),
    stale_after: Duration::from_hours(1),
    poll: Duration::from_millis(1),
};
/// Any lock is too old.
const STALE: Times = Times { stale_after: Duration::ZERO, ..BUSY };

async fn take(place: &Place, wait: Wait) -> Result<Lock> {
    Lock::take_in(place, "sync", None, wait, &mut |_| (), BUSY).await
}

/// Takes over whatever is there.
async fn take_over(place: &Place) -> Lock {
    match Lock::try_take(place, "vacuum", None, STALE).await.unwrap() {
        Try::Got(lock) => *lock,
        Try::Busy(holder) => panic!("{holder:?}"),
    }
}

fn busy(taken: Result<Lock>) -> (Option<Holder>, Option<Duration>) {
    match taken {
        Err(Error::Dataset(DatasetError::Busy { holder, stale_after, .. })) => {
            (holder.map(|holder| *holder), stale_after)
        }
        other => panic!("{other:?}"),
    }
}

fn lost(done: Result<()>) -> (Option<Holder>, Option<Error>) {
    match done {
        Err(Error::Dataset(DatasetError::LockLost { holder, source, .. })) => {
            (holder.map(|holder| *holder), source.map(|source| *source))
        }
        other => panic!("{other:?}"),
    }
}

fn key() -> Key {
    Key::new(LOCK).unwrap()
}

/// What the lock says.
async fn claim(place: &Place) -> Claim {
    let object = place.read(&key()).await.unwrap().there().unwrap();
    Claim::parse(&object.bytes).unwrap()
}

/// Waits for another state of the lock.
async fn changed(place: &Place) -> Claim {
    let before = claim(place).await;
    loop {
        let now = claim(place).await;
        if now != before {
            return now;
        }
        tokio::task::yield_now().await;
    }
}

async fn never() -> Result<()> {
    std::future::pending().await
}

fn local(dir: &std::path::Path) -> Place {
    Place::open(&crate::config::PlaceConfig::Local(dir.to_owned())).unwrap()
}

#[tokio::test]
async fn one_at_a_time_has_it_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for (place, stale_after) in [(local(dir.path()), None), (Place::in_memory(), Some(BUSY.stale_after))] {
        // A child process that another test starts has our files for a moment, and so the lock.
        let lock = take(&place, Wait::ForEver).await.unwrap();
        assert_eq!(lock.took_over(), None);
        assert_eq!(lock.hold().is_some(), stale_after.is_none());
        let (holder, told) = busy(take(&place, Wait::No).await);
        let holder = holder.unwrap();
        assert_eq!((holder.command.as_str(), holder.pid), ("sync", std::process::id()));
        assert!(holder.silent_for.is_some());
        assert_eq!(told, stale_after);
        lock.confirm().await.unwrap();
        lock.while_held(async { Ok(()) }).await.unwrap();
        lock.release().await.unwrap();
        // Released is not killed.
        let lock = take(&place, Wait::ForEver).await.unwrap();
        assert_eq!(lock.took_over(), None);
        lock.release().await.unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing of it stays in a directory");
}

#[tokio::test]
async fn of_many_at_once_one_gets_it() {
    let place = Place::in_memory();
    for _ in 0..3 {
        let taken = futures::future::join_all((0..8).map(|_| take(&place, Wait::No))).await;
        let mut got: Vec<_> = taken.into_iter().filter_map(Result::ok).collect();
        assert_eq!(got.len(), 1);
        got.remove(0).release().await.unwrap();
    }
}

#[tokio::test]
async fn it_is_renewed_as_long_as_the_work_goes_on() {
    let place = Place::in_memory();
    let lock = take(&place, Wait::No).await.unwrap();
    let first = claim(&place).await;
    let work = async {
        for _ in 0..5 {
            assert!(changed(&place).await.is_of(&first));
            lock.confirm().await?;
            assert!(busy(take(&place, Wait::No).await).0.is_some());
        }
        Ok(())
    };
    lock.while_held(work).await.unwrap();
    lock.release().await.unwrap();
    assert!(claim(&place).await.is_released());
}

#[tokio::test]
async fn who_waits_gets_it_once_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    for place in [local(dir.path()), Place::in_memory()] {
        let lock = take(&place, Wait::ForEver).await.unwrap();
        let told = AtomicUsize::new(0);
        let mut waits = |holder: Option<&Holder>| {
            assert_eq!(holder.unwrap().command, "sync");
            told.fetch_add(1, Ordering::Relaxed);
        };
        let waiting = Lock::take_in(&place, "vacuum", None, Wait::ForEver, &mut waits, BUSY);
        let held = async {
            while told.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            lock.release().await
        };
        let (next, held) = tokio::join!(waiting, held);
        held.unwrap();
        let next = next.unwrap();
        assert_eq!((told.load(Ordering::Relaxed), next.took_over()), (1, None));
        // Who waits for a while ends then.
        let until = Instant::now() + Duration::from_millis(20);
        assert!(busy(take(&place, Wait::Until(until)).await).0.is_some());
        assert!(Instant::now() >= until);
    }
}

#[tokio::test]
async fn a_lock_that_is_not_renewed_is_taken_over_and_its_holder_stops() {
    let place = Place::in_memory();
    drop(take(&place, Wait::No).await.unwrap());
    assert!(busy(take(&place, Wait::No).await).0.is_some(), "it is not that old");
    let silent = take_over(&place).await;
    assert_eq!(silent.took_over().unwrap().command, "sync");
    let other = take_over(&place).await;
    assert_eq!(other.took_over().unwrap().command, "vacuum");
    // Whoever was silent learns of it before it publishes anything, and with the next renewal.
    assert_eq!(lost(silent.confirm().await).0.unwrap().command, "vacuum");
    let silent = match silent.held {
        Held::Remote(remote) => {
            Lock { held: Held::Remote(Box::new(Remote { times: BUSY, ..*remote })), took_over: None }
        }
        Held::Local(..) => panic!("it is in a store"),
    };
    let (holder, source) = lost(silent.while_held(never()).await);
    assert_eq!(holder.unwrap().command, "vacuum");
    assert!(source.is_none());
    // It takes nothing away from the other.
    silent.release().await.unwrap();
    other.confirm().await.unwrap();
    assert!(!claim(&place).await.is_released());
}

#[tokio::test]
async fn an_outage_that_passes_does_no_harm() {
    let is_down = Arc::new(AtomicBool::new(false));
    let place = Place::in_memory_that_fails(&is_down);
    let lock = take(&place, Wait::No).await.unwrap();
    let work = async {
        for _ in 0..3 {
            is_down.store(true, Ordering::Relaxed);
            sleep(BUSY.beat * 3).await;
            is_down.store(false, Ordering::Relaxed);
            changed(&place).await;
        }
        lock.confirm().await
    };
    lock.while_held(work).await.unwrap();
}

#[tokio::test]
async fn without_the_store_it_is_lost_when_another_may_take_it_over() {
    let is_down = Arc::new(AtomicBool::new(false));
    let place = Place::in_memory_that_fails(&is_down);
    let times = Times { stale_after: Duration::from_millis(40), ..BUSY };
    let began = Instant::now();
    let lock = Lock::take_in(&place, "sync", None, Wait::No, &mut |_| (), times).await.unwrap();
    is_down.store(true, Ordering::Relaxed);
    let (holder, source) = lost(lock.while_held(never()).await);
    assert_eq!(holder, None);
    assert!(matches!(source, Some(Error::Store(_))), "{source:?}");
    assert!(began.elapsed() >= times.stale_after, "not before");
    // Nobody could be told that it is free.
    assert!(lock.release().await.is_err());
}

#[tokio::test]
async fn a_renewal_of_its_own_that_came_late_is_known() {
    let place = Place::in_memory();
    let lock = take(&place, Wait::No).await.unwrap();
    // As if a renewal had timed out and arrived all the same.
    let late = claim(&place).await.next_beat().next_beat();
    place.put(&key(), Bytes::from(late.line())).await.unwrap();
    let work = async {
        changed(&place).await;
        lock.confirm().await
    };
    lock.while_held(work).await.unwrap();
    lock.release().await.unwrap();
    assert!(claim(&place).await.is_released());
}

#[tokio::test]
async fn what_is_no_claim_has_an_age_and_no_name() {
    let place = Place::in_memory();
    place.put(&key(), Bytes::from_static(b"{")).await.unwrap();
    assert_eq!(busy(take(&place, Wait::No).await).0, None);
    assert_eq!(take_over(&place).await.took_over(), None);
}

#[test]
fn how_long_to_wait_is_the_flags_or_the_deadlines() {
    let now = Instant::now();
    let secs = Duration::from_secs;
    let late = now + secs(3_600);
    assert_eq!(Wait::of(None, Some(now)), Wait::No);
    assert_eq!(Wait::of(Some(None), None), Wait::ForEver);
    assert_eq!(Wait::of(Some(None), Some(late)), Wait::Until(late));
    assert_eq!(Wait::of(Some(Some(secs(7_200))), Some(late)), Wait::Until(late));
    assert_eq!(Wait::of(Some(Some(Duration::MAX)), None), Wait::ForEver);
    let Wait::Until(until) = Wait::of(Some(Some(secs(5))), Some(late)) else { panic!("there is an end") };
    assert!(until >= now + secs(5) && until < late);
    assert!(Wait::No.is_over() && Wait::Until(now).is_over());
    assert!(!Wait::ForEver.is_over() && !Wait::Until(late).is_over());
}

/// What a killed process of this machine left stands in nobody's way here; elsewhere it has to get stale.
#[tokio::test]
async fn a_lock_that_is_noted_here_is_taken_over_at_once() {
    let (place, dir) = (Place::in_memory(), tempfile::tempdir().unwrap());
    let (here, elsewhere) = (dir.path().join("here"), dir.path().join("elsewhere"));
    let take = |noted| {
        let place = &place;
        async move { Lock::take_in(place, "run", Some(noted), Wait::No, &mut |_| (), BUSY).await }
    };
    let killed = take(here.as_path()).await.unwrap();
    drop(killed);
    busy(take(elsewhere.as_path()).await);
    let next = take(here.as_path()).await.unwrap();
    assert!(next.took_over().is_some());
    next.release().await.unwrap();
    assert!(!here.exists());
    // Given back, it is anybody's.
    assert!(take(elsewhere.as_path()).await.unwrap().took_over().is_none());
    busy(take(here.as_path()).await);
}

#[tokio::test]
async fn released_it_is_also_after_a_renewal_that_nobody_heard_of() {
    let place = Place::in_memory();
    let lock = Lock::take(&place, "sync", Wait::No, &mut |_| ()).await.unwrap();
    let there = place.read(&key()).await.unwrap().there().unwrap();
    let next = Claim::parse(&there.bytes).unwrap().next_beat();
    let renewed = place.swap(&key(), Bytes::from(next.line()), &there.tag).await.unwrap();
    assert!(matches!(renewed, Swapped::Done(_)));
    lock.release().await.unwrap();
    assert!(claim(&place).await.is_released());
    // Not where another has it.
    let lock = Lock::take(&place, "sync", Wait::No, &mut |_| ()).await.unwrap();
    let other = take_over(&place).await;
    lock.release().await.unwrap();
    assert!(!claim(&place).await.is_released());
    other.confirm().await.unwrap();
}
