//! Keys and totals of an export, asked of its tables by SQL.
//!
//! In: an engine over files that are as they should be, the manifest. Out: [`Tables`].
//! Guarantees: every key of the schema is looked at; totals are compared to the last digit.
//! Not here: files (`files`), the API.

use arrow::array::RecordBatch;
use serde::Serialize;

use super::exported::sums;
use super::{Finding, Subject, Units, Verdict};
use crate::error::Result;
use crate::manifest::MinutesTotal;
use crate::queries;
use crate::sql::columns::{counts, texts};
use crate::sql::{Engine, Parameters};
use crate::tables::schema::Table;

/// The check that comes with the tool.
const ORPHANS: &str = "events_without_participant";

/// What became of keys and totals.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Tables {
    pub(super) keys: Keys,
    pub(super) totals: Totals,
}

/// Whether keys are keys.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Keys {
    pub(super) verdict: Verdict,
    /// Tables that have a key.
    pub(super) tables: u64,
    pub(super) findings: Vec<Finding>,
}

/// What the tables sum up to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Totals {
    pub(super) verdict: Verdict,
    pub(super) participants: u64,
    pub(super) peer_events: u64,
    pub(super) duration_minutes: Option<Units>,
    pub(super) minutes_consumed: Option<Units>,
    pub(super) findings: Vec<Finding>,
}

/// Asks the tables.
pub(super) async fn check(engine: &Engine, subject: &Subject) -> Result<Tables> {
    let with_key = Table::ALL.into_iter().filter(|table| !table.key().is_empty());
    let exported = |table: &Table| subject.manifest.tables.iter().any(|files| files.name == table.name());
    let tables: Vec<_> = with_key.filter(exported).collect();
    let mut findings = Vec::new();
    for table in &tables {
        findings.extend(duplicates(engine, *table).await?);
    }
    findings.extend(orphans(engine).await?);
    let keys = Keys {
        verdict: verdict(&findings),
        tables: u64::try_from(tables.len()).unwrap_or(u64::MAX),
        findings,
    };
    Ok(Tables { keys, totals: totals(engine, subject).await? })
}

fn verdict(findings: &[Finding]) -> Verdict {
    if findings.is_empty() { Verdict::Agrees } else { Verdict::Differs }
}

/// The rows of a small answer.
async fn rows(engine: &Engine, sql: &str) -> Result<Vec<RecordBatch>> {
    let batches = engine.query("the check", sql, &Parameters::none()).await?.collect().await?;
    Ok(batches.into_iter().filter(|batch| batch.num_rows() > 0).collect())
}

/// Rows of a table that have the key of another.
async fn duplicates(engine: &Engine, table: Table) -> Result<Option<Finding>> {
    let (name, key) = (table.name(), table.key().join(", "));
    let groups = format!("SELECT {key}, COUNT(*) AS n FROM {name} GROUP BY {key} HAVING COUNT(*) > 1");
    let found = rows(engine, &format!("SELECT COUNT(*), SUM(n) FROM ({groups}) AS doubled")).await?;
    let count = |place| found.first().map(|batch| counts(batch, place)).transpose();
    let (keys, in_rows) = (first(count(0)?), first(count(1)?));
    if keys == 0 {
        return Ok(None);
    }
    let mut example = Vec::new();
    if let Some(batch) = rows(engine, &format!("{groups} ORDER BY {key} LIMIT 1")).await?.first() {
        for (place, column) in table.key().iter().enumerate() {
            let value = texts(batch, place)?.swap_remove(0).unwrap_or_else(|| "null".to_owned());
            example.push(format!("{column} {value}"));
        }
    }
    let are = if keys == 1 { "key is" } else { "keys are" };
    let says = format!("{keys} {are} in {in_rows} rows, such as {}", example.join(", "));
    Ok(Some(Finding { about: name.to_owned(), problem: "duplicate_key", says }))
}

/// Events whose participant is not there.
async fn orphans(engine: &Engine) -> Result<Option<Finding>> {
    let Some(query) = queries::shipped(&format!("checks/{ORPHANS}")) else { return Ok(None) };
    engine.define("checks", ORPHANS, &query.sql).await?;
    let sql = format!(
        "SELECT session_id, participant_id, (SELECT SUM(events) FROM checks.{ORPHANS}) AS events \
         FROM checks.{ORPHANS} ORDER BY session_id, participant_id LIMIT 1"
    );
    let found = rows(engine, &sql).await?;
    let Some(batch) = found.first() else { return Ok(None) };
    let id = |place| texts(batch, place).map(|ids| ids.into_iter().next().flatten().unwrap_or_default());
    let events = first(Some(counts(batch, 2)?));
    let says = format!(
        "{events} events have no row of their participant, such as those of {} in session {}",
        id(1)?,
        id(0)?
    );
    Ok(Some(Finding {
        about: Table::PeerEvents.name().to_owned(),
        problem: "events_without_participant",
        says,
    }))
}

/// The manifest's totals against the tables' own.
async fn totals(engine: &Engine, subject: &Subject) -> Result<Totals> {
    let of_participants =
        rows(engine, "SELECT COUNT(*), SUM(duration_minutes), SUM(minutes_consumed) FROM participants")
            .await?;
    let of_events = rows(engine, "SELECT COUNT(*), SUM(minutes_consumed) FROM peer_events").await?;
    let count = |batches: &[RecordBatch]| -> Result<u64> {
        Ok(first(batches.first().map(|batch| counts(batch, 0)).transpose()?))
    };
    let sum = |batches: &[RecordBatch], place| -> Result<Option<Units>> {
        let sums = batches.first().map(|batch| sums(batch, place)).transpose()?;
        Ok(sums.and_then(|sums| sums.into_iter().next().flatten()))
    };
    let participants = count(&of_participants)?;
    let peer_events = count(&of_events)?;
    let duration_minutes = sum(&of_participants, 1)?;
    let minutes_consumed = sum(&of_participants, 2)?;
    let minutes_of_events = sum(&of_events, 1)?;

    let told = &subject.manifest.totals;
    let units = |minutes: Option<MinutesTotal>| minutes.map(|minutes| Units(minutes.units()));
    let number = |count: u64| count.to_string();
    let minutes = |units: Option<Units>| units.map_or_else(|| "nothing".to_owned(), Units::text);
    let compared = [
        ("participants", number(told.participants), number(participants), "the table has"),
        ("peer_events", number(told.peer_events), number(peer_events), "the table has"),
        (
            "duration_minutes",
            minutes(units(told.duration_minutes)),
            minutes(duration_minutes),
            "the participants add up to",
        ),
        (
            "minutes_consumed",
            minutes(units(told.minutes_consumed)),
            minutes(minutes_consumed),
            "the participants add up to",
        ),
        (
            "minutes_consumed",
            minutes(units(told.minutes_consumed)),
            minutes(minutes_of_events),
            "the peer events add up to",
        ),
    ];
    let wrong = compared.into_iter().filter(|(_, told, found, _)| told != found);
    let findings: Vec<_> = wrong
        .map(|(name, told, found, what)| Finding {
            about: name.to_owned(),
            problem: "total",
            says: format!("the {} says {told}, {what} {found}", subject.record()),
        })
        .collect();
    let verdict = verdict(&findings);
    Ok(Totals { verdict, participants, peer_events, duration_minutes, minutes_consumed, findings })
}

/// A count of an answer of one row.
fn first(counts: Option<Vec<Option<i64>>>) -> u64 {
    let count = counts.and_then(|counts| counts.into_iter().next().flatten());
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}
