//! The promised object of a logged reply, and what came around it.

use super::schema::Table;
use super::warnings::{Notice, Warnings, excerpt};
use crate::log::EntryAnswer;
use crate::model::{IdKey, ParticipantId, trim_id};
use crate::plan::WantKind;
use crate::wire::{Expected, Field, Keys, Object, Raw, text};

/// A promised object, and what came around it, by its path.
pub(super) struct Found<'a> {
    pub(super) object: Object<'a>,
    pub(super) others: Vec<(String, Raw<'a>)>,
}

impl<'a> Found<'a> {
    /// The id of a record that names another participant than the one asked for.
    pub(super) fn other_id(&self, participant: ParticipantId) -> Option<IdKey> {
        let id = self.object.get("id").and_then(text)?;
        let id = (!trim_id(&id).is_empty()).then(|| IdKey::of(&id))?;
        (id != participant.into()).then_some(id)
    }

    /// By which id the API found a participant that was asked for by `asked`.
    pub(super) fn matched(&self, asked: ParticipantId) -> WantKind {
        let user = self.object.get("user_id").and_then(text);
        if user.is_some_and(|user| IdKey::of(&user) == asked.into()) {
            WantKind::User
        } else {
            WantKind::Participant
        }
    }

    /// The id for a message, as written.
    pub(super) fn shown_id(&self) -> &'a str {
        self.object.get("id").map_or("none", Raw::get)
    }
}

/// The promised object of a found reply; its keys are expected to be those of the last.
pub(super) fn found<'a>(
    answer: &EntryAnswer<'a>,
    expected: Expected,
    keys: &mut Keys,
    warnings: &mut Warnings,
) -> Option<Found<'a>> {
    let EntryAnswer::Found(body) = answer else { return None };
    let reply = expected.find_record(*body, keys)?;
    let table = if expected == Expected::Session { Table::Sessions } else { Table::Participants };
    for (place, field) in &reply.around.overwritten {
        let path = format!("{place}{}", field.shown_name());
        warnings.note(Notice::DuplicateKey, table, &path, || excerpt(field.value.get()).into_owned());
    }
    let path = |(place, field): &(&str, Field<'a>)| (format!("{place}{}", field.shown_name()), field.value);
    Some(Found { object: reply.object, others: reply.around.others.iter().map(path).collect() })
}
