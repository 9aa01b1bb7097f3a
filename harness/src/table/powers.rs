//! Power of each component as found and at each technique's least EDP, mean and standard deviation (tables 3.25 to 3.27
//! of the thesis).

use super::data::{Device, Point, Workload};
use super::edp;
use super::grid::Grid;
use super::heading::heading;
use ergometer_record::{Component, Technique, stats};
use std::collections::BTreeSet;

/// Mean power over the blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// In W.
    pub mean_w: f64,
    /// Standard deviation between blocks, in W; `None` from a single block.
    pub sd_w: Option<f64>,
}

/// The powers of one setting: one a component of the table, `None` where it was not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct PowersAt {
    /// The setting's label; `baseline` for the machine as found.
    pub setting: String,
    /// In the order of [`PowerTable::components`].
    pub powers: Vec<Option<Spread>>,
}

/// One workload.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerRow {
    /// The workload.
    pub workload: String,
    /// As found.
    pub baseline: PowersAt,
    /// At the least EDP of each of [`PowerTable::techniques`]; `None` where a technique was not tried.
    pub best: Vec<Option<PowersAt>>,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerTable {
    /// Names the device, and `VIRTUAL` or `MODELLED` where that is so.
    pub title: String,
    /// What was measured.
    pub components: BTreeSet<Component>,
    /// The column groups.
    pub techniques: Vec<Technique>,
    /// One a workload.
    pub rows: Vec<PowerRow>,
}

/// The table of one device. The settings are those of the device's EDP table.
pub fn table(device: &Device) -> PowerTable {
    let best = edp::table(device);
    let components = &device.components;
    let rows = device.workloads.iter().zip(&best.rows).map(|(workload, row)| {
        let at = |cell: &edp::EdpCell| {
            let label = cell.setting.as_deref();
            let point = label.and_then(|label| workload.points.iter().find(|p| p.label == label));
            powers(point.unwrap_or(&workload.baseline), components)
        };
        PowerRow {
            workload: workload.label.clone(),
            baseline: powers(&workload.baseline, components),
            best: row.cells.iter().map(|cell| cell.as_ref().map(at)).collect(),
        }
    });
    let label = device.label().map_or_else(String::new, |label| format!("{label}: "));
    PowerTable {
        title: format!("{label}power as found and at the least EDP of each technique on {}", device.name),
        rows: rows.collect(),
        components: components.clone(),
        techniques: best.techniques,
    }
}

/// All powers of one point.
fn powers(point: &Point, components: &BTreeSet<Component>) -> PowersAt {
    let spread = |component: &Component| {
        let watts: Vec<f64> = point.powers.get(component)?.values().copied().collect();
        Some(Spread { mean_w: stats::mean(&watts)?, sd_w: stats::standard_deviation(&watts) })
    };
    PowersAt { setting: point.label.clone(), powers: components.iter().map(spread).collect() }
}

/// Mean power of each component at every setting, the baseline first: what figures 3.13 to 3.15 of the thesis plot.
pub fn trends(workload: &Workload, components: &BTreeSet<Component>) -> Vec<(Technique, PowersAt)> {
    std::iter::once(&workload.baseline)
        .chain(&workload.points)
        .map(|point| (point.technique, powers(point, components)))
        .collect()
}

fn text(spread: Option<Spread>) -> String {
    match spread {
        Some(Spread { mean_w, sd_w: Some(sd) }) => format!("{mean_w:.1} ± {sd:.1}"),
        Some(Spread { mean_w, sd_w: None }) => format!("{mean_w:.1}"),
        None => String::new(),
    }
}

impl PowerTable {
    /// The layout of tables 3.25 to 3.27, with the setting beside the powers.
    pub fn grid(&self) -> Grid {
        let names: Vec<String> = self.components.iter().map(|c| heading(*c, &self.components)).collect();
        let mut columns = vec!["Bench".to_owned()];
        columns.extend(names.clone());
        let mut groups = vec![(String::new(), 1), ("Baseline (W)".to_owned(), names.len())];
        for technique in &self.techniques {
            groups.push((format!("MinEDP (W), {}", technique.heading()), names.len() + 1));
            columns.extend(names.clone());
            columns.push("Setting".to_owned());
        }
        let rows = self.rows.iter().map(|row| {
            let mut line = vec![row.workload.clone()];
            line.extend(row.baseline.powers.iter().map(|p| text(*p)));
            for best in &row.best {
                match best {
                    Some(at) => {
                        line.extend(at.powers.iter().map(|p| text(*p)));
                        line.push(at.setting.clone());
                    }
                    None => {
                        line.extend(names.iter().map(|_| String::new()));
                        line.push("not tried".to_owned());
                    }
                }
            }
            line
        });
        let rows = rows.collect();
        let mut notes = vec![
            "Mean over the blocks ± standard deviation between them; a power without one comes from a single block."
                .to_owned(),
        ];
        if self.has_gaps() {
            notes.push("An empty power was not measured in that setting.".into());
        }
        if self.title.starts_with("VIRTUAL") || self.title.starts_with("partly") {
            notes.push("These powers are not measurements of real hardware.".into());
        }
        Grid { title: self.title.clone(), groups, columns, rows, notes }
    }

    fn has_gaps(&self) -> bool {
        let of = |at: &PowersAt| at.powers.iter().any(Option::is_none);
        self.rows.iter().any(|row| of(&row.baseline) || row.best.iter().flatten().any(of))
    }

    /// One line a power with bare numbers: what the CSV holds.
    pub fn flat_grid(&self) -> Grid {
        let columns = ["workload", "technique", "setting", "component", "mean_w", "sd_w"];
        let mut rows = Vec::new();
        for row in &self.rows {
            let best = self.techniques.iter().zip(&row.best).filter_map(|(t, at)| Some((*t, at.as_ref()?)));
            for (technique, at) in std::iter::once((Technique::Baseline, &row.baseline)).chain(best) {
                for (component, spread) in self.components.iter().zip(&at.powers) {
                    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.4}"));
                    rows.push(vec![
                        row.workload.clone(),
                        technique.heading().to_owned(),
                        at.setting.clone(),
                        component.to_string(),
                        number(spread.map(|s| s.mean_w)),
                        number(spread.and_then(|s| s.sd_w)),
                    ]);
                }
            }
        }
        Grid {
            title: self.title.clone(),
            groups: Vec::new(),
            columns: columns.map(str::to_owned).to_vec(),
            rows,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Accept, gather};
    use ergometer_record::measurement::{Domain, f32_spec};
    use ergometer_record::{Joules, Kernel, Provenance, Row, Seconds, Setting, Size, Verdict, Watts};

    /// Table 3.27, dist with TensorFlow: the printed means, spread by their standard deviations over two blocks.
    fn rows() -> Vec<Row> {
        let spec = f32_spec(Kernel::Dist, Size::Points { points: 64, dim: 8 });
        let cap = Setting { gpu_cap_w: Some(Watts(200.0)), ..Setting::default() };
        let mut rows = Vec::new();
        for (setting, verdict, powers) in [
            (Setting::default(), Verdict::Baseline, [(229.8, 6.3), (69.5, 0.5)]),
            (cap, Verdict::Held, [(192.8, 6.2), (71.9, 0.6)]),
        ] {
            for block in 0..2 {
                for (domain, (mean, sd)) in [Domain::Gpu, Domain::Dram].into_iter().zip(powers) {
                    // Two values at m +- s / sqrt 2 have the standard deviation s.
                    let sign = if block == 0 { -1.0 } else { 1.0 };
                    let watts: f64 = mean + sign * sd / 2f64.sqrt();
                    rows.push(Row {
                        block,
                        setting: setting.clone(),
                        verdict,
                        component: Component::new(domain, 0),
                        energy: Some(Joules(watts * 2.0)),
                        provenance: Provenance::Counter,
                        ..Row::timed(spec, "cuda", "A100", Seconds(2.0))
                    });
                }
            }
        }
        rows
    }

    #[test]
    fn a_line_of_table_3_27_comes_out_as_printed() {
        let device = gather(&rows(), Accept::default()).unwrap().remove(0);
        let grid = table(&device).grid();
        assert_eq!(grid.columns, ["Bench", "RAM", "GPU", "RAM", "GPU", "Setting"]);
        assert_eq!(grid.groups[1..], [("Baseline (W)".to_owned(), 2), ("MinEDP (W), POWERCAP".to_owned(), 3)]);
        assert_eq!(grid.rows[0][1..], ["69.5 ± 0.5", "229.8 ± 6.3", "71.9 ± 0.6", "192.8 ± 6.2", "200"]);
    }

    #[test]
    fn the_powers_of_a_point_add_up_to_its_energy() {
        let device = gather(&rows(), Accept::default()).unwrap().remove(0);
        let point = &device.workloads[0].baseline;
        for (block, cost) in &point.blocks {
            let sum: f64 = point.powers.values().map(|by_block| by_block[block]).sum();
            assert!((sum * cost.time_s - cost.energy_j).abs() < 1e-9);
        }
    }
}
