//! The API's JSON, as it is written: every value keeps its own text.
//!
//! In: the bytes of a reply. Out: borrowed fields, each a [`Raw`] whose text is what the API sent.
//! Guarantees: nothing is copied or converted, so numbers keep their digits and lone surrogates
//! survive; a duplicate key is reported, the last one wins; unknown keys are kept.
//! Not here: what a field means for a table (`tables`), which statuses are retried (`fetch`).
//!
//! serde's derive cannot do this: `flatten` does not go with `RawValue`, and a struct refuses
//! duplicate keys and lone surrogates (both are accepted by browsers, hence by API authors).

mod envelope;
mod gave;
mod object;
mod page;
mod raw;
mod sessions_page;

pub use envelope::{ApiError, Around, BadBody, Expected, Record, Reply, api_error, success};
pub use gave::{Gave, has_statistics, is_of_session};
pub use object::{Field, Keys, Object, each_element, each_object, elements, is_null, text};
pub use page::{Listed, PageSummary, Paging};
pub use raw::Raw;
pub use sessions_page::{ListedSession, SessionStatus, SessionsPage};
