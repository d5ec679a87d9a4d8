//! The samples' tables: one export small enough to read, made again and compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Place, repository, scratch, tree};

/// Files that are another each time, or too long to read.
const LEFT_OUT: [&str; 3] =
    ["participants/manifest.json", "sessions/manifest.json", "sessions/peer_events/part-00000.csv"];
/// Stands for the time at which a reply arrived, which each run has its own of.
const SOME_TIME: &str = "2026-11-23T12:00:00.000000Z";

#[test]
fn the_samples_tables_are_what_their_lists_give() {
    let place = Place::with_samples();
    let scratch = scratch("samples");
    for list in ["participants", "sessions"] {
        let run = format!("run samples/{list}.csv -o {list} --sandbox --format csv --with-sessions");
        place.rtk(&run).ends(0);
        for (name, bytes) in tree(&place.path(list)) {
            if LEFT_OUT.contains(&format!("{list}/{name}").as_str()) {
                continue;
            }
            let name = name.replace("/part-00000", "");
            let text = String::from_utf8(bytes).unwrap();
            let path = scratch.join(list).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, with_some_time(&text)).unwrap();
        }
    }
    let golden = repository().join("samples/tables");
    let advice = format!("if that is meant: cp -r {}/. {}", scratch.display(), "samples/tables");
    let (made, kept) = (tree(&scratch), files(&golden));
    assert!(made.keys().eq(kept.keys()), "{:?} are not {:?}; {advice}", made.keys(), kept.keys());
    for (name, bytes) in &made {
        assert!(*bytes == kept[name], "samples/tables/{name} would change; {advice}");
    }
}

/// The files that are kept; none where the folder is not there yet.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    if dir.exists() { tree(dir) } else { BTreeMap::new() }
}

/// A CSV with its `fetched_at` all the same.
fn with_some_time(text: &str) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let Some(column) = reader.headers().unwrap().iter().position(|name| name == "fetched_at") else {
        return text.to_owned();
    };
    let times: Vec<_> = reader.records().map(|row| row.unwrap()[column].to_owned()).collect();
    times.into_iter().fold(text.to_owned(), |text, time| text.replace(&time, SOME_TIME))
}
