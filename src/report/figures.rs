//! The figures of a report, asked of an export.
//!
//! In: an export's directory and a question. Out: a [`Report`], or its rows one batch after the other.
//! Guarantees: minutes stay decimals from the file to here; rows of a report for programs are never all
//! in memory.
//! Not here: the SQL (`asking`), rounding, forms.

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::asking::{Asking, Query};
use super::model::{About, Differences, Group, Groups, KindLine, Measures, Report, SessionMinutes, rows_of};
use super::series::{Concurrency, Days, Durations, Follower, Series};
use super::{Question, facts};
use crate::config::{MinutesKind, ReportFormat, ReportKey};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, MinutesTotal};
use crate::place::Place;
use crate::sql::columns::{counts, dates, sums, texts, times};
use crate::sql::{Answer, Engine, Parameters};
use crate::tables::schema::Table;

/// Sessions that differ, in a text for people: the first show what it is about.
const WORST_SHOWN: usize = 10;
/// The same for a program, which has `rtk-export query` for all of them.
const WORST_LISTED: usize = 1000;

/// An export that is being asked.
pub(super) struct Figures {
    engine: Engine,
    question: Question,
    manifest: Manifest,
    /// The names of the keys' columns.
    names: Vec<String>,
    /// Holds the table of facts.
    _scratch: TempDir,
}

impl Figures {
    /// Opens an export and makes the table of facts.
    pub(super) async fn of(export: &Place, mut question: Question) -> Result<Self> {
        let (engine, manifest) = Engine::open(export).await?;
        question.by = known_labels(&engine, &question.by).await?;
        can_be_answered(export, &manifest, &question)?;
        let names = question.by.iter().map(ToString::to_string).collect();
        let scratch = facts::make(&engine, &asking(&question)).await?;
        Ok(Self { engine, question, manifest, names, _scratch: scratch })
    }

    /// What is asked.
    pub(super) const fn question(&self) -> &Question {
        &self.question
    }

    /// The names of the keys' columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Everything at once, with as many rows as are shown.
    pub(super) async fn report(&self) -> Result<Report> {
        let total = self.total().await?;
        Ok(Report { groups: self.groups(&total).await?, ..self.without_groups(total).await? })
    }

    /// Everything but the rows.
    pub(super) async fn without_groups(&self, total: Measures) -> Result<Report> {
        Ok(Report {
            about: About { export: self.manifest.clone() },
            keys: self.names.clone(),
            minutes: self.question.minutes,
            prices: self.question.prices.clone(),
            time_zone: self.question.time_zone,
            kinds: self.kinds(&total).await?,
            groups: Groups::default(),
            series: Series {
                days: self.days().await?,
                concurrency: self.concurrency().await?,
                durations: self.durations().await?,
            },
            differences: self.differences().await?,
            total,
        })
    }

    /// Everything together.
    pub(super) async fn total(&self) -> Result<Measures> {
        let rows = self.rows(&self.asking().total()).await?;
        let measures = rows.first().map(|batch| self.measures(batch, 0)).transpose()?;
        Ok(measures.and_then(|measures| measures.into_iter().next()).unwrap_or_default())
    }

    /// All rows, in their order.
    pub(super) async fn all_groups(&self) -> Result<GroupRows<'_>> {
        Ok(GroupRows { figures: self, answer: self.ask(&self.asking().groups(None)).await? })
    }

    /// The rows that are shown, and what the others sum up to.
    async fn groups(&self, total: &Measures) -> Result<Groups> {
        let limit = self.question.top;
        let mut shown = Vec::new();
        for batch in self.rows(&self.asking().groups(limit)).await? {
            shown.extend(self.group_rows(&batch)?);
        }
        let mut groups = Groups { shown, other: None };
        if limit == Some(groups.shown.len()) {
            let count = self.rows(&self.asking().group_count()).await?;
            let count = first_count(&count, 0)?;
            let others = count.saturating_sub(groups.count());
            if others > 0 {
                groups.other = Some((others, total.without(&groups.shown)?));
            }
        }
        if self.question.by.first() == Some(&ReportKey::Day) {
            let key = |group: &Group| (group.keys.first().is_some_and(Option::is_none), group.keys.clone());
            groups.shown.sort_by_cached_key(key);
        }
        Ok(groups)
    }

    /// By what is paid for them; what has no price, by view type.
    async fn kinds(&self, total: &Measures) -> Result<Vec<KindLine>> {
        let priced = total.by_kind.iter().enumerate();
        let mut lines: Vec<_> = priced
            .map(|(kind, minutes)| KindLine { kind: Some(kind), view_type: None, minutes: *minutes })
            .collect();
        for batch in self.rows(&self.asking().unpriced()).await? {
            let (view_types, minutes) = (texts(&batch, 0)?, sums(&batch, 1)?);
            let unpriced = view_types.into_iter().zip(minutes);
            lines.extend(unpriced.map(|(view_type, minutes)| KindLine {
                kind: None,
                view_type,
                minutes: minutes.unwrap_or_default(),
            }));
        }
        Ok(lines)
    }

    async fn days(&self) -> Result<Days> {
        let (mut dated, mut undated) = (Vec::new(), None);
        for batch in self.rows(&self.asking().days()).await? {
            for (day, minutes) in dates(&batch, 0)?.into_iter().zip(sums(&batch, 1)?) {
                match day {
                    Some(day) => dated.push((day, minutes.unwrap_or_default())),
                    None => undated = minutes,
                }
            }
        }
        Ok(Days::of(&dated, undated))
    }

    async fn concurrency(&self) -> Result<Concurrency> {
        let stays = self.rows(&Asking::stays()).await?;
        let left_out = first_count(&stays, 2)?;
        let bound = |column| stays.first().map(|batch| times(batch, column)).transpose();
        let first =
            |bound: Option<Vec<Option<DateTime<Utc>>>>| bound.and_then(|times| times.into_iter().next()?);
        let (Some(from), Some(to)) = (first(bound(0)?), first(bound(1)?)) else {
            return Ok(Concurrency { left_out, ..Concurrency::default() });
        };
        let mut follower = Follower::new(from, to, left_out);
        let mut answer = self.ask(&Asking::changes()).await?;
        while let Some(batch) = answer.next().await? {
            for (at, change) in times(&batch, 0)?.into_iter().zip(counts(&batch, 1)?) {
                if let (Some(at), Some(change)) = (at, change) {
                    follower.note(at, change);
                }
            }
        }
        Ok(follower.finish())
    }

    async fn durations(&self) -> Result<Durations> {
        let rows = self.rows(&Asking::durations()).await?;
        let bins = Durations::names().len();
        let counts = (0..bins).map(|column| first_count(&rows, column)).collect::<Result<_>>()?;
        Ok(Durations { counts, left_out: first_count(&rows, bins)? })
    }

    async fn differences(&self) -> Result<Differences> {
        let limit = if self.question.format == ReportFormat::Json { WORST_LISTED } else { WORST_SHOWN };
        let rows = self.rows(&Asking::differences()).await?;
        let sum = |column| rows.first().map(|batch| sums(batch, column)).transpose();
        let first =
            |sums: Option<Vec<Option<MinutesTotal>>>| sums.and_then(|sums| sums.into_iter().next()?);
        let total = SessionMinutes {
            session: None,
            duration: first(sum(0)?),
            events: first(sum(1)?),
            session_minutes: first(sum(2)?),
        };
        let mut worst = Vec::new();
        for batch in self.rows(&Asking::worst(limit)).await? {
            let (session, duration) = (texts(&batch, 0)?, sums(&batch, 1)?);
            let (events, session_minutes) = (sums(&batch, 2)?, sums(&batch, 3)?);
            worst.extend((0..batch.num_rows()).map(|row| SessionMinutes {
                session: session[row].clone(),
                duration: duration[row],
                events: events[row],
                session_minutes: session_minutes[row],
            }));
        }
        Ok(Differences { total, differing: first_count(&rows, 3)?, worst })
    }

    /// The groups of a batch.
    fn group_rows(&self, batch: &RecordBatch) -> Result<Vec<Group>> {
        let width = self.names.len();
        let keys = (0..width).map(|column| texts(batch, column)).collect::<Result<Vec<_>>>()?;
        let measures = self.measures(batch, width)?;
        let of_row = |row: usize| keys.iter().map(|column| column[row].clone()).collect();
        Ok(measures
            .into_iter()
            .enumerate()
            .map(|(row, measures)| Group { keys: of_row(row), measures })
            .collect())
    }

    /// The figures of a batch's rows, from a column on.
    fn measures(&self, batch: &RecordBatch, from: usize) -> Result<Vec<Measures>> {
        let (sessions, participants) = (counts(batch, from)?, counts(batch, from + 1)?);
        let (connections, minutes) = (counts(batch, from + 2)?, sums(batch, from + 3)?);
        let kinds = self.question.prices.kinds.len();
        let by_kind = (0..kinds).map(|kind| sums(batch, from + 4 + kind)).collect::<Result<Vec<_>>>()?;
        let unpriced = sums(batch, from + 4 + kinds)?;
        let count =
            |column: &[Option<i64>], row: usize| column[row].and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let of_row = |row| Measures {
            sessions: Some(count(&sessions, row)),
            participants: count(&participants, row),
            connections: count(&connections, row),
            minutes: minutes[row],
            by_kind: by_kind.iter().map(|column| column[row].unwrap_or_default()).collect(),
            unpriced: unpriced[row].unwrap_or_default(),
        };
        Ok((0..batch.num_rows()).map(of_row).collect())
    }

    fn asking(&self) -> Asking<'_> {
        asking(&self.question)
    }

    async fn ask(&self, query: &Query) -> Result<Answer> {
        self.engine.query("the report", &query.sql, &query.parameters).await
    }

    /// All rows of an answer that is known to be small.
    async fn rows(&self, query: &Query) -> Result<Vec<RecordBatch>> {
        let batches = self.ask(query).await?.collect().await?;
        Ok(batches.into_iter().filter(|batch| batch.num_rows() > 0).collect())
    }
}

/// The rows of a report as they are worked out.
pub(super) struct GroupRows<'a> {
    figures: &'a Figures,
    answer: Answer,
}

impl GroupRows<'_> {
    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Group>>> {
        let batch = self.answer.next().await?;
        batch.map(|batch| self.figures.group_rows(&batch)).transpose()
    }
}

fn asking(question: &Question) -> Asking<'_> {
    Asking {
        keys: &question.by,
        minutes: question.minutes,
        prices: &question.prices,
        time_zone: question.time_zone,
    }
}

/// The keys with their labels as the lists spell them.
async fn known_labels(engine: &Engine, keys: &[ReportKey]) -> Result<Vec<ReportKey>> {
    if !keys.iter().any(|key| matches!(key, ReportKey::Label(_))) {
        return Ok(keys.to_vec());
    }
    let sql = "SELECT DISTINCT name FROM labels ORDER BY name";
    let mut found = Vec::new();
    for batch in engine.query("the report's labels", sql, &Parameters::none()).await?.collect().await? {
        found.extend(texts(&batch, 0)?.into_iter().flatten());
    }
    keys.iter()
        .map(|key| match key {
            ReportKey::Label(typed) => match same_label(typed, &found) {
                Some(label) => Ok(ReportKey::Label(label.clone())),
                None => Err(Error::NoSuchLabel { label: typed.clone(), found: found.clone() }),
            },
            other => Ok(other.clone()),
        })
        .collect()
}

/// The label that is meant: the very name, else the only one that differs in case and punctuation alone, as
/// the lists' own headers are read.
fn same_label<'a>(typed: &str, found: &'a [String]) -> Option<&'a String> {
    let bare = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let mut alike = found.iter().filter(|name| bare(name) == bare(typed) && !bare(name).is_empty());
    let (first, second) = (alike.next(), alike.next());
    found.iter().find(|name| *name == typed).or(if second.is_none() { first } else { None })
}

/// Refuses what only a table can answer that the export was made without.
fn can_be_answered(export: &Place, manifest: &Manifest, question: &Question) -> Result<()> {
    let lacks = |table| rows_of(manifest, Table::Participants) > 0 && rows_of(manifest, table) == 0;
    let dir = || export.show(None).into();
    let of_sessions = match question.minutes {
        MinutesKind::Events if lacks(Table::PeerEvents) => return Err(Error::NoPeerEvents { dir: dir() }),
        MinutesKind::Session => Some("--minutes session"),
        _ if question.by.contains(&ReportKey::Meeting) => Some("--by meeting"),
        _ => None,
    };
    match of_sessions {
        Some(wanted) if lacks(Table::Sessions) => Err(Error::NoSessions { dir: dir(), wanted }),
        _ => Ok(()),
    }
}

/// A count of an answer of one row.
fn first_count(batches: &[RecordBatch], place: usize) -> Result<u64> {
    let first = batches.first().map(|batch| counts(batch, place)).transpose()?;
    let count = first.and_then(|counts| counts.into_iter().next()?);
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_found_as_a_header_is() {
        let found = ["Customer", "cost centre", "Cost-Centre", "día"].map(str::to_owned);
        for (typed, expected) in [
            ("Customer", Some("Customer")),
            ("customer", Some("Customer")),
            ("cost centre", Some("cost centre")),
            ("costcentre", None),
            ("DÍA", Some("día")),
            ("!", None),
        ] {
            assert_eq!(same_label(typed, &found).map(String::as_str), expected, "{typed}");
        }
    }
}
