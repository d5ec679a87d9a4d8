//! What a store's failure means: the kind of it, and the error that says so.
//!
//! In: the crate's error, and what was noted of the last reply. Out: a [`Verdict`], and [`StoreError`].
//! Guarantees: decided by statuses and codes, never by text; what would be refused again is told apart from
//! what may go well the next time.
//! Not here: the words (`error`).

use secrecy::ExposeSecret;

use super::wire::Note;
use crate::clock;
use crate::config::{RemoteConfig, StoreKind, StoreUrl, credential_variables};
use crate::error::{StoreAction, StoreError, StoreFault};

/// An operation that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: object_store::Error,
    pub(super) note: Note,
}

/// What a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The object is not there.
    Missing,
    /// The condition of a put was not met, or was just being decided for another.
    Unmet,
    /// The store refuses, and will the next time.
    Refused,
    /// It may or may not have been done.
    Undecided,
}

impl Failure {
    /// What this is.
    pub(super) fn verdict(&self) -> Verdict {
        use object_store::Error as E;
        match &self.error {
            E::NotFound { .. } if self.is_bucket() => Verdict::Refused,
            E::NotFound { .. } => Verdict::Missing,
            E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => Verdict::Unmet,
            _ if self.note.no_instance => Verdict::Refused,
            _ => match self.note.status {
                // Only the reply to a deletion of several carries a code where it is a success.
                Some(200..=299) if self.note.code.is_some() => Verdict::Refused,
                Some(408 | 429) => Verdict::Undecided,
                Some(300..=499) => Verdict::Refused,
                _ => Verdict::Undecided,
            },
        }
    }

    /// Whether it is the bucket that is not there.
    fn is_bucket(&self) -> bool {
        matches!(self.note.code.as_deref(), Some("NoSuchBucket" | "ContainerNotFound"))
    }

    /// Whether the store refused this one action, with no more to say: of an object that is not there too.
    pub(super) fn is_denied(&self) -> bool {
        self.note.status == Some(403) && matches!(self.note.code.as_deref(), None | Some("AccessDenied"))
    }

    /// Whether the store does not know what was asked of it.
    pub(super) fn is_unknown_there(&self) -> bool {
        matches!(self.error, object_store::Error::NotImplemented { .. }) || self.note.status == Some(501)
    }

    /// The error that says so.
    pub(super) fn into_error(self, at: &At<'_>, action: StoreAction) -> StoreError {
        let (url, store) = (at.object(), at.place.store);
        let Note { status, code, request_id, no_instance } = self.note.clone();
        if no_instance {
            let looked_for = credential_variables(store);
            return StoreError::NoCredentials { url: at.place.to_string(), store, looked_for };
        }
        match self.verdict() {
            Verdict::Missing => StoreError::Missing { url },
            Verdict::Refused if self.is_bucket() => {
                StoreError::NoBucket { url: at.place.to_string(), store, status, code, request_id }
            }
            Verdict::Refused => StoreError::Refused {
                url,
                store,
                action,
                status: status.filter(|status| *status >= 300),
                code,
                request_id,
                ahead_secs: at.server_now.map(|then| (clock::now() - then).num_seconds()),
                resume: None,
            },
            Verdict::Unmet | Verdict::Undecided => {
                let source = match status.filter(|status| *status >= 300) {
                    Some(status) => StoreFault::Reply { status, code, request_id },
                    None => StoreFault::Transport(innermost(&self.error)),
                };
                StoreError::Failed { url, action, source, resume: None }
            }
        }
    }
}

/// What was asked for.
pub(super) struct At<'a> {
    pub(super) place: &'a StoreUrl,
    /// `None` for the place itself.
    pub(super) key: Option<&'a str>,
    pub(super) server_now: Option<chrono::DateTime<chrono::Utc>>,
}

impl At<'_> {
    fn object(&self) -> String {
        self.key.map_or_else(|| self.place.to_string(), |key| self.place.object(key))
    }
}

/// The cause of all causes, in one line.
fn innermost(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Why the settings make no store. What the crate says of a variable is told unless its value is in it.
pub(super) fn setup(config: &RemoteConfig, error: &object_store::Error) -> StoreError {
    let said = innermost(error);
    let is_secret = config.variables.iter().any(|(_, value)| said.contains(value.expose_secret()));
    let source = if is_secret { "a variable cannot be read".to_owned() } else { said };
    StoreError::Setup { url: config.url.to_string(), source: source.into() }
}

/// Whether uploads of a store that are given up leave nothing to give up: Azure's blocks go by themselves.
pub(super) const fn uploads_have_names(store: StoreKind) -> bool {
    !matches!(store, StoreKind::Azure)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each reply is taken for, where the crate gives it no meaning of its own.
    #[test]
    fn replies_are_refusals_or_leave_open_what_was_done() {
        let verdict = |status, code: Option<&str>| {
            let error = object_store::Error::Generic { store: "S3", source: "no".into() };
            let note = Note { status, code: code.map(str::to_owned), ..Note::default() };
            Failure { error, note }.verdict()
        };
        for (status, expected) in [
            (None, Verdict::Undecided),
            (Some(200), Verdict::Undecided),
            (Some(301), Verdict::Refused),
            (Some(400), Verdict::Refused),
            (Some(401), Verdict::Refused),
            (Some(403), Verdict::Refused),
            (Some(408), Verdict::Undecided),
            (Some(413), Verdict::Refused),
            (Some(429), Verdict::Undecided),
            (Some(500), Verdict::Undecided),
            (Some(503), Verdict::Undecided),
        ] {
            assert_eq!(verdict(status, None), expected, "{status:?}");
        }
        // Of several objects that are deleted, some refused.
        assert_eq!(verdict(Some(200), Some("AccessDenied")), Verdict::Refused);
    }

    /// A value that an error of the crate quotes is not told.
    #[test]
    fn what_is_set_up_wrong_is_told_without_values() {
        let environment = |name: &str| match name {
            "GOOGLE_SERVICE_ACCOUNT_KEY" => Some("s3cr3t".into()),
            _ => None,
        };
        let place = crate::config::PlaceConfig::parse(
            "gs://bucket".as_ref(),
            &crate::config::Origin::Flag("output"),
            &environment,
        );
        let place = place.unwrap();
        let config = place.remote().unwrap();
        let said = |text: &str| {
            let error = object_store::Error::Generic { store: "GCS", source: text.into() };
            let setup = setup(config, &error);
            std::error::Error::source(&setup).unwrap().to_string()
        };
        assert_eq!(said("no number: \"s3cr3t\""), "a variable cannot be read");
        assert_eq!(said("no key"), "no key");
        // As the crate says it of this very setting.
        let refused = crate::place::Place::open(&place).unwrap_err();
        assert!(!format!("{refused:?}").contains("s3cr3t"), "{refused:?}");
    }
}
