//! Statistics over a whole call -> rows of `quality_summary`; an old report -> its parts.

use super::filled::Filled;
use super::reading::{Reading, Value};
use super::rows::{Out, Owner, Rows};
use super::shape::{AVERAGE_QUALITY, Part, Shape};
use crate::error::Result;
use crate::tables::columns::Columns;
use crate::tables::schema::Table;
use crate::tables::warnings::Warnings;
use crate::wire::{Field, Object, Raw};

/// What is said of a measure that is a plain number.
const PLAIN: &str = "value";

/// Rows of `quality_summary` in the making.
pub(super) struct SummaryRows {
    pub(super) columns: Columns,
}

/// Where statistics stood, and of what they are.
#[derive(Clone, Debug)]
struct Place<'s, 'a> {
    source: &'s str,
    media: Option<&'static str>,
    direction: Option<&'static str>,
    /// Of an old report: its peer, start and end.
    report: [Option<Value<'a>>; 3],
}

impl SummaryRows {
    pub(super) fn new() -> Self {
        Self { columns: Columns::new(Table::QualitySummary) }
    }

    /// Adds a row for each number in a cumulative object.
    pub(super) fn add_cumulative(
        &mut self,
        owner: &Owner<'_>,
        media: &'static str,
        direction: &'static str,
        field: &Field<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let source = format!("peer_report.quality.{media}_{direction}_cumulative");
        let place = Place {
            source: &source,
            media: Some(media),
            direction: Some(direction),
            report: [None, None, None],
        };
        let mut filled = Filled::new(Table::QualitySummary);
        let measures = Object::parse(field.value).unwrap_or_default();
        filled.note_overwritten(&measures, out.warnings);
        for measure in &measures.fields {
            let name = measure.shown_name();
            let Some(statistics) = Object::parse(measure.value) else {
                self.add(owner, &place, name, (PLAIN, Some(measure)), &mut filled, out)?;
                continue;
            };
            filled.note_overwritten(&statistics, out.warnings);
            for statistic in &statistics.fields {
                let named = (statistic.shown_name(), Some(statistic));
                self.add(owner, &place, name, named, &mut filled, out)?;
            }
        }
        Ok(())
    }

    /// Adds a row; what no column takes of it, and of `filled` so far, is in its `extra`.
    fn add<'a>(
        &mut self,
        owner: &Owner<'_>,
        place: &Place<'_, '_>,
        measure: &str,
        (statistic, field): (&str, Option<&Field<'a>>),
        filled: &mut Filled<'a>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let value = field.and_then(|field| filled.take(Reading::Float, field, out.warnings));
        let [peer_id, started_at, ended_at] = place.report.clone();
        self.columns
            .row()
            .text(Some(owner.session_id))
            .text(Some(owner.participant_id))
            .text(Some(place.source))
            .text(place.media)
            .text(place.direction)
            .text(Some(measure))
            .text(Some(statistic))
            .value(value)
            .value(peer_id)
            .value(started_at)
            .value(ended_at)
            .text(filled.extra.end())
            .time(Some(owner.fetched_at));
        if self.columns.is_full() {
            self.columns.hand_on(out.hand)?;
        }
        Ok(())
    }

    /// Adds what an array of old reports has in a report's place.
    pub(super) fn add_stray(
        &mut self,
        owner: &Owner<'_>,
        source: &str,
        array: &Field<'_>,
        element: Raw<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let mut filled = Filled::new(Table::QualitySummary);
        filled.keep_element(array, element, out.warnings);
        let place = Place { source, media: None, direction: None, report: [None, None, None] };
        self.add(owner, &place, AVERAGE_QUALITY, (PLAIN, None), &mut filled, out)
    }

    /// Adds an old report: a row for its average quality in any case, a row for each other measure that it
    /// has, and its samples. Its totals fill `totals`, columns of `call_stats`; those that differ from an
    /// earlier report's, and what has no column, are in the first row's `extra`.
    pub(super) fn add_report<'a>(
        &mut self,
        owner: &Owner<'_>,
        source: &str,
        report: &Object<'a>,
        (shape, totals): (&Shape, &mut Filled<'a>),
        samples: &mut Rows,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let mut filled = Filled::new(Table::QualitySummary);
        std::mem::swap(&mut filled.slots, &mut totals.slots);
        filled.fill(shape, report, out.warnings);
        std::mem::swap(&mut filled.slots, &mut totals.slots);
        let parts = std::mem::take(&mut filled.parts);
        let period = period(&parts, &mut filled, out.warnings);
        for (part, array) in &parts {
            let Part::OldSamples { media } = *part else { continue };
            let source = format!("{source}.{media}_stats");
            let peer_id = samples.shape.slot("peer_id");
            let lead = [Some(source.as_str()), Some(media), None];
            samples.add_array(owner, &lead, array, out, |_, _, sample, _| {
                if let Some(own) = peer_id.and_then(|slot| sample.slots.get_mut(slot))
                    && own.is_none()
                {
                    own.clone_from(&period[0]);
                }
                Ok(())
            })?;
        }
        let mut place = Place { source, media: None, direction: None, report: period };
        let average = parts.iter().find(|(part, _)| *part == Part::OldMeasure { media: None });
        let average = average.map(|(_, field)| field);
        self.add(owner, &place, AVERAGE_QUALITY, (PLAIN, average), &mut filled, out)?;
        for (part, field) in &parts {
            if let Part::OldMeasure { media: media @ Some(_) } = *part {
                place.media = media;
                self.add(owner, &place, field.shown_name(), (PLAIN, Some(field)), &mut filled, out)?;
            }
        }
        Ok(())
    }
}

/// The peer, start and end of an old report.
fn period<'a>(
    parts: &[(Part, Field<'a>)],
    filled: &mut Filled<'a>,
    warnings: &mut Warnings,
) -> [Option<Value<'a>>; 3] {
    let mut of = |wanted, reading| {
        let (_, field) = parts.iter().find(|(part, _)| *part == wanted)?;
        filled.take(reading, field, warnings)
    };
    [of(Part::OldPeer, Reading::Text), of(Part::OldStart, Reading::Time), of(Part::OldEnd, Reading::Time)]
}
