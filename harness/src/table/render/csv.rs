//! For programs.

use super::Render;
use crate::table::grid::Grid;

/// Headings and cells; title and notes have no place in a table that a program reads.
#[derive(Debug, Clone, Copy)]
pub struct Csv;

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

impl Render for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn for_programs(&self) -> bool {
        true
    }

    fn render(&self, grid: &Grid) -> String {
        let line =
            |cells: &[String]| format!("{}\n", cells.iter().map(|cell| field(cell)).collect::<Vec<_>>().join(","));
        std::iter::once(line(&grid.columns)).chain(grid.rows.iter().map(|row| line(row))).collect()
    }
}
