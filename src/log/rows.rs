//! List rows as lines of the log, and the digest that tells whether two lists are the same.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lines::OpeningLine;
use crate::lists::{Asked, InvalidRow, ListRow};
use crate::model::{ParticipantId, SessionId};

/// A list row as a line.
#[derive(Serialize, Deserialize)]
pub(super) struct RowLine {
    file: usize,
    row: u64,
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    participant: Option<String>,
    #[serde(rename = "as")]
    asked: AskedAs,
    /// What is wrong with the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(Arc<str>, String)>,
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

impl RowLine {
    pub(super) fn of(row: &ListRow) -> Self {
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
            session: row.session_text.clone(),
            participant: row.participant_text.clone(),
            asked,
            problem: row.asked.as_ref().err().map(ToString::to_string),
            labels: row.labels.clone(),
        }
    }

    /// The row again; `None` where the line is not one that [`RowLine::of`] wrote.
    pub(super) fn into_row(self) -> Option<ListRow> {
        let session = || SessionId::parse(&self.session);
        let participant = || self.participant.clone();
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
            session_text: self.session,
            participant_text: self.participant,
            asked,
            labels: self.labels,
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
