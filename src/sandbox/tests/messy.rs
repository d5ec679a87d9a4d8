//! The odd values: each is sent, each is what it says.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{Quirk, SandboxOptions, WorldOptions};
use super::Client;

async fn messy() -> Client {
    let world = WorldOptions { participants: 400, messy: true, ..WorldOptions::default() };
    Client::of(SandboxOptions { world, ..SandboxOptions::default() }).await
}

fn is_known(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

#[tokio::test]
async fn every_quirk_is_sent_and_is_well_formed_json() {
    let client = messy().await;
    let mut seen = BTreeSet::new();
    for index in 0..60 {
        let text = client.text(&format!("{}?include_peer_events=true", client.details(index))).await;
        let raw: &RawValue = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(raw.get(), text);
        let expected = client.sandbox.world().expected(index);
        assert!(expected.duration.as_deref().is_none_or(is_known), "{expected:?}");
        let quirk = client.sandbox.world().participant(index).quirk;
        if let Some(quirk) = quirk {
            seen.insert(quirk);
            assert!(shows(quirk, &text), "{quirk:?}: {text}");
        }
        if let (Some(duration), true) = (expected.duration, quirk != Some(Quirk::Pretty)) {
            assert!(text.contains(&duration), "{duration}: {text}");
        }
    }
    assert_eq!(seen.len(), Quirk::ALL.len());
}

/// Whether a reply shows what is odd about it.
fn shows(quirk: Quirk, text: &str) -> bool {
    let count = |part: &str| text.matches(part).count();
    match quirk {
        Quirk::StrayQuote => text.contains(r#"Z\"""#),
        Quirk::OtherTimeForm => count("123456+05:30") > 4,
        Quirk::RepeatedEventIds | Quirk::EventsInside | Quirk::OtherPeerId => true,
        Quirk::MissingEventFields => count("minutes_consumed") + count("preset_view_type") == 0,
        Quirk::NoCreatedEvent => count("PEER_CREATED") == 0 && count("PEER_JOINING") > 0,
        Quirk::NoEventList => count("peer_events") == 0,
        Quirk::EmptyEventList => text.contains(r#""peer_events":[]"#),
        Quirk::NullViewType => text.contains(r#""preset_view_type":null"#),
        Quirk::NumbersAsStrings => text.contains(r#""minutes_consumed":"0""#),
        Quirk::Exponent => text.contains("\"minutes_consumed\":0E0"),
        Quirk::TrailingZeros => text.contains(r#""minutes_consumed":0.000,"#),
        Quirk::ManyDigits => text.contains("99997123456789012345"),
        Quirk::UnknownFields => text.contains("x_edge") && text.contains("transport"),
        Quirk::UnknownEnums => text.contains("PEER_TELEPORTED") && text.contains("HOLOGRAM"),
        Quirk::DuplicateKeys => count("\"duration\":") == 2 && count("\"display_name\":") == 2,
        Quirk::LoneSurrogate => text.contains(r"\ud83d a"),
        Quirk::RoleForPreset => count("preset_name") == 0 && count("\"role\":") == 1,
        Quirk::Nulls => text.contains(r#""user_id":null"#) && text.contains(r#""duration":null"#),
        Quirk::Absent => count("user_id") + count("duration") == 0,
        Quirk::EmailCustomId => text.contains("@example.com"),
        Quirk::FormulaName => text.contains("=HYPERLINK"),
        Quirk::NewlineName => text.contains(r"two\r\nlines") && text.contains(r"\u0000"),
        Quirk::EmojiName => text.contains('\u{1f680}'),
        Quirk::RightToLeftName => text.contains('\u{202e}'),
        Quirk::Pretty => count("\n") > 40,
        Quirk::EventsByNumber => text.contains(r#""peer_events":{"0":{"#),
    }
}

#[tokio::test]
async fn event_ids_repeat_under_the_participant_before() {
    let client = messy().await;
    let world = client.sandbox.world();
    let index =
        (0..400).find(|index| world.participant(*index).quirk == Some(Quirk::RepeatedEventIds)).unwrap();
    let first_event = async |index: u64| {
        let reply = client.json(&format!("{}?include_peer_events=true", client.details(index))).await;
        reply["data"]["participant"]["peer_events"][0]["id"].clone()
    };
    assert_eq!(first_event(index).await, first_event(index - 1).await);
}

#[tokio::test]
async fn sessions_are_messy_too() {
    let client = messy().await;
    let sessions = client.json("sessions?per_page=100").await["data"]["sessions"].clone();
    let any = |test: &dyn Fn(&Value) -> bool| sessions.as_array().unwrap().iter().any(test);
    assert!(any(&|session| session["associated_id"] == "qwerty-uiopas"));
    assert!(any(&|session| session["minutes_consumed"].is_string()));
    assert!(any(&|session| session["meta"].is_object()));
    assert!(any(&|session| session["type"] == "seance"));
    assert!(any(&|session| session["meeting_display_name"].is_null()));
    assert!(any(&|session| session["started_at"].as_str().is_some_and(|time| time.ends_with('"'))));
}
