//! Markers: a shape and a colour for each series, so that neither alone must tell them apart.

use super::PlotError;
use super::ink::{Ink, SERIES, recolour};
use plotters::coord::Shift;
use plotters::prelude::*;

/// A shape in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    shape: usize,
    ink: Ink,
}

/// How a marker is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Filled, full size.
    Solid,
    /// Outline, full size.
    Hollow,
    /// Filled, small.
    SmallSolid,
    /// Outline, small.
    SmallHollow,
}

impl Fill {
    fn solid(self) -> bool {
        matches!(self, Self::Solid | Self::SmallSolid)
    }

    fn radius(self) -> f64 {
        match self {
            Self::Solid | Self::Hollow => 15.0,
            Self::SmallSolid | Self::SmallHollow => 10.0,
        }
    }
}

/// Outlines on a circle of radius about one, y downwards.
const SHAPES: [&[(f64, f64)]; 8] = [
    // A circle, which has no corners.
    &[],
    &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    &[(0.0, -1.25), (1.05, 0.75), (-1.05, 0.75)],
    &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
    &[(0.0, 1.25), (1.05, -0.75), (-1.05, -0.75)],
    &[
        (-0.4, -1.1),
        (0.4, -1.1),
        (0.4, -0.4),
        (1.1, -0.4),
        (1.1, 0.4),
        (0.4, 0.4),
        (0.4, 1.1),
        (-0.4, 1.1),
        (-0.4, 0.4),
        (-1.1, 0.4),
        (-1.1, -0.4),
        (-0.4, -0.4),
    ],
    &[(-1.25, 0.0), (0.75, 1.05), (0.75, -1.05)],
    &[(0.0, -1.3), (0.38, -0.38), (1.3, 0.0), (0.38, 0.38), (0.0, 1.3), (-0.38, 0.38), (-1.3, 0.0), (-0.38, -0.38)],
];

impl Mark {
    /// A neutral mark, for legends that explain fills.
    pub(super) const KEY: Self = Self { shape: 0, ink: Ink::Muted };

    /// The mark of the `index`-th series. Shapes and colours run together for eight series; then shapes shift, so
    /// that the first 64 pairs differ.
    pub(super) fn series(index: usize) -> Self {
        Self { shape: (index + index / SERIES) % SHAPES.len(), ink: Ink::Series(index % SERIES) }
    }

    /// A shape by its number, in a colour: where shape and colour say different things.
    pub(super) fn of(shape: usize, ink: Ink) -> Self {
        Self { shape: shape % SHAPES.len(), ink }
    }

    /// Its colour.
    pub(super) fn ink(self) -> Ink {
        self.ink
    }

    /// Draws it centred on `at`.
    pub(super) fn draw(
        self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
        at: (i32, i32),
        fill: Fill,
    ) -> Result<(), PlotError> {
        let radius = fill.radius();
        let shape = SHAPES.get(self.shape).copied().unwrap_or_default();
        let corner = |&(x, y): &(f64, f64)| (at.0 + (x * radius).round() as i32, at.1 + (y * radius).round() as i32);
        // Filled marks get an edge in the page's colour, so that overlapping ones stay apart.
        let (inside, edge) = if fill.solid() { (self.ink, Ink::Page) } else { (Ink::Page, self.ink) };
        let (inside, edge) = (inside.colour().filled(), edge.colour().stroke_width(if fill.solid() { 2 } else { 4 }));
        let outline: Vec<(i32, i32)> = shape.iter().map(corner).collect();
        if outline.is_empty() {
            root.draw(&Circle::new(at, radius as u32, inside))?;
            root.draw(&Circle::new(at, radius as u32, edge))?;
        } else {
            let closed = outline.iter().chain(outline.first()).copied().collect::<Vec<_>>();
            root.draw(&Polygon::new(outline, inside))?;
            root.draw(&PathElement::new(closed, edge))?;
        }
        Ok(())
    }
}

/// The mark as a small drawing for a legend.
pub(super) fn symbol(mark: Mark, fill: Fill) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (40, 40)).into_drawing_area();
        mark.draw(&root, (20, 20), fill)?;
        root.present()?;
    }
    let svg = recolour(&svg);
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    Ok(format!(r#"<svg class="glyph" viewBox="0 0 40 40" aria-hidden="true">{}"#, body.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_series_have_sixteen_marks() {
        let marks: Vec<Mark> = (0..16).map(Mark::series).collect();
        for (i, a) in marks.iter().enumerate() {
            assert!(marks.iter().skip(i + 1).all(|b| a != b), "{i}");
        }
    }

    #[test]
    fn solid_and_hollow_symbols_differ() {
        let solid = symbol(Mark::series(0), Fill::Solid).unwrap();
        assert!(solid.starts_with("<svg") && solid.ends_with("</svg>") && !solid.contains("#E0"));
        assert_ne!(solid, symbol(Mark::series(0), Fill::Hollow).unwrap());
    }
}
