//! Idle energy over time in the layout of table 3.13, with E_idle(t) = alpha + beta t (eq. 3.2) and its drift.

mod model;

pub use model::{AppEnergy, IdleModel};

use super::grid::Grid;
use ergometer_record::stats::{Line, fit_line, t_quantile};
use ergometer_record::{Component, Kernel, Provenance, Row, Size};
use std::collections::BTreeMap;

/// Idle windows of one component of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct IdleTable {
    /// The device and its executor.
    pub device: String,
    /// What the energies cover.
    pub component: Component,
    /// Where they come from.
    pub provenance: Provenance,
    /// In order of execution.
    pub windows: Vec<IdleWindow>,
    /// alpha and beta; `None` under two different lengths.
    pub line: Option<Line>,
    /// Mean residual of the windows after the sweep minus that of those before, in J/s of their lengths, with its 95 %
    /// half width; `None` where there are not two of each.
    pub drift_w: Option<(f64, f64)>,
}

/// One idle window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdleWindow {
    /// Length asked for; the real one is longer by up to an update period of the sensor.
    pub asked: Size,
    /// Real length, in s.
    pub time_s: f64,
    /// In J.
    pub energy_j: f64,
    /// The first block's windows lie before the sweep.
    pub block: u32,
}

/// Device and executor of a row.
pub(super) fn device(row: &Row) -> String {
    format!("{} ({})", row.device, row.executor)
}

/// The idle windows in `rows`, component by component.
pub fn tables(rows: &[Row]) -> Vec<IdleTable> {
    let mut groups: BTreeMap<(String, Component, Provenance), Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.spec.kernel == Kernel::Idle && row.energy.is_some()) {
        let key = (device(row), row.component, row.provenance);
        groups.entry(key).or_default().push(row);
    }
    groups
        .into_iter()
        .map(|((device, component, provenance), mut rows)| {
            rows.sort_by_key(|row| row.order);
            let windows: Vec<IdleWindow> = rows
                .iter()
                .filter_map(|row| {
                    let (asked, energy_j) = (row.spec.size, row.energy?.0);
                    Some(IdleWindow { asked, time_s: row.time.0, energy_j, block: row.block })
                })
                .collect();
            let (times, energies): (Vec<f64>, Vec<f64>) = windows.iter().map(|w| (w.time_s, w.energy_j)).unzip();
            let line = fit_line(&times, &energies);
            IdleTable { device, component, provenance, drift_w: drift(&windows), windows, line }
        })
        .collect()
}

/// Change of idle power from before to after, by mean power.
fn drift(windows: &[IdleWindow]) -> Option<(f64, f64)> {
    let first = windows.first()?.block;
    let of = |before: bool| -> Vec<f64> {
        windows.iter().filter(|w| (w.block == first) == before).map(|w| w.energy_j / w.time_s).collect()
    };
    let (before, after) = (of(true), of(false));
    let mean = ergometer_record::stats::mean;
    let variance = |x: &[f64]| ergometer_record::stats::standard_deviation(x).map(|s| s * s / x.len() as f64);
    let (u, v) = (variance(&before)?, variance(&after)?);
    // Welch's t with the smaller of the two degrees of freedom, which is conservative.
    let df = (before.len().min(after.len()) - 1) as f64;
    Some((mean(&after)? - mean(&before)?, t_quantile(0.95, df) * (u + v).sqrt()))
}

impl IdleTable {
    /// The layout of table 3.13: run times across, power and energy below.
    pub fn grid(&self) -> Grid {
        let mut by_length: BTreeMap<Size, Vec<(f64, f64)>> = BTreeMap::new();
        for window in &self.windows {
            by_length.entry(window.asked).or_default().push((window.time_s, window.energy_j));
        }
        let mean = |of: &[(f64, f64)], value: fn(&(f64, f64)) -> f64| {
            of.iter().map(value).sum::<f64>() / of.len().max(1) as f64
        };
        let mut columns = vec!["runtime [s]".to_owned()];
        let mut power = vec![format!("power {} [W]", self.component)];
        let mut energy = vec![format!("energy {} [J]", self.component)];
        for windows in by_length.values() {
            columns.push(format!("{:.1}", mean(windows, |w| w.0)));
            power.push(format!("{:.2}", mean(windows, |w| w.1 / w.0)));
            energy.push(format!("{:.2}", mean(windows, |w| w.1)));
        }
        let label = if self.provenance == Provenance::Virtual { "VIRTUAL: " } else { "" };
        let mut notes = vec![match &self.line {
            Some(line) => format!(
                "E_idle(t) = {:.2} + {:.2} t (standard error of the slope {:.2}), RMSE {:.2} J, R2 {:.5}, n = {}; \
                 energies are {}.",
                line.intercept, line.slope, line.slope_u, line.rmse, line.r2, line.n, self.provenance
            ),
            None => "Idle windows of two different lengths are needed for E_idle(t) = alpha + beta t.".into(),
        }];
        if let Some((drift, half)) = self.drift_w {
            let moved = if drift.abs() > half { "it moved" } else { "no drift can be told" };
            notes.push(format!("After the sweep idle power was {drift:+.2} +- {half:.2} W from before: {moved}."));
        }
        Grid {
            title: format!("{label}idle power of {}", self.device),
            groups: Vec::new(),
            columns,
            rows: vec![power, energy],
            notes,
        }
    }
}
