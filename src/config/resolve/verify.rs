//! The settings of `verify`: whom to ask as for `run`, but that the export itself may say whose it is. What is
//! held against what is only typed.

use super::{Asked, Sources, asked, pace, published, user_state_dir};
use crate::cli::VerifyArgs;
use crate::config::file::ConfigFile;
use crate::config::settings;
use crate::config::sources::Sourced;
use crate::config::values;
use crate::config::verify::{Against, VerifyApi, VerifyAt, VerifyConfig};
use crate::error::{Error, Result};

/// Resolves what was typed after `verify`.
pub(super) fn verify(args: VerifyArgs, mut sources: Sources<'_>) -> Result<VerifyConfig> {
    let export = published(args.export, &sources)?;
    let mut typed_only = Sources::new(&|_| None, ConfigFile::default());
    let minutes = typed_only.value(&settings::VERIFY_MINUTES, args.minutes.as_deref(), values::choice)?;
    let against = typed_only.value(&settings::AGAINST, args.against.as_deref(), Against::parse)?;
    let api = if args.offline { None } else { Some(api(asked(&args.account, &mut sources)?)?) };
    let (rate, reserve_percent, timeout) = pace(&args.pace, &mut sources)?;
    let user_state_dir = user_state_dir(&sources);
    let mut settings = sources.into_shown();
    settings.extend(typed_only.into_shown());
    Ok(VerifyConfig {
        export,
        api,
        minutes,
        against,
        rate,
        reserve_percent,
        timeout,
        format: args.format,
        user_state_dir,
        settings,
    })
}

/// Of all that a run needs, only the token has to be set.
fn api(asked: Option<Asked>) -> Result<VerifyApi> {
    let Some(Asked { base_url, account_id, app_id, token }) = asked else { return Ok(VerifyApi::Sandbox) };
    let token = token.ok_or(Error::TokenMissing)?;
    let set = |given: Option<Sourced<String>>| given.map(|given| (given.value, given.origin));
    Ok(VerifyApi::At(Box::new(VerifyAt {
        base_url,
        account_id: set(account_id),
        app_id: set(app_id),
        token,
    })))
}
