//! A power cut: whatever the log's end lost, or never was written, the same command goes on from what
//! was durable. (Every single byte is cut in `src/log/tests.rs`; here the whole program goes on.)

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;
use rtk_export::log::FILE_NAME;

use crate::support::{Export, Place, Server, log_lines, logged_details};

const PAIRS: usize = 150;
const RUN: &str = "run list.csv -o out --format csv --fetch detail --no-rollups --concurrency 4";

/// An export that was stopped several times, so that its log has several blocks.
struct Stopped {
    place: Place,
    server: Server,
    bytes: Vec<u8>,
    /// Where the log ended each time, and how many replies it held.
    ends: Vec<(usize, usize)>,
}

impl Stopped {
    fn new() -> Self {
        let (place, server) = (Place::new(), Server::start(|_| ()));
        place.write("list.csv", server.pairs(PAIRS));
        let mut ends = Vec::new();
        for part in 1..=3_u64 {
            let slow = place.rtk(&format!("{RUN} --rate 40/1s --reserve 0%")).against(&server).start();
            slow.until("a part of the replies", || server.requests() >= part * 40)
                .signal("-INT")
                .output()
                .ended(130);
            let end = fs::metadata(Self::log_of(&place)).unwrap().len();
            ends.push((usize::try_from(end).unwrap(), logged_details(&place.path("out"))));
        }
        let bytes = fs::read(Self::log_of(&place)).unwrap();
        Self { place, server, bytes, ends }
    }

    fn log_of(place: &Place) -> PathBuf {
        place.path("out/.rtk-export").join(FILE_NAME)
    }

    /// The same command goes on from a log that is as it was up to some byte.
    fn goes_on(&self, name: &str, log: &[u8], expected: &Export) {
        let whole = log.iter().zip(&self.bytes).take_while(|(now, before)| now == before).count();
        let durable = self.ends.iter().filter(|(end, _)| *end <= whole).map(|(_, replies)| *replies).max();
        fs::remove_dir_all(self.place.path("out")).unwrap();
        fs::create_dir_all(self.place.path("out/.rtk-export")).unwrap();
        fs::write(Self::log_of(&self.place), log).unwrap();
        let before = self.server.requests();
        let output = self.place.rtk(RUN).against(&self.server).output();
        assert_eq!(output.code, Some(0), "{name}: {output}");
        let asked = usize::try_from(self.server.requests() - before).unwrap();
        assert!(asked <= PAIRS - durable.unwrap_or(0), "{name}: {asked} asked, {durable:?} durable");
        Export::read(&self.place.path("out")).equals(expected);
        // The log is one again that anybody can read.
        let lines = log_lines(&self.place.path("out"));
        assert!(lines.last().is_some_and(|line| line.contains(r#""kind":"fetched""#)), "{name}: {lines:?}");
        assert_eq!(logged_details(&self.place.path("out")), PAIRS, "{name}");
    }
}

#[test]
fn whatever_the_end_of_the_log_lost_the_same_command_goes_on() {
    let stopped = Stopped::new();
    let Stopped { place, server, bytes, ends } = &stopped;
    assert!(ends[0].1 > 0 && ends[2].1 < PAIRS, "{ends:?}");
    place.rtk(&RUN.replace("-o out", "-o unbroken")).against(server).ends(0);
    let expected = Export::read(&place.path("unbroken"));
    let mut rng = Rng::with_seed(1);
    let (length, last) = (bytes.len(), ends[1].0);

    // Missing.
    let around = ends.iter().flat_map(|(end, _)| [end - 1, *end, end + 1]).filter(|cut| *cut <= length);
    let anywhere = [0; 8].map(|_| rng.usize(..length));
    for cut in around.chain(anywhere).chain([0, 1, 40]) {
        stopped.goes_on(&format!("cut at {cut}"), &bytes[..cut], &expected);
    }
    // There, but never written: its pages are of zeros, or of what was on the disk before. (A log of which not
    // even the first four bytes are there could be anybody's file.)
    for from in [last, last + 1, rng.usize(last..length), length - 1, rng.usize(4..last)] {
        let zeros = [&bytes[..from], &vec![0; length - from]].concat();
        stopped.goes_on(&format!("zeros from {from}"), &zeros, &expected);
        let garbage: Vec<_> = std::iter::repeat_with(|| rng.u8(..)).take(length - from).collect();
        stopped.goes_on(&format!("garbage from {from}"), &[&bytes[..from], &garbage].concat(), &expected);
    }
    // Only in between.
    let (from, to) = (last + (length - last) / 3, last + (length - last) / 2);
    let hole = [&bytes[..from], &vec![0; to - from], &bytes[to..]].concat();
    stopped.goes_on("a hole", &hole, &expected);
    // More than was written.
    for more in [vec![0; 1], vec![0; 4096], bytes[last..length - 9].to_vec(), bytes[..60].to_vec()] {
        stopped.goes_on(&format!("{} more bytes", more.len()), &[&bytes[..], &more].concat(), &expected);
    }
}
