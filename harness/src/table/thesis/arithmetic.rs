//! Whether the printed numbers of chapter 3 follow from one another: one line a table.

use super::super::grid::Grid;
use super::{frameworks, idle, nodes, paradigms};

/// One check of all cells of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Which tables.
    pub table: &'static str,
    /// What should follow from what.
    pub rule: &'static str,
    /// Cells that follow to within rounding.
    pub follow: usize,
    /// Cells checked.
    pub cells: usize,
    /// What does not, in words; empty where everything follows.
    pub remark: String,
}

/// Every check of the arithmetic, in the order of the tables.
pub fn checks() -> Vec<Check> {
    let wrong = nodes::wrong_totals();
    let multiples = nodes::NODES.iter().filter(|n| n.samples().1.abs() < 0.05).count();
    let mut checks = vec![
        Check {
            table: "3.7 to 3.10",
            rule: "total is the sum of the nodes",
            follow: 28 - wrong.len(),
            cells: 28,
            remark: wrong
                .iter()
                .map(|(table, column, printed, sum)| format!("{table}, {column}: {printed} instead of {sum:.1} J"))
                .collect::<Vec<_>>()
                .join("; "),
        },
        Check {
            table: "3.7 to 3.10",
            rule: "memory's energy is an integral over time",
            follow: nodes::NODES.len() - multiples,
            cells: nodes::NODES.len(),
            remark: format!("{multiples} are n x {} J: samples times a nominal period", nodes::QUANTUM_J),
        },
    ];
    let equations = idle::EQUATIONS.iter().filter(|e| {
        e.refit().is_some_and(|line| {
            (line.slope - e.beta_w).abs() < 0.011
                && (line.intercept - e.alpha_j).abs() < 0.011
                && (line.rmse - e.rmse_j).abs() < 0.011
        })
    });
    for (table, one_thread) in [("3.13", true), ("3.14", false)] {
        let (follow, cells, largest) = idle::products(one_thread);
        let remark = if follow == cells {
            String::new()
        } else {
            format!("largest {largest:+.2} J: the sleeps lasted longer than their nominal lengths")
        };
        checks.push(Check { table, rule: "energy is power times nominal length", follow, cells, remark });
    }
    checks.push(Check {
        table: "eq. 3.3, 3.4",
        rule: "least squares of tables 3.13, 3.14",
        follow: equations.count(),
        cells: idle::EQUATIONS.len(),
        remark: "AMD's eq. 3.3 differs in the second digit of alpha and RMSE".into(),
    });
    let (follow, cells, off) = paradigms::gains();
    let largest = off.iter().max_by(|a, b| (a.1 - a.2).abs().total_cmp(&(b.1 - b.2).abs()));
    let remark = largest.map_or_else(String::new, |(run, printed, gain)| {
        format!("largest: {printed} instead of {gain:.3} ({}, {} {})", run.table, run.kernel, run.version)
    });
    checks.push(Check { table: "3.15, 3.16", rule: "gain is the ratio to the first line", follow, cells, remark });
    let apps: Vec<_> = (0..idle::COMPONENTS.len()).flat_map(paradigms::apps).collect();
    let near = apps.iter().filter(|a| (a.printed_j / a.by_line_j - 1.0).abs() <= 0.01).count();
    checks.push(Check {
        table: "3.15, 3.16",
        rule: "E_app is E - E_idle(T) to within 1 %",
        follow: near,
        cells: apps.len(),
        remark: "other idle powers were subtracted than equations 3.3 and 3.4 give".into(),
    });
    let (follow, cells, largest) = frameworks::check();
    let remark = if follow == cells { String::new() } else { format!("largest {largest:+.3} W") };
    checks.push(Check { table: "3.17", rule: "power is energy over time", follow, cells, remark });
    checks
}

/// The checks as a table.
pub(super) fn grid() -> Grid {
    let rows = checks()
        .into_iter()
        .map(|c| vec![c.table.to_owned(), c.rule.to_owned(), format!("{} of {}", c.follow, c.cells), c.remark]);
    Grid {
        title: "Thesis chapter 3: does the arithmetic of the tables follow?".into(),
        groups: Vec::new(),
        columns: ["table", "rule", "follow", "what does not"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        notes: vec!["Follow: to within the rounding of the printed digits, unless said otherwise.".into()],
    }
}
