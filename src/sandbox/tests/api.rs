//! Each endpoint and each variant of it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use chrono::DateTime;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::super::{
    DetailsFilters, ErrorEnvelope, Kind, MinutesOff, Oversize, PagingPlace, ReportFilters, Sandbox,
    SandboxOptions, SessionWindow, Sizes, Usage, World, WorldOptions, Wrapper,
};
use super::Client;
use crate::error::Class;
use crate::model::Minutes;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn ms(value: &Value) -> u64 {
    let time = DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    u64::try_from(time.timestamp_millis()).unwrap()
}

#[tokio::test]
async fn details_have_every_field_of_the_vendors_page() {
    let client = Client::small(|_| ()).await;
    let reply = client.json(&format!("{}?include_peer_events=true", client.details(3))).await;
    assert_eq!(reply["success"], true);
    let record = &reply["data"]["participant"];
    assert_eq!(
        keys(record),
        [
            "created_at",
            "custom_participant_id",
            "display_name",
            "duration",
            "id",
            "joined_at",
            "left_at",
            "peer_events",
            "preset_name",
            "updated_at",
            "user_id"
        ]
    );
    assert_eq!(
        keys(&record["peer_events"][0]),
        [
            "created_at",
            "event_name",
            "id",
            "minutes_consumed",
            "participant_id",
            "peer_id",
            "preset_view_type",
            "session_id",
            "socket_session_id",
            "updated_at"
        ]
    );
    let stayed = ms(&record["left_at"]) - ms(&record["joined_at"]);
    let minutes: f64 = record["duration"].to_string().parse().unwrap();
    assert!((minutes * 60_000.0 - f64::from(u32::try_from(stayed).unwrap())).abs() < 1e-3);
    let without = client.json(&client.details(3)).await;
    assert_eq!(without["data"]["participant"].get("peer_events"), None);
    let headers = client.send(&client.details(3)).await.unwrap().headers().clone();
    assert_eq!(headers["content-type"], "application/json");
    assert!(headers["cf-ray"].to_str().unwrap().ends_with("-AMS"));
    client.sandbox.stop().await;
}

#[tokio::test]
async fn the_events_carry_the_expected_minutes() {
    let client = Client::small(|options| options.world.rejoin_every = 2).await;
    for index in 0..40 {
        let reply = client.json(&format!("{}?include_peer_events=true", client.details(index))).await;
        let record = &reply["data"]["participant"];
        let expected = client.sandbox.world().expected(index);
        let events = record["peer_events"].as_array().unwrap();
        let names: Vec<&str> = events.iter().map(|event| event["event_name"].as_str().unwrap()).collect();
        let once = ["PEER_CREATED", "PEER_JOINING", "PEER_LEAVING"];
        let twice = ["PEER_CREATED", "PEER_JOINING", "PEER_LEAVING", "PEER_JOINING", "PEER_LEAVING"];
        assert!(names == once || names == twice, "{names:?}");
        assert_eq!(expected.event_minutes.unwrap().len(), names.len());
    }
    // Numbers compare by their digits, which serde_json would read as floats: look at the text.
    let text = client.text(&format!("{}?include_peer_events=true", client.details(0))).await;
    let expected = client.sandbox.world().expected(0);
    assert!(text.contains(&format!("\"duration\":{},", expected.duration.unwrap())));
    for minutes in expected.event_minutes.unwrap().into_iter().flatten() {
        assert!(text.contains(&format!("\"minutes_consumed\":{minutes},")));
    }
}

#[tokio::test]
async fn ids_are_taken_in_capitals_and_unknown_ones_refused() {
    let client = Client::small(|_| ()).await;
    let details = client.details(3);
    let (session, participant) = details["sessions/".len()..].split_once("/participants/").unwrap();
    let capitals = format!("sessions/{}/participants/{}", session.to_uppercase(), participant.to_uppercase());
    assert_eq!(client.status(&capitals).await, StatusCode::OK);
    let other_session = client.sandbox.world().session_id(5);
    for unknown in [
        format!("sessions/{session}/participants/{session}"),
        format!("sessions/{participant}/participants/{participant}"),
        format!("sessions/{other_session}/participants/{participant}"),
        format!("sessions/{session}/participants/no-uuid"),
        format!("sessions/{participant}"),
        format!("sessions/{participant}/participants"),
        format!("sessions/peer-report/{session}"),
        "recordings".to_owned(),
    ] {
        let reply = client.send(&unknown).await.unwrap();
        assert_eq!(reply.status(), StatusCode::NOT_FOUND, "{unknown}");
        let body: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
        assert_eq!((&body["success"], &body["error"]["code"]), (&json!(false), &json!(404)), "{unknown}");
    }
}

#[tokio::test]
async fn pages_cover_a_session_once() {
    let client = Client::small(|options| {
        options.world.sizes = Sizes::Fixed;
        options.world.per_session = 70;
    })
    .await;
    let session = client.sandbox.world().session_id(1);
    for (query, forwards) in [("", true), ("&sort_by=joinedAt&sort_order=DESC", false)] {
        let mut seen = Vec::new();
        for page_no in 1..=4 {
            let path = format!("sessions/{session}/participants?per_page=30&page_no={page_no}{query}");
            let page = client.json(&path).await;
            for record in page["data"]["participants"].as_array().unwrap() {
                seen.push(record["id"].as_str().unwrap().to_owned());
            }
            let offsets = if page_no == 4 { (0, 0) } else { (30 * page_no - 29, 70.min(30 * page_no)) };
            assert_eq!(
                page["data"]["paging"],
                json!({"total_count": 70, "start_offset": offsets.0, "end_offset": offsets.1})
            );
        }
        if !forwards {
            seen.reverse();
        }
        let expected: Vec<String> = client.sandbox.world().participants(1).map(|id| id.to_string()).collect();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn lists_are_sorted_by_minutes() {
    let client = Client::small(|_| ()).await;
    let session = client.sandbox.world().session_id(1);
    for (path, field) in [
        (format!("sessions/{session}/participants?sort_by=duration"), "duration"),
        ("sessions?sort_by=minutesConsumed".to_owned(), "minutes_consumed"),
    ] {
        let reply = client.json(&format!("{path}&sort_order=DESC")).await;
        let rows =
            reply["data"].get("sessions").unwrap_or(&reply["data"]["participants"]).as_array().unwrap();
        let minutes: Vec<f64> = rows.iter().map(|row| row[field].to_string().parse().unwrap()).collect();
        assert!(minutes.len() > 5 && minutes.is_sorted_by(|a, b| a >= b), "{minutes:?}");
    }
}

#[tokio::test]
async fn page_sizes_are_clamped_refused_or_the_default() {
    let mut options = SandboxOptions::default();
    options.world = WorldOptions { sizes: Sizes::Fixed, per_session: 70, participants: 140, ..options.world };
    options.page_size_limit = 50;
    let refusing = SandboxOptions { oversize: Oversize::Refuse, ..options.clone() };
    let client = Client::of(options).await;
    let session = client.sandbox.world().session_id(0);
    let path = format!("sessions/{session}/participants");
    let rows = async |query: &str| {
        let reply = client.json(&format!("{path}?{query}")).await;
        reply["data"]["participants"].as_array().unwrap().len()
    };
    assert_eq!(rows("per_page=100").await, 50);
    assert_eq!(rows("").await, 25);
    assert_eq!(rows("per_page=0").await, 25);
    assert_eq!(rows("per_page=10&page_no=7").await, 10);
    assert_eq!(rows("per_page=10&page_no=8").await, 0);
    assert_eq!(client.status(&format!("{path}?per_page=many")).await, StatusCode::BAD_REQUEST);
    let client = Client::of(refusing).await;
    assert_eq!(client.status(&format!("{path}?per_page=51")).await, StatusCode::BAD_REQUEST);
    assert_eq!(client.status(&format!("{path}?per_page=50")).await, StatusCode::OK);
}

#[tokio::test]
async fn pages_can_be_counted_from_nought() {
    let client = Client::small(|options| options.first_page = 0).await;
    let session = client.sandbox.world().session_id(1);
    let path = format!("sessions/{session}/participants?per_page=2");
    let first = client.json(&format!("{path}&page_no=0")).await;
    assert_eq!(first, client.json(&path).await);
    assert_ne!(first, client.json(&format!("{path}&page_no=1")).await);
}

#[tokio::test]
async fn paging_sits_where_it_is_told_to() {
    for (place, of_participants, of_sessions) in [
        (PagingPlace::Documented, (false, true), (true, false)),
        (PagingPlace::Top, (true, false), (true, false)),
        (PagingPlace::Data, (false, true), (false, true)),
        (PagingPlace::Absent, (false, false), (false, false)),
    ] {
        let client = Client::small(|options| options.paging = place).await;
        let session = client.sandbox.world().session_id(0);
        let found = async |path: &str| {
            let reply = client.json(path).await;
            (reply.get("paging").is_some(), reply["data"].get("paging").is_some())
        };
        assert_eq!(found(&format!("sessions/{session}/participants")).await, of_participants, "{place:?}");
        assert_eq!(found("sessions").await, of_sessions, "{place:?}");
    }
}

#[tokio::test]
async fn the_list_and_the_details_give_the_same_record() {
    let client = Client::small(|options| options.world.messy = true).await;
    for index in 0..client.sandbox.world().session_count() {
        let session = client.sandbox.world().session(index);
        for query in ["", "&include_peer_events=true"] {
            let list =
                client.text(&format!("sessions/{}/participants?per_page=100{query}", session.id)).await;
            for participant in session.participants.clone() {
                let path = format!("{}?{query}", client.details(participant));
                let details = client.text(&path).await;
                let record = details.strip_prefix(r#"{"data":{"participant":"#).unwrap();
                let record = record.strip_suffix(r#"},"success":true}"#).unwrap();
                assert!(list.contains(record), "{record}\n\n{list}");
            }
        }
    }
}

#[tokio::test]
async fn session_details_flat_and_wrapped() {
    let flat = Client::small(|_| ()).await;
    let wrapped = Client::small(|options| options.session_wrapper = Wrapper::Wrapped).await;
    let session = flat.sandbox.world().session(2);
    let path = format!("sessions/{}", session.id);
    let record = flat.json(&path).await["data"].clone();
    assert_eq!(record, wrapped.json(&path).await["data"]["session"]);
    assert_eq!(record["id"], session.id.to_string());
    assert_eq!(record["status"], "ENDED");
    assert_eq!(record["organization_id"], "app");
    assert_eq!(ms(&record["created_at"]), session.created_ms);
    assert!(ms(&record["ended_at"]) > ms(&record["started_at"]));
    let listed = flat.json("sessions").await;
    assert_eq!(listed["data"]["sessions"][2], record);
}

#[tokio::test]
async fn sessions_are_selected_by_window_status_and_meeting() {
    let client = Client::small(|options| {
        options.world.participants = 2000;
        options.world.live_sessions = 3;
    })
    .await;
    let world = client.sandbox.world();
    let ids = async |query: &str| -> Vec<String> {
        let reply = client.json(&format!("sessions?per_page=100&{query}")).await;
        let rows = reply["data"]["sessions"].as_array().unwrap().clone();
        assert_eq!(reply["paging"]["total_count"], rows.len());
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<String> = world.sessions().map(|session| session.id.to_string()).collect();
    assert!(all.len() > 20 && all.len() <= 100, "{}", all.len());
    assert_eq!(ids("").await, all);
    let live = all.len() - 3;
    assert_eq!(ids("status=LIVE").await, all[live..]);
    assert_eq!(ids("status=ENDED").await, all[..live]);
    let time = |index: u64| {
        let ms = i64::try_from(world.session(index).created_ms).unwrap();
        DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339().replace('+', "%2B")
    };
    assert_eq!(ids(&format!("start_time={}&end_time={}", time(3), time(7))).await, all[3..=7]);
    let mut backwards = all.clone();
    backwards.reverse();
    assert_eq!(ids("sort_by=createdAt&sort_order=DESC").await, backwards);
    let first = client.json("sessions?per_page=1").await["data"]["sessions"][0].clone();
    let of_meeting = ids(&format!("associated_id={}", first["associated_id"].as_str().unwrap())).await;
    assert!(of_meeting.len() == 3 && of_meeting[0] == all[0], "{of_meeting:?}");
    assert_eq!(client.status("sessions?start_time=yesterday").await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_window_can_select_the_sessions_open_in_it() {
    let client = Client::small(|options| options.session_window = SessionWindow::Open).await;
    let session = client.sandbox.world().session(4);
    let late = i64::try_from(session.ended_ms - 1000).unwrap();
    let late = DateTime::from_timestamp_millis(late).unwrap().to_rfc3339().replace('+', "%2B");
    let reply = client.json(&format!("sessions?start_time={late}&end_time={late}")).await;
    let ids: BTreeSet<&str> =
        reply["data"]["sessions"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(ids.contains(session.id.to_string().as_str()), "{ids:?}");
}

#[tokio::test]
async fn live_sessions_have_people_who_have_not_left() {
    let client = Client::small(|options| options.world.live_sessions = 2).await;
    let world = client.sandbox.world();
    let session = world.session(world.session_count() - 2);
    let record = client.json(&format!("sessions/{}", session.id)).await["data"].clone();
    assert_eq!((record["status"].as_str(), record["ended_at"].as_str()), (Some("LIVE"), Some("null")));
    let present =
        session.participants.clone().filter(|participant| !world.participant(*participant).left).count();
    assert_eq!(record["live_participants"], present);
    let path = format!("sessions/{}/participants?per_page=100&include_peer_events=true", session.id);
    let list = client.json(&path).await;
    let rows = list["data"]["participants"].as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| row.get("left_at").is_none()).count(), present);
}

#[tokio::test]
async fn daywise_totals_are_those_of_the_sessions() {
    let client = Client::small(|_| ()).await;
    let world = client.sandbox.world();
    let data = client.json("analytics/daywise").await["data"].clone();
    assert_eq!(data["session_stats"]["sessions_count"], world.session_count());
    let days = data["session_stats"]["day_stats"].as_array().unwrap();
    let day = days[1]["day"].as_str().unwrap();
    assert!(day.ends_with("T00:00:00.000Z"), "{day}");
    let day = &day[..10];
    let one = client.json(&format!("analytics/daywise?start_date={day}&end_date={day}")).await;
    assert_eq!(one["data"]["session_stats"]["day_stats"], json!([days[1]]));
    assert_eq!(
        one["data"]["session_stats"]["sessions_minutes_consumed"],
        one["data"]["session_stats"]["day_stats"][0]["total_session_minutes"]
    );
}

/// Posts the question for usage of a time.
async fn usage(client: &Client, from: &str, until: &str) -> (StatusCode, String) {
    let document = json!({
        "query": "{ realtimeKitUsageAdaptiveGroups }",
        "variables": { "account": "acc", "app": "app", "from": from, "until": until },
    });
    let url = format!("{}/graphql", client.sandbox.base_url());
    let reply = client.http.post(url).bearer_auth("sandbox").body(document.to_string()).send().await.unwrap();
    (reply.status(), reply.text().await.unwrap())
}

#[tokio::test]
async fn usage_counts_minutes_when_they_are_used() {
    let client = Client::small(|_| ()).await;
    let sums = async |from: &str, until: &str| {
        let (_, text) = usage(&client, from, until).await;
        let reply: Value = serde_json::from_str(&text).unwrap();
        let sum = reply["data"]["viewer"]["accounts"][0]["realtimeKitUsageAdaptiveGroups"][0]["sum"].clone();
        ["audioMinutes", "mediaMinutes"].map(|name| {
            let minutes = Minutes::parse(&sum[name].to_string()).unwrap();
            minutes.minutes.units()
        })
    };
    let (start, middle, end) = ("2026-10-01T00:00:00Z", "2026-10-15T17:32:00Z", "2026-11-02T00:00:00Z");
    let [audio, media] = sums(start, end).await;
    let world = client.sandbox.world();
    let all_ms: u64 = world.sessions().map(|session| world.at(None).session_minutes_ms(&session)).sum();
    let all = i64::try_from(all_ms).unwrap() * 50_000 / 3;
    assert!(audio > 0 && media > 0 && (audio + media - all).abs() <= 2, "{audio} {media} {all}");
    let [first, second] = [sums(start, middle).await, sums(middle, end).await];
    assert!((first[0] + second[0] - audio).abs() <= 2 && (first[1] + second[1] - media).abs() <= 2);
    assert!(first[1] > 0 && second[1] > 0);
    assert_eq!(sums(end, end).await, [0, 0]);
    assert_eq!(
        usage(&client, "x", end).await.1,
        r#"{"data":null,"errors":[{"message":"a time is not one"}]}"#
    );

    let client = Client::small(|options| options.usage = Usage::Refused).await;
    let (status, text) = usage(&client, start, end).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("not authorized"), "{text}");
    assert_eq!(client.sandbox.stats().by_kind[&Kind::GraphQl], 1);
}

#[tokio::test]
async fn sessions_minutes_are_off_wherever_they_are_told() {
    let off = MinutesOff { every: 3, by_ms: 90_000 };
    let (right, wrong) =
        (Client::small(|_| ()).await, Client::small(|options| options.world.minutes_off = Some(off)).await);
    let world = right.sandbox.world();
    for session in world.sessions() {
        let told = wrong.sandbox.moment().session_minutes_ms(&session);
        let expected = if session.index % 3 == 2 { 90_000 } else { 0 };
        assert_eq!(told - world.at(None).session_minutes_ms(&session), expected);
        let minutes = super::super::json::minutes_text(told);
        let details = wrong.text(&format!("sessions/{}", session.id)).await;
        let list = wrong.text("sessions?per_page=100").await;
        let field = format!("\"minutes_consumed\":{minutes},");
        assert!(details.contains(&field) && list.contains(&field), "{field} in {details}");
    }
}

#[tokio::test]
async fn tokens_accounts_and_apps() {
    let client = Client::small(|options| {
        options.token = "other".to_owned();
        options.account = Some("acc".to_owned());
        options.app = Some("app".to_owned());
    })
    .await;
    let status = async |path: &str, token: Option<&str>| {
        let request = client.http.get(format!("{}/{path}", client.sandbox.base_url()));
        let request = token.map_or(request.try_clone().unwrap(), |token| request.bearer_auth(token));
        request.send().await.unwrap().status().as_u16()
    };
    let sessions = "accounts/acc/realtime/kit/app/sessions";
    assert_eq!(status(sessions, None).await, 401);
    assert_eq!(status(sessions, Some("sandbox")).await, 401);
    assert_eq!(status(sessions, Some("other")).await, 200);
    assert_eq!(status("accounts/acc2/realtime/kit/app/sessions", Some("other")).await, 403);
    assert_eq!(status("accounts/acc/realtime/kit/app2/sessions", Some("other")).await, 404);
    assert_eq!(status("user/tokens/verify", Some("other")).await, 200);
    assert_eq!(status("accounts/acc/tokens/verify", Some("other")).await, 200);
    assert_eq!(status("user/tokens/verify", None).await, 401);
    let post = client.http.post(client.url("sessions")).bearer_auth("other").send().await.unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_accounts_apps_are_the_only_one_there_is() {
    let listed = async |app: Option<&str>| {
        let client = Client::small(|options| options.app = app.map(str::to_owned)).await;
        let url = format!("{}/accounts/acc/realtime/kit/apps", client.sandbox.base_url());
        let reply = client.http.get(url).bearer_auth("sandbox").send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&reply).unwrap()
    };
    let apps = listed(Some("my-app")).await;
    assert_eq!(keys(&apps["data"][0]), ["created_at", "id", "name"]);
    assert_eq!((&apps["data"][0]["id"], &apps["paging"]["total_count"]), (&json!("my-app"), &json!(1)));
    assert_eq!(listed(None).await["data"][0]["id"], "sandbox");
}

#[tokio::test]
async fn filters_can_be_refused() {
    let client = Client::small(|options| {
        options.details_filters = DetailsFilters::Refused;
        options.report_filters = ReportFilters::Single;
    })
    .await;
    let report = format!("sessions/peer-report/{}", client.sandbox.world().participant_id(1));
    for (path, expected) in [
        (client.details(1), StatusCode::OK),
        (format!("{}?filters=events", client.details(1)), StatusCode::BAD_REQUEST),
        (report.clone(), StatusCode::OK),
        (format!("{report}?filters=events"), StatusCode::OK),
        (format!("{report}?filters=events,device_info"), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(client.status(&path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn errors_in_the_other_envelope() {
    let client = Client::small(|options| {
        options.errors = ErrorEnvelope::V4;
        options.token = "other".to_owned();
    })
    .await;
    let body = client.json("sessions").await;
    assert_eq!(
        body,
        json!({"success": false, "errors": [{"code": 10000, "message": "Authentication error"}],
               "messages": [], "result": null})
    );
}

#[tokio::test]
async fn what_it_saw() {
    let client = Client::small(|options| options.record_requests = true).await;
    client.text("sessions?per_page=2").await;
    client.text(&client.details(1)).await;
    client.text("recordings").await;
    let stats = client.sandbox.stats();
    assert_eq!((stats.requests, stats.by_status[&200], stats.by_status[&404]), (3, 2, 1));
    assert_eq!((stats.by_kind[&Kind::Details], stats.by_kind[&Kind::Sessions]), (1, 1));
    let control = async |command: &str| -> Value {
        let url = format!("{}/__sandbox/{command}", client.sandbox.origin());
        serde_json::from_str(&client.http.get(url).send().await.unwrap().text().await.unwrap()).unwrap()
    };
    assert_eq!(control("stats").await, serde_json::to_value(&stats).unwrap());
    let requests = control("requests").await;
    assert_eq!(requests[0]["path"], "/client/v4/accounts/acc/realtime/kit/app/sessions?per_page=2");
    assert_eq!(requests.as_array().unwrap().len(), client.sandbox.requests().len());
    assert_eq!(control("nothing").await["success"], false);
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_stops() {
    let host = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let error = Sandbox::start(SandboxOptions { host, ..SandboxOptions::default() }).await.unwrap_err();
    assert_eq!(error.to_string(), "the sandbox does not listen on 0.0.0.0, which is no loopback address");
    assert_eq!(error.class(), Class::Usage);
    assert!(error.hint().is_some());
    let client = Client::small(|_| ()).await;
    client.text("sessions").await;
    let port = reqwest::Url::parse(&client.sandbox.base_url()).unwrap().port().unwrap();
    let taken = Sandbox::start(SandboxOptions { port, ..SandboxOptions::default() }).await.unwrap_err();
    assert_eq!((taken.class(), taken.hint().is_some()), (Class::Failed, true));
    assert_eq!(taken.to_string(), format!("the sandbox cannot listen on 127.0.0.1:{port}"));
    let url = client.url("sessions");
    client.sandbox.stop().await;
    assert!(client.http.get(url).send().await.unwrap_err().is_connect());
}

#[test]
fn many_millions_of_participants_cost_nothing() {
    let world = World::new(WorldOptions { participants: 50_000_000_000, ..WorldOptions::default() });
    for participant in [0, 49_999_999_999, 12_345_678_901] {
        assert_eq!(world.participant_index(world.participant_id(participant)), Some(participant));
        let session = world.session(world.session_of(participant));
        assert!(session.participants.contains(&participant));
        assert_eq!(world.session_index(session.id), Some(session.index));
    }
}

#[test]
fn sessions_and_participants_are_in_order_of_time() {
    let world = World::new(WorldOptions { participants: 20_000, ..WorldOptions::default() });
    let sessions: Vec<_> = world.sessions().collect();
    assert!(sessions.is_sorted_by_key(|session| session.created_ms));
    assert_eq!(world.pairs().count(), 20_000);
    let day = 86_400_000;
    let over_midnight = sessions.iter().filter(|s| s.started_ms / day != s.ended_ms / day).count();
    assert!(over_midnight > 10, "{over_midnight}");
    for session in &sessions {
        let participants: Vec<_> =
            session.participants.clone().map(|index| world.participant(index)).collect();
        assert!(participants.is_sorted_by_key(|participant| participant.joined_ms));
        for participant in participants {
            assert!(
                participant.joined_ms >= session.started_ms && participant.joined_ms < participant.until_ms
            );
            assert!(participant.until_ms <= session.ended_ms);
        }
    }
}
