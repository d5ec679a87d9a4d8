//! What every chunk is made of: the log, and what of it holds for the whole export.

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::export::WindowRecords;
use super::schema::CallStatistics;
use crate::error::Result;
use crate::log::{Entries, Log, Replies};
use crate::model::parse_time;
use crate::plan::{SessionNo, WantNo, Wants};

/// The log of an export and what was wanted.
pub(super) struct Input<'a> {
    pub(super) log: &'a Log,
    pub(super) wants: &'a Wants,
    pub(super) replies: &'a Replies,
    /// The log's replies; whoever reads them has a clone of his own.
    pub(super) entries: Entries,
    pub(super) list_files: Vec<Arc<str>>,
    /// When the export began: the time of failures for which nothing was sent.
    pub(super) started_at: DateTime<Utc>,
    /// Whether pages hold the records; with `--fetch detail` they only name ids.
    pub(super) pages_are_records: bool,
    /// Whether peer reports are asked for with peer events.
    pub(super) reports_are_records: bool,
    /// Whether call statistics were asked for.
    pub(super) has_statistics: bool,
    pub(super) window: WindowRecords,
}

impl<'a> Input<'a> {
    pub(super) fn new(log: &'a Log, wants: &'a Wants, replies: &'a Replies) -> Result<Self> {
        let head = log.head();
        let lists = log.lists().map(|lists| lists.lists.as_slice()).unwrap_or_default();
        Ok(Self {
            log,
            wants,
            replies,
            entries: log.entries(),
            list_files: lists.iter().map(|list| Arc::from(list.path.as_str())).collect(),
            started_at: parse_time(&head.started_at).unwrap_or_default(),
            pages_are_records: head.settings.fetch != "detail",
            reports_are_records: head.settings.fetch == "auto",
            has_statistics: CallStatistics::of(&head.settings.filters) == CallStatistics::Included,
            window: WindowRecords::find(log, wants, replies)?,
        })
    }

    /// Whether all wants of a session are among these.
    pub(super) fn is_within(&self, session: SessionNo, wants: &Range<WantNo>) -> bool {
        wants.contains(&self.wants.first_of(session)) && wants.contains(&self.wants.last_of(session))
    }
}
