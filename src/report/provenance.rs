//! Section: what is measured and what is not, the runs behind the numbers, the files, and how to repeat it all.

use super::Section;
use super::html::{Cell, Table, badge, escape};
use super::plot::PlotError;
use super::value::Origin;
use serde::{Deserialize, Serialize};

/// The last section; it is always there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    /// What each kind of number rests on.
    pub statements: Vec<Statement>,
    /// The runs behind the numbers.
    pub manifests: Vec<ManifestEntry>,
    /// Files written.
    pub files: Vec<FileEntry>,
    /// Commands that repeat it, one a line.
    pub reproduce: Vec<String>,
}

/// What one kind of number rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The numbers, such as "kernel times".
    pub what: String,
    /// Where they come from; `None` is shown as absent.
    pub origin: Option<Origin>,
    /// How, or why they are absent.
    pub how: String,
}

/// A run by its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// `manifest_id`.
    pub id: String,
    /// The stage, such as "sweep".
    pub stage: String,
    /// Its seed.
    pub seed: u64,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where, relative to the report.
    pub path: String,
    /// What it holds.
    pub what: String,
}

impl Section for Footer {
    fn id(&self) -> &'static str {
        "provenance"
    }

    fn title(&self) -> &'static str {
        "Where the numbers come from"
    }

    fn html(&self) -> Result<String, PlotError> {
        let mut out = String::new();
        let mut table = Table::new("What is measured and what is not".to_owned(), &["Numbers", "Origin", "How"]);
        for statement in &self.statements {
            let origin = statement.origin.map_or_else(|| r#"<span class="absent">absent</span>"#.to_owned(), badge);
            table.row(vec![Cell::text(&statement.what), Cell::html(origin), Cell::text(&statement.how).wide()]);
        }
        out.push_str(&table.finish());
        let mut table = Table::new("Runs".to_owned(), &["Stage", "Manifest", ">Seed"]);
        for run in &self.manifests {
            table.row(vec![Cell::text(&run.stage), Cell::code(&run.id), Cell::text(run.seed.to_string()).right()]);
        }
        out.push_str(&table.finish());
        let mut table = Table::new("Files written".to_owned(), &["File", "Content"]);
        for file in &self.files {
            table.row(vec![Cell::code(&file.path), Cell::text(&file.what).wide()]);
        }
        out.push_str(&table.finish());
        if !self.reproduce.is_empty() {
            out.push_str("<h3>To repeat it</h3>\n");
            out.push_str(&format!("<pre><code>{}</code></pre>\n", escape(&self.reproduce.join("\n"))));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_said_to_be_absent() {
        let statement = Statement { what: "CPU energy".into(), origin: None, how: "no RAPL".into() };
        let footer = Footer { statements: vec![statement], ..Footer::default() };
        let html = footer.html().unwrap();
        assert!(html.contains(">absent<") && html.contains("no RAPL"));
        assert!(html.contains("Runs: no data"));
    }
}
