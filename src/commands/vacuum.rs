//! `rtk-export vacuum`: deletes what of a dataset nobody needs any more.

use std::fmt::Write as _;

use chrono::{SubsecRound, TimeDelta};
use serde::Serialize;

use super::Ending;
use super::fetching::new_id;
use crate::cli::VacuumFormat;
use crate::clock;
use crate::config::{Doing, VacuumConfig, WaitFor};
use crate::dataset::vacuum::{Amount, Sweep};
use crate::dataset::{self, Generation, Lock, Wait};
use crate::error::{DatasetError, Error, Holder, Result};
use crate::manifest::Time;
use crate::output;
use crate::pipeline::{self, Signals};
use crate::place::Place;
use crate::ui::Ui;

/// What was deleted, or would be.
#[derive(Debug, Serialize)]
struct Told {
    place: String,
    /// That of the dataset afterwards.
    generation: u64,
    dry_run: bool,
    retired: AmountOf,
    uncommitted: AmountOf,
    commits: AmountOf,
    kept: AmountOf,
    uploads_given_up: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct AmountOf {
    files: u64,
    bytes: u64,
}

impl From<Amount> for AmountOf {
    fn from(Amount { files, bytes }: Amount) -> Self {
        Self { files, bytes }
    }
}

/// Runs the command.
///
/// # Errors
/// There is no dataset, another process works on it, what the place refuses.
pub(super) async fn run(config: VacuumConfig, ui: &Ui) -> Result<Ending> {
    let mut place = Place::open(&config.place)?;
    if let Some(dir) = &config.state_dir {
        output::refuse_other_state(dir, &output::name_of(&place)?)?;
        place = place.with_journal(dir)?;
    }
    let told = match pipeline::unless_stopped(&mut Signals::listen()?, Box::pin(vacuum(&config, &place, ui)))
        .await
    {
        // There is nothing to resume.
        Err(Error::Interrupted { signal, .. }) => return Err(Error::Stopped { signal }),
        told => told?,
    };
    ui.result(&match config.format {
        VacuumFormat::Text => text(&told),
        VacuumFormat::Json => {
            let json = serde_json::to_string_pretty(&told);
            json.map(|json| json + "\n").map_err(|source| Error::Stdout { source: source.into() })?
        }
    })?;
    Ok(Ending::Complete)
}

/// Under the lock, unless nothing is deleted. Dropped, it may have deleted a part: the next one goes on.
async fn vacuum(config: &VacuumConfig, place: &Place, ui: &Ui) -> Result<Told> {
    if config.doing == Doing::Dry {
        return Ok(told(config, place, &current(place).await?, &find(config, place).await?, 0));
    }
    // Before a lock is written into what is no dataset.
    current(place).await?;
    if config.grace.is_zero() {
        ui.warn("whoever reads the dataset right now by an earlier commit loses its files", None);
    }
    let wait = Wait::of(
        config.wait.map(|wait| match wait {
            WaitFor::Duration(duration) => Some(duration),
            WaitFor::Ever => None,
        }),
        None,
    );
    let mut waits = |holder: Option<&Holder>| ui.waits_for(holder);
    let lock = Lock::take(place, "vacuum", wait, &mut waits).await?;
    if let Some(holder) = lock.took_over() {
        ui.took_over(holder);
    }
    let done = lock.while_held(Box::pin(async {
        let sweep = find(config, place).await?;
        lock.confirm().await?;
        let given_up = place.give_up_uploads().await?.given_up;
        sweep.delete(place).await?;
        let now = clock::now();
        let at = Time(now.trunc_subsecs(6));
        sweep.commit(place, &new_id(now), at, async || lock.confirm().await).await?;
        Ok(told(config, place, &current(place).await?, &sweep, given_up))
    }));
    let done = done.await;
    let released = lock.release().await;
    // What went wrong first is what is told.
    done.and_then(|done| released.map(|()| done))
}

/// The dataset that is there.
async fn current(place: &Place) -> Result<Generation> {
    let current = match dataset::current(place).await {
        Err(Error::Dataset(DatasetError::IsExport { place })) => {
            return Err(Error::NothingToVacuum { place });
        }
        current => current?.map(|(generation, _)| generation),
    };
    current.ok_or_else(|| Error::Dataset(DatasetError::Missing { place: place.show(None) }))
}

async fn find(config: &VacuumConfig, place: &Place) -> Result<Sweep> {
    let grace = TimeDelta::from_std(config.grace).unwrap_or(TimeDelta::MAX);
    Sweep::find(place, &current(place).await?, grace).await
}

fn told(config: &VacuumConfig, place: &Place, after: &Generation, sweep: &Sweep, uploads: usize) -> Told {
    Told {
        place: place.show(None),
        generation: after.pointer.generation,
        dry_run: config.doing == Doing::Dry,
        retired: Amount::of(sweep.retired.values().copied()).into(),
        uncommitted: Amount::of(sweep.uncommitted.values().copied()).into(),
        commits: Amount::of(sweep.commits.values().copied()).into(),
        kept: sweep.kept.into(),
        uploads_given_up: uploads,
    }
}

fn text(told: &Told) -> String {
    let what = if told.dry_run { "would delete" } else { "deleted" };
    let mut text = format!("dataset   {}, generation {}\n", told.place, told.generation);
    let rows = [
        (what, told.retired, "of days that were replaced"),
        (what, told.uncommitted, "that no commit names"),
        (what, told.commits, "of earlier commits"),
        ("kept", told.kept, "that were replaced within the grace"),
    ];
    for (what, AmountOf { files, bytes }, which) in rows {
        let noun = if files == 1 { "file" } else { "files" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{what:<12}  {files} {noun}, {bytes} bytes, {which}");
    }
    if told.uploads_given_up > 0 {
        let _ = writeln!(text, "gave up       {} unfinished uploads", told.uploads_given_up);
    }
    text
}
