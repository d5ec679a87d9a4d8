//! Whole runs against a small world: the planner asks, the world answers, the tables must be what the
//! contract says of the list, whatever the order in which replies were logged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;

mod chunks;

use super::*;
use crate::config::{FetchMode, StatsSource};
use crate::plan::{Asks as _, Next, NothingKnown, Outcome, Planner, PlannerOptions};
use crate::wire::PageSummary;

const SESSIONS: u8 = 3;
const PEOPLE: u8 = 6;
/// Records on a page of the world, whatever is asked for.
const GRANTED: usize = 2;

/// Someone in a session.
#[derive(Clone, Debug)]
struct Person {
    number: u8,
    user: String,
    custom: String,
}

/// What the API knows, and where it fails.
#[derive(Clone, Debug)]
struct World {
    people: Vec<Vec<Person>>,
    /// Whether each page begins with the last record of the one before: rows shifted meanwhile.
    overlaps: bool,
    tells_total: bool,
    refused_details: HashSet<(u8, u8)>,
    lost_pages: HashSet<(u8, u32)>,
    /// Whether details carry call statistics.
    filters_details: bool,
    /// Peer reports that fail, or that the API does not know.
    lost_reports: HashSet<(u8, u8)>,
    unknown_reports: HashSet<(u8, u8)>,
    /// Whose details are another one's record.
    mistaken_details: HashMap<(u8, u8), u8>,
}

impl World {
    fn record(person: &Person, more: &str) -> String {
        let Person { number, user, custom } = person;
        format!(r#"{{"id":"{}","user_id":"{user}","custom_participant_id":"{custom}"{more}}}"#, id(*number))
    }

    fn answer(&self, key: RequestKey) -> Reply {
        let session = key.session().unwrap().to_bytes()[0];
        let people = &self.people[usize::from(session)];
        match key {
            RequestKey::Details { participant, .. } => {
                let number = participant.to_bytes()[0] & 0x0F;
                let given = self.mistaken_details.get(&(session, number)).copied().unwrap_or(number);
                match people.iter().find(|person| person.number == given) {
                    None => failed(key, Reason::NotFound, 404),
                    Some(_) if self.refused_details.contains(&(session, number)) => {
                        failed(key, Reason::Refused, 400)
                    }
                    Some(person) => {
                        let has = self.filters_details && !self.unknown_reports.contains(&(session, number));
                        let more = if has { r#","peer_stats":{"device_info":{"cpus":8}}"# } else { "" };
                        found(key, format!(r#"{{"data":{{"participant":{}}}}}"#, Self::record(person, more)))
                    }
                }
            }
            RequestKey::PeerReport { participant, .. } => {
                let number = participant.to_bytes()[0] & 0x0F;
                match people.iter().find(|person| person.number == number) {
                    Some(_) if self.lost_reports.contains(&(session, number)) => {
                        failed(key, Reason::RetriesExhausted, 503)
                    }
                    Some(person) if !self.unknown_reports.contains(&(session, number)) => {
                        let record = Self::record(
                            person,
                            r#","peer_events":[],"peer_report":{"metadata":{"sdk_name":"web"}}"#,
                        );
                        found(key, format!(r#"{{"data":{{"participant":{record}}}}}"#))
                    }
                    _ => failed(key, Reason::NotFound, 404),
                }
            }
            RequestKey::Page { page_no, .. } if self.lost_pages.contains(&(session, page_no)) => {
                failed(key, Reason::RetriesExhausted, 503)
            }
            RequestKey::Page { page_no, .. } => {
                let from = (page_no as usize - 1) * (GRANTED - usize::from(self.overlaps));
                let records: Vec<_> =
                    people.iter().skip(from).take(GRANTED).map(|person| Self::record(person, "")).collect();
                let total = if self.tells_total { people.len().to_string() } else { "null".into() };
                let list = records.join(",");
                found(
                    key,
                    format!(r#"{{"data":{{"participants":[{list}],"paging":{{"total_count":{total}}}}}}}"#),
                )
            }
            RequestKey::Session { .. } => found(key, r#"{"data":{"session":{"status":"ENDED"}}}"#),
            RequestKey::Sessions { .. } => panic!("the planner lists no sessions"),
        }
    }

    /// All replies of a run, in the planner's order.
    fn run(&self, how: How, with_sessions: bool, rows: &[ListRow]) -> Vec<Reply> {
        let options = PlannerOptions { mode: how.mode, statistics: how.statistics, with_sessions };
        let mut planner = Planner::new(Arc::new(wants_of(rows)), options, Box::new(NothingKnown));
        let mut replies = Vec::new();
        loop {
            let request = match planner.next_request().unwrap() {
                Next::Done => return replies,
                Next::Wait => panic!("nothing is in flight"),
                Next::Request(request) => request,
            };
            let reply = self.answer(request);
            let outcome = match &reply.answer {
                Answer::Found(body) if matches!(request, RequestKey::Page { .. }) => {
                    Outcome::Page(PageSummary::parse(body).unwrap())
                }
                Answer::Found(_) => Outcome::Found(reply.gave),
                Answer::Failed(failure) if failure.reason == Reason::NotFound => Outcome::NotFound,
                Answer::Failed(failure) => Outcome::Failed { http_status: failure.http_status },
            };
            _ = planner.answered(&request, &outcome);
            replies.push(reply);
        }
    }
}

fn world() -> impl Strategy<Value = World> {
    let person = |number| {
        // A user id may be some number's participant id: an enrolment id in a list's participant column.
        (Just(number), 0..PEOPLE + 2, 0..3_u8).prop_map(|(number, user, custom)| Person {
            number,
            user: id(user),
            custom: format!("c{custom}"),
        })
    };
    let people = prop::sample::subsequence((0..PEOPLE).collect::<Vec<_>>(), 0..=usize::from(PEOPLE))
        .prop_shuffle()
        .prop_flat_map(move |numbers| numbers.into_iter().map(person).collect::<Vec<_>>());
    (prop::collection::vec(people, usize::from(SESSIONS)), any::<(bool, bool)>()).prop_map(
        |(people, (overlaps, tells_total))| World {
            people,
            overlaps,
            tells_total,
            refused_details: HashSet::new(),
            lost_pages: HashSet::new(),
            filters_details: overlaps != tells_total,
            lost_reports: HashSet::new(),
            unknown_reports: HashSet::new(),
            mistaken_details: HashMap::new(),
        },
    )
}

/// The same, where some requests fail for good.
fn failing_world() -> impl Strategy<Value = World> {
    let details = prop::collection::hash_set((0..SESSIONS, 0..PEOPLE), 0..8);
    let pages = prop::collection::hash_set((0..SESSIONS, 1..4_u32), 0..4);
    let reports = || prop::collection::hash_set((0..SESSIONS, 0..PEOPLE), 0..8);
    (world(), details, pages, reports(), reports()).prop_map(
        |(world, refused_details, lost_pages, lost_reports, unknown_reports)| World {
            refused_details,
            lost_pages,
            lost_reports,
            unknown_reports,
            ..world
        },
    )
}

fn rows() -> impl Strategy<Value = Vec<ListRow>> {
    let asked = (0..10_u8, 0..SESSIONS, 0..PEOPLE + 2).prop_map(|(kind, in_session, number)| {
        let session = session(in_session);
        match kind {
            0 => None,
            1 => Some(Asked::Everyone(session)),
            2 => Some(Asked::User(session, id(number))),
            3 => Some(Asked::Custom(session, format!("c{}", number % 4))),
            _ => Some(Asked::Participant(session, participant(number))),
        }
    });
    prop::collection::vec(asked, 0..24).prop_map(|rows| {
        let row = |(asked, number): (Option<Asked>, u64)| {
            asked.map_or_else(|| invalid(number), |asked| list_row(number, asked))
        };
        rows.into_iter().zip(2..).map(row).collect()
    })
}

/// How participants are fetched, and where their statistics come from.
#[derive(Clone, Copy, Debug)]
struct How {
    mode: FetchMode,
    statistics: Option<StatsSource>,
}

impl How {
    fn make(self, rows: &[ListRow], replies: Vec<Reply>) -> Output {
        let filters: &[&str] = if self.statistics.is_some() { &["device_info"] } else { &[] };
        make_of(self.mode.name(), filters, rows, replies)
    }
}

fn modes() -> impl Strategy<Value = How> {
    use FetchMode::{Auto, Detail, List};
    let how = |mode, statistics| How { mode, statistics };
    prop::sample::select(vec![
        how(Auto, None),
        how(List, None),
        how(Detail, None),
        how(Auto, Some(StatsSource::Auto)),
        how(Auto, Some(StatsSource::Details)),
        how(Auto, Some(StatsSource::PeerReport)),
        how(Detail, Some(StatsSource::Auto)),
        how(Detail, Some(StatsSource::PeerReport)),
        how(List, Some(StatsSource::PeerReport)),
    ])
}

/// `row_number participant_id` of each participant, and `row_number status matched_by` of each list row,
/// where nothing fails.
fn expected(world: &World, rows: &[ListRow]) -> (Vec<String>, Vec<String>) {
    let mut seen = HashSet::new();
    let mut exported = HashSet::new();
    let (mut participants, mut list) = (Vec::new(), Vec::new());
    for row in rows {
        let number = row.row_number;
        let Ok(asked) = &row.asked else {
            list.push(format!("{number} invalid -"));
            continue;
        };
        if !seen.insert(format!("{asked:?}")) {
            list.push(format!("{number} duplicate -"));
            continue;
        }
        let (Asked::Everyone(of) | Asked::Participant(of, _) | Asked::User(of, _) | Asked::Custom(of, _)) =
            asked;
        let people = &world.people[usize::from(of.to_bytes()[0])];
        let all = |is: &dyn Fn(&Person) -> bool| people.iter().filter(|p| is(p)).collect::<Vec<_>>();
        let (matching, matched_by) = match asked {
            Asked::Everyone(_) => (all(&|_| true), ""),
            Asked::User(_, user) => (all(&|p| p.user == *user), "user_id"),
            Asked::Custom(_, custom) => (all(&|p| p.custom == *custom), "custom_participant_id"),
            Asked::Participant(_, asked) => match all(&|p| participant(p.number) == *asked) {
                none if none.is_empty() => (all(&|p| p.user == asked.to_string()), "user_id"),
                one => (one, "participant_id"),
            },
        };
        let new: Vec<_> = matching.iter().filter(|p| exported.insert((*of, p.number))).collect();
        participants.extend(new.iter().map(|p| format!("{number} {}", id(p.number))));
        list.push(match asked {
            Asked::Everyone(_) => format!("{number} expanded -"),
            _ if matching.is_empty() => format!("{number} failed -"),
            _ if new.is_empty() => format!("{number} duplicate -"),
            _ => format!("{number} exported {matched_by}"),
        });
    }
    (participants, list)
}

fn key_of(row: &Row) -> String {
    row.show(&["session_id", "participant_id"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_come_in_plan_order_whatever_the_order_of_replies(
        world in world(),
        rows in rows(),
        how in modes(),
        shuffle in any::<u64>(),
    ) {
        let mut replies = world.run(how, true, &rows);
        fastrand::Rng::with_seed(shuffle).shuffle(&mut replies);
        let output = how.make(&rows, replies);
        let (participants, list) = expected(&world, &rows);
        prop_assert_eq!(output.shown(Table::IdList, &["row_number", "status", "matched_by"]), list);
        prop_assert_eq!(output.shown(Table::Participants, &["row_number", "participant_id"]), participants);
        let mut sessions = Vec::new();
        for row in rows.iter().filter(|row| row.asked.is_ok()) {
            if !sessions.contains(&row.session_text) {
                sessions.push(row.session_text.clone());
            }
        }
        prop_assert_eq!(output.shown(Table::Sessions, &["session_id"]), sessions);
        if how.statistics.is_some() {
            let exported = output.shown(Table::Participants, &["participant_id"]);
            prop_assert_eq!(output.shown(Table::CallStats, &["participant_id"]), exported);
            let asked = how.statistics != Some(StatsSource::Details) || world.filters_details;
            let missing = if asked { 0 } else { output.rows(Table::Participants).len() as u64 };
            prop_assert_eq!(output.noted(Notice::NoStatistics), missing);
        }
    }

    #[test]
    fn every_row_has_one_fate_and_failures_say_which_failed(
        world in failing_world(),
        rows in rows(),
        how in modes(),
        shuffle in any::<u64>(),
    ) {
        let in_order = how.make(&rows, world.run(how, false, &rows));
        let mut replies = world.run(how, false, &rows);
        fastrand::Rng::with_seed(shuffle).shuffle(&mut replies);
        let output = how.make(&rows, replies);
        for table in Table::ALL {
            prop_assert_eq!(output.rows(table), in_order.rows(table));
        }

        let list = output.rows(Table::IdList);
        prop_assert_eq!(list.len(), rows.len());
        let participants = output.rows(Table::Participants);
        let keys: HashSet<_> = participants.iter().map(key_of).collect();
        prop_assert_eq!(keys.len(), participants.len());
        let mut by_row: HashMap<String, (usize, usize)> = HashMap::new();
        for row in &participants {
            by_row.entry(row.show(&["row_number"])).or_default().0 += 1;
        }
        let failures = output.rows(Table::Failures);
        let total = failures.len() as u64;
        // Of an exported participant only its statistics can be missing.
        let of_statistics = |row: &Row| row.show(&["message"]).starts_with("no call statistics");
        let (missing, failures): (Vec<_>, Vec<_>) = failures.into_iter().partition(of_statistics);
        for row in &missing {
            prop_assert!(keys.contains(&key_of(row)), "{:?} was not exported", row);
        }
        for row in &failures {
            by_row.entry(row.show(&["row_number"])).or_default().1 += 1;
            prop_assert!(!keys.contains(&key_of(row)) , "{:?} was exported", row);
        }
        let numbers = |rows: &[Row]| {
            rows.iter().map(|row| row.show(&["row_number"]).parse::<u64>().unwrap()).collect::<Vec<_>>()
        };
        prop_assert!(numbers(&participants).is_sorted() && numbers(&failures).is_sorted());
        for (row, shown) in rows.iter().zip(&list) {
            prop_assert_eq!(shown.get("row_number"), Some(&*row.row_number.to_string()));
            let (exported, failed) = by_row.remove(&row.row_number.to_string()).unwrap_or_default();
            let fate = shown.show(&["status"]);
            let is_pair = matches!(row.asked, Ok(Asked::Participant(..)));
            let right = match fate.as_str() {
                "invalid" => row.asked.is_err() && (exported, failed) == (0, 1),
                "duplicate" => (exported, failed) == (0, 0),
                "exported" => exported > 0 && (!is_pair || failed == 0 || how.mode == FetchMode::Detail),
                "failed" => failed > 0 && (!is_pair || failed == 1 && exported == 0 || how.mode == FetchMode::Detail),
                "expanded" => matches!(row.asked, Ok(Asked::Everyone(_))),
                _ => false,
            };
            prop_assert!(right, "{}: {} rows, {} failures", shown.show(&["row_number", "status"]), exported, failed);
        }
        prop_assert_eq!(output.made.failures.values().sum::<u64>(), total);
    }
}
