//! A calibration as its section.

use super::LEVEL;
use crate::model::calibrate::{self, FoldReport, PointFit};
use crate::model::device::Z95;
use crate::model::validate::{ErrorSummary, Recovery};
use crate::record::Interval;
use crate::report::{Calibration, ErrorRow, Estimate, Origin, Parameter, Prediction, Quantity};
use std::collections::BTreeMap;

/// The section of `device`; `recovery` stands beside the parameters where the truth is known.
pub fn section(
    device: &str,
    fit: &calibrate::Calibration,
    recovery: Option<&Recovery>,
    notes: Vec<String>,
) -> Calibration {
    let mut notes = notes;
    for left_out in &fit.left_out {
        notes.push(format!("{} rows were left out: {}.", left_out.rows, left_out.reason));
    }
    if !fit.converged {
        notes.push("The search did not converge: the values are the best point found.".to_owned());
    }
    let (agree, starts) = fit.agreeing_starts;
    notes.push(format!("{agree} of {starts} searches from different starts ended at the same optimum."));
    notes.extend(unidentified(fit));
    let mut parameters: Vec<Parameter> = fit.parameters.iter().filter(|p| p.fitted).map(parameter).collect();
    // What the records say nothing about is no recovery.
    let recovered = recovery.iter().flat_map(|r| &r.quantities).filter(|quantity| quantity.identified);
    for quantity in recovered {
        match parameters.iter_mut().find(|parameter| parameter.name == quantity.name) {
            Some(parameter) => parameter.truth = Some(quantity.truth),
            // A product of parameters, or one in another unit.
            None => parameters.push(Parameter {
                name: quantity.name.clone(),
                unit: unit(&quantity.name).to_owned(),
                value: log_normal(quantity.value, quantity.sd_log),
                prior: None,
                identified: true,
                truth: Some(quantity.truth),
            }),
        }
    }
    Calibration {
        device: device.to_owned(),
        model: "per-op".to_owned(),
        origin: if fit.is_virtual { Origin::Virtual } else { Origin::Measured },
        parameters,
        predictions: fit.points.iter().flat_map(predictions).collect(),
        errors: fit.held_out.iter().flat_map(|fold| errors(fold, fit)).collect(),
        notes,
    }
}

/// What the records leave open, grouped by the run that would settle it.
fn unidentified(fit: &calibrate::Calibration) -> Vec<String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for parameter in fit.parameters.iter().filter(|p| p.fitted && !p.identified) {
        let run = parameter.would_identify.as_deref().unwrap_or("no run of ours");
        groups.entry(run).or_default().push(&parameter.key);
    }
    groups.iter().map(|(run, keys)| format!("Not identified: {}. What would: {run}.", keys.join(", "))).collect()
}

/// The unit that a name ends in; empty for a pure number.
fn unit(name: &str) -> &'static str {
    let base = name.split('.').next().unwrap_or(name);
    let endings = [
        ("_bytes_per_s", "B/s"),
        ("_flops_per_s", "FLOP/s"),
        ("_flop_per_s", "FLOP/s"),
        ("_j_per_byte", "J/B"),
        ("_bytes", "B"),
        ("_flops", "FLOP"),
        ("_flop", "FLOP"),
        ("_hz", "Hz"),
        ("_w", "W"),
        ("_s", "s"),
    ];
    endings.iter().find(|(ending, _)| base.ends_with(ending)).map_or("", |(_, unit)| unit)
}

/// A value with the 95 % interval of a log-normal posterior.
fn log_normal(value: f64, sd_log: f64) -> Estimate {
    let factor = (Z95 * sd_log).exp();
    if !factor.is_finite() {
        return Estimate::Single(value);
    }
    Estimate::Interval(Interval { estimate: value, low: value / factor, high: value * factor, level: LEVEL, n: 1 })
}

fn parameter(fit: &calibrate::ParameterFit) -> Parameter {
    let (low, high) = fit.prior.range();
    Parameter {
        name: fit.key.clone(),
        unit: unit(&fit.key).to_owned(),
        value: log_normal(fit.value, fit.sd_log),
        prior: Some(Interval { estimate: fit.prior.median, low, high, level: LEVEL, n: 0 }),
        identified: fit.identified,
        truth: None,
    }
}

fn predictions(point: &PointFit) -> Vec<Prediction> {
    let of = |quantity, measured: Option<f64>, fitted: Option<f64>, held_out: Option<f64>| {
        let (predicted, is_held_out) = match (held_out, fitted) {
            (Some(predicted), _) => (predicted, true),
            (None, Some(predicted)) => (predicted, false),
            (None, None) => return None,
        };
        let series = point.spec.kernel.to_string();
        measured.map(|measured| Prediction { quantity, series, measured, predicted, held_out: is_held_out })
    };
    [
        of(Quantity::Time, point.time_s, point.fitted_time_s, point.held_out_time_s),
        of(Quantity::Power, point.power_w, point.fitted_power_w, point.held_out_power_w),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn errors(fold: &FoldReport, fit: &calibrate::Calibration) -> Vec<ErrorRow> {
    let percent = |summary: &Option<ErrorSummary>| {
        summary.as_ref().map(|s| s.interval.map_or(Estimate::Single(s.mape_percent), Estimate::Interval))
    };
    let points = |summary: &Option<ErrorSummary>| summary.as_ref().map_or(0, |s| s.points);
    let row = |predictor: &str, quantity, held_out: &Option<ErrorSummary>, in_sample: &Option<ErrorSummary>| ErrorRow {
        predictor: predictor.to_owned(),
        baseline: predictor != "per-op",
        quantity,
        split: format!("one {} left out", fold.held_out.name()),
        held_out_pct: percent(held_out),
        in_sample_pct: percent(in_sample),
        n: points(held_out),
    };
    let mut rows = vec![
        row("per-op", Quantity::Time, &fold.time, &fit.in_sample_time),
        row("roofline, one efficiency", Quantity::Time, &fold.baseline_time, &None),
    ];
    if fold.power.is_some() {
        rows.push(row("per-op", Quantity::Power, &fold.power, &fit.in_sample_power));
        rows.push(row("share of the power limit", Quantity::Power, &fold.baseline_power, &None));
    }
    // A fold that leaves nothing out has no row: its note says why.
    rows.retain(|row| row.held_out_pct.is_some());
    rows
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn units_follow_from_names() {
        for (name, expected) in [
            ("idle_w", "W"),
            ("launch_s", "s"),
            ("gemm_flops_per_s.bf16", "FLOP/s"),
            ("dram_j_per_byte", "J/B"),
            ("cache_bytes", "B"),
            ("half_f32_flop", "FLOP"),
            ("ridge_hz", "Hz"),
            ("sustained_f32", ""),
            ("roofline_exponent", ""),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }
}
