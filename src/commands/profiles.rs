//! `--all-profiles` of `run` and `sync`: one run after the other, each to its own output.
//!
//! A profile that fails does not keep the others from being exported; a signal ends them all. The ending is the
//! worst of theirs: that which needs somebody most.

use futures::FutureExt;

use super::Ending;
use crate::config::ProfileRun;
use crate::error::{Class, Error, Result};
use crate::pipeline::Signals;
use crate::ui::Ui;

/// Runs the command.
///
/// # Errors
/// A signal stopped it, or nothing can listen to signals.
pub(super) async fn run(runs: Vec<ProfileRun>, ui: &Ui) -> Result<Ending> {
    // Each run listens for itself; this is for what comes between two of them.
    let mut signals = Signals::listen()?;
    let mut ended: Vec<(String, Ending)> = Vec::with_capacity(runs.len());
    let count = runs.len();
    for (number, ProfileRun { name, face, job }) in (1..).zip(runs) {
        if let Some(signal) = signals.next().now_or_never() {
            return Err(Error::interrupted(signal));
        }
        ui.note(&format!("profile {name}, {number} of {count}"));
        let of_profile = ui.with_face(face);
        let ending = match Box::pin(super::telling::run(job, &of_profile)).await {
            Ok(ending) => ending,
            Err(error) => {
                let class = error.class();
                let error = Error::Profile { name: name.clone(), source: Box::new(error) };
                if matches!(class, Class::Interrupted(_)) {
                    return Err(error);
                }
                of_profile.error(&error);
                Ending::Found(class)
            }
        };
        ended.push((name, ending));
    }
    let codes = ended.iter().map(|(name, ending)| format!("{name} {}", ending.exit_code()));
    ui.note(&format!("exit codes of the profiles: {}", codes.collect::<Vec<_>>().join(", ")));
    let worst = ended.into_iter().map(|(_, ending)| ending).max_by_key(|ending| severity(*ending));
    Ok(worst.unwrap_or(Ending::Complete))
}

/// How much an ending needs somebody: what goes by itself is mildest, then what goes on by the same command.
const fn severity(ending: Ending) -> u8 {
    match ending {
        Ending::Complete => 0,
        Ending::WithFailures => 1,
        Ending::Found(Class::Busy) => 2,
        Ending::Found(Class::Unreachable | Class::Deadline) => 3,
        Ending::Found(Class::CredentialsRefused) => 4,
        Ending::Found(Class::Usage) => 5,
        Ending::Found(Class::Failed) => 6,
        Ending::Found(Class::Interrupted(_)) => 7,
    }
}
