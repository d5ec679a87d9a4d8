//! What a merge keeps, whatever is merged in whichever order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Exports of ranges within 12 days, each of which found sessions of some of them.
fn exports() -> impl Strategy<Value = Vec<Made>> {
    let one = (0_i64..6, proptest::option::weighted(0.8, 0_u64..10), 0_u64..4, 0_u16..4096);
    proptest::collection::vec(one, 1..6).prop_map(|exports| {
        let exports = exports.into_iter().zip(1..).map(|((as_of, first, length, found), number)| {
            let last = first.unwrap_or(6) + length;
            let in_range = |day: &u64| first.is_none_or(|first| first <= *day) && *day <= last;
            let found: Vec<_> = (0..12).filter(|day| found & (1 << day) != 0).filter(in_range).collect();
            made(number, as_of, (first, last), &found)
        });
        exports.collect()
    })
}

/// Commits all of them, one after the other.
fn all<'a>(exports: impl IntoIterator<Item = &'a Made>) -> Option<Generation> {
    exports.into_iter().fold(None, |base, made| commit(base, made, EmptyDays::Accepted))
}

fn paths<'a>(files: impl IntoIterator<Item = &'a DayFile>) -> BTreeSet<String> {
    files.into_iter().map(|file| file.path.clone()).collect()
}

proptest! {
    #[test]
    fn the_days_do_not_depend_on_the_order(
        (exports, shuffled) in exports().prop_flat_map(|exports| (Just(exports.clone()), Just(exports).prop_shuffle())),
    ) {
        let (one, other) = (all(&exports).unwrap(), all(&shuffled).unwrap());
        prop_assert_eq!(one.commit.days, other.commit.days);
        prop_assert_eq!(one.commit.exports, other.commit.exports);
    }

    #[test]
    fn a_day_is_of_the_last_who_looked_at_it(exports in exports()) {
        let after = all(&exports).unwrap();
        for number in 0..14 {
            let looked = exports.iter().filter(|made| made.range.contains(day(number)));
            let last = looked.max_by_key(|made| (made.as_of, made.export_id.clone()));
            let expected = last.and_then(|last| last.days.get(&day(number)));
            let found = after.commit.days.get(&day(number)).filter(|entry| !entry.files.is_empty());
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn twice_is_once(exports in exports(), again in any::<prop::sample::Index>()) {
        let after = all(&exports).unwrap();
        let made = again.get(&exports);
        let merged = merge(Some(&after), made, hour(10_000), EmptyDays::Accepted);
        prop_assert_eq!(merged, Merged { next: None, emptied: Vec::new() });
    }

    #[test]
    fn a_file_is_current_or_retired_and_is_there_before_it_is_named(exports in exports()) {
        let mut base: Option<Generation> = None;
        let mut uploaded = BTreeSet::new();
        for made in &exports {
            let merged = merge(base.as_ref(), made, hour(10_000), EmptyDays::Accepted);
            let Some(next) = merged.next else { continue };
            uploaded.extend(paths(&next.files));
            let current = paths(next.commit.files());
            let retired: BTreeSet<_> = next.commit.retired.iter().map(|retired| retired.path.clone()).collect();
            prop_assert!(current.is_disjoint(&retired));
            prop_assert_eq!(&current | &retired, uploaded.clone());
            prop_assert_eq!(next.commit.generation, base.map_or(0, |base| base.commit.generation) + 1);
            let (pointer, commit) = texts(&next);
            base = Some(read(&pointer, &commit).unwrap());
        }
    }
}

#[test]
fn days_of_which_nothing_was_found_are_not_listed_and_were_looked_at() {
    for first in [Some(0), None] {
        let found = commit(None, &made(1, 30, (first, 3), &[1]), EmptyDays::Kept).unwrap();
        assert_eq!(shown(&found), "02:1");
        // An older look does not bring their sessions back, also where another has the day that is listed.
        let other = commit(Some(found.clone()), &made(2, 40, (Some(1), 1), &[1]), EmptyDays::Kept).unwrap();
        for base in [found, other] {
            let older = made(3, 20, (Some(0), 1), &[0, 1]);
            assert_eq!(commit(Some(base.clone()), &older, EmptyDays::Kept).unwrap(), base);
        }
    }
}

#[test]
fn a_day_that_lost_its_sessions_stays_unless_it_may_go() {
    let first = commit(None, &made(1, 30, (Some(0), 1), &[0, 1]), EmptyDays::Kept).unwrap();
    let lost = made(2, 60, (Some(0), 2), &[1, 2]);
    let merged = merge(Some(&first), &lost, hour(61), EmptyDays::Kept);
    assert_eq!(merged.emptied, [day(0)]);
    let kept = commit(Some(first.clone()), &lost, EmptyDays::Kept).unwrap();
    assert_eq!(shown(&kept), "01:1 02:2 03:2");
    let gone = commit(Some(first), &lost, EmptyDays::Accepted).unwrap();
    assert_eq!(shown(&gone), "02:2 03:2");
    assert_eq!(gone.commit.retired.len(), 4);
}

#[test]
fn an_export_of_another_identity_takes_the_place_of_everything() {
    let first = commit(None, &made(1, 30, (Some(0), 3), &[0, 1]), EmptyDays::Kept).unwrap();
    let paris = Identity { time_zone: "Europe/Paris".parse().unwrap(), ..identity() };
    // Even one that looked earlier: whoever asked for it wants it.
    let anew = Made { identity: paris, ..made(2, 20, (Some(1), 2), &[1]) };
    let next = merge(Some(&first), &anew, hour(61), EmptyDays::Kept).next.unwrap();
    assert_eq!(next.commit.days.keys().copied().collect::<Vec<_>>(), [day(1)]);
    assert_eq!(next.commit.retired.len(), 4);
    assert_eq!((next.commit.generation, next.commit.parent), (2, Some(1)));
    assert_eq!(next.commit.dataset_id, id(1));
    assert_eq!(next.state.synced_until, hour(20));
}

#[test]
fn the_dataset_goes_on_only_where_nothing_lies_between() {
    let until = |base: &Option<Generation>| base.as_ref().unwrap().pointer.state.synced_until;
    let first = commit(None, &made(1, 30, (Some(0), 1), &[0]), EmptyDays::Kept);
    assert_eq!(until(&first), hour(30));
    // Day 2 would be missing.
    let apart = commit(first.clone(), &made(2, 80, (Some(3), 3), &[3]), EmptyDays::Kept);
    assert_eq!(until(&apart), hour(30));
    let joined = commit(apart, &made(3, 90, (Some(1), 3), &[1]), EmptyDays::Kept);
    assert_eq!(until(&joined), hour(90));
    // What was looked for earlier takes nothing back.
    let backfill = Made { until: hour(24), ..made(4, 99, (Some(0), 0), &[0]) };
    assert_eq!(until(&commit(joined.clone(), &backfill, EmptyDays::Kept)), hour(90));
    let all = commit(joined, &made(5, 100, (None, 4), &[0]), EmptyDays::Accepted);
    assert_eq!(until(&all), hour(100));
}

#[test]
fn a_pending_day_stays_until_it_is_looked_at_or_given_up() {
    let pending = |number: u64, since: i64| Pending {
        day: day(number),
        why: Why::Live,
        since: hour(since),
        sessions: vec!["0f8fad5b-d9cb-469f-a165-70867728950e".into()],
    };
    let with = |made: Made, pending: &[Pending]| Made { pending: pending.to_vec(), ..made };
    let at = |base: Option<&Generation>, made: &Made, at: i64| {
        let next = merge(base, made, hour(at), EmptyDays::Kept).next.unwrap();
        let (pointer, commit) = texts(&next);
        (read(&pointer, &commit).unwrap(), next.given_up)
    };
    let both = [pending(0, 31), pending(1, 31)];
    let (first, _) = at(None, &with(made(1, 30, (Some(0), 1), &[0]), &both), 31);
    assert_eq!(first.pointer.state.pending, both);

    // Another day says nothing of them.
    let (other, _) = at(Some(&first), &made(2, 50, (Some(2), 2), &[2]), 51);
    assert_eq!(other.pointer.state.pending, both);

    // Looked at again, a day is pending no more, or still, since it first was.
    let again = with(made(3, 60, (Some(0), 1), &[0, 1]), &[pending(1, 61)]);
    let (again, _) = at(Some(&other), &again, 61);
    assert_eq!(again.pointer.state.pending, [pending(1, 31)]);

    // A look that came too late says nothing.
    let late = with(made(4, 20, (Some(0), 1), &[0, 1]), &[pending(0, 61)]);
    assert_eq!(merge(Some(&again), &late, hour(62), EmptyDays::Kept).next, None);

    // Whatever time a machine takes it for that commits.
    let (kept, given_up) = at(Some(&again), &made(5, 31 + 14 * 24, (Some(3), 3), &[]), 9_000);
    assert_eq!((kept.pointer.state.pending, given_up), (vec![pending(1, 31)], Vec::new()));
    let (later, given_up) = at(Some(&again), &made(5, 31 + 14 * 24 + 1, (Some(3), 3), &[]), 31);
    assert_eq!((later.pointer.state.pending, given_up), (Vec::new(), vec![pending(1, 31)]));
}

#[test]
fn days_that_are_due_are_those_before_the_lookback() {
    let pending = |number, since| Pending {
        day: day(number),
        why: Why::Failed,
        since: hour(since),
        sessions: Vec::new(),
    };
    let noted = [pending(0, 0), pending(1, 300), pending(2, 300)];
    let due =
        |before: Option<u64>| due(&noted, before.map(day)).map(|pending| pending.day).collect::<Vec<_>>();
    assert_eq!(due(Some(2)), [day(0), day(1)]);
    assert_eq!(due(None), []);
}
