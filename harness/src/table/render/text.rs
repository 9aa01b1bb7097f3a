//! For a terminal.

use super::Render;
use crate::table::grid::Grid;

/// Columns padded with spaces.
#[derive(Debug, Clone, Copy)]
pub struct Text;

impl Render for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn render(&self, grid: &Grid) -> String {
        let mut widths: Vec<usize> = grid.columns.iter().map(|c| c.chars().count()).collect();
        for row in &grid.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        // A heading above several columns that is wider than they are widens the last of them.
        let mut first = 0;
        for (heading, count) in &grid.groups {
            let span = widths.iter().skip(first).take(*count).sum::<usize>() + 2 * count.saturating_sub(1);
            first += count;
            if let Some(last) = first.checked_sub(1).and_then(|last| widths.get_mut(last)) {
                *last += heading.chars().count().saturating_sub(span);
            }
        }
        let line = |cells: &[String], widths: &[usize]| {
            let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            format!("{}\n", padded.join("  ").trim_end())
        };
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        let mut text = format!("{}\n{rule}\n", grid.title);
        if !grid.groups.is_empty() {
            let mut at = 0;
            let spans: Vec<usize> = grid
                .groups
                .iter()
                .map(|(_, count)| {
                    let span = widths.iter().skip(at).take(*count);
                    at += count;
                    span.sum::<usize>() + 2 * count.saturating_sub(1)
                })
                .collect();
            let headings: Vec<String> = grid.groups.iter().map(|(heading, _)| heading.clone()).collect();
            text.push_str(&line(&headings, &spans));
        }
        text.push_str(&line(&grid.columns, &widths));
        text.push_str(&format!("{rule}\n"));
        for row in &grid.rows {
            text.push_str(&line(row, &widths));
        }
        text.push_str(&format!("{rule}\n"));
        for note in &grid.notes {
            text.push_str(&format!("{note}\n"));
        }
        text
    }
}
