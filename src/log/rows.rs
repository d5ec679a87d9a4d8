//! List rows as lines of the log, and the digest that tells whether two lists are the same.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lines::{self, OpeningLine};
use crate::lists::{Asked, InvalidRow, ListRow};
use crate::model::{ParticipantId, SessionId};
use crate::wire::{Keys, Object, Raw, text};

/// A list row as a line. It borrows where it is written: a run that goes on writes all rows again, to see
/// whether they are the same.
#[derive(Serialize)]
pub(super) struct RowLine<'a> {
    file: usize,
    row: u64,
    session: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<Cow<'a, str>>,
    #[serde(rename = "as")]
    asked: AskedAs,
    /// What is wrong with the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "has_none")]
    labels: Cow<'a, [(Arc<str>, String)]>,
}

fn has_none(labels: &[(Arc<str>, String)]) -> bool {
    labels.is_empty()
}

/// By which id a row asks.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AskedAs {
    Everyone,
    Participant,
    User,
    Custom,
    Nobody,
}

impl<'a> RowLine<'a> {
    pub(super) fn of(row: &'a ListRow) -> Self {
        let asked = match &row.asked {
            Ok(Asked::Everyone(_)) => AskedAs::Everyone,
            Ok(Asked::Participant(..)) => AskedAs::Participant,
            Ok(Asked::User(..)) => AskedAs::User,
            Ok(Asked::Custom(..)) => AskedAs::Custom,
            Err(_) => AskedAs::Nobody,
        };
        Self {
            file: row.file,
            row: row.row_number,
            session: Cow::Borrowed(&row.session_text),
            participant: row.participant_text.as_deref().map(Cow::Borrowed),
            asked,
            problem: row.asked.as_ref().err().map(ToString::to_string),
            labels: Cow::Borrowed(&row.labels),
        }
    }
}

/// The row of a line, whose keys are expected to be those of the last; `None` where it is not one that
/// [`line`] wrote. The line is not checked for being JSON: its block has a checksum.
pub(super) fn row(line: &str, keys: &mut Keys) -> Option<ListRow> {
    let line = Object::parse_like(Raw::checked_before(line), keys)?;
    let owned = |name| line.get(name).and_then(text).map(Cow::into_owned);
    let (session_text, participant_text) = (owned("session")?, owned("participant"));
    let session = || SessionId::parse(&session_text);
    let asked = match serde_json::from_str(line.get("as")?.get()).ok()? {
        AskedAs::Everyone => Ok(Asked::Everyone(session()?)),
        AskedAs::Participant => {
            let participant = ParticipantId::parse(participant_text.as_deref()?)?;
            Ok(Asked::Participant(session()?, participant))
        }
        AskedAs::User => Ok(Asked::User(session()?, participant_text.clone()?)),
        AskedAs::Custom => Ok(Asked::Custom(session()?, participant_text.clone()?)),
        AskedAs::Nobody => Err(InvalidRow::Malformed(owned("problem")?)),
    };
    let labels = line.get("labels").map_or(Ok(Vec::new()), |labels| serde_json::from_str(labels.get()));
    Some(ListRow {
        file: line.get("file")?.get().parse().ok()?,
        row_number: line.get("row")?.get().parse().ok()?,
        session_text,
        participant_text,
        asked,
        labels: labels.ok()?,
    })
}

/// A digest over list rows, in order.
#[derive(Clone, Default)]
pub struct RowDigest {
    sha256: Sha256,
    /// The row added last as a line, for the memory.
    line: Vec<u8>,
}

impl RowDigest {
    /// Adds a row.
    pub fn add(&mut self, row: &ListRow) {
        self.line.clear();
        lines::add_line(&OpeningLine::Row(RowLine::of(row)), &mut self.line);
        self.sha256.update(&self.line);
    }

    /// The digest in hex.
    #[must_use]
    pub fn finish(self) -> String {
        format!("{:x}", self.sha256.finalize())
    }
}

/// A row as a line of the log, line break included.
pub(super) fn line(row: &ListRow) -> Vec<u8> {
    lines::to_line(&OpeningLine::Row(RowLine::of(row)))
}
