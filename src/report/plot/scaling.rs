//! Bandwidth, volume and power against the number of threads (thesis figures 3.4 and 3.5), of the kernels of one code version.
//!
//! Bandwidth is the *least* bytes of the kernel over its time: the volume that it must move, which the legend gives, does not
//! depend on the threads. What the memory really moved is the volume, and drawn where counters of the memory gave it.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::ink::Ink;
use super::marker::{Fill, Mark};
use super::{Entry, Plot, PlotError};
use crate::report::kernels::{Characterisation, KernelRow};
use crate::report::value::{Energy, Estimate};
use ergometer_record::KernelSpec;
use ergometer_record::measurement::Domain;
use ergometer_record::number::{prefix, significant};

/// What is plotted over threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Quantity {
    /// Least bytes over time.
    Bandwidth,
    /// Bytes that the memory moved during one execution.
    Volume,
    /// Energy of one domain over time.
    Power(Domain),
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Self::Bandwidth => "bandwidth",
            Self::Volume => "memory's volume",
            Self::Power(Domain::Package) => "processors' power",
            Self::Power(Domain::Dram) => "memory's power",
            Self::Power(_) => "power",
        }
    }

    fn of(self, row: &KernelRow) -> Option<Estimate> {
        match self {
            Self::Bandwidth => row.gbytes_per_s(),
            Self::Volume => row.counts.dram_bytes.map(|bytes| Estimate::Single(bytes / 1e9)),
            Self::Power(domain) => {
                let energies = row.energy.iter().filter(|e| e.component.domain == domain);
                let joules: Option<Vec<f64>> = energies
                    .map(|e| match &e.energy {
                        Energy::Known { joules, .. } => Some(joules.value()),
                        Energy::Absent { .. } => None,
                    })
                    .collect();
                let joules = joules.filter(|parts| !parts.is_empty())?;
                Some(Estimate::Single(joules.iter().sum::<f64>() / row.time.value()))
            }
        }
    }
}

/// The code versions that were run with several numbers of threads.
pub(in crate::report) fn tiers(of: &Characterisation) -> Vec<&str> {
    let mut tiers: Vec<&str> = Vec::new();
    for row in &of.rows {
        let several = of.rows.iter().any(|r| r.tier == row.tier && r.spec == row.spec && r.threads != row.threads);
        if several && !tiers.contains(&row.tier.as_str()) {
            tiers.push(&row.tier);
        }
    }
    tiers
}

/// The plot of one code version; empty where the quantity is not known.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(
    id: &str,
    of: &Characterisation,
    tier: &str,
    quantity: Quantity,
) -> Result<Plot, PlotError> {
    let title = format!("{} against threads, {tier}: {}", quantity.name(), of.device);
    let mut lines: Vec<(KernelSpec, Vec<(f64, Estimate)>)> = Vec::new();
    for row in of.rows.iter().filter(|row| row.tier == tier && row.threads > 0) {
        let Some(value) = quantity.of(row).filter(|v| v.value().is_finite() && v.value() > 0.0) else { continue };
        let at = lines.iter().position(|(spec, _)| *spec == row.spec).unwrap_or_else(|| {
            lines.push((row.spec, Vec::new()));
            lines.len() - 1
        });
        if let Some((_, line)) = lines.get_mut(at) {
            line.push((f64::from(row.threads), value));
        }
    }
    lines.retain(|(_, line)| line.len() > 1);
    lines.iter_mut().for_each(|(_, line)| line.sort_by(|a, b| a.0.total_cmp(&b.0)));
    let all = || lines.iter().flat_map(|(_, line)| line);
    // Counts stand side by side: 1, 2, 4 and 32 threads are four settings, not points of a scale.
    let mut counts: Vec<f64> = all().map(|(threads, _)| *threads).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    let place = |threads: f64| counts.iter().position(|count| *count == threads).unwrap_or(0) as f64;
    let names: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let ends = |v: &Estimate| v.range().map_or(vec![v.value()], |(low, high)| vec![low, high]);
    let unit = match quantity {
        Quantity::Bandwidth => "GB/s",
        Quantity::Volume => "GB",
        Quantity::Power(_) => "W",
    };
    let axes = (
        Axis::names("threads", &names),
        Axis::fit(quantity.name(), Unit::Plain(unit), Scale::Linear, all().flat_map(|(_, v)| ends(v)).chain([0.0])),
    );
    let (Some(x), Some(y)) = axes else { return Ok(Plot::empty(title)) };
    if lines.is_empty() {
        return Ok(Plot::empty(title));
    }
    let description = format!("{} kernels.", lines.len());
    let spec = Spec { id, title: &title, description: &description, origin: of.origin, x: &x, y: &y };
    let drawing = canvas::draw(&spec, |pen| {
        for (i, (_, line)) in lines.iter().enumerate() {
            pen.line(&line.iter().map(|(n, v)| (place(*n), v.value())).collect::<Vec<_>>(), Mark::series(i).ink(), 3)?;
            for (threads, value) in line {
                pen.bars(Estimate::Single(place(*threads)), *value, Ink::Muted)?;
            }
        }
        for (i, (_, line)) in lines.iter().enumerate() {
            for (threads, value) in line {
                pen.mark(place(*threads), value.value(), Mark::series(i), Fill::Solid)?;
            }
        }
        Ok(())
    })?;
    let mut entries = Vec::new();
    for (i, (spec, _)) in lines.iter().enumerate() {
        let (factor, letter) = prefix(spec.least_bytes());
        let volume = format!("{}, {} {letter}B", spec.kernel, significant(spec.least_bytes() / factor, 3));
        entries.push(Entry::mark(Mark::series(i), Fill::Solid, &volume)?);
    }
    Ok(Plot::new(title, drawing, entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::kernels::ComponentEnergy;
    use crate::report::value::Origin;
    use ergometer_record::measurement::f32_spec;
    use ergometer_record::{Component, Counts, Kernel, Provenance, Size};

    fn characterisation() -> Characterisation {
        let row = |threads: u32| KernelRow {
            spec: f32_spec(Kernel::Triad, Size::Vector { n: 1_000_000 }),
            tier: "scalar".into(),
            threads,
            time: Estimate::Single(0.012 / f64::from(threads)),
            energy: vec![ComponentEnergy {
                component: Component::new(Domain::Package, 0),
                energy: Energy::Known { joules: Estimate::Single(1.2), provenance: Provenance::Counter },
            }],
            error_over_bound: None,
            counts: Counts { dram_bytes: Some(16e6), ..Counts::default() },
            clock_hz: None,
        };
        Characterisation {
            device: "cpu".into(),
            origin: Origin::Measured,
            all_threads: 2,
            peaks: Vec::new(),
            rows: vec![row(2), row(1)],
        }
    }

    #[test]
    fn twelve_megabytes_in_twelve_milliseconds_are_a_gigabyte_a_second() {
        let of = characterisation();
        let value = |quantity: Quantity, row: usize| quantity.of(&of.rows[row]).unwrap().value();
        assert!((value(Quantity::Bandwidth, 1) - 1.0).abs() < 1e-12);
        assert!((value(Quantity::Power(Domain::Package), 0) - 200.0).abs() < 1e-9);
        assert_eq!(Quantity::Power(Domain::Dram).of(&of.rows[0]), None);
        assert_eq!(value(Quantity::Volume, 0), 0.016);
        let uncounted = KernelRow { counts: Counts::default(), ..of.rows[0].clone() };
        assert_eq!(Quantity::Volume.of(&uncounted), None);
        assert_eq!(tiers(&of), ["scalar"]);
        let html = plot("p", &of, "scalar", Quantity::Bandwidth).unwrap().html();
        assert!(html.contains("triad, 12.0 MB"), "{html}");
        assert!(plot("p", &of, "avx2", Quantity::Bandwidth).unwrap().file().is_none());
    }
}
