//! A list of sessions that leaves something open: told, exit 3, and looked at again where that may help.

use super::*;

const EVENING: &str = "2026-11-01T20:00:00Z";

/// A server in whose world all sessions have ended.
fn server_at(at: &str, change: impl FnOnce(&mut SandboxOptions)) -> Server {
    server(|options| {
        options.clock = Some(time(at));
        change(options);
    })
}

#[test]
fn the_days_of_a_list_that_is_short_of_its_total_are_looked_at_again() {
    let (place, short) = (Place::new(), server_at(EVENING, |options| options.unlisted_sessions = 2));
    let output = sync(&place, &short, "").at(time(EVENING)).ends(3);
    output.says(&[
        "the API's list of sessions has 60 of the 62 that it counts",
        "  again     2026-10-26 to 2026-10-31: pages with fewer sessions than they told",
    ]);
    let dataset = Dataset::read(&place.path("ds"));
    let days = dataset.days_with_sessions();
    assert!(dataset.pending().iter().all(|(_, why)| *why == "short"), "{:?}", dataset.pending());
    let pending: Vec<_> = dataset.pending().into_iter().map(|(day, _)| day).collect();
    assert_eq!(pending[..days.len()], days);

    // Nothing else than that makes a sync that looks back no day ask for them.
    let later = "2026-11-05T02:00:00Z";
    let fine = server_at(later, |_| ());
    sync(&place, &fine, "--lookback 0d").at(time(later)).ends(0);
    let whole_list = Dataset::read(&place.path("ds"));
    assert!(whole_list.pending().is_empty(), "{:?}", whole_list.pending());
    assert!(days.iter().all(|day| whole_list.days()[day] != dataset.days()[day]));
    equals(&whole_list, &whole(&place, &fine, ""));
}

#[test]
fn sessions_of_no_day_are_left_out_and_told() {
    let (place, server) = (Place::new(), server(|options| options.world.undated_every = 25));
    let output = sync(&place, &server, "--summary-file summary.json").ends(3);
    let dataset = Dataset::read(&place.path("ds"));
    assert!(dataset.pending().is_empty(), "another look would find the same");
    let of = |export: &Export| export.values("sessions", ["session_id"]).len();
    let left_out = of(&whole(&place, &server, "")) - of(&dataset.rows());
    assert!(left_out >= 2, "{left_out}");
    output.says(&[
        &format!("{left_out} sessions of the API's list are of no day"),
        "run --since exports them too",
    ]);
}
