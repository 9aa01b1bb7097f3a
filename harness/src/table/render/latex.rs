//! For a paper: a `table` with booktabs rules.

use super::Render;
use crate::table::grid::Grid;

/// Needs `\usepackage{booktabs}`.
#[derive(Debug, Clone, Copy)]
pub struct Latex;

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            // A bracket at the start of a row would be read as the optional argument of the line break before it.
            '[' => escaped.push_str("{[}"),
            other => escaped.push(other),
        }
    }
    escaped
}

impl Render for Latex {
    fn name(&self) -> &'static str {
        "latex"
    }

    fn extension(&self) -> &'static str {
        "tex"
    }

    fn render(&self, grid: &Grid) -> String {
        let line = |cells: &[String]| {
            format!("{} \\\\\n", cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" & "))
        };
        let mut text = format!(
            "\\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\begin{{tabular}}{{{}}}\n\\toprule\n",
            escape(&grid.title),
            "l".repeat(grid.columns.len())
        );
        if !grid.groups.is_empty() {
            let headings: Vec<String> = grid
                .groups
                .iter()
                .map(|(heading, count)| format!("\\multicolumn{{{count}}}{{c}}{{{}}}", escape(heading)))
                .collect();
            text.push_str(&format!("{} \\\\\n", headings.join(" & ")));
        }
        text.push_str(&line(&grid.columns));
        text.push_str("\\midrule\n");
        for row in &grid.rows {
            text.push_str(&line(row));
        }
        text.push_str("\\bottomrule\n\\end{tabular}\n");
        for note in &grid.notes {
            text.push_str(&format!("\\par\\footnotesize {}\n", escape(note)));
        }
        text.push_str("\\end{table}\n");
        text
    }
}
