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

use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::coord::types::RangedCoordu64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::rounding::grouped;
use super::series::{Bucket, Concurrency, Days, Durations};
use super::shown::cut;
use crate::error::{Error, Result};
use chrono_tz::Tz;

/// The library draws on whole points: this many of them make one of the page's.
const FINE: u32 = 10;
/// As a page of a desk and one of a hand have room for.
const WIDTHS: [(&str, u32); 2] = [("wide", 720), ("narrow", 330)];
/// Text of axes.
const TEXT: u32 = 12;
/// Text that names bars and says their value.
const LABEL: u32 = 13;

/// Text, lines of a grid, what the chart is about, and the area under a line: what the page's style names.
const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const BAR: RGBColor = RGBColor(3, 3, 3);
const AREA: RGBColor = RGBColor(4, 4, 4);
const MUTED: RGBColor = RGBColor(5, 5, 5);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Bars over time.
pub(super) fn days(days: &Days) -> Result<String> {
    let values: Vec<u64> = days.bars.iter().map(|(_, minutes)| hundredths(minutes.units())).collect();
    let name = |place: usize| {
        let form = if days.bucket == Bucket::Month { "%b %Y" } else { "%-d %b" };
        days.bars.get(place).map(|(day, _)| day.format(form).to_string()).unwrap_or_default()
    };
    both(240, |area| columns(area, &values, name, |value| grouped(i128::from(value / 100), 0)))
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
            let room = Room { name: 104, value: 64, top, height: 18 };
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
        charts.push_str(&format!(
            "<svg class=\"chart {class}\" viewBox=\"{view}\" aria-hidden=\"true\">\n{body}"
        ));
    }
    Ok(charts)
}

/// Upright bars, side by side, with a grid that tells their height.
fn columns(
    area: &Area<'_>,
    values: &[u64],
    name: impl Fn(usize) -> String,
    value_text: impl Fn(u64) -> String,
) -> Drawn {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let count = values.len().max(1);
    let y_text = |value: &u64| value_text(*value);
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(10))
        .margin_right(px(4))
        .x_label_area_size(px(26))
        .y_label_area_size(px(56))
        .build_cartesian_2d(0..count * 100, 0..most + most / 20 + 1)?;
    grid(&mut chart.configure_mesh(), &y_text)?;
    // Bars take four fifths of their place, but no more than looks like a bar.
    let width = area.dim_in_pixel().0 / FINE;
    let bar = (40 * count * 100 / usize::try_from(width).unwrap_or(1)).clamp(1, 80).min(80);
    chart.draw_series(values.iter().enumerate().filter(|(_, value)| **value > 0).map(|(place, value)| {
        let left = place * 100 + (100 - bar) / 2;
        Rectangle::new([(left, 0), (left + bar, *value)], BAR.filled())
    }))?;
    let labels = labelled(count, width);
    for place in labels {
        let at = chart.backend_coord(&(place * 100 + 50, 0));
        area.draw_text(&name(place), &centred(), (at.0, at.1 + px(8)))?;
    }
    Ok(())
}

/// A line of steps over an area.
fn steps_over_time(area: &Area<'_>, steps: &[u64], name: impl Fn(usize) -> String) -> Drawn {
    let most = steps.iter().copied().max().unwrap_or(0).max(1);
    let count = steps.len().max(1);
    let y_text = |value: &u64| grouped(i128::from(*value), 0);
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(10))
        .margin_right(px(4))
        .x_label_area_size(px(26))
        .y_label_area_size(px(56))
        .build_cartesian_2d(0..count, 0..most + most / 20 + 1)?;
    grid(&mut chart.configure_mesh(), &y_text)?;
    let corners =
        || steps.iter().enumerate().flat_map(|(place, level)| [(place, *level), (place + 1, *level)]);
    let area_under = corners().chain([(count, 0), (0, 0)]).collect::<Vec<_>>();
    chart.draw_series([Polygon::new(area_under, AREA.filled())])?;
    let line = ShapeStyle { color: BAR.to_rgba(), filled: false, stroke_width: 18 };
    chart.draw_series([PathElement::new(corners().collect::<Vec<_>>(), line)])?;
    let width = area.dim_in_pixel().0 / FINE;
    for place in labelled(count, width) {
        let at = chart.backend_coord(&(place, 0));
        area.draw_text(&name(place), &centred(), (at.0, at.1 + px(8)))?;
    }
    Ok(())
}

/// Lines across at round values, and what they are.
fn grid<'a, X: Ranged>(
    mesh: &mut MeshStyle<'a, '_, X, RangedCoordu64, SVGBackend<'_>>,
    text: &'a dyn Fn(&u64) -> String,
) -> Drawn
where
    X: ValueFormatter<X::ValueType>,
{
    let invisible = ShapeStyle { color: INK.mix(0.0), filled: false, stroke_width: 0 };
    mesh.disable_x_mesh()
        .disable_x_axis()
        .x_labels(0)
        .y_labels(5)
        .y_max_light_lines(1)
        .axis_style(invisible)
        .light_line_style(invisible)
        .bold_line_style(ShapeStyle { color: GRID.to_rgba(), filled: false, stroke_width: FINE })
        .label_style(text_style(TEXT, &MUTED))
        .y_label_formatter(text)
        .draw()?;
    Ok(())
}

/// Where bars over time are named: evenly, as many as there is room for.
fn labelled(count: usize, width: u32) -> impl Iterator<Item = usize> {
    let room = usize::try_from(width / 80).unwrap_or(1).max(2);
    let step = count.div_ceil(room).max(1);
    // Not so close to an end that the text would not fit.
    (0..count).skip(step / 2).step_by(step)
}

/// A bar with its name beside it where there is room, else above it.
fn named_bar(area: &Area<'_>, top: u32, wide: bool, name: &str, thousandths: u32, value: &str) -> Drawn {
    if wide {
        return bar_beside(
            area,
            &Room { name: 210, value: 96, top: top + 6, height: 22 },
            name,
            thousandths,
            value,
        );
    }
    let columns = usize::try_from(area.dim_in_pixel().0 / FINE / 8).unwrap_or(30);
    area.draw_text(&isolated(&cut(name, columns - 12)), &beginning(), (0, px(top + 2)))?;
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
    let name = isolated(&cut(name, usize::try_from(room.name / 7).unwrap_or(10)));
    area.draw_text(&name, &ending(), (left - px(10), baseline))?;
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

fn text_style(size: u32, colour: &'static RGBColor) -> TextStyle<'static> {
    // The library writes four fifths of the size that it is given.
    TextStyle::from(("sans-serif", f64::from(size * FINE) * 1.24)).color(colour)
}

fn centred() -> TextStyle<'static> {
    text_style(TEXT, &MUTED).pos(Pos::new(HPos::Center, VPos::Top))
}

fn beginning() -> TextStyle<'static> {
    text_style(LABEL, &INK).pos(Pos::new(HPos::Left, VPos::Top))
}

fn ending() -> TextStyle<'static> {
    text_style(LABEL, &INK).pos(Pos::new(HPos::Right, VPos::Top))
}

/// The library's points of so many of the page's.
fn px(points: u32) -> i32 {
    pixels(points.saturating_mul(FINE))
}

fn pixels(points: u32) -> i32 {
    i32::try_from(points).unwrap_or(i32::MAX)
}

/// Minutes as the whole numbers that are drawn: no float is needed for a height.
fn hundredths(units: i128) -> u64 {
    u64::try_from(units / 10_000_000).unwrap_or(0)
}
