//! Characterisation rows as the kernel section.

use super::estimate;
use crate::pipeline::characterise::DISTURBED;
use crate::record::measurement::Domain;
use crate::record::{Component, Counts, Kernel, Provenance, Row, stats};
use crate::report::{Characterisation, ComponentEnergy, Energy, Estimate, KernelRow, Origin, Peak, PeakKind};

/// Rows of one point and component, in order of first appearance.
fn points(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut points: Vec<Vec<&Row>> = Vec::new();
    // Idle windows belong to the subtraction of idle energy, not among the kernels.
    for row in rows.iter().filter(|row| row.spec.kernel != Kernel::Idle) {
        match points.iter_mut().find(|p| p[0].point_id == row.point_id) {
            Some(point) => point.push(row),
            None => points.push(vec![row]),
        }
    }
    points
}

/// The section; `absent` says why there is no energy where there is none.
pub fn section(rows: &[Row], device: &str, absent: &str) -> Characterisation {
    let (mut peaks, mut kernels) = (Vec::new(), Vec::new());
    for point in points(rows) {
        let first = point[0];
        let Some(time) = time(&point) else { continue };
        if first.spec.kernel.is_probe() {
            peaks.extend(peak(&point));
        } else {
            kernels.push(KernelRow {
                spec: first.spec,
                tier: first.tier.clone(),
                threads: first.threads,
                time,
                energy: energies(&point, absent),
                error_over_bound: first.error_over_bound,
                counts: counts(&point),
                clock_hz: stats::mean(&point.iter().filter_map(|row| Some(row.achieved_clock?.0)).collect::<Vec<_>>()),
            });
        }
    }
    let place = |kernel: Kernel| Kernel::ALL.iter().position(|k| *k == kernel);
    kernels.sort_by_key(|row| (place(row.spec.kernel), row.spec.size));
    Characterisation {
        device: device.to_owned(),
        origin: Origin::Measured,
        all_threads: rows.iter().map(|row| row.threads).max().unwrap_or(1),
        peaks,
        rows: kernels,
    }
}

/// Time of one execution over the repeats; components of one repeat share their time.
fn time(point: &[&Row]) -> Option<Estimate> {
    let mut repeats: Vec<(u32, u32, f64)> = point.iter().map(|row| (row.block, row.repeat, row.time.0)).collect();
    repeats.sort_by_key(|(block, repeat, _)| (*block, *repeat));
    repeats.dedup_by_key(|(block, repeat, _)| (*block, *repeat));
    estimate(&repeats.iter().map(|(_, _, time)| *time).collect::<Vec<_>>())
}

/// Means over the repeats; what one of them lacks the mean lacks.
fn counts(point: &[&Row]) -> Counts {
    let all: Vec<Counts> = point.iter().map(|row| row.counts).collect();
    Counts::sum(&all).scaled(1.0 / all.len().max(1) as f64)
}

/// A ceiling is what the machine has shown that it can do: the best of the repeats, as STREAM reports it.
fn peak(point: &[&Row]) -> Option<Peak> {
    let row = point.iter().min_by(|a, b| a.time.0.total_cmp(&b.time.0))?;
    let (kind, amount, name) = match row.spec.kernel {
        Kernel::ProbeFma => (PeakKind::Arithmetic(row.spec.precision), row.spec.flops(), "FMA loop"),
        Kernel::ProbeRead => (PeakKind::Bandwidth, row.spec.least_bytes(), "stream, read"),
        Kernel::ProbeCopy => (PeakKind::Bandwidth, row.spec.least_bytes(), "stream, copy"),
        _ => return None,
    };
    let size = if kind == PeakKind::Bandwidth { format!(" of {:.2} MB", amount / 1e6) } else { String::new() };
    let name = format!("{name}{size}, {}, best of {}", row.tier, point.len());
    let bytes = (kind == PeakKind::Bandwidth).then_some(amount);
    Some(Peak { name, kind, threads: row.threads, bytes, value: Estimate::Single(amount / row.time.0 / 1e9) })
}

/// How many of the points were disturbed by other processes, of all; see [`crate::pipeline::interference`].
pub fn disturbed(rows: &[Row]) -> (usize, usize) {
    let points = points(rows);
    let of = points.iter().filter(|point| point.iter().any(|row| row.note.contains(DISTURBED))).count();
    (of, points.len())
}

fn energies(point: &[&Row], absent: &str) -> Vec<ComponentEnergy> {
    let mut components: Vec<Component> = point.iter().map(|row| row.component).collect();
    components.sort();
    components.dedup();
    components
        .into_iter()
        .map(|component| {
            let of: Vec<&&Row> = point.iter().filter(|row| row.component == component).collect();
            let joules: Vec<f64> = of.iter().filter_map(|row| row.energy.map(|e| e.0)).collect();
            let provenance = of.iter().map(|row| row.provenance).find(|p| *p != Provenance::Absent);
            let energy = match (estimate(&joules), provenance) {
                (Some(joules), Some(provenance)) => Energy::Known { joules, provenance },
                _ => {
                    let note = of.iter().map(|row| row.note.as_str()).find(|note| !note.is_empty());
                    let reason = if component.domain == Domain::None { absent } else { note.unwrap_or(absent) };
                    Energy::Absent { reason: reason.to_owned() }
                }
            };
            ComponentEnergy { component, energy }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::measurement::f32_spec;
    use crate::record::{Joules, Seconds, Size};

    #[test]
    fn repeats_become_an_interval_and_absent_energy_keeps_its_reason() {
        let spec = f32_spec(Kernel::Triad, Size::Vector { n: 1000 });
        let rows: Vec<Row> = [1.0, 2.0, 3.0]
            .iter()
            .enumerate()
            .map(|(i, t)| Row { repeat: i as u32, ..Row::timed(spec, "cpu", "x", Seconds(*t)) })
            .collect();
        let section = section(&rows, "x", "no sensor");
        assert_eq!(section.rows.len(), 1);
        // The geometric mean of 1, 2 and 3.
        assert!((section.rows[0].time.value() - 6f64.cbrt()).abs() < 1e-12);
        assert!(section.rows[0].time.range().is_some());
        let energy = &section.rows[0].energy[0].energy;
        assert_eq!(*energy, Energy::Absent { reason: "no sensor".into() });
    }

    #[test]
    fn two_components_of_one_repeat_count_its_time_once() {
        let spec = f32_spec(Kernel::Triad, Size::Vector { n: 1000 });
        let row = |domain, joules| Row {
            component: Component::new(domain, 0),
            energy: Some(Joules(joules)),
            provenance: Provenance::Counter,
            ..Row::timed(spec, "cpu", "x", Seconds(1.0))
        };
        let section = section(&[row(Domain::Package, 5.0), row(Domain::Dram, 1.0)], "x", "no sensor");
        assert_eq!(section.rows[0].time, Estimate::Single(1.0));
        assert_eq!(section.rows[0].energy.len(), 2);
    }
}
