//! The frame that all plots share: axes, grid, title, badge, and a pen that draws in the axes' values.

use super::PlotError;
use super::axis::Axis;
use super::ink::{Ink, recolour};
use super::label::{Placer, Rect, Side, width};
use super::marker::{Fill, Mark};
use crate::report::html::escape;
use crate::report::value::{Estimate, Origin};
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Width of a drawing in its own units; the page scales it.
pub(super) const WIDTH: u32 = 1000;
/// Height of a drawing.
pub(super) const HEIGHT: u32 = 720;
const MARGIN: u32 = 28;
/// Height of text: 11 px where the drawing is 330 px wide, as on a phone. Wider pages reduce it by style sheet.
pub(super) const TEXT: f64 = 34.0;

/// What a plot says about itself.
pub(super) struct Spec<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    /// For readers that can't see it: what it is.
    pub(super) title: &'a str,
    /// For readers that can't see it: what it shows.
    pub(super) description: &'a str,
    /// Where the data come from; anything but measured is written into the plot.
    pub(super) origin: Origin,
    /// Horizontal axis.
    pub(super) x: &'a Axis,
    /// Vertical axis.
    pub(super) y: &'a Axis,
}

/// Draws in values of the axes.
pub(super) struct Pen<'a, 'b> {
    root: &'a DrawingArea<SVGBackend<'b>, Shift>,
    x: &'a Axis,
    y: &'a Axis,
    frame: Rect,
    placer: Placer,
}

/// Draws the frame, lets `content` draw into it, and returns the SVG element.
pub(super) fn draw(
    spec: &Spec<'_>,
    content: impl FnOnce(&mut Pen<'_, '_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        let frame = frame(&root, spec)?;
        let mut pen = Pen { root: &root, x: spec.x, y: spec.y, frame, placer: Placer::new(frame) };
        content(&mut pen)?;
        root.present()?;
    }
    let body = recolour(&svg);
    let body = body.split_once('>').map_or("", |(_, body)| body);
    let (id, title, description) = (escape(spec.id), escape(spec.title), escape(spec.description));
    Ok(format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
         <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>{body}"
    ))
}

fn text_style(ink: Ink, h: HPos, v: VPos) -> TextStyle<'static> {
    // Plotters divides font sizes by 1.24 on their way into the SVG.
    ("sans-serif", TEXT * 1.24).into_font().color(&ink.colour()).pos(Pos::new(h, v))
}

fn frame(root: &DrawingArea<SVGBackend<'_>, Shift>, spec: &Spec<'_>) -> Result<Rect, PlotError> {
    let widest = spec.y.ticks.iter().map(|(_, label)| width(label)).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(root)
        .margin_top(74)
        .margin_right(MARGIN)
        .margin_left(6)
        .margin_bottom(4)
        .x_label_area_size(86)
        .y_label_area_size(widest.ceil() as u32 + 22)
        .build_cartesian_2d(thinned(spec.x), spec.y.clone())?;
    chart
        .configure_mesh()
        .disable_axes()
        .max_light_lines(0)
        .bold_line_style(Ink::Grid.colour().stroke_width(2))
        .draw()?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(Ink::Muted.colour().stroke_width(2))
        .x_label_style(text_style(Ink::Muted, HPos::Center, VPos::Top))
        .y_label_style(text_style(Ink::Muted, HPos::Right, VPos::Center))
        .draw()?;
    let (columns, rows) = chart.plotting_area().get_pixel_range();
    let middle = (columns.start + columns.end) / 2;
    let below = HEIGHT as i32 - 8;
    root.draw_text(&visible(&spec.x.title), &text_style(Ink::Text, HPos::Center, VPos::Bottom), (middle, below))?;
    root.draw_text(&visible(&spec.y.title), &text_style(Ink::Text, HPos::Left, VPos::Center), (8, 30))?;
    if spec.origin != Origin::Measured {
        let word = spec.origin.label().to_uppercase();
        let place = (WIDTH as i32 - MARGIN as i32, 30);
        root.draw_text(&word, &text_style(Ink::Warning, HPos::Right, VPos::Center), place)?;
    }
    Ok(Rect {
        x0: f64::from(columns.start),
        y0: f64::from(rows.start),
        x1: f64::from(columns.end),
        y1: f64::from(rows.end),
    })
}

/// A horizontal axis without the labels that would touch their left neighbour or leave the drawing.
fn thinned(axis: &Axis) -> Axis {
    let mut axis = axis.clone();
    // The narrowest frame, beside the widest labels of the other axis.
    let length = f64::from(WIDTH) * 0.8;
    let per_unit = length / (axis.high - axis.low);
    let mut end = f64::NEG_INFINITY;
    for (at, label) in &mut axis.ticks {
        let (centre, half) = ((*at - axis.low) * per_unit, width(label) / 2.0);
        if centre - half > end + 12.0 && centre + half < length + f64::from(MARGIN) {
            end = centre + half;
        } else {
            label.clear();
        }
    }
    axis
}

/// Text without the control characters that XML forbids.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Pen<'_, '_> {
    /// The drawing's coordinates of a value; `None` where it has none or lies outside the frame.
    pub(super) fn at(&self, x: f64, y: f64) -> Option<(i32, i32)> {
        let (x, y) = (self.x.coordinate(x)?, self.y.coordinate(y)?);
        let inside = (self.x.low..=self.x.high).contains(&x) && (self.y.low..=self.y.high).contains(&y);
        inside.then(|| self.pixel(x, y))
    }

    fn pixel(&self, x: f64, y: f64) -> (i32, i32) {
        let f = self.frame;
        (self.x.map(&x, (f.x0 as i32, f.x1 as i32)), self.y.map(&y, (f.y1 as i32, f.y0 as i32)))
    }

    /// Straight lines in axis coordinates through the given values, clipped to the frame.
    pub(super) fn line(&mut self, values: &[(f64, f64)], ink: Ink, stroke: u32) -> Result<(), PlotError> {
        let places: Vec<_> =
            values.iter().filter_map(|&(x, y)| Some((self.x.coordinate(x)?, self.y.coordinate(y)?))).collect();
        let style = ink.colour().stroke_width(stroke);
        for pair in places.windows(2) {
            if let &[from, to] = pair
                && let Some((from, to)) = clip(from, to, (self.x.low, self.x.high), (self.y.low, self.y.high))
            {
                let (from, to) = (self.pixel(from.0, from.1), self.pixel(to.0, to.1));
                self.root.draw(&PathElement::new(vec![from, to], style))?;
                self.block_line(from, to);
            }
        }
        Ok(())
    }

    /// A marker; labels keep clear of it.
    pub(super) fn mark(&mut self, x: f64, y: f64, mark: Mark, fill: Fill) -> Result<(), PlotError> {
        if let Some(at) = self.at(x, y) {
            mark.draw(self.root, at, fill)?;
            self.placer.block(Rect::around(at, 16.0));
        }
        Ok(())
    }

    /// A ring around a marker.
    pub(super) fn ring(&mut self, x: f64, y: f64) -> Result<(), PlotError> {
        if let Some(at) = self.at(x, y) {
            self.root.draw(&Circle::new(at, 26, Ink::Text.colour().stroke_width(4)))?;
            self.placer.block(Rect::around(at, 27.0));
        }
        Ok(())
    }

    /// Intervals as bars through a point.
    pub(super) fn bars(&mut self, x: Estimate, y: Estimate, ink: Ink) -> Result<(), PlotError> {
        if let Some((low, high)) = x.range() {
            self.line(&[(low, y.value()), (high, y.value())], ink, 3)?;
        }
        if let Some((low, high)) = y.range() {
            self.line(&[(x.value(), low), (x.value(), high)], ink, 3)?;
        }
        Ok(())
    }

    /// A label beside one of the values, where there is room; call it after all marks and lines.
    pub(super) fn label(&mut self, values: &[(f64, f64)], text: &str, ink: Ink) -> Result<(), PlotError> {
        let points: Vec<_> = values.iter().filter_map(|&(x, y)| self.at(x, y)).collect();
        let text = visible(text);
        let Some(place) = self.placer.place(&points, &text) else { return Ok(()) };
        if place.far {
            let path = vec![place.point, place.at];
            self.root.draw(&PathElement::new(path, Ink::Muted.colour().stroke_width(2)))?;
        }
        let side = match place.side {
            Side::Start => HPos::Left,
            Side::Middle => HPos::Center,
            Side::End => HPos::Right,
        };
        self.root.draw_text(&text, &text_style(ink, side, VPos::Center), place.at)?;
        Ok(())
    }

    /// Labels keep clear of a line.
    fn block_line(&mut self, (x0, y0): (i32, i32), (x1, y1): (i32, i32)) {
        let steps = ((x1 - x0).abs().max((y1 - y0).abs()) / 10).clamp(1, 200);
        for i in 0..=steps {
            let share = f64::from(i) / f64::from(steps);
            let along = |from: i32, to: i32| (f64::from(from) + share * f64::from(to - from)).round() as i32;
            self.placer.block(Rect::around((along(x0, x1), along(y0, y1)), 5.0));
        }
    }
}

type Point = (f64, f64);

/// The part of a segment inside a rectangle (Liang and Barsky 1984).
fn clip(from: Point, to: Point, (x_low, x_high): Point, (y_low, y_high): Point) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let edges = [(-dx, from.0 - x_low), (dx, x_high - from.0), (-dy, from.1 - y_low), (dy, y_high - from.1)];
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (p, q) in edges {
        if p == 0.0 {
            if q < 0.0 {
                return None;
            }
        } else if p < 0.0 {
            enter = enter.max(q / p);
        } else {
            leave = leave.min(q / p);
        }
    }
    let on = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    (enter <= leave).then(|| (on(enter), on(leave)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_the_part_inside() {
        let unit = (0.0, 1.0);
        assert_eq!(clip((-1.0, 0.5), (2.0, 0.5), unit, unit), Some(((0.0, 0.5), (1.0, 0.5))));
        assert_eq!(clip((0.2, 0.2), (0.8, 0.8), unit, unit), Some(((0.2, 0.2), (0.8, 0.8))));
        assert_eq!(clip((2.0, 0.0), (2.0, 1.0), unit, unit), None);
        assert_eq!(clip((-1.0, 0.5), (0.5, 2.5), unit, unit), None);
    }

    #[test]
    fn control_characters_leave_the_drawing() {
        assert_eq!(visible("a\u{0}b"), "a b");
    }
}
