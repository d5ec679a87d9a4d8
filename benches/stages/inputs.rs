//! What the benchmarks work on: made here, seeded, in the shapes and sizes of the yardsticks' replies (two to
//! four peer events and about 1.7 kB each, 20 participants a session).

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use fastrand::Rng;
use rtk_export::fetch::{Answer, Reply};
use rtk_export::lists::ListSource;
use rtk_export::log::{self, Head, Lists, Log, LogWriter, Replies, Settings, TypedWindow};
use rtk_export::model::{ParticipantId, RequestKey, SessionId};
use rtk_export::plan::Wants;
use rtk_export::wire::Gave;
use tempfile::TempDir;
use uuid::{Builder, Uuid};

const SEED: u64 = 20_251_103;
/// The first of January 2025.
const BEGIN: DateTime<Utc> = DateTime::from_timestamp(1_735_689_600, 0).expect("a moment");
const PRESETS: [&str; 5] =
    ["group_call_host", "group_call_participant", "webinar_presenter", "webinar_viewer", "audio_room_guest"];
const VIEW_TYPES: [&str; 4] = ["GROUP_CALL", "WEBINAR", "AUDIO_ROOM", "LIVESTREAM"];
const NAMES: [&str; 8] = ["Ada", "Grace", "Linus", "Zoë", "José", "Søren", "愛", "O'Brien"];

/// Somebody in a session, with the API's reply about them.
pub(crate) struct Participant {
    session: SessionId,
    id: ParticipantId,
    pub(crate) body: String,
}

/// So many participants, the same each time.
pub(crate) fn participants(count: usize) -> Vec<Participant> {
    let mut rng = Rng::with_seed(SEED);
    let (mut left, mut session, mut view_type) = (0, uuid(&mut rng), VIEW_TYPES[0]);
    let next = || {
        if left == 0 {
            (left, session) = (rng.u32(1..40), uuid(&mut rng));
            view_type = VIEW_TYPES[rng.usize(..VIEW_TYPES.len())];
        }
        left -= 1;
        let id = uuid(&mut rng);
        let body = body(&mut rng, session, id, view_type);
        let session = SessionId::from_bytes(session.into_bytes());
        Participant { session, id: ParticipantId::from_bytes(id.into_bytes()), body }
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A list of them.
pub(crate) fn csv(participants: &[Participant]) -> String {
    let mut list = "session_id,participant_id\n".to_owned();
    for participant in participants {
        writeln!(list, "{},{}", participant.session, participant.id).expect("memory takes it");
    }
    list
}

/// Their bodies' bytes.
pub(crate) fn body_bytes(participants: &[Participant]) -> usize {
    participants.iter().map(|participant| participant.body.len()).sum()
}

/// Their replies, as fetching hands them on.
pub(crate) fn replies(participants: &[Participant]) -> Vec<Reply> {
    let reply = |participant: &Participant| Reply {
        key: RequestKey::Details { session: participant.session, participant: participant.id },
        arrived_at: BEGIN,
        server_ahead: None,
        attempts: 1,
        rate_limited: 0,
        cf_ray: Some("8f1e2d3c4b5a6978-AMS".to_owned()),
        gave: Gave { statistics: false, record: true },
        answer: Answer::Found(participant.body.clone().into_bytes().into()),
    };
    participants.iter().map(reply).collect()
}

/// A new log in a directory, with the rows that ask for them; and what the rows ask for.
pub(crate) fn begun(dir: &Path, participants: &[Participant]) -> (LogWriter, Wants) {
    let mut log = log::open_anew(&dir.join(log::FILE_NAME)).expect("a log begins");
    log.begin(&head()).expect("the disk takes it");
    let list = Cursor::new(csv(participants));
    let mut wants = Wants::new();
    for row in ListSource::new("pairs.csv").read(0, Box::new(list)).expect("it is a list") {
        let row = row.expect("it is in memory");
        wants.add(row.asked.as_ref().expect("a pair")).expect("they are few");
        log.append_row(&row).expect("the disk takes it");
    }
    log.end_rows(&Lists { lists: Vec::new(), digest: String::new() }).expect("the disk takes it");
    (log, wants)
}

/// A complete log, as tables are made from it.
pub(crate) struct Logged {
    pub(crate) log: Log,
    pub(crate) wants: Wants,
    pub(crate) replies: Replies,
    _dir: TempDir,
}

/// A log with all their replies.
pub(crate) fn logged(participants: &[Participant]) -> Logged {
    let dir = tempfile::tempdir().expect("a directory for a log");
    let (mut writer, wants) = begun(dir.path(), participants);
    for reply in replies(participants) {
        writer.append(reply).expect("the disk takes it");
    }
    writer.mark_fetched(BEGIN).expect("the disk takes it");
    let log = Log::open(&dir.path().join(log::FILE_NAME), false).expect("it can be read").expect("a log");
    let replies = Replies::load(&log, &wants).expect("it can be read");
    Logged { log, wants, replies, _dir: dir }
}

fn head() -> Head {
    let settings = Settings {
        account_id: "account".to_owned(),
        app_id: "app".to_owned(),
        base_url: "http://localhost/client/v4".to_owned(),
        window: TypedWindow::default(),
        fetch: "detail".to_owned(),
        filters: Vec::new(),
        stats_from: "auto".to_owned(),
        peer_events: true,
        format: "parquet".to_owned(),
        excel: false,
        dataset: None,
    };
    Head {
        export_id: Uuid::nil().to_string(),
        tool_version: "0".to_owned(),
        started_at: time(0),
        refresh: false,
        after: None,
        asked_at: None,
        window: None,
        settings,
    }
}

fn uuid(rng: &mut Rng) -> Uuid {
    Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid()
}

fn time(millis: i64) -> String {
    (BEGIN + Duration::milliseconds(millis)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Minutes as the API writes them: what its division leaves, digits and all.
pub(crate) fn minutes(millis: u32) -> String {
    (f64::from(millis) / 60_000.0).to_string()
}

/// A details reply; one in ten is still in the call, one in ten came back once.
fn body(rng: &mut Rng, session: Uuid, id: Uuid, view_type: &str) -> String {
    let created = rng.i64(0..300 * 86_400_000);
    let joined = created + rng.i64(50..3_000);
    let stay = rng.u32(5_000..7_200_000);
    let left = joined + i64::from(stay);
    let mut moments = vec![("PEER_CREATED", created), ("PEER_JOINING", joined), ("PEER_LEAVING", left)];
    match rng.u32(..10) {
        0 => moments.truncate(2),
        1 => moments.push(("PEER_LEAVING", left + i64::from(stay / 7))),
        _ => {}
    }
    let (peer, socket) = (uuid(rng), uuid(rng));
    let event = |(name, at): &(&str, i64)| {
        let minutes = if *name == "PEER_LEAVING" { minutes(stay) } else { "0".to_owned() };
        let (event, at) = (uuid(rng), time(*at));
        format!(
            r#"{{"id":"{event}","created_at":"{at}","event_name":"{name}","minutes_consumed":{minutes},"participant_id":"{id}","peer_id":"{peer}","preset_view_type":"{view_type}","session_id":"{session}","socket_session_id":"{socket}","updated_at":"{at}"}}"#
        )
    };
    let events = moments.iter().map(event).collect::<Vec<_>>().join(",");
    let (created, joined, left) = (time(created), time(joined), time(left));
    let (customer, number) = (rng.u32(..10_000_000), rng.u32(..100_000));
    let (name, preset) = (NAMES[rng.usize(..NAMES.len())], PRESETS[rng.usize(..PRESETS.len())]);
    let (user, duration) = (uuid(rng), minutes(stay));
    format!(
        r#"{{"success":true,"data":{{"participant":{{"id":"{id}","created_at":"{created}","custom_participant_id":"customer-{customer:07}","display_name":"{name} {number}","duration":{duration},"joined_at":"{joined}","left_at":"{left}","preset_name":"{preset}","updated_at":"{left}","user_id":"{user}","peer_events":[{events}]}}}}}}"#
    )
}
