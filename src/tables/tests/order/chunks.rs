//! An export made in chunks, by several threads, is that of one thread in one chunk.

use super::*;

/// A world whose sessions' details may name others than were asked for.
fn mistaken_world() -> impl Strategy<Value = World> {
    let mistaken = prop::collection::hash_map((0..SESSIONS, 0..PEOPLE), 0..PEOPLE, 0..6);
    (failing_world(), mistaken).prop_map(|(world, mistaken_details)| World { mistaken_details, ..world })
}

fn ends() -> impl Strategy<Value = Ends> {
    let bytes = prop_oneof![Just(0), 100..2_000_u64, Just(Ends::USUAL.alone_bytes)];
    (1..6_u64, 0..6_u64, 1..2_000_usize, bytes).prop_map(|(records, more, row_bytes, alone_bytes)| Ends {
        records,
        most_records: records + more,
        row_bytes,
        alone_bytes,
    })
}

/// What is made beside the tables.
fn beside(output: &Output) -> String {
    let Made { totals, failures, warnings, warnings_by_day, saved_by_listing } = &output.made;
    let warnings: Vec<_> = warnings.iter().collect();
    format!("{totals:?} {failures:?} {warnings:?} {warnings_by_day:?} {saved_by_listing}")
}

/// The window that has these sessions, none of which a row need ask for.
fn window() -> Window {
    Window { since: None, until: None, meeting: None, live: true, days: None }
}

/// A page of the sessions list, of all sessions.
fn listing() -> Reply {
    let session = |number| format!(r#"{{"id":"{}","status":"ENDED","extra":{number}}}"#, session(number));
    let sessions: Vec<_> = (0..SESSIONS).map(session).collect();
    let body = format!(r#"{{"data":{{"sessions":[{}]}},"odd":1}}"#, sessions.join(","));
    let size = PageSize::ServerDefault;
    found(RequestKey::Sessions { page_no: 1, size }, body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn chunks_change_nothing_but_the_batches(
        world in mistaken_world(),
        rows in rows(),
        has_window in any::<bool>(),
        how in modes(),
        ends in ends(),
        workers in 0..4_usize,
        shuffle in any::<u64>(),
    ) {
        let mut replies = world.run(how, true, &rows);
        if has_window {
            let everyone: Vec<_> = (0..SESSIONS).map(|number| everyone(0, number)).collect();
            let both: Vec<_> = rows.iter().cloned().chain(everyone).collect();
            replies = world.run(how, true, &both);
            replies.push(listing());
        }
        fastrand::Rng::with_seed(shuffle).shuffle(&mut replies);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let filters: &[&str] = if how.statistics.is_some() { &["device_info"] } else { &[] };
        write_log(&path, &rows, replies, how.mode.name(), filters, has_window.then(window).as_ref());

        let whole = Ends { records: u64::MAX, most_records: u64::MAX, row_bytes: usize::MAX, alone_bytes: 0 };
        let whole = make_log(&path, &rows, whole, 0);
        let chunked = make_log(&path, &rows, ends, workers);
        for table in Table::ALL {
            prop_assert_eq!(whole.rows(table), chunked.rows(table));
        }
        prop_assert_eq!(beside(&whole), beside(&chunked));
        // Who makes a chunk does not even change the batches.
        let by_another = make_log(&path, &rows, ends, (workers + 1) % 4);
        prop_assert_eq!(by_another.batches, chunked.batches);
    }
}
