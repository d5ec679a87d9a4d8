//! List rows as lines of the log, and the digest that tells whether two lists are the same.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lines::OpeningLine;
use crate::lists::{Asked, InvalidRow, ListRow};
use crate::model::{ParticipantId, SessionId};

/// A list row as a line. It borrows where it is written: a run that goes on writes all rows again, to see
/// whether they are the same.
#[derive(Serialize, Deserialize)]
pub(super) struct RowLine<'a> {
    file: usize,
    row: u64,
    session: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    participant: Option<Cow<'a, str>>,
    #[serde(rename = "as")]
    asked: AskedAs,
    /// What is wrong with the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(default, skip_serializing_if = "has_none")]
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

    /// The row again; `None` where the line is not one that [`RowLine::of`] wrote.
    pub(super) fn into_row(self) -> Option<ListRow> {
        let session = || SessionId::parse(&self.session);
        let participant = || self.participant.as_deref().map(str::to_owned);
        let asked = match self.asked {
            AskedAs::Everyone => Ok(Asked::Everyone(session()?)),
            AskedAs::Participant => {
                Ok(Asked::Participant(session()?, ParticipantId::parse(self.participant.as_deref()?)?))
            }
            AskedAs::User => Ok(Asked::User(session()?, participant()?)),
            AskedAs::Custom => Ok(Asked::Custom(session()?, participant()?)),
            AskedAs::Nobody => Err(InvalidRow::Malformed(self.problem?)),
        };
        Some(ListRow {
            file: self.file,
            row_number: self.row,
            session_text: self.session.into_owned(),
            participant_text: self.participant.map(Cow::into_owned),
            asked,
            labels: self.labels.into_owned(),
        })
    }
}

/// A digest over list rows, in order.
#[derive(Clone, Default)]
pub struct RowDigest(Sha256);

impl RowDigest {
    /// Adds a row.
    pub fn add(&mut self, row: &ListRow) {
        self.0.update(line(row));
    }

    /// The digest in hex.
    #[must_use]
    pub fn finish(self) -> String {
        format!("{:x}", self.0.finalize())
    }
}

/// A row as a line of the log, line break included.
pub(super) fn line(row: &ListRow) -> Vec<u8> {
    super::lines::to_line(&OpeningLine::Row(RowLine::of(row)))
}
