//! The odd values that the API was seen to send (API page, section 15), one kind per participant.
//!
//! In: an index, where `--messy` is on. Out: the [`Quirk`] of that participant or session.
//! Guarantees: fixed by the index alone, so that every route sends the same; all kinds come within
//! the first `2 * Quirk::ALL.len()` participants and every other participant has none.
//! Not here: how a quirk is written (`record.rs`, `session.rs`).

/// What is odd about a participant's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quirk {
    /// `updated_at` ends in a stray quote: no time.
    StrayQuote,
    /// Times with an offset and nine decimals.
    OtherTimeForm,
    /// Event ids of the participant before.
    RepeatedEventIds,
    /// Events without minutes, participant, session and view type.
    MissingEventFields,
    /// No `PEER_CREATED`.
    NoCreatedEvent,
    /// No `peer_events`, though asked for.
    NoEventList,
    /// An empty list of events.
    EmptyEventList,
    /// Events tell another peer than the participant.
    OtherPeerId,
    /// JOINING comes 42 s late, LEAVING 6 s early.
    EventsInside,
    /// `preset_view_type` is null.
    NullViewType,
    /// Minutes as strings.
    NumbersAsStrings,
    /// Minutes with an exponent: `58097E-4`.
    Exponent,
    /// Minutes with zeros at the end.
    TrailingZeros,
    /// Minutes with more digits than anybody needs.
    ManyDigits,
    /// Fields that no document knows, nested ones among them.
    UnknownFields,
    /// Event names and view types that no document knows.
    UnknownEnums,
    /// `display_name` and `duration` twice; the last is right.
    DuplicateKeys,
    /// Half of a surrogate pair in the display name.
    LoneSurrogate,
    /// `role` instead of `preset_name`.
    RoleForPreset,
    /// Optional fields as null.
    Nulls,
    /// Optional fields left out.
    Absent,
    /// An e-mail address as custom id.
    EmailCustomId,
    /// A display name that a spreadsheet takes for a formula.
    FormulaName,
    /// Line breaks, quotes, commas and tabs in the display name.
    NewlineName,
    /// Emoji with joiners and skin tones in the display name.
    EmojiName,
    /// Right-to-left text and marks in the display name.
    RightToLeftName,
    /// The record with line breaks between its tokens.
    Pretty,
    /// An object of events by number in place of their list.
    EventsByNumber,
}

impl Quirk {
    /// Every kind, in the order in which participants have them.
    pub const ALL: [Self; 28] = [
        Self::StrayQuote,
        Self::OtherTimeForm,
        Self::RepeatedEventIds,
        Self::MissingEventFields,
        Self::NoCreatedEvent,
        Self::NoEventList,
        Self::EmptyEventList,
        Self::OtherPeerId,
        Self::EventsInside,
        Self::NullViewType,
        Self::NumbersAsStrings,
        Self::Exponent,
        Self::TrailingZeros,
        Self::ManyDigits,
        Self::UnknownFields,
        Self::UnknownEnums,
        Self::DuplicateKeys,
        Self::LoneSurrogate,
        Self::RoleForPreset,
        Self::Nulls,
        Self::Absent,
        Self::EmailCustomId,
        Self::FormulaName,
        Self::NewlineName,
        Self::EmojiName,
        Self::RightToLeftName,
        Self::Pretty,
        Self::EventsByNumber,
    ];

    /// The quirk of a participant in a messy world.
    pub(super) fn of_participant(index: u64) -> Option<Self> {
        cycle(&Self::ALL, index)
    }
}

/// What is odd about a session's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionQuirk {
    /// A room name of the first meetings API instead of a UUID.
    RoomName,
    /// `minutes_consumed` as a string.
    NumbersAsStrings,
    /// The `meta` object of 2025 and an unknown field.
    UnknownFields,
    /// `started_at` ends in a stray quote.
    StrayQuote,
    /// A type that no document knows.
    NewType,
    /// `meeting_display_name`, which is always there, is null.
    NullTitle,
}

impl SessionQuirk {
    const ALL: [Self; 6] = [
        Self::RoomName,
        Self::NumbersAsStrings,
        Self::UnknownFields,
        Self::StrayQuote,
        Self::NewType,
        Self::NullTitle,
    ];

    /// The quirk of a session in a messy world.
    pub(super) fn of_session(index: u64) -> Option<Self> {
        cycle(&Self::ALL, index)
    }
}

/// Every second index has one of the kinds, in turn.
fn cycle<T: Copy>(kinds: &[T], index: u64) -> Option<T> {
    let turn = usize::try_from(index / 2).ok()?;
    (index % 2 == 1).then(|| kinds.get(turn % kinds.len()).copied())?
}

/// Minutes of a number's own digits with an exponent and no point: `5.8097` is `58097E-4`.
pub(super) fn with_exponent(digits: &str) -> String {
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    let all = digits.replace('.', "");
    let significant = all.trim_start_matches('0');
    match (significant.is_empty(), places) {
        (true, _) => "0E0".to_owned(),
        (false, 0) => format!("{significant}0e-1"),
        (false, _) => format!("{significant}E-{places}"),
    }
}

/// A number's own digits with further ones appended, with a point if need be.
pub(super) fn with_more_digits(digits: &str, more: &str) -> String {
    let point = if digits.contains('.') { "" } else { "." };
    format!("{digits}{point}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_come_early_and_half_have_none() {
        let early: Vec<_> = (0..56).filter_map(Quirk::of_participant).collect();
        assert_eq!(early, Quirk::ALL);
    }

    #[test]
    fn the_same_number_in_other_digits() {
        assert_eq!(with_exponent("5.8097"), "58097E-4");
        assert_eq!(with_exponent("0.00012"), "12E-5");
        assert_eq!(with_exponent("2"), "20e-1");
        assert_eq!(with_exponent("0"), "0E0");
        assert_eq!(with_more_digits("2", "000"), "2.000");
        assert_eq!(with_more_digits("2.5", "000"), "2.5000");
    }
}
