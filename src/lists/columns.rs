//! Which column holds what: header names to ids and labels, and a row's cells to a [`ListRow`].
//!
//! In: header names as written, or the places of UUID columns; then the cells of a row.
//! Out: one [`ListRow`] a row, valid or not.
//! Guarantees: no cell is dropped: each is an id, a label, or a column of our own `failures` table.
//! Not here: formats. CSV, JSON lines and Parquet share these rules.

use std::collections::HashMap;
use std::sync::Arc;

use super::json::object;
use super::{Asked, InvalidRow, ListRow};
use crate::model::{ParticipantId, SessionId, trim_id};

/// Header names of the session, best first, as [`normal`] leaves them. Webhooks write
/// `meeting.sessionId` and `participant.peerId` (API page, section 13).
const SESSION: [&str; 3] = ["sessionid", "meetingsessionid", "session"];
const PARTICIPANT: [&str; 5] = ["participantid", "peerid", "participantpeerid", "participant", "peer"];
const USER: [&str; 2] = ["userid", "participantuserid"];
const CUSTOM: [&str; 2] = ["customparticipantid", "participantcustomparticipantid"];

/// The columns by which a `failures` table of ours is known, and those that are neither ids nor labels.
const FAILURES_MARKS: [&str; 5] = ["reason", "attempts", "failedat", "listfile", "rownumber"];
const FAILURES_LABELS: &str = "labels";

/// The columns of a list.
pub(super) struct Columns {
    session: Option<usize>,
    participant: Option<usize>,
    user: Option<usize>,
    custom: Option<usize>,
    /// The `labels` column of a `failures` table of ours.
    packed_labels: Option<usize>,
    /// The label name of each column; `None` for a column that is no label.
    labels: Vec<Option<Arc<str>>>,
    /// Names of cells past the last column, made when first needed.
    unnamed: Vec<Arc<str>>,
}

impl Columns {
    /// Columns by a header.
    pub(super) fn of_header<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = header.into_iter().map(trim_id).collect();
        let normal: Vec<String> = names.iter().map(|name| normal(name)).collect();
        let first =
            |aliases: &[&str]| aliases.iter().find_map(|alias| normal.iter().position(|name| name == alias));
        let mut columns = Self {
            session: first(&SESSION),
            participant: first(&PARTICIPANT),
            user: first(&USER),
            custom: first(&CUSTOM),
            packed_labels: None,
            labels: Vec::new(),
            unnamed: Vec::new(),
        };
        if FAILURES_MARKS.iter().all(|mark| normal.iter().any(|name| name == mark)) {
            columns.packed_labels = first(&[FAILURES_LABELS]);
            columns.labels = vec![None; names.len()];
        } else {
            columns.labels = columns.label_names(&names);
        }
        columns
    }

    /// Columns without a header: all that are no ids are labels by their place.
    pub(super) fn by_place(width: usize, session: usize, participant: Option<usize>) -> Self {
        let mut columns = Self {
            session: Some(session),
            participant,
            user: None,
            custom: None,
            packed_labels: None,
            labels: Vec::new(),
            unnamed: Vec::new(),
        };
        columns.labels = columns.label_names(&vec![""; width]);
        columns
    }

    /// Whether rows can name a session.
    pub(super) const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// Whether cells of a header name ids of any kind; says how many kinds.
    pub(super) fn kinds_of_ids(&self) -> usize {
        [self.session, self.participant, self.user, self.custom].into_iter().flatten().count()
    }

    /// Names the columns that are labels; a name met before gets a number.
    fn label_names(&self, names: &[&str]) -> Vec<Option<Arc<str>>> {
        let ids = [self.session, self.participant, self.user, self.custom];
        let mut met: HashMap<String, u32> =
            ids.into_iter().flatten().map(|column| (names[column].to_owned(), 1)).collect();
        let mut name_of = |(column, name): (usize, &&str)| {
            if ids.contains(&Some(column)) {
                return None;
            }
            let name = if name.is_empty() { by_place(column) } else { (*name).to_owned() };
            let mut unique = name.clone();
            while met.contains_key(&unique) {
                let times = met.entry(name.clone()).or_insert(1);
                *times += 1;
                unique = format!("{name} ({times})");
            }
            met.insert(unique.clone(), 1);
            Some(Arc::from(unique))
        };
        names.iter().enumerate().map(&mut name_of).collect()
    }

    /// Makes a row of `fields` cells; a cell is `None` where the format has a null.
    pub(super) fn row<'a>(
        &mut self,
        file: usize,
        row_number: u64,
        fields: usize,
        cell: impl Fn(usize) -> Option<&'a str>,
    ) -> ListRow {
        let width = self.labels.len();
        let text = |column: Option<usize>| {
            column.filter(|&column| column < fields).and_then(&cell).unwrap_or_default()
        };
        let mut user = text(self.user).to_owned();
        let mut custom = text(self.custom).to_owned();
        let mut labels = Vec::with_capacity(width.saturating_sub(1));
        for (column, name) in self.labels.iter().enumerate().take(fields) {
            if let (Some(name), Some(value)) = (name, cell(column)) {
                labels.push((Arc::clone(name), value.to_owned()));
            }
        }
        for column in width..fields {
            // A blank past the last column is a trailing delimiter, not a value.
            if let Some(value) = cell(column).filter(|value| !is_blank(value)) {
                labels.push((self.unnamed(column), value.to_owned()));
            }
        }
        for (name, value) in unpacked(text(self.packed_labels)) {
            match name.as_str() {
                "user_id" => user = value,
                "custom_participant_id" => custom = value,
                _ => labels.push((Arc::from(name), value)),
            }
        }
        let session_text = text(self.session).to_owned();
        let (participant_text, asked) = asked(&session_text, text(self.participant).to_owned(), user, custom);
        let asked = if fields < width {
            Err(InvalidRow::TooFewFields { found: fields, expected: width })
        } else {
            asked
        };
        ListRow { file, row_number, session_text, participant_text, asked, labels }
    }

    /// The name of a column past the header.
    fn unnamed(&mut self, column: usize) -> Arc<str> {
        let width = self.labels.len();
        while self.unnamed.len() <= column - width {
            self.unnamed.push(Arc::from(by_place(width + self.unnamed.len())));
        }
        Arc::clone(&self.unnamed[column - width])
    }
}

/// A row that could not be told into cells.
pub(super) fn malformed(file: usize, row_number: u64, why: String) -> ListRow {
    ListRow {
        file,
        row_number,
        session_text: String::new(),
        participant_text: None,
        asked: Err(InvalidRow::Malformed(why)),
        labels: Vec::new(),
    }
}

/// Whether a cell holds nothing to be seen.
pub(super) fn is_blank(cell: &str) -> bool {
    trim_id(cell).is_empty()
}

/// Whether a cell is a UUID.
pub(super) fn is_uuid(cell: &str) -> bool {
    SessionId::parse(cell).is_some()
}

/// A header name without case and punctuation.
fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The name of a column that has none: its place, counted from 1.
fn by_place(column: usize) -> String {
    format!("column_{}", column + 1)
}

/// The labels in the `labels` column of a `failures` table; as it stands where it is no JSON object.
fn unpacked(packed: &str) -> Vec<(String, String)> {
    if is_blank(packed) {
        return Vec::new();
    }
    let Ok(members) = object(packed.as_bytes()) else {
        return vec![(FAILURES_LABELS.to_owned(), packed.to_owned())];
    };
    members.into_iter().filter_map(|(name, value)| Some((name.into_owned(), value?.into_owned()))).collect()
}

/// What the id cells ask for: the first that is not blank, of participant, user and custom id.
fn asked(
    session: &str,
    participant: String,
    user: String,
    custom: String,
) -> (Option<String>, Result<Asked, InvalidRow>) {
    let session = match SessionId::parse(session) {
        Some(session) => Ok(session),
        None if is_blank(session) => Err(InvalidRow::NoSession),
        None => Err(InvalidRow::Session(session.to_owned())),
    };
    if !is_blank(&participant) {
        let asked = session.and_then(|session| match ParticipantId::parse(&participant) {
            Some(id) => Ok(Asked::Participant(session, id)),
            None => Err(InvalidRow::Participant(participant.clone())),
        });
        (Some(participant), asked)
    } else if !is_blank(&user) {
        let asked = session.map(|session| Asked::User(session, trim_id(&user).to_owned()));
        (Some(user), asked)
    } else if !is_blank(&custom) {
        let asked = session.map(|session| Asked::Custom(session, trim_id(&custom).to_owned()));
        (Some(custom), asked)
    } else {
        (None, session.map(Asked::Everyone))
    }
}
