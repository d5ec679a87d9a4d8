//! The token, its permission, the account and the app.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::Subject;
use super::super::findings::{Findings, Listing, Refusal, SessionSeen, TokenSeen};
use super::super::report::{Check, Verdict};
use super::{counted, open, shown};
use crate::error::Class;

/// A token that expires within this time is worth a warning: the next night's run may not have it.
const SOON: TimeDelta = TimeDelta::days(7);
/// App ids shown where the right one is not among them.
const SHOWN: usize = 5;

/// Whether the token is valid, by its own check.
pub(super) fn token(findings: &Findings, now: DateTime<Utc>) -> Check {
    let name = "token";
    match (&findings.user_token, &findings.account_token) {
        (Some(Ok(token)), _) => verified(token, "a user's token", "user", now),
        (_, Some(Ok(token))) => verified(token, "a token that the account owns", "account", now),
        (Some(Err(user)), account) => {
            let account = account.as_ref().and_then(|account| account.as_ref().err());
            let account = account.map(|refusal| format!("; the account's: {}", refusal.text()));
            let seen = format!("the user's check says: {}{}", user.text(), account.unwrap_or_default());
            unverified(findings, user, seen)
        }
        (None, _) => open(name, "it was not asked about"),
    }
}

fn verified(token: &TokenSeen, whose: &str, answer: &str, now: DateTime<Utc>) -> Check {
    let name = "token";
    if token.status != "active" {
        let failed = Verdict::Failed(Class::CredentialsRefused);
        return Check::new(name, failed, "inactive", format!("{whose}, which is {:?}", token.status))
            .follows(
                "make another token and set CLOUDFLARE_API_TOKEN, or the file of --api-token-file, to it",
            );
    }
    match token.expires_on {
        Some(end) if end - now < SOON => {
            let seen = format!("{whose}, active, which expires on {}", shown(end));
            Check::new(name, Verdict::Warning, answer, seen).follows("replace it before then")
        }
        Some(end) => Check::new(name, Verdict::Ok, answer, format!("{whose}, active until {}", shown(end))),
        None => Check::new(name, Verdict::Ok, answer, format!("{whose}, active")),
    }
}

/// A token that neither check knows: what the API itself makes of it decides.
fn unverified(findings: &Findings, user: &Refusal, seen: String) -> Check {
    let name = "token";
    match &findings.sessions {
        Some(Ok(_)) => Check::new(name, Verdict::Note, "unverified", seen)
            .follows("nothing: the API takes it all the same"),
        Some(Err(sessions)) if sessions.is_of_token() && user.is_of_token() => {
            let failed = Verdict::Failed(Class::CredentialsRefused);
            Check::new(name, failed, "refused", seen).follows(
                "set CLOUDFLARE_API_TOKEN, or the file of --api-token-file, to a token that is valid: \
                 as Cloudflare showed it when it was made, not revoked, not expired",
            )
        }
        _ => Check::new(name, Verdict::Open, "unverified", seen),
    }
}

/// Whether the app's sessions can be had.
pub(super) fn access(findings: &Findings, subject: &Subject) -> Check {
    let name = "access";
    match &findings.sessions {
        Some(Ok(sessions)) => listed(sessions),
        Some(Err(refusal)) => refused(findings, subject, refusal),
        None => open(name, "it was not asked about"),
    }
}

fn listed(sessions: &Listing<SessionSeen>) -> Check {
    let all = sessions.total.unwrap_or(sessions.count());
    if sessions.rows.is_empty() {
        let follows = "check --app-id if there should be some; what needs a session stays open here";
        return Check::new("access", Verdict::Note, "no_sessions", "allowed; the app has no sessions")
            .follows(follows);
    }
    let at_least = if sessions.total.is_some() { "" } else { "at least " };
    let seen = format!("allowed; the app has {at_least}{}", counted(all, "session", "sessions"));
    Check::new("access", Verdict::Ok, "allowed", seen)
}

/// What the status of the refusal says, and what to check.
fn refused(findings: &Findings, subject: &Subject, refusal: &Refusal) -> Check {
    let seen = format!("the app's sessions are not to be had: {}", refusal.text());
    let failed = |class, answer, follows: String| {
        Check::new("access", Verdict::Failed(class), answer, seen.clone()).follows(follows)
    };
    let token_is_good = [&findings.user_token, &findings.account_token]
        .into_iter()
        .any(|token| matches!(token, Some(Ok(token)) if token.status == "active"));
    let account = &subject.account_id;
    match refusal.status {
        Some(401 | 403) if token_is_good => failed(
            Class::CredentialsRefused,
            "forbidden",
            format!(
                "the token is valid, so give it the permission Realtime (read) for account {account}, or \
                 check --account-id"
            ),
        ),
        Some(401) => failed(Class::CredentialsRefused, "unauthorized", "see the token above".to_owned()),
        Some(403) => failed(
            Class::CredentialsRefused,
            "forbidden",
            format!(
                "check the token, that it has the permission Realtime for account {account}, and --account-id"
            ),
        ),
        Some(404) => failed(
            Class::Usage,
            "not_found",
            "check --app-id, --account-id and --base-url; the app below tells which".to_owned(),
        ),
        None => failed(
            Class::Unreachable,
            "unreachable",
            "check the network, HTTPS_PROXY, --base-url and https://www.cloudflarestatus.com".to_owned(),
        ),
        Some(429) => failed(
            Class::Unreachable,
            "throttled",
            "others spend the token's quota: wait five minutes, or give each its own token".to_owned(),
        ),
        Some(500..) => failed(
            Class::Unreachable,
            "unavailable",
            "try again later, and see https://www.cloudflarestatus.com".to_owned(),
        ),
        Some(_) => failed(
            Class::Failed,
            "unreadable",
            "check --base-url: this is not the answer of the RealtimeKit API that this version knows"
                .to_owned(),
        ),
    }
}

/// Whether the account's list of apps has the app.
pub(super) fn app(findings: &Findings, subject: &Subject) -> Check {
    let name = "app";
    let apps = match &findings.apps {
        Some(Ok(apps)) => apps,
        Some(Err(refusal)) => {
            return Check::new(
                name,
                Verdict::Open,
                "not_listed",
                format!("the token does not get the account's list of apps: {}", refusal.text()),
            );
        }
        None => return open(name, "it was not asked about"),
    };
    if apps.rows.contains(&subject.app_id) {
        return Check::new(name, Verdict::Ok, "found", "among the account's apps");
    }
    let some: Vec<_> = apps.rows.iter().take(SHOWN).map(String::as_str).collect();
    let count = counted(apps.count(), "app", "apps");
    let is_part = apps.is_all() == Some(false);
    let part = if is_part { format!("the first {count}") } else { format!("the account's {count}") };
    let seen = format!("not among {part}: {}", if some.is_empty() { "none".into() } else { some.join(", ") });
    match &findings.sessions {
        Some(Ok(_)) => {
            Check::new(name, Verdict::Note, "missing", seen).follows("nothing: the API knows it all the same")
        }
        _ if is_part => Check::new(name, Verdict::Open, "missing", seen),
        _ => Check::new(name, Verdict::Failed(Class::Usage), "missing", seen)
            .follows("set --app-id or REALTIMEKIT_APP_ID to the app's id, not its name"),
    }
}
