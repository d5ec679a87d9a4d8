//! The list rows, and then the window, cut into chunks of which most can be made without the others.
//!
//! In: rows in list order. Out: [`Chunk`]s in that order, each row with what it mentions.
//! Guarantees: where a chunk ends follows from the list and the numbers of pages alone, neither from the order of
//! the replies nor from who makes it, so that the same export gives the same batches. Memory: one chunk.
//! Not here: what a chunk asks for (`export`), and by whom it is made (`crew`).

use std::ops::Range;

use chrono::NaiveDate;

use super::id_list::FirstLabels;
use super::input::Input;
use crate::error::Result;
use crate::lists::ListRow;
use crate::log::{Ruling, State};
use crate::plan::{WantKind, WantNo};

/// Records on a page, as the API gives them.
const PAGE_RECORDS: u64 = 100;

/// Where chunks end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// Records after which a chunk ends where no session goes on.
    pub(super) records: u64,
    /// Records after which it ends wherever it is.
    pub(super) most_records: u64,
    /// Bytes of rows after which it does: those that repeat others cost no record.
    pub(super) row_bytes: usize,
    /// Bytes of replies up to which it is made alone: its batches are kept until those before it are made.
    pub(super) alone_bytes: u64,
}

impl Ends {
    /// A few milliseconds of work, a few megabytes of replies.
    pub(super) const USUAL: Self =
        Self { records: 1_024, most_records: 2_048, row_bytes: 1 << 20, alone_bytes: 8 << 20 };
}

/// Some rows of the list; for the window, none.
pub(super) struct Chunk {
    pub(super) rows: Vec<(ListRow, Mention)>,
    /// What is mentioned for the first time, by these rows or by the window.
    pub(super) wants: Range<WantNo>,
    /// Whether it seems that it can be made alone: no other chunk has a say in what comes of its wants, and not
    /// much does.
    pub(super) is_alone: bool,
    /// The day of all its sessions, where days are asked for.
    pub(super) day: Option<NaiveDate>,
}

/// What a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    /// Nothing: it is invalid.
    Nothing,
    /// A want, for the first time.
    First(WantNo),
    /// A want that an earlier row had.
    Again {
        /// Whether with other labels.
        other_labels: bool,
    },
}

/// The list and the window on their way into chunks.
pub(super) struct Chunks<'a, R> {
    input: &'a Input<'a>,
    rows: R,
    ends: Ends,
    first_labels: FirstLabels,
    /// The next want to be mentioned for the first time.
    next_want: WantNo,
    /// Sessions of which some wants were mentioned, and others are to come.
    open_sessions: usize,
}

/// How large a chunk is so far.
#[derive(Default)]
struct Size {
    records: u64,
    row_bytes: usize,
    /// Of the replies.
    bytes: u64,
}

/// About what a row takes in memory.
fn bytes_of(row: &ListRow) -> usize {
    let participant = row.participant_text.as_ref().map_or(0, String::len);
    let labels = row.labels.iter().map(|label| size_of_val(label) + label.1.len());
    size_of_val(row) + row.session_text.len() + participant + labels.sum::<usize>()
}

impl<'a, R: Iterator<Item = Result<ListRow>>> Chunks<'a, R> {
    pub(super) fn new(input: &'a Input<'a>, rows: R, ends: Ends) -> Self {
        Self { input, rows, ends, first_labels: FirstLabels::default(), next_want: 0, open_sessions: 0 }
    }

    /// The next chunk; `None` at the end of the window.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        let (first, mut rows, mut size) = (self.next_want, Vec::new(), Size::default());
        let mut day = None;
        while !self.is_full(&size) {
            let Some(row) = self.rows.next().transpose()? else { break };
            let mention = self.mention(&row, &mut size);
            size.row_bytes += bytes_of(&row);
            rows.push((row, mention));
        }
        if rows.is_empty() {
            // All rows were told: the wants that are left are the window's.
            day = self.next_day();
            while (self.next_want as usize) < self.input.wants.len()
                && !self.is_full(&size)
                && self.next_day() == day
            {
                self.mention_first(self.next_want, &mut size);
            }
        }
        let wants = first..self.next_want;
        if rows.is_empty() && wants.is_empty() {
            return Ok(None);
        }
        let is_alone =
            size.bytes <= self.ends.alone_bytes && wants.clone().all(|want| self.is_alone(want, &wants));
        Ok(Some(Chunk { rows, wants, is_alone, day }))
    }

    /// The day of the next want, where days are asked for: what is told of a chunk is told of one day.
    fn next_day(&self) -> Option<NaiveDate> {
        let Input { wants, window, .. } = self.input;
        let is_want = window.has_days() && (self.next_want as usize) < wants.len();
        if is_want { window.day(wants.want(self.next_want).session) } else { None }
    }

    const fn is_full(&self, size: &Size) -> bool {
        let Ends { records, most_records, row_bytes, .. } = self.ends;
        size.row_bytes >= row_bytes
            || size.records >= most_records
            || (size.records >= records && self.open_sessions == 0)
    }

    fn mention(&mut self, row: &ListRow, size: &mut Size) -> Mention {
        let wants = self.input.wants;
        let want = row.asked.as_ref().ok().and_then(|asked| wants.find(asked, self.next_want));
        match want {
            None => Mention::Nothing,
            Some(want) if want < self.next_want => {
                Mention::Again { other_labels: !self.first_labels.are(want, &row.labels) }
            }
            Some(want) => {
                self.first_labels.keep(want, wants.len(), &row.labels);
                self.mention_first(want, size);
                Mention::First(want)
            }
        }
    }

    /// Wants are numbered in first-mention order: a first mention is that of the next number.
    fn mention_first(&mut self, number: WantNo, size: &mut Size) {
        let Input { wants, replies, .. } = *self.input;
        self.next_want = number + 1;
        let session = wants.want(number).session;
        size.records += 1;
        let own = [replies.details_of(number), replies.report_of(number)];
        let bytes = |reply: &Ruling| self.input.log.usual_bytes(reply.location);
        size.bytes += own.iter().flatten().map(bytes).sum::<u64>();
        if wants.first_of(session) == number {
            self.open_sessions += 1;
            for page in replies.pages(session) {
                size.records += PAGE_RECORDS;
                size.bytes += bytes(&page.reply);
            }
        }
        if wants.last_of(session) == number {
            self.open_sessions = self.open_sessions.saturating_sub(1);
        }
    }

    /// Whether what comes of a want follows from it alone, or else from wants of this chunk: its session has no
    /// others, or its own details came. (That they name the one asked for is seen when they are read.)
    fn is_alone(&self, number: WantNo, chunk: &Range<WantNo>) -> bool {
        let Input { wants, replies, .. } = *self.input;
        let want = wants.want(number);
        let is_found = || replies.details_of(number).is_some_and(|reply| reply.state == State::Found);
        self.input.is_within(want.session, chunk) || (want.kind == WantKind::Participant && is_found())
    }
}
