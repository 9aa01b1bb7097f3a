//! The thesis' own tables of chapter 3, held against one another.
//!
//! [`nodes`]: the memory's energy in tables 3.7 to 3.10 counts samples; [`idle`]: equations 3.3 and 3.4 fitted again;
//! [`paradigms`]: gains and application energies of tables 3.15 and 3.16; [`frameworks`]: table 3.17; [`checks`] sums
//! them up. The gains of tables 3.19 to 3.24 are held against the powers of tables 3.25 to 3.27: the energy-delay product is E T = P T^2. From the printed powers and changes of time each printed gain can be computed
//! again; [`tables`] shows both, [`closing`] says which claims of chapter 3 the numbers carry.

mod arithmetic;
mod closing;
pub mod frameworks;
pub mod idle;
pub mod nodes;
pub mod paradigms;
mod printed;
mod recompute;
mod runs;
#[cfg(test)]
mod tests;

pub use arithmetic::{Check, checks};
pub use closing::closing;
pub use printed::{BENCHES, Bench, Best, Platform, Power, Set};
pub use recompute::{Comparison, FLAG_POINTS, INFERRED_DRAM_W, Summary, comparisons, summary};
pub use runs::{RUNS, Run};

use super::grid::Grid;
use super::render::Render;
use ergometer_record::Technique;
use std::fmt;

impl Platform {
    /// All, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Intel, Self::Amd, Self::Nvidia];
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Intel => "Intel Ice Lake SP",
            Self::Amd => "AMD Zen 3",
            Self::Nvidia => "NVIDIA A100",
        })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(ghz) => write!(f, "{ghz} GHz"),
            Self::Cap(watts) => write!(f, "{watts} W"),
            Self::Governor(name) => f.write_str(name),
        }
    }
}

fn signed(percent: f64) -> String {
    // Never "-0.0".
    let rounded = (percent * 10.0).round() / 10.0 + 0.0;
    if rounded == 0.0 { "0.0".into() } else { format!("{rounded:+.1}") }
}

/// The memory's energies of 3.7 to 3.10, the idle lines, the application's energies of 3.15 and 3.16, one table for each
/// of 3.19 to 3.24, the arithmetic of all of them, and a summary that ends with [`closing`].
pub fn tables() -> Vec<Grid> {
    let all = comparisons();
    let mut numbers: Vec<&str> = all.iter().map(|c| c.bench.table).collect();
    numbers.dedup();
    let mut grids = vec![nodes::grid(), idle::grid(), paradigms::grid()];
    grids.extend(numbers.into_iter().map(|number| table(&all, number)));
    grids.push(arithmetic::grid());
    grids.push(summary_table(&all));
    grids
}

fn table(all: &[Comparison], number: &str) -> Grid {
    let of: Vec<_> = all.iter().filter(|c| c.bench.table == number).collect();
    let with_dram = of.iter().any(|c| c.with_dram_pct.is_some());
    let mut columns: Vec<String> =
        ["kernel", "technique", "setting", "time %", "EDP gain %, printed", "from the powers", "difference"]
            .map(str::to_owned)
            .to_vec();
    if with_dram {
        columns.push(format!("with {INFERRED_DRAM_W} W of DRAM"));
    }
    let rows = of.iter().map(|c| {
        let mut difference = signed(c.difference());
        if c.is_flagged() {
            difference.push_str(" !");
        }
        let mut cells = vec![
            c.bench.kernel.to_owned(),
            c.best.technique.to_string(),
            c.best.setting.to_string(),
            signed(c.best.time_pct),
            signed(c.best.gain_pct),
            format!("{} ± {:.1}", signed(c.recomputed_pct), c.recomputed_u_pct),
            difference,
        ];
        cells.extend(c.with_dram_pct.map(signed));
        cells
    });
    let rows = rows.collect();
    let head = of.first().map(|c| format!("{}, {}", c.bench.platform, c.bench.framework)).unwrap_or_default();
    let flagged = of.iter().filter(|c| c.is_flagged()).count();
    let mut notes = vec![format!(
        "Gain 1 - (P/P0)(T/T0)^2, P the sum of both components; ± one standard uncertainty of the powers' means. \
         {flagged} of {} differ by more than {FLAG_POINTS} points (!).",
        of.len()
    )];
    if with_dram {
        notes.push(format!(
            "{INFERRED_DRAM_W} W are inferred, not printed: with them the gains of DVFS are the printed ones."
        ));
    }
    Grid { title: format!("Thesis table {number}: {head}"), groups: Vec::new(), columns, rows, notes }
}

fn summary_table(all: &[Comparison]) -> Grid {
    let columns = [
        "platform",
        "technique",
        "n",
        "mean gain %, printed",
        "from the powers",
        "largest difference",
        "over 3 points",
    ];
    let mut rows = Vec::new();
    for platform in Platform::ALL {
        for technique in [Technique::Dvfs, Technique::PowerCap, Technique::Governor] {
            if let Some(s) = summary(all, platform, technique) {
                rows.push(vec![
                    platform.to_string(),
                    technique.to_string(),
                    s.n.to_string(),
                    signed(s.printed_pct),
                    signed(s.recomputed_pct),
                    signed(s.largest_difference),
                    s.flagged.to_string(),
                ]);
            }
        }
    }
    Grid {
        title: "What chapter 3 claims, and what its numbers support".into(),
        groups: Vec::new(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        notes: closing(),
    }
}

/// One line a gain, for programs: numbers without signs and units in the cells.
pub fn flat() -> Grid {
    let columns = [
        "table",
        "platform",
        "framework",
        "kernel",
        "technique",
        "setting",
        "time_pct",
        "printed_gain_pct",
        "recomputed_gain_pct",
        "recomputed_u_pct",
        "recomputed_gain_with_dram_pct",
        "difference_points",
        "flagged",
        "non_binding",
    ];
    let rows = comparisons()
        .iter()
        .map(|c| {
            vec![
                c.bench.table.to_owned(),
                c.bench.platform.to_string(),
                c.bench.framework.to_owned(),
                c.bench.kernel.to_owned(),
                c.best.technique.to_string(),
                c.best.setting.to_string(),
                c.best.time_pct.to_string(),
                c.best.gain_pct.to_string(),
                format!("{:.3}", c.recomputed_pct),
                format!("{:.3}", c.recomputed_u_pct),
                c.with_dram_pct.map(|x| format!("{x:.3}")).unwrap_or_default(),
                format!("{:.3}", c.difference()),
                c.is_flagged().to_string(),
                c.is_non_binding().to_string(),
            ]
        })
        .collect();
    Grid {
        title: "Thesis tables 3.19 to 3.24 against tables 3.25 to 3.27".into(),
        groups: Vec::new(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        notes: Vec::new(),
    }
}

/// Everything in a format: the tables for people, one line a gain for programs.
pub fn render(format: &dyn Render) -> String {
    if format.for_programs() {
        return format.render(&flat());
    }
    tables().iter().map(|grid| format.render(grid)).collect::<Vec<_>>().join("\n")
}
