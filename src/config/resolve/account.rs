//! Whom to ask, and with which token.
//!
//! In: the sources. Out: an [`Api`], or as much of it as is set.
//! Guarantees: no token goes over the network in clear text; a token is read, or its command run, only where an
//! API is to be asked.
//! Not here: what a token may look like (`token`), how its command is run (`token_command`).

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use url::Url;

use super::conflict;
use crate::cli::AccountArgs;
use crate::config::settings;
use crate::config::sources::{Origin, Sourced, Sources};
use crate::config::{Api, ApiConfig, ApiToken, token_command, values};
use crate::error::{Error, Result};

/// An API that is there, and who asks about whom, as far as it is set.
pub(super) struct Asked {
    pub(super) base_url: Url,
    pub(super) account_id: Option<Sourced<String>>,
    pub(super) app_id: Option<Sourced<String>>,
    pub(super) token: Option<ApiToken>,
}

/// Whom to ask; everything has to be set.
pub(super) fn api(args: &AccountArgs, sources: &mut Sources<'_>) -> Result<Api> {
    let Some(Asked { base_url, account_id, app_id, token }) = asked(args, sources)? else {
        return Ok(Api::Sandbox);
    };
    match (account_id, app_id, token) {
        (Some(account_id), Some(app_id), Some(token)) => {
            let (account_id, app_id) = (account_id.value, app_id.value);
            Ok(Api::At(ApiConfig { base_url, account_id, app_id, token }))
        }
        (account_id, app_id, token) => {
            let found = [account_id.is_some(), app_id.is_some(), token.is_some()];
            let wanted = [&settings::ACCOUNT_ID, &settings::APP_ID, &settings::API_TOKEN_FILE];
            let missing = wanted.into_iter().zip(found).filter(|(_, found)| !found);
            Err(Error::SettingsMissing { missing: missing.map(|(setting, _)| setting).collect() })
        }
    }
}

/// Whom to ask, as far as it is set; `None` for the simulated API.
pub(super) fn asked(args: &AccountArgs, sources: &mut Sources<'_>) -> Result<Option<Asked>> {
    let sandbox = sources.sourced(&settings::SANDBOX, args.sandbox.as_deref(), values::truth)?;
    let base_url = sources.text(&settings::BASE_URL, args.base_url.as_deref().map(OsStr::new));
    if sandbox.value {
        // A variable that is set for every tool does not stand in the way of a typed --sandbox.
        return match base_url.map(|given| given.origin) {
            Some(origin) if origin.rank() >= sandbox.origin.rank() => Err(conflict(sandbox.origin, origin)),
            _ => Ok(None),
        };
    }
    let base_url = sources.sourced(&settings::BASE_URL, args.base_url.as_deref(), values::base_url)?;
    if values::is_clear_text(&base_url.value) {
        let host = base_url.value.host_str().unwrap_or_default().to_owned();
        return Err(Error::ClearTextBaseUrl { origin: base_url.origin, host });
    }
    let account_id = sources.optional(&settings::ACCOUNT_ID, args.account_id.as_deref(), values::id)?;
    let app_id = sources.optional(&settings::APP_ID, args.app_id.as_deref(), values::id)?;
    let token = sources.unless_wrong(&settings::API_TOKEN_FILE, |sources| {
        api_token(args.api_token_file.as_deref(), sources)
    })?;
    Ok(Some(Asked { base_url: base_url.value, account_id, app_id, token }))
}

/// The token: its variable holds the token itself, the flag and the file's key a path; another key of the file
/// holds a command.
fn api_token(typed: Option<&Path>, sources: &mut Sources<'_>) -> Result<Option<ApiToken>> {
    let mut setting = &settings::API_TOKEN_FILE;
    let (text, origin) = match sources.text(setting, typed.map(Path::as_os_str)) {
        Some(Sourced { value, origin: origin @ Origin::Variable(_) }) => {
            (value.to_string_lossy().into_owned(), origin)
        }
        Some(Sourced { value, origin }) => match fs::read(value) {
            Ok(bytes) => (String::from_utf8_lossy(&bytes).into_owned(), origin),
            Err(source) => return Err(Error::TokenFileUnreadable { origin, source }),
        },
        None => {
            let Some((origin, command)) = sources.token_command() else { return Ok(None) };
            setting = &settings::API_TOKEN_COMMAND;
            match command.output(token_command::TIME_LIMIT) {
                Ok(text) => (text, origin),
                Err(source) => return Err(Error::TokenCommand { origin, source }),
            }
        }
    };
    match ApiToken::parse(&text) {
        Ok(token) => {
            sources.show(setting, "(a token, not shown)".to_owned(), &origin);
            Ok(Some(token))
        }
        Err(source) => Err(Error::TokenMalformed { origin, source }),
    }
}
