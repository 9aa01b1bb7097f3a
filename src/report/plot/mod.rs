//! Plots as inline SVG, one kind a file.
//!
//! Plotters draws them in placeholder colours that [`ink`] turns into CSS classes, so that one drawing serves light,
//! dark and printed pages. Every plot takes plain numbers, drops what is not finite, and says "no data" instead of
//! drawing an empty frame.
//!
//! A [`Plot`] is shown in a page or written as a file of its own ([`file`]).

pub(super) mod agreement;
mod axis;
mod canvas;
pub(super) mod caps;
pub(super) mod edp;
mod file;
pub(super) mod gains;
mod ink;
mod label;
mod marker;
pub(super) mod policies;
pub(super) mod power;
pub(super) mod roofline;
pub(super) mod scaling;
pub(super) mod series;

use super::html::escape;
use super::value::Estimate;
use marker::{Fill, Mark};

/// A drawing failed inside the plotting library; bad numbers never cause this.
#[derive(Debug, thiserror::Error)]
#[error("the plotting library failed: {0}")]
pub struct PlotError(String);

impl<E: std::error::Error + Send + Sync> From<plotters::drawing::DrawingAreaErrorKind<E>> for PlotError {
    fn from(error: plotters::drawing::DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

/// Points of a line over settings: where the setting stands, the value, and whether the setting held.
type Points = Vec<(f64, Estimate, bool)>;

/// A drawing with its legend.
#[derive(Debug)]
pub struct Plot {
    /// The SVG element; `None` where there was nothing to draw.
    drawing: Option<String>,
    title: String,
    entries: Vec<Entry>,
}

impl Plot {
    fn new(title: String, drawing: String, entries: Vec<Entry>) -> Self {
        Self { drawing: Some(drawing), title, entries }
    }

    /// A plot without points.
    fn empty(title: String) -> Self {
        Self { drawing: None, title, entries: Vec::new() }
    }

    /// What it shows, and of what.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// False where there is nothing to draw.
    pub(super) fn is_drawn(&self) -> bool {
        self.drawing.is_some()
    }

    /// For a page: the drawing with the legend below, or a sentence where there is nothing to draw.
    pub(super) fn html(&self) -> String {
        match &self.drawing {
            Some(drawing) => format!("{drawing}{}", legend(&self.entries)),
            None => no_data(&self.title),
        }
    }

    /// A whole SVG file with title, legend and both colour schemes; `None` where there is nothing to draw.
    pub fn file(&self) -> Option<String> {
        self.drawing.as_ref().map(|drawing| file::whole(&self.title, drawing, &self.entries))
    }
}

/// What stands in place of a plot without points.
fn no_data(title: &str) -> String {
    format!(r#"<p class="nodata">{}: no data.</p>"#, escape(title))
}

/// One line of a legend: its symbol (markup) and its words.
#[derive(Debug)]
struct Entry {
    symbol: String,
    text: String,
}

impl Entry {
    /// A marker.
    fn mark(mark: Mark, fill: Fill, text: &str) -> Result<Self, PlotError> {
        Ok(Self { symbol: marker::symbol(mark, fill)?, text: text.to_owned() })
    }

    /// A line.
    fn line(ink: ink::Ink, text: &str) -> Self {
        let class = ink.stroke_class();
        let symbol = format!(
            r#"<svg class="glyph" viewBox="0 0 40 40" aria-hidden="true"><line x1="2" y1="20" x2="38" y2="20" stroke-width="4" stroke="currentColor" class="{class}"/></svg>"#
        );
        Self { symbol, text: text.to_owned() }
    }

    /// A remark without a symbol.
    fn words(text: &str) -> Self {
        Self { symbol: String::new(), text: text.to_owned() }
    }

    /// The ring around a point.
    fn ring(text: &str) -> Self {
        let class = ink::Ink::Text.stroke_class();
        let symbol = format!(
            r#"<svg class="glyph" viewBox="0 0 40 40" aria-hidden="true"><circle cx="20" cy="20" r="16" fill="none" stroke-width="4" stroke="currentColor" class="{class}"/></svg>"#
        );
        Self { symbol, text: text.to_owned() }
    }
}

/// The legend under a plot: text of the page, so that it can neither overlap nor be clipped.
fn legend(entries: &[Entry]) -> String {
    let items: String =
        entries.iter().map(|e| format!("<li>{}<span>{}</span></li>", e.symbol, escape(&e.text))).collect();
    format!(r#"<ul class="legend">{items}</ul>"#)
}
