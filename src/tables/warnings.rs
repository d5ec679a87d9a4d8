//! What was odd in the data and survived: counted, with an example of each kind.

use std::borrow::Cow;
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
    /// A word that the vendor's page does not give for this field: in its column as it is.
    NewValue,
    /// A null where the vendor's page knows none: null in its column.
    Null,
    /// A session whose record does not tell whether the window has it: it is exported.
    UnclearSession,
    /// A boolean written as a string: taken.
    BooleanAsText,
    /// A participant of whom no call statistics came, though they were asked for.
    NoStatistics,
    /// A listing that ends with fewer than its own total says.
    ShortListing,
    /// A session that is of no day, since its time of creation cannot be read: it is not exported.
    Undated,
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
            Self::NewValue => "new_value",
            Self::Null => "unexpected_null",
            Self::UnclearSession => "session_perhaps_outside_window",
            Self::BooleanAsText => "boolean_as_string",
            Self::NoStatistics => "no_call_statistics",
            Self::ShortListing => "listing_shorter_than_its_total",
            Self::Undated => "undated",
        }
    }

    /// Whether it is news. The API itself sends minutes of fourteen places: that they are rounded to nine
    /// is none.
    #[must_use]
    pub const fn is_news(self) -> bool {
        !matches!(self, Self::Rounded)
    }
}

/// Fields that one export names; hostile replies may have millions.
const MOST_NAMES: usize = 500;

/// Counted oddities by kind, table and field.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    noted: BTreeMap<(Notice, Table), BTreeMap<String, Noted>>,
    /// Fields named so far.
    names: usize,
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
        self.count((notice, table), excerpt(field), 1, example);
    }

    /// Adds the oddities of what comes later in plan order.
    pub(super) fn add(&mut self, later: Self) {
        for (kind, fields) in later.noted {
            for (name, Noted { count, example }) in fields {
                self.count(kind, Cow::Owned(name), count, || example);
            }
        }
    }

    fn count(
        &mut self,
        kind: (Notice, Table),
        mut name: Cow<'_, str>,
        count: u64,
        example: impl FnOnce() -> String,
    ) {
        let fields = self.noted.entry(kind).or_default();
        if self.names >= MOST_NAMES && !fields.contains_key(&*name) {
            // Names past the bound are counted together.
            name = Cow::Borrowed("...");
        }
        if let Some(noted) = fields.get_mut(&*name) {
            noted.count += count;
            return;
        }
        fields.insert(name.into_owned(), Noted { count, example: example() });
        self.names += 1;
    }

    /// The oddities in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Notice, Table, &str, &Noted)> {
        self.noted.iter().flat_map(|((notice, table), fields)| {
            fields.iter().map(|(field, noted)| (*notice, *table, field.as_str(), noted))
        })
    }
}

/// The start of a text that may be long, for a message.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    const CHARS: usize = 80;
    if text.len() <= CHARS {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
