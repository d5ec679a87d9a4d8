//! Where call statistics come from, and which filters are taken.

use super::super::findings::{ASKED, Findings, GROUPS, Refusal, Report};
use super::super::report::{Check, Verdict};
use super::{found, open, unanswered};

const FROM_REPORTS: &str = "--stats-from peer-report";
/// Statistics are kept for so long (API page, section 0).
const KEPT: &str = "statistics are kept for six months";

/// Whether details honour `filters`.
pub(super) fn details_filters(findings: &Findings) -> Check {
    let name = "details_filters";
    if let Some(Err(refusal)) = &findings.details_filtered
        && refusal.is_of_parameters()
    {
        let seen = format!("details with filters are refused: {}", refusal.text());
        return Check::new(name, Verdict::Note, "refused", seen)
            .follows("statistics cost a request more for each participant")
            .setting(FROM_REPORTS);
    }
    let filtered = match found(findings.details_filtered.as_ref(), name) {
        Ok(filtered) => filtered,
        Err(check) => return *check,
    };
    let unasked = matches!(&findings.details, Some(Ok(details)) if !details.groups.is_empty());
    if unasked {
        return Check::new(
            name,
            Verdict::Note,
            "always",
            "details carry statistics even where none are asked for",
        );
    }
    let groups = filtered.groups.join(" and ");
    match (filtered.has_both(), filtered.groups.is_empty()) {
        (true, _) => {
            let seen = format!("honoured: {groups} came, in the {} shape", shape(filtered));
            Check::new(name, Verdict::Ok, "honoured", seen).follows("statistics cost no further request")
        }
        (false, false) => {
            let seen = format!("{} asked for, only {groups} came", ASKED.join(" and "));
            Check::new(name, Verdict::Warning, "partly", seen)
                .follows("take them from the peer reports")
                .setting(FROM_REPORTS)
        }
        (false, true) if reported(findings) => Check::new(
            name,
            Verdict::Note,
            "ignored",
            "ignored: details carry no statistics, peer reports do",
        )
        .follows("--stats-from auto finds that out by itself; said outright, it spares the trial")
        .setting(FROM_REPORTS),
        (false, true) => {
            open(name, format!("neither details nor peer report have statistics of this participant; {KEPT}"))
        }
    }
}

/// Whether any peer report carried statistics.
fn reported(findings: &Findings) -> bool {
    let reports = [&findings.report_of_two, &findings.report_of_one, &findings.report];
    reports.into_iter().any(|report| matches!(report, Some(Ok(report)) if !report.groups.is_empty()))
}

fn shape(report: &Report) -> &'static str {
    if report.is_new_shape { "new" } else { "old" }
}

/// Whether peer reports take a list of filters.
pub(super) fn report_filters(findings: &Findings) -> Check {
    let name = "report_filters";
    match (&findings.report_of_two, &findings.report_of_one) {
        (Some(Ok(report)), _) => of_two(report),
        (Some(Err(two)), Some(Ok(one))) if !one.groups.is_empty() => {
            let seen = format!("one filter works, a list of them is refused: {}", two.text());
            Check::new(name, Verdict::Warning, "single", seen)
                .follows("give --filters one of the five, in an export each")
        }
        (Some(Err(refusal)), _) => no_report(name, refusal),
        (None, _) => open(name, "there was nothing to ask it of"),
    }
}

fn of_two(report: &Report) -> Check {
    let name = "report_filters";
    let place = if report.is_wrapped { "data.participant" } else { "data" };
    let groups = report.groups.join(", ");
    if report.groups.is_empty() {
        open(name, format!("the peer report has no statistics of this participant; {KEPT}"))
    } else if !report.has_both() {
        let seen = format!("{} asked for, only {groups} came", ASKED.join(" and "));
        Check::new(name, Verdict::Warning, "partly", seen)
            .follows("give --filters one of the five, in an export each")
    } else if report.groups.len() > ASKED.len() {
        let seen = format!("{} asked for, {groups} came: filters select nothing", ASKED.join(" and "));
        Check::new(name, Verdict::Note, "ignored", seen)
    } else {
        let seen = format!(
            "a list of filters is honoured: {groups} came, in the {} shape, in {place}",
            shape(report)
        );
        Check::new(name, Verdict::Ok, "list", seen)
    }
}

/// A report that is not to be had.
fn no_report(name: &'static str, refusal: &Refusal) -> Check {
    match refusal.status {
        Some(404) => Check::new(
            name,
            Verdict::Open,
            "not_found",
            format!("no report of this participant: {}; {KEPT}", refusal.text()),
        )
        .follows("--session and --participant of somebody else would tell"),
        _ => unanswered(name, refusal),
    }
}

/// What a peer report without filters holds, and how large it is.
pub(super) fn report_unfiltered(findings: &Findings) -> Check {
    let name = "report_unfiltered";
    let report = match &findings.report {
        Some(Ok(report)) => report,
        Some(Err(refusal)) => return no_report(name, refusal),
        None => return open(name, "there was nothing to ask it of"),
    };
    let size = size(report.body_bytes);
    match report.groups.len() {
        0 if reported(findings) => {
            Check::new(name, Verdict::Note, "nothing", format!("no statistics, {size}"))
        }
        0 => open(name, format!("the peer report has no statistics of this participant; {KEPT}")),
        all if all == GROUPS.len() => {
            Check::new(name, Verdict::Ok, "everything", format!("all five groups, {size}"))
        }
        _ => Check::new(name, Verdict::Note, "some", format!("{}, {size}", report.groups.join(", "))),
    }
}

/// Bytes as people write them.
fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
