//! The page: head, summary, contents, and the sections in order.

use super::html::{badge, escape};
use super::plot::PlotError;
use super::value::Origin;
use super::{Report, Section};

const STYLE: &str = concat!(include_str!("plot/colours.css"), include_str!("style.css"));

/// How the generator tag begins; [`super::may_replace`] looks for it.
pub(super) const MARKER: &str = "<meta name=\"generator\" content=\"ergometer ";

/// The whole document. The same report gives the same bytes.
pub(super) fn page(report: &Report) -> Result<String, PlotError> {
    let sections = report.sections();
    let mut body = String::new();
    for (i, section) in sections.iter().enumerate() {
        let (id, title, html) = (section.id(), section.title(), section.html()?);
        body.push_str(&format!("<section id=\"{id}\">\n<h2>{}. {}</h2>\n{html}</section>\n", i + 1, escape(title)));
    }
    let title = escape(&report.title);
    // The marker stands first in the head, so that it is found in the first bytes of the file.
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{MARKER}{version}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<header>\n<h1>{title}</h1>\n{meta}</header>\n{headline}{contents}{body}</main>\n</body>\n</html>\n",
        version = escape(&report.version),
        meta = meta(report),
        headline = headline(report),
        contents = contents(&sections),
    ))
}

fn meta(report: &Report) -> String {
    format!(
        "<p class=\"meta\">{} &middot; ergometer {} &middot; <code>{}</code></p>\n",
        escape(&report.generated_utc),
        escape(&report.version),
        escape(&report.command)
    )
}

/// The badge of a finding; what is absent has a word of its own.
fn finding_badge(origin: Option<Origin>) -> String {
    origin.map_or_else(|| r#"<span class="absent">absent</span>"#.to_owned(), badge)
}

fn headline(report: &Report) -> String {
    if report.headline.is_empty() {
        return String::new();
    }
    let items: String =
        report.headline.iter().map(|f| format!("<li>{} {}</li>\n", finding_badge(f.origin), escape(&f.text))).collect();
    format!("<section id=\"summary\">\n<h2>Summary</h2>\n<ul class=\"findings\">\n{items}</ul>\n</section>\n")
}

fn contents(sections: &[&dyn Section]) -> String {
    let items: String =
        sections.iter().map(|s| format!("<li><a href=\"#{}\">{}</a></li>", s.id(), escape(s.title()))).collect();
    format!("<nav aria-label=\"Contents\"><ol>{items}</ol></nav>\n")
}
