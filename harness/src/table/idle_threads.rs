//! Idle energy by length of sleep and number of sleeping threads (table 3.14 of the thesis).

use super::grid::Grid;
use super::heading::{heading, label};
use super::idle::{self, IdleModel};
use ergometer_record::number::with_half_width;
use ergometer_record::{Component, Kernel, Provenance, Row, Size, stats};
use std::collections::{BTreeMap, BTreeSet};

/// Energies in J and powers in W of the windows of one cell.
type Windows = Vec<(f64, f64)>;

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct IdleThreads {
    /// Device and executor.
    pub device: String,
    /// Where the energies come from.
    pub provenances: BTreeSet<Provenance>,
    /// Energy and power of each component by length asked for and threads; one thread is `seq`.
    pub cells: BTreeMap<(Size, u32), BTreeMap<Component, Windows>>,
    /// E_idle(t) = alpha + beta t over all threads (eq. 3.4).
    pub models: Vec<IdleModel>,
}

/// One table a device that has idle windows with more than one number of threads.
pub fn tables(rows: &[Row]) -> Vec<IdleThreads> {
    let mut devices: BTreeMap<String, IdleThreads> = BTreeMap::new();
    let models = IdleModel::of(rows);
    for row in rows.iter().filter(|row| row.spec.kernel == Kernel::Idle) {
        let (Some(energy), Some(power)) = (row.energy, row.power()) else { continue };
        let name = idle::device(row);
        let table = devices.entry(name.clone()).or_insert_with(|| IdleThreads {
            models: models.iter().filter(|m| m.device == name).cloned().collect(),
            device: name,
            provenances: BTreeSet::new(),
            cells: BTreeMap::new(),
        });
        table.provenances.insert(row.provenance);
        let cell = table.cells.entry((row.spec.size, row.threads.max(1))).or_default();
        cell.entry(row.component).or_default().push((energy.0, power.0));
    }
    let several = |table: &IdleThreads| table.cells.keys().map(|(_, n)| n).collect::<BTreeSet<_>>().len() > 1;
    devices.into_values().filter(several).collect()
}

impl IdleThreads {
    /// The layout of table 3.14.
    pub fn grid(&self) -> Grid {
        let components: BTreeSet<Component> = self.cells.values().flat_map(|cell| cell.keys().copied()).collect();
        let mut columns = vec!["Sleep [s]".to_owned(), "#threads".to_owned()];
        let mut groups = vec![(String::new(), 2)];
        for component in &components {
            groups.push((heading(*component, &components), 2));
            columns.extend(["Energy [J]".to_owned(), "Power [W]".to_owned()]);
        }
        let rows = self.cells.iter().map(|((length, threads), cell)| {
            let seconds = match length {
                Size::Probe { count } => format!("{}", *count as f64 / 1e3),
                other => other.to_string(),
            };
            let mut line = vec![seconds, if *threads == 1 { "seq".to_owned() } else { threads.to_string() }];
            for component in &components {
                let windows = cell.get(component).map_or(&[][..], Vec::as_slice);
                let (energies, powers): (Vec<f64>, Vec<f64>) = windows.iter().copied().unzip();
                for values in [energies, powers] {
                    let half = stats::t_interval(&values, super::gain::LEVEL).map(|i| (i.high - i.low) / 2.0);
                    let text =
                        |mean| half.map_or_else(|| format!("{mean:.2}"), |half| with_half_width(mean, Some(half)));
                    line.push(stats::mean(&values).map_or_else(String::new, text));
                }
            }
            line
        });
        let rows = rows.collect();
        let mut notes: Vec<String> = self
            .models
            .iter()
            .map(|model| {
                format!(
                    "{}: E_idle(t) = {:.2} + {:.2} t over all threads (eq. 3.4), RMSE {:.2} J, R2 {:.5}, n = {}.",
                    heading(model.component, &components),
                    model.line.intercept,
                    model.line.slope,
                    model.line.rmse,
                    model.line.r2,
                    model.line.n
                )
            })
            .collect();
        notes.push(
            "Threads sleep in the operating system. Energy of the real length, which is longer than the one asked for by up \
             to an update period of the sensor; ± half the 95 % interval where a cell has several windows."
                .into(),
        );
        let label = label(&self.provenances);
        if label.is_some() {
            notes.push("These energies are not measurements of real hardware.".into());
        }
        Grid {
            title: format!(
                "{}idle energy and power of {} by sleeping threads",
                label.map_or_else(String::new, |label| format!("{label}: ")),
                self.device
            ),
            groups,
            columns,
            rows,
            notes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::order::idle_spec;
    use crate::table::thesis::idle::SLEEPS;
    use ergometer_record::measurement::Domain;
    use ergometer_record::{Joules, Seconds};

    /// Table 3.14 of the thesis as rows of its Intel machine.
    fn rows() -> Vec<Row> {
        let mut rows = Vec::new();
        for sleep in SLEEPS.iter().filter(|s| s.length_s <= 8.0) {
            for (domain, (joules, _)) in [(Domain::Package, sleep.measured[1]), (Domain::Dram, sleep.measured[2])] {
                rows.push(Row {
                    threads: sleep.threads,
                    component: Component::new(domain, 0),
                    energy: Some(Joules(joules)),
                    provenance: Provenance::Counter,
                    ..Row::timed(idle_spec(Seconds(sleep.length_s)), "cpu", "Intel", Seconds(sleep.length_s))
                });
            }
        }
        rows
    }

    #[test]
    fn table_3_14_comes_out_as_printed() {
        let grid = tables(&rows()).remove(0).grid();
        assert_eq!(grid.columns, ["Sleep [s]", "#threads", "Energy [J]", "Power [W]", "Energy [J]", "Power [W]"]);
        assert_eq!(grid.groups[1..], [("CPU".to_owned(), 2), ("RAM".to_owned(), 2)]);
        assert_eq!(grid.rows.len(), 24);
        assert_eq!(grid.rows[0], ["1", "seq", "52.22", "52.22", "9.97", "9.97"]);
        assert_eq!(grid.rows[17], ["4", "32", "218.63", "54.66", "40.70", "10.18"]);
    }

    #[test]
    fn one_thread_count_is_table_3_13_and_not_this_one() {
        let mut rows = rows();
        rows.retain(|row| row.threads == 1);
        assert!(tables(&rows).is_empty());
    }
}
