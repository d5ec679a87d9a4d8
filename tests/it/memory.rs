//! Memory stays within the contract's bound whatever the size of the export.

use crate::support::{Place, Server};

const PARTICIPANTS: u64 = 20_000;
const MIB: u64 = 1024 * 1024;

/// 20,000 here; the bound for a million is measured in release and noted in the changelog.
#[test]
fn twenty_thousand_participants_stay_within_the_bound() {
    let server = Server::start(|options| options.world.participants = PARTICIPANTS);
    let place = Place::new();
    place.write("list.csv", server.pairs(usize::MAX));
    let peak = |output: &str, flags: &str| {
        let run =
            place.rtk(&format!("run list.csv -o {output} --fetch detail {flags}")).against(&server).ends(0);
        eprintln!("{flags:?}: {} MiB at most", run.peak_rss_kib / 1024);
        run.peak_rss_kib * 1024
    };
    let ids = PARTICIPANTS + server.world().session_count();
    assert!(peak("plain", "--no-rollups") < 150 * MIB + 48 * ids);
    assert!(peak("rolled", "") < 512 * MIB);
}
