//! How plans read.

use super::*;

const fn exactly(count: u64) -> Range {
    Range { min: count, max: Some(count) }
}

const fn at_least(min: u64) -> Range {
    Range { min, max: None }
}

/// Sessions of which nothing is known.
fn unknown() -> PlanReport {
    PlanReport {
        plan_version: 1,
        lists: vec![ListRows { path: "sessions.csv".into(), rows: 1_204 }],
        window: None,
        rows: RowCounts { read: 1_204, invalid: 1, duplicate: 2 },
        examples: Examples {
            invalid: vec![ExampleRow {
                list_file: "sessions.csv".into(),
                row_number: 7,
                session_id: "42".into(),
                participant_id: None,
                problem: Some("session id \"42\" is not a UUID".into()),
            }],
            duplicate: vec![ExampleRow {
                list_file: "sessions.csv".into(),
                row_number: 9,
                session_id: "0f8fad5b-d9cb-469f-a165-70867728950e".into(),
                participant_id: None,
                problem: None,
            }],
        },
        asks_for: AsksFor { sessions: 1_201, whole_sessions: 1_201, participants: 0, by_other_id: 0 },
        requests: RequestPlan {
            session_pages: exactly(0),
            participant_pages: at_least(1_201),
            details: exactly(0),
            peer_reports: exactly(0),
            sessions: exactly(0),
            total: at_least(1_201),
        },
        detail_requests: at_least(1_201),
        quota: QuotaPlan {
            requests: 1_200,
            window: Duration::from_mins(5),
            reserve_percent: 10,
            allowed: 1_080,
        },
        seconds: at_least(334),
        expected: Expected {
            participants: at_least(0),
            peer_events: at_least(0),
            reply_bytes: at_least(0),
            parquet_bytes: at_least(0),
            csv_bytes: at_least(0),
            log_bytes: at_least(0),
        },
        counted: None,
        minutes: None,
    }
}

/// A window and a list, counted.
fn counted_plan() -> PlanReport {
    let minutes = |units: &str| units.to_owned();
    PlanReport {
        window: Some(WindowPlan {
            since: Some("2026-11-22T00:00:00Z".into()),
            until: Some("2026-11-23T00:00:00Z".into()),
            meeting: Some("abcdef-ghijkl".into()),
            sessions: 57,
            live_sessions: 0,
            live_left_out: 2,
            minutes_consumed: Some(minutes("812.500000000")),
        }),
        examples: Examples { invalid: Vec::new(), duplicate: Vec::new() },
        asks_for: AsksFor { sessions: 60, whole_sessions: 57, participants: 9, by_other_id: 1 },
        requests: RequestPlan {
            session_pages: exactly(1),
            participant_pages: Range { min: 59, max: Some(61) },
            details: Range { min: 1, max: Some(3) },
            peer_reports: exactly(0),
            sessions: exactly(3),
            total: Range { min: 64, max: Some(66) },
        },
        detail_requests: exactly(1_043),
        seconds: Range { min: 18, max: Some(19) },
        expected: Expected {
            participants: exactly(920),
            peer_events: exactly(2_760),
            reply_bytes: exactly(1_546_520),
            parquet_bytes: exactly(294_400),
            csv_bytes: exactly(1_574_120),
            log_bytes: exactly(220_800),
        },
        counted: Some(CountedPlan {
            sessions: 59,
            not_found: 1,
            failed: 0,
            live_sessions: 3,
            participants: 900,
            requests_sent: 61,
        }),
        minutes: Some(MinutesPlan {
            participants: 900,
            minutes_consumed: minutes("873.611833335"),
            cost_usd: minutes("1.559020017"),
            minutes_without_price: minutes("94.101516667"),
            by_view_type: vec![
                ViewTypeMinutes {
                    view_type: None,
                    minutes_consumed: minutes("94.101516667"),
                    usd_per_minute: None,
                    cost_usd: None,
                },
                ViewTypeMinutes {
                    view_type: Some("GROUP_CALL".into()),
                    minutes_consumed: minutes("779.510316668"),
                    usd_per_minute: Some(minutes("0.002000000")),
                    cost_usd: Some(minutes("1.559020633")),
                },
            ],
        }),
        ..unknown()
    }
}

#[test]
fn texts() {
    insta::assert_snapshot!([unknown().text(), counted_plan().text()].join("\n"));
}

#[test]
fn json_is_one_object() {
    insta::assert_snapshot!(counted_plan().json());
}
