//! A row being filled from an object and the objects within it.
//!
//! In: an object, and the [`Shape`] that says what its fields are. Out: a value for each fed column, the
//! parts that are rows of other tables, and what no column took.
//! Guarantees: every field ends in one of the three, but for a null in a known place; what is odd is told.

use super::extra::Extra;
use super::reading::{Reading, Value};
use super::shape::{Node, Part, Shape};
use crate::tables::schema::{Source, Table};
use crate::tables::warnings::{Notice, Warnings, excerpt};
use crate::wire::{Field, Object, Raw, is_null};

/// A row being filled.
#[derive(Debug)]
pub(super) struct Filled<'a> {
    table: Table,
    /// The values of the fed columns, in their order.
    pub(super) slots: Vec<Option<Value<'a>>>,
    /// Fields that hold rows of other tables, in the reply's order.
    pub(super) parts: Vec<(Part, Field<'a>)>,
    /// What no column took.
    pub(super) extra: Extra<'a>,
}

impl<'a> Filled<'a> {
    /// An empty row of a table.
    pub(super) fn new(table: Table) -> Self {
        let is_fed = |source: Source| matches!(source, Source::Fields(_));
        let width = table.columns().iter().filter(|column| is_fed(column.source)).count();
        let slots = std::iter::repeat_with(|| None).take(width).collect();
        Self { table, slots, parts: Vec::new(), extra: Extra::default() }
    }

    /// Empties the values and parts; what no column took stays.
    pub(super) fn clear(&mut self) {
        self.slots.fill(None);
        self.parts.clear();
    }

    /// Takes an object's fields.
    pub(super) fn fill(&mut self, shape: &Shape, object: &Object<'a>, warnings: &mut Warnings) {
        self.note_overwritten(object, warnings);
        for field in &object.fields {
            match field.name.as_deref().and_then(|name| shape.get(name)) {
                None => self.keep(field, warnings),
                Some(_) if is_null(field.value) => {}
                Some(Node::Column(slot, reading)) => self.fill_slot(*slot, *reading, field, warnings),
                Some(Node::Group(shape)) => match Object::parse(field.value) {
                    Some(object) => {
                        self.extra.enter(field.raw_name.get());
                        self.fill(shape, &object, warnings);
                        self.extra.leave();
                    }
                    None => self.misfit(field, "an object", warnings),
                },
                Some(Node::Part(part)) => match part.misfit(field.value) {
                    Some(expected) => self.misfit(field, expected, warnings),
                    None => self.parts.push((*part, field.clone())),
                },
            }
        }
    }

    /// Of two fields that feed one column, the first rules; the other stays where it says something else.
    fn fill_slot(&mut self, slot: usize, reading: Reading, field: &Field<'a>, warnings: &mut Warnings) {
        let Some(known) = self.slots.get(slot).cloned().flatten() else {
            let value = self.take(reading, field, warnings);
            if let Some(empty) = self.slots.get_mut(slot) {
                *empty = value;
            }
            return;
        };
        let second = reading.take(field.value);
        let is_same =
            second.is_some_and(|taken| taken.value == known && taken.notice != Some(Notice::Rounded));
        if !is_same {
            self.keep(field, warnings);
        }
    }

    /// A field's value for a column; what the column cannot take, or not every digit of, is kept.
    pub(super) fn take(
        &mut self,
        reading: Reading,
        field: &Field<'a>,
        warnings: &mut Warnings,
    ) -> Option<Value<'a>> {
        if is_null(field.value) {
            return None;
        }
        let Some(taken) = reading.take(field.value) else {
            self.misfit(field, reading.expected(), warnings);
            return None;
        };
        if let Some(notice) = taken.notice {
            self.note(notice, field, || excerpt(field.value.get()).into_owned(), warnings);
        }
        if taken.notice == Some(Notice::Rounded) {
            self.extra.push(field.raw_name.get(), field.value.get());
        }
        Some(taken.value)
    }

    /// Keeps a field that no column is for.
    fn keep(&mut self, field: &Field<'a>, warnings: &mut Warnings) {
        self.note(Notice::UnknownField, field, || excerpt(field.value.get()).into_owned(), warnings);
        self.extra.push(field.raw_name.get(), field.value.get());
    }

    /// Keeps a field that its column, or the table of its rows, cannot take.
    pub(super) fn misfit(&mut self, field: &Field<'a>, expected: &'static str, warnings: &mut Warnings) {
        let example = || format!("expected {expected}, found {}", excerpt(field.value.get()));
        self.note(Notice::Misfit, field, example, warnings);
        self.extra.push(field.raw_name.get(), field.value.get());
    }

    /// Keeps an element of an array that is no object, whole under the array's name.
    pub(super) fn keep_element(&mut self, array: &Field<'_>, element: Raw<'_>, warnings: &mut Warnings) {
        let example = || format!("expected an object, found {}", excerpt(element.get()));
        warnings.note(Notice::Misfit, self.table, array.shown_name(), example);
        self.extra.push(array.raw_name.get(), element.get());
    }

    /// Tells keys that came twice.
    pub(super) fn note_overwritten(&self, object: &Object<'a>, warnings: &mut Warnings) {
        for field in &object.overwritten {
            let example = || format!("{} was followed by another", excerpt(field.value.get()));
            self.note(Notice::DuplicateKey, field, example, warnings);
        }
    }

    fn note(
        &self,
        notice: Notice,
        field: &Field<'a>,
        example: impl FnOnce() -> String,
        warnings: &mut Warnings,
    ) {
        warnings.note(notice, self.table, &self.extra.path(field.shown_name()), example);
    }
}
