//! HTML from text: escaping, badges, notes and tables. Whatever comes from outside passes [`escape`].

use super::value::Origin;

/// Text as HTML. Control characters, which HTML does not allow, become spaces.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// The badge of an origin.
pub(super) fn badge(origin: Origin) -> String {
    let label = origin.label();
    format!(r#"<span class="badge {label}">{label}</span>"#)
}

/// The badge of an origin that needs saying: nothing for measured values.
pub(super) fn warning_badge(origin: Origin) -> String {
    if origin == Origin::Measured { String::new() } else { format!(" {}", badge(origin)) }
}

/// The banner above data that no real hardware gave.
pub(super) fn banner(origin: Origin, what: &str) -> String {
    let text = match origin {
        Origin::Measured => return String::new(),
        Origin::Modelled => "come from a model. They are not measurements.",
        Origin::Virtual => {
            "come from the virtual node, not from real hardware. They say how the method behaves, not what a device draws."
        }
    };
    format!(r#"<p class="banner {}">{} {} {text}</p>"#, origin.label(), badge(origin), escape(what))
}

/// The sentences under a table.
pub(super) fn notes(sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let items: String = sentences.iter().map(|s| format!("<li>{}</li>", escape(s))).collect();
    format!(r#"<ul class="notes">{items}</ul>"#)
}

/// One cell.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    html: String,
    class: &'static str,
}

impl Cell {
    /// Text, escaped.
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::html(escape(text.as_ref()))
    }

    /// Markup made by this module's own functions.
    pub(super) fn html(html: String) -> Self {
        Self { html, class: "" }
    }

    /// Something to type or to look up, in the fixed-width font.
    pub(super) fn code(text: impl AsRef<str>) -> Self {
        Self::html(format!("<code>{}</code>", escape(text.as_ref())))
    }

    /// A value that isn't there, with the reason.
    pub(super) fn absent(reason: &str) -> Self {
        Self::html(absent(reason))
    }

    /// Aligned right, for numbers.
    pub(super) fn right(mut self) -> Self {
        self.class = "r";
        self
    }

    /// Allowed to break over lines, for sentences.
    pub(super) fn wide(mut self) -> Self {
        self.class = "w";
        self
    }
}

/// The words for a value that isn't there.
pub(super) fn absent(reason: &str) -> String {
    let reason = if reason.trim().is_empty() { "reason not given" } else { reason };
    format!(r#"<span class="absent">absent ({})</span>"#, escape(reason))
}

/// Reasons for absent values that many cells share: the cells carry a letter, the note below the table the words.
#[derive(Debug, Default)]
pub(super) struct Reasons(Vec<String>);

impl Reasons {
    /// The words for one absent value.
    pub(super) fn cell(&mut self, reason: &str) -> String {
        let reason = if reason.trim().is_empty() { "reason not given" } else { reason };
        let at = self.0.iter().position(|known| known == reason).unwrap_or_else(|| {
            self.0.push(reason.to_owned());
            self.0.len() - 1
        });
        format!(r#"<span class="absent" title="{}">absent ({})</span>"#, escape(reason), letter(at))
    }

    /// The note; nothing when nothing was absent.
    pub(super) fn finish(self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let words =
            self.0.iter().enumerate().map(|(i, reason)| format!("<li>absent ({}): {}</li>", letter(i), escape(reason)));
        format!(r#"<ul class="notes">{}</ul>"#, words.collect::<String>())
    }
}

fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(i) if i < 26 => char::from(b'a' + i).to_string(),
        _ => (index + 1).to_string(),
    }
}

/// A plot (markup) under its title (markup), with a sentence on how to read it (text).
pub(super) fn figure(title: &str, plot: &str, note: &str) -> String {
    format!("<figure><figcaption>{title} <span>{}</span></figcaption>{plot}</figure>\n", escape(note))
}

/// A table that scrolls inside its own box, so that the page never does.
#[derive(Debug, Clone)]
pub(super) struct Table {
    caption: String,
    note: String,
    head: String,
    body: String,
    columns: usize,
}

impl Table {
    /// A table with a caption (markup) and its column headings (text). A heading that starts with `>` is aligned right.
    pub(super) fn new(caption: String, headings: &[&str]) -> Self {
        let head = headings
            .iter()
            .map(|heading| match heading.strip_prefix('>') {
                Some(heading) => format!(r#"<th scope="col" class="r">{}</th>"#, escape(heading)),
                None => format!(r#"<th scope="col">{}</th>"#, escape(heading)),
            })
            .collect();
        Self { caption, note: String::new(), head, body: String::new(), columns: headings.len() }
    }

    /// A sentence after the caption: how to read the table.
    pub(super) fn note(mut self, text: &str) -> Self {
        self.note = text.to_owned();
        self
    }

    /// Adds a heading over the rows that follow.
    pub(super) fn heading(&mut self, text: &str) {
        let columns = self.columns;
        self.body.push_str(&format!(
            "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{columns}\"><span>{}</span></th></tr>\n",
            escape(text)
        ));
    }

    /// Adds a row; its first cell names it.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.body.push_str("<tr>");
        for (i, cell) in cells.into_iter().enumerate() {
            let (tag, scope) = if i == 0 { ("th", r#" scope="row""#) } else { ("td", "") };
            let class = if cell.class.is_empty() { String::new() } else { format!(r#" class="{}""#, cell.class) };
            self.body.push_str(&format!("<{tag}{scope}{class}>{}</{tag}>", cell.html));
        }
        self.body.push_str("</tr>\n");
    }

    /// The table; a sentence in its place when it has no rows.
    pub(super) fn finish(self) -> String {
        if self.body.is_empty() {
            return format!(r#"<p class="nodata">{}: no data.</p>"#, self.caption);
        }
        let note = if self.note.is_empty() { String::new() } else { format!(" <span>{}</span>", escape(&self.note)) };
        // The caption stands outside the scrolling box, where a narrow page does not cut it. The box can be focused, so
        // that a keyboard can scroll it.
        format!(
            "<p class=\"caption\">{}{note}</p>\n<div class=\"scroll\" role=\"region\" aria-label=\"Table\" \
             tabindex=\"0\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
            self.caption, self.head, self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escape(r#"<b a="1">&'"#), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        assert_eq!(escape("a\u{0}b\u{1b}c\u{9f}d"), "a b c d");
        assert!(!Cell::code("<script>").html.contains("<script>"));
    }

    #[test]
    fn an_empty_table_says_no_data() {
        assert!(Table::new("Kernels".into(), &["a"]).finish().contains("no data"));
    }

    #[test]
    fn absence_always_has_words() {
        assert!(absent("no sensor").contains("absent (no sensor)"));
        assert!(absent(" ").contains("absent (reason not given)"));
    }

    #[test]
    fn virtual_and_modelled_are_badged_and_measured_needs_no_warning() {
        assert!(warning_badge(Origin::Virtual).contains("virtual"));
        assert!(banner(Origin::Modelled, "These numbers").contains("not measurements"));
        assert!(warning_badge(Origin::Measured).is_empty());
    }
}
