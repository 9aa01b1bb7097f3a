//! Colours that the style sheet decides.
//!
//! Plotters writes a colour as `#RRGGBB`. Ours are placeholders `#E0DDII` (dash, index) that [`recolour`] replaces by
//! `currentColor` and a class: `f3` fills with colour 3, `s3` strokes with it, `d` dashes the stroke.

use plotters::style::RGBColor;

/// What something is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The colour of text.
    Text,
    /// Secondary text and axes.
    Muted,
    /// Grid lines.
    Grid,
    /// The page.
    Page,
    /// The warning colour of virtual data.
    Warning,
    /// One of [`SERIES`] colours, safe for colour-blind readers.
    Series(usize),
    /// As `Text`, dashed.
    DashedText,
    /// As `Muted`, dashed.
    DashedMuted,
}

/// Different series colours.
pub(super) const SERIES: usize = 8;
const FIRST_SERIES: u8 = 10;

impl Ink {
    fn code(self) -> (u8, u8) {
        match self {
            Self::Text => (0, 0),
            Self::DashedText => (1, 0),
            Self::Muted => (0, 1),
            Self::DashedMuted => (1, 1),
            Self::Grid => (0, 2),
            Self::Page => (0, 3),
            Self::Warning => (0, 4),
            Self::Series(i) => (0, FIRST_SERIES + (i % SERIES) as u8),
        }
    }

    /// The placeholder.
    pub(super) fn colour(self) -> RGBColor {
        let (dash, index) = self.code();
        RGBColor(0xE0, dash, index)
    }

    /// The class of a stroke in this colour.
    pub(super) fn stroke_class(self) -> String {
        let (dash, index) = self.code();
        format!("s{index}{}", if dash == 1 { " d" } else { "" })
    }
}

/// Replaces the placeholders. Text can't be mistaken for one, because its quotation marks are escaped.
pub(super) fn recolour(svg: &str) -> String {
    const START: &str = "=\"#E0";
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(at) = rest.find(START) {
        let (head, tail) = rest.split_at(at);
        let byte = |from: usize| tail.get(from..from + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (Some(dash), Some(index)) = (byte(START.len()), byte(START.len() + 2)) else { break };
        let kind = if head.ends_with("stroke") { 's' } else { 'f' };
        let dash = if dash == 1 { " d" } else { "" };
        out.push_str(head);
        out.push_str(&format!("=\"currentColor\" class=\"{kind}{index}{dash}\""));
        rest = tail.get(START.len() + 5..).unwrap_or_default();
    }
    out.push_str(rest);
    // What the style sheet says anyway.
    out.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_classes_and_other_colours_stay() {
        let svg =
            r##"<line opacity="1" stroke="#E0010A" x="1"/><rect fill="#E00003" stroke="none"/><p fill="#123456"/>"##;
        let expected = r##"<line stroke="currentColor" class="s10 d" x="1"/><rect fill="currentColor" class="f3" stroke="none"/><p fill="#123456"/>"##;
        assert_eq!(recolour(svg), expected);
    }

    #[test]
    fn a_cut_placeholder_does_no_harm() {
        assert_eq!(recolour(r##"<a fill="#E0"##), r##"<a fill="#E0"##);
    }

    #[test]
    fn every_ink_has_its_own_code() {
        let inks = [Ink::Text, Ink::Muted, Ink::Grid, Ink::Page, Ink::Warning, Ink::DashedText, Ink::DashedMuted];
        let mut codes: Vec<_> = inks.into_iter().chain((0..SERIES).map(Ink::Series)).map(Ink::code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), inks.len() + SERIES);
    }
}
