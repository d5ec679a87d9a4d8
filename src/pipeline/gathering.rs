//! Stages 1 and 2 at work: list files into the wants and the log's opening.
//!
//! In: the lists as typed, and the output as it was found. Out: the wants, and a log that holds the
//! rows. Guarantees: a list is read once; standard input need not be given again to go on; what is
//! refused leaves nothing behind. Memory: the wants, and one row.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

use crate::error::{Error, Result};
use crate::lists::{Asked, ListRow, ListSource};
use crate::log::{Head, ListFile, Lists, Log, LogWriter, Replies, RowDigest, discovered};
use crate::output::Work;
use crate::plan::{Discovered, Wants};

/// What the lists came to.
#[derive(Debug)]
pub struct Gathered {
    /// Everything that the lists ask for.
    pub wants: Wants,
    /// The log, its opening complete.
    pub log: LogWriter,
    /// What an earlier run left.
    pub earlier: Option<Box<Log>>,
}

/// Rows shown when none is valid.
const EXAMPLES: usize = 3;

/// Copies of lists that cannot be read where they are, by their place among the lists.
pub type Spooled = BTreeMap<usize, File>;

/// Reads the lists for an output; `fetched` are those of them that are elsewhere. Blocks.
///
/// # Errors
/// A list that cannot be read or is none, no valid row in any, [`Error::OutputOfAnotherExport`] where
/// an earlier run read other rows, I/O errors.
pub fn gather(
    lists: &[String],
    fetched: Spooled,
    mut log: LogWriter,
    work: &Work,
    earlier: Option<Box<Log>>,
    head: &Head,
) -> Result<Gathered> {
    let mut sources = Sources::of(lists, fetched);
    if let Some(earlier) = earlier {
        if sources.stdin_is_missing()? {
            let wants = read_rows(&earlier)?;
            return Ok(Gathered { wants, log, earlier: Some(earlier) });
        }
        let rows = Rows::default().read(&mut sources, &mut |_| Ok(()))?;
        let same = earlier.lists().is_some_and(|lists| lists.digest == rows.digest.clone().finish());
        if same {
            return Ok(Gathered { wants: rows.wants, log, earlier: Some(earlier) });
        }
        if !head.refresh {
            let dir = work.shown().to_owned();
            return Err(Error::OutputOfAnotherExport { dir, differences: vec!["the rows of the lists"] });
        }
    }
    if head.refresh {
        // Beginning drops what the log holds: not before the lists are known to be good.
        check(&mut sources).inspect_err(|_| work.abandon(&log))?;
    }
    match write_rows(&mut sources, &mut log, head) {
        Ok(wants) => Ok(Gathered { wants, log, earlier: None }),
        Err(error) => {
            work.abandon(&log);
            Err(error)
        }
    }
}

/// Reads the lists once and keeps nothing of them.
fn check(sources: &mut Sources) -> Result<()> {
    sources.spool_stdin()?;
    Rows::default().read(sources, &mut |_| Ok(()))?.checked().map(|_| ())
}

fn write_rows(sources: &mut Sources, log: &mut LogWriter, head: &Head) -> Result<Wants> {
    log.begin(head)?;
    let rows = Rows::default();
    let Rows { wants, files, digest, .. } = rows.read(sources, &mut |row| log.append_row(row))?.checked()?;
    log.end_rows(&Lists { lists: files, digest: digest.finish() })?;
    Ok(wants)
}

/// The wants of a complete log: of its rows, and of the sessions of its window.
///
/// # Errors
/// The log cannot be read.
pub(super) fn read_complete(log: &Log) -> Result<Wants> {
    let mut wants = read_rows(log)?;
    let replies = Replies::load(log, &Wants::new())?;
    add_discovered(&mut wants, &discovered(log, &replies)?)?;
    Ok(wants)
}

/// Adds the sessions of the window, after everything that rows ask for.
///
/// # Errors
/// [`Error::TooManyIds`].
pub fn add_discovered(wants: &mut Wants, discovered: &Discovered) -> Result<()> {
    let mut sessions = discovered.sessions.iter();
    sessions.try_for_each(|found| wants.add_discovered(found.id).map(|_| ()).ok_or(Error::TooManyIds))
}

/// The wants of the rows that a log opens with.
fn read_rows(log: &Log) -> Result<Wants> {
    let mut wants = Wants::new();
    for row in log.rows()? {
        if let Ok(asked) = &row?.asked {
            add(&mut wants, asked)?;
        }
    }
    Ok(wants)
}

fn add(wants: &mut Wants, asked: &Asked) -> Result<()> {
    wants.add(asked).map(|_| ()).ok_or(Error::TooManyIds)
}

/// What was read of the lists so far.
#[derive(Default)]
struct Rows {
    wants: Wants,
    files: Vec<ListFile>,
    digest: RowDigest,
    /// Whether any row asks for something.
    valid: bool,
    /// What is wrong with the first invalid rows.
    examples: Vec<String>,
}

impl Rows {
    /// Reads all lists, and hands each row on.
    fn read(mut self, sources: &mut Sources, keep: &mut dyn FnMut(&ListRow) -> Result<()>) -> Result<Self> {
        for number in 0..sources.lists.len() {
            let name = sources.lists[number].name().to_owned();
            let mut reader = sources.open(number)?;
            let mut rows = 0;
            for row in &mut reader {
                let row = row?;
                rows += 1;
                match &row.asked {
                    Ok(asked) => {
                        self.valid = true;
                        add(&mut self.wants, asked)?;
                    }
                    Err(problem) if self.examples.len() < EXAMPLES => {
                        self.examples.push(format!("{name} row {}: {problem}", row.row_number));
                    }
                    Err(_) => {}
                }
                self.digest.add(&row);
                keep(&row)?;
            }
            let sha256 = reader.digest().map(hex).unwrap_or_default();
            self.files.push(ListFile { path: name, rows, sha256 });
        }
        Ok(self)
    }

    /// Refuses lists of rows of which none is valid.
    fn checked(self) -> Result<Self> {
        if self.valid || self.examples.is_empty() {
            return Ok(self);
        }
        let lists = self.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ");
        Err(Error::NoValidRow { lists, examples: self.examples.join("; ") })
    }
}

fn hex(digest: [u8; 32]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The lists, of which standard input can be read once only.
struct Sources {
    lists: Vec<ListSource>,
    /// Those that were set aside: standard input, when it may have to be read twice, and those of elsewhere.
    spooled: Spooled,
}

impl Sources {
    fn of(lists: &[String], fetched: Spooled) -> Self {
        Self { lists: lists.iter().map(ListSource::new).collect(), spooled: fetched }
    }

    fn stdin(&self) -> Option<usize> {
        self.lists.iter().position(ListSource::is_stdin)
    }

    /// Whether standard input is the only list and has nothing to give: the log has its rows.
    fn stdin_is_missing(&mut self) -> Result<bool> {
        self.spool_stdin()?;
        let Some(spooled) = self.stdin().and_then(|number| self.spooled.get(&number)) else {
            return Ok(false);
        };
        let is_empty = spooled.metadata().map_err(Error::io("read", "standard input"))?.len() == 0;
        Ok(is_empty && self.lists.len() == 1)
    }

    /// Sets standard input aside, where it is a list: it will be read more than once.
    fn spool_stdin(&mut self) -> Result<()> {
        let Some(number) = self.stdin().filter(|number| !self.spooled.contains_key(number)) else {
            return Ok(());
        };
        let io = |error| Error::io("read", "standard input")(error);
        let mut spooled = tempfile::tempfile().map_err(io)?;
        std::io::copy(&mut std::io::stdin().lock(), &mut spooled).map_err(io)?;
        spooled.flush().map_err(io)?;
        self.spooled.insert(number, spooled);
        Ok(())
    }

    fn open(&mut self, number: usize) -> Result<crate::lists::ListReader> {
        let list = &self.lists[number];
        match self.spooled.get(&number) {
            Some(spooled) => {
                let input = spooled.try_clone().map_err(Error::io("read", list.to_string()))?;
                list.read_file(number, input)
            }
            None => list.open(number),
        }
    }
}
