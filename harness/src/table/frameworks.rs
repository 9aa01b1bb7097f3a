//! Kernels by what ran them: time, energy of the card and of its host, mean power (table 3.17 of the thesis).
//!
//! The thesis compares frameworks on one card; here an executor with its kernel variant stands in a framework's place,
//! so that our CUDA kernels, a command and a processor's kernels can share one table.

use super::TableError;
use super::data::{Accept, workload_label};
use super::grid::Grid;
use ergometer_record::measurement::Domain;
use ergometer_record::number::{prefix, significant, with_half_width};
use ergometer_record::{Kernel, Provenance, Row, stats};
use std::collections::{BTreeMap, BTreeSet};

/// One kernel under one executor.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameworkRow {
    /// Executor, with the kernel variant where it has one.
    pub framework: String,
    /// Kernel, size, precision.
    pub bench: String,
    /// Of one execution in each window, in s.
    pub time_s: Vec<f64>,
    /// Energy of the card in each window, in J; empty where nothing measured it.
    pub gpu_j: Vec<f64>,
    /// Energy of the host's processors, likewise.
    pub cpu_j: Vec<f64>,
}

/// Where the energies of a table come from, and its lines.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameworkTable {
    /// The lines, in the order of the rows.
    pub rows: Vec<FrameworkRow>,
    /// Where the energies come from.
    pub provenances: BTreeSet<Provenance>,
}

/// Rows by block, order and repeat: one window each.
type Windows<'a> = BTreeMap<(u32, u32, u32), Vec<&'a Row>>;

/// The table of every point at the settings as found.
///
/// # Errors
/// There is no such row.
pub fn table(rows: &[Row], accept: Accept) -> Result<FrameworkTable, TableError> {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut windows: BTreeMap<(String, String), Windows<'_>> = BTreeMap::new();
    let kernels = rows.iter().filter(|r| r.spec.kernel != Kernel::Idle && !r.spec.kernel.is_probe());
    for row in kernels.filter(|row| row.setting.is_baseline()) {
        let key = (row.executor.clone(), format!("{}\u{0}{}", row.device, workload_label(row)));
        if !windows.contains_key(&key) {
            order.push(key.clone());
        }
        windows.entry(key).or_default().entry((row.block, row.order, row.repeat)).or_default().push(row);
    }
    if order.is_empty() {
        return Err(TableError::NothingMeasured { left_out: "no kernel at the settings as found".into() });
    }
    let mut provenances = BTreeSet::new();
    let mut lines = Vec::new();
    for key in &order {
        let Some(windows) = windows.get(key) else { continue };
        let Some(first) = windows.values().flatten().next() else { continue };
        let mut energy = |domains: &[Domain]| -> Vec<f64> {
            let of_window = |rows: &Vec<&Row>| {
                // The first of the domains that is there: a host's own sensor before the sum of its packages.
                let domain = domains.iter().find(|d| rows.iter().any(|r| r.component.domain == **d))?;
                let of = rows.iter().filter(|row| row.component.domain == *domain);
                of.map(|row| row.energy.filter(|_| accept.accepts(row.provenance)).map(|e| (e.0, row.provenance)))
                    .collect::<Option<Vec<_>>>()
            };
            // One window without the energy leaves the cell empty: the mean would be of other windows than the time's.
            let known: Option<Vec<_>> = windows.values().map(of_window).collect();
            let known = known.unwrap_or_default();
            provenances.extend(known.iter().flatten().map(|(_, provenance)| *provenance));
            known.iter().map(|parts| parts.iter().map(|(joules, _)| joules).sum()).collect()
        };
        lines.push(FrameworkRow {
            framework: format!("{} on {}", first.executor, first.device),
            gpu_j: energy(&[Domain::Gpu]),
            cpu_j: energy(&[Domain::Host, Domain::Package]),
            bench: workload_label(first),
            time_s: windows.values().filter_map(|rows| Some(rows.first()?.time.0)).collect(),
        });
    }
    Ok(FrameworkTable { rows: lines, provenances })
}

impl FrameworkTable {
    /// The layout of table 3.17.
    pub fn grid(&self) -> Grid {
        let largest =
            |of: fn(&FrameworkRow) -> &Vec<f64>| prefix(self.rows.iter().flat_map(of).copied().fold(0.0, f64::max));
        let (second, s) = largest(|row| &row.time_s);
        let joules = prefix(self.rows.iter().flat_map(|r| r.gpu_j.iter().chain(&r.cpu_j)).copied().fold(0.0, f64::max));
        let cell = |values: &[f64], factor: f64| {
            let scaled: Vec<f64> = values.iter().map(|x| x / factor).collect();
            let half = stats::t_interval(&scaled, super::gain::LEVEL).map(|i| (i.high - i.low) / 2.0);
            stats::mean(&scaled).map_or_else(String::new, |mean| with_half_width(mean, half))
        };
        let power = |row: &FrameworkRow, energy: &[f64]| {
            let watts = stats::mean(energy).zip(stats::mean(&row.time_s)).map(|(energy, time)| energy / time);
            watts.map_or_else(String::new, |watts| significant(watts, 4))
        };
        let rows = self.rows.iter().map(|row| {
            vec![
                row.framework.clone(),
                row.bench.clone(),
                cell(&row.time_s, second),
                cell(&row.gpu_j, joules.0),
                cell(&row.cpu_j, joules.0),
                power(row, &row.gpu_j),
                power(row, &row.cpu_j),
            ]
        });
        let rows = rows.collect();
        let mut notes = vec![
            "Of one execution, mean over the windows ± half the 95 % interval; power is energy over time. GPU is the card; \
             CPU are the processors of its host while it works, or the processors that ran the kernel."
                .to_owned(),
        ];
        for (name, empty) in [
            ("GPU", self.rows.iter().any(|row| row.gpu_j.is_empty())),
            ("CPU", self.rows.iter().any(|row| row.cpu_j.is_empty())),
        ] {
            if empty {
                notes.push(format!("Empty {name} cells: no sensor gave that energy (`ergometer doctor` says why)."));
            }
        }
        let label = super::heading::label(&self.provenances);
        if label.is_some() {
            notes.push("These energies are not measurements of real hardware.".into());
        }
        Grid {
            title: format!(
                "{}benchmark results by what ran them",
                label.map_or_else(String::new, |l| format!("{l}: "))
            ),
            groups: vec![(String::new(), 3), (format!("Energy ({}J)", joules.1), 2), ("Power (W)".into(), 2)],
            columns: ["Executor", "Bench", &format!("Time ({s}s)"), "GPU", "CPU", "GPU", "CPU"]
                .map(str::to_owned)
                .to_vec(),
            rows,
            notes,
        }
    }

    /// Bare numbers in SI units: what the CSV holds.
    pub fn flat_grid(&self) -> Grid {
        let columns = ["executor", "bench", "time_s", "gpu_j", "cpu_j", "gpu_w", "cpu_w", "windows"];
        let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6e}"));
        let rows = self.rows.iter().map(|row| {
            let time = stats::mean(&row.time_s);
            let power = |energy: &[f64]| number(stats::mean(energy).zip(time).map(|(energy, time)| energy / time));
            vec![
                row.framework.clone(),
                row.bench.clone(),
                number(time),
                number(stats::mean(&row.gpu_j)),
                number(stats::mean(&row.cpu_j)),
                power(&row.gpu_j),
                power(&row.cpu_j),
                row.time_s.len().to_string(),
            ]
        });
        Grid {
            title: String::new(),
            groups: Vec::new(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: rows.collect(),
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::thesis::frameworks::LINES;
    use ergometer_record::measurement::f32_spec;
    use ergometer_record::{Component, Joules, Seconds, Size};

    /// Table 3.17 of the thesis as rows, with the frameworks as executors.
    fn rows() -> Vec<Row> {
        let spec = f32_spec(Kernel::Triad, Size::Vector { n: 64 });
        let mut rows = Vec::new();
        for line in LINES.iter().filter(|line| line.kernel == "triad") {
            for (domain, joules) in [(Domain::Gpu, line.gpu_j), (Domain::Host, line.cpu_j)] {
                rows.push(Row {
                    component: Component::new(domain, 0),
                    energy: Some(Joules(joules)),
                    provenance: Provenance::Integrated,
                    ..Row::timed(spec, line.framework, "A100", Seconds(line.time_s))
                });
            }
        }
        rows
    }

    #[test]
    fn the_printed_powers_are_energy_over_time() {
        let grid = table(&rows(), Accept::default()).unwrap().grid();
        assert_eq!(grid.groups[1..], [("Energy (kJ)".to_owned(), 2), ("Power (W)".to_owned(), 2)]);
        // 1019.163 J and 1333.950 J in 22.707 s, printed as 44.883 and 58.746 W.
        assert_eq!(grid.rows[0][0], "JAX on A100");
        assert_eq!(grid.rows[0][2..], ["22.71", "1.019", "1.334", "44.88", "58.75"]);
        assert_eq!(grid.rows.len(), 4);
    }

    #[test]
    fn an_energy_that_one_window_lacks_is_empty() {
        let mut rows = rows();
        rows[0].energy = None;
        rows[0].provenance = Provenance::Absent;
        let grid = table(&rows, Accept::default()).unwrap().grid();
        assert_eq!((grid.rows[0][3].as_str(), grid.rows[0][5].as_str()), ("", ""));
        assert!(grid.notes.iter().any(|note| note.contains("Empty GPU cells")));
        assert!(table(&[], Accept::ALL).is_err());
    }
}
