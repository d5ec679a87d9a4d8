//! One array of objects -> rows of one table, handed on as they fill.

use chrono::{DateTime, Utc};

use super::filled::Filled;
use super::shape::Shape;
use crate::error::Result;
use crate::tables::Hand;
use crate::tables::columns::Columns;
use crate::tables::schema::Table;
use crate::tables::warnings::Warnings;
use crate::wire::{Field, Keys, Object, each_object};

/// Whose rows they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'s> {
    pub(super) session_id: &'s str,
    pub(super) participant_id: &'s str,
    pub(super) fetched_at: DateTime<Utc>,
}

/// Who takes batches and oddities.
pub(super) struct Out<'s> {
    pub(super) hand: Hand<'s>,
    pub(super) warnings: &'s mut Warnings,
}

/// A table whose rows are objects of an array.
pub(super) struct Rows {
    pub(super) columns: Columns,
    pub(super) shape: Shape,
    keys: Keys,
    table: Table,
}

impl Rows {
    /// Rows of a table, filled by the fields that its schema names.
    pub(super) fn new(table: Table) -> Self {
        Self::shaped(table, Shape::of(table))
    }

    /// The same, with fields that hold more.
    pub(super) fn shaped(table: Table, shape: Shape) -> Self {
        Self { columns: Columns::new(table), shape, keys: Keys::default(), table }
    }

    /// An empty row.
    pub(super) fn filled<'a>(&self) -> Filled<'a> {
        Filled::new(self.table)
    }

    /// Adds an array's objects. `lead` are the columns between the ids and the index; `finish` sees each
    /// row before it is added.
    pub(super) fn add_array<'a>(
        &mut self,
        owner: &Owner<'_>,
        lead: &[Option<&str>],
        array: &Field<'a>,
        out: &mut Out<'_>,
        mut finish: impl FnMut(u64, Option<&Object<'a>>, &mut Filled<'a>, &mut Out<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut filled = self.filled();
        let mut index = 0;
        let mut ended = Ok(());
        // Taken, so that rows can be added meanwhile.
        let mut keys = std::mem::take(&mut self.keys);
        each_object(array.value, &mut keys, |element| {
            if ended.is_err() {
                return;
            }
            filled.clear();
            let object = match element {
                Ok(object) => {
                    filled.fill(&self.shape, object, out.warnings);
                    Some(&*object)
                }
                Err(other) => {
                    filled.keep_element(array, other, out.warnings);
                    None
                }
            };
            ended = finish(index, object, &mut filled, out)
                .and_then(|()| self.add(owner, lead, &[index], &mut filled, out));
            index += 1;
        });
        self.keys = keys;
        ended
    }

    /// Adds a filled row, which is empty then.
    pub(super) fn add(
        &mut self,
        owner: &Owner<'_>,
        lead: &[Option<&str>],
        indexes: &[u64],
        filled: &mut Filled<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let mut row = self.columns.row().text(Some(owner.session_id)).text(Some(owner.participant_id));
        for text in lead {
            row = row.text(*text);
        }
        for index in indexes {
            row = row.count(*index);
        }
        for slot in &mut filled.slots {
            row = row.value(slot.take());
        }
        row.text(filled.extra.end()).time(Some(owner.fetched_at));
        if self.columns.is_full() {
            self.columns.hand_on(out.hand)?;
        }
        Ok(())
    }
}
