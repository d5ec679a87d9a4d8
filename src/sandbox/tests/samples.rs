//! The repository's samples are what the sandbox answers with its default seed and sizes.
//!
//! `samples/replies/NAME.json` is the body of one request each, as listed in [`REPLIES`]; a change of
//! the sandbox that changes one is recorded anew with `rtk-export sandbox` and curl.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::super::{ErrorEnvelope, SandboxOptions, Sizes, StatsShape, World, WorldOptions};
use super::Client;
use crate::model::{ParticipantId, SessionId};

/// A recorded reply: its name, what differs from the default options, and the request.
struct Recorded {
    name: &'static str,
    change: fn(&mut SandboxOptions),
    path: &'static str,
}

const fn recorded(name: &'static str, change: fn(&mut SandboxOptions), path: &'static str) -> Recorded {
    Recorded { name, change, path }
}

/// SESSION, PARTICIPANT and UNKNOWN stand for the first row of `samples/participants.csv` and an id
/// that the world does not have.
const REPLIES: [Recorded; 11] = [
    recorded("details", |_| (), "sessions/SESSION/participants/PARTICIPANT?include_peer_events=true"),
    recorded(
        "details-statistics",
        |options| options.samples = 1,
        "sessions/SESSION/participants/PARTICIPANT?filters=device_info,ip_information,precall_network_information,events,quality_stats",
    ),
    recorded(
        "participants-page",
        |_| (),
        "sessions/SESSION/participants?include_peer_events=true&page_no=1&per_page=2",
    ),
    recorded("session", |_| (), "sessions/SESSION"),
    recorded("sessions-page", |_| (), "sessions?page_no=1&per_page=2"),
    recorded("peer-report-old", |options| options.samples = 1, "sessions/peer-report/PARTICIPANT"),
    recorded("peer-report-new", new_shape, "sessions/peer-report/PARTICIPANT"),
    recorded("daywise", |_| (), "analytics/daywise?start_date=2026-10-03&end_date=2026-10-05"),
    recorded("not-found", |_| (), "sessions/SESSION/participants/UNKNOWN"),
    recorded(
        "not-found-v4",
        |options| options.errors = ErrorEnvelope::V4,
        "sessions/SESSION/participants/UNKNOWN",
    ),
    recorded(
        "messy-participants-page",
        messy,
        "sessions/SESSION/participants?include_peer_events=true&per_page=56",
    ),
];

fn new_shape(options: &mut SandboxOptions) {
    options.stats_shape = StatsShape::New;
    options.samples = 1;
}

/// One session with a participant of each quirk.
fn messy(options: &mut SandboxOptions) {
    options.world.messy = true;
    options.world.sizes = Sizes::Fixed;
    options.world.per_session = 56;
}

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rows(list: &str) -> Vec<Vec<String>> {
    let text = read(list);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn the_recorded_replies_are_answered_today() {
    let first = &rows("participants.csv")[0];
    for Recorded { name, change, path } in REPLIES {
        let mut options = SandboxOptions::default();
        change(&mut options);
        let client = Client::of(options).await;
        let path = path.replace("SESSION", &first[0]).replace("PARTICIPANT", &first[1]);
        let body = client.text(&path.replace("UNKNOWN", "0b7c1b0e-5d0a-4f58-9d3c-0f6f2f0f9a11")).await;
        assert_eq!(body, read(&format!("replies/{name}.json")), "{name}");
    }
}

#[test]
fn the_lists_are_of_the_default_world() {
    let world = World::new(WorldOptions::default());
    let mut pairs = BTreeSet::new();
    for row in rows("participants.csv") {
        let session = world.session_index(SessionId::parse(&row[0]).unwrap()).unwrap();
        let participant = world.participant_index(ParticipantId::parse(&row[1]).unwrap()).unwrap();
        assert_eq!(world.session_of(participant), session);
        assert!(pairs.insert((session, participant)), "{row:?} is there twice");
        assert!(row.len() == 4 && !row[2].is_empty() && row[3].starts_with("CC-"), "{row:?}");
    }
    assert_eq!(pairs.len(), 40);
    let sessions: BTreeSet<u64> = rows("sessions.csv")
        .iter()
        .map(|row| world.session_index(SessionId::parse(&row[0]).unwrap()).unwrap())
        .collect();
    assert_eq!(sessions.len(), 8);
}
