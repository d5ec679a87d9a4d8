//! `dataset.json`: the pointer to the current commit, and the state that the next `sync` goes on from.
//!
//! In: bytes, or what a commit came to. Out: the pointer, or its bytes.
//! Guarantees: the same facts give the same bytes; state and commit change by one replacement of one object; what
//! a newer version wrote is refused before anything else of it is believed.
//! Not here: replacing it (`publish`).

use serde::{Deserialize, Serialize};

use super::commit::{commit_number, commit_path};
use super::{FORMAT_VERSION, Identity, Next, Pending};
use crate::error::{Damage, DatasetError};
use crate::manifest::{Time, Tool};

/// What the file says of itself.
const FORMAT: &str = "rtk-export dataset";

/// The current commit of a dataset, and how far it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    format: String,
    format_version: u32,
    /// The same for all commits: the id of the export that began the dataset.
    pub dataset_id: String,
    /// The number of the commit, counted from 1.
    pub generation: u64,
    /// The export that the commit is of.
    pub export_id: String,
    /// When it was made.
    pub committed_at: Time,
    /// Where it is.
    pub commit: CommitRef,
    /// What is the same for all commits.
    pub identity: Identity,
    /// What the next `sync` goes on from.
    pub state: State,
    /// Who was asked.
    pub api: Api,
    /// What wrote it.
    pub tool: Tool,
}

/// Where the commit file is, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRef {
    /// Relative to the dataset, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// What the next `sync` goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Every session created between the dataset's first day and then was looked for.
    pub synced_until: Time,
    /// Days to be looked at again whatever the lookback, by day.
    pub pending: Vec<Pending>,
}

/// Who was asked; account and app are part of the [`Identity`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// The base URL, without credentials.
    pub base_url: String,
}

impl Pointer {
    /// The pointer to a commit that is about to be made; `commit` is the text of its file.
    #[must_use]
    pub fn to(next: &Next, identity: Identity, base_url: String, commit: &[u8]) -> Self {
        let (made, of, sha256) = (&next.commit, next.export_id.clone(), crate::files::sha256_of(commit));
        Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            dataset_id: made.dataset_id.clone(),
            generation: made.generation,
            commit: CommitRef {
                path: commit_path(made.generation, &of, &sha256),
                bytes: commit.len() as u64,
                sha256,
            },
            export_id: of,
            committed_at: made.committed_at,
            identity,
            state: next.state.clone(),
            api: Api { base_url },
            tool: Tool::this(),
        }
    }

    /// The text of the file: indented, one line end at its end.
    ///
    /// # Errors
    /// None in practice; the serializer's signature has one.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// Reads the file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`DatasetError::Newer`] where another version wrote it, [`DatasetError::Damaged`] where it is none.
    pub fn parse(bytes: &[u8], path: &str) -> Result<Self, DatasetError> {
        #[derive(Deserialize)]
        struct Version {
            format: String,
            format_version: u32,
        }
        let damaged = |source: Damage| DatasetError::Damaged { path: path.to_owned(), source };
        let version: Version = serde_json::from_slice(bytes).map_err(|source| damaged(source.into()))?;
        if version.format != FORMAT {
            return Err(damaged(Damage::other("format", version.format, FORMAT)));
        }
        check_version(version.format_version, path)?;
        let pointer: Self = serde_json::from_slice(bytes).map_err(|source| damaged(source.into()))?;
        let expected = commit_path(pointer.generation, &pointer.export_id, &pointer.commit.sha256);
        if pointer.commit.path != expected || commit_number(&expected).is_none() {
            return Err(damaged(Damage::other("commit.path", pointer.commit.path, expected)));
        }
        if pointer.state.pending.windows(2).any(|pair| pair[0].day >= pair[1].day) {
            return Err(damaged(Damage::Disordered { field: "state.pending" }));
        }
        Ok(pointer)
    }
}

/// Refuses what a newer version wrote; of an older one there is none yet.
pub(super) fn check_version(found: u32, path: &str) -> Result<(), DatasetError> {
    match found {
        FORMAT_VERSION => Ok(()),
        newer if newer > FORMAT_VERSION => {
            Err(DatasetError::Newer { path: path.to_owned(), found, supported: FORMAT_VERSION })
        }
        _ => {
            let source = Damage::other("format_version", found.to_string(), FORMAT_VERSION.to_string());
            Err(DatasetError::Damaged { path: path.to_owned(), source })
        }
    }
}
