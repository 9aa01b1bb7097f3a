//! E_application = E_measured - E_idle(t) (eq. 3.2) with the uncertainty of the fitted idle line.

use ergometer_record::stats::{Line, fit_weighted_line};
use ergometer_record::{Component, Joules, Kernel, Provenance, Row, Seconds};
use std::collections::BTreeMap;

/// The idle energy of one component over time, from the idle windows of its own sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct IdleModel {
    /// Device and executor, as [`super::IdleTable::device`].
    pub device: String,
    /// What the energies cover.
    pub component: Component,
    /// Where they come from.
    pub provenance: Provenance,
    /// E_idle(t) = alpha + beta t, in J and s. The scatter of an idle energy grows with its window (idle *power* is what
    /// varies), so that each window weighs 1 / t^2; table 3.13's own regression, without weights, is
    /// [`super::IdleTable::line`].
    pub line: Line,
}

/// What of a measured energy is the application's. All per execution of the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AppEnergy {
    /// E_application.
    pub energy: Joules,
    /// Its standard uncertainty: the window's quantisation and update period, the gain on what is left (one sensor
    /// measured both, so that its gain acts on the difference), and the idle line.
    pub energy_u: Joules,
    /// E_idle of the window, over its executions.
    pub idle: Joules,
    /// Its standard uncertainty from alpha, beta and their covariance.
    pub idle_u: Joules,
}

/// Times in s and energies in J.
type Points = (Vec<f64>, Vec<f64>);

impl IdleModel {
    /// One model a device and component, where `rows` hold three idle windows or more of two lengths or more.
    pub fn of(rows: &[Row]) -> Vec<Self> {
        let mut groups: BTreeMap<(String, Component, Provenance), Points> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.spec.kernel == Kernel::Idle) {
            let Some(energy) = row.energy else { continue };
            let (times, energies) = groups.entry((super::device(row), row.component, row.provenance)).or_default();
            times.push(row.time.0);
            energies.push(energy.0);
        }
        let model = |((device, component, provenance), (times, energies)): (_, Points)| {
            let weights: Vec<f64> = times.iter().map(|t| t.powi(-2)).collect();
            let line = fit_weighted_line(&times, &energies, &weights).filter(|line| line.n > 2)?;
            Some(Self { device, component, provenance, line })
        };
        groups.into_iter().filter_map(model).collect()
    }

    /// The model that belongs to `row`.
    pub fn for_row<'a>(models: &'a [Self], row: &Row) -> Option<&'a Self> {
        let device = super::device(row);
        models.iter().find(|m| (&m.device, m.component, m.provenance) == (&device, row.component, row.provenance))
    }

    /// E_idle of `time` and its standard uncertainty.
    pub fn energy(&self, time: Seconds) -> (Joules, Joules) {
        let (energy, u) = self.line.at(time.0);
        (Joules(energy), Joules(u))
    }

    /// The application's part of a row's energy, per execution; `None` where the row has no energy. E_idle is that of the
    /// whole window: the line's alpha belongs to a measurement, not to each execution in it.
    pub fn energy_app(&self, row: &Row) -> Option<AppEnergy> {
        let energy = row.energy?;
        let executions = row.iterations.max(1) as f64;
        let (idle, idle_u) = self.energy(row.time * executions);
        let (idle, idle_u) = (Joules(idle.0 / executions), Joules(idle_u.0 / executions));
        let app = energy - idle;
        let measured = match (row.budget, row.energy_u) {
            (Some(budget), _) => budget.random_j().hypot(budget.gain_j * app.0 / energy.0),
            // Undivided, all of it counts.
            (None, Some(u)) => u.0,
            (None, None) => 0.0,
        };
        Some(AppEnergy { energy: app, energy_u: Joules(measured.hypot(idle_u.0)), idle, idle_u })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::order::idle_spec;
    use ergometer_record::measurement::{Domain, f32_spec};
    use ergometer_record::{Budget, Size};

    fn row(time_s: f64, joules: f64) -> Row {
        Row {
            component: Component::new(Domain::Package, 0),
            energy: Some(Joules(joules)),
            provenance: Provenance::Counter,
            ..Row::timed(idle_spec(Seconds(time_s)), "cpu", "x", Seconds(time_s))
        }
    }

    #[test]
    fn the_idle_energy_of_the_window_is_shared_by_its_executions() {
        // 2 J + 50 W without scatter.
        let rows: Vec<Row> = [1.0, 2.0, 4.0].map(|t| row(t, 2.0 + 50.0 * t)).to_vec();
        let models = IdleModel::of(&rows);
        let triad = f32_spec(Kernel::Triad, Size::Vector { n: 64 });
        let mut work = Row { spec: triad, iterations: 100, ..row(0.01, 3.0) };
        work.budget = Some(Budget { quantisation_j: 0.03, period_j: 0.04, gain_j: 0.06 });
        let app = IdleModel::for_row(&models, &work).unwrap().energy_app(&work).unwrap();
        // One second of work idles for 52 J, of which an execution has 0.52 J.
        assert!((app.idle.0 - 0.52).abs() < 1e-9 && (app.energy.0 - 2.48).abs() < 1e-9, "{app:?}");
        // 2 % gain on 2.48 J, and 0.05 J of the window's own.
        assert!((app.energy_u.0 - 0.05f64.hypot(0.02 * 2.48)).abs() < 1e-6, "{app:?}");
        work.component = Component::new(Domain::Dram, 0);
        assert_eq!(IdleModel::for_row(&models, &work), None);
    }

    #[test]
    fn two_windows_are_no_model() {
        assert!(IdleModel::of(&[row(1.0, 50.0), row(2.0, 100.0)]).is_empty());
        assert!(IdleModel::of(&[row(2.0, 50.0), row(2.0, 100.0), row(2.0, 101.0)]).is_empty());
    }
}
