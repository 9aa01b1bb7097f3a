//! Tables 3.7 to 3.10 of the thesis: energy of four nodes under MPI. Their memory energies count samples, not time.
//!
//! Every one is a multiple of 8.4 J: the modelled power of the memory (eq. 4.1) times a nominal sampling period, once a
//! sample (eq. 4.2). The samples did not come at that period, so that the sum is not the integral over the time.

use super::super::grid::Grid;
use super::recompute::INFERRED_DRAM_W;
use crate::sensor::dram::{Dimm, Profile};
use ergometer_record::stats::{Line, fit_line};

/// What one sample adds, in J: the largest number of which all these energies are multiples.
pub const QUANTUM_J: f64 = 8.4;

/// One node in one table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Number of the table.
    pub table: &'static str,
    /// Package, four cards, memory, in J.
    pub joules: [f64; 6],
    /// In s.
    pub time_s: f64,
}

/// A printed line "Total".
pub type Total = Node;

const fn node(table: &'static str, joules: [f64; 6], time_s: f64) -> Node {
    Node { table, joules, time_s }
}

/// The nodes.
#[rustfmt::skip]
pub const NODES: [Node; 16] = [
    node("3.7", [1493.59, 648.52, 680.59, 649.10, 666.36, 201.6], 13.25),
    node("3.7", [1419.99, 714.36, 633.82, 625.94, 670.95, 193.2], 12.54),
    node("3.7", [1457.43, 664.03, 666.67, 652.40, 719.44, 201.6], 13.03),
    node("3.7", [1472.65, 667.21, 653.88, 659.93, 689.50, 201.0], 13.11),
    node("3.8", [9109.88, 3374.76, 3530.46, 3319.83, 3425.45, 1058.4], 74.66),
    node("3.8", [8777.08, 3674.04, 3255.40, 3208.25, 3430.79, 999.6], 70.65),
    node("3.8", [9012.43, 3353.60, 3363.65, 3291.97, 3638.53, 1041.6], 73.26),
    node("3.8", [9090.88, 3408.30, 3347.95, 3435.98, 3442.57, 1058.4], 74.43),
    node("3.9", [536.67, 255.75, 261.8, 258.92, 271.46, 75.6], 4.34),
    node("3.9", [555.88, 380.09, 344.25, 331.31, 357.12, 100.8], 5.85),
    node("3.9", [94.84, 113.97, 123.36, 128.24, 134.06, 33.6], 1.24),
    node("3.9", [94.09, 112.98, 121.65, 135.57, 147.30, 33.6], 1.24),
    node("3.10", [3604.08, 1285.74, 1374.71, 1268.67, 1314.77, 403.2], 28.09),
    node("3.10", [3674.26, 2200.34, 1925.82, 1892.41, 2033.96, 588.0], 39.34),
    node("3.10", [388.52, 279.94, 291.57, 276.03, 305.47, 84.0], 4.62),
    node("3.10", [359.49, 275.35, 272.37, 297.48, 301.01, 84.0], 4.61),
];

/// The lines "Total".
#[rustfmt::skip]
pub const TOTALS: [Total; 4] = [
    node("3.7", [5843.66, 2694.11, 2634.95, 2587.35, 2746.25, 596.4], 51.93),
    node("3.8", [35990.27, 13810.70, 13497.44, 13256.03, 13937.32, 4158.0], 293.00),
    node("3.9", [1281.48, 862.78, 851.09, 854.02, 909.93, 243.6], 12.67),
    node("3.10", [8026.35, 4041.37, 3864.46, 3734.58, 3955.20, 1159.2], 76.66),
];

const COLUMNS: [&str; 7] = ["Pkg", "GPU 0", "GPU 1", "GPU 2", "GPU 3", "RAM", "time"];

impl Node {
    fn ram_j(&self) -> f64 {
        self.joules[5]
    }

    /// How many samples the memory's energy counts, and what is left over in J.
    pub fn samples(&self) -> (f64, f64) {
        let n = (self.ram_j() / QUANTUM_J).round();
        (n, self.ram_j() - n * QUANTUM_J)
    }

    fn column(&self, index: usize) -> f64 {
        self.joules.get(index).copied().unwrap_or(self.time_s)
    }
}

/// Samples over time: the reciprocal slope is the period at which they really came.
pub fn sample_line() -> Option<Line> {
    let (times, samples): (Vec<f64>, Vec<f64>) = NODES.iter().map(|n| (n.time_s, n.samples().0)).unzip();
    fit_line(&times, &samples)
}

/// Columns whose printed total is not the sum of the nodes, with printed total and sum: more than rounding apart.
pub fn wrong_totals() -> Vec<(&'static str, &'static str, f64, f64)> {
    let mut wrong = Vec::new();
    for total in &TOTALS {
        let nodes: Vec<&Node> = NODES.iter().filter(|n| n.table == total.table).collect();
        for (index, name) in COLUMNS.iter().enumerate() {
            let sum: f64 = nodes.iter().map(|n| n.column(index)).sum();
            // One of the cells has a single decimal.
            if (sum - total.column(index)).abs() > 0.05 + 0.005 * nodes.len() as f64 {
                wrong.push((total.table, *name, total.column(index), sum));
            }
        }
    }
    wrong
}

/// A way to make [`QUANTUM_J`] by eq. 4.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explanation {
    /// Whose tiers.
    pub profile: Profile,
    /// Modules of one size.
    pub modules: u32,
    /// Size of each, in GB.
    pub gb: f64,
    /// Factor by use of the memory.
    pub factor: f64,
    /// Power of all, in W.
    pub power_w: f64,
    /// Nominal sampling period, in s.
    pub period_s: f64,
}

/// Memory of these machines, in GB (table 3.2, AMD-2).
const MEMORY_GB: f64 = 512.0;
/// Share of it in use: three matrices of 16384 x 16384 doubles are 6 GB.
const SHARE_IN_USE: f64 = 0.01;

/// All ways to make [`QUANTUM_J`] of the 512 GB of table 3.2 in DDR4 modules of one size, nearly unused, at a round period.
pub fn explanations() -> Vec<Explanation> {
    let mut found = Vec::new();
    for profile in Profile::ALL {
        for gb in [16.0, 32.0, 64.0, 128.0, 256.0] {
            let modules = (MEMORY_GB / gb) as u32;
            // 26 is DDR4 (SMBIOS).
            let dimms = vec![Dimm { gib: gb, technology: 26 }; modules as usize];
            let Some(power) = profile.power(&dimms, SHARE_IN_USE) else { continue };
            for period_s in [0.1, 0.2, 0.25, 0.5, 1.0, 2.0] {
                if (power.0 * period_s - QUANTUM_J).abs() < 1e-6 {
                    let factor = profile.use_factor(SHARE_IN_USE);
                    found.push(Explanation { profile, modules, gb, factor, power_w: power.0, period_s });
                }
            }
        }
    }
    found
}

/// Every memory energy as a number of samples.
pub(super) fn grid() -> Grid {
    let columns = [
        "table",
        "time [s]",
        "RAM [J], printed",
        "samples",
        "remainder [J]",
        "samples a second",
        "16.8 W x time [J]",
        "difference",
    ];
    let rows = NODES.iter().map(|node| {
        let (n, rest) = node.samples();
        let integral = INFERRED_DRAM_W * node.time_s;
        vec![
            node.table.to_owned(),
            format!("{:.2}", node.time_s),
            format!("{:.1}", node.ram_j()),
            format!("{n}"),
            if rest.abs() < 0.05 { "0".to_owned() } else { format!("{rest:+.1} !") },
            format!("{:.2}", n / node.time_s),
            format!("{integral:.1}"),
            format!("{:+.0} %", 100.0 * (node.ram_j() / integral - 1.0)),
        ]
    });
    let rows = rows.collect();
    Grid {
        title: "Thesis tables 3.7 to 3.10: the memory's energy is a number of samples".into(),
        groups: Vec::new(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        notes: notes(),
    }
}

fn notes() -> Vec<String> {
    let mut notes = vec![format!(
        "All but one are n x {QUANTUM_J} J (201.0 in table 3.7 looks like a misprint of 201.6 = 24 x {QUANTUM_J}): eq. 4.2 \
         adds power times nominal period once a sample."
    )];
    if let Some(line) = sample_line() {
        notes.push(format!(
            "The samples came every {:.2} s, with {:.1} more than that at the ends (n = {:.2} + {:.3} T, R2 {:.4}): a \
             multiple of the nominal period is too high for short runs and too low for long ones.",
            1.0 / line.slope,
            line.intercept,
            line.intercept,
            line.slope,
            line.r2
        ));
    }
    notes.push(format!(
        "{} The integral is {INFERRED_DRAM_W} W times the printed time. The same power is what the DVFS gains of tables 3.23 and \
         3.24 imply for the memory of this machine type (EPYC 7513 with A100).",
        by_equation()
    ));
    for (table, column, printed, sum) in wrong_totals() {
        let missing = NODES.iter().filter(|n| n.table == table).find(|n| {
            COLUMNS.iter().position(|c| *c == column).is_some_and(|i| (sum - n.column(i) - printed).abs() < 0.05)
        });
        let why = missing.map_or_else(String::new, |node| {
            let at = NODES.iter().filter(|n| n.table == table).position(|n| n == node).unwrap_or(0);
            format!(": node {at} is left out")
        });
        notes.push(format!("Table {table}, total of {column}: {printed} is printed, the nodes give {sum:.1}{why}."));
    }
    notes.push(
        "The totals of the times are sums over nodes that ran at the same time: no time passed that long.".into(),
    );
    notes
}

fn by_equation() -> String {
    let found: Vec<String> = explanations()
        .iter()
        .map(|e| {
            format!(
                "{} modules of {} GB at factor {} by the tiers of {}: {:.1} W for {} s",
                e.modules,
                e.gb,
                e.factor,
                match e.profile {
                    Profile::Thesis => "eq. 4.1 as printed",
                    Profile::Ea2p => "the program (EA2P), which are not those that are printed",
                },
                e.power_w,
                e.period_s
            )
        })
        .collect();
    match found.as_slice() {
        [] => format!("No module size gives {QUANTUM_J} J for 512 GB at a round period."),
        found => format!("512 GB give {QUANTUM_J} J at a round period as {}.", found.join("; ")),
    }
}
