//! One participant's call statistics, of either shape, -> rows of the seven tables of statistics.
//!
//! In: the fields `peer_report`, `peer_stats` and `quality_stats` of a participant record (API page,
//! sections 5 and 6). Out: one row of `call_stats` whether any came or not, and as many of the others as
//! the arrays hold.
//! Guarantees: which field feeds which column is what the schema says. What no column takes is kept
//! verbatim in `extra`: of the row's own object where it is one of an array, else of the `call_stats` row,
//! nested as it came. A measurement is a double; one that shows not all digits is in `extra` too. Where a
//! reply has both shapes, the new one fills the columns and the old one's differing values are kept.
//! Memory: arrays are walked where they stand in the reply, whatever their length; a row is handed on with
//! the batch it fills.
//! Not here: what was asked for, and where the record sits in the reply.

mod extra;
mod filled;
mod quality;
mod reading;
mod rows;
mod shape;

pub(super) use reading::Value;

use super::Hand;
use super::columns::Columns;
use super::participants::Context;
use super::record::Record;
use super::schema::Table;
use super::warnings::Warnings;
use crate::error::Result;
use crate::wire::{Field, Keys, Object, each_element, each_object};
use filled::Filled;
use quality::SummaryRows;
use rows::{Out, Owner, Rows};
use shape::{Part, Shape};

/// Rows of all tables of statistics in the making.
pub(super) struct StatisticsRows {
    /// The known fields of a record.
    record: Shape,
    call_stats: Columns,
    events: Rows,
    samples: Rows,
    summary: SummaryRows,
    devices: Rows,
    pairs: Rows,
    connections: Rows,
}

impl StatisticsRows {
    pub(super) fn new() -> Self {
        Self {
            record: Shape::of_record(),
            call_stats: Columns::new(Table::CallStats),
            events: Rows::new(Table::CallEvents),
            samples: Rows::new(Table::QualitySamples),
            summary: SummaryRows::new(),
            devices: Rows::shaped(Table::DeviceUpdates, Shape::of_device_update()),
            pairs: Rows::new(Table::CandidatePairs),
            connections: Rows::new(Table::ConnectionMetadata),
        }
    }

    /// The tables' rows.
    pub(super) fn columns(&mut self) -> [&mut Columns; 7] {
        [
            &mut self.call_stats,
            &mut self.events.columns,
            &mut self.samples.columns,
            &mut self.summary.columns,
            &mut self.devices.columns,
            &mut self.pairs.columns,
            &mut self.connections.columns,
        ]
    }

    /// Adds the statistics of a participant's record, taking their fields out of it.
    pub(super) fn add(
        &mut self,
        context: &Context<'_>,
        participant_id: &str,
        record: &mut Record<'_, '_>,
        hand: Hand<'_>,
        warnings: &mut Warnings,
    ) -> Result<()> {
        let owner = Owner { session_id: context.session_id, participant_id, fetched_at: context.fetched_at };
        let out = &mut Out { hand, warnings };
        let mut stats = Filled::new(Table::CallStats);
        let mut came = |name| record.raw_field(name);
        let [new, old, quality] = [came("peer_report"), came("peer_stats"), came("quality_stats")];
        let source_shape = match (new.is_some(), old.is_some() || quality.is_some()) {
            (true, true) => Some("both"),
            (true, false) => Some("new"),
            (false, true) => Some("old"),
            (false, false) => None,
        };
        let fields = new.into_iter().chain(old).collect();
        stats.fill(&self.record, &Object { fields, overwritten: Vec::new() }, out.warnings);
        for (part, field) in std::mem::take(&mut stats.parts) {
            self.add_part(&owner, part, &field, out)?;
        }
        if let Some(quality) = quality {
            self.add_reports(&owner, &quality, &mut stats, out)?;
        }
        let mut row =
            self.call_stats.row().text(Some(owner.session_id)).text(Some(participant_id)).text(source_shape);
        for slot in stats.slots {
            row = row.value(slot);
        }
        row.text(stats.extra.end()).time(Some(owner.fetched_at));
        Ok(())
    }

    /// Adds the rows of an array or cumulative object.
    fn add_part(
        &mut self,
        owner: &Owner<'_>,
        part: Part,
        field: &Field<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        match part {
            Part::Events { source } => self.add_events(owner, source, field, out),
            Part::Connections => {
                let lead = [Some("peer_report.metadata.pc_metadata")];
                self.connections.add_array(owner, &lead, field, out, |_, _, _, _| Ok(()))
            }
            Part::CandidatePairs { transport } => {
                let source = format!("peer_report.metadata.candidate_pairs.{transport}_transport");
                let lead = [Some(source.as_str()), Some(transport)];
                self.pairs.add_array(owner, &lead, field, out, |_, _, _, _| Ok(()))
            }
            Part::DeviceUpdates { name } => {
                let source = format!("peer_report.metadata.{name}_updates");
                self.add_device_updates(owner, &source, field, out)
            }
            Part::Samples { media, direction } => {
                let source = format!("peer_report.quality.{media}_{direction}");
                let lead = [Some(source.as_str()), Some(media), Some(direction)];
                self.samples.add_array(owner, &lead, field, out, |_, _, _, _| Ok(()))
            }
            Part::Summary { media, direction } => {
                self.summary.add_cumulative(owner, media, direction, field, out)
            }
            // Parts of an update or of an old report are its own affair.
            Part::Devices { .. }
            | Part::OldSamples { .. }
            | Part::OldMeasure { .. }
            | Part::OldPeer
            | Part::OldStart
            | Part::OldEnd => Ok(()),
        }
    }

    /// Events; what the predecessor's tell of the connection is a row of its own, beside the event's
    /// metadata, which have it verbatim.
    fn add_events(
        &mut self,
        owner: &Owner<'_>,
        source: &'static str,
        field: &Field<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let Self { events, connections, .. } = self;
        let happened = events.shape.slot("timestamp");
        let looked = connections.shape.slot("timestamp");
        let mut connection = connections.filled();
        events.add_array(owner, &[Some(source)], field, out, |index, event, filled, out| {
            let metadata = event.and_then(|event| event.get("metadata")).and_then(Object::parse);
            let Some(info) = metadata.and_then(|of| of.get("connection_info")).and_then(Object::parse) else {
                return Ok(());
            };
            connection.clear();
            connection.fill(&connections.shape, &info, out.warnings);
            let happened = happened.and_then(|slot| filled.slots.get(slot)).cloned().flatten();
            if let Some(own) = looked.and_then(|slot| connection.slots.get_mut(slot))
                && own.is_none()
            {
                *own = happened;
            }
            connections.add(owner, &[Some(source)], &[index], &mut connection, out)
        })
    }

    /// Updates of devices: a row for each device; one without any is a row too.
    fn add_device_updates(
        &mut self,
        owner: &Owner<'_>,
        source: &str,
        array: &Field<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let mut update_index = 0;
        let mut ended = Ok(());
        each_object(array.value, &mut Keys::default(), |update| {
            if ended.is_err() {
                return;
            }
            let mut filled = self.devices.filled();
            let mut is_selected = false;
            match update {
                Ok(update) => {
                    filled.fill(&self.devices.shape, update, out.warnings);
                    is_selected = update.get("device").is_some_and(|device| device.get().starts_with('{'));
                }
                Err(other) => filled.keep_element(array, other, out.warnings),
            }
            ended = self.add_devices(owner, source, update_index, (filled, is_selected), out);
            update_index += 1;
        });
        ended
    }

    /// The devices of an update; what else it holds is with the first.
    fn add_devices(
        &mut self,
        owner: &Owner<'_>,
        source: &str,
        update_index: u64,
        (mut update, is_selected): (Filled<'_>, bool),
        out: &mut Out<'_>,
    ) -> Result<()> {
        let devices = &mut self.devices;
        let time = devices.shape.slot("timestamp");
        let time = time.and_then(|slot| Some((slot, update.slots.get(slot)?.clone())));
        let parts = std::mem::take(&mut update.parts);
        let mut device_index = 0;
        let mut ended = Ok(());
        if is_selected {
            let lead = [Some(source), Some("selected")];
            ended = devices.add(owner, &lead, &[update_index, device_index], &mut update, out);
            device_index += 1;
        }
        for (part, field) in &parts {
            let Part::Devices { change } = *part else { continue };
            each_element(field.value, |device| {
                if ended.is_err() {
                    return;
                }
                if let Some((slot, time)) = &time
                    && let Some(own) = update.slots.get_mut(*slot)
                {
                    own.clone_from(time);
                }
                match Object::parse(device).zip(devices.shape.group("device")) {
                    Some((device, shape)) => {
                        update.extra.enter(field.raw_name.get());
                        update.fill(shape, &device, out.warnings);
                        update.extra.leave();
                    }
                    None => update.keep_element(field, device, out.warnings),
                }
                let lead = [Some(source), Some(change)];
                ended = devices.add(owner, &lead, &[update_index, device_index], &mut update, out);
                device_index += 1;
            });
        }
        if device_index == 0 && ended.is_ok() {
            ended = devices.add(owner, &[Some(source), None], &[update_index, 0], &mut update, out);
        }
        ended
    }

    /// The predecessor's reports of quality: one for each peer, or one of all.
    fn add_reports<'a>(
        &mut self,
        owner: &Owner<'_>,
        quality: &Field<'a>,
        stats: &mut Filled<'a>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let Self { record, summary, samples, .. } = self;
        let Some(shape) = record.group("quality_stats") else { return Ok(()) };
        if let Some(report) = Object::parse(quality.value) {
            return summary.add_report(owner, "quality_stats", &report, (shape, stats), samples, out);
        }
        let mut index = 0;
        let mut ended = Ok(());
        let is_array = each_object(quality.value, &mut Keys::default(), |report| {
            if ended.is_err() {
                return;
            }
            let source = format!("quality_stats[{index}]");
            ended = match report {
                Ok(report) => summary.add_report(owner, &source, report, (shape, &mut *stats), samples, out),
                Err(other) => summary.add_stray(owner, &source, quality, other, out),
            };
            index += 1;
        });
        if !is_array {
            stats.misfit(quality, "an array or object", out.warnings);
        }
        ended
    }
}
