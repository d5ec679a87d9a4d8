//! What was odd in the data and survived: counted, with an example of each kind.

use std::collections::BTreeMap;

use super::schema::Table;

/// A kind of oddity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// A value that its column cannot take: null there, verbatim in `extra`.
    Misfit,
    /// A field without a column: in `extra`.
    UnknownField,
    /// A number written as a string: taken.
    NumberAsText,
    /// Digits past the ninth place: rounded half to even.
    Rounded,
    /// A key twice in one object: the last rules.
    DuplicateKey,
    /// A list row that repeats an earlier one with other labels: the first rules.
    OtherLabels,
    /// A reply whose record names another participant than was asked for.
    OtherParticipant,
}

impl Notice {
    /// The name in the manifest.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Misfit => "value_kept_in_extra",
            Self::UnknownField => "unknown_field",
            Self::NumberAsText => "number_as_string",
            Self::Rounded => "digits_rounded",
            Self::DuplicateKey => "duplicate_key",
            Self::OtherLabels => "duplicate_row_with_other_labels",
            Self::OtherParticipant => "other_participant",
        }
    }
}

/// Fields that one export names; hostile replies may have millions.
const MOST_NAMES: usize = 500;

/// Counted oddities by kind, table and field.
#[derive(Debug, Default)]
pub struct Warnings {
    noted: BTreeMap<(Notice, Table, String), Noted>,
}

/// One counted oddity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// How often.
    pub count: u64,
    /// The first one met, in plan order.
    pub example: String,
}

impl Warnings {
    /// Counts an oddity.
    pub(super) fn note(
        &mut self,
        notice: Notice,
        table: Table,
        field: &str,
        example: impl FnOnce() -> String,
    ) {
        let mut key = (notice, table, super::record::excerpt(field));
        if self.noted.len() >= MOST_NAMES && !self.noted.contains_key(&key) {
            // Names past the bound are counted together.
            "...".clone_into(&mut key.2);
        }
        self.noted.entry(key).or_insert_with(|| Noted { count: 0, example: example() }).count += 1;
    }

    /// The oddities in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Notice, Table, &str, &Noted)> {
        self.noted.iter().map(|((notice, table, field), noted)| (*notice, *table, field.as_str(), noted))
    }
}
