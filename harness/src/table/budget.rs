//! Where the uncertainty of each point comes from: quantisation, update period, gain, scatter, idle subtraction
//! (DESIGN 3.3).

use super::data::workload_label;
use super::grid::Grid;
use super::idle::IdleModel;
use ergometer_record::{Budget, Component, Kernel, Provenance, Row, stats};
use std::collections::{BTreeMap, BTreeSet};

/// The budget of one component at one point. Energies and standard uncertainties are of the mean over all windows, in J
/// per execution.
#[derive(Debug, Clone, PartialEq)]
pub struct PointBudget {
    /// Device and executor.
    pub device: String,
    /// Kernel, size, precision.
    pub workload: String,
    /// Setting.
    pub setting: String,
    /// What the energy covers.
    pub component: Component,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Windows.
    pub windows: usize,
    /// Blocks.
    pub blocks: usize,
    /// The mean.
    pub energy_j: f64,
    /// Quantisation and update period, which differ from window to window and so shrink with the root of their number,
    /// and gain, which does not; `None` where the rows do not tell them one by one.
    pub parts: Option<Budget>,
    /// Standard error from the scatter between blocks (between windows, where there is one block); `None` from a single
    /// window. It holds what quantisation and period do to a window, too.
    pub scatter_j: Option<f64>,
    /// E_idle over the same time and its standard uncertainty, where there is an idle line.
    pub idle: Option<(f64, f64)>,
}

impl PointBudget {
    /// What averaging over more windows would lessen: the scatter, or what quantisation and period explain if that is
    /// more (few windows scatter less than they should by luck).
    fn random_j(&self) -> f64 {
        self.scatter_j.unwrap_or(0.0).max(self.parts.map_or(0.0, |parts| parts.random_j()))
    }

    /// Standard uncertainty of the mean energy.
    pub fn total_j(&self) -> f64 {
        self.random_j().hypot(self.parts.map_or(0.0, |parts| parts.gain_j))
    }

    /// E_application (eq. 3.2) and its standard uncertainty. The gain acts on the difference: one sensor measured both.
    pub fn app(&self) -> Option<(f64, f64)> {
        let (idle, idle_u) = self.idle?;
        let app = self.energy_j - idle;
        let gain = self.parts.map_or(0.0, |parts| parts.gain_j * app / self.energy_j);
        Some((app, self.random_j().hypot(gain).hypot(idle_u)))
    }
}

/// The budget of every point and component that has an energy, in order of first appearance.
pub fn budgets(rows: &[Row]) -> Vec<PointBudget> {
    let models = IdleModel::of(rows);
    let mut order: Vec<(String, Component, Provenance)> = Vec::new();
    let mut groups: BTreeMap<(String, Component, Provenance), Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.spec.kernel != Kernel::Idle && row.energy.is_some()) {
        let key = (format!("{} {}", super::idle::device(row), row.point_id), row.component, row.provenance);
        if !groups.contains_key(&key) {
            order.push(key.clone());
        }
        groups.entry(key).or_default().push(row);
    }
    order.iter().filter_map(|key| point(groups.get(key)?, &models)).collect()
}

fn point(rows: &[&Row], models: &[IdleModel]) -> Option<PointBudget> {
    let first = rows.first()?;
    let n = rows.len() as f64;
    let energies: Vec<f64> = rows.iter().filter_map(|row| Some(row.energy?.0)).collect();
    let parts: Option<Vec<Budget>> = rows.iter().map(|row| row.budget).collect();
    let parts = parts.map(|parts| {
        let root = |f: fn(&Budget) -> f64| parts.iter().map(|b| f(b).powi(2)).sum::<f64>().sqrt() / n;
        Budget {
            quantisation_j: root(|b| b.quantisation_j),
            period_j: root(|b| b.period_j),
            gain_j: parts.iter().map(|b| b.gain_j).sum::<f64>() / n,
        }
    });
    let blocks: BTreeSet<u32> = rows.iter().map(|row| row.block).collect();
    let of_block = |block: &u32| {
        let of: Vec<f64> = rows.iter().filter(|r| r.block == *block).filter_map(|r| Some(r.energy?.0)).collect();
        stats::mean(&of)
    };
    let samples = if blocks.len() > 1 { blocks.iter().filter_map(of_block).collect() } else { energies.clone() };
    let scatter_j = stats::standard_deviation(&samples).map(|s| s / (samples.len() as f64).sqrt());
    let idle = IdleModel::for_row(models, first).and_then(|model| {
        let of_rows: Option<Vec<_>> = rows.iter().map(|row| model.energy_app(row)).collect();
        let of_rows = of_rows?;
        // One line serves all windows: its error does not average out.
        Some((of_rows.iter().map(|a| a.idle.0).sum::<f64>() / n, of_rows.iter().map(|a| a.idle_u.0).sum::<f64>() / n))
    });
    Some(PointBudget {
        device: super::idle::device(first),
        workload: workload_label(first),
        setting: first.setting.to_string(),
        component: first.component,
        provenance: first.provenance,
        windows: rows.len(),
        blocks: blocks.len(),
        energy_j: stats::mean(&energies)?,
        parts,
        scatter_j,
        idle,
    })
}

/// One row a point, the parts in percent of its energy.
pub fn grid(budgets: &[PointBudget]) -> Grid {
    let columns = [
        "Point",
        "Setting",
        "Component",
        "Provenance",
        "Windows",
        "E [J]",
        "quantisation",
        "period",
        "gain",
        "scatter",
        "u(E)",
        "E_app [J]",
        "idle",
        "u(E_app)",
    ];
    let number = |x: f64| if x.abs() < 0.1 { format!("{x:.3e}") } else { format!("{x:.4}") };
    let share = |part: Option<f64>, of: f64| part.map_or_else(String::new, |u| format!("{:.3}%", 100.0 * u / of.abs()));
    let rows = budgets
        .iter()
        .map(|b| {
            let part = |f: fn(&Budget) -> f64| share(b.parts.as_ref().map(f), b.energy_j);
            let app = b.app();
            let of_app = |u: Option<f64>| app.map_or_else(String::new, |(app, _)| share(u, app));
            vec![
                b.workload.clone(),
                b.setting.clone(),
                b.component.to_string(),
                b.provenance.to_string(),
                format!("{} in {}", b.windows, b.blocks),
                number(b.energy_j),
                part(|p| p.quantisation_j),
                part(|p| p.period_j),
                part(|p| p.gain_j),
                share(b.scatter_j, b.energy_j),
                share(Some(b.total_j()), b.energy_j),
                app.map_or_else(String::new, |(app, _)| number(app)),
                of_app(b.idle.map(|(_, u)| u)),
                of_app(app.map(|(_, u)| u)),
            ]
        })
        .collect();
    let devices: BTreeSet<&str> = budgets.iter().map(|b| b.device.as_str()).collect();
    let virtual_node = budgets.iter().any(|b| b.provenance == Provenance::Virtual);
    let mut notes = vec![
        "Standard uncertainties (k = 1) of the mean over the windows, in percent of the energy; the last two columns in \
         percent of E_app = E - E_idle(t) (eq. 3.2)."
            .to_owned(),
        "Windows: how many, in how many blocks. Quantisation and update period differ from window to window and shrink \
         with the root of their number; the gain is the sensor's own and does not shrink, but cancels where settings of \
         one device are compared."
            .to_owned(),
        "u(E) is the root of the squares of the gain and of the larger of scatter and (quantisation, period): the scatter \
         between blocks already holds those two."
            .to_owned(),
    ];
    if budgets.iter().any(|b| b.idle.is_none()) {
        notes.push("Without idle windows of two lengths (a plan's [idle] section) there is no E_app.".into());
    }
    if budgets.iter().any(|b| b.parts.is_none()) {
        notes.push("An empty part is not known: these rows were written by an older ergometer, or by others.".into());
    }
    Grid {
        title: format!(
            "{}uncertainty budget of {}",
            if virtual_node { "VIRTUAL: " } else { "" },
            devices.into_iter().collect::<Vec<_>>().join(", ")
        ),
        groups: Vec::new(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::measurement::{Domain, f32_spec, point_id};
    use ergometer_record::{Joules, Seconds, Setting, Size};

    fn row(block: u32, joules: f64, budget: Option<Budget>) -> Row {
        let spec = f32_spec(Kernel::Triad, Size::Vector { n: 64 });
        Row {
            block,
            point_id: point_id(&spec, "", 0, &Setting::default()),
            component: Component::new(Domain::Gpu, 0),
            energy: Some(Joules(joules)),
            provenance: Provenance::Counter,
            budget,
            ..Row::timed(spec, "cuda", "x", Seconds(0.1))
        }
    }

    #[test]
    fn random_parts_shrink_with_the_windows_and_the_gain_does_not() {
        let part = Some(Budget { quantisation_j: 0.03, period_j: 0.04, gain_j: 0.2 });
        let rows: Vec<Row> = (0..4).map(|block| row(block, 10.0, part)).collect();
        let budget = &budgets(&rows)[0];
        let parts = budget.parts.unwrap();
        assert!((parts.random_j() - 0.05 / 2.0).abs() < 1e-12 && (parts.gain_j - 0.2).abs() < 1e-12);
        // Four equal windows do not scatter; what quantisation explains stays.
        assert_eq!(budget.scatter_j, Some(0.0));
        assert!((budget.total_j() - 0.2f64.hypot(0.025)).abs() < 1e-12);
        assert_eq!(budget.app(), None);
    }

    #[test]
    fn scatter_is_between_blocks_and_unknown_parts_stay_empty() {
        // Repeats within a block share its conditions: 9, 11 and 13 are the means.
        let rows: Vec<Row> = [(0, 8.0), (0, 10.0), (1, 11.0), (1, 11.0), (2, 12.0), (2, 14.0)]
            .map(|(block, joules)| row(block, joules, None))
            .to_vec();
        let budget = &budgets(&rows)[0];
        assert!((budget.scatter_j.unwrap() - 2.0 / 3f64.sqrt()).abs() < 1e-12);
        assert_eq!((budget.windows, budget.blocks, budget.parts), (6, 3, None));
        let grid = grid(&budgets(&rows));
        assert_eq!(grid.rows[0][6..9], ["", "", ""]);
        assert!(grid.notes.iter().any(|note| note.contains("not known")));
    }
}
