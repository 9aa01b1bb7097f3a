//! Tables 3.15 and 3.16 of the thesis against themselves: the gains that follow from the printed times and energies, and
//! the application's energy that follows from the idle lines of equations 3.3 and 3.4.

use super::super::grid::Grid;
use super::idle::Printed;
use super::runs::{RUNS, Run};
use ergometer_record::stats::{self, Line, fit_line};

/// The application's energy of one component in one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct App {
    /// The line.
    pub run: &'static Run,
    /// Index into [`super::idle::COMPONENTS`].
    pub component: usize,
    /// Printed, in J.
    pub printed_j: f64,
    /// Total energy less the idle line of eq. 3.3 (table 3.15) or 3.4 (table 3.16), in J.
    pub by_line_j: f64,
    /// Power that was subtracted: (total - printed application) / time, in W.
    pub subtracted_w: f64,
    /// What rounding to 0.01 s and 0.01 J leaves open of it, in W.
    pub rounding_w: f64,
}

impl Run {
    fn of(&'static self, component: usize) -> Option<App> {
        let (cells, at) = match component {
            0 => (self.amd, 1),
            1 => (self.intel, 1),
            _ => (self.intel, 3),
        };
        let (time, total, app) = (cells.first()?.0, cells.get(at)?.0, cells.get(at + 1)?.0);
        let equation = Printed::of(if self.table == "3.15" { "3.3" } else { "3.4" }, component)?;
        let subtracted_w = (total - app) / time;
        Some(App {
            run: self,
            component,
            printed_j: app,
            by_line_j: total - equation.energy_j(time),
            subtracted_w,
            rounding_w: (0.01 + 0.005 * subtracted_w.abs()) / time,
        })
    }

    /// The line with one thread and scalar code of the same table and kernel.
    fn base(&self) -> Option<&'static Self> {
        RUNS.iter().find(|r| (r.table, r.kernel, r.version) == (self.table, self.kernel, "seq"))
    }
}

/// The application's energies of one component: AMD's packages, Intel's packages, Intel's memory.
pub fn apps(component: usize) -> Vec<App> {
    RUNS.iter().filter_map(|run| run.of(component)).collect()
}

/// Printed gains ("acc."): how many follow from the printed values to within rounding, of how many, and those that don't
/// with printed and recomputed gain.
pub fn gains() -> (usize, usize, Vec<(&'static Run, f64, f64)>) {
    let mut cells = 0;
    let mut off = Vec::new();
    for run in &RUNS {
        let Some(base) = run.base() else { continue };
        for (mine, first) in [(run.amd, base.amd), (run.intel, base.intel)] {
            for ((value, printed), (base, _)) in mine.iter().zip(first) {
                cells += 1;
                let gain = base / value;
                let rounding = 0.005 + gain * 0.005 * (1.0 / value + 1.0 / base);
                if (gain - printed).abs() > rounding + 1e-9 {
                    off.push((run, *printed, gain));
                }
            }
        }
    }
    (cells - off.len(), cells, off)
}

/// Lines of a component from which a constant power was subtracted, to within rounding: how many of how many.
pub fn constant_power(component: usize, watts: f64) -> (usize, usize) {
    let apps = apps(component);
    (apps.iter().filter(|a| (a.subtracted_w - watts).abs() <= a.rounding_w).count(), apps.len())
}

/// Gain of the application's energy over that of time by thread count, mean over the kernels of a platform: 1 where
/// energy follows time.
pub fn energy_follows_time(intel: bool, threads: &str) -> Option<f64> {
    let of = RUNS.iter().filter(|r| r.table == "3.16" && r.version == threads).filter_map(|run| {
        let cells = if intel { run.intel } else { run.amd };
        Some(cells.get(2)?.1 / cells.first()?.1)
    });
    stats::mean(&of.collect::<Vec<_>>())
}

/// log E over log T of all lines of both tables: slope 1 where energy is time times one power.
pub fn time_energy_line(intel: bool) -> Option<Line> {
    let cells = RUNS.iter().filter_map(|run| {
        let of = if intel { run.intel } else { run.amd };
        Some((of.first()?.0.ln(), of.get(1)?.0.ln()))
    });
    let (times, energies): (Vec<f64>, Vec<f64>) = cells.unzip();
    fit_line(&times, &energies)
}

/// The application's energy, printed beside what the idle lines give.
pub(super) fn grid() -> Grid {
    let mut columns = vec!["table".to_owned(), "kernel".to_owned(), "version".to_owned()];
    let mut groups = vec![(String::new(), 3)];
    for name in super::idle::COMPONENTS {
        groups.push((format!("{name}: E_app [J]"), 4));
        columns.extend(["printed", "by the line", "difference", "subtracted"].map(str::to_owned));
    }
    let rows = RUNS.iter().map(|run| {
        let mut cells = vec![run.table.to_owned(), run.kernel.to_owned(), run.version.to_owned()];
        for component in 0..super::idle::COMPONENTS.len() {
            let Some(app) = run.of(component) else { continue };
            cells.extend([
                format!("{:.2}", app.printed_j),
                format!("{:.2}", app.by_line_j),
                format!("{:+.1} %", 100.0 * (app.printed_j / app.by_line_j - 1.0)),
                format!("{:.1} W", app.subtracted_w),
            ]);
        }
        cells
    });
    let rows = rows.collect();
    Grid {
        title: "Thesis tables 3.15 and 3.16: the application's energy against equations 3.3 and 3.4".into(),
        groups,
        columns,
        rows,
        notes: notes(),
    }
}

fn notes() -> Vec<String> {
    let (follow, cells, _) = gains();
    let count = |component, watts| {
        let (n, of) = constant_power(component, watts);
        format!("{watts:.1} W in {n} of {of} lines")
    };
    let range = |component: usize| {
        let watts: Vec<f64> = apps(component).iter().map(|a| a.subtracted_w).collect();
        watts.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), w| (low.min(*w), high.max(*w)))
    };
    let (low, high) = range(0);
    vec![
        format!("Gains (\"acc.\"): {follow} of {cells} are the ratio of the printed values, to within rounding."),
        "By the line: printed total less alpha + beta T, of eq. 3.3 for table 3.15 and of eq. 3.4 for table 3.16. \
         Subtracted: (printed total - printed E_app) / T."
            .into(),
        format!(
            "Intel's E_app does not follow from the regressions (48 W): a round power was subtracted, {}, {} and {} (32 \
             threads and SpMV); of the memory {} and {}.",
            count(1, 50.0),
            count(1, 52.0),
            count(1, 62.0),
            count(2, 9.5),
            count(2, 10.0),
        ),
        format!("AMD's E_app follows from no single line: {low:.1} to {high:.1} W were subtracted."),
    ]
}
