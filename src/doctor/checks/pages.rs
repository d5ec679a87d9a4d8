//! Pages of participants: how large, counted from where, and where they say how many there are.

use super::super::course::HUNDRED;
use super::super::findings::{Findings, Listing, PagingPlace, Record, Told};
use super::super::report::{Check, Verdict};
use super::{found, open};

/// Whether a hundred come back where a hundred are asked for.
pub(super) fn page_size(findings: &Findings) -> Check {
    let name = "page_size";
    let page = match found(findings.first.as_ref(), name) {
        Ok(page) => page,
        Err(check) => return *check,
    };
    let count = page.count();
    if let Some(refusal) = &findings.hundred_participants {
        let seen = format!("a page of {HUNDRED} is refused: {}; without a size {count} came", refusal.text());
        return Check::new(name, Verdict::Note, "refused", seen)
            .follows("nothing to set: a run asks again without a size; a page then brings fewer");
    }
    let most_at_once = findings.session.as_ref().and_then(|session| session.as_ref().ok()?.most_at_once);
    let sessions = of_sessions(findings);
    let is_cut = page.is_all() == Some(false) || (page.total.is_none() && most_at_once > Some(count));
    if count >= HUNDRED {
        let seen = format!("{HUNDRED} asked for, {count} came{sessions}");
        Check::new(name, Verdict::Ok, count.to_string(), seen)
    } else if is_cut {
        let seen = format!("{HUNDRED} asked for, {count} came{}{sessions}", of_total(page));
        Check::new(name, Verdict::Note, count.to_string(), seen).follows(format!(
            "nothing to set: a run goes on with pages of {count}; whole sessions cost so many more requests"
        ))
    } else {
        let seen = format!("{HUNDRED} asked for, {count} came{}{sessions}", of_total(page));
        Check::new(name, Verdict::Open, format!("at_least_{count}"), seen)
            .follows(format!("--session ID of one with more than {HUNDRED} participants would tell"))
    }
}

/// What the list of sessions adds.
fn of_sessions(findings: &Findings) -> String {
    let Some(Ok(sessions)) = &findings.sessions else { return String::new() };
    match &findings.hundred_sessions {
        Some(refusal) => format!("; {HUNDRED} sessions are refused: {}", refusal.text()),
        None if sessions.count() >= HUNDRED || sessions.is_all() == Some(false) => {
            format!("; of sessions {} came{}", sessions.count(), of_total(sessions))
        }
        None => String::new(),
    }
}

fn of_total<T>(page: &Listing<T>) -> String {
    page.total.map(|total| format!(" of {total}")).unwrap_or_default()
}

/// How many come back where no number is asked for.
pub(super) fn default_page_size(findings: &Findings) -> Check {
    let name = "default_page_size";
    let sized =
        |size: u64| Check::new(name, Verdict::Ok, size.to_string(), format!("{size} come without a size"));
    let at_least = |count: u64| {
        let seen = format!("all {count} came without a size, so it is at least that");
        Check::new(name, Verdict::Open, format!("at_least_{count}"), seen)
    };
    if let (Some(_), Some(Ok(page))) = (&findings.hundred_participants, &findings.first) {
        return if page.is_all() == Some(false) { sized(page.count()) } else { at_least(page.count()) };
    }
    let (first, one) = match (found(findings.first.as_ref(), name), found(findings.page_one.as_ref(), name)) {
        (Ok(first), Ok(one)) => (first, one),
        (Err(check), _) | (_, Err(check)) => return *check,
    };
    match one.rows.first().map(|record| first.place_of(record)) {
        Some(Some(0)) if one.count() < first.total.unwrap_or(first.count()) => sized(one.count()),
        Some(Some(0)) => at_least(one.count()),
        // Page 1 is the second one: it starts where the first ends.
        Some(Some(place)) => sized(u64::try_from(place).unwrap_or(u64::MAX)),
        None => at_least(first.count()),
        Some(None) => open(name, "page 1 of the default size starts with nobody of the first page"),
    }
}

/// Whether the first page is 0 or 1, and whether pages go on.
pub(super) fn first_page(findings: &Findings) -> Check {
    let name = "first_page";
    let first = match found(findings.first.as_ref(), name) {
        Ok(first) if first.rows.is_empty() => return open(name, "the session has no participants"),
        Ok(first) => first,
        Err(check) => return *check,
    };
    let one = match found(findings.page_one.as_ref(), name) {
        Ok(one) => one,
        Err(check) => return *check,
    };
    let place_of = |page: &Listing<Record>| page.rows.first().map(|record| first.place_of(record));
    let two = findings.page_two.as_ref().and_then(|two: &Told<_>| two.as_ref().ok());
    // One record a page: page 2 holds the second record, or the third where pages are counted from 0.
    match (place_of(one), two.map(|two| (place_of(two), two.count()))) {
        (_, Some((Some(Some(0)), _))) => Check::new(
            name,
            Verdict::Warning,
            "ignored",
            "page 2 starts with the same participant as page 1: the page number is ignored",
        )
        .follows("only what one page holds can be listed: fetch participants one by one")
        .setting("--fetch detail"),
        (_, Some((_, 2..))) => Check::new(
            name,
            Verdict::Warning,
            "unclear",
            "a page of one participant brings more: the page size is ignored",
        )
        .follows("fetch participants one by one")
        .setting("--fetch detail"),
        (Some(Some(0)), None | Some((Some(Some(1)), _))) => {
            Check::new(name, Verdict::Ok, "1", "page 1 is the first")
        }
        (None | Some(Some(1..)), None | Some((None | Some(Some(2)), _)))
        | (Some(None), Some((Some(Some(2)), _))) => counted_from_0(first),
        _ => Check::new(name, Verdict::Warning, "unclear", "pages 1 and 2 do not follow each other")
            .follows("fetch participants one by one")
            .setting("--fetch detail"),
    }
}

/// A run begins with page 1, and notices that somebody is missing by the total only.
fn counted_from_0(first: &Listing<Record>) -> Check {
    let seen = "page 1 is the second: pages are counted from 0";
    if first.total.is_some() {
        return Check::new("first_page", Verdict::Note, "0", seen).follows(
            "nothing to set: a run notices, and asks for page 0 too, one request more for a session",
        );
    }
    Check::new("first_page", Verdict::Warning, "0", format!("{seen}, and nothing tells how many there are"))
        .follows("the first page would be missed: list participants too, not sessions alone")
        .setting("--fetch detail")
}

/// Where lists say how many records there are.
pub(super) fn paging(findings: &Findings) -> Check {
    let name = "paging";
    let page = match found(findings.first.as_ref(), name) {
        Ok(page) => page,
        Err(check) => return *check,
    };
    let sessions = match &findings.sessions {
        Some(Ok(sessions)) => sessions.paging,
        _ => PagingPlace::Absent,
    };
    let word = |place| match place {
        PagingPlace::Top => "top",
        PagingPlace::Data => "data",
        PagingPlace::Absent => "absent",
    };
    let sentence = |place| match place {
        PagingPlace::Top => "at the top level",
        PagingPlace::Data => "in data",
        PagingPlace::Absent => "nowhere",
    };
    let seen = format!("{} for participants, {} for sessions", sentence(page.paging), sentence(sessions));
    match page.paging {
        PagingPlace::Absent => Check::new(name, Verdict::Note, "absent", seen).follows(
            "nothing to set: a run reads pages until one brings nobody new, one request more for a session",
        ),
        place => Check::new(name, Verdict::Ok, word(place), seen),
    }
}
