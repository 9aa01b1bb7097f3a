//! Kernels measured, as tables: for people, one a kernel, and for programs.

use super::SizeClass;
use crate::harness::counter::Absent;
use crate::harness::table::Grid;
use crate::record::Counts;
use crate::record::measurement::Domain;
use crate::record::number::{prefix, significant};
use crate::report::{Characterisation, ComponentEnergy, Energy, Estimate, KernelRow};

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Where the operands lie, where the bench chose the size by that.
    pub class: Option<SizeClass>,
    /// What was measured.
    pub row: &'a KernelRow,
    /// Of the same run, with the peaks that bound it.
    pub section: &'a Characterisation,
}

/// Why columns are empty, where they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Absences {
    /// Of energies.
    pub energy: Option<String>,
    /// Of counters, a sentence each.
    pub counters: Vec<String>,
}

impl Absences {
    /// Counters that are absent for one reason are named together.
    pub fn of(energy: Option<String>, uncounted: &[Absent]) -> Self {
        let mut groups: Vec<(Vec<&str>, Absent)> = Vec::new();
        for absent in uncounted {
            let alike =
                |(_, of): &&mut (Vec<&str>, Absent)| (&of.reason, &of.remedy) == (&absent.reason, &absent.remedy);
            match groups.iter_mut().find(alike) {
                Some((names, _)) => names.push(&absent.what),
                None => groups.push((vec![&absent.what], absent.clone())),
            }
        }
        let sentence = |(names, of): (Vec<&str>, Absent)| Absent { what: names.join(", "), ..of }.to_string();
        Self { energy, counters: groups.into_iter().map(sentence).collect() }
    }

    /// The sentences, for below a table.
    pub fn notes(&self) -> Vec<String> {
        let energy = self.energy.iter().map(|why| format!("energy unknown: {why}"));
        energy.chain(self.counters.iter().map(|why| format!("not counted: {why}"))).collect()
    }
}

impl Line<'_> {
    /// Measured bytes over the least.
    fn volume(&self) -> Option<f64> {
        let least = self.row.spec.least_bytes();
        self.row.counts.dram_bytes.filter(|_| least > 0.0).map(|bytes| bytes / least)
    }

    fn cells(&self, counted: bool) -> Vec<String> {
        let row = self.row;
        let number = |value: Option<f64>, digits| value.map_or_else(String::new, |value| significant(value, digits));
        let share = self.section.share_of_peak(row).map(|share| share.percent.value());
        let check = match row.error_over_bound {
            Some(error) if error <= 1.0 => "ok",
            Some(_) => "WRONG",
            None => "-",
        };
        let mut cells = vec![
            row.spec.kernel.to_string(),
            self.class.map_or_else(String::new, |class| class.to_string()),
            row.spec.size.to_string(),
            row.spec.precision.to_string(),
            row.spec.arithmetic_intensity().map_or_else(|| "-".into(), |intensity| significant(intensity, 3)),
            row.tier.clone(),
            row.threads.to_string(),
            interval(row.time.scaled(1e6)),
            significant(row.gflops().value(), 3),
            row.gbytes_per_s().map_or_else(|| "-".into(), |rate| significant(rate.value(), 3)),
            share.map_or_else(|| "-".into(), |percent| format!("{} %", significant(percent, 2))),
            energy(&row.energy),
        ];
        if counted {
            let Counts { llc_misses, .. } = row.counts;
            cells.extend([
                number(row.counts.ipc(), 3),
                number(row.clock_hz.map(|clock| clock / 1e9), 3),
                number(llc_misses, 3),
                number(self.volume(), 3),
            ]);
        }
        cells.push(check.to_owned());
        cells
    }
}

/// Time in microseconds with its interval, in as many digits as it needs.
fn interval(time: Estimate) -> String {
    let value = significant(time.value(), 4);
    match time.range() {
        Some((low, high)) => format!("{value} [{}, {}]", significant(low, 4), significant(high, 4)),
        None => format!("{value} (no interval)"),
    }
}

/// Joules of what no other component contains, labelled where they are no measurement.
fn energy(components: &[ComponentEnergy]) -> String {
    let known = components.iter().filter_map(|of| match &of.energy {
        Energy::Known { joules, provenance } => Some((of.component, joules.value(), *provenance)),
        Energy::Absent { .. } => None,
    });
    let texts: Vec<String> = known
        .filter(|(component, ..)| !matches!(component.domain, Domain::Core | Domain::Uncore))
        .map(|(component, joules, provenance)| {
            let (factor, letter) = prefix(joules);
            let label = if provenance.is_measured() { String::new() } else { format!(" {provenance}") };
            format!("{} {letter}J {component}{label}", significant(joules / factor, 3))
        })
        .collect();
    if texts.is_empty() { "unknown".into() } else { texts.join(", ") }
}

/// A table for people. The columns of counters stand where something was counted; the notes say why what is missing is.
pub fn people(title: &str, lines: &[Line<'_>], absences: &Absences) -> Grid {
    let counted = lines.iter().any(|line| !line.row.counts.is_empty());
    let mut columns = vec![
        "kernel",
        "in",
        "size",
        "prec",
        "FLOP/B",
        "tier",
        "thr",
        "time in us [95 %]",
        "GFLOP/s",
        "GB/s",
        "of roof",
        "energy",
    ];
    if counted {
        columns.extend(["IPC", "GHz", "LLC misses", "DRAM/least"]);
    }
    columns.push("check");
    let mut rows: Vec<Vec<String>> = lines.iter().map(|line| line.cells(counted)).collect();
    if lines.iter().all(|line| line.class.is_none()) {
        columns.remove(1);
        rows.iter_mut().for_each(|row| drop(row.remove(1)));
    }
    let columns = columns.into_iter().map(str::to_owned).collect();
    Grid { title: title.to_owned(), groups: Vec::new(), columns, rows, notes: absences.notes() }
}

/// The same with bare numbers in SI units, for a CSV; absent is empty.
pub fn programs(lines: &[Line<'_>]) -> Grid {
    let columns = [
        "kernel",
        "class",
        "size",
        "precision",
        "tier",
        "threads",
        "flops",
        "least_bytes",
        "time_s",
        "time_low_s",
        "time_high_s",
        "gflops",
        "gbytes_per_s",
        "roof_percent",
        "roof",
        "package_j",
        "dram_j",
        "clock_hz",
        "ipc",
    ];
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.6e}"));
    let rows = lines.iter().map(|line| {
        let row = line.row;
        let share = line.section.share_of_peak(row);
        // Models are no measurement; the rows beside this table have them, labelled.
        let joules = |domain: Domain| {
            let of = row.energy.iter().filter(|e| e.component.domain == domain).map(|e| match &e.energy {
                Energy::Known { joules, provenance } if provenance.is_measured() => Some(joules.value()),
                _ => None,
            });
            of.collect::<Option<Vec<f64>>>().filter(|parts| !parts.is_empty()).map(|parts| parts.iter().sum())
        };
        let spec = &row.spec;
        let mut cells = vec![
            spec.kernel.to_string(),
            line.class.map_or_else(String::new, |class| class.to_string()),
            spec.size.to_string(),
            spec.precision.to_string(),
            row.tier.clone(),
            row.threads.to_string(),
            number(Some(spec.flops())),
            number(Some(spec.least_bytes())),
            number(Some(row.time.value())),
            number(row.time.range().map(|(low, _)| low)),
            number(row.time.range().map(|(_, high)| high)),
            number(Some(row.gflops().value())),
            number(row.gbytes_per_s().map(Estimate::value)),
            number(share.map(|share| share.percent.value())),
            share.map_or_else(String::new, |share| share.bound.to_owned()),
            number(joules(Domain::Package)),
            number(joules(Domain::Dram)),
            number(row.clock_hz),
            number(row.counts.ipc()),
        ];
        cells.extend(row.counts.values().map(number));
        cells
    });
    let rows = rows.collect();
    let columns = columns.into_iter().chain(Counts::NAMES).map(str::to_owned).collect();
    Grid { title: String::new(), groups: Vec::new(), columns, rows, notes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::measurement::f32_spec;
    use crate::record::{Component, Kernel, Precision, Provenance, Size};
    use crate::report::{Origin, Peak, PeakKind};

    fn section(row: KernelRow) -> Characterisation {
        let peak =
            |kind, value| Peak { name: "loop".into(), kind, threads: 1, bytes: None, value: Estimate::Single(value) };
        Characterisation {
            device: "cpu".into(),
            origin: Origin::Measured,
            all_threads: 1,
            peaks: vec![peak(PeakKind::Arithmetic(Precision::F32), 100.0), peak(PeakKind::Bandwidth, 20.0)],
            rows: vec![row],
        }
    }

    /// 12 MB in 1.2 ms.
    fn triad() -> KernelRow {
        KernelRow {
            spec: f32_spec(Kernel::Triad, Size::Vector { n: 1_000_000 }),
            tier: "avx2".into(),
            threads: 1,
            time: Estimate::Single(1.2e-3),
            energy: vec![],
            error_over_bound: Some(0.5),
            counts: Counts::default(),
            clock_hz: None,
        }
    }

    fn cell<'a>(grid: &'a Grid, column: &str) -> &'a str {
        &grid.rows[0][grid.columns.iter().position(|c| c == column).unwrap()]
    }

    #[test]
    fn what_is_unknown_is_said_and_never_zero() {
        let section = section(triad());
        let lines = [Line { class: Some(SizeClass::L3), row: &section.rows[0], section: &section }];
        let uncounted = |what: &str, reason: &str| Absent { what: what.into(), reason: reason.into(), remedy: None };
        let uncounted = [
            uncounted("cycles", "no such counter"),
            uncounted("bytes", "not permitted"),
            uncounted("misses", "no such counter"),
        ];
        let absences = Absences::of(Some("no sensor".into()), &uncounted);
        let grid = people("triad", &lines, &absences);
        assert_eq!((cell(&grid, "in"), cell(&grid, "energy"), cell(&grid, "of roof")), ("L3", "unknown", "50 %"));
        assert_eq!(cell(&grid, "FLOP/B"), "0.167");
        assert!(!grid.columns.iter().any(|column| column == "IPC"));
        let notes = [
            "energy unknown: no sensor",
            "not counted: cycles, misses: no such counter",
            "not counted: bytes: not permitted",
        ];
        assert_eq!(grid.notes, notes);
        let flat = programs(&lines);
        for column in ["package_j", "ipc", "cycles", "dram_bytes", "time_low_s"] {
            assert_eq!(cell(&flat, column), "", "{column}");
        }
        assert_eq!(cell(&flat, "gbytes_per_s"), "1.000000e1");
    }

    #[test]
    fn counters_and_joules_stand_in_their_columns() {
        let known = |domain, joules, provenance| ComponentEnergy {
            component: Component::new(domain, 0),
            energy: Energy::Known { joules: Estimate::Single(joules), provenance },
        };
        let energy = vec![
            known(Domain::Package, 0.12, Provenance::Counter),
            known(Domain::Core, 0.1, Provenance::Counter),
            known(Domain::Dram, 0.02, Provenance::Modelled),
        ];
        let counts = Counts { cycles: Some(4e6), instructions: Some(6e6), llc_misses: None, dram_bytes: Some(16e6) };
        let section = section(KernelRow { energy, counts, clock_hz: Some(3.5e9), ..triad() });
        let lines = [Line { class: None, row: &section.rows[0], section: &section }];
        let grid = people("triad", &lines, &Absences::default());
        let shown = ["energy", "IPC", "GHz", "LLC misses", "DRAM/least"].map(|column| cell(&grid, column));
        assert_eq!(shown, ["120 mJ package:0, 20.0 mJ dram:0 modelled", "1.50", "3.50", "", "1.33"]);
        assert!(!grid.columns.iter().any(|column| column == "in"));
        let flat = programs(&lines);
        assert_eq!((cell(&flat, "package_j"), cell(&flat, "dram_j")), ("1.200000e-1", ""));
        assert_eq!((cell(&flat, "cycles"), cell(&flat, "llc_misses")), ("4.000000e6", ""));
    }
}
