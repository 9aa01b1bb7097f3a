//! Quantities against one axis: a line with intervals a series (thesis figures 3.3 and 4.1).

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::marker::{Fill, Mark};
use super::{Entry, PlotError, file};
use crate::report::value::{Estimate, Origin};

/// One line of the plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is called in the legend.
    pub name: String,
    /// Where its values come from; what is not measured has hollow marks and says so.
    pub origin: Origin,
    /// In order along the horizontal axis.
    pub points: Vec<(f64, Estimate)>,
}

/// What a plot of series shows.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPlot {
    /// Above the plot.
    pub title: String,
    /// Horizontal axis: title and unit; logarithmic.
    pub x: (String, String),
    /// Vertical axis: title and unit.
    pub y: (String, String),
    /// True for a logarithmic vertical axis; a linear one begins at zero.
    pub log_y: bool,
    /// The lines.
    pub series: Vec<Series>,
}

impl SeriesPlot {
    /// The plot as an SVG file of its own; `None` without a point that can be shown.
    ///
    /// # Errors
    /// The plotting library fails.
    pub fn svg(&self) -> Result<Option<String>, PlotError> {
        let points = || self.series.iter().flat_map(|s| &s.points);
        let heights = points().flat_map(|(_, y)| {
            let (low, high) = y.range().unwrap_or((y.value(), y.value()));
            [y.value(), low, high, 0.0]
        });
        let axes = (
            Axis::fit(&self.x.0, Unit::Prefixed(&self.x.1), Scale::Log, points().map(|(x, _)| *x)),
            Axis::fit(
                &self.y.0,
                Unit::Prefixed(&self.y.1),
                if self.log_y { Scale::Log } else { Scale::Linear },
                heights,
            ),
        );
        let (Some(x), Some(y)) = axes else { return Ok(None) };
        // The plot as a whole is what all of its lines are; single lines say the rest in the legend.
        let first = self.series.first().map_or(Origin::Measured, |s| s.origin);
        let origin = if self.series.iter().all(|s| s.origin == first) { first } else { Origin::Measured };
        let description = format!("{} lines over a logarithmic axis of {}.", self.series.len(), self.x.0);
        let spec = Spec { id: "plot", title: &self.title, description: &description, origin, x: &x, y: &y };
        let drawing = canvas::draw(&spec, |pen| {
            for (index, series) in self.series.iter().enumerate() {
                let mark = Mark::series(index);
                let corners: Vec<(f64, f64)> = series.points.iter().map(|(x, y)| (*x, y.value())).collect();
                pen.line(&corners, mark.ink(), 4)?;
                for (x, y) in &series.points {
                    pen.bars(Estimate::Single(*x), *y, mark.ink())?;
                    pen.mark(*x, y.value(), mark, fill(series.origin))?;
                }
            }
            Ok(())
        })?;
        let entries = (0..).zip(&self.series).map(|(index, series)| {
            let text = match series.origin {
                Origin::Measured => series.name.clone(),
                other => format!("{} ({})", series.name, other.label()),
            };
            Entry::mark(Mark::series(index), fill(series.origin), &text)
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        Ok(Some(file::whole(&self.title, &drawing, &entries)))
    }
}

fn fill(origin: Origin) -> Fill {
    if origin == Origin::Measured { Fill::Solid } else { Fill::Hollow }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(origin: Origin, points: &[(f64, f64)]) -> SeriesPlot {
        let points = points.iter().map(|(x, y)| (*x, Estimate::Single(*y))).collect();
        let series = vec![Series { name: "package:0".into(), origin, points }];
        SeriesPlot {
            title: "Energy".into(),
            x: ("sampling interval".into(), "s".into()),
            y: ("energy".into(), "J".into()),
            log_y: false,
            series,
        }
    }

    #[test]
    fn modelled_lines_say_so_and_measured_ones_do_not() {
        let points = [(0.001, 10.0), (1.0, 12.0)];
        let modelled = plot(Origin::Modelled, &points).svg().unwrap().unwrap();
        assert!(modelled.contains("MODELLED") && modelled.contains("package:0 (modelled)"), "{modelled}");
        let measured = plot(Origin::Measured, &points).svg().unwrap().unwrap();
        assert!(!measured.to_lowercase().contains("modelled"));
    }

    #[test]
    fn nothing_to_show_is_no_file() {
        assert_eq!(plot(Origin::Measured, &[]).svg().unwrap(), None);
        assert_eq!(plot(Origin::Measured, &[(0.0, 1.0)]).svg().unwrap(), None);
    }
}
