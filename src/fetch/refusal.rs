//! Why a request by itself has no answer, and how its reply is read.
//!
//! In: a [`Probed`]. Out: what was read of its body, or a [`Refusal`].
//! Guarantees: total on any body; a refusal's text is one line.
//! Not here: sending (`probe`), what follows (`doctor`, `verify`).

use super::probe::Probed;
use super::reply::{Answer, Failure};
use crate::wire::{self, Object};

/// Why a question has no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The reply's status; `None` where none came.
    pub status: Option<u16>,
    /// The API's own code.
    pub api_code: Option<i64>,
    /// The API's own words, or ours.
    pub message: String,
}

impl Refusal {
    /// A reply that is not what was asked for.
    #[must_use]
    pub fn unreadable(why: &str) -> Self {
        Self { status: Some(200), api_code: None, message: format!("the reply cannot be read: {why}") }
    }

    /// Whether the parameters were refused.
    #[must_use]
    pub const fn is_of_parameters(&self) -> bool {
        matches!(self.status, Some(400 | 422))
    }

    /// Whether the token was refused.
    #[must_use]
    pub const fn is_of_token(&self) -> bool {
        matches!(self.status, Some(401 | 403))
    }

    /// On one line: `403 The token has no access (code 9109)`.
    #[must_use]
    pub fn text(&self) -> String {
        let status = self.status.filter(|status| *status != 200).map(|status| format!("{status} "));
        let code = self.api_code.filter(|code| self.status.map(i64::from) != Some(*code));
        let code = code.map(|code| format!(" (code {code})"));
        format!("{}{}{}", status.unwrap_or_default(), self.message, code.unwrap_or_default())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { status: failure.http_status, api_code: failure.api_code, message: failure.message }
    }
}

impl Probed {
    /// Reads the answer; the body is dropped with it. `read` gets the reply's root and the bytes of its
    /// body, and gives nothing where the reply is not what was asked for.
    ///
    /// # Errors
    /// The refusal, where there is no answer or it cannot be read.
    pub fn read<T>(self, read: impl FnOnce(&Object<'_>, usize) -> Option<T>) -> Result<T, Refusal> {
        match self.answer {
            Answer::Found(body) => {
                let root = wire::success(&body).map_err(|bad| Refusal::unreadable(&bad.to_string()))?;
                read(&root, body.len()).ok_or_else(|| Refusal::unreadable("it is of another shape"))
            }
            Answer::Failed(failure) => Err(failure.into()),
        }
    }
}
