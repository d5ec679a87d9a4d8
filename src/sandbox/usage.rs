//! GraphQL, as far as the usage dataset: minutes by the time at which they were used.
//!
//! In: a posted query with its variables. Out: the sums of `realtimeKitUsageAdaptiveGroups`.
//! Guarantees: only connections that ended count, each for the time of it that is within the range; audio
//! rooms are audio, all else is media; no recording is ever made here.
//! Not here: GraphQL itself: a query is not parsed, its dataset and variables are looked for.

use hyper::StatusCode;
use serde::Deserialize;

use super::handlers::{Api, Refusal};
use super::json::Json;
use super::moving::Moment;
use super::options::Usage;
use super::people::View;
use super::reply::Reply;
use super::routes::time_ms;

/// The dataset.
const DATASET: &str = "realtimeKitUsageAdaptiveGroups";

/// What is posted.
#[derive(Debug, Deserialize)]
struct Posted {
    query: String,
    variables: Variables,
}

/// What the query is asked of.
#[derive(Debug, Deserialize)]
struct Variables {
    account: String,
    app: String,
    from: String,
    until: String,
}

impl Api<'_> {
    /// Answers a query. What GraphQL itself refuses is a 200 with errors.
    pub(super) fn usage(&self, body: &[u8]) -> Result<Reply, Refusal> {
        let bad = |why: &str| (StatusCode::BAD_REQUEST, why.to_owned());
        let posted: Posted = serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))?;
        if !posted.query.contains(DATASET) {
            return Ok(errors("unknown field"));
        }
        let Variables { account, app, from, until } = &posted.variables;
        let is_other = |given: &str, only: Option<&str>| only.is_some_and(|only| only != given);
        if self.options.usage == Usage::Refused || is_other(account, self.options.account.as_deref()) {
            return Ok(errors("not authorized for that account"));
        }
        let (Some(from_ms), Some(until_ms)) = (time_ms(from), time_ms(until)) else {
            return Ok(errors("a time is not one"));
        };
        let (audio_ms, media_ms) = if is_other(app, self.options.app.as_deref()) {
            (0, 0)
        } else {
            let (audio_ms, media_ms) = used(self.moment, from_ms, until_ms);
            (audio_ms, media_ms.saturating_add_signed(self.options.usage_off_ms))
        };
        let mut json = Json::with_capacity(256);
        json.object(|json| {
            json.key("data").object(|json| {
                json.key("viewer").object(|json| {
                    json.key("accounts").array(|json| {
                        json.object(|json| json.key(DATASET).array(|json| sums(json, audio_ms, media_ms)));
                    });
                });
            });
            json.key("errors").null();
        });
        Ok(Reply::json(json.into_bytes()))
    }
}

fn sums(json: &mut Json, audio_ms: u64, media_ms: u64) {
    json.object(|json| {
        json.key("sum").object(|json| {
            json.key("audioMinutes").minutes(audio_ms);
            json.key("mediaMinutes").minutes(media_ms);
            json.key("exportMinutes").number(0);
            json.key("exportAudioMinutes").number(0);
        });
    });
}

/// The time of audio rooms, and that of all else.
fn used(moment: Moment<'_>, from_ms: u64, until_ms: u64) -> (u64, u64) {
    let (mut audio_ms, mut media_ms) = (0, 0);
    let earliest_ms = from_ms.saturating_sub(moment.world().longest_ms());
    for index in moment.sessions_created(earliest_ms, until_ms) {
        let session = moment.session(index);
        let participants = moment.participants(&session);
        let used_ms: u64 = participants.map(|participant| participant.used_ms(from_ms, until_ms)).sum();
        if session.view == View::AudioRoom {
            audio_ms += used_ms;
        } else {
            media_ms += used_ms;
        }
    }
    (audio_ms, media_ms)
}

/// GraphQL's own errors.
fn errors(message: &str) -> Reply {
    let mut json = Json::with_capacity(128);
    json.object(|json| {
        json.key("data").null();
        json.key("errors").array(|json| json.object(|json| json.key("message").string(message)));
    });
    Reply::json(json.into_bytes())
}
