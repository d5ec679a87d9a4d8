//! Session and participant ids, and the 16-byte key by which ids of every kind are compared.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Reads a UUID as people write it: surrounding blanks, braces and any case are accepted.
fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(trim_id(text)).ok()
}

/// Cuts what spreadsheets leave around an id: white space, the byte order mark, zero-width and
/// no-break spaces.
pub(crate) fn trim_id(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Reads an id as people write it: trimmed, braces and any case accepted.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                parse_uuid(text).map(Self)
            }

            /// The id of these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The id's 16 bytes.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_newtype! {
    /// A session: one live use of a meeting. A UUID (API page, section 1).
    SessionId
}
uuid_newtype! {
    /// A session participant, the `id` of the API's participant record: made anew for each join of
    /// a session. A UUID (API page, section 4).
    ParticipantId
}

/// An id of any kind as 16 bytes, for comparing: the bytes of a UUID, or a hash of other text.
///
/// Participants are found by `id`, `user_id` or `custom_participant_id`; the last two are free
/// text. A fixed width keeps the memory that an id costs fixed. Two texts that are the same UUID in
/// other spelling have the same key; the hash is SHA-256 cut to 128 bits, so that two other texts
/// never share one in practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdKey([u8; 16]);

impl IdKey {
    /// The key of an id as text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = trim_id(text);
        if let Some(uuid) = parse_uuid(text) {
            return Self(uuid.into_bytes());
        }
        let digest = Sha256::digest(text.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// The key of these 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key's 16 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl From<ParticipantId> for IdKey {
    fn from(id: ParticipantId) -> Self {
        Self(id.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANONICAL: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    #[test]
    fn an_id_is_read_as_people_write_it() {
        for text in [
            CANONICAL,
            "  0F8FAD5B-D9CB-469F-A165-70867728950E\t",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "0f8fad5bd9cb469fa16570867728950e",
            "\u{feff}0f8fad5b-d9cb-469f-a165-70867728950e\u{a0}",
        ] {
            let id = SessionId::parse(text).expect(text);
            assert_eq!(id.to_string(), CANONICAL);
        }
        for text in ["", "0f8fad5b", "0f8fad5b-d9cb-469f-a165-70867728950g", "null"] {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_ignores_the_spelling_of_a_uuid_only() {
        assert_eq!(IdKey::of(CANONICAL), IdKey::of(&CANONICAL.to_uppercase()));
        assert_eq!(IdKey::of(" ada@example.com "), IdKey::of("ada@example.com"));
        assert_ne!(IdKey::of("Ada"), IdKey::of("ada"));
    }
}
