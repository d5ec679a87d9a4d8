//! Where files go: a directory, or a place in an object store with what opens it.
//!
//! In: a path or a URL, the environment. Out: [`PlaceConfig`].
//! Guarantees: credentials come from the environment only, by the names listed here; no value of one but the
//! region and the endpoints is ever shown; nothing is sent to another machine in clear text.
//! Not here: requests (`place`), who needs which place (`resolve`).

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::sources::{Environment, Origin};
use super::store_url::{StoreKind, StoreUrl, UrlFault};
use super::values;
use crate::error::{Error, Result, StoreError};

/// Where files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceConfig {
    /// A directory of this machine.
    Local(PathBuf),
    /// A place in an object store.
    Remote(RemoteConfig),
}

impl PlaceConfig {
    /// Reads a path or a URL.
    ///
    /// # Errors
    /// [`StoreError::Url`], or one of the store's variables that is not right.
    pub fn parse(text: &OsStr, origin: &Origin, environment: &Environment<'_>) -> Result<Self> {
        let shown = text.to_string_lossy();
        if !is_url(&shown) {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        let url = StoreUrl::parse(&shown).map_err(|fault| refused(&shown, origin, fault))?;
        RemoteConfig::new(url, environment).map(Self::Remote)
    }

    /// The place as errors and messages name it: the directory, or the URL.
    #[must_use]
    pub fn shown(&self) -> PathBuf {
        match self {
            Self::Local(dir) => dir.clone(),
            Self::Remote(remote) => remote.url.to_string().into(),
        }
    }

    /// The directory, where it is one.
    #[must_use]
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::Local(dir) => Some(dir),
            Self::Remote(_) => None,
        }
    }

    /// The place in a store, where it is one.
    #[must_use]
    pub const fn remote(&self) -> Option<&RemoteConfig> {
        match self {
            Self::Local(_) => None,
            Self::Remote(remote) => Some(remote),
        }
    }
}

impl fmt::Display for PlaceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(dir) => dir.display().fmt(f),
            Self::Remote(remote) => remote.url.fmt(f),
        }
    }
}

/// A place in an object store, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Where.
    pub url: StoreUrl,
    /// What the environment says of this store.
    pub variables: StoreVariables,
}

/// A list in an object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredList {
    /// Its place among the lists.
    pub number: usize,
    /// The folder that it is in.
    pub store: RemoteConfig,
    /// Its name there.
    pub name: String,
}

impl StoredList {
    /// Reads a list as typed; `None` where it is a file of this machine.
    pub(super) fn parse(
        number: usize,
        text: &str,
        origin: &Origin,
        environment: &Environment<'_>,
    ) -> Result<Option<Self>> {
        if !is_url(text) {
            return Ok(None);
        }
        let (url, name) = StoreUrl::parse_object(text).map_err(|fault| refused(text, origin, fault))?;
        Ok(Some(Self { number, store: RemoteConfig::new(url, environment)?, name }))
    }
}

impl RemoteConfig {
    /// What makes two places one: the URL, and where it leads.
    #[must_use]
    pub fn identity(&self) -> String {
        let endpoints = names(self.url.store).iter().filter(|(_, sort)| *sort == Sort::Endpoint);
        let set = endpoints.filter_map(|(name, _)| Some((name, self.variables.get(name)?)));
        let set = set.map(|(name, value)| format!("\n{name}={}", value.expose_secret()));
        format!("{}{}", self.url, set.collect::<String>())
    }

    fn new(url: StoreUrl, environment: &Environment<'_>) -> Result<Self> {
        let variables = StoreVariables::read(url.store, environment)?;
        let is_named = |name| variables.has(name);
        if url.store == StoreKind::Azure
            && !["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_USE_EMULATOR"].into_iter().any(is_named)
        {
            return Err(StoreError::NoAccount.into());
        }
        Ok(Self { url, variables })
    }
}

/// Whether a text is meant as a URL and not as a path.
fn is_url(text: &str) -> bool {
    values::scheme(text).is_some()
}

/// What a variable of a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// A region or the like, which everybody may see.
    Plain,
    /// A URL, which everybody may see but for what stands before its `@`.
    Endpoint,
    /// Whatever nobody may see.
    Secret,
}

/// The variables that say how S3 is reached.
const S3: &[(&str, Sort)] = &[
    ("AWS_ACCESS_KEY_ID", Sort::Secret),
    ("AWS_SECRET_ACCESS_KEY", Sort::Secret),
    ("AWS_SESSION_TOKEN", Sort::Secret),
    ("AWS_REGION", Sort::Plain),
    ("AWS_DEFAULT_REGION", Sort::Plain),
    ("AWS_ENDPOINT_URL", Sort::Endpoint),
    ("AWS_ENDPOINT_URL_S3", Sort::Endpoint),
    ("AWS_ENDPOINT_URL_STS", Sort::Endpoint),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Sort::Secret),
    ("AWS_ROLE_ARN", Sort::Secret),
    ("AWS_ROLE_SESSION_NAME", Sort::Secret),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Sort::Secret),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Sort::Secret),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Sort::Secret),
    ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", Sort::Secret),
    ("AWS_SERVER_SIDE_ENCRYPTION", Sort::Secret),
    ("AWS_SSE_KMS_KEY_ID", Sort::Secret),
    ("AWS_REQUEST_PAYER", Sort::Secret),
    (EC2_METADATA_DISABLED, Sort::Secret),
];

/// Set to `true`, no instance is asked for credentials.
const EC2_METADATA_DISABLED: &str = "AWS_EC2_METADATA_DISABLED";

/// The variables that say how Google Cloud Storage is reached.
const GCS: &[(&str, Sort)] = &[
    ("GOOGLE_APPLICATION_CREDENTIALS", Sort::Secret),
    ("GOOGLE_SERVICE_ACCOUNT", Sort::Secret),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", Sort::Secret),
    ("GOOGLE_BASE_URL", Sort::Endpoint),
];

/// The variables that say how Azure Blob Storage is reached.
const AZURE: &[(&str, Sort)] = &[
    ("AZURE_STORAGE_ACCOUNT_NAME", Sort::Secret),
    ("AZURE_STORAGE_ACCOUNT_KEY", Sort::Secret),
    ("AZURE_STORAGE_SAS_TOKEN", Sort::Secret),
    ("AZURE_STORAGE_ENDPOINT", Sort::Endpoint),
    ("AZURE_CLIENT_ID", Sort::Secret),
    ("AZURE_TENANT_ID", Sort::Secret),
    ("AZURE_CLIENT_SECRET", Sort::Secret),
    ("AZURE_FEDERATED_TOKEN_FILE", Sort::Secret),
    ("AZURE_STORAGE_USE_EMULATOR", Sort::Secret),
];

/// What a store's URL is when the account says so by itself.
const AN_ENDPOINT: &str = "an http or https URL, such as https://ACCOUNT.r2.cloudflarestorage.com";

const fn names(store: StoreKind) -> &'static [(&'static str, Sort)] {
    match store {
        StoreKind::S3 => S3,
        StoreKind::Gcs => GCS,
        StoreKind::Azure => AZURE,
    }
}

/// The variables of a store that are set.
#[derive(Clone, Debug, Default)]
pub struct StoreVariables(Vec<(&'static str, SecretString)>);

impl PartialEq for StoreVariables {
    fn eq(&self, other: &Self) -> bool {
        let exposed =
            |(name, value): &(&'static str, SecretString)| (*name, value.expose_secret().to_owned());
        self.0.iter().map(exposed).eq(other.0.iter().map(exposed))
    }
}

impl Eq for StoreVariables {}

/// What stands for a value that nobody may see.
const NOT_SHOWN: &str = "(set, not shown)";

impl StoreVariables {
    /// Reads those of a store.
    ///
    /// # Errors
    /// One that cannot be what it has to be, or that would send what is stored in clear text.
    pub fn read(store: StoreKind, environment: &Environment<'_>) -> Result<Self> {
        let mut set = Vec::new();
        for (name, sort) in names(store) {
            let Some(value) = environment(name).filter(|value| !value.is_empty()) else { continue };
            let malformed = |expected| StoreError::Variable { name, expected };
            let text = value.into_string().map_err(|_| malformed("UTF-8 text"))?;
            let clean = text.trim();
            if clean.is_empty() {
                continue;
            }
            if *sort == Sort::Endpoint {
                let url = values::base_url(clean).ok_or_else(|| malformed(AN_ENDPOINT))?;
                refuse_clear_text(name, &url)?;
            }
            set.push((*name, SecretString::from(clean)));
        }
        let variables = Self(set);
        variables.whole()?;
        Ok(variables)
    }

    /// Refuses a half of what makes sense only as a whole.
    fn whole(&self) -> Result<()> {
        let pair = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        for (set, missing) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            if self.has(set) && !self.has(missing) {
                return Err(StoreError::HalfSet { set, missing }.into());
            }
        }
        Ok(())
    }

    /// A variable's value, for whoever opens the store; nothing else may see it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.iter().find(|(set, _)| *set == name).map(|(_, value)| value)
    }

    /// Whether a variable is set.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All that are set, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &SecretString)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Whether instances may not be asked for credentials.
    #[must_use]
    pub fn forbids_instance(&self) -> bool {
        self.get(EC2_METADATA_DISABLED)
            .is_some_and(|value| value.expose_secret().eq_ignore_ascii_case("true"))
    }

    /// The variables of a store that are set, with what may be shown of their values.
    pub(super) fn shown(&self, store: StoreKind) -> impl Iterator<Item = (&'static str, String)> {
        names(store).iter().filter_map(|(name, sort)| {
            let value = self.get(name)?;
            let shown = match sort {
                Sort::Plain | Sort::Endpoint => value.expose_secret(),
                Sort::Secret => NOT_SHOWN,
            };
            Some((*name, shown.to_owned()))
        })
    }
}

/// The variables that could hold a store's credentials, for a message.
#[must_use]
pub const fn credential_variables(store: StoreKind) -> &'static [&'static str] {
    match store {
        StoreKind::S3 => &[
            "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY",
            "AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ],
        StoreKind::Gcs => {
            &["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY"]
        }
        StoreKind::Azure => &[
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_SAS_TOKEN",
            "AZURE_CLIENT_ID with AZURE_TENANT_ID and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE",
        ],
    }
}

/// An endpoint to which what is stored would go for everybody on the way to read.
fn refuse_clear_text(name: &'static str, url: &Url) -> Result<()> {
    if !values::is_clear_text(url) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    Err(StoreError::ClearText { name, host }.into())
}

fn refused(text: &str, origin: &Origin, fault: UrlFault) -> Error {
    StoreError::Url { origin: origin.clone(), value: values::without_credentials(text), fault }.into()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<PlaceConfig> {
        let environment = |name: &str| {
            variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
        };
        PlaceConfig::parse(OsStr::new(text), &Origin::Flag("output"), &environment)
    }

    const KEYS: [(&str, &str); 2] =
        [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")];

    #[test]
    fn a_path_is_a_directory_and_a_url_a_place_in_a_store() {
        assert_eq!(parse("out/s3", &[]).unwrap(), PlaceConfig::Local("out/s3".into()));
        let place = parse("s3://bucket/rtk/", &KEYS).unwrap();
        assert_eq!(place.to_string(), "s3://bucket/rtk");
        let variables = &place.remote().unwrap().variables;
        assert_eq!(variables.get("AWS_SECRET_ACCESS_KEY").unwrap().expose_secret(), "wJalrXUtnFEMI");
        assert!(!format!("{place:?}").contains("wJalrXUtnFEMI"));
    }

    /// What is wrong, without the value of anything that may be a secret.
    #[test]
    fn what_is_wrong_with_a_place_is_told() {
        let endpoint = |value| [KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL", value)];
        let cases: [(&str, Vec<(&str, &str)>); 9] = [
            ("s3a://bucket/x", vec![]),
            ("https://user:secret@example.com/x", vec![]),
            ("s3://key:secret@bucket/x", vec![]),
            ("s3://bucket//x", vec![]),
            ("s3://bucket/x", vec![KEYS[0]]),
            ("s3://bucket/x", vec![KEYS[1]]),
            ("s3://bucket/x", endpoint("http://minio.example:9000").to_vec()),
            ("s3://bucket/x", endpoint("https://user:secret@minio.example").to_vec()),
            ("az://container/x", vec![]),
        ];
        let told = cases.map(|(text, variables)| {
            let error = parse(text, &variables).unwrap_err();
            assert_eq!(error.class().exit_code(), 2);
            format!("{error}\n    hint: {}\n", error.hint().unwrap_or_default())
        });
        let told = told.concat();
        assert!(!told.contains("secret") && !told.contains("wJalr"), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn only_regions_and_endpoints_are_shown() {
        let mut variables = KEYS.to_vec();
        variables.extend([("AWS_REGION", "auto"), ("AWS_ENDPOINT_URL", " http://127.0.0.1:9000 ")]);
        let place = parse("s3://bucket", &variables).unwrap();
        let set: Vec<_> = place.remote().unwrap().variables.shown(StoreKind::S3).collect();
        let expected = [
            ("AWS_ACCESS_KEY_ID", NOT_SHOWN),
            ("AWS_SECRET_ACCESS_KEY", NOT_SHOWN),
            ("AWS_REGION", "auto"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
        ];
        assert_eq!(set, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
