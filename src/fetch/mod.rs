//! Stage 3: planned requests -> [`Reply`], one for each.

mod reply;

pub use reply::{Answer, Failure, Reason, Reply};
