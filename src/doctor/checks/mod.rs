//! Judges what was found: one pure function for each question.
//!
//! In: [`Findings`], the subject, the time. Out: one [`Check`] for each question, always all of them, in
//! this order.
//! Guarantees: pure; what could not be asked, or has no answer, is `open` and says why.
//! Not here: asking (`course`), reading replies (`findings`).

mod access;
mod pages;
mod quota;
mod records;
mod sessions;
mod statistics;

use chrono::{DateTime, SecondsFormat, Utc};

use super::Subject;
use super::findings::{Findings, Refusal, Told};
use super::report::{Check, Verdict};
use crate::error::Class;

/// All checks.
pub(super) fn all(findings: &Findings, subject: &Subject, now: DateTime<Utc>) -> Vec<Check> {
    vec![
        access::token(findings, now),
        access::access(findings, subject),
        access::app(findings, subject),
        quota::quota(&findings.quota, subject.rate),
        sessions::sample(findings, subject),
        pages::page_size(findings),
        pages::default_page_size(findings),
        pages::first_page(findings),
        pages::paging(findings),
        statistics::details_filters(findings),
        statistics::report_filters(findings),
        statistics::report_unfiltered(findings),
        records::list_and_details(findings),
        records::minutes(findings),
        sessions::window(findings),
        sessions::settling(findings, now),
    ]
}

/// A question that could not be answered, and why.
fn open(name: &'static str, why: impl Into<String>) -> Check {
    Check::new(name, Verdict::Open, "unknown", why)
}

/// A question that was asked and not answered.
fn unanswered(name: &'static str, refusal: &Refusal) -> Check {
    let verdict = match refusal.status {
        Some(401 | 403) => Verdict::Failed(Class::CredentialsRefused),
        // Passing trouble, or a reply that a run could not read either.
        None | Some(200 | 408 | 429 | 500..) => Verdict::Warning,
        Some(_) => Verdict::Open,
    };
    Check::new(name, verdict, "no_answer", format!("no answer: {}", refusal.text()))
}

/// What was found, or the check to give in its place.
fn found<'a, T>(told: Option<&'a Told<T>>, name: &'static str) -> Result<&'a T, Box<Check>> {
    match told {
        Some(Ok(found)) => Ok(found),
        Some(Err(refusal)) => Err(Box::new(unanswered(name, refusal))),
        None => Err(Box::new(open(name, "there was nothing to ask it of"))),
    }
}

/// A count and its noun.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
