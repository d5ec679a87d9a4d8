//! Memory stays within the contract's bound whatever the size of the export.

use crate::support::{Place, Server};

const PARTICIPANTS: u64 = 20_000;
const MIB: u64 = 1024 * 1024;

#[test]
fn twenty_thousand_participants_stay_within_the_bound() {
    let server = Server::start(|options| options.world.participants = PARTICIPANTS);
    let place = Place::new();
    place.write("list.csv", server.pairs(usize::MAX));
    let peak = |output: &str, flags: &str| {
        let run =
            place.rtk(&format!("run list.csv -o {output} --fetch detail {flags}")).against(&server).ends(0);
        assert!(run.peak_rss_kib > 0, "the system does not tell");
        run.peak_rss_kib * 1024
    };
    let ids = PARTICIPANTS + server.world().session_count();
    let plain = peak("plain", "--no-rollups");
    assert!(plain < 150 * MIB + 48 * ids, "{} MiB", plain / MIB);
    let rolled = peak("rolled", "");
    assert!(rolled < 512 * MIB, "{} MiB", rolled / MIB);
}
