//! Holds an export against its own manifest, and its minutes against what the API itself says.
//!
//! In: where an export or a dataset is; a [`Fetcher`] where the API is asked. Out: a [`Report`].
//! Guarantees: nothing is written; minutes stay decimals; no more requests than what is compared needs, all
//! through the fetcher's gate; memory is that of the SQL engine and a fixed number of bytes a session.
//! Not here: HTTP and the budget (`fetch`); where the report goes (`commands`).
//!
//! `files` reads every byte, `dataset` the days of a dataset's rows, `keys` asks the tables by SQL, `exported` sums them up by session; `asker` asks,
//! `sessions`, `days` and `usage` compare, `report` shows.

mod asker;
mod dataset;
mod days;
mod exported;
mod files;
mod keys;
mod record;
mod report;
mod sessions;
#[cfg(test)]
mod tests;
mod text;
mod usage;

use serde::{Serialize, Serializer};

pub use report::{Outcome, Report};

use crate::config::{Against, MinutesKind};
use crate::dataset::{Generation, Published, published};
use crate::error::Result;
use crate::fetch::Fetcher;
use crate::manifest::{self, Manifest};
use crate::model::Window;
use crate::place::Place;
use crate::sql::Engine;
use asker::Asker;
use exported::Exported;
use files::Files;
use keys::Tables;

/// Requests in flight at once.
pub const REQUESTS_AT_ONCE: usize = sessions::REQUESTS_AT_ONCE;

/// An export that is looked at.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where it is.
    pub place: Place,
    /// Its manifest.
    pub manifest: Manifest,
    /// The dataset, where it is one.
    pub dataset: Option<Generation>,
    /// Its window as its log tells it, which knows of the meeting; `None` without a window or a log.
    pub window: Option<Window>,
}

/// Which minutes are held against what.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The exported minutes.
    pub minutes: MinutesKind,
    /// What the API is asked for.
    pub against: Against,
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// All that was compared is equal, but for rounding at the ninth place.
    Agrees,
    /// Something is not.
    Differs,
    /// The export has a part only of what the API counts: nothing can be told.
    Partial,
    /// The API does not say.
    NotReadable,
    /// There was no reason, or no way, to ask.
    NotAsked,
}

/// Something that is not as the manifest, or the schema, has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// A file's path, or a table.
    about: String,
    /// What is wrong, as a word.
    problem: &'static str,
    /// The same as a sentence.
    says: String,
}

/// Minutes in units of 10⁻⁹ minute; in JSON a string with nine places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Units(i128);

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&manifest::MinutesTotal::from_units(self.0))
    }
}

impl Units {
    /// With the digits that say something, two places at least: `41.25`.
    fn text(self) -> String {
        let text = manifest::MinutesTotal::from_units(self.0).to_string();
        let digits = text.trim_end_matches('0').len();
        // "41.25" ends two places behind the point.
        let least = text.find('.').map_or(text.len(), |point| point + 3);
        text[..digits.max(least)].to_owned()
    }

    /// How much these are above others.
    fn above(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    const fn magnitude(self) -> u128 {
        self.0.unsigned_abs()
    }
}

/// Whether a sum of so many numbers, each rounded at the ninth place, may be one number that was rounded once.
/// Each is off by half a unit at most.
fn is_rounding(difference: Units, numbers: u64) -> bool {
    difference.magnitude() <= u128::from(numbers.saturating_add(1) / 2)
}

impl Subject {
    /// What is published at a place.
    ///
    /// # Errors
    /// [`Error::NotAnExport`](crate::error::Error::NotAnExport) where nothing is, else what reading it gives.
    pub async fn open(place: Place) -> Result<Self> {
        let Published { manifest, dataset } = published(&place).await?;
        Ok(Self { place, manifest, dataset, window: None })
    }

    /// What tells how the files are to be, for people.
    const fn record(&self) -> &'static str {
        if self.dataset.is_some() { "commit" } else { "manifest" }
    }

    /// Whether it was made from a window alone, so that it has all of the window.
    fn is_of_window(&self) -> bool {
        self.manifest.source.lists.is_empty()
    }
}

/// What an export's own files come to.
#[derive(Debug)]
pub struct Checked {
    subject: Subject,
    files: Files,
    tables: Option<Tables>,
    engine: Option<Engine>,
}

/// Checks files, keys and totals. Dropped, it leaves a thread reading the file that it is at.
///
/// # Errors
/// The engine's own, what a store refuses; what is wrong with the export is none.
pub async fn check(subject: Subject) -> Result<Checked> {
    let files = files::check(&subject).await?;
    // Tables are asked only where they are what was exported.
    if !files.are_whole() {
        return Ok(Checked { subject, files, tables: None, engine: None });
    }
    let engine = Engine::of(&subject.place, &subject.manifest)?;
    let tables = keys::check(&engine, &subject).await?;
    Ok(Checked { subject, files, tables: Some(tables), engine: Some(engine) })
}

impl Checked {
    /// The report without a request.
    #[must_use]
    pub fn offline(self) -> Report {
        Report::new(self.subject, self.files, self.tables)
    }

    /// Sums up what the API is to be asked about.
    ///
    /// # Errors
    /// [`Error::NoSessions`](crate::error::Error::NoSessions), [`Error::NoPeerEvents`](crate::error::Error::NoPeerEvents) where the export was made without those minutes; the
    /// engine's own.
    pub async fn sum_up(self, question: Question) -> Result<Summed> {
        let exported = match &self.engine {
            Some(engine) => Some(Exported::read(engine, &self.subject, question.minutes).await?),
            None => None,
        };
        Ok(Summed { checked: self, exported, question })
    }
}

/// An export and its minutes by session.
#[derive(Debug)]
pub struct Summed {
    checked: Checked,
    exported: Option<Exported>,
    question: Question,
}

impl Summed {
    /// How many sessions there are to compare; `None` where the files are not what was exported.
    #[must_use]
    pub fn sessions(&self) -> Option<usize> {
        self.exported.as_ref().map(|exported| exported.sessions.len())
    }

    /// Asks the API, and compares. Dropped, it loses the replies under way.
    pub async fn compare(self, fetcher: &Fetcher) -> Report {
        let Self { checked, exported, question } = self;
        let Checked { subject, files, tables, .. } = checked;
        let Some(mut exported) = exported else { return Report::new(subject, files, tables) };
        let asker = Asker::new(fetcher);
        let Against { sessions: by_session, daywise, usage: by_usage } = question.against;
        // First, for it tells how many sessions there are to be listed.
        let told = if daywise { Some(days::ask(&asker, &exported).await) } else { None };
        let around = if by_session {
            let expected =
                told.as_ref().and_then(|told| told.as_ref().ok()?.as_ref().map(days::Told::sessions));
            sessions::ask(&asker, &mut exported, expected, by_usage && subject.is_of_window()).await
        } else if by_usage && subject.is_of_window() {
            sessions::look_around(&asker, &mut exported).await
        } else {
            sessions::Around::default()
        };
        let used =
            if by_usage { Some(usage::ask(&asker, &exported, &subject.manifest.api).await) } else { None };
        let mut report = Report::new(subject, files, tables);
        report.minutes = Some(question.minutes);
        if by_session {
            report.sessions = Some(sessions::Sessions::of(&exported));
        }
        report.days = told.map(|told| days::Days::of(told, &exported, &around, &report.subject));
        report.usage = used.map(|used| usage::Usage::of(used, &exported, &around, &report.subject));
        report.requests_sent = asker.sent();
        report.ended = asker.ended();
        report
    }
}
