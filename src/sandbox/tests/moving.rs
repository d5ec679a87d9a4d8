//! The sandbox's clock: what is listed at a time is so, only earlier, at any later time.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::super::json::Json;
use super::super::participant::Event;
use super::super::record::{PresetKey, write_fields, write_session_fields};
use super::super::{Late, Moment, SETTLED_MS, SandboxOptions, Session, Sizes, World, WorldOptions};
use super::Client;

const DAY_MS: u64 = 86_400_000;

fn time(epoch_ms: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(epoch_ms).unwrap()).unwrap()
}

/// A moment of a world with a clock.
fn at(world: &World, epoch_ms: u64) -> Moment<'_> {
    world.at(Some(time(epoch_ms)))
}

/// When nothing of a session changes any more.
fn settled_ms(world: &World, session: &Session) -> u64 {
    session.ended_ms + world.options().late.map_or(SETTLED_MS, |late| late.by_ms.max(SETTLED_MS))
}

/// All that the API tells of a session and of who is in it.
fn records(moment: Moment<'_>, session: &Session) -> Vec<String> {
    let mut json = Json::with_capacity(1024);
    json.object(|json| write_session_fields(json, moment, session, "app"));
    let participants = moment.participants(session).map(|participant| {
        let mut json = Json::with_capacity(2048);
        json.object(|json| {
            write_fields(json, moment.world(), &participant, true, PresetKey::PresetName);
        });
        json
    });
    std::iter::once(json)
        .chain(participants)
        .map(|json| String::from_utf8(json.into_bytes()).unwrap())
        .collect()
}

fn worlds() -> impl Strategy<Value = WorldOptions> {
    let late =
        proptest::option::of((1..5_u64, 0..3 * DAY_MS).prop_map(|(every, by_ms)| Late { every, by_ms }));
    (any::<u64>(), 1..80_u64, 1..9_u64, 1..6_u64, 1..8_u64, late, 0..5_u64, any::<bool>()).prop_map(
        |(seed, participants, per_session, days, peer_events, late, long_every, messy)| WorldOptions {
            seed,
            participants,
            per_session,
            sizes: Sizes::Varied,
            days,
            peer_events,
            rejoin_every: 3,
            messy,
            late,
            long_every,
            ..WorldOptions::default()
        },
    )
}

/// A moment of a world, from before its beginning until after its end; often one at which something happens.
fn moments(world: &World) -> impl Strategy<Value = u64> + use<> {
    let last = world.sessions().map(|session| settled_ms(world, &session)).max().unwrap();
    let first = world.session(0).created_ms;
    let of_people = (0..world.participant_count()).map(|index| world.participant(index));
    let happen = of_people.flat_map(|participant| [participant.joined_ms, participant.until_ms]);
    let happen: Vec<u64> = happen.chain(world.sessions().flat_map(|s| [s.created_ms, s.ended_ms])).collect();
    let near = (proptest::sample::select(happen), 0..3_u64).prop_map(|(at, more)| at + more - 1);
    prop_oneof![first - DAY_MS..last + DAY_MS, near]
}

fn world_and_moments() -> impl Strategy<Value = (WorldOptions, u64, u64)> {
    worlds().prop_flat_map(|options| {
        let world = World::new(options);
        (Just(options), moments(&world), moments(&world))
            .prop_map(|(options, one, other)| (options, one.min(other), one.max(other)))
    })
}

fn number_and_time(event: Event) -> (u64, u64) {
    (event.number, event.at_ms)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_listed_stays_listed_and_only_grows((options, earlier, later) in world_and_moments()) {
        let world = World::new(options);
        let (before, after) = (at(&world, earlier), at(&world, later));
        prop_assert!(before.session_count() <= after.session_count());
        for (old, new) in before.sessions().zip(after.sessions()) {
            prop_assert_eq!((old.id, old.created_ms, old.started_ms), (new.id, new.created_ms, new.started_ms));
            prop_assert!(old.created_ms <= earlier && (old.live || !new.live));
            prop_assert_eq!((old.live, new.live), (old.ended_ms > earlier, new.ended_ms > later));
            prop_assert!(old.updated_ms <= new.updated_ms || old.live);
            prop_assert!(before.session_minutes_ms(&old) <= after.session_minutes_ms(&new));
            prop_assert_eq!(old.participants.start, new.participants.start);
            prop_assert!(old.participants.end <= new.participants.end);
            for (was, is) in before.participants(&old).zip(after.participants(&new)) {
                prop_assert_eq!((was.id, was.joined_ms, was.user_id), (is.id, is.joined_ms, is.user_id));
                prop_assert!(was.joined_ms <= earlier && (is.left || !was.left));
                prop_assert!(was.until_ms <= is.until_ms && was.duration_ms() <= is.duration_ms());
                prop_assert!(!was.left || was.until_ms == is.until_ms);
                prop_assert!(was.updated_ms <= is.updated_ms && was.updated_ms <= earlier);
                let (had, has): (Vec<_>, Vec<_>) = (was.events().collect(), is.events().collect());
                prop_assert!(had.len() <= has.len());
                for (event, later_event) in had.into_iter().zip(has) {
                    prop_assert_eq!(number_and_time(event), number_and_time(later_event));
                    prop_assert!(event.at_ms <= earlier && event.lasted_ms <= later_event.lasted_ms);
                }
            }
        }
    }

    #[test]
    fn all_change_ends_where_it_is_to_end((options, now, _) in world_and_moments()) {
        let world = World::new(options);
        let (moment, end) = (at(&world, now), world.at(None));
        for session in moment.sessions() {
            let final_session = end.session(session.index);
            if settled_ms(&world, &session) <= now {
                prop_assert_eq!(records(moment, &session), records(end, &final_session));
            }
            let settled = at(&world, settled_ms(&world, &session));
            prop_assert_eq!(records(settled, &settled.session(session.index)), records(end, &final_session));
        }
    }

    #[test]
    fn an_id_is_found_where_it_is_listed((options, now, _) in world_and_moments()) {
        let world = World::new(options);
        let moment = at(&world, now);
        for session in world.sessions() {
            let there = moment.find_session(session.id);
            prop_assert_eq!(there.is_some(), session.created_ms <= now);
            let joined = there.map_or(0..0, |there| there.participants);
            for index in session.participants {
                let found = moment.find_participant(world.participant_id(index));
                prop_assert_eq!(found.is_some(), joined.contains(&index));
                prop_assert_eq!(found.is_some(), world.participant(index).joined_ms <= now);
            }
        }
    }
}

/// Ten days with late and long sessions; the clock stands on the sixth, in the middle of a session.
async fn sixth_day() -> (Client, Session, u64) {
    let world = WorldOptions {
        participants: 600,
        per_session: 4,
        days: 10,
        late: Some(Late { every: 3, by_ms: 60 * 3_600_000 }),
        long_every: 25,
        live_sessions: 9,
        ..WorldOptions::default()
    };
    let client = Client::of(SandboxOptions { world, ..SandboxOptions::default() }).await;
    let world = client.sandbox.world();
    let session = world.sessions().nth(usize::try_from(world.session_count() / 2).unwrap()).unwrap();
    let now = u64::midpoint(session.started_ms, session.ended_ms);
    client.sandbox.set_clock(time(now));
    (client, session, now)
}

async fn list(client: &Client, query: &str) -> Vec<Value> {
    let mut sessions = Vec::new();
    loop {
        let page = sessions.len() / 50 + 1;
        let reply = client.json(&format!("sessions?per_page=50&page_no={page}&{query}")).await;
        sessions.extend(reply["data"]["sessions"].as_array().unwrap().iter().cloned());
        if reply["paging"]["total_count"] == sessions.len() {
            return sessions;
        }
    }
}

#[tokio::test]
async fn lists_details_and_counts_follow_the_clock() {
    let (client, session, now) = sixth_day().await;
    let (world, moment) = (client.sandbox.world(), client.sandbox.moment());
    let there: Vec<_> = moment.sessions().collect();
    assert!(there.len() > 20 && moment.session_count() + 20 < world.session_count(), "{}", there.len());
    let ids = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let expected = |live: Option<bool>| -> Vec<String> {
        let some = there.iter().filter(|session| live.is_none_or(|live| session.live == live));
        some.map(|session| session.id.to_string()).collect()
    };
    assert_eq!(ids(&list(&client, "").await), expected(None));
    let live = expected(Some(true));
    assert!(live.contains(&session.id.to_string()) && live.len() < 20, "{live:?}");
    assert_eq!(ids(&list(&client, "status=LIVE").await), live);
    assert_eq!(ids(&list(&client, "status=ENDED").await), expected(Some(false)));
    let far = time(now + 20 * DAY_MS).to_rfc3339().replace('+', "%2B");
    assert_eq!(ids(&list(&client, &format!("end_time={far}")).await), expected(None));

    let record = client.json(&format!("sessions/{}", session.id)).await["data"].clone();
    assert_eq!((&record["status"], &record["ended_at"]), (&json!("LIVE"), &json!("null")));
    let path = format!("sessions/{}/participants?per_page=100&include_peer_events=true", session.id);
    let rows = client.json(&path).await["data"]["participants"].as_array().unwrap().clone();
    let present: Vec<_> = moment.participants(&moment.find_session(session.id).unwrap()).collect();
    assert_eq!(rows.len(), present.len());
    for (row, participant) in rows.iter().zip(&present) {
        assert_eq!(row["id"], participant.id.to_string());
        assert_eq!(row.get("left_at").is_some(), participant.left);
    }
    let next = world.session_id(moment.session_count());
    assert_eq!(client.status(&format!("sessions/{next}")).await, StatusCode::NOT_FOUND);
    let later =
        (0..world.participant_count()).find(|index| world.participant(*index).joined_ms > now).unwrap();
    assert_eq!(client.status(&client.details(later)).await, StatusCode::NOT_FOUND);
    let report = format!("sessions/peer-report/{}", world.participant_id(later));
    assert_eq!(client.status(&report).await, StatusCode::NOT_FOUND);

    let data = client.text("analytics/daywise?start_date=2026-10-01").await;
    let minutes: u64 = there.iter().map(|session| moment.session_minutes_ms(session)).sum();
    let minutes = super::super::json::minutes_text(minutes);
    let told = format!("\"sessions_count\":{},\"sessions_minutes_consumed\":{minutes},", there.len());
    assert!(data.contains(&told), "{told} in {data}");
}

#[tokio::test]
async fn usage_follows_the_clock() {
    let (client, _, now) = sixth_day().await;
    let sums = async || {
        let document = json!({
            "query": "{ realtimeKitUsageAdaptiveGroups }",
            "variables": {
                "account": "acc", "app": "app", "from": "2026-10-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"
            },
        });
        let url = format!("{}/graphql", client.sandbox.base_url());
        let reply = client.http.post(url).bearer_auth("sandbox").body(document.to_string()).send().await;
        let reply: Value = serde_json::from_str(&reply.unwrap().text().await.unwrap()).unwrap();
        reply["data"]["viewer"]["accounts"][0]["realtimeKitUsageAdaptiveGroups"][0]["sum"]["mediaMinutes"]
            .to_string()
            .parse::<f64>()
            .unwrap()
    };
    let first = sums().await;
    client.sandbox.set_clock(time(now + 10 * DAY_MS));
    let second = sums().await;
    assert!(first > 0.0 && second > first, "{first} {second}");
}

#[tokio::test]
async fn the_clock_is_told_and_set_by_a_request_and_dates_all_replies() {
    let client = Client::small(|_| ()).await;
    let clock = async |query: &str| {
        let url = format!("{}/__sandbox/clock{query}", client.sandbox.origin());
        let reply = client.http.get(url).send().await.unwrap();
        (reply.status(), reply.text().await.unwrap())
    };
    let date = async || {
        let reply = client.send("sessions").await.unwrap();
        reply.headers()["date"].to_str().unwrap().to_owned()
    };
    assert_eq!(clock("").await, (StatusCode::OK, "null".to_owned()));
    let of_the_machine = DateTime::parse_from_rfc2822(&date().await).unwrap();
    assert!((crate::clock::now() - of_the_machine.to_utc()).abs() < TimeDelta::minutes(10));
    assert_eq!(clock("?at=yesterday").await.0, StatusCode::BAD_REQUEST);
    let set = clock("?at=2026-10-15T04:00:00%2B02:00").await;
    assert_eq!(set, (StatusCode::OK, r#""2026-10-15T02:00:00Z""#.to_owned()));
    assert_eq!(date().await, "Thu, 15 Oct 2026 02:00:00 GMT");
    assert_eq!(clock("?at=2026-10-15T04:00:00.25Z").await.1, r#""2026-10-15T04:00:00.250Z""#);
    // A date of HTTP cannot say these: the world is there, the header is left to the machine.
    for at in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"] {
        assert_eq!(clock(&format!("?at={at}")).await.0, StatusCode::OK);
        let count = client.json("sessions").await["paging"]["total_count"].clone();
        assert_eq!(count == 0, at.starts_with('0'), "{at}: {count}");
    }
}

#[test]
fn without_a_clock_the_world_is_as_it_was() {
    let options =
        WorldOptions { participants: 400, live_sessions: 3, messy: true, ..WorldOptions::default() };
    let world = World::new(options);
    for (session, shown) in world.sessions().zip(world.at(None).sessions()) {
        assert_eq!(format!("{session:?}"), format!("{shown:?}"));
        for index in session.participants.clone() {
            let shown = world.at(None).participant_of(&session, index);
            assert_eq!(format!("{:?}", world.participant(index)), format!("{shown:?}"));
        }
    }
    assert_eq!(world.at(None).session_count(), world.session_count());
}

#[test]
fn sessions_are_late_long_and_live_by_the_clock() {
    let late = Late { every: 5, by_ms: 60 * 3_600_000 };
    let options = WorldOptions { late: Some(late), long_every: 40, ..WorldOptions::default() };
    let world = World::new(options);
    let lateness = |session: &Session| session.late_ms.map(|late_ms| late_ms - session.ended_ms);
    let all: Vec<_> = world.sessions().collect();
    assert_eq!(all.iter().filter_map(lateness).max(), Some(late.by_ms));
    assert!(all.iter().all(|session| lateness(session).is_some() == (session.index % 5 == 4)));
    let lasts_days = |session: &&Session| session.ended_ms - session.started_ms > 4 * DAY_MS;
    assert_eq!(all.iter().filter(lasts_days).count(), all.len() / 40);
    let session = &all[4];
    let change_ms = session.late_ms.unwrap();
    let [before, after] = [change_ms - 1, change_ms].map(|now| {
        let moment = at(&world, now);
        let session = moment.session(4);
        (moment.session_minutes_ms(&session), session.updated_ms)
    });
    assert_eq!(before.1, session.ended_ms);
    assert_eq!(after.1, change_ms);
    assert!(before.0 < after.0, "{before:?} {after:?}");
}
