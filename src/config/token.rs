//! The API token, which can be sent and not shown.
//!
//! In: the text of a variable or a file. Out: [`ApiToken`].
//! Guarantees: no `Display`, a masked `Debug`, wiped when dropped; a token can stand in a header.
//! Not here: where the text comes from.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A token that an `Authorization` header can carry.
///
/// It has no `Display`, so that it cannot slip into a message:
///
/// ```compile_fail,E0277
/// let token = rtk_export::config::ApiToken::parse("secret").expect("a token");
/// println!("{token}");
/// ```
#[derive(Clone)]
pub struct ApiToken(SecretString);

/// Why a text is no token; says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Nothing but blanks.
    #[error("it is empty")]
    Empty,
    /// A blank, a control character or one beyond ASCII.
    #[error("character {position} is one that a token in a header cannot have")]
    Character {
        /// Counted from 1, in the text without blanks around it.
        position: usize,
    },
}

impl ApiToken {
    /// Checks a token; blanks around it (a file's line break) are not part of it.
    ///
    /// # Errors
    /// [`TokenFault`] where no header could carry it.
    pub fn parse(text: &str) -> Result<Self, TokenFault> {
        let token = text.trim();
        if token.is_empty() {
            return Err(TokenFault::Empty);
        }
        match token.chars().position(|c| !c.is_ascii_graphic()) {
            Some(before) => Err(TokenFault::Character { position: before + 1 }),
            None => Ok(Self(token.into())),
        }
    }

    /// The token for the HTTP client, as hard to show as this.
    #[must_use]
    pub fn secret(&self) -> SecretString {
        self.0.clone()
    }

    /// The token itself, for the header and for hashing; nothing else may see it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_masked() {
        let token = ApiToken::parse("  s3cr3t-_~+/=\r\n").expect("a token");
        assert_eq!(token.expose(), "s3cr3t-_~+/=");
        assert_eq!(format!("{token:?}"), "ApiToken(***)");
    }

    #[test]
    fn what_no_header_can_carry_is_refused_without_being_shown() {
        for (text, fault) in [
            ("", TokenFault::Empty),
            (" \n", TokenFault::Empty),
            ("ab c", TokenFault::Character { position: 3 }),
            ("a\nb", TokenFault::Character { position: 2 }),
            ("tökén", TokenFault::Character { position: 2 }),
            ("a\u{0}", TokenFault::Character { position: 2 }),
        ] {
            assert_eq!(ApiToken::parse(text).expect_err(text), fault);
        }
    }
}
