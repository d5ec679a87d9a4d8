//! What can be wrong with a dataset: with what is there, or with what a command would make of it.

use std::time::Duration;

use chrono::NaiveDate;

use super::holder::told;
use super::{Class, Error, Holder};
use crate::config::{Origin, settings};

/// The simulated API has an account and an app of its own.
const SANDBOX: &str = settings::SANDBOX.name;

/// Why a dataset is not read, or not added to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The days of the dataset are those of another zone.
    #[error("{place}: the dataset's days are of {dataset}, and {} {command}", by(set_by.as_deref(), "is"))]
    OtherZone {
        /// The dataset.
        place: String,
        /// The dataset's zone.
        dataset: String,
        /// What set the command's, where that is known.
        set_by: Option<Box<Origin>>,
        /// The command's.
        command: String,
        /// The dataset's first day with a session.
        first: Option<NaiveDate>,
    },
    /// The dataset is another account's or app's.
    #[error("{place}: the dataset is of {what} {dataset}, and {} {command}", by(set_by.as_deref(), "says"))]
    OtherOwner {
        /// The dataset.
        place: String,
        /// `account` or `app`.
        what: &'static str,
        /// The dataset's.
        dataset: String,
        /// What set the command's, where that is known.
        set_by: Option<Box<Origin>>,
        /// The command's.
        command: String,
    },
    /// The tables had another shape.
    #[error("{place}: the dataset was made with schema version {found}; this program's is {supported}")]
    OtherSchema {
        /// The dataset.
        place: String,
        /// The dataset's.
        found: String,
        /// This program's.
        supported: String,
        /// The dataset's first day with a session.
        first: Option<NaiveDate>,
    },
    /// The rows would hold something else.
    #[error("{place}: the dataset was made with {}", told_differences(differences))]
    OtherContent {
        /// The dataset.
        place: String,
        /// In what they differ.
        differences: Vec<Difference>,
        /// The dataset's first day with a session.
        first: Option<NaiveDate>,
    },
    /// A file of a later format than this program knows.
    #[error("{path} was written by a newer rtk-export (format {found}; this program reads {supported})")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: u32,
        /// The latest known.
        supported: u32,
    },
    /// A file that is not what it has to be.
    #[error("{path} is damaged")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: Damage,
    },
    /// The next commit could be written, and then not be read.
    #[error(
        "{place}: the file of the next commit would have {bytes} bytes, and none of more than {limit} is read"
    )]
    CommitTooLarge {
        /// The dataset.
        place: String,
        /// Its size.
        bytes: u64,
        /// The most.
        limit: u64,
    },
    /// A damaged dataset is made anew, and nobody says by which days.
    #[error(
        "{place}: the dataset's time zone is not known any more: dataset.json, which says it, is damaged"
    )]
    ZoneUnknown {
        /// The dataset.
        place: String,
    },
    /// An export is where a dataset should be.
    #[error("{place} has a manifest.json: it is an export, not a dataset")]
    IsExport {
        /// Where.
        place: String,
    },
    /// A dataset is where an export should be.
    #[error("{place} has a dataset.json: it is a dataset, not an export")]
    IsDataset {
        /// Where.
        place: String,
    },
    /// There is neither.
    #[error("{place} has no dataset.json: it is no dataset")]
    Missing {
        /// Where.
        place: String,
    },
    /// The range is the wrong way round.
    #[error("--to ({to}) is before --from ({from})")]
    DaysReversed {
        /// `--from`.
        from: NaiveDate,
        /// `--to`.
        to: NaiveDate,
    },
    /// Made anew, the dataset would lose days.
    #[error(
        "{place}: made anew, the dataset would lose {days} day{} of which the API has no session or that were not \
         asked for, the first of them {first}", if *days == 1 { "" } else { "s" }
    )]
    DaysLost {
        /// The dataset.
        place: String,
        /// How many.
        days: usize,
        /// The first of them.
        first: NaiveDate,
    },
    /// Others committed each time that this process was about to.
    #[error("{place}: others committed to the dataset {tries} times while this process tried to")]
    Outrun {
        /// The dataset.
        place: String,
        /// How often this process tried.
        tries: u32,
    },
    /// Another process is at work on it.
    #[error("another process is at work on {place}{}", told(holder.as_deref()))]
    Busy {
        /// The dataset.
        place: String,
        /// Who it is, where it says so.
        holder: Option<Box<Holder>>,
        /// How long a holder that was killed still holds it; `None` where it does not.
        stale_after: Option<Duration>,
    },
    /// The lock is another's, or nobody could be told any more that it is this process's.
    #[error("the lock of {place} was lost: {}", lost_to(holder.as_deref()))]
    LockLost {
        /// The dataset.
        place: String,
        /// Whose it is now, where that is known.
        holder: Option<Box<Holder>>,
        /// Why it could not be renewed, where it could not.
        source: Option<Box<Error>>,
    },
}

/// What can differ between a dataset and a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The shape of the tables.
    SchemaVersion,
    /// The zone of the days.
    TimeZone,
    /// The account.
    Account,
    /// The app.
    App,
    /// The call statistics.
    Filters,
    /// Whether peer events are there.
    PeerEvents,
    /// Whether live sessions are.
    IncludeLive,
}

/// One thing in which a dataset and a command differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In what.
    pub named: Named,
    /// As the dataset has it.
    pub dataset: String,
    /// As the command has it.
    pub command: String,
}

impl Named {
    /// The setting that says it, as it is typed or set.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::SchemaVersion => "the schema version",
            Self::TimeZone => "--tz",
            Self::Account => "CLOUDFLARE_ACCOUNT_ID",
            Self::App => "REALTIMEKIT_APP_ID",
            Self::Filters => "--filters",
            Self::PeerEvents => "--no-peer-events",
            Self::IncludeLive => "--include-live",
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It is not the JSON that it has to be.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A value is another.
    #[error("its {field} is {found:?}, expected {expected:?}")]
    Other {
        /// Of what.
        field: &'static str,
        /// As it is.
        found: String,
        /// As it has to be.
        expected: String,
    },
    /// Entries are not in their order, or there twice.
    #[error("the days of its {field} are not in order")]
    Disordered {
        /// Which.
        field: &'static str,
    },
    /// It names a file that no dataset has.
    #[error("it names {path:?}, which is no file of a dataset")]
    Path {
        /// The name.
        path: String,
    },
    /// It names a file twice.
    #[error("it names {path} twice")]
    Twice {
        /// The name.
        path: String,
    },
    /// The file is not there.
    #[error("it is not there")]
    Missing,
    /// It is larger than any of its name.
    #[error("it has {bytes} bytes, more than the {limit} that it could have")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The most.
        limit: u64,
    },
}

impl Damage {
    /// A value that is not what it has to be.
    pub(crate) fn other(field: &'static str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Other { field, found: found.into(), expected: expected.into() }
    }
}

impl DatasetError {
    /// What kind of ending this is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::OtherZone { .. }
            | Self::OtherOwner { .. }
            | Self::OtherSchema { .. }
            | Self::OtherContent { .. }
            | Self::Newer { .. }
            | Self::ZoneUnknown { .. }
            | Self::IsExport { .. }
            | Self::IsDataset { .. }
            | Self::Missing { .. }
            | Self::DaysReversed { .. }
            | Self::DaysLost { .. } => Class::Usage,
            Self::Damaged { .. } | Self::CommitTooLarge { .. } => Class::Failed,
            Self::Outrun { .. } | Self::Busy { .. } | Self::LockLost { .. } => Class::Busy,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::OtherZone { command, set_by, first, .. } => format!(
                "{1}; for a dataset of its own: rtk-export sync -o OTHER --tz {command}{0}; to make this one anew: \
                 add --anew{0}",
                since(*first),
                leave_out(set_by.as_deref())
            ),
            Self::OtherOwner { what, command, set_by, .. } => {
                let owner = match set_by.as_deref() {
                    Some(Origin::Flag(SANDBOX) | Origin::File { key: SANDBOX, .. }) => format!("--{SANDBOX}"),
                    _ => format!("--{what}-id {command}"),
                };
                format!("sync that {what} to a place of its own: rtk-export sync -o OTHER {owner}")
            }
            Self::OtherSchema { first, .. } => {
                format!(
                    "rtk-export sync --anew{} makes it anew; the version that made it still reads it",
                    since(*first)
                )
            }
            Self::OtherContent { first, .. } => format!(
                "leave what differs as it was, sync to another place, or make this one anew: add --anew{}",
                since(*first)
            ),
            Self::Newer { .. } => "update rtk-export".to_owned(),
            Self::Damaged { path, .. } => format!(
                "put back a copy of the file; or make the dataset anew with rtk-export sync --anew{}: days that the \
                 API does not have any more are then gone from it",
                // That file alone has the zone.
                if path.ends_with("dataset.json") { " --tz ZONE" } else { "" }
            ),
            Self::CommitTooLarge { place, .. } => format!(
                "rtk-export vacuum {place} takes what was replaced out of it; then the same command goes on: what was \
                 fetched is kept"
            ),
            Self::ZoneUnknown { .. } => "add --tz ZONE, the one whose days it is to have".to_owned(),
            Self::IsExport { .. } => "sync to another place; an export stays as it is".to_owned(),
            Self::IsDataset { .. } => "export to another place; rtk-export sync adds to a dataset".to_owned(),
            Self::Missing { .. } => "rtk-export sync begins one".to_owned(),
            Self::DaysReversed { .. } => "--to is the first day that is not meant any more".to_owned(),
            Self::DaysLost { first, .. } => {
                format!("begin earlier: --from {first}; where they may go: add --accept-empty-days")
            }
            Self::Outrun { .. } | Self::LockLost { .. } => {
                "run the same command again: what was fetched is kept".to_owned()
            }
            Self::Busy { stale_after: None, .. } => "wait for it: add --wait-lock".to_owned(),
            Self::Busy { stale_after: Some(after), .. } => format!(
                "wait for it: add --wait-lock; if it was killed, its lock is free after {} seconds",
                after.as_secs()
            ),
        }
    }
}

/// How a lock was lost.
fn lost_to(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("it was taken over while this process was silent, by {holder}"),
        None => "it could not be renewed".to_owned(),
    }
}

/// What set something, to be followed by its value.
fn by(set_by: Option<&Origin>, verb: &str) -> String {
    set_by.map_or_else(|| "this command's is".to_owned(), |origin| format!("{origin} {verb}"))
}

/// How to have a setting no more: where it stands.
fn leave_out(set_by: Option<&Origin>) -> String {
    match set_by {
        Some(Origin::File { path, key, .. }) => format!("remove {key} from {}", path.display()),
        Some(Origin::Variable(name)) => format!("unset {name}"),
        Some(origin @ (Origin::Flag(_) | Origin::Argument(_) | Origin::Default(_))) => {
            format!("leave {origin} out")
        }
        None => "leave --tz out".to_owned(),
    }
}

/// The flag that begins with a day.
fn since(first: Option<NaiveDate>) -> String {
    first.map(|first| format!(" --from {first}")).unwrap_or_default()
}

/// `--filters none, and this command has all`.
fn told_differences(differences: &[Difference]) -> String {
    let told = differences.iter().map(|Difference { named, dataset, command }| match named {
        Named::PeerEvents | Named::IncludeLive => {
            format!("{}={dataset}, and this command has {command}", named.setting())
        }
        _ => format!("{} {dataset}, and this command has {command}", named.setting()),
    });
    told.collect::<Vec<_>>().join("; with ")
}
