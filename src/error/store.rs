//! What can go wrong with an object store: what was refused, of which object, and what to do about it.
//!
//! In: what the store said, as codes and not as text. Out: [`StoreError`], its class and its hint.
//! Guarantees: no credential is in a message; the code and the request id that a store gave are.
//! Not here: finding out what it said (`place`).

use std::path::PathBuf;

use super::{Class, Resume};
use crate::config::{Origin, StoreKind, UrlFault};

/// What was asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAction {
    /// An object read.
    Get,
    /// An object written: whole, or a part of it.
    Put,
    /// An object deleted.
    Delete,
    /// Names listed.
    List,
    /// An unfinished upload given up.
    Abort,
}

impl StoreAction {
    /// What the store calls the permission for it.
    #[must_use]
    pub const fn permission(self, store: StoreKind) -> &'static str {
        match (store, self) {
            (StoreKind::S3, Self::Get) => "s3:GetObject",
            (StoreKind::S3, Self::Put) => "s3:PutObject",
            (StoreKind::S3, Self::Delete) => "s3:DeleteObject",
            (StoreKind::S3, Self::List) => "s3:ListBucket",
            (StoreKind::S3, Self::Abort) => "s3:AbortMultipartUpload",
            (StoreKind::Gcs, Self::Get) => "storage.objects.get",
            (StoreKind::Gcs, Self::Put) => "storage.objects.create",
            (StoreKind::Gcs, Self::Delete) => "storage.objects.delete",
            (StoreKind::Gcs, Self::List) => "storage.objects.list",
            (StoreKind::Gcs, Self::Abort) => "storage.multipartUploads.abort",
            (StoreKind::Azure, Self::Get) => "reading blobs",
            (StoreKind::Azure, Self::Put | Self::Abort) => "writing blobs",
            (StoreKind::Azure, Self::Delete) => "deleting blobs",
            (StoreKind::Azure, Self::List) => "listing blobs",
        }
    }

    /// The verb, to follow "cannot".
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Get => "read",
            Self::Put => "write",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Abort => "give up the upload of",
        }
    }
}

/// How a store, or the way to it, failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// It replied, and said that it cannot.
    #[error("the store replied {}", spoken(Some(*status), code.as_deref(), request_id.as_deref()))]
    Reply {
        /// The status.
        status: u16,
        /// The store's own code.
        code: Option<String>,
        /// The store's own name for the request.
        request_id: Option<String>,
    },
    /// No reply came, or not all of it.
    #[error("{0}")]
    Transport(String),
}

/// Why something in an object store, or with its settings, did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A URL that is none of a store's.
    #[error("{origin}: {value:?} {fault}")]
    Url {
        /// Where it was set.
        origin: Origin,
        /// As it was set, without credentials.
        value: String,
        /// What is wrong.
        fault: UrlFault,
    },
    /// A variable that cannot be what it has to be. Its value is not shown.
    #[error("{name} is not {expected}")]
    Variable {
        /// Which.
        name: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// A half of what makes sense only as a whole.
    #[error("{set} is set and {missing} is not")]
    HalfSet {
        /// The one.
        set: &'static str,
        /// The other.
        missing: &'static str,
    },
    /// An Azure URL without an account.
    #[error("AZURE_STORAGE_ACCOUNT_NAME is not set, and an az:// URL names only the container")]
    NoAccount,
    /// A log that has nowhere to be.
    #[error("{url} keeps no response log: --state-dir is needed")]
    NoStateDir {
        /// The place.
        url: String,
    },
    /// A directory with the log of an export to another place.
    #[error("{} has the state of {url}", dir.display())]
    OtherState {
        /// The directory.
        dir: PathBuf,
        /// The place that it is of.
        url: String,
    },
    /// An endpoint that would have what is stored sent unencrypted.
    #[error("{name}: plain http would send what is stored in clear text to {host}")]
    ClearText {
        /// Which variable.
        name: &'static str,
        /// A host that is not this one.
        host: String,
    },
    /// What the variables say makes no store.
    #[error("cannot set up {url}")]
    Setup {
        /// The place.
        url: String,
        /// Why not; no value is in it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody says who asks.
    #[error("no credentials for {url}: no instance gives any, and none of these is set: {}", looked_for.join(", "))]
    NoCredentials {
        /// The place.
        url: String,
        /// Which store it is in.
        store: StoreKind,
        /// What was looked for.
        looked_for: &'static [&'static str],
    },
    /// The store refused, and will the next time.
    #[error(
        "{url}: {} was refused: {}",
        action.permission(*store),
        spoken(*status, code.as_deref(), request_id.as_deref())
    )]
    Refused {
        /// The object.
        url: String,
        /// Which store it is in.
        store: StoreKind,
        /// What was asked.
        action: StoreAction,
        /// The status; `None` for one of several objects that are answered together.
        status: Option<u16>,
        /// The store's own code.
        code: Option<String>,
        /// The store's own name for the request.
        request_id: Option<String>,
        /// By how much this machine's clock is ahead of the store's, where the store told the time.
        ahead_secs: Option<i64>,
        /// What a run has left to go on with.
        resume: Option<Resume>,
    },
    /// The store says neither what is there nor that nothing is: S3 and its like do not to who may not list.
    #[error(
        "{url}: the store does not say whether anything is there: {}",
        spoken(*status, code.as_deref(), request_id.as_deref())
    )]
    Untold {
        /// The place.
        url: String,
        /// Which store it is in.
        store: StoreKind,
        /// The status.
        status: Option<u16>,
        /// The store's own code.
        code: Option<String>,
        /// The store's own name for the request.
        request_id: Option<String>,
    },
    /// The bucket is not there.
    #[error("{url}: there is no {} of that name: {}", store.bucket_word(), spoken(*status, code.as_deref(), request_id.as_deref()))]
    NoBucket {
        /// The place.
        url: String,
        /// Which store it is in.
        store: StoreKind,
        /// The status.
        status: Option<u16>,
        /// The store's own code.
        code: Option<String>,
        /// The store's own name for the request.
        request_id: Option<String>,
    },
    /// The store, or the way to it, failed again and again.
    #[error("cannot {} {url}", action.verb())]
    Failed {
        /// The object.
        url: String,
        /// What was asked.
        action: StoreAction,
        /// How the last try ended.
        source: StoreFault,
        /// What a run has left to go on with.
        resume: Option<Resume>,
    },
    /// An object that has to be there.
    #[error("there is no {url}")]
    Missing {
        /// The object.
        url: String,
    },
    /// An object that is larger than anything of its name could be.
    #[error("{url} has {bytes} bytes, more than the {limit} that it could have")]
    TooLarge {
        /// The object.
        url: String,
        /// Its size.
        bytes: u64,
        /// The most.
        limit: u64,
    },
    /// An object that is not what was written.
    #[error("{url} has {found} bytes, and {expected} were written")]
    OtherSize {
        /// The object.
        url: String,
        /// What was written.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// An object that does not read as it was written.
    #[error("{url}: what is read is not what was written")]
    OtherBytes {
        /// The object.
        url: String,
    },
    /// The store does not keep two writers apart.
    #[error("{url}: the store takes a put with If-None-Match: * of an object that is there")]
    Unconditional {
        /// The object that was tried.
        url: String,
    },
    /// Others write the same object again and again.
    #[error("{url}: the store had {tries} writes of it at once, each time")]
    Contended {
        /// The object.
        url: String,
        /// How often it was tried.
        tries: u32,
    },
    /// A name that no object can have.
    #[error("{key:?} cannot be a name in a store")]
    Key {
        /// The name.
        key: String,
    },
}

/// What a store said: `403 AccessDenied (request 7F3C)`.
fn spoken(status: Option<u16>, code: Option<&str>, request_id: Option<&str>) -> String {
    let status = status.map(|status| status.to_string());
    let said: Vec<_> = status.as_deref().into_iter().chain(code).collect();
    let request = request_id.map(|id| format!(" (request {id})")).unwrap_or_default();
    let said = if said.is_empty() { "it did not say why".to_owned() } else { said.join(" ") };
    format!("{said}{request}")
}

impl StoreError {
    /// What kind of ending this is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Url { .. }
            | Self::Variable { .. }
            | Self::HalfSet { .. }
            | Self::NoAccount
            | Self::NoStateDir { .. }
            | Self::OtherState { .. }
            | Self::ClearText { .. }
            | Self::Setup { .. }
            | Self::NoCredentials { .. }
            | Self::Refused { .. }
            | Self::Untold { .. }
            | Self::NoBucket { .. }
            | Self::Missing { .. }
            | Self::Unconditional { .. }
            | Self::Key { .. } => Class::Usage,
            // As the API's is: the same command goes on.
            Self::Failed { .. } => Class::Unreachable,
            Self::TooLarge { .. } | Self::OtherSize { .. } | Self::OtherBytes { .. } => Class::Failed,
            Self::Contended { .. } => Class::Busy,
        }
    }

    /// The same error, which tells what a run has left to go on with.
    #[must_use]
    pub fn resumable(mut self, left: Resume) -> Self {
        if let Self::Refused { resume, .. } | Self::Failed { resume, .. } = &mut self {
            *resume = Some(left);
        }
        self
    }

    /// A refusal to read, of a place of which nothing could be read.
    #[must_use]
    pub fn untold(self, url: String) -> Self {
        match self {
            Self::Refused { store, status, code, request_id, .. } => {
                Self::Untold { url, store, status, code, request_id }
            }
            other => other,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Url { origin, .. } => origin.remedy().unwrap_or_else(|| {
                "write it as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX".to_owned()
            }),
            Self::Variable { name, .. } => format!("correct {name}, or unset it"),
            Self::HalfSet { set, missing } => format!("set {missing} too, or unset {set}"),
            Self::NoAccount => "set it to the storage account's name".to_owned(),
            Self::NoStateDir { .. } => "add --state-dir DIR, a directory of its own that outlasts the job: what was fetched is kept there until it is stored"
                .to_owned(),
            Self::OtherState { url, .. } => {
                format!("give each output a directory of its own with --state-dir; this one goes on with -o {url}")
            }
            Self::ClearText { name, .. } => format!("set {name} to an https URL"),
            Self::Setup { .. } => {
                "check the store's variables: rtk-export config shows which are set".to_owned()
            }
            Self::NoCredentials { store, .. } => no_credentials(*store).to_owned(),
            Self::Refused { resume, .. } => {
                let advice = self.advice();
                resume.as_ref().map_or(advice.clone(), |resume| format!("{advice}; {}", going_on(resume)))
            }
            Self::Untold { store, .. } => format!(
                "check the name, and that these credentials have {}; with {} the store would say whether it is \
                 missing",
                StoreAction::Get.permission(*store),
                StoreAction::List.permission(*store)
            ),
            Self::NoBucket { store, .. } => format!(
                "make the {} first, for it is not made here, or correct its name{}",
                store.bucket_word(),
                if *store == StoreKind::S3 { " or AWS_ENDPOINT_URL" } else { "" }
            ),
            Self::Failed { resume, .. } => {
                let next =
                    resume.as_ref().map_or_else(|| "then run the same command again".to_owned(), going_on);
                format!("check the network and that the store is up; {next}")
            }
            Self::Missing { .. } => "check the name: it is taken letter by letter".to_owned(),
            Self::TooLarge { .. } => "something else was written there: choose another place".to_owned(),
            Self::OtherSize { .. } | Self::OtherBytes { .. } => {
                "somebody else writes there too, or the store lost it: run the same command again".to_owned()
            }
            Self::Unconditional { .. } => {
                "two writers could overwrite each other: use a store that has conditional writes".to_owned()
            }
            Self::Contended { .. } => {
                "wait for whoever writes there, then run the same command again".to_owned()
            }
            Self::Key { .. } => "its parts are not empty, . or .., and have no control characters".to_owned(),
        };
        Some(hint)
    }

    /// What to do about a refusal, by the code that came with it.
    fn advice(&self) -> String {
        let Self::Refused { store, action, status, code, ahead_secs, .. } = self else {
            return String::new();
        };
        let code = code.as_deref().unwrap_or_default();
        let keys = match store {
            StoreKind::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            StoreKind::Gcs => "GOOGLE_APPLICATION_CREDENTIALS",
            StoreKind::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        };
        match (store, code) {
            (_, "InvalidAccessKeyId") => {
                "the store does not know this key id: check AWS_ACCESS_KEY_ID, and that AWS_ENDPOINT_URL is the \
                 store that it is of"
                    .to_owned()
            }
            (_, "SignatureDoesNotMatch") => {
                "the secret is not the key id's own: check AWS_SECRET_ACCESS_KEY, and AWS_REGION".to_owned()
            }
            (_, "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "InvalidToken") => {
                "the session's credentials have expired: renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
                 AWS_SESSION_TOKEN"
                    .to_owned()
            }
            (_, "RequestTimeTooSkewed") => skewed(*ahead_secs),
            (_, "AllAccessDisabled" | "AccountProblem" | "NotSignedUp" | "AccountIsDisabled") => {
                "the account itself is closed or in arrears: its owner can tell".to_owned()
            }
            (
                StoreKind::S3,
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "TemporaryRedirect"
                | "IllegalLocationConstraintException",
            ) => "the bucket is in another region: set AWS_REGION to it".to_owned(),
            (StoreKind::S3, _) if matches!(status, Some(301 | 302 | 307 | 308)) => {
                "the bucket is in another region, or behind another endpoint: set AWS_REGION, or AWS_ENDPOINT_URL"
                    .to_owned()
            }
            (_, _) if *status == Some(401) => format!("the credentials are not taken: check {keys}"),
            (StoreKind::S3, "AccessDenied" | "") => format!(
                "the policy of these credentials needs {} on {} (R2: a token with Object Read & Write for this \
                 bucket)",
                action.permission(*store),
                if *action == StoreAction::List { "the bucket" } else { "what is below this place" }
            ),
            (StoreKind::Gcs, _) => format!(
                "grant {} to the service account{}",
                action.permission(*store),
                if *action == StoreAction::Put { ", and storage.objects.delete, which overwriting needs" } else { "" }
            ),
            (StoreKind::Azure, _) => "grant the role Storage Blob Data Contributor on the container".to_owned(),
            (StoreKind::S3, _) => format!("check {keys}, AWS_REGION and AWS_ENDPOINT_URL, and the policy"),
        }
    }
}

/// What to do where the store thinks it is another time.
fn skewed(ahead_secs: Option<i64>) -> String {
    match ahead_secs {
        Some(secs) => {
            let way = if secs >= 0 { "ahead of" } else { "behind" };
            let minutes = secs.unsigned_abs().div_ceil(60);
            format!("set this machine's clock: it is {minutes} min {way} the store's")
        }
        None => "set this machine's clock".to_owned(),
    }
}

/// Where else credentials could have come from.
const fn no_credentials(store: StoreKind) -> &'static str {
    match store {
        StoreKind::S3 => {
            "set the first two; profiles of ~/.aws are not read (aws configure export-credentials \
                          --format env prints them)"
        }
        StoreKind::Gcs => "set the first to a service account's key file",
        StoreKind::Azure => "set the first to one of the account's keys",
    }
}

/// That nothing is lost, and how to go on.
fn going_on(resume: &Resume) -> String {
    format!("the replies are kept: then the same command goes on: {}", resume.command)
}

#[cfg(test)]
mod tests;
