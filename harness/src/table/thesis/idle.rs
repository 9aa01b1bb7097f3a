//! Tables 3.13 and 3.14 of the thesis: idle energy over time and over sleeping threads, and equations 3.3 and 3.4 fitted
//! to them again.

use super::super::grid::Grid;
use ergometer_record::stats::{self, Line, fit_line};

/// What was measured, in the order of [`Sleep::measured`].
pub const COMPONENTS: [&str; 3] = ["AMD PKG", "Intel PKG", "Intel RAM"];

/// One line of table 3.14, or one column of table 3.13, which is its single thread carried on to 64 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sleep {
    /// Length in s.
    pub length_s: f64,
    /// Threads that slept.
    pub threads: u32,
    /// Printed energy in J and power in W of each of [`COMPONENTS`].
    pub measured: &'static [(f64, f64); 3],
}

const fn sleep(length_s: f64, threads: u32, measured: &'static [(f64, f64); 3]) -> Sleep {
    Sleep { length_s, threads, measured }
}

/// Every line.
#[rustfmt::skip]
pub const SLEEPS: [Sleep; 27] = [
    sleep(1.0, 1, &[(57.74, 57.73), (52.22, 52.22), (9.97, 9.97)]),
    sleep(1.0, 2, &[(56.21, 56.2), (53.27, 53.26), (9.71, 9.71)]),
    sleep(1.0, 4, &[(59.24, 59.23), (49.41, 49.41), (9.78, 9.78)]),
    sleep(1.0, 8, &[(60.94, 60.92), (49.71, 49.71), (9.38, 9.38)]),
    sleep(1.0, 16, &[(59.25, 59.24), (50.98, 50.97), (9.63, 9.63)]),
    sleep(1.0, 32, &[(62.55, 62.54), (57.17, 57.16), (9.72, 9.72)]),
    sleep(2.0, 1, &[(111.22, 55.6), (98.22, 49.11), (19.38, 9.69)]),
    sleep(2.0, 2, &[(113.62, 56.8), (100.36, 50.18), (19.24, 9.62)]),
    sleep(2.0, 4, &[(111.83, 55.9), (93.0, 46.5), (18.87, 9.43)]),
    sleep(2.0, 8, &[(112.1, 56.05), (99.75, 49.87), (19.11, 9.55)]),
    sleep(2.0, 16, &[(116.76, 58.37), (103.62, 51.81), (19.32, 9.66)]),
    sleep(2.0, 32, &[(118.36, 59.17), (101.09, 50.54), (19.51, 9.75)]),
    sleep(4.0, 1, &[(221.89, 55.47), (198.71, 49.68), (38.55, 9.64)]),
    sleep(4.0, 2, &[(228.46, 57.11), (190.24, 47.56), (38.13, 9.53)]),
    sleep(4.0, 4, &[(224.67, 56.17), (195.04, 48.76), (38.64, 9.66)]),
    sleep(4.0, 8, &[(227.36, 56.84), (198.3, 49.57), (37.73, 9.43)]),
    sleep(4.0, 16, &[(225.97, 56.49), (195.69, 48.92), (39.09, 9.77)]),
    sleep(4.0, 32, &[(231.96, 57.98), (218.63, 54.66), (40.7, 10.18)]),
    sleep(8.0, 1, &[(444.98, 55.62), (392.56, 49.07), (76.78, 9.6)]),
    sleep(8.0, 2, &[(452.97, 56.62), (376.29, 47.03), (76.84, 9.6)]),
    sleep(8.0, 4, &[(451.19, 56.39), (392.11, 49.01), (77.48, 9.68)]),
    sleep(8.0, 8, &[(461.09, 57.63), (387.63, 48.45), (77.23, 9.65)]),
    sleep(8.0, 16, &[(461.28, 57.65), (392.26, 49.03), (78.31, 9.79)]),
    sleep(8.0, 32, &[(453.65, 56.7), (399.56, 49.94), (77.45, 9.68)]),
    sleep(16.0, 1, &[(904.45, 56.52), (775.74, 48.48), (150.53, 9.41)]),
    sleep(32.0, 1, &[(1817.08, 56.78), (1524.49, 47.64), (301.36, 9.42)]),
    sleep(64.0, 1, &[(3585.92, 56.02), (3078.67, 48.1), (603.49, 9.43)]),
];

/// An equation as printed: alpha in J, beta in W, RMSE in J.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Printed {
    /// Number of the equation.
    pub equation: &'static str,
    /// Index into [`COMPONENTS`].
    pub component: usize,
    /// Intercept, in J.
    pub alpha_j: f64,
    /// Slope, in W.
    pub beta_w: f64,
    /// In J.
    pub rmse_j: f64,
}

const fn printed(equation: &'static str, component: usize, alpha_j: f64, beta_w: f64, rmse_j: f64) -> Printed {
    Printed { equation, component, alpha_j, beta_w, rmse_j }
}

/// Equations 3.3 (one thread, 1 to 64 s) and 3.4 (1 to 32 threads, 1 to 8 s).
pub const EQUATIONS: [Printed; 6] = [
    printed("3.3", 0, 1.88, 56.14, 8.65),
    printed("3.3", 1, 4.44, 47.95, 6.36),
    printed("3.3", 2, 0.63, 9.41, 0.49),
    printed("3.4", 0, 1.67, 56.50, 3.75),
    printed("3.4", 1, 3.87, 48.36, 6.23),
    printed("3.4", 2, -0.0003, 9.67, 0.5599),
];

impl Printed {
    /// The equation for a table and a component.
    pub fn of(equation: &str, component: usize) -> Option<&'static Self> {
        EQUATIONS.iter().find(|e| e.equation == equation && e.component == component)
    }

    /// E_idle of a time, in J.
    pub fn energy_j(&self, time_s: f64) -> f64 {
        self.alpha_j + self.beta_w * time_s
    }

    /// The same line fitted to the printed energies.
    pub fn refit(&self) -> Option<Line> {
        let of: Vec<(f64, f64)> = SLEEPS
            .iter()
            .filter(|s| if self.equation == "3.3" { s.threads == 1 } else { s.length_s <= 8.0 })
            .filter_map(|s| Some((s.length_s, s.measured.get(self.component)?.0)))
            .collect();
        let (times, energies): (Vec<f64>, Vec<f64>) = of.into_iter().unzip();
        fit_line(&times, &energies)
    }
}

fn power(component: usize, threads: u32) -> Vec<f64> {
    let of = SLEEPS.iter().filter(|s| s.threads == threads && s.length_s <= 8.0);
    of.filter_map(|s| Some(s.measured.get(component)?.1)).collect()
}

/// 32 sleeping threads against one, paired by length: change of power in W with its 95 % half width.
pub fn sleeping_threads_w(component: usize) -> Option<(f64, f64)> {
    let i = stats::paired_difference(&power(component, 1), &power(component, 32), 0.95)?;
    Some((i.estimate, (i.high - i.low) / 2.0))
}

/// Printed powers times nominal length: how many give the printed energy to within rounding, of how many, and the largest
/// difference in J. Table 3.13 (one thread, all lengths) or 3.14 (all threads, to 8 s).
pub fn products(one_thread: bool) -> (usize, usize, f64) {
    let (mut follow, mut cells, mut largest) = (0, 0, 0.0f64);
    for sleep in SLEEPS.iter().filter(|s| if one_thread { s.threads == 1 } else { s.length_s <= 8.0 }) {
        for (joules, watts) in sleep.measured {
            cells += 1;
            let off = watts * sleep.length_s - joules;
            follow += usize::from(off.abs() <= 0.005 * sleep.length_s + 0.005 + 1e-9);
            largest = if off.abs() > largest.abs() { off } else { largest };
        }
    }
    (follow, cells, largest)
}

/// The regressions, printed beside recomputed.
pub(super) fn grid() -> Grid {
    let columns = ["equation", "of", "alpha [J]", "refitted", "beta [W]", "refitted", "RMSE [J]", "refitted", "R2"];
    let rows = EQUATIONS.iter().filter_map(|e| {
        let line = e.refit()?;
        Some(vec![
            e.equation.to_owned(),
            COMPONENTS.get(e.component).copied().unwrap_or_default().to_owned(),
            e.alpha_j.to_string(),
            format!("{:.4}", line.intercept),
            e.beta_w.to_string(),
            format!("{:.3}", line.slope),
            e.rmse_j.to_string(),
            format!("{:.3}", line.rmse),
            format!("{:.6}", line.r2),
        ])
    });
    let rows = rows.collect();
    let notes = vec![
        "Ordinary least squares of the printed energies on the nominal lengths. The printed equations follow but for \
         AMD's 3.3, whose intercept and RMSE differ in the second digit."
            .to_owned(),
    ];
    Grid {
        title: "Thesis equations 3.3 and 3.4 against tables 3.13 and 3.14".into(),
        groups: Vec::new(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        notes,
    }
}
