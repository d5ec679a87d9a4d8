//! Stages 1 and 2 without an output: list files into the wants, and what is odd about their rows.
//!
//! In: the lists as typed. Out: [`Survey`]. Guarantees: reads as a run does, and refuses what a run
//! refuses; writes nothing. Memory: the wants, and one row.

use super::Spooled;
use crate::error::{Error, Result};
use crate::lists::{ListRow, ListSource};
use crate::plan::{Added, Wants};

/// What the lists came to.
#[derive(Debug, Default)]
pub struct Survey {
    /// Everything that they ask for.
    pub wants: Wants,
    /// The files, in order.
    pub lists: Vec<SurveyedList>,
    /// Rows that ask for nothing: their ids are none.
    pub invalid: OddRows,
    /// Rows that ask for what an earlier row asked for.
    pub duplicate: OddRows,
}

/// A list file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedList {
    /// As typed; `-` for standard input.
    pub path: String,
    /// Its rows, invalid ones included.
    pub rows: u64,
}

/// Rows of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddRows {
    /// How many.
    pub count: u64,
    /// The first few.
    pub examples: Vec<OddRow>,
}

/// A row, as an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddRow {
    /// Its list.
    pub list_file: String,
    /// As a spreadsheet counts.
    pub row_number: u64,
    /// The session cell as given.
    pub session_id: String,
    /// The participant cell as given.
    pub participant_id: Option<String>,
    /// What is wrong with it, if anything is.
    pub problem: Option<String>,
}

/// Examples that are kept.
const EXAMPLES: usize = 3;

impl OddRows {
    fn add(&mut self, list_file: &str, row: &ListRow) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(OddRow {
                list_file: list_file.to_owned(),
                row_number: row.row_number,
                session_id: row.session_text.clone(),
                participant_id: row.participant_text.clone(),
                problem: row.asked.as_ref().err().map(ToString::to_string),
            });
        }
    }
}

/// Reads the lists; `fetched` are those of them that are elsewhere. Blocks.
///
/// # Errors
/// A list that cannot be read or is none, no valid row in any, more ids than can be numbered.
pub fn survey(lists: &[String], mut fetched: Spooled) -> Result<Survey> {
    let mut survey = Survey::default();
    for (number, name) in lists.iter().enumerate() {
        let mut rows = 0;
        let source = ListSource::new(name);
        let reader = match fetched.remove(&number) {
            Some(copy) => source.read_file(number, copy)?,
            None => source.open(number)?,
        };
        for row in reader {
            let row = row?;
            rows += 1;
            match &row.asked {
                Err(_) => survey.invalid.add(name, &row),
                Ok(asked) => {
                    if let Added::Again(_) = survey.wants.add(asked).ok_or(Error::TooManyIds)? {
                        survey.duplicate.add(name, &row);
                    }
                }
            }
        }
        survey.lists.push(SurveyedList { path: name.clone(), rows });
    }
    survey.checked()
}

impl Survey {
    /// Refuses lists of rows of which none is valid.
    fn checked(self) -> Result<Self> {
        if !self.wants.is_empty() || self.invalid.count == 0 {
            return Ok(self);
        }
        let lists = self.lists.iter().map(|list| list.path.as_str()).collect::<Vec<_>>().join(", ");
        let examples = self.invalid.examples.iter().map(|row| {
            format!(
                "{} row {}: {}",
                row.list_file,
                row.row_number,
                row.problem.as_deref().unwrap_or_default()
            )
        });
        Err(Error::NoValidRow { lists, examples: examples.collect::<Vec<_>>().join("; ") })
    }
}
