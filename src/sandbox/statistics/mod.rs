//! Call statistics in both shapes, with every documented field (API page, sections 5 and 6).
//!
//! In: a participant, the filters asked for, samples per array. Out: JSON fields.
//! Guarantees: fixed by the participant; large reports cost time and memory only while written.
//! Not here: who gets them (`handlers.rs`).

pub(super) mod new;
mod new_fields;
pub(super) mod old;

use super::json::Json;
use super::participant::Participant;
use super::routes::Filters;

/// What statistics are written of.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) participant: &'a Participant,
    pub(super) filters: Filters,
    /// Samples in each array.
    pub(super) samples: u64,
    /// Where this participant's random numbers start.
    pub(super) random: u64,
}

impl Call<'_> {
    /// A number below a limit, the same for the same place in the report.
    fn below(&self, place: u64, limit: u64) -> u64 {
        super::ids::hash(self.random, place) % limit.max(1)
    }

    /// Time of the nth of the samples, evenly over the participant's stay.
    fn sample_ms(&self, n: u64) -> u64 {
        self.participant.joined_ms + self.participant.stayed_ms() * (n + 1) / (self.samples + 1)
    }

    /// One of several words.
    fn word(&self, place: u64, words: &[&'static str]) -> &'static str {
        let count = u64::try_from(words.len()).unwrap_or(1);
        words[usize::try_from(self.below(place, count)).unwrap_or_default()]
    }
}

/// Cities with what comes along: city, region, country, time zone, location, postal code.
const PLACES: [[&str; 6]; 4] = [
    ["Zürich", "Zurich", "CH", "Europe/Zurich", "47.3667,8.5500", "8000"],
    ["São Paulo", "São Paulo", "BR", "America/Sao_Paulo", "-23.5475,-46.6361", "01000-000"],
    ["東京", "Tokyo", "JP", "Asia/Tokyo", "35.6895,139.6917", "101-8656"],
    ["Nairobi", "Nairobi Area", "KE", "Africa/Nairobi", "-1.2833,36.8167", "00100"],
];

impl Call<'_> {
    fn place(&self) -> [&'static str; 6] {
        PLACES[usize::try_from(self.below(1, 4)).unwrap_or_default()]
    }

    /// An address of the range kept for documentation.
    fn write_ipv4(&self, json: &mut Json) {
        json.string(&format!("203.0.113.{}", self.below(2, 256)));
    }
}
