//! For a repository's pages.

use super::Render;
use crate::table::grid::Grid;

/// A pipe table; group headings become part of the column headings.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

impl Render for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn extension(&self) -> &'static str {
        "md"
    }

    fn render(&self, grid: &Grid) -> String {
        let groups = grid.groups.iter().flat_map(|(heading, count)| std::iter::repeat_n(heading.as_str(), *count));
        let headings: Vec<String> = grid
            .columns
            .iter()
            .zip(groups.chain(std::iter::repeat("")))
            .map(|(column, group)| escape(format!("{group} {column}").trim()))
            .collect();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("**{}**\n\n", escape(&grid.title));
        text.push_str(&line(headings));
        text.push_str(&line(grid.columns.iter().map(|_| "---".to_owned()).collect()));
        for row in &grid.rows {
            text.push_str(&line(row.iter().map(|cell| escape(cell)).collect()));
        }
        for note in &grid.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}
