//! One list row -> a row of `id_list`, and its labels -> rows of `labels`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::columns::Columns;
use crate::lists::ListRow;
use crate::plan::{WantKind, WantNo};

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

/// What tells the labels of each want's first row from those of a repetition: a hash of four bytes.
#[derive(Default)]
pub(super) struct FirstLabels {
    /// By want; empty while no list has labels.
    hashes: Vec<u32>,
}

impl FirstLabels {
    /// Keeps the labels of the first of `wants` rows that asks for `want`.
    pub(super) fn keep(&mut self, want: WantNo, wants: usize, labels: &[(Arc<str>, String)]) {
        if self.hashes.is_empty() && !labels.is_empty() {
            self.hashes = vec![hash(&[]); wants];
        }
        if let Some(kept) = self.hashes.get_mut(want as usize) {
            *kept = hash(labels);
        }
    }

    /// Whether the first row had these labels.
    pub(super) fn are(&self, want: WantNo, labels: &[(Arc<str>, String)]) -> bool {
        let first = self.hashes.get(want as usize).copied();
        first.unwrap_or_else(|| hash(&[])) == hash(labels)
    }
}

/// The same for labels in any order: another file may have its columns in another.
fn hash(labels: &[(Arc<str>, String)]) -> u32 {
    labels.iter().fold(0, |sum, label| {
        let mut hasher = DefaultHasher::new();
        label.hash(&mut hasher);
        let hash = hasher.finish();
        ((hash >> 32) as u32 ^ (hash & 0xFFFF_FFFF) as u32).wrapping_add(sum)
    })
}
