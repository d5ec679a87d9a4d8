//! An export against the usage that GraphQL tells (API page, section 12).
//!
//! In: the dataset `realtimeKitUsageAdaptiveGroups`, one request for the export's whole time. Out: [`Usage`].
//! Guarantees: what a token may not read is no difference; it is judged only where the export is of a window and
//! has every session of that time, for usage counts minutes when they are used, whosever they are.
//! Not here: what the minutes cost.

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;

use super::asker::{Asker, Told as Answer};
use super::exported::Exported;
use super::record::minutes;
use super::sessions::Around;
use super::{Subject, Units, Verdict, is_rounding};
use crate::fetch::{Endpoint, Probe, Refusal};
use crate::manifest::{Api, Time};
use crate::wire::{Object, elements, is_null, text};

/// What is posted; values are variables, never part of it.
const QUERY: &str = "query ($account: string!, $app: string!, $from: Time!, $until: Time!) {
  viewer {
    accounts(filter: { accountTag: $account }) {
      realtimeKitUsageAdaptiveGroups(
        limit: 10000
        filter: { appId: $app, datetimeMinute_geq: $from, datetimeMinute_lt: $until }
      ) {
        sum { audioMinutes mediaMinutes exportMinutes exportAudioMinutes }
      }
    }
  }
}";

/// What GraphQL tells of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    audio: Units,
    media: Units,
    export: Units,
    export_audio: Units,
}

/// What it told, and of which time.
#[derive(Debug)]
pub(super) struct Told {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    sums: Answer<Sums>,
}

/// Asks for the whole time of an export; `None` where it has none.
pub(super) async fn ask(asker: &Asker<'_>, exported: &Exported, api: &Api) -> Option<Told> {
    let (first, last) = exported.span?;
    let minute = TimeDelta::minutes(1);
    let start_of = |time: DateTime<Utc>| time.trunc_subsecs(0) - TimeDelta::seconds(time.timestamp() % 60);
    let from = start_of(first);
    let until = start_of(last).checked_add_signed(minute).unwrap_or(last);
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let document = json!({
        "query": QUERY,
        "variables": {
            "account": api.account_id, "app": api.app_id, "from": time(from), "until": time(until),
        },
    });
    let read = asker.ask(Probe::post(Endpoint::GraphQl, document.to_string()), read).await;
    Some(Told { from, until, sums: read.and_then(|read| read) })
}

/// Reads the reply. GraphQL's own errors come with a success.
fn read(root: &Object<'_>) -> Option<Answer<Sums>> {
    if let Some(errors) = root.get("errors").filter(|errors| !is_null(*errors)).and_then(elements)
        && let Some(first) = errors.first()
    {
        let message = Object::parse(*first).and_then(|error| Some(text(error.get("message")?)?.into_owned()));
        let message = message.unwrap_or_else(|| "GraphQL refuses it".to_owned());
        return Some(Err(Refusal { status: Some(200), api_code: None, message }));
    }
    let viewer = Object::parse(Object::parse(root.get("data")?)?.get("viewer")?)?;
    let mut sums = Sums::default();
    for account in elements(viewer.get("accounts")?)? {
        for group in elements(Object::parse(account)?.get("realtimeKitUsageAdaptiveGroups")?)? {
            let sum = Object::parse(Object::parse(group)?.get("sum")?)?;
            let of = |name: &str| minutes(sum.get(name)?);
            sums.audio = sums.audio.plus(of("audioMinutes")?);
            sums.media = sums.media.plus(of("mediaMinutes")?);
            sums.export = sums.export.plus(of("exportMinutes")?);
            sums.export_audio = sums.export_audio.plus(of("exportAudioMinutes")?);
        }
    }
    Some(Ok(sums))
}

/// Usage compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    pub(super) verdict: Verdict,
    /// Why it is not judged.
    pub(super) why: Option<String>,
    pub(super) from: Option<Time>,
    pub(super) until: Option<Time>,
    pub(super) audio_minutes: Option<Units>,
    pub(super) media_minutes: Option<Units>,
    pub(super) export_minutes: Option<Units>,
    pub(super) export_audio_minutes: Option<Units>,
    pub(super) exported_minutes: Units,
    /// Exported less audio and media.
    pub(super) difference: Option<Units>,
}

impl Usage {
    /// Compares.
    pub(super) fn of(told: Option<Told>, exported: &Exported, around: &Around, subject: &Subject) -> Self {
        let (total, figures) = exported.total();
        let mut usage = Self {
            verdict: Verdict::NotAsked,
            why: Some("the export has no session".to_owned()),
            from: None,
            until: None,
            audio_minutes: None,
            media_minutes: None,
            export_minutes: None,
            export_audio_minutes: None,
            exported_minutes: total,
            difference: None,
        };
        let Some(Told { from, until, sums }) = told else { return usage };
        (usage.from, usage.until) = (Some(Time(from)), Some(Time(until)));
        let sums = match sums {
            Ok(sums) => sums,
            Err(refusal) => {
                (usage.verdict, usage.why) = (Verdict::NotReadable, Some(refusal.text()));
                return usage;
            }
        };
        let difference = total.above(sums.audio.plus(sums.media));
        usage.audio_minutes = Some(sums.audio);
        usage.media_minutes = Some(sums.media);
        usage.export_minutes = Some(sums.export);
        usage.export_audio_minutes = Some(sums.export_audio);
        usage.difference = Some(difference);
        usage.why = not_judged(around, subject).map(str::to_owned);
        usage.verdict = match &usage.why {
            Some(_) => Verdict::Partial,
            None if is_rounding(difference, figures) => Verdict::Agrees,
            None => Verdict::Differs,
        };
        usage
    }
}

/// Why usage is another's too, or may be.
fn not_judged(around: &Around, subject: &Subject) -> Option<&'static str> {
    if !subject.is_of_window() {
        Some("the export is not of a window of time alone")
    } else if !around.is_known {
        Some("which other sessions there were in that time was not listed")
    } else if around.others > 0 {
        Some("in that time there were sessions that the export does not have")
    } else {
        None
    }
}
