//! Throughput against energy, one point per policy, with intervals as bars.

use super::axis::{Axis, Scale, Unit};
use super::canvas::{self, Spec};
use super::marker::{Fill, Mark};
use super::{Entry, PlotError, legend, no_data};
use crate::report::simulation::PolicyRow;
use crate::report::value::{Estimate, Origin};

/// The plot with its legend, as HTML.
///
/// # Errors
/// The plotting library fails.
pub(in crate::report) fn plot(
    id: &str,
    scenario: &str,
    origin: Origin,
    policies: &[PolicyRow],
) -> Result<String, PlotError> {
    let title = format!("Throughput against energy: {scenario}");
    let shown: Vec<(usize, &PolicyRow)> = policies
        .iter()
        .enumerate()
        .filter(|(_, p)| p.throughput_per_h.value.value().is_finite() && p.energy_kwh.value.value().is_finite())
        .collect();
    let ends = |e: Estimate| e.range().map_or(vec![e.value()], |(low, high)| vec![low, e.value(), high]);
    let axes = (
        Axis::fit(
            "throughput",
            Unit::Plain("jobs/h"),
            Scale::Linear,
            shown.iter().flat_map(|(_, p)| ends(p.throughput_per_h.value)),
        ),
        Axis::fit(
            "energy",
            Unit::Plain("kWh"),
            Scale::Linear,
            shown.iter().flat_map(|(_, p)| ends(p.energy_kwh.value)),
        ),
    );
    let (Some(x), Some(y)) = axes else { return Ok(no_data(&title)) };
    let description = format!("{} policies; right is more throughput, down is less energy.", shown.len());
    let spec = Spec { id, title: &title, description: &description, origin, x: &x, y: &y };
    let place = |p: &PolicyRow| (p.throughput_per_h.value, p.energy_kwh.value);
    let drawing = canvas::draw(&spec, |pen| {
        for (i, policy) in &shown {
            let (across, up) = place(policy);
            pen.bars(across, up, Mark::series(*i).ink())?;
        }
        for (i, policy) in &shown {
            let (across, up) = place(policy);
            pen.mark(across.value(), up.value(), Mark::series(*i), Fill::Solid)?;
        }
        for (i, policy) in &shown {
            let (across, up) = place(policy);
            // The thesis' name in brackets is in the legend; the rule is enough here.
            let rule = policy.policy.split(" (").next().unwrap_or_default();
            pen.label(&[(across.value(), up.value())], rule, Mark::series(*i).ink())?;
        }
        Ok(())
    })?;
    let entries = shown
        .iter()
        .map(|(i, p)| Entry::mark(Mark::series(*i), Fill::Solid, &p.policy))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{drawing}{}", legend(&entries)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::simulation::Metric;

    fn policy(name: &str, throughput: f64, energy: f64) -> PolicyRow {
        let metric = |value| Metric { value: Estimate::Single(value), difference: None };
        PolicyRow {
            policy: name.into(),
            throughput_per_h: metric(throughput),
            energy_kwh: metric(energy),
            jct_h: None,
            misses_pct: None,
        }
    }

    #[test]
    fn empty_nan_and_one_point() {
        assert!(plot("p", "s", Origin::Modelled, &[]).unwrap().contains("no data"));
        let nan = plot("p", "s", Origin::Modelled, &[policy("fifo", f64::NAN, 1.0)]).unwrap();
        assert!(nan.contains("no data"));
        let one = plot("p", "s", Origin::Modelled, &[policy("fifo", 0.0, 0.0)]).unwrap();
        assert!(one.contains("<svg class=\"plot\"") && one.contains("MODELLED"));
    }
}
