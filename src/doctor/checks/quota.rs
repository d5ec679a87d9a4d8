//! The rate-limit headers: whether they come, can be read, and move.

use std::collections::BTreeSet;

use super::super::report::{Check, Verdict};
use super::open;
use crate::config::RequestRate;
use crate::fetch::{Policy, QuotaTold};

/// Replies that must tell what is left before it can be said to stand still.
const READINGS: usize = 4;

/// What the headers say of the quota. `rate` is the one that was set, where one was.
pub(super) fn quota(told: &[QuotaTold], rate: Option<RequestRate>) -> Check {
    let name = "quota";
    let is_sent = told.iter().any(|told| told.policy_field.is_some() || told.left_field.is_some());
    let policies = told.iter().rev().map(|told| &told.policies[..]).find(|policies| !policies.is_empty());
    let policies = policies.unwrap_or_default();
    let left = readings(told);
    let own_rate = "nothing to set, but --rate where the account has another quota than 1200/5m";
    match (policies.is_empty(), left.is_empty()) {
        _ if told.is_empty() => open(name, "nothing was asked"),
        (true, true) if is_sent => {
            let fields = told.iter().find_map(|told| told.policy_field.as_ref().or(told.left_field.as_ref()));
            let seen = format!("headers that cannot be read: {}", fields.map_or("", String::as_str));
            Check::new(name, Verdict::Note, "unreadable", seen).follows(own_rate)
        }
        (true, true) => Check::new(name, Verdict::Note, "absent", "no rate-limit headers").follows(own_rate),
        (true, false) => {
            let seen = "Ratelimit tells what is left, but no Ratelimit-Policy of how much";
            Check::new(name, Verdict::Note, "no_policy", seen).follows(own_rate)
        }
        (false, _) => {
            let (verdict, answer, moves) = movement(&left);
            let shown: Vec<_> = policies.iter().map(shown).collect();
            let check = Check::new(name, verdict, answer, format!("{}; {moves}", shown.join(", ")));
            check.follows(followed(policies, rate))
        }
    }
}

/// What each reply said is left of the policy that moved most: one that counts another thing than
/// requests, or a day's, may stand still.
fn readings(told: &[QuotaTold]) -> Vec<u64> {
    let names = told.iter().flat_map(|told| &told.left).map(|left| left.name.as_str());
    let names: BTreeSet<_> = names.collect();
    let of = |name| {
        let left = told.iter().filter_map(|told| told.left.iter().find(|left| left.name == name));
        left.map(|left| left.requests).collect::<Vec<_>>()
    };
    names.into_iter().map(of).max_by_key(|left| steps_changed(left)).unwrap_or_default()
}

fn steps_changed(left: &[u64]) -> usize {
    left.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Whether what is left changes from reply to reply, as it must where it counts our requests.
fn movement(left: &[u64]) -> (Verdict, &'static str, String) {
    let (Some(first), Some(last)) = (left.first(), left.last()) else {
        return (Verdict::Note, "policy_only", "what is left of it is not told".to_owned());
    };
    let steps = left.len() - 1;
    let changed = steps_changed(left);
    if left.len() < READINGS {
        (Verdict::Note, "policy", format!("{last} left; too few replies to tell whether that moves"))
    } else if 2 * changed >= steps {
        (Verdict::Ok, "moving", format!("what is left went from {first} to {last}"))
    } else {
        (Verdict::Note, "frozen", format!("what is left stands at {last} whatever is sent"))
    }
}

fn shown(policy: &Policy) -> String {
    format!("{} ({})", as_rate(policy), policy.name)
}

/// As `--rate` has it.
fn as_rate(policy: &Policy) -> String {
    match policy.window {
        Some(window) => format!("{}/{}", policy.quota, humantime::format_duration(window)),
        None => format!("{} in a window that is not told", policy.quota),
    }
}

fn followed(policies: &[Policy], rate: Option<RequestRate>) -> String {
    if let Some(rate) = rate {
        return format!("--rate {rate} stays the ceiling; without it a run takes the server's word");
    }
    let rates: Vec<_> = policies.iter().map(as_rate).collect();
    format!(
        "nothing to set: a run keeps to {} less --reserve; --rate only where it is to be slower",
        rates.join(" and ")
    )
}
