//! The SQL of a report, for the engine that it comes with.
//!
//! In: keys, a kind of minutes, prices, a time zone. Out: queries and their parameters.
//! Guarantees: no text of a user's or of the API's is part of a query: names of labels and view types are
//! parameters. Grouping and joining spill.
//! Not here: running queries, reading their answers.
//!
//! Two grains: `facts` has a row for each participant and is made once, for its peer events are looked
//! through only once; `units` has a row for each thing that has minutes: a participant, or a session where
//! the session's own minutes count. Everything else is asked of these.

use std::fmt::Write as _;

use chrono_tz::Tz;

use super::prices::PriceList;
use super::series::DURATION_BOUNDS;
use crate::config::{MinutesKind, ReportKey};
use crate::sql::Parameters;

/// The table that is made first.
pub(super) const FACTS: &str = "facts";
/// The three kinds of minutes of each session, also of one of which there is only its own record. A union
/// instead of a join: grouping spills to disk.
const BY_SESSION: &str = "\
    SELECT session_id, SUM(duration_minutes) AS duration, SUM(minutes_consumed) AS events,
        SUM(session_minutes) AS session_minutes
    FROM (
        SELECT session_id, duration_minutes, minutes_consumed, CAST(NULL AS DECIMAL(38, 9)) AS session_minutes
        FROM facts
        UNION ALL
        SELECT session_id, NULL, NULL, CAST(minutes_consumed AS DECIMAL(38, 9))
        FROM sessions
    ) AS records
    GROUP BY session_id";
/// By how much the largest kind is above the smallest, of those that are known.
const SPREAD: &str = "GREATEST(duration, events, session_minutes) - LEAST(duration, events, session_minutes)";
/// Participants whose stay has a beginning and an end.
const STAYED: &str = "joined_at IS NOT NULL AND left_at IS NOT NULL AND left_at >= joined_at";

/// A column of texts, in which an empty one is none: as in the rollups, and as CSV is read back.
fn text(column: &str) -> String {
    format!("NULLIF({column}, '')")
}

/// What is asked, by what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    /// What the minutes are summed up by; labels as the export has them.
    pub(super) keys: &'a [ReportKey],
    /// Which minutes.
    pub(super) minutes: MinutesKind,
    /// What they cost.
    pub(super) prices: &'a PriceList,
    /// Where a day begins.
    pub(super) time_zone: Tz,
}

/// A query with its values.
pub(super) struct Query {
    /// The text.
    pub(super) sql: String,
    /// The values.
    pub(super) parameters: Parameters,
}

impl Query {
    fn plain(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), parameters: Parameters::none() }
    }
}

impl Asking<'_> {
    /// A row for each participant, with its keys and what its peer events say.
    pub(super) fn facts(&self) -> Query {
        let mut parameters = Parameters::none();
        let (mut keys, mut joins) = (String::new(), String::new());
        let day = self.day("COALESCE(p.joined_at, p.created_at)");
        for (place, key) in self.keys.iter().enumerate() {
            let column = match key {
                ReportKey::Session => "p.session_id".to_owned(),
                ReportKey::Person => {
                    format!("COALESCE({}, {})", text("p.custom_participant_id"), text("p.user_id"))
                }
                ReportKey::Day => format!("CAST({day} AS VARCHAR)"),
                ReportKey::Preset => text("p.preset_name"),
                ReportKey::ViewType => "e.view_type".to_owned(),
                ReportKey::Meeting => text("s.meeting_id"),
                ReportKey::Label(name) => {
                    let _ = write!(
                        joins,
                        "\nLEFT JOIN (SELECT list_file, row_number, value FROM labels WHERE name = $label{place}) \
                         AS l{place}\n    ON p.list_file = l{place}.list_file AND p.row_number = l{place}.row_number"
                    );
                    parameters = parameters.with(format!("label{place}"), name.as_str());
                    text(&format!("l{place}.value"))
                }
            };
            let _ = write!(keys, "{column} AS k{place}, ");
        }
        if self.keys.contains(&ReportKey::Meeting) {
            joins.push_str("\nLEFT JOIN sessions AS s ON p.session_id = s.session_id");
        }
        let sql = format!(
            "SELECT p.session_id, {keys}{day} AS day, p.joined_at, p.left_at,
    COALESCE(e.connections, 0) AS connections,
    p.duration_minutes, p.minutes_consumed, e.view_type
FROM participants AS p
LEFT JOIN (
    SELECT session_id, participant_id,
        SUM(CASE WHEN event_name = 'PEER_JOINING' THEN 1 ELSE 0 END) AS connections,
        LAST_VALUE(preset_view_type ORDER BY event_index) FILTER (WHERE preset_view_type <> '') AS view_type
    FROM peer_events
    GROUP BY session_id, participant_id
) AS e ON p.session_id = e.session_id AND p.participant_id = e.participant_id{joins}"
        );
        Query { sql, parameters }
    }

    /// A row for each group, in the order of the report; or the `limit` groups with most minutes.
    pub(super) fn groups(&self, limit: Option<usize>) -> Query {
        let keys = self.key_columns();
        let by_minutes = "minutes DESC NULLS LAST";
        let by_key = self.names().map(|name| format!("{name} NULLS LAST")).collect::<Vec<_>>().join(", ");
        let in_time = self.keys.first() == Some(&ReportKey::Day) && limit.is_none();
        let order = if in_time { by_key } else { format!("{by_minutes}, {by_key}") };
        let limit = limit.map(|limit| format!("\nLIMIT {limit}")).unwrap_or_default();
        self.priced(format!(
            "SELECT {keys}COUNT(*) AS sessions, {sums}
FROM (
    SELECT {keys}session_id, {measures}
    FROM ({units}) AS units
    GROUP BY {keys}session_id
) AS per_session
GROUP BY {by}
ORDER BY {order}{limit}",
            sums = self.sums(),
            measures = self.measures(),
            units = self.units(),
            by = self.names().collect::<Vec<_>>().join(", "),
        ))
    }

    /// How many groups there are.
    pub(super) fn group_count(&self) -> Query {
        let keys = self.names().collect::<Vec<_>>().join(", ");
        Query::plain(format!(
            "SELECT COUNT(*) FROM (SELECT DISTINCT {keys} FROM ({}) AS units)",
            self.units()
        ))
    }

    /// The same figures of everything.
    pub(super) fn total(&self) -> Query {
        self.priced(format!(
            "SELECT COUNT(*) AS sessions, {sums}
FROM (SELECT session_id, {measures} FROM ({units}) AS units GROUP BY session_id) AS per_session",
            sums = self.sums(),
            measures = self.measures(),
            units = self.units(),
        ))
    }

    /// Minutes of each view type that has no price, the most first.
    pub(super) fn unpriced(&self) -> Query {
        self.priced(format!(
            "SELECT view_type, SUM(minutes) AS minutes
FROM (SELECT view_type, minutes, {kind} AS kind FROM ({units}) AS units) AS kinds
WHERE kind = -1 AND minutes IS NOT NULL
GROUP BY view_type
ORDER BY minutes DESC, view_type NULLS LAST",
            kind = self.kind(),
            units = self.units(),
        ))
    }

    /// Minutes of each day.
    pub(super) fn days(&self) -> Query {
        let units = self.units();
        Query::plain(format!(
            "SELECT day, SUM(minutes) AS minutes FROM ({units}) AS units GROUP BY day ORDER BY day NULLS LAST"
        ))
    }

    /// How many participants stayed how long: one row.
    pub(super) fn durations() -> Query {
        let bound = |minutes: u32| format!("duration_minutes < {minutes}");
        let mut conditions = vec![bound(DURATION_BOUNDS[0])];
        let between = |pair: &[u32]| format!("duration_minutes >= {} AND {}", pair[0], bound(pair[1]));
        conditions.extend(DURATION_BOUNDS.windows(2).map(between));
        conditions.push(format!("duration_minutes >= {}", DURATION_BOUNDS[DURATION_BOUNDS.len() - 1]));
        conditions.push("duration_minutes IS NULL".to_owned());
        let counts = conditions
            .iter()
            .map(|condition| format!("COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"));
        Query::plain(format!("SELECT {} FROM facts", counts.collect::<Vec<_>>().join(", ")))
    }

    /// The first coming, the last going, and how many participants do not have both.
    pub(super) fn stays() -> Query {
        Query::plain(format!(
            "SELECT MIN(CASE WHEN {STAYED} THEN joined_at END), MAX(CASE WHEN {STAYED} THEN left_at END),
    COALESCE(SUM(CASE WHEN {STAYED} THEN 0 ELSE 1 END), 0)
FROM facts"
        ))
    }

    /// Comings and goings in the order of time.
    pub(super) fn changes() -> Query {
        Query::plain(format!(
            "SELECT at, SUM(change) AS change
FROM (
    SELECT joined_at AS at, 1 AS change FROM facts WHERE {STAYED}
    UNION ALL
    SELECT left_at AS at, -1 AS change FROM facts WHERE {STAYED}
) AS changes
GROUP BY at
ORDER BY at"
        ))
    }

    /// The three kinds of minutes of everything, and how many sessions differ.
    pub(super) fn differences() -> Query {
        Query::plain(format!(
            "SELECT SUM(duration), SUM(events), SUM(session_minutes),
    COALESCE(SUM(CASE WHEN {SPREAD} > 0 THEN 1 ELSE 0 END), 0)
FROM ({BY_SESSION}) AS by_session"
        ))
    }

    /// The sessions that differ most.
    pub(super) fn worst(limit: usize) -> Query {
        Query::plain(format!(
            "SELECT session_id, duration, events, session_minutes
FROM ({BY_SESSION}) AS by_session
WHERE {SPREAD} > 0
ORDER BY {SPREAD} DESC, session_id
LIMIT {limit}"
        ))
    }

    /// What has minutes: participants, or sessions with what their participants have in common.
    fn units(&self) -> String {
        let column = match self.minutes {
            MinutesKind::Duration => "duration_minutes",
            MinutesKind::Events => "minutes_consumed",
            MinutesKind::Session => return self.sessions(),
        };
        format!(
            "SELECT session_id, {keys}day, view_type, 1 AS participants, connections,
        CAST({column} AS DECIMAL(38, 9)) AS minutes FROM facts",
            keys = self.key_columns(),
        )
    }

    /// A row for each session. What differs among its participants is null: its minutes are one figure.
    fn sessions(&self) -> String {
        let day = self.day("COALESCE(s.started_at, s.created_at)");
        let common = |column: &str| {
            format!(
                "CASE WHEN COUNT({column}) = COUNT(*) AND MIN({column}) = MAX({column}) THEN MIN({column}) END AS {column}"
            )
        };
        let (mut of_facts, mut keys) = (String::new(), String::new());
        for (name, key) in self.names().zip(self.keys) {
            let column = match key {
                ReportKey::Session => "s.session_id".to_owned(),
                ReportKey::Meeting => text("s.meeting_id"),
                ReportKey::Day => format!("CAST({day} AS VARCHAR)"),
                ReportKey::Label(_) | ReportKey::Person | ReportKey::Preset | ReportKey::ViewType => {
                    let _ = write!(of_facts, "{}, ", common(&name));
                    format!("f.{name}")
                }
            };
            let _ = write!(keys, "{column} AS {name}, ");
        }
        format!(
            "SELECT s.session_id, {keys}{day} AS day, f.view_type,
        COALESCE(f.participants, 0) AS participants, COALESCE(f.connections, 0) AS connections,
        CAST(s.minutes_consumed AS DECIMAL(38, 9)) AS minutes
    FROM sessions AS s
    LEFT JOIN (
        SELECT session_id, {of_facts}{view_type}, COUNT(*) AS participants, SUM(connections) AS connections
        FROM facts
        GROUP BY session_id
    ) AS f ON s.session_id = f.session_id",
            view_type = common("view_type"),
        )
    }

    /// What of a unit is summed up.
    fn measures(&self) -> String {
        let mut columns = "SUM(participants) AS participants, SUM(connections) AS connections, \
                           SUM(minutes) AS minutes"
            .to_owned();
        for (name, kind) in self.kind_columns() {
            let _ = write!(columns, ", SUM(CASE WHEN {} = {kind} THEN minutes END) AS {name}", self.kind());
        }
        columns
    }

    /// The same of what was summed up by session.
    fn sums(&self) -> String {
        let kinds = self.kind_columns().map(|(name, _)| name);
        let names = ["participants", "connections", "minutes"].map(str::to_owned).into_iter().chain(kinds);
        names.map(|name| format!("SUM({name}) AS {name}")).collect::<Vec<_>>().join(", ")
    }

    /// A column for each kind of the price list, and one for what has no price.
    fn kind_columns(&self) -> impl Iterator<Item = (String, i64)> {
        let count = i64::try_from(self.prices.kinds.len()).unwrap_or(0);
        (0..count).map(|kind| (format!("m{kind}"), kind)).chain([("unpriced".to_owned(), -1)])
    }

    /// The place in the price list of a unit's kind; -1 for none.
    fn kind(&self) -> String {
        let place = |kind: Option<usize>| kind.map_or_else(|| "-1".to_owned(), |kind| kind.to_string());
        let mut sql = format!("CASE WHEN view_type IS NULL THEN {}", place(self.prices.none));
        for (number, kind) in self.prices.view_types.values().enumerate() {
            let _ = write!(sql, " WHEN view_type = $view{number} THEN {kind}");
        }
        let _ = write!(sql, " ELSE {} END", place(self.prices.other));
        sql
    }

    /// A query that has the kinds of minutes in it.
    fn priced(&self, sql: String) -> Query {
        let names = self.prices.view_types.keys().enumerate();
        let parameters = names.fold(Parameters::none(), |parameters, (number, name)| {
            parameters.with(format!("view{number}"), name.as_str())
        });
        Query { sql, parameters }
    }

    fn day(&self, time: &str) -> String {
        // The name is one of the time zone database's: letters, digits, _, /, + and -.
        let zone = self.time_zone.name();
        format!("CAST(arrow_cast({time}, 'Timestamp(Microsecond, Some(\"{zone}\"))') AS DATE)")
    }

    fn names(&self) -> impl Iterator<Item = String> {
        (0..self.keys.len()).map(|place| format!("k{place}"))
    }

    /// The keys' columns, a comma after each.
    fn key_columns(&self) -> String {
        self.names().map(|name| name + ", ").collect()
    }
}
