//! Settings -> a store: which builder, with which of the variables.
//!
//! In: a [`RemoteConfig`]. Out: [`Remote`].
//! Guarantees: nothing but the variables that `config` read decides where requests go and who signs them; nothing
//! is sent; an endpoint in clear text is on this machine.
//! Not here: which variables there are (`config`).

use std::fs::File;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, RetryConfig};
use secrecy::ExposeSecret;
use url::Url;

use super::Remote;
use super::refusal::setup;
use super::wire::{Connector, ServerClock, options};
use crate::config::{RemoteConfig, StoreKind, StoreVariables, credential_variables, is_loopback};
use crate::error::{Result, StoreError};

/// What the variables name that has to be there.
const FILES: [&str; 5] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "AZURE_FEDERATED_TOKEN_FILE",
];

/// Where the store is, when it is not where its maker has it.
const ENDPOINTS: [&str; 4] =
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT"];

/// A 5xx is asked again after 0.1 s, and then ever later.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(20), ..BackoffConfig::default() },
        max_retries: 6,
        retry_timeout: Duration::from_mins(3),
    }
}

/// Makes a place of what is set.
pub(super) fn remote(config: &RemoteConfig) -> Result<Remote> {
    let RemoteConfig { url, variables } = config;
    for name in FILES {
        if let Some(path) = variables.get(name) {
            let expected = "a file that can be read";
            File::open(path.expose_secret()).map_err(|_| StoreError::Variable { name, expected })?;
        }
    }
    if url.store == StoreKind::S3 && variables.forbids_instance() && !has_credentials(variables) {
        let looked_for = credential_variables(url.store);
        return Err(StoreError::NoCredentials { url: url.to_string(), store: url.store, looked_for }.into());
    }
    let endpoint = ENDPOINTS.iter().find_map(|name| variables.get(name)).map(ExposeSecret::expose_secret);
    let endpoint = endpoint.and_then(|text| Url::parse(text).ok());
    // A clear text endpoint elsewhere was refused when the settings were read.
    let is_emulated = variables.has("AZURE_STORAGE_USE_EMULATOR");
    let loopback = is_emulated || endpoint.as_ref().is_some_and(is_loopback);
    let clock = ServerClock::default();
    let connector = Connector { clock: clock.clone(), loopback };
    let options = options().with_allow_http(loopback);
    let failed = |error| setup(config, &error);
    Ok(match url.store {
        StoreKind::S3 => {
            let mut builder = AmazonS3Builder::new()
                .with_client_options(options)
                .with_http_connector(connector)
                .with_retry(retry())
                .with_bucket_name(&url.bucket);
            // AWS_REGION wins.
            if endpoint.is_some_and(|endpoint| is_r2(&endpoint)) {
                builder = builder.with_region("auto");
            }
            for (key, value) in known::<AmazonS3ConfigKey>(variables) {
                builder = builder.with_config(key, value);
            }
            Remote::over(url.clone(), builder.build().map_err(failed)?, clock)
        }
        StoreKind::Gcs => {
            let mut builder = GoogleCloudStorageBuilder::new()
                .with_client_options(options)
                .with_http_connector(connector)
                .with_retry(retry())
                .with_bucket_name(&url.bucket);
            for (key, value) in known::<GoogleConfigKey>(variables) {
                builder = builder.with_config(key, value);
            }
            Remote::over(url.clone(), builder.build().map_err(failed)?, clock)
        }
        StoreKind::Azure => {
            let mut builder = MicrosoftAzureBuilder::new()
                .with_client_options(options)
                .with_http_connector(connector)
                .with_retry(retry())
                .with_container_name(&url.bucket);
            for (key, value) in known::<AzureConfigKey>(variables) {
                builder = builder.with_config(key, value);
            }
            Remote::over(url.clone(), builder.build().map_err(failed)?, clock)
        }
    })
}

/// The variables as the crate's own keys: they have the names that the crate gives them, but for the one that only
/// this file looks at.
fn known<K: std::str::FromStr>(variables: &StoreVariables) -> impl Iterator<Item = (K, String)> {
    variables.iter().filter_map(|(name, value)| {
        let key = name.to_ascii_lowercase().parse().ok()?;
        Some((key, value.expose_secret().to_owned()))
    })
}

/// Whether any of what S3 takes as credentials is set.
fn has_credentials(variables: &StoreVariables) -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
        .into_iter()
        .chain(["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        .any(|name| variables.has(name))
}

/// R2 has no regions but `auto`.
fn is_r2(endpoint: &Url) -> bool {
    endpoint.host_str().is_some_and(|host| host.ends_with(".r2.cloudflarestorage.com"))
}
