//! A plot as a file of its own: title above, legend below, and its colours for light and dark surroundings inside.

use super::Entry;
use super::canvas::{HEIGHT, WIDTH};
use super::label::width;
use crate::report::html::escape;
use std::fmt::Write as _;

const COLOURS: &str = include_str!("colours.css");
/// Height of text, which is smaller than in a page that a phone may show.
const TEXT: f64 = 23.0;
const LINE: f64 = 36.0;
const TOP: f64 = 46.0;
/// Largest length of the title on one line, in drawing units.
const TITLE_WIDTH: f64 = WIDTH as f64 - 32.0;

/// The file.
pub(super) fn whole(title: &str, drawing: &str, entries: &[Entry]) -> String {
    let (legend, lines) = legend(entries);
    let height = TOP + f64::from(HEIGHT) + LINE * lines as f64 + 16.0;
    let shrink = (TITLE_WIDTH / (text_width(title) * 1.06)).min(1.0);
    let drawing = drawing.replacen(
        "<svg class=\"plot\" ",
        &format!("<svg class=\"plot\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" "),
        1,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\">\n\
         <style>\n{}</style>\n<rect width=\"100%\" height=\"100%\" class=\"f3\"/>\n\
         <text class=\"f0 h\" x=\"16\" y=\"32\" style=\"font-size:{:.1}px\">{}</text>\n{drawing}\n{legend}</svg>\n",
        style(),
        1.06 * TEXT * shrink,
        escape(title),
    )
}

fn text_width(text: &str) -> f64 {
    width(text) * TEXT / super::canvas::TEXT
}

/// The legend's entries, broken into lines, and how many lines there are.
fn legend(entries: &[Entry]) -> (String, usize) {
    let mut out = String::new();
    let (mut x, mut line) = (16.0, 0);
    for entry in entries {
        let indent = if entry.symbol.is_empty() { 0.0 } else { 38.0 };
        let length = indent + text_width(&entry.text) + 26.0;
        if x > 16.0 && x + length > f64::from(WIDTH) {
            (x, line) = (16.0, line + 1);
        }
        let middle = TOP + f64::from(HEIGHT) + LINE * (line as f64 + 0.5);
        let place = format!("<svg x=\"{x:.0}\" y=\"{:.0}\" width=\"28\" height=\"28\" ", middle - 14.0);
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{}<text class=\"f0\" x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            entry.symbol.replacen("<svg class=\"glyph\" ", &place, 1),
            x + indent,
            middle + 8.0,
            escape(&entry.text)
        );
        x += length;
    }
    (out, if entries.is_empty() { 0 } else { line + 1 })
}

/// The colours without variables, which some viewers of SVG files do not know: every rule for light surroundings, and again
/// for dark ones.
fn style() -> String {
    let (light, rest) = variables(COLOURS);
    let (dark, _) = variables(rest);
    let rules: Vec<&str> = COLOURS.lines().filter(|line| line.starts_with('.')).collect();
    let resolved = |values: &[(&str, &str)]| -> String {
        let mut text = rules.join("\n");
        for (name, value) in values {
            text = text.replace(&format!("var({name})"), value);
        }
        let page = values.iter().find(|(name, _)| *name == "--page").map_or("#fff", |(_, value)| value);
        format!("{text}\n.plot text {{ stroke: {page}; }}\n")
    };
    format!(
        "text {{ font-family: system-ui, \"Noto Sans\", \"Liberation Sans\", Arial, sans-serif; font-size: {TEXT}px; }}\n\
         .h {{ font-weight: 600; }}\n\
         .plot text {{ paint-order: stroke; stroke-width: 6px; stroke-linejoin: round; }}\n\
         {}@media (prefers-color-scheme: dark) {{\n{}}}\n",
        resolved(&light),
        resolved(&dark)
    )
}

/// The variables of the first `:root` and what follows it.
fn variables(css: &str) -> (Vec<(&str, &str)>, &str) {
    let Some((_, after)) = css.split_once(":root {") else { return (Vec::new(), "") };
    let (body, rest) = after.split_once('}').unwrap_or((after, ""));
    let pairs = body.split(';').filter_map(|pair| pair.split_once(':'));
    (pairs.map(|(name, value)| (name.trim(), value.trim())).collect(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plot::ink::Ink;

    #[test]
    fn both_colour_schemes_are_resolved() {
        let css = style();
        assert!(!css.contains("var("), "{css}");
        assert_eq!(css.matches(".f3 { fill: ").count(), 2);
        let (light, rest) = variables(COLOURS);
        let (dark, _) = variables(rest);
        assert_eq!(light.len(), dark.len());
        assert!(light.iter().zip(&dark).all(|((a, x), (b, y))| a == b && x != y));
    }

    #[test]
    fn a_file_is_whole_and_its_texts_are_escaped() {
        let entries = [Entry::line(Ink::Series(0), "a < b")];
        let svg = whole("T & U", "<svg class=\"plot\" viewBox=\"0 0 1000 720\"></svg>", &entries);
        assert!(svg.starts_with("<svg xmlns=") && svg.contains(".s10 { stroke: #") && svg.contains(".d {"), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("T &amp; U"));
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }

    #[test]
    fn a_long_legend_is_broken_into_lines() {
        let entries: Vec<Entry> = (0..9).map(|i| Entry::line(Ink::Series(i), "a kernel with a long name")).collect();
        let (text, lines) = legend(&entries);
        assert!((3..=5).contains(&lines), "{lines}");
        assert_eq!(text.matches("<text").count(), 9);
        assert_eq!(legend(&[]), (String::new(), 0));
    }
}
