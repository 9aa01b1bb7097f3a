//! Plots as inline SVG, one kind a file.
//!
//! Plotters draws them in placeholder colours that [`ink`] turns into CSS classes, so that one drawing serves light,
//! dark and printed pages. Every plot takes plain numbers, drops what is not finite, and says "no data" instead of
//! drawing an empty frame.

pub(super) mod agreement;
mod axis;
mod canvas;
pub(super) mod edp;
mod ink;
mod label;
mod marker;
pub(super) mod policies;
pub(super) mod roofline;
pub(super) mod series;
mod standalone;

use super::html::escape;
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

/// What stands in place of a plot without points.
fn no_data(title: &str) -> String {
    format!(r#"<p class="nodata">{}: no data.</p>"#, escape(title))
}

/// One line of a legend: its symbol (markup) and its words.
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
