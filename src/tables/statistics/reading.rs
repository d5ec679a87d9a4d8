//! A field's value as its column takes it.
//!
//! Measurements are doubles: the API computes and sends them as such. A number with more digits than a
//! double shows is taken as the nearest one and told as inexact; one beyond the largest is not taken.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::model::{Number, parse_time};
use crate::tables::schema::{Column, Kind};
use crate::tables::warnings::Notice;
use crate::wire::{Raw, text};

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tables) enum Value<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(DateTime<Utc>),
}

/// What a column takes, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A string.
    Text,
    /// An object or array, verbatim.
    Json,
    /// A whole number of any spelling.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
    /// The same, as a string too.
    BoolOrText,
    /// RFC 3339, cut to microseconds.
    Time,
    /// Milliseconds since 1970, cut to microseconds.
    EpochMs,
}

/// A value that a column takes.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) value: Value<'a>,
    /// What is odd about it.
    pub(super) notice: Option<Notice>,
}

/// A string in the old shape, a boolean or null in the new one (API page, section 7).
const BOOL_OR_TEXT: &str = "browser_webgl_support";
/// The two times that are numbers (API page, section 5).
const EPOCH_MS: [&str; 2] = ["last_packet_sent_at", "last_packet_received_at"];

impl Reading {
    /// How a column's values are written.
    pub(super) fn of(column: &Column) -> Self {
        match column.kind {
            Kind::Text => Self::Text,
            Kind::Json => Self::Json,
            Kind::Int => Self::Int,
            Kind::Bool if column.name == BOOL_OR_TEXT => Self::BoolOrText,
            Kind::Bool => Self::Bool,
            Kind::Time if EPOCH_MS.contains(&column.name) => Self::EpochMs,
            Kind::Time => Self::Time,
            // No statistics are minutes.
            Kind::Float | Kind::Minutes | Kind::MinutesSum => Self::Float,
        }
    }

    /// What is asked for, for a message.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "an object or array",
            Self::Int => "a whole number below 2^63",
            Self::Float => "a number below 10^308",
            Self::Bool | Self::BoolOrText => "true or false",
            Self::Time => "a time of RFC 3339",
            Self::EpochMs => "milliseconds since 1970",
        }
    }

    /// Reads a value that is not null; `None` where the column cannot take it.
    pub(super) fn take(self, raw: Raw<'_>) -> Option<Taken<'_>> {
        let plain = |value| Some(Taken { value, notice: None });
        match self {
            Self::Text => plain(Value::Text(text(raw)?)),
            Self::Json => {
                let is_json = raw.get().starts_with(['{', '[']);
                plain(Value::Text(Cow::Borrowed(is_json.then_some(raw.get())?)))
            }
            Self::Int => number(raw, |number| Some((Value::Int(number.whole()?), true))),
            Self::Float => number(raw, |number| {
                let double = number.double()?;
                Some((Value::Float(double.value), double.is_exact))
            }),
            Self::Bool | Self::BoolOrText => {
                let quoted = text(raw);
                let value = match quoted.as_deref().unwrap_or(raw.get()) {
                    "true" => true,
                    "false" => false,
                    _ => return None,
                };
                let is_odd = quoted.is_some() && self == Self::Bool;
                Some(Taken { value: Value::Bool(value), notice: is_odd.then_some(Notice::BooleanAsText) })
            }
            Self::Time => plain(Value::Time(parse_time(&text(raw)?)?)),
            Self::EpochMs => number(raw, |number| {
                // Below the microsecond, digits stay in the log.
                let (micros, _) = number.scaled(3)?;
                Some((Value::Time(DateTime::from_timestamp_micros(micros)?), true))
            }),
        }
    }
}

/// Reads a number, also one written as a string.
fn number<'a>(raw: Raw<'a>, read: impl FnOnce(Number<'_>) -> Option<(Value<'a>, bool)>) -> Option<Taken<'a>> {
    let quoted = text(raw);
    let (value, is_exact) = read(Number::parse(quoted.as_deref().unwrap_or(raw.get()))?)?;
    let notice = match (is_exact, quoted.is_some()) {
        (false, _) => Some(Notice::Rounded),
        (true, true) => Some(Notice::NumberAsText),
        (true, false) => None,
    };
    Some(Taken { value, notice })
}
