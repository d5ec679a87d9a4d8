//! The charts of a report as SVG, drawn by `plotters`.
//!
//! In: series. Out: each chart twice, for a wide page and for a narrow one, so that its text is never
//! scaled down to what nobody can read.
//! Guarantees: no colour is fixed: each role is drawn in a colour of its own, for which the page's style
//! has another in light, in dark and on paper; texts are escaped by the library.
//! Not here: captions, and what is said to those who do not see a chart.
//!
//! Why `plotters`: the most used of Rust's charting libraries; its SVG is shapes and text elements, made
//! without fonts, images, an embedded script or a style of its own, so that a page with a strict policy
//! can hold and restyle it; it adds three small crates.

use std::fmt::Write as _;

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::types::{RangedCoordu32, RangedCoordusize};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::foreign::cut;
use super::rounding::{grouped, trimmed};
use super::series::{Bucket, Concurrency, Days, Durations};
use crate::error::{Error, Result};
use chrono_tz::Tz;

/// The library draws on whole points: this many of them make one of the page's.
const FINE: u32 = 10;
/// As a page of a desk and one of a hand have room for.
const WIDTHS: [(&str, u32); 2] = [("wide", 500), ("narrow", 310)];
/// Whole numbers that the height of a chart over time is divided into.
const HEIGHT: u32 = 100_000;
/// The breadth of a bar over time, at most.
const MOST_BAR: usize = 40;
/// The breadth of a line.
const LINE: u32 = FINE * 9 / 5;
/// Text of axes.
const TEXT: u32 = 12;
/// Text that names bars and says their value.
const LABEL: u32 = 13;

/// Columns of a name that fit beside its bar, and above it with its value.
const WIDE_NAME_COLUMNS: usize = 20;
const NARROW_NAME_COLUMNS: usize = 24;

/// Text, lines of a grid, what the chart is about, and the area under a line: what the page's style names.
const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const BAR: RGBColor = RGBColor(3, 3, 3);
const AREA: RGBColor = RGBColor(4, 4, 4);
const MUTED: RGBColor = RGBColor(5, 5, 5);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordusize, RangedCoordu32>>;
type Drawn<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Bars over time.
pub(super) fn days(days: &Days) -> Result<String> {
    let values: Vec<u128> =
        days.bars.iter().map(|(_, minutes)| u128::try_from(minutes.units()).unwrap_or(0)).collect();
    let form = match days.bucket {
        Bucket::Day | Bucket::Week => "%-d %b",
        Bucket::Month => "%b %Y",
        Bucket::Year => "%Y",
    };
    let name =
        |place: usize| days.bars.get(place).map(|(day, _)| day.format(form).to_string()).unwrap_or_default();
    let minutes = |units: u128| {
        let text = trimmed(i128::try_from(units).unwrap_or(i128::MAX), 9, 0);
        let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        grouped(whole.parse().unwrap_or(0), 0) + rest
    };
    both(240, |area| columns(area, &values, name, minutes))
}

/// The largest groups: names, bars and values.
pub(super) fn groups(groups: &[(String, u32, String)]) -> Result<String> {
    const ROW: u32 = 34;
    let rows = u32::try_from(groups.len()).unwrap_or(1).max(1);
    both(rows * ROW + 8, |area| {
        let wide = area.dim_in_pixel().0 > WIDTHS[1].1 * FINE;
        for (row, (name, thousandths, value)) in (0..).zip(groups) {
            let top = row * ROW;
            named_bar(area, top, wide, name, *thousandths, value)?;
        }
        Ok(())
    })
}

/// How many were there at once.
pub(super) fn concurrency(seen: &Concurrency, zone: Tz) -> Result<String> {
    let span = seen.to - seen.from;
    let form = if span.num_hours() < 48 { "%-d %b %H:%M" } else { "%-d %b" };
    let steps = i32::try_from(seen.steps.len()).unwrap_or(i32::MAX).max(1);
    let name = |place: usize| {
        let at = seen.from + span / steps * i32::try_from(place).unwrap_or(0);
        at.with_timezone(&zone).format(form).to_string()
    };
    both(240, |area| steps_over_time(area, &seen.steps, name))
}

/// How many stayed how long.
pub(super) fn durations(durations: &Durations) -> Result<String> {
    const ROW: u32 = 26;
    let most = durations.counts.iter().copied().max().unwrap_or(0).max(1);
    let rows: Vec<_> = Durations::names()
        .into_iter()
        .zip(&durations.counts)
        .map(|(name, count)| {
            (name, u32::try_from(count * 1000 / most).unwrap_or(0), grouped(i128::from(*count), 0))
        })
        .collect();
    let height = u32::try_from(rows.len()).unwrap_or(1) * ROW + 8;
    both(height, |area| {
        for (row, (name, thousandths, value)) in (0..).zip(&rows) {
            let top = row * ROW;
            let room = Room { name: 108, value: 60, top, height: 17 };
            bar_beside(area, &room, name, *thousandths, value)?;
        }
        Ok(())
    })
}

/// Draws a chart in each width.
fn both(height: u32, draw: impl Fn(&Area<'_>) -> Drawn) -> Result<String> {
    let mut charts = String::new();
    for (class, width) in WIDTHS {
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (width * FINE, height * FINE)).into_drawing_area();
            draw(&area).and_then(|()| area.present().map_err(Into::into))
        };
        drawn.map_err(|source| Error::ReportPart { part: "a chart", source })?;
        // The library's own opening tag fixes a size; the page decides it.
        let body = svg.split_once('\n').map_or("", |(_, body)| body);
        let view = format!("0 0 {} {}", width * FINE, height * FINE);
        // Writing to a String cannot fail.
        let _ =
            write!(charts, "<svg class=\"chart {class}\" viewBox=\"{view}\" aria-hidden=\"true\">\n{body}");
    }
    Ok(charts)
}

/// Upright bars, side by side, with a grid that tells their height.
fn columns(
    area: &Area<'_>,
    values: &[u128],
    name: impl Fn(usize) -> String,
    value_text: impl Fn(u128) -> String,
) -> Drawn {
    /// Points that a bar's place is divided into.
    const PLACE: usize = 100;
    let scale = Scale::up_to(values.iter().copied().max().unwrap_or(0));
    let count = values.len().max(1);
    let chart = over_time(area, count * PLACE, &scale, value_text)?;
    // Bars take four fifths of their place, but are no broader than looks like a bar.
    let width = usize::try_from(area.dim_in_pixel().0 / FINE).unwrap_or(1).max(1);
    let bar = (MOST_BAR * count * PLACE / width).clamp(1, PLACE * 4 / 5);
    for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let left = place * PLACE + (PLACE - bar) / 2;
        // Something is not nothing.
        let height = scale.height(*value).max(HEIGHT / 200);
        let corners = [(left, 0), (left + bar, height)].map(|corner| chart.backend_coord(&corner));
        area.draw(&Rectangle::new(corners, BAR.filled()))?;
    }
    for place in labelled(count, width) {
        let at = chart.backend_coord(&(place * PLACE + PLACE / 2, 0));
        area.draw_text(&name(place), &centred(), (at.0, at.1 + px(8)))?;
    }
    Ok(())
}

/// A line of steps over an area.
fn steps_over_time(area: &Area<'_>, steps: &[u64], name: impl Fn(usize) -> String) -> Drawn {
    let scale = Scale::up_to(steps.iter().copied().max().unwrap_or(0).into());
    let count = steps.len().max(1);
    let text = |value: u128| grouped(i128::try_from(value).unwrap_or(i128::MAX), 0);
    let chart = over_time(area, count, &scale, text)?;
    let heights = steps.iter().map(|level| scale.height((*level).into())).enumerate();
    let corners = heights.flat_map(|(place, height)| [(place, height), (place + 1, height)]);
    let line: Vec<_> = corners.map(|corner| chart.backend_coord(&corner)).collect();
    let ground = [(count, 0), (0, 0)].map(|corner| chart.backend_coord(&corner));
    area.draw(&Polygon::new(line.iter().copied().chain(ground).collect::<Vec<_>>(), AREA.filled()))?;
    area.draw(&PathElement::new(line, BAR.stroke_width(LINE)))?;
    let width = usize::try_from(area.dim_in_pixel().0 / FINE).unwrap_or(1);
    for place in labelled(count, width) {
        let at = chart.backend_coord(&(place, 0));
        area.draw_text(&name(place), &centred(), (at.0, at.1 + px(8)))?;
    }
    Ok(())
}

/// Heights as the library draws them: small whole numbers, whatever they stand for.
struct Scale {
    step: u128,
    steps: u32,
}

impl Scale {
    /// Round steps, four or five of them, the last not below a value.
    fn up_to(most: u128) -> Self {
        let wanted = most.div_ceil(5).max(1);
        let mut unit = 1_u128;
        while unit.saturating_mul(10) <= wanted {
            unit *= 10;
        }
        let step =
            [1, 2, 5, 10].map(|times| unit.saturating_mul(times)).into_iter().find(|step| *step >= wanted);
        let step = step.unwrap_or(wanted);
        Self { step, steps: u32::try_from(most.div_ceil(step)).unwrap_or(5).max(1) }
    }

    /// Where a value is, of [`HEIGHT`].
    fn height(&self, value: u128) -> u32 {
        let top = self.step.saturating_mul(self.steps.into());
        u32::try_from(value.saturating_mul(HEIGHT.into()) / top).unwrap_or(HEIGHT).min(HEIGHT)
    }

    /// The values at which there is a line.
    fn values(&self) -> impl Iterator<Item = u128> {
        (0..=self.steps).map(|step| self.step.saturating_mul(step.into()))
    }
}

/// A chart over time: lines across at round values, and what they are.
fn over_time<'a, 'b>(
    area: &'a Area<'b>,
    span: usize,
    scale: &Scale,
    value_text: impl Fn(u128) -> String,
) -> Drawn<Chart<'a, 'b>> {
    let chart = ChartBuilder::on(area)
        .margin_top(px(10))
        .margin_right(px(4))
        .x_label_area_size(px(26))
        .y_label_area_size(px(52))
        .build_cartesian_2d(0..span, 0..HEIGHT)?;
    for value in scale.values() {
        let height = scale.height(value);
        let ends = [(0, height), (span, height)].map(|end| chart.backend_coord(&end));
        area.draw(&PathElement::new(ends, GRID.stroke_width(FINE)))?;
        let (x, y) = (ends[0].0 - px(8), ends[0].1);
        area.draw_text(
            &value_text(value),
            &text_style(TEXT, MUTED).pos(Pos::new(HPos::Right, VPos::Center)),
            (x, y),
        )?;
    }
    Ok(chart)
}

/// Where bars over time are named: evenly, as many as there is room for.
fn labelled(count: usize, width: usize) -> impl Iterator<Item = usize> {
    let room = (width / 80).max(2);
    let step = count.div_ceil(room).max(1);
    // Not so close to an end that the text would not fit.
    let fits = move |place: &usize| (count - place) * width / count >= 40;
    (0..count).skip(step / 2).step_by(step).filter(fits)
}

/// A bar with its name beside it where there is room, else above it.
fn named_bar(area: &Area<'_>, top: u32, wide: bool, name: &str, thousandths: u32, value: &str) -> Drawn {
    if wide {
        let room = Room { name: 172, value: 84, top: top + 6, height: 22 };
        return bar_beside(area, &room, &cut(name, WIDE_NAME_COLUMNS), thousandths, value);
    }
    area.draw_text(&isolated(&cut(name, NARROW_NAME_COLUMNS)), &beginning(), (0, px(top + 2)))?;
    area.draw_text(value, &ending(), (pixels(area.dim_in_pixel().0), px(top + 2)))?;
    rectangle(area, 0, pixels(area.dim_in_pixel().0), top + 19, 8, thousandths)
}

/// Where a bar is and what it leaves to its texts.
struct Room {
    name: u32,
    value: u32,
    top: u32,
    height: u32,
}

/// A name, a bar and its value, side by side.
fn bar_beside(area: &Area<'_>, room: &Room, name: &str, thousandths: u32, value: &str) -> Drawn {
    let width = pixels(area.dim_in_pixel().0);
    let (left, right) = (px(room.name), width - px(room.value));
    let baseline = px(room.top + room.height / 2) - px(7);
    area.draw_text(&isolated(name), &ending(), (left - px(10), baseline))?;
    let end = rectangle_end(left, right, thousandths);
    rectangle(area, left, right, room.top, room.height, thousandths)?;
    area.draw_text(value, &beginning(), (end + px(8), baseline))?;
    Ok(())
}

fn rectangle_end(left: i32, right: i32, thousandths: u32) -> i32 {
    let length = i64::from(right - left) * i64::from(thousandths) / 1000;
    left + i32::try_from(length).unwrap_or(0)
}

fn rectangle(area: &Area<'_>, left: i32, right: i32, top: u32, height: u32, thousandths: u32) -> Drawn {
    if thousandths == 0 {
        return Ok(());
    }
    // Something is not nothing.
    let end = rectangle_end(left, right, thousandths).max(left + pixels(FINE));
    area.draw(&Rectangle::new([(left, px(top)), (end, px(top + height))], BAR.filled()))?;
    Ok(())
}

/// A text whose direction stays its own.
fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}

fn text_style(size: u32, colour: RGBColor) -> TextStyle<'static> {
    // The library writes four fifths of the size that it is given.
    let font = ("sans-serif", f64::from(size * FINE) * 1.24).into_font();
    TextStyle { font, color: colour.to_backend_color(), pos: Pos::default() }
}

fn centred() -> TextStyle<'static> {
    text_style(TEXT, MUTED).pos(Pos::new(HPos::Center, VPos::Top))
}

fn beginning() -> TextStyle<'static> {
    text_style(LABEL, INK).pos(Pos::new(HPos::Left, VPos::Top))
}

fn ending() -> TextStyle<'static> {
    text_style(LABEL, INK).pos(Pos::new(HPos::Right, VPos::Top))
}

/// The library's points of so many of the page's.
fn px(points: u32) -> i32 {
    pixels(points.saturating_mul(FINE))
}

fn pixels(points: u32) -> i32 {
    i32::try_from(points).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_round() {
        for (most, expected) in
            [(0, (1, 1)), (1, (1, 1)), (7, (2, 4)), (100, (20, 5)), (104, (50, 3)), (12_345, (5_000, 3))]
        {
            let scale = Scale::up_to(most);
            assert_eq!((scale.step, scale.steps), expected, "{most}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_on_its_scale(most in any::<u128>(), part in 0_u128..100) {
            let scale = Scale::up_to(most);
            prop_assert!(scale.values().count() <= 6);
            prop_assert!(scale.height(most / 100 * part) <= HEIGHT);
        }

        #[test]
        fn any_figures_are_drawn(
            levels in proptest::collection::vec(any::<u64>(), 0..30),
            names in proptest::collection::vec(("\\PC{0,20}", 0_u32..=1000), 0..12),
        ) {
            let seen = Concurrency { steps: levels, ..Concurrency::default() };
            prop_assert!(concurrency(&seen, Tz::UTC).is_ok());
            let rows: Vec<_> = names.into_iter().map(|(name, bar)| (name, bar, "1".to_owned())).collect();
            prop_assert!(groups(&rows).is_ok());
        }
    }
}
