//! A commit file: which files hold which day of a dataset, and which files did until lately.
//!
//! In: bytes, or what a merge came to. Out: the commit, its bytes, or what it is made of as a [`Manifest`].
//! Guarantees: the same facts give the same bytes; a commit that was read names only files whose paths it could
//! have given itself, each once: whoever reads or deletes by it stays within the dataset.
//! Memory: the whole file, about 1 kB a day and 150 bytes a retired file.
//! Not here: what becomes of days (`merge`), the counting (`files`).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::merge::unlisted;
use super::pointer::{Pointer, check_version};
use super::{COMMITS, FORMAT_VERSION};
use crate::error::{Damage, DatasetError};
use crate::manifest::{
    self, Failures, Manifest, MinutesTotal, Requests, Source, TableFile, TableFiles, Time, Totals, Warning,
};

/// One state of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    format_version: u32,
    /// Which dataset it is of.
    pub dataset_id: String,
    /// Its number, counted from 1.
    pub generation: u64,
    /// The number of the commit that it was made on; `None` for the first.
    pub parent: Option<u64>,
    /// When it was made.
    pub committed_at: Time,
    /// The tables, each of which has a file of every day that has sessions.
    pub tables: Vec<String>,
    /// The exports that days are of, those of which they found nothing too, by id.
    pub exports: Vec<Export>,
    /// The days that were looked at, but those of which the last export that did found nothing.
    #[serde(serialize_with = "in_order", deserialize_with = "by_day")]
    pub days: BTreeMap<NaiveDate, DayEntry>,
    /// Files that were part of an earlier commit and are still there, by path.
    pub retired: Vec<Retired>,
}

/// An export: one look at a range of days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Its id, a UUID that sorts by time.
    pub export_id: String,
    /// When the look began.
    pub as_of: Time,
    /// The first day that it covered; `None` for the day of the app's first session.
    pub first: Option<NaiveDate>,
    /// The last.
    pub last: NaiveDate,
    /// What it cost, all its days together.
    pub requests: Requests,
    /// What it noticed that is of no day.
    pub warnings: Vec<Warning>,
}

impl Export {
    /// Whether it looked at a day.
    #[must_use]
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.first.is_none_or(|first| first <= day) && day <= self.last
    }

    /// The days that it looked at; none where it has no first one.
    pub(super) fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = self.last;
        self.first.into_iter().flat_map(move |first| first.iter_days().take_while(move |day| *day <= last))
    }
}

/// A day, as it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayEntry {
    /// Which, in the dataset's zone.
    pub day: NaiveDate,
    /// The export that looked.
    pub export_id: String,
    /// When that began.
    pub as_of: Time,
    /// Its sessions.
    pub sessions: u64,
    /// Sessions left out because they had not ended.
    pub live_left_out: u64,
    /// Requests about them, retries included; those of the sessions list are of no day.
    pub requests_sent: u64,
    /// Sums over its rows.
    pub totals: Totals,
    /// Rows of `failures` by reason.
    pub failures: BTreeMap<String, u64>,
    /// What was noticed.
    pub warnings: Vec<Warning>,
    /// Its files; none where it has no session.
    pub files: Vec<DayFile>,
}

/// A file of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFile {
    /// Its table.
    pub table: String,
    /// Relative to the dataset, with `/`.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// A file that is not part of the dataset any more, but may be read by whoever has an older commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Relative to the dataset, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Since when.
    pub retired_at: Time,
    /// The first commit without it.
    pub generation: u64,
}

/// Digits of a digest in the name of a commit file.
const DIGEST: usize = 16;

/// Where the file of a commit is: its name says in which order commits were made.
///
/// The beginning of its digest makes it a name of these bytes: another try of the same export writes beside it, and what a
/// pointer means stays what it is.
pub(super) fn commit_path(generation: u64, export_id: &str, sha256: &str) -> String {
    let digest = sha256.get(..DIGEST).unwrap_or(sha256);
    format!("{COMMITS}/{generation:08}-{export_id}-{digest}.json")
}

/// The number of the commit whose file has this path; `None` where it is none of a commit.
pub(super) fn commit_number(path: &str) -> Option<u64> {
    let name = path.strip_prefix(COMMITS)?.strip_prefix('/')?.strip_suffix(".json")?;
    let (number, rest) = name.split_once('-')?;
    let number: u64 = number.parse().ok()?;
    (is_name(rest, b'-') && path == format!("{COMMITS}/{number:08}-{rest}.json")).then_some(number)
}

/// Where a part of a day's table is.
#[must_use]
pub fn partition_path(table: &str, day: NaiveDate, export_id: &str, part: usize) -> String {
    format!("{table}/session_date={day}/part-{export_id}-{part:05}.parquet")
}

/// Whether a path is one that [`partition_path`] gives, of any table.
pub(crate) fn is_partition_path(path: &str) -> bool {
    let read = || {
        let (table, rest) = path.split_once("/session_date=")?;
        let (day, file) = rest.split_once("/part-")?;
        let (export_id, number) = file.strip_suffix(".parquet")?.rsplit_once('-')?;
        let part: usize = number.parse().ok()?;
        let is_name = is_name(table, b'_') && is_name(export_id, b'-');
        (is_name && path == partition_path(table, day.parse().ok()?, export_id, part)).then_some(())
    };
    read().is_some()
}

/// A name without anything that a path could hide in.
fn is_name(text: &str, also: u8) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == also)
}

fn in_order<S: Serializer>(days: &BTreeMap<NaiveDate, DayEntry>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(days.values())
}

fn by_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<NaiveDate, DayEntry>, D::Error> {
    let entries = Vec::<DayEntry>::deserialize(deserializer)?;
    let count = entries.len();
    let days: BTreeMap<_, _> = entries.into_iter().map(|entry| (entry.day, entry)).collect();
    if days.len() == count { Ok(days) } else { Err(serde::de::Error::custom("a day is there twice")) }
}

impl Commit {
    /// A commit of no days.
    #[must_use]
    pub fn empty(
        dataset_id: String,
        generation: u64,
        parent: Option<u64>,
        at: Time,
        tables: Vec<String>,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            dataset_id,
            generation,
            parent,
            committed_at: at,
            tables,
            exports: Vec::new(),
            days: BTreeMap::new(),
            retired: Vec::new(),
        }
    }

    /// The text of the file: one line, for it is long and rewritten by every commit.
    ///
    /// # Errors
    /// None in practice; the serializer's signature has one.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|json| json + "\n")
    }

    /// Reads the file that a pointer names; `path` is its name in messages.
    ///
    /// # Errors
    /// [`DatasetError::Newer`] where another version wrote it, [`DatasetError::Damaged`] where it is not the file
    /// that the pointer means, or names what no commit can.
    pub fn parse(bytes: &[u8], pointer: &Pointer, path: &str) -> Result<Self, DatasetError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let damaged = |source: Damage| DatasetError::Damaged { path: path.to_owned(), source };
        let found = crate::files::sha256_of(bytes);
        if found != pointer.commit.sha256 {
            return Err(damaged(Damage::other("SHA-256", found, pointer.commit.sha256.clone())));
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|source| damaged(source.into()))?;
        check_version(version.format_version, path)?;
        let commit: Self = serde_json::from_slice(bytes).map_err(|source| damaged(source.into()))?;
        if commit.generation != pointer.generation {
            let (found, expected) = (commit.generation.to_string(), pointer.generation.to_string());
            return Err(damaged(Damage::other("generation", found, expected)));
        }
        if commit.dataset_id != pointer.dataset_id {
            return Err(damaged(Damage::other("dataset_id", commit.dataset_id, pointer.dataset_id.clone())));
        }
        commit.check().map_err(damaged)?;
        Ok(commit)
    }

    /// Each file is one of a dataset and there once.
    fn check(&self) -> Result<(), Damage> {
        let mut seen = BTreeSet::new();
        let retired = self.retired.iter().map(|retired| retired.path.as_str());
        for path in self.files().map(|file| file.path.as_str()).chain(retired) {
            if !is_partition_path(path) {
                return Err(Damage::Path { path: path.to_owned() });
            }
            if !seen.insert(path) {
                return Err(Damage::Twice { path: path.to_owned() });
            }
        }
        for entry in self.days.values() {
            let of_day = |file: &DayFile| {
                let folder = format!("{}/session_date={}/", file.table, entry.day);
                file.path.starts_with(&folder) && self.tables.contains(&file.table)
            };
            if let Some(file) = entry.files.iter().find(|file| !of_day(file)) {
                return Err(Damage::Path { path: file.path.clone() });
            }
        }
        Ok(())
    }

    /// All current files, by day.
    pub fn files(&self) -> impl Iterator<Item = &DayFile> {
        self.days.values().flat_map(|entry| &entry.files)
    }

    /// When the dataset was last looked into, by whomever.
    #[must_use]
    pub fn last_look(&self) -> Option<Time> {
        self.exports.iter().map(|export| export.as_of).max()
    }

    /// The days that were last looked at by an export. Of one that began with the first session there is, those of
    /// which it found nothing are without number, and left out.
    pub fn days_of<'a>(&'a self, export_id: &'a str) -> impl Iterator<Item = NaiveDate> + 'a {
        let listed =
            self.days.values().filter(move |entry| entry.export_id == export_id).map(|entry| entry.day);
        let export = self.exports.iter().find(move |export| export.export_id == export_id);
        let is_last = move |day: &NaiveDate| {
            !self.days.contains_key(day)
                && unlisted(&self.exports, *day).is_some_and(|entry| entry.export_id == export_id)
        };
        listed.chain(export.into_iter().flat_map(Export::days).filter(is_last))
    }

    /// The first day that has a session.
    #[must_use]
    pub fn first_day(&self) -> Option<NaiveDate> {
        self.days.values().find(|entry| !entry.files.is_empty()).map(|entry| entry.day)
    }

    /// What the dataset is made of, as if it were one export.
    #[must_use]
    pub fn as_manifest(&self, pointer: &Pointer) -> Manifest {
        let identity = &pointer.identity;
        let begun = self.exports.iter().map(|export| export.as_of).min().unwrap_or(self.committed_at);
        let since = self.first_day().map(|day| identity.time_zone.first_instant(day));
        Manifest {
            schema_version: identity.schema_version,
            tool: pointer.tool.clone(),
            export_id: pointer.export_id.clone(),
            started_at: begun,
            finished_at: self.committed_at,
            source: Source {
                lists: Vec::new(),
                since: since.map(Time),
                until: Some(pointer.state.synced_until),
            },
            api: manifest::Api {
                base_url: pointer.api.base_url.clone(),
                account_id: identity.account_id.clone(),
                app_id: identity.app_id.clone(),
                filters: identity.filters.clone(),
            },
            requests: sum(self.exports.iter().map(|export| export.requests)),
            tables: self.tables.iter().map(|table| self.table(table)).collect(),
            totals: totals(self.days.values().map(|entry| entry.totals)),
            failures: self.failures(),
            warnings: self.warnings(),
        }
    }

    fn table(&self, name: &str) -> TableFiles {
        let of_table = self.files().filter(|file| file.table == name);
        let files: Vec<_> = of_table
            .map(|file| TableFile {
                path: file.path.clone(),
                rows: file.rows,
                bytes: file.bytes,
                sha256: file.sha256.clone(),
            })
            .collect();
        TableFiles { name: name.to_owned(), rows: files.iter().map(|file| file.rows).sum(), files }
    }

    fn failures(&self) -> Failures {
        let mut by_reason = BTreeMap::new();
        for (reason, count) in self.days.values().flat_map(|entry| &entry.failures) {
            *by_reason.entry(reason.clone()).or_default() += count;
        }
        Failures { total: by_reason.values().sum(), by_reason }
    }

    /// Of each kind the first example.
    fn warnings(&self) -> Vec<Warning> {
        let mut kinds: BTreeMap<&str, Warning> = BTreeMap::new();
        let of_no_day = self.exports.iter().flat_map(|export| &export.warnings);
        for warning in self.days.values().flat_map(|entry| &entry.warnings).chain(of_no_day) {
            kinds
                .entry(&warning.code)
                .and_modify(|sum| sum.count += warning.count)
                .or_insert_with(|| warning.clone());
        }
        kinds.into_values().collect()
    }
}

fn sum(requests: impl Iterator<Item = Requests>) -> Requests {
    requests.fold(Requests::default(), |sum, of| Requests {
        sent: sum.sent + of.sent,
        ok: sum.ok + of.ok,
        retried: sum.retried + of.retried,
        rate_limited: sum.rate_limited + of.rate_limited,
        saved_by_listing: sum.saved_by_listing + of.saved_by_listing,
    })
}

fn totals(days: impl Iterator<Item = Totals>) -> Totals {
    let add = |sum: Option<MinutesTotal>, of: Option<MinutesTotal>| match (sum, of) {
        (Some(sum), Some(of)) => Some(MinutesTotal::from_units(sum.units().saturating_add(of.units()))),
        (sum, of) => sum.or(of),
    };
    days.fold(Totals::default(), |sum, of| Totals {
        participants: sum.participants + of.participants,
        peer_events: sum.peer_events + of.peer_events,
        duration_minutes: add(sum.duration_minutes, of.duration_minutes),
        minutes_consumed: add(sum.minutes_consumed, of.minutes_consumed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_that_a_commit_gives_or_none() {
        let id = "0193a5f0-0000-7000-8000-000000000001";
        let path = partition_path("peer_events", "2026-10-01".parse().unwrap(), id, 3);
        assert_eq!(
            path,
            "peer_events/session_date=2026-10-01/part-0193a5f0-0000-7000-8000-000000000001-00003.parquet"
        );
        assert!(is_partition_path(&path));
        assert!(is_partition_path(&partition_path("a", NaiveDate::MIN, id, 123_456)));
        for other in [
            String::new(),
            path.replace("peer_events", ".."),
            path.replace("peer_events", "a/../b"),
            path.replace("peer_events", ""),
            path.replace("10-01", "10-32"),
            path.replace("10-01", "10-1"),
            path.replace("0193a5f0", "../x"),
            path.replace("00003", "3"),
            path.replace("00003", "+0003"),
            path.replace(".parquet", ".csv"),
            format!("/{path}"),
            format!("{path}/"),
            "dataset.json".to_owned(),
        ] {
            assert!(!is_partition_path(&other), "{other}");
        }
    }
}
