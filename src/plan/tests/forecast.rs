//! The forecast against the planner: what is told before a run is what the run sends.

use super::*;

/// The forecast of each session, summed.
fn forecast(
    api: &Api,
    wants: &Wants,
    (mode, statistics): (FetchMode, Option<StatsSource>),
    counted: bool,
) -> Forecast {
    let mut outlook = Outlook::new(Course { mode, statistics });
    for session in 0..u32::try_from(wants.sessions()).unwrap() {
        let page_1 =
            RequestKey::Page { session: wants.session_id(session), page_no: 1, size: PageSize::Records(100) };
        let census;
        let size = match api.answer(&page_1) {
            _ if !counted => Size::Unknown,
            Outcome::Page(page) => {
                census = Census::of(&page, wants, session);
                Size::Counted(&census)
            }
            _ => Size::Missing,
        };
        outlook.add(wants, session, &size);
    }
    outlook.finish().planned
}

/// Pages, details and reports that the planner sends.
fn sent(api: &Api, rows: &[Asked], (mode, statistics): (FetchMode, Option<StatsSource>)) -> (u64, u64, u64) {
    let sent = kinds(&plan_statistics(api, rows, mode, statistics));
    let count = |kind| sent.chars().filter(|sent| *sent == kind).count() as u64;
    (count('p'), count('d'), count('r'))
}

fn check(
    api: &Api,
    rows: &[Asked],
    how: (FetchMode, Option<StatsSource>),
    counted: bool,
) -> Result<(), TestCaseError> {
    let forecast = forecast(api, &wants(rows), how, counted);
    let (pages, details, reports) = sent(api, rows, how);
    prop_assert!(forecast.pages.has(pages), "{} pages, {:?}", pages, forecast);
    prop_assert!(forecast.details.has(details), "{} details, {:?}", details, forecast);
    prop_assert!(forecast.reports.has(reports), "{} reports, {:?}", reports, forecast);
    let sum = pages + details + reports;
    prop_assert!(forecast.requests.has(sum), "{} requests, {:?}", sum, forecast);
    Ok(())
}

/// An API without faults, where everybody has statistics, in one place. Details carry none that were not
/// asked for.
fn well(api: Api, statistics: Option<StatsSource>) -> Api {
    let in_details = api.statistics.in_details && statistics != Some(StatsSource::PeerReport);
    let statistics = Statistics { in_details, ..NEWEST };
    Api { refuses_size: false, broken_page: None, hidden: 0, zero_based: false, statistics, ..api }
}

/// Everybody of a few sessions whose ids exist, as rows.
fn known_rows(api: &Api, picks: &[(u8, u8, u8)]) -> Vec<Asked> {
    let rows = picks.iter().filter_map(|(session, n, kind)| {
        let session = session % u8::try_from(api.sessions.len()).unwrap();
        let n = n.checked_rem(api.sessions[usize::from(session)])?;
        Some(match kind {
            0 => Asked::Everyone(session_id(session)),
            1 => Asked::User(session_id(session), enrolment(session, n).to_string()),
            2 => Asked::Custom(session_id(session), custom(n % 3)),
            _ => pair(session, n),
        })
    });
    rows.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Where a page shows a whole session, everything is known, ids that are none of its among it.
    #[test]
    fn counted_sessions_of_one_page_are_told_exactly(
        api in any_api(), rows in any_rows(), how in any_mode()
    ) {
        let api = Api { page_limit: 100, tells_total: true, ..well(api, how.1) };
        check(&api, &rows, how, true)?;
        if how.1.is_none() {
            let forecast = forecast(&api, &wants(&rows), how, true);
            let (pages, details, _) = sent(&api, &rows, how);
            prop_assert_eq!(forecast.pages, Bounds::exactly(pages));
            prop_assert_eq!(forecast.details, Bounds::exactly(details));
            prop_assert_eq!(forecast.requests, Bounds::exactly(pages + details));
        }
    }

    #[test]
    fn a_run_stays_within_its_forecast(
        api in any_api(),
        picks in prop::collection::vec((any::<u8>(), any::<u8>(), 0..10_u8), 0..40),
        how in any_mode(),
        counted: bool,
    ) {
        // Without a total, what the fewest requests are is not what the bounds assume.
        let tells_total = api.tells_total || counted || how.0 == FetchMode::Auto;
        let api = Api { tells_total, ..well(api, how.1) };
        let rows = known_rows(&api, &picks);
        check(&api, &rows, how, counted)?;
    }

    /// Where the endpoint is known, so is the number of requests.
    #[test]
    fn statistics_of_counted_sessions_are_told_exactly(
        api in any_api(),
        picks in prop::collection::vec((any::<u8>(), any::<u8>(), 0..10_u8), 0..40),
        how in any_mode(),
    ) {
        let api = Api { page_limit: 100, tells_total: true, ..well(api, how.1) };
        let rows = known_rows(&api, &picks);
        let forecast = forecast(&api, &wants(&rows), how, true);
        let (pages, details, reports) = sent(&api, &rows, how);
        if how.1 != Some(StatsSource::Auto) {
            prop_assert_eq!(forecast.requests, Bounds::exactly(pages + details + reports));
        }
    }

    #[test]
    fn pairs_by_details_are_told_exactly_without_asking(
        api in any_api(), picks in prop::collection::vec((any::<u8>(), any::<u8>()), 0..40)
    ) {
        let picks: Vec<_> = picks.into_iter().map(|(session, n)| (session, n, 9)).collect();
        let rows = known_rows(&api, &picks);
        let wants = wants(&rows);
        let forecast = forecast(&api, &wants, (FetchMode::Detail, None), false);
        prop_assert_eq!(forecast.requests, Bounds::exactly(wants.len() as u64));
        prop_assert_eq!(forecast.participants, forecast.requests);
        prop_assert_eq!(sent(&api, &rows, (FetchMode::Detail, None)), (0, wants.len() as u64, 0));
    }

    /// People listed are rows told.
    #[test]
    fn rows_are_told_within_bounds(
        api in any_api(), picks in prop::collection::vec((any::<u8>(), any::<u8>(), 0..10_u8), 0..40), counted: bool
    ) {
        let api = Api { tells_total: true, ..well(api, None) };
        let rows = known_rows(&api, &picks);
        let told = forecast(&api, &wants(&rows), (FetchMode::Auto, None), counted).participants;
        let due = owed(&api, &rows).len() as u64;
        prop_assert!(told.has(due), "{} rows, {:?}", due, told);
    }
}

#[test]
fn large_sessions_are_told_from_their_first_page() {
    let everyone = [Asked::Everyone(session_id(0))];
    let two_late = [pair(0, 0), pair(0, 240)];
    let late: Vec<_> = (100..250).map(|n| pair(0, n)).collect();
    let exact = Bounds::exactly;
    let cases = [
        ("all of 250", &everyone[..], FetchMode::Auto, (exact(3), exact(0), exact(3))),
        ("all of 250, one by one", &everyone, FetchMode::Detail, (exact(3), exact(250), exact(253))),
        ("one left of two pages", &two_late, FetchMode::Auto, (exact(1), exact(1), exact(2))),
        (
            "many left",
            &late,
            FetchMode::Auto,
            (Bounds::between(2, 3), Bounds::between(0, 1), Bounds::between(2, 3)),
        ),
    ];
    let api = api(&[250]);
    for (what, rows, mode, expected) in cases {
        let told = forecast(&api, &wants(rows), (mode, None), true);
        assert_eq!((told.pages, told.details, told.requests), expected, "{what}");
    }
    let unknown = forecast(&api, &wants(&everyone), (FetchMode::Auto, None), false);
    assert_eq!((unknown.requests, unknown.participants), (Bounds::at_least(1), Bounds::at_least(0)));
}
