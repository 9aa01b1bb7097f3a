//! A calibration as its section.

use super::LEVEL;
use crate::model::calibrate::{self, FoldReport, PointFit};
use crate::model::device::Z95;
use crate::model::validate::{ErrorSummary, Recovery};
use crate::record::Interval;
use crate::report::{Calibration, ErrorRow, Estimate, Origin, Parameter, Prediction, Quantity};

/// The section; `recovery` stands beside the parameters where the truth is known.
pub fn section(fit: &calibrate::Calibration, recovery: Option<&Recovery>, notes: Vec<String>) -> Calibration {
    let mut notes = notes;
    for left_out in &fit.left_out {
        notes.push(format!("{} rows were left out: {}.", left_out.rows, left_out.reason));
    }
    if !fit.converged {
        notes.push("The search did not converge: the values are the best point found.".to_owned());
    }
    let (agree, starts) = fit.agreeing_starts;
    notes.push(format!("{agree} of {starts} searches from different starts ended at the same optimum."));
    notes.extend(
        fit.parameters
            .iter()
            .filter(|p| p.fitted && !p.identified)
            .filter_map(|p| Some(format!("{} is not identified; {}.", p.key, p.would_identify.as_deref()?))),
    );
    let mut parameters: Vec<Parameter> = fit.parameters.iter().filter(|p| p.fitted).map(parameter).collect();
    if let Some(recovery) = recovery {
        parameters.extend(recovery.quantities.iter().map(|r| Parameter {
            name: format!("{} (against the truth)", r.name),
            unit: String::new(),
            value: log_normal(r.value, r.sd_log),
            prior: None,
            identified: r.identified,
            truth: Some(r.truth),
        }));
    }
    Calibration {
        device: fit.device.title().to_owned(),
        model: "per-op".to_owned(),
        origin: if fit.is_virtual { Origin::Virtual } else { Origin::Measured },
        parameters,
        predictions: fit.points.iter().flat_map(predictions).collect(),
        errors: fit.held_out.iter().flat_map(|fold| errors(fold, fit)).collect(),
        notes,
    }
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
        unit: String::new(),
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
