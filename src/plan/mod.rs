//! Stage 2: list rows and a window -> the requests of this export.
//!
//! In: [`ListRow`](crate::lists::ListRow)s in order, a [`Window`](crate::model::Window); later, what came
//! of each request. Out: by [`Discovery`], the window's sessions; [`Wants`], every distinct thing
//! asked for in first-mention order; from it, by the [`Planner`], the requests, one at a time, since who
//! is in a session is only known from its pages.
//! Guarantees: every valid row is covered; no request is planned twice; the same rows and answers give
//! the same requests; about 45 bytes a want.
//! Not here: retries, pacing, anything that touches the network or a file.

mod asks;
mod bounds;
mod census;
mod count;
mod days;
mod discovery;
mod estimate;
mod forecast;
mod listing;
mod losses;
mod people;
mod planner;
mod source;
#[cfg(test)]
mod tests;
mod wants;

pub use asks::{Asks, Known, Next, NothingKnown, Outcome, Taken};
pub use bounds::Bounds;
pub use census::{Census, Usage};
pub use count::Count;
pub use days::SessionDays;
pub use discovery::{
    Discovered, Discovery, Findings, FoundSession, Judgement, LiveSession, RecordPlace, judge,
};
pub use estimate::{Estimate, seconds};
pub use forecast::{Course, Demand, Forecast, Outlook, Size};
pub use listing::{Listing, Progress as ListingProgress, Shortfall};
pub use planner::{Planner, PlannerOptions};
pub use source::Evidence;
pub use wants::{Added, SessionNo, Want, WantKind, WantNo, Wants};
