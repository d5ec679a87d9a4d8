//! One API object on its way into columns: each field is taken once, what no column took stays.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::known::nullable;
use super::schema::Table;
use super::warnings::{Notice, Warnings, excerpt};
use crate::model::{Minutes, Number, parse_time};
use crate::wire::{Field, Keys, Object, Raw, is_null, text};

/// What the records of a table have looked like. The next one is mostly alike, so that neither its keys nor
/// its fields are searched for.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// The keys of the last one.
    pub(super) keys: Keys,
    /// Where its fields stood.
    pub(super) places: Places,
}

/// Where the field stood that was asked for first, second, and so on: every record of a table is asked for
/// the same fields in the same order. Where it does not stand there, it is searched for.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<usize>);

/// An object whose fields are taken one by one.
pub(super) struct Record<'a, 'p> {
    table: Table,
    object: Object<'a>,
    /// What became of each field, by place.
    fates: Vec<Fate>,
    places: &'p mut Places,
    /// Fields asked for so far.
    asked: usize,
}

/// What became of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No column asked for it.
    Unknown,
    /// A column took it.
    Taken,
    /// A column asked for it and could not take it.
    Misfit,
    /// A column took it, and it is null.
    Null,
}

impl<'a, 'p> Record<'a, 'p> {
    /// An object for a table; duplicate keys are noted.
    pub(super) fn new(
        table: Table,
        object: Object<'a>,
        places: &'p mut Places,
        warnings: &mut Warnings,
    ) -> Self {
        let mut record = Self { table, object, fates: Vec::new(), places, asked: 0 };
        record.begin(warnings);
        record
    }

    /// No object yet; [`exchange`](Self::exchange) gives it one after the other.
    pub(super) fn empty(table: Table, places: &'p mut Places) -> Self {
        Self { table, object: Object::default(), fates: Vec::new(), places, asked: 0 }
    }

    /// Goes on with another object, which it gets in exchange for the last.
    pub(super) fn exchange(&mut self, object: &mut Object<'a>, warnings: &mut Warnings) {
        std::mem::swap(&mut self.object, object);
        self.begin(warnings);
    }

    fn begin(&mut self, warnings: &mut Warnings) {
        self.asked = 0;
        self.fates.clear();
        self.fates.resize(self.object.fields.len(), Fate::Unknown);
        for field in &self.object.overwritten {
            let example = || format!("{} was followed by another", excerpt(field.value.get()));
            warnings.note(Notice::DuplicateKey, self.table, field.shown_name(), example);
        }
    }

    /// The place of a field: where it stood last time, else wherever it stands.
    fn place(&mut self, name: &str) -> Option<usize> {
        let is_it = |field: &Field<'_>| field.name.as_deref() == Some(name);
        let ordinal = self.asked;
        self.asked += 1;
        if let Some(place) = self.places.0.get(ordinal).copied()
            && self.object.fields.get(place).is_some_and(is_it)
        {
            return Some(place);
        }
        let place = self.object.fields.iter().position(is_it)?;
        if self.places.0.len() <= ordinal {
            self.places.0.resize(ordinal + 1, 0);
        }
        self.places.0[ordinal] = place;
        Some(place)
    }

    /// The place and value of a field that is there and not null. A null is taken.
    fn present(&mut self, name: &str) -> Option<(usize, Raw<'a>)> {
        let place = self.place(name)?;
        let value = self.object.fields[place].value;
        if is_null(value) {
            self.fates[place] = Fate::Null;
            return None;
        }
        Some((place, value))
    }

    /// A field's value as written, taken.
    pub(super) fn raw(&mut self, name: &str) -> Option<Raw<'a>> {
        let (place, value) = self.present(name)?;
        self.fates[place] = Fate::Taken;
        Some(value)
    }

    /// A field as it stands in the object, taken.
    pub(super) fn raw_field(&mut self, name: &str) -> Option<Field<'a>> {
        let (place, _) = self.present(name)?;
        self.fates[place] = Fate::Taken;
        Some(self.object.fields[place].clone())
    }

    /// Puts a field back that [`raw`](Self::raw) took.
    pub(super) fn put_back(&mut self, name: &str, expected: &'static str, warnings: &mut Warnings) {
        if let Some(place) = self.object.fields.iter().position(|f| f.name.as_deref() == Some(name)) {
            self.misfit(place, expected, warnings);
        }
    }

    /// A field that its column cannot take: it stays.
    fn misfit(&mut self, place: usize, expected: &'static str, warnings: &mut Warnings) {
        self.fates[place] = Fate::Misfit;
        let field = &self.object.fields[place];
        let name = field.name.as_deref().unwrap_or_default();
        let example = || format!("expected {expected}, found {}", excerpt(field.value.get()));
        warnings.note(Notice::Misfit, self.table, name, example);
    }

    /// Text.
    pub(super) fn text(&mut self, name: &str, warnings: &mut Warnings) -> Option<Cow<'a, str>> {
        let (place, value) = self.present(name)?;
        let Some(text) = text(value) else {
            self.misfit(place, "text", warnings);
            return None;
        };
        self.fates[place] = Fate::Taken;
        Some(text)
    }

    /// Text that is one of the words of an enumeration; another one is told, and taken as it is.
    pub(super) fn word(
        &mut self,
        name: &str,
        known: &[&str],
        warnings: &mut Warnings,
    ) -> Option<Cow<'a, str>> {
        let word = self.text(name, warnings)?;
        if !known.contains(&&*word) {
            warnings.note(Notice::NewValue, self.table, name, || excerpt(&word).into_owned());
        }
        Some(word)
    }

    /// The text of one of two fields that mean the same: the first that has one. The other stays where
    /// it says something else.
    pub(super) fn either_text(
        &mut self,
        name: &str,
        other: &str,
        warnings: &mut Warnings,
    ) -> Option<Cow<'a, str>> {
        let first = self.text(name, warnings);
        let Some(first) = first else { return self.text(other, warnings) };
        if let Some((place, value)) = self.present(other)
            && text(value).is_some_and(|second| second == first)
        {
            self.fates[place] = Fate::Taken;
        }
        Some(first)
    }

    /// A time of RFC 3339, cut to microseconds.
    pub(super) fn time(&mut self, name: &str, warnings: &mut Warnings) -> Option<DateTime<Utc>> {
        let (place, value) = self.present(name)?;
        let time = text(value).and_then(|text| parse_time(&text));
        let Some(time) = time else {
            self.misfit(place, "a time of RFC 3339", warnings);
            return None;
        };
        self.fates[place] = Fate::Taken;
        Some(time)
    }

    /// Minutes, from the number's own digits.
    pub(super) fn minutes(&mut self, name: &str, warnings: &mut Warnings) -> Option<Minutes> {
        let (place, value) = self.present(name)?;
        let quoted = text(value);
        let digits = quoted.as_deref().unwrap_or(value.get());
        let Ok(parsed) = Minutes::parse(digits) else {
            self.misfit(place, "a number below 10^9", warnings);
            return None;
        };
        self.fates[place] = Fate::Taken;
        if quoted.is_some() {
            warnings.note(Notice::NumberAsText, self.table, name, || excerpt(value.get()).into_owned());
        }
        if parsed.rounded {
            warnings.note(Notice::Rounded, self.table, name, || excerpt(value.get()).into_owned());
        }
        Some(parsed.minutes)
    }

    /// A whole number, also where it is written with a point or an exponent.
    pub(super) fn int(&mut self, name: &str, warnings: &mut Warnings) -> Option<i64> {
        let (place, value) = self.present(name)?;
        let quoted = text(value);
        let digits = quoted.as_deref().unwrap_or(value.get());
        let Some(number) = Number::parse(digits).and_then(|number| number.whole()) else {
            self.misfit(place, "a whole number", warnings);
            return None;
        };
        self.fates[place] = Fate::Taken;
        if quoted.is_some() {
            warnings.note(Notice::NumberAsText, self.table, name, || excerpt(value.get()).into_owned());
        }
        Some(number)
    }

    /// Tells a null, where the documents know none.
    fn note_null(&self, name: &str, warnings: &mut Warnings) {
        if nullable(self.table).is_some_and(|nullable| !nullable.contains(&name)) {
            warnings.note(Notice::Null, self.table, name, || "null".to_owned());
        }
    }

    /// What no column took, as a JSON object with the API's names; `None` where nothing is left. Nulls are
    /// told here: by now each column has taken its own.
    ///
    /// `others` are fields from around the object, by their path.
    pub(super) fn extra(&self, others: &[(String, Raw<'_>)], warnings: &mut Warnings) -> Option<String> {
        let mut extra = String::new();
        for (field, fate) in self.object.fields.iter().zip(&self.fates) {
            match fate {
                Fate::Taken => continue,
                Fate::Null => {
                    self.note_null(field.shown_name(), warnings);
                    continue;
                }
                Fate::Unknown | Fate::Misfit => {}
            }
            if *fate == Fate::Unknown {
                let example = || excerpt(field.value.get()).into_owned();
                warnings.note(Notice::UnknownField, self.table, field.shown_name(), example);
            }
            push_member(&mut extra, field.raw_name.get(), field.value.get());
        }
        for (path, value) in others {
            warnings.note(Notice::UnknownField, self.table, path, || excerpt(value.get()).into_owned());
            push_member(&mut extra, &serde_json::Value::from(path.as_str()).to_string(), value.get());
        }
        close(extra)
    }
}

/// Adds a member to an object under construction; both parts are JSON already.
pub(super) fn push_member(object: &mut String, name: &str, value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    object.push_str(name);
    object.push(':');
    object.push_str(value);
}

/// Ends an object under construction; `None` where it has no member.
pub(super) fn close(mut object: String) -> Option<String> {
    if object.is_empty() {
        return None;
    }
    object.push('}');
    Some(object)
}
