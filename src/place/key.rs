//! The name of an object below its place.
//!
//! In: text. Out: [`Key`]. Guarantees: relative, with `/` between parts of which none is empty, `.` or `..`:
//! below a directory it never leads out of it, and every store takes it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};

/// The name of an object below its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Reads a name.
    ///
    /// # Errors
    /// [`StoreError::Key`].
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let is_bad = |part: &str| matches!(part, "" | "." | "..");
        if text.split('/').any(is_bad) || text.contains(|c: char| c.is_control() || c == '\\') {
            return Err(StoreError::Key { key: text }.into());
        }
        Ok(Self(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Where it is below a directory.
    #[must_use]
    pub fn below(&self, dir: &Path) -> PathBuf {
        self.0.split('/').fold(dir.to_owned(), |path, part| path.join(part))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for good in
            ["dataset.json", ".rtk-export/lock.json", "participants/session_date=2026-10-01/part-0.parquet"]
        {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a\nb"] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_below_its_directory_or_none(text in "\\PC*|[a./]{0,8}") {
            if let Ok(key) = Key::new(text) {
                let path = key.below(Path::new("out"));
                prop_assert!(path.starts_with("out") && path != Path::new("out"));
                prop_assert!(!path.components().any(|part| part == std::path::Component::ParentDir));
            }
        }
    }
}
