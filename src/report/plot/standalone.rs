//! A plot as a file of its own: the page's drawing and legend in one SVG that needs no style sheet.

use super::{Entry, canvas};
use crate::report::html::escape;

const STYLE: &str = include_str!("../style.css");
/// Height of a line of the legend and of the title.
const LINE: u32 = 46;

/// One file from a drawing of [`canvas::draw`] and its legend.
pub(super) fn file(title: &str, drawing: &str, entries: &[Entry]) -> String {
    let (width, height) = (canvas::WIDTH, canvas::HEIGHT);
    let total = LINE + height + LINE * entries.len() as u32 + 16;
    let mut legend = String::new();
    for (i, entry) in (0u32..).zip(entries) {
        let y = LINE + height + LINE * i;
        let symbol = entry.symbol.replacen("<svg", &format!(r#"<svg x="24" y="{y}" width="34" height="34""#), 1);
        legend.push_str(&format!(
            "{symbol}\n<text class=\"f0\" x=\"74\" y=\"{}\" font-size=\"24\">{}</text>\n",
            y + 26,
            escape(&entry.text)
        ));
    }
    let drawing = drawing.replacen("<svg", &format!(r#"<svg y="{LINE}" width="{width}" height="{height}""#), 1);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {total}\" font-family=\"sans-serif\">\n\
         <style>\n{}</style>\n<rect class=\"f3\" width=\"{width}\" height=\"{total}\"/>\n\
         <text class=\"f0\" x=\"24\" y=\"34\" font-size=\"28\">{}</text>\n{drawing}\n{legend}</svg>\n",
        style(),
        escape(title)
    )
}

/// The colours of the page's style sheet, and the little else that a drawing uses of it.
fn style() -> String {
    let colours = STYLE.split_once("*, *::before").map_or("", |(before, _)| before);
    let classes = STYLE.lines().filter(|line| {
        [".f", ".s", ".d "].iter().any(|start| line.starts_with(start)) && line.contains("var(--")
            || line.starts_with(".d ")
    });
    let mut style = colours.to_owned();
    classes.for_each(|line| {
        style.push_str(line);
        style.push('\n');
    });
    style.push_str(".plot text { font-size: 24px; }\n");
    style
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plot::marker::{Fill, Mark};

    #[test]
    fn a_file_carries_its_colours_and_its_legend() {
        let entries = [Entry::mark(Mark::series(0), Fill::Solid, "a < b").unwrap()];
        let svg = file("T & U", "<svg class=\"plot\" viewBox=\"0 0 1000 720\"></svg>", &entries);
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(svg.contains("--c0:") && svg.contains(".s10 {") && svg.contains(".d {"), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("T &amp; U"));
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}
