//! Tables 3.15 and 3.16 of the thesis fed through the layouts: gains must come out as printed, application energies as
//! eq. 3.2 gives them with the printed idle lines.

use super::*;
use crate::sweep::order::idle_spec;
use crate::table::render;
use crate::table::thesis::idle::Printed;
use crate::table::thesis::{RUNS, Run, paradigms};
use ergometer_record::measurement::f32_spec;
use ergometer_record::{Component, Joules, Seconds, Size};

fn kernel(name: &str) -> KernelSpec {
    match name {
        "gemm" => f32_spec(Kernel::Gemm, Size::square(64)),
        "triad" => f32_spec(Kernel::Triad, Size::Vector { n: 64 }),
        "dist" => f32_spec(Kernel::Dist, Size::Points { points: 64, dim: 8 }),
        // One kernel stands in for SpMV, whose size needs a pattern.
        _ => f32_spec(Kernel::MonteCarlo, Size::Samples { samples: 64 }),
    }
}

fn row(spec: KernelSpec, domain: Domain, time_s: f64, joules: f64) -> Row {
    Row {
        component: Component::new(domain, 0),
        energy: Some(Joules(joules)),
        provenance: Provenance::Counter,
        ..Row::timed(spec, "cpu", "Intel", Seconds(time_s))
    }
}

/// Rows of the Intel half of a table, and idle windows that lie on the equation's lines.
fn intel(table: &str, equation: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (order, run) in RUNS.iter().filter(|run| run.table == table).enumerate() {
        let (tier, threads) = match run.version {
            "seq" => ("scalar", 1),
            "sse" => ("sse", 1),
            "avx" => ("avx2", 1),
            threads => ("scalar", threads.parse().unwrap()),
        };
        for (domain, at) in [(Domain::Package, 1), (Domain::Dram, 3)] {
            let row = row(kernel(run.kernel), domain, run.intel[0].0, run.intel[at].0);
            rows.push(Row { order: order as u32, tier: tier.into(), threads, ..row });
        }
    }
    for (domain, component) in [(Domain::Package, 1), (Domain::Dram, 2)] {
        let line = Printed::of(equation, component).unwrap();
        for t in [1.0, 2.0, 4.0, 8.0] {
            rows.push(row(idle_spec(Seconds(t)), domain, t, line.energy_j(t)));
        }
    }
    rows
}

fn find<'a>(table: &'a ParadigmTable, run: &Run) -> (&'a Line, &'a Line) {
    let spec = kernel(run.kernel);
    let workload = table.workloads.iter().find(|w| w.label.starts_with(&spec.to_string())).unwrap();
    let version = match run.version {
        "seq" if table.paradigm == Paradigm::Simd => "scalar",
        "seq" => "1",
        "avx" => "avx2",
        other => other,
    };
    (workload.lines.iter().find(|line| line.version == version).unwrap(), &workload.lines[0])
}

#[test]
fn the_printed_gains_come_out_and_application_energies_are_those_of_the_idle_lines() {
    for (number, equation, paradigm) in [("3.15", "3.3", Paradigm::Simd), ("3.16", "3.4", Paradigm::Threads)] {
        let table = tables(&intel(number, equation), paradigm, Accept::default()).unwrap().remove(0);
        assert_eq!(table.workloads.len(), 4);
        for run in RUNS.iter().filter(|run| run.table == number) {
            let (line, base) = find(&table, run);
            let of = |line: &Line, at: usize| match at {
                0 => line.time,
                1 => line.energies[&Domain::Package].total,
                2 => line.energies[&Domain::Package].app.unwrap(),
                3 => line.energies[&Domain::Dram].total,
                _ => line.energies[&Domain::Dram].app.unwrap(),
            };
            for at in [0, 1, 3] {
                let (gain, half) = of(line, at).gain_over(&of(base, at));
                let (value, printed) = run.intel[at];
                let rounding = 0.006 + gain * 0.006 * (1.0 / value + 1.0 / of(base, at).value);
                assert!((gain - printed).abs() <= rounding && half.is_none(), "{run:?}: {gain}");
            }
            for (at, component) in [(2, 1), (4, 2)] {
                let expected = paradigms::apps(component).into_iter().find(|app| app.run == run).unwrap();
                assert!((of(line, at).value - expected.by_line_j).abs() < 1e-6, "{run:?}");
            }
        }
    }
}

#[test]
fn intels_printed_application_energy_is_not_what_the_idle_line_gives() {
    // SpMV, scalar: 991.37 J - (4.44 + 47.95 x 9.91) J = 511.74 J, where 476.01 J is printed.
    let table = tables(&intel("3.15", "3.3"), Paradigm::Simd, Accept::default()).unwrap().remove(0);
    let (line, _) = find(&table, &RUNS[0]);
    let app = line.energies[&Domain::Package].app.unwrap();
    assert!((app.value - 511.7455).abs() < 1e-6, "{}", app.value);
    assert_eq!(RUNS[0].intel[2].0, 476.01);
}

#[test]
fn the_layout_is_that_of_table_3_15() {
    let table = tables(&intel("3.15", "3.3"), Paradigm::Simd, Accept::default()).unwrap().remove(0);
    let grid = table.grid();
    let columns = ["Code ver.", "[s]", "acc.", "PKG", "app.", "PKG", "app.", "tot.", "app.", "tot.", "app."];
    assert_eq!(grid.columns, columns);
    let groups: Vec<&str> = grid.groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(groups, ["", "time", "E [kJ]", "E acc.", "E RAM [kJ]", "E RAM acc."]);
    // A heading and three lines for each kernel.
    assert_eq!(grid.rows.len(), 4 * 4);
    let avx = grid.rows.iter().filter(|row| row[0] == "avx2").map(|row| row[2].as_str()).collect::<Vec<_>>();
    assert_eq!(avx, ["4.00", "2.36", "1.08", "2.59"]);
    for format in render::FORMATS {
        let text = format.render(&if format.for_programs() { table.flat_grid() } else { table.grid() });
        assert!(text.contains("avx2") && !text.contains("NaN"), "{text}");
    }
}

#[test]
fn absent_energies_read_unknown_with_a_reason_and_virtual_ones_are_labelled() {
    let mut rows = intel("3.15", "3.3");
    rows.retain(|row| row.spec.kernel != Kernel::Idle);
    let no_idle = tables(&rows, Paradigm::Simd, Accept::default()).unwrap().remove(0).grid();
    assert_eq!((no_idle.rows[1][4].as_str(), no_idle.rows[1][6].as_str()), ("unknown", "-"));
    assert!(no_idle.notes.iter().any(|note| note.contains("idle windows")));
    for row in &mut rows {
        (row.energy, row.component, row.provenance) = (None, Component::NONE, Provenance::Absent);
    }
    let timed = tables(&rows, Paradigm::Simd, Accept::default()).unwrap().remove(0).grid();
    assert_eq!(timed.rows[1][3..], ["unknown", "unknown", "-", "-"].map(str::to_owned));
    assert!(timed.notes.iter().any(|note| note.contains("doctor")));
    let virtual_rows: Vec<Row> =
        intel("3.15", "3.3").into_iter().map(|row| Row { provenance: Provenance::Virtual, ..row }).collect();
    assert!(tables(&virtual_rows, Paradigm::Simd, Accept::ALL).unwrap()[0].grid().title.starts_with("VIRTUAL"));
    let left_out = tables(&virtual_rows, Paradigm::Simd, Accept::default()).unwrap().remove(0);
    assert!(left_out.workloads[0].lines[0].energies.is_empty());
    // One code version is no table.
    rows.retain(|row| row.tier == "scalar");
    assert!(matches!(tables(&rows, Paradigm::Simd, Accept::default()), Err(TableError::OneVersion { .. })));
}

/// Windows of 1.0 and 1.2 s against 0.5 and 0.5 s: the gain is 2.2, its half width t(1) x (0.1 / 1.1) x 2.2.
#[test]
fn gains_carry_the_scatter_of_both_lines() {
    let mean = |samples: &[f64]| Mean::of(samples, 0.0).unwrap();
    let (gain, half) = mean(&[0.5, 0.5]).gain_over(&mean(&[1.0, 1.2]));
    assert!((gain - 2.2).abs() < 1e-12);
    assert!((half.unwrap() / (12.7062 * 0.1 / 1.1 * 2.2) - 1.0).abs() < 1e-4, "{half:?}");
    assert_eq!(mean(&[1.0]).gain_over(&mean(&[2.0])), (2.0, None));
}

#[test]
fn code_versions_are_compared_on_the_fewest_threads() {
    let mut rows = intel("3.15", "3.3");
    let two: Vec<Row> =
        rows.iter().filter(|r| r.spec.kernel != Kernel::Idle).map(|r| Row { threads: 2, ..r.clone() }).collect();
    let (alone, idle) = (rows.len(), rows.iter().filter(|r| r.spec.kernel == Kernel::Idle).count());
    rows.extend(two);
    let kept = sequential(&rows);
    assert_eq!((kept.len(), idle), (alone, 8));
    assert!(kept.iter().all(|row| row.threads < 2));
}
