//! The nouns of the export: ids, minutes, prices and request keys, as types that cannot be mixed up.
//!
//! In: text as users and the API write it. Out: checked values with one canonical text each.
//! Guarantees: a value of these types is valid; minutes never pass through a float.
//! Not here: I/O, JSON, anything that knows where a value came from.

mod day;
mod ids;
mod minutes;
mod number;
mod price;
mod request_key;
mod time;
mod window;

pub use day::{DayRange, NotAZone, Zone, parse_day};
pub(crate) use ids::trim_id;
pub use ids::{IdKey, ParticipantId, SessionId};
pub use minutes::{Minutes, MinutesError, ParsedMinutes};
pub(crate) use number::Number;
pub use price::{Dollars, Price};
pub use request_key::{PageSize, RequestKey};
pub(crate) use time::parse_time;
pub use window::Window;
