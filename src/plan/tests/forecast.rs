//! The forecast against the planner: what is told before a run is what the run sends.

use super::*;

/// The forecast of each session, summed.
fn forecast(api: &Api, wants: &Wants, mode: FetchMode, counted: bool) -> Forecast {
    let mut sum = Forecast::default();
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
        sum.add(Forecast::of(mode.into(), Demand::of(wants, session), &size));
    }
    sum
}

/// Pages and other requests that the planner sends.
fn sent(api: &Api, rows: &[Asked], mode: FetchMode) -> (u64, u64) {
    let sent = kinds(&plan(api, rows, mode));
    let count = |kind| sent.chars().filter(|sent| *sent == kind).count() as u64;
    (count('p'), count('d'))
}

fn check(api: &Api, rows: &[Asked], mode: FetchMode, forecast: &Forecast) -> Result<(), TestCaseError> {
    let (pages, each) = sent(api, rows, mode);
    prop_assert!(forecast.pages.has(pages), "{} pages, {:?}", pages, forecast);
    prop_assert!(forecast.each.has(each), "{} details, {:?}", each, forecast);
    prop_assert!(forecast.requests.has(pages + each), "{} + {}, {:?}", pages, each, forecast);
    Ok(())
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
        api in any_api(), rows in any_rows(), mode in any_mode()
    ) {
        let api = Api {
            page_limit: 100, refuses_size: false, tells_total: true, broken_page: None, zero_based: false, ..api
        };
        let forecast = forecast(&api, &wants(&rows), mode, true);
        let (pages, each) = sent(&api, &rows, mode);
        prop_assert_eq!(forecast.pages, Bounds::exactly(pages));
        prop_assert_eq!(forecast.each, Bounds::exactly(each));
        prop_assert_eq!(forecast.requests, Bounds::exactly(pages + each));
    }

    #[test]
    fn a_run_stays_within_its_forecast(
        api in any_api(),
        picks in prop::collection::vec((any::<u8>(), any::<u8>(), 0..10_u8), 0..40),
        mode in any_mode(),
        counted: bool,
    ) {
        let tells_total = api.tells_total || !counted || mode == FetchMode::List;
        let api = Api { refuses_size: false, tells_total, broken_page: None, zero_based: false, ..api };
        let rows = known_rows(&api, &picks);
        check(&api, &rows, mode, &forecast(&api, &wants(&rows), mode, counted))?;
    }

    #[test]
    fn pairs_by_details_are_told_exactly_without_asking(
        api in any_api(), picks in prop::collection::vec((any::<u8>(), any::<u8>()), 0..40)
    ) {
        let picks: Vec<_> = picks.into_iter().map(|(session, n)| (session, n, 9)).collect();
        let rows = known_rows(&api, &picks);
        let wants = wants(&rows);
        let forecast = forecast(&api, &wants, FetchMode::Detail, false);
        prop_assert_eq!(forecast.requests, Bounds::exactly(wants.len() as u64));
        prop_assert_eq!(forecast.participants, forecast.requests);
        prop_assert_eq!(sent(&api, &rows, FetchMode::Detail), (0, wants.len() as u64));
    }

    /// People listed are rows told.
    #[test]
    fn rows_are_told_within_bounds(
        api in any_api(), picks in prop::collection::vec((any::<u8>(), any::<u8>(), 0..10_u8), 0..40), counted: bool
    ) {
        let api = Api { refuses_size: false, tells_total: true, broken_page: None, zero_based: false, ..api };
        let rows = known_rows(&api, &picks);
        let told = forecast(&api, &wants(&rows), FetchMode::Auto, counted).participants;
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
        let told = forecast(&api, &wants(rows), mode, true);
        assert_eq!((told.pages, told.each, told.requests), expected, "{what}");
    }
    let unknown = forecast(&api, &wants(&everyone), FetchMode::Auto, false);
    assert_eq!((unknown.requests, unknown.participants), (Bounds::at_least(1), Bounds::at_least(0)));
}
