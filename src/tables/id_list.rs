//! One list row -> a row of `id_list`, and its labels -> rows of `labels`.

use super::columns::Columns;
use crate::lists::ListRow;
use crate::plan::WantKind;

/// What became of a list row: `id_list.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The participants it asks for are rows of `participants`.
    Exported,
    /// They could not be had: a row of `failures`.
    Failed,
    /// It names nobody: a row of `failures`.
    Invalid,
    /// An earlier row asked for them.
    Duplicate,
    /// It asked for a whole session.
    Expanded,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::Expanded => "expanded",
        }
    }
}

/// By which field of the API's record a row's participant was found: `id_list.matched_by`.
pub(super) const fn matched_by(kind: WantKind) -> Option<&'static str> {
    match kind {
        WantKind::Everyone => None,
        WantKind::Participant => Some("participant_id"),
        WantKind::User => Some("user_id"),
        WantKind::Custom => Some("custom_participant_id"),
    }
}

/// Adds a row to `id_list`.
pub(super) fn add(
    columns: &mut Columns,
    list_file: &str,
    row: &ListRow,
    status: Status,
    matched: Option<WantKind>,
) {
    let session = Some(&row.session_text).filter(|text| !text.is_empty());
    columns
        .row()
        .text(Some(list_file))
        .count(row.row_number)
        .text(session)
        .text(row.participant_text.as_ref())
        .text(Some(status.name()))
        .text(matched.and_then(matched_by));
}

/// Adds a row's labels to `labels`.
pub(super) fn add_labels(columns: &mut Columns, list_file: &str, row: &ListRow) {
    for (name, value) in &row.labels {
        columns.row().text(Some(list_file)).count(row.row_number).text(Some(name)).text(Some(value));
    }
}
